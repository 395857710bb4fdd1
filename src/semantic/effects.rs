//! What running a function reads and writes, as far as this module tells: the facts behind "these two may run at once".
//!
//! A summary is composed over calls. Whatever is not understood makes it `unknown` (nothing follows from it) or leaves a `doubt`
//! (only a property, an operator or a `__format__` of a class that is not known could make it false).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;
use rustc_hash::FxHashMap;

use super::names::Lookup;
use super::types::{Type, TypeOracle};
use super::{BindingKind, NodeId, ScopeId, ScopeKind, SemanticModel};
use crate::knowledge;
use crate::module::one_line;
use crate::settings::{Receiver, Settings};

/// A place in memory or in the outside world.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// A module-level variable.
    Global(String),
    /// A variable of an enclosing function.
    Free(ScopeId, String),
    /// An attribute of the instances of a class of this module.
    Attribute { class: String, name: String },
    /// The object behind a root.
    Content(Root),
    /// Something outside the process, or shared by it: a declared receiver, stdout, the log, the clock.
    External(&'static str, String),
}

/// Where an object comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Root {
    /// Made at this place of the code.
    Made(NodeId),
    /// Passed in as this parameter of the function looked at.
    Parameter(usize),
    Global(String),
    Free(ScopeId, String),
    Attribute {
        class: String,
        name: String,
    },
    /// It may be any object.
    Anything,
}

/// What running a function, or a piece of one, does.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub reads: BTreeSet<Location>,
    pub writes: BTreeSet<Location>,
    /// The first thing that is not understood; nothing can be concluded then.
    pub unknown: Option<String>,
    /// The first operation that is harmless unless a class that is not known defines it otherwise.
    pub doubt: Option<String>,
    /// It reaches an `await` of something that really waits.
    pub suspends: bool,
    /// It sets a context variable: lost when it runs in a task of its own.
    pub sets_context: bool,
    /// It asks which task it runs in.
    pub uses_task: bool,
    /// It leaves a task behind.
    pub spawns: bool,
    /// It uses something that only one task may use at a time: the name of it.
    pub exclusive: Option<String>,
    /// Objects of unknown class whose methods it calls, as written (`db`, `self.repo`).
    pub receivers: BTreeSet<String>,
    /// Parameters to which operators, f-strings or `str()` are applied: without effect only on builtin scalars.
    scalar_parameters: BTreeSet<usize>,
    /// Parameters that are iterated, indexed or measured: without effect only on builtin values.
    builtin_parameters: BTreeSet<usize>,
    /// Methods called on parameters.
    parameter_calls: BTreeSet<(usize, String)>,
}

impl Summary {
    fn give_up(&mut self, reason: impl Into<String>) {
        self.unknown.get_or_insert_with(|| reason.into());
    }

    fn doubt(&mut self, reason: impl Into<String>) {
        self.doubt.get_or_insert_with(|| reason.into());
    }

    fn merge_flags(&mut self, other: &Summary) {
        if let Some(reason) = &other.unknown {
            self.give_up(reason.clone());
        }
        if let Some(reason) = &other.doubt {
            self.doubt(reason.clone());
        }
        if self.exclusive.is_none() {
            self.exclusive.clone_from(&other.exclusive);
        }
        self.suspends |= other.suspends;
        self.sets_context |= other.sets_context;
        self.uses_task |= other.uses_task;
        self.spawns |= other.spawns;
        self.receivers.extend(other.receivers.iter().cloned());
    }

    /// The first location that `self` may write and `other` may read or write, in either direction.
    pub fn conflict<'s>(&'s self, other: &'s Summary) -> Option<&'s Location> {
        let hits = |writes: &'s BTreeSet<Location>, touched: &BTreeSet<Location>| {
            writes
                .iter()
                .find(|write| touched.iter().any(|touch| overlap(write, touch)))
        };
        hits(&self.writes, &other.writes)
            .or_else(|| hits(&self.writes, &other.reads))
            .or_else(|| hits(&other.writes, &self.reads))
    }

    /// Whether it may write something that other code can see.
    pub fn is_read_only(&self) -> bool {
        self.writes.is_empty()
    }
}

