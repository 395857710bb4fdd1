//! A synchronous layer: its engine, its factories, everything that is given a session, and their callers, become asynchronous together or not at
//! all. What of it stands in one file is written here; which functions turn for that, in this file and the others, the project says (`part`).

mod addresses;
mod engines;
mod expired;
mod facts;
mod part;
mod tables;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange};

use super::{CREATE, CREATE_ASYNC, address, arguments, driver, driver_doubt, leading, scheme_edit};
use crate::codemod::Context;
use crate::draft::Draft;
use crate::finding::Declined;
use crate::importer::{Definition, Import};
use crate::knowledge::sqlalchemy::{self, Class, Role};
use crate::legacy_query;
use crate::project::layer::Passed;
use crate::project::summary::Note;
use crate::semantic::{BindingKind, NodeId, ScopeId};
use engines::is_engine;

const ASYNC_SESSION: &str = "sqlalchemy.ext.asyncio.AsyncSession";
const SESSIONS: &[&str] = &[
    "sqlalchemy.orm.Session",
    "sqlalchemy.orm.session.Session",
    "sqlmodel.Session",
    "sqlmodel.orm.session.Session",
];
const FACTORIES: &[&str] = &["sqlalchemy.orm.sessionmaker", "sqlalchemy.orm.session.sessionmaker"];

const ENGINES: &[&str] = &[
    "sqlalchemy.engine.Engine",
    "sqlalchemy.Engine",
    "sqlalchemy.engine.base.Engine",
    "sqlalchemy.future.Engine",
];

/// Methods of a session that make something to be entered.
const BLOCKS: &[&str] = &["begin", "begin_nested"];

/// Methods that a synchronous session alone has.
const SYNC_ONLY: &[&str] = &["bulk_save_objects", "bulk_insert_mappings", "bulk_update_mappings"];

pub use part::{run, summarise};

struct Layer<'c, 'a> {
    ctx: &'c Context<'a>,
    draft: Draft<'c, 'a>,
    imports: Vec<Import>,
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
    /// The lines of the last of them, with those that stand right above.
    deleted: Option<TextRange>,
    /// The functions that make tables for tests, by the lines in them.
    helpers: Vec<([String; 2], String)>,
    definitions: Vec<Definition>,
    /// The line of a fixture that makes tables.
    fixture: Option<usize>,
    /// What is not proven of the engine.
    doubts: Vec<String>,
    /// The constant that the engine's address stands in.
    address: Option<String>,
    /// The function that makes an engine for itself, and the statement that does.
    own: Option<(&'a ast::StmtFunctionDef, NodeId)>,
}

impl<'c, 'a> Layer<'c, 'a> {
    fn new(ctx: &'c Context<'a>) -> Self {
        Self {
            ctx,
            draft: Draft::new(ctx),
            imports: Vec::new(),
            is_disposed: false,
            is_asked: false,
            is_alone: false,
            waits: Vec::new(),
            passed: Vec::new(),
            expired: Vec::new(),
            tables: Vec::new(),
            deleted: None,
            helpers: Vec::new(),
            definitions: Vec::new(),
            fixture: None,
            doubts: Vec::new(),
            address: None,
            own: None,
        }
    }

    fn member(&mut self, module: &'static str, member: &'static str, at: NodeId) -> Result<String, Declined> {
        let (name, import) = self.ctx.plain_member(module, member, at)?;
        self.imports.extend(import);
        Ok(name)
    }

    /// `Session`, in calls and annotations; `sessionmaker`, in calls.
    fn classes(&mut self) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        let mut twin = None;
        for (id, class) in model.uses_of(SESSIONS) {
            let module = self.module_of_twin(class)?;
            if *twin.get_or_insert(module) != module {
                return Err("sessions of SQLModel stand beside those of SQLAlchemy".into());
            }
            let name = self.member(module, "AsyncSession", id)?;
            let range = model.node(id).range();
            self.draft.replace(range, name);
            match model.node(model.parent(id)) {
                AnyNodeRef::ExprCall(call) if call.func.range() == range => {
                    self.bound_to_engine(call)?;
                    self.keep_values(call)?;
                }
                AnyNodeRef::Keyword(_) if self.is_made_by_factory(id) => {}
                AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) | AnyNodeRef::StmtClassDef(_) => {
                    return Err("the class `Session` is used as a value".into());
                }
                _ => {}
            }
        }
        let has_factories = ctx.settings.dependencies.at_least("sqlalchemy", [2, 0]).is_ok();
        for (id, _) in model.uses_of(FACTORIES) {
            let range = model.node(id).range();
            let AnyNodeRef::ExprCall(call) = model.node(model.parent(id)) else {
                if !self.is_annotation(id) && !self.is_annotation(model.parent(id)) {
                    return Err("`sessionmaker` is used as a value".into());
                }
                if has_factories {
                    let name = self.member("sqlalchemy.ext.asyncio", "async_sessionmaker", id)?;
                    self.draft.replace(range, name);
                }
                continue;
            };
            let class = call.arguments.find_argument_value("class_", 1);
            if class.is_some_and(|class| !self.is_made_by_factory(model.id(&class))) {
                return Err("the factory has a class of its own".into());
            }
            self.bound_to_engine(call)?;
            if has_factories {
                let name = self.member("sqlalchemy.ext.asyncio", "async_sessionmaker", id)?;
                self.draft.replace(range, name);
            } else if class.is_none() {
                let class = self.member("sqlalchemy.ext.asyncio", "AsyncSession", id)?;
                self.append(call, &format!("class_={class}"));
            }
            self.keep_values(call)?;
        }
        Ok(())
    }

    /// Where the asynchronous twin of a class of sessions is found.
    fn module_of_twin(&self, class: &str) -> Result<&'static str, Declined> {
        if class.starts_with("sqlmodel.") {
            self.ctx.settings.dependencies.at_least("sqlmodel", [0, 0, 14])?;
            Ok("sqlmodel.ext.asyncio.session")
        } else {
            Ok("sqlalchemy.ext.asyncio")
        }
    }

    /// Whether a factory is told to make sessions of the class that is named here: `sessionmaker(engine, class_=Session)`.
    fn is_made_by_factory(&self, class: NodeId) -> bool {
        let model = self.ctx.model;
        let AnyNodeRef::Keyword(keyword) = model.node(model.parent(class)) else {
            return false;
        };
        let is_one_of =
            |expr: &Expr, names: &[&str]| model.qualified_name(expr).is_some_and(|name| names.contains(&&*name));
        let call = model.ancestors(class).find_map(|(_, node)| match node {
            AnyNodeRef::ExprCall(call) => Some(call),
            _ => None,
        });
        keyword.arg.as_deref() == Some("class_")
            && is_one_of(&keyword.value, SESSIONS)
            && call.is_some_and(|call| is_one_of(&call.func, FACTORIES))
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
                AnyNodeRef::ExprAttribute(_) | AnyNodeRef::StmtExpr(_) => true,
                AnyNodeRef::ExprYield(_) => self.is_of_plain_function(reference.node),
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
}

/// What an expression is, if it is one of the synchronous objects.
pub fn sync_object(ctx: &Context, expr: &Expr) -> Option<&'static Class> {
    ctx.model.sqlalchemy_object(expr).filter(|class| !class.is_async)
}

fn is_held(ctx: &Context, expr: &Expr) -> bool {
    sync_object(ctx, expr).is_some_and(|object| matches!(object.role, Role::Session | Role::Connection))
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
