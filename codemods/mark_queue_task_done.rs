//! `task_done()` once for every item, on every path: what follows the `get` goes into a `try`, the `task_done()` into its `finally`.

mod paths;

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::draft::Draft;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::layout::{above_blank_lines, own_lines};
use crate::semantic::NodeId;
use crate::semantic::objects::Object;
use crate::semantic::types::{Type, TypeOracle};

use paths::{NEVER, OFTEN, Paths, is_task_done};

const QUEUES: &[&str] = &[
    "asyncio.Queue",
    "asyncio.LifoQueue",
    "asyncio.PriorityQueue",
    "asyncio.queues.Queue",
];

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for awaited in ctx.model.awaits() {
        let Some(get) = get_call(&awaited.value) else { continue };
        if let Some(defect) = misplaced(ctx, awaited, get) {
            acc.push_defect(
                awaited,
                "`task_done()` is called for more or fewer items than were taken",
                Err(defect),
            );
        } else if let Some(round) = round(ctx, awaited, get) {
            let what = what_is_wrong(&round);
            if let Some((message, doubt)) = what {
                let result = rewrite(ctx, &round, doubt);
                acc.push(awaited, message, result);
            }
        }
    }
}

/// `queue` of `queue.get()`, also under `asyncio.wait_for`.
fn get_call(awaited: &Expr) -> Option<&Expr> {
    let Expr::Call(call) = awaited else { return None };
    match &*call.func {
        Expr::Attribute(method) if method.attr.as_str() == "get" && call.arguments.is_empty() => Some(&method.value),
        _ => match call.arguments.args.first()? {
            inner @ Expr::Call(_) => get_call(inner),
            _ => None,
        },
    }
}

/// One round of a worker's loop.
struct Round<'a> {
    queue: &'a str,
    /// The statement that takes the item.
    get: &'a Stmt,
    /// What follows it in the loop, up to the last call of `task_done` there: what is done with an item that is marked stays behind.
    rest: &'a [Stmt],
    body: &'a [Stmt],
    /// The calls of `task_done` in the loop.
    done: Vec<&'a Stmt>,
    /// Another function that marks items of the queue and takes none.
    helper: Option<&'a str>,
    /// Why the queue may be marked where it is not seen.
    escape: Option<String>,
    /// Somebody in this file waits for the queue.
    is_joined: bool,
    ends: paths::Counts,
    errors: paths::Counts,
    missed: Option<(&'static str, usize)>,
}

fn round<'a>(ctx: &Context<'a>, awaited: &'a ast::ExprAwait, queue: &'a Expr) -> Option<Round<'a>> {
    let model = ctx.model;
    if !matches!(&*awaited.value, Expr::Call(call) if call.arguments.is_empty()) {
        return None;
    }
    let (id, get) = model.statement_of(model.id(awaited))?;
    let value = match get {
        Stmt::Assign(stmt) => &*stmt.value,
        Stmt::AnnAssign(stmt) => stmt.value.as_deref()?,
        Stmt::Expr(stmt) => &*stmt.value,
        _ => return None,
    };
    if value.range() != awaited.range() || !is_loop(model.node(model.parent(id))) {
        return None;
    }
    let (body, index) = model.block_of(id)?;
    let rest = &body[index + 1..];
    let written = model.slice(queue);
    let object = model.object(queue);
    let marks = marks(ctx, &object, id, written);
    let in_loop = |mark: NodeId| model.contains(model.parent(id), mark);
    let mut done = Vec::new();
    for mark in marks.iter().copied().filter(|mark| in_loop(*mark)) {
        // A callback or a nested function marks the item later.
        let (_, stmt) = model.statement_of(mark)?;
        let is_statement = matches!(stmt, Stmt::Expr(stmt) if is_task_done(ctx, &stmt.value, written));
        if !is_statement || !in_same_function(ctx, mark, id) || stmt.start() < get.end() {
            return None;
        }
        done.push(stmt);
    }
    if marks
        .iter()
        .any(|mark| !in_loop(*mark) && marks_behind(ctx, &object, *mark, id))
    {
        return None;
    }
    let is_joined = object.reads.iter().any(|read| is_called(ctx, *read, "join"));
    let is_queue = is_asyncio_queue(ctx, queue, &object);
    if is_queue == Some(false) || done.is_empty() && (is_queue.is_none() || !is_joined) {
        return None;
    }
    let helper = marks
        .iter()
        .filter(|mark| !in_loop(**mark))
        .find_map(|mark| marks_only(ctx, *mark, &object));
    let mut paths = Paths::new(ctx, written);
    let exits = paths.block(rest, NEVER);
    let missed = paths.missed.map(|stmt| {
        let word = match stmt {
            Stmt::Break(_) => "break",
            Stmt::Continue(_) => "continue",
            _ => "return",
        };
        (word, ctx.module.location(stmt.start()).0)
    });
    let last = rest
        .iter()
        .rposition(|stmt| done.iter().any(|mark| mark.range() == stmt.range()));
    let ends_marked = last.filter(|last| done.iter().all(|mark| mark.end() <= rest[*last].end()));
    Some(Round {
        queue: written,
        get,
        rest: ends_marked.map_or(rest, |last| &rest[..=last]),
        body,
        done,
        helper,
        escape: object.escape,
        is_joined,
        ends: exits.end | exits.jump,
        errors: exits.error,
        missed,
    })
}

