//! `async with async_timeout.timeout(t):` -> `async with asyncio.timeout(t):`, with the uses of a bound manager.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::edit::{Edit, Fix, all_doubts};
use crate::finding::{Declined, Findings};
use crate::importer::Import;
use crate::semantic::names::Lookup;
use crate::semantic::place::Backend;
use crate::semantic::{BindingKind, ScopeId};

/// A function of the package, and its counterpart in `asyncio`.
struct Function {
    old: &'static str,
    new: &'static str,
    /// Names of the parameter in versions of the package.
    old_parameters: &'static [&'static str],
    new_parameter: &'static str,
}

const FUNCTIONS: &[Function] = &[
    Function {
        old: "async_timeout.timeout",
        new: "timeout",
        old_parameters: &["delay", "timeout"],
        new_parameter: "delay",
    },
    Function {
        old: "async_timeout.timeout_at",
        new: "timeout_at",
        old_parameters: &["deadline"],
        new_parameter: "when",
    },
];

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for function in FUNCTIONS {
        for call in ctx.model.calls_to(function.old) {
            let message = format!("`{}` is `asyncio.{}` since Python 3.11", function.old, function.new);
            if header_of(ctx, call).is_some_and(|(_, with)| !with.is_async) {
                let reason = "a plain `with` worked with version 3 of the package only: it must be an `async with`";
                acc.push_defect(call, message, Err(reason.into()));
            } else {
                acc.push(call, message, rewrite(ctx, call, function));
            }
        }
    }
}

/// The item and the `with` whose header makes the manager.
fn header_of<'a>(ctx: &Context<'a>, call: &ast::ExprCall) -> Option<(&'a ast::WithItem, &'a ast::StmtWith)> {
    let item_id = ctx.model.parent(ctx.model.id(call));
    let AnyNodeRef::WithItem(item) = ctx.model.node(item_id) else {
        return None;
    };
    match ctx.model.node(ctx.model.parent(item_id)) {
        AnyNodeRef::StmtWith(with) if item.context_expr.range() == call.range() => Some((item, with)),
        _ => None,
    }
}

fn rewrite(ctx: &Context, call: &ast::ExprCall, function: &Function) -> Result<Fix, Declined> {
    let (item, _) = header_of(ctx, call)
        .ok_or("the manager is not made in the header of an `async with`: what else is done with it is not visible")?;
    if ctx.model.backend() != Backend::Asyncio {
        return Err("the module uses another event loop library than asyncio".into());
    }
    let Some(manager) = item.optional_vars.as_deref() else {
        let (edits, import) = call_edits(ctx, call, function)?;
        return Ok(Fix::safe(edits).import(import));
    };
    let Expr::Name(manager) = manager else {
        let kept = ctx.model.slice(manager);
        return Err(format!("the manager is kept in `{kept}`, whose uses are not all visible").into());
    };
    rewrite_bound(ctx, manager)
}

/// Every manager that is bound to one name, with the uses of the name. Each of their calls gives the same fix, which is made once.
fn rewrite_bound(ctx: &Context, manager: &ast::ExprName) -> Result<Fix, Declined> {
    let name = manager.id.as_str();
    let scope = ctx.model.scope_of(ctx.model.id(manager));
    let mut fix = Fix::safe(Vec::new());
    for binding in ctx.model.resolve(name, scope) {
        let made = match binding.kind {
            BindingKind::With(
                ast::WithItem {
                    context_expr: Expr::Call(call),
                    ..
                },
                true,
            ) => FUNCTIONS
                .iter()
                .find(|function| ctx.model.qualified_name(&call.func).as_deref() == Some(function.old))
                .map(|function| (call, function)),
            _ => None,
        };
        let Some((call, function)) = made else {
            return Err(format!("`{name}` is bound to other things as well: its uses cannot be told apart").into());
        };
        let (edits, import) = call_edits(ctx, call, function)?;
        fix.edits.extend(edits);
        fix = fix.import(import);
    }
    let mut doubts: Vec<String> = Vec::new();
    manager_edits(ctx, manager, &mut fix.edits, &mut doubts)?;
    let doubt = all_doubts(doubts.iter().map(String::as_str));
    Ok(Fix::with_doubt(doubt, fix.edits).import(fix.imports))
}

/// The call, in the words of `asyncio`.
fn call_edits(
    ctx: &Context,
    call: &ast::ExprCall,
    function: &Function,
) -> Result<(Vec<Edit>, Option<Import>), Declined> {
    let mut edits = argument_edits(call, function.old_parameters, function.new_parameter)?;
    let (name, import) = ctx.member("asyncio", function.new, ctx.model.id(call))?;
    edits.push(Edit::replacement(name, call.func.range()));
    Ok((edits, import))
}

