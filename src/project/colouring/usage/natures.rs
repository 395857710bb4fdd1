//! What a function is, besides a body: what decorates it, what its class is, and why it may have to stay as it is.

use super::*;
use crate::semantic::ScopeId;

/// What starts an event loop, and so cannot run inside of one.
const RUNNERS: &[&str] = &[
    "asyncio.run",
    "asyncio.Runner",
    "anyio.run",
    "trio.run",
    "uvloop.run",
    "asgiref.sync.async_to_sync",
    "aiohttp.web.run_app",
    "uvicorn.run",
];

/// The ends of decorators that register a command, a view or a job, of which the framework takes plain functions only (click, typer, Flask, Celery).
const BOUNDARIES: &[&str] = &[
    ".command",
    "click.command",
    ".route",
    ".task",
    "shared_task",
    ".cron",
    ".scheduled_job",
];

/// What pytest and unittest call around tests, by its name.
const HOOKS: &[&str] = &[
    "load_tests",
    "setUpModule",
    "setup_class",
    "setup_function",
    "setup_method",
    "setup_module",
    "tearDownModule",
    "teardown_class",
    "teardown_function",
    "teardown_method",
    "teardown_module",
];

/// Decorators that hand on what the function gives, and ask nothing of it; by the start of the name.
const TRANSPARENT: &[&str] = &[
    "functools.wraps",
    "pytest.mark.",
    "unittest.skip",
    "unittest.mock.patch",
    "mock.patch",
    "freezegun.freeze_time",
    "responses.activate",
    "vcr.use_cassette",
    "typing.overload",
    "typing_extensions.overload",
    "typing_extensions.deprecated",
    "deprecated.deprecated",
];

/// Decorators that hand on what the function gives as well, and wait between calls of it: in the event loop, if it is a coroutine function.
const RETRYING: &[&str] = &["backoff.on_exception", "backoff.on_predicate"];

/// What a decorator is, to a function that may turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decoration {
    /// It hands on what the function gives.
    Transparent,
    /// It hands on what the function gives, and waits between calls of it.
    Retry,
    /// It registers the function with a framework that takes both kinds.
    Route,
    Property,
    /// `contextlib.contextmanager`.
    Manager,
    Cache,
    Fixture,
    /// It registers the function with a framework that takes plain functions only.
    Boundary,
    /// A bare name that may be a function of the project: the link tells.
    Own,
    /// A call of such a name, which gives the decorator.
    Made,
    Unknown,
}

impl<'a> Finder<'_, '_, 'a> {
    pub(super) fn natures(&self) -> Vec<Nature> {
        let model = self.ctx.model;
        let mut natures: Vec<Nature> = self.mapper.summary.functions.iter().map(|_| plain()).collect();
        natures[0].stop = Some("it is the body of the module".to_owned());
        let file_stop = self.file_stop();
        for binding in model.bindings() {
            let BindingKind::Function(function) = binding.kind else {
                continue;
            };
            let index = self.mapper.functions[&model.id(function)];
            let mut nature = self.nature(function);
            let others = model.bindings_in(binding.scope, binding.name);
            for other in others.filter(|other| other.node != binding.node) {
                match other.kind {
                    BindingKind::Function(other) => {
                        nature.twin = Some(self.mapper.functions[&model.id(other)]);
                    }
                    _ => {
                        nature
                            .stop
                            .get_or_insert_with(|| "its name is bound to something else as well".to_owned());
                    }
                }
            }
            nature.stop = nature.stop.or_else(|| file_stop.clone());
            natures[index] = nature;
        }
        for call in model.calls() {
            let Some(owner) = self.owner(call) else { continue };
            let line = self.line(call);
            if let Some(name) = self.runner(call) {
                natures[owner].runs_loop = true;
                natures[owner]
                    .stop
                    .get_or_insert_with(|| format!("it runs an event loop of its own by `{name}` in line {line}"));
            }
            if let Expr::Attribute(method) = &*call.func
                && method.attr.as_str() == "acquire"
                && self.ctx.is_thread_lock(&method.value)
            {
                natures[owner].stop.get_or_insert_with(|| {
                    format!("it holds a threading lock, taken in line {line}: an await would deadlock")
                });
            }
            if self.is_next(call) {
                self.steps_on(&mut natures[owner], call, line);
            }
        }
        self.subcommands(&mut natures);
        for (id, node) in model.subtree(NodeId(0)) {
            if let AnyNodeRef::StmtRaise(raise) = node
                && let Some(raised) = raise.exc.as_deref()
                && model.is_builtin(map_callable(raised), "StopIteration")
                && let Some(owner) = self.mapper.owner(id)
            {
                self.ends_iteration(&mut natures[owner], id, self.line(raise));
            }
        }
        natures
    }

