//! What can stop a task at an `await` that it did not have before: a cancellation, a limit of time, the end of the event loop.
//!
//! A coroutine that never waits runs from its first line to its last, whatever is asked of its task meanwhile.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::semantic::names::plain_name;
use crate::semantic::rendezvous::is_endless;
use crate::semantic::{BindingKind, NodeId};

/// What cancels the task, or the tasks, that run in it.
const CANCELLERS: &[&str] = &[
    "asyncio.TaskGroup",
    "asyncio.timeout",
    "asyncio.timeout_at",
    "asyncio.wait_for",
    "async_timeout.timeout",
    "anyio.create_task_group",
    "anyio.fail_after",
    "anyio.move_on_after",
    "trio.fail_after",
    "trio.move_on_after",
    "trio.open_nursery",
];

/// Methods of a set or a list that keep a task, or forget it, and do not wait for it.
const KEEPERS: &[&str] = &["add", "append", "discard", "remove"];

/// Methods of a task that do not wait for it.
const OF_TASKS: &[&str] = &["add_done_callback", "get_name", "set_name"];

impl<'a> Context<'a> {
    /// The line in which the module cancels a task that it has made of the enclosing function.
    pub(crate) fn own_task_is_cancelled(&self, at: NodeId) -> Option<usize> {
        let function = self.model.enclosing_function(at)?;
        let makes_task_of_it = |value: &Expr| match value {
            Expr::Call(spawn) => spawn.arguments.args.iter().any(|argument| match argument {
                Expr::Call(coroutine) => self
                    .model
                    .function_of(&coroutine.func)
                    .is_some_and(|made| std::ptr::eq(made, function)),
                _ => false,
            }),
            _ => false,
        };
        self.model.calls().find_map(|call| {
            let Expr::Attribute(method) = &*call.func else {
                return None;
            };
            let Expr::Name(task) = &*method.value else { return None };
            let scope = self.model.scope_of(self.model.id(task));
            let is_own = method.attr.as_str() == "cancel"
                && self
                    .model
                    .resolve(&task.id, scope)
                    .any(|binding| matches!(binding.kind, BindingKind::Assignment(value) if makes_task_of_it(value)));
            is_own.then(|| self.module.location(call.start()).0)
        })
    }

