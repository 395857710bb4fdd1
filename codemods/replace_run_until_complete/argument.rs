//! What is run: a coroutine, or something that needs one around it.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::semantic::{BindingKind, NodeId};

pub(super) enum Argument<'a> {
    Coroutine,
    Unknown(&'a str),
    Gather(&'a ast::ExprCall),
}

pub(super) fn argument<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Result<Argument<'a>, Declined> {
    let model = ctx.model;
    let ([argument], []) = (&*call.arguments.args, &*call.arguments.keywords) else {
        return Err("it is not called with one argument".into());
    };
    let awaitable = match argument {
        // What is made on the line above is as good as made here.
        Expr::Name(name) => {
            let scope = model.scope_of(model.id(name));
            let value = model
                .sole_binding(&name.id, scope)
                .and_then(|binding| match binding.kind {
                    BindingKind::Assignment(value) if model.references_named(&name.id).count() == 1 => Some(value),
                    _ => None,
                });
            value.ok_or("what is run may be a task or a future of the loop")?
        }
        other => other,
    };
    let Expr::Call(made) = awaitable else {
        return Err("what is run may be a task or a future of the loop".into());
    };
    if model.is_coroutine_function(&made.func) {
        return Ok(Argument::Coroutine);
    }
    match model.qualified_name(&made.func).as_deref() {
        Some("asyncio.gather") if argument.range() == made.range() => Ok(Argument::Gather(made)),
        Some(name) if name.starts_with("asyncio.") => {
            Err(format!("`{name}` gives a task or a future, which belongs to the loop").into())
        }
        _ => match model.function_of(&made.func) {
            Some(function) if !function.is_async => Err(format!(
                "`{}` is not async: what it gives may be a task or a future of the loop",
                function.name
            )
            .into()),
            _ => Ok(Argument::Unknown(model.slice(awaitable))),
        },
    }
}

/// The call of `asyncio.gather` in a coroutine function of its own, defined above the statement.
pub(super) fn in_coroutine(
    ctx: &Context,
    call: &ast::ExprCall,
    gather: &ast::ExprCall,
    run: &str,
) -> Result<Vec<Edit>, Declined> {
    let model = ctx.model;
    let id = model.id(call);
    let (stmt_id, stmt) = model.statement_of(id).ok_or("it does not stand in a statement")?;
    let whole = ctx.lines_of(stmt).is_ok() && !model.slice(gather).contains(['\n', '\r']);
    let binds = model.subtree(model.id(gather)).any(|(_, node)| {
        matches!(
            node,
            AnyNodeRef::ExprNamed(_) | AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_)
        )
    });
    if !whole || binds {
        return Err("what is run would have to be written into a function of its own".into());
    }
    let name = model.fresh_name("main", id);
    let indent = ctx.indentation(stmt);
    let unit = ctx.indent_unit(stmt_id);
    let text = model.slice(gather);
    let is_first = model.block_of(stmt_id).is_some_and(|(_, index)| index == 0);
    // Two blank lines around a function at module level, one in a block; a formatter wants one above the first of a block as well.
    let (mut above, below) = match (model.parent(stmt_id) == NodeId(0), is_first) {
        (true, true) => ("", "\n\n\n"),
        (true, false) => ("\n\n", "\n\n\n"),
        (false, _) => ("\n", "\n\n"),
    };
    let lead = TextRange::new(ctx.module.line_start(stmt.start()), stmt.start());
    let is_blank_above = ctx.module.text()[..usize::from(lead.start())]
        .lines()
        .next_back()
        .is_some_and(|line| line.trim().is_empty());
    if is_blank_above {
        above = above.strip_prefix('\n').unwrap_or(above);
    }
    let definition = format!("{above}{indent}async def {name}():\n{indent}{unit}return await {text}{below}{indent}");
    Ok(vec![
        Edit::replacement(definition, lead),
        Edit::replacement(format!("{run}({name}())"), call.range()),
    ])
}
