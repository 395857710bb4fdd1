//! What is held around a place while a task waits there: a lock of threads, or something of which nothing is known.
//!
//! A thread's lock that a task holds while it waits is never released: the next task that wants it stops the thread in which the first one would
//! go on. That was found by running it, and is true of all that is made of such locks.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::finding::Declined;
use crate::semantic::NodeId;
use crate::semantic::names::map_callable;
use crate::semantic::types::{Type, TypeOracle};

/// Managers of `with` that belong to threads: a task that waits inside one keeps its loop's thread from ever releasing it.
const THREAD_LOCKS: &[&str] = &[
    "threading.Lock",
    "threading.RLock",
    "threading.Condition",
    "threading.Semaphore",
    "threading.BoundedSemaphore",
    "multiprocessing.Lock",
    "multiprocessing.RLock",
];

/// Methods of these that wait until another thread has done something.
const WAITS: &[&str] = &["acquire", "wait", "wait_for"];

/// Words in the names of what is a lock, whoever has made it.
const LOCKING: &[&str] = &["lock", "mutex", "semaphore"];

/// How many methods of an object call each other before one takes a lock.
const MAX_STEPS: usize = 3;

impl Context<'_> {
    /// Refuses a place where a lock of threads is held: a task that waits there stops the loop as soon as another one wants the lock. `replaced`:
    /// expressions that a rewrite makes to be no locks of threads any more.
    pub fn no_thread_lock_around(&self, at: NodeId, replaced: &[NodeId]) -> Result<(), Declined> {
        if self.holding(at, replaced).is_some() {
            return Err(
                "it is called while a threading lock is held: an await there would deadlock. Call it outside of the lock, or take a lock of asyncio where no thread needs this one"
                    .into(),
            );
        }
        match self.acquired_before(at, replaced) {
            Some(line) => Err(format!(
                "a threading lock is acquired in line {line} and still held: an await there would deadlock. Release it before, or take a lock of asyncio where no thread needs this one"
            )
            .into()),
            None => Ok(()),
        }
    }

    /// The `with` around a place, in its function, that holds a lock of threads there.
    pub(crate) fn holding(&self, at: NodeId, replaced: &[NodeId]) -> Option<&ast::StmtWith> {
        let model = self.model;
        let mut inner = at;
        for (id, node) in model.ancestors(at) {
            match node {
                AnyNodeRef::StmtFunctionDef(_) => break,
                AnyNodeRef::StmtWith(with) if self.holds_lock(with, inner, replaced) => return Some(with),
                _ => {}
            }
            inner = id;
        }
        None
    }

    fn holds_lock(&self, with: &ast::StmtWith, inner: NodeId, replaced: &[NodeId]) -> bool {
        let is_within = |stmt: &Stmt| self.model.contains(self.model.id(stmt), inner);
        with.body.iter().any(is_within)
            && with.items.iter().any(|item| {
                let manager = &item.context_expr;
                !with.is_async && self.is_lock(manager) && !replaced.contains(&self.model.id(manager))
                    || item
                        .optional_vars
                        .as_deref()
                        .is_some_and(|stack| self.stacks_lock(stack, with, inner))
            })
    }

    /// Whether a lock of threads is entered on a stack of managers, before a place in its block.
    fn stacks_lock(&self, stack: &Expr, with: &ast::StmtWith, inner: NodeId) -> bool {
        let model = self.model;
        let Expr::Name(stack) = stack else { return false };
        model.subtree(model.id(with)).any(|(_, node)| match node {
            AnyNodeRef::ExprCall(call) => {
                call.end() <= model.node(inner).start()
                    && matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "enter_context"
                        && matches!(&*method.value, Expr::Name(name) if name.id == stack.id))
                    && call.arguments.args.first().is_some_and(|manager| self.is_lock(manager))
            }
            _ => false,
        })
    }

    /// Whether what is entered is a lock of threads, or made of one: a context manager of the module that takes one for its body, a method of
    /// something that is called a lock.
    fn is_lock(&self, manager: &Expr) -> bool {
        let model = self.model;
        if self.is_thread_lock(manager) {
            return true;
        }
        if let Expr::Call(call) = manager {
            if let Some(function) = model.manager_function(&call.func, "contextmanager") {
                return self.keeps_lock(function, 0);
            }
            if let Expr::Attribute(method) = &*call.func
                && !model.imported_root(&method.value)
                && last_name(&method.value).is_some_and(is_locking)
            {
                return true;
            }
        }
        let enter = match model.type_of(manager) {
            Type::Instance(class) => model.method(class, "__enter__"),
            _ => None,
        };
        enter.is_some_and(|enter| self.keeps_lock(enter, 0))
    }

    /// Whether what a function does before its `yield`, or for good, waits for other threads: it acquires a lock, or yields inside one.
    fn keeps_lock(&self, function: &ast::StmtFunctionDef, steps: usize) -> bool {
        let model = self.model;
        let is_own = |expr: &Expr| {
            let first = function.parameters.iter_source_order().next();
            matches!((expr, first), (Expr::Name(name), Some(first)) if *name.id == **first.name())
        };
        model.subtree(model.id(function)).any(|(_, node)| match node {
            AnyNodeRef::StmtWith(with) if !with.is_async => {
                with.items.iter().any(|item| self.is_thread_lock(&item.context_expr))
                    && with.body.iter().any(|stmt| {
                        let mut below = model.subtree(model.id(stmt));
                        below.any(|(_, node)| matches!(node, AnyNodeRef::ExprYield(_)))
                    })
            }
            AnyNodeRef::ExprCall(call) => match &*call.func {
                Expr::Attribute(method) if WAITS.contains(&method.attr.as_str()) => self.is_thread_lock(&method.value),
                Expr::Attribute(method) if is_own(&method.value) && steps < MAX_STEPS => model
                    .function_of(&call.func)
                    .is_some_and(|callee| self.keeps_lock(callee, steps + 1)),
                _ => false,
            },
            _ => false,
        })
    }

    /// Whether an object is a lock of threads.
    pub fn is_thread_lock(&self, manager: &Expr) -> bool {
        match self.model.type_of(manager) {
            Type::Foreign(name) => THREAD_LOCKS.contains(&name.as_str()),
            // A lock of unknown make that is entered by a plain `with` is a thread's: asyncio's cannot be. Of a manager that the module defines,
            // more than its name is known.
            Type::Unknown => {
                let is_named = last_name(manager).is_some_and(|name| {
                    let name = name.to_lowercase();
                    name.ends_with("lock") || name.ends_with("mutex")
                });
                let callee = map_callable(manager);
                is_named && self.model.manager_function(callee, "contextmanager").is_none()
            }
            _ => false,
        }
    }

    /// The line in which the enclosing function acquires a threading lock that it has not released where a node stands.
    pub(crate) fn acquired_before(&self, at: NodeId, replaced: &[NodeId]) -> Option<usize> {
        let model = self.model;
        let function = model.enclosing_function(at)?;
        let (function, point) = (model.id(function), model.node(at).range());
        let methods = |name: &'static str| {
            model
                .loads_of(name)
                .filter_map(|(id, method)| match model.node(model.parent(id)) {
                    AnyNodeRef::ExprCall(call) if call.func.range() == method.range() && !self.is_awaited(call) => {
                        Some(method)
                    }
                    _ => None,
                })
        };
        methods("acquire")
            .filter(|acquire| acquire.end() <= point.start() && model.contains(function, model.id(*acquire)))
            .filter(|acquire| self.is_thread_lock(&acquire.value) && !replaced.contains(&model.id(&*acquire.value)))
            .find(|acquire| {
                let lock = model.slice(&*acquire.value);
                let releases: Vec<_> = methods("release")
                    .filter(|release| {
                        model.contains(function, model.id(*release)) && model.slice(&*release.value) == lock
                    })
                    .map(Ranged::start)
                    .collect();
                // Without a release behind it, the last thing that happened to the lock counts.
                releases.iter().any(|release| *release >= point.end())
                    || releases.iter().all(|release| *release < acquire.start())
            })
            .map(|acquire| self.module.location(acquire.start()).0)
    }

    /// What a `with` around a place has entered of which it is not known that another task may run meanwhile, as written. Where its body waits
    /// already, others do run.
    pub(crate) fn entered_unknown(&self, at: NodeId) -> Option<&str> {
        let model = self.model;
        let mut inner = at;
        for (id, node) in model.ancestors(at) {
            match node {
                AnyNodeRef::StmtFunctionDef(_) => break,
                AnyNodeRef::StmtWith(with) if !with.is_async => {
                    let is_body = with.body.iter().any(|stmt| model.contains(model.id(stmt), inner));
                    let waits = || with.body.iter().any(|stmt| model.first_wait(stmt).is_some());
                    let mut managers = with.items.iter().map(|item| &item.context_expr);
                    if let Some(manager) = managers.find(|manager| is_body && !self.is_harmless(manager) && !waits()) {
                        return Some(model.slice(manager));
                    }
                }
                _ => {}
            }
            inner = id;
        }
        None
    }

    /// The connection or session, as written, in whose transaction a place stands that others work in as well: they would commit what is half done,
    /// and lose what is rolled back. Where the body waits already, that is so anyhow.
    pub(crate) fn shared_transaction(&self, at: NodeId) -> Option<&str> {
        let model = self.model;
        let function = model.enclosing_function(at)?;
        let mut around = model
            .ancestors(at)
            .take_while(|(_, node)| !matches!(node, AnyNodeRef::StmtFunctionDef(_)));
        around.find_map(|(_, node)| {
            let AnyNodeRef::StmtWith(with) = node else { return None };
            let is_body = || with.body.iter().any(|stmt| model.contains(model.id(stmt), at));
            if with.is_async || !is_body() || with.body.iter().any(|stmt| model.first_wait(stmt).is_some()) {
                return None;
            }
            let mut owners = with
                .items
                .iter()
                .filter_map(|item| self.owner_of_transaction(&item.context_expr));
            owners
                .find(|owner| model.is_shared_place(owner, function))
                .map(|owner| model.slice(owner))
        })
    }

    /// What a manager begins a transaction of: `connection`, `session.begin()`. An engine gives a connection of its own.
    fn owner_of_transaction<'e>(&self, manager: &'e Expr) -> Option<&'e Expr> {
        let class = |expr: &Expr| match self.model.type_of(expr) {
            Type::Foreign(class) => class,
            _ => String::new(),
        };
        match manager {
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) if BEGINNERS.contains(&method.attr.as_str()) => {
                    let is_maker = ["Engine", "sessionmaker"]
                        .iter()
                        .any(|maker| class(&method.value).ends_with(maker));
                    (!is_maker).then_some(&*method.value)
                }
                _ => None,
            },
            _ => class(manager).to_lowercase().ends_with("connection").then_some(manager),
        }
    }

    /// Whether a manager is known to concern nobody but the task that enters it.
    fn is_harmless(&self, manager: &Expr) -> bool {
        let model = self.model;
        let callee = map_callable(manager);
        if model.is_builtin(callee, "open") {
            return true;
        }
        if let Expr::Call(call) = manager
            && let Some(function) = model.manager_function(&call.func, "contextmanager")
        {
            return !self.keeps_lock(function, 0) && model.leaves_behind(function, true).is_none();
        }
        let name = match model.type_of(manager) {
            Type::Foreign(name) => Some(name),
            // What others can see meanwhile is not the object itself where that is made for the block.
            Type::Instance(class) => {
                let enter = model.method(class, "__enter__");
                return enter.is_some_and(|enter| model.leaves_behind(enter, manager.is_call_expr()).is_none());
            }
            _ => model.qualified_name(callee),
        };
        let method = match callee {
            Expr::Attribute(method) => method.attr.as_str(),
            _ => "",
        };
        let is_of_package = |name: &str| HARMLESS_PACKAGES.contains(&name.split('.').next().unwrap_or(name));
        name.is_some_and(|name| HARMLESS.contains(&name.as_str()) || is_of_package(&name))
            || HARMLESS_METHODS.contains(&method)
    }
}