/// One argument, by position or under the name that it has in some version of the package.
fn argument_edits(call: &ast::ExprCall, old: &[&str], new: &str) -> Result<Vec<Edit>, Declined> {
    match (&*call.arguments.args, &*call.arguments.keywords) {
        ([argument], []) if !argument.is_starred_expr() => Ok(Vec::new()),
        ([], [keyword]) => match &keyword.arg {
            Some(name) if name.as_str() == new => Ok(Vec::new()),
            Some(name) if old.contains(&name.as_str()) => Ok(vec![Edit::replacement(new, name.range())]),
            _ => Err("its argument is not the one that asyncio's function takes".into()),
        },
        _ => Err("it is not called with exactly one argument".into()),
    }
}

/// The uses of a bound manager, in the words of `asyncio.Timeout`.
fn manager_edits(
    ctx: &Context,
    manager: &ast::ExprName,
    edits: &mut Vec<Edit>,
    doubts: &mut Vec<String>,
) -> Result<(), Declined> {
    let model = ctx.model;
    let name = manager.id.as_str();
    let owner = model.lookup(name, model.scope_of(model.id(manager)));
    if owner == Lookup::Scope(ScopeId::MODULE) {
        return Err(format!("`{name}` is a global variable, which other modules can use").into());
    }
    for reference in model.references_to(owner, name) {
        let use_id = model.parent(reference.node);
        let AnyNodeRef::ExprAttribute(attribute) = model.node(use_id) else {
            return Err(format!("`{name}` is handed on, to where its uses are not visible").into());
        };
        let called = match model.node(model.parent(use_id)) {
            AnyNodeRef::ExprCall(call) if call.func.range() == attribute.range() => Some(call),
            _ => None,
        };
        let doubt = use_edits(ctx, name, attribute, called, edits)?;
        doubts.extend(doubt);
    }
    Ok(())
}

/// One use `manager.attribute` or `manager.attribute(...)`; the doubt that its translation leaves.
fn use_edits(
    ctx: &Context,
    name: &str,
    attribute: &ast::ExprAttribute,
    called: Option<&ast::ExprCall>,
    edits: &mut Vec<Edit>,
) -> Result<Option<String>, Declined> {
    let translated = |old: &str, new: &str| {
        Some(format!(
            "`{name}.{old}` becomes `{name}.{new}`, which is not the same when the time is already up"
        ))
    };
    let reschedule = || Edit::replacement("reschedule", attribute.attr.range());
    let argument = |call: &ast::ExprCall| match (&*call.arguments.args, &*call.arguments.keywords) {
        ([argument], []) if !argument.is_starred_expr() => Ok(argument.range()),
        _ => Err(Declined(format!(
            "`{name}.{}` is not called with one argument",
            attribute.attr
        ))),
    };
    match (attribute.attr.as_str(), called) {
        ("expired" | "when", Some(call)) if call.arguments.is_empty() => Ok(None),
        ("reschedule", Some(call)) => argument(call).map(|_| None),
        ("expired", None) => Err(format!(
            "`{name}.expired` is read as a property: in asyncio it is a method, which is always true"
        )
        .into()),
        ("deadline", None) if attribute.ctx.is_load() => {
            edits.push(Edit::replacement("when()", attribute.attr.range()));
            Ok(translated("deadline", "when()"))
        }
        ("update", Some(call)) => {
            argument(call)?;
            edits.push(reschedule());
            Ok(translated("update", "reschedule"))
        }
        ("shift", Some(call)) => {
            let delay = argument(call)?;
            edits.push(reschedule());
            edits.extend(added_to(
                ctx,
                &format!("{name}.when() + "),
                delay,
                &call.arguments.args[0],
            ));
            Ok(translated("shift", "reschedule"))
        }
        ("reject", Some(call)) if call.arguments.is_empty() => {
            edits.push(reschedule());
            edits.push(Edit::insertion("None", call.arguments.end() - TextSize::new(1)));
            Ok(translated("reject", "reschedule"))
        }
        (other, _) => Err(format!("`{name}.{other}` has no counterpart in asyncio").into()),
    }
}

/// `start + delay`, with parentheses around a delay that binds more loosely than `+`.
fn added_to(ctx: &Context, start: &str, delay: TextRange, expr: &Expr) -> Vec<Edit> {
    let tight = matches!(
        expr,
        Expr::Name(_) | Expr::NumberLiteral(_) | Expr::Attribute(_) | Expr::Call(_) | Expr::Subscript(_)
    );
    if tight || ctx.is_parenthesized(expr) {
        // In front of its own parentheses, if it has some: the argument is the only thing in the call's.
        vec![Edit::insertion(start, first_parenthesis(ctx, expr))]
    } else {
        vec![
            Edit::insertion(format!("{start}("), delay.start()),
            Edit::insertion(")", delay.end()),
        ]
    }
}

fn first_parenthesis(ctx: &Context, expr: &Expr) -> TextSize {
    let parent = ctx.model.node(ctx.model.parent(ctx.model.id(expr)));
    ruff_python_ast::token::parenthesized_range(expr.into(), parent, ctx.module.tokens())
        .unwrap_or(expr.range())
        .start()
}
