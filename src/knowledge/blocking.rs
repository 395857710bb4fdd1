//! Which callables block a thread, and how each is moved to another one. The table and the meaning of its fields: `knowledge/blocking.tsv`.

use std::cell::{OnceCell, RefCell};
use std::sync::LazyLock;

use memchr::{memchr, memmem};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::glance::{Place, all_calls_where, is_word, last_word, line_start, words};

/// How a blocking call is moved to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The call itself.
    Call,
    /// It gives a lazy iterator: a list is made of it in the thread.
    List,
    /// Only together with the statements that use what it gives.
    Closure,
    /// It costs less than a hop to a thread.
    Short,
    /// It needs the thread in which it stands.
    Never,
    /// Another codemod knows a better form.
    Other,
    /// It does not block by itself, or nothing is gained.
    Leave,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Blocking {
    /// The qualified name; `package.Class.*` for all methods that have no row.
    pub name: &'static str,
    /// What it waits for: `http`, `file`, `db`, ...
    pub kind: &'static str,
    pub rule: Rule,
    /// Whether several threads may use the object at once whose method it is; `None` when it is no method.
    pub shared: Option<bool>,
    /// Whether the form that the rule names does the same.
    pub is_exact: bool,
    /// What does the same and is awaited; empty when there is nothing.
    pub twin: &'static str,
    /// What else is known; may be empty.
    pub note: &'static str,
}

static ROWS: LazyLock<Vec<Blocking>> = LazyLock::new(|| {
    include_str!("../../knowledge/blocking.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(row)
        .collect()
});

static BY_NAME: LazyLock<FxHashMap<&str, &Blocking>> =
    LazyLock::new(|| ROWS.iter().map(|row| (row.name, row)).collect());

/// The rows of each top-level package; builtins under their own names.
static BY_PACKAGE: LazyLock<FxHashMap<&str, Vec<&Blocking>>> = LazyLock::new(|| {
    let mut packages: FxHashMap<&str, Vec<&Blocking>> = FxHashMap::default();
    for row in ROWS.iter() {
        packages
            .entry(row.name.split('.').next().unwrap_or_default())
            .or_default()
            .push(row);
    }
    packages
});

/// The rows by the last part of their names.
static BY_LAST: LazyLock<FxHashMap<&[u8], Vec<&Blocking>>> = LazyLock::new(|| {
    let mut names: FxHashMap<&[u8], Vec<&Blocking>> = FxHashMap::default();
    for row in ROWS.iter() {
        let last = row.name.rsplit('.').next().unwrap_or_default();
        names.entry(last.as_bytes()).or_default().push(row);
    }
    names
});

fn row(line: &'static str) -> Blocking {
    let mut fields = line.split('\t');
    let mut next = || fields.next().unwrap_or_default();
    Blocking {
        name: next(),
        kind: next(),
        rule: match next() {
            "call" => Rule::Call,
            "list" => Rule::List,
            "closure" => Rule::Closure,
            "short" => Rule::Short,
            "never" => Rule::Never,
            "other" => Rule::Other,
            "leave" => Rule::Leave,
            rule => unreachable!("the embedded table has no rule `{rule}`, a test reads it"),
        },
        shared: match next() {
            "shared" => Some(true),
            "own" => Some(false),
            _ => None,
        },
        is_exact: next() == "exact",
        twin: next(),
        note: next(),
    }
}

/// What is known of a callable by its qualified name.
pub fn blocking(qualified: &str) -> Option<&'static Blocking> {
    BY_NAME.get(qualified).copied().or_else(|| {
        let (class, _) = qualified.rsplit_once('.')?;
        BY_NAME.get(format!("{class}.*").as_str()).copied()
    })
}

/// The row of a method that another thread can call by itself.
pub fn movable_method(qualified: &str) -> Option<&'static Blocking> {
    blocking(qualified).filter(|row| row.shared.is_some() && row.rule == Rule::Call)
}

/// What gives an object whose use blocks, too, and that is as a rule used up and closed where it is made.
const OPENERS: &[&str] = &[
    "bz2.open",
    "codecs.open",
    "gzip.open",
    "io.open",
    "lzma.open",
    "open",
    "os.popen",
    "smtplib.SMTP",
    "smtplib.SMTP_SSL",
    "sqlite3.connect",
    "tarfile.open",
    "urllib.request.urlopen",
    "zipfile.ZipFile",
];

