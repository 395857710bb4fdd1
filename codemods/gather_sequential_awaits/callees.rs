//! What the lines of a text tell of a callee, for the glance: whether it could be proven what the function does, or guessed from its name.
//!
//! A function is certain to be unknown when its body awaits something that this text cannot explain. Nothing here is certain of a function
//! that could be known.

use std::cell::RefCell;

use memchr::{memchr2, memmem};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::concurrency::TASK_BOUND_METHODS;
use crate::glance::{first_word, indentation, is_word, triple_quotes};
use crate::knowledge::{self, Verb};

/// Awaited functions of asyncio whose effects are known, methods of its locks and queues, of containers that may hold awaitables, and of
/// loggers: what these names call may be known wherever it is defined.
const MAYBE_KNOWN: &[&[u8]] = &[
    b"sleep",
    b"gather",
    b"wait_for",
    b"shield",
    b"timeout",
    b"current_task",
    b"all_tasks",
    b"acquire",
    b"wait",
    b"get",
    b"put",
    b"join",
    b"pop",
    b"popleft",
    b"popitem",
    b"setdefault",
    b"critical",
    b"debug",
    b"error",
    b"exception",
    b"info",
    b"log",
    b"trace",
    b"warn",
    b"warning",
];

/// Classes of asyncio whose methods are known.
const KNOWN_CLASSES: &[&str] = &["Lock", "Semaphore", "Condition", "Event", "Queue"];

/// What a text defines, looked at when it is first asked for.
pub struct Callees<'t> {
    text: &'t [u8],
    /// Where the `async def` of each name stands.
    coroutines: FxHashMap<&'t [u8], Vec<usize>>,
    /// Names of other functions and of classes.
    others: FxHashSet<&'t [u8]>,
    /// A class that may be shared is mentioned: any method may be one of its own.
    knows_shareable: bool,
    /// A lock or a queue of asyncio may be at work in a function without an `await`.
    knows_class: bool,
    /// A function of asyncio goes by another name.
    renames: bool,
    /// Whether a function may be known; `None` while that is being found out.
    may_be_known: RefCell<FxHashMap<&'t [u8], Option<bool>>>,
}

/// What may become of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is declined for certain.
    Declined,
    /// It may only be guessed from its name that it reads.
    Guessed,
    Open,
}

impl<'t> Callees<'t> {
    pub fn of(text: &'t [u8]) -> Self {
        let mut coroutines: FxHashMap<&[u8], Vec<usize>> = FxHashMap::default();
        let mut others = FxHashSet::default();
        for (keyword, is_def) in [(&b"def "[..], true), (b"class ", false)] {
            for at in memmem::find_iter(text, keyword) {
                let name = name_at(&text[at + keyword.len()..]);
                if is_def && text[..at].trim_ascii_end().ends_with(b"async") {
                    coroutines.entry(name).or_default().push(at);
                } else {
                    others.insert(name);
                }
            }
        }
        let mentions = |word: &str| memmem::find(text, word.as_bytes()).is_some();
        let renamed = |name: &&str| mentions(&format!("{name} as"));
        let knows_shareable = knowledge::mentions_shareable_class(text);
        Self {
            text,
            coroutines,
            others,
            knows_shareable,
            knows_class: knows_shareable || KNOWN_CLASSES.iter().any(|class| mentions(class)),
            renames: ["sleep", "gather", "wait_for", "shield"].iter().any(renamed),
            may_be_known: RefCell::default(),
        }
    }

    /// What is certain of `target = await path(...)`; `arguments` is the text behind the opening parenthesis.
    pub fn fate(&self, path: &[u8], arguments: &[u8], is_kept: bool) -> Fate {
        let (receiver, name) = split(path);
        let Ok(name_text) = std::str::from_utf8(name) else {
            return Fate::Open;
        };
        if path == b"asyncio.create_task" {
            // Of the call in it more could be said.
            return Fate::Open;
        }
        if path.starts_with(b"asyncio.") || TASK_BOUND_METHODS.contains(&name_text) || is_too_much(arguments) {
            return Fate::Declined;
        }
        if self.knows_shareable && !receiver.is_empty() || self.may_be_known(name) {
            return Fate::Open;
        }
        let is_exclusive = |word: &[u8]| std::str::from_utf8(word).is_ok_and(knowledge::is_exclusive_name);
        if is_kept
            && knowledge::verb_of(name_text) == Verb::Read
            && !receiver.split(|byte| *byte == b'.').any(is_exclusive)
        {
            Fate::Guessed
        } else {
            Fate::Declined
        }
    }

    /// Whether any coroutine function of this name may be known.
    fn may_be_known(&self, name: &[u8]) -> bool {
        let Some((&name, places)) = self.coroutines.get_key_value(name) else {
            return false;
        };
        if let Some(answer) = self.may_be_known.borrow().get(name) {
            // What calls itself is unknown.
            return answer.unwrap_or(false);
        }
        self.may_be_known.borrow_mut().insert(name, None);
        let answer = places.iter().any(|&at| self.body_may_be_known(at));
        self.may_be_known.borrow_mut().insert(name, Some(answer));
        answer
    }

