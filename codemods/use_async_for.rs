//! `for x in agen()` -> `async for x in agen()`, `await agen()` -> `agen()`, and generators that are left early under `aclosing`.

use memchr::memmem;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::semantic::{NodeId, ScopeKind};

/// Builtins that read an iterable to its end at once, with the brackets of the comprehension that stands for the whole call.
const CONSUMERS: &[(&str, Option<(char, char)>)] = &[
    ("list", Some(('[', ']'))),
    ("set", Some(('{', '}'))),
    ("tuple", None),
    ("frozenset", None),
    ("sorted", None),
    ("dict", None),
    ("sum", None),
    ("min", None),
    ("max", None),
];

/// A call of an asynchronous generator of the module that is awaited, or read by a plain `for` or a builtin, or by an `async for` that may
/// leave early; or a class that only `async for` can read.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    let generators = glance::async_generators(text);
    let by_call = glance::calls_of(text, &generators).any(|call| {
        let before = call.before_path().trim_ascii_start();
        let is_awaited = glance::last_word(before.trim_ascii_end()) == b"await";
        if before.starts_with(b"async for ") && !is_awaited {
            let line = &text[call.start()..];
            let line = line[..memchr::memchr(b'\n', line).unwrap_or(line.len())].trim_ascii_end();
            let behind = if line.ends_with(b":") {
                glance::block_below(text, call.line_start())
            } else {
                glance::until_definition(text, call.start())
            };
            return memmem::find(behind, b"break").is_some() || memmem::find(behind, b"return").is_some();
        }
        let code = before.trim_ascii_end();
        let is_read_by = |name: &[u8]| {
            std::str::from_utf8(name).is_ok_and(|name| {
                glance::words(text, name).any(|word| word.before_path().trim_ascii_end().ends_with(b" in"))
            })
        };
        match code.last() {
            // A statement, or within brackets that an earlier line has opened.
            None => match glance::code_above(text, call.line_start()) {
                above if above.ends_with(b"(") => opens_consumer(above),
                above => above.contains(&b'#') || above.ends_with(b"\\"),
            },
            Some(b'(') => opens_consumer(code),
            // What has the method is made on the spot: whatever reads it stands further to the left.
            Some(b')' | b']') => true,
            // `name = agen()`, `name: X = agen()`
            Some(b'=') => is_read_by(glance::words_in(code).next().unwrap_or_default()),
            _ => match glance::last_word(code) {
                b"in" => !memmem::rfind(code, b"for ").is_some_and(|at| code[..at].ends_with(b"async ")),
                word => word == b"await",
            },
        }
    });
    by_call
        || glance::mentions(text, &["StreamReader", "open_connection"])
        || glance::mentions(text, &["def __aiter__"])
}

/// Whether the parenthesis that the code ends in is that of a builtin of [`CONSUMERS`], or of no call.
fn opens_consumer(code: &[u8]) -> bool {
    let word = glance::last_word(&code[..code.len() - 1]);
    word.is_empty() || CONSUMERS.iter().any(|(name, _)| name.as_bytes() == word)
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    for (id, node) in model.subtree(NodeId(0)) {
        match node {
            AnyNodeRef::StmtFor(outer) if !outer.is_async => {
                if let Some(what) = model.async_iterable(&outer.iter) {
                    acc.push_defect(
                        &*outer.iter,
                        raises("a plain `for` over it", &what),
                        in_loop(ctx, outer),
                    );
                }
            }
            AnyNodeRef::StmtFor(outer) => {
                if let Some(generator) = model.async_generator_called(&outer.iter)
                    && leaves_early(outer)
                    && cleans_up(ctx, generator)
                {
                    let message = format!(
                        "the loop leaves `{}` early, and its clean-up runs some time later, in another task",
                        generator.name
                    );
                    acc.push_defect(&*outer.iter, message, close(ctx, outer));
                }
            }
            AnyNodeRef::Comprehension(clause) if !clause.is_async => {
                if let Some(what) = model.async_iterable(&clause.iter) {
                    let message = raises("a plain `for` over it", &what);
                    acc.push_defect(&clause.iter, message, in_comprehension(ctx, id, clause));
                }
            }
            AnyNodeRef::ExprCall(call) => {
                let consumer = CONSUMERS.iter().find(|(name, _)| model.is_builtin(&call.func, name));
                if let Some((name, brackets)) = consumer
                    && let Some(first) = call.arguments.args.first()
                    && let Some(what) = model.async_iterable(first)
                {
                    let message = raises(&format!("`{name}` of it"), &what);
                    acc.push_defect(call, message, in_consumer(ctx, call, first, *brackets));
                }
            }
            AnyNodeRef::ExprAwait(outer) => {
                if let Some(generator) = model.async_generator_called(&outer.value) {
                    let message = format!(
                        "`{}` is an asynchronous generator: awaiting it raises TypeError",
                        generator.name
                    );
                    acc.push_defect(outer, message, without_await(ctx, outer));
                }
            }
            _ => {}
        }
    }
}

