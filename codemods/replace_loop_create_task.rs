//! `loop.create_task(c)` on the running loop -> `asyncio.create_task(c)`.

use ruff_python_ast::{self as ast, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::semantic::{BindingKind, NodeId};

/// The method is called on what gives the loop, or on a name that is assigned what gives it.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    let getters = ["get_running_loop", "get_event_loop"];
    let is_given_loop = |name: &[u8]| {
        std::str::from_utf8(name).is_ok_and(|name| {
            glance::words(text, name).any(|place| {
                let behind = place.behind().trim_ascii_start();
                let value = behind.strip_prefix(b":=").or(behind.strip_prefix(b"="));
                // The value may be in parentheses, on lines of its own.
                value.is_some_and(|value| glance::mentions(&value[..value.len().min(400)], &getters))
            })
        })
    };
    glance::mentions(text, &getters)
        && (glance::mentions(text, &["get_running_loop as", "get_event_loop as"])
            || glance::calls(text, "create_task").any(|call| match call.path().strip_suffix(b".create_task") {
                Some(receiver) => receiver.is_empty() || !receiver.contains(&b'.') && is_given_loop(receiver),
                None => call.before_path().trim_ascii_end().ends_with(b"."),
            }))
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for call in ctx.model.calls() {
        let Expr::Attribute(method) = &*call.func else { continue };
        if method.attr.as_str() != "create_task" {
            continue;
        }
        let Some(getter) = getter(ctx, &method.value) else {
            continue;
        };
        acc.push(
            call,
            "the loop is the running one: `asyncio.create_task` makes a task in it",
            rewrite(ctx, call, method, getter),
        );
    }
}

/// The call that gives the loop, and the assignment that it is the value of, unless it is the receiver itself.
type Getter<'a> = Option<(NodeId, &'a Stmt)>;

/// How an expression comes by the loop; `None` when it is not known to be a loop.
fn getter<'a>(ctx: &Context<'a>, receiver: &Expr) -> Option<Getter<'a>> {
    let model = ctx.model;
    match receiver {
        Expr::Call(call) => model.gives_loop(call).then_some(None),
        Expr::Name(name) => {
            let mut found = None;
            for binding in model.resolve(&name.id, model.scope_of(model.id(name))) {
                match binding.kind {
                    BindingKind::Assignment(Expr::Call(call)) if model.gives_loop(call) => {
                        found = Some(model.statement_of(binding.node)?);
                    }
                    _ => return None,
                }
            }
            found.map(Some)
        }
        _ => None,
    }
}

fn rewrite(ctx: &Context, call: &ast::ExprCall, method: &ast::ExprAttribute, getter: Getter) -> Result<Fix, Declined> {
    let model = ctx.model;
    let id = model.id(call);
    if model.runs_on_loop(id).is_err() {
        return Err(
            "it does not stand in the body of an async function, where the running loop is the one it runs in".into(),
        );
    }
    let (name, import) = ctx.member("asyncio", "create_task", id)?;
    let (Some((stmt_id, stmt)), Expr::Name(receiver)) = (getter, &*method.value) else {
        return Ok(Fix::safe(vec![Edit::replacement(name, call.func.range())]).import(import));
    };
    let scope = model.scope_of(stmt_id);
    let own = model
        .enclosing_function(id)
        .is_some_and(|function| model.body_scope(function) == scope);
    if !own || model.sole_binding(&receiver.id, scope).is_none() {
        return Err("the loop is not bound once, in the same function".into());
    }
    if !model.is_definitely_bound(receiver) {
        return Err("the loop is not bound on every way to here".into());
    }
    let callees = callees(ctx, &receiver.id, stmt_id);
    let mut edits: Vec<Edit> = callees
        .iter()
        .map(|callee| Edit::replacement(name.clone(), *callee))
        .collect();
    let reads = model
        .references_named(&receiver.id)
        .filter(|reference| {
            model
                .resolve(&receiver.id, reference.scope)
                .any(|other| model.contains(stmt_id, other.node))
        })
        .count();
    if reads == callees.len() {
        edits.extend(removal(ctx, stmt_id, stmt));
    }
    edits.sort_by_key(Ranged::start);
    Ok(Fix::safe(edits).import(import))
}

/// The callees `loop.create_task` of every call that is rewritten together with this one: all on the loop of this assignment.
fn callees(ctx: &Context, name: &str, assignment: NodeId) -> Vec<TextRange> {
    let model = ctx.model;
    let calls = model.calls().filter_map(|call| {
        let Expr::Attribute(method) = &*call.func else {
            return None;
        };
        let Expr::Name(receiver) = &*method.value else {
            return None;
        };
        let scope = model.scope_of(model.id(receiver));
        let is_it = receiver.id == name
            && method.attr.as_str() == "create_task"
            && model.runs_on_loop(model.id(call)).is_ok()
            && model.is_definitely_bound(receiver)
            && model
                .resolve(name, scope)
                .any(|binding| model.contains(assignment, binding.node));
        is_it.then(|| method.range())
    });
    calls.collect()
}

/// The edits that remove an assignment that nothing reads any more; none when it shares its line with a comment or another statement, has a
/// second target, or is all that its block has.
fn removal(ctx: &Context, id: NodeId, stmt: &Stmt) -> Vec<Edit> {
    let single = matches!(stmt, Stmt::Assign(assign) if matches!(&*assign.targets, [Expr::Name(_)]));
    if single {
        ctx.delete_statements(&[id]).unwrap_or_default()
    } else {
        Vec::new()
    }
}
