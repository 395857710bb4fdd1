//! What a program leaves on its loop when the coroutine is done. A loop that is closed, or just dropped, forgets it; `asyncio.run` cancels the
//! tasks, closes the asynchronous generators and waits for the threads (Python library, `asyncio.Runner.close`).

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::method;
use crate::codemod::Context;
use crate::semantic::names::{Lookup, plain_name};
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId};

/// The first thing of the module that may be left, as a reason.
pub(super) fn left_behind(ctx: &Context) -> Option<String> {
    let model = ctx.model;
    let cleans = |name: &str| model.calls().any(|call| method(call, name).is_some());
    let line = |ranged: &dyn Ranged| ctx.module.location(ranged.start()).0;
    for call in model.calls() {
        let id = model.id(call);
        match plain_name(&call.func) {
            Some("create_task" | "ensure_future") if belongs_to_nobody(ctx, call) && !is_waited_for(ctx, id) => {
                return Some(format!(
                    "nothing waits for the task of line {}: `asyncio.run` cancels what is left of it, and runs how it takes that",
                    line(call)
                ));
            }
            Some("run_in_executor")
                if call.arguments.args.first().is_some_and(Expr::is_none_literal_expr)
                    && !cleans("shutdown_default_executor")
                    && !is_waited_for(ctx, id) =>
            {
                return Some(format!(
                    "nothing waits for the thread of line {}: `asyncio.run` does before it returns",
                    line(call)
                ));
            }
            Some("anext" | "__anext__" | "asend") if !cleans("shutdown_asyncgens") => {
                let object = match &*call.func {
                    Expr::Attribute(method) if method.attr.as_str() != "anext" => &*method.value,
                    _ => call.arguments.args.first()?,
                };
                if is_generator(ctx, object) {
                    return Some(half_read(line(call)));
                }
            }
            _ => {}
        }
    }
    let mut all = model.subtree(NodeId(0));
    all.find_map(|(_, node)| match node {
        AnyNodeRef::StmtFor(stmt)
            if stmt.is_async
                && leaves(&stmt.body, true)
                && is_generator(ctx, &stmt.iter)
                && !cleans("shutdown_asyncgens") =>
        {
            Some(half_read(line(stmt)))
        }
        _ => None,
    })
}

fn half_read(line: usize) -> String {
    format!("the asynchronous generator of line {line} may be left before its end: `asyncio.run` closes it")
}

/// Whether a call makes a task of the loop, and not one of a group that waits for it.
fn belongs_to_nobody(ctx: &Context, call: &ast::ExprCall) -> bool {
    let Expr::Attribute(method) = &*call.func else {
        return true;
    };
    if ctx.model.qualified_name(&call.func).is_some() {
        return true;
    }
    let is_loop = || plain_name(&method.value).is_some_and(|name| name.contains("loop"));
    matches!(&*method.value, Expr::Call(_))
        || matches!(ctx.model.type_of(&method.value), Type::Foreign(class) if class.ends_with("EventLoop"))
        || is_loop()
}

/// Whether an expression is a call of an asynchronous generator of the module, or a variable that holds one.
fn is_generator(ctx: &Context, expr: &Expr) -> bool {
    let model = ctx.model;
    match expr {
        Expr::Name(name) => {
            let mut bindings = model.resolve(&name.id, model.scope_of(model.id(name)));
            bindings.any(|binding| match binding.kind {
                BindingKind::Assignment(value) => model.async_generator_called(value).is_some(),
                _ => false,
            })
        }
        _ => model.async_generator_called(expr).is_some(),
    }
}

/// Whether statements of a loop's body leave the loop; `own`: a `break` among them is the loop's own.
fn leaves(body: &[ast::Stmt], own: bool) -> bool {
    body.iter().any(|stmt| match stmt {
        ast::Stmt::Return(_) | ast::Stmt::Raise(_) => true,
        ast::Stmt::Break(_) => own,
        ast::Stmt::FunctionDef(_) | ast::Stmt::ClassDef(_) => false,
        ast::Stmt::For(_) | ast::Stmt::While(_) => crate::semantic::place::blocks(stmt.into())
            .iter()
            .any(|block| leaves(block, false)),
        _ => crate::semantic::place::blocks(stmt.into())
            .iter()
            .any(|block| leaves(block, own)),
    })
}