fn overlap(one: &Location, other: &Location) -> bool {
    match (one, other) {
        (Location::Content(Root::Anything), Location::Content(_))
        | (Location::Content(_), Location::Content(Root::Anything)) => true,
        _ => one == other,
    }
}

/// Summaries already made, by function.
#[derive(Default)]
pub struct Cache<'a> {
    done: RefCell<FxHashMap<NodeId, Rc<Summary>>>,
    open: RefCell<Vec<NodeId>>,
    marker: std::marker::PhantomData<&'a ()>,
}

impl<'a> SemanticModel<'a> {
    /// What running the body of a function does. Writes to its own locals do not count.
    pub fn effects_of(&self, function: &'a ast::StmtFunctionDef, settings: &Settings) -> Rc<Summary> {
        let id = self.id(function);
        if let Some(done) = self.effects.done.borrow().get(&id) {
            return done.clone();
        }
        if self.effects.open.borrow().contains(&id) {
            let mut summary = Summary::default();
            summary.give_up(format!("`{}` calls itself", function.name));
            return Rc::new(summary);
        }
        self.effects.open.borrow_mut().push(id);
        let mut walker = Walker::new(self, settings, Some(function));
        for stmt in &function.body {
            walker.walk(self.id(stmt));
        }
        let mut summary = walker.summary;
        if self.is_generator(function) {
            summary.give_up(format!("`{}` is a generator", function.name));
        }
        summary.reads.retain(is_visible_outside);
        summary.writes.retain(is_visible_outside);
        let summary = Rc::new(summary);
        self.effects.open.borrow_mut().pop();
        self.effects.done.borrow_mut().insert(id, summary.clone());
        summary
    }

    /// What evaluating and awaiting one call does, seen from the function that it stands in.
    pub fn effects_of_call(&self, call: &'a ast::ExprCall, settings: &Settings) -> Summary {
        let mut walker = Walker::new(self, settings, self.enclosing_function(self.id(call)));
        walker.walk(self.id(call));
        walker.settle();
        walker.summary
    }

    /// What evaluating one expression does.
    pub fn effects_of_expr(&self, expr: &'a Expr, settings: &Settings) -> Summary {
        let mut walker = Walker::new(self, settings, self.enclosing_function(self.id(expr)));
        walker.walk(self.id(expr));
        walker.settle();
        walker.summary
    }

    /// What the configuration declares about an object, by the way it is written or by its class.
    pub fn declared<'s>(&self, receiver: &Expr, settings: &'s Settings) -> Option<&'s Receiver> {
        if settings.receivers.is_empty() {
            return None;
        }
        let written = self.slice(receiver);
        let class = match self.type_of(receiver) {
            Type::Foreign(name) => Some(name),
            Type::Instance(class) => Some(class.name.to_string()),
            _ => None,
        };
        settings.receivers.iter().find(|declared| {
            let is_class = |class: &String| declared.name == *class || declared.name.rsplit('.').next() == Some(class);
            declared.name == written || class.as_ref().is_some_and(is_class)
        })
    }

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
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) => {
                roots.insert(Root::Anything);
            }
            _ if self.type_of(expr).is_scalar() => {}
            Expr::Call(call) => match self.type_of(expr) {
                Type::Container(_) | Type::Instance(_) => {
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
                BindingKind::AugAssignment | BindingKind::With(..) | BindingKind::Other => {
                    roots.insert(Root::Anything);
                }
            }
        }
    }

    /// The position of a parameter, in the order in which [`Summary`] counts them: as written, `*args` and `**kwargs` included.
    fn parameter_index(&self, scope: ScopeId, name: &str) -> Option<usize> {
        let ScopeKind::Function(function) = self.scope(scope).kind else {
            return None;
        };
        function
            .parameters
            .iter_source_order()
            .position(|parameter| parameter.name() == name)
    }
}

