//! One await per round of a loop or a comprehension -> one `asyncio.gather` of all of them.
//!
//! This file finds the loops and decides; `iterable` judges what they go over, `each` what else their rounds do, `made` finds coroutines that were
//! made before the loop, `emit` writes the result. What lets a call run beside itself
//! is in `crate::concurrency`, and the limit on how many do in `crate::bounded`.

mod each;
mod emit;
mod glance;
mod iterable;
mod made;

pub(super) use glance::glance;

use std::num::NonZeroU32;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, ExprRef, Stmt};
use ruff_text_size::{Ranged, TextRange};
use rustc_hash::FxHashSet;
use serde::Deserialize;

use crate::bounded::FreshNames;
use crate::codemod::Context;
use crate::concurrency::{FailureOrder, Member};
use crate::edit::{Applicability, Fix, all_doubts};
use crate::finding::{Declined, Findings};
use crate::semantic::place::Backend;
use crate::semantic::purity::Purity;
use crate::semantic::reaching::Definition;
use crate::semantic::types::Type;
use crate::semantic::{BindingKind, NodeId, ScopeId, ScopeKind};
use crate::source::SourceKind;

/// `[tool.asyncup.codemods.gather_awaits_in_loop]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    emission: Emission,
    /// How many calls run at once where it is not proven that they touch nothing outside.
    limit: NonZeroU32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            emission: Emission::Gather,
            limit: const { NonZeroU32::new(10).unwrap() },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Emission {
    Gather,
    TaskGroup,
}

/// One `for ... in ... if ...` around the call.
struct Clause<'a> {
    target: &'a Expr,
    iter: &'a Expr,
    ifs: &'a [Expr],
}

