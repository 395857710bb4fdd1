//! Which expressions of a module stand for one object: followed through assignments, attributes of the module's classes and the
//! parameters of its functions, in both directions, with what may lead out of sight.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::names::Lookup;
use super::types::{Type, TypeOracle, enters_itself};
use super::{BindingKind, NodeId, ScopeId, ScopeKind, SemanticModel};

/// A variable, or an attribute that the instances of a class have.
#[derive(Clone, Copy, Debug)]
pub enum Slot<'a> {
    Name(ScopeId, &'a str),
    Attribute(&'a ast::StmtClassDef, &'a str),
}

/// What is put into a slot at one place.
#[derive(Clone, Copy, Debug)]
pub enum Store<'a> {
    Value(&'a Expr),
    /// Whatever the callers of a function pass.
    Parameter(&'a ast::StmtFunctionDef, &'a ast::Parameter),
    /// A loop, `with`, unpacking or augmented assignment at this node.
    Unknown(NodeId),
}

/// All that a module shows of one object.
#[derive(Default)]
pub struct Object<'a> {
    /// The variables and attributes that hold it.
    pub slots: Vec<Slot<'a>>,
    /// The expressions, calls mostly, whose values it is.
    pub origins: Vec<&'a Expr>,
    /// Where it is read from a variable or attribute, in source order.
    pub reads: Vec<NodeId>,
    /// Why it may be another object than those of `origins`.
    pub unknown_origin: Option<String>,
    /// Why it may be used elsewhere than at `reads`.
    pub escape: Option<String>,
}

/// Builtins that look at an argument and do not keep it.
const LOOKERS: &[&str] = &[
    "bool",
    "hasattr",
    "id",
    "isinstance",
    "len",
    "print",
    "repr",
    "str",
    "type",
];

impl<'a> SemanticModel<'a> {
    /// The variable or attribute that an expression reads or stores.
    pub fn slot_of(&self, expr: &'a Expr) -> Option<Slot<'a>> {
        match expr {
            Expr::Name(name) => match self.lookup(&name.id, self.scope_of(self.id(name))) {
                Lookup::Scope(scope) => Some(match self.scope(scope).kind {
                    ScopeKind::Class(class) => Slot::Attribute(class, &name.id),
                    _ => Slot::Name(scope, &name.id),
                }),
                _ => None,
            },
            Expr::Attribute(attribute) => {
                let class = self
                    .class_of(&attribute.value)
                    .or_else(|| self.class_object(&attribute.value))?;
                Some(Slot::Attribute(class, &attribute.attr))
            }
            _ => None,
        }
    }

    /// The class that an expression stands for, by its name or as the first parameter of a class method: that or one derived from it.
    fn class_object(&self, expr: &Expr) -> Option<&'a ast::StmtClassDef> {
        if let Some(class) = self.class_named(expr) {
            return Some(class);
        }
        let Expr::Name(name) = expr else { return None };
        let binding = self.sole_binding(&name.id, self.scope_of(self.id(name)))?;
        let (BindingKind::Parameter(parameter), ScopeKind::Function(function)) =
            (&binding.kind, self.scope(binding.scope).kind)
        else {
            return None;
        };
        let is_first = function
            .parameters
            .iter_non_variadic_params()
            .next()
            .is_some_and(|first| std::ptr::eq(&raw const first.parameter, *parameter));
        let decorates = |decorator: &ast::Decorator| self.is_builtin(&decorator.expression, "classmethod");
        let is_class_method = function.decorator_list.iter().any(decorates);
        (is_first && is_class_method).then(|| self.class_of_method(function))?
    }

    pub fn same_slot(&self, one: Slot<'a>, other: Slot<'a>) -> bool {
        match (one, other) {
            (Slot::Name(scope, name), Slot::Name(other_scope, other)) => scope == other_scope && name == other,
            (Slot::Attribute(class, name), Slot::Attribute(other_class, other)) => {
                name == other && self.are_related(class, other_class)
            }
            _ => false,
        }
    }

