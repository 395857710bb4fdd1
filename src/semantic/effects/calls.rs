//! Reads the effects of calls: a callee's summary is composed with the arguments in the place of its parameters.

use std::collections::BTreeMap;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::given::{Arguments, Binds, Code, Given, Kind, Run, Signature, Slot};
use super::linked::Pending;
use super::tables::{BUILTIN_EXCEPTIONS, PURE_BUILTINS, PURE_FUNCTIONS};
use super::walk::{MAX_STEPS, Walker};
use super::{Location, Outside, Root, declared_as};
use crate::knowledge;
use crate::module::one_line;
use crate::semantic::members::method_in_body;
use crate::semantic::names::Lookup;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{NodeId, SemanticModel};
use crate::settings::Settings;

impl<'a> Walker<'_, 'a> {
    pub(super) fn call(&mut self, id: NodeId, call: &'a ast::ExprCall) {
        let model = self.model;
        let awaited = self.is_awaited(id);
        if let Expr::Attribute(method) = &*call.func
            && model.declared(&method.value, self.settings).is_some()
        {
            self.method_on(&method.value, &method.attr, awaited);
            return self.arguments_are_read(call);
        }
        if let Some(handed) = model.handed_to_thread(call) {
            return self.handed(call, &handed);
        }
        let known = model.elsewhere(call);
        if !known.is_empty() {
            let arguments = self.arguments(call);
            return known
                .iter()
                .for_each(|known| known.run(&arguments, awaited, &mut self.summary));
        }
        if self.pending.is_some() && self.may_be_of_the_project(id, call) {
            let run = if model.class_named(&call.func).is_some() {
                Run::Construction
            } else {
                Run::Call { awaited }
            };
            let arguments = self.arguments(call);
            return self.leave(id, arguments, run, |walker| walker.call_here(id, call, awaited));
        }
        self.call_here(id, call, awaited);
    }

    /// What a thread runs does what it does wherever it is called, and beside all others.
    fn handed(&mut self, call: &'a ast::ExprCall, handed: &Handed<'a>) {
        let model = self.model;
        self.summary.suspends = true;
        self.summary.doubt("it has a thread work for it");
        self.arguments_are_read(call);
        if let Expr::Lambda(lambda) = handed.callee {
            return self.walk(model.id(&*lambda.body));
        }
        let functions = self.functions_behind(handed.callee);
        if let Expr::Attribute(method) = handed.callee
            && functions.is_empty()
            && !model.imported_root(&method.value)
        {
            return self.method_on(&method.value, &method.attr, false);
        }
        let arguments = Arguments {
            object: match handed.callee {
                Expr::Attribute(method) => Some(self.given(&method.value)),
                _ => None,
            },
            positional: handed.arguments.iter().map(|value| self.given(value)).collect(),
            ..self.arguments(call)
        };
        for function in &functions {
            self.run(function, &arguments, Run::Call { awaited: false });
        }
        if functions.is_empty() {
            let name = model.qualified_name(handed.callee);
            self.summary.may_write(name.as_deref().unwrap_or_default());
            let text = one_line(model.slice(handed.callee));
            self.summary.give_up(format!("`{text}` is not known here"));
        }
    }

    /// Leaves a call to the project. `here`: what is done about it when that knows nothing.
    pub(super) fn leave(&mut self, id: NodeId, arguments: Arguments, run: Run, here: impl FnOnce(&mut Self)) {
        let open = self.pending.take();
        let before = std::mem::take(&mut self.summary);
        here(self);
        let otherwise = std::mem::replace(&mut self.summary, before);
        let mut open = open.unwrap_or_default();
        open.push((
            id,
            Pending {
                arguments,
                run,
                otherwise,
            },
        ));
        self.pending = Some(open);
    }

    /// Whether a callee is nothing that is known without the project: a builtin, a library's, or a method of a builtin value.
    fn may_be_of_the_project(&self, id: NodeId, call: &'a ast::ExprCall) -> bool {
        let model = self.model;
        if let Some(name) = model.qualified_name(&call.func) {
            return !is_known(&name);
        }
        match &*call.func {
            Expr::Name(name) => model.lookup(&name.id, model.scope_of(id)) != Lookup::Builtin,
            Expr::Attribute(method) => match model.type_of(&method.value) {
                Type::Scalar(_) | Type::Container(_) => false,
                Type::Foreign(class) => !is_known(&class) && knowledge::class_facts(&class).is_none(),
                Type::Instance(_) => true,
                Type::Unknown => self.own_parameter(&method.value).is_none(),
            },
            _ => false,
        }
    }

    /// What a call does as far as this module tells.
    fn call_here(&mut self, id: NodeId, call: &'a ast::ExprCall, awaited: bool) {
        let model = self.model;
        if let Some(function) = model.function_of(&call.func) {
            return self.function_call(call, function, Run::Call { awaited });
        }
        if let Expr::Attribute(method) = &*call.func
            && let Some(class) = model.class_of(&method.value)
        {
            let candidates = model.method_candidates(class, &method.attr);
            if !candidates.is_empty() {
                for candidate in candidates {
                    self.function_call(call, candidate, Run::Call { awaited });
                }
                return;
            }
        }
        if let Expr::Name(name) = &*call.func
            && model.lookup(&name.id, model.scope_of(id)) == Lookup::Builtin
        {
            return self.builtin_call(call, &name.id);
        }
        if let Some(class) = model.class_named(&call.func) {
            return self.construction(call, class);
        }
        if let Expr::Attribute(method) = &*call.func
            && let Expr::Call(super_) = &*method.value
            && let Some(init) = self.base_constructor(super_)
        {
            return match init {
                Some(init) => {
                    let arguments = Arguments {
                        object: Some(Given::own_object()),
                        ..self.arguments(call)
                    };
                    self.run(init, &arguments, Run::Call { awaited: false });
                }
                None => self.arguments_are_read(call),
            };
        }
        if let Some(name) = model.qualified_name(&call.func) {
            return self.library_call(call, &name, awaited);
        }
        if let Expr::Attribute(method) = &*call.func {
            self.method_on(&method.value, &method.attr, awaited);
            if matches!(model.type_of(&method.value), Type::Scalar(_) | Type::Container(_)) {
                self.arguments_of_builtin(call, &method.attr);
            }
            return self.arguments_are_read(call);
        }
        self.summary
            .give_up(format!("`{}` is not known here", one_line(model.slice(&*call.func))));
    }

    /// Whether a coroutine made by this call is awaited in the same expression: by `await`, or by a function that awaits its arguments.
    fn is_awaited(&self, id: NodeId) -> bool {
        if self.awaited == Some(id) {
            return true;
        }
        let model = self.model;
        let mut parent = model.parent(id);
        // `gather(*[f(x) for x in xs])` awaits each element.
        let is_element = match model.node(parent) {
            AnyNodeRef::ExprListComp(comp) => comp.elt.range() == model.node(id).range(),
            AnyNodeRef::ExprGenerator(comp) => comp.elt.range() == model.node(id).range(),
            _ => false,
        };
        if is_element && model.node(model.parent(parent)).is_expr_starred() {
            parent = model.parent(model.parent(parent));
        }
        match model.node(parent) {
            AnyNodeRef::ExprAwait(_) => true,
            AnyNodeRef::Arguments(_) => match model.node(model.parent(parent)) {
                AnyNodeRef::ExprCall(outer) => {
                    let outer_is_awaited = model.node(model.parent(model.id(outer))).is_expr_await();
                    outer_is_awaited
                        && model.qualified_name(&outer.func).is_some_and(|name| {
                            matches!(&*name, "asyncio.gather" | "asyncio.wait_for" | "asyncio.shield")
                        })
                }
                _ => false,
            },
            _ => false,
        }
    }

    fn arguments_are_read(&mut self, call: &'a ast::ExprCall) {
        for argument in call.arguments.iter_source_order() {
            self.touch(argument.value(), false);
        }
    }

    fn builtin_call(&mut self, call: &'a ast::ExprCall, name: &str) {
        match name {
            "print" => {
                self.summary
                    .writes
                    .insert(Location::External(Outside::Stdout, String::new()));
            }
            "super" if self.base_constructor(call).is_some() => {}
            "super" => self.summary.give_up("it calls its base class"),
            "exit" | "quit" => {
                self.summary.exits = true;
                self.summary.give_up(format!("it calls `{name}`"));
            }
            _ if BUILTIN_EXCEPTIONS.contains(&name) => {}
            _ if PURE_BUILTINS.contains(&name) => {
                let key = call.arguments.find_keyword("key");
                key.iter().for_each(|key| self.called_back(&key.value));
                for argument in call.arguments.iter_source_order() {
                    match name {
                        "isinstance" | "type" | "id" | "callable" => {}
                        "str" | "repr" | "format" | "hash" | "int" | "float" => {
                            self.needs_scalar(argument.value(), "a conversion")
                        }
                        _ => self.needs_builtin(argument.value()),
                    }
                    self.touch(argument.value(), false);
                }
            }
            _ if ruff_python_stdlib::builtins::is_python_builtin(name, 14, false) => {
                self.summary.give_up(format!("it calls `{name}`"))
            }
            _ => self.summary.give_up(format!("`{name}` is not defined in this file")),
        }
    }

    /// Where `super().__init__` leads in a class of one base whose bases are in view: the function of this module, or none, where a builtin
    /// exception or `object` is made. `None`: it is not known.
    fn base_constructor(&self, super_: &ast::ExprCall) -> Option<Option<&'a ast::StmtFunctionDef>> {
        let model = self.model;
        let id = model.id(super_);
        let is_init = matches!(model.node(model.parent(id)), AnyNodeRef::ExprAttribute(method) if method.attr.as_str() == "__init__");
        if !is_init || !model.is_builtin(&super_.func, "super") || !super_.arguments.is_empty() {
            return None;
        }
        let class = model.class_of_method(model.enclosing_function(id)?)?;
        // In a class of several bases, another one may come next.
        let mut classes = model.classes();
        if classes
            .any(|other| other.bases().len() > 1 && (std::ptr::eq(other, class) || model.derives_from(other, class, 0)))
        {
            return None;
        }
        self.constructor_above(class, MAX_STEPS)
    }

    /// The constructor that a class inherits, as [`Walker::base_constructor`].
    fn constructor_above(
        &self,
        class: &'a ast::StmtClassDef,
        steps: usize,
    ) -> Option<Option<&'a ast::StmtFunctionDef>> {
        let model = self.model;
        let [base] = class.bases() else {
            return class.bases().is_empty().then_some(None);
        };
        if is_builtin_exception(base) || model.is_builtin(base, "object") {
            return Some(None);
        }
        let base = model.class_named(base)?;
        if method_in_body(base, "__new__").is_some() || !base.decorator_list.is_empty() {
            return None;
        }
        match method_in_body(base, "__init__") {
            Some(init) => Some(Some(init)),
            None => self.constructor_above(base, steps.checked_sub(1)?),
        }
    }

    /// The exception that a class of this module is in the end, if it is one.
    fn is_exception(&self, class: &'a ast::StmtClassDef, steps: usize) -> bool {
        class.bases().iter().any(|base| {
            is_builtin_exception(base)
                || steps > 0
                    && self
                        .model
                        .class_named(base)
                        .is_some_and(|base| self.is_exception(base, steps - 1))
        })
    }

    fn construction(&mut self, call: &'a ast::ExprCall, class: &'a ast::StmtClassDef) {
        let model = self.model;
        let own = method_in_body(class, "__init__");
        let has_constructor = own.is_some() || method_in_body(class, "__new__").is_some();
        if self.is_exception(class, MAX_STEPS) && method_in_body(class, "__new__").is_none() {
            match own.map(Some).or_else(|| self.constructor_above(class, MAX_STEPS)) {
                Some(Some(init)) => return self.function_call(call, init, Run::Construction),
                Some(None) => return self.arguments_are_read(call),
                None => {}
            }
        }
        match (model.method(class, "__init__"), own) {
            (Some(init), _) => self.function_call(call, init, Run::Construction),
            (None, None)
                if !has_constructor
                    && class.bases().iter().all(|base| {
                        let name = model.qualified_name(base);
                        model.is_builtin(base, "object")
                            || name.is_some_and(|name| PLAIN_BASES.contains(&name.as_str()))
                    })
                    && (class.decorator_list.is_empty() || model.is_plain_dataclass(class)) =>
            {
                self.arguments_are_read(call)
            }
            (None, own) => {
                if let Some(init) = own {
                    self.function_call(call, init, Run::Construction);
                }
                self.summary
                    .give_up(format!("making a `{}` is not understood", class.name));
            }
        }
    }

    fn library_call(&mut self, call: &'a ast::ExprCall, name: &str, awaited: bool) {
        match name {
            "asyncio.sleep" | "asyncio.gather" | "asyncio.wait_for" | "asyncio.shield" if !awaited => {
                self.summary.spawns = true;
                self.summary
                    .give_up(format!("`{name}` is called and not awaited at once"));
            }
            // Another codemod puts the one in the place of the other, which must not change the answer.
            "asyncio.sleep" | "time.sleep" => self.summary.suspends = true,
            "asyncio.gather" | "asyncio.wait_for" | "asyncio.shield" | "asyncio.timeout" | "async_timeout.timeout" => {}
            "asyncio.current_task" | "asyncio.all_tasks" | "asyncio.Task.current_task" => self.summary.uses_task = true,
            "asyncio.create_task" | "asyncio.ensure_future" => {
                self.summary.spawns = true;
                self.summary.give_up("it starts a task of its own");
            }
            _ if PURE_FUNCTIONS.contains(&name) || name.starts_with("math.") || name.starts_with("re.") => {
                self.callbacks(call, name);
                if name.starts_with("copy.") {
                    call.arguments.args.iter().for_each(|copied| self.unpacked(copied));
                }
                self.arguments_are_read(call)
            }
            "sys.exit" => {
                self.summary.exits = true;
                self.summary.give_up(format!("it calls `{name}`"));
            }
            _ if name.starts_with("random.") => {
                let generator = Location::External(Outside::Random, String::new());
                self.summary.writes.insert(generator);
            }
            "time.time"
            | "time.monotonic"
            | "time.perf_counter"
            | "datetime.datetime.now"
            | "datetime.datetime.utcnow" => {
                self.summary
                    .reads
                    .insert(Location::External(Outside::Clock, String::new()));
            }
            _ => {
                self.summary.suspends = true;
                self.summary.may_write(name);
                self.summary.give_up(format!("`{name}` is not known here"));
            }
        }
    }

    /// A method is called on an object; its arguments are the caller's to look at.
    fn method_on(&mut self, receiver: &'a Expr, method: &str, awaited: bool) {
        let given = self.object(receiver);
        self.summary.method_on(&given, method, awaited);
    }

    fn function_call(&mut self, call: &'a ast::ExprCall, function: &'a ast::StmtFunctionDef, run: Run) {
        let arguments = self.arguments(call);
        self.run(function, &arguments, run);
    }

    /// Adds what running a function of this module does.
    pub(super) fn run(&mut self, function: &'a ast::StmtFunctionDef, arguments: &Arguments, run: Run) {
        let callee = self.model.effects_of(function, self.settings);
        let code = self.model.code_of(function, self.settings);
        self.summary.run(&code, &callee, arguments, run);
    }

    /// What a call passes.
    fn arguments(&self, call: &'a ast::ExprCall) -> Arguments {
        let by_name = call.arguments.keywords.iter();
        Arguments {
            object: match &*call.func {
                Expr::Attribute(method) => Some(self.given(&method.value)),
                _ => None,
            },
            positional: call.arguments.args.iter().map(|value| self.given(value)).collect(),
            keywords: by_name
                .filter_map(|keyword| Some((keyword.arg.as_ref()?.to_string(), self.given(&keyword.value))))
                .collect(),
            is_spread: is_spread(call),
        }
    }

    /// What is known of an object.
    pub(super) fn object(&self, expr: &'a Expr) -> Given {
        let model = self.model;
        let type_ = model.type_of(expr);
        Given {
            roots: if type_.is_scalar() {
                Default::default()
            } else {
                model.roots(expr)
            },
            kind: match type_ {
                Type::Unknown => Kind::Unknown,
                Type::Scalar(_) => Kind::Scalar,
                Type::Container(_) => Kind::Container,
                Type::Instance(_) => Kind::Instance,
                Type::Foreign(class) => Kind::Foreign(class),
            },
            text: model.slice(model.unaliased(expr)).to_owned(),
            declared: model.declared(expr, self.settings).cloned(),
            parameter: self.own_parameter(expr),
            is_made_by_receiver: self.whole && self.is_made_by_a_receiver(expr),
            ..Given::default()
        }
    }

    /// What is known of an object, and what operations on it need.
    pub(super) fn given(&self, expr: &'a Expr) -> Given {
        Given {
            as_scalar: self.scalar_demand(expr, "an operator"),
            as_builtin: self.builtin_demand(expr),
            ..self.object(expr)
        }
    }

    /// `response` after `response = await client.get(...)`, and `await self.client.get(...)` itself: each run has its own, and that the
    /// client is used is told where it is called.
    fn is_made_by_a_receiver(&self, receiver: &Expr) -> bool {
        let value = match receiver {
            Expr::Name(name) => match self.only_value(name) {
                Some(value) => value,
                None => return false,
            },
            Expr::Await(_) => receiver,
            _ => return false,
        };
        let made = match value {
            Expr::Await(awaited) => &*awaited.value,
            value => value,
        };
        matches!(made, Expr::Call(call) if matches!(&*call.func, Expr::Attribute(method) if is_path(&method.value)))
    }
}

