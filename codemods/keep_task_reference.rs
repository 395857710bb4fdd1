//! `asyncio.create_task(c)` whose result is dropped -> the task is kept in a set until it is done.

mod dropped;
mod glance;
mod owner;

use ruff_python_ast::{AnyNodeRef, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::layout::own_lines;
use crate::semantic::{Binding, BindingKind};

pub(super) use glance::glance;

use dropped::{Dropped, Place, Spawner};
use owner::{Helper, Owner};

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let dropped = dropped::find(ctx);
    let spawns_alike = dropped.iter().filter(|task| fits_helper(task)).count();
    for task in &dropped {
        let message =
            "the event loop keeps only a weak reference to the task, which may be destroyed before it is done";
        match intended(ctx, task) {
            Some(comment) => acc.push(
                task.call,
                message,
                Err(format!("the comment `{comment}` says that nobody keeps it on purpose").into()),
            ),
            None => acc.push_defect(task.call, message, rewrite(ctx, task, spawns_alike)),
        }
    }
}

fn rewrite(ctx: &Context, task: &Dropped, spawns_alike: usize) -> Result<Fix, Declined> {
    let helper = if fits_helper(task) {
        Helper::for_task(ctx, task).ok()
    } else {
        None
    };
    if let Some(helper) = helper
        && (spawns_alike > 1 || helper.exists() || lines(ctx, task).is_err())
    {
        let mut edits = vec![Edit::replacement(helper.name, task.call.func.range())];
        if let Spawner::Alike(fix) = &task.spawner {
            // What goes with the callee: a variable of the loop that nothing else reads.
            let others = fix.edits.iter().filter(|edit| edit.range() != task.call.func.range());
            edits.extend(others.cloned());
            edits.sort_by_key(Ranged::start);
        }
        return Ok(Fix::with_doubt(helper.doubt, edits)
            .import(helper.imports)
            .define(helper.definitions));
    }
    let indent = lines(ctx, task)?;
    let owner = Owner::of(ctx, task)?;
    let (name, set) = (variable(ctx, task), &owner.expression);
    let kept = format!("\n{indent}{set}.add({name})\n{indent}{name}.add_done_callback({set}.discard)");
    let freed = format!("\n{indent}del {name}");
    let mut edits = owner.edits;
    match &task.place {
        Place::Callback(stmt) => {
            edits.push(Edit::insertion(format!("{name} = "), stmt.start()));
            edits.push(Edit::insertion(format!("{kept}\n{indent}{name}"), task.call.end()));
            if outlives(ctx, stmt) {
                edits.push(Edit::insertion(freed, ctx.module.line_end(stmt.end())));
            }
        }
        Place::Statement(stmt) => {
            edits.push(Edit::insertion(format!("{name} = "), stmt.start()));
            let line = ctx.module.slice(*stmt);
            if !line.contains('\n') && !ctx.fits(&format!("{indent}{name} = {line}")) {
                edits.extend(ctx.explode(task.call, indent, &ctx.indent_unit(ctx.model.id(*stmt))));
            }
            let freed = if outlives(ctx, stmt) { &*freed } else { "" };
            edits.push(Edit::insertion(kept + freed, ctx.module.line_end(stmt.end())));
        }
        Place::Assigned(stmt, target) => {
            if target.id != name {
                edits.push(Edit::replacement(name, target.range()));
            }
            edits.push(Edit::insertion(kept, ctx.module.line_end(stmt.end())));
        }
        Place::Inside => return Err(inside_expression()),
    }
    edits.sort_by_key(Ranged::start);
    Ok(Fix::with_doubt(owner.doubt, edits)
        .import(owner.imports)
        .define(owner.definitions))
}

/// The variable that holds the task. `_` is for what nobody wants.
fn variable(ctx: &Context, task: &Dropped) -> String {
    match &task.place {
        Place::Assigned(_, target) if target.id.as_str() != "_" => target.id.to_string(),
        _ => {
            let numbered = (2..9).map(|number| format!("task_{number}"));
            let mut names = std::iter::once("task".to_owned()).chain(numbered);
            names
                .find(|name| is_only_ours(ctx, task, name))
                .unwrap_or_else(|| ctx.model.fresh_name("task", ctx.model.id(task.call)))
        }
    }
}

