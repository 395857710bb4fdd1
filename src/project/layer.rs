//! A synchronous layer of SQLAlchemy that several files share: engines, factories, everything that is given a session. It becomes asynchronous
//! as a whole or not at all.
//!
//! One file says what it has of the layer ([`Part`], plain data); what the names mean that it imports, other files say ([`known`]). Every call
//! that asks the database is a leaf of the colouring, and the functions that hold one turn together, with their users.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use memchr::memmem;

use ruff_text_size::{Ranged, TextRange};
use serde::{Deserialize, Serialize};

use super::colouring::usage::{How, Named, Place, Slot};
use super::colouring::{self, Change, Coloured, Stopped, World};
use super::modules::ModuleId;
use super::resolve::{Found, Linker};
use super::summary::{ClassName, Meaning, Note};
use super::{LayerFacts, Project};
use crate::semantic::sqlalchemy::Known;

/// The class of the sessions that become asynchronous.
pub const SESSION: &str = "sqlalchemy.orm.Session";
/// The class of the engines.
const ENGINE: &str = "sqlalchemy.engine.Engine";
/// The class of the factories.
const FACTORY: &str = "sqlalchemy.orm.sessionmaker";

/// What is found in a file whose layer stands in it alone, and what is not proven of it.
pub const ALONE: &str = "a synchronous engine: whoever asks the database waits for it, and an event loop with it";
const REASON_ALONE: &str = "everything in this module that works with the engine becomes asynchronous: callers elsewhere must await it, and what is loaded when it is read raises";
const REASON: &str =
    "the whole layer becomes asynchronous, in all files together: what is loaded only when it is read would raise";

/// What modules of a layer may be called after, and is meant by that name elsewhere.
const LIBRARIES: &[&str] = &["sqlalchemy", "sqlmodel", "fastapi", "alembic"];

/// Re-exports of re-exports.
const MAX_STEPS: usize = 8;

/// What a file has of the layer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Part {
    /// Where it makes an engine: the callee, and its line.
    pub engine: Option<(TextRange, usize)>,
    /// The first place that would change.
    pub at: Option<TextRange>,
    /// Why it cannot become asynchronous.
    pub stop: Option<Note>,
    /// Sessions that are given to functions.
    pub passed: Vec<Passed>,
    /// Reads of what may be expired, and the classes of other modules that the objects are of.
    pub expired: Vec<(Note, String)>,
    /// The parameters of its functions, by the offset of a function's name.
    pub parameters: BTreeMap<u32, Vec<Parameter>>,
    /// What its names mean to others; by these names alone.
    pub exports: Known,
    /// The dotted names that its imports bind.
    pub imports: Vec<String>,
    /// The parameters of the constructors that `@dataclass` writes, by the names of the classes.
    pub fields: BTreeMap<String, Vec<Parameter>>,
    /// Attributes of objects that hold a session, with the line.
    pub held: BTreeMap<String, usize>,
    /// Relationships that are loaded when they are read, with the line.
    pub lazies: BTreeMap<String, usize>,
    /// The attributes of objects that it reads or writes, and the fields that its classes declare, with the line; not those that are known to hold
    /// a session.
    pub reads: BTreeMap<String, usize>,
    /// The last parts of imported names of which nothing is known, with the line.
    pub untold: BTreeMap<String, usize>,
    /// The line that runs an application without its lifespan.
    pub bare_client: Option<usize>,
    /// The line that runs an application, or makes tables, in an event loop of its own.
    pub client: Option<usize>,
    /// Whether it gives the application other dependencies, and with them another engine.
    pub replaces_dependencies: bool,
    /// Whether its tests make the tables that they need.
    pub makes_tables: bool,
    /// Whether it leaves work to the lifespan of an application.
    pub needs_lifespan: bool,
    /// Whether its connections can be used in another event loop than the one that has made them.
    pub is_tied_to_loop: bool,
    /// Whether a connection that is not closed may keep the program from ending.
    pub keeps_running: bool,
    /// Whether it closes the engine itself.
    pub is_disposed: bool,
    /// Whether its database is gone when the engine is closed.
    pub is_in_memory: bool,
    /// What is not proven of its engine.
    pub doubts: Vec<String>,
    /// The constant with the address of its engine.
    pub address: Option<String>,
}

