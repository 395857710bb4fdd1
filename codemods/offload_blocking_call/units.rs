//! What belongs to one blocking object: the `with` that opens a file, a connection from its making to its last use, a loop over a folder.
//! Such a unit moves to a thread as a whole, as a function of the function.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, ExprRef, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::Declined;
use crate::knowledge::blocking::{Blocking, Rule};
use crate::module::one_line;
use crate::semantic::effects::is_log_call;
use crate::semantic::implied::{By, Elements, Implied};
use crate::semantic::names::{Lookup, map_callable};
use crate::semantic::reaching::Definition;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId, ScopeId};

/// Statements of one block that move together, or an expression that does the whole work.
pub(super) enum Unit<'a> {
    Statements(&'a [Stmt]),
    Expression(ExprRef<'a>),
}

impl Unit<'_> {
    pub(super) fn range(&self) -> TextRange {
        match self {
            Self::Statements(stmts) => stmts
                .iter()
                .map(Ranged::range)
                .reduce(TextRange::cover)
                .unwrap_or_default(),
            Self::Expression(expr) => expr.range(),
        }
    }
}

/// What a function is called that does the work of a row of the table.
fn wanted_name(ctx: &Context, row: &Blocking, call: &ast::ExprCall) -> &'static str {
    let mode = |at: usize| ctx.opens_for_writing(call, at);
    match row.name {
        "pathlib.Path.open" if mode(0) => "write_file",
        "open" | "io.open" | "os.fdopen" | "codecs.open" | "gzip.open" | "bz2.open" | "lzma.open" if mode(1) => {
            "write_file"
        }
        "os.walk" | "os.fwalk" | "os.scandir" | "glob.iglob" => "walk_folder",
        "zipfile.ZipFile" | "tarfile.open" => "use_archive",
        "urllib.request.urlopen" => "fetch",
        "os.popen" => "run_command",
        name if name.starts_with("pathlib.Path.") && name != "pathlib.Path.open" => "walk_folder",
        name if name.starts_with("tempfile.") => "use_temporary_file",
        _ => match row.kind {
            "db" => "use_database",
            "file" => "read_file",
            "http" if row.rule == Rule::Call => "fetch",
            _ => "talk_to_server",
        },
    }
}

/// What must move with a call that makes a blocking object. Declined where that cannot be seen.
pub(super) fn unit_of<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Result<Unit<'a>, Declined> {
    let model = ctx.model;
    let in_memory = call.arguments.args.first().is_some_and(
        |first| matches!(model.type_of(first), Type::Foreign(class) if matches!(&*class, "io.BytesIO" | "io.StringIO")),
    );
    if in_memory {
        return Err("it works on a buffer in memory".into());
    }
    let (id, stmt) = model
        .statement_of(model.id(call))
        .ok_or("it stands outside of a statement")?;
    let (block, index) = model.block_of(id).ok_or("it stands outside of a block")?;
    let alone = Unit::Statements(std::slice::from_ref(&block[index]));
    let mut at = model.id(call);
    // `closing(...)` around it.
    loop {
        let parent = model.parent(at);
        match model.node(parent) {
            AnyNodeRef::WithItem(_) if matches!(stmt, Stmt::With(with) if enters_async(ctx, with)) => {
                return Err("the statement enters what only `async with` can enter".into());
            }
            AnyNodeRef::WithItem(item) if matches!(stmt, Stmt::With(_)) => {
                return match item.optional_vars.as_deref() {
                    Some(Expr::Name(name)) if is_bound_to_thread(ctx, call) && outlives(ctx, name, id) => {
                        life_of(ctx, name, block, index).map(Unit::Statements)
                    }
                    _ => Ok(alone),
                };
            }
            AnyNodeRef::StmtFor(_) if matches!(stmt, Stmt::For(inner) if model.id(&*inner.iter) == at) => {
                return Ok(alone);
            }
            AnyNodeRef::StmtAssign(assign) if assign.value.range() == call.range() => {
                return match assign.targets.as_slice() {
                    [Expr::Name(name)] => life_of(ctx, name, block, index).map(Unit::Statements),
                    _ => Err("the object is kept where other code can use it".into()),
                };
            }
            AnyNodeRef::Arguments(_) | AnyNodeRef::ExprAttribute(_) => at = parent,
            AnyNodeRef::ExprCall(outer) => {
                if is_read_at_once(ctx, call, outer) || opens_lines(ctx, call) && reads_lines(ctx, outer, call) {
                    return Ok(Unit::Expression(ExprRef::from(outer)));
                }
                at = parent;
            }
            AnyNodeRef::Comprehension(inner) if gives_lines(ctx, &inner.iter, call) && opens_lines(ctx, call) => {
                let whole = model.parent(parent);
                let is_first = |generators: &[ast::Comprehension]| generators[0].range() == inner.range();
                match model.node(whole) {
                    AnyNodeRef::ExprListComp(list) if is_first(&list.generators) => {
                        return Ok(Unit::Expression(ExprRef::from(list)));
                    }
                    AnyNodeRef::ExprSetComp(set) if is_first(&set.generators) => {
                        return Ok(Unit::Expression(ExprRef::from(set)));
                    }
                    AnyNodeRef::ExprDictComp(dict) if is_first(&dict.generators) => {
                        return Ok(Unit::Expression(ExprRef::from(dict)));
                    }
                    AnyNodeRef::ExprGenerator(generator) if is_first(&generator.generators) => at = whole,
                    _ => break,
                }
            }
            _ => break,
        }
    }
    Err("what it gives must be used in the same thread: move the statements that use it as one function".into())
}

