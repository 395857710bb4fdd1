//! Moving statements into a function of the function: `def read_file(): ...`, then one `await` of a thread that runs it.
//!
//! What the statements bind and the rest of the function reads is returned and bound again; a name that they read before they bind it is
//! declared `nonlocal`, and what the function declares is declared again. Whether the statements may run in a thread at all is for the caller to know.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::Declined;
use crate::layout::above_blank_lines;
use crate::semantic::names::{Lookup, map_callable};
use crate::semantic::place::blocks;
use crate::semantic::reaching::Definition;
use crate::semantic::{BindingKind, NodeId, Reference, ScopeId, ScopeKind};

/// Builtins that look at the function that calls them, and so may not be called by another one.
const FRAME_READERS: &[&str] = &["locals", "vars", "dir", "eval", "exec", "super"];

/// Statements of one block that become the body of a function.
struct Moved<'c, 'a> {
    ctx: &'c Context<'a>,
    function: &'a ast::StmtFunctionDef,
    scope: ScopeId,
    stmts: &'a [Stmt],
    range: TextRange,
}

/// How the names that the statements bind come back.
#[derive(Default)]
struct Names<'a> {
    returned: BTreeSet<&'a str>,
    nonlocal: BTreeSet<&'a str>,
    /// Those that the function itself declares to be the module's.
    global: BTreeSet<&'a str>,
    doubt: Option<String>,
}

impl<'a> Context<'a> {
    /// The fix that makes a local function of statements of one block and has a thread run it. `doubt`: what the caller could not prove of them.
    pub fn offload_statements(&self, stmts: &'a [Stmt], name: &str, doubt: Option<String>) -> Result<Fix, Declined> {
        let (Some(first), Some(last)) = (stmts.first(), stmts.last()) else {
            return Err("there is nothing to move".into());
        };
        let at = self.model.id(first);
        let function = self
            .model
            .enclosing_function(at)
            .ok_or("it stands outside of a function")?;
        let moved = Moved {
            ctx: self,
            function,
            scope: self.model.scope_of(at),
            stmts,
            range: TextRange::new(first.start(), last.end()),
        };
        let place = self.may_await(at)?;
        moved.can_move()?;
        let returns = moved.returns()?;
        let names = moved.names()?;
        let loader = self.off_loader(at, false)?;
        let edits = moved.edits(
            name,
            &names,
            returns,
            &format!("await {}{}{name}{}", loader.head, loader.inner, loader.tail),
        )?;
        Ok(Fix::with_doubt(doubt.or(names.doubt).or(place), edits).import(loader.imports))
    }
}

