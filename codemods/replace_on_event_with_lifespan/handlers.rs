//! What is registered with an application for its startup and shutdown, and how a lifespan calls it.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::runs_after;
use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::semantic::web::WebApp;
use crate::semantic::{BindingKind, NodeId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Startup,
    Shutdown,
}

/// A decorator or statement that registers a handler.
pub(super) struct Registration<'a> {
    pub at: TextRange,
    pub event: Event,
    /// The statement that makes the application, when it is seen.
    pub owner: Option<NodeId>,
    pub form: Form<'a>,
}

pub(super) enum Form<'a> {
    /// `@app.on_event("startup")`
    Decorator(&'a ast::StmtFunctionDef, &'a ast::Decorator),
    /// `app.add_event_handler("startup", handler)`, `app.on_event("startup")(handler)`, `app.router.on_startup.append(handler)`
    Statement(&'a Stmt, &'a Expr),
    /// It stands inside of something larger.
    Other,
}

/// One call that the lifespan makes.
pub(super) struct Handler<'a> {
    pub event: Event,
    /// What is called: a name, or `object.method`.
    pub name: String,
    is_async: bool,
    function: &'a ast::StmtFunctionDef,
    pub doubt: Option<String>,
    /// The comment behind it in a list.
    pub comment: Option<String>,
}

impl Handler<'_> {
    pub fn prefix(&self) -> &'static str {
        if self.is_async { "await " } else { "" }
    }
}

/// All registrations of the module, in source order.
pub(super) fn registrations<'a>(ctx: &Context<'a>) -> Vec<Registration<'a>> {
    ctx.model.calls().filter_map(|call| registration(ctx, call)).collect()
}

fn registration<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<Registration<'a>> {
    let model = ctx.model;
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let literal = |name, position| {
        let value = call.arguments.find_argument_value(name, position)?;
        match value.as_string_literal_expr()?.value.to_str() {
            "startup" => Some(Event::Startup),
            "shutdown" => Some(Event::Shutdown),
            _ => None,
        }
    };
    let (event, receiver) = match method.attr.as_str() {
        "on_event" | "add_event_handler" => (literal("event_type", 0)?, &*method.value),
        // `app.router.on_startup.append(handler)`
        "append" => match &*method.value {
            Expr::Attribute(list) if list.attr.as_str() == "on_startup" => (Event::Startup, &*list.value),
            Expr::Attribute(list) if list.attr.as_str() == "on_shutdown" => (Event::Shutdown, &*list.value),
            _ => return None,
        },
        _ => return None,
    };
    let owner = model.web_app(receiver).map(|app| app.stmt);
    if owner.is_none() && method.attr.as_str() == "append" {
        return None;
    }
    let parent = model.parent(model.id(call));
    let statement = |expr: NodeId| model.statement_of(expr).filter(|(_, stmt)| stmt.is_expr_stmt());
    let form = match (method.attr.as_str(), model.node(parent)) {
        ("on_event", AnyNodeRef::Decorator(decorator)) => match model.node(model.parent(parent)) {
            AnyNodeRef::StmtFunctionDef(function) => Form::Decorator(function, decorator),
            _ => Form::Other,
        },
        ("on_event", AnyNodeRef::ExprCall(outer)) if outer.func.range() == call.range() => {
            let stmt = matches!(model.node(model.parent(parent)), AnyNodeRef::StmtExpr(_)).then(|| statement(parent));
            match (stmt.flatten(), &*outer.arguments.args) {
                (Some((_, stmt)), [handler]) if outer.arguments.keywords.is_empty() => Form::Statement(stmt, handler),
                _ => Form::Other,
            }
        }
        ("add_event_handler", AnyNodeRef::StmtExpr(_)) => {
            match (statement(parent), call.arguments.find_argument_value("func", 1)) {
                (Some((_, stmt)), Some(handler)) if call.arguments.len() == 2 => Form::Statement(stmt, handler),
                _ => Form::Other,
            }
        }
        ("append", AnyNodeRef::StmtExpr(_)) => match (statement(parent), &*call.arguments.args) {
            (Some((_, stmt)), [handler]) => Form::Statement(stmt, handler),
            _ => Form::Other,
        },
        _ => Form::Other,
    };
    Some(Registration {
        at: call.range(),
        event,
        owner,
        form,
    })
}

