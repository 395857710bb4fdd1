//! Files that async code opens -> those of aiofiles or anyio, whose methods are awaited; in a project that uses one of the two already.
//!
//! A file is followed from its opening to its last use (`src/awaited_twin.rs`). Here: which library is meant, and what the methods of its files are.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, ExprRef};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::awaited_twin::{Class, Exchange, Method, Opening, PLAIN, Reader, Twin, Writer};
use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::importer::Import;
use crate::semantic::place::Backend;

/// Methods of paths that open a file, read or write it whole and close it.
const WHOLE: &[&str] = &[
    "pathlib.Path.read_text",
    "pathlib.Path.read_bytes",
    "pathlib.Path.write_text",
    "pathlib.Path.write_bytes",
];

const DOUBT: &str =
    "each use of the file is a hop to a thread of its own, and other tasks may use the same file in between";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Library {
    Aiofiles,
    Anyio,
}

/// A quick look: false when nothing is opened where an event loop may run it.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    ["open", "read_text", "read_bytes", "write_text", "write_bytes"]
        .into_iter()
        .any(|name| glance::calls(text, name).any(|place| place.may_lie_in_coroutine()))
        || glance::calls(text, "listdir").any(|place| place.may_lie_in_coroutine())
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    let Some(library) = library(ctx) else {
        return;
    };
    for call in model.calls() {
        if !model.runs_in_async(model.id(call)) || ctx.is_awaited(call) {
            continue;
        }
        let Some((name, row)) = ctx.blocking_call(call) else {
            continue;
        };
        let message = format!("`{name}` blocks the event loop: every other task waits");
        match (row.name, library) {
            ("open" | "io.open" | "pathlib.Path.open", _) => {
                let together = opened_together(ctx, call);
                // The first of several has the finding.
                if std::ptr::eq(together[0], call) {
                    acc.push(call, message, rewrite(ctx, library, &together));
                }
            }
            ("os.listdir", Library::Aiofiles) => acc.push(call, message, function(ctx, call, "listdir")),
            (name, Library::Anyio) if WHOLE.contains(&name) => acc.push(call, message, whole(ctx, call)),
            _ => {}
        }
    }
}

/// The library of the project: what the module imports, else aiofiles where the project depends on it. Almost every project depends on anyio in
/// some roundabout way, which says nothing.
fn library(ctx: &Context) -> Option<Library> {
    let model = ctx.model;
    let is_asyncio = model.backend() == Backend::Asyncio;
    if is_asyncio && model.imports_package("aiofiles") {
        Some(Library::Aiofiles)
    } else if matches!(model.backend(), Backend::Asyncio | Backend::Anyio) && model.imports_package("anyio") {
        Some(Library::Anyio)
    } else if is_asyncio && ctx.settings.dependencies.contains("aiofiles") {
        Some(Library::Aiofiles)
    } else {
        None
    }
}

/// Refuses what must stay as it is, whatever opens the file.
fn may_change(ctx: &Context, call: &ast::ExprCall) -> Result<(), Declined> {
    let model = ctx.model;
    if let Some(line) = ["builtins.open", "pathlib.Path"]
        .iter()
        .find_map(|name| ctx.patched(name))
    {
        return Err(format!("it is patched in line {line}, and the patch would no longer be met").into());
    }
    let is_test = model
        .enclosing_function(model.id(call))
        .is_some_and(|function| function.name.starts_with("test_"));
    if is_test {
        return Err("it stands in a test, where no other task waits for it".into());
    }
    Ok(())
}

fn rewrite<'a>(ctx: &Context<'a>, library: Library, together: &[&'a ast::ExprCall]) -> Result<Fix, Declined> {
    for opening in together {
        may_change(ctx, opening)?;
    }
    let twin = match library {
        Library::Aiofiles => &AIOFILES,
        Library::Anyio => &ANYIO,
    };
    let mut exchange = Exchange::new(ctx, twin, together);
    for &opening in together {
        let method = match &*opening.func {
            Expr::Attribute(method) if ctx.model.qualified_name(&opening.func).is_none() => Some(method),
            _ => None,
        };
        exchange.object(opening, |draft, name| match method {
            // `path.open("w")`: the path is the first argument.
            Some(method) => {
                let comma = if opening.arguments.is_empty() { "" } else { ", " };
                let path = ctx.model.slice(&*method.value);
                let head = TextRange::new(opening.start(), opening.arguments.start() + TextSize::new(1));
                draft.replace(head, format!("{name}({path}{comma}"));
            }
            None => draft.replace(opening.func.range(), name),
        })?;
    }
    exchange.finish(DOUBT)
}