/// Whether something waits for a task or future: the expression that makes it, or one that reads what it is put into.
fn is_waited_for(ctx: &Context, made: NodeId) -> bool {
    let model = ctx.model;
    if is_awaited(ctx, made) {
        return true;
    }
    let parent = model.parent(made);
    let mut holders: Vec<&Expr> = Vec::new();
    match model.node(parent) {
        // `tasks.append(create_task(...))`
        AnyNodeRef::Arguments(_) => {
            if let AnyNodeRef::ExprCall(call) = model.node(model.parent(parent))
                && let Expr::Attribute(method) = &*call.func
            {
                holders.push(&method.value);
            }
        }
        AnyNodeRef::ExprNamed(named) => holders.push(&named.target),
        _ => {}
    }
    if let Some((_, stmt)) = model.statement_of(made) {
        match stmt {
            ast::Stmt::Assign(assign) => holders.extend(&assign.targets),
            ast::Stmt::AnnAssign(assign) => holders.push(&assign.target),
            ast::Stmt::AugAssign(assign) => holders.push(&assign.target),
            _ => {}
        }
    }
    holders.into_iter().any(|holder| is_read_by_await(ctx, holder, 0))
}

fn is_read_by_await(ctx: &Context, holder: &Expr, steps: usize) -> bool {
    let model = ctx.model;
    let waits = |read: NodeId| is_awaited(ctx, read) || is_passed_into(ctx, read, steps);
    match holder {
        Expr::Name(name) => {
            let owner = model.lookup(&name.id, model.scope_of(model.id(name)));
            owner != Lookup::Builtin
                && model
                    .references_named(&name.id)
                    .filter(|read| model.lookup(&name.id, read.scope) == owner)
                    .any(|read| waits(read.node))
        }
        Expr::Attribute(attribute) => model.loads_of(&attribute.attr).any(|(id, _)| waits(id)),
        Expr::Subscript(item) => is_read_by_await(ctx, &item.value, steps),
        Expr::Tuple(tuple) => tuple.elts.iter().any(|part| is_read_by_await(ctx, part, steps)),
        _ => false,
    }
}

/// `tasks.append(task)`, where something waits for what is in `tasks`; `for task in tasks: await task`.
fn is_passed_into(ctx: &Context, read: NodeId, steps: usize) -> bool {
    let model = ctx.model;
    let parent = model.parent(read);
    if steps > 2 {
        return false;
    }
    match model.node(parent) {
        AnyNodeRef::Arguments(_) => match model.node(model.parent(parent)) {
            AnyNodeRef::ExprCall(call) => match &*call.func {
                Expr::Attribute(method) if matches!(method.attr.as_str(), "add" | "append") => {
                    is_read_by_await(ctx, &method.value, steps + 1)
                }
                _ => false,
            },
            _ => false,
        },
        AnyNodeRef::StmtFor(stmt) if model.id(&*stmt.iter) == read => is_read_by_await(ctx, &stmt.target, steps + 1),
        _ => false,
    }
}

/// Whether the value of an expression goes into an `await` that ends when it is done, or to a caller.
fn is_awaited(ctx: &Context, id: NodeId) -> bool {
    let model = ctx.model;
    for (_, node) in model.ancestors(id) {
        match node {
            AnyNodeRef::ExprAwait(awaited) => return !may_give_up(ctx, &awaited.value),
            AnyNodeRef::StmtReturn(_) | AnyNodeRef::ExprYield(_) => return true,
            AnyNodeRef::ExprLambda(_) => return false,
            node if node.is_statement() => return false,
            _ => {}
        }
    }
    false
}

/// `asyncio.wait(tasks, timeout=1)` and the like: it may end before what it waits for.
fn may_give_up(ctx: &Context, awaited: &Expr) -> bool {
    let Expr::Call(call) = awaited else { return false };
    ctx.model.qualified_name(&call.func).as_deref() == Some("asyncio.wait") && !call.arguments.keywords.is_empty()
}
