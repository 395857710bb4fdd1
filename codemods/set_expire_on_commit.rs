//! A factory of asynchronous sessions whose objects are read after a commit -> `expire_on_commit=False`; what is read behind a rollback is
//! reported, where no such argument helps.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::Findings;
use crate::glance;
use crate::knowledge::sqlalchemy::{self, Role};
use crate::loaded::Asked;
use crate::semantic::names::Lookup;
use crate::semantic::{BindingKind, NodeId, ScopeId};

/// How a module says what it wants where no call can be seen to.
const SAID: &[&str] = &["expire_on_commit\"", "expire_on_commit'"];

/// What expires objects of a session.
#[derive(Clone, Copy)]
enum Expiry<'a> {
    /// A commit: all objects, unless the session says otherwise.
    Commit,
    /// `rollback()`, `expire_all()`: all objects that were loaded.
    All,
    /// `expire(user)`
    One(&'a str),
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let mut seen: Vec<TextRange> = Vec::new();
    for (stmt, session, expiry) in expiries(ctx) {
        match expiry {
            Expiry::Commit => committed(ctx, stmt, session, &mut seen, acc),
            Expiry::All | Expiry::One(_) => expired(ctx, stmt, session, expiry, acc),
        }
    }
}

fn committed(ctx: &Context, commit: NodeId, session: &ast::ExprName, seen: &mut Vec<TextRange>, acc: &mut Findings) {
    if SAID.iter().any(|said| ctx.module.text().contains(said)) {
        return;
    }
    let Some(made) = source_of(ctx, session, 0) else {
        return;
    };
    if seen.contains(&made.range()) || made.arguments.find_keyword("expire_on_commit").is_some() {
        return;
    }
    let Some((_, read)) = reads_after(ctx, commit, session, Expiry::Commit).into_iter().next() else {
        return;
    };
    seen.push(made.range());
    let (line, _) = ctx.module.location(read.start());
    let message = format!(
        "a commit expires the objects of the session: `{}` in line {line} would have to be loaded anew, which raises `MissingGreenlet`",
        ctx.model.slice(read)
    );
    if made.arguments.keywords.iter().any(|keyword| keyword.arg.is_none()) {
        let reason = "what it is given by `**` may say whether objects expire";
        acc.push(&*made.func, message, Err(reason.into()));
        return;
    }
    let text = match made.arguments.iter_source_order().last() {
        Some(last) => Edit::insertion(", expire_on_commit=False", last.range().end()),
        None => Edit::insertion("expire_on_commit=False", made.arguments.start() + TextSize::new(1)),
    };
    let reason = "all objects of its sessions then keep the values that they have when they are committed, even where the database has newer ones";
    acc.push_defect(&*made.func, message, Ok(Fix::unsafe_because(reason, vec![text])));
}

/// Reports the first read of an object that is expired whatever the factory says.
fn expired(ctx: &Context, stmt: NodeId, session: &ast::ExprName, expiry: Expiry, acc: &mut Findings) {
    let model = ctx.model;
    let from = model.node(stmt).range().end();
    let certain = reads_after(ctx, stmt, session, expiry)
        .into_iter()
        .find(|(outer, read)| {
            let is_conditional = model
                .ancestors(model.id(*read))
                .take_while(|(id, _)| *id != model.parent(model.id(*outer)))
                .any(|(_, node)| match node {
                    AnyNodeRef::StmtIf(inner) => !inner.test.range().contains_range(read.range()),
                    AnyNodeRef::ExprIf(inner) => !inner.test.range().contains_range(read.range()),
                    AnyNodeRef::ExceptHandlerExceptHandler(_) | AnyNodeRef::MatchCase(_) => true,
                    _ => false,
                });
            !is_conditional && !is_asked_between(ctx, TextRange::new(from, read.start()))
        });
    let Some((_, read)) = certain else { return };
    let (line, _) = ctx.module.location(model.node(stmt).range().start());
    let message = format!(
        "line {line} expires what the session has loaded: `{}` would have to be loaded anew, which raises `MissingGreenlet`",
        model.slice(read)
    );
    let reason = format!(
        "load it where something can be awaited, by `await {}.refresh({})`, or read it before",
        session.id,
        model.slice(&*read.value)
    );
    acc.push_defect(read, message, Err(reason.into()));
}