/// What becomes of the results.
enum Results<'a> {
    /// Nothing: `await f(x)`.
    Dropped,
    /// A name that gets a collection: `out = []` and `out.append(await f(x))`.
    Collected { start: &'a Stmt, collection: Collection },
    /// `total += await f(x)`
    Accumulated(&'a ast::StmtAugAssign),
    /// A comprehension that is such a collection.
    Comprehension(Collection),
    /// Each is used by the rest of its round.
    Used(each::Used<'a>),
    /// `[x for x in xs if await f(x)]`; negated or not.
    Filter {
        element: &'a Expr,
        /// Of a dictionary, whose `element` is the value.
        key: Option<&'a Expr>,
        collection: Collection,
        negated: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Collection {
    List,
    Set,
    /// With the loop variable as key.
    Dict,
}

/// A loop whose only work is to await one call.
struct Loop<'a> {
    /// The statement, or the one that the comprehension is part of.
    stmt: &'a Stmt,
    /// The `for` statement or the comprehension.
    range: TextRange,
    /// The comprehension.
    expr: Option<ExprRef<'a>>,
    call: &'a ast::ExprCall,
    clauses: Vec<Clause<'a>>,
    results: Results<'a>,
    /// The list that holds the coroutines, where they are made before the loop.
    made: Option<&'a ast::ExprName>,
}

impl<'a> Loop<'a> {
    /// The name that is bound when all calls have ended and was bound before the first.
    fn target(&self) -> Option<&'a ast::ExprName> {
        let target = match &self.results {
            Results::Collected { start, .. } => match start {
                Stmt::Assign(assign) => assign.targets.first()?,
                Stmt::AnnAssign(assign) => &assign.target,
                _ => return None,
            },
            Results::Accumulated(assign) => &assign.target,
            _ => return None,
        };
        target.as_name_expr()
    }

    fn first_stmt(&self) -> &'a Stmt {
        match self.results {
            Results::Collected { start, .. } => start,
            _ => self.stmt,
        }
    }
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    if !matches!(ctx.model.backend(), Backend::Asyncio) {
        return;
    }
    let options: Options = ctx.options();
    let mut names = FreshNames::default();
    let mut seen: FxHashSet<NodeId> = FxHashSet::default();
    for awaited in ctx.model.awaits() {
        let id = ctx.model.id(awaited);
        let Some(around) = innermost(ctx, id) else { continue };
        if !runs_in_coroutine(ctx, id) || !seen.insert(around) || made::are_tasks(ctx, around, awaited) {
            continue;
        }
        let found = recognise(ctx, around, awaited);
        let range = match &found {
            Ok(found) => TextRange::new(found.first_stmt().start().min(found.range.start()), found.range.end()),
            Err(_) => ctx.model.node(around).range(),
        };
        let call = found.as_ref().ok().map(|found| found.call);
        let result = found.and_then(|found| rewrite(ctx, &options, &found, &mut names));
        let is_proven = result
            .as_ref()
            .is_ok_and(|fix| fix.applicability == Applicability::Safe);
        let proof = call.filter(|_| is_proven).map(|call| ctx.proof(&[call]));
        acc.push(
            range,
            format!(
                "each round of a loop waits for its own call before the next one starts{}",
                proof.unwrap_or_default()
            ),
            result,
        );
    }
}

/// The innermost loop or comprehension that runs an await once per round.
fn innermost(ctx: &Context, awaited: NodeId) -> Option<NodeId> {
    let mut inner = awaited;
    for (id, node) in ctx.model.ancestors(awaited) {
        match node {
            AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::StmtClassDef(_) | AnyNodeRef::ExprLambda(_) => return None,
            AnyNodeRef::ExprListComp(_)
            | AnyNodeRef::ExprSetComp(_)
            | AnyNodeRef::ExprDictComp(_)
            | AnyNodeRef::ExprGenerator(_) => {
                // The first iterable is evaluated once.
                let clause = ctx.model.node(inner);
                let is_first_iterable = match clause {
                    AnyNodeRef::Comprehension(clause) => {
                        ctx.model.scope_of(awaited) == ctx.model.scope_of(id)
                            && clause.iter.range().contains_range(ctx.model.node(awaited).range())
                    }
                    _ => false,
                };
                if !is_first_iterable {
                    return Some(id);
                }
            }
            AnyNodeRef::StmtFor(stmt) => {
                return stmt
                    .body
                    .iter()
                    .any(|stmt| ctx.model.contains(ctx.model.id(stmt), inner))
                    .then_some(id);
            }
            AnyNodeRef::StmtWhile(_) => return None,
            _ => {}
        }
        inner = id;
    }
    None
}

fn runs_in_coroutine(ctx: &Context, id: NodeId) -> bool {
    match ctx.model.enclosing_function(id) {
        Some(function) => function.is_async,
        None => ctx.module.kind() == SourceKind::Notebook,
    }
}

/// The shape of a loop, or why it is none of those that are known.
fn recognise<'a>(ctx: &Context<'a>, around: NodeId, awaited: &'a ast::ExprAwait) -> Result<Loop<'a>, Declined> {
    let node = ctx.model.node(around);
    if let AnyNodeRef::StmtFor(stmt) = node {
        return recognise_for(ctx, around, stmt);
    }
    let made = made::coroutines(ctx, around, awaited);
    let call = match &made {
        Some(made) => made.call,
        None => called(awaited)?,
    };
    let (_, stmt) = ctx.model.statement_of(around).ok_or("it is not part of a statement")?;
    let is_it = |expr: &Expr| expr.range() == awaited.range();
    let (generators, element, key) = match node {
        AnyNodeRef::ExprListComp(comp) => (&comp.generators, &*comp.elt, None),
        AnyNodeRef::ExprSetComp(comp) => (&comp.generators, &*comp.elt, None),
        AnyNodeRef::ExprDictComp(comp) => (&comp.generators, &*comp.value, comp.key.as_deref()),
        _ => return Err("a generator expression with an await is an asynchronous generator, not a list".into()),
    };
    let results = if is_it(element) {
        Results::Comprehension(match (node, key) {
            (AnyNodeRef::ExprListComp(_), _) => Collection::List,
            (AnyNodeRef::ExprSetComp(_), _) => Collection::Set,
            (_, Some(key)) if is_key(&generators[0], key) => Collection::Dict,
            _ => return Err("the keys are not the values of the loop's variable".into()),
        })
    } else {
        let [ast::Comprehension { ifs, .. }] = generators.as_slice() else {
            return Err("the await is only a part of what is done for each value".into());
        };
        let negated = match ifs.as_slice() {
            [condition] if is_it(condition) => false,
            [Expr::UnaryOp(not)] if not.op == ast::UnaryOp::Not && is_it(&not.operand) => true,
            _ => return Err("the await is only a part of what is done for each value".into()),
        };
        Results::Filter {
            element,
            key,
            collection: match node {
                AnyNodeRef::ExprListComp(_) => Collection::List,
                AnyNodeRef::ExprSetComp(_) => Collection::Set,
                _ => Collection::Dict,
            },
            negated,
        }
    };
    if generators.iter().any(|generator| generator.is_async) {
        return Err("it goes over an asynchronous iterator, which gives its values one by one".into());
    }
    if made.is_some()
        && (generators.len() > 1
            || !generators[0].ifs.is_empty()
            || !matches!(results, Results::Comprehension(Collection::List | Collection::Set)))
    {
        return Err("not every coroutine of the list is awaited where it stands".into());
    }
    let clauses = generators.iter().map(|generator| Clause {
        target: &generator.target,
        iter: &generator.iter,
        ifs: match results {
            Results::Filter { .. } => &[],
            _ => &generator.ifs,
        },
    });
    Ok(Loop {
        stmt,
        range: node.range(),
        expr: node.as_expr_ref(),
        call,
        clauses: match made {
            Some(_) => Vec::new(),
            None => clauses.collect(),
        },
        results,
        made: made.map(|made| made.list),
    })
}

/// `{x: ... for x in xs}`
fn is_key(generator: &ast::Comprehension, key: &Expr) -> bool {
    matches!((&generator.target, key), (Expr::Name(target), Expr::Name(key)) if target.id == key.id)
}

fn called(awaited: &ast::ExprAwait) -> Result<&ast::ExprCall, Declined> {
    match &*awaited.value {
        Expr::Call(call) => Ok(call),
        _ => Err("what is awaited is made elsewhere".into()),
    }
}

fn recognise_for<'a>(ctx: &Context<'a>, id: NodeId, stmt: &'a ast::StmtFor) -> Result<Loop<'a>, Declined> {
    if stmt.is_async {
        return Err("it goes over an asynchronous iterator, which gives its values one by one".into());
    }
    if !stmt.orelse.is_empty() {
        return Err("the loop has an `else`: it looks for a first match".into());
    }
    let (_, whole) = ctx.model.statement_of(id).ok_or("it is not part of a statement")?;
    // `if x: out.append(await f(x))` is a condition of the comprehension.
    let (inner, ifs) = match stmt.body.as_slice() {
        [Stmt::If(choice)] if choice.elif_else_clauses.is_empty() && !has_await(ctx, &choice.test) => {
            (choice.body.as_slice(), std::slice::from_ref(&*choice.test))
        }
        body => (body, [].as_slice()),
    };
    let made = match inner {
        [body] if ifs.is_empty() => sole_await(ctx, body).and_then(|awaited| made::coroutines(ctx, id, awaited)),
        _ => None,
    };
    let (call, results, ifs) = match alone(ctx, id, stmt, inner, made.as_ref())? {
        Some((call, results)) => (call, results, ifs),
        None => {
            let (call, results) = each::recognise(ctx, id, stmt).unwrap_or_else(|| Err(more_than_a_call(ctx, id)))?;
            (call, results, [].as_slice())
        }
    };
    Ok(Loop {
        stmt: whole,
        range: stmt.range(),
        expr: None,
        call,
        clauses: match made {
            Some(_) => Vec::new(),
            None => vec![Clause {
                target: &stmt.target,
                iter: &stmt.iter,
                ifs,
            }],
        },
        results,
        made: made.map(|made| made.list),
    })
}

fn has_await(ctx: &Context, expr: &Expr) -> bool {
    let mut nodes = ctx.model.subtree(ctx.model.id(expr));
    nodes.any(|(_, node)| node.is_expr_await())
}

/// The only await of a statement.
fn sole_await<'a>(ctx: &Context<'a>, stmt: &'a Stmt) -> Option<&'a ast::ExprAwait> {
    let mut awaits = ctx
        .model
        .subtree(ctx.model.id(stmt))
        .filter_map(|(_, node)| match node {
            AnyNodeRef::ExprAwait(awaited) => Some(awaited),
            _ => None,
        });
    awaits.next().filter(|_| awaits.next().is_none())
}

/// A body that does nothing but to await one call, and what becomes of the result; `None` when it does more.
fn alone<'a>(
    ctx: &Context<'a>,
    id: NodeId,
    stmt: &'a ast::StmtFor,
    body: &'a [Stmt],
    made: Option<&made::Made<'a>>,
) -> Result<Option<(&'a ast::ExprCall, Results<'a>)>, Declined> {
    // `value = await f(x)` and `out.append(value)` are `out.append(await f(x))`, where nothing else reads `value`.
    let (body, passed) = match body {
        [body] => (body, None),
        [first, body] => match each::bound(ctx, stmt, first) {
            Some(passed) => (body, Some(passed)),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let awaited_by = |value: &'a Expr| match (value, passed) {
        (Expr::Await(_), None) if let Some(made) = made => Ok(Some(made.call)),
        (Expr::Await(awaited), None) => called(awaited).map(Some),
        (Expr::Name(name), Some((bound, awaited))) if name.id == bound.id => called(awaited).map(Some),
        _ => Ok(None),
    };
    let found = match body {
        Stmt::Expr(expr) => match &*expr.value {
            Expr::Await(_) if passed.is_none() => awaited_by(&expr.value)?.map(|call| (call, Results::Dropped)),
            Expr::Call(method) => {
                let (Expr::Attribute(attribute), [value]) = (&*method.func, &*method.arguments.args) else {
                    return Ok(None);
                };
                let collection = match attribute.attr.as_str() {
                    "append" => Collection::List,
                    "add" => Collection::Set,
                    _ => return Ok(None),
                };
                let Some(call) = awaited_by(value)?.filter(|_| method.arguments.keywords.is_empty()) else {
                    return Ok(None);
                };
                let Expr::Name(out) = &*attribute.value else {
                    return Err("what collects the results can be seen by other code while it grows".into());
                };
                let start = started(ctx, id, out, collection)?;
                Some((call, Results::Collected { start, collection }))
            }
            _ => None,
        },
        Stmt::AugAssign(assign) if assign.target.is_name_expr() => awaited_by(&assign.value)?
            .filter(|_| passed.is_none())
            .map(|call| (call, Results::Accumulated(assign))),
        Stmt::AugAssign(assign) if assign.value.is_await_expr() => {
            return Err("the target is read before the await, and other code can see it: updates would be lost".into());
        }
        Stmt::Assign(assign) => match assign.targets.as_slice() {
            [Expr::Subscript(item)] => {
                let Some(call) = awaited_by(&assign.value)? else {
                    return Ok(None);
                };
                let (Expr::Name(out), Expr::Name(key), Expr::Name(target)) =
                    (&*item.value, &*item.slice, &*stmt.target)
                else {
                    return Err("the keys are not the values of the loop's variable".into());
                };
                if key.id != target.id {
                    return Err("the keys are not the values of the loop's variable".into());
                }
                let start = started(ctx, id, out, Collection::Dict)?;
                let collection = Collection::Dict;
                Some((call, Results::Collected { start, collection }))
            }
            _ if passed.is_none() => return Err("what one round binds, the next one may read".into()),
            _ => None,
        },
        _ => None,
    };
    Ok(found)
}

/// Why a body is more than one call, in the words of what such loops usually are.
fn more_than_a_call(ctx: &Context, id: NodeId) -> Declined {
    let nodes = || ctx.model.subtree(id).map(|(_, node)| node);
    let reason = if nodes().any(|node| node.is_stmt_try()) {
        "the body handles failures: rounds may be attempts"
    } else if nodes().any(|node| node.is_stmt_break() || node.is_stmt_return()) {
        "the loop can end early: it looks for a first match"
    } else {
        "the body does more than await one call"
    };
    reason.into()
}

/// The statement directly before a loop that makes a collection, empty.
fn started<'a>(
    ctx: &Context<'a>,
    id: NodeId,
    out: &ast::ExprName,
    collection: Collection,
) -> Result<&'a Stmt, Declined> {
    let missing = || Declined(format!("`{}` is not made empty directly before the loop", out.id));
    let (block, index) = ctx.model.block_of(id).ok_or_else(missing)?;
    let start = block[..index].last().ok_or_else(missing)?;
    let (target, value) = match start {
        Stmt::Assign(assign) => match assign.targets.as_slice() {
            [target] => (target, &*assign.value),
            _ => return Err(missing()),
        },
        Stmt::AnnAssign(assign) => (&*assign.target, assign.value.as_deref().ok_or_else(missing)?),
        _ => return Err(missing()),
    };
    let is_made_by = |name: &str| match value {
        Expr::Call(call) => ctx.model.is_builtin(&call.func, name) && call.arguments.is_empty(),
        _ => false,
    };
    let is_empty = match collection {
        Collection::List => matches!(value, Expr::List(list) if list.elts.is_empty()) || is_made_by("list"),
        Collection::Set => is_made_by("set"),
        Collection::Dict => matches!(value, Expr::Dict(dict) if dict.items.is_empty()) || is_made_by("dict"),
    };
    match target {
        Expr::Name(name) if name.id == out.id && is_empty => Ok(start),
        _ => Err(missing()),
    }
}

