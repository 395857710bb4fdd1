//! The arguments of a call, one by one: what httpx takes unchanged, what is written another way, what moves to the client.

use ruff_python_ast::{self as ast, AnyNodeRef, ArgOrKeyword, Expr, Number, PythonVersion};
use ruff_text_size::{Ranged, TextRange};

use super::values::{self, Kind, Part};
use super::{Conversion, Weight};
use crate::codemod::Context;
use crate::finding::Declined;
use crate::importer::Import;
use crate::semantic::BindingKind;
use crate::semantic::types::{Type, TypeOracle};

/// What a call asks of the client that makes it, beyond what every client is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Configuration {
    /// Source texts of values.
    pub verify: Option<String>,
    pub trust_env: Option<String>,
    pub cookies: Option<String>,
    pub max_redirects: Option<String>,
    /// Scheme and proxy.
    pub proxies: Vec<(String, String)>,
    /// Whether one client of this make can serve several calls.
    pub is_constant: bool,
}

/// What the arguments say about the call as a whole.
pub(super) struct Request<'a> {
    pub configuration: Configuration,
    pub has_timeout: bool,
    pub streams: bool,
    /// httpx's short methods take no body: `client.request("GET", ...)`.
    pub needs_request: bool,
    pub url: Option<&'a Expr>,
}

/// Parameters behind the method's own first ones, in the order of `requests`' functions.
fn positional(verb: &str, in_session: bool) -> &'static [&'static str] {
    match (verb, in_session) {
        ("get", false) => &["url", "params"],
        ("post", _) => &["url", "data", "json"],
        ("put" | "patch", _) => &["url", "data"],
        ("request", false) => &["method", "url"],
        ("request", true) => &[
            "method", "url", "params", "data", "headers", "cookies", "files", "auth", "timeout",
        ],
        _ => &["url"],
    }
}

struct Argument<'a> {
    name: &'a str,
    value: &'a Expr,
    /// The keyword, or the positional argument with its parentheses.
    range: TextRange,
    is_keyword: bool,
}

