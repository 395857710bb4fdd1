//! Which plain functions of the project can become coroutine functions, so that what they wait for lets others run.
//!
//! map -> reduce -> map. [`usage`] says of one file what its functions are and where anything is used; [`graph`] resolves the uses and groups what can
//! only turn together (methods and their overrides, a function and the parameters that it is given to, a decorator's wrapper and what it decorates);
//! [`closed`] finds what turns. From that follows what is to be changed in each file: [`Coloured`]. The edits are the codemod's.
//!
//! Two sets. What *reaches* a blocking call grows from the calls to their users. What *turns* shrinks from that: out goes whatever has a use that
//! cannot wait, with its family, and with it whatever it uses, until nothing changes; then whatever is left that waits for nothing. Both end: the first one
//! only grows and the second one only shrinks.
//!
//! An `await` that is missing is not an error in Python: it gives a coroutine, which is true. So every use must be seen. What is used
//! by a name of which nothing else is known is taken for the function of that name if there is one only, and lowers the level; otherwise it keeps all of
//! them as they are.
//!
//! Where the configuration asks for a twin, nothing turns: the function stays, and [`twins`] has a second one written beside it.

pub mod closed;
pub mod graph;
mod groups;
mod suites;
pub mod twins;
pub mod usage;

use std::collections::{BTreeMap, BTreeSet};

use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHashSet;
use serde::Deserialize;

use self::closed::{Cause, Closed, is_start, starts};
use self::graph::{Graph, Node, NodeIndex, Resolved};
use self::groups::Groups;
use self::twins::Twins;
use self::usage::{Eager, Fake, How, Kind, Leaf, Place, Sink, Special, Taken, Way};
use super::outside::StoppedClock;
use super::resolve::{FunctionId, Linker};
use crate::project::Resolution;
use crate::settings::Settings;

/// What one file has to do with functions that turn together.
#[derive(Clone, Debug)]
pub struct Coloured {
    /// Which of the project's: all of its parts are applied, or none.
    pub component: usize,
    /// Where the finding stands.
    pub at: TextRange,
    pub message: String,
    /// What is not proven.
    pub doubt: Option<String>,
    /// Whether tasks run what turns, so that others come between where it waits.
    pub is_concurrent: bool,
    pub changes: Vec<Change>,
}

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// `def` -> `async def`; the range of the name.
    Define(Span, Defined),
    /// The range of the call, as for most of the following.
    Await(Span),
    /// `C(...)` -> `await C.create(...)`
    Create(Span),
    /// `asyncio.run(...)` around a call.
    Run(Span),
    /// Where a function starts several event loops, its body runs in one; the range of its name.
    Together(Span),
    /// A generator expression becomes a list.
    List(Span),
    /// The range of the statement.
    For(Span),
    Part(Span),
    /// What a builtin takes all elements of becomes a list.
    All(Span),
    YieldFrom(Span),
    /// `next(...)`
    Next(Span),
    /// A generator returns a value; the range of the statement.
    Return(Span),
    /// `yield from` something that stays plain, in a generator that becomes asynchronous.
    Delegate(Span),
    With(Span),
    Sleep(Span),
    Thread(Span),
    /// The base class of a test case; its range.
    TestCase(Span),
    /// `assertRaises(E, f)`; whether an event loop is started for the call.
    AssertRaises(Span, bool),
    /// `inspect.isgenerator(...)`
    Asked(Span),
    /// A function is given that starts an event loop for this one.
    RunLater(Span),
    /// The class of a mock becomes that of awaited ones; whether what it gives is said.
    Mock(Span, bool),
    /// What `patch` makes gives a plain mock.
    MockGives(Span),
    /// An awaited mock does what a lambda does.
    Lambda(Span),
    /// A second function is written behind one: its copy, with those of the changes that stand in it. The range of the name.
    Twin(Span),
    /// The twin is called instead, and awaited.
    CallTwin(Span),
    /// The annotation of a function's parameter: the range of the function's name, and the parameter's place.
    Callable(Span, usize),
}

/// A range that can be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(u32, u32);

impl From<TextRange> for Span {
    fn from(range: TextRange) -> Self {
        Self(range.start().into(), range.end().into())
    }
}

impl Ranged for Span {
    fn range(&self) -> TextRange {
        TextRange::new(self.0.into(), self.1.into())
    }
}

