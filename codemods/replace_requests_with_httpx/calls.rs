//! The places at which `requests` blocks an event loop.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};

use crate::codemod::{Context, Wanted};
use crate::glance;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId};

/// The functions of `requests`, which are the methods of a session and of httpx's clients too.
pub(super) const VERBS: &[&str] = &["get", "options", "head", "post", "put", "patch", "delete", "request"];

/// Something of one function that is rewritten as a whole or not at all.
#[derive(Clone, Copy)]
pub(super) enum Item<'a> {
    /// `requests.get(...)`
    Call(&'a ast::ExprCall, &'static str),
    /// `with requests.Session() as s:` or `s = requests.Session()`, with the name.
    Session(&'a ast::ExprCall, &'a ast::ExprName),
    /// `self.session = requests.Session()` in a method, with the class and the attribute.
    Kept(&'a ast::StmtClassDef, &'a ast::ExprCall, &'a str),
}

/// A blocking call that stands in async code.
pub(super) struct Blocking<'a> {
    pub call: &'a ast::ExprCall,
    /// The async function that is blocked.
    pub function: &'a ast::StmtFunctionDef,
    /// What is rewritten to rewrite it, or why nothing is.
    pub item: Result<Item<'a>, String>,
}

/// Whether any such call may stand in a text: of `requests`, or, where a session may be made, of a method that sessions have.
pub fn glance(text: &[u8], _: Wanted) -> bool {
    if !glance::imports(text, "requests") {
        return false;
    }
    let has_session = glance::uses_member(text, "requests", &["Session", "session"]);
    if has_session {
        let mut methods = VERBS.iter().chain(&["send"]);
        methods.any(|method| glance::calls(text, method).any(|call| call.may_lie_in_coroutine()))
    } else {
        let mut verbs = VERBS.iter();
        verbs.any(|verb| glance::places_of(text, "requests", verb).any(|place| place.may_lie_in_coroutine()))
    }
}

/// Every blocking call of the module, in source order.
pub(super) fn blocking<'a>(ctx: &Context<'a>) -> Vec<Blocking<'a>> {
    let model = ctx.model;
    let mut found = Vec::new();
    for call in model.calls() {
        let Some(item) = recognise(ctx, call) else { continue };
        let id = model.id(call);
        let Some(function) = model.enclosing_function(id) else {
            continue;
        };
        if model.runs_in_async(id) {
            found.push(Blocking { call, function, item });
        } else if let Some(outer) = blocked_caller(ctx, id, function) {
            let reason = format!(
                "it stands in `{}`, which is not async: keep requests and off-load `{}` with asyncio.to_thread",
                function.name, function.name
            );
            found.push(Blocking {
                call,
                function: outer,
                item: Err(reason),
            });
        }
    }
    found
}

/// What a call of `requests` or of a session's method is.
fn recognise<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<Result<Item<'a>, String>> {
    if let Some(name) = ctx.model.qualified_name(&call.func) {
        let name = name.strip_prefix("requests.")?;
        let name = name.strip_prefix("api.").unwrap_or(name);
        let verb = VERBS.iter().find(|verb| **verb == name)?;
        return Some(Ok(Item::Call(call, verb)));
    }
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let blocks = VERBS.contains(&method.attr.as_str()) || method.attr.as_str() == "send";
    (blocks && is_session(ctx, &method.value)).then(|| session_of(ctx, &method.value))
}

pub(super) fn is_session<'a>(ctx: &Context<'a>, expr: &'a Expr) -> bool {
    match ctx.model.type_of(expr) {
        Type::Foreign(name) => is_session_class(&name),
        Type::Unknown => ctx.model.likely_class(expr).is_some_and(|name| is_session_class(&name)),
        _ => false,
    }
}

pub(super) fn is_session_class(name: &str) -> bool {
    SESSION_CLASSES.contains(&name)
}

pub(super) const SESSION_CLASSES: &[&str] = &[
    "requests.Session",
    "requests.session",
    "requests.sessions.Session",
    "requests.sessions.session",
];

