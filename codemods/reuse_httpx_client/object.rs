//! Methods that make a client for each call: the object makes one, and has a method that closes it.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::Ranged;

use super::{OwnClient, SHARED, check_shareable, without_block};
use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::semantic::NodeId;
use crate::semantic::members::class_value;

pub(super) fn run<'a>(ctx: &Context<'a>, acc: &mut Findings, clients: &[OwnClient<'a>]) {
    let mut seen: Vec<NodeId> = Vec::new();
    // A client that serves a batch is shared already.
    let is_single = |client: &&OwnClient| !repeats_itself(ctx, client) && !super::batch::is_item(ctx, client);
    let clients: Vec<&OwnClient> = clients.iter().filter(is_single).collect();
    for client in &clients {
        let Some(class) = ctx.model.class_of_method(client.function) else {
            continue;
        };
        if seen.contains(&ctx.model.id(class)) {
            continue;
        }
        seen.push(ctx.model.id(class));
        let own: Vec<&OwnClient> = clients
            .iter()
            .copied()
            .filter(|other| {
                let owner = ctx.model.class_of_method(other.function);
                owner.is_some_and(|owner| owner.range() == class.range())
            })
            .collect();
        let message = format!(
            "`{}` makes a client for every call: each stops the event loop for 60 ms and more, and no connection is used twice",
            client.function.name
        );
        acc.push(client.call, message, rewrite(ctx, class, &own));
    }
}

/// Whether the block of a client sends requests in a loop, or in tasks of a group.
fn repeats_itself(ctx: &Context, client: &OwnClient) -> bool {
    let mut nodes = client
        .with
        .body
        .iter()
        .flat_map(|stmt| ctx.model.subtree(ctx.model.id(stmt)));
    nodes.any(|(_, node)| {
        node.is_stmt_for() || node.is_stmt_while() || node.is_comprehension() || node.is_stmt_function_def()
    })
}

/// The name of a method's first parameter, which is the object.
fn object_of<'a>(ctx: &Context<'a>, function: &'a ast::StmtFunctionDef) -> Result<&'a str, Declined> {
    let first = function.parameters.iter_non_variadic_params().next();
    match first {
        Some(first) if function.decorator_list.is_empty() => Ok(first.name().as_str()),
        _ => Err(format!(
            "`{}` is decorated: it may have no object of its own",
            ctx.model.slice(&function.name)
        )
        .into()),
    }
}

fn rewrite<'a>(ctx: &Context<'a>, class: &'a ast::StmtClassDef, clients: &[&OwnClient<'a>]) -> Result<Fix, Declined> {
    let model = ctx.model;
    if !class.decorator_list.is_empty() {
        return Err(format!(
            "`{}` is decorated, and may be made in another way than by `__init__`",
            class.name
        )
        .into());
    }
    let methods = || class.body.iter().filter_map(Stmt::as_function_def_stmt);
    let init = methods()
        .find(|method| method.name.as_str() == "__init__")
        .ok_or_else(|| {
            Declined(format!(
                "`{}` has no `__init__` in which one client could be made",
                class.name
            ))
        })?;
    let closes = |name: &&str| methods().any(|method| method.name.as_str() == *name);
    if let Some(name) = ["aclose", "close", "__aenter__", "__aexit__"]
        .iter()
        .find(|name| closes(name))
    {
        return Err(format!(
            "`{}` has a `{name}` already: make the client in `__init__`, and close it there",
            class.name
        )
        .into());
    }
    let object = object_of(ctx, init)?;
    let attribute = ["_client", "_http_client"]
        .into_iter()
        .find(|name| {
            !model.slice(class).contains(&format!(".{name}")) && !model.slice(class).contains(&format!("def {name}"))
        })
        .ok_or("its object has a `_client` already")?;
    let shared = model.slice(&clients[0].call.arguments);
    let mut edits: Vec<Edit> = Vec::new();
    for client in clients {
        if model.slice(&client.call.arguments) != shared {
            return Err("its methods make clients that differ".into());
        }
        if object_of(ctx, client.function)? != object {
            return Err("its methods call the object by different names".into());
        }
        let own = model.body_scope(client.function);
        check_shareable(ctx, client, own)?;
        check_arguments(ctx, client, class, init, object)?;
        edits.extend(without_block(ctx, client, None)?);
        for reference in model.references_to(model.lookup(client.name, own), client.name) {
            edits.push(Edit::replacement(
                format!("{object}.{attribute}"),
                reference.name.range(),
            ));
        }
    }
    let last = init.body.last().ok_or("its `__init__` is empty")?;
    let returns = model.subtree(model.id(init)).any(|(_, node)| node.is_stmt_return());
    if returns || !ctx.module.is_first_on_line(last.start()) {
        return Err("its `__init__` returns before its end, or is on one line".into());
    }
    let (indent, unit) = (ctx.indentation(last).to_owned(), ctx.indent_unit(model.id(last)));
    let opening = format!("{indent}{object}.{attribute} = ");
    let made = ctx.pretty(&ctx.call_doc(clients[0].call), &indent, &unit, &opening, "");
    edits.push(Edit::insertion(
        format!("\n{opening}{made}"),
        ctx.module.line_end(last.end()),
    ));
    let end = class.body.last().ok_or("its class is empty")?;
    let (indent, unit) = (ctx.indentation(end).to_owned(), ctx.indent_unit(model.id(end)));
    edits.push(Edit::insertion(
        format!("\n\n{indent}async def aclose({object}):\n{indent}{unit}await {object}.{attribute}.aclose()"),
        ctx.module.line_end(end.end()),
    ));
    edits.sort_by_key(|edit| (edit.start(), edit.end()));
    Ok(Fix::unsafe_because(
        format!(
            "whoever makes the object has to call its `aclose()` at the end, and to use it in one event loop; {SHARED}"
        ),
        edits,
    ))
}

/// The client is made when the object is: its arguments must be known there, and stay.
fn check_arguments(
    ctx: &Context,
    client: &OwnClient,
    class: &ast::StmtClassDef,
    init: &ast::StmtFunctionDef,
    object: &str,
) -> Result<(), Declined> {
    let model = ctx.model;
    for argument in client.call.arguments.iter_source_order() {
        for (id, node) in model.subtree(model.id(argument.value())) {
            let AnyNodeRef::ExprName(name) = node else { continue };
            let parent = model.node(model.parent(id));
            if name.id.as_str() != object {
                let is_outside = model
                    .resolve(&name.id, model.scope_of(id))
                    .all(|binding| !model.contains(model.id(client.function), binding.node));
                if !is_outside {
                    return Err(format!("`{}` is known to `{}` alone", name.id, client.function.name).into());
                }
                continue;
            }
            let AnyNodeRef::ExprAttribute(attribute) = parent else {
                return Err("the client is given the object itself".into());
            };
            let stores: Vec<_> = model
                .attribute_stores()
                .filter(|store| {
                    store.attr.as_str() == attribute.attr.as_str() && matches!(&*store.value, Expr::Name(_))
                })
                .collect();
            let in_init = |store: &&ast::ExprAttribute| model.contains(model.id(init), model.id(*store));
            // `BASE = "https://..."` in the body of the class.
            let in_body = class_value(class, &attribute.attr).is_some();
            let is_settled = (in_body || !stores.is_empty()) && stores.iter().all(in_init);
            if !is_settled {
                return Err(format!("`{}` may be another one by the time of a call", model.slice(attribute)).into());
            }
        }
    }
    Ok(())
}
