//! What a failure can make visible: the `try` and `with` statements around a place, and the names that are seen once their body has
//! been left by an exception.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHashSet;

use super::effects::is_log_call;
use super::names::{Lookup, map_callable, plain_name};
use super::types::{Type, TypeOracle};
use super::{NodeId, ScopeId, ScopeKind, SemanticModel};

/// A statement whose body may be left by an exception that the function then survives.
#[derive(Clone, Copy, Debug)]
pub enum Guard<'a> {
    Try(&'a ast::StmtTry),
    /// A manager that may swallow exceptions, for all that is known.
    With(&'a ast::StmtWith),
}

impl Guard<'_> {
    /// The part whose failure is seen.
    pub fn body(&self) -> TextRange {
        let body: &[Stmt] = match self {
            Guard::Try(stmt) => &stmt.body,
            Guard::With(stmt) => &stmt.body,
        };
        match (body.first(), body.last()) {
            (Some(first), Some(last)) => TextRange::new(first.start(), last.end()),
            _ => TextRange::default(),
        }
    }
}

/// Managers that never swallow an exception, by qualified name (read in their sources).
const TRANSPARENT_MANAGERS: &[&str] = &[
    "aiohttp.ClientSession",
    "asyncio.Condition",
    "asyncio.Lock",
    "asyncio.Semaphore",
    "asyncio.BoundedSemaphore",
    "asyncio.TaskGroup",
    "asyncio.Runner",
    "contextlib.aclosing",
    "contextlib.closing",
    "contextlib.nullcontext",
    "contextlib.redirect_stderr",
    "contextlib.redirect_stdout",
    "httpx.AsyncClient",
    "httpx.Client",
    "httpx2.AsyncClient",
    "tempfile.NamedTemporaryFile",
    "tempfile.TemporaryDirectory",
    "warnings.catch_warnings",
];

/// Places whose own text says that an order matters. Made once per module.
#[derive(Default)]
pub(super) struct Order {
    sleeping_loops: FxHashSet<NodeId>,
    asserting_functions: FxHashSet<NodeId>,
}

/// Attributes of mocks that tell the order of calls.
const CALL_ORDERS: &[&str] = &[
    "assert_has_awaits",
    "assert_has_calls",
    "await_args_list",
    "call_args_list",
    "method_calls",
    "mock_calls",
];

impl<'a> SemanticModel<'a> {
    /// Whether a node itself may raise a `StopIteration` that leaves the function or lambda around it. One that leaves a generator becomes a
    /// RuntimeError there (PEP 479).
    pub fn raises_stop_iteration(&self, id: NodeId) -> bool {
        let raises = match self.node(id) {
            AnyNodeRef::ExprCall(call) => {
                self.is_builtin(&call.func, "next")
                    && call.arguments.args.len() < 2
                    && call.arguments.keywords.is_empty()
            }
            AnyNodeRef::StmtRaise(raise) => {
                let raised = raise.exc.as_deref().map(map_callable);
                raised.is_some_and(|raised| self.is_builtin(raised, "StopIteration"))
            }
            _ => false,
        };
        if !raises {
            return false;
        }
        let mut around = self.ancestors(id).map(|(_, node)| node);
        let is_generator = around.find_map(|node| match node {
            AnyNodeRef::StmtFunctionDef(function) => Some(self.is_generator(function)),
            AnyNodeRef::ExprLambda(_) => Some(false),
            AnyNodeRef::ExprGenerator(_) => Some(true),
            _ => None,
        });
        let catches_all = |handler: &ast::ExceptHandler| {
            let ast::ExceptHandler::ExceptHandler(handler) = handler;
            let is_base = |type_: &Expr| matches!(self.builtin(type_), Some("BaseException" | "Exception"));
            handler.type_.as_deref().is_none_or(is_base)
        };
        let is_caught = |guard: &Guard| matches!(guard, Guard::Try(stmt) if stmt.handlers.iter().any(catches_all));
        is_generator == Some(false)
            && !self.is_handled_by_name(id, "StopIteration")
            && !self.guards(id).iter().any(is_caught)
    }

    /// Whether a `StopIteration` may leave a function of this module, by itself or by those of the module that it calls.
    pub fn lets_stop_iteration_out(&self, function: &'a ast::StmtFunctionDef) -> bool {
        let mut open = vec![function];
        let mut at = 0;
        while at < open.len() && open.len() < 50 {
            if self.is_generator(open[at]) {
                at += 1;
                continue;
            }
            for (id, node) in self.subtree(self.id(open[at])) {
                if self.raises_stop_iteration(id) {
                    return true;
                }
                let called = node.expr_call().and_then(|call| self.function_of(&call.func));
                if let Some(called) = called.filter(|called| !open.iter().any(|one| std::ptr::eq(*one, *called))) {
                    open.push(called);
                }
            }
            at += 1;
        }
        false
    }

