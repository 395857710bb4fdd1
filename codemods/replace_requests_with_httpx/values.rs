//! What is known of the values that are handed to `requests`: just enough to tell whether httpx would send the same bytes.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, InterpolatedStringElement};

use crate::codemod::Context;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{BindingKind, NodeId};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Str,
    Bytes,
    Number,
    Bool,
    None,
    /// Not `None`, and JSON's array or object.
    Container,
    Tuple,
    Other,
    Unknown,
}

/// The kind of an expression's value.
pub(super) fn kind(ctx: &Context, expr: &Expr) -> Kind {
    match ctx.model.type_of(expr) {
        Type::Scalar("str") => Kind::Str,
        Type::Scalar("bytes") => Kind::Bytes,
        Type::Scalar("int" | "float") => Kind::Number,
        Type::Scalar("bool") => Kind::Bool,
        Type::Scalar("None") => Kind::None,
        Type::Scalar("tuple") | Type::Container("tuple") => Kind::Tuple,
        Type::Container("list" | "dict") => Kind::Container,
        Type::Scalar(_) | Type::Container(_) | Type::Instance(_) | Type::Foreign(_) => Kind::Other,
        Type::Unknown => by_shape(ctx, expr),
    }
}

/// What the light types do not tell.
fn by_shape(ctx: &Context, expr: &Expr) -> Kind {
    let model = ctx.model;
    match expr {
        Expr::Call(call) => {
            if let Expr::Attribute(method) = &*call.func
                && method.attr.as_str() == "encode"
                && (kind(ctx, &method.value) == Kind::Str || is_joined_text(ctx, &method.value))
            {
                return Kind::Bytes;
            }
            if model.is_builtin(&call.func, "bytes") {
                return Kind::Bytes;
            }
            match model.qualified_name(&call.func).as_deref() {
                Some("json.dumps" | "urllib.parse.urlencode" | "urllib.parse.quote") => Kind::Str,
                Some("time.time") => Kind::Number,
                _ => Kind::Unknown,
            }
        }
        Expr::Subscript(subscript) if model.qualified_name(&subscript.value).as_deref() == Some("os.environ") => {
            Kind::Str
        }
        Expr::Name(name) => {
            let Some(binding) = model.sole_binding(&name.id, model.scope_of(model.id(name))) else {
                return Kind::Unknown;
            };
            match binding.kind {
                BindingKind::Assignment(value) => by_shape(ctx, value),
                BindingKind::Other => element_kind(ctx, binding.node),
                _ => Kind::Unknown,
            }
        }
        _ => Kind::Unknown,
    }
}

/// `base + "/path"`: what text is added to is text.
fn is_joined_text(ctx: &Context, expr: &Expr) -> bool {
    match expr {
        Expr::BinOp(both) if both.op == ast::Operator::Add => [&both.left, &both.right]
            .into_iter()
            .any(|side| kind(ctx, side) == Kind::Str || is_joined_text(ctx, side)),
        _ => false,
    }
}

/// What a loop over a literal gives its variable: text for `for x in ("a", b"b")`.
fn element_kind(ctx: &Context, target: NodeId) -> Kind {
    let model = ctx.model;
    let range = ruff_text_size::Ranged::range(&model.node(target));
    let iter = match model.node(model.parent(target)) {
        AnyNodeRef::StmtFor(stmt) if ruff_text_size::Ranged::range(&*stmt.target) == range => &stmt.iter,
        AnyNodeRef::Comprehension(inner) if ruff_text_size::Ranged::range(&inner.target) == range => &inner.iter,
        _ => return Kind::Unknown,
    };
    let elements = match iter {
        iter if is_range(ctx, iter) => return Kind::Number,
        Expr::Tuple(tuple) => &tuple.elts,
        Expr::List(list) => &list.elts,
        _ => return Kind::Unknown,
    };
    let mut kinds = elements.iter().map(|element| kind(ctx, element));
    let Some(first) = kinds.next() else {
        return Kind::Unknown;
    };
    kinds.fold(first, |agreed, next| match (agreed, next) {
        (one, other) if one == other => one,
        // Both are a body as it stands.
        (Kind::Str | Kind::Bytes, Kind::Str | Kind::Bytes) => Kind::Bytes,
        _ => Kind::Unknown,
    })
}

fn is_range(ctx: &Context, iter: &Expr) -> bool {
    matches!(iter, Expr::Call(call) if ctx.model.is_builtin(&call.func, "range"))
}