/// Where event loops end, and with them the connections that belong to them.
#[derive(Clone, Debug)]
pub struct End {
    pub place: EndPlace,
    /// The dotted name by which its file can import the engine; without a dot, the file makes it.
    pub engine: String,
    made_in: usize,
}

#[derive(Clone, Copy, Debug)]
pub enum EndPlace {
    /// The end of a function, by the range of its name.
    Function(TextRange),
    /// The end of the main block that runs several functions, one of them by the call of this range.
    Block(TextRange),
}

/// A session, a factory or an engine, as an argument.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Passed {
    /// The usual name of its class.
    pub class: String,
    /// The call.
    pub call: TextRange,
    pub slot: Slot,
    /// 1-based.
    pub line: usize,
}

/// A parameter of a function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parameter {
    pub name: String,
    pub offset: u32,
    /// The usual name of the class of what it is given, if that is an object of the layer.
    pub class: Option<String>,
    pub is_annotated: bool,
}

/// Whether a text may make a synchronous engine.
pub fn may_make_engine(text: &[u8]) -> bool {
    static CALL: LazyLock<memmem::Finder> = LazyLock::new(|| memmem::Finder::new("create_engine("));
    static LIBRARIES: LazyLock<[memmem::Finder; 2]> =
        LazyLock::new(|| [memmem::Finder::new("sqlalchemy"), memmem::Finder::new("sqlmodel")]);
    CALL.find(text).is_some() && LIBRARIES.iter().any(|library| library.find(text).is_some())
}

/// What the imports of each file mean.
pub fn known(project: &Project) -> Vec<Known> {
    let linker = Linker::new(project);
    let mut all = vec![Known::default(); project.files.len()];
    for (file, part) in &parts(project) {
        for path in &part.imports {
            let Some((module, name)) = origin(&linker, *file, path, 0) else {
                continue;
            };
            match name {
                Some(name) => {
                    learn(project, &mut all[*file], path, module, &name);
                    if self::part(project, module).is_some_and(|part| part.address.as_ref() == Some(&name)) {
                        all[module].shared_addresses.insert(name);
                    }
                }
                None => {
                    let names = project.files[module].1.iter().flat_map(|summary| summary.names.iter());
                    for (name, meaning) in names {
                        if let Meaning::Import(inner) = meaning
                            && let Some((module, Some(found))) = origin(&linker, module, inner, 0)
                        {
                            learn(project, &mut all[*file], &format!("{path}.{name}"), module, &found);
                        }
                    }
                    let exports = self::part(project, module).map(|part| &part.exports);
                    for name in exports.iter().flat_map(|exports| exports.names()) {
                        learn(project, &mut all[*file], &format!("{path}.{name}"), module, name);
                    }
                }
            }
        }
        for passed in &part.passed {
            if let Some((receiving, parameter)) = receiver(project, &linker, *file, passed)
                && !parameter.is_annotated
            {
                all[receiving].parameters.insert(parameter.offset, passed.class.clone());
            }
        }
    }
    all
}

/// Notes what a name of a module means, under the dotted name that another file has for it.
fn learn(project: &Project, known: &mut Known, path: &str, module: usize, name: &str) {
    let Some(exports) = part(project, module).map(|part| &part.exports) else {
        return;
    };
    let maps = [
        (&exports.objects, &mut known.objects),
        (&exports.given, &mut known.given),
        (&exports.stepped, &mut known.stepped),
        (&exports.aliases, &mut known.aliases),
    ];
    for (from, to) in maps {
        to.extend(from.get(name).map(|class| (path.to_owned(), class.clone())));
    }
    for (owned, class) in &exports.attributes {
        if let Some(attribute) = owned.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')) {
            known.attributes.insert(format!("{path}.{attribute}"), class.clone());
        }
    }
}