/// Whether what a call makes refuses to be used by another thread, at the end of its `with` too.
fn is_bound_to_thread(ctx: &Context, call: &ast::ExprCall) -> bool {
    ctx.blocking_call(call)
        .is_some_and(|(name, _)| name == "sqlite3.connect")
}

/// Whether the name that a `with` binds, or something that came from it there, is used behind it.
fn outlives(ctx: &Context, name: &ast::ExprName, with: NodeId) -> bool {
    let model = ctx.model;
    let Some(function) = model.enclosing_function(with) else {
        return true;
    };
    let mut handles: BTreeSet<&str> = BTreeSet::from([name.id.as_str()]);
    loop {
        let before = handles.len();
        for handle in handles.clone() {
            let Some(reads) = model.reads_of_local(function, handle) else {
                return true;
            };
            for (read, definitions) in reads {
                let is_of_with =
                    |definition: &Definition| matches!(definition, Definition::At(node) if model.contains(with, *node));
                if model.contains(with, read) {
                    handles.extend(made_from(ctx, read).ok().flatten());
                } else if definitions.iter().any(is_of_with) {
                    return true;
                }
            }
        }
        if before == handles.len() {
            return false;
        }
    }
}

/// Whether a plain `with` is wrong about one of its managers, which no thread could enter either.
fn enters_async(ctx: &Context, with: &ast::StmtWith) -> bool {
    !with.is_async
        && with
            .items
            .iter()
            .any(|item| ctx.model.async_manager(&item.context_expr).is_some())
}

/// Methods and functions after which nothing is left to wait for.
const READERS: &[&str] = &[
    "read",
    "readlines",
    "write",
    "close",
    "load",
    "fetchall",
    "fetchone",
    "safe_load",
    "extractall",
    "namelist",
    "getcode",
    "geturl",
    "info",
];

/// `open(p).read()`, `json.load(open(p))`: the object is used by one call and is gone.
fn is_read_at_once(ctx: &Context, call: &ast::ExprCall, outer: &ast::ExprCall) -> bool {
    match &*outer.func {
        Expr::Attribute(method) if method.value.range() == call.range() => READERS.contains(&method.attr.as_str()),
        func => {
            ctx.model.qualified_name(func).is_some_and(|name| {
                let root = name.split('.').next().unwrap_or_default();
                PLAIN_MODULES.contains(&root) && name.rsplit('.').next().is_some_and(|last| READERS.contains(&last))
            }) && outer
                .arguments
                .args
                .first()
                .is_some_and(|first| first.range() == call.range())
        }
    }
}

/// Whether a call opens a file, of which a loop reads the lines.
fn opens_lines(ctx: &Context, call: &ast::ExprCall) -> bool {
    ctx.blocking_call(call)
        .is_some_and(|(_, row)| row.rule == Rule::Closure && row.kind == "file" && row.name.ends_with("open"))
}

/// Functions that read to its end what they are given first.
pub(super) const ENDS: &[&str] = &[
    "all",
    "any",
    "bytes",
    "dict",
    "frozenset",
    "len",
    "list",
    "max",
    "min",
    "set",
    "sorted",
    "sum",
    "tuple",
];

