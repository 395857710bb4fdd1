//! What other tasks may do to what a function has read, where a wait is put between the reading and what follows from it.
//!
//! As long as a coroutine does not wait, no other task runs. With a wait in its middle, what it has tested may no longer hold, and what it writes
//! from what it has read may undo what others have written. Both are found by dependence: from a write behind the wait back to the reads in front
//! of it that decide whether it happens, or what it writes (data and control dependence, by the last definitions of local names).

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::effects::MUTATORS;
use super::names::Lookup;
use super::place::blocks;
use super::reaching::Definition;
use super::types::{Type, TypeOracle};
use super::{BindingKind, NodeId, ScopeId, SemanticModel};

/// Methods of asyncio's objects that change them or act on their state, and do not wait.
const ACTS: &[&str] = &["get_nowait", "put_nowait", "set_exception", "set_result"];

/// Functions that read what they are given, and give something made of it.
const READERS: &[&str] = &[
    "all",
    "any",
    "dict",
    "enumerate",
    "frozenset",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "reversed",
    "set",
    "sorted",
    "sum",
    "tuple",
    "zip",
    "filter",
    "bool",
    "getattr",
    "hasattr",
];

/// Functions that change what they are given first.
const CHANGERS: &[&str] = &[
    "heapq.heappop",
    "heapq.heappush",
    "heapq.heapreplace",
    "heapq.heappushpop",
    "heapq.heapify",
    "bisect.insort",
    "random.shuffle",
];

/// Builtins that give one of the elements of what they are given.
const CHOOSERS: &[&str] = &["max", "min", "next"];

/// What stands first in the path of a file, where others have the name of a variable.
const FILE: &str = "/";

/// The methods that a test of an object calls.
const ASKED: &[&str] = &["__contains__", "__len__", "__bool__", "__getitem__", "__iter__"];

/// Locals of locals.
const MAX_STEPS: usize = 12;

/// An object that others can see, by the names that lead to it: `self.users` also for what is in it.
type Path = Vec<String>;

/// A read of a shared object, and where it was over.
type Read = (Path, TextSize);

impl<'a> SemanticModel<'a> {
    /// The shared object that the enclosing function tests, or reads something from, before this node, and writes behind it because of that. `None`
    /// where it waits in between anyhow, holds a lock around both, or writes the object at once behind the test.
    pub fn crossing(&self, at: NodeId) -> Option<String> {
        let function = self.enclosing_function(at)?;
        let crossing = Crossing {
            model: self,
            function,
            scope: self.body_scope(function),
            point: self.node(at).range(),
            at,
        };
        crossing.find()
    }
}

struct Crossing<'m, 'a> {
    model: &'m SemanticModel<'a>,
    function: &'a ast::StmtFunctionDef,
    scope: ScopeId,
    /// What becomes a wait.
    point: TextRange,
    at: NodeId,
}

/// A change of a shared object.
struct Write<'a> {
    id: NodeId,
    path: Path,
    /// What is written, or where.
    from: Vec<&'a Expr>,
}

