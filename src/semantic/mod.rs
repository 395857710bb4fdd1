//! What is known about one module beyond its syntax: scopes, bindings, references, qualified names, where an `await` is legal,
//! light types and effects.
//!
//! The model keeps every binding of a name and resolves only when all of them agree: what a conditional import or a rebinding makes
//! uncertain is not resolved at all. (ruff's own model takes the last binding, which is sound for a linter and not for a rewriter.)

mod build;
pub mod constants;
mod contents;
mod crossing;
pub mod effects;
mod elements;
pub mod event_loop;
pub mod files;
pub mod flow;
pub mod halfway;
pub mod handles;
pub mod implied;
pub mod interim;
pub mod members;
pub mod names;
pub mod objects;
pub mod place;
pub mod protocols;
pub mod purity;
pub mod reaching;
mod receivers;
pub mod rendezvous;
mod spelled;
pub mod sqlalchemy;
pub mod types;
pub mod updates;
pub mod uses;
pub mod web;

use std::cell::OnceCell;
use std::sync::Arc;

use ruff_python_ast::{self as ast, AnyNodeRef, HasNodeIndex};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use crate::module::Module;

/// Index of a syntax node, in source order: a node's descendants follow it without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub(crate) u32);

/// Index of a scope; the module's is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ScopeId(pub(crate) u32);

impl ScopeId {
    pub const MODULE: Self = Self(0);
}

/// Index of a binding, in source order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingId(pub(crate) u32);

struct Node<'a> {
    syntax: AnyNodeRef<'a>,
    parent: NodeId,
    /// One past the last descendant.
    end: NodeId,
    /// The scope in which the node is evaluated; for a definition, the one around it.
    scope: ScopeId,
}

