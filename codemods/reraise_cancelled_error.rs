//! A handler around an `await` that swallows the cancellation: reported, or given `except asyncio.CancelledError: raise` above it.

use memchr::{memchr, memmem, memrchr_iter};
use ruff_python_ast::{self as ast, AnyNodeRef, ExceptHandler, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::semantic::names::plain_name;
use crate::semantic::place::Backend;
use crate::semantic::{NodeId, ScopeId};

/// What a handler that swallows a cancellation names, if anything.
const NAMES: &[&str] = &["CancelledError", "BaseException"];

pub(super) fn glance(text: &[u8], wanted: Wanted) -> bool {
    if memmem::find(text, b"suppress(").is_some() && glance::mentions(text, NAMES) {
        return true;
    }
    let other_names = other_names(text);
    memmem::find_iter(text, b"except").any(|at| {
        let start = glance::line_start(text, at);
        let rest = &text[at + b"except".len()..];
        let line = &rest[..memchr(b'\n', rest).unwrap_or(rest.len())];
        let code = line.trim_ascii();
        let header = &code[..memchr(b'#', code).unwrap_or(code.len())].trim_ascii_end();
        let types = &header[..memmem::find(header, b" as ").unwrap_or(header.len())];
        let goes_on = memchr(b':', header).is_none() && (memchr(b'(', header).is_some() || header.ends_with(b"\\"));
        let catches = code.starts_with(b":")
            || NAMES.iter().any(|name| memmem::find(code, name.as_bytes()).is_some())
            || glance::words_in(types).any(|word| other_names.contains(&word))
            || goes_on;
        let is_header = text[start..at].iter().all(|byte| matches!(byte, b' ' | b'\t' | 0x0c));
        let body = glance::block_below(text, start);
        // Strings and headers of several lines are not read.
        let is_plain = code.ends_with(b":") && !glance::mentions(body, glance::TRIPLE_QUOTES);
        let raises = || {
            let mut lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
            match wanted {
                // A handler that raises somewhere tells what it catches apart.
                Wanted::NothingDeclined => lines.any(|line| line.starts_with(b"raise")),
                Wanted::Everything => lines.next() == Some(b"raise"),
            }
        };
        is_header
            && catches
            && !(is_plain && raises())
            && glance::body_of_handled(text, start).is_none_or(|body| memmem::find(body, b"await").is_some())
    })
}

/// Names that may stand for a class of [`NAMES`] or a tuple with it: what it is imported as, and what is assigned where it is mentioned.
fn other_names(text: &[u8]) -> Vec<&[u8]> {
    let mut names = Vec::new();
    for place in NAMES.iter().flat_map(|name| glance::words(text, name)) {
        if let Some(name) = place.behind().trim_ascii_start().strip_prefix(b"as ") {
            names.push(glance::first_word(name.trim_ascii_start()));
        }
        let is_code = |at: &usize| memchr(b'#', &text[glance::line_start(text, *at)..*at]).is_none();
        if let Some(at) = memrchr_iter(b'=', &text[..place.start()]).find(is_code) {
            // `NAME = (`, or `NAME: type = (`
            names.push(glance::last_word(text[..at].trim_ascii_end()));
            names.push(glance::first_word(
                text[glance::line_start(text, at)..at].trim_ascii_start(),
            ));
        }
    }
    names
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    if model.backend() != Backend::Asyncio {
        return;
    }
    let mut seen = Vec::new();
    for awaited in model.awaits() {
        let mut inner = model.id(awaited);
        for (id, node) in model.ancestors(inner) {
            match node {
                AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) => break,
                AnyNodeRef::StmtTry(outer)
                    if !seen.contains(&id)
                        && !outer.is_star
                        && outer.body.iter().any(|stmt| model.contains(model.id(stmt), inner)) =>
                {
                    seen.push(id);
                    check(ctx, outer, acc);
                }
                AnyNodeRef::StmtWith(outer)
                    if !seen.contains(&id)
                        && !outer.is_async
                        && outer.body.iter().any(|stmt| model.contains(model.id(stmt), inner)) =>
                {
                    seen.push(id);
                    check_suppress(ctx, outer, acc);
                }
                _ => {}
            }
            inner = id;
        }
    }
}

/// Which cancellations a handler catches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Catches {
    /// Everything: no type, or `BaseException`.
    All,
    /// `CancelledError` by its name.
    Named,
}

