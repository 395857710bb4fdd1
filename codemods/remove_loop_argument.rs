//! `asyncio.sleep(1, loop=loop)` -> `asyncio.sleep(1)`: the functions and classes that take no loop since Python 3.10.

use memchr::{memchr2, memmem};
use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion};
use ruff_text_size::Ranged;

use crate::codemod::{Context, Wanted};
use crate::edit::Fix;
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::semantic::BindingKind;
use crate::semantic::event_loop::PRIMITIVES;

/// What, besides [`PRIMITIVES`], took a loop until Python 3.9, and raises TypeError for one since 3.10 (each was called with one, on 3.8 to
/// 3.13). `ensure_future`, `wrap_future`, `run_coroutine_threadsafe`, `Future`, `Task` and `StreamReader` still take one.
const FUNCTIONS: &[&str] = &[
    "asyncio.sleep",
    "asyncio.wait_for",
    "asyncio.wait",
    "asyncio.gather",
    "asyncio.shield",
    "asyncio.as_completed",
    "asyncio.open_connection",
    "asyncio.start_server",
    "asyncio.open_unix_connection",
    "asyncio.start_unix_server",
    "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell",
];

fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().chain(PRIMITIVES).copied()
}

/// An argument called `loop` in a call of one of these.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    let members = members();
    let mut arguments = memmem::find_iter(text, b"loop").filter(|at| is_loop_argument(text, *at));
    arguments.next().is_some()
        && glance::uses_member(text, "asyncio", &members)
        && members.iter().any(|member| {
            glance::words(text, member).any(|word| {
                let behind = word.behind().trim_ascii_start();
                match behind.first() {
                    Some(b'(') => takes_loop(behind),
                    // What an import renames may be called by any name, and what stands in parentheses is called behind them.
                    Some(b'a') => behind.starts_with(b"as"),
                    Some(b')') => behind[1..].trim_ascii_start().starts_with(b"("),
                    byte => byte == Some(&b'\\'),
                }
            })
        })
}

/// Whether the word `loop` at an offset may be the name of an argument.
fn is_loop_argument(text: &[u8], at: usize) -> bool {
    let before = text[..at].trim_ascii_end();
    let starts_word = before.ends_with(b"(") || before.ends_with(b",") || before.len() < at;
    starts_word && text[at + 4..].trim_ascii_start().starts_with(b"=")
}

/// Whether the arguments that a text begins with may have one that is called `loop`, not counting those of other calls inside.
fn takes_loop(text: &[u8]) -> bool {
    let mut at = 0;
    let mut depth = 0usize;
    while let Some(byte) = text.get(at) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth <= 1 => return false,
            b')' | b']' | b'}' => depth -= 1,
            b'l' if depth == 1 && text[at..].starts_with(b"loop") && is_loop_argument(text, at) => return true,
            // Strings may hold anything, the ones that are formatted other strings as well.
            b'"' | b'\'' if text[..at].last().is_some_and(|prefix| glance::is_word(*prefix)) => return true,
            b'"' | b'\'' => at = end_of_string(text, at),
            b'#' => at = memchr2(b'\n', b'\r', &text[at..]).map_or(text.len(), |newline| at + newline),
            _ => {}
        }
        at += 1;
    }
    false
}

/// The offset of the last quote of a string that starts with one.
fn end_of_string(text: &[u8], start: usize) -> usize {
    let quote = text[start];
    let triple = [quote; 3];
    let closing: &[u8] = if text[start..].starts_with(&triple) {
        &triple
    } else {
        &triple[..1]
    };
    let mut at = start + closing.len();
    while at < text.len() && !text[at..].starts_with(closing) {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at + closing.len() - 1
}

fn members() -> Vec<&'static str> {
    names().filter_map(|name| name.strip_prefix("asyncio.")).collect()
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for name in names() {
        for call in ctx.model.calls_to(name) {
            if let Some(keyword) = loop_argument(call) {
                let message = format!("`{name}` takes no `loop` since Python 3.10");
                acc.push(call, message, rewrite(ctx, call, keyword));
            }
        }
    }
    if ctx.settings.target >= PythonVersion::PY310 {
        for function in ctx.model.functions() {
            for parameter in function.parameters.iter_non_variadic_params() {
                if only_hands_on(ctx, function, parameter.name().as_str(), &mut Vec::new()) {
                    let name = parameter.name();
                    let message = format!("`{name}` is only handed on to what takes no loop since Python 3.10");
                    let reason = format!(
                        "remove the parameter from `{}`, and the argument from its callers, of which some may stand in other files",
                        function.name
                    );
                    acc.push_defect(parameter.parameter.range(), message, Err(reason.into()));
                }
            }
        }
    }
}

fn loop_argument(call: &ast::ExprCall) -> Option<&ast::Keyword> {
    call.arguments.find_keyword("loop")
}

