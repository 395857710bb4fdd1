//! What functions give that do not say it: what they return, and what fixtures of pytest give to tests.
//!
//! A fixture is found as pytest does: by the name of a parameter, in the file of the test, then in the `conftest.py` of each folder above it
//! (pytest documentation, "Fixture availability").

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;
use serde::{Deserialize, Serialize};

use super::resolve::{Found, FunctionId, Linker, agreed};
use super::summarise::Mapper;
use super::summary::{Meaning, Receiver, Target};
use crate::semantic::names::map_callable;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{Binding, BindingKind, ScopeId};

/// What one `return` gives, or the `yield` of a fixture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Given {
    Object(Receiver),
    /// A tuple, with what is known of its elements.
    Elements(Vec<Option<Receiver>>),
}

/// Functions that give what functions give, and so on.
const MAX_CALLS: usize = 32;

/// Builtins that make a container of the elements of another one.
const COPIES: &[&str] = &["dict", "frozenset", "list", "set", "sorted", "tuple"];

/// Methods that put something into a container.
const FILLING: &[&str] = &["add", "append", "extend", "insert", "setdefault", "update"];

/// Decorators that give arguments of their own to the first parameters of a test.
const PATCHES: &[&str] = &["unittest.mock.patch", "mock.patch"];

impl<'a> Mapper<'_, 'a> {
    /// The name by which tests ask for a fixture.
    pub(super) fn fixture(&self, function: &ast::StmtFunctionDef) -> Option<String> {
        let model = self.ctx.model;
        let decorator = function.decorator_list.iter().find(|decorator| {
            let name = model.qualified_name(map_callable(&decorator.expression));
            name.is_some_and(|name| ["pytest.fixture", "pytest_asyncio.fixture"].contains(&name.as_str()))
        })?;
        let Expr::Call(call) = &decorator.expression else {
            return Some(function.name.to_string());
        };
        match call.arguments.find_keyword("name").map(|keyword| &keyword.value) {
            None => Some(function.name.to_string()),
            Some(Expr::StringLiteral(name)) => Some(name.value.to_string()),
            Some(_) => None,
        }
    }

    /// What each `return` of a function gives, or each `yield` of a fixture. Empty where one of them says nothing; `None` counts for nothing, which
    /// has no members.
    pub(super) fn given(&self, function: &'a ast::StmtFunctionDef) -> Vec<Given> {
        let model = self.ctx.model;
        let is_generator = model.is_generator(function);
        if !self.follows_results || is_generator && self.fixture(function).is_none() {
            return Vec::new();
        }
        let scope = model.body_scope(function);
        let own = model
            .subtree(model.id(function))
            .filter(|(id, _)| model.scope_of(*id) == scope);
        let values = own.filter_map(|(_, node)| match node {
            AnyNodeRef::StmtReturn(stmt) if !is_generator => stmt.value.as_deref(),
            AnyNodeRef::ExprYield(expr) => expr.value.as_deref(),
            _ => None,
        });
        let values = values.filter(|value| !value.is_none_literal_expr());
        let given = values.map(|value| match value {
            Expr::Tuple(tuple) if !tuple.elts.iter().any(Expr::is_starred_expr) => Some(Given::Elements(
                tuple.elts.iter().map(|element| self.value(element, 0)).collect(),
            )),
            value => self.value(value, 0).map(Given::Object),
        });
        given.collect::<Option<Vec<_>>>().unwrap_or_default()
    }

    fn value(&self, expr: &'a Expr, steps: usize) -> Option<Receiver> {
        self.data(expr, steps).or_else(|| self.receiver(expr, steps))
    }

    /// What is read from JSON, or is a number or a string: nothing in it is an object of the project.
    pub(super) fn data(&self, expr: &'a Expr, steps: usize) -> Option<Receiver> {
        let model = self.ctx.model;
        if let Type::Scalar(_) = model.type_of(expr) {
            return Some(Receiver::Data(String::new()));
        }
        let is_scalar = |element: &Expr| matches!(model.type_of(element), Type::Scalar(_));
        match expr {
            Expr::Dict(dict) => dict.iter_values().all(is_scalar).then(|| Receiver::Data(String::new())),
            Expr::List(list) => list.elts.iter().all(is_scalar).then(|| Receiver::Data(String::new())),
            Expr::Call(call) => match &*call.func {
                // A decoder of one's own is an argument.
                Expr::Attribute(method) if method.attr.as_str() == "json" && !model.imported_root(&method.value) => {
                    call.arguments.is_empty().then(|| Receiver::Data("json".to_owned()))
                }
                func => {
                    let [value] = &*call.arguments.args else { return None };
                    let is_copy = COPIES.iter().any(|name| model.is_builtin(func, name));
                    (is_copy && call.arguments.keywords.is_empty())
                        .then(|| Some(Receiver::Part(Box::new(self.receiver(value, steps + 1)?))))?
                }
            },
            Expr::Attribute(attribute) if attribute.attr.as_str() == "headers" && !model.imported_root(expr) => {
                Some(Receiver::Data("headers".to_owned()))
            }
            _ => None,
        }
    }

    /// What the values are that a name is assigned in several places; `None`, which has no members, counts for nothing.
    pub(super) fn one_of(&self, name: &ast::ExprName, steps: usize) -> Option<Receiver> {
        let model = self.ctx.model;
        let mut values = Vec::new();
        for binding in model.resolve(&name.id, model.scope_of(model.id(name))) {
            let BindingKind::Assignment(value) = binding.kind else {
                return None;
            };
            if !model.is_none(value) {
                values.push(self.value(value, steps + 1)?);
            }
        }
        let is_known = !values.is_empty() && !self.is_filled(name);
        is_known.then_some(Receiver::OneOf(values))
    }

    /// What a loop goes over that binds a name.
    pub(super) fn iterated(&self, binding: &Binding<'a>) -> Option<&'a Expr> {
        let model = self.ctx.model;
        let mut around = model.ancestors(binding.node).filter(|(_, node)| !node.is_expr_tuple());
        let binds = |target: &Expr| target.range().contains_range(binding.range);
        match around.find(|(id, _)| *id != binding.node)?.1 {
            AnyNodeRef::StmtFor(stmt) if binds(&stmt.target) => Some(&stmt.iter),
            AnyNodeRef::Comprehension(part) if binds(&part.target) => Some(&part.iter),
            _ => None,
        }
    }

    /// Whether something is put into what a name stands for.
    pub(super) fn is_filled(&self, name: &ast::ExprName) -> bool {
        let model = self.ctx.model;
        model
            .references_like(name)
            .any(|reference| match model.node(model.parent(reference.node)) {
                AnyNodeRef::ExprSubscript(subscript) => !subscript.ctx.is_load(),
                AnyNodeRef::ExprAttribute(member) => !member.ctx.is_load() || FILLING.contains(&member.attr.as_str()),
                _ => false,
            })
    }

    /// What pytest gives for a parameter: of a test, or of another fixture.
    pub(super) fn injected(&self, binding: &Binding<'a>) -> Option<Receiver> {
        let model = self.ctx.model;
        let BindingKind::Parameter(parameter) = binding.kind else {
            return None;
        };
        let function = model.function_of_scope(binding.scope)?;
        let class = model.class_of_method(function);
        let is_test = function.name.starts_with("test") && class.is_none_or(|class| class.name.starts_with("Test"));
        if !is_test && self.fixture(function).is_none() {
            return None;
        }
        let decorators = || {
            let of_class = class.into_iter().flat_map(|class| &class.decorator_list);
            function.decorator_list.iter().chain(of_class)
        };
        // What a test is run with for several values is no fixture: those are named in a string, or not at all.
        let is_parametrized = decorators().any(|decorator| {
            matches!(&decorator.expression, Expr::Call(call)
            if model.written(&call.func).ends_with("parametrize") && !call.arguments.args.first().is_some_and(|names| {
                matches!(names, Expr::StringLiteral(names)
                    if !names.value.to_str().split(',').any(|name| name.trim() == parameter.name.as_str()))
            }))
        });
        let mut given = model.given_parameters(function);
        let position = given.position(|other| other.parameter.name.range() == parameter.name.range());
        let has_default = model
            .given_parameters(function)
            .any(|other| other.parameter.name.range() == parameter.name.range() && other.default.is_some());
        let is_patch = |name: String| PATCHES.iter().any(|patch| name.starts_with(patch));
        let patches = decorators()
            .filter(|decorator| {
                model
                    .qualified_name(map_callable(&decorator.expression))
                    .is_some_and(is_patch)
            })
            .count();
        let is_marked = model.bindings_in(ScopeId::MODULE, "pytestmark").next().is_some();
        if is_parametrized || has_default || is_marked || position.is_none_or(|position| position < patches) {
            return None;
        }
        Some(Receiver::Fixture(parameter.name.to_string()))
    }

    /// One element of the tuple that a call gives: `a, b = f()`.
    pub(super) fn element(&self, binding: &Binding<'a>, steps: usize) -> Option<Receiver> {
        let (value, position) = self.ctx.model.unpacked_from(binding)?;
        let value = match value {
            Expr::Await(inner) => &*inner.value,
            value => value,
        };
        let Expr::Call(call) = value else { return None };
        let made = self.target(&call.func, steps + 1)?;
        Some(Receiver::Element(Box::new(made), position))
    }
}