    /// `next(x)` in a function that turns: what a generator that turns as well raises at its end is no StopIteration.
    fn steps_on(&self, nature: &mut Nature, call: &'a ast::ExprCall, line: usize) {
        let is_own = match &call.arguments.args[0] {
            Expr::Call(_) => true,
            Expr::Name(name) => self.ctx.model.scope_of(self.ctx.model.id(name)) != ScopeId::MODULE,
            _ => false,
        };
        if !is_own {
            self.ends_iteration(nature, self.ctx.model.id(call), line);
        } else if self.may_end_iteration(nature, self.ctx.model.id(call)) {
            nature.nexts.push((call.range(), line));
        }
    }

    fn may_end_iteration(&self, nature: &Nature, at: NodeId) -> bool {
        let is_judged = matches!(nature.kind, Kind::Generator | Kind::Manager | Kind::Special(_));
        !is_judged && !self.ctx.model.is_handled_by_name(at, "StopIteration")
    }

    /// A StopIteration cannot leave a coroutine (PEP 479): it becomes a RuntimeError, as it does in a generator already.
    pub(super) fn ends_iteration(&self, nature: &mut Nature, at: NodeId, line: usize) {
        if self.may_end_iteration(nature, at) {
            nature.stop.get_or_insert_with(|| ends_iteration(line));
        }
    }

    /// What keeps all functions of the file as they are.
    pub(super) fn file_stop(&self) -> Option<String> {
        let model = self.ctx.model;
        if model.imports_package("django") {
            return Some("it may use Django's database layer, which refuses to run in an event loop".to_owned());
        }
        (model.backend() != Backend::Asyncio).then(|| "its file uses another event loop library".to_owned())
    }

