//! `asyncio.ensure_future(coroutine())` in async code -> `asyncio.create_task(coroutine())`.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::semantic::{NodeId, ScopeKind};

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for name in ["asyncio.ensure_future", "asyncio.tasks.ensure_future"] {
        for call in ctx.model.calls_to(name) {
            acc.push(
                call,
                "`asyncio.ensure_future` is for code that may be given a future: of a coroutine, `asyncio.create_task` makes a task",
                rewrite(ctx, call),
            );
        }
    }
}

fn rewrite(ctx: &Context, call: &ast::ExprCall) -> Result<Fix, Declined> {
    let model = ctx.model;
    let id = model.id(call);
    let [argument] = &*call.arguments.args else {
        return Err("it is not called with one positional argument".into());
    };
    if argument.is_starred_expr() || !call.arguments.keywords.is_empty() {
        return Err("it is not called with one positional argument".into());
    }
    if !model.runs_in_async(id) || is_lazy(ctx, id) {
        return Err(
            "it may be called while no event loop runs: `ensure_future` then takes the current one, `create_task` raises RuntimeError"
                .into(),
        );
    }
    let Expr::Call(coroutine) = argument else {
        return Err(not_a_coroutine(ctx, argument));
    };
    if !model.gives_coroutine(&coroutine.func) {
        return Err(not_a_coroutine(ctx, &coroutine.func));
    }
    let (name, import) = ctx.member("asyncio", "create_task", id)?;
    Ok(Fix::safe(vec![Edit::replacement(name, call.func.range())]).import(import))
}

/// In a generator expression that is not unpacked where it stands: another function may run it, at another time.
fn is_lazy(ctx: &Context, id: NodeId) -> bool {
    let model = ctx.model;
    let in_generator = matches!(model.scope(model.scope_of(id)).kind, ScopeKind::Generator);
    let generator = model
        .ancestors(id)
        .find(|(_, node)| matches!(node, AnyNodeRef::ExprGenerator(_)));
    in_generator && generator.is_none_or(|(id, _)| !matches!(model.node(model.parent(id)), AnyNodeRef::ExprStarred(_)))
}

fn not_a_coroutine(ctx: &Context, expr: &Expr) -> Declined {
    format!(
        "`{}` is not known to give a coroutine: `ensure_future` hands a future back as it is, `create_task` refuses it",
        crate::module::one_line(ctx.model.slice(expr))
    )
    .into()
}
