//! `threading.Lock` and its like in code of one event loop -> asyncio's own; a report where threads may use them too.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::edit::{self, Applicability, Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::importer::{Definition, Import};
use crate::one_loop::Use;
use crate::project::joint::{Defined, Shared, Used};
use crate::semantic::objects::{Object, Slot};
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{NodeId, ScopeId};

struct Primitive {
    class: &'static str,
    /// In asyncio; `None` when it has none.
    name: Option<&'static str>,
    /// Methods that never wait.
    plain: &'static [&'static str],
    /// Methods that wait.
    waiting: &'static [&'static str],
}

const LOCK: &[&str] = &["acquire"];

const PRIMITIVES: &[Primitive] = &[
    Primitive {
        class: "threading.Lock",
        name: Some("Lock"),
        plain: &["release", "locked"],
        waiting: LOCK,
    },
    Primitive {
        class: "threading.RLock",
        name: None,
        plain: &["release"],
        waiting: LOCK,
    },
    Primitive {
        class: "threading.Semaphore",
        name: Some("Semaphore"),
        plain: &["release"],
        waiting: LOCK,
    },
    Primitive {
        class: "threading.BoundedSemaphore",
        name: Some("BoundedSemaphore"),
        plain: &["release"],
        waiting: LOCK,
    },
    Primitive {
        class: "threading.Condition",
        name: Some("Condition"),
        plain: &["release", "notify", "notify_all"],
        waiting: &["acquire", "wait", "wait_for"],
    },
    Primitive {
        class: "threading.Event",
        name: Some("Event"),
        plain: &["set", "clear", "is_set"],
        waiting: &["wait"],
    },
];

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let mut known: Vec<NodeId> = Vec::new();
    for primitive in PRIMITIVES {
        for call in ctx.makers(primitive.class) {
            let object = ctx.model.object_made_by(call);
            // One object that is made at several places is one finding.
            let is_first = !object.origins.iter().any(|origin| origin.start() < call.start());
            known.extend(&object.reads);
            if !is_first {
                continue;
            }
            if let Some(site) = site(ctx, primitive, &object) {
                let result = match shared(ctx, &object) {
                    Some(Shared {
                        verdict: Err(reason), ..
                    }) => Err(reason.as_str().into()),
                    _ => rewrite(ctx, primitive, &object),
                };
                match (site.kind, result) {
                    // Without an await under it nobody ever waits for the lock.
                    (Kind::Sleeps, Err(_)) => {}
                    (_, result) => acc.push_defect(site.range, message(ctx, primitive, &site), result),
                }
            } else if let Some(shared) = shared(ctx, &object)
                && shared.verdict.is_ok()
            {
                acc.push_defect(
                    call,
                    elsewhere_held(primitive, shared),
                    rewrite(ctx, primitive, &object),
                );
            }
        }
    }
    for (path, shared) in ctx.shared_elsewhere(|kind| primitive_of(kind).is_some()) {
        let (Some(primitive), Some(object)) = (primitive_of(&shared.kind), imported(ctx, path)) else {
            continue;
        };
        known.extend(&object.reads);
        let site = site(ctx, primitive, &object);
        let message = match &site {
            Some(site) => message(ctx, primitive, site),
            None => elsewhere_held(primitive, shared),
        };
        match &shared.verdict {
            Ok(_) => {
                let change = change_along(ctx, primitive, &object, shared);
                if change.as_ref().is_ok_and(|fix| fix.edits.is_empty()) {
                    continue;
                }
                let at = site.map_or_else(|| ctx.model.node(object.reads[0]).range(), |site| site.range);
                acc.push_defect(at, message, change);
            }
            Err(reason) => {
                if let Some(site) = site {
                    acc.push_defect(
                        site.range,
                        message,
                        Err(format!("{reason} (it is made at {})", shared.place).into()),
                    );
                }
            }
        }
    }
    unseen(ctx, &known, acc);
}

fn primitive_of(class: &str) -> Option<&'static Primitive> {
    PRIMITIVES.iter().find(|primitive| primitive.class == class)
}

/// What becomes of an object that other files use as well.
fn shared<'c>(ctx: &'c Context, object: &Object) -> Option<&'c Shared> {
    object.slots.iter().find_map(|slot| match slot {
        Slot::Name(ScopeId::MODULE, name) => ctx.shared(name),
        _ => None,
    })
}

