//! What the other files of a run want of a file: names that they import from it or read through it, and what tests put something else in the
//! place of while they run its code.
//!
//! [`link`] follows what the [`mentions`](super::mentions) of all files say to the files that concern some codemod. The rest of the program asks
//! here: the importer, which names to leave where they are; the spine, which rewrites a test would no longer meet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memchr::memmem;
use ruff_python_ast::AnyNodeRef;
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::{FxHashMap, FxHashSet};

use super::ProjectFacts;
use super::heirs::Heirs;
use super::mentions::Mentions;
use super::modules::{ModuleId, Modules};
use super::scan::{self, Name, Turning, Users, hash};
use crate::edit::{self, Applicability, Edit, Fix, Turn};
use crate::finding::{Finding, Verdict};
use crate::glance::is_word;
use crate::importer::exported_names;
use crate::semantic::names::Lookup;
use crate::semantic::{NodeId, ScopeId, SemanticModel};

/// Folders that hold the tests of the code beside them.
const TESTS: &[&str] = &["test", "tests", "testing"];

/// The library that tests fake as a whole, whatever they import of the project.
const REQUESTS: &str = "requests";

/// Members of an application that add to what is called at startup and shutdown.
const REGISTERING: &[&str] = &[
    ".add_event_handler",
    ".on_event",
    ".router.add_event_handler",
    ".router.on_event",
    ".router.on_shutdown.append",
    ".router.on_shutdown.extend",
    ".router.on_shutdown.insert",
    ".router.on_startup.append",
    ".router.on_startup.extend",
    ".router.on_startup.insert",
];

/// Packages that hand on what they import, one behind the other.
const MAX_HOPS: usize = 4;

/// See the top of this file.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// Names of the file that others use, each with the file that does.
    used: BTreeMap<String, String>,
    /// Those of them with which others register what is called at startup and shutdown, each with the file that does.
    registered: BTreeMap<String, String>,
    /// A file that takes all names of this one.
    star: Option<String>,
    /// What tests put something else in the place of.
    patches: BTreeMap<Patched, String>,
    /// The names of its functions whose tasks others may cancel, each with the place (`file:line`).
    cancelled: BTreeMap<Name, String>,
    /// The names of its functions that others may run by hand, without an event loop.
    driven: BTreeMap<Name, String>,
    /// The names of its functions of which others rely on it that they do not wait: where, and why.
    relied_on: BTreeMap<Name, String>,
    /// The names of its functions that others run where they catch exceptions of requests, each with the place of the handler.
    expected: BTreeMap<Name, String>,
    /// The names of its functions whose responses others may use as only those of requests can be, each with the place.
    judged: BTreeMap<Name, String>,
    /// The names of attributes that others set, who know something of the file.
    set: BTreeMap<Name, String>,
    /// Its variables that others set, or whose contents they change.
    changed: BTreeMap<String, String>,
    /// What others do to its classes and functions.
    heirs: Heirs,
}

/// A dotted name in whose place a test puts something else, on which the place of that (`file:line`) follows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Patched {
    /// As the file itself names it: `asyncio.sleep`, of `mock.patch("module.asyncio.sleep")`.
    Here(String),
    /// Of a library, for all who ask it.
    Everywhere(String),
}

impl Outside {
    /// The file that uses a name of this one, if any does. `exported`: what the file's own `__all__` lists; without one, a star takes all names
    /// that begin with no underscore.
    fn user_of(&self, name: &str, exported: &BTreeSet<&str>) -> Option<&str> {
        let by_star = || {
            self.star
                .as_deref()
                .filter(|_| exported.is_empty() && !name.starts_with('_'))
        };
        self.used.get(name).map(String::as_str).or_else(by_star)
    }

    /// Whether another file uses a name by itself, not among all names.
    pub fn is_used(&self, name: &str) -> bool {
        self.used.contains_key(name)
    }

    /// A file that takes all names of this one, if there is any.
    pub fn taken_whole_by(&self) -> Option<&str> {
        self.star.as_deref()
    }

    pub(super) fn heirs(&self) -> &Heirs {
        &self.heirs
    }

