//! `future.result()` of `concurrent.futures` in async code -> `await asyncio.wrap_future(future)`; what an executor's `map` and
//! `as_completed` give is waited for in a thread.

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::layout::own_lines;
use crate::offload::OffLoader;
use crate::semantic::place::Backend;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, ScopeId};

/// A quick look: false when the text has no executor and no future of a thread, or never asks one for its result.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    (glance::imports(text, "concurrent") || glance::mentions(text, &["run_coroutine_threadsafe"]))
        && glance::mentions(text, &[".result(", ".exception(", ".map(", "as_completed(", ".submit("])
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    for call in model.calls() {
        if !model.runs_in_async(model.id(call)) {
            continue;
        }
        if let Some((stmt, name)) = left_to_the_end(ctx, call) {
            acc.push_defect(
                call,
                "the end of this `with` blocks the event loop until all the work is done that was submitted",
                shut_down(ctx, call, stmt, name),
            );
            continue;
        }
        if model.qualified_name(&call.func).as_deref() == Some("concurrent.futures.as_completed") {
            if let Some(result) = read_in_thread(ctx, call) {
                acc.push_defect(
                    call,
                    "`concurrent.futures.as_completed` blocks the event loop until the next future is done",
                    result,
                );
            }
            continue;
        }
        let Expr::Attribute(method) = &*call.func else { continue };
        let name = method.attr.as_str();
        if !matches!(name, "result" | "exception" | "map") {
            continue;
        }
        let Type::Foreign(class) = model.type_of(&method.value) else {
            continue;
        };
        match name {
            "map" if class.starts_with("concurrent.futures.") && class.ends_with("Executor") => {
                if let Some(result) = read_in_thread(ctx, call) {
                    acc.push_defect(
                        call,
                        "what `Executor.map` gives blocks the event loop until the next result is there",
                        result,
                    );
                }
            }
            "result" | "exception" if class == "concurrent.futures.Future" => acc.push_defect(
                call,
                format!("`{name}` of a thread's future blocks the event loop until the work is done"),
                wait(ctx, call, method),
            ),
            _ => {}
        }
    }
}

/// `await asyncio.wrap_future(future)`; with a limit, or for what only the future itself tells, the wait in a thread.
fn wait(ctx: &Context, call: &ast::ExprCall, method: &ast::ExprAttribute) -> Result<Fix, Declined> {
    let model = ctx.model;
    let submitted = match &*method.value {
        Expr::Call(submitted) => Some(submitted),
        _ => None,
    };
    let runs_next = submitted.is_some_and(|submitted| {
        let first = submitted.arguments.args.first();
        first.is_some_and(|function| model.is_builtin(function, "next")) && submitted.arguments.args.len() < 3
    });
    if runs_next {
        return Err("`next` may raise StopIteration, which a future of asyncio cannot hand over".into());
    }
    let cancelled = cancellation(ctx)?;
    if model.backend() != Backend::Asyncio || method.attr.as_str() != "result" || !call.arguments.is_empty() {
        return ctx.offload(call, cancelled);
    }
    let (place, opening) = ctx.may_await_opened(model.id(call))?;
    let (name, import) = ctx.member("asyncio", "wrap_future", model.id(call))?;
    let prefix = ctx.await_prefix(call);
    let close = if prefix.starts_with('(') { "))" } else { ")" };
    let edits = vec![
        Edit::insertion(format!("{prefix}{name}("), call.start()),
        Edit::replacement(close, TextRange::new(method.value.end(), call.end())),
    ];
    let doubt = shared(ctx, &method.value);
    let edits = ctx.opened(&opening, edits)?;
    Ok(Fix::with_doubt(cancelled.or(doubt).or(place), edits).import(import))
}

/// Of a future that was cancelled, `result()` raises an `Exception`, and whatever awaits it, in a thread or not, `asyncio.CancelledError`, which is
/// none and ends the task. Declined where the module handles the one, a doubt where it cancels futures.
fn cancellation(ctx: &Context) -> Result<Option<String>, Declined> {
    let model = ctx.model;
    if !model.uses_of(&["concurrent.futures.CancelledError"]).is_empty() {
        return Err(
            "the module handles `concurrent.futures.CancelledError`, and an `await` raises that of asyncio".into(),
        );
    }
    let cancels = |call: &&ast::ExprCall| {
        matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "cancel")
            || call.arguments.find_keyword("cancel_futures").is_some()
    };
    Ok(model.calls().find(cancels).map(|call| {
        let (line, _) = ctx.module.location(call.start());
        format!(
            "a future that is cancelled (line {line}) raises `asyncio.CancelledError` where it is awaited, which ends the task"
        )
    }))
}

/// A future that others may wait for: a cancelled `await` cancels it.
fn shared(ctx: &Context, future: &Expr) -> Option<String> {
    let model = ctx.model;
    let is_own = match future {
        Expr::Call(_) => true,
        Expr::Name(name) => model
            .resolve(&name.id, model.scope_of(model.id(name)))
            .all(|binding| binding.scope != ScopeId::MODULE && !matches!(binding.kind, BindingKind::Parameter(_))),
        _ => false,
    };
    (!is_own).then(|| {
        format!(
            "where this task is cancelled, `{}` is cancelled too, for which others may wait",
            model.slice(future)
        )
    })
}

