//! `asyncio.get_event_loop()` in a coroutine -> `asyncio.get_running_loop()`.

use ruff_python_ast as ast;
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for call in ctx.model.calls_to("asyncio.get_event_loop") {
        let message =
            "`asyncio.get_event_loop` gives the running loop in a coroutine, and something else outside of one";
        acc.push(call, message, rewrite(ctx, call));
    }
}

fn rewrite(ctx: &Context, call: &ast::ExprCall) -> Result<Fix, Declined> {
    let id = ctx.model.id(call);
    ctx.model.runs_on_loop(id)?;
    if !call.arguments.is_empty() {
        return Err("it takes no arguments".into());
    }
    if let Some(line) = ctx.patched("asyncio.get_event_loop") {
        return Err(format!(
            "`asyncio.get_event_loop` is patched in line {line}, and the patch would no longer be met"
        )
        .into());
    }
    let (name, import) = ctx.member("asyncio", "get_running_loop", id)?;
    Ok(Fix::safe(vec![Edit::replacement(name, call.func.range())]).import(import))
}
