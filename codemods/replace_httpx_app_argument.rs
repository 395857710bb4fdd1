//! `httpx.AsyncClient(app=app)` -> `httpx.AsyncClient(transport=httpx.ASGITransport(app=app))`: what httpx itself made of the argument until 0.27.

use memchr::memchr_iter;
use ruff_python_ast::{self as ast, Expr, Keyword};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::semantic::BindingKind;

/// A class whose constructor took the argument: its module, its name, and the transport that it made.
type Client = (&'static str, &'static str, &'static str);

const CLIENTS: &[Client] = &[
    ("httpx", "AsyncClient", "ASGITransport"),
    ("httpx", "Client", "WSGITransport"),
    ("httpx2", "AsyncClient", "ASGITransport"),
    ("httpx2", "Client", "WSGITransport"),
];

/// Whether some argument `app` is not that of a transport, in a file that imports the library.
pub(super) fn glance(text: &[u8]) -> bool {
    let takes = |code: &[u8]| {
        let code = code.trim_ascii_end();
        matches!(code.last(), Some(b'(' | b',' | b'\\')) && !code.ends_with(b"Transport(")
    };
    let is_argument = |word: glance::Place| {
        // Where it begins its line, comments may stand between; which `#` begins one is not asked.
        let is_below = || {
            let code = glance::code_above(text, word.line_start());
            takes(code) || memchr_iter(b'#', code).any(|at| takes(&code[..at]))
        };
        word.behind().trim_ascii_start().starts_with(b"=")
            && (takes(&text[..word.start()]) || word.begins_line() && is_below())
    };
    glance::words(text, "app").any(is_argument)
        && ["httpx", "httpx2"].iter().any(|library| glance::imports(text, library))
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for call in ctx.model.calls() {
        if let Some(keyword) = call.arguments.find_keyword("app")
            && let Some(client) = client_of(ctx, call)
        {
            let message = "httpx has no argument `app` since 0.28: the application is given to a transport";
            acc.push_defect(keyword, message, rewrite(ctx, call, keyword, client));
        }
    }
}

/// The class that a call constructs: itself, or as the base of the class whose `__init__` calls it.
fn client_of(ctx: &Context, call: &ast::ExprCall) -> Option<&'static Client> {
    let named = |expr: &Expr| {
        let name = ctx.model.qualified_name(expr)?;
        let (library, class) = name.split_once('.')?;
        CLIENTS.iter().find(|client| client.0 == library && client.1 == class)
    };
    if let Some(client) = named(&call.func) {
        return Some(client);
    }
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let Expr::Call(parent) = &*method.value else {
        return None;
    };
    if method.attr.as_str() != "__init__" || !ctx.model.is_builtin(&parent.func, "super") {
        return None;
    }
    let function = ctx.model.enclosing_function(ctx.model.id(call))?;
    let bases = &ctx.model.class_of_method(function)?.arguments.as_ref()?.args;
    match &**bases {
        [base] => named(base),
        _ => None,
    }
}

fn rewrite(ctx: &Context, call: &ast::ExprCall, keyword: &Keyword, client: &Client) -> Result<Fix, Declined> {
    let &(library, class, transport) = client;
    ctx.model.failure_is_seen(ctx.model.id(call))?;
    if call.arguments.find_keyword("transport").is_some() {
        return Err("`transport` is given as well, and httpx took that one: say which of the two is meant".into());
    }
    if keyword.value.is_none_literal_expr() {
        return Ok(Fix::safe(vec![ctx.without_argument(call, keyword.range())?]));
    }
    let (name, import) = match &*call.func {
        Expr::Attribute(attribute) if attribute.attr.as_str() == class => {
            (format!("{}.{transport}", ctx.model.slice(&*attribute.value)), None)
        }
        _ => ctx.plain_member(library, transport, ctx.model.id(call))?,
    };
    let doubt = if call.arguments.keywords.iter().any(|keyword| keyword.arg.is_none()) {
        Some("what `**` brings may be a transport, which went before `app`".to_owned())
    } else if may_be_none(ctx, &keyword.value) {
        let app = ctx.model.slice(&keyword.value);
        Some(format!(
            "`{app}` may be None, which httpx took for no application at all"
        ))
    } else {
        None
    };
    let value = ctx.model.slice(&keyword.value);
    let edit = Edit::replacement(format!("transport={name}(app={value})"), keyword.range());
    Ok(Fix::with_doubt(doubt, vec![edit]).import(import))
}

/// Whether a name is bound to `None` somewhere, be it as the default of a parameter.
fn may_be_none(ctx: &Context, expr: &Expr) -> bool {
    let Expr::Name(name) = expr else {
        return false;
    };
    let scope = ctx.model.scope_of(ctx.model.id(name));
    ctx.model.resolve(&name.id, scope).any(|binding| match binding.kind {
        BindingKind::Assignment(value) => value.is_none_literal_expr(),
        BindingKind::Annotated(assign) => assign.value.as_deref().is_some_and(Expr::is_none_literal_expr),
        BindingKind::Parameter(_) => ctx.model.function_of_scope(binding.scope).is_some_and(|function| {
            let mut parameters = function.parameters.iter_non_variadic_params();
            parameters.any(|parameter| {
                parameter.parameter.name.id == name.id
                    && parameter.default.as_deref().is_some_and(Expr::is_none_literal_expr)
            })
        }),
        _ => false,
    })
}
