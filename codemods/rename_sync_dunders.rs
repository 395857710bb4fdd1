//! `async def __enter__` and `__exit__` -> `__aenter__` and `__aexit__`, and `with` -> `async with` for the class.

use memchr::memmem;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::project::joint::{Defined, Shared, Used};
use crate::semantic::members::method_in_body;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{NodeId, ScopeId};

/// `async def` with blanks, then one of the two names.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    [&b"__enter__"[..], b"__exit__"].iter().any(|name| {
        memmem::find_iter(text, name).any(|at| {
            text[..at]
                .trim_ascii_end()
                .strip_suffix(b"def")
                .is_some_and(|before| before.trim_ascii_end().ends_with(b"async"))
        })
    })
}

/// What `with` makes of a coroutine function in the place of `__exit__`, and in that of `__enter__` alone.
const SWALLOWS: &str = "`with` does not wait for it, and swallows every exception of its body, because the coroutine that `__exit__` gives is true";
const BINDS: &str = "`with` does not wait for it, and binds a coroutine";

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    for class in ctx.model.classes() {
        if let Some(managers) = Managers::of(class) {
            let message = format!(
                "`{}.{}` is a coroutine function: {}",
                class.name, managers.coroutine.name, managers.consequence
            );
            let result = match ctx.shared(&class.name) {
                Some(Shared {
                    verdict: Err(reason), ..
                }) => Err(reason.as_str().into()),
                _ => managers.rewrite(ctx),
            };
            acc.push_defect(&managers.coroutine.name, message, result);
        }
    }
    for (path, shared) in ctx.shared_elsewhere(|kind| [SWALLOWS, BINDS].contains(&kind)) {
        let Some(first) = first_with(ctx, path) else { continue };
        let message = format!(
            "the class `{path}` has a coroutine function in the place of `__enter__` or `__exit__` ({}): {}",
            shared.place, shared.kind
        );
        let result = match &shared.verdict {
            Ok(_) => entering(ctx, |manager| is_instance(ctx, manager, path))
                .map(|edits| Fix::unsafe_because(VISIBLE, edits).first()),
            Err(reason) => Err(reason.as_str().into()),
        };
        acc.push_defect(first, message, result);
    }
}

/// The classes of the module that would change.
pub(crate) fn defined(ctx: &Context) -> Vec<Defined> {
    let managers = ctx.model.classes().filter_map(Managers::of);
    managers
        .filter(|managers| ctx.model.scope_of(ctx.model.id(managers.class)) == ScopeId::MODULE)
        .map(|managers| Defined {
            name: managers.class.name.to_string(),
            kind: managers.consequence.to_owned(),
            line: ctx.module.location(managers.coroutine.name.start()).0,
            verdict: managers.rewrite(ctx).map(drop).map_err(|Declined(reason)| reason),
            is_defect: true,
        })
        .collect()
}

/// What becomes of the uses of such a class in another file.
pub(crate) fn used(ctx: &Context, path: &str, _: &str) -> Option<Used> {
    let model = ctx.model;
    let derived = model.classes().find(|class| {
        let mut bases = class.bases().iter();
        bases.any(|base| model.qualified_name(base).as_deref() == Some(path))
    });
    let verdict = match derived {
        Some(class) => {
            let (line, _) = ctx.module.location(class.start());
            Err(Declined(format!("`{}` in line {line} derives from it", class.name)))
        }
        None => called_by_name(ctx).and_then(|()| entering(ctx, |manager| is_instance(ctx, manager, path))),
    };
    let used = |verdict| Used {
        path: path.to_owned(),
        verdict,
        defect: None,
    };
    match verdict {
        Ok(edits) => (!edits.is_empty()).then(|| used(Ok(true))),
        Err(Declined(reason)) => Some(used(Err(reason))),
    }
}

fn is_instance(ctx: &Context, manager: &Expr, path: &str) -> bool {
    matches!(ctx.model.type_of(manager), Type::Foreign(class) if class == path)
}

/// Where the module first enters an instance of an imported class.
fn first_with(ctx: &Context, path: &str) -> Option<TextRange> {
    let mut nodes = ctx.model.subtree(NodeId(0));
    nodes.find_map(|(_, node)| match node {
        AnyNodeRef::StmtWith(with) if !with.is_async => {
            let mut items = with.items.iter();
            let item = items.find(|item| is_instance(ctx, &item.context_expr, path))?;
            Some(item.context_expr.range())
        }
        _ => None,
    })
}

/// A class with a coroutine function in the place of `__enter__` or `__exit__`.
struct Managers<'a> {
    class: &'a ast::StmtClassDef,
    enter: Option<&'a ast::StmtFunctionDef>,
    exit: Option<&'a ast::StmtFunctionDef>,
    coroutine: &'a ast::StmtFunctionDef,
    consequence: &'static str,
}