/// What else changes where a function is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defined {
    Plain,
    Generator,
    /// It stays as it is and gives what a generator gives.
    Forwarder,
    Manager,
    Special(Special),
    /// A constructor: from the first statement that waits on, its body goes to a class method `create`.
    Factory,
    Pytest,
}

/// A blocking call that stays in a plain function.
#[derive(Clone, Debug)]
pub struct Stopped {
    pub at: TextRange,
    pub name: String,
    pub reason: String,
}

/// What the project says to one file.
#[derive(Clone, Debug, Default)]
pub struct Colouring {
    pub coloured: Vec<Coloured>,
    pub stopped: Vec<Stopped>,
    /// The names that others use what turns by.
    pub names: BTreeSet<String>,
    /// The names of what waits, whether it turns or not.
    pub reached: BTreeSet<String>,
}

/// `[tool.asyncup.codemods.color_call_graph]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// Where more files than this lead to calls that wait, nothing is looked for.
    pub max_files: usize,
    /// Functions that stay as they are and start an event loop for what they call: `main`, `Client.get`, `package.module.Client.get`.
    pub keep_sync: Vec<String>,
    /// Functions that stay as they are and get a twin beside them, `get_async` of `get`, which coroutines call instead; named in the same way.
    pub twin: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_files: 300,
            keep_sync: Vec::new(),
            twin: Vec::new(),
        }
    }
}

/// What holds for the project as a whole.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// Whether files that may use the functions were not looked at.
    pub is_partial: bool,
    /// Where some file puts something in the place of `time.sleep`, or stops the clock, whatever it uses of the functions.
    pub clock: StoppedClock,
    /// Whether the project depends on something that runs coroutine functions as tests.
    pub has_test_runner: bool,
    /// What the project's distribution runs as programs: `package.module:function`.
    pub entry_points: Vec<String>,
    /// The functions that are to stay as they are.
    pub keep_sync: Vec<String>,
    /// The functions that are to get a twin.
    pub twin: Vec<String>,
}

impl World {
    pub fn of(settings: &Settings) -> Self {
        let options = settings.options::<Options>(super::COLOURING);
        let runs_tests = |name| settings.dependencies.contains(name);
        Self {
            is_partial: false,
            clock: StoppedClock::default(),
            has_test_runner: ["pytest-asyncio", "anyio"].into_iter().any(runs_tests),
            entry_points: settings.entry_points.clone(),
            keep_sync: options.keep_sync,
            twin: options.twin,
        }
    }
}

/// Which calls of methods remain that may lead to a method of the project, and nobody knows.
pub fn resolution(linker: &Linker) -> Resolution {
    let graph = Graph::of(linker, &World::default());
    let place = |file, line| linker.project.place(file, line);
    let unresolved = graph.unresolved.iter();
    Resolution {
        calls: linker
            .summaries()
            .filter_map(|(_, summary)| Some(summary.usage.as_ref()?.calls))
            .sum(),
        unresolved: unresolved
            .map(|&(file, found)| (place(file, found.line), found.text.clone()))
            .collect(),
    }
}

/// For each file.
pub fn colouring(linker: &Linker, world: &World) -> Vec<Colouring> {
    let mut found: Vec<Colouring> = linker.project.files.iter().map(|_| Colouring::default()).collect();
    let mut graph = Graph::of(linker, world);
    let twins = twins::find(&mut graph, world);
    let is_of_interest = |node| starts(&graph, node) || graph.leaves(node).any(is_told);
    if !(0..graph.nodes.len()).any(is_of_interest) {
        return found;
    }
    let closed = closed::solve(&graph);
    stopped(&graph, &closed, &twins, &mut found);
    let blocking = still_blocking(&graph, &closed);
    for (node, id) in (0..graph.nodes.len()).map(|node| (node, graph.nodes[node].function())) {
        if closed.turns[node] || closed.causes.contains_key(&node) {
            let names = names_of(&graph.function(node).qualname);
            // A wrapper that waits turns with what it decorates: all of that must be seen.
            if closed.causes.contains_key(&node) && graph.is_inner(node) {
                found[id.file].names.extend(names.skip(1));
            } else {
                found[id.file].reached.extend(names);
            }
        }
    }
    let all = components(&graph, &closed.turns);
    let count = all.len();
    for (number, nodes) in all.into_iter().enumerate() {
        let is_alone = |node: &NodeIndex| match graph.nodes[*node] {
            Node::Function(id) => {
                let nature = graph.nature(id);
                let is_dead = graph.uses[*node].is_empty() && graph.function(*node).qualname.contains("<locals>");
                is_dead || nature.is_route || matches!(graph.kind(*node), Kind::Pytest | Kind::Unittest)
            }
            Node::Parameter(..) => false,
        };
        // A test alone in its event loop gains nothing, nor does an endpoint that has a thread of its own, nor what
        // nobody can call.
        if nodes.iter().all(is_alone) {
            continue;
        }
        let component = Component {
            graph: &graph,
            turns: &closed.turns,
            blocking: &blocking,
            nodes,
        };
        for (node, id) in component.functions() {
            let qualname = &graph.function(node).qualname;
            found[id.file].names.extend(names_of(qualname));
            // Whoever changes what it reads on both sides of a wait.
            let read_again = graph.function(node).read_again.iter();
            found[id.file].names.extend(read_again.cloned());
        }
        for (file, coloured) in component.changes(number, world) {
            found[file].coloured.push(coloured);
        }
    }
    for (number, nodes) in components(&graph, &twins.wanted).into_iter().enumerate() {
        for (file, coloured) in twins.changes(&graph, count + number, &nodes) {
            found[file].coloured.push(coloured);
        }
    }
    found
}

