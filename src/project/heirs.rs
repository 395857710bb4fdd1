//! What other files do to the classes and functions of a file that asks: classes that derive from its own and override their methods, and what
//! reads annotations, copies objects, or looks for marks.
//!
//! By lines, words and indentation, as in [`mentions`](super::mentions): names may lead too far, which makes a rewrite unsafe that would be
//! right. Only files that know something of an asking file are read, and only where a codemod of [`ASKING`] has something to look for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use memchr::memmem;
use ruff_python_ast as ast;
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use super::ProjectFacts;
use super::outside::Outside;
use crate::edit::{self, Applicability, Fix};
use crate::finding::{Finding, Verdict};
use crate::glance::{Lines, block_below, first_word, indentation, is_word, last_word, line_start, words};
use crate::semantic::{BindingKind, ScopeId, SemanticModel};

/// The codemods that rest on what classes and functions of the file are, and take nothing else of the project.
pub const ASKING: &[&str] = &[
    "annotate_async_generator",
    "await_forgotten_coroutine",
    "keep_task_reference",
    "replace_contextmanager_on_async_generator",
    "replace_ensure_future",
    "replace_iscoroutinefunction",
    "replace_loop_create_task",
    "replace_run_until_complete",
    "replace_wait_for_with_timeout",
    "use_async_comprehension",
    "use_async_for",
    "use_async_with",
    "use_lock_as_context_manager",
    "wrap_waited_coroutines",
];

/// Those of them whose rewrites are right for what the calls in them give, and for nothing else.
const RESTING_ON_CALLS: &[&str] = &[
    "await_forgotten_coroutine",
    "replace_contextmanager_on_async_generator",
    "replace_ensure_future",
    "replace_loop_create_task",
    "replace_run_until_complete",
    "replace_wait_for_with_timeout",
    "use_async_comprehension",
    "use_async_for",
    "wrap_waited_coroutines",
];

/// What only asyncio's `iscoroutinefunction` looks for.
const MARK: &str = "_is_coroutine";

/// What reads annotations of functions.
const READERS_OF_ANNOTATIONS: &[&str] = &["__annotations__", "get_annotations", "get_type_hints"];

/// What takes an object apart, or makes another one of it.
const COPIERS: &[&str] = &["__dict__", "__reduce__", "copy", "deepcopy", "dill", "pickle", "vars"];

/// Decorators behind which a call gives what it gives without them.
const PLAIN_DECORATORS: &[&[u8]] = &[
    b"abstractmethod",
    b"classmethod",
    b"final",
    b"override",
    b"staticmethod",
];

/// What a definition is, as far as its text tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    is_async: bool,
    yields: bool,
    is_decorated: bool,
}

impl Kind {
    /// Whether a call of it gives what a call of this function gives. What two decorators give is not compared.
    fn gives_the_same(self, function: &ast::StmtFunctionDef, model: &SemanticModel) -> bool {
        let is_plain = model.is_plainly_decorated(function);
        self.is_async == function.is_async
            && self.yields == model.is_generator(function)
            && !(is_plain && self.is_decorated)
    }
}

/// A class of another file.
#[derive(Clone, Debug)]
pub struct Heir {
    pub name: String,
    /// Its bases as they are written.
    bases: Vec<String>,
    /// Definitions in its body, each with its 1-based line.
    methods: BTreeMap<String, (Kind, usize)>,
    /// Attributes that it sets, in its body or through `self`, each with the line.
    sets: BTreeMap<String, usize>,
    /// The line of an `__init__`, or of slots, without which or with which an instance has not what its base's `__init__` gives it.
    differs: Option<usize>,
}

/// The classes that a text defines.
pub fn classes(text: &[u8]) -> Vec<Heir> {
    let lines = Lines::of(text);
    memmem::find_iter(text, b"class ")
        .filter_map(|at| {
            let line = line_start(text, at);
            let is_statement = text[line..at].iter().all(|byte| matches!(byte, b' ' | b'\t'));
            is_statement
                .then(|| heir(text, &lines, line, at + "class ".len()))
                .flatten()
        })
        .collect()
}

