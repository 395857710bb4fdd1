//! `asyncio.wait([f(), g()])` -> `asyncio.wait([asyncio.create_task(f()), asyncio.create_task(g())])`.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::semantic::purity::ASYNCIO_COROUTINES;
use crate::semantic::{Binding, BindingKind, NodeId};

/// Beside `asyncio.wait`, a coroutine is made that is neither awaited nor given to a task where it is made.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    if !glance::uses_member(text, "asyncio", &["wait"]) {
        return false;
    }
    let mut coroutines = glance::coroutines(text);
    coroutines.extend(ASYNCIO_COROUTINES.iter().map(|name| name.as_bytes()));
    // By another name, a function of asyncio is not seen.
    glance::mentions(text, &["from asyncio"])
        || glance::calls_of(text, &coroutines).any(|call| {
            let before = call.before_path();
            let is_task = before.ends_with(b"create_task(") || before.ends_with(b"ensure_future(");
            !is_task && !call.is_awaited()
        })
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for call in ctx.model.calls_to("asyncio.wait") {
        let Some(waited) = call.arguments.find_argument_value("fs", 0) else {
            continue;
        };
        if let Some(coroutines) = coroutines_of(ctx, waited) {
            let message = "`asyncio.wait` takes tasks, and raises TypeError for coroutines since Python 3.11";
            acc.push_defect(call, message, rewrite(ctx, call, waited, &coroutines));
        }
    }
}

/// Where the coroutines come from that are waited for.
enum Coroutines<'a> {
    /// Elements of a list, set or tuple, or the element of a comprehension, written where they are waited for.
    Here(Vec<&'a Expr>),
    /// The same, in the one assignment to a variable. The flag: later assignments give it the tasks that `asyncio.wait` returns.
    Variable(&'a ast::ExprName, Vec<&'a Expr>, bool),
    /// A variable for a list that is filled step by step.
    Filled(&'a ast::ExprName),
}

/// `None` when nothing is known to be a coroutine.
fn coroutines_of<'a>(ctx: &Context<'a>, waited: &'a Expr) -> Option<Coroutines<'a>> {
    let Expr::Name(name) = waited else {
        return written(ctx, waited).map(Coroutines::Here);
    };
    let model = ctx.model;
    let scope = model.scope_of(model.id(name));
    let mut assigned = None;
    let mut reassigned = false;
    for binding in model.resolve(&name.id, scope) {
        match binding.kind {
            BindingKind::Assignment(value) if assigned.is_none() => assigned = Some((binding, value)),
            _ if is_result_of_wait(ctx, binding) => reassigned = true,
            _ => return None,
        }
    }
    let (binding, value) = assigned?;
    let function = model.enclosing_function(model.id(name))?;
    if binding.scope != model.body_scope(function) {
        return None;
    }
    if let Some(elements) = written(ctx, value) {
        return Some(Coroutines::Variable(name, elements, reassigned));
    }
    let empty = matches!(value, Expr::List(list) if list.elts.is_empty())
        || matches!(value, Expr::Call(call) if call.arguments.is_empty() && (model.is_builtin(&call.func, "list") || model.is_builtin(&call.func, "set")));
    let mut filled = false;
    for reference in reads(ctx, binding) {
        if let Some(added) = added(ctx, reference) {
            filled = true;
            if !is_coroutine(ctx, added) {
                return None;
            }
        }
    }
    (empty && filled && !reassigned).then_some(Coroutines::Filled(name))
}

/// The elements of a display, or the element of a comprehension, that are coroutines, if any.
fn written<'a>(ctx: &Context, value: &'a Expr) -> Option<Vec<&'a Expr>> {
    let elements: Vec<&Expr> = match value {
        Expr::List(list) => list.elts.iter().collect(),
        Expr::Set(set) => set.elts.iter().collect(),
        Expr::Tuple(tuple) => tuple.elts.iter().collect(),
        Expr::ListComp(comprehension) => vec![&comprehension.elt],
        Expr::SetComp(comprehension) => vec![&comprehension.elt],
        Expr::Generator(generator) => vec![&generator.elt],
        _ => return None,
    };
    let coroutines: Vec<&Expr> = elements
        .into_iter()
        .filter(|element| is_coroutine(ctx, element))
        .collect();
    (!coroutines.is_empty()).then_some(coroutines)
}

