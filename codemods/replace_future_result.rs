//! `future.result()` of `concurrent.futures` in async code -> `await asyncio.wrap_future(future)`; what an executor's `map` and
//! `as_completed` give is waited for in a thread.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::semantic::place::Backend;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, ScopeId};

/// A quick look: false when the text has no executor and no future of a thread, or never asks one for its result.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    (glance::imports(text, "concurrent") || glance::mentions(text, &["run_coroutine_threadsafe"]))
        && glance::mentions(text, &[".result(", ".exception(", ".map(", "as_completed("])
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    for call in model.calls() {
        if !model.runs_in_async(model.id(call)) {
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
    if model.backend() != Backend::Asyncio || method.attr.as_str() != "result" || !call.arguments.is_empty() {
        return ctx.offload(call, None);
    }
    let (place, opening) = ctx.may_await_opened(model.id(call))?;
    let (name, import) = ctx.member("asyncio", "wrap_future", model.id(call))?;
    let prefix = ctx.await_prefix(call);
    let close = if prefix.starts_with('(') { "))" } else { ")" };
    let edits = vec![
        Edit::insertion(format!("{prefix}{name}("), call.start()),
        Edit::replacement(close, ruff_text_size::TextRange::new(method.value.end(), call.end())),
    ];
    let doubt = shared(ctx, &method.value);
    let edits = ctx.opened(&opening, edits)?;
    Ok(Fix::with_doubt(doubt.or(place), edits).import(import))
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
    let loader = ctx.off_loader(at, false)?;
    let edits = vec![
        Edit::insertion(format!("await {}{}list, ", loader.head, loader.inner), call.start()),
        Edit::insertion(loader.tail, call.end()),
    ];
    let doubt = "all results are waited for before the first is used";
    let edits = ctx.opened(&opening, edits)?;
    Ok(Fix::with_doubt(place.or(Some(doubt.to_owned())), edits).import(loader.imports))
}
