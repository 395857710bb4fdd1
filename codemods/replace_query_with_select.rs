//! `session.query(...)` -> `session.execute(select(...))`: SQLAlchemy's legacy `Query`, which asynchronous sessions do not have.
//!
//! A chain is read from `query(...)` or from a local name for such a chain (`chain`), what it selects is told (`entities`), and its end says
//! what is written around it (`terminal`). All chains that one name holds change together.

mod chain;
mod entities;
mod terminal;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHashSet;

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::importer::Import;
use crate::semantic::NodeId;

use chain::Unit;

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

/// For `query` called on a session: whether the session is asynchronous.
fn session_of(ctx: &Context, call: &ast::ExprCall) -> Option<bool> {
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    if method.attr.as_str() != "query" || ctx.module.slice(&call.arguments) == "()" {
        return None;
    }
    [false, true]
        .into_iter()
        .find(|is_async| ctx.model.is_session(&method.value, *is_async))
}

/// What becomes of the queries that change together with this one in a function that becomes a coroutine function, and where they begin.
pub(super) fn turned(ctx: &Context, root: &ast::ExprCall) -> Result<(Vec<NodeId>, Parts), Declined> {
    let mut unit = Unit::of(ctx, root)?;
    unit.turns = true;
    let roots = unit.chains.iter().map(|chain| chain.start).collect();
    Ok((roots, parts(ctx, &unit, true)?))
}

/// What the parts of a rewrite add up to.
#[derive(Default)]
pub(super) struct Parts {
    pub edits: Vec<Edit>,
    pub imports: Vec<Import>,
    doubt: Option<String>,
}

impl Parts {
    fn doubt(&mut self, doubt: impl Into<String>) {
        self.doubt.get_or_insert_with(|| doubt.into());
    }

    /// How a member of `sqlalchemy` is written at a node.
    fn member(&mut self, ctx: &Context, member: &'static str, at: NodeId) -> Result<String, Declined> {
        let (name, import) = ctx.plain_member("sqlalchemy", member, at).or_else(|declined| {
            match ctx.import(Import::Module("sqlalchemy"), at) {
                Ok((module, import)) => Ok((format!("{module}.{member}"), import)),
                Err(_) => Err(declined),
            }
        })?;
        self.imports.extend(import);
        Ok(name)
    }
}

fn rewrite(ctx: &Context, unit: &Unit, is_async: bool) -> Result<Fix, Declined> {
    let parts = parts(ctx, unit, is_async)?;
    Ok(Fix::with_doubt(parts.doubt, parts.edits).import(parts.imports))
}

fn parts(ctx: &Context, unit: &Unit, is_async: bool) -> Result<Parts, Declined> {
    let model = ctx.model;
    ctx.settings.dependencies.at_least("sqlalchemy", [1, 4])?;
    for word in ["query_cls", "before_compile"] {
        if ctx.module.text().contains(word) {
            return Err(format!("the module has queries of its own make: `{word}`").into());
        }
    }
    let mut parts = Parts::default();
    let selected = entities::selected(ctx, unit)?;
    for chain in &unit.chains {
        terminal::rewrite(ctx, unit, chain, &selected, is_async, &mut parts)?;
    }
    if is_async && !unit.turns {
        let first = unit.chains.first().ok_or("it is empty")?;
        if let Some(doubt) = model.failure_is_seen(first.start)? {
            parts.doubt(doubt);
        }
    }
    Ok(parts)
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
    let prefix = ctx.await_prefix(whole);
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
