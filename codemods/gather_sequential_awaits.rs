//! Independent consecutive awaits -> one `asyncio.gather` (or `asyncio.TaskGroup`, or a helper that keeps the order of failures).
//!
//! This file finds runs of awaits and decides what may be joined; `emit` writes the result. What makes awaits independent is in
//! `crate::concurrency`.

mod callees;
mod emit;
mod glance;
mod parts;

pub(super) use glance::glance;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion, Stmt};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHashSet;
use serde::Deserialize;

use crate::codemod::Context;
use crate::concurrency::{FailureOrder, Member};
use crate::edit::{Applicability, Fix};
use crate::finding::{Declined, Findings};
use crate::semantic::ScopeKind;
use crate::semantic::place::{Backend, blocks};

/// `[tool.asyncup.codemods.gather_sequential_awaits]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    emission: Emission,
    /// The most calls of one gather: type checkers know the types of six.
    group_size: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            emission: Emission::Gather,
            group_size: 6,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Emission {
    Gather,
    InOrder,
    TaskGroup,
}

impl Emission {
    fn failure_order(self) -> FailureOrder {
        match self {
            Emission::Gather => FailureOrder::Time,
            Emission::InOrder | Emission::TaskGroup => FailureOrder::Source,
        }
    }
}

/// One await of a run, as it is written.
#[derive(Clone, Copy)]
struct Step<'a> {
    /// The statement; the elements of a tuple share theirs.
    stmt: &'a Stmt,
    /// A name, or a tuple of names.
    target: Option<&'a Expr>,
    /// What an annotated assignment says of its target.
    annotation: Option<&'a Expr>,
    call: &'a ast::ExprCall,
}

impl<'a> Step<'a> {
    /// The names that it binds.
    fn names(&self) -> impl Iterator<Item = &'a ast::ExprName> + use<'a> {
        let parts = match self.target {
            Some(Expr::Tuple(tuple)) => tuple.elts.as_slice(),
            Some(name) => std::slice::from_ref(name),
            None => &[],
        };
        parts.iter().filter_map(Expr::as_name_expr)
    }
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    if !matches!(ctx.model.backend(), Backend::Asyncio) {
        return;
    }
    let options: Options = ctx.options();
    for function in ctx.model.functions().filter(|function| function.is_async) {
        let scope = ctx.model.body_scope(function);
        for (id, node) in ctx.model.subtree(ctx.model.id(function)) {
            for block in blocks(node) {
                let in_function = block
                    .first()
                    .is_some_and(|stmt| ctx.model.scope_of(ctx.model.id(stmt)) == scope);
                if in_function && (id == ctx.model.id(function) || !node.is_stmt_function_def()) {
                    search(ctx, &options, block, acc);
                }
            }
        }
    }
}

/// Finds the runs of one block: statements that each await one call, one after the other.
fn search<'a>(ctx: &Context<'a>, options: &Options, block: &'a [Stmt], acc: &mut Findings) {
    let mut run: Vec<Step<'a>> = Vec::new();
    for stmt in block {
        if let Some(parts) = parts_of(ctx, stmt) {
            split(ctx, options, &std::mem::take(&mut run), acc);
            split(ctx, options, &parts.steps, acc);
            continue;
        }
        match step(ctx, stmt) {
            Some(step) => {
                // What shares its line with something else cannot move; it must not hold back what stands beside it.
                if run
                    .last()
                    .is_some_and(|last| shares_line(ctx, last.stmt, block) != shares_line(ctx, stmt, block))
                {
                    split(ctx, options, &std::mem::take(&mut run), acc);
                }
                run.push(step);
            }
            None => {
                split(ctx, options, &std::mem::take(&mut run), acc);
                if let Some(tuple) = displayed(ctx, stmt) {
                    split(ctx, options, &tuple, acc);
                }
            }
        }
    }
    split(ctx, options, &run, acc);
}

/// The awaits inside a statement's value, where that is no tuple whose elements take their places in a gather as they are.
fn parts_of<'a>(ctx: &Context<'a>, stmt: &'a Stmt) -> Option<parts::Parts<'a>> {
    displayed(ctx, stmt).is_none().then(|| parts::parts(ctx, stmt))?
}

/// Whether something that is no step stands on a line of a statement.
fn shares_line(ctx: &Context, stmt: &Stmt, block: &[Stmt]) -> bool {
    let on_one_line = |one: &Stmt, next: &Stmt| ctx.module.line_end(one.end()) >= next.start();
    let line = block
        .chunk_by(on_one_line)
        .find(|line| line.iter().any(|other| other.range() == stmt.range()));
    let [first, .., last] = line.unwrap_or_default() else {
        return crate::layout::own_lines(ctx.module, stmt.start(), stmt.end()).is_err();
    };
    crate::layout::own_lines(ctx.module, first.start(), last.end()).is_err()
        || line.into_iter().flatten().any(|other| step(ctx, other).is_none())
}

