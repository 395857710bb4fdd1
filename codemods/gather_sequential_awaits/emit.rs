//! Writes a group of awaits as one concurrent statement, by edits around the calls: the calls themselves stay where they are, with
//! their comments and strings.

use ruff_python_ast::Expr;
use ruff_text_size::{Ranged, TextRange};

use super::Step;
use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::Declined;
use crate::importer::Import;

/// `a, b = await asyncio.gather(f(), g())`
pub(super) fn gather(ctx: &Context, steps: &[Step], doubt: Option<String>) -> Result<Fix, Declined> {
    let (asyncio, import) = ctx.import(Import::Module("asyncio"), ctx.model.id(steps[0].call))?;
    let edits = call_of_all(ctx, steps, &format!("{asyncio}.gather"))?;
    Ok(Fix::with_doubt(doubt, edits).import(import))
}

/// `a, b = await gather_in_order(f(), g())`, with the helper that raises what the sequential program would have raised.
pub(super) fn in_order(ctx: &Context, steps: &[Step], doubt: Option<String>) -> Result<Fix, Declined> {
    let at = ctx.model.id(steps[0].call);
    let (asyncio, import) = ctx.import(Import::Module("asyncio"), at)?;
    let (name, definition) = ctx.define("gather_in_order", at, |name| {
        format!(
            "async def {name}(*coros):\n    \
             tasks = [{asyncio}.create_task(coro) for coro in coros]\n    \
             try:\n        \
             return [await task for task in tasks]\n    \
             finally:\n        \
             for task in tasks:\n            \
             task.cancel()\n        \
             await {asyncio}.gather(*tasks, return_exceptions=True)"
        )
    });
    let edits = call_of_all(ctx, steps, &name)?;
    Ok(Fix::with_doubt(doubt, edits).import(import).define(definition))
}

/// A task per call in an `asyncio.TaskGroup`, and the results behind it.
pub(super) fn task_group(ctx: &Context, steps: &[Step], doubt: Option<String>) -> Result<Fix, Declined> {
    let at = ctx.model.id(steps[0].call);
    let (asyncio, import) = ctx.import(Import::Module("asyncio"), at)?;
    let first = steps[0].stmt;
    let (indent, unit) = (ctx.indentation(first).to_owned(), ctx.indent_unit(ctx.model.id(first)));
    let inner = format!("{indent}{unit}");
    let group = ctx.model.fresh_name("tg", at);
    let returned = returned_names(ctx, steps);
    let names: Vec<Option<String>> = steps
        .iter()
        .enumerate()
        .map(|(index, step)| {
            let wanted = match (&returned, step.target) {
                (Some(names), _) => Some(names[index].clone()),
                (None, _) => {
                    let names: Vec<&str> = step.names().map(|name| name.id.as_str()).collect();
                    (!names.is_empty()).then(|| names.join("_"))
                }
            };
            wanted.map(|target| ctx.model.fresh_name(&format!("{target}_task"), at))
        })
        .collect();
    let created = |index: usize| match &names[index] {
        Some(task) => format!("{task} = {group}.create_task("),
        None => format!("{group}.create_task("),
    };
    // A call that does not fit behind that goes on lines of its own.
    let is_broken = |index: usize| {
        let call = ctx.model.slice(steps[index].call);
        call.contains(['\n', '\r']) || !ctx.fits(&format!("{inner}{}{call})", created(index)))
    };
    let open = |index: usize| match is_broken(index) {
        true => format!("{}\n{inner}{unit}", created(index)),
        false => created(index),
    };
    let closed = |index: usize| match is_broken(index) {
        true => format!("\n{inner})"),
        false => ")".to_owned(),
    };
    let mut edits = vec![Edit::replacement(
        format!("async with {asyncio}.TaskGroup() as {group}:\n{inner}{}", open(0)),
        TextRange::new(first.start(), steps[0].call.start()),
    )];
    for (index, pair) in steps.windows(2).enumerate() {
        let gap = TextRange::new(pair[0].call.end(), pair[1].call.start());
        let comments = Comments::of(ctx, &pair[0], gap);
        edits.push(Edit::replacement(
            format!(
                "{}{}{inner}{}",
                closed(index),
                comments.between(&inner),
                open(index + 1)
            ),
            gap,
        ));
    }
    for step in steps {
        edits.extend(ctx.indent_further_lines(step.call.range(), &indent, &unit.repeat(2)));
    }
    let last = &steps[steps.len() - 1];
    let mut results = String::new();
    for (index, step) in steps.iter().enumerate() {
        if let (Some(target), Some(task)) = (step.target, &names[index]) {
            let annotation = step
                .annotation
                .map_or(String::new(), |annotation| format!(": {}", ctx.model.slice(annotation)));
            results.push_str(&format!(
                "\n{indent}{}{annotation} = {task}.result()",
                ctx.model.slice(target)
            ));
        }
    }
    if returned.is_some() {
        let values: Vec<String> = names.iter().flatten().map(|task| format!("{task}.result()")).collect();
        results.push_str(&format!("\n{indent}return {}", values.join(", ")));
    }
    edits.extend(close(ctx, last, &closed(steps.len() - 1), &results));
    let mut reason = "a failure arrives as an ExceptionGroup, and cancels the others".to_owned();
    let is_risky = |step: &Step| {
        !step
            .call
            .arguments
            .iter_source_order()
            .all(|argument| ctx.model.is_total(argument.value()))
    };
    if steps.iter().any(is_risky) {
        reason.push_str("; so does an error in an argument");
    }
    if let Some(doubt) = doubt {
        reason = format!("{reason}; {doubt}");
    }
    Ok(Fix::unsafe_because(reason, edits).import(import))
}