/// A dict whose every entry can be seen: a literal, or a name that stands for one and is only handed to calls that leave it as it is. With
/// the keys and values that are stored in it later.
pub(super) fn visible_dict<'a>(
    ctx: &Context<'a>,
    expr: &'a Expr,
) -> Option<(&'a ast::ExprDict, Vec<(&'a Expr, &'a Expr)>)> {
    if let Expr::Dict(dict) = expr {
        return Some((dict, Vec::new()));
    }
    let Expr::Name(name) = expr else { return None };
    let model = ctx.model;
    let binding = model.sole_binding(&name.id, model.scope_of(model.id(name)))?;
    let value = match binding.kind {
        BindingKind::Assignment(value) => value,
        BindingKind::Annotated(assign) => assign.value.as_deref()?,
        _ => return None,
    };
    let Expr::Dict(dict) = value else { return None };
    // `a = b = {}`, and names that the whole module can reach, could be changed under another name or in another function.
    let single = matches!(model.node(model.parent(binding.node)), AnyNodeRef::StmtAssign(assign) if assign.targets.len() == 1)
        || matches!(model.node(model.parent(binding.node)), AnyNodeRef::StmtAnnAssign(_));
    if !single {
        return None;
    }
    let mut stored = Vec::new();
    for reference in model.references_named(&name.id) {
        if model.sole_binding(&name.id, reference.scope).map(|other| other.node) != Some(binding.node) {
            continue;
        }
        let parent = model.parent(reference.node);
        match model.node(parent) {
            AnyNodeRef::Keyword(_) | AnyNodeRef::Arguments(_) if leaves_unchanged(ctx, parent) => {}
            AnyNodeRef::ExprSubscript(subscript) => match model.node(model.parent(parent)) {
                AnyNodeRef::StmtAssign(assign) if subscript.ctx.is_store() => {
                    stored.push((&*subscript.slice, &*assign.value))
                }
                _ if subscript.ctx.is_load() => {}
                _ => return None,
            },
            _ => return None,
        }
    }
    Some((dict, stored))
}

/// Whether the call that an argument belongs to surely does not change it.
fn leaves_unchanged(ctx: &Context, argument: NodeId) -> bool {
    let model = ctx.model;
    let call = model.ancestors(argument).find_map(|(_, node)| match node {
        AnyNodeRef::ExprCall(call) => Some(call),
        _ => None,
    });
    let Some(call) = call else { return false };
    if ["print", "len", "str", "repr", "dict", "list", "sorted"]
        .iter()
        .any(|name| model.is_builtin(&call.func, name))
    {
        return true;
    }
    if model
        .qualified_name(&call.func)
        .is_some_and(|name| name.starts_with("requests.") || name == "json.dumps" || name.starts_with("logging."))
    {
        return true;
    }
    matches!(&*call.func, Expr::Attribute(method)
        if super::calls::is_session(ctx, &method.value) || super::LOG_METHODS.contains(&method.attr.as_str()))
}

/// A piece of a URL: text that stands in the source, or the kind of a value that is put in.
pub(super) enum Part {
    Text(String),
    Value(Kind),
}

pub(super) fn url_parts(ctx: &Context, expr: &Expr) -> Vec<Part> {
    let mut parts = Vec::new();
    collect(ctx, expr, 0, &mut parts);
    parts
}

fn collect(ctx: &Context, expr: &Expr, depth: usize, parts: &mut Vec<Part>) {
    match expr {
        Expr::StringLiteral(string) => parts.push(Part::Text(string.value.to_str().to_owned())),
        Expr::FString(string) => {
            for element in string.value.elements() {
                match element {
                    InterpolatedStringElement::Literal(literal) => parts.push(Part::Text(literal.value.to_string())),
                    InterpolatedStringElement::Interpolation(value) => match value.format_spec {
                        None => collect(ctx, &value.expression, depth + 1, parts),
                        Some(_) => parts.push(Part::Value(Kind::Unknown)),
                    },
                }
            }
            for part in &string.value {
                if let ast::FStringPart::Literal(_) = part {
                    // Implicit concatenation with a plain string: its place among the elements is not kept above.
                    parts.push(Part::Value(Kind::Unknown));
                }
            }
        }
        Expr::BinOp(binary) if binary.op == ast::Operator::Add => {
            collect(ctx, &binary.left, depth + 1, parts);
            collect(ctx, &binary.right, depth + 1, parts);
        }
        Expr::Name(name) if depth < 8 => {
            let binding = ctx.model.sole_binding(&name.id, ctx.model.scope_of(ctx.model.id(name)));
            match binding.map(|binding| binding.kind) {
                Some(BindingKind::Assignment(value @ (Expr::StringLiteral(_) | Expr::FString(_) | Expr::BinOp(_)))) => {
                    collect(ctx, value, depth + 1, parts);
                }
                _ => parts.push(Part::Value(kind(ctx, expr))),
            }
        }
        _ => parts.push(Part::Value(kind(ctx, expr))),
    }
}

/// Whether a URL has surely no query of its own. What stands in front of a `/` of the source is a host or a part of the path.
pub(super) fn has_no_query(parts: &[Part]) -> bool {
    parts.iter().enumerate().all(|(index, part)| match part {
        Part::Text(text) => !text.contains(['?', '#']),
        Part::Value(Kind::Number) => true,
        Part::Value(_) => matches!(parts.get(index + 1), Some(Part::Text(next)) if next.starts_with('/')),
    })
}

/// Whether a URL is surely text that starts with `http://` or `https://`.
pub(super) fn starts_with_scheme(parts: &[Part]) -> bool {
    matches!(parts.first(), Some(Part::Text(text)) if text.starts_with("http://") || text.starts_with("https://"))
}

/// Whether both libraries send the URL as it is written: no character that one of them quotes and the other does not.
pub(super) fn is_plain(parts: &[Part]) -> bool {
    let is_plain_text = |text: &String| {
        text.chars()
            .all(|character| character.is_ascii_alphanumeric() || "-._/:?&=,+@".contains(character))
    };
    // requests adds the `/` that httpx leaves out of a bare host.
    let mut head = String::new();
    for part in parts {
        match part {
            Part::Text(text) => head.push_str(text),
            Part::Value(_) => break,
        }
    }
    parts.iter().all(|part| match part {
        Part::Text(text) => is_plain_text(text),
        Part::Value(kind) => *kind == Kind::Number,
    }) && head.splitn(4, '/').count() == 4
}
