//! Where the tests of a project put something in the place of `requests`: what is rewritten to another library, such a test no longer meets.

use std::path::{Path, PathBuf};

use memchr::{memchr, memchr_iter, memmem};

use super::scan::Scan;
use crate::glance::{line_start, words, words_in};

/// Libraries of which an import says that requests are answered by the test.
const LIBRARIES: &[&str] = &["responses", "requests_mock", "httpretty", "vcr", "betamax"];

/// What puts something in the place of something else.
const PATCHERS: &[&str] = &["patch", "object", "multiple", "setattr", "Mock", "create_autospec"];

/// Folders that hold the tests of the code beside them.
const TESTS: &[&str] = &["test", "tests", "testing"];

/// A test that patches `requests`: where, and the folder of the code that it may be about.
pub struct Patch {
    pub place: String,
    root: PathBuf,
}

/// The tests of a run that patch `requests`.
pub fn patches<'p>(files: impl Iterator<Item = (&'p Path, Option<&'p Scan>)>) -> Vec<Patch> {
    files
        .filter_map(|(path, scan)| {
            let line = scan?.patches_requests?;
            Some(Patch {
                place: format!("{}:{line}", path.display()),
                root: root_of(path),
            })
        })
        .collect()
}

impl Patch {
    pub fn may_concern(&self, path: &Path) -> bool {
        path.starts_with(&self.root)
    }
}

/// The folder that holds the folder of tests, or the test itself.
fn root_of(path: &Path) -> PathBuf {
    let is_tests = |part: &std::path::Component| part.as_os_str().to_str().is_some_and(|name| TESTS.contains(&name));
    let folder = path.parent().unwrap_or(path);
    folder.components().take_while(|part| !is_tests(part)).collect()
}

/// The 1-based line of a test in which it first patches `requests`.
pub(super) fn line_of_patch(path: &str, text: &[u8]) -> Option<usize> {
    if !path.contains("test") {
        return None;
    }
    let imported = LIBRARIES.iter().flat_map(|library| imports_of(text, library));
    let fixture = words(text, "requests_mock").map(|place| place.start());
    let marked = memmem::find_iter(text, "mark.vcr");
    let patched = words(text, "requests")
        .map(|place| place.start())
        .filter(|at| is_patched(text, *at));
    let first = imported.chain(fixture).chain(marked).chain(patched).min()?;
    Some(memchr_iter(b'\n', &text[..first]).count() + 1)
}

/// `import responses`, `from responses import`: not `from starlette.responses import`.
fn imports_of<'t>(text: &'t [u8], library: &'t str) -> impl Iterator<Item = usize> + 't {
    words(text, library).map(|place| place.start()).filter(|at| {
        let head = text[line_start(text, *at)..*at].trim_ascii();
        head == b"import" || head == b"from"
    })
}

/// Whether a name stands among the first arguments of what replaces things: `mock.patch("shop.http.requests.get")`.
fn is_patched(text: &[u8], at: usize) -> bool {
    // Further up than this, no call is open around its first argument.
    let above = line_start(text, line_start(text, at).saturating_sub(1));
    let before = &text[above..at];
    let Some(open) = memchr::memrchr(b'(', before) else {
        return false;
    };
    let is_first = before[open..].iter().filter(|byte| **byte == b',').count() <= 1;
    let callee = words_in(&before[..open]).last().unwrap_or_default();
    is_first
        && memchr(b')', &before[open..]).is_none()
        && before[..open].ends_with(callee)
        && PATCHERS.iter().any(|patcher| callee == patcher.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn line(text: &str, expected: Option<usize>) {
        assert_eq!(line_of_patch("tests/test_x.py", text.as_bytes()), expected, "{text}");
    }

    #[test]
    fn what_patches_requests_is_seen() {
        line("\n@mock.patch(\"shop.http.requests.get\")\n", Some(2));
        line("with patch.object(http, \"requests\") as fake:\n", Some(1));
        line("monkeypatch.setattr(\n    http.requests, \"get\", fake\n)\n", Some(2));
        line("import responses\n", Some(1));
        line("def test(requests_mock):\n", Some(1));
        line("@pytest.mark.vcr\n", Some(1));
        line("session = Mock(spec=requests.Session)\n", Some(1));
    }

    #[test]
    fn what_does_not_is_left() {
        line("from starlette.responses import JSONResponse\n", None);
        line("import requests\nanswer = requests.get(url)\n", None);
        line("mock.patch(\"shop.max_requests\")\n", None);
        line("with patch(\"shop.db\"):\n    requests.get(url)\n", None);
        assert_eq!(line_of_patch("shop/http.py", b"mock.patch(\"requests.get\")"), None);
    }

    #[test]
    fn a_test_is_about_the_code_beside_its_folder() {
        let root = |path: &str| root_of(Path::new(path));
        assert_eq!(root("tests/unit/test_http.py"), PathBuf::new());
        assert_eq!(root("shop/tests/test_http.py"), PathBuf::from("shop"));
        assert_eq!(root("shop/test_http.py"), PathBuf::from("shop"));
    }
}
