//! How often `task_done()` is called on each path from the `get` to the end of the round.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::semantic::effects::is_log_call;

/// Which counts are possible at a place, as bits: never, once, more than once.
pub(super) type Counts = u8;

pub(super) const NEVER: Counts = 0b001;
pub(super) const ONCE: Counts = 0b010;
pub(super) const OFTEN: Counts = 0b100;

/// The counts with which a piece of code is left.
#[derive(Clone, Copy, Default)]
pub(super) struct Exits {
    /// At its end.
    pub end: Counts,
    /// By `break`, `continue` or `return`.
    pub jump: Counts,
    /// By an exception.
    pub error: Counts,
    /// By `break` or `continue` of a loop inside of the piece.
    inner: Counts,
}

impl Exits {
    fn join(&mut self, other: Exits) {
        self.end |= other.end;
        self.leave(other);
    }

    fn leave(&mut self, other: Exits) {
        self.jump |= other.jump;
        self.error |= other.error;
        self.inner |= other.inner;
    }
}

pub(super) struct Paths<'c, 'a> {
    ctx: &'c Context<'a>,
    /// How the queue is written.
    queue: &'a str,
    /// Loops entered.
    depth: usize,
    /// The first `break`, `continue` or `return` that is reached with nothing marked.
    pub missed: Option<&'a Stmt>,
}

impl<'c, 'a> Paths<'c, 'a> {
    pub fn new(ctx: &'c Context<'a>, queue: &'a str) -> Self {
        Self {
            ctx,
            queue,
            depth: 0,
            missed: None,
        }
    }

    pub fn block(&mut self, block: &'a [Stmt], counts: Counts) -> Exits {
        let mut exits = Exits {
            end: counts,
            ..Exits::default()
        };
        for stmt in block {
            if exits.end == 0 {
                break;
            }
            let next = self.stmt(stmt, exits.end);
            exits.end = next.end;
            exits.leave(next);
        }
        exits
    }

    fn stmt(&mut self, stmt: &'a Stmt, counts: Counts) -> Exits {
        let mut exits = Exits {
            end: counts,
            ..Exits::default()
        };
        match stmt {
            Stmt::Expr(inner) if is_task_done(self.ctx, &inner.value, self.queue) => {
                exits.end = (counts << 1 | counts & OFTEN) & (NEVER | ONCE | OFTEN);
            }
            Stmt::Return(inner) => {
                let may_fail = inner.value.as_deref().is_some_and(|value| self.may_fail(value));
                exits.error = if may_fail { counts } else { 0 };
                self.jump(stmt, &mut exits);
            }
            Stmt::Break(_) | Stmt::Continue(_) if self.depth > 0 => {
                exits.inner = counts;
                exits.end = 0;
            }
            Stmt::Break(_) | Stmt::Continue(_) => self.jump(stmt, &mut exits),
            Stmt::Raise(_) => {
                exits.error = counts;
                exits.end = 0;
            }
            Stmt::If(inner) => return self.if_(inner, counts),
            Stmt::While(inner) => return self.loop_(&inner.body, &inner.orelse, Some(&inner.test), counts),
            Stmt::For(inner) => return self.loop_(&inner.body, &inner.orelse, None, counts),
            Stmt::With(inner) => {
                exits = self.block(&inner.body, counts);
                exits.error |= counts;
            }
            Stmt::Match(inner) => {
                let all = inner
                    .cases
                    .iter()
                    .any(|case| case.guard.is_none() && case.pattern.is_irrefutable());
                exits.end = if all { 0 } else { counts };
                for case in &inner.cases {
                    exits.join(self.block(&case.body, counts));
                }
            }
            Stmt::Try(inner) => return self.try_(inner, counts),
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            _ if self.has_failing_call(AnyNodeRef::from(stmt)) => exits.error = counts,
            _ => {}
        }
        exits
    }

    fn jump(&mut self, stmt: &'a Stmt, exits: &mut Exits) {
        if exits.end & NEVER != 0 && self.missed.is_none() {
            self.missed = Some(stmt);
        }
        exits.jump = exits.end;
        exits.end = 0;
    }

