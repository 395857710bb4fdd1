//! A client that each round of a loop makes: it is made above the loop.

use ruff_python_ast::{AnyNodeRef, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::{OwnClient, SHARED, check_shareable};
use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::semantic::NodeId;

pub(super) fn run<'a>(ctx: &Context<'a>, acc: &mut Findings, clients: &[OwnClient<'a>]) {
    for client in clients {
        let Some(around) = outermost_loop(ctx, client) else {
            continue;
        };
        let message = "each round of the loop makes a client: that stops the event loop for 60 ms and more, and no connection is used twice";
        acc.push(client.call, message, rewrite(ctx, client, around));
    }
}

/// The outermost loop of the function around a client.
fn outermost_loop<'a>(ctx: &Context<'a>, client: &OwnClient<'a>) -> Option<&'a Stmt> {
    let model = ctx.model;
    let function = model.id(client.function);
    let mut inner = model.id(client.with);
    let mut outermost = None;
    for (id, node) in model.ancestors(inner).take_while(|(id, _)| *id != function) {
        let body = match node {
            AnyNodeRef::StmtFor(stmt) => &stmt.body,
            AnyNodeRef::StmtWhile(stmt) => &stmt.body,
            _ => {
                inner = id;
                continue;
            }
        };
        if body.iter().any(|stmt| model.contains(model.id(stmt), inner)) && !binds_argument(ctx, client, id) {
            outermost = model.statement_of(id).map(|(_, stmt)| stmt);
        }
        inner = id;
    }
    outermost
}

/// Whether a loop binds a name that the client's arguments read.
fn binds_argument(ctx: &Context, client: &OwnClient, around: NodeId) -> bool {
    let model = ctx.model;
    let arguments = model.references_in(model.id(client.call));
    arguments.iter().any(|reference| {
        let mut bound = model.bindings_within(around).iter();
        bound.any(|binding| binding.name == reference.name.id.as_str())
    })
}

fn rewrite(ctx: &Context, client: &OwnClient, around: &Stmt) -> Result<Fix, Declined> {
    let (model, module) = (ctx.model, ctx.module);
    check_shareable(ctx, client, model.scope_of(model.id(client.call)))?;
    let first = client.with.body.first().ok_or("its block is empty")?;
    let target = client.with.items[0].end();
    let header = TextRange::new(
        module.line_start(client.with.start()),
        module.line_end_with_newline(target),
    );
    let is_alone = module.is_first_on_line(client.with.start()) && module.line_start(first.start()) >= header.end();
    if !is_alone || !module.comments_in(header).is_empty() {
        return Err("the header of the client's block shares its line, or has a comment".into());
    }
    let indent = ctx.indentation(around);
    let unit = ctx.indent_unit(model.id(around));
    if ctx.indentation(first).strip_prefix(ctx.indentation(client.with)) != Some(unit.as_str()) {
        return Err("the client's block is indented in another way than the loop".into());
    }
    let after = format!(" as {}:", client.name);
    let made = ctx.pretty(
        &ctx.call_doc(client.call),
        "",
        &unit,
        &format!("{indent}async with "),
        &after,
    );
    let opening = format!("async with {made}{after}");
    // The lines of the client's block stay where they are: one level less for it, and one more for the loop.
    let block = TextRange::new(header.start(), client.with.end());
    let mut edits: Vec<Edit> = ctx.wrap(around, around, &opening)?;
    edits.retain(|edit| !(block.contains(edit.start()) && edit.start() < block.end()));
    edits.push(Edit::deletion(header));
    edits.sort_by_key(|edit| (edit.start(), edit.end()));
    Ok(Fix::unsafe_because(SHARED, edits))
}