    /// Whether nothing in the body of the function defined at an offset is certain to be unknown.
    fn body_may_be_known(&self, at: usize) -> bool {
        let Some(body) = self.body(at) else { return true };
        let mut quotes = 0;
        let mut waits = false;
        let mut seen = 0;
        for at in memmem::find_iter(body, b"await") {
            quotes += triple_quotes(&body[seen..at]);
            seen = at;
            let line = body[..at]
                .iter()
                .rposition(|byte| matches!(byte, b'\n' | b'\r'))
                .map_or(0, |end| end + 1);
            let before = &body[line..at];
            if before.trim_ascii_start().first() == Some(&b'#') {
                continue;
            }
            waits = true;
            let in_code = quotes % 2 == 0
                && !before.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'#'))
                && !before.last().is_some_and(|byte| is_word(*byte));
            if in_code && self.is_unknown(&body[at + b"await".len()..]) {
                return false;
            }
        }
        waits || self.knows_class || memmem::find(body, b"async").is_some()
    }

    /// Whether what is awaited is certain to be unknown, judged from the text behind `await`.
    fn is_unknown(&self, behind: &[u8]) -> bool {
        let awaited = behind.trim_ascii_start();
        let path = path_at(awaited);
        if behind.len() == awaited.len() || path.is_empty() {
            return false;
        }
        if awaited.get(path.len()) != Some(&b'(') {
            return matches!(awaited[path.len()..].first(), Some(b')' | b',' | b']'));
        }
        let (receiver, name) = split(path);
        if self.renames
            || self.knows_shareable && !receiver.is_empty()
            || MAYBE_KNOWN.contains(&name)
            || self.others.contains(name)
        {
            return false;
        }
        !self.coroutines.contains_key(name) || !self.may_be_known(name)
    }

    /// The lines of the function defined at an offset, its header included. `None` when they cannot be told.
    fn body(&self, at: usize) -> Option<&'t [u8]> {
        let start = self.text[..at]
            .iter()
            .rposition(|byte| matches!(byte, b'\n' | b'\r'))
            .map_or(0, |end| end + 1);
        let outer = indentation(&self.text[start..]);
        let mut next = at;
        loop {
            next = memchr2(b'\n', b'\r', &self.text[next..]).map_or(self.text.len(), |length| next + length + 1);
            let line = &self.text[next..];
            let width = indentation(line);
            let code = &line[width..];
            let is_inner = width > outer || matches!(code.first(), Some(b'\n' | b'\r' | b'#' | b')' | b']'));
            if !is_inner || code.is_empty() {
                break;
            }
            if [&b"def "[..], b"async def ", b"class "]
                .iter()
                .any(|nested| code.starts_with(nested))
            {
                return None;
            }
        }
        let rest = &self.text[next.min(self.text.len())..];
        let rest = &rest[indentation(rest)..];
        let ends_here = rest.is_empty()
            || [&b"def "[..], b"async def ", b"class ", b"@", b"if "]
                .iter()
                .any(|word| rest.starts_with(word));
        let body = &self.text[at..next];
        (ends_here && triple_quotes(body).is_multiple_of(2)).then_some(body)
    }
}

/// Whether arguments are certain to be more than may be evaluated early: a call, or a spread.
fn is_too_much(arguments: &[u8]) -> bool {
    let mut depth = 0;
    let mut at = 0;
    let mut starts_argument = true;
    while at < arguments.len() {
        match arguments[at] {
            b'(' => {
                let before = &arguments[..at];
                let word = before.len() - before.iter().rev().take_while(|byte| is_word(**byte)).count();
                match &before[word..] {
                    b"" | b"in" | b"is" | b"if" | b"or" | b"and" | b"not" | b"else" | b"for" => {}
                    b"lambda" => return false,
                    _ => return true,
                }
                depth += 1;
            }
            b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth == 0 => return false,
            b')' | b']' | b'}' => depth -= 1,
            b'*' if depth == 0 && starts_argument => return true,
            quote @ (b'"' | b'\'') => {
                let is_plain = at == 0 || !is_word(arguments[at - 1]);
                let inside = &arguments[at + 1..];
                match memchr::memchr3(quote, b'\\', b'\n', inside) {
                    Some(end) if is_plain && inside[end] == quote && inside.get(end + 1) != Some(&quote) => {
                        at += end + 1
                    }
                    _ => return false,
                }
            }
            b'#' | b'\\' => return false,
            b'l' if arguments[at..].starts_with(b"lambda") => return false,
            _ => {}
        }
        if !arguments[at].is_ascii_whitespace() {
            starts_argument = arguments[at] == b',' && depth == 0;
        }
        at += 1;
    }
    false
}

/// The path of a receiver and the name of a method; no receiver for a plain name.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b'.', path) {
        Some(dot) => (&path[..dot], &path[dot + 1..]),
        None => (&path[..0], path),
    }
}

fn name_at(text: &[u8]) -> &[u8] {
    first_word(text.trim_ascii_start())
}

/// The dotted path that a text begins with.
pub fn path_at(text: &[u8]) -> &[u8] {
    &text[..text.iter().take_while(|byte| is_word(**byte) || **byte == b'.').count()]
}
