//! `x = make()`, then `try: ... finally: await x.close()` -> `async with make() as x: ...`.

use std::cell::OnceCell;

use memchr::{memchr_iter, memmem};
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance::{TRIPLE_QUOTES, line_start, mentions};
use crate::importer::Import;
use crate::layout::{moved_pragma, own_lines};
use crate::semantic::names::Lookup;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{NodeId, ScopeId};

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for awaited in ctx.model.awaits() {
        if let Some(closing) = Closing::read(ctx, awaited) {
            let message = format!(
                "`{}` is made before a `try` and closed in its `finally`, which is what `async with` does",
                closing.name.id
            );
            acc.push(closing.made, message, rewrite(ctx, &closing));
        }
    }
}

/// `await x.close()` or `await x.aclose()` in a line whose block, as far as it is indented like it, starts with `finally:`.
pub(super) fn glance(text: &[u8], wanted: Wanted) -> bool {
    // `close` is known of few classes.
    let known = OnceCell::new();
    let knows_close = || {
        *known.get_or_init(|| {
            wanted == Wanted::Everything
                || mentions(
                    text,
                    &[
                        "__aexit__",
                        "ClientSession",
                        "AsyncSession",
                        "sessionmaker",
                        "create_async_engine",
                        "aiosqlite",
                        "asyncpg",
                    ],
                )
        })
    };
    memmem::find_iter(text, b"close()").any(|at| {
        let dotted = text[..at].ends_with(b".a") || text[..at].ends_with(b".") && knows_close();
        let line = line_start(text, at);
        let path = text[line..at].trim_ascii_start().strip_prefix(b"await");
        // A name, and no attribute of one.
        let closes_name = path.is_some_and(|path| memchr_iter(b'.', path).count() == 1);
        dotted && closes_name && is_in_finally(text, line)
            || dotted && memmem::find(&text[line..at], b"finally").is_some()
    })
}

/// Whether the nearest line above that is indented less than this one, which starts at an offset, is a `finally`.
fn is_in_finally(text: &[u8], line: usize) -> bool {
    let indent_of = |line: &[u8]| line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let own = &text[line..line + indent_of(&text[line..])];
    for above in text[..line].rsplit(|byte| *byte == b'\n') {
        let (indent, code) = above.split_at(indent_of(above));
        let code = code.trim_ascii_end();
        // The lines of a string may be indented less than its statement.
        if mentions(code, TRIPLE_QUOTES) {
            return memmem::find(&text[..line], b"finally").is_some();
        }
        if code.is_empty() || code.starts_with(b"#") || indent.starts_with(own) {
            continue;
        }
        // Tabs here and blanks there do not tell which one is indented more.
        return code.starts_with(b"finally") || !own.starts_with(indent);
    }
    false
}

/// An object that is made before a `try` and closed at its end.
struct Closing<'a> {
    name: &'a ast::ExprName,
    made: &'a Stmt,
    value: &'a Expr,
    annotation: Option<&'a Expr>,
    stmt: &'a Stmt,
    outer: &'a ast::StmtTry,
    close: &'a Stmt,
    method: &'a str,
}

impl<'a> Closing<'a> {
    /// Reads it from the `await` that closes. `None` when it does not have this form.
    fn read(ctx: &Context<'a>, awaited: &'a ast::ExprAwait) -> Option<Self> {
        let model = ctx.model;
        let Expr::Call(call) = &*awaited.value else { return None };
        let Expr::Attribute(method) = &*call.func else {
            return None;
        };
        let Expr::Name(closed) = &*method.value else {
            return None;
        };
        if !matches!(method.attr.as_str(), "close" | "aclose") || !call.arguments.is_empty() {
            return None;
        }
        let (close_id, close) = model.statement_of(model.id(awaited))?;
        let AnyNodeRef::StmtTry(outer) = model.node(model.parent(close_id)) else {
            return None;
        };
        let is_last = outer.finalbody.last().is_some_and(|last| last.range() == close.range());
        if !is_last || !matches!(close, Stmt::Expr(inner) if inner.value.range() == awaited.range()) {
            return None;
        }
        let (block, index) = model.block_of(model.id(outer))?;
        let made = &block[index.checked_sub(1)?];
        let (target, value, annotation) = match made {
            Stmt::Assign(assign) => match assign.targets.as_slice() {
                [target] => (target, &*assign.value, None),
                _ => return None,
            },
            Stmt::AnnAssign(assign) => (&*assign.target, assign.value.as_deref()?, Some(&*assign.annotation)),
            _ => return None,
        };
        let Expr::Name(name) = target else { return None };
        (name.id == closed.id).then_some(Self {
            name,
            made,
            value,
            annotation,
            stmt: &block[index],
            outer,
            close,
            method: method.attr.as_str(),
        })
    }
}