/// The module that a dotted name leads to, and the name in it; none for the module itself.
fn origin(linker: &Linker, file: usize, path: &str, steps: usize) -> Option<(usize, Option<String>)> {
    let (module, taken) = linker.modules.find(file, path)?;
    let ModuleId::File(module) = module else { return None };
    let parts: Vec<&str> = path.split('.').filter(|part| !part.is_empty()).collect();
    match parts.get(taken..)? {
        [] => Some((module, None)),
        [name] => {
            let summary = linker.project.files[module].1.as_ref()?;
            match summary.names.get(*name) {
                Some(Meaning::Import(path)) if steps < MAX_STEPS => origin(linker, module, path, steps + 1),
                _ => Some((module, Some((*name).to_owned()))),
            }
        }
        _ => None,
    }
}

fn part(project: &Project, file: usize) -> Option<&Part> {
    project.files[file].1.as_ref()?.layer.as_ref()
}

fn parts(project: &Project) -> Vec<(usize, &Part)> {
    let all = (0..project.files.len()).filter_map(|file| Some((file, part(project, file)?)));
    all.collect()
}

/// The parameter of the project's function that a session goes to, and the file of that.
fn receiver<'p>(
    project: &'p Project,
    linker: &Linker<'p>,
    file: usize,
    passed: &Passed,
) -> Option<(usize, &'p Parameter)> {
    let usage = project.files[file].1.as_ref()?.usage.as_ref()?;
    let used = usage
        .uses
        .iter()
        .find(|used| used.range == passed.call && matches!(used.how, How::Call(_)))?;
    let Named::Target(target) = &used.named else {
        return None;
    };
    let function = match linker.find(file, target)? {
        Found::Function(function) => function,
        Found::Class(class) => match linker.member(class, "__init__", 0) {
            Some(Found::Function(init)) => init,
            Some(_) => return None,
            None => {
                let fields = part(project, class.file)?.fields.get(&linker.class(class).qualname)?;
                let field = match &passed.slot {
                    Slot::Position(position) => fields.get(*position),
                    Slot::Keyword(name) => fields.iter().find(|field| field.name == *name),
                };
                return Some((class.file, field?));
            }
        },
        _ => return None,
    };
    let own = project.files[function.file].1.as_ref()?;
    let name = own.usage.as_ref()?.natures[function.index].parameter(&passed.slot)?;
    let offset: u32 = own.functions[function.index].range.start().into();
    let parameters = own.layer.as_ref()?.parameters.get(&offset)?;
    let parameter = parameters.iter().find(|parameter| parameter.name == name)?;
    Some((function.file, parameter))
}

/// The files that have to do with the one that makes the engine, by their imports.
pub fn linked(project: &Project, start: usize) -> BTreeSet<usize> {
    let linker = Linker::new(project);
    let mut beside: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (file, part) in parts(project) {
        for path in &part.imports {
            // A package may have a name from one of its modules: both count.
            let others = [
                origin(&linker, file, path, 0).map(|(other, _)| other),
                match linker.modules.find(file, path) {
                    Some((ModuleId::File(other), _)) => Some(other),
                    _ => None,
                },
            ];
            for other in others.into_iter().flatten() {
                beside.entry(file).or_default().insert(other);
                beside.entry(other).or_default().insert(file);
            }
        }
    }
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        if seen.insert(file) {
            open.extend(beside.get(&file).into_iter().flatten());
        }
    }
    seen
}

/// The names by which files use what the layer has: whoever mentions one may belong to it.
pub fn names(project: &Project, linked: &BTreeSet<usize>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for part in linked.iter().filter_map(|file| part(project, *file)) {
        names.extend(part.exports.names().cloned());
        names.extend(part.lazies.keys().cloned());
        names.extend(part.held.keys().map(|name| format!(".{name}")));
        names.extend(part.address.clone());
    }
    names
}

/// Whether a file works with sessions or engines.
pub fn has_part(project: &Project, file: usize) -> bool {
    part(project, file).is_some_and(|part| part.at.is_some() || part.engine.is_some())
}