/// Whether a call reads all lines of what opens a file, which is its first argument, or gives it one line, or what is made of one, after the other.
fn reads_lines(ctx: &Context, outer: &ast::ExprCall, open: &ast::ExprCall) -> bool {
    let is_lines = |first: &Expr| match first {
        Expr::Generator(generator) => generator.range().contains_range(open.range()),
        given => gives_lines(ctx, given, open),
    };
    outer.arguments.args.first().is_some_and(is_lines)
        && ENDS.iter().any(|name| ctx.model.is_builtin(&outer.func, name))
}

/// Whether an expression is the file that a call opens, or the rows of it.
fn gives_lines(ctx: &Context, expr: &Expr, open: &ast::ExprCall) -> bool {
    let is_open = |expr: &Expr| expr.range() == open.range();
    is_open(expr)
        || matches!(expr, Expr::Call(rows) if reads_by_row(ctx, rows) && rows.arguments.args.first().is_some_and(is_open))
}

/// Whether a call gives an iterator over what it reads from a file.
pub(super) fn reads_by_row(ctx: &Context, call: &ast::ExprCall) -> bool {
    let name = ctx.model.qualified_name(&call.func);
    name.is_some_and(|name| matches!(name.as_str(), "csv.reader" | "csv.DictReader"))
}

/// Methods whose value is plain data and no longer tied to the object.
const DATA: &[&str] = &[
    "fetchall",
    "fetchone",
    "fetchmany",
    "read",
    "readline",
    "readlines",
    "getvalue",
    "close",
    "commit",
    "login",
    "sendmail",
    "send_message",
    "write",
    "namelist",
    "testzip",
    "rollback",
    "nlst",
    "pwd",
    "size",
    "retr",
    "tell",
];

/// The statements from the one that makes an object to the last that uses it, or anything that came from it.
fn life_of<'a>(
    ctx: &Context<'a>,
    name: &'a ast::ExprName,
    block: &'a [Stmt],
    start: usize,
) -> Result<&'a [Stmt], Declined> {
    let model = ctx.model;
    let scope = model.scope_of(model.id(name));
    let mut handles: BTreeSet<&'a str> = BTreeSet::from([name.id.as_str()]);
    let mut end = start;
    loop {
        let before = (handles.len(), end);
        for handle in handles.clone() {
            if model.is_captured(handle, scope) {
                return Err(Declined(format!("`{handle}` is used by another function too")));
            }
            for reference in model.references_to(scope, handle) {
                let at = reference.name.range();
                let Some(index) = block.iter().position(|stmt| stmt.range().contains_range(at)) else {
                    return Err(Declined(format!(
                        "`{handle}` is used outside of the block that makes it"
                    )));
                };
                if index < start {
                    return Err(Declined(format!("`{handle}` has another value before")));
                }
                end = end.max(index);
                if let Some(made) = made_from(ctx, reference.node)? {
                    handles.insert(made);
                }
            }
            if model.bindings_in(scope, handle).any(|binding| {
                !block[start..]
                    .iter()
                    .any(|stmt| stmt.range().contains_range(binding.range))
            }) {
                return Err(Declined(format!("`{handle}` has another value elsewhere")));
            }
        }
        if before == (handles.len(), end) {
            return Ok(&block[start..=end]);
        }
    }
}

