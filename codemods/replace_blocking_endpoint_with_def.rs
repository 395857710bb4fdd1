//! `async def` endpoints of FastAPI and Starlette that block and await nothing -> `def`, which both run in a thread.

mod shared;

use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::knowledge::blocking::{self, Rule};
use crate::process_wide::writes_to_database;
use crate::semantic::effects::{Location, Root};
use crate::semantic::names::{Lookup, is_standard};
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId, ScopeId, ScopeKind};

/// Packages whose functions and classes need no event loop when they are called without `await`.
const LOOPLESS: &[&str] = &[
    "fastapi",
    "starlette",
    "pydantic",
    "sqlalchemy",
    "sqlmodel",
    "requests",
    "httpx",
    "yaml",
    "jinja2",
    "jwt",
];

/// Modules of the standard library that belong to the event loop, or to the thread that runs it.
const LOOPFUL: &[&str] = &["asyncio", "anyio", "trio", "signal", "tkinter", "sniffio", "uvloop"];

/// Methods that reach for the running event loop, or may be used on its thread only.
const LOOP_METHODS: &[&str] = &[
    "add_done_callback",
    "add_reader",
    "add_signal_handler",
    "add_writer",
    "call_at",
    "call_later",
    "call_soon",
    "create_future",
    "create_task",
    "get_nowait",
    "put_nowait",
    "run_coroutine_threadsafe",
    "run_in_executor",
    "run_until_complete",
    "set_exception",
    "set_result",
    "start_soon",
    "task_done",
];

/// What gives an object that only the thread that made it can use, or that is another one in each thread.
const THREAD_BOUND: &[&str] = &["sqlite3.connect", "threading.local"];

const MAX_DEPTH: usize = 8;

/// How the framework knows a function.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Endpoint,
    Dependency,
}

pub(super) fn glance(text: &[u8]) -> bool {
    let is_web = ["fastapi", "starlette"]
        .iter()
        .any(|library| glance::imports(text, library));
    is_web && blocking::mentions_blocking(text, moves)
}

/// Whether a function that calls something under this rule is better run in a thread.
fn moves(rule: Rule) -> bool {
    matches!(rule, Rule::Call | Rule::List | Rule::Closure | Rule::Other)
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    for function in model.functions().filter(|function| function.is_async) {
        let Some(name) = blocking_call(ctx, function, 0) else {
            continue;
        };
        let Some(role) = role(ctx, function) else { continue };
        if awaits(ctx, function) {
            continue;
        }
        let message = format!(
            "`{name}` blocks the event loop in `{}`, which awaits nothing: a plain `def` runs in a thread",
            function.name
        );
        acc.push(function.name.range(), message, rewrite(ctx, function, role));
    }
}

/// The first call of a function, or of a sync function of the module that it calls, that blocks.
fn blocking_call(ctx: &Context, function: &ast::StmtFunctionDef, depth: usize) -> Option<String> {
    let model = ctx.model;
    let scope = model.body_scope(function);
    model.subtree(model.id(function)).find_map(|(id, node)| {
        let AnyNodeRef::ExprCall(call) = node else { return None };
        if model
            .function_of_scope(model.scope_of(id))
            .map(|found| model.body_scope(found))
            != Some(scope)
        {
            return None;
        }
        if let Some((name, row)) = ctx.blocking_call(call) {
            let blocks = moves(row.rule) && row.kind != "loop" && !ctx.returns_at_once(call, row);
            return blocks.then_some(name);
        }
        let callee = model
            .function_of(&call.func)
            .filter(|callee| !callee.is_async && depth < MAX_DEPTH)?;
        blocking_call(ctx, callee, depth + 1)
    })
}

/// What a function is, by its decorators and by the calls that it is given to; `None` when it is no HTTP endpoint and no dependency.
fn role(ctx: &Context, function: &ast::StmtFunctionDef) -> Option<Role> {
    let model = ctx.model;
    let decorators = &function.decorator_list;
    if !decorators.is_empty() {
        return decorators
            .iter()
            .any(|decorator| model.is_route(&decorator.expression))
            .then_some(Role::Endpoint);
    }
    if model.class_of_method(function).is_some() {
        return None;
    }
    let mut roles = model
        .uses_of_function(function)
        .into_iter()
        .map(|found| registered(ctx, found.reference));
    roles.find_map(|role| role)
}

