//! The calls that block, and how they can be waited for.

use memchr::memmem;

use super::*;
use crate::knowledge::blocking::Blocking;

/// Kinds of blocking calls for whose sake a program is coloured: those that wait for others most of their time.
const WAITING: &[&str] = &["sleep", "http", "declared"];

/// Kinds that wait for others as well, but for which nothing is coloured: a thread for each of many small calls would be no gain. What stops is told.
const TOLD: &[&str] = &["socket"];

/// Attributes of an answer of `requests`, and of libraries made after it.
const ANSWERS: &[&str] = &["content", "iter_content", "ok", "raise_for_status", "status_code"];

/// What the names of sessions end in.
const SESSIONS: &[&str] = &["session", "connection"];

/// Methods that sessions, connections and cursors of databases have (SQLAlchemy, PEP 249), and little else does.
const ASKING_DATABASE: &[&str] = &[
    "commit",
    "execute",
    "executemany",
    "fetchall",
    "fetchmany",
    "fetchone",
    "flush",
    "query",
    "refresh",
    "rollback",
    "scalar",
    "scalars",
];

/// Methods of a connection of `http.client`, in the conversation that `getresponse` ends.
const CONVERSATION: &[&str] = &["connect", "getresponse", "request", "send"];

/// Classes of libraries that derive from a client of HTTP, and that (read in their sources).
const DERIVED: &[(&str, &str)] = &[
    ("requests_cache.CachedSession", "requests.Session"),
    ("requests_oauthlib.OAuth1Session", "requests.Session"),
    ("requests_oauthlib.OAuth2Session", "requests.Session"),
    ("requests_toolbelt.sessions.BaseUrlSession", "requests.Session"),
];

/// Whether for the sake of a call that blocks a function turns, or is told to stay.
pub fn is_looked_at(row: &Blocking) -> bool {
    [WAITING, TOLD].iter().any(|kinds| kinds.contains(&row.kind))
}

/// Whether a call belongs to a conversation of which each can have a thread of its own, one after the other.
pub fn is_of_conversation(row: &Blocking) -> bool {
    row.rule == Rule::Closure && row.shared.is_some() && row.name.starts_with("http.client.")
}

/// Whether a text may call the method of something that is called a session, and reads its answer.
pub fn has_likely_session(text: &[u8]) -> bool {
    ["ession", "onnection"]
        .iter()
        .any(|end| memmem::find(text, end.as_bytes()).is_some())
        && ANSWERS
            .iter()
            .any(|answer| memmem::find(text, format!(".{answer}").as_bytes()).is_some())
}

