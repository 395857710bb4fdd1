//! Putting an `await` where a plain call stood: is it allowed there, is it harmless, and what must be written.
//!
//! The rules were found by experiment: an `await` under a threading lock deadlocks as soon as two tasks meet; a handler that catches
//! everything may swallow the cancellation that the new `await` can raise; `x += await f()` reads `x` before it waits.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, ExprRef};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::process_wide;
use crate::semantic::halfway::Halfway;
use crate::semantic::handles::Middle;
use crate::semantic::interim::Interim;
use crate::semantic::names::{Lookup, plain_name};
use crate::semantic::place::Backend;
use crate::semantic::{NodeId, ScopeId};

impl Context<'_> {
    /// Whether an `await` may be put at this expression: refused where it cannot stand or would deadlock; `Some(doubt)` where it can
    /// change what the program does.
    pub fn may_await(&self, at: NodeId) -> Result<Option<String>, Declined> {
        self.may_await_beside(at, &[])
    }

    /// As [`Context::may_await`], for a rewrite after which these expressions are no locks of threads any more.
    pub fn may_await_beside(&self, at: NodeId, replaced: &[NodeId]) -> Result<Option<String>, Declined> {
        self.model.await_is_legal(at, self.settings.target)?;
        if let Some(comment) = self.intended_blocking(at) {
            return Err(format!("the comment `{comment}` says that it blocks on purpose").into());
        }
        if let Some(line) = self.own_task_is_cancelled(at) {
            return Err(format!(
                "the task that runs it is cancelled in line {line}: at an await it would stop, and what follows would not happen"
            )
            .into());
        }
        self.no_thread_lock_around(at, replaced)?;
        let doubt = match self.split(at)? {
            Some(doubt) => Some(doubt),
            None => self.callers_may_wait(at, replaced)?,
        };
        Ok(doubt.or_else(|| self.between(at)))
    }

    /// What a wait at this place changes for the function around it, where other tasks run meanwhile, whatever the function is: one that becomes
    /// a coroutine function with it, too.
    pub fn met_meanwhile(&self, at: NodeId) -> Option<String> {
        match self.split(at) {
            Err(Declined(reason)) => Some(reason),
            Ok(doubt) => doubt.or_else(|| self.between(at)),
        }
    }

    /// What must not be split by a wait: updates and clean-ups.
    fn split(&self, at: NodeId) -> Result<Option<String>, Declined> {
        if let Some(place) = self.model.update_around(at) {
            return Err(format!(
                "`{place}` is read before the await and written behind it from what was read: an update by another task in between would be lost. Read it again behind the await, or put both under an asyncio.Lock"
            )
            .into());
        }
        if let Some(place) = self.model.contents_around(at) {
            return Err(format!(
                "{place} is read before the await and written behind it because of what was read: an update by another task in between would be lost. Read it again behind the await, or put both under an asyncio.Lock"
            )
            .into());
        }
        let mut doubt = None;
        let mut is_shielded = false;
        let mut inner = at;
        for (id, node) in self.model.ancestors(at) {
            match node {
                AnyNodeRef::StmtFunctionDef(_) => break,
                AnyNodeRef::StmtWith(outer) => {
                    is_shielded |= outer
                        .items
                        .iter()
                        .any(|item| self.model.slice(item).contains("shield=True"));
                }
                AnyNodeRef::StmtTry(outer) if !is_shielded && self.cancels_every_wait(outer, inner) => {
                    return Err(
                        "it stands in a clean-up: where the block was cancelled, every wait there is cancelled at once, and what follows is not done. Shield it with `CancelScope(shield=True)`"
                            .into(),
                    );
                }
                AnyNodeRef::StmtTry(outer) if !is_shielded => {
                    doubt = doubt.or_else(|| self.swallowed_cancellation(outer, inner));
                }
                AnyNodeRef::StmtAugAssign(assign) if !self.is_own_local(&assign.target) => {
                    doubt.get_or_insert_with(|| "the target of the augmented assignment is read before the await, so that an update by another task in between is lost".to_owned());
                }
                AnyNodeRef::StmtAssign(assign) => {
                    let mut targets = assign.targets.iter();
                    if let Some(place) = targets.find(|target| self.reads_target_first(target, &assign.value, at)) {
                        return Err(format!(
                            "`{}` is read before the await and written behind it: an update by another task in between would be lost",
                            self.model.slice(place)
                        )
                        .into());
                    }
                }
                _ => {}
            }
            inner = id;
        }
        Ok(doubt)
    }

    /// What other tasks may do while the function waits there.
    fn between(&self, at: NodeId) -> Option<String> {
        self.met_between(at)
            .or_else(|| self.interrupting_signal())
            .or_else(|| self.changed_process(at))
            .or_else(|| self.driven_without_loop())
            .or_else(|| self.visible_cancellation())
            .or_else(|| self.meddled_with(at))
            .or_else(|| self.left_at_exit(at))
    }

    /// What a wait at this place would let others see or change of what the enclosing function does around it.
    fn met_between(&self, at: NodeId) -> Option<String> {
        let entered = || {
            let manager = crate::module::one_line(self.entered_unknown(at)?);
            Some(format!(
                "other tasks can run inside `with {manager}` now, and nothing is known of what it holds or changes"
            ))
        };
        let live = || {
            let iterable = self.model.live_iterable(at)?;
            Some(format!("`{iterable}` may change while the loop over it waits"))
        };
        let live_for_others = || {
            let (container, place) = self.model.gone_over_around(at).into_iter().find_map(|container| {
                // Another object in the place of an attribute's is not gone over.
                let id = self.model.id(container.as_name_expr()?);
                Some((container, self.changed_by_others(id)?))
            })?;
            let container = self.model.slice(container);
            Some(format!(
                "`{container}` may be changed by {place} while the loop over it waits"
            ))
        };
        let transaction = || {
            let owner = self.shared_transaction(at)?;
            Some(in_transaction(owner))
        };
        let used = || match self.model.used_across(at)? {
            (object, Middle::Position) => Some(format!(
                "`{object}` is used on both sides of the await: what another task reads or writes there in between, this one does not expect"
            )),
            (object, Middle::Transaction) => Some(in_transaction(object)),
        };
        let halfway = || {
            Some(match self.model.halfway(at)? {
                Halfway::Amounts(one, other) => {
                    format!(
                        "`{one}` is changed before the await and `{other}` behind it: other tasks can see the one without the other"
                    )
                }
                Halfway::Emptied(container) => {
                    format!(
                        "`{container}` is emptied before the await and filled behind it: other tasks can find it empty"
                    )
                }
                Halfway::Set(name) => {
                    format!("`{name}` is set before the await and read behind it: another task may set it in between")
                }
            })
        };
        let crossed = self.model.crossing(at).map(tested_before);
        crossed
            .or_else(halfway)
            .or_else(|| self.path_halfway(at))
            .or_else(|| self.commands_meet(at))
            .or_else(transaction)
            .or_else(used)
            .or_else(|| self.left_for_later(at))
            .or_else(|| self.relied_on(at))
            .or_else(entered)
            .or_else(live)
            .or_else(live_for_others)
    }

    /// By the names of what the file awaits, of those asked about: why it matters that this waits, where it did not before. One that another file
    /// defines asks for it.
    pub fn relying_on_no_wait(&self, is_asked: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for awaited in self.model.awaits() {
            let Expr::Call(call) = &*awaited.value else { continue };
            let Some(name) = plain_name(&call.func).filter(|name| is_asked(name)) else {
                continue;
            };
            let at = self.model.id(awaited);
            let is_held = self.holding(at, &[]).is_some() || self.acquired_before(at, &[]).is_some();
            let locked =
                is_held.then(|| "a lock of threads is held around it, and a wait there would deadlock".to_owned());
            let updated = || {
                let around = self.model.ancestors(at).find_map(|(_, node)| match node {
                    AnyNodeRef::StmtAugAssign(assign) if !self.is_own_local(&assign.target) => {
                        Some(self.model.slice(&*assign.target))
                    }
                    _ => None,
                });
                let place = around.or_else(|| self.model.update_around(at))?;
                Some(format!(
                    "`{place}` is read before it and written behind it: an update by another task in between would be lost"
                ))
            };
            if let Some(reason) = locked.or_else(updated).or_else(|| self.met_between(at)) {
                let (line, _) = self.module.location(awaited.start());
                found.push((name.to_owned(), format!("{line}: {reason}")));
            }
        }
        found
    }

    /// What the function leaves somewhere before the wait, for what it does behind it. What is run once has nobody beside it that does the same.
    fn left_for_later(&self, at: NodeId) -> Option<String> {
        if self.runs_once(at) {
            return None;
        }
        Some(match self.model.interim(at)? {
            Interim::Left(place) => format!(
                "what is left in `{place}` before the await is used behind it: another task that does the same in between finds it, or takes it"
            ),
            Interim::Shown(place, asked) => {
                let (line, _) = self.module.location(self.model.node(asked).start());
                format!(
                    "`{place}` is set before the await and again behind it: line {line} can find it as it is in between"
                )
            }
            Interim::State(object) => format!(
                "`{object}` is set to something before the await and used behind it: another task may set it otherwise in between"
            ),
            Interim::Lazy(name) => format!(
                "the elements of `{name}` are computed as they are asked for, which is behind the await: what they are made of may have changed"
            ),
        })
    }

    /// What the function reads before the wait and again behind it, where others change it.
    fn relied_on(&self, at: NodeId) -> Option<String> {
        let model = self.model;
        model.read_on_both_sides(at).into_iter().find_map(|read| {
            let here = || {
                let (line, _) = self.module.location(model.node(model.changed_elsewhere(read)?).start());
                Some(format!("line {line}"))
            };
            let by = here().or_else(|| self.changed_by_others(read).map(str::to_owned))?;
            Some(format!(
                "`{}` is read before the await and again behind it: {by} may change it in between",
                model.slice(model.node(read))
            ))
        })
    }

    /// Where another file of the run sets what is read here, or changes it if it is a variable of this module.
    fn changed_by_others(&self, read: NodeId) -> Option<&str> {
        match self.model.node(read) {
            AnyNodeRef::ExprAttribute(attribute) => self.project.sets(&attribute.attr),
            AnyNodeRef::ExprName(name) => {
                let is_of_module =
                    self.model.lookup(&name.id, self.model.scope_of(read)) == Lookup::Scope(ScopeId::MODULE);
                self.project.changes(&name.id).filter(|_| is_of_module)
            }
            _ => None,
        }
    }

    /// Where another file of the run cancels the task that runs a place, runs its function without an event loop, or relies on it that it does not wait.
    fn meddled_with(&self, at: NodeId) -> Option<String> {
        let function = self.model.enclosing_function(at)?;
        let cancelled = self.project.cancels(&function.name).map(|place| {
            format!("the task that runs it can be cancelled by {place}, and the await is a new place for it to stop")
        });
        let driven = || {
            let place = self.project.drives(&function.name)?;
            Some(format!(
                "{place} may run it by `send`, without the event loop that the await needs"
            ))
        };
        let awaited = || {
            let place = self.project.relies_on(&function.name)?;
            Some(format!("it is awaited where nothing waited: {place}"))
        };
        cancelled.or_else(driven).or_else(awaited)
    }

    /// What the function changes of the whole process before the wait, and relies on or puts back behind it.
    fn changed_process(&self, at: NodeId) -> Option<String> {
        let model = self.model;
        let function = model.enclosing_function(at)?;
        let point = model.node(at).range();
        let is_here = |call: &ast::ExprCall| model.contains(model.id(function), model.id(call));
        let (setter, _) = process_wide::SETTERS.iter().find(|(setter, begin)| {
            let is_before = |call: &ast::ExprCall| is_here(call) && call.end() <= point.start();
            let is_behind = |call: &ast::ExprCall| {
                is_here(call)
                    && call.start() >= point.end()
                    && model
                        .qualified_name(&call.func)
                        .is_some_and(|name| name.starts_with(begin))
            };
            model.calls_to(setter).any(is_before) && model.calls().any(is_behind)
        })?;
        Some(format!(
            "`{setter}` changes the whole process: other tasks run with that while this one waits, and may change it themselves"
        ))
    }

    /// Where the module has a signal end what takes too long: its handler raises in whatever runs, which is the event loop while a task waits.
    fn interrupting_signal(&self) -> Option<String> {
        let mut timers = ["signal.setitimer", "signal.alarm"]
            .into_iter()
            .flat_map(|timer| self.model.calls_to(timer));
        let (line, _) = self.module.location(timers.next()?.start());
        Some(format!(
            "the signal of line {line} is handled in the event loop while the task waits, and what its handler raises does not come here"
        ))
    }

    /// Where the module runs coroutines without an event loop, an await of asyncio fails.
    pub(crate) fn driven_without_loop(&self) -> Option<String> {
        let (line, _) = self.module.location(self.model.driven_by_hand()?.start());
        Some(format!(
            "line {line} may run it by `send`, without the event loop that the await needs"
        ))
    }

    /// `self.n = self.n + f()` reads its target before it waits for `f`.
    fn reads_target_first(&self, target: &Expr, value: &Expr, at: NodeId) -> bool {
        let model = self.model;
        !self.is_own_local(target)
            && model
                .reads_of_place(target, value)
                .any(|read| model.node(read).end() <= model.node(at).start())
    }

    /// A function that never waited can be awaited under a threading lock, and between the reading and the writing of `x += await f()`:
    /// no other task ran. Refused where a caller in this module, however many awaits away, relies on that; a doubt where it tests before what it
    /// writes behind.
    fn callers_may_wait(&self, at: NodeId, replaced: &[NodeId]) -> Result<Option<String>, Declined> {
        let model = self.model;
        let mut doubt = None;
        let mut open: Vec<_> = model.enclosing_function(at).into_iter().collect();
        let mut seen = Vec::new();
        while let Some(function) = open.pop() {
            let id = model.id(function);
            if seen.contains(&id) {
                continue;
            }
            seen.push(id);
            for use_ in model.uses_of_function(function) {
                let line = || self.module.location(model.node(use_.reference).start()).0;
                if self.starts_loop(use_.reference) {
                    // What is held around the whole life of an event loop, no task of it waits for.
                    continue;
                }
                if self.holding(use_.reference, replaced).is_some() {
                    return Err(format!(
                        "`{}` is awaited in line {} while a threading lock is held: a wait there would deadlock",
                        function.name,
                        line()
                    )
                    .into());
                }
                for (_, node) in model.ancestors(use_.reference) {
                    match node {
                        AnyNodeRef::StmtFunctionDef(_) => break,
                        AnyNodeRef::StmtAugAssign(assign)
                            if use_.awaited.is_some() && !self.is_own_local(&assign.target) =>
                        {
                            return Err(format!(
                                "the augmented assignment in line {} reads its target before it awaits `{}`: an update by another task in between would be lost",
                                line(),
                                function.name
                            )
                            .into());
                        }
                        _ => {}
                    }
                }
                if let Some(held) = self.acquired_before(use_.reference, replaced) {
                    return Err(format!(
                        "`{}` is awaited in line {} while the threading lock that line {held} acquires is held: a wait there would deadlock",
                        function.name,
                        line()
                    )
                    .into());
                }
                let never_waited = function.body.iter().all(|stmt| model.first_wait(stmt).is_none());
                let update = use_.awaited.and_then(|awaited| model.update_around(awaited));
                if let Some(place) = update.filter(|_| never_waited) {
                    return Err(format!(
                        "`{}` is awaited in line {} between the reading and the writing of `{place}`: an update by another task in between would be lost",
                        function.name,
                        line()
                    )
                    .into());
                }
                let contents = use_.awaited.filter(|_| never_waited);
                if let Some(place) = contents.and_then(|at| model.contents_around(at)) {
                    return Err(format!(
                        "`{}` is awaited in line {} between the reading and the writing of {place}: an update by another task in between would be lost",
                        function.name,
                        line()
                    )
                    .into());
                }
                if let Some(met) = use_
                    .awaited
                    .filter(|_| never_waited)
                    .and_then(|at| self.met_between(at))
                {
                    doubt.get_or_insert(met);
                }
                open.extend(model.enclosing_function(use_.reference));
            }
        }
        Ok(doubt)
    }

    /// Whether a function is called for what `asyncio.run` runs.
    pub(crate) fn starts_loop(&self, reference: NodeId) -> bool {
        let model = self.model;
        let call = model.parent(reference);
        let arguments = model.parent(call);
        match (
            model.node(call),
            model.node(arguments),
            model.node(model.parent(arguments)),
        ) {
            (AnyNodeRef::ExprCall(_), AnyNodeRef::Arguments(_), AnyNodeRef::ExprCall(outer)) => {
                model.qualified_name(&outer.func).as_deref() == Some("asyncio.run")
            }
            _ => false,
        }
    }

    /// The comment on the expression's line that silences a linter's report of a blocking call.
    fn intended_blocking(&self, at: NodeId) -> Option<&str> {
        let start = self.model.node(at).start();
        let line = TextRange::new(start, self.module.line_end(start));
        let comments = self.module.comments_in(line).iter();
        comments
            .map(|comment| self.module.slice(*comment))
            .find(|text| text.contains("noqa") && text.contains("ASYNC2"))
    }

    /// Whether a call is directly awaited.
    pub fn is_awaited(&self, call: &ast::ExprCall) -> bool {
        let parent = self.model.parent(self.model.id(call));
        matches!(self.model.node(parent), AnyNodeRef::ExprAwait(_))
    }

    pub(crate) fn is_in_body(&self, body: &[ast::Stmt], inner: NodeId) -> bool {
        body.iter().any(|stmt| self.model.contains(self.model.id(stmt), inner))
    }

    /// Whether a place belongs to what is done at the end of a block that trio or anyio may have cancelled: there, unlike in asyncio, every
    /// further wait is cancelled too.
    fn cancels_every_wait(&self, outer: &ast::StmtTry, inner: NodeId) -> bool {
        matches!(self.model.backend(), Backend::Trio | Backend::Anyio)
            && (self.is_in_body(&outer.finalbody, inner)
                || outer.handlers.iter().any(|ast::ExceptHandler::ExceptHandler(handler)| {
                    let caught = handler.type_.as_deref().map(|caught| self.model.slice(caught));
                    self.is_in_body(&handler.body, inner)
                        && caught.is_none_or(|name| {
                            ["BaseException", "Cancelled", "get_cancelled_exc_class()"]
                                .iter()
                                .any(|all| name.ends_with(all))
                        })
                }))
    }

    /// Cancellation that arrives at the new `await` and would be caught, or would interrupt a clean-up.
    fn swallowed_cancellation(&self, outer: &ast::StmtTry, inner: NodeId) -> Option<String> {
        if self.is_in_body(&outer.finalbody, inner) {
            return Some(
                "it stands in a `finally` block, which a cancellation at the await would cut short".to_owned(),
            );
        }
        if !self.is_in_body(&outer.body, inner) {
            return None;
        }
        for ast::ExceptHandler::ExceptHandler(handler) in &outer.handlers {
            let caught = handler.type_.as_deref();
            if caught.is_some_and(|caught| self.names_interrupt(caught)) {
                return Some(format!(
                    "Ctrl-C is raised in the event loop while the task waits, and the `except KeyboardInterrupt` in line {} does not run",
                    self.module.location(handler.start()).0
                ));
            }
            match caught.map(|caught| self.model.slice(caught)) {
                Some(name) if name.ends_with("CancelledError") => return None,
                None | Some("BaseException") => {
                    let reraises = matches!(handler.body.last(), Some(ast::Stmt::Raise(raise)) if raise.exc.is_none());
                    return (!reraises).then(|| {
                        "the handler around it also catches the cancellation that can arrive at the await: let `asyncio.CancelledError` pass above it".to_owned()
                    });
                }
                _ => {}
            }
        }
        None
    }

    /// Whether what a handler catches names `KeyboardInterrupt`.
    fn names_interrupt(&self, caught: &Expr) -> bool {
        let caught = match caught {
            Expr::Tuple(several) => several.elts.as_slice(),
            one => std::slice::from_ref(one),
        };
        caught.iter().any(|one| self.model.is_builtin(one, "KeyboardInterrupt"))
    }

    /// A name that only the enclosing function itself binds and reads: no other task can change it during an await.
    pub(crate) fn is_own_local(&self, target: &Expr) -> bool {
        let Expr::Name(name) = target else { return false };
        let scope = self.model.scope_of(self.model.id(name));
        let own = self.model.bindings_in(scope, &name.id).next().is_some() && scope != ScopeId::MODULE;
        let captured = self
            .model
            .references_to(scope, &name.id)
            .any(|reference| reference.scope != scope);
        own && !captured
    }

    /// The edits that put `await` in front of an expression, in parentheses where the place binds more tightly.
    pub fn await_edits<'e>(&self, expr: impl Into<ExprRef<'e>>) -> Vec<Edit> {
        let expr = expr.into();
        let mut edits = vec![Edit::insertion(self.await_prefix(expr), expr.start())];
        if self.await_needs_parentheses(expr) {
            edits.push(Edit::insertion(")", expr.end()));
        }
        edits
    }

    /// `await ` or `(await `.
    pub fn await_prefix<'e>(&self, expr: impl Into<ExprRef<'e>>) -> &'static str {
        if self.await_needs_parentheses(expr) {
            "(await "
        } else {
            "await "
        }
    }

    /// `await` binds more loosely than `.name`, `[...]` and `(...)`, and more tightly than every operator (Python reference, 6.17).
    pub fn await_needs_parentheses<'e>(&self, expr: impl Into<ExprRef<'e>>) -> bool {
        let expr = expr.into();
        let range = expr.range();
        let tight = match self.model.node(self.model.parent(self.model.id(&expr))) {
            AnyNodeRef::ExprAttribute(outer) => outer.value.range() == range,
            AnyNodeRef::ExprSubscript(outer) => outer.value.range() == range,
            AnyNodeRef::ExprCall(outer) => outer.func.range() == range,
            AnyNodeRef::ExprAwait(_) => true,
            AnyNodeRef::ExprBinOp(outer) => outer.op == ast::Operator::Pow && outer.left.range() == range,
            _ => false,
        };
        tight && !self.is_parenthesized(expr)
    }

    /// Whether an expression has parentheses of its own.
    pub fn is_parenthesized<'e>(&self, expr: impl Into<ExprRef<'e>>) -> bool {
        let expr = expr.into();
        let parent = self.model.node(self.model.parent(self.model.id(&expr)));
        ruff_python_ast::token::parenthesized_range(expr, parent, self.module.tokens()).is_some()
    }
}

fn in_transaction(owner: &str) -> String {
    format!("other tasks can work in the open transaction of `{owner}` now, and end it")
}

fn tested_before(place: String) -> String {
    format!(
        "`{place}` is tested before the await, or read for what is written, and written behind it: two tasks may both find it as it was"
    )
}