    pub(super) fn runner(&self, call: &ast::ExprCall) -> Option<String> {
        if let Some(name) = self.ctx.model.qualified_name(&call.func) {
            return RUNNERS.contains(&name.as_str()).then_some(name);
        }
        match &*call.func {
            Expr::Attribute(method) if method.attr.as_str() == "run_until_complete" => Some(method.attr.to_string()),
            // `asyncio.Runner().run(...)`
            Expr::Attribute(method) if method.attr.as_str() == "run" => match self.ctx.model.type_of(&method.value) {
                Type::Foreign(class) => RUNNERS.contains(&class.as_str()).then_some(class),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn nature(&self, function: &'a ast::StmtFunctionDef) -> Nature {
        let model = self.ctx.model;
        let name = function.name.as_str();
        let class = model.class_of_method(function);
        let mut nature = plain();
        let is_generator = model.is_generator(function);
        if is_generator {
            nature.kind = Kind::Generator;
        }
        if class.is_some() && name.starts_with("__") && name.ends_with("__") {
            match name {
                "__init__" => nature.kind = Kind::Init,
                "__enter__" if !is_generator => nature.kind = Kind::Special(Special::Enter),
                "__exit__" if !is_generator => nature.kind = Kind::Special(Special::Exit),
                "__next__" if !is_generator => nature.kind = Kind::Special(Special::Next),
                "__iter__" if is_generator || ends_with_itself(function) => {
                    nature.kind = Kind::Special(Special::Iter { is_generator });
                }
                _ => nature.stop = Some("it is a special method, which Python calls without waiting".to_owned()),
            }
        }
        if class.is_none() && ["__dir__", "__getattr__"].contains(&name) {
            nature.stop =
                Some("Python calls it without waiting, for the attributes of the module (PEP 562)".to_owned());
        }
        for decorator in &function.decorator_list {
            self.decorated(&decorator.expression, &mut nature);
        }
        if is_generator {
            self.generator(function, &mut nature);
        }
        let is_test_case = class.is_some_and(|class| self.test_case(class).is_some());
        if name.starts_with("test") && nature.kind == Kind::Plain {
            if is_test_case {
                nature.kind = Kind::Unittest;
            } else if class.is_none_or(|class| class.name.starts_with("Test")) {
                nature.kind = Kind::Pytest;
            }
        } else if is_test_case
            && ["setUp", "tearDown", "setUpClass", "tearDownClass", "run", "debug", "id"].contains(&name)
        {
            nature.stop = Some("unittest calls it without waiting".to_owned());
        }
        let is_odd = |decorator: &ast::Decorator| self.decoration(&decorator.expression) == Decoration::Unknown;
        nature.is_odd = name.starts_with("test") && function.decorator_list.iter().any(is_odd);
        if HOOKS.contains(&name) || name.starts_with("pytest_") {
            nature
                .stop
                .get_or_insert_with(|| "a test runner calls it without waiting".to_owned());
        }
        nature.wrapper = self.wrapper(function);
        if nature.wrapper.is_none() && nature.kind == Kind::Plain && !function.is_async {
            let made = self.returned_function(function);
            let made = made.filter(|made| made.decorator_list.is_empty() && self.wrapper(made).is_some());
            nature.makes = made.map(|made| self.mapper.functions[&model.id(made)]);
        }
        let name = |parameter: &ast::ParameterWithDefault| parameter.parameter.name.to_string();
        nature.parameters = [
            model.given_parameters(function).map(name).collect(),
            function.parameters.kwonlyargs.iter().map(name).collect(),
        ];
        nature.gives = self.mapper.given(function);
        if nature.kind == Kind::Plain {
            nature.hands_on = self.hands_on(function).unwrap_or_default();
        }
        nature
    }

    /// The calls that a function gives the results of, as they are, where it gives nothing else.
    fn hands_on(&self, function: &'a ast::StmtFunctionDef) -> Option<Vec<TextRange>> {
        let model = self.ctx.model;
        let scope = model.body_scope(function);
        let own = model
            .subtree(model.id(function))
            .filter(|(id, _)| model.scope_of(*id) == scope);
        let returned = own.filter_map(|(_, node)| match node {
            AnyNodeRef::StmtReturn(stmt) => stmt.value.as_deref(),
            _ => None,
        });
        let calls = returned.map(|value| match value {
            Expr::Call(call) => Some(call.range()),
            Expr::Name(name) => match model.bindings_in(scope, &name.id).collect::<Vec<_>>().as_slice() {
                [binding] => match binding.kind {
                    BindingKind::Assignment(Expr::Call(call)) => Some(call.range()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        });
        calls.collect()
    }

    pub(super) fn fixtures(&self) -> BTreeMap<String, Vec<usize>> {
        let mut found: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for function in self.ctx.model.functions() {
            if let Some(name) = self.mapper.fixture(function) {
                let index = self.mapper.functions[&self.ctx.model.id(function)];
                found.entry(name).or_default().push(index);
            }
        }
        found
    }

    /// What a decorator makes of the function.
    fn decorated(&self, decorator: &'a Expr, nature: &mut Nature) {
        let written = || crate::module::one_line(self.ctx.module.slice(map_callable(decorator)));
        let unknown = || format!("it is not known what `{}` does with a coroutine function", written());
        match self.decoration(decorator) {
            Decoration::Transparent | Decoration::Own | Decoration::Made => {}
            Decoration::Retry => nature.is_retried = true,
            Decoration::Route => nature.is_route = true,
            Decoration::Property => {
                nature.stop = Some("it is a property: whoever reads it would get a coroutine".to_owned());
            }
            Decoration::Manager if nature.kind == Kind::Generator => nature.kind = Kind::Manager,
            Decoration::Cache => {
                nature.stop = Some(format!(
                    "`{}` would keep its coroutine, which can be awaited once",
                    written()
                ));
            }
            Decoration::Fixture => nature.stop = Some("it is a fixture of pytest".to_owned()),
            Decoration::Boundary => {
                nature.is_boundary = true;
                nature.stop = Some(format!("`{}` calls it without waiting", written()));
            }
            Decoration::Manager | Decoration::Unknown => {
                nature.stop.get_or_insert_with(unknown);
            }
        }
    }

    pub(super) fn decoration(&self, decorator: &Expr) -> Decoration {
        let model = self.ctx.model;
        if model.is_inert_decorator(decorator) {
            return Decoration::Transparent;
        }
        if model.is_route(decorator) || model.is_handler(decorator) {
            return Decoration::Route;
        }
        let callable = map_callable(decorator);
        let written = crate::module::one_line(self.ctx.module.slice(callable));
        let name = model.qualified_name(callable).unwrap_or_else(|| written.clone());
        let ends = |ends: &[&str]| ends.iter().any(|end| written.ends_with(end));
        match name.as_str() {
            "functools.cached_property" | "abc.abstractproperty" => Decoration::Property,
            _ if model.is_builtin(callable, "property") || ends(&[".setter", ".getter", ".deleter"]) => {
                Decoration::Property
            }
            "contextlib.contextmanager" => Decoration::Manager,
            "functools.lru_cache" | "functools.cache" => Decoration::Cache,
            "pytest.fixture" => Decoration::Fixture,
            _ if decorator.is_call_expr() && (ends(BOUNDARIES) || self.makes_subcommands(callable)) => {
                Decoration::Boundary
            }
            name if RETRYING.contains(&name) => Decoration::Retry,
            name if TRANSPARENT.iter().any(|start| name.starts_with(start)) => Decoration::Transparent,
            _ => {
                let (named, found) = match decorator {
                    Expr::Call(call) => (&*call.func, Decoration::Made),
                    named => (named, Decoration::Own),
                };
                let is_name = matches!(named, Expr::Name(_) | Expr::Attribute(_));
                match self.mapper.target(named, 0).filter(|_| is_name) {
                    Some(Target::Function(_) | Target::Path(_) | Target::Star(_)) => found,
                    _ => Decoration::Unknown,
                }
            }
        }
    }

    /// Functions that argparse keeps for a program to call: `parser.set_defaults(func=run)`, `args.func(args)`. Each can start an event loop where
    /// the program has none when it calls them.
    fn subcommands(&self, natures: &mut [Nature]) {
        let model = self.ctx.model;
        for owner in self.dispatchers().into_iter().flatten() {
            natures[owner].runs_loop = true;
            natures[owner]
                .stop
                .get_or_insert_with(|| "it calls what argparse keeps, which starts event loops of its own".to_owned());
            for reference in model
                .references()
                .iter()
                .filter(|reference| self.is_subcommand(reference.node))
            {
                if let Some(Target::Function(index)) = self.mapper.named(&reference.name.id, reference.scope) {
                    natures[index].is_boundary = true;
                    natures[index]
                        .stop
                        .get_or_insert_with(|| "argparse keeps it for a call that does not wait".to_owned());
                }
            }
        }
    }

    /// The plain functions that call what argparse keeps. `None` where a coroutine does, or nothing in the file.
    fn dispatchers(&self) -> Option<Vec<usize>> {
        let model = self.ctx.model;
        let kept: Vec<&str> = model
            .references()
            .iter()
            .filter(|reference| self.is_subcommand(reference.node))
            .filter_map(|reference| match model.node(model.parent(reference.node)) {
                AnyNodeRef::Keyword(keyword) => keyword.arg.as_deref(),
                _ => None,
            })
            .collect();
        let mut owners = Vec::new();
        for call in model.calls() {
            if let Expr::Attribute(method) = &*call.func
                && method.value.is_name_expr()
                && kept.contains(&method.attr.as_str())
            {
                let owner = self.owner(call)?;
                if self.mapper.summary.functions[owner].is_async {
                    return None;
                }
                owners.push(owner);
            }
        }
        (!owners.is_empty()).then_some(owners)
    }

    /// Whether a function of the file gives a decorator that does nothing with a function but to have argparse keep it, and to ask for its name.
    fn makes_subcommands(&self, factory: &Expr) -> bool {
        let model = self.ctx.model;
        let Expr::Name(name) = factory else { return false };
        let binding = model.sole_binding(&name.id, model.scope_of(model.id(name)));
        let Some(BindingKind::Function(factory)) = binding.map(|binding| &binding.kind) else {
            return false;
        };
        if self.dispatchers().is_none() {
            return false;
        }
        let Some(inner) = self.returned_function(factory) else {
            return false;
        };
        let [parameter] = &*inner.parameters.args else {
            return false;
        };
        let parameter = parameter.parameter.name.as_str();
        let scope = model.body_scope(inner);
        let mut references = model.references_to(scope, parameter).peekable();
        references.peek().is_some()
            && references.all(|reference| {
                let parent = model.parent(reference.node);
                matches!(
                    model.node(parent),
                    AnyNodeRef::ExprAttribute(_) | AnyNodeRef::StmtReturn(_)
                ) || self.is_subcommand(reference.node)
            })
    }

    /// The function in a function that this gives.
    fn returned_function(&self, function: &'a ast::StmtFunctionDef) -> Option<&'a ast::StmtFunctionDef> {
        let Some(Stmt::Return(ast::StmtReturn { value: Some(value), .. })) = function.body.last() else {
            return None;
        };
        let Expr::Name(given) = &**value else { return None };
        function.body.iter().find_map(|stmt| match stmt {
            Stmt::FunctionDef(inner) if inner.name.id == given.id => Some(inner),
            _ => None,
        })
    }

    /// Whether a name stands where argparse keeps a function: `parser.set_defaults(func=name)`.
    pub(super) fn is_subcommand(&self, name: NodeId) -> bool {
        let model = self.ctx.model;
        let keyword = model.parent(name);
        let call = model.parent(model.parent(keyword));
        model.node(keyword).is_keyword()
            && model.imports_package("argparse")
            && matches!(model.node(call), AnyNodeRef::ExprCall(call)
                if matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "set_defaults"))
    }

    pub(super) fn generator(&self, function: &'a ast::StmtFunctionDef, nature: &mut Nature) {
        let model = self.ctx.model;
        let scope = model.body_scope(function);
        for (id, node) in model.subtree(model.id(function)) {
            if model.scope_of(id) != scope {
                continue;
            }
            match node {
                AnyNodeRef::StmtReturn(stmt) if stmt.value.is_some() => nature.returns.push(stmt.range()),
                AnyNodeRef::ExprYield(_) if !model.node(model.parent(id)).is_stmt_expr() => {
                    nature
                        .stop
                        .get_or_insert_with(|| "it is a generator that is sent values".to_owned());
                }
                AnyNodeRef::ExprYieldFrom(_) if !model.node(model.parent(id)).is_stmt_expr() => {
                    nature
                        .stop
                        .get_or_insert_with(|| "it is a generator that uses what another one returns".to_owned());
                }
                AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_) => {
                    if node.is_expr_yield_from() {
                        nature.delegates.push(node.range());
                    }
                    let own = model.id(function);
                    nature.cleans_up |= model
                        .ancestors(id)
                        .take_while(|(outer, _)| *outer != own)
                        .any(|(_, node)| matches!(node, AnyNodeRef::StmtTry(_) | AnyNodeRef::StmtWith(_)));
                }
                _ => {}
            }
        }
    }

    pub(super) fn wrapper(&self, function: &'a ast::StmtFunctionDef) -> Option<Wrapper> {
        let model = self.ctx.model;
        let parameters = &function.parameters;
        let ([], [parameter], [], None, None) = (
            &*parameters.posonlyargs,
            &*parameters.args,
            &*parameters.kwonlyargs,
            &parameters.vararg,
            &parameters.kwarg,
        ) else {
            return None;
        };
        let parameter = parameter.parameter.name.as_str();
        let inner = self.returned_function(function)?;
        let own = model.body_scope(function);
        let inside = model.body_scope(inner);
        let mut passes_through = true;
        let mut is_called = false;
        for reference in model.references_to(own, parameter) {
            let parent = model.parent(reference.node);
            match model.node(parent) {
                AnyNodeRef::ExprCall(call) if call.func.range() == reference.name.range() => {
                    if reference.scope != inside {
                        return None;
                    }
                    is_called = true;
                    let statement = model.parent(parent);
                    let is_tail = matches!(model.node(statement), AnyNodeRef::StmtReturn(_))
                        && model
                            .ancestors(statement)
                            .take_while(|(_, node)| !node.is_stmt_function_def())
                            .all(|(_, node)| matches!(node, AnyNodeRef::StmtIf(_) | AnyNodeRef::ElifElseClause(_)));
                    passes_through &= is_tail;
                }
                // `fn.__name__`
                AnyNodeRef::ExprAttribute(_) => {}
                // `@functools.wraps(fn)`
                _ => {
                    let is_wraps = model.ancestors(reference.node).any(|(_, node)| {
                        matches!(node, AnyNodeRef::ExprCall(call)
                            if model.qualified_name(&call.func).is_some_and(|name| name == "functools.wraps"))
                    });
                    if !is_wraps {
                        return None;
                    }
                }
            }
        }
        let is_plain = is_called && !inner.is_async && !model.is_generator(inner);
        is_plain.then(|| Wrapper {
            parameter: parameter.to_owned(),
            inner: self.mapper.functions[&model.id(inner)],
            passes_through,
        })
    }

    pub(super) fn bases(&self) -> Vec<Bases> {
        let model = self.ctx.model;
        let mut all = vec![Bases::default(); self.mapper.summary.classes.len()];
        for class in model.classes() {
            let index = self.mapper.classes[&model.id(class)];
            let methods = &self.mapper.summary.classes[index].methods;
            for stmt in &class.body {
                let names: Vec<&Expr> = match stmt {
                    Stmt::Assign(assign) => assign.targets.iter().collect(),
                    Stmt::AnnAssign(assign) if assign.value.is_some() => vec![&assign.target],
                    _ => continue,
                };
                let names = names.into_iter().filter_map(Expr::as_name_expr);
                let names = names.filter(|name| !methods.contains_key(name.id.as_str()));
                all[index].assigned.extend(names.map(|name| name.id.to_string()));
            }
            let Some(arguments) = &class.arguments else { continue };
            for base in &arguments.args {
                let base = match base {
                    Expr::Subscript(subscript) => &*subscript.value,
                    base => base,
                };
                let is_builtin = model.builtin(base).is_some_and(|name| {
                    name == "object" || name.ends_with("Error") || name.ends_with("Exception") || name == "Warning"
                });
                if !is_builtin && self.mapper.class_named(base).is_none() {
                    all[index].unknown = Some(crate::module::one_line(self.ctx.module.slice(base)));
                }
            }
            all[index].test_case = self.test_case(class);
        }
        all
    }

    pub(super) fn test_case(&self, class: &ast::StmtClassDef) -> Option<TextRange> {
        let arguments = class.arguments.as_ref()?;
        let base = arguments.args.iter().find(|base| {
            self.ctx
                .model
                .qualified_name(base)
                .is_some_and(|name| ["unittest.TestCase", "unittest.case.TestCase"].contains(&name.as_str()))
        })?;
        Some(base.range())
    }
}

/// Why a function stays out of which a StopIteration may come.
pub fn ends_iteration(line: usize) -> String {
    format!("a StopIteration may leave it in line {line}, which a coroutine cannot raise")
}

fn plain() -> Nature {
    Nature {
        kind: Kind::Plain,
        stop: None,
        twin: None,
        runs_loop: false,
        is_route: false,
        is_boundary: false,
        is_retried: false,
        is_odd: false,
        wrapper: None,
        makes: None,
        cleans_up: false,
        delegates: Vec::new(),
        returns: Vec::new(),
        nexts: Vec::new(),
        hands_on: Vec::new(),
        parameters: [Vec::new(), Vec::new()],
        gives: Vec::new(),
    }
}
