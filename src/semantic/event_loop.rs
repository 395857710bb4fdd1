//! The event loop that runs a piece of code: where there certainly is one, which expressions are that loop, and which code is a program's
//! that may make one.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};

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

/// Functions that raise, or give `None`, where no event loop runs.
const ASKERS: &[&str] = &[
    "asyncio.get_running_loop",
    "asyncio._get_running_loop",
    "asyncio.current_task",
    "asyncio.events._get_running_loop",
];

/// Functions between a test and the question whether a loop runs.
const MAX_ASKERS: usize = 4;

impl<'a> SemanticModel<'a> {
    /// Whether code at a node is the arm of a choice that is taken where no event loop runs: no coroutine comes there.
    pub fn runs_without_loop(&self, id: NodeId) -> bool {
        let is_mentioned = |name| self.loads_of(name).next().is_some() || self.references_named(name).next().is_some();
        if !["get_running_loop", "_get_running_loop", "current_task"]
            .into_iter()
            .any(is_mentioned)
        {
            return false;
        }
        let mut inner = id;
        self.ancestors(id)
            .take_while(|(_, node)| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
            .any(|(outer, node)| {
                let is_inside = |block: &[Stmt]| block.iter().any(|stmt| self.contains(self.id(stmt), inner));
                let found = match node {
                    AnyNodeRef::StmtTry(stmt) => {
                        let is_missing = |handler: &ast::ExceptHandler| {
                            let ast::ExceptHandler::ExceptHandler(handler) = handler;
                            let caught = handler.type_.as_deref();
                            self.contains(self.id(handler), inner)
                                && caught.is_some_and(|caught| self.is_builtin(caught, "RuntimeError"))
                        };
                        stmt.handlers.iter().any(is_missing)
                            && stmt.body.iter().any(|stmt| self.asks_below(self.id(stmt), 0))
                    }
                    AnyNodeRef::StmtIf(stmt) => match self.tells_of_loop(&stmt.test, 0) {
                        Some(true) => !is_inside(&stmt.body) && !self.contains(self.id(&*stmt.test), inner),
                        Some(false) => is_inside(&stmt.body),
                        None => false,
                    },
                    _ => false,
                };
                let left = || {
                    let Some((block, index)) = self.block_of(outer) else {
                        return false;
                    };
                    block[..index].iter().any(|above| match above {
                        Stmt::If(stmt) => {
                            matches!(stmt.body.last(), Some(Stmt::Return(_) | Stmt::Raise(_)))
                                && self.tells_of_loop(&stmt.test, 0) == Some(true)
                        }
                        _ => false,
                    })
                };
                inner = outer;
                found || left()
            })
    }

    /// Whether a condition holds exactly where a loop runs (`true`), or where none does (`false`).
    fn tells_of_loop(&self, test: &'a Expr, steps: usize) -> Option<bool> {
        match test {
            Expr::UnaryOp(not) if not.op == ast::UnaryOp::Not => self.tells_of_loop(&not.operand, steps).map(|is| !is),
            Expr::Compare(compare) => {
                let ([op], [right]) = (&*compare.ops, &*compare.comparators) else {
                    return None;
                };
                if self.asks_for_loop(right, steps) {
                    return (*op == ast::CmpOp::Is).then_some(true);
                }
                let is_it = right.is_none_literal_expr() && self.asks_for_loop(&compare.left, steps);
                match op {
                    ast::CmpOp::Is => is_it.then_some(false),
                    ast::CmpOp::IsNot => is_it.then_some(true),
                    _ => None,
                }
            }
            test => self.asks_for_loop(test, steps).then_some(true),
        }
    }

    /// Whether a value is the running loop, or says whether there is one.
    fn asks_for_loop(&self, value: &'a Expr, steps: usize) -> bool {
        if steps > MAX_ASKERS {
            return false;
        }
        match value {
            Expr::Call(call) => match self.qualified_name(&call.func) {
                Some(name) => ASKERS.contains(&name.as_str()),
                None => self
                    .function_of(&call.func)
                    .is_some_and(|function| self.answers(function, steps)),
            },
            Expr::Attribute(_) => self
                .function_of(value)
                .is_some_and(|function| self.is_property(function) && self.answers(function, steps)),
            Expr::Name(name) => {
                let bindings = self.resolve(&name.id, self.scope_of(self.id(name)));
                let mut values = bindings
                    .filter_map(|binding| match binding.kind {
                        BindingKind::Assignment(value) => Some(value),
                        _ => None,
                    })
                    .filter(|value| !value.is_none_literal_expr())
                    .peekable();
                values.peek().is_some() && values.all(|value| self.asks_for_loop(value, steps + 1))
            }
            _ => false,
        }
    }

    /// Whether all that a function gives says whether a loop runs: the loop or a constant, behind a question for the loop.
    fn answers(&self, function: &'a ast::StmtFunctionDef, steps: usize) -> bool {
        let id = self.id(function);
        let mut returned = self.subtree(id).filter_map(|(_, node)| match node {
            AnyNodeRef::StmtReturn(stmt) => Some(stmt.value.as_deref()),
            _ => None,
        });
        !function.is_async
            && self.asks_below(id, steps + 1)
            && returned.all(|value| {
                value.is_none_or(|value| value.is_literal_expr() || self.tells_of_loop(value, steps + 1) == Some(true))
            })
    }

    /// A call that may drive a coroutine without an event loop: `coro.send(None)`, and `coro.send(value)` where the end of it is caught. What is
    /// known to be a generator, and no coroutine, aside.
    pub fn driven_by_hand(&self) -> Option<&'a ast::ExprCall> {
        self.loads_of("send").find_map(|(id, method)| {
            let AnyNodeRef::ExprCall(call) = self.node(self.parent(id)) else {
                return None;
            };
            let [given] = &*call.arguments.args else { return None };
            let catches_end = || {
                self.ancestors(id).any(|(_, node)| match node {
                    AnyNodeRef::StmtTry(stmt) => stmt.handlers.iter().any(|handler| {
                        let ast::ExceptHandler::ExceptHandler(handler) = handler;
                        let caught = handler.type_.as_deref();
                        caught.is_some_and(|caught| self.is_builtin(caught, "StopIteration"))
                    }),
                    _ => false,
                })
            };
            let maker = match &*method.value {
                Expr::Name(name) => match self
                    .sole_binding(&name.id, self.scope_of(id))
                    .map(|binding| binding.kind)
                {
                    Some(BindingKind::Assignment(Expr::Call(made))) => self.function_of(&made.func),
                    _ => None,
                },
                Expr::Call(made) => self.function_of(&made.func),
                _ => None,
            };
            let is_coroutine = maker.is_none_or(|maker| maker.is_async);
            (is_coroutine && (given.is_none_literal_expr() || catches_end())).then_some(call)
        })
    }

    /// Whether something below a node asks for the running loop.
    fn asks_below(&self, id: NodeId, steps: usize) -> bool {
        self.subtree(id).any(|(_, node)| match node {
            AnyNodeRef::ExprCall(call) => {
                self.qualified_name(&call.func)
                    .is_some_and(|name| ASKERS.contains(&name.as_str()))
                    || steps <= MAX_ASKERS
                        && self
                            .function_of(&call.func)
                            .is_some_and(|function| self.id(function) != id && self.answers(function, steps + 1))
            }
            _ => false,
        })
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
            let is_called = self.is_callee(only.reference);
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
