//! `@asyncio.coroutine` with `yield from` -> `async def` with `await`, together with the generators that delegate to it.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::importer::Import;
use crate::semantic::NodeId;

const NAMES: &[&str] = &["asyncio.coroutine", "asyncio.coroutines.coroutine"];

/// Generators that delegate to generators before they are no longer followed.
const MAX_STEPS: usize = 8;

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for function in ctx.model.functions() {
        if let Some(decorator) = decorator(ctx, function) {
            let message = "`asyncio.coroutine` was removed in Python 3.11: coroutines are written with `async def`";
            acc.push_defect(decorator.range(), message, rewrite(ctx, function));
        }
    }
}

fn decorator<'a>(ctx: &Context, function: &'a ast::StmtFunctionDef) -> Option<&'a ast::Decorator> {
    function.decorator_list.iter().find(|decorator| {
        ctx.model
            .qualified_name(&decorator.expression)
            .is_some_and(|name| NAMES.contains(&name.as_str()))
    })
}

/// One fix for all functions that have to change together. Each of their decorators gives the same one, which is made once.
fn rewrite(ctx: &Context, function: &ast::StmtFunctionDef) -> Result<Fix, Declined> {
    let mut edits = Vec::new();
    let mut imports = Vec::new();
    for member in together(ctx, function)? {
        let (own, import) = function_edits(ctx, member)?;
        edits.extend(own);
        imports.extend(import);
    }
    edits.sort_by_key(|edit| (edit.start(), edit.end()));
    imports.sort();
    imports.dedup();
    let reason = "code elsewhere that iterates over what it gives, or delegates to it in a generator without the decorator, would fail";
    Ok(Fix::unsafe_because(reason, edits).import(imports))
}

/// The function, the undecorated generators that delegate to it, those to which it delegates and which delegate to a coroutine in turn,
/// and so on. A decorated function may stay: an async function can await what it gives.
fn together<'a>(ctx: &Context<'a>, function: &ast::StmtFunctionDef) -> Result<Vec<&'a ast::StmtFunctionDef>, Declined> {
    let model = ctx.model;
    let mut found: Vec<&ast::StmtFunctionDef> = Vec::new();
    let mut open: Vec<NodeId> = vec![model.id(function)];
    while let Some(id) = open.pop() {
        let AnyNodeRef::StmtFunctionDef(member) = model.node(id) else {
            continue;
        };
        if found.iter().any(|other| model.id(*other) == id) {
            continue;
        }
        found.push(member);
        open.extend(delegated_generators(ctx, member));
        let is_decorated = decorator(ctx, member).is_some();
        for use_ in model.uses_of_function(member) {
            let call = model.parent(use_.reference);
            let delegation = model.parent(call);
            let is_called = model.is_callee(use_.reference);
            let delegates = is_called && matches!(model.node(delegation), AnyNodeRef::ExprYieldFrom(_));
            let around = model.enclosing_function(use_.reference);
            match around {
                Some(caller) if delegates && !caller.is_async => open.push(model.id(caller)),
                _ if is_decorated || use_.awaited.is_some() || is_given_to_asyncio(ctx, call) => {}
                _ => {
                    let (line, _) = ctx.module.location(model.node(use_.reference).start());
                    return Err(format!(
                        "`{}` delegates to a coroutine and is used as a generator in line {line}",
                        member.name
                    )
                    .into());
                }
            }
        }
    }
    found.sort_by_key(|member| member.start());
    Ok(found)
}

/// The undecorated generators that a function delegates to and that delegate to coroutines themselves: it cannot await a generator.
fn delegated_generators(ctx: &Context, function: &ast::StmtFunctionDef) -> Vec<NodeId> {
    let model = ctx.model;
    let scope = model.body_scope(function);
    let delegations = model
        .subtree(model.id(function))
        .filter_map(|(inner, node)| match node {
            AnyNodeRef::ExprYieldFrom(delegation) if model.scope_of(inner) == scope => Some(&*delegation.value),
            _ => None,
        });
    delegations
        .filter_map(|value| match value {
            Expr::Call(call) => model.function_of(&call.func),
            _ => None,
        })
        .filter(|made| !made.is_async && decorator(ctx, made).is_none() && delegates_to_coroutine(ctx, made))
        .map(|made| model.id(made))
        .collect()
}

