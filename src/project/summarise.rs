//! The map: one parsed file to its [`Summary`].

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use super::colouring::usage;
use super::effects::map;
use super::summary::{Class, ClassName, Edge, Function, Leaf, Meaning, Note, Receiver, Site, Summary, Target};
use crate::codemod::Context;
use crate::knowledge::blocking::{self, Blocking, Rule};
use crate::process_wide::writes_to_database;
use crate::semantic::effects::MUTATORS;
use crate::semantic::implied::{By, Elements};
use crate::semantic::names::{Lookup, map_callable, plain_name};
use crate::semantic::types::{Type, TypeOracle, ends_with_itself, is_abstract};
use crate::semantic::{BindingKind, NodeId, ScopeId, ScopeKind};

/// What a hop to a thread costs where others are busy, in seconds: shorter sleeps are not followed to their callers.
const SHORTEST: f64 = 0.005;

/// How many steps lead from an expression to what is known of it.
const MAX_STEPS: usize = 5;

/// The same where what functions give counts.
const MAX_STEPS_BEHIND: usize = 10;

/// Methods that hand a function over to the event loop, and which of their arguments it is.
pub(super) const CALLBACK_TAKERS: &[(&str, usize)] = &[
    ("add_done_callback", 0),
    ("add_reader", 1),
    ("add_signal_handler", 1),
    ("add_writer", 1),
    ("call_at", 1),
    ("call_later", 1),
    ("call_soon", 0),
    ("call_soon_threadsafe", 0),
];

/// What must run in the thread of the event loop, or is tied to one thread, by the start of its qualified name.
const TIED: &[&str] = &[
    "asyncio.",
    "trio.",
    "anyio.",
    "signal.pthread_sigmask",
    "signal.set_wakeup_fd",
    "signal.setitimer",
    "signal.siginterrupt",
    "signal.signal",
    "tkinter.",
    "threading.local",
    "contextvars.ContextVar.reset",
    "contextvars.ContextVar.set",
    "sqlite3.Connection.",
    "sqlite3.Cursor.",
    "sqlalchemy.orm.",
    "sqlalchemy.engine.",
    "sqlalchemy.ext.asyncio.",
    "django.db.",
];

/// What gives an object that is tied to the thread that has made it, or is another one in each.
const TIED_FACTORIES: &[&str] = &["sqlite3.connect", "threading.local"];

/// What of the standard library looks at the function that calls, or at those that call that one: in a thread these are others
/// (`inspect`, "The interpreter stack"; `sys._getframe`).
const LOOKS_AT_CALLERS: &[&str] = &[
    "inspect.currentframe",
    "inspect.getouterframes",
    "inspect.stack",
    "sys._getframe",
    "sys._getframemodulename",
    "traceback.extract_stack",
    "traceback.format_stack",
    "traceback.print_stack",
];

/// The last words of names for what one thread may use: of an object that is given, and of which nothing else is known.
const TIED_NAMES: &[&str] = &["conn", "connection", "cur", "cursor", "session"];

/// What of these may be used in every thread.
const FREE: &[&str] = &[
    "asyncio.CancelledError",
    "asyncio.QueueEmpty",
    "asyncio.QueueFull",
    "asyncio.Task.get_name",
    "asyncio.TimeoutError",
    "asyncio.iscoroutine",
    "asyncio.iscoroutinefunction",
    "asyncio.isfuture",
    "asyncio.run",
];

/// How the classes begin whose objects are moved on by whatever is called on them, what such a call does, and why that matters.
const MOVED_BY_USE: &[(&str, &str, &str)] = &[
    ("io.", "uses", "other tasks may use meanwhile"),
    ("queue.", "uses", "other tasks may use meanwhile"),
    ("random.Random", "draws from", "gives each number once"),
    ("tempfile.", "uses", "other tasks may use meanwhile"),
];

fn is_tied(name: &str) -> bool {
    TIED.iter().any(|tied| name.starts_with(tied)) && !FREE.contains(&name)
}

/// Methods of which every class that has them gives a value and does nothing else: those of strings, numbers, mappings and dates.
const HARMLESS: &[&str] = &[
    "astimezone",
    "capitalize",
    "casefold",
    "copy",
    "count",
    "date",
    "decode",
    "encode",
    "endswith",
    "find",
    "format",
    "fromisoformat",
    "get",
    "group",
    "groups",
    "index",
    "isalnum",
    "isalpha",
    "isdigit",
    "isformat",
    "isoformat",
    "isspace",
    "items",
    "join",
    "keys",
    "lower",
    "lstrip",
    "match",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rpartition",
    "rsplit",
    "rstrip",
    "search",
    "split",
    "splitlines",
    "startswith",
    "strftime",
    "strip",
    "title",
    "timestamp",
    "total_seconds",
    "upper",
    "values",
    "zfill",
];

/// Arguments by which a parser of the standard library makes objects of any class.
const HOOKS: &[&str] = &["cls", "object_hook", "object_pairs_hook"];

/// What is asked of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Where its coroutines run what blocks.
    Chains,
    /// Also what the colouring of the project asks.
    Usage,
    /// Also what its functions do.
    Effects,
}

/// What one file says to the others.
pub fn summarise(ctx: &Context, extent: Extent) -> Summary {
    let mut mapper = mapped(ctx);
    if extent != Extent::Chains {
        // The layer and the effects ask for no more than what is said.
        mapper.follows_results = extent == Extent::Usage;
        mapper.summary.usage = Some(usage::usage(&mapper));
    }
    if extent == Extent::Effects {
        mapper.summary.effects = Some(map::effects(&mapper));
    }
    mapper.summary
}

/// The same with the places that wait for a database, for which the functions around them must turn; and the first one where nothing can wait.
pub fn summarise_waiting(ctx: &Context, waits: &[NodeId]) -> (Summary, Option<Note>) {
    let mut mapper = mapped(ctx);
    let mut usage = usage::usage(&mapper);
    let stop = usage::waiting(&mapper, waits, &mut usage);
    mapper.summary.usage = Some(usage);
    (mapper.summary, stop)
}

fn mapped<'c, 'a>(ctx: &'c Context<'a>) -> Mapper<'c, 'a> {
    let mut mapper = Mapper {
        ctx,
        functions: FxHashMap::default(),
        classes: FxHashMap::default(),
        summary: Summary::default(),
        follows_results: false,
    };
    mapper.definitions();
    mapper.names();
    mapper.hierarchy();
    mapper.uses();
    mapper
}

pub(super) struct Mapper<'c, 'a> {
    pub(super) ctx: &'c Context<'a>,
    pub(super) functions: FxHashMap<NodeId, usize>,
    pub(super) classes: FxHashMap<NodeId, usize>,
    pub(super) summary: Summary,
    /// Whether what functions give counts that do not say it: the colouring alone asks for that.
    pub(super) follows_results: bool,
}

