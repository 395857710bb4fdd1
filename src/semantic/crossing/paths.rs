//! The objects that others can see, by the names that lead to them, whatever a local name calls them.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::super::names::Lookup;
use super::super::types::{Type, TypeOracle};
use super::super::{BindingKind, NodeId, ScopeId};
use super::{Crossing, MAX_STEPS};

/// An object that others can see, by the names that lead to it: `self.users` also for what is in it.
pub(super) type Path = Vec<String>;

/// What stands first in the path of the function's own object, whatever its first parameter is called.
const OWN: &str = "self";

/// What stands first in the path of a file, where others have the name of a variable.
const FILE: &str = "/";

/// Builtins that give one of the elements of what they are given.
const CHOOSERS: &[&str] = &["max", "min", "next"];

/// Whether one of two objects is, or is part of, the other. Of two that one object leads to, a part must be named.
pub(super) fn conflicts(read: &Path, write: &Path) -> bool {
    let shared = read.iter().zip(write).take_while(|(one, other)| one == other).count();
    shared == read.len().min(write.len()) && (shared > 1 || read.len() == write.len() && read[0] != OWN)
}

/// A path as the function's author would write it.
pub(super) fn shown(path: &Path) -> String {
    match path.as_slice() {
        [file, path] if file == FILE => path.clone(),
        path => path.join("."),
    }
}

/// The environment of the process, by whatever name.
pub(super) fn environment() -> Path {
    vec!["os".to_owned(), "environ".to_owned()]
}

/// The attribute that `getattr(x, "n")` and `setattr(x, "n", ...)` mean.
pub(super) fn attribute_in_quotes(arguments: &ast::Arguments) -> Option<String> {
    let name = arguments.args.get(1)?.as_string_literal_expr()?;
    Some(name.value.to_string())
}

