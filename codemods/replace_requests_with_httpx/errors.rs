//! Handlers: what can be raised now, where it is caught, and what the classes of requests are called in httpx.
//!
//! An exception is followed outwards through the `try` statements around the place that raises it, and through the callers of this
//! module that await the function, until it is surely caught.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::{self as ast, AnyNodeRef, ExceptHandler, Expr};
use ruff_text_size::{Ranged, TextRange};

use super::response::Value;
use super::{Blame, Conversion, LOG_METHODS, Weight, calls};
use crate::finding::Declined;
use crate::importer::Import;
use crate::semantic::NodeId;

/// What a place can raise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Raises {
    /// Everything that goes wrong before the answer is there.
    Transport,
    /// `raise_for_status()`
    Status,
    /// `.json()`
    Json,
}

/// A place that raises, and the item it came with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Point {
    pub node: NodeId,
    pub owner: usize,
    pub raises: Raises,
}

/// What stands for an exception class of requests.
enum Counterpart {
    Classes(&'static [&'static str]),
    /// As above, for a class that does not catch quite the same.
    Nearly(&'static [&'static str], &'static str),
    /// A family of httpx that several classes of requests share: two handlers of one `try` cannot be told apart any more.
    Shared(&'static [&'static str], &'static str),
    Everything,
    Json,
    Missing,
}

/// By the name behind `requests.` or `requests.exceptions.`
fn counterpart(name: &str) -> Counterpart {
    use Counterpart::{Classes, Everything, Json, Missing, Nearly, Shared};
    match name {
        "RequestException" => Everything,
        "HTTPError" => Classes(&["HTTPStatusError"]),
        "ConnectionError" => Nearly(
            &["NetworkError", "RemoteProtocolError", "ConnectTimeout", "ProxyError"],
            "a timeout while the body is read is a ConnectionError in requests and a ReadTimeout in httpx",
        ),
        "Timeout" => Nearly(
            &["TimeoutException"],
            "a timeout while the body is read is a ConnectionError in requests and a ReadTimeout in httpx",
        ),
        "ReadTimeout" => Nearly(
            &["ReadTimeout"],
            "a timeout while the body is read is a ConnectionError in requests and a ReadTimeout in httpx",
        ),
        "ConnectTimeout" => Classes(&["ConnectTimeout"]),
        "TooManyRedirects" => Classes(&["TooManyRedirects"]),
        "ContentDecodingError" => Classes(&["DecodingError"]),
        "StreamConsumedError" => Classes(&["StreamConsumed"]),
        "InvalidURL" | "MissingSchema" | "InvalidSchema" | "URLRequired" | "InvalidProxyURL" => Shared(
            &["InvalidURL", "UnsupportedProtocol"],
            "httpx tells fewer kinds of wrong URLs apart",
        ),
        "ChunkedEncodingError" => Shared(
            &["RemoteProtocolError", "ReadError"],
            "httpx raises the same error for a connection that is closed without an answer",
        ),
        "JSONDecodeError" => Json,
        _ => Missing,
    }
}

/// Superclasses, from the sources of requests and httpx: a class whose parent is in the same tuple need not be named.
const REQUESTS_PARENTS: &[(&str, &[&str])] = &[
    ("SSLError", &["ConnectionError", "RequestException"]),
    ("ProxyError", &["ConnectionError", "RequestException"]),
    ("InvalidHeader", &["RequestException"]),
    ("RetryError", &["RequestException"]),
    ("InvalidJSONError", &["RequestException"]),
    ("UnrewindableBodyError", &["RequestException"]),
];

const HTTPX_PARENTS: &[(&str, &[&str])] = &[
    ("HTTPStatusError", &["HTTPError"]),
    ("NetworkError", &["HTTPError"]),
    ("RemoteProtocolError", &["HTTPError"]),
    ("ReadError", &["NetworkError", "HTTPError"]),
    ("ConnectTimeout", &["TimeoutException", "HTTPError"]),
    ("ReadTimeout", &["TimeoutException", "HTTPError"]),
    ("TimeoutException", &["HTTPError"]),
    ("ProxyError", &["HTTPError"]),
    ("TooManyRedirects", &["HTTPError"]),
    ("DecodingError", &["HTTPError"]),
    ("UnsupportedProtocol", &["HTTPError"]),
];

