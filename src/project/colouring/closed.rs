//! Which functions turn: the greatest set of those that reach a blocking call of which every use can wait.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::{FxHashMap, FxHashSet};

use super::graph::{Graph, Node, NodeIndex, Resolved};
use super::usage::{Fake, How, Kind, Leaf, Place, Sink, Special, Taken, Way, ends_iteration};

/// Why a node stays a plain function.
#[derive(Clone, Debug)]
pub enum Cause {
    /// Something about itself, or about a use of it.
    Own(String),
    /// It is used by another one that stays.
    User(NodeIndex),
    /// It turns with another one that stays.
    Family(NodeIndex),
    /// It does not wait for anything.
    Idle,
}

/// The answer for each node.
pub struct Closed {
    /// Whether it turns.
    pub turns: Vec<bool>,
    /// For those that reach a blocking call and stay.
    pub causes: BTreeMap<NodeIndex, Cause>,
}

/// Whether a call of a function is a reason to turn.
pub fn is_start(graph: &Graph, node: NodeIndex, leaf: &Leaf) -> bool {
    let is_reason = match &graph.layer {
        None => matches!(leaf.way, Way::Sleep | Way::Thread),
        Some(files) => leaf.way == Way::Session && files.contains(&graph.nodes[node].function().file),
    };
    is_reason && matches!(leaf.place, Place::Frame(_))
}

/// Whether a function has a reason to turn.
pub fn starts(graph: &Graph, node: NodeIndex) -> bool {
    graph.leaves(node).any(|leaf| is_start(graph, node, leaf))
}

pub fn solve(graph: &Graph) -> Closed {
    let members = members(graph);
    let reached = reach(graph, &members);
    let mut closed = Closed {
        turns: reached,
        causes: BTreeMap::new(),
    };
    // What turns no more for want of a reason keeps others as they are that a use takes for it.
    loop {
        shrink(graph, &members, &mut closed);
        let before = closed.turns.clone();
        support(graph, &members, &mut closed);
        let is_torn = |all: &[NodeIndex]| {
            all.iter().any(|node| before[*node] && !closed.turns[*node]) && all.iter().any(|node| closed.turns[*node])
        };
        if !graph.namesakes_at.values().any(|(all, _)| is_torn(all)) && !graph.entered().any(is_torn) {
            return closed;
        }
    }
}

/// Takes out whatever has a use that cannot wait, with its family, and what it uses, until nothing changes.
fn shrink(graph: &Graph, members: &FxHashMap<NodeIndex, Vec<NodeIndex>>, closed: &mut Closed) {
    let mut open: VecDeque<NodeIndex> = (0..graph.nodes.len()).filter(|node| closed.turns[*node]).collect();
    // Every node is looked at again when one that uses it has dropped out.
    let used_by = used_by(graph);
    while let Some(node) = open.pop_front() {
        if !closed.turns[node] {
            continue;
        }
        let Some(cause) = veto(graph, &closed.turns, node) else {
            continue;
        };
        let family = graph.family(node);
        for &member in &members[&family] {
            if !closed.turns[member] {
                continue;
            }
            closed.turns[member] = false;
            let cause = if member == node {
                cause.clone()
            } else {
                Cause::Family(node)
            };
            closed.causes.insert(member, cause);
            open.extend(used_by[member].iter().copied());
            // What steps on a generator that stays may see a StopIteration.
            let steps = graph.uses[member].iter();
            let steps =
                steps.filter(|used| matches!(used.found.how, How::Call(Taken::Next(_)) | How::Step(Taken::Next(_))));
            open.extend(steps.filter_map(|used| graph.owner(used)));
            for used in &graph.uses[member] {
                if let How::Call(Taken::With(with, _)) | How::Object(_, Taken::With(with, _)) = used.found.how {
                    open.extend(graph.entered_together(used.file, with));
                }
            }
            let namesakes = graph.namesakes_at.get(graph.name(member));
            open.extend(namesakes.into_iter().flat_map(|(all, _)| all.iter().copied()));
        }
    }
}

/// The nodes of each family.
fn members(graph: &Graph) -> FxHashMap<NodeIndex, Vec<NodeIndex>> {
    let mut members: FxHashMap<NodeIndex, Vec<NodeIndex>> = FxHashMap::default();
    for node in 0..graph.nodes.len() {
        members.entry(graph.family(node)).or_default().push(node);
    }
    members
}

/// For each node, those that it uses.
fn used_by(graph: &Graph) -> Vec<Vec<NodeIndex>> {
    let mut used = vec![Vec::new(); graph.nodes.len()];
    for (node, uses) in graph.uses.iter().enumerate() {
        for found in uses {
            if let Some(owner) = graph.owner(found) {
                used[owner].push(node);
            }
        }
    }
    used
}