fn raises(attempt: &str, what: &str) -> String {
    format!("{what}: {attempt} raises TypeError")
}

fn in_loop(ctx: &Context, outer: &ast::StmtFor) -> Result<Fix, Declined> {
    let id = ctx.model.id(outer);
    ctx.model.await_is_legal(id, ctx.settings.target)?;
    let doubt = ctx.model.failure_is_seen(id)?;
    Ok(Fix::with_doubt(doubt, vec![Edit::insertion("async ", outer.start())]))
}

fn in_comprehension(ctx: &Context, id: NodeId, clause: &ast::Comprehension) -> Result<Fix, Declined> {
    // The target is evaluated in the comprehension's own scope, which has to be inside an async function.
    ctx.model
        .await_is_legal(ctx.model.id(&clause.target), ctx.settings.target)?;
    let doubt = ctx.model.failure_is_seen(id)?;
    Ok(Fix::with_doubt(doubt, vec![Edit::insertion("async ", clause.start())]))
}

/// `list(agen())` is a comprehension; other consumers are given one.
fn in_consumer(
    ctx: &Context,
    call: &ast::ExprCall,
    first: &Expr,
    brackets: Option<(char, char)>,
) -> Result<Fix, Declined> {
    let id = ctx.model.id(call);
    ctx.model.await_is_legal(id, ctx.settings.target)?;
    let is_nested = matches!(ctx.model.scope(ctx.model.scope_of(id)).kind, ScopeKind::Comprehension);
    if is_nested && ctx.settings.target < PythonVersion::PY311 {
        return Err("an asynchronous comprehension inside another comprehension needs Python 3.11".into());
    }
    let doubt = ctx.model.failure_is_seen(id)?;
    let item = ctx.model.fresh_name("item", id);
    let edits = match brackets {
        Some((open, close)) if call.arguments.len() == 1 => {
            let comments = ctx.module.comments_in(call.range()).len();
            if comments > ctx.module.comments_in(first.range()).len() {
                return Err("a comment stands in the call".into());
            }
            vec![
                Edit::replacement(
                    format!("{open}{item} async for {item} in "),
                    TextRange::new(call.start(), first.start()),
                ),
                Edit::replacement(close.to_string(), TextRange::new(first.end(), call.end())),
            ]
        }
        _ => vec![
            Edit::insertion(format!("[{item} async for {item} in "), first.start()),
            Edit::insertion("]", first.end()),
        ],
    };
    Ok(Fix::with_doubt(doubt, edits))
}

