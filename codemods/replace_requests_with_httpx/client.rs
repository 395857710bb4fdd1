//! The client: how it is made, and around which statements it is open.
//!
//! Each function of `requests` uses a session of its own, so that a cookie of one answer is never sent with the next request. One
//! client around several calls must forget its cookies in between; where no statement can be put there, that is named as a doubt.

use std::collections::BTreeMap;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::arguments::Configuration;
use super::{Blame, Conversion, Library, Weight};
use crate::finding::Declined;
use crate::semantic::NodeId;
use crate::semantic::place::blocks;

/// A call that needs a client around it.
pub(super) struct Placed<'a> {
    pub call: &'a ast::ExprCall,
    pub owner: usize,
    pub configuration: Configuration,
    pub has_timeout: bool,
    /// The last statement that the client must stay open for, where that is not the call's own.
    pub last: Option<&'a Stmt>,
}

/// The calls of one innermost statement.
struct Site<'a> {
    stmt: &'a Stmt,
    calls: Vec<usize>,
}

const COOKIES: &str = "a cookie that an answer sets is sent with the next request of the same client";

impl Configuration {
    fn keywords(&self, library: &Library, has_timeout: bool) -> Vec<String> {
        let mut keywords = vec!["follow_redirects=True".to_owned()];
        if !has_timeout {
            keywords.push("timeout=None".to_owned());
        }
        let max_redirects = self.max_redirects.as_deref().unwrap_or("30");
        keywords.push(format!("max_redirects={max_redirects}"));
        let verify = self.verify.as_ref().map(|verify| format!("verify={verify}"));
        keywords.extend(verify.clone());
        if let Some(trust_env) = &self.trust_env {
            keywords.push(format!("trust_env={trust_env}"));
        }
        if let Some(cookies) = &self.cookies {
            keywords.push(format!("cookies={cookies}"));
        }
        match &*self.proxies {
            [] => {}
            [(one, proxy), (other, second)] if one != other && one != "all" && other != "all" && proxy == second => {
                keywords.push(format!("proxy={proxy}"));
            }
            routes => {
                let verify = verify.map_or_else(String::new, |verify| format!(", {verify}"));
                let mounts: Vec<String> = routes
                    .iter()
                    .map(|(scheme, proxy)| {
                        format!(
                            "\"{scheme}://\": {}.AsyncHTTPTransport(proxy={proxy}{verify})",
                            library.name
                        )
                    })
                    .collect();
                keywords.push(format!("mounts={{{}}}", mounts.join(", ")));
            }
        }
        keywords
    }
}