fn rewrite<'a>(
    ctx: &Context<'a>,
    options: &Options,
    found: &Loop<'a>,
    names: &mut FreshNames,
) -> Result<Fix, Declined> {
    let member = ctx.concurrent_member(found.call, FailureOrder::Time)?;
    ctx.may_overlap(&member, &member)?;
    let (first, target) = (found.first_stmt(), found.target());
    let targets: Vec<&str> = target.iter().map(|target| target.id.as_str()).collect();
    ctx.place_allows_overlap(first, found.stmt, &targets, FailureOrder::Time)?;
    let mut doubts = vec![ctx.overlap_doubt(&[&member, &member])];
    doubts.push(check_iterables(ctx, found, &member)?);
    check_variables(ctx, found)?;
    doubts.push(check_conditions(ctx, found)?);
    let used = match &found.results {
        Results::Used(used) => Some(each::check(ctx, found, used)?),
        _ => None,
    };
    if let Some(target) = target {
        doubts.push(check_target(ctx, found, target, &member)?);
    }
    doubts.push(ctx.pragma_doubt(TextRange::new(first.start(), ctx.module.line_end(found.range.end()))));
    let doubt = doubts.into_iter().flatten().next();
    let doubt = all_doubts(doubt.as_deref().into_iter().chain(used.as_deref()));
    if let (Results::Dropped, Some(doubt)) = (&found.results, &doubt) {
        return Err(
            format!("the results are dropped, so that the calls are made for what they do, and {doubt}").into(),
        );
    }
    emit::emit(ctx, options, found, doubt, names)
}

