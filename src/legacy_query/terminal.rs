//! The edits of one chain: `session.query(` becomes `session.execute(select(`, links are renamed, and the end follows from what it was.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Number};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::Parts;
use super::chain::{self, Chain, End, Link, Root, Unit};
use super::entities::{self, Selected};
use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::semantic::types::{Type, TypeOracle};

/// Links that only say which rows are meant.
const FILTERS: &[&str] = &["filter", "filter_by", "where"];

/// What surrounds the statement of a chain.
struct Around {
    /// The session's method that runs it.
    method: &'static str,
    /// What stands between that method and the statement's own arguments: `select`, or `select(func.count()).select_from`.
    opening: String,
    /// What stands behind the statement's last link.
    behind: String,
    /// What stands behind that, outside of a bracket that the opening leaves open for a name.
    more: String,
    /// What the result is made of, behind the call.
    result: String,
}

pub fn rewrite<'a>(
    ctx: &Context<'a>,
    unit: &Unit<'a>,
    chain: &Chain<'a>,
    selected: &Selected<'a>,
    is_async: bool,
    parts: &mut Parts,
) -> Result<(), Declined> {
    links(ctx, chain, parts)?;
    let here = entities::of_chain(ctx, chain, selected)?;
    let unique = if here.is_made_unique() { ".unique()" } else { "" };
    let objects = if here.is_single() {
        format!(".scalars(){unique}")
    } else {
        unique.to_owned()
    };
    let writer = Writer {
        ctx,
        unit,
        chain,
        is_async,
    };
    if chain.links.iter().any(|link| link.name() == "yield_per") {
        return writer.streamed(&here, parts);
    }
    match &chain.end {
        End::Bound(_) if here.is_single() != selected.is_single() || here.has_entity != selected.has_entity => {
            Err("what the query selects changes on its way".into())
        }
        End::Bound(_) | End::Part(_) | End::Statement => {
            if let End::Part(method) = &chain.end
                && method.attr.as_str() == "as_scalar"
            {
                parts
                    .edits
                    .push(Edit::replacement("scalar_subquery", method.attr.range()));
            }
            writer.statement_only(parts)
        }
        End::Iterated => writer.run(&writer.plain("execute", parts)?.result(objects), None, parts),
        End::Mapped => writer.run(
            &writer.plain("execute", parts)?.result(format!("{objects}.all()")),
            None,
            parts,
        ),
        End::Subscript(subscript) => writer.sliced(subscript, &objects, parts),
        End::Terminal(method, call) => writer.terminal(method, call, &here, &objects, parts),
    }
}

impl Around {
    fn result(mut self, result: impl Into<String>) -> Self {
        self.result = result.into();
        self
    }

    fn behind(mut self, behind: impl Into<String>) -> Self {
        self.behind = behind.into();
        self
    }
}

/// Links that `Select` writes in another way, and those that it refuses.
fn links(ctx: &Context, chain: &Chain, parts: &mut Parts) -> Result<(), Declined> {
    for (index, link) in chain.links.iter().enumerate() {
        let rename = |name: &str| Edit::replacement(name, link.method.attr.range());
        let rest = TextRange::new(link.method.attr.start(), link.call.end());
        match link.name() {
            "with_entities" => parts.edits.push(rename("with_only_columns")),
            "add_column" | "add_entity" => parts.edits.push(rename("add_columns")),
            "populate_existing" => {
                let is_plain = match &*link.call.arguments.args {
                    [] => true,
                    [Expr::BooleanLiteral(literal)] => literal.value,
                    _ => false,
                };
                if !is_plain {
                    return Err("`populate_existing` is given a value".into());
                }
                parts
                    .edits
                    .push(Edit::replacement("execution_options(populate_existing=True)", rest));
            }
            "autoflush" => match &*link.call.arguments.args {
                [Expr::BooleanLiteral(literal)] if !literal.value => {
                    parts
                        .edits
                        .push(Edit::replacement("execution_options(autoflush=False)", rest));
                }
                _ => return Err("`autoflush` is given another value than `False`".into()),
            },
            "yield_per" => match &*link.call.arguments.args {
                [count] => parts.edits.push(Edit::replacement(
                    format!("execution_options(yield_per={})", ctx.module.slice(count)),
                    rest,
                )),
                _ => return Err("`yield_per` is given more than a number".into()),
            },
            "from_statement" if index + 1 < chain.links.len() || index > 0 => {
                return Err("`from_statement` does not stand alone".into());
            }
            "join" | "outerjoin" => joined(ctx, link)?,
            _ => {}
        }
    }
    Ok(())
}

