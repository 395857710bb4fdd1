//! A synchronous layer: its engine, its factories, everything that is given a session, and their callers, become asynchronous together or not at
//! all. What of it stands in one file is written here; which functions turn for that, in this file and the others, the project says (`part`).

mod expired;
mod facts;
mod part;
mod tables;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::{CREATE, CREATE_ASYNC, address, arguments, driver, driver_doubt};
use crate::codemod::Context;
use crate::draft::Draft;
use crate::finding::Declined;
use crate::importer::{Definition, Import};
use crate::knowledge::sqlalchemy::{self, Class, Driver, Role};
use crate::legacy_query;
use crate::project::layer::Passed;
use crate::project::summary::Note;
use crate::semantic::{BindingKind, NodeId, ScopeId};

const ASYNC_SESSION: &str = "sqlalchemy.ext.asyncio.AsyncSession";
const SESSIONS: &[&str] = &["sqlalchemy.orm.Session", "sqlalchemy.orm.session.Session"];
const FACTORIES: &[&str] = &["sqlalchemy.orm.sessionmaker", "sqlalchemy.orm.session.sessionmaker"];

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

/// Methods of a session that make something to be entered.
const BLOCKS: &[&str] = &["begin", "begin_nested"];

/// Methods that a synchronous session alone has.
const SYNC_ONLY: &[&str] = &["bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"];

pub use part::{run, summarise};

struct Layer<'c, 'a> {
    ctx: &'c Context<'a>,
    draft: Draft<'c, 'a>,
    imports: Vec<Import>,
    name: &'a str,
    is_disposed: bool,
    /// Whether the module itself asks the engine for what needs no connection.
    is_asked: bool,
    /// Whether nothing is known of other files.
    is_alone: bool,
    /// What must be awaited: the project says which functions turn for that.
    waits: Vec<NodeId>,
    passed: Vec<Passed>,
    /// Reads of what may be expired, and the classes of other modules that the objects are of.
    expired: Vec<(Note, String)>,
    /// Tables that are made when the module is imported, as the comments above and the lines that make them, for the lifespan of the application.
    tables: Vec<(Vec<String>, [String; 2])>,
    /// The functions that make tables for tests, by the lines in them.
    helpers: Vec<([String; 2], String)>,
    definitions: Vec<Definition>,
    /// The line of a fixture that makes tables.
    fixture: Option<usize>,
    /// What is not proven of the engine.
    doubts: Vec<String>,
    /// The constant that the engine's address stands in.
    address: Option<String>,
}

impl<'c, 'a> Layer<'c, 'a> {
    fn new(ctx: &'c Context<'a>, call: &ast::ExprCall) -> Result<Self, Declined> {
        let model = ctx.model;
        let binding = model
            .bindings()
            .iter()
            .find(|binding| matches!(binding.kind, BindingKind::Assignment(Expr::Call(made)) if made.range() == call.range()))
            .ok_or("the engine is not bound to a name")?;
        if binding.scope != ScopeId::MODULE || model.sole_binding(binding.name, binding.scope).is_none() {
            return Err("the engine is no constant of the module".into());
        }
        Ok(Self {
            name: binding.name,
            ..Self::without_engine(ctx)
        })
    }

    fn without_engine(ctx: &'c Context<'a>) -> Self {
        Self {
            ctx,
            draft: Draft::new(ctx),
            imports: Vec::new(),
            name: "",
            is_disposed: false,
            is_asked: false,
            is_alone: false,
            waits: Vec::new(),
            passed: Vec::new(),
            expired: Vec::new(),
            tables: Vec::new(),
            helpers: Vec::new(),
            definitions: Vec::new(),
            fixture: None,
            doubts: Vec::new(),
            address: None,
        }
    }

    fn member(&mut self, module: &'static str, member: &'static str, at: NodeId) -> Result<String, Declined> {
        let (name, import) = self.ctx.plain_member(module, member, at)?;
        self.imports.extend(import);
        Ok(name)
    }