/// Whether a row is one of a call that opens something.
pub fn opens(row: &Blocking) -> bool {
    OPENERS.contains(&row.name)
}

/// Whether a method of this name of some class is in the table.
pub fn is_method(name: &str) -> bool {
    static METHODS: LazyLock<FxHashSet<&str>> = LazyLock::new(|| {
        let methods = ROWS.iter().filter(|row| row.shared.is_some());
        methods.filter_map(|row| Some(row.name.rsplit_once('.')?.1)).collect()
    });
    METHODS.contains(name)
}

/// The classes of the table of which a method with this name blocks.
pub fn classes_with(method: &str) -> impl Iterator<Item = &'static str> {
    named(method.as_bytes())
        .iter()
        .filter(|row| row.shared.is_some())
        .filter_map(|row| Some(row.name.rsplit_once('.')?.0))
}

/// The functions of a package that block, by the names that the package itself has for them.
pub fn functions_of(package: &'static str) -> impl Iterator<Item = &'static str> {
    let rows = BY_PACKAGE.get(package).into_iter().flatten();
    rows.filter(|row| row.rule == Rule::Call && row.shared.is_none())
        .filter_map(move |row| row.name.strip_prefix(package)?.strip_prefix('.'))
        .filter(|name| !name.contains('.'))
}

/// The packages of which some class blocks in every method.
pub fn packages_of_blocking_classes() -> &'static [&'static str] {
    static PACKAGES: LazyLock<Vec<&str>> = LazyLock::new(|| {
        let rows = ROWS.iter().filter(|row| row.name.ends_with(".*"));
        let mut packages: Vec<&str> = rows.filter_map(|row| row.name.split('.').next()).collect();
        packages.dedup();
        packages
    });
    &PACKAGES
}

/// Whether a coroutine of the text may call something of the table for whose rule `is_wanted` holds: the text imports the package, mentions
/// the name, and calls it in an `async def` without awaiting it.
pub fn mentions_blocking(text: &[u8], is_wanted: impl Fn(Rule) -> bool) -> bool {
    let look = Look::new(text);
    let mut builtins = ROWS.iter().filter(|row| !row.name.contains('.'));
    if builtins.any(|row| is_wanted(row.rule) && look.calls(row.name, |path| path == row.name.as_bytes())) {
        return true;
    }
    let mut seen: FxHashSet<&[u8]> = FxHashSet::default();
    for statement in import_lines(text) {
        for word in packages_in(statement) {
            if !seen.insert(word) {
                continue;
            }
            let rows = std::str::from_utf8(word)
                .ok()
                .and_then(|package| BY_PACKAGE.get(package));
            let mut rows = rows.into_iter().flatten();
            if rows.any(|row| is_wanted(row.rule) && look.may_call(row)) {
                return true;
            }
        }
    }
    false
}

/// Classes, and the names of what makes their instances: `sqlite3.connect(...)` gives a `Connection`.
const MADE_BY: &[(&str, &str)] = &[
    ("Connection", "connect"),
    ("Cursor", "connect"),
    ("Cursor", "cursor"),
    ("Pipeline", "pipeline"),
    ("PubSub", "pubsub"),
    ("Redis", "from_url"),
];

/// The rows of the table that a text may call, of those that are wanted.
pub fn mentioned(text: &[u8], is_wanted: impl Fn(&Blocking) -> bool) -> impl Iterator<Item = &'static Blocking> {
    let packages = packages(import_lines(text));
    ROWS.iter().filter(move |row| {
        is_wanted(row) && (packages.contains(&package_of(row)) || is_builtin(row)) && is_mentioned(text, row)
    })
}

/// The packages of the table that import statements, as [`import_lines`] gives them, may name; a builtin under its own name is one.
pub fn packages<'t>(statements: impl IntoIterator<Item = &'t [u8]>) -> Vec<&'static str> {
    let mut seen: FxHashSet<&[u8]> = FxHashSet::default();
    let mut found = Vec::new();
    for statement in statements {
        for word in statement.split(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_') {
            if seen.insert(word)
                && let Ok(word) = std::str::from_utf8(word)
                && let Some((package, _)) = BY_PACKAGE.get_key_value(word)
            {
                found.push(*package);
            }
        }
    }
    found
}

