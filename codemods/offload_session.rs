//! A synchronous session or connection in async code: the whole `with` block that opens it, uses it and closes it moves to a thread.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use crate::codemod::{Context, Wanted};
use crate::edit::Fix;
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::knowledge::sqlalchemy::Role;
use crate::process_wide;
use crate::semantic::names::Lookup;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId, ScopeId};

/// Methods of sessions and connections that write, or have written what was changed.
const WRITING: &[&str] = &[
    "add",
    "add_all",
    "bulk_insert_mappings",
    "bulk_save_objects",
    "bulk_update_mappings",
    "commit",
    "delete",
    "flush",
    "merge",
];

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    let mut names: Vec<(ScopeId, String)> = Vec::new();
    for (id, node) in model.subtree(NodeId(0)) {
        let AnyNodeRef::StmtWith(with) = node else { continue };
        if with.is_async || !model.runs_in_async(id) {
            continue;
        }
        let Some(manager) = with
            .items
            .iter()
            .map(|item| &item.context_expr)
            .find(|manager| opens(ctx, manager))
        else {
            continue;
        };
        let is_inside = model.ancestors(id).any(|(_, outer)| match outer {
            AnyNodeRef::StmtWith(outer) => outer.items.iter().any(|item| opens(ctx, &item.context_expr)),
            _ => false,
        });
        if is_inside {
            continue;
        }
        let in_test = model
            .enclosing_function(id)
            .is_some_and(|function| function.name.starts_with("test_"));
        let message = "a synchronous session blocks the event loop: every other task waits for the database";
        if in_test {
            acc.push(
                manager,
                message,
                Err("it stands in a test, where no other task waits for it".into()),
            );
        } else {
            acc.push_defect(manager, message, offload(ctx, id, manager, &mut names));
        }
    }
}

/// Whether a `with` over an expression opens a synchronous session or connection.
fn opens(ctx: &Context, manager: &Expr) -> bool {
    let is_open = |expr: &Expr| {
        ctx.model
            .sqlalchemy_object(expr)
            .is_some_and(|class| !class.is_async && matches!(class.role, Role::Session | Role::Connection))
    };
    let Expr::Call(call) = manager else { return false };
    match &*call.func {
        // A session that is there already may be used elsewhere; the block of a factory or an engine makes its own.
        Expr::Attribute(method) if method.attr.as_str() == "begin" => ctx
            .model
            .sqlalchemy_object(&method.value)
            .is_some_and(|class| !class.is_async && matches!(class.role, Role::Factory | Role::Engine)),
        _ => is_open(manager),
    }
}

fn offload(ctx: &Context, id: NodeId, manager: &Expr, names: &mut Vec<(ScopeId, String)>) -> Result<Fix, Declined> {
    let model = ctx.model;
    let (block, index) = model.block_of(id).ok_or("it stands outside of a block")?;
    let stmts = &block[index..=index];
    let doubt = match engine_doubt(ctx, manager)? {
        None => work_doubt(ctx, id)?.or_else(|| write_doubt(ctx, id)),
        some => some,
    };
    let scope = model.scope_of(id);
    let wanted = "use_database";
    let mut name = wanted.to_owned();
    for number in 2.. {
        if !names.contains(&(scope, name.clone())) && model.fresh_name(&name, id) == name {
            break;
        }
        name = format!("{wanted}_{number}");
    }
    let fix = ctx.offload_statements(stmts, &name, doubt)?;
    names.push((scope, name));
    // What else can be made better in it would be out of reach.
    Ok(fix.last())
}

/// A database in memory belongs to the thread that made it. `None` when the engine is in view and has a file or a server.
fn engine_doubt(ctx: &Context, manager: &Expr) -> Result<Option<String>, Declined> {
    let unknown =
        Some("the engine is not in view: a database in memory would be another one in another thread".to_owned());
    let Some(url) = url_of(ctx, manager, 0) else {
        return Ok(unknown);
    };
    let Some(text) = leading_text(url) else {
        return Ok(Some(
            "where the database is, is not known: one in memory would be another one in another thread".to_owned(),
        ));
    };
    let is_whole = url.is_string_literal_expr();
    let path = text
        .split_once("://")
        .map_or("", |(_, path)| path.trim_start_matches('/'));
    let in_memory = text.starts_with("sqlite")
        && (is_whole && path.is_empty() || path.contains(":memory:") || path.contains("mode=memory"));
    if in_memory {
        return Err("the database is one in memory, which belongs to its thread".into());
    }
    Ok(None)
}

/// The text that an address begins with.
fn leading_text(url: &Expr) -> Option<&str> {
    match url {
        Expr::StringLiteral(text) => Some(text.value.to_str()),
        Expr::BinOp(binary) => leading_text(&binary.left),
        Expr::FString(text) => text
            .value
            .elements()
            .next()
            .and_then(|element| element.as_literal())
            .map(|literal| &*literal.value),
        _ => None,
    }
}

