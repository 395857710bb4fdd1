//! `await asyncio.wait_for(C, t)` -> `await C` in a block under `asyncio.timeout(t)`.
//!
//! From Python 3.12 on `wait_for` is that block itself, so that only what is evaluated where can differ: `wait_for` evaluates C's
//! arguments, then the limit, and only then starts the clock. In the block the limit comes first and the clock runs during the rest.

mod layout;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::Fix;
use crate::finding::{Declined, Findings};
use crate::importer::above_comments;
use crate::knowledge::blocking::Rule;
use crate::project::summary::Edge;
use crate::semantic::NodeId;
use crate::semantic::purity::{Before, Purity};
use crate::semantic::types::{Type, TypeOracle};

use layout::Pieces;

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for name in ["asyncio.wait_for", "asyncio.tasks.wait_for"] {
        for call in ctx.model.calls_to(name) {
            acc.push(
                call,
                "`asyncio.wait_for` can be a block under `asyncio.timeout`, in which the call stands as it would without a limit",
                rewrite(ctx, call),
            );
        }
    }
}

fn rewrite(ctx: &Context, call: &ast::ExprCall) -> Result<Fix, Declined> {
    let model = ctx.model;
    let (awaitable, limit) = arguments(call)?;
    let AnyNodeRef::ExprAwait(awaited) = model.node(model.parent(model.id(call))) else {
        return Err("its result is not awaited where it is called".into());
    };
    let id = model.id(awaited);
    let before = model
        .evaluated_before(id)
        .ok_or("it stands in a comprehension, where a block would limit all rounds together")?;
    let (stmt_id, stmt) = model.statement_of(id).ok_or("it is not part of a statement")?;
    let shape = shape(ctx, stmt_id, stmt, id)?;

    let mut doubts = Vec::new();
    check_limit(ctx, limit, &mut doubts)?;
    check_awaitable(ctx, awaitable, &mut doubts)?;
    match shape {
        Shape::Whole => check_whole(ctx, &before, &mut doubts)?,
        Shape::ValueFirst(header) => {
            check_value_first(ctx, &before)?;
            doubts.extend(
                header.map(|header| format!("its value is bound to a name first, in a block before the {header}")),
            );
        }
    }
    check_version(ctx, awaitable, &mut doubts)?;
    let above = above_comments(ctx.module, ctx.module.line_start(stmt.start()));
    let comments = ctx.module.comments_in(TextRange::new(above, call.start()));
    if let Some(comment) = comments
        .iter()
        .map(|comment| ctx.module.slice(*comment))
        .find(|text| text.contains("wait_for"))
    {
        doubts.push(format!(
            "the comment `{comment}` speaks of `wait_for`, which is gone afterwards"
        ));
    }

    let (name, import) = ctx.member("asyncio", "timeout", id)?;
    let pieces = Pieces {
        ctx,
        call,
        awaited,
        awaitable,
        limit,
        stmt,
        stmt_id,
        name: &name,
    };
    let edits = match shape {
        Shape::Whole => pieces.whole(&mut doubts)?,
        Shape::ValueFirst(_) => pieces.value_first(&mut doubts)?,
    };
    doubts.dedup();
    let doubt = (!doubts.is_empty()).then(|| doubts.join("; "));
    Ok(Fix::with_doubt(doubt, edits).import(import))
}

/// What is awaited, and for how long.
fn arguments(call: &ast::ExprCall) -> Result<(&Expr, &Expr), Declined> {
    let arguments = &call.arguments;
    let unpacked = arguments.args.iter().any(Expr::is_starred_expr)
        || arguments.keywords.iter().any(|keyword| keyword.arg.is_none());
    match (
        arguments.find_argument_value("fut", 0),
        arguments.find_argument_value("timeout", 1),
    ) {
        (Some(awaitable), Some(limit)) if !unpacked && arguments.len() == 2 => Ok((awaitable, limit)),
        _ => Err("it is not called with exactly an awaitable and a limit".into()),
    }
}

