//! Light types: what constructor calls, annotations and literals say about an expression. `Unknown` never permits a rewrite.

use std::cell::{Cell, RefCell};
use std::collections::hash_map::Entry;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Operator};
use ruff_text_size::Ranged;
use rustc_hash::FxHashMap;

use super::{Binding, BindingKind, NodeId, ScopeId, ScopeKind, SemanticModel};

/// What is known of a value's class.
#[derive(Clone, Debug, PartialEq)]
pub enum Type<'a> {
    Unknown,
    /// A builtin immutable value whose methods and operators have no effects: `str`, `bytes`, `int`, `float`, `bool`, `None`, or a
    /// tuple of such.
    Scalar(&'static str),
    /// A builtin container made in this module: `list`, `dict`, `set`, `tuple`.
    Container(&'static str),
    /// An instance of a class of this module.
    Instance(&'a ast::StmtClassDef),
    /// An instance of an imported class, by its qualified name.
    Foreign(String),
}

impl Type<'_> {
    pub fn is_scalar(&self) -> bool {
        matches!(self, Type::Scalar(_))
    }
}

/// Answers what class an expression's value has. The default reads annotations and constructor calls; a real type checker can stand in.
pub trait TypeOracle<'a> {
    fn type_of(&self, expr: &Expr) -> Type<'a>;
}

impl<'a> TypeOracle<'a> for SemanticModel<'a> {
    fn type_of(&self, expr: &Expr) -> Type<'a> {
        self.infer(expr, 0)
    }
}

const MAX_STEPS: usize = 8;

/// Whether a method ends with `return self`.
pub fn ends_with_itself(function: &ast::StmtFunctionDef) -> bool {
    let first = function.parameters.iter_source_order().next();
    let first = first.map(|parameter| parameter.as_parameter().name.as_str());
    match function.body.last() {
        Some(ast::Stmt::Return(stmt)) => {
            matches!(stmt.value.as_deref(), Some(Expr::Name(name)) if Some(name.id.as_str()) == first)
        }
        _ => false,
    }
}

/// Types that were inferred before: one expression is asked about by many codemods, and by what is bound to it.
#[derive(Default)]
pub(super) struct Cache {
    known: RefCell<FxHashMap<NodeId, Known>>,
    /// Whether an inference since the last reset was cut short, by [`MAX_STEPS`] or by a value that depends on itself.
    truncated: Cell<bool>,
}

/// A [`Type`] that does not borrow: a model with such types in a cell could not be shortened to a shorter borrow.
#[derive(Clone)]
enum Known {
    /// It is being inferred: a value that depends on itself is not known.
    Pending,
    Instance(NodeId),
    Other(Type<'static>),
}

impl<'a> SemanticModel<'a> {
    /// The class of this module that an expression is an instance of: `self` in its methods, a constructor call, an annotation.
    pub fn class_of(&self, expr: &Expr) -> Option<&'a ast::StmtClassDef> {
        match self.type_of(expr) {
            Type::Instance(class) => Some(class),
            _ => None,
        }
    }