impl<'a> Moved<'_, 'a> {
    fn nodes(&self) -> impl Iterator<Item = (NodeId, AnyNodeRef<'a>)> + '_ {
        self.stmts
            .iter()
            .flat_map(|stmt| self.ctx.model.subtree(self.ctx.model.id(stmt)))
    }

    fn is_inside(&self, id: NodeId) -> bool {
        self.range.contains_range(self.ctx.model.node(id).range())
    }

    /// Refuses what cannot stand in a plain function, and jumps that would leave it.
    fn can_move(&self) -> Result<(), Declined> {
        let model = self.ctx.model;
        for (id, node) in self.nodes() {
            let reason = match node {
                AnyNodeRef::ExprAwait(_) => "an `await` stands among the statements that belong to it",
                AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_) => {
                    "a `yield` stands among the statements that belong to it"
                }
                AnyNodeRef::StmtWith(with) if with.is_async => "an `async with` belongs to it",
                AnyNodeRef::StmtFor(inner) if inner.is_async => "an `async for` belongs to it",
                AnyNodeRef::Comprehension(inner) if inner.is_async => "an `async for` belongs to it",
                AnyNodeRef::StmtFunctionDef(inner) if inner.is_async => "an `async def` belongs to it",
                AnyNodeRef::StmtGlobal(_) | AnyNodeRef::StmtNonlocal(_) => {
                    "`global` or `nonlocal` stands among its statements"
                }
                AnyNodeRef::StmtRaise(raise) if raise.exc.is_none() && !self.is_handled_inside(id) => {
                    "a `raise` among its statements raises again what is handled around them"
                }
                AnyNodeRef::ExprCall(call)
                    if self.ctx.model.asks_for_exception(call) && !self.is_handled_inside(id) =>
                {
                    return Err(Declined(format!(
                        "`{}` looks at the exception that is handled there, which a thread does not see",
                        model.slice(&*call.func)
                    )));
                }
                AnyNodeRef::StmtBreak(_) | AnyNodeRef::StmtContinue(_) if !self.loop_is_inside(id) => {
                    "`break` or `continue` leaves the statements that belong to it"
                }
                AnyNodeRef::ExprName(name)
                    if FRAME_READERS.contains(&name.id.as_str())
                        && model.lookup(&name.id, model.scope_of(id)) == Lookup::Builtin =>
                {
                    return Err(Declined(format!("`{}` looks at the function that calls it", name.id)));
                }
                _ => continue,
            };
            return Err(reason.into());
        }
        if let Some(name) = self.shows_locals() {
            return Err(Declined(format!(
                "`{name}` in the function looks at its variables, of which those of the statements would be gone"
            )));
        }
        Ok(())
    }

    /// The builtin by which the function looks at all of its variables, if the statements bind any.
    fn shows_locals(&self) -> Option<&'a str> {
        let model = self.ctx.model;
        let mut bound = self.stmts.iter().flat_map(|stmt| model.bindings_within(model.id(stmt)));
        if !bound.any(|binding| binding.scope == self.scope) {
            return None;
        }
        let references = model.references_in(model.id(self.function)).iter();
        let mut names = references.filter(|reference| {
            let is_bare = match model.node(model.parent(reference.node)) {
                AnyNodeRef::ExprCall(call) => call.arguments.is_empty(),
                _ => false,
            };
            let name = reference.name.id.as_str();
            let looks = matches!(name, "locals" | "eval" | "exec") || matches!(name, "vars" | "dir") && is_bare;
            looks && model.lookup(name, reference.scope) == Lookup::Builtin
        });
        names.next().map(|reference| reference.name.id.as_str())
    }

    /// Whether the handler around a node moves with it.
    fn is_handled_inside(&self, id: NodeId) -> bool {
        let mut around = self.ctx.model.ancestors(id);
        around.any(|(outer, node)| node.is_except_handler_except_handler() && self.is_inside(outer))
    }

    /// Whether the loop that a jump belongs to moves with it. The `else` of a loop belongs to the next one.
    fn loop_is_inside(&self, jump: NodeId) -> bool {
        let at = self.ctx.model.node(jump).range();
        self.ctx.model.loops(jump).filter(|id| self.is_inside(*id)).any(|id| {
            blocks(self.ctx.model.node(id))
                .first()
                .is_some_and(|body| body.iter().any(|stmt| stmt.range().contains_range(at)))
        })
    }

    /// Whether the statements return, and then always do.
    fn returns(&self) -> Result<bool, Declined> {
        let model = self.ctx.model;
        let returns = self.nodes().any(|(id, node)| {
            matches!(node, AnyNodeRef::StmtReturn(_))
                && model
                    .enclosing_function(id)
                    .is_some_and(|inner| inner.range() == self.function.range())
        });
        if !returns {
            return Ok(false);
        }
        if model.is_generator(self.function) {
            return Err("`return` ends the generator".into());
        }
        let ends_function = self.function.body.last().map(Ranged::range) == self.stmts.last().map(Ranged::range);
        if ends_function || self.stmts.last().is_some_and(always_returns) {
            Ok(true)
        } else {
            Err("some paths through the statements that belong to it return, and others go on".into())
        }
    }

    /// The names that the statements bind and that the function declares `global` or `nonlocal`: the new function must declare them, too.
    fn declared_names(&self) -> Names<'a> {
        let model = self.ctx.model;
        let mut names = Names::default();
        let bound = self.stmts.iter().flat_map(|stmt| model.bindings_within(model.id(stmt)));
        for binding in bound {
            let is_of_function = || {
                let function = model.enclosing_function(binding.node);
                function.is_some_and(|function| function.range() == self.function.range())
            };
            let declared = match model.scope(binding.scope).kind {
                _ if binding.scope == self.scope => continue,
                ScopeKind::Module if is_of_function() => &mut names.global,
                ScopeKind::Function(owner) if !self.range.contains_range(owner.range()) && is_of_function() => {
                    &mut names.nonlocal
                }
                _ => continue,
            };
            declared.insert(binding.name);
            names.doubt.get_or_insert_with(|| {
                format!(
                    "`{}` is written by the thread, and other tasks may use it meanwhile",
                    binding.name
                )
            });
        }
        names
    }

    /// How each name comes back that the statements bind and other code reads.
    fn names(&self) -> Result<Names<'a>, Declined> {
        let model = self.ctx.model;
        let mut names = self.declared_names();
        let tail = self.tail().map(|tail| tail.name);
        let bound: BTreeSet<&'a str> = self
            .stmts
            .iter()
            .flat_map(|stmt| model.bindings_within(model.id(stmt)))
            .filter(|binding| binding.scope == self.scope)
            .map(|binding| binding.name)
            .collect();
        let all_reads = |name: &'a str| -> Vec<&Reference<'a>> { model.references_to(self.scope, name).collect() };
        for name in bound {
            let reads = all_reads(name);
            let (inside, mut outside): (Vec<&Reference>, Vec<&Reference>) =
                reads.into_iter().partition(|reference| self.is_inside(reference.node));
            if let Some(reads) = model.reads_of_local(self.function, name) {
                outside.retain(|reference| {
                    reads.get(&reference.node).is_none_or(|definitions| {
                        definitions
                            .iter()
                            .any(|definition| matches!(definition, Definition::At(node) if self.is_inside(*node)))
                    })
                });
            }
            let sites = || model.bindings_in(self.scope, name);
            if sites().any(|binding| {
                self.is_inside(binding.node) && matches!(binding.kind, BindingKind::Function(_) | BindingKind::Class(_))
            }) && !outside.is_empty()
            {
                return Err(Declined(format!(
                    "`{name}` is defined among the statements that belong to it"
                )));
            }
            let is_bound_outside = sites().any(|binding| !self.is_inside(binding.node));
            let outer_values = self.sees_outer_value(name, &inside, is_bound_outside);
            if outside.is_empty() && !outer_values {
                continue;
            }
            if sites().any(|binding| self.is_inside(binding.node) && matches!(binding.kind, BindingKind::Deletion)) {
                return Err(Declined(format!(
                    "`{name}` is deleted among the statements that belong to it"
                )));
            }
            let seen_after_failure = tail != Some(name)
                && model
                    .guards(model.id(&self.stmts[0]))
                    .iter()
                    .any(|guard| model.is_seen_after_failure(name, self.scope, guard));
            let is_sure = self.stmts.iter().any(|stmt| always_binds(stmt, name));
            let is_captured = outside.iter().any(|reference| reference.scope != self.scope) && is_bound_outside;
            let is_annotated = sites()
                .any(|binding| self.is_inside(binding.node) && matches!(binding.kind, BindingKind::Annotated(_)));
            if is_bound_outside && (outer_values || !is_sure || seen_after_failure || is_captured) {
                if is_annotated {
                    return Err(Declined(format!(
                        "`{name}` is annotated among the statements that belong to it, and has a value before"
                    )));
                }
                names.nonlocal.insert(name);
            } else if is_sure {
                if seen_after_failure {
                    names
                        .doubt
                        .get_or_insert_with(|| format!("`{name}` is no longer bound when a later statement fails"));
                }
                names.returned.insert(name);
            } else {
                return Err(Declined(format!("`{name}` is read later, and not bound on every path")));
            }
        }
        Ok(names)
    }

    /// Whether a read of a name inside may see the value that it had before. Where that is not known: true when there may be such a value.
    fn sees_outer_value(&self, name: &'a str, inside: &[&Reference<'a>], is_bound_outside: bool) -> bool {
        let model = self.ctx.model;
        let augmented = model
            .bindings_in(self.scope, name)
            .any(|binding| self.is_inside(binding.node) && matches!(binding.kind, BindingKind::AugAssignment));
        match model.reads_of_local(self.function, name) {
            Some(reads) => {
                inside.iter().any(|reference| {
                    reads.get(&reference.node).is_none_or(|definitions| {
                        definitions.iter().any(|definition| match definition {
                            Definition::Entry => is_bound_outside,
                            Definition::At(node) => !self.is_inside(*node),
                        })
                    })
                }) || augmented && is_bound_outside
            }
            None => is_bound_outside && (!inside.is_empty() || augmented),
        }
    }

    /// `name = value` as the last thing that the statements do: the function can return the value itself. Not where a comment on its line speaks
    /// of the assignment: `# type: str`.
    fn tail(&self) -> Option<Tail<'a>> {
        let mut last = self.stmts.last()?;
        while let Stmt::With(with) = last {
            last = with.body.last()?;
        }
        let lines = TextRange::new(last.start(), self.ctx.module.line_end(last.end()));
        if self.ctx.pragma_doubt(lines).is_some() || self.ctx.type_comment(lines).is_some() {
            return None;
        }
        let (target, left, value) = match last {
            Stmt::Assign(assign) => match assign.targets.as_slice() {
                [target] => (target, target.range(), &*assign.value),
                _ => return None,
            },
            Stmt::AnnAssign(assign) => (
                &*assign.target,
                TextRange::new(assign.start(), assign.annotation.end()),
                assign.value.as_deref()?,
            ),
            _ => return None,
        };
        match target {
            Expr::Name(name) => Some(Tail {
                name: name.id.as_str(),
                left,
                value,
            }),
            _ => None,
        }
    }

    fn edits(&self, function: &str, names: &Names, returns: bool, call: &str) -> Result<Vec<Edit>, Declined> {
        let ctx = self.ctx;
        let module = ctx.module;
        let (Some(first), Some(last)) = (self.stmts.first(), self.stmts.last()) else {
            return Err("there is nothing to move".into());
        };
        if returns && !names.returned.is_empty() {
            return Err("some paths through the statements that belong to it return, and others go on".into());
        }
        let indent = ctx.indentation(first).to_owned();
        let unit = ctx.indent_unit(ctx.model.id(first));
        let join = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(", ");
        let mut header = format!("def {function}():");
        for (keyword, declared) in [("global", &names.global), ("nonlocal", &names.nonlocal)] {
            if !declared.is_empty() {
                header = format!("{header}\n{unit}{keyword} {}", join(declared));
            }
        }
        let mut edits = ctx.wrap(first, last, &header)?;
        let is_first = ctx
            .model
            .block_of(ctx.model.id(first))
            .is_some_and(|(_, index)| index == 0);
        let parent = ctx.model.node(ctx.model.parent(ctx.model.id(first)));
        let comments = ctx.comments_above(first);
        let top = module.line_start(comments.first().map_or(first.start(), Ranged::start));
        let is_below_blank = above_blank_lines(module, top) != top;
        // Formatters leave no blank line directly below the header of a function, or above a comment that starts a block.
        let is_top = is_first && (matches!(parent, AnyNodeRef::StmtFunctionDef(_)) || !comments.is_empty());
        if !is_below_blank && !is_top {
            edits.push(Edit::insertion("\n", top));
        }
        let mut below = String::new();
        let returned = join(&names.returned);
        let sole = self
            .tail()
            .filter(|tail| returned == tail.name && !returns && self.is_read_only_outside(tail.name));
        if let Some(tail) = &sole {
            edits.push(Edit::replacement(
                "return ",
                TextRange::new(tail.left.start(), value_start(ctx, tail)),
            ));
        } else if !returned.is_empty() {
            below = format!("\n{indent}{unit}return {returned}");
        }
        let target = match (&sole, returns, returned.is_empty()) {
            (Some(tail), ..) => format!("{} = ", ctx.module.slice(tail.left)),
            (None, true, _) => "return ".to_owned(),
            (None, false, true) => String::new(),
            (None, false, false) => format!("{returned} = "),
        };
        below = format!("{below}\n\n{indent}{target}{call}");
        edits.push(Edit::insertion(below, module.line_end(ctx.end_with_comments(last))));
        edits.sort_by_key(|edit| (edit.start(), edit.end()));
        Ok(edits)
    }

    /// Whether the statements themselves never read a name that they bind once.
    fn is_read_only_outside(&self, name: &str) -> bool {
        let model = self.ctx.model;
        model
            .references_named(name)
            .all(|reference| !self.is_inside(reference.node))
            && model
                .bindings_in(self.scope, name)
                .filter(|binding| self.is_inside(binding.node))
                .count()
                == 1
    }
}

