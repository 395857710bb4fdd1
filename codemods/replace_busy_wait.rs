//! `while not flag: await asyncio.sleep(x)` -> `await flag_event.wait()`, the event made beside the flag and set where the flag is.

use memchr::memmem;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion, Stmt, UnaryOp};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::{Context, Wanted};
use crate::draft::Draft;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance::line_start;
use crate::importer::Import;
use crate::layout::own_lines;
use crate::semantic::objects::{Slot, Store};
use crate::semantic::{NodeId, ScopeId};

/// Whether a call of `sleep` stands on the line of a `while` or directly below one.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    memmem::find_iter(text, b"sleep").any(|at| {
        let start = line_start(text, at);
        if memmem::find(&text[start..at], b"while").is_some() {
            return true;
        }
        let mut above = text[..start]
            .rsplit(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty() && !line.starts_with(b"#"));
        let is_while = |line: &[u8]| line.starts_with(b"while") || line.starts_with(b")");
        above.next().is_some_and(is_while) || above.next().is_some_and(|line| line.ends_with(b"\\"))
    })
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let waits: Vec<_> = ctx
        .model
        .calls_to("asyncio.sleep")
        .filter_map(|call| Some((busy_wait(ctx, call)?, call)))
        .collect();
    for &(wait, call) in &waits {
        let shown = ctx.model.slice(&*wait.test);
        let shown = if shown.contains('\n') { "its condition" } else { shown };
        let message = format!(
            "`while {shown}` looks again and again: an `asyncio.Event` wakes the task when it is time, and no later"
        );
        let result = match flag(ctx, &wait.test) {
            Some(flag) => rewrite(ctx, wait, flag, &waits),
            None => Err("its condition is not one flag".into()),
        };
        if is_for_a_person(ctx, wait, call) {
            acc.push_defect(wait.test.range(), message, result);
        } else {
            acc.push(wait.test.range(), message, result);
        }
    }
}

type Wait<'a> = (&'a ast::StmtWhile, &'a ast::ExprCall);

/// The loop of which the body is one `await asyncio.sleep(...)`.
fn busy_wait<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<&'a ast::StmtWhile> {
    let model = ctx.model;
    let (id, sleep) = model.statement_of(model.id(call))?;
    let id = model.parent(id);
    let AnyNodeRef::StmtWhile(stmt) = model.node(id) else {
        return None;
    };
    let is_sleep = matches!(sleep, Stmt::Expr(inner) if matches!(&*inner.value, Expr::Await(awaited) if awaited.value.range() == call.range()));
    let is_only = matches!(stmt.body.as_slice(), [only] if only.range() == sleep.range());
    // A loop without an end waits for its cancellation.
    let is_endless = stmt.test.is_literal_expr();
    (is_sleep && is_only && !is_endless).then_some(stmt)
}

/// The flag of `not flag`, `flag is False`, `flag is not True` or `flag == False`.
fn flag<'a>(ctx: &Context<'a>, test: &'a Expr) -> Option<&'a Expr> {
    let flag = match test {
        Expr::UnaryOp(unary) if unary.op == UnaryOp::Not => &*unary.operand,
        Expr::Compare(compare) => {
            let ([operator], [Expr::BooleanLiteral(other)]) = (&*compare.ops, &*compare.comparators) else {
                return None;
            };
            let is_false = match operator {
                ast::CmpOp::Is | ast::CmpOp::Eq => !other.value,
                ast::CmpOp::IsNot | ast::CmpOp::NotEq => other.value,
                _ => false,
            };
            is_false.then_some(&*compare.left)?
        }
        _ => return None,
    };
    (matches!(flag, Expr::Name(_) | Expr::Attribute(_)) && !ctx.model.imported_root(flag)).then_some(flag)
}