    /// The type of an expression that is `steps` inferences away from the one that was asked for.
    pub(super) fn infer(&self, expr: &Expr, steps: usize) -> Type<'a> {
        if steps > MAX_STEPS {
            self.types.truncated.set(true);
            return Type::Unknown;
        }
        // Only these lead to other expressions; the others are told at a glance.
        if !matches!(
            expr,
            Expr::Name(_) | Expr::Call(_) | Expr::Attribute(_) | Expr::Subscript(_)
        ) {
            return self.infer_kind(expr, steps);
        }
        let id = self.id(expr);
        match self.types.known.borrow_mut().entry(id) {
            Entry::Occupied(known) => return self.recalled(known.get()),
            Entry::Vacant(place) => place.insert(Known::Pending),
        };
        let around = self.types.truncated.replace(false);
        let type_ = self.infer_kind(expr, steps);
        let truncated = self.types.truncated.get();
        self.types.truncated.set(around || truncated);
        let mut known = self.types.known.borrow_mut();
        // What was cut short says nothing about a question that is asked from nearer by.
        if !truncated || steps == 0 {
            known.insert(id, self.remembered(&type_));
        } else {
            known.remove(&id);
        }
        type_
    }

    fn recalled(&self, known: &Known) -> Type<'a> {
        match known {
            Known::Pending => {
                self.types.truncated.set(true);
                Type::Unknown
            }
            Known::Instance(class) => match self.node(*class) {
                AnyNodeRef::StmtClassDef(class) => Type::Instance(class),
                _ => Type::Unknown,
            },
            Known::Other(type_) => type_.clone(),
        }
    }

    fn remembered(&self, type_: &Type<'a>) -> Known {
        match type_ {
            Type::Instance(class) => Known::Instance(self.id(*class)),
            Type::Scalar(name) => Known::Other(Type::Scalar(name)),
            Type::Container(name) => Known::Other(Type::Container(name)),
            Type::Foreign(name) => Known::Other(Type::Foreign(name.clone())),
            Type::Unknown => Known::Other(Type::Unknown),
        }
    }

    fn infer_kind(&self, expr: &Expr, steps: usize) -> Type<'a> {
        if let Some(class) = self.known_object(expr) {
            return Type::Foreign(class.to_owned());
        }
        match expr {
            Expr::StringLiteral(_) | Expr::FString(_) => Type::Scalar("str"),
            Expr::BytesLiteral(_) => Type::Scalar("bytes"),
            Expr::NumberLiteral(number) => match number.value {
                ast::Number::Int(_) => Type::Scalar("int"),
                ast::Number::Float(_) => Type::Scalar("float"),
                ast::Number::Complex { .. } => Type::Scalar("complex"),
            },
            Expr::BooleanLiteral(_) => Type::Scalar("bool"),
            Expr::NoneLiteral(_) => Type::Scalar("None"),
            Expr::List(_) | Expr::ListComp(_) => Type::Container("list"),
            Expr::Dict(_) | Expr::DictComp(_) => Type::Container("dict"),
            Expr::Set(_) | Expr::SetComp(_) => Type::Container("set"),
            Expr::Tuple(tuple)
                if tuple
                    .elts
                    .iter()
                    .all(|element| self.infer(element, steps + 1).is_scalar()) =>
            {
                Type::Scalar("tuple")
            }
            Expr::Tuple(_) => Type::Container("tuple"),
            Expr::Compare(compare)
                if self.infer(&compare.left, steps + 1).is_scalar()
                    && compare
                        .comparators
                        .iter()
                        .all(|other| self.infer(other, steps + 1).is_scalar()) =>
            {
                Type::Scalar("bool")
            }
            Expr::UnaryOp(unary) if self.infer(&unary.operand, steps + 1).is_scalar() => match unary.op {
                ast::UnaryOp::Not => Type::Scalar("bool"),
                _ => self.infer(&unary.operand, steps + 1),
            },
            Expr::BinOp(binary) => self.infer_operator(binary, steps),
            Expr::If(inner) => {
                let (left, right) = (self.infer(&inner.body, steps + 1), self.infer(&inner.orelse, steps + 1));
                if left == right { left } else { Type::Unknown }
            }
            Expr::Named(named) => self.infer(&named.value, steps + 1),
            Expr::Await(inner) => self.infer_awaited(&inner.value, steps),
            Expr::Call(call) => self.infer_call(call, steps),
            Expr::Name(name) => self.infer_name(name, steps),
            Expr::Subscript(subscript) => self.infer_subscript(subscript, steps),
            Expr::Attribute(attribute) => self.infer_attribute(attribute, steps),
            _ => Type::Unknown,
        }
    }

    fn infer_operator(&self, binary: &ast::ExprBinOp, steps: usize) -> Type<'a> {
        let (left, right) = (
            self.infer(&binary.left, steps + 1),
            self.infer(&binary.right, steps + 1),
        );
        operator(&left, binary.op, &right)
    }

    fn infer_call(&self, call: &ast::ExprCall, steps: usize) -> Type<'a> {
        if let Some(class) = self.class_named(&call.func) {
            return Type::Instance(class);
        }
        if let Some(name) = self.builtin(&call.func) {
            return self.infer_builtin_call(name, call, steps);
        }
        if let Expr::Attribute(method) = &*call.func {
            let name = method.attr.as_str();
            if (STR_TO_STR.contains(&name) || STR_TO_LIST.contains(&name))
                && self.infer(&method.value, steps + 1) == Type::Scalar("str")
            {
                return match STR_TO_STR.contains(&name) {
                    true => Type::Scalar("str"),
                    false => Type::Container("list"),
                };
            }
        }
        match self.infer_sqlalchemy(call, steps) {
            Type::Unknown => {}
            known => return known,
        }
        match self.qualified_name(&call.func) {
            Some(name) if let Some((_, class)) = SUBCLASSES.iter().find(|(subclass, _)| *subclass == name) => {
                Type::Foreign((*class).to_owned())
            }
            // By convention a class has a capital letter; a lower-case factory says nothing of the type it returns.
            Some(name)
                if name
                    .rsplit('.')
                    .next()
                    .is_some_and(|last| last.starts_with(char::is_uppercase)) =>
            {
                Type::Foreign(name)
            }
            Some(name) => match FACTORIES.iter().find(|(factory, _)| *factory == name) {
                Some((_, class)) => Type::Foreign((*class).to_owned()),
                None => Type::Unknown,
            },
            None => match self.infer_path_method(call, steps) {
                Type::Unknown => match self.infer_maker(call, steps) {
                    Type::Unknown => self.infer_returned(call, false, steps),
                    known => known,
                },
                known => known,
            },
        }
    }

    /// `executor.submit(...)`: the methods of imported classes that make an object of another one.
    fn infer_maker(&self, call: &ast::ExprCall, steps: usize) -> Type<'a> {
        let Expr::Attribute(method) = &*call.func else {
            return Type::Unknown;
        };
        let mut makers = MAKERS
            .iter()
            .filter(|(_, name, _)| *name == method.attr.as_str())
            .peekable();
        if makers.peek().is_none() {
            return Type::Unknown;
        }
        match self.infer(&method.value, steps + 1) {
            Type::Foreign(owner) => makers
                .find(|(class, ..)| *class == owner)
                .map_or(Type::Unknown, |(_, _, made)| Type::Foreign((*made).to_owned())),
            _ => Type::Unknown,
        }
    }

    /// `path.resolve()`: the methods of a path that give a path.
    fn infer_path_method(&self, call: &ast::ExprCall, steps: usize) -> Type<'a> {
        match &*call.func {
            Expr::Attribute(method) if PATH_TO_PATH.contains(&method.attr.as_str()) => {
                match self.infer(&method.value, steps + 1) {
                    Type::Foreign(name) if name == PATH => Type::Foreign(name),
                    _ => Type::Unknown,
                }
            }
            _ => Type::Unknown,
        }
    }

    /// What the functions of `asyncio`, and those of this module that say so, give to who awaits them.
    fn infer_awaited(&self, awaited: &Expr, steps: usize) -> Type<'a> {
        match self.called(awaited).as_deref() {
            Some("asyncio.create_subprocess_exec" | "asyncio.create_subprocess_shell") => {
                Type::Foreign("asyncio.subprocess.Process".to_owned())
            }
            Some("asyncio.start_server" | "asyncio.start_unix_server") => Type::Foreign("asyncio.Server".to_owned()),
            _ => match awaited {
                Expr::Call(call) => self.infer_returned(call, true, steps),
                _ => Type::Unknown,
            },
        }
    }

    /// What the annotation of a function of this module says that a call of it gives.
    fn infer_returned(&self, call: &ast::ExprCall, is_awaited: bool, steps: usize) -> Type<'a> {
        let function = match &*call.func {
            Expr::Attribute(method) if self.methods_named(&method.attr).next().is_none() => None,
            Expr::Attribute(method) => match self.infer(&method.value, steps + 1) {
                Type::Instance(class) => self.method(class, &method.attr),
                _ => None,
            },
            callee => self.function_of(callee),
        };
        let function = function.filter(|function| {
            // What a decorator makes of it is not known.
            function.is_async == is_awaited && function.decorator_list.is_empty() && !self.is_generator(function)
        });
        let returns = function.and_then(|function| function.returns.as_deref());
        returns.map_or(Type::Unknown, |returns| self.annotation(returns, steps + 1))
    }

    /// What a name is bound to a part of, and which: `a, b = value`.
    pub fn unpacked_from(&self, binding: &Binding<'a>) -> Option<(&'a Expr, usize)> {
        let tuple = self.parent(binding.node);
        let (AnyNodeRef::ExprTuple(targets), AnyNodeRef::StmtAssign(assign)) =
            (self.node(tuple), self.node(self.parent(tuple)))
        else {
            return None;
        };
        let is_plain = !targets.elts.iter().any(Expr::is_starred_expr);
        let position = targets.elts.iter().position(|target| target.range() == binding.range)?;
        is_plain.then_some((&assign.value, position))
    }

    /// The part of `a, b = x, y` that a name is bound to.
    pub(super) fn unpacked_value(&self, binding: &Binding<'a>) -> Option<&'a Expr> {
        let (Expr::Tuple(values), position) = self.unpacked_from(binding)? else {
            return None;
        };
        let is_plain = !values.elts.iter().any(Expr::is_starred_expr);
        values.elts.get(position).filter(|_| is_plain)
    }

    /// `reader, writer = await asyncio.open_connection(...)`.
    fn infer_unpacked(&self, binding: &Binding<'a>) -> Type<'a> {
        let Some((Expr::Await(value), position)) = self.unpacked_from(binding) else {
            return Type::Unknown;
        };
        let called = match &*value.value {
            // What it awaits, and no longer than that.
            Expr::Call(limited) if self.qualified_name(&limited.func).as_deref() == Some("asyncio.wait_for") => {
                limited.arguments.args.first().and_then(|awaited| self.called(awaited))
            }
            awaited => self.called(awaited),
        };
        match (called.as_deref(), position) {
            (Some("asyncio.open_connection" | "asyncio.open_unix_connection"), 0) => {
                Type::Foreign("asyncio.StreamReader".to_owned())
            }
            (Some("asyncio.open_connection" | "asyncio.open_unix_connection"), 1) => {
                Type::Foreign("asyncio.StreamWriter".to_owned())
            }
            (Some("asyncio.gather"), position) => match &*value.value {
                Expr::Call(gather)
                    if gather.arguments.keywords.is_empty()
                        && !gather.arguments.args.iter().any(Expr::is_starred_expr) =>
                {
                    match gather.arguments.args.get(position) {
                        Some(Expr::Call(call)) => self.infer_returned(call, true, 0),
                        _ => Type::Unknown,
                    }
                }
                _ => Type::Unknown,
            },
            _ => Type::Unknown,
        }
    }

    /// The qualified name of what an expression calls.
    fn called(&self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Call(call) => self.qualified_name(&call.func),
            _ => None,
        }
    }

    fn infer_name(&self, name: &ast::ExprName, steps: usize) -> Type<'a> {
        let scope = self.scope_of(self.id(name));
        let mut agreed: Option<Type<'a>> = None;
        let mut updates = Vec::new();
        for binding in self.resolve(&name.id, scope) {
            if let Some(update) = self.augmented(binding) {
                updates.push(update);
                continue;
            }
            let type_ = self.infer_binding(binding, steps);
            match &agreed {
                _ if type_ == Type::Unknown => return Type::Unknown,
                None => agreed = Some(type_),
                Some(other) if *other == type_ => {}
                Some(_) => return Type::Unknown,
            }
        }
        let agreed = agreed.unwrap_or(Type::Unknown);
        updates.into_iter().fold(agreed, |known, update| {
            let value = self.infer(&update.value, steps + 1);
            match known {
                // In place, whatever is added (Python reference, 7.2.1, and the sequence and set types of the library).
                Type::Container("list" | "set" | "dict") => known,
                _ => operator(&known, update.op, &value),
            }
        })
    }

    /// `name += value`, where a binding is one.
    pub(super) fn augmented(&self, binding: &Binding<'a>) -> Option<&'a ast::StmtAugAssign> {
        match (binding.kind, self.node(self.parent(binding.node))) {
            (BindingKind::AugAssignment, AnyNodeRef::StmtAugAssign(stmt)) => Some(stmt),
            _ => None,
        }
    }

    /// What one binding says about the class of its name's value.
    pub fn type_of_binding(&self, binding: &Binding<'a>) -> Type<'a> {
        self.infer_binding(binding, 0)
    }

    fn infer_binding(&self, binding: &Binding<'a>, steps: usize) -> Type<'a> {
        match binding.kind {
            BindingKind::Assignment(value) => self.infer(value, steps + 1),
            BindingKind::Annotated(assign) => match self.annotation(&assign.annotation, steps) {
                Type::Unknown => assign
                    .value
                    .as_deref()
                    .map_or(Type::Unknown, |value| self.infer(value, steps + 1)),
                known => known,
            },
            BindingKind::Parameter(parameter) => match (self.variadic(binding), &parameter.annotation) {
                (Some(container), _) => Type::Container(container),
                (None, Some(annotation)) => self.annotation(annotation, steps),
                (None, None) => match self.self_type(parameter, binding.scope) {
                    Type::Unknown => match self.infer_injected(parameter, binding, steps) {
                        Type::Unknown => self.known_parameter(parameter),
                        known => known,
                    },
                    known => known,
                },
            },
            BindingKind::With(item, is_async) => match self.infer(&item.context_expr, steps + 1) {
                // Whether `__enter__` returns the manager itself is known only for a few.
                Type::Foreign(name) if enters_itself(&name) => Type::Foreign(name),
                Type::Instance(class) if self.enters_itself(class) => Type::Instance(class),
                Type::Instance(class)
                    if self
                        .inherited_from(class, if is_async { "__aenter__" } else { "__enter__" })
                        .is_some_and(|base| enters_itself(&base)) =>
                {
                    Type::Instance(class)
                }
                _ => self.infer_entered(&item.context_expr, steps),
            },
            BindingKind::Other => match (self.unpacked_value(binding), self.infer_unpacked(binding)) {
                (Some(value), _) => self.infer(value, steps + 1),
                (None, Type::Unknown) => self.loop_variable(binding, steps),
                (None, known) => known,
            },
            _ => Type::Unknown,
        }
    }

    /// The class that the first parameter of a method stands for.
    fn self_type(&self, parameter: &'a ast::Parameter, scope: ScopeId) -> Type<'a> {
        let Some(function) = self.function_of_scope(scope) else {
            return Type::Unknown;
        };
        let is_first = function
            .parameters
            .posonlyargs
            .iter()
            .chain(&function.parameters.args)
            .next()
            .is_some_and(|first| std::ptr::eq(&raw const first.parameter, parameter));
        let is_static = function.decorator_list.iter().any(|decorator| {
            self.is_builtin(&decorator.expression, "staticmethod")
                || self.is_builtin(&decorator.expression, "classmethod")
        });
        match self.class_of_method(function) {
            Some(class) if is_first && !is_static && function.name.as_str() != "__new__" => Type::Instance(class),
            _ => Type::Unknown,
        }
    }

    /// What a parameter like `*args` or `**kwargs` is, whose annotation is that of its elements (Python reference, 8.7).
    pub(super) fn variadic(&self, binding: &Binding<'a>) -> Option<&'static str> {
        let BindingKind::Parameter(parameter) = binding.kind else {
            return None;
        };
        let parameters = match self.scope(binding.scope).kind {
            ScopeKind::Function(function) => &*function.parameters,
            ScopeKind::Lambda(lambda) => lambda.parameters.as_deref()?,
            _ => return None,
        };
        let is =
            |found: &Option<Box<ast::Parameter>>| found.as_deref().is_some_and(|found| std::ptr::eq(found, parameter));
        if is(&parameters.vararg) {
            Some("tuple")
        } else {
            is(&parameters.kwarg).then_some("dict")
        }
    }

    /// The builtin container that a class expression names, or that it is an alias of: `list`, `typing.List` (Python library, `typing`).
    pub(crate) fn container_named(&self, class: &Expr) -> Option<&'static str> {
        const CONTAINERS: &[(&str, &str)] = &[
            ("list", "typing.List"),
            ("dict", "typing.Dict"),
            ("set", "typing.Set"),
            ("tuple", "typing.Tuple"),
        ];
        let alias = self.qualified_name(class);
        CONTAINERS
            .iter()
            .find(|(name, typing)| self.is_builtin(class, name) || alias.as_deref() == Some(typing))
            .map(|(name, _)| *name)
    }

    /// Whether `__enter__` or `__aenter__` of a class of this module is `return self`.
    fn enters_itself(&self, class: &'a ast::StmtClassDef) -> bool {
        self.returns_itself(class, &["__aenter__", "__enter__"])
    }

    /// Whether one of these methods of a class of this module is `return self`.
    pub(super) fn returns_itself(&self, class: &'a ast::StmtClassDef, methods: &[&str]) -> bool {
        methods
            .iter()
            .any(|name| self.method(class, name).is_some_and(ends_with_itself))
    }

    /// The class that an annotation names; `Optional`, unions and strings say nothing.
    pub(super) fn annotation(&self, annotation: &Expr, steps: usize) -> Type<'a> {
        if steps > MAX_STEPS {
            return Type::Unknown;
        }
        for name in ["str", "bytes", "int", "float", "bool"] {
            if self.is_builtin(annotation, name) {
                return Type::Scalar(name);
            }
        }
        let class = match annotation {
            Expr::StringLiteral(quoted) => return self.quoted_class(quoted),
            Expr::Subscript(subscript) => &*subscript.value,
            other => other,
        };
        if let Some(container) = self.container_named(class) {
            return Type::Container(container);
        }
        if let Some(class) = self.class_named(class) {
            return Type::Instance(class);
        }
        match self.qualified_name(class) {
            Some(name) if name == "typing.Annotated" => match annotation {
                Expr::Subscript(subscript) => match &*subscript.slice {
                    Expr::Tuple(tuple) => tuple
                        .elts
                        .first()
                        .map_or(Type::Unknown, |first| self.annotation(first, steps + 1)),
                    _ => Type::Unknown,
                },
                _ => Type::Unknown,
            },
            // Any class may be what these describe.
            Some(name) if is_abstract(&name) => Type::Unknown,
            Some(name) => Type::Foreign(self.known_alias(&name).map_or(name, str::to_owned)),
            None => match class {
                // `SessionDep = Annotated[AsyncSession, Depends(get_session)]`
                Expr::Name(alias) => match self.sole_binding(&alias.id, self.scope_of(self.id(alias))) {
                    Some(Binding {
                        kind: BindingKind::Assignment(value @ Expr::Subscript(_)),
                        ..
                    }) => self.annotation(value, steps + 1),
                    _ => Type::Unknown,
                },
                _ => Type::Unknown,
            },
        }
    }

    /// The class that an annotation in quotes names, with or without what it is a class of: `"asyncio.Queue[int]"`.
    fn quoted_class(&self, quoted: &ast::ExprStringLiteral) -> Type<'a> {
        self.class_in_quotes(quoted.value.to_str(), self.scope_of(self.id(quoted)))
    }

    fn class_in_quotes(&self, text: &str, scope: ScopeId) -> Type<'a> {
        let text = text.trim();
        let name = match text.split_once('[') {
            Some((name, rest)) if rest.find(']') == Some(rest.len() - 1) => name,
            Some(_) => return Type::Unknown,
            None => text,
        };
        let (first, members) = match name.split_once('.') {
            Some((first, members)) => (first, Some(members)),
            None => (name, None),
        };
        let path = self.imported_name(first, scope).map(|mut path| {
            if let Some(members) = members {
                path.push('.');
                path.push_str(members);
            }
            path
        });
        if let Some(path) = path {
            return if is_abstract(&path) {
                Type::Unknown
            } else {
                Type::Foreign(path)
            };
        }
        if members.is_some() {
            return Type::Unknown;
        }
        match self.sole_binding(name, scope).map(|binding| binding.kind) {
            Some(BindingKind::Class(class)) => Type::Instance(class),
            _ => Type::Unknown,
        }
    }

    /// The type of an object of which a method is called: that of the expression, where `None`, which has no such method, counts for nothing.
    pub fn type_of_receiver(&self, expr: &Expr) -> Type<'a> {
        match self.type_of(expr) {
            Type::Unknown | Type::Scalar("None") => self.not_none(expr).unwrap_or(Type::Unknown),
            known => known,
        }
    }

    /// What all values agree on that are put into a variable or an attribute, `None` aside: `process: Popen | None = None`.
    fn not_none(&self, expr: &Expr) -> Option<Type<'a>> {
        let mut types = Vec::new();
        let mut note = |annotation: Option<&'a Expr>, value: Option<&'a Expr>| match annotation {
            Some(Expr::StringLiteral(quoted)) => {
                let text = quoted.value.to_str().trim();
                let inner = text.strip_suffix("| None").or_else(|| text.strip_prefix("None |"));
                let scope = self.scope_of(self.id(quoted));
                types.push(self.class_in_quotes(inner.unwrap_or(text), scope));
            }
            Some(annotation) => types.push(self.annotation(inner_of_optional(self, annotation), 0)),
            None => types.extend(
                value
                    .filter(|value| !self.is_none(value))
                    .map(|value| self.type_of(value)),
            ),
        };
        match expr {
            Expr::Name(name) => {
                for binding in self.resolve(&name.id, self.scope_of(self.id(name))) {
                    match binding.kind {
                        BindingKind::Assignment(value) => note(None, Some(value)),
                        BindingKind::Annotated(assign) => note(Some(&assign.annotation), None),
                        BindingKind::Parameter(parameter) => note(Some(parameter.annotation.as_deref()?), None),
                        _ => return None,
                    }
                }
            }
            Expr::Attribute(attribute) if matches!(attribute.attr.as_str(), "stdout" | "stderr") => {
                let is_process = self.type_of_receiver(&attribute.value) == Type::Foreign(PROCESS.to_owned());
                return is_process.then(|| Type::Foreign(format!("{PROCESS}.{}", attribute.attr)));
            }
            Expr::Attribute(attribute) => {
                let class = self.class_of(&attribute.value)?;
                for stmt in &class.body {
                    match stmt {
                        ast::Stmt::AnnAssign(assign) if names(&assign.target, &attribute.attr) => {
                            note(Some(&assign.annotation), None);
                        }
                        ast::Stmt::Assign(assign)
                            if assign.targets.iter().any(|target| names(target, &attribute.attr)) =>
                        {
                            note(None, Some(&assign.value));
                        }
                        _ => {}
                    }
                }
                for store in self.stores_of(&attribute.attr) {
                    match self.node(self.parent(self.id(store))) {
                        AnyNodeRef::StmtAssign(assign) => note(None, Some(&assign.value)),
                        AnyNodeRef::StmtAnnAssign(assign) => note(Some(&assign.annotation), None),
                        _ => return None,
                    }
                }
            }
            _ => return None,
        }
        let first = types.pop()?;
        types.iter().all(|other| *other == first).then_some(first)
    }

    /// `self.x`: what every assignment to the attribute in the class agrees on.
    fn infer_attribute(&self, attribute: &ast::ExprAttribute, steps: usize) -> Type<'a> {
        let owner = self.infer(&attribute.value, steps + 1);
        self.attribute_of(owner, attribute.attr.as_str(), steps)
    }

    pub(super) fn attribute_of(&self, owner: Type<'a>, name: &str, steps: usize) -> Type<'a> {
        let known = self.known_attribute(&owner, name, 0);
        let class = match owner {
            Type::Instance(class) => class,
            Type::Foreign(class) if class == PATH && name == "parent" => return Type::Foreign(class),
            Type::Foreign(class) if class == PROCESS && ["stdout", "stderr"].contains(&name) => {
                return Type::Foreign(format!("{PROCESS}.{name}"));
            }
            _ => return known,
        };
        let mut agreed = (known != Type::Unknown).then_some(known);
        let mut note = |type_: Type<'a>| match &agreed {
            _ if type_ == Type::Unknown => false,
            None => {
                agreed = Some(type_);
                true
            }
            Some(other) => *other == type_,
        };
        for stmt in &class.body {
            if let ast::Stmt::AnnAssign(assign) = stmt
                && matches!(&*assign.target, Expr::Name(target) if target.id == name)
                && !note(self.annotation(&assign.annotation, steps + 1))
            {
                return Type::Unknown;
            }
            if let ast::Stmt::Assign(assign) = stmt
                && assign
                    .targets
                    .iter()
                    .any(|target| matches!(target, Expr::Name(target) if target.id == name))
                && !note(self.infer(&assign.value, steps + 1))
            {
                return Type::Unknown;
            }
        }
        for store in self.stores_of(name) {
            let type_ = match self.node(self.parent(self.id(store))) {
                AnyNodeRef::StmtAssign(assign) => self.infer(&assign.value, steps + 1),
                AnyNodeRef::StmtAnnAssign(assign) => self.annotation(&assign.annotation, steps + 1),
                _ => Type::Unknown,
            };
            if !note(type_) {
                return Type::Unknown;
            }
        }
        agreed.unwrap_or(Type::Unknown)
    }
}