/// The objects of the module that other files could import.
pub(crate) fn defined(ctx: &Context) -> Vec<Defined> {
    let mut defined = Vec::new();
    for primitive in PRIMITIVES {
        for call in ctx.model.calls_to(primitive.class) {
            let object = ctx.model.object_made_by(call);
            let names = object.slots.iter().filter_map(|slot| match slot {
                Slot::Name(ScopeId::MODULE, name) => Some((*name).to_owned()),
                _ => None,
            });
            for name in names {
                defined.push(Defined {
                    name,
                    kind: primitive.class.to_owned(),
                    line: ctx.module.location(call.start()).0,
                    verdict: rewrite(ctx, primitive, &object)
                        .map(drop)
                        .map_err(|Declined(reason)| reason),
                    is_defect: site(ctx, primitive, &object).is_some_and(|site| site.kind != Kind::Sleeps),
                });
            }
        }
    }
    defined
}

/// What becomes of the uses of such an object in another file.
pub(crate) fn used(ctx: &Context, path: &str, kind: &str) -> Option<Used> {
    let (primitive, object) = (primitive_of(kind)?, imported(ctx, path)?);
    let site = site(ctx, primitive, &object).filter(|site| site.kind != Kind::Sleeps);
    Some(Used {
        path: path.to_owned(),
        verdict: uses_changed(ctx, primitive, &object)
            .map(|fix| !fix.edits.is_empty())
            .map_err(|Declined(reason)| reason),
        defect: site.map(|site| ctx.module.location(site.range.start()).0),
    })
}

/// An object that the module imports, followed from where it is read. `None`: it reads none, or waits for it as for one of asyncio.
fn imported<'a>(ctx: &Context<'a>, path: &str) -> Option<Object<'a>> {
    let mut all = Object::default();
    for (read, _) in ctx.model.uses_of(&[path]) {
        let object = ctx.model.object_from(read);
        all.reads.push(read);
        all.reads.extend(object.reads);
        all.slots.extend(object.slots);
        all.escape = all.escape.or(object.escape);
    }
    // What is stored in its place is another object.
    let name = path.rsplit('.').next()?;
    if let Some(store) = ctx
        .model
        .stores_of(name)
        .find(|store| ctx.model.imported_root(&store.value))
    {
        let (line, _) = ctx.module.location(store.start());
        all.escape = Some(format!("`{}` is replaced in line {line}", ctx.model.slice(store)));
    }
    all.reads.sort_unstable();
    all.reads.dedup();
    let is_awaited = |read: &NodeId| match ctx.use_of(*read) {
        Use::With(with) => with.is_async,
        Use::Call(_, call) => ctx.model.node(ctx.model.parent(ctx.model.id(call))).is_expr_await(),
        _ => false,
    };
    (!all.reads.is_empty() && !all.reads.iter().any(is_awaited)).then_some(all)
}

/// The change of a file that uses an object which another one makes.
fn change_along<'a>(
    ctx: &Context<'a>,
    primitive: &Primitive,
    object: &Object<'a>,
    shared: &Shared,
) -> Result<Fix, Declined> {
    let mut fix = uses_changed(ctx, primitive, object)?;
    let doubt = format!(
        "threads that other files start may use what is made at {} as well",
        shared.place
    );
    fix.reason = edit::all_doubts([doubt.as_str()].into_iter().chain(fix.reason.as_deref()));
    fix.applicability = Applicability::Unsafe;
    Ok(fix.first())
}

fn elsewhere_held(primitive: &Primitive, shared: &Shared) -> String {
    format!(
        "a `{}` that tasks wait for, or hold while they wait ({}), blocks the event loop",
        primitive.class, shared.defect
    )
}

/// Where the loop is stopped.
struct Site {
    range: TextRange,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A lock is held while its task awaits.
    Held,
    /// A lock is held over a call that blocks, which another codemod would turn into an await.
    Sleeps,
    /// The call waits for another task.
    Waits,
}

