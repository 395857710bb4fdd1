//! Lines that another process or a person writes: `for line in process.stdout` waits for each of them, and for as long as it takes.
//!
//! Each line is taken in a thread then: unlike those of a file, they come one at a time, so that the hops do not matter.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::Declined;
use crate::semantic::reaching::Definition;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId};

/// What a loop or a comprehension reads lines from.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    pub iter: &'a Expr,
    /// `process.stdout`, or the `sys.stdin` of `iter(sys.stdin.readline, "")`.
    stream: &'a Expr,
    /// The loop; `None` in a comprehension.
    stmt: Option<&'a ast::StmtFor>,
}

/// Spellings without one of which a text has no such loop.
pub(super) const SPELLINGS: &[&str] = &["sys.stdin", ".stdout", ".stderr"];

/// The loops of async functions over lines, in source order.
pub(super) fn loops<'a>(ctx: &Context<'a>) -> Vec<Lines<'a>> {
    let model = ctx.model;
    let is_mentioned = SPELLINGS.iter().any(|spelling| ctx.module.text().contains(spelling));
    if !is_mentioned {
        return Vec::new();
    }
    let mut found = Vec::new();
    for function in model.functions().filter(|function| function.is_async) {
        for (id, node) in model.subtree(model.id(function)) {
            let (iter, stmt): (&'a Expr, _) = match node {
                AnyNodeRef::StmtFor(stmt) if !stmt.is_async => (&stmt.iter, Some(stmt)),
                AnyNodeRef::Comprehension(inner) if !inner.is_async => (&inner.iter, None),
                _ => continue,
            };
            let is_own = model
                .enclosing_function(id)
                .is_some_and(|owner| std::ptr::eq(owner, function));
            if let Some(stream) = stream_of(ctx, iter)
                && is_own
                && model.runs_in_async(model.id(iter))
            {
                found.push(Lines { iter, stream, stmt });
            }
        }
    }
    found
}

/// `process.stdout` of itself and of `iter(process.stdout.readline, b"")`.
fn stream_of<'a>(ctx: &Context<'a>, iter: &'a Expr) -> Option<&'a Expr> {
    let model = ctx.model;
    let is_stream = |expr: &Expr| {
        model.qualified_name(expr).as_deref() == Some("sys.stdin")
            || matches!(model.type_of(expr), Type::Foreign(class)
                if matches!(&*class, "subprocess.Popen.stdout" | "subprocess.Popen.stderr"))
    };
    match iter {
        Expr::Attribute(_) if is_stream(iter) => Some(iter),
        Expr::Call(call) if model.is_builtin(&call.func, "iter") => match &*call.arguments.args {
            [Expr::Attribute(method), end] if method.attr.as_str() == "readline" => {
                let is_empty = match end {
                    Expr::StringLiteral(text) => text.value.is_empty(),
                    Expr::BytesLiteral(text) => text.value.is_empty(),
                    _ => false,
                };
                (is_empty && is_stream(&method.value)).then_some(&*method.value)
            }
            _ => None,
        },
        _ => None,
    }
}

/// `for line in stream:` -> `while line := await asyncio.to_thread(stream.readline):`; in a comprehension, all lines at once.
pub(super) fn rewrite(ctx: &Context, lines: Lines) -> Result<Fix, Declined> {
    let model = ctx.model;
    let at = model.id(lines.iter);
    let place = ctx.may_await(at)?;
    let loader = ctx.off_loader(at, false)?;
    let stream = model.slice(lines.stream);
    let off_loaded = |method: &str| format!("await {}{}{stream}.{method}{}", loader.head, loader.inner, loader.tail);
    let edit = match lines.stmt {
        None => Edit::replacement(off_loaded("readlines"), lines.iter.range()),
        Some(stmt) => {
            let name = own_target(ctx, stmt)?;
            let header = TextRange::new(stmt.start(), stmt.iter.end());
            if ctx.module.slice(header).contains(['\n', '#']) || ctx.is_parenthesized(&*stmt.iter) {
                return Err("the head of the loop has parentheses, or several lines".into());
            }
            Edit::replacement(format!("while {name} := {}", off_loaded("readline")), header)
        }
    };
    Ok(Fix::with_doubt(doubt(ctx, lines.stream).or(place), vec![edit]).import(loader.imports))
}

/// The name that the loop binds, if nothing reads it behind the loop, where it would be empty.
fn own_target<'a>(ctx: &Context<'a>, stmt: &'a ast::StmtFor) -> Result<&'a str, Declined> {
    let model = ctx.model;
    let Expr::Name(name) = &*stmt.target else {
        return Err("the loop takes each line apart".into());
    };
    let is_in_body = |node: NodeId| stmt.body.iter().any(|inner| model.contains(model.id(inner), node));
    let own = Definition::At(model.id(name));
    let reads = model
        .enclosing_function(model.id(stmt))
        .and_then(|function| model.reads_of_local(function, &name.id))
        .ok_or_else(|| Declined(format!("`{}` is used by other code too", name.id)))?;
    let is_kept = reads
        .iter()
        .any(|(read, definitions)| definitions.contains(&own) && !is_in_body(*read));
    if is_kept {
        return Err(Declined(format!(
            "`{}` is read behind the loop, where it would be empty",
            name.id
        )));
    }
    Ok(&name.id)
}

/// What is not proven of the pipe of a process.
fn doubt(ctx: &Context, stream: &Expr) -> Option<String> {
    let model = ctx.model;
    let Expr::Attribute(pipe) = stream else { return None };
    if model.qualified_name(stream).is_some() {
        return None;
    }
    let made = match &*pipe.value {
        Expr::Name(name) => model
            .sole_binding(&name.id, model.scope_of(model.id(name)))
            .and_then(|binding| match binding.kind {
                BindingKind::Assignment(Expr::Call(call)) => Some(call),
                BindingKind::With(item, false) => item.context_expr.as_call_expr(),
                _ => None,
            }),
        _ => None,
    };
    if !ctx.is_own_object(&pipe.value) {
        return Some(format!(
            "only one thread at a time may use `{}`, and another task may use it meanwhile",
            model.slice(&*pipe.value)
        ));
    }
    let is_piped = made
        .and_then(|call| call.arguments.find_keyword(&pipe.attr))
        .is_some_and(|keyword| model.qualified_name(&keyword.value).as_deref() == Some("subprocess.PIPE"));
    (!is_piped).then(|| format!("`{}` may be None", model.slice(stream)))
}
