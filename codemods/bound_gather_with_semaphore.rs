//! `asyncio.gather(*[f(x) for x in xs])` -> the same with at most so many calls at once.
//!
//! Slower by intention, and it hangs where the calls wait for each other, so it is never safe. What is refused are the signs of that.

use std::num::NonZeroU32;

use memchr::memchr;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};
use serde::Deserialize;

use crate::bounded::FreshNames;
use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::knowledge::{self, Verb};
use crate::module::one_line;
use crate::pretty::Doc;
use crate::semantic::BindingKind;
use crate::semantic::names::plain_name;
use crate::semantic::purity::Purity;
use crate::semantic::rendezvous::Wait;
use crate::semantic::types::{Type, TypeOracle};
use crate::source::SourceKind;

/// `[tool.asyncup.codemods.bound_gather_with_semaphore]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// How many calls run at once.
    limit: NonZeroU32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limit: const { NonZeroU32::new(10).unwrap() },
        }
    }
}

/// The comprehension whose elements are gathered.
struct Gathered<'a> {
    /// The statement that it is part of.
    stmt: &'a Stmt,
    comprehension: &'a Expr,
    element: &'a Expr,
    generators: &'a [ast::Comprehension],
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let options: Options = ctx.options();
    let mut names = FreshNames::default();
    for gather in ctx.model.calls_to("asyncio.gather") {
        let Some(gathered) = gathered(ctx, gather) else {
            continue;
        };
        let Expr::Call(call) = gathered.element else { continue };
        if is_bounded(ctx, call) {
            continue;
        }
        acc.push(
            gather,
            "`asyncio.gather` starts a call for every element at once, however many there are",
            rewrite(ctx, &options, gather, &gathered, call, &mut names),
        );
    }
}

/// A quick look at a text: whether a call of `gather` may spread calls, or a name that stands for a list of calls; of anything but tasks.
pub(super) fn glance(text: &[u8], wanted: Wanted) -> bool {
    glance::calls(text, "gather").any(|call| {
        let behind = call.behind().trim_ascii_start();
        let inside = behind.strip_prefix(b"(").unwrap_or_default().trim_ascii_start();
        match inside.strip_prefix(b"*") {
            Some(spread) => wanted == Wanted::Everything || may_spread_calls(text, spread.trim_ascii_start()),
            // A comment, a line continuation or a keyword may come first.
            None => matches!(inside.first(), None | Some(b'#' | b'\\' | b'r')),
        }
    })
}

fn may_spread_calls(text: &[u8], spread: &[u8]) -> bool {
    if matches!(spread.first(), Some(b'[' | b'(')) {
        return may_be_calls(spread);
    }
    let name = glance::words_in(spread).next().unwrap_or_default();
    let Ok(name) = std::str::from_utf8(name) else {
        return true;
    };
    glance::words(text, name).any(|place| {
        let behind = place.behind().trim_ascii_start();
        let line = &behind[..memchr(b'\n', behind).unwrap_or(behind.len())];
        let is_bound = matches!(line.first(), Some(b'=' | b':')) && line.get(1) != Some(&b'=');
        let value = memchr(b'=', line).map(|equals| behind[equals + 1..].trim_ascii_start());
        is_bound && value.is_some_and(may_be_calls)
    })
}

/// Whether the brackets that open here may hold a comprehension of calls that are no tasks yet.
fn may_be_calls(value: &[u8]) -> bool {
    let Some(mut element) = value.strip_prefix(b"[").or_else(|| value.strip_prefix(b"(")) else {
        return value.first() == Some(&b'\\');
    };
    while let Some(inner) = element.strip_prefix(b"(") {
        element = inner;
    }
    let element = element.trim_ascii_start();
    match glance::callee(element) {
        b"" => !element.starts_with(b"]"),
        callee => !callee.ends_with(b"create_task") && !callee.ends_with(b"ensure_future"),
    }
}

/// `gather(*[...])`, `gather(*(...))`, or `gather(*tasks)` after `tasks = [...]` that has no other use.
fn gathered<'a>(ctx: &Context<'a>, gather: &'a ast::ExprCall) -> Option<Gathered<'a>> {
    let [Expr::Starred(spread)] = &*gather.arguments.args else {
        return None;
    };
    let (comprehension, at) = match &*spread.value {
        Expr::Name(name) => {
            let scope = ctx.model.scope_of(ctx.model.id(name));
            let binding = ctx.model.sole_binding(&name.id, scope)?;
            let BindingKind::Assignment(value) = binding.kind else {
                return None;
            };
            let mut uses = ctx.model.references_like(name);
            let is_only_use =
                uses.next().is_some_and(|first| first.node == ctx.model.id(name)) && uses.next().is_none();
            if binding.scope != scope || !is_only_use {
                return None;
            }
            (value, ctx.model.id(value))
        }
        value => (value, ctx.model.id(value)),
    };
    let (element, generators) = match comprehension {
        Expr::ListComp(comp) => (&*comp.elt, &comp.generators),
        Expr::Generator(comp) => (&*comp.elt, &comp.generators),
        _ => return None,
    };
    let (_, stmt) = ctx.model.statement_of(at)?;
    Some(Gathered {
        stmt,
        comprehension,
        element,
        generators,
    })
}