/// `name`, `name.attribute`, `name.attribute.attribute`.
fn is_path(expr: &Expr) -> bool {
    match expr {
        Expr::Attribute(attribute) => is_path(&attribute.value),
        expr => expr.is_name_expr(),
    }
}

/// Bases that give a class a constructor which only keeps what it is given.
const PLAIN_BASES: &[&str] = &["typing.NamedTuple", "typing.TypedDict", "typing_extensions.TypedDict"];

fn is_builtin_exception(base: &Expr) -> bool {
    matches!(base, Expr::Name(name) if BUILTIN_EXCEPTIONS.contains(&name.id.as_str()))
}

/// A callable that a thread is to call.
struct Handed<'a> {
    callee: &'a Expr,
    /// The positional arguments that it gets.
    arguments: &'a [Expr],
}

impl<'a> SemanticModel<'a> {
    /// What a call has a thread do: `asyncio.to_thread(f, x)`, `loop.run_in_executor(None, f, x)` and their like.
    fn handed_to_thread(&self, call: &'a ast::ExprCall) -> Option<Handed<'a>> {
        let name = self.qualified_name(&call.func);
        let before = match (&*call.func, name.as_deref()) {
            (_, Some(name)) if THREAD_RUNNERS.contains(&name) => 0,
            (Expr::Attribute(method), None) if method.attr.as_str() == "run_in_executor" => 1,
            _ => return None,
        };
        let [callee, arguments @ ..] = call.arguments.args.get(before..)? else {
            return None;
        };
        Some(Handed { callee, arguments })
    }

    /// Whether a call gives a function exactly the arguments that it asks for. `*` and `**` on either side are not decided: true.
    pub fn arguments_fit(&self, call: &'a ast::ExprCall, function: &'a ast::StmtFunctionDef) -> bool {
        let is_method = call.func.is_attribute_expr() && self.class_of_method(function).is_some();
        let bound = is_method && self.binds_first(function) != Binds::Nothing;
        let signature = signature(function);
        is_spread(call) || signature.is_variadic || slots(call, &signature, bound).is_some()
    }

    /// What a call passes, by the index of the parameter; `bound`: the first parameter is the receiver. `None` when that is not known.
    pub fn arguments_by_parameter(
        &self,
        call: &'a ast::ExprCall,
        function: &'a ast::StmtFunctionDef,
        bound: bool,
    ) -> Option<BTreeMap<usize, &'a Expr>> {
        let signature = signature(function);
        if is_spread(call) || signature.is_variadic {
            return None;
        }
        let arguments = &call.arguments;
        let slots = slots(call, &signature, bound)?;
        let passed = slots.into_iter().filter_map(|(index, slot)| match slot {
            Slot::Positional(position) => {
                let position = position.checked_sub(usize::from(bound))?;
                Some((index, &arguments.args[position]))
            }
            Slot::Keyword(position) => Some((index, &arguments.keywords[position].value)),
            Slot::Default => None,
        });
        Some(passed.collect())
    }

