//! Follows a response from the call that made it to every place that reads it, and writes what httpx needs there.
//!
//! The difference that matters most: a response of requests is false for a status of 400 to 599, one of httpx is always true.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt, UnaryOp};
use ruff_text_size::{Ranged, TextRange};

use super::{Blame, Conversion, LOG_METHODS, Read, Weight, helpers};
use crate::finding::Declined;
use crate::layout::own_lines;
use crate::semantic::names::Lookup;
use crate::semantic::reaching::Definition;
use crate::semantic::{BindingKind, NodeId};

/// What a value is, of those that are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A response whose body has been read.
    Loaded,
    /// A response under `client.stream`.
    Streamed,
    /// A list of loaded responses.
    List,
}

/// A value that is followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub shape: Shape,
    /// It may be None as well.
    pub optional: bool,
}

impl Value {
    pub(super) const LOADED: Self = Self {
        shape: Shape::Loaded,
        optional: false,
    };
}

/// What becomes of an attribute of a response.
enum Attribute {
    Same,
    Renamed(&'static str),
    Doubtful(&'static str),
    Gone(&'static str),
    Special,
}

fn attribute(name: &str) -> Attribute {
    use Attribute::{Doubtful, Gone, Renamed, Same, Special};
    match name {
        "status_code" | "content" | "links" => Same,
        "reason" => Renamed("reason_phrase"),
        "is_redirect" => Renamed("has_redirect_location"),
        "elapsed" => Doubtful("`elapsed` lasts until the end of the body in httpx, until the headers in requests"),
        "headers"
        | "text"
        | "cookies"
        | "request"
        | "ok"
        | "url"
        | "json"
        | "raise_for_status"
        | "iter_content"
        | "iter_lines"
        | "close"
        | "is_permanent_redirect"
        | "encoding"
        | "history" => Special,
        "raw" | "connection" => Gone("gives access to the connection"),
        "apparent_encoding" => Gone("guesses the encoding"),
        _ => Gone("is not known to be the same in httpx"),
    }
}

/// Methods that look one header or cookie up, whatever the case of its name.
const LOOKUPS: &[&str] = &["get"];

/// How an expression's value is taken up by the syntax around it.
enum Place<'a> {
    Dropped,
    Assigned(Vec<&'a Expr>),
    Attribute(&'a ast::ExprAttribute),
    Test,
    Negated(&'a ast::ExprUnaryOp),
    /// The value of the parent expression.
    Outwards,
    Argument(&'a ast::ExprCall),
    Compared(&'a ast::ExprCompare),
    Returned,
    IteratedBy(&'a Expr),
    Element,
    Subscripted,
    Manager(&'a ast::WithItem),
    Other,
}

impl<'a> Conversion<'_, 'a> {
    /// Follows a value from the expression that makes it, through names, to its uses.
    pub(super) fn follow(&mut self, from: NodeId, value: Value) -> Result<(), Declined> {
        self.work.push((from, value));
        while let Some((node, value)) = self.work.pop() {
            if self.followed.insert(node) {
                self.step(node, value)?;
            }
        }
        Ok(())
    }

    /// After all has been followed: no name may stand for something else where it is read as a response.
    pub(super) fn check_names(&self) -> Result<(), Blame> {
        let model = self.ctx.model;
        for read in &self.reads {
            let is_ours = |definition: &Definition| match definition {
                Definition::Entry => true,
                Definition::At(node) => self.definitions.contains(node) || is_none(model, *node),
            };
            if !read.definitions.iter().all(is_ours) {
                let name = model.slice(model.node(read.node));
                let reason = self.keep(format!("`{name}` may stand for something else than the response here"));
                return Err(Blame::one(read.owner, reason));
            }
        }
        for (owner, value) in &self.appended {
            if !self.followed.contains(value) {
                let reason = self.keep("the list takes up other values than responses, too".to_owned());
                return Err(Blame::one(*owner, reason));
            }
        }
        Ok(())
    }

    fn place(&self, node: NodeId) -> Place<'a> {
        let model = self.ctx.model;
        let range = model.node(node).range();
        let parent_id = model.parent(node);
        let is = |expr: &Expr| expr.range() == range;
        match model.node(parent_id) {
            AnyNodeRef::StmtExpr(_) | AnyNodeRef::StmtDelete(_) => Place::Dropped,
            AnyNodeRef::StmtAssign(assign) if is(&assign.value) => Place::Assigned(assign.targets.iter().collect()),
            AnyNodeRef::StmtAnnAssign(assign) if assign.value.as_deref().is_some_and(is) => {
                Place::Assigned(vec![&assign.target])
            }
            AnyNodeRef::ExprNamed(named) if is(&named.value) => Place::Assigned(vec![&named.target]),
            AnyNodeRef::ExprAttribute(attribute) => Place::Attribute(attribute),
            AnyNodeRef::StmtIf(inner) if is(&inner.test) => Place::Test,
            AnyNodeRef::ElifElseClause(_) | AnyNodeRef::StmtWhile(_) => Place::Test,
            AnyNodeRef::StmtAssert(inner) if is(&inner.test) => Place::Test,
            AnyNodeRef::ExprIf(inner) if is(&inner.test) => Place::Test,
            AnyNodeRef::ExprIf(_) => Place::Outwards,
            AnyNodeRef::Comprehension(inner) if inner.ifs.iter().any(is) => Place::Test,
            AnyNodeRef::Comprehension(inner) if is(&inner.iter) => Place::IteratedBy(&inner.target),
            AnyNodeRef::StmtFor(inner) if is(&inner.iter) => Place::IteratedBy(&inner.target),
            AnyNodeRef::ExprUnaryOp(inner) if inner.op == UnaryOp::Not => Place::Negated(inner),
            AnyNodeRef::ExprBoolOp(_) if self.is_tested(parent_id) => Place::Test,
            AnyNodeRef::ExprBoolOp(inner)
                if inner.op == ast::BoolOp::And
                    && !inner.values.last().is_some_and(is)
                    && self.is_surely_good(node) =>
            {
                Place::Test
            }
            AnyNodeRef::ExprBoolOp(inner) if inner.values.last().is_some_and(is) => Place::Outwards,
            AnyNodeRef::ExprCompare(inner) => Place::Compared(inner),
            AnyNodeRef::StmtReturn(_) => Place::Returned,
            AnyNodeRef::ExprListComp(inner) if is(&inner.elt) => Place::Element,
            AnyNodeRef::ExprSubscript(inner) if is(&inner.value) => Place::Subscripted,
            AnyNodeRef::WithItem(item) if is(&item.context_expr) => Place::Manager(item),
            AnyNodeRef::Arguments(_) => match model.node(model.parent(parent_id)) {
                AnyNodeRef::ExprCall(call) => Place::Argument(call),
                _ => Place::Other,
            },
            _ => Place::Other,
        }
    }

    /// Whether the name is read behind `if not name: return` in the same block: it is true there, and `name and x` is `x`.
    fn is_surely_good(&self, node: NodeId) -> bool {
        let model = self.ctx.model;
        let AnyNodeRef::ExprName(name) = model.node(node) else {
            return false;
        };
        let Some((stmt, _)) = model.statement_of(node) else {
            return false;
        };
        let Some((block, index)) = model.block_of(stmt) else {
            return false;
        };
        let rebinds = |stmt: &Stmt| {
            model
                .bindings_within(model.id(stmt))
                .iter()
                .any(|binding| binding.name == name.id)
        };
        block[..index]
            .iter()
            .rev()
            .take_while(|stmt| !rebinds(stmt))
            .any(|stmt| {
                matches!(stmt, Stmt::If(inner)
                if model.slice(&*inner.test) == format!("not {}", name.id)
                    && matches!(inner.body.last(), Some(Stmt::Return(_) | Stmt::Raise(_))))
            })
    }

    /// Whether only the truth of an expression is looked at.
    fn is_tested(&self, node: NodeId) -> bool {
        match self.place(node) {
            Place::Test | Place::Negated(_) => true,
            Place::Argument(call) => self.ctx.model.is_builtin(&call.func, "bool"),
            _ => false,
        }
    }

    fn step(&mut self, node: NodeId, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        self.no_debug_text(node)?;
        if value.shape == Shape::List {
            return self.list(node);
        }
        match self.place(node) {
            Place::Dropped => Ok(()),
            Place::Assigned(targets) => {
                for target in targets {
                    self.bind(target, value)?;
                }
                if let AnyNodeRef::ExprNamed(named) = model.node(model.parent(node)) {
                    self.work.push((model.id(named), value));
                }
                Ok(())
            }
            Place::Attribute(attribute) => self.attribute(node, attribute, value),
            Place::Test => self.truth(node, value),
            Place::Negated(not) => self.untruth(node, not, value),
            Place::Outwards => {
                let parent = model.parent(node);
                let optional = match model.node(parent) {
                    AnyNodeRef::ExprIf(inner) => {
                        let other = if inner.body.range() == model.node(node).range() {
                            &inner.orelse
                        } else {
                            &inner.body
                        };
                        if !other.is_none_literal_expr() {
                            return Err(self.keep("the response is one of two values of an expression".to_owned()));
                        }
                        true
                    }
                    _ => return Err(self.keep("the response is one of two values of an expression".to_owned())),
                };
                self.work.push((parent, Value { optional, ..value }));
                Ok(())
            }
            Place::Argument(call) => self.argument(node, call, value),
            Place::Compared(compare) => {
                let is_identity = compare
                    .ops
                    .iter()
                    .all(|op| matches!(op, ast::CmpOp::Is | ast::CmpOp::IsNot));
                if is_identity { Ok(()) } else { Err(self.other_use(node)) }
            }
            Place::Returned => self.returned(node, value),
            Place::IteratedBy(_) if value.shape == Shape::Loaded => {
                self.tighten(node);
                self.draft.around(node, 2, "", ".iter_bytes(128)");
                Ok(())
            }
            Place::Element => {
                let comprehension = model.parent(node);
                self.work.push((
                    comprehension,
                    Value {
                        shape: Shape::List,
                        optional: false,
                    },
                ));
                Ok(())
            }
            Place::Manager(item) => self.manager(node, item, value),
            Place::IteratedBy(_) | Place::Subscripted | Place::Other => Err(self.other_use(node)),
        }
    }

    fn other_use(&self, node: NodeId) -> Declined {
        let model = self.ctx.model;
        let around = model.slice(model.node(model.parent(node)));
        let shown: String = around.lines().next().unwrap_or_default().chars().take(50).collect();
        self.keep(format!("`{shown}` is not known to work with the response of httpx"))
    }

    /// An f-string with `=` shows its own source.
    fn no_debug_text(&self, node: NodeId) -> Result<(), Declined> {
        let shows_source = self
            .ctx
            .model
            .ancestors(node)
            .take_while(|(_, node)| !node.is_statement())
            .any(|(_, node)| matches!(node, AnyNodeRef::InterpolatedElement(element) if element.debug_text.is_some()));
        if shows_source {
            return Err(self.keep("it stands in an f-string that shows its own source".to_owned()));
        }
        Ok(())
    }

    /// The expression needs parentheses once `await` stands in front of it.
    fn tighten(&mut self, node: NodeId) {
        self.tight.insert(node);
    }

    // Names

    fn bind(&mut self, target: &'a Expr, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        let Expr::Name(name) = target else {
            return Err(self.keep(format!(
                "the response is kept as `{}`, where other code may use it",
                model.slice(target)
            )));
        };
        let id = model.id(name);
        let shared = || {
            self.keep(format!(
                "the response is kept as `{}`, which other code can see",
                name.id
            ))
        };
        let binding = model
            .bindings_within(id)
            .iter()
            .find(|binding| binding.node == id)
            .ok_or_else(shared)?;
        match model.scope(binding.scope).kind {
            crate::semantic::ScopeKind::Comprehension | crate::semantic::ScopeKind::Generator => {
                self.definitions.insert(id);
                let scope = binding.scope;
                for reference in model.references() {
                    if reference.name.id == name.id && model.lookup(&name.id, reference.scope) == Lookup::Scope(scope) {
                        self.work.push((reference.node, value));
                    }
                }
                return Ok(());
            }
            crate::semantic::ScopeKind::Function(_) => {}
            _ => return Err(shared()),
        }
        let function = model.enclosing_function(id).ok_or_else(shared)?;
        if model.body_scope(function) != binding.scope {
            return Err(shared());
        }
        let reads = model.reads_of_local(function, &name.id).ok_or_else(shared)?;
        self.definitions.insert(id);
        if self.is_encoded_at_once(id, &name.id) {
            self.encoded.insert(name.id.to_string());
        }
        if let AnyNodeRef::StmtAnnAssign(assign) = model.node(model.parent(id)) {
            self.annotations.push(&assign.annotation);
        }
        let mut reads: Vec<_> = reads
            .into_iter()
            .filter(|(_, seen)| seen.contains(&Definition::At(id)))
            .collect();
        reads.sort_by_key(|(read, _)| *read);
        for (read, seen) in reads {
            let optional = value.optional
                || seen
                    .iter()
                    .any(|definition| matches!(definition, Definition::At(node) if is_none(model, *node)));
            self.work.push((read, Value { optional, ..value }));
            self.reads.push(Read {
                owner: self.owner,
                node: read,
                definitions: seen,
            });
        }
        Ok(())
    }

    /// Whether `name.encoding = "..."` stands in the same block as the binding, and nowhere else.
    fn is_encoded_at_once(&self, binding: NodeId, name: &str) -> bool {
        let model = self.ctx.model;
        let block = |id: NodeId| model.statement_of(id).map(|(stmt, _)| model.parent(stmt));
        let stores: Vec<NodeId> = model
            .attribute_stores()
            .filter(|store| store.attr.as_str() == "encoding" && model.slice(&*store.value) == name)
            .map(|store| model.id(store))
            .filter(|store| model.contains(self.region, *store))
            .collect();
        !stores.is_empty() && stores.iter().all(|store| block(*store) == block(binding))
    }

    // Truth

    /// `if r` -> `if not r.is_error`
    fn truth(&mut self, node: NodeId, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        self.tighten(node);
        let text = model.slice(model.node(node));
        match (value.optional, model.node(node)) {
            (false, AnyNodeRef::ExprNamed(_)) => match self.own_parentheses(node) {
                Some(outer) => {
                    self.draft.insert(outer.start(), "not ");
                    self.draft.insert(outer.end(), ".is_error");
                }
                None => self.draft.around(node, 2, "not (", ").is_error"),
            },
            (false, _) => self.draft.around(node, 2, "not ", ".is_error"),
            (true, AnyNodeRef::ExprName(_)) => {
                self.draft
                    .around(node, 2, &format!("{text} is not None and not "), ".is_error");
            }
            (true, _) => return Err(self.other_use(node)),
        }
        Ok(())
    }

    /// `not r` -> `r.is_error`
    fn untruth(&mut self, node: NodeId, not: &'a ast::ExprUnaryOp, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        self.tighten(node);
        let own = self.own_parentheses(node);
        let start = own.unwrap_or(model.node(node).range()).start();
        match (value.optional, model.node(node)) {
            (false, AnyNodeRef::ExprNamed(_)) => {
                let outer = own.ok_or_else(|| self.other_use(node))?;
                self.draft.insert(outer.end(), ".is_error");
            }
            (false, _) => self.draft.around(node, 2, "", ".is_error"),
            (true, AnyNodeRef::ExprName(name)) => {
                // `or` binds more loosely than `not` did.
                let parent = model.node(model.parent(model.id(not)));
                let (open, close) = if parent.is_statement() || matches!(parent, AnyNodeRef::ElifElseClause(_)) {
                    ("", "")
                } else {
                    ("(", ")")
                };
                self.draft.around(
                    node,
                    2,
                    &format!("{open}{} is None or ", name.id),
                    &format!(".is_error{close}"),
                );
            }
            (true, _) => return Err(self.other_use(node)),
        }
        self.draft.delete(TextRange::new(not.start(), start));
        Ok(())
    }

    fn own_parentheses(&self, node: NodeId) -> Option<TextRange> {
        let model = self.ctx.model;
        let expr = model.node(node).as_expr_ref()?;
        ruff_python_ast::token::parenthesized_range(expr, model.node(model.parent(node)), self.ctx.module.tokens())
    }

    /// `r.ok` -> `not r.is_error`, `not r.ok` -> `r.is_error`
    fn ok(&mut self, attribute: &'a ast::ExprAttribute) {
        let model = self.ctx.model;
        let id = model.id(attribute);
        self.draft.replace(attribute.attr.range(), "is_error");
        match model.node(model.parent(id)) {
            AnyNodeRef::ExprUnaryOp(not) if not.op == UnaryOp::Not && self.own_parentheses(id).is_none() => {
                self.draft.delete(TextRange::new(not.start(), attribute.start()));
            }
            _ if self.binds_tightly(id) => self.draft.around(id, 2, "(not ", ")"),
            _ => self.draft.around(id, 2, "not ", ""),
        }
    }

    /// Whether the parent is an operator that `not` could not be an operand of.
    fn binds_tightly(&self, node: NodeId) -> bool {
        matches!(
            self.ctx.model.node(self.ctx.model.parent(node)),
            AnyNodeRef::ExprCompare(_)
                | AnyNodeRef::ExprBinOp(_)
                | AnyNodeRef::ExprUnaryOp(_)
                | AnyNodeRef::ExprAttribute(_)
                | AnyNodeRef::ExprSubscript(_)
                | AnyNodeRef::ExprCall(_)
                | AnyNodeRef::StmtAugAssign(_)
        )
    }

    // Attributes

    fn attribute(&mut self, of: NodeId, node: &'a ast::ExprAttribute, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        let id = model.id(node);
        let name = node.attr.as_str();
        if !node.ctx.is_load() {
            return self.assigned_attribute(of, node);
        }
        if value.shape == Shape::Streamed && !self.works_on_stream(name) {
            return Err(self.keep(format!("`.{name}` of a streamed response would have to be read first")));
        }
        match attribute(name) {
            Attribute::Same => Ok(()),
            Attribute::Renamed(new) => {
                self.draft.replace(node.attr.range(), new);
                Ok(())
            }
            Attribute::Doubtful(why) => {
                self.doubt(why);
                Ok(())
            }
            Attribute::Gone(why) => Err(self.keep(format!("`.{name}` {why}"))),
            Attribute::Special => match name {
                "text" => self.text(of, node),
                "headers" => self.headers_use(id),
                "cookies" => self.cookies_use(id),
                "request" => self.request_use(id),
                "history" => self.history_use(id),
                "ok" => {
                    self.ok(node);
                    Ok(())
                }
                "url" => {
                    self.url_use(id);
                    Ok(())
                }
                "is_permanent_redirect" => Err(self.keep("`.is_permanent_redirect` has no counterpart".to_owned())),
                "encoding" => Err(self.keep("`.encoding` is what httpx will use, not what the server said".to_owned())),
                _ => self.method(of, node, value),
            },
        }
    }

    /// Without a charset in the answer, httpx decodes its text as UTF-8.
    fn text(&mut self, of: NodeId, node: &'a ast::ExprAttribute) -> Result<(), Declined> {
        let model = self.ctx.model;
        let is_encoded = self.encoded.contains(model.slice(model.node(of)));
        if is_encoded {
            return Ok(());
        }
        if self.options.plain {
            self.doubt("without a charset in the answer, httpx decodes its text as UTF-8, requests by the content type or by guessing");
            return Ok(());
        }
        self.doubt(
            "without a charset in the answer, requests guesses the encoding of what is no text, and httpx takes UTF-8",
        );
        let helper = self.helper(&helpers::TEXT)?;
        self.untight.insert(of);
        let end = self.own_parentheses(of).unwrap_or(model.node(of).range()).end();
        self.draft.around(model.id(node), 2, &format!("{helper}("), ")");
        self.draft.delete(TextRange::new(end, node.end()));
        Ok(())
    }

    fn works_on_stream(&self, name: &str) -> bool {
        matches!(
            name,
            "status_code"
                | "headers"
                | "ok"
                | "url"
                | "reason"
                | "raise_for_status"
                | "iter_content"
                | "iter_lines"
                | "close"
                | "is_redirect"
                | "request"
                | "cookies"
        )
    }

    /// `r.encoding = "utf-8"` before the text is asked for.
    fn assigned_attribute(&mut self, of: NodeId, node: &'a ast::ExprAttribute) -> Result<(), Declined> {
        let model = self.ctx.model;
        let value = match model.node(model.parent(model.id(node))) {
            AnyNodeRef::StmtAssign(assign) => Some(&*assign.value),
            _ => None,
        };
        let is_first = self.reads.iter().all(|read| {
            read.node >= of
                || !matches!(model.node(model.parent(read.node)), AnyNodeRef::ExprAttribute(other) if matches!(other.attr.as_str(), "text" | "json"))
        });
        let name = model.slice(model.node(of));
        let reads_json = self.reads.iter().any(|read| {
            model.slice(model.node(read.node)) == name
                && matches!(model.node(model.parent(read.node)), AnyNodeRef::ExprAttribute(other) if other.attr.as_str() == "json")
        });
        if node.attr.as_str() == "encoding"
            && value.is_some_and(Expr::is_string_literal_expr)
            && is_first
            && !reads_json
            && self.encoded.contains(name)
        {
            return Ok(());
        }
        Err(self.other_use(model.id(node)))
    }

    fn method(&mut self, of: NodeId, node: &'a ast::ExprAttribute, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        let name = node.attr.as_str();
        let AnyNodeRef::ExprCall(call) = model.node(model.parent(model.id(node))) else {
            return Err(self.keep(format!("`.{name}` is handed on without being called")));
        };
        if call.func.range() != node.range() {
            return Err(self.keep(format!("`.{name}` is handed on without being called")));
        }
        match name {
            "json" => {
                self.raises(model.id(call), super::errors::Raises::Json);
                self.doubt("httpx decodes JSON as UTF-8, requests by the charset of the answer");
                Ok(())
            }
            "raise_for_status" => self.raise_for_status(of, node, call),
            "iter_content" => self.iter_content(node, call, value),
            "iter_lines" => self.iter_lines(node, call, value),
            _ => {
                let doubt = self.ctx.may_await(model.id(call))?;
                if let Some(doubt) = doubt {
                    self.doubt(doubt);
                }
                let AnyNodeRef::StmtExpr(_) = model.node(model.parent(model.id(call))) else {
                    return Err(self.other_use(model.id(call)));
                };
                self.draft.replace(node.attr.range(), "aclose");
                self.draft.around(model.id(call), 0, "await ", "");
                Ok(())
            }
        }
    }

    /// httpx also raises for a status of 1xx, 3xx and from 600 on, and refuses nothing in between: only errors may reach it.
    fn raise_for_status(
        &mut self,
        of: NodeId,
        node: &'a ast::ExprAttribute,
        call: &'a ast::ExprCall,
    ) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        let id = model.id(call);
        self.raises(id, super::errors::Raises::Status);
        let AnyNodeRef::StmtExpr(stmt) = model.node(model.parent(id)) else {
            return Err(self.keep(
                "the value of `raise_for_status()` is used: None in requests, the response in httpx".to_owned(),
            ));
        };
        let has_own_lines = own_lines(ctx.module, stmt.start(), stmt.end()).is_ok();
        let is_repeatable = model
            .subtree(of)
            .all(|(_, node)| matches!(node, AnyNodeRef::ExprName(_) | AnyNodeRef::ExprAttribute(_)));
        let receiver = model.slice(model.node(of));
        if is_repeatable {
            if self.is_guarded(model.id(stmt), receiver) {
                return Ok(());
            }
            if has_own_lines {
                self.draft.put_under(stmt.range(), format!("if {receiver}.is_error:"));
            } else {
                self.draft
                    .around(id, 2, "", &format!(" if {receiver}.is_error else None"));
            }
            return Ok(());
        }
        if !has_own_lines {
            return Err(self.keep("`raise_for_status()` shares its line with another statement".to_owned()));
        }
        let response = self.fresh_name("response", of);
        let unit = ctx.indent_unit(model.id(stmt));
        self.untight.insert(of);
        self.draft.around(of, 2, &format!("{response} = "), "");
        self.draft.delete(TextRange::new(node.value.end(), call.end()));
        self.draft.line_below(
            stmt.range(),
            format!("if {response}.is_error:\n{unit}{response}.raise_for_status()"),
        );
        Ok(())
    }

    /// Whether the statement already stands under `if not r.ok:`.
    fn is_guarded(&self, stmt: NodeId, receiver: &str) -> bool {
        let model = self.ctx.model;
        match model.node(model.parent(stmt)) {
            AnyNodeRef::StmtIf(outer) => {
                outer.body.iter().any(|inner| model.id(inner) == stmt)
                    && model.slice(&*outer.test) == format!("not {receiver}.ok")
            }
            _ => false,
        }
    }

    fn iter_content(
        &mut self,
        node: &'a ast::ExprAttribute,
        call: &'a ast::ExprCall,
        value: Value,
    ) -> Result<(), Declined> {
        let model = self.ctx.model;
        let arguments = &call.arguments;
        let is_known = arguments
            .keywords
            .iter()
            .all(|keyword| keyword.arg.as_deref() == Some("chunk_size"))
            && arguments.args.len() + arguments.keywords.len() <= 1
            && !arguments.args.iter().any(Expr::is_starred_expr);
        if !is_known {
            return Err(self.keep("`iter_content` decodes the text".to_owned()));
        }
        if value.shape == Shape::Streamed {
            self.draft.replace(node.attr.range(), "aiter_bytes");
            self.iterate_asynchronously(model.id(call))?;
            self.raises(model.id(call), super::errors::Raises::Transport);
            self.doubt("of a chunked answer, httpx waits until a chunk is full, requests does not");
        } else {
            self.draft.replace(node.attr.range(), "iter_bytes");
        }
        if arguments.is_empty() {
            self.draft.insert(call.end() - ruff_text_size::TextSize::from(1), "1");
        }
        Ok(())
    }

    fn iter_lines(
        &mut self,
        node: &'a ast::ExprAttribute,
        call: &'a ast::ExprCall,
        value: Value,
    ) -> Result<(), Declined> {
        let model = self.ctx.model;
        let id = model.id(call);
        if value.shape == Shape::Loaded {
            let is_iterated = matches!(self.place(id), Place::IteratedBy(_)) || self.listing(id).is_some();
            if !call.arguments.is_empty() || !is_iterated {
                return Err(self.keep("`iter_lines` is given arguments, or stepped through by hand".to_owned()));
            }
            self.doubt("requests may split a line end that lies across two of its chunks");
            self.draft
                .replace(TextRange::new(node.attr.start(), call.end()), "content.splitlines()");
            return Ok(());
        }
        self.raises(id, super::errors::Raises::Transport);
        let decodes = call.arguments.find_keyword("decode_unicode").is_some();
        let takes_text = match self.place(id) {
            Place::IteratedBy(target) => self.takes_text_or_bytes(target),
            _ => false,
        };
        if decodes {
            let is_alone = call.arguments.len() == 1
                && matches!(&call.arguments.keywords[0].value, Expr::BooleanLiteral(literal) if literal.value);
            if !is_alone {
                return Err(self.keep("`iter_lines` is given arguments".to_owned()));
            }
            self.doubt("without a charset in the answer, requests gives lines of bytes, httpx text");
        }
        if decodes || (takes_text && call.arguments.is_empty()) {
            self.doubt("httpx splits the lines of a text, requests those of bytes: at fewer characters");
            self.draft
                .replace(TextRange::new(node.attr.start(), call.end()), "aiter_lines()");
            return self.iterate_asynchronously(id);
        }
        let names_known = call.arguments.keywords.iter().all(|keyword| {
            keyword
                .arg
                .as_deref()
                .is_some_and(|name| matches!(name, "chunk_size" | "delimiter"))
        });
        if !names_known || call.arguments.args.len() > 1 || call.arguments.args.iter().any(Expr::is_starred_expr) {
            return Err(self.keep("`iter_lines` is given arguments".to_owned()));
        }
        let helper = self.helper(&helpers::ITER_LINES)?;
        let open = call.arguments.start();
        let comma = if call.arguments.is_empty() { "" } else { ", " };
        self.draft.around(id, 2, &format!("{helper}("), "");
        self.draft.replace(
            TextRange::new(node.value.end(), open + ruff_text_size::TextSize::from(1)),
            comma,
        );
        self.iterate_asynchronously(id)
    }

    /// The `list(...)` or `b"".join(...)` that an iterator is the only argument of.
    fn listing(&self, node: NodeId) -> Option<&'a ast::ExprCall> {
        let Place::Argument(call) = self.place(node) else {
            return None;
        };
        let joins = matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "join");
        let is_alone = call.arguments.len() == 1;
        (is_alone && (joins || self.ctx.model.is_builtin(&call.func, "list"))).then_some(call)
    }

    /// Whether a loop's variable is only tested and read as JSON.
    fn takes_text_or_bytes(&self, target: &'a Expr) -> bool {
        let model = self.ctx.model;
        let Expr::Name(name) = target else { return false };
        let id = model.id(name);
        let Some(function) = model.enclosing_function(id) else {
            return false;
        };
        let Some(binding) = model.bindings_within(id).first() else {
            return false;
        };
        let reads: Vec<NodeId> = if binding.scope == model.body_scope(function) {
            let Some(reads) = model.reads_of_local(function, &name.id) else {
                return false;
            };
            reads
                .into_iter()
                .filter(|(_, seen)| seen.contains(&Definition::At(id)))
                .map(|(read, _)| read)
                .collect()
        } else {
            model
                .references()
                .iter()
                .filter(|reference| {
                    reference.name.id == name.id
                        && model.lookup(&name.id, reference.scope) == Lookup::Scope(binding.scope)
                })
                .map(|reference| reference.node)
                .collect()
        };
        reads.into_iter().all(|read| match self.place(read) {
            Place::Test | Place::Negated(_) => true,
            Place::Argument(call) => model.qualified_name(&call.func).as_deref() == Some("json.loads"),
            _ => false,
        })
    }

    /// `for x in ...` -> `async for x in ...`, where that is legal.
    fn iterate_asynchronously(&mut self, iterated: NodeId) -> Result<(), Declined> {
        let model = self.ctx.model;
        let range = model.node(iterated).range();
        match model.node(model.parent(iterated)) {
            AnyNodeRef::StmtFor(stmt) if stmt.iter.range() == range && !stmt.is_async => {
                if let Some(doubt) = self.ctx.may_await(model.id(stmt))? {
                    self.doubt(doubt);
                }
                self.draft.insert(stmt.start(), "async ");
                Ok(())
            }
            AnyNodeRef::Comprehension(inner) if inner.iter.range() == range && !inner.is_async => {
                let outer = model.parent(model.parent(iterated));
                let is_generator = matches!(model.node(outer), AnyNodeRef::ExprGenerator(_));
                let is_nested = model.scope_of(outer) != model.body_scope(self.function_at(outer));
                if is_generator || is_nested {
                    return Err(self.keep("the answer is read in a nested comprehension".to_owned()));
                }
                if let Some(doubt) = self.ctx.may_await(outer)? {
                    self.doubt(doubt);
                }
                self.draft.insert(inner.start(), "async ");
                Ok(())
            }
            _ => {
                let Some(call) = self.listing(iterated) else {
                    return Err(self.keep("the answer is read otherwise than by a loop over it".to_owned()));
                };
                if model.scope_of(iterated) != model.body_scope(self.function_at(iterated)) {
                    return Err(self.keep("the answer is read in a comprehension".to_owned()));
                }
                if let Some(doubt) = self.ctx.may_await(model.id(call))? {
                    self.doubt(doubt);
                }
                let is_line = !matches!(model.node(iterated), AnyNodeRef::ExprCall(call)
                    if matches!(&*call.func, Expr::Attribute(method) if method.attr.as_str() == "iter_content"));
                let item = self.fresh_name(if is_line { "line" } else { "chunk" }, iterated);
                let head = format!("[{item} async for {item} in ");
                if model.is_builtin(&call.func, "list") {
                    self.draft.replace(TextRange::new(call.start(), range.start()), head);
                    self.draft.replace(TextRange::new(range.end(), call.end()), "]");
                } else {
                    self.draft.around(iterated, 5, &head, "]");
                }
                Ok(())
            }
        }
    }

    /// `r.url` is an object in httpx.
    pub(super) fn url_use(&mut self, node: NodeId) {
        self.doubt("httpx may spell the URL of the answer in another way");
        let model = self.ctx.model;
        let is_shown = matches!(model.node(model.parent(node)), AnyNodeRef::InterpolatedElement(element)
            if element.format_spec.is_none() && element.conversion == ast::ConversionFlag::None);
        if !is_shown {
            self.draft.around(node, 2, "str(", ")");
        }
    }

    /// A header is looked up; names, when iterated over, are in lower case in httpx.
    fn headers_use(&mut self, node: NodeId) -> Result<(), Declined> {
        if self.is_lookup(node) {
            return Ok(());
        }
        let model = self.ctx.model;
        let (target, takes_pairs) = match self.place(node) {
            Place::IteratedBy(target) => (target, false),
            Place::Attribute(method) if matches!(method.attr.as_str(), "items" | "keys") => {
                let call = model.parent(model.id(method));
                match self.place(call) {
                    Place::IteratedBy(target) => (target, method.attr.as_str() == "items"),
                    _ => return Err(self.lower_case()),
                }
            }
            _ => return Err(self.lower_case()),
        };
        let key = match (target, takes_pairs) {
            (Expr::Tuple(pair), true) => pair.elts.first(),
            (target, false) => Some(target),
            _ => None,
        };
        if key.is_some_and(|key| self.is_only_lowered(key)) {
            Ok(())
        } else {
            Err(self.lower_case())
        }
    }

    fn lower_case(&self) -> Declined {
        self.keep("httpx gives the names of headers in lower case".to_owned())
    }

    /// Whether a loop's variable is read as `name.lower()` alone.
    fn is_only_lowered(&self, target: &'a Expr) -> bool {
        let model = self.ctx.model;
        let Expr::Name(name) = target else { return false };
        let Some(binding) = model.bindings_within(model.id(name)).first() else {
            return false;
        };
        let mut bindings = model.bindings_in(binding.scope, &name.id);
        if bindings.next().is_none() || bindings.next().is_some() {
            return false;
        }
        model
            .references()
            .iter()
            .filter(|reference| {
                reference.name.id == name.id && model.lookup(&name.id, reference.scope) == Lookup::Scope(binding.scope)
            })
            .all(|reference| {
                matches!(model.node(model.parent(reference.node)), AnyNodeRef::ExprAttribute(method)
                    if matches!(method.attr.as_str(), "lower" | "casefold"))
            })
    }

    fn cookies_use(&mut self, node: NodeId) -> Result<(), Declined> {
        let model = self.ctx.model;
        if self.is_lookup(node) {
            return Ok(());
        }
        match self.place(node) {
            Place::Attribute(method) if method.attr.as_str() == "get_dict" => {
                if let AnyNodeRef::ExprCall(call) = model.node(model.parent(model.id(method)))
                    && call.arguments.is_empty()
                {
                    self.draft.around(node, 2, "dict(", ")");
                    self.draft.delete(TextRange::new(model.node(node).end(), call.end()));
                    return Ok(());
                }
                Err(self.other_use(node))
            }
            Place::Argument(call) if ["dict", "len"].iter().any(|name| model.is_builtin(&call.func, name)) => Ok(()),
            Place::Argument(call)
                if model.qualified_name(&call.func).as_deref() == Some("requests.utils.dict_from_cookiejar") =>
            {
                self.draft.replace(call.func.range(), "dict");
                Ok(())
            }
            _ => Err(self.other_use(node)),
        }
    }

    /// `x[...]`, `x.get(...)`, `... in x`
    fn is_lookup(&self, node: NodeId) -> bool {
        let model = self.ctx.model;
        let range = model.node(node).range();
        match self.place(node) {
            Place::Subscripted => {
                matches!(model.node(model.parent(node)), AnyNodeRef::ExprSubscript(subscript) if subscript.ctx.is_load())
            }
            Place::Attribute(method) => {
                LOOKUPS.contains(&method.attr.as_str())
                    && matches!(model.node(model.parent(model.id(method))), AnyNodeRef::ExprCall(call) if call.func.range() == method.range())
            }
            Place::Compared(compare) => {
                compare
                    .ops
                    .iter()
                    .all(|op| matches!(op, ast::CmpOp::In | ast::CmpOp::NotIn))
                    && compare.comparators.iter().any(|other| other.range() == range)
            }
            _ => false,
        }
    }

    pub(super) fn request_use(&mut self, node: NodeId) -> Result<(), Declined> {
        let model = self.ctx.model;
        let Place::Attribute(attribute) = self.place(node) else {
            return Err(self.other_use(node));
        };
        let id = model.id(attribute);
        match attribute.attr.as_str() {
            "method" => Ok(()),
            "url" => {
                self.url_use(id);
                Ok(())
            }
            "headers" if self.is_lookup(id) => Ok(()),
            _ => Err(self.other_use(id)),
        }
    }

    /// The redirects: counted, tested, or followed like the response itself.
    fn history_use(&mut self, node: NodeId) -> Result<(), Declined> {
        self.work.push((
            node,
            Value {
                shape: Shape::List,
                optional: false,
            },
        ));
        Ok(())
    }

    // Lists of responses

    fn list(&mut self, node: NodeId) -> Result<(), Declined> {
        let model = self.ctx.model;
        let list = Value {
            shape: Shape::List,
            optional: false,
        };
        match self.place(node) {
            Place::Dropped | Place::Test | Place::Negated(_) => Ok(()),
            Place::Assigned(targets) => {
                for target in targets {
                    self.bind(target, list)?;
                }
                Ok(())
            }
            Place::IteratedBy(target) => self.bind(target, Value::LOADED),
            Place::Subscripted => {
                let subscript = model.parent(node);
                let AnyNodeRef::ExprSubscript(inner) = model.node(subscript) else {
                    return Err(self.other_use(node));
                };
                let is_one = inner.ctx.is_load() && !inner.slice.is_slice_expr();
                if is_one {
                    self.work.push((subscript, Value::LOADED));
                    Ok(())
                } else {
                    Err(self.other_use(node))
                }
            }
            Place::Attribute(method) if method.attr.as_str() == "append" => {
                let AnyNodeRef::ExprCall(call) = model.node(model.parent(model.id(method))) else {
                    return Err(self.other_use(node));
                };
                match &*call.arguments.args {
                    [appended] if call.arguments.keywords.is_empty() => {
                        self.appended.push((self.owner, model.id(appended)));
                        Ok(())
                    }
                    _ => Err(self.other_use(node)),
                }
            }
            Place::Argument(call) if ["len", "bool"].iter().any(|name| model.is_builtin(&call.func, name)) => Ok(()),
            _ => Err(self.other_use(node)),
        }
    }

    // Leaving

    fn argument(&mut self, node: NodeId, call: &'a ast::ExprCall, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        if model.is_builtin(&call.func, "bool") && !value.optional {
            let id = model.id(call);
            self.tighten(node);
            let range = model.node(node).range();
            self.draft.delete(TextRange::new(call.start(), range.start()));
            self.draft.delete(TextRange::new(range.end(), call.end()));
            let (prefix, suffix) = if self.binds_tightly(id) || self.is_negated(id) {
                ("(not ", ".is_error)")
            } else {
                ("not ", ".is_error")
            };
            self.draft.around(node, 2, prefix, suffix);
            return Ok(());
        }
        if model.is_builtin(&call.func, "isinstance")
            && let Some(class) = call.arguments.args.get(1)
            && matches!(
                model.qualified_name(class).as_deref(),
                Some("requests.Response" | "requests.models.Response")
            )
        {
            let text = format!("{}.Response", self.library.name);
            self.draft.replace(class.range(), text);
            return Ok(());
        }
        if let Expr::Attribute(method) = &*call.func
            && method.attr.as_str() == "append"
            && let Expr::Name(list) = &*method.value
        {
            return self.append(list);
        }
        if matches!(&*call.func, Expr::Attribute(method) if LOG_METHODS.contains(&method.attr.as_str())) {
            self.doubt("the response is shown in another way in logs");
            return Ok(());
        }
        Err(self.keep(format!(
            "the response is handed to `{}`, which may use what only requests has",
            model.slice(&*call.func).lines().next().unwrap_or_default()
        )))
    }

    /// `rs.append(r)`, where `rs` starts as an empty list and is the function's own.
    fn append(&mut self, list: &'a ast::ExprName) -> Result<(), Declined> {
        let model = self.ctx.model;
        let declined = self.keep(format!(
            "the response is kept in `{}`, which other code may read",
            list.id
        ));
        let Some(reads) = model.reads_of_local(self.function_at(model.id(list)), &list.id) else {
            return Err(declined);
        };
        let Some(definitions) = reads.get(&model.id(list)).cloned() else {
            return Err(declined);
        };
        for definition in &definitions {
            let Definition::At(node) = definition else {
                return Err(declined);
            };
            let is_empty_list = matches!(model.node(model.parent(*node)), AnyNodeRef::StmtAssign(assign)
                if assign.targets.len() == 1 && matches!(&*assign.value, Expr::List(list) if list.elts.is_empty()));
            if !is_empty_list {
                return Err(declined);
            }
            if !self.definitions.insert(*node) {
                continue;
            }
            for (read, seen) in &reads {
                if seen.contains(definition) {
                    self.work.push((
                        *read,
                        Value {
                            shape: Shape::List,
                            optional: false,
                        },
                    ));
                    self.reads.push(Read {
                        owner: self.owner,
                        node: *read,
                        definitions: seen.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    fn is_negated(&self, node: NodeId) -> bool {
        matches!(self.place(node), Place::Negated(_))
    }

    /// A response that is returned: to the callers of this module, which are followed, or to code that is not seen.
    fn returned(&mut self, node: NodeId, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        if value.shape != Shape::Loaded {
            return Err(self.keep("the answer is read after the function has returned".to_owned()));
        }
        let function = model
            .enclosing_function(node)
            .ok_or("it is returned outside of a function")?;
        if let Some(returns) = &function.returns {
            self.annotations.push(returns);
        }
        if self.returning.insert(model.id(function)) {
            let optional = value.optional || may_return_none(model, function);
            self.only_responses_returned.push(function);
            let uses = self.uses_of(function);
            if uses.is_empty() {
                self.weigh(
                    Weight::Outside,
                    "the response is returned, and callers elsewhere may use what only requests has",
                );
            }
            for use_ in uses {
                let awaited = use_.awaited.ok_or_else(|| {
                    self.keep(format!(
                        "the response is returned by `{}`, which is used without being awaited in line {}",
                        function.name,
                        self.ctx.module.location(model.node(use_.reference).start()).0
                    ))
                })?;
                self.work.push((awaited, Value { optional, ..value }));
            }
        }
        self.returned.insert(node);
        Ok(())
    }

    /// Every `return` of the functions that return a response must return one, or None.
    pub(super) fn check_returns(&self) -> Result<(), Declined> {
        let model = self.ctx.model;
        for function in &self.only_responses_returned {
            let scope = model.body_scope(function);
            for (id, node) in model.subtree(model.id(*function)) {
                if let AnyNodeRef::StmtReturn(ast::StmtReturn { value: Some(value), .. }) = node
                    && model.scope_of(id) == scope
                    && !value.is_none_literal_expr()
                    && !self.returned.contains(&model.id(&**value))
                {
                    return Err(self.keep(format!(
                        "`{}` returns other values than the response, too",
                        function.name
                    )));
                }
            }
        }
        Ok(())
    }

    fn manager(&mut self, node: NodeId, item: &'a ast::WithItem, value: Value) -> Result<(), Declined> {
        let model = self.ctx.model;
        let AnyNodeRef::StmtWith(with) = model.node(model.parent(model.id(item))) else {
            return Err(self.other_use(node));
        };
        if with.items.len() > 1 {
            return Err(self.keep("the response is one of several managers of a `with`".to_owned()));
        }
        if let Some(vars) = &item.optional_vars {
            self.bind(vars, value)?;
        }
        self.draft.insert(with.start(), "async ");
        if value.shape == Shape::Loaded {
            let Some(Expr::Name(name)) = item.optional_vars.as_deref() else {
                return Err(
                    self.keep("the response is the manager of a `with`, which it cannot be in httpx".to_owned())
                );
            };
            self.draft
                .line_above(with.body[0].range(), format!("await {}.aread()", name.id));
        }
        Ok(())
    }
}

/// Whether a binding gives its name None.
fn is_none(model: &crate::semantic::SemanticModel, node: NodeId) -> bool {
    let is_none = |binding: &crate::semantic::Binding| match binding.kind {
        BindingKind::Assignment(value) => value.is_none_literal_expr(),
        BindingKind::Annotated(assign) => assign.value.as_deref().is_some_and(Expr::is_none_literal_expr),
        _ => false,
    };
    model
        .bindings_within(node)
        .iter()
        .find(|binding| binding.node == node)
        .is_some_and(is_none)
}

fn may_return_none(model: &crate::semantic::SemanticModel, function: &ast::StmtFunctionDef) -> bool {
    let scope = function.body.first().map(|stmt| model.scope_of(model.id(stmt)));
    let returns_none = model.subtree(model.id(function)).any(|(id, node)| {
        Some(model.scope_of(id)) == scope
            && matches!(node, AnyNodeRef::StmtReturn(stmt) if stmt.value.as_deref().is_none_or(Expr::is_none_literal_expr))
    });
    let ends = matches!(function.body.last(), Some(Stmt::Return(_) | Stmt::Raise(_)));
    returns_none || !ends
}