/// A call of a coroutine function, or a variable that is bound to one and nothing else.
fn is_coroutine(ctx: &Context, expr: &Expr) -> bool {
    match expr {
        Expr::Call(call) => {
            ctx.model.is_coroutine_function(&call.func)
                && !ctx
                    .model
                    .function_of(&call.func)
                    .is_some_and(|function| ctx.model.is_generator(function))
        }
        Expr::Name(name) => {
            let scope = ctx.model.scope_of(ctx.model.id(name));
            ctx.model
                .sole_binding(&name.id, scope)
                .is_some_and(|binding| match binding.kind {
                    BindingKind::Assignment(value) => value.is_call_expr() && is_coroutine(ctx, value),
                    _ => false,
                })
        }
        _ => false,
    }
}

/// `done, pending = await asyncio.wait(...)`.
fn is_result_of_wait(ctx: &Context, binding: &Binding) -> bool {
    let tuple = ctx.model.parent(binding.node);
    let (AnyNodeRef::ExprTuple(_), AnyNodeRef::StmtAssign(assign)) =
        (ctx.model.node(tuple), ctx.model.node(ctx.model.parent(tuple)))
    else {
        return false;
    };
    match &*assign.value {
        Expr::Await(outer) => match &*outer.value {
            Expr::Call(call) => ctx.model.qualified_name(&call.func).as_deref() == Some("asyncio.wait"),
            _ => false,
        },
        _ => false,
    }
}

/// The reads of a variable.
fn reads<'a>(ctx: &Context<'a>, binding: &Binding<'a>) -> Vec<NodeId> {
    let model = ctx.model;
    model
        .references_to(binding.scope, binding.name)
        .map(|reference| reference.node)
        .collect()
}

/// `x` of `name.append(x)` and `name.add(x)`, for a read of the name.
fn added<'a>(ctx: &Context<'a>, read: NodeId) -> Option<&'a Expr> {
    let attribute_id = ctx.model.parent(read);
    match (
        ctx.model.node(attribute_id),
        ctx.model.node(ctx.model.parent(attribute_id)),
    ) {
        (AnyNodeRef::ExprAttribute(attribute), AnyNodeRef::ExprCall(call))
            if matches!(attribute.attr.as_str(), "append" | "add") && call.func.range() == attribute.range() =>
        {
            call.arguments.args.first()
        }
        _ => None,
    }
}

fn rewrite(ctx: &Context, call: &ast::ExprCall, waited: &Expr, coroutines: &Coroutines) -> Result<Fix, Declined> {
    let model = ctx.model;
    let id = model.id(call);
    if let Err(Declined(why)) = model.runs_on_loop(id) {
        return Err(format!("a task can be made where a loop runs only, and {why}").into());
    }
    if model.is_handled_by_name(id, "TypeError") {
        return Err("a handler of TypeError around it says what happens then".into());
    }
    model.failure_is_seen(id)?;
    let is_repair = ctx.settings.target >= PythonVersion::PY311;
    let mut doubt = (!is_repair).then(|| {
        "before Python 3.11 it works as it stands: code that looks for a coroutine among the results would find a task".to_owned()
    });
    if !is_repair && !matches!(model.node(model.parent(id)), AnyNodeRef::ExprAwait(_)) {
        return Err("it is not awaited at once: tasks would start before it".into());
    }
    let (create_task, import) = ctx.member("asyncio", "create_task", id)?;
    let elements = match coroutines {
        Coroutines::Here(elements) => elements,
        Coroutines::Variable(name, elements, reassigned) => {
            let binding = assignment_of(ctx, name)?;
            if !reassigned {
                read_only_here(ctx, name, binding)?;
            }
            if !is_directly_above(ctx, binding.node, id) {
                if !reassigned {
                    return at_the_wait(ctx, waited, name, &create_task, doubt).map(|fix| fix.import(import));
                }
                doubt = doubt.or_else(|| {
                    Some("the tasks start where they are made, and not where they are waited for".to_owned())
                });
            }
            elements
        }
        Coroutines::Filled(name) => {
            read_only_here(ctx, name, assignment_of(ctx, name)?)?;
            return at_the_wait(ctx, waited, name, &create_task, doubt).map(|fix| fix.import(import));
        }
    };
    for element in elements {
        if let Expr::Name(name) = element {
            read_only_here(ctx, name, assignment_of(ctx, name)?)?;
        }
    }
    let mut edits = wrapped(elements, &create_task);
    if let Coroutines::Here(_) = coroutines {
        if waited.is_generator_expr() && ctx.settings.target < PythonVersion::PY312 {
            // Before Python 3.12 it takes no generator.
            edits = in_brackets(ctx, call, waited, edits);
        }
        edits = laid_out(ctx, call, waited, edits);
    }
    Ok(Fix::with_doubt(doubt, edits).import(import))
}

