//! `httpx.get(...)` and `httpx.Client` in async functions -> `httpx.AsyncClient`, its calls awaited. The library is the same: arguments, responses and
//! exceptions stay as they are.

mod kept;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Keyword, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::{Context, Wanted};
use crate::draft::Draft;
use crate::edit::Fix;
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::semantic::names::Lookup;
use crate::semantic::place::Backend;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{Binding, BindingKind, NodeId, ScopeId};

const VERBS: &[&str] = &[
    "get", "options", "head", "post", "put", "patch", "delete", "request", "query",
];

/// Keywords of the functions that are the client's own, not the request's (httpx, `_api.py`).
const CLIENT_KEYWORDS: &[&str] = &["cookies", "proxy", "proxies", "verify", "cert", "trust_env"];

/// Members of a client that are the same in both.
const SAME: &[&str] = &[
    "auth",
    "base_url",
    "build_request",
    "cookies",
    "follow_redirects",
    "headers",
    "is_closed",
    "max_redirects",
    "params",
    "timeout",
    "trust_env",
];

/// Methods of a streamed response that wait, and what they are called in an async client.
const STREAMED: &[(&str, &str)] = &[
    ("iter_bytes", "aiter_bytes"),
    ("iter_lines", "aiter_lines"),
    ("iter_raw", "aiter_raw"),
    ("iter_text", "aiter_text"),
    ("read", "aread"),
    ("close", "aclose"),
];

/// A request in a coroutine that is not awaited: by the library's functions, or by a client where the sync one is named.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    let names_client = glance::words(text, "Client").next().is_some();
    let is_renamed = glance::mentions(text, &["httpx as ", "httpx2 as "]);
    let is_request = |call: &glance::Place| {
        let path = call.path();
        names_client || is_renamed || path == call.word() || path.starts_with(b"httpx")
    };
    let imports = glance::imports(text, "httpx") || glance::imports(text, "httpx2");
    imports
        && VERBS.iter().chain(&["send", "stream"]).any(|verb| {
            glance::calls(text, verb).any(|call| is_request(&call) && !call.is_awaited() && call.may_run_in_coroutine())
                // `from httpx import get as fetch`
                || glance::words(text, verb).any(|name| name.behind().trim_ascii_start().starts_with(b"as "))
        })
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    for call in model.calls() {
        if !model.runs_in_async(model.id(call)) || ctx.is_awaited(call) {
            continue;
        }
        let (name, fix) = if let Some((library, function)) = function_of_library(ctx, call) {
            (function.clone(), request(ctx, call, &library, &function))
        } else if let Some(method) = method_of_client(ctx, call) {
            (format!("Client.{method}"), client(ctx, call))
        } else {
            continue;
        };
        let message = format!("httpx's `{name}` blocks the event loop: every other task waits for the answer");
        acc.push_defect(call, message, fix);
    }
}

/// The library and its function that sends a request with a client of its own.
fn function_of_library(ctx: &Context, call: &ast::ExprCall) -> Option<(String, String)> {
    let name = ctx.model.qualified_name(&call.func)?;
    let (library, function) = name.split_once('.')?;
    let is_it = matches!(library, "httpx" | "httpx2") && (VERBS.contains(&function) || function == "stream");
    is_it.then(|| (library.to_owned(), function.to_owned()))
}

/// The method that sends a request with a client that is there.
fn method_of_client<'a>(ctx: &Context, call: &'a ast::ExprCall) -> Option<&'a str> {
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let name = method.attr.as_str();
    let blocks = VERBS.contains(&name) || matches!(name, "send" | "stream");
    (blocks && is_client(ctx, &method.value)).then_some(name)
}

fn is_client(ctx: &Context, expr: &Expr) -> bool {
    matches!(ctx.model.type_of(expr), Type::Foreign(name) if matches!(name.as_str(), "httpx.Client" | "httpx2.Client"))
}

/// Why nothing of the module is rewritten.
fn check_module(ctx: &Context) -> Result<(), Declined> {
    if ctx.model.backend() == Backend::Other {
        return Err("the module uses an event loop library that is not known here".into());
    }
    match ["httpx", "httpx2"].iter().find_map(|name| ctx.model.patch_of(name)) {
        Some(patch) => {
            let (line, _) = ctx.module.location(patch.start());
            Err(format!("httpx is patched in line {line}, and the patch would no longer be met").into())
        }
        None => Ok(()),
    }
}

