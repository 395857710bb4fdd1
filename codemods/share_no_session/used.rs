//! The sessions that a coroutine works with, as far as the module shows.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::semantic::NodeId;

/// A session that a coroutine works with.
pub struct Used<'a> {
    /// How the function that makes the coroutine would write it: `session`, `self.session`.
    pub text: String,
    pub session: &'a Expr,
    /// What it is reached by in that function: the session, or the object that holds it.
    pub root: &'a Expr,
}

/// Methods of one object that call each other are followed so far.
const MAX_DEPTH: usize = 4;

/// The sessions that a coroutine works with: those it is made with, those that its function reads from around it, and those of the object
/// whose method it is.
pub fn sessions_in<'a>(ctx: &Context<'a>, coroutine: &'a Expr) -> Vec<Used<'a>> {
    let model = ctx.model;
    let Expr::Call(call) = coroutine else {
        return Vec::new();
    };
    let mut found: Vec<Used<'a>> = Vec::new();
    let given = match &*call.func {
        Expr::Attribute(method) => match &*method.value {
            // `Users(session).find(1)`
            Expr::Call(made) => made.arguments.args.iter().collect(),
            receiver => vec![receiver],
        },
        _ => Vec::new(),
    };
    let arguments = call.arguments.args.iter();
    let keywords = call.arguments.keywords.iter().map(|keyword| &keyword.value);
    for expr in given.into_iter().chain(arguments).chain(keywords) {
        note(ctx, ctx.module.slice(expr).to_owned(), expr, expr, &mut found);
    }
    if let Some(function) = model.function_of(&call.func) {
        read_around(ctx, function, &mut found);
        if let Expr::Attribute(method) = &*call.func
            && matches!(&*method.value, Expr::Name(_) | Expr::Attribute(_))
        {
            read_of_object(ctx, function, &method.value, 0, &mut found);
        }
    }
    found
}

fn note<'a>(ctx: &Context<'a>, text: String, session: &'a Expr, root: &'a Expr, found: &mut Vec<Used<'a>>) {
    let is_new = found.iter().all(|other| other.text != text);
    // A registry gives each task a session of its own.
    let is_shared = || {
        ctx.model.is_session(session, true)
            && ctx
                .model
                .sqlalchemy_object(session)
                .is_some_and(|class| !class.name().ends_with("async_scoped_session"))
    };
    if is_new && is_shared() {
        found.push(Used { text, session, root });
    }
}

/// Sessions that a function uses and has not bound.
fn read_around<'a>(ctx: &Context<'a>, function: &'a ast::StmtFunctionDef, found: &mut Vec<Used<'a>>) {
    let model = ctx.model;
    let own = model.node(model.id(function)).range();
    for (id, node) in model.subtree(model.id(function)) {
        if let AnyNodeRef::ExprAttribute(method) = node
            && let Expr::Name(name) = &*method.value
            && model
                .resolve(&name.id, model.scope_of(model.id(name)))
                .all(|binding| !own.contains_range(binding.range))
            && !is_guarded(ctx, id)
        {
            note(ctx, name.id.to_string(), &method.value, &method.value, found);
        }
    }
}

/// Sessions that a method finds in its object, itself or by other methods of it.
fn read_of_object<'a>(
    ctx: &Context<'a>,
    method: &'a ast::StmtFunctionDef,
    object: &'a Expr,
    depth: usize,
    found: &mut Vec<Used<'a>>,
) {
    let model = ctx.model;
    let Some(own) = method
        .parameters
        .iter_non_variadic_params()
        .next()
        .map(|own| own.name())
    else {
        return;
    };
    if model.class_of_method(method).is_none() {
        return;
    }
    for (id, node) in model.subtree(model.id(method)) {
        match node {
            AnyNodeRef::ExprAttribute(member)
                if matches!(&*member.value, Expr::Name(name) if name.id == own.id) && !is_guarded(ctx, id) =>
            {
                if let AnyNodeRef::ExprAttribute(outer) = model.node(model.parent(id)) {
                    let text = format!("{}.{}", ctx.module.slice(object), member.attr);
                    note(ctx, text, &outer.value, object, found);
                }
            }
            AnyNodeRef::ExprCall(call) if depth < MAX_DEPTH && !is_guarded(ctx, id) => {
                let is_own = matches!(&*call.func, Expr::Attribute(callee)
                    if matches!(&*callee.value, Expr::Name(name) if name.id == own.id));
                if let Some(next) = model.function_of(&call.func).filter(|_| is_own) {
                    read_of_object(ctx, next, object, depth + 1, found);
                }
            }
            _ => {}
        }
    }
}

/// Whether a node stands under an `async with` of its function that may be a lock.
fn is_guarded(ctx: &Context, id: NodeId) -> bool {
    ctx.model
        .ancestors(id)
        .take_while(|(_, node)| !node.is_stmt_function_def())
        .any(|(_, node)| match node {
            AnyNodeRef::StmtWith(with) => {
                let is_known = |item: &ast::WithItem| match &item.context_expr {
                    Expr::Call(call) => matches!(&*call.func, Expr::Attribute(method)
                        if ctx.model.sqlalchemy_object(&method.value).is_some()),
                    other => ctx.model.sqlalchemy_object(other).is_some(),
                };
                with.is_async && !with.items.iter().all(is_known)
            }
            _ => false,
        })
}