impl Linker<'_> {
    /// The class of what a function gives, or of one element of it, where all that it may give agree.
    pub(super) fn given(&self, function: FunctionId, element: Option<usize>) -> Option<Found> {
        let key = (function, element);
        if let Some(known) = self.given.borrow().get(&key) {
            return known.clone();
        }
        // Of one that leads to itself nothing is known.
        self.given.borrow_mut().insert(key, None);
        self.looking.set(self.looking.get() + 1);
        let is_near = self.looking.get() <= MAX_CALLS;
        let found = is_near.then(|| self.look_into(function, element)).flatten();
        self.looking.set(self.looking.get() - 1);
        self.given.borrow_mut().insert(key, found.clone());
        found
    }

    fn look_into(&self, function: FunctionId, element: Option<usize>) -> Option<Found> {
        let usage = self.project.files[function.file].1.as_ref()?.usage.as_ref()?;
        let nature = usage.natures.get(function.index)?;
        let declared = self.function(function);
        let is_fixture = usage.fixtures.values().any(|indexes| indexes.contains(&function.index));
        if !is_fixture && !declared.decorators.is_empty() || !self.overriding(function).is_empty() {
            return None;
        }
        let found = nature.gives.iter().map(|given| {
            let receiver = match (given, element) {
                (Given::Object(receiver), None) => receiver,
                (Given::Elements(elements), Some(position)) => elements.get(position)?.as_ref()?,
                _ => return None,
            };
            self.object(function.file, receiver, 0)
        });
        let found: Vec<Found> = found.collect::<Option<_>>()?;
        let mut found = found.into_iter();
        let first = found.next()?;
        found.try_fold(first, agreed)
    }

    /// The class of what a fixture gives to the tests of a file.
    pub(super) fn fixture(&self, file: usize, name: &str) -> Option<Found> {
        let places = std::iter::once(file).chain(self.modules.conftests(file).filter(|place| *place != file));
        for place in places {
            let summary = self.project.files[place].1.as_ref()?;
            let usage = summary.usage.as_ref()?;
            if let Some(indexes) = usage.fixtures.get(name) {
                // One of a class is for the tests of that class.
                let [index] = indexes.as_slice() else { return None };
                let id = FunctionId {
                    file: place,
                    index: *index,
                };
                let declared = self.function(id);
                let returns = declared.returns.as_ref().filter(|_| !declared.is_generator);
                return match (declared.class, returns) {
                    (Some(_), _) => None,
                    (None, Some(returns)) => self.class_of(place, returns),
                    (None, None) => self.given(id, None),
                };
            }
            // An imported one.
            match summary.names.get(name) {
                Some(Meaning::Import(path)) => {
                    let Some(Found::Function(id)) = self.find(place, &Target::Path(path.clone())) else {
                        return None;
                    };
                    return self.given(id, None);
                }
                _ if !summary.stars.is_empty() => return None,
                _ => {}
            }
        }
        None
    }
}
