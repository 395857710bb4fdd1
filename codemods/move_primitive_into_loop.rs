//! `lock = asyncio.Lock()` at the top of a module -> a function that makes it when it is first asked for.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::importer::exported_names;
use crate::layout::{above_blank_lines, own_lines};
use crate::semantic::event_loop::PRIMITIVES;
use crate::semantic::types::TypeOracle;
use crate::semantic::{BindingKind, NodeId, ScopeId, ScopeKind};

/// What can be rewritten or reported is a plain assignment, at the start of a line.
pub(super) fn glance(text: &[u8], wanted: Wanted) -> bool {
    let classes = PRIMITIVES.iter().filter_map(|name| name.strip_prefix("asyncio."));
    let is_assigned = |place: glance::Place| {
        let before = place.before_path();
        !before.first().is_none_or(u8::is_ascii_whitespace) && before.trim_ascii_end().ends_with(b"=")
    };
    classes.into_iter().any(|class| {
        let mut places = glance::calls(text, class);
        match wanted {
            Wanted::Everything => places.next().is_some(),
            Wanted::NothingDeclined => places.any(is_assigned),
        }
    })
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    if ctx.settings.target >= PythonVersion::PY310 || ctx.settings.target_is_assumed {
        return;
    }
    let runs_another_loop = ctx.model.calls_to("asyncio.run").next().is_some();
    for class in PRIMITIVES {
        for call in ctx.model.calls_to(class) {
            if !is_made_at_import(ctx, ctx.model.id(call)) {
                continue;
            }
            let message = format!(
                "`{class}` is made while the module is imported: before Python 3.10 it belongs to the loop that is current then, and not to the one that `asyncio.run` makes"
            );
            match assignment(ctx, call) {
                Some(made) if runs_another_loop => acc.push_defect(call, message, rewrite(ctx, &made)),
                Some(made) => acc.push(call, message, rewrite(ctx, &made)),
                None => acc.push(call, message, Err(not_a_variable())),
            }
        }
    }
    // What a function gives is no variable, whose uses other codemods follow.
    acc.go_last();
}

/// `NAME = asyncio.Lock()`, a statement of the module itself.
struct Made<'a> {
    stmt: &'a Stmt,
    target: &'a ast::ExprName,
    annotation: Option<&'a Expr>,
    call: &'a ast::ExprCall,
}

fn is_made_at_import(ctx: &Context, id: NodeId) -> bool {
    let mut scope = Some(ctx.model.scope_of(id));
    while let Some(at) = scope {
        let inner = ctx.model.scope(at);
        if matches!(inner.kind, ScopeKind::Function(_) | ScopeKind::Lambda(_)) {
            return false;
        }
        scope = inner.parent;
    }
    true
}

fn assignment<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Option<Made<'a>> {
    let model = ctx.model;
    let parent = model.parent(model.id(call));
    if !matches!(model.node(model.parent(parent)), AnyNodeRef::ModModule(_)) {
        return None;
    }
    let (_, stmt) = model.statement_of(parent)?;
    let (target, annotation) = match stmt {
        Stmt::Assign(assign) => match &*assign.targets {
            [target] => (target, None),
            _ => return None,
        },
        Stmt::AnnAssign(assign) => (&*assign.target, Some(&*assign.annotation)),
        _ => return None,
    };
    let target = target.as_name_expr()?;
    Some(Made {
        stmt,
        target,
        annotation,
        call,
    })
}

fn not_a_variable() -> Declined {
    "it is not the value of a variable of the module: make it in the coroutine that uses it first, or in an `__init__` that runs in the loop"
        .into()
}

fn rewrite(ctx: &Context, made: &Made) -> Result<Fix, Declined> {
    let model = ctx.model;
    let name = made.target.id.as_str();
    own_lines(ctx.module, made.stmt.start(), made.stmt.end())?;
    is_bound_once(ctx, made)?;
    arguments_wait(ctx, made.call)?;
    let getter = getter(ctx, name);
    let mut edits = Vec::new();
    for reference in model.references_to(ScopeId::MODULE, name) {
        if !model.runs_in_async(reference.node) {
            let (line, _) = ctx.module.location(reference.name.start());
            return Err(format!("line {line} uses it outside of async functions, where no loop need run yet").into());
        }
        edits.push(Edit::replacement(format!("{getter}()"), reference.name.range()));
    }
    if edits.is_empty() {
        return Err("nothing in this module uses it: make it where it is used first".into());
    }
    let cache = match ctx.settings.target >= PythonVersion::PY39 {
        true => "cache",
        false => "lru_cache",
    };
    let (cache, import) = ctx.member("functools", cache, NodeId(0))?;
    let root = cache.split('.').next().unwrap_or(&cache);
    let is_above = |binding: &crate::semantic::Binding| binding.range.end() <= made.stmt.start();
    if !model.bindings_in(ScopeId::MODULE, root).all(is_above) {
        return Err(format!("`{root}` is imported below it").into());
    }
    let arguments = if cache.ends_with("lru_cache") {
        "(maxsize=None)"
    } else {
        ""
    };
    let result = match annotation(ctx, made)? {
        Some(annotation) => format!(" -> {annotation}"),
        None => String::new(),
    };
    let header = format!("@{cache}{arguments}\ndef {getter}(){result}:\n    return ");
    edits.push(Edit::replacement(
        header,
        TextRange::new(made.stmt.start(), made.call.start()),
    ));
    edits.extend(ctx.indent_further_lines(made.call.range(), "", "    "));
    edits.extend(blank_lines(ctx, made.stmt));
    let mut doubt =
        "it then belongs to the event loop of its first use, and a second event loop is given the same one".to_owned();
    if !name.starts_with('_') {
        doubt = format!("other modules that use `{name}` no longer find it, and {doubt}");
    }
    Ok(Fix::unsafe_because(doubt, edits).import(import))
}