/// The names of the functions that would turn with a layer, if nothing kept them from it.
pub fn layer_names(linker: &Linker, world: &World, files: &BTreeSet<usize>) -> BTreeSet<String> {
    let graph = Graph::of_layer(linker, world, files);
    let closed = closed::solve(&graph);
    let nodes = (0..graph.nodes.len()).filter(|node| closed.turns[*node] || closed.causes.contains_key(node));
    nodes
        .flat_map(|node| {
            let mut names = graph.function(node).qualname.rsplit('.').map(str::to_owned);
            let own = names.next();
            own.into_iter().chain(names.find(|name| name != "<locals>"))
        })
        .collect()
}

/// What turns when all functions of a layer that ask its database do: for each file the changes, and what is not proven. The error is the first
/// reason why one of them cannot.
pub fn layer(linker: &Linker, world: &World, files: &BTreeSet<usize>) -> Result<BTreeMap<usize, Coloured>, String> {
    let graph = Graph::of_layer(linker, world, files);
    let closed = closed::solve(&graph);
    for node in (0..graph.nodes.len()).filter(|node| starts(&graph, *node) && !graph.is_async(*node)) {
        if !closed.turns[node] {
            let (last, reason) = closed.first_reason(node);
            let place = place_of(&graph, graph.nodes[last].function());
            return Err(format!("{place}: `{}` stays: {reason}", graph.function(last).qualname));
        }
    }
    let component = Component {
        graph: &graph,
        turns: &closed.turns,
        blocking: &still_blocking(&graph, &closed),
        nodes: (0..graph.nodes.len()).filter(|node| closed.turns[*node]).collect(),
    };
    Ok(component.changes(0, world).into_iter().collect())
}

/// The blocking calls for whose sake nothing turns, and the first reason on the way up from each.
fn stopped(graph: &Graph, closed: &Closed, twins: &Twins, found: &mut [Colouring]) {
    for node in 0..graph.nodes.len() {
        let Node::Function(id) = graph.nodes[node] else {
            continue;
        };
        if closed.turns[node] || graph.is_async(node) || twins.wanted[node] {
            continue;
        }
        for leaf in graph.leaves(node) {
            let (last, reason) = match leaf.place {
                _ if leaf.way == Way::Told => (node, of_small_calls(graph, node, leaf)),
                Place::Never(reason) if is_told(leaf) => (node, reason.to_owned()),
                _ if is_start(graph, node, leaf) => closed.first_reason(node),
                _ => continue,
            };
            let function = graph.function(last);
            let place = place_of(graph, graph.nodes[last].function());
            found[id.file].stopped.push(Stopped {
                at: leaf.range,
                name: leaf.name.clone(),
                reason: format!("stopped at `{}` ({place}): {reason}", function.qualname),
            });
        }
    }
}

/// Whether nothing turns for a call that waits, wherever its function is used.
fn is_told(leaf: &Leaf) -> bool {
    let is_nowhere = matches!(leaf.place, Place::Never(_)) && matches!(leaf.way, Way::Sleep | Way::Thread);
    leaf.way == Way::Told || is_nowhere
}

