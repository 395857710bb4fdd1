//! What is closed in a `finally` -> `async with`, and `with` over a manager that only `async with` can enter.

mod closing;

use std::cell::OnceCell;

use memchr::{memchr2_iter, memmem};
use ruff_python_ast::{self as ast, AnyNodeRef};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::semantic::NodeId;
use crate::semantic::protocols::AsyncManager;

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    closing::run(ctx, acc);
    let model = ctx.model;
    for (_, node) in model.subtree(NodeId(0)) {
        match node {
            AnyNodeRef::StmtWith(with) if !with.is_async => {
                let managers: Vec<_> = with
                    .items
                    .iter()
                    .map(|item| model.async_manager(&item.context_expr))
                    .collect();
                if let Some(first) = managers.iter().flatten().next() {
                    let message = format!("{}: a plain `with` raises", first.what);
                    acc.push_defect(&with.items[0].context_expr, message, enter(ctx, with, &managers));
                }
            }
            AnyNodeRef::StmtExpr(stmt) => {
                if let Some(manager) = forgotten(ctx, stmt) {
                    let reason = "nothing enters it, so that neither its beginning nor its end runs: it needs `async with` around what it is for";
                    acc.push_defect(stmt, manager.what, Err(reason.into()));
                }
            }
            _ => {}
        }
    }
}

fn enter(ctx: &Context, with: &ast::StmtWith, managers: &[Option<AsyncManager>]) -> Result<Fix, Declined> {
    let model = ctx.model;
    let id = model.id(with);
    model.await_is_legal(id, ctx.settings.target)?;
    let edits = if managers.iter().all(Option::is_some) {
        vec![Edit::insertion("async ", with.start())]
    } else {
        split(ctx, with, managers)?
    };
    let managers = || managers.iter().flatten();
    // While a generator is suspended inside such a block, the cancellation would hit whoever runs then.
    if managers().any(|manager| manager.cancels) && yields_inside(ctx, id) {
        return Err("a `yield` stands inside, and nothing may be yielded inside a scope that cancels its task".into());
    }
    let mut doubt = model.failure_is_seen(id)?;
    if managers().any(|manager| manager.may_be_derived) {
        doubt.get_or_insert_with(|| {
            "it may be of a class that derives from it elsewhere and has `__enter__`".to_owned()
        });
    }
    Ok(Fix::with_doubt(doubt, edits))
}

/// `with one, other:` as a statement inside another one, in the order in which they are entered.
fn split(ctx: &Context, with: &ast::StmtWith, managers: &[Option<AsyncManager>]) -> Result<Vec<Edit>, Declined> {
    let module = ctx.module;
    let first_is_async = managers[0].is_some();
    let border = managers
        .iter()
        .position(|manager| manager.is_some() != first_is_async)
        .ok_or("it enters one kind of managers only")?;
    if managers[border..]
        .iter()
        .any(|manager| manager.is_some() == first_is_async)
    {
        return Err("managers of both kinds take turns in one statement".into());
    }
    let (Some(first), Some(last)) = (with.body.first(), with.body.last()) else {
        return Err("it has no body".into());
    };
    let (before, items) = (&with.items[border - 1], &with.items[border..]);
    let header = TextRange::new(with.start(), items[items.len() - 1].end());
    if module.slice(header).contains('\n') || module.text()[usize::from(header.end())..].trim_start().starts_with(')') {
        return Err("it enters managers of both kinds, on several lines".into());
    }
    let word = if first_is_async { "with" } else { "async with" };
    let inner = TextRange::new(items[0].start(), header.end());
    let mut edits = ctx.wrap(first, last, &format!("{word} {}:", module.slice(inner)))?;
    edits.push(Edit::deletion(TextRange::new(before.end(), inner.end())));
    if first_is_async {
        edits.push(Edit::insertion("async ", with.start()));
    }
    Ok(edits)
}

/// Whether the function itself yields in a statement.
fn yields_inside(ctx: &Context, stmt: NodeId) -> bool {
    let model = ctx.model;
    model.subtree(stmt).any(|(id, node)| {
        matches!(node, AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_))
            && model.enclosing_function(id).map(|function| model.id(function))
                == model.enclosing_function(stmt).map(|function| model.id(function))
    })
}

/// A manager of this module that a statement makes and drops.
fn forgotten(ctx: &Context, stmt: &ast::StmtExpr) -> Option<AsyncManager> {
    let ast::Expr::Call(call) = &*stmt.value else {
        return None;
    };
    let model = ctx.model;
    let id = model.id(stmt);
    let is_own = model.function_of(&call.func).is_some() || model.class_named(&call.func).is_some();
    (is_own && model.runs_in_async(id) && model.failure_is_seen(id).is_ok())
        .then(|| model.async_manager(&stmt.value))
        .flatten()
}

