//! What a coroutine function waits for that somebody else must give: running fewer of its calls at once could then stop all of them.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};

use super::types::{Type, TypeOracle};
use super::{NodeId, SemanticModel};

/// Why a call may have to run beside others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// This function has a loop that nothing ends.
    Endless(String),
    /// This function is among those that it calls.
    Recursion(String),
    /// An event, a queue, a future, an asynchronous iterator: as written.
    For(String),
}

/// Methods that wait for another task to do its part. `get` waits on a queue, and reads a dictionary or a page where it has arguments.
const WAITING: &[&str] = &[
    "acquire",
    "get",
    "join",
    "recv",
    "receive",
    "wait",
    "wait_for",
    "wait_closed",
];

impl<'a> SemanticModel<'a> {
    /// The first thing that a coroutine function, or one of this module that it calls, waits for and does not do itself.
    pub fn waits_for_others(&self, function: &'a ast::StmtFunctionDef) -> Option<Wait> {
        self.waits(function, &mut Vec::new())
    }

    fn waits(&self, function: &'a ast::StmtFunctionDef, open: &mut Vec<NodeId>) -> Option<Wait> {
        let id = self.id(function);
        if open.contains(&id) {
            return Some(Wait::Recursion(function.name.to_string()));
        }
        open.push(id);
        let own = self.body_scope(function);
        for (at, node) in self.subtree(id) {
            if self.function_of_scope(self.scope_of(at)).map(|found| self.id(found))
                != self.function_of_scope(own).map(|found| self.id(found))
            {
                continue;
            }
            let found = match node {
                AnyNodeRef::StmtWhile(stmt) if is_endless(stmt) => Some(Wait::Endless(function.name.to_string())),
                AnyNodeRef::StmtFor(stmt) if stmt.is_async => Some(Wait::For(self.slice(&*stmt.iter).to_owned())),
                AnyNodeRef::Comprehension(clause) if clause.is_async => {
                    Some(Wait::For(self.slice(&clause.iter).to_owned()))
                }
                AnyNodeRef::StmtWith(with) if with.is_async => {
                    let managers = with.items.iter().map(|item| &item.context_expr);
                    let mut meetings = managers.filter(|manager| self.is_meeting(manager));
                    meetings.next().map(|manager| Wait::For(self.slice(manager).to_owned()))
                }
                AnyNodeRef::ExprAwait(awaited) => self.awaited_value_waits(&awaited.value),
                AnyNodeRef::ExprCall(call) => self
                    .function_of(&call.func)
                    .filter(|callee| callee.is_async)
                    .and_then(|callee| self.waits(callee, open)),
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        open.pop();
        None
    }

    /// `async with barrier`: it is entered when all parties are there. A condition is entered to be told something.
    fn is_meeting(&self, manager: &Expr) -> bool {
        matches!(self.type_of(manager), Type::Foreign(class) if matches!(&*class, "asyncio.Barrier" | "asyncio.Condition"))
            || self.slice(manager).to_lowercase().ends_with("barrier")
    }

    fn awaited_value_waits(&self, value: &'a Expr) -> Option<Wait> {
        match value {
            Expr::Call(call) => self.awaited_call_waits(call),
            Expr::Starred(_) => None,
            other => Some(Wait::For(self.slice(other).to_owned())),
        }
    }

    fn awaited_call_waits(&self, call: &'a ast::ExprCall) -> Option<Wait> {
        let written = || self.slice(&*call.func).to_owned();
        match self.qualified_name(&call.func).as_deref() {
            Some("asyncio.wait" | "asyncio.Event.wait") => return Some(Wait::For(written())),
            // They wait for what they are given.
            Some("asyncio.gather") => {
                return call
                    .arguments
                    .args
                    .iter()
                    .find_map(|value| self.awaited_value_waits(value));
            }
            Some("asyncio.shield" | "asyncio.wait_for") => {
                let value = call.arguments.find_argument_value("fut", 0);
                return value.and_then(|value| self.awaited_value_waits(value));
            }
            Some(_) => return None,
            None => {}
        }
        let Expr::Attribute(method) = &*call.func else {
            return None;
        };
        let name = method.attr.as_str();
        // A condition waits for what its argument tells.
        let waits = WAITING.contains(&name) && (call.arguments.is_empty() || name == "wait_for");
        waits.then(|| Wait::For(written()))
    }
}

/// `while True` without a way out of it.
pub(crate) fn is_endless(stmt: &ast::StmtWhile) -> bool {
    let always = match &*stmt.test {
        Expr::BooleanLiteral(literal) => literal.value,
        Expr::NumberLiteral(_) => true,
        _ => false,
    };
    always && !leaves(&stmt.body, true)
}

/// Whether a block has a `return`, or a `break` of the loop that it is the body of.
fn leaves(body: &[Stmt], breaks: bool) -> bool {
    body.iter().any(|stmt| match stmt {
        Stmt::Return(_) => true,
        Stmt::Break(_) => breaks,
        Stmt::For(_) | Stmt::While(_) => super::place::blocks(stmt.into())
            .into_iter()
            .any(|block| leaves(block, false)),
        Stmt::If(inner) => {
            leaves(&inner.body, breaks)
                || inner
                    .elif_else_clauses
                    .iter()
                    .any(|clause| leaves(&clause.body, breaks))
        }
        Stmt::Try(inner) => {
            let handlers = inner.handlers.iter();
            [&inner.body, &inner.orelse, &inner.finalbody]
                .into_iter()
                .any(|block| leaves(block, breaks))
                || handlers
                    .into_iter()
                    .any(|ast::ExceptHandler::ExceptHandler(handler)| leaves(&handler.body, breaks))
        }
        Stmt::With(inner) => leaves(&inner.body, breaks),
        Stmt::Match(inner) => inner.cases.iter().any(|case| leaves(&case.body, breaks)),
        _ => false,
    })
}
