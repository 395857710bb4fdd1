//! `client = httpx.AsyncClient()` that nothing closes -> `async with httpx.AsyncClient() as client:`, and `close()`, which it has not, -> `aclose()`.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::draft::Draft;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::layout::own_lines;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId};

const CLASSES: &[&str] = &["httpx.AsyncClient", "httpx2.AsyncClient"];

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    for call in CLASSES.iter().flat_map(|class| model.calls_to(class)) {
        if let Some(client) = kept_client(ctx, call) {
            let message = format!(
                "nothing closes `{}`: its connections stay open until they are collected",
                client.name
            );
            acc.push(call, message, enter(ctx, &client));
        }
    }
    for call in model.calls() {
        if let Expr::Attribute(method) = &*call.func
            && method.attr.as_str() == "close"
            && matches!(model.type_of(&method.value), Type::Foreign(class) if CLASSES.contains(&class.as_str()))
        {
            let message = "an asynchronous client has no method `close`: the call raises AttributeError";
            acc.push_defect(call, message, close(ctx, call, method));
        }
    }
}

/// `client = httpx.AsyncClient(...)` in an async function.
struct Kept<'a> {
    call: &'a ast::ExprCall,
    stmt: &'a Stmt,
    id: NodeId,
    name: &'a str,
    references: Vec<NodeId>,
}

/// A client that a function keeps in a local variable, and of which it uses nothing but members: none of them closes it.
fn kept_client<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<Kept<'a>> {
    let model = ctx.model;
    let (id, stmt) = model.statement_of(model.id(call))?;
    let function = model.enclosing_function(id).filter(|function| function.is_async)?;
    let Stmt::Assign(assign) = stmt else { return None };
    let [Expr::Name(name)] = &*assign.targets else {
        return None;
    };
    if assign.value.range() != call.range() {
        return None;
    }
    let scope = model.body_scope(function);
    let mut bindings = model.bindings_in(scope, &name.id);
    let is_local = matches!((bindings.next(), bindings.next()), (Some(binding), None) if matches!(binding.kind, BindingKind::Assignment(_)));
    if !is_local {
        return None;
    }
    let references: Vec<NodeId> = model
        .references_to(scope, &name.id)
        .map(|reference| reference.node)
        .collect();
    let only_sends = references.iter().all(|reference| {
        let parent = model.parent(*reference);
        let AnyNodeRef::ExprAttribute(attribute) = model.node(parent) else {
            return false;
        };
        let ends = matches!(
            attribute.attr.as_str(),
            "aclose" | "close" | "__aenter__" | "__aexit__" | "is_closed"
        );
        // What stands in a nested function may run when the block has ended.
        !ends
            && model
                .function_of_scope(model.scope_of(*reference))
                .map(|inner| model.id(inner))
                == Some(model.id(function))
    });
    (only_sends && !references.is_empty()).then_some(Kept {
        call,
        stmt,
        id,
        name: &name.id,
        references,
    })
}

/// The statements from the one behind the assignment to the last that uses the client go under `async with`.
fn enter(ctx: &Context, client: &Kept) -> Result<Fix, Declined> {
    let model = ctx.model;
    own_lines(ctx.module, client.stmt.start(), client.stmt.end())?;
    let lines = TextRange::new(
        ctx.module.line_start(client.stmt.start()),
        ctx.module.line_end(client.stmt.end()),
    );
    if !ctx.module.comments_in(lines).is_empty() {
        return Err("a comment stands beside the assignment".into());
    }
    let (block, index) = model.block_of(client.id).ok_or("it stands in no block")?;
    let last = block
        .iter()
        .rposition(|stmt| {
            client
                .references
                .iter()
                .any(|reference| model.contains(model.id(stmt), *reference))
        })
        .filter(|last| *last > index)
        .ok_or("it is used outside of its block")?;
    let inside = &block[index + 1..=last];
    let all_inside = client
        .references
        .iter()
        .all(|reference| inside.iter().any(|stmt| model.contains(model.id(stmt), *reference)));
    if !all_inside {
        return Err("it is used outside of its block".into());
    }
    let nodes = || inside.iter().flat_map(|stmt| model.subtree(model.id(stmt)));
    if nodes().any(|(_, node)| matches!(node, AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_))) {
        return Err("a `yield` stands before its last use: the client would stay open meanwhile".into());
    }
    for reference in &client.references {
        check_ended(ctx, *reference)?;
    }
    for (_, node) in nodes() {
        if let AnyNodeRef::ExprCall(call) = node {
            check_leaves_nothing(ctx, call)?;
        }
    }
    let (Some(first), Some(end)) = (inside.first(), inside.last()) else {
        return Err("nothing uses it".into());
    };
    let header = format!("async with {} as {}:", ctx.module.slice(client.call), client.name);
    let mut draft = Draft::new(ctx);
    draft.put_under(TextRange::new(first.start(), end.end()), header);
    // The blank lines and comments between the assignment and the block stay above the block.
    draft.delete(TextRange::new(
        ctx.module.line_start(client.stmt.start()),
        ctx.module.line_end_with_newline(client.stmt.end()),
    ));
    Ok(Fix::safe(draft.finish()?))
}

/// Refuses a request that is not seen to be answered in the statement that makes it.
fn check_ended(ctx: &Context, reference: NodeId) -> Result<(), Declined> {
    let model = ctx.model;
    let attribute = model.parent(reference);
    let is_called = model.is_callee(attribute);
    let builds = matches!(model.node(attribute), AnyNodeRef::ExprAttribute(attribute) if attribute.attr.as_str() == "build_request");
    let waits = || {
        model
            .ancestors(reference)
            .take_while(|(_, node)| !node.is_statement())
            .any(|(_, node)| matches!(node, AnyNodeRef::ExprAwait(_) | AnyNodeRef::WithItem(_)))
    };
    if is_called && !builds && !waits() {
        let text = model.slice(model.node(attribute));
        return Err(format!("it is not seen where `{text}(...)` is awaited").into());
    }
    Ok(())
}

/// Refuses what may still use the client when the block has ended.
fn check_leaves_nothing(ctx: &Context, call: &ast::ExprCall) -> Result<(), Declined> {
    let text = ctx.module.slice(&*call.func);
    let name = text.rsplit('.').next().unwrap_or_default();
    if matches!(name, "create_task" | "ensure_future") {
        return Err(format!("`{text}` starts something that may still use the client when it is closed").into());
    }
    if call.arguments.find_keyword("stream").is_some() {
        return Err("a streamed answer may be read when the client is closed".into());
    }
    Ok(())
}

/// `client.close()` -> `await client.aclose()`
fn close(ctx: &Context, call: &ast::ExprCall, method: &ast::ExprAttribute) -> Result<Fix, Declined> {
    let model = ctx.model;
    let at = model.id(call);
    if !call.arguments.is_empty() {
        return Err("it is called with arguments".into());
    }
    let seen = model.failure_is_seen(at)?;
    let mut edits = vec![Edit::replacement("aclose", method.attr.range())];
    if matches!(model.node(model.parent(at)), AnyNodeRef::ExprAwait(_)) {
        return Ok(Fix::with_doubt(seen, edits));
    }
    let doubt = ctx.may_await(at)?.or(seen);
    edits.extend(ctx.await_edits(call));
    edits.sort_by_key(|edit| (edit.start(), edit.end()));
    Ok(Fix::with_doubt(doubt, edits))
}
