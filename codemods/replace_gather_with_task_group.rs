//! `await asyncio.gather(...)` -> a block under `asyncio.TaskGroup`.
//!
//! This file decides what may become a group; `members` finds the calls that run in it, `emit` writes it.

mod emit;
mod members;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::layout::own_lines;
use crate::semantic::NodeId;
use crate::semantic::flow::Guard;
use crate::semantic::purity::Purity;

use emit::Emit;
use members::Spawn;

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for name in ["asyncio.gather", "asyncio.tasks.gather"] {
        for call in ctx.model.calls_to(name) {
            acc.push(
                call,
                "`asyncio.gather` can be a TaskGroup, which leaves no call running when another one fails",
                rewrite(ctx, call),
            );
        }
    }
}

fn rewrite(ctx: &Context, call: &ast::ExprCall) -> Result<Fix, Declined> {
    let model = ctx.model;
    check_keywords(ctx, call)?;
    let AnyNodeRef::ExprAwait(awaited) = model.node(model.parent(model.id(call))) else {
        return Err("its result is not awaited where it is called".into());
    };
    let at = model.id(awaited);
    model.await_is_legal(at, ctx.settings.target)?;
    let (stmt_id, stmt) = model.statement_of(at).ok_or("it is not part of a statement")?;
    let taken = taken(ctx, stmt, awaited)?;
    let members = members::members(ctx, call, stmt)?;
    let first = members.first(stmt);
    own_lines(ctx.module, first.start(), stmt.end())?;
    if let (Taken::Apart(targets), Some(count)) = (&taken, members.count())
        && targets.len() != count
    {
        return Err("it is not unpacked into as many names as it has arguments".into());
    }

    let mut doubts = vec!["a failure arrives as an ExceptionGroup, and cancels the others".to_owned()];
    for spawn in members.spawns() {
        check_spawn(ctx, spawn, &mut doubts)?;
    }
    let mut edits = handlers(ctx, stmt_id)?;
    ctx.callers_catch_groups(at)?;
    if !edits.is_empty() {
        doubts.push("the handlers around it get groups, and several of them may run".to_owned());
    }
    let (name, import) = ctx.member("asyncio", "TaskGroup", at)?;
    let emit = Emit::new(ctx, stmt, stmt_id, &name);
    edits.extend(emit.edits(&members, &taken)?);
    doubts.dedup();
    Ok(Fix::unsafe_because(doubts.join("; "), edits).import(import))
}

/// What becomes of the results.
enum Taken<'a> {
    Nothing,
    /// `a, b = ...`: a name or attribute each; `None` for a name that says that nothing reads it.
    Apart(Vec<Option<&'a Expr>>),
    /// What stands before the list of all: `results = ` or `return `.
    Whole(&'a str),
}

fn taken<'a>(ctx: &Context<'a>, stmt: &'a Stmt, awaited: &ast::ExprAwait) -> Result<Taken<'a>, Declined> {
    let is_it = |value: &Expr| value.range() == awaited.range() && value.end() == stmt.end();
    let prefix = || {
        Ok(Taken::Whole(
            ctx.model.slice(TextRange::new(stmt.start(), awaited.start())),
        ))
    };
    match stmt {
        Stmt::Expr(stmt) if is_it(&stmt.value) => Ok(Taken::Nothing),
        Stmt::Return(ast::StmtReturn { value: Some(value), .. }) if is_it(value) => prefix(),
        Stmt::AnnAssign(ast::StmtAnnAssign { value: Some(value), .. }) if is_it(value) => prefix(),
        Stmt::Assign(assign) if is_it(&assign.value) => match assign.targets.as_slice() {
            [Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. })] => {
                let targets: Option<Vec<_>> = elts.iter().map(|target| apart(ctx, target)).collect();
                targets.map_or_else(prefix, |targets| Ok(Taken::Apart(targets)))
            }
            [_] => prefix(),
            _ => Err("its result is assigned more than once".into()),
        },
        _ => Err("its result is used inside a larger expression".into()),
    }
}