/// The name that a use of a handle binds to something that still needs the handle's thread: `cursor` in `cursor = connection.cursor()`.
/// Declined where such a thing, or the handle itself, gets out of sight.
fn made_from<'a>(ctx: &Context<'a>, reference: NodeId) -> Result<Option<&'a str>, Declined> {
    let model = ctx.model;
    let mut at = reference;
    let mut is_data = false;
    loop {
        let parent = model.parent(at);
        match model.node(parent) {
            AnyNodeRef::ExprAttribute(attribute) => {
                is_data = matches!(model.node(model.parent(parent)), AnyNodeRef::ExprCall(_))
                    && DATA.contains(&attribute.attr.as_str())
                    || matches!(
                        attribute.attr.as_str(),
                        "lastrowid"
                            | "rowcount"
                            | "total_changes"
                            | "status"
                            | "status_code"
                            | "reason"
                            | "name"
                            | "ok"
                            | "encoding"
                            | "content"
                            | "text"
                    );
            }
            AnyNodeRef::ExprCall(outer) => {
                let is_callee = outer.func.range() == model.node(at).range();
                let plain = matches!(&*outer.func, Expr::Name(function)
                    if PLAIN_BUILTINS.contains(&function.id.as_str()) && !LAZY_BUILTINS.contains(&function.id.as_str()));
                is_data = is_data || !is_callee && plain || is_read_function(ctx, outer);
            }
            AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) => {}
            AnyNodeRef::ExprSubscript(_) | AnyNodeRef::ExprCompare(_) => is_data = true,
            _ if is_data => return Ok(None),
            AnyNodeRef::WithItem(item) => {
                return Ok(item.optional_vars.as_deref().and_then(|target| match target {
                    Expr::Name(name) => Some(name.id.as_str()),
                    _ => None,
                }));
            }
            AnyNodeRef::StmtAssign(assign) => {
                return match assign.targets.as_slice() {
                    [Expr::Name(name)] => Ok(Some(name.id.as_str())),
                    [target]
                        if matches!(model.node(at), AnyNodeRef::ExprAttribute(_))
                            && target.range() == model.node(at).range() =>
                    {
                        Ok(None)
                    }
                    _ => Err("the object is kept where other code can use it".into()),
                };
            }
            AnyNodeRef::StmtExpr(_)
            | AnyNodeRef::StmtFor(_)
            | AnyNodeRef::Comprehension(_)
            | AnyNodeRef::StmtIf(_)
            | AnyNodeRef::StmtDelete(_)
            | AnyNodeRef::StmtWhile(_) => return Ok(None),
            _ => return Err("the object is kept where other code can use it".into()),
        }
        at = parent;
    }
}

fn is_read_function(ctx: &Context, call: &ast::ExprCall) -> bool {
    ctx.model
        .qualified_name(&call.func)
        .and_then(|name| name.rsplit('.').next().map(|last| READERS.contains(&last)))
        .unwrap_or(false)
}

/// The fix that moves a unit, with what is not proven of what it runs.
pub(super) fn offload<'a>(
    ctx: &Context<'a>,
    unit: &Unit<'a>,
    call: &'a ast::ExprCall,
    row: &Blocking,
    names: &mut BTreeSet<(ScopeId, String)>,
) -> Result<Fix, Declined> {
    let model = ctx.model;
    let open = unsure(row).or_else(|| ctx.shared_file_doubt(call));
    match unit {
        Unit::Statements(stmts) => {
            let first = stmts.first().ok_or("there is nothing to move")?;
            let doubt = doubt_of(ctx, stmts.iter().map(|stmt| model.id(stmt)), unit.range())?;
            let wanted = wanted_name(ctx, row, call);
            let scope = model.scope_of(model.id(first));
            let is_free = |name: &str| {
                !names.contains(&(scope, name.to_owned())) && model.fresh_name(name, model.id(first)) == name
            };
            let free = std::iter::once(wanted.to_owned())
                .chain((2..).map(|number| format!("{wanted}_{number}")))
                .find(|name| is_free(name))
                .ok_or("no name is free")?;
            let fix = ctx.offload_statements(stmts, &free, doubt.or(open))?;
            names.insert((scope, free));
            Ok(fix)
        }
        Unit::Expression(outer) => {
            let at = model.id(outer);
            if model.subtree(at).any(|(_, node)| {
                matches!(
                    node,
                    AnyNodeRef::ExprAwait(_) | AnyNodeRef::ExprNamed(_) | AnyNodeRef::ExprYield(_)
                )
            }) {
                return Err("its arguments hold an await or an assignment, which a lambda cannot".into());
            }
            let place = ctx.may_await(at)?;
            let doubt = doubt_of(ctx, std::iter::once(at), unit.range())?;
            let loader = ctx.off_loader(at, false)?;
            let prefix = ctx.await_prefix(*outer);
            let end = if prefix.starts_with('(') { ")" } else { "" };
            let edits = vec![
                Edit::insertion(
                    format!("{prefix}{}{}lambda: ", loader.head, loader.inner),
                    outer.start(),
                ),
                Edit::insertion(format!("{}{end}", loader.tail), outer.end()),
            ];
            Ok(Fix::with_doubt(doubt.or(open).or(place), edits).import(loader.imports))
        }
    }
}

fn unsure(row: &Blocking) -> Option<String> {
    let is_lazy_folder = matches!(row.rule, Rule::List) || matches!(row.name, "os.walk" | "os.fwalk");
    (!row.is_exact && !is_lazy_folder)
        .then(|| format!("whether it may run in a thread must be looked at: {}", row.note))
}