/// What to say of a round, and why putting it right is not safe; `None` when it is right.
fn what_is_wrong(round: &Round) -> Option<(String, String)> {
    let queue = round.queue;
    let join = if round.is_joined {
        format!("`{queue}.join()` then waits for ever")
    } else {
        format!("whoever waits in `{queue}.join()` waits for ever")
    };
    if round.ends & (NEVER | OFTEN) == 0 {
        let harmless = round.errors & NEVER == 0 || !round.is_joined;
        return (!harmless).then(|| {
            (
                format!("an error skips `{queue}.task_done()`: {join}"),
                "an item whose work fails counts as done then; the error still ends the worker, and nobody takes the items behind it".to_owned(),
            )
        });
    }
    let message = match round.missed {
        _ if round.done.is_empty() => format!("items are never marked with `{queue}.task_done()`: {join}"),
        Some((word, line)) => format!("the `{word}` in line {line} skips `{queue}.task_done()`: {join}"),
        None => format!("not every path calls `{queue}.task_done()`: {join}"),
    };
    let doubt = if round.errors & NEVER != 0 {
        "an item whose work fails counts as done as well then; the error still ends the worker, and nobody takes the items behind it".to_owned()
    } else {
        format!("`{queue}.join()` returns where it did not")
    };
    Some((message, doubt))
}

fn rewrite(ctx: &Context, round: &Round, doubt: String) -> Result<Fix, Declined> {
    let model = ctx.model;
    let queue = round.queue;
    if round.ends & OFTEN != 0 {
        return Err(format!("`{queue}.task_done()` is called more than once on some path").into());
    }
    if let Some(line) = round.done.iter().find_map(|done| waits_behind(ctx, done, round.rest)) {
        return Err(format!(
            "the task waits in line {line} when the item is marked already: `{queue}.join()` would return later"
        )
        .into());
    }
    if let Some(helper) = round.helper {
        return Err(format!("`{helper}` calls `task_done()` as well").into());
    }
    if let Some(escape) = round.escape.as_ref().filter(|_| round.done.is_empty()) {
        return Err(format!("{escape}: it may be marked there").into());
    }
    let takes = model.calls().filter(|call| {
        let Expr::Attribute(method) = &*call.func else {
            return false;
        };
        matches!(method.attr.as_str(), "get" | "get_nowait")
            && model.slice(&*method.value) == queue
            && round.body.iter().any(|stmt| stmt.range().contains_range(call.range()))
    });
    if takes.count() > 1 {
        return Err("it takes more than one item in a round".into());
    }
    let rebound = round.body.iter().flat_map(|stmt| model.bindings_within(model.id(stmt)));
    let root = queue.split(['.', '[', '(']).next().unwrap_or(queue);
    if rebound.into_iter().any(|binding| binding.name == root) {
        return Err(format!("`{root}` is bound anew in the loop").into());
    }
    let yields = round
        .rest
        .iter()
        .flat_map(|stmt| model.subtree(model.id(stmt)))
        .any(|(id, node)| {
            matches!(node, AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_))
                && in_same_function(ctx, id, model.id(round.get))
        });
    if yields {
        return Err("a `yield` stands in the round".into());
    }
    Ok(Fix::unsafe_because(doubt, Writer { ctx, round }.edits()?))
}

