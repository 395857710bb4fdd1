//! `await lock.acquire()`, then `try: ... finally: lock.release()` -> `async with lock: ...`.
//!
//! The manager of asyncio's locks is these two calls: `__aenter__` awaits `acquire`, `__aexit__` calls `release` and returns None.

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::draft::Draft;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::layout::{above_blank_lines, own_lines};
use crate::semantic::names::Lookup;
use crate::semantic::objects::{Slot, Store};
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{NodeId, ScopeId, SemanticModel};

/// Classes whose manager is known to be `acquire` and `release`.
const LOCKS: &[&str] = &["Lock", "Semaphore", "BoundedSemaphore", "Condition"];

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for awaited in ctx.model.awaits() {
        let Some(section) = section(ctx, awaited) else {
            continue;
        };
        acc.push(
            awaited,
            "`async with` acquires and releases a lock in one place",
            rewrite(ctx, &section),
        );
    }
}

/// An `acquire` that is a statement, and what follows it in its block.
struct Section<'a> {
    lock: &'a Expr,
    acquire: &'a Stmt,
    /// The statements behind `acquire`.
    rest: &'a [Stmt],
    end: End<'a>,
}

enum End<'a> {
    /// `rest` starts with a `try` that releases the lock in its `finally`.
    Finally(&'a ast::StmtTry),
    /// The statement with this index in `rest` releases it.
    Release(usize),
    /// It is released, but not there.
    Elsewhere,
    /// `acquire` is given a time limit.
    Limited,
}

/// The section that an `await` opens; `None` when it is no `acquire`, or nothing in its function releases the lock.
fn section<'a>(ctx: &Context<'a>, awaited: &'a ast::ExprAwait) -> Option<Section<'a>> {
    let model = ctx.model;
    let Expr::Call(call) = &*awaited.value else { return None };
    let limited = call
        .arguments
        .args
        .first()
        .and_then(|first| called_on(first, "acquire"));
    let lock = called_on(&awaited.value, "acquire").or(limited)?;
    let (id, acquire) = model.statement_of(model.id(awaited))?;
    if !matches!(acquire, Stmt::Expr(stmt) if stmt.value.range() == awaited.range()) {
        return None;
    }
    let (block, index) = model.block_of(id)?;
    let rest = &block[index + 1..];
    let is_release = |stmt: &Stmt| is_release(model, stmt, lock);
    let end = match rest.first() {
        Some(Stmt::Try(inner)) if inner.finalbody.iter().any(is_release) => match limited {
            Some(_) => End::Limited,
            None => End::Finally(inner),
        },
        _ if limited.is_some() => return None,
        _ => match rest.iter().position(is_release) {
            Some(at) => End::Release(at),
            None if releases(ctx, model.id(model.enclosing_function(id)?), lock) > 0 => End::Elsewhere,
            None => return None,
        },
    };
    Some(Section {
        lock,
        acquire,
        rest,
        end,
    })
}

fn rewrite(ctx: &Context, section: &Section) -> Result<Fix, Declined> {
    let lock = section.lock;
    match section.end {
        End::Finally(guarded) => {
            let doubt = same_lock(ctx, lock, &guarded.body)?;
            may_be_held(ctx, &guarded.body)?;
            Ok(Fix::with_doubt(
                doubt.or(class_doubt(ctx, lock)?),
                replace_try(ctx, section, guarded)?,
            ))
        }
        End::Release(at) => {
            let (inside, release) = (&section.rest[..at], &section.rest[at]);
            if inside.is_empty() {
                return Err("nothing stands between `acquire` and `release`".into());
            }
            may_be_held(ctx, inside)?;
            let nested = inside
                .iter()
                .map(|stmt| releases(ctx, ctx.model.id(stmt), lock))
                .sum::<usize>();
            if nested > 0 {
                return Err("it is released in more than one place".into());
            }
            if let Some(line) = jump(ctx, inside) {
                return Err(format!("the jump in line {line} leaves it locked").into());
            }
            let doubt = class_doubt(ctx, lock)?
                .or(same_lock(ctx, lock, inside)?)
                .unwrap_or_else(|| {
                    format!(
                        "`{}` stays locked after an error between `acquire` and `release`; `async with` releases it",
                        ctx.model.slice(lock)
                    )
                });
            Ok(Fix::unsafe_because(doubt, put_under(ctx, section, inside, release)?))
        }
        End::Elsewhere => Err("it is not released in the block that acquires it".into()),
        End::Limited => Err("it is acquired under a time limit, which `async with` has not".into()),
    }
}

