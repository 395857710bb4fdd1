//! Connections to databases in async code -> those of the same library, or of its companion, that are awaited: sqlite3 -> aiosqlite,
//! psycopg -> its `AsyncConnection`, pymongo -> its `AsyncMongoClient`, redis -> `redis.asyncio`.
//!
//! A connection is followed with all that comes from it (`src/awaited_twin.rs`). Here: the libraries, and what each of their methods is.

use ruff_python_ast as ast;
use ruff_text_size::Ranged;

use crate::awaited_twin::{Class, Exchange, Method, Opening, PLAIN, Reader, Twin};
use crate::codemod::{Context, Wanted};
use crate::edit::Fix;
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::semantic::place::Backend;

/// A library, the functions that make its connections, and how a connection is made that is awaited.
struct Driver {
    makers: &'static [&'static str],
    needs: Needs,
    twin: Twin,
}

/// From which version on a distribution has the twin.
enum Needs {
    Any,
    /// Every release of the last years has it: refused where the project is known to run with an older one.
    Unless(&'static str, [u64; 2]),
    /// Refused where the project is not known to run with this one.
    Known(&'static str, [u64; 2]),
}

const MESSAGE: &str = "a connection that blocks the event loop: every other task waits for each of its answers";

pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    ["sqlite3", "psycopg", "pymongo", "redis", "fakeredis"]
        .into_iter()
        .any(|package| glance::imports(text, package))
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for driver in DRIVERS {
        for maker in driver.makers {
            for call in ctx.model.calls_to(maker) {
                if is_used_in_async(ctx, call) {
                    acc.push_defect(call, MESSAGE, rewrite(ctx, driver, call));
                }
            }
        }
    }
}

/// Whether a connection, or what comes from it and has a name of its own, is made or used in an async function.
fn is_used_in_async<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> bool {
    let model = ctx.model;
    let mut open = vec![model.id(call)];
    let mut seen = Vec::new();
    while let Some(value) = open.pop() {
        if model.runs_in_async(value) {
            return true;
        }
        if seen.contains(&value) {
            continue;
        }
        seen.push(value);
        open.extend(model.object_from(value).reads);
        // `client.shop`, `client["shop"]`, `client.get_database()`.
        open.extend(model.ancestors(value).take(2).map(|(id, _)| id).filter(|id| {
            matches!(
                model.node(*id),
                ast::AnyNodeRef::ExprAttribute(_) | ast::AnyNodeRef::ExprSubscript(_) | ast::AnyNodeRef::ExprCall(_)
            )
        }));
    }
    false
}

fn rewrite<'a>(ctx: &Context<'a>, driver: &'static Driver, call: &'a ast::ExprCall) -> Result<Fix, Declined> {
    if ctx.model.backend() != Backend::Asyncio {
        return Err("the module is not written for asyncio".into());
    }
    let dependencies = &ctx.settings.dependencies;
    match driver.needs {
        Needs::Known(name, version) => dependencies.at_least(name, version)?,
        Needs::Unless(name, version) if dependencies.version(name).is_some() => dependencies.at_least(name, version)?,
        Needs::Any | Needs::Unless(..) => {}
    }
    let mut exchange = Exchange::new(ctx, &driver.twin, &[call]);
    exchange.object(call, |draft, twin| draft.replace(call.func.range(), twin))?;
    exchange.finish("its answers must be the same, and the tasks that use it must all run in one event loop")
}