/// One of the classes that a handler names.
enum Class<'a> {
    /// Of requests, by its short name.
    Requests(String),
    /// A builtin, by its name.
    Builtin(&'a str),
    /// Another library's that could come out of requests.
    Leaking,
    Stdlib,
    Own,
    Unknown(&'a str),
}

/// What a `try` statement, or a `with suppress(...)`, must still catch.
type Regions = BTreeMap<NodeId, Vec<Point>>;

pub(super) fn requests_exception(ctx: &crate::codemod::Context, expr: &Expr) -> Option<String> {
    let name = ctx.model.qualified_name(expr)?;
    let name = name.strip_prefix("requests.")?;
    let short = name.strip_prefix("exceptions.").unwrap_or(name);
    let is_exception = short.ends_with("Error")
        || matches!(
            short,
            "RequestException"
                | "Timeout"
                | "ConnectTimeout"
                | "ReadTimeout"
                | "TooManyRedirects"
                | "URLRequired"
                | "MissingSchema"
                | "InvalidSchema"
                | "InvalidURL"
                | "InvalidHeader"
                | "InvalidProxyURL"
        );
    (is_exception && !short.contains('.')).then(|| short.to_owned())
}

impl<'a> Conversion<'_, 'a> {
    pub(super) fn raises(&mut self, node: NodeId, raises: Raises) {
        self.points.push(Point {
            node,
            owner: self.owner,
            raises,
        });
    }

    /// Rewrites every handler that a converted call can reach.
    pub(super) fn handlers(&mut self) -> Result<(), Blame> {
        let model = self.ctx.model;
        let mut regions = Regions::new();
        let mut left: BTreeSet<(NodeId, Raises)> = BTreeSet::new();
        let mut queue = self.points.clone();
        let mut leaks: Vec<Point> = Vec::new();
        let mut is_handed_on = false;
        while let Some(point) = queue.pop() {
            if self
                .climb(point, &mut regions)
                .map_err(|reason| Blame::one(point.owner, reason))?
            {
                continue;
            }
            let Some(function) = model.enclosing_function(point.node) else {
                continue;
            };
            if !left.insert((model.id(function), point.raises)) {
                continue;
            }
            leaks.push(point);
            for use_ in self.uses_of(function) {
                match use_.awaited {
                    Some(awaited) => queue.push(Point { node: awaited, ..point }),
                    None => is_handed_on = true,
                }
            }
        }
        for (region, points) in regions {
            let owners: Vec<usize> = points.iter().map(|point| point.owner).collect();
            self.owner = owners[0];
            self.region(region, &points)
                .map_err(|Declined(reason)| Blame { owners, reason })?;
        }
        if let Some(leak) = leaks.first() {
            self.check_other_mentions()
                .and_then(|()| if is_handed_on { self.check_os_errors() } else { Ok(()) })
                .map_err(|Declined(reason)| Blame::one(leak.owner, Declined(reason)))?;
            let name = model
                .enclosing_function(leak.node)
                .map_or("the function", |function| &function.name);
            self.weigh(
                Weight::Outside,
                format!("exceptions leave `{name}`, and code elsewhere may expect those of requests"),
            );
        }
        Ok(())
    }

    /// Walks outwards through the handlers of one function; true when one of them surely catches.
    fn climb(&self, point: Point, regions: &mut Regions) -> Result<bool, Declined> {
        let model = self.ctx.model;
        let mut inner = point.node;
        for (id, node) in model.ancestors(point.node) {
            match node {
                AnyNodeRef::StmtFunctionDef(_) | AnyNodeRef::ExprLambda(_) => return Ok(false),
                AnyNodeRef::StmtTry(outer)
                    if !outer.handlers.is_empty()
                        && outer.body.iter().any(|stmt| model.contains(model.id(stmt), inner)) =>
                {
                    regions.entry(id).or_default().push(point);
                    let catches = outer.handlers.iter().any(|ExceptHandler::ExceptHandler(handler)| {
                        self.catches(handler.type_.as_deref(), point.raises) && !reraises(model, handler)
                    });
                    if catches {
                        return Ok(true);
                    }
                }
                AnyNodeRef::StmtWith(outer) if outer.body.iter().any(|stmt| model.contains(model.id(stmt), inner)) => {
                    for item in &outer.items {
                        let Expr::Call(call) = &item.context_expr else { continue };
                        let mentions =
                            call.arguments.args.iter().any(|class| {
                                requests_exception(self.ctx, class).is_some() || is_os_error(self.ctx, class)
                            });
                        if model.qualified_name(&call.func).as_deref() == Some("contextlib.suppress") {
                            if mentions {
                                regions.entry(id).or_default().push(point);
                            }
                            if call
                                .arguments
                                .args
                                .iter()
                                .any(|class| self.catches(Some(class), point.raises))
                            {
                                return Ok(true);
                            }
                        } else if mentions {
                            return Err(
                                self.keep("a context manager around it expects exceptions of requests".to_owned())
                            );
                        }
                    }
                }
                _ => {}
            }
            inner = id;
        }
        Ok(false)
    }

    fn classes(&self, type_: Option<&'a Expr>) -> Vec<(&'a Expr, Class<'a>)> {
        let elements: Vec<&Expr> = match type_ {
            None => Vec::new(),
            Some(Expr::Tuple(tuple)) => tuple.elts.iter().collect(),
            Some(other) => vec![other],
        };
        elements.into_iter().map(|class| (class, self.class(class))).collect()
    }

    fn class(&self, class: &'a Expr) -> Class<'a> {
        let model = self.ctx.model;
        if let Some(name) = requests_exception(self.ctx, class) {
            return Class::Requests(name);
        }
        if let Expr::Name(name) = class
            && model.is_builtin(class, &name.id)
        {
            return Class::Builtin(&name.id);
        }
        if model.class_named(class).is_some() {
            return Class::Own;
        }
        match model.qualified_name(class).as_deref() {
            Some(name)
                if ["requests.", "urllib3.", "http.client.", "socket.", "ssl."]
                    .iter()
                    .any(|from| name.starts_with(from)) =>
            {
                Class::Leaking
            }
            Some(name) => {
                let top = name.split('.').next().unwrap_or_default();
                if ruff_python_stdlib::sys::is_known_standard_library(14, top) || top.starts_with("httpx") {
                    Class::Stdlib
                } else {
                    Class::Unknown(model.slice(class))
                }
            }
            None => Class::Unknown(model.slice(class)),
        }
    }

    fn catches(&self, type_: Option<&Expr>, raises: Raises) -> bool {
        let Some(type_) = type_ else { return true };
        let one = |class: &Expr| {
            let builtin = |name: &str| self.ctx.model.is_builtin(class, name);
            if builtin("Exception") || builtin("BaseException") || is_os_error(self.ctx, class) {
                return true;
            }
            let name = requests_exception(self.ctx, class);
            match raises {
                Raises::Json => {
                    builtin("ValueError") || matches!(name.as_deref(), Some("RequestException" | "JSONDecodeError"))
                }
                Raises::Status => matches!(name.as_deref(), Some("RequestException" | "HTTPError")),
                Raises::Transport => name.as_deref() == Some("RequestException"),
            }
        };
        match type_ {
            Expr::Tuple(tuple) => tuple.elts.iter().any(one),
            other => one(other),
        }
    }

    /// Rewrites the handlers of one statement.
    fn region(&mut self, id: NodeId, points: &[Point]) -> Result<(), Declined> {
        let model = self.ctx.model;
        match model.node(id) {
            AnyNodeRef::StmtTry(outer) => {
                let raised: BTreeSet<Raises> = points.iter().map(|point| point.raises).collect();
                let others = outer.body.iter().any(|stmt| self.may_raise_otherwise(model.id(stmt)));
                self.tell_apart(outer)?;
                let mut done = BTreeSet::new();
                for ExceptHandler::ExceptHandler(handler) in &outer.handlers {
                    let open: BTreeSet<Raises> = raised.difference(&done).copied().collect();
                    self.handler(handler, &open, others, points)?;
                    done.extend(
                        raised
                            .iter()
                            .filter(|raises| self.catches(handler.type_.as_deref(), **raises)),
                    );
                }
                Ok(())
            }
            AnyNodeRef::StmtWith(outer) => {
                let raised: BTreeSet<Raises> = points.iter().map(|point| point.raises).collect();
                let others = outer.body.iter().any(|stmt| self.may_raise_otherwise(model.id(stmt)));
                for item in &outer.items {
                    let Expr::Call(call) = &item.context_expr else { continue };
                    for class in &call.arguments.args {
                        let (names, kept) = self.new_classes(&[(class, self.class(class))], &raised, others, points)?;
                        if names.is_empty() {
                            continue;
                        }
                        let text = kept.into_iter().chain(names).collect::<Vec<_>>().join(", ");
                        self.draft.replace(class.range(), text);
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Two handlers whose classes become the same cannot both be kept.
    fn tell_apart(&self, outer: &'a ast::StmtTry) -> Result<(), Declined> {
        let mut seen: Vec<&str> = Vec::new();
        for ExceptHandler::ExceptHandler(handler) in &outer.handlers {
            let mut own: Vec<&str> = Vec::new();
            for (_, class) in self.classes(handler.type_.as_deref()) {
                if let Class::Requests(name) = &class {
                    let names = match counterpart(name) {
                        Counterpart::Shared(names, _) | Counterpart::Nearly(names, _) => names,
                        _ => continue,
                    };
                    let clashes = names
                        .iter()
                        .any(|name| seen.contains(name) && *name != "ConnectTimeout");
                    if clashes {
                        return Err(self.keep(format!("httpx cannot tell `{name}` from what another handler catches")));
                    }
                    own.extend(names);
                }
            }
            seen.extend(own);
        }
        Ok(())
    }

    fn handler(
        &mut self,
        handler: &'a ast::ExceptHandlerExceptHandler,
        raised: &BTreeSet<Raises>,
        others: bool,
        points: &[Point],
    ) -> Result<(), Declined> {
        let Some(type_) = handler.type_.as_deref() else {
            return Ok(());
        };
        let classes = self.classes(Some(type_));
        let (names, kept) = self.new_classes(&classes, raised, others, points)?;
        let catches_ours = !names.is_empty() || raised.iter().any(|raises| self.catches(Some(type_), *raises));
        if !names.is_empty() {
            self.write_classes(handler, type_, kept, &names)?;
        }
        if let (Some(name), true) = (&handler.name, catches_ours) {
            let status = format!("{}.HTTPStatusError", self.library.name);
            let only_status = names == [status] && !others && classes.len() == 1;
            self.exception_uses(handler, name, only_status)?;
        }
        Ok(())
    }

    /// The new names, and the texts of the old ones that stay. Both empty when nothing changes.
    fn new_classes(
        &mut self,
        classes: &[(&'a Expr, Class<'a>)],
        raised: &BTreeSet<Raises>,
        others: bool,
        points: &[Point],
    ) -> Result<(Vec<String>, Vec<String>), Declined> {
        let model = self.ctx.model;
        let mut short: Vec<&str> = Vec::new();
        let mut json = false;
        let mut kept: Vec<String> = Vec::new();
        let named: Vec<String> = classes
            .iter()
            .filter_map(|(_, class)| match class {
                Class::Requests(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        for (expr, class) in classes {
            match class {
                Class::Requests(name) => {
                    self.mentioned.insert(model.id(*expr));
                    let is_covered = REQUESTS_PARENTS.iter().any(|(child, parents)| {
                        child == name && parents.iter().any(|parent| named.iter().any(|other| other == parent))
                    });
                    match counterpart(name) {
                        Counterpart::Classes(names) => short.extend(names),
                        Counterpart::Nearly(names, doubt) | Counterpart::Shared(names, doubt) => {
                            self.doubt(doubt);
                            short.extend(names);
                        }
                        Counterpart::Everything => {
                            if raised.is_empty()
                                || raised.contains(&Raises::Transport)
                                || raised.contains(&Raises::Status)
                            {
                                short.push("HTTPError");
                            }
                            if raised.is_empty() || raised.contains(&Raises::Transport) {
                                short.push("InvalidURL");
                            }
                            json |= raised.contains(&Raises::Json);
                        }
                        Counterpart::Json => json = true,
                        Counterpart::Missing if is_covered => {}
                        Counterpart::Missing => {
                            return Err(self.keep(format!("`requests.{name}` has no counterpart in httpx")));
                        }
                    }
                    if others {
                        kept.push(model.slice(*expr).to_owned());
                    }
                }
                Class::Builtin("OSError" | "IOError" | "EnvironmentError") if !raised.is_empty() => {
                    kept.push(model.slice(*expr).to_owned());
                    if raised.iter().any(|raises| *raises != Raises::Json) {
                        short.extend(["HTTPError", "InvalidURL"]);
                    }
                    json |= raised.contains(&Raises::Json);
                }
                Class::Builtin("ValueError") if raised.contains(&Raises::Transport) && !self.urls_are_known(points) => {
                    kept.push(model.slice(*expr).to_owned());
                    short.extend(["InvalidURL", "UnsupportedProtocol"]);
                }
                Class::Leaking => {
                    let text = model.slice(*expr);
                    return Err(self.keep(format!("`{text}` can come out of requests, and not of httpx")));
                }
                Class::Unknown(text) => {
                    self.doubt(format!(
                        "it is not known whether `{text}` catches exceptions of requests"
                    ));
                    kept.push((*text).to_owned());
                }
                Class::Builtin(_) | Class::Own | Class::Stdlib => kept.push(model.slice(*expr).to_owned()),
            }
        }
        if short.is_empty() && !json {
            return Ok((Vec::new(), Vec::new()));
        }
        let mut names: Vec<String> = Vec::new();
        for (index, name) in short.iter().enumerate() {
            let has_parent = HTTPX_PARENTS
                .iter()
                .any(|(child, parents)| child == name && parents.iter().any(|parent| short.contains(parent)));
            if !has_parent && !short[..index].contains(name) {
                names.push(format!("{}.{name}", self.library.name));
            }
        }
        if json {
            let module = self.import(Import::Module("json"), model.id(classes[0].0))?;
            names.push(format!("{module}.JSONDecodeError"));
            names.push("UnicodeDecodeError".to_owned());
        }
        names.retain(|name| !kept.contains(name));
        Ok((names, kept))
    }

    fn urls_are_known(&self, points: &[Point]) -> bool {
        points
            .iter()
            .filter(|point| point.raises == Raises::Transport)
            .all(|point| self.plain_urls.contains(&point.node))
    }

    fn write_classes(
        &mut self,
        handler: &'a ast::ExceptHandlerExceptHandler,
        type_: &'a Expr,
        kept: Vec<String>,
        names: &[String],
    ) -> Result<(), Declined> {
        let module = self.ctx.module;
        if !module.comments_in(type_.range()).is_empty() {
            return Err("a comment stands among the classes of the handler".into());
        }
        let all: Vec<String> = kept.into_iter().chain(names.iter().cloned()).collect();
        let text = match &*all {
            [one] => one.clone(),
            all => {
                let line = format!("({})", all.join(", "));
                let before = &module.text()[TextRange::new(module.line_start(handler.start()), type_.start())];
                let behind = &module.text()[TextRange::new(type_.end(), module.line_end(type_.end()))];
                // One level more than now, for the client around it.
                if self.ctx.fits(&format!("    {before}{line}{behind}")) {
                    line
                } else {
                    let unit = self.ctx.indent_unit(self.ctx.model.id(&handler.body[0]));
                    let lines: String = all.iter().map(|name| format!("{unit}{name},\n")).collect();
                    format!("(\n{lines})")
                }
            }
        };
        self.draft.restate(type_.range(), text);
        Ok(())
    }

    /// What the handler does with the exception.
    fn exception_uses(
        &mut self,
        handler: &'a ast::ExceptHandlerExceptHandler,
        name: &ast::Identifier,
        only_status: bool,
    ) -> Result<(), Declined> {
        let model = self.ctx.model;
        let id = model.id(handler);
        for reference in model.references_in(id) {
            if reference.name.id != name.as_str() {
                continue;
            }
            if model
                .enclosing_function(reference.node)
                .map(|function| model.id(function))
                != model.enclosing_function(id).map(|function| model.id(function))
            {
                return Err(self.keep(format!("the exception `{name}` is seen by a nested function")));
            }
            self.exception_use(reference.node, name, only_status)?;
        }
        Ok(())
    }

    fn exception_use(&mut self, node: NodeId, name: &ast::Identifier, only_status: bool) -> Result<(), Declined> {
        let model = self.ctx.model;
        let parent = model.parent(node);
        match model.node(parent) {
            AnyNodeRef::StmtRaise(_) => Ok(()),
            AnyNodeRef::ExprAttribute(attribute)
                if attribute.attr.as_str() == "response" && attribute.ctx.is_load() =>
            {
                self.error_response(attribute, name, only_status)
            }
            AnyNodeRef::ExprAttribute(attribute) if attribute.attr.as_str() == "request" && only_status => {
                self.request_use(parent)
            }
            AnyNodeRef::Arguments(_) => {
                let AnyNodeRef::ExprCall(call) = model.node(model.parent(parent)) else {
                    return Err(self.exception_text(name));
                };
                if model.is_builtin(&call.func, "isinstance")
                    && let Some(class) = call.arguments.args.get(1)
                {
                    return self.instance_test(class);
                }
                self.shown(node, name)
            }
            _ => self.shown(node, name),
        }
    }

    /// `isinstance(e, requests.Timeout)`
    fn instance_test(&mut self, class: &'a Expr) -> Result<(), Declined> {
        let classes = self.classes(Some(class));
        let raised = BTreeSet::from([Raises::Transport, Raises::Status]);
        let (names, kept) = self.new_classes(&classes, &raised, false, &[])?;
        let all: Vec<String> = kept.into_iter().chain(names.iter().cloned()).collect();
        match &*all {
            _ if names.is_empty() => {}
            [one] => self.draft.replace(class.range(), one.clone()),
            all => self.draft.replace(class.range(), format!("({})", all.join(", "))),
        }
        Ok(())
    }

    /// The text of an exception, which differs: harmless in a log, a change of behaviour anywhere else.
    fn shown(&mut self, node: NodeId, name: &ast::Identifier) -> Result<(), Declined> {
        let model = self.ctx.model;
        let is_logged = model
            .ancestors(node)
            .take_while(|(_, node)| !node.is_statement())
            .any(|(_, node)| {
                matches!(node, AnyNodeRef::ExprCall(call)
                if matches!(&*call.func, Expr::Attribute(method) if LOG_METHODS.contains(&method.attr.as_str())))
            });
        if is_logged {
            self.doubt("exceptions have other texts in logs, and those of timeouts are empty");
            return Ok(());
        }
        Err(self.exception_text(name))
    }

    fn exception_text(&self, name: &ast::Identifier) -> Declined {
        self.keep(format!(
            "the handler uses `{name}`, whose text and attributes differ in httpx"
        ))
    }

    /// `e.response`: only an error of the status has one in httpx.
    fn error_response(
        &mut self,
        attribute: &'a ast::ExprAttribute,
        name: &ast::Identifier,
        only_status: bool,
    ) -> Result<(), Declined> {
        let model = self.ctx.model;
        let id = model.id(attribute);
        if only_status {
            return self.follow(id, Value::LOADED);
        }
        let status = format!("{}.HTTPStatusError", self.library.name);
        if let AnyNodeRef::ExprCompare(compare) = model.node(model.parent(id))
            && let ([op], [other]) = (&*compare.ops, &*compare.comparators)
            && other.is_none_literal_expr()
        {
            let test = match op {
                ast::CmpOp::IsNot | ast::CmpOp::NotEq => format!("isinstance({name}, {status})"),
                ast::CmpOp::Is | ast::CmpOp::Eq => format!("not isinstance({name}, {status})"),
                _ => return Err(self.exception_text(name)),
            };
            self.draft.replace(compare.range(), test);
            return Ok(());
        }
        let text = format!("{name}.response is not None");
        let is_guarded = model.ancestors(id).any(|(outer, node)| match node {
            AnyNodeRef::StmtIf(inner) => {
                model.slice(&*inner.test) == text && inner.body.iter().any(|stmt| model.contains(model.id(stmt), id))
            }
            AnyNodeRef::ExprIf(inner) => {
                model.slice(&*inner.test) == text && inner.body.range().contains_range(model.node(id).range())
            }
            AnyNodeRef::ExprBoolOp(inner) => {
                inner.op == ast::BoolOp::And && model.slice(&inner.values[0]) == text && outer != id
            }
            _ => false,
        });
        if is_guarded {
            self.follow(id, Value::LOADED)
        } else {
            Err(self.keep(format!("`{name}.response` is not there for every exception of httpx")))
        }
    }

    /// Whether anything but the converted calls in this statement can raise an exception of requests.
    fn may_raise_otherwise(&self, stmt: NodeId) -> bool {
        let model = self.ctx.model;
        model.subtree(stmt).any(|(id, node)| match node {
            AnyNodeRef::ExprCall(call) => {
                model
                    .enclosing_function(id)
                    .is_some_and(|function| model.contains(model.id(function), stmt))
                    && !self.is_harmless(call)
            }
            AnyNodeRef::StmtRaise(raise) => raise
                .exc
                .as_deref()
                .is_some_and(|exc| requests_exception(self.ctx, crate::semantic::names::map_callable(exc)).is_some()),
            _ => false,
        })
    }

    /// Calls that cannot raise what requests raises: converted ones, builtins, the standard library's, methods of plain values and of
    /// responses, loggers, classes and functions of this module that do nothing of the kind.
    fn is_harmless(&self, call: &'a ast::ExprCall) -> bool {
        let model = self.ctx.model;
        let id = model.id(call);
        let is_raised = matches!(model.node(model.parent(id)), AnyNodeRef::StmtRaise(_)) && is_class_name(&call.func);
        if self.converted_calls.contains(&id) || is_raised {
            return true;
        }
        if let AnyNodeRef::ExprAwait(awaited) = model.node(model.parent(id))
            && self.points.iter().any(|point| point.node == model.id(awaited))
        {
            return true;
        }
        self.is_plain_call(call, 0)
    }

    fn is_plain_call(&self, call: &'a ast::ExprCall, depth: usize) -> bool {
        use crate::semantic::types::{Type, TypeOracle};
        let model = self.ctx.model;
        if let Some(name) = model.qualified_name(&call.func) {
            let top = name.split('.').next().unwrap_or_default();
            return ruff_python_stdlib::sys::is_known_standard_library(14, top)
                || (top.starts_with("httpx"))
                || is_plain_library(&name);
        }
        if let Expr::Name(name) = &*call.func
            && model.is_builtin(&call.func, &name.id)
        {
            return true;
        }
        let function = model.function_of(&call.func).or_else(|| {
            let class = model.class_named(&call.func)?;
            model.method(class, "__init__")
        });
        if let Some(function) = function {
            return depth < 4
                && model.subtree(model.id(function)).all(|(_, node)| match node {
                    AnyNodeRef::ExprCall(inner) => {
                        self.converted_calls.contains(&model.id(inner)) || self.is_plain_call(inner, depth + 1)
                    }
                    _ => true,
                });
        }
        if model.class_named(&call.func).is_some() {
            return true;
        }
        let Expr::Attribute(method) = &*call.func else {
            return false;
        };
        if self.followed.contains(&model.id(&*method.value)) || LOG_METHODS.contains(&method.attr.as_str()) {
            return true;
        }
        if model
            .subtree(model.id(&*method.value))
            .any(|(id, _)| self.followed.contains(&id))
        {
            // `r.json()["items"].get(...)`: a method of what was read from a response.
            return true;
        }
        if PLAIN_METHODS.contains(&method.attr.as_str()) && !calls::is_session(self.ctx, &method.value) {
            return true;
        }
        matches!(model.type_of(&method.value), Type::Scalar(_) | Type::Container(_))
    }

    /// A mention of an exception of requests somewhere else may expect what leaves the converted function.
    fn check_other_mentions(&self) -> Result<(), Declined> {
        let model = self.ctx.model;
        let mentions = model.references().iter().filter_map(|reference| {
            let mut node = reference.node;
            while let AnyNodeRef::ExprAttribute(_) = model.node(model.parent(node)) {
                node = model.parent(node);
            }
            let expr = model.node(node).as_expr_ref()?;
            let name = self.qualified(expr)?;
            name.then_some(node)
        });
        for mention in mentions {
            if self.mentioned.contains(&mention) || self.is_about_other_calls(mention) {
                continue;
            }
            let line = self.ctx.module.location(model.node(mention).start()).0;
            let text = model.slice(model.node(mention));
            return Err(self.keep(format!(
                "`{text}` in line {line} may expect the exceptions that leave the function"
            )));
        }
        Ok(())
    }

    /// A task or callback brings its exception to whoever awaits it: an `except OSError` there caught those of requests.
    fn check_os_errors(&self) -> Result<(), Declined> {
        let model = self.ctx.model;
        for reference in model.references() {
            let is_class = ["OSError", "IOError", "EnvironmentError"].contains(&reference.name.id.as_str());
            let handler = model
                .ancestors(reference.node)
                .find(|(_, node)| matches!(node, AnyNodeRef::ExceptHandlerExceptHandler(_)));
            let Some((handler, _)) = handler.filter(|_| is_class) else {
                continue;
            };
            let AnyNodeRef::StmtTry(outer) = model.node(model.parent(handler)) else {
                continue;
            };
            let awaits = outer.body.iter().any(|stmt| {
                model
                    .subtree(model.id(stmt))
                    .any(|(_, node)| matches!(node, AnyNodeRef::ExprAwait(_)))
            });
            if awaits {
                let line = self.ctx.module.location(reference.name.start()).0;
                return Err(self.keep(format!(
                    "`{}` in line {line} may expect the exceptions that leave the function",
                    reference.name.id
                )));
            }
        }
        Ok(())
    }

    fn qualified(&self, expr: ast::ExprRef<'a>) -> Option<bool> {
        match expr {
            ast::ExprRef::Name(name) => {
                let model = self.ctx.model;
                let path = model.imported_name(&name.id, model.scope_of(model.id(name)))?;
                let short = path.strip_prefix("requests.")?;
                let short = short.strip_prefix("exceptions.").unwrap_or(short);
                Some(!matches!(counterpart(short), Counterpart::Missing) || short.ends_with("Error"))
            }
            ast::ExprRef::Attribute(attribute) => {
                let model = self.ctx.model;
                let path = model.qualified_name(&attribute.value)?;
                let is_module = path == "requests" || path == "requests.exceptions";
                let short = attribute.attr.as_str();
                Some(is_module && (!matches!(counterpart(short), Counterpart::Missing) || short.ends_with("Error")))
            }
            _ => None,
        }
    }

    /// Whether a mention stands in the handler of a `try` that calls requests itself.
    fn is_about_other_calls(&self, mention: NodeId) -> bool {
        let model = self.ctx.model;
        let handler = model
            .ancestors(mention)
            .find(|(_, node)| matches!(node, AnyNodeRef::ExceptHandlerExceptHandler(_)));
        let Some((handler, AnyNodeRef::ExceptHandlerExceptHandler(clause))) = handler else {
            return false;
        };
        let in_clause = clause
            .type_
            .as_deref()
            .is_some_and(|type_| model.contains(model.id(type_), mention));
        let AnyNodeRef::StmtTry(outer) = model.node(model.parent(handler)) else {
            return false;
        };
        in_clause
            && outer.body.iter().any(|stmt| {
                model.subtree(model.id(stmt)).any(|(_, node)| match node {
                    AnyNodeRef::ExprCall(call) => {
                        !self.converted_calls.contains(&model.id(call))
                            && (model.qualified_name(&call.func).is_some_and(|name| name.starts_with("requests."))
                                || matches!(&*call.func, Expr::Attribute(method) if calls::is_session(self.ctx, &method.value)))
                    }
                    _ => false,
                })
            })
    }
}

/// Methods of builtin containers and text, whatever they are called on.
const PLAIN_METHODS: &[&str] = &[
    "append",
    "extend",
    "items",
    "keys",
    "values",
    "strip",
    "split",
    "lower",
    "upper",
    "format",
    "join",
    "encode",
    "decode",
    "startswith",
    "endswith",
    "replace",
];

/// Libraries that do no input or output of their own in the calls that stand in such blocks.
fn is_plain_library(name: &str) -> bool {
    [
        "fastapi.HTTPException",
        "fastapi.Response",
        "starlette.responses.",
        "fastapi.responses.",
        "bs4.BeautifulSoup",
        "loguru.",
    ]
    .iter()
    .any(|known| name.starts_with(known))
}

/// By convention a class has a capital letter; to make an exception sends no request.
fn is_class_name(callee: &Expr) -> bool {
    let name = match callee {
        Expr::Name(name) => name.id.as_str(),
        Expr::Attribute(attribute) => attribute.attr.as_str(),
        _ => return false,
    };
    name.starts_with(char::is_uppercase)
}

fn is_os_error(ctx: &crate::codemod::Context, class: &Expr) -> bool {
    ["OSError", "IOError", "EnvironmentError"]
        .iter()
        .any(|name| ctx.model.is_builtin(class, name))
}

/// Whether a handler lets the exception out again.
fn reraises(model: &crate::semantic::SemanticModel, handler: &ast::ExceptHandlerExceptHandler) -> bool {
    handler.body.iter().any(|stmt| {
        model.subtree(model.id(stmt)).any(|(_, node)| match node {
            AnyNodeRef::StmtRaise(raise) => match raise.exc.as_deref() {
                None => true,
                Some(Expr::Name(name)) => handler
                    .name
                    .as_ref()
                    .is_some_and(|own| own.as_str() == name.id.as_str()),
                _ => false,
            },
            _ => false,
        })
    })
}
