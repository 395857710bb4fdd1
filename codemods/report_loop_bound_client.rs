//! A client at the top of a module whose connections several event loops would meet.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::Ranged;

use crate::codemod::{Context, Wanted};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::semantic::objects::Slot;
use crate::semantic::{NodeId, ScopeId};

/// What keeps connections of the loop that has opened them.
const CLIENTS: &[&str] = &[
    "httpx.AsyncClient",
    "httpx2.AsyncClient",
    "aiohttp.ClientSession",
    "redis.asyncio.Redis",
    "redis.asyncio.from_url",
    "redis.asyncio.StrictRedis",
    "pymongo.AsyncMongoClient",
];

/// A quick look: false when no such client is made at the top of the module, or no loop is run.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    glance::mentions(
        text,
        &[
            "AsyncClient(",
            "ClientSession(",
            "Redis(",
            "from_url(",
            "AsyncMongoClient(",
        ],
    ) && glance::uses_member(text, "asyncio", &["run"])
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    for (class, call) in CLIENTS
        .iter()
        .flat_map(|class| model.calls_to(class).map(move |call| (class, call)))
    {
        let object = model.object_made_by(call);
        let is_global = object
            .slots
            .iter()
            .any(|slot| matches!(slot, Slot::Name(ScopeId::MODULE, _)));
        if !is_global || model.scope_of(model.id(call)) != ScopeId::MODULE {
            continue;
        }
        let users = users_of(ctx, &object.reads);
        let mut runs: Vec<&ast::ExprCall> = model
            .calls_to("asyncio.run")
            .filter(|run| runs_one_of(ctx, run, &users))
            .collect();
        runs.sort_by_key(|run| run.start());
        let line = |run: &ast::ExprCall| ctx.module.location(run.start()).0;
        let reason = if let Some(again) = runs.iter().find(|run| model.loops(model.id(**run)).next().is_some()) {
            format!(
                "`asyncio.run` in line {} is called in a loop, and each call makes an event loop",
                line(again)
            )
        } else if let Some(second) = second_of(ctx, &runs) {
            format!(
                "`asyncio.run` in line {} is the second event loop that meets its connections",
                line(second)
            )
        } else {
            continue;
        };
        let next = "make it in the coroutine that is run, by `async with`, and hand it on";
        acc.push_defect(
            call,
            format!("the connections of a `{class}` belong to the event loop that has opened them: the next one fails with \"Event loop is closed\""),
            Err(Declined(format!("{reason}: {next}"))),
        );
    }
}

/// The functions that read an object, and those of the module that use one of these.
fn users_of<'a>(ctx: &Context<'a>, reads: &[NodeId]) -> Vec<&'a ast::StmtFunctionDef> {
    let model = ctx.model;
    let mut users: Vec<&ast::StmtFunctionDef> = Vec::new();
    let mut open: Vec<&ast::StmtFunctionDef> = reads
        .iter()
        .filter_map(|read| model.enclosing_function(*read))
        .collect();
    while let Some(function) = open.pop() {
        if users.iter().any(|known| std::ptr::eq(*known, function)) {
            continue;
        }
        users.push(function);
        let uses = model.uses_of_function(function);
        open.extend(
            uses.iter()
                .filter_map(|use_| model.enclosing_function(use_.reference))
                .filter(|user| user.is_async),
        );
    }
    users
}

fn runs_one_of(ctx: &Context, run: &ast::ExprCall, users: &[&ast::StmtFunctionDef]) -> bool {
    let Some(Expr::Call(coroutine)) = run.arguments.args.first() else {
        return false;
    };
    let function = ctx.model.function_of(&coroutine.func);
    function.is_some_and(|function| users.iter().any(|user| std::ptr::eq(*user, function)))
}

/// The second of two runs that one process comes by: of one function, and neither of them in a branch that excludes the other; or of two tests.
fn second_of<'r, 'a>(ctx: &Context<'a>, runs: &[&'r ast::ExprCall]) -> Option<&'r ast::ExprCall> {
    let model = ctx.model;
    let is_second = |first: &ast::ExprCall, second: &ast::ExprCall| {
        let function = |run: &ast::ExprCall| model.enclosing_function(model.id(run));
        match (function(first), function(second)) {
            (None, None) => !are_exclusive(ctx, first, second),
            (Some(one), Some(other)) if std::ptr::eq(one, other) => !are_exclusive(ctx, first, second),
            (Some(one), Some(other)) => one.name.starts_with("test_") && other.name.starts_with("test_"),
            _ => false,
        }
    };
    (1..runs.len()).find_map(|second| {
        let mut before = runs[..second].iter();
        before
            .any(|first| is_second(first, runs[second]))
            .then_some(runs[second])
    })
}

/// Whether the first of two calls stands in a branch of an `if` or `match` that the second is not in, and that ends the function or has another branch
/// for the second.
fn are_exclusive(ctx: &Context, first: &ast::ExprCall, second: &ast::ExprCall) -> bool {
    let model = ctx.model;
    let second = model.id(second);
    let mut inner = model.id(first);
    model.ancestors(inner).any(|(id, node)| {
        let branch = std::mem::replace(&mut inner, id);
        let body: &[Stmt] = match (node, model.node(branch)) {
            (AnyNodeRef::StmtIf(_), AnyNodeRef::ElifElseClause(clause)) => &clause.body,
            (AnyNodeRef::StmtIf(choice), _) => &choice.body,
            (AnyNodeRef::StmtMatch(_), AnyNodeRef::MatchCase(case)) => &case.body,
            _ => return false,
        };
        let is_in_branch = body.iter().any(|stmt| model.contains(model.id(stmt), second));
        let ends = matches!(
            body.last(),
            Some(Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_))
        );
        !is_in_branch && (ends || model.contains(id, second))
    })
}