/// Modules whose functions work on what they are given, whatever the thread.
const PLAIN_MODULES: &[&str] = &[
    "ast",
    "base64",
    "binascii",
    "bz2",
    "codecs",
    "collections",
    "configparser",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "email",
    "enum",
    "errno",
    "fnmatch",
    "fractions",
    "functools",
    "glob",
    "gzip",
    "hashlib",
    "hmac",
    "html",
    "io",
    "itertools",
    "json",
    "logging",
    "lzma",
    "math",
    "mimetypes",
    "operator",
    "orjson",
    "os",
    "pathlib",
    "pickle",
    "platform",
    "plistlib",
    "pprint",
    "random",
    "re",
    "secrets",
    "shutil",
    "socket",
    "sqlite3",
    "stat",
    "statistics",
    "string",
    "struct",
    "sys",
    "tarfile",
    "tempfile",
    "textwrap",
    "time",
    "toml",
    "tomli",
    "tomllib",
    "typing",
    "ujson",
    "unicodedata",
    "urllib",
    "uuid",
    "xml",
    "yaml",
    "zipfile",
    "zlib",
];

/// Builtins that work on what they are given.
const PLAIN_BUILTINS: &[&str] = &[
    "abs",
    "all",
    "any",
    "bool",
    "bytearray",
    "bytes",
    "chr",
    "dict",
    "divmod",
    "enumerate",
    "filter",
    "float",
    "format",
    "frozenset",
    "hash",
    "hasattr",
    "hex",
    "id",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "memoryview",
    "min",
    "next",
    "object",
    "oct",
    "open",
    "ord",
    "pow",
    "print",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "slice",
    "sorted",
    "str",
    "sum",
    "tuple",
    "type",
    "zip",
];

/// Those of them that give an iterator.
const LAZY_BUILTINS: &[&str] = &["enumerate", "filter", "iter", "map", "reversed", "zip", "next", "open"];

/// Methods of strings and other plain values.
const PLAIN_METHODS: &[&str] = &[
    "encode",
    "decode",
    "strip",
    "lstrip",
    "rstrip",
    "split",
    "rsplit",
    "splitlines",
    "startswith",
    "endswith",
    "lower",
    "upper",
    "title",
    "replace",
    "format",
    "join",
    "isoformat",
    "strftime",
    "hexdigest",
    "digest",
    "isdigit",
    "partition",
    "rpartition",
    "removeprefix",
    "removesuffix",
    "zfill",
    "ljust",
    "rjust",
    "find",
];

/// The first thing in a unit of which it is not known that another thread may do it.
fn doubt_of<'a>(
    ctx: &Context<'a>,
    roots: impl Iterator<Item = NodeId>,
    range: TextRange,
) -> Result<Option<String>, Declined> {
    let model = ctx.model;
    let mut doubt = None;
    for (id, node) in roots.flat_map(|root| model.subtree(root)) {
        let mut found = match node {
            AnyNodeRef::ExprCall(call) => doubt_of_call(ctx, call, range)?,
            AnyNodeRef::ExprAttribute(attribute) if attribute.ctx.is_load() => {
                let is_called = model.is_callee(id);
                if is_called {
                    None
                } else {
                    doubt_of_read(ctx, attribute, range)
                }
            }
            AnyNodeRef::ExprAttribute(attribute) => written(ctx, &attribute.value, range, model.slice(attribute)),
            AnyNodeRef::ExprSubscript(subscript) if !subscript.ctx.is_load() => {
                written(ctx, &subscript.value, range, model.slice(&*subscript.value))
            }
            AnyNodeRef::ExprName(name) if name.ctx.is_load() => doubt_of_global(ctx, name, id),
            _ => None,
        };
        for implied in model.implied(node) {
            found = found.or(doubt_of_implied(ctx, &implied, range)?);
        }
        if doubt.is_none() {
            doubt = found;
        }
    }
    Ok(doubt)
}