    /// What the code of a function says about calls of it.
    pub fn code_of(&self, function: &'a ast::StmtFunctionDef, settings: &Settings) -> Code {
        let is_plain = function.decorator_list.iter().all(|decorator| {
            ["staticmethod", "classmethod"]
                .iter()
                .any(|name| self.is_builtin(&decorator.expression, name))
                || self.qualified_name(&decorator.expression).is_some_and(|name| {
                    matches!(
                        &*name,
                        "typing.override" | "typing_extensions.override" | "typing.final" | "abc.abstractmethod"
                    )
                })
        });
        let parameters = || function.parameters.iter_source_order().enumerate();
        let defaults = function.parameters.iter_non_variadic_params().enumerate();
        let defaults = defaults.filter_map(|(index, parameter)| Some((index, parameter.default.as_deref()?)));
        Code {
            name: function.name.to_string(),
            is_async: function.is_async,
            is_property: self.is_property(function),
            is_decorated: !is_plain,
            binds: self.binds_first(function),
            signature: signature(function),
            defaults: defaults
                .map(|(index, default)| (index, self.default(default)))
                .collect(),
            declared: parameters()
                .filter_map(|(index, parameter)| Some((index, declared_as(settings, parameter.name())?.clone())))
                .collect(),
        }
    }

