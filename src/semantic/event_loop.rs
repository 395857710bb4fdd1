//! The event loop that runs a piece of code: where there certainly is one, and which expressions are that loop.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};

use super::{BindingKind, NodeId, ScopeKind, SemanticModel};
use crate::finding::Declined;

/// Functions that give the running loop when they are called in a coroutine (`asyncio` documentation, "Event Loop").
const GETTERS: &[&str] = &["asyncio.get_running_loop", "asyncio.get_event_loop"];

impl<'a> SemanticModel<'a> {
    /// Whether code at this node runs while its event loop does: directly in the body of an async function, or why that is not certain.
    ///
    /// What a nested function, a lambda, a class or a default does is kept apart: it may be called from anywhere.
    pub fn runs_on_loop(&self, id: NodeId) -> Result<(), Declined> {
        let mut at = Some(self.scope_of(id));
        while let Some(scope_id) = at {
            let scope = self.scope(scope_id);
            match scope.kind {
                ScopeKind::Comprehension => at = scope.parent,
                ScopeKind::Function(function) if function.is_async => break,
                ScopeKind::Function(function) => {
                    let name = &function.name;
                    return Err(format!("`{name}` is not async: it may be called where no loop runs").into());
                }
                ScopeKind::Lambda(_) => {
                    return Err("it stands in a lambda, which may be called where no loop runs".into());
                }
                ScopeKind::Generator => {
                    return Err("it stands in a generator expression, which may be run where no loop runs".into());
                }
                ScopeKind::Class(_) => return Err("it stands in a class body, where no loop need run".into()),
                ScopeKind::TypeParams => return Err("it stands in a type parameter, where no loop need run".into()),
                ScopeKind::Module => return Err("it stands at module level, where no loop runs".into()),
            }
        }
        let is_default = |(_, node): (NodeId, AnyNodeRef)| matches!(node, AnyNodeRef::Parameters(_));
        if self.ancestors(id).any(is_default) {
            return Err("it is the default of a parameter, which belongs to the caller".into());
        }
        Ok(())
    }

    /// Whether an expression is certain to be the loop that runs it: a call that gives it, or a local name that is bound to such a call
    /// and nothing else.
    pub fn is_running_loop(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Call(call) => self.gives_running_loop(call),
            Expr::Name(name) => {
                let scope = self.scope_of(self.id(name));
                let same_function = |binding: &super::Binding<'a>| {
                    let own = self.function_of_scope(scope).map(|function| self.body_scope(function));
                    own == Some(binding.scope)
                };
                let value = |binding: &super::Binding<'a>| match binding.kind {
                    BindingKind::Assignment(value) => Some(value),
                    BindingKind::Annotated(assign) => assign.value.as_deref(),
                    _ => None,
                };
                self.sole_binding(&name.id, scope).is_some_and(|binding| {
                    same_function(binding)
                        && matches!(value(binding), Some(Expr::Call(call)) if self.gives_running_loop(call))
                })
            }
            _ => false,
        }
    }

    fn gives_running_loop(&self, call: &ast::ExprCall) -> bool {
        call.arguments.is_empty()
            && self.runs_on_loop(self.id(call)).is_ok()
            && self
                .qualified_name(&call.func)
                .is_some_and(|name| GETTERS.contains(&name.as_str()))
    }
}
