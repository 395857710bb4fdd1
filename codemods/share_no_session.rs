//! One asynchronous session in several tasks at once: reported, and given to each task anew where the tasks are calls of one function.

mod used;

use std::collections::BTreeMap;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::knowledge::sqlalchemy::Role;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId};

use used::sessions_in;

/// A coroutine that becomes a task, and whether there will be many of its kind.
struct Child<'a> {
    coroutine: &'a Expr,
    /// The comprehension or the loop that makes many.
    repeated_by: Option<NodeId>,
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    for call in model.calls_to("asyncio.gather") {
        let children = gathered(ctx, &call.arguments.args);
        report(ctx, call, &children, acc);
    }
    for call in model.calls_to("asyncio.as_completed") {
        let children = call
            .arguments
            .args
            .first()
            .map_or_else(Vec::new, |all| elements(ctx, all));
        report(ctx, call, &children, acc);
    }
    // Tasks of one block, of a group or not.
    let mut started: BTreeMap<NodeId, (Vec<Child>, &ast::ExprCall)> = BTreeMap::new();
    for call in model.calls().filter(|call| starts_task(ctx, call)) {
        let (Some(coroutine), Some(function)) = (call.arguments.args.first(), model.enclosing_function(model.id(call)))
        else {
            continue;
        };
        let id = model.id(call);
        let repeated_by = model.loops(id).next().or_else(|| comprehension_around(ctx, id));
        let entry = started.entry(model.id(function)).or_insert_with(|| (Vec::new(), call));
        entry.0.push(Child { coroutine, repeated_by });
    }
    for (children, call) in started.values() {
        report(ctx, call, children, acc);
    }
}

fn starts_task(ctx: &Context, call: &ast::ExprCall) -> bool {
    let model = ctx.model;
    let is_function = model
        .qualified_name(&call.func)
        .is_some_and(|name| matches!(name.as_str(), "asyncio.create_task" | "asyncio.ensure_future"));
    let is_group = || {
        matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "create_task"
            && matches!(model.type_of(&method.value), Type::Foreign(name) if name == "asyncio.TaskGroup")
            || matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "create_task" && is_task_group(ctx, &method.value)))
    };
    is_function || is_group()
}

/// `tg` of `async with asyncio.TaskGroup() as tg`.
fn is_task_group(ctx: &Context, expr: &Expr) -> bool {
    let Expr::Name(name) = expr else { return false };
    let model = ctx.model;
    let binding = model.sole_binding(&name.id, model.scope_of(model.id(name)));
    matches!(binding.map(|binding| binding.kind), Some(BindingKind::With(item, true))
        if matches!(&item.context_expr, Expr::Call(call) if model.qualified_name(&call.func).is_some_and(|name| name == "asyncio.TaskGroup")))
}

fn comprehension_around(ctx: &Context, id: NodeId) -> Option<NodeId> {
    ctx.model
        .ancestors(id)
        .take_while(|(_, node)| !node.is_statement())
        .find(|(_, node)| {
            matches!(
                node,
                AnyNodeRef::ExprListComp(_) | AnyNodeRef::ExprGenerator(_) | AnyNodeRef::ExprSetComp(_)
            )
        })
        .map(|(id, _)| id)
}

/// The coroutines that `gather` is given, those of comprehensions once.
fn gathered<'a>(ctx: &Context<'a>, arguments: &'a [Expr]) -> Vec<Child<'a>> {
    let mut children = Vec::new();
    for argument in arguments {
        match argument {
            Expr::Starred(starred) => children.extend(elements(ctx, &starred.value)),
            coroutine => children.push(Child {
                coroutine,
                repeated_by: None,
            }),
        }
    }
    children
}

