//! `except ValueError:` around an `asyncio.TaskGroup` -> `except* ValueError:`.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};

use crate::codemod::Context;
use crate::edit::Fix;
use crate::finding::{Declined, Findings};
use crate::module::one_line;

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for call in ctx.model.calls_to("asyncio.TaskGroup") {
        if let Some((stmt, handler)) = blind_handler(ctx, call) {
            let type_ = handler.type_.as_deref().map_or("", |type_| ctx.model.slice(type_));
            acc.push_defect(
                handler,
                format!(
                    "`except {}` catches nothing: the TaskGroup raises its failures in an ExceptionGroup",
                    one_line(type_)
                ),
                rewrite(ctx, stmt),
            );
        }
    }
}

fn rewrite(ctx: &Context, stmt: &ast::StmtTry) -> Result<Fix, Declined> {
    Ok(Fix::unsafe_because(
        "the handlers, which caught nothing, now run: each with a group, and more than one of them if several tasks fail",
        ctx.catch_groups(stmt)?,
    ))
}

/// The first handler that waits for an exception which only the group around it can bring, when nothing but the group can fail there.
fn blind_handler<'a>(
    ctx: &Context<'a>,
    call: &'a ast::ExprCall,
) -> Option<(&'a ast::StmtTry, &'a ast::ExceptHandlerExceptHandler)> {
    let model = ctx.model;
    let item = model.parent(model.id(call));
    let AnyNodeRef::StmtWith(with) = model.node(model.parent(item)) else {
        return None;
    };
    let AnyNodeRef::StmtTry(stmt) = model.node(model.parent(model.id(with))) else {
        return None;
    };
    let group = stmt.body.iter().find(|inner| model.contains(model.id(*inner), item))?;
    let is_alone = with.items.len() == 1
        && stmt
            .body
            .iter()
            .all(|other| std::ptr::eq(other, group) || only_takes_results(ctx, other));
    if !is_alone {
        return None;
    }
    Some((stmt, ctx.blind_handler(stmt)?))
}

/// Whether a statement does no more than look at what tasks have returned, which cannot fail behind the group.
fn only_takes_results(ctx: &Context, stmt: &Stmt) -> bool {
    let value = match stmt {
        Stmt::Assign(assign) => &assign.value,
        Stmt::AnnAssign(ast::StmtAnnAssign { value: Some(value), .. })
        | Stmt::Return(ast::StmtReturn { value: Some(value), .. }) => value,
        Stmt::Return(_) | Stmt::Pass(_) => return true,
        _ => return false,
    };
    is_result(ctx, value)
}

fn is_result(ctx: &Context, value: &Expr) -> bool {
    match value {
        Expr::Call(call) => {
            let takes_result = matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "result" && method.value.is_name_expr());
            takes_result && call.arguments.is_empty()
        }
        Expr::ListComp(comp) => {
            is_result(ctx, &comp.elt) && comp.generators.iter().all(|part| part.iter.is_name_expr())
        }
        Expr::Tuple(tuple) => tuple.elts.iter().all(|element| is_result(ctx, element)),
        _ => ctx.model.is_total(value),
    }
}
