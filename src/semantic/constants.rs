//! Values that are known without running anything: numbers, arithmetic on them, and names bound once to such.

use ruff_python_ast::{self as ast, Expr, Operator, UnaryOp};

use super::{BindingKind, SemanticModel};

/// Names that lead to names, and operators inside operators, before a value is given up.
const MAX_STEPS: usize = 16;

impl SemanticModel<'_> {
    /// The number that an expression always is: `60 * 5`, `float("inf")`, or a variable that is bound once to one.
    pub fn number(&self, expr: &Expr) -> Option<f64> {
        self.number_within(expr, MAX_STEPS)
    }

    /// Whether an expression is always `None`: the constant, or a variable that is bound once to it.
    pub fn is_none(&self, expr: &Expr) -> bool {
        expr.is_none_literal_expr() || self.sole_value(expr).is_some_and(Expr::is_none_literal_expr)
    }

    #[expect(clippy::cast_precision_loss, reason = "as Python's own conversion to float")]
    fn number_within(&self, expr: &Expr, steps: usize) -> Option<f64> {
        let steps = steps.checked_sub(1)?;
        match expr {
            Expr::NumberLiteral(literal) => match &literal.value {
                ast::Number::Int(int) => int.as_i64().map(|int| int as f64),
                ast::Number::Float(float) => Some(*float),
                ast::Number::Complex { .. } => None,
            },
            Expr::UnaryOp(unary) => {
                let operand = self.number_within(&unary.operand, steps)?;
                match unary.op {
                    UnaryOp::USub => Some(-operand),
                    UnaryOp::UAdd => Some(operand),
                    _ => None,
                }
            }
            Expr::BinOp(binary) => {
                let left = self.number_within(&binary.left, steps)?;
                let right = self.number_within(&binary.right, steps)?;
                match binary.op {
                    Operator::Add => Some(left + right),
                    Operator::Sub => Some(left - right),
                    Operator::Mult => Some(left * right),
                    Operator::Div if right != 0.0 => Some(left / right),
                    _ => None,
                }
            }
            Expr::Call(call) if self.is_builtin(&call.func, "float") && call.arguments.len() == 1 => {
                match call.arguments.args.first()? {
                    Expr::StringLiteral(string) => string.value.to_str().trim().parse().ok(),
                    number => self.number_within(number, steps),
                }
            }
            Expr::Attribute(_) => (self.qualified_name(expr)? == "math.inf").then_some(f64::INFINITY),
            Expr::Name(_) => self.number_within(self.sole_value(expr)?, steps),
            _ => None,
        }
    }

    /// The expression that a name is bound to, when it has exactly one binding and that is an assignment.
    pub fn sole_value(&self, expr: &Expr) -> Option<&Expr> {
        let Expr::Name(name) = expr else { return None };
        match self.sole_binding(&name.id, self.scope_of(self.id(name)))?.kind {
            BindingKind::Assignment(value) => Some(value),
            BindingKind::Annotated(assign) => assign.value.as_deref(),
            _ => None,
        }
    }
}
