//! What becomes of gathered results: dropped, looked at, or used as if nothing had failed.

use ruff_python_ast::{self as ast, AnyNodeRef, CmpOp, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::semantic::NodeId;
use crate::semantic::reaching::Definition;

/// A use that only a result can stand.
pub(super) struct Misused<'a> {
    pub at: NodeId,
    pub name: &'a str,
    /// What holds all results, to be written in a loop.
    pub results: Option<String>,
}

/// Words of names whose failures nobody waits for.
const CLEANUPS: &[&str] = &[
    "aexit",
    "abort",
    "cancel",
    "cleanup",
    "close",
    "aclose",
    "disconnect",
    "dispose",
    "drain",
    "exit",
    "finish",
    "kill",
    "logout",
    "release",
    "shutdown",
    "stop",
    "teardown",
    "terminate",
    "unload",
    "unsubscribe",
    "wait",
];

/// Words of a comment that says that failures are expected.
const EXPECTED: &[&str] = &[
    "best",
    "effort",
    "error",
    "errors",
    "exception",
    "exceptions",
    "fail",
    "failed",
    "failure",
    "failures",
    "ignore",
    "suppress",
    "swallow",
];

/// Whether a dropped gather starts work whose failure somebody would want to know.
pub(super) fn drops_work(ctx: &Context, call: &ast::ExprCall, stmt: &Stmt) -> bool {
    let model = ctx.model;
    let at = model.id(stmt);
    let Some(function) = model.enclosing_function(at) else {
        return false;
    };
    let starts_work = call.arguments.args.iter().all(|argument| match argument {
        Expr::Starred(starred) => match &*starred.value {
            Expr::ListComp(comp) => is_work(&comp.elt),
            Expr::Generator(comp) => is_work(&comp.elt),
            _ => false,
        },
        other => is_work(other),
    });
    let cleans_up = has_word(&function.name, CLEANUPS)
        || model.ancestors(at).any(|(_, node)| match node {
            AnyNodeRef::ExceptHandlerExceptHandler(_) => true,
            AnyNodeRef::StmtTry(outer) => outer.finalbody.iter().any(|inner| model.contains(model.id(inner), at)),
            _ => false,
        })
        || model.subtree(model.id(function)).any(
            |(_, node)| matches!(node, AnyNodeRef::ExprAttribute(attribute) if attribute.attr.as_str() == "cancel"),
        );
    let around = TextRange::new(stmt.start(), ctx.module.line_end(stmt.end()));
    let is_expected = ctx
        .comments_above(stmt)
        .iter()
        .chain(ctx.module.comments_in(around))
        .any(|comment| has_word(model.slice(*comment), EXPECTED));
    // A test may want the failures.
    let is_test = function.name.starts_with("test");
    starts_work && !cleans_up && !is_expected && !is_test
}

/// A call, by the name of which it does more than end something.
fn is_work(expr: &Expr) -> bool {
    match expr {
        Expr::Call(call) => match &*call.func {
            Expr::Name(name) => !has_word(&name.id, CLEANUPS),
            Expr::Attribute(method) => !has_word(&method.attr, CLEANUPS),
            _ => false,
        },
        _ => false,
    }
}

fn has_word(text: &str, words: &[&str]) -> bool {
    text.to_lowercase()
        .split(|letter: char| !letter.is_alphanumeric())
        .any(|word| words.contains(&word))
}

/// The first use of results that an exception among them would break, if the function never asks which they are.
pub(super) fn misused<'a>(ctx: &Context<'a>, stmt: &'a Stmt, awaited: NodeId) -> Option<Misused<'a>> {
    let model = ctx.model;
    let function = model.enclosing_function(awaited)?;
    if asks(ctx, function) {
        return None;
    }
    let target = match stmt {
        Stmt::Assign(assign) if model.id(&*assign.value) == awaited => {
            assign.targets.first().filter(|_| assign.targets.len() == 1)
        }
        Stmt::AnnAssign(assign) if assign.value.as_deref().is_some_and(|value| model.id(value) == awaited) => {
            Some(&*assign.target)
        }
        _ => None,
    };
    match (stmt, target) {
        (_, Some(Expr::Name(name))) => {
            let at = in_list(ctx, function, name)?;
            let results = Some(name.id.to_string());
            Some(Misused {
                at,
                name: &name.id,
                results,
            })
        }
        (_, Some(Expr::Tuple(tuple))) => {
            let names: Vec<&ast::ExprName> = tuple.elts.iter().map(Expr::as_name_expr).collect::<Option<_>>()?;
            let results: Vec<&str> = names.iter().map(|name| name.id.as_str()).collect();
            let (name, at) = names.iter().find_map(|name| {
                let at = reads(ctx, function, name)?
                    .into_iter()
                    .find(|read| breaks(ctx, *read))?;
                Some((name.id.as_str(), at))
            })?;
            let results = (results.len() > 1 && !results.contains(&"_")).then(|| format!("({})", results.join(", ")));
            Some(Misused { at, name, results })
        }
        (Stmt::For(outer), None) if model.id(&*outer.iter) == awaited => {
            let (name, at) = in_target(ctx, &outer.target, model.id(outer))?;
            Some(Misused {
                at,
                name,
                results: None,
            })
        }
        _ => None,
    }
}

/// Whether a function asks for the class of anything, by whatever goes by the name of a builtin that does.
fn asks(ctx: &Context, function: &ast::StmtFunctionDef) -> bool {
    const ASKING: &[&str] = &["isinstance", "issubclass", "type", "hasattr", "getattr", "callable"];
    let model = ctx.model;
    model.subtree(model.id(function)).any(|(_, node)| match node {
        AnyNodeRef::ExprCall(call) => matches!(&*call.func, Expr::Name(name) if ASKING.contains(&name.id.as_str())),
        AnyNodeRef::StmtMatch(_) => true,
        _ => false,
    })
}