fn site<'a>(ctx: &Context<'a>, primitive: &Primitive, object: &Object<'a>) -> Option<Site> {
    let mut sleeps = None;
    for read in object
        .reads
        .iter()
        .copied()
        .filter(|read| ctx.model.runs_in_async(*read))
    {
        let range = ctx.model.node(read).range();
        match ctx.use_of(read) {
            Use::With(with) if primitive.waiting.contains(&"acquire") && !with.is_async => {
                if with.body.iter().any(|stmt| ctx.model.first_wait(stmt).is_some()) {
                    return Some(Site {
                        range,
                        kind: Kind::Held,
                    });
                }
                if sleeps.is_none() && with.body.iter().any(|stmt| sleeps_within(ctx, stmt.range())) {
                    sleeps = Some(Site {
                        range,
                        kind: Kind::Sleeps,
                    });
                }
            }
            Use::Call(method, call) => match method.attr.as_str() {
                "wait" | "wait_for" if primitive.waiting.contains(&method.attr.as_str()) && !is_poll(call) => {
                    return Some(Site {
                        range: call.range(),
                        kind: Kind::Waits,
                    });
                }
                "acquire" if call.arguments.is_empty() => {
                    let Some(held) = held_after(ctx, method, call) else {
                        continue;
                    };
                    let is_held = |awaited: &ast::ExprAwait| held.contains_range(awaited.range());
                    if ctx.model.awaits().any(is_held) {
                        return Some(Site {
                            range: call.range(),
                            kind: Kind::Held,
                        });
                    }
                    if sleeps.is_none() && sleeps_within(ctx, held) {
                        sleeps = Some(Site {
                            range: call.range(),
                            kind: Kind::Sleeps,
                        });
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
    sleeps
}

/// `event.wait(0)` only looks.
fn is_poll(call: &ast::ExprCall) -> bool {
    let timeout = call.arguments.find_argument_value("timeout", 0);
    matches!(timeout, Some(Expr::NumberLiteral(number)) if matches!(&number.value, ast::Number::Int(int) if int.as_u64() == Some(0)))
}

/// Whether a call stands in a range for which another codemod puts an await.
fn sleeps_within(ctx: &Context, range: TextRange) -> bool {
    let model = ctx.model;
    model
        .calls_to("time.sleep")
        .any(|call| range.contains_range(call.range()) && model.runs_in_async(model.id(call)))
}

/// What stands between a call of `acquire` and the next `release` of the same function.
fn held_after(ctx: &Context, method: &ast::ExprAttribute, acquire: &ast::ExprCall) -> Option<TextRange> {
    let model = ctx.model;
    let lock = model.slice(&*method.value);
    let function = model.enclosing_function(model.id(acquire))?;
    let release = model.calls().find(|call| {
        let is_release = matches!(&*call.func, Expr::Attribute(found) if found.attr.as_str() == "release" && model.slice(&*found.value) == lock);
        is_release && acquire.end() <= call.start() && call.end() <= function.end()
    })?;
    Some(TextRange::new(acquire.end(), release.start()))
}

fn message(ctx: &Context, primitive: &Primitive, site: &Site) -> String {
    let shown = ctx.module.slice(site.range);
    let class = primitive.class;
    match (site.kind, class) {
        (Kind::Waits, _) => {
            format!(
                "`{shown}` of a `{class}` blocks the event loop: every other task waits, the one that would end the wait among them"
            )
        }
        (_, "threading.RLock") => {
            format!(
                "`{shown}`, a `{class}`, is held across an await: all tasks run in one thread, so that it excludes none of them"
            )
        }
        (Kind::Held, _) => {
            format!(
                "`{shown}`, a `{class}`, is held across an await: the second task that wants it blocks the event loop for ever"
            )
        }
        (Kind::Sleeps, _) => format!("`{shown}`, a `{class}`, is held while the event loop is blocked"),
    }
}

fn rewrite<'a>(ctx: &Context<'a>, primitive: &Primitive, object: &Object<'a>) -> Result<Fix, Declined> {
    let model = ctx.model;
    let name = primitive.name.ok_or(
        "asyncio has no lock that its holder may take again. If none does, an `asyncio.Lock` is right; the order of the tasks changes then",
    )?;
    let mut doubt = ctx.is_of_one_loop(object)?;
    let others = shared(ctx, object)
        .and_then(|shared| shared.verdict.as_deref().ok())
        .unwrap_or_default();
    if !others.is_empty() {
        doubt = format!(
            "it changes together with {}, and the threads that other files start may use it as well",
            others.join(", ")
        );
    }
    let mut fix = Fix::unsafe_because(doubt, Vec::new());
    for origin in &object.origins {
        let Expr::Call(call) = origin else { continue };
        let Some(maker) = ctx.maker(call, primitive.class) else {
            let (line, _) = ctx.module.location(call.start());
            return Err(format!("it is made in another way in line {line}").into());
        };
        let takes_value = matches!(name, "Semaphore" | "BoundedSemaphore") || maker.range() != call.func.range();
        if !call.arguments.is_empty() && !takes_value {
            return Err("it is made with arguments that asyncio's does not take".into());
        }
        let (written, import) = ctx.member("asyncio", name, model.id(call))?;
        fix.edits
            .extend(ctx.annotation_edits(object, primitive.class, &written)?);
        fix.edits.push(Edit::replacement(written, maker.range()));
        fix = fix.import(import);
    }
    fix.edits.dedup();
    let uses = uses_changed(ctx, primitive, object)?;
    fix.edits.extend(uses.edits);
    fix.imports.extend(uses.imports);
    fix.definitions.extend(uses.definitions);
    if let Some(doubt) = uses.reason {
        fix.reason = fix.reason.map(|reason| format!("{reason}; {doubt}"));
    }
    Ok(if others.is_empty() { fix } else { fix.first() })
}

/// Changes what the module does with an object that somebody else replaces.
fn uses_changed<'a>(ctx: &Context<'a>, primitive: &Primitive, object: &Object<'a>) -> Result<Fix, Declined> {
    let mut fix = Fix::safe(Vec::new());
    if let Some(reason) = &object.escape {
        return Err(reason.clone().into());
    }
    ctx.has_one_loop()?;
    for read in &object.reads {
        let (edits, doubt, needs) = match ctx.use_of(*read) {
            Use::With(with) => (
                enter(ctx, *read, with, primitive)?,
                ctx.may_wait_for(*read, object)?,
                None,
            ),
            Use::Call(method, call) => called(ctx, *read, (primitive, object), method, call)?,
            Use::Attribute(attribute) => {
                return Err(format!("`{}` is handed on", ctx.model.slice(attribute)).into());
            }
            Use::Plain => continue,
        };
        fix.edits.extend(edits);
        fix = fix.doubted(doubt);
        if let Some((import, definition)) = needs {
            fix = fix.import(import).define(definition);
        }
    }
    Ok(fix)
}

/// `with lock:` becomes `async with lock:`.
fn enter(ctx: &Context, read: NodeId, with: &ast::StmtWith, primitive: &Primitive) -> Result<Vec<Edit>, Declined> {
    if !primitive.waiting.contains(&"acquire") {
        return Err("it is no manager".into());
    }
    ctx.is_used_in_the_loop(read)?;
    match &*with.items {
        [item] if item.optional_vars.is_none() => {}
        [_] => return Err("what `with` binds is another value in asyncio".into()),
        _ => return Err("its `with` has other managers as well".into()),
    }
    if !ctx.model.runs_in_async(read) {
        let (line, _) = ctx.module.location(with.start());
        return Err(format!("the function that takes it in line {line} is not async").into());
    }
    Ok(vec![Edit::insertion("async ", with.start())])
}

type Called = (Vec<Edit>, Option<String>, Option<(Option<Import>, Option<Definition>)>);

fn called<'a>(
    ctx: &Context<'a>,
    read: NodeId,
    (primitive, object): (&Primitive, &Object<'a>),
    method: &ast::ExprAttribute,
    call: &ast::ExprCall,
) -> Result<Called, Declined> {
    let name = method.attr.as_str();
    let arguments = &call.arguments;
    let has_counterpart = || format!("`{}` has no counterpart in asyncio", ctx.model.slice(call));
    if primitive.plain.contains(&name) {
        // `Semaphore.release(n)` is 3.9's, and asyncio's takes nothing.
        if name == "release" && !arguments.is_empty() {
            return Err(has_counterpart().into());
        }
        ctx.is_used_in_the_loop(read)?;
        return Ok((Vec::new(), None, None));
    }
    if !primitive.waiting.contains(&name) {
        return Err(has_counterpart().into());
    }
    let doubt = ctx.may_wait_for(read, object)?;
    let is_plain = match name {
        "wait_for" => arguments.args.len() == 1 && arguments.keywords.is_empty(),
        "wait" => {
            arguments.is_empty()
                || arguments.len() == 1
                    && arguments
                        .find_argument_value("timeout", 0)
                        .is_some_and(Expr::is_none_literal_expr)
        }
        _ => arguments.is_empty(),
    };
    if is_plain {
        let mut edits = ctx.await_edits(call);
        if name == "wait" && !arguments.is_empty() {
            edits.push(Edit::replacement("()", arguments.range()));
        }
        return Ok((edits, doubt, None));
    }
    if primitive.class != "threading.Event"
        || arguments.find_argument_value("timeout", 0).is_none()
        || arguments.len() != 1
    {
        return Err(has_counterpart().into());
    }
    // The helper keeps what `wait` returns: whether the event was set in time.
    let (asyncio, import) = ctx.import(Import::Module("asyncio"), NodeId(0))?;
    let (helper, definition) = ctx.define("wait_for_event", ctx.model.id(call), |helper| {
        if ctx.settings.target >= PythonVersion::PY311 {
            format!(
                "async def {helper}(event, timeout):\n    try:\n        async with {asyncio}.timeout(timeout):\n            return await event.wait()\n    except TimeoutError:\n        return event.is_set()"
            )
        } else {
            format!(
                "async def {helper}(event, timeout):\n    try:\n        return await {asyncio}.wait_for(event.wait(), timeout)\n    except {asyncio}.TimeoutError:\n        return event.is_set()"
            )
        }
    });
    let open = TextRange::new(call.start(), arguments.start() + TextSize::new(1));
    let event = ctx.model.slice(&*method.value);
    let prefix = ctx.await_prefix(call);
    let mut edits = vec![Edit::replacement(format!("{prefix}{helper}({event}, "), open)];
    if ctx.await_needs_parentheses(call) {
        edits.push(Edit::insertion(")", call.end()));
    }
    Ok((edits, doubt, Some((import, definition))))
}

/// Locks and events that are known by their annotation alone.
fn unseen(ctx: &Context, known: &[NodeId], acc: &mut Findings) {
    let model = ctx.model;
    let primitive_of = |expr: &Expr| match model.type_of(expr) {
        Type::Foreign(class) => PRIMITIVES.iter().find(|primitive| primitive.class == class),
        _ => None,
    };
    let is_known = |expr: &Expr| known.contains(&model.id(expr));
    let mut seen: Vec<TextRange> = Vec::new();
    for awaited in model.awaits() {
        for (_, node) in model.ancestors(model.id(awaited)) {
            match node {
                AnyNodeRef::StmtFunctionDef(_) => break,
                AnyNodeRef::StmtWith(with) if !with.is_async => {
                    for item in &with.items {
                        let expr = &item.context_expr;
                        if !seen.contains(&expr.range())
                            && !is_known(expr)
                            && model.runs_in_async(model.id(with))
                            && let Some(primitive) = primitive_of(expr)
                        {
                            seen.push(expr.range());
                            let site = Site {
                                range: expr.range(),
                                kind: Kind::Held,
                            };
                            acc.push_defect(expr, message(ctx, primitive, &site), Err(elsewhere()));
                        }
                    }
                }
                _ => {}
            }
        }
    }
    for call in model.calls() {
        let Expr::Attribute(method) = &*call.func else { continue };
        if method.attr.as_str() == "wait"
            && model.runs_in_async(model.id(call))
            && !is_known(&method.value)
            && !is_poll(call)
            && let Some(primitive) = primitive_of(&method.value)
        {
            let site = Site {
                range: call.range(),
                kind: Kind::Waits,
            };
            acc.push_defect(call, message(ctx, primitive, &site), Err(elsewhere()));
        }
    }
}

fn elsewhere() -> Declined {
    "where it is made is not visible here. Use asyncio's own if no thread uses it; else wait for it in a thread, with `asyncio.to_thread`".into()
}