    /// Where the module itself cancels tasks or limits their time: a function that never waited could not be stopped in its middle.
    pub(crate) fn visible_cancellation(&self) -> Option<String> {
        self.model.calls().find_map(|call| {
            let by_name = matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "cancel");
            let by_limit = || {
                self.model
                    .qualified_name(&call.func)
                    .is_some_and(|name| CANCELLERS.contains(&name.as_str()))
            };
            (by_name || by_limit()).then(|| {
                let (line, _) = self.module.location(call.start());
                format!("a task can be cancelled in line {line}, and the await is a new place for it to stop")
            })
        })
    }

    /// Where nothing waits until the task that runs a place is done, and the module itself ends the event loop: what is left then is cancelled,
    /// or never goes on. So is what stands beside an awaitable that fails.
    pub(crate) fn left_at_exit(&self, at: NodeId) -> Option<String> {
        let model = self.model;
        if !self.ends_loop() {
            return None;
        }
        let mut open: Vec<_> = model.enclosing_function(at).into_iter().collect();
        let mut seen = Vec::new();
        while let Some(function) = open.pop() {
            if seen.contains(&model.id(function)) {
                continue;
            }
            seen.push(model.id(function));
            for use_ in model.uses_of_function(function) {
                let AnyNodeRef::ExprCall(call) = model.node(model.parent(use_.reference)) else {
                    continue;
                };
                if let Some(taker) = self.taker(call) {
                    let (line, _) = self.module.location(taker.start());
                    if self.is_never_awaited(taker) {
                        return Some(format!(
                            "nothing waits for the task of line {line}: where the event loop ends before it, the await is where it stops"
                        ));
                    }
                    if self.fails_beside(taker, function) {
                        return Some(format!(
                            "what the `gather` of line {line} runs may fail: the end of the event loop then stops the others at the await"
                        ));
                    }
                }
                open.extend(model.enclosing_function(use_.reference));
            }
        }
        None
    }

    /// Whether the module starts an event loop that ends some time: `asyncio.run(main())`, with a `main` that does not go on for ever.
    fn ends_loop(&self) -> bool {
        let model = self.model;
        model.calls().any(|call| {
            let is_start = matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "run_until_complete")
                || model.qualified_name(&call.func).as_deref() == Some("asyncio.run");
            let is_endless = || match call.arguments.args.first() {
                Some(Expr::Call(main)) => model.function_of(&main.func).is_some_and(|main| {
                    let mut below = model.subtree(model.id(main));
                    below.any(|(_, node)| matches!(node, AnyNodeRef::StmtWhile(stmt) if is_endless(stmt)))
                        || main.body.iter().any(serves)
                }),
                _ => false,
            };
            is_start && !is_endless()
        })
    }

    /// What takes the coroutine that a call gives, and runs it: `create_task(f())`, `gather(f(), g())`, `gather(*[f(x) for x in xs])`.
    fn taker(&self, call: &'a ast::ExprCall) -> Option<&'a ast::ExprCall> {
        let mut around = self.model.ancestors(self.model.id(call));
        let taker = around.find_map(|(_, node)| match node {
            AnyNodeRef::ExprCall(outer) => Some(Some(outer)),
            AnyNodeRef::ExprAwait(_) => Some(None),
            node if node.is_statement() => Some(None),
            _ => None,
        })??;
        let name = plain_name(&taker.func)?;
        matches!(
            name,
            "create_task" | "ensure_future" | "gather" | "run_coroutine_threadsafe"
        )
        .then_some(taker)
    }

    /// Whether a task goes nowhere, or only to where it is kept until it is done.
    fn is_never_awaited(&self, spawn: &'a ast::ExprCall) -> bool {
        let model = self.model;
        if plain_name(&spawn.func) == Some("gather") {
            return false;
        }
        let id = model.id(spawn);
        match model.node(model.parent(id)) {
            AnyNodeRef::StmtExpr(_) => true,
            AnyNodeRef::StmtAssign(assign) => match &*assign.targets {
                [Expr::Name(task)] => {
                    let owner = model.lookup(&task.id, model.scope_of(model.id(task)));
                    let mut reads = model
                        .references_named(&task.id)
                        .filter(|reference| model.lookup(&task.id, reference.scope) == owner);
                    reads.all(|read| self.only_keeps(read.node))
                }
                _ => false,
            },
            _ => self.only_keeps(id),
        }
    }

    /// `task.add_done_callback(...)`, `tasks.add(task)` where nothing is read of `tasks`.
    fn only_keeps(&self, task: NodeId) -> bool {
        let model = self.model;
        let parent = model.parent(task);
        match model.node(parent) {
            AnyNodeRef::ExprAttribute(method) => OF_TASKS.contains(&method.attr.as_str()) && model.is_callee(parent),
            AnyNodeRef::Arguments(_) => match model.node(model.parent(parent)) {
                AnyNodeRef::ExprCall(call) => match &*call.func {
                    Expr::Attribute(method) if KEEPERS.contains(&method.attr.as_str()) => {
                        self.is_only_kept_in(&method.value)
                    }
                    _ => false,
                },
                _ => false,
            },
            _ => false,
        }
    }

    fn is_only_kept_in(&self, container: &Expr) -> bool {
        let model = self.model;
        let is_keeper = |reference: NodeId| matches!(model.node(model.parent(reference)), AnyNodeRef::ExprAttribute(method) if KEEPERS.contains(&method.attr.as_str()));
        match container {
            Expr::Name(name) => model
                .references_named(&name.id)
                .all(|reference| is_keeper(reference.node)),
            Expr::Attribute(attribute) => model.loads_of(&attribute.attr).all(|(id, _)| is_keeper(id)),
            _ => false,
        }
    }

    /// Whether something that a `gather` runs beside a function, or another call of the function, raises, and the `gather` raises that at once.
    fn fails_beside(&self, gather: &'a ast::ExprCall, function: &'a ast::StmtFunctionDef) -> bool {
        let model = self.model;
        if plain_name(&gather.func) != Some("gather") || !gather.arguments.keywords.is_empty() {
            return false;
        }
        gather.arguments.args.iter().any(|argument| {
            let mut below = model.subtree(model.id(argument));
            below.any(|(_, node)| match node {
                AnyNodeRef::ExprCall(call) => model.function_of(&call.func).is_some_and(|other| {
                    (argument.is_starred_expr() || !std::ptr::eq(other, function)) && self.fails(other)
                }),
                _ => false,
            })
        })
    }

    /// Whether a function raises something by itself that it does not catch.
    fn fails(&self, function: &'a ast::StmtFunctionDef) -> bool {
        let model = self.model;
        let own = model.id(function);
        model.subtree(own).any(|(id, node)| {
            let mut inner = id;
            node.is_stmt_raise()
                && model
                    .ancestors(id)
                    .take_while(|(outer, _)| *outer != own)
                    .all(|(outer, node)| {
                        let is_passed_on = match node {
                            AnyNodeRef::StmtTry(tried) => {
                                tried.handlers.is_empty() || !self.is_in_body(&tried.body, inner)
                            }
                            AnyNodeRef::StmtFunctionDef(_) => false,
                            _ => true,
                        };
                        inner = outer;
                        is_passed_on
                    })
        })
    }
}

/// The wait for what goes on until it is told to end.
fn serves(stmt: &ast::Stmt) -> bool {
    matches!(stmt, ast::Stmt::Expr(inner) if matches!(&*inner.value, Expr::Await(awaited)
        if matches!(&*awaited.value, Expr::Call(call)
            if matches!(plain_name(&call.func), Some("serve" | "serve_forever" | "run_forever")))))
}
