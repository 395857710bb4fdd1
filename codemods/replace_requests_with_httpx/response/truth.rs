//! A response as a truth value: false for an error in requests, always true in httpx.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt, UnaryOp};
use ruff_text_size::{Ranged, TextRange};

use super::Conversion;
use super::{Place, Value};
use crate::finding::Declined;
use crate::semantic::{BindingKind, NodeId};

impl<'a> Conversion<'_, 'a> {
    /// Whether the name is read behind `if not name: return` in the same block: it is true there, and `name and x` is `x`.
    pub(super) fn is_surely_good(&self, node: NodeId) -> bool {
        let model = self.ctx.model;
        let AnyNodeRef::ExprName(name) = model.node(node) else {
            return false;
        };
        let Some((stmt, _)) = model.statement_of(node) else {
            return false;
        };
        let Some((block, index)) = model.block_of(stmt) else {
            return false;
        };
        let rebinds = |stmt: &Stmt| {
            model
                .bindings_within(model.id(stmt))
                .iter()
                .any(|binding| binding.name == name.id)
        };
        block[..index]
            .iter()
            .rev()
            .take_while(|stmt| !rebinds(stmt))
            .any(|stmt| {
                matches!(stmt, Stmt::If(inner)
                if model.slice(&*inner.test) == format!("not {}", name.id)
                    && matches!(inner.body.last(), Some(Stmt::Return(_) | Stmt::Raise(_))))
            })
    }

    /// Whether only the truth of an expression is looked at.
    pub(super) fn is_tested(&self, node: NodeId) -> bool {
        match self.place(node) {
            Place::Test | Place::Negated(_) => true,
            Place::Argument(call) => self.ctx.model.is_builtin(&call.func, "bool"),
            _ => false,
        }
    }

    /// Whether `name is not None and ...` stands in front of the read.
    pub(super) fn is_known_to_exist(&self, node: NodeId) -> bool {
        let model = self.ctx.model;
        let test = format!("{} is not None", model.slice(model.node(node)));
        let mut inner = node;
        model
            .ancestors(node)
            .take_while(|(_, outer)| outer.is_expression())
            .any(|(id, outer)| {
                let before = match outer {
                    AnyNodeRef::ExprBoolOp(outer) if outer.op == ast::BoolOp::And => outer
                        .values
                        .iter()
                        .take_while(|operand| model.id(*operand) != inner)
                        .any(|operand| model.slice(operand) == test),
                    _ => false,
                };
                inner = id;
                before
            })
    }

    /// The expression needs parentheses once `await` stands in front of it.
    pub(super) fn tighten(&mut self, node: NodeId) {
        self.tight.insert(node);
    }

    // Truth

    /// `if r` -> `if not r.is_error`
    pub(super) fn truth(&mut self, node: NodeId, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        self.tighten(node);
        let text = model.slice(model.node(node));
        match (value.optional, model.node(node)) {
            (false, AnyNodeRef::ExprNamed(_)) => match self.own_parentheses(node) {
                Some(outer) => {
                    self.draft.insert(outer.start(), "not ");
                    self.draft.insert(outer.end(), ".is_error");
                }
                None => self.draft.around(node, 2, "not (", ").is_error"),
            },
            (false, _) => self.draft.around(node, 2, "not ", ".is_error"),
            (true, AnyNodeRef::ExprName(_)) => {
                self.draft
                    .around(node, 2, &format!("{text} is not None and not "), ".is_error");
            }
            (true, _) => return Err(self.other_use(node)),
        }
        Ok(())
    }

    /// `not r` -> `r.is_error`
    pub(super) fn untruth(&mut self, node: NodeId, not: &'a ast::ExprUnaryOp, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        self.tighten(node);
        let own = self.own_parentheses(node);
        let start = own.unwrap_or(model.node(node).range()).start();
        match (value.optional, model.node(node)) {
            (false, AnyNodeRef::ExprNamed(_)) => {
                let outer = own.ok_or_else(|| self.other_use(node))?;
                self.draft.insert(outer.end(), ".is_error");
            }
            (false, _) => self.draft.around(node, 2, "", ".is_error"),
            (true, AnyNodeRef::ExprName(name)) => {
                // `or` binds more loosely than `not` did.
                let parent = model.node(model.parent(model.id(not)));
                let (open, close) = if parent.is_statement() || matches!(parent, AnyNodeRef::ElifElseClause(_)) {
                    ("", "")
                } else {
                    ("(", ")")
                };
                self.draft.around(
                    node,
                    2,
                    &format!("{open}{} is None or ", name.id),
                    &format!(".is_error{close}"),
                );
            }
            (true, _) => return Err(self.other_use(node)),
        }
        self.draft.delete(TextRange::new(not.start(), start));
        Ok(())
    }

    pub(super) fn own_parentheses(&self, node: NodeId) -> Option<TextRange> {
        let model = self.ctx.model;
        let expr = model.node(node).as_expr_ref()?;
        ruff_python_ast::token::parenthesized_range(expr, model.node(model.parent(node)), self.ctx.module.tokens())
    }

    /// `r.ok` -> `not r.is_error`, `not r.ok` -> `r.is_error`
    pub(super) fn ok(&mut self, attribute: &'a ast::ExprAttribute) {
        let model = self.ctx.model;
        let id = model.id(attribute);
        self.draft.replace(attribute.attr.range(), "is_error");
        match model.node(model.parent(id)) {
            AnyNodeRef::ExprUnaryOp(not) if not.op == UnaryOp::Not && self.own_parentheses(id).is_none() => {
                self.draft.delete(TextRange::new(not.start(), attribute.start()));
            }
            _ if self.binds_tightly(id) => self.draft.around(id, 2, "(not ", ")"),
            _ => self.draft.around(id, 2, "not ", ""),
        }
    }

    /// Whether the parent is an operator that `not` could not be an operand of.
    pub(super) fn binds_tightly(&self, node: NodeId) -> bool {
        matches!(
            self.ctx.model.node(self.ctx.model.parent(node)),
            AnyNodeRef::ExprCompare(_)
                | AnyNodeRef::ExprBinOp(_)
                | AnyNodeRef::ExprUnaryOp(_)
                | AnyNodeRef::ExprAttribute(_)
                | AnyNodeRef::ExprSubscript(_)
                | AnyNodeRef::ExprCall(_)
                | AnyNodeRef::StmtAugAssign(_)
        )
    }

    pub(super) fn is_negated(&self, node: NodeId) -> bool {
        matches!(self.place(node), Place::Negated(_))
    }
}

/// Whether a binding gives its name None.
pub(super) fn is_none(model: &crate::semantic::SemanticModel, node: NodeId) -> bool {
    let is_none = |binding: &crate::semantic::Binding| match binding.kind {
        BindingKind::Assignment(value) => value.is_none_literal_expr(),
        BindingKind::Annotated(assign) => assign.value.as_deref().is_some_and(Expr::is_none_literal_expr),
        _ => false,
    };
    model
        .bindings_within(node)
        .iter()
        .find(|binding| binding.node == node)
        .is_some_and(is_none)
}