/// Whether the loop is wrong as it is: it spins without a pause, or waits for several flags or a limit of time that `asyncio` has
/// its own means for.
fn is_for_a_person(ctx: &Context, wait: &ast::StmtWhile, call: &ast::ExprCall) -> bool {
    let spins = call
        .arguments
        .find_argument_value("delay", 0)
        .is_some_and(|delay| ctx.model.number(delay) == Some(0.0));
    let is_flag = |part: &Expr| flag(ctx, part).is_some();
    let is_clock = |part: &Expr| {
        matches!(part, Expr::Compare(compare) if std::iter::once(&*compare.left).chain(&compare.comparators).any(|side| {
            let called = match side {
                Expr::Call(call) => Some(call),
                Expr::BinOp(binary) => binary.left.as_call_expr(),
                _ => None,
            };
            called.is_some_and(|call| {
                matches!(&*call.func, Expr::Attribute(method) if matches!(method.attr.as_str(), "time" | "monotonic" | "perf_counter"))
            })
        }))
    };
    let combines = match &*wait.test {
        Expr::BoolOp(parts) => {
            parts.values.iter().any(is_flag) && parts.values.iter().all(|part| is_flag(part) || is_clock(part))
        }
        _ => false,
    };
    spins || combines
}

fn rewrite<'a>(
    ctx: &Context<'a>,
    wait: &'a ast::StmtWhile,
    flag: &'a Expr,
    waits: &[Wait<'a>],
) -> Result<Fix, Declined> {
    let model = ctx.model;
    let shown = model.slice(flag);
    let line = |at: NodeId| ctx.module.location(model.node(at).start()).0;
    ctx.has_one_loop()?;
    may_go(ctx, wait)?;
    let slot = model
        .slot_of(flag)
        .ok_or_else(|| format!("what sets `{shown}` is not visible here"))?;
    if let Slot::Attribute(class, _) = slot
        && class
            .body
            .iter()
            .any(|stmt| ctx.model.slice(stmt).starts_with("__slots__"))
    {
        return Err("its class has `__slots__`".into());
    }
    if let Slot::Attribute(class, name) = slot
        && (!model.is_plain_attribute(class, name) || model.is_set_by_name(name))
    {
        return Err(format!("`{shown}` may be computed when it is read").into());
    }
    let mut first = None;
    let mut writers = Vec::new();
    for store in model.stores_in(slot) {
        let value = match store {
            Store::Value(value) => value,
            Store::Unknown(at) => return Err(format!("`{shown}` is set in another way in line {}", line(at)).into()),
            Store::Parameter(function, _) => {
                return Err(format!("`{shown}` is a parameter of `{}`", function.name).into());
            }
        };
        let id = model.id(value);
        match value {
            Expr::BooleanLiteral(literal) if literal.value => writers.push(id),
            Expr::BooleanLiteral(_) if first.is_none() => first = Some(id),
            Expr::BooleanLiteral(_) => return Err(format!("`{shown}` is reset in line {}", line(id)).into()),
            _ => return Err(format!("`{shown}` is computed in line {}", line(id)).into()),
        }
    }
    let first = first.ok_or_else(|| format!("where `{shown}` is made is not visible here"))?;
    if writers.is_empty() {
        return Err(format!("nothing in this file sets `{shown}`").into());
    }
    begins(ctx, slot, first)
        .map_err(|()| format!("line {} may reset `{shown}`, or runs for many objects", line(first)))?;
    for writer in &writers {
        if !model.runs_only_in_async(*writer) {
            return Err(format!(
                "line {} may run in a thread: an event that a thread sets does not wake the loop",
                line(*writer)
            )
            .into());
        }
    }
    if ctx.settings.target < PythonVersion::PY310 && !model.runs_only_in_async(first) {
        return Err("below Python 3.10 an event that is made before the loop runs belongs to another loop".into());
    }
    let elsewhere = match slot {
        Slot::Name(scope, name) if scope == ScopeId::MODULE => ctx.project.changes(name),
        Slot::Name(..) => None,
        Slot::Attribute(_, name) => ctx.project.sets(name),
    };
    if let Some(place) = elsewhere {
        return Err(format!("`{shown}` is set there too, which would tell the event nothing ({place})").into());
    }
    let doubt = match slot {
        Slot::Name(scope, _) if scope != ScopeId::MODULE => {
            format!("the task goes on at once when `{shown}` is set, no longer after the next look")
        }
        _ => format!("what sets `{shown}` in other files would have to set the event too"),
    };
    let (edits, import) = write(ctx, flag, waits, first, &writers)?;
    Ok(Fix::unsafe_because(doubt, edits).import(import))
}

