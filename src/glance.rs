//! Quick looks at the bytes of a file, for codemods whose needles are common words: a file is parsed only when some codemod's glance says
//! that it may find something, and parsing costs fifty times as much as looking.
//!
//! A glance may be wrong in favour of looking, never against it. It knows no strings: a word in one counts like any other. What the
//! building blocks say for certain is said at each.
//!
//! ```ignore
//! // A wait_for whose coroutine is made elsewhere, in a module that imports asyncio.
//! |text, _| glance::imports(text, "asyncio") && glance::calls(text, "wait_for").any(|call| !call.is_awaited())
//! // A call that blocks in code that may run in a coroutine.
//! |text, _| glance::places_of(text, "time", "sleep").any(|place| place.may_run_in_coroutine())
//! // A local coroutine function is called and the call is not awaited.
//! |text, _| glance::calls_of(text, &glance::coroutines(text)).any(|call| !call.is_awaited())
//! ```

use std::cell::OnceCell;

use memchr::{memchr, memchr_iter, memchr2, memchr2_iter, memmem, memrchr};
use rustc_hash::FxHashSet;

use crate::knowledge::{self, Verb};

/// Whether an import statement of the text may name this package.
pub fn imports(text: &[u8], package: &str) -> bool {
    import_statements(text, package).next().is_some()
}

/// Whether the text may read one of these members of a package: imported by its name, or as an attribute of what an import of the package
/// binds. For `sleep` of `time` these are `from time import sleep`, `time.sleep` and, after `import time as t`, `t.sleep`.
pub fn uses_member(text: &[u8], package: &str, members: &[&str]) -> bool {
    members
        .iter()
        .any(|member| places_of(text, package, member).next().is_some())
}

/// Where [`uses_member`] sees one, the imports of its name included.
pub fn places_of<'t>(text: &'t [u8], package: &'t str, member: &'t str) -> impl Iterator<Item = Place<'t>> {
    let imports: Vec<&[u8]> = import_statements(text, package).collect();
    let is_by_name = imports.iter().any(|import| words(import, member).next().is_some());
    words(if imports.is_empty() { &text[..0] } else { text }, member).filter(move |place| {
        let path = place.path();
        let root = first_word(path);
        let before = text[..place.path_start()].trim_ascii_end();
        let is_imported = |root: &[u8]| {
            root == package.as_bytes()
                || imports.iter().any(|import| {
                    let mut found = memmem::find_iter(import, root);
                    found.any(|at| is_whole(import, at, at + root.len()))
                })
        };
        match root {
            // Behind a call or a subscript; or the path goes on in front of a blank or a line break.
            b"" => {
                !matches!(before.last(), Some(b')' | b']' | b'}' | b'"' | b'\'')) || before.len() < place.path_start()
            }
            _ if before.ends_with(b".") => true,
            _ if root.len() == path.len() => is_by_name,
            _ => is_imported(root),
        }
    })
}

