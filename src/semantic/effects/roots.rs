//! Where the objects behind an expression may come from.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, Expr};

use super::Root;
use crate::semantic::names::Lookup;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId, ScopeId, ScopeKind, SemanticModel};

impl<'a> SemanticModel<'a> {
    /// Where the object of an expression may come from.
    pub fn roots(&self, expr: &Expr) -> BTreeSet<Root> {
        let mut roots = BTreeSet::new();
        self.collect_roots(expr, &mut roots, &mut Vec::new());
        roots
    }

    fn collect_roots(&self, expr: &Expr, roots: &mut BTreeSet<Root>, seen: &mut Vec<NodeId>) {
        match expr {
            Expr::Name(name) => self.collect_name_roots(name, roots, seen),
            Expr::Attribute(attribute) => match self.type_of(&attribute.value) {
                Type::Instance(class) => {
                    roots.insert(Root::Attribute {
                        class: class.name.to_string(),
                        name: attribute.attr.to_string(),
                    });
                }
                _ => self.collect_roots(&attribute.value, roots, seen),
            },
            Expr::Subscript(subscript) => self.collect_roots(&subscript.value, roots, seen),
            Expr::Starred(starred) => self.collect_roots(&starred.value, roots, seen),
            Expr::Named(named) => self.collect_roots(&named.value, roots, seen),
            Expr::If(inner) => {
                self.collect_roots(&inner.body, roots, seen);
                self.collect_roots(&inner.orelse, roots, seen);
            }
            // What is in a new container is reachable through it.
            Expr::List(list) => self.collect_display(expr, &list.elts, roots, seen),
            Expr::Tuple(tuple) => self.collect_display(expr, &tuple.elts, roots, seen),
            Expr::Set(set) => self.collect_display(expr, &set.elts, roots, seen),
            Expr::Dict(dict) => {
                roots.insert(Root::Made(self.id(dict)));
                for item in &dict.items {
                    self.collect_roots(&item.value, roots, seen);
                }
            }
            Expr::ListComp(inner) => self.collect_display(expr, std::slice::from_ref(&*inner.elt), roots, seen),
            Expr::SetComp(inner) => self.collect_display(expr, std::slice::from_ref(&*inner.elt), roots, seen),
            Expr::DictComp(inner) => self.collect_display(expr, std::slice::from_ref(&*inner.value), roots, seen),
            _ if self.type_of(expr).is_scalar() => {}
            // What a builtin container holds comes out of it.
            Expr::Call(ast::ExprCall { func, arguments, .. })
                if let Expr::Attribute(method) = &**func
                    && ["get", "pop", "setdefault", "copy"].contains(&method.attr.as_str())
                    && matches!(self.type_of(&method.value), Type::Container(_)) =>
            {
                self.collect_roots(&method.value, roots, seen);
                for argument in &arguments.args {
                    self.collect_roots(argument, roots, seen);
                }
            }
            Expr::Call(call) => match self.type_of(expr) {
                Type::Container(_) | Type::Instance(_) if self.makes_new(call) => {
                    roots.insert(Root::Made(self.id(call)));
                    for argument in &call.arguments.args {
                        self.collect_roots(argument, roots, seen);
                    }
                }
                _ => {
                    roots.insert(Root::Anything);
                }
            },
            _ => {
                roots.insert(Root::Anything);
            }
        }
    }

    /// Whether a call makes an object: a constructor, a builtin, a method of a string. What a function says that it gives may be anybody's.
    fn makes_new(&self, call: &ast::ExprCall) -> bool {
        let of_string = || matches!(&*call.func, Expr::Attribute(method) if self.type_of(&method.value).is_scalar());
        self.class_named(&call.func).is_some() || self.builtin(&call.func).is_some() || of_string()
    }

    /// Where the elements of what a loop goes over may come from.
    fn collect_iterated(&self, iter: &Expr, roots: &mut BTreeSet<Root>, seen: &mut Vec<NodeId>) {
        match self.iterated_parts(iter) {
            Some(parts) => parts.into_iter().for_each(|part| self.collect_roots(part, roots, seen)),
            None => self.collect_roots(iter, roots, seen),
        }
    }

