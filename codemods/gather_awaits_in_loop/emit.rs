//! Writes a loop as one concurrent statement: a gather, or a task group and its results; with a limit where something is in doubt.

use ruff_python_ast::{AnyNodeRef, Expr, PythonVersion, Stmt};
use ruff_text_size::{Ranged, TextLen, TextRange};

use super::each::{self, Used};
use super::{Collection, Emission, Loop, Options, Results};
use crate::bounded::FreshNames;
use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::Declined;
use crate::importer::Import;
use crate::layout::own_lines;
use crate::pretty::Doc;

/// The pieces of the new code: lines above the statement, and the list of the results.
struct Parts {
    /// Each line but the first with its indentation, up to where the statement begins.
    above: String,
    results: Doc,
    imports: Vec<Import>,
}

pub(super) fn emit<'a>(
    ctx: &Context<'a>,
    options: &Options,
    found: &Loop<'a>,
    doubt: Option<String>,
    names: &mut FreshNames,
) -> Result<Fix, Declined> {
    let at = ctx.model.id(found.call);
    ctx.builtins_stand(builtins_of(found), at)?;
    let (indent, unit) = ctx.indents_of(found.stmt);
    let (first, is_loop) = (found.first_stmt(), found.range == found.stmt.range());
    let mut parts = calls(ctx, options, found, doubt.is_some(), names)?;
    let reason = match options.emission {
        Emission::Gather => doubt,
        Emission::TaskGroup => {
            in_task_group(ctx, found, &mut parts, doubt.is_some(), names)?;
            Some("a failure arrives as an ExceptionGroup, and cancels the others".to_owned())
        }
    };
    if is_loop {
        own_lines(ctx.module, first.start(), first.end())?;
        own_lines(ctx.module, found.stmt.start(), found.stmt.end())?;
    }
    let mut edits = Vec::new();
    if let Results::Used(used) = &found.results {
        if options.emission == Emission::TaskGroup {
            return Err("a task group does not say which result belongs to which round".into());
        }
        edits = over_results(ctx, found, used, &parts, names)?;
    } else if is_loop {
        let range = TextRange::new(first.start(), found.stmt.end());
        let comments = comments_above(ctx, found, range, &indent);
        // A task group without results is the whole statement.
        let statement = match &found.results {
            Results::Dropped if options.emission == Emission::TaskGroup => {
                parts.above.truncate(parts.above.trim_end().len());
                String::new()
            }
            _ => statement(ctx, found, parts.results, &indent, &unit, names),
        };
        edits.push(Edit::replacement(
            format!("{comments}{}{statement}", parts.above),
            range,
        ));
    } else {
        if !ctx.module.comments_in(found.range).is_empty() {
            return Err("a comment stands in the comprehension".into());
        }
        let value = match &found.results {
            Results::Comprehension(collection) => collection_of(ctx, found, *collection, parts.results),
            Results::Filter {
                element,
                key,
                collection,
                negated,
            } => {
                let value = names.take(ctx, "value", at);
                let clause = &found.clauses[0];
                let pairs = Doc::call("zip", vec![ctx.doc(clause.iter), parts.results]);
                let target = ctx.model.slice(clause.target);
                let not = if *negated { "not " } else { "" };
                let element = match key {
                    Some(key) => Doc::Seq(vec![ctx.doc(key), Doc::text(": "), ctx.doc(element)]),
                    None => ctx.doc(element),
                };
                let (open, close) = match collection {
                    Collection::List => ("[", "]"),
                    Collection::Set | Collection::Dict => ("{", "}"),
                };
                Doc::Comprehension {
                    open,
                    element: Box::new(element),
                    clauses: vec![
                        Doc::Seq(vec![Doc::text(format!("for {target}, {value} in ")), pairs]),
                        Doc::text(format!("if {not}{value}")),
                    ],
                    close,
                }
            }
            _ => return Err("it is no comprehension".into()),
        };
        if !parts.above.is_empty() {
            ctx.has_room_above(found.stmt)?;
            edits.push(Edit::insertion(parts.above, found.stmt.start()));
        }
        let starts = TextRange::new(ctx.module.line_start(found.range.start()), found.range.start());
        let rest = TextRange::new(found.range.end(), ctx.module.line_end(found.range.end()));
        let (before, after) = (ctx.module.slice(starts), ctx.module.slice(rest));
        let indent = ctx.module.indentation(found.range.start());
        let parenthesized = is_awaited(&value) && found.expr.is_some_and(|expr| ctx.await_needs_parentheses(expr));
        let value = if parenthesized {
            Doc::Seq(vec![Doc::text("("), value, Doc::text(")")])
        } else {
            value
        };
        let text = ctx.pretty(&value, indent, &unit, before, code_of(after));
        edits.push(Edit::replacement(text, found.range));
    }
    Ok(Fix::with_doubt(reason, edits).import(parts.imports))
}

