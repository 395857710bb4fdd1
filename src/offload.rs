//! Moving a blocking call to a thread: `f(a, k=b)` -> `await asyncio.to_thread(f, a, k=b)`.
//!
//! The callee and its arguments are still evaluated where they stand, from left to right; only the call itself runs elsewhere. Values,
//! exceptions and context variables are the same. The thread cannot be cancelled, and what it works on must be used by nobody else meanwhile: that is
//! for the caller to know, who passes it as a doubt.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::edit::{Edit, Fix, all_doubts};
use crate::finding::Declined;
use crate::importer::Import;
use crate::semantic::NodeId;
use crate::semantic::implied::{CALLBACKS, Elements};
use crate::semantic::names::{is_standard, map_callable};
use crate::semantic::place::Backend;
use crate::semantic::types::{Type, TypeOracle};

/// The text around a callable and its arguments that has them run by another thread, `await` aside.
#[derive(Debug)]
pub struct OffLoader {
    /// The call that hands over: `asyncio.to_thread(`
    pub head: String,
    /// What stands between it and the callable: nothing, or `functools.partial(`
    pub inner: String,
    /// Behind the last argument: `)`, or `))`
    pub tail: &'static str,
    pub imports: Vec<Import>,
}

impl Context<'_> {
    /// What is written around a callable that is run by another thread, by the event loop of the module: `asyncio.to_thread`, below
    /// Python 3.9 `run_in_executor` with the context copied, Starlette's own function where the module cannot do without that, trio's or anyio's in their modules.
    pub fn off_loader(&self, at: NodeId, has_keywords: bool) -> Result<OffLoader, Declined> {
        let model = self.model;
        let mut imports = Vec::new();
        let mut module = |import: Import| -> Result<String, Declined> {
            let (name, import) = self.import(import, at)?;
            imports.extend(import);
            Ok(name)
        };
        let (head, inner, tail) = match model.backend() {
            Backend::Other => return Err("the module uses an event loop library that is not known here".into()),
            Backend::Asyncio => {
                let uses_to_thread = model.calls_to("asyncio.to_thread").next().is_some();
                let web = ["fastapi", "starlette"]
                    .into_iter()
                    .find(|package| !uses_to_thread && model.requires_package(package));
                if let Some(package) = web {
                    let from = if package == "fastapi" {
                        "fastapi.concurrency"
                    } else {
                        "starlette.concurrency"
                    };
                    let name = module(Import::Member(from, "run_in_threadpool"))?;
                    (format!("{name}("), String::new(), ")")
                } else if self.settings.target >= PythonVersion::PY39 {
                    let (name, import) = self.member("asyncio", "to_thread", at)?;
                    imports.extend(import);
                    (format!("{name}("), String::new(), ")")
                } else {
                    let asyncio = module(Import::Module("asyncio"))?;
                    let functools = module(Import::Module("functools"))?;
                    let contextvars = module(Import::Module("contextvars"))?;
                    (
                        format!("{asyncio}.get_running_loop().run_in_executor("),
                        format!("None, {functools}.partial({contextvars}.copy_context().run, "),
                        "))",
                    )
                }
            }
            backend => {
                let library = module(Import::Module(if backend == Backend::Trio { "trio" } else { "anyio" }))?;
                if has_keywords {
                    // Their keywords are options of their own.
                    let functools = module(Import::Module("functools"))?;
                    (
                        format!("{library}.to_thread.run_sync("),
                        format!("{functools}.partial("),
                        "))",
                    )
                } else {
                    (format!("{library}.to_thread.run_sync("), String::new(), ")")
                }
            }
        };
        Ok(OffLoader {
            head,
            inner,
            tail,
            imports,
        })
    }

    /// The fix that has a call run by another thread and awaits it. `doubt`: what the caller could not prove of the callable or its receiver.
    pub fn offload(&self, call: &ast::ExprCall, doubt: Option<String>) -> Result<Fix, Declined> {
        let model = self.model;
        let at = model.id(call);
        let (place, opening) = self.may_await_opened(at)?;
        if call.arguments.args.iter().any(Expr::is_generator_expr) {
            return Err("it is given a generator expression, whose body would run in the thread".into());
        }
        let given = given_function(self, call);
        let loader = self.off_loader(at, !call.arguments.keywords.is_empty())?;
        let edits = self.opened(&opening, self.offload_edits(call, &loader))?;
        let doubts = [&doubt, &given, &place];
        let doubt = all_doubts(doubts.into_iter().flatten().map(String::as_str));
        Ok(Fix::with_doubt(doubt, edits).import(loader.imports))
    }

    /// Refuses a call that is given what computes its elements only when they are asked for: that would happen in the thread.
    pub fn is_given_no_generator(&self, call: &ast::ExprCall) -> Result<(), Declined> {
        let is_lazy = |given: &&Expr| {
            !given.is_generator_expr() && self.model.elements(given, TextRange::default()) == Elements::Lazy
        };
        match call.arguments.args.iter().find(is_lazy) {
            Some(lazy) => {
                let text = crate::module::one_line(self.model.slice(lazy));
                let reason = "which computes its elements as they are asked for: that would happen in the thread";
                Err(format!("it is given `{text}`, {reason}").into())
            }
            None => Ok(()),
        }
    }

    /// Whether a value is no function, or one of the language or its library.
    pub fn is_known_callable(&self, value: &Expr) -> bool {
        let model = self.model;
        let named = map_callable(value);
        value.is_literal_expr()
            || model.builtin(named).is_some()
            || model.qualified_name(named).is_some_and(|name| is_standard(&name))
            || matches!(model.type_of(value), Type::Scalar(_) | Type::Container(_))
    }

    /// The edits around a call, laid out as formatters do where the line gets too long and the call is the whole value of its statement.
    fn offload_edits(&self, call: &ast::ExprCall, loader: &OffLoader) -> Vec<Edit> {
        let module = self.module;
        let prefix = self.await_prefix(call);
        let OffLoader { head, inner, tail, .. } = loader;
        let outer = if prefix.starts_with('(') { ")" } else { "" };
        let brackets = call.arguments.range();
        let callee = module.slice(TextRange::new(call.start(), brackets.start()));
        let inside = TextRange::new(brackets.start() + TextSize::new(1), brackets.end() - TextSize::new(1));
        let text = module.slice(inside);
        let start = |text: String| Edit::insertion(text, call.start());
        if text.trim().is_empty() {
            return vec![
                start(format!("{prefix}{head}{inner}")),
                Edit::replacement(format!("{tail}{outer}"), brackets),
            ];
        }
        let blank = TextSize::try_from(text.len() - text.trim_start().len()).unwrap_or_default();
        let first = inside.start() + blank;
        // The opening bracket and the white space behind it; the closing one.
        let opening = TextRange::new(brackets.start(), first);
        let closing = TextRange::new(inside.end(), brackets.end());
        let arguments = text.trim();
        if module.is_first_on_line(first)
            && !callee.contains(['\n', '\r', '#'])
            && module.comments_in(opening).is_empty()
        {
            // The arguments stand on lines of their own: so does the callable, with them or above them.
            let indent = module.indentation(first);
            let is_one_line = !arguments.contains(['\n', '\r']) && !arguments.ends_with(',');
            let fits = is_one_line && self.fits(&format!("{indent}{inner}{callee}, {arguments}"));
            let between = if fits { ", ".to_owned() } else { format!(",\n{indent}") };
            // Lines that stay as they are cannot move one level inwards: two pairs of brackets open together.
            let opened = if fits {
                format!("{prefix}{head}\n{indent}{inner}")
            } else {
                format!("{prefix}{head}{inner}\n{indent}")
            };
            let mut edits = vec![start(opened), Edit::replacement(between, opening)];
            if is_one_line && !fits {
                edits.extend(one_per_line(self, call, indent));
            }
            edits.push(Edit::replacement(format!("{tail}{outer}"), closing));
            return edits;
        }
        let line = TextRange::new(module.line_start(call.start()), module.line_end(call.end()));
        let before = module.slice(TextRange::new(line.start(), call.start()));
        let behind = module.slice(TextRange::new(call.end(), line.end()));
        let all = format!("{inner}{callee}, {}", arguments.trim_end_matches(','));
        let is_simple = !module.slice(line).contains(['\n', '\r'])
            && module.comments_in(line).is_empty()
            && is_statement_value(self, call);
        if is_simple && !self.fits(&format!("{before}{prefix}{head}{all}{tail}{behind}")) {
            let indent = module.indentation(call.start());
            let stmt = self.model.parent(self.model.id(call));
            let deeper = format!("{indent}{}", self.indent_unit(stmt));
            // With two pairs of brackets, only the outer one is broken.
            let (kept, last) = tail.split_at(tail.len() - 1);
            let fits = !inner.is_empty() || self.fits(&format!("{deeper}{all}"));
            let between = if fits { ", ".to_owned() } else { format!(",\n{deeper}") };
            let mut edits = vec![
                start(format!("{prefix}{head}\n{deeper}{inner}")),
                Edit::replacement(between, opening),
            ];
            if !fits {
                edits.extend(one_per_line(self, call, &deeper));
            }
            edits.push(Edit::replacement(format!("{kept}\n{indent}{last}"), closing));
            return edits;
        }
        vec![
            start(format!("{prefix}{head}{inner}")),
            Edit::replacement(", ", opening),
            Edit::replacement(format!("{tail}{outer}"), closing),
        ]
    }
}

