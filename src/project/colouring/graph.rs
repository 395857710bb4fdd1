//! Who uses whom: the functions of the project that may turn into coroutine functions, in families that turn together, and every use of each.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use ruff_text_size::TextRange;
use rustc_hash::{FxHashMap, FxHashSet};

use super::World;
use super::closed::{reaching, starts};
use super::groups::Groups;
use super::suites::Suites;
use super::usage::{
    self, Fake, How, Kind, Leaf, Named, Nature, Place, Sink, Slot, Special, Taken, Unknown, Usage, Use, Way,
};
use crate::project::chains::Edges;
use crate::project::modules::ModuleId;
use crate::project::outside::StoppedClock;
use crate::project::resolve::{ClassId, Found, FunctionId, Linker};
use crate::project::summary::{ClassName, Edge, Function, Receiver, Target};

/// Index of a node.
pub type NodeIndex = usize;

/// What may turn.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    Function(FunctionId),
    /// A parameter that functions are given to.
    Parameter(FunctionId, String),
}

impl Node {
    /// The function, or the one whose parameter it is.
    pub fn function(&self) -> FunctionId {
        match self {
            Self::Function(function) | Self::Parameter(function, _) => *function,
        }
    }
}

/// A use of a node.
#[derive(Clone, Copy)]
pub struct Resolved<'p> {
    pub file: usize,
    pub found: &'p Use,
    /// Whether it is certain that it is this one; else it has the only name of its kind.
    pub is_certain: bool,
    /// Whether what uses it was understood, though it is not called: an argument whose parameter is a node, a wrapper that is returned.
    pub is_understood: bool,
}

pub struct Graph<'l, 'p> {
    pub linker: &'l Linker<'p>,
    /// What runs what, told as soon as something asks for it: most projects turn nothing.
    edges: OnceCell<Edges<'l, 'p>>,
    pub nodes: Vec<Node>,
    index: FxHashMap<Node, NodeIndex>,
    /// The functions, by the last parts of their names.
    by_name: FxHashMap<&'p str, Vec<NodeIndex>>,
    families: Groups,
    /// Why a node stays as it is, whatever its users do.
    pub stops: Vec<Option<String>>,
    pub uses: Vec<Vec<Resolved<'p>>>,
    /// Methods of one name and several families of which a use may mean any: they turn together or not at all. With the place of a use.
    pub namesakes_at: FxHashMap<&'p str, (Vec<NodeIndex>, String)>,
    /// Names that stand in strings, with a file and line.
    pub strings: FxHashMap<&'p str, (usize, usize)>,
    /// Names that the examples of doc strings call, with a file and line.
    pub doctests: FxHashMap<&'p str, (usize, usize)>,
    /// The first place that has a signal interrupt what runs.
    pub alarms: Option<(usize, usize)>,
    /// The first place that makes mocks of nothing in particular.
    pub mocks: Option<(usize, usize)>,
    /// Where a test puts something in the place of `time.sleep`, or stops the clock.
    clock: StoppedClock,
    /// The first place that gets members of something unknown by computed names.
    pub computed: Option<(usize, usize)>,
    /// Wrappers that decorate something of their family, and must be looked at by a person.
    pub wrappers: Vec<NodeIndex>,
    /// Plain functions that do nothing but to hand on what generators give: they stay as they are, and what they give is iterated over as it is
    /// with those.
    forwarders: FxHashSet<NodeIndex>,
    /// The generators that a call of `next` is given, by its file and range.
    stepped_on: FxHashMap<(usize, TextRange), Vec<NodeIndex>>,
    /// What each `with` statement over several objects enters, by its file and range.
    entered: FxHashMap<(usize, TextRange), Vec<NodeIndex>>,
    /// Functions in whose place a test or another module puts something else, with a file and line.
    pub patched: FxHashMap<NodeIndex, (usize, usize)>,
    pub(super) boundaries: FxHashSet<NodeIndex>,
    /// The tests of classes.
    pub suites: Suites,
    /// Those that the configuration keeps and that may start an event loop.
    kept: FxHashSet<NodeIndex>,
    /// Functions that run an event loop, or whose callees may.
    starts_loops: FxHashSet<NodeIndex>,
    /// Calls that wait of which only the project as a whole tells what is called.
    of_library: FxHashMap<NodeIndex, Vec<Leaf>>,
    /// Calls of functions of the project, where they are looked for among the calls that wait as well.
    known_calls: FxHashSet<(usize, TextRange)>,
    /// Functions behind a decorator of the project.
    pub decorated: FxHashSet<NodeIndex>,
    /// Those of them of which the decorator only passes the call on.
    passed_on: FxHashSet<NodeIndex>,
    /// Decorators of which the wrapper waits itself, before it passes the call on.
    waiting_decorators: FxHashSet<FunctionId>,
    /// The files of a layer of SQLAlchemy, where what asks its database is the reason to turn.
    pub layer: Option<BTreeSet<usize>>,
    /// What uses by name may mean, while they are looked at: by the name, and whether it is that of a member.
    namesakes: FxHashMap<(&'p str, bool), Namesakes>,
    /// The calls of members that methods of the project may be, of something of which nothing is known: with their files.
    pub unresolved: Vec<(usize, &'p Use)>,
}

/// The functions that a use by name may mean.
#[derive(Clone, Copy)]
struct Namesakes {
    /// `None` where there are none.
    first: Option<NodeIndex>,
    is_one_family: bool,
    /// Whether all of them stay as they are.
    are_stopped: bool,
}

/// Whether a use by name may mean this function: an attribute of something unknown is a method; a name that is not known is none.
fn may_be_meant(function: &Function, is_member: bool) -> bool {
    !is_member || function.class.is_some()
}

/// Families of which a use by name may mean any.
const MAX_NAMESAKES: usize = 16;

/// Names of methods that objects of the standard library and of clients have as well: by such a name alone nothing is resolved.
const COMMON: &[&str] = &[
    "acquire", "add", "all", "append", "cancel", "clear", "close", "commit", "connect", "copy", "count", "decode",
    "delete", "encode", "execute", "exists", "extend", "fetch", "fetchall", "fetchone", "filter", "find", "first",
    "flush", "format", "get", "group", "index", "info", "insert", "items", "join", "json", "keys", "list", "load",
    "loads", "login", "match", "name", "next", "open", "pop", "post", "put", "query", "read", "readline", "release",
    "remove", "replace", "request", "reset", "result", "run", "save", "search", "send", "set", "sleep", "sort",
    "split", "start", "status", "stop", "strip", "submit", "sync", "update", "upper", "values", "wait", "write",
];

impl<'l, 'p> Graph<'l, 'p> {
    pub fn of(linker: &'l Linker<'p>, world: &World) -> Self {
        let mut graph = Self {
            linker,
            edges: OnceCell::new(),
            nodes: Vec::new(),
            index: FxHashMap::default(),
            by_name: FxHashMap::default(),
            strings: FxHashMap::default(),
            doctests: FxHashMap::default(),
            alarms: None,
            mocks: None,
            clock: world.clock.clone(),
            families: Groups::default(),
            stops: Vec::new(),
            uses: Vec::new(),
            namesakes_at: FxHashMap::default(),
            computed: None,
            wrappers: Vec::new(),
            forwarders: FxHashSet::default(),
            stepped_on: FxHashMap::default(),
            entered: FxHashMap::default(),
            patched: FxHashMap::default(),
            boundaries: FxHashSet::default(),
            suites: Suites::default(),
            kept: FxHashSet::default(),
            starts_loops: FxHashSet::default(),
            of_library: FxHashMap::default(),
            known_calls: FxHashSet::default(),
            decorated: FxHashSet::default(),
            passed_on: FxHashSet::default(),
            waiting_decorators: FxHashSet::default(),
            layer: None,
            namesakes: FxHashMap::default(),
            unresolved: Vec::new(),
        };
        for (id, _) in linker.functions() {
            if let Some(usage) = graph.usage(id.file) {
                let node = graph.node(Node::Function(id));
                let nature = &usage.natures[id.index];
                graph.stops[node].clone_from(&nature.stop);
                if let Some(twin) = nature.twin {
                    let twin = graph.node(Node::Function(FunctionId { index: twin, ..id }));
                    graph.families.unite(node, twin);
                }
            }
        }
        for node in 0..graph.nodes.len() {
            graph.by_name.entry(graph.name(node)).or_default().push(node);
        }
        graph.find_suites(world);
        graph.entry_points(world);
        graph.families();
        graph.resolve();
        graph.find_waiting_decorators();
        graph.hand_over();
        graph.forward();
        graph.enter();
        graph.replaced();
        graph.retried();
        graph.unused();
        graph.running_loops();
        graph.keep(world);
        graph.find_starts_of_loops();
        graph
    }

    /// The same, for what asks the database of a layer: all of it turns together.
    pub fn of_layer(linker: &'l Linker<'p>, world: &World, files: &BTreeSet<usize>) -> Self {
        let mut graph = Self::of(linker, world);
        graph.layer = Some(files.clone());
        let asking: Vec<NodeIndex> = (0..graph.nodes.len())
            .filter(|node| !graph.is_async(*node) && starts(&graph, *node))
            .collect();
        for pair in asking.windows(2) {
            graph.families.unite(pair[0], pair[1]);
        }
        graph
    }

    pub fn usage(&self, file: usize) -> Option<&'p Usage> {
        self.linker.project.files[file].1.as_ref()?.usage.as_ref()
    }

    pub(in crate::project) fn edges(&self) -> &Edges<'l, 'p> {
        self.edges.get_or_init(|| Edges::of(self.linker))
    }

    pub fn nature(&self, id: FunctionId) -> &'p Nature {
        &self.usage(id.file).expect("nodes come from usages").natures[id.index]
    }

