//! Connections to databases in async code -> those of the same library, or of its companion, that are awaited: sqlite3 -> aiosqlite,
//! psycopg -> its `AsyncConnection`, redis -> `redis.asyncio`.
//!
//! A connection and all that comes from it (cursors, pipelines) are rewritten together or not at all. What each method is, and what it gives, is
//! in the tables at the end.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextSize};

use crate::codemod::{Context, Wanted};
use crate::draft::Draft;
use crate::edit::Fix;
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::importer::Import;
use crate::semantic::objects::{Object, Slot};
use crate::semantic::place::Backend;
use crate::semantic::{NodeId, ScopeKind};

/// A library, the functions that make its connections, and how a connection is made that is awaited.
struct Driver {
    makers: &'static [&'static str],
    /// The module to import, and what is called in it.
    module: &'static str,
    maker: &'static str,
    /// Whether making the connection is awaited.
    connects: bool,
    /// Whether a connection that is never closed keeps the program from ending.
    must_close: bool,
    /// Whether `with` of the connection is a transaction, at the end of which the connection stays open.
    is_transaction: bool,
    class: &'static Class,
}

/// A class whose instances are followed.
struct Class {
    /// Whether `with` becomes `async with`.
    enters: bool,
    /// Whether `for` becomes `async for`.
    iterates: bool,
    methods: &'static [(&'static str, Method)],
    /// Methods that the table does not name.
    others: Option<Method>,
    /// Attributes that are the same.
    attributes: &'static [&'static str],
}

