//! `asyncio.TimeoutError` and its other names -> the built-in `TimeoutError`, which they are since Python 3.11.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::importer;
use crate::semantic::names::Lookup;
use crate::semantic::{Binding, BindingKind, NodeId};

const BUILTIN: &str = "TimeoutError";

/// Names of the built-in class. `socket.timeout` is one since Python 3.10, the others since 3.11 (What's New in Python).
const NAMES: &[&str] = &[
    "asyncio.TimeoutError",
    "asyncio.exceptions.TimeoutError",
    "concurrent.futures.TimeoutError",
    "concurrent.futures._base.TimeoutError",
    "socket.timeout",
];

/// The classes are named through an import of theirs: as an attribute, or as a name of its own.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    glance::uses_member(text, "asyncio", &[BUILTIN])
        || glance::uses_member(text, "concurrent", &[BUILTIN])
        || glance::uses_member(text, "socket", &["timeout"])
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for (id, qualified) in ctx.model.uses_of(NAMES) {
        let range = ctx.model.node(id).range();
        // Written as the built-in name already: only its import is to go.
        if ctx.model.slice(range) == BUILTIN {
            continue;
        }
        let message = format!(
            "`{qualified}` is the built-in `TimeoutError` since Python 3.{}",
            since(qualified)
        );
        acc.push(range, message, rewrite(ctx, id, range));
    }
    for binding in ctx.model.bindings() {
        if binding.name == BUILTIN && is_alias(binding) && is_used(ctx, binding) {
            let message = "`TimeoutError` needs no import: since Python 3.11 it is the built-in class";
            acc.push(binding.range, message, remove_import(ctx, binding));
        }
    }
}

fn since(qualified: &str) -> u8 {
    if qualified == "socket.timeout" { 10 } else { 11 }
}

fn rewrite(ctx: &Context, id: NodeId, range: TextRange) -> Result<Fix, Declined> {
    builtin_is_meant(ctx, id)?;
    one_clause(ctx, id)?;
    let parent = ctx.model.parent(id);
    let deduplicated = match ctx.model.node(parent) {
        AnyNodeRef::ExprTuple(tuple) => tuple_fix(ctx, tuple),
        AnyNodeRef::Arguments(arguments) => suppress_fix(ctx, parent, arguments),
        _ => None,
    };
    if let Some(fix) = deduplicated {
        return fix;
    }
    Ok(Fix::safe(vec![Edit::replacement(BUILTIN, range)]))
}

/// The bare name must be the built-in class here, and must not look as if it were another anywhere in the module.
fn builtin_is_meant(ctx: &Context, id: NodeId) -> Result<(), Declined> {
    let mut bindings = ctx.model.bindings().iter().filter(|binding| binding.name == BUILTIN);
    if bindings.any(|binding| !is_alias(binding)) {
        return Err("the module binds the name `TimeoutError` to something else".into());
    }
    match ctx.model.lookup(BUILTIN, ctx.model.scope_of(id)) {
        Lookup::Unknown => Err("a star import may bind the name `TimeoutError` to something else".into()),
        // Bound by an import of the same class.
        Lookup::Builtin | Lookup::Scope(_) => Ok(()),
    }
}

/// `from asyncio import TimeoutError` and its like.
fn is_alias(binding: &Binding) -> bool {
    match binding.kind {
        BindingKind::FromImport(import, alias) => {
            import.level == 0
                && import
                    .module
                    .as_deref()
                    .is_some_and(|module| NAMES.contains(&format!("{module}.{}", alias.name).as_str()))
        }
        _ => false,
    }
}

/// Two clauses of one `try` that catch the same class: the second never runs, and only a person knows what it was meant for.
fn one_clause(ctx: &Context, id: NodeId) -> Result<(), Declined> {
    let model = ctx.model;
    let Some((handler_id, handler)) = model.ancestors(id).find_map(|(at, node)| match node {
        AnyNodeRef::ExceptHandlerExceptHandler(handler) => Some((at, handler)),
        _ => None,
    }) else {
        return Ok(());
    };
    let in_type = handler
        .type_
        .as_deref()
        .is_some_and(|type_| model.contains(model.id(type_), id));
    let AnyNodeRef::StmtTry(outer) = model.node(model.parent(handler_id)) else {
        return Ok(());
    };
    let repeated = outer.handlers.iter().any(|ast::ExceptHandler::ExceptHandler(other)| {
        other.range() != handler.range()
            && other.type_.as_deref().is_some_and(|type_| match type_ {
                Expr::Tuple(tuple) => tuple.iter().any(|element| is_timeout_error(ctx, element)),
                single => is_timeout_error(ctx, single),
            })
    });
    if in_type && repeated {
        Err("another clause of the same `try` catches the same class, so that one of the two never runs".into())
    } else {
        Ok(())
    }
}

/// Whether an expression is the class, under any of its names.
fn is_timeout_error(ctx: &Context, expr: &Expr) -> bool {
    ctx.model.is_builtin(expr, BUILTIN)
        || ctx
            .model
            .qualified_name(expr)
            .is_some_and(|name| NAMES.contains(&name.as_str()))
}