    fn if_(&mut self, inner: &'a ast::StmtIf, counts: Counts) -> Exits {
        let mut exits = self.block(&inner.body, counts);
        let mut has_else = false;
        let mut may_fail = self.may_fail(&inner.test);
        for clause in &inner.elif_else_clauses {
            has_else |= clause.test.is_none();
            may_fail |= clause.test.as_ref().is_some_and(|test| self.may_fail(test));
            exits.join(self.block(&clause.body, counts));
        }
        if !has_else {
            exits.end |= counts;
        }
        if may_fail {
            exits.error |= counts;
        }
        exits
    }

    fn loop_(&mut self, body: &'a [Stmt], orelse: &'a [Stmt], test: Option<&'a Expr>, counts: Counts) -> Exits {
        self.depth += 1;
        let mut seen = counts;
        let mut exits = Exits::default();
        // Counts only grow, up to three bits.
        for _ in 0..3 {
            exits = self.block(body, seen);
            seen |= exits.end | exits.inner;
        }
        self.depth -= 1;
        let is_endless = test.is_some_and(|test| test.as_boolean_literal_expr().is_some_and(|literal| literal.value));
        exits.end = if is_endless { exits.inner } else { seen };
        exits.inner = 0;
        // What is iterated over or tested may fail too.
        if test.is_none_or(|test| self.may_fail(test)) {
            exits.error |= seen;
        }
        let end = self.block(orelse, exits.end);
        exits.end = end.end;
        exits.leave(end);
        exits
    }

    fn try_(&mut self, inner: &'a ast::StmtTry, counts: Counts) -> Exits {
        let missed_before = self.missed;
        let body = self.block(&inner.body, counts);
        let mut exits = self.block(&inner.orelse, body.end);
        exits.leave(Exits { error: 0, ..body });
        let mut is_broad = false;
        for ast::ExceptHandler::ExceptHandler(handler) in &inner.handlers {
            is_broad |= handler
                .type_
                .as_deref()
                .is_none_or(|type_| matches!(self.ctx.model.slice(type_), "Exception" | "BaseException"));
            if body.error != 0 {
                exits.join(self.block(&handler.body, body.error));
            }
        }
        if !is_broad {
            exits.error |= body.error;
        }
        if inner.finalbody.is_empty() {
            return exits;
        }
        // Jumps that pass a `finally` are judged behind it.
        let mut behind = Exits::default();
        for (counts, exit) in [(exits.end, 0), (exits.jump, 1), (exits.error, 2), (exits.inner, 3)] {
            if counts == 0 {
                continue;
            }
            let clause = self.block(&inner.finalbody, counts);
            behind.leave(clause);
            match exit {
                0 => behind.end = clause.end,
                1 => behind.jump |= clause.end,
                2 => behind.error |= clause.end,
                _ => behind.inner |= clause.end,
            }
        }
        if behind.jump & NEVER == 0 {
            self.missed = missed_before;
        }
        behind
    }

    fn may_fail(&self, expr: &'a Expr) -> bool {
        self.has_failing_call(AnyNodeRef::from(expr))
    }

    /// Whether something is called or awaited that may raise; a log may not.
    fn has_failing_call(&self, node: AnyNodeRef<'a>) -> bool {
        let model = self.ctx.model;
        let range = node.range();
        model
            .calls()
            .filter(|call| range.contains_range(call.range()))
            .any(|call| match &*call.func {
                Expr::Attribute(method) => !is_log_call(model.slice(&*method.value), &method.attr),
                callee => !model.is_builtin(callee, "print"),
            })
    }
}

/// Whether an expression is `queue.task_done()`.
pub(super) fn is_task_done(ctx: &Context, expr: &Expr, queue: &str) -> bool {
    matches!(expr, Expr::Call(call) if marks(ctx, call, queue))
}

/// Whether a call is `queue.task_done()`.
pub(super) fn marks(ctx: &Context, call: &ast::ExprCall, queue: &str) -> bool {
    match &*call.func {
        Expr::Attribute(method) => {
            method.attr.as_str() == "task_done" && call.arguments.is_empty() && ctx.model.slice(&*method.value) == queue
        }
        _ => false,
    }
}