/// The import statements that may name a package, each from the name on.
fn import_statements<'t>(text: &'t [u8], package: &'t str) -> impl Iterator<Item = &'t [u8]> {
    words(text, package).filter_map(|word| {
        let start = word.line_start();
        let continued = text[..start].trim_ascii_end().ends_with(b"\\");
        let is_import = continued
            || memmem::find(&text[start..word.start], b"import").is_some()
            || memmem::find(&text[start..word.start], b"from").is_some();
        is_import.then(|| {
            let statement = &text[word.start..];
            let mut end = 0;
            loop {
                end += memchr2(b'\n', b')', &statement[end..]).map_or(statement.len() - end, |length| length + 1);
                let line = statement[..end].trim_ascii_end();
                let is_open = memchr(b'(', line).is_some() && !line.ends_with(b")") || line.ends_with(b"\\");
                if !is_open || end == statement.len() {
                    return &statement[..end];
                }
            }
        })
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
    if callee == "asyncio.create_task" {
        // Of the call in it more could be said.
        return true;
    }
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

/// Where a name stands as a whole word: `time`, not `datetime` or `timeout`.
pub fn words<'t>(text: &'t [u8], name: &'t str) -> impl Iterator<Item = Place<'t>> {
    memmem::find_iter(text, name.as_bytes()).filter_map(move |start| {
        let end = start + name.len();
        is_whole(text, start, end).then_some(Place { text, start, end })
    })
}

/// The names in a text, keywords included.
pub fn words_in(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !is_word(*byte)).filter(|word| !word.is_empty())
}

/// The word that a text begins with; empty when it begins with none.
pub fn first_word(text: &[u8]) -> &[u8] {
    &text[..text.iter().take_while(|byte| is_word(**byte)).count()]
}

/// The word that a text ends in; empty when it ends in none.
pub fn last_word(text: &[u8]) -> &[u8] {
    &text[word_before(text, text.len())..]
}

/// Where a function or method of this name may be called: the name, then a parenthesis. Definitions and comments are left out.
pub fn calls<'t>(text: &'t [u8], name: &'t str) -> impl Iterator<Item = Place<'t>> {
    words(text, name).filter(|place| {
        let behind = &text[place.end..];
        let blanks = behind.iter().take_while(|byte| is_blank(**byte)).count();
        // What a backslash continues may be a call as well.
        matches!(behind.get(blanks), Some(b'(' | b'\\')) && !place.is_definition() && !place.is_comment()
    })
}

/// As [`calls`], for any of these names, in one look at the text. A name with blanks behind it is not found: formatters leave none.
pub fn calls_of<'t>(text: &'t [u8], names: &FxHashSet<&[u8]>) -> impl Iterator<Item = Place<'t>> {
    let opening = if names.is_empty() { &text[..0] } else { text };
    calls_where(opening, |name| names.contains(name))
}

/// As [`calls_of`], for every name of which `is_named` holds.
pub fn calls_where(text: &[u8], is_named: impl Fn(&[u8]) -> bool) -> impl Iterator<Item = Place<'_>> {
    memchr_iter(b'(', text).filter_map(move |end| called_before(text, end, &is_named))
}

/// As [`calls`], for every name of which `is_named` holds, in one look at the text.
pub fn all_calls_where(text: &[u8], is_named: impl Fn(&[u8]) -> bool) -> impl Iterator<Item = Place<'_>> {
    memchr2_iter(b'(', b'\\', text).filter_map(move |at| {
        let blanks = text[..at].iter().rev().take_while(|byte| is_blank(**byte)).count();
        called_before(text, at - blanks, &is_named)
    })
}

fn called_before<'t>(text: &'t [u8], end: usize, is_named: impl Fn(&[u8]) -> bool) -> Option<Place<'t>> {
    let start = word_before(text, end);
    let place = Place { text, start, end };
    (is_named(&text[start..end]) && !place.is_definition() && !place.is_comment()).then_some(place)
}

/// The names of the functions and methods that the text defines with `async def`.
pub fn coroutines(text: &[u8]) -> FxHashSet<&[u8]> {
    memmem::find_iter(text, b"async def")
        .map(|at| first_word(text[at + b"async def".len()..].trim_ascii_start()))
        .filter(|name| !name.is_empty())
        .collect()
}

/// What the headers of blocks begin with that are no function.
const HEADERS: &[&[u8]] = &[
    b"if", b"elif", b"else", b"for", b"while", b"try", b"except", b"finally", b"with", b"async", b"match", b"case",
];

/// The functions and methods among [`coroutines`] that may be asynchronous generators: a `yield` stands below the definition, before the
/// next one that is not inside of it.
pub fn async_generators(text: &[u8]) -> FxHashSet<&[u8]> {
    let mut found = FxHashSet::default();
    if memmem::find(text, b"yield").is_none() {
        return found;
    }
    for at in memmem::find_iter(text, b"async def") {
        let name = first_word(text[at + b"async def".len()..].trim_ascii_start());
        if words(until_definition(text, at), "yield").any(|word| !word.is_comment()) {
            found.insert(name);
        }
    }
    found
}

