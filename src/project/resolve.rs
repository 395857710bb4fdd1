//! From what a file says that it calls to the functions of the project: through imports, re-exports, classes and their bases.
//!
//! What is found is certain as far as the files tell: names by their only binding, methods by the class of a receiver that is known.

use std::cell::{Cell, OnceCell, RefCell};

use rustc_hash::{FxHashMap, FxHashSet};

use super::Project;
use super::modules::{ModuleId, Modules};
use super::summary::{Class, ClassName, Edge, Function, Meaning, Receiver, Site, Summary, Target};

/// A function: its file, and its index there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionId {
    pub file: usize,
    pub index: usize,
}

/// A class: its file, and its index there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId {
    pub file: usize,
    pub index: usize,
}

/// What a name turns out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Function(FunctionId),
    Class(ClassId),
    Module(ModuleId),
    /// Of a library: the qualified name.
    External(String),
}

/// Modules whose functions, and the methods of what they give, give objects of the language or of libraries, and none that they were given: hooks
/// aside, which [`super::summarise`] looks for.
const PLAIN: &[&str] = &[
    "base64",
    "binascii",
    "bz2",
    "calendar",
    "configparser",
    "csv",
    "datetime",
    "decimal",
    "email",
    "fractions",
    "getpass",
    "glob",
    "gzip",
    "hashlib",
    "hmac",
    "html",
    "http",
    "httpx",
    "httpx2",
    "io",
    "json",
    "locale",
    "logging",
    "lzma",
    "math",
    "mimetypes",
    "os",
    "pathlib",
    "platform",
    "re",
    "requests",
    "requests_mock",
    "requests_oauthlib",
    "responses",
    "secrets",
    "shlex",
    "shutil",
    "socket",
    "ssl",
    "statistics",
    "string",
    "struct",
    "subprocess",
    "tarfile",
    "tempfile",
    "textwrap",
    "time",
    "tomllib",
    "unicodedata",
    "urllib",
    "urllib3",
    "uuid",
    "xml",
    "zipfile",
    "zlib",
];

/// Whether what an object or a function of a library gives is nothing of the project's.
fn is_plain(name: &str) -> bool {
    let module = name.split('.').next().unwrap_or(name);
    PLAIN.binary_search(&module).is_ok()
}

/// A part of something, where that is plain.
fn plain(found: &Found) -> Option<Found> {
    matches!(found, Found::External(name) if is_plain(name)).then(|| Found::External(DATA.to_owned()))
}

/// What two values agree on: the same thing, or that neither is anything of the project's.
pub(super) fn agreed(one: Found, other: Found) -> Option<Found> {
    if one == other {
        return Some(one);
    }
    plain(&one).and(plain(&other))
}

/// Imports that lead to imports that lead to imports.
const MAX_STEPS: usize = 16;

/// By a function, and the element of the tuple that it gives.
type ByElement = FxHashMap<(FunctionId, Option<usize>), Option<Found>>;

pub struct Linker<'p> {
    pub project: &'p Project,
    pub modules: &'p Modules,
    /// The classes that derive from a class directly.
    derived: FxHashMap<ClassId, Vec<ClassId>>,
    /// What was found for a name that a file imports.
    found: RefCell<FxHashMap<usize, FxHashMap<String, Option<Found>>>>,
    /// The last parts of the names of all functions.
    names: OnceCell<FxHashSet<String>>,
    /// What functions give that do not say it, or an element of that; `None` also while it is looked for.
    pub(super) given: RefCell<ByElement>,
    /// How many of them are looked for at once.
    pub(super) looking: Cell<usize>,
}

/// What was read from JSON, as something of a library.
const DATA: &str = "json.data";

impl<'p> Linker<'p> {
    pub fn new(project: &'p Project) -> Self {
        let mut linker = Self {
            project,
            modules: &project.modules,
            derived: FxHashMap::default(),
            found: RefCell::default(),
            names: OnceCell::new(),
            given: RefCell::default(),
            looking: Cell::new(0),
        };
        let mut derived: FxHashMap<ClassId, Vec<ClassId>> = FxHashMap::default();
        for (file, summary) in linker.summaries() {
            for index in 0..summary.classes.len() {
                let class = ClassId { file, index };
                for base in linker.bases(class) {
                    if let Found::Class(base) = base {
                        derived.entry(base).or_default().push(class);
                    }
                }
            }
        }
        linker.derived = derived;
        linker
    }

