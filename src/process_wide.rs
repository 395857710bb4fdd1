//! What a call does beyond the objects that it is given: to what the whole process has, or the thread that runs it, and to databases. Other
//! tasks meet it while one waits, other threads at any time.

use ruff_python_ast::{self as ast, Expr};

use crate::codemod::Context;

/// What changes the whole process, and how the calls begin that see it (Python library).
pub const SETTERS: &[(&str, &str)] = &[
    ("gc.disable", "gc."),
    ("locale.setlocale", "locale."),
    ("logging.disable", "logging."),
    ("os.chdir", "os."),
    ("os.umask", "os."),
    ("random.seed", "random."),
    ("signal.signal", "signal."),
    ("socket.setdefaulttimeout", "socket."),
    ("sys.setrecursionlimit", "sys."),
    ("sys.setswitchinterval", "sys."),
    ("warnings.simplefilter", "warnings."),
];

/// Managers that change the whole process as long as they are open.
const MANAGERS: &[&str] = &[
    "contextlib.chdir",
    "contextlib.redirect_stderr",
    "contextlib.redirect_stdout",
    "unittest.mock.patch",
    "unittest.mock.patch.dict",
    "unittest.mock.patch.multiple",
    "unittest.mock.patch.object",
    "warnings.catch_warnings",
];

/// What each thread has for itself.
const OF_THREAD: &[&str] = &[
    "decimal.getcontext",
    "decimal.setcontext",
    "threading.current_thread",
    "threading.get_ident",
    "threading.get_native_id",
];

/// Words that statements of SQL begin with that write.
const WRITING_STATEMENTS: &[&str] = &[
    "alter", "create", "delete", "drop", "insert", "replace", "truncate", "update",
];

impl Context<'_> {
    /// Why it matters to others, or to the caller, that another thread makes a call of the standard library.
    pub fn matters_to_process(&self, call: &ast::ExprCall) -> Option<String> {
        let model = self.model;
        let text = model.slice(&*call.func);
        if let Some(name) = model.builtin(&call.func) {
            let changed = call.arguments.args.first()?;
            let is_setter = matches!(name, "setattr" | "delattr");
            return (is_setter && !self.is_own_object(changed))
                .then(|| format!("changes an attribute of `{}`", model.slice(changed)));
        }
        let name = model.qualified_name(&call.func)?;
        if SETTERS.iter().any(|(setter, _)| name == *setter) || MANAGERS.contains(&name.as_str()) {
            return Some(format!("changes the whole process by `{text}`"));
        }
        OF_THREAD
            .contains(&name.as_str())
            .then(|| format!("calls `{text}`, which each thread has for itself"))
    }
}

/// Whether a call gives a database a statement that writes; `None` where the statement is not seen.
pub fn writes_to_database(call: &ast::ExprCall) -> Option<bool> {
    let Expr::Attribute(method) = &*call.func else {
        return Some(false);
    };
    match method.attr.as_str() {
        "executemany" | "executescript" => Some(true),
        "execute" => match call.arguments.args.first()? {
            Expr::StringLiteral(statement) => Some(is_writing(statement.value.to_str())),
            _ => None,
        },
        _ => Some(false),
    }
}

/// Whether a statement of SQL writes, by its first word.
pub fn is_writing(statement: &str) -> bool {
    let first = statement.split_whitespace().next().unwrap_or_default();
    WRITING_STATEMENTS.iter().any(|word| first.eq_ignore_ascii_case(word))
}
