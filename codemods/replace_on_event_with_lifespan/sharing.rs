//! Who else may register handlers with an application: once it has a lifespan, they would never run.

use ruff_python_ast::{AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::KEYWORDS;
use super::handlers::Registration;
use crate::codemod::Context;
use crate::finding::Declined;
use crate::semantic::web::{WebApp, WebKind};
use crate::semantic::{NodeId, ScopeId};

/// What belongs to these takes an application and registers nothing with it.
const HARMLESS: &[&str] = &[
    "fastapi",
    "starlette",
    "uvicorn",
    "hypercorn",
    "httpx",
    "httpx2",
    "asgi_lifespan",
    "mangum",
];

/// Builtins that look at an object.
const LOOKS: &[&str] = &[
    "print",
    "isinstance",
    "id",
    "repr",
    "str",
    "type",
    "hasattr",
    "callable",
    "dir",
    "vars",
];

/// Attributes of an application's router that hold or run handlers.
const OF_ROUTER: &[&str] = &["on_startup", "on_shutdown", "startup", "shutdown"];

const MAX_DEPTH: usize = 4;

/// Why other handlers of the application may stop running; refused where they certainly would.
pub(super) fn doubt(ctx: &Context, app: &WebApp, registrations: &[Registration]) -> Result<Option<String>, Declined> {
    let unknown = registrations.iter().find(|registration| registration.owner.is_none());
    if let Some(unknown) = unknown {
        let (line, _) = ctx.module.location(unknown.at.start());
        return Err(format!("line {line} registers a handler with what may be this application, too").into());
    }
    if app.scope == ScopeId::MODULE
        && let Some(file) = ctx.project.registers_with(app.name)
    {
        return Err(format!(
            "{file} registers handlers with `{}` as well, which would no longer run: a lifespan has to call all of them",
            app.name
        )
        .into());
    }
    let routers = ctx.model.web_apps().filter(|other| other.kind == WebKind::Router);
    for router in routers {
        let is_registered = registrations
            .iter()
            .any(|registration| registration.owner == Some(router.stmt));
        let has_lists = KEYWORDS
            .iter()
            .any(|(name, _)| router.call.arguments.find_keyword(name).is_some());
        if is_registered || has_lists {
            let (line, _) = ctx.module.location(router.call.start());
            return Err(format!(
                "the router of line {line} has handlers of its own, which may belong to the application as well"
            )
            .into());
        }
    }
    let mut doubt = None;
    uses(ctx, app.name, app.scope, registrations, &mut doubt, 0)?;
    Ok(doubt)
}

fn uses(
    ctx: &Context,
    name: &str,
    scope: ScopeId,
    registrations: &[Registration],
    doubt: &mut Option<String>,
    depth: usize,
) -> Result<(), Declined> {
    let model = ctx.model;
    for reference in model.references_to(model.lookup(name, scope), name) {
        let (line, _) = ctx.module.location(reference.name.start());
        let parent = model.parent(reference.node);
        let found = match model.node(parent) {
            AnyNodeRef::ExprAttribute(attribute) => of_attribute(ctx, parent, attribute.attr.as_str(), registrations)?,
            AnyNodeRef::StmtReturn(_) | AnyNodeRef::ExprCompare(_) | AnyNodeRef::StmtExpr(_) => None,
            // `await app(scope, receive, send)`
            AnyNodeRef::ExprCall(_) => None,
            AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) => {
                passed(ctx, reference.node, registrations, doubt, depth)?
            }
            _ => Some(format!("the application is passed on in line {line}")),
        };
        if let Some(found) = found {
            doubt.get_or_insert(format!(
                "{found}, and handlers that are registered there would no longer run"
            ));
        }
    }
    Ok(())
}

