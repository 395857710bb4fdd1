//! Quick looks at the bytes of a file, for codemods whose needles are common words: a file is parsed only when some codemod's glance says
//! that it may find something, and parsing costs fifty times as much as looking.
//!
//! A glance may be wrong in favour of looking, never against it. It knows no strings: a word in one counts like any other. What the
//! building blocks say for certain is said at each.
//!
//! ```ignore
//! // A wait_for whose coroutine is made elsewhere, in a module that imports asyncio.
//! |text, _| glance::imports(text, "asyncio") && glance::calls(text, "wait_for").any(|call| !call.is_awaited())
//! // A local coroutine function is called and the call is not awaited.
//! |text, _| glance::calls_of(text, &glance::coroutines(text)).any(|call| !call.is_awaited())
//! ```

use memchr::{memchr_iter, memmem, memrchr};
use rustc_hash::FxHashSet;

use crate::knowledge::{self, Verb};

/// Whether an import statement of the text may name this package.
pub fn imports(text: &[u8], package: &str) -> bool {
    words(text, package).any(|word| {
        let start = word.line_start();
        let continued = text[..start].trim_ascii_end().ends_with(b"\\");
        continued
            || memmem::find(&text[start..word.start], b"import").is_some()
            || memmem::find(&text[start..word.start], b"from").is_some()
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

/// Where a name stands as a whole word: `time`, not `datetime` or `timeout`.
pub fn words<'t>(text: &'t [u8], name: &'t str) -> impl Iterator<Item = Place<'t>> {
    memmem::find_iter(text, name.as_bytes()).filter_map(move |start| {
        let end = start + name.len();
        let is_whole = !text[..start].last().is_some_and(|byte| is_word(*byte))
            && !text.get(end).is_some_and(|byte| is_word(*byte));
        is_whole.then_some(Place { text, start, end })
    })
}

/// The names in a text, keywords included.
pub fn words_in(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !is_word(*byte)).filter(|word| !word.is_empty())
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
    memchr_iter(b'(', opening).filter_map(move |end| {
        let start = word_before(text, end);
        let place = Place { text, start, end };
        (names.contains(&text[start..end]) && !place.is_definition() && !place.is_comment()).then_some(place)
    })
}

/// The names of the functions and methods that the text defines with `async def`.
pub fn coroutines(text: &[u8]) -> FxHashSet<&[u8]> {
    memmem::find_iter(text, b"async def")
        .map(|at| {
            let behind = text[at + b"async def".len()..].trim_ascii_start();
            &behind[..behind.iter().take_while(|byte| is_word(**byte)).count()]
        })
        .filter(|name| !name.is_empty())
        .collect()
}

/// The functions and methods among [`coroutines`] that may be asynchronous generators: a `yield` stands below the definition, before the
/// next one that is not inside of it.
pub fn async_generators(text: &[u8]) -> FxHashSet<&[u8]> {
    let mut found = FxHashSet::default();
    if memmem::find(text, b"yield").is_none() {
        return found;
    }
    for at in memmem::find_iter(text, b"async def") {
        let behind = text[at + b"async def".len()..].trim_ascii_start();
        let name = &behind[..behind.iter().take_while(|byte| is_word(**byte)).count()];
        if memmem::find(until_definition(text, at), b"yield").is_some() {
            found.insert(name);
        }
    }
    found
}

/// The text from the line of an offset up to the next definition that is not indented more than that line.
pub fn until_definition(text: &[u8], at: usize) -> &[u8] {
    let width = |line: &[u8]| line.iter().take_while(|byte| is_blank(**byte)).count();
    let start = memrchr(b'\n', &text[..at]).map_or(0, |newline| newline + 1);
    let own = width(&text[start..]);
    let end = memchr_iter(b'\n', &text[at..])
        .map(|newline| at + newline + 1)
        .find(|&line| {
            let indent = width(&text[line..]);
            let code = &text[line + indent..];
            indent <= own
                && [&b"def "[..], b"async def", b"class ", b"@"]
                    .iter()
                    .any(|word| code.starts_with(word))
        });
    &text[start..end.unwrap_or(text.len())]
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

    fn line_start(&self) -> usize {
        memrchr(b'\n', &self.text[..self.start]).map_or(0, |newline| newline + 1)
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
    fn coroutines_are_named() {
        let found = coroutines(b"async def a(): ...\nclass X:\n  async def  b_1 (self): ...\ndef c(): ...\n");
        assert_eq!(found, FxHashSet::from_iter([&b"a"[..], b"b_1"]));
    }
}