/// The package that a row belongs to, as [`packages`] says it.
pub fn package_of(row: &Blocking) -> &'static str {
    row.name.split('.').next().unwrap_or_default()
}

pub fn is_builtin(row: &Blocking) -> bool {
    !row.name.contains('.')
}

/// The rows whose names end in this.
pub fn named(last: &[u8]) -> &'static [&'static Blocking] {
    BY_LAST.get(last).map_or(&[], Vec::as_slice)
}

/// What the coroutines of one text call.
struct Look<'t> {
    text: &'t [u8],
    /// What it calls that bears the name of a row, by that name. Awaited calls are left out: they do not block.
    calls: FxHashMap<&'t [u8], Vec<Called<'t>>>,
    words: RefCell<FxHashMap<&'static str, bool>>,
    renamed: OnceCell<FxHashSet<&'t [u8]>>,
}

struct Called<'t> {
    place: Place<'t>,
    in_coroutine: OnceCell<bool>,
}

impl<'t> Look<'t> {
    fn new(text: &'t [u8]) -> Self {
        let mut calls: FxHashMap<&[u8], Vec<Called>> = FxHashMap::default();
        for place in all_calls_where(text, |name| BY_LAST.contains_key(name)).filter(|place| !place.is_awaited()) {
            calls.entry(place.word()).or_default().push(Called {
                place,
                in_coroutine: OnceCell::new(),
            });
        }
        Self {
            text,
            calls,
            words: RefCell::default(),
            renamed: OnceCell::new(),
        }
    }

    fn may_call(&self, row: &Blocking) -> bool {
        let occurs = |word: &'static str| {
            let mut known = self.words.borrow_mut();
            *known
                .entry(word)
                .or_insert_with(|| words(self.text, word).next().is_some())
        };
        let (owner_path, last) = row.name.rsplit_once('.').unwrap_or(("", row.name));
        let owner = owner_path.rsplit('.').next().unwrap_or_default();
        if last == "*" {
            return occurs(owner);
        }
        if row.shared.is_some() {
            // The receiver may come from a factory that does not name the class.
            let mut makers = MADE_BY.iter().filter(|(class, _)| *class == owner);
            return self.calls(last, |path| path.len() > last.len())
                && (owner.starts_with(char::is_lowercase) || makers.any(|(_, maker)| occurs(maker)) || occurs(owner));
        }
        let is_path = |path: &[u8]| match path.strip_suffix(last.as_bytes()) {
            Some(b"") => true,
            Some(before) => before
                .strip_suffix(b".")
                .is_some_and(|before| before.ends_with(owner.as_bytes())),
            None => false,
        };
        self.is_renamed(last) || self.calls(last, |path| is_path(path) || self.is_renamed(owner))
    }

    /// Whether a coroutine, or a function that is defined in one, calls this name by a path of which `is_it` holds.
    fn calls(&self, name: &str, is_it: impl Fn(&[u8]) -> bool) -> bool {
        let mut calls = self.calls.get(name.as_bytes()).into_iter().flatten();
        calls.any(|call| {
            is_it(call.place.path()) && *call.in_coroutine.get_or_init(|| call.place.may_lie_in_coroutine())
        })
    }

    /// Whether the text gives a name another one: `name as ...`.
    fn is_renamed(&self, name: &str) -> bool {
        let renamed = self.renamed.get_or_init(|| {
            memmem::find_iter(self.text, b"as ")
                .map(|at| &self.text[..at])
                .filter(|before| before.last().is_some_and(u8::is_ascii_whitespace))
                .map(|before| last_word(before.trim_ascii_end()))
                .collect()
        });
        renamed.contains(name.as_bytes())
    }
}

/// The words of an import statement that may be top-level packages.
fn packages_in(statement: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_from = statement.trim_ascii_start().starts_with(b"from ") && !statement.contains(&b';');
    let words = statement.split(|byte| !is_word(*byte)).filter(|word| !word.is_empty());
    // `from package.module import names`; what follows the package is none.
    words.take(if is_from { 2 } else { usize::MAX })
}