/// Code that runs in the thread though no call of it stands there.
fn doubt_of_implied<'a>(
    ctx: &Context<'a>,
    implied: &Implied<'a>,
    range: TextRange,
) -> Result<Option<String>, Declined> {
    let model = ctx.model;
    let text = one_line(model.slice(implied.object));
    let is_called = implied.by == By::CalledBack;
    if implied.by == By::Read || !is_called && is_own(ctx, implied.object, range) {
        return Ok(None);
    }
    if implied.by == By::Iterated {
        match model.elements(implied.object, range) {
            Elements::Known => {}
            Elements::Unknown => {
                return Ok(Some(format!(
                    "what computes the elements of `{text}` would run in the thread as well"
                )));
            }
            Elements::Lazy => {
                return Err(Declined(format!(
                    "`{text}` computes its elements as they are asked for, which would happen in the thread"
                )));
            }
        }
    }
    let functions = model.functions_implied(implied, None);
    if let Some(function) = functions.iter().find(|function| !is_pure(ctx, function)) {
        let name = model.qualname(&function.name, model.id(*function));
        return Ok(Some(runs_too(&name)));
    }
    let is_known =
        !is_called || !functions.is_empty() || implied.object.is_lambda_expr() || ctx.is_known_callable(implied.object);
    Ok((!is_known).then(|| runs_too(&text)))
}

/// Whether a function does nothing but give a value.
fn is_pure<'a>(ctx: &Context<'a>, function: &'a ast::StmtFunctionDef) -> bool {
    let effects = || ctx.model.effects_of(function, ctx.settings);
    !function.is_async && {
        let effects = effects();
        effects.unknown.is_none()
            && effects.doubt.is_none()
            && effects.is_read_only()
            && !effects.sets_context
            && !effects.uses_task
    }
}

fn runs_too(what: &str) -> String {
    format!("`{what}` would run in the thread as well")
}

/// Whether a call sets a variable of the context, which a thread has a copy of.
fn sets_context<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> bool {
    let model = ctx.model;
    let is_setter = |method: &ast::ExprAttribute| {
        matches!(method.attr.as_str(), "set" | "reset")
            && matches!(model.type_of(&method.value), Type::Foreign(class) if class == "contextvars.ContextVar")
    };
    matches!(&*call.func, Expr::Attribute(method) if is_setter(method))
        || model
            .function_of(&call.func)
            .is_some_and(|function| model.effects_of(function, ctx.settings).sets_context)
}

fn doubt_of_call<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall, range: TextRange) -> Result<Option<String>, Declined> {
    let model = ctx.model;
    let text = model.slice(&*call.func);
    if needs_loop(ctx, call) {
        return Err(Declined(format!(
            "`{text}` needs the thread of the event loop: move what blocks without it"
        )));
    }
    if let Some((name, row)) = ctx.blocking_call(call) {
        if row.rule == Rule::Never {
            return Err(Declined(format!("`{name}` cannot be moved to a thread: {}", row.note)));
        }
        let is_own = || matches!(&*call.func, Expr::Attribute(method) if ctx.is_own_object(&method.value));
        if (row.shared != Some(false) || is_own())
            && (row.is_exact || matches!(row.rule, Rule::List | Rule::Leave | Rule::Closure))
        {
            return Ok(None);
        }
    }
    let lets_out = |function: &'a ast::StmtFunctionDef| model.lets_stop_iteration_out(function);
    if model.is_builtin(&call.func, "next") && call.arguments.args.len() < 2
        || model.function_of(&call.func).is_some_and(lets_out)
    {
        return Err(Declined(format!(
            "`{text}` may raise StopIteration, which a thread cannot hand over"
        )));
    }
    if sets_context(ctx, call) {
        return Err(Declined(format!(
            "`{text}` sets a context variable, of which the code behind the thread would not know"
        )));
    }
    let last = match &*call.func {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(method) => method.attr.as_str(),
        _ => return Ok(Some(runs_too(text))),
    };
    if let Some(name) = model.qualified_name(&call.func) {
        let root = name.split('.').next().unwrap_or_default();
        let is_exception = matches!(model.node(model.parent(model.id(call))), AnyNodeRef::StmtRaise(_))
            && last.starts_with(char::is_uppercase);
        return Ok((!PLAIN_MODULES.contains(&root) && !is_exception).then(|| runs_too(text)));
    }
    match &*call.func {
        Expr::Name(name) => {
            let is_builtin = model.lookup(&name.id, model.scope_of(model.id(call))) == Lookup::Builtin;
            let is_plain = is_builtin
                && (PLAIN_BUILTINS.contains(&last) || last.ends_with("Error") || last.ends_with("Exception"));
            if is_plain {
                return Ok(None);
            }
            let is_pure = model
                .function_of(&call.func)
                .is_some_and(|function| is_pure(ctx, function));
            Ok((!is_pure).then(|| runs_too(text)))
        }
        Expr::Attribute(method) => {
            let receiver = &*method.value;
            let is_plain_value = PLAIN_METHODS.contains(&last)
                || is_own(ctx, receiver, range)
                || is_log_call(model.slice(receiver), last)
                || matches!(model.type_of(receiver), Type::Scalar(_))
                || matches!(model.type_of(receiver), Type::Foreign(class)
                    if PLAIN_MODULES.contains(&class.split('.').next().unwrap_or_default()) && class != "io.StringIO");
            Ok((!is_plain_value).then(|| runs_too(text)))
        }
        _ => Ok(Some(runs_too(text))),
    }
}

