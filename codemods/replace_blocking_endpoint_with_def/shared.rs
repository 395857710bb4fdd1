//! What requests share although no variable of the module is written by name: the state of the application, what dependencies give, objects
//! that move on as they are read, and what is kept once it was made.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::finding::Declined;
use crate::semantic::effects::{Location, MUTATORS, Root, Summary};
use crate::semantic::names::{Lookup, map_callable};
use crate::semantic::{NodeId, ScopeId};

/// What gives an object with a position, or one that mixes up what several threads do with it.
const MOVING: &[&str] = &[
    "builtins.enumerate",
    "builtins.filter",
    "builtins.iter",
    "builtins.map",
    "builtins.open",
    "builtins.reversed",
    "builtins.zip",
    "csv.DictReader",
    "csv.reader",
    "ftplib.FTP",
    "http.client.HTTPConnection",
    "http.client.HTTPSConnection",
    "io.BytesIO",
    "io.StringIO",
    "io.open",
    "os.fdopen",
    "smtplib.SMTP",
    "socket.create_connection",
    "socket.socket",
    "socket.socketpair",
    "subprocess.Popen",
    "tempfile.NamedTemporaryFile",
    "tempfile.TemporaryFile",
];

/// What gives an object whose every step is whole, whichever thread makes it.
const STEPPING: &[&str] = &["itertools.count", "itertools.cycle", "random.Random"];

const KEEPING: &[&str] = &["functools.cache", "functools.cached_property", "functools.lru_cache"];

/// Steps from one name for an object to the next.
const MAX_NAMES: usize = 3;

/// Refuses a variable of the module that moves on as it is read; a doubt where each step is whole.
pub(super) fn check_name(ctx: &Context, name: &ast::ExprName, doubt: &mut Option<String>) -> Result<(), Declined> {
    let model = ctx.model;
    for binding in model.resolve(&name.id, model.scope_of(model.id(name))) {
        if model.enclosing_function(binding.node).is_some() {
            continue;
        }
        let made = match model.statement_of(binding.node) {
            Some((_, ast::Stmt::Assign(assign))) => &*assign.value,
            Some((_, ast::Stmt::AnnAssign(assign))) => assign.value.as_deref().unwrap_or(&assign.target),
            _ => continue,
        };
        let Expr::Call(call) = made else {
            if made.is_generator_expr() {
                return Err(moves_on(name));
            }
            continue;
        };
        let is_one_of = |makers: &[&str]| {
            makers.iter().any(|maker| match maker.strip_prefix("builtins.") {
                Some(builtin) => model.is_builtin(&call.func, builtin),
                None => model.qualified_name(&call.func).is_some_and(|made| made == *maker),
            })
        };
        let is_opened = matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "open");
        let is_generator = || {
            model
                .function_of(&call.func)
                .is_some_and(|made| model.is_generator(made))
        };
        if is_one_of(MOVING) || is_opened || is_generator() {
            return Err(moves_on(name));
        }
        if is_one_of(STEPPING) {
            doubt.get_or_insert_with(|| format!("several threads may take from `{}` at once", name.id));
        }
    }
    Ok(())
}

fn moves_on(name: &ast::ExprName) -> Declined {
    Declined(format!(
        "`{}` moves on as it is used, which several threads would do at once",
        name.id
    ))
}

/// A function that keeps what it has given runs again in each thread that asks before the first one is done.
pub(super) fn kept(ctx: &Context, function: &ast::StmtFunctionDef) -> Option<String> {
    let model = ctx.model;
    let is_keeping = |decorator: &ast::Decorator| {
        model
            .qualified_name(map_callable(&decorator.expression))
            .is_some_and(|name| KEEPING.contains(&name.as_str()))
    };
    function.decorator_list.iter().any(is_keeping).then(|| {
        format!(
            "several threads may run `{}` at once before what it gives is kept",
            function.name
        )
    })
}

