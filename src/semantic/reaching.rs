//! Which assignments a read of a local name may see: reaching definitions of one name in one function.
//!
//! The answer errs on the side of more: an assignment that cannot in fact reach a read may be listed, one that can is never left out.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, ExprContext, Stmt};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHashMap;

use super::names::Lookup;
use super::{Binding, BindingKind, NodeId, ScopeId, SemanticModel};

/// What may be the value of a name: the node of the binding, or the state before the function bound it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Definition {
    /// A parameter's value, or no value at all: reading it raises `UnboundLocalError`.
    Entry,
    /// [`super::Binding::node`] of the binding.
    At(NodeId),
}

/// Per read of the name, every definition it may see.
pub type Reads = FxHashMap<NodeId, BTreeSet<Definition>>;

type State = BTreeSet<Definition>;

impl<'a> SemanticModel<'a> {
    /// The reads of a function's own local name. `None` when other code can see the name too: a nested function, `global`, `nonlocal`.
    pub fn reads_of_local(&self, function: &'a ast::StmtFunctionDef, name: &str) -> Option<Reads> {
        let scope = self.body_scope(function);
        if self.lookup(name, scope) != Lookup::Scope(scope) {
            return None;
        }
        let is_shared = self.references_in(self.id(function)).iter().any(|reference| {
            reference.name.id == name
                && self.lookup(name, reference.scope) == Lookup::Scope(scope)
                && self.function_around(reference.scope) != Some(scope)
        }) || self.bindings_in(scope, name).any(|binding| {
            self.function_around(self.scope_of(binding.node)) != Some(scope) && binding.node != self.id(function)
        });
        if is_shared {
            return None;
        }
        let mut walk = Walk {
            model: self,
            scope,
            name,
            reads: Reads::default(),
            loops: Vec::new(),
            regions: Vec::new(),
        };
        walk.block(&function.body, Some(State::from([Definition::Entry])));
        Some(walk.reads)
    }

    /// The only binding whose value a read of a name may see: that of the `with` around it where several bind the name.
    pub fn binding_of_read(&self, name: &ast::ExprName) -> Option<&Binding<'a>> {
        let (at, scope) = (self.id(name), self.scope_of(self.id(name)));
        if let Some(binding) = self.sole_binding(&name.id, scope) {
            return Some(binding);
        }
        let function = self.enclosing_function(at)?;
        let reads = self.reads_of_local(function, &name.id)?;
        let mut seen = reads.get(&at)?.iter();
        let (Some(Definition::At(node)), None) = (seen.next(), seen.next()) else {
            return None;
        };
        let mut bindings = self.bindings_in(self.body_scope(function), &name.id);
        bindings.find(|binding| binding.node == *node)
    }

    /// Whether the value that a local name has here was given to it inside a range.
    pub fn is_bound_within(&self, name: &ast::ExprName, range: TextRange) -> bool {
        let Lookup::Scope(owner) = self.lookup(&name.id, self.scope_of(self.id(name))) else {
            return false;
        };
        let is_inside = |node: NodeId| range.contains_range(self.node(node).range());
        let mut bindings = self.bindings_in(owner, &name.id).peekable();
        if bindings.peek().is_some() && bindings.all(|binding| is_inside(binding.node)) {
            return true;
        }
        let function = self.function_of_scope(owner);
        let reads = function.and_then(|function| self.reads_of_local(function, &name.id));
        reads
            .as_ref()
            .and_then(|reads| reads.get(&self.id(name)))
            .is_some_and(|definitions| {
                let is_of_range =
                    |definition: &Definition| matches!(definition, Definition::At(node) if is_inside(*node));
                definitions.iter().all(is_of_range)
            })
    }

    /// The scope of the function or lambda that runs code of this scope: comprehensions are passed through.
    fn function_around(&self, scope: ScopeId) -> Option<ScopeId> {
        let mut at = scope;
        loop {
            match self.scope(at).kind {
                super::ScopeKind::Comprehension | super::ScopeKind::Generator => at = self.scope(at).parent?,
                _ => return Some(at),
            }
        }
    }
}

struct Loop {
    breaks: State,
    continues: State,
}

struct Walk<'m, 'a> {
    model: &'m SemanticModel<'a>,
    scope: ScopeId,
    name: &'m str,
    reads: Reads,
    loops: Vec<Loop>,
    /// The blocks whose execution may end anywhere in between (`try`, `with`): every state seen in each.
    regions: Vec<State>,
}

/// `None` is unreachable code.
type Flow = Option<State>;

fn join(one: Flow, other: Flow) -> Flow {
    match (one, other) {
        (Some(mut one), Some(other)) => {
            one.extend(other);
            Some(one)
        }
        (one, other) => one.or(other),
    }
}