/// The line of the first await that can follow a mark before its round, or the part of it that is given, is over.
fn waits_behind(ctx: &Context, done: &Stmt, rest: &[Stmt]) -> Option<usize> {
    let model = ctx.model;
    let mut at = model.id(done);
    loop {
        let (block, index) = model.block_of(at)?;
        for stmt in &block[index + 1..] {
            if rest.last().is_some_and(|last| stmt.start() > last.end()) {
                return None;
            }
            if let Some(wait) = model.first_wait(stmt) {
                return Some(ctx.module.location(model.node(wait).start()).0);
            }
            if matches!(
                stmt,
                Stmt::Break(_) | Stmt::Continue(_) | Stmt::Return(_) | Stmt::Raise(_)
            ) {
                return None;
            }
        }
        if in_block(rest, &block[index]) {
            return None;
        }
        at = model.statement_of(model.parent(at))?.0;
    }
}

/// Writes the `try`.
struct Writer<'c, 'a> {
    ctx: &'c Context<'a>,
    round: &'c Round<'a>,
}

impl<'a> Writer<'_, 'a> {
    fn edits(&self) -> Result<Vec<Edit>, Declined> {
        let (ctx, round) = (self.ctx, self.round);
        own_lines(ctx.module, round.get.start(), round.get.end())?;
        let mut draft = Draft::new(ctx);
        let call = format!("{}.task_done()", round.queue);
        let (Some(first), Some(last)) = (round.rest.first(), round.rest.last()) else {
            draft.line_below(round.get, call);
            return draft.finish();
        };
        if let Some(edits) = self.widened()? {
            return Ok(edits);
        }
        own_lines(ctx.module, first.start(), last.end())?;
        let is_marked_last = round.done.iter().any(|done| done.range() == last.range());
        let Some(kept) = round.rest.iter().rev().find(|stmt| !self.is_done(stmt)) else {
            return Err("nothing is done with the item".into());
        };
        let mut end = kept.end();
        for done in round.done.iter().filter(|done| done.range() != last.range()) {
            let removed = self.removal(done)?;
            if removed.contains_inclusive(end) && first.start() < removed.start() {
                end = ctx.module.line_end(removed.start() - TextSize::new(1));
            }
            draft.delete(removed);
        }
        draft.put_under(TextRange::new(first.start(), end), "try:");
        let indent = ctx.indentation(first).to_owned();
        let unit = ctx.indent_unit(ctx.model.id(first));
        if is_marked_last {
            // The call stays, with the comments above it, and gets its own clause.
            let comments = ctx
                .module
                .comments_in(TextRange::new(ctx.module.line_end(end), last.start()));
            let start = comments.first().map_or(last.start(), Ranged::start);
            let line = ctx.module.line_start(start);
            let blank = above_blank_lines(ctx.module, line);
            draft.delete(TextRange::new(blank, line));
            draft.insert(line, format!("{indent}finally:\n"));
            for comment in comments {
                draft.insert(comment.start(), unit.clone());
            }
            draft.indent(last.range());
        } else {
            draft.line_outside(TextRange::new(first.start(), end), format!("finally:\n{unit}{call}"));
        }
        draft.finish()
    }

    fn is_done(&self, stmt: &Stmt) -> bool {
        self.round.done.iter().any(|done| done.range() == stmt.range())
    }

    /// When the work stands in a `try` of its own whose `finally` marks the item, that `try` begins earlier.
    fn widened(&self) -> Result<Option<Vec<Edit>>, Declined> {
        let (ctx, round) = (self.ctx, self.round);
        let found = round.rest.iter().enumerate().find_map(|(index, stmt)| match stmt {
            Stmt::Try(inner)
                if matches!(inner.finalbody.as_slice(), [only] if self.is_done(only))
                    && inner.handlers.is_empty()
                    && inner.orelse.is_empty() =>
            {
                Some((index, inner))
            }
            _ => None,
        });
        let Some((index, inner)) = found else { return Ok(None) };
        let (Some(first), Some(last)) = (round.rest.first(), round.rest[..index].last()) else {
            return Ok(None);
        };
        let mut draft = Draft::new(ctx);
        let header = TextRange::new(
            ctx.module.line_start(inner.start()),
            ctx.module.line_end_with_newline(inner.start()),
        );
        let begins_below = inner.body.first().is_some_and(|stmt| stmt.start() >= header.end());
        if !begins_below || !ctx.module.comments_in(header).is_empty() {
            return Err("a comment or statement stands behind its `try`".into());
        }
        own_lines(ctx.module, first.start(), last.end())?;
        draft.delete(header);
        draft.put_under(TextRange::new(first.start(), last.end()), "try:");
        let unit = ctx.indent_unit(ctx.model.id(first));
        for comment in ctx
            .module
            .comments_in(TextRange::new(ctx.module.line_end(last.end()), inner.start()))
        {
            draft.insert(comment.start(), unit.clone());
        }
        for done in round
            .done
            .iter()
            .filter(|done| !inner.range().contains_range(done.range()))
        {
            draft.delete(self.removal(done)?);
        }
        draft.finish().map(Some)
    }

    /// What goes when a call of `task_done` goes: the statement, or the clause of a `try` that holds nothing else.
    fn removal(&self, done: &'a Stmt) -> Result<TextRange, Declined> {
        let (ctx, model) = (self.ctx, self.ctx.model);
        let parent = model.node(model.parent(model.id(done)));
        if let AnyNodeRef::StmtTry(outer) = parent
            && !outer.handlers.is_empty()
        {
            let is_only = |block: &[Stmt]| matches!(block, [only] if only.range() == done.range());
            let kind = match outer {
                _ if is_only(&outer.finalbody) => Some(TokenKind::Finally),
                _ if is_only(&outer.orelse) => Some(TokenKind::Else),
                _ => None,
            };
            if let Some(kind) = kind {
                return clause(ctx, done, kind);
            }
        }
        Ok(ctx.remove_statement(done)?.range())
    }
}

