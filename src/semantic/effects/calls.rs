//! Reads the effects of calls: a callee's summary is composed with the arguments in the place of its parameters.

use std::collections::BTreeMap;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::tables::{BUILTIN_EXCEPTIONS, MUTATORS, PURE_BUILTINS, PURE_FUNCTIONS, is_lock, is_log_call};
use super::walk::Walker;
use super::{Location, ParameterCall, Root, declared_as};
use crate::knowledge::{self, Verb};
use crate::module::one_line;
use crate::semantic::names::Lookup;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{NodeId, SemanticModel};
use crate::settings::{Receiver, Settings};

/// What a parameter stands for in one call.
#[derive(Clone, Copy)]
pub(super) enum Passed<'a> {
    Argument(&'a Expr),
    /// The default: made once, with the function, and shared by all calls.
    Default(&'a Expr),
    /// An object that nobody else has: `self` of a constructor. Or a class, which is not looked into.
    Nothing,
}

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
        if let Some(function) = model.function_of(&call.func) {
            return self.function_call(call, function, awaited);
        }
        if let Expr::Attribute(method) = &*call.func
            && let Some(class) = model.class_of(&method.value)
        {
            let candidates = model.method_candidates(class, &method.attr);
            if !candidates.is_empty() {
                for candidate in candidates {
                    self.function_call(call, candidate, awaited);
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
        if let Some(name) = model.qualified_name(&call.func) {
            return self.library_call(call, &name, awaited);
        }
        if let Expr::Attribute(method) = &*call.func {
            self.method_on(&method.value, &method.attr, awaited);
            return self.arguments_are_read(call);
        }
        self.summary
            .give_up(format!("`{}` is not known here", one_line(model.slice(&*call.func))));
    }

    /// Whether a coroutine made by this call is awaited in the same expression: by `await`, or by a function that awaits its arguments.
    fn is_awaited(&self, id: NodeId) -> bool {
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

    pub(super) fn declared_method(&mut self, receiver: &Receiver, method: &str) {
        let location = Location::External("receiver", receiver.name.clone());
        self.summary.suspends = true;
        if !receiver.shareable {
            self.summary.exclusive.get_or_insert_with(|| receiver.name.clone());
        }
        if receiver.reads.iter().any(|read| read == method) {
            self.summary.reads.insert(location);
        } else if receiver.writes.iter().any(|write| write == method) {
            self.summary.writes.insert(location);
        } else {
            self.summary.give_up(format!(
                "`{}.{method}` is not among the declared methods",
                receiver.name
            ));
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
                self.summary.writes.insert(Location::External("stdout", String::new()));
            }
            "super" => self.summary.give_up("it calls its base class"),
            _ if BUILTIN_EXCEPTIONS.contains(&name) => {}
            _ if PURE_BUILTINS.contains(&name) => {
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

    fn construction(&mut self, call: &'a ast::ExprCall, class: &'a ast::StmtClassDef) {
        let model = self.model;
        let is_exception = class
            .arguments
            .iter()
            .flat_map(|arguments| arguments.args.iter())
            .any(|base| matches!(base, Expr::Name(name) if BUILTIN_EXCEPTIONS.contains(&name.id.as_str())));
        let has_constructor = class
            .body
            .iter()
            .any(|stmt| matches!(stmt, ast::Stmt::FunctionDef(function) if matches!(function.name.as_str(), "__init__" | "__new__")));
        if is_exception && !has_constructor {
            return self.arguments_are_read(call);
        }
        let own = class.body.iter().find_map(|stmt| match stmt {
            ast::Stmt::FunctionDef(function) if function.name.as_str() == "__init__" => Some(function),
            _ => None,
        });
        match (model.method(class, "__init__"), own) {
            (Some(init), _) => self.compose_call(call, init, Some(Passed::Nothing)),
            (None, None)
                if !has_constructor
                    && model.bases(class).is_empty()
                    && (class.decorator_list.is_empty() || model.is_plain_dataclass(class)) =>
            {
                self.arguments_are_read(call)
            }
            (None, own) => {
                if let Some(init) = own {
                    self.compose_call(call, init, Some(Passed::Nothing));
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
                self.arguments_are_read(call)
            }
            _ if name.starts_with("random.") => {
                let generator = Location::External("random", String::new());
                self.summary.writes.insert(generator);
            }
            "time.time"
            | "time.monotonic"
            | "time.perf_counter"
            | "datetime.datetime.now"
            | "datetime.datetime.utcnow" => {
                self.summary.reads.insert(Location::External("clock", String::new()));
            }
            _ => {
                self.summary.suspends = true;
                self.may_write(name);
                self.summary.give_up(format!("`{name}` is not known here"));
            }
        }
    }

    /// A method is called on an object; its arguments are the caller's to look at.
    fn method_on(&mut self, receiver: &'a Expr, method: &str, awaited: bool) {
        if let Some(declared) = self.model.declared(receiver, self.settings)
            && self.own_parameter(receiver).is_none()
        {
            return self.declared_method(&declared.clone(), method);
        }
        match self.model.type_of(receiver) {
            Type::Scalar(_) => {}
            Type::Container(_) => self.touch(receiver, MUTATORS.contains(&method)),
            Type::Foreign(class) => self.foreign_method(receiver, method, &class, awaited),
            _ => match self.own_parameter(receiver) {
                Some(parameter) => {
                    self.summary.parameter_calls.insert(ParameterCall {
                        parameter,
                        method: method.to_owned(),
                        awaited,
                    });
                }
                None => self.unknown_method(receiver, method, awaited),
            },
        }
    }

    fn foreign_method(&mut self, receiver: &'a Expr, method: &str, class: &str, awaited: bool) {
        let written = self.model.slice(self.model.unaliased(receiver));
        if class == "contextvars.ContextVar" {
            if method == "get" {
                let context = Location::External("context", written.to_owned());
                self.summary.reads.insert(context);
            } else {
                self.summary.sets_context = true;
            }
            return;
        }
        if class.starts_with("logging.") {
            return self.summary.doubt("it writes to the log");
        }
        if is_lock(class) {
            self.summary
                .writes
                .insert(Location::External("lock", written.to_owned()));
            self.summary.suspends = true;
            return;
        }
        let Some(facts) = knowledge::class_facts(class) else {
            return self.unknown_method(receiver, method, awaited);
        };
        self.summary.suspends = true;
        let location = match self.own_parameter(receiver) {
            Some(index) => Location::Receiver(index),
            None => Location::External("receiver", written.to_owned()),
        };
        if !facts.shareable {
            let class = class.rsplit('.').next().unwrap_or(class);
            self.summary
                .exclusive
                .get_or_insert_with(|| format!("{written}: {class}"));
        }
        if facts.reads.iter().any(|read| read == method) {
            self.summary.reads.insert(location);
            self.summary
                .doubt(format!("`{written}`, a {class}, reads from outside the program"));
        } else {
            self.summary.writes.insert(location);
        }
    }

    fn unknown_method(&mut self, receiver: &'a Expr, method: &str, awaited: bool) {
        let written = self.model.slice(self.model.unaliased(receiver));
        if !awaited && MUTATORS.contains(&method) && !is_log_call(written, method) {
            self.touch(receiver, true);
        }
        if self.whole && self.is_made_by_a_receiver(receiver) {
            self.unknown_call(written, method);
        } else {
            self.unknown_receiver(written, method);
        }
    }

    /// `response` after `response = await client.get(...)`: each run has its own, and that `client` is used is told where it is called.
    fn is_made_by_a_receiver(&self, receiver: &Expr) -> bool {
        let Expr::Name(name) = receiver else { return false };
        let value = match self.only_value(name) {
            Some(Expr::Await(awaited)) => &*awaited.value,
            Some(value) => value,
            None => return false,
        };
        matches!(value, Expr::Call(call) if matches!(&*call.func, Expr::Attribute(method) if method.value.is_name_expr()))
    }

    pub(super) fn unknown_receiver(&mut self, receiver: &str, method: &str) {
        if !is_log_call(receiver, method) {
            self.summary.receivers.insert(receiver.to_owned());
        }
        self.unknown_call(receiver, method);
    }

    fn unknown_call(&mut self, receiver: &str, method: &str) {
        if is_log_call(receiver, method) {
            return self.summary.doubt("it writes to the log");
        }
        self.summary.suspends = true;
        if receiver.split('.').any(knowledge::is_exclusive_name) {
            self.summary.exclusive.get_or_insert_with(|| receiver.to_owned());
        }
        self.may_write(method);
        self.summary
            .give_up(format!("`{}.{method}` is not known here", one_line(receiver)));
    }

    /// A callee that is not known, and whose name says that it writes.
    fn may_write(&mut self, name: &str) {
        let last = name.rsplit('.').next().unwrap_or(name);
        if knowledge::verb_of(last) == Verb::Write {
            self.summary
                .writes
                .insert(Location::External("the outside", last.to_owned()));
        }
    }

    fn function_call(&mut self, call: &'a ast::ExprCall, function: &'a ast::StmtFunctionDef, awaited: bool) {
        let model = self.model;
        let plain = function.decorator_list.iter().all(|decorator| {
            ["staticmethod", "classmethod"]
                .iter()
                .any(|name| model.is_builtin(&decorator.expression, name))
                || model.qualified_name(&decorator.expression).is_some_and(|name| {
                    matches!(
                        &*name,
                        "typing.override" | "typing_extensions.override" | "typing.final" | "abc.abstractmethod"
                    )
                })
        });
        if !plain {
            return self.summary.give_up(format!("`{}` is decorated", function.name));
        }
        if function.is_async && !awaited {
            return self.summary.give_up(format!(
                "a coroutine of `{}` is made and not awaited at once",
                function.name
            ));
        }
        let bound = match &*call.func {
            Expr::Attribute(method) if model.class_of_method(function).is_some() => {
                let decorated_with = |name: &str| {
                    let decorators = &mut function.decorator_list.iter();
                    decorators.any(|decorator| model.is_builtin(&decorator.expression, name))
                };
                if decorated_with("staticmethod") {
                    None
                } else if decorated_with("classmethod") {
                    Some(Passed::Nothing)
                } else {
                    Some(Passed::Argument(&method.value))
                }
            }
            _ => None,
        };
        self.compose_call(call, function, bound);
    }

    /// Composes with the arguments of a call. `first` is what the call itself binds to the first parameter.
    fn compose_call(&mut self, call: &'a ast::ExprCall, function: &'a ast::StmtFunctionDef, first: Option<Passed<'a>>) {
        match bind_arguments(call, function, first) {
            Ok(arguments) => self.compose(function, arguments),
            Err(reason) => {
                let callee = self.model.effects_of(function, self.settings);
                self.summary.merge_flags(&callee);
                self.summary.give_up(reason);
            }
        }
    }

    /// Adds a callee's summary with its parameters replaced by what is passed.
    pub(super) fn compose(&mut self, function: &'a ast::StmtFunctionDef, passed: BTreeMap<usize, Passed<'a>>) {
        let callee = self.model.effects_of(function, self.settings);
        self.summary.merge_flags(&callee);
        for (locations, write) in [(&callee.reads, false), (&callee.writes, true)] {
            for location in locations {
                match location {
                    Location::Content(Root::Parameter(index)) => match passed.get(index) {
                        Some(Passed::Argument(argument)) => self.touch(argument, write),
                        Some(Passed::Default(default)) => self.default_is_touched(default, write),
                        Some(Passed::Nothing) | None => {}
                    },
                    Location::Receiver(index) => {
                        let location = self.receiver(passed.get(index).copied(), function);
                        self.insert(location, write);
                    }
                    other => self.insert(other.clone(), write),
                }
            }
        }
        for index in &callee.scalar_parameters {
            match passed.get(index) {
                Some(Passed::Argument(value) | Passed::Default(value)) => self.needs_scalar(value, "an operator"),
                Some(Passed::Nothing) | None => {}
            }
        }
        for index in &callee.builtin_parameters {
            match passed.get(index) {
                Some(Passed::Argument(value) | Passed::Default(value)) => self.needs_builtin(value),
                Some(Passed::Nothing) | None => {}
            }
        }
        for ParameterCall {
            parameter,
            method,
            awaited,
        } in &callee.parameter_calls
        {
            match passed.get(parameter) {
                Some(Passed::Argument(argument)) => match declared_parameter(function, *parameter, self.settings) {
                    Some(declared) if !self.is_known_receiver(argument) => self.declared_method(&declared, method),
                    _ => self.method_on(argument, method, *awaited),
                },
                Some(Passed::Default(default)) => self.method_on_default(default, method, function),
                Some(Passed::Nothing) | None => self
                    .summary
                    .give_up(format!("`{}` calls `.{method}` on a class", function.name)),
            }
        }
    }

    /// Whether an argument says more of itself than the name of the parameter that it is passed to.
    fn is_known_receiver(&self, argument: &Expr) -> bool {
        self.model.declared(argument, self.settings).is_some()
            || self.model.type_of(argument) != Type::Unknown
            || self.own_parameter(argument).is_some()
    }

    /// The receiver that a callee gets as a parameter, in the caller's words.
    fn receiver(&self, passed: Option<Passed<'a>>, function: &ast::StmtFunctionDef) -> Location {
        match passed {
            Some(Passed::Argument(argument)) => match self.own_parameter(argument) {
                Some(index) => Location::Receiver(index),
                None => {
                    let written = self.model.slice(self.model.unaliased(argument));
                    Location::External("receiver", written.to_owned())
                }
            },
            _ => Location::External("receiver", format!("{}()", function.name)),
        }
    }

    pub(super) fn insert(&mut self, location: Location, write: bool) {
        if write {
            self.summary.writes.insert(location);
        } else {
            self.summary.reads.insert(location);
        }
    }

    fn default_is_touched(&mut self, default: &Expr, write: bool) {
        if !self.model.type_of(default).is_scalar() {
            self.insert(Location::Content(Root::Anything), write);
        }
    }

    fn method_on_default(&mut self, default: &'a Expr, method: &str, function: &ast::StmtFunctionDef) {
        match self.model.type_of(default) {
            Type::Scalar(_) => {}
            Type::Container(_) => self.default_is_touched(default, MUTATORS.contains(&method)),
            _ => {
                self.default_is_touched(default, true);
                self.summary.give_up(format!(
                    "`{}` calls `.{method}` on the default of a parameter",
                    function.name
                ));
            }
        }
    }
}

impl<'a> SemanticModel<'a> {
    /// Whether a call gives a function exactly the arguments that it asks for. `*` and `**` on either side are not decided: true.
    pub fn arguments_fit(&self, call: &'a ast::ExprCall, function: &'a ast::StmtFunctionDef) -> bool {
        let is_method = call.func.is_attribute_expr() && self.class_of_method(function).is_some();
        let is_static = function
            .decorator_list
            .iter()
            .any(|decorator| self.is_builtin(&decorator.expression, "staticmethod"));
        let first = (is_method && !is_static).then_some(Passed::Nothing);
        is_spread(call, function) || bind_arguments(call, function, first).is_ok()
    }

    /// What a call passes, by the index of the parameter; `bound`: the first parameter is the receiver. `None` when that is not known.
    pub fn arguments_by_parameter(
        &self,
        call: &'a ast::ExprCall,
        function: &'a ast::StmtFunctionDef,
        bound: bool,
    ) -> Option<BTreeMap<usize, &'a Expr>> {
        let passed = bind_arguments(call, function, bound.then_some(Passed::Nothing)).ok()?;
        let arguments = passed.into_iter().filter_map(|(index, value)| match value {
            Passed::Argument(argument) => Some((index, argument)),
            Passed::Default(_) | Passed::Nothing => None,
        });
        Some(arguments.collect())
    }
}

/// What is declared under the name of a parameter.
pub(super) fn declared_parameter(
    function: &ast::StmtFunctionDef,
    index: usize,
    settings: &Settings,
) -> Option<Receiver> {
    let parameter = function.parameters.iter_source_order().nth(index)?;
    declared_as(settings, parameter.name()).cloned()
}

fn is_spread(call: &ast::ExprCall, function: &ast::StmtFunctionDef) -> bool {
    function.parameters.vararg.is_some()
        || function.parameters.kwarg.is_some()
        || call.arguments.args.iter().any(Expr::is_starred_expr)
        || call.arguments.keywords.iter().any(|keyword| keyword.arg.is_none())
}

/// What each parameter gets, by its position, or why that is not known.
fn bind_arguments<'a>(
    call: &'a ast::ExprCall,
    function: &'a ast::StmtFunctionDef,
    first: Option<Passed<'a>>,
) -> Result<BTreeMap<usize, Passed<'a>>, String> {
    if is_spread(call, function) {
        return Err(format!("the arguments of `{}` are spread", function.name));
    }
    let parameters = &*function.parameters;
    let misfit = || format!("`{}` does not take these arguments", function.name);
    let positional = parameters.posonlyargs.len() + parameters.args.len();
    let mut bound = BTreeMap::new();
    let given = call.arguments.args.iter().map(Passed::Argument);
    for (index, argument) in first.into_iter().chain(given).enumerate() {
        if index >= positional {
            return Err(misfit());
        }
        bound.insert(index, argument);
    }
    for keyword in &call.arguments.keywords {
        let index = parameters
            .iter_source_order()
            .position(|parameter| {
                keyword
                    .arg
                    .as_ref()
                    .is_some_and(|name| parameter.name().as_str() == name.as_str())
            })
            .filter(|index| *index >= parameters.posonlyargs.len())
            .ok_or_else(misfit)?;
        if bound.insert(index, Passed::Argument(&keyword.value)).is_some() {
            return Err(misfit());
        }
    }
    for (index, parameter) in parameters.iter_non_variadic_params().enumerate() {
        match &parameter.default {
            Some(default) => {
                bound.entry(index).or_insert(Passed::Default(default));
            }
            None if bound.contains_key(&index) => {}
            None => return Err(misfit()),
        }
    }
    Ok(bound)
}
