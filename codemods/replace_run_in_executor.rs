//! `await loop.run_in_executor(None, f, x)` -> `await asyncio.to_thread(f, x)`.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::importer::Import;
use crate::semantic::types::{Type, TypeOracle};

const METHOD: &str = "run_in_executor";

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for call in ctx.model.calls() {
        if is_default_executor_call(ctx, call) {
            let message =
                "`run_in_executor(None, ...)` is `asyncio.to_thread(...)`, which also takes the context along";
            if let Some(name) = coroutine_function(ctx, call) {
                let reason = format!(
                    "`{name}` is an async function: in the thread it only makes a coroutine, whose body does not run there"
                );
                acc.push_defect(call, message, Err(reason.into()));
            } else {
                acc.push(call, message, rewrite(ctx, call));
            }
        }
    }
}

/// A call of the method on something that is or is called a loop, with `None` for the executor.
fn is_default_executor_call(ctx: &Context, call: &ast::ExprCall) -> bool {
    let Expr::Attribute(method) = &*call.func else {
        return false;
    };
    let executor = call.arguments.find_argument_value("executor", 0);
    method.attr.as_str() == METHOD && executor.is_some_and(Expr::is_none_literal_expr) && is_loop(ctx, &method.value)
}

/// An event loop of asyncio by its type, or by its name where the type is not known. tornado's loop has an executor of its own.
fn is_loop(ctx: &Context, receiver: &Expr) -> bool {
    match ctx.model.type_of(receiver) {
        Type::Foreign(name) => name == "asyncio.AbstractEventLoop",
        Type::Unknown => {
            let name = match receiver {
                Expr::Name(name) => name.id.as_str(),
                Expr::Attribute(attribute) => attribute.attr.as_str(),
                _ => return false,
            };
            name.trim_start_matches('_').ends_with("loop") && !ctx.model.imports_package("tornado")
        }
        _ => false,
    }
}

/// The function that the thread is to run, when it is an async function of this module and its coroutine is not awaited afterwards.
fn coroutine_function<'a>(ctx: &Context<'a>, call: &ast::ExprCall) -> Option<&'a str> {
    let function = ctx.model.function_of(call.arguments.find_argument_value("func", 1)?)?;
    let mut outer = ctx.model.ancestors(ctx.model.id(call)).map(|(_, node)| node);
    let twice = outer
        .by_ref()
        .take(2)
        .all(|node| matches!(node, AnyNodeRef::ExprAwait(_)));
    (function.is_async && !twice && function.decorator_list.is_empty()).then_some(function.name.as_str())
}

fn rewrite(ctx: &Context, call: &ast::ExprCall) -> Result<Fix, Declined> {
    let (mut edits, mut imports) = call_edits(ctx, call)?;
    if let Some((binding, others)) = loop_binding(ctx, call) {
        // With its last uses the name goes as well. Each of these calls gives the same fix, which is made once.
        for other in others {
            if other.range() != call.range() {
                let (more, import) = call_edits(ctx, other)?;
                edits.extend(more);
                imports.extend(import);
            }
        }
        edits.extend(binding);
        edits.sort_by_key(|edit| (edit.start(), edit.end()));
        imports.sort();
        imports.dedup();
    }
    let brings_context = call
        .arguments
        .find_argument_value("func", 1)
        .is_some_and(|function| runs_in_copy(ctx, function, 0));
    let is_running = matches!(&*call.func, Expr::Attribute(method) if ctx.model.is_running_loop(&method.value));
    let doubt = if !brings_context {
        Some("the function sees the caller's context variables, where `run_in_executor` gave it an empty context")
    } else if !is_running {
        Some("it is not known that the loop is the one that runs here")
    } else {
        None
    };
    let doubt = doubt.map(str::to_owned);
    Ok(Fix::with_doubt(doubt, edits).import(imports))
}

/// Whether a function is the `run` of a copy of the context, or a `functools.partial` of that: it brings its context variables along.
fn runs_in_copy(ctx: &Context, function: &Expr, depth: usize) -> bool {
    /// Names for names are followed so far.
    const MAX_DEPTH: usize = 4;
    match function {
        Expr::Call(_) => partial(ctx, function)
            .and_then(|partial| partial.arguments.args.first())
            .is_some_and(|inner| runs_in_copy(ctx, inner, depth)),
        Expr::Attribute(attribute) if attribute.attr.as_str() == "run" => is_copy(ctx, &attribute.value),
        Expr::Name(_) if depth < MAX_DEPTH => {
            let value = ctx.model.sole_value(function);
            value.is_some_and(|value| runs_in_copy(ctx, value, depth + 1))
        }
        _ => false,
    }
}

/// Whether an expression is a copy of the context, or a name for one.
fn is_copy(ctx: &Context, expr: &Expr) -> bool {
    let is_made = |expr: &Expr| match expr {
        Expr::Call(call) => ctx.model.qualified_name(&call.func).as_deref() == Some("contextvars.copy_context"),
        _ => false,
    };
    match expr {
        Expr::Name(_) => ctx.model.sole_value(expr).is_some_and(is_made),
        expr => is_made(expr),
    }
}