/// What an operator gives.
fn operator<'a>(left: &Type<'a>, op: Operator, right: &Type<'a>) -> Type<'a> {
    match (left, right) {
        (Type::Scalar("str"), Type::Scalar(_)) if op == Operator::Mod => Type::Scalar("str"),
        (Type::Scalar("str" | "bytes"), Type::Scalar("int")) if op == Operator::Mult => left.clone(),
        (Type::Scalar(one), Type::Scalar(other)) if one == other => match (one, op) {
            (&"int", Operator::Div) => Type::Scalar("float"),
            _ => left.clone(),
        },
        (Type::Scalar("int" | "float"), Type::Scalar("int" | "float")) => Type::Scalar("float"),
        // Whatever a path is divided by, a path comes out.
        (Type::Foreign(name), _) if name == PATH && op == Operator::Div => left.clone(),
        _ => Type::Unknown,
    }
}

/// Whether an annotation says what an object can do, and not of which class it is.
pub(crate) fn is_abstract(name: &str) -> bool {
    ["typing", "typing_extensions", "collections.abc"]
        .iter()
        .any(|module| name.strip_prefix(module).is_some_and(|member| member.starts_with('.')))
}

fn names(target: &Expr, name: &str) -> bool {
    matches!(target, Expr::Name(target) if target.id == name)
}

