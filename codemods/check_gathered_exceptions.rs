//! `gather(..., return_exceptions=True)` whose results are dropped or taken for what they may not be, and a gather that nobody awaits.

mod uses;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::Ranged;

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::importer::Import;
use crate::layout::own_lines;
use crate::semantic::names::Lookup;
use crate::semantic::{BindingKind, NodeId, ScopeId};

use uses::Misused;

/// Exceptions that are returned, or a gather that nothing seems to await: it begins a statement, or is the value of an assignment.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    glance::mentions(text, &["return_exceptions", "gather as"])
        || glance::calls(text, "gather").any(|call| {
            let before = call.before_path().trim_ascii_end();
            let is_value = before.last().is_none_or(|byte| b"=;:".contains(byte)) || before.ends_with(b"= (");
            is_value && !call.is_awaited()
        })
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for name in ["asyncio.gather", "asyncio.tasks.gather"] {
        for call in ctx.model.calls_to(name) {
            search(ctx, call, acc);
        }
    }
}

fn search(ctx: &Context, call: &ast::ExprCall, acc: &mut Findings) {
    let model = ctx.model;
    let parent = model.parent(model.id(call));
    if !matches!(model.node(parent), AnyNodeRef::ExprAwait(_)) {
        if is_forgotten(ctx, call, parent) {
            let reason = "await it, or the failures of its calls are reported by nobody, or by the garbage collector";
            acc.push_defect(call, "this gather is never awaited", Err(reason.into()));
        }
        return;
    }
    if !returns_exceptions(call) {
        return;
    }
    let Some((_, stmt)) = model.statement_of(parent) else {
        return;
    };
    if let Stmt::Expr(_) = stmt {
        if model.node(model.parent(parent)).is_stmt_expr() && uses::drops_work(ctx, call, stmt) {
            let reason = "name the results and look at them, or leave `return_exceptions` out where a failure may end the function";
            let message =
                "the failures of these calls vanish: they are returned as results, and the results are dropped";
            acc.push_defect(call, message, Err(reason.into()));
        }
    } else if let Some(misused) = uses::misused(ctx, stmt, parent) {
        let line = ctx.module.location(model.node(misused.at).start()).0;
        let message = format!(
            "line {line} takes `{}` for a result, which is an exception if the call has failed",
            misused.name
        );
        acc.push_defect(call, message, rewrite(ctx, stmt, &misused));
    }
}

fn returns_exceptions(call: &ast::ExprCall) -> bool {
    call.arguments.keywords.iter().any(|keyword| {
        keyword.arg.as_deref() == Some("return_exceptions")
            && matches!(&keyword.value, Expr::BooleanLiteral(flag) if flag.value)
    })
}

/// Whether a gather is a statement of its own, or bound to a local name that nothing reads.
fn is_forgotten(ctx: &Context, call: &ast::ExprCall, parent: NodeId) -> bool {
    let model = ctx.model;
    match model.node(parent) {
        AnyNodeRef::StmtExpr(_) => true,
        AnyNodeRef::StmtAssign(assign) => match assign.targets.as_slice() {
            [Expr::Name(name)] => {
                let scope = model.scope_of(model.id(call));
                let is_local = scope != ScopeId::MODULE && model.lookup(&name.id, scope) == Lookup::Scope(scope);
                is_local && model.references_named(&name.id).next().is_none()
            }
            _ => false,
        },
        _ => false,
    }
}

/// A loop behind the gather that logs what has failed.
fn rewrite(ctx: &Context, stmt: &Stmt, misused: &Misused) -> Result<Fix, Declined> {
    let model = ctx.model;
    let at = model.id(stmt);
    let Some(results) = &misused.results else {
        return Err("look at each with `isinstance` before it is used".into());
    };
    own_lines(ctx.module, stmt.start(), stmt.end())?;
    ctx.builtins_stand(&["isinstance", "BaseException"], at)?;
    let (logger, import) = logger(ctx, at)?;
    let (indent, unit) = (ctx.indentation(stmt), ctx.indent_unit(at));
    let result = model.fresh_name("result", at);
    let inner = format!("{indent}{unit}{unit}");
    let (message, failure) = ("\"A gathered call failed\"", format!("exc_info={result}"));
    let line = format!("{logger}.error({message}, {failure})");
    let line = if ctx.fits(&format!("{inner}{line}")) {
        line
    } else {
        format!("{logger}.error(\n{inner}{unit}{message}, {failure}\n{inner})")
    };
    let text = format!(
        "\n{indent}for {result} in {results}:\n{indent}{unit}if isinstance({result}, BaseException):\n{inner}{line}"
    );
    let edit = Edit::insertion(text, ctx.module.line_end(stmt.end()));
    let reason = "failures are logged from now on, and what follows takes them for results as before";
    Ok(Fix::unsafe_because(reason, vec![edit]).import(import))
}

/// The module's own logger, or one made on the spot.
fn logger(ctx: &Context, at: NodeId) -> Result<(String, Option<Import>), Declined> {
    let model = ctx.model;
    let scope = model.scope_of(at);
    let own = model.bindings().iter().find(|binding| {
        let is_logger = matches!(binding.kind, BindingKind::Assignment(Expr::Call(call))
            if model.qualified_name(&call.func).is_some_and(|name| name == "logging.getLogger"));
        is_logger
            && binding.scope == ScopeId::MODULE
            && model
                .sole_binding(binding.name, scope)
                .is_some_and(|found| found.range == binding.range)
    });
    if let Some(binding) = own {
        return Ok((binding.name.to_owned(), None));
    }
    let (logging, import) = ctx.import(Import::Module("logging"), at)?;
    Ok((format!("{logging}.getLogger(__name__)"), import))
}