    fn binds_first(&self, function: &ast::StmtFunctionDef) -> Binds {
        let is_decorated_with = |name: &str| {
            let decorators = &mut function.decorator_list.iter();
            decorators.any(|decorator| self.is_builtin(&decorator.expression, name))
        };
        if self.class_of_method(function).is_none() || is_decorated_with("staticmethod") {
            Binds::Nothing
        } else if is_decorated_with("classmethod") {
            Binds::Class
        } else {
            Binds::Object
        }
    }

    fn default(&self, default: &'a Expr) -> Given {
        let kind = match self.type_of(default) {
            Type::Scalar(_) => Kind::Scalar,
            Type::Container(_) => Kind::Container,
            _ => Kind::Default,
        };
        let settings = Settings::default();
        let walker = Walker::new(self, &settings, None);
        Given {
            roots: (kind != Kind::Scalar).then_some(Root::Anything).into_iter().collect(),
            kind,
            as_scalar: walker.scalar_demand(default, "an operator"),
            as_builtin: walker.builtin_demand(default),
            ..Given::default()
        }
    }
}

/// Functions that have a thread call their first argument with the others.
const THREAD_RUNNERS: &[&str] = &[
    "asyncio.to_thread",
    "anyio.to_thread.run_sync",
    "trio.to_thread.run_sync",
    "fastapi.concurrency.run_in_threadpool",
    "starlette.concurrency.run_in_threadpool",
];

