//! The imported class that the object of a method call very likely has, where its type is not certain: an argument that may be left out, an
//! attribute that is `None` at first, what a function or property of the module gives.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Operator};

use super::objects::{Object, Slot};
use super::types::{Type, TypeOracle, enters_itself};
use super::{BindingKind, SemanticModel};

/// So many functions may stand between a use and the making of an object.
const MAX_HOPS: usize = 3;

/// Decorators that leave to a function what it gives.
const TRANSPARENT: &[&str] = &[
    "functools.cache",
    "functools.cached_property",
    "functools.lru_cache",
    "typing.override",
];

impl<'a> SemanticModel<'a> {
    /// The imported class of which an object is an instance wherever the module shows how it is made or annotated, `None` aside: that has no
    /// methods. What the callers of other modules pass is not seen.
    pub fn likely_class(&self, expr: &'a Expr) -> Option<String> {
        self.class_within(expr, MAX_HOPS)
    }

    fn class_within(&self, expr: &'a Expr, hops: usize) -> Option<String> {
        match self.type_of(expr) {
            Type::Foreign(class) => return Some(class),
            Type::Unknown | Type::Scalar("None") => {}
            _ => return None,
        }
        let fewer = hops.checked_sub(1)?;
        match expr {
            Expr::Call(call) => {
                let function = self.function_of(&call.func).filter(|function| !function.is_async)?;
                self.class_returned(function, fewer)
            }
            Expr::Await(awaited) => match &*awaited.value {
                Expr::Call(call) => {
                    let function = self.function_of(&call.func).filter(|function| function.is_async)?;
                    self.class_returned(function, fewer)
                }
                _ => None,
            },
            Expr::Name(name) => {
                let entered = self.sole_binding(&name.id, self.scope_of(self.id(name)));
                match entered.map(|binding| binding.kind) {
                    Some(BindingKind::With(item, _)) => {
                        let class = self.class_within(&item.context_expr, fewer)?;
                        enters_itself(&class).then_some(class)
                    }
                    Some(BindingKind::Assignment(value @ Expr::Await(_))) => self.class_within(value, fewer),
                    _ => self.class_of_object(&self.object(expr), fewer),
                }
            }
            Expr::Attribute(attribute) => {
                let owner = self.class_of(&attribute.value);
                let getter = owner.and_then(|class| self.method(class, &attribute.attr));
                match getter {
                    Some(getter) if self.is_getter(getter) => self.class_returned(getter, fewer),
                    Some(_) => None,
                    None => self.class_of_object(&self.object(expr), fewer),
                }
            }
            _ => None,
        }
    }

    /// What all that is put into the variables and attributes of an object agrees on.
    fn class_of_object(&self, object: &Object<'a>, hops: usize) -> Option<String> {
        let mut agreed: Option<String> = None;
        let mut agrees = |class: Option<String>| match (&agreed, class) {
            (_, None) => false,
            (Some(agreed), Some(class)) => *agreed == class,
            (None, class) => {
                agreed = class;
                true
            }
        };
        for origin in &object.origins {
            if !agrees(self.class_within(origin, hops)) {
                return None;
            }
        }
        for slot in &object.slots {
            for annotation in self.annotations_of(*slot) {
                if !agrees(self.annotated_class(annotation)) {
                    return None;
                }
            }
        }
        agreed
    }