/// Whether something is awaited between two offsets that may load objects anew.
fn is_asked_between(ctx: &Context, between: TextRange) -> bool {
    const ENDS: &[&str] = &["commit", "rollback", "close", "aclose"];
    ctx.model.awaits().any(|await_| {
        let is_end = matches!(&*await_.value, Expr::Call(call)
            if matches!(&*call.func, Expr::Attribute(method) if ENDS.contains(&method.attr.as_str())));
        between.contains_range(await_.range()) && !is_end
    })
}

/// The statements after which a session's objects are expired, with the session's name.
fn expiries<'a>(ctx: &Context<'a>) -> Vec<(NodeId, &'a ast::ExprName, Expiry<'a>)> {
    let model = ctx.model;
    let of_session = |expr: &'a Expr| match expr {
        Expr::Name(name) if model.is_session(expr, true) => Some(name),
        _ => None,
    };
    let mut found = Vec::new();
    for (id, node) in model.subtree(NodeId(0)) {
        match node {
            AnyNodeRef::StmtExpr(stmt) => {
                let (value, is_awaited) = match &*stmt.value {
                    Expr::Await(inner) => (&*inner.value, true),
                    other => (other, false),
                };
                if let Expr::Call(call) = value
                    && let Expr::Attribute(method) = &*call.func
                    && let Some(expiry) = expiry(method.attr.as_str(), is_awaited, call)
                    && let Some(name) = of_session(&method.value)
                {
                    found.push((id, name, expiry));
                }
            }
            AnyNodeRef::StmtWith(with) if with.is_async => {
                for item in &with.items {
                    if let Expr::Call(call) = &item.context_expr
                        && let Expr::Attribute(method) = &*call.func
                        && method.attr.as_str() == "begin"
                    {
                        let bound = item.optional_vars.as_deref().and_then(of_session);
                        let session = of_session(&method.value).or(bound);
                        found.extend(session.map(|name| (id, name, Expiry::Commit)));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

fn expiry<'a>(method: &str, is_awaited: bool, call: &'a ast::ExprCall) -> Option<Expiry<'a>> {
    match (method, is_awaited, &*call.arguments.args) {
        ("commit", true, _) => Some(Expiry::Commit),
        ("rollback", true, _) | ("expire_all", false, _) => Some(Expiry::All),
        ("expire", false, [Expr::Name(object)]) => Some(Expiry::One(&object.id)),
        _ => None,
    }
}

/// The call of this module that decides how the sessions under a name are made: the factory's, or the session's own.
fn source_of<'a>(ctx: &Context<'a>, name: &ast::ExprName, depth: usize) -> Option<&'a ast::ExprCall> {
    let model = ctx.model;
    if depth > 4 {
        return None;
    }
    let bindings: Vec<_> = model.resolve(&name.id, model.scope_of(model.id(name))).collect();
    let mut found: Option<&'a ast::ExprCall> = None;
    for binding in bindings {
        let made = match binding.kind {
            BindingKind::With(item, _) => made_by(ctx, &item.context_expr)?,
            BindingKind::Assignment(value) => made_by(ctx, value)?,
            BindingKind::Parameter(parameter) => injected(ctx, parameter, binding.scope, depth)?,
            _ => return None,
        };
        if found.is_some_and(|found| found.range() != made.range()) {
            return None;
        }
        found = Some(made);
    }
    found
}

fn made_by<'a>(ctx: &Context<'a>, expr: &'a Expr) -> Option<&'a ast::ExprCall> {
    let model = ctx.model;
    let Expr::Call(call) = expr else { return None };
    let is_session = model
        .qualified_name(&call.func)
        .and_then(|name| sqlalchemy::class(&name))
        .is_some_and(|class| class.is_async && class.role == Role::Session);
    if is_session {
        return Some(call);
    }
    let factory = match &*call.func {
        Expr::Attribute(method) if method.attr.as_str() == "begin" => &*method.value,
        other => other,
    };
    let is_factory = model
        .sqlalchemy_object(factory)
        .is_some_and(|class| class.is_async && class.role == Role::Factory);
    let Expr::Name(name) = factory else { return None };
    match model.sole_binding(&name.id, model.scope_of(model.id(name)))?.kind {
        BindingKind::Assignment(Expr::Call(made)) if is_factory => Some(made),
        _ => None,
    }
}

/// The session that the dependency of a parameter yields.
fn injected<'a>(
    ctx: &Context<'a>,
    parameter: &'a ast::Parameter,
    scope: ScopeId,
    depth: usize,
) -> Option<&'a ast::ExprCall> {
    let model = ctx.model;
    let function = model.function_of_scope(scope)?;
    let parameter = function
        .parameters
        .iter_non_variadic_params()
        .find(|other| other.parameter.range() == parameter.range())?;
    let dependency = model.function_of(model.dependency_of(parameter)?)?;
    model.subtree(model.id(dependency)).find_map(|(_, node)| match node {
        AnyNodeRef::ExprYield(inner) => match inner.value.as_deref() {
            Some(Expr::Name(name)) => source_of(ctx, name, depth + 1),
            _ => None,
        },
        _ => None,
    })
}