/// The text from the line of an offset up to the next definition that is not indented more than that line.
pub fn until_definition(text: &[u8], at: usize) -> &[u8] {
    let start = line_start(text, at);
    let own = indentation(&text[start..]);
    let end = memchr_iter(b'\n', &text[at..])
        .map(|newline| at + newline + 1)
        .find(|&line| {
            let indent = indentation(&text[line..]);
            let code = &text[line + indent..];
            indent <= own
                && [&b"def "[..], b"async def", b"class ", b"@"]
                    .iter()
                    .any(|word| code.starts_with(word))
                // The lines of a string have any indentation.
                && triple_quotes(&text[start..line]).is_multiple_of(2)
        });
    &text[start..end.unwrap_or(text.len())]
}

/// The offset at which the line of another one starts.
pub fn line_start(text: &[u8], at: usize) -> usize {
    memrchr(b'\n', &text[..at]).map_or(0, |newline| newline + 1)
}

/// The code of the nearest line above one that starts at `start`, comments and blank lines passed over.
pub fn code_above(text: &[u8], start: usize) -> &[u8] {
    let mut end = start;
    while end > 0 {
        let from = line_start(text, end - 1);
        let line = text[from..end].trim_ascii();
        if !line.is_empty() && !line.starts_with(b"#") {
            return line;
        }
        end = from;
    }
    b""
}

/// The lines below the one that starts at an offset, as far as they are indented more; blank ones and comments among them.
pub fn block_below(text: &[u8], start: usize) -> &[u8] {
    let own = indentation(&text[start..]);
    let line_end = |at: usize| memchr(b'\n', &text[at..]).map_or(text.len(), |newline| at + newline + 1);
    let from = line_end(start);
    let mut end = from;
    while end < text.len() {
        let line = &text[end..line_end(end)];
        let width = indentation(line);
        let is_code = !matches!(line.get(width), None | Some(b'\n' | b'\r' | b'#'));
        if is_code && width <= own {
            break;
        }
        end += line.len();
    }
    &text[from..end]
}

/// The text between a `try` and its handler whose line starts at an offset. `None` when it is not certain where the `try` stands.
pub fn body_of_handled(text: &[u8], start: usize) -> Option<&[u8]> {
    let own = indentation(&text[start..]);
    let mut end = start;
    while end > 0 {
        let from = line_start(text, end - 1);
        let line = &text[from..end];
        let width = indentation(line);
        let code = &line[width..];
        let is_code = !matches!(code.first(), None | Some(b'\n' | b'\r' | b'#'));
        if is_code && width == own && code.starts_with(b"try") {
            // In the middle of a string, what looks like a header is text.
            let body = &text[from..start];
            return (!mentions(body, TRIPLE_QUOTES)).then_some(body);
        }
        if is_code && width < own {
            return None;
        }
        end = from;
    }
    None
}

/// The text behind the parenthesis that closes the arguments; `None` when it is not found.
pub fn behind_arguments(behind: &[u8]) -> Option<&[u8]> {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(byte) = behind.get(at) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return behind.get(at + 1..);
                }
            }
            b'#' => at += memchr(b'\n', &behind[at..])?,
            b'"' | b'\'' => at = end_of_string(behind, at)?,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The offset of the quote that ends a string.