impl<'a> Walk<'_, 'a> {
    fn block(&mut self, body: &'a [Stmt], mut flow: Flow) -> Flow {
        for stmt in body {
            flow = self.stmt(stmt, flow);
        }
        flow
    }

    fn stmt(&mut self, stmt: &'a Stmt, flow: Flow) -> Flow {
        // Code behind a `return` is walked as well, with nothing to see, so that each read has an entry.
        let reachable = flow.is_some();
        let mut state = flow.unwrap_or_default();
        let out = match stmt {
            Stmt::If(inner) => {
                self.expr(&inner.test, &mut state);
                let mut out = self.block(&inner.body, Some(state.clone()));
                let mut has_else = false;
                for clause in &inner.elif_else_clauses {
                    match &clause.test {
                        Some(test) => self.expr(test, &mut state),
                        None => has_else = true,
                    }
                    out = join(out, self.block(&clause.body, Some(state.clone())));
                }
                if has_else { out } else { join(out, Some(state)) }
            }
            Stmt::While(inner) => {
                let endless = matches!(&*inner.test, Expr::BooleanLiteral(literal) if literal.value);
                let (header, breaks) = self.repeat(state, |this, state| {
                    this.expr(&inner.test, state);
                    this.block(&inner.body, Some(state.clone()))
                });
                let done = (!endless).then_some(header);
                join(self.block_if(&inner.orelse, done), breaks)
            }
            Stmt::For(inner) => {
                self.expr(&inner.iter, &mut state);
                let (header, breaks) = self.repeat(state, |this, state| {
                    let mut state = state.clone();
                    this.expr(&inner.target, &mut state);
                    this.block(&inner.body, Some(state))
                });
                join(self.block_if(&inner.orelse, Some(header)), breaks)
            }
            Stmt::Try(inner) => self.try_(inner, state),
            Stmt::With(inner) => {
                for item in &inner.items {
                    self.expr(&item.context_expr, &mut state);
                    if let Some(vars) = &item.optional_vars {
                        self.expr(vars, &mut state);
                    }
                }
                // The manager may swallow an exception, so that what follows sees any state of the block.
                self.regions.push(state.clone());
                let out = self.block(&inner.body, Some(state));
                let seen = self.regions.pop();
                join(out, seen)
            }
            Stmt::Match(inner) => {
                self.expr(&inner.subject, &mut state);
                let mut out = Some(state.clone());
                for case in &inner.cases {
                    let mut state = state.clone();
                    self.bindings_of(self.model.id(&case.pattern), &mut state);
                    if let Some(guard) = &case.guard {
                        self.expr(guard, &mut state);
                    }
                    out = join(out, self.block(&case.body, Some(state)));
                }
                out
            }
            Stmt::Return(inner) => {
                if let Some(value) = &inner.value {
                    self.expr(value, &mut state);
                }
                None
            }
            Stmt::Raise(inner) => {
                for expr in inner.exc.iter().chain(&inner.cause) {
                    self.expr(expr, &mut state);
                }
                None
            }
            Stmt::Break(_) => {
                if let Some(outer) = self.loops.last_mut() {
                    outer.breaks.extend(state);
                }
                None
            }
            Stmt::Continue(_) => {
                if let Some(outer) = self.loops.last_mut() {
                    outer.continues.extend(state);
                }
                None
            }
            Stmt::Assign(inner) => {
                self.expr(&inner.value, &mut state);
                for target in &inner.targets {
                    self.expr(target, &mut state);
                }
                Some(state)
            }
            Stmt::AnnAssign(inner) => {
                if let Some(value) = &inner.value {
                    self.expr(value, &mut state);
                    self.expr(&inner.target, &mut state);
                }
                Some(state)
            }
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {
                // What their bodies see is refused above; decorators, defaults and bases are read here.
                self.node(self.model.id(stmt), &mut state);
                self.bindings_of(self.model.id(stmt), &mut state);
                Some(state)
            }
            _ => {
                self.node(self.model.id(stmt), &mut state);
                self.bindings_of(self.model.id(stmt), &mut state);
                Some(state)
            }
        };
        if reachable { out } else { None }
    }

    fn block_if(&mut self, body: &'a [Stmt], flow: Flow) -> Flow {
        if body.is_empty() { flow } else { self.block(body, flow) }
    }

    /// Runs a loop's round until nothing new comes around: the state at its head, and what `break` carries out.
    fn repeat(&mut self, mut state: State, mut round: impl FnMut(&mut Self, &mut State) -> Flow) -> (State, Flow) {
        let mut breaks = State::new();
        loop {
            self.loops.push(Loop {
                breaks: State::new(),
                continues: State::new(),
            });
            let mut head = state.clone();
            let end = round(self, &mut head);
            let inner = self.loops.pop().expect("it was pushed above");
            breaks.extend(inner.breaks);
            let mut next = head;
            next.extend(end.unwrap_or_default());
            next.extend(inner.continues);
            if next.is_subset(&state) {
                return (state, (!breaks.is_empty()).then_some(breaks));
            }
            state.extend(next);
        }
    }

    fn try_(&mut self, inner: &'a ast::StmtTry, state: State) -> Flow {
        self.regions.push(state.clone());
        let body = self.block(&inner.body, Some(state));
        let mut seen = self.regions.pop().expect("it was pushed above");
        // An exception in a handler or in `else` still runs `finally`.
        self.regions.push(seen.clone());
        let mut out = self.block_if(&inner.orelse, body);
        for handler in &inner.handlers {
            let ast::ExceptHandler::ExceptHandler(handler) = handler;
            let mut state = seen.clone();
            if let Some(type_) = &handler.type_ {
                self.expr(type_, &mut state);
            }
            let binds = handler.name.as_ref().is_some_and(|name| name.as_str() == self.name);
            if binds {
                state = State::from([Definition::At(self.model.id(handler))]);
            }
            let mut end = self.block(&handler.body, Some(state));
            if binds && end.is_some() {
                end = Some(State::from([Definition::Entry]));
            }
            out = join(out, end);
        }
        seen.extend(self.regions.pop().expect("it was pushed above"));
        if inner.finalbody.is_empty() {
            return out;
        }
        let reachable = out.is_some();
        seen.extend(out.unwrap_or_default());
        let end = self.block(&inner.finalbody, Some(seen));
        if reachable { end } else { None }
    }

    fn expr(&mut self, expr: &'a Expr, state: &mut State) {
        self.node(self.model.id(expr), state);
    }

    /// Reads and stores of the name in an expression or simple statement, in source order.
    fn node(&mut self, id: NodeId, state: &mut State) {
        let model = self.model;
        for (id, node) in model.subtree(id) {
            let AnyNodeRef::ExprName(name) = node else { continue };
            if name.id != self.name || model.lookup(self.name, model.scope_of(id)) != Lookup::Scope(self.scope) {
                continue;
            }
            let parent = model.node(model.parent(id));
            if name.ctx != ExprContext::Store || matches!(parent, AnyNodeRef::StmtAugAssign(_)) {
                self.reads.entry(id).or_default().extend(state.iter().copied());
            }
            match name.ctx {
                // A walrus may stand in a branch that is not taken.
                ExprContext::Store if matches!(parent, AnyNodeRef::ExprNamed(_)) => {
                    state.insert(Definition::At(id));
                    self.note(state);
                }
                ExprContext::Store => {
                    *state = State::from([Definition::At(id)]);
                    self.note(state);
                }
                ExprContext::Del => {
                    *state = State::from([Definition::Entry]);
                    self.note(state);
                }
                _ => {}
            }
        }
    }

    /// Bindings that are not names in the tree: imports, definitions, patterns.
    fn bindings_of(&mut self, id: NodeId, state: &mut State) {
        let scope = self.scope;
        let last = self
            .model
            .bindings_within(id)
            .iter()
            .rfind(|binding| binding.name == self.name && binding.scope == scope);
        if let Some(binding) = last
            && !matches!(self.model.node(binding.node), AnyNodeRef::ExprName(_))
            && !matches!(binding.kind, BindingKind::Deletion)
        {
            *state = State::from([Definition::At(binding.node)]);
            self.note(state);
        }
    }

    fn note(&mut self, state: &State) {
        for region in &mut self.regions {
            region.extend(state.iter().copied());
        }
    }
}