/// Breaks between the arguments, and a comma behind the last one.
fn one_per_line(ctx: &Context, call: &ast::ExprCall, indent: &str) -> Vec<Edit> {
    let ranges: Vec<TextRange> = call
        .arguments
        .iter_source_order()
        .map(|argument| argument.range())
        .collect();
    let mut edits: Vec<Edit> = ranges
        .windows(2)
        .filter_map(|pair| {
            let between = TextRange::new(pair[0].end(), pair[1].start());
            let comma = ctx.module.slice(between).find(',')?;
            let behind = between.start() + TextSize::try_from(comma + 1).ok()?;
            let rest = &ctx.module.text()[TextRange::new(behind, between.end())];
            let blank = TextSize::try_from(rest.len() - rest.trim_start().len()).ok()?;
            Some(Edit::replacement(format!("\n{indent}"), TextRange::at(behind, blank)))
        })
        .collect();
    let inside = TextRange::new(call.arguments.start(), call.arguments.end() - TextSize::new(1));
    let text = ctx.module.slice(inside).trim_end();
    if !text.ends_with(',') {
        let end = inside.start() + TextSize::try_from(text.len()).unwrap_or_default();
        edits.push(Edit::insertion(",", end));
    }
    edits
}

/// Whether a call is the whole value of its statement, so that its brackets are the first to be broken over lines.
fn is_statement_value(ctx: &Context, call: &ast::ExprCall) -> bool {
    let parent = ctx.model.node(ctx.model.parent(ctx.model.id(call)));
    matches!(
        parent,
        AnyNodeRef::StmtExpr(_)
            | AnyNodeRef::StmtAssign(_)
            | AnyNodeRef::StmtAnnAssign(_)
            | AnyNodeRef::StmtAugAssign(_)
            | AnyNodeRef::StmtReturn(_)
    ) && !ctx.is_parenthesized(call)
}

/// A function that is passed on would run in the thread as well: one of the module, a lambda, or one of which nothing is known.
fn given_function(ctx: &Context, call: &ast::ExprCall) -> Option<String> {
    call.arguments.iter_source_order().find_map(|argument| {
        let value = argument.value();
        let is_callback = matches!(argument, ast::ArgOrKeyword::Keyword(keyword)
            if keyword.arg.as_ref().is_some_and(|name| CALLBACKS.contains(&name.as_str())));
        let name = match value {
            Expr::Lambda(_) => "a lambda".to_owned(),
            value => match ctx.model.function_of(value) {
                // Its value is given, which is read before.
                Some(function) if ctx.model.is_property(function) => return None,
                Some(function) => format!("`{}`", function.name),
                None if is_callback && !ctx.is_known_callable(value) => {
                    format!("`{}`", crate::module::one_line(ctx.model.slice(value)))
                }
                None => return None,
            },
        };
        Some(format!("{name}, which it is given, would run in the thread as well"))
    })
}
