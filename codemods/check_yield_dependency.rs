//! FastAPI's dependencies with `yield`: what they commit when the response is gone already, what their handlers swallow, and what outlives them.

use pep440_rs::Version;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHashSet;

use crate::codemod::{Context, Wanted};
use crate::finding::Findings;
use crate::glance;
use crate::semantic::NodeId;
use crate::semantic::types::{Type, TypeOracle};

/// From this FastAPI on, a dependency ended before its response was sent.
const BEFORE_RESPONSE: [u64; 2] = [0, 106];
/// From this one on, it ends behind it again, as it did at first.
const AFTER_RESPONSE: [u64; 2] = [0, 118];
/// From this one on, what a dependency swallows has no response.
const NO_RESPONSE: [u64; 2] = [0, 110];

/// Exceptions whose handlers catch what endpoints raise: FastAPI's own, and their bases.
const BROAD: &[&str] = &[
    "fastapi.HTTPException",
    "fastapi.exceptions.HTTPException",
    "starlette.exceptions.HTTPException",
];

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    let mut seen: FxHashSet<NodeId> = FxHashSet::default();
    for call in model.calls() {
        let dependency = model
            .depends_on(call)
            .and_then(|function| model.function_of(function))
            .filter(|function| model.is_generator(function) && seen.insert(model.id(*function)));
        if let Some(function) = dependency {
            check_end(ctx, function, acc);
        }
    }
    for call in model.calls() {
        if let Some(work) = run_later(ctx, call) {
            check_work(ctx, call, work, acc);
        }
    }
}

/// Which FastAPI the project may run with; the error says that it is not known.
fn fastapi<'a>(ctx: &Context<'a>) -> Result<&'a Version, &'static str> {
    let unknown = "what happens depends on the version of FastAPI, and no lock file, requirement or dependency says which one the project runs with";
    ctx.settings.dependencies.version("fastapi").ok_or(unknown)
}

/// What a dependency does behind its `yield`.
fn check_end(ctx: &Context, function: &ast::StmtFunctionDef, acc: &mut Findings) {
    let model = ctx.model;
    let scope = model.body_scope(function);
    let own = || {
        model
            .subtree(model.id(function))
            .filter(|(id, _)| model.scope_of(*id) == scope)
    };
    let Some((at, given)) = own().find_map(|(id, node)| match node {
        AnyNodeRef::ExprYield(given) => Some((id, given)),
        _ => None,
    }) else {
        return;
    };
    for (_, node) in own() {
        let AnyNodeRef::ExprCall(call) = node else { continue };
        if call.start() > given.end() && is_commit(ctx, call, given) && !is_in_handler(ctx, call) {
            late_commit(ctx, call.range(), model.slice(call), acc);
        }
    }
    for (_, node) in model.ancestors(at).take_while(|(_, node)| !node.is_stmt_function_def()) {
        match node {
            AnyNodeRef::StmtWith(with) => {
                for manager in with.items.iter().filter_map(|item| item.context_expr.as_call_expr()) {
                    let is_transaction = matches!(&*manager.func, Expr::Attribute(method)
                        if method.attr.as_str() == "begin" && model.sqlalchemy_object(&method.value).is_some());
                    if is_transaction {
                        let what = format!("the commit at the end of `{}`", model.slice(manager));
                        late_commit(ctx, manager.range(), &what, acc);
                    }
                }
            }
            AnyNodeRef::StmtTry(outer) if outer.body.iter().any(|stmt| model.contains(model.id(stmt), at)) => {
                for ast::ExceptHandler::ExceptHandler(handler) in &outer.handlers {
                    if catches_all(ctx, handler) && !raises(ctx, handler) {
                        swallowed(ctx, handler, acc);
                        break;
                    }
                }
            }
            _ => {}
        }
    }
}

fn is_commit(ctx: &Context, call: &ast::ExprCall, given: &ast::ExprYield) -> bool {
    let Expr::Attribute(method) = &*call.func else {
        return false;
    };
    let is_given = given
        .value
        .as_deref()
        .is_some_and(|given| ctx.model.slice(given) == ctx.model.slice(&*method.value));
    method.attr.as_str() == "commit" && (is_given || ctx.model.sqlalchemy_object(&method.value).is_some())
}

fn is_in_handler(ctx: &Context, call: &ast::ExprCall) -> bool {
    ctx.model
        .ancestors(ctx.model.id(call))
        .take_while(|(_, node)| !node.is_stmt_function_def())
        .any(|(_, node)| matches!(node, AnyNodeRef::ExceptHandlerExceptHandler(_)))
}

fn late_commit(ctx: &Context, at: TextRange, what: &str, acc: &mut Findings) {
    let what = if what.contains('`') {
        what.to_owned()
    } else {
        format!("`{what}`")
    };
    let message =
        format!("{what} runs when the response is sent already: if it fails, the client was told that all went well");
    match fastapi(ctx) {
        Ok(version) if *version < Version::new(BEFORE_RESPONSE) || *version >= Version::new(AFTER_RESPONSE) => {
            let reason = format!(
                "with FastAPI {version} a dependency ends behind the response: commit in the endpoint, or in what it calls, before it returns"
            );
            acc.push_defect(at, message, Err(reason.into()));
        }
        Ok(_) => {}
        Err(unknown) => acc.push(at, message, Err(unknown.into())),
    }
}

