//! Relationships of objects that the function has made itself: once they are in the database, they are loaded when they are read.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextSize};

use crate::codemod::Context;
use crate::finding::Findings;
use crate::semantic::BindingKind;

pub fn report(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    for call in model.calls() {
        let Expr::Attribute(method) = &*call.func else { continue };
        let [Expr::Name(object)] = &*call.arguments.args else {
            continue;
        };
        if method.attr.as_str() != "add" || !model.is_session(&method.value, true) {
            continue;
        }
        let binding = model.sole_binding(&object.id, model.scope_of(model.id(object)));
        if let Some(BindingKind::Assignment(Expr::Call(made))) = binding.map(|binding| binding.kind)
            && let Some(function) = model.enclosing_function(model.id(call))
            && let Some(stored) = stored(ctx, function, call, &method.value)
        {
            read_later(ctx, function, made, object, stored, &method.value, acc);
        }
    }
}

/// Where the session has written the object: the end of the first `flush()` or `commit()` behind a call, in the same block.
fn stored(ctx: &Context, function: &ast::StmtFunctionDef, added: &ast::ExprCall, session: &Expr) -> Option<TextSize> {
    let model = ctx.model;
    let (stmt, _) = model.statement_of(model.id(added))?;
    let (block, index) = model.block_of(stmt)?;
    let below = &block[index + 1..];
    model.awaits().find_map(|await_| {
        let Expr::Call(call) = &*await_.value else { return None };
        let Expr::Attribute(method) = &*call.func else {
            return None;
        };
        let is_write = matches!(method.attr.as_str(), "flush" | "commit")
            && model.slice(&*method.value) == model.slice(session)
            && function.range().contains_range(await_.range())
            && below.iter().any(|stmt| stmt.range().contains_range(await_.range()));
        is_write.then(|| await_.end())
    })
}

fn read_later(
    ctx: &Context,
    function: &ast::StmtFunctionDef,
    made: &ast::ExprCall,
    object: &ast::ExprName,
    stored: TextSize,
    session: &Expr,
    acc: &mut Findings,
) {
    let model = ctx.model;
    let mut seen: Vec<&str> = made
        .arguments
        .keywords
        .iter()
        .filter_map(|keyword| keyword.arg.as_deref())
        .collect();
    // What `**` gives may be the relationship, and what is refreshed or run in the synchronous session is loaded.
    let may_be_loaded = made.arguments.keywords.iter().any(|keyword| keyword.arg.is_none())
        || model.awaits().any(|await_| {
            await_.start() >= stored && function.range().contains_range(await_.range()) && {
                let text = model.slice(&*await_.value);
                text.contains("refresh(") || text.contains("run_sync(") || text.contains("awaitable_attrs")
            }
        });
    if may_be_loaded {
        return;
    }
    for (_, node) in model.subtree(model.id(function)) {
        let AnyNodeRef::ExprAttribute(read) = node else {
            continue;
        };
        if !matches!(&*read.value, Expr::Name(name) if name.id == object.id) {
            continue;
        }
        let name = read.attr.as_str();
        let is_new = !seen.contains(&name);
        seen.push(name);
        if is_new && read.start() > stored && read.ctx.is_load() && super::evidence(ctx, &made.func, read).is_some() {
            let message = format!(
                "`{}` of an object that was just written is loaded when it is read, which raises `MissingGreenlet` in async code",
                model.slice(read)
            );
            let reason = format!(
                "load it by `await {}.refresh({}, [\"{name}\"])`, or set it before the object is written",
                model.slice(session),
                object.id
            );
            acc.push_defect(read, message, Err(reason.into()));
        }
    }
}