/// The attributes of objects of the session that are read behind an expiry, in the same run of the function, with the statements in which
/// they stand.
fn reads_after<'a>(
    ctx: &Context<'a>,
    stmt: NodeId,
    session: &ast::ExprName,
    expiry: Expiry<'a>,
) -> Vec<(&'a Stmt, &'a ast::ExprAttribute)> {
    let model = ctx.model;
    let Some(function) = model.enclosing_function(stmt) else {
        return Vec::new();
    };
    let scope = model.body_scope(function);
    let end = model.node(stmt).range().end();
    let objects = match expiry {
        Expiry::Commit => added(ctx, function, session, end),
        Expiry::All => Vec::new(),
        Expiry::One(object) => vec![object],
    };
    let loaded = match expiry {
        Expiry::Commit | Expiry::All => reads_of_loaded(ctx, function, stmt, session),
        Expiry::One(_) => Vec::new(),
    };
    let mut found = Vec::new();
    for stmt in following(ctx, stmt) {
        found.extend(
            loaded
                .iter()
                .filter(|read| stmt.range().contains_range(read.range()))
                .map(|read| (stmt, *read)),
        );
        for (id, node) in model.subtree(model.id(stmt)) {
            let AnyNodeRef::ExprAttribute(attribute) = node else {
                continue;
            };
            let Expr::Name(name) = &*attribute.value else {
                continue;
            };
            let is_object = objects.contains(&name.id.as_str())
                && model.lookup(&name.id, model.scope_of(id)) == Lookup::Scope(scope);
            let is_read = attribute.ctx.is_load() && !attribute.attr.starts_with("__");
            let is_called = model.is_callee(id);
            if is_object && is_read && !is_called && !is_renewed(ctx, function, &name.id, end, attribute.start()) {
                found.push((stmt, attribute));
            }
        }
    }
    found
}

/// The statements that run behind another one: those below it in its block, and in the blocks around it.
fn following<'a>(ctx: &Context<'a>, stmt: NodeId) -> Vec<&'a Stmt> {
    let model = ctx.model;
    let mut found = Vec::new();
    let mut at = stmt;
    loop {
        if let Some((block, index)) = model.block_of(at) {
            found.extend(&block[index + 1..]);
            if block[index + 1..]
                .iter()
                .any(|stmt| matches!(stmt, Stmt::Return(_) | Stmt::Raise(_)))
            {
                return found;
            }
        }
        let parent = model.parent(at);
        if parent == at || model.node(parent).is_stmt_function_def() {
            return found;
        }
        at = parent;
    }
}

