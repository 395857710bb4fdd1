//! Rounds that do something with what they wait for: `response = await client.get(url)` and, below it, `pages.append(response.text)`.
//!
//! All calls are made first, and a loop over their results does the rest. So the rest of one round must leave nothing for the call of the next.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::{Loop, Results, sole_await};
use crate::codemod::Context;
use crate::finding::Declined;
use crate::module::one_line;
use crate::semantic::names::Lookup;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId, ScopeKind};

/// What a round does with its result.
pub(super) struct Used<'a> {
    pub stmt: &'a ast::StmtFor,
    pub awaited: &'a ast::ExprAwait,
    /// The name that the first statement of the body gives it, and nothing else.
    pub name: Option<&'a ast::ExprName>,
    /// The rest reads the variables of the loop as well.
    pub needs_variables: bool,
}

/// `name = await ...` as the first statement of a body, where `name` is read once, in the loop.
pub(super) fn bound<'a>(
    ctx: &Context<'a>,
    stmt: &'a ast::StmtFor,
    first: &'a Stmt,
) -> Option<(&'a ast::ExprName, &'a ast::ExprAwait)> {
    let (name, awaited) = assigned(first)?;
    let function = ctx.model.enclosing_function(ctx.model.id(stmt))?;
    let is_local = is_local(ctx, name);
    let reads = ctx.model.reads_of_local(function, &name.id)?;
    let ends = reads
        .iter()
        .all(|(read, _)| ctx.model.contains(ctx.model.id(stmt), *read));
    // What the next call or a condition reads of it is the result of the round before.
    let is_read_once = reads.len() == 1;
    (is_local && ends && is_read_once).then_some((name, awaited))
}

fn assigned(stmt: &Stmt) -> Option<(&ast::ExprName, &ast::ExprAwait)> {
    let Stmt::Assign(assign) = stmt else { return None };
    match (assign.targets.as_slice(), &*assign.value) {
        ([Expr::Name(name)], Expr::Await(awaited)) => Some((name, awaited)),
        _ => None,
    }
}

/// Whether a name belongs to the function that it stands in.
fn is_local(ctx: &Context, name: &ast::ExprName) -> bool {
    let scope = ctx.model.scope_of(ctx.model.id(name));
    matches!(ctx.model.scope(scope).kind, ScopeKind::Function(_))
        && ctx.model.lookup(&name.id, scope) == Lookup::Scope(scope)
        && !ctx.model.is_captured(&name.id, scope)
}

/// A body whose first statement awaits one call, and which goes on with its result. `None` when it is no such body.
pub(super) fn recognise<'a>(
    ctx: &Context<'a>,
    id: NodeId,
    stmt: &'a ast::StmtFor,
) -> Option<Result<(&'a ast::ExprCall, Results<'a>), Declined>> {
    let model = ctx.model;
    let first = stmt.body.first()?;
    let awaited = sole_await(ctx, first)?;
    let call = awaited.value.as_call_expr()?;
    let is_other = |node: AnyNodeRef| match node {
        AnyNodeRef::ExprAwait(other) => other.range() != awaited.range(),
        AnyNodeRef::StmtFor(inner) => inner.is_async,
        AnyNodeRef::StmtWith(inner) => inner.is_async,
        AnyNodeRef::Comprehension(inner) => inner.is_async,
        node => {
            node.is_stmt_try()
                || node.is_stmt_break()
                || node.is_stmt_return()
                || node.is_expr_yield()
                || node.is_expr_yield_from()
                || node.is_stmt_global()
                || node.is_stmt_nonlocal()
                || node.is_stmt_function_def()
                || node.is_stmt_class_def()
                || node.is_stmt_delete()
        }
    };
    if model.subtree(id).any(|(_, node)| is_other(node)) {
        return None;
    }
    let name = assigned(first).map(|(name, _)| name);
    if name.is_some() && stmt.body.len() == 1 {
        return None;
    }
    // Where it is evaluated must be certain to be reached, once.
    if !matches!(
        first,
        Stmt::Expr(_) | Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::AugAssign(_)
    ) {
        return None;
    }
    let first_id = model.id(first);
    let is_certain = model
        .ancestors(model.id(awaited))
        .take_while(|(id, _)| *id != first_id)
        .all(|(_, node)| {
            !(node.is_expr_if()
                || node.is_expr_bool_op()
                || node.is_expr_compare()
                || node.is_expr_lambda()
                || node.is_expr_list_comp()
                || node.is_expr_set_comp()
                || node.is_expr_dict_comp()
                || node.is_expr_generator())
        });
    if !is_certain {
        return None;
    }
    let variables = ctx.loop_variables(&stmt.target)?;
    let needs_variables = variables.iter().any(|variable| {
        let uses = model
            .references_in(id)
            .iter()
            .filter(|reference| reference.name.id == *variable);
        let outside =
            |node: NodeId| !model.contains(model.id(awaited), node) && !model.contains(model.id(&*stmt.target), node);
        uses.into_iter().any(|reference| outside(reference.node))
    });
    Some(Ok((
        call,
        Results::Used(Used {
            stmt,
            awaited,
            name,
            needs_variables,
        }),
    )))
}

