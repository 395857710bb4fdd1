//! `httpx` -> `httpx2`: imports, references, names in strings that patch, and loggers, all of a module's at once.

use ruff_python_ast::{AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::semantic::{Binding, BindingKind};

/// What both libraries export (httpx 0.28, httpx2 2.16).
const MEMBERS: &str = "ASGITransport AsyncBaseTransport AsyncByteStream AsyncClient AsyncHTTPTransport Auth BaseTransport BasicAuth \
    ByteStream Client CloseError ConnectError ConnectTimeout CookieConflict Cookies DecodingError DigestAuth HTTPError HTTPStatusError \
    HTTPTransport Headers InvalidURL Limits LocalProtocolError MockTransport NetRCAuth NetworkError PoolTimeout ProtocolError Proxy \
    ProxyError QueryParams ReadError ReadTimeout RemoteProtocolError Request RequestError RequestNotRead Response ResponseNotRead \
    StreamClosed StreamConsumed StreamError SyncByteStream Timeout TimeoutException TooManyRedirects TransportError URL \
    USE_CLIENT_DEFAULT UnsupportedProtocol WSGITransport WriteError WriteTimeout codes create_ssl_context delete get head \
    options patch post put request stream";

/// Test libraries that put something in the place of httpx's own transport.
const BOUND: &[&str] = &[
    "respx",
    "pytest_httpx",
    "vcr",
    "httpx_ws",
    "httpx_sse",
    "httpx_oauth",
    "hishel",
    "authlib",
];

/// Calls whose string names a module, or a member of one.
const NAMING: &[&str] = &[
    "patch",
    "setattr",
    "delattr",
    "import_module",
    "importorskip",
    "find_spec",
];

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let imports: Vec<&Binding> = ctx
        .model
        .bindings()
        .iter()
        .filter(|binding| is_import(binding))
        .collect();
    if let Some(first) = imports.first() {
        let message = "httpx2 is the maintained continuation of httpx, with the same interface";
        acc.push(first.range, message, rewrite(ctx, &imports));
    }
}

fn is_import(binding: &Binding) -> bool {
    let module = match binding.kind {
        BindingKind::Import(alias) => alias.name.as_str(),
        BindingKind::FromImport(import, _) if import.level == 0 => import.module.as_deref().unwrap_or_default(),
        _ => return false,
    };
    module == "httpx" || module.starts_with("httpx.")
}

fn rewrite(ctx: &Context, imports: &[&Binding]) -> Result<Fix, Declined> {
    let model = ctx.model;
    let dependencies = &ctx.settings.dependencies;
    for package in BOUND {
        if model.imports_package(package) {
            return Err(format!("`{package}` works on httpx, and would no longer meet its requests").into());
        }
    }
    if model.imports_package("httpx2") || model.bindings().iter().any(|binding| binding.name == "httpx2") {
        return Err("the module knows an `httpx2` already".into());
    }
    let mut edits = Vec::new();
    for binding in imports {
        edits.push(import(ctx, binding)?);
        edits.extend(references(ctx, binding)?);
    }
    edits.extend(strings(ctx)?);
    edits.sort_by_key(|edit| (edit.start(), edit.end()));
    // `from httpx import A, B` binds twice and is written once.
    edits.dedup();
    let what =
        "its classes are others: what catches httpx's errors, is given its objects or patches it elsewhere must follow";
    let reason = match dependencies.declaration("httpx") {
        _ if dependencies.contains("httpx2") => what.to_owned(),
        Some((place, line)) => format!("{place} must say `{}` instead of `{line}`; and {what}", required(line)),
        None => format!("the project must depend on `httpx2`; and {what}"),
    };
    Ok(Fix::unsafe_because(reason, edits))
}

/// `httpx2[http2]>=2` for `httpx[http2]==0.28.1`.
fn required(line: &str) -> String {
    let extras = line
        .find('[')
        .and_then(|from| Some(&line[from..=line[from..].find(']')? + from]))
        .unwrap_or_default();
    format!("httpx2{extras}>=2")
}

