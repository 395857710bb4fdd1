//! `time.sleep(x)` in async code -> `await asyncio.sleep(x)`, or trio's or anyio's own in their modules.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Operator, UnaryOp};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::importer::Import;
use crate::semantic::BindingKind;
use crate::semantic::place::Backend;

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for call in ctx.model.calls_to("time.sleep") {
        if ctx.model.runs_in_async(ctx.model.id(call)) {
            acc.push_defect(
                call,
                "`time.sleep` blocks the event loop: every other task waits",
                rewrite(ctx, call),
            );
        }
    }
}

fn rewrite(ctx: &Context, call: &ast::ExprCall) -> Result<Fix, Declined> {
    let [delay] = &*call.arguments.args else {
        return Err("it is not called with one positional argument".into());
    };
    if delay.is_starred_expr() || !call.arguments.keywords.is_empty() {
        return Err("it is not called with one positional argument".into());
    }
    if let Some(line) = ctx.patched("time.sleep") {
        return Err(format!("`time.sleep` is patched in line {line}, and the patch would no longer be met").into());
    }
    let (doubt, opening) = ctx.may_await_opened(ctx.model.id(call))?;
    let module = match ctx.model.backend() {
        Backend::Asyncio => "asyncio",
        Backend::Trio => "trio",
        Backend::Anyio => "anyio",
        Backend::Other => return Err("the module uses an event loop library that is not known here".into()),
    };
    let (name, import) = ctx.import(Import::Module(module), ctx.model.id(call))?;
    let mut edits = ctx.await_edits(call);
    edits.push(Edit::replacement(format!("{name}.sleep"), call.func.range()));
    let doubt = doubt.or_else(|| negative_delay(ctx, call, delay));
    Ok(Fix::with_doubt(doubt, ctx.opened(&opening, edits)?).import(import))
}

/// `time.sleep` raises ValueError for a negative delay, `asyncio.sleep` returns at once.
fn negative_delay(ctx: &Context, call: &ast::ExprCall, delay: &Expr) -> Option<String> {
    let negative = may_be_negative(ctx, delay, 0) && !is_tested(ctx, call, delay);
    if negative {
        return Some(
            "the delay may be negative: `time.sleep` raises ValueError, `asyncio.sleep` returns at once".to_owned(),
        );
    }
    if delay.is_number_literal_expr() {
        return None;
    }
    let caught = ctx.model.ancestors(ctx.model.id(call)).any(|(_, node)| match node {
        AnyNodeRef::StmtTry(outer) => outer.handlers.iter().any(|ast::ExceptHandler::ExceptHandler(handler)| {
            handler.type_.as_deref().is_some_and(|type_| {
                let text = ctx.model.slice(type_);
                text.contains("ValueError") || text.contains("OverflowError")
            })
        }),
        _ => false,
    });
    caught.then(|| {
        "a handler around it may expect the ValueError that `time.sleep` raises for a negative delay".to_owned()
    })
}

/// Whether a difference or a negative number goes into the delay.
fn may_be_negative(ctx: &Context, delay: &Expr, depth: usize) -> bool {
    match delay {
        Expr::UnaryOp(unary) => unary.op == UnaryOp::USub,
        Expr::BinOp(binary) => {
            binary.op == Operator::Sub
                || may_be_negative(ctx, &binary.left, depth)
                || may_be_negative(ctx, &binary.right, depth)
        }
        Expr::If(inner) => may_be_negative(ctx, &inner.body, depth) || may_be_negative(ctx, &inner.orelse, depth),
        // `max(0, deadline - now)` is not; `min` is if any argument is.
        Expr::Call(call) if ctx.model.is_builtin(&call.func, "max") => call
            .arguments
            .args
            .iter()
            .all(|argument| may_be_negative(ctx, argument, depth)),
        Expr::Call(call) if ctx.model.is_builtin(&call.func, "min") => call
            .arguments
            .args
            .iter()
            .any(|argument| may_be_negative(ctx, argument, depth)),
        Expr::Name(name) if depth < 4 => {
            let scope = ctx.model.scope_of(ctx.model.id(name));
            ctx.model.resolve(&name.id, scope).any(|binding| match binding.kind {
                BindingKind::Assignment(value) => may_be_negative(ctx, value, depth + 1),
                _ => false,
            })
        }
        _ => false,
    }
}

/// Whether the call stands under `if delay > 0:`.
fn is_tested(ctx: &Context, call: &ast::ExprCall, delay: &Expr) -> bool {
    let delay = ctx.model.slice(delay);
    let id = ctx.model.id(call);
    ctx.model.ancestors(id).any(|(_, node)| match node {
        AnyNodeRef::StmtIf(outer) => {
            let test = ctx.model.slice(&*outer.test);
            [format!("{delay} > 0"), format!("{delay} >= 0"), format!("0 < {delay}")].contains(&test.to_owned())
                && outer.body.iter().any(|stmt| ctx.model.contains(ctx.model.id(stmt), id))
        }
        _ => false,
    })
}