/// How the library's asynchronous client is written where the sync function or class stands under this name.
fn async_client(ctx: &Context, callee: &Expr) -> Result<String, Declined> {
    match callee {
        Expr::Attribute(attribute) => Ok(format!("{}.AsyncClient", ctx.model.slice(&*attribute.value))),
        _ => Err("it is imported by its own name: import the module, so that `AsyncClient` can be written".into()),
    }
}

/// `httpx.get(url)` -> `await client.get(url)` under a client that is made for this one request, as `httpx.get` makes one.
fn request(ctx: &Context, call: &ast::ExprCall, library: &str, function: &str) -> Result<Fix, Declined> {
    check_module(ctx)?;
    let model = ctx.model;
    let at = model.id(call);
    let mut draft = Draft::new(ctx);
    let mut doubt = None;
    let (stmt_id, stmt) = model.statement_of(at).ok_or("it stands in no statement")?;
    wrappable(ctx, stmt, at, function == "stream")?;
    let repeated = requests_in(ctx, stmt_id, library) > 1 || model.scope_of(at) != model.scope_of(stmt_id);
    if repeated {
        doubt = Some(
            "the requests of one statement share a client, which sends the cookies of one answer with the next request"
                .to_owned(),
        );
    }
    if call.arguments.keywords.iter().any(|keyword| keyword.arg.is_none()) {
        return Err("it is given `**` keywords, some of which may be the client's".into());
    }
    let name = model.fresh_name("client", at);
    let (own, moved): (Vec<&Keyword>, Vec<&Keyword>) = call.arguments.keywords.iter().partition(|keyword| {
        !keyword
            .arg
            .as_ref()
            .is_some_and(|name| CLIENT_KEYWORDS.contains(&name.as_str()))
    });
    if let Some(keyword) = moved.iter().find(|keyword| !model.is_cheap(&keyword.value)) {
        return Err(format!(
            "`{}` would be evaluated before the other arguments",
            model.slice(*keyword)
        )
        .into());
    }
    for keyword in own {
        let sent = sends_iterator(ctx, keyword)?;
        doubt = doubt.or(sent);
    }
    let indent = ctx.indentation(stmt).to_owned();
    let unit = ctx.indent_unit(stmt_id);
    let keywords: Vec<&str> = moved.iter().map(|keyword| model.slice(*keyword)).collect();
    let constructor = format!("{}({})", async_client(ctx, &call.func)?, keywords.join(", "));
    draft.put_under(stmt.range(), format!("async with {constructor} as {name}:"));
    draft.replace(call.func.range(), format!("{name}.{function}"));
    for keyword in &moved {
        draft.delete(with_comma(ctx, call, keyword));
    }
    if function == "stream" {
        let AnyNodeRef::WithItem(item) = model.node(model.parent(at)) else {
            return Err("the stream is not entered by `with`".into());
        };
        let place = enter(ctx, &mut draft, stmt, item)?;
        doubt = doubt.or(place);
    } else {
        let place = ctx.may_await(at)?;
        doubt = doubt.or(place);
        let prefix = ctx.await_prefix(call);
        draft.around(at, 0, prefix, if prefix.starts_with('(') { ")" } else { "" });
        if moved.is_empty() {
            let text = format!("{prefix}{name}.{function}");
            explode(ctx, &mut draft, call, &text, &indent, &unit);
        }
    }
    Ok(Fix::with_doubt(doubt, draft.finish()?))
}

/// A statement that can stand under `async with` as a whole: one that evaluates the call once, when it starts.
fn wrappable(ctx: &Context, stmt: &Stmt, call: NodeId, streams: bool) -> Result<(), Declined> {
    let model = ctx.model;
    let is_in = |expr: &Expr| model.contains(model.id(expr), call);
    let is_plain = match stmt {
        Stmt::Expr(_)
        | Stmt::Assign(_)
        | Stmt::AnnAssign(_)
        | Stmt::AugAssign(_)
        | Stmt::Return(_)
        | Stmt::Assert(_)
        | Stmt::Raise(_) => true,
        Stmt::If(outer) => is_in(&outer.test),
        Stmt::For(outer) => is_in(&outer.iter),
        Stmt::With(_) => streams,
        _ => false,
    };
    if !is_plain {
        return Err("it stands in the header of a statement that cannot be put under `async with`".into());
    }
    let yields = model
        .subtree(model.id(stmt))
        .any(|(_, node)| matches!(node, AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_)));
    if yields {
        return Err("the client would stay open over a `yield`".into());
    }
    Ok(())
}

