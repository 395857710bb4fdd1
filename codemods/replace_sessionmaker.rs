//! `sessionmaker(class_=AsyncSession)` -> `async_sessionmaker`, with the annotations that name it; `scoped_session` over such a factory ->
//! `async_scoped_session`.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::importer::Import;
use crate::knowledge::sqlalchemy::{self, Role};
use crate::semantic::{BindingKind, NodeId};

const FACTORIES: &[&str] = &["sqlalchemy.orm.sessionmaker", "sqlalchemy.orm.session.sessionmaker"];
const REGISTRIES: &[&str] = &["sqlalchemy.orm.scoped_session", "sqlalchemy.orm.scoping.scoped_session"];

/// Sessions of a factory that names no class of its own (`async_sessionmaker.__init__`).
const STOCK: &[&str] = &[
    "sqlalchemy.ext.asyncio.AsyncSession",
    "sqlalchemy.ext.asyncio.session.AsyncSession",
];

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    let uses = model.uses_of(FACTORIES);
    let calls: Vec<_> = uses.iter().filter_map(|(id, _)| called(ctx, *id)).collect();
    let factories: Vec<_> = calls
        .iter()
        .filter_map(|call| Some((*call, makes_async(ctx, call)?)))
        .collect();
    let has_sync = factories.len() < calls.len();
    for (call, makes) in &factories {
        let message = "a `sessionmaker` of asynchronous sessions is an `async_sessionmaker`";
        acc.push(&*call.func, message, factory(ctx, call, makes));
    }
    for (id, _) in &uses {
        if called(ctx, *id).is_none()
            && let Some(result) = mention(ctx, *id, !factories.is_empty() && !has_sync)
        {
            let message = "what makes asynchronous sessions is an `async_sessionmaker`";
            acc.push(model.node(*id), message, result);
        }
    }
    for (id, _) in model.uses_of(REGISTRIES) {
        if let Some(call) = called(ctx, id).filter(|call| is_of_async_factory(ctx, call)) {
            let message = "a `scoped_session` belongs to a thread: all tasks of the event loop would share one session";
            acc.push_defect(&*call.func, message, registry(ctx, call));
        }
    }
}

/// The call whose callee stands at a node.
fn called<'a>(ctx: &Context<'a>, id: NodeId) -> Option<&'a ast::ExprCall> {
    match ctx.model.node(ctx.model.parent(id)) {
        AnyNodeRef::ExprCall(call) if call.func.range() == ctx.model.node(id).range() => Some(call),
        _ => None,
    }
}

/// What says that a factory makes asynchronous sessions.
enum Makes<'a> {
    /// The class it is given; the flag: SQLAlchemy's own.
    Class(&'a Expr, bool),
    /// Only the engine it is bound to: its sessions are synchronous, and fail there.
    Engine,
}

fn makes_async<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<Makes<'a>> {
    let model = ctx.model;
    let Some(class) = call.arguments.find_argument_value("class_", 1) else {
        let bind = call.arguments.find_argument_value("bind", 0)?;
        let is_async = model
            .sqlalchemy_object(bind)
            .is_some_and(|bind| bind.is_async && bind.role == Role::Engine);
        return is_async.then_some(Makes::Engine);
    };
    let is_stock = model
        .qualified_name(class)
        .is_some_and(|name| STOCK.contains(&name.as_str()));
    (model.made_by_factory(call, false) == Some(true)).then_some(Makes::Class(class, is_stock))
}

/// How `async_sessionmaker` is written at a node, and the import it needs.
fn new_name(ctx: &Context, at: NodeId) -> Result<(String, Option<Import>), Declined> {
    ctx.settings.dependencies.at_least("sqlalchemy", [2, 0])?;
    ctx.plain_member("sqlalchemy.ext.asyncio", "async_sessionmaker", at)
}

fn factory(ctx: &Context, call: &ast::ExprCall, makes: &Makes) -> Result<Fix, Declined> {
    let (name, import) = new_name(ctx, ctx.model.id(call))?;
    let mut edits = vec![Edit::replacement(name, call.func.range())];
    let doubt = match makes {
        Makes::Engine => Some(
            "until now it makes synchronous sessions, which fail on an asynchronous engine as soon as one is used"
                .to_owned(),
        ),
        Makes::Class(class, is_stock) => {
            let keyword = call.arguments.find_keyword("class_");
            match (keyword, is_stock) {
                (Some(keyword), true) => edits.push(ctx.without_argument(call, keyword.range())?),
                // Only the first argument may be positional.
                (None, true) => edits.push(ctx.without_argument(call, class.range())?),
                (None, false) => edits.push(Edit::insertion("class_=", class.start())),
                (Some(_), false) => {}
            }
            None
        }
    };
    Ok(Fix::with_doubt(doubt, edits).import(import))
}