/// The session that a function makes for itself, if that is what the receiver is.
fn session_of<'a>(ctx: &Context<'a>, receiver: &'a Expr) -> Result<Item<'a>, String> {
    let model = ctx.model;
    let elsewhere = |what: &str| {
        Err(format!(
            "the session is {what}, where other code may use it: keep requests and off-load the call with asyncio.to_thread"
        ))
    };
    let name = match receiver {
        Expr::Name(name) => name,
        Expr::Attribute(attribute) => {
            return kept(ctx, attribute)
                .ok_or(())
                .or_else(|()| elsewhere("kept on an object"));
        }
        Expr::Call(_) => return elsewhere("not bound to a name"),
        _ => return elsewhere("kept in a container"),
    };
    let Some(binding) = model.binding_of_read(name) else {
        return Err(format!(
            "`{}` is bound more than once, and may be another session here: keep requests and off-load the call with asyncio.to_thread",
            name.id
        ));
    };
    if binding.scope == crate::semantic::ScopeId::MODULE {
        return elsewhere("a global of the module");
    }
    let value = match binding.kind {
        BindingKind::Assignment(value) => value,
        BindingKind::With(item, false) => &item.context_expr,
        BindingKind::Parameter(_) => return elsewhere("a parameter"),
        _ => return elsewhere("bound in a way that is not known here"),
    };
    let (Expr::Call(constructor), AnyNodeRef::ExprName(target)) = (value, model.node(binding.node)) else {
        return elsewhere("not made by the function itself");
    };
    if model
        .enclosing_function(model.id(name))
        .map(|function| model.id(function))
        != model
            .enclosing_function(binding.node)
            .map(|function| model.id(function))
    {
        return elsewhere("made by an outer function");
    }
    Ok(Item::Session(constructor, target))
}

/// The session that a class makes in one place, and may forget in others.
fn kept<'a>(ctx: &Context<'a>, receiver: &'a ast::ExprAttribute) -> Option<Item<'a>> {
    let model = ctx.model;
    let class = model.class_of(&receiver.value)?;
    let mut constructor = None;
    for store in model.stores_of(&receiver.attr) {
        let value = match model.node(model.parent(model.id(store))) {
            AnyNodeRef::StmtAssign(assign) if assign.targets.len() == 1 => &*assign.value,
            AnyNodeRef::StmtAnnAssign(assign) => assign.value.as_deref()?,
            _ => return None,
        };
        let is_own = model
            .enclosing_function(model.id(store))
            .and_then(|function| model.class_of_method(function))
            .is_some_and(|owner| std::ptr::eq(owner, class));
        match value {
            _ if !is_own => return None,
            Expr::NoneLiteral(_) => {}
            Expr::Call(call) if constructor.is_none() => constructor = Some(call),
            _ => return None,
        }
    }
    let constructor = constructor?;
    let makes_session = model
        .qualified_name(&constructor.func)
        .is_some_and(|name| is_session_class(&name));
    makes_session.then_some(Item::Kept(class, constructor, &receiver.attr))
}

/// The async function that a nested sync function blocks, because it is called there directly.
fn blocked_caller<'a>(
    ctx: &Context<'a>,
    at: NodeId,
    function: &'a ast::StmtFunctionDef,
) -> Option<&'a ast::StmtFunctionDef> {
    let model = ctx.model;
    // Not in a lambda or class inside of it: when those run is another question.
    if model.scope_of(at) != model.body_scope(function) {
        return None;
    }
    let outer = model
        .enclosing_function(model.id(function))
        .filter(|outer| outer.is_async)?;
    let is_called = model.calls().any(|call| {
        matches!(&*call.func, Expr::Name(name) if name.id == function.name.id)
            && model.runs_in_async(model.id(call))
            && model
                .function_of(&call.func)
                .is_some_and(|found| std::ptr::eq(found, function))
    });
    is_called.then_some(outer)
}
