//! Legacy queries of SQLAlchemy, `session.query(...)`, as statements of `select()`.
//!
//! A chain is read from `query(...)` or from a local name for such a chain ([`chain`]), what it selects is told ([`entities`]), and its end says
//! what is written around it ([`terminal`]). All chains that one name holds change together.

mod chain;
mod entities;
mod terminal;

use ruff_python_ast::{self as ast, Expr};

pub use self::chain::Unit;
use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::importer::Import;
use crate::semantic::NodeId;

/// For `query` called on a session: whether the session is asynchronous.
pub fn session_of(ctx: &Context, call: &ast::ExprCall) -> Option<bool> {
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
pub fn turned(ctx: &Context, root: &ast::ExprCall) -> Result<(Vec<NodeId>, Parts), Declined> {
    let mut unit = Unit::of(ctx, root)?;
    unit.turns = true;
    let roots = unit.chains.iter().map(|chain| chain.start).collect();
    Ok((roots, parts(ctx, &unit, true)?))
}

/// What the parts of a rewrite add up to.
#[derive(Default)]
pub struct Parts {
    pub edits: Vec<Edit>,
    pub imports: Vec<Import>,
    pub doubt: Option<String>,
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

/// What becomes of the chains of a unit.
pub fn parts(ctx: &Context, unit: &Unit, is_async: bool) -> Result<Parts, Declined> {
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