/// The module's name in an import.
fn import(ctx: &Context, binding: &Binding) -> Result<Edit, Declined> {
    let renamed = |range: TextRange| Edit::replacement("httpx2", TextRange::at(range.start(), TextSize::of("httpx")));
    match binding.kind {
        BindingKind::Import(alias) if alias.name.as_str() == "httpx" => Ok(renamed(alias.name.range())),
        BindingKind::FromImport(import, alias) if import.module.as_deref() == Some("httpx") => {
            if !is_member(&alias.name) {
                return Err(format!("`{}` is not known to httpx2", alias.name).into());
            }
            let module = import.module.as_ref().map_or(import.range(), Ranged::range);
            Ok(renamed(module))
        }
        _ => {
            let text = ctx.module.slice(binding.range);
            Err(format!("`{text}` comes from inside of httpx").into())
        }
    }
}

fn is_member(name: &str) -> bool {
    MEMBERS.split_ascii_whitespace().any(|member| member == name)
}

/// Where the name `httpx` is read, when that is what the import binds.
fn references(ctx: &Context, binding: &Binding) -> Result<Vec<Edit>, Declined> {
    let model = ctx.model;
    let BindingKind::Import(alias) = binding.kind else {
        return Ok(Vec::new());
    };
    let is_sole = model
        .bindings_in(binding.scope, binding.name)
        .all(|other| is_import(other) && !matches!(other.kind, BindingKind::FromImport(..)));
    if !is_sole {
        return Err(format!("`{}` stands for something else as well", binding.name).into());
    }
    let mut edits = Vec::new();
    for reference in model.references_to(binding.scope, binding.name) {
        if let AnyNodeRef::ExprAttribute(attribute) = model.node(model.parent(reference.node))
            && !is_member(&attribute.attr)
        {
            return Err(format!("`{}` is not known to httpx2", model.slice(attribute)).into());
        }
        if alias.asname.is_none() {
            edits.push(Edit::replacement("httpx2", reference.name.range()));
        }
    }
    if alias.asname.is_none() {
        let quoted = model.quoted_names().iter().filter(|(name, _)| name == "httpx");
        for (_, range) in quoted {
            let text = ctx.module.slice(*range);
            for (at, _) in text.match_indices("httpx.") {
                let start = range.start() + TextSize::try_from(at).unwrap_or_default();
                edits.push(Edit::replacement("httpx2", TextRange::at(start, TextSize::of("httpx"))));
            }
        }
    }
    Ok(edits)
}

/// Names in strings: of what is patched or imported, and of loggers.
fn strings(ctx: &Context) -> Result<Vec<Edit>, Declined> {
    let model = ctx.model;
    let mut edits = Vec::new();
    for call in model.calls() {
        let name = match &*call.func {
            Expr::Name(name) => name.id.as_str(),
            Expr::Attribute(attribute) => attribute.attr.as_str(),
            _ => continue,
        };
        let literals = call
            .arguments
            .iter_source_order()
            .filter_map(|argument| argument.value().as_string_literal_expr());
        let is_logger = matches!(name, "getLogger" | "get_logger" | "set_level" | "at_level");
        if !is_logger && !NAMING.contains(&name) {
            continue;
        }
        for literal in literals {
            let value = literal.value.to_str();
            let parts = || value.split('.');
            let is_named = if is_logger {
                matches!(parts().next(), Some("httpx" | "httpcore"))
            } else {
                parts().any(|part| part == "httpx")
            };
            if !is_named {
                continue;
            }
            if let Some(private) = parts()
                .find(|part| part.starts_with('_'))
                .filter(|_| value.starts_with("httpx."))
            {
                return Err(format!("`{private}` is inside of httpx").into());
            }
            let renamed: Vec<String> = parts()
                .map(|part| match part {
                    "httpx" => "httpx2".to_owned(),
                    "httpcore" if is_logger => "httpcore2".to_owned(),
                    other => other.to_owned(),
                })
                .collect();
            let text = ctx.module.slice(literal);
            let written = text.replacen(value, &renamed.join("."), 1);
            if written == text {
                return Err("a string that names httpx is written in several parts".into());
            }
            edits.push(Edit::replacement(written, literal.range()));
        }
    }
    Ok(edits)
}
