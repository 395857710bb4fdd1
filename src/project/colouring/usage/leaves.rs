//! The calls that block, and how they can be waited for.

use super::*;

/// Kinds of blocking calls for whose sake a program is coloured: those that wait for others most of their time.
pub const WAITING: &[&str] = &["sleep", "http", "declared"];

/// Classes of libraries that derive from a client of HTTP, and that (read in their sources).
const DERIVED: &[(&str, &str)] = &[
    ("requests_cache.CachedSession", "requests.Session"),
    ("requests_oauthlib.OAuth1Session", "requests.Session"),
    ("requests_oauthlib.OAuth2Session", "requests.Session"),
    ("requests_toolbelt.sessions.BaseUrlSession", "requests.Session"),
];

/// Whether a method waits for others, and can do so in a thread.
pub fn is_waiting_method(name: &str) -> bool {
    let derived = name.rsplit_once('.').and_then(|(class, method)| {
        let (_, base) = DERIVED.iter().find(|(derived, _)| *derived == class)?;
        Some(format!("{base}.{method}"))
    });
    let row = blocking::movable_method(derived.as_deref().unwrap_or(name));
    row.is_some_and(|row| WAITING.contains(&row.kind))
}

impl<'a> Finder<'_, '_, 'a> {
    pub(super) fn leaf(&self, usage: &mut Usage, call: &'a ast::ExprCall) {
        let mut doubt = None;
        let known = self.ctx.blocking_call(call).or_else(|| {
            let name = self.likely_client(call).or_else(|| self.computed_method(call))?;
            doubt = Some(format!(
                "it is not certain that `{}` is `{name}`",
                self.ctx.module.slice(&*call.func)
            ));
            Some((name.clone(), *blocking::blocking(&name)?))
        });
        let Some((name, row)) = known else { return };
        if self.ctx.returns_at_once(call, row) || is_no_wait(call, &name) {
            return;
        }
        let (owner, place) = self.place(self.ctx.model.id(call));
        let Some(owner) = owner.filter(|owner| *owner > 0) else {
            return;
        };
        let has_generator = call.arguments.args.iter().any(Expr::is_generator_expr);
        let is_waiting = WAITING.contains(&row.kind);
        let way = match row.rule {
            _ if name == "time.sleep" => match &*call.arguments.args {
                [delay] if !delay.is_starred_expr() && call.arguments.keywords.is_empty() => {
                    doubt = self.ctx.negative_delay(call, delay);
                    Way::Sleep
                }
                _ => Way::Stays,
            },
            Rule::Call if is_waiting && !has_generator => Way::Thread,
            Rule::Call | Rule::List if !is_waiting => Way::Later,
            Rule::Closure | Rule::Never | Rule::Call | Rule::List => Way::Stays,
            Rule::Short | Rule::Other | Rule::Leave => return,
        };
        usage.leaves.push(Leaf {
            owner,
            doubt,
            name,
            way,
            place,
            range: call.range(),
            line: self.line(call.range()),
        });
    }

    /// Whether a member is called of what is made as a client of HTTP, or given instead of one that would be.
    pub(super) fn is_of_client(&self, method: &'a ast::ExprAttribute) -> bool {
        let model = self.ctx.model;
        let is_called = matches!(model.node(model.parent(model.id(method))), AnyNodeRef::ExprCall(call)
            if call.func.range() == method.range() && self.likely_client(call).is_some());
        let mut is_made = false;
        let mut fits = |value: &'a Expr| {
            let name = self
                .made_in(value, true)
                .map(|class| format!("{class}.{}", method.attr));
            is_made |= name.as_deref().is_some_and(is_waiting_method);
            name.as_deref().is_none_or(is_waiting_method)
                && (model.is_none(value) || value.is_name_expr() || name.is_some())
        };
        let fit = match &*method.value {
            Expr::Attribute(attribute) if is_called => {
                let class = model.type_of(&attribute.value);
                let mut stores = model
                    .stores_of(&attribute.attr)
                    .filter(|store| model.type_of(&store.value) == class);
                class != Type::Unknown
                    && stores.all(|store| match model.node(model.parent(model.id(store))) {
                        AnyNodeRef::StmtAssign(assign) => fits(&assign.value),
                        _ => false,
                    })
            }
            Expr::Name(name) if is_called => {
                let mut bindings = model.resolve(&name.id, model.scope_of(model.id(name)));
                bindings.all(|binding| match binding.kind {
                    BindingKind::Assignment(value) => fits(value),
                    BindingKind::Parameter(_) => true,
                    _ => false,
                })
            }
            _ => false,
        };
        fit && is_made
    }

    /// The method that an object has which may be a client of HTTP: somewhere one is put in its place, or it is called a session and makes requests.
    fn likely_client(&self, call: &'a ast::ExprCall) -> Option<String> {
        let model = self.ctx.model;
        let Expr::Attribute(method) = &*call.func else {
            return None;
        };
        if !blocking::is_method(&method.attr) || model.type_of(&method.value) != Type::Unknown {
            return None;
        }
        let method_of = |class: String| {
            let name = format!("{class}.{}", method.attr);
            is_waiting_method(&name).then_some(name)
        };
        let name = match &*method.value {
            Expr::Attribute(attribute) => &attribute.attr.id,
            Expr::Name(name) => &name.id,
            _ => return None,
        };
        let made = match &*method.value {
            Expr::Attribute(attribute) => {
                model
                    .stores_of(&attribute.attr)
                    .find_map(|store| match model.node(model.parent(model.id(store))) {
                        AnyNodeRef::StmtAssign(assign) => method_of(self.made_in(&assign.value, true)?),
                        _ => None,
                    })
            }
            value => method_of(self.made_in(value, true)?),
        };
        let is_request = method.attr.as_str() == "request"
            && name.to_lowercase().ends_with("session")
            && (call.arguments.args.len() >= 2 || call.arguments.find_keyword("url").is_some())
            && model.imports_package("requests");
        made.or_else(|| is_request.then(|| "requests.Session.request".to_owned()))
    }

    /// What is called to make a value, or what a name is bound to.
    fn made_in(&self, value: &'a Expr, follows: bool) -> Option<String> {
        let model = self.ctx.model;
        if let Expr::Name(name) = value {
            let mut bindings = model.resolve(&name.id, model.scope_of(model.id(name)));
            return bindings.find_map(|binding| match binding.kind {
                BindingKind::Assignment(value) if follows => self.made_in(value, false),
                _ => None,
            });
        }
        model.subtree(model.id(value)).find_map(|(_, node)| match node {
            AnyNodeRef::ExprCall(made) => model.qualified_name(&made.func),
            _ => None,
        })
    }

    /// `getattr(session, verb)(url)`: one of the methods of a client, or of the functions of its package.
    fn computed_method(&self, call: &'a ast::ExprCall) -> Option<String> {
        let model = self.ctx.model;
        let Expr::Call(getter) = &*call.func else { return None };
        let [object, name] = &*getter.arguments.args else {
            return None;
        };
        if !model.is_builtin(&getter.func, "getattr") || name.is_string_literal_expr() {
            return None;
        }
        let owner = match model.type_of_receiver(object) {
            Type::Foreign(class) => class,
            _ => model.qualified_name(object)?,
        };
        let method = format!("{owner}.request");
        blocking::blocking(&method)
            .is_some_and(|row| WAITING.contains(&row.kind))
            .then_some(method)
    }
}
