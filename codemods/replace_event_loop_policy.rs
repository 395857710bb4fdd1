//! `asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())` above `asyncio.run(main())` -> `loop_factory=uvloop.new_event_loop`.

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::semantic::NodeId;
use crate::semantic::event_loop::Reached;

/// What asks the policy for a loop, or for the policy itself.
const POLICY_USERS: &[&str] = &[
    "asyncio.run",
    "asyncio.Runner",
    "asyncio.new_event_loop",
    "asyncio.get_event_loop",
    "asyncio.get_event_loop_policy",
    "asyncio.set_event_loop_policy",
];

/// The policies that are more than a way to say which loop `asyncio.run` makes, or less, are left alone.
pub(super) fn glance(text: &[u8], wanted: Wanted) -> bool {
    wanted == Wanted::Everything || glance::mentions(text, &["uvloop", "WindowsSelectorEventLoopPolicy"])
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for call in ctx.model.calls_to("asyncio.set_event_loop_policy") {
        if ctx.model.is_chosen_by_version(ctx.model.id(call)) {
            continue;
        }
        let message =
            "event loop policies are deprecated since Python 3.14 and will go: `asyncio.run` takes a `loop_factory`";
        match policy(ctx, call).as_deref() {
            Some("asyncio.WindowsSelectorEventLoopPolicy") => {
                let reason = "pass `loop_factory=asyncio.SelectorEventLoop` to `asyncio.run` on Windows, and `None` elsewhere, in place of the policy";
                acc.push_defect(call, message, Err(reason.into()));
            }
            Some("uvloop.EventLoopPolicy") => acc.push(call, message, rewrite(ctx, call)),
            _ => acc.push(call, message, Err("which loops the policy makes is not known".into())),
        }
    }
}

/// The class of which the new policy is an instance, made without arguments.
fn policy(ctx: &Context, call: &ast::ExprCall) -> Option<String> {
    match (&*call.arguments.args, &*call.arguments.keywords) {
        ([Expr::Call(made)], []) if made.arguments.is_empty() => ctx.model.qualified_name(&made.func),
        _ => None,
    }
}

fn rewrite(ctx: &Context, call: &ast::ExprCall) -> Result<Fix, Declined> {
    let model = ctx.model;
    let id = model.id(call);
    if let Some(line) = ctx
        .patched("asyncio.set_event_loop_policy")
        .or_else(|| ctx.patched("asyncio.run"))
    {
        return Err(format!("it is patched in line {line}").into());
    }
    if model.reached_once(id)? == Reached::AtImport {
        return Err("it is not under `if __name__ == \"__main__\"`: who imports the module may rely on it".into());
    }
    let (stmt_id, stmt) = model.statement_of(id).ok_or("it does not stand in a statement")?;
    if !matches!(stmt, Stmt::Expr(expr) if expr.value.range() == call.range()) {
        return Err("it is a part of another statement".into());
    }
    let run = run_below(ctx, stmt_id)?;
    alone(ctx, call, run)?;
    let (factory, import) = ctx.member("uvloop", "new_event_loop", model.id(run))?;
    let mut edits = ctx.delete_statements(&[stmt_id])?;
    edits.push(with_loop_factory(ctx, run, &factory)?);
    let reason = "other code that makes a loop, in a thread or in another module, no longer gets one of uvloop";
    Ok(Fix::unsafe_because(reason, edits).import(import))
}

/// The call of `asyncio.run` in the next statement, which may be the first one in a `try`.
fn run_below<'a>(ctx: &Context<'a>, stmt: NodeId) -> Result<&'a ast::ExprCall, Declined> {
    let model = ctx.model;
    let apart = || Declined("the next statement does not call `asyncio.run`".to_owned());
    let (block, index) = model.block_of(stmt).ok_or_else(apart)?;
    let mut next = block.get(index + 1).ok_or_else(apart)?;
    while let Stmt::Try(outer) = next {
        next = outer.body.first().ok_or_else(apart)?;
    }
    if !matches!(
        next,
        Stmt::Expr(_) | Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::Return(_) | Stmt::Raise(_)
    ) {
        return Err(apart());
    }
    let id = model.id(next);
    model
        .calls_to("asyncio.run")
        .find(|run| {
            let run = model.id(*run);
            model.contains(id, run) && model.scope_of(run) == model.scope_of(id)
        })
        .ok_or_else(apart)
}

/// Refuses a module that asks the policy in other places as well.
fn alone(ctx: &Context, set: &ast::ExprCall, run: &ast::ExprCall) -> Result<(), Declined> {
    let model = ctx.model;
    for (id, name) in model.uses_of(POLICY_USERS) {
        let own = [set, run].iter().any(|call| model.id(&*call.func) == id);
        // A running loop is given without a look at the policy.
        let is_running = name == "asyncio.get_event_loop" && model.runs_on_loop(id).is_ok();
        if !own && !is_running {
            let (line, _) = ctx.module.location(model.node(id).start());
            return Err(format!("`{name}` in line {line} has to do with the policy as well").into());
        }
    }
    Ok(())
}

/// The edit that hands the loop factory to `asyncio.run`, behind its other arguments.
fn with_loop_factory(ctx: &Context, run: &ast::ExprCall, factory: &str) -> Result<Edit, Declined> {
    let arguments = &run.arguments;
    let [main] = &*arguments.args else {
        return Err("`asyncio.run` is not called with one coroutine".into());
    };
    if main.is_starred_expr() {
        return Err("`asyncio.run` is not called with one coroutine".into());
    }
    if !arguments
        .keywords
        .iter()
        .all(|keyword| keyword.arg.as_deref() == Some("debug"))
    {
        return Err("`asyncio.run` may be given a loop factory already".into());
    }
    // Parentheses around the last argument are no part of it.
    let last = arguments.keywords.last().map_or(main.end(), Ranged::end);
    let rest = TextRange::new(last, arguments.end() - TextSize::new(1));
    let end = (ctx.module.tokens().in_range(rest).iter())
        .rfind(|token| token.kind() == TokenKind::Rpar)
        .map_or(last, Ranged::end);
    Ok(Edit::insertion(format!(", loop_factory={factory}"), end))
}
