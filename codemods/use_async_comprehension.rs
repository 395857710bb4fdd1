//! `out = []` and an `async for` that appends to it -> an asynchronous comprehension.

use memchr::memmem;
use ruff_python_ast::token::parenthesized_range;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr, ExprRef, PythonVersion, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::layout::{moved_pragma, own_lines};
use crate::semantic::flow::Guard;
use crate::semantic::names::{Lookup, map_callable};
use crate::semantic::reaching::Definition;
use crate::semantic::{BindingKind, NodeId, ScopeId};

/// An `async for` with an `append` in the lines below it.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    glance::mentions(text, &["= []", "=[]"])
        && memmem::find_iter(text, b"async for").any(|at| {
            let line = text[..at].rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
            // A few conditions and loops may stand in between, each on a line or two.
            let window = &text[at..text.len().min(at + 1_500)];
            line.iter().all(|byte| byte.is_ascii_whitespace() || *byte == b':')
                && glance::mentions(window, &[".append(", ".extend("])
        })
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for call in ctx.model.calls() {
        if let Some(collection) = Collection::read(ctx, call) {
            let message = format!(
                "`{}` is collected in a loop, which an asynchronous comprehension says in one expression",
                collection.name.id
            );
            acc.push(collection.stmt, message, rewrite(ctx, &collection));
        }
    }
}

/// `name = []`, then loops and conditions around `name.append(element)`.
struct Collection<'a> {
    name: &'a ast::ExprName,
    /// The empty list.
    list: &'a Expr,
    /// The outermost loop.
    outer: &'a ast::StmtFor,
    stmt: &'a Stmt,
    /// From the outermost loop inwards.
    clauses: Vec<Clause<'a>>,
    /// What is appended, or gone over by `extend`.
    element: &'a Expr,
    /// `name.extend(element)`
    extends: bool,
    append: &'a Stmt,
}

