//! Builtin and standard-library callables whose effects are known.

/// Builtin functions that compute from builtin values and do nothing else.
pub(super) const PURE_BUILTINS: &[&str] = &[
    "abs",
    "all",
    "any",
    "ascii",
    "bin",
    "bool",
    "bytes",
    "callable",
    "chr",
    "complex",
    "dict",
    "divmod",
    "enumerate",
    "float",
    "format",
    "frozenset",
    "hash",
    "hex",
    "id",
    "int",
    "isinstance",
    "issubclass",
    "len",
    "list",
    "max",
    "min",
    "oct",
    "ord",
    "pow",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "sorted",
    "str",
    "sum",
    "tuple",
    "type",
    "zip",
];

/// Functions of the standard library that compute from builtin values and do nothing else.
pub(super) const PURE_FUNCTIONS: &[&str] = &[
    "json.dumps",
    "json.loads",
    "base64.b64encode",
    "base64.b64decode",
    "copy.copy",
    "copy.deepcopy",
    "datetime.date",
    "datetime.datetime",
    "datetime.datetime.fromisoformat",
    "datetime.date.fromisoformat",
    "datetime.time",
    "datetime.timedelta",
    "decimal.Decimal",
    "os.path.join",
    "os.path.basename",
    "os.path.dirname",
    "urllib.parse.quote",
    "urllib.parse.urlencode",
    "urllib.parse.urljoin",
    "urllib.parse.urlparse",
    "uuid.UUID",
    "typing.cast",
];

/// Classes of the standard library whose objects nothing changes, and whose methods and operators only give values.
pub(super) const VALUE_CLASSES: &[&str] = &[
    "datetime.date",
    "datetime.datetime",
    "datetime.time",
    "datetime.timedelta",
    "decimal.Decimal",
    "fractions.Fraction",
    "uuid.UUID",
];

/// Functions of the standard library that call what they are given: at this position, and by these names.
pub(super) const CALLBACKS: &[(&str, Option<usize>, &[&str])] = &[
    ("json.dumps", None, &["default", "cls"]),
    (
        "json.loads",
        None,
        &[
            "cls",
            "object_hook",
            "object_pairs_hook",
            "parse_constant",
            "parse_float",
            "parse_int",
        ],
    ),
    ("re.sub", Some(1), &["repl"]),
    ("re.subn", Some(1), &["repl"]),
];

/// Methods of builtin values that go over what they are given.
pub(super) const ITERATING_METHODS: &[&str] = &[
    "difference",
    "difference_update",
    "extend",
    "extendleft",
    "intersection",
    "intersection_update",
    "isdisjoint",
    "issubset",
    "issuperset",
    "join",
    "symmetric_difference",
    "symmetric_difference_update",
    "union",
    "update",
];

/// Decorators that only make something of the function or class that they are given.
pub(super) const INERT_DECORATORS: &[&str] = &[
    "contextlib.asynccontextmanager",
    "contextlib.contextmanager",
    "dataclasses.dataclass",
    "functools.cache",
    "functools.cached_property",
    "functools.lru_cache",
    "functools.wraps",
    "typing.final",
    "typing.override",
    "typing_extensions.override",
];

/// Exceptions that asyncio lets out of the event loop, from whichever task.
pub(super) const ENDING_EXCEPTIONS: &[&str] = &["GeneratorExit", "KeyboardInterrupt", "SystemExit"];

/// Methods of builtin containers that change them.
pub(crate) const MUTATORS: &[&str] = &[
    "add",
    "append",
    "appendleft",
    "clear",
    "difference_update",
    "discard",
    "extend",
    "insert",
    "intersection_update",
    "pop",
    "popitem",
    "popleft",
    "remove",
    "reverse",
    "rotate",
    "setdefault",
    "sort",
    "symmetric_difference_update",
    "update",
    "__setitem__",
    "__delitem__",
];

pub(super) const BUILTIN_EXCEPTIONS: &[&str] = &[
    "Exception",
    "BaseException",
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BufferError",
    "ConnectionError",
    "EOFError",
    "FileNotFoundError",
    "IndexError",
    "KeyError",
    "LookupError",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PermissionError",
    "RuntimeError",
    "StopAsyncIteration",
    "StopIteration",
    "TimeoutError",
    "TypeError",
    "UnicodeError",
    "ValueError",
    "ZeroDivisionError",
];

pub(crate) fn is_builtin_exception(name: &str) -> bool {
    BUILTIN_EXCEPTIONS.contains(&name)
}

pub(super) fn is_lock(class: &str) -> bool {
    matches!(
        class,
        "asyncio.Lock"
            | "asyncio.Semaphore"
            | "asyncio.BoundedSemaphore"
            | "asyncio.Condition"
            | "asyncio.Event"
            | "asyncio.Queue"
    )
}

/// Whether a method of an object of unknown class writes to a log, by both names: `logger.info`.
pub(crate) fn is_log_call(receiver: &str, method: &str) -> bool {
    let last = receiver.rsplit('.').next().unwrap_or(receiver).trim_start_matches('_');
    matches!(last.to_lowercase().as_str(), "log" | "logger" | "logging")
        && matches!(
            method,
            "critical" | "debug" | "error" | "exception" | "info" | "log" | "trace" | "warn" | "warning"
        )
}
