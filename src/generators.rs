//! Generator expressions in which an `await` is to stand: one that is read to its end becomes a list comprehension, one that `any` or `all`
//! stops early becomes a loop. With an `await` in it, it would be an asynchronous generator, which neither can read.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::layout::own_lines;
use crate::semantic::names::Lookup;
use crate::semantic::reaching::Definition;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{NodeId, ScopeId, ScopeKind};

/// Builtins that read a generator expression to its end, so that a list is as good.
const EXHAUSTING: &[&str] = &[
    "sum",
    "list",
    "tuple",
    "set",
    "frozenset",
    "dict",
    "sorted",
    "min",
    "max",
];

/// How the generator expression around a place is opened for an `await`.
pub enum Opening<'a> {
    /// There is none.
    Nothing,
    List(&'a ast::ExprGenerator),
    Loop(Loop<'a>),
    /// No generator expression, but `x += f()` of an `x` that other tasks may change: the value is bound to this name first.
    Value(&'a ast::StmtAugAssign, String),
}

/// `any(element for x in xs)`, `all(...)` or `next(..., default)` as a loop above the statement, or in its place.
pub struct Loop<'a> {
    generator: &'a ast::ExprGenerator,
    call: &'a ast::ExprCall,
    stmt: &'a Stmt,
    consumer: Consumer<'a>,
    /// What holds the answer; `None` where it is returned.
    answer: Option<Answer>,
}

/// A builtin that may stop a generator expression early.
#[derive(Clone, Copy)]
enum Consumer<'a> {
    Any,
    All,
    /// `next`, with what it gives where there is no element.
    Next(&'a Expr),
}

enum Answer {
    /// The name that the statement binds.
    Target(String),
    /// A name of its own, which the statement reads.
    Fresh(String),
}

impl<'a> Context<'a> {
    /// As [`Context::may_await`], also for a place in a generator expression that can be opened; the edits of the caller go through
    /// [`Context::opened`] then.
    pub fn may_await_opened(&self, at: NodeId) -> Result<(Option<String>, Opening<'a>), Declined> {
        let model = self.model;
        let scopes = std::iter::successors(Some(model.scope_of(at)), |scope| model.scope(*scope).parent);
        let own: Vec<ScopeId> = scopes
            .take_while(|scope| !matches!(model.scope(*scope).kind, ScopeKind::Function(_)))
            .collect();
        let is_generator = |scope: &ScopeId| matches!(model.scope(*scope).kind, ScopeKind::Generator);
        if !own.iter().any(is_generator) {
            return match self.bound_first(at) {
                Some(stmt) if own.is_empty() => {
                    let id = model.id(stmt);
                    let opening = Opening::Value(stmt, model.fresh_name("value", id));
                    Ok((self.may_await(id)?, opening))
                }
                _ => Ok((self.may_await(at)?, Opening::Nothing)),
            };
        }
        let [_] = *own else {
            return Err("it stands in a comprehension in another one, one of which is a generator expression".into());
        };
        let found = model.ancestors(at).find_map(|(_, node)| match node {
            AnyNodeRef::ExprGenerator(generator) => Some(generator),
            _ => None,
        });
        let generator = found.ok_or("its generator expression is not found")?;
        let doubt = self.may_await(model.id(generator))?;
        let consumer = self.consumer_of(generator);
        if consumer.is_some_and(|call| self.reads_to_the_end(call)) {
            return Ok((doubt, Opening::List(generator)));
        }
        let is = |name: &str| consumer.is_some_and(|call| model.is_builtin(&call.func, name));
        match consumer {
            Some(call) => {
                let consumer = match &*call.arguments.args {
                    _ if !call.arguments.keywords.is_empty() => None,
                    [_] if is("any") => Some(Consumer::Any),
                    [_] if is("all") => Some(Consumer::All),
                    // A default that is evaluated in another order must not matter.
                    [_, default] if is("next") && (default.is_name_expr() || default.is_literal_expr()) => {
                        Some(Consumer::Next(default))
                    }
                    _ => None,
                };
                match consumer {
                    Some(consumer) => Ok((doubt, Opening::Loop(self.unrolled(generator, call, consumer)?))),
                    None => Err(Declined(format!(
                        "it stands in a generator expression that `{}` may not read to its end: make it a loop, or a list",
                        model.slice(&*call.func)
                    ))),
                }
            }
            None => Err("it stands in a generator expression, where await would make an asynchronous generator".into()),
        }
    }

    /// The call whose first argument a generator expression is.
    pub fn consumer_of(&self, generator: &ast::ExprGenerator) -> Option<&'a ast::ExprCall> {
        let model = self.model;
        let arguments = model.parent(model.id(generator));
        match (model.node(arguments), model.node(model.parent(arguments))) {
            (AnyNodeRef::Arguments(_), AnyNodeRef::ExprCall(call)) => call
                .arguments
                .args
                .first()
                .is_some_and(|first| first.range() == generator.range())
                .then_some(call),
            _ => None,
        }
    }

    /// Whether a call reads its first argument to the end, whatever that gives.
    pub fn reads_to_the_end(&self, call: &ast::ExprCall) -> bool {
        let joins = matches!(&*call.func, Expr::Attribute(method)
            if method.attr.as_str() == "join" && self.model.type_of(&method.value) == Type::Scalar("str"));
        joins || EXHAUSTING.iter().any(|name| self.model.is_builtin(&call.func, name))
    }

    /// The edits that make a list comprehension of a generator expression.
    pub fn list_edits(&self, generator: &ast::ExprGenerator) -> [Edit; 2] {
        let one = TextSize::from(1);
        if generator.parenthesized {
            let (start, end) = (generator.start(), generator.end());
            [
                Edit::replacement("[", TextRange::at(start, one)),
                Edit::replacement("]", TextRange::new(end - one, end)),
            ]
        } else {
            [
                Edit::insertion("[", generator.start()),
                Edit::insertion("]", generator.end()),
            ]
        }
    }

    /// The edits of a caller that stand in a generator expression, with those that open it.
    pub fn opened(&self, opening: &Opening<'a>, mut edits: Vec<Edit>) -> Result<Vec<Edit>, Declined> {
        match opening {
            Opening::Nothing => Ok(edits),
            Opening::List(generator) => {
                let [open, close] = self.list_edits(generator);
                edits.insert(0, open);
                edits.push(close);
                Ok(edits)
            }
            Opening::Loop(unrolled) => self.loop_edits(unrolled, edits),
            Opening::Value(stmt, name) => {
                let head = TextRange::new(stmt.start(), stmt.value.start());
                let target = self.module.slice(head);
                let indent = self.indentation(*stmt);
                edits.insert(0, Edit::replacement(format!("{name} = "), head));
                edits.push(Edit::insertion(format!("\n{indent}{target}{name}"), stmt.end()));
                Ok(edits)
            }
        }
    }

    /// The statement `x += ...` around a place, if its value can be bound first: `x` is read before the place is reached, and to evaluate
    /// what it is made of has no effect.
    fn bound_first(&self, at: NodeId) -> Option<&'a ast::StmtAugAssign> {
        let (_, Stmt::AugAssign(stmt)) = self.model.statement_of(at)? else {
            return None;
        };
        let head = TextRange::new(stmt.start(), stmt.value.start());
        let is_plain = !self.is_own_local(&stmt.target)
            && is_made_of_names(&stmt.target)
            && !self.is_parenthesized(&*stmt.value)
            && !self.module.slice(head).contains(['\n', '#'])
            && own_lines(self.module, stmt.start(), stmt.end()).is_ok();
        is_plain.then_some(stmt)
    }

    /// Whether `any(...)` and its like can be a loop above its statement.
    fn unrolled(
        &self,
        generator: &'a ast::ExprGenerator,
        call: &'a ast::ExprCall,
        consumer: Consumer<'a>,
    ) -> Result<Loop<'a>, Declined> {
        let model = self.model;
        let (name, wanted) = match consumer {
            Consumer::Any => ("any", "found"),
            Consumer::All => ("all", "holds"),
            Consumer::Next(_) => ("next", "first"),
        };
        let keep = |why: &str| {
            Declined(format!(
                "it stands in a generator expression that `{name}` may stop early, {why}"
            ))
        };
        let (id, stmt) = model
            .statement_of(model.id(call))
            .ok_or_else(|| keep("outside of a statement"))?;
        // Of an `if`, only the lines above it change, and the test.
        let ends = if stmt.is_if_stmt() { call.end() } else { stmt.end() };
        let is_alone = if stmt.is_if_stmt() {
            self.module.is_first_on_line(stmt.start())
        } else {
            own_lines(self.module, stmt.start(), ends).is_ok()
        };
        if !is_alone {
            return Err(keep("in a statement that shares its line with another one"));
        }
        let lines = TextRange::new(stmt.start(), self.module.line_end(ends));
        if !self.module.comments_in(lines).is_empty() {
            return Err(keep("with a comment beside it"));
        }
        self.unindented(call.range(), "")?;
        if generator.generators.iter().any(|clause| clause.is_async) {
            return Err(keep("with an asynchronous clause"));
        }
        let scope = model.scope_of(id);
        for binding in model.bindings_within(model.id(generator)) {
            let is_walrus = matches!(model.node(model.parent(binding.node)), AnyNodeRef::ExprNamed(_));
            if !is_walrus && !self.is_free_in(binding.name, id, model.id(generator)) {
                return Err(keep(&format!(
                    "and `{}` would stay bound behind a loop, where the function has another one",
                    binding.name
                )));
            }
        }
        let is_value = |value: Option<&Expr>| value.is_some_and(|value| value.range() == call.range());
        let fresh = |wanted: &str| Some(Answer::Fresh(model.fresh_name(wanted, id)));
        let answer = match stmt {
            Stmt::Return(inner) if is_value(inner.value.as_deref()) => {
                return Ok(Loop {
                    generator,
                    call,
                    stmt,
                    consumer,
                    answer: None,
                });
            }
            Stmt::Assign(assign) if is_value(Some(&assign.value)) => match assign.targets.as_slice() {
                [Expr::Name(target)]
                    if model.lookup(&target.id, scope) == Lookup::Scope(scope)
                        && !model.is_captured(&target.id, scope)
                        && model.guards(id).is_empty()
                        && !model
                            .references_in(model.id(generator))
                            .iter()
                            .any(|reference| reference.name.id == target.id) =>
                {
                    Some(Answer::Target(target.id.to_string()))
                }
                _ => fresh(wanted),
            },
            Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::Return(_) | Stmt::Expr(_) | Stmt::Assert(_) => fresh(wanted),
            Stmt::If(outer) if outer.test.range().contains_range(call.range()) => fresh(wanted),
            _ => return Err(keep("in a place where no loop can stand before it")),
        };
        let before = model.evaluated_before(model.id(call));
        let is_first = before.is_some_and(|before| {
            !before.conditional
                && before
                    .exprs
                    .iter()
                    .all(|expr| expr.is_name_expr() || expr.is_literal_expr())
        });
        if !is_first {
            return Err(keep("and something else is evaluated before it"));
        }
        if generator.generators.len() > 1 {
            return Err(keep("with several loops in it"));
        }
        Ok(Loop {
            generator,
            call,
            stmt,
            consumer,
            answer,
        })
    }

    /// Whether a loop at a statement may bind a name for which a node has a variable of its own: everything else in the function that goes by
    /// it belongs to another comprehension, or to a loop that binds it anew.
    fn is_free_in(&self, name: &str, stmt: NodeId, inside: NodeId) -> bool {
        let model = self.model;
        let scope = model.scope_of(stmt);
        let Some(function) = model.function_of_scope(scope) else {
            return false;
        };
        let reads = model.reads_of_local(function, name);
        let is_of_a_loop = |read: NodeId| {
            reads
                .as_ref()
                .and_then(|reads| reads.get(&read))
                .is_some_and(|definitions| {
                    definitions.iter().all(|definition| {
                        let Definition::At(definition) = definition else {
                            return false;
                        };
                        model.ancestors(read).any(|(_, node)| match node {
                            AnyNodeRef::StmtFor(outer) => {
                                model.contains(model.id(&*outer.target), *definition)
                                    && outer.body.iter().any(|stmt| model.contains(model.id(stmt), read))
                            }
                            _ => false,
                        })
                    })
                })
        };
        !model.is_captured(name, scope)
            && model
                .references_in(model.id(function))
                .iter()
                .filter(|reference| reference.name.id == name && !model.contains(inside, reference.node))
                .all(|reference| match model.lookup(name, reference.scope) {
                    Lookup::Scope(owner) if owner == scope => is_of_a_loop(reference.node),
                    Lookup::Scope(owner) => model
                        .function_of_scope(owner)
                        .is_some_and(|other| model.contains(model.id(function), model.id(other))),
                    _ => false,
                })
    }

    fn loop_edits(&self, unrolled: &Loop<'a>, edits: Vec<Edit>) -> Result<Vec<Edit>, Declined> {
        let generator = unrolled.generator;
        let written = |expr: &Expr| {
            let inside = edits
                .iter()
                .filter(|edit| expr.range().contains_range(edit.range()))
                .cloned()
                .collect();
            let text = self.edited(expr.range(), inside);
            if text.contains('\n') { format!("({text})") } else { text }
        };
        let (stmt, unit) = (unrolled.stmt, self.indent_unit(self.model.id(unrolled.stmt)));
        let mut text = String::new();
        let (first, second) = match unrolled.consumer {
            Consumer::Any => ("False".to_owned(), "True".to_owned()),
            Consumer::All => ("True".to_owned(), "False".to_owned()),
            Consumer::Next(default) => (self.model.slice(default).to_owned(), written(&generator.elt)),
        };
        match &unrolled.answer {
            Some(Answer::Target(name) | Answer::Fresh(name)) => text.push_str(&format!("{name} = {first}\n")),
            None => {}
        }
        let mut depth = String::new();
        for (index, clause) in generator.generators.iter().enumerate() {
            text.push_str(&format!(
                "{depth}for {} in {}:\n",
                self.model.slice(&clause.target),
                written(&clause.iter)
            ));
            depth.push_str(&unit);
            let is_last = index + 1 == generator.generators.len();
            let is_loose_element = is_loose(&generator.elt);
            let element = is_last.then(|| written(&generator.elt));
            let element = element.and_then(|element| match unrolled.consumer {
                Consumer::Any if is_loose_element && !clause.ifs.is_empty() => Some(format!("({element})")),
                Consumer::Any => Some(element),
                Consumer::All if is_loose_element => Some(format!("not ({element})")),
                Consumer::All => Some(format!("not {element}")),
                Consumer::Next(_) => None,
            });
            let conditions: Vec<String> = clause
                .ifs
                .iter()
                .map(|test| {
                    let text = written(test);
                    if is_loose(test) { format!("({text})") } else { text }
                })
                .chain(element)
                .collect();
            if !conditions.is_empty() {
                text.push_str(&format!("{depth}if {}:\n", conditions.join(" and ")));
                depth.push_str(&unit);
            }
        }
        match &unrolled.answer {
            Some(Answer::Target(name)) => text.push_str(&format!("{depth}{name} = {second}\n{depth}break")),
            Some(Answer::Fresh(name)) => text.push_str(&format!("{depth}{name} = {second}\n{depth}break\n")),
            None => text.push_str(&format!("{depth}return {second}\nreturn {first}")),
        }
        let text = text.replace('\n', &format!("\n{}", self.indentation(stmt)));
        Ok(match &unrolled.answer {
            Some(Answer::Fresh(name)) => vec![
                Edit::insertion(text, stmt.start()),
                Edit::replacement(name.clone(), unrolled.call.range()),
            ],
            _ => vec![Edit::replacement(text, stmt.range())],
        })
    }
}

/// `total`, `self.total`, `totals[key]`
fn is_made_of_names(target: &Expr) -> bool {
    match target {
        Expr::Name(_) => true,
        Expr::Attribute(attribute) => is_made_of_names(&attribute.value),
        Expr::Subscript(subscript) => {
            is_made_of_names(&subscript.value)
                && (subscript.slice.is_literal_expr() || is_made_of_names(&subscript.slice))
        }
        _ => false,
    }
}

/// Whether an expression binds more loosely than `and` and `not`.
fn is_loose(expr: &Expr) -> bool {
    matches!(
        expr,
        Expr::BoolOp(_) | Expr::If(_) | Expr::Lambda(_) | Expr::Named(_) | Expr::Yield(_)
    )
}
