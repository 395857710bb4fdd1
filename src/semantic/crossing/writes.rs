//! What the statements of a function write of what others see, and what they make it from.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};

use super::super::NodeId;
use super::super::effects::MUTATORS;
use super::paths::{Path, attribute_in_quotes};
use super::{Crossing, MAX_STEPS};

/// Methods of asyncio's objects that change them or act on their state, and do not wait.
const ACTS: &[&str] = &["get_nowait", "put_nowait", "set_exception", "set_result"];

/// Functions that change what they are given first.
const CHANGERS: &[&str] = &[
    "bisect.insort",
    "heapq.heapify",
    "heapq.heappop",
    "heapq.heappush",
    "heapq.heappushpop",
    "heapq.heapreplace",
    "random.shuffle",
];

/// A change of a shared object.
pub(super) struct Write<'a> {
    pub id: NodeId,
    pub path: Path,
    /// What is written, or where.
    pub from: Vec<&'a Expr>,
}

impl Write<'_> {
    /// A change that does not depend on values.
    fn new(id: NodeId, path: Path) -> Self {
        let from = Vec::new();
        Self { id, path, from }
    }
}

impl<'a> Crossing<'_, 'a> {
    /// What the function writes of what others see.
    pub(super) fn writes(&self) -> Vec<Write<'a>> {
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
                    self.stored(id, target, vec![&stmt.value], found);
                }
            }
            AnyNodeRef::StmtAnnAssign(stmt) => {
                if let Some(value) = stmt.value.as_deref() {
                    self.stored(id, &stmt.target, vec![value], found);
                }
            }
            AnyNodeRef::StmtAugAssign(stmt) => self.stored(id, &stmt.target, vec![&stmt.value], found),
            AnyNodeRef::StmtDelete(stmt) => {
                for target in &stmt.targets {
                    self.stored(id, target, Vec::new(), found);
                }
            }
            AnyNodeRef::StmtFor(stmt) => self.stored(id, &stmt.target, vec![&stmt.iter], found),
            AnyNodeRef::StmtWith(stmt) => {
                for item in &stmt.items {
                    if let Some(target) = item.optional_vars.as_deref() {
                        self.stored(id, target, vec![&item.context_expr], found);
                    }
                    if stmt.is_async && self.is_asked_whether_free(&item.context_expr) {
                        let path = self.path_of(&item.context_expr);
                        found.extend(path.map(|path| Write::new(id, path)));
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
            Expr::Name(name) if !self.is_outside(name) => {}
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
                found.extend(self.path_of(target).map(|path| Write { id, path, from }));
            }
        }
    }

    /// Whether the module asks of a lock whether it is free: to take it is to change what the answer rests on.
    fn is_asked_whether_free(&self, lock: &Expr) -> bool {
        let lock = self.model.slice(lock);
        let mut asked = self.model.loads_of("locked");
        asked.any(|(_, method)| self.model.slice(&*method.value) == lock)
    }

    /// What a call changes itself, and what a function or lambda within this one does that it calls.
    fn changed(&self, id: NodeId, call: &'a ast::ExprCall, found: &mut Vec<Write<'a>>, steps: usize) {
        let arguments = call.arguments.iter_source_order();
        let from: Vec<&'a Expr> = arguments.map(|argument| argument.value()).collect();
        // Tests ask whether a file is there and not what it holds, so that what is written into it does not matter.
        let files = self.model.paths_changed(call).into_iter().map(|path| self.file(path));
        found.extend(files.map(|path| Write::new(id, path)));
        let objects = self.objects_changed(call).into_iter();
        found.extend(objects.map(|path| {
            let from = from.clone();
            Write { id, path, from }
        }));
        if let Some(inner) = self.inner(&call.func).filter(|_| steps < MAX_STEPS) {
            let mut within = Vec::new();
            for (inner, node) in self.model.subtree(inner) {
                self.written(inner, node, &mut within, steps + 1);
            }
            found.extend(within.into_iter().map(|mut write| {
                write.id = id;
                write.from.extend(&from);
                write
            }));
        }
    }

    /// `x.append(...)`, `setattr(x, "n", ...)`, `heapq.heappop(x)`, and methods of the same object that write its attributes.
    fn objects_changed(&self, call: &'a ast::ExprCall) -> Vec<Path> {
        let model = self.model;
        let first = || self.path_of(call.arguments.args.first()?);
        if model.is_builtin(&call.func, "setattr") {
            let attribute = first().zip(attribute_in_quotes(&call.arguments));
            let path = attribute.map(|(object, name)| [object, vec![name]].concat());
            return path.into_iter().collect();
        }
        let name = model.qualified_name(&call.func);
        if name.is_some_and(|name| CHANGERS.contains(&name.as_str())) {
            return first().into_iter().collect();
        }
        let Expr::Attribute(method) = &*call.func else {
            return Vec::new();
        };
        let name = method.attr.as_str();
        if MUTATORS.contains(&name) || ACTS.contains(&name) {
            return self.path_of(&method.value).into_iter().collect();
        }
        let own = method.value.as_name_expr();
        let Some(function) = own.and_then(|own| self.own_method(own, name)) else {
            return Vec::new();
        };
        let is_written =
            |attribute: &ast::ExprAttribute| !attribute.ctx.is_load() || model.change_of(model.id(attribute)).is_some();
        self.own_attributes(function, is_written).into_iter().collect()
    }
}
