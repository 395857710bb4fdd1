//! Quick looks at the bytes of a file, for codemods whose needles are common words. May be wrong in favour of looking, never against it.

use memchr::{memmem, memrchr};

use crate::knowledge::{self, Verb};

/// Whether an import statement of the text may name this package.
pub fn imports(text: &[u8], package: &str) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    memmem::find_iter(text, package.as_bytes()).any(|at| {
        // `time`, not `datetime` or `timeout`.
        if is_word(at.checked_sub(1).and_then(|before| text.get(before))) || is_word(text.get(at + package.len())) {
            return false;
        }
        let start = memrchr(b'\n', &text[..at]).map_or(0, |newline| newline + 1);
        let continued = text[..start].trim_ascii_end().ends_with(b"\\");
        continued
            || memmem::find(&text[start..at], b"import").is_some()
            || memmem::find(&text[start..at], b"from").is_some()
    })
}

/// Whether any of the spellings occurs in the text.
pub fn mentions(text: &[u8], spellings: &[&str]) -> bool {
    spellings
        .iter()
        .any(|spelling| memmem::find(text, spelling.as_bytes()).is_some())
}

/// Whether the call behind `await` could run beside others: its callee may be a function of this file or a method of a class that is known
/// (`known_class`: the text has such a class), or is said to read by its name and its result is kept. An empty callee is not known.
pub fn may_overlap(text: &[u8], callee: &[u8], kept: bool, known_class: bool) -> bool {
    let Ok(callee) = std::str::from_utf8(callee) else {
        return true;
    };
    let name = callee.rsplit('.').next().unwrap_or_default();
    if callee.starts_with("asyncio.") {
        return false;
    }
    if callee.is_empty() || (kept && knowledge::verb_of(name) == Verb::Read) || (known_class && callee.contains('.')) {
        return true;
    }
    memmem::find_iter(text, name.as_bytes())
        .any(|at| text[..at].ends_with(b"async def ") && text.get(at + name.len()).is_none_or(|next| !is_word(*next)))
}

/// The dotted path that is called in front of a parenthesis; empty when it does not stand there.
pub fn callee(text: &[u8]) -> &[u8] {
    let path = text.iter().take_while(|byte| is_word(**byte) || **byte == b'.').count();
    if text.get(path) == Some(&b'(') {
        &text[..path]
    } else {
        b""
    }
}

pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_told_from_words() {
        assert!(imports(b"import os, requests\n", "requests"));
        assert!(imports(
            b"x = 1\nif x:\n    from requests.auth import HTTPBasicAuth\n",
            "requests"
        ));
        assert!(imports(b"import os, \\\n    requests\n", "requests"));
        assert!(!imports(b"from datetime import timedelta\n", "time"));
        assert!(!imports(b"import os\n# many requests\nrequests = []\n", "requests"));
    }
}
