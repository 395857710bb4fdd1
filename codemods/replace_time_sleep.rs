//! `time.sleep(x)` in async code -> `await asyncio.sleep(x)`, or trio's or anyio's own in their modules.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Operator, UnaryOp};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::importer::Import;
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
    let doubt = ctx.may_await(ctx.model.id(call))?;
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
    Ok(Fix::with_doubt(doubt, edits).import(import))
}

/// `time.sleep` raises ValueError for a negative delay, `asyncio.sleep` returns at once.
fn negative_delay(ctx: &Context, call: &ast::ExprCall, delay: &Expr) -> Option<String> {
    let negative = match delay {
        Expr::UnaryOp(unary) => unary.op == UnaryOp::USub,
        Expr::BinOp(binary) => binary.op == Operator::Sub,
        _ => false,
    };
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