/// How many requests a statement sends by functions of the library.
fn requests_in(ctx: &Context, stmt: NodeId, library: &str) -> usize {
    let nodes = ctx.model.subtree(stmt);
    nodes
        .filter(|(_, node)| match node {
            AnyNodeRef::ExprCall(call) => function_of_library(ctx, call).is_some_and(|(found, _)| found == library),
            _ => false,
        })
        .count()
}

/// A keyword of a call with the comma and the space before it, or those behind it when it is the first argument.
fn with_comma(ctx: &Context, call: &ast::ExprCall, keyword: &Keyword) -> TextRange {
    let before = call
        .arguments
        .iter_source_order()
        .map(|argument| argument.range().end())
        .filter(|end| *end <= keyword.start())
        .max();
    match before {
        Some(end) => TextRange::new(end, keyword.end()),
        None => {
            let rest = ctx.module.slice(TextRange::new(keyword.end(), call.arguments.end()));
            let comma = rest.find(',').map_or(0, |comma| comma + 1);
            let blank = rest[comma..].len() - rest[comma..].trim_start().len();
            let behind = TextSize::try_from(comma + blank).unwrap_or_default();
            TextRange::new(keyword.start(), keyword.end() + behind)
        }
    }
}

/// An async client refuses to send what is iterated over synchronously, unless it is text, bytes or a form.
fn sends_iterator(ctx: &Context, keyword: &Keyword) -> Result<Option<String>, Declined> {
    let Some(name) = keyword.arg.as_ref() else {
        return Ok(None);
    };
    if matches!(name.as_str(), "content" | "data") && is_iterator(ctx, &keyword.value) {
        return Err(format!(
            "`{name}` is read piece by piece, and an async client does not send that: off-load it with asyncio.to_thread"
        )
        .into());
    }
    let is_known = match ctx.model.type_of(&keyword.value) {
        Type::Scalar(_) => true,
        Type::Container(kind) => kind == "dict" && name.as_str() == "data",
        _ => matches!(&keyword.value, Expr::Call(call)
            if matches!(&*call.func, Expr::Attribute(method) if matches!(method.attr.as_str(), "encode" | "dumps"))),
    };
    Ok((matches!(name.as_str(), "content" | "data") && !is_known)
        .then(|| format!("`{name}` may be a file or a generator, which an async client does not send")))
}

/// Whether a value is surely a file or a generator.
fn is_iterator(ctx: &Context, value: &Expr) -> bool {
    match value {
        Expr::Generator(_) => true,
        Expr::Call(call) => {
            let function = ctx.model.function_of(&call.func);
            function.is_some_and(|function| !function.is_async && ctx.model.is_generator(function))
                || ["iter", "map", "open"]
                    .iter()
                    .any(|name| ctx.model.is_builtin(&call.func, name))
                || ctx.model.qualified_name(&call.func).as_deref() == Some("io.BytesIO")
        }
        Expr::Name(_) => ctx.model.sole_value(value).is_some_and(|value| is_iterator(ctx, value)),
        _ => false,
    }
}

/// Breaks the line of a call that has become too long, where the call is all of its statement.
fn explode(ctx: &Context, draft: &mut Draft, call: &ast::ExprCall, callee: &str, indent: &str, unit: &str) {
    let module = ctx.module;
    let line = TextRange::new(module.line_start(call.start()), module.line_end(call.end()));
    let text = module.slice(line);
    let is_statement = matches!(
        ctx.model.node(ctx.model.parent(ctx.model.id(call))),
        AnyNodeRef::StmtExpr(_) | AnyNodeRef::StmtAssign(_) | AnyNodeRef::StmtReturn(_)
    );
    if !is_statement || text.contains(['\n', '\r']) || !module.comments_in(line).is_empty() {
        return;
    }
    let before = module.slice(TextRange::new(line.start(), call.start()));
    let behind = module.slice(TextRange::new(call.func.end(), line.end()));
    if !ctx.fits(&format!("{unit}{before}{callee}{behind}")) {
        for edit in ctx.explode(call, &format!("{indent}{unit}"), unit) {
            draft.replace(edit.range(), edit.content());
        }
    }
}

