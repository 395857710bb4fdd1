//! `session.query(...)` -> `session.execute(select(...))`: SQLAlchemy's legacy `Query`, which asynchronous sessions do not have.
//!
//! What becomes of a chain is said by `src/legacy_query.rs`.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHashSet;

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::legacy_query::{self, Unit, session_of};
use crate::semantic::NodeId;

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    let mut seen: FxHashSet<NodeId> = FxHashSet::default();
    // What runs in the synchronous session stays as it is.
    let mut in_sync: Vec<TextRange> = Vec::new();
    for call in model.calls() {
        let Some(is_async) = session_of(ctx, call) else {
            continue;
        };
        let is_inside = |outer: &TextRange| outer.contains_range(call.range());
        if seen.contains(&model.id(call)) || in_sync.iter().any(is_inside) {
            continue;
        }
        let message = if is_async {
            "an asynchronous session has no `query`"
        } else {
            "the legacy `Query` has no asynchronous counterpart; `select()` works with both kinds of sessions"
        };
        let unit = Unit::of(ctx, call);
        if let Ok(unit) = &unit {
            seen.extend(unit.roots().map(|root| model.id(root)));
        }
        let fix = unit
            .and_then(|unit| rewrite(ctx, &unit, is_async))
            .or_else(|declined| match is_async {
                true => {
                    let (fix, range) = run_in_sync(ctx, call).ok_or(declined)?;
                    in_sync.push(range);
                    Ok(fix)
                }
                false => Err(declined),
            });
        match is_async {
            true => acc.push_defect(&*call.func, message, fix),
            false => acc.push(&*call.func, message, fix),
        }
    }
}

fn rewrite(ctx: &Context, unit: &Unit, is_async: bool) -> Result<Fix, Declined> {
    let parts = legacy_query::parts(ctx, unit, is_async)?;
    Ok(Fix::with_doubt(parts.doubt, parts.edits).import(parts.imports))
}

/// `await session.run_sync(lambda session: session.query(...).union(...).all())`: the same expression, in the sync session that the asynchronous
/// one holds. For chains with a link that `select()` does not have.
fn run_in_sync(ctx: &Context, root: &ast::ExprCall) -> Option<(Fix, TextRange)> {
    let model = ctx.model;
    let Expr::Attribute(method) = &*root.func else {
        return None;
    };
    let end = model.end_of_query(root)?;
    let range = model.node(end).range();
    let AnyNodeRef::ExprCall(whole) = model.node(end) else {
        return None;
    };
    model.await_is_legal(end, ctx.settings.target).ok()?;
    let reads_async = model.subtree(end).any(|(_, node)| {
        matches!(
            node,
            AnyNodeRef::ExprAwait(_) | AnyNodeRef::ExprNamed(_) | AnyNodeRef::ExprYield(_)
        )
    });
    if reads_async {
        return None;
    }
    let session = ctx.module.slice(&*method.value).to_owned();
    let name = match &*method.value {
        Expr::Name(name) => name.id.to_string(),
        _ => "session".to_owned(),
    };
    let mut edits: Vec<Edit> = model
        .subtree(end)
        .filter_map(|(_, node)| match node {
            AnyNodeRef::ExprCall(call) => match &*call.func {
                Expr::Attribute(method)
                    if method.attr.as_str() == "query" && ctx.module.slice(&*method.value) == session =>
                {
                    Some(Edit::replacement(name.clone(), method.value.range()))
                }
                _ => None,
            },
            _ => None,
        })
        .filter(|edit| ctx.module.slice(edit.range()) != edit.content())
        .collect();
    // Whoever took it for a coroutine awaits it already.
    let is_awaited = model.node(model.parent(end)).is_expr_await();
    let prefix = if is_awaited { "" } else { ctx.await_prefix(whole) };
    let suffix = if prefix.starts_with('(') { "))" } else { ")" };
    edits.push(Edit::insertion(
        format!("{prefix}{session}.run_sync(lambda {name}: "),
        range.start(),
    ));
    edits.push(Edit::insertion(suffix, range.end()));
    let reason = "what `select()` has no word for runs in the synchronous session inside: what is read of its rows later must be loaded by then";
    Some((Fix::unsafe_because(reason, edits), range))
}

/// `x.query(` in a text that imports SQLAlchemy's sessions, or what makes them.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    glance::mentions(text, &["Session", "sessionmaker"])
        && (glance::imports(text, "sqlalchemy") || glance::imports(text, "sqlmodel"))
}