fn end_of_string(text: &[u8], start: usize) -> Option<usize> {
    let quote = text[start];
    let triple = [quote; 3];
    if text[start..].starts_with(&triple) {
        let inside = start + 3;
        return Some(inside + memmem::find(&text[inside..], &triple)? + 2);
    }
    let mut at = start + 1;
    loop {
        match text.get(at)? {
            b'\\' => at += 1,
            b'\n' => return None,
            byte if *byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

/// What long strings begin and end with.
pub const TRIPLE_QUOTES: &[&str] = &["\"\"\"", "'''"];

/// How many of them stand in a text.
pub fn triple_quotes(text: &[u8]) -> usize {
    let mut count = 0;
    let mut end = 0;
    for at in memchr2_iter(b'"', b'\'', text) {
        if at >= end
            && TRIPLE_QUOTES
                .iter()
                .any(|quotes| text[at..].starts_with(quotes.as_bytes()))
        {
            count += 1;
            end = at + 3;
        }
    }
    count
}

/// Where the strings of a text stand whose lines may look like code: those in triple quotes.
pub struct Strings {
    /// Offsets behind the opening and before the closing quotes, in source order.
    ranges: Vec<(usize, usize)>,
}

impl Strings {
    /// By the quotes alone. Where they do not match, which ones open a string cannot be told, and none is known.
    pub fn of(text: &[u8]) -> Self {
        let mut quotes: Vec<(usize, &str)> = TRIPLE_QUOTES
            .iter()
            .flat_map(|kind| memmem::find_iter(text, kind).map(move |at| (at, *kind)))
            .collect();
        quotes.sort_unstable();
        let mut ranges = Vec::new();
        let mut opened: Option<(usize, &str)> = None;
        for (at, kind) in quotes {
            match opened {
                None => opened = Some((at + kind.len(), kind)),
                Some((start, own)) if own == kind => {
                    ranges.push((start, at));
                    opened = None;
                }
                Some(_) => {}
            }
        }
        if opened.is_some() {
            ranges.clear();
        }
        Self { ranges }
    }

    /// Whether an offset is in one of them.
    pub fn hold(&self, at: usize) -> bool {
        let next = self.ranges.partition_point(|(start, _)| *start <= at);
        next.checked_sub(1).is_some_and(|last| at <= self.ranges[last].1)
    }
}

/// Where a word stands in a text.
#[derive(Clone, Copy)]
pub struct Place<'t> {
    text: &'t [u8],
    start: usize,
    end: usize,
}

impl<'t> Place<'t> {
    /// The offset of the word.
    pub fn start(&self) -> usize {
        self.start
    }

    /// The dotted path that ends in the word, as far as it consists of names: `self.client.get`; `.get` in `client().get`.
    pub fn path(&self) -> &'t [u8] {
        &self.text[self.path_start()..self.end]
    }

    pub fn word(&self) -> &'t [u8] {
        &self.text[self.start..self.end]
    }

    /// The text behind the word.
    pub fn behind(&self) -> &'t [u8] {
        &self.text[self.end..]
    }

    /// The text of the line in front of the path: indentation only, for the expression that a statement begins with.
    pub fn before_path(&self) -> &'t [u8] {
        &self.text[self.line_start()..self.path_start()]
    }

    /// Whether `await` stands right before the path. False does not say that nothing awaits it.
    pub fn is_awaited(&self) -> bool {
        follows_word(self.text, self.path_start(), b"await")
    }

    /// Whether the path is the first thing on its line.
    pub fn begins_line(&self) -> bool {
        self.before_path().iter().all(|byte| is_blank(*byte))
    }

    /// Whether the code at this place may run in a coroutine: false when it stands in a function that is not `async`. What stands outside
    /// of every function may be a notebook's.
    pub fn may_run_in_coroutine(&self) -> bool {
        self.is_in_coroutine(false)
    }

    /// As [`Place::may_run_in_coroutine`], or in a function that is defined in one.
    pub fn may_lie_in_coroutine(&self) -> bool {
        self.is_in_coroutine(true)
    }

    fn is_in_coroutine(&self, through_functions: bool) -> bool {
        let mut start = self.line_start();
        let mut line = &self.text[start..];
        let mut inner = indentation(line);
        if line[..inner].contains(&b'\t') {
            return true;
        }
        let mut in_function = false;
        loop {
            inner = inner.min(indentation(line));
            let code = line[indentation(line)..]
                .split(|byte| *byte == b'\n')
                .next()
                .unwrap_or_default();
            if code.starts_with(b"def ") {
                // In the middle of a string, what looks like a header is text.
                let between = &self.text[start..self.start];
                if !triple_quotes(between).is_multiple_of(2) {
                    return true;
                }
                if !through_functions {
                    return false;
                }
                in_function = true;
            }
            let is_block = in_function && (code.starts_with(b"def ") || code.starts_with(b"class "))
                || HEADERS.iter().any(|header| code.starts_with(header))
                || matches!(code.trim_ascii_end().last(), Some(b'(' | b'[' | b'{'));
            if code.starts_with(b"async def") || (start < self.line_start() && !is_block) {
                return true;
            }
            // The header of the block: the first line above that is indented less. Lines that close a bracket belong to another.
            loop {
                if start == 0 || inner == 0 {
                    return !in_function;
                }
                let end = start - 1;
                start = line_start(self.text, end);
                line = &self.text[start..=end];
                let width = indentation(line);
                let is_code = !matches!(line.get(width), None | Some(b'\n' | b'\r' | b'#' | b')' | b']' | b'}'));
                if is_code && width < inner {
                    break;
                }
            }
        }
    }

    /// Whether the name is being defined: `def name(`.
    fn is_definition(&self) -> bool {
        follows_word(self.text, self.start, b"def")
    }

    /// Whether the whole line is certain to be a comment, or to lie in a string.
    fn is_comment(&self) -> bool {
        let before = self.text[self.line_start()..self.start].trim_ascii_start();
        // A quote may end a string, and a lone carriage return the line.
        before.first() == Some(&b'#') && !before.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'\r'))
    }

    /// The offset of the line that the word stands in.
    pub fn line_start(&self) -> usize {
        line_start(self.text, self.start)
    }

    fn path_start(&self) -> usize {
        let mut start = self.start;
        while self.text[..start].last() == Some(&b'.') {
            let before = word_before(self.text, start - 1);
            if before == start - 1 {
                return before;
            }
            start = before;
        }
        start
    }
}