/// The names that a function is found by in other files: its own and that of its class, or of all functions around it, of which one may give it.
fn names_of(qualname: &str) -> impl Iterator<Item = String> + '_ {
    let count = if qualname.contains("<locals>") { usize::MAX } else { 2 };
    let parts = qualname.rsplit('.').take(count);
    parts.filter(|part| *part != "<locals>").map(str::to_owned)
}

/// Why a function stays that waits for calls for whose sake alone nothing turns.
fn of_small_calls(graph: &Graph, node: NodeIndex, leaf: &Leaf) -> String {
    let own = graph.stops[node].clone();
    own.unwrap_or_else(|| {
        format!(
            "for `{}` nothing turns: a thread for each such call is no gain",
            leaf.name
        )
    })
}

/// For what turns: a function that stays plain and blocks, which it runs, and the line.
fn still_blocking(graph: &Graph, closed: &Closed) -> BTreeMap<NodeIndex, (NodeIndex, usize)> {
    let mut found = BTreeMap::new();
    for (&node, cause) in &closed.causes {
        if matches!(cause, Cause::Idle) {
            continue;
        }
        for used in &graph.uses[node] {
            if let Some(owner) = graph.owner(used)
                && closed.turns[owner]
                && matches!(used.found.how, How::Call(_) | How::Object(..))
                && !graph.is_leaf(used)
            {
                found.entry(owner).or_insert((node, used.found.line));
            }
        }
    }
    let turned: Vec<FunctionId> = (0..graph.nodes.len())
        .filter(|node| closed.turns[*node])
        .map(|node| graph.nodes[node].function())
        .collect();
    if turned.is_empty() {
        return found;
    }
    for (user, callee, line) in graph.edges().block_unnamed(&turned) {
        if let (Some(user), Some(callee)) = (graph.known(user), graph.known(callee))
            && !closed.turns[callee]
        {
            found.entry(user).or_insert((callee, line));
        }
    }
    found
}

fn place_of(graph: &Graph, id: FunctionId) -> String {
    graph.linker.project.place(id.file, graph.linker.function(id).line)
}

/// What turns, in groups that have nothing to do with each other.
fn components(graph: &Graph, turns: &[bool]) -> Vec<Vec<NodeIndex>> {
    let mut together = Groups::new(graph.nodes.len());
    for node in (0..graph.nodes.len()).filter(|node| turns[*node]) {
        together.unite(node, graph.family(node));
        for found in &graph.uses[node] {
            if let Some(owner) = graph.owner(found)
                && turns[owner]
            {
                together.unite(node, owner);
            }
        }
    }
    // One event loop for all that a function calls which stays plain.
    let mut run_by: BTreeMap<NodeIndex, NodeIndex> = BTreeMap::new();
    for node in (0..graph.nodes.len()).filter(|node| turns[*node]) {
        for owner in graph.uses[node].iter().filter_map(|used| graph.owner(used)) {
            if !turns[owner] && graph.can_run_together(owner) {
                together.unite(*run_by.entry(owner).or_insert(node), node);
            }
        }
    }
    for entered in graph.entered() {
        for pair in entered.windows(2).filter(|pair| pair.iter().all(|node| turns[*node])) {
            together.unite(pair[0], pair[1]);
        }
    }
    let mut groups: BTreeMap<NodeIndex, Vec<NodeIndex>> = BTreeMap::new();
    for node in (0..graph.nodes.len()).filter(|node| turns[*node]) {
        groups.entry(together.root(node)).or_default().push(node);
    }
    groups.into_values().collect()
}

struct Component<'g, 'l, 'p> {
    graph: &'g Graph<'l, 'p>,
    turns: &'g [bool],
    blocking: &'g BTreeMap<NodeIndex, (NodeIndex, usize)>,
    nodes: Vec<NodeIndex>,
}