/// Whether something that goes by this name may be a session.
pub fn is_likely_session(name: &str) -> bool {
    let name = name.to_lowercase();
    SESSIONS.iter().any(|end| name.ends_with(end))
}

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
            let name = self.likely_client(call);
            let name = name
                .or_else(|| self.conversation(call))
                .or_else(|| self.computed_method(call))?;
            doubt = Some(format!(
                "it is not certain that `{}` is `{name}`",
                self.ctx.module.slice(&*call.func)
            ));
            Some((name.clone(), *blocking::blocking(&name)?))
        });
        let Some((name, row)) = known else {
            usage.leaves.extend(self.of_database(call));
            return;
        };
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
            Rule::Call if is_waiting && !has_generator => {
                doubt = doubt.or_else(|| self.ctx.one_at_a_time(call, row));
                Way::Thread
            }
            Rule::Closure if is_of_conversation(&row) => {
                doubt.get_or_insert_with(|| {
                    format!("others may use the connection of `{name}` before the answer has come")
                });
                Way::Thread
            }
            Rule::Call | Rule::List if !is_waiting && TOLD.contains(&row.kind) => Way::Told,
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

    /// A call that asks a database, to judge by its names: of a parameter of which nothing is known, and which is called a session or connection.
    fn of_database(&self, call: &'a ast::ExprCall) -> Option<Leaf> {
        let model = self.ctx.model;
        let Expr::Attribute(method) = &*call.func else {
            return None;
        };
        let Expr::Name(name) = &*method.value else { return None };
        let is_asked = ASKING_DATABASE.contains(&method.attr.as_str())
            || method.attr.as_str() == "get" && model.imports_package("sqlalchemy");
        if !is_asked
            || !is_likely_session(&name.id) && name.id.as_str() != "cursor"
            || model.type_of(&method.value) != Type::Unknown
            || model.node(model.parent(model.id(call))).is_expr_await()
        {
            return None;
        }
        let binding = model.sole_binding(&name.id, model.scope_of(model.id(name)))?;
        let BindingKind::Parameter(parameter) = binding.kind else {
            return None;
        };
        if parameter.annotation.is_some() {
            return None;
        }
        let (owner, place) = self.place(model.id(call));
        let text = crate::module::one_line(self.ctx.module.slice(&*call.func));
        Some(Leaf {
            owner: owner.filter(|owner| *owner > 0)?,
            doubt: Some(format!("`{text}` may ask a database, and still block")),
            name: text,
            way: Way::Stays,
            place,
            range: call.range(),
            line: self.line(call.range()),
        })
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
            && is_likely_session(name)
            && (call.arguments.args.len() >= 2 || call.arguments.find_keyword("url").is_some())
            && model.imports_package("requests");
        made.or_else(|| is_request.then(|| "requests.Session.request".to_owned()))
            .or_else(|| {
                (self.is_likely_session(&method.value) && self.is_answered(call))
                    .then(|| format!("requests.Session.{}", method.attr))
            })
            .filter(|_| !model.node(model.parent(model.id(call))).is_expr_await())
    }

    /// Whether an object of which nothing is known is called a session.
    fn is_likely_session(&self, expr: &Expr) -> bool {
        let name = match expr {
            Expr::Attribute(attribute) => &attribute.attr.id,
            Expr::Name(name) => &name.id,
            _ => return false,
        };
        is_likely_session(name) && self.ctx.model.type_of(expr) == Type::Unknown
    }

    /// Whether something is read of what a call gives that answers to requests have.
    fn is_answered(&self, call: &'a ast::ExprCall) -> bool {
        let model = self.ctx.model;
        let is_read = |id: NodeId| {
            matches!(model.node(model.parent(id)), AnyNodeRef::ExprAttribute(attribute)
                if ANSWERS.contains(&attribute.attr.as_str()))
        };
        match model.node(model.parent(model.id(call))) {
            AnyNodeRef::StmtAssign(assign) => {
                let [Expr::Name(name)] = &*assign.targets else {
                    return false;
                };
                model.references_like(name).any(|reference| is_read(reference.node))
            }
            _ => is_read(model.id(call)),
        }
    }

    /// A method of an object of which nothing is known but that the function gets an answer from it, as from a connection of `http.client`; or a
    /// method of that answer.
    fn conversation(&self, call: &'a ast::ExprCall) -> Option<String> {
        let model = self.ctx.model;
        let Expr::Attribute(method) = &*call.func else {
            return None;
        };
        if !model.imports_package("http") || model.type_of(&method.value) != Type::Unknown {
            return None;
        }
        let is_answer = |expr: &Expr| matches!(expr, Expr::Call(call) if plain_name(&call.func) == Some("getresponse"));
        if method.attr.as_str() == "read" {
            let Expr::Name(name) = &*method.value else { return None };
            let made = model.sole_binding(&name.id, model.scope_of(model.id(name)))?;
            return matches!(made.kind, BindingKind::Assignment(value) if is_answer(value))
                .then(|| "http.client.HTTPResponse.read".to_owned());
        }
        if !CONVERSATION.contains(&method.attr.as_str()) {
            return None;
        }
        let function = model.function_of_scope(model.scope_of(model.id(call)))?;
        let object = model.slice(model.node(model.id(&*method.value)));
        let answers = model.subtree(model.id(function)).any(|(_, node)| {
            matches!(node, AnyNodeRef::ExprCall(other)
                if matches!(&*other.func, Expr::Attribute(method)
                    if method.attr.as_str() == "getresponse" && model.slice(model.node(model.id(&*method.value))) == object))
        });
        answers.then(|| format!("http.client.HTTPConnection.{}", method.attr))
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
            _ if self.is_likely_session(object) && self.is_answered(call) => "requests.Session".to_owned(),
            _ => model.qualified_name(object)?,
        };
        let method = format!("{owner}.request");
        blocking::blocking(&method)
            .is_some_and(|row| WAITING.contains(&row.kind))
            .then_some(method)
    }
}
