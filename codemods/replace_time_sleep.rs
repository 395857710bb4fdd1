//! `time.sleep(x)` in async code -> `await asyncio.sleep(x)`, or trio's or anyio's own in their modules.

use ruff_python_ast as ast;
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
    let doubt = doubt.or_else(|| ctx.negative_delay(call, delay));
    Ok(Fix::with_doubt(doubt, ctx.opened(&opening, edits)?).import(import))
}
