//! Where a coroutine is certain to be out of place: dropped, or used as only its result could be. Passed on, stored or returned, it may
//! be awaited elsewhere.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::semantic::names::plain_name;
use crate::semantic::{NodeId, ScopeKind};

/// What is wrong with a coroutine's place.
#[derive(Clone, Copy)]
pub enum Misuse {
    /// It is a statement.
    Dropped,
    /// It is used as something that it is not: "which is ...".
    Value(&'static str),
    /// It is given a name, all of whose uses are such; `certain` where the next statement raises for it.
    Kept { how: &'static str, certain: bool },
}

/// Builtins that a coroutine makes raise a TypeError, or that say nothing of it.
pub const CONSUMERS: &[&str] = &[
    "abs",
    "all",
    "any",
    "bool",
    "dict",
    "enumerate",
    "float",
    "frozenset",
    "int",
    "iter",
    "len",
    "list",
    "max",
    "min",
    "next",
    "reversed",
    "round",
    "set",
    "sorted",
    "sum",
    "tuple",
    "zip",
];

/// What a coroutine object does have (Python reference, "Coroutine Objects"; `inspect`).
const ATTRIBUTES: &[&str] = &[
    "close",
    "cr_await",
    "cr_code",
    "cr_frame",
    "cr_origin",
    "cr_running",
    "cr_suspended",
    "send",
    "throw",
];

pub fn misuse(ctx: &Context, call: &ast::ExprCall) -> Option<Misuse> {
    value(ctx, ctx.model.id(call))
}

fn value(ctx: &Context, id: NodeId) -> Option<Misuse> {
    let model = ctx.model;
    let range = model.node(id).range();
    let is_it = |expr: &Expr| expr.range() == range;
    let parent = model.parent(id);
    let how = match model.node(parent) {
        AnyNodeRef::StmtExpr(_) => return Some(Misuse::Dropped),
        AnyNodeRef::StmtIf(outer) if is_it(&outer.test) => "is always true",
        AnyNodeRef::ElifElseClause(_) | AnyNodeRef::StmtWhile(_) | AnyNodeRef::StmtAssert(_) => "is always true",
        AnyNodeRef::MatchCase(_) => "is always true",
        AnyNodeRef::ExprIf(outer) if is_it(&outer.test) => "is always true",
        // The other operands of `x if test else y`, and the last one of `and` and `or`, are the value of the whole.
        AnyNodeRef::ExprIf(_) => return value(ctx, parent),
        AnyNodeRef::ExprBoolOp(outer) if !outer.values.last().is_some_and(is_it) => "is always true",
        AnyNodeRef::ExprBoolOp(_) => return value(ctx, parent),
        AnyNodeRef::ExprUnaryOp(outer) if outer.op == ast::UnaryOp::Not => "is always true",
        AnyNodeRef::ExprUnaryOp(_) | AnyNodeRef::ExprBinOp(_) | AnyNodeRef::StmtAugAssign(_) => "has no operators",
        AnyNodeRef::ExprCompare(_) => "is compared",
        AnyNodeRef::ExprSubscript(outer) if is_it(&outer.value) => "has no items",
        AnyNodeRef::ExprAttribute(outer) => {
            let name = outer.attr.as_str();
            if ATTRIBUTES.contains(&name) || name.starts_with("__") {
                return None;
            }
            "has no such attribute"
        }
        AnyNodeRef::ExprCall(outer) if is_it(&outer.func) => "cannot be called",
        AnyNodeRef::Comprehension(outer) if is_it(&outer.iter) => {
            if outer.is_async {
                return None;
            }
            "cannot be iterated over"
        }
        AnyNodeRef::Comprehension(_) => "is always true",
        AnyNodeRef::StmtFor(outer) if is_it(&outer.iter) && !outer.is_async => "cannot be iterated over",
        AnyNodeRef::ExprStarred(_) | AnyNodeRef::ExprYieldFrom(_) => "cannot be iterated over",
        AnyNodeRef::StmtAssign(outer)
            if is_it(&outer.value) && matches!(&*outer.targets, [Expr::Tuple(_) | Expr::List(_)]) =>
        {
            "cannot be unpacked"
        }
        AnyNodeRef::StmtAssign(outer) if is_it(&outer.value) => return kept(ctx, parent, outer),
        AnyNodeRef::InterpolatedElement(_) => "is printed as an object",
        AnyNodeRef::StmtMatch(outer) if is_it(&outer.subject) => "is matched as an object",
        AnyNodeRef::WithItem(_) => "is no context manager",
        AnyNodeRef::StmtRaise(_) => "is no exception",
        AnyNodeRef::Arguments(_) => match model.node(model.parent(parent)) {
            AnyNodeRef::ExprCall(outer)
                if outer.arguments.args.first().is_some_and(is_it)
                    && CONSUMERS.iter().any(|name| model.is_builtin(&outer.func, name)) =>
            {
                "is not what the builtin takes"
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(Misuse::Value(how))
}

/// `response = client.get(url)`, where every use of `response` is one that a coroutine has not.
fn kept(ctx: &Context, stmt: NodeId, assign: &ast::StmtAssign) -> Option<Misuse> {
    const RAISING: &[&str] = &["has no such attribute", "has no items", "cannot be iterated over"];
    let model = ctx.model;
    let [Expr::Name(name)] = assign.targets.as_slice() else {
        return None;
    };
    let scope = model.scope_of(model.id(name));
    let is_local = matches!(model.scope(scope).kind, ScopeKind::Function(_)) && !model.is_captured(&name.id, scope);
    model.sole_binding(&name.id, scope).filter(|_| is_local)?;
    let mut first = None;
    let mut certain = false;
    let (block, index) = model.block_of(stmt)?;
    for reference in model
        .references_like(name)
        .filter(|reference| reference.name.range() != name.range())
    {
        let Some(Misuse::Value(how)) = value(ctx, reference.node) else {
            return None;
        };
        let raises = RAISING.contains(&how);
        // What may as well be seen of any object proves nothing.
        if !raises && first.is_none() && how != "cannot be unpacked" {
            return None;
        }
        certain |= raises
            && block
                .get(index + 1)
                .is_some_and(|next| is_evaluated(ctx, next, reference.node));
        first.get_or_insert(how);
    }
    first.map(|how| Misuse::Kept { how, certain })
}

/// Whether a simple statement evaluates an expression whatever happens in it.
fn is_evaluated(ctx: &Context, stmt: &Stmt, expr: NodeId) -> bool {
    let model = ctx.model;
    let id = model.id(stmt);
    let is_simple = matches!(
        stmt,
        Stmt::Expr(_) | Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::Return(_)
    );
    is_simple
        && model.contains(id, expr)
        && model
            .ancestors(expr)
            .take_while(|(node, _)| *node != id)
            .all(|(_, node)| {
                !(node.is_expr_if()
                    || node.is_expr_bool_op()
                    || node.is_expr_lambda()
                    || node.is_comprehension()
                    || node.is_expr_generator())
            })
}

/// The line of a `with` around a call that expects a warning or an exception, as tests of missing awaits do; or of a comment on the call's
/// own line that silences a linter.
pub fn expected(ctx: &Context, call: &ast::ExprCall) -> Option<usize> {
    const EXPECTING: &[&str] = &[
        "raises",
        "warns",
        "deprecated_call",
        "assertRaises",
        "assertRaisesRegex",
        "assertWarns",
        "assertWarnsRegex",
        "catch_warnings",
    ];
    let model = ctx.model;
    let outer = model.ancestors(model.id(call)).find_map(|(_, node)| match node {
        AnyNodeRef::StmtWith(with) => with
            .items
            .iter()
            .any(|item| matches!(&item.context_expr, Expr::Call(manager) if plain_name(&manager.func).is_some_and(|name| EXPECTING.contains(&name))))
            .then_some(with),
        _ => None,
    });
    let comment = ctx
        .module
        .comments_in(ruff_text_size::TextRange::new(
            call.start(),
            ctx.module.line_end(call.end()),
        ))
        .iter()
        .any(|comment| {
            let text = ctx.module.slice(*comment);
            text.contains("unused-coroutine") || text.contains("reportUnusedCoroutine") || text.contains("RUF006")
        });
    outer
        .map(Ranged::start)
        .or(comment.then_some(call.start()))
        .map(|offset| ctx.module.location(offset).0)
}
