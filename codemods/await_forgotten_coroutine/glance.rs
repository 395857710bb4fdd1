//! The quick look: does a call of what may be a coroutine function stand where a coroutine is out of place?

use std::cell::{OnceCell, RefCell};
use std::sync::LazyLock;

use memchr::{memchr, memmem};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::codemod::Wanted;
use crate::glance::{
    Place, behind_arguments, calls_where, first_word, is_word, last_word, line_start, mentions, words,
};
use crate::knowledge;
use crate::misuse::CONSUMERS;
use crate::semantic::purity::ASYNCIO_COROUTINES;

/// Names of coroutine functions of libraries.
static LIBRARY: LazyLock<FxHashSet<&'static [u8]>> = LazyLock::new(|| {
    let functions = ASYNCIO_COROUTINES.iter().copied();
    functions
        .chain(knowledge::coroutine_methods())
        .map(str::as_bytes)
        .collect()
});

/// Names of coroutine methods of what `asyncio`'s own functions make.
static STREAMS: LazyLock<FxHashSet<&'static [u8]>> = LazyLock::new(|| {
    [
        "asyncio.StreamReader",
        "asyncio.StreamWriter",
        "asyncio.Server",
        "asyncio.subprocess.Process",
    ]
    .into_iter()
    .flat_map(knowledge::coroutine_methods_of)
    .map(str::as_bytes)
    .collect()
});

/// Decorators that leave what a call does alone.
const PLAIN_DECORATORS: &[&[u8]] = &[
    b"staticmethod",
    b"classmethod",
    b"override",
    b"final",
    b"abstractmethod",
    b"no_type_check",
];

pub fn glance(text: &[u8], _: Wanted) -> bool {
    let own = coroutine_functions(text);
    let is_named = |name: &[u8]| own.contains_key(name) || LIBRARY.contains(name);
    let look = Look::new(text, &own);
    calls_where(text, is_named)
        .any(|call| !call.is_awaited() && is_misplaced(text, &call) && look.may_be_coroutine(&call))
}

/// The names of what the text defines with `async def`, those with telling decorators aside: whether one of that name can be called
/// without a receiver.
fn coroutine_functions(text: &[u8]) -> FxHashMap<&[u8], bool> {
    let mut functions = FxHashMap::default();
    for at in memmem::find_iter(text, b"async def") {
        let line = line_start(text, at);
        if is_decorated(text[..line].trim_ascii_end()) {
            continue;
        }
        let behind = text[at + b"async def".len()..].trim_ascii_start();
        let name = first_word(behind);
        let parameters = behind[name.len()..].trim_ascii_start();
        let first = parameters.strip_prefix(b"(").unwrap_or(parameters).trim_ascii_start();
        let is_method = matches!(first_word(first), b"self" | b"cls");
        *functions.entry(name).or_insert(false) |= !is_method;
    }
    functions
}

/// Whether the text ends in a line with a decorator that may change what a call does.
fn is_decorated(above: &[u8]) -> bool {
    let line = above[line_start(above, above.len())..].trim_ascii();
    line.starts_with(b"@") && !PLAIN_DECORATORS.iter().any(|name| line.ends_with(name))
}

/// By receiver and method.
type Typed<'t> = FxHashMap<(&'t [u8], &'t [u8]), bool>;

/// What a text says about callees. Each question costs a search of the whole text, and the same ones are asked for call after call.
struct Look<'t> {
    text: &'t [u8],
    own: &'t FxHashMap<&'t [u8], bool>,
    imports_members: OnceCell<bool>,
    makes_streams: OnceCell<bool>,
    classes: OnceCell<FxHashSet<&'t [u8]>>,
    /// Whether the text mentions a library's class.
    mentioned: RefCell<FxHashMap<&'static str, bool>>,
    /// What [`Look::is_typed`] says.
    typed: RefCell<Typed<'t>>,
}

impl<'t> Look<'t> {
    fn new(text: &'t [u8], own: &'t FxHashMap<&'t [u8], bool>) -> Self {
        Self {
            text,
            own,
            imports_members: OnceCell::new(),
            makes_streams: OnceCell::new(),
            classes: OnceCell::new(),
            mentioned: RefCell::default(),
            typed: RefCell::default(),
        }
    }

    fn imports_members(&self) -> bool {
        let imports = || mentions(self.text, &["from asyncio import", "asyncio as", "asyncio.tasks"]);
        *self.imports_members.get_or_init(imports)
    }

    /// Whether the text calls what makes a library's objects without naming their class.
    fn makes_streams(&self) -> bool {
        const MAKERS: &[&str] = &[
            "open_connection(",
            "open_unix_connection(",
            "create_subprocess_",
            "start_server(",
        ];
        *self.makes_streams.get_or_init(|| mentions(self.text, MAKERS))
    }