    fn are_related(&self, one: &'a ast::StmtClassDef, other: &'a ast::StmtClassDef) -> bool {
        std::ptr::eq(one, other) || self.derives_from(one, other, 0) || self.derives_from(other, one, 0)
    }

    /// Everything that the module puts into a slot, in source order.
    pub fn stores_in(&self, slot: Slot<'a>) -> Vec<Store<'a>> {
        match slot {
            Slot::Name(scope, name) => self.name_stores(scope, name),
            Slot::Attribute(class, name) => {
                let body = class.body.first().map(|stmt| self.scope_of(self.id(stmt)));
                let mut stores = body.map_or_else(Vec::new, |scope| self.name_stores(scope, name));
                for store in self.stores_of(name) {
                    let id = self.id(store);
                    match self.is_attribute_of(store, class) {
                        Some(false) => continue,
                        None => {
                            stores.push(Store::Unknown(id));
                            continue;
                        }
                        Some(true) => {}
                    }
                    stores.push(match self.node(self.parent(id)) {
                        AnyNodeRef::StmtAssign(assign) => Store::Value(&assign.value),
                        AnyNodeRef::StmtAnnAssign(assign) => match assign.value.as_deref() {
                            Some(value) => Store::Value(value),
                            None => continue,
                        },
                        _ => Store::Unknown(id),
                    });
                }
                stores
            }
        }
    }

    fn name_stores(&self, scope: ScopeId, name: &str) -> Vec<Store<'a>> {
        self.bindings_in(scope, name)
            .filter_map(|binding| match binding.kind {
                BindingKind::Assignment(value) => Some(Store::Value(value)),
                BindingKind::Annotated(assign) => assign.value.as_deref().map(Store::Value),
                BindingKind::Parameter(parameter) => Some(match self.scope(scope).kind {
                    ScopeKind::Function(function) => Store::Parameter(function, parameter),
                    _ => Store::Unknown(binding.node),
                }),
                BindingKind::Deletion => None,
                BindingKind::With(item, _)
                    if matches!(self.type_of(&item.context_expr), Type::Foreign(class) if enters_itself(&class)) =>
                {
                    Some(Store::Value(&item.context_expr))
                }
                _ => Some(match self.unpacked_value(binding) {
                    Some(value) => Store::Value(value),
                    None => Store::Unknown(binding.node),
                }),
            })
            .collect()
    }