static DRIVERS: &[Driver] = &[
    Driver {
        makers: &["sqlite3.connect"],
        needs: Needs::Any,
        twin: Twin {
            module: "aiosqlite",
            maker: "connect",
            has_own_name: false,
            opening: Opening::AwaitedUnlessEntered,
            positional: Some(1),
            refused_arguments: &[],
            must_end: Some((
                &["close"],
                "it is not closed here: the thread behind it would keep the program from ending",
            )),
            is_transaction: true,
            class: &SQLITE,
        },
    },
    Driver {
        makers: &["psycopg.connect", "psycopg.Connection.connect"],
        needs: Needs::Any,
        twin: Twin {
            module: "psycopg",
            maker: "AsyncConnection.connect",
            has_own_name: false,
            opening: Opening::Awaited,
            positional: None,
            refused_arguments: &[],
            must_end: None,
            is_transaction: false,
            class: &PSYCOPG,
        },
    },
    Driver {
        makers: &["redis.Redis", "redis.StrictRedis"],
        needs: Needs::Unless("redis", [5, 1]),
        twin: Twin {
            module: "redis.asyncio",
            maker: "Redis",
            has_own_name: false,
            opening: Opening::Called,
            positional: Some(0),
            refused_arguments: &["connection_pool", "retry", "credential_provider", "redis_connect_func"],
            must_end: None,
            is_transaction: false,
            class: &REDIS,
        },
    },
    Driver {
        makers: &["fakeredis.FakeRedis", "fakeredis.FakeStrictRedis"],
        needs: Needs::Any,
        twin: Twin {
            module: "fakeredis",
            maker: "FakeAsyncRedis",
            has_own_name: false,
            opening: Opening::Called,
            positional: Some(0),
            refused_arguments: &["connection_pool", "retry"],
            must_end: None,
            is_transaction: false,
            class: &REDIS,
        },
    },
    Driver {
        makers: &["redis.from_url", "redis.Redis.from_url"],
        needs: Needs::Unless("redis", [5, 1]),
        twin: Twin {
            module: "redis.asyncio",
            maker: "from_url",
            has_own_name: false,
            opening: Opening::Called,
            positional: Some(1),
            refused_arguments: &["connection_pool", "retry", "credential_provider", "redis_connect_func"],
            must_end: None,
            is_transaction: false,
            class: &REDIS,
        },
    },
    Driver {
        makers: &["pymongo.MongoClient", "pymongo.mongo_client.MongoClient"],
        needs: Needs::Known("pymongo", [4, 13]),
        twin: Twin {
            module: "pymongo",
            maker: "AsyncMongoClient",
            has_own_name: true,
            opening: Opening::Called,
            positional: None,
            refused_arguments: &["auto_encryption_opts"],
            must_end: None,
            is_transaction: false,
            class: &MONGO,
        },
    },
];

// Read in the sources of aiosqlite 0.22, psycopg 3.3, pymongo 4.17 and redis 8.

static SQLITE: Class = Class {
    enters: true,
    methods: &[
        ("execute", Method::AwaitedFor(&SQLITE_CURSOR)),
        ("executemany", Method::AwaitedFor(&SQLITE_CURSOR)),
        ("executescript", Method::AwaitedFor(&SQLITE_CURSOR)),
        ("cursor", Method::AwaitedFor(&SQLITE_CURSOR)),
        ("commit", Method::Awaited),
        ("rollback", Method::Awaited),
        ("close", Method::Awaited),
    ],
    attributes: &["total_changes", "in_transaction", "row_factory", "isolation_level"],
    ..PLAIN
};

static SQLITE_CURSOR: Class = Class {
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
    attributes: &["rowcount", "lastrowid", "description", "arraysize"],
    ..PLAIN
};

static PSYCOPG: Class = Class {
    enters: true,
    methods: &[
        ("execute", Method::AwaitedFor(&PSYCOPG_CURSOR)),
        ("cursor", Method::PlainFor(&PSYCOPG_CURSOR)),
        ("transaction", Method::PlainFor(&ENTERED)),
        ("pipeline", Method::PlainFor(&ENTERED)),
        ("notifies", Method::Iterated),
        ("commit", Method::Awaited),
        ("rollback", Method::Awaited),
        ("close", Method::Awaited),
    ],
    attributes: &["closed", "info", "row_factory"],
    ..PLAIN
};

static PSYCOPG_CURSOR: Class = Class {
    enters: true,
    iterates: true,
    methods: &[
        ("execute", Method::AwaitedFor(&PSYCOPG_CURSOR)),
        ("executemany", Method::Awaited),
        ("stream", Method::Iterated),
        ("copy", Method::PlainFor(&PSYCOPG_COPY)),
        ("scroll", Method::Awaited),
        ("fetchone", Method::Awaited),
        ("fetchmany", Method::Awaited),
        ("fetchall", Method::Awaited),
        ("close", Method::Awaited),
    ],
    attributes: &["rowcount", "description", "statusmessage", "row_factory"],
    ..PLAIN
};

static PSYCOPG_COPY: Class = Class {
    enters: true,
    iterates: true,
    methods: &[
        ("read", Method::Awaited),
        ("read_row", Method::Awaited),
        ("rows", Method::Iterated),
        ("write", Method::Awaited),
        ("write_row", Method::Awaited),
        ("set_types", Method::Same),
    ],
    ..PLAIN
};

/// A transaction: nothing but `with`.
static ENTERED: Class = Class { enters: true, ..PLAIN };

