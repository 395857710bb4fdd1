//! A helper that is called for each item and makes a client each time: the batch makes one, and passes it to the helper.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::{OwnClient, SHARED, between, check_shareable, without_block};
use crate::codemod::Context;
use crate::draft::Draft;
use crate::edit::Fix;
use crate::finding::{Declined, Findings};
use crate::semantic::NodeId;

/// Blocks that wait for the tasks that are made in them.
const GROUPS: &[&str] = &["asyncio.TaskGroup", "anyio.create_task_group", "trio.open_nursery"];

pub(super) fn run(ctx: &Context, acc: &mut Findings, clients: &[OwnClient]) {
    for client in clients {
        let function = client.function;
        let calls = calls(ctx, function);
        // A client for one call is as it should be.
        if !calls.iter().flatten().any(|call| repeats(ctx, call).is_some()) {
            continue;
        }
        let message = format!(
            "`{}` makes a client for every item: each stops the event loop for 60 ms and more, and no connection is used twice",
            function.name
        );
        acc.push(client.call, message, rewrite(ctx, client, &calls));
    }
}

/// The uses of a function: calls, and `None` for what is something else.
fn calls<'a>(ctx: &Context<'a>, function: &'a ast::StmtFunctionDef) -> Vec<Option<&'a ast::ExprCall>> {
    let model = ctx.model;
    let uses = model.uses_of_function(function).into_iter();
    uses.map(|found| match model.node(model.parent(found.reference)) {
        AnyNodeRef::ExprCall(call) if call.func.range() == model.node(found.reference).range() => Some(call),
        _ => None,
    })
    .collect()
}

/// Whether the function that makes a client is called for each item of a batch.
pub(super) fn is_item(ctx: &Context, client: &OwnClient) -> bool {
    calls(ctx, client.function)
        .iter()
        .flatten()
        .any(|call| repeats(ctx, call).is_some())
}

/// The outermost loop, comprehension or group of tasks around a call, in the function that makes it; `None` for a call that is awaited before
/// the next one is made.
fn repeats(ctx: &Context, call: &ast::ExprCall) -> Option<NodeId> {
    let model = ctx.model;
    let mut found = None;
    if matches!(model.node(model.parent(model.id(call))), AnyNodeRef::ExprAwait(_)) {
        return None;
    }
    for (id, node) in model.ancestors(model.id(call)) {
        match node {
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) | AnyNodeRef::StmtClassDef(_) => break,
            AnyNodeRef::ExprListComp(_)
            | AnyNodeRef::ExprSetComp(_)
            | AnyNodeRef::ExprDictComp(_)
            | AnyNodeRef::ExprGenerator(_)
            | AnyNodeRef::StmtFor(_)
            | AnyNodeRef::StmtWhile(_) => found = Some(id),
            AnyNodeRef::StmtWith(with) if found.is_some() && is_group(ctx, with) => found = Some(id),
            _ => {}
        }
    }
    found
}

fn is_group(ctx: &Context, with: &ast::StmtWith) -> bool {
    with.items.iter().any(|item| match &item.context_expr {
        Expr::Call(call) => ctx
            .model
            .qualified_name(&call.func)
            .is_some_and(|name| GROUPS.contains(&name.as_str())),
        _ => false,
    })
}