/// What is entered.
enum Manager<'a> {
    /// The object itself, by this expression of it.
    Own(&'a Expr),
    /// Its `aclose` method, under `contextlib.aclosing`.
    Aclosing,
}

fn rewrite(ctx: &Context, closing: &Closing) -> Result<Fix, Declined> {
    check_name(ctx, closing)?;
    let manager = manager(ctx, closing)?;
    let mut doubts = Vec::from_iter(overridden(ctx, closing));
    let others = closing.outer.finalbody.len() > 1;
    if others {
        doubts.push(format!(
            "if what stands before `{}` in the `finally` block raises, the object is closed now, and was not before",
            ctx.module.slice(closing.close)
        ));
    }
    let (edits, import) = Pieces { ctx, closing, others }.edits(&manager, &mut doubts)?;
    let doubt = (!doubts.is_empty()).then(|| doubts.join("; "));
    Ok(Fix::with_doubt(doubt, edits).import(import))
}

/// The name stands for the object until it is closed, and no `yield` is moved into a block.
fn check_name(ctx: &Context, closing: &Closing) -> Result<(), Declined> {
    let model = ctx.model;
    let name = &closing.name.id;
    let outer = model.id(closing.outer);
    let yields = model
        .subtree(outer)
        .any(|(_, node)| matches!(node, AnyNodeRef::ExprYield(_) | AnyNodeRef::ExprYieldFrom(_)));
    if yields {
        return Err("a generator that yields inside keeps its `try`".into());
    }
    let scope = model.scope_of(model.id(closing.name));
    if model.lookup(name, scope) != Lookup::Scope(scope) || scope == ScopeId::MODULE {
        return Err(format!("`{name}` is not a local name, and may be bound anew elsewhere").into());
    }
    let rebound = model.bindings_in(scope, name).any(|binding| {
        model.contains(outer, binding.node)
            || model
                .function_of_scope(model.scope_of(binding.node))
                .map(|function| model.id(function))
                != model.function_of_scope(scope).map(|function| model.id(function))
    });
    if rebound {
        return Err(format!("`{name}` is bound anew before it is closed").into());
    }
    Ok(())
}

/// Classes and functions whose objects `async with` closes by this very method (read in their sources), and whether they are awaited:
/// `__aenter__` does what the `await` does then.
const CLOSED_BY_EXIT: &[(&str, &str, bool)] = &[
    ("aiohttp.ClientSession", "close", false),
    ("aiosqlite.connect", "close", true),
    ("asyncpg.create_pool", "close", true),
    ("httpx.AsyncClient", "aclose", false),
    ("httpx2.AsyncClient", "aclose", false),
    ("sqlalchemy.ext.asyncio.AsyncSession", "close", false),
];

fn manager<'a>(ctx: &Context<'a>, closing: &Closing<'a>) -> Result<Manager<'a>, Declined> {
    let model = ctx.model;
    let (call, is_awaited) = match closing.value {
        Expr::Call(call) => (call, false),
        Expr::Await(outer) => match &*outer.value {
            Expr::Call(call) => (call, true),
            _ => return Err("what it is made by is not a call".into()),
        },
        _ => return Err("what it is made by is not a call".into()),
    };
    let made = match closing.value {
        Expr::Await(outer) => &*outer.value,
        other => other,
    };
    let qualified = model.qualified_name(&call.func);
    let is_known = qualified.is_some_and(|name| {
        CLOSED_BY_EXIT
            .iter()
            .any(|(known, method, awaited)| *known == name && *method == closing.method && *awaited == is_awaited)
    });
    if is_known || closing.method == "close" && is_sqlalchemy(ctx, call, is_awaited) {
        return Ok(Manager::Own(made));
    }
    let own = own_class(ctx, closing.value).map_or_else(
        || {
            Err(Declined(
                "it is not known whether `async with` closes it, and does nothing else".to_owned(),
            ))
        },
        |class| closes_itself(ctx, class, closing.method),
    );
    match own {
        Ok(()) => Ok(Manager::Own(closing.value)),
        Err(_) if closing.method == "aclose" && ctx.settings.target >= PythonVersion::PY310 => Ok(Manager::Aclosing),
        Err(_) if closing.method == "aclose" => Err("`contextlib.aclosing` needs Python 3.10".into()),
        Err(reason) => Err(reason),
    }
}