/// The names of the functions that would turn.
pub fn turning(project: &Project, world: &World, start: usize) -> BTreeSet<String> {
    colouring::layer_names(&Linker::new(project), world, &linked(project, start))
}

/// What becomes of the layer, for each file.
pub fn colour(project: &Project, world: &World, start: usize) -> Vec<LayerFacts> {
    let mut found: Vec<LayerFacts> = project.files.iter().map(|_| LayerFacts::default()).collect();
    let linked = linked(project, start);
    let (_, line) = part(project, start).and_then(|part| part.engine).unwrap_or_default();
    let linker = Linker::new(project);
    let outcome = match obstacle(project, &linker, &linked) {
        Some(reason) => Err(reason),
        None => colouring::layer(&linker, world, &linked).and_then(|changes| {
            let shared = shared_by_loops(project, &linker, &linked, &changes);
            shared.map_or(Ok(changes), Err)
        }),
    };
    match outcome {
        Ok(changes) => {
            let ends = ends(project, &linker, &changes);
            let open = open_end(project, &linker, &linked, &ends).map(|place| left_open(&place));
            let files: Vec<usize> = linked
                .iter()
                .copied()
                .filter(|file| changes.contains_key(file) || part(project, *file).is_some_and(|part| part.at.is_some()))
                .collect();
            let (message, reason) = if files.len() == 1 {
                (ALONE.to_owned(), REASON_ALONE)
            } else {
                let message = format!(
                    "the engine of {}, and all that asks the database by it in {} files, can let others run meanwhile",
                    project.place(start, line),
                    files.len()
                );
                (message, REASON)
            };
            for file in files {
                let (changes, doubt) = match changes.get(&file) {
                    Some(coloured) => (coloured.changes.clone(), coloured.doubt.clone()),
                    None => Default::default(),
                };
                let own = part(project, file);
                let defined = changes.iter().find(|change| matches!(change, Change::Define(..)));
                let at = own
                    .and_then(|part| part.engine.map(|(at, _)| at))
                    .or_else(|| defined.or(changes.first()).map(Ranged::range))
                    .or_else(|| own.and_then(|part| part.at));
                let mut reasons = vec![reason];
                reasons.extend(doubt.as_deref());
                reasons.extend(own.iter().flat_map(|part| &part.doubts).map(String::as_str));
                reasons.extend(open.as_deref());
                let reason = reasons.join("; and ");
                found[file].colouring.coloured.push(Coloured {
                    component: 0,
                    at: at.unwrap_or_default(),
                    message: message.clone(),
                    doubt: Some(reason),
                    is_concurrent: true,
                    changes,
                });
            }
            for (file, end) in ends {
                found[file].ends.push(end);
            }
        }
        Err(reason) => stop(project, &linked, &reason, &mut found),
    }
    found
}

/// Says at each engine of a layer why it stays as it is.
pub fn stop(project: &Project, linked: &BTreeSet<usize>, reason: &str, found: &mut [LayerFacts]) {
    for &file in linked {
        found[file].colouring.coloured.clear();
        found[file].ends.clear();
        if let Some((at, _)) = part(project, file).and_then(|part| part.engine) {
            found[file].colouring.stopped.push(Stopped {
                at,
                name: String::new(),
                reason: reason.to_owned(),
            });
        }
    }
}

/// Why several event loops cannot share an engine that goes by no name, and so is not closed where each of them ends.
fn shared_by_loops(
    project: &Project,
    linker: &Linker,
    linked: &BTreeSet<usize>,
    changes: &BTreeMap<usize, Coloured>,
) -> Option<String> {
    let all = changes.values().flat_map(|coloured| &coloured.changes);
    let runs = all.filter(|change| matches!(change, Change::Run(_))).count();
    linked.iter().find_map(|file| {
        let part = part(project, *file)?;
        let (_, line) = part.engine.filter(|_| runs > 1 && part.is_tied_to_loop)?;
        let is_named = engine_as_named(project, linker, *file, *file).is_some();
        let place = project.place(*file, line);
        (!is_named).then(|| {
            format!("{place}: {runs} event loops would share the engine, and the driver's connections belong to one")
        })
    })
}

