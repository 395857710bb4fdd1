//! What a loop goes over: may all of it be taken before the first call runs?
//!
//! A list may. A generator would do its own work at other times, and might never end.

use ruff_python_ast::{self as ast, Expr, Operator};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::finding::Declined;
use crate::module::one_line;
use crate::semantic::BindingKind;
use crate::semantic::types::{Type, TypeOracle};

/// An iterable that may be taken at once.
#[derive(Debug)]
pub(super) struct Iterable {
    /// Why it is not certain that it may.
    pub(super) doubt: Option<String>,
    /// A path that gives the same elements each time: what a second look at the iterable may be written as.
    pub(super) again: bool,
}

impl Iterable {
    fn known(again: bool) -> Self {
        Self { doubt: None, again }
    }

    fn unproven(what: &str) -> Self {
        Self {
            doubt: Some(format!(
                "nothing says that `{what}` is a list: all of it is now taken before the first call runs"
            )),
            again: false,
        }
    }
}

/// Builtins that make a collection, or count.
const MAKERS: &[&str] = &["dict", "frozenset", "list", "range", "set", "sorted", "tuple"];
/// Builtins that give one element after the other, and iterators over what they are given.
const LAZY: &[&str] = &["filter", "iter", "map", "open", "zip"];

pub(super) fn judge(ctx: &Context, iterable: &Expr) -> Result<Iterable, Declined> {
    let mut judged = judge_kind(ctx, iterable)?;
    judged.doubt = judged.doubt.or_else(|| changed_meanwhile(ctx, iterable));
    Ok(judged)
}

/// Why other code may change what is gone over while the calls run.
fn changed_meanwhile(ctx: &Context, iterable: &Expr) -> Option<String> {
    let name = match iterable {
        Expr::Name(name) => name,
        // `d.items()`
        Expr::Call(call) => call.func.as_attribute_expr()?.value.as_name_expr()?,
        _ => return None,
    };
    let change = ctx.model.changed_meanwhile(name)?;
    let (line, _) = ctx.module.location(ctx.model.node(change).start());
    Some(format!(
        "`{}` may be changed while the calls run (line {line})",
        name.id
    ))
}

fn judge_kind(ctx: &Context, iterable: &Expr) -> Result<Iterable, Declined> {
    let written = one_line(ctx.model.slice(iterable));
    match iterable {
        Expr::List(_)
        | Expr::Tuple(_)
        | Expr::Set(_)
        | Expr::Dict(_)
        | Expr::ListComp(_)
        | Expr::SetComp(_)
        | Expr::DictComp(_) => Ok(Iterable::known(false)),
        Expr::Name(name) => judge_name(ctx, iterable, name),
        Expr::Attribute(_) if ctx.model.is_cheap(iterable) => match ctx.model.type_of(iterable) {
            Type::Container(_) | Type::Scalar("tuple") => Ok(Iterable {
                doubt: Some(format!("`{written}` may be changed while the calls run")),
                again: false,
            }),
            _ => Ok(Iterable::unproven(&written)),
        },
        Expr::Call(call) => judge_call(ctx, call, &written),
        Expr::Generator(_) => Err("a generator gives its elements one by one, and works in between".into()),
        Expr::Await(_) => Ok(Iterable::unproven(&written)),
        _ => Err(format!("nothing says that `{written}` is a list").into()),
    }
}

fn judge_name(ctx: &Context, iterable: &Expr, name: &ast::ExprName) -> Result<Iterable, Declined> {
    let model = ctx.model;
    let bindings = || model.resolve(&name.id, model.scope_of(model.id(name)));
    match model.type_of(iterable) {
        Type::Container(_) | Type::Scalar("tuple") => return Ok(Iterable::known(true)),
        Type::Unknown | Type::Foreign(_) => {}
        _ => return Err(format!("`{}` is no list", name.id).into()),
    }
    let mut certain = true;
    for binding in bindings() {
        match binding.kind {
            BindingKind::Parameter(parameter) => match parameter.annotation.as_deref() {
                Some(annotation) => match annotated(ctx, annotation) {
                    Some(true) => {}
                    Some(false) => return Err(format!("`{}` may be an iterator by its annotation", name.id).into()),
                    None => certain = false,
                },
                None => certain = false,
            },
            BindingKind::Annotated(assign) => match annotated(ctx, &assign.annotation) {
                Some(true) => {}
                Some(false) => return Err(format!("`{}` may be an iterator by its annotation", name.id).into()),
                None => certain = false,
            },
            BindingKind::Assignment(value) => {
                let made = judge_value(ctx, value)?;
                certain &= made.doubt.is_none();
            }
            _ => certain = false,
        }
    }
    if bindings().next().is_none() {
        return Err(format!("nothing says what `{}` is", name.id).into());
    }
    Ok(if certain {
        Iterable::known(true)
    } else {
        Iterable::unproven(&name.id)
    })
}