enum Clause<'a> {
    For(&'a ast::StmtFor),
    If(&'a ast::StmtIf),
}

impl<'a> Collection<'a> {
    /// Reads it from its `append`. `None` when the loops are anything else.
    fn read(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<Self> {
        let model = ctx.model;
        let Expr::Attribute(method) = &*call.func else {
            return None;
        };
        let Expr::Name(name) = &*method.value else { return None };
        let [element] = &*call.arguments.args else { return None };
        let extends = method.attr.as_str() == "extend";
        if !extends && method.attr.as_str() != "append"
            || !call.arguments.keywords.is_empty()
            || element.is_starred_expr()
        {
            return None;
        }
        let (mut id, append) = model.statement_of(model.id(call))?;
        if !matches!(append, Stmt::Expr(inner) if model.id(&*inner.value) == model.id(call)) {
            return None;
        }
        let mut clauses = Vec::new();
        loop {
            let parent = model.parent(id);
            match model.node(parent) {
                AnyNodeRef::StmtFor(outer) if outer.body.len() == 1 && outer.orelse.is_empty() => {
                    clauses.push(Clause::For(outer));
                }
                AnyNodeRef::StmtIf(outer) if outer.body.len() == 1 && outer.elif_else_clauses.is_empty() => {
                    clauses.push(Clause::If(outer));
                }
                _ => return None,
            }
            id = parent;
            let (block, index) = model.block_of(id)?;
            let Some(Clause::For(outer)) = clauses.last() else {
                continue;
            };
            if let Some(list) = index
                .checked_sub(1)
                .and_then(|index| empty_list(ctx, &block[index], &name.id))
            {
                let is_async = clauses
                    .iter()
                    .any(|clause| matches!(clause, Clause::For(inner) if inner.is_async));
                let outer = *outer;
                clauses.reverse();
                return is_async.then_some(Self {
                    name,
                    list,
                    outer,
                    stmt: &block[index],
                    clauses,
                    element,
                    extends,
                    append,
                });
            }
        }
    }
}

/// The empty list that a statement gives a name.
fn empty_list<'a>(ctx: &Context<'a>, stmt: &'a Stmt, name: &str) -> Option<&'a Expr> {
    let is_it = |target: &Expr| matches!(target, Expr::Name(found) if found.id == name);
    let value = match stmt {
        Stmt::Assign(assign) => match assign.targets.as_slice() {
            [target] if is_it(target) => &*assign.value,
            _ => return None,
        },
        Stmt::AnnAssign(assign) if is_it(&assign.target) => assign.value.as_deref()?,
        _ => return None,
    };
    match value {
        Expr::List(list) if list.elts.is_empty() => Some(value),
        Expr::Call(call) if ctx.model.is_builtin(&call.func, "list") && call.arguments.is_empty() => Some(value),
        _ => None,
    }
}

fn rewrite(ctx: &Context, collection: &Collection) -> Result<Fix, Declined> {
    let scope = ctx.model.scope_of(ctx.model.id(collection.outer));
    ctx.model
        .await_is_legal(ctx.model.id(collection.outer), ctx.settings.target)?;
    check_list(ctx, collection, scope)?;
    check_variables(ctx, collection, scope)?;
    check_parts(ctx, collection)?;
    let mut doubt = check_guards(ctx, collection, scope)?;
    let text = written(ctx, collection)?;
    let module = ctx.module;
    let end = module.line_end(collection.outer.end());
    for comment in module.comments_in(TextRange::new(collection.outer.start(), end)) {
        doubt = doubt.or_else(|| moved_pragma(module.slice(*comment)));
    }
    own_lines(module, collection.outer.start(), collection.outer.end())?;
    if !module
        .comments_in(TextRange::new(
            collection.list.start(),
            module.line_end(collection.list.end()),
        ))
        .is_empty()
        && text.contains('\n')
    {
        return Err("a comment stands behind the empty list, which would become several lines".into());
    }
    // The blank lines between the two go, and comments go above what both become.
    let mut start = module.line_start(collection.outer.start());
    let between = TextRange::new(module.line_end_with_newline(collection.list.end()), start);
    let mut lines = module
        .slice(between)
        .lines()
        .filter(|line| !line.trim().is_empty())
        .peekable();
    let mut edits = Vec::new();
    if lines.clone().all(|line| line.trim_start().starts_with('#')) {
        start = between.start();
        if lines.peek().is_some() {
            let comments: String = lines.map(|line| format!("{line}\n")).collect();
            edits.push(Edit::insertion(comments, module.line_start(collection.list.start())));
        }
    }
    let end = module.line_end_with_newline(collection.outer.end());
    edits.push(Edit::replacement(text, collection.list.range()));
    edits.push(Edit::deletion(TextRange::new(start, end)));
    Ok(Fix::with_doubt(doubt, edits))
}

/// Nobody else may see the list while it grows.
fn check_list(ctx: &Context, collection: &Collection, scope: ScopeId) -> Result<(), Declined> {
    let model = ctx.model;
    let name = &collection.name.id;
    if model.lookup(name, scope) != Lookup::Scope(scope) || scope == ScopeId::MODULE {
        return Err(format!("`{name}` is not a local name, so that other code can see it while it grows").into());
    }
    if model.is_captured(name, scope) {
        return Err(format!("`{name}` is seen by a nested function while it grows").into());
    }
    let id = model.id(collection.outer);
    let uses = model
        .references_in(id)
        .iter()
        .filter(|reference| reference.name.id == *name)
        .count();
    let is_bound = model
        .bindings_within(id)
        .iter()
        .any(|binding| binding.name == name.as_str());
    if uses != 1 || is_bound {
        return Err(format!("`{name}` is used in the loop for something else as well").into());
    }
    Ok(())
}

/// The loop's variables end with the comprehension.
fn check_variables(ctx: &Context, collection: &Collection, scope: ScopeId) -> Result<(), Declined> {
    let model = ctx.model;
    let outer = model.id(collection.outer);
    let function = model
        .enclosing_function(outer)
        .ok_or("it does not stand in a function")?;
    for clause in &collection.clauses {
        let Clause::For(inner) = clause else { continue };
        let target = model.id(&*inner.target);
        let is_plain = model.subtree(target).all(|(_, node)| {
            matches!(
                node,
                AnyNodeRef::ExprName(_)
                    | AnyNodeRef::ExprTuple(_)
                    | AnyNodeRef::ExprList(_)
                    | AnyNodeRef::ExprStarred(_)
            )
        });
        if !is_plain {
            return Err("the loop stores its items in an attribute or an element".into());
        }
        for binding in model.bindings_within(target) {
            let name = binding.name;
            if binding.scope != scope {
                return Err(format!("the loop variable `{name}` is not a local name").into());
            }
            let reads = model
                .reads_of_local(function, name)
                .ok_or_else(|| format!("the loop variable `{name}` is seen by a nested function"))?;
            let made_here =
                |definition: &Definition| matches!(definition, Definition::At(node) if model.contains(outer, *node));
            let is_read_after = reads
                .iter()
                .any(|(read, definitions)| !model.contains(outer, *read) && definitions.iter().any(made_here));
            if is_read_after {
                return Err(format!("the loop variable `{name}` is read after the loop").into());
            }
        }
    }
    let shows = ["locals", "vars", "dir", "eval", "exec"].iter().find(|name| {
        model
            .references_in(model.id(function))
            .iter()
            .any(|reference| model.is_builtin(&Expr::Name(reference.name.clone()), name))
    });
    match shows {
        Some(shows) => Err(format!("`{shows}` in the function shows the loop's variables").into()),
        None => Ok(()),
    }
}

/// What may not stand in a comprehension, or means something else there.
fn check_parts(ctx: &Context, collection: &Collection) -> Result<(), Declined> {
    let model = ctx.model;
    for (index, clause) in collection.clauses.iter().enumerate() {
        match clause {
            Clause::For(inner) => {
                let id = model.id(&*inner.iter);
                if model.subtree(id).any(|(_, node)| node.is_expr_named()) {
                    return Err("a name is assigned in the iterable, which a comprehension does not allow".into());
                }
                // The first iterable is evaluated outside of the comprehension.
                check_part(ctx, id, index > 0)?;
            }
            Clause::If(inner) => check_part(ctx, model.id(&*inner.test), true)?,
        }
    }
    check_part(ctx, model.id(collection.element), true)
}

fn check_part(ctx: &Context, part: NodeId, is_inside: bool) -> Result<(), Declined> {
    let model = ctx.model;
    for (id, node) in model.subtree(part) {
        match node {
            AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_) => {
                return Err("a `yield` stands in the loop, which a comprehension does not allow".into());
            }
            AnyNodeRef::ExprName(name) if is_inside && matches!(name.id.as_str(), "super" | "__class__") => {
                return Err(
                    "`super` stands in the loop, which is not found inside a comprehension before Python 3.12".into(),
                );
            }
            AnyNodeRef::ExprNamed(_) if is_inside => {
                return Err("a name is assigned inside the loop's expressions".into());
            }
            AnyNodeRef::Comprehension(_) | AnyNodeRef::ExprAwait(_)
                if is_inside && ctx.settings.target < PythonVersion::PY311 =>
            {
                let is_async = match node {
                    AnyNodeRef::Comprehension(inner) => inner.is_async,
                    _ => model.scope_of(id) != model.scope_of(part),
                };
                if is_async {
                    return Err("an asynchronous comprehension inside another comprehension needs Python 3.11".into());
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A loop that fails leaves what it has collected; a comprehension leaves nothing.
fn check_guards(ctx: &Context, collection: &Collection, scope: ScopeId) -> Result<Option<String>, Declined> {
    let model = ctx.model;
    let name = &collection.name.id;
    let mut doubt = None;
    for guard in model.guards(model.id(collection.outer)) {
        if !model.is_seen_after_failure(name, scope, &guard) {
            continue;
        }
        match guard {
            Guard::Try(stmt) => {
                let (line, _) = ctx.module.location(stmt.start());
                return Err(format!(
                    "what `{name}` has collected is seen when the loop fails, behind the `try` in line {line}"
                )
                .into());
            }
            Guard::With(stmt) => {
                let manager = stmt
                    .items
                    .iter()
                    .find(|item| may_be_own(ctx, &item.context_expr))
                    .map(|item| ctx.module.slice(map_callable(&item.context_expr)));
                let (line, _) = ctx.module.location(stmt.start());
                if let Some(manager) = manager {
                    return Err(format!(
                        "`{manager}` may swallow an exception, and what `{name}` has collected is seen behind it"
                    )
                    .into());
                }
                doubt.get_or_insert_with(|| {
                    format!(
                        "if the manager in line {line} swallows an exception, what `{name}` has collected would be seen behind it"
                    )
                });
            }
        }
    }
    Ok(doubt)
}

/// Managers that swallow exceptions, or that this module defines.
fn may_be_own(ctx: &Context, manager: &Expr) -> bool {
    let callee = map_callable(manager);
    let name = match callee {
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        Expr::Name(name) => name.id.as_str(),
        _ => return false,
    };
    let is_defined_here = match callee {
        Expr::Name(name) => {
            let scope = ctx.model.scope_of(ctx.model.id(name));
            ctx.model
                .resolve(&name.id, scope)
                .any(|binding| matches!(binding.kind, BindingKind::Function(_) | BindingKind::Class(_)))
        }
        _ => ctx.model.function_of(callee).is_some(),
    };
    is_defined_here || matches!(name, "suppress" | "raises" | "warns") || name.starts_with("assertRaises")
}

/// The comprehension: on one line, or on one between its brackets, where it fits and no comment stands in the loop; else each clause on
/// a line of its own.
fn written(ctx: &Context, collection: &Collection) -> Result<String, Declined> {
    let module = ctx.module;
    let indent = module.indentation(collection.outer.start());
    let unit = ctx.indent_unit(ctx.model.id(collection.outer));
    let id = ctx.model.id(collection.outer);
    let item = collection.extends.then(|| ctx.model.fresh_name("item", id));
    let mut parts = vec![match &item {
        // It stands nowhere in the loop, and has no comments.
        Some(item) => (TextRange::empty(collection.list.start()), item.clone()),
        None => (collection.append.range(), part(ctx, collection.element, false)?),
    }];
    for clause in &collection.clauses {
        parts.push(match clause {
            Clause::For(inner) => {
                let word = if inner.is_async { "async for" } else { "for" };
                let header = TextRange::new(inner.start(), inner.iter.end());
                let target = part(ctx, &inner.target, false)?;
                (header, format!("{word} {target} in {}", part(ctx, &inner.iter, true)?))
            }
            Clause::If(inner) => {
                let header = TextRange::new(inner.start(), inner.test.end());
                (header, format!("if {}", part(ctx, &inner.test, true)?))
            }
        });
    }
    if let Some(item) = item {
        let gone_over = part(ctx, collection.element, false)?;
        let text = match collection.element {
            Expr::If(_) | Expr::Lambda(_) => format!("for {item} in ({gone_over})"),
            _ => format!("for {item} in {gone_over}"),
        };
        parts.push((collection.append.range(), text));
    }
    let end = module.line_end(collection.outer.end());
    let comments = module.comments_in(TextRange::new(collection.outer.start(), end));
    let texts: Vec<&str> = parts.iter().map(|(_, text)| text.as_str()).collect();
    let inner = texts.join(" ");
    let before = module.line_start(collection.list.start());
    let before = &module.text()[TextRange::new(before, collection.list.start())];
    if comments.is_empty() && !inner.contains('\n') {
        if ctx.fits(&format!("{before}[{inner}]")) {
            return Ok(format!("[{inner}]"));
        }
        if ctx.fits(&format!("{indent}{unit}{inner}")) {
            return Ok(format!("[\n{indent}{unit}{inner}\n{indent}]"));
        }
    }
    let mut text = "[".to_owned();
    let mut placed = 0;
    for (range, part) in &parts {
        let lines = TextRange::new(module.line_start(range.start()), module.line_end(range.end()));
        // Comments above an element or a clause belong to it, and stand below the header in front of it.
        let above = |comment: &&TextRange| {
            module.is_first_on_line(comment.start())
                && parts
                    .iter()
                    .filter(|(other, _)| other.start() > comment.start())
                    .map(|(other, _)| other.start())
                    .min()
                    == Some(range.start())
        };
        for comment in comments.iter().filter(above) {
            text.push_str(&format!("\n{indent}{unit}{}", module.slice(*comment)));
            placed += 1;
        }
        text.push_str(&format!(
            "\n{indent}{unit}{}",
            part.replace('\n', &format!("\n{indent}{unit}"))
        ));
        let behind = |comment: &&TextRange| {
            !module.is_first_on_line(comment.start())
                && lines.contains_range(**comment)
                && comment.start() >= range.end()
        };
        for comment in comments.iter().filter(behind) {
            text.push_str(&format!("  {}", module.slice(*comment)));
            placed += 1;
        }
    }
    if placed != comments.len() {
        return Err("a comment stands inside one of the loop's expressions".into());
    }
    text.push_str(&format!("\n{indent}]"));
    Ok(text)
}

/// An expression as part of a comprehension, its further lines relative to the line it starts on.
fn part(ctx: &Context, expr: &Expr, is_clause: bool) -> Result<String, Declined> {
    let parent = ctx.model.node(ctx.model.parent(ctx.model.id(expr)));
    let parenthesized = parenthesized_range(ExprRef::from(expr), parent, ctx.module.tokens());
    // The parentheses of the call are not the element's own.
    let range = if is_clause {
        parenthesized.unwrap_or(expr.range())
    } else {
        expr.range()
    };
    let indent = ctx.module.indentation(range.start());
    let text = ctx.unindented(range, indent)?;
    let needs_parentheses = match expr {
        Expr::If(_) | Expr::Lambda(_) => is_clause && parenthesized.is_none(),
        Expr::Tuple(tuple) => is_clause && parenthesized.is_none() && !tuple.parenthesized,
        Expr::Generator(generator) => !generator.parenthesized,
        _ => false,
    };
    Ok(if needs_parentheses { format!("({text})") } else { text })
}