/// Everything the loop goes over is taken before the first call runs, and stays as it is.
fn check_iterables<'a>(ctx: &Context<'a>, found: &Loop<'a>, member: &Member<'a>) -> Result<Option<String>, Declined> {
    let mut doubt = (found.clauses.len() > 1).then(|| "the number of calls is a product of two".to_owned());
    let twice = match found.results {
        Results::Collected { collection, .. } | Results::Comprehension(collection) => collection == Collection::Dict,
        Results::Filter { .. } => true,
        Results::Used(ref used) => used.needs_variables,
        _ => false,
    };
    if twice && found.clauses.len() > 1 {
        return Err("the values of two loops would have to be kept beside their results".into());
    }
    for clause in &found.clauses {
        let judged = iterable::judge(ctx, clause.iter)?;
        if twice && !(judged.again && judged.doubt.is_none()) {
            let written = crate::module::one_line(ctx.model.slice(clause.iter));
            return Err(format!("`{written}` would be gone over twice, and nothing says that it is a list").into());
        }
        if twice && !clause.ifs.is_empty() {
            return Err("the conditions would have to be tested twice".into());
        }
        let reads = ctx.model.effects_of_expr(clause.iter, ctx.settings);
        if member.effects.conflict(&reads).is_some() {
            return Err("the calls may change what the loop goes over".into());
        }
        if member.effects.unknown.is_some()
            && let Some(name) = shared_name(ctx, clause.iter, found)
        {
            return Err(format!("the calls get `{name}`, which the loop goes over, and may change it").into());
        }
        doubt = doubt.or(judged.doubt);
    }
    Ok(doubt)
}