/// What `async with` does for a lock of this class, or the doubt about it.
fn class_doubt(ctx: &Context, lock: &Expr) -> Result<Option<String>, Declined> {
    Ok(known_class_doubt(ctx, lock)?.or_else(|| set_elsewhere(ctx, lock)))
}

/// Where another file may put something else in the place of the lock.
fn set_elsewhere(ctx: &Context, lock: &Expr) -> Option<String> {
    let model = ctx.model;
    let shown = model.slice(lock);
    match lock {
        Expr::Name(name) => {
            let is_global = model.lookup(&name.id, model.scope_of(model.id(name))) == Lookup::Scope(ScopeId::MODULE);
            let place = ctx.project.changes(&name.id).filter(|_| is_global)?;
            Some(format!("`{shown}` is bound anew ({place})"))
        }
        Expr::Attribute(attribute) => {
            let by_class = || {
                let class = model.class_of(&attribute.value)?;
                let other = ctx.project.overrides(class, &[&attribute.attr], model)?;
                Some(format!("{other} may stand in the place of `{shown}`"))
            };
            let place = ctx.project.sets(&attribute.attr);
            place
                .map(|place| {
                    format!(
                        "an attribute `{}` is set, which may be this one ({place})",
                        attribute.attr
                    )
                })
                .or_else(by_class)
        }
        _ => None,
    }
}

/// The same, by what this module says.
fn known_class_doubt(ctx: &Context, lock: &Expr) -> Result<Option<String>, Declined> {
    let is_known = |class: &str| {
        class
            .strip_prefix("asyncio.")
            .is_some_and(|name| LOCKS.contains(&name.strip_prefix("locks.").unwrap_or(name)))
    };
    let shown = ctx.model.slice(lock);
    match ctx.model.type_of(lock) {
        Type::Foreign(class) if is_known(&class) => Ok(None),
        Type::Foreign(class) => Ok(Some(format!(
            "`{shown}` is a `{class}`, whose `async with` is not known to acquire and release"
        ))),
        Type::Unknown => {
            let object = ctx.model.object(lock);
            let all_known = !object.origins.is_empty()
                && object.origins.iter().all(|origin| match origin {
                    Expr::Call(call) => ctx.model.qualified_name(&call.func).is_some_and(|name| is_known(&name)),
                    _ => false,
                });
            let doubt = object.unknown_origin.is_some() || !all_known;
            Ok(doubt.then(|| format!("the class of `{shown}` is not known")))
        }
        _ => Err(format!("`{shown}` is not a lock of asyncio").into()),
    }
}