/// As [`judge`], for the value that a name was given. A name is not followed further.
fn judge_value(ctx: &Context, value: &Expr) -> Result<Iterable, Declined> {
    let written = one_line(ctx.model.slice(value));
    match value {
        Expr::Name(_) | Expr::Subscript(_) | Expr::If(_) | Expr::BoolOp(_) | Expr::BinOp(_) => {
            Ok(Iterable::unproven(&written))
        }
        _ => judge(ctx, value),
    }
}

fn judge_call(ctx: &Context, call: &ast::ExprCall, written: &str) -> Result<Iterable, Declined> {
    let model = ctx.model;
    if MAKERS.iter().any(|name| model.is_builtin(&call.func, name)) {
        let counts = model.is_builtin(&call.func, "range");
        let by_the_same = |bound: &Expr| bound.is_name_expr() || bound.is_literal_expr();
        return Ok(Iterable::known(counts && call.arguments.args.iter().all(by_the_same)));
    }
    if LAZY.iter().any(|name| model.is_builtin(&call.func, name)) {
        return Err(format!("`{written}` gives its elements one by one").into());
    }
    let over_first = ["enumerate", "reversed"]
        .iter()
        .any(|name| model.is_builtin(&call.func, name));
    if let (true, Some(first)) = (over_first, call.arguments.args.first()) {
        return judge(ctx, first);
    }
    if let Expr::Attribute(view) = &*call.func
        && matches!(view.attr.as_str(), "items" | "keys" | "values")
        && call.arguments.is_empty()
    {
        return match model.type_of(&view.value) {
            Type::Container("dict") if view.value.is_name_expr() => Ok(Iterable::known(true)),
            Type::Unknown | Type::Container("dict") if model.is_cheap(&view.value) => Ok(Iterable::unproven(written)),
            _ => Err(format!("nothing says that `{written}` is a view of a dictionary").into()),
        };
    }
    Err(format!("nothing says that `{written}` gives a list: a generator would give its elements one by one").into())
}

/// Whether an annotation names a collection (true), something that may be an iterator (false), or says nothing.
fn annotated(ctx: &Context, annotation: &Expr) -> Option<bool> {
    let model = ctx.model;
    if let Expr::BinOp(union) = annotation
        && union.op == Operator::BitOr
    {
        return match (annotated(ctx, &union.left), annotated(ctx, &union.right)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        };
    }
    let class = match annotation {
        Expr::Subscript(generic) => &*generic.value,
        other => other,
    };
    if ["dict", "frozenset", "list", "range", "set", "tuple"]
        .iter()
        .any(|name| model.is_builtin(class, name))
    {
        return Some(true);
    }
    let name = model.qualified_name(class)?;
    let (module, last) = name.rsplit_once('.')?;
    if !matches!(
        module,
        "typing" | "collections.abc" | "collections" | "typing_extensions"
    ) {
        return None;
    }
    match last {
        "AbstractSet" | "Counter" | "DefaultDict" | "Dict" | "FrozenSet" | "List" | "Mapping" | "MutableMapping"
        | "MutableSequence" | "MutableSet" | "OrderedDict" | "Sequence" | "Set" | "Tuple" | "defaultdict" => Some(true),
        "AsyncGenerator" | "AsyncIterable" | "AsyncIterator" | "Generator" | "Iterable" | "Iterator" => Some(false),
        _ => None,
    }
}
