//! A known blocking call in async code -> `await asyncio.to_thread(f, ...)`.
//!
//! What blocks, and how it is moved, is data (`knowledge/blocking.tsv`); how a call is moved is a mechanism (`src/offload.rs`). Here: which
//! calls of a module are meant, and what cannot be proven of their receivers and arguments.

mod chosen;
mod connections;
mod declared;
mod functions;
mod iterators;
mod lines;
mod pieces;
mod units;

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::knowledge::blocking::{self, Blocking, Rule};
use crate::semantic::{BindingKind, NodeId, ScopeId};

/// Builtins that read an iterator to its end before anything else happens.
const EXHAUSTING: &[&str] = &["list", "tuple", "set", "frozenset", "sorted", "len"];

/// A quick look: false when nothing of the table is imported and mentioned.
pub(super) fn glance(text: &[u8], wanted: Wanted) -> bool {
    blocking::mentions_blocking(text, |rule| match rule {
        Rule::Call | Rule::List | Rule::Closure | Rule::Never => true,
        Rule::Short => wanted == Wanted::Everything,
        Rule::Other | Rule::Leave => false,
    }) || chosen::glance(text)
        || may_call_sleeper(text)
        || glance::mentions(text, lines::SPELLINGS) && may_read_lines(text)
}

/// Whether a text may have a loop over the lines of a process or of a person.
fn may_read_lines(text: &[u8]) -> bool {
    ["stdin", "stdout", "stderr"].into_iter().any(|name| {
        glance::words(text, name).any(|place| {
            let line = &text[place.line_start()..place.start()];
            memchr::memmem::find(line, b"for ").is_some() && place.may_run_in_coroutine()
        })
    })
}

/// Whether a text may have a function, a lambda or an iterator inside of others that sleeps.
fn may_call_sleeper(text: &[u8]) -> bool {
    glance::uses_member(text, "time", &["sleep"]) && glance::mentions(text, &["  def ", "\tdef ", "yield ", "lambda"])
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    find(ctx, acc);
    // What can be made better in another way would be out of reach in a thread, and may need none.
    acc.go_last();
}

