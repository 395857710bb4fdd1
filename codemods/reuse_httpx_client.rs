//! A client that every item of a batch, every round of a loop, every method of an object or every request to an endpoint makes for itself -> one
//! that all of them share.

mod batch;
mod endpoint;
mod object;
mod round;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::{Declined, Findings};
use crate::semantic::{NodeId, ScopeId};

const CLASSES: &[&str] = &["httpx.AsyncClient", "httpx2.AsyncClient"];

/// Members of a client that send something and leave the client as it is.
const SENDING: &[&str] = &[
    "build_request",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "query",
    "request",
    "send",
    "stream",
];

/// What is different about one client, whoever shares it.
const SHARED: &str = "one client keeps the cookies that answers set, and has at most 100 connections, for one of which a request waits 5 seconds at most";

/// `async with httpx.AsyncClient(...) as client:` in a function.
struct OwnClient<'a> {
    function: &'a ast::StmtFunctionDef,
    with: &'a ast::StmtWith,
    call: &'a ast::ExprCall,
    name: &'a str,
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    let mut clients: Vec<OwnClient> = Vec::new();
    for class in CLASSES {
        clients.extend(model.calls_to(class).filter_map(|call| own_client(ctx, call)));
    }
    round::run(ctx, acc, &clients);
    object::run(ctx, acc, &clients);
    batch::run(ctx, acc, &clients);
    endpoint::run(ctx, acc, &clients);
}

/// The block that a client is made for, when it is all that the `async with` enters, in the function's own body.
fn own_client<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<OwnClient<'a>> {
    let model = ctx.model;
    let function = model
        .enclosing_function(model.id(call))
        .filter(|function| function.is_async)?;
    let item = model.parent(model.id(call));
    let AnyNodeRef::StmtWith(with) = model.node(model.parent(item)) else {
        return None;
    };
    let [only] = &*with.items else { return None };
    let Some(Expr::Name(name)) = only.optional_vars.as_deref() else {
        return None;
    };
    with.is_async.then_some(OwnClient {
        function,
        with,
        call,
        name: &name.id,
    })
}

/// Refuses a client that the function does more with than sending requests, or that hangs on what only the function knows.
///
/// `outer`: the scope in which the shared client will be made.
fn check_shareable(ctx: &Context, client: &OwnClient, outer: ScopeId) -> Result<(), Declined> {
    let model = ctx.model;
    let function = client.function;
    let own = model.body_scope(function);
    let others = CLASSES
        .iter()
        .flat_map(|class| model.calls_to(class))
        .filter(|call| model.contains(model.id(function), model.id(*call)));
    if others.count() > 1 {
        return Err(format!("`{}` makes more than one client", function.name).into());
    }
    if ctx.module.slice(function).to_lowercase().contains("cookie") {
        return Err("cookies are used, which a shared client would keep from one item to the next".into());
    }
    if model.is_generator(function) {
        return Err(format!("`{}` is a generator", function.name).into());
    }
    for argument in client.call.arguments.iter_source_order() {
        let value = argument.value();
        if matches!(argument, ast::ArgOrKeyword::Keyword(keyword) if keyword.arg.is_none()) {
            return Err("what `**` brings may differ from item to item".into());
        }
        for (id, node) in model.subtree(model.id(value)) {
            match node {
                AnyNodeRef::ExprName(name) => {
                    let seen = model.lookup(&name.id, model.scope_of(id));
                    if seen != model.lookup(&name.id, outer) {
                        return Err(format!("`{}` is known to `{}` alone", model.slice(value), function.name).into());
                    }
                }
                AnyNodeRef::ExprCall(call) if !is_setting(ctx, call) => {
                    return Err(format!("`{}` is made anew for each item", model.slice(call)).into());
                }
                AnyNodeRef::ExprAwait(_) | AnyNodeRef::ExprNamed(_) | AnyNodeRef::ExprLambda(_) => {
                    return Err(format!("`{}` is made anew for each item", model.slice(value)).into());
                }
                _ => {}
            }
        }
    }
    let bindings: Vec<_> = model.bindings_in(own, client.name).collect();
    if bindings.len() != 1 {
        return Err(format!("`{}` is bound more than once", client.name).into());
    }
    for reference in model.references_to(model.lookup(client.name, own), client.name) {
        if !client
            .with
            .body
            .iter()
            .any(|stmt| model.contains(model.id(stmt), reference.node))
        {
            return Err(format!("`{}` is used behind the block as well", client.name).into());
        }
        let parent = model.parent(reference.node);
        let is_sending = match model.node(parent) {
            AnyNodeRef::ExprAttribute(attribute) => {
                let is_call = model.is_callee(parent);
                is_call && SENDING.contains(&attribute.attr.as_str())
            }
            AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) => true,
            _ => false,
        };
        if !is_sending {
            let (line, _) = ctx.module.location(reference.name.start());
            return Err(format!("line {line} does more with the client than sending requests").into());
        }
    }
    Ok(())
}

/// `httpx.Timeout(10)` and the like: values without a state of their own.
fn is_setting(ctx: &Context, call: &ast::ExprCall) -> bool {
    ctx.model.qualified_name(&call.func).is_some_and(|name| {
        matches!(
            name.as_str(),
            "httpx.Timeout" | "httpx.Limits" | "httpx.URL" | "httpx2.Timeout" | "httpx2.Limits" | "httpx2.URL"
        )
    })
}

/// The edits that take the header of the client's block away and move its body outwards; `instead`: a line in the header's place.
fn without_block(ctx: &Context, client: &OwnClient, instead: Option<&str>) -> Result<Vec<Edit>, Declined> {
    let module = ctx.module;
    let with = client.with;
    let first = with.body.first().ok_or("its block is empty")?;
    let line = |text: &str| format!("{text}\n{}", ctx.indentation(with));
    let instead = instead.map(line).unwrap_or_default();
    if !module.is_first_on_line(with.start()) {
        return Err("the block shares its line with another statement".into());
    }
    if !module.is_first_on_line(first.start()) {
        let header = TextRange::new(with.start(), first.start());
        if !module.comments_in(header).is_empty() {
            return Err("a comment stands beside the header of the client's block".into());
        }
        return Ok(vec![Edit::replacement(instead, header)]);
    }
    let target = with.items[0]
        .optional_vars
        .as_deref()
        .map_or(with.items[0].end(), Ranged::end);
    let header = TextRange::new(with.start(), module.line_end_with_newline(target));
    let closing = module.text()[TextRange::new(header.end(), first.start())].trim_start();
    if closing.starts_with(')') || !module.comments_in(header).is_empty() {
        return Err("the header of the client's block has several lines, or a comment".into());
    }
    let indent = ctx.indentation(with).to_owned();
    let body = TextRange::new(header.end(), with.end());
    let mut edits = Vec::new();
    let lines = ctx.reindent(body, ctx.indentation(first), &indent);
    // What is left of the header's line is its indentation, in front of the body's first line.
    edits.push(Edit::replacement(
        instead,
        TextRange::new(
            with.start(),
            header.end() + ruff_text_size::TextSize::of(module.indentation(header.end())),
        ),
    ));
    edits.extend(lines.into_iter().filter(|edit| edit.start() > header.end()));
    Ok(edits)
}

/// The statements of a block from one to another, both included.
fn between<'a>(ctx: &Context<'a>, first: NodeId, last: NodeId) -> Option<&'a [Stmt]> {
    let (block, from) = ctx.model.block_of(first)?;
    let (_, to) = ctx.model.block_of(last)?;
    block.get(from..=to)
}
