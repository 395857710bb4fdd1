//! State that belongs to the time between two statements: what a function puts somewhere before a wait, for what it does behind it.
//!
//! `self.stack.append(x)` ... `self.stack.pop()`, `port.set_mode(m)` ... `port.read()`: as long as nothing waits in between, each call of the function
//! finds what it has left. With a wait there, it finds what another one has left. And what is read on both sides may have been changed in
//! between by whoever changes it at all.
//!
//! Objects are told apart by how they are written, functions of the module are followed a few calls deep.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use super::effects::MUTATORS;
use super::names::{Lookup, is_standard, plain_name};
use super::place::{blocks, leaves_block};
use super::types::{Type, TypeOracle};
use super::{BindingKind, NodeId, ScopeId, SemanticModel};

/// Functions that call functions: what lies deeper is not looked for.
const MAX_STEPS: usize = 3;

/// Mutators that add to a container without asking what is in it.
const INSERTERS: &[&str] = &[
    "add",
    "append",
    "appendleft",
    "extend",
    "insert",
    "setdefault",
    "update",
    "__setitem__",
];

/// Mutators that take out what they are given.
const BY_KEY: &[&str] = &["difference_update", "discard", "pop", "remove", "__delitem__"];

/// Methods that ask a container for what is stored under a key.
const LOOKUPS: &[&str] = &["get", "__contains__", "__getitem__"];

/// What methods begin with that put an object of unknown class into a state in which it is then used.
const SETTERS: &[&str] = &[
    "activate",
    "assign",
    "change",
    "choose",
    "configure",
    "goto",
    "login",
    "move",
    "navigate",
    "push",
    "seed",
    "select",
    "set",
    "switch",
    "use",
];

/// Functions in which objects are made, before anybody else has them.
const MAKERS: &[&str] = &[
    "__init__",
    "__new__",
    "__post_init__",
    "__set_name__",
    "setUp",
    "setup_method",
];

/// What other calls find between two steps of a function, once it waits there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interim {
    /// It is put there before, and used or taken back behind.
    Left(String),
    /// It is set before and set anew behind, and others ask for it: as written, and a line that asks.
    Shown(String, NodeId),
    /// An object of unknown class is set to something before, and used behind.
    State(String),
    /// Elements that are computed as they are asked for: before they were, others have run.
    Lazy(String),
}

/// What a step does with a place that others can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    /// What is stored under one key.
    Lookup,
    Set,
    /// To a literal.
    Reset,
    /// `x += n`
    Add,
    Insert,
    Take,
    /// What is stored under one key, or equal to something.
    TakeKey,
    Clear,
}

struct Touch {
    /// Where it happens in the function that is looked at.
    at: NodeId,
    /// As that function would write it.
    place: String,
    kind: Kind,
    /// Whether a function that is called does it.
    is_called: bool,
}

impl<'a> SemanticModel<'a> {
    /// What the enclosing function leaves before a node for what it does behind it, where others may find it or change it if it waits there.
    pub fn interim(&self, at: NodeId) -> Option<Interim> {
        let function = self.enclosing_function(at)?;
        let look = Look {
            model: self,
            function,
            at,
            point: self.node(at).range(),
        };
        look.left().or_else(|| look.state()).or_else(|| look.lazy())
    }

    /// The names and attributes that others can see and that the enclosing function reads both before a node and behind it, where it does not wait
    /// in between anyhow: the first read of each.
    pub fn read_on_both_sides(&self, at: NodeId) -> Vec<NodeId> {
        let Some(function) = self.enclosing_function(at) else {
            return Vec::new();
        };
        let look = Look {
            model: self,
            function,
            at,
            point: self.node(at).range(),
        };
        look.read_again()
    }