/// Whether a word and blanks end right before an offset.
fn follows_word(text: &[u8], at: usize, word: &[u8]) -> bool {
    let blanks = text[..at].iter().rev().take_while(|byte| is_blank(**byte)).count();
    let before = &text[..at - blanks];
    blanks > 0
        && before
            .strip_suffix(word)
            .is_some_and(|before| !before.last().is_some_and(|byte| is_word(*byte)))
}

/// The offset at which the word that ends at `end` starts.
fn word_before(text: &[u8], end: usize) -> usize {
    end - text[..end].iter().rev().take_while(|byte| is_word(**byte)).count()
}

/// Whether what stands between two offsets is not a part of a longer word.
fn is_whole(text: &[u8], start: usize, end: usize) -> bool {
    !text[..start].last().is_some_and(|byte| is_word(*byte)) && !text.get(end).is_some_and(|byte| is_word(*byte))
}

/// Where the lines of a text end. Looked up when the first is asked for: most texts are never asked.
pub struct Lines<'t> {
    text: &'t [u8],
    newlines: OnceCell<Vec<usize>>,
}

impl<'t> Lines<'t> {
    pub fn of(text: &'t [u8]) -> Self {
        Self {
            text,
            newlines: OnceCell::new(),
        }
    }

    /// The 1-based line in which an offset lies.
    pub fn at(&self, offset: usize) -> usize {
        let newlines = self.newlines.get_or_init(|| memchr_iter(b'\n', self.text).collect());
        newlines.partition_point(|newline| *newline < offset) + 1
    }
}

