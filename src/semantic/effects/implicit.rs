//! Code that runs though no call of it is written: truth tests, unpacking, patterns, callbacks, and what makes functions and classes.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Pattern};

use super::Location;
use super::given::Demand;
use super::tables::{
    CALLBACKS, ENDING_EXCEPTIONS, INERT_DECORATORS, ITERATING_METHODS, PURE_BUILTINS, is_builtin_exception,
};
use super::walk::{MAX_STEPS, Walker};
use crate::knowledge;
use crate::module::one_line;
use crate::semantic::names::{Lookup, is_standard, map_callable};
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId, ScopeId};

/// What is known of an imported object.
pub(super) enum Imported {
    /// Of the standard library.
    Library,
    /// A module, by the statement that imports it.
    Module,
}

impl<'a> Walker<'_, 'a> {
    /// What an imported object is, where that is certain: `from shop import settings` may import anything.
    pub(super) fn imported(&self, expr: &Expr) -> Option<Imported> {
        let path = self.model.qualified_name(expr)?;
        if is_standard(&path) {
            return Some(Imported::Library);
        }
        let mut root = expr;
        while let Expr::Attribute(attribute) = root {
            root = &attribute.value;
        }
        let Expr::Name(name) = root else { return None };
        let scope = self.model.scope_of(self.model.id(name));
        let is_module = self.model.resolve(&name.id, scope).any(|binding| match binding.kind {
            BindingKind::Import(alias) => {
                let rest = alias.name.strip_prefix(path.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
            _ => false,
        });
        is_module.then_some(Imported::Module)
    }

    /// Whether others may have the object as well: one of the module, an imported one, an attribute.
    fn is_shared(&self, expr: &Expr, steps: usize) -> bool {
        match expr {
            Expr::Name(name) => match self.model.lookup(&name.id, self.model.scope_of(self.model.id(name))) {
                Lookup::Builtin => false,
                Lookup::Unknown | Lookup::Scope(ScopeId::MODULE) => true,
                Lookup::Scope(owner) => {
                    let function = self.model.function_of_scope(owner);
                    function.map(|function| self.model.id(function)) != self.function
                        || steps < MAX_STEPS
                            && self
                                .only_value(name)
                                .is_some_and(|value| self.is_shared(value, steps + 1))
                }
            },
            Expr::Attribute(_) => true,
            Expr::Subscript(inner) => self.is_shared(&inner.value, steps),
            Expr::Starred(inner) => self.is_shared(&inner.value, steps),
            Expr::Named(inner) => self.is_shared(&inner.value, steps),
            Expr::If(inner) => self.is_shared(&inner.body, steps) || self.is_shared(&inner.orelse, steps),
            Expr::BoolOp(inner) => inner.values.iter().any(|value| self.is_shared(value, steps)),
            _ => false,
        }
    }

    /// A truth test runs `__bool__` or `__len__`: of consequence if some class here defines one, or if others have the object as well and
    /// its class is not known.
    pub(super) fn tested(&mut self, expr: &Expr) {
        let model = self.model;
        let defined_here = || {
            let mut names = ["__bool__", "__len__"].iter();
            names.any(|name| model.methods_named(name).next().is_some())
        };
        let is_operator = expr.is_bool_op_expr();
        let shared = !is_operator && self.is_shared(expr, 0);
        let may_run_code = match model.type_of(expr) {
            Type::Scalar(_) | Type::Container(_) => false,
            Type::Foreign(class) => {
                let is_open = !is_standard(&class) && knowledge::class_facts(&class).is_none();
                if is_open && self.pending.is_some() {
                    self.summary.tested.insert(class);
                }
                is_open && shared
            }
            Type::Instance(class) => defined_here() || !model.hierarchy_is_plain(class) && shared,
            Type::Unknown => defined_here() || shared,
        };
        if may_run_code {
            self.summary.doubt(format!(
                "`{}` may run code of its own when it is tested",
                one_line(model.slice(expr))
            ));
        }
    }

    /// All elements of an object are taken. What the function has for itself may be used up.
    pub(super) fn unpacked(&mut self, expr: &Expr) {
        if self.own_parameter(expr).is_some() || self.is_shared(expr, 0) {
            self.iterated(expr);
        }
    }

    /// A function that something else calls: a key of a sort, a hook of a parser.
    pub(super) fn called_back(&mut self, callback: &'a Expr) {
        let model = self.model;
        if model.type_of(callback).is_scalar()
            || model
                .builtin(callback)
                .is_some_and(|name| PURE_BUILTINS.contains(&name))
            || model
                .qualified_name(map_callable(callback))
                .is_some_and(|name| is_standard(&name))
        {
            return;
        }
        if let Expr::Lambda(lambda) = callback {
            return self.walk(model.id(&*lambda.body));
        }
        let functions = self.functions_behind(callback);
        for function in &functions {
            let effects = model.effects_of(function, self.settings);
            self.summary.call_back(&function.name, &effects);
        }
        if !functions.is_empty() {
            return;
        }
        let demand = match self.own_parameter(callback) {
            Some(index) => Demand::of_parameter(index),
            None => Demand::doubtful(format!(
                "what `{}` does when it is called back is not known",
                one_line(model.slice(callback))
            )),
        };
        self.summary.demand_builtin(&demand);
    }

    /// The functions of the module that run when a value which is handed over is called.
    pub(super) fn functions_behind(&self, callable: &'a Expr) -> Vec<&'a ast::StmtFunctionDef> {
        let model = self.model;
        let mut functions = Vec::from_iter(model.function_of(callable));
        if let Expr::Attribute(method) = callable
            && let Some(class) = model.class_of(&method.value)
        {
            functions.extend(model.method_candidates(class, &method.attr));
        }
        functions
    }

    /// What a function of the standard library calls back.
    pub(super) fn callbacks(&mut self, call: &'a ast::ExprCall, name: &str) {
        for (_, position, keywords) in CALLBACKS.iter().filter(|(caller, ..)| *caller == name) {
            let by_position = position.and_then(|position| call.arguments.args.get(position));
            let named = |keyword: &&ast::Keyword| {
                let name = keyword.arg.as_deref();
                name.is_none_or(|name| keywords.contains(&name))
            };
            let by_name = call
                .arguments
                .keywords
                .iter()
                .filter(named)
                .map(|keyword| &keyword.value);
            for callback in by_position.into_iter().chain(by_name) {
                self.called_back(callback);
            }
        }
    }

    /// What a method of a builtin value does with what it is given.
    pub(super) fn arguments_of_builtin(&mut self, call: &'a ast::ExprCall, method: &str) {
        let key = call.arguments.find_keyword("key").filter(|_| method == "sort");
        key.iter().for_each(|key| self.called_back(&key.value));
        for argument in call.arguments.iter_source_order() {
            if ITERATING_METHODS.contains(&method) {
                self.unpacked(argument.value());
            } else if method == "format" {
                self.needs_scalar(argument.value(), "a format");
            }
        }
    }

    /// Making a function or a class runs its defaults, its decorators and the body of the class.
    pub(super) fn definition(&mut self, id: NodeId, node: AnyNodeRef<'a>) {
        match node {
            AnyNodeRef::StmtFunctionDef(function) => {
                self.bound(&function.name, id);
                self.decorators(&function.decorator_list);
                self.defaults(&function.parameters);
            }
            AnyNodeRef::ExprLambda(lambda) => lambda
                .parameters
                .iter()
                .for_each(|parameters| self.defaults(parameters)),
            AnyNodeRef::StmtClassDef(class) => {
                self.bound(&class.name, id);
                self.decorators(&class.decorator_list);
                self.bases(class);
                for stmt in &class.body {
                    self.walk(self.model.id(stmt));
                }
            }
            _ => {}
        }
    }

    fn defaults(&mut self, parameters: &'a ast::Parameters) {
        for default in parameters
            .iter_non_variadic_params()
            .filter_map(|parameter| parameter.default.as_deref())
        {
            self.walk(self.model.id(default));
        }
    }

    fn decorators(&mut self, decorators: &'a [ast::Decorator]) {
        let model = self.model;
        for decorator in decorators.iter().map(|decorator| &decorator.expression) {
            let plain = map_callable(decorator);
            let is_inert = matches!(model.builtin(plain), Some("staticmethod" | "classmethod" | "property"))
                || model
                    .qualified_name(plain)
                    .is_some_and(|name| INERT_DECORATORS.contains(&&*name));
            if !is_inert {
                let written = one_line(model.slice(decorator));
                return self
                    .summary
                    .give_up(format!("it decorates with `{written}` when it runs"));
            }
            if let Expr::Call(call) = decorator {
                for argument in call.arguments.iter_source_order() {
                    self.walk(model.id(argument.value()));
                }
            }
        }
    }

    fn bases(&mut self, class: &'a ast::StmtClassDef) {
        let model = self.model;
        for base in class.bases() {
            let plain = ast::helpers::map_subscript(base);
            let is_known = model
                .builtin(plain)
                .is_some_and(|name| name == "object" || is_builtin_exception(name))
                || model.qualified_name(plain).is_some_and(|name| is_standard(&name))
                || model
                    .class_named(plain)
                    .is_some_and(|base| model.hierarchy_is_plain(base));
            if !is_known {
                let written = one_line(model.slice(base));
                return self
                    .summary
                    .give_up(format!("it makes a class of `{written}` when it runs"));
            }
        }
        if class
            .keywords()
            .iter()
            .any(|keyword| keyword.arg.as_deref() != Some("total"))
        {
            self.summary
                .give_up(format!("making the class `{}` may run code", class.name));
        }
    }

    /// Patterns compare what is matched, and look into it.
    pub(super) fn matched(&mut self, stmt: &'a ast::StmtMatch) {
        let mut open: Vec<&Pattern> = stmt.cases.iter().map(|case| &case.pattern).collect();
        while let Some(pattern) = open.pop() {
            match pattern {
                Pattern::MatchValue(_) => self.needs_scalar(&stmt.subject, "a comparison"),
                Pattern::MatchSequence(_) | Pattern::MatchMapping(_) => self.unpacked(&stmt.subject),
                Pattern::MatchOr(pattern) => open.extend(&pattern.patterns),
                Pattern::MatchAs(pattern) => open.extend(pattern.pattern.as_deref()),
                Pattern::MatchSingleton(_) | Pattern::MatchStar(_) | Pattern::MatchClass(_) => {}
            }
        }
    }

    /// A part of a pattern binds a name, or reads attributes.
    pub(super) fn pattern(&mut self, id: NodeId, node: AnyNodeRef<'a>) {
        match node {
            AnyNodeRef::PatternMatchAs(pattern) => pattern.name.iter().for_each(|name| self.bound(name, id)),
            AnyNodeRef::PatternMatchStar(pattern) => pattern.name.iter().for_each(|name| self.bound(name, id)),
            AnyNodeRef::PatternMatchMapping(pattern) => pattern.rest.iter().for_each(|name| self.bound(name, id)),
            AnyNodeRef::PatternMatchClass(pattern) => self.class_pattern(pattern),
            _ => {}
        }
    }

    fn class_pattern(&mut self, pattern: &'a ast::PatternMatchClass) {
        let model = self.model;
        let is_builtin = model
            .builtin(&pattern.cls)
            .is_some_and(|name| PURE_BUILTINS.contains(&name));
        let mut is_certain = is_builtin || pattern.arguments.patterns.is_empty();
        for keyword in &pattern.arguments.keywords {
            match model.class_named(&pattern.cls) {
                Some(class) if model.is_plain_attribute(class, &keyword.attr) => {
                    self.summary.reads.insert(Location::Attribute {
                        class: class.name.to_string(),
                        name: keyword.attr.to_string(),
                    });
                }
                _ => is_certain = false,
            }
        }
        if !is_certain {
            self.summary.doubt(format!(
                "`{}` reads attributes, which may run code of their own",
                one_line(model.slice(pattern))
            ));
        }
    }

    /// An exception that ends the program comes out of the event loop when a task raises it. The class of an exception is called, too.
    pub(super) fn raised(&mut self, raised: &'a Expr) {
        let model = self.model;
        let class = map_callable(raised);
        if self.ends_the_program(class, 0) {
            self.summary.exits = true;
            return;
        }
        let is_imported =
            model.imported_root(class) && !model.qualified_name(class).is_some_and(|name| is_standard(&name));
        let derives_from_known = |class: &'a ast::StmtClassDef| {
            let mut bases = class.bases().iter();
            bases.all(|base| model.builtin(base).is_some_and(is_builtin_exception) || model.class_named(base).is_some())
        };
        let is_open = |class: &'a ast::StmtClassDef| !model.mro(class).into_iter().all(derives_from_known);
        if is_imported && !raised.is_call_expr() || model.class_named(class).is_some_and(is_open) {
            let written = one_line(model.slice(class));
            self.summary
                .doubt(format!("`{written}` is raised, and its class is not known"));
        }
    }

    fn ends_the_program(&self, class: &Expr, steps: usize) -> bool {
        self.model
            .builtin(class)
            .is_some_and(|name| ENDING_EXCEPTIONS.contains(&name))
            || self.model.class_named(class).is_some_and(|class| {
                steps < MAX_STEPS && class.bases().iter().any(|base| self.ends_the_program(base, steps + 1))
            })
    }
}