/// The part of a line's end that is code and not a comment.
fn code_of(rest: &str) -> &str {
    rest.split('#').next().unwrap_or_default().trim_end()
}

fn is_awaited(value: &Doc) -> bool {
    matches!(value, Doc::Call { head, .. } if head.starts_with("await "))
}

/// `await asyncio.gather(*[f(x) for x in xs])`, or the same with a helper that limits the number of calls.
fn calls<'a>(
    ctx: &Context<'a>,
    options: &Options,
    found: &Loop<'a>,
    limited: bool,
    names: &mut FreshNames,
) -> Result<Parts, Declined> {
    let at = match found.made {
        Some(list) => ctx.model.id(list),
        None => ctx.model.id(found.call),
    };
    let (gather, import) = ctx.member("asyncio", "gather", at)?;
    let mut imports: Vec<Import> = import.into_iter().collect();
    if let Some(list) = found.made {
        return Ok(Parts {
            above: String::new(),
            results: Doc::call(format!("await {gather}"), vec![Doc::text(format!("*{}", list.id))]),
            imports,
        });
    }
    let (indent, _) = ctx.indents_of(found.stmt);
    let (mut above, mut element) = (String::new(), ctx.call_doc(found.call));
    if limited {
        let variables = found
            .clauses
            .iter()
            .filter_map(|clause| ctx.loop_variables(clause.target));
        let variables: Vec<&str> = variables.flatten().collect();
        let bounded = ctx.bounded(found.call, &variables, options.limit.get(), found.first_stmt(), names)?;
        above = format!("{}{indent}", bounded.above);
        element = bounded.call;
        imports.extend(bounded.import);
    }
    Ok(Parts {
        above,
        results: Doc::call(format!("await {gather}"), vec![all(ctx, found, "*[", element)]),
        imports,
    })
}

/// `[element for x in xs if x]`
fn all(ctx: &Context, found: &Loop, open: &'static str, element: Doc) -> Doc {
    let clauses = found.clauses.iter();
    let clauses = clauses.flat_map(|clause| ctx.clause_docs("for", clause.target, clause.iter, clause.ifs));
    Doc::Comprehension {
        open,
        element: Box::new(element),
        clauses: clauses.collect(),
        close: "]",
    }
}