/// A tuple that lists the class more than once keeps it once. `None` when it does not.
fn tuple_fix(ctx: &Context, tuple: &ast::ExprTuple) -> Option<Result<Fix, Declined>> {
    let is_it = repeated(ctx, &tuple.elts)?;
    let doubt = (!is_matched(ctx, tuple))
        .then(|| "the tuple gets shorter, which code that looks at its items can tell".to_owned());
    if !is_it.iter().all(|is_it| *is_it) {
        let edits = keep_first(ctx, &tuple.elts, &is_it, tuple.into());
        return Some(edits.map(|edits| Fix::with_doubt(doubt, edits)));
    }
    if !ctx.module.comments_in(tuple.range()).is_empty() {
        return Some(Err(between()));
    }
    let glued = ctx.module.text()[..usize::from(tuple.start())].ends_with(char::is_alphanumeric);
    let text = match (doubt.is_some(), glued) {
        (true, _) => format!("({BUILTIN},)"),
        (false, true) => format!(" {BUILTIN}"),
        (false, false) => BUILTIN.to_owned(),
    };
    Some(Ok(Fix::with_doubt(doubt, vec![Edit::replacement(text, tuple.range())])))
}

/// So do the arguments of `contextlib.suppress`.
fn suppress_fix(ctx: &Context, id: NodeId, arguments: &ast::Arguments) -> Option<Result<Fix, Declined>> {
    let is_it = repeated(ctx, &arguments.args)?;
    let AnyNodeRef::ExprCall(call) = ctx.model.node(ctx.model.parent(id)) else {
        return None;
    };
    let name = ctx.model.qualified_name(&call.func)?;
    (name == "contextlib.suppress").then(|| keep_first(ctx, &arguments.args, &is_it, arguments.into()).map(Fix::safe))
}

/// Which elements are the class, when more than one is.
fn repeated(ctx: &Context, elements: &[Expr]) -> Option<Vec<bool>> {
    let is_it: Vec<bool> = elements.iter().map(|element| is_timeout_error(ctx, element)).collect();
    (is_it.iter().filter(|is_it| **is_it).count() > 1).then_some(is_it)
}

/// The edits that write the first of several names of the class as the built-in one and drop the others.
fn keep_first(ctx: &Context, elements: &[Expr], is_it: &[bool], parent: AnyNodeRef) -> Result<Vec<Edit>, Declined> {
    let range_of = |element: &Expr| {
        ruff_python_ast::token::parenthesized_range(element.into(), parent, ctx.module.tokens())
            .unwrap_or(element.range())
    };
    let mut edits = Vec::new();
    let mut is_first = true;
    for (index, element) in elements.iter().enumerate().filter(|(index, _)| is_it[*index]) {
        if is_first {
            is_first = false;
            if ctx.model.slice(element) != BUILTIN {
                edits.push(Edit::replacement(BUILTIN, element.range()));
            }
            continue;
        }
        let gap = TextRange::new(range_of(&elements[index - 1]).end(), range_of(element).end());
        if !ctx.module.comments_in(gap).is_empty() {
            return Err(between());
        }
        edits.push(Edit::deletion(gap));
    }
    Ok(edits)
}

fn between() -> Declined {
    "a comment stands between two names of the same class".into()
}

/// Whether a tuple is only matched against exceptions: after `except`, in `isinstance`, `issubclass`, `pytest.raises`.
fn is_matched(ctx: &Context, tuple: &ast::ExprTuple) -> bool {
    let model = ctx.model;
    let parent = model.parent(model.id(tuple));
    match model.node(parent) {
        AnyNodeRef::ExceptHandlerExceptHandler(_) => true,
        AnyNodeRef::Arguments(arguments) => match model.node(model.parent(parent)) {
            AnyNodeRef::ExprCall(call) => {
                let second = arguments
                    .args
                    .get(1)
                    .is_some_and(|argument| argument.range() == tuple.range());
                let checks = ["isinstance", "issubclass"]
                    .iter()
                    .any(|name| model.is_builtin(&call.func, name));
                second && checks
                    || model
                        .qualified_name(&call.func)
                        .is_some_and(|name| name == "pytest.raises")
            }
            _ => false,
        },
        _ => false,
    }
}

/// Whether anything in the module reads the name that an import binds.
fn is_used(ctx: &Context, binding: &Binding) -> bool {
    ctx.model.references_to(binding.scope, binding.name).next().is_some()
}

/// Without its import the name is the built-in one.
fn remove_import(ctx: &Context, binding: &Binding) -> Result<Fix, Declined> {
    if ctx.settings.keep_unused_imports {
        return Err("the import may be a part of the package's interface".into());
    }
    builtin_is_meant(ctx, binding.node)?;
    let shared = ctx.model.bindings_in(binding.scope, BUILTIN).count() > 1;
    let BindingKind::FromImport(_, alias) = binding.kind else {
        return Err("it is not imported by name".into());
    };
    let Some((stmt, _)) = ctx.model.statement_of(binding.node) else {
        return Err("it is not imported by a statement".into());
    };
    if shared || importer::exported_names(ctx.model).contains(BUILTIN) {
        return Err("the name is imported twice, or exported by `__all__`".into());
    }
    if let Some(user) = ctx.project.user_of(BUILTIN, ctx.model) {
        return Err(format!("`{user}` imports it from here").into());
    }
    let edits = importer::remove_aliases(ctx.module, ctx.model, stmt, &[alias]);
    if edits.is_empty() {
        return Err("its import stands under a condition, behind a comment or on a shared line".into());
    }
    Ok(Fix::safe(edits))
}
