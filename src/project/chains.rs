//! Where a coroutine runs sync functions that block, hops away and in other files.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use ruff_text_size::TextRange;
use rustc_hash::{FxHashMap, FxHashSet};

use super::modules::ModuleId;
use super::resolve::{ClassId, Found, FunctionId, Linker};
use super::summary::{Edge, Function, Leaf, Note, Site, Target};
use crate::knowledge::blocking;
use crate::semantic::names::is_standard;

/// Decorators of which what is decorated still runs in the caller's frame.
const TRANSPARENT: &[&str] = &[
    "lru_cache",
    "cache",
    "wraps",
    "contextmanager",
    "override",
    "overload",
    "retry",
];

/// A use in a coroutine that blocks the event loop.
#[derive(Clone, Debug)]
pub struct Blocked {
    /// The coroutine function, or what hands a callback over, by its qualified name in its module.
    pub frame: String,
    /// What is called or used, as written there.
    pub text: String,
    pub edge: Edge,
    /// The functions that run, from the one that is used to the one that blocks.
    pub hops: Vec<Hop>,
    /// What blocks.
    pub leaf: Leaf,
    /// How many more calls that block it reaches.
    pub more: usize,
    /// Why it must not run in a thread.
    pub hazard: Option<String>,
    /// What is not proven of it.
    pub doubt: Option<String>,
    /// Whether a test runs it.
    pub is_test: bool,
    /// What no rewrite of the place can mend is told once where many places share it.
    pub told: Told,
}

/// Where a defect that many places share is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Here, for so many other places as well.
    Here(usize),
    /// There: `file:line`.
    There(String),
}

/// Where a [`Blocked`] stands: its file, its index among those of the file, its line.
struct Place {
    file: usize,
    index: usize,
    line: usize,
}

/// So many places may be told of one defect, each by itself.
const MANY: usize = 5;

/// A function on the way.
#[derive(Clone, Debug)]
pub struct Hop {
    /// `None`: the file of the use.
    pub file: Option<PathBuf>,
    /// Its name where it is defined.
    pub range: TextRange,
    /// 1-based.
    pub line: usize,
    /// With its module in front where that is another one.
    pub name: String,
}

/// How a function gets to what blocks.
#[derive(Clone)]
struct Step {
    distance: usize,
    next: Option<FunctionId>,
    leaf: Leaf,
}

impl Step {
    fn to(leaf: &Leaf) -> Self {
        Self {
            distance: 0,
            next: None,
            leaf: leaf.clone(),
        }
    }
}

/// Whether what blocks is the opening of a file, with what is done with it there.
fn opens_file(leaf: &Leaf) -> bool {
    leaf.kind == "file" && blocking::blocking(&leaf.name).is_some_and(blocking::opens)
}

/// The ways of a project to what blocks.
pub struct Chains<'l, 'p> {
    edges: Edges<'l, 'p>,
    steps: BTreeMap<FunctionId, Step>,
}

impl<'l, 'p> Chains<'l, 'p> {
    pub fn of(linker: &'l Linker<'p>) -> Self {
        let edges = Edges::of(linker);
        let steps = edges.steps();
        Self { edges, steps }
    }

    /// Where coroutines run what blocks: for each file, in source order.
    pub fn blocked(&self) -> Vec<Vec<Blocked>> {
        let Self { edges, steps } = self;
        let linker = edges.linker;
        let mut found: Vec<Vec<Blocked>> = linker.project.files.iter().map(|_| Vec::new()).collect();
        // The places of what can only be reported, by what is used there.
        let mut shared: BTreeMap<(FunctionId, Edge), Vec<Place>> = BTreeMap::new();
        for (id, function) in linker.functions() {
            let mut seen: BTreeSet<(&str, Edge)> = BTreeSet::new();
            for (site, callees) in edges.sites(id) {
                let runs_on_loop = site.edge == Edge::Callback || function.is_async;
                if !runs_on_loop {
                    continue;
                }
                let first = callees.iter().copied().filter(|callee| {
                    let callee = linker.function(*callee);
                    // Another codemod looks into the functions of a coroutine.
                    !callee.is_async && !callee.is_local_to_coroutine
                });
                let Some(first) = first
                    .filter(|callee| steps.contains_key(callee))
                    .min_by_key(|callee| (steps[callee].distance, *callee))
                else {
                    continue;
                };
                if seen.insert((&site.text, site.edge)) {
                    let described = edges.describe(steps, id, site, first);
                    if !function.is_test && (described.hazard.is_some() || site.edge != Edge::Call || site.is_awaited) {
                        let places = shared.entry((first, site.edge)).or_default();
                        places.push(Place {
                            file: id.file,
                            index: found[id.file].len(),
                            line: site.line,
                        });
                    }
                    found[id.file].push(described);
                }
            }
        }
        for places in shared.values().filter(|places| places.len() > MANY) {
            let [first, others @ ..] = places.as_slice() else {
                continue;
            };
            found[first.file][first.index].told = Told::Here(others.len());
            let there = linker.project.place(first.file, first.line);
            for other in others {
                found[other.file][other.index].told = Told::There(there.clone());
            }
        }
        found
    }