/// One of several targets. The outer `None`: it is none that a single result can be assigned to.
fn apart<'a>(ctx: &Context, target: &'a Expr) -> Option<Option<&'a Expr>> {
    match target {
        Expr::Name(name) if name.id == "_" => {
            let mut reads = ctx.model.references_named("_");
            reads.next().is_none().then_some(None)
        }
        Expr::Name(_) => Some(Some(target)),
        Expr::Attribute(attribute) if attribute.value.is_name_expr() => Some(Some(target)),
        _ => None,
    }
}

fn check_keywords(ctx: &Context, call: &ast::ExprCall) -> Result<(), Declined> {
    for keyword in &call.arguments.keywords {
        let is_plain = keyword.arg.as_deref() == Some("return_exceptions")
            && matches!(&keyword.value, Expr::BooleanLiteral(flag) if !flag.value);
        if !is_plain {
            let shown = ctx.model.slice(keyword);
            return Err(format!("it is called with `{shown}`, for which a TaskGroup has no counterpart").into());
        }
    }
    if call.arguments.args.is_empty() {
        return Err("it has no arguments".into());
    }
    let eager = ["asyncio.eager_task_factory", "asyncio.create_eager_task_factory"];
    if !ctx.model.uses_of(&eager).is_empty() {
        return Err(
            "an eager task factory starts each task where it is created, before the next argument is evaluated".into(),
        );
    }
    Ok(())
}

/// One call that becomes a task of the group.
fn check_spawn(ctx: &Context, spawn: &Spawn, doubts: &mut Vec<String>) -> Result<(), Declined> {
    let model = ctx.model;
    let waits = |node: AnyNodeRef| {
        matches!(
            node,
            AnyNodeRef::ExprAwait(_) | AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_)
        )
    };
    if model.subtree(model.id(spawn.call)).any(|(_, node)| waits(node)) {
        return Err("an argument waits for something else".into());
    }
    if let Some(function) = model.function_of(&spawn.coroutine.func)
        && cancels(ctx, function, 0)
    {
        return Err(format!(
            "`{}` cancels something: a TaskGroup goes on when one of its tasks is cancelled, gather raises",
            function.name
        )
        .into());
    }
    let arguments = spawn.coroutine.arguments.iter_source_order();
    let risky = arguments
        .map(|argument| argument.value())
        .find(|value| model.purity(value) == Purity::Effectful);
    if let Some(value) = risky {
        let shown = crate::module::one_line(model.slice(value));
        doubts.push(format!("an error of `{shown}` arrives in the group as well"));
    }
    Ok(())
}

/// Whether a function cancels a task, or itself, as far as this module tells.
fn cancels(ctx: &Context, function: &ast::StmtFunctionDef, depth: usize) -> bool {
    let model = ctx.model;
    model.subtree(model.id(function)).any(|(_, node)| match node {
        AnyNodeRef::StmtRaise(stmt) => stmt
            .exc
            .as_deref()
            .is_some_and(|raised| model.slice(raised).contains("CancelledError")),
        AnyNodeRef::ExprAttribute(attribute) => attribute.attr.as_str() == "cancel",
        AnyNodeRef::ExprCall(call) if depth < 5 => model
            .function_of(&call.func)
            .is_some_and(|inner| !std::ptr::eq(inner, function) && cancels(ctx, inner, depth + 1)),
        _ => false,
    })
}

/// What the handlers around a statement need to catch a group.
fn handlers(ctx: &Context, stmt: NodeId) -> Result<Vec<Edit>, Declined> {
    let mut edits = Vec::new();
    for guard in ctx.model.guards(stmt) {
        match guard {
            Guard::Try(outer) => edits.extend(ctx.catch_groups(outer)?),
            Guard::With(outer) => {
                for item in &outer.items {
                    let manager = ctx.model.slice(&item.context_expr);
                    if ["suppress", "raises", "Raises"]
                        .iter()
                        .any(|word| manager.contains(word))
                    {
                        let shown = crate::module::one_line(manager);
                        return Err(format!("`{shown}` would meet a group instead of the exception").into());
                    }
                }
            }
        }
    }
    Ok(edits)
}