impl<'a> Conversion<'_, 'a> {
    /// The edits of a call's arguments.
    pub(super) fn arguments(
        &mut self,
        call: &'a ast::ExprCall,
        verb: &'static str,
        in_session: bool,
    ) -> Result<Request<'a>, Declined> {
        let arguments = self.named_arguments(call, verb, in_session)?;
        let find = |name: &str| arguments.iter().find(|argument| argument.name == name);
        let url = find("url").map(|argument| argument.value);
        let parts = url.map_or_else(Vec::new, |url| values::url_parts(self.ctx, url));
        let mut request = Request {
            configuration: Configuration {
                is_constant: true,
                ..Configuration::default()
            },
            has_timeout: find("timeout").is_some(),
            streams: false,
            needs_request: false,
            url,
        };
        let Some(url) = url else {
            return Err("it has no `url`".into());
        };
        self.url(url, &parts)?;
        let has = |name: &str| find(name).is_some_and(|argument| !argument.value.is_none_literal_expr());
        if has("data") && has("json") {
            return Err("it has both `data` and `json`".into());
        }
        let mut removed = Vec::new();
        for argument in &arguments {
            if !argument.is_keyword
                && !matches!(argument.name, "url" | "method")
                && argument.name != "data"
                && argument.name != "json"
                && argument.name != "params"
            {
                self.draft.insert(argument.range.start(), format!("{}=", argument.name));
            }
            match argument.name {
                "url" | "method" => {}
                "params" => {
                    if let Params::Moved = self.params(argument, &parts, &arguments)? {
                        removed.push(argument.range);
                    }
                }
                "data" => {
                    let is_removed = argument.value.is_none_literal_expr();
                    request.needs_request |= !is_removed;
                    if is_removed {
                        removed.push(argument.range);
                    } else {
                        self.data(argument)?;
                    }
                }
                "json" => {
                    if argument.value.is_none_literal_expr() {
                        removed.push(argument.range);
                    } else {
                        request.needs_request = true;
                        self.json(argument, find("headers"), call)?;
                    }
                }
                "files" => {
                    request.needs_request = true;
                    self.files(argument, find("data"))?;
                }
                "headers" => self.headers(argument.value)?,
                "auth" => {
                    if argument.value.is_none_literal_expr() {
                        removed.push(argument.range);
                    } else {
                        self.auth(argument.value)?;
                    }
                }
                "timeout" => self.timeout(argument.value)?,
                "allow_redirects" => {
                    if argument.is_keyword {
                        self.rename(argument, "follow_redirects");
                    }
                    if argument.value.is_none_literal_expr() {
                        self.draft.replace(argument.value.range(), "False");
                    }
                }
                "stream" => {
                    match argument.value {
                        Expr::BooleanLiteral(literal) => request.streams = literal.value,
                        Expr::NoneLiteral(_) => {}
                        _ => return Err("whether it streams is decided at run time".into()),
                    }
                    removed.push(argument.range);
                }
                // What they are where they are left out.
                "cert" | "hooks" if argument.value.is_none_literal_expr() => removed.push(argument.range),
                "verify" | "proxies" | "cookies" if !in_session => {
                    self.move_to_client(argument.name, argument.value, &mut request.configuration)?;
                    removed.push(argument.range);
                }
                other => {
                    return Err(format!("httpx has no exact counterpart of `{other}=` here").into());
                }
            }
        }
        if verb == "head" && find("allow_redirects").is_none() {
            let last = arguments.iter().map(|argument| argument.range.end()).max();
            let at = last.unwrap_or(call.arguments.start());
            self.draft.insert(at, ", follow_redirects=False");
        }
        request.needs_request &= matches!(verb, "get" | "options" | "head" | "delete");
        if request.needs_request {
            let quoted = self.quoted(call, &verb.to_uppercase())?;
            let first = arguments.iter().map(|argument| argument.range.start()).min();
            self.draft
                .insert(first.unwrap_or(call.arguments.start()), format!("{quoted}, "));
        }
        for range in removed {
            self.remove_argument(call, range)?;
        }
        Ok(request)
    }

    fn named_arguments(
        &self,
        call: &'a ast::ExprCall,
        verb: &str,
        in_session: bool,
    ) -> Result<Vec<Argument<'a>>, Declined> {
        let names = positional(verb, in_session);
        let mut arguments = Vec::new();
        for (index, argument) in call.arguments.iter_source_order().enumerate() {
            match argument {
                ArgOrKeyword::Arg(Expr::Starred(_)) => {
                    return Err("its arguments are not all visible (`*args`)".into());
                }
                ArgOrKeyword::Arg(value) => {
                    let name = names
                        .get(index)
                        .ok_or_else(|| Declined::from("it has more positional arguments than are known here"))?;
                    arguments.push(Argument {
                        name,
                        value,
                        range: self.with_parentheses(value),
                        is_keyword: false,
                    });
                }
                ArgOrKeyword::Keyword(keyword) => {
                    let name = keyword
                        .arg
                        .as_ref()
                        .ok_or_else(|| Declined::from("its keywords are not all visible (`**kwargs`)"))?;
                    arguments.push(Argument {
                        name,
                        value: &keyword.value,
                        range: keyword.range,
                        is_keyword: true,
                    });
                }
            }
        }
        Ok(arguments)
    }

    fn with_parentheses(&self, expr: &'a Expr) -> TextRange {
        let parent = self.ctx.model.node(self.ctx.model.parent(self.ctx.model.id(expr)));
        ruff_python_ast::token::parenthesized_range(expr.into(), parent, self.ctx.module.tokens())
            .unwrap_or(expr.range())
    }

    fn rename(&mut self, argument: &Argument, name: &str) {
        let length = ruff_text_size::TextSize::of(argument.name);
        self.draft
            .replace(TextRange::at(argument.range.start(), length), name.to_owned());
    }

    fn remove_argument(&mut self, call: &'a ast::ExprCall, range: TextRange) -> Result<(), Declined> {
        let before = call
            .arguments
            .iter_source_order()
            .map(|argument| match argument {
                ArgOrKeyword::Arg(value) => self.with_parentheses(value),
                ArgOrKeyword::Keyword(keyword) => keyword.range,
            })
            .filter(|other| other.end() <= range.start())
            .map(TextRange::end)
            .max();
        let start = before.ok_or("an argument that has no counterpart comes first")?;
        let gone = TextRange::new(start, range.end());
        if !self.ctx.module.comments_in(gone).is_empty() {
            return Err("a comment stands beside an argument that has to move".into());
        }
        self.draft.delete(gone);
        Ok(())
    }

    /// A string literal of a plain text, in quotes that may stand where the call stands.
    pub(super) fn quoted(&self, call: &'a ast::ExprCall, text: &str) -> Result<String, Declined> {
        let model = self.ctx.model;
        let in_fstring = model
            .ancestors(model.id(call))
            .any(|(_, node)| matches!(node, AnyNodeRef::ExprFString(_)));
        if in_fstring && self.ctx.settings.target < PythonVersion::PY312 {
            return Err("it stands in an f-string, which cannot hold another string literal before Python 3.12".into());
        }
        Ok(format!("\"{text}\""))
    }

    fn url(&mut self, url: &'a Expr, parts: &[Part]) -> Result<(), Declined> {
        match self.ctx.model.type_of(url) {
            Type::Scalar("str") => {}
            Type::Unknown if values::kind(self.ctx, url) == Kind::Bytes => return Err("its URL is not a str".into()),
            Type::Unknown => {
                if !matches!(parts.first(), Some(Part::Text(_))) {
                    self.weigh(Weight::Value, "the URL is not known to be a str");
                }
            }
            _ => return Err("its URL is not a str".into()),
        }
        if !values::is_plain(parts) || !values::starts_with_scheme(parts) {
            self.weigh(Weight::Value, "httpx may quote characters of the URL in another way");
        }
        Ok(())
    }

    /// `params=` as it stands where both libraries surely send the same, else a helper that writes the query as requests does.
    fn params(&mut self, argument: &Argument<'a>, parts: &[Part], all: &[Argument<'a>]) -> Result<Params, Declined> {
        let keyword = |this: &mut Self| {
            if !argument.is_keyword {
                this.draft.insert(argument.range.start(), "params=");
            }
            Ok(Params::Kept)
        };
        if argument.value.is_none_literal_expr() {
            return keyword(self);
        }
        let exact = if values::has_no_query(parts) {
            self.plain_entries(argument.value, "params")
        } else {
            Err("the URL may have a query of its own, which httpx replaces by `params`".into())
        };
        let Err(why) = exact else { return keyword(self) };
        let Some(url) = all.iter().find(|argument| argument.name == "url") else {
            return Err(why);
        };
        if self.options.plain {
            self.doubt(why.0);
            return keyword(self);
        }
        let is_next = argument.range.start() > url.range.end()
            && !all
                .iter()
                .any(|other| other.range.start() > url.range.end() && other.range.end() < argument.range.start());
        // What stands between them would be evaluated after it, so that it must be free of effects.
        if !is_next && !is_name(argument.value) {
            return Err(why);
        }
        let helper = self.helper(&super::helpers::WITH_PARAMS)?;
        let url_start = self.with_parentheses(url.value).start();
        self.draft.insert(url_start, format!("{helper}("));
        if is_next {
            let value = self.with_parentheses(argument.value);
            if argument.is_keyword {
                self.draft.delete(TextRange::new(argument.range.start(), value.start()));
            }
            self.draft.insert(argument.range.end(), ")");
            return Ok(Params::Kept);
        }
        let text = self.ctx.model.slice(argument.value);
        self.draft.insert(url.range.end(), format!(", {text})"));
        Ok(Params::Moved)
    }

    /// Text keys, and values that both libraries write in the same way: text, numbers, flat lists of these.
    pub(super) fn plain_entries(&mut self, value: &'a Expr, name: &str) -> Result<(), Declined> {
        let ctx = self.ctx;
        let unknown = |what: &str| Declined(format!("{what}, which httpx may send in another way"));
        let Some((dict, stored)) = values::visible_dict(ctx, value) else {
            return Err(unknown(&format!("the entries of `{name}` are not visible")));
        };
        let is_plain = |value: &Expr| matches!(values::kind(ctx, value), Kind::Str | Kind::Number);
        for item in dict {
            let Some(key) = &item.key else {
                return Err(unknown(&format!("the entries of `{name}` are not visible")));
            };
            if values::kind(ctx, key) != Kind::Str {
                return Err(unknown(&format!(
                    "the key `{}` of `{name}` is not known to be text",
                    ctx.model.slice(key)
                )));
            }
        }
        for value in dict
            .items
            .iter()
            .map(|item| &item.value)
            .chain(stored.iter().map(|(_, value)| *value))
        {
            let plain = match value {
                Expr::List(list) => list.elts.iter().all(is_plain),
                Expr::Tuple(tuple) => tuple.elts.iter().all(is_plain),
                value => is_plain(value),
            };
            if !plain {
                return Err(unknown(&format!(
                    "`{}` in `{name}` may be None, a bool or bytes",
                    ctx.model.slice(value)
                )));
            }
        }
        if dict.is_empty() && name == "params" {
            return Err(unknown("`params` is empty"));
        }
        Ok(())
    }

    fn data(&mut self, argument: &Argument<'a>) -> Result<(), Declined> {
        let name = match values::kind(self.ctx, argument.value) {
            Kind::Str | Kind::Bytes => "content",
            _ if values::visible_dict(self.ctx, argument.value).is_some() => {
                self.plain_entries(argument.value, "data")?;
                "data"
            }
            _ => {
                return Err("`data` is not known to be text, bytes or a dict of plain values".into());
            }
        };
        if argument.is_keyword {
            if name != "data" {
                self.rename(argument, name);
            }
        } else {
            self.draft.insert(argument.range.start(), format!("{name}="));
        }
        Ok(())
    }

    /// The same bytes that requests sends, where it can be written down; else httpx's own, more compact form.
    fn json(
        &mut self,
        argument: &Argument<'a>,
        headers: Option<&Argument<'a>>,
        call: &'a ast::ExprCall,
    ) -> Result<(), Declined> {
        match self.exact_json(argument, headers, call) {
            Some(()) => Ok(()),
            None => {
                if !argument.is_keyword {
                    self.draft.insert(argument.range.start(), "json=");
                }
                if !self.library.is_before(0, 28) {
                    self.doubt("httpx writes the JSON of the body without spaces and with raw UTF-8: the same value in other bytes");
                }
                Ok(())
            }
        }
    }

    fn exact_json(
        &mut self,
        argument: &Argument<'a>,
        headers: Option<&Argument<'a>>,
        call: &'a ast::ExprCall,
    ) -> Option<()> {
        let ctx = self.ctx;
        let is_present = match values::kind(ctx, argument.value) {
            Kind::None | Kind::Unknown | Kind::Other => false,
            Kind::Str | Kind::Bytes | Kind::Number | Kind::Bool | Kind::Container | Kind::Tuple => true,
        };
        if !is_present || self.options.plain || self.library.is_before(0, 28) {
            return None;
        }
        let key = self.quoted(call, "Content-Type").ok()?;
        let kind = self.quoted(call, "application/json").ok()?;
        let entry = match headers {
            None => Entry::Keyword,
            Some(headers) => {
                let (dict, stored) = values::visible_dict(ctx, headers.value)?;
                let mut named = false;
                for item in dict {
                    let Some(Expr::StringLiteral(key)) = &item.key else {
                        return None;
                    };
                    named |= key.value.to_str().eq_ignore_ascii_case("content-type");
                }
                for (key, _) in stored {
                    let Expr::StringLiteral(key) = key else { return None };
                    // It may be stored after the call, or not at all.
                    if key.value.to_str().eq_ignore_ascii_case("content-type") {
                        return None;
                    }
                }
                match headers.value {
                    _ if named => Entry::Present,
                    Expr::Dict(dict) => Entry::Literal(dict),
                    value => Entry::Variable(value),
                }
            }
        };
        let json = self.import(Import::Module("json"), ctx.model.id(call)).ok()?;
        if argument.is_keyword {
            let before_value = TextRange::new(argument.range.start(), self.with_parentheses(argument.value).start());
            self.draft.replace(before_value, format!("content={json}.dumps("));
        } else {
            self.draft
                .insert(argument.range.start(), format!("content={json}.dumps("));
        }
        self.draft.insert(argument.range.end(), ", allow_nan=False)");
        let added = match entry {
            Entry::Present => 34,
            _ => 83,
        };
        let breaks = self.one_argument_per_line(call, added);
        match entry {
            Entry::Present => {}
            Entry::Keyword if breaks.is_some() => {
                let unit = breaks.unwrap_or_default();
                let text = format!(",\n{unit}headers={{{key}: {kind}}}");
                self.draft
                    .insert_lines(argument.range.end(), argument.range.start(), text);
            }
            Entry::Keyword => self
                .draft
                .insert(argument.range.end(), format!(", headers={{{key}: {kind}}}")),
            Entry::Literal(dict) => match dict.items.last() {
                Some(last) => self
                    .draft
                    .insert(self.with_parentheses_in(dict, &last.value), format!(", {key}: {kind}")),
                None => self.draft.replace(dict.range(), format!("{{{key}: {kind}}}")),
            },
            Entry::Variable(value) => {
                let text = format!("{{**{}, {key}: {kind}}}", ctx.model.slice(value));
                self.draft.replace(value.range(), text);
            }
        }
        Some(())
    }

    /// Puts each argument on a line of its own when the line would become too long. When it is so afterwards: by what an argument is
    /// indented more than the line on which it stands now.
    fn one_argument_per_line(&mut self, call: &'a ast::ExprCall, added: usize) -> Option<&'static str> {
        let module = self.ctx.module;
        let line_of = |offset| module.line_start(offset);
        let ranges: Vec<TextRange> = call
            .arguments
            .iter_source_order()
            .map(|argument| match argument {
                ArgOrKeyword::Arg(value) => self.with_parentheses(value),
                ArgOrKeyword::Keyword(keyword) => keyword.range,
            })
            .collect();
        let (first, last) = (ranges.first()?, ranges.last()?);
        if ranges.iter().all(|range| module.is_first_on_line(range.start())) {
            return Some("");
        }
        let is_one_line = line_of(first.start()) == line_of(last.end());
        let line = TextRange::new(line_of(first.start()), module.line_end(first.start()));
        let width = self.ctx.width(module.slice(line)) + added;
        // Four columns more than now, for the client around it.
        if !is_one_line || width + 4 <= self.ctx.settings.line_length || !module.comments_in(call.range()).is_empty() {
            return None;
        }
        let own_line = module.is_first_on_line(first.start());
        let unit = if own_line { "" } else { "    " };
        if !own_line && line_of(first.start()) != line_of(call.end()) {
            return None;
        }
        for pair in ranges.windows(2) {
            let between = TextRange::new(pair[0].end(), pair[1].start());
            self.draft.restate(between, format!(",\n{unit}"));
        }
        if !own_line {
            let open = call.arguments.start() + ruff_text_size::TextSize::from(1);
            self.draft
                .restate(TextRange::new(open, first.start()), format!("\n{unit}"));
            let close = TextRange::new(last.end(), call.end() - ruff_text_size::TextSize::from(1));
            self.draft.delete(close);
            self.draft.insert_lines_last(close.end(), call.start(), ",\n");
        }
        if own_line && !self.ctx.module.text()[TextRange::new(last.end(), call.end())].contains(',') {
            self.draft.insert_lines_last(last.end(), first.start(), ",");
        }
        Some(unit)
    }

    fn with_parentheses_in(&self, dict: &'a ast::ExprDict, value: &'a Expr) -> ruff_text_size::TextSize {
        ruff_python_ast::token::parenthesized_range(value.into(), dict.into(), self.ctx.module.tokens())
            .unwrap_or(value.range())
            .end()
    }

    /// The parts of a form, each a field or with a name and a type of its own: anything less, httpx completes in another way than requests.
    fn files(&mut self, argument: &Argument<'a>, data: Option<&Argument<'a>>) -> Result<(), Declined> {
        let ctx = self.ctx;
        // Pairs become a body, and that cannot have files beside it.
        if data
            .is_some_and(|data| !data.value.is_none_literal_expr() && values::visible_dict(ctx, data.value).is_none())
        {
            return Err("what httpx makes of `data` beside `files` is known only of a dict".into());
        }
        for part in parts(ctx, argument.value).ok_or(UNKNOWN_PARTS)? {
            let content = match part {
                Expr::Tuple(part) => match &*part.elts {
                    [Expr::NoneLiteral(_), content] | [_, content, _] => content,
                    _ => return Err(UNKNOWN_PARTS.into()),
                },
                _ => return Err(UNKNOWN_PARTS.into()),
            };
            self.content_of_part(content)?;
        }
        Ok(())
    }

    fn content_of_part(&mut self, content: &'a Expr) -> Result<(), Declined> {
        let ctx = self.ctx;
        if let Some(opened) = opened(ctx, content) {
            let mode = opened.arguments.find_argument_value("mode", 1);
            if !matches!(mode, Some(Expr::StringLiteral(mode)) if mode.value.to_str().contains('b')) {
                return Err("httpx takes no file of `files` that was opened as text".into());
            }
        }
        if self.may_have_moved(content) {
            return Err(
                "httpx sends a file of `files` from its start, and this one may have been read or written before"
                    .into(),
            );
        }
        let is_whole = is_bytes_io(ctx, content)
            || matches!(values::kind(ctx, content), Kind::Bytes | Kind::Str)
            || content.is_call_expr() && opened(ctx, content).is_some();
        if !is_whole {
            self.doubt("httpx sends a file of `files` from its start, requests from its current position");
        }
        Ok(())
    }

    /// Whether the function has a file do something beside sending it, so that it may not stand at its start.
    fn may_have_moved(&self, file: &'a Expr) -> bool {
        let model = self.ctx.model;
        let Expr::Name(name) = file else { return false };
        model
            .references_like(name)
            .any(|reference| matches!(model.node(model.parent(reference.node)), AnyNodeRef::ExprAttribute(_)))
    }

    pub(super) fn headers(&mut self, value: &'a Expr) -> Result<(), Declined> {
        let ctx = self.ctx;
        if value.is_none_literal_expr() {
            return Ok(());
        }
        let Some((dict, stored)) = values::visible_dict(ctx, value) else {
            self.weigh(Weight::Value, "the values of `headers` are not known to be ASCII text");
            return Ok(());
        };
        for value in dict
            .items
            .iter()
            .map(|item| &item.value)
            .chain(stored.iter().map(|(_, value)| *value))
        {
            self.header_value(value)?;
        }
        Ok(())
    }

    pub(super) fn header_value(&mut self, value: &'a Expr) -> Result<(), Declined> {
        match (values::kind(self.ctx, value), value) {
            (_, Expr::StringLiteral(text)) => {
                if !text.value.to_str().is_ascii() {
                    return Err("a header is not ASCII, which httpx refuses".into());
                }
            }
            (Kind::Bytes, _) => {}
            (Kind::Str | Kind::Unknown, _) => {
                self.weigh(Weight::Value, "the values of `headers` are not known to be ASCII text")
            }
            _ => {
                let text = self.ctx.model.slice(value);
                return Err(format!("the header value `{text}` is no text, which httpx refuses").into());
            }
        }
        Ok(())
    }

    pub(super) fn auth(&mut self, value: &'a Expr) -> Result<(), Declined> {
        let ctx = self.ctx;
        match value {
            Expr::Tuple(tuple) if tuple.elts.len() == 2 => {
                let is_ascii =
                    |part: &Expr| matches!(part, Expr::StringLiteral(text) if text.value.to_str().is_ascii());
                if tuple.elts.iter().any(|part| self.is_not_ascii(part)) {
                    return Err("requests and httpx encode user name and password in another way".into());
                }
                if !tuple.elts.iter().all(is_ascii) {
                    self.weigh(Weight::Value, "user name and password are not known to be ASCII text");
                }
                return Ok(());
            }
            Expr::Call(call) => {
                let name = ctx.model.qualified_name(&call.func);
                let counterpart = match name.as_deref() {
                    Some("requests.auth.HTTPBasicAuth") => "BasicAuth",
                    Some("requests.auth.HTTPDigestAuth") => "DigestAuth",
                    _ => return self.auth_object(value),
                };
                let mut parts = call.arguments.iter_source_order();
                if parts.any(|part| self.is_not_ascii(part.value())) {
                    return Err("requests and httpx encode user name and password in another way".into());
                }
                let text = format!("{}.{counterpart}", self.library.name);
                self.draft.replace(call.func.range(), text);
                self.weigh(Weight::Value, "user name and password are not known to be ASCII text");
                return Ok(());
            }
            _ => {}
        }
        self.auth_object(value)
    }

    /// Whether a text, or what a name of the module always stands for, is one that requests sends as Latin-1 and httpx as UTF-8.
    fn is_not_ascii(&self, part: &'a Expr) -> bool {
        let model = self.ctx.model;
        let is_other = |expr: &Expr| matches!(expr, Expr::StringLiteral(text) if !text.value.to_str().is_ascii());
        let unpacked = || {
            let Expr::Name(name) = part else { return false };
            let Some(binding) = model.sole_binding(&name.id, model.scope_of(model.id(name))) else {
                return false;
            };
            // `USER, PASSWORD = "user", "p"`
            let tuple = model.parent(binding.node);
            match (model.node(tuple), model.node(model.parent(tuple))) {
                (AnyNodeRef::ExprTuple(targets), AnyNodeRef::StmtAssign(assign)) => {
                    let at = targets.elts.iter().position(|target| target.range() == binding.range);
                    let values = assign.value.as_tuple_expr();
                    at.zip(values)
                        .and_then(|(at, values)| values.elts.get(at))
                        .is_some_and(is_other)
                }
                _ => false,
            }
        };
        is_other(part) || model.sole_value(part).is_some_and(is_other) || unpacked()
    }

    /// An object that both libraries call with the request: it may set headers, and must give the request back.
    fn auth_object(&mut self, value: &'a Expr) -> Result<(), Declined> {
        let model = self.ctx.model;
        let unknown = || Declined::from("what `auth` is given is not known to work with httpx");
        if values::kind(self.ctx, value) == Kind::Tuple {
            self.weigh(Weight::Value, "user name and password are not known to be ASCII text");
            return Ok(());
        }
        let class = model.class_of(value).ok_or_else(unknown)?;
        let is_auth = class.bases().iter().all(|base| {
            model.qualified_name(base).as_deref() == Some("requests.auth.AuthBase") || model.is_builtin(base, "object")
        });
        let call = class.body.iter().find_map(|stmt| match stmt {
            ast::Stmt::FunctionDef(method) if method.name.as_str() == "__call__" => Some(method),
            _ => None,
        });
        let (Some(call), true) = (call, is_auth) else {
            return Err(unknown());
        };
        let request = call.parameters.args.get(1).ok_or_else(unknown)?.name();
        let only_sets_headers = model.references_in(model.id(call)).iter().all(|reference| {
            reference.name.id != request.as_str()
                || match model.node(model.parent(reference.node)) {
                    AnyNodeRef::ExprAttribute(attribute) => {
                        attribute.attr.as_str() == "headers"
                            && matches!(
                                model.node(model.parent(model.parent(reference.node))),
                                AnyNodeRef::ExprSubscript(_)
                            )
                    }
                    AnyNodeRef::StmtReturn(_) => true,
                    _ => false,
                }
        });
        if only_sets_headers {
            self.doubt("`auth` is an object made for requests, which httpx only calls");
            Ok(())
        } else {
            Err(unknown())
        }
    }

    fn timeout(&mut self, value: &'a Expr) -> Result<(), Declined> {
        let is_zero_or_less = match value {
            Expr::NumberLiteral(number) => match &number.value {
                Number::Int(value) => value.as_i64() == Some(0),
                Number::Float(value) => *value <= 0.0,
                Number::Complex { .. } => true,
            },
            Expr::UnaryOp(_) => true,
            _ => false,
        };
        if is_zero_or_less {
            return Err("requests refuses a timeout that is not positive, httpx gives up at once".into());
        }
        if let Type::Foreign(_) | Type::Instance(_) = self.ctx.model.type_of(value) {
            return Err("what `timeout` is given is not known to work with httpx".into());
        }
        Ok(())
    }

    /// What httpx takes only when the client is made.
    pub(super) fn move_to_client(
        &mut self,
        name: &str,
        value: &'a Expr,
        configuration: &mut Configuration,
    ) -> Result<(), Declined> {
        let ctx = self.ctx;
        if value.is_none_literal_expr() {
            return Ok(());
        }
        configuration.is_constant &= is_constant(value);
        if !is_constant(value) {
            self.must_be_visible_outside(value)?;
        }
        let text = ctx.model.slice(value).to_owned();
        match name {
            "verify" => match value {
                Expr::BooleanLiteral(literal) => {
                    if !literal.value {
                        configuration.verify = Some(text);
                    }
                    Ok(())
                }
                Expr::StringLiteral(path) => {
                    let path = path.value.to_str();
                    if ![".pem", ".crt", ".cer"].iter().any(|ending| path.ends_with(ending)) {
                        return Err("`verify` may name a file or a folder".into());
                    }
                    let ssl = self.import(Import::Module("ssl"), ctx.model.id(value))?;
                    configuration.verify = Some(format!("{ssl}.create_default_context(cafile={text})"));
                    Ok(())
                }
                _ if values::kind(ctx, value) == Kind::Bool => {
                    configuration.verify = Some(text);
                    Ok(())
                }
                _ => Err("`verify` may be a bool or a path, which httpx takes in different ways".into()),
            },
            "cookies" => {
                let Some((dict, stored)) = values::visible_dict(ctx, value) else {
                    return Err("`cookies` is not known to be a dict of text".into());
                };
                let is_text = |value: &Expr| values::kind(ctx, value) == Kind::Str;
                if !dict
                    .items
                    .iter()
                    .all(|item| item.key.as_ref().is_some_and(is_text) && is_text(&item.value))
                    || !stored.iter().all(|(key, value)| is_text(key) && is_text(value))
                {
                    return Err("`cookies` is not known to be a dict of text".into());
                }
                // The jar belongs to one request: another one with the same client would send it as well.
                configuration.is_constant = false;
                configuration.cookies = Some(text);
                Ok(())
            }
            "proxies" => self.proxies(value, configuration),
            "trust_env" if value.is_boolean_literal_expr() => {
                configuration.trust_env = Some(text);
                Ok(())
            }
            _ => Err(format!("httpx has no exact counterpart of `{name}=` here").into()),
        }
    }

    fn proxies(&mut self, value: &'a Expr, configuration: &mut Configuration) -> Result<(), Declined> {
        let ctx = self.ctx;
        let declined = || Declined::from("`proxies` is not a literal dict of http and https");
        let Expr::Dict(dict) = value else {
            return Err(declined());
        };
        if self.library.is_before(0, 26) {
            return Err("`proxies` is written in another way before httpx 0.26".into());
        }
        for item in dict {
            let Some(Expr::StringLiteral(scheme)) = &item.key else {
                return Err(declined());
            };
            let scheme = scheme.value.to_str();
            if !matches!(scheme, "http" | "https" | "all") || item.value.is_none_literal_expr() {
                return Err(declined());
            }
            if !values::starts_with_scheme(&values::url_parts(ctx, &item.value)) {
                self.doubt("httpx wants a scheme in the address of a proxy");
            }
            let proxy = ctx.model.slice(&item.value).to_owned();
            configuration.proxies.push((scheme.to_owned(), proxy));
        }
        Ok(())
    }

    /// Refuses an expression that cannot be written in front of the statement: its names are bound inside of it.
    fn must_be_visible_outside(&self, value: &'a Expr) -> Result<(), Declined> {
        let model = self.ctx.model;
        let own = model.body_scope(self.function);
        let is_plain = model.subtree(model.id(value)).all(|(_, node)| {
            matches!(
                node,
                AnyNodeRef::ExprName(_)
                    | AnyNodeRef::ExprAttribute(_)
                    | AnyNodeRef::ExprDict(_)
                    | AnyNodeRef::ExprStringLiteral(_)
                    | AnyNodeRef::StringLiteral(_)
                    | AnyNodeRef::ExprFString(_)
                    | AnyNodeRef::FString(_)
                    | AnyNodeRef::InterpolatedElement(_)
                    | AnyNodeRef::InterpolatedStringLiteralElement(_)
            )
        });
        let is_outside = model.references_in(model.id(value)).iter().all(|reference| {
            match model.lookup(&reference.name.id, reference.scope) {
                crate::semantic::names::Lookup::Scope(scope) => {
                    scope == own
                        || matches!(
                            model.scope(scope).kind,
                            crate::semantic::ScopeKind::Function(_) | crate::semantic::ScopeKind::Module
                        )
                }
                _ => true,
            }
        });
        if is_plain && is_outside {
            Ok(())
        } else {
            Err(format!("`{}` would be evaluated earlier than now", model.slice(value)).into())
        }
    }
}

