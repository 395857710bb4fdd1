//! What other tasks may do to what a function has read, where a wait is put between the reading and what follows from it.
//!
//! As long as a coroutine does not wait, no other task runs. With a wait in its middle, what it has tested may no longer hold, and what it writes
//! from what it has read may undo what others have written. Both are found by dependence: from a write behind the wait back to the reads in front
//! of it that decide whether it happens, or what it writes (data and control dependence, by the last definitions of local names).

mod paths;
mod reads;
mod writes;

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};
use rustc_hash::FxHashMap;

use self::paths::{conflicts, shown};
use self::reads::Read;
use self::writes::Write;
use super::place::{blocks, leaves_block};
use super::reaching::Reads;
use super::{BindingKind, NodeId, ScopeId, SemanticModel};

/// Locals of locals, functions in functions: code that goes deeper is not worth the time.
const MAX_STEPS: usize = 12;

impl<'a> SemanticModel<'a> {
    /// The shared object that the enclosing function tests, or reads something from, before this node, and writes behind it because of that. `None`
    /// where it waits in between anyhow, holds a lock around both, or writes the object at once behind the test.
    pub fn crossing(&self, at: NodeId) -> Option<String> {
        let function = self.enclosing_function(at)?;
        let crossing = Crossing {
            model: self,
            function,
            scope: self.body_scope(function),
            point: self.node(at).range(),
            at,
            definitions: RefCell::default(),
            used: OnceCell::new(),
        };
        crossing.find()
    }
}

struct Crossing<'m, 'a> {
    model: &'m SemanticModel<'a>,
    function: &'a ast::StmtFunctionDef,
    scope: ScopeId,
    /// What becomes a wait.
    point: TextRange,
    at: NodeId,
    /// By local name, what its reads may see: asked for again and again.
    definitions: RefCell<FxHashMap<&'a str, Option<Rc<Reads>>>>,
    /// What was read for the names that are used behind the wait.
    used: OnceCell<Vec<Read>>,
}

/// What decides how a function goes on.
struct Decision {
    /// What it rests on, all of it up to date until the decision is made.
    reads: Vec<Read>,
    is_loop: bool,
}