    /// Where the module changes what is read here, outside of the function that reads it and of those that make objects.
    pub fn changed_elsewhere(&self, read: NodeId) -> Option<NodeId> {
        let own = self.id(self.enclosing_function(read)?);
        let is_elsewhere = |id: &NodeId| {
            let runs_it = self.enclosing_function(*id);
            runs_it.is_some_and(|other| !self.contains(own, *id) && !MAKERS.contains(&other.name.as_str()))
        };
        match self.node(read) {
            AnyNodeRef::ExprAttribute(attribute) => {
                let stores = self.stores_of(&attribute.attr).map(|store| self.id(store));
                let changed = self.loads_of(&attribute.attr).map(|(id, _)| id);
                let changed = changed.filter(|id| self.change_of(*id).is_some());
                stores.chain(changed).find(is_elsewhere)
            }
            AnyNodeRef::ExprName(name) => {
                let Lookup::Scope(owner) = self.lookup(&name.id, self.scope_of(read)) else {
                    return None;
                };
                let is_inside = |id: &NodeId| self.body_scope_around(*id) != Some(owner);
                let bound = self.bindings_in(owner, &name.id).map(|binding| binding.node);
                let changed = self.references_to(owner, &name.id).map(|reference| reference.node);
                let changed = changed.filter(|id| self.change_of(*id).is_some());
                bound.filter(is_inside).chain(changed).find(is_elsewhere)
            }
            _ => None,
        }
    }

    /// What a function changes that outlives its call, as written, its own object aside where `is_fresh` says that nobody else has that.
    pub fn leaves_behind(&self, function: &'a ast::StmtFunctionDef, is_fresh: bool) -> Option<String> {
        let is_method = self.class_of_method(function).is_some();
        let own = function.parameters.iter_source_order().next().filter(|_| is_method);
        let is_own = |place: &str| {
            own.is_some_and(|own| {
                place
                    .strip_prefix(own.name().as_str())
                    .is_some_and(|rest| rest.starts_with('.'))
            })
        };
        let mut changes = Touches::of(self, function).changes().into_iter();
        let changed = changes.find(|change| !(is_fresh && is_own(&change.place)));
        changed.map(|touch| touch.place)
    }

    fn body_scope_around(&self, id: NodeId) -> Option<ScopeId> {
        self.enclosing_function(id).map(|function| self.body_scope(function))
    }
}

struct Look<'m, 'a> {
    model: &'m SemanticModel<'a>,
    function: &'a ast::StmtFunctionDef,
    at: NodeId,
    point: TextRange,
}