/// Where the event loops end that run what turns, with the files that change there.
fn ends(project: &Project, linker: &Linker, changes: &BTreeMap<usize, Coloured>) -> Vec<(usize, End)> {
    let mut found: Vec<(usize, End)> = Vec::new();
    let is_of = |made_in: usize, is: fn(&Part) -> bool| part(project, made_in).is_some_and(is);
    for (file, coloured) in changes {
        let usage = project.files[*file]
            .1
            .as_ref()
            .and_then(|summary| summary.usage.as_ref());
        let runs = coloured
            .changes
            .iter()
            .filter(|change| matches!(change, Change::Run(_)));
        let runs: Vec<_> = runs
            .filter_map(|call| {
                let uses = usage.iter().flat_map(|usage| &usage.uses);
                uses.filter(|used| used.range == call.range())
                    .find_map(|used| match &used.named {
                        Named::Target(target) => Some((used, linker.find(*file, target)?)),
                        _ => None,
                    })
            })
            .collect();
        let has_several = runs.iter().filter(|(used, _)| used.place == Place::Main).count() > 1;
        for (used, run) in &runs {
            let Found::Function(function) = run else { continue };
            for made_in in reached(project, linker, function.file) {
                // The loops share the engine where its connections belong to none.
                let is_shared =
                    has_several && used.place == Place::Main && !is_of(made_in, |part| part.is_tied_to_loop);
                let (at, place) = if is_shared {
                    (*file, EndPlace::Block(used.range))
                } else {
                    (function.file, EndPlace::Function(linker.function(*function).range))
                };
                let is_there = |(other, end): &(usize, End)| {
                    let is_same_place = match (end.place, place) {
                        (EndPlace::Function(one), EndPlace::Function(other)) => one == other,
                        (one, other) => matches!((one, other), (EndPlace::Block(_), EndPlace::Block(_))),
                    };
                    *other == at && end.made_in == made_in && is_same_place
                };
                if let Some(engine) = engine_as_named(project, linker, at, made_in)
                    && !found.iter().any(is_there)
                {
                    found.push((at, End { place, engine, made_in }));
                }
            }
        }
    }
    // What one event loop leaves in memory may be for the next one.
    let loops = found.len();
    found.retain(|(_, end)| {
        matches!(end.place, EndPlace::Block(_)) || loops == 1 || !is_of(end.made_in, |part| part.is_in_memory)
    });
    found
}

/// The files with engines that are imported with a file, and the file itself.
fn reached(project: &Project, linker: &Linker, start: usize) -> BTreeSet<usize> {
    let mut seen = BTreeSet::new();
    let mut open = vec![start];
    while let Some(file) = open.pop() {
        if seen.insert(file) {
            let paths = part(project, file).into_iter().flat_map(|part| &part.imports);
            open.extend(paths.filter_map(|path| origin(linker, file, path, 0).map(|(other, _)| other)));
        }
    }
    seen.retain(|file| part(project, *file).is_some_and(|part| part.engine.is_some()));
    seen
}

/// The dotted name by which a file can import the engine of another one.
fn engine_as_named(project: &Project, linker: &Linker, file: usize, made_in: usize) -> Option<String> {
    let objects = &part(project, made_in)?.exports.objects;
    let (engine, _) = objects.iter().find(|(_, class)| *class == ENGINE)?;
    if file == made_in {
        return Some(engine.clone());
    }
    let mut beside = None;
    for path in &part(project, file)?.imports {
        match origin(linker, file, path, 0) {
            Some((module, Some(name))) if module == made_in && name == *engine => return Some(path.clone()),
            Some((module, name)) if module == made_in => {
                let module = match (name, path.rsplit_once('.')) {
                    (Some(_), Some((module, _))) => module,
                    _ => path,
                };
                beside.get_or_insert(format!("{module}.{engine}"));
            }
            _ => {}
        }
    }
    let outright = || format!("{}.{engine}", linker.modules.name_of(made_in));
    let path = beside.unwrap_or_else(outright);
    let leads_there = origin(linker, file, &path, 0).is_some_and(|(module, _)| module == made_in);
    leads_there.then_some(path)
}