/// The handlers of `on_startup=[connect, warm]`.
pub(super) fn of_list<'a>(
    ctx: &Context<'a>,
    app: &WebApp<'a>,
    list: &Expr,
    event: Event,
) -> Result<Vec<Handler<'a>>, Declined> {
    let elements = match list {
        Expr::List(list) => &list.elts,
        Expr::Tuple(tuple) => &tuple.elts,
        Expr::NoneLiteral(_) => return Ok(Vec::new()),
        _ => return Err("the handlers are not written as a list".into()),
    };
    let mut comments = ctx.module.comments_in(list.range()).iter().peekable();
    let mut handlers = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let mut handler = of_value(ctx, app, element, event)?;
        let until = elements.get(index + 1).map_or(list.end(), Ranged::start);
        let behind = TextRange::new(
            element.end(),
            ctx.module.line_end(element.end()).min(until).max(element.end()),
        );
        if let Some(comment) = comments.next_if(|comment| behind.contains_range(**comment)) {
            handler.comment = Some(ctx.module.slice(*comment).to_owned());
        }
        handlers.push(handler);
    }
    if comments.next().is_some() {
        return Err("a comment stands in the list of handlers, and behind none of them".into());
    }
    Ok(handlers)
}

/// The handler of one registration; the edits take the registration away.
pub(super) fn of_registration<'a>(
    ctx: &Context<'a>,
    app: &WebApp<'a>,
    registration: &Registration<'a>,
    edits: &mut Vec<Edit>,
) -> Result<Handler<'a>, Declined> {
    match registration.form {
        Form::Decorator(function, decorator) => {
            let (_, stmt) = ctx
                .model
                .statement_of(ctx.model.id(function))
                .ok_or("the handler is no statement")?;
            runs_after(ctx, app, stmt)?;
            edits.push(without_decorator(ctx, decorator)?);
            // What a decorator above this one makes of the function is not what is registered, but has its name.
            for other in &function.decorator_list {
                let is_above = other.start() < decorator.start();
                if is_above && !is_registration(ctx, &other.expression) && !ctx.model.is_route(&other.expression) {
                    let text = ctx.model.slice(&other.expression);
                    return Err(format!(
                        "`@{text}` stands above the registration, so that another object has the handler's name"
                    )
                    .into());
                }
            }
            of_function(ctx, function, registration.event)
        }
        Form::Statement(stmt, handler) => {
            runs_after(ctx, app, stmt)?;
            let handler = of_value(ctx, app, handler, registration.event)?;
            edits.push(ctx.remove_statement(stmt)?);
            Ok(handler)
        }
        Form::Other => {
            let (line, _) = ctx.module.location(registration.at.start());
            Err(format!("line {line} registers a handler inside of a larger expression").into())
        }
    }
}

/// The edit that takes the lines of a decorator away.
fn without_decorator(ctx: &Context, decorator: &ast::Decorator) -> Result<Edit, Declined> {
    let module = ctx.module;
    if !module.is_first_on_line(decorator.start()) {
        return Err("a decorator shares its line".into());
    }
    let lines = TextRange::new(
        module.line_start(decorator.start()),
        module.line_end_with_newline(decorator.end()),
    );
    match module.comments_in(lines) {
        [] => Ok(Edit::deletion(lines)),
        // It gets the line for itself.
        [comment] if comment.start() >= decorator.end() => {
            Ok(Edit::deletion(TextRange::new(decorator.start(), comment.start())))
        }
        _ => Err("a comment stands inside a decorator that has to go".into()),
    }
}

fn is_registration(ctx: &Context, decorator: &Expr) -> bool {
    decorator
        .as_call_expr()
        .is_some_and(|call| registration(ctx, call).is_some())
}

/// A handler that is given as a value: the name of a function of the module, or a method of an object that is known.
fn of_value<'a>(ctx: &Context<'a>, app: &WebApp<'a>, value: &Expr, event: Event) -> Result<Handler<'a>, Declined> {
    let text = ctx.model.slice(value);
    if !matches!(value, Expr::Name(_) | Expr::Attribute(_)) {
        return Err(format!("the handler `{text}` has no name").into());
    }
    let function = ctx.model.function_of(value).ok_or_else(|| {
        Declined(format!(
            "`{text}` is not defined in this module, so that it is not known whether it must be awaited"
        ))
    })?;
    let mut handler = of_function(ctx, function, event)?;
    if let Expr::Attribute(attribute) = value {
        if ctx.model.is_property(function) {
            return Err(format!("`{text}` is a property").into());
        }
        let receiver = ctx.model.slice(&*attribute.value);
        handler.name = text.to_owned();
        handler.doubt = Some(format!(
            "`{receiver}` is read when the server starts, not where `{}` is made",
            app.name
        ));
    }
    Ok(handler)
}