fn rewrite(ctx: &Context, client: &OwnClient, calls: &[Option<&ast::ExprCall>]) -> Result<Fix, Declined> {
    let model = ctx.model;
    let function = client.function;
    if !function.decorator_list.is_empty() {
        return Err(format!("`{}` is decorated, and may be called by others", function.name).into());
    }
    let calls = calls
        .iter()
        .copied()
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| Declined(format!("`{}` is passed on, and may be called by others", function.name)))?;
    let [call] = calls[..] else {
        return Err(format!("`{}` is called in several places", function.name).into());
    };
    let (first, last) = batch(ctx, call)?;
    let statements = between(ctx, first, last).ok_or("its batch is no block")?;
    let caller = model
        .enclosing_function(first)
        .filter(|caller| caller.is_async)
        .ok_or("the batch does not stand in an async function")?;
    check_shareable(ctx, client, model.body_scope(caller))?;
    let yields = statements.iter().any(|stmt| {
        model
            .subtree(model.id(stmt))
            .any(|(_, node)| matches!(node, AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_)))
    });
    if yields {
        return Err("the batch yields, and would keep the client open meanwhile".into());
    }
    let parameters = &function.parameters;
    if parameters
        .iter_source_order()
        .any(|parameter| parameter.as_parameter().name.as_str() == client.name)
    {
        return Err(format!("`{}` is a parameter already", client.name).into());
    }
    let name = name_in_batch(ctx, client, caller);
    let range = TextRange::new(
        statements.first().map_or(TextSize::default(), Ranged::start),
        statements.last().map_or(TextSize::default(), Ranged::end),
    );
    let mut draft = Draft::new(ctx);
    draft.put_under(range, format!("async with {} as {name}:", one_line(ctx, client.call)));
    let comma = if call.arguments.is_empty() { "" } else { ", " };
    draft.insert(call.arguments.start() + TextSize::new(1), format!("{name}{comma}"));
    let mut edits = draft.finish()?;
    edits.extend(without_block(ctx, client, None)?);
    edits.push(parameter(ctx, client)?);
    edits.sort_by_key(|edit| (edit.start(), edit.end()));
    let overlap = edits.windows(2).any(|pair| pair[0].end() > pair[1].start());
    if overlap {
        return Err("the helper stands inside of its batch".into());
    }
    // Another module may call it as well, and would not give it a client.
    let is_program = model
        .calls_to("asyncio.run")
        .any(|call| model.enclosing_function(model.id(call)).is_none());
    let is_private = model.enclosing_function(model.id(function)).is_some() || function.name.starts_with('_');
    if !is_private && !is_program {
        return Err(format!(
            "`{}` may be called by other modules, which would give it no client",
            function.name
        )
        .into());
    }
    Ok(Fix::unsafe_because(SHARED, edits))
}

/// The helper's name for the client, unless the caller has that name for something else.
fn name_in_batch(ctx: &Context, client: &OwnClient, caller: &ast::StmtFunctionDef) -> String {
    let model = ctx.model;
    let helper = model.id(client.function);
    let is_taken = |name: &str| {
        let caller = model.id(caller);
        let mut references = model.references_in(caller).iter();
        let mut bindings = model.bindings_within(caller).iter();
        references.any(|reference| reference.name.id == name && !model.contains(helper, reference.node))
            || bindings.any(|binding| binding.name == name && !model.contains(helper, binding.node))
    };
    if is_taken(client.name) {
        let at = caller.body.first().map_or(helper, |stmt| model.id(stmt));
        model.fresh_name(client.name, at)
    } else {
        client.name.to_owned()
    }
}

/// A call on one line, for the header of a block.
fn one_line(ctx: &Context, call: &ast::ExprCall) -> String {
    let text = ctx.module.slice(call);
    if !text.contains('\n') {
        return text.to_owned();
    }
    let arguments: Vec<&str> = call
        .arguments
        .iter_source_order()
        .map(|argument| ctx.module.slice(argument))
        .collect();
    format!("{}({})", ctx.module.slice(&*call.func), arguments.join(", "))
}

