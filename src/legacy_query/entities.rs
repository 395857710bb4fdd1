//! What a query selects: one mapped class, or rows; and whether its rows must be made unique, as `Query` does by itself.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};

use super::chain::{Chain, Link, Unit};
use crate::codemod::Context;
use crate::finding::Declined;
use crate::semantic::{BindingKind, NodeId};

/// Links after which the same object can come more than once.
const MULTIPLYING: &[&str] = &["join", "outerjoin", "select_from", "from_statement"];

/// Loader options that join.
const JOINED: &[&str] = &["joinedload", "contains_eager"];

/// What the columns of a query are.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// A mapped class, or an alias of one.
    Entity,
    /// One column or expression.
    Column,
}

/// What a chain selects.
#[derive(Clone, Debug)]
pub struct Selected<'a> {
    /// The only mapped class, whose objects are given without rows around them.
    pub entity: Option<&'a Expr>,
    pub has_entity: bool,
    /// One aggregate alone: without groups there is exactly one row.
    pub is_aggregate: bool,
    /// Whether rows may repeat an object.
    pub repeats: bool,
}

impl Selected<'_> {
    pub fn is_single(&self) -> bool {
        self.entity.is_some()
    }

    /// Whether `Query` drops rows that repeat an object.
    pub fn is_made_unique(&self) -> bool {
        self.has_entity && self.repeats
    }
}

/// What all roots of a unit select.
pub fn selected<'a>(ctx: &Context<'a>, unit: &Unit<'a>) -> Result<Selected<'a>, Declined> {
    let mut agreed: Option<Selected<'a>> = None;
    for root in unit.roots() {
        if !root.arguments.keywords.is_empty() {
            return Err("`query` is given a keyword".into());
        }
        let found = of_columns(ctx, &root.arguments.args)?;
        if let Some(agreed) = &agreed {
            let is_same = agreed.is_single() == found.is_single() && agreed.has_entity == found.has_entity;
            if !is_same {
                return Err("the name holds queries of different kinds".into());
            }
        }
        agreed = Some(found);
    }
    let mut selected = agreed.ok_or("its beginning is not in view")?;
    selected.repeats = repeats(ctx, unit);
    Ok(selected)
}

/// What a chain selects at its end.
pub fn of_chain<'a>(ctx: &Context<'a>, chain: &Chain<'a>, start: &Selected<'a>) -> Result<Selected<'a>, Declined> {
    let mut selected = start.clone();
    for link in &chain.links {
        let columns = &link.call.arguments.args;
        match link.name() {
            "with_entities" => {
                let repeats = selected.repeats;
                selected = of_columns(ctx, columns)?;
                selected.repeats |= repeats;
            }
            "add_columns" | "add_column" | "add_entity" => {
                let added = of_columns(ctx, columns)?;
                selected.entity = None;
                selected.is_aggregate = false;
                selected.has_entity |= added.has_entity;
            }
            _ => {}
        }
    }
    Ok(selected)
}

fn of_columns<'a>(ctx: &Context<'a>, columns: &'a [Expr]) -> Result<Selected<'a>, Declined> {
    let mut kinds = Vec::new();
    for column in columns {
        kinds.push(kind(ctx, column, 0).ok_or_else(|| {
            Declined(format!(
                "whether `{}` is a mapped class or a column is not known",
                crate::module::one_line(ctx.module.slice(column))
            ))
        })?);
    }
    let entity = match (columns, &*kinds) {
        ([only], [Kind::Entity]) => Some(only),
        _ => None,
    };
    let is_aggregate = matches!(columns, [only] if is_aggregate(ctx, only));
    Ok(Selected {
        entity,
        has_entity: kinds.contains(&Kind::Entity),
        is_aggregate,
        repeats: false,
    })
}

/// `func.count(...)`, with or without a label; and `exists()` of a query.
fn is_aggregate(ctx: &Context, expr: &Expr) -> bool {
    const AGGREGATES: &[&str] = &["count", "max", "min", "sum", "avg"];
    let Expr::Call(call) = expr else { return false };
    let Expr::Attribute(method) = &*call.func else {
        return false;
    };
    match method.attr.as_str() {
        "label" => is_aggregate(ctx, &method.value),
        "exists" => true,
        name => {
            AGGREGATES.contains(&name)
                && ctx
                    .model
                    .qualified_name(&method.value)
                    .is_some_and(|name| is_func(&name))
        }
    }
}