/// The lines of a clause that holds one statement.
fn clause(ctx: &Context, only: &Stmt, kind: TokenKind) -> Result<TextRange, Declined> {
    let module = ctx.module;
    let before = TextRange::up_to(only.start());
    let keyword = module
        .tokens()
        .in_range(before)
        .iter()
        .rev()
        .find(|token| token.kind() == kind)
        .ok_or("its clause is not found")?;
    own_lines(module, keyword.start(), only.end())?;
    let lines = TextRange::new(
        above_blank_lines(module, module.line_start(keyword.start())),
        module.line_end_with_newline(only.end()),
    );
    if !module.comments_in(lines).is_empty() {
        return Err("a comment beside `task_done()` would be lost".into());
    }
    Ok(lines)
}

/// A `get` that does not go with the `task_done` around it or behind it.
fn misplaced(ctx: &Context, awaited: &ast::ExprAwait, queue: &Expr) -> Option<Declined> {
    let model = ctx.model;
    let written = model.slice(queue);
    let (id, stmt) = model.statement_of(model.id(awaited))?;
    let marks = |block: &[Stmt]| {
        block
            .iter()
            .any(|stmt| matches!(stmt, Stmt::Expr(stmt) if is_task_done(ctx, &stmt.value, written)))
    };
    match (stmt, model.node(model.parent(id))) {
        (_, AnyNodeRef::StmtTry(outer)) if marks(&outer.finalbody) && in_block(&outer.body, stmt) => {
            is_loop(model.node(model.parent(model.parent(id)))).then(|| {
                format!("`{written}.get()` stands in the `try`: when it is cancelled or fails, the `finally` marks an item that was not taken, and `task_done()` raises ValueError. Take the item above the `try`").into()
            })
        }
        (Stmt::While(outer), _) if outer.test.range().contains_range(awaited.range()) && !outer.test.is_await_expr() => {
            let marks_in_body = model.calls().any(|call| {
                paths::marks(ctx, call, written)
                    && outer.body.iter().any(|stmt| stmt.range().contains_range(call.range()))
            });
            let (block, index) = model.block_of(id)?;
            let is_marked_behind = block[index + 1..].iter().any(|stmt| {
                model
                    .slice(stmt)
                    .contains(&format!("{written}.task_done()"))
            });
            (marks_in_body && outer.orelse.is_empty() && !is_marked_behind).then(|| {
                format!("the item that ends the loop is taken by its condition and never marked. Call `{written}.task_done()` behind the loop as well").into()
            })
        }
        _ => None,
    }
}