/// What a function becomes by being given to a call: `Depends(f)`, `Route("/", f)`, `app.add_api_route("/", f)`.
fn registered(ctx: &Context, reference: NodeId) -> Option<Role> {
    let model = ctx.model;
    let mut parent = model.parent(reference);
    if let AnyNodeRef::Keyword(_) = model.node(parent) {
        parent = model.parent(parent);
    }
    let (AnyNodeRef::Arguments(_), AnyNodeRef::ExprCall(call)) = (model.node(parent), model.node(model.parent(parent)))
    else {
        return None;
    };
    if model.depends_on(call).is_some() {
        return Some(Role::Dependency);
    }
    if let Some(name) = model.qualified_name(&call.func) {
        return match name.as_str() {
            "starlette.routing.Route" | "fastapi.routing.APIRoute" => Some(Role::Endpoint),
            _ => None,
        };
    }
    match &*call.func {
        Expr::Attribute(method) if matches!(method.attr.as_str(), "add_api_route" | "add_route") => {
            model.web_app(&method.value).map(|_| Role::Endpoint)
        }
        _ => None,
    }
}

/// Whether something of a function can only stand in an `async def`.
fn awaits(ctx: &Context, function: &ast::StmtFunctionDef) -> bool {
    let model = ctx.model;
    model.subtree(model.id(function)).any(|(id, node)| {
        let is_async = match node {
            AnyNodeRef::ExprAwait(_) | AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_) => true,
            AnyNodeRef::StmtFor(stmt) => stmt.is_async,
            AnyNodeRef::StmtWith(stmt) => stmt.is_async,
            AnyNodeRef::Comprehension(clause) => clause.is_async,
            _ => false,
        };
        is_async
            && model
                .enclosing_function(id)
                .is_some_and(|inner| model.id(inner) == model.id(function))
    })
}

fn rewrite(ctx: &Context, function: &ast::StmtFunctionDef, role: Role) -> Result<Fix, Declined> {
    let model = ctx.model;
    for decorator in &function.decorator_list {
        if !model.is_route(&decorator.expression) {
            let text = model.slice(&decorator.expression);
            return Err(format!("`@{text}` may need a coroutine function").into());
        }
    }
    for found in model.uses_of_function(function) {
        if registered(ctx, found.reference).is_none() {
            let (line, _) = ctx.module.location(model.node(found.reference).start());
            return Err(format!("it is used in line {line}, where a coroutine function may be expected").into());
        }
    }
    if model.scope_of(model.id(function)) == ScopeId::MODULE
        && let Some(user) = ctx.project.user_of(&function.name, model)
    {
        return Err(format!("it is used in {user}, where a coroutine function may be expected").into());
    }
    let mut doubt = (role == Role::Dependency)
        .then(|| "it is a dependency: what needs the thread of the event loop may depend on it in turn".to_owned());
    let effects = model.effects_of(function, ctx.settings);
    if effects.sets_context {
        return Err("it sets a context variable, which would be lost with the thread's context".into());
    }
    check_calls(ctx, function, &mut doubt, 0)?;
    shared::check_dependencies(ctx, function, &effects)?;
    if let Some(name) = effects.writes.iter().find_map(shared_state) {
        return Err(format!("it changes `{name}`, which several threads would do at once").into());
    }
    if let Some((class, name)) = effects.writes.iter().find_map(attribute_of) {
        doubt.get_or_insert_with(|| format!("it changes `{class}.{name}`, which several threads may do at once"));
    }
    let tokens = model.module().tokens().in_range(TextRange::new(
        function.decorator_list.last().map_or(function.start(), Ranged::end),
        function.name.start(),
    ));
    let keyword = |kind| tokens.iter().find(|token| token.kind() == kind).map(Ranged::start);
    let (Some(start), Some(end)) = (keyword(TokenKind::Async), keyword(TokenKind::Def)) else {
        return Err("its keywords are not found".into());
    };
    // The second edit changes nothing: all of the function is claimed, so that no `await` comes into it meanwhile.
    let edits = vec![
        Edit::deletion(TextRange::new(start, end)),
        Edit::insertion("", function.end()),
    ];
    Ok(Fix::with_doubt(doubt, edits).settling())
}

/// The name of a variable of the module that a write goes to.
fn shared_state(location: &Location) -> Option<&str> {
    match location {
        Location::Global(name) | Location::Content(Root::Global(name)) => Some(name),
        Location::Free(_, name) | Location::Content(Root::Free(_, name)) => Some(name),
        _ => None,
    }
}

fn attribute_of(location: &Location) -> Option<(&str, &str)> {
    match location {
        Location::Attribute { class, name } | Location::Content(Root::Attribute { class, name }) => Some((class, name)),
        _ => None,
    }
}

