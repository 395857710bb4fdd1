//! The event loop that runs a piece of code: where there certainly is one, which expressions are that loop, and which code is a program's
//! that may make one.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::{BindingKind, NodeId, ScopeId, ScopeKind, SemanticModel};
use crate::finding::Declined;

/// Functions that give the running loop when they are called in a coroutine (`asyncio` documentation, "Event Loop").
const GETTERS: &[&str] = &[
    "asyncio.get_running_loop",
    "asyncio.get_event_loop",
    "asyncio.events.get_running_loop",
    "asyncio.events.get_event_loop",
];

/// Locks and queues. Before 3.10 their constructors take the loop that is current when they are called, or one that is given (What's New in
/// Python 3.10, asyncio).
pub const PRIMITIVES: &[&str] = &[
    "asyncio.Lock",
    "asyncio.Event",
    "asyncio.Condition",
    "asyncio.Semaphore",
    "asyncio.BoundedSemaphore",
    "asyncio.Queue",
    "asyncio.LifoQueue",
    "asyncio.PriorityQueue",
];

/// Functions that call functions before it is no longer followed who runs them.
const MAX_CALLERS: usize = 8;

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

    /// Whether a call gives the running loop when a coroutine makes it, and the current loop otherwise.
    pub fn gives_loop(&self, call: &ast::ExprCall) -> bool {
        call.arguments.is_empty()
            && self
                .qualified_name(&call.func)
                .is_some_and(|name| GETTERS.contains(&name.as_str()))
    }

    fn gives_running_loop(&self, call: &ast::ExprCall) -> bool {
        self.runs_on_loop(self.id(call)).is_ok() && self.gives_loop(call)
    }
}

/// How a place is reached when the module is run as a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Under `if __name__ == "__main__":`, or in functions that are called from there alone: once at most.
    AsProgram,
    /// By statements of the module itself, which run when it is imported as well.
    AtImport,
}

impl<'a> SemanticModel<'a> {
    /// Whether code at this node runs once at most, as a part of the program and not of a library; or why that is not certain.
    pub fn reached_once(&self, id: NodeId) -> Result<Reached, Declined> {
        let mut at = id;
        for _ in 0..MAX_CALLERS {
            if self.is_repeated(at) {
                return Err("it stands in a loop, a comprehension or a lambda, and may run more than once".into());
            }
            let function = match self.surroundings(at) {
                Around::Module => {
                    return Ok(if self.is_in_main_block(at) {
                        Reached::AsProgram
                    } else {
                        Reached::AtImport
                    });
                }
                Around::Class => return Err("it stands in a class body".into()),
                Around::Function(function) => function,
            };
            let name = &function.name;
            let library = || {
                Declined(format!(
                    "`{name}` may be called by code that needs its own loop afterwards"
                ))
            };
            let is_plain = !function.is_async
                && function.decorator_list.is_empty()
                && self.scope_of(self.id(function)) == ScopeId::MODULE
                && self.bindings_in(ScopeId::MODULE, name).count() == 1;
            let uses = self.uses_of_function(function);
            let [only] = uses.as_slice() else { return Err(library()) };
            let call = self.parent(only.reference);
            let is_called = matches!(self.node(call), AnyNodeRef::ExprCall(call) if call.func.range() == self.node(only.reference).range());
            if !is_plain || !is_called || self.contains(self.id(function), call) {
                return Err(library());
            }
            at = call;
            if matches!(self.surroundings(at), Around::Module) && !self.is_in_main_block(at) {
                return Err(library());
            }
        }
        Err("it is called through too many functions".into())
    }

    /// Whether a node stands in the body of `if __name__ == "__main__":` at module level.
    pub fn is_in_main_block(&self, id: NodeId) -> bool {
        let mut inner = id;
        self.ancestors(id).any(|(outer, node)| {
            let found = match node {
                AnyNodeRef::StmtIf(block) => {
                    self.parent(outer) == NodeId(0)
                        && is_main_test(&block.test)
                        && block.body.iter().any(|stmt| self.contains(self.id(stmt), inner))
                }
                _ => false,
            };
            inner = outer;
            found
        })
    }

    /// What a node stands in, within the body of the innermost function.
    fn surroundings(&self, id: NodeId) -> Around<'a> {
        self.ancestors(id)
            .find_map(|(_, node)| match node {
                AnyNodeRef::StmtFunctionDef(function) => Some(Around::Function(function)),
                AnyNodeRef::StmtClassDef(_) => Some(Around::Class),
                _ => None,
            })
            .unwrap_or(Around::Module)
    }

    fn is_repeated(&self, id: NodeId) -> bool {
        self.ancestors(id)
            .take_while(|(_, node)| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
            .any(|(_, node)| {
                matches!(
                    node,
                    AnyNodeRef::StmtFor(_)
                        | AnyNodeRef::StmtWhile(_)
                        | AnyNodeRef::ExprLambda(_)
                        | AnyNodeRef::ExprListComp(_)
                        | AnyNodeRef::ExprSetComp(_)
                        | AnyNodeRef::ExprDictComp(_)
                        | AnyNodeRef::ExprGenerator(_)
                )
            })
    }
}

enum Around<'a> {
    Module,
    Class,
    Function(&'a ast::StmtFunctionDef),
}

/// `__name__ == "__main__"`.
fn is_main_test(test: &Expr) -> bool {
    let Expr::Compare(compare) = test else { return false };
    let is_name = |expr: &Expr| matches!(expr, Expr::Name(name) if name.id.as_str() == "__name__");
    let is_main = |expr: &Expr| matches!(expr, Expr::StringLiteral(string) if string.value.to_str() == "__main__");
    match (&*compare.ops, &*compare.comparators) {
        ([ast::CmpOp::Eq], [right]) => {
            is_name(&compare.left) && is_main(right) || is_main(&compare.left) && is_name(right)
        }
        _ => false,
    }
}
