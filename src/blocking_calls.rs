//! Which calls block: the table of `knowledge/blocking.tsv` and what the configuration adds, met with what is known of a callee.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};

use crate::codemod::Context;
use crate::knowledge::blocking::{self, Blocking, Rule};
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::{Binding, BindingKind, ScopeId};
use crate::settings;

/// Flags with which a call returns at once instead of waiting.
const NO_WAIT: &[&str] = &["WNOHANG", "P_NOWAIT", "P_NOWAITO", "LOCK_NB", "LOCK_UN"];

impl<'a> Context<'a> {
    /// What the table or the configuration says of the callable.
    pub fn blocking_call(&self, call: &ast::ExprCall) -> Option<(String, Blocking)> {
        if let Some(declared) = self.blocking_declaration(call) {
            let row = Blocking {
                name: "",
                kind: "declared",
                rule: Rule::Call,
                shared: None,
                is_exact: true,
                twin: "",
                note: "",
            };
            return Some((declared.call.clone(), row));
        }
        let known = |name: String| {
            let row = *blocking::blocking(&name)?;
            Some((name, row))
        };
        if let Some(name) = self.model.qualified_name(&call.func) {
            return known(name);
        }
        match &*call.func {
            Expr::Name(name) => {
                let row = blocking::blocking(&name.id)?;
                self.model
                    .is_builtin(&call.func, row.name)
                    .then(|| (name.id.to_string(), *row))
            }
            // Asked first: to tell the receiver's class costs much more.
            Expr::Attribute(method) if !self.may_be_blocking_method(&method.attr) => None,
            Expr::Attribute(method) => match self.model.type_of_receiver(&method.value) {
                Type::Foreign(class) => {
                    known(format!("{class}.{}", method.attr)).filter(|(_, row)| row.shared.is_some())
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The doubt about a call of a method of an object that only one thread at a time may use, and that others may have as well.
    pub fn one_at_a_time(&self, call: &ast::ExprCall, row: Blocking) -> Option<String> {
        match (row.shared, &*call.func) {
            (Some(false), Expr::Attribute(method)) if !self.is_own_object(&method.value) => Some(format!(
                "only one thread at a time may use `{}`, and another task may use it meanwhile",
                self.model.slice(&*method.value)
            )),
            _ => None,
        }
    }

    /// Whether an object is used by the function alone that has made it: a name that it binds itself, of which nothing but members is used.
    pub fn is_own_object(&self, receiver: &Expr) -> bool {
        let model = self.model;
        let name = match receiver {
            Expr::Name(name) => name,
            Expr::Call(_) => return true,
            _ => return false,
        };
        let scope = model.scope_of(model.id(name));
        let made_here = model.resolve(&name.id, scope).all(|binding| {
            binding.scope != ScopeId::MODULE
                && match binding.kind {
                    BindingKind::Assignment(value) => value.is_call_expr(),
                    BindingKind::With(..) => true,
                    _ => false,
                }
        });
        made_here
            && !model.is_captured(&name.id, scope)
            && model
                .references_to(model.lookup(&name.id, scope), &name.id)
                .all(|reference| {
                    matches!(
                        model.node(model.parent(reference.node)),
                        AnyNodeRef::ExprAttribute(_) | AnyNodeRef::WithItem(_)
                    )
                })
    }

    /// As [`Context::blocking_call`], of a method whose object is very likely, but not for certain, an instance of a class of the table; with
    /// what is not proven.
    pub fn likely_blocking_call(&self, call: &ast::ExprCall) -> Option<(String, Blocking, String)> {
        let model = self.model;
        let AnyNodeRef::ExprCall(call) = model.node(model.id(call)) else {
            return None;
        };
        let Expr::Attribute(method) = &*call.func else {
            return None;
        };
        // Asked first: to follow an object costs much more.
        let is_possible = blocking::classes_with(&method.attr).any(|class| {
            class
                .split('.')
                .next()
                .is_some_and(|package| model.imports_package(package))
        });
        if !is_possible {
            return None;
        }
        let shown = model.slice(&*method.value);
        let (class, doubt) = match model.type_of(&method.value) {
            Type::Instance(owner) => (
                model.inherited_from(owner, &method.attr)?,
                format!(
                    "`{}` may change what `{}` of its base does, and all of that runs in the thread",
                    owner.name, method.attr
                ),
            ),
            _ => {
                let class = model.likely_class(&method.value)?;
                let doubt = format!("`{shown}` is not seen to be a `{class}` in all cases");
                (class, doubt)
            }
        };
        let name = format!("{class}.{}", method.attr);
        let row = blocking::blocking(&name).filter(|row| row.shared.is_some())?;
        Some((name, *row, doubt))
    }

    fn may_be_blocking_method(&self, name: &str) -> bool {
        blocking::is_method(name) || self.model.imports_blocking_class()
    }

    /// The declaration that a call falls under: of a function by its qualified name, of a method by that of its class.
    pub fn blocking_declaration(&self, call: &ast::ExprCall) -> Option<&settings::Blocking> {
        let declared = &self.settings.blocking;
        if declared.is_empty() {
            return None;
        }
        let name = match (self.model.qualified_name(&call.func), &*call.func) {
            (Some(name), _) => name,
            (None, Expr::Attribute(method)) => match self.model.type_of(&method.value) {
                Type::Foreign(class) => format!("{class}.{}", method.attr),
                _ => return None,
            },
            _ => return None,
        };
        declared.iter().find(|declared| declared.call == name)
    }

    /// Whether the arguments say that the call does not wait.
    pub fn returns_at_once(&self, call: &'a ast::ExprCall, row: Blocking) -> bool {
        let arguments = self.model.slice(&call.arguments);
        if NO_WAIT.iter().any(|flag| arguments.contains(flag)) {
            return true;
        }
        let is_zero = |expr: Option<&Expr>| expr.is_some_and(|expr| self.model.number(expr) == Some(0.0));
        match row.name {
            name if name.starts_with("os.spawn") => !arguments.contains("P_WAIT"),
            "select.select" => is_zero(call.arguments.args.get(3)),
            name if name.ends_with("Executor.shutdown") => call
                .arguments
                .find_argument_value("wait", 0)
                .is_some_and(|wait| matches!(wait, Expr::BooleanLiteral(literal) if !literal.value)),
            name if name.starts_with("queue.") => {
                let block = call.arguments.find_argument_value("block", 0);
                matches!(block, Some(Expr::BooleanLiteral(literal)) if !literal.value)
                    || is_zero(call.arguments.find_argument_value("timeout", 1))
            }
            name if name.starts_with("filelock.") => self.gives_up_at_once(call),
            "socket.getaddrinfo" => self.is_numeric_address(call),
            "threading.Event.wait" => is_zero(call.arguments.find_argument_value("timeout", 0)),
            "concurrent.futures.wait" => is_zero(call.arguments.find_argument_value("timeout", 1)),
            "subprocess.Popen.wait" | "threading.Thread.join" | "multiprocessing.Process.join" => {
                is_zero(call.arguments.args.first())
                    || is_zero(call.arguments.find_keyword("timeout").map(|keyword| &keyword.value))
            }
            name if row.kind == "socket" && name.contains("ocket.") => match &*call.func {
                Expr::Attribute(method) => self.never_blocks(&method.value),
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether a call of something unknown says in the usual words that it returns at once.
    pub fn is_told_not_to_wait(&self, call: &ast::ExprCall) -> bool {
        call.arguments.keywords.iter().any(|keyword| {
            let name = keyword.arg.as_ref().map(ast::Identifier::as_str);
            match (name, &keyword.value) {
                (Some("wait" | "block" | "blocking"), Expr::BooleanLiteral(literal)) => !literal.value,
                (Some("timeout"), value) => self.model.number(value) == Some(0.0),
                _ => false,
            }
        })
    }

    /// Whether a lock of filelock is tried once: by what the call says, else by what its making says where that is in view.
    fn gives_up_at_once(&self, call: &'a ast::ExprCall) -> bool {
        let model = self.model;
        let is_zero = |call: &ast::ExprCall, at: usize| {
            let timeout = call.arguments.find_argument_value("timeout", at);
            timeout.is_some_and(|timeout| model.number(timeout) == Some(0.0)) || self.is_told_not_to_wait(call)
        };
        let says_timeout = call.arguments.find_argument_value("timeout", 0).is_some();
        let Expr::Attribute(method) = &*call.func else {
            return is_zero(call, 1);
        };
        is_zero(call, 0) || !says_timeout && self.makings(&method.value).iter().any(|made| is_zero(made, 1))
    }

    /// The calls of the module that make what a name or an attribute stands for.
    fn makings(&self, object: &'a Expr) -> Vec<&'a ast::ExprCall> {
        let model = self.model;
        let made = |value: &'a Expr| value.as_call_expr();
        match object {
            Expr::Name(name) => model
                .resolve(&name.id, model.scope_of(model.id(name)))
                .filter_map(|binding| match binding.kind {
                    BindingKind::Assignment(value) => made(value),
                    _ => None,
                })
                .collect(),
            Expr::Attribute(attribute) => model
                .stores_of(&attribute.attr)
                .filter_map(|store| match model.node(model.parent(model.id(store))) {
                    AnyNodeRef::StmtAssign(assign) => made(&assign.value),
                    AnyNodeRef::StmtAnnAssign(assign) => assign.value.as_deref().and_then(made),
                    _ => None,
                })
                .collect(),
            Expr::Call(call) => vec![call],
            _ => Vec::new(),
        }
    }

    /// Whether an address is looked up of which no server has to be asked: one in numbers, or one that must be.
    fn is_numeric_address(&self, call: &'a ast::ExprCall) -> bool {
        let model = self.model;
        let host = call.arguments.find_argument_value("host", 0);
        let is_numeric = |host: &Expr| match host {
            Expr::StringLiteral(text) => text.value.to_str().parse::<core::net::IpAddr>().is_ok(),
            host => host.is_none_literal_expr(),
        };
        let flags = call.arguments.find_argument_value("flags", 5);
        let is_flag = |flags: &Expr| {
            let value = match flags {
                Expr::Name(name) => match model.sole_binding(&name.id, model.scope_of(model.id(name))) {
                    Some(Binding {
                        kind: BindingKind::Assignment(value),
                        ..
                    }) => value,
                    _ => flags,
                },
                _ => flags,
            };
            model.slice(value).contains("AI_NUMERICHOST")
        };
        host.is_some_and(is_numeric) || flags.is_some_and(is_flag)
    }

    /// Whether the module tells a socket, or one that may be the same, not to wait: `setblocking(False)`, `settimeout(0)`.
    fn never_blocks(&self, socket: &'a Expr) -> bool {
        let model = self.model;
        let mut told = model
            .calls()
            .filter_map(|other| match (&*other.func, other.arguments.args.first()) {
                (Expr::Attribute(method), Some(flag)) => {
                    let is_told = match method.attr.as_str() {
                        "setblocking" => !matches!(flag, Expr::BooleanLiteral(literal) if literal.value),
                        "settimeout" => model.number(flag) == Some(0.0),
                        _ => false,
                    };
                    is_told.then(|| model.id(&*method.value))
                }
                _ => None,
            })
            .peekable();
        if told.peek().is_none() {
            return false;
        }
        let object = model.object(socket);
        let is_known = object.escape.is_none() && object.unknown_origin.is_none();
        !is_known || told.any(|told| object.reads.contains(&told))
    }
}
