//! A relationship that is read of objects which the same function has selected -> `.options(selectinload(...))` at the `select`.

mod created;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::Ranged;

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::loaded::Asked;
use crate::semantic::{BindingKind, NodeId};

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    for await_ in model.awaits() {
        let Some(asked) = Asked::of(ctx, await_) else { continue };
        let Some(function) = model.enclosing_function(model.id(await_)) else {
            continue;
        };
        let Some(source) = Source::of(ctx, &asked) else {
            continue;
        };
        let mut done: Vec<&str> = Vec::new();
        for read in asked.loaded(ctx).reads {
            let name = read.attr.as_str();
            let Some(evidence) = evidence(ctx, source.class, read) else {
                continue;
            };
            if done.contains(&name) || source.loads(ctx, name) || is_loaded_otherwise(ctx, function, read) {
                continue;
            }
            done.push(name);
            let message = format!(
                "`{}` is loaded when it is read, which raises `MissingGreenlet` in async code",
                model.slice(read)
            );
            acc.push_defect(read, message, load(ctx, &source, name, evidence));
        }
    }
    created::report(ctx, acc);
}

/// What says what is loaded, and with what.
struct Source<'a> {
    /// The call that is given the loader: `select(Class)`, or the `get` of the session.
    call: &'a ast::ExprCall,
    class: &'a Expr,
    is_by_key: bool,
    /// All expressions that the statement is made by.
    parts: Vec<&'a Expr>,
}

impl<'a> Source<'a> {
    fn of(ctx: &Context<'a>, asked: &Asked<'a>) -> Option<Self> {
        let first = asked.call.arguments.args.first()?;
        if asked.is_by_key() {
            return matches!(first, Expr::Name(_) | Expr::Attribute(_)).then(|| Self {
                call: asked.call,
                class: first,
                is_by_key: true,
                parts: asked
                    .call
                    .arguments
                    .keywords
                    .iter()
                    .map(|keyword| &keyword.value)
                    .collect(),
            });
        }
        if asked.method == "merge" {
            return None;
        }
        let parts = statements(ctx, first)?;
        let mut selects = parts.iter().filter_map(|part| selected(ctx, part));
        let (call, class) = selects.next()?;
        selects.next().is_none().then_some(Self {
            call,
            class,
            is_by_key: false,
            parts,
        })
    }

    /// Whether it has something to say of how a relationship is loaded.
    fn loads(&self, ctx: &Context, relationship: &str) -> bool {
        if self.is_by_key {
            let keywords = &self.call.arguments.keywords;
            return keywords
                .iter()
                .any(|keyword| keyword.arg.as_deref().is_none_or(|name| name == "options"));
        }
        self.parts.iter().any(|part| {
            let text = ctx.model.slice(*part);
            text.contains(&format!(".{relationship}")) || text.contains("options(")
        })
    }
}

/// What a statement is made by: itself, or all that its name is bound to, one after the other.
fn statements<'a>(ctx: &Context<'a>, statement: &'a Expr) -> Option<Vec<&'a Expr>> {
    let model = ctx.model;
    let Expr::Name(name) = statement else {
        return Some(vec![statement]);
    };
    let id = model.id(name);
    let function = model.enclosing_function(id)?;
    let scope = model.body_scope(function);
    let values: Option<Vec<&Expr>> = model
        .resolve(&name.id, model.scope_of(id))
        .map(|binding| match binding.kind {
            BindingKind::Assignment(value) if binding.scope == scope => Some(value),
            BindingKind::Annotated(assign) if binding.scope == scope => assign.value.as_deref(),
            _ => None,
        })
        .collect();
    values.filter(|values| !values.is_empty())
}

/// Whether something else loads what an object reads: `refresh`, or what runs in the synchronous session.
fn is_loaded_otherwise(ctx: &Context, function: &ast::StmtFunctionDef, read: &ast::ExprAttribute) -> bool {
    let model = ctx.model;
    let Expr::Name(object) = &*read.value else { return false };
    model.subtree(model.id(function)).any(|(_, node)| match node {
        AnyNodeRef::ExprCall(call) => {
            matches!(&*call.func, Expr::Attribute(method) if matches!(method.attr.as_str(), "refresh" | "run_sync"))
                && call
                    .arguments
                    .iter_source_order()
                    .any(|argument| model.slice(argument.range()).contains(object.id.as_str()))
        }
        _ => false,
    })
}

/// How it is known that an attribute is a relationship.
#[derive(Clone, Copy)]
enum Evidence {
    /// The class is in view.
    Class,
    /// Its name is that of an imported class, and it is used as a collection.
    Name,
}

/// The `select(Class)` that a statement begins with.
fn selected<'a>(ctx: &Context<'a>, statement: &'a Expr) -> Option<(&'a ast::ExprCall, &'a Expr)> {
    let mut at = statement;
    loop {
        let Expr::Call(call) = at else { return None };
        if let Some(name) = ctx.model.qualified_name(&call.func) {
            let is_select = matches!(
                name.as_str(),
                "sqlalchemy.select" | "sqlalchemy.sql.select" | "sqlalchemy.future.select" | "sqlmodel.select"
            );
            return match &*call.arguments.args {
                [class @ (Expr::Name(_) | Expr::Attribute(_))] if is_select => Some((call, class)),
                _ => None,
            };
        }
        let Expr::Attribute(link) = &*call.func else {
            return None;
        };
        at = &link.value;
    }
}

