//! Which database the address of an engine leads to, and the address with another driver.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::Ranged;

use super::{address, driver, leading};
use crate::codemod::Context;
use crate::knowledge::sqlalchemy::{self, Driver};
use crate::semantic::{BindingKind, ScopeId};

/// The scheme of a database that many programs tell from others, and the argument that only its driver takes.
const SQLITE: &str = "sqlite";
const OF_SQLITE: &str = "check_same_thread";

/// The driver for an address that is computed: told by the condition under which the engine is made, by an argument, by a literal that the module
/// gives the address, else by the drivers that the project depends on, if they are for one database.
pub(super) fn backend(ctx: &Context, call: &ast::ExprCall, url: &Expr) -> Option<&'static Driver> {
    let condition = is_under_sqlite(ctx, call, url);
    if condition == Some(true) || takes_argument_of_sqlite(call) {
        return driver(ctx, SQLITE);
    }
    if condition == Some(false) {
        return of_dependencies(ctx, |driver| driver.scheme() != SQLITE);
    }
    let scheme = literal_of(ctx, url).and_then(|text| text.split_once("://").map(|(scheme, _)| scheme.to_owned()));
    if let Some(scheme) = scheme {
        return driver(ctx, &scheme);
    }
    of_dependencies(ctx, |_| true)
}

/// The driver that the project depends on, or that comes in the place of one.
fn of_dependencies(ctx: &Context, counts: fn(&Driver) -> bool) -> Option<&'static Driver> {
    let dependencies = &ctx.settings.dependencies;
    let mut known = sqlalchemy::all_drivers().filter(|driver| counts(driver) && dependencies.contains(&driver.package));
    if let Some(first) = known.next() {
        return known.next().is_none().then_some(first);
    }
    let replaced =
        |driver: &&Driver| counts(driver) && driver.replaces.iter().any(|package| dependencies.contains(package));
    let mut schemes = sqlalchemy::all_drivers().filter(replaced).map(Driver::scheme);
    let first = schemes.next()?;
    schemes.all(|scheme| scheme == first).then(|| driver(ctx, first))?
}

/// `connect_args={"check_same_thread": False}`, which raises with any other driver.
fn takes_argument_of_sqlite(call: &ast::ExprCall) -> bool {
    let given = call
        .arguments
        .find_keyword("connect_args")
        .map(|keyword| &keyword.value);
    matches!(given, Some(Expr::Dict(dict)) if dict.items.iter().any(|item| {
        matches!(&item.key, Some(Expr::StringLiteral(key)) if key.value.to_str() == OF_SQLITE)
    }))
}

/// Whether an engine is made where its address is known to be SQLite's, or known to be another one: `if url.startswith("sqlite"):`.
fn is_under_sqlite(ctx: &Context, call: &ast::ExprCall, url: &Expr) -> Option<bool> {
    let model = ctx.model;
    let (mut at, _) = model.statement_of(model.id(call))?;
    loop {
        let (block, index) = model.block_of(at)?;
        // What stands behind a block that is left is reached without it.
        let left = block[..index].iter().rev().find_map(|stmt| match stmt {
            Stmt::If(test) if matches!(test.body.last(), Some(Stmt::Return(_) | Stmt::Raise(_))) => Some(test),
            _ => None,
        });
        if left.is_some_and(|test| test.elif_else_clauses.is_empty() && asks_for_sqlite(ctx, &test.test, url)) {
            return Some(false);
        }
        let parent = model.parent(at);
        match model.node(parent) {
            AnyNodeRef::StmtIf(test) => {
                return asks_for_sqlite(ctx, &test.test, url).then_some(true);
            }
            AnyNodeRef::ElifElseClause(clause) => {
                let AnyNodeRef::StmtIf(test) = model.node(model.parent(parent)) else {
                    return None;
                };
                let is_else = clause.test.is_none() && test.elif_else_clauses.len() == 1;
                return (is_else && asks_for_sqlite(ctx, &test.test, url)).then_some(false);
            }
            AnyNodeRef::StmtTry(_) | AnyNodeRef::StmtWith(_) => at = parent,
            _ => return None,
        }
    }
}

/// `url.startswith("sqlite")`, `"sqlite" in url`.
fn asks_for_sqlite(ctx: &Context, test: &Expr, url: &Expr) -> bool {
    let is_url = |expr: &Expr| ctx.module.slice(expr) == ctx.module.slice(url);
    let is_sqlite = |expr: &Expr| matches!(expr, Expr::StringLiteral(text) if text.value.to_str().starts_with(SQLITE));
    match test {
        Expr::Call(call) => match (&*call.func, &*call.arguments.args) {
            (Expr::Attribute(method), [prefix]) => {
                method.attr.as_str() == "startswith" && is_url(&method.value) && is_sqlite(prefix)
            }
            _ => false,
        },
        Expr::Compare(compare) => match (&*compare.ops, &*compare.comparators) {
            ([ast::CmpOp::In], [whole]) => is_url(whole) && is_sqlite(&compare.left),
            _ => false,
        },
        _ => false,
    }
}

/// Whether the engine is one of SQLite's.
pub(super) fn is_sqlite(ctx: &Context, call: &ast::ExprCall) -> bool {
    let driver = match (address(call), call.arguments.find_argument_value("url", 0)) {
        (Some((_, scheme)), _) => driver(ctx, scheme),
        (None, Some(url)) => backend(ctx, call, url),
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