    pub fn function(&self, node: NodeIndex) -> &'p Function {
        self.linker.function(self.nodes[node].function())
    }

    /// Whether it is a coroutine function already.
    pub fn is_async(&self, node: NodeIndex) -> bool {
        matches!(self.nodes[node], Node::Function(_)) && self.function(node).is_async
    }

    /// The node of the function in whose frame a use runs.
    pub fn owner(&self, used: &Resolved) -> Option<NodeIndex> {
        let index = used.found.owner.filter(|index| *index > 0)?;
        self.index
            .get(&Node::Function(FunctionId { file: used.file, index }))
            .copied()
    }

    /// Whether a constructor can leave what waits to a method that makes the object: of a class that nothing derives from, and that derives
    /// from nothing with a constructor.
    pub fn can_have_factory(&self, node: NodeIndex) -> bool {
        let Node::Function(id) = self.nodes[node] else {
            return false;
        };
        let Some(index) = self.function(node).class else {
            return false;
        };
        let class = ClassId { file: id.file, index };
        let found = self.linker.class(class);
        let is_of_family = |other: &&NodeIndex| self.family(**other) == self.family(node);
        found.bases.is_empty()
            && !found.methods.contains_key("create")
            && !found.methods.contains_key("__new__")
            && self.linker.descendants(class).is_empty()
            && self.named("__init__").iter().filter(is_of_family).count() == 1
    }

    /// The blocking calls of a function.
    pub fn leaves(&self, node: NodeIndex) -> impl Iterator<Item = &Leaf> + '_ {
        let id = match self.nodes[node] {
            Node::Function(id) => Some(id),
            Node::Parameter(..) => None,
        };
        let usage = id.and_then(|id| self.usage(id.file));
        let leaves = usage.map_or(&[][..], |usage| &usage.leaves);
        let of_library = self.of_library.get(&node).into_iter().flatten();
        // What is certainly of the project is no client that it may be.
        let is_own = move |leaf: &Leaf| {
            leaf.doubt.is_some() && id.is_some_and(|id| self.known_calls.contains(&(id.file, leaf.range)))
        };
        leaves
            .iter()
            .filter(move |leaf| id.is_some_and(|id| leaf.owner == id.index) && !is_own(leaf))
            .chain(of_library)
    }

    /// The family that a node turns with, by its first node.
    pub fn family(&self, node: NodeIndex) -> NodeIndex {
        self.families.root(node)
    }

    /// The last part of a function's name.
    pub fn name(&self, node: NodeIndex) -> &'p str {
        self.function(node).qualname.rsplit('.').next().unwrap_or_default()
    }

    /// The functions of this name.
    pub fn named(&self, name: &str) -> &[NodeIndex] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    fn node(&mut self, node: Node) -> NodeIndex {
        if let Some(known) = self.index.get(&node) {
            return *known;
        }
        let index = self.nodes.len();
        self.index.insert(node.clone(), index);
        self.nodes.push(node);
        self.families.push();
        self.stops.push(None);
        self.uses.push(Vec::new());
        index
    }

    /// Two functions turn together.
    fn unite(&mut self, one: FunctionId, other: FunctionId) {
        if let (Some(one), Some(other)) = (self.known(one), self.known(other)) {
            self.families.unite(one, other);
        }
    }

    pub(super) fn stop(&mut self, node: NodeIndex, reason: impl FnOnce() -> String) {
        self.stops[node].get_or_insert_with(reason);
    }

    pub(super) fn known(&self, function: FunctionId) -> Option<NodeIndex> {
        self.index.get(&Node::Function(function)).copied()
    }

    fn place(&self, file: usize, line: usize) -> String {
        self.linker.project.place(file, line)
    }

    /// Methods and what overrides them turn together.
    fn families(&mut self) {
        let linker = self.linker;
        let classes: Vec<ClassId> = linker
            .summaries()
            .flat_map(|(file, summary)| (0..summary.classes.len()).map(move |index| ClassId { file, index }))
            .filter(|class| self.usage(class.file).is_some())
            .collect();
        let protocols = classes.iter().copied().filter(|class| linker.is_protocol(*class));
        let protocols: Vec<ClassId> = protocols.collect();
        for &class in &classes {
            let bases = linker.bases(class);
            let unknown = self
                .usage(class.file)
                .and_then(|usage| usage.bases[class.index].unknown.clone());
            for (name, &index) in &linker.class(class).methods {
                let Some(method) = self.known(FunctionId {
                    file: class.file,
                    index,
                }) else {
                    continue;
                };
                if let Some(base) = &unknown {
                    self.stop(method, || {
                        format!("it may override a method of `{base}`, which is not known")
                    });
                }
                for base in &bases {
                    match base {
                        Found::Class(base) => match linker.member(*base, name, 0) {
                            Some(Found::Function(overridden)) => match self.known(overridden) {
                                Some(overridden) => self.families.unite(method, overridden),
                                None => self.stop(method, || "it overrides a method that was not looked at".to_owned()),
                            },
                            Some(Found::External(member)) => self.overrides(method, &member),
                            _ => {}
                        },
                        Found::External(base) => self.overrides(method, &format!("{base}.{name}")),
                        Found::Function(_) | Found::Module(_) => {}
                    }
                }
            }
            let assigned = self.usage(class.file).map(|usage| &usage.bases[class.index].assigned);
            for name in assigned.into_iter().flatten() {
                for base in &bases {
                    if let Found::Class(base) = base
                        && let Some(Found::Function(method)) = linker.member(*base, name, 0)
                        && let Some(method) = self.known(method)
                    {
                        let other = &linker.class(class).qualname;
                        self.stop(method, || format!("`{other}` puts something else in its place"));
                    }
                }
            }
            for pair in [["__enter__", "__exit__"], ["__iter__", "__next__"]] {
                if let [Some(Found::Function(one)), Some(Found::Function(two))] =
                    pair.map(|name| linker.member(class, name, 0))
                {
                    self.unite(one, two);
                }
            }
            // What one base has may stand in front of what another one has.
            let own: Vec<ClassId> = bases
                .iter()
                .filter_map(|base| match base {
                    Found::Class(base) => Some(*base),
                    _ => None,
                })
                .collect();
            if let [first, others @ ..] = own.as_slice() {
                for other in others {
                    for name in linker.class(*other).methods.keys() {
                        if let (Some(Found::Function(one)), Some(Found::Function(two))) =
                            (linker.member(*first, name, 0), linker.member(*other, name, 0))
                        {
                            self.unite(one, two);
                        }
                    }
                }
            }
        }
        for protocol in protocols {
            let methods = &linker.class(protocol).methods;
            for &class in &classes {
                if methods.is_empty()
                    || !methods
                        .keys()
                        .all(|name| linker.class(class).methods.contains_key(name))
                {
                    continue;
                }
                for (name, &index) in methods {
                    let own = FunctionId {
                        file: protocol.file,
                        index,
                    };
                    let other = FunctionId {
                        file: class.file,
                        index: linker.class(class).methods[name],
                    };
                    self.unite(own, other);
                }
            }
        }
    }

    fn overrides(&mut self, method: NodeIndex, member: &str) {
        let (base, name) = member.rsplit_once('.').unwrap_or((member, ""));
        if !usage::is_harmless_base(base) && name != "__init__" {
            self.stop(method, || {
                format!("it may override a method of `{base}`, which would not wait for it")
            });
        }
    }

    /// What the project's distribution runs as programs.
    fn entry_points(&mut self, world: &World) {
        for entry in &world.entry_points {
            let Some((module, name)) = entry.split_once(':') else {
                continue;
            };
            for node in self.named(name.trim()).to_vec() {
                let id = self.nodes[node].function();
                // What was looked at alone is a module of any name.
                let own = self.linker.modules.name_of(id.file);
                let is_it = (own == module.trim() || own.is_empty()) && self.function(node).class.is_none();
                if is_it {
                    self.stop(node, || {
                        "the distribution runs it as a program, without waiting".to_owned()
                    });
                    self.boundaries.insert(node);
                }
            }
        }
        for node in 0..self.nodes.len() {
            let nature = self.nature(self.nodes[node].function());
            if nature.is_boundary {
                self.boundaries.insert(node);
            }
            if nature.is_odd {
                self.decorated_test(node);
            }
        }
    }

    /// Whether a function stays plain and can start an event loop for what it calls: nothing that may run in one calls it.
    pub fn is_boundary(&self, node: NodeIndex) -> bool {
        self.kept.contains(&node)
            || self.boundaries.contains(&node)
                && self.uses[node].iter().all(|used| {
                    let is_value = matches!(used.found.how, How::Value(_) | How::Faked(_));
                    // `super().setUp()`
                    let is_of_boundary = || self.owner(used).is_some_and(|owner| self.boundaries.contains(&owner));
                    used.found.place == Place::Main || is_value || is_of_boundary()
                })
    }

    /// What each use means.
    fn resolve(&mut self) {
        for (file, summary) in self.linker.summaries() {
            let Some(usage) = &summary.usage else { continue };
            for found in &usage.uses {
                self.resolve_one(file, found);
            }
        }
    }

    fn resolve_one(&mut self, file: usize, found: &'p Use) {
        let used = Resolved {
            file,
            found,
            is_certain: true,
            is_understood: false,
        };
        match &found.named {
            Named::Target(target) => match self.linker.find(file, target) {
                Some(Found::Function(function)) => {
                    if let Target::Path(path) = target
                        && self.linker.is_ambiguous(file, path)
                    {
                        return self.used_by_name(used, name_of(target));
                    }
                    self.known_calls.insert((file, found.range));
                    if let Some(name) = self.overridden_client(function) {
                        let own = &self.linker.function(function).qualname;
                        self.leaf_of_library(used, name, Some(format!("`{own}` runs in a thread")));
                    }
                    self.used(function, used);
                }
                Some(Found::Class(class)) => self.class_used(class, used),
                // Which module a string means depends on where the tests are started.
                Some(Found::External(_)) if matches!((&found.how, target), (How::Faked(_), Target::Path(_))) => {
                    self.used_by_name(used, name_of(target));
                }
                Some(Found::External(name)) => self.leaf_of_library(used, name, None),
                Some(Found::Module(_)) => {}
                None => self.used_by_name(used, name_of(target)),
            },
            Named::OneOf(targets) => {
                let functions: Vec<Option<FunctionId>> = targets
                    .iter()
                    .map(|target| match self.linker.find(file, target) {
                        Some(Found::Function(function)) => Some(function),
                        _ => None,
                    })
                    .collect();
                if let [Some(first), others @ ..] = functions.as_slice()
                    && others.iter().all(|other| *other == Some(*first))
                {
                    self.used(*first, used);
                } else {
                    let name = targets.first().map_or("", |target| name_of(target));
                    self.used_by_name(used, name);
                }
            }
            Named::Parameter(index, name) => {
                let node = Node::Parameter(FunctionId { file, index: *index }, name.clone());
                let node = self.node(node);
                self.uses[node].push(used);
            }
            Named::Unknown(name, _) => self.used_by_name(used, name),
        }
    }

    /// The method of a client of HTTP that a method of the project stands in front of: it stays as it is, and waits.
    fn overridden_client(&self, function: FunctionId) -> Option<String> {
        let index = self.linker.function(function).class?;
        let class = ClassId {
            file: function.file,
            index,
        };
        let name = self.linker.name(function);
        self.linker.bases(class).into_iter().find_map(|base| {
            let member = match base {
                Found::Class(base) => self.linker.member(base, name, 0)?,
                Found::External(base) => Found::External(format!("{base}.{name}")),
                Found::Function(_) | Found::Module(_) => return None,
            };
            match member {
                Found::External(member) if usage::is_waiting_method(&member) => Some(member),
                Found::Function(other) => self.overridden_client(other),
                _ => None,
            }
        })
    }

    /// Whether a use is a call that waits itself, in a thread: of a method that stands in front of a client's.
    pub fn is_leaf(&self, used: &Resolved) -> bool {
        let own = self.owner(used).and_then(|owner| self.of_library.get(&owner));
        own.into_iter().flatten().any(|leaf| leaf.range == used.found.range)
    }

    fn leaf_of_library(&mut self, used: Resolved<'p>, name: String, doubt: Option<String>) {
        let is_call = matches!(used.found.how, How::Call(_));
        let Some(owner) = self.owner(&used).filter(|_| is_call) else {
            return;
        };
        if usage::is_waiting_method(&name) && !self.leaves(owner).any(|leaf| leaf.range == used.found.range) {
            self.of_library.entry(owner).or_default().push(Leaf {
                owner: used.found.owner.unwrap_or_default(),
                doubt,
                name,
                way: Way::Thread,
                place: used.found.place.clone(),
                range: used.found.range,
                line: used.found.line,
            });
        }
    }

    fn used(&mut self, function: FunctionId, used: Resolved<'p>) {
        if let Some(node) = self.known(function) {
            self.uses[node].push(used);
        }
    }

    /// An object of the class is made, entered, or iterated over.
    fn class_used(&mut self, class: ClassId, used: Resolved<'p>) {
        let methods: &[&str] = match &used.found.how {
            How::Call(taken) => match taken {
                Taken::With(..) => &["__init__", "__enter__", "__exit__"],
                Taken::For(_) | Taken::Part(_) | Taken::All | Taken::YieldFrom(_) => {
                    &["__init__", "__iter__", "__next__"]
                }
                Taken::Elsewhere | Taken::Next(_) => &["__init__", "__enter__", "__exit__", "__iter__", "__next__"],
                Taken::Value | Taken::Held | Taken::Asked(_) | Taken::Returned => &["__init__"],
            },
            How::Object(_, Taken::Elsewhere | Taken::Next(_)) => &["__enter__", "__exit__", "__iter__", "__next__"],
            How::Object(Edge::Enter, _) => &["__enter__", "__exit__"],
            How::Object(Edge::Iterate, _) => &["__iter__", "__next__"],
            // Whoever gets the class makes its objects unseen.
            How::Value(Sink::Argument { .. } | Sink::Returned | Sink::Alias) => &["__init__"],
            How::Object(..) | How::Step(_) | How::Value(_) | How::Decorates(_) | How::Makes(_) | How::Faked(_) => &[],
        };
        for method in methods {
            if let Some(Found::Function(function)) = self.linker.member(class, method, 0) {
                self.used(function, used);
            }
        }
    }

    /// What has this name, as far as nobody knows what it is.
    fn used_by_name(&mut self, used: Resolved<'p>, name: &'p str) {
        let is_member = matches!(
            used.found.named,
            Named::Unknown(_, Unknown::Member)
                | Named::OneOf(_)
                | Named::Target(Target::Member(..) | Target::Super(..))
        );
        if used.found.place == Place::Never(usage::AWAITED) {
            // A plain function it cannot be: that fails today.
            return;
        }
        if used.found.is_of_client || matches!(used.found.how, How::Faked(Fake::Auto(..))) {
            return;
        }
        let namesakes = match self.namesakes.get(&(name, is_member)) {
            Some(known) => *known,
            None => self.namesakes_of(name, is_member),
        };
        let Some(first) = namesakes.first else { return };
        if is_member
            && !used.found.needs.is_empty()
            && self.methods_named(name).all(|node| self.lacks(node, &used.found.needs))
        {
            return;
        }
        let is_call = matches!(used.found.how, How::Call(_) | How::Step(_) | How::Faked(_));
        let is_listed = matches!(used.found.named, Named::OneOf(_));
        if matches!(used.found.how, How::Call(_)) && is_member {
            self.unresolved.push((used.file, used.found));
        }
        let is_meant = || is_listed || !COMMON.contains(&name) || self.is_of_project(used.file, &used.found.named);
        if is_call && is_member && !namesakes.are_stopped && is_meant() {
            let used = Resolved {
                is_certain: false,
                ..used
            };
            if namesakes.is_one_family {
                self.uses[first].push(used);
                return;
            }
            let all: Vec<NodeIndex> = self.methods_named(name).collect();
            let is_plain = |node: &NodeIndex| {
                !self.is_async(*node) && self.nature(self.nodes[*node].function()).kind == Kind::Plain
            };
            if all.len() <= MAX_NAMESAKES && all.iter().all(is_plain) {
                for &node in &all {
                    self.uses[node].push(used);
                }
                let place = self.place(used.file, used.found.line);
                self.namesakes_at.entry(name).or_insert_with(|| (all, place));
                return;
            }
        }
        if namesakes.are_stopped {
            return;
        }
        let place = self.place(used.file, used.found.line);
        let does = if is_call { "calls" } else { "uses" };
        let reason = match used.found.how {
            How::Faked(_) => format!("{place} puts something else in its place"),
            _ => format!("{place} {does} `{}`, which may be this one", used.found.text),
        };
        for candidate in self.named(name).to_vec() {
            if may_be_meant(self.function(candidate), is_member) {
                self.stop(candidate, || reason.clone());
            }
        }
        let stopped = Namesakes {
            are_stopped: true,
            ..namesakes
        };
        self.namesakes.insert((name, is_member), stopped);
    }

    /// The methods of this name.
    fn methods_named(&self, name: &str) -> impl Iterator<Item = NodeIndex> + '_ {
        let named = self.named(name).iter().copied();
        named.filter(|node| may_be_meant(self.function(*node), true))
    }

    /// Whether objects of a method's class are certain not to have one of these special methods.
    fn lacks(&self, method: NodeIndex, needs: &[String]) -> bool {
        let id = self.nodes[method].function();
        let Some(index) = self.function(method).class else {
            return false;
        };
        let class = ClassId { file: id.file, index };
        let mut classes = self.linker.descendants(class);
        classes.push(class);
        let is_plain = |class: &ClassId| {
            self.linker.knows_bases(*class) && needs.iter().any(|name| self.linker.member(*class, name, 0).is_none())
        };
        classes.iter().all(is_plain)
    }

    /// Whether an object is of a class that a file takes from a module of the project.
    fn is_of_project(&self, file: usize, named: &Named) -> bool {
        matches!(named, Named::Target(Target::Member(Receiver::Instance(ClassName::Path(path)), _))
            if self.linker.modules.find(file, path).is_some())
    }

    fn namesakes_of(&mut self, name: &'p str, is_member: bool) -> Namesakes {
        let candidates = self.named(name).iter().copied();
        let mut candidates = candidates.filter(|node| may_be_meant(self.function(*node), is_member));
        let first = candidates.next();
        let is_of_first = |other| first.is_some_and(|first| self.family(other) == self.family(first));
        let found = Namesakes {
            first,
            is_one_family: candidates.all(is_of_first),
            are_stopped: false,
        };
        self.namesakes.insert((name, is_member), found);
        found
    }

    /// Functions that are given to others: to parameters, to decorators.
    fn hand_over(&mut self) {
        self.fakes();
        self.external_decorators();
        let mut passed: FxHashMap<(usize, TextRange), Vec<Slot>> = FxHashMap::default();
        let mut filled: Vec<(FunctionId, String)> = Vec::new();
        for node in 0..self.nodes.len() {
            for at in 0..self.uses[node].len() {
                let used = self.uses[node][at];
                let own = match &self.nodes[node] {
                    Node::Parameter(function, name) => Some((*function, name)),
                    Node::Function(_) => None,
                };
                if let Some((function, name)) = own
                    && self
                        .nature(function)
                        .wrapper
                        .as_ref()
                        .is_some_and(|wrapper| wrapper.parameter == *name)
                    && matches!(used.found.how, How::Value(_))
                {
                    // A decorator was looked at as a whole.
                    self.uses[node][at].is_understood = true;
                    continue;
                }
                match &used.found.how {
                    How::Value(Sink::Argument { .. }) if self.is_run_later(node, &used) => {
                        self.uses[node][at].is_understood = true;
                    }
                    How::Value(Sink::Argument { call, callee, slot }) => {
                        let Some((function, name)) = self.parameter(used.file, callee.as_ref(), slot) else {
                            continue;
                        };
                        let parameter = self.node(Node::Parameter(function, name.clone()));
                        self.families.unite(node, parameter);
                        self.uses[node][at].is_understood = true;
                        passed.entry((used.file, *call)).or_default().push(slot.clone());
                        filled.push((function, name));
                    }
                    How::Value(Sink::Returned) => {
                        let Some(owner) = self.owner(&used) else { continue };
                        let Node::Function(owner) = self.nodes[owner] else {
                            continue;
                        };
                        self.uses[node][at].is_understood = self.is_wrapper_of(node, owner);
                    }
                    How::Decorates(decorated) => {
                        let decorated = FunctionId {
                            file: used.file,
                            index: *decorated,
                        };
                        self.decorate(node, decorated);
                        self.uses[node][at].is_understood = true;
                    }
                    How::Makes(decorated) => {
                        let decorated = FunctionId {
                            file: used.file,
                            index: *decorated,
                        };
                        // What makes none is told of as a decorator of which nothing is known.
                        self.decorate(self.made_by(node).unwrap_or(node), decorated);
                    }
                    _ => {}
                }
            }
        }
        filled.sort_unstable();
        filled.dedup();
        for (function, name) in filled {
            self.is_always_passed(function, &name, &passed);
        }
    }

    /// Wrappers that wait, whatever they wrap, were it only by what they call.
    fn find_waiting_decorators(&mut self) {
        let wrappers: Vec<(FunctionId, usize)> = self
            .linker
            .functions()
            .filter_map(|(id, _)| {
                let wrapper = self.usage(id.file)?.natures[id.index].wrapper.as_ref()?;
                wrapper.passes_through.then_some((id, wrapper.inner))
            })
            .collect();
        if wrappers.is_empty() {
            return;
        }
        let reaching = reaching(self);
        let waits = |(decorator, index): &(FunctionId, usize)| {
            let inner = FunctionId {
                index: *index,
                ..*decorator
            };
            self.known(inner).is_some_and(|inner| reaching[inner])
        };
        let waiting = wrappers.into_iter().filter(waits);
        self.waiting_decorators = waiting.map(|(decorator, _)| decorator).collect();
    }

    /// Whether the wrapper of a decorator does nothing with a call but to pass it on: what it gives can be a coroutine as well as anything else.
    fn only_passes_on(&self, decorator: FunctionId) -> bool {
        let wrapper = self.nature(decorator).wrapper.as_ref();
        wrapper.is_some_and(|wrapper| wrapper.passes_through) && !self.waiting_decorators.contains(&decorator)
    }

    /// Whether a function is what a decorator gives, which turns with all that is decorated: whoever gets it in another way would not wait for it.
    fn is_wrapper_of(&self, node: NodeIndex, decorator: FunctionId) -> bool {
        let wrapper = self.nature(decorator).wrapper.as_ref();
        let inner = wrapper.map(|wrapper| FunctionId {
            index: wrapper.inner,
            ..decorator
        });
        let decorator_node = self.known(decorator);
        inner.is_some_and(|inner| self.nodes[node] == Node::Function(inner))
            && !self.only_passes_on(decorator)
            && decorator_node.is_some_and(|node| self.decorates(node) && self.used_otherwise(node).is_none())
    }

    /// Whether a function is what the decorator around it gives.
    pub fn is_inner(&self, node: NodeIndex) -> bool {
        let Node::Function(id) = self.nodes[node] else {
            return false;
        };
        let users = self.uses[node].iter().filter_map(|used| self.owner(used));
        let natures = users.map(|user| self.nature(self.nodes[user].function()));
        let mut wrappers = natures.filter_map(|nature| nature.wrapper.as_ref());
        wrappers.any(|wrapper| wrapper.inner == id.index)
    }

    /// Whether something is decorated by a decorator, or by what gives it.
    fn decorates(&self, decorator: NodeIndex) -> bool {
        self.uses[decorator].iter().any(|used| {
            let is_made = || {
                let maker = self.owner(used).filter(|maker| self.made_by(*maker) == Some(decorator));
                maker.is_some_and(|maker| !self.uses[maker].is_empty())
            };
            matches!(used.found.how, How::Decorates(_)) || is_made()
        })
    }

    /// The decorator that a function gives.
    fn made_by(&self, node: NodeIndex) -> Option<NodeIndex> {
        let Node::Function(id) = self.nodes[node] else {
            return None;
        };
        let index = self.nature(id).makes?;
        self.known(FunctionId { index, ..id })
    }

    /// A use of a decorator that does not decorate a function by it; of what makes it, if it is made.
    fn used_otherwise(&self, decorator: NodeIndex) -> Option<&Resolved<'p>> {
        self.uses[decorator].iter().find_map(|used| match used.found.how {
            How::Decorates(_) => None,
            How::Value(Sink::Returned) => {
                let maker = self.owner(used);
                let Some(maker) = maker.filter(|maker| self.made_by(*maker) == Some(decorator)) else {
                    return Some(used);
                };
                let mut uses = self.uses[maker].iter();
                uses.find(|used| !matches!(used.found.how, How::Makes(_)))
            }
            _ => Some(used),
        })
    }

    /// Functions that tests put in the place of others turn with them.
    fn fakes(&mut self) {
        let mut given: FxHashMap<(usize, TextRange), (NodeIndex, usize)> = FxHashMap::default();
        for node in 0..self.nodes.len() {
            for (at, used) in self.uses[node].iter().enumerate() {
                if let How::Value(Sink::Fake(range)) = used.found.how
                    && used.is_certain
                    && self.kind(node) == Kind::Plain
                {
                    given.insert((used.file, range), (node, at));
                }
            }
        }
        for node in 0..self.nodes.len() {
            for at in 0..self.uses[node].len() {
                let used = self.uses[node][at];
                if let How::Faked(Fake::Named(range)) = used.found.how
                    && let Some((fake, place)) = given.get(&(used.file, range))
                {
                    self.families.unite(node, *fake);
                    self.uses[node][at].is_understood = true;
                    self.uses[*fake][*place].is_understood = true;
                }
            }
        }
    }

    /// Whether a function is put into a class, which gives it the object as its first argument: a mock gets none.
    pub fn is_bound_there(&self, node: NodeIndex, used: &Resolved) -> bool {
        let is_of_object = matches!(
            &used.found.named,
            Named::Target(Target::Member(Receiver::Instance(_), _))
        );
        self.function(node).class.is_some() && !is_of_object
    }

    /// Whether a plain test gives a function to one of the project: it can give one that starts an event loop instead.
    pub fn is_run_later(&self, node: NodeIndex, used: &Resolved) -> bool {
        let How::Value(Sink::Argument {
            callee: Some(callee), ..
        }) = &used.found.how
        else {
            return false;
        };
        let is_of_test = self.owner(used).is_some_and(|owner| self.suites.stays(owner));
        is_of_test
            && self.kind(node) == Kind::Plain
            && matches!(self.linker.find(used.file, callee), Some(Found::Function(_)))
    }

    /// Whether something looks at what calls of a function give, tests aside, here or where that is handed on to.
    pub fn is_looked_at(&self, node: NodeIndex) -> bool {
        let mut open = vec![node];
        let mut seen: FxHashSet<NodeIndex> = FxHashSet::default();
        while let Some(node) = open.pop() {
            if !seen.insert(node) {
                continue;
            }
            for used in &self.uses[node] {
                let How::Call(taken) = used.found.how else { continue };
                let owner = self.owner(used);
                let is_test =
                    |owner| self.suites.stays(owner) || matches!(self.kind(owner), Kind::Pytest | Kind::Unittest);
                match (owner, taken) {
                    (Some(owner), _) if is_test(owner) => {}
                    _ if used.found.is_dropped => {}
                    (Some(owner), Taken::Returned) => open.push(owner),
                    _ => return true,
                }
            }
        }
        false
    }

    /// The parameter of the project's function that an argument goes to.
    fn parameter(&self, file: usize, callee: Option<&Target>, slot: &Slot) -> Option<(FunctionId, String)> {
        let Some(Found::Function(function)) = self.linker.find(file, callee?) else {
            return None;
        };
        self.known(function)?;
        let nature = self.nature(function);
        if nature.wrapper.is_some() {
            return None;
        }
        Some((function, nature.parameter(slot)?.to_owned()))
    }

    /// All calls must give a function of the family, or it would be called as what it is not.
    fn is_always_passed(
        &mut self,
        function: FunctionId,
        name: &str,
        passed: &FxHashMap<(usize, TextRange), Vec<Slot>>,
    ) {
        let Some(called) = self.known(function) else { return };
        let nature = self.nature(function);
        let position = nature.parameters[0].iter().position(|other| other == name);
        let mut bad = None;
        for used in &self.uses[called] {
            let gives = match &used.found.how {
                How::Call(_) => passed.get(&(used.file, used.found.range)).is_some_and(|slots| {
                    slots.iter().any(|slot| match slot {
                        Slot::Position(at) => Some(*at) == position,
                        Slot::Keyword(keyword) => keyword == name,
                    })
                }),
                _ => false,
            };
            if !gives {
                bad.get_or_insert((used.file, used.found.line));
            }
        }
        let parameter = self.node(Node::Parameter(function, name.to_owned()));
        if let Some((file, line)) = bad {
            let place = self.place(file, line);
            self.stop(parameter, || {
                format!("`{name}` may be something else than a function of the project in {place}")
            });
        }
    }

    /// A decorator of the project: what it gives takes the place of the function.
    fn decorate(&mut self, decorator: NodeIndex, decorated: FunctionId) {
        let Some(node) = self.known(decorated) else { return };
        self.decorated.insert(node);
        if self.nature(decorated).is_route {
            self.stop(node, || {
                "a framework would not see that it is a coroutine function behind its decorator".to_owned()
            });
        }
        let Node::Function(id) = self.nodes[decorator] else {
            self.stop(node, || "it is decorated by a parameter".to_owned());
            return;
        };
        let Some(wrapper) = self.nature(id).wrapper.clone() else {
            self.decorated_test(node);
            let name = self.function(decorator).qualname.clone();
            self.stop(node, || {
                format!("it is not known what its decorator `{name}` does with a coroutine function")
            });
            return;
        };
        let parameter = self.node(Node::Parameter(id, wrapper.parameter));
        self.families.unite(node, parameter);
        if self.only_passes_on(id) {
            self.passed_on.insert(node);
        } else {
            let is_plain = matches!(self.kind(node), Kind::Plain | Kind::Pytest | Kind::Unittest);
            let inner = self.node(Node::Function(FunctionId {
                file: id.file,
                index: wrapper.inner,
            }));
            self.families.unite(node, inner);
            self.wrappers.push(inner);
            if !is_plain {
                let name = self.function(node).qualname.clone();
                self.stop(inner, || {
                    format!("it wraps `{name}`, which would not be awaited as a function is")
                });
            }
            let other = self.used_otherwise(decorator);
            if let Some(place) = other.map(|used| self.place(used.file, used.found.line)) {
                self.stop(inner, || {
                    format!("its decorator is used in another way as well ({place})")
                });
            }
        }
    }

    /// Decorators that turn out to be of a library.
    fn external_decorators(&mut self) {
        for (file, summary) in self.linker.summaries() {
            let Some(usage) = &summary.usage else { continue };
            for found in &usage.uses {
                let (How::Decorates(decorated) | How::Makes(decorated), Named::Target(target)) =
                    (&found.how, &found.named)
                else {
                    continue;
                };
                let is_own = matches!(self.linker.find(file, target), Some(Found::Function(_)));
                if is_own {
                    continue;
                }
                if let Some(node) = self.known(FunctionId {
                    file,
                    index: *decorated,
                }) {
                    self.decorated_test(node);
                    self.stop(node, || {
                        format!("it is not known what `{}` does with a coroutine function", found.text)
                    });
                }
            }
        }
    }

    /// What a node turns into; what only hands on what generators give is used like one.
    pub fn kind(&self, node: NodeIndex) -> Kind {
        match self.nodes[node] {
            _ if self.forwarders.contains(&node) => Kind::Generator,
            _ if self.suites.has(node) => Kind::Unittest,
            Node::Function(id) => self.nature(id).kind,
            Node::Parameter(..) => Kind::Plain,
        }
    }

    /// Whether a function stays as it is and gives what generators give.
    pub fn is_forwarder(&self, node: NodeIndex) -> bool {
        self.forwarders.contains(&node)
    }

    /// Whether a generator that turns is given to a call of `next`, whatever others turn.
    pub fn steps_on(&self, file: usize, next: TextRange, turns: &[bool]) -> bool {
        let all = self.stepped_on.get(&(file, next));
        all.is_some_and(|all| all.iter().all(|node| turns[*node]))
    }

    /// Whether all that a `with` statement enters turns: it can wait for all or for none.
    pub fn all_enter(&self, file: usize, (with, count): (TextRange, usize), turns: &[bool]) -> bool {
        let entered = self.entered_together(file, with);
        count == 1 || entered.len() == count && entered.iter().all(|node| turns[*node])
    }

    /// What a `with` statement over several objects enters.
    pub fn entered_together(&self, file: usize, with: TextRange) -> &[NodeIndex] {
        self.entered.get(&(file, with)).map_or(&[], Vec::as_slice)
    }

    /// What each `with` statement over several objects enters.
    pub fn entered(&self) -> impl Iterator<Item = &[NodeIndex]> {
        self.entered.values().map(Vec::as_slice)
    }

    fn enter(&mut self) {
        for node in 0..self.nodes.len() {
            if !matches!(self.kind(node), Kind::Manager | Kind::Special(Special::Enter)) {
                continue;
            }
            for used in &self.uses[node] {
                if let How::Call(Taken::With(with, 2..)) | How::Object(_, Taken::With(with, 2..)) = used.found.how {
                    self.entered.entry((used.file, with)).or_default().push(node);
                }
            }
        }
    }

    /// Functions that give what generators give, those that give what these give, and what is given to `next`.
    fn forward(&mut self) {
        let mut open: Vec<NodeIndex> = (0..self.nodes.len())
            .filter(|node| self.kind(*node) == Kind::Generator && !self.is_async(*node))
            .collect();
        // By the function that hands them on: the calls, with the generators.
        let mut given: FxHashMap<NodeIndex, Vec<(TextRange, NodeIndex)>> = FxHashMap::default();
        while let Some(node) = open.pop() {
            for at in 0..self.uses[node].len() {
                let used = self.uses[node][at];
                let (How::Call(taken) | How::Step(taken)) = used.found.how else {
                    continue;
                };
                if let Taken::Next(next) = taken {
                    self.stepped_on.entry((used.file, next)).or_default().push(node);
                }
                let Some(owner) = self.owner(&used).filter(|owner| used.is_certain && *owner != node) else {
                    continue;
                };
                let function = self.nodes[owner].function();
                let all = &self.nature(function).hands_on;
                if !all.contains(&used.found.range) || self.forwarders.contains(&owner) {
                    continue;
                }
                let own = given.entry(owner).or_default();
                own.push((used.found.range, node));
                let is_plain = !self.is_async(owner) && self.function(owner).decorators.is_empty();
                let is_whole = all.iter().all(|range| own.iter().any(|(known, _)| known == range));
                if is_plain && is_whole && self.leaves(owner).next().is_none() {
                    self.forwarders.insert(owner);
                    open.push(owner);
                    for (_, generator) in &given[&owner] {
                        self.families.unite(owner, *generator);
                    }
                }
            }
        }
        let mut mixed: FxHashSet<NodeIndex> = FxHashSet::default();
        for node in 0..self.nodes.len() {
            if self.kind(node) != Kind::Generator {
                mixed.insert(self.family(node));
            }
        }
        let mut torn: Vec<NodeIndex> = self
            .forwarders
            .iter()
            .copied()
            .filter(|node| mixed.contains(&self.family(*node)))
            .collect();
        torn.sort_unstable();
        for node in torn {
            self.stop(node, || {
                "it gives what a generator gives, and another method of its family does not".to_owned()
            });
        }
    }

    /// Functions in whose place a test or another module puts something else, and those that are found by other means than their names.
    fn replaced(&mut self) {
        let mut usages = self
            .linker
            .summaries()
            .filter_map(|(_, summary)| summary.usage.as_ref());
        let runs_doctests = usages.any(|usage| usage.runs_doctests);
        let mut by_class: FxHashMap<&str, Vec<NodeIndex>> = FxHashMap::default();
        for (index, node) in self.nodes.iter().enumerate() {
            let function = self.linker.function(node.function());
            if function.class.is_some()
                && let Some(class) = function.qualname.rsplit('.').nth(1)
            {
                by_class.entry(class).or_default().push(index);
            }
        }
        for (file, summary) in self.linker.summaries() {
            let Some(usage) = &summary.usage else { continue };
            for (name, line) in &usage.replaced {
                let project = self.linker.project;
                let place = || project.place(file, *line);
                for node in self.named(name.trim_start_matches('.')).to_vec() {
                    self.patched.entry(node).or_insert((file, *line));
                    if self.passed_on.contains(&node) {
                        self.stop(node, || {
                            let place = place();
                            format!("{place} mocks it, and would not see that it is a coroutine function behind its decorator")
                        });
                    }
                }
                for node in self.named(name).to_vec() {
                    self.stop(node, || format!("{} puts something else in its place", place()));
                }
                for &node in by_class.get(name.trim_start_matches('.')).into_iter().flatten() {
                    self.stop(node, || {
                        format!("{} puts something else in the place of its class", place())
                    });
                }
            }
            self.alarms = self.alarms.or_else(|| Some((file, usage.alarms?)));
            for (name, line) in &usage.doctests {
                self.doctests.entry(name).or_insert((file, *line));
                if runs_doctests {
                    let place = self.place(file, *line);
                    for node in self.named(name).to_vec() {
                        self.stop(node, || format!("a doctest calls it ({place})"));
                    }
                }
            }
            if let Some(line) = usage.reflects {
                for (index, function) in summary.functions.iter().enumerate() {
                    if let Some(node) = self.known(FunctionId { file, index })
                        && !function.qualname.contains('.')
                    {
                        let place = self.place(file, line);
                        self.stop(node, || format!("{place} reaches the names of its module as strings"));
                    }
                }
            }
            for (receiver, line) in &usage.computed {
                self.computed_of(file, receiver.as_ref(), *line);
            }
            for (name, line) in &usage.strings {
                self.strings.entry(name).or_insert((file, *line));
            }
            self.mocks = self.mocks.or_else(|| Some((file, usage.mocks?)));
            // Under a clock that stands still, or a patch of it, only the plain call does what it did.
            let is_patched = |name: &&str| usage.replaced.contains_key(*name);
            let stops_clock =
                usage.freezes_time || ["sleep", ".sleep", "monotonic", ".monotonic"].iter().any(is_patched);
            // Of one of which it was not known before, nobody has asked what it runs.
            self.clock.everywhere |= stops_clock && !self.clock.by.contains(&file);
        }
    }

    /// Whether a test that stops the clock, or puts something in the place of `time.sleep`, may run a function.
    pub fn is_sleep_patched(&self, node: NodeIndex) -> bool {
        self.clock.is_stopped_in(self.nodes[node].function().file)
    }

    /// A decorator would not wait by the `time.sleep` or the clock that a test puts in its place.
    fn retried(&mut self) {
        let retried: Vec<NodeIndex> = (0..self.nodes.len())
            .filter(|node| self.nature(self.nodes[*node].function()).is_retried && self.is_sleep_patched(*node))
            .collect();
        for node in retried {
            self.stop(node, || {
                "a decorator waits between its calls, and a test stops the clock or replaces `time.sleep`".to_owned()
            });
        }
    }

    /// `getattr(x, name)`: any method of the class may be meant.
    fn computed_of(&mut self, file: usize, receiver: Option<&Receiver>, line: usize) {
        let Some(receiver) = receiver else {
            self.computed.get_or_insert((file, line));
            return;
        };
        let place = self.place(file, line);
        let class = match self.linker.find(file, &Target::Object(receiver.clone())) {
            Some(Found::Class(class)) => class,
            Some(Found::Module(ModuleId::File(module))) => {
                for (id, function) in self.linker.functions() {
                    if id.file == module
                        && !function.qualname.contains('.')
                        && let Some(node) = self.known(id)
                    {
                        self.stop(node, || {
                            format!("{place} gets functions of its module by computed names")
                        });
                    }
                }
                return;
            }
            _ => return,
        };
        let mut classes = self.linker.descendants(class);
        classes.push(class);
        for class in classes {
            for &index in self.linker.class(class).methods.values() {
                if let Some(node) = self.known(FunctionId {
                    file: class.file,
                    index,
                }) {
                    self.stop(node, || format!("{place} gets methods of its class by computed names"));
                }
            }
        }
    }

    /// What nobody is seen to use: functions of which other modules have one of the same name, as plugins do, and methods where some place
    /// gets members by computed names. Something may call them.
    fn unused(&mut self) {
        let mut used = vec![false; self.nodes.len()];
        for node in 0..self.nodes.len() {
            let family = self.family(node);
            let is_used = |used: &Resolved| !matches!(used.found.how, How::Faked(_));
            used[family] |= self.uses[node].iter().any(is_used);
        }
        let computed = self.computed.map(|(file, line)| self.place(file, line));
        let unused: Vec<NodeIndex> = (0..self.nodes.len()).filter(|node| !used[self.family(*node)]).collect();
        for node in unused {
            let function = self.function(node);
            let is_test = self.kind(node) == Kind::Unittest || self.boundaries.contains(&node);
            match (&function.class, &computed) {
                (Some(_), Some(place)) if !is_test => self.stop(node, || {
                    format!("it is used nowhere by its name, and {place} gets members by computed names")
                }),
                (None, _) => {
                    let file = self.nodes[node].function().file;
                    let is_other = |other: &NodeIndex| {
                        let id = self.nodes[*other].function();
                        id.file != file && self.function(*other).class.is_none() && !self.nature(id).is_route
                    };
                    let nature = self.nature(self.nodes[node].function());
                    let is_test = self.kind(node) == Kind::Pytest;
                    if !is_test && !nature.is_route && self.named(self.name(node)).iter().any(is_other) {
                        self.stop(node, || {
                            "it is called nowhere, and other modules have a function of its name: something may call all of them".to_owned()
                        });
                    }
                }
                _ => {}
            }
        }
    }

    /// What uses a function that runs an event loop would run it inside of one.
    fn running_loops(&mut self) {
        let runs = |node: &NodeIndex| match self.nodes[*node] {
            Node::Function(id) => self.nature(id).runs_loop && !self.function(*node).is_async,
            Node::Parameter(..) => false,
        };
        let mut open: Vec<NodeIndex> = (0..self.nodes.len()).filter(runs).collect();
        let mut seen: FxHashSet<NodeIndex> = open.iter().copied().collect();
        while let Some(node) = open.pop() {
            let name = &self.function(node).qualname;
            let users = self.uses[node].iter().filter_map(|used| self.owner(used));
            let users: Vec<NodeIndex> = users.filter(|user| !self.is_async(*user)).collect();
            for user in users {
                if seen.insert(user) {
                    self.stops[user]
                        .get_or_insert_with(|| format!("`{name}`, which it uses, runs an event loop of its own"));
                    open.push(user);
                }
            }
        }
    }
}

