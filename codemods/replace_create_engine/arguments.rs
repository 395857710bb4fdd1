//! Arguments of `create_async_engine` that its driver or its pool refuses.

use ruff_python_ast::{self as ast, DictItem, Expr};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::importer::Import;

/// Arguments of libpq, which asyncpg's `connect` does not have.
const OF_LIBPQ: &[&str] = &["sslmode", "connect_timeout", "application_name", "options"];

/// Arguments of psycopg's connections that an engine with asyncpg is given.
pub fn asyncpg(ctx: &Context, call: &ast::ExprCall, url: &Expr, acc: &mut Findings) {
    let message = "asyncpg has no such argument, and raises `TypeError` when it connects";
    let in_address = ctx
        .module
        .slice(url)
        .split_once('?')
        .is_some_and(|(_, query)| OF_LIBPQ.iter().any(|name| query.contains(&format!("{name}="))));
    let given = match call
        .arguments
        .find_keyword("connect_args")
        .map(|keyword| &keyword.value)
    {
        Some(Expr::Dict(dict)) => Some(dict),
        _ => None,
    };
    let in_dict = given.is_some_and(|dict| {
        dict.items
            .iter()
            .any(|item| key(item).is_some_and(|key| OF_LIBPQ.contains(&key)))
    });
    if in_address || in_dict {
        acc.push_defect(url, message, renamed(ctx, url, given.filter(|_| in_dict)));
    }
}

fn key(item: &DictItem) -> Option<&str> {
    match item.key.as_ref()? {
        Expr::StringLiteral(text) => Some(text.value.to_str()),
        _ => None,
    }
}

/// `sslmode` is `ssl`, `connect_timeout` is `timeout`, and settings of the server have a dictionary of their own.
fn renamed(ctx: &Context, url: &Expr, given: Option<&ast::ExprDict>) -> Result<Fix, Declined> {
    let mut edits = Vec::new();
    if let Some((before, query)) = ctx.module.slice(url).split_once('?') {
        if let Some(name) = OF_LIBPQ[1..].iter().find(|name| query.contains(&format!("{name}="))) {
            return Err(format!("`{name}` cannot be said in an address for asyncpg: give it in `connect_args`").into());
        }
        if let Some(at) = query.find("sslmode=") {
            let start = url.start() + TextSize::try_from(before.len() + 1 + at).unwrap_or_default();
            edits.push(Edit::replacement("ssl", TextRange::at(start, TextSize::of("sslmode"))));
        }
    }
    let mut settings: Vec<(TextRange, String)> = Vec::new();
    for item in given.iter().flat_map(|dict| &dict.items) {
        let (Some(name), Some(written)) = (key(item), &item.key) else {
            continue;
        };
        let rename = |new: &str| Edit::replacement(format!("\"{new}\""), written.range());
        match name {
            "sslmode" => edits.push(rename("ssl")),
            "connect_timeout" => edits.push(rename("timeout")),
            "application_name" => {
                settings.push((
                    item.range(),
                    format!("\"application_name\": {}", ctx.module.slice(&item.value)),
                ));
            }
            "options" => settings.push((item.range(), options(&item.value)?)),
            "server_settings" => return Err("it is given `server_settings` as well".into()),
            _ => {}
        }
    }
    if let Some((first, _)) = settings.first() {
        let all: Vec<&str> = settings.iter().map(|(_, text)| text.as_str()).collect();
        let text = format!("\"server_settings\": {{{}}}", all.join(", "));
        match settings.as_slice() {
            [_] => edits.push(Edit::replacement(text, *first)),
            [_, (second, _)] if ctx.module.comments_in(first.cover(*second)).is_empty() => {
                let between = ctx.module.slice(TextRange::new(first.end(), second.start()));
                if between.trim() != "," {
                    return Err("its arguments of the server do not stand beside each other".into());
                }
                edits.push(Edit::replacement(text, first.cover(*second)));
            }
            _ => return Err("its arguments of the server do not stand beside each other".into()),
        }
    }
    Ok(Fix::unsafe_because(
        "what the server and asyncpg make of the argument was not tried",
        edits,
    ))
}

/// `-c key=value -c key=value` as items of a dictionary.
fn options(value: &Expr) -> Result<String, Declined> {
    let Expr::StringLiteral(text) = value else {
        return Err("`options` is not a literal".into());
    };
    let mut words = text.value.to_str().split_whitespace();
    let mut items = Vec::new();
    while let Some(word) = words.next() {
        let setting = match word.strip_prefix("-c") {
            Some("") => words.next(),
            other => other,
        };
        let (key, value) = setting
            .and_then(|setting| setting.split_once('='))
            .filter(|(_, value)| !value.contains(['"', '\\']))
            .ok_or("`options` holds more than settings of the server")?;
        items.push(format!("\"{key}\": \"{value}\""));
    }
    Ok(items.join(", "))
}

/// `poolclass=QueuePool`, which blocks: asynchronous engines have a queue of their own.
pub fn pool(ctx: &Context, call: &ast::ExprCall, acc: &mut Findings) {
    let Some(keyword) = call.arguments.find_keyword("poolclass") else {
        return;
    };
    let message = "an asynchronous engine refuses a pool that blocks";
    match ctx.model.qualified_name(&keyword.value).as_deref() {
        Some("sqlalchemy.pool.QueuePool" | "sqlalchemy.pool.impl.QueuePool" | "sqlalchemy.QueuePool") => {
            acc.push_defect(&keyword.value, message, queue(ctx, &keyword.value));
        }
        Some("sqlalchemy.pool.SingletonThreadPool" | "sqlalchemy.SingletonThreadPool") => acc.push_defect(
            &keyword.value,
            message,
            Err("a pool of one connection for each thread has no asynchronous counterpart: `StaticPool` shares one connection".into()),
        ),
        _ => {}
    }
}

/// The edit and the import for a pool that asynchronous engines take.
pub fn queue(ctx: &Context, pool: &Expr) -> Result<Fix, Declined> {
    let at = ctx.model.id(&pool);
    let doubt = ctx.model.failure_is_seen(at)?;
    let (name, import): (String, Option<Import>) = ctx.plain_member("sqlalchemy.pool", "AsyncAdaptedQueuePool", at)?;
    Ok(Fix::with_doubt(doubt, vec![Edit::replacement(name, pool.range())]).import(import))
}
