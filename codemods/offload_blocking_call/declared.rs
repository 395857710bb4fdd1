//! A call of what `[[tool.asyncup.blocking]]` declares to block -> its twin, awaited; without one, the call in a thread.

use ruff_python_ast::{self as ast, Expr};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::Declined;
use crate::semantic::types::{Type, TypeOracle};
use crate::settings::{Blocking, Exactness};

/// `shop.fetch(x)` -> `await shop.afetch(x)`; without a twin, the call in a thread.
pub(super) fn rewrite(ctx: &Context, call: &ast::ExprCall, declared: &Blocking) -> Result<Fix, Declined> {
    let Some(twin) = declared.twin else {
        return ctx.offload(call, None);
    };
    let model = ctx.model;
    let at = model.id(call);
    let (owner, member) = twin
        .rsplit_once('.')
        .ok_or("the twin that is declared has no module in its name")?;
    let (place, opening) = ctx.may_await_opened(at)?;
    let mut edits = ctx.await_edits(call);
    let mut added = None;
    let is_beside = |method: &ast::ExprAttribute| match model.qualified_name(&method.value) {
        Some(module) => module == owner,
        None => matches!(model.type_of(&method.value), Type::Foreign(class) if class == owner),
    };
    match &*call.func {
        Expr::Attribute(method) if is_beside(method) => edits.push(Edit::replacement(member, method.attr.range())),
        _ if model.qualified_name(&call.func).is_none() => {
            return Err(Declined(format!("`{twin}` is no method of the same object")));
        }
        func => {
            let (name, import) = ctx.plain_member(owner, member, at)?;
            edits.push(Edit::replacement(name, func.range()));
            added = import;
        }
    }
    let doubt = match declared.exactness {
        Exactness::Exact => None,
        Exactness::Adapted => Some(format!(
            "`{twin}` is declared to take or give something else than `{}`",
            declared.call
        )),
        Exactness::Review => Some(format!(
            "whether `{twin}` does the same as `{}` must be looked at",
            declared.call
        )),
    };
    Ok(Fix::with_doubt(doubt.or(place), ctx.opened(&opening, edits)?).import(added))
}