/// A session made by a factory, or a connection of an engine. (`await engine.connect()` starts the connection, and so does `__aenter__`.)
fn is_sqlalchemy(ctx: &Context, call: &ast::ExprCall, is_awaited: bool) -> bool {
    let is = |expr: &Expr, class: &str| matches!(ctx.model.type_of(expr), Type::Foreign(name) if name == format!("sqlalchemy.ext.asyncio.{class}"));
    match &*call.func {
        factory @ Expr::Name(_) if !is_awaited => is(factory, "async_sessionmaker"),
        Expr::Attribute(method) if is_awaited => method.attr.as_str() == "connect" && is(&method.value, "AsyncEngine"),
        _ => false,
    }
}

/// The class of this module that a value is certain to be an instance of: made by its constructor, or by a function of the module that
/// returns nothing else.
fn own_class<'a>(ctx: &Context<'a>, value: &Expr) -> Option<&'a ast::StmtClassDef> {
    let model = ctx.model;
    let (call, is_awaited) = match value {
        Expr::Call(call) => (call, false),
        Expr::Await(outer) => match &*outer.value {
            Expr::Call(call) => (call, true),
            _ => return None,
        },
        _ => return None,
    };
    if !is_awaited && let Some(class) = model.class_named(&call.func) {
        return Some(class);
    }
    let function = model.function_called(&call.func)?;
    if function.is_async != is_awaited || model.is_generator(function) {
        return None;
    }
    let scope = model.body_scope(function);
    let mut found: Option<&'a ast::StmtClassDef> = None;
    for (id, node) in model.subtree(model.id(function)) {
        if let AnyNodeRef::StmtReturn(stmt) = node
            && model.scope_of(id) == scope
        {
            let class = model.class_of(stmt.value.as_deref()?)?;
            if found.is_some_and(|other| !std::ptr::eq(other, class)) {
                return None;
            }
            found = Some(class);
        }
    }
    found
}

/// What another file has in the place of that by which the object is made, entered or closed, if that is known from this module alone.
fn overridden(ctx: &Context, closing: &Closing) -> Option<String> {
    let model = ctx.model;
    let (Expr::Call(call), is_awaited) = (match closing.value {
        Expr::Await(outer) => (&*outer.value, true),
        value => (value, false),
    }) else {
        return None;
    };
    let class = own_class(ctx, closing.value)?;
    if !is_awaited && model.class_named(&call.func).is_some() {
        return None;
    }
    let of_maker = || {
        let function = model.function_called(&call.func)?;
        let class = model.class_of_method(function)?;
        ctx.project.overrides(class, &[&function.name], model)
    };
    let other = of_maker().or_else(|| {
        let methods = ["__aenter__", "__aexit__", closing.method];
        ctx.project.overrides(class, &methods, model)
    })?;
    Some(format!("{other} may stand in the place of what is seen here"))
}

/// Whether `__aenter__` of a class is `return self`, and `__aexit__` does nothing but await the method.
fn closes_itself<'a>(ctx: &Context<'a>, class: &'a ast::StmtClassDef, method: &str) -> Result<(), Declined> {
    let model = ctx.model;
    let own = |name: &str| {
        model
            .method(class, name)
            .filter(|method| method.is_async && method.decorator_list.is_empty())
    };
    let (Some(enter), Some(exit)) = (own("__aenter__"), own("__aexit__")) else {
        return Err(format!("`{}` has no `__aenter__` and `__aexit__` that are certain", class.name).into());
    };
    let is_self = |function: &ast::StmtFunctionDef, expr: &Expr| {
        let receiver = function.parameters.iter_source_order().next();
        matches!((expr, receiver), (Expr::Name(name), Some(first)) if name.id == first.as_parameter().name.id)
    };
    match statements(&enter.body) {
        [Stmt::Return(stmt)] if stmt.value.as_deref().is_some_and(|value| is_self(enter, value)) => {}
        _ => return Err(format!("`{}.__aenter__` does more than `return self`", class.name).into()),
    }
    let closes = |stmt: &Stmt| match stmt {
        Stmt::Expr(inner) => match &*inner.value {
            Expr::Await(awaited) => match &*awaited.value {
                Expr::Call(call) => {
                    call.arguments.is_empty()
                        && matches!(&*call.func, Expr::Attribute(attribute)
                            if attribute.attr.as_str() == method && is_self(exit, &attribute.value))
                }
                _ => false,
            },
            _ => false,
        },
        _ => false,
    };
    let is_false = |stmt: &Stmt| {
        matches!(stmt, Stmt::Return(stmt) if stmt.value.as_deref().is_none_or(|value| match value {
            Expr::NoneLiteral(_) => true,
            Expr::BooleanLiteral(literal) => !literal.value,
            _ => false,
        }))
    };
    match statements(&exit.body) {
        [close] if closes(close) => Ok(()),
        [close, last] if closes(close) && is_false(last) => Ok(()),
        _ => Err(format!(
            "`{}.__aexit__` does not do the same as `await self.{method}()`",
            class.name
        )
        .into()),
    }
}