/// Methods of connections and sessions that give a manager of a transaction.
const BEGINNERS: &[&str] = &["atomic", "begin", "begin_nested", "savepoint", "transaction"];

/// Managers of the standard library that change nothing but what they give (Python library reference).
const HARMLESS: &[&str] = &[
    "concurrent.futures.ProcessPoolExecutor",
    "concurrent.futures.ThreadPoolExecutor",
    "contextlib.ExitStack",
    "contextlib.closing",
    "contextlib.nullcontext",
    "contextlib.suppress",
    "io.BytesIO",
    "io.StringIO",
    "io.open",
    "memoryview",
    "mmap.mmap",
    "os.fdopen",
    "os.scandir",
    "selectors.DefaultSelector",
    "socket.create_connection",
    "socket.socket",
    "sqlite3.Connection",
    "subprocess.Popen",
];

/// Libraries whose managers are files, connections, spans, scopes, or the expectations of tests.
const HARMLESS_PACKAGES: &[&str] = &[
    "anyio",
    "bz2",
    "codecs",
    "ftplib",
    "gzip",
    "httpx",
    "httpx2",
    "logfire",
    "lzma",
    "opentelemetry",
    "pathlib",
    "psycopg",
    "psycopg2",
    "pymysql",
    "pytest",
    "redis",
    "requests",
    "respx",
    "shelve",
    "smtplib",
    "sqlalchemy",
    "tarfile",
    "tempfile",
    "trio",
    "urllib",
    "urllib3",
    "xmlrpc",
    "zipfile",
];

/// Methods whose name says that they give a file, or what a test expects.
const HARMLESS_METHODS: &[&str] = &[
    "assertRaises",
    "assertRaisesRegex",
    "assertWarns",
    "open",
    "start_as_current_span",
    "stream",
    "subTest",
];

fn is_locking(name: &str) -> bool {
    let name = name.to_lowercase();
    LOCKING.iter().any(|word| name.contains(word)) && !name.contains("block") && !name.contains("clock")
}

/// `lock` of `lock`, `self.lock` and `self._lock()`.
fn last_name(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Name(name) => Some(&name.id),
        Expr::Attribute(attribute) => Some(&attribute.attr),
        Expr::Call(call) => last_name(&call.func),
        _ => None,
    }
}
