//! Blocking functions that are called by another name: `functools.partial(requests.get, timeout=3)`, `requests.get if reads else requests.post`,
//! an entry of a table of functions, `getattr(requests, method)`.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};

use crate::codemod::Context;
use crate::glance;
use crate::knowledge::blocking::{self, Rule};
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{Binding, BindingKind};

/// So many names and wrappers may stand between a call and the function.
const MAX_HOPS: usize = 4;

/// Whether a text may choose among functions of `requests`, which are often handed around, or give one of them another name.
pub(super) fn glance(text: &[u8]) -> bool {
    let is_value = |place: glance::Place| !place.behind().starts_with(b"(");
    glance::imports(text, "requests")
        && (glance::mentions(text, &["getattr("])
            || blocking::functions_of("requests").any(|name| glance::places_of(text, "requests", name).any(is_value)))
}

/// The doubt about a call whose callee is a value that blocks when it is called. The outer `None`: it is no such call.
pub(super) fn blocking_value<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<Option<String>> {
    // What has a name of its own in the table is asked about elsewhere.
    match &*call.func {
        Expr::Name(_) | Expr::Call(_) | Expr::Subscript(_) | Expr::If(_) => doubt_about(ctx, &call.func, MAX_HOPS),
        _ => None,
    }
}

fn doubt_about<'a>(ctx: &Context<'a>, callee: &'a Expr, hops: usize) -> Option<Option<String>> {
    let model = ctx.model;
    let fewer = hops.checked_sub(1)?;
    if let Some(name) = model.qualified_name(callee) {
        let row = *blocking::blocking(&name).filter(|row| row.rule == Rule::Call && row.shared.is_none())?;
        return row.is_exact.then_some(None);
    }
    match callee {
        Expr::Attribute(method) => {
            let Type::Foreign(class) = model.type_of(&method.value) else {
                return None;
            };
            let row = blocking::blocking(&format!("{class}.{}", method.attr))?;
            let shown = model.slice(&*method.value);
            (row.rule == Rule::Call && row.is_exact && row.shared.is_some())
                .then(|| Some(format!("another task may use `{shown}` meanwhile")))
        }
        Expr::Name(name) => {
            let binding = model.sole_binding(&name.id, model.scope_of(model.id(name)))?;
            match binding.kind {
                BindingKind::Assignment(value) => doubt_about(ctx, value, fewer),
                _ => all(ctx, choices_of(ctx, binding)?, fewer),
            }
        }
        Expr::If(choice) => all(ctx, vec![&choice.body, &choice.orelse], fewer),
        Expr::Subscript(subscript) => {
            let Expr::Name(table) = &*subscript.value else {
                return None;
            };
            let binding = model.sole_binding(&table.id, model.scope_of(model.id(table)))?;
            let BindingKind::Assignment(Expr::Dict(dict)) = binding.kind else {
                return None;
            };
            let is_only_read =
                model
                    .references_named(&table.id)
                    .all(|reference| match model.node(model.parent(reference.node)) {
                        AnyNodeRef::ExprSubscript(subscript) => subscript.ctx.is_load(),
                        _ => false,
                    });
            if !is_only_read {
                return None;
            }
            all(ctx, dict.items.iter().map(|item| &item.value).collect(), fewer)
        }
        Expr::Call(made) if model.is_builtin(&made.func, "getattr") => {
            let [owner, name, ..] = &*made.arguments.args else {
                return None;
            };
            let is_http = model.qualified_name(owner).is_some_and(|name| name == "requests")
                || model
                    .likely_class(owner)
                    .is_some_and(|class| class == "requests.Session");
            let is_verb = name
                .as_string_literal_expr()
                .is_none_or(|name| blocking::functions_of("requests").any(|verb| name.value.to_str() == verb));
            (is_http && is_verb).then(|| Some(format!("`{}` may give anything", model.slice(made))))
        }
        Expr::Call(made) => {
            let is_partial = model
                .qualified_name(&made.func)
                .is_some_and(|name| name == "functools.partial");
            doubt_about(ctx, made.arguments.args.first().filter(|_| is_partial)?, fewer)
        }
        _ => None,
    }
}

/// Whether all of several functions block; the first doubt about one of them.
fn all<'a>(ctx: &Context<'a>, callees: Vec<&'a Expr>, hops: usize) -> Option<Option<String>> {
    let doubts: Option<Vec<Option<String>>> = callees
        .into_iter()
        .map(|callee| doubt_about(ctx, callee, hops))
        .collect();
    let doubts = doubts.filter(|doubts| !doubts.is_empty())?;
    Some(doubts.into_iter().flatten().next())
}

/// The elements that a loop gives its variable.
fn choices_of<'a>(ctx: &Context<'a>, binding: &Binding<'a>) -> Option<Vec<&'a Expr>> {
    let iter = match ctx.model.node(ctx.model.parent(binding.node)) {
        AnyNodeRef::StmtFor(stmt) if !stmt.is_async => &*stmt.iter,
        AnyNodeRef::Comprehension(part) if !part.is_async => &part.iter,
        _ => return None,
    };
    match iter {
        Expr::Tuple(tuple) => Some(tuple.elts.iter().collect()),
        Expr::List(list) => Some(list.elts.iter().collect()),
        _ => None,
    }
}