/// The part of an annotation that a line without a value can have: what is `Final` needs its value there.
fn declarable<'a>(ctx: &Context<'a>, annotation: &'a Expr) -> Option<&'a Expr> {
    let is_final = |expr: &Expr| {
        ctx.model
            .qualified_name(expr)
            .is_some_and(|name| matches!(&*name, "typing.Final" | "typing_extensions.Final"))
    };
    match annotation {
        _ if is_final(annotation) => None,
        Expr::Subscript(generic) if is_final(&generic.value) => Some(&generic.slice),
        _ => Some(annotation),
    }
}

/// A body without its docstring.
fn statements(body: &[Stmt]) -> &[Stmt] {
    match body {
        [Stmt::Expr(first), rest @ ..] if first.value.is_string_literal_expr() => rest,
        _ => body,
    }
}

struct Pieces<'c, 'a> {
    ctx: &'c Context<'a>,
    closing: &'c Closing<'a>,
    /// The `finally` block has more to do than to close.
    others: bool,
}

impl Pieces<'_, '_> {
    fn edits(&self, manager: &Manager, doubts: &mut Vec<String>) -> Result<(Vec<Edit>, Option<Import>), Declined> {
        let Self { ctx, closing, others } = *self;
        let module = ctx.module;
        own_lines(module, closing.made.start(), closing.made.end())?;
        own_lines(module, closing.stmt.start(), closing.stmt.end())?;
        let indent = ctx.indentation(closing.stmt);
        let (header, import) = self.header(manager)?;

        let mut above: Vec<String> = Vec::new();
        let mut note = |range: TextRange, above: &mut Vec<String>| {
            for comment in module.comments_in(range) {
                let text = module.slice(*comment);
                doubts.extend(moved_pragma(text));
                above.push(text.to_owned());
            }
        };
        // What is made: its lines go, and the blank lines behind them.
        let made = TextRange::new(
            module.line_start(closing.made.start()),
            module.line_end_with_newline(closing.made.end()),
        );
        note(TextRange::new(closing.made.end(), made.end()), &mut above);
        let before_value = TextRange::new(closing.made.start(), closing.value.start());
        if !module.comments_in(before_value).is_empty() {
            return Err("a comment stands in the assignment".into());
        }
        let mut edits = Vec::new();
        let between = TextRange::new(made.end(), module.line_start(closing.stmt.start()));
        let gap = if module.slice(between).trim().is_empty() {
            between.end()
        } else {
            made.end()
        };
        match closing.annotation.and_then(|annotation| declarable(ctx, annotation)) {
            Some(annotation) => {
                let declared = format!("{indent}{}: {}\n", closing.name.id, module.slice(annotation));
                edits.push(Edit::replacement(declared, TextRange::new(made.start(), gap)));
            }
            None => edits.push(Edit::deletion(TextRange::new(made.start(), gap))),
        }
        // What closes: its line, and the whole `finally` when nothing else is in it.
        let end = module.line_end_with_newline(closing.close.end());
        let start = if others {
            own_lines(module, closing.close.start(), closing.close.end())?;
            module.line_start(closing.close.start())
        } else {
            self.finally()?
        };
        note(TextRange::new(start, end), &mut above);
        let end_of_rest = self.behind_blank_lines(start);
        edits.push(Edit::deletion(TextRange::new(end_of_rest, end)));

        let comments: String = above.iter().map(|comment| format!("{comment}\n")).collect();
        if others || !closing.outer.handlers.is_empty() {
            let gone = TextRange::new(end_of_rest, end);
            let wrapped = ctx.wrap(closing.stmt, closing.stmt, &format!("{comments}{header}"))?;
            edits.extend(wrapped.into_iter().filter(|edit| !gone.contains(edit.start())));
        } else {
            let colon = module
                .tokens()
                .in_range(TextRange::new(closing.outer.start(), closing.outer.body[0].start()))
                .iter()
                .find(|token| token.kind() == TokenKind::Colon)
                .ok_or("its `try` has no colon")?;
            if !module.is_first_on_line(closing.outer.body[0].start()) {
                return Err("the statement shares its line with another one".into());
            }
            let text = format!("{comments}{header}").replace('\n', &format!("\n{indent}"));
            edits.push(Edit::replacement(
                text,
                TextRange::new(closing.outer.start(), colon.end()),
            ));
        }
        Ok((edits, import))
    }