/// Refuses calls that need the event loop, or the thread that runs it; a doubt where what is called is not seen.
fn check_calls(
    ctx: &Context,
    function: &ast::StmtFunctionDef,
    doubt: &mut Option<String>,
    depth: usize,
) -> Result<(), Declined> {
    let model = ctx.model;
    for (id, node) in model.subtree(model.id(function)) {
        match node {
            AnyNodeRef::StmtFunctionDef(inner) if inner.is_async && model.id(inner) != model.id(function) => {
                return Err(format!("`{}` in it needs an event loop", inner.name).into());
            }
            AnyNodeRef::ExprName(name) if name.ctx.is_load() => {
                check_name(ctx, name)?;
                shared::check_name(ctx, name, doubt)?;
                // A function that is handed to something, which calls it.
                let is_passed = matches!(model.node(model.parent(id)), AnyNodeRef::Arguments(_));
                let passed = Expr::Name(name.clone());
                if let Some(callback) = model.function_of(&passed).filter(|_| is_passed && depth < MAX_DEPTH)
                    && !is_of_signature(ctx, id, function)
                {
                    check_calls(ctx, callback, doubt, depth + 1)?;
                }
                if runs_special_method(ctx, id, &passed) && !is_of_signature(ctx, id, function) {
                    doubt.get_or_insert_with(|| format!("it is not certain what `{}` runs", name.id));
                }
            }
            AnyNodeRef::ExprAttribute(attribute) if attribute.ctx.is_load() => {
                shared::check_attribute(ctx, id, attribute)?;
                if let Type::Instance(class) = model.type_of(&attribute.value)
                    && let Some(getter) = model.method(class, &attribute.attr)
                    && let kept = shared::kept(ctx, getter)
                    && (kept.is_some() || model.is_property(getter))
                    && depth < MAX_DEPTH
                {
                    *doubt = doubt.take().or(kept);
                    check_calls(ctx, getter, doubt, depth + 1)?;
                }
            }
            AnyNodeRef::ExprCall(call) if !is_of_signature(ctx, id, function) => {
                check_call(ctx, call, doubt, depth)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether an object of the module's own classes is used by something else than its attributes, where its class defines what that runs: `with x`,
/// `f"{x}"`, `list(x)`, `x()`.
fn runs_special_method(ctx: &Context, id: NodeId, object: &Expr) -> bool {
    const MAKING: &[&str] = &["__init__", "__new__", "__post_init__", "__init_subclass__"];
    let model = ctx.model;
    let Type::Instance(class) = model.type_of(object) else {
        return false;
    };
    let is_special = |stmt: &ast::Stmt| {
        matches!(stmt, ast::Stmt::FunctionDef(method)
            if method.name.starts_with("__") && method.name.ends_with("__") && !MAKING.contains(&method.name.as_str()))
    };
    let is_value = matches!(
        model.node(model.parent(id)),
        AnyNodeRef::ExprAttribute(_) | AnyNodeRef::StmtReturn(_) | AnyNodeRef::StmtAssign(_)
    );
    !is_value && class.body.iter().any(is_special)
}

/// Refuses variables of the module that belong to the thread in which they were made.
fn check_name(ctx: &Context, name: &ast::ExprName) -> Result<(), Declined> {
    let model = ctx.model;
    let is_bound_to_thread = model.resolve(&name.id, model.scope_of(model.id(name))).any(|binding| {
        let BindingKind::Assignment(Expr::Call(call)) = binding.kind else {
            return false;
        };
        let is_shared = model.enclosing_function(binding.node).is_none();
        is_shared
            && model
                .qualified_name(&call.func)
                .is_some_and(|made| THREAD_BOUND.contains(&made.as_str()))
    });
    if is_bound_to_thread {
        return Err(format!("`{}` belongs to the thread in which it was made", name.id).into());
    }
    Ok(())
}

/// Whether a node is evaluated where the function is defined, not where it runs.
fn is_of_signature(ctx: &Context, id: NodeId, function: &ast::StmtFunctionDef) -> bool {
    !function
        .body
        .iter()
        .any(|stmt| ctx.model.contains(ctx.model.id(stmt), id))
}

fn check_call(ctx: &Context, call: &ast::ExprCall, doubt: &mut Option<String>, depth: usize) -> Result<(), Declined> {
    let model = ctx.model;
    let text = model.slice(&*call.func);
    if model.gives_coroutine(&call.func) {
        return Err(format!("`{text}` gives a coroutine, which needs an event loop").into());
    }
    if let Some(text) = ctx.matters_to_process(call) {
        doubt.get_or_insert_with(|| format!("it {text}, which several threads would do at once"));
    }
    if writes_to_database(call) == Some(true) {
        doubt.get_or_insert_with(|| {
            "it writes to a database: another request may write between what it reads and what it writes".to_owned()
        });
    }
    if let Some((_, row)) = ctx.blocking_call(call) {
        if writes_file(ctx, call, row.name) {
            doubt.get_or_insert_with(|| "it writes a file, which several threads would do at once".to_owned());
        }
        return match (&*call.func, row.rule) {
            _ if row.kind == "loop" => Err(format!("`{text}` belongs to an event loop").into()),
            (_, Rule::Never) => Err(format!("`{text}` needs the thread in which it stands: {}", row.note).into()),
            (Expr::Attribute(method), _)
                if row.shared == Some(false)
                    && !is_passed_in(ctx, &method.value)
                    && !ctx.is_own_object(&method.value) =>
            {
                if let Expr::Name(name) = &*method.value {
                    check_name(ctx, name)?;
                }
                Err(format!("only one thread at a time may use `{}`", model.slice(&*method.value)).into())
            }
            _ => Ok(()),
        };
    }
    if let Some(name) = model.qualified_name(&call.func) {
        let package = name.split('.').next().unwrap_or_default();
        if LOOPFUL.contains(&package) {
            return Err(format!("`{text}` needs the thread of the event loop").into());
        }
        if name.rsplit('.').next().is_some_and(|last| LOOP_METHODS.contains(&last)) {
            return Err(format!("`{text}` may need the thread of the event loop").into());
        }
        if !is_standard(&name) && !LOOPLESS.contains(&package) && !is_class(&name) {
            doubt.get_or_insert_with(|| format!("`{text}` is not seen, and may need the event loop"));
        }
        return Ok(());
    }
    if let Some(callee) = model.function_of(&call.func) {
        if callee.is_async {
            return Err(format!("`{text}` gives a coroutine, which needs an event loop").into());
        }
        *doubt = doubt.take().or_else(|| shared::kept(ctx, callee));
        if depth < MAX_DEPTH {
            return check_calls(ctx, callee, doubt, depth + 1);
        }
    }
    let is_seen = match &*call.func {
        Expr::Name(name) => {
            model.lookup(&name.id, model.scope_of(model.id(name))) == Lookup::Builtin
                || model.class_named(&call.func).is_some()
                || model.function_of(&call.func).is_some()
        }
        Expr::Attribute(_) => true,
        _ => false,
    };
    if !is_seen {
        doubt.get_or_insert_with(|| format!("`{text}` is not seen, and may need the event loop"));
    }
    if let Some(init) = model
        .class_named(&call.func)
        .and_then(|class| model.method(class, "__init__"))
        && depth < MAX_DEPTH
    {
        check_calls(ctx, init, doubt, depth + 1)?;
    }
    if let Expr::Attribute(method) = &*call.func {
        let name = method.attr.as_str();
        if LOOP_METHODS.contains(&name) {
            return Err(format!("`{text}` may need the thread of the event loop").into());
        }
        match model.type_of(&method.value) {
            Type::Foreign(class) => {
                let package = class.split('.').next().unwrap_or_default();
                if LOOPFUL.contains(&package) {
                    return Err(format!("`{text}` needs the thread of the event loop").into());
                }
                if class == "contextvars.ContextVar" && name != "get" {
                    return Err("it sets a context variable, which would be lost with the thread's context".into());
                }
                if !is_standard(&class) && !LOOPLESS.contains(&package) {
                    doubt.get_or_insert_with(|| format!("`{text}` is not seen, and may need the event loop"));
                }
            }
            Type::Instance(_) => {
                doubt.get_or_insert_with(|| format!("it is not certain what `{text}` runs"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a call of the table writes to a file.
fn writes_file(ctx: &Context, call: &ast::ExprCall, name: &str) -> bool {
    let position = match name {
        "open" | "io.open" | "gzip.open" | "bz2.open" | "lzma.open" => 1,
        "pathlib.Path.open" => 0,
        _ => return name.starts_with("pathlib.Path.write_"),
    };
    call.arguments
        .find_argument_value("mode", position)
        .is_some_and(|mode| ctx.model.slice(mode).contains(['w', 'a', 'x', '+']))
}

/// A name that looks like a class: to make an object needs no event loop.
fn is_class(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    last.starts_with(|first: char| first.is_uppercase()) && last.contains(|letter: char| letter.is_lowercase())
}

/// Whether an object is a parameter of the function: the framework makes one for each request.
fn is_passed_in(ctx: &Context, receiver: &Expr) -> bool {
    let model = ctx.model;
    let Expr::Name(name) = receiver else { return false };
    model
        .sole_binding(&name.id, model.scope_of(model.id(name)))
        .is_some_and(|binding| {
            matches!(binding.kind, BindingKind::Parameter(_))
                && matches!(model.scope(binding.scope).kind, ScopeKind::Function(_))
        })
}