#[cfg(test)]
mod tests {
    use ruff_python_ast::PythonVersion;

    use super::*;
    use crate::module::Module;
    use crate::source::Source;

    /// Per read of `r`, the 1-based lines of the definitions it sees; 0 is the entry.
    #[track_caller]
    fn check(body: &str, expected: &[(usize, &[usize])]) {
        let text = format!("def f():\n{body}");
        let module = Module::parse(&Source::module(text), PythonVersion::PY313).unwrap();
        let model = SemanticModel::build(&module);
        let function = model.functions().next().unwrap();
        let reads = model.reads_of_local(function, "r").unwrap();
        let line = |id: NodeId| module.location(ruff_text_size::Ranged::start(&model.node(id))).0;
        let mut found: Vec<(usize, Vec<usize>)> = reads
            .iter()
            .map(|(&read, seen)| {
                let seen = seen.iter().map(|definition| match definition {
                    Definition::Entry => 0,
                    Definition::At(id) => line(*id),
                });
                (line(read), seen.collect())
            })
            .collect();
        found.sort();
        let expected: Vec<(usize, Vec<usize>)> = expected.iter().map(|(read, seen)| (*read, seen.to_vec())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn straight_lines_and_branches() {
        check("  r = 1\n  r\n  r = 2\n  r\n", &[(3, &[2]), (5, &[4])]);
        check("  r = 1\n  if x:\n    r = 2\n  r\n", &[(5, &[2, 4])]);
        check("  r = 1\n  if x:\n    r = 2\n    return\n  r\n", &[(6, &[2])]);
    }

    #[test]
    fn loops_and_exceptions() {
        check("  for i in x:\n    r\n    r = 1\n  r\n", &[(3, &[0, 4]), (5, &[0, 4])]);
        check("  while True:\n    r = 1\n    break\n  r\n", &[(5, &[3])]);
        check(
            "  r = 0\n  try:\n    r = 1\n  except E:\n    r\n  r\n",
            &[(6, &[2, 4]), (7, &[2, 4])],
        );
        check("  try:\n    r = 1\n  except E:\n    return\n  r\n", &[(6, &[3])]);
    }
}