fn is_func(name: &str) -> bool {
    matches!(
        name,
        "sqlalchemy.func" | "sqlalchemy.sql.func" | "sqlalchemy.sql.expression.func" | "sqlmodel.func"
    )
}

fn is_class_name(name: &str) -> bool {
    let name = name.trim_start_matches('_');
    name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase)
}

fn kind(ctx: &Context, expr: &Expr, depth: usize) -> Option<Kind> {
    let model = ctx.model;
    if depth > 6 {
        return None;
    }
    match expr {
        Expr::Name(name) => {
            if model.class_named(expr).is_some() {
                return Some(Kind::Entity);
            }
            if let Some(path) = model.qualified_name(expr) {
                let last = path.rsplit('.').next().unwrap_or(&path);
                return is_class_name(last).then_some(Kind::Entity);
            }
            let mut agreed = None;
            for binding in model.resolve(&name.id, model.scope_of(model.id(name))) {
                let found = match binding.kind {
                    BindingKind::Assignment(value) => kind(ctx, value, depth + 1)?,
                    BindingKind::Parameter(parameter) => {
                        let annotation = parameter.annotation.as_deref()?;
                        is_class_annotation(ctx, annotation).then_some(Kind::Entity)?
                    }
                    _ => return None,
                };
                if agreed.as_ref().is_some_and(|agreed| *agreed != found) {
                    return None;
                }
                agreed = Some(found);
            }
            agreed
        }
        Expr::Attribute(attribute) => {
            // `self.model`, given to the constructor as a class.
            if model.class_of(&attribute.value).is_some() {
                return class_attribute(ctx, attribute, depth);
            }
            // `sub.c.name`
            if matches!(&*attribute.value, Expr::Attribute(inner) if matches!(inner.attr.as_str(), "c" | "columns")) {
                return Some(Kind::Column);
            }
            if kind(ctx, &attribute.value, depth + 1) == Some(Kind::Entity) {
                return Some(Kind::Column);
            }
            // `models.User`
            let is_module = model.imported_root(&attribute.value);
            (is_module && is_class_name(&attribute.attr)).then_some(Kind::Entity)
        }
        Expr::Call(call) => of_call(ctx, call, depth),
        Expr::Compare(_) | Expr::BinOp(_) | Expr::BoolOp(_) | Expr::UnaryOp(_) => Some(Kind::Column),
        Expr::Subscript(subscript) => {
            (kind(ctx, &subscript.value, depth + 1) == Some(Kind::Column)).then_some(Kind::Column)
        }
        _ => None,
    }
}

fn of_call(ctx: &Context, call: &ast::ExprCall, depth: usize) -> Option<Kind> {
    const CLASSES: &[&str] = &["aliased", "with_polymorphic"];
    let model = ctx.model;
    if let Some(path) = model.qualified_name(&call.func)
        && let Some((package, last)) = path.rsplit_once('.')
    {
        if is_func(package) || package.starts_with("sqlalchemy.func.") {
            return Some(Kind::Column);
        }
        if package.starts_with("sqlalchemy") || package.starts_with("sqlmodel") {
            return match last {
                "Bundle" => call
                    .arguments
                    .find_keyword("single_entity")
                    .is_none()
                    .then_some(Kind::Column),
                last if CLASSES.contains(&last) => kind(ctx, call.arguments.args.first()?, depth + 1),
                last => (!is_class_name(last)).then_some(Kind::Column),
            };
        }
    }
    let Expr::Attribute(method) = &*call.func else {
        return None;
    };
    let is_part = matches!(
        method.attr.as_str(),
        "exists" | "label" | "scalar_subquery" | "as_scalar"
    );
    let of_column = || kind(ctx, &method.value, depth + 1) == Some(Kind::Column);
    (is_part || of_column()).then_some(Kind::Column)
}

/// `type[Model]`, `Type[ModelT]`
fn is_class_annotation(ctx: &Context, annotation: &Expr) -> bool {
    let Expr::Subscript(subscript) = annotation else {
        return false;
    };
    ctx.model.is_builtin(&subscript.value, "type")
        || ctx
            .model
            .qualified_name(&subscript.value)
            .is_some_and(|name| name == "typing.Type")
}

