//! The engines of a layer: where they are made, what is done with them, where they are closed.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::addresses::{backend, constant};
use super::part::kept_in;
use super::{
    ENGINES, FACTORIES, Layer, SESSIONS, address, arguments, driver, driver_doubt, leading, scheme_edit, sync_object,
};
use crate::codemod::Context;
use crate::finding::Declined;
use crate::knowledge::sqlalchemy::{self, Role};
use crate::project::colouring::{Change, Coloured};
use crate::semantic::names::map_callable;
use crate::semantic::{NodeId, ScopeId};

/// Arguments of `create_engine` that mean the same for an asynchronous engine.
const SHARED: &[&str] = &[
    "url",
    "echo",
    "future",
    "pool_size",
    "max_overflow",
    "pool_pre_ping",
    "pool_recycle",
    "pool_timeout",
    "poolclass",
    "isolation_level",
    "json_serializer",
    "json_deserializer",
    "connect_args",
    "hide_parameters",
    "execution_options",
];

/// Members of an engine that need no connection.
const PLAIN_OF_ENGINE: &[&str] = &["url", "dialect", "name", "driver", "echo", "pool"];

/// Where an engine is made.
enum Made<'a> {
    /// In a constant of the module, in an attribute, or for the caller of a function.
    Kept,
    /// In a variable of a function, by the statement that gives it its value.
    Local(&'a ast::StmtFunctionDef, NodeId),
}