/// Whether a call makes a coroutine or a task, or touches an object of asyncio, none of which knows about threads.
fn needs_loop(ctx: &Context, call: &ast::ExprCall) -> bool {
    let model = ctx.model;
    let is_of_asyncio = |name: &str| name.starts_with("asyncio.");
    let makes_coroutine = model.async_function(&call.func).is_some() || model.gives_coroutine(&call.func);
    let is_raised = matches!(model.node(model.parent(model.id(call))), AnyNodeRef::StmtRaise(_));
    makes_coroutine
        || !is_raised
            && model
                .qualified_name(&call.func)
                .is_some_and(|name| is_of_asyncio(&name))
        || matches!(&*call.func, Expr::Attribute(method)
            if method.attr.as_str() != "call_soon_threadsafe"
                && matches!(model.type_of(&method.value), Type::Foreign(class) if is_of_asyncio(&class)))
}

/// Whether an object belongs to the unit, or is a container that the function has made and nothing else knows.
fn is_own(ctx: &Context, expr: &Expr, range: TextRange) -> bool {
    is_own_within(ctx, expr, range, 0)
}

/// How many names are followed to where their values come from.
const MAX_STEPS: usize = 8;

/// Whether a value is made by the unit: not another name for something that was there before.
fn is_made(ctx: &Context, value: &Expr, range: TextRange, depth: usize) -> bool {
    match value {
        Expr::Name(_) | Expr::Attribute(_) | Expr::Subscript(_) => is_own_within(ctx, value, range, depth),
        Expr::If(choice) => is_made(ctx, &choice.body, range, depth) && is_made(ctx, &choice.orelse, range, depth),
        Expr::BoolOp(choice) => choice.values.iter().all(|value| is_made(ctx, value, range, depth)),
        Expr::Call(call) => match &*call.func {
            // `dict.get`, `list.pop`: an element.
            Expr::Attribute(method) if ctx.blocking_call(call).is_none() && !model_is_plain(ctx, call) => {
                is_own_within(ctx, &method.value, range, depth)
            }
            // `enumerate(files)`: what it is given.
            _ if LAZY_BUILTINS.iter().any(|name| ctx.model.is_builtin(&call.func, name)) => call
                .arguments
                .args
                .iter()
                .all(|argument| is_made(ctx, argument, range, depth)),
            _ => true,
        },
        _ => true,
    }
}

/// What a loop, an unpacking or a walrus takes the value of a name from.
fn source_of<'a>(ctx: &Context<'a>, binding: NodeId) -> Option<&'a Expr> {
    let model = ctx.model;
    std::iter::once((binding, model.node(binding)))
        .chain(model.ancestors(binding))
        .take_while(|(_, node)| !matches!(node, AnyNodeRef::StmtFunctionDef(_)))
        .find_map(|(_, node)| match node {
            AnyNodeRef::StmtFor(stmt) => Some(&*stmt.iter),
            AnyNodeRef::Comprehension(comprehension) => Some(&comprehension.iter),
            AnyNodeRef::StmtAssign(assign) => Some(&*assign.value),
            AnyNodeRef::ExprNamed(named) => Some(&*named.value),
            _ => None,
        })
}

