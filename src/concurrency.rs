//! May these awaits run at once? The proof that codemods which make code concurrent share.
//!
//! The equivalence: for every schedule and every set of failing operations the same values, the same exception (one that the old program
//! could raise), the same writes, at most some reads more. Each check below was shown to be needed by random programs that go
//! wrong without it.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::all_doubts;
use crate::finding::Declined;
use crate::knowledge::{self, Verb};
use crate::module::one_line;
use crate::semantic::effects::linked::Known;
use crate::semantic::effects::{Location, Outside, Summary};
use crate::semantic::flow::Guard;
use crate::semantic::names::{Lookup, plain_name};
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId, ScopeId};

/// One awaited call, with what is known of it.
pub struct Member<'a> {
    pub call: &'a ast::ExprCall,
    pub effects: Summary,
    /// Objects it works on, as written, for which nothing says that two tasks may use them.
    receivers: BTreeSet<String>,
    /// Why it is not certain that it may run beside others; `None` when it is proven.
    pub doubt: Option<String>,
}

/// How failures of several members come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureOrder {
    /// The first in time, its siblings go on (`asyncio.gather`).
    Time,
    /// The first in source order, its siblings are cancelled and awaited first.
    Source,
}

/// Functions of asyncio and its like that pace, wait or bind something to the current task: not work to be overlapped.
pub(crate) const TASK_BOUND_METHODS: &[&str] = &[
    "enter_async_context",
    "__aenter__",
    "__aexit__",
    "push_async_exit",
    "start",
    "aclose",
    "close",
    "join",
];

/// How many functions that only wait call each other.
const MAX_PAUSES: usize = 8;

