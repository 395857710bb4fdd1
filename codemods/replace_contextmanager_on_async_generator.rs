//! `@contextmanager` on an asynchronous generator -> `@asynccontextmanager`, and `with` -> `async with` where it is used.

use memchr::memmem;
use ruff_python_ast::{self as ast, AnyNodeRef};
use ruff_text_size::Ranged;

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::semantic::NodeId;

const SYNC: &str = "contextlib.contextmanager";
const ASYNC: &str = "contextlib.asynccontextmanager";

/// A decorator of the one kind above a definition of the other, or an import under another name.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    memmem::find_iter(text, b"contextmanager").any(|at| {
        let line = text[..at].rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let behind = text[at + b"contextmanager".len()..].trim_ascii_start();
        if behind.starts_with(b"as ") {
            return true;
        }
        if !line.trim_ascii_start().starts_with(b"@") {
            return false;
        }
        let is_async = text[..at].ends_with(b"async");
        // The first definition below it is the decorated one, unless a decorator holds a lambda of several lines.
        let sync_def = memmem::find(behind, b"def ");
        let async_def = memmem::find(behind, b"async def");
        let decorates_async = async_def.is_some_and(|at| sync_def.is_some_and(|def| at < def));
        is_async != decorates_async
    })
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for function in ctx.model.functions() {
        for decorator in &function.decorator_list {
            let name = ctx.model.qualified_name(&decorator.expression);
            if name.as_deref() == Some(SYNC) && function.is_async && ctx.model.is_generator(function) {
                acc.push_defect(
                    &decorator.expression,
                    format!(
                        "`{}` is an asynchronous generator, which `contextmanager` cannot enter: every `with` raises",
                        function.name
                    ),
                    rewrite(ctx, function, decorator),
                );
            }
            if name.as_deref() == Some(ASYNC) && !function.is_async && ctx.model.is_generator(function) {
                acc.push_defect(
                    &decorator.expression,
                    format!(
                        "`{}` is a plain generator, which `asynccontextmanager` cannot enter: every `async with` raises",
                        function.name
                    ),
                    Err("either the function is to be `async def`, or its decorator `contextmanager` and its uses plain `with`".into()),
                );
            }
        }
    }
}

fn rewrite(ctx: &Context, function: &ast::StmtFunctionDef, decorator: &ast::Decorator) -> Result<Fix, Declined> {
    let model = ctx.model;
    let others = function
        .decorator_list
        .iter()
        .map(|other| &other.expression)
        .find(|other| model.qualified_name(other).as_deref() != Some(SYNC) && !model.is_inert_decorator(other));
    if let Some(other) = others {
        return Err(format!(
            "the decorator `{}` stands around it as well, and may make something else of it",
            ctx.module.slice(other)
        )
        .into());
    }
    let function = model
        .functions()
        .find(|other| std::ptr::eq(*other, function))
        .ok_or("it is not defined in this module")?;
    let is_method = model.class_of_method(function).is_some();
    let mut edits = Vec::new();
    let mut doubt = None;
    let mut uses = 0;
    for use_ in model.uses_of_function(function) {
        let (line, _) = ctx.module.location(model.node(use_.reference).start());
        let call = model.parent(use_.reference);
        let callee = match model.node(call) {
            AnyNodeRef::ExprCall(call) => Some(&*call.func),
            _ => None,
        };
        let is_certain = !is_method
            || callee.is_some_and(|callee| {
                model
                    .manager_function(callee, "contextmanager")
                    .is_some_and(|found| std::ptr::eq(found, function))
            });
        if !is_certain {
            doubt.get_or_insert_with(|| format!("whether line {line} uses this method is not certain"));
            continue;
        }
        uses += 1;
        let with = entering(ctx, use_.reference)
            .ok_or_else(|| Declined(format!("line {line} uses it in another way than entering it by `with`")))?;
        if with.is_async {
            continue;
        }
        let id = model.id(with);
        if with.items.len() > 1 {
            return Err(format!("the `with` in line {line} enters other managers as well").into());
        }
        model
            .await_is_legal(id, ctx.settings.target)
            .map_err(|Declined(reason)| Declined(format!("in line {line} no `async with` may stand: {reason}")))?;
        doubt = doubt.or(model.failure_is_seen(id)?);
        edits.push(Edit::insertion("async ", with.start()));
    }
    if uses == 0 {
        doubt.get_or_insert_with(|| {
            "no use of it is seen in this module: a `with` elsewhere has to become an `async with` too".to_owned()
        });
    }
    let (name, import) = ctx.plain_member("contextlib", "asynccontextmanager", model.id(&decorator.expression))?;
    edits.push(Edit::replacement(name, decorator.expression.range()));
    Ok(Fix::with_doubt(doubt, edits).import(import))
}

/// The `with` statement that enters what a call of this reference makes.
fn entering<'a>(ctx: &Context<'a>, reference: NodeId) -> Option<&'a ast::StmtWith> {
    let model = ctx.model;
    let call = model.parent(reference);
    let item = model.parent(call);
    match (model.node(call), model.node(item), model.node(model.parent(item))) {
        (AnyNodeRef::ExprCall(inner), AnyNodeRef::WithItem(outer), AnyNodeRef::StmtWith(with))
            if model.id(&*inner.func) == reference && model.id(&outer.context_expr) == call =>
        {
            Some(with)
        }
        _ => None,
    }
}
