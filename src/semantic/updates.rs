//! Updates of what several tasks share, in several statements: `n = self.n` here, `self.n = n + 1` further down.
//!
//! As long as nothing waits in between, no task sees them halfway. An `await` in between loses the updates of other tasks.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextSize};

use super::names::Lookup;
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
                    let is_open = |read: &TextSize| !update.waits_between(*read, write.start(), id);
                    reads.iter().any(is_open).then(|| self.slice(target))
                }
                _ => None,
            },
            _ => None,
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
    fn is_shared_place(&self, target: &Expr, function: &'a ast::StmtFunctionDef) -> bool {
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

    /// Whether a local name only ever stands for what the function has made.
    fn is_bound_to_own(&self, name: &str, scope: ScopeId) -> bool {
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

    /// Whether the function waits between a read and the write, the point itself aside, or has a lock around both.
    fn waits_between(&self, read: TextSize, write: TextSize, written: NodeId) -> bool {
        let model = self.model;
        let point = model.node(self.at).range();
        let scope = model.body_scope(self.function);
        let waits = model.subtree(model.id(self.function)).any(|(id, node)| {
            let is_wait = match node {
                AnyNodeRef::ExprAwait(_) => true,
                AnyNodeRef::StmtFor(inner) => inner.is_async,
                AnyNodeRef::StmtWith(inner) => inner.is_async,
                _ => false,
            };
            let start = node.start();
            is_wait
                && model.scope_of(id) == scope
                && (read..write).contains(&start)
                && !point.contains_range(node.range())
                && !node.range().contains_range(point)
        });
        let is_locked = || {
            model.ancestors(self.at).any(|(id, node)| match node {
                AnyNodeRef::StmtWith(with) => {
                    with.is_async
                        && with.range().contains(read)
                        && model.contains(id, written)
                        && with.items.iter().any(|item| {
                            let text = model.slice(&item.context_expr).to_lowercase();
                            ["lock", "mutex", "sem"].iter().any(|word| text.contains(word))
                        })
                }
                _ => false,
            })
        };
        waits || is_locked()
    }
}