fn swallowed(ctx: &Context, handler: &ast::ExceptHandlerExceptHandler, acc: &mut Findings) {
    let message = "what the endpoint raises ends here: FastAPI is left without a response, and answers 500 even for an `HTTPException`";
    let at = handler.type_.as_deref().map_or(handler.range(), Ranged::range);
    match fastapi(ctx) {
        Ok(version) if *version >= Version::new(NO_RESPONSE) => {
            acc.push_defect(at, message, Err("let the handler end with `raise`".into()));
        }
        Ok(_) => {}
        Err(unknown) => acc.push(at, message, Err(unknown.into())),
    }
}

/// Whether a handler catches every exception of an endpoint, or the one that is meant for FastAPI.
fn catches_all(ctx: &Context, handler: &ast::ExceptHandlerExceptHandler) -> bool {
    let is_broad = |class: &Expr| {
        ["Exception", "BaseException"]
            .iter()
            .any(|name| ctx.model.is_builtin(class, name))
            || ctx
                .model
                .qualified_name(class)
                .is_some_and(|name| BROAD.contains(&name.as_str()))
    };
    match handler.type_.as_deref() {
        None => true,
        Some(Expr::Tuple(classes)) => classes.elts.iter().any(is_broad),
        Some(class) => is_broad(class),
    }
}

fn raises(ctx: &Context, handler: &ast::ExceptHandlerExceptHandler) -> bool {
    let model = ctx.model;
    let has_raise = model
        .subtree(model.id(handler))
        .any(|(_, node)| matches!(node, AnyNodeRef::StmtRaise(_)));
    // A function that is not seen may raise: one that is named for it.
    has_raise || model.slice(handler).contains("raise")
}

/// The arguments of a call that makes something run behind the response: a background task, or the body of a streamed one.
fn run_later<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<&'a ast::Arguments> {
    let model = ctx.model;
    let is_later = match model.qualified_name(&call.func) {
        Some(name) => name.rsplit_once('.').is_some_and(|(module, class)| {
            matches!(class, "BackgroundTask" | "StreamingResponse")
                && (module.starts_with("fastapi") || module.starts_with("starlette"))
        }),
        None => match &*call.func {
            Expr::Attribute(method) if method.attr.as_str() == "add_task" => {
                matches!(model.type_of(&method.value), Type::Foreign(name) if name.ends_with(".BackgroundTasks"))
            }
            _ => false,
        },
    };
    is_later.then_some(&call.arguments)
}

/// Sessions of dependencies that work behind the response uses, where the dependency has ended by then.
fn check_work(ctx: &Context, call: &ast::ExprCall, work: &ast::Arguments, acc: &mut Findings) {
    let model = ctx.model;
    let Some(endpoint) = model.enclosing_function(model.id(call)) else {
        return;
    };
    for parameter in endpoint.parameters.iter_non_variadic_params() {
        let name = parameter.name().as_str();
        let is_used = || {
            work.iter_source_order()
                .any(|argument| uses(ctx, endpoint, argument.range(), name))
        };
        if model.dependency_of(parameter).is_none() || !is_session(ctx, endpoint, name) || !is_used() {
            continue;
        }
        let message = format!(
            "the dependency has closed `{name}` when this runs: what is loaded then is loaded by a connection that nobody gives back"
        );
        match fastapi(ctx) {
            Ok(version) if *version >= Version::new(BEFORE_RESPONSE) && *version < Version::new(AFTER_RESPONSE) => {
                let reason = format!(
                    "with FastAPI {version} a dependency ends before background tasks and streamed bodies run: open a session there"
                );
                acc.push_defect(&*call.func, message, Err(reason.into()));
            }
            Ok(_) => {}
            Err(unknown) => acc.push(&*call.func, message, Err(unknown.into())),
        }
    }
}

/// Whether a parameter is one of SQLAlchemy's sessions, asynchronous or not.
fn is_session(ctx: &Context, function: &ast::StmtFunctionDef, name: &str) -> bool {
    let model = ctx.model;
    let scope = model.body_scope(function);
    model.references_named(name).any(|reference| {
        let expr = Expr::Name(reference.name.clone());
        model
            .sole_binding(name, reference.scope)
            .is_some_and(|binding| binding.scope == scope)
            && (model.is_session(&expr, false) || model.is_session(&expr, true))
    })
}

/// Whether an argument names a parameter of the function, or a function inside of it that does.
fn uses(ctx: &Context, function: &ast::StmtFunctionDef, argument: TextRange, parameter: &str) -> bool {
    let model = ctx.model;
    let scope = model.body_scope(function);
    let reads = |range: TextRange| {
        model
            .references_in(model.id(function))
            .iter()
            .filter(move |reference| range.contains_range(reference.name.range()))
    };
    reads(argument).any(|reference| {
        let read = reference.name.id.as_str();
        read == parameter
            || model
                .sole_binding(read, reference.scope)
                .filter(|binding| binding.scope == scope)
                .is_some_and(|binding| match model.node(binding.node) {
                    AnyNodeRef::StmtFunctionDef(inner) => {
                        reads(inner.range()).any(|reference| reference.name.id == parameter)
                    }
                    _ => false,
                })
    })
}

/// Something follows a `yield`, or something is left for later.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    glance::imports(text, "fastapi")
        && (glance::mentions(text, &["yield"]) && glance::mentions(text, &["commit(", "begin(", "except"])
            || glance::mentions(text, &["add_task(", "BackgroundTask(", "StreamingResponse("]))
}