/// `X` of `Optional[X]`, `X | None` and `None | X`; the annotation itself where it is none of them.
fn inner_of_optional<'e>(model: &SemanticModel, annotation: &'e Expr) -> &'e Expr {
    match annotation {
        Expr::BinOp(union) if model.is_none(&union.right) => &union.left,
        Expr::BinOp(union) if model.is_none(&union.left) => &union.right,
        Expr::Subscript(optional)
            if model
                .qualified_name(&optional.value)
                .is_some_and(|name| name == "typing.Optional") =>
        {
            &optional.slice
        }
        _ => annotation,
    }
}

/// Functions with the name of no class, and the class of what they give (read in their sources).
const FACTORIES: &[(&str, &str)] = &[
    ("asyncio.get_running_loop", "asyncio.AbstractEventLoop"),
    ("asyncio.get_event_loop", "asyncio.AbstractEventLoop"),
    ("asyncio.create_task", "asyncio.Task"),
    ("asyncio.run_coroutine_threadsafe", FUTURE),
    ("datetime.date", "datetime.date"),
    ("datetime.date.today", "datetime.date"),
    ("datetime.datetime", "datetime.datetime"),
    ("datetime.datetime.fromisoformat", "datetime.datetime"),
    ("datetime.datetime.now", "datetime.datetime"),
    ("datetime.time", "datetime.time"),
    ("datetime.timedelta", "datetime.timedelta"),
    ("boto3.client", "botocore.client.BaseClient"),
    ("pathlib.Path.cwd", PATH),
    ("pathlib.Path.home", PATH),
    ("psycopg.connect", "psycopg.Connection"),
    ("psycopg2.connect", "psycopg2.extensions.connection"),
    ("pymysql.connect", "pymysql.connections.Connection"),
    ("redis.from_url", "redis.Redis"),
    ("redis.Redis.from_url", "redis.Redis"),
    ("requests.session", "requests.Session"),
    ("socket.create_connection", "socket.socket"),
    ("socket.socket", "socket.socket"),
    ("sqlite3.connect", "sqlite3.Connection"),
];

