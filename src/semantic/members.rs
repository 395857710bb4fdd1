//! Attributes and methods by name: who defines them, who assigns them, and what `setattr` and `globals()` may put in their place.

use std::cell::OnceCell;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use rustc_hash::{FxHashMap, FxHashSet};

use super::names::{Lookup, map_callable, plain_name};
use super::types::{Type, TypeOracle};
use super::{NodeId, Reference, SemanticModel};

/// A method and the class whose body defines it.
pub type Method<'a> = (&'a ast::StmtClassDef, &'a ast::StmtFunctionDef);

/// Made once per module: what would otherwise be looked for in the whole module at every call.
#[derive(Default)]
pub(super) struct Members {
    /// Class and method. By id, since a reference would make the model's lifetime invariant.
    methods: FxHashMap<String, Vec<(NodeId, NodeId)>>,
    stores: FxHashMap<String, Vec<NodeId>>,
    references: FxHashMap<String, Named>,
    /// Attribute names that `setattr` or `delattr` is called with.
    set_by_name: FxHashSet<String>,
    /// `setattr` is called with a name that is computed.
    sets_any: bool,
    /// Module-level names that are replaced through `globals()` or `sys.modules`.
    replaced: FxHashSet<String>,
    replaces_any: bool,
    /// Classes of which others are made by a call: `type("B", (A,), {...})`.
    bases_of_calls: FxHashSet<NodeId>,
}

/// The references to one name, whatever variable each means.
#[derive(Default)]
struct Named {
    /// Indexes into the model's references.
    indexes: Vec<usize>,
    /// What each of them means. Few names are ever asked about, those again and again.
    owners: OnceCell<Vec<Lookup>>,
}

/// Functions that make a class of what they are given.
const CLASS_MAKERS: &[&str] = &["dataclasses.make_dataclass", "types.new_class"];

/// The method of this name in the body of a class.
pub fn method_in_body<'a>(class: &'a ast::StmtClassDef, name: &str) -> Option<&'a ast::StmtFunctionDef> {
    class.body.iter().find_map(|stmt| match stmt {
        ast::Stmt::FunctionDef(function) if function.name.as_str() == name => Some(function),
        _ => None,
    })
}

impl<'a> SemanticModel<'a> {
    fn members(&self) -> &Members {
        self.members.get_or_init(|| {
            let mut members = Members::default();
            for function in self.functions() {
                if let Some(class) = self.class_of_method(function) {
                    let methods = members.methods.entry(function.name.to_string()).or_default();
                    methods.push((self.id(class), self.id(function)));
                }
            }
            for store in self.attribute_stores() {
                members
                    .stores
                    .entry(store.attr.to_string())
                    .or_default()
                    .push(self.id(store));
                if self.is_module_object(&store.value) {
                    members.replaced.insert(store.attr.to_string());
                }
            }
            for (index, reference) in self.references().iter().enumerate() {
                let name = reference.name.id.as_str();
                // Most names are read more than once.
                match members.references.get_mut(name) {
                    Some(named) => named.indexes.push(index),
                    None => {
                        let first = Named {
                            indexes: vec![index],
                            ..Named::default()
                        };
                        members.references.insert(name.to_owned(), first);
                    }
                }
            }
            for call in self.calls() {
                self.note_setter(call, &mut members);
                self.note_class_maker(call, &mut members);
            }
            for (_, name) in self.stores_by_dictionary() {
                match name {
                    Some(name) => {
                        members.set_by_name.insert(name.to_owned());
                    }
                    None => members.sets_any = true,
                }
            }
            members
        })
    }

