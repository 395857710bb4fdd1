//! Where a function of the module is used, and what awaits it.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::names::plain_name;
use super::types::{Type, TypeOracle};
use super::{BindingKind, NodeId, ScopeId, SemanticModel};

/// A use of a function of this module.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// The name or attribute.
    pub reference: NodeId,
    /// The `await` of a call of it.
    pub awaited: Option<NodeId>,
}

/// Methods that so many classes have that an unknown receiver says nothing, unless the call is awaited.
const COMMON: &[&str] = &[
    "get", "options", "head", "post", "put", "patch", "delete", "request", "update", "pop", "add", "remove", "close",
    "read", "write",
];

impl<'a> SemanticModel<'a> {
    /// Where a function is used. A method is found by its name, unless the receiver is known to be something else.
    pub fn uses_of_function(&self, function: &'a ast::StmtFunctionDef) -> Vec<Use> {
        let mut uses = Vec::new();
        let mut note = |reference: NodeId| {
            uses.push(Use {
                reference,
                awaited: self.await_of_call(reference),
            });
        };
        if let Some(class) = self.class_of_method(function) {
            for (id, attribute) in self.loads_of(&function.name) {
                let is_possible = match self.type_of(&attribute.value) {
                    Type::Unknown => self.await_of_call(id).is_some() || !COMMON.contains(&attribute.attr.as_str()),
                    Type::Instance(other) => {
                        std::ptr::eq(other, class)
                            || self.derives_from(other, class, 0)
                            || self.derives_from(class, other, 0)
                    }
                    _ => false,
                };
                if is_possible {
                    note(id);
                }
            }
            return uses;
        }
        let scope = self.scope_of(self.id(function));
        for reference in self.references_to(scope, &function.name) {
            note(reference.node);
        }
        uses
    }

    /// Whether an expression is what a call calls: `f` of `f()`, `x.f` of `x.f()`.
    pub fn is_callee(&self, id: NodeId) -> bool {
        matches!(self.node(self.parent(id)), AnyNodeRef::ExprCall(call) if call.func.range() == self.node(id).range())
    }

    /// The first call that has a test library put something in the place of a package's member: `mock.patch("requests.get")`,
    /// `monkeypatch.setattr(requests, "get", fake)`.
    pub fn patch_of(&self, package: &str) -> Option<&'a ast::ExprCall> {
        self.calls().find(|call| {
            matches!(
                plain_name(&call.func),
                Some("patch" | "object" | "multiple" | "setattr" | "setitem" | "stub" | "when")
            ) && call.arguments.args.first().is_some_and(|target| match target {
                Expr::StringLiteral(text) => text.value.to_str().split('.').any(|part| part == package),
                target => self
                    .qualified_name(target)
                    .is_some_and(|name| name.split('.').next() == Some(package)),
            })
        })
    }

    /// Every argument that a parameter is given, in a module that is a script and shows all calls of the function: one that it defines at
    /// its top level, uses in calls only, and runs by `asyncio.run` at its top level. `None` when that is not so, or when the parameter is
    /// bound anew or has a default.
    pub(super) fn passed_to(&self, name: &ast::ExprName) -> Option<Vec<&'a ast::Expr>> {
        let binding = self.sole_binding(&name.id, self.scope_of(self.id(name)))?;
        let (BindingKind::Parameter(_), Some(function)) = (binding.kind, self.function_of_scope(binding.scope)) else {
            return None;
        };
        let is_plain = self.scope_of(self.id(function)) == ScopeId::MODULE
            && self.sole_binding(&function.name, ScopeId::MODULE).is_some()
            && function.decorator_list.is_empty()
            && !self.is_replaced(&function.name)
            && self.is_script();
        if !is_plain {
            return None;
        }
        let parameters = &function.parameters;
        let position = parameters
            .posonlyargs
            .iter()
            .chain(&parameters.args)
            .position(|parameter| parameter.parameter.name.id == name.id && parameter.default.is_none())?;
        let uses = self.uses_of_function(function);
        let passed = uses.iter().map(|found| match self.node(self.parent(found.reference)) {
            AnyNodeRef::ExprCall(call) if call.func.range() == self.node(found.reference).range() => {
                let arguments = &call.arguments;
                if arguments.args.iter().any(ast::Expr::is_starred_expr) {
                    return None;
                }
                arguments.find_argument_value(&name.id, position)
            }
            _ => None,
        });
        let passed = passed.collect::<Option<Vec<_>>>()?;
        (!passed.is_empty()).then_some(passed)
    }

    /// Whether importing the module would run it, so that nobody imports it for its functions.
    fn is_script(&self) -> bool {
        self.calls_to("asyncio.run").any(|call| {
            let id = self.id(call);
            let is_guarded = self.ancestors(id).any(|(_, node)| node.is_stmt_if());
            self.enclosing_function(id).is_none() && !is_guarded
        })
    }

    /// The `await` of the call that an expression is the callee of.
    fn await_of_call(&self, callee: NodeId) -> Option<NodeId> {
        let call = self.parent(callee);
        let outer = self.parent(call);
        match (self.node(call), self.node(outer)) {
            (AnyNodeRef::ExprCall(inner), AnyNodeRef::ExprAwait(_))
                if inner.func.range() == self.node(callee).range() =>
            {
                Some(outer)
            }
            _ => None,
        }
    }
}