/// The class whose line starts at `line`, and whose name starts at `name`.
fn heir(text: &[u8], lines: &Lines, line: usize, name: usize) -> Option<Heir> {
    let own = std::str::from_utf8(first_word(&text[name..]))
        .ok()
        .filter(|own| !own.is_empty())?;
    let behind = &text[name + own.len()..];
    let arguments = behind.strip_prefix(b"(").map_or(&b""[..], |arguments| {
        let end = memchr::memchr(b')', arguments).unwrap_or(arguments.len());
        &arguments[..end]
    });
    let bases = arguments
        .split(|byte| matches!(byte, b',' | b'[' | b']'))
        .filter_map(|base| std::str::from_utf8(base.trim_ascii()).ok())
        .filter(|base| !base.is_empty() && !base.contains('='))
        .map(str::to_owned)
        .collect();
    // Of arguments over several lines, the block begins below the last.
    let header = line_start(text, name + own.len() + arguments.len());
    let block = if header > line && indentation(&text[header..]) > indentation(&text[line..]) {
        block_below(text, line)
    } else {
        block_below(text, header)
    };
    let from = block.as_ptr().addr() - text.as_ptr().addr();
    let mut heir = Heir {
        name: own.to_owned(),
        bases,
        methods: BTreeMap::new(),
        sets: BTreeMap::new(),
        differs: None,
    };
    for at in memmem::find_iter(block, b"def ") {
        let start = line_start(block, at);
        let head = block[start..at].trim_ascii();
        let method = first_word(&block[at + 4..]);
        let Some(method) = std::str::from_utf8(method).ok().filter(|method| !method.is_empty()) else {
            continue;
        };
        if head.is_empty() || head == b"async" {
            let body = block_below(block, start);
            let place = lines.at(from + at);
            let kind = Kind {
                is_async: head == b"async",
                yields: words(body, "yield").next().is_some(),
                is_decorated: !is_plainly_decorated(block, start),
            };
            if method == "__init__" && memmem::find(body, b"__init__(").is_none() {
                heir.differs.get_or_insert(place);
            }
            heir.methods.entry(method.to_owned()).or_insert((kind, place));
        }
    }
    // `self.lock = ...`, `lock = ...`, `lock: Lock = ...`.
    for at in memchr::memchr_iter(b'=', block) {
        let start = line_start(block, at);
        let left = block[start..at].trim_ascii();
        let left = left.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii();
        let path = left.strip_prefix(b"self.").unwrap_or(left);
        if !path.is_empty() && path.iter().all(|byte| is_word(*byte)) {
            let name = String::from_utf8_lossy(path).into_owned();
            let place = lines.at(from + at);
            if name == "__slots__" {
                heir.differs.get_or_insert(place);
            }
            heir.sets.entry(name).or_insert(place);
        }
    }
    Some(heir)
}

/// Whether the decorators above a definition, whose line starts at an offset, leave alone what a call gives.
fn is_plainly_decorated(text: &[u8], start: usize) -> bool {
    let mut end = start;
    while end > 0 {
        let from = line_start(text, end - 1);
        let line = text[from..end].trim_ascii();
        if line.starts_with(b"@") {
            let name = last_word(line);
            if !PLAIN_DECORATORS.contains(&name) {
                return false;
            }
        } else if line == b")" {
            // The end of a decorator's arguments, or of something else.
            return false;
        } else if !line.starts_with(b"#") {
            return true;
        }
        end = from;
    }
    true
}

/// Where a text does what only some rewrites mind.
#[derive(Debug, Default)]
pub struct Habits {
    /// It uses the mark of asyncio's coroutine functions.
    pub marks: Option<usize>,
    pub reads_annotations: Option<usize>,
    /// It copies objects, takes them apart, or makes them without their `__init__`.
    pub copies: Option<usize>,
}

impl Habits {
    pub fn of(text: &[u8]) -> Self {
        let lines = Lines::of(text);
        let first = |names: &[&str]| {
            let found = names.iter().filter_map(|name| {
                words(text, name)
                    .map(|place| place.start())
                    .find(|at| is_used(text, *at, name))
            });
            found.min().map(|at| lines.at(at))
        };
        let unmade = memmem::find_iter(text, b".__new__(").find(|at| {
            let before = &text[..*at];
            let is_own = before.ends_with(b")") || matches!(last_word(before), b"object" | b"type");
            !is_own
        });
        Self {
            marks: first(&[MARK]),
            reads_annotations: first(READERS_OF_ANNOTATIONS),
            copies: first(COPIERS).or_else(|| unmade.map(|at| lines.at(at))),
        }
    }