/// Refuses a write through `request.app.state`, which is the same for all requests.
pub(super) fn check_attribute(ctx: &Context, id: NodeId, attribute: &ast::ExprAttribute) -> Result<(), Declined> {
    let is_state = matches!(attribute.attr.as_str(), "state" | "extra")
        && matches!(&*attribute.value, Expr::Attribute(app) if app.attr.as_str() == "app");
    if is_state && changes(ctx, id, 0) {
        let text = ctx.model.slice(attribute);
        return Err(format!("it changes `{text}`, which several threads would do at once").into());
    }
    Ok(())
}

/// Whether something is changed that is reached from an expression: `x.n = 1`, `x["n"] += 1`, `x.seen.append(1)`.
fn changes(ctx: &Context, id: NodeId, names: usize) -> bool {
    let model = ctx.model;
    let mut at = id;
    loop {
        let parent = model.parent(at);
        let range = model.node(at).range();
        match model.node(parent) {
            AnyNodeRef::ExprAttribute(attribute) if attribute.ctx.is_load() => {
                let is_called = || model.is_callee(parent);
                if MUTATORS.contains(&attribute.attr.as_str()) && is_called() {
                    return true;
                }
            }
            AnyNodeRef::ExprSubscript(item) if item.value.range() != range => return false,
            AnyNodeRef::ExprSubscript(item) if item.ctx.is_load() => {}
            AnyNodeRef::ExprAttribute(_) | AnyNodeRef::ExprSubscript(_) => return true,
            AnyNodeRef::StmtAssign(assign) => {
                return matches!(&*assign.targets, [Expr::Name(name)] if names < MAX_NAMES && name_changes(ctx, name, names));
            }
            AnyNodeRef::ExprNamed(named) => {
                return matches!(&*named.target, Expr::Name(name) if names < MAX_NAMES && name_changes(ctx, name, names));
            }
            _ => return false,
        }
        at = parent;
    }
}

fn name_changes(ctx: &Context, name: &ast::ExprName, names: usize) -> bool {
    let model = ctx.model;
    model
        .references_like(name)
        .any(|reference| changes(ctx, reference.node, names + 1))
}

/// Refuses a write to what a dependency gives to all requests alike.
pub(super) fn check_dependencies(
    ctx: &Context,
    function: &ast::StmtFunctionDef,
    effects: &Summary,
) -> Result<(), Declined> {
    let model = ctx.model;
    for (index, parameter) in function.parameters.iter_non_variadic_params().enumerate() {
        let is_written = || effects.writes.contains(&Location::Content(Root::Parameter(index)));
        let Some(dependency) = model
            .dependency_of(parameter)
            .and_then(|dependency| model.function_of(dependency))
        else {
            continue;
        };
        if is_written() && (kept(ctx, dependency).is_some() || gives_shared(ctx, dependency)) {
            return Err(format!(
                "it changes `{}`, which `{}` gives to all requests, and several threads would do so at once",
                parameter.name(),
                dependency.name
            )
            .into());
        }
    }
    Ok(())
}

/// Whether a function returns or yields something of the module.
fn gives_shared(ctx: &Context, function: &ast::StmtFunctionDef) -> bool {
    let model = ctx.model;
    model.subtree(model.id(function)).any(|(_, node)| {
        let given = match node {
            AnyNodeRef::StmtReturn(stmt) => stmt.value.as_deref(),
            AnyNodeRef::ExprYield(given) => given.value.as_deref(),
            _ => None,
        };
        let mut root = match given {
            Some(given) => given,
            None => return false,
        };
        loop {
            root = match root {
                Expr::Attribute(outer) => &outer.value,
                Expr::Subscript(outer) => &outer.value,
                Expr::Name(name) => {
                    return model.lookup(&name.id, model.scope_of(model.id(name))) == Lookup::Scope(ScopeId::MODULE);
                }
                _ => return false,
            };
        }
    })
}