/// What is to be known of an engine that nothing closes.
fn left_open(place: &str) -> String {
    format!(
        "nothing closes the engine of {place}: before SQLAlchemy 2.0.46, connections of aiosqlite 0.22 keep a program from ending that does not await its `dispose()`"
    )
}

/// The place of an engine that may keep the program from ending.
fn open_end(project: &Project, linker: &Linker, linked: &BTreeSet<usize>, ends: &[(usize, End)]) -> Option<String> {
    let parts = || linked.iter().filter_map(|file| Some((*file, part(project, *file)?)));
    let mut closed: BTreeSet<usize> = ends.iter().map(|(_, end)| end.made_in).collect();
    for (file, part) in parts() {
        if part.needs_lifespan || part.is_disposed {
            closed.extend(reached(project, linker, file));
        }
    }
    let (file, line) = parts().find_map(|(file, part)| {
        let (_, line) = part.engine.filter(|_| part.keeps_running && !closed.contains(&file))?;
        Some((file, line))
    })?;
    Some(project.place(file, line))
}

/// An import of what may be a package of the layer, from a folder in which it is not found.
fn found_otherwise(project: &Project, linker: &Linker, linked: &BTreeSet<usize>) -> Option<String> {
    let names: BTreeSet<String> = linked
        .iter()
        .filter_map(|file| linker.modules.name_of(*file).split('.').next().map(str::to_owned))
        .collect();
    self::parts(project).into_iter().find_map(|(file, part)| {
        let path = part.imports.iter().find(|path| {
            let first = path.split('.').next().unwrap_or_default();
            names.contains(first) && !LIBRARIES.contains(&first) && linker.modules.find(file, path).is_none()
        })?;
        Some(format!(
            "{} imports `{path}`, which is not found from there and may be the layer's",
            project.files[file].0.display()
        ))
    })
}

/// The files that prepare what a file tests: itself, and the `conftest.py` beside or above it.
fn beside(project: &Project, linked: &BTreeSet<usize>, file: usize, prepares: fn(&Part) -> bool) -> Vec<usize> {
    let folder = project.files[file].0.parent();
    let is_for = |other: &usize| {
        let path = &project.files[*other].0;
        let is_above = path.ends_with("conftest.py")
            && folder
                .zip(path.parent())
                .is_some_and(|(folder, above)| folder.starts_with(above));
        (*other == file || is_above) && part(project, *other).is_some_and(prepares)
    };
    linked.iter().copied().filter(is_for).collect()
}

/// Whether a file belongs to the tests, by its name or its folder's.
pub fn is_test(path: &Path) -> bool {
    let mut parts = path.iter().map(|part| part.to_string_lossy());
    parts.any(|part| part.starts_with("test") || part.ends_with("_test.py") || part == "conftest.py")
}

/// Whether a class is one of Pydantic's models, of which no session knows.
fn is_data(linker: &Linker, file: usize, class: &str) -> bool {
    let mut open = vec![linker.class_of(file, &ClassName::Path(class.to_owned()))];
    let mut seen = 0;
    while let Some(class) = open.pop() {
        match class {
            Some(Found::External(name)) if name == "pydantic.BaseModel" => return true,
            Some(Found::Class(class)) if seen < MAX_STEPS => open.extend(linker.bases(class).into_iter().map(Some)),
            _ => {}
        }
        seen += 1;
    }
    false
}

