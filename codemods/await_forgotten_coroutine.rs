//! A coroutine that nobody awaits, or that is used as if it were its own result -> `await`.

mod glance;

use ruff_python_ast as ast;

use crate::codemod::Context;
use crate::edit::Fix;
use crate::finding::{Declined, Findings};
use crate::misuse::{self, Misuse};
use crate::module::one_line;

pub(super) use glance::glance;

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for call in ctx.model.calls() {
        let Some(misuse) = misuse::misuse(ctx, call) else {
            continue;
        };
        if !ctx.model.gives_coroutine(&call.func) || is_sqlalchemy(ctx, call) {
            continue;
        }
        let callee = one_line(ctx.model.slice(&*call.func));
        let place = ctx.model.coroutine_elsewhere(&call.func);
        let place = place.map_or_else(String::new, |place| format!(" ({place})"));
        let message = match misuse {
            Misuse::Dropped => {
                format!("the coroutine that `{callee}`{place} gives is never awaited: nothing of it runs")
            }
            Misuse::Value(how) | Misuse::Kept { how, .. } => {
                format!("`{callee}`{place} gives a coroutine, which {how}, instead of its result")
            }
        };
        if let Some(line) = misuse::expected(ctx, call) {
            let reason = format!("what follows from the missing await is expected in line {line}");
            acc.push(call, message, Err(reason.into()));
        } else {
            acc.push_defect(call, message, rewrite(ctx, call, misuse));
        }
    }
}

/// A method of SQLAlchemy's objects: `await_session_call` knows more of it.
fn is_sqlalchemy(ctx: &Context, call: &ast::ExprCall) -> bool {
    matches!(&*call.func, ast::Expr::Attribute(method) if ctx.model.sqlalchemy_object(&method.value).is_some())
}

fn rewrite(ctx: &Context, call: &ast::ExprCall, misuse: Misuse) -> Result<Fix, Declined> {
    let model = ctx.model;
    model.await_is_legal(model.id(call), ctx.settings.target)?;
    ctx.no_thread_lock_around(model.id(call), &[])?;
    let reason = match misuse {
        Misuse::Dropped => "the call had no effect until now: with `await` it runs, takes its time, and can raise",
        Misuse::Value(_) | Misuse::Kept { .. } => {
            "the coroutine was never run until now: with `await` it runs, and its result decides what happens"
        }
    };
    Ok(Fix::unsafe_because(reason, ctx.await_edits(call)))
}
