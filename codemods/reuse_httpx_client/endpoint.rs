//! Endpoints that make a client for each request: the application's lifespan makes one, and keeps it in the application's state.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextSize};

use super::{OwnClient, SHARED, check_shareable, without_block};
use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::importer::Import;
use crate::semantic::web::{WebApp, WebKind};

pub(super) fn run(ctx: &Context, acc: &mut Findings, clients: &[OwnClient]) {
    for app in ctx.model.web_apps().filter(|app| app.kind == WebKind::FastApi) {
        let own: Vec<&OwnClient> = clients
            .iter()
            .filter(|client| is_endpoint_of(ctx, client.function, &app))
            .collect();
        let Some(first) = own.first() else { continue };
        let message = format!(
            "`{}` makes a client for every request: each stops the event loop for 60 ms and more",
            first.function.name
        );
        acc.push(first.call, message, rewrite(ctx, &app, &own));
    }
}

fn is_endpoint_of(ctx: &Context, function: &ast::StmtFunctionDef, app: &WebApp) -> bool {
    function.decorator_list.iter().any(|decorator| {
        let Expr::Call(call) = &decorator.expression else {
            return false;
        };
        let Expr::Attribute(method) = &*call.func else {
            return false;
        };
        let owner = ctx.model.web_app(&method.value);
        ctx.model.is_route(&decorator.expression) && owner.is_some_and(|owner| owner.stmt == app.stmt)
    })
}

fn rewrite(ctx: &Context, app: &WebApp, clients: &[&OwnClient]) -> Result<Fix, Declined> {
    let model = ctx.model;
    ctx.can_have_lifespan(app.kind)?;
    ctx.can_define_lifespan(app)?;
    check_application(ctx, app)?;
    let shared = model.slice(&clients[0].call.arguments);
    let name = clients[0].name;
    let is_set = model
        .attribute_stores()
        .any(|store| store.attr.as_str() == name && model.slice(&*store.value).ends_with(".state"));
    if is_set {
        return Err(format!("the application's state has a `{name}` already").into());
    }
    let mut edits = Vec::new();
    let mut imports: Vec<Import> = Vec::new();
    for client in clients {
        if model.slice(&client.call.arguments) != shared {
            return Err("its endpoints make clients that differ".into());
        }
        if model.scope_of(model.id(client.function)) != app.scope {
            return Err("the endpoint is defined in another function than the application".into());
        }
        // An endpoint that other code calls would not be given a request.
        if let Some(used) = model.uses_of_function(client.function).first() {
            let (line, _) = ctx.module.location(model.node(used.reference).start());
            return Err(format!("`{}` is used in line {line} as well", client.function.name).into());
        }
        check_shareable(ctx, client, app.scope)?;
        let (request, edit) = request(ctx, client.function, &mut imports)?;
        edits.extend(edit);
        let line = format!("{} = {request}.app.state.{name}", client.name);
        edits.extend(without_block(ctx, client, Some(&line))?);
    }
    let lifespan_name = ctx.lifespan_name(app, &BTreeSet::new());
    edits.extend(ctx.with_argument(app.call, &format!("lifespan={lifespan_name}")));
    let (manager, import) = ctx.plain_member("contextlib", "asynccontextmanager", app.stmt)?;
    imports.extend(import);
    let body = [
        (1, format!("async with {} as {name}:", model.slice(clients[0].call))),
        (2, format!("app.state.{name} = {name}")),
        (2, "yield".to_owned()),
    ];
    edits.push(ctx.lifespan(app, &lifespan_name, &manager, "app", &body));
    edits.sort_by_key(|edit| (edit.start(), edit.end()));
    let reason = format!("{SHARED}; and tests that do not run the lifespan find no client");
    Ok(Fix::unsafe_because(reason, edits).import(imports))
}

/// Refuses an application that has a beginning and an end already, or that is used without them.
fn check_application(ctx: &Context, app: &WebApp) -> Result<(), Declined> {
    let model = ctx.model;
    let arguments = &app.call.arguments;
    if let Some(keyword) = arguments.keywords.iter().find(|keyword| {
        keyword.arg.is_none()
            || keyword
                .arg
                .as_ref()
                .is_some_and(|name| matches!(name.as_str(), "lifespan" | "on_startup" | "on_shutdown"))
    }) {
        let text = model.slice(keyword);
        return Err(format!("the application has `{text}`: make the client there, and keep it in `app.state`").into());
    }
    for reference in model.references_to(model.lookup(app.name, app.scope), app.name) {
        let (line, _) = ctx.module.location(reference.name.start());
        let parent = model.parent(reference.node);
        match model.node(parent) {
            AnyNodeRef::ExprAttribute(attribute)
                if matches!(attribute.attr.as_str(), "on_event" | "add_event_handler") =>
            {
                return Err(format!("line {line} registers a handler, which would no longer run").into());
            }
            AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) if runs_without_lifespan(ctx, reference.node) => {
                return Err(
                    format!("line {line} uses the application without its lifespan, and would find no client").into(),
                );
            }
            _ => {}
        }
    }
    Ok(())
}

/// `ASGITransport(app=app)`, and `TestClient(app)` that no `with` enters.
fn runs_without_lifespan(ctx: &Context, argument: crate::semantic::NodeId) -> bool {
    let model = ctx.model;
    let call = model.ancestors(argument).find_map(|(id, node)| match node {
        AnyNodeRef::ExprCall(call) => Some((id, call)),
        _ => None,
    });
    call.is_some_and(|(id, call)| match model.qualified_name(&call.func) {
        Some(name) if name.ends_with(".ASGITransport") => true,
        Some(name) if name.ends_with(".TestClient") => !matches!(model.node(model.parent(id)), AnyNodeRef::WithItem(_)),
        _ => false,
    })
}

/// The endpoint's parameter for the request, and the edit that adds it where there is none.
fn request(
    ctx: &Context,
    function: &ast::StmtFunctionDef,
    imports: &mut Vec<Import>,
) -> Result<(String, Option<Edit>), Declined> {
    let model = ctx.model;
    let parameters = &function.parameters;
    let is_request = |annotation: &Expr| {
        model.qualified_name(annotation).is_some_and(|name| {
            matches!(
                name.as_str(),
                "fastapi.Request" | "starlette.requests.Request" | "fastapi.requests.Request"
            )
        })
    };
    for parameter in parameters.iter_source_order() {
        let parameter = parameter.as_parameter();
        if parameter.annotation.as_deref().is_some_and(is_request) {
            return Ok((parameter.name.to_string(), None));
        }
    }
    let at = function.body.first().map_or(model.id(function), |stmt| model.id(stmt));
    let name = "request".to_owned();
    if model.fresh_name(&name, at) != name {
        return Err("`request` stands for something else in the endpoint".into());
    }
    let (class, import) = ctx.plain_member("fastapi", "Request", model.id(function))?;
    imports.extend(import);
    let comma = if parameters.is_empty() { "" } else { ", " };
    let edit = Edit::insertion(format!("{name}: {class}{comma}"), parameters.start() + TextSize::new(1));
    Ok((name, Some(edit)))
}