/// Whether a call is an argument of a function of asyncio, which takes coroutines.
fn is_given_to_asyncio(ctx: &Context, call: NodeId) -> bool {
    ctx.model.ancestors(call).nth(1).is_some_and(|(_, node)| match node {
        AnyNodeRef::ExprCall(outer) => ctx
            .model
            .qualified_name(&outer.func)
            .is_some_and(|name| name.starts_with("asyncio.")),
        _ => false,
    })
}

/// The edits that make one function a coroutine function.
fn function_edits(ctx: &Context, function: &ast::StmtFunctionDef) -> Result<(Vec<Edit>, Option<Import>), Declined> {
    let model = ctx.model;
    let id = model.id(function);
    if model.is_chosen_by_version(id) {
        return Err("it is there for some Python versions only".into());
    }
    let mut edits = vec![Edit::insertion("async ", def_start(ctx, function))];
    if let Some(decorator) = decorator(ctx, function) {
        if function.decorator_list.last().map(Ranged::range) != Some(decorator.range()) {
            return Err(format!(
                "the decorators below it are given the generator that `{}` is now",
                function.name
            )
            .into());
        }
        edits.push(Edit::deletion(ctx.lines_of(decorator)?));
    }
    let scope = model.body_scope(function);
    let mut import = None;
    let mut yields = false;
    for (inner, node) in model.subtree(id) {
        if model.scope_of(inner) != scope {
            continue;
        }
        match node {
            AnyNodeRef::ExprYieldFrom(delegation) => {
                yields = true;
                edits.extend(await_edits(ctx, function, delegation)?);
            }
            AnyNodeRef::ExprYield(single) => {
                yields = true;
                if single
                    .value
                    .as_deref()
                    .is_some_and(|value| !value.is_none_literal_expr())
                {
                    let (line, _) = ctx.module.location(single.start());
                    return Err(format!(
                        "`{}` gives a value away in line {line}: it is a generator as well",
                        function.name
                    )
                    .into());
                }
                let (sleep, needed) = ctx.member("asyncio", "sleep", inner)?;
                import = import.or(needed);
                let range = without_parentheses(ctx, single.into(), single.range());
                edits.push(Edit::replacement(format!("await {sleep}(0)"), range));
            }
            _ => {}
        }
    }
    if !yields {
        returns_no_awaitable(ctx, function)?;
    }
    Ok((edits, import))
}

/// Where `def` stands, behind the decorators.
fn def_start(ctx: &Context, function: &ast::StmtFunctionDef) -> TextSize {
    let from = function.decorator_list.last().map_or(function.start(), Ranged::end);
    let range = TextRange::new(from, function.name.start());
    let tokens = ctx.module.tokens().in_range(range);
    tokens
        .iter()
        .find(|token| token.kind() == ruff_python_ast::token::TokenKind::Def)
        .map_or(function.start(), Ranged::start)
}