    /// `create_engine("sqlite:///x.db")` -> `create_async_engine("sqlite+aiosqlite:///x.db")`.
    fn engine(&mut self, call: &ast::ExprCall) -> Result<(), Declined> {
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
                let edit = super::scheme_edit(ctx, url, scheme, &driver.is)?;
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
        let driver = backend(ctx, url).ok_or("which database the address leads to is not known")?;
        self.doubts.extend(driver_doubt(ctx, driver));
        let constant = constant(ctx, url);
        self.address = constant.map(|(name, _)| name.to_owned());
        match constant.map(|(name, value)| (name, value, super::leading(value))) {
            Some((name, value, Some(text))) => {
                let uses = ctx.model.references_named(name);
                let is_own = !self.is_alone && uses.count() == 1 && !ctx.model.is_shared_address(name);
                if let Some((scheme, _)) = text.split_once("://").filter(|_| is_own) {
                    let edit = super::scheme_edit(ctx, value, scheme, &driver.is)?;
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

    /// Everything that is done with the engine's name.
    fn uses_of_engine(&mut self) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        let engines: Vec<NodeId> = model
            .subtree(NodeId(0))
            .filter(|(_, node)| match node {
                AnyNodeRef::ExprName(name) if name.ctx.is_load() => is_engine(ctx, &Expr::Name((*name).clone())),
                AnyNodeRef::ExprAttribute(read) if read.ctx.is_load() => {
                    is_engine(ctx, &Expr::Attribute((*read).clone()))
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
        if matches!(&*qualified, "sqlalchemy.event.listen" | "sqlalchemy.event.listens_for") {
            self.draft.around(reference, 0, "", ".sync_engine");
            return Ok(());
        }
        if matches!(&*qualified, "sqlalchemy.inspect" | "sqlalchemy.inspection.inspect") {
            return self.inspected(call, reference).ok_or_else(unknown);
        }
        let Expr::Attribute(method) = &*call.func else {
            return Err(unknown());
        };
        let is_schema = matches!(method.attr.as_str(), "create_all" | "drop_all");
        let id = model.id(call);
        let statement = model.statement_of(id).map(|(id, _)| id);
        let alone = matches!(statement.map(|id| model.node(id)), Some(AnyNodeRef::StmtExpr(stmt)) if stmt.value.range() == call.range());
        if !is_schema || !alone || call.arguments.len() != 1 {
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

    /// `Session`, in calls and annotations; `sessionmaker`, in calls.
    fn classes(&mut self) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        for (id, _) in model.uses_of(SESSIONS) {
            let name = self.member("sqlalchemy.ext.asyncio", "AsyncSession", id)?;
            let range = model.node(id).range();
            self.draft.replace(range, name);
            match model.node(model.parent(id)) {
                AnyNodeRef::ExprCall(call) if call.func.range() == range => {
                    self.bound_to_engine(call)?;
                    self.keep_values(call)?;
                }
                AnyNodeRef::Arguments(_) | AnyNodeRef::StmtClassDef(_) => {
                    return Err("the class `Session` is used as a value".into());
                }
                _ => {}
            }
        }
        for (id, _) in model.uses_of(FACTORIES) {
            let range = model.node(id).range();
            let AnyNodeRef::ExprCall(call) = model.node(model.parent(id)) else {
                return Err("`sessionmaker` is used as a value".into());
            };
            if call.arguments.find_argument("class_", 1).is_some() {
                return Err("the factory has a class of its own".into());
            }
            self.bound_to_engine(call)?;
            if ctx.settings.dependencies.at_least("sqlalchemy", [2, 0]).is_ok() {
                let name = self.member("sqlalchemy.ext.asyncio", "async_sessionmaker", id)?;
                self.draft.replace(range, name);
            } else {
                let class = self.member("sqlalchemy.ext.asyncio", "AsyncSession", id)?;
                self.append(call, &format!("class_={class}"));
            }
            self.keep_values(call)?;
        }
        if model
            .uses_of(&["sqlmodel.Session", "sqlmodel.orm.session.Session"])
            .is_empty()
        {
            Ok(())
        } else {
            Err("SQLModel's session has methods of its own".into())
        }
    }

    fn bound_to_engine(&self, call: &ast::ExprCall) -> Result<(), Declined> {
        match call.arguments.find_argument_value("bind", 0) {
            Some(bind) if is_engine(self.ctx, bind) => Ok(()),
            _ => Err("a session is bound to something else than the engine".into()),
        }
    }

    fn append(&mut self, call: &ast::ExprCall, argument: &str) {
        if let Some(last) = call.arguments.iter_source_order().last() {
            self.draft.insert(last.range().end(), format!(", {argument}"));
        }
    }

    fn keep_values(&mut self, call: &ast::ExprCall) -> Result<(), Declined> {
        match call.arguments.find_keyword("expire_on_commit") {
            None => self.append(call, "expire_on_commit=False"),
            Some(said) if matches!(&said.value, Expr::BooleanLiteral(is) if !is.value) => {}
            Some(_) => {
                return Err("objects are to expire with a commit: what is read of them later would raise".into());
            }
        }
        Ok(())
    }

    /// `with Session(engine) as session:` -> `async with`.
    fn withs(&mut self) -> Result<(), Declined> {
        let model = self.ctx.model;
        for (id, node) in model.subtree(NodeId(0)) {
            let AnyNodeRef::StmtWith(with) = node else { continue };
            let known = with
                .items
                .iter()
                .filter(|item| self.is_entered(&item.context_expr))
                .count();
            if known == 0 || with.is_async {
                continue;
            }
            if known < with.items.len() {
                return Err("a `with` enters other managers too".into());
            }
            self.waits.push(id);
            self.draft.insert(with.start(), "async ");
        }
        Ok(())
    }

    fn is_entered(&self, manager: &Expr) -> bool {
        let Expr::Call(call) = manager else { return false };
        let is_block = || match &*call.func {
            Expr::Attribute(method) => {
                BLOCKS.contains(&method.attr.as_str()) && sync_object(self.ctx, &method.value).is_some()
            }
            _ => false,
        };
        sync_object(self.ctx, manager).is_some() || is_block()
    }

    /// Calls of methods of sessions and connections.
    fn calls(&mut self) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        let counterpart = sqlalchemy::class(ASYNC_SESSION).ok_or("the table has no sessions")?;
        let connection =
            sqlalchemy::class("sqlalchemy.ext.asyncio.AsyncConnection").ok_or("the table has no connections")?;
        let mut in_sync: Vec<TextRange> = Vec::new();
        let mut in_select: Vec<NodeId> = Vec::new();
        for call in model.calls() {
            let Expr::Attribute(method) = &*call.func else { continue };
            let id = model.id(call);
            let Some(object) = sync_object(ctx, &method.value) else {
                continue;
            };
            if in_sync.iter().any(|range| range.contains_range(call.range())) {
                continue;
            }
            let name = method.attr.as_str();
            let is_block = |name: &str, id: NodeId| {
                BLOCKS.contains(&name) && matches!(model.node(model.parent(id)), AnyNodeRef::WithItem(_))
            };
            let twin = match object.role {
                Role::Session => counterpart,
                Role::Connection => connection,
                Role::Engine | Role::Factory => continue,
            };
            if twin.has_coroutine(name) {
                self.await_at(id);
            } else if SYNC_ONLY.contains(&name) || name == "query" {
                if name == "query" && in_select.contains(&id) {
                    continue;
                }
                let turned = (name == "query").then(|| legacy_query::turned(ctx, call));
                if let Some(Ok((roots, parts))) = turned {
                    for root in &roots {
                        self.waits.push(*root);
                    }
                    in_select.extend(roots);
                    self.imports.extend(parts.imports);
                    for edit in parts.edits {
                        self.draft.replace(edit.range(), edit.content());
                    }
                    continue;
                }
                let whole = match name {
                    "query" => match (model.end_of_query(call), turned) {
                        (Some(end), _) => end,
                        (None, Some(Err(Declined(reason)))) => {
                            let (line, _) = ctx.module.location(call.start());
                            return Err(format!("{reason} (the query in line {line})").into());
                        }
                        (None, _) => return Err("a query is used as a value".into()),
                    },
                    _ => id,
                };
                let Expr::Name(session) = &*method.value else {
                    return Err("what only synchronous sessions have is asked of an attribute".into());
                };
                in_sync.push(model.node(whole).range());
                self.waits.push(whole);
                let AnyNodeRef::ExprCall(outer) = model.node(whole) else {
                    continue;
                };
                let prefix = ctx.await_prefix(outer);
                let close = if prefix.starts_with('(') { "))" } else { ")" };
                let text = format!("{prefix}{0}.run_sync(lambda {0}: ", session.id);
                self.draft.around(whole, 1, &text, close);
            } else if !(twin.is_plain(name) || is_block(name, id)) {
                return Err(format!("`{name}` of a session or connection has no asynchronous counterpart").into());
            }
        }
        Ok(())
    }

    /// Sessions that are handed on, and relationships that would be loaded when they are read.
    fn values(&mut self) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        for reference in model.references() {
            let expr = Expr::Name(reference.name.clone());
            if !is_held(ctx, &expr) {
                continue;
            }
            let parent = model.parent(reference.node);
            let is_known = match model.node(parent) {
                AnyNodeRef::ExprAttribute(_) | AnyNodeRef::ExprYield(_) | AnyNodeRef::StmtExpr(_) => true,
                AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) => self.is_passed(reference.node),
                AnyNodeRef::StmtAssign(_) | AnyNodeRef::StmtAnnAssign(_) => part::is_kept(ctx, parent),
                _ => false,
            };
            if !is_known {
                let (line, _) = ctx.module.location(reference.name.start());
                return Err(format!("a session gets out of sight in line {line}").into());
            }
        }
        // The project knows what its relationships are called; here, any attribute may be one.
        if !self.is_alone {
            return Ok(());
        }
        for (id, node) in model.subtree(NodeId(0)) {
            let AnyNodeRef::ExprAttribute(read) = node else {
                continue;
            };
            let Expr::Name(object) = &*read.value else { continue };
            let is_local = model
                .resolve(&object.id, model.scope_of(id))
                .all(|binding| binding.scope != ScopeId::MODULE && !matches!(binding.kind, BindingKind::Import(_)));
            let is_known = sync_object(ctx, &read.value).is_some() || model.imported_root(&read.value);
            if is_local && !is_known && is_lazy(ctx, id, read) {
                let (line, _) = ctx.module.location(read.start());
                return Err(format!("`{}` in line {line} may be loaded when it is read", model.slice(read)).into());
            }
        }
        Ok(())
    }

    /// An `await` that stands in front of a call.
    fn await_at(&mut self, id: NodeId) {
        let model = self.ctx.model;
        self.waits.push(id);
        if let AnyNodeRef::ExprCall(call) = model.node(id) {
            let prefix = self.ctx.await_prefix(call);
            let close = if prefix.starts_with('(') { ")" } else { "" };
            self.draft.around(id, 0, prefix, close);
        }
    }

    /// Closes the engine where a function ends.
    fn dispose(&mut self, function: &'a ast::StmtFunctionDef, engine: &str) {
        let model = self.ctx.model;
        // A doc string stays the first statement.
        let body = match &*function.body {
            [Stmt::Expr(text), body @ ..] if text.value.is_string_literal_expr() => body,
            body => body,
        };
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

/// What an expression is, if it is one of the synchronous objects.
pub fn sync_object(ctx: &Context, expr: &Expr) -> Option<&'static Class> {
    ctx.model.sqlalchemy_object(expr).filter(|class| !class.is_async)
}

fn is_held(ctx: &Context, expr: &Expr) -> bool {
    sync_object(ctx, expr).is_some_and(|object| matches!(object.role, Role::Session | Role::Connection))
}

pub fn is_engine(ctx: &Context, expr: &Expr) -> bool {
    sync_object(ctx, expr).is_some_and(|class| class.role == Role::Engine)
}

/// Whether an attribute of an object is read as what a relationship gives: counted, iterated over, asked for an item or a member.
fn is_lazy(ctx: &Context, id: NodeId, read: &ast::ExprAttribute) -> bool {
    let model = ctx.model;
    match model.node(model.parent(id)) {
        AnyNodeRef::StmtFor(outer) => outer.iter.range() == read.range(),
        AnyNodeRef::Comprehension(outer) => outer.iter.range() == read.range(),
        AnyNodeRef::ExprAttribute(outer) => {
            let is_method = model.is_callee(model.parent(id));
            !is_method || matches!(outer.attr.as_str(), "append" | "remove" | "extend")
        }
        AnyNodeRef::Arguments(_) => match model.node(model.parent(model.parent(id))) {
            AnyNodeRef::ExprCall(call) => ["len", "list", "sorted", "set", "tuple", "sum"]
                .iter()
                .any(|name| model.is_builtin(&call.func, name)),
            _ => false,
        },
        _ => false,
    }
}

/// The driver for an address that is computed: told by a literal that the module gives it, else by the drivers that the project
/// depends on, if they are for one database.
fn backend(ctx: &Context, url: &Expr) -> Option<&'static Driver> {
    let scheme = literal_of(ctx, url).and_then(|text| text.split_once("://").map(|(scheme, _)| scheme.to_owned()));
    if let Some(scheme) = scheme {
        return driver(ctx, &scheme);
    }
    let dependencies = &ctx.settings.dependencies;
    let mut known = sqlalchemy::all_drivers().filter(|driver| dependencies.contains(&driver.package));
    if let Some(first) = known.next() {
        return known.next().is_none().then_some(first);
    }
    let replaced = |driver: &&Driver| driver.replaces.iter().any(|package| dependencies.contains(package));
    let mut schemes = sqlalchemy::all_drivers().filter(replaced).map(Driver::scheme);
    let first = schemes.next()?;
    schemes.all(|scheme| scheme == first).then(|| driver(ctx, first))?
}

/// Whether the engine is one of SQLite's.
fn is_sqlite(ctx: &Context, call: &ast::ExprCall) -> bool {
    let driver = match (address(call), call.arguments.find_argument_value("url", 0)) {
        (Some((_, scheme)), _) => driver(ctx, scheme),
        (None, Some(url)) => backend(ctx, url),
        _ => None,
    };
    driver.is_some_and(|driver| driver.is.starts_with("sqlite"))
}

/// Whether SQLAlchemy may be too old to end the threads of aiosqlite with the program.
fn may_keep_running(ctx: &Context) -> bool {
    let version = ctx.settings.dependencies.version("sqlalchemy");
    version.is_none_or(|version| *version < pep440_rs::Version::new([2, 0, 46]))
}

/// Whether a database of SQLite goes with its connections: one without a file, or all in one connection.
fn is_in_memory(ctx: &Context, call: &ast::ExprCall) -> bool {
    let text = ctx.module.slice(call);
    [":memory:", "\"sqlite://\"", "'sqlite://'", "StaticPool"]
        .iter()
        .any(|word| text.contains(word))
}

/// The constant of the module that an expression names, and its value.
fn constant<'a>(ctx: &Context<'a>, url: &Expr) -> Option<(&'a str, &'a Expr)> {
    let Expr::Name(name) = url else { return None };
    let binding = ctx
        .model
        .sole_binding(&name.id, ctx.model.scope_of(ctx.model.id(name)))?;
    match binding.kind {
        BindingKind::Assignment(value) if binding.scope == ScopeId::MODULE => Some((binding.name, value)),
        _ => None,
    }
}

/// The literal that an expression has in this module: a constant's, the default of `os.environ.get`, or what the module itself writes into `os.environ`.
fn literal_of(ctx: &Context, url: &Expr) -> Option<String> {
    let model = ctx.model;
    match url {
        Expr::StringLiteral(text) => Some(text.value.to_string()),
        Expr::Name(name) => match model.sole_binding(&name.id, model.scope_of(model.id(name)))?.kind {
            BindingKind::Assignment(value) => super::leading(value)
                .map(str::to_owned)
                .or_else(|| literal_of(ctx, value)),
            _ => None,
        },
        Expr::Call(call) => {
            let path = model.qualified_name(&call.func)?;
            match (path.as_str(), call.arguments.args.get(1)) {
                ("os.getenv" | "os.environ.get", Some(Expr::StringLiteral(text))) => Some(text.value.to_string()),
                _ => None,
            }
        }
        Expr::Subscript(read) => {
            model.qualified_name(&read.value).filter(|path| path == "os.environ")?;
            let key = model.slice(&*read.slice);
            ctx.module.syntax().body.iter().find_map(|stmt| match stmt {
                Stmt::Assign(assign) => match (&*assign.targets, &*assign.value) {
                    ([Expr::Subscript(written)], Expr::StringLiteral(text))
                        if model.slice(&*written.slice) == key
                            && model
                                .qualified_name(&written.value)
                                .is_some_and(|path| path == "os.environ") =>
                    {
                        Some(text.value.to_string())
                    }
                    _ => None,
                },
                _ => None,
            })
        }
        _ => None,
    }
}
