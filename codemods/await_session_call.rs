//! SQLAlchemy's asynchronous sessions, connections and engines: the `await` that a call lacks, that stands in the wrong place, or that
//! stands where there is nothing to wait for.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::knowledge::sqlalchemy::Role;
use crate::misuse::{Misuse, expected, misuse};
use crate::module::one_line;
use crate::semantic::{BindingKind, NodeId};

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    plain_managers(ctx, acc);
    if memchr::memmem::find(ctx.module.text().as_bytes(), b"stream").is_some() {
        plain_loops(ctx, acc);
    }
    for call in ctx.model.calls() {
        let Expr::Attribute(method) = &*call.func else {
            continue;
        };
        if SYNC_ONLY.contains(&method.attr.as_str())
            && ctx
                .model
                .sqlalchemy_object(&method.value)
                .is_some_and(|class| class.is_async && matches!(class.role, Role::Session))
        {
            let message = format!("an asynchronous session has no `{}`", method.attr);
            acc.push_defect(call, message, in_sync_session(ctx, call, method));
            continue;
        }
        if let Some(await_) = needless_await(ctx, call, method) {
            let message = format!("`{}` gives nothing that can be awaited", method.attr);
            acc.push_defect(await_, message, without_await(ctx, await_));
            continue;
        }
        let is_coroutine = || {
            let of_object = ctx
                .model
                .sqlalchemy_object(&method.value)
                .is_some_and(|class| class.is_async && class.has_coroutine(&method.attr));
            of_object || STREAMED.contains(&method.attr.as_str()) && is_stream(ctx, &method.value)
        };
        let Some(misuse) = misuse(ctx, call).filter(|_| is_coroutine()) else {
            continue;
        };
        let callee = ctx.model.slice(&*call.func);
        let message = match misuse {
            Misuse::Dropped => format!("`{callee}` is never awaited: it does nothing, and what it was to do is lost"),
            Misuse::Value(how) | Misuse::Kept { how, .. } => {
                format!("`{callee}` gives a coroutine, which {how}, instead of its result")
            }
        };
        if let Some(line) = expected(ctx, call) {
            let reason = format!("what follows from the missing await is expected in line {line}");
            acc.push(call, message, Err(reason.into()));
        } else {
            acc.push_defect(call, message, rewrite(ctx, call, misuse));
        }
    }
}

/// `async with session.no_autoflush:` -> `with`: there is nothing to wait for.
fn plain_managers(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    if !ctx.module.text().contains(".no_autoflush") {
        return;
    }
    for (id, node) in model.subtree(NodeId(0)) {
        let AnyNodeRef::StmtWith(with) = node else { continue };
        let is_plain = |item: &ast::WithItem| {
            matches!(&item.context_expr, Expr::Attribute(read)
                if read.attr.as_str() == "no_autoflush" && model.is_session(&read.value, true))
        };
        let Some(first) = with.items.iter().find(|item| with.is_async && is_plain(item)) else {
            continue;
        };
        let message = "`no_autoflush` is a plain context manager: `async with` raises";
        let fix = if with.items.iter().all(is_plain) {
            let text = &ctx.module.slice(with)["async".len()..];
            let blank = text.len() - text.trim_start().len();
            let word = TextRange::at(with.start(), TextSize::of("async") + TextSize::of(&text[..blank]));
            model
                .failure_is_seen(id)
                .map(|doubt| Fix::with_doubt(doubt, vec![Edit::deletion(word)]))
        } else {
            Err("it stands beside what only `async with` can enter".into())
        };
        acc.push_defect(&first.context_expr, message, fix);
    }
}

/// Methods that only a synchronous session has.
const SYNC_ONLY: &[&str] = &["bulk_insert_mappings", "bulk_save_objects", "bulk_update_mappings"];

