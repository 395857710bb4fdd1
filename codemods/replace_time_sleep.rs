//! `time.sleep(x)` in async code -> `await asyncio.sleep(x)`, or trio's or anyio's own in their modules.

use ruff_python_ast as ast;
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::importer::Import;
use crate::semantic::place::Backend;

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for call in ctx.model.calls_to("time.sleep") {
        if !ctx.model.runs_in_async(ctx.model.id(call)) {
            continue;
        }
        let message = "`time.sleep` blocks the event loop: every other task waits";
        match meant_in_test(ctx, call) {
            Some(comment) => {
                let reason = format!("it stands in a test, and the comment `{comment}` says that it blocks on purpose");
                acc.push(call, message, Err(reason.into()));
            }
            None => acc.push_defect(call, message, rewrite(ctx, call)),
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

/// The comment above a statement of a test that speaks of `time.sleep`, or of blocking: what is tested may be just that.
fn meant_in_test<'a>(ctx: &Context<'a>, call: &ast::ExprCall) -> Option<&'a str> {
    let model = ctx.model;
    let function = model.enclosing_function(model.id(call))?;
    let (_, stmt) = model.statement_of(model.id(call))?;
    let above = TextRange::new(function.start(), stmt.start());
    let comments = ctx.module.comments_in(above).iter().rev();
    let mut at = ctx.module.line_start(stmt.start());
    comments
        .map_while(|comment| {
            let is_next =
                ctx.module.is_first_on_line(comment.start()) && ctx.module.line_end_with_newline(comment.end()) == at;
            at = ctx.module.line_start(comment.start());
            is_next.then(|| ctx.module.slice(*comment))
        })
        .find(|text| function.name.starts_with("test") && (text.contains("time.sleep") || text.contains("block")))
}