/// The reads that see exactly this binding of a local name.
fn reads<'a>(ctx: &Context<'a>, function: &'a ast::StmtFunctionDef, name: &ast::ExprName) -> Option<Vec<NodeId>> {
    let model = ctx.model;
    let scope = model.body_scope(function);
    let binding = model
        .bindings_in(scope, &name.id)
        .find(|binding| binding.range == name.range())?;
    let own = Definition::At(binding.node);
    let mut reads: Vec<NodeId> = model
        .reads_of_local(function, &name.id)?
        .into_iter()
        .filter(|(_, seen)| seen.len() == 1 && seen.contains(&own))
        .map(|(read, _)| read)
        .collect();
    reads.sort_unstable();
    Some(reads)
}

/// The first use of an element of a list that breaks; `None` as well when the list is handed on to code that may look at it.
fn in_list<'a>(ctx: &Context<'a>, function: &'a ast::StmtFunctionDef, name: &'a ast::ExprName) -> Option<NodeId> {
    let model = ctx.model;
    let mut first = None;
    for read in reads(ctx, function, name)? {
        let parent = model.parent(read);
        let is_it = |expr: &Expr| model.id(expr) == read;
        let found = match model.node(parent) {
            AnyNodeRef::StmtFor(outer) if is_it(&outer.iter) => in_target(ctx, &outer.target, parent).map(|(_, at)| at),
            AnyNodeRef::Comprehension(part) if is_it(&part.iter) => {
                in_target(ctx, &part.target, model.parent(parent)).map(|(_, at)| at)
            }
            AnyNodeRef::ExprSubscript(element) if is_it(&element.value) && element.ctx.is_load() => {
                breaks(ctx, parent).then_some(parent)
            }
            AnyNodeRef::Arguments(arguments) => {
                let AnyNodeRef::ExprCall(call) = model.node(model.parent(parent)) else {
                    return None;
                };
                let position = arguments.args.iter().position(is_it)?;
                let builtin = |name: &str| model.is_builtin(&call.func, name);
                if builtin("sum") {
                    Some(read)
                } else if builtin("enumerate") || builtin("zip") {
                    let index = if builtin("zip") { position } else { 1 };
                    in_pairs(ctx, model.id(call), index)
                } else if builtin("len") {
                    None
                } else {
                    return None;
                }
            }
            AnyNodeRef::StmtIf(_) => None,
            _ => return None,
        };
        first = first.or(found);
    }
    first
}

/// As [`in_target`], for the loop over `enumerate(...)` or `zip(...)`, and one of the names that it binds.
fn in_pairs(ctx: &Context, pairs: NodeId, index: usize) -> Option<NodeId> {
    let model = ctx.model;
    let parent = model.parent(pairs);
    let (target, around) = match model.node(parent) {
        AnyNodeRef::StmtFor(outer) if model.id(&*outer.iter) == pairs => (&*outer.target, parent),
        AnyNodeRef::Comprehension(part) if model.id(&part.iter) == pairs => (&part.target, model.parent(parent)),
        _ => return None,
    };
    let Expr::Tuple(names) = target else { return None };
    in_target(ctx, names.elts.get(index)?, around).map(|(_, at)| at)
}

/// The first use of a loop's variable that breaks, within the loop or comprehension.
fn in_target<'a>(ctx: &Context<'a>, target: &'a Expr, around: NodeId) -> Option<(&'a str, NodeId)> {
    let model = ctx.model;
    match target {
        Expr::Name(name) => {
            let mut reads = model
                .references_in(around)
                .iter()
                .filter(|reference| reference.name.id == name.id);
            let read = reads.find(|reference| breaks(ctx, reference.node))?;
            Some((&name.id, read.node))
        }
        // An exception cannot be unpacked.
        Expr::Tuple(tuple) => Some((model.slice(tuple), model.id(target))),
        _ => None,
    }
}

/// Whether an exception in this place would raise another one, which nobody is ready for.
fn breaks(ctx: &Context, read: NodeId) -> bool {
    let model = ctx.model;
    let is_it = |expr: &Expr| model.id(expr) == read;
    let needs_result = match model.node(model.parent(read)) {
        AnyNodeRef::ExprAttribute(attribute) => !attribute.attr.starts_with("__") && attribute.attr.as_str() != "args",
        AnyNodeRef::ExprSubscript(element) => is_it(&element.value),
        AnyNodeRef::ExprBinOp(_) | AnyNodeRef::ExprAwait(_) | AnyNodeRef::ExprStarred(_) => true,
        AnyNodeRef::ExprCall(call) => is_it(&call.func),
        AnyNodeRef::ExprCompare(compare) => compare
            .ops
            .iter()
            .any(|op| matches!(op, CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE)),
        AnyNodeRef::StmtFor(outer) => is_it(&outer.iter),
        AnyNodeRef::Comprehension(part) => is_it(&part.iter),
        AnyNodeRef::StmtAssign(assign) => matches!(assign.targets.as_slice(), [Expr::Tuple(_) | Expr::List(_)]),
        _ => false,
    };
    let is_guarded = model.ancestors(read).any(|(_, node)| match node {
        AnyNodeRef::StmtTry(outer) => {
            !outer.handlers.is_empty() && outer.body.iter().any(|stmt| model.contains(model.id(stmt), read))
        }
        _ => false,
    });
    needs_result && !is_guarded
}