#[derive(Clone, Copy)]
enum Method {
    /// It is awaited, and gives data.
    Awaited,
    /// It is awaited, and gives an instance of a class.
    AwaitedFor(&'static Class),
    /// It is called as before, and gives an instance of a class.
    PlainFor(&'static Class),
    /// It gives what `async for` reads.
    Iterated,
    /// It is awaited under another name.
    Renamed(&'static str),
}

const MESSAGE: &str = "a connection that blocks the event loop: every other task waits for each of its answers";

pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    ["sqlite3", "psycopg", "redis", "fakeredis"]
        .into_iter()
        .any(|package| glance::imports(text, package))
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for driver in DRIVERS {
        for maker in driver.makers {
            for call in ctx.model.calls_to(maker) {
                let mut rewrite = Rewrite {
                    ctx,
                    driver,
                    draft: Draft::new(ctx),
                    doubt: None,
                    is_closed: false,
                    imports: Vec::new(),
                };
                let object = ctx.model.object_made_by(call);
                let mut places = object.reads.iter().copied().chain([ctx.model.id(call)]);
                if places.any(|place| ctx.model.runs_in_async(place)) {
                    let result = rewrite.connection(call, &object);
                    acc.push_defect(call, MESSAGE, result.and_then(|()| rewrite.finish()));
                }
            }
        }
    }
}

struct Rewrite<'c, 'a> {
    ctx: &'c Context<'a>,
    driver: &'static Driver,
    draft: Draft<'c, 'a>,
    doubt: Option<String>,
    is_closed: bool,
    imports: Vec<Import>,
}

impl<'a> Rewrite<'_, 'a> {
    fn connection(&mut self, call: &'a ast::ExprCall, object: &Object<'a>) -> Result<(), Declined> {
        let (ctx, model) = (self.ctx, self.ctx.model);
        let id = model.id(call);
        self.uses(id, self.driver.class)?;
        for read in &object.reads {
            self.uses(*read, self.driver.class)?;
        }
        if let Some(reason) = object.escape.as_ref().or(object.unknown_origin.as_ref()) {
            return Err(reason.clone().into());
        }
        if object.origins.len() > 1 {
            return Err("it may be another connection".into());
        }
        if model.backend() != Backend::Asyncio {
            return Err("the module is not written for asyncio".into());
        }
        if let Some(Slot::Attribute(_, name)) = object.slots.first() {
            self.doubt
                .get_or_insert_with(|| format!("other files may use `{name}` as well"));
        }
        let is_manager = matches!(model.node(model.parent(id)), AnyNodeRef::WithItem(_));
        if self.driver.must_close && !self.is_closed && !is_manager {
            return Err("it is not closed here: the thread behind it would keep the program from ending".into());
        }
        let (name, import) = ctx.import(Import::Module(self.driver.module), id)?;
        self.imports.extend(import);
        self.draft
            .replace(call.func.range(), format!("{name}.{}", self.driver.maker));
        if self.driver.connects && !(is_manager && self.driver.is_transaction) {
            self.await_at(id, 0)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Fix, Declined> {
        let doubt = "its answers must be the same, and the tasks that use it must all run in one event loop";
        let doubt = self.doubt.unwrap_or_else(|| doubt.to_owned());
        Ok(Fix::unsafe_because(doubt, self.draft.finish()?).import(self.imports))
    }

    /// Notes an `await` in front of an expression.
    fn await_at(&mut self, id: NodeId, layer: u8) -> Result<(), Declined> {
        let AnyNodeRef::ExprCall(call) = self.ctx.model.node(id) else {
            return Ok(());
        };
        if let Some(doubt) = self.ctx.may_await(id)? {
            self.doubt.get_or_insert(doubt);
        }
        let prefix = self.ctx.await_prefix(call);
        let suffix = if prefix.starts_with('(') { ")" } else { "" };
        self.draft.around(id, layer, prefix, suffix);
        Ok(())
    }

    /// Rewrites what is done with one expression that has an instance of a class.
    fn uses(&mut self, id: NodeId, class: &'static Class) -> Result<(), Declined> {
        let model = self.ctx.model;
        let parent = model.parent(id);
        let range = model.node(id).range();
        match model.node(parent) {
            AnyNodeRef::ExprAttribute(attribute) => match model.node(model.parent(parent)) {
                AnyNodeRef::ExprCall(call) if call.func.range() == attribute.range() => {
                    self.method(attribute, call, class)
                }
                _ if class.attributes.contains(&attribute.attr.as_str()) => Ok(()),
                _ => Err(Declined(format!("`{}` is not the same", model.slice(attribute)))),
            },
            AnyNodeRef::WithItem(item) => self.manager(item, class),
            AnyNodeRef::StmtFor(stmt) if class.iterates && stmt.iter.range() == range => {
                self.async_for(parent, stmt.start())
            }
            AnyNodeRef::Comprehension(inner) if class.iterates && inner.iter.range() == range => {
                self.async_for(parent, inner.start())
            }
            AnyNodeRef::StmtAssign(assign) if assign.value.range() == range => match assign.targets.as_slice() {
                // The connection itself is followed by all its names.
                _ if std::ptr::eq(class, self.driver.class) => Ok(()),
                [Expr::Name(target)] => self.name(target, class),
                _ => Err("what comes from the connection is kept where other code can use it".into()),
            },
            AnyNodeRef::StmtExpr(_) | AnyNodeRef::StmtAnnAssign(_) => Ok(()),
            _ => Err("what comes from the connection goes where it cannot be followed".into()),
        }
    }

    /// All reads of a local name that holds a cursor or a pipeline.
    fn name(&mut self, target: &'a ast::ExprName, class: &'static Class) -> Result<(), Declined> {
        let model = self.ctx.model;
        let scope = model.scope_of(model.id(target));
        let is_local = matches!(model.scope(scope).kind, ScopeKind::Function(_));
        if !is_local || model.sole_binding(&target.id, scope).is_none() || model.is_captured(&target.id, scope) {
            return Err(Declined(format!("`{}` is used or bound elsewhere too", target.id)));
        }
        let own = model.lookup(&target.id, scope);
        let reads: Vec<NodeId> = model
            .references_named(&target.id)
            .filter(|reference| model.lookup(&target.id, reference.scope) == own)
            .map(|reference| reference.node)
            .collect();
        reads.into_iter().try_for_each(|read| self.uses(read, class))
    }

    fn method(
        &mut self,
        attribute: &'a ast::ExprAttribute,
        call: &'a ast::ExprCall,
        class: &'static Class,
    ) -> Result<(), Declined> {
        let model = self.ctx.model;
        let id = model.id(call);
        let name = attribute.attr.as_str();
        let known = class
            .methods
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, method)| *method);
        let Some(method) = known.or(class.others) else {
            return Err(Declined(format!("`{name}` has no counterpart that is awaited")));
        };
        self.is_closed |= name == "close";
        match method {
            Method::PlainFor(given) => self.uses(id, given),
            Method::Awaited => self.await_at(id, 0),
            Method::AwaitedFor(given) => {
                self.await_at(id, 0)?;
                self.uses(id, given)
            }
            Method::Renamed(new) => {
                self.draft.replace(attribute.attr.range(), new);
                self.await_at(id, 0)
            }
            Method::Iterated => {
                let parent = model.parent(id);
                match model.node(parent) {
                    AnyNodeRef::StmtFor(stmt) if stmt.iter.range() == call.range() => {
                        self.async_for(parent, stmt.start())
                    }
                    AnyNodeRef::Comprehension(inner) if inner.iter.range() == call.range() => {
                        self.async_for(parent, inner.start())
                    }
                    _ => Err(Declined(format!("what `{name}` gives is not read by a loop"))),
                }
            }
        }
    }

    fn async_for(&mut self, at: NodeId, start: TextSize) -> Result<(), Declined> {
        let model = self.ctx.model;
        // Of a comprehension, the place is asked for where its element is evaluated.
        let place = match model.node(at) {
            AnyNodeRef::Comprehension(inner) => model.id(&inner.target),
            _ => at,
        };
        if let Some(doubt) = self.ctx.may_await(place)? {
            self.doubt.get_or_insert(doubt);
        }
        self.draft.insert(start, "async ");
        Ok(())
    }

    /// `with connection:`, `with connection.cursor() as cursor:`
    fn manager(&mut self, item: &'a ast::WithItem, class: &'static Class) -> Result<(), Declined> {
        let model = self.ctx.model;
        let id = model.id(item);
        let AnyNodeRef::StmtWith(stmt) = model.node(model.parent(id)) else {
            return Ok(());
        };
        let is_connection = std::ptr::eq(class, self.driver.class);
        if !class.enters || stmt.items.len() != 1 {
            return Err("a `with` of it does something else where it is awaited".into());
        }
        if let Some(doubt) = self.ctx.may_await(model.id(stmt))? {
            self.doubt.get_or_insert(doubt);
        }
        self.draft.insert(stmt.start(), "async ");
        let target = match item.optional_vars.as_deref() {
            None => None,
            Some(Expr::Name(target)) => Some(target),
            Some(_) => return Err("it is unpacked".into()),
        };
        if is_connection && self.driver.is_transaction {
            self.commit(stmt, item, target)?;
        }
        match target {
            Some(target) => self.name(target, class),
            None => Ok(()),
        }
    }

    /// The end of a transaction, at which sqlite3 commits and aiosqlite closes.
    fn commit(
        &mut self,
        stmt: &'a ast::StmtWith,
        item: &'a ast::WithItem,
        target: Option<&'a ast::ExprName>,
    ) -> Result<(), Declined> {
        let model = self.ctx.model;
        let (Expr::Call(_), Some(target)) = (&item.context_expr, target) else {
            return Err("a `with` of a connection of sqlite3 is a transaction, and of aiosqlite its end".into());
        };
        let leaves = model.subtree(model.id(stmt)).any(|(_, node)| {
            matches!(
                node,
                AnyNodeRef::StmtReturn(_) | AnyNodeRef::StmtBreak(_) | AnyNodeRef::StmtContinue(_)
            )
        });
        if leaves {
            return Err("the transaction may end by a `return`, `break` or `continue`".into());
        }
        let scope = model.scope_of(model.id(target));
        let is_used_behind = model
            .references_named(&target.id)
            .any(|reference| reference.scope == scope && !stmt.range().contains_range(reference.name.range()));
        if is_used_behind {
            return Err("the connection is used behind its `with`, where that of aiosqlite is closed".into());
        }
        if let Some(last) = stmt.body.last() {
            self.draft
                .line_below(last.range(), format!("await {}.commit()", target.id));
        }
        Ok(())
    }
}

static DRIVERS: &[Driver] = &[
    Driver {
        makers: &["sqlite3.connect"],
        module: "aiosqlite",
        maker: "connect",
        connects: true,
        must_close: true,
        is_transaction: true,
        class: &SQLITE,
    },
    Driver {
        makers: &["psycopg.connect", "psycopg.Connection.connect"],
        module: "psycopg",
        maker: "AsyncConnection.connect",
        connects: true,
        must_close: false,
        is_transaction: false,
        class: &PSYCOPG,
    },
    Driver {
        makers: &["redis.Redis", "redis.StrictRedis"],
        module: "redis.asyncio",
        maker: "Redis",
        connects: false,
        must_close: false,
        is_transaction: false,
        class: &REDIS,
    },
    Driver {
        makers: &["fakeredis.FakeRedis", "fakeredis.FakeStrictRedis"],
        module: "fakeredis",
        maker: "FakeAsyncRedis",
        connects: false,
        must_close: false,
        is_transaction: false,
        class: &REDIS,
    },
    Driver {
        makers: &["redis.from_url", "redis.Redis.from_url"],
        module: "redis.asyncio",
        maker: "from_url",
        connects: false,
        must_close: false,
        is_transaction: false,
        class: &REDIS,
    },
];

// Read in the sources of aiosqlite 0.22, psycopg 3.2 and redis 6.

static SQLITE: Class = Class {
    enters: true,
    iterates: false,
    methods: &[
        ("execute", Method::AwaitedFor(&SQLITE_CURSOR)),
        ("executemany", Method::AwaitedFor(&SQLITE_CURSOR)),
        ("executescript", Method::AwaitedFor(&SQLITE_CURSOR)),
        ("cursor", Method::AwaitedFor(&SQLITE_CURSOR)),
        ("commit", Method::Awaited),
        ("rollback", Method::Awaited),
        ("close", Method::Awaited),
    ],
    others: None,
    attributes: &["total_changes", "in_transaction", "row_factory", "isolation_level"],
};

static SQLITE_CURSOR: Class = Class {
    enters: false,
    iterates: true,
    methods: &[
        ("execute", Method::AwaitedFor(&SQLITE_CURSOR)),
        ("executemany", Method::AwaitedFor(&SQLITE_CURSOR)),
        ("executescript", Method::AwaitedFor(&SQLITE_CURSOR)),
        ("fetchone", Method::Awaited),
        ("fetchmany", Method::Awaited),
        ("fetchall", Method::Awaited),
        ("close", Method::Awaited),
    ],
    others: None,
    attributes: &["rowcount", "lastrowid", "description", "arraysize"],
};

static PSYCOPG: Class = Class {
    enters: true,
    iterates: false,
    methods: &[
        ("execute", Method::AwaitedFor(&PSYCOPG_CURSOR)),
        ("cursor", Method::PlainFor(&PSYCOPG_CURSOR)),
        ("commit", Method::Awaited),
        ("rollback", Method::Awaited),
        ("close", Method::Awaited),
    ],
    others: None,
    attributes: &["closed", "info", "row_factory"],
};

static PSYCOPG_CURSOR: Class = Class {
    enters: true,
    iterates: true,
    methods: &[
        ("execute", Method::AwaitedFor(&PSYCOPG_CURSOR)),
        ("executemany", Method::Awaited),
        ("fetchone", Method::Awaited),
        ("fetchmany", Method::Awaited),
        ("fetchall", Method::Awaited),
        ("close", Method::Awaited),
    ],
    others: None,
    attributes: &["rowcount", "description", "statusmessage", "row_factory"],
};

static REDIS: Class = Class {
    enters: true,
    iterates: false,
    methods: &[
        ("pipeline", Method::PlainFor(&REDIS_PIPELINE)),
        ("scan_iter", Method::Iterated),
        ("hscan_iter", Method::Iterated),
        ("sscan_iter", Method::Iterated),
        ("zscan_iter", Method::Iterated),
        ("close", Method::Renamed("aclose")),
        ("get", Method::Awaited),
        ("set", Method::Awaited),
        ("setex", Method::Awaited),
        ("setnx", Method::Awaited),
        ("getset", Method::Awaited),
        ("getdel", Method::Awaited),
        ("mget", Method::Awaited),
        ("mset", Method::Awaited),
        ("incr", Method::Awaited),
        ("incrby", Method::Awaited),
        ("decr", Method::Awaited),
        ("append", Method::Awaited),
        ("delete", Method::Awaited),
        ("exists", Method::Awaited),
        ("expire", Method::Awaited),
        ("ttl", Method::Awaited),
        ("keys", Method::Awaited),
        ("type", Method::Awaited),
        ("hget", Method::Awaited),
        ("hset", Method::Awaited),
        ("hmget", Method::Awaited),
        ("hgetall", Method::Awaited),
        ("hdel", Method::Awaited),
        ("hincrby", Method::Awaited),
        ("hkeys", Method::Awaited),
        ("hvals", Method::Awaited),
        ("hexists", Method::Awaited),
        ("hlen", Method::Awaited),
        ("lpush", Method::Awaited),
        ("rpush", Method::Awaited),
        ("lpop", Method::Awaited),
        ("rpop", Method::Awaited),
        ("llen", Method::Awaited),
        ("lrange", Method::Awaited),
        ("ltrim", Method::Awaited),
        ("blpop", Method::Awaited),
        ("brpop", Method::Awaited),
        ("sadd", Method::Awaited),
        ("srem", Method::Awaited),
        ("smembers", Method::Awaited),
        ("sismember", Method::Awaited),
        ("scard", Method::Awaited),
        ("zadd", Method::Awaited),
        ("zrem", Method::Awaited),
        ("zrange", Method::Awaited),
        ("zscore", Method::Awaited),
        ("zcard", Method::Awaited),
        ("zincrby", Method::Awaited),
        ("publish", Method::Awaited),
        ("ping", Method::Awaited),
        ("flushdb", Method::Awaited),
        ("flushall", Method::Awaited),
        ("dbsize", Method::Awaited),
        ("eval", Method::Awaited),
        ("info", Method::Awaited),
        ("execute_command", Method::Awaited),
    ],
    others: None,
    attributes: &["connection_pool"],
};

static REDIS_PIPELINE: Class = Class {
    enters: true,
    iterates: false,
    methods: &[
        ("execute", Method::Awaited),
        ("reset", Method::Awaited),
        // It sends at once, and so do the commands behind it.
        ("watch", Method::Iterated),
        ("immediate_execute_command", Method::Iterated),
    ],
    // Commands wait in the pipeline, which they give back.
    others: Some(Method::PlainFor(&REDIS_PIPELINE)),
    attributes: &["command_stack"],
};
