//! The attributes and methods of a response, and what is done with the objects behind them: URL, headers, cookies, the request.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange};

use super::Raises;
use super::{Conversion, helpers};
use super::{Place, Shape, Value};
use crate::finding::Declined;
use crate::layout::own_lines;
use crate::semantic::NodeId;

/// What becomes of an attribute of a response.
pub(super) enum Attribute {
    Same,
    Renamed(&'static str),
    Doubtful(&'static str),
    Gone(&'static str),
    Special,
}

/// Methods that look one header or cookie up, whatever the case of its name.
pub(super) const LOOKUPS: &[&str] = &["get"];

impl<'a> Conversion<'_, 'a> {
    // Attributes

    pub(super) fn attribute(&mut self, of: NodeId, node: &'a ast::ExprAttribute, value: Value) -> Result<(), Declined> {
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
    pub(super) fn text(&mut self, of: NodeId, node: &'a ast::ExprAttribute) -> Result<(), Declined> {
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

    pub(super) fn works_on_stream(&self, name: &str) -> bool {
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
    pub(super) fn assigned_attribute(&mut self, of: NodeId, node: &'a ast::ExprAttribute) -> Result<(), Declined> {
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

    pub(super) fn method(&mut self, of: NodeId, node: &'a ast::ExprAttribute, value: Value) -> Result<(), Declined> {
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
                self.raises(model.id(call), Raises::Json);
                self.doubt("httpx decodes JSON as UTF-8, requests by the charset of the answer");
                Ok(())
            }
            "raise_for_status" => self.raise_for_status(of, node, call),
            "iter_content" => self.iter_content(node.attr.range(), call, value.shape),
            "iter_lines" => self.iter_lines(node.attr.range(), call, value.shape),
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
    pub(super) fn raise_for_status(
        &mut self,
        of: NodeId,
        node: &'a ast::ExprAttribute,
        call: &'a ast::ExprCall,
    ) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        let id = model.id(call);
        self.raises(id, Raises::Status);
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
    pub(super) fn is_guarded(&self, stmt: NodeId, receiver: &str) -> bool {
        let model = self.ctx.model;
        match model.node(model.parent(stmt)) {
            AnyNodeRef::StmtIf(outer) => {
                outer.body.iter().any(|inner| model.id(inner) == stmt)
                    && model.slice(&*outer.test) == format!("not {receiver}.ok")
            }
            _ => false,
        }
    }

    /// `r.url` is an object in httpx.
    pub(crate) fn url_use(&mut self, node: NodeId) {
        self.doubt("httpx may spell the URL of the answer in another way");
        let model = self.ctx.model;
        let is_shown = matches!(model.node(model.parent(node)), AnyNodeRef::InterpolatedElement(element)
            if element.format_spec.is_none() && element.conversion == ast::ConversionFlag::None);
        if !is_shown {
            self.draft.around(node, 2, "str(", ")");
        }
    }

    /// A header is looked up; names, when iterated over, are in lower case in httpx.
    pub(super) fn headers_use(&mut self, node: NodeId) -> Result<(), Declined> {
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

    pub(super) fn lower_case(&self) -> Declined {
        self.keep("httpx gives the names of headers in lower case".to_owned())
    }

    /// Whether a loop's variable is read as `name.lower()` alone.
    pub(super) fn is_only_lowered(&self, target: &'a Expr) -> bool {
        let model = self.ctx.model;
        let Expr::Name(name) = target else { return false };
        let Some(binding) = model.bindings_within(model.id(name)).first() else {
            return false;
        };
        let mut bindings = model.bindings_in(binding.scope, &name.id);
        if bindings.next().is_none() || bindings.next().is_some() {
            return false;
        }
        model.references_to(binding.scope, &name.id).all(|reference| {
            matches!(model.node(model.parent(reference.node)), AnyNodeRef::ExprAttribute(method)
                    if matches!(method.attr.as_str(), "lower" | "casefold"))
        })
    }

    pub(super) fn cookies_use(&mut self, node: NodeId) -> Result<(), Declined> {
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
    pub(super) fn is_lookup(&self, node: NodeId) -> bool {
        let model = self.ctx.model;
        let range = model.node(node).range();
        match self.place(node) {
            Place::Subscripted => {
                matches!(model.node(model.parent(node)), AnyNodeRef::ExprSubscript(subscript) if subscript.ctx.is_load())
            }
            Place::Attribute(method) => LOOKUPS.contains(&method.attr.as_str()) && model.is_callee(model.id(method)),
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

    pub(crate) fn request_use(&mut self, node: NodeId) -> Result<(), Declined> {
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
    pub(super) fn history_use(&mut self, node: NodeId) -> Result<(), Declined> {
        self.work.push((
            node,
            Value {
                shape: Shape::List,
                optional: false,
            },
        ));
        Ok(())
    }
}

pub(super) fn attribute(name: &str) -> Attribute {
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