impl<'a> Context<'a> {
    /// Judges one awaited call: an error when it must not run beside another, a doubt when that is not proven.
    pub fn concurrent_member(&self, call: &'a ast::ExprCall, order: FailureOrder) -> Result<Member<'a>, Declined> {
        if let Some(inner) = self.made_for(call) {
            return self.wrapped_member(call, inner, order);
        }
        let callee = self.model.slice(&*call.func);
        let Some(name) = plain_name(&call.func) else {
            return Err(format!("`{callee}` is not a plain function").into());
        };
        self.callee_may_overlap(call, callee, name)?;
        let effects = self.model.effects_of_call(call, self.settings);
        if effects.sets_context {
            return Err(format!("`{callee}` sets a context variable, which would be lost in a task of its own").into());
        }
        if effects.exits {
            return Err(format!(
                "`{callee}` may end the program, which a task of its own does from inside the event loop"
            )
            .into());
        }
        if effects.uses_task {
            return Err(format!("`{callee}` asks for the current task").into());
        }
        if let (Some(exclusive), FailureOrder::Time) = (&effects.exclusive, order) {
            return Err(format!("`{callee}` uses `{exclusive}`, which only one task may use at a time").into());
        }
        let mut doubt = self.arguments_doubt(call)?;
        if effects.lingers && order == FailureOrder::Time {
            doubt.get_or_insert_with(|| {
                format!("when the function is cancelled, the clean-up in `{callee}` would go on after it")
            });
        }
        if effects.answers_cancellation {
            doubt.get_or_insert_with(|| {
                format!("`{callee}` may answer a cancellation itself, and what it gives then would be dropped")
            });
        }
        let mut member = Member {
            call,
            receivers: effects.receivers.clone(),
            doubt,
            effects,
        };
        self.judge_effects(&mut member, callee, name)?;
        Ok(member)
    }

    /// The call that `asyncio.create_task(f(x))` is made for.
    fn made_for(&self, call: &'a ast::ExprCall) -> Option<&'a ast::ExprCall> {
        let name = self.model.qualified_name(&call.func)?;
        call.arguments
            .args
            .first()
            .filter(|_| name == "asyncio.create_task")?
            .as_call_expr()
    }

    /// A call in a task of its own is what the task is made for.
    fn wrapped_member(
        &self,
        call: &'a ast::ExprCall,
        inner: &'a ast::ExprCall,
        order: FailureOrder,
    ) -> Result<Member<'a>, Declined> {
        let mut member = self.concurrent_member(inner, order)?;
        for argument in call.arguments.iter_source_order().skip(1) {
            let value = argument.value();
            let written = one_line(self.model.slice(value));
            if !self.model.is_cheap(value) {
                return Err(format!(
                    "the argument `{written}` could fail or have an effect before the first call has run"
                )
                .into());
            }
            if !self.model.is_total(value) {
                member.doubt.get_or_insert_with(|| {
                    format!("the argument `{written}` is now evaluated before the first call has run")
                });
            }
        }
        member.call = call;
        Ok(member)
    }

    /// Refuses what says by its name whether what follows may happen at all: that must be over before it begins, whatever it does.
    pub fn is_no_guard(&self, call: &'a ast::ExprCall) -> Result<(), Declined> {
        let call = self.made_for(call).unwrap_or(call);
        match plain_name(&call.func) {
            Some(name) if matches!(knowledge::verb_of(name), Verb::Guard) => Err(guard(name)),
            _ => Ok(()),
        }
    }

    /// On what of other files it rests that these calls may run at once, for the end of a message.
    pub fn proof(&self, calls: &[&'a ast::ExprCall]) -> String {
        let mut known: Vec<String> = Vec::new();
        for name in calls
            .iter()
            .flat_map(|call| self.model.elsewhere(call))
            .filter_map(Known::placed)
        {
            if !known.contains(&name) {
                known.push(name);
            }
        }
        match known.as_slice() {
            [] => String::new(),
            [one] => format!(": {one} writes nothing that others see"),
            [most @ .., last] => format!(": {} and {last} write nothing that others see", most.join(", ")),
        }
    }

    fn callee_may_overlap(&self, call: &'a ast::ExprCall, callee: &str, name: &str) -> Result<(), Declined> {
        if let Some(qualified) = self.model.qualified_name(&call.func)
            && let Some(package) = qualified.split('.').next()
            && matches!(package, "asyncio" | "trio" | "anyio" | "curio")
        {
            return Err(format!("`{qualified}` is pacing or waiting, not work that could overlap").into());
        }
        if TASK_BOUND_METHODS.contains(&name) {
            return Err(
                format!("`{callee}` opens, closes or enters a scope of the current task: its order matters").into(),
            );
        }
        if let Expr::Name(name) = &*call.func
            && self.model.lookup(&name.id, self.model.scope_of(self.model.id(name))) == Lookup::Scope(ScopeId::MODULE)
            && self.model.is_replaced(&name.id)
        {
            return Err(format!("`{name}` is replaced at run time", name = name.id).into());
        }
        if let Some(function) = self.model.function_of(&call.func) {
            if !function.is_async {
                return Err(format!("`{callee}` is not an async function: it works as soon as it is called").into());
            }
            if !self.model.arguments_fit(call, function) {
                return Err(format!("`{callee}` does not take these arguments: the call fails").into());
            }
        }
        Ok(())
    }

    /// Arguments are all evaluated before any member starts, so they must neither fail nor do anything.
    fn arguments_doubt(&self, call: &'a ast::ExprCall) -> Result<Option<String>, Declined> {
        let mut doubt = None;
        for argument in call.arguments.iter_source_order() {
            let value = argument.value();
            let written = self.model.slice(value);
            let spread = value.is_starred_expr()
                || matches!(argument, ast::ArgOrKeyword::Keyword(keyword) if keyword.arg.is_none());
            if spread || !self.model.is_cheap(value) {
                return Err(format!(
                    "the argument `{}` could fail or have an effect before the first call has run",
                    one_line(written)
                )
                .into());
            }
            if !self.model.is_total(value) {
                doubt.get_or_insert_with(|| {
                    format!(
                        "the argument `{}` is now evaluated before the first call has run",
                        one_line(written)
                    )
                });
            }
        }
        let object = match &*call.func {
            Expr::Attribute(method) => &*method.value,
            callee => callee,
        };
        if !self.model.is_cheap(object) {
            return Err(format!(
                "`{}` could fail or have an effect before the first call has run",
                one_line(self.model.slice(object))
            )
            .into());
        }
        if !self.model.is_settled(object) && self.model.declared(object, self.settings).is_none() {
            doubt.get_or_insert_with(|| {
                format!(
                    "`{}` is now evaluated before the first call has run",
                    self.model.slice(object)
                )
            });
        }
        self.locals_are_bound(call)?;
        Ok(doubt)
    }

    /// A local name that may not be bound yet fails before the first call has run.
    fn locals_are_bound(&self, call: &'a ast::ExprCall) -> Result<(), Declined> {
        let references = self.model.references_in(self.model.id(call));
        let unbound = references.iter().find(|reference| {
            matches!(self.model.lookup(&reference.name.id, reference.scope), Lookup::Scope(owner) if owner != ScopeId::MODULE)
                && !self.model.is_definitely_bound(reference.name)
        });
        match unbound {
            Some(reference) => Err(format!("`{}` may not be bound yet", reference.name.id).into()),
            None => Ok(()),
        }
    }

    /// What a member does decides: proven reads may overlap; what is not known may, on the word of its name and on request only.
    fn judge_effects(&self, member: &mut Member<'a>, callee: &str, name: &str) -> Result<(), Declined> {
        let effects = &member.effects;
        if let Some(write) = effects.writes.iter().find(|write| !is_external_receiver(write)) {
            let place = self.model.elsewhere(member.call).iter().find_map(|known| {
                let is_it = !known.effects.is_read_only() && !known.place.is_empty();
                is_it.then(|| format!(" ({})", known.place))
            });
            return Err(format!(
                "`{callee}`{} writes {}, which would be visible after a failure of another one",
                place.unwrap_or_default(),
                describe(write)
            )
            .into());
        }
        let Some(unknown) = &effects.unknown else {
            if !effects.suspends {
                return Err(format!("`{callee}` never waits: there is nothing to overlap").into());
            }
            let function = self.model.function_of(&member.call.func);
            if function.is_some_and(|function| self.is_pause(function, 0)) {
                return Err(format!(
                    "`{callee}` gives nothing and only waits: that is pacing, not work that could overlap"
                )
                .into());
            }
            if let Some(write) = effects.writes.first() {
                member.doubt.get_or_insert_with(|| {
                    format!(
                        "`{callee}` writes {}, which then also happens when another one fails",
                        describe(write)
                    )
                });
            }
            if let Some(doubt) = &effects.doubt {
                member.doubt.get_or_insert_with(|| format!("in `{callee}`, {doubt}"));
            }
            return Ok(());
        };
        if let Expr::Name(function) = &*member.call.func
            && self
                .model
                .resolve(&function.id, self.model.scope_of(self.model.id(function)))
                .any(|binding| {
                    !matches!(
                        binding.kind,
                        BindingKind::Import(_)
                            | BindingKind::FromImport(..)
                            | BindingKind::Function(_)
                            | BindingKind::Class(_)
                    )
                })
        {
            return Err(format!("`{callee}` is a variable: nothing says what it calls").into());
        }
        match knowledge::verb_of(name) {
            Verb::Guard => return Err(guard(name)),
            Verb::Write => return Err(format!("`{name}` writes, by its name").into()),
            Verb::Other => return Err(format!("nothing says that `{callee}` only reads: {unknown}").into()),
            Verb::Read => {}
        }
        if !effects.writes.is_empty() {
            return Err(format!("`{callee}` writes to the outside: {unknown}").into());
        }
        self.unknown_callee_only_reads(member.call, callee)?;
        if let Expr::Attribute(method) = &*member.call.func {
            let written = self.model.slice(&*method.value);
            if written.split('.').any(knowledge::is_exclusive_name) {
                return Err(format!(
                    "`{written}` stands for something that only one task may use at a time, by its name"
                )
                .into());
            }
            member.receivers.insert(written.to_owned());
        }
        member.doubt = Some(format!(
            "that `{callee}` only reads is guessed from its name: {unknown}"
        ));
        Ok(())
    }

    /// Whether a coroutine function gives nothing, and awaits nothing but `asyncio.sleep` and its like: all that is seen of it is how long it takes.
    /// One that is given what it does not use stands for another that will.
    fn is_pause(&self, function: &'a ast::StmtFunctionDef, steps: usize) -> bool {
        let model = self.model;
        let given = model.given_parameters(function);
        let is_used = |parameter: &ast::ParameterWithDefault| {
            let mut references = model.references_in(model.id(function)).iter();
            references.any(|reference| reference.name.id == parameter.name().id)
        };
        let mut waits = false;
        let only_paces = given.into_iter().all(is_used)
            && model.subtree(model.id(function)).all(|(_, node)| match node {
                AnyNodeRef::StmtReturn(stmt) => stmt.value.is_none(),
                AnyNodeRef::StmtRaise(_) | AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_) => false,
                AnyNodeRef::StmtWith(inner) => !inner.is_async,
                AnyNodeRef::StmtFor(inner) => !inner.is_async,
                AnyNodeRef::ExprAwait(inner) => {
                    waits = true;
                    match &*inner.value {
                        Expr::Call(call) => {
                            matches!(
                                model.qualified_name(&call.func).as_deref(),
                                Some("asyncio.sleep" | "trio.sleep" | "anyio.sleep")
                            ) || steps < MAX_PAUSES
                                && model
                                    .function_of(&call.func)
                                    .is_some_and(|callee| self.is_pause(callee, steps + 1))
                        }
                        _ => false,
                    }
                }
                _ => true,
            });
        waits && only_paces
    }

    /// What speaks against the word of a name: a result that nobody takes, or an argument that only one task may use.
    fn unknown_callee_only_reads(&self, call: &'a ast::ExprCall, callee: &str) -> Result<(), Declined> {
        let id = self.model.id(call);
        let is_dropped = match self.model.node(self.model.parent(self.model.parent(id))) {
            AnyNodeRef::StmtExpr(stmt) => stmt.value.is_await_expr(),
            _ => false,
        };
        if is_dropped {
            return Err(format!("the result of `{callee}` is dropped, so it is called for what it does").into());
        }
        for argument in call.arguments.iter_source_order() {
            let value = argument.value();
            let written = self.model.slice(value);
            let by_class = matches!(self.model.type_of(value), Type::Foreign(class) if knowledge::class_facts(&class).is_some_and(|facts| !facts.shareable));
            let is_path = value.is_name_expr() || value.is_attribute_expr();
            let by_name = is_path
                && written
                    .rsplit('.')
                    .next()
                    .is_some_and(|last| knowledge::is_exclusive_name(last) || knowledge::is_database_name(last));
            if by_class || by_name {
                return Err(format!(
                    "`{callee}` is given `{written}`, which only one task may use at a time, by its name or class"
                )
                .into());
            }
        }
        Ok(())
    }

    /// Whether a receiver was made from another one: a response and its client share a connection.
    fn is_derived(&self, member: &Member<'a>, receiver: &str) -> bool {
        let Expr::Attribute(method) = &*member.call.func else {
            return false;
        };
        let Expr::Name(name) = &*method.value else { return false };
        let scope = self.model.scope_of(self.model.id(name));
        let root = receiver.split('.').next().unwrap_or(receiver);
        self.model.resolve(&name.id, scope).any(|binding| {
            let source = match binding.kind {
                BindingKind::Assignment(value) => self.model.id(value),
                BindingKind::With(item, _) => self.model.id(&item.context_expr),
                _ => return false,
            };
            self.model
                .references_in(source)
                .iter()
                .any(|reference| reference.name.id == root)
        })
    }

    /// Whether two members may run at once, as far as what they touch goes.
    pub fn may_overlap(&self, one: &Member<'a>, other: &Member<'a>) -> Result<(), Declined> {
        if let Some(location) = one.effects.conflict(&other.effects) {
            return Err(format!("both touch {}, and one writes it", describe(location)).into());
        }
        for (known, guessed) in [(one, other), (other, one)] {
            if !known.effects.writes.is_empty() && guessed.effects.unknown.is_some() {
                return Err(format!(
                    "`{}` writes, and what `{}` reads is not known",
                    self.model.slice(&*known.call.func),
                    self.model.slice(&*guessed.call.func)
                )
                .into());
            }
        }
        if one.effects.exclusive.is_some() && other.effects.exclusive.is_some() {
            return Err("both use something that only one task may use at a time".into());
        }
        for (member, others) in [(one, &other.receivers), (other, &one.receivers)] {
            if let Some(receiver) = others.iter().find(|receiver| self.is_derived(member, receiver)) {
                return Err(format!("one works on what came from `{receiver}`, on which the other works").into());
            }
        }
        for first in &one.receivers {
            if let Some(second) = other
                .receivers
                .iter()
                .find(|second| is_part_of(first, second) || is_part_of(second, first))
            {
                let shared = if first.len() < second.len() { first } else { second };
                return Err(
                    format!("both work on `{shared}`, and nothing says that two tasks may use it at once").into(),
                );
            }
        }
        Ok(())
    }

    /// Why it is not certain that these members may run at once, each for itself and together.
    pub fn overlap_doubt(&self, members: &[&Member<'a>]) -> Option<String> {
        let own = members.iter().filter_map(|member| member.doubt.as_deref());
        all_doubts(own).or_else(|| self.driven_without_loop()).or_else(|| {
            let mut clocks = members.iter().filter(|member| member.effects.reads_clock());
            let (first, second) = (clocks.next()?, clocks.next()?);
            let [one, other] = [first, second].map(|member| self.model.slice(&*member.call.func));
            Some(if one == other {
                format!("each call of `{one}` reads the clock: the times would differ less, or not be in order")
            } else {
                format!("`{one}` and `{other}` both read the clock: the times would differ less, or not be in order")
            })
        })
    }

    /// A nested function that a member runs must not see a name that is now bound later than before.
    pub fn target_is_unseen(&self, target: &str, scope: ScopeId, member: &Member<'a>) -> Result<(), Declined> {
        let free = Location::Free(scope, target.to_owned());
        let touches = member.effects.reads.contains(&free) || member.effects.writes.contains(&free);
        if touches || (member.effects.unknown.is_some() && self.model.is_captured(target, scope)) {
            return Err(format!("`{target}` is seen by a nested function that may run meanwhile").into());
        }
        Ok(())
    }

    /// A pragma on a line speaks of that line's code, which moves.
    pub fn pragma_doubt(&self, range: TextRange) -> Option<String> {
        self.module.comments_in(range).iter().find_map(|comment| {
            let text = self.module.slice(*comment);
            let is_pragma = text.contains("type: ignore")
                || text.contains("noqa")
                || text.contains("pyright:")
                || text.contains("pylint:");
            is_pragma.then(|| format!("the comment `{text}` speaks of a line that changes"))
        })
    }

    /// The comment that declares the type of what a statement binds: `# type: int`. Beside anything else it is an error to who reads it.
    pub fn type_comment(&self, range: TextRange) -> Option<&'a str> {
        let comments = self.module.comments_in(range).iter();
        let mut texts = comments.map(|comment| self.module.slice(*comment));
        texts.find_map(|text| {
            let declared = text.trim_start_matches('#').trim_start().strip_prefix("type:")?;
            (!declared.trim_start().starts_with("ignore")).then_some(text)
        })
    }

    /// Whether statements from `first` to `last` of one block may become one concurrent statement where they stand: what a failure
    /// makes visible, and what the place itself forbids. `targets` are the local names that they bind.
    pub fn place_allows_overlap(
        &self,
        first: &Stmt,
        last: &Stmt,
        targets: &[&str],
        order: FailureOrder,
    ) -> Result<(), Declined> {
        let id = self.model.id(first);
        let scope = self.model.scope_of(id);
        for guard in self.model.guards(id) {
            self.guard_allows_overlap(&guard, scope, targets, order)?;
        }
        self.surroundings_allow_overlap(id)?;
        let lines = TextRange::new(first.start(), self.module.line_end(last.end()));
        if let Some(comment) = self.type_comment(lines) {
            return Err(
                format!("the comment `{comment}` declares what its line binds, and would not stand beside it").into(),
            );
        }
        self.comments_allow_overlap(TextRange::new(first.start(), last.end()))
    }

    fn guard_allows_overlap(
        &self,
        guard: &Guard<'a>,
        scope: ScopeId,
        targets: &[&str],
        order: FailureOrder,
    ) -> Result<(), Declined> {
        let id = match guard {
            Guard::Try(stmt) => self.model.id(*stmt),
            Guard::With(stmt) => self.model.id(*stmt),
        };
        if self.model.loops(id).next().is_some() {
            return Err(
                "the `try` or `with` around it stands in a loop: what is left of a failed round is seen in the next"
                    .into(),
            );
        }
        if let Some(target) = targets
            .iter()
            .find(|target| self.model.is_seen_after_failure(target, scope, guard))
        {
            return Err(format!("`{target}` is seen after a failure, when it may not have been set").into());
        }
        match guard {
            Guard::Try(stmt) => {
                if order == FailureOrder::Time && !stmt.handlers.is_empty() && !self.handler_takes_everything(stmt) {
                    return Err(
                        "the handlers around it tell failures apart: with two failures another one could be caught"
                            .into(),
                    );
                }
            }
            Guard::With(stmt) => {
                let manager = stmt
                    .items
                    .first()
                    .map(|item| self.model.slice(&item.context_expr))
                    .unwrap_or_default();
                if order == FailureOrder::Time && !self.suppresses_everything(stmt) {
                    return Err(format!("`{}` may swallow some failures and not others", one_line(manager)).into());
                }
            }
        }
        Ok(())
    }

    /// One handler that catches every `Exception`, does not look at it, and ends the function.
    fn handler_takes_everything(&self, stmt: &'a ast::StmtTry) -> bool {
        let [ast::ExceptHandler::ExceptHandler(handler)] = stmt.handlers.as_slice() else {
            return false;
        };
        let everything = handler.type_.as_deref().is_none_or(|type_| {
            self.model.is_builtin(type_, "Exception") || self.model.is_builtin(type_, "BaseException")
        });
        let ends = matches!(handler.body.last(), Some(Stmt::Return(_) | Stmt::Raise(_)));
        everything && handler.name.is_none() && ends && !stmt.is_star && !self.looks_at_exception(handler)
    }

    /// Whether a handler asks which exception it handles without binding it: by `traceback` or `sys.exc_info()`.
    fn looks_at_exception(&self, handler: &'a ast::ExceptHandlerExceptHandler) -> bool {
        let references = self.model.references_in(self.model.id(handler));
        references.iter().any(|reference| {
            let path = self.model.imported_name(&reference.name.id, reference.scope);
            path.is_some_and(|path| path == "sys" || path.starts_with("sys.exc") || path.starts_with("traceback"))
        })
    }

    fn suppresses_everything(&self, stmt: &ast::StmtWith) -> bool {
        stmt.items.iter().all(|item| match &item.context_expr {
            Expr::Call(call) => {
                self.model
                    .qualified_name(&call.func)
                    .is_some_and(|name| name == "contextlib.suppress")
                    && call.arguments.args.iter().any(|class| {
                        self.model.is_builtin(class, "Exception") || self.model.is_builtin(class, "BaseException")
                    })
            }
            _ => false,
        })
    }

    /// Polling loops pace themselves; under a lock, a semaphore or in a transaction the order is the point; tests may assert it.
    fn surroundings_allow_overlap(&self, id: NodeId) -> Result<(), Declined> {
        for (_, node) in self.model.ancestors(id) {
            match node {
                AnyNodeRef::StmtFunctionDef(_) => break,
                AnyNodeRef::StmtWith(with) if with.is_async => {
                    for item in &with.items {
                        let manager = self.model.slice(&item.context_expr);
                        let words = manager.split(|character: char| !(character.is_alphanumeric() || character == '_'));
                        let ordered = words.map(str::to_lowercase).any(|word| {
                            [
                                "lock",
                                "semaphore",
                                "sem",
                                "limiter",
                                "mutex",
                                "transaction",
                                "begin",
                                "begin_nested",
                                "atomic",
                                "throttle",
                            ]
                            .iter()
                            .any(|ordered| word == *ordered || word.ends_with(&format!("_{ordered}")))
                        });
                        if ordered {
                            return Err(format!("it stands under `{}`", one_line(manager)).into());
                        }
                    }
                }
                _ => {}
            }
        }
        if self.model.is_in_sleeping_loop(id) {
            return Err("it stands in a loop that sleeps: polling paces itself".into());
        }
        match self.model.enclosing_function(id) {
            Some(function) if self.model.asserts_call_order(function) => {
                Err("the function asserts an order of calls".into())
            }
            _ => Ok(()),
        }
    }

    /// A comment that speaks of an order is believed.
    fn comments_allow_overlap(&self, range: TextRange) -> Result<(), Declined> {
        for comment in self.module.comments_in(range) {
            let text = self.module.slice(*comment);
            let speaks_of_order = text
                .to_lowercase()
                .split(|character: char| !character.is_alphabetic())
                .any(|word| {
                    matches!(
                        word,
                        "order"
                            | "must"
                            | "first"
                            | "before"
                            | "after"
                            | "sequential"
                            | "sequentially"
                            | "rate"
                            | "wait"
                            | "race"
                            | "again"
                            | "once"
                            | "then"
                            | "until"
                    )
                });
            if speaks_of_order && self.module.is_first_on_line(comment.start()) {
                return Err(format!("the comment `{text}` speaks of an order").into());
            }
        }
        Ok(())
    }
}

fn is_external_receiver(location: &Location) -> bool {
    matches!(location, Location::External(Outside::Receiver | Outside::Anywhere, _))
}

/// `self` is a part of `self.repo`, and of itself.
fn is_part_of(whole: &str, path: &str) -> bool {
    path == whole || path.strip_prefix(whole).is_some_and(|rest| rest.starts_with('.'))
}

/// A location in the words of a message.
fn describe(location: &Location) -> String {
    match location {
        Location::Global(name) => format!("the global `{name}`"),
        Location::Free(_, name) => format!("the variable `{name}` of the function around it"),
        Location::Attribute { class, name } => format!("`{class}.{name}`"),
        Location::Content(_) => "an object that others can see".to_owned(),
        Location::External(Outside::Receiver, name) => format!("to `{name}`"),
        Location::External(Outside::Random, _) => "the state of the random generator".to_owned(),
        Location::External(Outside::Lock, name) => format!("the state of `{name}`"),
        Location::External(Outside::Anywhere, name) => format!("to the outside, by the name of `{name}`"),
        Location::Receiver(_) => "to what it is given".to_owned(),
        Location::External(Outside::Stdout, _) => "to stdout".to_owned(),
        Location::External(Outside::Clock, _) => "to the clock".to_owned(),
        Location::External(Outside::Context, _) => "to the context".to_owned(),
    }
}

fn guard(name: &str) -> Declined {
    format!("`{name}` is a guard by its name: what follows may rely on it").into()
}
