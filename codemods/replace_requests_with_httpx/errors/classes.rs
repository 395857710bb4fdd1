//! The exception classes of requests, and which of httpx are caught in their place.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, Expr};
use ruff_text_size::{Ranged, TextRange};

use super::Conversion;
use super::{Point, Raises};
use crate::finding::Declined;
use crate::importer::Import;
use crate::semantic::names::is_standard;

/// What stands for an exception class of requests.
pub(super) enum Counterpart {
    Classes(&'static [&'static str]),
    /// As above, for a class that does not catch quite the same.
    Nearly(&'static [&'static str], &'static str),
    /// A family of httpx that several classes of requests share: two handlers of one `try` cannot be told apart any more.
    Shared(&'static [&'static str], &'static str),
    Everything,
    Json,
    Missing,
}

/// Superclasses, from the sources of requests and httpx: a class whose parent is in the same tuple need not be named.
pub(super) const REQUESTS_PARENTS: &[(&str, &[&str])] = &[
    ("SSLError", &["ConnectionError", "RequestException"]),
    ("ProxyError", &["ConnectionError", "RequestException"]),
    ("InvalidHeader", &["RequestException"]),
    ("RetryError", &["RequestException"]),
    ("InvalidJSONError", &["RequestException"]),
    ("UnrewindableBodyError", &["RequestException"]),
];

pub(super) const HTTPX_PARENTS: &[(&str, &[&str])] = &[
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
pub(super) enum Class<'a> {
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

pub(crate) fn requests_exception(ctx: &crate::codemod::Context, expr: &Expr) -> Option<String> {
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
    pub(super) fn classes(&self, type_: Option<&'a Expr>) -> Vec<(&'a Expr, Class<'a>)> {
        let elements: Vec<&Expr> = match type_ {
            None => Vec::new(),
            Some(Expr::Tuple(tuple)) => tuple.elts.iter().collect(),
            Some(other) => vec![other],
        };
        elements.into_iter().map(|class| (class, self.class(class))).collect()
    }

    pub(super) fn class(&self, class: &'a Expr) -> Class<'a> {
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
                if is_standard(name) || name.starts_with("httpx") {
                    Class::Stdlib
                } else {
                    Class::Unknown(model.slice(class))
                }
            }
            None => Class::Unknown(model.slice(class)),
        }
    }

    pub(super) fn catches(&self, type_: Option<&Expr>, raises: Raises) -> bool {
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

    /// The new names, and the texts of the old ones that stay. Both empty when nothing changes.
    pub(super) fn new_classes(
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

    pub(super) fn urls_are_known(&self, points: &[Point]) -> bool {
        points
            .iter()
            .filter(|point| point.raises == Raises::Transport)
            .all(|point| self.plain_urls.contains(&point.node))
    }

    pub(super) fn write_classes(
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

    /// Whether a class of this module derives from an exception of requests.
    pub(super) fn is_derived(&self, class: &Expr, depth: usize) -> bool {
        let Some(class) = self.ctx.model.class_named(class) else {
            return false;
        };
        class.bases().iter().any(|base| {
            requests_exception(self.ctx, base).is_some() || (depth < 10 && self.is_derived(base, depth + 1))
        })
    }
}

/// By the name behind `requests.` or `requests.exceptions.`
pub(super) fn counterpart(name: &str) -> Counterpart {
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

pub(super) fn is_os_error(ctx: &crate::codemod::Context, class: &Expr) -> bool {
    ["OSError", "IOError", "EnvironmentError"]
        .iter()
        .any(|name| ctx.model.is_builtin(class, name))
}
