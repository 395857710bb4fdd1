//! `loop.run_until_complete(main())` in a program -> `asyncio.run(main())`, without what made, set and closed the loop.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::importer::is_standard;
use crate::semantic::event_loop::Reached;
use crate::semantic::names::Lookup;
use crate::semantic::{BindingKind, NodeId, ScopeId};

/// What gives the loop that a program runs.
const MAKERS: &[&str] = &["asyncio.get_event_loop", "asyncio.new_event_loop"];

/// Coroutines of a loop that `asyncio.run` runs by itself.
const CLEANUPS: &[&str] = &["shutdown_asyncgens", "shutdown_default_executor"];

/// What decides which loop is made, or runs one.
const OTHER_RUNS: &[&str] = &[
    "asyncio.run",
    "asyncio.Runner",
    "asyncio.set_event_loop_policy",
    "nest_asyncio.apply",
    "uvloop.install",
    "uvloop.run",
    "anyio.run",
];

/// Functions of asyncio that make, set or take the current loop where no loop runs, by their last names.
const TAKE_CURRENT: &[&str] = &[
    "get_event_loop",
    "new_event_loop",
    "set_event_loop",
    "ensure_future",
    "gather",
    "shield",
    "wrap_future",
    "Future",
    "Task",
    "ProactorEventLoop",
    "SelectorEventLoop",
];

/// Classes of asyncio that took it until Python 3.9.
const TOOK_CURRENT: &[&str] = &[
    "Lock",
    "Event",
    "Condition",
    "Semaphore",
    "BoundedSemaphore",
    "Queue",
    "LifoQueue",
    "PriorityQueue",
];

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let calls: Vec<&ast::ExprCall> = ctx
        .model
        .calls()
        .filter(|call| is_run(call) && !is_cleanup(call))
        .collect();
    for call in &calls {
        let message = "`asyncio.run` makes a loop, runs it and closes it, whatever happens";
        acc.push(*call, message, rewrite(ctx, call, &calls));
    }
}

fn method<'e>(call: &'e ast::ExprCall, name: &str) -> Option<&'e ast::ExprAttribute> {
    match &*call.func {
        Expr::Attribute(attribute) if attribute.attr.as_str() == name => Some(attribute),
        _ => None,
    }
}

fn is_run(call: &ast::ExprCall) -> bool {
    method(call, "run_until_complete").is_some()
}

/// `loop.run_until_complete(loop.shutdown_asyncgens())`.
fn is_cleanup(call: &ast::ExprCall) -> bool {
    match call.arguments.args.first() {
        Some(Expr::Call(inner)) => is_run(call) && CLEANUPS.iter().any(|name| method(inner, name).is_some()),
        _ => false,
    }
}

fn rewrite(ctx: &Context, call: &ast::ExprCall, runs: &[&ast::ExprCall]) -> Result<Fix, Declined> {
    let model = ctx.model;
    let id = model.id(call);
    let line = |ranged: TextRange| ctx.module.location(ranged.start()).0;
    if let Some(other) = runs.iter().find(|other| other.range() != call.range()) {
        return Err(format!(
            "the loop runs in line {} as well: `asyncio.run` would cancel what the first run leaves for the second",
            line(other.range())
        )
        .into());
    }
    let reached = model.reached_once(id)?;
    alone(ctx)?;
    let receiver = &method(call, "run_until_complete").ok_or("it is not a method")?.value;
    let removed = loop_statements(ctx, call, receiver)?;
    let mut doubt = (reached == Reached::AtImport).then(|| {
        "it is not under `if __name__ == \"__main__\"`: a program that imports the module is left without a current loop".to_owned()
    });
    doubt = current_loop(ctx, &removed)?.or(doubt);
    let (name, import) = ctx.member("asyncio", "run", id)?;
    let func = Edit::replacement(name.clone(), call.func.range());
    let mut edits = match argument(ctx, call)? {
        Argument::Coroutine => vec![func],
        Argument::Unknown(text) => {
            doubt = doubt.or_else(|| {
                Some(format!(
                    "`{text}` is not known to give a coroutine, and `asyncio.run` takes nothing else before Python 3.14"
                ))
            });
            vec![func]
        }
        Argument::Gather(gather) => {
            doubt =
                doubt.or_else(|| Some("what is run needs a coroutine of its own, a task more than before".to_owned()));
            in_coroutine(ctx, call, gather, &name)?
        }
    };
    if doubt.is_none() {
        doubt = foreign_objects(ctx, call);
    }
    edits.extend(removal(ctx, &removed)?);
    edits.sort_by_key(|edit| (edit.start(), edit.end()));
    Ok(Fix::with_doubt(doubt, edits).import(import))
}