    /// What a call goes over in turn that makes an iterable of builtin ones and runs no other code: `enumerate(rows)`, `d.items()`, `range(n)`.
    /// `None`: it is not known to be one.
    pub(super) fn iterated_parts<'e>(&self, iter: &'e Expr) -> Option<Vec<&'e Expr>> {
        let Expr::Call(call) = iter else { return None };
        let arguments = &call.arguments;
        let is = |name: &str| self.is_builtin(&call.func, name);
        if is("range") {
            return Some(Vec::new());
        }
        if ["enumerate", "zip", "reversed"].iter().any(|name| is(name))
            && !arguments.args.iter().any(Expr::is_starred_expr)
        {
            let counted = if is("enumerate") { 1 } else { arguments.args.len() };
            return Some(arguments.args.iter().take(counted).collect());
        }
        match &*call.func {
            Expr::Attribute(method)
                if arguments.is_empty()
                    && ["items", "keys", "values"].contains(&method.attr.as_str())
                    && self.type_of(&method.value) == Type::Container("dict") =>
            {
                Some(vec![&*method.value])
            }
            _ => None,
        }
    }

    fn collect_display(&self, display: &Expr, elements: &[Expr], roots: &mut BTreeSet<Root>, seen: &mut Vec<NodeId>) {
        roots.insert(Root::Made(self.id(display)));
        for element in elements {
            self.collect_roots(element, roots, seen);
        }
    }

    fn collect_name_roots(&self, name: &ast::ExprName, roots: &mut BTreeSet<Root>, seen: &mut Vec<NodeId>) {
        let here = self.scope_of(self.id(name));
        let owner = match self.lookup(&name.id, here) {
            Lookup::Scope(owner) => owner,
            Lookup::Builtin | Lookup::Unknown => {
                roots.insert(Root::Global(name.id.to_string()));
                return;
            }
        };
        if owner == ScopeId::MODULE {
            if self
                .resolve(&name.id, here)
                .any(|binding| !self.type_of_binding(binding).is_scalar())
            {
                roots.insert(Root::Global(name.id.to_string()));
            }
            return;
        }
        let own_function = self.function_of_scope(here).map(|function| self.id(function));
        if self.function_of_scope(owner).map(|function| self.id(function)) != own_function {
            roots.insert(Root::Free(owner, name.id.to_string()));
            return;
        }
        for binding in self.bindings_in(owner, &name.id) {
            if seen.contains(&binding.node) {
                continue;
            }
            seen.push(binding.node);
            match binding.kind {
                BindingKind::Parameter(_) => match self.parameter_index(owner, &name.id) {
                    Some(index) => {
                        roots.insert(Root::Parameter(index));
                    }
                    None => {
                        roots.insert(Root::Anything);
                    }
                },
                BindingKind::Assignment(value) => self.collect_roots(value, roots, seen),
                BindingKind::Annotated(assign) => {
                    if let Some(value) = &assign.value {
                        self.collect_roots(value, roots, seen);
                    }
                }
                BindingKind::Function(_)
                | BindingKind::Class(_)
                | BindingKind::Import(_)
                | BindingKind::FromImport(..)
                | BindingKind::Deletion => {}
                BindingKind::AugAssignment => match self.augmented(binding) {
                    // What it was before is told by the other bindings.
                    Some(stmt) => self.collect_roots(&stmt.value, roots, seen),
                    None => {
                        roots.insert(Root::Anything);
                    }
                },
                BindingKind::Other => match self.iteration_of(binding) {
                    Some(_) if self.type_of_binding(binding).is_scalar() => {}
                    Some((_, iter)) => self.collect_iterated(iter, roots, seen),
                    None => {
                        roots.insert(Root::Anything);
                    }
                },
                BindingKind::With(..) => {
                    roots.insert(Root::Anything);
                }
            }
        }
    }

    /// The position of a parameter, in the order in which [`Summary`] counts them: as written, `*args` and `**kwargs` included.
    pub(super) fn parameter_index(&self, scope: ScopeId, name: &str) -> Option<usize> {
        let ScopeKind::Function(function) = self.scope(scope).kind else {
            return None;
        };
        function
            .parameters
            .iter_source_order()
            .position(|parameter| parameter.name() == name)
    }
}