impl<'a> Managers<'a> {
    fn of(class: &'a ast::StmtClassDef) -> Option<Self> {
        let enter = method_in_body(class, "__enter__");
        let exit = method_in_body(class, "__exit__");
        Some(Self {
            class,
            enter,
            exit,
            coroutine: [enter, exit].into_iter().flatten().find(|method| method.is_async)?,
            consequence: match exit {
                Some(exit) if exit.is_async => SWALLOWS,
                _ => BINDS,
            },
        })
    }
}

impl<'a> Managers<'a> {
    fn rewrite(&self, ctx: &Context<'a>) -> Result<Fix, Declined> {
        let model = ctx.model;
        let class = self.class;
        let (Some(enter), Some(exit)) = (self.enter, self.exit) else {
            return Err("it has only one of `__enter__` and `__exit__`: the other one is missing or inherited".into());
        };
        for name in ["__aenter__", "__aexit__"] {
            if method_in_body(class, name).is_some() {
                return Err(format!("it has `{name}` as well").into());
            }
        }
        let relatives = |other: &'a ast::StmtClassDef| {
            std::ptr::eq(other, class) || model.derives_from(other, class, 0) || model.derives_from(class, other, 0)
        };
        for name in ["__enter__", "__exit__"] {
            if let Some((other, _)) = model
                .methods_named(name)
                .find(|(other, _)| !std::ptr::eq(*other, class) && relatives(other))
            {
                return Err(format!("`{}` defines `{name}` too, and one derives from the other", other.name).into());
            }
        }
        called_by_name(ctx)?;
        let mut edits = Vec::new();
        for (method, name) in [(enter, "__aenter__"), (exit, "__aexit__")] {
            edits.push(Edit::replacement(name, method.name.range()));
            if !method.is_async {
                let def = ctx.def_of(method);
                edits.push(Edit::insertion("async ", def));
            }
        }
        edits.extend(entering(
            ctx,
            |manager| matches!(model.type_of(manager), Type::Instance(other) if relatives(other)),
        )?);
        Ok(match ctx.shared(&class.name) {
            Some(Shared {
                verdict: Ok(others), ..
            }) if others.is_empty() => Fix::unsafe_because(VISIBLE, edits),
            Some(Shared {
                verdict: Ok(others), ..
            }) => Fix::unsafe_because(
                format!("{VISIBLE}; it changes together with {}", others.join(", ")),
                edits,
            )
            .first(),
            _ => Fix::unsafe_because(
                format!("{VISIBLE}, and a `with` over it in another module has to become an `async with`"),
                edits,
            ),
        })
    }
}

const VISIBLE: &str = "exceptions that `with` has swallowed become visible";

/// Makes an `async with` of each `with` that enters what `is_meant` says.
fn entering<'a>(ctx: &Context<'a>, is_meant: impl Fn(&'a Expr) -> bool) -> Result<Vec<Edit>, Declined> {
    let model = ctx.model;
    let mut edits = Vec::new();
    for (id, node) in model.subtree(NodeId(0)) {
        match node {
            AnyNodeRef::StmtWith(with) if !with.is_async => {
                let enters = |item: &'a ast::WithItem| is_meant(&item.context_expr);
                if !with.items.iter().any(enters) {
                    continue;
                }
                let (line, _) = ctx.module.location(with.start());
                if !with.items.iter().all(enters) {
                    return Err(format!("the `with` in line {line} enters other managers as well").into());
                }
                model
                    .await_is_legal(id, ctx.settings.target)
                    .map_err(|Declined(reason)| {
                        Declined(format!("in line {line} no `async with` may stand: {reason}"))
                    })?;
                edits.push(Edit::insertion("async ", with.start()));
            }
            AnyNodeRef::ExprCall(call) => {
                let is_stack =
                    matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "enter_context");
                if is_stack
                    && let [manager] = &*call.arguments.args
                    && is_meant(manager)
                {
                    let (line, _) = ctx.module.location(call.start());
                    return Err(format!(
                        "line {line} enters it through a stack: `enter_async_context` has to be awaited"
                    )
                    .into());
                }
            }
            _ => {}
        }
    }
    Ok(edits)
}

/// `x.__enter__()`, for whatever object.
fn called_by_name(ctx: &Context) -> Result<(), Declined> {
    let call = ctx.model.calls().find(|call| {
        matches!(&*call.func, Expr::Attribute(method) if matches!(method.attr.as_str(), "__enter__" | "__exit__"))
    });
    match call {
        Some(call) => {
            let (line, _) = ctx.module.location(call.start());
            Err(format!("line {line} calls such a method by its name").into())
        }
        None => Ok(()),
    }
}
