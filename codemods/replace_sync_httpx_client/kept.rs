//! A client that an object keeps: `self.client = httpx.Client(...)` in `__init__`, used by the methods of its class.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::{async_client, check_constructor, check_module, use_of_client};
use crate::codemod::Context;
use crate::draft::Draft;
use crate::edit::{Fix, all_doubts};
use crate::finding::Declined;
use crate::semantic::NodeId;

/// Where else an object's client is, once it is an asynchronous one.
const KEPT: &str = "other files may use the client as well, and it belongs to the event loop of its first request";

/// All of the client that methods of a class reach by this attribute of their object.
pub(super) fn client<'a>(ctx: &Context<'a>, receiver: &'a ast::ExprAttribute) -> Result<Fix, Declined> {
    check_module(ctx)?;
    let model = ctx.model;
    let class = class_around(ctx, model.id(receiver))
        .ok_or("the client is kept where other code can use it: make it an `AsyncClient` there")?;
    let (made, annotation) = made(ctx, class, receiver.attr.as_str())?;
    let mut draft = Draft::new(ctx);
    let mut doubts = vec![KEPT.to_owned()];
    doubts.extend(check_constructor(ctx, made, &mut draft)?);
    let name = async_client(ctx, &made.func)?;
    draft.replace(made.func.range(), name.clone());
    if let Some(annotation) = annotation {
        draft.replace(annotation.range(), name);
    }
    let mut closing: Vec<TextRange> = Vec::new();
    for (id, used) in model.loads_of(&receiver.attr) {
        let is_own =
            class_around(ctx, id).is_some_and(|other| other.range() == class.range()) && is_object(ctx, &used.value);
        if !is_own {
            let (line, _) = ctx.module.location(used.start());
            return Err(format!("line {line} uses the client, or another one of its name, as well").into());
        }
        if let Some(method) = closing_method(ctx, used)? {
            if !closing.contains(&method.range()) {
                closing.push(method.range());
                draft.insert(ctx.def_of(method), "async ");
                doubts.push(format!("whoever calls `{}` has to await it", method.name));
            }
            let call = model.parent(model.parent(id));
            draft.replace(used_member(ctx, call)?, "aclose");
            draft.around(call, 0, "await ", "");
            continue;
        }
        doubts.extend(use_of_client(ctx, &mut draft, id)?);
    }
    Ok(Fix::unsafe_because(
        all_doubts(doubts.iter().map(String::as_str)).unwrap_or_default(),
        draft.finish()?,
    ))
}

/// The class whose method a node stands in.
fn class_around<'a>(ctx: &Context<'a>, id: NodeId) -> Option<&'a ast::StmtClassDef> {
    ctx.model.class_of_method(ctx.model.enclosing_function(id)?)
}

/// Whether an expression is the object whose method it stands in.
fn is_object(ctx: &Context, expr: &Expr) -> bool {
    let Expr::Name(name) = expr else { return false };
    let first = ctx
        .model
        .enclosing_function(ctx.model.id(name))
        .and_then(|function| function.parameters.iter_non_variadic_params().next());
    first.is_some_and(|first| first.name().id == name.id)
}

/// The one place in `__init__` where the attribute gets its client: the constructor, and what an annotation says.
fn made<'a>(
    ctx: &Context<'a>,
    class: &'a ast::StmtClassDef,
    attribute: &str,
) -> Result<(&'a ast::ExprCall, Option<&'a Expr>), Declined> {
    let model = ctx.model;
    let mut found = None;
    for store in model
        .attribute_stores()
        .filter(|store| store.attr.as_str() == attribute)
    {
        let id = model.id(store);
        let in_init = model
            .enclosing_function(id)
            .is_some_and(|function| function.name.as_str() == "__init__")
            && class_around(ctx, id).is_some_and(|other| other.range() == class.range());
        let (_, stmt) = model.statement_of(id).ok_or("it stands in no statement")?;
        let (value, annotation) = match stmt {
            Stmt::Assign(assign) if assign.targets.len() == 1 => (Some(&*assign.value), None),
            Stmt::AnnAssign(assign) => (assign.value.as_deref(), Some(&*assign.annotation)),
            _ => (None, None),
        };
        match value {
            Some(Expr::Call(made)) if in_init && found.is_none() => found = Some((made, annotation)),
            _ => return Err("the client is kept where other code can use it: make it an `AsyncClient` there".into()),
        }
    }
    let (made, annotation) =
        found.ok_or("the client is kept where other code can use it: make it an `AsyncClient` there")?;
    let is_client = |expr: &Expr| {
        let name = model.qualified_name(expr);
        name.is_some_and(|name| matches!(name.as_str(), "httpx.Client" | "httpx2.Client"))
    };
    if !is_client(&made.func) || !annotation.is_none_or(is_client) {
        return Err("the client is made elsewhere: make it an `AsyncClient` there".into());
    }
    Ok((made, annotation))
}

/// The plain method that does nothing but close the client, where this is the client in it: it is to wait from now on.
fn closing_method<'a>(
    ctx: &Context<'a>,
    used: &'a ast::ExprAttribute,
) -> Result<Option<&'a ast::StmtFunctionDef>, Declined> {
    let model = ctx.model;
    let Some(function) = model
        .enclosing_function(model.id(used))
        .filter(|function| !function.is_async)
    else {
        return Ok(None);
    };
    let name = function.name.as_str();
    let body: Vec<&Stmt> = function
        .body
        .iter()
        .filter(|stmt| !matches!(stmt, Stmt::Expr(expr) if expr.value.is_string_literal_expr()))
        .collect();
    let closes = match body.as_slice() {
        [Stmt::Expr(stmt)] => matches!(&*stmt.value, Expr::Call(call)
            if matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "close" && method.value.range() == used.range())),
        _ => false,
    };
    if !closes || name.starts_with("__") || !function.decorator_list.is_empty() {
        return Err(format!("`{name}`, which is no async function, uses the client as well").into());
    }
    let is_called = model
        .loads_of(name)
        .any(|(_, other)| other.value.range() != used.range());
    match is_called {
        true => {
            Err(format!("`{name}` closes the client, and is called in this file: make it an async function").into())
        }
        false => Ok(Some(function)),
    }
}

/// The word `close` of a call.
fn used_member(ctx: &Context, call: NodeId) -> Result<TextRange, Declined> {
    match ctx.model.node(call) {
        AnyNodeRef::ExprCall(call) => match &*call.func {
            Expr::Attribute(method) => Ok(method.attr.range()),
            _ => Err("it is closed in another way".into()),
        },
        _ => Err("it is closed in another way".into()),
    }
}
