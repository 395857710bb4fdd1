//! Keeps the tasks of a group in a list, and takes their results where the empty list was read.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::Lost;
use crate::codemod::Context;
use crate::edit::Edit;

/// `block` holds the list and the group; `created` are the calls that make the tasks.
pub(super) fn edits(ctx: &Context, lost: &Lost, block: &[Stmt], created: &[&ast::ExprCall]) -> Vec<Edit> {
    let tasks = ctx.model.fresh_name("tasks", ctx.model.id(lost.group));
    let mut edits = match sole_loop(ctx, lost) {
        Some((outer, call)) => vec![listed(ctx, lost, outer, call, &tasks), without(ctx, lost.empty, block)],
        None => {
            let mut edits = appended(ctx, created, &tasks);
            edits.push(Edit::replacement(format!("{tasks} = []"), lost.empty.range()));
            edits
        }
    };
    edits.push(take_results(ctx, lost, &tasks));
    edits.sort_by_key(|edit| (edit.start(), edit.end()));
    edits
}

/// The loop that is all there is in the group, if a comprehension can say the same.
fn sole_loop<'a>(ctx: &Context<'a>, lost: &Lost<'a>) -> Option<(&'a ast::StmtFor, &'a ast::ExprCall)> {
    let model = ctx.model;
    let [Stmt::For(outer)] = lost.group.body.as_slice() else {
        return None;
    };
    let [Stmt::Expr(body)] = outer.body.as_slice() else {
        return None;
    };
    let Expr::Call(call) = &*body.value else { return None };
    let has_comments = [outer.range(), lost.empty.range()].iter().any(|range| {
        let lines = TextRange::new(range.start(), ctx.module.line_end(range.end()));
        !ctx.module.comments_in(lines).is_empty()
    });
    // The variable of a comprehension is not seen outside of it.
    let function = model.id(model.enclosing_function(model.id(outer))?);
    let leaks = model.bindings_within(model.id(&*outer.target)).iter().any(|binding| {
        model
            .references_in(function)
            .iter()
            .any(|reference| reference.name.id == binding.name && !model.contains(model.id(outer), reference.node))
    });
    (!has_comments && !leaks && !outer.is_async && outer.orelse.is_empty()).then_some((outer, call))
}

fn listed(ctx: &Context, lost: &Lost, outer: &ast::StmtFor, call: &ast::ExprCall, tasks: &str) -> Edit {
    let model = ctx.model;
    let unit = ctx.indent_unit(model.id(lost.group));
    // Up to the colon, which need not stand directly behind the iterable.
    let header = TextRange::new(outer.start(), outer.body[0].start());
    let header = &ctx.module.text()[header];
    let length = header.trim_end().trim_end_matches(':').trim_end().len();
    let clause = TextRange::at(outer.start(), TextSize::try_from(length).unwrap_or_default());
    let text = ctx.comprehension(
        &format!("{tasks} = "),
        |indent| ctx.moved(call.range(), indent),
        |indent| vec![ctx.moved(clause, indent)],
        ctx.indentation(outer),
        &unit,
    );
    Edit::replacement(text, outer.range())
}

fn appended(ctx: &Context, created: &[&ast::ExprCall], tasks: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    for call in created {
        let indent = ctx.indentation(*call);
        let line = format!("{indent}{tasks}.append({})", ctx.model.slice(*call));
        if line.contains('\n') || !ctx.fits(&line) {
            let inner = format!("{indent}{}", ctx.indent_unit(ctx.model.id(*call)));
            let text = ctx.edited(call.range(), ctx.reindent(call.range(), indent, &inner));
            let text = format!("{tasks}.append(\n{inner}{text}\n{indent})");
            edits.push(Edit::replacement(text, call.range()));
        } else {
            edits.push(Edit::insertion(format!("{tasks}.append("), call.start()));
            edits.push(Edit::insertion(")", call.end()));
        }
    }
    edits
}

/// Takes a statement out of its block, with the blank lines that only it was set apart by.
fn without(ctx: &Context, stmt: &Stmt, block: &[Stmt]) -> Edit {
    let module = ctx.module;
    let index = block.iter().position(|other| std::ptr::eq(other, stmt)).unwrap_or(0);
    let (line, next) = (module.line_start(stmt.start()), block.get(index + 1));
    let above = module.text()[..usize::from(line)].trim_end_matches([' ', '\t']);
    let is_set_apart =
        index == 0 || above.trim_end_matches(['\r', '\n']).len() + 2 <= above.trim_end_matches('\r').len();
    match next {
        Some(next) if is_set_apart && module.comments_in(TextRange::new(stmt.end(), next.start())).is_empty() => {
            Edit::deletion(TextRange::new(stmt.start(), next.start()))
        }
        _ => Edit::deletion(TextRange::new(line, module.line_end_with_newline(stmt.end()))),
    }
}

/// Puts the results where the list is returned, or makes the list of them behind the group.
fn take_results(ctx: &Context, lost: &Lost, tasks: &str) -> Edit {
    let model = ctx.model;
    let at = model.id(lost.group);
    let unit = ctx.indent_unit(at);
    let task = model.fresh_name("task", at);
    let list = |prefix: &str, indent: &str| {
        ctx.comprehension(
            prefix,
            |_| format!("{task}.result()"),
            |_| vec![format!("for {task} in {tasks}")],
            indent,
            &unit,
        )
    };
    if let [read] = lost.reads.as_slice()
        && let AnyNodeRef::StmtReturn(stmt) = model.node(model.parent(*read))
    {
        let prefix = "return ";
        let text = list(prefix, ctx.indentation(stmt));
        return Edit::replacement(&text[prefix.len()..], model.node(*read).range());
    }
    let indent = ctx.indentation(lost.group);
    let prefix = model.slice(TextRange::new(lost.empty.start(), lost.value.start()));
    let line_end = ctx.module.line_end(lost.group.end());
    Edit::insertion(format!("\n{indent}{}", list(prefix, indent)), line_end)
}
