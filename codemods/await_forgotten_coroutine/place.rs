//! Managers that have only asynchronous methods, entered by a plain `with` or dropped.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};

use crate::codemod::Context;
use crate::semantic::NodeId;

/// The `with` statements that enter a manager that has only asynchronous methods.
pub(super) fn sync_withs<'a>(ctx: &Context<'a>) -> Vec<&'a ast::StmtWith> {
    if ctx.model.methods_named("__aenter__").next().is_none() {
        return Vec::new();
    }
    let model = ctx.model;
    let withs = model.subtree(NodeId(0)).filter_map(|(_, node)| match node {
        AnyNodeRef::StmtWith(with) if !with.is_async => Some(with),
        _ => None,
    });
    withs
        .filter(|with| with.items.iter().any(|item| is_async_only(ctx, &item.context_expr)))
        .collect()
}

/// Whether an expression is an instance of a class of this module with `__aenter__` and without `__enter__`.
pub(super) fn is_async_only(ctx: &Context, manager: &Expr) -> bool {
    ctx.model
        .class_of(manager)
        .is_some_and(|class| is_async_manager(ctx, class))
}

fn is_async_manager<'a>(ctx: &Context<'a>, class: &'a ast::StmtClassDef) -> bool {
    let model = ctx.model;
    let is_async = |name: &str| {
        let found = model.method_candidates(class, name);
        !found.is_empty() && found.iter().all(|method| method.is_async)
    };
    let is_defined = |name: &str| model.methods_named(name).next().is_some();
    is_async("__aenter__") && is_async("__aexit__") && !is_defined("__enter__")
}

/// Statements that make such a manager and drop it. A constructor that does more than to set attributes may be called for that.
pub(super) fn dropped_managers<'a>(ctx: &Context<'a>) -> Vec<(&'a ast::ExprCall, &'a str)> {
    let model = ctx.model;
    if model.methods_named("__aenter__").next().is_none() {
        return Vec::new();
    }
    let only_sets = |init: &ast::StmtFunctionDef| {
        init.body.iter().all(|stmt| match stmt {
            Stmt::Assign(assign) => assign.targets.iter().all(Expr::is_attribute_expr),
            Stmt::AnnAssign(_) | Stmt::Pass(_) => true,
            Stmt::Expr(expr) => expr.value.is_literal_expr(),
            _ => false,
        })
    };
    let calls = model.calls().filter_map(|call| {
        let is_statement = matches!(model.node(model.parent(model.id(call))), AnyNodeRef::StmtExpr(_));
        let class = is_statement.then(|| model.class_named(&call.func)).flatten()?;
        let does_nothing = model.method_candidates(class, "__init__").into_iter().all(only_sets);
        (does_nothing && is_async_manager(ctx, class)).then(|| (call, class.name.as_str()))
    });
    calls.collect()
}
