//! Which objects only `async for` can iterate over and only `async with` can enter, and who would see the exception that anything else
//! raises.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};

use super::names::{map_callable, plain_name};
use super::types::{Type, TypeOracle};
use super::{BindingKind, NodeId, SemanticModel};
use crate::finding::Declined;

/// Imported classes and functions that make managers for `async with` alone (read in their sources).
const ASYNC_MANAGERS: &[&str] = &[
    "aiofiles.open",
    "aiohttp.ClientSession",
    "asyncio.BoundedSemaphore",
    "asyncio.Condition",
    "asyncio.Lock",
    "asyncio.Semaphore",
    "asyncio.TaskGroup",
    "asyncio.timeout",
    "asyncio.timeout_at",
    "contextlib.AsyncExitStack",
    "contextlib.aclosing",
    "httpx.AsyncClient",
    "httpx2.AsyncClient",
    "sqlalchemy.ext.asyncio.AsyncSession",
];

/// Methods that make such managers, by the class of their receiver.
const ASYNC_MANAGER_METHODS: &[(&str, &[&str])] = &[
    (
        "aiohttp.ClientSession",
        &[
            "delete",
            "get",
            "head",
            "options",
            "patch",
            "post",
            "put",
            "request",
            "ws_connect",
        ],
    ),
    ("httpx.AsyncClient", &["stream"]),
    ("httpx2.AsyncClient", &["stream"]),
    ("sqlalchemy.ext.asyncio.AsyncEngine", &["begin", "connect"]),
    ("sqlalchemy.ext.asyncio.AsyncSession", &["begin", "begin_nested"]),
    ("sqlalchemy.ext.asyncio.async_sessionmaker", &["begin"]),
];

/// Managers that cancel the task they are entered in: nothing may be yielded inside of them.
const CANCEL_SCOPES: &[&str] = &["asyncio.TaskGroup", "asyncio.timeout", "asyncio.timeout_at"];

/// Why a plain `with` cannot enter an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsyncManager {
    /// What the object is, for a message.
    pub what: String,
    /// It may be of a class that derives from the known one and is not seen here.
    pub may_be_derived: bool,
    pub cancels: bool,
}