impl<'a> Crossing<'_, 'a> {
    fn find(&self) -> Option<String> {
        let writes = self.writes();
        let is_behind = |write: &&Write| self.model.node(write.id).end() >= self.point.end();
        if !writes.iter().any(|write| is_behind(&write)) {
            return None;
        }
        let decisions = self.decisions();
        writes.iter().filter(is_behind).find_map(|write| {
            let made = || self.is_made_from(write) || self.is_used_behind(write, &writes);
            let decided = || {
                decisions
                    .iter()
                    .any(|decision| self.is_decided_by(write, decision, &writes))
            };
            (decided() || made()).then(|| match write.path.as_slice() {
                [file, path] if file == FILE => path.clone(),
                path => path.join("."),
            })
        })
    }

    /// Whether what is written follows from what was read of the object before the wait.
    fn is_made_from(&self, write: &Write<'a>) -> bool {
        let start = self.model.node(write.id).start();
        write.from.iter().any(|value| {
            let mut reads = self.origins(value, &mut BTreeSet::new(), 0);
            // `x.append((len(x), await f()))`. What an assignment has on its left is evaluated last.
            if self.model.node(write.id).is_expr_call() {
                let direct = self.reads(value).into_iter();
                reads.extend(direct.filter(|(_, end)| *end <= self.point.start()));
            }
            reads.iter().any(|(path, end)| {
                conflicts(path, &write.path) && !self.model.waits_between(self.at, *end, start, write.id)
            })
        })
    }

    /// Whether what was read of the object before the wait is used behind it, and no write in front of the wait has made it this task's own.
    fn is_used_behind(&self, write: &Write<'a>, writes: &[Write<'a>]) -> bool {
        let model = self.model;
        let mut used = self
            .nodes()
            .filter(|(_, node)| node.is_expr_name() && node.start() >= self.point.end());
        used.any(|(id, _)| {
            self.origins_of(id, &mut BTreeSet::new(), 0).iter().any(|(path, end)| {
                let until = model.node(write.id).start().max(self.point.end());
                conflicts(path, &write.path)
                    && !self.is_claimed(write, *end, writes)
                    && !model.waits_between(self.at, *end, until, write.id)
            })
        })
    }

    /// Whether the function writes the object between having read it and the wait.
    fn is_claimed(&self, write: &Write<'a>, end: TextSize, writes: &[Write<'a>]) -> bool {
        writes.iter().any(|other| {
            let range = self.model.node(other.id).range();
            range.start() >= end && range.end() <= self.point.start() && conflicts(&other.path, &write.path)
        })
    }

    fn is_decided_by(&self, write: &Write<'a>, decision: &Decision, writes: &[Write<'a>]) -> bool {
        let model = self.model;
        let end = decision.end;
        // A loop that goes on until it is told to end.
        let is_flag = decision.is_loop
            && matches!(model.node(write.id), AnyNodeRef::StmtAssign(assign) if assign.value.is_literal_expr());
        !is_flag
            && decision.reads.iter().any(|(path, _)| conflicts(path, &write.path))
            && !self.is_claimed(write, end, writes)
            && !model.waits_between(
                self.at,
                end,
                model.node(write.id).start().max(self.point.end()),
                write.id,
            )
    }

    /// What decides, before the wait, whether it is reached or what happens behind it.
    fn decisions(&self) -> Vec<Decision> {
        let model = self.model;
        let mut found = Vec::new();
        for (id, node) in self.nodes() {
            // Behind a loop, its condition does not hold.
            let over = match node {
                AnyNodeRef::StmtWhile(stmt) if stmt.end() <= self.point.start() => Some(stmt.end()),
                _ => None,
            };
            let (tests, is_loop): (Vec<&'a Expr>, bool) = match node {
                AnyNodeRef::StmtIf(stmt) => (vec![&*stmt.test], false),
                AnyNodeRef::StmtWhile(stmt) => (vec![&*stmt.test], over.is_none()),
                AnyNodeRef::StmtWith(stmt) if self.suppresses(stmt) => (values(&stmt.body), false),
                AnyNodeRef::ExprIf(inner) => (vec![&*inner.test], false),
                AnyNodeRef::StmtMatch(stmt) => (vec![&*stmt.subject], false),
                AnyNodeRef::StmtAssert(stmt) => (vec![&*stmt.test], false),
                AnyNodeRef::ExprBoolOp(inner) => {
                    let before = inner
                        .values
                        .iter()
                        .take_while(|value| value.end() <= self.point.start());
                    (before.collect(), false)
                }
                AnyNodeRef::StmtTry(stmt) => (self.missing(stmt), false),
                _ => continue,
            };
            let Some(end) = tests.iter().map(|test| test.end()).max() else {
                continue;
            };
            let end = over.unwrap_or(end);
            if end > self.point.start() {
                continue;
            }
            let leaves = || {
                over.is_some()
                    || node.is_stmt_assert()
                    || blocks(node).iter().any(|block| block.last().is_some_and(leaves_block))
            };
            if !(model.contains(id, self.at) || leaves()) {
                continue;
            }
            let mut reads = Vec::new();
            for test in tests {
                reads.extend(self.reads(test));
                reads.extend(self.origins(test, &mut BTreeSet::new(), 0));
            }
            found.push(Decision { end, reads, is_loop });
        }
        found
    }

    /// What a `try` reads that may be missing, where the wait stands in the handler for that.
    fn missing(&self, stmt: &'a ast::StmtTry) -> Vec<&'a Expr> {
        let model = self.model;
        let is_here = stmt.handlers.iter().any(|ast::ExceptHandler::ExceptHandler(handler)| {
            let caught = handler.type_.as_deref().map(|caught| model.slice(caught));
            let is_missing = caught.is_some_and(|caught| {
                ["KeyError", "IndexError", "AttributeError", "LookupError"]
                    .iter()
                    .any(|name| caught.contains(name))
            });
            is_missing && handler.range().contains_range(self.point)
        });
        if !is_here {
            return Vec::new();
        }
        values(&stmt.body)
    }

    /// `with suppress(KeyError): ...`
    fn suppresses(&self, stmt: &'a ast::StmtWith) -> bool {
        stmt.items.iter().any(|item| match &item.context_expr {
            Expr::Call(call) => self.model.qualified_name(&call.func).as_deref() == Some("contextlib.suppress"),
            _ => false,
        })
    }

    fn nodes(&self) -> impl Iterator<Item = (NodeId, AnyNodeRef<'a>)> + '_ {
        let model = self.model;
        let all = model.subtree(model.id(self.function));
        all.filter(move |(id, _)| {
            model
                .function_of_scope(model.scope_of(*id))
                .is_some_and(|own| std::ptr::eq(own, self.function))
        })
    }

    /// What the function writes of what others see.
    fn writes(&self) -> Vec<Write<'a>> {
        let mut found = Vec::new();
        for (id, node) in self.nodes() {
            self.written(id, node, &mut found, 0);
        }
        found
    }

    fn written(&self, id: NodeId, node: AnyNodeRef<'a>, found: &mut Vec<Write<'a>>, steps: usize) {
        match node {
            AnyNodeRef::StmtAssign(stmt) => {
                for target in &stmt.targets {
                    self.stored(id, target, vec![&*stmt.value], found);
                }
            }
            AnyNodeRef::StmtAnnAssign(stmt) if stmt.value.is_some() => {
                let value = stmt.value.as_deref().into_iter().collect();
                self.stored(id, &stmt.target, value, found);
            }
            AnyNodeRef::StmtAugAssign(stmt) => self.stored(id, &stmt.target, vec![&*stmt.value], found),
            AnyNodeRef::StmtDelete(stmt) => {
                for target in &stmt.targets {
                    self.stored(id, target, Vec::new(), found);
                }
            }
            AnyNodeRef::StmtFor(stmt) => self.stored(id, &stmt.target, vec![&*stmt.iter], found),
            AnyNodeRef::StmtWith(stmt) => {
                for item in &stmt.items {
                    if let Some(target) = item.optional_vars.as_deref() {
                        self.stored(id, target, vec![&item.context_expr], found);
                    }
                    // Whoever asks before whether a lock is free.
                    let lock = &item.context_expr;
                    let mut asked = self.model.loads_of("locked");
                    if stmt.is_async
                        && asked.any(|(_, method)| self.model.slice(&*method.value) == self.model.slice(lock))
                        && let Some(path) = self.path_of(lock, 0)
                    {
                        let from = Vec::new();
                        found.push(Write { id, path, from });
                    }
                }
            }
            AnyNodeRef::ExprCall(call) => self.changed(id, call, found, steps),
            _ => {}
        }
    }

    fn stored(&self, id: NodeId, target: &'a Expr, mut from: Vec<&'a Expr>, found: &mut Vec<Write<'a>>) {
        match target {
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
                for target in elts {
                    self.stored(id, target, from.clone(), found);
                }
            }
            Expr::Starred(inner) => self.stored(id, &inner.value, from, found),
            _ => {
                if let Expr::Subscript(item) = target {
                    from.push(&item.slice);
                }
                if let Expr::Attribute(ast::ExprAttribute { value, .. })
                | Expr::Subscript(ast::ExprSubscript { value, .. }) = target
                    && value.is_name_expr()
                {
                    // `s.owner = me` behind `s = next(s for s in slots if s.owner is None)`
                    from.push(value);
                }
                if let Some(path) = self
                    .path_of(target, 0)
                    .filter(|_| target.as_name_expr().is_none_or(|name| self.is_outside(name)))
                {
                    found.push(Write { id, path, from });
                }
            }
        }
    }

    /// `x.append(...)`, `setattr(x, "n", ...)`, `heapq.heappop(x)`, and methods of the same object that write its attributes.
    fn changed(&self, id: NodeId, call: &'a ast::ExprCall, found: &mut Vec<Write<'a>>, steps: usize) {
        let model = self.model;
        let from: Vec<&'a Expr> = call
            .arguments
            .iter_source_order()
            .map(|argument| argument.value())
            .collect();
        let first = call.arguments.args.first();
        if model.is_builtin(&call.func, "setattr") {
            if let (Some(object), Some(Expr::StringLiteral(name))) = (first, call.arguments.args.get(1))
                && let Some(mut path) = self.path_of(object, 0)
            {
                path.push(name.value.to_string());
                found.push(Write { id, path, from });
            }
            return;
        }
        if let (Some(first), Some(name)) = (first, model.qualified_name(&call.func))
            && CHANGERS.contains(&name.as_str())
        {
            found.extend(self.path_of(first, 0).map(|path| Write { id, path, from }));
            return;
        }
        for path in self.model.paths_changed(call).into_iter().map(|path| self.file(path)) {
            let from = Vec::new();
            found.push(Write { id, path, from });
        }
        let Expr::Attribute(method) = &*call.func else {
            if let Some(inner) = self.inner(&call.func).filter(|_| steps < MAX_STEPS) {
                let mut within = Vec::new();
                for (inner, node) in model.subtree(inner) {
                    self.written(inner, node, &mut within, steps + 1);
                }
                found.extend(within.into_iter().map(|mut write| {
                    write.id = id;
                    write.from.extend(&from);
                    write
                }));
            }
            return;
        };
        let name = method.attr.as_str();
        if MUTATORS.contains(&name) || ACTS.contains(&name) {
            found.extend(self.path_of(&method.value, 0).map(|path| Write { id, path, from }));
        } else if let Some(function) = self.own_method(&method.value, name) {
            for attribute in self.attributes(function, false) {
                let path = vec!["self".to_owned(), attribute];
                found.push(Write {
                    id,
                    path,
                    from: from.clone(),
                });
            }
        }
    }

    /// What a callee runs that is a function or a lambda within this function.
    fn inner(&self, callee: &Expr) -> Option<NodeId> {
        let model = self.model;
        let Expr::Name(name) = callee else { return None };
        if let Some(function) = model.function_of(callee) {
            let inner = model.id(function);
            return (inner != model.id(self.function) && model.contains(model.id(self.function), inner))
                .then_some(inner);
        }
        match model.sole_binding(&name.id, model.scope_of(model.id(name)))?.kind {
            BindingKind::Assignment(value @ Expr::Lambda(_)) => Some(model.id(value)),
            _ => None,
        }
    }

    /// Other processes aside, files and folders are shared by all tasks, whoever has made the path.
    fn file(&self, path: &Expr) -> Path {
        vec![FILE.to_owned(), self.model.slice(path).to_owned()]
    }

    /// The method of the enclosing class that `self.name` is.
    fn own_method(&self, receiver: &Expr, name: &str) -> Option<&'a ast::StmtFunctionDef> {
        let model = self.model;
        let class = model.class_of_method(self.function)?;
        let is_self = self
            .self_name()
            .is_some_and(|own| matches!(receiver, Expr::Name(name) if name.id == own));
        let mut methods = model
            .methods_named(name)
            .filter(|(owner, _)| std::ptr::eq(*owner, class));
        methods.next().filter(|_| is_self).map(|(_, function)| function)
    }

    fn is_own_class(&self, name: &ast::ExprName) -> bool {
        let class = self.model.class_of_method(self.function);
        class.is_some_and(|class| class.name.id == name.id)
    }

    fn self_name(&self) -> Option<&'a str> {
        let parameters = &self.function.parameters;
        let mut all = parameters.posonlyargs.iter().chain(&parameters.args);
        self.model.class_of_method(self.function)?;
        all.next().map(|parameter| parameter.parameter.name.as_str())
    }

    /// The attributes of its object that a method reads, or writes.
    fn attributes(&self, function: &'a ast::StmtFunctionDef, is_read: bool) -> BTreeSet<String> {
        let model = self.model;
        let found = model.subtree(model.id(function)).filter_map(|(id, node)| {
            let AnyNodeRef::ExprAttribute(attribute) = node else {
                return None;
            };
            if !matches!(&*attribute.value, Expr::Name(name) if name.id == "self") {
                return None;
            }
            let is_written = || {
                let parent = model.parent(id);
                !attribute.ctx.is_load()
                    || match model.node(parent) {
                        AnyNodeRef::ExprSubscript(item) => {
                            !item.ctx.is_load() && item.value.range() == attribute.range()
                        }
                        AnyNodeRef::ExprAttribute(method) => MUTATORS.contains(&method.attr.as_str()),
                        _ => false,
                    }
            };
            (if is_read { attribute.ctx.is_load() } else { is_written() }).then(|| attribute.attr.to_string())
        });
        found.collect()
    }

    /// The shared objects that an expression reads something of, itself or by properties and methods of the same object, or functions within this
    /// one.
    fn reads(&self, value: &'a Expr) -> Vec<Read> {
        let mut found = Vec::new();
        self.reads_below(self.model.id(value), &mut found, 0);
        found
    }

    fn reads_below(&self, root: NodeId, found: &mut Vec<Read>, steps: usize) {
        let model = self.model;
        for (id, node) in model.subtree(root) {
            let end = node.end();
            for function in self.predicates(id) {
                let attributes = self.attributes(function, true).into_iter();
                found.extend(attributes.map(|name| (vec!["self".to_owned(), name], end)));
            }
            if let AnyNodeRef::ExprCall(call) = node {
                let tested = self.model.paths_tested(call).into_iter();
                found.extend(tested.map(|path| (self.file(path), end)));
                if model.qualified_name(&call.func).as_deref() == Some("os.getenv") {
                    found.push((environment(), end));
                }
                if let Some(inner) = self.inner(&call.func).filter(|_| steps < MAX_STEPS) {
                    let mut within = Vec::new();
                    self.reads_below(inner, &mut within, steps + 1);
                    found.extend(within.into_iter().map(|(path, _)| (path, end)));
                }
            }
            let expr = match node {
                AnyNodeRef::ExprName(name) if name.ctx.is_load() => Expr::Name(name.clone()),
                AnyNodeRef::ExprAttribute(read) if read.ctx.is_load() => Expr::Attribute(read.clone()),
                _ => continue,
            };
            let parent = model.node(model.parent(id));
            // The whole path counts, not its beginning.
            if matches!(parent, AnyNodeRef::ExprAttribute(outer) if !model.is_callee(model.id(outer))) {
                continue;
            }
            let Some(mut path) = self.path_of(&expr, 0) else {
                continue;
            };
            if matches!(&expr, Expr::Name(name) if !self.is_read_as_value(id) && !self.is_outside(name)) {
                continue;
            }
            if let (AnyNodeRef::Arguments(arguments), AnyNodeRef::ExprCall(call)) =
                (parent, model.node(model.parent(model.parent(id))))
                && ["getattr", "hasattr"]
                    .iter()
                    .any(|name| model.is_builtin(&call.func, name))
                && let Some(Expr::StringLiteral(name)) = arguments.args.get(1)
            {
                path.push(name.value.to_string());
            }
            found.push((path, end));
        }
    }

    /// The properties and methods of its own object that this part of a test asks.
    fn predicates(&self, id: NodeId) -> Vec<&'a ast::StmtFunctionDef> {
        let model = self.model;
        match model.node(id) {
            AnyNodeRef::ExprAttribute(attribute) => {
                let own = self.own_method(&attribute.value, &attribute.attr);
                own.into_iter().collect()
            }
            AnyNodeRef::ExprName(name) if !model.node(model.parent(id)).is_expr_attribute() => {
                let own = Expr::Name(name.clone());
                let asked = ASKED.iter();
                asked.filter_map(|method| self.own_method(&own, method)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether something is read of what a name stands for, and not the object alone handed on.
    fn is_read_as_value(&self, id: NodeId) -> bool {
        let model = self.model;
        let range = model.node(id).range();
        match model.node(model.parent(id)) {
            AnyNodeRef::ExprAttribute(_) | AnyNodeRef::ExprSubscript(_) | AnyNodeRef::ExprCompare(_) => true,
            AnyNodeRef::ExprUnaryOp(_)
            | AnyNodeRef::ExprBoolOp(_)
            | AnyNodeRef::StmtIf(_)
            | AnyNodeRef::StmtWhile(_) => true,
            AnyNodeRef::Comprehension(part) => part.iter.range() == range,
            AnyNodeRef::StmtFor(stmt) => stmt.iter.range() == range,
            AnyNodeRef::StmtMatch(stmt) => stmt.subject.range() == range,
            AnyNodeRef::Arguments(_) => match model.node(model.parent(model.parent(id))) {
                AnyNodeRef::ExprCall(call) => READERS.iter().any(|name| model.is_builtin(&call.func, name)),
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether a name is a variable of the module or of a function around, whose value itself is what others change.
    fn is_outside(&self, name: &ast::ExprName) -> bool {
        match self.owner(name) {
            Lookup::Scope(scope) => !self.is_within(scope),
            _ => true,
        }
    }

    fn owner(&self, name: &ast::ExprName) -> Lookup {
        self.model.lookup(&name.id, self.model.scope_of(self.model.id(name)))
    }

    /// Whether names of a scope live no longer than a call of the function.
    fn is_within(&self, scope: ScopeId) -> bool {
        let model = self.model;
        model
            .function_of_scope(scope)
            .is_some_and(|function| model.contains(model.id(self.function), model.id(function)))
    }

    /// What was read before the wait for what an expression is made of.
    fn origins(&self, value: &'a Expr, seen: &mut BTreeSet<NodeId>, steps: usize) -> Vec<Read> {
        let names = self.model.subtree(self.model.id(value));
        let names = names.filter(|(_, node)| node.is_expr_name());
        names.flat_map(|(id, _)| self.origins_of(id, seen, steps)).collect()
    }

    /// What was read before the wait for what a local name stands for where it is read.
    fn origins_of(&self, id: NodeId, seen: &mut BTreeSet<NodeId>, steps: usize) -> Vec<Read> {
        let model = self.model;
        let mut found = Vec::new();
        let AnyNodeRef::ExprName(name) = model.node(id) else {
            return found;
        };
        if steps > MAX_STEPS || !name.ctx.is_load() || self.owner(name) != Lookup::Scope(self.scope) {
            return found;
        }
        let definitions: Vec<NodeId> = match model.reads_of_local(self.function, &name.id) {
            Some(reads) => {
                let definitions = reads.get(&id).into_iter().flatten();
                let bound = definitions.filter_map(|definition| match definition {
                    Definition::At(definition) => Some(*definition),
                    Definition::Entry => None,
                });
                bound.collect()
            }
            // A function within this one sees the name as well.
            None => model
                .bindings_in(self.scope, &name.id)
                .map(|binding| binding.node)
                .collect(),
        };
        for definition in definitions {
            if !seen.insert(definition) {
                continue;
            }
            let Some(source) = self.source(definition) else {
                continue;
            };
            let is_before = source.end() <= self.point.start();
            if is_before && self.aliased(&name.id).is_none_or(|value| self.is_chosen(value)) {
                found.extend(self.reads(source));
            }
            found.extend(self.origins(source, seen, steps + 1));
        }
        found
    }

    /// The expression that a definition takes its value from.
    fn source(&self, definition: NodeId) -> Option<&'a Expr> {
        let model = self.model;
        let mut around = std::iter::once((definition, model.node(definition))).chain(model.ancestors(definition));
        around.find_map(|(_, node)| match node {
            AnyNodeRef::ExprNamed(named) => Some(Some(&*named.value)),
            AnyNodeRef::StmtAssign(stmt) => Some(Some(&*stmt.value)),
            AnyNodeRef::StmtAnnAssign(stmt) => Some(stmt.value.as_deref()),
            AnyNodeRef::StmtAugAssign(stmt) => Some(Some(&*stmt.value)),
            AnyNodeRef::StmtFor(stmt) => Some(Some(&*stmt.iter)),
            AnyNodeRef::StmtMatch(stmt) => Some(Some(&*stmt.subject)),
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::StmtWith(_) | AnyNodeRef::ExceptHandlerExceptHandler(_) => {
                Some(None)
            }
            _ => None,
        })?
    }

    /// What a local name is another name for, if that is a shared object.
    fn aliased(&self, name: &str) -> Option<&'a Expr> {
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
            callee => CHOOSERS.iter().any(|name| self.model.is_builtin(callee, name)),
        }
    }

    /// Whether which element it is was decided by what the elements were.
    fn is_chosen(&self, value: &Expr) -> bool {
        matches!(value, Expr::Call(call) if call.func.is_name_expr())
    }

    /// The names that lead to a shared object, up to the first element: a part of `self` or of a parameter, a variable from outside, and what a
    /// local name is an alias of.
    fn path_of(&self, expr: &Expr, steps: usize) -> Option<Path> {
        if steps > MAX_STEPS {
            return None;
        }
        match expr {
            Expr::Subscript(item) => self.path_of(&item.value, steps + 1),
            Expr::Attribute(attribute) => {
                let mut path = match &*attribute.value {
                    Expr::Name(class) if self.is_own_class(class) => vec!["self".to_owned()],
                    value => self.path_of(value, steps + 1)?,
                };
                if !self.model.is_callee(self.model.id(attribute)) && attribute.attr.as_str() != "__class__" {
                    path.push(attribute.attr.to_string());
                }
                Some(path)
            }
            Expr::Name(name) => {
                let model = self.model;
                if model.qualified_name(expr).as_deref() == Some("os.environ") {
                    return Some(environment());
                }
                let Lookup::Scope(owner) = self.owner(name) else {
                    return None;
                };
                if self.self_name() == Some(name.id.as_str()) && owner == self.scope {
                    return Some(vec!["self".to_owned()]);
                }
                if !self.is_within(owner) {
                    let is_object = model
                        .bindings_in(owner, &name.id)
                        .all(|binding| !matches!(binding.kind, BindingKind::Function(_) | BindingKind::Class(_)));
                    return is_object.then(|| vec![name.id.to_string()]);
                }
                if owner == self.scope
                    && let Some(value) = self.aliased(&name.id)
                {
                    return self.path_of(value, steps + 1);
                }
                let mut bindings = model.bindings_in(owner, &name.id);
                let (Some(binding), None) = (bindings.next(), bindings.next()) else {
                    return None;
                };
                if matches!(binding.kind, BindingKind::Parameter(_)) {
                    return (owner == self.scope).then(|| vec![name.id.to_string()]);
                }
                self.path_of(self.gone_over_by(binding.node)?, steps + 1)
            }
            // `type(self).n` is, for all that is written there, `self.n`.
            Expr::Call(call) if self.model.is_builtin(&call.func, "type") => {
                self.path_of(call.arguments.args.first()?, steps + 1)
            }
            Expr::Call(call) if self.is_element(call) => match &*call.func {
                Expr::Attribute(method) => self.path_of(&method.value, steps + 1),
                _ => {
                    let mut container = call.arguments.args.first()?;
                    if let Expr::Generator(elements) = container {
                        container = &elements.generators.first()?.iter;
                    }
                    self.path_of(self.model.gone_over(container).first()?, steps + 1)
                }
            },
            _ => None,
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
}

/// What decides how a function goes on.
struct Decision {
    end: TextSize,
    reads: Vec<Read>,
    is_loop: bool,
}

/// What the statements of a block give, return or bind.
fn values(block: &[Stmt]) -> Vec<&Expr> {
    let values = block.iter().filter_map(|stmt| match stmt {
        Stmt::Return(stmt) => stmt.value.as_deref(),
        Stmt::Assign(stmt) => Some(&*stmt.value),
        Stmt::Expr(stmt) => Some(&*stmt.value),
        _ => None,
    });
    values.collect()
}

/// The environment of the process, by whatever name.
fn environment() -> Path {
    vec!["os".to_owned(), "environ".to_owned()]
}

/// Whether one of two objects is, or is part of, the other. Of two that one object leads to, a part must be named.
fn conflicts(read: &Path, write: &Path) -> bool {
    let shared = read.iter().zip(write).take_while(|(one, other)| one == other).count();
    shared == read.len().min(write.len()) && (shared > 1 || read.len() == write.len() && read[0] != "self")
}

fn leaves_block(stmt: &Stmt) -> bool {
    matches!(
        stmt,
        Stmt::Return(_) | Stmt::Raise(_) | Stmt::Continue(_) | Stmt::Break(_)
    )
}