/// The lines with an import statement, as far as the packages they name go.
pub fn import_lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    memmem::find_iter(text, b"import").filter_map(move |at| {
        let line_end = |at: usize| memchr(b'\n', &text[at..]).map_or(text.len(), |newline| at + newline);
        let mut start = line_start(text, at);
        let mut end = line_end(at);
        // A backslash may continue the statement above or below.
        let is_continued = text[..start].trim_ascii_end().ends_with(b"\\");
        if is_continued {
            start = line_start(text, text[..start].trim_ascii_end().len());
        }
        if text[start..end].trim_ascii_end().ends_with(b"\\") && end < text.len() {
            end = line_end(end + 1);
        }
        let line = text[start..end].trim_ascii_start();
        (line.starts_with(b"import") || line.starts_with(b"from") || is_continued || line.contains(&b';'))
            .then(|| &text[start..end])
    })
}

/// The statement that one of these lines begins, to the end of its brackets.
pub fn import_statement<'t>(text: &'t [u8], line: &'t [u8]) -> &'t [u8] {
    let is_open = memchr(b'(', line).is_some_and(|bracket| memchr(b')', &line[bracket..]).is_none());
    if !is_open {
        return line;
    }
    let start = line.as_ptr() as usize - text.as_ptr() as usize;
    let end = memchr(b')', &text[start..]).map_or(text.len(), |close| start + close);
    &text[start..end]
}

/// Whether a text that imports the package of a row mentions what the row names.
pub fn is_mentioned(text: &[u8], row: &Blocking) -> bool {
    let occurs = |word: &str| memmem::find(text, word.as_bytes()).is_some();
    let (owner, last) = row.name.rsplit_once('.').unwrap_or(("", row.name));
    let owner = owner.rsplit('.').next().unwrap_or_default();
    if is_builtin(row) {
        return occurs(&format!("{last}("));
    }
    if last == "*" {
        return occurs(owner);
    }
    if row.shared.is_some() {
        // The receiver may come from a factory that does not name the class.
        let from_factory = owner.starts_with(char::is_lowercase);
        return (from_factory || occurs(owner)) && occurs(&format!(".{last}("));
    }
    occurs(&format!("{owner}.{last}"))
        || (occurs(&format!("from {owner}")) || occurs(&format!(".{owner} import")) || occurs(&format!("{owner} as")))
            && occurs(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read() {
        assert!(ROWS.iter().all(|row| !row.name.is_empty() && !row.kind.is_empty()));
        assert_eq!(BY_NAME.len(), ROWS.len(), "each name has one row");
        assert!(blocking("subprocess.run").is_some_and(|row| row.rule == Rule::Call && row.shared.is_none()));
        assert!(blocking("redis.Redis.hgetall").is_some_and(|row| row.shared == Some(true)));
        assert!(blocking("redis.Redis.pipeline").is_some_and(|row| row.rule == Rule::Leave));
        assert!(blocking("redis.asyncio.Redis.get").is_none());
    }

    #[test]
    fn a_text_is_looked_at_when_it_may_block() {
        let wanted = |rule| rule == Rule::Call;
        assert!(mentions_blocking(
            b"import os, subprocess\nasync def f():\n    subprocess.run([])\n",
            wanted
        ));
        assert!(mentions_blocking(
            b"from subprocess import (\n    run as r,\n)\nasync def f(): r([])\n",
            wanted
        ));
        assert!(mentions_blocking(
            b"from pathlib import Path\nasync def f(): Path(x).read_text()\n",
            wanted
        ));
        assert!(mentions_blocking(
            b"import \\\n  shutil\nasync def f(): shutil.rmtree(x)\n",
            wanted
        ));
        assert!(!mentions_blocking(
            b"import subprocess\nasync def f():\n    await g()\ndef h():\n    subprocess.run([])\n",
            wanted
        ));
        assert!(!mentions_blocking(
            b"from sqlalchemy import select\nasync def f(): select(x).where(y)\n",
            wanted
        ));
        assert!(!mentions_blocking(b"import os\nos.path.join(a, b)\n", wanted));
        assert!(!mentions_blocking(
            b"import subprocess\np = subprocess.Popen([])\n",
            wanted
        ));
    }
}