    /// Whether those must be told that the file knows.
    pub fn tell(&self) -> bool {
        self.reads_annotations.is_some() || self.copies.is_some()
    }
}

/// Whether a word that is found is what is meant: `copy` and `vars` are names of much else.
fn is_used(text: &[u8], at: usize, name: &str) -> bool {
    let (before, behind) = (&text[..at], &text[at + name.len()..]);
    match name {
        "copy" => !before.ends_with(b".") && (behind.starts_with(b"(") || behind.starts_with(b".copy(")),
        "vars" => !before.ends_with(b".") && behind.starts_with(b"("),
        _ => !is_imported(text, at),
    }
}

/// Whether a word stands in an import statement, as far as its line tells.
fn is_imported(text: &[u8], at: usize) -> bool {
    let line = &text[line_start(text, at)..];
    line.starts_with(b"import ") || line.starts_with(b"from ")
}

/// What a file is told.
#[derive(Clone, Debug, Default)]
pub struct Heirs {
    /// By the name of a class of the file: the classes of other files that derive from it, each with its file.
    by_base: BTreeMap<String, Vec<Arc<Shown>>>,
    marks: Option<String>,
    reads_annotations: Option<String>,
    copies: Option<String>,
}

impl Heirs {
    pub fn is_empty(&self) -> bool {
        self.by_base.is_empty() && self.marks.is_none() && self.reads_annotations.is_none() && self.copies.is_none()
    }

    /// Adds what a file does that knows this one. `shown`: its path.
    pub fn add_habits(&mut self, shown: &str, habits: &Habits) {
        for (own, line) in [
            (&mut self.reads_annotations, habits.reads_annotations),
            (&mut self.copies, habits.copies),
        ] {
            if let (None, Some(line)) = (&own, line) {
                *own = Some(format!("{shown}:{line}"));
            }
        }
    }

    /// Adds that some file uses the mark of coroutine functions.
    pub fn add_mark(&mut self, place: &str) {
        self.marks.get_or_insert_with(|| place.to_owned());
    }

    /// Adds the classes that derive from one of these, over as many others as there are. `is_meant`: whether a class of a file has a base of
    /// this file where it names one, asked with the place of the class among the others.
    pub fn add_classes(&mut self, own: &[Heir], others: &Others, mut is_meant: impl FnMut(usize) -> bool) {
        for class in own {
            let mut found: BTreeSet<usize> = BTreeSet::new();
            let mut open = vec![class.name.as_str()];
            while let Some(name) = open.pop() {
                for other in others.by_base.get(name).into_iter().flatten() {
                    if !found.contains(other) && is_meant(*other) {
                        found.insert(*other);
                        open.push(&others.classes[*other].1.1.name);
                    }
                }
            }
            if !found.is_empty() {
                let found = found.into_iter().map(|other| Arc::clone(&others.classes[other].1));
                self.by_base.entry(class.name.clone()).or_default().extend(found);
            }
        }
    }
}

/// The classes of the files that know something of those that ask, by the names of their bases: thousands of files ask about thousands.
#[derive(Debug, Default)]
pub struct Others {
    /// Each with the place of its file in the run.
    pub classes: Vec<(usize, Arc<Shown>)>,
    by_base: FxHashMap<String, Vec<usize>>,
}

/// A class, and its file as it is shown.
pub type Shown = (String, Heir);

impl Others {
    pub fn add(&mut self, file: usize, shown: &str, classes: Vec<Heir>) {
        for class in classes {
            let place = self.classes.len();
            let bases: BTreeSet<&str> = class.bases.iter().map(|base| last(base)).collect();
            for base in bases {
                self.by_base.entry(base.to_owned()).or_default().push(place);
            }
            self.classes.push((file, Arc::new((shown.to_owned(), class))));
        }
    }
}

/// The names by which others may derive from these classes.
pub fn names(classes: &[Heir]) -> impl Iterator<Item = &str> {
    classes.iter().map(|class| class.name.as_str())
}