    fn annotations_of(&self, slot: Slot<'a>) -> Vec<&'a Expr> {
        let in_scope = |scope, name| {
            self.bindings_in(scope, name).filter_map(|binding| match binding.kind {
                BindingKind::Annotated(assign) => Some(&*assign.annotation),
                BindingKind::Parameter(_) if self.variadic(binding).is_some() => None,
                BindingKind::Parameter(parameter) => parameter.annotation.as_deref(),
                _ => None,
            })
        };
        match slot {
            Slot::Name(scope, name) => in_scope(scope, name).collect(),
            Slot::Attribute(class, name) => {
                let scope = class.body.first().map(|stmt| self.scope_of(self.id(stmt)));
                let in_body = scope.into_iter().flat_map(|scope| in_scope(scope, name));
                let on_instances = self.stores_of(name).filter_map(|store| {
                    match (self.class_of(&store.value), self.node(self.parent(self.id(store)))) {
                        (Some(owner), AnyNodeRef::StmtAnnAssign(assign)) if std::ptr::eq(owner, class) => {
                            Some(&*assign.annotation)
                        }
                        _ => None,
                    }
                });
                in_body.chain(on_instances).collect()
            }
        }
    }

    /// The one imported class that an annotation allows beside `None`; strings are read, too.
    fn annotated_class(&self, annotation: &Expr) -> Option<String> {
        let only = |parts: &mut dyn Iterator<Item = &Expr>| {
            let mut parts = parts.filter(|part| !part.is_none_literal_expr());
            let first = parts.next()?;
            parts.next().is_none().then(|| self.annotated_class(first))?
        };
        match annotation {
            Expr::BinOp(union) if union.op == Operator::BitOr => only(&mut [&*union.left, &*union.right].into_iter()),
            Expr::Subscript(subscript) => match self.qualified_name(&subscript.value).as_deref() {
                Some("typing.Optional") => self.annotated_class(&subscript.slice),
                Some("typing.Union") => match &*subscript.slice {
                    Expr::Tuple(parts) => only(&mut parts.elts.iter()),
                    part => self.annotated_class(part),
                },
                _ => self.plainly_annotated(annotation),
            },
            Expr::StringLiteral(text) => {
                let text = text.value.to_str();
                let (root, members) = text.split_once('.').map_or((text, ""), |(root, rest)| (root, rest));
                let root = self.imported_name(root, self.scope_of(self.id(annotation)))?;
                let is_dotted = members.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
                match members {
                    "" => Some(root),
                    members => is_dotted.then(|| format!("{root}.{members}")),
                }
            }
            _ => self.plainly_annotated(annotation),
        }
    }

    fn plainly_annotated(&self, annotation: &Expr) -> Option<String> {
        match self.annotation(annotation, 0) {
            Type::Foreign(class) => Some(class),
            _ => None,
        }
    }

    fn is_getter(&self, function: &'a ast::StmtFunctionDef) -> bool {
        self.is_property(function)
            || matches!(function.decorator_list.as_slice(), [decorator]
                if self.qualified_name(&decorator.expression).is_some_and(|name| name == "functools.cached_property"))
    }

    /// What a function says that it gives, or else what all of its `return` statements agree on.
    fn class_returned(&self, function: &'a ast::StmtFunctionDef, hops: usize) -> Option<String> {
        let is_transparent = function.decorator_list.iter().all(|decorator| {
            let callable = super::names::map_callable(&decorator.expression);
            ["property", "staticmethod", "classmethod"]
                .iter()
                .any(|name| self.is_builtin(callable, name))
                || self
                    .qualified_name(callable)
                    .is_some_and(|name| TRANSPARENT.contains(&name.as_str()))
        });
        if !is_transparent || self.is_generator(function) {
            return None;
        }
        if let Some(returns) = &function.returns {
            return self.annotated_class(returns);
        }
        let scope = self.body_scope(function);
        let mut agreed: Option<String> = None;
        for (id, node) in self.subtree(self.id(function)) {
            let AnyNodeRef::StmtReturn(ast::StmtReturn { value: Some(value), .. }) = node else {
                continue;
            };
            if self.scope_of(id) != scope || value.is_none_literal_expr() {
                continue;
            }
            let class = self.class_within(value, hops)?;
            if agreed.as_ref().is_some_and(|agreed| *agreed != class) {
                return None;
            }
            agreed = Some(class);
        }
        agreed
    }

    /// The imported class from which a class of this module has a method that neither it nor its bases in this module define.
    pub fn inherited_from(&self, class: &'a ast::StmtClassDef, method: &str) -> Option<String> {
        let family = self.mro(class);
        if family
            .iter()
            .any(|class| self.own_methods(class, method).next().is_some())
        {
            return None;
        }
        let mut bases = family
            .iter()
            .flat_map(|class| class.bases())
            .filter_map(|base| self.qualified_name(base));
        let first = bases.next()?;
        bases.next().is_none().then_some(first)
    }
}