/// `await session.run_sync(lambda session: session.bulk_save_objects(users))`: the same call, in the synchronous session inside.
fn in_sync_session(ctx: &Context, call: &ast::ExprCall, method: &ast::ExprAttribute) -> Result<Fix, Declined> {
    let model = ctx.model;
    let id = model.id(call);
    model.await_is_legal(id, ctx.settings.target)?;
    let waits = |(_, node): (NodeId, AnyNodeRef)| node.is_expr_await() || node.is_expr_named() || node.is_expr_yield();
    if model.subtree(model.id(&call.arguments)).any(waits) {
        return Err("one of its arguments waits, which nothing can in a lambda".into());
    }
    let session = model.slice(&*method.value);
    let name = match &*method.value {
        Expr::Name(name) => name.id.as_str(),
        _ => "session",
    };
    let is_awaited = model.node(model.parent(id)).is_expr_await();
    let prefix = if is_awaited { "" } else { ctx.await_prefix(call) };
    let suffix = if prefix.starts_with('(') { "))" } else { ")" };
    let edits = vec![
        Edit::replacement(
            format!("{prefix}{session}.run_sync(lambda {name}: {name}"),
            method.value.range(),
        ),
        Edit::insertion(suffix, call.end()),
    ];
    Ok(Fix::unsafe_because(
        "the call, which raised, now runs in the synchronous session inside",
        edits,
    ))
}

/// Coroutine functions of the results that come row by row.
const STREAMED: &[&str] = &[
    "all",
    "fetchall",
    "fetchmany",
    "fetchone",
    "first",
    "one",
    "one_or_none",
    "scalar",
    "scalar_one",
    "scalar_one_or_none",
];

/// A plain loop over a result that comes row by row, which raises: it is an asynchronous iterator.
fn plain_loops(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    for (id, node) in model.subtree(NodeId(0)) {
        let (iter, word) = match node {
            AnyNodeRef::StmtFor(stmt) if !stmt.is_async => (&*stmt.iter, stmt.start()),
            AnyNodeRef::Comprehension(clause) if !clause.is_async => (&clause.iter, clause.start()),
            _ => continue,
        };
        if !is_stream(ctx, iter) {
            continue;
        }
        let message = format!(
            "`{}` comes row by row, as an asynchronous iterator: a plain `for` over it raises TypeError",
            one_line(model.slice(iter))
        );
        let fix = model.await_is_legal(id, ctx.settings.target).and_then(|()| {
            let doubt = model.failure_is_seen(id)?;
            Ok(Fix::with_doubt(doubt, vec![Edit::insertion("async ", word)]))
        });
        acc.push_defect(iter, message, fix);
    }
}

/// Whether an expression is what an awaited `stream` or `stream_scalars` has given, or a view of it.
fn is_stream(ctx: &Context, expr: &Expr) -> bool {
    let model = ctx.model;
    match expr {
        Expr::Call(call) => {
            matches!(&*call.func, Expr::Attribute(view) if VIEWS.contains(&view.attr.as_str()) && is_stream(ctx, &view.value))
        }
        Expr::Await(inner) => match &*inner.value {
            Expr::Call(call) => matches!(&*call.func, Expr::Attribute(method)
                if matches!(method.attr.as_str(), "stream" | "stream_scalars")
                    && model.sqlalchemy_object(&method.value).is_some_and(|class| class.is_async)),
            _ => false,
        },
        Expr::Name(name) => {
            let binding = model.sole_binding(&name.id, model.scope_of(model.id(name)));
            matches!(binding.map(|binding| binding.kind), Some(BindingKind::Assignment(value @ (Expr::Await(_) | Expr::Call(_)))) if is_stream(ctx, value))
        }
        _ => false,
    }
}

/// Views of a result.
const VIEWS: &[&str] = &["scalars", "mappings", "unique", "columns", "tuples"];

fn rewrite(ctx: &Context, call: &ast::ExprCall, misuse: Misuse) -> Result<Fix, Declined> {
    let model = ctx.model;
    let at = model.id(call);
    model.await_is_legal(at, ctx.settings.target)?;
    ctx.no_thread_lock_around(at, &[])?;
    let doubt = match misuse {
        Misuse::Dropped => None,
        Misuse::Value(_) => model.failure_is_seen(at)?,
        Misuse::Kept { certain, .. } => model.failure_is_seen(at)?.or_else(|| {
            let reason = "the call had no effect until now where nothing uses its result";
            (!certain).then(|| reason.to_owned())
        }),
    };
    let edits = match misplaced_await(ctx, call) {
        Some(await_) => moved_await(ctx, call, await_),
        None => ctx.await_edits(call),
    };
    Ok(Fix::with_doubt(doubt, edits))
}

