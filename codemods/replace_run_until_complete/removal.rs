//! The lines that made, set and closed the loop, taken away.

use ruff_python_ast::{self as ast, AnyNodeRef};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::semantic::NodeId;

/// The edits that take the statements away, and with them a `try` whose `finally` holds nothing else.
pub(super) fn removal(ctx: &Context, removed: &[NodeId]) -> Result<Vec<Edit>, Declined> {
    let model = ctx.model;
    let mut edits: Vec<Edit> = Vec::new();
    let mut single = Vec::new();
    let mut emptied: Vec<NodeId> = Vec::new();
    for &id in removed {
        let parent = model.parent(id);
        match model.node(parent) {
            AnyNodeRef::StmtTry(outer)
                if !outer.finalbody.is_empty()
                    && outer.finalbody.iter().any(|stmt| model.id(stmt) == id)
                    && outer.finalbody.iter().all(|stmt| removed.contains(&model.id(stmt))) =>
            {
                if !emptied.contains(&parent) {
                    emptied.push(parent);
                    edits.extend(without_finally(ctx, outer)?);
                }
            }
            _ => single.push(id),
        }
    }
    let deletions = ctx.delete_statements(&single)?;
    // A line that goes need not be moved.
    edits.retain(|edit| {
        !deletions
            .iter()
            .any(|deletion| deletion.range().contains_range(edit.range()))
    });
    edits.extend(deletions);
    Ok(edits)
}

/// The edits that take away `finally`, and `try` as well where it has no handlers.
fn without_finally(ctx: &Context, outer: &ast::StmtTry) -> Result<Vec<Edit>, Declined> {
    let module = ctx.module;
    let (Some(first), Some(last)) = (outer.body.first(), outer.body.last()) else {
        return Err("the `try` is empty".into());
    };
    let end_of_rest = outer
        .orelse
        .last()
        .map(Ranged::end)
        .or_else(|| outer.handlers.last().map(Ranged::end))
        .unwrap_or(last.end());
    let tail = TextRange::new(
        module.line_end_with_newline(end_of_rest),
        module.line_end_with_newline(outer.end()),
    );
    let head = TextRange::new(module.line_start(outer.start()), module.line_start(first.start()));
    let unwraps = outer.handlers.is_empty();
    let comments = !module.comments_in(tail).is_empty() || unwraps && !module.comments_in(head).is_empty();
    let plain = module.is_first_on_line(outer.start()) && module.is_first_on_line(first.start());
    if comments || !plain || head.is_empty() {
        return Err("a comment or another statement stands beside the `try` that has to go".into());
    }
    let mut edits = vec![Edit::deletion(tail)];
    if unwraps {
        edits.push(Edit::deletion(head));
        let from = module.indentation(first.start());
        let to = module.indentation(outer.start());
        let body = TextRange::new(head.start(), tail.start());
        edits.extend(ctx.reindent(body, from, to));
    }
    Ok(edits)
}