/// Joins by the name of a relationship, along several of them, or by a tuple are of `Query` alone.
fn joined(ctx: &Context, link: &Link) -> Result<(), Declined> {
    let arguments = &link.call.arguments;
    let is_legacy_keyword = arguments.keywords.iter().any(|keyword| {
        keyword
            .arg
            .as_ref()
            .is_none_or(|name| !matches!(name.as_str(), "isouter" | "full" | "onclause" | "target"))
    });
    let is_legacy = |expr: &Expr| matches!(expr, Expr::StringLiteral(_) | Expr::Tuple(_) | Expr::Starred(_));
    let is_class = |expr: &Expr| match expr {
        Expr::Name(name) => name.id.starts_with(char::is_uppercase),
        _ => false,
    };
    if is_legacy_keyword || arguments.args.iter().any(is_legacy) || arguments.args.len() > 2 {
        return Err(format!("`{}` is given what only `Query` takes", link.name()).into());
    }
    match arguments.args.get(1) {
        Some(second) if is_class(second) => Err(format!(
            "`{}` is given two targets: `{}`",
            link.name(),
            ctx.module.slice(&link.call.arguments)
        )
        .into()),
        _ => Ok(()),
    }
}

struct Writer<'w, 'a> {
    ctx: &'w Context<'a>,
    unit: &'w Unit<'a>,
    chain: &'w Chain<'a>,
    is_async: bool,
}