/// A variable of the function that both the iterable and the call mention.
fn shared_name<'a>(ctx: &Context<'a>, iter: &Expr, found: &Loop<'a>) -> Option<&'a str> {
    let call = ctx.model.id(found.call);
    let references = ctx.model.references_in(ctx.model.id(iter)).iter();
    references
        .map(|reference| reference.name.id.as_str())
        .find(|name| ctx.mentions(call, name) && *name != "self")
}

/// The variables of a `for` statement live on after it, those of a comprehension do not.
fn check_variables<'a>(ctx: &Context<'a>, found: &Loop<'a>) -> Result<(), Declined> {
    let own = match found.stmt {
        Stmt::For(stmt) if found.made.is_some() => Some(&*stmt.target),
        _ => None,
    };
    for target in found.clauses.iter().map(|clause| clause.target).chain(own) {
        let variables = ctx
            .loop_variables(target)
            .ok_or("the loop binds something else than names")?;
        let Stmt::For(stmt) = found.stmt else { continue };
        if stmt.range() != found.range {
            continue;
        }
        for variable in variables {
            let lives_on = match ctx.model.enclosing_function(ctx.model.id(stmt)) {
                Some(function) => {
                    let reads = ctx.model.reads_of_local(function, variable);
                    let bound = ctx.model.bindings_within(ctx.model.id(&*stmt.target));
                    let sees = |definitions: &std::collections::BTreeSet<Definition>| {
                        bound
                            .iter()
                            .any(|binding| definitions.contains(&Definition::At(binding.node)))
                    };
                    reads.is_none_or(|reads| {
                        reads
                            .iter()
                            .any(|(read, seen)| !ctx.model.contains(ctx.model.id(stmt), *read) && sees(seen))
                    })
                }
                None => ctx.model.references_named(variable).any(|reference| {
                    !ctx.model.contains(ctx.model.id(stmt), reference.node)
                        && matches!(
                            ctx.model.lookup(variable, reference.scope),
                            crate::semantic::names::Lookup::Scope(ScopeId::MODULE)
                        )
                }),
            };
            if lives_on {
                return Err(format!("`{variable}` may be read after the loop, and would not be bound").into());
            }
        }
    }
    Ok(())
}