/// What reaches a blocking call, families as a whole; it ends at coroutine functions.
fn reach(graph: &Graph, members: &FxHashMap<NodeIndex, Vec<NodeIndex>>) -> Vec<bool> {
    let starting = (0..graph.nodes.len()).filter(|node| starts(graph, *node));
    upwards(graph, members, starting.collect(), |_| true)
}

/// The nodes that reach a blocking call, whether they can turn or not.
pub fn reaching(graph: &Graph) -> Vec<bool> {
    reach(graph, &members(graph))
}

/// What uses the nodes, and what uses that, with families as a whole, as far as it is allowed.
fn upwards(
    graph: &Graph,
    members: &FxHashMap<NodeIndex, Vec<NodeIndex>>,
    mut open: Vec<NodeIndex>,
    is_allowed: impl Fn(NodeIndex) -> bool,
) -> Vec<bool> {
    let mut reached = vec![false; graph.nodes.len()];
    while let Some(node) = open.pop() {
        if reached[node] || graph.is_async(node) || !is_allowed(node) {
            continue;
        }
        reached[node] = true;
        open.extend(members[&graph.family(node)].iter().copied());
        for found in &graph.uses[node] {
            let runs = matches!(found.found.how, How::Call(_) | How::Object(..))
                || matches!(found.found.how, How::Value(Sink::AssertRaises(_)));
            if runs && !found.is_passed_through(graph, node) {
                open.extend(graph.owner(found));
            }
        }
    }
    reached
}

/// Only what still reaches a blocking call that turns needs to turn.
fn support(graph: &Graph, members: &FxHashMap<NodeIndex, Vec<NodeIndex>>, closed: &mut Closed) {
    let starting = (0..graph.nodes.len())
        .filter(|node| closed.turns[*node] && starts(graph, *node))
        .collect();
    let supported = upwards(graph, members, starting, |node| closed.turns[node]);
    for (node, is_supported) in supported.into_iter().enumerate() {
        if closed.turns[node] && !is_supported {
            closed.turns[node] = false;
            closed.causes.insert(node, Cause::Idle);
        }
    }
}

/// Why a node cannot turn, as things stand.
fn veto(graph: &Graph, turns: &[bool], node: NodeIndex) -> Option<Cause> {
    if graph.is_async(node) {
        return Some(Cause::Own(
            "it is a coroutine function already, and others of its name are not".to_owned(),
        ));
    }
    if let Some(reason) = &graph.stops[node] {
        return Some(Cause::Own(reason.clone()));
    }
    let kind = graph.kind(node);
    if let Node::Function(id) = graph.nodes[node] {
        let nexts = &graph.nature(id).nexts;
        if let Some((_, line)) = nexts.iter().find(|(next, _)| !graph.steps_on(id.file, *next, turns)) {
            return Some(Cause::Own(ends_iteration(*line)));
        }
    }
    if kind == Kind::Init && !graph.can_have_factory(node) {
        return Some(Cause::Own(
            "it is a constructor, which Python calls without waiting".to_owned(),
        ));
    }
    if let Some((all, place)) = graph.namesakes_at.get(graph.name(node))
        && let Some(other) = all.iter().find(|other| !turns[**other])
        && all.contains(&node)
    {
        return Some(Cause::Own(format!(
            "a call in {place} may mean `{}` as well, which stays as it is",
            graph.function(*other).qualname
        )));
    }
    graph.uses[node]
        .iter()
        .find_map(|found| veto_of_use(graph, turns, node, kind, found))
}