/// `self.model`, where each assignment to it, or its annotation, says that it is a class.
fn class_attribute(ctx: &Context, attribute: &ast::ExprAttribute, depth: usize) -> Option<Kind> {
    let model = ctx.model;
    let mut stores = model
        .attribute_stores()
        .filter(|store| store.attr.as_str() == attribute.attr.as_str())
        .peekable();
    stores.peek()?;
    let is_class = stores.all(|store| match model.node(model.parent(model.id(store))) {
        AnyNodeRef::StmtAssign(assign) => kind(ctx, &assign.value, depth + 1) == Some(Kind::Entity),
        AnyNodeRef::StmtAnnAssign(assign) => is_class_annotation(ctx, &assign.annotation),
        _ => false,
    });
    is_class.then_some(Kind::Entity)
}

/// Whether a row may come twice, or the class may bring joined rows along.
fn repeats(ctx: &Context, unit: &Unit) -> bool {
    let has_join = unit.chains.iter().any(|chain| {
        chain.has(MULTIPLYING)
            || chain
                .links
                .iter()
                .any(|link| link.name() == "options" && joins(ctx, link))
    });
    has_join
        || unit
            .roots()
            .any(|root| !is_plain_class(ctx, root) || mentions_other(ctx, unit, root))
}

fn joins(ctx: &Context, link: &Link) -> bool {
    let text = ctx.module.slice(&link.call.arguments);
    // Options that are kept elsewhere may join as well.
    JOINED.iter().any(|option| text.contains(option))
        || link.call.arguments.args.iter().any(|option| !option.is_call_expr())
}

/// Whether the selected classes are classes of this module that no relationship loads by a join.
fn is_plain_class(ctx: &Context, root: &ast::ExprCall) -> bool {
    let model = ctx.model;
    root.arguments.args.iter().all(|column| {
        let class = match column {
            Expr::Attribute(attribute) => model.class_named(&attribute.value),
            other => match model.class_named(other) {
                Some(class) => Some(class),
                // A column or an expression brings nothing along.
                None if kind(ctx, other, 0) == Some(Kind::Column) => return true,
                None => None,
            },
        };
        class.is_some_and(|class| is_readable(ctx, class, 0))
    }) && !ctx.module.text().contains("\"joined\"")
        && !ctx.module.text().contains("'joined'")
        && !ctx.module.text().contains("lazy=False")
}

fn is_readable(ctx: &Context, class: &ast::StmtClassDef, depth: usize) -> bool {
    const BASES: &[&str] = &[
        "DeclarativeBase",
        "DeclarativeBaseNoMeta",
        "MappedAsDataclass",
        "AsyncAttrs",
        "SQLModel",
    ];
    let model = ctx.model;
    let plain_body = class
        .body
        .iter()
        .all(|stmt| !matches!(stmt, Stmt::With(_) | Stmt::For(_)));
    depth < 8
        && plain_body
        && class
            .arguments
            .iter()
            .flat_map(|arguments| &arguments.args)
            .all(|base| {
                if let Some(base) = model.class_named(base) {
                    return is_readable(ctx, base, depth + 1);
                }
                if let Some(path) = model.qualified_name(base) {
                    return path.rsplit('.').next().is_some_and(|last| BASES.contains(&last));
                }
                // `Base = declarative_base()`
                let Expr::Name(name) = base else { return false };
                let binding = model.sole_binding(&name.id, model.scope_of(model.id(name)));
                matches!(binding.map(|binding| binding.kind), Some(BindingKind::Assignment(Expr::Call(call)))
                if ctx.module.slice(&*call.func).ends_with("declarative_base"))
            })
}

/// Whether the links speak of another class than the one that is selected: more than one table is read.
fn mentions_other(ctx: &Context, unit: &Unit, root: &ast::ExprCall) -> bool {
    let own: Vec<&str> = ctx
        .model
        .references_in(ctx.model.id(&root.arguments))
        .iter()
        .map(|reference| reference.name.id.as_str())
        .collect();
    let roots = unit.roots().count();
    let several = root.arguments.args.len() > 1 && {
        let classes = own
            .iter()
            .filter(|name| is_class_name(name))
            .collect::<std::collections::BTreeSet<_>>();
        classes.len() > 1
    };
    let other = |id: NodeId| {
        ctx.model
            .references_in(id)
            .iter()
            .any(|reference| is_class_name(&reference.name.id) && !own.contains(&reference.name.id.as_str()))
    };
    several
        || roots > 1
        || unit.chains.iter().flat_map(|chain| &chain.links).any(|link| {
            matches!(
                link.name(),
                "filter" | "where" | "having" | "order_by" | "group_by" | "distinct"
            ) && other(ctx.model.id(&link.call.arguments))
        })
}