/// All of one client of a function: how it is made, entered, used and closed.
fn client<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Result<Fix, Declined> {
    check_module(ctx)?;
    let model = ctx.model;
    let Expr::Attribute(method) = &*call.func else {
        return Err("its receiver is not known".into());
    };
    if let Expr::Attribute(receiver) = &*method.value {
        return kept::client(ctx, receiver);
    }
    let binding = own_binding(ctx, &method.value)?;
    let constructor = match binding.kind {
        BindingKind::Assignment(Expr::Call(made)) => made,
        BindingKind::With(item, false) => match &item.context_expr {
            Expr::Call(made) => made,
            _ => return Err("the client is made elsewhere".into()),
        },
        _ => return Err("the client is made elsewhere: make it an `AsyncClient` there".into()),
    };
    let mut draft = Draft::new(ctx);
    let mut doubt = check_constructor(ctx, constructor, &mut draft)?;
    draft.replace(constructor.func.range(), async_client(ctx, &constructor.func)?);
    if let BindingKind::With(item, _) = binding.kind {
        let (_, stmt) = model.statement_of(binding.node).ok_or("it stands in no statement")?;
        let place = open(ctx, &mut draft, stmt, item)?;
        doubt = doubt.or(place);
    }
    let function = model
        .enclosing_function(binding.node)
        .map(|function| model.id(function));
    for reference in model.references_named(binding.name) {
        if model.lookup(binding.name, reference.scope) != Lookup::Scope(binding.scope) {
            continue;
        }
        match model.binding_of_read(reference.name) {
            Some(found) if found.node == binding.node => {}
            Some(_) => continue,
            None => return Err("the name of the client is bound more than once".into()),
        }
        if model
            .enclosing_function(reference.node)
            .map(|function| model.id(function))
            != function
        {
            return Err("another function uses the client as well".into());
        }
        let place = use_of_client(ctx, &mut draft, reference.node)?;
        doubt = doubt.or(place);
    }
    Ok(Fix::with_doubt(doubt, draft.finish()?))
}

/// The one binding of a local name that holds the client.
fn own_binding<'c, 'a>(ctx: &'c Context<'a>, receiver: &Expr) -> Result<&'c Binding<'a>, Declined> {
    let model = ctx.model;
    let Expr::Name(name) = receiver else {
        return Err("the client is kept where other code can use it: make it an `AsyncClient` there".into());
    };
    let binding = model
        .binding_of_read(name)
        .ok_or("the name of the client is bound more than once")?;
    if binding.scope == ScopeId::MODULE {
        return Err("the client is a global of the module, and an `AsyncClient` belongs to one event loop".into());
    }
    Ok(binding)
}

/// What a constructor is given must do for an async client as well.
fn check_constructor(ctx: &Context, made: &ast::ExprCall, draft: &mut Draft) -> Result<Option<String>, Declined> {
    let mut doubt = None;
    for keyword in &made.arguments.keywords {
        let Some(name) = &keyword.arg else {
            return Err("the client is given `**` keywords".into());
        };
        match name.as_str() {
            "event_hooks" | "mounts" | "app" => {
                return Err(format!("`{name}` of a sync client does not do for an async one").into());
            }
            "transport" => match &keyword.value {
                Expr::Call(transport) => match ctx.model.qualified_name(&transport.func).as_deref() {
                    Some("httpx.HTTPTransport" | "httpx2.HTTPTransport") if transport.func.is_attribute_expr() => {
                        let end = transport.func.end();
                        let length = TextSize::of("HTTPTransport");
                        draft.replace(TextRange::new(end - length, end), "AsyncHTTPTransport");
                    }
                    Some("httpx.MockTransport" | "httpx2.MockTransport") => {}
                    _ => return Err("the transport of a sync client does not do for an async one".into()),
                },
                _ => return Err("the transport of a sync client does not do for an async one".into()),
            },
            "auth"
                if !matches!(ctx.model.type_of(&keyword.value), Type::Scalar(_)) && !keyword.value.is_tuple_expr() =>
            {
                doubt = doubt.or(Some("`auth` may be of a kind that only sync clients know".to_owned()));
            }
            _ => {}
        }
    }
    Ok(doubt)
}

/// `with x as name:` -> `async with x as name:`
fn open(ctx: &Context, draft: &mut Draft, stmt: &Stmt, item: &ast::WithItem) -> Result<Option<String>, Declined> {
    match stmt {
        Stmt::With(with) if with.items.len() == 1 && !with.is_async => {
            draft.insert(stmt.start(), "async ");
            ctx.may_await(ctx.model.id(&item.context_expr))
        }
        _ => Err("it is entered together with something else".into()),
    }
}