/// The address that the engine behind a manager, a factory or an engine is made with.
fn url_of<'a>(ctx: &Context<'a>, expr: &Expr, depth: usize) -> Option<&'a Expr> {
    let model = ctx.model;
    if depth > 6 {
        return None;
    }
    match expr {
        Expr::Name(name) => match model.sole_binding(&name.id, model.scope_of(model.id(name)))?.kind {
            BindingKind::Assignment(value @ Expr::Call(call)) => {
                let is_engine = model
                    .sqlalchemy_object(value)
                    .is_some_and(|class| class.role == Role::Engine);
                if is_engine
                    && !matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "execution_options")
                {
                    return call.arguments.find_argument_value("url", 0);
                }
                url_of(ctx, value, depth + 1)
            }
            _ => None,
        },
        Expr::Call(call) => {
            let bind = call.arguments.find_argument_value("bind", 0);
            bind.and_then(|bind| url_of(ctx, bind, depth + 1))
                .or_else(|| match &*call.func {
                    Expr::Attribute(method) => url_of(ctx, &method.value, depth + 1),
                    callee => url_of(ctx, callee, depth + 1),
                })
        }
        _ => None,
    }
}

/// What is not proven of the work that moves: functions of unknown effects, and members of objects that other tasks may use.
fn work_doubt(ctx: &Context, block: NodeId) -> Result<Option<String>, Declined> {
    let model = ctx.model;
    let range = model.node(block).range();
    for (id, node) in model.subtree(block) {
        match node {
            AnyNodeRef::ExprCall(call) => {
                if let Expr::Name(name) = &*call.func
                    && !is_plain_callee(ctx, name)
                {
                    return Ok(Some(format!("what `{}` does would be done in a thread, too", name.id)));
                }
            }
            AnyNodeRef::ExprAttribute(attribute) => {
                let Expr::Name(name) = &*attribute.value else { continue };
                let scope = model.scope_of(id);
                let is_module_level = model.lookup(&name.id, scope) == Lookup::Scope(ScopeId::MODULE);
                let is_known = is_module_level
                    && (model.imported_root(&attribute.value) || is_class_or_library(ctx, &attribute.value));
                if !model.is_bound_within(name, range) && !is_known {
                    return Ok(Some(format!(
                        "`{}` is used in a thread, and other tasks may use the object meanwhile",
                        model.slice(attribute)
                    )));
                }
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Until the block moves, what a task does to the database is done before any other one comes there. A function that writes may do so from what
/// another one of its blocks has read, so that all of them count.
fn write_doubt(ctx: &Context, block: NodeId) -> Option<String> {
    let model = ctx.model;
    let around = model
        .enclosing_function(block)
        .map_or(block, |function| model.id(function));
    let write = model.subtree(around).find(|(_, node)| writes(ctx, *node))?;
    if ctx.runs_once(block) {
        return None;
    }
    let (line, _) = ctx.module.location(model.node(write.0).start());
    Some(format!(
        "two tasks may write to the database (line {line}), and threads need not do so in the order in which the tasks come here"
    ))
}

/// Whether a node writes to a database: a method of a session, an attribute of one of its objects, a statement.
fn writes(ctx: &Context, node: AnyNodeRef) -> bool {
    let model = ctx.model;
    let is_session = |expr: &Expr| {
        model
            .sqlalchemy_object(expr)
            .is_some_and(|class| !class.is_async && matches!(class.role, Role::Session | Role::Connection))
    };
    match node {
        AnyNodeRef::ExprAttribute(attribute) if attribute.ctx.is_load() => {
            WRITING.contains(&attribute.attr.as_str()) && is_session(&attribute.value)
        }
        AnyNodeRef::ExprAttribute(_) => true,
        AnyNodeRef::ExprCall(call) => model.qualified_name(&call.func).is_some_and(|name| {
            let (package, last) = (name.split('.').next(), name.rsplit('.').next());
            matches!(package, Some("sqlalchemy" | "sqlmodel")) && matches!(last, Some("insert" | "update" | "delete"))
        }),
        AnyNodeRef::ExprStringLiteral(text) => process_wide::is_writing(text.value.to_str()),
        _ => false,
    }
}

/// A class of the module, or one of SQLAlchemy's objects that threads may share.
fn is_class_or_library(ctx: &Context, expr: &Expr) -> bool {
    ctx.model.class_named(expr).is_some()
        || ctx
            .model
            .sqlalchemy_object(expr)
            .is_some_and(|class| matches!(class.role, Role::Engine | Role::Factory))
}

/// Builtins, classes, and functions of SQLAlchemy.
fn is_plain_callee(ctx: &Context, name: &ast::ExprName) -> bool {
    let model = ctx.model;
    let expr = Expr::Name(name.clone());
    let scope = model.scope_of(model.id(name));
    if let Some(path) = model.qualified_name(&expr) {
        let last = path.rsplit('.').next().unwrap_or(&path);
        return path.starts_with("sqlalchemy") || path.starts_with("sqlmodel") || last.starts_with(char::is_uppercase);
    }
    model.lookup(&name.id, scope) == Lookup::Builtin
        || model.class_named(&expr).is_some()
        || matches!(model.type_of(&expr), Type::Foreign(_)) && model.sqlalchemy_object(&expr).is_some()
}

/// A `with` over what may be a session or a connection.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    glance::mentions(text, &["Session", "sessionmaker", "create_engine"])
        && (glance::imports(text, "sqlalchemy") || glance::imports(text, "sqlmodel"))
        && glance::words(text, "with").any(|place| place.begins_line())
}