/// `yield from x` as `await x`.
fn await_edits(
    ctx: &Context,
    function: &ast::StmtFunctionDef,
    delegation: &ast::ExprYieldFrom,
) -> Result<Vec<Edit>, Declined> {
    let model = ctx.model;
    let id = model.id(delegation);
    let (line, _) = ctx.module.location(delegation.start());
    if let AnyNodeRef::WithItem(_) = model.node(model.parent(id)) {
        return Err(format!("`with (yield from ...)` in line {line} has to become an `async with`").into());
    }
    let is_plain = |made: &ast::StmtFunctionDef| {
        !made.is_async
            && decorator(ctx, made).is_none()
            && model.is_generator(made)
            && !delegates_to_coroutine(ctx, made)
    };
    let value = &*delegation.value;
    let gives_values = match value {
        Expr::List(_) | Expr::Tuple(_) | Expr::Set(_) | Expr::Dict(_) | Expr::ListComp(_) | Expr::SetComp(_) => true,
        Expr::DictComp(_) | Expr::Generator(_) | Expr::StringLiteral(_) => true,
        Expr::Call(call) => {
            model.function_of(&call.func).is_some_and(is_plain)
                || ["range", "iter", "map", "filter", "zip", "sorted", "list"]
                    .iter()
                    .any(|name| model.is_builtin(&call.func, name))
        }
        _ => false,
    };
    if gives_values {
        return Err(format!(
            "`{}` takes values from a generator in line {line}, which is nothing that can be awaited",
            function.name
        )
        .into());
    }
    let keyword = TextRange::new(delegation.start(), value_start(ctx, delegation));
    if !ctx.module.comments_in(keyword).is_empty() {
        return Err("a comment stands behind `yield from`".into());
    }
    let tight = matches!(
        value,
        Expr::Call(_) | Expr::Name(_) | Expr::Attribute(_) | Expr::Subscript(_)
    ) || ctx.is_parenthesized(value);
    let (open, close) = if tight { ("await ", "") } else { ("await (", ")") };
    let whole = without_parentheses(ctx, delegation.into(), delegation.range());
    let mut edits = vec![Edit::replacement(open, TextRange::new(whole.start(), keyword.end()))];
    let tail = TextRange::new(delegation.end(), whole.end());
    if !tail.is_empty() || !close.is_empty() {
        edits.push(Edit::replacement(close, tail));
    }
    Ok(edits)
}

/// Where the operand starts, its own parentheses included.
fn value_start(ctx: &Context, delegation: &ast::ExprYieldFrom) -> TextSize {
    let own = ruff_python_ast::token::parenthesized_range(
        (&*delegation.value).into(),
        delegation.into(),
        ctx.module.tokens(),
    );
    own.unwrap_or(delegation.value.range()).start()
}

/// The expression with the parentheses that only `yield` needed: those of `return (yield x)` and `name = (yield x)`.
fn without_parentheses(ctx: &Context, expr: ast::ExprRef, range: TextRange) -> TextRange {
    let parent = ctx.model.node(ctx.model.parent(ctx.model.id(&expr)));
    let own = ruff_python_ast::token::parenthesized_range(expr, parent, ctx.module.tokens());
    match own {
        Some(own)
            if parent.is_statement()
                && !matches!(
                    parent,
                    AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtIf(_) | AnyNodeRef::StmtWhile(_)
                )
                && !ctx.module.slice(own).contains(['\n', '\r']) =>
        {
            own
        }
        _ => range,
    }
}

/// Whether an undecorated generator is one of those that change together with what they delegate to.
fn delegates_to_coroutine(ctx: &Context, function: &ast::StmtFunctionDef) -> bool {
    delegates_within(ctx, function, MAX_STEPS)
}

fn delegates_within(ctx: &Context, function: &ast::StmtFunctionDef, steps: usize) -> bool {
    let model = ctx.model;
    let scope = model.body_scope(function);
    model.subtree(model.id(function)).any(|(inner, node)| match node {
        AnyNodeRef::ExprYieldFrom(delegation) if model.scope_of(inner) == scope => match &*delegation.value {
            Expr::Call(call) => model.function_of(&call.func).is_some_and(|made| {
                let is_other = made.range() != function.range();
                decorator(ctx, made).is_some() || is_other && steps > 0 && delegates_within(ctx, made, steps - 1)
            }),
            _ => false,
        },
        _ => false,
    })
}

/// A function that never yields was awaited for what it returned, when that was a future or a generator.
fn returns_no_awaitable(ctx: &Context, function: &ast::StmtFunctionDef) -> Result<(), Declined> {
    let scope = ctx.model.body_scope(function);
    for (inner, node) in ctx.model.subtree(ctx.model.id(function)) {
        if let AnyNodeRef::StmtReturn(stmt) = node
            && ctx.model.scope_of(inner) == scope
            && stmt.value.as_deref().is_some_and(|value| !value.is_literal_expr())
        {
            return Err(format!(
                "`{}` has no `yield from`: what it returns was awaited if it could be",
                function.name
            )
            .into());
        }
    }
    Ok(())
}