    /// What a text says that replaces things for tests of its own, the module given alone; `None` where it replaces nothing.
    fn of_test(text: &[u8]) -> Option<Self> {
        let has = |word: &[u8]| memmem::find(text, word).is_some();
        if !has(b"patch") && !has(b"setattr(") {
            return None;
        }
        let path = if has(b"monkeypatch") { "test.py" } else { "" };
        let mentions = Mentions::of(path, text, true, &[]);
        let own = mentions
            .patches
            .iter()
            .filter(|patch| mentions.has_name(first(&patch.path)) || first(&patch.path) == BUILTINS);
        let patches: BTreeMap<Patched, String> = own
            .rev()
            .map(|patch| (Patched::Everywhere(patch.path.clone()), format!("line {}", patch.line)))
            .collect();
        (!patches.is_empty()).then(|| Self {
            patches,
            ..Self::default()
        })
    }

    fn patches_through(&self, name: &str) -> bool {
        self.patches.keys().any(|patched| match patched {
            Patched::Here(path) => first(path) == name,
            Patched::Everywhere(_) => false,
        })
    }
}

impl ProjectFacts {
    /// The file that uses a name of this one's module, if another one of the run does.
    pub fn user_of(&self, name: &str, model: &SemanticModel) -> Option<&str> {
        self.outside.as_ref()?.user_of(name, &exported_names(model))
    }

    /// Whether other files need a name of this one's module to stay there: they import it, or replace it for a test.
    pub fn needs_name(&self, name: &str, model: &SemanticModel) -> bool {
        self.user_of(name, model).is_some()
            || self
                .outside
                .as_ref()
                .is_some_and(|outside| outside.patches_through(name))
    }

    /// Where another file of the run may cancel the tasks that run a function of this one, as `file:line`.
    pub fn cancels(&self, function: &str) -> Option<&str> {
        let cancelled = &self.outside.as_ref()?.cancelled;
        cancelled.get(&hash(function.as_bytes())).map(String::as_str)
    }

    /// Where another file of the run may run a function of this one by hand, as `file:line`.
    pub fn drives(&self, function: &str) -> Option<&str> {
        let driven = &self.outside.as_ref()?.driven;
        driven.get(&hash(function.as_bytes())).map(String::as_str)
    }

    /// Where another file of the run awaits a function of this one and relies on it that it does not wait, as `file:line: why`.
    pub fn relies_on(&self, function: &str) -> Option<&str> {
        let relied_on = &self.outside.as_ref()?.relied_on;
        relied_on.get(&hash(function.as_bytes())).map(String::as_str)
    }

    /// Where another file of the run catches exceptions of requests around what runs a function of this one, as `file:line`.
    pub fn expects_requests(&self, function: &str) -> Option<&str> {
        let expected = &self.outside.as_ref()?.expected;
        expected.get(&hash(function.as_bytes())).map(String::as_str)
    }

    /// Where another file of the run, which calls a function of this one, uses a response as only one of requests can be, as `file:line`.
    pub fn judges_response(&self, function: &str) -> Option<&str> {
        let judged = &self.outside.as_ref()?.judged;
        judged.get(&hash(function.as_bytes())).map(String::as_str)
    }

    /// Where another file of the run, which knows something of this one, sets an attribute of this name, as `file:line`.
    pub fn sets(&self, attribute: &str) -> Option<&str> {
        let set = &self.outside.as_ref()?.set;
        set.get(&hash(attribute.as_bytes())).map(String::as_str)
    }

    /// Where another file of the run sets a variable of this one's module, or changes its contents, as `file:line`.
    pub fn changes(&self, variable: &str) -> Option<&str> {
        let changed = &self.outside.as_ref()?.changed;
        changed.get(variable).map(String::as_str)
    }

    /// Where a test puts something in the place of a variable of this one's module, as `file:line`.
    pub fn patches_name(&self, variable: &str) -> Option<&str> {
        let patches = self.outside.iter().flat_map(|outside| &outside.patches);
        let is_it = |patched: &Patched| matches!(patched, Patched::Here(path) if path == variable);
        patches
            .filter(|(patched, _)| is_it(patched))
            .map(|(_, place)| place.as_str())
            .next()
    }

    /// The file that registers what is called at startup or shutdown with an application of this one's module, if another one of the run does.
    pub fn registers_with(&self, application: &str) -> Option<&str> {
        let registered = &self.outside.as_ref()?.registered;
        registered.get(application).map(String::as_str)
    }