/// Turns the gather into a group of tasks above the statement, and the results of these.
fn in_task_group<'a>(
    ctx: &Context<'a>,
    found: &Loop<'a>,
    parts: &mut Parts,
    limited: bool,
    names: &mut FreshNames,
) -> Result<(), Declined> {
    if ctx.settings.target < PythonVersion::PY311 {
        return Err("asyncio.TaskGroup needs Python 3.11".into());
    }
    if !limited && ctx.model.function_of(&found.call.func).is_none() {
        let callee = ctx.model.slice(&*found.call.func);
        return Err(format!("nothing says that `{callee}` returns a coroutine, as a task needs").into());
    }
    let at = ctx.model.id(found.call);
    if !ctx.model.guards(at).is_empty() {
        return Err("a handler around it would get an exception group instead of the exception".into());
    }
    if found.range != found.stmt.range() && !is_whole_value(found) {
        return Err("the comprehension is only a part of a statement".into());
    }
    let (asyncio, import) = ctx.member("asyncio", "TaskGroup", at)?;
    parts.imports = import.into_iter().chain(std::mem::take(&mut parts.imports)).collect();
    let (indent, unit) = ctx.indents_of(found.stmt);
    let inner = format!("{indent}{unit}");
    let group = names.take(ctx, "tg", at);
    let Doc::Call { arguments, .. } = &parts.results else {
        return Err("it is no gather".into());
    };
    let Some(Doc::Comprehension { element, clauses, .. }) = arguments.first() else {
        return Err("it is no gather".into());
    };
    let create = Doc::call(format!("{group}.create_task"), vec![(**element).clone()]);
    let above = std::mem::take(&mut parts.above);
    let open = format!("{above}async with {asyncio}() as {group}:\n{inner}");
    if matches!(found.results, Results::Dropped) {
        let clause = ctx.pretty(&clauses[0], &inner, &unit, &inner, ":");
        let deeper = format!("{inner}{unit}");
        let create = ctx.pretty(&create, &deeper, &unit, &deeper, "");
        parts.above = format!("{open}{clause}:\n{deeper}{create}\n{indent}");
        return Ok(());
    }
    let tasks = names.take(ctx, "tasks", at);
    let task = names.take(ctx, "task", at);
    let made = Doc::Comprehension {
        open: "[",
        element: Box::new(create),
        clauses: clauses.clone(),
        close: "]",
    };
    let opening = format!("{tasks} = ");
    let made = ctx.pretty(&made, &inner, &unit, &format!("{inner}{opening}"), "");
    parts.above = format!("{open}{opening}{made}\n{indent}");
    parts.results = Doc::Comprehension {
        open: "[",
        element: Box::new(Doc::text(format!("{task}.result()"))),
        clauses: vec![Doc::text(format!("for {task} in {tasks}"))],
        close: "]",
    };
    Ok(())
}

/// The builtins that the result is written with.
fn builtins_of(found: &Loop) -> &'static [&'static str] {
    match &found.results {
        Results::Filter { .. } => &["zip"],
        Results::Used(used) if used.needs_variables => &["zip"],
        Results::Collected { collection, .. } | Results::Comprehension(collection) => match collection {
            Collection::List => &[],
            Collection::Set => &["set"],
            Collection::Dict => &["dict", "zip"],
        },
        Results::Dropped | Results::Accumulated(_) | Results::Used(_) => &[],
    }
}

fn collection_of(ctx: &Context, found: &Loop, collection: Collection, results: Doc) -> Doc {
    match collection {
        Collection::List => results,
        Collection::Set => Doc::call("set", vec![results]),
        Collection::Dict => {
            let keys = ctx.doc(found.clauses[0].iter);
            Doc::call("dict", vec![Doc::call("zip", vec![keys, results])])
        }
    }
}

/// The statement that a `for` statement becomes.
fn statement<'a>(
    ctx: &Context<'a>,
    found: &Loop<'a>,
    results: Doc,
    indent: &str,
    unit: &str,
    names: &mut FreshNames,
) -> String {
    match &found.results {
        Results::Collected { start, collection } => {
            let opening = match start {
                Stmt::AnnAssign(assign) => format!(
                    "{}: {} = ",
                    ctx.model.slice(&*assign.target),
                    ctx.model.slice(&*assign.annotation)
                ),
                _ => format!("{} = ", found.target().map_or("", |target| target.id.as_str())),
            };
            let value = collection_of(ctx, found, *collection, results);
            let value = ctx.pretty(&value, indent, unit, &format!("{indent}{opening}"), "");
            format!("{opening}{value}")
        }
        Results::Accumulated(assign) => {
            let value = names.take(ctx, "value", ctx.model.id(found.call));
            let opening = format!("for {value} in ");
            let all = ctx.pretty(&results, indent, unit, &format!("{indent}{opening}"), ":");
            let operator = TextRange::new(assign.target.end(), assign.value.start());
            let operator = ctx.module.slice(operator).trim();
            let target = ctx.model.slice(&*assign.target);
            format!("{opening}{all}:\n{indent}{unit}{target} {operator} {value}")
        }
        _ => ctx.pretty(&results, indent, unit, indent, ""),
    }
}

