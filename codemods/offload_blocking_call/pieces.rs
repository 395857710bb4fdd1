//! `with open(...) as f` whose statements wait for something, and so cannot move to a thread as one function: the file stays where it is opened, and
//! each call that reads it goes to a thread. Lines are read all at once: a hop for each costs more than the line.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::Ranged;

use super::units::{ENDS, reads_by_row};
use crate::codemod::Context;
use crate::edit::{Edit, Fix, all_doubts};
use crate::finding::Declined;
use crate::semantic::NodeId;
use crate::semantic::reaching::Definition;

/// Functions whose files have lines that `readlines` gives as a loop does.
const OPENERS: &[&str] = &[
    "open",
    "io.open",
    "pathlib.Path.open",
    "gzip.open",
    "bz2.open",
    "lzma.open",
];

/// Functions that read the whole file that they are given.
const LOADERS: &[&str] = &[
    "json.load",
    "pickle.load",
    "plistlib.load",
    "tomllib.load",
    "tomli.load",
    "yaml.safe_load",
];

/// What one use of a file is.
enum Use<'a> {
    /// All of its lines, from where it stands.
    Lines,
    /// A call that reads.
    Call(&'a ast::ExprCall),
    /// What costs nothing, or what a thread does already.
    Kept,
}

/// The fix that reads in a thread, of a `with` that opens a file, waits for something and reads the file. `None` for all else.
pub(super) fn rewrite<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<Result<Fix, Declined>> {
    let model = ctx.model;
    let (_, row) = ctx.blocking_call(call).filter(|(_, row)| OPENERS.contains(&row.name))?;
    debug_assert_eq!(row.kind, "file");
    let AnyNodeRef::WithItem(item) = model.node(model.parent(model.id(call))) else {
        return None;
    };
    let (id, Stmt::With(with)) = model.statement_of(model.id(call))? else {
        return None;
    };
    let Some(Expr::Name(file)) = item.optional_vars.as_deref() else {
        return None;
    };
    let function = model.enclosing_function(id)?;
    if with.is_async || !waits(ctx, id, function) {
        return None;
    }
    let own = Definition::At(model.id(file));
    let seen = model.reads_of_local(function, &file.id)?;
    let mut reads: Vec<NodeId> = seen
        .iter()
        .filter(|(_, seen)| seen.contains(&own))
        .map(|(read, _)| *read)
        .collect();
    reads.sort_unstable();
    let uses: Vec<(NodeId, Result<Use<'a>, Declined>)> =
        reads.into_iter().map(|read| (read, use_of(ctx, id, read))).collect();
    let is_piece = |found: &Result<Use, Declined>| matches!(found, Ok(Use::Lines | Use::Call(_)));
    uses.iter().any(|(_, found)| is_piece(found)).then(|| {
        if let Some((read, _)) = uses.iter().find(|(read, _)| seen[read].len() > 1) {
            let (line, _) = ctx.module.location(model.node(*read).start());
            return Err(format!("`{}` may be another file in line {line}", file.id).into());
        }
        if let Some((read, _)) = uses.iter().find(|(read, _)| !model.contains(id, *read)) {
            let (line, _) = ctx.module.location(model.node(*read).start());
            return Err(format!("`{}` is used behind its `with` (line {line})", file.id).into());
        }
        in_pieces(ctx, id, call, uses)
    })
}

/// Whether the function waits, or gives something to its caller, among the statements of a `with`.
fn waits(ctx: &Context, with: NodeId, function: &ast::StmtFunctionDef) -> bool {
    let model = ctx.model;
    model.subtree(with).any(|(id, node)| {
        let is_wait = match node {
            AnyNodeRef::ExprAwait(_) | AnyNodeRef::ExprYield(_) => true,
            AnyNodeRef::StmtFor(inner) => inner.is_async,
            AnyNodeRef::StmtWith(inner) => inner.is_async,
            AnyNodeRef::Comprehension(inner) => inner.is_async,
            _ => false,
        };
        is_wait
            && model
                .enclosing_function(id)
                .is_some_and(|owner| std::ptr::eq(owner, function))
    })
}

/// Whether a loop within the `with` comes to a node several times. A `for` asks once for what it goes through.
fn is_repeated(ctx: &Context, with: NodeId, node: NodeId) -> bool {
    let model = ctx.model;
    model
        .loops(node)
        .filter(|round| model.contains(with, *round))
        .any(|round| match model.node(round) {
            AnyNodeRef::StmtFor(stmt) => !model.contains(model.id(&*stmt.iter), node),
            _ => true,
        })
}

/// What one read of the file's name is for.
fn use_of<'a>(ctx: &Context<'a>, with: NodeId, read: NodeId) -> Result<Use<'a>, Declined> {
    let model = ctx.model;
    let parent = model.parent(read);
    let is_repeated = || is_repeated(ctx, with, read);
    let unknown = || {
        let (line, _) = ctx.module.location(model.node(read).start());
        Declined(format!(
            "what line {line} does with the file is not known, and its other statements wait for something: read what they need before, in a thread"
        ))
    };
    match model.node(parent) {
        AnyNodeRef::StmtFor(stmt) if model.id(&*stmt.iter) == read && !stmt.is_async => Ok(Use::Lines),
        AnyNodeRef::Comprehension(inner) if model.id(&inner.iter) == read && !inner.is_async => {
            let generators = match model.node(model.parent(parent)) {
                AnyNodeRef::ExprListComp(list) => &list.generators,
                AnyNodeRef::ExprSetComp(set) => &set.generators,
                AnyNodeRef::ExprDictComp(dict) => &dict.generators,
                AnyNodeRef::ExprGenerator(generator) => &generator.generators,
                _ => return Err(unknown()),
            };
            // What the first of them goes through is evaluated where the comprehension stands.
            let is_first = generators.first().is_some_and(|first| first.range() == inner.range());
            if is_first { Ok(Use::Lines) } else { Err(unknown()) }
        }
        AnyNodeRef::Arguments(arguments) => {
            let AnyNodeRef::ExprCall(outer) = model.node(model.parent(parent)) else {
                return Err(unknown());
            };
            if arguments.args.first().is_none_or(|first| model.id(first) != read) {
                return Err(unknown());
            }
            let is_builtin = |names: &[&str]| names.iter().any(|name| model.is_builtin(&outer.func, name));
            let name = model.qualified_name(&outer.func);
            if reads_by_row(ctx, outer) || is_builtin(ENDS) || is_builtin(&["enumerate"]) {
                Ok(Use::Lines)
            } else if name.is_some_and(|name| LOADERS.contains(&name.as_str())) {
                Ok(Use::Call(outer))
            } else if is_builtin(&["next"]) {
                Ok(Use::Kept)
            } else {
                Err(unknown())
            }
        }
        AnyNodeRef::ExprAttribute(method) => match (method.attr.as_str(), model.node(model.parent(parent))) {
            ("readline", AnyNodeRef::ExprCall(_)) if is_repeated() => {
                Err("a hop to a thread for each line costs more than the line: take them from `readlines`".into())
            }
            ("read" | "readline" | "readlines", AnyNodeRef::ExprCall(call)) if call.func.range() == method.range() => {
                Ok(Use::Call(call))
            }
            ("seek" | "tell" | "close" | "fileno" | "readable" | "seekable" | "writable" | "isatty", _) => {
                Ok(Use::Kept)
            }
            ("write" | "writelines" | "flush" | "truncate", AnyNodeRef::ExprCall(_)) => {
                Err("the file is read and written, and its statements wait for something in between".into())
            }
            (_, AnyNodeRef::ExprCall(call)) if call.func.range() == method.range() => Err(unknown()),
            _ => Ok(Use::Kept),
        },
        _ => Err(unknown()),
    }
}