    /// The files without a summary that have something of which it depends whether a call may safely move: what is handed to others on the way.
    pub fn unread(&self) -> BTreeSet<usize> {
        let Self { edges, steps } = self;
        let linker = edges.linker;
        let mut unread = BTreeSet::new();
        for (id, _) in linker.functions().filter(|(_, function)| function.is_async) {
            let calls = edges.sites(id).filter(|(site, _)| site.edge == Edge::Call);
            let callees = calls.flat_map(|(_, callees)| callees.iter().copied());
            for callee in callees.filter(|callee| steps.contains_key(callee)) {
                let Judged { hazard, doubt, .. } = edges.judged(callee);
                if hazard.is_some() || doubt.is_some() {
                    continue;
                }
                for inside in edges.inside(callee, true) {
                    for target in &linker.function(inside).handed {
                        if let Target::Path(path) = target
                            && let Some((ModuleId::File(file), _)) = linker.modules.find(inside.file, path)
                            && linker.project.files[file].1.is_none()
                        {
                            unread.insert(file);
                        }
                    }
                }
            }
        }
        unread
    }
}

/// The call graph, as far as it runs in the frame of the caller.
pub(super) struct Edges<'l, 'p> {
    linker: &'l Linker<'p>,
    sites: FxHashMap<FunctionId, Vec<(&'p Site, Vec<FunctionId>)>>,
    leaves: FxHashMap<FunctionId, Vec<Leaf>>,
    judged: RefCell<FxHashMap<FunctionId, Judged>>,
}

/// What is known of running a function, with all that it runs, in a thread.
#[derive(Clone)]
struct Judged {
    /// Calls that block besides the first.
    more: usize,
    hazard: Option<String>,
    doubt: Option<String>,
}

impl<'l, 'p> Edges<'l, 'p> {
    pub(super) fn of(linker: &'l Linker<'p>) -> Self {
        let mut sites: FxHashMap<FunctionId, Vec<(&Site, Vec<FunctionId>)>> = FxHashMap::default();
        let mut leaves: FxHashMap<FunctionId, Vec<Leaf>> = FxHashMap::default();
        for (id, function) in linker.functions() {
            let own = leaves.entry(id).or_default();
            own.extend(function.leaves.iter().cloned());
            for site in function.sites.iter().filter(|site| site.may_block) {
                let callees: Vec<FunctionId> = linker.callees(id.file, site);
                if callees.is_empty() {
                    own.extend(leaf_of_library(linker, id, site));
                } else {
                    sites.entry(id).or_default().push((site, callees));
                }
            }
        }
        Self {
            linker,
            sites,
            leaves,
            judged: RefCell::default(),
        }
    }