/// Refuses a variable that is more than a name for this one object.
fn is_bound_once(ctx: &Context, made: &Made) -> Result<(), Declined> {
    let model = ctx.model;
    let name = made.target.id.as_str();
    let between = TextRange::new(
        made.annotation.map_or(made.target.end(), Ranged::end),
        made.call.start(),
    );
    if ctx.module.slice(between).trim() != "=" {
        return Err("it is not written as a plain assignment".into());
    }
    let is_sole = model.sole_binding(name, ScopeId::MODULE).is_some_and(|binding| {
        binding.scope == ScopeId::MODULE
            && matches!(binding.kind, BindingKind::Assignment(_) | BindingKind::Annotated(_))
    });
    let is_declared = || {
        model.subtree(NodeId(0)).any(|(_, node)| match node {
            AnyNodeRef::StmtGlobal(global) => global.names.iter().any(|declared| declared == name),
            _ => false,
        })
    };
    if !is_sole || is_declared() {
        return Err(format!("`{name}` is bound in several places, or declared `global`").into());
    }
    if exported_names(model).contains(name) {
        return Err(format!("`{name}` stands in `__all__`: other modules use it").into());
    }
    Ok(())
}

/// Refuses arguments that could have another value, or an effect, when they are evaluated later.
fn arguments_wait(ctx: &Context, call: &ast::ExprCall) -> Result<(), Declined> {
    let model = ctx.model;
    let arguments = &call.arguments;
    if arguments
        .keywords
        .iter()
        .any(|keyword| keyword.arg.as_ref().is_none_or(|name| name == "loop"))
    {
        return Err("it is told a loop".into());
    }
    let values = arguments.iter_source_order().map(|argument| argument.value());
    for value in values {
        let is_constant = |name: &ast::ExprName| {
            model.sole_binding(&name.id, ScopeId::MODULE).is_some()
                || model.is_builtin(&Expr::Name(name.clone()), &name.id)
        };
        let names = model.references_in(model.id(value));
        // A lock that a condition is given has to belong to the same loop.
        let is_number = model.type_of(value).is_scalar();
        if !is_number || !model.is_total(value) || !names.iter().all(|reference| is_constant(reference.name)) {
            let shown = crate::module::one_line(model.slice(value));
            return Err(format!("`{shown}` need not have the same value later").into());
        }
    }
    Ok(())
}

/// `get_lock` for `lock` and `LOCK`, `_get_lock` for `_lock`.
fn getter(ctx: &Context, name: &str) -> String {
    let plain = name.trim_start_matches('_').to_lowercase();
    let private = if name.starts_with('_') { "_" } else { "" };
    ctx.model.fresh_name(&format!("{private}get_{plain}"), NodeId(0))
}

/// What the function is annotated with, in a module that annotates.
fn annotation<'a>(ctx: &'a Context, made: &'a Made) -> Result<Option<&'a str>, Declined> {
    let Some(annotation) = made.annotation else {
        return Ok(ctx.model.is_typed().then(|| ctx.module.slice(&*made.call.func)));
    };
    let text = ctx.module.slice(annotation);
    if text.contains("Final") || text.contains('\n') {
        return Err(format!("`{}` is no annotation for a function", crate::module::one_line(text)).into());
    }
    Ok(Some(text))
}

/// Two blank lines above and below what becomes a function, the comments above it included.
fn blank_lines(ctx: &Context, stmt: &Stmt) -> Vec<Edit> {
    let module = ctx.module;
    let missing = |range: TextRange| {
        let there = module.slice(range).lines().count();
        "\n".repeat(2usize.saturating_sub(there))
    };
    let first = ctx.comments_above(stmt).first().map_or(stmt.start(), Ranged::start);
    let above = TextRange::new(above_blank_lines(module, first), first);
    let end = module.line_end(stmt.end());
    let next = module.line_end_with_newline(stmt.end());
    let rest = &module.text()[usize::from(next)..];
    let below = TextRange::at(next, TextSize::of(&rest[..rest.len() - rest.trim_start().len()]));
    let mut edits = Vec::new();
    if above.start() > TextSize::default() {
        edits.push(Edit::insertion(missing(above), first));
    }
    if !rest.trim().is_empty() {
        edits.push(Edit::insertion(missing(below), end));
    }
    edits.retain(|edit| !edit.content().is_empty());
    edits
}
