//! What a function has loaded by an asynchronous session: from the awaited call to the objects of its result, over the names that hold the
//! result, a list of the objects or one of them, and the attributes of the objects that are read.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::semantic::{NodeId, SemanticModel};

/// Names of names.
const MAX_STEPS: usize = 8;

/// Builtins that give the elements of what they are given.
const KEEPERS: &[&str] = &["list", "reversed", "set", "sorted", "tuple"];

/// How much of a result is at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Rows, which hold objects.
    Rows,
    /// A result that gives objects.
    Objects,
    /// A list of objects.
    List,
    /// One object.
    One,
}

/// The objects that one awaited call has loaded.
#[derive(Default)]
pub struct Loaded<'a> {
    /// The attributes of the objects that are read.
    pub reads: Vec<&'a ast::ExprAttribute>,
    /// Names of single objects, each with the range in which it is one: up to the next binding.
    pub names: Vec<(&'a str, TextRange)>,
}

/// The call of a session that a function waits for.
pub struct Asked<'a> {
    pub await_: &'a ast::ExprAwait,
    pub call: &'a ast::ExprCall,
    pub session: &'a Expr,
    pub method: &'a str,
}

impl<'a> Asked<'a> {
    /// `await session.execute(...)` and its like.
    pub fn of(ctx: &Context<'a>, await_: &'a ast::ExprAwait) -> Option<Self> {
        let Expr::Call(call) = &*await_.value else { return None };
        let Expr::Attribute(method) = &*call.func else {
            return None;
        };
        held_by(&method.attr)?;
        ctx.model.is_session(&method.value, true).then_some(Self {
            await_,
            call,
            session: &method.value,
            method: &method.attr,
        })
    }

    /// Whether one object is asked for by its key.
    pub fn is_by_key(&self) -> bool {
        matches!(self.method, "get" | "get_one")
    }

    /// What becomes of the objects in the same function.
    pub fn loaded(&self, ctx: &Context<'a>) -> Loaded<'a> {
        let mut loaded = Loaded::default();
        if let Some(held) = held_by(self.method) {
            loaded.follow(ctx.model, ctx.model.id(self.await_), held, 0);
        }
        loaded
    }
}

fn held_by(method: &str) -> Option<Held> {
    Some(match method {
        "execute" | "stream" => Held::Rows,
        "scalars" | "stream_scalars" | "exec" => Held::Objects,
        "scalar" | "get" | "get_one" | "merge" => Held::One,
        _ => return None,
    })
}

/// What a method of a result gives.
fn given_by(held: Held, method: &str) -> Option<Held> {
    Some(match (held, method) {
        (Held::Rows, "scalars") => Held::Objects,
        (Held::Rows, "scalar" | "scalar_one" | "scalar_one_or_none") => Held::One,
        (Held::Rows | Held::Objects, "unique" | "yield_per") => held,
        (Held::Objects, "all" | "fetchall" | "fetchmany") => Held::List,
        (Held::Objects, "first" | "one" | "one_or_none") => Held::One,
        _ => return None,
    })
}

impl<'a> Loaded<'a> {
    fn follow(&mut self, model: &SemanticModel<'a>, at: NodeId, held: Held, steps: usize) {
        let range = model.node(at).range();
        let parent = model.parent(at);
        match model.node(parent) {
            AnyNodeRef::ExprAwait(_) => self.follow(model, parent, held, steps),
            AnyNodeRef::ExprNamed(named) if named.value.range() == range => {
                self.bind(model, &named.target, named.end(), held, steps);
                self.follow(model, parent, held, steps);
            }
            AnyNodeRef::ExprAttribute(read) if held == Held::One && read.ctx.is_load() => self.reads.push(read),
            AnyNodeRef::ExprAttribute(link) => {
                let call = model.parent(parent);
                if model.is_callee(parent)
                    && let Some(held) = given_by(held, &link.attr)
                {
                    self.follow(model, call, held, steps);
                }
            }
            AnyNodeRef::ExprSubscript(outer) if held == Held::List && outer.value.range() == range => {
                let part = if outer.slice.is_slice_expr() { held } else { Held::One };
                self.follow(model, parent, part, steps);
            }
            AnyNodeRef::Arguments(_) => {
                let call = model.parent(parent);
                if let AnyNodeRef::ExprCall(outer) = model.node(call)
                    && matches!(held, Held::Objects | Held::List)
                    && outer.arguments.args.first().is_some_and(|first| first.range() == range)
                    && KEEPERS.iter().any(|name| model.is_builtin(&outer.func, name))
                {
                    self.follow(model, call, Held::List, steps);
                }
            }
            AnyNodeRef::StmtFor(outer) if outer.iter.range() == range => {
                if let (Some(first), Some(last)) = (outer.body.first(), outer.body.last()) {
                    let body = TextRange::new(first.start(), last.end());
                    self.element(model, &outer.target, body, held, steps);
                }
            }
            AnyNodeRef::Comprehension(outer) if outer.iter.range() == range => {
                let around = model.node(model.parent(parent)).range();
                self.element(model, &outer.target, around, held, steps);
            }
            AnyNodeRef::StmtAssign(assign) if assign.value.range() == range => {
                if let [target] = &*assign.targets {
                    self.bind(model, target, assign.end(), held, steps);
                }
            }
            AnyNodeRef::StmtAnnAssign(assign) if assign.value.as_ref().is_some_and(|value| value.range() == range) => {
                self.bind(model, &assign.target, assign.end(), held, steps);
            }
            _ => {}
        }
    }