    fn sites(&self, id: FunctionId) -> impl Iterator<Item = (&'p Site, &[FunctionId])> + '_ {
        let sites = self.sites.get(&id).into_iter().flatten();
        sites.map(|(site, callees)| (*site, callees.as_slice()))
    }

    /// Whether running a function's body is what a use of it does, in the frame of the user.
    fn is_followed(function: &Function) -> bool {
        let is_transparent = |name: &String| {
            name.rsplit('.')
                .next()
                .is_some_and(|last| TRANSPARENT.contains(&last) || last == "setter")
        };
        !function.is_async && function.decorators.iter().all(is_transparent)
    }

    /// The functions that block and that each of these runs without calling them by name, with the line: properties that it reads, special
    /// methods.
    pub(super) fn block_unnamed(&self, users: &[FunctionId]) -> Vec<(FunctionId, FunctionId, usize)> {
        let steps = self.steps();
        let is_special = |id: &FunctionId| {
            let name = self.linker.name(*id);
            name.starts_with("__") && name != "__init__"
        };
        let mut found = Vec::new();
        for &user in users {
            for (site, callees) in self.sites(user).filter(|(site, _)| site.edge != Edge::Callback) {
                let run = callees.iter().filter(|id| site.edge != Edge::Call || is_special(id));
                found.extend(run.filter(|id| steps.contains_key(id)).map(|id| (user, *id, site.line)));
            }
        }
        found
    }

    /// The shortest way of each sync function to something that blocks.
    fn steps(&self) -> BTreeMap<FunctionId, Step> {
        let mut callers: FxHashMap<FunctionId, Vec<FunctionId>> = FxHashMap::default();
        let mut steps: BTreeMap<FunctionId, Step> = BTreeMap::new();
        let mut open = VecDeque::new();
        let mut opening = Vec::new();
        for (id, function) in self.linker.functions() {
            if id.index == 0 || !Self::is_followed(function) {
                continue;
            }
            for (site, callees) in self.sites(id) {
                if site.edge != Edge::Callback {
                    for &callee in callees {
                        callers.entry(callee).or_default().push(id);
                    }
                }
            }
            let leaves = self.leaves.get(&id).into_iter().flatten();
            if let Some(leaf) = leaves.clone().find(|leaf| !opens_file(leaf)) {
                steps.insert(id, Step::to(leaf));
                open.push_back(id);
            } else if let Some(leaf) = leaves.clone().next() {
                opening.push((id, leaf));
            }
        }
        while let Some(id) = open.pop_front() {
            let Step { distance, leaf, .. } = steps[&id].clone();
            for &caller in callers.get(&id).into_iter().flatten() {
                steps.entry(caller).or_insert_with(|| {
                    open.push_back(caller);
                    Step {
                        distance: distance + 1,
                        next: Some(id),
                        leaf: leaf.clone(),
                    }
                });
            }
        }
        // To open a file takes a moment: what does so is told, and who calls that, but not what gets there over more.
        let mut over_one: Vec<(FunctionId, FunctionId, &Leaf)> = Vec::new();
        for (id, leaf) in opening {
            steps.entry(id).or_insert_with(|| Step::to(leaf));
            if steps[&id].next.is_none() && opens_file(&steps[&id].leaf) {
                over_one.extend(callers.get(&id).into_iter().flatten().map(|caller| (*caller, id, leaf)));
            }
        }
        for (caller, id, leaf) in over_one {
            steps.entry(caller).or_insert_with(|| Step {
                distance: 1,
                next: Some(id),
                leaf: leaf.clone(),
            });
        }
        steps
    }

    fn describe(
        &self,
        steps: &BTreeMap<FunctionId, Step>,
        frame: FunctionId,
        site: &Site,
        first: FunctionId,
    ) -> Blocked {
        let linker = self.linker;
        let mut hops = Vec::new();
        let mut at = Some(first);
        while let Some(id) = at {
            let function = linker.function(id);
            let is_other = id.file != frame.file;
            hops.push(Hop {
                file: is_other.then(|| linker.project.files[id.file].0.clone()),
                range: function.range,
                line: function.line,
                name: if is_other {
                    format!("{}.{}", linker.modules.name_of(id.file), function.qualname)
                } else {
                    function.qualname.clone()
                },
            });
            at = steps[&id].next;
        }
        let function = linker.function(frame);
        let Judged { more, hazard, doubt } = self.judged(first);
        let doubt = doubt.or_else(|| self.written_back(frame, site, first));
        Blocked {
            frame: function.qualname.clone(),
            text: site.text.clone(),
            edge: site.edge,
            hops,
            leaf: steps[&first].leaf.clone(),
            more,
            hazard,
            doubt,
            is_test: function.is_test,
            told: Told::Here(0),
        }
    }

    fn judged(&self, first: FunctionId) -> Judged {
        let mut known = self.judged.borrow_mut();
        known.entry(first).or_insert_with(|| self.judge(first)).clone()
    }

    /// Whether a function may run in a thread, with all that it runs.
    fn judge(&self, first: FunctionId) -> Judged {
        let inside = self.inside(first, false);
        let and_handed = self.inside(first, true);
        let leaves: usize = inside.iter().map(|id| self.leaves.get(id).map_or(0, Vec::len)).sum();
        Judged {
            more: leaves.saturating_sub(1),
            hazard: self.noted(&inside, |function| function.hazard.as_ref()),
            doubt: self
                .noted(&and_handed, |function| function.unknown.as_ref())
                // What is handed over need not be called there.
                .or_else(|| self.noted(&and_handed, |function| function.hazard.as_ref()))
                .or_else(|| self.written(&and_handed))
                .or_else(|| self.is_open(&and_handed)),
        }
    }

    /// What a function, with all that it runs, does to what others see, or calls of the project without its being certain what that is.
    pub(super) fn shared(&self, first: FunctionId) -> Option<String> {
        let inside = self.inside(first, true);
        self.written(&inside).or_else(|| {
            inside.iter().find_map(|&id| {
                let function = self.linker.function(id);
                let is_uncertain = |site: &&Site| {
                    let is_open = |callee: &FunctionId| self.stands_for_others(*callee) && !self.is_overridden(*callee);
                    site.edge == Edge::Call && self.linker.callees(id.file, site).iter().any(is_open)
                };
                function
                    .sites
                    .iter()
                    .find(is_uncertain)
                    .map(|site| unknown_call(function, site))
            })
        })
    }

    /// Why a file may be changed between its reading and its writing, of which one is done by this use and the other by the rest of the function.
    fn written_back(&self, frame: FunctionId, site: &Site, first: FunctionId) -> Option<String> {
        type Paths = fn(&Function) -> &BTreeSet<String>;
        let own = |id: FunctionId, of: Paths| {
            of(self.linker.function(id))
                .iter()
                .map(move |path| (id.file, path.as_str()))
        };
        let used = |first: FunctionId, of: Paths| -> BTreeSet<(usize, &str)> {
            self.inside(first, false)
                .into_iter()
                .flat_map(|id| own(id, of))
                .collect()
        };
        let (read, written) = (
            used(first, |one| &one.files_read),
            used(first, |one| &one.files_written),
        );
        if read.is_empty() && written.is_empty() {
            return None;
        }
        let through_others = |is_it: &dyn Fn(&Site) -> bool, of: Paths| -> BTreeSet<(usize, &str)> {
            let others = self
                .sites(frame)
                .filter(|(other, _)| other.edge == Edge::Call && is_it(other));
            let callees = others
                .flat_map(|(_, callees)| callees)
                .filter(|callee| **callee != first);
            callees
                .flat_map(|callee| used(*callee, of))
                .chain(own(frame, of))
                .collect()
        };
        let at = site.range.start();
        let read_before = through_others(&|other| other.range.start() < at, |one| &one.files_read);
        let written_behind = through_others(&|other| other.range.start() > at, |one| &one.files_written);
        let (_, path) = written
            .intersection(&read_before)
            .chain(read.intersection(&written_behind))
            .chain(read.intersection(&written))
            .next()?;
        Some(format!(
            "`{}` reads `{path}` and writes it back, and another task may change it between the two",
            self.linker.function(frame).qualname
        ))
    }

    fn noted(&self, inside: &[FunctionId], of: fn(&Function) -> Option<&Note>) -> Option<String> {
        inside.iter().find_map(|&id| {
            let function = self.linker.function(id);
            let note = of(function)?;
            Some(format!("`{}` {} (line {})", function.qualname, note.text, note.line))
        })
    }

    /// The first write to something that outlives these functions; to take the next element of an iterator is one, and where one of them reads a
    /// variable on both sides of a call, another function's write.
    fn written(&self, inside: &[FunctionId]) -> Option<String> {
        let read_again = || {
            inside.iter().find_map(|&id| {
                let function = self.linker.function(id);
                let is_changed = |name: &&String| {
                    let mut summaries = self.linker.summaries();
                    summaries.any(|(_, summary)| summary.changed.contains(*name))
                };
                let name = function.read_again.iter().find(is_changed)?;
                Some(format!(
                    "`{}` reads `{name}` before and after it waits, and other code changes that (line {})",
                    function.qualname, function.line
                ))
            })
        };
        let written = self.noted(inside, |function| function.write.as_ref());
        written.or_else(read_again).or_else(|| {
            inside.iter().find_map(|&id| {
                let function = self.linker.function(id);
                let mut handed = function.handed.iter();
                let taken = handed.find(|target| self.linker.is_iterator(id.file, target))?;
                let Target::Path(path) = taken else { return None };
                Some(format!(
                    "`{}` takes elements of `{}`, which gives each of them once (line {})",
                    function.qualname, path, function.line
                ))
            })
        })
    }

    /// The functions that run when this one does, itself first; with those that it hands to others if asked.
    fn inside(&self, first: FunctionId, with_handed: bool) -> Vec<FunctionId> {
        let mut seen: FxHashSet<FunctionId> = FxHashSet::default();
        let mut all = Vec::new();
        let mut open = vec![first];
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            all.push(id);
            for (site, callees) in self.sites(id) {
                if site.edge != Edge::Callback {
                    open.extend(
                        callees
                            .iter()
                            .copied()
                            .filter(|&callee| !self.linker.function(callee).is_async),
                    );
                }
            }
            if with_handed {
                open.extend(self.overriding(id));
                let handed = self.linker.function(id).handed.iter();
                open.extend(handed.filter_map(|target| match self.linker.find(id.file, target) {
                    Some(Found::Function(function)) if !self.linker.function(function).is_async => Some(function),
                    _ => None,
                }));
            }
        }
        all
    }

