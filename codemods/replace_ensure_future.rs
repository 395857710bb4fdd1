//! `asyncio.ensure_future(coroutine())` in async code -> `asyncio.create_task(coroutine())`.

use crate::codemod::Context;
use crate::finding::Findings;

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for name in ["asyncio.ensure_future", "asyncio.tasks.ensure_future"] {
        for call in ctx.model.calls_to(name) {
            if let Some(result) = ctx.as_create_task(call) {
                acc.push(
                    call,
                    "`asyncio.ensure_future` is for code that may be given a future: of a coroutine, `asyncio.create_task` makes a task",
                    result,
                );
            }
        }
    }
}
