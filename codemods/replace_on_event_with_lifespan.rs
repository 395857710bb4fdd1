//! `@app.on_event("startup")`, `add_event_handler` and `on_startup=[...]` -> one `lifespan` above the application, which calls the handlers by name.
//!
//! The handlers stay where they are. All of an application's go into the lifespan, or none: once it has one, it runs no others.

mod handlers;
mod sharing;

use std::collections::BTreeSet;

use ruff_python_ast::Stmt;
use ruff_text_size::{Ranged, TextRange};

use self::handlers::{Event, Handler, Registration};
use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::importer::Import;
use crate::semantic::ScopeId;
use crate::semantic::web::{WebApp, WebKind};

const KEYWORDS: &[(&str, Event)] = &[("on_startup", Event::Startup), ("on_shutdown", Event::Shutdown)];

pub(super) fn glance(text: &[u8]) -> bool {
    let is_web = ["fastapi", "starlette"]
        .iter()
        .any(|library| glance::imports(text, library));
    is_web && glance::mentions(text, &["on_event", "add_event_handler", "on_startup", "on_shutdown"])
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    let registrations = handlers::registrations(ctx);
    let mut names: BTreeSet<(ScopeId, String)> = BTreeSet::new();
    for app in model.web_apps() {
        let own: Vec<&Registration> = registrations
            .iter()
            .filter(|registration| registration.owner == Some(app.stmt))
            .collect();
        let keywords = || {
            KEYWORDS
                .iter()
                .filter_map(|(name, _)| Some(app.call.arguments.find_keyword(name)?.range()))
        };
        let places: Vec<TextRange> = keywords().chain(own.iter().map(|found| found.at)).collect();
        let Some(first) = places.first() else { continue };
        if app.kind == WebKind::Router {
            for place in places {
                let message =
                    "handlers of a router run twice where an application includes it, from FastAPI 0.112.2 on";
                let reason = "with `APIRouter(lifespan=...)` they would run once, and behind those of the application: decide which is meant";
                acc.push_defect(place, message, Err(reason.into()));
            }
        } else if app.call.arguments.find_keyword("lifespan").is_some() {
            for place in places {
                let message = format!(
                    "this handler never runs: `{}` has a lifespan, which goes before it",
                    app.name
                );
                let reason = "call it in the lifespan, or delete it: nobody has missed it so far";
                acc.push_defect(place, message, Err(reason.into()));
            }
        } else {
            let message = format!(
                "startup and shutdown handlers are deprecated in favour of a lifespan, and `{}` can have one",
                app.name
            );
            let fix = rewrite(ctx, &app, &own, &registrations, &mut names);
            if app.kind == WebKind::Starlette && ctx.starlette_is_at_least("1.0") {
                acc.push_defect(*first, format!("{message}: Starlette 1.0 has no others"), fix);
            } else {
                acc.push(*first, message, fix);
            }
        }
    }
    for registration in registrations.iter().filter(|found| found.owner.is_none()) {
        let message = "startup and shutdown handlers are deprecated in favour of a lifespan";
        let reason = "it is not seen here how the application is made, and which other handlers it has";
        acc.push(registration.at, message, Err(reason.into()));
    }
}

fn rewrite(
    ctx: &Context,
    app: &WebApp,
    own: &[&Registration],
    all: &[Registration],
    names: &mut BTreeSet<(ScopeId, String)>,
) -> Result<Fix, Declined> {
    ctx.can_have_lifespan(app.kind)?;
    let mut doubts: Vec<String> = Vec::new();
    let mut edits: Vec<Edit> = Vec::new();
    ctx.can_define_lifespan(app)?;
    let mut handlers = Vec::new();
    for (keyword, event) in KEYWORDS {
        if let Some(keyword) = app.call.arguments.find_keyword(keyword) {
            handlers.extend(handlers::of_list(ctx, app, &keyword.value, *event)?);
        }
    }
    for registration in own {
        handlers.push(handlers::of_registration(ctx, app, registration, &mut edits)?);
    }
    handlers::rename_twins(ctx, &mut handlers, &mut edits, &mut doubts)?;
    doubts.extend(handlers.iter().filter_map(|handler| handler.doubt.clone()));
    doubts.extend(sharing::doubt(ctx, app, all)?);
    if app.call.arguments.keywords.iter().any(|keyword| keyword.arg.is_none()) {
        doubts.push("what `**` brings may be a lifespan or handlers of its own".to_owned());
    }
    let name = ctx.lifespan_name(app, names);
    edits.extend(argument(ctx, app, &name)?);
    let (manager, import) = ctx.plain_member("contextlib", "asynccontextmanager", app.stmt)?;
    edits.push(definition(ctx, app, &name, &manager, &handlers));
    names.insert((app.scope, name));
    edits.sort_by_key(|edit| (edit.start(), edit.end()));
    Ok(Fix::with_doubt(doubts.into_iter().next(), edits).import(import.into_iter().collect::<Vec<Import>>()))
}

/// `lifespan=lifespan` in the place of the lists of handlers, else behind the other arguments.
fn argument(ctx: &Context, app: &WebApp, name: &str) -> Result<Vec<Edit>, Declined> {
    let argument = format!("lifespan={name}");
    let mut lists = KEYWORDS
        .iter()
        .filter_map(|(keyword, _)| app.call.arguments.find_keyword(keyword));
    let Some(first) = lists.next() else {
        return Ok(ctx.with_argument(app.call, &argument));
    };
    let mut edits = vec![Edit::replacement(argument, first.range())];
    if let Some(second) = lists.next() {
        edits.push(ctx.without_argument_but(app.call, second.range(), Some(second.value.range()))?);
    }
    Ok(edits)
}

/// The lifespan that calls the handlers.
fn definition(ctx: &Context, app: &WebApp, name: &str, manager: &str, handlers: &[Handler]) -> Edit {
    let calls = |event: Event, depth: usize| -> Vec<(usize, String)> {
        let of_event = handlers.iter().filter(|handler| handler.event == event);
        of_event
            .map(|handler| {
                let comment = handler.comment.iter().map(|comment| format!("  {comment}"));
                let call = format!("{}{}()", handler.prefix(), handler.name);
                (depth, call + &comment.collect::<String>())
            })
            .collect()
    };
    let has_app = |handler: &Handler| handler.name.split('.').next() == Some("app");
    let parameter = if handlers.iter().any(has_app) { "_" } else { "app" };
    let mut body = calls(Event::Startup, 1);
    if handlers.iter().any(|handler| handler.event == Event::Shutdown) {
        body.extend([
            (1, "try:".to_owned()),
            (2, "yield".to_owned()),
            (1, "finally:".to_owned()),
        ]);
        body.extend(calls(Event::Shutdown, 2));
    } else {
        body.push((1, "yield".to_owned()));
    }
    ctx.lifespan(app, name, manager, parameter, &body)
}

/// A statement of the block in which the application is made, behind it: it runs once, and after that.
fn runs_after(ctx: &Context, app: &WebApp, stmt: &Stmt) -> Result<(), Declined> {
    let model = ctx.model;
    let id = model.id(stmt);
    let (line, _) = ctx.module.location(stmt.start());
    if model.parent(id) != model.parent(app.stmt) {
        return Err(format!(
            "the handler of line {line} is registered under a condition, or in another function than the application"
        )
        .into());
    }
    if id < app.stmt {
        return Err(format!("the handler of line {line} stands above the application").into());
    }
    Ok(())
}