impl Graph<'_, '_> {
    /// What runs an event loop, and whatever uses a function that stays plain and may start one.
    fn find_starts_of_loops(&mut self) {
        if self.boundaries.is_empty() && self.kept.is_empty() {
            return;
        }
        let runs = |node: &NodeIndex| self.nature(self.nodes[*node].function()).runs_loop;
        let mut found: FxHashSet<NodeIndex> = (0..self.nodes.len()).filter(runs).collect();
        let mut open: Vec<NodeIndex> = found
            .iter()
            .chain(&self.boundaries)
            .chain(&self.kept)
            .copied()
            .collect();
        while let Some(node) = open.pop() {
            for used in &self.uses[node] {
                if let Some(user) = self.owner(used)
                    && found.insert(user)
                {
                    open.push(user);
                }
            }
        }
        self.starts_loops = found;
    }

    /// Whether the whole body of a function that stays plain can run in one event loop: nothing in it starts another one. Tests start one for each call.
    pub fn can_run_together(&self, node: NodeIndex) -> bool {
        self.is_boundary(node) && !self.starts_loops.contains(&node) && !self.suites.stays(node)
    }

    /// Functions that stay as the configuration says. One that nothing uses that runs in an event loop starts one for what it calls; what uses it
    /// must never run in one.
    fn keep(&mut self, world: &World) {
        if world.keep_sync.is_empty() {
            return;
        }
        let is_kept = |node: &NodeIndex| !self.is_async(*node) && self.is_one_of(*node, &world.keep_sync);
        let kept: Vec<NodeIndex> = (0..self.nodes.len()).filter(is_kept).collect();
        for node in kept {
            self.stop(node, || "the configuration keeps it as it is".to_owned());
            if !self.calls_what_waits(node) {
                continue;
            }
            let mut users: FxHashSet<NodeIndex> = FxHashSet::default();
            let mut open = vec![node];
            let mut in_loop = false;
            while let Some(used) = open.pop() {
                for user in self.uses[used].iter().map(|used| self.owner(used)) {
                    match user {
                        Some(user) if self.is_async(user) => in_loop = true,
                        Some(user) if user != node && users.insert(user) => open.push(user),
                        _ => {}
                    }
                }
            }
            if in_loop {
                continue;
            }
            self.kept.insert(node);
            let name = self.function(node).qualname.clone();
            for user in users {
                self.stop(user, || {
                    format!("`{name}`, which it uses, stays as the configuration says, and starts an event loop")
                });
            }
        }
    }