/// Refuses a module that runs loops in other ways, or says which loops are made.
fn alone(ctx: &Context) -> Result<(), Declined> {
    for call in ctx.model.calls() {
        let line = || ctx.module.location(call.start()).0;
        if method(call, "run_forever").is_some() {
            return Err(format!("a loop also runs forever, in line {}", line()).into());
        }
        if let Some(name) = ctx.model.qualified_name(&call.func)
            && OTHER_RUNS.contains(&name.as_str())
        {
            return Err(format!("`{name}` in line {} has a say in how loops are made and run", line()).into());
        }
    }
    Ok(())
}

/// The statements that make, set, clean up and close the loop: all uses that it has.
fn loop_statements(ctx: &Context, run: &ast::ExprCall, receiver: &Expr) -> Result<Vec<NodeId>, Declined> {
    let model = ctx.model;
    let is_maker = |expr: &Expr| match expr {
        Expr::Call(call) => {
            call.arguments.is_empty()
                && model
                    .qualified_name(&call.func)
                    .is_some_and(|name| MAKERS.contains(&name.as_str()))
        }
        _ => false,
    };
    let Expr::Name(name) = receiver else {
        return if is_maker(receiver) {
            Ok(Vec::new())
        } else {
            Err("the loop comes from elsewhere, where more may be done with it".into())
        };
    };
    let scope = model.scope_of(model.id(name));
    let binding = model
        .sole_binding(&name.id, scope)
        .filter(|binding| matches!(binding.kind, BindingKind::Assignment(value) if is_maker(value)))
        .ok_or("the loop comes from elsewhere, where more may be done with it")?;
    let (maker, stmt) = model
        .statement_of(binding.node)
        .ok_or("the loop is not bound by a statement")?;
    if !matches!(stmt, Stmt::Assign(assign) if assign.targets.len() == 1) {
        return Err("the loop is bound to other names as well".into());
    }
    let mut removed = vec![maker];
    for reference in model.references_named(&name.id) {
        if model.lookup(&name.id, reference.scope) != Lookup::Scope(binding.scope) {
            continue;
        }
        if model.contains(model.id(run), reference.node) && model.contains(model.id(&*run.func), reference.node) {
            continue;
        }
        let used = model
            .statement_of(reference.node)
            .filter(|(_, stmt)| reference.scope == scope && is_disposal(ctx, stmt, &name.id));
        let Some((stmt, _)) = used else {
            let (line, _) = ctx.module.location(model.node(reference.node).start());
            return Err(
                format!("the loop is also used in line {line}, for something that `asyncio.run` does not do").into(),
            );
        };
        removed.push(stmt);
    }
    // `set_event_loop(None)` is what `asyncio.run` ends with.
    for call in model.calls_to("asyncio.set_event_loop") {
        let unsets = call.arguments.args.first().is_some_and(Expr::is_none_literal_expr);
        if let Some((stmt, Stmt::Expr(expr))) = model.statement_of(model.id(call))
            && unsets
            && expr.value.range() == call.range()
            && model.scope_of(stmt) == scope
        {
            removed.push(stmt);
        }
    }
    removed.sort();
    removed.dedup();
    Ok(removed)
}

/// `loop.close()`, `asyncio.set_event_loop(loop)`, `loop.run_until_complete(loop.shutdown_asyncgens())` as statements.
fn is_disposal(ctx: &Context, stmt: &Stmt, name: &str) -> bool {
    let Stmt::Expr(stmt) = stmt else { return false };
    let Expr::Call(call) = &*stmt.value else { return false };
    let is_loop = |expr: &Expr| matches!(expr, Expr::Name(found) if found.id.as_str() == name);
    let is_set = ctx.model.qualified_name(&call.func).as_deref() == Some("asyncio.set_event_loop")
        && matches!(&*call.arguments.args, [argument] if is_loop(argument));
    let is_closed = method(call, "close").is_some_and(|method| is_loop(&method.value)) && call.arguments.is_empty();
    is_set || is_closed || is_cleanup(call)
}