/// Whether the expression stands for one lock from `acquire` to `release`.
fn same_lock(ctx: &Context, lock: &Expr, inside: &[Stmt]) -> Result<Option<String>, Declined> {
    let model = ctx.model;
    let shown = model.slice(lock);
    let doubt = || Some(format!("`{shown}` may be another lock when it is released"));
    let mut at = lock;
    loop {
        match at {
            Expr::Name(name) => {
                let is_rebound = inside
                    .iter()
                    .flat_map(|stmt| model.bindings_within(model.id(stmt)))
                    .any(|binding| binding.name == name.id.as_str());
                return match model.slot_of(at) {
                    _ if is_rebound => Err(format!("`{}` is bound anew before the release", name.id).into()),
                    Some(slot @ Slot::Name(scope, _)) if !ctx.model.is_captured(&name.id, scope) => {
                        Ok(model.stores_in(slot).is_empty().then(doubt).flatten())
                    }
                    Some(slot) if model.stores_in(slot).len() == 1 => Ok(None),
                    _ => Ok(doubt()),
                };
            }
            Expr::Attribute(attribute) => {
                let is_settled = model
                    .slot_of(at)
                    .is_some_and(|slot| model.stores_in(slot).iter().all(|store| is_initial(model, store)));
                if !is_settled {
                    return Ok(doubt());
                }
                at = &attribute.value;
            }
            Expr::Subscript(_) => return Ok(doubt()),
            _ => return Err(format!("`{shown}` is computed twice, and may give two locks").into()),
        }
    }
}

/// Whether a store stands in a class body or in `__init__`.
fn is_initial(model: &SemanticModel, store: &Store) -> bool {
    match store {
        Store::Value(value) => model
            .enclosing_function(model.id(*value))
            .is_none_or(|function| function.name.as_str() == "__init__"),
        _ => false,
    }
}

/// Whether a block may be put under `async with`: not around a `yield`, where the generator may be left for good.
fn may_be_held(ctx: &Context, block: &[Stmt]) -> Result<(), Declined> {
    let yields =
        within(ctx, block).any(|(_, node)| matches!(node, AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_)));
    if yields {
        return Err("a `yield` stands between `acquire` and `release`".into());
    }
    Ok(())
}

/// The line of the first statement that leaves a block without reaching its end.
fn jump(ctx: &Context, block: &[Stmt]) -> Option<usize> {
    let stays = |id: NodeId| {
        let inside = |outer: NodeId| block.iter().any(|stmt| ctx.model.contains(ctx.model.id(stmt), outer));
        ctx.model.loops(id).next().is_some_and(inside)
    };
    within(ctx, block)
        .find(|(id, node)| match node {
            AnyNodeRef::StmtReturn(_) => true,
            AnyNodeRef::StmtBreak(_) | AnyNodeRef::StmtContinue(_) => !stays(*id),
            _ => false,
        })
        .map(|(_, node)| ctx.module.location(node.start()).0)
}

/// The nodes of a block that its own function runs.
fn within<'a>(ctx: &Context<'a>, block: &'a [Stmt]) -> impl Iterator<Item = (NodeId, AnyNodeRef<'a>)> {
    let model = ctx.model;
    let function = block.first().and_then(|stmt| model.enclosing_function(model.id(stmt)));
    block
        .iter()
        .flat_map(|stmt| model.subtree(model.id(stmt)))
        .filter(move |(id, _)| match (model.enclosing_function(*id), function) {
            (Some(one), Some(other)) => std::ptr::eq(one, other),
            _ => true,
        })
}

/// How often a part of the module calls `release` on what is written like the lock.
fn releases(ctx: &Context, part: NodeId, lock: &Expr) -> usize {
    let calls = ctx.model.subtree(part).filter(|(_, node)| match node {
        AnyNodeRef::ExprCall(call) => match &*call.func {
            Expr::Attribute(method) => {
                method.attr.as_str() == "release" && ctx.model.slice(&*method.value) == ctx.model.slice(lock)
            }
            _ => false,
        },
        _ => false,
    });
    calls.count()
}