/// Conditions and elements of a comprehension are now evaluated before the first call, or after the last.
fn check_conditions(ctx: &Context, found: &Loop) -> Result<Option<String>, Declined> {
    let mut doubt = None;
    let conditions = found.clauses.iter().flat_map(|clause| clause.ifs);
    let (element, key) = match found.results {
        Results::Filter { element, key, .. } => (Some(element), key),
        _ => (None, None),
    };
    for expr in conditions.chain(key).chain(element) {
        let written = || crate::module::one_line(ctx.model.slice(expr));
        match ctx.model.purity(expr) {
            Purity::Effectful | Purity::Inert => {
                return Err(format!(
                    "`{}` may have an effect, and is now evaluated apart from the calls",
                    written()
                )
                .into());
            }
            _ if is_plain_test(expr) => {}
            _ => {
                doubt.get_or_insert_with(|| format!("`{}` is now evaluated apart from the calls", written()));
            }
        }
    }
    Ok(doubt)
}

/// Comparisons of names and constants, which in practice run nobody's code.
fn is_plain_test(expr: &Expr) -> bool {
    match expr {
        Expr::Name(_) => true,
        Expr::Compare(compare) => is_plain_test(&compare.left) && compare.comparators.iter().all(is_plain_test),
        Expr::BoolOp(inner) => inner.values.iter().all(is_plain_test),
        Expr::UnaryOp(inner) => is_plain_test(&inner.operand),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_plain_test),
        _ => expr.is_literal_expr(),
    }
}

/// What collects the results is seen by nobody while it grows.
fn check_target<'a>(
    ctx: &Context<'a>,
    found: &Loop<'a>,
    target: &'a ast::ExprName,
    member: &Member<'a>,
) -> Result<Option<String>, Declined> {
    let model = ctx.model;
    let scope = model.scope_of(model.id(target));
    let is_local = matches!(model.scope(scope).kind, ScopeKind::Function(_))
        || (scope == ScopeId::MODULE && ctx.module.kind() == SourceKind::Notebook);
    let owned = model
        .bindings_in(scope, &target.id)
        .any(|binding| binding.range == target.range());
    if !is_local || !owned {
        return Err(format!("`{}` can be seen by other code while it grows", target.id).into());
    }
    let name = target.id.as_str();
    let mentioned = found
        .clauses
        .iter()
        .flat_map(|clause| std::iter::once(clause.iter).chain(clause.ifs))
        .map(|expr| model.id(expr))
        .chain([model.id(found.call)])
        .any(|id| ctx.mentions(id, name));
    if mentioned {
        return Err(format!("`{name}` is read by the loop while it grows").into());
    }
    ctx.target_is_unseen(name, scope, member)?;
    if model.is_captured(name, scope) {
        return Err(format!("`{name}` is seen by a nested function while it grows").into());
    }
    let Results::Accumulated(_) = found.results else {
        return Ok(None);
    };
    if !model.is_definitely_bound(target) {
        return Err(format!("`{name}` may not be bound yet").into());
    }
    let is_value = model
        .bindings_in(scope, name)
        .filter(|binding| !matches!(binding.kind, BindingKind::AugAssignment))
        .all(|binding| matches!(model.type_of_binding(binding), Type::Scalar(_)));
    Ok((!is_value).then(|| format!("other code may see `{name}` grow")))
}
