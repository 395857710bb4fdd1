//! What other tasks see halfway, where a wait is put into the middle of a change: one of two amounts, a container that is empty for now. And what
//! this task relies on that others may have set anew meanwhile.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::effects::MUTATORS;
use super::names::Lookup;
use super::{NodeId, SemanticModel};

/// A change that a wait would leave halfway: what is written before it, and what behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halfway<'a> {
    /// `a -= n` and then `b += n`.
    Amounts(&'a str, &'a str),
    /// `x.clear()` and then `x.update(...)`.
    Emptied(&'a str),
    /// What outlives the call is set to something of this call, and then read.
    Set(&'a str),
}

impl<'a> SemanticModel<'a> {
    /// The change of shared objects that the enclosing function makes on both sides of a node, without a wait in between.
    pub fn halfway(&self, at: NodeId) -> Option<Halfway<'a>> {
        let function = self.enclosing_function(at)?;
        let point = self.node(at).range();
        let own = || self.subtree(self.id(function));
        let before = || own().filter(|(_, node)| node.end() <= point.start());
        let behind = || own().filter(|(_, node)| node.start() >= point.end());
        let amounts = || {
            before().find_map(|(first, node)| {
                let one = self.amount(node, function)?;
                behind().find_map(|(last, node)| {
                    let other = self.amount(node, function)?;
                    let texts = (self.slice(&*one.target), self.slice(&*other.target));
                    (texts.0 != texts.1
                        && self.slice(&*one.value) == self.slice(&*other.value)
                        && self.is_atomic(at, first, last))
                    .then_some(Halfway::Amounts(texts.0, texts.1))
                })
            })
        };
        let emptied = || {
            before().find_map(|(first, node)| {
                let (container, name) = mutation(node)?;
                if name != "clear" || !self.is_shared_place(container, function) {
                    return None;
                }
                let text = self.slice(container);
                let is_filled = |node: AnyNodeRef<'a>| match node {
                    AnyNodeRef::StmtAssign(assign) => assign
                        .targets
                        .iter()
                        .any(|target| matches!(target, Expr::Subscript(item) if self.slice(&*item.value) == text)),
                    node => mutation(node).is_some_and(|(container, _)| self.slice(container) == text),
                };
                behind()
                    .any(|(last, node)| is_filled(node) && self.is_atomic(at, first, last))
                    .then_some(Halfway::Emptied(text))
            })
        };
        let set = || {
            before().find_map(|(first, node)| {
                let AnyNodeRef::StmtAssign(assign) = node else {
                    return None;
                };
                let [target @ (Expr::Name(_) | Expr::Attribute(_) | Expr::Subscript(_))] = assign.targets.as_slice()
                else {
                    return None;
                };
                let is_of_caller = self.references_in(self.id(&*assign.value)).iter().any(|reference| {
                    self.lookup(&reference.name.id, reference.scope) == Lookup::Scope(self.body_scope(function))
                });
                if !is_of_caller || !self.is_shared_place(target, function) {
                    return None;
                }
                let text = self.slice(target);
                let is_read = |node: AnyNodeRef<'a>| match node {
                    AnyNodeRef::ExprName(read) => read.ctx.is_load() && read.id.as_str() == text,
                    AnyNodeRef::ExprAttribute(read) => read.ctx.is_load() && self.slice(read) == text,
                    AnyNodeRef::ExprSubscript(read) => read.ctx.is_load() && self.slice(read) == text,
                    _ => false,
                };
                behind()
                    .any(|(last, node)| is_read(node) && self.is_atomic(at, first, last))
                    .then_some(Halfway::Set(text))
            })
        };
        amounts().or_else(emptied).or_else(set)
    }

    /// `self.total += n`, where the amount is no constant.
    fn amount(&self, node: AnyNodeRef<'a>, function: &'a ast::StmtFunctionDef) -> Option<&'a ast::StmtAugAssign> {
        let AnyNodeRef::StmtAugAssign(stmt) = node else {
            return None;
        };
        (!stmt.value.is_literal_expr() && self.is_shared_place(&stmt.target, function)).then_some(stmt)
    }
}

/// The container that a call changes, and by which method.
fn mutation(node: AnyNodeRef<'_>) -> Option<(&Expr, &str)> {
    let AnyNodeRef::ExprCall(call) = node else { return None };
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let name = method.attr.as_str();
    MUTATORS.contains(&name).then_some((&method.value, name))
}