    pub fn summaries(&self) -> impl Iterator<Item = (usize, &'p Summary)> + use<'p> {
        let files = self.project.files.iter().enumerate();
        files.filter_map(|(index, (_, summary))| Some((index, summary.as_ref()?)))
    }

    pub fn functions(&self) -> impl Iterator<Item = (FunctionId, &'p Function)> + use<'p> {
        self.summaries().flat_map(|(file, summary)| {
            let functions = summary.functions.iter().enumerate();
            functions.map(move |(index, function)| (FunctionId { file, index }, function))
        })
    }

    fn summary(&self, file: usize) -> Option<&'p Summary> {
        self.project.files[file].1.as_ref()
    }

    /// Panics when there is no such function: ids come from summaries.
    pub fn function(&self, id: FunctionId) -> &'p Function {
        &self.summary(id.file).expect("ids come from summaries").functions[id.index]
    }

    /// The name of a function, without what it is defined in.
    pub fn name(&self, id: FunctionId) -> &'p str {
        let qualname = self.function(id).qualname.as_str();
        qualname.rsplit('.').next().unwrap_or(qualname)
    }

    pub fn class(&self, id: ClassId) -> &'p Class {
        &self.summary(id.file).expect("ids come from summaries").classes[id.index]
    }

    /// The functions that a use runs, in the order in which it does.
    pub fn callees(&self, file: usize, site: &Site) -> Vec<FunctionId> {
        let function = |found: Option<Found>| match found {
            Some(Found::Function(function)) => Some(function),
            _ => None,
        };
        if let Target::Object(Receiver::Result(made)) = &site.target
            && let Some(Found::Function(made)) = self.find(file, made)
            && self.runs_when(made, site.edge)
        {
            return vec![made];
        }
        match (site.edge, self.find(file, &site.target)) {
            (Edge::Call, Some(Found::Class(class))) => {
                function(self.member(class, "__init__", 0)).into_iter().collect()
            }
            (Edge::Enter | Edge::Iterate, Some(Found::Class(class))) => {
                let methods = site.edge.methods().iter();
                methods
                    .filter_map(|method| function(self.member(class, method, 0)))
                    .collect()
            }
            (Edge::Read, found) => function(found)
                .filter(|function| self.function(*function).is_property)
                .into_iter()
                .collect(),
            // A generator runs when it is iterated over.
            (Edge::Call | Edge::Callback, found) => function(found)
                .filter(|function| !self.function(*function).is_property && !self.function(*function).is_generator)
                .into_iter()
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the body of a generator function runs when what it gives is used in this way.
    fn runs_when(&self, made: FunctionId, edge: Edge) -> bool {
        let function = self.function(made);
        function.is_generator
            && match edge {
                Edge::Iterate => function.decorators.is_empty(),
                Edge::Enter => {
                    matches!(function.decorators.as_slice(), [name] if name.rsplit('.').next() == Some("contextmanager"))
                }
                Edge::Call | Edge::Read | Edge::Callback => false,
            }
    }

    /// Whether the project has a function of this name.
    fn defines(&self, name: &str) -> bool {
        let names = self
            .names
            .get_or_init(|| self.functions().map(|(id, _)| self.name(id).to_owned()).collect());
        names.contains(name)
    }

    /// What a target is. For an object, its class.
    pub fn find(&self, file: usize, target: &Target) -> Option<Found> {
        self.find_at(file, target, 0)
    }

    fn find_at(&self, file: usize, target: &Target, steps: usize) -> Option<Found> {
        if steps > MAX_STEPS {
            return None;
        }
        match target {
            Target::Function(index) => Some(Found::Function(FunctionId { file, index: *index })),
            Target::Class(index) => Some(Found::Class(ClassId { file, index: *index })),
            Target::Path(path) => self.imported(file, path, steps),
            Target::Star(name) => self.starred(file, name, steps),
            Target::Super(index, name) => {
                let class = ClassId { file, index: *index };
                self.inherited(class, name, steps)
            }
            Target::Member(receiver, name) => match self.object(file, receiver, steps + 1)? {
                Found::Class(class) => self.member(class, name, steps + 1),
                Found::External(class) => Some(Found::External(format!("{class}.{name}"))),
                Found::Module(module) => self.in_module(module, &[name], steps + 1),
                Found::Function(_) => None,
            },
            Target::Object(receiver) => self.object(file, receiver, steps + 1),
        }
    }

    /// The class of an object.
    pub(super) fn object(&self, file: usize, receiver: &Receiver, steps: usize) -> Option<Found> {
        if steps > MAX_STEPS {
            return None;
        }
        match receiver {
            Receiver::Instance(class) | Receiver::Class(class) => {
                self.class_named(file, class, steps + 1).or_else(|| match class {
                    ClassName::Own(_) => None,
                    ClassName::Path(path) => self.made_object(file, path, steps + 1),
                })
            }
            Receiver::Attribute(outer, name) => match self.object(file, outer, steps + 1)? {
                Found::Class(class) => self.attribute(class, name, steps + 1),
                Found::Module(module) => self.in_module(module, &[name], steps + 1),
                Found::External(object) if is_plain(&object) => Some(Found::External(format!("{object}.{name}"))),
                _ => None,
            },
            Receiver::Result(target) => match self.find_at(file, target, steps + 1)? {
                Found::Class(class) => Some(Found::Class(class)),
                Found::External(called) if is_plain(&called) => Some(Found::External(format!("{called}()"))),
                Found::Function(function) => match &self.function(function).returns {
                    Some(returns) => self.class_named(function.file, returns, steps + 1),
                    None => self.given(function, None),
                },
                _ => None,
            },
            Receiver::Entered(inner) => {
                let class = match self.object(file, inner, steps + 1)? {
                    Found::Class(class) => class,
                    found => return plain(&found),
                };
                // Whether it enters itself is not said; a method of the same class is then the best that is known.
                let Some(Found::Function(enter)) = self.member(class, "__enter__", steps + 1) else {
                    return None;
                };
                match &self.function(enter).returns {
                    Some(returns) => self.class_named(enter.file, returns, steps + 1),
                    None => None,
                }
            }
            Receiver::Element(target, position) => match self.find_at(file, target, steps + 1)? {
                Found::Function(function) => self.given(function, Some(*position)),
                _ => None,
            },
            Receiver::Fixture(name) => self.fixture(file, name),
            Receiver::Data(name) => (name.is_empty() || !self.defines(name)).then(|| Found::External(DATA.to_owned())),
            Receiver::OneOf(all) => {
                let mut all = all.iter().map(|one| self.object(file, one, steps + 1));
                let first = all.next()??;
                all.try_fold(first, |first, other| agreed(first, other?))
            }
            Receiver::Part(inner) => plain(&self.object(file, inner, steps + 1)?),
        }
    }

    /// The class of an object that another module makes and names.
    fn made_object(&self, file: usize, path: &str, steps: usize) -> Option<Found> {
        let (module, taken) = self.modules.find(file, path)?;
        let ModuleId::File(made_in) = module else { return None };
        let name = path.trim_start_matches('.').split('.').nth(taken)?;
        let is_whole = path.trim_start_matches('.').split('.').count() == taken + 1;
        let class = self.summary(made_in)?.objects.get(name)?;
        if !is_whole || steps > MAX_STEPS {
            return None;
        }
        self.class_named(made_in, class, steps + 1)
    }

    /// Whether a target is a name by which a module has an iterator.
    pub fn is_iterator(&self, file: usize, target: &Target) -> bool {
        let Target::Path(path) = target else { return false };
        let mut at = (file, path.as_str());
        for _ in 0..MAX_STEPS {
            let (file, path) = at;
            let Some((ModuleId::File(module), taken)) = self.modules.find(file, path) else {
                return false;
            };
            let mut rest = path.split('.').filter(|part| !part.is_empty()).skip(taken);
            let (Some(name), None, Some(summary)) = (rest.next(), rest.next(), self.summary(module)) else {
                return false;
            };
            match summary.names.get(name) {
                Some(Meaning::Import(path)) => at = (module, path.as_str()),
                _ => return summary.iterators.contains(name),
            }
        }
        false
    }

    /// The class that a file names.
    pub fn class_of(&self, file: usize, class: &ClassName) -> Option<Found> {
        self.class_named(file, class, 0)
    }

    fn class_named(&self, file: usize, class: &ClassName, steps: usize) -> Option<Found> {
        match class {
            ClassName::Own(index) => Some(Found::Class(ClassId { file, index: *index })),
            ClassName::Path(path) => self.imported(file, path, steps + 1),
        }
    }

    /// An imported object by its dotted name.
    fn imported(&self, file: usize, path: &str, steps: usize) -> Option<Found> {
        if steps > MAX_STEPS {
            return None;
        }
        if let Some(known) = self.found.borrow().get(&file).and_then(|known| known.get(path)) {
            return known.clone();
        }
        let found = self.looked_up(file, path, steps);
        self.found
            .borrow_mut()
            .entry(file)
            .or_default()
            .insert(path.to_owned(), found.clone());
        found
    }

    fn looked_up(&self, file: usize, path: &str, steps: usize) -> Option<Found> {
        let Some((module, taken)) = self.modules.find(file, path) else {
            return (!path.starts_with('.')).then(|| Found::External(path.to_owned()));
        };
        let parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
        // A package may bind the name of one of its modules anew: `from .client import client`.
        if let Some(name) = taken.checked_sub(1).and_then(|last| parts.get(last))
            && let Some((above, _)) = path.rsplit_once(&format!(".{name}"))
            && let Some((package, _)) = self.modules.find(file, if above.is_empty() { "." } else { above })
            && let ModuleId::File(package) = package
            && let Some(meaning @ (Meaning::Function(_) | Meaning::Class(_))) =
                self.summary(package).and_then(|summary| summary.names.get(*name))
            && self.modules.child(ModuleId::File(package), name) == Some(module)
        {
            return match (meaning, parts.len() == taken) {
                (Meaning::Function(index), true) => Some(Found::Function(FunctionId {
                    file: package,
                    index: *index,
                })),
                (Meaning::Class(index), true) => Some(Found::Class(ClassId {
                    file: package,
                    index: *index,
                })),
                _ => None,
            };
        }
        self.in_module(module, &parts[taken..], steps + 1)
    }

    /// What a module binds to the first of the names, and so on.
    fn in_module(&self, module: ModuleId, names: &[&str], steps: usize) -> Option<Found> {
        let Some((first, rest)) = names.split_first() else {
            return Some(Found::Module(module));
        };
        if steps > MAX_STEPS {
            return None;
        }
        let ModuleId::File(file) = module else { return None };
        let summary = self.summary(file)?;
        let found = match summary.names.get(*first) {
            Some(Meaning::Function(index)) => Found::Function(FunctionId { file, index: *index }),
            Some(Meaning::Class(index)) => Found::Class(ClassId { file, index: *index }),
            Some(Meaning::Import(path)) => self.imported(file, path, steps + 1)?,
            None => match (summary.objects.get(*first), rest) {
                (Some(class), [name]) => {
                    return match self.class_named(file, class, steps + 1)? {
                        Found::Class(class) => self.member(class, name, steps + 1),
                        Found::External(class) => Some(Found::External(format!("{class}.{name}"))),
                        Found::Function(_) | Found::Module(_) => None,
                    };
                }
                (Some(_), _) => return None,
                (None, _) if summary.bound.contains(*first) => return None,
                (None, _) => self.starred(file, first, steps + 1)?,
            },
        };
        match (found, rest) {
            (found, []) => Some(found),
            (Found::Class(class), [name]) => self.member(class, name, steps + 1),
            (Found::Module(module), rest) => self.in_module(module, rest, steps + 1),
            (Found::External(name), rest) => Some(Found::External(format!("{name}.{}", rest.join(".")))),
            _ => None,
        }
    }

    /// A name that only an import of everything can have brought.
    fn starred(&self, file: usize, name: &str, steps: usize) -> Option<Found> {
        if steps > MAX_STEPS || name.starts_with('_') {
            return None;
        }
        let mut first = None;
        for module in &self.summary(file)?.stars {
            let Some((module, _)) = self.modules.find(file, module) else {
                continue;
            };
            match self.in_module(module, &[name], steps + 1) {
                None if self.binds(module, name) => return None,
                None => {}
                Some(found) if first.get_or_insert_with(|| found.clone()) == &found => {}
                Some(_) => return None,
            }
        }
        first
    }

    /// Whether a module binds a name to something of which nothing is known, or to an object.
    fn binds(&self, module: ModuleId, name: &str) -> bool {
        let ModuleId::File(file) = module else { return false };
        self.summary(file)
            .is_some_and(|summary| summary.bound.contains(name) || summary.objects.contains_key(name))
    }

    /// Whether a dotted name may mean something else than what [`Linker::find`] says: of several modules of one name, that of the folder from
    /// which the program is started; of a module and an object by which its package names something else, either.
    pub fn is_ambiguous(&self, file: usize, path: &str) -> bool {
        if self.modules.is_ambiguous(file, path) {
            return true;
        }
        let Some((module, taken)) = self.modules.find(file, path) else {
            return false;
        };
        let name = path.trim_start_matches('.');
        let parts: Vec<&str> = name.split('.').filter(|part| !part.is_empty()).collect();
        let dots = &path[..path.len() - name.len()];
        (1..=taken).any(|count| {
            let (last, above) = parts[..count].split_last().expect("at least one part");
            if dots.is_empty() && above.is_empty() {
                return false;
            }
            let package = self.modules.find(file, &format!("{dots}{}", above.join(".")));
            let Some((ModuleId::File(package), _)) = package.filter(|(package, _)| *package != ModuleId::File(file))
            else {
                return false;
            };
            let is_rebound = |summary: &Summary| match summary.names.get(*last) {
                Some(Meaning::Import(path)) => {
                    let whole = path.split('.').filter(|part| !part.is_empty()).count();
                    let found = self.modules.find(package, path);
                    found.is_none_or(|(found, parts)| parts != whole || count == taken && found != module)
                }
                Some(Meaning::Function(_) | Meaning::Class(_)) => true,
                None => summary.objects.contains_key(*last) || summary.bound.contains(*last),
            };
            self.summary(package).is_some_and(is_rebound)
        })
    }

    /// The base classes, those of libraries included.
    pub fn bases(&self, class: ClassId) -> Vec<Found> {
        let bases = self.class(class).bases.iter().flatten();
        bases.filter_map(|base| self.class_named(class.file, base, 0)).collect()
    }

    /// Whether all bases are known, those of libraries as well.
    pub fn knows_bases(&self, class: ClassId) -> bool {
        self.bases(class).len() == self.class(class).bases.len()
    }

    /// The member that an instance of a class has under a name: its own, else of the first base that has it.
    pub fn member(&self, class: ClassId, name: &str, steps: usize) -> Option<Found> {
        match self.class(class).methods.get(name) {
            Some(&index) => Some(Found::Function(FunctionId {
                file: class.file,
                index,
            })),
            None => self.inherited(class, name, steps),
        }
    }

    fn inherited(&self, class: ClassId, name: &str, steps: usize) -> Option<Found> {
        if steps > MAX_STEPS {
            return None;
        }
        let mut library = None;
        for base in self.bases(class) {
            match base {
                Found::Class(base) => match self.member(base, name, steps + 1) {
                    Some(Found::External(found)) => {
                        library.get_or_insert(found);
                    }
                    Some(found) => return Some(found),
                    None => {}
                },
                Found::External(base) => {
                    library.get_or_insert(format!("{base}.{name}"));
                }
                Found::Function(_) | Found::Module(_) => {}
            }
        }
        library.map(Found::External)
    }

    /// The class of an attribute of the instances of a class.
    fn attribute(&self, class: ClassId, name: &str, steps: usize) -> Option<Found> {
        if steps > MAX_STEPS {
            return None;
        }
        if let Some(known) = self.class(class).attributes.get(name) {
            return self.class_named(class.file, known, steps + 1);
        }
        if let Some(&index) = self.class(class).methods.get(name) {
            // A property gives what it says that it returns.
            let property = FunctionId {
                file: class.file,
                index,
            };
            let function = self.function(property);
            return match &function.returns {
                _ if !function.is_property => None,
                Some(returns) => self.class_named(class.file, returns, steps + 1),
                None => self.given(property, None),
            };
        }
        self.bases(class).into_iter().find_map(|base| match base {
            Found::Class(base) => self.attribute(base, name, steps + 1),
            _ => None,
        })
    }

    /// Whether calling a function is certain to give a coroutine: an undecorated `async def` without a `yield` that no derived class overrides
    /// by something else.
    pub fn is_certain_coroutine(&self, id: FunctionId) -> bool {
        let gives = |id: FunctionId| {
            let function = self.function(id);
            function.is_async && !function.is_generator && !function.is_property && function.decorators.is_empty()
        };
        gives(id) && self.overriding(id).into_iter().all(gives)
    }

    /// The methods that stand in the place of one in the classes that derive from its own.
    pub fn overriding(&self, method: FunctionId) -> Vec<FunctionId> {
        let Some(index) = self.function(method).class else {
            return Vec::new();
        };
        let class = ClassId {
            file: method.file,
            index,
        };
        let derived = self.descendants(class).into_iter();
        derived
            .filter_map(|class| {
                let &index = self.class(class).methods.get(self.name(method))?;
                Some(FunctionId {
                    file: class.file,
                    index,
                })
            })
            .collect()
    }

    /// Whether a class says that it is a protocol: its methods stand for those of others.
    pub fn is_protocol(&self, class: ClassId) -> bool {
        let mut bases = self.bases(class).into_iter();
        bases.any(|base| matches!(base, Found::External(name) if name.ends_with(".Protocol")))
    }

    /// The classes that derive from a class, however far.
    pub fn descendants(&self, class: ClassId) -> Vec<ClassId> {
        let mut all = Vec::new();
        let mut open = vec![class];
        while let Some(class) = open.pop() {
            for &derived in self.derived.get(&class).into_iter().flatten() {
                if !all.contains(&derived) {
                    all.push(derived);
                    open.push(derived);
                }
            }
        }
        all
    }
}
