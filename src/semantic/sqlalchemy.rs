//! Which expressions are SQLAlchemy's sessions, factories of sessions, engines and connections: by annotations, by what makes them, by
//! what a `with` enters, and by the dependency that injects them.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::Ranged;
use serde::{Deserialize, Serialize};

use super::types::{Type, TypeOracle};
use super::{Binding, BindingKind, NodeId, SemanticModel};
use crate::knowledge::sqlalchemy::{self, Class, Role};

const ASYNC_SESSION: &str = "sqlalchemy.ext.asyncio.AsyncSession";
const ASYNC_FACTORY: &str = "sqlalchemy.ext.asyncio.async_sessionmaker";
const ASYNC_SCOPED: &str = "sqlalchemy.ext.asyncio.async_scoped_session";
const ASYNC_ENGINE: &str = "sqlalchemy.ext.asyncio.AsyncEngine";
const ASYNC_CONNECTION: &str = "sqlalchemy.ext.asyncio.AsyncConnection";
const SESSION: &str = "sqlalchemy.orm.Session";
const FACTORY: &str = "sqlalchemy.orm.sessionmaker";
const SCOPED: &str = "sqlalchemy.orm.scoped_session";
const ENGINE: &str = "sqlalchemy.engine.Engine";
const CONNECTION: &str = "sqlalchemy.engine.Connection";

/// Bases of bases.
const MAX_BASES: usize = 8;

/// What other modules say of SQLAlchemy's objects that a file uses: by the qualified names that the file has for them, the usual names of
/// classes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub objects: BTreeMap<String, String>,
    /// What functions yield, or return where they yield nothing.
    pub given: BTreeMap<String, String>,
    /// Those of them that are generators.
    pub stepped: BTreeMap<String, String>,
    /// Names for annotations: `SessionDep = Annotated[Session, Depends(get_db)]`.
    pub aliases: BTreeMap<String, String>,
    /// Attributes of the instances of classes: `UserRepository.session`.
    pub attributes: BTreeMap<String, String>,
    /// Parameters without an annotation, by the offset of their names.
    pub parameters: BTreeMap<u32, String>,
    /// Constants with the addresses of databases that other modules import.
    pub shared_addresses: BTreeSet<String>,
}

impl Known {
    /// The names by which objects, functions and aliases go.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.objects.keys().chain(self.given.keys()).chain(self.aliases.keys())
    }
}

/// Methods of `Query` that run it.
pub const TERMINALS: &[&str] = &[
    "all",
    "first",
    "one",
    "one_or_none",
    "scalar",
    "count",
    "get",
    "update",
    "delete",
];

impl<'a> SemanticModel<'a> {
    /// What a binding gives its name.
    pub fn sqlalchemy_binding(&self, binding: &Binding<'a>) -> Option<&'static Class> {
        self.class_of_type(self.type_of_binding(binding))
    }

    /// What a name for annotations stands for: `Annotated[Session, Depends(get_db)]`.
    pub fn sqlalchemy_alias(&self, value: &Expr) -> Option<&'static Class> {
        value
            .is_subscript_expr()
            .then(|| self.class_of_type(self.annotation(value, 0)))?
    }

