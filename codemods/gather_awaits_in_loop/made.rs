//! Coroutines and tasks that are made before the loop that awaits them: `coros = [f(x) for x in xs]` and `for coro in coros: ...`.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::semantic::{BindingKind, NodeId, ScopeKind};

/// A list of coroutines that one loop awaits one after the other.
pub(super) struct Made<'a> {
    /// The list, as the loop reads it.
    pub list: &'a ast::ExprName,
    /// What makes each of them.
    pub call: &'a ast::ExprCall,
}

/// What each round of a loop awaits, when that is the loop's own variable: what the loop goes over, and where that was made.
fn awaited_variable<'a>(
    ctx: &Context<'a>,
    around: NodeId,
    awaited: &ast::ExprAwait,
) -> Option<(&'a Expr, Vec<&'a Expr>)> {
    let Expr::Name(variable) = &*awaited.value else {
        return None;
    };
    let (target, iter) = match ctx.model.node(around) {
        AnyNodeRef::StmtFor(stmt) => (&*stmt.target, &*stmt.iter),
        AnyNodeRef::ExprListComp(comp) => (&comp.generators[0].target, &comp.generators[0].iter),
        AnyNodeRef::ExprSetComp(comp) => (&comp.generators[0].target, &comp.generators[0].iter),
        _ => return None,
    };
    let is_it = matches!(target, Expr::Name(name) if name.id == variable.id);
    is_it.then(|| Some((iter, elements(ctx, iter)?)))?
}

/// What makes the elements of a list: those of a display, that of a comprehension, or what is appended to an empty one.
fn elements<'a>(ctx: &Context<'a>, list: &'a Expr) -> Option<Vec<&'a Expr>> {
    let displayed = |expr: &'a Expr| match expr {
        Expr::List(list) => Some(list.elts.iter().collect()),
        Expr::Tuple(tuple) => Some(tuple.elts.iter().collect()),
        Expr::ListComp(comp) => Some(vec![&*comp.elt]),
        _ => None,
    };
    let Expr::Name(name) = list else { return displayed(list) };
    let scope = ctx.model.scope_of(ctx.model.id(name));
    let binding = ctx.model.sole_binding(&name.id, scope)?;
    let BindingKind::Assignment(value) = binding.kind else {
        return None;
    };
    let mut made: Vec<&Expr> = displayed(value)?;
    for reference in ctx.model.references_like(name) {
        let parent = ctx.model.parent(reference.node);
        if let AnyNodeRef::ExprAttribute(method) = ctx.model.node(parent)
            && method.attr.as_str() == "append"
            && let AnyNodeRef::ExprCall(call) = ctx.model.node(ctx.model.parent(parent))
        {
            made.extend(call.arguments.args.iter());
        }
    }
    Some(made)
}

/// Whether a loop awaits tasks that were all started before it: they run beside each other already.
pub(super) fn are_tasks<'a>(ctx: &Context<'a>, around: NodeId, awaited: &ast::ExprAwait) -> bool {
    let starts = |expr: &&Expr| {
        let Expr::Call(call) = expr else { return false };
        match &*call.func {
            Expr::Attribute(method) => matches!(
                method.attr.as_str(),
                "create_task" | "ensure_future" | "run_in_executor"
            ),
            Expr::Name(name) => matches!(name.id.as_str(), "create_task" | "ensure_future"),
            _ => false,
        }
    };
    // `task = create_task(...)` and `tasks.append(task)`
    let is_started = |expr: &&'a Expr| match expr {
        Expr::Name(name) => {
            let scope = ctx.model.scope_of(ctx.model.id(name));
            let mut values = ctx.model.resolve(&name.id, scope).map(|binding| match binding.kind {
                BindingKind::Assignment(value) => starts(&value),
                _ => false,
            });
            values.next().is_some_and(|first| first) && values.all(|other| other)
        }
        _ => starts(expr),
    };
    awaited_variable(ctx, around, awaited).is_some_and(|(_, made)| !made.is_empty() && made.iter().all(is_started))
        || is_called_tasks(ctx, around, awaited)
}

/// Whether a loop awaits its own variable, and goes over what is called tasks or futures.
fn is_called_tasks(ctx: &Context, around: NodeId, awaited: &ast::ExprAwait) -> bool {
    let (Expr::Name(variable), AnyNodeRef::StmtFor(stmt)) = (&*awaited.value, ctx.model.node(around)) else {
        return false;
    };
    let is_it = matches!(&*stmt.target, Expr::Name(name) if name.id == variable.id);
    let name = match &*stmt.iter {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return false,
    };
    let word = name.trim_start_matches('_').to_ascii_lowercase();
    is_it && ["tasks", "futures", "futs"].iter().any(|tasks| word.ends_with(tasks))
}

/// The coroutines that a loop awaits one after the other, when one call makes all of them and nothing else uses their list.
pub(super) fn coroutines<'a>(ctx: &Context<'a>, around: NodeId, awaited: &ast::ExprAwait) -> Option<Made<'a>> {
    let (list, made) = awaited_variable(ctx, around, awaited)?;
    let (Expr::Name(list), [Expr::Call(call)]) = (list, made.as_slice()) else {
        return None;
    };
    let scope = ctx.model.scope_of(ctx.model.id(list));
    let is_local =
        matches!(ctx.model.scope(scope).kind, ScopeKind::Function(_)) && !ctx.model.is_captured(&list.id, scope);
    let is_append = |node: NodeId| matches!(ctx.model.node(ctx.model.parent(node)), AnyNodeRef::ExprAttribute(method) if method.attr.as_str() == "append");
    let own = ctx
        .model
        .references_like(list)
        .filter(|reference| reference.name.range() != list.range());
    let is_alone = own.into_iter().all(|reference| is_append(reference.node));
    (is_local && is_alone && ctx.model.gives_coroutine(&call.func)).then_some(Made { list, call })
}
