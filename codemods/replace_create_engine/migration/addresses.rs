//! Which database the address of an engine leads to, and the address with another driver.

use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::Ranged;

use super::{address, driver, leading};
use crate::codemod::Context;
use crate::knowledge::sqlalchemy::{self, Driver};
use crate::semantic::{BindingKind, ScopeId};

/// The driver for an address that is computed: told by a literal that the module gives it, else by the drivers that the project
/// depends on, if they are for one database.
pub(super) fn backend(ctx: &Context, url: &Expr) -> Option<&'static Driver> {
    let scheme = literal_of(ctx, url).and_then(|text| text.split_once("://").map(|(scheme, _)| scheme.to_owned()));
    if let Some(scheme) = scheme {
        return driver(ctx, &scheme);
    }
    let dependencies = &ctx.settings.dependencies;
    let mut known = sqlalchemy::all_drivers().filter(|driver| dependencies.contains(&driver.package));
    if let Some(first) = known.next() {
        return known.next().is_none().then_some(first);
    }
    let replaced = |driver: &&Driver| driver.replaces.iter().any(|package| dependencies.contains(package));
    let mut schemes = sqlalchemy::all_drivers().filter(replaced).map(Driver::scheme);
    let first = schemes.next()?;
    schemes.all(|scheme| scheme == first).then(|| driver(ctx, first))?
}

/// Whether the engine is one of SQLite's.
pub(super) fn is_sqlite(ctx: &Context, call: &ast::ExprCall) -> bool {
    let driver = match (address(call), call.arguments.find_argument_value("url", 0)) {
        (Some((_, scheme)), _) => driver(ctx, scheme),
        (None, Some(url)) => backend(ctx, url),
        _ => None,
    };
    driver.is_some_and(|driver| driver.is.starts_with("sqlite"))
}

/// Whether SQLAlchemy may be too old to end the threads of aiosqlite with the program.
pub(super) fn may_keep_running(ctx: &Context) -> bool {
    let version = ctx.settings.dependencies.version("sqlalchemy");
    version.is_none_or(|version| *version < pep440_rs::Version::new([2, 0, 46]))
}

/// Whether a database of SQLite goes with its connections: one without a file, or all in one connection.
pub(super) fn is_in_memory(ctx: &Context, call: &ast::ExprCall) -> bool {
    let text = ctx.module.slice(call);
    [":memory:", "\"sqlite://\"", "'sqlite://'", "StaticPool"]
        .iter()
        .any(|word| text.contains(word))
}

/// The constant of the module that an expression names, and its value.
pub(super) fn constant<'a>(ctx: &Context<'a>, url: &Expr) -> Option<(&'a str, &'a Expr)> {
    let Expr::Name(name) = url else { return None };
    let binding = ctx
        .model
        .sole_binding(&name.id, ctx.model.scope_of(ctx.model.id(name)))?;
    match binding.kind {
        BindingKind::Assignment(value) if binding.scope == ScopeId::MODULE => Some((binding.name, value)),
        _ => None,
    }
}

/// The literal that an expression has in this module: a constant's, the default of `os.environ.get`, or what the module itself writes into `os.environ`.
fn literal_of(ctx: &Context, url: &Expr) -> Option<String> {
    let model = ctx.model;
    match url {
        Expr::StringLiteral(text) => Some(text.value.to_string()),
        Expr::Name(name) => {
            let binding = model.sole_binding(&name.id, model.scope_of(model.id(name)))?;
            match binding.kind {
                BindingKind::Assignment(value) => leading(value).map(str::to_owned).or_else(|| literal_of(ctx, value)),
                BindingKind::Parameter(parameter) => default_of(ctx, binding.scope, parameter),
                _ => None,
            }
        }
        Expr::Call(call) => {
            let path = model.qualified_name(&call.func)?;
            match (path.as_str(), call.arguments.args.get(1)) {
                ("os.getenv" | "os.environ.get", Some(Expr::StringLiteral(text))) => Some(text.value.to_string()),
                _ => None,
            }
        }
        Expr::Subscript(read) => {
            model.qualified_name(&read.value).filter(|path| path == "os.environ")?;
            let key = model.slice(&*read.slice);
            ctx.module.syntax().body.iter().find_map(|stmt| match stmt {
                Stmt::Assign(assign) => match (&*assign.targets, &*assign.value) {
                    ([Expr::Subscript(written)], Expr::StringLiteral(text))
                        if model.slice(&*written.slice) == key
                            && model
                                .qualified_name(&written.value)
                                .is_some_and(|path| path == "os.environ") =>
                    {
                        Some(text.value.to_string())
                    }
                    _ => None,
                },
                _ => None,
            })
        }
        _ => None,
    }
}

/// The literal that a parameter has by default.
fn default_of(ctx: &Context, scope: ScopeId, parameter: &ast::Parameter) -> Option<String> {
    let function = ctx.model.function_of_scope(scope)?;
    let mut parameters = function.parameters.iter_non_variadic_params();
    let own = parameters.find(|own| own.parameter.range() == parameter.range())?;
    literal_of(ctx, own.default.as_deref()?)
}
