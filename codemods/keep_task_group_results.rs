//! A list that stays empty beside a TaskGroup whose tasks are dropped -> the list of their results.
//!
//! This file finds the lists and decides; `emit` keeps the tasks and takes their results.

mod emit;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::edit::Fix;
use crate::finding::{Declined, Findings};
use crate::layout::own_lines;
use crate::semantic::{NodeId, ScopeId};

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let mut seen: Vec<NodeId> = Vec::new();
    for call in ctx.model.calls_to("asyncio.TaskGroup") {
        for lost in lost_lists(ctx, call) {
            let empty = ctx.model.id(lost.empty);
            if !seen.contains(&empty) {
                seen.push(empty);
                acc.push_defect(
                    lost.empty,
                    format!(
                        "`{}` stays empty: what the tasks of the group return is dropped",
                        lost.name
                    ),
                    rewrite(ctx, &lost),
                );
            }
        }
    }
}

/// A local list that is made empty, never filled, and read behind the group.
struct Lost<'a> {
    empty: &'a Stmt,
    name: &'a str,
    /// What it is: a list, or another container.
    value: &'a Expr,
    group: &'a ast::StmtWith,
    /// The group's own name.
    handle: &'a str,
    reads: Vec<NodeId>,
}

fn lost_lists<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Vec<Lost<'a>> {
    let model = ctx.model;
    let item = model.parent(model.id(call));
    let (AnyNodeRef::WithItem(item_node), AnyNodeRef::StmtWith(group)) =
        (model.node(item), model.node(model.parent(item)))
    else {
        return Vec::new();
    };
    let (Some(Expr::Name(handle)), Some(function)) =
        (item_node.optional_vars.as_deref(), model.enclosing_function(item))
    else {
        return Vec::new();
    };
    if dropped_tasks(ctx, group, &handle.id).is_empty() {
        return Vec::new();
    }
    let around: Vec<NodeId> = model.ancestors(item).map(|(id, _)| id).collect();
    around
        .into_iter()
        .take_while(|id| *id != model.parent(model.id(function)))
        .filter_map(|id| model.block_of(id))
        .flat_map(|(block, index)| &block[..index])
        .filter(|stmt| model.contains(model.id(function), model.id(*stmt)))
        .filter_map(|empty| {
            let (name, value) = made_empty(ctx, empty)?;
            let reads = passive_reads(ctx, function, name, group)?;
            Some(Lost {
                empty,
                name,
                value,
                group,
                handle: &handle.id,
                reads,
            })
        })
        .collect()
}

/// `name = []`, or another empty container.
fn made_empty<'a>(ctx: &Context, stmt: &'a Stmt) -> Option<(&'a str, &'a Expr)> {
    let (target, value) = match stmt {
        Stmt::Assign(assign) => match assign.targets.as_slice() {
            [target] => (target, &*assign.value),
            _ => return None,
        },
        Stmt::AnnAssign(assign) => (&*assign.target, assign.value.as_deref()?),
        _ => return None,
    };
    let Expr::Name(name) = target else { return None };
    let is_empty = match value {
        Expr::List(list) => list.elts.is_empty(),
        Expr::Dict(dict) => dict.items.is_empty(),
        Expr::Call(call) => {
            let builtin = ["list", "dict", "set"]
                .iter()
                .any(|name| ctx.model.is_builtin(&call.func, name));
            builtin && call.arguments.is_empty()
        }
        _ => false,
    };
    is_empty.then_some((name.id.as_str(), value))
}

/// The reads of a local name, if there are any, all of them stand behind the group, and none can fill a container.
fn passive_reads(
    ctx: &Context,
    function: &ast::StmtFunctionDef,
    name: &str,
    group: &ast::StmtWith,
) -> Option<Vec<NodeId>> {
    let model = ctx.model;
    let scope = model.body_scope(function);
    let binding = model.sole_binding(name, scope)?;
    if binding.scope != scope {
        return None;
    }
    let reads: Vec<NodeId> = model
        .references_named(name)
        .filter(|reference| model.contains(model.id(function), reference.node))
        .map(|reference| reference.node)
        .collect();
    let is_passive =
        |&id: &NodeId| model.scope_of(id) == scope && model.node(id).start() >= group.end() && only_looks(ctx, id);
    (!reads.is_empty() && reads.iter().all(is_passive)).then_some(reads)
}

/// Builtin functions that leave a container as it is.
const LOOKS: &[&str] = &[
    "all",
    "any",
    "enumerate",
    "len",
    "list",
    "max",
    "min",
    "print",
    "set",
    "sorted",
    "sum",
    "tuple",
    "zip",
];

