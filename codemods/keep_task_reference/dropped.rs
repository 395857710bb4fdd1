//! Which tasks nobody keeps.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::edit::Fix;
use crate::semantic::names::Lookup;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{NodeId, ScopeKind};

/// A task whose last reference goes as soon as it is made, or with the function that made it.
pub(super) struct Dropped<'a> {
    pub call: &'a ast::ExprCall,
    pub spawner: Spawner,
    pub place: Place<'a>,
}

/// What makes it.
pub(super) enum Spawner {
    CreateTask,
    /// What does the same here, and the fix that writes it as `create_task`.
    Alike(Fix),
    /// `ensure_future`, or `create_task` of a loop: they work where no loop runs, and the former takes futures.
    Other,
}

/// Where its result goes.
pub(super) enum Place<'a> {
    /// The call is a statement.
    Statement(&'a Stmt),
    /// `create_task(...).add_done_callback(...)` is.
    Callback(&'a Stmt),
    /// To a local variable that is never read, but to add callbacks.
    Assigned(&'a Stmt, &'a ast::ExprName),
    /// Into an expression that drops it: `x and create_task(...)`, a callback's `lambda`.
    Inside,
}

/// Methods that call a function and drop what it returns.
const CALLERS: &[&str] = &[
    "add_done_callback",
    "add_reader",
    "add_signal_handler",
    "add_writer",
    "call_at",
    "call_later",
    "call_soon",
    "call_soon_threadsafe",
];

pub(super) fn find<'a>(ctx: &Context<'a>) -> Vec<Dropped<'a>> {
    let calls = ctx.model.calls().filter_map(|call| {
        let spawner = spawner(ctx, call)?;
        let place = place(ctx, call)?;
        Some(Dropped { call, spawner, place })
    });
    calls.collect()
}

fn spawner(ctx: &Context, call: &ast::ExprCall) -> Option<Spawner> {
    let last = match &*call.func {
        Expr::Name(_) => None,
        Expr::Attribute(method) => match method.attr.as_str() {
            "create_task" | "ensure_future" => Some(method),
            _ => return None,
        },
        _ => return None,
    };
    let alike = || match ctx.as_create_task(call) {
        Some(Ok(fix)) => Spawner::Alike(fix),
        _ => Spawner::Other,
    };
    match ctx.model.qualified_name(&call.func).as_deref() {
        Some("asyncio.create_task" | "asyncio.tasks.create_task") => return Some(Spawner::CreateTask),
        Some("asyncio.ensure_future" | "asyncio.tasks.ensure_future") => {
            return (!is_given_back(ctx, call)).then(alike);
        }
        _ => {}
    }
    let is_loop = matches!(
        ctx.model.type_of(&last?.value),
        Type::Foreign(class) if matches!(class.as_str(), "asyncio.AbstractEventLoop" | "asyncio.events.AbstractEventLoop" | "asyncio.BaseEventLoop")
    );
    is_loop.then(alike)
}

/// Whether `ensure_future` is given what somebody else has as well: a task or future, which it gives back as it is.
fn is_given_back(ctx: &Context, call: &ast::ExprCall) -> bool {
    let model = ctx.model;
    match call.arguments.args.first() {
        Some(Expr::Attribute(_)) => true,
        Some(Expr::Name(name)) => model.references_like(name).count() > 1,
        _ => false,
    }
}

fn place<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<Place<'a>> {
    let model = ctx.model;
    let id = model.id(call);
    let parent = model.parent(id);
    let stmt = || model.statement_of(parent).map(|(_, stmt)| stmt);
    match model.node(parent) {
        AnyNodeRef::StmtExpr(_) => Some(Place::Statement(stmt()?)),
        AnyNodeRef::ExprAttribute(method) if method.attr.as_str() == "add_done_callback" => {
            is_called_statement(ctx, parent)
                .then(stmt)
                .flatten()
                .map(Place::Callback)
        }
        AnyNodeRef::StmtAssign(assign) => match &*assign.targets {
            [Expr::Name(name)] => unread(ctx, name)
                .then(stmt)
                .flatten()
                .map(|stmt| Place::Assigned(stmt, name)),
            _ => None,
        },
        AnyNodeRef::StmtAnnAssign(assign) => match &*assign.target {
            Expr::Name(name) => unread(ctx, name)
                .then(stmt)
                .flatten()
                .map(|stmt| Place::Assigned(stmt, name)),
            _ => None,
        },
        _ => is_dropped_inside(ctx, id).then_some(Place::Inside),
    }
}

/// Whether a method is called and the call is a statement.
fn is_called_statement(ctx: &Context, method: NodeId) -> bool {
    let model = ctx.model;
    let outer = model.parent(method);
    model.is_callee(method) && matches!(model.node(model.parent(outer)), AnyNodeRef::StmtExpr(_))
}

/// Whether a local variable is read for nothing but `add_done_callback`.
fn unread(ctx: &Context, name: &ast::ExprName) -> bool {
    let model = ctx.model;
    let scope = model.scope_of(model.id(name));
    let is_local = matches!(model.scope(scope).kind, ScopeKind::Function(_))
        && model.lookup(&name.id, scope) == Lookup::Scope(scope)
        // `nonlocal` gives the binding to another function.
        && model.bindings_in(scope, &name.id).any(|binding| binding.range == name.range());
    let only_called_back = |reference: NodeId| {
        let method = model.parent(reference);
        matches!(model.node(method), AnyNodeRef::ExprAttribute(outer) if outer.attr.as_str() == "add_done_callback")
            && is_called_statement(ctx, method)
    };
    is_local
        && model
            .references_to(scope, &name.id)
            .all(|reference| reference.scope == scope && only_called_back(reference.node))
}

/// Whether an expression statement, or one who calls back a `lambda`, drops the value.
fn is_dropped_inside(ctx: &Context, id: NodeId) -> bool {
    let model = ctx.model;
    let mut inner = id;
    for (outer, node) in model.ancestors(id) {
        let range = model.node(inner).range();
        let is_result = match node {
            AnyNodeRef::StmtExpr(_) => return inner != id,
            AnyNodeRef::ExprBoolOp(outer) => outer.values.last().is_some_and(|last| last.range() == range),
            AnyNodeRef::ExprIf(outer) => outer.test.range() != range,
            AnyNodeRef::ExprListComp(outer) => outer.elt.range() == range,
            AnyNodeRef::ExprSetComp(outer) => outer.elt.range() == range,
            AnyNodeRef::ExprLambda(lambda) => return lambda.body.range() == range && is_callback(ctx, outer),
            _ => false,
        };
        if !is_result {
            return false;
        }
        inner = outer;
    }
    false
}

/// Whether a `lambda` is handed to a method that drops what it returns.
fn is_callback(ctx: &Context, lambda: NodeId) -> bool {
    let model = ctx.model;
    match model.node(model.parent(model.parent(lambda))) {
        AnyNodeRef::ExprCall(call) => {
            matches!(&*call.func, Expr::Attribute(method) if CALLERS.contains(&method.attr.as_str()))
        }
        _ => false,
    }
}