/// Words of names for what limits how many calls run at once.
const LIMITERS: &[&str] = &[
    "bounded",
    "limited",
    "limiter",
    "ratelimiter",
    "sem",
    "sema",
    "semaphore",
    "throttle",
    "throttled",
    "throttler",
];

/// Functions that cut what they are given into parts of a certain size.
const CUTTERS: &[&str] = &["batched", "chunked", "chunks", "sliced"];

/// Words of names of functions that make tasks, or futures of what they are given.
const SPAWNERS: &[&str] = &[
    "coro", "executor", "future", "schedule", "shield", "spawn", "submit", "task", "tasks", "thread",
];

/// Words of names of functions that run beside others and wait for them, or that begin and end such: an order, and no load.
const PARTNERS: &[&str] = &[
    "aclose",
    "cancel",
    "close",
    "closed",
    "connect",
    "consume",
    "consumer",
    "disconnect",
    "done",
    "finished",
    "forever",
    "join",
    "listen",
    "listener",
    "loop",
    "monitor",
    "poll",
    "produce",
    "producer",
    "serve",
    "server",
    "setup",
    "shutdown",
    "start",
    "stop",
    "stopped",
    "stream",
    "subscribe",
    "teardown",
    "wait",
    "watch",
    "worker",
    "workers",
];

/// Whether a limit is there already: the callee takes a semaphore before anything else, or is given one.
fn is_bounded(ctx: &Context, call: &ast::ExprCall) -> bool {
    let is_limiter = |expr: &Expr| {
        let text = ctx.model.slice(expr).to_lowercase();
        let mut words = text.split(|character: char| !character.is_alphanumeric());
        words.any(|word| LIMITERS.contains(&word))
    };
    let limits = |expr: &Expr| {
        is_limiter(expr) || matches!(ctx.model.type_of(expr), Type::Foreign(class) if class.ends_with("Semaphore"))
    };
    let by_callee = ctx.model.function_of(&call.func).is_some_and(|function| {
        let id = ctx.model.id(function);
        ctx.model.subtree(id).any(|(_, node)| match node {
            // A threading one limits as well, or is about to become one of asyncio.
            AnyNodeRef::StmtWith(with) => with.items.iter().any(|item| limits(&item.context_expr)),
            AnyNodeRef::ExprCall(taken) => {
                matches!(&*taken.func, Expr::Attribute(method) if method.attr.as_str() == "acquire" && limits(&method.value))
            }
            _ => false,
        })
    });
    by_callee
        || is_limiter(&call.func)
        || call
            .arguments
            .iter_source_order()
            .any(|argument| is_limiter(argument.value()))
}

fn rewrite<'a>(
    ctx: &Context<'a>,
    options: &Options,
    gather: &'a ast::ExprCall,
    gathered: &Gathered<'a>,
    call: &'a ast::ExprCall,
    names: &mut FreshNames,
) -> Result<Fix, Declined> {
    let model = ctx.model;
    let at = model.id(call);
    let in_coroutine = match model.enclosing_function(at) {
        Some(function) => function.is_async,
        None => ctx.module.kind() == SourceKind::Notebook,
    };
    if !in_coroutine || !model.node(model.parent(model.id(gather))).is_expr_await() {
        return Err("the gather is not awaited where it is made".into());
    }
    ctx.has_room_above(gathered.stmt)?;
    check_callee(ctx, call)?;
    let variables = check_elements(ctx, options, gathered, call)?;
    let bounded = ctx.bounded(call, &variables, options.limit.get(), gathered.stmt, names)?;
    let (indent, unit) = ctx.indents_of(gathered.stmt);
    let mut edits = vec![Edit::insertion(
        format!("{}{indent}", bounded.above),
        gathered.stmt.start(),
    )];
    edits.push(shorter(ctx, gather, gathered, call, bounded.call, &unit));
    let callee = one_line(model.slice(&*call.func));
    let reason = format!("it takes longer, and hangs if one call of `{callee}` waits for another");
    let doubt = ctx.pragma_doubt(TextRange::new(
        gathered.stmt.start(),
        ctx.module.line_end(gathered.stmt.end()),
    ));
    Ok(Fix::unsafe_because(doubt.unwrap_or(reason), edits).import(bounded.import))
}