    fn order(&self) -> &Order {
        self.order.get_or_init(|| {
            let mut order = Order::default();
            for call in self.calls() {
                if plain_name(&call.func) == Some("sleep") {
                    order.sleeping_loops.extend(self.loops(self.id(call)));
                }
            }
            for (id, node) in self.subtree(NodeId(0)) {
                if let AnyNodeRef::ExprAttribute(attribute) = node
                    && CALL_ORDERS.contains(&attribute.attr.as_str())
                {
                    let functions = self.ancestors(id).filter(|(_, node)| node.is_stmt_function_def());
                    order.asserting_functions.extend(functions.map(|(id, _)| id));
                }
            }
            order
        })
    }

    /// Whether a loop around this node calls something named `sleep`.
    pub fn is_in_sleeping_loop(&self, id: NodeId) -> bool {
        self.loops(id).any(|outer| self.order().sleeping_loops.contains(&outer))
    }

    /// Whether a function asserts in which order mocks were called.
    pub fn asserts_call_order(&self, function: &'a ast::StmtFunctionDef) -> bool {
        self.order().asserting_functions.contains(&self.id(function))
    }

    /// The guards of the enclosing function whose body holds this node, innermost first.
    pub fn guards(&self, id: NodeId) -> Vec<Guard<'a>> {
        let mut guards = Vec::new();
        for (_, node) in self.ancestors(id) {
            let guard = match node {
                AnyNodeRef::StmtTry(stmt) => Guard::Try(stmt),
                AnyNodeRef::StmtWith(stmt)
                    if !stmt.items.iter().all(|item| self.is_transparent(&item.context_expr)) =>
                {
                    Guard::With(stmt)
                }
                AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::StmtClassDef(_) => break,
                _ => continue,
            };
            if guard.body().contains_range(self.node(id).range()) {
                guards.push(guard);
            }
        }
        guards
    }

    fn is_transparent(&self, manager: &Expr) -> bool {
        let called = match manager {
            Expr::Call(call) => self.qualified_name(&call.func),
            _ => None,
        };
        let is_limit = |name: &str| {
            matches!(
                name,
                "asyncio.timeout" | "asyncio.timeout_at" | "async_timeout.timeout" | "async_timeout.timeout_at"
            )
        };
        if called.is_some_and(|name| is_limit(&name) || TRANSPARENT_MANAGERS.contains(&&*name)) {
            return true;
        }
        if matches!(manager, Expr::Call(call) if self.is_builtin(&call.func, "open")) {
            return true;
        }
        match self.type_of(manager) {
            Type::Foreign(name) => TRANSPARENT_MANAGERS.contains(&&*name),
            Type::Instance(class) => self.lets_failures_through(class),
            _ => false,
        }
    }

    /// Whether a class of this module, and each of its subclasses, leaves its block without swallowing what was raised there.
    fn lets_failures_through(&self, class: &'a ast::StmtClassDef) -> bool {
        let exits = ["__aexit__", "__exit__"]
            .into_iter()
            .flat_map(|name| self.method_candidates(class, name));
        let exits: Vec<_> = exits.collect();
        !exits.is_empty() && exits.into_iter().all(|exit| self.returns_nothing_true(exit))
    }

    fn returns_nothing_true(&self, function: &'a ast::StmtFunctionDef) -> bool {
        let is_false = |value: &Expr| match value {
            Expr::NoneLiteral(_) => true,
            Expr::BooleanLiteral(literal) => !literal.value,
            _ => false,
        };
        let scope = self.body_scope(function);
        function.decorator_list.is_empty()
            && self.subtree(self.id(function)).all(|(id, node)| match node {
                AnyNodeRef::StmtReturn(stmt) if self.scope_of(id) == scope => {
                    stmt.value.as_deref().is_none_or(is_false)
                }
                _ => true,
            })
    }

    /// Whether a node stands in the body of a `try` whose handlers name this class: its failure is expected.
    pub fn is_handled_by_name(&self, id: NodeId, class: &str) -> bool {
        self.ancestors(id).any(|(_, node)| match node {
            AnyNodeRef::StmtTry(outer) => {
                outer.body.iter().any(|stmt| self.contains(self.id(stmt), id))
                    && outer.handlers.iter().any(|ast::ExceptHandler::ExceptHandler(handler)| {
                        handler
                            .type_
                            .as_deref()
                            .is_some_and(|type_| self.slice(type_).contains(class))
                    })
            }
            _ => false,
        })
    }

    /// Whether a local name may be seen once the body of a guard has failed: in its handlers and `finally`, behind it if the function can
    /// get there, and in nested functions.
    pub fn is_seen_after_failure(&self, name: &str, scope: ScopeId, guard: &Guard<'a>) -> bool {
        let body = guard.body();
        let goes_on = match guard {
            Guard::With(_) => true,
            Guard::Try(stmt) => stmt.handlers.iter().any(|ast::ExceptHandler::ExceptHandler(handler)| {
                !matches!(handler.body.last(), Some(Stmt::Return(_) | Stmt::Raise(_)))
            }),
        };
        let is_seen_at = |at: TextRange| match guard {
            _ if at.start() < body.end() => false,
            Guard::With(_) => true,
            Guard::Try(stmt) if at.start() >= stmt.end() => goes_on,
            Guard::Try(stmt) => !matches!(
                (stmt.orelse.first(), stmt.orelse.last()),
                (Some(first), Some(last)) if first.start() <= at.start() && at.end() <= last.end()
            ),
        };
        self.is_captured(name, scope)
            || self
                .references_to(scope, name)
                .any(|reference| is_seen_at(reference.name.range()))
            || self.locals_are_shown(scope, is_seen_at)
    }

    /// Whether `locals()` or its like, which show every name, stand in the function at such a place.
    fn locals_are_shown(&self, scope: ScopeId, is_seen_at: impl Fn(TextRange) -> bool) -> bool {
        let function = self
            .function_of_scope(scope)
            .map_or(NodeId(0), |function| self.id(function));
        ["locals", "vars", "dir", "eval", "exec"]
            .iter()
            .flat_map(|name| self.references_named(name))
            .any(|reference| {
                self.contains(function, reference.node)
                    && is_seen_at(reference.name.range())
                    && self.lookup(&reference.name.id, reference.scope) == Lookup::Builtin
            })
    }

    /// Whether a call looks at the exception that is being handled where it is made: `sys.exc_info()`, `traceback.print_exc()`,
    /// `logger.exception(...)`, `exc_info=True`.
    pub fn asks_for_exception(&self, call: &ast::ExprCall) -> bool {
        let with_info = |keyword: &ast::Keyword| {
            keyword.arg.as_deref() == Some("exc_info")
                && !keyword.value.is_none_literal_expr()
                && !matches!(&keyword.value, Expr::BooleanLiteral(literal) if !literal.value)
                && !keyword.value.is_name_expr()
        };
        let is_known = |name: String| match name.as_str() {
            "sys.exc_info" | "sys.exception" | "traceback.print_exc" | "traceback.format_exc" | "logging.exception" => {
                true
            }
            "traceback.print_exception" | "traceback.format_exception" => call.arguments.args.is_empty(),
            _ => false,
        };
        let is_log = matches!(&*call.func, Expr::Attribute(method) if is_log_call(self.slice(&*method.value), &method.attr) && method.attr.as_str() == "exception");
        is_log || self.qualified_name(&call.func).is_some_and(is_known) || call.arguments.keywords.iter().any(with_info)
    }

    /// Whether a local name is read by a nested function, lambda or generator expression, which may run at any time.
    pub fn is_captured(&self, name: &str, scope: ScopeId) -> bool {
        self.references_to(scope, name)
            .any(|reference| self.is_deferred(reference.scope, scope))
            || self
                .bindings_in(scope, name)
                .any(|binding| self.is_deferred(self.scope_of(binding.node), scope))
    }

    /// Whether code of `inner` runs at another time than that of the enclosing `outer`.
    fn is_deferred(&self, inner: ScopeId, outer: ScopeId) -> bool {
        let mut at = inner;
        while at != outer {
            match self.scope(at).kind {
                ScopeKind::Comprehension | ScopeKind::TypeParams => {}
                _ => return true,
            }
            match self.scope(at).parent {
                Some(parent) => at = parent,
                None => return true,
            }
        }
        false
    }

    /// The loops of the enclosing function around a node, innermost first.
    pub fn loops(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.ancestors(id)
            .take_while(|(_, node)| !matches!(node, AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::StmtClassDef(_)))
            .filter(|(_, node)| matches!(node, AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_)))
            .map(|(id, _)| id)
    }
}
