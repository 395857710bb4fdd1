//! A session that a function makes for itself becomes a client of its own.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::arguments::Configuration;
use super::calls::VERBS;
use super::response::Value;
use super::{Conversion, Weight, values};
use crate::finding::Declined;
use crate::layout::own_lines;
use crate::semantic::NodeId;
use crate::semantic::names::plain_name;
use crate::semantic::reaching::Definition;
use crate::semantic::types::{Type, TypeOracle};

/// What httpx takes only when the client is made: assigned on it later, it is ignored without a word.
const CONSTRUCTOR_ONLY: &[&str] = &["verify", "proxies", "trust_env"];

/// How the session is bound, and the statements in which it is known.
enum Binding<'a> {
    With(&'a ast::StmtWith),
    /// The assignment, and the statements behind it up to the last one that uses the session.
    Assign(&'a Stmt, &'a [Stmt]),
}

impl<'a> Conversion<'_, 'a> {
    pub(super) fn session(&mut self, constructor: &'a ast::ExprCall, name: &'a ast::ExprName) -> Result<(), Declined> {
        let model = self.ctx.model;
        if !constructor.arguments.is_empty() {
            return Err(self.keep("the session is made with arguments".to_owned()));
        }
        let reads = self.session_reads(name)?;
        let binding = self.session_binding(constructor, name, &reads)?;
        let block: &'a [Stmt] = match &binding {
            Binding::With(with) => &with.body,
            Binding::Assign(_, rest) => rest,
        };
        if let Some(doubt) = self.ctx.may_await(model.id(constructor))? {
            self.doubt(doubt);
        }
        let mut configuration = Configuration {
            is_constant: true,
            ..Configuration::default()
        };
        let leading = self.leading_settings(block, &reads, &mut configuration)?;
        let mut closed: Option<NodeId> = None;
        let mut all_have_timeouts = true;
        let last_close = match &binding {
            Binding::Assign(_, rest) => rest.last().filter(|stmt| self.is_close(stmt, name)),
            Binding::With(_) => None,
        };
        for &read in &reads {
            if leading.iter().any(|stmt| model.contains(model.id(*stmt), read)) {
                continue;
            }
            if last_close.is_some_and(|stmt| model.contains(model.id(stmt), read)) {
                continue;
            }
            if closed.is_some() {
                return Err(self.keep("the session is used again after it was closed".to_owned()));
            }
            if let SessionUse::Call { has_timeout } = self.session_use(read, &mut closed)? {
                all_have_timeouts &= has_timeout;
            }
        }
        self.write_session(
            constructor,
            name,
            &binding,
            &configuration,
            all_have_timeouts,
            last_close,
        )?;
        for stmt in leading {
            self.delete_statement(stmt)?;
        }
        Ok(())
    }

    /// `self.session = requests.Session()` in a class that alone uses it, in async methods.
    pub(super) fn kept_session(
        &mut self,
        class: &'a ast::StmtClassDef,
        constructor: &'a ast::ExprCall,
        attribute: &'a str,
    ) -> Result<(), Declined> {
        let model = self.ctx.model;
        let id = model.id(class);
        if !constructor.arguments.is_empty() {
            return Err(self.keep("the session is made with arguments".to_owned()));
        }
        let has_bases = !class.bases().iter().all(|base| model.is_builtin(base, "object"));
        if has_bases || model.classes().any(|other| model.derives_from(other, class, 0)) {
            return Err(self.keep(format!("other classes share `{attribute}` with `{}`", class.name)));
        }
        let is_global = model.calls().any(|call| {
            model
                .class_named(&call.func)
                .is_some_and(|made| std::ptr::eq(made, class))
                && model.enclosing_function(model.id(call)).is_none()
        });
        if is_global {
            return Err(self.keep(format!(
                "a `{}` is made at module level, and a client belongs to one event loop",
                class.name
            )));
        }
        let mut reads = Vec::new();
        for (node, syntax) in model.subtree(NodeId(0)) {
            let AnyNodeRef::ExprAttribute(found) = syntax else {
                continue;
            };
            if found.attr.as_str() != attribute
                || matches!(model.type_of(&found.value), Type::Foreign(_) | Type::Scalar(_))
            {
                continue;
            }
            let is_own = model.contains(id, node)
                && model
                    .class_of(&found.value)
                    .is_some_and(|owner| std::ptr::eq(owner, class));
            if !is_own {
                let line = self.ctx.module.location(found.start()).0;
                let text = model.slice(found);
                return Err(self.keep(format!("`{text}` in line {line} may be the same session")));
            }
            if found.ctx.is_load() {
                reads.push(node);
            }
        }
        self.weigh(
            Weight::Outside,
            "a client belongs to the event loop of its first request, and a closed one cannot be used again",
        );
        let (stmt, _) = model
            .statement_of(model.id(constructor))
            .ok_or("the session is made in a larger statement")?;
        let (block, index) = model
            .block_of(stmt)
            .ok_or("the session is made in a larger statement")?;
        let mut configuration = Configuration {
            is_constant: true,
            ..Configuration::default()
        };
        let leading = self.leading_settings(&block[index + 1..], &reads, &mut configuration)?;
        let mut all_have_timeouts = true;
        for &read in &reads {
            if leading.iter().any(|stmt| model.contains(model.id(*stmt), read)) {
                continue;
            }
            if let SessionUse::Call { has_timeout } = self.session_use(read, &mut None)? {
                all_have_timeouts &= has_timeout;
            }
        }
        self.annotate_attribute(class, attribute);
        let before = &self.ctx.module.text()[TextRange::new(model.node(stmt).start(), constructor.start())];
        let text = self.constructor(
            &configuration,
            all_have_timeouts,
            self.ctx.indentation(constructor),
            (before, ""),
        );
        self.draft.restate(constructor.range(), text);
        for stmt in leading {
            self.delete_statement(stmt)?;
        }
        Ok(())
    }

    /// Names the client's class in the annotations of an attribute.
    fn annotate_attribute(&mut self, class: &'a ast::StmtClassDef, attribute: &str) {
        let model = self.ctx.model;
        let annotated: Vec<TextRange> = model
            .uses_of(super::calls::SESSION_CLASSES)
            .into_iter()
            .filter(|(at, _)| {
                model.contains(model.id(class), *at)
                    && model.ancestors(*at).any(|(_, node)| {
                        matches!(node, AnyNodeRef::StmtAnnAssign(assign)
                            if assign.annotation.range().contains_range(model.node(*at).range())
                                && plain_name(&assign.target) == Some(attribute))
                    })
            })
            .map(|(at, _)| model.node(at).range())
            .collect();
        for range in annotated {
            self.draft.replace(range, format!("{}.AsyncClient", self.library.name));
        }
    }

    fn session_reads(&self, name: &'a ast::ExprName) -> Result<Vec<NodeId>, Declined> {
        let model = self.ctx.model;
        let seen_by_others = || self.keep(format!("the session `{}` can be seen by other code", name.id));
        let function = model.enclosing_function(model.id(name)).ok_or_else(seen_by_others)?;
        let reads = model.reads_of_local(function, &name.id).ok_or_else(seen_by_others)?;
        let own = Definition::At(model.id(name));
        let is_other = |seen: &Definition| *seen != own && *seen != Definition::Entry;
        if reads
            .values()
            .any(|seen| seen.contains(&own) && seen.iter().any(is_other))
        {
            return Err(self.keep(format!("`{}` may be another session", name.id)));
        }
        let mut reads: Vec<NodeId> = reads
            .into_iter()
            .filter(|(_, definitions)| definitions.contains(&own))
            .map(|(read, _)| read)
            .collect();
        reads.sort();
        Ok(reads)
    }

    fn session_binding(
        &self,
        constructor: &'a ast::ExprCall,
        name: &'a ast::ExprName,
        reads: &[NodeId],
    ) -> Result<Binding<'a>, Declined> {
        let model = self.ctx.model;
        let declined = || self.keep("the session is made in a larger statement".to_owned());
        let (id, stmt) = model.statement_of(model.id(constructor)).ok_or_else(declined)?;
        match stmt {
            Stmt::With(with) if with.items.len() == 1 && !with.is_async => {
                let is_all = reads
                    .iter()
                    .all(|read| with.body.iter().any(|stmt| model.contains(model.id(stmt), *read)));
                if !is_all {
                    return Err(self.keep("the session is used after its `with`".to_owned()));
                }
                Ok(Binding::With(with))
            }
            Stmt::Assign(assign) if assign.targets.len() == 1 && assign.value.range() == constructor.range() => {
                let (block, index) = model.block_of(id).ok_or_else(declined)?;
                let rest = &block[index + 1..];
                let last = rest
                    .iter()
                    .rposition(|stmt| reads.iter().any(|read| model.contains(model.id(stmt), *read)))
                    .ok_or_else(declined)?;
                let is_all = reads
                    .iter()
                    .all(|read| rest.iter().any(|stmt| model.contains(model.id(stmt), *read)));
                let scope = model.body_scope(self.function_at(id));
                let yields = rest[..=last].iter().any(|stmt| {
                    model
                        .subtree(model.id(stmt))
                        .any(|(id, node)| matches!(node, AnyNodeRef::ExprYield(_)) && model.scope_of(id) == scope)
                });
                if !is_all || yields {
                    return Err(self.keep(format!("the session `{}` outlives the block it is made in", name.id)));
                }
                Ok(Binding::Assign(stmt, &rest[..=last]))
            }
            _ => Err(declined()),
        }
    }

    /// `s.verify = False` and the like directly after the session is made: they move to the constructor.
    fn leading_settings(
        &mut self,
        block: &'a [Stmt],
        reads: &[NodeId],
        configuration: &mut Configuration,
    ) -> Result<Vec<&'a Stmt>, Declined> {
        let model = self.ctx.model;
        let mut leading = Vec::new();
        for stmt in block {
            let Stmt::Assign(assign) = stmt else {
                let sets_headers = matches!(stmt, Stmt::Expr(inner)
                    if matches!(&*inner.value, Expr::Call(call) if model.slice(&*call.func).ends_with(".headers.update")));
                if sets_headers {
                    continue;
                }
                break;
            };
            let [Expr::Attribute(target)] = &*assign.targets else {
                break;
            };
            if !reads.contains(&model.id(&*target.value)) {
                break;
            }
            if CONSTRUCTOR_ONLY.contains(&target.attr.as_str()) {
                self.move_to_client(&target.attr, &assign.value, configuration)?;
                leading.push(stmt);
            }
        }
        Ok(leading)
    }

    fn is_close(&self, stmt: &Stmt, name: &ast::ExprName) -> bool {
        let Stmt::Expr(inner) = stmt else { return false };
        self.ctx.model.slice(&*inner.value) == format!("{}.close()", name.id) && self.ctx.lines_of(stmt).is_ok()
    }

    fn delete_statement(&mut self, stmt: &Stmt) -> Result<(), Declined> {
        let lines = self.ctx.lines_of(stmt)?;
        self.draft.delete(lines);
        Ok(())
    }

    fn write_session(
        &mut self,
        constructor: &'a ast::ExprCall,
        name: &'a ast::ExprName,
        binding: &Binding<'a>,
        configuration: &Configuration,
        has_timeout: bool,
        last_close: Option<&'a Stmt>,
    ) -> Result<(), Declined> {
        let behind = format!(" as {}:", name.id);
        match binding {
            Binding::With(with) => {
                let text = self.constructor(
                    configuration,
                    has_timeout,
                    self.ctx.indentation(*with),
                    ("async with ", &behind),
                );
                self.draft.insert(with.start(), "async ");
                self.draft.restate(constructor.range(), text);
            }
            Binding::Assign(assign, rest) => {
                let text = self.constructor(
                    configuration,
                    has_timeout,
                    self.ctx.indentation(*assign),
                    ("async with ", &behind),
                );
                own_lines(self.ctx.module, assign.start(), assign.end())?;
                self.draft.restate(assign.range(), format!("async with {text}{behind}"));
                let kept = match last_close {
                    Some(close) => {
                        self.delete_statement(close)?;
                        &rest[..rest.len() - 1]
                    }
                    None => rest,
                };
                let (Some(first), Some(last)) = (kept.first(), kept.last()) else {
                    return Err(self.keep("the session is never used".to_owned()));
                };
                self.draft.indent(TextRange::new(first.start(), last.end()));
            }
        }
        Ok(())
    }

    fn session_use(&mut self, read: NodeId, closed: &mut Option<NodeId>) -> Result<SessionUse, Declined> {
        let model = self.ctx.model;
        let range = model.node(read).range();
        let attribute = match model.node(model.parent(read)) {
            AnyNodeRef::ExprAttribute(attribute) => attribute,
            // Neither class says that an instance is false.
            AnyNodeRef::ExprUnaryOp(not) if not.op == ast::UnaryOp::Not => return Ok(SessionUse::Other),
            AnyNodeRef::StmtIf(stmt) if stmt.test.range() == range => return Ok(SessionUse::Other),
            AnyNodeRef::ExprCompare(test) if test.comparators.iter().all(Expr::is_none_literal_expr) => {
                return Ok(SessionUse::Other);
            }
            _ => return Err(self.session_leaves(read)),
        };
        let id = model.id(attribute);
        let name = attribute.attr.as_str();
        let parent = model.node(model.parent(id));
        if let Some(verb) = VERBS.iter().find(|verb| **verb == name)
            && let AnyNodeRef::ExprCall(call) = parent
            && call.func.range() == attribute.range()
        {
            return self.session_call(call, attribute, verb);
        }
        if !attribute.ctx.is_load() {
            let AnyNodeRef::StmtAssign(assign) = parent else {
                return Err(self.session_leaves(read));
            };
            self.session_setting(name, &assign.value)?;
            return Ok(SessionUse::Other);
        }
        match name {
            "headers" | "cookies" => self.session_mapping(name, id)?,
            "close" => match parent {
                AnyNodeRef::ExprCall(call)
                    if matches!(model.node(model.parent(model.id(call))), AnyNodeRef::StmtExpr(_)) =>
                {
                    if let Some(doubt) = self.ctx.may_await(model.id(call))? {
                        self.doubt(doubt);
                    }
                    self.draft.replace(attribute.attr.range(), "aclose");
                    self.draft.around(model.id(call), 0, "await ", "");
                    *closed = Some(read);
                }
                _ => return Err(self.session_leaves(read)),
            },
            "max_redirects" => {}
            _ => {
                return Err(self.keep(format!("`.{name}` of a session has no counterpart in httpx")));
            }
        }
        Ok(SessionUse::Other)
    }

    fn session_leaves(&self, read: NodeId) -> Declined {
        let model = self.ctx.model;
        let around = model.slice(model.node(model.parent(read)));
        let shown: String = around.lines().next().unwrap_or_default().chars().take(50).collect();
        self.keep(format!(
            "the session is used in a way that is not known here (`{shown}`)"
        ))
    }

    fn session_call(
        &mut self,
        call: &'a ast::ExprCall,
        method: &'a ast::ExprAttribute,
        verb: &'static str,
    ) -> Result<SessionUse, Declined> {
        let model = self.ctx.model;
        let request = self
            .arguments(call, verb, true)
            .map_err(|Declined(reason)| self.keep(reason))?;
        let is_stream = self.is_stream(call, &request);
        if request.streams && !self.is_read_in_pieces() && self.is_read_too_late(call) {
            self.doubt(super::READ_TOO_LATE);
        }
        if is_stream {
            self.draft.replace(method.attr.range(), "stream");
        } else if request.needs_request {
            self.draft.replace(method.attr.range(), "request");
        }
        if let (true, Some(url)) = (self.session_has_params, request.url)
            && !values::has_no_query(&values::url_parts(self.ctx, url))
        {
            return Err(self.keep(
                "the URL may have a query of its own, which httpx replaces by the session's `params`".to_owned(),
            ));
        }
        self.note_transport(call, request.url);
        if is_stream {
            self.stream(call, verb, &request)?;
        } else {
            self.await_call(call)?;
            self.follow(model.id(call), Value::LOADED)?;
        }
        Ok(SessionUse::Call {
            has_timeout: request.has_timeout,
        })
    }

    fn session_setting(&mut self, name: &str, value: &'a Expr) -> Result<(), Declined> {
        match name {
            "max_redirects" => Ok(()),
            "auth" => self.auth(value),
            "headers" => {
                self.doubt(
                    "a session whose `headers` are replaced sends only these in requests, its own as well in httpx",
                );
                self.headers(value)
            }
            "params" => {
                self.session_has_params = true;
                self.plain_entries(value, "params")
            }
            _ => Err(self.keep(format!("httpx ignores `{name}` when it is assigned on a client"))),
        }
    }

    /// `s.headers[...]`, `s.cookies.set(...)`
    fn session_mapping(&mut self, name: &str, id: NodeId) -> Result<(), Declined> {
        let model = self.ctx.model;
        let parent = model.node(model.parent(id));
        match parent {
            AnyNodeRef::ExprSubscript(subscript) => {
                if let AnyNodeRef::StmtAssign(assign) = model.node(model.parent(model.id(subscript))) {
                    self.header_value(&assign.value)?;
                }
                Ok(())
            }
            AnyNodeRef::ExprCompare(_) => Ok(()),
            AnyNodeRef::ExprAttribute(method) => {
                let AnyNodeRef::ExprCall(call) = model.node(model.parent(model.id(method))) else {
                    return Err(self.session_leaves(id));
                };
                match (name, method.attr.as_str()) {
                    ("headers", "update") => match &*call.arguments.args {
                        [headers] if call.arguments.keywords.is_empty() => self.headers(headers),
                        _ => Err(self.session_leaves(id)),
                    },
                    ("headers", "get" | "pop" | "setdefault") => Ok(()),
                    ("cookies", "set" | "get" | "clear" | "items" | "keys" | "pop") => Ok(()),
                    ("cookies", "update") => match &*call.arguments.args {
                        [Expr::Dict(_)] => Ok(()),
                        _ => Err(self.session_leaves(id)),
                    },
                    ("cookies", "get_dict") if call.arguments.is_empty() => {
                        self.draft.around(id, 2, "dict(", ")");
                        self.draft.delete(TextRange::new(model.node(id).end(), call.end()));
                        Ok(())
                    }
                    _ => Err(self.session_leaves(id)),
                }
            }
            _ => Err(self.session_leaves(id)),
        }
    }
}

enum SessionUse {
    Call { has_timeout: bool },
    Other,
}
