//! What one file says to the others: plain data without a borrow, so that it can be kept, sent and compared.
//!
//! Nothing here is resolved across files. A [`Target`] says as much as the file itself knows of what is called; `resolve` follows it.

use std::collections::{BTreeMap, BTreeSet};

use ruff_text_size::TextRange;
use serde::{Deserialize, Serialize};

use super::colouring::usage::{Place, Usage};
use super::effects::Effects;
use super::layer::Part;

/// The facts of one file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    /// The first one is the body of the module.
    pub functions: Vec<Function>,
    pub classes: Vec<Class>,
    /// What the names of the module stand for, where all of their bindings agree.
    pub names: BTreeMap<String, Meaning>,
    /// The classes of the objects that the module makes and names.
    pub objects: BTreeMap<String, ClassName>,
    /// The other names that it binds: what they stand for is not known.
    pub bound: BTreeSet<String>,
    /// The names of the module that stand for iterators: each element is given once.
    pub iterators: BTreeSet<String>,
    /// The names of variables of modules that its functions change.
    pub changed: BTreeSet<String>,
    /// The modules of which everything is imported, as written: relative ones keep their dots.
    pub stars: Vec<String>,
    /// What the colouring of the project asks, where it is wanted.
    pub usage: Option<Usage>,
    /// What its functions do, where it is wanted.
    pub effects: Option<Effects>,
    /// What it has of a layer of SQLAlchemy, where that is asked.
    pub layer: Option<Part>,
}

impl Summary {
    /// Takes the file for a program of its own, which nobody imports.
    pub fn end_program(&mut self) {
        if let Some(usage) = &mut self.usage {
            usage.end_program();
        }
    }

    /// Whether it ends with calls that can run in an event loop if nobody imports it.
    pub fn has_end(&self) -> bool {
        let uses = self.usage.iter().flat_map(|usage| &usage.uses);
        uses.into_iter().any(|used| used.place == Place::End)
    }
}

impl Summary {
    /// The dotted names of what it imports and calls, or binds to a name.
    pub fn imported(&self) -> impl Iterator<Item = &str> {
        let called = self.functions.iter().flat_map(|function| &function.sites);
        let called = called.filter_map(|site| match &site.target {
            Target::Path(path) => Some(path.as_str()),
            _ => None,
        });
        let bound = self.names.values().filter_map(|meaning| match meaning {
            Meaning::Import(path) => Some(path.as_str()),
            Meaning::Function(_) | Meaning::Class(_) => None,
        });
        called.chain(bound).chain(self.stars.iter().map(String::as_str))
    }
}

/// What a name of a module stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Meaning {
    Function(usize),
    Class(usize),
    /// An imported object by its dotted name; relative ones keep their dots.
    Import(String),
}

/// A class that a file names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClassName {
    /// One of its own.
    Own(usize),
    /// An imported one.
    Path(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Class {
    pub qualname: String,
    /// `None` where a base is no name that the file knows.
    pub bases: Vec<Option<ClassName>>,
    /// The last definition of each.
    pub methods: BTreeMap<String, usize>,
    /// The classes of attributes, where the file knows them.
    pub attributes: BTreeMap<String, ClassName>,
}

/// A function, or the body of the module.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Function {
    /// `Client.get`; a function in a function is `outer.<locals>.inner`. Empty for the body of the module.
    pub qualname: String,
    /// Its name, where it is defined.
    pub range: TextRange,
    /// 1-based.
    pub line: usize,
    /// The class whose method it is.
    pub class: Option<usize>,
    pub is_async: bool,
    pub is_generator: bool,
    pub is_property: bool,
    pub is_test: bool,
    /// Whether it is defined inside of an async function.
    pub is_local_to_coroutine: bool,
    /// What decorates it, other than what leaves calls alone.
    pub decorators: Vec<String>,
    /// The class of what it returns, where that is said.
    pub returns: Option<ClassName>,
    /// It stands for what others define in its place: abstract, or without a body.
    pub is_stub: bool,
    pub sites: Vec<Site>,
    /// What it hands to calls, or goes over: functions may run when it does, and iterators be used up.
    pub handed: Vec<Target>,
    /// The names of variables of modules that it reads before a call, and again behind it.
    pub read_again: BTreeSet<String>,
    /// The files that it reads, and those that it writes, whose paths mean the same in every function: as written.
    pub files_read: BTreeSet<String>,
    pub files_written: BTreeSet<String>,
    pub leaves: Vec<Leaf>,
    /// What must not run in another thread: the first of it.
    pub hazard: Option<Note>,
    /// The first write to something that outlives it.
    pub write: Option<Note>,
    /// The first thing of which it is not known what it does.
    pub unknown: Option<Note>,
}

/// A remark about a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub text: String,
    /// 1-based.
    pub line: usize,
}

/// Where a function uses what may be a function of the project.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Site {
    pub target: Target,
    pub edge: Edge,
    pub range: TextRange,
    /// 1-based.
    pub line: usize,
    /// What names the target, as written: `self.client.get`.
    pub text: String,
    pub is_awaited: bool,
    /// Whether a coroutine may wait there: not where its arguments, or the place, say that it does not.
    pub may_block: bool,
}

/// How a use runs its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Edge {
    Call,
    /// An attribute is read: a property runs.
    Read,
    /// `with`: `__enter__` and `__exit__` run.
    Enter,
    /// `for`: `__iter__` and `__next__` run.
    Iterate,
    /// It is handed over to the event loop, which calls it.
    Callback,
}

impl Edge {
    /// The methods that this use of an object runs.
    pub fn methods(self) -> &'static [&'static str] {
        match self {
            Self::Enter => &["__enter__", "__exit__"],
            Self::Iterate => &["__iter__", "__next__"],
            Self::Call | Self::Read | Self::Callback => &[],
        }
    }
}

/// What a use names, as far as its file knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    Function(usize),
    Class(usize),
    /// An imported object.
    Path(String),
    /// A name that is bound nowhere in the module, below an import of everything.
    Star(String),
    Member(Receiver, String),
    /// `super().name` in this class.
    Super(usize, String),
    /// An object itself: what is entered, or iterated over.
    Object(Receiver),
}

/// What is known of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Receiver {
    /// An instance of a class, or `cls`.
    Instance(ClassName),
    /// The class itself.
    Class(ClassName),
    /// An attribute of another object.
    Attribute(Box<Receiver>, String),
    /// What a call gives.
    Result(Box<Target>),
    /// What `with` binds.
    Entered(Box<Receiver>),
    /// One element of the tuple that a call gives.
    Element(Box<Target>, usize),
    /// What a method or an attribute of this name gives that is of a library: data, and no object of the project. Where it has no name, that is certain.
    Data(String),
    /// One of these, where they agree.
    OneOf(Vec<Receiver>),
    /// What another object gives for a key, a step of a loop, or a computed name.
    Part(Box<Receiver>),
    /// What the fixture of this name gives to a test (pytest).
    Fixture(String),
}

/// A call that blocks by itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Leaf {
    /// The qualified name.
    pub name: String,
    /// What it waits for, as the table says.
    pub kind: String,
    pub range: TextRange,
    /// 1-based.
    pub line: usize,
}