    /// What a part of `a, b = x, y` is bound to.
    fn unpacked_target(&self, value: NodeId) -> Option<&'a Expr> {
        let tuple = self.parent(value);
        let (AnyNodeRef::ExprTuple(values), AnyNodeRef::StmtAssign(assign)) =
            (self.node(tuple), self.node(self.parent(tuple)))
        else {
            return None;
        };
        let [Expr::Tuple(targets)] = assign.targets.as_slice() else {
            return None;
        };
        let is_plain = |tuple: &ast::ExprTuple| !tuple.elts.iter().any(Expr::is_starred_expr);
        let position = values.elts.iter().position(|part| self.id(part) == value)?;
        let fits = targets.elts.len() == values.elts.len() && is_plain(targets) && is_plain(values);
        fits.then(|| &targets.elts[position])
    }

    /// Everywhere the module reads a slot, in source order, and the first place that may do so but is not certain to.
    pub fn reads_of(&self, slot: Slot<'a>) -> (Vec<NodeId>, Option<NodeId>) {
        match slot {
            Slot::Name(scope, name) => (
                self.references_to(scope, name)
                    .map(|reference| reference.node)
                    .collect(),
                None,
            ),
            Slot::Attribute(class, name) => {
                let mut reads = Vec::new();
                let mut doubtful = None;
                // In the class body the attribute is a name.
                if let Some(stmt) = class.body.first() {
                    reads.extend(self.reads_of(Slot::Name(self.scope_of(self.id(stmt)), name)).0);
                }
                for (id, attribute) in self.loads_of(name) {
                    match self.is_attribute_of(attribute, class) {
                        Some(true) => reads.push(id),
                        Some(false) => {}
                        None => doubtful = doubtful.or(Some(id)),
                    }
                }
                (reads, doubtful)
            }
        }
    }

    /// Whether an attribute is looked up on an instance of a class; `None` when that is not known.
    fn is_attribute_of(&self, attribute: &'a ast::ExprAttribute, class: &'a ast::StmtClassDef) -> Option<bool> {
        match self.type_of(&attribute.value) {
            Type::Instance(other) => Some(self.are_related(other, class)),
            Type::Unknown => match self.class_object(&attribute.value) {
                Some(other) => Some(self.are_related(other, class)),
                None if self.imported_root(&attribute.value) => Some(false),
                None => None,
            },
            _ => Some(false),
        }
    }

    /// Follows the object that a variable or attribute holds.
    pub fn object(&self, expr: &'a Expr) -> Object<'a> {
        self.followed(|follower| follower.comes_from(expr))
    }

    /// Follows the object that a call makes.
    pub fn object_made_by(&self, call: &'a ast::ExprCall) -> Object<'a> {
        self.object_from(self.id(call))
    }

    /// Follows the value of an expression to where it goes.
    pub fn object_from(&self, value: NodeId) -> Object<'a> {
        self.followed(|follower| follower.goes_to(value))
    }

    fn followed(&self, start: impl FnOnce(&mut Follower<'_, 'a>)) -> Object<'a> {
        let mut follower = Follower {
            model: self,
            object: Object::default(),
            open: Vec::new(),
        };
        start(&mut follower);
        follower.follow();
        let mut object = follower.object;
        object.reads.sort_unstable();
        object.reads.dedup();
        object
    }

    /// Whether code at a node runs in an async function, or in a function that async functions of the module call and nothing else uses.
    pub fn runs_only_in_async(&self, id: NodeId) -> bool {
        self.runs_only_in_async_within(id, 4)
    }

    fn runs_only_in_async_within(&self, id: NodeId, hops: usize) -> bool {
        if self.runs_in_async(id) {
            return true;
        }
        // A lambda or class body runs whenever.
        let ScopeKind::Function(function) = self.scope(self.scope_of(id)).kind else {
            return false;
        };
        let uses = self.uses_of_function(function);
        hops > 0
            && !uses.is_empty()
            && uses
                .iter()
                .all(|use_| self.is_callee(use_.reference) && self.runs_only_in_async_within(use_.reference, hops - 1))
    }
}

/// Follows one object from slot to slot.
struct Follower<'m, 'a> {
    model: &'m SemanticModel<'a>,
    object: Object<'a>,
    open: Vec<Slot<'a>>,
}