/// The handler that a cancellation in the `try` meets first, if it does not raise.
fn check(ctx: &Context, outer: &ast::StmtTry, acc: &mut Findings) {
    let first = outer.handlers.iter().find_map(|ExceptHandler::ExceptHandler(handler)| {
        catches(ctx, handler.type_.as_deref()).map(|catches| (handler, catches))
    });
    let Some((handler, catches)) = first else { return };
    if leaves_by_raise(ctx, handler) {
        return;
    }
    let end = handler
        .type_
        .as_deref()
        .map_or_else(|| handler.start() + ruff_text_size::TextSize::of("except"), Ranged::end);
    let at = TextRange::new(handler.start(), end);
    let message = "the handler swallows the cancellation that can arrive at the await: the task goes on, and timeouts and task groups around it are not told";
    match intended(ctx, outer, handler, catches) {
        Some(reason) => acc.push(at, message, Err(reason.into())),
        None => acc.push_defect(at, message, rewrite(ctx, outer, handler, catches)),
    }
}

/// `with contextlib.suppress(asyncio.CancelledError):`
fn check_suppress(ctx: &Context, outer: &ast::StmtWith, acc: &mut Findings) {
    let model = ctx.model;
    let id = model.id(outer);
    let suppresses = |item: &&ast::WithItem| match &item.context_expr {
        Expr::Call(call) => {
            model.qualified_name(&call.func).as_deref() == Some("contextlib.suppress")
                && call
                    .arguments
                    .args
                    .iter()
                    .any(|class| catches(ctx, Some(class)).is_some())
        }
        _ => false,
    };
    let Some(item) = outer.items.iter().find(suppresses) else {
        return;
    };
    let is_loop = model.loops(id).next().is_some();
    let reason = if let Some(task) = cancelled_in(ctx, &outer.body) {
        format!(
            "`{task}` is cancelled and then awaited: a cancellation of the task that waits is swallowed too; `await asyncio.wait([{task}])` raises only the latter"
        )
    } else if is_loop {
        "the loop around it goes on: take `CancelledError` out of it, or end the loop behind it".to_owned()
    } else {
        // What ends with it was asked to.
        return;
    };
    let message = "`suppress` swallows the cancellation that can arrive at the await: the task goes on, and timeouts and task groups around it are not told";
    acc.push_defect(item, message, Err(reason.into()));
}

fn catches(ctx: &Context, type_: Option<&Expr>) -> Option<Catches> {
    let Some(type_) = type_ else {
        return Some(Catches::All);
    };
    // `IGNORED = (asyncio.CancelledError, OSError)`
    match ctx.model.sole_value(type_).unwrap_or(type_) {
        Expr::Tuple(types) => types.elts.iter().find_map(|type_| class_catches(ctx, type_)),
        type_ => class_catches(ctx, type_),
    }
}

fn class_catches(ctx: &Context, class: &Expr) -> Option<Catches> {
    if ctx.model.is_builtin(class, "BaseException") {
        return Some(Catches::All);
    }
    match ctx.model.qualified_name(class)?.as_str() {
        "asyncio.CancelledError" | "asyncio.exceptions.CancelledError" => Some(Catches::Named),
        _ => None,
    }
}

/// Whether a handler raises, or ends the process, on every way out of it.
fn leaves_by_raise(ctx: &Context, handler: &ast::ExceptHandlerExceptHandler) -> bool {
    let id = ctx.model.id(handler);
    let scope = ctx.model.scope_of(id);
    let jumps = ctx.model.subtree(id).any(|(inner, node)| {
        matches!(
            node,
            AnyNodeRef::StmtReturn(_) | AnyNodeRef::StmtBreak(_) | AnyNodeRef::StmtContinue(_)
        ) && ctx.model.scope_of(inner) == scope
    });
    !jumps && block_raises(ctx, &handler.body)
}

fn block_raises(ctx: &Context, body: &[Stmt]) -> bool {
    match body.last() {
        Some(Stmt::Raise(_)) => true,
        Some(Stmt::If(inner)) => {
            let has_else = inner
                .elif_else_clauses
                .last()
                .is_some_and(|clause| clause.test.is_none());
            has_else
                && block_raises(ctx, &inner.body)
                && inner
                    .elif_else_clauses
                    .iter()
                    .all(|clause| block_raises(ctx, &clause.body))
        }
        Some(Stmt::With(inner)) => block_raises(ctx, &inner.body),
        Some(Stmt::Try(inner)) => {
            block_raises(ctx, &inner.finalbody)
                || block_raises(ctx, &inner.body)
                    && inner
                        .handlers
                        .iter()
                        .all(|ExceptHandler::ExceptHandler(handler)| block_raises(ctx, &handler.body))
        }
        Some(Stmt::Expr(expr)) => match &*expr.value {
            Expr::Call(call) => ctx
                .model
                .qualified_name(&call.func)
                .is_some_and(|name| matches!(name.as_str(), "sys.exit" | "os._exit" | "os.abort" | "pytest.fail")),
            _ => false,
        },
        _ => false,
    }
}

