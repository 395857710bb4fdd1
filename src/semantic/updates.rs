//! Updates of what several tasks share, in several statements: `n = self.n` here, `self.n = n + 1` further down.
//!
//! As long as nothing waits in between, no task sees them halfway. An `await` in between loses the updates of other tasks. The same holds for
//! what is tested here and written further down, and for what a loop goes over.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextSize};

use super::effects::MUTATORS;
use super::names::{Lookup, plain_name};
use super::reaching::Definition;
use super::{BindingKind, NodeId, ScopeId, SemanticModel};

impl<'a> SemanticModel<'a> {
    /// The shared place that the enclosing function has read before this node and writes behind it, from what it has read. `None` where
    /// the function waits in between anyhow, or holds a lock around both.
    pub fn update_around(&self, at: NodeId) -> Option<&'a str> {
        let function = self.enclosing_function(at)?;
        let end = self.node(at).end();
        self.subtree(self.id(function)).find_map(|(id, node)| match node {
            AnyNodeRef::StmtAssign(write) if write.end() >= end => match write.targets.as_slice() {
                [target] if self.is_shared_place(target, function) && !self.restores(write, target, function) => {
                    let update = Update {
                        model: self,
                        function,
                        target,
                        at,
                    };
                    let reads = update.reads_before(&write.value, &mut BTreeSet::new());
                    let is_open = |read: &TextSize| !self.waits_between(at, *read, write.start(), id);
                    reads.iter().any(is_open).then(|| self.slice(target))
                }
                _ => None,
            },
            _ => None,
        })
    }

    /// Whether the function around `at` waits between a read and a write, `at` itself aside, or has a lock around both.
    pub(super) fn waits_between(&self, at: NodeId, read: TextSize, write: TextSize, written: NodeId) -> bool {
        let Some(function) = self.enclosing_function(at) else {
            return false;
        };
        let point = self.node(at).range();
        let scope = self.body_scope(function);
        let waits = self.subtree(self.id(function)).any(|(id, node)| {
            let is_wait = match node {
                // Where the write itself is awaited, it begins at once.
                AnyNodeRef::ExprAwait(inner) => !inner.range().contains_range(self.node(written).range()),
                AnyNodeRef::StmtFor(inner) => inner.is_async,
                AnyNodeRef::StmtWith(inner) => inner.is_async,
                _ => false,
            };
            let start = node.start();
            is_wait
                && self.scope_of(id) == scope
                && (read..write).contains(&start)
                && !point.contains_range(node.range())
                && !node.range().contains_range(point)
        });
        let is_locked = || {
            self.ancestors(at).any(|(id, node)| match node {
                AnyNodeRef::StmtWith(with) => {
                    with.is_async
                        && with.range().contains(read)
                        && self.contains(id, written)
                        && with.items.iter().any(|item| {
                            let text = self.slice(&item.context_expr).to_lowercase();
                            ["lock", "mutex", "sem"].iter().any(|word| text.contains(word))
                        })
                }
                _ => false,
            })
        };
        waits || is_locked()
    }

    /// Whether only a wait at `at` would let other tasks in between two steps of its function, and no lock keeps them out.
    pub(super) fn is_atomic(&self, at: NodeId, first: NodeId, last: NodeId) -> bool {
        !self.waits_between(at, self.node(first).end(), self.node(last).start(), last)
    }

    /// The line that may change the elements of what a name stands for while the function waits: in a nested function, in another one that has the
    /// name as well, in a task that is given the object.
    pub fn changed_meanwhile(&self, name: &ast::ExprName) -> Option<NodeId> {
        let Lookup::Scope(owner) = self.lookup(&name.id, self.scope_of(self.id(name))) else {
            return None;
        };
        let own = self
            .enclosing_function(self.id(name))
            .map(|function| self.body_scope(function));
        let is_its_own = own == Some(owner);
        let runs_meanwhile = |scope: ScopeId| match self.function_of_scope(scope) {
            Some(function) => !is_its_own || self.body_scope(function) != owner,
            None => false,
        };
        let changed = self.references_to(owner, &name.id).filter_map(|reference| {
            let is_changed = runs_meanwhile(reference.scope) && self.is_changed_by(reference.node);
            (is_changed || self.is_given_to_task(reference.node)).then_some(reference.node)
        });
        let bound = self.bindings_in(owner, &name.id).filter_map(|binding| {
            let is_updated = matches!(binding.kind, BindingKind::AugAssignment);
            (is_updated && runs_meanwhile(self.scope_of(binding.node))).then_some(binding.node)
        });
        changed.chain(bound).min()
    }

    /// What the innermost loop around a place goes over, where another task may change it once the loop waits, and it does not wait yet: a
    /// container that is not the function's own and that the module changes somewhere.
    pub fn live_iterable(&self, at: NodeId) -> Option<&'a str> {
        let iterables = self.iterables_around(at).into_iter();
        iterables.flat_map(|iterable| self.live_container(iterable)).next()
    }

    /// The containers that the innermost loop around a place goes over, if it does not wait yet.
    pub fn gone_over_around(&self, at: NodeId) -> Vec<&'a Expr> {
        let iterables = self.iterables_around(at).into_iter();
        iterables.flat_map(|iterable| self.gone_over(iterable)).collect()
    }

    fn iterables_around(&self, at: NodeId) -> Vec<&'a Expr> {
        let mut within = self
            .ancestors(at)
            .take_while(|(_, node)| !matches!(node, AnyNodeRef::StmtFunctionDef(_)));
        let is_around = |stmt: &Stmt| self.contains(self.id(stmt), at);
        let is_within = |parts: &'a [ast::Comprehension]| {
            let parts = parts
                .iter()
                .filter(|part| !part.is_async && !self.contains(self.id(&part.iter), at));
            parts.map(|part| &part.iter).collect::<Vec<_>>()
        };
        let iterables = within.find_map(|(_, node)| match node {
            AnyNodeRef::StmtFor(stmt) if !stmt.is_async && stmt.body.iter().any(is_around) => {
                let waits = stmt.body.iter().any(|stmt| self.first_wait(stmt).is_some());
                Some(if waits { Vec::new() } else { vec![&*stmt.iter] })
            }
            AnyNodeRef::ExprListComp(inner) => Some(is_within(&inner.generators)),
            AnyNodeRef::ExprSetComp(inner) => Some(is_within(&inner.generators)),
            AnyNodeRef::ExprDictComp(inner) => Some(is_within(&inner.generators)),
            _ => None,
        });
        iterables.unwrap_or_default()
    }

    /// What an iterable goes over that is not the function's own, and that the module changes somewhere.
    pub fn live_container(&self, iterable: &'a Expr) -> Option<&'a str> {
        let function = self.enclosing_function(self.id(iterable))?;
        let live = self.gone_over(iterable).into_iter().find(|container| {
            let held_by = match container {
                Expr::Name(name) => return self.changed_meanwhile(name).is_some(),
                Expr::Subscript(item) => &*item.value,
                container => container,
            };
            held_by.as_attribute_expr().is_some_and(|attribute| {
                self.is_shared_place(container, function) && self.changes_elements(&attribute.attr)
            })
        })?;
        Some(self.slice(live))
    }

    /// The containers whose elements an iterable gives one after the other: those of `d.items()`, `enumerate(xs)` and `zip(xs, ys)`.
    pub(super) fn gone_over(&self, iter: &'a Expr) -> Vec<&'a Expr> {
        let Expr::Call(call) = iter else { return vec![iter] };
        let is_lazy = ["enumerate", "filter", "map", "reversed", "zip"]
            .iter()
            .any(|name| self.is_builtin(&call.func, name));
        match &*call.func {
            _ if is_lazy => call
                .arguments
                .args
                .iter()
                .flat_map(|inner| self.gone_over(inner))
                .collect(),
            Expr::Attribute(view) if matches!(view.attr.as_str(), "items" | "keys" | "values") => vec![&*view.value],
            _ => Vec::new(),
        }
    }

    /// Whether the module adds to, or takes from, what an attribute of this name holds, or what is an element of it.
    fn changes_elements(&self, name: &str) -> bool {
        self.loads_of(name).any(|(id, _)| {
            let mut at = id;
            loop {
                if self.is_changed_by(at) {
                    return true;
                }
                match self.node(self.parent(at)) {
                    AnyNodeRef::ExprSubscript(item) if item.value.range() == self.node(at).range() => {
                        at = self.parent(at);
                    }
                    _ => return false,
                }
            }
        })
    }

    /// `x.append(...)`, `x[i] = ...`, `del x[i]`.
    fn is_changed_by(&self, reference: NodeId) -> bool {
        self.change_of(reference)
            .is_some_and(|change| self.node(change).is_expr_subscript() || self.is_callee(change))
    }

    /// The `x[i]` of `x[i] = ...` or `del x[i]` around a read of `x`, or `x.append`, whether it is called here or handed on.
    pub(super) fn change_of(&self, reference: NodeId) -> Option<NodeId> {
        let parent = self.parent(reference);
        let is_change = match self.node(parent) {
            AnyNodeRef::ExprSubscript(item) => {
                !item.ctx.is_load() && item.value.range() == self.node(reference).range()
            }
            AnyNodeRef::ExprAttribute(method) => MUTATORS.contains(&method.attr.as_str()),
            _ => false,
        };
        is_change.then_some(parent)
    }

    /// `create_task(f(x))`: an argument of a coroutine that is handed on instead of being awaited.
    fn is_given_to_task(&self, reference: NodeId) -> bool {
        let mut calls = self.ancestors(reference).filter_map(|(_, node)| match node {
            AnyNodeRef::ExprCall(call) => Some(call),
            _ => None,
        });
        calls.any(|call| {
            matches!(
                plain_name(&call.func),
                Some("create_task" | "ensure_future" | "start_soon" | "run_coroutine_threadsafe")
            )
        })
    }

    /// `self.n = old` behind `old = self.n`: what was there before is put back.
    fn restores(&self, write: &ast::StmtAssign, target: &Expr, function: &'a ast::StmtFunctionDef) -> bool {
        let Expr::Name(name) = &*write.value else { return false };
        let reads = self.reads_of_local(function, &name.id).unwrap_or_default();
        reads.get(&self.id(name)).is_some_and(|definitions| {
            definitions.iter().all(|definition| match definition {
                Definition::At(at) => matches!(self.statement_of(*at), Some((_, Stmt::Assign(assign)))
                    if self.slice(&*assign.value) == self.slice(target)),
                Definition::Entry => false,
            })
        })
    }

    /// Where an expression reads what a target names: the same text, or `d.get(k)` for `d[k]`.
    pub fn reads_of_place(&self, target: &'a Expr, value: &Expr) -> impl Iterator<Item = NodeId> + '_ {
        let place = self.slice(target);
        let item = target.as_subscript_expr();
        self.subtree(self.id(value))
            .filter(move |(_, node)| match node {
                AnyNodeRef::ExprName(_) | AnyNodeRef::ExprAttribute(_) | AnyNodeRef::ExprSubscript(_) => {
                    self.slice(*node) == place
                }
                AnyNodeRef::ExprCall(call) => item.is_some_and(|item| {
                    let first = call.arguments.args.first();
                    matches!(&*call.func, Expr::Attribute(method)
                        if matches!(method.attr.as_str(), "get" | "setdefault" | "pop")
                            && self.slice(&*method.value) == self.slice(&*item.value))
                        && first.is_some_and(|first| self.slice(first) == self.slice(&*item.slice))
                }),
                _ => false,
            })
            .map(|(id, _)| id)
    }

    /// Whether other tasks can see what a target names: a global, or a part of an object that the function has not made itself.
    pub(crate) fn is_shared_place(&self, target: &Expr, function: &'a ast::StmtFunctionDef) -> bool {
        let scope = self.body_scope(function);
        let mut root = target;
        while let Expr::Attribute(ast::ExprAttribute { value, .. })
        | Expr::Subscript(ast::ExprSubscript { value, .. }) = root
        {
            root = value;
        }
        let Expr::Name(name) = root else { return false };
        if self.lookup(&name.id, scope) != Lookup::Scope(scope) {
            return true;
        }
        !target.is_name_expr() && !self.is_bound_to_own(&name.id, scope)
    }

    /// Whether other tasks can see the attributes of an object.
    pub(super) fn is_shared_part(&self, object: &Expr, function: &'a ast::StmtFunctionDef) -> bool {
        match object {
            Expr::Name(name) => {
                let scope = self.body_scope(function);
                self.lookup(&name.id, scope) != Lookup::Scope(scope) || !self.is_bound_to_own(&name.id, scope)
            }
            object => self.is_shared_place(object, function),
        }
    }

    /// Whether a local name only ever stands for what the function has made.
    pub(super) fn is_bound_to_own(&self, name: &str, scope: ScopeId) -> bool {
        !self.is_captured(name, scope)
            && self.bindings_in(scope, name).all(|binding| match binding.kind {
                BindingKind::Assignment(value) => {
                    !matches!(value, Expr::Name(_) | Expr::Attribute(_) | Expr::Subscript(_))
                }
                _ => false,
            })
    }
}

/// A write of a shared place behind a point of its function.
struct Update<'m, 'a> {
    model: &'m SemanticModel<'a>,
    function: &'a ast::StmtFunctionDef,
    target: &'a Expr,
    at: NodeId,
}

impl<'a> Update<'_, 'a> {
    /// Where the place was read, before the point, for what an expression is made of: the ends of the statements.
    fn reads_before(&self, value: &'a Expr, seen: &mut BTreeSet<NodeId>) -> Vec<TextSize> {
        let model = self.model;
        let scope = model.body_scope(self.function);
        let mut found = Vec::new();
        for (id, node) in model.subtree(model.id(value)) {
            let AnyNodeRef::ExprName(name) = node else { continue };
            if model.lookup(&name.id, model.scope_of(id)) != Lookup::Scope(scope) {
                continue;
            }
            let reads = model.reads_of_local(self.function, &name.id).unwrap_or_default();
            for definition in reads.get(&id).into_iter().flatten() {
                let Definition::At(definition) = *definition else {
                    continue;
                };
                let Some((stmt, Stmt::Assign(assign))) = model.statement_of(definition) else {
                    continue;
                };
                if !seen.insert(stmt) {
                    continue;
                }
                let is_before = assign.end() <= model.node(self.at).start();
                if is_before && model.reads_of_place(self.target, &assign.value).next().is_some() {
                    found.push(assign.end());
                } else {
                    found.extend(self.reads_before(&assign.value, seen));
                }
            }
        }
        found
    }
}
