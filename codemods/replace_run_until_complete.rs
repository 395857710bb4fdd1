//! `loop.run_until_complete(main())` in a program -> `asyncio.run(main())`, without what made, set and closed the loop.

mod argument;
mod current;
mod left;
mod removal;

use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use argument::{Argument, argument, in_coroutine};
use current::{current_loop, foreign_objects};
use left::left_behind;
use removal::removal;

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::semantic::event_loop::Reached;
use crate::semantic::{BindingKind, NodeId};

/// What gives the loop that a program runs.
const MAKERS: &[&str] = &["asyncio.get_event_loop", "asyncio.new_event_loop"];

/// Coroutines of a loop that `asyncio.run` runs by itself.
const CLEANUPS: &[&str] = &["shutdown_asyncgens", "shutdown_default_executor"];

/// What decides which loop is made, or runs one.
const OTHER_RUNS: &[&str] = &[
    "asyncio.run",
    "asyncio.Runner",
    "asyncio.set_event_loop_policy",
    "nest_asyncio.apply",
    "uvloop.install",
    "uvloop.run",
    "anyio.run",
];

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let calls: Vec<&ast::ExprCall> = ctx
        .model
        .calls()
        .filter(|call| is_run(call) && !is_cleanup(call))
        .collect();
    for call in &calls {
        let message = "`asyncio.run` makes a loop, runs it and closes it, whatever happens";
        acc.push(*call, message, rewrite(ctx, call, &calls));
    }
}

fn method<'e>(call: &'e ast::ExprCall, name: &str) -> Option<&'e ast::ExprAttribute> {
    match &*call.func {
        Expr::Attribute(attribute) if attribute.attr.as_str() == name => Some(attribute),
        _ => None,
    }
}

fn is_run(call: &ast::ExprCall) -> bool {
    method(call, "run_until_complete").is_some()
}

/// `loop.run_until_complete(loop.shutdown_asyncgens())`.
fn is_cleanup(call: &ast::ExprCall) -> bool {
    match call.arguments.args.first() {
        Some(Expr::Call(inner)) => is_run(call) && CLEANUPS.iter().any(|name| method(inner, name).is_some()),
        _ => false,
    }
}

fn rewrite(ctx: &Context, call: &ast::ExprCall, runs: &[&ast::ExprCall]) -> Result<Fix, Declined> {
    let model = ctx.model;
    let id = model.id(call);
    let line = |ranged: TextRange| ctx.module.location(ranged.start()).0;
    if let Some(other) = runs.iter().find(|other| other.range() != call.range()) {
        return Err(format!(
            "the loop runs in line {} as well: `asyncio.run` would cancel what the first run leaves for the second",
            line(other.range())
        )
        .into());
    }
    let reached = model.reached_once(id)?;
    alone(ctx)?;
    let receiver = &method(call, "run_until_complete").ok_or("it is not a method")?.value;
    let removed = loop_statements(ctx, call, receiver)?;
    let mut doubt = (reached == Reached::AtImport).then(|| {
        "it is not under `if __name__ == \"__main__\"`: a program that imports the module is left without a current loop".to_owned()
    });
    doubt = current_loop(ctx, &removed)?.or(doubt);
    let (name, import) = ctx.member("asyncio", "run", id)?;
    let func = Edit::replacement(name.clone(), call.func.range());
    let mut edits = match argument(ctx, call)? {
        Argument::Coroutine => vec![func],
        Argument::Unknown(text) => {
            doubt = doubt.or_else(|| {
                Some(format!(
                    "`{text}` is not known to give a coroutine, and `asyncio.run` takes nothing else before Python 3.14"
                ))
            });
            vec![func]
        }
        Argument::Gather(gather) => {
            doubt =
                doubt.or_else(|| Some("what is run needs a coroutine of its own, a task more than before".to_owned()));
            in_coroutine(ctx, call, gather, &name)?
        }
    };
    if doubt.is_none() {
        doubt = foreign_objects(ctx, call)
            .or_else(|| left_behind(ctx))
            .or_else(|| unseen(ctx, call));
    }
    edits.extend(removal(ctx, &removed)?);
    edits.sort_by_key(|edit| (edit.start(), edit.end()));
    Ok(Fix::with_doubt(doubt, edits).import(import))
}