/// How the statement around the call goes into the block.
#[derive(Clone, Copy)]
enum Shape {
    /// The whole statement.
    Whole,
    /// The awaited value alone, bound to a name, before this kind of statement; `None`: a simple one.
    ValueFirst(Option<&'static str>),
}

fn shape(ctx: &Context, stmt_id: NodeId, stmt: &Stmt, id: NodeId) -> Result<Shape, Declined> {
    let model = ctx.model;
    let holds = |expr: &Expr| model.contains(model.id(expr), id);
    match stmt {
        Stmt::Expr(_)
        | Stmt::Assign(_)
        | Stmt::AugAssign(_)
        | Stmt::AnnAssign(_)
        | Stmt::Return(_)
        | Stmt::Assert(_)
        | Stmt::Raise(_)
        | Stmt::Delete(_) => {
            // While a generator is suspended inside the block, the cancellation at the deadline would hit whoever runs then.
            let yields = model
                .subtree(stmt_id)
                .any(|(_, node)| matches!(node, AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_)));
            Ok(if yields {
                Shape::ValueFirst(Some("`yield`"))
            } else if is_given_to_what_blocks(ctx, id) || waits_besides(ctx, stmt_id, id) {
                Shape::ValueFirst(None)
            } else {
                Shape::Whole
            })
        }
        Stmt::If(outer) if holds(&outer.test) => Ok(Shape::ValueFirst(Some("`if`"))),
        Stmt::Match(outer) if holds(&outer.subject) => Ok(Shape::ValueFirst(Some("`match`"))),
        Stmt::For(outer) if holds(&outer.iter) => Ok(Shape::ValueFirst(Some("loop"))),
        Stmt::With(outer) if outer.items.first().is_some_and(|item| holds(&item.context_expr)) => {
            Ok(Shape::ValueFirst(Some("`with`")))
        }
        Stmt::While(_) => Err("it stands in the header of a `while`, which evaluates it in every round".into()),
        _ => Err("it stands in a header, where its value cannot be taken out before".into()),
    }
}

/// `slow(await asyncio.wait_for(...))`: no limit stops what blocks, until it is moved to a thread and awaited. It stays out of the block.
fn is_given_to_what_blocks(ctx: &Context, id: NodeId) -> bool {
    let expressions = ctx.model.ancestors(id).map(|(_, node)| node);
    let mut calls = expressions
        .take_while(|node| !node.is_statement())
        .filter_map(|node| node.expr_call());
    calls.any(|call| {
        let callee = ctx.model.slice(&*call.func);
        let stays = |rule| matches!(rule, Rule::Leave | Rule::Never | Rule::Short);
        ctx.blocking_call(call).is_some_and(|(_, row)| !stays(row.rule))
            || ctx
                .blocked()
                .iter()
                .any(|blocked| blocked.edge == Edge::Call && blocked.text == callee)
    })
}

/// Whether a statement waits for something else as well, which the limit would cover.
fn waits_besides(ctx: &Context, stmt: NodeId, id: NodeId) -> bool {
    ctx.model.subtree(stmt).any(|(other, node)| match node {
        AnyNodeRef::ExprAwait(_) => other != id,
        AnyNodeRef::Comprehension(comprehension) => comprehension.is_async,
        _ => false,
    })
}

/// The limit is evaluated before everything else in the statement, and must be positive: with none left `wait_for` cancels a coroutine
/// before its first step, `asyncio.timeout` runs it up to the first point at which it waits.
fn check_limit(ctx: &Context, limit: &Expr, doubts: &mut Vec<String>) -> Result<(), Declined> {
    let model = ctx.model;
    if model.is_none(limit) {
        return Ok(());
    }
    if let Some(number) = model.number(limit) {
        if number > 0.0 {
            return Ok(());
        }
        return Err(
            "its limit is zero or negative: `wait_for` then never starts the call, `asyncio.timeout` starts it".into(),
        );
    }
    let effect = model.subtree(model.id(limit)).any(|(_, node)| {
        matches!(
            node,
            AnyNodeRef::ExprCall(_)
                | AnyNodeRef::ExprAwait(_)
                | AnyNodeRef::ExprNamed(_)
                | AnyNodeRef::ExprYield(_)
                | AnyNodeRef::ExprYieldFrom(_)
        )
    });
    if effect {
        return Err(format!(
            "its limit `{}` is computed by a call, which would run before the awaited call is made instead of after it",
            short(ctx, limit)
        )
        .into());
    }
    if let Expr::If(choice) = limit
        && model.is_cheap(&choice.test)
    {
        check_limit(ctx, &choice.body, doubts)?;
        return check_limit(ctx, &choice.orelse, doubts);
    }
    doubts.push(format!("the timeout `{}` may be zero or negative", short(ctx, limit)));
    Ok(())
}