fn in_pieces<'a>(
    ctx: &Context<'a>,
    with: NodeId,
    open: &'a ast::ExprCall,
    uses: Vec<(NodeId, Result<Use<'a>, Declined>)>,
) -> Result<Fix, Declined> {
    let model = ctx.model;
    let (mut edits, mut imports, mut doubts) = (Vec::new(), Vec::new(), Vec::new());
    let mut all_lines: Option<NodeId> = None;
    let mut last = open.end();
    for (read, found) in uses {
        let start = model.node(read).start();
        if let Some(lines) = all_lines {
            let (line, _) = ctx.module.location(model.node(lines).start());
            return Err(format!("the file is used again behind line {line}, which would have read all of it").into());
        }
        match found? {
            Use::Kept => {}
            Use::Lines => {
                if is_repeated(ctx, with, read) {
                    return Err("its lines are asked for in a loop".into());
                }
                let place = ctx.may_await(read)?;
                let loader = ctx.off_loader(read, false)?;
                let (name, range) = (model.slice(model.node(read)), model.node(read).range());
                let text = format!("await {}{}{name}.readlines{}", loader.head, loader.inner, loader.tail);
                edits.push(Edit::replacement(text, range));
                imports.extend(loader.imports);
                doubts.extend(place);
                all_lines = Some(read);
            }
            Use::Call(call) => {
                if start < last {
                    return Err("what is read says how much is read".into());
                }
                let fix = ctx.offload(call, None)?;
                last = call.end();
                edits.extend(fix.edits);
                imports.extend(fix.imports);
                doubts.extend(fix.reason);
            }
        }
    }
    let doubt = if all_lines.is_some() {
        "all lines are read, and kept, before the first is used"
    } else {
        "a task that is cancelled meanwhile closes the file while the thread still reads it"
    };
    doubts.insert(0, doubt.to_owned());
    doubts.extend(ctx.shared_file_doubt(open));
    let doubt = all_doubts(doubts.iter().map(String::as_str));
    Ok(Fix::with_doubt(doubt, edits).import(imports))
}