/// Why the layer stays as it is, as far as its parts say it.
fn obstacle(project: &Project, linker: &Linker, linked: &BTreeSet<usize>) -> Option<String> {
    let parts: Vec<(usize, &Part)> = linked
        .iter()
        .filter_map(|file| Some((*file, part(project, *file)?)))
        .collect();
    for (file, part) in &parts {
        if let Some(stop) = &part.stop {
            return Some(format!("{}: {}", project.place(*file, stop.line), stop.text));
        }
        for passed in &part.passed {
            let receiver = receiver(project, linker, *file, passed);
            if receiver.is_none_or(|(_, parameter)| parameter.class.as_ref() != Some(&passed.class)) {
                let what = match &*passed.class {
                    ENGINE => "the engine",
                    FACTORY => "the factory of sessions",
                    _ => "a session",
                };
                return Some(format!(
                    "{}: {what} gets out of sight",
                    project.place(*file, passed.line)
                ));
            }
        }
    }
    for (file, part) in &parts {
        let is_row = |class: &String| !is_data(linker, *file, class);
        if let Some((expired, _)) = part.expired.iter().find(|(_, class)| is_row(class)) {
            return Some(format!("{}: {}", project.place(*file, expired.line), expired.text));
        }
    }
    for file in linked {
        let summary = project.files[*file].1.as_ref();
        for star in summary.iter().flat_map(|summary| &summary.stars) {
            if let Some((ModuleId::File(module), _)) = linker.modules.find(*file, star)
                && self::part(project, module).is_some_and(|part| part.exports != Known::default())
            {
                return Some(format!(
                    "{} imports everything from `{star}`, and with it what belongs to the layer",
                    project.files[*file].0.display()
                ));
            }
        }
    }
    if let Some(reason) = found_otherwise(project, linker, linked) {
        return Some(reason);
    }
    let objects: BTreeSet<&String> = parts
        .iter()
        .flat_map(|(_, part)| part.exports.objects.keys().chain(part.held.keys()))
        .collect();
    for (file, part) in &parts {
        if let Some((name, line)) = part.untold.iter().find(|(name, _)| objects.contains(name)) {
            return Some(format!(
                "{}: `{name}` may be the one of the layer",
                project.place(*file, *line)
            ));
        }
    }
    let read = |name: &str| {
        project.files.iter().enumerate().find_map(|(file, _)| {
            let line = self::part(project, file)?.reads.get(name)?;
            Some(project.place(file, *line))
        })
    };
    for (owner, part) in &parts {
        for (name, line) in &part.held {
            if let Some(read) = read(name) {
                return Some(format!(
                    "{read}: `{name}` may be what {} keeps of the layer",
                    project.place(*owner, *line)
                ));
            }
        }
        for (name, line) in &part.lazies {
            if let Some(read) = read(name) {
                return Some(format!(
                    "{read}: the relationship `{name}` ({}) may be loaded when it is read",
                    project.place(*owner, *line)
                ));
            }
        }
    }
    let is_tied = parts.iter().any(|(_, part)| part.is_tied_to_loop);
    let needs_lifespan = parts.iter().any(|(_, part)| part.needs_lifespan);
    for (file, part) in &parts {
        // With dependencies of their own, tests need neither the application's tables nor its connections.
        let overriding = beside(project, linked, *file, |part| part.replaces_dependencies);
        let has_tables =
            || !overriding.is_empty() || !beside(project, linked, *file, |part| part.makes_tables).is_empty();
        if let Some(line) = part.bare_client.filter(|_| needs_lifespan && !has_tables()) {
            return Some(format!(
                "{}: the application runs without its lifespan, in which its tables would be made",
                project.place(*file, line)
            ));
        }
        let uses_tied = || {
            let engines = overriding.iter().flat_map(|file| reached(project, linker, *file));
            let mut own = engines.filter(|made_in| is_test(&project.files[*made_in].0)).peekable();
            let is_tied_too = |made_in| self::part(project, made_in).is_some_and(|part| part.is_tied_to_loop);
            is_tied && (own.peek().is_none() || own.any(is_tied_too))
        };
        if let Some(line) = part.client.filter(|_| uses_tied()) {
            return Some(format!(
                "{}: each client runs an event loop of its own, and the driver's connections belong to one",
                project.place(*file, line)
            ));
        }
    }
    None
}