/// The comprehension, or the gather around it, with the helper's call in the place of the old one.
fn shorter(
    ctx: &Context,
    gather: &ast::ExprCall,
    gathered: &Gathered,
    old: &ast::ExprCall,
    new: Doc,
    unit: &str,
) -> Edit {
    let is_direct = gather.range().contains_range(gathered.comprehension.range());
    let range = if is_direct {
        gather.range()
    } else {
        gathered.comprehension.range()
    };
    let line = |range: TextRange| {
        let before = TextRange::new(ctx.module.line_start(range.start()), range.start());
        let after = TextRange::new(range.end(), ctx.module.line_end(range.end()));
        let code = ctx.module.slice(after).split('#').next().unwrap_or_default().trim_end();
        (ctx.module.slice(before), code, ctx.module.indentation(range.start()))
    };
    let mut comments = ctx.module.comments_in(range).iter();
    let inside = ctx.module.slice(&gather.arguments).trim_end_matches(')').trim_end();
    let keeps_lines =
        comments.any(|comment| !old.range().contains_range(*comment)) || (is_direct && inside.ends_with(','));
    if keeps_lines {
        // Comments keep their lines, and a trailing comma asks for lines.
        let (before, after, indent) = line(old.range());
        return Edit::replacement(ctx.pretty(&new, indent, unit, before, after), old.range());
    }
    let brackets = |list, generator| {
        if gathered.comprehension.is_list_comp_expr() {
            list
        } else {
            generator
        }
    };
    let doc = if is_direct {
        let (open, close) = brackets(("*[", "]"), ("*(", ")"));
        let all = ctx.comprehension_doc(open, new, gathered.generators, close);
        let keywords = gather
            .arguments
            .keywords
            .iter()
            .map(|keyword| ctx.source_doc(keyword.range()));
        Doc::call(
            ctx.model.slice(&*gather.func),
            std::iter::once(all).chain(keywords).collect(),
        )
    } else {
        let (open, close) = brackets(("[", "]"), ("(", ")"));
        ctx.comprehension_doc(open, new, gathered.generators, close)
    };
    let (before, after, indent) = line(range);
    Edit::replacement(ctx.pretty(&doc, indent, unit, before, after), range)
}

/// What the calls do: work that ends by itself.
fn check_callee<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Result<(), Declined> {
    let model = ctx.model;
    let callee = one_line(model.slice(&*call.func));
    if let Some(name) = model.qualified_name(&call.func) {
        if matches!(name.as_str(), "asyncio.create_task" | "asyncio.ensure_future") {
            return Err("the elements are tasks, which run whether they are gathered or not".into());
        }
        if name.starts_with("asyncio.") {
            return Err(format!("`{name}` waits or wraps, and is no work to be limited").into());
        }
    }
    let name = callee.rsplit('.').next().unwrap_or_default().to_lowercase();
    let has_word = |words: &[&str]| name.split('_').any(|word| words.contains(&word));
    if has_word(SPAWNERS) {
        return Err(format!("`{callee}` makes tasks, by its name: they run whether they are gathered or not").into());
    }
    if has_word(PARTNERS) {
        return Err(
            format!("`{callee}` begins, ends or waits for something, by its name: it may need the others").into(),
        );
    }
    if let Expr::Name(name) = &*call.func
        && model.resolve(&name.id, model.scope_of(model.id(name))).any(|binding| {
            !matches!(
                binding.kind,
                BindingKind::Function(_) | BindingKind::Import(_) | BindingKind::FromImport(..)
            )
        })
    {
        return Err(format!("`{callee}` is a variable: nothing says what it calls").into());
    }
    let Some(function) = model.function_of(&call.func) else {
        return Ok(());
    };
    if !function.is_async {
        return Err(format!("`{callee}` is not an async function: what it returns may run already").into());
    }
    match model.waits_for_others(function) {
        Some(Wait::Endless(name)) => {
            Err(format!("`{name}` may never end, and would never give its place to another").into())
        }
        Some(Wait::Recursion(name)) => {
            Err(format!("`{name}` calls itself, so that the limit would hold for each level and not for all").into())
        }
        Some(Wait::For(what)) => {
            Err(format!("it waits for `{what}`, which another of the calls may have to give").into())
        }
        None => {
            let effects = model.effects_of_call(call, ctx.settings);
            let touches_nothing = effects.unknown.is_none()
                && effects.writes.is_empty()
                && effects.receivers.is_empty()
                && effects.exclusive.is_none()
                && !effects
                    .reads
                    .iter()
                    .any(|read| matches!(read, crate::semantic::effects::Location::External(..)));
            if touches_nothing {
                return Err(
                    format!("`{callee}` touches nothing outside the program that many calls could overload").into(),
                );
            }
            Ok(())
        }
    }
}