impl<'a> Follower<'_, 'a> {
    fn follow(&mut self) {
        let model = self.model;
        while let Some(slot) = self.open.pop() {
            for store in model.stores_in(slot) {
                match store {
                    Store::Value(value) => self.comes_from(value),
                    Store::Parameter(function, parameter) => self.comes_from_callers(function, parameter),
                    Store::Unknown(at) => self.unknown_origin(at, "is bound in another way"),
                }
            }
            if let Slot::Attribute(_, name) = slot
                && model.is_set_by_name(name)
            {
                self.object
                    .unknown_origin
                    .get_or_insert_with(|| format!("`{name}` is set by `setattr`"));
            }
            let (reads, doubtful) = model.reads_of(slot);
            for read in reads {
                self.object.reads.push(read);
                self.goes_to(read);
            }
            if let Some(at) = doubtful {
                self.escape(at, "may be the same object");
            }
        }
    }

    fn enter(&mut self, slot: Slot<'a>) {
        if !self.object.slots.iter().any(|known| self.model.same_slot(*known, slot)) {
            self.object.slots.push(slot);
            self.open.push(slot);
        }
    }

    fn comes_from(&mut self, value: &'a Expr) {
        match value {
            Expr::Name(_) | Expr::Attribute(_) => match self.model.slot_of(value) {
                Some(slot) => self.enter(slot),
                None => self.unknown_origin(self.model.id(value), "is not defined in this file"),
            },
            Expr::NoneLiteral(_) => {}
            Expr::If(choice) => {
                self.comes_from(&choice.body);
                self.comes_from(&choice.orelse);
            }
            Expr::BoolOp(choice) => choice.values.iter().for_each(|value| self.comes_from(value)),
            Expr::Named(named) => self.comes_from(&named.value),
            Expr::Call(_) => {
                if !self.object.origins.iter().any(|known| std::ptr::eq(*known, value)) {
                    self.object.origins.push(value);
                }
            }
            _ => self.unknown_origin(self.model.id(value), "is of unknown make"),
        }
    }

    fn comes_from_callers(&mut self, function: &'a ast::StmtFunctionDef, parameter: &'a ast::Parameter) {
        let model = self.model;
        let index = function
            .parameters
            .iter_source_order()
            .position(|other| std::ptr::eq(other.as_parameter(), parameter));
        let calls = callers(model, function);
        let Some((calls, index)) = calls.zip(index).filter(|(calls, _)| !calls.is_empty()) else {
            self.object.unknown_origin.get_or_insert_with(|| {
                format!(
                    "`{}` is a parameter of `{}`, whose callers are not all visible",
                    parameter.name, function.name
                )
            });
            return;
        };
        for call in calls {
            let bound = model.class_of_method(function).is_some();
            let Some(passed) = model.arguments_by_parameter(call, function, bound) else {
                self.unknown_origin(model.id(call), "is passed with `*`");
                continue;
            };
            let default = function
                .parameters
                .iter_non_variadic_params()
                .find(|other| std::ptr::eq(&raw const other.parameter, parameter))
                .and_then(|other| other.default.as_deref());
            match passed.get(&index).copied().or(default) {
                Some(argument) => self.comes_from(argument),
                None => self.unknown_origin(model.id(call), "is not passed"),
            }
        }
    }

    /// What becomes of the value of an expression.
    fn goes_to(&mut self, read: NodeId) {
        let model = self.model;
        let parent = model.parent(read);
        let range = model.node(read).range();
        match model.node(parent) {
            AnyNodeRef::ExprAttribute(_)
            | AnyNodeRef::WithItem(_)
            | AnyNodeRef::ExprCompare(_)
            | AnyNodeRef::ExprUnaryOp(_)
            | AnyNodeRef::StmtIf(_)
            | AnyNodeRef::StmtWhile(_)
            | AnyNodeRef::StmtAssert(_)
            | AnyNodeRef::StmtDelete(_)
            | AnyNodeRef::StmtExpr(_) => {}
            AnyNodeRef::ExprIf(choice) if choice.test.range() == range => {}
            // An element of it is another object.
            AnyNodeRef::ExprSubscript(element) if element.value.range() == range => {}
            AnyNodeRef::ExprIf(_) | AnyNodeRef::ExprBoolOp(_) => self.goes_to(parent),
            AnyNodeRef::ExprNamed(named) => {
                self.goes_into(&named.target);
                self.goes_to(parent);
            }
            AnyNodeRef::StmtAssign(assign) => assign.targets.iter().for_each(|target| self.goes_into(target)),
            AnyNodeRef::StmtAnnAssign(assign) => self.goes_into(&assign.target),
            AnyNodeRef::ExprTuple(_) => match model.unpacked_target(read) {
                Some(target) => self.goes_into(target),
                None => self.escape(read, "is handed on"),
            },
            AnyNodeRef::Arguments(_) => self.goes_to_callee(parent, read),
            AnyNodeRef::Keyword(_) => self.goes_to_callee(model.parent(parent), read),
            // A default is seen from the side of the parameter.
            AnyNodeRef::ParameterWithDefault(parameter) => {
                let function = model.ancestors(parent).find_map(|(_, node)| match node {
                    AnyNodeRef::StmtFunctionDef(function) => Some(function),
                    _ => None,
                });
                match function {
                    Some(function) => self.enter(Slot::Name(model.body_scope(function), &parameter.parameter.name)),
                    None => self.escape(read, "is the default of a lambda"),
                }
            }
            AnyNodeRef::StmtReturn(_) => self.escape(read, "is returned"),
            _ => self.escape(read, "is handed on"),
        }
    }

    fn goes_into(&mut self, target: &'a Expr) {
        match self.model.slot_of(target) {
            Some(slot) => self.enter(slot),
            None => self.escape(self.model.id(target), "is stored"),
        }
    }

    fn goes_to_callee(&mut self, arguments: NodeId, read: NodeId) {
        let model = self.model;
        let AnyNodeRef::ExprCall(call) = model.node(model.parent(arguments)) else {
            return self.escape(read, "is handed on");
        };
        if LOOKERS.iter().any(|name| model.is_builtin(&call.func, name)) {
            return;
        }
        let function = model
            .function_of(&call.func)
            .or_else(|| model.method(model.class_named(&call.func)?, "__init__"));
        let parameter = function
            .filter(|function| is_plain(model, function))
            .and_then(|function| {
                let bound = model.class_of_method(function).is_some();
                let passed = model.arguments_by_parameter(call, function, bound)?;
                let (index, _) = passed.iter().find(|(_, value)| model.id(**value) == read)?;
                let parameter = function.parameters.iter_source_order().nth(*index)?;
                Some((function, parameter.as_parameter()))
            });
        match parameter {
            Some((function, parameter)) => self.enter(Slot::Name(model.body_scope(function), &parameter.name)),
            None => self.escape(read, "is handed on"),
        }
    }

    fn unknown_origin(&mut self, at: NodeId, what: &str) {
        if self.object.unknown_origin.is_none() {
            self.object.unknown_origin = Some(self.said(at, what));
        }
    }

    fn escape(&mut self, at: NodeId, what: &str) {
        if self.object.escape.is_none() {
            self.object.escape = Some(self.said(at, what));
        }
    }

    /// `` `queue` is returned in line 3 ``.
    fn said(&self, at: NodeId, what: &str) -> String {
        let node = self.model.node(at);
        let text = self.model.slice(node.range());
        let (line, _) = self.model.module().location(node.start());
        let shown = if text.contains('\n') || text.len() > 40 {
            "it"
        } else {
            text
        };
        if shown == text {
            format!("`{text}` {what} in line {line}")
        } else {
            format!("it {what} in line {line}")
        }
    }
}