/// Why the handler is no defect, although it does not raise.
fn intended(
    ctx: &Context,
    outer: &ast::StmtTry,
    handler: &ast::ExceptHandlerExceptHandler,
    catches: Catches,
) -> Option<String> {
    let model = ctx.model;
    let id = model.id(handler);
    let lines = TextRange::new(handler.start(), ctx.module.line_end(handler.end()));
    let mut comments = ctx
        .module
        .comments_in(lines)
        .iter()
        .map(|comment| ctx.module.slice(*comment));
    if let Some(comment) = comments.find(|text| text.to_lowercase().contains("cancel")) {
        return Some(format!("the comment `{comment}` says that it is on purpose"));
    }
    let decides = model.subtree(id).any(|(_, node)| match node {
        AnyNodeRef::StmtRaise(_) => true,
        AnyNodeRef::ExprAttribute(attribute) => {
            matches!(
                attribute.attr.as_str(),
                "cancelled" | "cancelling" | "uncancel" | "set_exception"
            )
        }
        AnyNodeRef::ExprName(name) => {
            handler.name.as_ref().is_some_and(|bound| bound.id == name.id) && keeps(ctx, name)
        }
        _ => false,
    });
    if decides {
        return Some("the handler tells cancellations apart, or hands the exception on".to_owned());
    }
    let function = model.enclosing_function(id)?;
    if is_put_off(ctx, outer, handler, function) {
        return Some("the cancellation is put off: it is raised when the work is done".to_owned());
    }
    if function.name.starts_with("test") {
        return Some("it stands in a test, which nobody cancels".to_owned());
    }
    if catches == Catches::All && cleans_up(ctx, outer, function) {
        return Some("it is part of a clean-up, the rest of which must happen too".to_owned());
    }
    let is_loop = model.loops(id).next().is_some();
    let ends = match handler.body.last() {
        Some(Stmt::Return(_) | Stmt::Break(_)) => true,
        _ => {
            !is_loop
                && outer.finalbody.is_empty()
                && model.block_of(model.id(outer)).is_some_and(|(block, index)| {
                    index + 1 == block.len() && model.scope_of(model.id(outer)) != ScopeId::MODULE
                })
        }
    };
    let uses = model.uses_of_function(function);
    let is_argument_of = |reference: NodeId, callees: &[&str]| {
        let call = model.parent(reference);
        let outer = model.parent(model.parent(call));
        matches!(model.node(call), AnyNodeRef::ExprCall(_))
            && matches!(model.node(outer), AnyNodeRef::ExprCall(spawn) if model
                .slice(&*spawn.func)
                .rsplit('.')
                .next()
                .is_some_and(|last| callees.contains(&last)))
    };
    let only = |callees: &[&str]| !uses.is_empty() && uses.iter().all(|use_| is_argument_of(use_.reference, callees));
    if ends && only(&["run"]) {
        return Some("the program ends with it".to_owned());
    }
    let is_awaited = uses.iter().any(|use_| use_.awaited.is_some());
    (ends && catches == Catches::Named && !is_awaited && cancelled_before(ctx, outer).is_none())
        .then(|| "it ends the task, as it was asked to".to_owned())
}