impl<'a> Writer<'_, 'a> {
    fn end(&self) -> TextSize {
        chain::end_offset(self.ctx, self.chain)
    }

    fn plain(&self, method: &'static str, parts: &mut Parts) -> Result<Around, Declined> {
        let opening = match self.chain.root {
            Root::Query(_) => parts.member(self.ctx, "select", self.chain.start)?,
            Root::Name(_) => String::new(),
        };
        Ok(Around {
            method,
            opening,
            behind: String::new(),
            more: String::new(),
            result: String::new(),
        })
    }

    /// `session.query(` -> `select(`: nothing is run here.
    fn statement_only(&self, parts: &mut Parts) -> Result<(), Declined> {
        if let Root::Query(call) = &self.chain.root {
            self.session_path()?;
            let select = parts.member(self.ctx, "select", self.chain.start)?;
            let range = TextRange::new(call.start(), call.arguments.start());
            self.no_comment(range)?;
            parts.edits.push(Edit::replacement(select, range));
        }
        Ok(())
    }

    /// The session, where it can be named in another place than it stands in.
    fn session_path(&self) -> Result<&str, Declined> {
        let mut agreed: Option<&str> = None;
        for root in self.unit.roots() {
            let Expr::Attribute(method) = &*root.func else {
                return Err("its beginning is not in view".into());
            };
            let mut at = &*method.value;
            while let Expr::Attribute(inner) = at {
                at = &inner.value;
            }
            if !at.is_name_expr() {
                return Err("the session is made by a call for this query alone".into());
            }
            let text = self.ctx.module.slice(&*method.value);
            if agreed.is_some_and(|agreed| agreed != text) {
                return Err("the name holds queries of different sessions".into());
            }
            agreed = Some(text);
        }
        agreed.ok_or_else(|| "its beginning is not in view".into())
    }

    fn no_comment(&self, range: TextRange) -> Result<(), Declined> {
        if self.ctx.module.comments_in(range).is_empty() {
            Ok(())
        } else {
            Err("a comment stands where the end of the chain was".into())
        }
    }

    fn await_is_legal(&self) -> Result<(), Declined> {
        if self.unit.turns {
            return Ok(());
        }
        let ctx = self.ctx;
        ctx.model.await_is_legal(self.chain.start, ctx.settings.target)
    }

    /// The statement run by its session. `whole`: the expression whose value is awaited, where it is not the call of the session alone.
    fn run(&self, around: &Around, whole: Option<&Expr>, parts: &mut Parts) -> Result<(), Declined> {
        let model = self.ctx.model;
        let start = model.node(self.chain.start).range().start();
        let mut prefix = String::new();
        let mut close = ")".to_owned();
        if self.is_async {
            self.await_is_legal()?;
            self.ctx.no_thread_lock_around(self.chain.start, &[])?;
            let is_tight = match whole {
                Some(whole) => self.ctx.await_needs_parentheses(whole),
                None => !around.result.is_empty() || self.is_followed(),
            };
            if is_tight {
                prefix.push_str("(await ");
                close.push(')');
            } else {
                prefix.push_str("await ");
            }
        }
        let (method, opening) = (around.method, &around.opening);
        match &self.chain.root {
            Root::Query(call) => {
                let Expr::Attribute(query) = &*call.func else {
                    return Err("its beginning is not in view".into());
                };
                if !prefix.is_empty() {
                    parts.edits.push(Edit::insertion(prefix, start));
                }
                let range = TextRange::new(query.attr.start(), call.arguments.start());
                parts
                    .edits
                    .push(Edit::replacement(format!("{method}({opening}"), range));
            }
            Root::Name(_) => {
                let session = self.session_path()?;
                let (before, after) = if opening.is_empty() {
                    ("", "")
                } else {
                    (opening.as_str(), "(")
                };
                parts.edits.push(Edit::insertion(
                    format!("{prefix}{session}.{method}({before}{after}"),
                    start,
                ));
            }
        }
        let bracket = match self.chain.root {
            Root::Name(_) if !opening.is_empty() => ")",
            _ => "",
        };
        let behind = format!("{}{bracket}{}{close}{}", around.behind, around.more, around.result);
        let (gap, at) = self.behind_comment();
        parts.edits.push(Edit::insertion(format!("{gap}{behind}"), at));
        Ok(())
    }

    /// Where text goes behind the statement, and what stands before it: a comment about the last link stays on its line.
    fn behind_comment(&self) -> (String, TextSize) {
        let module = self.ctx.module;
        let end = self.end();
        let of_link = TextRange::new(end, module.line_end_with_newline(end));
        match (module.comments_in(of_link).last(), &self.chain.end) {
            (Some(comment), End::Terminal(method, _)) if method.attr.start() > comment.end() => {
                let line = TextRange::new(module.line_start(method.attr.start()), method.attr.start());
                let text = module.slice(line);
                let indent = &text[..text.len() - text.trim_start().len()];
                (format!("{}{indent}", module.newline()), comment.end())
            }
            _ => (String::new(), end),
        }
    }

    /// Whether the chain's value is asked for a member.
    fn is_followed(&self) -> bool {
        matches!(self.chain.end, End::Terminal(..) | End::Subscript(_) | End::Mapped)
    }

    fn terminal(
        &self,
        method: &'a ast::ExprAttribute,
        call: &'a ast::ExprCall,
        here: &Selected<'a>,
        objects: &str,
        parts: &mut Parts,
    ) -> Result<(), Declined> {
        let whole = Expr::Call(call.clone());
        let rest = TextRange::new(self.end(), call.end());
        let takes_nothing = || {
            if call.arguments.is_empty() {
                Ok(())
            } else {
                Err(Declined(format!("`{}` is given an argument", method.attr)))
            }
        };
        match method.attr.as_str() {
            "all" | "one" | "one_or_none" => {
                takes_nothing()?;
                self.run(&self.plain("execute", parts)?.result(objects), None, parts)
            }
            "first" => {
                takes_nothing()?;
                let objects = if here.is_single() { ".scalars()" } else { "" };
                let limit = if self.chain.has(&["from_statement"]) {
                    ""
                } else {
                    ".limit(1)"
                };
                self.run(
                    &self.plain("execute", parts)?.behind(limit).result(objects),
                    None,
                    parts,
                )
            }
            "scalar" => {
                takes_nothing()?;
                let one_row = here.is_aggregate
                    && !self
                        .unit
                        .chains
                        .iter()
                        .any(|chain| chain.has(&["group_by", "having", "distinct", "limit", "offset", "slice"]));
                if one_row {
                    self.no_comment(rest)?;
                    parts.edits.push(Edit::deletion(rest));
                    self.run(&self.plain("scalar", parts)?, Some(&whole), parts)
                } else {
                    let unique = if here.is_made_unique() { ".unique()" } else { "" };
                    parts
                        .edits
                        .push(Edit::replacement("scalar_one_or_none", method.attr.range()));
                    self.run(&self.plain("execute", parts)?.result(unique), None, parts)
                }
            }
            "count" => {
                takes_nothing()?;
                self.no_comment(rest)?;
                parts.edits.push(Edit::deletion(rest));
                let around = self.counted(here, parts)?;
                self.run(&around, Some(&whole), parts)
            }
            "get" => self.got(call, here, parts),
            "update" => self.updated(method, call, here, parts),
            "delete" => self.deleted(method, call, here, parts),
            name => Err(format!("`select()` has nothing for `{name}`").into()),
        }
    }

    /// `count()` counts the rows of the whole statement; where it only filters one class, those of the class.
    fn counted(&self, here: &Selected, parts: &mut Parts) -> Result<Around, Declined> {
        let select = parts.member(self.ctx, "select", self.chain.start)?;
        let func = parts.member(self.ctx, "func", self.chain.start)?;
        let head = format!("{select}({func}.count()).select_from");
        let only_filters = self.chain.links.iter().all(|link| FILTERS.contains(&link.name()));
        let (opening, behind) = match self.chain.root {
            Root::Query(_) if here.is_single() && only_filters => (head, String::new()),
            Root::Query(_) => (format!("{head}({select}"), ".subquery())".to_owned()),
            Root::Name(_) => (head, ".subquery()".to_owned()),
        };
        Ok(Around {
            method: "scalar",
            opening,
            behind,
            more: String::new(),
            result: String::new(),
        })
    }

    /// `session.query(User).get(1)` -> `session.get(User, 1)`.
    fn got(&self, call: &ast::ExprCall, here: &Selected, parts: &mut Parts) -> Result<(), Declined> {
        let ctx = self.ctx;
        let Root::Query(root) = &self.chain.root else {
            return Err("`get` is called on a query in a name".into());
        };
        let Expr::Attribute(query) = &*root.func else {
            return Err("its beginning is not in view".into());
        };
        let entity = here.entity.ok_or("`get` is called on a query of columns")?;
        let key = match (&*call.arguments.args, &*call.arguments.keywords) {
            ([key], []) => key,
            ([], [keyword]) if keyword.arg.as_ref().is_some_and(|name| name.as_str() == "ident") => &keyword.value,
            _ => return Err("`get` is given more than a key".into()),
        };
        let mut options = Vec::new();
        let mut keywords = Vec::new();
        for link in &self.chain.links {
            let inner = link
                .call
                .arguments
                .iter_source_order()
                .map(|argument| ctx.module.slice(argument.range()))
                .collect::<Vec<_>>();
            match link.name() {
                "options" => options.extend(inner),
                "populate_existing" => keywords.push("populate_existing=True".to_owned()),
                "with_for_update" if link.call.arguments.is_empty() => keywords.push("with_for_update=True".to_owned()),
                "with_for_update" if link.call.arguments.args.is_empty() => {
                    let items: Vec<String> = link
                        .call
                        .arguments
                        .keywords
                        .iter()
                        .filter_map(|keyword| {
                            let name = keyword.arg.as_ref()?;
                            Some(format!("\"{name}\": {}", ctx.module.slice(&keyword.value)))
                        })
                        .collect();
                    keywords.push(format!("with_for_update={{{}}}", items.join(", ")));
                }
                name => return Err(format!("`get` is called behind `{name}`").into()),
            }
        }
        if !options.is_empty() {
            keywords.insert(0, format!("options=[{}]", options.join(", ")));
        }
        if self.is_async {
            self.await_is_legal()?;
        }
        // What the links wrote is written here again.
        let links = TextRange::new(root.end(), self.end());
        parts
            .edits
            .retain(|edit| !links.contains_range(edit.range()) || links.is_empty());
        let range = TextRange::new(query.attr.start(), call.end());
        self.no_comment(range)?;
        let mut arguments = vec![ctx.module.slice(entity), ctx.module.slice(key)];
        arguments.extend(keywords.iter().map(String::as_str));
        let text = format!("get({})", arguments.join(", "));
        let whole = Expr::Call(call.clone());
        let mut suffix = String::new();
        if self.is_async {
            let prefix = ctx.await_prefix(&whole);
            parts.edits.push(Edit::insertion(
                prefix,
                ctx.model.node(self.chain.start).range().start(),
            ));
            if prefix.starts_with('(') {
                suffix.push(')');
            }
        }
        parts.edits.push(Edit::replacement(format!("{text}{suffix}"), range));
        Ok(())
    }

    /// The statement that changes rows: `update(User).filter(...)`, or for a query in a name `update(User).where(query.whereclause)`.
    fn changing(&self, member: &'static str, here: &Selected<'a>, parts: &mut Parts) -> Result<Around, Declined> {
        let ctx = self.ctx;
        let entity = here
            .entity
            .ok_or_else(|| format!("`{member}` is called on a query of columns"))?;
        if let Some(link) = self
            .unit
            .chains
            .iter()
            .filter(|chain| chain.start == self.chain.start || matches!(chain.end, End::Bound(_)))
            .flat_map(|chain| &chain.links)
            .find(|link| !FILTERS.contains(&link.name()))
        {
            return Err(format!("`{member}` is called behind `{}`", link.name()).into());
        }
        let name = parts.member(ctx, member, self.chain.start)?;
        let opening = match self.chain.root {
            Root::Query(_) => name,
            Root::Name(_) => {
                let is_filtered = self
                    .unit
                    .chains
                    .iter()
                    .filter(|chain| matches!(chain.root, Root::Query(_)))
                    .all(|chain| !chain.links.is_empty());
                if !is_filtered || !self.chain.links.is_empty() {
                    return Err(
                        format!("`{member}` is called on a query in a name that has no conditions of its own").into(),
                    );
                }
                format!("{name}({}).where", ctx.module.slice(entity))
            }
        };
        let behind = match self.chain.root {
            Root::Query(_) => String::new(),
            Root::Name(_) => ".whereclause".to_owned(),
        };
        Ok(Around {
            method: "execute",
            opening,
            behind,
            more: String::new(),
            result: String::new(),
        })
    }

    fn updated(
        &self,
        method: &ast::ExprAttribute,
        call: &'a ast::ExprCall,
        here: &Selected<'a>,
        parts: &mut Parts,
    ) -> Result<(), Declined> {
        let ctx = self.ctx;
        let arguments = &call.arguments;
        if arguments.find_keyword("update_args").is_some() || arguments.args.iter().any(Expr::is_starred_expr) {
            return Err("`update` is given arguments of its own".into());
        }
        let values = arguments
            .find_argument_value("values", 0)
            .ok_or("`update` is given no values")?;
        let is_dict = match values {
            Expr::Dict(_) | Expr::DictComp(_) => true,
            Expr::Call(call) => {
                ctx.model.is_builtin(&call.func, "dict")
                    || matches!(&*call.func, Expr::Attribute(method) if matches!(method.attr.as_str(), "dict" | "model_dump"))
            }
            Expr::Name(_) => {
                matches!(ctx.model.type_of(values), Type::Container("dict"))
            }
            _ => false,
        };
        if !is_dict {
            parts.doubt("`values` takes a list for many rows, and `update` for the order of columns: that these values are a dictionary is not known");
        }
        let around = self.changing("update", here, parts)?;
        let option = self.synchronize(call, 1);
        let text = format!(".values({}){option}", ctx.module.slice(values));
        self.change(around, method, call, &text, parts)
    }

    fn deleted(
        &self,
        method: &ast::ExprAttribute,
        call: &'a ast::ExprCall,
        here: &Selected<'a>,
        parts: &mut Parts,
    ) -> Result<(), Declined> {
        if call.arguments.find_keyword("delete_args").is_some() {
            return Err("`delete` is given arguments of its own".into());
        }
        let around = self.changing("delete", here, parts)?;
        let text = self.synchronize(call, 0);
        self.change(around, method, call, &text, parts)
    }

    fn synchronize(&self, call: &ast::ExprCall, position: usize) -> String {
        call.arguments
            .find_argument_value("synchronize_session", position)
            .map_or_else(String::new, |value| {
                format!(
                    ".execution_options(synchronize_session={})",
                    self.ctx.module.slice(value)
                )
            })
    }

    /// The end of a chain that changes rows: its value is the number of rows.
    fn change(
        &self,
        around: Around,
        method: &ast::ExprAttribute,
        call: &'a ast::ExprCall,
        text: &str,
        parts: &mut Parts,
    ) -> Result<(), Declined> {
        let ctx = self.ctx;
        let rest = TextRange::new(self.end(), call.end());
        self.no_comment(rest)?;
        // What stands between the links, line breaks included, stays where more follows.
        let gap = ctx
            .module
            .slice(TextRange::new(self.end(), method.attr.start()))
            .trim_end_matches('.');
        let is_dropped = chain::is_dropped(ctx, ctx.model.id(call));
        let result = if is_dropped { "" } else { ".rowcount" };
        let mut around = around;
        if !text.is_empty() {
            around.more = format!("{gap}{text}");
        }
        parts.edits.push(Edit::deletion(rest));
        if is_dropped {
            self.run(&around, Some(&Expr::Call(call.clone())), parts)
        } else {
            self.run(&around.result(result), None, parts)
        }
    }

    /// `q[a:b]` and `q[i]`.
    fn sliced(&self, subscript: &ast::ExprSubscript, objects: &str, parts: &mut Parts) -> Result<(), Declined> {
        if self.chain.has(&["limit", "offset", "slice"]) {
            return Err("a part of a part of the rows is asked for".into());
        }
        let (text, tail) = match &*subscript.slice {
            Expr::Slice(slice) if slice.step.is_none() => {
                let lower = slice.lower.as_deref().map(literal);
                let upper = slice.upper.as_deref().map(literal);
                match (lower, upper) {
                    (None, Some(Some(upper))) if upper > 0 => (format!(".slice(0, {upper})"), ".all()".to_owned()),
                    (Some(Some(lower)), Some(Some(upper))) if upper > lower => {
                        (format!(".slice({lower}, {upper})"), ".all()".to_owned())
                    }
                    (Some(Some(lower)), None) => (format!(".offset({lower})"), ".all()".to_owned()),
                    _ => return Err("which rows are asked for is not a literal".into()),
                }
            }
            index => {
                let index = literal(index).ok_or("which row is asked for is not a literal")?;
                (format!(".slice({index}, {})", index + 1), ".all()[0]".to_owned())
            }
        };
        let rest = TextRange::new(self.end(), subscript.end());
        self.no_comment(rest)?;
        if self.ctx.module.slice(rest).starts_with(')') {
            return Err("a part of the chain stands in parentheses".into());
        }
        parts.edits.push(Edit::deletion(rest));
        let around = self.plain("execute", parts)?;
        self.run(&around.behind(text).result(format!("{objects}{tail}")), None, parts)
    }

    /// `yield_per`: an asynchronous session streams, and `async for` reads.
    fn streamed(&self, here: &Selected, parts: &mut Parts) -> Result<(), Declined> {
        if !matches!(self.chain.end, End::Iterated)
            || here.is_made_unique() && self.unit.chains.iter().any(|chain| chain.has(&["join", "outerjoin"]))
        {
            return Err("rows that come in portions cannot be made unique, or are not read by a loop".into());
        }
        parts.doubt("rows come in portions, and what the loop does in between must be looked at");
        let model = self.ctx.model;
        if !self.is_async {
            let objects = if here.is_single() { ".scalars()" } else { "" };
            return self.run(&self.plain("execute", parts)?.result(objects), None, parts);
        }
        let parent = model.parent(self.chain.statement);
        match model.node(parent) {
            AnyNodeRef::StmtFor(outer) => parts.edits.push(Edit::insertion("async ", outer.start())),
            AnyNodeRef::Comprehension(outer) => {
                let at = outer.start();
                parts.edits.push(Edit::insertion("async ", at));
            }
            _ => return Err("rows that come in portions are not read by a loop".into()),
        }
        let method = if here.is_single() { "stream_scalars" } else { "stream" };
        self.run(&self.plain(method, parts)?, None, parts)
    }
}

/// A literal number that is not negative.
fn literal(expr: &Expr) -> Option<u64> {
    match expr {
        Expr::NumberLiteral(number) => match &number.value {
            Number::Int(value) => value.as_u64(),
            _ => None,
        },
        _ => None,
    }
}