fn in_block(block: &[Stmt], stmt: &Stmt) -> bool {
    block.iter().any(|other| other.range() == stmt.range())
}

fn is_loop(node: AnyNodeRef) -> bool {
    matches!(node, AnyNodeRef::StmtWhile(_) | AnyNodeRef::StmtFor(_))
}

/// Whether a queue is one of asyncio's; `None` when that is not known.
fn is_asyncio_queue(ctx: &Context, queue: &Expr, object: &Object) -> Option<bool> {
    let is_known = |name: &str| QUEUES.contains(&name);
    match ctx.model.type_of(queue) {
        Type::Foreign(class) => return Some(is_known(&class)),
        Type::Unknown => {}
        _ => return Some(false),
    }
    let all = object.origins.iter().all(|origin| match origin {
        Expr::Call(call) => ctx.model.qualified_name(&call.func).is_some_and(|name| is_known(&name)),
        _ => false,
    });
    (all && !object.origins.is_empty()).then_some(true)
}

/// All uses of `task_done` of the queue: those that follow from where it goes, and those in the function that are written like it.
fn marks(ctx: &Context, object: &Object, get: NodeId, written: &str) -> Vec<NodeId> {
    let model = ctx.model;
    let mut marks: Vec<NodeId> = object
        .reads
        .iter()
        .map(|read| model.parent(*read))
        .filter(|parent| matches!(model.node(*parent), AnyNodeRef::ExprAttribute(method) if method.attr.as_str() == "task_done"))
        .collect();
    if let Some(function) = model.enclosing_function(get) {
        marks.extend(model.subtree(model.id(function)).filter_map(|(id, node)| match node {
            AnyNodeRef::ExprAttribute(method)
                if method.attr.as_str() == "task_done" && model.slice(&*method.value) == written =>
            {
                Some(id)
            }
            _ => None,
        }));
    }
    marks.sort_unstable();
    marks.dedup();
    marks
}

/// The name of the function that marks an item, when it takes none from the queue itself.
fn marks_only<'a>(ctx: &Context<'a>, mark: NodeId, object: &Object) -> Option<&'a str> {
    let model = ctx.model;
    let function = model.enclosing_function(mark)?;
    let takes = object.reads.iter().any(|read| {
        model.contains(model.id(function), *read)
            && (is_called(ctx, *read, "get") || is_called(ctx, *read, "get_nowait"))
    });
    (!takes).then_some(function.name.as_str())
}

/// Whether a mark outside of the loop may be for an item that the loop has taken: the function gets there with it, or has another name for the
/// method.
fn marks_behind(ctx: &Context, object: &Object, mark: NodeId, get: NodeId) -> bool {
    let model = ctx.model;
    if !in_same_function(ctx, mark, get) {
        return false;
    }
    let at = model.node(mark).start();
    let is_name_for_it = !matches!(model.node(model.parent(mark)), AnyNodeRef::ExprCall(_));
    let end = model.node(model.parent(get)).end();
    let is_for_another = || {
        object.reads.iter().any(|read| {
            (end..at).contains(&model.node(*read).start())
                && (is_called(ctx, *read, "get") || is_called(ctx, *read, "get_nowait"))
        })
    };
    is_name_for_it || at > end && !is_for_another()
}

/// Whether a read is `read.method(...)`.
fn is_called(ctx: &Context, read: NodeId, method: &str) -> bool {
    let model = ctx.model;
    let attribute = model.parent(read);
    matches!(model.node(attribute), AnyNodeRef::ExprAttribute(found) if found.attr.as_str() == method)
        && model.is_callee(attribute)
}

fn in_same_function(ctx: &Context, one: NodeId, other: NodeId) -> bool {
    let function = |id| ctx.model.enclosing_function(id).map(Ranged::range);
    function(one) == function(other) && ctx.model.scope_of(one) == ctx.model.scope_of(other)
}