/// Refuses other code outside of coroutines that takes the current loop, which will be another one; the doubt that a function leaves
/// of which it is not known when it is called.
fn current_loop(ctx: &Context, removed: &[NodeId]) -> Result<Option<String>, Declined> {
    let model = ctx.model;
    let old = ctx.settings.target < PythonVersion::PY310;
    let mut doubt = None;
    for call in model.calls() {
        let id = model.id(call);
        let Some(name) = model.qualified_name(&call.func) else {
            continue;
        };
        // `asyncio.events.set_event_loop` is `asyncio.set_event_loop`.
        let last = name
            .rsplit('.')
            .next()
            .filter(|_| name.starts_with("asyncio."))
            .unwrap_or_default();
        let takes = TAKE_CURRENT.contains(&last) || old && TOOK_CURRENT.contains(&last);
        let is_own = removed.iter().any(|stmt| model.contains(*stmt, id)) || is_part_of_run(ctx, id);
        if !takes || is_own || model.runs_on_loop(id).is_ok() {
            continue;
        }
        let (line, _) = ctx.module.location(call.start());
        match model.enclosing_function(id) {
            Some(function) => {
                let around = &function.name;
                doubt.get_or_insert_with(|| {
                    format!("`{name}` in line {line} takes another loop when `{around}` is not called by a coroutine")
                });
            }
            None => {
                return Err(format!(
                    "`{name}` in line {line} takes the current loop, and `asyncio.run` runs another one"
                )
                .into());
            }
        }
    }
    Ok(doubt)
}

/// Whether a node is the receiver or an argument of `run_until_complete`.
fn is_part_of_run(ctx: &Context, id: NodeId) -> bool {
    ctx.model
        .ancestors(id)
        .any(|(_, node)| matches!(node, AnyNodeRef::ExprCall(call) if is_run(call)))
}

enum Argument<'a> {
    Coroutine,
    Unknown(&'a str),
    Gather(&'a ast::ExprCall),
}

fn argument<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Result<Argument<'a>, Declined> {
    let model = ctx.model;
    let ([argument], []) = (&*call.arguments.args, &*call.arguments.keywords) else {
        return Err("it is not called with one argument".into());
    };
    let awaitable = match argument {
        // What is made on the line above is as good as made here.
        Expr::Name(name) => {
            let scope = model.scope_of(model.id(name));
            let value = model
                .sole_binding(&name.id, scope)
                .and_then(|binding| match binding.kind {
                    BindingKind::Assignment(value) if model.references_named(&name.id).count() == 1 => Some(value),
                    _ => None,
                });
            value.ok_or("what is run may be a task or a future of the loop")?
        }
        other => other,
    };
    let Expr::Call(made) = awaitable else {
        return Err("what is run may be a task or a future of the loop".into());
    };
    if model.is_coroutine_function(&made.func) {
        return Ok(Argument::Coroutine);
    }
    match model.qualified_name(&made.func).as_deref() {
        Some("asyncio.gather") if argument.range() == made.range() => Ok(Argument::Gather(made)),
        Some(name) if name.starts_with("asyncio.") => {
            Err(format!("`{name}` gives a task or a future, which belongs to the loop").into())
        }
        _ => match model.function_of(&made.func) {
            Some(function) if !function.is_async => Err(format!(
                "`{}` is not async: what it gives may be a task or a future of the loop",
                function.name
            )
            .into()),
            _ => Ok(Argument::Unknown(model.slice(awaitable))),
        },
    }
}

/// The call of `asyncio.gather` in a coroutine function of its own, defined above the statement.
fn in_coroutine(ctx: &Context, call: &ast::ExprCall, gather: &ast::ExprCall, run: &str) -> Result<Vec<Edit>, Declined> {
    let model = ctx.model;
    let id = model.id(call);
    let (stmt_id, stmt) = model.statement_of(id).ok_or("it does not stand in a statement")?;
    let whole = ctx.lines_of(stmt).is_ok() && !model.slice(gather).contains(['\n', '\r']);
    let binds = model.subtree(model.id(gather)).any(|(_, node)| {
        matches!(
            node,
            AnyNodeRef::ExprNamed(_) | AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_)
        )
    });
    if !whole || binds {
        return Err("what is run would have to be written into a function of its own".into());
    }
    let name = model.fresh_name("main", id);
    let indent = ctx.indentation(stmt);
    let unit = ctx.indent_unit(stmt_id);
    let text = model.slice(gather);
    let is_first = model.block_of(stmt_id).is_some_and(|(_, index)| index == 0);
    // Two blank lines around a function at module level, one in a block; a formatter wants one above the first of a block as well.
    let (mut above, below) = match (model.parent(stmt_id) == NodeId(0), is_first) {
        (true, true) => ("", "\n\n\n"),
        (true, false) => ("\n\n", "\n\n\n"),
        (false, _) => ("\n", "\n\n"),
    };
    let lead = TextRange::new(ctx.module.line_start(stmt.start()), stmt.start());
    let is_blank_above = ctx.module.text()[..usize::from(lead.start())]
        .lines()
        .next_back()
        .is_some_and(|line| line.trim().is_empty());
    if is_blank_above {
        above = above.strip_prefix('\n').unwrap_or(above);
    }
    let definition = format!("{above}{indent}async def {name}():\n{indent}{unit}return await {text}{below}{indent}");
    Ok(vec![
        Edit::replacement(definition, lead),
        Edit::replacement(format!("{run}({name}())"), call.range()),
    ])
}