/// How many blanks a line begins with.
pub fn indentation(line: &[u8]) -> usize {
    line.iter().take_while(|byte| is_blank(**byte)).count()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0c)
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

    #[test]
    fn members_are_told_from_other_names() {
        let sleeps = |text: &str| uses_member(text.as_bytes(), "time", &["sleep"]);
        assert!(sleeps("import time\ntime.sleep(1)") && sleeps("import time as t\nt.sleep(1)"));
        assert!(sleeps("import os, time as \\\n t\nt . sleep(1)") && sleeps("import time\n(time\n  .sleep(1))"));
        assert!(sleeps("from time import (\n  sleep as nap,\n)\n") && sleeps("from time import (a,\n  sleep)"));
        assert!(sleeps("import time\ntime. sleep(1)"));
        assert!(!sleeps("import time\nasyncio.sleep(1)\nsleep(1)\na().sleep(1)"));
        assert!(!sleeps("from datetime import time\nasyncio.sleep(1)") && !sleeps("time.sleep(1)"));
    }

    #[test]
    fn functions_around_a_place_are_told_apart() {
        let may_wait = |text: &str| calls(text.as_bytes(), "f").all(|call| call.may_run_in_coroutine());
        assert!(may_wait(
            "async def a():\n    if x:\n        def b():\n            c\n        f()\n"
        ));
        assert!(may_wait("async def a(): f()") && may_wait("f()") && may_wait("\tf()"));
        assert!(may_wait(
            "async def a(\n    x,\n):\n    '''\ndef x():\n    y'''\n    f()"
        ));
        assert!(may_wait("async def a():\n    '''\nx\n'''\n    f()"));
        assert!(!may_wait(
            "async def a():\n    def b():\n        # c\n        try:\n            f()\n    c()"
        ));
        assert!(!may_wait(
            "class X:\n    def b(\n        self,\n    ):\n        '''x'''\n        f()"
        ));
        let may_lie = |text: &str| calls(text.as_bytes(), "f").all(|call| call.may_lie_in_coroutine());
        assert!(may_lie(
            "async def a():\n    class X:\n        def b(self):\n            f()\n"
        ));
        assert!(!may_lie("class X:\n    def a():\n        def b():\n            f()\n"));
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

    fn paths<'t>(calls: impl Iterator<Item = Place<'t>>) -> Vec<&'t str> {
        calls.map(|call| std::str::from_utf8(call.path()).unwrap()).collect()
    }

    #[test]
    fn calls_are_told_from_definitions_and_comments() {
        let text = b"def get(x): ...\n# a.get(1)\n  self.a.get(1)\nforget(get, a . get (2))\nb[0].get(3) or a.get\\\n  (4)\n# ''' + get(5)\n#\rget(6)";
        assert_eq!(
            paths(calls(text, "get")),
            ["self.a.get", "get", ".get", "a.get", "get", "get"]
        );
        let names = FxHashSet::from_iter([&b"get"[..]]);
        assert_eq!(paths(calls_of(text, &names)), ["self.a.get", ".get", "get", "get"]);
        assert_eq!(calls_of(text, &FxHashSet::default()).count(), 0);
        let all = all_calls_where(text, |name| name == b"get");
        assert_eq!(paths(all), paths(calls(text, "get")));
    }

    #[test]
    fn a_place_knows_what_stands_before_it() {
        let is_awaited = |text: &str| calls(text.as_bytes(), "f").all(|call| call.is_awaited());
        assert!(is_awaited("x = await f()") && is_awaited("await\ta.b.f()"));
        assert!(!is_awaited("await (f())") && !is_awaited("noawait f()") && !is_awaited("await a().f()"));
        let begins = |text: &str| calls(text.as_bytes(), "f").all(|call| call.begins_line());
        assert!(begins("f()") && begins("x\n\ta.f()"));
        assert!(!begins("x = f()") && !begins("a().f()"));
    }

    #[test]
    fn asynchronous_generators_are_told_from_coroutines() {
        let text = b"class X:\n  async def a(\n    self,\n  ):\n    def b():\n      pass\n    yield 1\n  async def c(self): ...\nasync def d():\n  return 1\ndef e():\n  yield 1\n";
        assert_eq!(async_generators(text), FxHashSet::from_iter([&b"a"[..]]));
    }

    #[test]
    fn blocks_are_told_by_their_indentation() {
        let text = b"try:\n  a\n\n# c\n  b\nexcept X:\n  c\n\nd\n";
        assert_eq!(block_below(text, 0), b"  a\n\n# c\n  b\n");
        assert_eq!(body_of_handled(text, 18), Some(&text[..18]));
        assert_eq!(block_below(text, 18), b"  c\n\n");
        assert_eq!(body_of_handled(b"  x\n\n y\n  except X:", 8), None);
        assert_eq!(body_of_handled(b"try:\n  '''\ntry:\n'''\nexcept X:", 19), None);
    }

    #[test]
    fn coroutines_are_named() {
        let found = coroutines(b"async def a(): ...\nclass X:\n  async def  b_1 (self): ...\ndef c(): ...\n");
        assert_eq!(found, FxHashSet::from_iter([&b"a"[..], b"b_1"]));
    }
}