/// A function's own new objects are nobody else's, whatever it does to them.
fn is_visible_outside(location: &Location) -> bool {
    !matches!(location, Location::Content(Root::Made(_)))
}

/// Builtin functions that compute from builtin values and do nothing else.
const PURE_BUILTINS: &[&str] = &[
    "abs",
    "all",
    "any",
    "ascii",
    "bin",
    "bool",
    "bytes",
    "callable",
    "chr",
    "complex",
    "dict",
    "divmod",
    "enumerate",
    "float",
    "format",
    "frozenset",
    "hash",
    "hex",
    "id",
    "int",
    "isinstance",
    "issubclass",
    "len",
    "list",
    "max",
    "min",
    "oct",
    "ord",
    "pow",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "sorted",
    "str",
    "sum",
    "tuple",
    "type",
    "zip",
];

/// Functions of the standard library that compute from builtin values and do nothing else.
const PURE_FUNCTIONS: &[&str] = &[
    "json.dumps",
    "json.loads",
    "base64.b64encode",
    "base64.b64decode",
    "copy.copy",
    "copy.deepcopy",
    "datetime.timedelta",
    "decimal.Decimal",
    "os.path.join",
    "os.path.basename",
    "os.path.dirname",
    "urllib.parse.quote",
    "urllib.parse.urlencode",
    "urllib.parse.urljoin",
    "urllib.parse.urlparse",
    "uuid.UUID",
    "typing.cast",
];

/// Methods of builtin containers that change them.
const MUTATORS: &[&str] = &[
    "add",
    "append",
    "appendleft",
    "clear",
    "difference_update",
    "discard",
    "extend",
    "insert",
    "intersection_update",
    "pop",
    "popitem",
    "popleft",
    "remove",
    "reverse",
    "rotate",
    "setdefault",
    "sort",
    "symmetric_difference_update",
    "update",
    "__setitem__",
    "__delitem__",
];

const BUILTIN_EXCEPTIONS: &[&str] = &[
    "Exception",
    "BaseException",
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BufferError",
    "ConnectionError",
    "EOFError",
    "FileNotFoundError",
    "IndexError",
    "KeyError",
    "LookupError",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PermissionError",
    "RuntimeError",
    "StopAsyncIteration",
    "StopIteration",
    "TimeoutError",
    "TypeError",
    "UnicodeError",
    "ValueError",
    "ZeroDivisionError",
];

struct Walker<'m, 'a> {
    model: &'m SemanticModel<'a>,
    settings: &'m Settings,
    /// The function whose code is walked; its parameters are `Root::Parameter`.
    function: Option<NodeId>,
    summary: Summary,
}

impl<'m, 'a> Walker<'m, 'a> {
    fn new(model: &'m SemanticModel<'a>, settings: &'m Settings, function: Option<&'a ast::StmtFunctionDef>) -> Self {
        Self {
            model,
            settings,
            function: function.map(|function| model.id(function)),
            summary: Summary::default(),
        }
    }

    /// Closes a summary that nobody composes further: what depends on the class of a parameter is not known then.
    fn settle(&mut self) {
        let AnyNodeRef::StmtFunctionDef(function) = self
            .function
            .map_or(self.model.node(NodeId(0)), |id| self.model.node(id))
        else {
            return;
        };
        let name_of = |index: usize| {
            let parameter = function.parameters.iter_source_order().nth(index);
            parameter.map_or_else(String::new, |parameter| parameter.name().to_string())
        };
        for (index, method) in std::mem::take(&mut self.summary.parameter_calls) {
            self.unknown_receiver(&name_of(index), &method);
        }
        let scalar = std::mem::take(&mut self.summary.scalar_parameters);
        let builtin = std::mem::take(&mut self.summary.builtin_parameters);
        if let Some(index) = scalar.into_iter().chain(builtin).next() {
            self.summary
                .doubt(format!("the class of `{}` is not known", name_of(index)));
        }
    }