/// Whether a call of a function runs it, with these arguments.
fn is_plain<'a>(model: &SemanticModel<'a>, function: &'a ast::StmtFunctionDef) -> bool {
    function.decorator_list.iter().all(|decorator| {
        model
            .qualified_name(&decorator.expression)
            .is_some_and(|name| name == "typing.override")
    })
}

/// All calls of a function, or of the class whose constructor it is; `None` when it is used in another way.
fn callers<'a>(model: &SemanticModel<'a>, function: &'a ast::StmtFunctionDef) -> Option<Vec<&'a ast::ExprCall>> {
    if !is_plain(model, function) {
        return None;
    }
    let references: Vec<NodeId> = match model.class_of_method(function) {
        Some(class) if function.name.as_str() == "__init__" => model
            .references_named(&class.name)
            .map(|reference| reference.node)
            // An annotation makes no instance.
            .filter(|id| model.is_callee(*id))
            .collect(),
        _ => model
            .uses_of_function(function)
            .iter()
            .map(|use_| use_.reference)
            .collect(),
    };
    references
        .into_iter()
        .map(|reference| match model.node(model.parent(reference)) {
            AnyNodeRef::ExprCall(call) if call.func.range() == model.node(reference).range() => Some(call),
            _ => None,
        })
        .collect()
}