/// One read of the client's name.
fn use_of_client(ctx: &Context, draft: &mut Draft, node: NodeId) -> Result<Option<String>, Declined> {
    let model = ctx.model;
    match model.node(model.parent(node)) {
        AnyNodeRef::WithItem(item) => {
            let (_, stmt) = model.statement_of(node).ok_or("it stands in no statement")?;
            if item.optional_vars.is_some() {
                return Err("the client is given another name".into());
            }
            open(ctx, draft, stmt, item)
        }
        AnyNodeRef::ExprAttribute(member) => {
            let name = member.attr.as_str();
            if SAME.contains(&name) {
                return Ok(None);
            }
            let id = model.parent(model.parent(node));
            let AnyNodeRef::ExprCall(call) = model.node(id) else {
                return Err(format!("`.{name}` of the client is handed on").into());
            };
            if call.func.range() != member.range() {
                return Err(format!("`.{name}` of the client is handed on").into());
            }
            match name {
                "stream" => match model.node(model.parent(id)) {
                    AnyNodeRef::WithItem(item) => {
                        let (_, stmt) = model.statement_of(id).ok_or("it stands in no statement")?;
                        enter(ctx, draft, stmt, item)
                    }
                    _ => Err("the stream is not entered by `with`".into()),
                },
                "close" => {
                    draft.replace(member.attr.range(), "aclose");
                    wait(ctx, draft, call)
                }
                "send" if call.arguments.find_keyword("stream").is_some() => {
                    Err("a streamed answer of `send` is closed by hand".into())
                }
                name if VERBS.contains(&name) || name == "send" => {
                    let mut iterator = None;
                    for keyword in &call.arguments.keywords {
                        let sent = sends_iterator(ctx, keyword)?;
                        iterator = iterator.or(sent);
                    }
                    let place = wait(ctx, draft, call)?;
                    Ok(iterator.or(place))
                }
                _ => Err(format!("`.{name}` of an async client is not known to be the same").into()),
            }
        }
        _ => Err("the client is handed on, where it is not known what uses it".into()),
    }
}

/// `x` -> `await x`
fn wait(ctx: &Context, draft: &mut Draft, call: &ast::ExprCall) -> Result<Option<String>, Declined> {
    let id = ctx.model.id(call);
    let place = ctx.may_await(id)?;
    let prefix = ctx.await_prefix(call);
    draft.around(id, 0, prefix, if prefix.starts_with('(') { ")" } else { "" });
    Ok(place)
}

/// `with client.stream(...) as response:` with all that is read of the response.
fn enter(ctx: &Context, draft: &mut Draft, stmt: &Stmt, item: &ast::WithItem) -> Result<Option<String>, Declined> {
    let model = ctx.model;
    let mut doubt = open(ctx, draft, stmt, item)?;
    let Some(Expr::Name(name)) = item.optional_vars.as_deref() else {
        return if item.optional_vars.is_none() {
            Ok(doubt)
        } else {
            Err("the streamed answer is not bound to a name".into())
        };
    };
    for reference in model.references_like(name) {
        if !model.contains(model.id(stmt), reference.node) {
            continue;
        }
        let AnyNodeRef::ExprAttribute(member) = model.node(model.parent(reference.node)) else {
            return Err("the streamed answer is handed on, where it is not known what reads it".into());
        };
        let Some((_, name)) = STREAMED.iter().find(|(name, _)| *name == member.attr.as_str()) else {
            continue;
        };
        let id = model.parent(model.parent(reference.node));
        let AnyNodeRef::ExprCall(call) = model.node(id) else {
            return Err("a method of the streamed answer is handed on".into());
        };
        draft.replace(member.attr.range(), *name);
        let place = if name.starts_with("aiter") {
            match model.node(model.parent(id)) {
                AnyNodeRef::StmtFor(outer) if outer.iter.range() == call.range() && !outer.is_async => {
                    draft.insert(outer.start(), "async ");
                    ctx.may_await(model.id(outer))?
                }
                _ => return Err("the streamed answer is read otherwise than by a loop over it".into()),
            }
        } else {
            wait(ctx, draft, call)?
        };
        doubt = doubt.or(place);
    }
    Ok(doubt)
}