    /// Adds what the nodes of a subtree do, bodies of nested definitions aside.
    fn walk(&mut self, root: NodeId) {
        let model = self.model;
        let mut skip_until = root;
        for (id, node) in model.subtree(root) {
            if id < skip_until {
                continue;
            }
            match node {
                AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::StmtClassDef(_) | AnyNodeRef::ExprLambda(_) => {
                    // Defining is without effect (decorators and defaults are taken to be); calling is seen where it happens.
                    skip_until = model.subtree(id).last().map_or(id, |(last, _)| NodeId(last.0 + 1));
                }
                _ => self.node(id, node),
            }
        }
    }

    fn node(&mut self, id: NodeId, node: AnyNodeRef<'a>) {
        match node {
            AnyNodeRef::ExprName(name) => self.name(name),
            AnyNodeRef::ExprAttribute(attribute) => self.attribute(attribute),
            AnyNodeRef::ExprSubscript(subscript) => {
                if subscript.ctx.is_load() {
                    self.needs_builtin(&subscript.value);
                    self.touch(&subscript.value, false);
                } else {
                    self.touch(&subscript.value, true);
                    self.needs_builtin(&subscript.value);
                }
            }
            AnyNodeRef::ExprBinOp(inner) => {
                self.needs_scalar(&inner.left, "an operator");
                self.needs_scalar(&inner.right, "an operator");
            }
            AnyNodeRef::ExprUnaryOp(inner) if inner.op != ast::UnaryOp::Not => {
                self.needs_scalar(&inner.operand, "an operator")
            }
            AnyNodeRef::ExprCompare(inner) => self.comparison(inner),
            AnyNodeRef::StmtAugAssign(inner) => {
                self.needs_scalar(&inner.target, "an operator");
                self.needs_scalar(&inner.value, "an operator");
                self.touch(&inner.target, true);
            }
            AnyNodeRef::InterpolatedElement(inner) => self.needs_scalar(&inner.expression, "a format"),
            AnyNodeRef::StmtFor(inner) if inner.is_async => self.summary.give_up("it iterates asynchronously"),
            AnyNodeRef::StmtFor(inner) => self.iterated(&inner.iter),
            AnyNodeRef::Comprehension(inner) if inner.is_async => self.summary.give_up("it iterates asynchronously"),
            AnyNodeRef::Comprehension(inner) => self.iterated(&inner.iter),
            AnyNodeRef::StmtWith(inner) => {
                for item in &inner.items {
                    self.manager(&item.context_expr);
                }
            }
            AnyNodeRef::ExprAwait(inner) if !inner.value.is_call_expr() => {
                self.summary
                    .give_up(format!("it awaits `{}`", one_line(self.model.slice(&*inner.value))));
            }
            AnyNodeRef::ExprCall(call) => self.call(id, call),
            AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_) => self.summary.give_up("it yields"),
            AnyNodeRef::StmtImport(_) | AnyNodeRef::StmtImportFrom(_) => {
                self.summary.give_up("it imports a module when it runs")
            }
            _ => {}
        }
    }

    fn name(&mut self, name: &'a ast::ExprName) {
        let model = self.model;
        let scope = model.scope_of(model.id(name));
        let owner = match model.lookup(&name.id, scope) {
            Lookup::Scope(owner) => owner,
            Lookup::Unknown => return self.summary.doubt(format!("`{}` comes from a star import", name.id)),
            Lookup::Builtin => {
                if !ruff_python_stdlib::builtins::is_python_builtin(&name.id, 14, false) {
                    self.summary.reads.insert(Location::Global(name.id.to_string()));
                }
                return;
            }
        };
        let location = if owner == ScopeId::MODULE {
            if self.is_constant(&name.id) {
                return;
            }
            Location::Global(name.id.to_string())
        } else if model.function_of_scope(owner).map(|function| model.id(function)) == self.function {
            return;
        } else if matches!(model.scope(owner).kind, ScopeKind::Class(_)) {
            return self.summary.give_up(format!("`{}` is a name of a class body", name.id));
        } else {
            Location::Free(owner, name.id.to_string())
        };
        if name.ctx.is_load() {
            self.summary.reads.insert(location);
        } else {
            self.summary.writes.insert(location);
        }
    }

    /// A module-level name that is bound once, and by a definition or an import: nothing can change what it stands for.
    fn is_constant(&self, name: &str) -> bool {
        self.model.sole_binding(name, ScopeId::MODULE).is_some_and(|binding| {
            matches!(
                binding.kind,
                BindingKind::Function(_) | BindingKind::Class(_) | BindingKind::Import(_) | BindingKind::FromImport(..)
            ) || self.model.type_of_binding(binding).is_scalar()
        })
    }

    fn attribute(&mut self, attribute: &'a ast::ExprAttribute) {
        let model = self.model;
        if model.imported_root(&attribute.value)
            || matches!(model.node(model.parent(model.id(attribute))), AnyNodeRef::ExprCall(call) if call.func.range() == attribute.range())
        {
            // A module's member, or a method: looked at where it is called.
            return;
        }
        match model.type_of(&attribute.value) {
            Type::Scalar(_) => {}
            Type::Instance(class) if model.is_plain_attribute(class, &attribute.attr) => {
                let location = Location::Attribute {
                    class: class.name.to_string(),
                    name: attribute.attr.to_string(),
                };
                if attribute.ctx.is_load() {
                    self.summary.reads.insert(location);
                } else {
                    self.summary.writes.insert(location);
                }
            }
            _ => {
                self.summary.doubt(format!(
                    "`{}` may run code of its own when it is read",
                    one_line(model.slice(attribute))
                ));
                self.touch(&attribute.value, !attribute.ctx.is_load());
            }
        }
    }

    /// Reads or writes the objects that an expression may stand for.
    fn touch(&mut self, expr: &Expr, write: bool) {
        if self.model.type_of(expr).is_scalar() {
            return;
        }
        for root in self.model.roots(expr) {
            if write {
                self.summary.writes.insert(Location::Content(root));
            } else {
                self.summary.reads.insert(Location::Content(root));
            }
        }
    }

    fn own_parameter(&self, expr: &Expr) -> Option<usize> {
        let Expr::Name(name) = expr else { return None };
        let scope = self.model.scope_of(self.model.id(name));
        let binding = self.model.sole_binding(&name.id, scope)?;
        let function = self.model.function_of_scope(binding.scope)?;
        if !matches!(binding.kind, BindingKind::Parameter(_)) || Some(self.model.id(function)) != self.function {
            return None;
        }
        self.model.parameter_index(binding.scope, &name.id)
    }

    fn needs_scalar(&mut self, expr: &Expr, operation: &str) {
        if self.model.type_of(expr).is_scalar() {
            return;
        }
        match self.own_parameter(expr) {
            Some(index) => {
                self.summary.scalar_parameters.insert(index);
            }
            None => self.summary.doubt(format!(
                "{operation} is applied to `{}`, whose class is not known",
                one_line(self.model.slice(expr))
            )),
        }
    }

    fn needs_builtin(&mut self, expr: &Expr) {
        match self.model.type_of(expr) {
            Type::Scalar(_) | Type::Container(_) => {}
            _ => match self.own_parameter(expr) {
                Some(index) => {
                    self.summary.builtin_parameters.insert(index);
                }
                None => self.summary.doubt(format!(
                    "the class of `{}` is not known",
                    one_line(self.model.slice(expr))
                )),
            },
        }
    }

    fn comparison(&mut self, compare: &'a ast::ExprCompare) {
        for (index, op) in compare.ops.iter().enumerate() {
            let right = &compare.comparators[index];
            let left = if index == 0 {
                &*compare.left
            } else {
                &compare.comparators[index - 1]
            };
            match op {
                ast::CmpOp::Is | ast::CmpOp::IsNot => {}
                ast::CmpOp::In | ast::CmpOp::NotIn => {
                    self.needs_scalar(left, "a comparison");
                    self.needs_builtin(right);
                    self.touch(right, false);
                }
                _ => {
                    self.needs_scalar(left, "a comparison");
                    self.needs_scalar(right, "a comparison");
                }
            }
        }
    }

    fn iterated(&mut self, iterable: &Expr) {
        self.needs_builtin(iterable);
        self.touch(iterable, false);
    }

    fn manager(&mut self, manager: &'a Expr) {
        let model = self.model;
        if let Expr::Call(call) = manager
            && model
                .qualified_name(&call.func)
                .is_some_and(|name| name == "asyncio.timeout")
        {
            return;
        }
        match model.type_of(manager) {
            Type::Foreign(name) if is_lock(&name) => {
                self.summary
                    .writes
                    .insert(Location::External("lock", model.slice(manager).to_owned()));
                self.summary.suspends = true;
            }
            _ => self
                .summary
                .give_up(format!("it enters `{}`", one_line(model.slice(manager)))),
        }
    }

    fn call(&mut self, id: NodeId, call: &'a ast::ExprCall) {
        let model = self.model;
        let awaited = self.is_awaited(id);
        if let Some(receiver) = self.declared_receiver(&call.func) {
            return self.receiver_call(call, &receiver);
        }
        if let Some(function) = model.function_of(&call.func) {
            return self.function_call(call, function, awaited);
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
            return self.library_call(call, &name);
        }
        if let Expr::Attribute(method) = &*call.func {
            return self.method_call(call, method);
        }
        self.summary
            .give_up(format!("`{}` is not known here", one_line(model.slice(&*call.func))));
    }

    /// Whether a coroutine made by this call is awaited in the same expression: by `await`, or by a function that awaits its arguments.
    fn is_awaited(&self, id: NodeId) -> bool {
        let model = self.model;
        let parent = model.parent(id);
        match model.node(parent) {
            AnyNodeRef::ExprAwait(_) => true,
            AnyNodeRef::Arguments(_) => match model.node(model.parent(parent)) {
                AnyNodeRef::ExprCall(outer) => model
                    .qualified_name(&outer.func)
                    .is_some_and(|name| matches!(&*name, "asyncio.gather" | "asyncio.wait_for" | "asyncio.shield")),
                _ => false,
            },
            _ => false,
        }
    }

    fn declared_receiver(&self, callee: &Expr) -> Option<(Receiver, String)> {
        let Expr::Attribute(method) = callee else { return None };
        let declared = self.model.declared(&method.value, self.settings)?;
        Some((declared.clone(), method.attr.to_string()))
    }

    fn receiver_call(&mut self, call: &'a ast::ExprCall, (receiver, method): &(Receiver, String)) {
        let location = Location::External("receiver", receiver.name.clone());
        self.summary.suspends = true;
        if !receiver.shareable {
            self.summary.exclusive.get_or_insert_with(|| receiver.name.clone());
        }
        if receiver.reads.contains(method) {
            self.summary.reads.insert(location);
        } else if receiver.writes.contains(method) {
            self.summary.writes.insert(location);
        } else {
            self.summary.give_up(format!(
                "`{}.{method}` is not among the declared methods",
                receiver.name
            ));
        }
        self.arguments_are_read(call);
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
        match model.method(class, "__init__") {
            Some(init) => self.compose(call, init, 1),
            None if !has_constructor && model.bases(class).is_empty() && class.decorator_list.is_empty() => {
                self.arguments_are_read(call)
            }
            None => self
                .summary
                .give_up(format!("making a `{}` is not understood", class.name)),
        }
    }

    fn library_call(&mut self, call: &'a ast::ExprCall, name: &str) {
        match name {
            "asyncio.sleep" => self.summary.suspends = true,
            "asyncio.gather" | "asyncio.wait_for" | "asyncio.shield" | "asyncio.timeout" => {}
            "asyncio.current_task" | "asyncio.all_tasks" | "asyncio.Task.current_task" => self.summary.uses_task = true,
            "asyncio.create_task" | "asyncio.ensure_future" => {
                self.summary.spawns = true;
                self.summary.give_up("it starts a task of its own");
            }
            _ if PURE_FUNCTIONS.contains(&name) || name.starts_with("math.") || name.starts_with("re.") => {
                self.arguments_are_read(call)
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
                self.summary.give_up(format!("`{name}` is not known here"));
            }
        }
    }

    fn method_call(&mut self, call: &'a ast::ExprCall, method: &'a ast::ExprAttribute) {
        let name = method.attr.as_str();
        match self.model.type_of(&method.value) {
            Type::Scalar(_) => self.arguments_are_read(call),
            Type::Container(_) => {
                self.touch(&method.value, MUTATORS.contains(&name));
                self.arguments_are_read(call);
            }
            Type::Foreign(class) => self.foreign_method(call, method, &class),
            _ => match self.own_parameter(&method.value) {
                Some(index) => {
                    self.summary.parameter_calls.insert((index, name.to_owned()));
                    self.arguments_are_read(call);
                }
                None => self.unknown_method(method),
            },
        }
    }

    fn foreign_method(&mut self, call: &'a ast::ExprCall, method: &'a ast::ExprAttribute, class: &str) {
        let name = method.attr.as_str();
        let written = self.model.slice(&*method.value);
        if class == "contextvars.ContextVar" {
            if name == "get" {
                self.summary
                    .reads
                    .insert(Location::External("context", written.to_owned()));
            } else {
                self.summary.sets_context = true;
            }
            return;
        }
        if class.starts_with("logging.") {
            self.summary.doubt("it writes to the log");
            return;
        }
        if is_lock(class) {
            self.summary
                .writes
                .insert(Location::External("lock", written.to_owned()));
            self.summary.suspends = true;
            return;
        }
        let Some(facts) = knowledge::class_facts(class) else {
            return self.unknown_method(method);
        };
        self.summary.suspends = true;
        let location = Location::External("receiver", written.to_owned());
        if !facts.shareable {
            let class = class.rsplit('.').next().unwrap_or(class);
            self.summary
                .exclusive
                .get_or_insert_with(|| format!("{written}: {class}"));
        }
        if facts.reads.iter().any(|read| read == name) {
            self.summary.reads.insert(location);
            self.summary
                .doubt(format!("`{written}`, a {class}, reads from outside the program"));
        } else {
            self.summary.writes.insert(location);
        }
        self.arguments_are_read(call);
    }

    fn unknown_method(&mut self, method: &'a ast::ExprAttribute) {
        self.unknown_receiver(self.model.slice(&*method.value), &method.attr);
    }

    fn unknown_receiver(&mut self, receiver: &str, method: &str) {
        if is_logger(receiver) {
            return self.summary.doubt("it writes to the log");
        }
        self.summary.suspends = true;
        self.summary.receivers.insert(receiver.to_owned());
        if receiver.split('.').any(knowledge::is_exclusive_name) {
            self.summary.exclusive.get_or_insert_with(|| receiver.to_owned());
        }
        self.summary
            .give_up(format!("`{}.{method}` is not known here", one_line(receiver)));
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
        let is_static = function
            .decorator_list
            .iter()
            .any(|decorator| model.is_builtin(&decorator.expression, "staticmethod"));
        let is_method = call.func.is_attribute_expr() && model.class_of_method(function).is_some() && !is_static;
        self.compose(call, function, usize::from(is_method));
    }

    /// Adds a callee's summary with its parameters replaced by the arguments. `skip` parameters are bound by the call itself (`self`).
    fn compose(&mut self, call: &'a ast::ExprCall, function: &'a ast::StmtFunctionDef, skip: usize) {
        let callee = self.model.effects_of(function, self.settings);
        self.summary.merge_flags(&callee);
        let Some(arguments) = bind_arguments(call, function, skip) else {
            return self
                .summary
                .give_up(format!("the arguments of `{}` are spread", function.name));
        };
        for (locations, write) in [(&callee.reads, false), (&callee.writes, true)] {
            for location in locations {
                match location {
                    Location::Content(Root::Parameter(index)) => match arguments.get(index) {
                        Some(argument) => self.touch(argument, write),
                        None if *index < skip => {}
                        None => self.default_is_touched(function, *index, write),
                    },
                    other => self.insert(other.clone(), write),
                }
            }
        }
        for index in &callee.scalar_parameters {
            if let Some(argument) = arguments.get(index) {
                self.needs_scalar(argument, "an operator");
            }
        }
        for index in &callee.builtin_parameters {
            if let Some(argument) = arguments.get(index) {
                self.needs_builtin(argument);
            }
        }
        for (index, method) in &callee.parameter_calls {
            if let Some(argument) = arguments.get(index) {
                self.argument_method(argument, method, function);
            }
        }
    }

    fn insert(&mut self, location: Location, write: bool) {
        if write {
            self.summary.writes.insert(location);
        } else {
            self.summary.reads.insert(location);
        }
    }

    /// A default value lives as long as the function: writing to it is visible to the next call.
    fn default_is_touched(&mut self, function: &'a ast::StmtFunctionDef, index: usize, write: bool) {
        if write {
            self.summary
                .writes
                .insert(Location::Global(format!("{}:{index}", function.name)));
        }
    }

    fn argument_method(&mut self, argument: &'a Expr, method: &str, function: &'a ast::StmtFunctionDef) {
        match self.model.type_of(argument) {
            Type::Scalar(_) => {}
            Type::Container(_) => self.touch(argument, MUTATORS.contains(&method)),
            _ => match self.own_parameter(argument) {
                Some(index) => {
                    self.summary.parameter_calls.insert((index, method.to_owned()));
                }
                None => {
                    let written = self.model.slice(argument);
                    self.summary.receivers.insert(written.to_owned());
                    self.summary.suspends = true;
                    if written.split('.').any(knowledge::is_exclusive_name) {
                        self.summary.exclusive.get_or_insert_with(|| written.to_owned());
                    }
                    self.summary.give_up(format!(
                        "`{}` calls `.{method}` on `{}`, whose class is not known",
                        function.name,
                        one_line(written)
                    ));
                }
            },
        }
    }
}