impl<'a> SemanticModel<'a> {
    /// The function of this module that a call runs: undecorated, and not replaced anywhere.
    pub fn function_called(&self, callee: &Expr) -> Option<&'a ast::StmtFunctionDef> {
        let function = self.function_of(callee).or_else(|| self.own_method(callee))?;
        self.is_plainly_decorated(function).then_some(function)
    }

    /// The asynchronous generator of this module that a call makes.
    pub fn async_generator_called(&self, expr: &Expr) -> Option<&'a ast::StmtFunctionDef> {
        let Expr::Call(call) = expr else { return None };
        let function = self.function_called(&call.func)?;
        (function.is_async && self.is_generator(function)).then_some(function)
    }

    /// What an expression is, if it is certain to be something that only `async for` can iterate over.
    pub fn async_iterable(&self, expr: &Expr) -> Option<String> {
        if let Some(function) = self.async_generator_called(expr) {
            return Some(format!("`{}` is an asynchronous generator", function.name));
        }
        match self.type_of(expr) {
            Type::Instance(class) if self.has_only(class, "__aiter__", &["__iter__", "__getitem__"]) => {
                return Some(format!("`{}` has `__aiter__` and no `__iter__`", class.name));
            }
            Type::Foreign(name) if name == "asyncio.StreamReader" => {
                return Some(format!("a `{name}` has no `__iter__`"));
            }
            _ => {}
        }
        let Expr::Name(name) = expr else { return None };
        let mut found = None;
        for binding in self.resolve(&name.id, self.scope_of(self.id(name))) {
            match binding.kind {
                BindingKind::Assignment(value) => found = Some(self.async_generator_called(value)?),
                _ => return None,
            }
        }
        found.map(|function| format!("`{}` is an asynchronous generator", function.name))
    }

    /// What an expression is, if it is certain to be something that only `async with` can enter.
    pub fn async_manager(&self, expr: &Expr) -> Option<AsyncManager> {
        let known = |what: String, cancels: bool| AsyncManager {
            what,
            may_be_derived: false,
            cancels,
        };
        if let Expr::Call(call) = expr {
            if let Some(function) = self.manager_function(&call.func, "asynccontextmanager") {
                return Some(known(
                    format!("`{}` is an asynchronous context manager", function.name),
                    false,
                ));
            }
            if let Some(name) = self.qualified_name(&call.func)
                && ASYNC_MANAGERS.contains(&name.as_str())
            {
                return Some(known(
                    format!("`{name}` makes an asynchronous context manager"),
                    CANCEL_SCOPES.contains(&name.as_str()),
                ));
            }
            if let Expr::Attribute(method) = &*call.func
                && let Type::Foreign(receiver) = self.type_of(&method.value)
                && ASYNC_MANAGER_METHODS
                    .iter()
                    .any(|(class, methods)| *class == receiver && methods.contains(&method.attr.as_str()))
            {
                return Some(known(
                    format!(
                        "`{}` of `{receiver}` makes an asynchronous context manager",
                        method.attr
                    ),
                    false,
                ));
            }
        }
        match self.type_of(expr) {
            Type::Instance(class) if self.has_only(class, "__aenter__", &["__enter__"]) => Some(AsyncManager {
                what: format!("`{}` has `__aenter__` and no `__enter__`", class.name),
                may_be_derived: !self.is_made_here(expr),
                cancels: false,
            }),
            Type::Foreign(name) if ASYNC_MANAGERS.contains(&name.as_str()) => Some(known(
                format!("a `{name}` is an asynchronous context manager"),
                CANCEL_SCOPES.contains(&name.as_str()),
            )),
            _ => None,
        }
    }

    /// The function of this module that a callee stands for, if `contextlib.contextmanager` or its asynchronous twin decorates it, and
    /// nothing else but what leaves it alone.
    pub fn manager_function(&self, callee: &Expr, decorator: &str) -> Option<&'a ast::StmtFunctionDef> {
        let function = self.function_of(callee).or_else(|| self.own_method(callee))?;
        let mut found = false;
        for one in &function.decorator_list {
            let name = self.qualified_name(&one.expression);
            if name.is_some_and(|name| name.strip_prefix("contextlib.") == Some(decorator)) {
                found = true;
            } else if !self.is_inert_decorator(&one.expression) {
                return None;
            }
        }
        found.then_some(function)
    }

    /// Whether a class whose hierarchy is known has the one method, and neither it nor a class that derives from it any of the others.
    fn has_only(&self, class: &'a ast::StmtClassDef, method: &str, others: &[&str]) -> bool {
        let mro = self.mro(class);
        let has = |name: &str| {
            mro.iter().any(|class| self.own_methods(class, name).next().is_some())
                || self
                    .methods_named(name)
                    .any(|(other, _)| self.derives_from(other, class, 0))
        };
        self.hierarchy_is_plain(class)
            && has(method)
            && !others.iter().any(|name| {
                has(name) || self.is_attribute_assigned(name) || mro.iter().any(|class| assigns(class, name))
            })
    }

    /// Whether an instance is of the very class it is known by: made by a call of it.
    fn is_made_here(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Call(call) => self.class_named(&call.func).is_some(),
            Expr::Name(name) => {
                self.resolve(&name.id, self.scope_of(self.id(name)))
                    .all(|binding| match binding.kind {
                        BindingKind::Assignment(Expr::Call(call)) => self.class_named(&call.func).is_some(),
                        _ => false,
                    })
            }
            _ => false,
        }
    }

    /// Code at this node always raises. Declined where a test asserts that it does; a doubt where a handler around it may rely on it.
    pub fn failure_is_seen(&self, id: NodeId) -> Result<Option<String>, Declined> {
        let asserted = |at: NodeId| {
            self.ancestors(at).any(|(_, node)| match node {
                AnyNodeRef::StmtWith(with) => with.items.iter().any(|item| asserts_failure(&item.context_expr)),
                AnyNodeRef::ExprCall(call) => asserts_failure(&call.func),
                _ => false,
            })
        };
        let by_caller = || {
            self.enclosing_function(id).is_some_and(|function| {
                self.uses_of_function(function)
                    .iter()
                    .any(|use_| asserted(use_.reference))
            })
        };
        if asserted(id) || by_caller() {
            return Err("a test asserts that it raises".into());
        }
        for (outer, node) in self.ancestors(id) {
            match node {
                AnyNodeRef::StmtFunctionDef(_) => break,
                AnyNodeRef::StmtTry(outer_try) => {
                    let in_body = outer_try.body.iter().any(|stmt| self.contains(self.id(stmt), id));
                    let caught = outer_try
                        .handlers
                        .iter()
                        .any(|ast::ExceptHandler::ExceptHandler(handler)| {
                            handler.type_.as_deref().is_none_or(|type_| {
                                ["TypeError", "AttributeError", "RuntimeError", "Exception"]
                                    .iter()
                                    .any(|name| self.slice(type_).contains(name))
                            })
                        });
                    if in_body && caught {
                        let (line, _) = self.module().location(ruff_text_size::Ranged::start(&self.node(outer)));
                        return Ok(Some(format!(
                            "it has always raised, and a handler of the `try` in line {line} catches that"
                        )));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

/// `pytest.raises(...)`, `self.assertRaises(...)`, `suppress(...)`.
fn asserts_failure(expr: &Expr) -> bool {
    plain_name(map_callable(expr))
        .is_some_and(|name| name == "raises" || name == "suppress" || name.starts_with("assertRaises"))
}

/// Whether a class body gives a name a value other than by `def`.
fn assigns(class: &ast::StmtClassDef, name: &str) -> bool {
    class.body.iter().any(|stmt| match stmt {
        Stmt::Assign(assign) => assign
            .targets
            .iter()
            .any(|target| matches!(target, Expr::Name(found) if found.id == name)),
        _ => false,
    })
}
