//! `for task in self._tasks: ... await ...` over a set that done-callbacks shrink -> a loop over `list(self._tasks)`.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::semantic::NodeId;
use crate::semantic::types::{Type, TypeOracle};

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for awaited in ctx.model.awaits() {
        for iterable in live_iterables(ctx, ctx.model.id(awaited)) {
            let is_reported = acc.list.iter().any(|finding| finding.range == iterable.range());
            if !is_reported && is_set(ctx, iterable) && shrinks(ctx, iterable) {
                acc.push_defect(
                    iterable,
                    "the set shrinks while the loop waits, whenever a task in it is done: the loop then raises RuntimeError",
                    rewrite(ctx, iterable),
                );
            }
        }
    }
}

fn rewrite(ctx: &Context, iterable: &Expr) -> Result<Fix, Declined> {
    ctx.builtins_stand(&["list"], ctx.model.id(&iterable))?;
    Ok(Fix::safe(vec![
        Edit::insertion("list(", iterable.start()),
        Edit::insertion(")", iterable.end()),
    ]))
}

/// What the loops and comprehensions around an `await` go over, if a name or an attribute: an `await` in the header itself runs before.
fn live_iterables<'a>(ctx: &Context<'a>, awaited: NodeId) -> Vec<&'a Expr> {
    let model = ctx.model;
    let mut found = Vec::new();
    let mut inner = awaited;
    for (id, node) in model.ancestors(awaited) {
        let in_loop = |iterable: &Expr| !model.contains(model.id(iterable), inner);
        match node {
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) | AnyNodeRef::StmtClassDef(_) => break,
            AnyNodeRef::StmtFor(outer)
                if !outer.is_async && outer.body.iter().any(|stmt| model.contains(model.id(stmt), inner)) =>
            {
                found.push(&*outer.iter);
            }
            AnyNodeRef::ExprListComp(ast::ExprListComp { generators, .. })
            | AnyNodeRef::ExprSetComp(ast::ExprSetComp { generators, .. })
            | AnyNodeRef::ExprDictComp(ast::ExprDictComp { generators, .. }) => {
                let plain = generators.iter().filter(|generator| !generator.is_async);
                found.extend(
                    plain
                        .map(|generator| &generator.iter)
                        .filter(|iterable| in_loop(iterable)),
                );
            }
            _ => {}
        }
        inner = id;
    }
    found.retain(|iterable| matches!(iterable, Expr::Name(_) | Expr::Attribute(_)));
    found
}

/// Whether the iterable is a set: made or annotated as one.
fn is_set(ctx: &Context, iterable: &Expr) -> bool {
    ctx.model.type_of(iterable) == Type::Container("set")
}

/// Whether a callback of tasks takes them out of the very set: `task.add_done_callback(tasks.discard)`, or a `lambda` that calls it.
fn shrinks(ctx: &Context, iterable: &Expr) -> bool {
    let model = ctx.model;
    let source = model.slice(iterable);
    let takes_out = |expr: &Expr| match expr {
        Expr::Attribute(method) => {
            matches!(method.attr.as_str(), "discard" | "remove") && is_same(ctx, &method.value, iterable, source)
        }
        _ => false,
    };
    model.calls().any(|call| {
        let adds = matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "add_done_callback");
        adds && call.arguments.args.first().is_some_and(|callback| match callback {
            Expr::Lambda(lambda) => matches!(&*lambda.body, Expr::Call(inner) if takes_out(&inner.func)),
            Expr::Name(_) | Expr::Attribute(_) => {
                takes_out(callback)
                    || model.function_of(callback).is_some_and(|function| {
                        model.subtree(model.id(function)).any(|(_, node)| match node {
                            AnyNodeRef::ExprCall(inner) => takes_out(&inner.func),
                            _ => false,
                        })
                    })
            }
            _ => false,
        })
    })
}

/// Whether two expressions stand for the same set: the same variable, or the same attribute of the same class.
fn is_same(ctx: &Context, one: &Expr, other: &Expr, source: &str) -> bool {
    let model = ctx.model;
    match (one, other) {
        (Expr::Name(one), Expr::Name(other)) => {
            let owner = |name: &ast::ExprName| model.lookup(&name.id, model.scope_of(model.id(name)));
            one.id == other.id && owner(one) == owner(other)
        }
        (Expr::Attribute(one), Expr::Attribute(other)) if one.attr.as_str() == other.attr.as_str() => {
            match (model.class_of(&one.value), model.class_of(&other.value)) {
                (Some(one), Some(other)) => {
                    std::ptr::eq(one, other) || model.derives_from(one, other, 0) || model.derives_from(other, one, 0)
                }
                // A module's: `state.tasks`.
                _ => model.slice(one) == source,
            }
        }
        _ => false,
    }
}