fn find(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    // What moves with a call that was met before, and the names given to functions.
    let mut moved: Vec<TextRange> = Vec::new();
    let mut names = BTreeSet::new();
    for call in model.calls() {
        let id = model.id(call);
        if !model.runs_in_async(id) || moved.iter().any(|range| range.contains_range(call.range())) {
            continue;
        }
        if ctx.is_awaited(call) {
            continue;
        }
        if let Some(declared) = ctx.blocking_declaration(call) {
            acc.push_defect(
                call,
                format!("`{}` blocks the event loop: every other task waits", declared.call),
                declared::rewrite(ctx, call, declared),
            );
            continue;
        }
        if let Some(name) = functions::blocking_function(ctx, call) {
            let doubt = (!functions::is_one_call(ctx, call))
                .then(|| format!("all of `{name}` runs in the thread: nothing else in it may need the event loop's"));
            acc.push_defect(
                call,
                format!("`{name}` blocks the event loop: every other task waits"),
                ctx.offload(call, doubt),
            );
            continue;
        }
        if let Some((step, result)) = iterators::reads_slow_iterator(ctx, call) {
            let message = format!("`{step}` blocks the event loop at each step: every other task waits");
            acc.push_defect(call, message, result);
            continue;
        }
        let Some((name, row)) = ctx.blocking_call(call) else {
            match chosen::blocking_value(ctx, call) {
                Some(doubt) => acc.push_defect(
                    call,
                    format!(
                        "`{}` blocks the event loop: every other task waits",
                        model.slice(&*call.func)
                    ),
                    ctx.offload(call, doubt),
                ),
                None => likely(ctx, call, acc, &mut names),
            }
            continue;
        };
        if ctx.returns_at_once(call, row) {
            continue;
        }
        let message = format!("`{name}` blocks the event loop: every other task waits");
        match row.rule {
            Rule::Call | Rule::List if row.kind == "file" && is_in_test(ctx, id) => acc.push(
                call,
                message,
                Err("it stands in a test, where no other task waits for it".into()),
            ),
            Rule::Call if streams(call, row) => {
                // An answer whose body is read later would still be read by the event loop.
                let found = with_unit(ctx, call, &row, &mut names);
                moved.extend(found.as_ref().ok().and_then(|(_, range)| *range));
                let doubt = doubt_of(ctx, call, row);
                acc.push(call, message, found.map(|(fix, _)| fix.doubted(doubt)));
            }
            Rule::Call => {
                let result = ctx.is_given_no_generator(call);
                acc.push_defect(
                    call,
                    message,
                    result.and_then(|()| ctx.offload(call, doubt_of(ctx, call, row))),
                );
            }
            Rule::List => {
                let found = with_unit(ctx, call, &row, &mut names);
                moved.extend(found.as_ref().ok().and_then(|(_, range)| *range));
                acc.push_defect(call, message, found.map(|(fix, _)| fix));
            }
            Rule::Closure if is_in_test(ctx, id) => acc.push(
                call,
                message,
                Err("it stands in a test, where no other task waits for it".into()),
            ),
            Rule::Closure if is_tied(row) && connections::crosses_threads(ctx, call) => {
                let unit = connections::unit_of(ctx, call);
                let result = match &unit {
                    Some(unit) => units::offload(ctx, unit, call, &row, &mut names),
                    None => ctx.offload(call, None),
                };
                moved.extend(unit.filter(|_| result.is_ok()).map(|unit| unit.range()));
                let doubt = doubt_of(ctx, call, row);
                let result = result.map(|fix| fix.doubted(doubt));
                if result.is_err() && row.name.ends_with(".close") {
                    acc.push(call, message, result);
                } else {
                    acc.push_defect(call, message, result);
                }
            }
            Rule::Closure if is_tied(row) => {
                let reason = "what it works on must be used in the same thread: move the statements that use it as one function, from its making to its end";
                // What is made in the same function has a finding of its own where it is made.
                if is_connection(row) && !row.name.ends_with(".close") && comes_from_elsewhere(ctx, call) {
                    acc.push_defect(call, message, Err(reason.into()));
                } else {
                    acc.push(call, message, Err(reason.into()));
                }
            }
            Rule::Closure if row.name == "urllib.request.urlopen" && is_statement(ctx, call) => {
                acc.push_defect(call, message, ctx.offload(call, None));
            }
            Rule::Closure => {
                let found = with_unit(ctx, call, &row, &mut names);
                moved.extend(found.as_ref().ok().and_then(|(_, range)| *range));
                let result = found.map(|(fix, _)| fix);
                if result.is_err()
                    && let Some(result) = pieces::rewrite(ctx, call)
                {
                    acc.push_defect(call, message, result);
                    continue;
                }
                // What is kept on an object is reported where it is used.
                if row.name == "urllib.request.urlopen" || is_connection(row) && is_for_a_name(ctx, call) {
                    acc.push_defect(call, message, result);
                } else {
                    acc.push(call, message, result);
                }
            }
            Rule::Short => acc.push(call, message, Err("it costs less than a hop to a thread".into())),
            Rule::Never => acc.push_defect(
                call,
                message,
                Err(Declined(format!("it cannot be moved to a thread: {}", row.note))),
            ),
            Rule::Other | Rule::Leave => {}
        }
    }
    for lines in lines::loops(ctx) {
        acc.push_defect(
            lines.iter,
            format!(
                "`{}` blocks the event loop at each line: every other task waits",
                ctx.model.slice(lines.iter)
            ),
            lines::rewrite(ctx, lines),
        );
    }
    for (iter, step) in iterators::slow_loops(ctx) {
        let reason = "a loop cannot take one element after the other from a thread: take them with `next` and a default there, or make a list";
        acc.push_defect(
            iter,
            format!("`{step}` blocks the event loop at each step: every other task waits"),
            Err(reason.into()),
        );
    }
}