    /// Where a test puts something in the place of a library or one of its members, as `file:line`.
    pub fn patch_of(&self, library: &str) -> Option<&str> {
        let patches = self.outside.iter().flat_map(|outside| &outside.patches);
        patches
            .filter(|(Patched::Here(path) | Patched::Everywhere(path), _)| first(path) == library)
            .map(|(_, place)| place.as_str())
            .next()
    }
}

fn first(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

/// What the files of a run want of each other. Files without [`Mentions::names`] are told nothing. `users`, `turning`: who uses whom, by names; empty
/// where no codemod asks that.
pub fn link(
    paths: &[&Path],
    mentions: &[Option<Mentions>],
    users: &Users,
    turning: &Turning,
) -> Vec<Option<Arc<Outside>>> {
    let links = Links {
        paths,
        mentions,
        modules: Modules::new(paths.iter().copied()),
    };
    let mut told: Vec<Outside> = paths.iter().map(|_| Outside::default()).collect();
    links.uses(&mut told);
    links.patches(&mut told);
    links.meddlers(&mut told, users, turning);
    let is_empty = |outside: &Outside| {
        outside.used.is_empty()
            && outside.star.is_none()
            && outside.patches.is_empty()
            && outside.cancelled.is_empty()
            && outside.driven.is_empty()
            && outside.expected.is_empty()
            && outside.judged.is_empty()
            && outside.set.is_empty()
            && outside.changed.is_empty()
    };
    told.into_iter()
        .map(|outside| (!is_empty(&outside)).then(|| Arc::new(outside)))
        .collect()
}

/// Functions, by their files and names, each with the file and line that does something to it.
#[derive(Default)]
struct Starts {
    functions: Vec<(usize, Name)>,
    places: Vec<(usize, u32)>,
    seen: FxHashSet<(usize, Name)>,
}

impl Starts {
    fn add(&mut self, file: usize, name: Name, place: impl FnOnce() -> (usize, u32)) {
        if self.seen.insert((file, name)) {
            self.functions.push((file, name));
            self.places.push(place());
        }
    }
}

/// Where the clock stands still, or something stands in the place of `time.sleep`, while a test runs.
#[derive(Clone, Debug, Default)]
pub struct StoppedClock {
    /// In every file: what the test runs is not known.
    pub everywhere: bool,
    /// The files that do it.
    pub by: BTreeSet<usize>,
    /// The files whose code they run: all that they import, and what those import.
    pub within: BTreeSet<usize>,
}

impl StoppedClock {
    /// By all that the files of a run say.
    pub fn of(paths: &[&Path], mentions: &[Option<Mentions>]) -> Self {
        let is_by = |file: &usize| mentions[*file].as_ref().is_some_and(|mentions| mentions.stops_clock);
        let by: BTreeSet<usize> = (0..mentions.len()).filter(is_by).collect();
        let mut clock = Self { by, ..Self::default() };
        if clock.by.is_empty() {
            return clock;
        }
        let modules = Modules::new(paths.iter().copied());
        // What an import may mean that leads nowhere from here.
        let folders = paths.iter().flat_map(|path| path.parent()).flat_map(Path::components);
        let known: FxHashSet<&str> = folders
            .filter_map(|part| part.as_os_str().to_str())
            .chain(paths.iter().map(|path| stem(path)))
            .collect();
        let mut open: Vec<usize> = clock.by.iter().copied().collect();
        while let Some(file) = open.pop() {
            if !clock.within.insert(file) {
                continue;
            }
            let Some(mentions) = &mentions[file] else {
                clock.everywhere = true;
                break;
            };
            // The fixtures of a folder are for all tests that it holds.
            clock.everywhere |= mentions.imports_by_name || stem(paths[file]) == "conftest" && mentions.stops_clock;
            open.extend(modules.conftests(file));
            for path in mentions
                .paths()
                .chain(mentions.patches.iter().map(|patch| patch.path.as_str()))
            {
                match modules.find(file, path) {
                    Some((ModuleId::File(found), _)) => {
                        open.push(found);
                        open.extend(modules.packages_on_the_way(file, path));
                    }
                    Some((ModuleId::Folder(_), _)) => {}
                    None => clock.everywhere |= known.contains(first(path.trim_start_matches('.'))),
                }
            }
        }
        clock
    }

    /// Whether it holds for a file.
    pub fn is_stopped_in(&self, file: usize) -> bool {
        self.everywhere || self.within.contains(&file)
    }
}

/// A function of which another file relies on it that it does not wait: its file, its name, and where and why.
pub type ReliedOn = ((usize, Name), String);

/// Tells files which of their functions others await and rely on it that these do not wait.
pub fn tell_of_awaits(told: &mut [Option<Arc<Outside>>], relying: &[ReliedOn], users: &Users, turning: &Turning) {
    let starts: Vec<(usize, Name)> = relying.iter().map(|(start, _)| *start).collect();
    for (file, name, start) in scan::run_by(users, turning, &starts) {
        let outside = Arc::make_mut(told[file].get_or_insert_with(Arc::default));
        outside
            .relied_on
            .entry(name)
            .or_insert_with(|| relying[start].1.clone());
    }
}

/// Tells files what others do to their classes and functions.
pub fn tell_of_heirs(told: &mut [Option<Arc<Outside>>], found: impl IntoIterator<Item = (usize, Heirs)>) {
    for (file, heirs) in found {
        if !heirs.is_empty() {
            Arc::make_mut(told[file].get_or_insert_with(Arc::default)).heirs = heirs;
        }
    }
}

struct Links<'r> {
    paths: &'r [&'r Path],
    mentions: &'r [Option<Mentions>],
    modules: Modules,
}