/// What opens a scope.
#[derive(Clone, Copy, Debug)]
pub enum ScopeKind<'a> {
    Module,
    Class(&'a ast::StmtClassDef),
    Function(&'a ast::StmtFunctionDef),
    Lambda(&'a ast::ExprLambda),
    /// A list, set or dict comprehension.
    Comprehension,
    /// A generator expression.
    Generator,
    /// The implicit scope of a definition's type parameters (PEP 695).
    TypeParams,
}

#[derive(Debug)]
pub struct Scope<'a> {
    pub kind: ScopeKind<'a>,
    /// `None` for the module.
    pub parent: Option<ScopeId>,
    bindings: FxHashMap<&'a str, Vec<BindingId>>,
    globals: FxHashSet<&'a str>,
    nonlocals: FxHashSet<&'a str>,
    /// `from x import *` stands in this scope: a name not bound here may come from there.
    pub star_import: bool,
}

/// How a name comes to be bound.
#[derive(Clone, Copy, Debug)]
pub enum BindingKind<'a> {
    /// `import a.b` binds `a`; `import a.b as c` binds `c` to `a.b`.
    Import(&'a ast::Alias),
    FromImport(&'a ast::StmtImportFrom, &'a ast::Alias),
    Function(&'a ast::StmtFunctionDef),
    Class(&'a ast::StmtClassDef),
    Parameter(&'a ast::Parameter),
    /// `name = value`: the whole value, not a part of it.
    Assignment(&'a ast::Expr),
    /// `name: annotation` with or without a value.
    Annotated(&'a ast::StmtAnnAssign),
    AugAssignment,
    /// `with item as name`; true for `async with`.
    With(&'a ast::WithItem, bool),
    /// Unpacking, loops, handlers, patterns, walrus, `del`, type parameters: nothing is known of the value.
    Other,
    /// `del name`, and the end of a handler that binds its exception.
    Deletion,
}

#[derive(Clone, Debug)]
pub struct Binding<'a> {
    pub name: &'a str,
    pub kind: BindingKind<'a>,
    pub range: TextRange,
    pub node: NodeId,
    /// The scope that owns the name (not the one with the `global` statement).
    pub scope: ScopeId,
}

/// A name that is read (or deleted).
#[derive(Clone, Copy, Debug)]
pub struct Reference<'a> {
    pub name: &'a ast::ExprName,
    pub node: NodeId,
    pub scope: ScopeId,
}

/// Facts about one module.
pub struct SemanticModel<'a> {
    module: &'a Module,
    nodes: Vec<Node<'a>>,
    scopes: Vec<Scope<'a>>,
    bindings: Vec<Binding<'a>>,
    references: Vec<Reference<'a>>,
    calls: Vec<NodeId>,
    awaits: Vec<NodeId>,
    /// Names written in quotes where an annotation stands, with the string's range.
    quoted_names: Vec<(String, TextRange)>,
    attribute_stores: Vec<NodeId>,
    /// The packages and modules that are imported, by their dotted names, and those above them.
    imported_packages: OnceCell<FxHashSet<String>>,
    imports_blocking_class: OnceCell<bool>,
    patched: OnceCell<FxHashSet<String>>,
    callees: OnceCell<FxHashMap<String, Vec<NodeId>>>,
    members: OnceCell<members::Members>,
    attribute_loads: OnceCell<FxHashMap<String, Vec<NodeId>>>,
    order: OnceCell<flow::Order>,
    types: types::Cache,
    known: sqlalchemy::Known,
    pub(crate) effects: effects::Cache<'a>,
    elsewhere: Option<Arc<effects::linked::Elsewhere>>,
}

impl<'a> SemanticModel<'a> {
    pub fn build(module: &'a Module) -> Self {
        build::build(module)
    }

    /// The same, with what other modules say of SQLAlchemy's objects.
    #[must_use]
    pub fn with_objects(mut self, known: sqlalchemy::Known) -> Self {
        self.known = known;
        self
    }

    /// Tells what the project says of the module's calls.
    #[must_use]
    pub fn knowing(mut self, elsewhere: Option<&Arc<effects::linked::Elsewhere>>) -> Self {
        self.elsewhere = elsewhere.cloned();
        self
    }

    pub fn module(&self) -> &'a Module {
        self.module
    }

    /// The id that the model gave to a node of this module's tree.
    pub fn id(&self, node: &impl HasNodeIndex) -> NodeId {
        let index = node.node_index().load().as_u32();
        NodeId(index.expect("every node was visited when the model was built"))
    }

    pub fn node(&self, id: NodeId) -> AnyNodeRef<'a> {
        self.nodes[id.0 as usize].syntax
    }

    /// The node around this one; the module for itself.
    pub fn parent(&self, id: NodeId) -> NodeId {
        self.nodes[id.0 as usize].parent
    }

    /// From the parent outwards to the module.
    pub fn ancestors(&self, id: NodeId) -> impl Iterator<Item = (NodeId, AnyNodeRef<'a>)> + '_ {
        let mut at = id;
        std::iter::from_fn(move || {
            let parent = self.parent(at);
            (parent != at).then(|| {
                at = parent;
                (parent, self.node(parent))
            })
        })
    }

    /// The node and everything in it, in source order.
    pub fn subtree(&self, id: NodeId) -> impl Iterator<Item = (NodeId, AnyNodeRef<'a>)> + '_ {
        let end = self.nodes[id.0 as usize].end.0;
        (id.0..end).map(|index| (NodeId(index), self.nodes[index as usize].syntax))
    }

    pub fn contains(&self, outer: NodeId, inner: NodeId) -> bool {
        outer <= inner && inner < self.nodes[outer.0 as usize].end
    }

    pub fn scope_of(&self, id: NodeId) -> ScopeId {
        self.nodes[id.0 as usize].scope
    }

    pub fn scope(&self, id: ScopeId) -> &Scope<'a> {
        &self.scopes[id.0 as usize]
    }

    pub fn binding(&self, id: BindingId) -> &Binding<'a> {
        &self.bindings[id.0 as usize]
    }

    pub fn bindings(&self) -> &[Binding<'a>] {
        &self.bindings
    }

    /// Every binding of a name in exactly this scope, in source order.
    pub fn bindings_in(&self, scope: ScopeId, name: &str) -> impl Iterator<Item = &Binding<'a>> + '_ {
        self.scope(scope)
            .bindings
            .get(name)
            .into_iter()
            .flatten()
            .map(|&id| self.binding(id))
    }

    pub fn references(&self) -> &[Reference<'a>] {
        &self.references
    }

    /// All calls, in source order.
    pub fn calls(&self) -> impl Iterator<Item = &'a ast::ExprCall> + '_ {
        self.calls.iter().filter_map(|&id| match self.node(id) {
            AnyNodeRef::ExprCall(call) => Some(call),
            _ => None,
        })
    }

    pub fn awaits(&self) -> impl Iterator<Item = &'a ast::ExprAwait> + '_ {
        self.awaits.iter().filter_map(|&id| match self.node(id) {
            AnyNodeRef::ExprAwait(expr) => Some(expr),
            _ => None,
        })
    }

    /// All function definitions, in source order.
    pub fn functions(&self) -> impl Iterator<Item = &'a ast::StmtFunctionDef> + '_ {
        self.bindings.iter().filter_map(|binding| match binding.kind {
            BindingKind::Function(function) => Some(function),
            _ => None,
        })
    }

    /// Whether the module annotates what functions return.
    pub fn is_typed(&self) -> bool {
        self.functions().any(|function| function.returns.is_some())
    }

    /// The qualified name of what is defined by a node: `Client.get`; a function in a function is `outer.<locals>.inner`.
    pub fn qualname(&self, name: &str, definition: NodeId) -> String {
        let mut parts = vec![name.to_owned()];
        let mut at = Some(self.scope_of(definition));
        while let Some(id) = at {
            let scope = self.scope(id);
            match scope.kind {
                ScopeKind::Class(class) => parts.push(class.name.to_string()),
                ScopeKind::Function(function) => {
                    parts.push("<locals>".to_owned());
                    parts.push(function.name.to_string());
                }
                _ => {}
            }
            at = scope.parent;
        }
        parts.reverse();
        parts.join(".")
    }

    /// Names in quoted annotations, with the range of the string they stand in.
    pub fn quoted_names(&self) -> &[(String, TextRange)] {
        &self.quoted_names
    }

    /// The references in a node's subtree.
    pub fn references_in(&self, id: NodeId) -> &[Reference<'a>] {
        let end = self.nodes[id.0 as usize].end;
        let from = self.references.partition_point(|reference| reference.node < id);
        let to = self.references.partition_point(|reference| reference.node < end);
        &self.references[from..to]
    }

    /// The bindings made in a node's subtree, in source order.
    pub fn bindings_within(&self, id: NodeId) -> &[Binding<'a>] {
        let end = self.nodes[id.0 as usize].end;
        let from = self.bindings.partition_point(|binding| binding.node < id);
        let to = self.bindings.partition_point(|binding| binding.node < end);
        &self.bindings[from..to]
    }

    pub fn slice(&self, node: impl Ranged) -> &'a str {
        self.module.slice(node)
    }
}