/// The last assignment of the statements.
struct Tail<'a> {
    name: &'a str,
    /// The name, and the annotation if there is one.
    left: TextRange,
    value: &'a Expr,
}

/// Where the value of an assignment starts, its parentheses included.
fn value_start(ctx: &Context, tail: &Tail) -> TextSize {
    let between = TextRange::new(tail.left.end(), tail.value.start());
    let text = ctx.module.slice(between);
    let behind = text.find('=').map_or("", |at| &text[at + 1..]).trim_start();
    between.end() - TextSize::try_from(behind.len()).unwrap_or_default()
}

/// Whether control never goes on behind a statement but by an exception.
fn always_returns(stmt: &Stmt) -> bool {
    let block = |body: &[Stmt]| body.last().is_some_and(always_returns);
    match stmt {
        Stmt::Return(_) | Stmt::Raise(_) => true,
        _ => on_every_path(stmt, block),
    }
}

/// Whether a statement that is run to its end binds a name on every path.
fn always_binds(stmt: &Stmt, name: &str) -> bool {
    let block = |body: &[Stmt]| {
        body.iter()
            .any(|stmt| always_binds(stmt, name) || leaves_by_return(stmt))
    };
    let target = |target: &Expr| targets(target).contains(&name);
    match stmt {
        Stmt::Assign(assign) => assign.targets.iter().any(target),
        Stmt::AnnAssign(assign) => assign.value.is_some() && target(&assign.target),
        Stmt::AugAssign(assign) => target(&assign.target),
        Stmt::Import(import) => import.names.iter().any(|alias| {
            let bound = alias.asname.as_ref().unwrap_or(&alias.name);
            bound.split('.').next() == Some(name)
        }),
        Stmt::ImportFrom(import) => import
            .names
            .iter()
            .any(|alias| alias.asname.as_ref().unwrap_or(&alias.name).as_str() == name),
        Stmt::With(with) => {
            with.items
                .iter()
                .any(|item| item.optional_vars.as_deref().is_some_and(target))
                || on_every_path(stmt, block)
        }
        _ => on_every_path(stmt, block),
    }
}