/// Whether the rest of a round leaves nothing for the call of the next one, and what is not proven about it.
pub(super) fn check<'a>(ctx: &Context<'a>, found: &Loop<'a>, used: &Used<'a>) -> Result<String, Declined> {
    let model = ctx.model;
    let id = model.id(used.stmt);
    if used.name.is_some_and(|name| !is_local(ctx, name)) {
        return Err("what it binds can be seen by other code".into());
    }
    let awaited = model.id(used.awaited);
    let is_rest = |node: NodeId| !model.contains(awaited, node);
    // What a round binds, or works on, and the next call reads.
    let carried = model.bindings_within(id).iter().find(|binding| {
        !model.contains(model.id(&*used.stmt.target), binding.node) && ctx.mentions(awaited, binding.name)
    });
    if let Some(binding) = carried {
        return Err(format!(
            "one round binds `{}`, which the call of the next one reads",
            binding.name
        )
        .into());
    }
    for (node, kind) in used.stmt.body.iter().flat_map(|stmt| model.subtree(model.id(stmt))) {
        if !is_rest(node) {
            continue;
        }
        match kind {
            AnyNodeRef::ExprCall(call) => check_call(ctx, found, used, call)?,
            AnyNodeRef::ExprAttribute(target) if target.ctx.is_store() => {
                return Err(format!(
                    "`{}` is set in each round, and the next call may read it",
                    one_line(model.slice(target))
                )
                .into());
            }
            AnyNodeRef::ExprSubscript(target) if target.ctx.is_store() => {
                let Expr::Name(object) = &*target.value else {
                    return Err(format!(
                        "`{}` is set in each round, and the next call may read it",
                        one_line(model.slice(target))
                    )
                    .into());
                };
                is_kept_apart(ctx, used, object)?;
            }
            _ => {}
        }
    }
    Ok(
        "what a round does with its result happens when all calls have ended, and in no round when one of them fails"
            .to_owned(),
    )
}

/// A collection that the rounds fill belongs to the function, and the calls do not get it.
fn is_kept_apart<'a>(ctx: &Context<'a>, used: &Used<'a>, object: &ast::ExprName) -> Result<(), Declined> {
    let model = ctx.model;
    if ctx.mentions(model.id(used.awaited), &object.id) {
        return Err(format!("`{}` is changed in each round, and the next call gets it", object.id).into());
    }
    if ctx.mentions(model.id(&*used.stmt.iter), &object.id) {
        return Err(format!("`{}` is changed in each round, and the loop goes over it", object.id).into());
    }
    if !is_local(ctx, object) {
        return Err(format!("`{}` is changed in each round, and other code can see it", object.id).into());
    }
    Ok(())
}

/// A call that the rest of a round makes: of a method of what the function itself collects in, or of something that changes nothing else.
fn check_call<'a>(
    ctx: &Context<'a>,
    found: &Loop<'a>,
    used: &Used<'a>,
    call: &'a ast::ExprCall,
) -> Result<(), Declined> {
    let model = ctx.model;
    let unknown = || {
        Declined(format!(
            "`{}` may be needed before the next call",
            one_line(model.slice(call))
        ))
    };
    match &*call.func {
        Expr::Name(name) if model.lookup(&name.id, model.scope_of(model.id(name))) == Lookup::Builtin => Ok(()),
        // A class by its name.
        callee if model.class_named(callee).is_some() => Ok(()),
        Expr::Name(name) if name.id.starts_with(char::is_uppercase) => Ok(()),
        Expr::Attribute(method) if method.attr.starts_with(char::is_uppercase) => Ok(()),
        Expr::Attribute(method) => {
            let mut root = &*method.value;
            loop {
                root = match root {
                    Expr::Attribute(inner) => &inner.value,
                    Expr::Subscript(inner) => &inner.value,
                    Expr::Call(inner) => match &*inner.func {
                        Expr::Attribute(inner) => &inner.value,
                        _ => return Err(unknown()),
                    },
                    _ => break,
                };
            }
            if root.range() == used.awaited.range() {
                return Ok(());
            }
            let Expr::Name(object) = root else {
                return if root.is_literal_expr() || root.is_f_string_expr() {
                    Ok(())
                } else {
                    Err(unknown())
                };
            };
            let is_result = used.name.is_some_and(|name| name.id == object.id);
            let is_variable = ctx
                .loop_variables(&used.stmt.target)
                .is_some_and(|variables| variables.contains(&object.id.as_str()));
            let is_log = matches!(
                object.id.as_str(),
                "log" | "logger" | "logging" | "LOG" | "LOGGER" | "_logger" | "_log"
            );
            let scope = model.scope_of(model.id(object));
            let is_bound_here = model.resolve(&object.id, scope).all(|binding| {
                model.contains(model.id(found.stmt), binding.node) && !matches!(binding.kind, BindingKind::Parameter(_))
            });
            if is_result || is_log || is_variable && !ctx.mentions(model.id(found.call), &object.id) || is_bound_here {
                return Ok(());
            }
            if !method.value.is_name_expr() {
                return Err(format!(
                    "`{}` is worked on in each round, and other code can see it",
                    one_line(model.slice(&*method.value))
                )
                .into());
            }
            is_kept_apart(ctx, used, object)?;
            let is_collection = matches!(model.type_of(&method.value), Type::Container(_) | Type::Scalar(_));
            if is_collection { Ok(()) } else { Err(unknown()) }
        }
        _ => Err(unknown()),
    }
}

/// The range from the loop's header to what is left of its first statement.
pub(super) fn header(used: &Used) -> TextRange {
    let first = &used.stmt.body[0];
    match used.name {
        Some(_) => TextRange::new(used.stmt.start(), first.end()),
        None => TextRange::new(used.stmt.start(), first.start()),
    }
}