impl Component<'_, '_, '_> {
    fn functions(&self) -> impl Iterator<Item = (NodeIndex, FunctionId)> + '_ {
        self.nodes.iter().filter_map(|&node| match self.graph.nodes[node] {
            Node::Function(id) => Some((node, id)),
            Node::Parameter(..) => None,
        })
    }

    /// What is to be done in each file.
    fn changes(&self, number: usize, world: &World) -> Vec<(usize, Coloured)> {
        let graph = self.graph;
        let mut changes: BTreeMap<usize, BTreeSet<Change>> = BTreeMap::new();
        for (node, id) in self.functions() {
            let function = graph.function(node);
            let nature = graph.nature(id);
            let defined = match graph.kind(node) {
                _ if graph.is_forwarder(node) => Defined::Forwarder,
                Kind::Generator => Defined::Generator,
                Kind::Manager => Defined::Manager,
                Kind::Pytest => Defined::Pytest,
                Kind::Special(special) => Defined::Special(special),
                Kind::Init => Defined::Factory,
                Kind::Plain | Kind::Unittest => Defined::Plain,
            };
            let own = changes.entry(id.file).or_default();
            own.insert(Change::Define(function.range.into(), defined));
            own.extend(nature.returns.iter().map(|stmt| Change::Return((*stmt).into())));
            changes_of_leaves(graph, node, own);
            for (file, base) in graph.suites.bases(node) {
                changes.entry(file).or_default().insert(Change::TestCase(base));
            }
        }
        for &node in &self.nodes {
            self.changes_of_uses(node, &mut changes);
        }
        for (_, id) in self.functions() {
            let nature = graph.nature(id);
            let own = changes.entry(id.file).or_default();
            for delegate in &nature.delegates {
                let span = Span::from(*delegate);
                if !own.contains(&Change::YieldFrom(span)) {
                    own.insert(Change::Delegate(span));
                }
            }
        }
        let is_concurrent = self.is_concurrent();
        let doubt = self.doubt(is_concurrent).or_else(|| self.open_end(world));
        let message = self.message();
        changes
            .into_iter()
            .filter_map(|(file, changes)| {
                let at = changes.iter().find_map(|change| match change {
                    Change::Define(name, _) => Some(name.range()),
                    _ => None,
                });
                let at = at.or_else(|| changes.first().map(|change| change.range()))?;
                let coloured = Coloured {
                    component: number,
                    at,
                    message: message.clone(),
                    doubt: doubt.clone(),
                    is_concurrent,
                    changes: changes.into_iter().collect(),
                };
                Some((file, coloured))
            })
            .collect()
    }

    fn changes_of_uses(&self, node: NodeIndex, changes: &mut BTreeMap<usize, BTreeSet<Change>>) {
        let graph = self.graph;
        let kind = graph.kind(node);
        if let Node::Parameter(id, name) = &graph.nodes[node] {
            let [positional, named] = &graph.nature(*id).parameters;
            if let Some(place) = positional.iter().chain(named).position(|other| other == name)
                && graph.nature(*id).wrapper.is_none()
            {
                let function = graph.linker.function(*id);
                changes
                    .entry(id.file)
                    .or_default()
                    .insert(Change::Callable(function.range.into(), place));
            }
        }
        for used in &graph.uses[node] {
            if used.is_passed_through(graph, node) {
                continue;
            }
            let own = changes.entry(used.file).or_default();
            let span = Span::from(used.found.range);
            match &used.found.how {
                How::Call(Taken::Held | Taken::Returned) | How::Step(Taken::Returned) if kind == Kind::Generator => {}
                How::Call(taken) | How::Object(_, taken) => {
                    let is_bridged = self.bridge(used).is_some();
                    let is_run = used.found.place == Place::Main || is_bridged;
                    let is_taken = matches!(kind, Kind::Generator | Kind::Manager | Kind::Special(_));
                    own.insert(match taken {
                        Taken::For(stmt) if is_taken => Change::For((*stmt).into()),
                        Taken::Part(part) if is_taken => Change::Part((*part).into()),
                        Taken::YieldFrom(expr) if is_taken => Change::YieldFrom((*expr).into()),
                        Taken::With(stmt, _) if is_taken => Change::With((*stmt).into()),
                        Taken::Next(call) if is_taken => Change::Next((*call).into()),
                        _ if is_taken => Change::All(span),
                        _ if kind == Kind::Init => Change::Create(span),
                        _ if is_run => Change::Run(span),
                        _ => Change::Await(span),
                    });
                    match (self.bridge(used), &used.found.place) {
                        (None, Place::Frame(eager)) => own.extend(lists(eager)),
                        (Some(owner), _) if graph.can_run_together(owner) => {
                            own.insert(Change::Together(graph.function(owner).range.into()));
                        }
                        _ => {}
                    }
                }
                How::Value(Sink::AssertRaises(call)) => {
                    own.insert(Change::AssertRaises((*call).into(), self.bridge(used).is_some()));
                }
                How::Value(Sink::Argument { .. }) if graph.is_run_later(node, used) => {
                    own.insert(Change::RunLater(span));
                }
                How::Step(taken) if kind == Kind::Generator => {
                    own.insert(match taken {
                        Taken::For(stmt) => Change::For((*stmt).into()),
                        Taken::Part(part) => Change::Part((*part).into()),
                        Taken::YieldFrom(expr) => Change::YieldFrom((*expr).into()),
                        Taken::Asked(call) => Change::Asked((*call).into()),
                        Taken::Next(call) => Change::Next((*call).into()),
                        _ => Change::All(span),
                    });
                    if let Place::Frame(eager) = &used.found.place {
                        own.extend(lists(eager));
                    }
                }
                How::Faked(Fake::Mock(class, is_said)) => {
                    let is_said = *is_said || !graph.is_looked_at(node);
                    own.insert(Change::Mock((*class).into(), is_said));
                }
                How::Faked(Fake::Auto(patch, false)) if graph.is_looked_at(node) => {
                    own.insert(Change::MockGives((*patch).into()));
                }
                How::Faked(Fake::Lambda(lambda)) => {
                    own.insert(Change::Lambda((*lambda).into()));
                }
                How::Step(_) | How::Value(_) | How::Decorates(_) | How::Makes(_) | How::Faked(_) => {}
            }
            if own.is_empty() {
                changes.remove(&used.file);
            }
        }
    }

    /// The plain function that starts an event loop for a use.
    fn bridge(&self, used: &Resolved) -> Option<NodeIndex> {
        let owner = self.graph.owner(used)?;
        (self.graph.is_boundary(owner) && !self.turns[owner]).then_some(owner)
    }

    fn message(&self) -> String {
        let graph = self.graph;
        let mut names = self.functions().map(|(node, _)| graph.function(node).qualname.as_str());
        let first = names.next().unwrap_or_default();
        let others = match names.count() {
            0 => String::new(),
            1 => " and another function".to_owned(),
            more => format!(" and {more} other functions"),
        };
        let leaf = self.functions().find_map(|(node, id)| {
            let leaf = graph.leaves(node).find(|leaf| is_start(graph, node, leaf))?;
            Some(format!(
                "`{}` ({})",
                leaf.name,
                graph.linker.project.place(id.file, leaf.line)
            ))
        });
        let verb = if others.is_empty() { "waits" } else { "wait" };
        format!(
            "`{first}`{others} {verb} for {}, and can be made to let others run meanwhile",
            leaf.unwrap_or_default()
        )
    }

    /// Whether tasks run what turns.
    fn is_concurrent(&self) -> bool {
        let graph = self.graph;
        let is_met = |node: NodeIndex| {
            let mut uses = graph.uses[node].iter();
            uses.any(|used| graph.owner(used).is_some_and(|owner| graph.is_async(owner)))
        };
        self.nodes.iter().any(|node| is_met(*node)) || self.functions().any(|(_, id)| graph.nature(id).is_route)
    }

    /// The first thing that is not proven.
    fn doubt(&self, is_concurrent: bool) -> Option<String> {
        let graph = self.graph;
        let place = |file: usize, line: usize| graph.linker.project.place(file, line);
        for &node in &self.nodes {
            for used in &graph.uses[node] {
                if let Some(owner) = self.bridge(used) {
                    return Some(format!(
                        "`{}` stays a plain function and starts an event loop of its own for `{}` ({})",
                        graph.function(owner).qualname,
                        used.found.text,
                        place(used.file, used.found.line)
                    ));
                }
                if !used.is_certain {
                    return Some(format!(
                        "`{}` in {} is taken for `{}` by its name alone",
                        used.found.text,
                        place(used.file, used.found.line),
                        graph.function(node).qualname
                    ));
                }
                if let How::Call(Taken::Next(_)) | How::Step(Taken::Next(_)) = used.found.how
                    && graph.kind(node) == Kind::Generator
                {
                    return Some(format!(
                        "where there is nothing left of `{}` ({}), a StopAsyncIteration is raised instead of a StopIteration",
                        used.found.text,
                        place(used.file, used.found.line)
                    ));
                }
                if let Place::Frame(eager) = &used.found.place
                    && eager.iter().any(|eager| eager.stops_early)
                {
                    return Some(format!(
                        "the list in {} calls `{}` for all elements, where `any` and `all` have stopped early",
                        place(used.file, used.found.line),
                        used.found.text
                    ));
                }
            }
        }
        for &node in &self.nodes {
            let is_changed = |fake: &Fake| !matches!(fake, Fake::Awaited | Fake::Auto(_, true));
            let mut uses = graph.uses[node].iter();
            let fake = uses.find(|used| matches!(&used.found.how, How::Faked(fake) if is_changed(fake)));
            if let Some(used) = fake {
                return Some(format!(
                    "what {} puts in the place of `{}` changes as well",
                    place(used.file, used.found.line),
                    graph.function(node).qualname
                ));
            }
        }
        if let Some(&inner) = graph.wrappers.iter().find(|inner| self.nodes.contains(inner)) {
            return Some(format!(
                "the wrapper `{}` turns with all that it decorates: others that know it by name would get a coroutine",
                graph.function(inner).qualname
            ));
        }
        let has_methods = self.functions().any(|(node, _)| graph.function(node).class.is_some());
        if let Some((file, line)) = graph.computed.filter(|_| has_methods) {
            return Some(format!(
                "{} gets members of something by computed names: one of the methods may be among them",
                place(file, line)
            ));
        }
        for (node, id) in self.functions() {
            let function = graph.function(node);
            let nature = graph.nature(id);
            for leaf in graph.leaves(node) {
                if let Some(doubt) = &leaf.doubt {
                    return Some(format!("{doubt} ({})", place(id.file, leaf.line)));
                }
                match (&leaf.way, &leaf.place) {
                    (Way::Stays, _) | (_, Place::Never(_)) => {
                        return Some(format!(
                            "`{}` still blocks in `{}` ({})",
                            leaf.name,
                            function.qualname,
                            place(id.file, leaf.line)
                        ));
                    }
                    _ => {}
                }
            }
            if let Some((stays, line)) = self.blocking.get(&node) {
                return Some(format!(
                    "`{}`, which stays as it is, still blocks in `{}` ({})",
                    graph.function(*stays).qualname,
                    function.qualname,
                    place(id.file, *line)
                ));
            }
            if nature.kind == Kind::Init {
                return Some(format!(
                    "`{}` does not wait any more: an object that is made without `create` would be incomplete",
                    function.qualname
                ));
            }
            if let Kind::Special(_) = nature.kind {
                return Some(format!(
                    "`{}` becomes its asynchronous twin: what enters or iterates over such an object unseen would fail",
                    function.qualname
                ));
            }
            if nature.kind == Kind::Manager {
                return Some(format!(
                    "the context manager `{}` can only be entered by `async with` then",
                    function.qualname
                ));
            }
            let is_looped = || {
                graph.uses[node]
                    .iter()
                    .any(|used| matches!(used.found.how, How::Call(_)))
            };
            if nature.kind == Kind::Generator && nature.cleans_up && is_looped() {
                return Some(format!(
                    "`{}` cleans up when a loop is left early: an asynchronous generator does so later",
                    function.qualname
                ));
            }
        }
        if is_concurrent {
            let shared = self.functions().find_map(|(_, id)| graph.edges().shared(id));
            if let Some(shared) = shared {
                return Some(format!("{shared}, and others can run in between"));
            }
        }
        self.by_other_means()
    }

    /// What may stand for the functions, or find them, unseen.
    fn by_other_means(&self) -> Option<String> {
        let graph = self.graph;
        let project = graph.linker.project;
        let given = self.nodes.iter().find_map(|&node| {
            let used = graph.uses[node].iter().find(|used| used.found.is_given)?;
            Some((node, used))
        });
        for (node, _) in self.functions() {
            let name = graph.name(node);
            if let Some((file, line)) = graph.doctests.get(name) {
                return Some(format!(
                    "the example in {} calls `{name}`, and would have to await it",
                    project.place(*file, *line)
                ));
            }
            if let Some((file, line)) = graph.strings.get(name) {
                return Some(format!(
                    "`{name}` stands in a string in {}: it may be called by its name",
                    project.place(*file, *line)
                ));
            }
        }
        if let Some((file, line)) = graph.alarms {
            return Some(format!(
                "a signal interrupts what runs ({}), which in an event loop is the loop",
                project.place(file, line)
            ));
        }
        if let (Some((node, used)), Some((file, line))) = (given, graph.mocks) {
            return Some(format!(
                "{} makes mocks, which may stand for the receiver of `{}` ({}) and would not give what `{}` gives then",
                project.place(file, line),
                used.found.text,
                project.place(used.file, used.found.line),
                graph.function(node).qualname
            ));
        }
        self.nodes.iter().find_map(|&node| {
            let used = graph.uses[node].iter().find(|used| used.found.is_given)?;
            let mut namesakes = graph.named(graph.name(node)).iter().copied();
            let other = namesakes
                .find(|other| graph.function(*other).class.is_some() && graph.family(*other) != graph.family(node))?;
            Some(format!(
                "the receiver of `{}` ({}) may be an object of another class, with `{}`",
                used.found.text,
                project.place(used.file, used.found.line),
                graph.function(other).qualname
            ))
        })
    }

    /// Who may use the functions besides what was seen.
    fn open_end(&self, world: &World) -> Option<String> {
        let graph = self.graph;
        let is_run = |node: &&NodeIndex| graph.uses[**node].iter().any(Resolved::is_run);
        let run: FxHashSet<NodeIndex> = self
            .nodes
            .iter()
            .filter(is_run)
            .map(|node| graph.family(*node))
            .collect();
        let unused = self.functions().find(|(node, id)| {
            let nature = graph.nature(*id);
            let is_called = nature.is_route || matches!(graph.kind(*node), Kind::Pytest | Kind::Unittest);
            !is_called && !run.contains(&graph.family(*node))
        });
        if let Some((node, _)) = unused {
            return Some(format!(
                "`{}` is called nowhere in the files that were looked at: whoever calls it would get a coroutine",
                graph.function(node).qualname
            ));
        }
        if world.is_partial {
            return Some(
                "only some of the files were looked at: others may call what becomes a coroutine function".to_owned(),
            );
        }
        let ends = |node: NodeIndex| {
            graph.uses[node].iter().any(|used| {
                used.found.place == Place::Main
                    || graph.owner(used).is_some_and(|owner| graph.is_boundary(owner))
                    || matches!(used.found.how, How::Value(Sink::Framework))
                    || graph
                        .owner(used)
                        .is_some_and(|owner| graph.is_async(owner) && !self.turns[owner])
            })
        };
        let is_program =
            self.nodes.iter().any(|node| ends(*node)) || self.functions().any(|(_, id)| graph.nature(id).is_route);
        let in_package = self
            .functions()
            .find(|(_, id)| graph.linker.modules.is_in_package(id.file));
        match in_package {
            Some((node, _)) if !is_program => Some(format!(
                "`{}` belongs to a package that no program of the project runs: others may call it",
                graph.function(node).qualname
            )),
            _ => None,
        }
    }
}

