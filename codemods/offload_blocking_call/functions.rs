//! Functions and lambdas of an async function's own that block: a call of one, or of a builtin that calls it for each element, is moved to a
//! thread as a whole.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::knowledge::blocking::Rule;
use crate::semantic::{BindingKind, NodeId};

/// Builtins that call what they are given as `key=`.
const KEYED: &[&str] = &["sorted", "min", "max"];

/// A function that is defined where it blocks an event loop.
#[derive(Clone, Copy)]
enum Callable<'a> {
    Function(&'a ast::StmtFunctionDef),
    Lambda(&'a ast::ExprLambda),
}

/// What blocks when this call is made: a name of the function that is called, at once or for each element.
pub(super) fn blocking_function<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<String> {
    let (given, is_direct) = match called_for_each(ctx, call) {
        Some(given) => (given, false),
        None if call.func.is_name_expr() => (&*call.func, true),
        None => return None,
    };
    let callable = callable_of(ctx, given)?;
    if !is_own(ctx, callable, call) || !blocks(ctx, callable) {
        return None;
    }
    // Where the function is passed on as well, the direct call is a choice: often the short way beside an off-loaded one.
    if is_direct && !is_only_called(ctx, callable) {
        return None;
    }
    Some(match callable {
        Callable::Function(function) => function.name.to_string(),
        Callable::Lambda(_) if given.is_name_expr() => ctx.model.slice(given).to_owned(),
        Callable::Lambda(_) => "lambda".to_owned(),
    })
}

/// Whether a call is one of a lambda that does nothing but call what is known to be the same in any thread, with constants.
pub(super) fn is_one_call<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> bool {
    let Some(Callable::Lambda(lambda)) = callable_of(ctx, &call.func) else {
        return false;
    };
    let Expr::Call(inner) = &*lambda.body else {
        return false;
    };
    let is_exact = ctx
        .blocking_call(inner)
        .is_some_and(|(name, row)| row.is_exact && (row.rule == Rule::Call || name == "time.sleep"));
    let mut given = inner.arguments.iter_source_order();
    is_exact && inner.func.is_attribute_expr() && given.all(|argument| argument.value().is_literal_expr())
}

/// Whether a function itself calls something of the table.
pub(super) fn function_blocks<'a>(ctx: &Context<'a>, function: &'a ast::StmtFunctionDef) -> bool {
    blocks(ctx, Callable::Function(function))
}

/// What a builtin calls for each element: `f` of `sorted(xs, key=f)`, and of `list(map(f, xs))`.
fn called_for_each<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<&'a Expr> {
    let model = ctx.model;
    if !call.func.is_name_expr() {
        return None;
    }
    let is_keyed = || KEYED.iter().any(|name| model.is_builtin(&call.func, name));
    if let Some(key) = call.arguments.find_keyword("key").filter(|_| is_keyed()) {
        return Some(&key.value);
    }
    let reads = ctx.reads_to_the_end(call) || ["any", "all"].iter().any(|name| model.is_builtin(&call.func, name));
    match call.arguments.args.first() {
        Some(Expr::Call(inner))
            if reads && ["map", "filter"].iter().any(|name| model.is_builtin(&inner.func, name)) =>
        {
            inner.arguments.args.first()
        }
        _ => None,
    }
}

fn callable_of<'a>(ctx: &Context<'a>, expr: &'a Expr) -> Option<Callable<'a>> {
    let model = ctx.model;
    match expr {
        Expr::Lambda(lambda) => Some(Callable::Lambda(lambda)),
        Expr::Name(name) => match model.sole_binding(&name.id, model.scope_of(model.id(name)))?.kind {
            BindingKind::Function(function) if !function.is_async => Some(Callable::Function(function)),
            BindingKind::Assignment(Expr::Lambda(lambda)) => Some(Callable::Lambda(lambda)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a callable is plain and defined in the async function that uses it.
fn is_own<'a>(ctx: &Context<'a>, callable: Callable<'a>, call: &ast::ExprCall) -> bool {
    let model = ctx.model;
    let owner = match callable {
        Callable::Function(function) if !function.decorator_list.is_empty() || model.is_generator(function) => None,
        Callable::Function(function) => model.enclosing_function(model.id(function)),
        Callable::Lambda(lambda) => model.enclosing_function(model.id(lambda)),
    };
    let is_around = |owner: &ast::StmtFunctionDef| model.contains(model.id(owner), model.id(call));
    owner.is_some_and(|owner| owner.is_async && is_around(owner))
}

fn blocks<'a>(ctx: &Context<'a>, callable: Callable<'a>) -> bool {
    let model = ctx.model;
    let (root, scope) = match callable {
        Callable::Function(function) => (model.id(function), model.body_scope(function)),
        Callable::Lambda(lambda) => (model.id(&*lambda.body), model.scope_of(model.id(&*lambda.body))),
    };
    model.subtree(root).any(|(id, node)| match node {
        AnyNodeRef::ExprCall(inner) if model.scope_of(id) == scope => ctx
            .blocking_call(inner)
            .is_some_and(|(name, row)| matches!(row.rule, Rule::Call | Rule::Closure) || name == "time.sleep"),
        _ => false,
    })
}

/// Whether a function is called wherever it is mentioned, or handed to a builtin that calls it for each element.
fn is_only_called<'a>(ctx: &Context<'a>, callable: Callable<'a>) -> bool {
    let model = ctx.model;
    let is_call = |reference: NodeId| {
        let range = model.node(reference).range();
        model.ancestors(reference).take(4).any(|(_, node)| match node {
            AnyNodeRef::ExprCall(outer) => {
                outer.func.range() == range || called_for_each(ctx, outer).is_some_and(|given| given.range() == range)
            }
            _ => false,
        })
    };
    match callable {
        Callable::Function(function) => model
            .uses_of_function(function)
            .iter()
            .all(|use_| is_call(use_.reference)),
        Callable::Lambda(lambda) => match model.node(model.parent(model.id(lambda))) {
            AnyNodeRef::StmtAssign(assign) => match assign.targets.as_slice() {
                [Expr::Name(target)] => model.references_like(target).all(|reference| is_call(reference.node)),
                _ => false,
            },
            _ => true,
        },
    }
}