fn wrapped(elements: &[&Expr], create_task: &str) -> Vec<Edit> {
    let wrap = |element: &&Expr| {
        [
            Edit::insertion(format!("{create_task}("), element.start()),
            Edit::insertion(")", element.end()),
        ]
    };
    elements.iter().flat_map(wrap).collect()
}

/// The list that a generator expression makes.
fn in_brackets(ctx: &Context, call: &ast::ExprCall, waited: &Expr, mut edits: Vec<Edit>) -> Vec<Edit> {
    let range = waited.range();
    let is_bare = !ctx.module.slice(waited).starts_with('(') || range.start() == call.arguments.start();
    let one = TextSize::new(1);
    let (start, end) = if is_bare && range.start() != call.arguments.start() {
        (Edit::insertion("[", range.start()), Edit::insertion("]", range.end()))
    } else if is_bare {
        (
            Edit::insertion("[", range.start() + one),
            Edit::insertion("]", range.end() - one),
        )
    } else {
        let parenthesis = |at| TextRange::at(at, one);
        (
            Edit::replacement("[", parenthesis(range.start())),
            Edit::replacement("]", parenthesis(range.end() - one)),
        )
    };
    if edits.first().is_some_and(|first| first.start() == start.start()) {
        edits[0] = Edit::insertion(format!("[{}", edits[0].content()), start.start());
    } else {
        edits.insert(0, start);
    }
    edits.push(end);
    edits
}

/// The call on one line where it fits, else its arguments on lines of their own, and the display on several where that is too long.
fn laid_out(ctx: &Context, call: &ast::ExprCall, waited: &Expr, edits: Vec<Edit>) -> Vec<Edit> {
    let module = ctx.module;
    let own_edits = |range: TextRange| {
        edits
            .iter()
            .filter(|edit| range.contains_range(edit.range()))
            .cloned()
            .collect()
    };
    if module.slice(call).contains(['\n', '\r']) {
        let line = TextRange::new(module.line_start(waited.start()), module.line_end(waited.start()));
        let is_whole = line.contains_range(waited.range()) && module.comments_in(waited.range()).is_empty();
        if !is_whole || ctx.fits(&ctx.edited(line, own_edits(line))) {
            return edits;
        }
        let indent = module.indentation(waited.start());
        let Some(text) = exploded(ctx, call, waited, own_edits(waited.range()), indent) else {
            return edits;
        };
        return vec![Edit::replacement(text, waited.range())];
    }
    let mut texts = Vec::new();
    for argument in call.arguments.iter_source_order() {
        // A generator without parentheses of its own has those of the call.
        let range = if argument.range() == call.arguments.range() {
            TextRange::new(argument.start() + TextSize::new(1), argument.end() - TextSize::new(1))
        } else {
            argument.range()
        };
        texts.push(ctx.edited(range, own_edits(range)));
    }
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let callee = module.slice(&*call.func);
    let mut text = ctx.call_text(ctx.model.id(call), callee, &texts);
    let inner = format!("{}{}", module.indentation(call.start()), unit_of(ctx, call));
    if !text.lines().skip(1).all(|line| ctx.fits(line))
        && let Some(first) = exploded(ctx, call, waited, own_edits(waited.range()), &inner)
    {
        let arguments = [&[first.as_str()], &texts[1..]].concat().join(&format!(",\n{inner}"));
        let comma = if texts.len() > 1 { "," } else { "" };
        text = format!(
            "{callee}(\n{inner}{arguments}{comma}\n{})",
            module.indentation(call.start())
        );
    }
    vec![Edit::replacement(text, call.range())]
}

