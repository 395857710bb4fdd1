//! What is read from JSON: numbers, strings, and containers of them, of which no member is a function of the project.

use super::*;

/// How many steps lead from an expression to what it was read from.
const MAX_STEPS: usize = 6;

/// Methods that put something into a container.
const FILLING: &[&str] = &["add", "append", "extend", "insert", "setdefault", "update"];

impl<'a> Finder<'_, '_, 'a> {
    /// Whether an expression gives what a method `json` has read, or `json.loads`, or a part of it, and nothing is put into it.
    pub(super) fn is_data(&self, expr: &'a Expr, steps: usize) -> bool {
        let model = self.ctx.model;
        if steps > MAX_STEPS {
            return false;
        }
        match expr {
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) if method.attr.as_str() == "json" => {
                    call.arguments.is_empty() && !model.imported_root(&method.value)
                }
                Expr::Attribute(method) if !model.imported_root(&method.value) => self.is_data(&method.value, steps + 1),
                func => {
                    let reads = |name: String| ["json.load", "json.loads"].contains(&name.as_str());
                    call.arguments.len() == 1 && model.qualified_name(func).is_some_and(reads)
                }
            },
            Expr::Subscript(subscript) => self.is_data(&subscript.value, steps + 1),
            Expr::Await(inner) => self.is_data(&inner.value, steps + 1),
            Expr::Name(name) => self.is_bound_to_data(name, steps),
            _ => false,
        }
    }

    fn is_bound_to_data(&self, name: &ast::ExprName, steps: usize) -> bool {
        let model = self.ctx.model;
        let scope = model.scope_of(model.id(name));
        let mut has_data = false;
        for binding in model.resolve(&name.id, scope) {
            let is_data = match binding.kind {
                BindingKind::Assignment(value) => match model.type_of(value) {
                    Type::Scalar(_) => continue,
                    _ => self.is_data(value, steps + 1),
                },
                BindingKind::Other => self.iterated(binding).is_some_and(|iter| self.is_data(iter, steps + 1)),
                _ => false,
            };
            if !is_data {
                return false;
            }
            has_data = true;
        }
        has_data && !self.is_filled(&name.id, scope)
    }

    /// What a loop goes over that binds a name.
    fn iterated(&self, binding: &crate::semantic::Binding<'a>) -> Option<&'a Expr> {
        let model = self.ctx.model;
        let mut around = model.ancestors(binding.node).filter(|(_, node)| !node.is_expr_tuple());
        match around.next()?.1 {
            AnyNodeRef::StmtFor(stmt) if stmt.target.range().contains_range(binding.range) => Some(&stmt.iter),
            AnyNodeRef::Comprehension(part) if part.target.range().contains_range(binding.range) => Some(&part.iter),
            _ => None,
        }
    }

    /// Whether something is put into what a name stands for.
    fn is_filled(&self, name: &str, scope: crate::semantic::ScopeId) -> bool {
        let model = self.ctx.model;
        let owner = model.lookup(name, scope);
        model.references_named(name).any(|reference| {
            model.lookup(name, reference.scope) == owner
                && match model.node(model.parent(reference.node)) {
                    AnyNodeRef::ExprSubscript(subscript) => !subscript.ctx.is_load(),
                    AnyNodeRef::ExprAttribute(method) => FILLING.contains(&method.attr.as_str()),
                    _ => false,
                }
        })
    }
}
