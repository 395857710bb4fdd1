//! What the bytes of a file say about other files: what it imports of them, what it reads of them through their modules, and what a test puts
//! something else in the place of. Nothing is parsed.
//!
//! By statements and words, so it may see too much: a word in a string counts like any other.

use memchr::{memchr, memchr_iter, memmem, memrchr};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::meddling::Meddling;
use super::scan::{Name, hash};
use crate::glance::{Lines, first_word, is_word, last_word, line_start, words, words_in};
use crate::knowledge::blocking;
use crate::semantic::names::is_standard;

/// Libraries of which an import says that requests are answered by the test.
const LIBRARIES: &[&str] = &["responses", "requests_mock", "httpretty", "vcr", "betamax"];

/// What puts something in the place of something else.
const PATCHERS: &[&str] = &["patch", "object", "multiple", "setattr", "Mock", "create_autospec"];

/// Those of them that name the place first, and what stands before the name.
const PLACES: &[(&str, &str)] = &[
    ("patch", ""),
    ("object", "patch."),
    ("multiple", "patch."),
    ("setattr", ""),
];

/// What says that a test stops the clock: libraries, what they define, and fixtures.
const FREEZERS: &[&str] = &["freezegun", "freeze_time", "freezer", "time_machine"];

/// What imports modules by names that are computed, or written in strings.
const IMPORTERS: &[&[u8]] = &[
    b"__import__",
    b"entry_points",
    b"import_module",
    b"pytest_plugins",
    b"runpy",
    b"spec_from_file_location",
    b"walk_packages",
];

/// What makes an application, of which other files may want more than its name.
const APPLICATIONS: &[&[u8]] = &[b"FastAPI(", b"Starlette("];

/// So many parts of `package.module.name.member` are followed.
const MAX_PARTS: usize = 5;

/// See the top of this file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Mentions {
    /// Dotted paths that it imports, or reads through what it imports, each on a line of its own; those of the standard library are left out.
    paths: String,
    /// Of a test.
    pub patches: Vec<Patch>,
    /// The line in which a test first has requests answered by itself.
    pub fakes_requests: Option<usize>,
    /// Whether a test puts something in the place of `time.sleep`, or stops the clock.
    pub stops_clock: bool,
    /// Whether it may import what its import statements do not say.
    pub imports_by_name: bool,
    /// What it does to what others run.
    pub meddling: Meddling,
    /// The names of attributes that it reads, sorted. Only of a file that concerns some codemod.
    attributes: Vec<Name>,
    /// Names of its own that others may not find any more, or not as they were, when it is rewritten: what its imports bind, the packages that
    /// these name, its coroutine functions and its applications, of a file that concerns some codemod; and what several files may change at
    /// once. Sorted.
    names: Vec<Name>,
}

/// What a test puts something else in the place of.
#[derive(Debug, Serialize, Deserialize)]
pub struct Patch {
    /// Dotted.
    pub path: String,
    /// 1-based.
    pub line: usize,
}