/// Classes of libraries that only differ from their base class in how they reach the server, and the base class.
const SUBCLASSES: &[(&str, &str)] = &[
    ("fakeredis.FakeRedis", "redis.Redis"),
    ("fakeredis.FakeStrictRedis", "redis.Redis"),
    ("redis.StrictRedis", "redis.Redis"),
];

/// Methods of imported classes, and the class of what they give (read in their sources).
const MAKERS: &[(&str, &str, &str)] = &[
    ("concurrent.futures.Executor", "submit", FUTURE),
    ("concurrent.futures.ThreadPoolExecutor", "submit", FUTURE),
    ("concurrent.futures.ProcessPoolExecutor", "submit", FUTURE),
    ("concurrent.futures.thread.ThreadPoolExecutor", "submit", FUTURE),
    ("concurrent.futures.process.ProcessPoolExecutor", "submit", FUTURE),
    ("psycopg.Connection", "cursor", "psycopg.Cursor"),
    ("psycopg2.extensions.connection", "cursor", "psycopg2.extensions.cursor"),
    ("pymysql.connections.Connection", "cursor", "pymysql.cursors.Cursor"),
    ("redis.Redis", "pipeline", "redis.client.Pipeline"),
    ("redis.Redis", "pubsub", "redis.client.PubSub"),
    ("sqlite3.Connection", "cursor", "sqlite3.Cursor"),
];