/// The calls that open the files of one `with`, when all that it enters are files; else the call alone.
fn opened_together<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Vec<&'a ast::ExprCall> {
    let model = ctx.model;
    let with = model.node(model.parent(model.parent(model.id(call))));
    let AnyNodeRef::StmtWith(with) = with else {
        return vec![call];
    };
    let opening = |item: &'a ast::WithItem| match &item.context_expr {
        Expr::Call(opening) => {
            let (_, row) = ctx.blocking_call(opening)?;
            matches!(row.name, "open" | "io.open" | "pathlib.Path.open").then_some(opening)
        }
        _ => None,
    };
    let all: Option<Vec<_>> = with.items.iter().map(opening).collect();
    all.unwrap_or_else(|| vec![call])
}

/// `os.listdir(path)` -> `await aiofiles.os.listdir(path)`
fn function(ctx: &Context, call: &ast::ExprCall, name: &'static str) -> Result<Fix, Declined> {
    may_change(ctx, call)?;
    let (place, opening) = ctx.may_await_opened(ctx.model.id(call))?;
    let (callee, import) = ctx.member("aiofiles.os", name, ctx.model.id(call))?;
    let mut edits = ctx.await_edits(call);
    edits.push(Edit::replacement(callee, call.func.range()));
    let doubt = place.unwrap_or_else(|| DOUBT.to_owned());
    Ok(Fix::unsafe_because(doubt, ctx.opened(&opening, edits)?).import(import))
}

/// `path.read_text()` -> `await anyio.Path(path).read_text()`
fn whole(ctx: &Context, call: &ast::ExprCall) -> Result<Fix, Declined> {
    may_change(ctx, call)?;
    let model = ctx.model;
    let Expr::Attribute(method) = &*call.func else {
        return Err("it is called in another way".into());
    };
    let (place, opening) = ctx.may_await_opened(model.id(call))?;
    let (class, import) = ctx.import(Import::Module("anyio"), model.id(call))?;
    let mut edits = ctx.await_edits(call);
    match &*method.value {
        Expr::Call(made)
            if model
                .qualified_name(&made.func)
                .is_some_and(|name| name == "pathlib.Path") =>
        {
            edits.push(Edit::replacement(format!("{class}.Path"), made.func.range()));
        }
        path => {
            if ctx.is_parenthesized(ExprRef::from(path)) {
                edits.push(Edit::insertion(format!("{class}.Path"), call.start()));
            } else {
                edits.push(Edit::insertion(format!("{class}.Path("), path.start()));
                edits.push(Edit::insertion(")", path.end()));
            }
        }
    }
    let doubt = place.unwrap_or_else(|| "a subclass of `Path` may read and write in another way".to_owned());
    Ok(Fix::unsafe_because(doubt, ctx.opened(&opening, edits)?).import(import))
}

/// The methods of files (read in the sources of aiofiles 25.1 and anyio 4.16), which both libraries have alike but for one.
const fn methods_with(close: Method) -> [(&'static str, Method); 13] {
    [
        ("read", Method::Awaited),
        ("read1", Method::Awaited),
        ("readline", Method::Awaited),
        ("readlines", Method::Awaited),
        ("readinto", Method::Awaited),
        ("write", Method::Awaited),
        ("writelines", Method::Awaited),
        ("seek", Method::Awaited),
        ("tell", Method::Awaited),
        ("truncate", Method::Awaited),
        ("flush", Method::Awaited),
        ("fileno", Method::Same),
        ("close", close),
    ]
}

static AIOFILES: Twin = Twin {
    module: "aiofiles",
    maker: "open",
    has_own_name: false,
    opening: Opening::AwaitedUnlessEntered,
    positional: None,
    refused_arguments: &[],
    must_end: None,
    is_transaction: false,
    class: &Class {
        methods: &const { methods_with(Method::Awaited) },
        ..FILE
    },
};

static ANYIO: Twin = Twin {
    module: "anyio",
    maker: "open_file",
    opening: Opening::Awaited,
    class: &Class {
        methods: &const { methods_with(Method::Renamed("aclose")) },
        ..FILE
    },
    ..AIOFILES
};

/// What the files of both have in common.
const FILE: Class = Class {
    enters: true,
    iterates: true,
    attributes: &["closed", "encoding", "errors", "mode", "name", "newlines"],
    readers: &[
        Reader {
            function: "json.load",
            instead: Some(("json", "loads")),
            is_all: false,
            method: "read",
        },
        Reader {
            function: "pickle.load",
            instead: Some(("pickle", "loads")),
            is_all: false,
            method: "read",
        },
        Reader {
            function: "yaml.safe_load",
            instead: None,
            is_all: false,
            method: "read",
        },
        Reader {
            function: "list",
            instead: None,
            is_all: true,
            method: "readlines",
        },
    ],
    writers: &[
        Writer {
            function: "json.dump",
            instead: ("json", "dumps"),
        },
        Writer {
            function: "pickle.dump",
            instead: ("pickle", "dumps"),
        },
    ],
    ..PLAIN
};
