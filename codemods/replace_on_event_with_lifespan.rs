//! `@app.on_event("startup")`, `add_event_handler` and `on_startup=[...]` -> one `lifespan` above the application, which calls the handlers by name.
//!
//! The handlers stay where they are. All of an application's go into the lifespan, or none: once it has one, it runs no others.

mod handlers;
mod sharing;

use std::collections::BTreeSet;

use ruff_python_ast::{AnyNodeRef, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use self::handlers::{Event, Handler, Registration};
use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::importer::Import;
use crate::layout::{above_blank_lines, own_lines};
use crate::semantic::web::{WebApp, WebKind};
use crate::semantic::{NodeId, ScopeId};

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
            if app.kind == WebKind::Starlette && starlette_is_at_least(ctx, "1.0") {
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

fn starlette_is_at_least(ctx: &Context, version: &str) -> bool {
    let least = version.parse().expect("a literal version");
    ctx.settings
        .dependencies
        .version("starlette")
        .is_some_and(|version| *version >= least)
}

/// Refuses where a version of the library may be installed that does not know `lifespan`.
fn check_version(ctx: &Context, kind: WebKind) -> Result<(), Declined> {
    let dependencies = &ctx.settings.dependencies;
    // Starlette 0.26 came after FastAPI 0.93, which is the first that allows it.
    let (library, least, why) = match kind {
        WebKind::FastApi => (
            "fastapi",
            "0.93",
            "FastAPI below 0.93 takes `lifespan` without a word and runs none",
        ),
        _ => ("starlette", "0.13", "Starlette below 0.13 knows no `lifespan`"),
    };
    let least: pep440_rs::Version = least.parse().expect("a literal version");
    match dependencies.version(library) {
        Some(version) if *version >= least => Ok(()),
        Some(version) => Err(format!("{why}, and the project allows {version}").into()),
        None if kind == WebKind::FastApi && starlette_is_at_least(ctx, "0.26") => Ok(()),
        None if kind == WebKind::Starlette && dependencies.version("fastapi").is_some_and(|found| *found >= least) => {
            Ok(())
        }
        None => Err(format!(
            "{why}, and the project's files do not say which version it has: require `{library}>={least}`, or lock it"
        )
        .into()),
    }
}

fn rewrite(
    ctx: &Context,
    app: &WebApp,
    own: &[&Registration],
    all: &[Registration],
    names: &mut BTreeSet<(ScopeId, String)>,
) -> Result<Fix, Declined> {
    check_version(ctx, app.kind)?;
    let mut doubts: Vec<String> = Vec::new();
    let mut edits: Vec<Edit> = Vec::new();
    check_place(ctx, app)?;
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
    let name = lifespan_name(ctx, app, names);
    edits.extend(argument(ctx, app, &name)?);
    let (manager, import) = ctx.plain_member("contextlib", "asynccontextmanager", app.stmt)?;
    edits.push(definition(ctx, app, &name, &manager, &handlers));
    names.insert((app.scope, name));
    edits.sort_by_key(|edit| (edit.start(), edit.end()));
    Ok(Fix::with_doubt(doubts.into_iter().next(), edits).import(import.into_iter().collect::<Vec<Import>>()))
}

/// The lifespan is defined above the statement that makes the application: one that always runs, in a function or at module level.
fn check_place(ctx: &Context, app: &WebApp) -> Result<(), Declined> {
    let model = ctx.model;
    let stmt = model.node(app.stmt);
    own_lines(ctx.module, stmt.start(), stmt.end())?;
    match model.node(model.parent(app.stmt)) {
        AnyNodeRef::ModModule(_) | AnyNodeRef::StmtFunctionDef(_) => Ok(()),
        _ => Err("the application is made under a condition, or in a class".into()),
    }
}

/// `lifespan`, or the next of its names that nothing else has.
fn lifespan_name(ctx: &Context, app: &WebApp, names: &BTreeSet<(ScopeId, String)>) -> String {
    let is_free =
        |name: &String| ctx.model.fresh_name(name, app.stmt) == *name && !names.iter().any(|(_, given)| given == name);
    let wanted = ["lifespan".to_owned(), format!("{}_lifespan", app.name)];
    let numbered = (2..).map(|number| format!("{}_lifespan_{number}", app.name));
    wanted
        .into_iter()
        .chain(numbered)
        .find(is_free)
        .expect("the numbers do not end")
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
        edits.push(ctx.without_argument(app.call, second.range())?);
    }
    Ok(edits)
}

/// The function, above the statement that makes the application and the comments that belong to it.
fn definition(ctx: &Context, app: &WebApp, name: &str, manager: &str, handlers: &[Handler]) -> Edit {
    let module = ctx.module;
    let stmt = ctx.model.node(app.stmt);
    let indent = ctx.indentation(stmt);
    let unit = match ctx.model.node(ctx.model.parent(app.stmt)) {
        AnyNodeRef::StmtFunctionDef(_) => ctx.indent_unit(app.stmt),
        _ => ctx.indent_unit(NodeId(0)),
    };
    let line = |depth: usize, text: &str| format!("{indent}{}{text}\n", unit.repeat(depth));
    let calls = |event: Event, depth: usize| -> String {
        let of_event = handlers.iter().filter(|handler| handler.event == event);
        of_event
            .map(|handler| line(depth, &format!("{}{}()", handler.prefix(), handler.name)))
            .collect()
    };
    let has_app = |handler: &Handler| handler.name.split('.').next() == Some("app");
    let parameter = if handlers.iter().any(has_app) { "_" } else { "app" };
    let class = ctx.model.slice(&*app.call.func);
    let mut text = line(0, &format!("@{manager}"));
    text += &line(0, &format!("async def {name}({parameter}: {class}):"));
    text += &calls(Event::Startup, 1);
    if handlers.iter().any(|handler| handler.event == Event::Shutdown) {
        text += &line(1, "try:");
        text += &line(2, "yield");
        text += &line(1, "finally:");
        text += &calls(Event::Shutdown, 2);
    } else {
        text += &line(1, "yield");
    }
    let at = ctx
        .comments_above(stmt)
        .first()
        .map_or(stmt.start(), |comment| comment.start());
    let at = module.line_start(at);
    // Two blank lines around a function at module level, one inside of functions, none where it opens a block.
    let is_first = matches!(ctx.model.block_of(app.stmt), Some((_, 0)));
    let blank = match ctx.model.node(ctx.model.parent(app.stmt)) {
        AnyNodeRef::ModModule(_) => 2,
        _ => 1,
    };
    let above = above_blank_lines(module, at);
    let there = module.text()[TextRange::new(above, at)].matches('\n').count();
    let missing = if is_first || above == TextSize::default() {
        0
    } else {
        blank.max(there) - there
    };
    Edit::insertion(format!("{}{text}{}", "\n".repeat(missing), "\n".repeat(blank)), at)
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