/// Whether the task may be done while a variable that is bound in place of a statement still holds it: its failure would be reported, and what
/// it was given be let go, only with the frame. Whatever follows may wait, now or after another rewrite.
fn outlives(ctx: &Context, stmt: &Stmt) -> bool {
    let model = ctx.model;
    let at = model.id(stmt);
    let Some(function) = model.enclosing_function(at) else {
        return true;
    };
    let own = model.id(function);
    let mut at = at;
    loop {
        let Some((block, index)) = model.block_of(at) else {
            return true;
        };
        for next in &block[index + 1..] {
            match next {
                Stmt::Return(stmt) => {
                    let may_wait =
                        |node: AnyNodeRef| node.is_expr_call() || node.is_expr_await() || node.is_expr_yield();
                    return model.subtree(model.id(stmt)).any(|(_, node)| may_wait(node));
                }
                Stmt::Pass(_) => {}
                _ => return true,
            }
        }
        let mut around = model.ancestors(at);
        let outer = around.find(|(_, node)| !matches!(node, AnyNodeRef::ElifElseClause(_) | AnyNodeRef::MatchCase(_)));
        match outer {
            Some((outer, _)) if outer == own => return false,
            Some((outer, AnyNodeRef::StmtIf(_) | AnyNodeRef::StmtMatch(_))) => at = outer,
            _ => return true,
        }
    }
}

/// Whether all that the function does with a name is to hold a task until it is in its set: then it can hold another one afterwards.
fn is_only_ours(ctx: &Context, task: &Dropped, name: &str) -> bool {
    let model = ctx.model;
    let Some(function) = model.enclosing_function(model.id(task.call)) else {
        return false;
    };
    let id = model.id(function);
    let mut kept = 0;
    let is_kept = |binding: &Binding| {
        let Some((stmt, _)) = model.statement_of(binding.node) else {
            return false;
        };
        let Some((block, index)) = model.block_of(stmt) else {
            return false;
        };
        let texts: Vec<&str> = block[index..].iter().take(3).map(|stmt| model.slice(stmt)).collect();
        matches!(&*texts, [made, added, called] if made.starts_with(&format!("{name} = "))
            && added.strip_suffix(&format!(".add({name})")).is_some_and(|set| *called == format!("{name}.add_done_callback({set}.discard)")))
    };
    let bindings = model
        .bindings_within(id)
        .iter()
        .filter(|binding| binding.name == name && !matches!(binding.kind, BindingKind::Deletion));
    let all = bindings.inspect(|_| kept += 1).all(is_kept);
    let reads = model
        .references_in(id)
        .iter()
        .filter(|reference| reference.name.id == name)
        .count();
    all && reads == 2 * kept
}

/// Whether `_spawn(...)` can stand for the call: what it does is what `asyncio.create_task` does, whatever keywords it is given.
fn fits_helper(task: &Dropped) -> bool {
    let arguments = &task.call.arguments;
    !matches!(task.spawner, Spawner::Other)
        && arguments.args.len() <= 1
        && !arguments.args.iter().any(ruff_python_ast::Expr::is_starred_expr)
}

/// The indentation for statements behind the one that makes the task, or why there can be none.
fn lines<'a>(ctx: &'a Context, task: &Dropped) -> Result<&'a str, Declined> {
    let stmt = match &task.place {
        Place::Statement(stmt) | Place::Assigned(stmt, _) => *stmt,
        Place::Callback(stmt) => {
            let behind = TextRange::new(task.call.end(), stmt.end());
            if !ctx.module.slice(behind).starts_with('.') {
                return Err(inside_expression());
            }
            *stmt
        }
        Place::Inside => return Err(inside_expression()),
    };
    own_lines(ctx.module, stmt.start(), stmt.end())?;
    Ok(ctx.indentation(stmt))
}

fn inside_expression() -> Declined {
    "it is made inside an expression: make it in a function that keeps it, or let an `asyncio.TaskGroup` own it".into()
}

/// The comment that silences a linter's report of this very thing.
fn intended<'a>(ctx: &Context<'a>, task: &Dropped) -> Option<&'a str> {
    let lines = TextRange::new(
        ctx.module.line_start(task.call.start()),
        ctx.module.line_end(task.call.end()),
    );
    let mut comments = ctx
        .module
        .comments_in(lines)
        .iter()
        .map(|comment| ctx.module.slice(*comment));
    comments.find(|text| text.contains("noqa") && (text.contains("RUF006") || text.contains("ASYNC300")))
}