impl<'a> Layer<'_, 'a> {
    /// `create_engine("sqlite:///x.db")` -> `create_async_engine("sqlite+aiosqlite:///x.db")`.
    pub(super) fn engine(&mut self, call: &ast::ExprCall) -> Result<(), Declined> {
        let ctx = self.ctx;
        let at = ctx.model.id(call);
        if call.arguments.args.len() > 1 {
            return Err("the engine is given more than an address by position".into());
        }
        for keyword in &call.arguments.keywords {
            let name = keyword.arg.as_ref().map_or("**", |name| name.as_str());
            if !SHARED.contains(&name) {
                return Err(format!("`{name}` of the engine has another meaning for an asynchronous one").into());
            }
            if name == "poolclass" {
                let class = ctx.model.qualified_name(&keyword.value);
                match class.as_deref().and_then(|class| class.rsplit('.').next()) {
                    Some("NullPool" | "StaticPool") => {}
                    Some("QueuePool") => {
                        let fix = arguments::queue(ctx, &keyword.value)?;
                        self.imports.extend(fix.imports);
                        self.draft.replace(keyword.value.range(), "AsyncAdaptedQueuePool");
                    }
                    _ => return Err("the pool of the engine has no asynchronous counterpart".into()),
                }
            }
        }
        let name = self.member("sqlalchemy.ext.asyncio", "create_async_engine", at)?;
        self.draft.replace(call.func.range(), name);
        if let Some((url, scheme)) = address(call) {
            if let Some(driver) = driver(ctx, scheme) {
                self.doubts.extend(driver_doubt(ctx, driver));
                let edit = scheme_edit(ctx, url, scheme, &driver.is)?;
                self.draft.replace(edit.range(), edit.content());
            } else if sqlalchemy::drivers(scheme).next().is_none() && scheme != "postgresql+psycopg" {
                return Err(format!("no asynchronous driver is known for `{scheme}://`").into());
            }
            return Ok(());
        }
        let url = call
            .arguments
            .find_argument_value("url", 0)
            .ok_or("the engine is given no address")?;
        let driver = backend(ctx, call, url).ok_or("which database the address leads to is not known")?;
        self.doubts.extend(driver_doubt(ctx, driver));
        let constant = constant(ctx, url);
        self.address = constant.map(|(name, _)| name.to_owned());
        match constant.map(|(name, value)| (name, value, leading(value))) {
            Some((name, value, Some(text))) => {
                let uses = ctx.model.references_named(name);
                let is_own = !self.is_alone && uses.count() == 1 && !ctx.model.is_shared_address(name);
                if let Some((scheme, _)) = text.split_once("://").filter(|_| is_own) {
                    let edit = scheme_edit(ctx, value, scheme, &driver.is)?;
                    self.draft.replace(edit.range(), edit.content());
                    return Ok(());
                }
            }
            _ => self.doubts.push(format!(
                "`{}` is taken for an address of `{}`, whatever it says",
                ctx.module.slice(url),
                driver.scheme()
            )),
        }
        let make_url = self.member("sqlalchemy.engine", "make_url", at)?;
        let id = ctx.model.id(&url);
        self.draft.around(
            id,
            0,
            &format!("{make_url}("),
            &format!(").set(drivername=\"{}\")", driver.is),
        );
        Ok(())
    }

    /// Where an engine is made, if all that works with it can be followed from there.
    fn made(&mut self, call: &ast::ExprCall) -> Result<Made<'a>, Declined> {
        let model = self.ctx.model;
        let id = model.id(call);
        let parent = model.parent(id);
        match model.node(parent) {
            AnyNodeRef::StmtAssign(_) | AnyNodeRef::StmtAnnAssign(_) if !self.is_bound(parent) => {
                Err("the engine is no constant, or its name has other values too".into())
            }
            AnyNodeRef::StmtAssign(_) | AnyNodeRef::StmtAnnAssign(_) => match model.enclosing_function(id) {
                Some(function) if kept_in(model.node(parent)).is_none() => Ok(Made::Local(function, parent)),
                _ => Ok(Made::Kept),
            },
            AnyNodeRef::StmtReturn(_) if self.is_given(id) => Ok(Made::Kept),
            _ => Err("the engine is not bound to a name".into()),
        }
    }

    /// Whether two calls make an engine for the same name, or for the callers of the same function: one of them is made.
    pub(super) fn is_same_engine(&self, one: &ast::ExprCall, other: &ast::ExprCall) -> bool {
        let model = self.ctx.model;
        let statement = |call: &ast::ExprCall| model.parent(model.id(call));
        let (first, second) = (statement(one), statement(other));
        if model.parent(first) == model.parent(second) {
            return false;
        }
        match (model.node(first), model.node(second)) {
            (AnyNodeRef::StmtAssign(one), AnyNodeRef::StmtAssign(other)) => match (&*one.targets, &*other.targets) {
                ([Expr::Name(one)], [Expr::Name(other)]) => {
                    let scope = |name: &ast::ExprName| model.scope_of(model.id(name));
                    one.id == other.id && scope(one) == ScopeId::MODULE && scope(other) == ScopeId::MODULE
                }
                _ => false,
            },
            (AnyNodeRef::StmtReturn(one), AnyNodeRef::StmtReturn(other)) => {
                let function = |stmt: &ast::StmtReturn| model.enclosing_function(model.id(stmt)).map(Ranged::range);
                function(one).is_some() && function(one) == function(other)
            }
            _ => false,
        }
    }

    /// Whether what a statement binds is known by its name, or by the attribute of an object of this module.
    fn is_bound(&self, stmt: NodeId) -> bool {
        let model = self.ctx.model;
        let target = match model.node(stmt) {
            AnyNodeRef::StmtAssign(assign) => match &*assign.targets {
                [target] => target,
                _ => return false,
            },
            AnyNodeRef::StmtAnnAssign(assign) => &assign.target,
            _ => return false,
        };
        match target {
            // Another value of the name would be of another type, or made like this one.
            Expr::Name(_) => sync_object(self.ctx, target).is_some(),
            Expr::Attribute(kept) => {
                model.class_of(&kept.value).is_some() && sync_object(self.ctx, &Expr::Attribute(kept.clone())).is_some()
            }
            _ => false,
        }
    }

    /// Whether what a `return` gives to callers is known to them: a plain function of the module gives an engine, or a factory, and nothing else.
    fn is_given(&self, value: NodeId) -> bool {
        let model = self.ctx.model;
        model.enclosing_function(value).is_some_and(|function| {
            let is_cached = |decorator: &ast::Decorator| {
                model
                    .qualified_name(map_callable(&decorator.expression))
                    .is_some_and(|name| matches!(&*name, "functools.lru_cache" | "functools.cache"))
            };
            let given = model.sqlalchemy_given(function).map(|class| class.role);
            let is_told = function.returns.as_deref().is_none_or(|returns| {
                let names = if given == Some(Role::Engine) {
                    ENGINES
                } else {
                    FACTORIES
                };
                model
                    .qualified_name(subscripted(returns))
                    .is_some_and(|name| names.contains(&&*name))
            });
            model.scope_of(model.id(function)) == ScopeId::MODULE
                && !function.is_async
                && function.decorator_list.iter().all(is_cached)
                && matches!(given, Some(Role::Engine | Role::Factory))
                && is_told
        })
    }

    /// Whether the project knows what becomes of an engine, or a factory, that is not asked for anything.
    pub(super) fn is_followed(&mut self, id: NodeId) -> bool {
        let parent = self.ctx.model.parent(id);
        match self.ctx.model.node(parent) {
            AnyNodeRef::StmtAssign(_) | AnyNodeRef::StmtAnnAssign(_) => self.is_bound(parent),
            AnyNodeRef::StmtReturn(_) => self.is_given(id),
            AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) => self.is_passed(id),
            _ => false,
        }
    }

    /// Functions that give engines and factories, where they are no callees: who calls them is not seen.
    pub(super) fn givers(&self) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        for reference in model.references() {
            let name = Expr::Name(reference.name.clone());
            if !model.gives_object(&name, Role::Engine) && !model.gives_object(&name, Role::Factory)
                || model.is_callee(reference.node)
            {
                continue;
            }
            let is_injected = model.ancestors(reference.node).take(3).any(|(_, node)| match node {
                AnyNodeRef::ExprCall(call) => model
                    .qualified_name(&call.func)
                    .is_some_and(|name| name.starts_with("fastapi.") && name.ends_with("Depends")),
                _ => false,
            });
            if !is_injected {
                let (line, _) = ctx.module.location(reference.name.start());
                return Err(format!("who calls `{}` is not known in line {line}", reference.name.id).into());
            }
        }
        Ok(())
    }

    /// `Engine` in annotations; listeners of all engines are those of the ones inside of asynchronous ones as well.
    pub(super) fn named(&mut self) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        for (id, name) in model.uses_of(ENGINES) {
            let range = model.node(id).range();
            if self.is_annotation(id) {
                let twin = self.member("sqlalchemy.ext.asyncio", "AsyncEngine", id)?;
                self.draft.replace(range, twin);
                continue;
            }
            let is_listened = model.ancestors(id).take(2).any(|(_, node)| match node {
                AnyNodeRef::ExprCall(call) => is_listener(ctx, call),
                _ => false,
            });
            if !is_listened {
                let (line, _) = ctx.module.location(range.start());
                return Err(format!("`{name}` is named in line {line}").into());
            }
        }
        if let Some((id, _)) = model
            .uses_of(&["sqlite3.Connection", "sqlite3.dbapi2.Connection"])
            .first()
        {
            let (line, _) = ctx.module.location(model.node(*id).range().start());
            let reason = format!(
                "line {line} asks for connections of `sqlite3`, and those of an asynchronous driver are of another class"
            );
            return Err(reason.into());
        }
        Ok(())
    }

    /// Everything that is done with engines.
    pub(super) fn uses_of_engine(&mut self) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        let made: Vec<TextRange> = self.engines().iter().map(Ranged::range).collect();
        let engines: Vec<NodeId> = model
            .subtree(NodeId(0))
            .filter(|(_, node)| match node {
                AnyNodeRef::ExprName(name) if name.ctx.is_load() => is_engine(ctx, &Expr::Name((*name).clone())),
                AnyNodeRef::ExprAttribute(read) if read.ctx.is_load() => {
                    is_engine(ctx, &Expr::Attribute((*read).clone()))
                }
                AnyNodeRef::ExprCall(call) => {
                    !made.contains(&call.range()) && is_engine(ctx, &Expr::Call((*call).clone()))
                }
                _ => false,
            })
            .map(|(id, _)| id)
            .collect();
        for engine in engines {
            let line = ctx.module.location(model.node(engine).range().start()).0;
            let unknown = || Declined(format!("what the engine is used for in line {line} is not known"));
            let parent = model.parent(engine);
            match model.node(parent) {
                AnyNodeRef::ExprAttribute(member) => {
                    let name = member.attr.as_str();
                    let outer = model.parent(parent);
                    match model.node(outer) {
                        AnyNodeRef::ExprCall(call) if call.func.range() == member.range() => match name {
                            "dispose" => {
                                self.is_disposed = true;
                                self.await_at(outer);
                            }
                            // Entered by a `with`, which is looked at below.
                            "connect" | "begin"
                                if matches!(model.node(model.parent(outer)), AnyNodeRef::WithItem(_)) => {}
                            _ => return Err(unknown()),
                        },
                        _ if PLAIN_OF_ENGINE.contains(&name) => self.is_asked = true,
                        _ => return Err(unknown()),
                    }
                }
                AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) => {
                    let call = model
                        .ancestors(engine)
                        .find_map(|(_, node)| match node {
                            AnyNodeRef::ExprCall(call) => Some(call),
                            _ => None,
                        })
                        .ok_or_else(unknown)?;
                    self.engine_as_argument(call, engine, unknown)?;
                }
                _ if self.is_followed(engine) => {}
                _ => return Err(unknown()),
            }
        }
        Ok(())
    }

    fn engine_as_argument(
        &mut self,
        call: &'a ast::ExprCall,
        reference: NodeId,
        unknown: impl Fn() -> Declined,
    ) -> Result<(), Declined> {
        let model = self.ctx.model;
        let qualified = model.qualified_name(&call.func).unwrap_or_default();
        if SESSIONS.contains(&&*qualified) || FACTORIES.contains(&&*qualified) {
            return Ok(());
        }
        if is_listener(self.ctx, call) {
            self.draft.around(reference, 0, "", ".sync_engine");
            return Ok(());
        }
        if matches!(&*qualified, "sqlalchemy.inspect" | "sqlalchemy.inspection.inspect") {
            return self.inspected(call, reference).ok_or_else(unknown);
        }
        let Some(method) = call
            .func
            .as_attribute_expr()
            .filter(|method| matches!(method.attr.as_str(), "create_all" | "drop_all" | "reflect"))
        else {
            return if self.is_followed(reference) {
                Ok(())
            } else {
                Err(unknown())
            };
        };
        let id = model.id(call);
        let statement = model.statement_of(id).map(|(id, _)| id);
        let alone = matches!(statement.map(|id| model.node(id)), Some(AnyNodeRef::StmtExpr(stmt)) if stmt.value.range() == call.range());
        if !alone || call.arguments.len() != 1 {
            return Err(unknown());
        }
        let connection = model.fresh_name("connection", id);
        let unit = self.ctx.indent_unit(statement.unwrap_or(id));
        let engine = model.slice(model.node(reference).range());
        let lines = [
            format!("async with {engine}.begin() as {connection}:"),
            format!("await {connection}.run_sync({})", model.slice(&*call.func)),
        ];
        if model.scope_of(id) == ScopeId::MODULE && !model.is_in_main_block(id) {
            return self.made_at_import(id, &method.attr, lines);
        }
        if self.is_in_fixture(id) {
            return self.made_in_fixture(call, &method.attr, lines);
        }
        self.waits.push(id);
        self.draft.restate(call.range(), lines.join(&format!("\n{unit}")));
        Ok(())
    }

    /// `inspect(engine).get_table_names()` asks the database: inside of a connection, by `run_sync`. `None` where the inspector is kept, or asked
    /// by the header of a block.
    fn inspected(&mut self, call: &'a ast::ExprCall, engine: NodeId) -> Option<()> {
        let model = self.ctx.model;
        let method = model.parent(model.id(call));
        let outer = model.parent(method);
        let (AnyNodeRef::ExprAttribute(_), AnyNodeRef::ExprCall(asked)) = (model.node(method), model.node(outer))
        else {
            return None;
        };
        let (_, stmt) = model.statement_of(outer)?;
        let is_simple = matches!(
            stmt,
            Stmt::Expr(_) | Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::Return(_)
        );
        if !is_simple || asked.func.range() != model.node(method).range() {
            return None;
        }
        let connection = model.fresh_name("connection", outer);
        let prefix = self.ctx.await_prefix(asked);
        let close = if prefix.starts_with('(') { "))" } else { ")" };
        let name = model.slice(model.node(engine).range());
        self.draft.replace(model.node(engine).range(), connection.clone());
        self.draft.around(
            outer,
            1,
            &format!("{prefix}{connection}.run_sync(lambda {connection}: "),
            close,
        );
        self.draft
            .put_under(stmt.range(), format!("async with {name}.connect() as {connection}:"));
        self.waits.push(outer);
        Some(())
    }

    /// What is known of the engine that a call makes.
    pub(super) fn make(&mut self, call: &'a ast::ExprCall) -> Result<(), Declined> {
        let made = self.made(call)?;
        self.engine(call)?;
        if let Made::Local(function, stmt) = made
            && self.is_own(function, stmt)
        {
            self.own = Some((function, stmt));
        }
        Ok(())
    }

    /// Whether a function keeps an engine, and what works with it, to itself.
    fn is_own(&self, function: &'a ast::StmtFunctionDef, made: NodeId) -> bool {
        let ctx = self.ctx;
        let model = ctx.model;
        let is_first_level = model.parent(made) == model.id(function);
        let has_object = |value: &Expr| {
            model.subtree(model.id(&value)).any(|(_, node)| match node {
                AnyNodeRef::ExprName(name) => sync_object(ctx, &Expr::Name(name.clone())).is_some(),
                AnyNodeRef::ExprCall(call) => sync_object(ctx, &Expr::Call(call.clone())).is_some(),
                _ => false,
            })
        };
        is_first_level
            && !model.is_generator(function)
            && !model.subtree(model.id(function)).skip(1).any(|(_, node)| match node {
                AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::StmtClassDef(_) | AnyNodeRef::ExprLambda(_) => true,
                AnyNodeRef::StmtReturn(leave) => leave.value.as_deref().is_some_and(has_object),
                AnyNodeRef::StmtGlobal(_) | AnyNodeRef::StmtNonlocal(_) => true,
                AnyNodeRef::StmtAssign(assign) => {
                    let is_name = |target: &Expr| target.is_name_expr();
                    !assign.targets.iter().all(is_name) && has_object(&assign.value)
                }
                AnyNodeRef::ExprAttribute(method) => method.attr.as_str() == "dispose",
                _ => false,
            })
    }

    /// Closes the engine that a function makes for itself, where it ends.
    pub(super) fn close_own(&mut self, coloured: &Coloured) {
        let model = self.ctx.model;
        let Some((function, made)) = self.own else { return };
        let turns =
            |change: &Change| matches!(change, Change::Define(name, _) if *name == function.name.range().into());
        let name = match model.node(made) {
            AnyNodeRef::StmtAssign(assign) => assign.targets.first(),
            AnyNodeRef::StmtAnnAssign(assign) => Some(&*assign.target),
            _ => None,
        };
        if let Some(Expr::Name(name)) = name
            && (function.is_async || coloured.changes.iter().any(turns))
        {
            let behind = model.node(made).range().end();
            let index = function.body.iter().position(|stmt| stmt.start() >= behind);
            self.dispose(
                function,
                &function.body[index.unwrap_or(function.body.len())..],
                &name.id,
            );
        }
    }

    /// Closes the engine where a function ends.
    pub(super) fn close(&mut self, function: &'a ast::StmtFunctionDef, engine: &str) {
        // A doc string stays the first statement.
        let body = match &*function.body {
            [Stmt::Expr(text), body @ ..] if text.value.is_string_literal_expr() => body,
            body => body,
        };
        self.dispose(function, body, engine);
    }

    /// Closes the engine where the last statements of a function end.
    fn dispose(&mut self, function: &'a ast::StmtFunctionDef, body: &'a [Stmt], engine: &str) {
        let model = self.ctx.model;
        let (Some(first), Some(last)) = (body.first(), body.last()) else {
            return;
        };
        let scope = model.body_scope(function);
        let leaves = model.subtree(model.id(function)).any(|(id, node)| {
            matches!(node, AnyNodeRef::StmtReturn(_) | AnyNodeRef::StmtRaise(_)) && model.scope_of(id) == scope
        });
        let dispose = format!("await {engine}.dispose()");
        if leaves {
            let range = TextRange::new(first.start(), last.end());
            self.draft.put_under(range, "try:");
            let unit = self.ctx.indent_unit(model.id(first));
            self.draft.line_outside(range, format!("finally:\n{unit}{dispose}"));
        } else {
            self.draft.line_below(last, dispose);
        }
    }
}

pub fn is_engine(ctx: &Context, expr: &Expr) -> bool {
    sync_object(ctx, expr).is_some_and(|class| class.role == Role::Engine)
}

/// Whether a call adds a listener.
fn is_listener(ctx: &Context, call: &ast::ExprCall) -> bool {
    let name = ctx.model.qualified_name(&call.func);
    name.is_some_and(|name| matches!(&*name, "sqlalchemy.event.listen" | "sqlalchemy.event.listens_for"))
}

/// `sessionmaker` of `sessionmaker[Session]`.
pub(super) fn subscripted(annotation: &Expr) -> &Expr {
    match annotation {
        Expr::Subscript(generic) => &generic.value,
        _ => annotation,
    }
}