/// `for x, value in zip(xs, await asyncio.gather(...)):` in the place of the header; the rest of the body stays as it is.
fn over_results<'a>(
    ctx: &Context<'a>,
    found: &Loop<'a>,
    used: &Used<'a>,
    parts: &Parts,
    names: &mut FreshNames,
) -> Result<Vec<Edit>, Declined> {
    let (indent, unit) = ctx.indents_of(found.stmt);
    for stmt in &used.stmt.body {
        own_lines(ctx.module, stmt.start(), stmt.end())?;
    }
    let clause = &found.clauses[0];
    let name = match used.name {
        Some(name) => name.id.to_string(),
        None => names.take(ctx, "value", ctx.model.id(found.call)),
    };
    let (targets, results) = match used.needs_variables {
        true => {
            let target = match clause.target {
                Expr::Tuple(tuple) if !tuple.parenthesized => format!("({})", ctx.model.slice(tuple)),
                target => ctx.model.slice(target).to_owned(),
            };
            let pairs = Doc::call("zip", vec![ctx.doc(clause.iter), parts.results.clone()]);
            (format!("{target}, {name}"), pairs)
        }
        false => (name.clone(), parts.results.clone()),
    };
    let opening = format!("for {targets} in ");
    let all = ctx.pretty(&results, &indent, &unit, &format!("{indent}{opening}"), ":");
    let header = each::header(used);
    let comments = comments_above(ctx, found, header, &indent);
    let text = format!("{comments}{}{opening}{all}:", parts.above);
    Ok(match used.name {
        Some(_) => vec![Edit::replacement(text, header)],
        None => vec![
            Edit::replacement(format!("{text}\n{indent}{unit}"), header),
            Edit::replacement(name, with_parentheses(ctx, used)),
        ],
    })
}

/// The await, with the parentheses that it needed in front of an attribute: `(await f(x)).name`.
fn with_parentheses(ctx: &Context, used: &Used) -> TextRange {
    let range = used.awaited.range();
    let is_receiver = match ctx.model.node(ctx.model.parent(ctx.model.id(used.awaited))) {
        AnyNodeRef::ExprAttribute(_) => true,
        AnyNodeRef::ExprSubscript(item) => item.value.range() == range,
        _ => false,
    };
    let text = ctx.module.text();
    let (before, behind) = (&text[..range.start().to_usize()], &text[range.end().to_usize()..]);
    match is_receiver && before.ends_with('(') && behind.starts_with(')') {
        true => TextRange::new(range.start() - "(".text_len(), range.end() + ")".text_len()),
        false => range,
    }
}

/// The comments of the loop's lines, on lines of their own above what it becomes. Those in the call and in the iterable stay in them, and one
/// behind the last line stays behind it.
fn comments_above(ctx: &Context, found: &Loop, range: TextRange, indent: &str) -> String {
    let kept = |comment: &TextRange| {
        found.call.range().contains_range(*comment)
            || found
                .clauses
                .iter()
                .any(|clause| clause.iter.range().contains_range(*comment))
    };
    let comments = ctx.module.comments_in(range).iter().filter(|comment| !kept(comment));
    comments
        .map(|comment| format!("{}\n{indent}", ctx.module.slice(*comment)))
        .collect()
}

/// Whether the comprehension is the value that a statement assigns, returns or drops.
fn is_whole_value(found: &Loop) -> bool {
    let value = match found.stmt {
        Stmt::Assign(stmt) => Some(&*stmt.value),
        Stmt::AnnAssign(stmt) => stmt.value.as_deref(),
        Stmt::Return(stmt) => stmt.value.as_deref(),
        Stmt::Expr(stmt) => Some(&*stmt.value),
        _ => None,
    };
    value.is_some_and(|value| value.range() == found.range)
}