impl<'a> Crossing<'_, 'a> {
    fn find(&self) -> Option<String> {
        let writes = self.writes();
        let is_behind = |write: &&Write| self.model.node(write.id).end() >= self.point.end();
        // Most functions end here, before anything is looked up that takes long.
        if !writes.iter().any(|write| is_behind(&write)) {
            return None;
        }
        let decisions = self.decisions();
        let crossed = writes.iter().filter(is_behind).find(|write| {
            let mut deciding = decisions.iter();
            deciding.any(|decision| self.is_decided_by(write, decision, &writes))
                || self.is_made_from(write)
                || self.is_used_behind(write, &writes)
        });
        crossed.map(|write| shown(&write.path))
    }

    fn is_decided_by(&self, write: &Write<'a>, decision: &Decision, writes: &[Write<'a>]) -> bool {
        // A loop that goes on until it is told to end.
        let is_flag = decision.is_loop
            && matches!(self.model.node(write.id), AnyNodeRef::StmtAssign(assign) if assign.value.is_literal_expr());
        !is_flag && decision.reads.iter().any(|read| self.is_stale(read, write, writes))
    }

    /// Whether what is written follows from what was read of the object before the wait.
    fn is_made_from(&self, write: &Write<'a>) -> bool {
        let written = self.model.node(write.id);
        write.from.iter().any(|value| {
            let value = self.model.id(*value);
            let mut reads = self.origins(value);
            // `x.append((len(x), await f()))`. What an assignment has on its left is evaluated last.
            if written.is_expr_call() {
                let direct = self.reads(value).into_iter();
                reads.extend(direct.filter(|read| read.end <= self.point.start()));
            }
            reads.iter().any(|read| {
                conflicts(&read.path, &write.path)
                    && !self.model.waits_between(self.at, read.end, written.start(), write.id)
            })
        })
    }

    /// Whether what was read of the object before the wait is used behind it, and no write in front of the wait has made it this task's own.
    fn is_used_behind(&self, write: &Write<'a>, writes: &[Write<'a>]) -> bool {
        let used = self.used.get_or_init(|| {
            let is_used = |node: &AnyNodeRef| node.is_expr_name() && node.start() >= self.point.end();
            let used = self.nodes().filter(|(_, node)| is_used(node));
            used.flat_map(|(id, _)| self.origins(id)).collect()
        });
        used.iter().any(|read| self.is_stale(read, write, writes))
    }

    /// Whether a write behind the wait, or around it, meets an object that may have changed since it was read, for no other reason than this wait.
    fn is_stale(&self, read: &Read, write: &Write<'a>, writes: &[Write<'a>]) -> bool {
        let until = self.model.node(write.id).start().max(self.point.end());
        conflicts(&read.path, &write.path)
            && !self.is_claimed(write, read.end, writes)
            && !self.model.waits_between(self.at, read.end, until, write.id)
    }

    /// Whether the function writes the object between having read it and the wait.
    fn is_claimed(&self, write: &Write<'a>, end: TextSize, writes: &[Write<'a>]) -> bool {
        writes.iter().any(|other| {
            let range = self.model.node(other.id).range();
            range.start() >= end && range.end() <= self.point.start() && conflicts(&other.path, &write.path)
        })
    }

    /// What decides, before the wait, whether it is reached or what happens behind it.
    fn decisions(&self) -> Vec<Decision> {
        self.nodes()
            .filter_map(|(id, node)| {
                // Behind a loop, its condition does not hold.
                let over = match node {
                    AnyNodeRef::StmtWhile(stmt) if stmt.end() <= self.point.start() => Some(stmt.end()),
                    _ => None,
                };
                let tests = self.tests(node);
                let end = over.or(tests.iter().map(|test| test.end()).max())?;
                let is_before = end <= self.point.start();
                let leaves = || {
                    over.is_some()
                        || node.is_stmt_assert()
                        || blocks(node).iter().any(|block| block.last().is_some_and(leaves_block))
                };
                if !(is_before && (self.model.contains(id, self.at) || leaves())) {
                    return None;
                }
                let tests = tests.into_iter().map(|test| self.model.id(test));
                let reads = tests.flat_map(|test| [self.reads(test), self.origins(test)].concat());
                Some(Decision {
                    reads: reads.map(|read| Read { end, ..read }).collect(),
                    is_loop: node.is_stmt_while() && over.is_none(),
                })
            })
            .collect()
    }

    /// The expressions by which a node decides what runs next.
    fn tests(&self, node: AnyNodeRef<'a>) -> Vec<&'a Expr> {
        match node {
            AnyNodeRef::StmtIf(stmt) => vec![&stmt.test],
            AnyNodeRef::StmtWhile(stmt) => vec![&stmt.test],
            AnyNodeRef::StmtWith(stmt) if self.suppresses(stmt) => values(&stmt.body),
            AnyNodeRef::StmtTry(stmt) if self.is_handled_by_wait(stmt) => values(&stmt.body),
            AnyNodeRef::StmtMatch(stmt) => vec![&stmt.subject],
            AnyNodeRef::StmtAssert(stmt) => vec![&stmt.test],
            AnyNodeRef::ExprIf(inner) => vec![&inner.test],
            AnyNodeRef::ExprBoolOp(inner) => {
                let values = inner.values.iter();
                values.take_while(|value| value.end() <= self.point.start()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether the wait stands in a handler for what is missing: what the `try` reads decides whether it is reached.
    fn is_handled_by_wait(&self, stmt: &'a ast::StmtTry) -> bool {
        stmt.handlers.iter().any(|ast::ExceptHandler::ExceptHandler(handler)| {
            let is_missing = handler.type_.as_deref().is_some_and(|caught| {
                let caught = self.model.slice(caught);
                ["KeyError", "IndexError", "AttributeError", "LookupError"]
                    .iter()
                    .any(|name| caught.contains(name))
            });
            is_missing && handler.range().contains_range(self.point)
        })
    }

    /// `with suppress(KeyError): ...`
    fn suppresses(&self, stmt: &'a ast::StmtWith) -> bool {
        stmt.items.iter().any(|item| match &item.context_expr {
            Expr::Call(call) => self.model.qualified_name(&call.func).as_deref() == Some("contextlib.suppress"),
            _ => false,
        })
    }

    /// What runs when the function runs: without the bodies of functions within it, which run when they are called.
    fn nodes(&self) -> impl Iterator<Item = (NodeId, AnyNodeRef<'a>)> + '_ {
        let all = self.model.subtree(self.model.id(self.function));
        all.filter(|(id, _)| {
            let runs_it = self.model.enclosing_function(*id);
            runs_it.is_some_and(|function| std::ptr::eq(function, self.function))
        })
    }

    /// What a callee runs that is a function or a lambda within this function.
    fn inner(&self, callee: &Expr) -> Option<NodeId> {
        let model = self.model;
        let Expr::Name(name) = callee else { return None };
        if let Some(function) = model.function_of(callee) {
            let (outer, inner) = (model.id(self.function), model.id(function));
            return (inner != outer && model.contains(outer, inner)).then_some(inner);
        }
        match model.sole_binding(&name.id, model.scope_of(model.id(name)))?.kind {
            BindingKind::Assignment(value @ Expr::Lambda(_)) => Some(model.id(value)),
            _ => None,
        }
    }
}

/// What the statements of a block give, return or bind.
fn values(block: &[Stmt]) -> Vec<&Expr> {
    let values = block.iter().filter_map(|stmt| match stmt {
        Stmt::Return(stmt) => stmt.value.as_deref(),
        Stmt::Assign(stmt) => Some(&*stmt.value),
        Stmt::Expr(stmt) => Some(&*stmt.value),
        _ => None,
    });
    values.collect()
}
