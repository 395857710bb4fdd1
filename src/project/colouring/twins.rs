//! Functions that stay as they are and get a twin: where others may call a function that nobody can see, it cannot turn, but a second one can be written
//! beside it, for coroutines.
//!
//! What a twin calls that waits gets a twin as well, with all methods of its family. Whatever calls the functions goes on as it did, unless it is
//! a coroutine: no use has to be seen for that, and none that is not certain is changed.

use std::collections::{BTreeMap, BTreeSet};

use ruff_text_size::TextRange;

use super::closed::reaching;
use super::graph::{Graph, Node, NodeIndex, Resolved};
use super::usage::{Eager, How, Kind, Named, Place};
use super::{Change, Coloured, World, changes_of_leaves, lists, place_of};
use crate::project::modules::ModuleId;
use crate::project::resolve::ClassId;
use crate::project::summary::Target;

/// What the names of twins end in.
pub const ENDING: &str = "_async";

/// Which functions have twins.
pub struct Twins {
    /// For each node, whether one is to be written.
    pub wanted: Vec<bool>,
    /// Those that have one already, with it.
    there: BTreeMap<NodeIndex, NodeIndex>,
}

/// The twins that the configuration asks for, and those that these need. All functions that it names stay as they are.
pub fn find(graph: &mut Graph, world: &World) -> Twins {
    let mut twins = Twins {
        wanted: vec![false; graph.nodes.len()],
        there: BTreeMap::new(),
    };
    if world.twin.is_empty() {
        return twins;
    }
    let reaches = reaching(graph);
    let named: Vec<NodeIndex> = (0..graph.nodes.len())
        .filter(|node| !graph.is_async(*node) && graph.is_one_of(*node, &world.twin))
        .collect();
    for node in named {
        let reason = match closure(graph, &reaches, node, &mut twins.there) {
            Ok(all) => {
                all.iter().for_each(|node| twins.wanted[*node] = true);
                format!("the configuration keeps it beside its twin, `{}`", name_of(graph, node))
            }
            Err((other, reason)) if other == node => {
                format!("it cannot have the twin that the configuration asks for: {reason}")
            }
            Err((other, reason)) => {
                let name = &graph.function(other).qualname;
                let place = place_of(graph, graph.nodes[other].function());
                format!("it would need a twin of `{name}` ({place}), and {reason}")
            }
        };
        graph.keep_as_it_is(node, reason);
    }
    twins
}

/// What must have a twin if one function has, as far as there is none yet. The error is what cannot have one.
fn closure(
    graph: &Graph,
    reaches: &[bool],
    node: NodeIndex,
    there: &mut BTreeMap<NodeIndex, NodeIndex>,
) -> Result<BTreeSet<NodeIndex>, (NodeIndex, String)> {
    let mut all = BTreeSet::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        if all.contains(&node) || there.contains_key(&node) || graph.is_async(node) {
            continue;
        }
        if let Some(twin) = existing(graph, node) {
            if !graph.is_async(twin) {
                let name = name_of(graph, node);
                return Err((
                    node,
                    format!("there is a `{name}` already, which is no coroutine function"),
                ));
            }
            there.insert(node, twin);
            continue;
        }
        refusal(graph, node).map_or(Ok(()), |reason| Err((node, reason)))?;
        all.insert(node);
        let family = graph.family(node);
        open.extend((0..graph.nodes.len()).filter(|other| graph.family(*other) == family));
        let called = (0..graph.nodes.len()).filter(|other| reaches[*other]);
        let is_called = |other: &NodeIndex| {
            let mut uses = graph.uses[*other].iter();
            uses.any(|used| graph.owner(used) == Some(node) && can_wait(graph, *other, used).is_some())
        };
        open.extend(called.filter(is_called));
    }
    Ok(all)
}

/// Why a function cannot have a twin.
fn refusal(graph: &Graph, node: NodeIndex) -> Option<String> {
    let Node::Function(id) = graph.nodes[node] else {
        return Some("functions are given to one of its parameters".to_owned());
    };
    let nature = graph.nature(id);
    if let Some(reason) = &nature.stop {
        return Some(reason.clone());
    }
    if nature.kind != Kind::Plain {
        return Some("it is no plain function or method".to_owned());
    }
    if nature.twin.is_some() {
        return Some("it is defined more than once".to_owned());
    }
    if graph.function(node).qualname.contains("<locals>") {
        return Some("it is defined in a function".to_owned());
    }
    if graph.decorated.contains(&node) {
        return Some("it is not known what its decorator does with a coroutine function".to_owned());
    }
    let class = graph.function(node).class.map(|index| ClassId { file: id.file, index });
    let inherited = class.and_then(|class| graph.linker.member(class, &name_of(graph, node), 0));
    if inherited.is_some() {
        return Some(format!("its class inherits a `{}`", name_of(graph, node)));
    }
    let (file, line) = graph.patched.get(&node)?;
    let place = graph.linker.project.place(*file, *line);
    Some(format!(
        "{place} puts something else in its place, which its twin would not meet"
    ))
}

/// What a twin is called.
fn name_of(graph: &Graph, node: NodeIndex) -> String {
    format!("{}{ENDING}", graph.name(node))
}

