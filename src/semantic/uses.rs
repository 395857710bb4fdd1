//! Where a function of the module is used, and what awaits it.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::names::Lookup;
use super::types::{Type, TypeOracle};
use super::{NodeId, SemanticModel};

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
            for (id, node) in self.subtree(NodeId(0)) {
                let AnyNodeRef::ExprAttribute(attribute) = node else {
                    continue;
                };
                if attribute.attr.as_str() != function.name.as_str() || !attribute.ctx.is_load() {
                    continue;
                }
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
        for reference in self.references() {
            if reference.name.id == function.name.id
                && self.lookup(&function.name, reference.scope) == Lookup::Scope(scope)
            {
                note(reference.node);
            }
        }
        uses
    }

    /// The first call that has a test library put something in the place of a package's member: `mock.patch("requests.get")`,
    /// `monkeypatch.setattr(requests, "get", fake)`.
    pub fn patch_of(&self, package: &str) -> Option<&'a ast::ExprCall> {
        self.calls().find(|call| {
            let name = match &*call.func {
                Expr::Name(name) => name.id.as_str(),
                Expr::Attribute(attribute) => attribute.attr.as_str(),
                _ => return false,
            };
            matches!(
                name,
                "patch" | "object" | "multiple" | "setattr" | "setitem" | "stub" | "when"
            ) && call.arguments.args.first().is_some_and(|target| match target {
                Expr::StringLiteral(text) => text.value.to_str().split('.').any(|part| part == package),
                target => self
                    .qualified_name(target)
                    .is_some_and(|name| name.split('.').next() == Some(package)),
            })
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