impl Heir {
    /// The first of these names that one of its bases has.
    pub fn bases_named<'n>(&self, names: &BTreeSet<&'n str>) -> Option<&'n str> {
        self.bases.iter().find_map(|base| names.get(last(base)).copied())
    }

    /// Whether it derives from a class of one of these names.
    pub fn derives_from(&self, names: &BTreeSet<String>) -> bool {
        self.bases.iter().any(|base| names.contains(last(base)))
    }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

impl ProjectFacts {
    fn heirs(&self) -> Option<&Heirs> {
        self.outside.as_deref().map(Outside::heirs)
    }

    /// Where another file of the run uses the mark of asyncio's coroutine functions, as `file:line`.
    pub fn marks(&self) -> Option<&str> {
        self.heirs()?.marks.as_deref()
    }

    /// Where a file that knows this one reads annotations, as `file:line`.
    pub fn reads_annotations(&self) -> Option<&str> {
        self.heirs()?.reads_annotations.as_deref()
    }

    /// Where a file that knows this one copies objects or takes them apart, as `file:line`.
    pub fn copies(&self) -> Option<&str> {
        self.heirs()?.copies.as_deref()
    }

    /// The classes of other files that derive from a class of this one, each with its file.
    fn heirs_of<'a>(&self, class: &'a ast::StmtClassDef, model: &SemanticModel<'a>) -> Vec<&Shown> {
        let by_base = self.heirs().map(|heirs| &heirs.by_base);
        let Some(by_base) = by_base.filter(|by_base| !by_base.is_empty()) else {
            return Vec::new();
        };
        model
            .classes()
            .filter(|other| std::ptr::eq(*other, class) || model.derives_from(other, class, 0))
            .filter_map(|other| by_base.get(other.name.as_str()))
            .flatten()
            .map(|heir| &**heir)
            .collect()
    }

    /// Where a class of another file that derives from this one defines a method or sets an attribute of one of these names, for a message:
    /// `` `Loud.close` (main.py:7) ``.
    pub fn overrides<'a>(
        &self,
        class: &'a ast::StmtClassDef,
        names: &[&str],
        model: &SemanticModel<'a>,
    ) -> Option<String> {
        self.heirs_of(class, model).into_iter().find_map(|(file, heir)| {
            names.iter().find_map(|name| {
                let method = heir.methods.get(*name).map(|(_, line)| line);
                let line = method.or_else(|| heir.sets.get(*name))?;
                Some(format!("`{}.{name}` ({file}:{line})", heir.name))
            })
        })
    }

    /// Where a class of another file that derives from this one has an `__init__` that does not run its base's, or slots, as `file:line`.
    pub fn leaves_init<'a>(&self, class: &'a ast::StmtClassDef, model: &SemanticModel<'a>) -> Option<String> {
        self.heirs_of(class, model)
            .into_iter()
            .find_map(|(file, heir)| Some(format!("{file}:{}", heir.differs?)))
    }
}

/// Makes unsafe what is right for the functions and constants of the file, where other files put something else in their place.
pub fn doubt_what_others_replace(findings: &mut [Finding], model: &SemanticModel, project: &ProjectFacts) {
    if project.outside.is_none() {
        return;
    }
    for finding in findings {
        let range = finding.range;
        if !RESTING_ON_CALLS.contains(&finding.codemod) {
            continue;
        }
        let Verdict::Fix(fix) = &mut finding.verdict else {
            continue;
        };
        let Some(doubt) = doubt(project, model, fix, range) else {
            continue;
        };
        // To await what may be no coroutine breaks what works, and nothing else is gained by it.
        if finding.codemod == "await_forgotten_coroutine" {
            finding.verdict = Verdict::Report(doubt);
            continue;
        }
        let doubts = fix.reason.as_deref().into_iter().chain([doubt.as_str()]);
        fix.reason = edit::all_doubts(doubts);
        fix.applicability = fix.applicability.min(Applicability::Unsafe);
    }
}