    /// Whether the callee may be known to be a coroutine function.
    fn may_be_coroutine(&self, call: &Place<'t>) -> bool {
        let (path, word) = (call.path(), call.word());
        let of_asyncio = ASYNCIO_COROUTINES.iter().any(|name| name.as_bytes() == word);
        if of_asyncio && (path.starts_with(b"asyncio.") || self.imports_members()) {
            return true;
        }
        if path == word {
            return self.own.get(word).is_some_and(|without_receiver| *without_receiver);
        }
        if STREAMS.contains(word) && self.makes_streams() {
            return true;
        }
        let receiver = path[..path.len() - word.len()].strip_suffix(b".").unwrap_or_default();
        let receiver = last_word(receiver);
        if receiver.is_empty() {
            return self.made_on_the_spot(call);
        }
        let is_own = self.own.contains_key(word);
        if is_own && matches!(receiver, b"self" | b"cls") {
            return true;
        }
        if let Some(known) = self.typed.borrow().get(&(receiver, word)) {
            return *known;
        }
        let typed = (is_own || self.mentions_class_with(word)) && self.is_typed(receiver, is_own, word, 2);
        self.typed.borrow_mut().insert((receiver, word), typed);
        typed
    }

    /// Whether the text mentions a library's class with this coroutine method.
    fn mentions_class_with(&self, method: &[u8]) -> bool {
        let mut mentioned = self.mentioned.borrow_mut();
        knowledge::classes_with(method)
            .any(|class| *mentioned.entry(class).or_insert_with(|| mentions(self.text, &[class])))
    }

    /// Whether a call on `X().name` is one on an instance of a class that may be known.
    fn made_on_the_spot(&self, call: &Place) -> bool {
        let text = self.text;
        let end = text.len() - call.behind().len() - call.path().len();
        let mut depth = 0usize;
        for at in (0..end).rev() {
            match text[at] {
                b')' => depth += 1,
                b'(' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        let start = at - text[..at].iter().rev().take_while(|byte| is_word(**byte)).count();
                        return text[start..at] != *b"super" && self.is_class(&text[start..at], true, call.word());
                    }
                }
                // An item or a literal.
                _ if depth == 0 => return false,
                _ => {}
            }
        }
        false
    }

    /// Whether the class of a variable or attribute may be told from some place that gives it a value or an annotation, or from what that
    /// place names in turn.
    fn is_typed(&self, receiver: &[u8], is_own: bool, method: &[u8], steps: usize) -> bool {
        let Ok(name) = std::str::from_utf8(receiver) else {
            return true;
        };
        words(self.text, name).any(|place| {
            let behind = place.behind().trim_ascii_start();
            let line = &behind[..memchr(b'\n', behind).unwrap_or(behind.len())];
            let before = place.before_path().trim_ascii_end();
            let value = match line.first() {
                // `with X() as name:`, `for name in xs`.
                _ if before.ends_with(b" as") => before,
                Some(b'=') if line.get(1) != Some(&b'=') => &line[1..],
                Some(b':') => &line[1..],
                _ if before.ends_with(b"for") => line.strip_prefix(b"in ").unwrap_or_default(),
                _ => return false,
            };
            let value = value.trim_ascii().strip_suffix(b":").unwrap_or(value).trim_ascii();
            let mut named = value.split(|byte| !is_word(*byte)).filter(|word| !word.is_empty());
            let is_path = value.iter().all(|byte| is_word(*byte) || *byte == b'.');
            let last = || value.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
            matches!(value, b"(" | b"[" | b"{")
                || named.any(|word| self.is_class(word, is_own, method))
                || is_path
                    && !value.is_empty()
                    && last() != receiver
                    && (steps == 0 || self.is_typed(last(), is_own, method, steps - 1))
        })
    }

    /// Whether a name is that of a class of the text, or of a library's class with this coroutine method.
    fn is_class(&self, name: &[u8], is_own: bool, method: &[u8]) -> bool {
        let classes = || self.classes.get_or_init(|| classes_of(self.text));
        is_own && classes().contains(name) || knowledge::is_class_with(name, method)
    }
}

/// The names behind each `class` that begins a line.
fn classes_of(text: &[u8]) -> FxHashSet<&[u8]> {
    memmem::find_iter(text, b"class")
        .filter(|&at| {
            let line = line_start(text, at);
            text[line..at].trim_ascii().is_empty()
        })
        .map(|at| first_word(text[at + b"class".len()..].trim_ascii_start()))
        .collect()
}