/// The parameter in front of the others, annotated where they are.
fn parameter(ctx: &Context, client: &OwnClient) -> Result<crate::edit::Edit, Declined> {
    let function = client.function;
    let parameters = &function.parameters;
    let is_method = ctx.model.class_of_method(function).is_some();
    let mut positional = parameters.posonlyargs.iter().chain(&parameters.args);
    let own = if is_method {
        Some(positional.next().ok_or("the method has no parameter")?)
    } else {
        None
    };
    let is_annotated = parameters
        .iter_source_order()
        .any(|parameter| parameter.as_parameter().annotation.is_some())
        || function.returns.is_some();
    let annotation = if is_annotated {
        format!(": {}", ctx.module.slice(&*client.call.func))
    } else {
        String::new()
    };
    let text = format!("{}{annotation}", client.name);
    Ok(match own {
        Some(own) => crate::edit::Edit::insertion(format!(", {text}"), own.end()),
        None => {
            let comma = if parameters.is_empty() { "" } else { ", " };
            crate::edit::Edit::insertion(format!("{text}{comma}"), parameters.start() + TextSize::new(1))
        }
    })
}

/// The first and the last statement of what must stand under the client: from the calls to where the last of them is awaited.
fn batch(ctx: &Context, call: &ast::ExprCall) -> Result<(NodeId, NodeId), Declined> {
    let model = ctx.model;
    let at = model.id(call);
    let outer = repeats(ctx, call).ok_or("it is called once")?;
    let (stmt, syntax) = model.statement_of(outer).ok_or("it stands in no statement")?;
    // Something awaits all of them in this very statement, or a group does at its end.
    let is_awaited = model
        .ancestors(at)
        .take_while(|(id, _)| *id >= stmt)
        .any(|(_, node)| match node {
            AnyNodeRef::ExprAwait(_) => true,
            AnyNodeRef::StmtWith(with) => is_group(ctx, with),
            AnyNodeRef::StmtFor(stmt) => stmt.is_async,
            _ => false,
        })
        || matches!(syntax, Stmt::For(inner) if as_completed(ctx, &inner.iter));
    if is_awaited {
        return Ok((stmt, stmt));
    }
    // `tasks = [fetch(item) for item in items]`, or `tasks.append(...)` in a loop: what is kept must be awaited behind it.
    let kept = match syntax {
        Stmt::Assign(assign) => match &*assign.targets {
            [Expr::Name(name)] => name,
            _ => return Err("it is not seen where its calls are awaited".into()),
        },
        _ => appended_to(ctx, at).ok_or("it is not seen where its calls are awaited")?,
    };
    let (block, from) = model.block_of(stmt).ok_or("it stands in no block")?;
    let mentions = |stmt: &Stmt| {
        model
            .references_in(model.id(stmt))
            .iter()
            .any(|reference| reference.name.id == kept.id)
    };
    let last = block.iter().rposition(mentions).filter(|last| *last > from);
    let last = last.ok_or("it is not seen where its calls are awaited")?;
    let awaits = |stmt: &Stmt| {
        model.references_in(model.id(stmt)).iter().any(|reference| {
            reference.name.id == kept.id
                && model
                    .ancestors(reference.node)
                    .take_while(|(id, _)| *id >= model.id(stmt))
                    .any(|(_, node)| matches!(node, AnyNodeRef::ExprAwait(_) | AnyNodeRef::StmtFor(_)))
        })
    };
    if !block[from + 1..=last].iter().any(awaits) {
        return Err("it is not seen where its calls are awaited".into());
    }
    // The list may be made above the loop that fills it.
    Ok((stmt, model.id(&block[last])))
}

/// `tasks` in `tasks.append(fetch(item))`.
fn appended_to<'a>(ctx: &Context<'a>, call: NodeId) -> Option<&'a ast::ExprName> {
    let model = ctx.model;
    model.ancestors(call).find_map(|(_, node)| match node {
        AnyNodeRef::ExprCall(outer) => match &*outer.func {
            Expr::Attribute(method) if matches!(method.attr.as_str(), "append" | "add") => method.value.as_name_expr(),
            _ => None,
        },
        _ => None,
    })
}

/// `for future in asyncio.as_completed([...])`
fn as_completed(ctx: &Context, iterable: &Expr) -> bool {
    iterable
        .as_call_expr()
        .and_then(|call| ctx.model.qualified_name(&call.func))
        .is_some_and(|name| name == "asyncio.as_completed")
}