fn veto_of_use(graph: &Graph, turns: &[bool], node: NodeIndex, kind: Kind, used: &Resolved) -> Option<Cause> {
    let place = graph.linker.project.place(used.file, used.found.line);
    let own = |reason: &str| Some(Cause::Own(format!("of `{}` ({place}), {reason}", used.found.text)));
    if let How::Call(Taken::With(with, count)) | How::Object(_, Taken::With(with, count)) = used.found.how
        && matches!(kind, Kind::Manager | Kind::Special(_))
        && !graph.all_enter(used.file, (with, count), turns)
    {
        return own("it is entered together with what stays as it is");
    }
    match &used.found.how {
        How::Decorates(_) | How::Makes(_) => return own("it decorates a function"),
        How::Value(Sink::Framework) if graph.decorated.contains(&node) => {
            return own("a framework would not see that it is a coroutine function behind its decorator");
        }
        How::Value(Sink::Framework | Sink::Alias) => return None,
        // A mock of a coroutine function can be awaited.
        How::Faked(Fake::Auto(..)) => return None,
        How::Faked(_) if used.is_understood => return None,
        How::Faked(_) if kind != Kind::Plain => return own("something else is put in its place"),
        How::Faked(Fake::Lambda(_)) if graph.is_bound_there(node, used) => {
            return own("a lambda is put in its place, which a class gives its object");
        }
        How::Faked(Fake::Mock(..) | Fake::Awaited | Fake::Lambda(_)) => return None,
        How::Faked(Fake::Named(_)) => return own("something else is put in its place"),
        How::Value(Sink::AssertRaises(_)) => {}
        How::Value(sink) => {
            let reason = match sink {
                _ if used.is_understood => return None,
                Sink::Other(reason) => reason,
                Sink::Fake(_) => "it is put in the place of something that is not known",
                Sink::Argument { .. } => "it is given to something that may call it without waiting",
                _ => "it is returned, and nobody knows who calls it",
            };
            return own(reason);
        }
        // Of what is no generator, the call says enough.
        How::Step(_) if kind != Kind::Generator => return None,
        How::Step(Taken::Returned) if !is_handed_on(graph, used) => {
            return own("it is a generator, and what it gives is not iterated over in the same place");
        }
        How::Step(_) => {}
        How::Object(_, taken) => {
            if let Some(reason) = veto_of_protocol(kind, *taken) {
                return own(reason);
            }
        }
        How::Call(taken) => {
            if used.is_passed_through(graph, node) {
                return None;
            }
            match (kind, taken) {
                (Kind::Generator, Taken::For(_) | Taken::Part(_) | Taken::All) => {}
                (Kind::Generator, Taken::YieldFrom(_) | Taken::Held | Taken::Next(_)) => {}
                (Kind::Generator, Taken::Returned) if is_handed_on(graph, used) => {}
                (Kind::Generator, _) => {
                    return own("it is a generator, and what it gives is not iterated over in the same place");
                }
                (Kind::Manager, Taken::With(..)) => {}
                (Kind::Manager, _) => {
                    return own("it is a context manager, and is not entered alone in the same place");
                }
                (Kind::Init, _) if used.found.text.contains("__init__") => return own("it is called by its name"),
                (Kind::Init, Taken::With(..) | Taken::For(_) | Taken::Part(_)) => {
                    return own("what it makes is used where it stands");
                }
                (Kind::Special(_), Taken::Value | Taken::Returned) => return own("it is called by its name"),
                (Kind::Special(_), taken) => {
                    if let Some(reason) = veto_of_protocol(kind, *taken) {
                        return own(reason);
                    }
                }
                _ => {}
            }
        }
    }
    match &used.found.place {
        Place::Never(reason) => own(reason),
        Place::Main if matches!(kind, Kind::Generator | Kind::Manager | Kind::Special(_) | Kind::Init) => {
            own("it stands at module level, where nothing can wait")
        }
        Place::Main => None,
        Place::End => own("it stands at module level, where nothing can wait"),
        Place::Frame(_) => match graph.owner(used) {
            Some(owner) if graph.is_forwarder(owner) && !(kind == Kind::Generator && is_handed_on(graph, used)) => {
                own("it stands in a function that stays as it is and hands on what a generator gives")
            }
            Some(owner) if turns[owner] || graph.is_async(owner) => None,
            Some(owner) if graph.is_boundary(owner) && kind == Kind::Plain => None,
            Some(owner) => Some(Cause::User(owner)),
            None => own("it is not known who runs it"),
        },
    }
}

/// Whether a function gives what the generator gives, and stays as it is.
fn is_handed_on(graph: &Graph, used: &Resolved) -> bool {
    let is_given = matches!(
        used.found.how,
        How::Call(Taken::Returned | Taken::Held) | How::Step(Taken::Returned)
    );
    is_given && graph.owner(used).is_some_and(|owner| graph.is_forwarder(owner))
}

/// Why an object cannot be entered, or iterated over, by its asynchronous methods there.
fn veto_of_protocol(kind: Kind, taken: Taken) -> Option<&'static str> {
    let Kind::Special(special) = kind else { return None };
    let fits = match special {
        Special::Enter | Special::Exit => matches!(taken, Taken::With(..)),
        Special::Iter { .. } | Special::Next => {
            matches!(taken, Taken::For(_) | Taken::Part(_) | Taken::All | Taken::YieldFrom(_))
        }
    };
    (!fits).then_some("it is entered or iterated over in a way that cannot wait")
}

impl Closed {
    /// The first node on the way up from one that stays of which the reason is its own, and that reason.
    pub fn first_reason(&self, mut node: NodeIndex) -> (NodeIndex, String) {
        let mut seen: FxHashSet<NodeIndex> = FxHashSet::default();
        while seen.insert(node) {
            match self.causes.get(&node) {
                Some(Cause::Own(reason)) => return (node, reason.clone()),
                Some(Cause::User(next) | Cause::Family(next)) => node = *next,
                Some(Cause::Idle) | None => break,
            }
        }
        (node, "what uses it stays as it is".to_owned())
    }
}
