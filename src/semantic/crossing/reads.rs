//! What tests and values rest on: the shared objects that they read, themselves or by what local names stand for.

use std::collections::BTreeSet;
use std::rc::Rc;

use ruff_python_ast::{AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextSize};

use super::super::NodeId;
use super::super::names::Lookup;
use super::super::reaching::{Definition, Reads};
use super::paths::{Path, attribute_in_quotes, environment};
use super::{Crossing, MAX_STEPS};

/// Functions that read what they are given, and give something made of it.
const READERS: &[&str] = &[
    "all",
    "any",
    "bool",
    "dict",
    "enumerate",
    "filter",
    "frozenset",
    "getattr",
    "hasattr",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "reversed",
    "set",
    "sorted",
    "sum",
    "tuple",
    "zip",
];

/// The methods that a test of an object calls.
const ASKED: &[&str] = &["__contains__", "__len__", "__bool__", "__getitem__", "__iter__"];

/// A read of a shared object.
#[derive(Clone)]
pub(super) struct Read {
    pub path: Path,
    /// Where it was over.
    pub end: TextSize,
}

impl<'a> Crossing<'_, 'a> {
    /// The shared objects that an expression reads something of, itself or by properties and methods of the same object, or functions within this
    /// one.
    pub(super) fn reads(&self, value: NodeId) -> Vec<Read> {
        let mut found = Vec::new();
        self.reads_below(value, &mut found, 0);
        found
    }

    fn reads_below(&self, root: NodeId, found: &mut Vec<Read>, steps: usize) {
        let model = self.model;
        for (id, node) in model.subtree(root) {
            let mut paths: Vec<Path> = self.read_by_own_methods(id).collect();
            if let AnyNodeRef::ExprCall(call) = node {
                paths.extend(model.paths_tested(call).into_iter().map(|path| self.file(path)));
                if model.qualified_name(&call.func).as_deref() == Some("os.getenv") {
                    paths.push(environment());
                }
                if let Some(inner) = self.inner(&call.func).filter(|_| steps < MAX_STEPS) {
                    let mut within = Vec::new();
                    self.reads_below(inner, &mut within, steps + 1);
                    paths.extend(within.into_iter().map(|read| read.path));
                }
            }
            paths.extend(self.read_by_name(id));
            let end = node.end();
            found.extend(paths.into_iter().map(|path| Read { path, end }));
        }
    }

    /// What the properties and methods of its own object read that this part of a test asks.
    fn read_by_own_methods(&self, id: NodeId) -> impl Iterator<Item = Path> + use<'_, 'a> {
        let model = self.model;
        let asked: Vec<_> = match model.node(id) {
            AnyNodeRef::ExprAttribute(attribute) => {
                let own = attribute.value.as_name_expr();
                own.and_then(|own| self.own_method(own, &attribute.attr))
                    .into_iter()
                    .collect()
            }
            AnyNodeRef::ExprName(own) if !model.node(model.parent(id)).is_expr_attribute() => {
                let asked = ASKED.iter();
                asked.filter_map(|method| self.own_method(own, method)).collect()
            }
            _ => Vec::new(),
        };
        let methods = asked.into_iter();
        methods.flat_map(|method| self.own_attributes(method, |attribute| attribute.ctx.is_load()))
    }

    /// The object that a name or an attribute leads to, where something of it is read here.
    fn read_by_name(&self, id: NodeId) -> Option<Path> {
        let model = self.model;
        let expr = match model.node(id) {
            AnyNodeRef::ExprName(name) if name.ctx.is_load() => Expr::Name(name.clone()),
            AnyNodeRef::ExprAttribute(read) if read.ctx.is_load() => Expr::Attribute(read.clone()),
            _ => return None,
        };
        let parent = model.node(model.parent(id));
        // The whole path counts, not its beginning.
        if matches!(parent, AnyNodeRef::ExprAttribute(outer) if !model.is_callee(model.id(outer))) {
            return None;
        }
        let mut path = self.path_of(&expr)?;
        if matches!(&expr, Expr::Name(name) if !self.is_read_as_value(id) && !self.is_outside(name)) {
            return None;
        }
        if let (AnyNodeRef::Arguments(arguments), AnyNodeRef::ExprCall(call)) =
            (parent, model.node(model.parent(model.parent(id))))
            && matches!(model.builtin(&call.func), Some("getattr" | "hasattr"))
        {
            path.extend(attribute_in_quotes(arguments));
        }
        Some(path)
    }

    /// Whether something is read of what a name stands for, and not the object alone handed on.
    fn is_read_as_value(&self, id: NodeId) -> bool {
        let model = self.model;
        let range = model.node(id).range();
        match model.node(model.parent(id)) {
            AnyNodeRef::ExprAttribute(_)
            | AnyNodeRef::ExprSubscript(_)
            | AnyNodeRef::ExprCompare(_)
            | AnyNodeRef::ExprUnaryOp(_)
            | AnyNodeRef::ExprBoolOp(_)
            | AnyNodeRef::StmtIf(_)
            | AnyNodeRef::StmtWhile(_) => true,
            AnyNodeRef::Comprehension(part) => part.iter.range() == range,
            AnyNodeRef::StmtFor(stmt) => stmt.iter.range() == range,
            AnyNodeRef::StmtMatch(stmt) => stmt.subject.range() == range,
            AnyNodeRef::Arguments(_) => match model.node(model.parent(model.parent(id))) {
                AnyNodeRef::ExprCall(call) => model.builtin(&call.func).is_some_and(|name| READERS.contains(&name)),
                _ => false,
            },
            _ => false,
        }
    }

    /// What was read before the wait for what the local names in an expression stand for.
    pub(super) fn origins(&self, value: NodeId) -> Vec<Read> {
        self.origins_below(value, &mut BTreeSet::new(), 0)
    }

    fn origins_below(&self, root: NodeId, seen: &mut BTreeSet<NodeId>, steps: usize) -> Vec<Read> {
        let names = self.model.subtree(root);
        let names = names.filter(|(_, node)| node.is_expr_name());
        names.flat_map(|(id, _)| self.origins_of(id, seen, steps)).collect()
    }

    fn origins_of(&self, id: NodeId, seen: &mut BTreeSet<NodeId>, steps: usize) -> Vec<Read> {
        let model = self.model;
        let mut found = Vec::new();
        let AnyNodeRef::ExprName(name) = model.node(id) else {
            return found;
        };
        if steps > MAX_STEPS || !name.ctx.is_load() || self.owner(name) != Lookup::Scope(self.scope) {
            return found;
        }
        let definitions: Vec<NodeId> = match self.definitions_of(&name.id) {
            Some(reads) => {
                let definitions = reads.get(&id).into_iter().flatten();
                let bound = definitions.filter_map(|definition| match definition {
                    Definition::At(definition) => Some(*definition),
                    Definition::Entry => None,
                });
                bound.collect()
            }
            // A function within this one sees the name as well.
            None => model
                .bindings_in(self.scope, &name.id)
                .map(|binding| binding.node)
                .collect(),
        };
        for definition in definitions {
            if !seen.insert(definition) {
                continue;
            }
            let Some(source) = self.source(definition) else {
                continue;
            };
            let is_before = source.end() <= self.point.start();
            if is_before && self.aliased(&name.id).is_none_or(is_chosen) {
                found.extend(self.reads(model.id(source)));
            }
            found.extend(self.origins_below(model.id(source), seen, steps + 1));
        }
        found
    }

    fn definitions_of(&self, name: &'a str) -> Option<Rc<Reads>> {
        if let Some(known) = self.definitions.borrow().get(name) {
            return known.clone();
        }
        let found = self.model.reads_of_local(self.function, name).map(Rc::new);
        self.definitions.borrow_mut().insert(name, found.clone());
        found
    }

    /// The expression that a definition takes its value from.
    fn source(&self, definition: NodeId) -> Option<&'a Expr> {
        let model = self.model;
        let mut around = std::iter::once((definition, model.node(definition))).chain(model.ancestors(definition));
        around.find_map(|(_, node)| match node {
            AnyNodeRef::ExprNamed(named) => Some(Some(&*named.value)),
            AnyNodeRef::StmtAssign(stmt) => Some(Some(&*stmt.value)),
            AnyNodeRef::StmtAnnAssign(stmt) => Some(stmt.value.as_deref()),
            AnyNodeRef::StmtAugAssign(stmt) => Some(Some(&*stmt.value)),
            AnyNodeRef::StmtFor(stmt) => Some(Some(&*stmt.iter)),
            AnyNodeRef::StmtMatch(stmt) => Some(Some(&*stmt.subject)),
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::StmtWith(_) | AnyNodeRef::ExceptHandlerExceptHandler(_) => {
                Some(None)
            }
            _ => None,
        })?
    }
}

/// Whether which element an alias stands for was decided by what the elements were.
fn is_chosen(value: &Expr) -> bool {
    matches!(value, Expr::Call(call) if call.func.is_name_expr())
}