/// What is awaited must cost nothing to make, because the clock runs by then.
fn check_awaitable(ctx: &Context, awaitable: &Expr, doubts: &mut Vec<String>) -> Result<(), Declined> {
    match awaitable {
        Expr::Name(_) | Expr::Attribute(_) | Expr::Subscript(_) => check_part(ctx, awaitable, doubts),
        Expr::Call(call) => {
            check_parts(ctx, call, doubts)?;
            if !makes_an_awaitable(ctx, call) {
                doubts.push(format!(
                    "`{}` is not known to be a coroutine function: what it does when it is called would count against the limit",
                    short(ctx, &call.func)
                ));
            }
            Ok(())
        }
        _ => Err("what it waits for is neither a call nor a name".into()),
    }
}

/// The receiver and the arguments of a call.
fn check_parts(ctx: &Context, call: &ast::ExprCall, doubts: &mut Vec<String>) -> Result<(), Declined> {
    match &*call.func {
        Expr::Name(_) => {}
        Expr::Attribute(method) => check_part(ctx, &method.value, doubts)?,
        other => check_part(ctx, other, doubts)?,
    }
    call.arguments
        .iter_source_order()
        .try_for_each(|argument| check_part(ctx, argument.value(), doubts))
}

/// Something that is evaluated to make the awaitable.
fn check_part(ctx: &Context, part: &Expr, doubts: &mut Vec<String>) -> Result<(), Declined> {
    match ctx.model.purity(part) {
        Purity::Total | Purity::Cheap | Purity::Inert => Ok(()),
        Purity::Operator => {
            doubts.push(under_the_clock(ctx, part));
            Ok(())
        }
        Purity::Effectful => match part {
            Expr::Call(call) if makes_an_awaitable(ctx, call) => check_parts(ctx, call, doubts),
            Expr::List(ast::ExprList { elts, .. }) | Expr::Tuple(ast::ExprTuple { elts, .. }) => {
                elts.iter().try_for_each(|element| check_part(ctx, element, doubts))
            }
            _ => Err(format!(
                "its argument or receiver `{}` is computed before the clock starts, and would count against the limit in the block",
                short(ctx, part)
            )
            .into()),
        },
    }
}

fn under_the_clock(ctx: &Context, part: &Expr) -> String {
    format!(
        "`{}` would be evaluated on the clock, and may run code of a type that is not known",
        short(ctx, part)
    )
}

/// Functions of `asyncio` that are not coroutine functions and only wrap what they are given, or look something up.
const WRAPPERS: &[&str] = &[
    "asyncio.shield",
    "asyncio.gather",
    "asyncio.ensure_future",
    "asyncio.create_task",
    "asyncio.wrap_future",
    "asyncio.get_running_loop",
    "asyncio.get_event_loop",
];

/// Methods of `asyncio`'s classes that are coroutine functions, or that only hand work over.
const METHODS: &[(&str, &[&str])] = &[
    ("Queue", &["get", "put", "join"]),
    ("LifoQueue", &["get", "put", "join"]),
    ("PriorityQueue", &["get", "put", "join"]),
    ("Event", &["wait"]),
    ("Condition", &["wait", "wait_for", "acquire"]),
    ("Lock", &["acquire"]),
    ("Semaphore", &["acquire"]),
    ("BoundedSemaphore", &["acquire"]),
    ("Barrier", &["wait"]),
    ("StreamReader", &["read", "readline", "readexactly", "readuntil"]),
    ("StreamWriter", &["drain", "wait_closed"]),
    ("Server", &["wait_closed", "start_serving"]),
    ("Process", &["wait", "communicate"]),
    (
        "AbstractEventLoop",
        &[
            "run_in_executor",
            "create_task",
            "sock_recv",
            "sock_sendall",
            "sock_connect",
            "sock_accept",
            "create_connection",
            "getaddrinfo",
        ],
    ),
];