impl<'a> Crossing<'_, 'a> {
    /// The names that lead to a shared object, up to the first element: a part of `self` or of a parameter, a variable from outside, and what a
    /// local name is an alias of.
    pub(super) fn path_of(&self, expr: &Expr) -> Option<Path> {
        self.path_within(expr, 0)
    }

    fn path_within(&self, expr: &Expr, steps: usize) -> Option<Path> {
        if steps > MAX_STEPS {
            return None;
        }
        match expr {
            Expr::Subscript(item) => self.path_within(&item.value, steps + 1),
            Expr::Attribute(attribute) => {
                let mut path = match &*attribute.value {
                    Expr::Name(class) if self.is_own_class(class) => vec![OWN.to_owned()],
                    value => self.path_within(value, steps + 1)?,
                };
                if !self.model.is_callee(self.model.id(attribute)) && attribute.attr.as_str() != "__class__" {
                    path.push(attribute.attr.to_string());
                }
                Some(path)
            }
            Expr::Name(_) if self.model.qualified_name(expr).as_deref() == Some("os.environ") => Some(environment()),
            Expr::Name(name) => self.path_of_name(name, steps),
            // `type(self).n` is, for all that is written there, `self.n`.
            Expr::Call(call) if self.model.is_builtin(&call.func, "type") => {
                self.path_within(call.arguments.args.first()?, steps + 1)
            }
            Expr::Call(call) if self.is_element(call) => match &*call.func {
                Expr::Attribute(method) => self.path_within(&method.value, steps + 1),
                _ => {
                    let mut container = call.arguments.args.first()?;
                    if let Expr::Generator(elements) = container {
                        container = &elements.generators.first()?.iter;
                    }
                    self.path_within(self.model.gone_over(container).first()?, steps + 1)
                }
            },
            _ => None,
        }
    }

    fn path_of_name(&self, name: &ast::ExprName, steps: usize) -> Option<Path> {
        let model = self.model;
        let Lookup::Scope(owner) = self.owner(name) else {
            return None;
        };
        let is_local = owner == self.scope;
        if is_local && self.is_self(name) {
            return Some(vec![OWN.to_owned()]);
        }
        let variable = || vec![name.id.to_string()];
        let mut bindings = model.bindings_in(owner, &name.id);
        if !self.is_within(owner) {
            let is_object =
                bindings.all(|binding| !matches!(binding.kind, BindingKind::Function(_) | BindingKind::Class(_)));
            return is_object.then(variable);
        }
        if is_local && let Some(value) = self.aliased(&name.id) {
            return self.path_within(value, steps + 1);
        }
        let (Some(binding), None) = (bindings.next(), bindings.next()) else {
            return None;
        };
        if matches!(binding.kind, BindingKind::Parameter(_)) {
            return is_local.then(variable);
        }
        self.path_within(self.gone_over_by(binding.node)?, steps + 1)
    }

    /// Other processes aside, files and folders are shared by all tasks, whoever has made the path.
    pub(super) fn file(&self, path: &Expr) -> Path {
        vec![FILE.to_owned(), self.model.slice(path).to_owned()]
    }

    /// What a local name is another name for, if that is a shared object.
    pub(super) fn aliased(&self, name: &str) -> Option<&'a Expr> {
        let model = self.model;
        let mut bindings = model.bindings_in(self.scope, name);
        let (BindingKind::Assignment(value), None) = (bindings.next()?.kind, bindings.next()) else {
            return None;
        };
        let is_alias = match value {
            Expr::Attribute(_) | Expr::Name(_) | Expr::Subscript(_) => true,
            Expr::Call(call) => self.is_element(call),
            _ => false,
        };
        // A number or a text is not the object that it was read from.
        let is_value = matches!(model.type_of(value), Type::Scalar(_));
        let is_mutated = || {
            model.references_named(name).any(|reference| {
                matches!(
                    model.node(model.parent(reference.node)),
                    AnyNodeRef::ExprAttribute(_) | AnyNodeRef::ExprSubscript(_)
                )
            })
        };
        (is_alias && !is_value && is_mutated()).then_some(value)
    }

    /// Whether a call gives an element of a container.
    fn is_element(&self, call: &ast::ExprCall) -> bool {
        match &*call.func {
            Expr::Attribute(method) => matches!(method.attr.as_str(), "get" | "setdefault"),
            callee => self.model.builtin(callee).is_some_and(|name| CHOOSERS.contains(&name)),
        }
    }

    /// What the loop or the comprehension goes over that binds a name here.
    fn gone_over_by(&self, binding: NodeId) -> Option<&'a Expr> {
        let model = self.model;
        let range = model.node(binding).range();
        let iter = model.ancestors(binding).find_map(|(_, node)| match node {
            AnyNodeRef::Comprehension(part) => Some(part.target.range().contains_range(range).then_some(&part.iter)),
            AnyNodeRef::StmtFor(stmt) => Some(stmt.target.range().contains_range(range).then_some(&*stmt.iter)),
            node if node.is_statement() => Some(None),
            _ => None,
        })??;
        model.gone_over(iter).into_iter().next()
    }

    /// Whether a name is a variable of the module or of a function around, whose value itself is what others change.
    pub(super) fn is_outside(&self, name: &ast::ExprName) -> bool {
        match self.owner(name) {
            Lookup::Scope(scope) => !self.is_within(scope),
            _ => true,
        }
    }

    pub(super) fn owner(&self, name: &ast::ExprName) -> Lookup {
        self.model.lookup(&name.id, self.model.scope_of(self.model.id(name)))
    }

    /// Whether names of a scope live no longer than a call of the function.
    fn is_within(&self, scope: ScopeId) -> bool {
        let model = self.model;
        model
            .function_of_scope(scope)
            .is_some_and(|function| model.contains(model.id(self.function), model.id(function)))
    }

    /// Whether a name is the parameter that a method is given its object in.
    fn is_self(&self, name: &ast::ExprName) -> bool {
        let parameters = &self.function.parameters;
        let first = parameters.posonlyargs.iter().chain(&parameters.args).next();
        first.is_some_and(|first| first.parameter.name.id == name.id)
            && self.model.class_of_method(self.function).is_some()
    }

    fn is_own_class(&self, name: &ast::ExprName) -> bool {
        let class = self.model.class_of_method(self.function);
        class.is_some_and(|class| class.name.id == name.id)
    }

    /// The method of the enclosing class that `self.name` is.
    pub(super) fn own_method(&self, receiver: &ast::ExprName, name: &str) -> Option<&'a ast::StmtFunctionDef> {
        let class = self.model.class_of_method(self.function)?;
        let mut methods = self.model.own_methods(class, name);
        methods.next().filter(|_| self.is_self(receiver))
    }

    /// The attributes of its object that a method names in a way that is asked for.
    pub(super) fn own_attributes(
        &self,
        method: &'a ast::StmtFunctionDef,
        is_meant: impl Fn(&ast::ExprAttribute) -> bool,
    ) -> BTreeSet<Path> {
        let nodes = self.model.subtree(self.model.id(method));
        let found = nodes.filter_map(|(_, node)| match node {
            AnyNodeRef::ExprAttribute(attribute) => {
                let is_own = matches!(&*attribute.value, Expr::Name(name) if name.id == "self");
                (is_own && is_meant(attribute)).then(|| vec![OWN.to_owned(), attribute.attr.to_string()])
            }
            _ => None,
        });
        found.collect()
    }
}