/// `lock` of `lock.name()`.
fn called_on<'a>(expr: &'a Expr, name: &str) -> Option<&'a Expr> {
    match expr {
        Expr::Call(call) if call.arguments.is_empty() => match &*call.func {
            Expr::Attribute(method) if method.attr.as_str() == name => Some(&method.value),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a statement is `lock.release()`, not awaited.
fn is_release(model: &SemanticModel, stmt: &Stmt, lock: &Expr) -> bool {
    match stmt {
        Stmt::Expr(stmt) => {
            called_on(&stmt.value, "release").is_some_and(|released| model.slice(released) == model.slice(lock))
        }
        _ => false,
    }
}

/// `try:` becomes `async with lock:` when the `finally` was all that it had; else the rest of it moves below that line.
fn replace_try(ctx: &Context, section: &Section, guarded: &ast::StmtTry) -> Result<Vec<Edit>, Declined> {
    let module = ctx.module;
    if guarded.finalbody.len() > 1 {
        return Err("its `finally` does more than release it".into());
    }
    own_lines(module, guarded.start(), guarded.end())?;
    if let Some(first) = guarded.body.first() {
        own_lines(module, first.start(), first.end())?;
    }
    let header = format!("async with {}", ctx.model.slice(section.lock));
    let (last, finally) = finally_clause(ctx, guarded)?;
    let clause = TextRange::new(
        above_blank_lines(module, module.line_start(finally)),
        module.line_end_with_newline(guarded.end()),
    );
    if !module.comments_in(clause).is_empty() {
        return Err("a comment in the `finally` would be lost".into());
    }
    let mut draft = Draft::new(ctx);
    draft.delete(clause);
    let between = TextRange::new(section.acquire.start(), guarded.start());
    if guarded.handlers.is_empty() && guarded.orelse.is_empty() {
        draft.replace(
            TextRange::at(guarded.start(), "try".len().try_into().unwrap_or_default()),
            header,
        );
    } else {
        draft.put_under(TextRange::new(guarded.start(), last), format!("{header}:"));
    }
    remove_acquire(ctx, section, between, &mut draft)?;
    draft.finish()
}

/// Removes `acquire`, with the blank lines up to what follows.
fn remove_acquire(ctx: &Context, section: &Section, between: TextRange, draft: &mut Draft) -> Result<(), Declined> {
    if ctx.module.comments_in(between).is_empty() && ctx.module.is_first_on_line(between.start()) {
        draft.delete(between);
    } else {
        let edit = ctx.remove_statement(section.acquire)?;
        draft.delete(edit.range());
    }
    Ok(())
}

/// Where what stands before the `finally` ends, and where `finally` is written.
fn finally_clause(
    ctx: &Context,
    guarded: &ast::StmtTry,
) -> Result<(ruff_text_size::TextSize, ruff_text_size::TextSize), Declined> {
    let handlers = guarded.handlers.iter().map(Ranged::end);
    let blocks = [guarded.body.last(), guarded.orelse.last()];
    let last = blocks.into_iter().flatten().map(Ranged::end).chain(handlers).max();
    let first = guarded.finalbody.first().map(Ranged::start);
    let (Some(last), Some(first)) = (last, first) else {
        return Err("its `finally` is empty".into());
    };
    let mut tokens = ctx.module.tokens().in_range(TextRange::new(last, first)).iter();
    let finally = tokens
        .find(|token| token.kind() == TokenKind::Finally)
        .ok_or("its `finally` is not found")?;
    Ok((last, finally.start()))
}

/// The statements between `acquire` and `release`, under `async with`.
fn put_under(ctx: &Context, section: &Section, inside: &[Stmt], release: &Stmt) -> Result<Vec<Edit>, Declined> {
    let (Some(first), Some(last)) = (inside.first(), inside.last()) else {
        return Err("nothing stands between `acquire` and `release`".into());
    };
    own_lines(ctx.module, first.start(), last.end())?;
    let mut draft = Draft::new(ctx);
    let header = format!("async with {}:", ctx.model.slice(section.lock));
    draft.put_under(TextRange::new(first.start(), last.end()), header);
    remove_acquire(
        ctx,
        section,
        TextRange::new(section.acquire.start(), first.start()),
        &mut draft,
    )?;
    let removed = ctx.remove_statement(release)?;
    draft.delete(removed.range());
    draft.finish()
}