/// `targets = await function(call, call)`, on one line when it fits and holds no comments.
fn call_of_all(ctx: &Context, steps: &[Step], function: &str) -> Result<Vec<Edit>, Declined> {
    let (first, last) = (steps[0].stmt, &steps[steps.len() - 1]);
    let returned = returned_names(ctx, steps);
    let targets = match &returned {
        Some(names) => names.clone(),
        None => target_names(ctx, steps),
    };
    let indent = ctx.indentation(first).to_owned();
    let declarations = declarations(ctx, steps, &indent)?;
    let opening = if targets.is_empty() {
        format!("await {function}(")
    } else {
        format!("{} = await {function}(", targets.join(", "))
    };
    let result = returned.map_or_else(String::new, |names| format!("\n{indent}return {}", names.join(", ")));
    let calls: Vec<&str> = steps.iter().map(|step| ctx.model.slice(step.call)).collect();
    let line = format!("{indent}{opening}{})", calls.join(", "));
    let has_comments = !ctx
        .module
        .comments_in(TextRange::new(first.start(), ctx.module.line_end(last.stmt.end())))
        .is_empty();
    if !has_comments && !line.contains(['\n', '\r']) && ctx.fits(&line) {
        return Ok(on_one_line(steps, &format!("{declarations}{opening}"), &result));
    }
    let unit = ctx.indent_unit(ctx.model.id(first));
    let inner = format!("{indent}{unit}");
    let opening = if ctx.fits(&format!("{indent}{opening}")) {
        opening
    } else {
        format!(
            "(\n{inner}{},\n{indent}) = await {function}(",
            targets.join(&format!(",\n{inner}"))
        )
    };
    let above = comments_above(ctx, steps);
    let start = above.first().map_or(first.start(), Ranged::start);
    let comments: String = above
        .iter()
        .map(|comment| format!("{}\n{inner}", ctx.module.slice(*comment)))
        .collect();
    let mut edits = vec![Edit::replacement(
        format!("{declarations}{opening}\n{inner}{comments}"),
        TextRange::new(start, steps[0].call.start()),
    )];
    for pair in steps.windows(2) {
        let gap = TextRange::new(pair[0].call.end(), pair[1].call.start());
        let comments = Comments::of(ctx, &pair[0], gap);
        edits.push(Edit::replacement(format!(",{}{inner}", comments.between(&inner)), gap));
    }
    for step in steps {
        edits.extend(ctx.indent_further_lines(step.call.range(), &indent, &unit));
    }
    edits.extend(close(ctx, last, ",", &format!("\n{indent}){result}")));
    Ok(edits)
}

/// `a: int` above the statement that binds `a` among others, for each annotation.
fn declarations(ctx: &Context, steps: &[Step], indent: &str) -> Result<String, Declined> {
    let mut lines = String::new();
    for (step, target) in steps.iter().filter_map(|step| Some((step, step.target?))) {
        let Some(annotation) = step.annotation else { continue };
        let (target, annotation) = (ctx.model.slice(target), ctx.model.slice(annotation));
        if annotation.contains(['\n', '\r', '#']) {
            return Err("an annotation has lines of its own".into());
        }
        lines.push_str(&format!("{target}: {annotation}\n{indent}"));
    }
    Ok(lines)
}

/// The own-line comments directly above the group. They stay above the new statement, unless further calls have comments of their own: then
/// they speak of the first call, and go above it.
fn comments_above(ctx: &Context, steps: &[Step]) -> Vec<TextRange> {
    let first = steps[0].stmt;
    let others_have = steps.windows(2).any(|pair| {
        let gap = TextRange::new(pair[0].call.end(), pair[1].call.start());
        !Comments::of(ctx, &pair[0], gap).own_line.is_empty()
    });
    if others_have {
        ctx.comments_above(first)
    } else {
        Vec::new()
    }
}

