//! Delays: what tells `time.sleep` from its asynchronous twins.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Operator, UnaryOp};

use crate::codemod::Context;
use crate::semantic::BindingKind;

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
        let caught = self.model.ancestors(self.model.id(call)).any(|(_, node)| match node {
            AnyNodeRef::StmtTry(outer) => outer.handlers.iter().any(|ast::ExceptHandler::ExceptHandler(handler)| {
                handler.type_.as_deref().is_some_and(|type_| {
                    let text = self.model.slice(type_);
                    text.contains("ValueError") || text.contains("OverflowError")
                })
            }),
            _ => false,
        });
        caught.then(|| {
            "a handler around it may expect the ValueError that `time.sleep` raises for a negative delay".to_owned()
        })
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