/// Whether something holds for a block on every path through a compound statement that is certain to run one.
fn on_every_path(stmt: &Stmt, block: impl Fn(&[Stmt]) -> bool) -> bool {
    match stmt {
        Stmt::With(with) => !may_suppress(with) && block(&with.body),
        Stmt::If(inner) => {
            block(&inner.body)
                && inner
                    .elif_else_clauses
                    .last()
                    .is_some_and(|clause| clause.test.is_none())
                && inner.elif_else_clauses.iter().all(|clause| block(&clause.body))
        }
        Stmt::Try(inner) => {
            (block(&inner.body) || block(&inner.orelse))
                && inner.handlers.iter().all(|handler| {
                    let ast::ExceptHandler::ExceptHandler(handler) = handler;
                    block(&handler.body)
                })
                || block(&inner.finalbody)
        }
        _ => false,
    }
}

/// Whether a `with` goes on behind its body after an exception: `contextlib.suppress`, `pytest.raises`.
fn may_suppress(with: &ast::StmtWith) -> bool {
    with.items.iter().any(|item| match map_callable(&item.context_expr) {
        Expr::Attribute(attribute) => matches!(attribute.attr.as_str(), "suppress" | "raises"),
        Expr::Name(name) => matches!(name.id.as_str(), "suppress" | "raises"),
        _ => false,
    })
}

fn leaves_by_return(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::Return(_) | Stmt::Raise(_))
}

/// The names that a target binds.
fn targets(target: &Expr) -> Vec<&str> {
    match target {
        Expr::Name(name) => vec![name.id.as_str()],
        Expr::Tuple(tuple) => tuple.elts.iter().flat_map(targets).collect(),
        Expr::List(list) => list.elts.iter().flat_map(targets).collect(),
        Expr::Starred(starred) => targets(&starred.value),
        _ => Vec::new(),
    }
}
