//! `loop.create_task(c)` on the running loop -> `asyncio.create_task(c)`.

use ruff_python_ast::Expr;

use crate::codemod::{Context, Wanted};
use crate::finding::Findings;
use crate::glance;

/// The method is called on what gives the loop, or on a name that is assigned what gives it.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    let getters = ["get_running_loop", "get_event_loop"];
    let is_given_loop = |name: &[u8]| {
        std::str::from_utf8(name).is_ok_and(|name| {
            glance::words(text, name).any(|place| {
                let behind = place.behind().trim_ascii_start();
                let value = behind.strip_prefix(b":=").or(behind.strip_prefix(b"="));
                // The value may be in parentheses, on lines of its own.
                value.is_some_and(|value| glance::mentions(&value[..value.len().min(400)], &getters))
            })
        })
    };
    glance::mentions(text, &getters)
        && (glance::mentions(text, &["get_running_loop as", "get_event_loop as"])
            || glance::calls(text, "create_task").any(|call| match call.path().strip_suffix(b".create_task") {
                Some(receiver) => receiver.is_empty() || !receiver.contains(&b'.') && is_given_loop(receiver),
                None => call.before_path().trim_ascii_end().ends_with(b"."),
            }))
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for call in ctx.model.calls() {
        if matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "create_task")
            && let Some(result) = ctx.as_create_task(call)
        {
            acc.push(
                call,
                "the loop is the running one: `asyncio.create_task` makes a task in it",
                result,
            );
        }
    }
}
