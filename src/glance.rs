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

/// Whether the text may read one of these members of a module: as `module.member`, or by a name of its own that an import gives it.
pub fn uses_member(text: &[u8], module: &str, members: &[&str]) -> bool {
    let is_member = |rest: &[u8]| members.iter().any(|member| rest.starts_with(member.as_bytes()));
    let is_renamed = |at: usize| {
        let before = text[..at].trim_ascii_end();
        let after = text[at + module.len()..].trim_ascii_start();
        before.ends_with(b"from") || before.ends_with(b"\\") || after.starts_with(b"as") || after.starts_with(b"\\")
    };
    let mut is_imported_by_name = false;
    memmem::find_iter(text, module.as_bytes()).any(|at| {
        is_imported_by_name |= is_renamed(at);
        let after = text[at + module.len()..].trim_ascii_start();
        let dotted = |after: &[u8]| {
            after
                .strip_prefix(b".")
                .is_some_and(|rest| is_member(rest.trim_ascii_start()))
        };
        dotted(after)
    }) || is_imported_by_name && mentions(text, members)
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

    #[test]
    fn members_are_told_from_words() {
        let uses = |text: &[u8]| uses_member(text, "asyncio", &["wait"]);
        assert!(uses(b"import asyncio\nasyncio.wait([])\n"));
        assert!(uses(b"import asyncio as aio\naio.wait([])\n"));
        assert!(uses(b"from asyncio import Lock, wait\n"));
        assert!(uses(b"from \\\n  asyncio import Lock, wait\n"));
        assert!(uses(b"import asyncio\n(asyncio\n    .wait([]))\n"));
        assert!(!uses(b"import asyncio\nwait()\nasyncio.sleep(0)\n"));
        assert!(!uses(b"from asyncio import Lock\n"));
    }
}
