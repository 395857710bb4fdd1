//! A relationship that is read of objects which the same function has selected -> `.options(selectinload(...))` at the `select`.

mod created;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextSize};

use crate::codemod::{Context, Wanted};
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::glance;
use crate::semantic::names::Lookup;
use crate::semantic::{BindingKind, NodeId};

/// What gives one object of a result; everything else gives many.
const ONE: &[&str] = &[
    "one",
    "one_or_none",
    "first",
    "scalar_one",
    "scalar_one_or_none",
    "scalar",
];

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let model = ctx.model;
    for await_ in model.awaits() {
        let Expr::Call(run) = &*await_.value else { continue };
        let Expr::Attribute(method) = &*run.func else { continue };
        let runs = matches!(method.attr.as_str(), "execute" | "scalars" | "scalar");
        if !runs || !model.is_session(&method.value, true) {
            continue;
        }
        let Some((select, class)) = run
            .arguments
            .args
            .first()
            .and_then(|statement| selected(ctx, statement))
        else {
            continue;
        };
        let Some(objects) = Objects::of(ctx, await_) else {
            continue;
        };
        let mut done: Vec<&str> = Vec::new();
        for read in objects.reads(ctx) {
            let name = read.attr.as_str();
            let Some(evidence) = evidence(ctx, class, read) else {
                continue;
            };
            let statement = run
                .arguments
                .args
                .first()
                .map_or("", |statement| model.slice(statement));
            if done.contains(&name) || statement.contains(&format!(".{name}")) || statement.contains("options(") {
                continue;
            }
            done.push(name);
            let message = format!(
                "`{}` is loaded when it is read, which raises `MissingGreenlet` in async code",
                model.slice(read)
            );
            acc.push_defect(read, message, load(ctx, select, class, name, evidence));
        }
    }
    created::report(ctx, acc);
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

/// The names of a function that hold what a statement selected.
struct Objects<'a> {
    function: &'a ast::StmtFunctionDef,
    names: Vec<&'a str>,
    from: TextSize,
}

impl<'a> Objects<'a> {
    fn of(ctx: &Context<'a>, await_: &'a ast::ExprAwait) -> Option<Self> {
        let model = ctx.model;
        let function = model.enclosing_function(model.id(await_))?;
        // The chain behind the `await`: `.scalars().all()`.
        let mut at = model.id(await_);
        let mut is_one = matches!(&*await_.value, Expr::Call(call)
            if matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "scalar"));
        let holder = loop {
            let parent = model.parent(at);
            match model.node(parent) {
                AnyNodeRef::ExprAttribute(link) => is_one |= ONE.contains(&link.attr.as_str()),
                AnyNodeRef::ExprCall(call) if call.func.range() == model.node(at).range() => {}
                other => break other,
            }
            at = parent;
        };
        let mut objects = Self {
            function,
            names: Vec::new(),
            from: await_.start(),
        };
        match holder {
            AnyNodeRef::StmtFor(outer) if outer.iter.range() == model.node(at).range() => {
                objects.add(&outer.target);
            }
            AnyNodeRef::Comprehension(outer) if outer.iter.range() == model.node(at).range() => {
                objects.add(&outer.target);
            }
            AnyNodeRef::StmtAssign(assign) => {
                let [Expr::Name(target)] = &*assign.targets else {
                    return None;
                };
                let scope = model.scope_of(model.id(target));
                model.sole_binding(&target.id, scope)?;
                if is_one {
                    objects.names.push(&target.id);
                } else {
                    objects.elements_of(ctx, &target.id);
                }
            }
            _ => return None,
        }
        Some(objects)
    }

    fn add(&mut self, target: &'a Expr) {
        if let Expr::Name(name) = target {
            self.names.push(&name.id);
        }
    }

    /// The variables of loops over a list of objects.
    fn elements_of(&mut self, ctx: &Context<'a>, list: &str) {
        let is_it = |expr: &Expr| matches!(expr, Expr::Name(name) if name.id == list);
        for (_, node) in ctx.model.subtree(ctx.model.id(self.function)) {
            match node {
                AnyNodeRef::StmtFor(inner) if is_it(&inner.iter) => self.add(&inner.target),
                AnyNodeRef::Comprehension(inner) if is_it(&inner.iter) => self.add(&inner.target),
                _ => {}
            }
        }
    }

    /// Attributes of the objects that are read behind the statement and not loaded in another way.
    fn reads(&self, ctx: &Context<'a>) -> Vec<&'a ast::ExprAttribute> {
        let model = ctx.model;
        let all = || model.subtree(model.id(self.function));
        let is_refreshed = |name: &str| {
            all().any(|(_, node)| match node {
                AnyNodeRef::ExprCall(call) => {
                    matches!(&*call.func, Expr::Attribute(method) if matches!(method.attr.as_str(), "refresh" | "run_sync"))
                        && call.arguments.iter_source_order().any(|argument| model.slice(argument.range()).contains(name))
                }
                _ => false,
            })
        };
        let mut found = Vec::new();
        for (id, node) in all() {
            let AnyNodeRef::ExprAttribute(read) = node else {
                continue;
            };
            let Expr::Name(object) = &*read.value else { continue };
            let is_local = model.lookup(&object.id, model.scope_of(id)) != Lookup::Builtin;
            if read.start() > self.from
                && read.ctx.is_load()
                && is_local
                && self.names.contains(&object.id.as_str())
                && !is_refreshed(&object.id)
            {
                found.push(read);
            }
        }
        // What a comprehension reads stands in front of what it reads from.
        for (id, node) in all() {
            let AnyNodeRef::ExprAttribute(read) = node else {
                continue;
            };
            let in_element = read.start() < self.from
                && matches!(&*read.value, Expr::Name(object) if self.names.contains(&object.id.as_str()))
                && model.ancestors(id).any(|(_, outer)| match outer {
                    AnyNodeRef::ExprListComp(outer) => outer.range().contains(self.from),
                    AnyNodeRef::ExprSetComp(outer) => outer.range().contains(self.from),
                    AnyNodeRef::ExprDictComp(outer) => outer.range().contains(self.from),
                    _ => false,
                });
            if in_element {
                found.push(read);
            }
        }
        found
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
    (names_class(ctx, name) && is_collection(ctx, read)).then_some(Evidence::Name)
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

fn load(
    ctx: &Context,
    select: &ast::ExprCall,
    class: &Expr,
    relationship: &str,
    evidence: Evidence,
) -> Result<Fix, Declined> {
    let at: NodeId = ctx.model.id(select);
    let (loader, import) = ctx.plain_member("sqlalchemy.orm", "selectinload", at)?;
    let class = ctx.model.slice(class);
    let reason = match evidence {
        Evidence::Class => "a second query loads the relationship of all objects that are selected".to_owned(),
        Evidence::Name => format!("that `{relationship}` is a relationship is told by its name and its use alone"),
    };
    let text = format!(".options({loader}({class}.{relationship}))");
    Ok(Fix::unsafe_because(reason, vec![Edit::insertion(text, select.end())]).import(import))
}

/// Something is selected or written in async code by a session.
pub(super) fn glance(text: &[u8], _: Wanted) -> bool {
    glance::mentions(text, &["AsyncSession", "async_sessionmaker", "AsyncSession("])
}