/// What a coroutine of another file leaves on its loop is not seen here.
fn unseen(ctx: &Context, call: &ast::ExprCall) -> Option<String> {
    let Expr::Call(made) = call.arguments.args.first()? else {
        return None;
    };
    let place = ctx.model.coroutine_elsewhere(&made.func)?;
    let name = ctx.model.slice(&*made.func);
    Some(format!(
        "tasks that `{name}` ({place}) leaves behind are cancelled by `asyncio.run`"
    ))
}

/// Refuses a module that runs loops in other ways, or says which loops are made.
fn alone(ctx: &Context) -> Result<(), Declined> {
    for call in ctx.model.calls() {
        let line = || ctx.module.location(call.start()).0;
        if method(call, "run_forever").is_some() {
            return Err(format!("a loop also runs forever, in line {}", line()).into());
        }
        if let Some(name) = ctx.model.qualified_name(&call.func)
            && OTHER_RUNS.contains(&name.as_str())
        {
            return Err(format!("`{name}` in line {} has a say in how loops are made and run", line()).into());
        }
    }
    Ok(())
}

/// The statements that make, set, clean up and close the loop: all uses that it has.
fn loop_statements(ctx: &Context, run: &ast::ExprCall, receiver: &Expr) -> Result<Vec<NodeId>, Declined> {
    let model = ctx.model;
    let is_maker = |expr: &Expr| match expr {
        Expr::Call(call) => {
            call.arguments.is_empty()
                && model
                    .qualified_name(&call.func)
                    .is_some_and(|name| MAKERS.contains(&name.as_str()))
        }
        _ => false,
    };
    let Expr::Name(name) = receiver else {
        return if is_maker(receiver) {
            Ok(Vec::new())
        } else {
            Err("the loop comes from elsewhere, where more may be done with it".into())
        };
    };
    let scope = model.scope_of(model.id(name));
    let binding = model
        .sole_binding(&name.id, scope)
        .filter(|binding| matches!(binding.kind, BindingKind::Assignment(value) if is_maker(value)))
        .ok_or("the loop comes from elsewhere, where more may be done with it")?;
    let (maker, stmt) = model
        .statement_of(binding.node)
        .ok_or("the loop is not bound by a statement")?;
    if !matches!(stmt, Stmt::Assign(assign) if assign.targets.len() == 1) {
        return Err("the loop is bound to other names as well".into());
    }
    let mut removed = vec![maker];
    for reference in model.references_to(binding.scope, &name.id) {
        if model.contains(model.id(run), reference.node) && model.contains(model.id(&*run.func), reference.node) {
            continue;
        }
        let used = model
            .statement_of(reference.node)
            .filter(|(_, stmt)| reference.scope == scope && is_disposal(ctx, stmt, &name.id));
        let Some((stmt, _)) = used else {
            let (line, _) = ctx.module.location(model.node(reference.node).start());
            return Err(
                format!("the loop is also used in line {line}, for something that `asyncio.run` does not do").into(),
            );
        };
        removed.push(stmt);
    }
    // `set_event_loop(None)` is what `asyncio.run` ends with.
    for call in model.calls_to("asyncio.set_event_loop") {
        let unsets = call.arguments.args.first().is_some_and(Expr::is_none_literal_expr);
        if let Some((stmt, Stmt::Expr(expr))) = model.statement_of(model.id(call))
            && unsets
            && expr.value.range() == call.range()
            && model.scope_of(stmt) == scope
        {
            removed.push(stmt);
        }
    }
    removed.sort();
    removed.dedup();
    Ok(removed)
}

/// `loop.close()`, `asyncio.set_event_loop(loop)`, `loop.run_until_complete(loop.shutdown_asyncgens())` as statements.
fn is_disposal(ctx: &Context, stmt: &Stmt, name: &str) -> bool {
    let Stmt::Expr(stmt) = stmt else { return false };
    let Expr::Call(call) = &*stmt.value else { return false };
    let is_loop = |expr: &Expr| matches!(expr, Expr::Name(found) if found.id.as_str() == name);
    let is_set = ctx.model.qualified_name(&call.func).as_deref() == Some("asyncio.set_event_loop")
        && matches!(&*call.arguments.args, [argument] if is_loop(argument));
    let is_closed = method(call, "close").is_some_and(|method| is_loop(&method.value)) && call.arguments.is_empty();
    is_set || is_closed || is_cleanup(call)
}