/// Whether a cancellation that a handler catches is raised later: a flag that it sets is tested behind it, what runs is a handler of a cancellation
/// that raises at its end, or the `try` waits in a loop until a shielded task is done.
fn is_put_off(
    ctx: &Context,
    outer: &ast::StmtTry,
    handler: &ast::ExceptHandlerExceptHandler,
    function: &ast::StmtFunctionDef,
) -> bool {
    let model = ctx.model;
    let id = model.id(outer);
    let flags: Vec<&str> = handler
        .body
        .iter()
        .filter_map(|stmt| match stmt {
            Stmt::Assign(assign) => match &*assign.targets {
                [Expr::Name(flag)] => Some(flag.id.as_str()),
                _ => None,
            },
            _ => None,
        })
        .collect();
    let tests_flag = || {
        model.subtree(model.id(function)).any(|(_, node)| match node {
            AnyNodeRef::StmtIf(stmt) => {
                stmt.start() >= handler.end()
                    && flags.iter().any(|flag| ctx.mentions(model.id(&*stmt.test), flag))
                    && stmt.body.iter().any(Stmt::is_raise_stmt)
            }
            _ => false,
        })
    };
    let mut around = model
        .ancestors(id)
        .take_while(|(_, node)| !matches!(node, AnyNodeRef::StmtFunctionDef(_)));
    let shields = || {
        outer.body.iter().any(|stmt| {
            let text = model.slice(stmt);
            text.contains("shield(") || text.contains("asyncio.wait(")
        })
    };
    (!flags.is_empty() && tests_flag())
        || around.any(|(_, node)| match node {
            AnyNodeRef::ExceptHandlerExceptHandler(above) => {
                catches(ctx, above.type_.as_deref()).is_some() && leaves_by_raise(ctx, above)
            }
            AnyNodeRef::StmtWhile(stmt) => model.slice(&*stmt.test).contains(".done()") && shields(),
            _ => false,
        })
}

/// Whether a `try` closes or stops something, so that what follows it has to be done as well: by the names of the function and of what is
/// awaited, in a `finally` or another handler, or in the body of a shield.
fn cleans_up(ctx: &Context, outer: &ast::StmtTry, function: &ast::StmtFunctionDef) -> bool {
    const WORDS: &[&str] = &[
        "close",
        "cleanup",
        "clean_up",
        "aexit",
        "disconnect",
        "stop",
        "shutdown",
        "teardown",
        "dispose",
    ];
    let model = ctx.model;
    let says = |name: &str| WORDS.iter().any(|word| name.to_lowercase().contains(word));
    let id = model.id(outer);
    let mut inner = id;
    let is_inside = model.ancestors(id).any(|(outer, node)| {
        let found = match node {
            AnyNodeRef::StmtTry(outer) => outer.finalbody.iter().any(|stmt| model.contains(model.id(stmt), inner)),
            AnyNodeRef::StmtWith(outer) => outer.items.iter().any(|item| model.slice(item).contains("shield")),
            AnyNodeRef::ExceptHandlerExceptHandler(_) => true,
            _ => false,
        };
        inner = outer;
        found
    });
    is_inside
        || says(&function.name)
        || outer.body.iter().any(|stmt| {
            model.subtree(model.id(stmt)).any(|(_, node)| match node {
                AnyNodeRef::ExprAwait(awaited) => says(model.slice(&*awaited.value)),
                _ => false,
            })
        })
}

/// Whether a bound exception is more than logged: stored, returned or passed to something that is no logger.
fn keeps(ctx: &Context, name: &ast::ExprName) -> bool {
    let model = ctx.model;
    match model.node(model.parent(model.id(name))) {
        AnyNodeRef::Arguments(_) => {
            let call = model.parent(model.parent(model.id(name)));
            !matches!(model.node(call), AnyNodeRef::ExprCall(call) if is_harmless_call(ctx, call))
        }
        AnyNodeRef::StmtAssign(_) | AnyNodeRef::StmtReturn(_) | AnyNodeRef::ExprTuple(_) | AnyNodeRef::ExprDict(_) => {
            true
        }
        _ => false,
    }
}

fn rewrite(
    ctx: &Context,
    outer: &ast::StmtTry,
    handler: &ast::ExceptHandlerExceptHandler,
    catches: Catches,
) -> Result<Fix, Declined> {
    let model = ctx.model;
    let id = model.id(handler);
    if let Some(task) = cancelled_before(ctx, outer) {
        return Err(format!(
            "`{task}` is cancelled and then awaited: a cancellation of the task that waits is swallowed too; `await asyncio.wait([{task}])` raises only the latter"
        )
        .into());
    }
    if catches == Catches::Named {
        return Err("raise it again when the handler has done its work, unless nothing outside needs to know".into());
    }
    if model.loops(id).next().is_some() && !is_endless_work(ctx, outer) {
        return Err("the loop around it goes on: whether a cancellation ends it is for a person to say".into());
    }
    if !handler.body.iter().all(|stmt| is_harmless(ctx, stmt)) {
        return Err(
            "the handler does more than to log, and may have to do so on a cancellation too: raise at its end".into(),
        );
    }
    let (name, import) = ctx.member("asyncio", "CancelledError", id)?;
    let indent = ctx.indentation(handler);
    let unit = ctx.indent_unit(model.id(handler.body.first().ok_or("the handler is empty")?));
    let text = format!("except {name}:\n{indent}{unit}raise\n{indent}");
    Ok(Fix::unsafe_because(
        "a cancellation now ends the function, where the code behind the handler ran until now",
        vec![Edit::insertion(text, handler.start())],
    )
    .import(import))
}