/// What becomes of the argument itself.
enum Params {
    Kept,
    Moved,
}

fn is_name(value: &Expr) -> bool {
    match value {
        Expr::Name(_) => true,
        Expr::Attribute(attribute) => is_name(&attribute.value),
        _ => false,
    }
}

/// Where the `Content-Type` of a JSON body goes.
enum Entry<'a> {
    Present,
    Keyword,
    Literal(&'a ast::ExprDict),
    Variable(&'a Expr),
}

fn is_constant(value: &Expr) -> bool {
    match value {
        Expr::BooleanLiteral(_) | Expr::StringLiteral(_) | Expr::NumberLiteral(_) | Expr::NoneLiteral(_) => true,
        Expr::Dict(dict) => dict
            .items
            .iter()
            .all(|item| item.key.as_ref().is_some_and(is_constant) && is_constant(&item.value)),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_constant),
        _ => false,
    }
}

const UNKNOWN_PARTS: &str = "httpx gives the parts of `files` another name or type";

/// The parts of a form: of a dict that is seen as a whole, or of a list of pairs.
fn parts<'a>(ctx: &Context<'a>, value: &'a Expr) -> Option<Vec<&'a Expr>> {
    let pairs = match value {
        Expr::List(list) => &list.elts,
        Expr::Tuple(tuple) => &tuple.elts,
        _ => {
            let (dict, stored) = values::visible_dict(ctx, value)?;
            let items = dict.items.iter().map(|item| item.key.as_ref().map(|_| &item.value));
            return items.chain(stored.into_iter().map(|(_, part)| Some(part))).collect();
        }
    };
    let pairs = pairs.iter().map(|pair| match pair {
        Expr::Tuple(pair) => match &*pair.elts {
            [_, part] => Some(part),
            _ => None,
        },
        _ => None,
    });
    pairs.collect()
}

fn is_bytes_io(ctx: &Context, content: &Expr) -> bool {
    matches!(content, Expr::Call(call) if ctx.model.qualified_name(&call.func).as_deref() == Some("io.BytesIO"))
}

/// The call of `open` whose file an expression is.
fn opened<'a>(ctx: &Context<'a>, content: &'a Expr) -> Option<&'a ast::ExprCall> {
    let model = ctx.model;
    match content {
        Expr::Call(call) => model.is_builtin(&call.func, "open").then_some(call),
        Expr::Name(name) => {
            let binding = model.sole_binding(&name.id, model.scope_of(model.id(name)))?;
            match binding.kind {
                BindingKind::With(item, _) => opened(ctx, &item.context_expr),
                BindingKind::Assignment(value) if value.is_call_expr() => opened(ctx, value),
                _ => None,
            }
        }
        _ => None,
    }
}