    /// `async with make() as x:`, its further lines relative to the block; without the name where only the close has read it.
    fn header(&self, manager: &Manager) -> Result<(String, Option<Import>), Declined> {
        let Self { ctx, closing, .. } = *self;
        let bound = if self.is_read_otherwise() {
            format!(" as {}", closing.name.id)
        } else {
            String::new()
        };
        match manager {
            Manager::Aclosing => {
                let (aclosing, import) = ctx.plain_member("contextlib", "aclosing", ctx.model.id(closing.outer))?;
                let header = ctx.enclosed(
                    closing.stmt,
                    &format!("async with {aclosing}("),
                    closing.value,
                    &format!("){bound}:"),
                )?;
                Ok((header, import))
            }
            Manager::Own(value) => {
                let (indent, unit) = (
                    ctx.indentation(closing.stmt),
                    ctx.indent_unit(ctx.model.id(closing.outer)),
                );
                let text = ctx.unindented(value.range(), indent)?;
                let line = format!("async with {text}{bound}:");
                let call = match value {
                    Expr::Await(outer) => &*outer.value,
                    other => *other,
                };
                if let Expr::Call(call) = call
                    && !text.contains('\n')
                    && !ctx.fits(&format!("{indent}{line}"))
                {
                    let text = ctx.edited(value.range(), ctx.explode(call, "", &unit));
                    return Ok((format!("async with {text}{bound}:"), None));
                }
                Ok((line, None))
            }
        }
    }

    /// Whether anything but the close may read the name.
    fn is_read_otherwise(&self) -> bool {
        let Self { ctx, closing, .. } = *self;
        let model = ctx.model;
        let owner = model.lookup(&closing.name.id, model.scope_of(model.id(closing.name)));
        let is_local = matches!(owner, Lookup::Scope(scope) if scope != ScopeId::MODULE);
        let is_of_close = |at: NodeId| closing.close.range().contains_range(model.node(at).range());
        !is_local
            || closing.annotation.is_some()
            || ctx.module.text().contains("locals(")
            || model
                .references_to(owner, &closing.name.id)
                .any(|reference| !is_of_close(reference.node))
    }

    /// Where the line of the `finally` starts.
    fn finally(&self) -> Result<TextSize, Declined> {
        let Self { ctx, closing, .. } = *self;
        let outer = closing.outer;
        let blocks = [&outer.body, &outer.orelse];
        let rest = blocks
            .iter()
            .filter_map(|block| block.last())
            .map(Ranged::end)
            .chain(outer.handlers.last().map(Ranged::end))
            .max()
            .unwrap_or(outer.start());
        let finally = ctx
            .module
            .tokens()
            .in_range(TextRange::new(rest, closing.close.start()))
            .iter()
            .find(|token| token.kind() == TokenKind::Finally)
            .ok_or("its `finally` was not found")?;
        Ok(ctx.module.line_start(finally.start()))
    }

    /// The start of the blank lines in front of a line.
    fn behind_blank_lines(&self, line: TextSize) -> TextSize {
        let module = self.ctx.module;
        let mut at = line;
        while at > TextSize::default() {
            let above = module.line_start(at - TextSize::new(1));
            if !module.text()[TextRange::new(above, at)].trim().is_empty() {
                break;
            }
            at = above;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_glance_looks_for_a_name_closed_in_a_finally() {
        let looks = |end: &str| glance(format!("try:\n  pass\n{end}\n").as_bytes(), Wanted::NothingDeclined);
        assert!(looks("finally:\n  if x:\n    y()\n# why\n  await a.aclose()"));
        assert!(looks("finally:\n  f(\"\"\"\nx\n\"\"\")\n  await a.aclose()"));
        assert!(looks("finally: await a.aclose()"));
        assert!(!looks("finally:\n  await self.a.aclose()"));
        assert!(!looks("finally:\n  x()\nawait a.aclose()"));
        assert!(!looks("finally:\n  await a.close()"));
    }
}