/// `target = await call(...)` or `await call(...)`, with plain local names as target.
fn step<'a>(ctx: &Context<'a>, stmt: &'a Stmt) -> Option<Step<'a>> {
    let (target, annotation, value): (_, Option<&'a Expr>, _) = match stmt {
        Stmt::Expr(expr) => (None, None, &*expr.value),
        Stmt::Assign(assign) => match assign.targets.as_slice() {
            [target] => (Some(target), None, &*assign.value),
            _ => return None,
        },
        // What is `Final` takes its value where it is declared.
        Stmt::AnnAssign(assign) if !ctx.model.slice(&*assign.annotation).contains("Final") => (
            Some(&*assign.target),
            Some(&*assign.annotation),
            assign.value.as_deref()?,
        ),
        _ => return None,
    };
    let step = Step {
        stmt,
        target,
        annotation,
        call: awaited_call(value)?,
    };
    let is_plain = match target {
        Some(Expr::Tuple(tuple)) => !tuple.is_empty() && tuple.elts.iter().all(Expr::is_name_expr),
        Some(target) => target.is_name_expr(),
        None => true,
    };
    (is_plain && step.names().all(|name| is_local(ctx, name))).then_some(step)
}

/// Whether an assignment to a name binds a variable of the function that makes it.
fn is_local(ctx: &Context, name: &ast::ExprName) -> bool {
    let scope = ctx.model.scope_of(ctx.model.id(name));
    matches!(ctx.model.scope(scope).kind, ScopeKind::Function(_))
        && ctx
            .model
            .bindings_in(scope, &name.id)
            .any(|binding| binding.range == name.range())
}

fn awaited_call(value: &Expr) -> Option<&ast::ExprCall> {
    match value {
        Expr::Await(inner) => match &*inner.value {
            Expr::Call(call) => Some(call),
            _ => None,
        },
        _ => None,
    }
}

/// `return await f(), await g()` and `a, b = await f(), await g()`: every element awaits one call.
fn displayed<'a>(ctx: &Context, stmt: &'a Stmt) -> Option<Vec<Step<'a>>> {
    let (targets, value): (Option<&'a Expr>, &'a Expr) = match stmt {
        Stmt::Return(ast::StmtReturn { value: Some(value), .. }) => (None, value),
        Stmt::Assign(assign) => match assign.targets.as_slice() {
            [target] => (Some(target), &assign.value),
            _ => return None,
        },
        _ => return None,
    };
    let Expr::Tuple(tuple) = value else { return None };
    let targets: Vec<Option<&Expr>> = match targets {
        None => vec![None; tuple.len()],
        Some(Expr::Tuple(targets)) if targets.len() == tuple.len() => targets.iter().map(Some).collect(),
        Some(_) => return None,
    };
    let is_plain = |target: &Option<&Expr>| match target {
        Some(Expr::Name(name)) => is_local(ctx, name),
        Some(_) => false,
        None => true,
    };
    if !targets.iter().all(is_plain) {
        return None;
    }
    let elements = tuple.iter().zip(targets).map(|(element, target)| {
        Some(Step {
            stmt,
            target,
            annotation: None,
            call: awaited_call(element)?,
        })
    });
    elements.collect()
}

/// Cuts a run where a step needs what an earlier one binds; what is left is independent by names.
fn split<'a>(ctx: &Context<'a>, options: &Options, run: &[Step<'a>], acc: &mut Findings) {
    let mut from = 0;
    let mut bound: FxHashSet<&str> = FxHashSet::default();
    for (index, step) in run.iter().enumerate() {
        if mentions(ctx, step, &bound) {
            group(ctx, options, &run[from..index], acc);
            from = index;
            bound.clear();
        }
        let inside = ctx.model.bindings_within(ctx.model.id(step.call));
        bound.extend(inside.iter().map(|binding| binding.name));
        bound.extend(step.names().map(|target| target.id.as_str()));
    }
    group(ctx, options, &run[from..], acc);
}

/// Whether a step reads or binds one of these names.
fn mentions(ctx: &Context, step: &Step, names: &FxHashSet<&str>) -> bool {
    let call = ctx.model.id(step.call);
    let reads = ctx.model.references_in(call).iter();
    let binds = ctx.model.bindings_within(call).iter();
    reads
        .map(|reference| reference.name.id.as_str())
        .any(|name| names.contains(name))
        || binds.map(|binding| binding.name).any(|name| names.contains(name))
        || step.names().any(|target| names.contains(target.id.as_str()))
}