/// A use that is no call: an annotation, a test of the class. `None` where it says nothing of asynchronous sessions.
fn mention(ctx: &Context, id: NodeId, only_async: bool) -> Option<Result<Fix, Declined>> {
    let model = ctx.model;
    let range = model.node(id).range();
    let is_about_async = match model.node(model.parent(id)) {
        AnyNodeRef::ExprSubscript(outer) if outer.value.range() == range => {
            let class = model.qualified_name(&outer.slice);
            class
                .and_then(|name| sqlalchemy::class(&name))
                .is_some_and(|class| class.is_async && class.role == Role::Session)
        }
        AnyNodeRef::StmtClassDef(_) => false,
        AnyNodeRef::Arguments(_) => is_class_test(ctx, id) && only_async,
        _ => is_annotation(ctx, id) && only_async,
    };
    is_about_async.then(|| {
        let (name, import) = new_name(ctx, id)?;
        Ok(Fix::safe(vec![Edit::replacement(name, range)]).import(import))
    })
}

/// Whether a class is the second argument of `isinstance`.
fn is_class_test(ctx: &Context, id: NodeId) -> bool {
    let model = ctx.model;
    match model.node(model.parent(model.parent(id))) {
        AnyNodeRef::ExprCall(call) => {
            model.is_builtin(&call.func, "isinstance")
                && call
                    .arguments
                    .args
                    .get(1)
                    .is_some_and(|class| class.range() == model.node(id).range())
        }
        _ => false,
    }
}

fn is_annotation(ctx: &Context, id: NodeId) -> bool {
    let range = ctx.model.node(id).range();
    ctx.model.ancestors(id).any(|(_, node)| match node {
        AnyNodeRef::StmtAnnAssign(assign) => assign.annotation.range().contains_range(range),
        AnyNodeRef::Parameter(parameter) => parameter
            .annotation
            .as_ref()
            .is_some_and(|annotation| annotation.range().contains_range(range)),
        AnyNodeRef::StmtFunctionDef(function) => function
            .returns
            .as_ref()
            .is_some_and(|returns| returns.range().contains_range(range)),
        _ => false,
    })
}

fn is_of_async_factory(ctx: &Context, call: &ast::ExprCall) -> bool {
    let factory = call.arguments.find_argument_value("session_factory", 0);
    factory
        .and_then(|factory| ctx.model.sqlalchemy_object(factory))
        .is_some_and(|factory| factory.is_async && factory.role == Role::Factory)
}

/// `scoped_session(maker)` -> `async_scoped_session(maker, scopefunc=asyncio.current_task)`, and its `remove()` awaited.
fn registry(ctx: &Context, call: &ast::ExprCall) -> Result<Fix, Declined> {
    let model = ctx.model;
    let at = model.id(call);
    let (name, import) = ctx.plain_member("sqlalchemy.ext.asyncio", "async_scoped_session", at)?;
    let mut edits = vec![Edit::replacement(name, call.func.range())];
    let mut imports: Vec<Import> = import.into_iter().collect();
    if call.arguments.find_argument("scopefunc", 1).is_none() {
        let (task, import) = ctx.member("asyncio", "current_task", at)?;
        imports.extend(import);
        let last = call
            .arguments
            .iter_source_order()
            .last()
            .ok_or("it is given no factory")?;
        edits.push(Edit::insertion(format!(", scopefunc={task}"), last.range().end()));
    }
    for remove in removals(ctx, at)? {
        model.await_is_legal(model.id(remove), ctx.settings.target)?;
        if !matches!(model.node(model.parent(model.id(remove))), AnyNodeRef::StmtExpr(_)) {
            return Err("what `remove()` gives is used".into());
        }
        edits.extend(ctx.await_edits(remove));
    }
    Ok(Fix::safe(edits).import(imports))
}

/// The calls of `remove` on the registry that a call makes, which are not awaited yet.
fn removals<'a>(ctx: &Context<'a>, made: NodeId) -> Result<Vec<&'a ast::ExprCall>, Declined> {
    let model = ctx.model;
    let binding = model
        .bindings()
        .iter()
        .find(|binding| matches!(binding.kind, BindingKind::Assignment(Expr::Call(call)) if model.id(call) == made))
        .ok_or("it is not bound to a name, so that its uses are not in view")?;
    if model.sole_binding(binding.name, binding.scope).is_none() {
        return Err(format!("`{}` is bound more than once", binding.name).into());
    }
    let calls = model.calls().filter(|call| match &*call.func {
        Expr::Attribute(method) if method.attr.as_str() == "remove" => match &*method.value {
            Expr::Name(name) if name.id == binding.name => model
                .sole_binding(&name.id, model.scope_of(model.id(name)))
                .is_some_and(|found| found.node == binding.node),
            _ => false,
        },
        _ => false,
    });
    Ok(calls
        .filter(|call| !matches!(model.node(model.parent(model.id(*call))), AnyNodeRef::ExprAwait(_)))
        .collect())
}