/// Coroutine functions of `httpx.AsyncClient`.
const HTTPX: &[&str] = &[
    "get", "options", "head", "post", "put", "patch", "delete", "request", "send", "aclose",
];

/// Methods whose name says what they are, whatever the class.
const TELLING: &[&str] = &["__aiter__", "__anext__", "readexactly", "readuntil", "run_in_executor"];

/// Whether a call itself does no work of its own.
fn makes_an_awaitable(ctx: &Context, call: &ast::ExprCall) -> bool {
    let model = ctx.model;
    if model.is_coroutine_function(&call.func)
        || model.is_builtin(&call.func, "anext")
        || model.is_builtin(&call.func, "aiter")
    {
        return true;
    }
    if let Some(name) = model.qualified_name(&call.func) {
        return WRAPPERS.contains(&name.as_str());
    }
    let Expr::Attribute(method) = &*call.func else {
        return false;
    };
    if TELLING.contains(&method.attr.as_str()) {
        return true;
    }
    match model.type_of(&method.value) {
        Type::Foreign(class) => {
            class.starts_with("asyncio.")
                && METHODS.iter().any(|(name, methods)| {
                    class.ends_with(&format!(".{name}")) && methods.contains(&method.attr.as_str())
                })
                || matches!(class.as_str(), "httpx.AsyncClient" | "httpx2.AsyncClient")
                    && HTTPX.contains(&method.attr.as_str())
        }
        _ => false,
    }
}

/// The whole statement goes into the block: what it evaluates first must not take time.
fn check_whole(ctx: &Context, before: &Before, doubts: &mut Vec<String>) -> Result<(), Declined> {
    let model = ctx.model;
    for expr in &before.exprs {
        match model.purity(expr) {
            Purity::Effectful => {
                return Err(format!(
                    "`{}` is evaluated before it in the same statement, and would count against the limit",
                    short(ctx, expr)
                )
                .into());
            }
            Purity::Operator => doubts.push(under_the_clock(ctx, expr)),
            _ => {}
        }
    }
    Ok(())
}

/// Only the value goes into the block: what the statement evaluates first is evaluated after the wait then, and must be the same.
fn check_value_first(ctx: &Context, before: &Before) -> Result<(), Declined> {
    if before.conditional {
        return Err("its statement does not always wait for it".into());
    }
    match before.exprs.iter().find(|expr| !ctx.model.is_stable(expr)) {
        Some(expr) => Err(format!(
            "`{}` is evaluated before it in the same statement, and may be another after the wait",
            short(ctx, expr)
        )
        .into()),
        None => Ok(()),
    }
}

/// On 3.11 `wait_for` runs a coroutine in a task of its own.
fn check_version(ctx: &Context, awaitable: &Expr, doubts: &mut Vec<String>) -> Result<(), Declined> {
    if ctx.settings.target >= PythonVersion::PY312 {
        return Ok(());
    }
    let callee = match awaitable {
        Expr::Call(call) => ctx.model.function_of(&call.func),
        _ => None,
    };
    if let Some(function) = callee {
        let effects = ctx.model.effects_of(function, ctx.settings);
        if effects.sets_context {
            return Err(format!(
                "`{}` sets a context variable, which on Python 3.11 `wait_for` keeps from the caller and `asyncio.timeout` does not",
                function.name
            )
            .into());
        }
        if effects.uses_task {
            return Err(format!(
                "`{}` asks for its current task, which on Python 3.11 is another one under `wait_for`",
                function.name
            )
            .into());
        }
    }
    doubts.push(
        "on Python 3.11 `wait_for` runs a coroutine in a task of its own: context variables, and a cancellation or result at the very deadline, can differ"
            .to_owned(),
    );
    Ok(())
}

/// The source of an expression, cut to a length that a message can hold.
fn short(ctx: &Context, expr: &Expr) -> String {
    let text = ctx.model.slice(expr).split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= 40 {
        text
    } else {
        text.chars().take(37).chain("...".chars()).collect()
    }
}