    /// The attributes of the instances of a class that are SQLAlchemy's objects: those that it stores or declares, and those of its bases.
    pub fn sqlalchemy_attributes(&self, class: &'a ast::StmtClassDef) -> BTreeMap<String, &'static Class> {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for class in self.mro(class) {
            let is_own = |store: &&ast::ExprAttribute| match self.class_of(&store.value) {
                Some(owner) => std::ptr::eq(owner, class),
                None => false,
            };
            names.extend(self.attribute_stores().filter(is_own).map(|store| store.attr.as_str()));
            for stmt in &class.body {
                if let Stmt::AnnAssign(field) = stmt
                    && let Expr::Name(name) = &*field.target
                {
                    names.insert(&name.id);
                }
            }
        }
        names.extend(self.known.attributes.keys().filter_map(|path| path.rsplit('.').next()));
        let class_of = |name: &str| self.class_of_type(self.attribute_of(Type::Instance(class), name, 0));
        let found = names
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), class_of(name)?)));
        found.collect()
    }

    /// What a function yields, or else returns.
    pub fn sqlalchemy_given(&self, function: &'a ast::StmtFunctionDef) -> Option<&'static Class> {
        self.class_of_type(self.given_by(function, 0))
    }

    /// Whether a function is known to yield or return a synchronous object of this kind.
    pub fn gives_object(&self, callee: &Expr, role: Role) -> bool {
        let class = self.class_of_type(self.yielded(callee, 0));
        class.is_some_and(|class| class.role == role && !class.is_async)
    }

    /// Whether a function is a generator, whatever is made of it.
    pub fn is_stepped(&self, callee: &Expr) -> bool {
        match self.plain_function(callee) {
            Some(function) => self.is_generator(function),
            None => self.known_as(&self.known.stepped, callee).is_some(),
        }
    }

    fn class_of_type(&self, type_: Type<'a>) -> Option<&'static Class> {
        match type_ {
            Type::Foreign(name) => sqlalchemy::class(&name),
            Type::Instance(class) => self.sqlalchemy_base(class),
            _ => None,
        }
    }

    pub(super) fn known_object(&self, expr: &Expr) -> Option<&str> {
        self.known_as(&self.known.objects, expr)
    }

    fn known_result(&self, callee: &Expr) -> Option<&str> {
        self.known_as(&self.known.given, callee)
    }

    /// What an attribute of an instance is that its class, of another module, says; of a class of this one, what its bases say.
    pub(super) fn known_attribute(&self, owner: &Type<'a>, attribute: &str, steps: usize) -> Type<'a> {
        let known = &self.known.attributes;
        if known.is_empty() || steps > MAX_BASES {
            return Type::Unknown;
        }
        match owner {
            Type::Foreign(class) => known
                .get(&format!("{class}.{attribute}"))
                .map_or(Type::Unknown, |class| Type::Foreign(class.clone())),
            Type::Instance(class) => {
                let bases = class.arguments.iter().flat_map(|arguments| arguments.args.iter());
                let mut said = bases.map(generic_origin).map(|base| match self.class_named(base) {
                    Some(base) => self.known_attribute(&Type::Instance(base), attribute, steps + 1),
                    None => self.qualified_name(base).map_or(Type::Unknown, |base| {
                        self.known_attribute(&Type::Foreign(base), attribute, steps + 1)
                    }),
                });
                said.find(|type_| *type_ != Type::Unknown).unwrap_or(Type::Unknown)
            }
            _ => Type::Unknown,
        }
    }

    pub(super) fn known_alias(&self, name: &str) -> Option<&str> {
        self.known.aliases.get(name).map(String::as_str)
    }

    pub(super) fn known_parameter(&self, parameter: &ast::Parameter) -> Type<'a> {
        match self.known.parameters.get(&parameter.name.start().into()) {
            Some(class) => Type::Foreign(class.clone()),
            None => Type::Unknown,
        }
    }

    fn known_as<'k>(&self, known: &'k BTreeMap<String, String>, expr: &Expr) -> Option<&'k str> {
        if known.is_empty() || !matches!(expr, Expr::Name(_) | Expr::Attribute(_)) {
            return None;
        }
        known.get(&self.qualified_name(expr)?).map(String::as_str)
    }

    /// What an expression is, if it is certain to be one of SQLAlchemy's objects.
    pub fn sqlalchemy_object(&self, expr: &Expr) -> Option<&'static Class> {
        self.class_of_type(self.type_of(expr))
    }

    /// Whether an expression is a chain of calls that begins with one of SQLAlchemy's objects: a query, a result.
    pub fn is_sqlalchemy_chain(&self, expr: &Expr, steps: usize) -> bool {
        if steps > 8 {
            return false;
        }
        match expr {
            Expr::Await(inner) => self.is_sqlalchemy_chain(&inner.value, steps + 1),
            Expr::Subscript(inner) => self.is_sqlalchemy_chain(&inner.value, steps + 1),
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) => {
                    self.sqlalchemy_object(&method.value).is_some()
                        || self.is_sqlalchemy_chain(&method.value, steps + 1)
                }
                _ => false,
            },
            Expr::Name(name) => {
                let mut bindings = self.resolve(&name.id, self.scope_of(self.id(name))).peekable();
                bindings.peek().is_some()
                    && bindings.all(|binding| match binding.kind {
                        BindingKind::Assignment(Expr::Call(call)) => match &*call.func {
                            Expr::Attribute(method) => {
                                // `query = query.filter(...)` goes on from another binding of the name.
                                let is_own =
                                    matches!(chain_root(&method.value), Expr::Name(root) if root.id == name.id);
                                is_own || self.is_sqlalchemy_chain(&Expr::Call(call.clone()), steps + 1)
                            }
                            _ => false,
                        },
                        _ => false,
                    })
            }
            _ => false,
        }
    }

    /// Whether an expression is certain to be a session of this colour.
    pub fn is_session(&self, expr: &Expr, is_async: bool) -> bool {
        self.sqlalchemy_object(expr)
            .is_some_and(|class| class.role == Role::Session && class.is_async == is_async)
    }

    /// The call that runs the query which begins with `session.query(...)`, whatever links stand between.
    pub fn end_of_query(&self, root: &ast::ExprCall) -> Option<NodeId> {
        let mut at = self.id(root);
        loop {
            let parent = self.parent(at);
            let AnyNodeRef::ExprAttribute(method) = self.node(parent) else {
                return None;
            };
            let outer = self.parent(parent);
            match self.node(outer) {
                AnyNodeRef::ExprCall(call) if call.func.range() == method.range() => {}
                _ => return None,
            }
            if TERMINALS.contains(&method.attr.as_str()) {
                return Some(outer);
            }
            at = outer;
        }
    }

    /// Whether another module imports the constant of this name, as far as the project has been asked.
    pub fn is_shared_address(&self, name: &str) -> bool {
        self.known.shared_addresses.contains(name)
    }

    /// The session that a class of this module derives from.
    pub fn sqlalchemy_base(&self, class: &'a ast::StmtClassDef) -> Option<&'static Class> {
        let bases = class.arguments.iter().flat_map(|arguments| arguments.args.iter());
        bases
            .filter_map(|base| self.qualified_name(base))
            .find_map(|name| sqlalchemy::class(&name))
            .filter(|base| base.role == Role::Session)
    }

    /// What SQLAlchemy's functions make: engines, factories of sessions, and what these make in turn.
    pub(super) fn infer_sqlalchemy(&self, call: &ast::ExprCall, steps: usize) -> Type<'a> {
        let made = match self.qualified_name(&call.func).as_deref() {
            Some("sqlalchemy.ext.asyncio.create_async_engine" | "sqlalchemy.ext.asyncio.async_engine_from_config") => {
                ASYNC_ENGINE
            }
            Some("sqlalchemy.create_engine" | "sqlalchemy.engine.create_engine" | "sqlmodel.create_engine") => ENGINE,
            Some("sqlalchemy.ext.asyncio.async_scoped_session") => ASYNC_SCOPED,
            Some(name) => match sqlalchemy::class(name).map(Class::name) {
                Some(name @ (FACTORY | ASYNC_FACTORY)) => match self.made_by_factory(call, name == ASYNC_FACTORY) {
                    Some(true) => ASYNC_FACTORY,
                    Some(false) => FACTORY,
                    None => return Type::Unknown,
                },
                Some(SCOPED) => match call
                    .arguments
                    .args
                    .first()
                    .and_then(|maker| self.infer_class(maker, steps))
                {
                    Some(FACTORY) => SCOPED,
                    _ => return Type::Unknown,
                },
                _ => return self.infer_made(call, steps),
            },
            None => return self.infer_made(call, steps),
        };
        Type::Foreign(made.to_owned())
    }

    /// Whether the sessions of a factory are asynchronous; `None` for a class that is not known.
    pub fn made_by_factory(&self, call: &ast::ExprCall, is_async: bool) -> Option<bool> {
        let Some(class) = call.arguments.find_argument_value("class_", 1) else {
            // What `**options` hold may name a class, which `async_sessionmaker` takes only if it is asynchronous.
            let is_known = call.arguments.keywords.iter().all(|keyword| keyword.arg.is_some());
            return (is_known || is_async).then_some(is_async);
        };
        let known = match self.qualified_name(class) {
            Some(name) => sqlalchemy::class(&name),
            None => self.class_named(class).and_then(|class| self.sqlalchemy_base(class)),
        };
        known.map(|class| class.is_async)
    }

    /// `maker()`, `engine.connect()`, and calls of functions whose annotation or dependency says that they give a session.
    fn infer_made(&self, call: &ast::ExprCall, steps: usize) -> Type<'a> {
        if let Expr::Attribute(method) = &*call.func
            && matches!(method.attr.as_str(), "connect" | "execution_options")
            && let Some(receiver) = self.infer_class(&method.value, steps)
        {
            let made = match (receiver, method.attr.as_str()) {
                (ENGINE, "connect") => CONNECTION,
                (ASYNC_ENGINE, "connect") => ASYNC_CONNECTION,
                (ENGINE | ASYNC_ENGINE, _) => receiver,
                _ => return Type::Unknown,
            };
            return Type::Foreign(made.to_owned());
        }
        if self.is_builtin(&call.func, "next") {
            return match call.arguments.args.first() {
                Some(Expr::Call(generator)) => self.yielded(&generator.func, steps),
                _ => Type::Unknown,
            };
        }
        if let Some(class) = self.known_result(&call.func)
            && self.known_as(&self.known.stepped, &call.func).is_none()
        {
            return Type::Foreign(class.to_owned());
        }
        if let Some(function) = self.plain_function(&call.func) {
            return match (&function.returns, function.is_async || self.is_generator(function)) {
                (Some(returns), false) => self.only_sqlalchemy(self.annotation(returns, steps + 1)),
                (None, false) => self.yielded(&call.func, steps + 1),
                (_, true) => Type::Unknown,
            };
        }
        match self.infer_class(&call.func, steps) {
            Some(ASYNC_FACTORY | ASYNC_SCOPED) => Type::Foreign(ASYNC_SESSION.to_owned()),
            Some(FACTORY | SCOPED) => Type::Foreign(SESSION.to_owned()),
            _ => Type::Unknown,
        }
    }

    /// The usual name of the class of SQLAlchemy that an expression is an instance of.
    fn infer_class(&self, expr: &Expr, steps: usize) -> Option<&'static str> {
        match self.infer(expr, steps + 1) {
            Type::Foreign(name) => sqlalchemy::class(&name).map(Class::name),
            _ => None,
        }
    }

    /// What `with` binds for a manager that SQLAlchemy's objects make.
    pub(super) fn infer_entered(&self, manager: &Expr, steps: usize) -> Type<'a> {
        let Expr::Call(call) = manager else {
            return self.only_sqlalchemy(self.infer(manager, steps + 1));
        };
        if let Expr::Attribute(method) = &*call.func
            && method.attr.as_str() == "begin"
        {
            let entered = match self.infer_class(&method.value, steps) {
                Some(FACTORY) => SESSION,
                Some(ASYNC_FACTORY) => ASYNC_SESSION,
                Some(ENGINE) => CONNECTION,
                Some(ASYNC_ENGINE) => ASYNC_CONNECTION,
                _ => return Type::Unknown,
            };
            return Type::Foreign(entered.to_owned());
        }
        if matches!(
            self.qualified_name(&call.func).as_deref(),
            Some("contextlib.closing" | "contextlib.aclosing")
        ) {
            let closed = call.arguments.args.first();
            return closed.map_or(Type::Unknown, |closed| {
                self.only_sqlalchemy(self.infer(closed, steps + 1))
            });
        }
        let is_manager = self.plain_function(&call.func).is_some_and(|function| {
            function.decorator_list.iter().any(|decorator| {
                self.qualified_name(&decorator.expression).is_some_and(|name| {
                    matches!(
                        name.as_str(),
                        "contextlib.contextmanager" | "contextlib.asynccontextmanager"
                    )
                })
            })
        });
        if is_manager || self.known_result(&call.func).is_some() {
            return self.yielded(&call.func, steps);
        }
        self.only_sqlalchemy(self.infer(manager, steps + 1))
    }

    /// `db=Depends(get_db)` without an annotation: what the function of this module yields or returns.
    pub(super) fn infer_injected(
        &self,
        parameter: &'a ast::Parameter,
        binding: &Binding<'a>,
        steps: usize,
    ) -> Type<'a> {
        let Some(function) = self.function_of_scope(binding.scope) else {
            return Type::Unknown;
        };
        let dependency = function
            .parameters
            .iter_non_variadic_params()
            .find(|other| other.parameter.range() == parameter.range())
            .and_then(|parameter| self.dependency_of(parameter));
        dependency.map_or(Type::Unknown, |dependency| self.yielded(dependency, steps))
    }

    /// What a function of this module yields, or else returns, if all agree on one of SQLAlchemy's objects.
    pub(super) fn yielded(&self, callee: &Expr, steps: usize) -> Type<'a> {
        match self.plain_function(callee) {
            Some(function) => self.given_by(function, steps),
            None => match self.known_result(callee) {
                Some(class) => Type::Foreign(class.to_owned()),
                None => Type::Unknown,
            },
        }
    }

    fn given_by(&self, function: &'a ast::StmtFunctionDef, steps: usize) -> Type<'a> {
        let scope = self.body_scope(function);
        let is_generator = self.is_generator(function);
        let mut agreed = None;
        for (id, node) in self.subtree(self.id(function)) {
            let value = match node {
                AnyNodeRef::ExprYield(inner) if is_generator => inner.value.as_deref(),
                AnyNodeRef::StmtReturn(inner) if !is_generator => inner.value.as_deref(),
                _ => continue,
            };
            if self.scope_of(id) != scope {
                continue;
            }
            let type_ = value.map_or(Type::Unknown, |value| self.infer(value, steps + 1));
            if agreed.as_ref().is_some_and(|agreed| *agreed != type_) {
                return Type::Unknown;
            }
            agreed = Some(type_);
        }
        agreed.map_or(Type::Unknown, |type_| self.only_sqlalchemy(type_))
    }

    /// The function that a name stands for. To find a method, the class of its receiver would be asked for, and so on without end.
    fn plain_function(&self, callee: &Expr) -> Option<&'a ast::StmtFunctionDef> {
        callee.is_name_expr().then(|| self.function_of(callee)).flatten()
    }

    fn only_sqlalchemy(&self, type_: Type<'a>) -> Type<'a> {
        match &type_ {
            Type::Foreign(name) if sqlalchemy::class(name).is_some() => type_,
            Type::Instance(class) if self.sqlalchemy_base(class).is_some() => type_,
            _ => Type::Unknown,
        }
    }
}

/// `Base` of `Base[Model]`.
fn generic_origin(base: &Expr) -> &Expr {
    match base {
        Expr::Subscript(base) => &base.value,
        _ => base,
    }
}

/// What a chain of calls begins with.
fn chain_root(expr: &Expr) -> &Expr {
    match expr {
        Expr::Call(call) => match &*call.func {
            Expr::Attribute(method) => chain_root(&method.value),
            _ => expr,
        },
        _ => expr,
    }
}