fn without_await(ctx: &Context, outer: &ast::ExprAwait) -> Result<Fix, Declined> {
    let id = ctx.model.id(outer);
    if ctx.model.node(ctx.model.parent(id)).is_stmt_expr() {
        return Err("without the `await` nothing would run it: what its items are for is not said here".into());
    }
    let doubt = ctx.model.failure_is_seen(id)?;
    Ok(Fix::with_doubt(
        doubt,
        vec![Edit::deletion(TextRange::new(outer.start(), outer.value.start()))],
    ))
}

/// `async with aclosing(agen()) as gen:` around the loop.
fn close(ctx: &Context, outer: &ast::StmtFor) -> Result<Fix, Declined> {
    let id = ctx.model.id(outer);
    if ctx.settings.target < PythonVersion::PY310 {
        return Err("`contextlib.aclosing` needs Python 3.10; before, call `aclose()` in a `finally` block".into());
    }
    let (_, stmt) = ctx.model.statement_of(id).ok_or("it is not part of a block")?;
    let (aclosing, import) = ctx.plain_member("contextlib", "aclosing", id)?;
    let name = ctx.model.fresh_name("gen", id);
    let manager = ctx.enclosed(
        stmt,
        &format!("async with {aclosing}("),
        &outer.iter,
        &format!(") as {name}:"),
    )?;
    let mut edits = ctx.wrap(stmt, stmt, &manager)?;
    edits.retain(|edit| !outer.iter.range().contains(edit.start()));
    edits.push(Edit::replacement(name, outer.iter.range()));
    Ok(Fix::unsafe_because(
        "the clean-up of the generator runs when the loop is left, no longer some time later: what follows sees its effects, and its exceptions",
        edits,
    )
    .import(import))
}

/// Whether a `break` or `return` in a loop's body ends the loop.
fn leaves_early(outer: &ast::StmtFor) -> bool {
    fn leaves(body: &[Stmt], in_inner_loop: bool) -> bool {
        body.iter().any(|stmt| match stmt {
            Stmt::Return(_) => true,
            Stmt::Break(_) => !in_inner_loop,
            Stmt::If(inner) => {
                leaves(&inner.body, in_inner_loop)
                    || inner
                        .elif_else_clauses
                        .iter()
                        .any(|clause| leaves(&clause.body, in_inner_loop))
            }
            Stmt::For(inner) => leaves(&inner.body, true) || leaves(&inner.orelse, in_inner_loop),
            Stmt::While(inner) => leaves(&inner.body, true) || leaves(&inner.orelse, in_inner_loop),
            Stmt::With(inner) => leaves(&inner.body, in_inner_loop),
            Stmt::Try(inner) => {
                [&inner.body, &inner.orelse, &inner.finalbody]
                    .into_iter()
                    .any(|block| leaves(block, in_inner_loop))
                    || inner
                        .handlers
                        .iter()
                        .any(|ast::ExceptHandler::ExceptHandler(handler)| leaves(&handler.body, in_inner_loop))
            }
            Stmt::Match(inner) => inner.cases.iter().any(|case| leaves(&case.body, in_inner_loop)),
            _ => false,
        })
    }
    leaves(&outer.body, false)
}

/// Whether a generator has something to do when it is closed at one of its `yield`s.
fn cleans_up(ctx: &Context, generator: &ast::StmtFunctionDef) -> bool {
    let model = ctx.model;
    let id = model.id(generator);
    model.subtree(id).any(|(yielded, node)| {
        matches!(node, AnyNodeRef::ExprYield(_))
            && model
                .enclosing_function(yielded)
                .is_some_and(|function| std::ptr::eq(function, generator))
            && model
                .ancestors(yielded)
                .take_while(|(outer, _)| *outer != id)
                .any(|(_, outer)| match outer {
                    AnyNodeRef::StmtWith(_) => true,
                    AnyNodeRef::StmtTry(outer) => {
                        !outer.finalbody.is_empty()
                            && !outer
                                .finalbody
                                .iter()
                                .any(|stmt| model.contains(model.id(stmt), yielded))
                    }
                    _ => false,
                })
    })
}