/// The call, in terms of `asyncio.to_thread`.
fn call_edits(ctx: &Context, call: &ast::ExprCall) -> Result<(Vec<Edit>, Vec<Import>), Declined> {
    let model = ctx.model;
    let id = model.id(call);
    if !matches!(model.node(model.parent(id)), AnyNodeRef::ExprAwait(_)) {
        return Err(
            "its future is not awaited at once: the work starts when the method is called, and with `to_thread` when the coroutine is awaited"
                .into(),
        );
    }
    let arguments = &call.arguments;
    let by_position = arguments
        .args
        .iter()
        .take(2)
        .all(|argument| !argument.is_starred_expr());
    let known = |name: &ast::Identifier| matches!(name.as_str(), "executor" | "func");
    let by_keyword = arguments
        .keywords
        .iter()
        .all(|keyword| keyword.arg.as_ref().is_some_and(known));
    let function = arguments
        .find_argument_value("func", 1)
        .filter(|_| by_position && by_keyword);
    let function = function.ok_or("it is not called with a function and its arguments")?;
    if !ctx.module.comments_in(arguments.range()).is_empty() {
        return Err("a comment stands between its arguments".into());
    }
    let (name, import) = ctx.member("asyncio", "to_thread", id)?;
    let imports = import.into_iter().collect();
    let rest = arguments.args.iter().skip(2);
    let mut parts = Vec::new();
    let mut keywords = Vec::new();
    match partial(ctx, function) {
        Some(inner) => {
            parts.extend(
                inner
                    .arguments
                    .args
                    .iter()
                    .map(|argument| with_parentheses(ctx, argument)),
            );
            keywords.extend(inner.arguments.keywords.iter().map(|keyword| model.slice(keyword)));
        }
        None => parts.push(with_parentheses(ctx, function)),
    }
    parts.extend(rest.map(|argument| with_parentheses(ctx, argument)));
    parts.extend(keywords);
    if is_laid_out(ctx, call) || parts.iter().any(|part| part.contains(['\n', '\r'])) {
        // One argument on each line, or arguments of several lines: they stay where they are.
        let executor = arguments.args.first().filter(|_| arguments.keywords.is_empty());
        let (Some(executor), None) = (executor, partial(ctx, function)) else {
            return Err("its arguments stand on several lines, and would have to be laid out anew".into());
        };
        let edits = vec![
            Edit::replacement(name, call.func.range()),
            ctx.without_argument(call, executor.range())?,
        ];
        return Ok((edits, imports));
    }
    let text = ctx.call_text(id, &name, &parts);
    Ok((vec![Edit::replacement(text, call.range())], imports))
}

/// The text of an argument with its own parentheses.
fn with_parentheses<'a>(ctx: &Context<'a>, argument: &Expr) -> &'a str {
    let parent = ctx.model.node(ctx.model.parent(ctx.model.id(argument)));
    let range = ruff_python_ast::token::parenthesized_range(argument.into(), parent, ctx.module.tokens());
    ctx.model.slice(range.unwrap_or(argument.range()))
}

/// Whether a comma behind the last argument keeps each on a line of its own.
fn is_laid_out(ctx: &Context, call: &ast::ExprCall) -> bool {
    let text = ctx.model.slice(call);
    text.contains(['\n', '\r']) && text.trim_end_matches(')').trim_end().ends_with(',')
}

/// `functools.partial(f, ...)`, whose arguments `to_thread` takes itself.
fn partial<'e>(ctx: &Context, function: &'e Expr) -> Option<&'e ast::ExprCall> {
    match function {
        Expr::Call(call) if ctx.model.qualified_name(&call.func).as_deref() == Some("functools.partial") => {
            let named = call
                .arguments
                .args
                .first()
                .is_some_and(|first| !first.is_starred_expr());
            named.then_some(call)
        }
        _ => None,
    }
}

/// The edits that delete `loop = asyncio.get_running_loop()`, and the calls in which the name is used, when these are its only uses and all of them
/// are rewritten.
fn loop_binding<'a>(ctx: &Context<'a>, call: &ast::ExprCall) -> Option<(Vec<Edit>, Vec<&'a ast::ExprCall>)> {
    let model = ctx.model;
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let Expr::Name(name) = &*method.value else { return None };
    if !model.is_running_loop(&method.value) {
        return None;
    }
    let scope = model.scope_of(model.id(name));
    let binding = model.sole_binding(&name.id, scope)?;
    let (stmt_id, stmt) = model.statement_of(binding.node)?;
    let is_plain = match stmt {
        Stmt::Assign(assign) => assign.targets.len() == 1,
        Stmt::AnnAssign(_) => true,
        _ => false,
    };
    if !is_plain {
        return None;
    }
    let deletion = ctx.delete_statements(&[stmt_id]).ok()?;
    let mut calls = Vec::new();
    for reference in model.references_to(binding.scope, &name.id) {
        let attribute = model.parent(reference.node);
        let AnyNodeRef::ExprCall(other) = model.node(model.parent(attribute)) else {
            return None;
        };
        let is_callee = other.func.range() == model.node(attribute).range();
        if !is_callee || !is_default_executor_call(ctx, other) || call_edits(ctx, other).is_err() {
            return None;
        }
        calls.push(other);
    }
    Some((deletion, calls))
}
