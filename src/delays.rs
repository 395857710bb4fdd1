//! Delays: what tells `time.sleep` from its asynchronous twins.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Operator, UnaryOp};

use crate::codemod::Context;
use crate::semantic::BindingKind;
use crate::semantic::types::{Type, TypeOracle};

/// What `time.sleep` raises for a delay that `asyncio.sleep` takes, and for which: a fraction or a decimal waits there as long as it says.
const CAUGHT: &[(&str, &str)] = &[
    ("ValueError", "for a negative delay"),
    ("OverflowError", "for one that is too long"),
    ("TypeError", "for what is no int or float"),
];

impl Context<'_> {
    /// `time.sleep` raises ValueError for a negative delay, `asyncio.sleep` returns at once.
    pub fn negative_delay(&self, call: &ast::ExprCall, delay: &Expr) -> Option<String> {
        let negative = may_be_negative(self, delay, 0) && !is_tested(self, call, delay);
        if negative {
            return Some(
                "the delay may be negative: `time.sleep` raises ValueError, `asyncio.sleep` returns at once".to_owned(),
            );
        }
        if delay.is_number_literal_expr() {
            return None;
        }
        let is_number = matches!(self.model.type_of(delay), Type::Scalar("int" | "float"));
        let caught = self
            .model
            .ancestors(self.model.id(call))
            .find_map(|(_, node)| match node {
                AnyNodeRef::StmtTry(outer) => {
                    outer
                        .handlers
                        .iter()
                        .find_map(|ast::ExceptHandler::ExceptHandler(handler)| {
                            let text = self.model.slice(handler.type_.as_deref()?);
                            CAUGHT
                                .iter()
                                .find(|(class, _)| text.contains(class) && !(is_number && *class == "TypeError"))
                        })
                }
                _ => None,
            });
        caught.map(|(class, why)| format!("a handler around it may expect the {class} that `time.sleep` raises {why}"))
    }
}

/// Whether a difference or a negative number goes into the delay.
fn may_be_negative(ctx: &Context, delay: &Expr, depth: usize) -> bool {
    match delay {
        Expr::UnaryOp(unary) => unary.op == UnaryOp::USub,
        Expr::BinOp(binary) => {
            binary.op == Operator::Sub
                || may_be_negative(ctx, &binary.left, depth)
                || may_be_negative(ctx, &binary.right, depth)
        }
        Expr::If(inner) => may_be_negative(ctx, &inner.body, depth) || may_be_negative(ctx, &inner.orelse, depth),
        // `max(0, deadline - now)` is not; `min` is if any argument is.
        Expr::Call(call) if ctx.model.is_builtin(&call.func, "max") => call
            .arguments
            .args
            .iter()
            .all(|argument| may_be_negative(ctx, argument, depth)),
        Expr::Call(call) if ctx.model.is_builtin(&call.func, "min") => call
            .arguments
            .args
            .iter()
            .any(|argument| may_be_negative(ctx, argument, depth)),
        Expr::Name(name) if depth < 4 => {
            let scope = ctx.model.scope_of(ctx.model.id(name));
            ctx.model.resolve(&name.id, scope).any(|binding| match binding.kind {
                BindingKind::Assignment(value) => may_be_negative(ctx, value, depth + 1),
                _ => false,
            })
        }
        _ => false,
    }
}

/// Whether the call stands under `if delay > 0:`.
fn is_tested(ctx: &Context, call: &ast::ExprCall, delay: &Expr) -> bool {
    let delay = ctx.model.slice(delay);
    let id = ctx.model.id(call);
    ctx.model.ancestors(id).any(|(_, node)| match node {
        AnyNodeRef::StmtIf(outer) => {
            let test = ctx.model.slice(&*outer.test);
            [format!("{delay} > 0"), format!("{delay} >= 0"), format!("0 < {delay}")].contains(&test.to_owned())
                && outer.body.iter().any(|stmt| ctx.model.contains(ctx.model.id(stmt), id))
        }
        _ => false,
    })
}