/// A use of `app.attribute`.
fn of_attribute(
    ctx: &Context,
    id: NodeId,
    attribute: &str,
    registrations: &[Registration],
) -> Result<Option<String>, Declined> {
    let model = ctx.model;
    let range = model.node(id).range();
    let (line, _) = ctx.module.location(range.start());
    let is_known = || {
        registrations
            .iter()
            .any(|registration| registration.at.contains_range(range))
    };
    match attribute {
        "on_event" | "add_event_handler" if !is_known() => {
            Err(format!("line {line} registers a handler for an event that is not seen").into())
        }
        "router" => match model.node(model.parent(id)) {
            AnyNodeRef::ExprAttribute(outer) if OF_ROUTER.contains(&outer.attr.as_str()) && !is_known() => {
                let list = model.parent(model.parent(id));
                match model.node(list) {
                    AnyNodeRef::ExprAttribute(method)
                        if matches!(method.attr.as_str(), "append" | "extend" | "insert") =>
                    {
                        Err(format!("line {line} adds to the router's own handlers, which would no longer run").into())
                    }
                    _ => Ok(Some(format!("line {line} works on the router's own handlers"))),
                }
            }
            AnyNodeRef::ExprAttribute(_) => Ok(None),
            _ => Ok(Some(format!("the application's router is passed on in line {line}"))),
        },
        "include_router" => Ok(included(ctx, id)),
        _ => Ok(None),
    }
}

/// Below FastAPI 0.112.2, an application takes over the handlers of the routers that it includes: with a lifespan, it runs none of them.
fn included(ctx: &Context, method: NodeId) -> Option<String> {
    let model = ctx.model;
    let AnyNodeRef::ExprCall(call) = model.node(model.parent(method)) else {
        return None;
    };
    let merges: pep440_rs::Version = "0.112.2".parse().expect("a literal version");
    let is_new = ctx
        .settings
        .dependencies
        .version("fastapi")
        .is_some_and(|version| *version >= merges);
    let router = call.arguments.args.first()?;
    let is_own = model
        .web_app(router)
        .is_some_and(|router| router.kind == WebKind::Router);
    let (line, _) = ctx.module.location(call.start());
    (!is_new && !is_own).then(|| {
        format!(
            "FastAPI below 0.112.2 takes over the handlers of `{}`, which line {line} includes",
            model.slice(router)
        )
    })
}

/// The application is an argument.
fn passed(
    ctx: &Context,
    argument: NodeId,
    registrations: &[Registration],
    doubt: &mut Option<String>,
    depth: usize,
) -> Result<Option<String>, Declined> {
    let model = ctx.model;
    let call = model.ancestors(argument).find_map(|(_, node)| match node {
        AnyNodeRef::ExprCall(call) => Some(call),
        _ => None,
    });
    let Some(call) = call else { return Ok(None) };
    let (line, _) = ctx.module.location(call.start());
    let callee = model.slice(&*call.func);
    let is_harmless = LOOKS.iter().any(|name| model.is_builtin(&call.func, name))
        || model.qualified_name(&call.func).is_some_and(|name| {
            let package = name.split('.').next().unwrap_or_default();
            HARMLESS.contains(&package)
        })
        || matches!(&*call.func, Expr::Attribute(method) if model.web_app(&method.value).is_some());
    if is_harmless {
        return Ok(None);
    }
    let unknown = Some(format!("`{callee}` is given the application in line {line}"));
    let Some(function) = model.function_of(&call.func).filter(|_| depth < MAX_DEPTH) else {
        return Ok(unknown);
    };
    let given = model.node(argument).range();
    let parameter = function
        .parameters
        .iter_non_variadic_params()
        .enumerate()
        .find(|(position, parameter)| {
            let value = call.arguments.find_argument_value(&parameter.parameter.name, *position);
            value.is_some_and(|value| value.range() == given)
        });
    let Some((_, parameter)) = parameter.filter(|_| model.class_of_method(function).is_none()) else {
        return Ok(unknown);
    };
    let scope = model.body_scope(function);
    uses(ctx, &parameter.parameter.name, scope, registrations, doubt, depth + 1)?;
    Ok(None)
}
