//! `async def f(..., timeout=...)`: a limit that every function implements anew, where the caller could set one for all.

use ruff_python_ast::ParameterWithDefault;
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::finding::{Declined, Findings};

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for function in ctx.model.functions().filter(|function| function.is_async) {
        let parameters = function.parameters.iter_non_variadic_params();
        if let Some(timeout) = parameters.into_iter().find(|parameter| parameter.name() == "timeout") {
            acc.push_defect(
                timeout.range(),
                format!("`{}` takes its limit as a parameter", function.name),
                Err(refusal(ctx, timeout)),
            );
        }
    }
}

/// Why a person has to change it, and to what.
fn refusal(ctx: &Context, timeout: &ParameterWithDefault) -> Declined {
    let limit = match timeout.default() {
        Some(default) if !ctx.model.is_none(default) => ctx.model.slice(default),
        _ => "...",
    };
    format!(
        "callers can limit any call by `async with asyncio.timeout({limit}):`, several calls together as well; \
         who takes the parameter away changes what other files call"
    )
    .into()
}