    /// The objects whose attributes are set through their dictionary, with the name where it is written out: `x.__dict__["name"] = ...`,
    /// `vars(x)[name] = ...`, `x.__dict__.update(...)`.
    pub fn stores_by_dictionary(&self) -> Vec<(&'a Expr, Option<&'a str>)> {
        let text = self.module().text();
        if !text.contains("__dict__") && !text.contains("vars(") {
            return Vec::new();
        }
        let object = |dictionary: &'a Expr| match dictionary {
            Expr::Attribute(attribute) if attribute.attr.as_str() == "__dict__" => Some(&*attribute.value),
            Expr::Call(call) if self.is_builtin(&call.func, "vars") => call.arguments.args.first(),
            _ => None,
        };
        let stores = self.subtree(NodeId(0)).filter_map(|(_, node)| match node {
            AnyNodeRef::ExprSubscript(item) if !item.ctx.is_load() => {
                let name = item.slice.as_string_literal_expr();
                Some((object(&item.value)?, name.map(|name| name.value.to_str())))
            }
            AnyNodeRef::ExprCall(call) => match &*call.func {
                Expr::Attribute(method) if matches!(method.attr.as_str(), "update" | "__setitem__" | "setdefault") => {
                    let is_written_out = call.arguments.args.is_empty();
                    object(&method.value)
                        .filter(|_| !is_written_out)
                        .map(|object| (object, None))
                }
                _ => None,
            },
            _ => None,
        });
        stores.collect()
    }

    /// `setattr(x, "name", ...)`, `globals()["name"] = ...` and the like.
    fn note_setter(&self, call: &'a ast::ExprCall, members: &mut Members) {
        if ["setattr", "delattr"]
            .iter()
            .any(|name| self.is_builtin(&call.func, name))
        {
            let of_module = call
                .arguments
                .args
                .first()
                .is_some_and(|object| self.is_module_object(object));
            match call.arguments.args.get(1) {
                Some(Expr::StringLiteral(name)) => {
                    members.set_by_name.insert(name.value.to_string());
                    if of_module {
                        members.replaced.insert(name.value.to_string());
                    }
                }
                _ => {
                    members.sets_any = true;
                    members.replaces_any |= of_module;
                }
            }
        }
        if ["globals", "vars"].iter().any(|name| self.is_builtin(&call.func, name)) && call.arguments.is_empty() {
            match self.node(self.parent(self.id(call))) {
                AnyNodeRef::ExprSubscript(subscript) if subscript.ctx.is_load() => {}
                AnyNodeRef::ExprSubscript(subscript) => match &*subscript.slice {
                    Expr::StringLiteral(name) => {
                        members.replaced.insert(name.value.to_string());
                    }
                    _ => members.replaces_any = true,
                },
                AnyNodeRef::ExprAttribute(method)
                    if matches!(method.attr.as_str(), "get" | "items" | "keys" | "copy") => {}
                AnyNodeRef::ExprCompare(_) => {}
                _ => members.replaces_any = true,
            }
        }
    }

    /// `type("B", (A,), {...})` and the like: what the class that they make has in place of its base's methods is not known.
    fn note_class_maker(&self, call: &'a ast::ExprCall, members: &mut Members) {
        if !matches!(plain_name(&call.func), Some("type" | "new_class" | "make_dataclass")) {
            return;
        }
        let makes_class = self.is_builtin(&call.func, "type") && call.arguments.args.len() == 3
            || self
                .qualified_name(&call.func)
                .is_some_and(|name| CLASS_MAKERS.contains(&name.as_str()));
        if !makes_class {
            return;
        }
        for argument in call.arguments.iter_source_order() {
            let bases = match argument.value() {
                Expr::Tuple(bases) => &bases.elts,
                Expr::List(bases) => &bases.elts,
                _ => continue,
            };
            let classes = bases.iter().filter_map(|base| self.class_named(base));
            members.bases_of_calls.extend(classes.map(|class| self.id(class)));
        }
    }

    /// Whether a call makes a class that derives from this one.
    pub(super) fn is_derived_by_call(&self, class: &'a ast::StmtClassDef) -> bool {
        self.members().bases_of_calls.iter().any(|base| match self.node(*base) {
            AnyNodeRef::StmtClassDef(base) => std::ptr::eq(base, class) || self.derives_from(base, class, 0),
            _ => false,
        })
    }

    /// An imported module, or `sys.modules[...]`.
    fn is_module_object(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Subscript(subscript) => self
                .qualified_name(&subscript.value)
                .is_some_and(|name| name == "sys.modules"),
            _ => self.imported_root(expr),
        }
    }

    /// Whether something else may stand behind a module-level name than its definition.
    pub fn is_replaced(&self, name: &str) -> bool {
        let members = self.members();
        members.replaces_any || members.replaced.contains(name)
    }

    /// The methods of this name in all classes of the module.
    pub fn methods_named(&self, name: &str) -> impl Iterator<Item = Method<'a>> + '_ {
        let found = self.members().methods.get(name);
        found
            .into_iter()
            .flatten()
            .filter_map(|&(class, function)| match (self.node(class), self.node(function)) {
                (AnyNodeRef::StmtClassDef(class), AnyNodeRef::StmtFunctionDef(function)) => Some((class, function)),
                _ => None,
            })
    }

    /// The definitions of a method in the body of one class, nested `if` and `try` blocks included.
    pub(super) fn own_methods(
        &self,
        class: &'a ast::StmtClassDef,
        name: &str,
    ) -> impl Iterator<Item = &'a ast::StmtFunctionDef> + '_ {
        self.methods_named(name)
            .filter(move |(owner, _)| std::ptr::eq(*owner, class))
            .map(|(_, function)| function)
    }

    /// The references to a name, in source order, wherever they stand.
    pub fn references_named(&self, name: &str) -> impl Iterator<Item = &Reference<'a>> + '_ {
        let found = self.members().references.get(name);
        let indexes = found.into_iter().flat_map(|named| &named.indexes);
        indexes.map(|&index| &self.references()[index])
    }

    /// The references to one variable, in source order: those to its name that find it there.
    pub fn references_to<'s>(
        &'s self,
        owner: impl Into<Lookup>,
        name: &'s str,
    ) -> impl Iterator<Item = &'s Reference<'a>> + 's {
        let owner = owner.into();
        let owner_of = |index: &usize| self.lookup(name, self.references()[*index].scope);
        let named = self.members().references.get(name).into_iter();
        named
            .flat_map(move |named| {
                let owners = named
                    .owners
                    .get_or_init(|| named.indexes.iter().map(owner_of).collect());
                named.indexes.iter().zip(owners)
            })
            .filter(move |(_, found)| **found == owner)
            .map(|(&index, _)| &self.references()[index])
    }

    /// The references to the variable that a name stands for, that name among them where it is read.
    pub fn references_like<'s>(&'s self, name: &'s ast::ExprName) -> impl Iterator<Item = &'s Reference<'a>> + 's {
        self.references_to(self.lookup(&name.id, self.scope_of(self.id(name))), &name.id)
    }

    /// Whether `x.name = ...`, `del x.name` or `setattr(..., "name", ...)` stands anywhere in the module.
    pub fn is_attribute_assigned(&self, name: &str) -> bool {
        let members = self.members();
        members.stores.contains_key(name) || members.sets_any || members.set_by_name.contains(name)
    }

    /// Whether `setattr` or `delattr` may be called with this name, on whatever object.
    pub fn is_set_by_name(&self, name: &str) -> bool {
        let members = self.members();
        members.sets_any || members.set_by_name.contains(name)
    }

    /// Whether `setattr` is called with a name that is computed.
    pub fn sets_any_attribute(&self) -> bool {
        self.members().sets_any
    }

    /// Where the module reads an attribute of this name, in source order.
    pub fn loads_of(&self, name: &str) -> impl Iterator<Item = (NodeId, &'a ast::ExprAttribute)> + '_ {
        let loads = self.attribute_loads.get_or_init(|| {
            let mut loads: FxHashMap<String, Vec<NodeId>> = FxHashMap::default();
            for (id, node) in self.subtree(NodeId(0)) {
                if let AnyNodeRef::ExprAttribute(attribute) = node
                    && attribute.ctx.is_load()
                {
                    match loads.get_mut(attribute.attr.as_str()) {
                        Some(ids) => ids.push(id),
                        None => {
                            loads.insert(attribute.attr.to_string(), vec![id]);
                        }
                    }
                }
            }
            loads
        });
        let found = loads.get(name).into_iter().flatten();
        found.filter_map(|&id| match self.node(id) {
            AnyNodeRef::ExprAttribute(attribute) => Some((id, attribute)),
            _ => None,
        })
    }

    /// The stores `x.name = ...` of the module, in source order.
    pub fn stores_of(&self, name: &str) -> impl Iterator<Item = &'a ast::ExprAttribute> + '_ {
        let stores = self.members().stores.get(name);
        stores.into_iter().flatten().filter_map(|&id| match self.node(id) {
            AnyNodeRef::ExprAttribute(attribute) => Some(attribute),
            _ => None,
        })
    }

    pub fn is_property(&self, function: &ast::StmtFunctionDef) -> bool {
        matches!(function.decorator_list.as_slice(), [decorator] if self.is_builtin(&decorator.expression, "property"))
    }

    /// Whether reading this attribute of an instance of `class` runs no code: a hierarchy that is wholly known, in which the name is no
    /// method, property or other descriptor.
    pub fn is_plain_attribute(&self, class: &'a ast::StmtClassDef, name: &str) -> bool {
        let in_hierarchy = |other: &'a ast::StmtClassDef| {
            std::ptr::eq(other, class) || self.derives_from(other, class, 0) || self.derives_from(class, other, 0)
        };
        self.hierarchy_is_plain(class)
            && !self.members().set_by_name.contains(name)
            && !self.methods_named(name).any(|(other, _)| in_hierarchy(other))
            && !self
                .stores_of(name)
                .any(|store| self.class_named(&store.value).is_some())
            && self
                .mro(class)
                .into_iter()
                .all(|class| class_value(class, name).is_none_or(|value| self.is_no_descriptor(value)))
    }

    /// Whether an object in a class body is certain to be just a value.
    pub fn is_no_descriptor(&self, value: &'a Expr) -> bool {
        match self.type_of(value) {
            Type::Scalar(_) | Type::Container(_) => true,
            Type::Instance(class) => {
                self.hierarchy_is_plain(class)
                    && !self
                        .methods_named("__get__")
                        .any(|(other, _)| std::ptr::eq(other, class) || self.derives_from(class, other, 0))
            }
            _ => self
                .qualified_name(map_callable(value))
                .is_some_and(|name| name == "dataclasses.field"),
        }
    }

    /// The class and its bases of this module, in no particular order.
    pub(super) fn mro(&self, class: &'a ast::StmtClassDef) -> Vec<&'a ast::StmtClassDef> {
        let mut all = vec![class];
        let mut at = 0;
        while at < all.len() && all.len() < 50 {
            all.extend(self.bases(all[at]).into_iter().flatten());
            at += 1;
        }
        all
    }

    /// A dataclass whose generated constructor stores its arguments and runs nothing else.
    pub fn is_plain_dataclass(&self, class: &'a ast::StmtClassDef) -> bool {
        let makes = |call: &Expr| ["list", "dict", "set"].iter().any(|name| self.is_builtin(call, name));
        self.hierarchy_is_plain(class)
            && !class.decorator_list.is_empty()
            && self.methods_named("__post_init__").next().is_none()
            && self.methods_named("__setattr__").next().is_none()
            && class.body.iter().all(|stmt| match stmt {
                Stmt::AnnAssign(field) => match field.value.as_deref() {
                    Some(Expr::Call(call)) => call
                        .arguments
                        .find_keyword("default_factory")
                        .is_none_or(|factory| makes(&factory.value)),
                    _ => true,
                },
                _ => true,
            })
    }

    /// Whether reading an object by this path cannot fail: a name that is bound for certain, then attributes that every instance has
    /// from its class body or from the top level of `__init__` on.
    pub fn is_settled(&self, path: &Expr) -> bool {
        match path {
            Expr::Name(name) => self.is_definitely_bound(name),
            Expr::Attribute(attribute) => {
                let Type::Instance(class) = self.type_of(&attribute.value) else {
                    return false;
                };
                let name = attribute.attr.as_str();
                let deleted = || self.stores_of(name).any(|store| store.ctx.is_del());
                self.is_settled(&attribute.value)
                    && self.is_plain_attribute(class, name)
                    && !deleted()
                    && self.mro(class).into_iter().any(|class| self.gives(class, name))
            }
            _ => false,
        }
    }

    /// Whether every instance of a class has an attribute.
    fn gives(&self, class: &'a ast::StmtClassDef, name: &str) -> bool {
        let is_dataclass = !class.decorator_list.is_empty();
        let in_body = class_value(class, name).is_some()
            || is_dataclass
                && class
                    .body
                    .iter()
                    .any(|stmt| matches!(stmt, Stmt::AnnAssign(field) if is_name(&field.target, name)));
        in_body
            || class.body.iter().any(|stmt| match stmt {
                Stmt::FunctionDef(init) if init.name.as_str() == "__init__" => {
                    init.body.iter().any(|stmt| match stmt {
                        Stmt::Assign(assign) => assign
                            .targets
                            .iter()
                            .any(|target| self.is_self_attribute(target, class, name)),
                        Stmt::AnnAssign(assign) => {
                            assign.value.is_some() && self.is_self_attribute(&assign.target, class, name)
                        }
                        _ => false,
                    })
                }
                _ => false,
            })
    }

    fn is_self_attribute(&self, target: &Expr, class: &'a ast::StmtClassDef, name: &str) -> bool {
        match target {
            Expr::Attribute(attribute) => {
                attribute.attr.as_str() == name
                    && self
                        .class_of(&attribute.value)
                        .is_some_and(|found| std::ptr::eq(found, class))
            }
            _ => false,
        }
    }
}

/// What a class body assigns to a name.
pub(crate) fn class_value<'a>(class: &'a ast::StmtClassDef, name: &str) -> Option<&'a Expr> {
    class.body.iter().find_map(|stmt| match stmt {
        Stmt::Assign(assign) if assign.targets.iter().any(|target| is_name(target, name)) => Some(&*assign.value),
        Stmt::AnnAssign(assign) if is_name(&assign.target, name) => assign.value.as_deref(),
        _ => None,
    })
}

fn is_name(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Name(found) if found.id == name)
}