/// Names of objects that are put into the session before an offset.
fn added<'a>(
    ctx: &Context<'a>,
    function: &'a ast::StmtFunctionDef,
    session: &ast::ExprName,
    before: TextSize,
) -> Vec<&'a str> {
    let model = ctx.model;
    let mut objects = Vec::new();
    for (_, node) in model.subtree(model.id(function)) {
        if let AnyNodeRef::ExprCall(call) = node
            && call.start() < before
            && let Expr::Attribute(method) = &*call.func
            && matches!(&*method.value, Expr::Name(name) if name.id == session.id)
            && matches!(method.attr.as_str(), "add" | "add_all" | "refresh")
        {
            match call.arguments.args.first() {
                Some(Expr::Name(name)) => objects.push(name.id.as_str()),
                Some(Expr::List(list)) => {
                    let names = list.elts.iter().filter_map(|element| element.as_name_expr());
                    objects.extend(names.map(|name| name.id.as_str()));
                }
                _ => {}
            }
        }
    }
    objects
}

/// The attributes behind an expiry of objects that the session has loaded before it, and that are not loaded again.
fn reads_of_loaded<'a>(
    ctx: &Context<'a>,
    function: &'a ast::StmtFunctionDef,
    expiry: NodeId,
    session: &ast::ExprName,
) -> Vec<&'a ast::ExprAttribute> {
    let model = ctx.model;
    let end = model.node(expiry).range().end();
    let mut found: Vec<&ast::ExprAttribute> = Vec::new();
    for await_ in model.awaits() {
        let is_here = function.range().contains_range(await_.range()) && await_.end() <= end;
        let Some(asked) = Asked::of(ctx, await_).filter(|_| is_here) else {
            continue;
        };
        let is_own = matches!(asked.session, Expr::Name(name) if name.id == session.id)
            && entered(ctx, model.id(await_), session) == entered(ctx, expiry, session);
        if !is_own {
            continue;
        }
        for read in asked.loaded(ctx).reads {
            let is_read = read.start() > end && !read.attr.starts_with("__") && !model.is_callee(model.id(read));
            let is_renewed =
                || matches!(&*read.value, Expr::Name(name) if is_refreshed(ctx, function, &name.id, end, read.start()));
            if is_read && !is_renewed() && !found.contains(&read) {
                found.push(read);
            }
        }
    }
    found
}

/// The `with` that binds the session under this name for a node: a function may enter one after the other.
fn entered(ctx: &Context, at: NodeId, session: &ast::ExprName) -> Option<TextRange> {
    let model = ctx.model;
    let own = std::iter::once((at, model.node(at)));
    own.chain(model.ancestors(at)).find_map(|(_, node)| match node {
        AnyNodeRef::StmtWith(with) => with
            .items
            .iter()
            .any(|item| matches!(item.optional_vars.as_deref(), Some(Expr::Name(name)) if name.id == session.id))
            .then(|| with.range()),
        _ => None,
    })
}

/// Whether a name is bound anew between two offsets, or its object is loaded again.
fn is_renewed(ctx: &Context, function: &ast::StmtFunctionDef, name: &str, from: TextSize, to: TextSize) -> bool {
    let model = ctx.model;
    let between = TextRange::new(from, to);
    let is_bound = model.subtree(model.id(function)).any(|(_, node)| match node {
        AnyNodeRef::ExprName(target) => {
            target.ctx.is_store() && target.id == name && between.contains_range(target.range())
        }
        _ => false,
    });
    is_bound || is_refreshed(ctx, function, name, from, to)
}

/// Whether the object of a name is loaded again between two offsets.
fn is_refreshed(ctx: &Context, function: &ast::StmtFunctionDef, name: &str, from: TextSize, to: TextSize) -> bool {
    let model = ctx.model;
    let between = TextRange::new(from, to);
    model.subtree(model.id(function)).any(|(_, node)| match node {
        AnyNodeRef::ExprCall(call) if between.contains_range(call.range()) => {
            matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "refresh")
                && matches!(call.arguments.args.first(), Some(Expr::Name(object)) if object.id == name)
        }
        _ => false,
    })
}

/// Sessions are made, and something is committed; or a session is there, and something is rolled back.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    let commits = !glance::mentions(text, SAID)
        && glance::mentions(text, &["commit()", "begin()"])
        && glance::mentions(text, &["sessionmaker(", "AsyncSession("]);
    commits
        || glance::mentions(text, &["rollback()", ".expire(", "expire_all()"])
            && glance::mentions(text, &["AsyncSession", "async_sessionmaker"])
}