impl Mentions {
    /// `path` has `/` between its parts. `shared`: names of the file that others may use.
    pub fn of(path: &str, text: &[u8], is_concerned: bool, shared: &[String]) -> Self {
        let imports = imports(text);
        // Helpers of tests need not stand among them.
        let is_test = path.contains("test") || imports.iter().any(|import| is_of_tests(&import.path));
        let mut by_name: FxHashMap<&[u8], &str> = FxHashMap::default();
        for import in &imports {
            if let Some(name) = import.name
                && (is_test || !is_standard(&import.object))
            {
                by_name.insert(name, &import.object);
            }
        }
        let mut paths: Vec<&str> = imports.iter().map(|import| import.path.as_str()).collect();
        let mut patches = Vec::new();
        let chains = chains(text, &by_name);
        for chain in &chains {
            paths.push(&chain.path);
            if is_test && chain.is_assigned {
                patches.push((chain.path.clone(), chain.start));
            }
        }
        paths.retain(|path| !is_standard(path));
        paths.sort_unstable();
        paths.dedup();
        if is_test {
            patches.extend(patched(path, text, &by_name));
        }
        let lines = Lines::of(text);
        let stops_clock = is_test && (patches.iter().any(|(path, _)| is_clock(path)) || stops_clock(text));
        let of_project = by_name.iter().filter(|(_, object)| !is_standard(object));
        let of_project = of_project.map(|(name, object)| (*name, *object)).collect();
        let (mut names, mut attributes) = (Vec::new(), Vec::new());
        if is_concerned {
            let read = memchr_iter(b'.', text).map(|at| first_word(&text[at + 1..]));
            attributes.extend(read.filter(|name| !name.is_empty()).map(hash));
            attributes.sort_unstable();
            attributes.dedup();
            // It is kept until all files have been looked at, and most names of a file are read many times.
            attributes.shrink_to_fit();
            names.extend(imports.iter().filter_map(|import| import.name).map(hash));
            names.extend(imports.iter().map(|import| hash(first_word(import.path.as_bytes()))));
            let coroutines = memmem::find_iter(text, b"async def ").map(|at| first_word(&text[at + 10..]));
            names.extend(coroutines.map(hash));
            let applications = APPLICATIONS.iter().flat_map(|made| memmem::find_iter(text, made));
            names.extend(applications.map(|at| hash(first_word(&text[line_start(text, at)..]))));
        }
        names.extend(shared.iter().map(|name| hash(name.as_bytes())));
        names.sort_unstable();
        names.dedup();
        Self {
            paths: paths.join("\n"),
            patches: patches
                .into_iter()
                .map(|(path, at)| Patch {
                    path,
                    line: lines.at(at),
                })
                .collect(),
            fakes_requests: is_test.then(|| first_fake(text)).flatten().map(|at| lines.at(at)),
            stops_clock,
            imports_by_name: IMPORTERS.iter().any(|importer| memmem::find(text, importer).is_some()),
            meddling: Meddling::of(text, &lines, &of_project, path.contains("test")),
            attributes,
            names,
        }
    }

    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.paths.lines()
    }

    pub(super) fn names(&self) -> &[Name] {
        &self.names
    }

    /// Whether a name may be one of its coroutine functions.
    pub(super) fn defines(&self, name: Name) -> bool {
        self.names.binary_search(&name).is_ok()
    }

    pub(super) fn attributes(&self) -> &[Name] {
        &self.attributes
    }

    pub(super) fn has_name(&self, name: &str) -> bool {
        self.names.binary_search(&hash(name.as_bytes())).is_ok()
    }
}

/// Whether an import is one that tests are written with, and what helps them.
fn is_of_tests(path: &str) -> bool {
    let mut parts = path.split('.');
    match parts.next() {
        Some("unittest") => parts.next() == Some("mock"),
        Some(package) => matches!(
            package,
            "freezegun" | "mock" | "pytest" | "pytest_mock" | "time_machine"
        ),
        None => false,
    }
}

/// One name of an import statement.
struct Imported<'t> {
    /// What it binds; a star binds what cannot be told.
    name: Option<&'t [u8]>,
    /// What the name stands for.
    object: String,
    /// What is imported: of `import a.b` that is `a.b`, though it binds `a`.
    path: String,
}

fn imports(text: &[u8]) -> Vec<Imported<'_>> {
    let mut found = Vec::new();
    for line in blocking::import_lines(text) {
        let mut words = statement_words(blocking::import_statement(text, line));
        while let Some(word) = words.next() {
            match word {
                b"from" => {
                    let Some(module) = words.next().and_then(|module| std::str::from_utf8(module).ok()) else {
                        break;
                    };
                    if words.next() != Some(b"import") {
                        break;
                    }
                    members(&mut words, module, &mut found);
                }
                b"import" => modules(&mut words, &mut found),
                _ => break,
            }
        }
    }
    found
}

/// Whether a text may import a module of this name, the last part of it: by a statement, or by its name in a string.
pub fn may_import(text: &[u8], module: &str) -> bool {
    if memmem::find(text, module.as_bytes()).is_none() {
        return false;
    }
    let names_it = |import: &Imported| import.path.split('.').any(|part| part == module);
    let by_name = || {
        let loads = IMPORTERS.iter().any(|word| memmem::find(text, word).is_some());
        loads && words(text, module).next().is_some()
    };
    imports(text).iter().any(names_it) || by_name()
}