    /// The first call inside that leads to a file that was not looked at, or to nothing that is known.
    fn is_open(&self, inside: &[FunctionId]) -> Option<String> {
        inside.iter().find_map(|&id| {
            let function = self.linker.function(id);
            function.sites.iter().find_map(|site| {
                let is_call = site.edge == Edge::Call;
                let callees = self.linker.callees(id.file, site);
                let overridden = callees
                    .iter()
                    .any(|&callee| self.is_overridden(callee) || self.stands_for_others(callee));
                let is_unknown = callees.is_empty()
                    && match self.linker.find(id.file, &site.target) {
                        // What blocks is known.
                        Some(Found::External(name)) if blocking::blocking(&name).is_some() => false,
                        None => true,
                        Some(Found::External(name)) => !is_standard(&name),
                        Some(Found::Class(_)) => false,
                        Some(Found::Function(made)) => !self.linker.function(made).is_generator,
                        Some(Found::Module(_)) => true,
                    };
                (is_call && (is_unknown || overridden)).then(|| unknown_call(function, site))
            })
        })
    }

    /// Whether a method is that of a protocol, or has no body: what runs is of another class.
    fn stands_for_others(&self, method: FunctionId) -> bool {
        let function = self.linker.function(method);
        let class = |index| ClassId {
            file: method.file,
            index,
        };
        function.is_stub
            || function
                .class
                .is_some_and(|index| self.linker.is_protocol(class(index)))
    }

    fn is_overridden(&self, method: FunctionId) -> bool {
        !self.overriding(method).is_empty()
    }

    /// The methods that stand in the place of one, constructors aside: those are called by the names of their classes.
    fn overriding(&self, method: FunctionId) -> Vec<FunctionId> {
        match self.linker.name(method) {
            "__init__" => Vec::new(),
            _ => self.linker.overriding(method),
        }
    }
}

fn unknown_call(function: &Function, site: &Site) -> String {
    format!(
        "`{}` calls `{}`, of which it is not known what it does (line {})",
        function.qualname,
        crate::module::one_line(&site.text),
        site.line
    )
}

/// A call that blocks of which only the project as a whole tells the class.
fn leaf_of_library(linker: &Linker, id: FunctionId, site: &Site) -> Option<Leaf> {
    if site.edge != Edge::Call {
        return None;
    }
    let Some(Found::External(name)) = linker.find(id.file, &site.target) else {
        return None;
    };
    let function = linker.function(id);
    let is_known = function.leaves.iter().any(|leaf| leaf.range == site.range);
    let row = blocking::movable_method(&name)?;
    (!is_known).then(|| Leaf {
        kind: row.kind.to_owned(),
        name,
        range: site.range,
        line: site.line,
    })
}
