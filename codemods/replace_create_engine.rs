//! SQLAlchemy's engines: a synchronous layer of one module that becomes asynchronous as a whole (`migration`), and what an asynchronous engine
//! cannot take: drivers, arguments, pools, listeners.

mod arguments;
mod migration;

use ruff_python_ast::{self as ast, Expr};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::knowledge::sqlalchemy::{self, Driver, Role};

pub use migration::summarise;

const CREATE: &[&str] = &[
    "sqlalchemy.create_engine",
    "sqlalchemy.engine.create_engine",
    "sqlmodel.create_engine",
];
const CREATE_ASYNC: &str = "sqlalchemy.ext.asyncio.create_async_engine";

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    for call in model.calls_to(CREATE_ASYNC) {
        if let Some((url, scheme)) = address(call) {
            if let Some(driver) = driver(ctx, scheme) {
                let message = format!("an asynchronous engine has no driver for `{scheme}://`");
                if scheme == "postgresql" && ctx.settings.dependencies.version("sqlalchemy").is_none() {
                    let reason = "SQLAlchemy 2.1 takes psycopg for it, and no lock file, requirement or dependency says which version the project runs with";
                    acc.push(url, message, Err(reason.into()));
                } else {
                    acc.push_defect(url, message, with_driver(ctx, url, scheme, driver));
                }
            } else if scheme == "postgresql+asyncpg" {
                arguments::asyncpg(ctx, call, url, acc);
            }
        }
        arguments::pool(ctx, call, acc);
    }
    for name in CREATE {
        for call in model.calls_to(name) {
            if let Some((url, scheme)) = address(call).filter(|(_, scheme)| sqlalchemy::is_async_scheme(scheme)) {
                acc.push_defect(
                    url,
                    format!("a synchronous engine with the asynchronous driver `{scheme}` raises `MissingGreenlet` when it is used"),
                    Err("make it with `create_async_engine`, or name a synchronous driver".into()),
                );
            }
        }
    }
    migration::run(ctx, acc);
    for call in model.calls() {
        if let Some((target, member)) = listened(ctx, call) {
            let message = "events of asynchronous engines and sessions are those of the synchronous ones inside";
            let fix = model
                .failure_is_seen(model.id(call))
                .map(|doubt| Fix::with_doubt(doubt, vec![Edit::insertion(format!(".{member}"), target.end())]));
            acc.push_defect(target, message, fix);
        }
    }
}

/// The text and the scheme of an address that begins with a literal.
fn address(call: &ast::ExprCall) -> Option<(&Expr, &str)> {
    let url = call.arguments.find_argument_value("url", 0)?;
    let (scheme, _) = leading(url)?.split_once("://")?;
    Some((url, scheme))
}

/// The literal that an expression begins with.
fn leading(url: &Expr) -> Option<&str> {
    match url {
        Expr::StringLiteral(text) => Some(text.value.to_str()),
        Expr::BinOp(binary) => leading(&binary.left),
        Expr::FString(text) => {
            let literal = text.value.elements().next()?.as_literal()?;
            Some(&literal.value)
        }
        _ => None,
    }
}

/// The driver to write for a scheme; `None` when an asynchronous engine takes the scheme as it is.
fn driver(ctx: &Context, scheme: &str) -> Option<&'static Driver> {
    let dependencies = &ctx.settings.dependencies;
    // There, the scheme without a driver means psycopg, which is both.
    if scheme == "postgresql" && dependencies.at_least("sqlalchemy", [2, 1]).is_ok() {
        return None;
    }
    let fits = |driver: &&Driver| dependencies.at_least("sqlalchemy", driver.least).is_ok() || driver.least == [1, 4];
    let known = sqlalchemy::drivers(scheme)
        .filter(fits)
        .find(|driver| dependencies.contains(&driver.package));
    known.or_else(|| sqlalchemy::drivers(scheme).find(fits))
}

/// The edit that writes another scheme in front of an address.
fn scheme_edit(ctx: &Context, url: &Expr, scheme: &str, new: &str) -> Result<Edit, Declined> {
    let text = ctx.module.slice(url);
    let at = text
        .find(&format!("{scheme}://"))
        .ok_or("the address is not written out")?;
    let start = url.start() + TextSize::try_from(at).unwrap_or_default();
    let range = TextRange::at(start, TextSize::of(scheme));
    Ok(Edit::replacement(new, range))
}

/// What is not known of a driver.
fn driver_doubt(ctx: &Context, driver: &Driver) -> Option<String> {
    let is_known = ctx.settings.dependencies.contains(&driver.package);
    if driver.package == "asyncpg" {
        return Some("asyncpg refuses arguments and parameters that other drivers convert".to_owned());
    }
    (!is_known).then(|| {
        format!(
            "it needs the driver `{}`, which is none of the project's known dependencies",
            driver.package
        )
    })
}

/// An engine that cannot be made, with a driver with which it can.
fn with_driver(ctx: &Context, url: &Expr, scheme: &str, driver: &Driver) -> Result<Fix, Declined> {
    let doubt = ctx
        .model
        .failure_is_seen(ctx.model.id(&url))?
        .or_else(|| driver_doubt(ctx, driver));
    Ok(Fix::with_doubt(doubt, vec![scheme_edit(ctx, url, scheme, &driver.is)?]))
}

/// What `event.listen(...)` is given, when it is asynchronous, and the member that is not.
fn listened<'a>(ctx: &Context, call: &'a ast::ExprCall) -> Option<(&'a Expr, &'static str)> {
    let model = ctx.model;
    let name = model.qualified_name(&call.func)?;
    let is_event = name
        .strip_prefix("sqlalchemy.event.")
        .is_some_and(|name| matches!(name, "listen" | "listens_for" | "remove" | "contains" | "api.listen"));
    let target = call.arguments.args.first().filter(|_| is_event)?;
    if let Some(name) = model.qualified_name(target) {
        let class = sqlalchemy::class(&name)?;
        return (class.is_async && class.role == Role::Session).then_some((target, "sync_session_class"));
    }
    let class = model.sqlalchemy_object(target).filter(|class| class.is_async)?;
    match class.role {
        Role::Engine => Some((target, "sync_engine")),
        Role::Connection => Some((target, "sync_connection")),
        Role::Session => Some((target, "sync_session")),
        Role::Factory => None,
    }
}

pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    glance::mentions(
        text,
        &["create_engine(", "create_async_engine(", "listens_for(", "event."],
    ) && (glance::imports(text, "sqlalchemy") || glance::imports(text, "sqlmodel"))
}