    /// Goes on at the variable of a loop.
    fn element(&mut self, model: &SemanticModel<'a>, target: &'a Expr, within: TextRange, held: Held, steps: usize) {
        if let Expr::Name(name) = target
            && matches!(held, Held::Objects | Held::List)
        {
            self.named(model, name, within, Held::One, steps);
        }
    }

    /// Goes on at a name, up to its next binding.
    fn bind(&mut self, model: &SemanticModel<'a>, target: &'a Expr, from: TextSize, held: Held, steps: usize) {
        let Expr::Name(name) = target else { return };
        let id = model.id(name);
        let Some(function) = model.enclosing_function(id) else {
            return;
        };
        let own = model.lookup(&name.id, model.scope_of(id));
        let next = model
            .subtree(model.id(function))
            .filter_map(|(other, node)| match node {
                AnyNodeRef::ExprName(store) if !store.ctx.is_load() && store.id == name.id => {
                    let is_same = model.lookup(&store.id, model.scope_of(other)) == own;
                    // A statement reads its value before it binds the name.
                    let from_here = store.start() > name.start() && is_same;
                    from_here.then(|| {
                        model
                            .statement_of(other)
                            .map_or(store.start(), |(_, stmt)| last_read(stmt, store))
                    })
                }
                _ => None,
            });
        let end = next.min().unwrap_or(function.end()).max(from);
        self.named(model, name, TextRange::new(from, end), held, steps);
    }

    fn named(
        &mut self,
        model: &SemanticModel<'a>,
        name: &'a ast::ExprName,
        within: TextRange,
        held: Held,
        steps: usize,
    ) {
        let Some(function) = model.enclosing_function(model.id(name)).filter(|_| steps < MAX_STEPS) else {
            return;
        };
        if held == Held::One {
            self.names.push((&name.id, within));
        }
        let own = model.lookup(&name.id, model.scope_of(model.id(name)));
        for (id, node) in model.subtree(model.id(function)) {
            if let AnyNodeRef::ExprName(load) = node
                && load.ctx.is_load()
                && load.id == name.id
                && within.contains_range(load.range())
                && model.lookup(&load.id, model.scope_of(id)) == own
            {
                self.follow(model, id, held, steps + 1);
            }
        }
    }
}

/// Up to where a statement that binds a name anew still reads the old value.
fn last_read(stmt: &ast::Stmt, store: &ast::ExprName) -> TextSize {
    match stmt {
        ast::Stmt::Assign(assign) => assign.end(),
        ast::Stmt::AnnAssign(assign) => assign.end(),
        ast::Stmt::For(outer) if outer.target.range().contains_range(store.range()) => outer.iter.end(),
        _ => store.start(),
    }
}