    /// Whether a function is meant by one of the names of the configuration: `main`, `Client.get`, `package.module.Client.get`.
    pub fn is_one_of(&self, node: NodeIndex, names: &[String]) -> bool {
        let Node::Function(id) = self.nodes[node] else {
            return false;
        };
        let full = format!(
            "{}.{}",
            self.linker.modules.name_of(id.file),
            self.function(node).qualname
        );
        let is_it =
            |name: &String| full == *name || full.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'));
        names.iter().any(is_it)
    }

    /// Has a function stay, whatever else keeps it.
    pub fn keep_as_it_is(&mut self, node: NodeIndex, reason: String) {
        self.stops[node] = Some(reason);
    }

    /// Whether a function calls others that reach a blocking call.
    fn calls_what_waits(&self, node: NodeIndex) -> bool {
        let mut seen: FxHashSet<NodeIndex> = FxHashSet::from_iter([node]);
        let mut open = vec![node];
        while let Some(caller) = open.pop() {
            for callee in 0..self.nodes.len() {
                let is_called = self.uses[callee].iter().any(|used| self.owner(used) == Some(caller));
                if is_called && seen.insert(callee) {
                    if starts(self, callee) {
                        return true;
                    }
                    open.push(callee);
                }
            }
        }
        false
    }
}

impl Resolved<'_> {
    /// Whether it is the call of a function that a decorator passes on as it is.
    pub fn is_passed_through(&self, graph: &Graph, node: NodeIndex) -> bool {
        let Node::Parameter(function, name) = &graph.nodes[node] else {
            return false;
        };
        let wrapper = graph.nature(*function).wrapper.as_ref();
        wrapper.is_some_and(|wrapper| wrapper.parameter == *name) && graph.only_passes_on(*function)
    }
}

/// The last part of what a target is called.
fn name_of(target: &Target) -> &str {
    match target {
        Target::Path(path) => path.rsplit('.').next().unwrap_or_default(),
        Target::Star(name) | Target::Member(_, name) | Target::Super(_, name) => name,
        Target::Function(_) | Target::Class(_) | Target::Object(_) => "",
    }
}