const FUTURE: &str = "concurrent.futures.Future";

const PATH: &str = "pathlib.Path";

const PROCESS: &str = "subprocess.Popen";

const PATH_TO_PATH: &[&str] = &[
    "absolute",
    "expanduser",
    "joinpath",
    "resolve",
    "with_name",
    "with_stem",
    "with_suffix",
];

/// Whether `__enter__` or `__aenter__` of an imported class is known to return the manager itself.
pub(super) fn enters_itself(class: &str) -> bool {
    ENTERS_ITSELF.contains(&class)
}

/// Imported classes whose `__enter__` or `__aenter__` returns the manager itself (read in their sources).
const ENTERS_ITSELF: &[&str] = &[
    "fastapi.testclient.TestClient",
    "starlette.testclient.TestClient",
    "concurrent.futures.ThreadPoolExecutor",
    "concurrent.futures.ProcessPoolExecutor",
    "concurrent.futures.thread.ThreadPoolExecutor",
    "concurrent.futures.process.ProcessPoolExecutor",
    "multiprocessing.Pool",
    "psycopg.Connection",
    "psycopg.Cursor",
    "psycopg2.extensions.connection",
    "psycopg2.extensions.cursor",
    "pymysql.connections.Connection",
    "pymysql.cursors.Cursor",
    "redis.Redis",
    "redis.client.Pipeline",
    "sqlite3.Connection",
    "requests.Session",
    "requests_toolbelt.sessions.BaseUrlSession",
    "requests.sessions.Session",
    "socket.socket",
    "subprocess.Popen",
    "urllib3.PoolManager",
    "xmlrpc.client.ServerProxy",
    "httpx.Client",
    "httpx.AsyncClient",
    "httpx2.Client",
    "httpx2.AsyncClient",
    "aiohttp.ClientSession",
];

/// Methods of `str` that return a list of `str`.
pub(super) const STR_TO_LIST: &[&str] = &["rsplit", "split", "splitlines"];

/// Methods of `str` that return a `str`.
const STR_TO_STR: &[&str] = &[
    "capitalize",
    "casefold",
    "center",
    "expandtabs",
    "format",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "removeprefix",
    "removesuffix",
    "replace",
    "rjust",
    "rstrip",
    "strip",
    "swapcase",
    "title",
    "upper",
    "zfill",
];