fn only_looks(ctx: &Context, id: NodeId) -> bool {
    let model = ctx.model;
    let parent = model.parent(id);
    let is_it = |expr: &Expr| model.id(expr) == id;
    match model.node(parent) {
        AnyNodeRef::StmtReturn(_) | AnyNodeRef::InterpolatedElement(_) | AnyNodeRef::ExprCompare(_) => true,
        AnyNodeRef::StmtIf(stmt) => is_it(&stmt.test),
        AnyNodeRef::ExprUnaryOp(unary) => unary.op == ast::UnaryOp::Not,
        AnyNodeRef::StmtFor(stmt) => is_it(&stmt.iter),
        AnyNodeRef::Comprehension(part) => is_it(&part.iter),
        AnyNodeRef::ExprTuple(_) | AnyNodeRef::ExprDict(_) => {
            matches!(model.statement_of(parent), Some((_, Stmt::Return(_)))) && only_looks(ctx, parent)
        }
        AnyNodeRef::Arguments(_) => match model.node(model.parent(parent)) {
            AnyNodeRef::ExprCall(call) => LOOKS.iter().any(|name| model.is_builtin(&call.func, name)),
            _ => false,
        },
        _ => false,
    }
}

/// The statements of a group that make a task and keep nothing of it.
fn dropped_tasks<'a>(ctx: &Context<'a>, group: &'a ast::StmtWith, handle: &str) -> Vec<&'a ast::ExprCall> {
    created_tasks(ctx, group, handle)
        .filter(|call| ctx.model.node(ctx.model.parent(ctx.model.id(*call))).is_stmt_expr())
        .collect()
}

fn created_tasks<'c, 'a>(
    ctx: &'c Context<'a>,
    group: &'a ast::StmtWith,
    handle: &'c str,
) -> impl Iterator<Item = &'a ast::ExprCall> + 'c {
    ctx.model
        .subtree(ctx.model.id(group))
        .filter_map(move |(_, node)| match node {
            AnyNodeRef::ExprCall(call) => match &*call.func {
                Expr::Attribute(method) if method.attr.as_str() == "create_task" => {
                    matches!(&*method.value, Expr::Name(name) if name.id == handle).then_some(call)
                }
                _ => None,
            },
            _ => None,
        })
}

fn rewrite(ctx: &Context, lost: &Lost) -> Result<Fix, Declined> {
    let model = ctx.model;
    let at = model.id(lost.group);
    let is_list = match lost.value {
        Expr::List(_) => true,
        Expr::Call(call) => model.is_builtin(&call.func, "list"),
        _ => false,
    };
    if !is_list {
        return Err(format!(
            "what belongs into `{}` is not said: keep the tasks, and take their results",
            lost.name
        )
        .into());
    }
    let created = dropped_tasks(ctx, lost.group, lost.handle);
    if created.len() != created_tasks(ctx, lost.group, lost.handle).count() {
        return Err("some of its tasks are kept, and others are not: which belong into the list is not said".into());
    }
    for call in &created {
        check_task(ctx, call, model.scope_of(at))?;
    }
    let (block, index) = model.block_of(at).ok_or("the group is not part of a block")?;
    let is_beside = block[..index].iter().any(|stmt| std::ptr::eq(stmt, lost.empty));
    let end = block.last().map_or(lost.group.end(), Ranged::end);
    if !is_beside || lost.reads.iter().any(|&read| model.node(read).end() > end) {
        return Err(
            "the list is read where the group may have failed: which results are there then must be decided".into(),
        );
    }
    own_lines(ctx.module, lost.empty.start(), lost.empty.end())?;
    own_lines(ctx.module, lost.group.start(), lost.group.end())?;

    let edits = emit::edits(ctx, lost, block, &created);
    Ok(Fix::unsafe_because(
        format!(
            "`{}` was always empty, and now holds what the tasks return, in the order in which they were created",
            lost.name
        ),
        edits,
    ))
}

fn check_task(ctx: &Context, call: &ast::ExprCall, scope: ScopeId) -> Result<(), Declined> {
    let model = ctx.model;
    if model.scope_of(model.id(call)) != scope {
        return Err("a nested function makes its tasks".into());
    }
    let Some(Expr::Call(coroutine)) = call.arguments.args.first() else {
        return Ok(());
    };
    let returns_nothing = model.function_of(&coroutine.func).filter(|function| {
        let own = model.body_scope(function);
        !model.subtree(model.id(*function)).any(|(id, node)| {
            matches!(node, AnyNodeRef::StmtReturn(stmt) if stmt.value.is_some()) && model.scope_of(id) == own
        })
    });
    match returns_nothing {
        Some(function) => Err(format!("`{}` returns nothing that could be collected", function.name).into()),
        None => Ok(()),
    }
}