/// A method of an object that very likely is one of the table's.
fn likely<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall, acc: &mut Findings, names: &mut BTreeSet<(ScopeId, String)>) {
    let Some((name, row, doubt)) = ctx.likely_blocking_call(call) else {
        return;
    };
    if row.rule != Rule::Call || ctx.returns_at_once(call, row) {
        return;
    }
    let message = format!("`{name}` blocks the event loop: every other task waits");
    let doubt = doubt_of(ctx, call, row).unwrap_or(doubt);
    let result = if streams(call, row) {
        with_unit(ctx, call, &row, names).map(|(fix, _)| fix.doubted(Some(doubt)))
    } else {
        ctx.offload(call, Some(doubt))
    };
    acc.push_defect(call, message, result);
}

/// Whether a row is about work on an object that another call has made: that call decides.
fn is_tied(row: Blocking) -> bool {
    let last = row.name.rsplit('.').next().unwrap_or_default();
    row.shared == Some(false) || matches!(last, "load" | "dump" | "spawn")
}

/// Whether a row is about a conversation with a server or a database, which takes its time whatever the disk.
fn is_connection(row: Blocking) -> bool {
    matches!(row.kind, "db" | "http" | "net")
}

/// Whether a call is made for what it does: what it gives is dropped.
fn is_statement(ctx: &Context, call: &ast::ExprCall) -> bool {
    matches!(
        ctx.model.node(ctx.model.parent(ctx.model.id(call))),
        AnyNodeRef::StmtExpr(_)
    )
}

fn is_for_a_name(ctx: &Context, call: &ast::ExprCall) -> bool {
    match ctx.model.node(ctx.model.parent(ctx.model.id(call))) {
        AnyNodeRef::StmtAssign(assign) => assign.targets.iter().all(Expr::is_name_expr),
        AnyNodeRef::WithItem(_) => true,
        _ => false,
    }
}

/// Whether the object of a method is an attribute, a parameter or a global: made by other code.
fn comes_from_elsewhere(ctx: &Context, call: &ast::ExprCall) -> bool {
    let model = ctx.model;
    let Expr::Attribute(method) = &*call.func else {
        return false;
    };
    match &*method.value {
        Expr::Attribute(_) => true,
        Expr::Name(name) => model
            .resolve(&name.id, model.scope_of(model.id(name)))
            .any(|binding| binding.scope == ScopeId::MODULE || matches!(binding.kind, BindingKind::Parameter(_))),
        _ => false,
    }
}

/// The fix for what is opened, or iterated over, with the statements that belong to it; and what these are.
///
/// Of a loop over a folder, the entries alone can be moved where the loop cannot.
fn with_unit<'a>(
    ctx: &Context<'a>,
    call: &'a ast::ExprCall,
    row: &Blocking,
    names: &mut BTreeSet<(ScopeId, String)>,
) -> Result<(Fix, Option<TextRange>), Declined> {
    let is_lazy = row.rule == Rule::List || matches!(row.name, "os.walk" | "os.fwalk");
    let unit = units::unit_of(ctx, call);
    let whole = unit.and_then(|unit| Ok((units::offload(ctx, &unit, call, row, names)?, Some(unit.range()))));
    if !is_lazy || whole.as_ref().is_ok_and(|(fix, _)| fix.reason.is_none()) || may_prune(ctx, call, row) {
        return whole;
    }
    as_list(ctx, call)
        .map(|fix| (fix, None))
        .or_else(|declined| whole.map_err(|_| declined))
}

/// Whether the body of a loop over `os.walk` may say which folders are left out: then the entries cannot be listed before.
fn may_prune(ctx: &Context, call: &ast::ExprCall, row: &Blocking) -> bool {
    let model = ctx.model;
    if !row.name.ends_with("walk") {
        return false;
    }
    let Some((_, Stmt::For(stmt))) = model.statement_of(model.id(call)) else {
        return false;
    };
    let Expr::Tuple(entry) = &*stmt.target else {
        return true;
    };
    match entry.elts.get(1) {
        Some(Expr::Name(folders)) => model.references_in(model.id(stmt)).iter().any(|reference| {
            reference.name.id == folders.id
                && !matches!(
                    model.node(model.parent(reference.node)),
                    AnyNodeRef::StmtFor(_) | AnyNodeRef::Comprehension(_)
                )
        }),
        _ => true,
    }
}