/// Whether the coroutine may be dropped or used as a value here, and not just passed on, stored or returned.
fn is_misplaced(text: &[u8], call: &Place) -> bool {
    let mut before = call.before_path().trim_ascii();
    if is_prose(before) {
        return false;
    }
    if before.is_empty() {
        // Within brackets that an earlier line has opened, or a statement.
        let above = text[..call.line_start()].trim_ascii_end();
        before = above[line_start(above, above.len())..].trim_ascii();
        if before.contains(&b'#') || !matches!(before.last(), Some(b'(' | b'[' | b'{' | b',')) {
            return true;
        }
        if before.ends_with(b"{") && is_in_string(before) {
            return true;
        }
    }
    let is_passed_on = match before.last() {
        Some(b'(') => !opens_test_or_consumer(&before[..before.len() - 1]),
        Some(b'{') => !is_in_string(before),
        Some(b',' | b'[') => true,
        Some(b'=') => {
            let target = &before[..before.len() - 1];
            !matches!(
                target.last(),
                Some(b'=' | b'!' | b'<' | b'>' | b'+' | b'-' | b'*' | b'/' | b'%' | b'|' | b'&')
            ) && (!target.contains(&b',') || target.contains(&b'('))
                && !is_used_by_name(target, call.behind())
        }
        Some(b':') => {
            let is_block = [
                &b"if"[..],
                b"elif",
                b"else",
                b"for",
                b"while",
                b"with",
                b"try",
                b"except",
                b"finally",
            ]
            .iter()
            .any(|word| before.starts_with(word));
            !is_block || before.ends_with(b"lambda:")
        }
        _ => {
            before.ends_with(b"return")
                || before.ends_with(b"yield")
                || before.ends_with(b"in") && memmem::find(before, b"async for").is_some()
        }
    };
    !is_passed_on || is_used(call.behind())
}

/// Whether the name that a call's value is given is used below as no coroutine can be: `response.json()`, `rows[0]`, `for row in rows`.
fn is_used_by_name(target: &[u8], behind: &[u8]) -> bool {
    let name = target.trim_ascii();
    !name.is_empty()
        && name.iter().all(|byte| is_word(*byte))
        && memmem::find_iter(behind, name).any(|at| {
            let before = &behind[..at];
            let starts = !before.last().is_some_and(|byte| is_word(*byte) || *byte == b'.');
            let after = behind.get(at + name.len());
            starts && (matches!(after, Some(b'.' | b'[')) || before.trim_ascii_end().ends_with(b" in"))
        })
}

/// Whether a call cannot stand behind this: behind a backtick, or behind a word that is no keyword.
fn is_prose(before: &[u8]) -> bool {
    const KEYWORDS: &[&[u8]] = &[
        b"and", b"assert", b"async", b"await", b"case", b"elif", b"else", b"from", b"if", b"in", b"is", b"lambda",
        b"match", b"not", b"or", b"raise", b"return", b"while", b"with", b"yield",
    ];
    let word = last_word(before);
    before.last() == Some(&b'`') || !word.is_empty() && !KEYWORDS.contains(&word)
}

/// Whether the text before an opening parenthesis makes what is inside a truth test, or the argument of a builtin that takes none.
fn opens_test_or_consumer(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let word = last_word(before);
    word.is_empty() && !matches!(before.last(), Some(b'(' | b'=' | b',' | b'*' | b']'))
        || CONSUMERS.iter().any(|name| name.as_bytes() == word)
        || [
            &b"if"[..],
            b"elif",
            b"while",
            b"not",
            b"and",
            b"or",
            b"assert",
            b"in",
            b"else",
            b"raise",
        ]
        .contains(&word)
}

/// Whether a quote stands in the line: the brace may be that of an f-string.
fn is_in_string(before: &[u8]) -> bool {
    before.iter().any(|byte| matches!(byte, b'"' | b'\''))
}

/// Whether something is done with the value of the call whose arguments begin here: an attribute, an item, an operator.
fn is_used(behind: &[u8]) -> bool {
    let Some(rest) = behind_arguments(behind) else {
        return true;
    };
    let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let same_line = !rest[..blanks].contains(&b'\n');
    let rest = &rest[blanks..];
    let word = first_word(rest);
    match rest.first() {
        Some(b'.') => true,
        Some(b'(' | b'[') => same_line,
        Some(b'+' | b'-' | b'*' | b'/' | b'%' | b'<' | b'>' | b'=' | b'!' | b'&' | b'|' | b'^' | b'@' | b'\\') => {
            same_line || rest.get(1) == Some(&b'=')
        }
        _ => [&b"and"[..], b"or", b"in", b"is", b"not"].contains(&word),
    }
}