/// Joins as many steps as can be: proven ones with proven ones, so that a doubt about one does not hold back the others.
fn group<'a>(ctx: &Context<'a>, options: &Options, steps: &[Step<'a>], acc: &mut Findings) {
    if steps.len() < 2 {
        return;
    }
    let order = options.emission.failure_order();
    let judged: Vec<Result<Member<'a>, Declined>> = steps
        .iter()
        .map(|step| {
            let member = ctx.concurrent_member(step.call, order)?;
            ctx.is_no_guard(step.call)?;
            Ok(member)
        })
        .collect();
    let mut from = 0;
    let mut refused: Option<(TextRange, Declined)> = None;
    let mut joined = false;
    while from < steps.len() {
        match longest(ctx, options, steps, &judged, from) {
            Ok(to) => {
                let members: Vec<&Member> = judged[from..to].iter().flatten().collect();
                let result = join(ctx, options, &steps[from..to], &members);
                let range = TextRange::new(steps[from].stmt.start(), steps[to - 1].stmt.end());
                let is_proven = result
                    .as_ref()
                    .is_ok_and(|fix| fix.applicability == Applicability::Safe);
                let calls: Vec<&ast::ExprCall> = members.iter().map(|member| member.call).collect();
                let proof = if is_proven { ctx.proof(&calls) } else { String::new() };
                acc.push(range, format!("{}{proof}", message(to - from)), result);
                joined = true;
                from = to;
            }
            Err(reason) => {
                refused.get_or_insert((steps[from].stmt.range(), reason));
                from += 1;
            }
        }
    }
    if let (Some((_, reason)), false) = (refused, joined) {
        let range = TextRange::new(steps[0].stmt.start(), steps[steps.len() - 1].stmt.end());
        acc.push(range, message(steps.len()), Err(reason));
    }
}

fn message(count: usize) -> String {
    format!("{count} awaits run one after the other and do not need each other's results")
}

/// The end of the longest group that starts at `from`, or why there is none.
fn longest<'a>(
    ctx: &Context<'a>,
    options: &Options,
    steps: &[Step<'a>],
    judged: &[Result<Member<'a>, Declined>],
    from: usize,
) -> Result<usize, Declined> {
    judged[from].as_ref().map_err(Clone::clone)?;
    if from + 1 == steps.len() {
        return Err("nothing stands beside it".into());
    }
    let fits = |to: usize| -> Result<(), Declined> {
        let next = judged[to].as_ref().map_err(Clone::clone)?;
        for (index, member) in judged[from..to].iter().enumerate() {
            let member = member.as_ref().map_err(Clone::clone)?;
            ctx.may_overlap(member, next)?;
            closures_allow(ctx, &steps[from + index], next)?;
            closures_allow(ctx, &steps[to], member)?;
            arguments_stay(ctx, member, next)?;
        }
        Ok(())
    };
    fits(from + 1)?;
    let mut to = from + 2;
    // A proven pair does not take in a doubtful third; a doubtful one takes whatever comes.
    let is_proven = |to: usize| {
        let members: Vec<&Member> = judged[from..=to].iter().flatten().collect();
        ctx.overlap_doubt(&members).is_none()
    };
    let proven = is_proven(from + 1);
    while to < steps.len() && to - from < options.group_size.max(2) && fits(to).is_ok() {
        if proven && !is_proven(to) {
            break;
        }
        to += 1;
    }
    Ok(to)
}

/// A step's target is bound later than before: no other member may see it.
fn closures_allow<'a>(ctx: &Context<'a>, step: &Step, member: &Member<'a>) -> Result<(), Declined> {
    step.names().try_for_each(|target| {
        let scope = ctx.model.scope_of(ctx.model.id(target));
        ctx.target_is_unseen(&target.id, scope, member)
    })
}

/// What an earlier member may write must not be read by a later one's arguments, which are now evaluated first.
fn arguments_stay<'a>(ctx: &Context<'a>, earlier: &Member<'a>, later: &Member<'a>) -> Result<(), Declined> {
    for argument in later.call.arguments.iter_source_order() {
        let reads = ctx.model.effects_of_expr(argument.value(), ctx.settings);
        if earlier.effects.conflict(&reads).is_some() {
            return Err("an argument may be changed by the call before it".into());
        }
    }
    Ok(())
}