/// What the comprehension gives to the calls. Returns its variables.
fn check_elements<'a>(
    ctx: &Context<'a>,
    options: &Options,
    gathered: &Gathered<'a>,
    call: &'a ast::ExprCall,
) -> Result<Vec<&'a str>, Declined> {
    let model = ctx.model;
    let mut variables = Vec::new();
    for generator in gathered.generators {
        let names = ctx
            .loop_variables(&generator.target)
            .ok_or("the comprehension binds something else than names")?;
        variables.extend(names);
    }
    if model
        .bindings_within(model.id(gathered.comprehension))
        .iter()
        .any(|binding| !variables.contains(&binding.name))
    {
        return Err("the comprehension binds a name in its conditions".into());
    }
    if !variables
        .iter()
        .any(|variable| *variable != "_" && ctx.mentions(model.id(call), variable))
    {
        return Err("the calls are all the same, as those of workers are, which wait for each other".into());
    }
    for argument in call.arguments.iter_source_order() {
        let value = argument.value();
        if value.is_starred_expr() || model.purity(value) > Purity::Cheap {
            return Err(format!(
                "the argument `{}` would be evaluated when the call gets its turn",
                one_line(model.slice(value))
            )
            .into());
        }
    }
    let [generator] = gathered.generators else {
        return Ok(variables);
    };
    let callee = match &*call.func {
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        Expr::Name(name) => name.id.as_str(),
        _ => "",
    };
    let limit = options.limit.get() as usize;
    if is_part(ctx, &generator.iter, limit, 2) {
        return Err("its elements are a part of so many: a limit is there already".into());
    }
    match &generator.iter {
        Expr::List(list) if !list.iter().any(Expr::is_starred_expr) && list.len() <= limit => Err(few(list.len())),
        Expr::Tuple(tuple) if !tuple.iter().any(Expr::is_starred_expr) && tuple.len() <= limit => Err(few(tuple.len())),
        Expr::Set(set) if !set.iter().any(Expr::is_starred_expr) && set.len() <= limit => Err(few(set.len())),
        Expr::Call(range) if model.is_builtin(&range.func, "range") => {
            let count = match &*range.arguments.args {
                [count] => model.number(count),
                _ => None,
            };
            match count {
                #[expect(clippy::cast_precision_loss, reason = "a limit is small")]
                Some(count) if count <= limit as f64 => Err(format!("there are only {count} calls").into()),
                _ if knowledge::verb_of(callee) == Verb::Read => Ok(variables),
                _ => Err("the calls are numbered, as those of workers are, which wait for each other".into()),
            }
        }
        _ => Ok(variables),
    }
}

/// Whether an iterable is a part of another one that has a certain size, `xs[i : i + n]` or what `batched` gives, or what a gather of few calls
/// gave.
fn is_part<'a>(ctx: &Context<'a>, iter: &'a Expr, limit: usize, steps: usize) -> bool {
    let model = ctx.model;
    match iter {
        Expr::Subscript(part) => matches!(&*part.slice, Expr::Slice(slice) if slice.upper.is_some()),
        Expr::Await(awaited) => match &*awaited.value {
            Expr::Call(call) => {
                let arguments = &call.arguments.args;
                model.qualified_name(&call.func).as_deref() == Some("asyncio.gather")
                    && arguments.len() <= limit
                    && !arguments.iter().any(Expr::is_starred_expr)
            }
            _ => false,
        },
        Expr::Name(name) if steps > 0 => {
            let Some(binding) = model.sole_binding(&name.id, model.scope_of(model.id(name))) else {
                return false;
            };
            match binding.kind {
                BindingKind::Assignment(value) => is_part(ctx, value, limit, steps - 1),
                BindingKind::Other => match model.statement_of(binding.node) {
                    Some((_, Stmt::For(stmt))) => {
                        stmt.target.range() == binding.range
                            && matches!(&*stmt.iter, Expr::Call(call) if plain_name(&call.func).is_some_and(|name| CUTTERS.contains(&name)))
                    }
                    _ => false,
                },
                _ => false,
            }
        }
        _ => false,
    }
}

fn few(count: usize) -> Declined {
    format!("there are only {count} calls").into()
}