fn on_one_line(steps: &[Step], opening: &str, result: &str) -> Vec<Edit> {
    let last = &steps[steps.len() - 1];
    let mut edits = vec![Edit::replacement(
        opening,
        TextRange::new(steps[0].stmt.start(), steps[0].call.start()),
    )];
    for pair in steps.windows(2) {
        edits.push(Edit::replacement(
            ", ",
            TextRange::new(pair[0].call.end(), pair[1].call.start()),
        ));
    }
    edits.push(Edit::replacement(
        format!("){result}"),
        TextRange::new(last.call.end(), last.stmt.end()),
    ));
    edits
}

/// The names bound by the group; empty when no step binds one. A dropped result gets a name that nothing reads.
fn target_names(ctx: &Context, steps: &[Step]) -> Vec<String> {
    if steps.iter().all(|step| step.target.is_none()) {
        return Vec::new();
    }
    let at = ctx.model.id(steps[0].call);
    let function = ctx
        .model
        .enclosing_function(at)
        .map_or(at, |function| ctx.model.id(function));
    let underscore_is_read = || {
        let mut reads = ctx.model.references_named("_");
        reads.any(|reference| ctx.model.contains(function, reference.node))
    };
    let mut dropped = 0;
    steps
        .iter()
        .map(|step| match step.target {
            Some(target @ Expr::Tuple(tuple)) if !tuple.parenthesized => format!("({})", ctx.model.slice(target)),
            Some(target) => ctx.model.slice(target).to_owned(),
            None if underscore_is_read() => {
                dropped += 1;
                ctx.model.fresh_name(&format!("_unused_{dropped}"), at)
            }
            None => "_".to_owned(),
        })
        .collect()
}

/// `result_1`, `result_2` ... for the elements of a returned tuple.
fn returned_names(ctx: &Context, steps: &[Step]) -> Option<Vec<String>> {
    let at = ctx.model.id(steps[0].call);
    steps[0].stmt.is_return_stmt().then(|| {
        (1..=steps.len())
            .map(|number| ctx.model.fresh_name(&format!("result_{number}"), at))
            .collect()
    })
}

/// The comments between two calls: those on the lines of the first one, and those above the second.
struct Comments<'a> {
    trailing: Vec<&'a str>,
    own_line: Vec<&'a str>,
}

impl<'a> Comments<'a> {
    fn of(ctx: &'a Context, step: &Step, gap: TextRange) -> Self {
        let line_end = ctx.module.line_end(step.stmt.end());
        let (trailing, own_line) = ctx
            .module
            .comments_in(gap)
            .iter()
            .map(|comment| (comment.start() < line_end, ctx.module.slice(*comment)))
            .partition::<Vec<_>, _>(|(trails, _)| *trails);
        Self {
            trailing: trailing.into_iter().map(|(_, text)| text).collect(),
            own_line: own_line.into_iter().map(|(_, text)| text).collect(),
        }
    }

    /// From behind the first call's comma to the start of the second call's line.
    fn between(&self, indent: &str) -> String {
        let mut text = String::new();
        for comment in &self.trailing {
            text.push_str("  ");
            text.push_str(comment);
            text.push('\n');
            text.push_str(indent);
        }
        if self.trailing.is_empty() {
            text.push('\n');
        } else {
            // The next line is begun already.
            text.truncate(text.len() - indent.len());
        }
        for comment in &self.own_line {
            text.push_str(indent);
            text.push_str(comment);
            text.push('\n');
        }
        text
    }
}

/// What follows the last call: a mark behind it, its own trailing comment, and the lines that close the statement.
fn close(ctx: &Context, last: &Step, mark: &str, closing: &str) -> Vec<Edit> {
    let line_end = ctx.module.line_end(last.stmt.end());
    let rest = TextRange::new(last.call.end(), last.stmt.end());
    let comments: Vec<&str> = ctx
        .module
        .comments_in(rest)
        .iter()
        .map(|comment| ctx.module.slice(*comment))
        .collect();
    let inside = comments
        .iter()
        .map(|comment| format!("  {comment}"))
        .collect::<String>();
    if line_end == last.stmt.end() {
        return vec![Edit::replacement(format!("{mark}{inside}{closing}"), rest)];
    }
    // A trailing comment stays where it is, behind the mark.
    vec![
        Edit::replacement(format!("{mark}{inside}"), rest),
        Edit::insertion(closing, line_end),
    ]
}