/// What is not proven of `a, b = await f()`: where it fails, the calls behind it were never made.
fn unpacking_doubt(ctx: &Context, step: &Step) -> Option<String> {
    let Some(Expr::Tuple(targets)) = step.target else {
        return None;
    };
    let fits = ctx.model.function_of(&step.call.func).is_some_and(|function| {
        let scope = ctx.model.body_scope(function);
        let mut returned = ctx
            .model
            .subtree(ctx.model.id(function))
            .filter_map(|(id, node)| match node {
                AnyNodeRef::StmtReturn(stmt) if ctx.model.scope_of(id) == scope => Some(stmt),
                _ => None,
            });
        let ends = matches!(function.body.last(), Some(Stmt::Return(_) | Stmt::Raise(_)));
        ends && returned.all(|stmt| {
            matches!(stmt.value.as_deref(), Some(Expr::Tuple(values))
                if values.len() == targets.len() && !values.elts.iter().any(Expr::is_starred_expr))
        })
    });
    (!fits).then(|| {
        let call = ctx.model.slice(&*step.call.func);
        format!(
            "what `{call}` gives may not be {} values, and the calls behind it are made all the same",
            targets.len()
        )
    })
}

/// The statement so many places behind another in its block.
fn neighbour<'a>(ctx: &Context<'a>, stmt: &Stmt, distance: isize) -> Option<&'a Stmt> {
    let (block, index) = ctx.model.block_of(ctx.model.id(stmt))?;
    block.get(index.checked_add_signed(distance)?)
}

/// Whether a statement makes a coroutine and drops it.
fn is_forgotten(ctx: &Context, stmt: &Stmt) -> bool {
    let Stmt::Expr(statement) = stmt else { return false };
    matches!(&*statement.value, Expr::Call(call) if ctx.model.gives_coroutine(&call.func))
}

fn join(ctx: &Context, options: &Options, steps: &[Step], members: &[&Member]) -> Result<Fix, Declined> {
    let (first, last) = (steps[0].stmt, steps[steps.len() - 1].stmt);
    if displayed(ctx, first).is_some_and(|all| all.len() != steps.len()) {
        return Err("the other values of the tuple have to be awaited one after the other".into());
    }
    let parts = parts_of(ctx, first);
    if parts.as_ref().is_some_and(|parts| parts.steps.len() != steps.len()) {
        return Err("the other calls of the statement have to be awaited one after the other".into());
    }
    let targets: Vec<&str> = steps
        .iter()
        .flat_map(Step::names)
        .map(|target| target.id.as_str())
        .collect();
    // With its `await` it may belong to the same gather.
    if [neighbour(ctx, first, -1), neighbour(ctx, last, 1)]
        .into_iter()
        .flatten()
        .any(|stmt| is_forgotten(ctx, stmt))
    {
        return Err("the call beside it is never awaited: await it first, for it may belong to them".into());
    }
    ctx.place_allows_overlap(first, last, &targets, options.emission.failure_order())?;
    crate::layout::own_lines(ctx.module, first.start(), last.end())?;
    let mut doubt = ctx.overlap_doubt(members);
    if doubt.is_none() {
        doubt = steps[..steps.len() - 1]
            .iter()
            .find_map(|step| unpacking_doubt(ctx, step));
    }
    if doubt.is_none() {
        doubt = ctx.pragma_doubt(TextRange::new(first.start(), ctx.module.line_end(last.end())));
    }
    if let Some(parts) = parts {
        let other = parts.doubt(ctx, members)?;
        return match options.emission {
            Emission::Gather => parts::fix(ctx, &parts, doubt.or(other)),
            _ => Err("only a gather can take calls out of an expression".into()),
        };
    }
    match options.emission {
        Emission::Gather => emit::gather(ctx, steps, doubt),
        Emission::InOrder => emit::in_order(ctx, steps, doubt),
        Emission::TaskGroup if ctx.settings.target < PythonVersion::PY311 => {
            Err("asyncio.TaskGroup needs Python 3.11".into())
        }
        Emission::TaskGroup => {
            for step in steps {
                if !ctx.model.is_coroutine_function(&step.call.func) {
                    return Err(format!(
                        "nothing says that `{}` returns a coroutine, as a task needs",
                        ctx.model.slice(&*step.call.func)
                    )
                    .into());
                }
            }
            if !ctx.model.guards(ctx.model.id(first)).is_empty() {
                return Err("a handler around it would get an exception group instead of the exception".into());
            }
            ctx.callers_catch_groups(ctx.model.id(first))?;
            emit::task_group(ctx, steps, doubt)
        }
    }
}