fn of_function<'a>(
    ctx: &Context<'a>,
    function: &'a ast::StmtFunctionDef,
    event: Event,
) -> Result<Handler<'a>, Declined> {
    let name = function.name.as_str();
    if ctx.model.is_generator(function) {
        return Err(format!("`{name}` is a generator, which runs nothing when it is called").into());
    }
    let is_method = ctx.model.class_of_method(function).is_some();
    let mut required = function
        .parameters
        .iter_non_variadic_params()
        .filter(|parameter| parameter.default.is_none());
    if required.nth(usize::from(is_method)).is_some() {
        return Err(format!("`{name}` needs arguments").into());
    }
    let mut is_async = function.is_async;
    let mut doubt = None;
    // The decorator nearest to the function is called first.
    for decorator in function.decorator_list.iter().rev() {
        let expr = &decorator.expression;
        if is_registration(ctx, expr) || ctx.model.is_route(expr) || ctx.model.is_inert_decorator(expr) {
            continue;
        }
        match wrapper_is_async(ctx, expr) {
            Some(wrapper) => is_async = wrapper,
            None => {
                doubt = Some(format!(
                    "`@{}` may make something else of `{name}` than a function of its kind",
                    ctx.model.slice(expr)
                ));
            }
        }
    }
    Ok(Handler {
        event,
        name: name.to_owned(),
        is_async,
        function,
        comment: None,
        doubt: doubt.or_else(|| called_with_arguments(ctx, function)),
    })
}

/// Whether what a decorator makes of a function is a coroutine function, when that is known.
fn wrapper_is_async(ctx: &Context, decorator: &Expr) -> Option<bool> {
    let model = ctx.model;
    let callee = crate::semantic::names::map_callable(decorator);
    if let Some(name) = model.qualified_name(callee) {
        return match name.as_str() {
            "fastapi_utils.tasks.repeat_every" | "fastapi_restful.tasks.repeat_every" => Some(true),
            "functools.lru_cache" | "functools.cache" => Some(false),
            _ => None,
        };
    }
    // `return wrapper` at the end of a decorator of this module; of the function that it returns, where it has arguments.
    let mut function = model.function_of(callee)?;
    for _ in 0..=usize::from(decorator.is_call_expr()) {
        let Some(Stmt::Return(last)) = function.body.last() else {
            return None;
        };
        function = model.function_of(last.value.as_deref()?)?;
    }
    let is_nested = model.enclosing_function(model.id(function)).is_some();
    (is_nested && !model.is_generator(function)).then_some(function.is_async)
}

/// A handler with parameters that other code calls with arguments means something else there.
fn called_with_arguments(ctx: &Context, function: &ast::StmtFunctionDef) -> Option<String> {
    let model = ctx.model;
    let scope = model.scope_of(model.id(function));
    let owner = model.lookup(&function.name, scope);
    model.references_to(owner, &function.name).find_map(|reference| {
        let AnyNodeRef::ExprCall(call) = model.node(model.parent(reference.node)) else {
            return None;
        };
        let is_call = call.func.range() == reference.name.range() && !call.arguments.is_empty();
        is_call.then(|| {
            let (line, _) = ctx.module.location(call.start());
            format!("`{}` is called with arguments in line {line}", function.name)
        })
    })
}

/// A lifespan calls its handlers by name when the server starts, so that each needs a name of its own for good.
///
/// Of functions that have one name, and are nothing but handlers, all but the first get another one.
pub(super) fn rename_twins(
    ctx: &Context,
    handlers: &mut [Handler],
    edits: &mut Vec<Edit>,
    doubts: &mut Vec<String>,
) -> Result<(), Declined> {
    let model = ctx.model;
    let mut renamed: Vec<(NodeId, String)> = Vec::new();
    for index in 0..handlers.len() {
        let function = handlers[index].function;
        if model.class_of_method(function).is_some() {
            continue;
        }
        let (id, name) = (model.id(function), function.name.as_str());
        let scope = model.scope_of(id);
        if let Some((_, name)) = renamed.iter().find(|(known, _)| *known == id) {
            handlers[index].name.clone_from(name);
            continue;
        }
        let bindings: Vec<_> = model.bindings_in(scope, name).collect();
        if let [_] = bindings[..] {
            continue;
        }
        let is_handler = |found: &ast::StmtFunctionDef| {
            handlers
                .iter()
                .any(|handler| model.id(handler.function) == model.id(found))
        };
        let all_handlers = bindings
            .iter()
            .all(|binding| matches!(binding.kind, BindingKind::Function(function) if is_handler(function)));
        let is_read = model.references_to(model.lookup(name, scope), name).next().is_some();
        if !all_handlers || is_read {
            return Err(format!("`{name}` stands for something else as well, and a lifespan would call that").into());
        }
        let position = bindings
            .iter()
            .position(|binding| binding.range == function.name.range());
        let Some(position @ 1..) = position else { continue };
        let fresh = (position + 1..)
            .map(|number| format!("{name}_{number}"))
            .find(|fresh| model.fresh_name(fresh, id) == *fresh && !renamed.iter().any(|(_, given)| given == fresh))
            .expect("the numbers do not end");
        edits.push(Edit::replacement(fresh.clone(), function.name.range()));
        doubts.push(format!(
            "`{name}` is defined {} times: what uses it elsewhere gets the first one, and no longer the last",
            bindings.len()
        ));
        handlers[index].name.clone_from(&fresh);
        renamed.push((id, fresh));
    }
    Ok(())
}