impl<'a> Mapper<'_, 'a> {
    pub(super) fn line(&self, at: impl Ranged) -> usize {
        self.ctx.module.location(at.start()).0
    }

    fn note(&self, at: impl Ranged, text: impl Into<String>) -> Note {
        Note {
            text: text.into(),
            line: self.line(at.range()),
        }
    }

    /// All functions and classes, without what is in them.
    fn definitions(&mut self) {
        let model = self.ctx.model;
        self.summary
            .functions
            .push(empty(String::new(), TextRange::default(), 1));
        for binding in model.bindings() {
            match binding.kind {
                BindingKind::Class(class) => {
                    self.classes.insert(model.id(class), self.summary.classes.len());
                    self.summary.classes.push(Class {
                        qualname: model.qualname(&class.name, model.id(class)),
                        bases: Vec::new(),
                        methods: BTreeMap::new(),
                        attributes: BTreeMap::new(),
                    });
                }
                BindingKind::Function(function) => self.function(function),
                _ => {}
            }
        }
    }

    fn function(&mut self, function: &'a ast::StmtFunctionDef) {
        let model = self.ctx.model;
        let id = model.id(function);
        let qualname = model.qualname(&function.name, id);
        let mut found = empty(qualname, function.name.range(), self.line(function.name.range()));
        found.is_async = function.is_async;
        found.is_generator = model.is_generator(function);
        found.is_test = function.name.starts_with("test_");
        found.is_stub = is_stub(self.ctx, function);
        found.is_local_to_coroutine = model.enclosing_function(id).is_some_and(|outer| outer.is_async);
        for decorator in &function.decorator_list {
            let expr = &decorator.expression;
            let name = model.qualified_name(map_callable(expr));
            let is_property = model.is_builtin(expr, "property")
                || name.as_deref().is_some_and(|name| name == "functools.cached_property");
            found.is_property |= is_property;
            if !is_property && !model.is_inert_decorator(expr) {
                found
                    .decorators
                    .push(self.ctx.module.slice(map_callable(expr)).to_owned());
            }
        }
        let class = model.class_of_method(function);
        found.class = class.and_then(|class| self.classes.get(&model.id(class)).copied());
        let index = self.summary.functions.len();
        self.functions.insert(id, index);
        if let Some(class) = found.class {
            self.summary.classes[class]
                .methods
                .insert(function.name.to_string(), index);
        }
        self.summary.functions.push(found);
    }

    /// What the names of the module mean to others that import them.
    fn names(&mut self) {
        let model = self.ctx.model;
        for binding in model
            .bindings()
            .iter()
            .filter(|binding| binding.scope == ScopeId::MODULE)
        {
            if self.summary.names.contains_key(binding.name) {
                continue;
            }
            let meaning = match self.named(binding.name, ScopeId::MODULE) {
                Some(Target::Function(function)) => Meaning::Function(function),
                Some(Target::Class(class)) => Meaning::Class(class),
                Some(Target::Path(path)) => Meaning::Import(path),
                _ => match self.overloaded(binding.name) {
                    Some(function) => Meaning::Function(function),
                    None => continue,
                },
            };
            self.summary.names.insert(binding.name.to_owned(), meaning);
        }
        for binding in model
            .bindings()
            .iter()
            .filter(|binding| binding.scope == ScopeId::MODULE)
        {
            let is_made = matches!(
                binding.kind,
                BindingKind::Assignment(Expr::Call(_)) | BindingKind::Annotated(_)
            );
            if let BindingKind::Assignment(value) = binding.kind
                && self.gives_iterator(value)
            {
                self.summary.iterators.insert(binding.name.to_owned());
            }
            if !is_made
                || model.is_replaced(binding.name)
                || model.sole_binding(binding.name, ScopeId::MODULE).is_none()
            {
                continue;
            }
            let class = match model.type_of_binding(binding) {
                Type::Instance(class) => self.classes.get(&model.id(class)).copied().map(ClassName::Own),
                Type::Foreign(name) => Some(ClassName::Path(name)),
                _ => None,
            };
            if let Some(class) = class {
                self.summary.objects.insert(binding.name.to_owned(), class);
            }
        }
        for binding in model.bindings() {
            let name = binding.name;
            if binding.scope == ScopeId::MODULE
                && !self.summary.names.contains_key(name)
                && !self.summary.objects.contains_key(name)
            {
                self.summary.bound.insert(name.to_owned());
            }
        }
        for (_, node) in model.subtree(NodeId(0)) {
            if let AnyNodeRef::StmtImportFrom(import) = node
                && import.names.iter().any(|alias| alias.name.as_str() == "*")
            {
                let module = import.module.as_deref().unwrap_or_default();
                let dots = ".".repeat(import.level as usize);
                self.summary.stars.push(format!("{dots}{module}"));
            }
        }
    }

    /// The function of a module behind its `@overload`s.
    fn overloaded(&self, name: &str) -> Option<usize> {
        let model = self.ctx.model;
        let mut last = None;
        for binding in model.bindings_in(ScopeId::MODULE, name) {
            let BindingKind::Function(function) = binding.kind else {
                return None;
            };
            let is_overload = function.decorator_list.iter().any(|decorator| {
                model
                    .qualified_name(&decorator.expression)
                    .is_some_and(|name| name.ends_with(".overload"))
            });
            match (last, is_overload) {
                (None, true) => {}
                (None, false) => last = Some(self.functions[&model.id(function)]),
                (Some(_), _) => return None,
            }
        }
        last
    }

    /// The bases of classes, the classes of their attributes, and what functions say that they return.
    fn hierarchy(&mut self) {
        let model = self.ctx.model;
        for class in model.classes() {
            let index = self.classes[&model.id(class)];
            self.aliases(class, index);
            self.declared(class, index);
            let bases = class.arguments.iter().flat_map(|arguments| arguments.args.iter());
            let bases = bases
                .filter(|base| !model.is_builtin(base, "object"))
                .map(|base| match base {
                    // `Generic[T]` and its like.
                    Expr::Subscript(subscript) => self.class_named(&subscript.value),
                    base => self.class_named(base),
                })
                .collect();
            self.summary.classes[index].bases = bases;
        }
        let mut attributes: BTreeMap<(usize, String), Option<ClassName>> = BTreeMap::new();
        for store in model.attribute_stores() {
            let Type::Instance(class) = model.type_of(&store.value) else {
                continue;
            };
            let known = match model.type_of(&Expr::Attribute(store.clone())) {
                Type::Instance(other) => self.classes.get(&model.id(other)).map(|index| ClassName::Own(*index)),
                Type::Foreign(name) => Some(ClassName::Path(name)),
                Type::Scalar(name) | Type::Container(name) => Some(builtin(name)),
                Type::Unknown => None,
            };
            attributes.insert((self.classes[&model.id(class)], store.attr.to_string()), known);
        }
        for ((class, name), known) in attributes {
            if let Some(known) = known {
                self.summary.classes[class].attributes.insert(name, known);
            }
        }
        for function in model.functions() {
            let index = self.functions[&model.id(function)];
            let said = function.returns.as_deref().and_then(|returns| self.annotated(returns));
            let own = || {
                let class = self.summary.functions[index].class.map(ClassName::Own)?;
                ends_with_itself(function).then_some(class)
            };
            self.summary.functions[index].returns = said.or_else(own);
        }
    }

    /// The classes of attributes that the body of a class declares: `client: Client`.
    fn declared(&mut self, class: &ast::StmtClassDef, index: usize) {
        for stmt in &class.body {
            if let Stmt::AnnAssign(declared) = stmt
                && let Expr::Name(name) = &*declared.target
                && let Some(known) = self.annotated(&declared.annotation)
            {
                self.summary.classes[index]
                    .attributes
                    .insert(name.id.to_string(), known);
            }
        }
    }

    /// `b = a` in the body of a class: another name of a method.
    fn aliases(&mut self, class: &ast::StmtClassDef, index: usize) {
        let methods = &mut self.summary.classes[index].methods;
        for stmt in &class.body {
            if let Stmt::Assign(assign) = stmt
                && let ([Expr::Name(alias)], Expr::Name(method)) = (&*assign.targets, &*assign.value)
                && let Some(&method) = methods.get(method.id.as_str())
            {
                methods.entry(alias.id.to_string()).or_insert(method);
            }
        }
    }

    /// The class that an annotation says, `None` aside.
    fn annotated(&self, annotation: &Expr) -> Option<ClassName> {
        let model = self.ctx.model;
        let annotation = without_none(annotation);
        let class = match annotation {
            Expr::Subscript(generic) => &generic.value,
            class => class,
        };
        if let Some(container) = model.container_named(class) {
            return Some(builtin(container));
        }
        match (model.builtin(class), annotation) {
            (Some("object" | "type"), _) => None,
            (Some(name), _) => Some(builtin(name)),
            // Of which class the instances of a generic one are is not looked into.
            (None, Expr::Subscript(_)) => None,
            (None, _) => self.class_named(class).filter(|class| match class {
                ClassName::Own(_) => true,
                ClassName::Path(name) => !is_abstract(name),
            }),
        }
    }

    /// The class that an expression names.
    pub(super) fn class_named(&self, expr: &Expr) -> Option<ClassName> {
        let model = self.ctx.model;
        if let Some(class) = model.class_named(expr) {
            return self.classes.get(&model.id(class)).map(|index| ClassName::Own(*index));
        }
        model.qualified_name(expr).map(ClassName::Path)
    }

    /// What a name stands for when it is read in a scope.
    pub(super) fn named(&self, name: &str, scope: ScopeId) -> Option<Target> {
        let model = self.ctx.model;
        if let Some(path) = model.imported_name(name, scope) {
            return Some(Target::Path(path));
        }
        if model.lookup(name, scope) == Lookup::Unknown {
            return Some(Target::Star(name.to_owned()));
        }
        let binding = model.sole_binding(name, scope)?;
        match binding.kind {
            BindingKind::Function(_) if binding.scope == ScopeId::MODULE && model.is_replaced(name) => None,
            BindingKind::Function(function) => self.functions.get(&model.id(function)).copied().map(Target::Function),
            BindingKind::Class(class) => self.classes.get(&model.id(class)).copied().map(Target::Class),
            // `b = a`.
            BindingKind::Assignment(Expr::Name(other)) if other.id != name => {
                self.named(&other.id, model.scope_of(model.id(other)))
            }
            _ => None,
        }
    }

    /// What an expression stands for.
    pub(super) fn target(&self, expr: &Expr, steps: usize) -> Option<Target> {
        let model = self.ctx.model;
        match expr {
            Expr::Name(name) => self
                .named(&name.id, model.scope_of(model.id(name)))
                .or_else(|| self.class_parameter(name).map(Target::Class)),
            Expr::Attribute(attribute) => {
                if let Some(path) = model.qualified_name(expr) {
                    return Some(Target::Path(path));
                }
                let name = attribute.attr.to_string();
                if let Expr::Call(call) = &*attribute.value
                    && model.is_builtin(&call.func, "super")
                    && self.is_plain_super(call)
                {
                    let function = model.enclosing_function(model.id(call))?;
                    let class = model.class_of_method(function)?;
                    return Some(Target::Super(*self.classes.get(&model.id(class))?, name));
                }
                Some(Target::Member(self.receiver(&attribute.value, steps)?, name))
            }
            _ => None,
        }
    }

    /// `super()`, or with what it stands for written out: `super(Own, self)`.
    fn is_plain_super(&self, call: &ast::ExprCall) -> bool {
        let model = self.ctx.model;
        let own = || model.class_of_method(model.enclosing_function(model.id(call))?);
        match &*call.arguments.args {
            [] => true,
            [class, Expr::Name(_)] => model
                .class_named(class)
                .zip(own())
                .is_some_and(|(named, own)| std::ptr::eq(named, own)),
            _ => false,
        }
    }

    /// What is known of an object.
    pub(super) fn receiver(&self, expr: &'a Expr, steps: usize) -> Option<Receiver> {
        let model = self.ctx.model;
        let limit = if self.follows_results {
            MAX_STEPS_BEHIND
        } else {
            MAX_STEPS
        };
        if steps > limit {
            return None;
        }
        match model.type_of_receiver(expr) {
            Type::Instance(class) => {
                let index = self.classes.get(&model.id(class))?;
                return Some(Receiver::Instance(ClassName::Own(*index)));
            }
            // An imported name may be a function with a capital letter; `resolve` finds out.
            Type::Foreign(name) => return Some(Receiver::Instance(ClassName::Path(name))),
            Type::Scalar(_) | Type::Container(_) => return None,
            Type::Unknown => {}
        }
        if self.follows_results
            && let Some(known) = self.data(expr, steps)
        {
            return Some(known);
        }
        match expr {
            Expr::Name(name) => {
                let scope = model.scope_of(model.id(name));
                match self.named(&name.id, scope) {
                    Some(Target::Class(class)) => return Some(Receiver::Class(ClassName::Own(class))),
                    Some(Target::Path(path)) => return Some(Receiver::Class(ClassName::Path(path))),
                    _ => {}
                }
                if let Some(class) = self.class_parameter(name) {
                    return Some(Receiver::Class(ClassName::Own(class)));
                }
                let Some(binding) = model.sole_binding(&name.id, scope) else {
                    return if self.follows_results {
                        self.one_of(name, steps)
                    } else {
                        None
                    };
                };
                match binding.kind {
                    BindingKind::Assignment(value) => self.receiver(value, steps + 1),
                    BindingKind::Parameter(_) if self.follows_results => self.injected(binding),
                    BindingKind::Other if self.follows_results => {
                        let iterated = || {
                            Some(Receiver::Part(Box::new(
                                self.receiver(self.iterated(binding)?, steps + 1)?,
                            )))
                        };
                        self.element(binding, steps).or_else(iterated)
                    }
                    BindingKind::With(item, _) => Some(Receiver::Entered(Box::new(
                        self.receiver(&item.context_expr, steps + 1)?,
                    ))),
                    _ => None,
                }
            }
            Expr::Attribute(attribute) => Some(Receiver::Attribute(
                Box::new(self.receiver(&attribute.value, steps + 1)?),
                attribute.attr.to_string(),
            )),
            // What a hook makes may be anything.
            Expr::Call(call) if HOOKS.iter().any(|hook| call.arguments.find_keyword(hook).is_some()) => None,
            // `getattr(object, name)()`
            Expr::Call(call)
                if self.follows_results
                    && let Expr::Call(getter) = &*call.func
                    && model.is_builtin(&getter.func, "getattr")
                    && let Some(object) = getter.arguments.args.first() =>
            {
                Some(Receiver::Part(Box::new(self.receiver(object, steps + 1)?)))
            }
            Expr::Call(call) => Some(Receiver::Result(Box::new(self.target(&call.func, steps + 1)?))),
            Expr::Subscript(subscript) if self.follows_results => {
                let is_filled = matches!(&*subscript.value, Expr::Name(name) if self.is_filled(name));
                let object = self.receiver(&subscript.value, steps + 1).filter(|_| !is_filled)?;
                Some(Receiver::Part(Box::new(object)))
            }
            Expr::Await(inner) => self.receiver(&inner.value, steps + 1),
            _ => None,
        }
    }

    /// The class whose class method has this name as its first parameter.
    fn class_parameter(&self, name: &ast::ExprName) -> Option<usize> {
        let model = self.ctx.model;
        let binding = model.sole_binding(&name.id, model.scope_of(model.id(name)))?;
        let BindingKind::Parameter(parameter) = binding.kind else {
            return None;
        };
        let function = model.function_of_scope(binding.scope)?;
        let is_first = function
            .parameters
            .iter_source_order()
            .next()?
            .as_parameter()
            .name
            .range()
            == parameter.name.range();
        let is_class_method = function
            .decorator_list
            .iter()
            .any(|decorator| model.is_builtin(&decorator.expression, "classmethod"));
        let class = model.class_of_method(function)?;
        (is_first && is_class_method).then(|| self.classes.get(&model.id(class)).copied())?
    }

    /// What every function uses, calls and touches.
    fn uses(&mut self) {
        let model = self.ctx.model;
        let mut reads: BTreeMap<(usize, &'a str), TextRange> = BTreeMap::new();
        // The first reading of a file, and the last writing.
        let mut files: BTreeMap<(usize, String), [Option<TextRange>; 2]> = BTreeMap::new();
        let has_threads = model.imports_package("threading");
        for (id, node) in model.subtree(NodeId(0)) {
            let Some(owner) = self.owner(id) else {
                self.use_apart(id, node);
                continue;
            };
            self.handed_by(owner, id, node);
            if let AnyNodeRef::ExprCall(call) = node
                && let Some(access) = self.ctx.file_access(call)
            {
                let path = self.ctx.path_as_written(access.path);
                let function = &mut self.summary.functions[owner];
                let [read, written] = files.entry((owner, path.clone())).or_default();
                if access.reads {
                    read.get_or_insert(call.range());
                }
                if access.writes {
                    *written = Some(call.range());
                }
                if self.ctx.is_same_everywhere(access.path) {
                    function.files_read.extend(access.reads.then(|| path.clone()));
                    function.files_written.extend(access.writes.then_some(path));
                }
            }
            if let AnyNodeRef::ExprName(name) = node
                && name.ctx.is_load()
                && self.is_variable_of_module(name)
            {
                let read = reads.entry((owner, &name.id)).or_insert(name.range());
                *read = read.cover(name.range());
            }
            let objects = match node {
                _ if !has_threads => &[],
                AnyNodeRef::ExprAttribute(attribute) => std::slice::from_ref(&*attribute.value),
                AnyNodeRef::ExprCall(call) => &*call.arguments.args,
                _ => &[],
            };
            if let Some(object) = objects.iter().find(|object| self.is_thread_local(object)) {
                let text = format!(
                    "uses `{}`, which is another object in each thread",
                    self.ctx.module.slice(object)
                );
                self.hazard(owner, object.range(), &text);
            }
            if let AnyNodeRef::ExprAttribute(attribute) = node
                && self.is_tied_object(&attribute.value)
            {
                let text = format!(
                    "uses `{}`, which may belong to one thread",
                    self.ctx.module.slice(&*attribute.value)
                );
                self.hazard(owner, attribute.range(), &text);
            }
            match node {
                AnyNodeRef::ExprCall(call) => self.call(owner, call),
                AnyNodeRef::ExprAttribute(attribute) if attribute.ctx.is_load() => self.read(owner, id, attribute),
                AnyNodeRef::StmtWith(with) if !with.is_async => {
                    for item in &with.items {
                        self.object(owner, &item.context_expr, Edge::Enter);
                    }
                }
                AnyNodeRef::StmtFor(stmt) if !stmt.is_async => self.gone_over(owner, &stmt.iter),
                AnyNodeRef::Comprehension(part) if !part.is_async => self.gone_over(owner, &part.iter),
                AnyNodeRef::StmtGlobal(stmt) => {
                    self.summary.changed.extend(stmt.names.iter().map(ToString::to_string));
                    self.write(owner, stmt.range(), "binds a global name");
                }
                AnyNodeRef::StmtNonlocal(stmt) => self.write(owner, stmt.range(), "binds a name of another function"),
                AnyNodeRef::ExprAttribute(_) | AnyNodeRef::ExprSubscript(_) => self.stored(owner, node),
                AnyNodeRef::StmtRaise(raise) if raise.exc.is_none() && !self.is_handled(id) => {
                    self.hazard(
                        owner,
                        raise.range(),
                        "raises again what its caller handles, which a thread does not see",
                    );
                }
                AnyNodeRef::StmtReturn(stmt) if stmt.value.as_deref().is_some_and(|value| self.is_lazy(value)) => {
                    self.hazard(
                        owner,
                        stmt.range(),
                        "gives an iterator, whose steps would run in the event loop",
                    );
                }
                _ => {}
            }
        }
        for ((owner, path), uses) in files {
            if let [Some(read), Some(written)] = uses
                && read.start() <= written.start()
            {
                let text = format!("reads `{path}` and writes it back, and two tasks may now do so at once");
                self.write(owner, written, &text);
            }
        }
        for ((owner, name), read) in reads {
            let function = &mut self.summary.functions[owner];
            let calls = function.sites.iter().map(|site| site.range);
            let mut calls = calls.chain(function.leaves.iter().map(|leaf| leaf.range));
            if calls.any(|call| read.contains_range(call)) {
                function.read_again.insert(name.to_owned());
            }
        }
    }

    /// Whether a name stands for an object of this or another module that is more than its code.
    fn is_variable_of_module(&self, name: &ast::ExprName) -> bool {
        let model = self.ctx.model;
        let scope = model.scope_of(model.id(name));
        let is_called = model.is_callee(model.id(name));
        let mut bindings = model.resolve(&name.id, scope).peekable();
        !is_called
            && bindings.peek().is_some()
            && bindings.all(|binding| {
                let is_code = matches!(
                    binding.kind,
                    BindingKind::Function(_) | BindingKind::Class(_) | BindingKind::Import(_)
                );
                binding.scope == ScopeId::MODULE && !is_code
            })
    }

    /// Notes that a function changes what an expression stands for, if that is a variable of a module.
    fn changes(&mut self, owner: usize, expr: &Expr) {
        let name = match expr {
            Expr::Name(name) if self.is_variable_of_module(name) => &name.id,
            Expr::Attribute(attribute) if self.ctx.model.imported_root(&attribute.value) => attribute.attr.id(),
            _ => return,
        };
        if owner > 0 {
            self.summary.changed.insert(name.to_string());
        }
    }

    /// A store to an attribute or an item of what the function has not made itself.
    fn stored(&mut self, owner: usize, node: AnyNodeRef<'a>) {
        let text = match node {
            AnyNodeRef::ExprAttribute(attribute)
                if !attribute.ctx.is_load()
                    && !self.is_made_here(owner, &attribute.value)
                    && !self.is_being_made(owner, &attribute.value) =>
            {
                self.changes(owner, &Expr::Attribute(attribute.clone()));
                self.changes(owner, &attribute.value);
                self.ctx.module.slice(attribute)
            }
            AnyNodeRef::ExprSubscript(subscript)
                if !subscript.ctx.is_load() && !self.is_made_here(owner, &subscript.value) =>
            {
                self.changes(owner, &subscript.value);
                self.ctx.module.slice(&*subscript.value)
            }
            _ => return,
        };
        let text = format!("writes to `{text}`");
        self.write(owner, node.range(), &text);
    }

    /// What stands in a lambda or in the body of a class may run when the function around it does.
    fn use_apart(&mut self, id: NodeId, node: AnyNodeRef<'a>) {
        let function = self.ctx.model.enclosing_function(id);
        let Some(owner) = function.and_then(|function| self.functions.get(&self.ctx.model.id(function)).copied())
        else {
            return;
        };
        self.handed_by(owner, id, node);
        self.stored(owner, node);
        if let AnyNodeRef::ExprCall(call) = node {
            self.judge_call(owner, call);
            let target = self.target(&call.func, 0);
            self.summary.functions[owner].handed.extend(target);
        }
    }

    /// Functions that a call is given, or that decorate a definition, may run; iterators are used up by what goes over them.
    fn handed_by(&mut self, owner: usize, id: NodeId, node: AnyNodeRef<'a>) {
        if owner > 0 && !self.summary.functions[owner].is_async {
            self.implied_by(owner, node);
            if matches!(node, AnyNodeRef::ExprCall(_) | AnyNodeRef::StmtRaise(_))
                && self.ctx.model.raises_stop_iteration(id)
            {
                self.hazard(
                    owner,
                    node.range(),
                    "may raise StopIteration, which a thread cannot hand over",
                );
            }
        }
        let handed: Vec<&'a Expr> = match node {
            AnyNodeRef::ExprCall(call) => call
                .arguments
                .iter_source_order()
                .map(|argument| argument.value())
                .collect(),
            AnyNodeRef::StmtFunctionDef(function) => decorators(&function.decorator_list),
            AnyNodeRef::StmtClassDef(class) => decorators(&class.decorator_list),
            AnyNodeRef::StmtFor(stmt) => vec![&stmt.iter],
            AnyNodeRef::Comprehension(part) => vec![&part.iter],
            AnyNodeRef::ExprStarred(starred) if starred.ctx.is_load() => vec![&starred.value],
            AnyNodeRef::StmtAssign(assign)
                if assign.targets.iter().any(|to| to.is_tuple_expr() || to.is_list_expr()) =>
            {
                vec![&assign.value]
            }
            AnyNodeRef::ExprCompare(compare) => compare.comparators.iter().collect(),
            _ => return,
        };
        for expr in handed {
            if !matches!(expr, Expr::Name(_) | Expr::Attribute(_)) {
                continue;
            }
            if let Expr::Name(name) = expr
                && self.is_iterator(name)
            {
                let text = format!("takes elements of `{}`, which gives each of them once", name.id);
                self.write(owner, name.range(), &text);
            }
            let target = self.target(expr, 0);
            let target = target.filter(|target| !matches!(target, Target::Class(_)));
            self.summary.functions[owner].handed.extend(target);
        }
    }

    /// What runs without being called by its name: it may run when the function does.
    fn implied_by(&mut self, owner: usize, node: AnyNodeRef<'a>) {
        let model = self.ctx.model;
        let attribute = node.expr_attribute().map(|attribute| attribute.attr.as_str());
        for implied in model.implied(node) {
            let functions = model.functions_implied(&implied, attribute);
            let functions = functions
                .iter()
                .filter_map(|function| self.functions.get(&model.id(*function)));
            let targets: Vec<Target> = functions.map(|index| Target::Function(*index)).collect();
            self.summary.functions[owner].handed.extend(targets);
            if implied.by != By::Iterated {
                continue;
            }
            let text = crate::module::one_line(self.ctx.module.slice(implied.object));
            let range = model
                .enclosing_function(model.id(implied.object))
                .map_or_else(TextRange::default, Ranged::range);
            match model.elements(implied.object, range) {
                Elements::Known => {}
                Elements::Unknown | Elements::Lazy => {
                    let text = format!("goes over `{text}`, and it is not known what computes its elements");
                    self.unknown(owner, implied.object.range(), &text);
                }
            }
        }
    }

    fn gone_over(&mut self, owner: usize, iter: &'a Expr) {
        self.object(owner, iter, Edge::Iterate);
        if let Some(container) = self.ctx.model.live_container(iter) {
            let text = format!("goes over `{container}`, which other tasks may change meanwhile");
            self.write(owner, iter.range(), &text);
        }
    }

    /// Whether a name stands for an iterator of the module.
    fn is_iterator(&self, name: &ast::ExprName) -> bool {
        let model = self.ctx.model;
        let binding = model.sole_binding(&name.id, model.scope_of(model.id(name)));
        binding.is_some_and(|binding| {
            binding.scope == ScopeId::MODULE
                && matches!(binding.kind, BindingKind::Assignment(value) if self.gives_iterator(value))
        })
    }

    fn gives_iterator(&self, value: &Expr) -> bool {
        let is_generator = |call: &ast::ExprCall| {
            let function = self.ctx.model.function_of(&call.func);
            function.is_some_and(|function| self.ctx.model.is_generator(function))
        };
        self.is_lazy(value)
            || matches!(value, Expr::Call(call) if is_generator(call) || self.ctx.model.is_builtin(&call.func, "open"))
    }

    /// The function in whose frame a node runs. What stands in a lambda or a class body runs elsewhere or once.
    pub(super) fn owner(&self, id: NodeId) -> Option<usize> {
        let model = self.ctx.model;
        let mut at = model.scope_of(id);
        loop {
            let scope = model.scope(at);
            match scope.kind {
                ScopeKind::Module => return Some(0),
                ScopeKind::Function(function) => return self.functions.get(&model.id(function)).copied(),
                ScopeKind::Comprehension | ScopeKind::Generator | ScopeKind::TypeParams => at = scope.parent?,
                ScopeKind::Class(_) | ScopeKind::Lambda(_) => return None,
            }
        }
    }

    fn call(&mut self, owner: usize, call: &'a ast::ExprCall) {
        let blocking = self.ctx.blocking_call(call);
        let never_waits = |(name, row): &(String, Blocking)| {
            self.ctx.returns_at_once(call, *row) || is_no_wait(call, name) || self.is_nap(call, name)
        };
        let may_block = !blocking.as_ref().is_some_and(never_waits)
            && (blocking.is_some() || !self.ctx.is_told_not_to_wait(call))
            && !self.ctx.model.runs_without_loop(self.ctx.model.id(call));
        if let Some((name, row)) = &blocking
            && may_block
            && (matches!(row.rule, Rule::Call | Rule::List)
                || name == "time.sleep"
                || row.kind == "declared"
                || blocking::opens(row) && self.is_used_up(call))
        {
            let leaf = Leaf {
                name: name.clone(),
                kind: row.kind.to_owned(),
                range: call.range(),
                line: self.line(call.range()),
            };
            self.summary.functions[owner].leaves.push(leaf);
            if let Some(text) = self.ctx.one_at_a_time(call, *row) {
                self.write(owner, call.range(), &format!("blocks: {text}"));
            }
            if let Some(path) = self.ctx.shared_file(call) {
                let text = format!("writes `{path}`, which other tasks may write: threads keep no order");
                self.write(owner, call.range(), &text);
            }
        }
        if let Some(text) = self.ctx.changes_paths(call) {
            self.write(owner, call.range(), &text);
        }
        self.callbacks(owner, call);
        if self.is_on_own_connection(owner, call) {
            if writes_to_database(call) != Some(false) && !self.is_in_memory(owner) {
                let text = "writes to a database, and threads need not do so in the order in which the tasks come here";
                self.write(owner, call.range(), text);
            }
            return;
        }
        self.judge_call(owner, call);
        if self.ctx.model.asks_for_exception(call) && !self.is_handled(self.ctx.model.id(call)) {
            let text = "looks at the exception that its caller handles, which a thread does not see";
            self.hazard(owner, call.range(), text);
        }
        let Some(target) = self.target(&call.func, 0) else {
            return;
        };
        let is_awaited = self.ctx.is_awaited(call);
        self.site(owner, target, Edge::Call, call.range(), &call.func, is_awaited);
        if let Some(site) = self.summary.functions[owner].sites.last_mut() {
            site.may_block = may_block;
        }
    }

    /// Whether what a call opens is used and closed, or dropped, in the function that opens it.
    fn is_used_up(&self, call: &'a ast::ExprCall) -> bool {
        let model = self.ctx.model;
        let id = model.id(call);
        if model
            .enclosing_function(id)
            .is_none_or(|function| model.is_generator(function))
            || matches!(call.arguments.args.first().map(|first| model.type_of(first)),
                Some(Type::Foreign(class)) if matches!(&*class, "io.BytesIO" | "io.StringIO"))
        {
            return false;
        }
        let mut at = id;
        loop {
            let parent = model.parent(at);
            match model.node(parent) {
                AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) | AnyNodeRef::ExprAttribute(_) => at = parent,
                // `open(path).read()`, `json.load(open(path))`, `closing(connect(path))`
                AnyNodeRef::ExprCall(outer) => {
                    if model.node(at).is_expr_attribute()
                        || plain_name(&outer.func).is_some_and(|name| name.starts_with("load"))
                    {
                        return true;
                    }
                    at = parent;
                }
                AnyNodeRef::WithItem(_) | AnyNodeRef::StmtExpr(_) | AnyNodeRef::StmtFor(_) => return true,
                AnyNodeRef::StmtAssign(assign) => {
                    return match assign.targets.as_slice() {
                        [Expr::Name(name)] => !self.is_given_away(name),
                        _ => false,
                    };
                }
                _ => return false,
            }
        }
    }

    /// Whether an object is what the function itself has opened.
    fn is_opened_here(&self, owner: usize, expr: &'a Expr) -> bool {
        let model = self.ctx.model;
        let opens = |value: &Expr| match value {
            Expr::Call(call) => self
                .ctx
                .blocking_call(call)
                .is_some_and(|(_, row)| blocking::opens(&row)),
            _ => false,
        };
        let Expr::Name(name) = expr else { return opens(expr) };
        let mut bindings = model.resolve(&name.id, model.scope_of(model.id(name))).peekable();
        bindings.peek().is_some()
            && bindings.all(|binding| {
                let is_own = self.owner(binding.node) == Some(owner);
                is_own
                    && match binding.kind {
                        BindingKind::With(item, _) => opens(&item.context_expr),
                        BindingKind::Assignment(value) => opens(value),
                        _ => false,
                    }
            })
    }

    /// Whether a local name is returned, yielded, kept on an object or used by another function.
    fn is_given_away(&self, name: &'a ast::ExprName) -> bool {
        let model = self.ctx.model;
        let scope = model.scope_of(model.id(name));
        model.lookup(&name.id, scope) == Lookup::Scope(ScopeId::MODULE)
            || model.is_captured(&name.id, scope)
            || model.references_like(name).any(|reference| {
                let around = model.node(model.parent(reference.node));
                matches!(
                    around,
                    AnyNodeRef::StmtReturn(_)
                        | AnyNodeRef::StmtAssign(_)
                        | AnyNodeRef::ExprTuple(_)
                        | AnyNodeRef::ExprList(_)
                        | AnyNodeRef::ExprDict(_)
                        | AnyNodeRef::ExprYield(_)
                )
            })
    }

    /// A sleep that is over about as soon as a thread would have been found for it, and is not repeated.
    fn is_nap(&self, call: &ast::ExprCall, name: &str) -> bool {
        let model = self.ctx.model;
        let duration = call.arguments.args.first().and_then(|duration| model.number(duration));
        name == "time.sleep"
            && duration.is_some_and(|seconds| seconds <= SHORTEST)
            && model.loops(model.id(call)).next().is_none()
    }

    /// Whether a node stands in a handler of its own function.
    fn is_handled(&self, id: NodeId) -> bool {
        let around = self.ctx.model.ancestors(id);
        let mut around = around.take_while(|(_, node)| !node.is_stmt_function_def());
        around.any(|(_, node)| node.is_except_handler_except_handler())
    }

    /// Functions that are given to the event loop.
    fn callbacks(&mut self, owner: usize, call: &'a ast::ExprCall) {
        let Expr::Attribute(method) = &*call.func else { return };
        let taker = CALLBACK_TAKERS.iter().find(|(name, _)| *name == method.attr.as_str());
        let Some(callback) = taker.and_then(|(_, index)| call.arguments.args.get(*index)) else {
            return;
        };
        if let Type::Foreign(class) = self.ctx.model.type_of(&method.value)
            && class.starts_with("concurrent.")
        {
            // Their callbacks run in the thread that has computed.
            return;
        }
        if let Some(target) = self.target(callback, 0) {
            self.site(owner, target, Edge::Callback, callback.range(), callback, false);
        }
    }

    fn read(&mut self, owner: usize, id: NodeId, attribute: &'a ast::ExprAttribute) {
        let model = self.ctx.model;
        let is_callee = model.is_callee(id);
        let inner = matches!(model.node(model.parent(id)), AnyNodeRef::ExprAttribute(_));
        if is_callee || inner && model.imported_root(&attribute.value) {
            return;
        }
        let expr = Expr::Attribute(attribute.clone());
        if let Some(target @ Target::Member(Receiver::Instance(_) | Receiver::Attribute(..) | Receiver::Result(_), _)) =
            self.target(&expr, 0)
        {
            self.site(owner, target, Edge::Read, attribute.range(), &expr, false);
        }
    }

    fn object(&mut self, owner: usize, expr: &'a Expr, edge: Edge) {
        if let Some(receiver) = self.receiver(expr, 0) {
            self.site(owner, Target::Object(receiver), edge, expr.range(), expr, false);
        }
    }

    fn site(&mut self, owner: usize, target: Target, edge: Edge, range: TextRange, text: &Expr, is_awaited: bool) {
        let site = Site {
            target,
            edge,
            range,
            line: self.line(range),
            text: self.ctx.module.slice(text).to_owned(),
            is_awaited,
            may_block: true,
        };
        self.summary.functions[owner].sites.push(site);
    }

    /// What a call of something that is not of the project may do.
    fn judge_call(&mut self, owner: usize, call: &'a ast::ExprCall) {
        let model = self.ctx.model;
        let written = || crate::module::one_line(self.ctx.module.slice(&*call.func));
        if let Some(text) = self.ctx.matters_to_process(call) {
            self.write(owner, call.range(), &text);
        }
        if let Some(name) = model.qualified_name(&call.func) {
            if LOOKS_AT_CALLERS.contains(&name.as_str()) {
                let text = format!("calls `{name}`, which sees other callers in a thread");
                self.hazard(owner, call.range(), &text);
            }
            // Whether it is of the project or of a library, the link tells.
            if is_tied(&name) {
                let text = format!("calls `{name}`, which needs its thread");
                self.hazard(owner, call.range(), &text);
            }
            return;
        }
        match &*call.func {
            Expr::Attribute(method) => match model.type_of(&method.value) {
                Type::Foreign(class) => {
                    let name = format!("{class}.{}", method.attr);
                    if is_tied(&name) {
                        let text = format!("calls `{name}`, which needs its thread");
                        self.hazard(owner, call.range(), &text);
                    }
                    if let Some((_, does, why)) = MOVED_BY_USE.iter().find(|(moved, ..)| class.starts_with(moved))
                        && !self.is_made_here(owner, &method.value)
                    {
                        let object = self.ctx.module.slice(&*method.value);
                        self.write(owner, call.range(), &format!("{does} `{object}`, which {why}"));
                    }
                }
                Type::Scalar(_) => {}
                _ if MUTATORS.contains(&method.attr.as_str()) => {
                    if !self.is_made_here(owner, &method.value) {
                        self.changes(owner, &method.value);
                        let text = format!("changes `{}`", self.ctx.module.slice(&*method.value));
                        self.write(owner, call.range(), &text);
                    }
                }
                Type::Container(_) | Type::Instance(_) => {}
                Type::Unknown => {
                    let is_known = self.target(&call.func, 0).is_some()
                        || HARMLESS.contains(&method.attr.as_str())
                        || self.is_opened_here(owner, &method.value);
                    if !is_known {
                        let text = format!("calls `{}`, of which it is not known what it does", written());
                        self.unknown(owner, call.range(), &text);
                    }
                }
            },
            Expr::Name(name) => {
                let scope = model.scope_of(model.id(name));
                let is_builtin = model.lookup(&name.id, scope) == Lookup::Builtin;
                if !is_builtin && self.target(&call.func, 0).is_none() {
                    let text = format!("calls `{}`, of which it is not known what it does", name.id);
                    self.unknown(owner, call.range(), &text);
                }
            }
            _ => {
                let text = format!("calls `{}`, of which it is not known what it does", written());
                self.unknown(owner, call.range(), &text);
            }
        }
    }

    /// Whether an object was made by the function itself, so that nobody else sees what is written to it.
    fn is_made_here(&self, owner: usize, expr: &Expr) -> bool {
        let model = self.ctx.model;
        let Expr::Name(name) = expr else {
            return matches!(expr, Expr::Call(_) | Expr::List(_) | Expr::Dict(_) | Expr::Set(_));
        };
        let scope = model.scope_of(model.id(name));
        let mut bindings = model.resolve(&name.id, scope).peekable();
        bindings.peek().is_some()
            && bindings.all(|binding| {
                let is_own = model
                    .function_of_scope(binding.scope)
                    .is_some_and(|function| self.functions.get(&model.id(function)) == Some(&owner));
                is_own
                    && match binding.kind {
                        BindingKind::Assignment(value) => matches!(
                            value,
                            Expr::List(_)
                                | Expr::Dict(_)
                                | Expr::Set(_)
                                | Expr::ListComp(_)
                                | Expr::DictComp(_)
                                | Expr::SetComp(_)
                                | Expr::Call(_)
                        ),
                        BindingKind::Annotated(stmt) => stmt.value.as_deref().is_some_and(|value| {
                            matches!(value, Expr::List(_) | Expr::Dict(_) | Expr::Set(_) | Expr::Call(_))
                        }),
                        BindingKind::AugAssignment => true,
                        _ => false,
                    }
            })
    }

    fn is_on_own_connection(&self, owner: usize, call: &'a ast::ExprCall) -> bool {
        match &*call.func {
            Expr::Attribute(method) => {
                self.connections(owner).next().is_some() && self.is_connected_here(owner, &method.value)
            }
            _ => false,
        }
    }

    /// Where the function itself connects to a database.
    fn connections(&self, owner: usize) -> impl Iterator<Item = &'a ast::ExprCall> {
        let model = self.ctx.model;
        let calls = model.calls_to("sqlite3.connect");
        calls.filter(move |call| self.owner(model.id(*call)) == Some(owner))
    }

    /// Whether all of its databases are gone with its connections.
    fn is_in_memory(&self, owner: usize) -> bool {
        let is_private = |path: &Expr| matches!(path, Expr::StringLiteral(path) if path.value.to_str() == ":memory:");
        self.connections(owner).all(|call| {
            call.arguments
                .find_argument_value("database", 0)
                .is_some_and(is_private)
        })
    }

    /// Whether a connection, or a cursor of one, is made, used and left in the function itself: wherever that runs, one thread does it all.
    fn is_connected_here(&self, owner: usize, expr: &'a Expr) -> bool {
        let model = self.ctx.model;
        let mut object = expr;
        while let Expr::Call(call) = object
            && let Expr::Attribute(method) = &*call.func
            && !model.imported_root(&method.value)
        {
            object = &method.value;
        }
        let seen = model.object(object);
        let is_own =
            |origin: &&Expr| self.owner(model.id(*origin)) == Some(owner) && self.makes_connection(owner, origin);
        seen.escape.is_none()
            && seen.unknown_origin.is_none()
            && !seen.origins.is_empty()
            && seen.origins.iter().all(is_own)
    }

    fn makes_connection(&self, owner: usize, origin: &'a Expr) -> bool {
        let Expr::Call(call) = origin else { return false };
        match &*call.func {
            callee if self.ctx.model.qualified_name(callee).as_deref() == Some("sqlite3.connect") => true,
            Expr::Attribute(method) => self.is_connected_here(owner, &method.value),
            _ => false,
        }
    }

    /// Whether an object may be used by one thread only: by what has made it, or, where nothing else is known, by its name.
    fn is_tied_object(&self, expr: &Expr) -> bool {
        let model = self.ctx.model;
        match self.receiver(expr, 0) {
            Some(Receiver::Result(target)) => {
                matches!(&*target, Target::Path(path) if TIED_FACTORIES.contains(&path.as_str()))
            }
            Some(_) => false,
            None => {
                let name = match expr {
                    Expr::Name(name) => {
                        let mut bindings = model.resolve(&name.id, model.scope_of(model.id(name)));
                        let is_given = bindings.all(|binding| {
                            binding.scope == ScopeId::MODULE || matches!(binding.kind, BindingKind::Parameter(_))
                        });
                        if !is_given {
                            return false;
                        }
                        name.id.as_str()
                    }
                    Expr::Attribute(attribute) => attribute.attr.as_str(),
                    _ => return false,
                };
                let last = name.rsplit('_').next().unwrap_or(name);
                model.type_of(expr) == Type::Unknown && TIED_NAMES.contains(&last)
            }
        }
    }

    /// Whether an object holds other values in each thread: a `threading.local`, or one of a class of the file that derives from it.
    fn is_thread_local(&self, expr: &'a Expr) -> bool {
        let model = self.ctx.model;
        if let Expr::Attribute(attribute) = expr
            && self.is_thread_local_of_class(attribute)
        {
            return true;
        }
        let is_local = |base: &Expr| model.qualified_name(base).as_deref() == Some("threading.local");
        match self.receiver(expr, 0) {
            Some(Receiver::Result(target)) => matches!(&*target, Target::Path(path) if path == "threading.local"),
            Some(Receiver::Instance(ClassName::Path(path))) => path == "threading.local",
            Some(Receiver::Instance(ClassName::Own(_))) => {
                let Type::Instance(class) = model.type_of_receiver(expr) else {
                    return false;
                };
                let mut open = vec![class];
                let mut seen = 0;
                while let Some(class) = open.pop() {
                    let mut bases = class.arguments.iter().flat_map(|arguments| &arguments.args);
                    seen += 1;
                    if bases.any(is_local) {
                        return true;
                    }
                    if seen < 50 {
                        open.extend(model.bases(class).into_iter().flatten());
                    }
                }
                false
            }
            _ => false,
        }
    }

    /// Whether the body of a class of the file, or of one of its bases, makes the attribute: `state = threading.local()`.
    fn is_thread_local_of_class(&self, attribute: &'a ast::ExprAttribute) -> bool {
        let model = self.ctx.model;
        let class = match model.type_of_receiver(&attribute.value) {
            Type::Instance(class) => Some(class),
            _ => model.class_named(&attribute.value).or_else(|| {
                let Expr::Name(name) = &*attribute.value else {
                    return None;
                };
                let function = model.enclosing_function(model.id(name)).filter(|_| name.id == "cls")?;
                model.class_of_method(function)
            }),
        };
        let makes = |stmt: &Stmt| {
            let (target, value) = match stmt {
                Stmt::Assign(assign) => (assign.targets.first(), Some(&*assign.value)),
                Stmt::AnnAssign(assign) => (Some(&*assign.target), assign.value.as_deref()),
                _ => return false,
            };
            matches!(target, Some(Expr::Name(name)) if name.id == attribute.attr.id)
                && matches!(value, Some(Expr::Call(call))
                    if model.qualified_name(&call.func).as_deref() == Some("threading.local"))
        };
        let bases = |class: &'a ast::StmtClassDef| model.bases(class).into_iter().flatten();
        class.is_some_and(|class| {
            std::iter::once(class)
                .chain(bases(class))
                .any(|class| class.body.iter().any(makes))
        })
    }

    /// Whether the steps of an iterator are taken by whoever gets it.
    fn is_lazy(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Generator(_) => true,
            Expr::Call(call) => ["filter", "iter", "map", "zip", "enumerate"]
                .iter()
                .any(|name| self.ctx.model.is_builtin(&call.func, name)),
            _ => false,
        }
    }

    /// Whether it is the object that a constructor makes.
    fn is_being_made(&self, owner: usize, expr: &Expr) -> bool {
        self.summary.functions[owner].qualname.ends_with(".__init__")
            && matches!(expr, Expr::Name(_))
            && matches!(self.ctx.model.type_of(expr), Type::Instance(_))
    }

    fn hazard(&mut self, owner: usize, at: TextRange, text: &str) {
        let note = self.note(at, text);
        self.summary.functions[owner].hazard.get_or_insert(note);
    }

    fn write(&mut self, owner: usize, at: TextRange, text: &str) {
        let note = self.note(at, text);
        self.summary.functions[owner].write.get_or_insert(note);
    }

    fn unknown(&mut self, owner: usize, at: TextRange, text: &str) {
        let note = self.note(at, text);
        self.summary.functions[owner].unknown.get_or_insert(note);
    }
}