fn rewrite(ctx: &Context, call: &ast::ExprCall, keyword: &ast::Keyword) -> Result<Fix, Declined> {
    let model = ctx.model;
    let id = model.id(call);
    if model.is_chosen_by_version(id) {
        return Err("it runs on some Python versions only".into());
    }
    if model.is_handled_by_name(id, "TypeError") {
        return Err("a handler of TypeError around it is there for the versions that take no loop".into());
    }
    // What a test asserts stops it; a handler need not, where the versions differ.
    model.failure_is_seen(id)?;
    if !model.is_cheap(&keyword.value) && !gives_loop(ctx, &keyword.value) {
        let value = model.slice(&keyword.value);
        return Err(format!("evaluating `{value}` may do something that is wanted").into());
    }
    let edit = ctx.without_argument(call, keyword.range())?;
    let mut doubt = None;
    if ctx.settings.target < PythonVersion::PY310
        && !model.is_none(&keyword.value)
        && !model.is_running_loop(&keyword.value)
    {
        let value = model.slice(&keyword.value);
        if let Err(Declined(why)) = model.runs_on_loop(id) {
            return Err(format!("before Python 3.10 it would belong to another loop than `{value}`: {why}").into());
        }
        if is_new_loop(ctx, &keyword.value) {
            return Err(format!(
                "before Python 3.10 it belongs to `{value}`, which is another loop than the one that runs it"
            )
            .into());
        }
        doubt = Some(format!(
            "before Python 3.10 it belongs to `{value}`, which is not known to be the loop that runs it"
        ));
    }
    Ok(Fix::with_doubt(doubt, vec![edit]))
}

/// `asyncio.get_event_loop()` and its like, which nobody calls for an effect.
fn gives_loop(ctx: &Context, value: &Expr) -> bool {
    match value {
        Expr::Call(call) => ctx.model.gives_loop(call),
        Expr::BoolOp(either) => either
            .values
            .iter()
            .all(|value| ctx.model.is_cheap(value) || gives_loop(ctx, value)),
        _ => false,
    }
}

/// A name that is bound to a loop made for it.
fn is_new_loop(ctx: &Context, value: &Expr) -> bool {
    let Expr::Name(name) = value else { return false };
    let scope = ctx.model.scope_of(ctx.model.id(name));
    ctx.model.resolve(&name.id, scope).any(|binding| match binding.kind {
        BindingKind::Assignment(Expr::Call(call)) => {
            ctx.model.qualified_name(&call.func).as_deref() == Some("asyncio.new_event_loop")
        }
        _ => false,
    })
}

/// Whether every use of a parameter hands it to something that takes no loop any more, or to a function of this module that does no more
/// with it.
fn only_hands_on<'a>(
    ctx: &Context<'a>,
    function: &'a ast::StmtFunctionDef,
    parameter: &str,
    seen: &mut Vec<usize>,
) -> bool {
    let model = ctx.model;
    let body = model.body_scope(function);
    let start = usize::from(function.start());
    if seen.contains(&start) {
        return true;
    }
    seen.push(start);
    let mut used = false;
    let all = model.references_to(body, parameter).all(|reference| {
        used = true;
        let keyword_id = model.parent(reference.node);
        let AnyNodeRef::Keyword(keyword) = model.node(keyword_id) else {
            return false;
        };
        let Some(AnyNodeRef::ExprCall(call)) = model.ancestors(keyword_id).nth(1).map(|(_, node)| node) else {
            return false;
        };
        let Some(name) = &keyword.arg else { return false };
        if name.as_str() == "loop"
            && model
                .qualified_name(&call.func)
                .is_some_and(|name| names().any(|other| other == name))
        {
            return true;
        }
        model.function_of(&call.func).is_some_and(|callee| {
            callee
                .parameters
                .iter_non_variadic_params()
                .any(|other| other.name() == name)
                && only_hands_on(ctx, callee, name, seen)
        })
    });
    used && all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_glance_tells_whose_argument_it_is() {
        let looks = |call: &str| glance(format!("import asyncio\n{call}\n").as_bytes(), Wanted::NothingDeclined);
        assert!(looks("asyncio.sleep(1, loop=loop)"));
        assert!(looks("asyncio.wait_for(f(')', '''(\n'''), 1,  # :)\n  loop = loop)"));
        assert!(looks("(asyncio.sleep)(1, loop=loop)"));
        assert!(looks("asyncio.wait(f'{x['(']}', loop=loop)"));
        assert!(looks("from asyncio import sleep as nap\nnap(1, loop=loop)"));
        assert!(!looks("asyncio.gather(f(loop=loop), g('loop', '\\', loop='))"));
        assert!(!looks("asyncio.sleep(1)\nasyncio.Task(f(), loop=loop)"));
    }
}