/// Whether the flag begins as false here, once for each object or run: at the top level of the module, of the function that owns it, or
/// of `__init__`.
fn begins(ctx: &Context, slot: Slot, first: NodeId) -> Result<(), ()> {
    let model = ctx.model;
    let (stmt, _) = model.statement_of(first).ok_or(())?;
    let function = model.enclosing_function(first);
    let is_top = matches!(
        model.node(model.parent(stmt)),
        AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ModModule(_)
    );
    let is_own = match slot {
        Slot::Name(scope, _) => model.scope_of(stmt) == scope,
        Slot::Attribute(..) => function.is_some_and(|function| function.name.as_str() == "__init__"),
    };
    (is_top && is_own).then_some(()).ok_or(())
}

fn write<'a>(
    ctx: &Context<'a>,
    flag: &'a Expr,
    waits: &[Wait<'a>],
    first: NodeId,
    writers: &[NodeId],
) -> Result<(Vec<Edit>, Option<Import>), Declined> {
    let model = ctx.model;
    let module = ctx.module;
    let mut draft = Draft::new(ctx);
    let (_, event) = event_name(ctx, flag)?;
    let (class, import) = ctx.member("asyncio", "Event", first)?;
    for at in std::iter::once(first).chain(writers.iter().copied()) {
        let (_, stmt) = model.statement_of(at).ok_or("it is not set by a statement")?;
        let target = match stmt {
            Stmt::Assign(assign) => match assign.targets.as_slice() {
                [target @ (Expr::Name(_) | Expr::Attribute(_))] => target,
                _ => return Err("it is set together with other names".into()),
            },
            Stmt::AnnAssign(assign) => &*assign.target,
            _ => return Err("it is not set by a statement of its own".into()),
        };
        own_lines(module, stmt.start(), stmt.end())?;
        let beside = match target {
            Expr::Attribute(attribute) => format!("{}.{event}", model.slice(&*attribute.value)),
            _ => event.clone(),
        };
        let text = if at == first {
            format!("{beside} = {class}()")
        } else {
            format!("{beside}.set()")
        };
        let end = module.line_end(stmt.end());
        draft.line_below(TextRange::new(stmt.start(), end), text);
    }
    // All loops that wait for the flag, in one rewrite: the event has to be made once.
    let slot = model.slot_of(flag).ok_or("it is no flag")?;
    for (other, _) in waits {
        let its = self::flag(ctx, &other.test);
        if let Some(its) = its
            && model.slot_of(its).is_some_and(|its| model.same_slot(its, slot))
            && may_go(ctx, other).is_ok()
        {
            let (name, _) = event_name(ctx, its)?;
            draft.replace(other.range(), format!("await {name}.wait()"));
        }
    }
    Ok((draft.finish()?, import))
}

/// Whether a loop can be replaced by one statement.
fn may_go(ctx: &Context, wait: &ast::StmtWhile) -> Result<(), Declined> {
    if !wait.orelse.is_empty() {
        return Err("the loop has an `else`".into());
    }
    own_lines(ctx.module, wait.start(), wait.end())?;
    let lines = TextRange::new(wait.start(), ctx.module.line_end(wait.end()));
    if !ctx.module.comments_in(lines).is_empty() {
        return Err("a comment in the loop would be lost".into());
    }
    Ok(())
}

/// How the event is written beside the flag of the loop, and its own name.
fn event_name(ctx: &Context, flag: &Expr) -> Result<(String, String), Declined> {
    let model = ctx.model;
    match flag {
        Expr::Name(name) => {
            let event = format!("{}_event", name.id);
            let is_taken = model.bindings().iter().any(|binding| binding.name == event)
                || model.references_named(&event).next().is_some();
            if is_taken {
                return Err(format!("the name `{event}` is taken").into());
            }
            Ok((event.clone(), event))
        }
        Expr::Attribute(attribute) => {
            let event = format!("_{}_event", attribute.attr.trim_start_matches('_'));
            let is_taken = model
                .subtree(NodeId(0))
                .any(|(_, node)| matches!(node, AnyNodeRef::ExprAttribute(other) if other.attr.as_str() == event));
            if is_taken {
                return Err(format!("the name `{event}` is taken").into());
            }
            Ok((format!("{}.{event}", model.slice(&*attribute.value)), event))
        }
        _ => Err("it is no flag".into()),
    }
}