/// Whether a function stands for what others define in its place.
fn is_stub(ctx: &Context, function: &ast::StmtFunctionDef) -> bool {
    let model = ctx.model;
    let leaves_open =
        |decorator: &ast::Decorator| plain_name(&decorator.expression).is_some_and(|name| name.starts_with("abstract"));
    let is_nothing = |stmt: &Stmt| match stmt {
        Stmt::Expr(stmt) => stmt.value.is_ellipsis_literal_expr() || stmt.value.is_string_literal_expr(),
        Stmt::Raise(raise) => raise.exc.as_deref().is_some_and(|raised| {
            let raised = raised.as_call_expr().map_or(raised, |call| &call.func);
            model.is_builtin(raised, "NotImplementedError")
        }),
        _ => false,
    };
    function.decorator_list.iter().any(leaves_open) || function.body.iter().all(is_nothing)
}

fn decorators(decorators: &[ast::Decorator]) -> Vec<&Expr> {
    decorators
        .iter()
        .map(|decorator| map_callable(&decorator.expression))
        .collect()
}

/// A class of the language itself: of no project.
fn builtin(name: &str) -> ClassName {
    ClassName::Path(format!("builtins.{name}"))
}

/// `T` of `T | None` and `Optional[T]`.
fn without_none(annotation: &Expr) -> &Expr {
    match annotation {
        Expr::BinOp(union) if union.right.is_none_literal_expr() => &union.left,
        Expr::BinOp(union) if union.left.is_none_literal_expr() => &union.right,
        Expr::Subscript(optional) => match &*optional.value {
            Expr::Name(name) if name.id.as_str() == "Optional" => &optional.slice,
            Expr::Attribute(name) if name.attr.as_str() == "Optional" => &optional.slice,
            _ => annotation,
        },
        _ => annotation,
    }
}

/// `time.sleep(0)`, and questions for which nobody waits.
pub(super) fn is_no_wait(call: &ast::ExprCall, name: &str) -> bool {
    name == "time.sleep"
        && matches!(&*call.arguments.args, [Expr::NumberLiteral(number)]
            if matches!(&number.value, ast::Number::Int(int) if int.as_u8() == Some(0)))
}

fn empty(qualname: String, range: TextRange, line: usize) -> Function {
    Function {
        qualname,
        range,
        line,
        class: None,
        is_async: false,
        is_generator: false,
        is_property: false,
        is_test: false,
        is_local_to_coroutine: false,
        decorators: Vec::new(),
        returns: None,
        is_stub: false,
        sites: Vec::new(),
        handed: Vec::new(),
        read_again: BTreeSet::new(),
        files_read: BTreeSet::new(),
        files_written: BTreeSet::new(),
        leaves: Vec::new(),
        hazard: None,
        write: None,
        unknown: None,
    }
}
