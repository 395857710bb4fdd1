//! What may take or keep the current loop, which `asyncio.run` replaces by one of its own.

use ruff_python_ast::{self as ast, AnyNodeRef, PythonVersion};
use ruff_text_size::Ranged;

use super::is_run;
use crate::codemod::Context;
use crate::finding::Declined;
use crate::semantic::names::is_standard;
use crate::semantic::{NodeId, ScopeId};

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

/// Refuses other code outside of coroutines that takes the current loop, which will be another one; the doubt that a function leaves
/// of which it is not known when it is called.
pub(super) fn current_loop(ctx: &Context, removed: &[NodeId]) -> Result<Option<String>, Declined> {
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

/// Objects of other packages and modules that are made where no loop runs, and may have taken the current one.
pub(super) fn foreign_objects(ctx: &Context, run: &ast::ExprCall) -> Option<String> {
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