/// How the blocking calls of a function are waited for.
fn changes_of_leaves(graph: &Graph, node: NodeIndex, own: &mut BTreeSet<Change>) {
    for leaf in graph.leaves(node) {
        let Place::Frame(eager) = &leaf.place else { continue };
        match leaf.way {
            Way::Sleep if !graph.is_sleep_patched(node) => own.insert(Change::Sleep(leaf.range.into())),
            Way::Sleep | Way::Thread => own.insert(Change::Thread(leaf.range.into())),
            Way::Session | Way::Later | Way::Told | Way::Stays => continue,
        };
        own.extend(lists(eager));
    }
}

fn lists(eager: &[Eager]) -> impl Iterator<Item = Change> + '_ {
    eager.iter().map(|eager| Change::List(eager.range.into()))
}

impl Resolved<'_> {
    /// Whether the use runs the function, now or later.
    fn is_run(&self) -> bool {
        match &self.found.how {
            How::Call(_) | How::Object(..) => true,
            How::Value(Sink::Framework | Sink::AssertRaises(_) | Sink::Returned | Sink::Argument { .. }) => true,
            How::Step(_) | How::Value(_) | How::Decorates(_) | How::Makes(_) | How::Faked(_) => false,
        }
    }
}

impl Ranged for Change {
    fn range(&self) -> TextRange {
        let (Self::Define(span, _)
        | Self::Await(span)
        | Self::Create(span)
        | Self::Run(span)
        | Self::Together(span)
        | Self::List(span)
        | Self::For(span)
        | Self::Part(span)
        | Self::All(span)
        | Self::YieldFrom(span)
        | Self::Next(span)
        | Self::Return(span)
        | Self::Delegate(span)
        | Self::With(span)
        | Self::Sleep(span)
        | Self::Thread(span)
        | Self::Twin(span)
        | Self::CallTwin(span)
        | Self::TestCase(span)
        | Self::AssertRaises(span, _)
        | Self::Asked(span)
        | Self::RunLater(span)
        | Self::MockGives(span)
        | Self::Mock(span, _)
        | Self::Lambda(span)
        | Self::Callable(span, _)) = self;
        span.range()
    }
}