fn is_own_within(ctx: &Context, expr: &Expr, range: TextRange, depth: usize) -> bool {
    let model = ctx.model;
    match expr {
        Expr::Name(name) => {
            let scope = model.scope_of(model.id(name));
            let Lookup::Scope(owner) = model.lookup(&name.id, scope) else {
                return false;
            };
            let is_made_inside = depth < MAX_STEPS
                && model.is_bound_within(name, range)
                && model
                    .bindings_in(owner, &name.id)
                    .filter(|binding| range.contains_range(binding.range))
                    .all(|binding| match binding.kind {
                        BindingKind::Assignment(value) => is_made(ctx, value, range, depth + 1),
                        BindingKind::With(..) => true,
                        BindingKind::Annotated(stmt) => stmt
                            .value
                            .as_deref()
                            .is_none_or(|value| is_made(ctx, value, range, depth + 1)),
                        BindingKind::Other => {
                            source_of(ctx, binding.node).is_some_and(|value| is_made(ctx, value, range, depth + 1))
                        }
                        _ => false,
                    });
            let is_local_container = owner != ScopeId::MODULE
                && matches!(model.type_of(expr), Type::Container(_))
                && !model.is_captured(&name.id, owner)
                && model
                    .bindings_in(owner, &name.id)
                    .all(|binding| !matches!(binding.kind, BindingKind::Parameter(_)));
            is_made_inside || is_local_container
        }
        Expr::Attribute(attribute) => is_own_within(ctx, &attribute.value, range, depth),
        Expr::Subscript(subscript) => is_own_within(ctx, &subscript.value, range, depth),
        Expr::Call(call) => match map_callable(expr) {
            Expr::Attribute(method) => {
                is_own_within(ctx, &method.value, range, depth)
                    || ctx.blocking_call(call).is_some()
                    || model_is_plain(ctx, call)
            }
            _ => ctx.blocking_call(call).is_some() || model_is_plain(ctx, call),
        },
        Expr::StringLiteral(_) | Expr::FString(_) | Expr::BytesLiteral(_) | Expr::List(_) | Expr::Dict(_) => true,
        Expr::BinOp(binary) => {
            is_own_within(ctx, &binary.left, range, depth) || is_own_within(ctx, &binary.right, range, depth)
        }
        _ => false,
    }
}

/// Whether a call gives a value of a plain module or builtin.
fn model_is_plain(ctx: &Context, call: &ast::ExprCall) -> bool {
    let model = ctx.model;
    model
        .qualified_name(&call.func)
        .is_some_and(|name| PLAIN_MODULES.contains(&name.split('.').next().unwrap_or_default()))
        || PLAIN_BUILTINS
            .iter()
            .any(|builtin| model.is_builtin(&call.func, builtin))
}

/// An attribute of an object that others use: it is read later than it was, and may be a property.
fn doubt_of_read(ctx: &Context, attribute: &ast::ExprAttribute, range: TextRange) -> Option<String> {
    let model = ctx.model;
    let whole = Expr::Attribute(attribute.clone());
    let is_known = model.imported_root(&attribute.value)
        || model.qualified_name(&whole).is_some()
        || is_own(ctx, &attribute.value, range)
        || matches!(model.type_of(&whole), Type::Scalar(_))
        || matches!(model.type_of(&whole), Type::Foreign(class) if class.starts_with("pathlib."))
        || matches!(model.type_of(&attribute.value), Type::Foreign(class) if class.starts_with("pathlib."));
    (!is_known).then(|| {
        format!(
            "`{}` is read in the thread, and another task may change it meanwhile",
            model.slice(attribute)
        )
    })
}

fn written(ctx: &Context, owner: &Expr, range: TextRange, text: &str) -> Option<String> {
    (!is_own(ctx, owner, range))
        .then(|| format!("`{text}` is written by the thread, and other tasks may use it meanwhile"))
}

/// A variable of the module that is more than a constant.
fn doubt_of_global(ctx: &Context, name: &ast::ExprName, id: NodeId) -> Option<String> {
    let model = ctx.model;
    let scope = model.scope_of(id);
    if model.lookup(&name.id, scope) != Lookup::Scope(ScopeId::MODULE) {
        return None;
    }
    let mut bindings = model.resolve(&name.id, scope);
    let is_fixed = bindings.all(|binding| {
        matches!(
            binding.kind,
            BindingKind::Import(_) | BindingKind::FromImport(..) | BindingKind::Function(_) | BindingKind::Class(_)
        )
    }) || model.sole_binding(&name.id, scope).is_some()
        && (is_log_call(&name.id, "info")
            || matches!(
                model.type_of(&Expr::Name(name.clone())),
                Type::Scalar(_) | Type::Foreign(_)
            ));
    (!is_fixed).then(|| {
        format!(
            "`{}` is read in the thread, and another task may change it meanwhile",
            name.id
        )
    })
}