/// Which expression each parameter gets, by its position; `None` for calls with `*` or `**`, or to functions that take them.
fn bind_arguments<'a>(
    call: &'a ast::ExprCall,
    function: &'a ast::StmtFunctionDef,
    skip: usize,
) -> Option<BTreeMap<usize, &'a Expr>> {
    let parameters: Vec<_> = function.parameters.iter_source_order().collect();
    if function.parameters.vararg.is_some() || function.parameters.kwarg.is_some() {
        return None;
    }
    let mut bound = BTreeMap::new();
    for (index, argument) in call.arguments.args.iter().enumerate() {
        if argument.is_starred_expr() {
            return None;
        }
        bound.insert(index + skip, argument);
    }
    for keyword in &call.arguments.keywords {
        let name = keyword.arg.as_ref()?;
        let index = parameters.iter().position(|parameter| parameter.name() == name)?;
        bound.insert(index, &keyword.value);
    }
    Some(bound)
}

fn is_lock(class: &str) -> bool {
    matches!(
        class,
        "asyncio.Lock"
            | "asyncio.Semaphore"
            | "asyncio.BoundedSemaphore"
            | "asyncio.Condition"
            | "asyncio.Event"
            | "asyncio.Queue"
    )
}

fn is_logger(receiver: &str) -> bool {
    let last = receiver.rsplit('.').next().unwrap_or(receiver).trim_start_matches('_');
    matches!(last.to_lowercase().as_str(), "log" | "logger" | "logging")
}