/// The words of an import statement, dots and stars included, with `,` and `;` as words of their own; no comments.
fn statement_words(statement: &[u8]) -> std::iter::Peekable<impl Iterator<Item = &[u8]>> {
    let lines = statement.split(|byte| *byte == b'\n');
    let code = lines.map(|line| &line[..memchr(b'#', line).unwrap_or(line.len())]);
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'(' | b')' | b'\\');
    let words = code.flat_map(move |line| line.split(is_blank).filter(|word| !word.is_empty()));
    words
        .flat_map(|word| word.split_inclusive(|byte| matches!(byte, b',' | b';')))
        .flat_map(|word| match word.split_last() {
            Some((b',' | b';', before)) => [before, &word[before.len()..]],
            _ => [word, b""],
        })
        .filter(|word| !word.is_empty())
        .peekable()
}

fn members<'t>(
    words: &mut std::iter::Peekable<impl Iterator<Item = &'t [u8]>>,
    module: &str,
    found: &mut Vec<Imported<'t>>,
) {
    while let Some(word) = words.next().filter(|word| *word != b";") {
        let Ok(member) = std::str::from_utf8(word) else { break };
        if member == "," {
            continue;
        }
        let dot = if module.ends_with('.') { "" } else { "." };
        let path = format!("{module}{dot}{member}");
        found.push(Imported {
            name: alias(words).unwrap_or(Some(word)).filter(|name| *name != b"*"),
            object: path.clone(),
            path,
        });
    }
}

fn modules<'t>(words: &mut std::iter::Peekable<impl Iterator<Item = &'t [u8]>>, found: &mut Vec<Imported<'t>>) {
    while let Some(word) = words.next().filter(|word| *word != b";") {
        let Ok(module) = std::str::from_utf8(word) else { break };
        if module == "," {
            continue;
        }
        let (name, object) = match alias(words) {
            Some(name) => (name, module),
            None => (Some(first_word(word)), module.split('.').next().unwrap_or(module)),
        };
        found.push(Imported {
            name,
            object: object.to_owned(),
            path: module.to_owned(),
        });
    }
}

/// The name behind an `as` that comes next.
fn alias<'t>(words: &mut std::iter::Peekable<impl Iterator<Item = &'t [u8]>>) -> Option<Option<&'t [u8]>> {
    words.next_if(|word| *word == b"as").map(|_| words.next())
}

/// An attribute that is read of something imported, as far as the dots go.
struct Chain {
    start: usize,
    end: usize,
    path: String,
    parts: usize,
    /// Whether it begins a line and `=` follows.
    is_assigned: bool,
}

fn chains(text: &[u8], by_name: &FxHashMap<&[u8], &str>) -> Vec<Chain> {
    let mut found: Vec<Chain> = Vec::new();
    if by_name.is_empty() {
        return found;
    }
    // Most dots stand behind `self` and other names that no import binds: their last letters tell them.
    let mut ends = [false; 256];
    for name in by_name.keys() {
        ends[usize::from(name.last().copied().unwrap_or_default())] = true;
    }
    for at in memchr_iter(b'.', text) {
        let member = || first_word(&text[at + 1..]);
        if let Some(chain) = found.last_mut().filter(|chain| chain.end == at) {
            let member = member();
            if !member.is_empty() && chain.parts < MAX_PARTS {
                chain.path.push('.');
                chain.path.push_str(&String::from_utf8_lossy(member));
                chain.parts += 1;
                chain.end = at + 1 + member.len();
            }
            continue;
        }
        if at == 0 || !ends[usize::from(text[at - 1])] {
            continue;
        }
        let root = last_word(&text[..at]);
        let start = at - root.len();
        let is_member = start > 0 && text[start - 1] == b'.';
        let member = member();
        if !is_member
            && !member.is_empty()
            && let Some(object) = by_name.get(root)
        {
            found.push(Chain {
                start,
                end: at + 1 + member.len(),
                path: format!("{object}.{}", String::from_utf8_lossy(member)),
                parts: 1,
                is_assigned: false,
            });
        }
    }
    for chain in &mut found {
        let behind = text[chain.end..].trim_ascii_start();
        chain.is_assigned = behind.starts_with(b"=")
            && !behind.starts_with(b"==")
            && text[line_start(text, chain.start)..chain.start].trim_ascii().is_empty();
    }
    found
}