impl<'a> Look<'_, 'a> {
    fn left(&self) -> Option<Interim> {
        let model = self.model;
        let whole = Touches::of(model, self.function);
        // Most functions change nothing before they wait: what they read need not be known then.
        let changes = whole.changes();
        if !changes.iter().any(|change| self.leads_to_point(change.at)) {
            return None;
        }
        let touches = whole.all();
        let (before, behind): (Vec<&Touch>, Vec<&Touch>) = {
            let before = touches.iter().filter(|touch| {
                touch.kind != Kind::Read && touch.kind != Kind::Lookup && self.leads_to_point(touch.at)
            });
            let behind = touches.iter().filter(|touch| self.follows_point(touch.at));
            (before.collect(), behind.collect())
        };
        if before.is_empty() || behind.is_empty() {
            return None;
        }
        before.iter().find_map(|first| {
            behind.iter().find_map(|last| {
                if first.place != last.place || first.at == last.at || !model.is_atomic(self.at, first.at, last.at) {
                    return None;
                }
                let is_left = match (first.kind, last.kind) {
                    (Kind::Insert | Kind::Take | Kind::TakeKey, Kind::Take | Kind::Read)
                    | (Kind::Add, Kind::Read)
                    | (Kind::Take, Kind::Insert) => true,
                    // What is set here and read here is asked for elsewhere.
                    (Kind::Set, Kind::Read) => first.is_called || last.is_called || first.kind == Kind::Set,
                    _ => false,
                };
                if is_left {
                    return Some(Interim::Left(first.place.clone()));
                }
                let is_shown = matches!(
                    (first.kind, last.kind),
                    (Kind::Set | Kind::Reset, Kind::Set | Kind::Reset)
                );
                let asked = is_shown.then(|| self.asked_for(&first.place))??;
                Some(Interim::Shown(first.place.clone(), asked))
            })
        })
    }

    /// Where another function of the module tests what a place holds. The function itself may keep others out by it.
    fn asked_for(&self, place: &str) -> Option<NodeId> {
        let model = self.model;
        let (_, name) = place.rsplit_once('.').unwrap_or(("", place));
        let own = model.id(self.function);
        let is_asked = |id: &NodeId| {
            if model.contains(own, *id) {
                return false;
            }
            let mut at = *id;
            loop {
                let parent = model.parent(at);
                match model.node(parent) {
                    AnyNodeRef::StmtIf(stmt) => return stmt.test.range().contains_range(model.node(at).range()),
                    AnyNodeRef::ElifElseClause(_) | AnyNodeRef::StmtWhile(_) | AnyNodeRef::StmtAssert(_) => {
                        return true;
                    }
                    AnyNodeRef::ExprIf(inner) => return inner.test.range().contains_range(model.node(at).range()),
                    AnyNodeRef::StmtReturn(_) => return true,
                    AnyNodeRef::ExprBoolOp(_) | AnyNodeRef::ExprUnaryOp(_) | AnyNodeRef::ExprCompare(_) => at = parent,
                    _ => return false,
                }
            }
        };
        if place.contains('.') {
            return model.loads_of(name).map(|(id, _)| id).find(is_asked);
        }
        model
            .references_named(name)
            .map(|reference| reference.node)
            .find(is_asked)
    }

    /// `port.set_mode(m)` before, and another method of the same object behind, where the class is not seen. So with the functions of a module
    /// that is none of the standard library.
    fn state(&self) -> Option<Interim> {
        let model = self.model;
        let set: Vec<(NodeId, String)> = self
            .nodes()
            .filter(|(id, _)| self.leads_to_point(*id))
            .filter_map(|(id, node)| Some((id, self.set_object(id, node)?)))
            .collect();
        if set.is_empty() {
            return None;
        }
        let used: Vec<(NodeId, String)> = self
            .nodes()
            .filter(|(id, _)| self.follows_point(*id))
            .filter_map(|(id, node)| match node {
                AnyNodeRef::ExprAttribute(member) if member.ctx.is_load() => {
                    Some((id, model.slice(&*member.value).to_owned()))
                }
                AnyNodeRef::ExprName(_) if model.is_callee(id) => {
                    let AnyNodeRef::ExprCall(call) = model.node(model.parent(id)) else {
                        return None;
                    };
                    Some((id, self.module_of(&call.func)?))
                }
                _ => None,
            })
            .collect();
        set.into_iter().find_map(|(first, object)| {
            let is_used = |(last, other): &(NodeId, String)| *other == object && model.is_atomic(self.at, first, *last);
            used.iter().any(is_used).then_some(Interim::State(object))
        })
    }

    /// The object that is put into some state here by what the function is given or has found out.
    fn set_object(&self, id: NodeId, node: AnyNodeRef<'a>) -> Option<String> {
        let model = self.model;
        match node {
            AnyNodeRef::ExprCall(call) => {
                let name = plain_name(&call.func)?.trim_start_matches('_');
                let word = name
                    .split(|part: char| part == '_' || part.is_ascii_uppercase())
                    .next()?;
                let is_constant = call
                    .arguments
                    .iter_source_order()
                    .all(|argument| argument.value().is_literal_expr());
                if is_constant
                    || name == "set"
                    || !SETTERS.contains(&word)
                    || !model.node(model.parent(id)).is_stmt_expr()
                    || model.function_of(&call.func).is_some()
                {
                    return None;
                }
                match &*call.func {
                    Expr::Attribute(method) if self.is_object(&method.value) => {
                        Some(model.slice(&*method.value).to_owned())
                    }
                    callee => self.module_of(callee),
                }
            }
            AnyNodeRef::StmtAssign(stmt) => {
                let [Expr::Attribute(target)] = stmt.targets.as_slice() else {
                    return None;
                };
                let scope = model.body_scope(self.function);
                let is_of_call = model
                    .references_in(model.id(&*stmt.value))
                    .iter()
                    .any(|reference| model.lookup(&reference.name.id, reference.scope) == Lookup::Scope(scope));
                (is_of_call && self.is_object(&target.value)).then(|| model.slice(&*target.value).to_owned())
            }
            _ => None,
        }
    }

    /// Whether an expression is an object that others may have, and not the one whose method this is.
    fn is_object(&self, object: &Expr) -> bool {
        let model = self.model;
        let is_shared = model.is_shared_place(object, self.function) && !model.imported_root(object);
        !self.is_own(object)
            && (is_shared || self.is_given(object))
            && matches!(
                model.type_of(object),
                Type::Unknown | Type::Foreign(_) | Type::Instance(_)
            )
    }

    /// The module of a function that is imported, none of the standard library.
    fn module_of(&self, callee: &Expr) -> Option<String> {
        let name = self.model.qualified_name(callee)?;
        let (module, _) = name.rsplit_once('.')?;
        match callee {
            Expr::Attribute(method) => Some(self.model.slice(&*method.value).to_owned()),
            _ => Some(module.to_owned()),
        }
        .filter(|_| !is_standard(&name))
    }

    /// Whether an object is given to the function, under a name that it keeps.
    fn is_given(&self, object: &Expr) -> bool {
        let Expr::Name(name) = object else { return false };
        let scope = self.model.body_scope(self.function);
        matches!(
            self.model.sole_binding(&name.id, scope).map(|binding| binding.kind),
            Some(BindingKind::Parameter(_))
        ) && !self.is_own(object)
    }

    /// `rows = map(f, xs)` before, `list(rows)` behind.
    fn lazy(&self) -> Option<Interim> {
        let model = self.model;
        let scope = model.body_scope(self.function);
        self.nodes().find_map(|(id, node)| {
            let AnyNodeRef::StmtAssign(stmt) = node else {
                return None;
            };
            let [Expr::Name(name)] = stmt.targets.as_slice() else {
                return None;
            };
            let is_lazy = match &*stmt.value {
                Expr::Generator(_) => true,
                Expr::Call(call) => {
                    let is_computing = model.is_builtin(&call.func, "map") || model.is_builtin(&call.func, "filter");
                    let computes = call.arguments.args.first();
                    is_computing && computes.is_some_and(|function| model.builtin(function).is_none())
                }
                _ => false,
            };
            if !is_lazy || !self.leads_to_point(id) {
                return None;
            }
            let reads_others = model.references_in(model.id(&*stmt.value)).iter().any(|reference| {
                match model.lookup(&reference.name.id, reference.scope) {
                    Lookup::Scope(ScopeId::MODULE) => {
                        !model.resolve(&reference.name.id, reference.scope).all(|binding| {
                            matches!(
                                binding.kind,
                                BindingKind::Class(_) | BindingKind::Import(_) | BindingKind::FromImport(..)
                            )
                        })
                    }
                    Lookup::Builtin => false,
                    _ => true,
                }
            });
            let mut uses = model.references_to(scope, &name.id);
            let is_used = uses.any(|used| self.follows_point(used.node) && model.is_atomic(self.at, id, used.node));
            (reads_others && is_used).then(|| Interim::Lazy(name.id.to_string()))
        })
    }

    fn read_again(&self) -> Vec<NodeId> {
        let model = self.model;
        let reads: Vec<(NodeId, &'a str)> = self
            .nodes()
            .filter(|(id, node)| self.is_read(*id, *node))
            .map(|(id, node)| (id, model.slice(node)))
            .collect();
        let behind: Vec<_> = reads.iter().filter(|(id, _)| self.follows_point(*id)).collect();
        if behind.is_empty() {
            return Vec::new();
        }
        let before = reads.iter().filter(|(id, _)| self.leads_to_point(*id));
        let again = before.filter(|(first, text)| {
            behind.iter().any(|(last, other)| {
                text == other
                    && !(self.is_test(*first) && self.is_test(*last))
                    && model.is_atomic(self.at, *first, *last)
            })
        });
        again.map(|(id, _)| *id).collect()
    }

    /// Whether a read is the whole of a test, or of a part of one.
    fn is_test(&self, id: NodeId) -> bool {
        let model = self.model;
        let mut at = id;
        loop {
            let parent = model.parent(at);
            let within = |test: &Expr| test.range().contains_range(model.node(at).range());
            match model.node(parent) {
                AnyNodeRef::StmtIf(stmt) => return within(&stmt.test),
                AnyNodeRef::ElifElseClause(_) => return true,
                AnyNodeRef::StmtWhile(stmt) => return within(&stmt.test),
                AnyNodeRef::ExprBoolOp(_) | AnyNodeRef::ExprUnaryOp(_) | AnyNodeRef::ExprCompare(_) => at = parent,
                _ => return false,
            }
        }
    }

    /// Whether something is read here that others can see: a variable from outside, an attribute of what the function has not made.
    fn is_read(&self, id: NodeId, node: AnyNodeRef<'a>) -> bool {
        let model = self.model;
        let is_shared = match node {
            AnyNodeRef::ExprName(name) if name.ctx.is_load() => {
                let mut bindings = model.resolve(&name.id, model.scope_of(id)).peekable();
                let is_outside =
                    model.lookup(&name.id, model.scope_of(id)) != Lookup::Scope(model.body_scope(self.function));
                is_outside && bindings.peek().is_some() && bindings.all(|binding| !is_definition(binding.kind))
            }
            AnyNodeRef::ExprAttribute(read) if read.ctx.is_load() && !model.is_callee(id) => {
                model.is_shared_part(&read.value, self.function)
            }
            _ => false,
        };
        is_shared && model.change_of(id).is_none()
    }

    /// Whether an expression is the object that the method is called on.
    fn is_own(&self, expr: &Expr) -> bool {
        let parameters = &self.function.parameters;
        let first = parameters.posonlyargs.iter().chain(&parameters.args).next();
        matches!((expr, first), (Expr::Name(name), Some(first)) if first.parameter.name.id == name.id)
            && self.model.class_of_method(self.function).is_some()
    }

    /// What runs when the function runs.
    fn nodes(&self) -> impl Iterator<Item = (NodeId, AnyNodeRef<'a>)> + '_ {
        nodes_of(self.model, self.function)
    }

    /// Whether the function may come to its wait behind a node.
    fn leads_to_point(&self, id: NodeId) -> bool {
        let model = self.model;
        if model.node(id).end() > self.point.start() {
            return false;
        }
        !self.leaves_between(id, self.at, leaves_block) && !self.are_alternatives(id)
    }

    /// Whether the function may come to a node behind its wait.
    fn follows_point(&self, id: NodeId) -> bool {
        let leaves = |stmt: &Stmt| matches!(stmt, Stmt::Return(_) | Stmt::Raise(_));
        self.model.node(id).start() >= self.point.end()
            && !self.leaves_between(self.at, id, leaves)
            && !self.are_alternatives(id)
    }

    /// Whether a block around a node, and not around another one, ends by leaving.
    fn leaves_between(&self, id: NodeId, other: NodeId, leaves: impl Fn(&Stmt) -> bool) -> bool {
        let model = self.model;
        let mut inner = id;
        for (outer, node) in model.ancestors(id) {
            let is_around = |stmt: &Stmt| model.contains(model.id(stmt), inner);
            let block = blocks(node).into_iter().find(|block| block.iter().any(is_around));
            if let Some(block) = block
                && !block.iter().any(|stmt| model.contains(model.id(stmt), other))
                && block.last().is_some_and(&leaves)
            {
                return true;
            }
            if model.contains(outer, other) {
                return false;
            }
            inner = outer;
        }
        false
    }

    /// Whether a node and the wait stand in different branches of one `if`.
    fn are_alternatives(&self, id: NodeId) -> bool {
        let model = self.model;
        model.ancestors(id).any(|(outer, node)| match node {
            AnyNodeRef::StmtIf(stmt) if model.contains(outer, self.at) => {
                let branch = |id: NodeId| {
                    let at = model.node(id).start();
                    let in_body = stmt.body.iter().any(|part| part.range().contains(at));
                    let clause = stmt
                        .elif_else_clauses
                        .iter()
                        .position(|clause| clause.body.iter().any(|part| part.range().contains(at)));
                    in_body.then_some(0).or(clause.map(|clause| clause + 1))
                };
                matches!((branch(id), branch(self.at)), (Some(one), Some(other)) if one != other)
            }
            _ => false,
        })
    }
}

/// The nodes that run when a function runs, without those of functions within it.
fn nodes_of<'m, 'a>(
    model: &'m SemanticModel<'a>,
    function: &'a ast::StmtFunctionDef,
) -> impl Iterator<Item = (NodeId, AnyNodeRef<'a>)> + use<'m, 'a> {
    let own = model.id(function);
    model.subtree(own).filter(move |(id, _)| {
        let runs_it = model.enclosing_function(*id);
        *id != own && runs_it.is_some_and(|runs_it| std::ptr::eq(runs_it, function))
    })
}

/// What one function does with places that others can see, its callees in the module included.
struct Touches<'m, 'a> {
    model: &'m SemanticModel<'a>,
    function: &'a ast::StmtFunctionDef,
    /// Of a callee: the call in the function that is looked at, and what its parameters stand for there.
    called: Option<(NodeId, FxHashMap<&'a str, String>)>,
    steps: usize,
    with_reads: bool,
}

impl<'m, 'a> Touches<'m, 'a> {
    fn of(model: &'m SemanticModel<'a>, function: &'a ast::StmtFunctionDef) -> Self {
        Self {
            model,
            function,
            called: None,
            steps: 0,
            with_reads: false,
        }
    }

    fn all(mut self) -> Vec<Touch> {
        self.with_reads = true;
        self.changes()
    }

    /// All that is not only read.
    fn changes(&self) -> Vec<Touch> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found
    }

    fn collect(&self, found: &mut Vec<Touch>) {
        for (id, node) in nodes_of(self.model, self.function) {
            self.touched(id, node, found);
        }
    }

    fn touched(&self, id: NodeId, node: AnyNodeRef<'a>, found: &mut Vec<Touch>) {
        match node {
            AnyNodeRef::StmtAssign(stmt) => {
                let kind = set_to(&stmt.value);
                for target in &stmt.targets {
                    self.stored(id, target, kind, Kind::Insert, found);
                }
            }
            AnyNodeRef::StmtAnnAssign(stmt) => {
                if let Some(value) = stmt.value.as_deref() {
                    self.stored(id, &stmt.target, set_to(value), Kind::Insert, found);
                }
            }
            AnyNodeRef::StmtAugAssign(stmt) => self.stored(id, &stmt.target, Kind::Add, Kind::Insert, found),
            AnyNodeRef::StmtDelete(stmt) => {
                for target in &stmt.targets {
                    self.stored(id, target, Kind::Reset, Kind::TakeKey, found);
                }
            }
            AnyNodeRef::ExprCall(call) => self.called(id, call, found),
            AnyNodeRef::WithItem(item) => self.entered(id, item, found),
            AnyNodeRef::ExprName(name) if self.with_reads && name.ctx.is_load() => self.read(id, node, found),
            AnyNodeRef::ExprAttribute(read) if self.with_reads && read.ctx.is_load() => self.read(id, node, found),
            _ => {}
        }
    }

    /// `whole`: what happens to a name or attribute; `part`: to a container of which an element is stored or deleted.
    fn stored(&self, id: NodeId, target: &'a Expr, whole: Kind, part: Kind, found: &mut Vec<Touch>) {
        match target {
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
                for target in elts {
                    self.stored(id, target, whole, part, found);
                }
            }
            Expr::Subscript(item) => self.note(id, &item.value, part, found),
            // A name of the function's own is not what it stands for.
            Expr::Name(name) => self.found(id, self.place_of_variable(name), whole, found),
            target => self.note(id, target, whole, found),
        }
    }

    fn called(&self, id: NodeId, call: &'a ast::ExprCall, found: &mut Vec<Touch>) {
        if let Some(callee) = self.model.function_of(&call.func) {
            self.follow(id, call, callee, found);
            return;
        }
        let arguments = &call.arguments;
        if self.model.is_builtin(&call.func, "next") {
            if let Some(iterator) = arguments.args.first() {
                self.note(id, iterator, Kind::Take, found);
            }
            return;
        }
        let Expr::Attribute(method) = &*call.func else { return };
        let name = method.attr.as_str();
        let kind = match name {
            "clear" => Kind::Clear,
            "pop" => match arguments.args.first() {
                None | Some(Expr::NumberLiteral(_) | Expr::UnaryOp(_)) => Kind::Take,
                Some(_) => Kind::TakeKey,
            },
            name if INSERTERS.contains(&name) => Kind::Insert,
            name if BY_KEY.contains(&name) => Kind::TakeKey,
            name if MUTATORS.contains(&name) => Kind::Take,
            _ => return,
        };
        self.note(id, &method.value, kind, found);
    }

    /// What a function of the module does that is called.
    fn follow(&self, id: NodeId, call: &'a ast::ExprCall, callee: &'a ast::StmtFunctionDef, found: &mut Vec<Touch>) {
        if self.steps >= MAX_STEPS || std::ptr::eq(callee, self.function) {
            return;
        }
        let parameters = callee.parameters.posonlyargs.iter().chain(&callee.parameters.args);
        let mut names = parameters.map(|parameter| parameter.parameter.name.as_str());
        let mut given: FxHashMap<&str, String> = FxHashMap::default();
        let is_static = callee.decorator_list.iter().any(|decorator| {
            let name = self.model.builtin(&decorator.expression);
            matches!(name, Some("staticmethod" | "classmethod"))
        });
        if self.model.class_of_method(callee).is_some() && !is_static {
            let (Some(own), Expr::Attribute(method)) = (names.next(), &*call.func) else {
                return;
            };
            given.extend(self.written(&method.value).map(|place| (own, place)));
        }
        for (name, argument) in names.zip(&call.arguments.args) {
            given.extend(self.written(argument).map(|place| (name, place)));
        }
        let inner = Touches {
            model: self.model,
            function: callee,
            called: Some((self.called.as_ref().map_or(id, |(at, _)| *at), given)),
            steps: self.steps + 1,
            with_reads: self.with_reads,
        };
        inner.collect(found);
    }

    /// What the `__enter__` of a class of the module does.
    fn entered(&self, id: NodeId, item: &'a ast::WithItem, found: &mut Vec<Touch>) {
        let Type::Instance(class) = self.model.type_of(&item.context_expr) else {
            return;
        };
        if let Some(enter) = self.model.method(class, "__enter__").filter(|_| self.steps < MAX_STEPS) {
            let own = enter.parameters.iter_source_order().next();
            let written = self.written(&item.context_expr);
            let given = own.zip(written).map(|(own, place)| (own.name().as_str(), place));
            let inner = Touches {
                model: self.model,
                function: enter,
                called: Some((
                    self.called.as_ref().map_or(id, |(at, _)| *at),
                    given.into_iter().collect(),
                )),
                steps: self.steps + 1,
                with_reads: self.with_reads,
            };
            inner.collect(found);
        }
    }

    fn read(&self, id: NodeId, node: AnyNodeRef<'a>, found: &mut Vec<Touch>) {
        let model = self.model;
        let range = node.range();
        let kind = match model.node(model.parent(id)) {
            // What is done with it is noted there.
            AnyNodeRef::ExprAttribute(method) if MUTATORS.contains(&method.attr.as_str()) => return,
            AnyNodeRef::ExprAttribute(method) if LOOKUPS.contains(&method.attr.as_str()) => Kind::Lookup,
            AnyNodeRef::ExprSubscript(item) if item.value.range() == range => {
                // The last one that was added.
                let is_key = !matches!(&*item.slice, Expr::NumberLiteral(_) | Expr::UnaryOp(_) | Expr::Slice(_));
                match item.ctx.is_load() {
                    true if is_key => Kind::Lookup,
                    true => Kind::Read,
                    false => return,
                }
            }
            AnyNodeRef::ExprCompare(inner) if inner.left.range() != range && inner.ops.iter().all(is_membership) => {
                Kind::Lookup
            }
            _ if model.is_callee(id) => return,
            _ => Kind::Read,
        };
        let place = match node {
            AnyNodeRef::ExprName(name) => self.place_of_name(name, false),
            AnyNodeRef::ExprAttribute(read) => self.place_of_attribute(read),
            _ => None,
        };
        self.found(id, place, kind, found);
    }

    fn note(&self, id: NodeId, object: &'a Expr, kind: Kind, found: &mut Vec<Touch>) {
        self.found(id, self.written(object), kind, found);
    }

    fn found(&self, id: NodeId, place: Option<String>, kind: Kind, found: &mut Vec<Touch>) {
        found.extend(place.map(|place| Touch {
            at: self.called.as_ref().map_or(id, |(at, _)| *at),
            place,
            kind,
            is_called: self.called.is_some(),
        }));
    }

    /// How the function that is looked at would write what others can see of it here.
    fn written(&self, object: &Expr) -> Option<String> {
        match object {
            Expr::Name(name) => self.place_of_name(name, true),
            Expr::Attribute(attribute) => self.place_of_attribute(attribute),
            Expr::Subscript(item) => {
                let container = self.written(&item.value)?;
                Some(format!("{container}[{}]", self.model.slice(&*item.slice)))
            }
            _ => None,
        }
    }

    fn place_of_attribute(&self, attribute: &ast::ExprAttribute) -> Option<String> {
        Some(format!("{}.{}", self.written(&attribute.value)?, attribute.attr))
    }

    /// `is_object`: whether the object counts that a parameter is given, and not only what the name of a variable stands for.
    fn place_of_name(&self, name: &ast::ExprName, is_object: bool) -> Option<String> {
        let model = self.model;
        let scope = model.body_scope(self.function);
        match model.lookup(&name.id, model.scope_of(model.id(name))) {
            Lookup::Scope(owner) if owner == scope => match &self.called {
                Some((_, given)) => given.get(name.id.as_str()).filter(|_| is_object).cloned(),
                None if model.is_bound_to_own(&name.id, scope) => None,
                None => Some(name.id.to_string()).filter(|_| is_object || self.is_alias(name, scope)),
            },
            Lookup::Scope(ScopeId::MODULE) if is_object => {
                let mut bindings = model.bindings_in(ScopeId::MODULE, &name.id);
                let is_module = |kind| matches!(kind, BindingKind::Import(_) | BindingKind::FromImport(..));
                bindings
                    .all(|binding| !is_module(binding.kind))
                    .then(|| name.id.to_string())
            }
            _ => self.place_of_variable(name),
        }
    }

    /// The name of a variable of the module, or of a function around; where its attributes are meant, of a class or function as well.
    fn place_of_variable(&self, name: &ast::ExprName) -> Option<String> {
        let model = self.model;
        let Lookup::Scope(owner) = model.lookup(&name.id, model.scope_of(model.id(name))) else {
            return None;
        };
        if owner == model.body_scope(self.function) || owner != ScopeId::MODULE && self.called.is_some() {
            return None;
        }
        let mut bindings = model.bindings_in(owner, &name.id);
        let is_variable = bindings.all(|binding| !is_definition(binding.kind));
        is_variable.then(|| name.id.to_string())
    }

    /// Whether a local name stands for an object that others have.
    fn is_alias(&self, name: &ast::ExprName, scope: ScopeId) -> bool {
        let mut bindings = self.model.bindings_in(scope, &name.id);
        bindings.any(|binding| {
            matches!(
                binding.kind,
                BindingKind::Assignment(Expr::Attribute(_) | Expr::Subscript(_) | Expr::Name(_))
            )
        })
    }
}

fn set_to(value: &Expr) -> Kind {
    if value.is_literal_expr() {
        Kind::Reset
    } else {
        Kind::Set
    }
}

fn is_membership(op: &ast::CmpOp) -> bool {
    matches!(op, ast::CmpOp::In | ast::CmpOp::NotIn)
}

/// Whether a name stands for a function, a class or a module.
fn is_definition(kind: BindingKind) -> bool {
    matches!(
        kind,
        BindingKind::Class(_) | BindingKind::Function(_) | BindingKind::Import(_) | BindingKind::FromImport(..)
    )
}