fn evidence(ctx: &Context, class: &Expr, read: &ast::ExprAttribute) -> Option<Evidence> {
    let model = ctx.model;
    let name = read.attr.as_str();
    if let Some(class) = model.class_named(class) {
        return class
            .body
            .iter()
            .any(|stmt| declares(ctx, stmt, name))
            .then_some(Evidence::Class);
    }
    let is_related = names_class(ctx, name) && is_collection(ctx, read) || is_object(ctx, name, read);
    is_related.then_some(Evidence::Name)
}

/// `name = relationship(...)`, with or without an annotation, that is loaded when it is read.
fn declares(ctx: &Context, stmt: &Stmt, name: &str) -> bool {
    let (target, value) = match stmt {
        Stmt::Assign(assign) => (assign.targets.first(), Some(&*assign.value)),
        Stmt::AnnAssign(assign) => (Some(&*assign.target), assign.value.as_deref()),
        _ => return false,
    };
    let Some(Expr::Call(call)) = value else { return false };
    let is_lazy = call
        .arguments
        .find_keyword("lazy")
        .is_none_or(|lazy| matches!(&lazy.value, Expr::StringLiteral(text) if text.value.to_str() == "select"));
    matches!(target, Some(Expr::Name(target)) if target.id == name)
        && is_lazy
        && ctx
            .model
            .qualified_name(&call.func)
            .is_some_and(|path| matches!(path.as_str(), "sqlalchemy.orm.relationship" | "sqlmodel.Relationship"))
}

/// Whether an attribute is the plural of an imported class: `addresses` of `Address`.
fn names_class(ctx: &Context, attribute: &str) -> bool {
    let plain = attribute.replace('_', "");
    ctx.model.bindings().iter().any(|binding| {
        let is_class =
            matches!(binding.kind, BindingKind::FromImport(..)) && binding.name.starts_with(char::is_uppercase);
        let class = binding.name.to_lowercase();
        let plural = [
            format!("{class}s"),
            format!("{class}es"),
            format!("{}ies", class.strip_suffix('y').unwrap_or("?")),
        ];
        is_class && plural.contains(&plain)
    })
}

/// Whether an attribute has the name of an imported class, and an attribute of its own is read: `address.user.name`.
fn is_object(ctx: &Context, attribute: &str, read: &ast::ExprAttribute) -> bool {
    let model = ctx.model;
    let outer = model.parent(model.id(read));
    let is_asked = matches!(model.node(outer), AnyNodeRef::ExprAttribute(inner) if inner.ctx.is_load());
    let plain = attribute.replace('_', "");
    is_asked
        && !model.is_callee(outer)
        && model.bindings().iter().any(|binding| {
            matches!(binding.kind, BindingKind::FromImport(..))
                && binding.name.starts_with(char::is_uppercase)
                && binding.name.to_lowercase() == plain
        })
}

/// Whether an attribute is read as a collection is: counted, iterated over, asked for an item.
fn is_collection(ctx: &Context, read: &ast::ExprAttribute) -> bool {
    let model = ctx.model;
    let id = model.id(read);
    match model.node(model.parent(id)) {
        AnyNodeRef::StmtFor(outer) => outer.iter.range() == read.range(),
        AnyNodeRef::Comprehension(outer) => outer.iter.range() == read.range(),
        AnyNodeRef::ExprSubscript(outer) => outer.value.range() == read.range(),
        AnyNodeRef::Arguments(_) => match model.node(model.parent(model.parent(id))) {
            AnyNodeRef::ExprCall(call) => [
                "len",
                "list",
                "sorted",
                "set",
                "tuple",
                "sum",
                "any",
                "all",
                "enumerate",
            ]
            .iter()
            .any(|name| model.is_builtin(&call.func, name)),
            _ => false,
        },
        _ => false,
    }
}

fn load(ctx: &Context, source: &Source, relationship: &str, evidence: Evidence) -> Result<Fix, Declined> {
    let at: NodeId = ctx.model.id(source.call);
    let (loader, import) = ctx.plain_member("sqlalchemy.orm", "selectinload", at)?;
    let class = ctx.model.slice(source.class);
    let mut reason = match evidence {
        Evidence::Class => "a second query loads the relationship of all objects that are selected".to_owned(),
        Evidence::Name => format!("that `{relationship}` is a relationship is told by its name and its use alone"),
    };
    let edit = if source.is_by_key {
        reason += "; and an object that the session holds already is given as it is";
        let last = source.call.arguments.iter_source_order().last();
        let end = last.ok_or("nothing is asked for")?.range().end();
        Edit::insertion(format!(", options=[{loader}({class}.{relationship})]"), end)
    } else {
        Edit::insertion(format!(".options({loader}({class}.{relationship}))"), source.call.end())
    };
    Ok(Fix::unsafe_because(reason, vec![edit]).import(import))
}

/// Something is selected or written in async code by a session.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    glance::mentions(text, &["AsyncSession", "async_sessionmaker", "AsyncSession("])
}