/// Whether a `try` is the work of a round of a `while` loop: calls that are awaited, and not tasks that others may have cancelled.
fn is_endless_work(ctx: &Context, outer: &ast::StmtTry) -> bool {
    let model = ctx.model;
    let id = model.id(outer);
    let innermost = model
        .ancestors(id)
        .find(|(_, node)| node.is_stmt_for() || node.is_stmt_while());
    let calls = |stmt: &Stmt| {
        model.subtree(model.id(stmt)).all(|(_, node)| match node {
            AnyNodeRef::ExprAwait(awaited) => match &*awaited.value {
                Expr::Call(call) => model.qualified_name(&call.func).is_none_or(|name| {
                    !matches!(name.as_str(), "asyncio.shield" | "asyncio.gather" | "asyncio.wait_for")
                }),
                _ => false,
            },
            _ => true,
        })
    };
    matches!(innermost, Some((_, AnyNodeRef::StmtWhile(_)))) && outer.body.iter().all(calls)
}

/// The task, or the first of several, that the `try` does nothing but await, when it is cancelled before.
fn cancelled_before(ctx: &Context, outer: &ast::StmtTry) -> Option<String> {
    cancelled_in(ctx, &outer.body)
}

/// As [`cancelled_before`], of any block.
fn cancelled_in(ctx: &Context, body: &[Stmt]) -> Option<String> {
    let model = ctx.model;
    let mut tasks = Vec::new();
    for stmt in body {
        match stmt {
            Stmt::Expr(stmt) => match &*stmt.value {
                Expr::Await(awaited) => tasks.extend(waited_for(ctx, &awaited.value)?),
                Expr::Call(call) if plain_name(&call.func) == Some("cancel") => {}
                _ => return None,
            },
            _ => return None,
        }
    }
    let is_cancelled = |task: &&Expr| {
        model.calls().any(|call| match &*call.func {
            Expr::Attribute(method) => {
                method.attr.as_str() == "cancel"
                    && call.end() <= task.start()
                    && model.slice(&*method.value) == model.slice(*task)
            }
            _ => false,
        })
    };
    tasks
        .into_iter()
        .find(is_cancelled)
        .map(|task| model.slice(task).to_owned())
}

/// What an `await` waits for: a name, or those that a shield or a gather is given.
fn waited_for<'e>(ctx: &Context, awaited: &'e Expr) -> Option<Vec<&'e Expr>> {
    match awaited {
        Expr::Name(_) | Expr::Attribute(_) => Some(vec![awaited]),
        Expr::Call(call) => {
            let name = ctx.model.qualified_name(&call.func)?;
            let is_wait = matches!(name.as_str(), "asyncio.shield" | "asyncio.gather" | "asyncio.wait_for");
            is_wait.then(|| call.arguments.args.iter().collect())
        }
        _ => None,
    }
}

/// Logging, `pass`, and leaving with a constant: nothing that a cancellation would need.
fn is_harmless(ctx: &Context, stmt: &Stmt) -> bool {
    match stmt {
        Stmt::Pass(_) | Stmt::Continue(_) => true,
        Stmt::Return(inner) => inner.value.as_deref().is_none_or(Expr::is_literal_expr),
        Stmt::Expr(expr) => match &*expr.value {
            Expr::Call(call) => is_harmless_call(ctx, call),
            value => value.is_literal_expr(),
        },
        _ => false,
    }
}

fn is_harmless_call(ctx: &Context, call: &ast::ExprCall) -> bool {
    const LEVELS: &[&str] = &[
        "debug",
        "info",
        "warning",
        "warn",
        "error",
        "exception",
        "critical",
        "log",
    ];
    ctx.model.is_builtin(&call.func, "print")
        || ["traceback.print_exc", "traceback.format_exc"]
            .iter()
            .any(|name| ctx.model.qualified_name(&call.func).as_deref() == Some(name))
        || ["str", "repr"]
            .iter()
            .any(|name| ctx.model.is_builtin(&call.func, name))
        || matches!(&*call.func, Expr::Attribute(method) if LEVELS.contains(&method.attr.as_str()))
}