/// The function that has the name of a twin where that would stand.
fn existing(graph: &Graph, node: NodeIndex) -> Option<NodeIndex> {
    let function = graph.function(node);
    let file = graph.nodes[node].function().file;
    let named = graph.named(&name_of(graph, node)).iter();
    named.copied().find(|other| {
        let other_function = graph.function(*other);
        graph.nodes[*other].function().file == file && other_function.class == function.class
    })
}

/// The generator expressions that become lists where a call of a function can wait for its twin: one that is certain, by the function's own name.
fn can_wait<'p>(graph: &Graph, node: NodeIndex, used: &Resolved<'p>) -> Option<&'p [Eager]> {
    let How::Call(_) = used.found.how else { return None };
    let Place::Frame(eager) = &used.found.place else {
        return None;
    };
    let is_by_name = used.found.text.rsplit('.').next() == Some(graph.name(node));
    (used.is_certain && is_by_name && is_direct(graph, node, used)).then_some(eager.as_slice())
}

/// Whether a name leads to the module that defines a function without a detour: what hands a function on does not hand on its twin.
fn is_direct(graph: &Graph, node: NodeIndex, used: &Resolved) -> bool {
    match &used.found.named {
        Named::Target(Target::Path(path)) => {
            let found = graph.linker.modules.find(used.file, path);
            let parts = path.split('.').filter(|part| !part.is_empty()).count();
            let own = ModuleId::File(graph.nodes[node].function().file);
            let depth = graph.function(node).qualname.split('.').count();
            found.is_some_and(|(module, taken)| module == own && parts == taken + depth)
        }
        Named::Target(Target::Star(_)) => false,
        Named::Target(_) => true,
        _ => false,
    }
}

impl Twins {
    fn has_one(&self, node: NodeIndex) -> bool {
        self.wanted[node] || self.there.contains_key(&node)
    }

    /// What is to be done in each file for functions whose twins need each other.
    pub fn changes(&self, graph: &Graph, number: usize, nodes: &[NodeIndex]) -> Vec<(usize, Coloured)> {
        let mut changes: BTreeMap<usize, BTreeSet<Change>> = BTreeMap::new();
        for &node in nodes {
            let own = changes.entry(graph.nodes[node].function().file).or_default();
            own.insert(Change::Twin(graph.function(node).range.into()));
            changes_of_leaves(graph, node, own);
        }
        let mut doubts = Vec::new();
        for node in (0..graph.nodes.len()).filter(|node| self.has_one(*node)) {
            for used in &graph.uses[node] {
                let Some(owner) = graph.owner(used) else { continue };
                // Within a twin that is written now, and in coroutines.
                let is_own = nodes.contains(&owner);
                let is_met = graph.is_async(owner) && nodes.contains(&node) && self.there.get(&node) != Some(&owner);
                if !is_own && !is_met {
                    continue;
                }
                if let Some(eager) = can_wait(graph, node, used) {
                    let own = changes.entry(used.file).or_default();
                    own.insert(Change::CallTwin(used.found.range.into()));
                    own.extend(lists(eager));
                } else if let How::Call(_) = used.found.how {
                    let place = graph.linker.project.place(used.file, used.found.line);
                    doubts.push(format!("`{}` ({place}) still blocks", used.found.text));
                }
            }
        }
        let doubt = self.doubt(graph, nodes, doubts);
        let message = message(graph, nodes);
        let changes = changes.into_iter().filter(|(_, changes)| !changes.is_empty());
        changes
            .map(|(file, changes)| {
                let is_twin = |change: &&Change| matches!(change, Change::Twin(_));
                let first = changes.iter().find(is_twin).or(changes.first());
                let coloured = Coloured {
                    component: number,
                    at: first.map_or(TextRange::default(), ruff_text_size::Ranged::range),
                    message: message.clone(),
                    doubt: Some(doubt.clone()),
                    is_concurrent: true,
                    changes: changes.into_iter().collect(),
                };
                (file, coloured)
            })
            .collect()
    }

    /// What is not proven: that nobody forgets one of the two is not.
    fn doubt(&self, graph: &Graph, nodes: &[NodeIndex], calls: Vec<String>) -> String {
        let of_leaves = nodes
            .iter()
            .flat_map(|node| graph.leaves(*node))
            .find_map(|leaf| leaf.doubt.clone());
        let shared = || {
            let found = nodes
                .iter()
                .find_map(|node| graph.edges().shared(graph.nodes[*node].function()))?;
            Some(format!("{found}, and others can run in between"))
        };
        let first = of_leaves.or_else(|| calls.into_iter().next()).or_else(shared);
        first.unwrap_or_else(|| {
            let name = nodes.first().map_or("", |node| graph.name(*node));
            format!(
                "`{name}` and `{name}{ENDING}` are two functions from now on: whoever changes one must change the other"
            )
        })
    }
}

fn message(graph: &Graph, nodes: &[NodeIndex]) -> String {
    let first = nodes.first().map_or("", |node| graph.function(*node).qualname.as_str());
    let others = match nodes.len() {
        0 | 1 => String::new(),
        2 => " and another function".to_owned(),
        more => format!(" and {} other functions", more - 1),
    };
    format!("`{first}`{others} can have a twin that lets others run meanwhile")
}
