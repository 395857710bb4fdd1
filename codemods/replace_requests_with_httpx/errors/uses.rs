//! What a handler does with the exception that it has caught.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::Raises;
use super::Value;
use super::{Conversion, LOG_METHODS};
use crate::finding::Declined;
use crate::semantic::NodeId;

impl<'a> Conversion<'_, 'a> {
    /// What the handler does with the exception; `response`: what the one of an error of the status is.
    pub(super) fn exception_uses(
        &mut self,
        handler: &'a ast::ExceptHandlerExceptHandler,
        name: &ast::Identifier,
        only_status: bool,
        response: Value,
    ) -> Result<(), Declined> {
        let model = self.ctx.model;
        let id = model.id(handler);
        for reference in model.references_in(id) {
            if reference.name.id != name.as_str() {
                continue;
            }
            if model
                .enclosing_function(reference.node)
                .map(|function| model.id(function))
                != model.enclosing_function(id).map(|function| model.id(function))
            {
                return Err(self.keep(format!("the exception `{name}` is seen by a nested function")));
            }
            self.exception_use(reference.node, name, only_status, response)?;
        }
        Ok(())
    }

    pub(super) fn exception_use(
        &mut self,
        node: NodeId,
        name: &ast::Identifier,
        only_status: bool,
        response: Value,
    ) -> Result<(), Declined> {
        let model = self.ctx.model;
        let parent = model.parent(node);
        match model.node(parent) {
            AnyNodeRef::StmtRaise(_) => Ok(()),
            AnyNodeRef::ExprAttribute(attribute)
                if attribute.attr.as_str() == "response" && attribute.ctx.is_load() =>
            {
                self.error_response(attribute, name, only_status, response)
            }
            AnyNodeRef::ExprAttribute(attribute) if attribute.attr.as_str() == "request" && only_status => {
                self.request_use(parent)
            }
            AnyNodeRef::Arguments(_) => {
                let AnyNodeRef::ExprCall(call) = model.node(model.parent(parent)) else {
                    return Err(self.exception_text(name));
                };
                if model.is_builtin(&call.func, "isinstance")
                    && let Some(class) = call.arguments.args.get(1)
                {
                    return self.instance_test(class);
                }
                self.shown(node, name)
            }
            _ => self.shown(node, name),
        }
    }

    /// `isinstance(e, requests.Timeout)`
    pub(super) fn instance_test(&mut self, class: &'a Expr) -> Result<(), Declined> {
        let classes = self.classes(Some(class));
        let raised = BTreeSet::from([Raises::Transport, Raises::Status]);
        let (names, kept) = self.new_classes(&classes, &raised, false, &[])?;
        let all: Vec<String> = kept.into_iter().chain(names.iter().cloned()).collect();
        match &*all {
            _ if names.is_empty() => {}
            [one] => self.draft.replace(class.range(), one.clone()),
            all => self.draft.replace(class.range(), format!("({})", all.join(", "))),
        }
        Ok(())
    }

    /// The text of an exception, which differs: harmless in a log, a change of behaviour anywhere else.
    pub(super) fn shown(&mut self, node: NodeId, name: &ast::Identifier) -> Result<(), Declined> {
        let model = self.ctx.model;
        let is_logged = model
            .ancestors(node)
            .take_while(|(_, node)| !node.is_statement())
            .any(|(_, node)| {
                matches!(node, AnyNodeRef::ExprCall(call)
                if matches!(&*call.func, Expr::Attribute(method) if LOG_METHODS.contains(&method.attr.as_str())))
            });
        if is_logged {
            self.doubt("exceptions have other texts in logs, and those of timeouts are empty");
            return Ok(());
        }
        Err(self.exception_text(name))
    }

    pub(super) fn exception_text(&self, name: &ast::Identifier) -> Declined {
        self.keep(format!(
            "the handler uses `{name}`, whose text and attributes differ in httpx"
        ))
    }

    /// `e.response`: only an error of the status has one in httpx.
    pub(super) fn error_response(
        &mut self,
        attribute: &'a ast::ExprAttribute,
        name: &ast::Identifier,
        only_status: bool,
        response: Value,
    ) -> Result<(), Declined> {
        let model = self.ctx.model;
        let id = model.id(attribute);
        if only_status {
            return self.follow(id, response);
        }
        let status = format!("{}.HTTPStatusError", self.library.name);
        if let AnyNodeRef::ExprCompare(compare) = model.node(model.parent(id))
            && let ([op], [other]) = (&*compare.ops, &*compare.comparators)
            && other.is_none_literal_expr()
        {
            let test = match op {
                ast::CmpOp::IsNot | ast::CmpOp::NotEq => format!("isinstance({name}, {status})"),
                ast::CmpOp::Is | ast::CmpOp::Eq => format!("not isinstance({name}, {status})"),
                _ => return Err(self.exception_text(name)),
            };
            self.draft.replace(compare.range(), test);
            return Ok(());
        }
        let text = format!("{name}.response is not None");
        let is_guarded = model.ancestors(id).any(|(outer, node)| match node {
            AnyNodeRef::StmtIf(inner) => {
                model.slice(&*inner.test) == text && inner.body.iter().any(|stmt| model.contains(model.id(stmt), id))
            }
            AnyNodeRef::ExprIf(inner) => {
                model.slice(&*inner.test) == text && inner.body.range().contains_range(model.node(id).range())
            }
            AnyNodeRef::ExprBoolOp(inner) => {
                inner.op == ast::BoolOp::And && model.slice(&inner.values[0]) == text && outer != id
            }
            _ => false,
        });
        if is_guarded {
            self.follow(id, response)
        } else {
            Err(self.keep(format!("`{name}.response` is not there for every exception of httpx")))
        }
    }
}