/// Whether a name is one of a library of which it is known what it does, or may not be called apart.
fn is_known(name: &str) -> bool {
    let package = name.split('.').next().unwrap_or(name);
    matches!(
        package,
        "asyncio" | "trio" | "anyio" | "async_timeout" | "contextvars" | "logging" | "math" | "random" | "re"
    ) || PURE_FUNCTIONS.contains(&name)
        || matches!(name, "time.time" | "time.monotonic" | "time.perf_counter")
        || name.starts_with("datetime.datetime")
}

fn signature(function: &ast::StmtFunctionDef) -> Signature {
    let parameters = &*function.parameters;
    let all = parameters.iter_non_variadic_params();
    Signature {
        positional_only: parameters.posonlyargs.len(),
        positional: parameters.posonlyargs.len() + parameters.args.len(),
        parameters: all
            .map(|parameter| (parameter.name().to_string(), parameter.default.is_some()))
            .collect(),
        is_variadic: parameters.vararg.is_some() || parameters.kwarg.is_some(),
    }
}

fn slots(call: &ast::ExprCall, signature: &Signature, bound: bool) -> Option<BTreeMap<usize, Slot>> {
    let keywords = call.arguments.keywords.iter();
    let names: Vec<&str> = keywords.filter_map(|keyword| keyword.arg.as_deref()).collect();
    signature.bind(usize::from(bound) + call.arguments.args.len(), &names)
}

fn is_spread(call: &ast::ExprCall) -> bool {
    call.arguments.args.iter().any(Expr::is_starred_expr)
        || call.arguments.keywords.iter().any(|keyword| keyword.arg.is_none())
}