static REDIS: Class = Class {
    enters: true,
    methods: &[
        ("pipeline", Method::PlainFor(&REDIS_PIPELINE)),
        ("lock", Method::PlainFor(&REDIS_LOCK)),
        ("pubsub", Method::PlainFor(&REDIS_CHANNELS)),
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
    attributes: &["connection_pool"],
    ..PLAIN
};

static REDIS_PIPELINE: Class = Class {
    enters: true,
    methods: &[
        ("execute", Method::Awaited),
        ("reset", Method::Awaited),
        ("watch", Method::Refused("after `watch`, a command is answered at once")),
        ("immediate_execute_command", Method::Refused("it is answered at once")),
    ],
    // Commands wait in the pipeline, which they give back.
    others: Some(Method::PlainFor(&REDIS_PIPELINE)),
    attributes: &["command_stack"],
    ..PLAIN
};

static REDIS_LOCK: Class = Class {
    enters: true,
    methods: &[
        ("acquire", Method::Awaited),
        ("release", Method::Awaited),
        ("extend", Method::Awaited),
        ("reacquire", Method::Awaited),
        ("locked", Method::Awaited),
        ("owned", Method::Awaited),
    ],
    attributes: &["name", "timeout"],
    ..PLAIN
};

static REDIS_CHANNELS: Class = Class {
    enters: true,
    methods: &[
        ("subscribe", Method::Awaited),
        ("unsubscribe", Method::Awaited),
        ("psubscribe", Method::Awaited),
        ("punsubscribe", Method::Awaited),
        ("get_message", Method::Awaited),
        ("ping", Method::Awaited),
        ("listen", Method::Iterated),
        ("close", Method::Renamed("aclose")),
    ],
    attributes: &["subscribed", "channels", "patterns"],
    ..PLAIN
};

/// What reads a cursor of pymongo to its end.
const MONGO_READERS: &[Reader] = &[
    Reader {
        function: "list",
        instead: None,
        is_all: true,
        method: "to_list",
    },
    Reader {
        function: "tuple",
        instead: None,
        is_all: false,
        method: "to_list",
    },
    Reader {
        function: "set",
        instead: None,
        is_all: false,
        method: "to_list",
    },
    Reader {
        function: "sorted",
        instead: None,
        is_all: false,
        method: "to_list",
    },
];

static MONGO: Class = Class {
    enters: true,
    methods: &[
        ("close", Method::Awaited),
        ("aconnect", Method::Awaited),
        ("server_info", Method::Awaited),
        ("list_database_names", Method::Awaited),
        ("drop_database", Method::Awaited),
        ("bulk_write", Method::Awaited),
        ("list_databases", Method::AwaitedFor(&MONGO_COMMAND_CURSOR)),
        ("watch", Method::AwaitedFor(&MONGO_CHANGES)),
        ("get_database", Method::PlainFor(&MONGO_DATABASE)),
        ("get_default_database", Method::PlainFor(&MONGO_DATABASE)),
        ("start_session", Method::PlainFor(&MONGO_SESSION)),
    ],
    attributes: &[
        "codec_options",
        "read_preference",
        "write_concern",
        "read_concern",
        "options",
        "topology_description",
    ],
    changed: &[
        "address",
        "primary",
        "secondaries",
        "arbiters",
        "is_primary",
        "is_mongos",
        "nodes",
    ],
    members: Some(&MONGO_DATABASE),
    ..PLAIN
};

static MONGO_DATABASE: Class = Class {
    methods: &[
        ("command", Method::Awaited),
        ("list_collection_names", Method::Awaited),
        ("drop_collection", Method::Awaited),
        ("validate_collection", Method::Awaited),
        ("dereference", Method::Awaited),
        ("create_collection", Method::AwaitedFor(&MONGO_COLLECTION)),
        ("aggregate", Method::AwaitedFor(&MONGO_COMMAND_CURSOR)),
        ("cursor_command", Method::AwaitedFor(&MONGO_COMMAND_CURSOR)),
        ("list_collections", Method::AwaitedFor(&MONGO_COMMAND_CURSOR)),
        ("watch", Method::AwaitedFor(&MONGO_CHANGES)),
        ("get_collection", Method::PlainFor(&MONGO_COLLECTION)),
        ("with_options", Method::PlainFor(&MONGO_DATABASE)),
    ],
    attributes: &[
        "name",
        "codec_options",
        "read_preference",
        "write_concern",
        "read_concern",
    ],
    changed: &["client"],
    members: Some(&MONGO_COLLECTION),
    ..PLAIN
};

static MONGO_COLLECTION: Class = Class {
    methods: &[
        ("bulk_write", Method::Awaited),
        ("insert_one", Method::Awaited),
        ("insert_many", Method::Awaited),
        ("replace_one", Method::Awaited),
        ("update_one", Method::Awaited),
        ("update_many", Method::Awaited),
        ("delete_one", Method::Awaited),
        ("delete_many", Method::Awaited),
        ("drop", Method::Awaited),
        ("find_one", Method::Awaited),
        ("find_one_and_delete", Method::Awaited),
        ("find_one_and_replace", Method::Awaited),
        ("find_one_and_update", Method::Awaited),
        ("count_documents", Method::Awaited),
        ("estimated_document_count", Method::Awaited),
        ("create_index", Method::Awaited),
        ("create_indexes", Method::Awaited),
        ("drop_index", Method::Awaited),
        ("drop_indexes", Method::Awaited),
        ("index_information", Method::Awaited),
        ("rename", Method::Awaited),
        ("distinct", Method::Awaited),
        ("options", Method::Awaited),
        ("aggregate", Method::AwaitedFor(&MONGO_COMMAND_CURSOR)),
        ("list_indexes", Method::AwaitedFor(&MONGO_COMMAND_CURSOR)),
        ("aggregate_raw_batches", Method::AwaitedFor(&MONGO_COMMAND_CURSOR)),
        ("watch", Method::AwaitedFor(&MONGO_CHANGES)),
        ("find", Method::PlainFor(&MONGO_CURSOR)),
        ("find_raw_batches", Method::PlainFor(&MONGO_CURSOR)),
        ("with_options", Method::PlainFor(&MONGO_COLLECTION)),
    ],
    attributes: &[
        "name",
        "full_name",
        "codec_options",
        "read_preference",
        "write_concern",
        "read_concern",
    ],
    changed: &["database"],
    members: Some(&MONGO_COLLECTION),
    ..PLAIN
};

static MONGO_CURSOR: Class = Class {
    enters: true,
    iterates: true,
    methods: &[
        ("sort", Method::PlainFor(&MONGO_CURSOR)),
        ("limit", Method::PlainFor(&MONGO_CURSOR)),
        ("skip", Method::PlainFor(&MONGO_CURSOR)),
        ("batch_size", Method::PlainFor(&MONGO_CURSOR)),
        ("hint", Method::PlainFor(&MONGO_CURSOR)),
        ("comment", Method::PlainFor(&MONGO_CURSOR)),
        ("collation", Method::PlainFor(&MONGO_CURSOR)),
        ("where", Method::PlainFor(&MONGO_CURSOR)),
        ("max_time_ms", Method::PlainFor(&MONGO_CURSOR)),
        ("max_await_time_ms", Method::PlainFor(&MONGO_CURSOR)),
        ("allow_disk_use", Method::PlainFor(&MONGO_CURSOR)),
        ("min", Method::PlainFor(&MONGO_CURSOR)),
        ("max", Method::PlainFor(&MONGO_CURSOR)),
        ("clone", Method::PlainFor(&MONGO_CURSOR)),
        ("remove_option", Method::PlainFor(&MONGO_CURSOR)),
        ("to_list", Method::Awaited),
        ("distinct", Method::Awaited),
        ("explain", Method::Awaited),
        ("close", Method::Awaited),
        ("rewind", Method::AwaitedFor(&MONGO_CURSOR)),
        ("add_option", Method::AwaitedFor(&MONGO_CURSOR)),
        (
            "next",
            Method::Refused("the end is another exception: StopAsyncIteration"),
        ),
    ],
    attributes: &["alive", "retrieved", "cursor_id", "address"],
    readers: MONGO_READERS,
    ..PLAIN
};

static MONGO_COMMAND_CURSOR: Class = Class {
    enters: true,
    iterates: true,
    methods: &[
        ("batch_size", Method::PlainFor(&MONGO_COMMAND_CURSOR)),
        ("to_list", Method::Awaited),
        ("try_next", Method::Awaited),
        ("close", Method::Awaited),
        (
            "next",
            Method::Refused("the end is another exception: StopAsyncIteration"),
        ),
    ],
    attributes: &["alive", "cursor_id", "address"],
    readers: MONGO_READERS,
    ..PLAIN
};

static MONGO_CHANGES: Class = Class {
    enters: true,
    iterates: true,
    methods: &[("try_next", Method::Awaited), ("close", Method::Awaited)],
    attributes: &["alive", "resume_token"],
    ..PLAIN
};

static MONGO_SESSION: Class = Class {
    enters: true,
    methods: &[
        ("commit_transaction", Method::Awaited),
        ("abort_transaction", Method::Awaited),
        ("end_session", Method::Awaited),
        ("start_transaction", Method::AwaitedFor(&ENTERED)),
        (
            "with_transaction",
            Method::Refused("its callback must be a coroutine function by then"),
        ),
    ],
    attributes: &["in_transaction", "has_ended", "session_id"],
    keyword: Some("session"),
    ..PLAIN
};