/// What a test names to have it replaced, with the offsets: `patch("shop.http.requests.get")`, `monkeypatch.setattr(time, "sleep", fake)`.
fn patched<'t>(
    path: &'t str,
    text: &'t [u8],
    by_name: &'t FxHashMap<&[u8], &str>,
) -> impl Iterator<Item = (String, usize)> + 't {
    let calls = PLACES.iter().flat_map(move |(name, before)| {
        words(text, name)
            .map(|place| place.start())
            .filter(move |start| text[..*start].ends_with(before.as_bytes()))
            .map(move |start| (start, start + name.len()))
    });
    calls.filter_map(move |(start, end)| {
        let arguments = text[end..].strip_prefix(b"(")?.trim_ascii_start();
        if let Some((target, _)) = string(path, text, arguments) {
            return is_path(&target).then_some((target, start));
        }
        let length = arguments
            .iter()
            .position(|byte| !is_word(*byte) && *byte != b'.')
            .unwrap_or(arguments.len());
        let written = std::str::from_utf8(&arguments[..length]).ok()?;
        let (root, rest) = written
            .split_once('.')
            .map_or((written, ""), |(root, rest)| (root, rest));
        let object = by_name.get(root.as_bytes())?;
        let mut target = (*object).to_owned();
        let next = arguments[length..]
            .trim_ascii_start()
            .strip_prefix(b",")?
            .trim_ascii_start();
        let member = string(path, text, next).map(|(member, _)| member);
        for part in [rest, member.as_deref().unwrap_or_default()] {
            if !part.is_empty() {
                target.push('.');
                target.push_str(part);
            }
        }
        is_path(&target).then_some((target, start))
    })
}

/// The string literal that a text begins with, and what follows. Of an f-string, what is known of it: a leading `{NAME}` that the text gives
/// one value, or `{__name__}`, which is the module itself.
fn string<'t>(path: &str, text: &[u8], at: &'t [u8]) -> Option<(String, &'t [u8])> {
    let prefix = at.iter().take_while(|byte| b"rRfF".contains(byte)).count();
    let quote = *at.get(prefix).filter(|byte| matches!(byte, b'"' | b'\''))?;
    let is_template = at[..prefix].iter().any(|byte| b"fF".contains(byte));
    let content = &at[prefix + 1..];
    let end = memchr(quote, content)?;
    let (content, behind) = (std::str::from_utf8(&content[..end]).ok()?, &content[end + 1..]);
    let Some(content) = content.strip_prefix('{').filter(|_| is_template) else {
        return Some((content.to_owned(), behind));
    };
    let (name, rest) = content.split_once('}')?;
    if name == "__name__" {
        let module = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".py");
        return Some((format!(".{module}{rest}"), behind));
    }
    let value = words(text, name).find_map(|place| {
        let at = place.start();
        let value = text[at + name.len()..]
            .trim_ascii_start()
            .strip_prefix(b"=")?
            .trim_ascii_start();
        let is_line = line_start(text, at) == at;
        string(path, &[], value).filter(|_| is_line)
    });
    value.map(|(value, _)| (format!("{value}{rest}"), behind))
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| is_word(byte) || byte == b'.')
}

/// Where a test first has requests answered by itself, or puts something in the place of one of their functions.
fn first_fake(text: &[u8]) -> Option<usize> {
    let imported = LIBRARIES.iter().flat_map(|library| imports_of(text, library));
    let fixture = words(text, "requests_mock").map(|place| place.start());
    let marked = memmem::find_iter(text, "mark.vcr");
    let patched = words(text, "requests")
        .map(|place| place.start())
        .filter(|at| is_patched(text, *at));
    imported.chain(fixture).chain(marked).chain(patched).min()
}

/// Whether a path leads to what waits or to the clock that waits are measured by: `time.sleep`, `waiter.sleep`, the whole of `waiter.time`. What
/// an event loop calls by itself is none.
fn is_clock(path: &str) -> bool {
    let mut parts = path.rsplit('.');
    match parts.next() {
        Some("sleep" | "monotonic") => parts.next() != Some("asyncio"),
        Some("time") => parts.next() != Some("time"),
        _ => false,
    }
}

