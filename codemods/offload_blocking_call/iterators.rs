//! Iterators of the module whose every step blocks: what reads them to their end, or takes one element of them, is moved to a thread.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};

use super::blocks;
use crate::codemod::Context;
use crate::edit::Fix;
use crate::finding::Declined;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, SemanticModel};

/// What a call does with an iterator whose steps block: its name, and the rewrite.
pub(super) fn reads_slow_iterator<'a>(
    ctx: &Context<'a>,
    call: &'a ast::ExprCall,
) -> Option<(String, Result<Fix, Declined>)> {
    let model = ctx.model;
    let first = call.arguments.args.first()?;
    let is_next = model.is_builtin(&call.func, "next");
    let reads_all = call.func.is_name_expr() && ctx.reads_to_the_end(call);
    if !is_next && !reads_all {
        return None;
    }
    let step = slow_step(ctx, first)?;
    if is_next && call.arguments.args.len() < 2 {
        let reason = "`next` without a default may raise StopIteration, which a thread cannot hand over: the await would never end";
        return Some((step, Err(reason.into())));
    }
    let doubt = format!("all of `{step}` runs in the thread: nothing else in it may need the event loop's");
    Some((step, ctx.offload(call, Some(doubt))))
}

/// What runs at each step of an iterator and blocks: `Slow.__next__`, or a generator.
fn slow_step<'a>(ctx: &Context<'a>, iterator: &'a Expr) -> Option<String> {
    let model = ctx.model;
    if let Type::Instance(class) = model.type_of(iterator) {
        let step = model.method(class, "__next__").filter(|step| !step.is_async)?;
        return blocks(ctx, step).then(|| format!("{}.__next__", class.name));
    }
    let generator = generator_of(model, iterator)?;
    blocks(ctx, generator).then(|| generator.name.to_string())
}

/// The generator function of the module that an expression is a call of, or a name for such a call.
fn generator_of<'a>(model: &SemanticModel<'a>, expr: &Expr) -> Option<&'a ast::StmtFunctionDef> {
    match expr {
        Expr::Call(call) => model
            .function_of(&call.func)
            .filter(|function| !function.is_async && model.is_generator(function)),
        Expr::Name(name) => match model.sole_binding(&name.id, model.scope_of(model.id(name)))?.kind {
            BindingKind::Assignment(value @ Expr::Call(_)) => generator_of(model, value),
            _ => None,
        },
        _ => None,
    }
}

/// The loops over such iterators, each with what blocks at each round.
pub(super) fn slow_loops<'a>(ctx: &Context<'a>) -> Vec<(&'a Expr, String)> {
    let model = ctx.model;
    let mut found = Vec::new();
    for function in model.functions().filter(|function| function.is_async) {
        for (id, node) in model.subtree(model.id(function)) {
            let iter = match node {
                AnyNodeRef::StmtFor(stmt) if !stmt.is_async => &*stmt.iter,
                AnyNodeRef::Comprehension(inner) if !inner.is_async => &inner.iter,
                _ => continue,
            };
            let is_own = model
                .enclosing_function(id)
                .is_some_and(|owner| std::ptr::eq(owner, function));
            if is_own
                && model.runs_in_async(id)
                && let Some(step) = slow_step(ctx, iter)
            {
                found.push((iter, step));
            }
        }
    }
    found
}