/// Whether a test runs the code: for it, a file is read in no time.
fn is_in_test(ctx: &Context, id: NodeId) -> bool {
    ctx.model
        .enclosing_function(id)
        .is_some_and(|function| function.name.starts_with("test_"))
}

/// Whether a call may give an answer whose body is read later.
fn streams(call: &ast::ExprCall, row: Blocking) -> bool {
    let may_be = |name: &str, value: bool| {
        call.arguments
            .find_keyword(name)
            .is_some_and(|keyword| match &keyword.value {
                Expr::BooleanLiteral(literal) => literal.value == value,
                value => !value.is_none_literal_expr(),
            })
    };
    row.kind == "http" && (may_be("stream", true) || may_be("preload_content", false))
}

/// The first thing that is not proven of a call that the table knows.
fn doubt_of<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall, row: Blocking) -> Option<String> {
    if !row.is_exact {
        return Some(if row.note.is_empty() {
            "whether it may run in a thread must be looked at".to_owned()
        } else {
            format!("whether it may run in a thread must be looked at: {}", row.note)
        });
    }
    if call.arguments.find_keyword("preexec_fn").is_some() {
        return Some("`preexec_fn` is not safe where there are threads".to_owned());
    }
    ctx.one_at_a_time(call, row).or_else(|| ctx.shared_file_doubt(call))
}

/// `sorted(path.iterdir())` -> `sorted(await asyncio.to_thread(lambda: list(path.iterdir())))`.
fn as_list(ctx: &Context, call: &ast::ExprCall) -> Result<Fix, Declined> {
    let model = ctx.model;
    let at = model.id(call);
    let parent = model.parent(at);
    let inside = |node: NodeId| {
        model.subtree(node).any(|(_, node)| {
            matches!(
                node,
                AnyNodeRef::ExprAwait(_) | AnyNodeRef::ExprNamed(_) | AnyNodeRef::ExprYield(_)
            )
        })
    };
    if inside(at) {
        return Err("its arguments hold an await or an assignment, which a lambda cannot".into());
    }
    let place = ctx.may_await(at)?;
    ctx.builtins_stand(&["list"], at)?;
    let loader = ctx.off_loader(at, false)?;
    let is_argument = |outer: &ast::ExprCall| {
        outer
            .arguments
            .args
            .first()
            .is_some_and(|first| first.range() == call.range())
    };
    let (list, doubt) = match model.node(parent) {
        AnyNodeRef::WithItem(_) => return Err("it is entered by `with`, and used one entry at a time".into()),
        AnyNodeRef::Arguments(_) => match model.node(model.parent(parent)) {
            AnyNodeRef::ExprCall(outer) if is_argument(outer) && model.is_builtin(&outer.func, "list") => {
                (Some(outer), None)
            }
            AnyNodeRef::ExprCall(outer)
                if is_argument(outer) && EXHAUSTING.iter().any(|name| model.is_builtin(&outer.func, name)) =>
            {
                (None, None)
            }
            _ => (None, Some("it is not known that all of it is read")),
        },
        AnyNodeRef::StmtFor(_) | AnyNodeRef::Comprehension(_) => (
            None,
            Some(
                "all entries are read before the first is used, so that what is done with them no longer shows in those that follow",
            ),
        ),
        _ => {
            return Err(
                "what it gives is used later, one entry at a time: make a list of it in a thread, where it is made"
                    .into(),
            );
        }
    };
    let target = list.unwrap_or(call);
    let (prefix, outer) = match ctx.await_prefix(target) {
        prefix @ "(await " => (prefix, ")"),
        prefix => (prefix, ""),
    };
    let (open, close) = if list.is_some() { ("", "") } else { ("list(", ")") };
    let edits = vec![
        Edit::insertion(
            format!("{prefix}{}{}lambda: {open}", loader.head, loader.inner),
            target.start(),
        ),
        Edit::insertion(format!("{close}{}{outer}", loader.tail), target.end()),
    ];
    Ok(Fix::with_doubt(doubt.map(str::to_owned).or(place), edits).import(loader.imports))
}