/// The coroutines of a list, or of a comprehension, or of a name for one.
fn elements<'a>(ctx: &Context<'a>, all: &'a Expr) -> Vec<Child<'a>> {
    let model = ctx.model;
    let many = |element: &'a Expr, id: NodeId| {
        vec![Child {
            coroutine: element,
            repeated_by: Some(id),
        }]
    };
    match all {
        Expr::ListComp(inner) => many(&inner.elt, model.id(inner)),
        Expr::Generator(inner) => many(&inner.elt, model.id(inner)),
        Expr::SetComp(inner) => many(&inner.elt, model.id(inner)),
        Expr::List(list) => gathered(ctx, &list.elts),
        Expr::Name(name) => {
            let binding = model.sole_binding(&name.id, model.scope_of(model.id(name)));
            match binding.map(|binding| binding.kind) {
                Some(BindingKind::Assignment(value @ (Expr::ListComp(_) | Expr::List(_)))) => elements(ctx, value),
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

fn report(ctx: &Context, at: &ast::ExprCall, children: &[Child], acc: &mut Findings) {
    let mut users: BTreeMap<String, (usize, &Expr)> = BTreeMap::new();
    for child in children {
        for used in sessions_in(ctx, child.coroutine) {
            let many = child
                .repeated_by
                .is_some_and(|outer| !is_bound_in(ctx, used.root, outer));
            let entry = users.entry(used.text).or_insert((0, used.session));
            entry.0 += if many { 2 } else { 1 };
        }
    }
    for (text, (count, session)) in users {
        if count > 1 {
            let message = format!("several tasks use the session `{text}` at once");
            acc.push_defect(&*at.func, message, separate(ctx, children, session));
        }
    }
}

/// Whether the name that a session is reached by is bound inside a node.
fn is_bound_in(ctx: &Context, session: &Expr, outer: NodeId) -> bool {
    let model = ctx.model;
    let mut at = session;
    while let Expr::Attribute(attribute) = at {
        at = &attribute.value;
    }
    let Expr::Name(name) = at else { return false };
    let range = model.node(outer).range();
    model
        .resolve(&name.id, model.scope_of(model.id(name)))
        .any(|binding| range.contains_range(binding.range))
}

/// A session for each task: a function of the function that opens one around the call that a task is.
fn separate(ctx: &Context, children: &[Child], session: &Expr) -> Result<Fix, Declined> {
    let model = ctx.model;
    let advice = "give each task a session of its own, made in it by the factory";
    let Expr::Name(name) = session else {
        return Err(advice.into());
    };
    let binding = model
        .sole_binding(&name.id, model.scope_of(model.id(name)))
        .ok_or(advice)?;
    let BindingKind::With(item, true) = binding.kind else {
        return Err(advice.into());
    };
    let (with_id, Stmt::With(with)) = model.statement_of(binding.node).ok_or(advice)? else {
        return Err(advice.into());
    };
    let is_made = matches!(&item.context_expr, Expr::Call(call) if model
        .sqlalchemy_object(&call.func)
        .is_some_and(|class| class.role == Role::Factory)
        || model.qualified_name(&call.func).is_some());
    let [call] = calls_with(ctx, children, name).ok_or(advice)?[..] else {
        return Err(advice.into());
    };
    let Expr::Name(callee) = &*call.func else {
        return Err(advice.into());
    };
    if with.items.len() != 1 || !is_made {
        return Err(advice.into());
    }
    // Nothing else of the block may use the session: then the block is not needed.
    let others = model
        .references_in(with_id)
        .iter()
        .filter(|reference| reference.name.id == name.id && !call.range().contains_range(reference.name.range()))
        .count();
    let is_first = call
        .arguments
        .args
        .first()
        .is_some_and(|first| first.range() == children_session(call, name).unwrap_or_default());
    if others > 0
        || !is_first
        || !call.arguments.keywords.is_empty()
        || call.arguments.args.iter().any(Expr::is_starred_expr)
    {
        return Err(advice.into());
    }
    let parameters = match model.function_of(&call.func) {
        Some(function) => function
            .parameters
            .posonlyargs
            .iter()
            .chain(&function.parameters.args)
            .skip(1)
            .take(call.arguments.args.len() - 1)
            .map(|parameter| parameter.parameter.name.to_string())
            .collect::<Vec<_>>(),
        None => vec!["*args".to_owned()],
    };
    let parameters = parameters.join(", ");
    let helper = model.fresh_name(&format!("{}_in_session", callee.id), with_id);
    let separator = if parameters.is_empty() { "" } else { ", " };
    let indent = ctx.indentation(with);
    let unit = ctx.indent_unit(with_id);
    let header = format!(
        "async def {helper}({parameters}):\n{indent}{unit}async with {} as {}:\n{indent}{unit}{unit}return await {}({}{separator}{parameters})\n\n{indent}",
        ctx.module.slice(&item.context_expr),
        name.id,
        callee.id,
        name.id,
    );
    let (Some(first), Some(last)) = (with.body.first(), with.body.last()) else {
        return Err(advice.into());
    };
    let between = TextRange::new(with.start(), first.start());
    if !ctx.module.comments_in(between).is_empty()
        || ctx.module.location(with.start()).0 == ctx.module.location(first.start()).0
    {
        return Err(advice.into());
    }
    let mut edits = vec![Edit::replacement(header, between)];
    let inner = ctx.indentation(first).to_owned();
    edits.extend(ctx.reindent(TextRange::new(first.start(), last.end()), &inner, indent));
    edits.push(Edit::replacement(helper, call.func.range()));
    let behind = match call.arguments.args.get(1) {
        Some(next) => next.start(),
        None => call.arguments.args[0].end(),
    };
    edits.push(Edit::deletion(TextRange::new(call.arguments.args[0].start(), behind)));
    Ok(Fix::unsafe_because(
        "what one task changes and does not commit, the others no longer see, and each takes a connection of its own",
        edits,
    ))
}

fn children_session(call: &ast::ExprCall, name: &ast::ExprName) -> Option<TextRange> {
    call.arguments.args.iter().find_map(|argument| match argument {
        Expr::Name(other) if other.id == name.id => Some(argument.range()),
        _ => None,
    })
}

/// The calls of the children that are given the session.
fn calls_with<'a>(ctx: &Context, children: &[Child<'a>], name: &ast::ExprName) -> Option<Vec<&'a ast::ExprCall>> {
    let mut found = Vec::new();
    for child in children {
        let Expr::Call(call) = child.coroutine else { return None };
        if ctx
            .model
            .references_in(ctx.model.id(call))
            .iter()
            .any(|reference| reference.name.id == name.id)
        {
            found.push(call);
        }
    }
    Some(found)
}

/// Tasks are made, and a session may be there.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    glance::mentions(text, &["gather(", "create_task(", "ensure_future(", "as_completed("])
}