/// Why something in a fix, or in its finding, may not be what the file says.
fn doubt(project: &ProjectFacts, model: &SemanticModel, fix: &Fix, found: TextRange) -> Option<String> {
    let zone = fix.hull().map_or(found, |hull| hull.cover(found));
    let called = model
        .calls()
        .filter(|call| zone.contains_range(call.range()))
        .filter_map(|call| model.definition_of(&call.func))
        .filter(|function| function.is_async);
    // What is decorated anew is another thing for all who call it.
    let is_edited = |range: TextRange| fix.edits.iter().any(|edit| range.contains_range(edit.range()));
    let decorated = model.functions().filter(|function| {
        let mut decorators = function.decorator_list.iter();
        decorators.any(|decorator| is_edited(decorator.range()))
    });
    let mut functions = called.chain(decorated);
    functions
        .find_map(|function| replaced(project, model, function))
        .or_else(|| {
            model
                .references()
                .iter()
                .filter(|reference| zone.contains_range(reference.name.range()))
                .find_map(|reference| {
                    let name = reference.name.id.as_str();
                    let binding = model.sole_binding(name, reference.scope)?;
                    let is_number = binding.scope == ScopeId::MODULE
                        && matches!(binding.kind, BindingKind::Assignment(value) if model.number(value).is_some());
                    let place = || project.changes(name).or_else(|| project.patches_name(name));
                    let place = is_number.then(place)??;
                    Some(format!("`{name}` is given another value ({place})"))
                })
        })
}

/// Why a call of a function may give something else than it does.
fn replaced<'a>(
    project: &ProjectFacts,
    model: &SemanticModel<'a>,
    function: &'a ast::StmtFunctionDef,
) -> Option<String> {
    let name = function.name.as_str();
    let Some(class) = model.class_of_method(function) else {
        let is_global = model.scope_of(model.id(function)) == ScopeId::MODULE;
        let place = project.changes(name).filter(|_| is_global)?;
        return Some(format!("something else is put in the place of `{name}` ({place})"));
    };
    let overridden = project.heirs_of(class, model).into_iter().find_map(|(file, heir)| {
        let line = match heir.methods.get(name) {
            Some((kind, _)) if kind.gives_the_same(function, model) => return None,
            Some((_, line)) => line,
            None => heir.sets.get(name)?,
        };
        Some(format!(
            "`{}.{name}` ({file}:{line}) stands in the place of `{}.{name}`, and may give something else",
            heir.name, class.name
        ))
    });
    overridden
        .or_else(|| {
            let place = project.sets(name)?;
            Some(format!("an attribute `{name}` is set, which may be this one ({place})"))
        })
        .or_else(|| {
            let place = project.changes(&class.name)?;
            Some(format!("`{}` is changed ({place})", class.name))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_read() {
        let text = "import base\n\n\nclass Slow(base.Base, metaclass=M):\n    kind: str = \"x\"\n\n    def __init__(self):\n        self.lock = Lock()\n\n    @wraps\n    async def job(self):\n        yield 1\n\n    @override\n    def other(self):\n        if x == 1: pass\n\n\nclass Plain:\n    pass\n";
        let found = classes(text.as_bytes());
        let [slow, plain] = &found[..] else { panic!("{found:?}") };
        assert_eq!(
            (slow.name.as_str(), slow.bases.as_slice()),
            ("Slow", &["base.Base".to_owned()][..])
        );
        assert_eq!(slow.differs, Some(7));
        let kind = |is_async, yields, is_decorated| Kind {
            is_async,
            yields,
            is_decorated,
        };
        assert_eq!(slow.methods["job"], (kind(true, true, true), 11));
        assert_eq!(slow.methods["other"], (kind(false, false, false), 15));
        let sets: Vec<(&str, usize)> = slow.sets.iter().map(|(name, line)| (name.as_str(), *line)).collect();
        assert_eq!(sets, [("kind", 5), ("lock", 8)]);
        assert!(plain.bases.is_empty() && plain.methods.is_empty());
    }

    #[test]
    fn habits_are_seen() {
        let of = |text: &str| Habits::of(text.as_bytes());
        assert_eq!(of("import a\nf._is_coroutine = x\n").marks, Some(2));
        assert_eq!(of("import copy\n\nb = copy.deepcopy(a)\n").copies, Some(3));
        assert_eq!(of("b = a.copy()\n").copies, None);
        assert_eq!(of("s = Service.__new__(Service)\n").copies, Some(1));
        assert_eq!(of("    o = super().__new__(cls)\n").copies, None);
        assert_eq!(of("typing.get_type_hints(f)\n").reads_annotations, Some(1));
    }
}
