//! Calls that make a task in another way than by `asyncio.create_task`, and where that would do the same.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::Declined;
use crate::module::one_line;
use crate::semantic::{BindingKind, NodeId, ScopeKind};

/// The call that gives the loop, and the assignment that it is the value of, unless it is the receiver itself.
type Getter<'a> = Option<(NodeId, &'a Stmt)>;

impl<'a> Context<'a> {
    /// The fix that writes `asyncio.create_task` for `asyncio.ensure_future` or for `create_task` of the running loop, one of its edits being
    /// that of the callee, or why the call must stay. `None` for every other call.
    pub fn as_create_task(&self, call: &ast::ExprCall) -> Option<Result<Fix, Declined>> {
        let last = match &*call.func {
            Expr::Name(_) => None,
            Expr::Attribute(method) => Some(method),
            _ => return None,
        };
        if let Some(method) = last.filter(|method| method.attr.as_str() == "create_task") {
            let getter = getter(self, &method.value)?;
            return Some(of_loop(self, call, method, getter));
        }
        matches!(
            self.model.qualified_name(&call.func).as_deref(),
            Some("asyncio.ensure_future" | "asyncio.tasks.ensure_future")
        )
        .then(|| of_coroutine(self, call))
    }
}

fn of_coroutine(ctx: &Context, call: &ast::ExprCall) -> Result<Fix, Declined> {
    let model = ctx.model;
    let id = model.id(call);
    let [argument] = &*call.arguments.args else {
        return Err("it is not called with one positional argument".into());
    };
    if argument.is_starred_expr() || !call.arguments.keywords.is_empty() {
        return Err("it is not called with one positional argument".into());
    }
    if !model.runs_in_async(id) || is_lazy(ctx, id) {
        return Err(
            "it may be called while no event loop runs: `ensure_future` then takes the current one, `create_task` raises RuntimeError"
                .into(),
        );
    }
    let Expr::Call(coroutine) = argument else {
        return Err(not_a_coroutine(ctx, argument));
    };
    if !model.gives_coroutine(&coroutine.func) {
        return Err(not_a_coroutine(ctx, &coroutine.func));
    }
    let (name, import) = ctx.member("asyncio", "create_task", id)?;
    Ok(Fix::safe(vec![Edit::replacement(name, call.func.range())]).import(import))
}

/// In a generator expression that is not unpacked where it stands: another function may run it, at another time.
fn is_lazy(ctx: &Context, id: NodeId) -> bool {
    let model = ctx.model;
    let in_generator = matches!(model.scope(model.scope_of(id)).kind, ScopeKind::Generator);
    let generator = model
        .ancestors(id)
        .find(|(_, node)| matches!(node, AnyNodeRef::ExprGenerator(_)));
    in_generator && generator.is_none_or(|(id, _)| !matches!(model.node(model.parent(id)), AnyNodeRef::ExprStarred(_)))
}

fn not_a_coroutine(ctx: &Context, expr: &Expr) -> Declined {
    format!(
        "`{}` is not known to give a coroutine: `ensure_future` hands a future back as it is, `create_task` refuses it",
        one_line(ctx.model.slice(expr))
    )
    .into()
}

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

fn of_loop(ctx: &Context, call: &ast::ExprCall, method: &ast::ExprAttribute, getter: Getter) -> Result<Fix, Declined> {
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