fn unit_of(ctx: &Context, call: &ast::ExprCall) -> String {
    let stmt = ctx.model.statement_of(ctx.model.id(call));
    stmt.map_or_else(|| "    ".to_owned(), |(stmt, _)| ctx.indent_unit(stmt))
}

/// A display or comprehension on several lines, of which the last has this indentation.
fn exploded(ctx: &Context, call: &ast::ExprCall, waited: &Expr, edits: Vec<Edit>, indent: &str) -> Option<String> {
    let text = ctx.edited(waited.range(), edits.clone());
    let (open, close) = (text.chars().next()?, text.chars().next_back()?);
    let inner = format!("\n{indent}{}", unit_of(ctx, call));
    let own_edits = |range: TextRange| {
        edits
            .iter()
            .filter(|edit| range.contains_range(edit.range()))
            .cloned()
            .collect()
    };
    let elements = match waited {
        Expr::ListComp(ast::ExprListComp { elt, .. }) | Expr::SetComp(ast::ExprSetComp { elt, .. }) => {
            let clauses = TextRange::new(elt.end(), waited.end() - TextSize::new(1));
            let element = ctx.edited(elt.range(), own_edits(elt.range()));
            return Some(format!(
                "{open}{inner}{element}{inner}{}\n{indent}{close}",
                ctx.module.slice(clauses).trim()
            ));
        }
        Expr::List(ast::ExprList { elts, .. })
        | Expr::Set(ast::ExprSet { elts, .. })
        | Expr::Tuple(ast::ExprTuple { elts, .. }) => elts,
        _ => return None,
    };
    let elements: Vec<String> = elements
        .iter()
        .map(|element| ctx.edited(element.range(), own_edits(element.range())))
        .collect();
    Some(format!(
        "{open}{inner}{},\n{indent}{close}",
        elements.join(&format!(",{inner}"))
    ))
}

/// `[asyncio.create_task(coro) for coro in coros]` where the variable stood.
fn at_the_wait(
    ctx: &Context,
    waited: &Expr,
    name: &ast::ExprName,
    create_task: &str,
    doubt: Option<String>,
) -> Result<Fix, Declined> {
    let element = ctx.model.fresh_name("coro", ctx.model.id(name));
    let text = format!("[{create_task}({element}) for {element} in {}]", name.id);
    Ok(Fix::with_doubt(doubt, vec![Edit::replacement(text, waited.range())]))
}

fn assignment_of<'c, 'a>(ctx: &'c Context<'a>, name: &ast::ExprName) -> Result<&'c Binding<'a>, Declined> {
    let scope = ctx.model.scope_of(ctx.model.id(name));
    let mut bindings = ctx.model.resolve(&name.id, scope);
    let assignment = bindings.find(|binding| matches!(binding.kind, BindingKind::Assignment(_)));
    assignment.ok_or_else(|| format!("`{}` is not bound by an assignment", name.id).into())
}

/// Refuses a variable that is read elsewhere than here, and in the statements that fill it: the coroutines in it would be looked for in
/// vain among the results, or be run twice.
fn read_only_here(ctx: &Context, name: &ast::ExprName, binding: &Binding) -> Result<(), Declined> {
    let here = ctx.model.id(name);
    for read in reads(ctx, binding) {
        if read != here && added(ctx, read).is_none() {
            let (line, _) = ctx.module.location(ctx.model.node(read).start());
            return Err(format!(
                "`{}` is read in line {line} as well, and holds coroutines there: `done` and `pending` hold their tasks",
                name.id
            )
            .into());
        }
    }
    Ok(())
}

/// Whether the assignment is the statement above the one that waits, or above the loop that does.
fn is_directly_above(ctx: &Context, assignment: NodeId, wait: NodeId) -> bool {
    let model = ctx.model;
    let Some((assignment, _)) = model.statement_of(assignment) else {
        return false;
    };
    let Some((block, index)) = model.block_of(assignment) else {
        return false;
    };
    block.get(index + 1).is_some_and(|next| match next {
        Stmt::While(_) => model.contains(model.id(next), wait),
        _ => model.statement_of(wait).is_some_and(|(stmt, _)| stmt == model.id(next)),
    })
}
