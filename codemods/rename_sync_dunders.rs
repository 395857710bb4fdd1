//! `async def __enter__` and `__exit__` -> `__aenter__` and `__aexit__`, and `with` -> `async with` for the class.

use memchr::memmem;
use ruff_python_ast::{self as ast, AnyNodeRef, Stmt};
use ruff_text_size::Ranged;

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::semantic::NodeId;
use crate::semantic::types::{Type, TypeOracle};

/// `async def` with blanks, then one of the two names.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    [&b"__enter__"[..], b"__exit__"].iter().any(|name| {
        memmem::find_iter(text, name).any(|at| {
            text[..at]
                .trim_ascii_end()
                .strip_suffix(b"def")
                .is_some_and(|before| before.trim_ascii_end().ends_with(b"async"))
        })
    })
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for class in ctx.model.classes() {
        let enter = own_method(class, "__enter__");
        let exit = own_method(class, "__exit__");
        let coroutine = [enter, exit].into_iter().flatten().find(|method| method.is_async);
        if let Some(coroutine) = coroutine {
            let consequence = if exit.is_some_and(|exit| exit.is_async) {
                "`with` does not wait for it, and swallows every exception of its body, because the coroutine that `__exit__` gives is true"
            } else {
                "`with` does not wait for it, and binds a coroutine"
            };
            acc.push_defect(
                &coroutine.name,
                format!(
                    "`{}.{}` is a coroutine function: {consequence}",
                    class.name, coroutine.name
                ),
                rewrite(ctx, class, enter, exit),
            );
        }
    }
}

fn own_method<'a>(class: &'a ast::StmtClassDef, name: &str) -> Option<&'a ast::StmtFunctionDef> {
    class.body.iter().find_map(|stmt| match stmt {
        Stmt::FunctionDef(function) if function.name.as_str() == name => Some(function),
        _ => None,
    })
}

fn rewrite<'a>(
    ctx: &Context<'a>,
    class: &'a ast::StmtClassDef,
    enter: Option<&ast::StmtFunctionDef>,
    exit: Option<&ast::StmtFunctionDef>,
) -> Result<Fix, Declined> {
    let model = ctx.model;
    let (Some(enter), Some(exit)) = (enter, exit) else {
        return Err("it has only one of `__enter__` and `__exit__`: the other one is missing or inherited".into());
    };
    for name in ["__aenter__", "__aexit__"] {
        if own_method(class, name).is_some() {
            return Err(format!("it has `{name}` as well").into());
        }
    }
    let relatives = |other: &'a ast::StmtClassDef| {
        std::ptr::eq(other, class) || model.derives_from(other, class, 0) || model.derives_from(class, other, 0)
    };
    for name in ["__enter__", "__exit__"] {
        if let Some((other, _)) = model
            .methods_named(name)
            .find(|(other, _)| !std::ptr::eq(*other, class) && relatives(other))
        {
            return Err(format!("`{}` defines `{name}` too, and one derives from the other", other.name).into());
        }
    }
    called_by_name(ctx)?;
    let mut edits = Vec::new();
    for (method, name) in [(enter, "__aenter__"), (exit, "__aexit__")] {
        edits.push(Edit::replacement(name, method.name.range()));
        if !method.is_async {
            let def = ctx.def_of(method);
            edits.push(Edit::insertion("async ", def));
        }
    }
    for (id, node) in model.subtree(NodeId(0)) {
        match node {
            AnyNodeRef::StmtWith(with) if !with.is_async => {
                let enters = |item: &ast::WithItem| matches!(model.type_of(&item.context_expr), Type::Instance(other) if relatives(other));
                if !with.items.iter().any(enters) {
                    continue;
                }
                let (line, _) = ctx.module.location(with.start());
                if !with.items.iter().all(enters) {
                    return Err(format!("the `with` in line {line} enters other managers as well").into());
                }
                model
                    .await_is_legal(id, ctx.settings.target)
                    .map_err(|Declined(reason)| {
                        Declined(format!("in line {line} no `async with` may stand: {reason}"))
                    })?;
                edits.push(Edit::insertion("async ", with.start()));
            }
            AnyNodeRef::ExprCall(call) => {
                let is_stack =
                    matches!(&*call.func, ast::Expr::Attribute(method) if method.attr.as_str() == "enter_context");
                if is_stack
                    && let [manager] = &*call.arguments.args
                    && matches!(model.type_of(manager), Type::Instance(other) if relatives(other))
                {
                    let (line, _) = ctx.module.location(call.start());
                    return Err(format!(
                        "line {line} enters it through a stack: `enter_async_context` has to be awaited"
                    )
                    .into());
                }
            }
            _ => {}
        }
    }
    Ok(Fix::unsafe_because(
        "exceptions that `with` has swallowed become visible, and a `with` over it in another module has to become an `async with`",
        edits,
    ))
}

/// `x.__enter__()`, for whatever object.
fn called_by_name(ctx: &Context) -> Result<(), Declined> {
    let call = ctx.model.calls().find(|call| {
        matches!(&*call.func, ast::Expr::Attribute(method) if matches!(method.attr.as_str(), "__enter__" | "__exit__"))
    });
    match call {
        Some(call) => {
            let (line, _) = ctx.module.location(call.start());
            Err(format!("line {line} calls such a method by its name").into())
        }
        None => Ok(()),
    }
}
