//! Reads of objects behind what expires them: they would be loaded when they are read, which an asynchronous session cannot.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::{Layer, sync_object};
use crate::finding::Declined;
use crate::project::summary::Note;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId, ScopeId};

/// Methods that tell a dictionary from an object that a session has loaded.
const DICT: &[&str] = &["get", "items", "keys", "values"];

impl<'a> Layer<'_, 'a> {
    /// Reads of objects behind what expires them, whatever the factory says: they would be loaded when they are read.
    pub(super) fn expired(&mut self) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        for call in model.calls() {
            let Expr::Attribute(method) = &*call.func else { continue };
            let of_session = || model.is_session(&method.value, false);
            let expires = match method.attr.as_str() {
                "rollback" | "expire" | "expire_all" => of_session(),
                "update" => model.is_sqlalchemy_chain(&method.value, 0),
                "execute" | "exec" => of_session() && self.updates(call),
                _ => false,
            };
            let id = model.id(call);
            let (Some(function), Some((stmt, node))) = (model.enclosing_function(id), model.statement_of(id)) else {
                continue;
            };
            if !expires {
                continue;
            }
            // What follows a block that is left is not reached from there.
            let block = model.block_of(stmt).map_or(&[][..], |(block, _)| block);
            let end = match block.last() {
                Some(last @ (Stmt::Return(_) | Stmt::Raise(_) | Stmt::Continue(_) | Stmt::Break(_))) => last.end(),
                _ => function.end(),
            };
            let behind = TextRange::new(node.end(), end.max(node.end()));
            for (id, node) in model.subtree(model.id(function)) {
                let AnyNodeRef::ExprAttribute(read) = node else {
                    continue;
                };
                let is_behind = read.ctx.is_load() && behind.contains_range(read.range());
                if !is_behind || !self.may_expire(id, read) || self.is_loaded_behind(id, read, behind) {
                    continue;
                }
                let text = format!(
                    "`{}` may have to be loaded anew when it is read, behind `{}`",
                    model.slice(read),
                    method.attr
                );
                let (line, _) = ctx.module.location(read.start());
                let expired = Note { text, line };
                // The project knows whether a class of another module is one of data.
                match model.type_of(&read.value) {
                    Type::Foreign(class) => self.expired.push((expired, class)),
                    _ => return Err(format!("{} (line {line})", expired.text).into()),
                }
            }
        }
        Ok(())
    }

    fn may_expire(&self, id: NodeId, read: &ast::ExprAttribute) -> bool {
        let model = self.ctx.model;
        let is_of_dict =
            DICT.contains(&read.attr.as_str()) && matches!(model.node(model.parent(id)), AnyNodeRef::ExprCall(_));
        !is_of_dict && !model.is_session(&Expr::Attribute(read.clone()), false) && self.may_be_row(&read.value)
    }

    /// Whether the object that is read is another one than before: all that binds its name stands between the expiry and the read, and runs
    /// before it.
    fn is_loaded_behind(&self, id: NodeId, read: &ast::ExprAttribute, behind: TextRange) -> bool {
        let model = self.ctx.model;
        let Expr::Name(name) = &*read.value else { return false };
        let between = TextRange::new(behind.start(), read.start().max(behind.start()));
        let mut bindings = model.resolve(&name.id, model.scope_of(id)).peekable();
        bindings.peek().is_some()
            && bindings.all(|binding| {
                model.statement_of(binding.node).is_some_and(|(stmt, node)| {
                    let block = model.parent(stmt);
                    between.contains_range(node.range()) && model.ancestors(id).any(|(outer, _)| outer == block)
                })
            })
    }

    /// Whether a statement updates rows by more than plain values.
    fn updates(&self, call: &ast::ExprCall) -> bool {
        let model = self.ctx.model;
        let updates = [
            "sqlalchemy.update",
            "sqlalchemy.sql.update",
            "sqlalchemy.sql.expression.update",
            "sqlmodel.update",
        ];
        model.subtree(model.id(call)).any(|(_, node)| match node {
            AnyNodeRef::ExprCall(inner) => model
                .qualified_name(&inner.func)
                .is_some_and(|name| updates.contains(&name.as_str())),
            _ => false,
        })
    }

    /// Whether a name may be an object that a session has loaded: one of the function's own, and neither a session nor an exception.
    fn may_be_row(&self, expr: &Expr) -> bool {
        let model = self.ctx.model;
        let Expr::Name(name) = expr else { return false };
        // What derives from nothing is mapped to no table.
        let is_plain = model.class_of(expr).is_some_and(|class| {
            let is_data = |base: &Expr| {
                model
                    .qualified_name(base)
                    .is_some_and(|name| name == "pydantic.BaseModel")
            };
            let mut bases = class.arguments.iter().flat_map(|arguments| &arguments.args);
            class.decorator_list.is_empty() && bases.all(is_data)
        });
        if is_plain
            || sync_object(self.ctx, expr).is_some()
            || model.imported_root(expr)
            || model.class_named(expr).is_some()
        {
            return false;
        }
        let mut bindings = model.resolve(&name.id, model.scope_of(model.id(name)));
        bindings.any(|binding| {
            let is_exception = matches!(model.node(binding.node), AnyNodeRef::ExceptHandlerExceptHandler(_));
            let is_result = matches!(binding.kind, BindingKind::Assignment(Expr::Call(made)) if model.is_sqlalchemy_chain(&Expr::Call(made.clone()), 0)
                && self.is_query(made));
            binding.scope != ScopeId::MODULE && !is_exception && !is_result
        })
    }

    /// Whether a chain is still a query, or a result of rows: not what a query has loaded.
    fn is_query(&self, made: &ast::ExprCall) -> bool {
        let ends = [
            "first",
            "one",
            "one_or_none",
            "get",
            "scalar",
            "merge",
            "all",
            "scalar_one",
            "scalar_one_or_none",
        ];
        !matches!(&*made.func, Expr::Attribute(method) if ends.contains(&method.attr.as_str()))
    }
}