/// The `await` of `await s.execute(q).scalars()`: it waits for what the chain behind the call gives.
fn misplaced_await<'a>(ctx: &Context<'a>, call: &ast::ExprCall) -> Option<&'a ast::ExprAwait> {
    let mut inner = call.range();
    for (_, node) in ctx.model.ancestors(ctx.model.id(call)) {
        let is_link = match node {
            AnyNodeRef::ExprAttribute(outer) => outer.value.range() == inner,
            AnyNodeRef::ExprCall(outer) => outer.func.range() == inner,
            AnyNodeRef::ExprSubscript(outer) => outer.value.range() == inner,
            AnyNodeRef::ExprAwait(outer) => return Some(outer),
            _ => false,
        };
        if !is_link {
            return None;
        }
        inner = node.range();
    }
    None
}

/// `await s.execute(q).scalars()` -> `(await s.execute(q)).scalars()`.
fn moved_await(ctx: &Context, call: &ast::ExprCall, await_: &ast::ExprAwait) -> Vec<Edit> {
    let behind = &ctx.module.text()[usize::from(await_.end())..];
    let before = &ctx.module.text()[..usize::from(await_.start())];
    // In parentheses of its own already: only the closing one moves.
    if ctx.is_parenthesized(await_) && before.ends_with('(') && behind.starts_with(')') {
        return vec![
            Edit::insertion(")", call.end()),
            Edit::deletion(TextRange::at(await_.end(), TextSize::new(1))),
        ];
    }
    vec![Edit::insertion("(", await_.start()), Edit::insertion(")", call.end())]
}

/// The `await` of a call that gives no awaitable: of a session's plain method, or of a result that is there already.
fn needless_await<'a>(
    ctx: &Context<'a>,
    call: &ast::ExprCall,
    method: &ast::ExprAttribute,
) -> Option<&'a ast::ExprAwait> {
    let model = ctx.model;
    let AnyNodeRef::ExprAwait(await_) = model.node(model.parent(model.id(call))) else {
        return None;
    };
    let of_session = || {
        model
            .sqlalchemy_object(&method.value)
            .is_some_and(|class| class.is_async && class.is_plain(&method.attr))
    };
    (of_session() || is_result(ctx, &method.value)).then_some(await_)
}

/// Whether an expression is what an awaited `execute` or `scalars` has given, or a view of it: all of it is in memory.
fn is_result(ctx: &Context, expr: &Expr) -> bool {
    let model = ctx.model;
    match expr {
        Expr::Call(call) => {
            matches!(&*call.func, Expr::Attribute(view) if VIEWS.contains(&view.attr.as_str()) && is_result(ctx, &view.value))
        }
        Expr::Await(inner) => match &*inner.value {
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) => {
                    matches!(method.attr.as_str(), "execute" | "scalars")
                        && model.sqlalchemy_object(&method.value).is_some_and(|class| {
                            class.is_async && matches!(class.role, Role::Session | Role::Connection)
                        })
                }
                _ => false,
            },
            _ => false,
        },
        Expr::Name(name) => {
            let binding = model.sole_binding(&name.id, model.scope_of(model.id(name)));
            matches!(binding.map(|binding| binding.kind), Some(BindingKind::Assignment(value @ Expr::Await(_))) if is_result(ctx, value))
        }
        _ => false,
    }
}

fn without_await(ctx: &Context, await_: &ast::ExprAwait) -> Result<Fix, Declined> {
    let model = ctx.model;
    let doubt = model.failure_is_seen(model.id(await_))?;
    let word = TextRange::new(await_.start(), await_.value.start());
    if ctx.module.slice(word).trim_end() != "await" {
        return Err("a comment or a parenthesis stands behind the `await`".into());
    }
    Ok(Fix::with_doubt(doubt, vec![Edit::deletion(word)]))
}

/// A method that gives a coroutine is called without `await` before it, or another call stands behind an `await`.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    glance::words_in(text).any(|word| {
        matches!(
            word,
            b"AsyncSession"
                | b"async_sessionmaker"
                | b"create_async_engine"
                | b"AsyncConnection"
                | b"AsyncEngine"
                | b"async_scoped_session"
        )
    })
}