/// `list(executor.map(f, xs))` -> `await asyncio.to_thread(list, executor.map(f, xs))`; where the results are used one after the other, all are
/// waited for first. `None` where it is not read here.
fn read_in_thread(ctx: &Context, call: &ast::ExprCall) -> Option<Result<Fix, Declined>> {
    let model = ctx.model;
    let parent = model.parent(model.id(call));
    match model.node(parent) {
        AnyNodeRef::Arguments(arguments) => {
            let AnyNodeRef::ExprCall(outer) = model.node(model.parent(parent)) else {
                return None;
            };
            let is = |name: &&str| model.is_builtin(&outer.func, name);
            if arguments.len() == 1 && outer.func.is_name_expr() && ctx.reads_to_the_end(outer) {
                return Some(ctx.offload(outer, None));
            }
            let reads = ctx.reads_to_the_end(outer) || ["zip", "enumerate", "any", "all", "next"].iter().any(is);
            reads.then(|| list_first(ctx, call))
        }
        AnyNodeRef::StmtFor(_) | AnyNodeRef::Comprehension(_) => Some(list_first(ctx, call)),
        _ => None,
    }
}

/// `for x in executor.map(f, xs)` -> `for x in await asyncio.to_thread(list, executor.map(f, xs))`.
fn list_first(ctx: &Context, call: &ast::ExprCall) -> Result<Fix, Declined> {
    let at = ctx.model.id(call);
    let (place, opening) = ctx.may_await_opened(at)?;
    ctx.builtins_stand(&["list"], at)?;
    let loader = ctx.off_loader(at, false)?;
    let edits = vec![
        Edit::insertion(format!("await {}{}list, ", loader.head, loader.inner), call.start()),
        Edit::insertion(loader.tail, call.end()),
    ];
    let doubt = "all results are waited for before the first is used";
    let edits = ctx.opened(&opening, edits)?;
    Ok(Fix::with_doubt(place.or(Some(doubt.to_owned())), edits).import(loader.imports))
}

/// The `with` of an executor, and its name, in which work is submitted whose futures nobody keeps: only the end of the block waits for it.
fn left_to_the_end<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<(&'a ast::StmtWith, &'a ast::ExprName)> {
    let model = ctx.model;
    let item = model.parent(model.id(call));
    let (AnyNodeRef::WithItem(item), AnyNodeRef::StmtWith(stmt)) = (model.node(item), model.node(model.parent(item)))
    else {
        return None;
    };
    let (Type::Foreign(class), Some(Expr::Name(name))) =
        (model.type_of(&item.context_expr), item.optional_vars.as_deref())
    else {
        return None;
    };
    if stmt.is_async || !class.starts_with("concurrent.futures.") || !class.ends_with("Executor") {
        return None;
    }
    let is_left = |node: AnyNodeRef| match node {
        AnyNodeRef::StmtExpr(stmt) => matches!(&*stmt.value, Expr::Call(submit)
            if matches!(&*submit.func, Expr::Attribute(method)
                if matches!(method.attr.as_str(), "submit" | "map")
                    && matches!(&*method.value, Expr::Name(executor) if executor.id == name.id))),
        _ => false,
    };
    let mut inside = model.subtree(model.id(stmt));
    inside.any(|(_, node)| is_left(node)).then_some((stmt, name))
}

/// `with Executor() as executor:` -> `executor = Executor()` and a `try` whose `finally` waits in a thread.
fn shut_down(ctx: &Context, call: &ast::ExprCall, stmt: &ast::StmtWith, name: &ast::ExprName) -> Result<Fix, Declined> {
    let (model, module) = (ctx.model, ctx.module);
    let (Some(first), Some(last), [_]) = (stmt.body.first(), stmt.body.last(), stmt.items.as_slice()) else {
        return Err("the `with` enters something else as well".into());
    };
    let id = model.id(stmt);
    let place = ctx.may_await(id)?;
    own_lines(module, stmt.start(), last.end())?;
    if !module.is_first_on_line(first.start()) {
        return Err("the block stands on the line of its `with`".into());
    }
    let loader = ctx.off_loader(id, false)?;
    let header = TextRange::new(stmt.start(), name.end());
    if !module.comments_in(header).is_empty() {
        return Err("a comment stands in the head of the `with`".into());
    }
    let tokens = module.tokens().in_range(TextRange::new(name.end(), first.start()));
    let colon = tokens.iter().find(|token| token.kind() == TokenKind::Colon);
    let colon = colon.ok_or("the `with` has no body")?.end();
    let indent = ctx.indentation(stmt);
    let unit = ctx.indent_unit(model.id(first));
    let OffLoader { head, inner, tail, .. } = &loader;
    let edits = vec![
        Edit::replacement(
            format!("{} = {}\n{indent}try:", name.id, model.slice(call)),
            TextRange::new(stmt.start(), colon),
        ),
        Edit::insertion(
            format!(
                "\n{indent}finally:\n{indent}{unit}await {head}{inner}{}.shutdown{tail}",
                name.id
            ),
            module.line_end(last.end()),
        ),
    ];
    let doubt = "a cancellation would cut the waiting short that the end of the block does";
    Ok(Fix::with_doubt(place.or(Some(doubt.to_owned())), edits).import(loader.imports))
}
