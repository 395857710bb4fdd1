//! What else can raise or catch an exception of requests: other calls of a `try`, and handlers that no converted call can be seen to reach.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::classes::{Counterpart, counterpart, requests_exception};
use super::{Conversion, LOG_METHODS, calls};
use crate::finding::Declined;
use crate::semantic::NodeId;
use crate::semantic::names::is_standard;

/// Methods of builtin containers and text, whatever they are called on.
pub(super) const PLAIN_METHODS: &[&str] = &[
    "append",
    "extend",
    "items",
    "keys",
    "values",
    "strip",
    "split",
    "lower",
    "upper",
    "format",
    "join",
    "encode",
    "decode",
    "startswith",
    "endswith",
    "replace",
];

impl<'a> Conversion<'_, 'a> {
    /// Whether anything but the converted calls in this statement can raise an exception of requests.
    pub(super) fn may_raise_otherwise(&self, stmt: NodeId) -> bool {
        let model = self.ctx.model;
        model.subtree(stmt).any(|(id, node)| match node {
            AnyNodeRef::ExprCall(call) => {
                model
                    .enclosing_function(id)
                    .is_some_and(|function| model.contains(model.id(function), stmt))
                    && !self.is_harmless(call)
            }
            AnyNodeRef::StmtRaise(raise) => raise.exc.as_deref().is_some_and(|exc| {
                let class = crate::semantic::names::map_callable(exc);
                requests_exception(self.ctx, class).is_some() || self.is_derived(class, 0)
            }),
            _ => false,
        })
    }

    /// Calls that cannot raise what requests raises: converted ones, builtins, the standard library's, methods of plain values and of
    /// responses, loggers, classes and functions of this module that do nothing of the kind.
    pub(super) fn is_harmless(&self, call: &'a ast::ExprCall) -> bool {
        let model = self.ctx.model;
        let id = model.id(call);
        let is_raised = matches!(model.node(model.parent(id)), AnyNodeRef::StmtRaise(_)) && is_class_name(&call.func);
        if self.converted_calls.contains(&id) || is_raised {
            return true;
        }
        if let AnyNodeRef::ExprAwait(awaited) = model.node(model.parent(id))
            && self.points.iter().any(|point| point.node == model.id(awaited))
        {
            return true;
        }
        self.is_plain_call(call, 0)
    }

    pub(super) fn is_plain_call(&self, call: &'a ast::ExprCall, depth: usize) -> bool {
        use crate::semantic::types::{Type, TypeOracle};
        let model = self.ctx.model;
        if let Some(name) = model.qualified_name(&call.func) {
            return is_standard(&name) || name.starts_with("httpx") || is_plain_library(&name);
        }
        if let Expr::Name(name) = &*call.func
            && model.is_builtin(&call.func, &name.id)
        {
            return true;
        }
        let function = model.function_of(&call.func).or_else(|| {
            let class = model.class_named(&call.func)?;
            model.method(class, "__init__")
        });
        if let Some(function) = function {
            return depth < 4
                && model.subtree(model.id(function)).all(|(_, node)| match node {
                    AnyNodeRef::ExprCall(inner) => {
                        self.converted_calls.contains(&model.id(inner)) || self.is_plain_call(inner, depth + 1)
                    }
                    _ => true,
                });
        }
        if model.class_named(&call.func).is_some() {
            return true;
        }
        let Expr::Attribute(method) = &*call.func else {
            return false;
        };
        if self.followed.contains(&model.id(&*method.value)) || LOG_METHODS.contains(&method.attr.as_str()) {
            return true;
        }
        if model
            .subtree(model.id(&*method.value))
            .any(|(id, _)| self.followed.contains(&id))
        {
            // `r.json()["items"].get(...)`: a method of what was read from a response.
            return true;
        }
        if PLAIN_METHODS.contains(&method.attr.as_str()) && !calls::is_session(self.ctx, &method.value) {
            return true;
        }
        matches!(model.type_of(&method.value), Type::Scalar(_) | Type::Container(_))
    }

    /// A mention of an exception of requests somewhere else may expect what leaves the converted function.
    pub(super) fn check_other_mentions(&self) -> Result<(), Declined> {
        let model = self.ctx.model;
        let mentions = model.references().iter().filter_map(|reference| {
            let mut node = reference.node;
            while let AnyNodeRef::ExprAttribute(_) = model.node(model.parent(node)) {
                node = model.parent(node);
            }
            let expr = model.node(node).as_expr_ref()?;
            let name = self.qualified(expr)?;
            name.then_some(node)
        });
        for mention in mentions {
            if self.mentioned.contains(&mention) || self.is_about_other_calls(mention) {
                continue;
            }
            let line = self.ctx.module.location(model.node(mention).start()).0;
            let text = model.slice(model.node(mention));
            return Err(self.keep(format!(
                "`{text}` in line {line} may expect the exceptions that leave the function"
            )));
        }
        Ok(())
    }

    /// A task or callback brings its exception to whoever awaits it: an `except OSError` there caught those of requests.
    pub(super) fn check_os_errors(&self) -> Result<(), Declined> {
        let model = self.ctx.model;
        for reference in model.references() {
            let is_class = ["OSError", "IOError", "EnvironmentError"].contains(&reference.name.id.as_str());
            let handler = model
                .ancestors(reference.node)
                .find(|(_, node)| matches!(node, AnyNodeRef::ExceptHandlerExceptHandler(_)));
            let Some((handler, _)) = handler.filter(|_| is_class) else {
                continue;
            };
            let AnyNodeRef::StmtTry(outer) = model.node(model.parent(handler)) else {
                continue;
            };
            let awaits = outer.body.iter().any(|stmt| {
                model
                    .subtree(model.id(stmt))
                    .any(|(_, node)| matches!(node, AnyNodeRef::ExprAwait(_)))
            });
            if awaits {
                let line = self.ctx.module.location(reference.name.start()).0;
                return Err(self.keep(format!(
                    "`{}` in line {line} may expect the exceptions that leave the function",
                    reference.name.id
                )));
            }
        }
        Ok(())
    }

    pub(super) fn qualified(&self, expr: ast::ExprRef<'a>) -> Option<bool> {
        match expr {
            ast::ExprRef::Name(name) => {
                let model = self.ctx.model;
                let path = model.imported_name(&name.id, model.scope_of(model.id(name)))?;
                let short = path.strip_prefix("requests.")?;
                let short = short.strip_prefix("exceptions.").unwrap_or(short);
                Some(!matches!(counterpart(short), Counterpart::Missing) || short.ends_with("Error"))
            }
            ast::ExprRef::Attribute(attribute) => {
                let model = self.ctx.model;
                let path = model.qualified_name(&attribute.value)?;
                let is_module = path == "requests" || path == "requests.exceptions";
                let short = attribute.attr.as_str();
                Some(is_module && (!matches!(counterpart(short), Counterpart::Missing) || short.ends_with("Error")))
            }
            _ => None,
        }
    }

    /// Whether a mention stands in the handler of a `try` that calls requests itself.
    pub(super) fn is_about_other_calls(&self, mention: NodeId) -> bool {
        let model = self.ctx.model;
        let handler = model
            .ancestors(mention)
            .find(|(_, node)| matches!(node, AnyNodeRef::ExceptHandlerExceptHandler(_)));
        let Some((handler, AnyNodeRef::ExceptHandlerExceptHandler(clause))) = handler else {
            return false;
        };
        let in_clause = clause
            .type_
            .as_deref()
            .is_some_and(|type_| model.contains(model.id(type_), mention));
        let AnyNodeRef::StmtTry(outer) = model.node(model.parent(handler)) else {
            return false;
        };
        in_clause
            && outer.body.iter().any(|stmt| {
                model.subtree(model.id(stmt)).any(|(_, node)| match node {
                    AnyNodeRef::ExprCall(call) => {
                        !self.converted_calls.contains(&model.id(call))
                            && (model.qualified_name(&call.func).is_some_and(|name| name.starts_with("requests."))
                                || matches!(&*call.func, Expr::Attribute(method) if calls::is_session(self.ctx, &method.value)))
                    }
                    _ => false,
                })
            })
    }
}

/// Libraries that do no input or output of their own in the calls that stand in such blocks.
pub(super) fn is_plain_library(name: &str) -> bool {
    [
        "fastapi.HTTPException",
        "fastapi.Response",
        "starlette.responses.",
        "fastapi.responses.",
        "bs4.BeautifulSoup",
        "loguru.",
        "async_timeout.",
    ]
    .iter()
    .any(|known| name.starts_with(known))
}

/// By convention a class has a capital letter; to make an exception sends no request.
pub(super) fn is_class_name(callee: &Expr) -> bool {
    let name = match callee {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return false,
    };
    name.starts_with(char::is_uppercase)
}
