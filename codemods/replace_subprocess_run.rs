//! `subprocess.run` and its like in async code -> a process of the event loop, by a helper that does what `subprocess.run` does; `Popen` ->
//! the process itself.
//!
//! A process of asyncio knows neither text nor limits nor `check`: all of that is in the helper, which is defined once in the module.

mod popen;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::importer::{Definition, Import};
use crate::semantic::NodeId;
use crate::semantic::place::Backend;

/// A function of `subprocess`, whether a failed process is an exception, and what of the helper's answer it gives.
struct Function {
    name: &'static str,
    checks: bool,
    attribute: &'static str,
}

const FUNCTIONS: &[Function] = &[
    Function {
        name: "subprocess.run",
        checks: false,
        attribute: "",
    },
    Function {
        name: "subprocess.call",
        checks: false,
        attribute: ".returncode",
    },
    Function {
        name: "subprocess.check_call",
        checks: true,
        attribute: ".returncode",
    },
    Function {
        name: "subprocess.check_output",
        checks: true,
        attribute: ".stdout",
    },
];

const DOUBT: &str = "the event loop starts the process, which not every loop can, and the process is killed where the task is cancelled";

/// A quick look: false when no such function is called where an event loop may run it.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    ["run", "call", "check_call", "check_output", "Popen"]
        .into_iter()
        .any(|name| glance::places_of(text, "subprocess", name).any(|place| place.may_lie_in_coroutine()))
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for function in FUNCTIONS {
        for call in ctx.model.calls_to(function.name) {
            if ctx.model.runs_in_async(ctx.model.id(call)) {
                let message = format!("`{}` blocks the event loop: every other task waits", function.name);
                acc.push_defect(call, message, rewrite(ctx, function, call));
            }
        }
    }
    for call in ctx.model.calls_to("subprocess.Popen") {
        if ctx.model.runs_in_async(ctx.model.id(call)) {
            let message = "a process of `subprocess` blocks the event loop while it is waited for or read";
            acc.push(call, message, popen::rewrite(ctx, call));
        }
    }
}

fn rewrite(ctx: &Context, function: &Function, call: &ast::ExprCall) -> Result<Fix, Declined> {
    let model = ctx.model;
    let at = model.id(call);
    if model.backend() != Backend::Asyncio {
        return Err("the module is not written for asyncio".into());
    }
    if let Some(line) = ctx.patched(function.name) {
        return Err(format!(
            "`{}` is patched in line {line}, and the patch would no longer be met",
            function.name
        )
        .into());
    }
    arguments(call)?;
    let (place, opening) = ctx.may_await_opened(at)?;
    let helper = Helper::define(ctx, at)?;
    let is_statement = matches!(model.node(model.parent(at)), AnyNodeRef::StmtExpr(_));
    let attribute = if is_statement { "" } else { function.attribute };
    let prefix = match attribute {
        "" => ctx.await_prefix(call),
        _ => "(await ",
    };
    let close = if prefix.starts_with('(') { ")" } else { "" };
    let mut edits = vec![Edit::replacement(
        format!("{prefix}{}", helper.name),
        TextRange::new(call.start(), call.func.end()),
    )];
    let captured = (function.attribute == ".stdout").then(|| format!("stdout={}.PIPE", helper.subprocess));
    let checked = function.checks.then(|| "check=True".to_owned());
    let added: Vec<String> = captured.into_iter().chain(checked).collect();
    edits.extend(added_keywords(ctx, call, &added.join(", "))?);
    edits.push(Edit::insertion(format!("{close}{attribute}"), call.end()));
    let doubt = place.unwrap_or_else(|| DOUBT.to_owned());
    Ok(Fix::unsafe_because(doubt, ctx.opened(&opening, edits)?)
        .import(helper.imports)
        .define(helper.definition))
}

/// Refuses what a process of asyncio cannot be told.
fn arguments(call: &ast::ExprCall) -> Result<(), Declined> {
    let arguments = &call.arguments;
    let [command] = &*arguments.args else {
        return Err("it is not called with the command as its only positional argument".into());
    };
    if command.is_starred_expr() {
        return Err("it is not called with the command as its only positional argument".into());
    }
    let is_given = |name: &str| arguments.find_keyword(name).is_some();
    if is_given("bufsize") {
        return Err("a process of asyncio has no `bufsize`".into());
    }
    if is_given("input") && is_given("stdin")
        || is_given("capture_output") && (is_given("stdout") || is_given("stderr"))
    {
        return Err("`subprocess.run` refuses these keywords together".into());
    }
    match arguments.find_keyword("shell").map(|shell| &shell.value) {
        None => Ok(()),
        Some(Expr::BooleanLiteral(literal)) if !literal.value => Ok(()),
        Some(Expr::BooleanLiteral(_)) if !matches!(command, Expr::List(_) | Expr::Tuple(_) | Expr::ListComp(_)) => {
            Ok(())
        }
        Some(_) => Err("it is not known that a shell is given one string".into()),
    }
}

/// The edit that adds keywords behind the last argument.
fn added_keywords(ctx: &Context, call: &ast::ExprCall, text: &str) -> Result<Option<Edit>, Declined> {
    if text.is_empty() {
        return Ok(None);
    }
    let module = ctx.module;
    let inside = TextRange::new(call.arguments.start(), call.end() - TextSize::new(1));
    let last = call.arguments.iter_source_order().map(|argument| argument.end()).max();
    let last = last.ok_or("it is called without a command")?;
    if !module.comments_in(TextRange::new(last, inside.end())).is_empty() {
        return Err("a comment stands behind the last argument".into());
    }
    let written = module.slice(inside).trim_end();
    let end = inside.start() + TextSize::of(written);
    // A comma at the end asks for lines of their own.
    let text = match written.strip_suffix(',') {
        Some(_) if module.is_first_on_line(call.end() - TextSize::new(1)) => {
            format!("\n{}{text},", module.indentation(end))
        }
        Some(_) => format!(" {text}"),
        None => format!(", {text}"),
    };
    Ok(Some(Edit::insertion(text, end)))
}

/// The helper of the module.
struct Helper {
    name: String,
    /// How `subprocess` is written.
    subprocess: String,
    imports: Vec<Import>,
    definition: Option<Definition>,
}

impl Helper {
    fn define(ctx: &Context, at: NodeId) -> Result<Self, Declined> {
        let mut imports = Vec::new();
        let mut module = |name: &'static str| -> Result<String, Declined> {
            let (name, import) = ctx.import(Import::Module(name), at)?;
            imports.extend(import);
            Ok(name)
        };
        let (asyncio, subprocess, locale) = (module("asyncio")?, module("subprocess")?, module("locale")?);
        let (name, definition) = ctx.define("run_process", at, |name| {
            TEXT.trim_end()
                .replace("run_process", name)
                .replace("asyncio.", &format!("{asyncio}."))
                .replace("subprocess.", &format!("{subprocess}."))
                .replace("locale.", &format!("{locale}."))
        });
        Ok(Self {
            name,
            subprocess,
            imports,
            definition,
        })
    }
}

/// As `subprocess.run` of CPython 3.13: what was read before the limit is in the exception, as bytes, and a killed process is not read to its end,
/// since its children may hold the pipe. Nothing public closes the pipes of a process, and up to Python 3.13.0 `wait` waits for them.
const TEXT: &str = include_str!("replace_subprocess_run/run_process.py");