impl<'a> Conversion<'_, 'a> {
    /// `httpx.AsyncClient(...)`, on one line if `before` and `behind` fit beside it, else as `ruff format` would leave it.
    pub(super) fn constructor(
        &self,
        configuration: &Configuration,
        has_timeout: bool,
        indent: &str,
        around: (&str, &str),
    ) -> String {
        let (before, behind) = around;
        let keywords = configuration.keywords(&self.library, has_timeout);
        let name = format!("{}.AsyncClient", self.library.name);
        let line = format!("{name}({})", keywords.join(", "));
        if self.ctx.fits(&format!("{indent}{before}{line}{behind}")) {
            return line;
        }
        let inner = format!("    {}", keywords.join(", "));
        if self.ctx.fits(&format!("{indent}{inner}")) {
            return format!("{name}(\n{inner}\n)");
        }
        let lines: String = keywords.iter().map(|keyword| format!("    {keyword},\n")).collect();
        format!("{name}(\n{lines})")
    }

    fn header(&self, placed: &Placed, has_timeout: bool, indent: &str) -> String {
        let behind = format!(" as {}:", self.client);
        let constructor = self.constructor(&placed.configuration, has_timeout, indent, ("async with ", &behind));
        format!("async with {constructor}{behind}")
    }

    /// Puts a client around every converted call.
    pub(super) fn clients(&mut self) -> Result<(), Blame> {
        if self.placed.is_empty() {
            return Ok(());
        }
        let everyone: Vec<usize> = self.placed.iter().map(|placed| placed.owner).collect();
        let sites = self.sites();
        let first = &self.placed[0].configuration;
        let is_uniform = first.is_constant && self.placed.iter().all(|placed| placed.configuration == *first);
        let shared = if is_uniform { self.shared_block(&sites) } else { None };
        let result = match shared {
            Some((block, from, to)) => self.share(&sites, &block[from..=to]),
            None => {
                for site in sites.values() {
                    let owners = site.calls.iter().map(|index| self.placed[*index].owner).collect();
                    self.alone(site, &sites)
                        .map_err(|Declined(reason)| Blame { owners, reason })?;
                }
                Ok(())
            }
        };
        result.map_err(|Declined(reason)| Blame {
            owners: everyone,
            reason,
        })
    }

    fn sites(&self) -> BTreeMap<NodeId, Site<'a>> {
        let model = self.ctx.model;
        let mut sites: BTreeMap<NodeId, Site> = BTreeMap::new();
        for (index, placed) in self.placed.iter().enumerate() {
            if let Some((id, stmt)) = model.statement_of(model.id(placed.call)) {
                sites
                    .entry(id)
                    .or_insert(Site {
                        stmt,
                        calls: Vec::new(),
                    })
                    .calls
                    .push(index);
            }
        }
        sites
    }

    /// The smallest list of statements around all calls that lies in no loop of its own, if no `yield` stands between them.
    fn shared_block(&self, sites: &BTreeMap<NodeId, Site<'a>>) -> Option<(&'a [Stmt], usize, usize)> {
        let model = self.ctx.model;
        let function = model.id(self.function);
        let mut at = *sites.keys().next()?;
        loop {
            let (block, _) = model.block_of(at)?;
            let holds = |stmt: &Stmt, site: NodeId| model.contains(model.id(stmt), site);
            let indexes: Option<Vec<usize>> = sites
                .keys()
                .map(|site| block.iter().position(|stmt| holds(stmt, *site)))
                .collect();
            let in_loop = model
                .ancestors(at)
                .take_while(|(id, _)| *id != function)
                .any(|(_, node)| matches!(node, AnyNodeRef::StmtFor(_) | AnyNodeRef::StmtWhile(_)));
            if let Some(indexes) = indexes
                && !in_loop
            {
                let from = *indexes.iter().min()?;
                let lasts = self.placed.iter().filter_map(|placed| placed.last);
                let lasts = lasts.filter_map(|last| block.iter().position(|stmt| holds(stmt, model.id(last))));
                let to = indexes.iter().copied().chain(lasts).max()?;
                let yields = block[from..=to].iter().any(|stmt| self.yields(model.id(stmt)));
                return (!yields).then_some((block, from, to));
            }
            // One statement further out.
            at = model
                .ancestors(at)
                .take_while(|(id, _)| *id != function)
                .find(|(_, node)| node.is_statement())?
                .0;
        }
    }

    fn yields(&self, node: NodeId) -> bool {
        let model = self.ctx.model;
        let scope = model.body_scope(self.function);
        model
            .subtree(node)
            .any(|(id, node)| matches!(node, AnyNodeRef::ExprYield(_)) && model.scope_of(id) == scope)
    }

    /// One client around the statements.
    fn share(&mut self, sites: &BTreeMap<NodeId, Site<'a>>, block: &'a [Stmt]) -> Result<(), Declined> {
        let has_timeout = self.placed.iter().all(|placed| placed.has_timeout);
        let header = self.header(&self.placed[0], has_timeout, self.ctx.indentation(&block[0]));
        let range = TextRange::new(block[0].start(), block[block.len() - 1].end());
        let only = sites.values().next().filter(|_| sites.len() == 1 && block.len() == 1);
        match only {
            // The statement behind the client needs nothing of it any more.
            Some(site) if self.rebinds(site.stmt) => return self.alone(site, sites),
            _ => self.draft.put_under(range, header),
        }
        for site in sites.values() {
            if self.rebinds(site.stmt) {
                self.hoist(site.stmt)?;
            }
        }
        self.forget_cookies(block, sites, None, None)?;
        Ok(())
    }

    /// A client for one statement alone.
    fn alone(&mut self, site: &Site<'a>, sites: &BTreeMap<NodeId, Site<'a>>) -> Result<(), Declined> {
        let model = self.ctx.model;
        let first = &self.placed[site.calls[0]];
        let id = model.id(site.stmt);
        let is_uniform = site
            .calls
            .iter()
            .all(|index| self.placed[*index].configuration == first.configuration);
        if !is_uniform {
            return Err(self.keep("it shares its statement with a call that needs another client".to_owned()));
        }
        let has_timeout = site.calls.iter().all(|index| self.placed[*index].has_timeout);
        let header = self.header(first, has_timeout, self.ctx.indentation(site.stmt));
        let is_repeated = site.calls.len() > 1 || self.is_repeated(site.stmt, first.call);
        if is_repeated {
            self.weigh(Weight::Client, COOKIES);
        }
        let range = if self.rebinds(site.stmt) || self.yields(id) {
            self.hoist(site.stmt)?
        } else {
            let holds_others = sites.keys().any(|other| *other != id && model.contains(id, *other));
            if holds_others && matches!(site.stmt, Stmt::While(_)) {
                return Err(self.keep("it stands in the condition of a loop that makes other calls".to_owned()));
            }
            let lasts = site.calls.iter().filter_map(|index| self.placed[*index].last);
            lasts.fold(site.stmt.range(), |range, last| range.cover(last.range()))
        };
        self.draft.put_under(range, header);
        Ok(())
    }

    /// Whether one run of the statement can make a call of it several times.
    fn is_repeated(&self, stmt: &'a Stmt, call: &'a ast::ExprCall) -> bool {
        let model = self.ctx.model;
        let in_comprehension = model.scope_of(model.id(call)) != model.body_scope(self.function);
        in_comprehension || matches!(stmt, Stmt::While(_))
    }

    /// `x += f()` reads a shared `x` before it waits: the value must be there first.
    fn rebinds(&self, stmt: &'a Stmt) -> bool {
        matches!(stmt, Stmt::AugAssign(assign) if !self.is_private(&assign.target))
    }

    fn is_private(&self, target: &Expr) -> bool {
        let Expr::Name(name) = target else { return false };
        let model = self.ctx.model;
        let scope = model.body_scope(self.function);
        model.lookup(&name.id, scope) == crate::semantic::names::Lookup::Scope(scope)
            && model.reads_of_local(self.function, &name.id).is_some()
    }

    /// Binds the expression of a statement that holds the calls to a name first: the range of the new statement, which is to stand under
    /// the client, with the old one behind it.
    fn hoist(&mut self, stmt: &'a Stmt) -> Result<TextRange, Declined> {
        let model = self.ctx.model;
        let (expr, name): (&'a Expr, &str) = match stmt {
            Stmt::AugAssign(assign) if is_simple_target(&assign.target) => (&assign.value, "value"),
            Stmt::Expr(inner) => match &*inner.value {
                Expr::Yield(ast::ExprYield { value: Some(value), .. }) => (value, "value"),
                _ => return Err(self.keep("a `yield` stands beside it in the statement".to_owned())),
            },
            Stmt::For(inner) if !inner.is_async => (&inner.iter, "items"),
            Stmt::If(inner) => (&inner.test, "value"),
            _ => return Err(self.keep("the client would stay open across a `yield`".to_owned())),
        };
        let holds_all = self.placed.iter().all(|placed| {
            let call = model.id(placed.call);
            model.statement_of(call).is_none_or(|(id, _)| id != model.id(stmt)) || model.contains(model.id(expr), call)
        });
        let parent = model.node(model.parent(model.id(expr)));
        let outer = ruff_python_ast::token::parenthesized_range(expr.into(), parent, self.ctx.module.tokens())
            .unwrap_or(expr.range());
        let head = &self.ctx.module.text()[TextRange::new(stmt.start(), outer.start())];
        if !holds_all || head.contains('\n') || head.contains('#') {
            return Err(self.keep("the client would stay open across a `yield`".to_owned()));
        }
        let name = self.fresh_name(name, model.id(stmt));
        self.draft
            .replace(TextRange::new(stmt.start(), outer.start()), format!("{name} = "));
        let range = TextRange::new(stmt.start(), outer.end());
        self.draft.line_outside(range, format!("{head}{name}"));
        Ok(range)
    }

    /// Clears the client's cookies wherever a call may follow another one. `dirty`: whether one may have been made before; the result is
    /// that for what follows, `None` when nothing does.
    fn forget_cookies(
        &mut self,
        block: &'a [Stmt],
        sites: &BTreeMap<NodeId, Site<'a>>,
        dirty: Option<bool>,
        loop_start: Option<&'a Stmt>,
    ) -> Result<Option<bool>, Declined> {
        let model = self.ctx.model;
        let mut dirty = dirty.unwrap_or(false);
        for stmt in block {
            let id = model.id(stmt);
            let makes_calls = sites.keys().any(|site| model.contains(id, *site));
            if makes_calls && matches!(stmt, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
                return Err(self.keep("it stands in a nested definition".to_owned()));
            }
            if let Some(site) = sites.get(&id) {
                if dirty {
                    let line = format!("{}.cookies.clear()", self.client);
                    self.draft.line_above(loop_start.unwrap_or(stmt).range(), line);
                }
                let first = self.placed[site.calls[0]].call;
                if site.calls.len() > 1 || self.is_repeated(stmt, first) {
                    self.weigh(Weight::Client, COOKIES);
                }
                dirty = true;
            }
            if makes_calls {
                dirty = match stmt {
                    Stmt::If(inner) => {
                        let mut out = self.forget_cookies(&inner.body, sites, Some(dirty), loop_start)?;
                        let mut has_else = false;
                        for clause in &inner.elif_else_clauses {
                            has_else |= clause.test.is_none();
                            let end = self.forget_cookies(&clause.body, sites, Some(dirty), loop_start)?;
                            out = either(out, end);
                        }
                        if has_else { out } else { either(out, Some(dirty)) }
                    }
                    Stmt::For(ast::StmtFor { body, orelse, .. }) | Stmt::While(ast::StmtWhile { body, orelse, .. }) => {
                        let own = sites
                            .keys()
                            .filter(|site| body.iter().any(|stmt| model.contains(model.id(stmt), **site)));
                        let count = own.count();
                        // One call deep inside a round: its cookies are forgotten where the round begins.
                        let start = (count == 1).then(|| &body[0]);
                        self.forget_cookies(body, sites, Some(dirty || count > 0), start)?;
                        let after = dirty || count > 0;
                        either(Some(after), self.forget_cookies(orelse, sites, Some(after), None)?)
                    }
                    Stmt::Try(inner) => {
                        let calls_in_body = sites
                            .keys()
                            .any(|site| inner.body.iter().any(|stmt| model.contains(model.id(stmt), *site)));
                        let body = self.forget_cookies(&inner.body, sites, Some(dirty), loop_start)?;
                        let mut out = match body {
                            Some(body) => self.forget_cookies(&inner.orelse, sites, Some(body), loop_start)?,
                            None => None,
                        };
                        for ast::ExceptHandler::ExceptHandler(handler) in &inner.handlers {
                            let end =
                                self.forget_cookies(&handler.body, sites, Some(dirty || calls_in_body), loop_start)?;
                            out = either(out, end);
                        }
                        let any = sites.keys().any(|site| model.contains(id, *site));
                        self.forget_cookies(&inner.finalbody, sites, Some(dirty || any), loop_start)?;
                        out
                    }
                    other => {
                        let mut out = None;
                        let mut inner_blocks = 0;
                        let nested = blocks(model.node(model.id(other)));
                        let cases: Vec<&'a [Stmt]> = match other {
                            Stmt::Match(inner) => inner.cases.iter().map(|case| &*case.body).collect(),
                            _ => nested,
                        };
                        let may_skip = matches!(other, Stmt::Match(_));
                        for inner in cases {
                            inner_blocks += 1;
                            out = either(out, self.forget_cookies(inner, sites, Some(dirty), loop_start)?);
                        }
                        if inner_blocks == 0 || may_skip {
                            either(out, Some(dirty))
                        } else {
                            out
                        }
                    }
                }
                .unwrap_or(false);
                // What follows a statement that never ends normally is not reached.
            }
            if matches!(
                stmt,
                Stmt::Return(_) | Stmt::Raise(_) | Stmt::Break(_) | Stmt::Continue(_)
            ) {
                return Ok(None);
            }
        }
        Ok(Some(dirty))
    }
}

fn either(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one || other),
        (one, other) => one.or(other),
    }
}

/// A target that can be evaluated after the value as well as before it.
fn is_simple_target(target: &Expr) -> bool {
    match target {
        Expr::Name(_) => true,
        Expr::Attribute(attribute) => is_simple_target(&attribute.value),
        Expr::Subscript(subscript) => {
            is_simple_target(&subscript.value)
                && matches!(
                    &*subscript.slice,
                    Expr::Name(_) | Expr::StringLiteral(_) | Expr::NumberLiteral(_)
                )
        }
        _ => false,
    }
}