/// Whether a test stops the clock, or names `sleep` to have it replaced in something of which its imports say nothing.
fn stops_clock(text: &[u8]) -> bool {
    let is_replaced = |at: usize| {
        let is_of_loop = memmem::find(&text[line_start(text, at)..at], b"asyncio").is_some();
        !is_of_loop && is_patched(text, at)
    };
    FREEZERS.iter().any(|name| words(text, name).next().is_some())
        || words(text, "sleep").any(|place| is_replaced(place.start()))
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
    let Some(open) = memrchr(b'(', before) else {
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

    fn of(text: &str) -> Mentions {
        Mentions::of("tests/test_x.py", text.as_bytes(), false, &[])
    }

    #[track_caller]
    fn line(text: &str, expected: Option<usize>) {
        assert_eq!(of(text).fakes_requests, expected, "{text}");
    }

    #[test]
    fn what_may_import_a_module_is_seen() {
        for text in [
            "import shop.main\n",
            "from .main import app\n",
            "from shop import (\n    main,\n)\n",
            "importlib.import_module(\"shop.main\")\n",
        ] {
            assert!(may_import(text.as_bytes(), "main"), "{text}");
        }
        for text in ["def main(): ...\n", "from mainly import x\n", "import shop  # main\n"] {
            assert!(!may_import(text.as_bytes(), "main"), "{text}");
        }
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
        let elsewhere = Mentions::of("shop/http.py", b"mock.patch(\"requests.get\")", false, &[]);
        assert!(elsewhere.fakes_requests.is_none() && elsewhere.patches.is_empty());
    }

    #[test]
    fn what_stops_the_clock_is_seen() {
        let stops = [
            "@patch(\"time.sleep\")\ndef test(s): pass\n",
            "mocker.patch(\"waiter.time.sleep\")\n",
            "with mock.patch(\"waiter.sleep\"): pass\n",
            "with patch(\"waiter.time\"): pass\n",
            "import waiter\nmonkeypatch.setattr(waiter.time, \"sleep\", f)\n",
            "monkeypatch.setattr(self.module, \"sleep\", f)\n",
            "import time\nwith patch.object(time, \"sleep\"): pass\n",
            "with patch.multiple(\"time\", sleep=f): pass\n",
            "import time\ntime.sleep = lambda seconds: None\n",
            "@freezegun.freeze_time(\"2024-01-01\")\ndef test(): pass\n",
            "def test(freezer): pass\n",
        ];
        for text in stops {
            assert!(of(text).stops_clock, "{text}");
        }
        let goes_on = [
            "import time\ntime.sleep(1)\n",
            "with patch(\"waiter.asyncio.sleep\"): pass\n",
            "import asyncio\nmonkeypatch.setattr(asyncio, \"sleep\", f)\n",
            "with patch(\"time.time\"): pass\n",
            "with patch(\"waiter.fetch\"): time.sleep(1)\n",
        ];
        for text in goes_on {
            assert!(!of(text).stops_clock, "{text}");
        }
        assert!(!Mentions::of("shop/http.py", b"mock.patch(\"time.sleep\")", false, &[]).stops_clock);
    }

    #[test]
    fn what_is_imported_or_read_of_others_is_seen() {
        let text = "import os, shop.db as db  # b\nfrom . import a\nfrom .b import (\n    c,  # d\n    e as f,\n)\n\
                    import shop.web; from x import *\nprint(db.time.sleep, f.g, os.path, self.a.b, shop.web.asyncio)\n";
        let mentions = of(text);
        let paths: Vec<&str> = mentions.paths().collect();
        let expected = [
            ".a",
            ".b.c",
            ".b.e",
            ".b.e.g",
            "shop.db",
            "shop.db.time.sleep",
            "shop.web",
            "shop.web.asyncio",
            "x.*",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn what_tests_replace_is_seen() {
        let text = "import asyncio\nfrom shop import svc\nMODULE = \"shop.web\"\n\
                    @patch(\"asyncio.wait_for\", new=f)\n@mock.patch.object(svc.time, \"sleep\")\n\
                    def test(monkeypatch):\n    monkeypatch.setattr(svc, \"requests\", None)\n\
                    \x20   with mocker.patch(f\"{MODULE}.asyncio.sleep\"): pass\n    asyncio.run = fake\n    x.object(svc, \"a\")\n\
                    \x20   patch(f\"{__name__}.time\")\n";
        let mut patches = of(text).patches;
        patches.sort_unstable_by_key(|patch| patch.line);
        let patches: Vec<(&str, usize)> = patches.iter().map(|patch| (patch.path.as_str(), patch.line)).collect();
        let expected = [
            ("asyncio.wait_for", 4),
            ("shop.svc.time.sleep", 5),
            ("shop.svc.requests", 7),
            ("shop.web.asyncio.sleep", 8),
            ("asyncio.run", 9),
            (".test_x.time", 11),
        ];
        assert_eq!(patches, expected);
    }
}