impl<'r> Links<'r> {
    /// The names of a file that others may miss, if it has any.
    fn of_concerned(&self, file: usize) -> Option<&'r Mentions> {
        self.mentions[file]
            .as_ref()
            .filter(|mentions| !mentions.names().is_empty())
    }

    fn uses(&self, told: &mut [Outside]) {
        // What leads to a name of some file, as far as two words tell: to look up a path costs more than to compare these.
        let mut sought: FxHashSet<Name> = FxHashSet::default();
        for file in 0..self.paths.len() {
            if let Some(mentions) = self.of_concerned(file) {
                let module = hash(stem(self.paths[file]).as_bytes());
                sought.extend(mentions.names().iter().map(|name| pair(module, *name)));
                sought.insert(pair(module, hash(b"*")));
            }
        }
        for (user, mentions) in self.mentions.iter().enumerate() {
            for path in mentions.iter().flat_map(Mentions::paths) {
                let mut parts = path.split('.').map(|part| hash(part.as_bytes()));
                let mut before = parts.next().unwrap_or_default();
                let is_sought = parts.any(|part| {
                    let is_sought = sought.contains(&pair(before, part));
                    before = part;
                    is_sought
                });
                if is_sought
                    && let Some((file, rest)) = self.meant(user, path)
                    && file != user
                    && let Some(concerned) = self.of_concerned(file)
                {
                    let place = || self.paths[user].display().to_string();
                    match first(&rest) {
                        "*" => {
                            told[file].star.get_or_insert_with(place);
                        }
                        name if concerned.has_name(name) => {
                            told[file].used.entry(name.to_owned()).or_insert_with(place);
                            if REGISTERING.contains(&&rest[name.len()..]) {
                                told[file].registered.entry(name.to_owned()).or_insert_with(place);
                            }
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    /// What files do to the functions and objects of those that they know.
    fn meddlers(&self, told: &mut [Outside], users: &Users, turning: &Turning) {
        let meddling = |file: usize| self.mentions[file].as_ref().map(|mentions| &mentions.meddling);
        let drivers: FxHashMap<usize, u32> = (0..self.paths.len())
            .filter_map(|file| Some((file, meddling(file)?.drives?)))
            .collect();
        // A path that leads to a file has its name among its parts: to look up all that is imported costs more than to compare these.
        let driver_stems: FxHashSet<&str> = drivers.keys().map(|file| stem(self.paths[*file])).collect();
        let place = |file: usize, line: u32| format!("{}:{line}", self.paths[file].display());
        let (mut cancelled, mut driven, mut expected) = (Starts::default(), Starts::default(), Starts::default());
        for (user, mentions) in self.mentions.iter().enumerate() {
            let Some(mentions) = mentions else { continue };
            let does = &mentions.meddling;
            let is_harmless = does.cancelled.is_empty()
                && does.set.is_empty()
                && does.changed.is_empty()
                && does.expected.is_empty()
                && does.judged.is_empty();
            let may_know_driver = || {
                let mut parts = mentions.paths().flat_map(|path| path.split('.'));
                drivers.contains_key(&user) || parts.any(|part| driver_stems.contains(part))
            };
            if is_harmless && (drivers.is_empty() || !may_know_driver()) {
                continue;
            }
            let known: BTreeSet<usize> = mentions
                .paths()
                .filter_map(|path| match self.modules.find(user, path)? {
                    (ModuleId::File(file), _) if file != user => Some(file),
                    _ => None,
                })
                .collect();
            for (path, line) in &does.changed {
                if let Some((file, rest)) = self.meant(user, path).filter(|(file, _)| *file != user)
                    && self.of_concerned(file).is_some()
                {
                    let changed = &mut told[file].changed;
                    changed
                        .entry(first(&rest).to_owned())
                        .or_insert_with(|| place(user, *line));
                }
            }
            for &file in &known {
                if let Some(concerned) = self.of_concerned(file) {
                    for (name, line) in &does.set {
                        if concerned.attributes().binary_search(name).is_ok() {
                            told[file].set.entry(*name).or_insert_with(|| place(user, *line));
                        }
                    }
                    for (name, line) in does.judged.iter().filter(|(name, _)| concerned.defines(*name)) {
                        told[file].judged.entry(*name).or_insert_with(|| place(user, *line));
                    }
                }
            }
            for &(name, line) in &does.cancelled {
                for &file in known.iter().chain([&user]) {
                    cancelled.add(file, name, || (user, line));
                }
            }
            for &(name, line) in &does.expected {
                for &file in known.iter().chain([&user]) {
                    expected.add(file, name, || (user, line));
                }
            }
            let mut driver = std::iter::once(&user)
                .chain(&known)
                .filter_map(|file| Some((*file, *drivers.get(file)?)));
            if let Some((by, line)) = driver.next() {
                for path in mentions.paths() {
                    if let Some((file, rest)) = self.meant(user, path) {
                        driven.add(file, hash(first(&rest).as_bytes()), || (by, line));
                    }
                }
            }
        }
        let mut tell = |starts: Starts, told_of: fn(&mut Outside) -> &mut BTreeMap<Name, String>| {
            let reached = scan::run_by(users, turning, &starts.functions);
            let direct = starts
                .functions
                .iter()
                .enumerate()
                .map(|(index, start)| (start.0, start.1, index));
            for (file, name, start) in reached.into_iter().chain(direct) {
                let (by, line) = starts.places[start];
                // What it does to its own functions is seen there.
                if by != file && self.of_concerned(file).is_some() {
                    told_of(&mut told[file]).entry(name).or_insert_with(|| place(by, line));
                }
            }
        };
        tell(cancelled, |outside| &mut outside.cancelled);
        tell(driven, |outside| &mut outside.driven);
        tell(expected, |outside| &mut outside.expected);
    }

    /// The file that the first parts of a path mean, and the other parts, if there are any.
    fn meant(&self, user: usize, path: &str) -> Option<(usize, String)> {
        let (ModuleId::File(file), count) = self.modules.find(user, path)? else {
            return None;
        };
        let rest: Vec<&str> = path.trim_start_matches('.').split('.').skip(count).collect();
        (!rest.is_empty()).then(|| (file, rest.join(".")))
    }

    fn patches(&self, told: &mut [Outside]) {
        for (test, mentions) in self.mentions.iter().enumerate() {
            let Some(mentions) = mentions else { continue };
            let place = |line: usize| format!("{}:{line}", self.paths[test].display());
            let mut everywhere: BTreeMap<&str, String> = BTreeMap::new();
            let meant: Vec<Option<(usize, String)>> = mentions
                .patches
                .iter()
                .map(|patch| self.meant(test, &patch.path))
                .collect();
            for (patch, meant) in mentions.patches.iter().zip(&meant) {
                let place = || place(patch.line);
                let of_library = match meant {
                    Some((file, rest)) => {
                        if let Some(concerned) = self.of_concerned(*file)
                            && (concerned.has_name(first(rest)) || is_builtin(rest) || is_constant(rest))
                        {
                            let patched = Patched::Here(rest.clone());
                            told[*file].patches.entry(patched).or_insert_with(place);
                        }
                        // What is a member of the library is one for all.
                        rest.contains('.').then_some(rest.as_str())
                    }
                    None => Some(patch.path.as_str()),
                };
                if let Some(path) = of_library {
                    everywhere.entry(path).or_insert_with(place);
                }
            }
            self.tell(told, self.run_by(test, mentions), &everywhere);
            if let Some(line) = mentions.fakes_requests {
                self.tell(told, self.beside(test), &BTreeMap::from([(REQUESTS, place(line))]));
            }
        }
    }

    fn tell(&self, told: &mut [Outside], files: BTreeSet<usize>, patches: &BTreeMap<&str, String>) {
        for file in files {
            let Some(concerned) = self.of_concerned(file) else {
                continue;
            };
            for (path, place) in patches {
                if concerned.has_name(first(path)) || first(path) == BUILTINS {
                    let patched = Patched::Everywhere((*path).to_owned());
                    told[file].patches.entry(patched).or_insert_with(|| place.clone());
                }
            }
        }
    }

    /// The files whose code a test runs, by what it imports: itself, and what packages hand on to it. What is set up for all tests of a folder
    /// holds for all files beside that.
    fn run_by(&self, test: usize, mentions: &Mentions) -> BTreeSet<usize> {
        if mentions.patches.is_empty() {
            return BTreeSet::new();
        }
        if stem(self.paths[test]) == "conftest" {
            return self.beside(test);
        }
        let mut files = BTreeSet::from([test]);
        for path in mentions.paths() {
            let (mut user, mut path) = (test, path.to_owned());
            for _ in 0..MAX_HOPS {
                let Some((ModuleId::File(file), _)) = self.modules.find(user, &path) else {
                    break;
                };
                files.insert(file);
                let Some((_, rest)) = self.meant(user, &path) else {
                    break;
                };
                let handed_on = self.mentions[file].iter().flat_map(Mentions::paths);
                let mut handed_on = handed_on.filter(|handed| last(handed) == first(&rest));
                match handed_on.next() {
                    Some(handed) if file != user => (user, path) = (file, handed.to_owned()),
                    _ => break,
                }
            }
        }
        files
    }

    /// The files beside the folder of tests, or beside the test itself.
    fn beside(&self, test: usize) -> BTreeSet<usize> {
        let is_tests =
            |part: &std::path::Component| part.as_os_str().to_str().is_some_and(|name| TESTS.contains(&name));
        let folder = self.paths[test].parent().unwrap_or(self.paths[test]);
        let root: PathBuf = folder.components().take_while(|part| !is_tests(part)).collect();
        let files = 0..self.paths.len();
        files
            .filter(|file| self.of_concerned(*file).is_some() && self.paths[*file].starts_with(&root))
            .collect()
    }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The name by which others may import a file: of a package's `__init__.py` that of its folder.
pub fn stem(path: &Path) -> &str {
    let named = match path.file_stem() {
        Some(stem) if stem == "__init__" => path.parent().and_then(Path::file_name),
        stem => stem,
    };
    named.and_then(|name| name.to_str()).unwrap_or_default()
}

fn pair(module: Name, name: Name) -> Name {
    module.rotate_left(16) ^ name
}

const BUILTINS: &str = "builtins";

/// Builtins that rewrites stop calling.
fn is_builtin(name: &str) -> bool {
    matches!(name, "open" | "input" | "print")
}

/// Whether a name is one of a value that stays as it is, by the usual spelling.
fn is_constant(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Makes unsafe what no longer calls that in whose place a test puts something else.
pub fn doubt_what_tests_replace(findings: &mut [Finding], model: &SemanticModel, project: &ProjectFacts) {
    if !findings.iter().any(|finding| finding.fix().is_some()) {
        return;
    }
    let alone;
    let outside = match &project.outside {
        Some(outside) => &**outside,
        None => match Outside::of_test(model.module().text().as_bytes()) {
            Some(outside) => {
                alone = outside;
                &alone
            }
            None => return,
        },
    };
    if outside.patches.is_empty() {
        return;
    }
    for finding in findings {
        // What changes several files at once is looked at by itself: half of it must not stay behind.
        if let Verdict::Fix(fix) = &mut finding.verdict
            && fix.turn != Turn::First
            && let Some(doubt) = doubt(outside, model, fix)
        {
            let doubts = fix.reason.as_deref().into_iter().chain([doubt.as_str()]);
            fix.reason = edit::all_doubts(doubts);
            fix.applicability = fix.applicability.min(Applicability::Unsafe);
        }
    }
}

fn doubt(outside: &Outside, model: &SemanticModel, fix: &Fix) -> Option<String> {
    let (hull, edits) = (fix.hull()?, &fix.edits);
    let is_touched = |range: TextRange| {
        let mut edited = edits.iter().map(Ranged::range).filter(|edited| !edited.is_empty());
        edited.any(|edited| edited.intersect(range).is_some_and(|both| !both.is_empty()))
    };
    model.references().iter().find_map(|reference| {
        let name = model.node(reference.node);
        if name.start() >= hull.end() {
            return None;
        }
        let mut chain = reference.node;
        while let AnyNodeRef::ExprAttribute(outer) = model.node(model.parent(chain)) {
            if !outer.ctx.is_load() {
                break;
            }
            chain = model.parent(chain);
        }
        let range = model.node(chain).range();
        if !is_touched(range) {
            return None;
        }
        let here = match model.lookup(&reference.name.id, reference.scope) {
            Lookup::Scope(ScopeId::MODULE) | Lookup::Builtin => Some(model.slice(range)),
            _ => None,
        };
        let object = object_of(model, reference.node, chain);
        let (_, place) = outside.patches.iter().find(|(patched, _)| match patched {
            Patched::Here(path) => here.is_some_and(|here| begins(here, path)),
            Patched::Everywhere(path) => object.as_deref().is_some_and(|object| begins(object, path)),
        })?;
        let written = model.slice(range);
        let hull = hull.cover(range);
        // A helper that the rewrite calls may ask it in its stead.
        let is_asked = fix.definitions.iter().any(|helper| count(&helper.text, written) > 0);
        let is_lost = || count(&result(model, hull, edits), written) < count(model.slice(hull), written);
        (!is_asked && is_lost()).then(|| {
            format!("a test puts something else in the place of `{written}`, which would no longer be met ({place})")
        })
    })
}

/// The qualified name of what the attributes of a name lead to, where the name is imported or a builtin.
fn object_of(model: &SemanticModel, name: NodeId, chain: NodeId) -> Option<String> {
    let AnyNodeRef::ExprName(root) = model.node(name) else {
        return None;
    };
    let scope = model.scope_of(name);
    let mut object = match model.lookup(&root.id, scope) {
        Lookup::Builtin => format!("{BUILTINS}.{}", root.id),
        _ => model.imported_name(&root.id, scope)?,
    };
    object.push_str(&model.slice(model.node(chain).range())[root.id.len()..]);
    Some(object)
}

/// Whether a dotted name is another one, or a member of it.
fn begins(name: &str, with: &str) -> bool {
    name.strip_prefix(with)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What edits make of a range that holds them.
fn result(model: &SemanticModel, range: TextRange, edits: &[Edit]) -> String {
    let mut sorted: Vec<&Edit> = edits.iter().collect();
    sorted.sort_by_key(|edit| (edit.start(), edit.end()));
    let (mut text, mut at) = (String::new(), range.start());
    for edit in sorted {
        if at <= edit.start() {
            text.push_str(model.slice(TextRange::new(at, edit.start())));
        }
        text.push_str(edit.content());
        at = at.max(edit.end());
    }
    text.push_str(model.slice(TextRange::new(at, range.end().max(at))));
    text
}

/// How often a dotted name is written in a text, as a whole.
fn count(text: &str, written: &str) -> usize {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| is_word(*byte) || *byte == b'.');
    text.match_indices(written)
        .filter(|(at, _)| {
            let (before, behind) = text.as_bytes().split_at(*at);
            !is_part(before.last()) && !behind.get(written.len()).is_some_and(|byte| is_word(*byte))
        })
        .count()
}