/// `await x.close()` as the end of a `finally` block; or a plain `with` over something that is called like a manager for `async with`, or is
/// bound to a call of one in some line; or a line that begins with such a call.
pub(super) fn glance(text: &[u8], wanted: Wanted) -> bool {
    if closing::glance(text, wanted) || memmem::find(text, b"asynccontextmanager as ").is_some() {
        return true;
    }
    let own = own_managers(text);
    let mut marked: FxHashMap<&str, bool> = FxHashMap::default();
    let mut is_marked = |mark: &'static str| *marked.entry(mark).or_insert_with(|| glance::mentions(text, &[mark]));
    let imported: Vec<&[u8]> = IMPORTED
        .iter()
        .filter(|(name, mark)| is_marked(mark) && glance::mentions(text, &[name]))
        .map(|(name, _)| name.as_bytes())
        .collect();
    if own.is_empty() && imported.is_empty() {
        return false;
    }
    let makers = own.iter().chain(&imported).map(|name| std::str::from_utf8(name));
    let Ok(makers) = makers.collect::<Result<Vec<&str>, _>>() else {
        return true;
    };
    let makes = |word: &[u8]| own.contains(word) || imported.contains(&word);
    let bound = OnceCell::new();
    let enters = plain_withs(text).any(|header| {
        // What a quote follows is the end of a string: `patch("aiohttp.ClientSession")`.
        let is_quoted = |word: &[u8]| {
            let end = word.as_ptr() as usize - header.as_ptr() as usize + word.len();
            matches!(header.get(end), Some(b'"' | b'\''))
        };
        glance::words_in(header).filter(|word| !is_quoted(word)).any(|word| {
            makes(word)
                || bound
                    .get_or_init(|| bound_to(text, makers.iter().copied()))
                    .contains(word)
        })
    });
    enters || glance::calls_of(text, &own).any(|call| call.begins_line())
}

/// The names that are given a value or an annotation in a line that goes on to mention one of the makers.
fn bound_to<'t>(text: &'t [u8], makers: impl Iterator<Item = &'t str>) -> FxHashSet<&'t [u8]> {
    let mut bound = FxHashSet::default();
    for maker in makers.flat_map(|maker| glance::words(text, maker)) {
        for sign in memchr2_iter(b'=', b':', &text[maker.line_start()..maker.start()]) {
            let at = maker.line_start() + sign;
            if text.get(at + 1) != Some(&b'=') {
                bound.insert(glance::last_word(text[..at].trim_ascii_end()));
            }
        }
    }
    bound
}

/// The last names of what makes a manager for `async with`, each with what a text must mention as well.
const IMPORTED: &[(&str, &str)] = &[
    ("AsyncClient", "httpx"),
    ("AsyncExitStack", "contextlib"),
    ("AsyncSession", "sqlalchemy"),
    ("BoundedSemaphore", "asyncio"),
    ("ClientSession", "aiohttp"),
    ("Condition", "asyncio"),
    ("Lock", "asyncio"),
    ("Semaphore", "asyncio"),
    ("TaskGroup", "asyncio"),
    ("aclosing", "contextlib"),
    ("async_sessionmaker", "sqlalchemy"),
    ("begin", "sqlalchemy"),
    ("begin_nested", "sqlalchemy"),
    ("connect", "sqlalchemy"),
    ("delete", "ClientSession"),
    ("get", "ClientSession"),
    ("head", "ClientSession"),
    ("open", "aiofiles"),
    ("options", "ClientSession"),
    ("patch", "ClientSession"),
    ("post", "ClientSession"),
    ("put", "ClientSession"),
    ("request", "ClientSession"),
    ("sessionmaker", "sqlalchemy"),
    ("stream", "AsyncClient"),
    ("timeout", "asyncio"),
    ("timeout_at", "asyncio"),
    ("ws_connect", "ClientSession"),
];

/// The names of functions under `asynccontextmanager`, and of all classes when one has `__aenter__`.
fn own_managers(text: &[u8]) -> FxHashSet<&[u8]> {
    let name_behind = |at: usize, word: &[u8]| glance::words_in(&text[at + word.len()..]).next();
    let functions = memmem::find_iter(text, b"asynccontextmanager")
        .filter_map(|at| memmem::find(&text[at..], b"def ").and_then(|def| name_behind(at + def, b"def ")));
    let has_class = memmem::find(text, b"__aenter__").is_some();
    let classes =
        memmem::find_iter(if has_class { text } else { &[] }, b"class ").filter_map(|at| name_behind(at, b"class "));
    functions.chain(classes).collect()
}

/// What stands behind each `with` that begins a line, up to the end of the statement's header.
fn plain_withs(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    memmem::find_iter(text, b"with").filter_map(move |at| {
        let before = text[..at].iter().rev().take_while(|byte| **byte != b'\n');
        let behind = &text[at + b"with".len()..];
        let begins =
            before.clone().all(u8::is_ascii_whitespace) && matches!(behind.first(), Some(b' ' | b'(' | b'\\' | b'\t'));
        begins.then(|| header(behind))
    })
}

/// The lines up to the first one with a colon that leaves no bracket open. Brackets in strings may make it longer.
fn header(text: &[u8]) -> &[u8] {
    let mut depth = 0isize;
    let mut end = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        for byte in line {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth -= 1,
                _ => {}
            }
        }
        let is_continued = line.trim_ascii_end().ends_with(b"\\");
        if depth <= 0 && line.contains(&b':') && !is_continued {
            break;
        }
    }
    &text[..end]
}
