//! Quick looks at the bytes of a file, for codemods whose needles are common words. May be wrong in favour of looking, never against it.

use memchr::{memmem, memrchr};

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
