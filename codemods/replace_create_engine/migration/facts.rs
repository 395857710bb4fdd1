//! What the other files are told of a file's part of a layer.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::addresses::{is_in_memory, is_sqlite, may_keep_running};
use super::tables::CLIENTS;
use super::{Layer, sync_object};
use crate::project::layer::{Parameter, Part};
use crate::semantic::names::map_callable;
use crate::semantic::{Binding, BindingKind, NodeId, ScopeId};

/// How a relationship is loaded that is there when it is read.
const EAGER: &[&str] = &[
    "selectin",
    "joined",
    "subquery",
    "immediate",
    "noload",
    "raise",
    "raise_on_sql",
    "write_only",
];

impl<'a> Layer<'_, 'a> {
    /// What other files are told.
    pub(super) fn facts(&self) -> Part {
        let ctx = self.ctx;
        let model = ctx.model;
        let line = |at: TextRange| ctx.module.location(at.start()).0;
        let mut part = Part {
            passed: self.passed.clone(),
            expired: self.expired.clone(),
            needs_lifespan: !self.tables.is_empty(),
            is_disposed: self.is_disposed,
            doubts: self.doubts.clone(),
            address: self.address.clone(),
            makes_tables: self.helpers.iter().any(|([_, run], _)| run.contains("create_all")),
            replaces_dependencies: ctx.module.text().contains("dependency_overrides"),
            ..Part::default()
        };
        for call in self.engines() {
            part.engine
                .get_or_insert_with(|| (call.func.range(), line(call.func.range())));
            let is_sqlite = is_sqlite(ctx, call);
            // What a function makes for itself, it closes.
            part.is_tied_to_loop |= !is_sqlite && self.own.is_none();
            part.keeps_running |= is_sqlite && self.own.is_none() && may_keep_running(ctx);
            part.is_in_memory |= is_sqlite && is_in_memory(ctx, call);
        }
        let classes = model
            .uses_of(super::SESSIONS)
            .into_iter()
            .chain(model.uses_of(super::FACTORIES));
        let mut places: Vec<TextRange> = classes.map(|(id, _)| model.node(id).range()).collect();
        places.extend(self.waits.iter().map(|id| model.node(*id).range()));
        places.extend(model.subtree(NodeId(0)).filter_map(|(_, node)| {
            let expr = match node {
                AnyNodeRef::ExprName(name) if name.ctx.is_load() => Expr::Name(name.clone()),
                AnyNodeRef::ExprAttribute(read) if read.ctx.is_load() => Expr::Attribute(read.clone()),
                _ => return None,
            };
            sync_object(ctx, &expr).map(|_| expr.range())
        }));
        part.at = places.into_iter().min_by_key(|at| at.start());
        for function in model.functions() {
            let parameters = function.parameters.iter_non_variadic_params();
            let parameters = parameters.map(|parameter| Parameter {
                name: parameter.name().to_string(),
                offset: parameter.parameter.name.start().into(),
                class: self.class_of(parameter).map(|class| class.name().to_owned()),
                is_annotated: parameter.parameter.annotation.is_some(),
            });
            part.parameters
                .insert(function.name.start().into(), parameters.collect());
        }
        for class in model.classes() {
            if let Some(fields) = self.fields(class) {
                let name = model.qualname(&class.name, model.id(class));
                part.fields.insert(name, fields);
            }
        }
        self.exports(&mut part);
        for call in CLIENTS.iter().flat_map(|name| model.calls_to(name)) {
            part.client.get_or_insert(line(call.range()));
            let is_entered = matches!(model.node(model.parent(model.id(call))), AnyNodeRef::WithItem(_));
            if !is_entered {
                part.bare_client.get_or_insert(line(call.range()));
            }
        }
        part.client = part.client.or(self.fixture);
        self.members(&mut part);
        part
    }

    /// The parameters of the constructor that `@dataclass` writes, where nothing changes their order.
    fn fields(&self, class: &'a ast::StmtClassDef) -> Option<Vec<Parameter>> {
        let model = self.ctx.model;
        let is_plain = matches!(&*class.decorator_list, [decorator]
            if model.qualified_name(map_callable(&decorator.expression)).as_deref() == Some("dataclasses.dataclass"))
            && class.arguments.is_none()
            && model.is_plain_dataclass(class);
        if !is_plain {
            return None;
        }
        let attributes = model.sqlalchemy_attributes(class);
        let fields = class.body.iter().filter_map(|stmt| match stmt {
            Stmt::AnnAssign(field) => field.target.as_name_expr(),
            _ => None,
        });
        let fields = fields.map(|name| Parameter {
            name: name.id.to_string(),
            offset: name.start().into(),
            class: attributes
                .get(name.id.as_str())
                .filter(|class| !class.is_async)
                .map(|class| class.name().to_owned()),
            is_annotated: true,
        });
        Some(fields.collect())
    }

    /// What the names of the module mean, and which names its imports bind.
    fn exports(&self, part: &mut Part) {
        let model = self.ctx.model;
        for binding in model.bindings() {
            match binding.kind {
                BindingKind::Import(alias) => part.imports.push(alias.name.to_string()),
                BindingKind::FromImport(import, alias) => {
                    let module = import.module.as_deref().unwrap_or_default();
                    let separator = if module.is_empty() { "" } else { "." };
                    let dots = ".".repeat(import.level as usize);
                    part.imports.push(format!("{dots}{module}{separator}{}", alias.name));
                }
                _ => {}
            }
            let agrees = |other: &Binding<'a>| {
                other.name == binding.name && model.type_of_binding(other) == model.type_of_binding(binding)
            };
            let is_plain = model.sole_binding(binding.name, ScopeId::MODULE).is_some()
                || matches!(binding.kind, BindingKind::Assignment(_))
                    && model.resolve(binding.name, ScopeId::MODULE).all(agrees);
            if binding.scope != ScopeId::MODULE || !is_plain {
                continue;
            }
            let name = binding.name.to_owned();
            match binding.kind {
                BindingKind::Assignment(_) | BindingKind::Annotated(_) => {
                    if let Some(class) = model.sqlalchemy_binding(binding).filter(|class| !class.is_async) {
                        part.exports.objects.insert(name.clone(), class.name().to_owned());
                    }
                    if let BindingKind::Assignment(value) = binding.kind
                        && let Some(class) = model.sqlalchemy_alias(value).filter(|class| !class.is_async)
                    {
                        part.exports.aliases.insert(name, class.name().to_owned());
                    }
                }
                BindingKind::Class(class) => {
                    for (attribute, object) in model.sqlalchemy_attributes(class) {
                        if !object.is_async {
                            let (line, _) = self.ctx.module.location(class.start());
                            part.held.entry(attribute.clone()).or_insert(line);
                            let path = format!("{name}.{attribute}");
                            part.exports.attributes.insert(path, object.name().to_owned());
                        }
                    }
                }
                BindingKind::Function(function) => {
                    if let Some(class) = model.sqlalchemy_given(function).filter(|class| !class.is_async) {
                        let class = class.name().to_owned();
                        if model.is_generator(function) {
                            part.exports.stepped.insert(name.clone(), class.clone());
                        }
                        part.exports.given.insert(name, class);
                    }
                }
                _ => {}
            }
        }
    }

    /// Relationships, and what reads attributes that may be some.
    fn members(&self, part: &mut Part) {
        let ctx = self.ctx;
        let model = ctx.model;
        let line = |at: TextRange| ctx.module.location(at.start()).0;
        for class in model.classes() {
            let attributes = model.sqlalchemy_attributes(class);
            for stmt in &class.body {
                let (target, value) = match stmt {
                    Stmt::Assign(assign) => match &*assign.targets {
                        [target] => (target, Some(&*assign.value)),
                        _ => continue,
                    },
                    Stmt::AnnAssign(assign) => (&*assign.target, assign.value.as_deref()),
                    _ => continue,
                };
                let Expr::Name(name) = target else { continue };
                let made = value.and_then(|value| self.lazy(value));
                match made {
                    Some(names) => {
                        let own = names
                            .into_iter()
                            .map(|given| given.unwrap_or_else(|| name.id.to_string()));
                        part.lazies.extend(own.map(|name| (name, line(stmt.range()))));
                    }
                    None if stmt.is_ann_assign_stmt()
                        && !self.is_mapped(value)
                        && !attributes.contains_key(name.id.as_str()) =>
                    {
                        part.reads.entry(name.id.to_string()).or_insert(line(stmt.range()));
                    }
                    None => {}
                }
            }
        }
        for (_, node) in model.subtree(NodeId(0)) {
            let (expr, name) = match node {
                AnyNodeRef::ExprAttribute(read) => (Expr::Attribute(read.clone()), read.attr.as_str()),
                AnyNodeRef::ExprName(name) => (Expr::Name(name.clone()), name.id.as_str()),
                _ => continue,
            };
            if model.imported_root(&expr) && sync_object(ctx, &expr).is_none() {
                part.untold.entry(name.to_owned()).or_insert(line(expr.range()));
            }
        }
        for (id, node) in model.subtree(NodeId(0)) {
            match node {
                AnyNodeRef::ExprAttribute(read) => {
                    let is_class = model.imported_root(&read.value) || model.class_named(&read.value).is_some();
                    // What a relationship gives cannot be called.
                    let is_method = model.is_callee(id);
                    let is_own = read.ctx.is_load() || model.class_of(&read.value).is_some();
                    let is_object = || is_own && sync_object(ctx, &Expr::Attribute(read.clone())).is_some();
                    if !is_class && !is_method && !is_object() {
                        part.reads.entry(read.attr.to_string()).or_insert(line(read.range()));
                    }
                }
                AnyNodeRef::ExprCall(call) if model.is_builtin(&call.func, "getattr") => {
                    if let Some(Expr::StringLiteral(name)) = call.arguments.args.get(1) {
                        part.reads.entry(name.value.to_string()).or_insert(line(call.range()));
                    }
                }
                _ => {}
            }
        }
    }

    fn is_mapped(&self, value: Option<&Expr>) -> bool {
        matches!(value, Some(Expr::Call(call)) if self.ctx.model.qualified_name(&call.func).is_some_and(|name| name.starts_with("sqlalchemy") || name.starts_with("sqlmodel")))
    }

    /// The names under which something is loaded when it is read: `None` stands for the name that it is bound to.
    fn lazy(&self, value: &Expr) -> Option<Vec<Option<String>>> {
        let ctx = self.ctx;
        let model = ctx.model;
        let Expr::Call(call) = value else { return None };
        // What a star import or an object of the project has under such a name is SQLAlchemy's as well.
        let name = match (model.qualified_name(&call.func), &*call.func) {
            (Some(name), _) => name,
            (None, Expr::Name(name)) => name.id.to_string(),
            (None, Expr::Attribute(member)) => member.attr.to_string(),
            _ => return None,
        };
        let keyword = |name: &str| call.arguments.find_keyword(name).map(|keyword| &keyword.value);
        match name.rsplit('.').next()? {
            "relationship" | "relation" => {
                let is_eager =
                    matches!(keyword("lazy"), Some(Expr::StringLiteral(how)) if EAGER.contains(&how.value.to_str()));
                let mut names = Vec::new();
                if !is_eager {
                    names.push(None);
                }
                match keyword("backref") {
                    Some(Expr::StringLiteral(name)) => names.push(Some(name.value.to_string())),
                    Some(Expr::Call(call)) => {
                        if let Some(Expr::StringLiteral(name)) = call.arguments.args.first() {
                            names.push(Some(name.value.to_string()));
                        }
                    }
                    _ => {}
                }
                (!names.is_empty()).then_some(names)
            }
            // SQLModel hands on what it is given to what SQLAlchemy has.
            "Relationship" => match (keyword("sa_relationship"), keyword("sa_relationship_kwargs")) {
                (Some(made), _) => self.lazy(made),
                (None, given) => {
                    let how = given.and_then(|given| item(given, "lazy"));
                    let is_eager = matches!(how, Some(Expr::StringLiteral(how)) if EAGER.contains(&how.value.to_str()));
                    (!is_eager).then(|| vec![None])
                }
            },
            "Field" => match (keyword("sa_column"), keyword("sa_column_kwargs")) {
                (Some(column), _) => self.lazy(column),
                (None, Some(given)) => self.is_late(|name| item(given, name)).then(|| vec![None]),
                _ => None,
            },
            "dynamic_loader" | "deferred" | "association_proxy" | "query_expression" => Some(vec![None]),
            // What the database computes is not there behind a write.
            "Column" | "mapped_column" => self.is_late(keyword).then(|| vec![None]),
            _ => None,
        }
    }

    /// Whether a column with these arguments may have to be loaded behind a write.
    fn is_late<'e>(&self, argument: impl Fn(&str) -> Option<&'e Expr>) -> bool {
        let ctx = self.ctx;
        let is_sql = |value: &Expr| match value {
            Expr::Call(call) => {
                matches!(&*call.func, Expr::Attribute(_) | Expr::Name(_))
                    && ctx
                        .model
                        .qualified_name(&call.func)
                        .is_some_and(|name| name.starts_with("sqlalchemy") || name.starts_with("sqlmodel"))
            }
            _ => false,
        };
        let is_old = ctx.settings.dependencies.at_least("sqlalchemy", [2, 0]).is_err();
        let is_late = argument("server_onupdate").is_some()
            || argument("onupdate").is_some_and(is_sql)
            || is_old && (argument("server_default").is_some() || argument("default").is_some_and(is_sql))
            || argument("deferred").is_some_and(|value| matches!(value, Expr::BooleanLiteral(is) if is.value));
        is_late && !ctx.module.text().contains("eager_defaults")
    }
}

/// The value under a key of a dictionary that is written out.
fn item<'e>(given: &'e Expr, wanted: &str) -> Option<&'e Expr> {
    let Expr::Dict(dict) = given else { return None };
    dict.items.iter().find_map(|item| match &item.key {
        Some(Expr::StringLiteral(key)) if key.value.to_str() == wanted => Some(&item.value),
        _ => None,
    })
}