/// Objects of other packages and modules that are made where no loop runs, and may have taken the current one.
fn foreign_objects(ctx: &Context, run: &ast::ExprCall) -> Option<String> {
    let model = ctx.model;
    let is_foreign = |name: &str| name.starts_with('.') || !is_standard(name);
    if ctx.settings.target < PythonVersion::PY310 {
        for binding in model
            .bindings()
            .iter()
            .filter(|binding| binding.scope == ScopeId::MODULE)
        {
            let name = model.imported_name(binding.name, ScopeId::MODULE);
            if let Some(name) = name.filter(|name| is_foreign(name)) {
                return Some(format!(
                    "before Python 3.10 what `{name}` makes when it is imported may belong to another loop"
                ));
            }
        }
    }
    let inside = model.id(run);
    model.calls().find_map(|call| {
        let id = model.id(call);
        let name = model.qualified_name(&call.func)?;
        let makes_object = name
            .rsplit('.')
            .next()
            .is_some_and(|last| last.starts_with(char::is_uppercase));
        let at_once = model.enclosing_function(id).is_none()
            || model.enclosing_function(id).map(|function| model.id(function))
                == model.enclosing_function(inside).map(|function| model.id(function));
        let is_decorator = model
            .ancestors(id)
            .next()
            .is_some_and(|(_, node)| matches!(node, AnyNodeRef::Decorator(_)));
        let outside = model.runs_on_loop(id).is_err() && !is_decorator && (at_once || makes_object);
        (is_foreign(&name) && outside).then(|| {
            let (line, _) = ctx.module.location(call.start());
            format!("`{name}` in line {line} may take the current loop, and `asyncio.run` runs another one")
        })
    })
}

/// The edits that take the statements away, and with them a `try` whose `finally` holds nothing else.
fn removal(ctx: &Context, removed: &[NodeId]) -> Result<Vec<Edit>, Declined> {
    let model = ctx.model;
    let mut edits: Vec<Edit> = Vec::new();
    let mut single = Vec::new();
    let mut emptied: Vec<NodeId> = Vec::new();
    for &id in removed {
        let parent = model.parent(id);
        match model.node(parent) {
            AnyNodeRef::StmtTry(outer)
                if !outer.finalbody.is_empty()
                    && outer.finalbody.iter().any(|stmt| model.id(stmt) == id)
                    && outer.finalbody.iter().all(|stmt| removed.contains(&model.id(stmt))) =>
            {
                if !emptied.contains(&parent) {
                    emptied.push(parent);
                    edits.extend(without_finally(ctx, outer)?);
                }
            }
            _ => single.push(id),
        }
    }
    let deletions = ctx.delete_statements(&single)?;
    // A line that goes need not be moved.
    edits.retain(|edit| {
        !deletions
            .iter()
            .any(|deletion| deletion.range().contains_range(edit.range()))
    });
    edits.extend(deletions);
    Ok(edits)
}

/// The edits that take away `finally`, and `try` as well where it has no handlers.
fn without_finally(ctx: &Context, outer: &ast::StmtTry) -> Result<Vec<Edit>, Declined> {
    let module = ctx.module;
    let (Some(first), Some(last)) = (outer.body.first(), outer.body.last()) else {
        return Err("the `try` is empty".into());
    };
    let end_of_rest = outer
        .orelse
        .last()
        .map(Ranged::end)
        .or_else(|| outer.handlers.last().map(Ranged::end))
        .unwrap_or(last.end());
    let tail = TextRange::new(
        module.line_end_with_newline(end_of_rest),
        module.line_end_with_newline(outer.end()),
    );
    let head = TextRange::new(module.line_start(outer.start()), module.line_start(first.start()));
    let unwraps = outer.handlers.is_empty();
    let comments = !module.comments_in(tail).is_empty() || unwraps && !module.comments_in(head).is_empty();
    let plain = module.is_first_on_line(outer.start()) && module.is_first_on_line(first.start());
    if comments || !plain || head.is_empty() {
        return Err("a comment or another statement stands beside the `try` that has to go".into());
    }
    let mut edits = vec![Edit::deletion(tail)];
    if unwraps {
        edits.push(Edit::deletion(head));
        let from = module.indentation(first.start());
        let to = module.indentation(outer.start());
        let body = TextRange::new(head.start(), tail.start());
        edits.extend(ctx.reindent(body, from, to));
    }
    Ok(edits)
}
