//! `requests` in async functions -> one `httpx.AsyncClient`, its calls awaited, with everything that depends on them inside the function:
//! keywords, responses, handlers, annotations, imports.
//!
//! ```python
//! async def fetch(url):                       async def fetch(url):
//!     r = requests.get(url)                       async with httpx.AsyncClient(...) as client:
//!     r.raise_for_status()           ->               r = await client.get(url)
//!     return r.json()                             if r.is_error:
//!                                                     r.raise_for_status()
//!                                                 return r.json()
//! ```
//!
//! The calls of one function are rewritten together. Where one of them cannot be, the others are tried without it.

mod arguments;
mod calls;
mod client;
mod errors;
mod helpers;
mod response;
mod session;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion};
use ruff_text_size::Ranged;
use rustc_hash::FxHashSet;
use serde::Deserialize;

use crate::codemod::Context;
use crate::draft::Draft;
use crate::edit::{Fix, all_doubts};
use crate::finding::{Declined, Findings};
use crate::importer::Import;
use crate::semantic::place::Backend;
use crate::semantic::reaching::Definition;
use crate::semantic::{NodeId, ScopeKind};

pub(super) use calls::glance;
use calls::{Blocking, Item};
use client::Placed;
use errors::{Point, Raises};
use response::{Shape, Value};

const MESSAGE: &str = "`requests` blocks the event loop: every other task waits for the answer";

/// Methods of loggers: what they show is for people.
const LOG_METHODS: &[&str] = &[
    "debug",
    "info",
    "warning",
    "warn",
    "error",
    "exception",
    "critical",
    "log",
];

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Options {
    /// Write `json=`, `params=` and `.text` as they stand, without the forms that keep the very bytes of requests.
    pub plain: bool,
}

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    if !ctx.model.imports_package("requests") {
        return;
    }
    let found = calls::blocking(ctx);
    if found.is_empty() {
        return;
    }
    let refusal = refusal(ctx);
    let mut by_region: BTreeMap<NodeId, Vec<Blocking>> = BTreeMap::new();
    for blocking in found {
        let region = match blocking.item {
            Ok(Item::Kept(class, ..)) => ctx.model.id(class),
            _ => ctx.model.id(blocking.function),
        };
        by_region.entry(region).or_default().push(blocking);
    }
    for (region, blocking) in by_region {
        rewrite_region(ctx, acc, region, &blocking, refusal.as_deref());
    }
}

/// Why nothing of this module is rewritten.
fn refusal(ctx: &Context) -> Option<String> {
    let line = |at: &dyn Fn() -> ruff_text_size::TextSize| ctx.module.location(at()).0;
    let patched = |place: String| {
        Some(format!(
            "requests is patched at {place}: keep requests and off-load it with asyncio.to_thread, where the patch keeps working"
        ))
    };
    for library in ["responses", "requests_mock", "httpretty", "vcr", "betamax"] {
        let import = ctx.model.bindings().iter().find(|binding| match binding.kind {
            crate::semantic::BindingKind::Import(alias) => alias.name.split('.').next() == Some(library),
            crate::semantic::BindingKind::FromImport(import, _) => {
                import.level == 0 && import.module.as_deref().and_then(|name| name.split('.').next()) == Some(library)
            }
            _ => false,
        });
        if let Some(import) = import {
            return patched(format!("line {}", line(&|| import.range.start())));
        }
    }
    if let Some(call) = ctx.model.patch_of("requests") {
        return patched(format!("line {}", line(&|| call.start())));
    }
    if let Some(place) = ctx.project.patch_of("requests") {
        return patched(place.to_owned());
    }
    (ctx.model.backend() == Backend::Other)
        .then(|| "the module uses an event loop library that is not known here".to_owned())
}

/// Tries all that can be rewritten of one function or class, then without what stood in the way.
fn rewrite_region<'a>(
    ctx: &Context<'a>,
    acc: &mut Findings,
    region: NodeId,
    found: &[Blocking<'a>],
    refusal: Option<&str>,
) {
    let mut items: Vec<Item> = Vec::new();
    // Per blocking call: its item, or the reason why it stays.
    let mut verdicts: Vec<Result<usize, String>> = found
        .iter()
        .map(|blocking| match (&blocking.item, refusal) {
            (_, Some(refusal)) => Err(refusal.to_owned()),
            (Err(reason), None) => Err(reason.clone()),
            (Ok(item), None) => {
                let known = items.iter().position(|other| other.is_same(item));
                Ok(known.unwrap_or_else(|| {
                    items.push(*item);
                    items.len() - 1
                }))
            }
        })
        .collect();
    let mut open: BTreeSet<usize> = (0..items.len()).collect();
    let mut fix = None;
    while !open.is_empty() {
        let active: Vec<(usize, Item)> = open.iter().map(|&index| (index, items[index])).collect();
        match Conversion::run(ctx, region, found[0].function, &active) {
            Ok(done) => {
                fix = Some(done);
                break;
            }
            Err(Blame { owners, reason }) => {
                let blamed: Vec<usize> = if owners.is_empty() {
                    open.iter().copied().collect()
                } else {
                    owners
                };
                for index in blamed {
                    open.remove(&index);
                    for verdict in verdicts.iter_mut().filter(|verdict| **verdict == Ok(index)) {
                        *verdict = Err(reason.clone());
                    }
                }
            }
        }
    }
    for (blocking, verdict) in found.iter().zip(verdicts) {
        let result = match (verdict, &fix) {
            (Ok(_), Some(fix)) => Ok(fix.clone()),
            (Ok(_), None) => continue,
            (Err(reason), _) => Err(Declined(reason)),
        };
        acc.push_defect(blocking.call, MESSAGE, result);
    }
}

impl Item<'_> {
    fn is_same(&self, other: &Item) -> bool {
        match (self, other) {
            (Item::Call(one, _), Item::Call(other, _)) => one.range() == other.range(),
            (Item::Session(one, _), Item::Session(other, _)) | (Item::Kept(_, one, _), Item::Kept(_, other, _)) => {
                one.range() == other.range()
            }
            _ => false,
        }
    }
}

/// Why a conversion failed, and the items it failed for; all of them when none is named.
pub(super) struct Blame {
    owners: Vec<usize>,
    reason: String,
}

impl Blame {
    fn one(owner: usize, Declined(reason): Declined) -> Self {
        Self {
            owners: vec![owner],
            reason,
        }
    }
}

/// How much a doubt matters: in this order they are printed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// What leaves the function.
    Outside,
    /// Several requests of one client.
    Client,
    /// A use of a response or an exception.
    Use,
    /// A value that is sent.
    Value,
}

/// httpx, or its continuation.
pub(super) struct Library {
    /// As it is written in this module.
    name: String,
    version: Option<Version>,
}

impl Library {
    fn is_before(&self, major: u64, minor: u64) -> bool {
        self.version
            .as_ref()
            .is_some_and(|version| *version < Version::new([major, minor]))
    }
}

/// A read of a name that stands for a response, with all that the name may stand for there.
struct Read {
    owner: usize,
    node: NodeId,
    definitions: BTreeSet<Definition>,
}

/// The rewrite of one function, under construction.
pub(super) struct Conversion<'c, 'a> {
    ctx: &'c Context<'a>,
    /// The function or class that is rewritten.
    region: NodeId,
    /// The function whose own calls are rewritten; in a class, the first one.
    function: &'a ast::StmtFunctionDef,
    options: Options,
    library: Library,
    /// The client's name.
    client: String,
    draft: Draft<'c, 'a>,
    imports: Vec<Import>,
    doubts: Vec<(Weight, String)>,
    /// The item that is being converted.
    owner: usize,
    taken_names: BTreeSet<String>,
    /// Helper functions that are written.
    helpers: BTreeSet<String>,
    converted_calls: FxHashSet<NodeId>,
    /// The items with an answer that streams.
    streaming: BTreeSet<usize>,
    placed: Vec<Placed<'a>>,
    session_has_params: bool,

    // Responses
    work: Vec<(NodeId, Value)>,
    followed: FxHashSet<NodeId>,
    /// Bindings that give a name a response.
    definitions: FxHashSet<NodeId>,
    reads: Vec<Read>,
    /// Lists that responses are appended to, each with what is appended.
    appended: Vec<(usize, NodeId)>,
    /// Names whose `encoding` is set as soon as they are bound.
    encoded: BTreeSet<String>,
    returning: FxHashSet<NodeId>,
    returned: FxHashSet<NodeId>,
    only_responses_returned: Vec<&'a ast::StmtFunctionDef>,
    annotations: Vec<&'a Expr>,

    // `await`
    awaited: Vec<NodeId>,
    tight: FxHashSet<NodeId>,
    untight: FxHashSet<NodeId>,
    listed: FxHashSet<NodeId>,

    // Exceptions
    points: Vec<Point>,
    plain_urls: FxHashSet<NodeId>,
    /// Mentions of exceptions of requests that are rewritten.
    mentioned: FxHashSet<NodeId>,
}

/// Members of a response that need its body.
const BODY: &[&str] = &["content", "json", "text"];

const READ_TOO_LATE: &str = "with `stream=True`, requests has no body any more where it is first asked for behind the end of the answer, and httpx has read it";

impl<'c, 'a> Conversion<'c, 'a> {
    fn run(
        ctx: &'c Context<'a>,
        region: NodeId,
        function: &'a ast::StmtFunctionDef,
        items: &[(usize, Item<'a>)],
    ) -> Result<Fix, Blame> {
        let everyone = |Declined(reason)| Blame {
            owners: Vec::new(),
            reason,
        };
        let (library, import) = library(ctx, function).map_err(everyone)?;
        let mut conversion = Conversion {
            ctx,
            region,
            function,
            options: ctx.options(),
            library,
            client: String::new(),
            draft: Draft::new(ctx),
            imports: import.into_iter().collect(),
            doubts: Vec::new(),
            owner: 0,
            taken_names: BTreeSet::new(),
            helpers: BTreeSet::new(),
            converted_calls: FxHashSet::default(),
            streaming: BTreeSet::new(),
            placed: Vec::new(),
            session_has_params: false,
            work: Vec::new(),
            followed: FxHashSet::default(),
            definitions: FxHashSet::default(),
            reads: Vec::new(),
            appended: Vec::new(),
            encoded: BTreeSet::new(),
            returning: FxHashSet::default(),
            returned: FxHashSet::default(),
            only_responses_returned: Vec::new(),
            annotations: Vec::new(),
            awaited: Vec::new(),
            tight: FxHashSet::default(),
            untight: FxHashSet::default(),
            listed: FxHashSet::default(),
            points: Vec::new(),
            plain_urls: FxHashSet::default(),
            mentioned: FxHashSet::default(),
        };
        conversion.client = conversion.fresh_name("client", region);
        for (owner, item) in items {
            conversion.owner = *owner;
            let done = match item {
                Item::Call(call, verb) => conversion.call(call, verb),
                Item::Session(constructor, name) => conversion.session(constructor, name),
                Item::Kept(class, constructor, attribute) => conversion.kept_session(class, constructor, attribute),
            };
            done.map_err(|reason| Blame::one(*owner, reason))?;
        }
        conversion.check_names()?;
        conversion.check_returns().map_err(everyone)?;
        conversion.handlers()?;
        conversion.clients()?;
        conversion.write_awaits();
        conversion.write_annotations();
        conversion.write_codes();
        let edits = conversion.draft.finish().map_err(everyone)?;
        // Stable: of doubts that weigh the same, the first in the source.
        conversion.doubts.sort_by_key(|(weight, _)| *weight);
        let doubt = all_doubts(conversion.doubts.iter().map(|(_, reason)| reason.as_str()));
        let mut imports = conversion.imports;
        imports.sort();
        imports.dedup();
        Ok(Fix::with_doubt(doubt, edits).import(imports))
    }

    fn doubt(&mut self, reason: impl Into<String>) {
        self.weigh(Weight::Use, reason);
    }

    fn weigh(&mut self, weight: Weight, reason: impl Into<String>) {
        self.doubts.push((weight, reason.into()));
    }

    /// A refusal that says what to do instead.
    fn keep(&self, reason: String) -> Declined {
        Declined(format!(
            "{reason}: keep requests and off-load it with asyncio.to_thread"
        ))
    }

    fn import(&mut self, import: Import, at: NodeId) -> Result<String, Declined> {
        let (name, import) = self.ctx.import(import, at)?;
        self.imports.extend(import);
        Ok(name)
    }

    /// `requests.get(...)` and its like.
    fn call(&mut self, call: &'a ast::ExprCall, verb: &'static str) -> Result<(), Declined> {
        let model = self.ctx.model;
        let id = model.id(call);
        let request = self
            .arguments(call, verb, false)
            .map_err(|Declined(reason)| self.keep(reason))?;
        let is_stream = self.is_stream(call, &request);
        let method = if is_stream {
            "stream"
        } else if request.needs_request {
            "request"
        } else {
            verb
        };
        self.note_transport(call, request.url);
        if request.streams && !self.is_read_in_pieces() && self.is_read_too_late(call) {
            self.doubt(READ_TOO_LATE);
        }
        self.placed.push(Placed {
            call,
            method,
            owner: self.owner,
            configuration: request.configuration.clone(),
            has_timeout: request.has_timeout,
            last: None,
        });
        if is_stream {
            let last = self.stream(call, verb, &request)?;
            if let Some(placed) = self.placed.last_mut() {
                placed.last = last;
            }
            return Ok(());
        }
        self.await_call(call)?;
        self.follow(id, Value::LOADED)
    }

    fn note_transport(&mut self, call: &'a ast::ExprCall, url: Option<&'a Expr>) {
        let id = self.ctx.model.id(call);
        self.converted_calls.insert(id);
        self.raises(id, Raises::Transport);
        if url.is_some_and(|url| {
            let parts = values::url_parts(self.ctx, url);
            values::starts_with_scheme(&parts) && values::is_plain(&parts)
        }) {
            self.plain_urls.insert(id);
        }
    }

    /// Whether the function reads a streamed response piece by piece.
    pub(super) fn is_read_in_pieces(&self) -> bool {
        let model = self.ctx.model;
        model.subtree(self.region).any(|(_, node)| {
            matches!(node, AnyNodeRef::ExprAttribute(attribute)
                if matches!(attribute.attr.as_str(), "iter_content" | "iter_lines" | "raw"))
        })
    }

    /// Whether the body of a streamed answer is first asked for when it is closed: by the end of its `with`, or by hand.
    pub(super) fn is_read_too_late(&self, call: &'a ast::ExprCall) -> bool {
        let model = self.ctx.model;
        let (name, closed) = match model.node(model.parent(model.id(call))) {
            AnyNodeRef::WithItem(item) => {
                let with = model.parent(model.id(item));
                (item.optional_vars.as_deref(), Some(model.node(with).end()))
            }
            AnyNodeRef::StmtAssign(assign) => (assign.targets.first(), None),
            _ => return false,
        };
        let Some(Expr::Name(name)) = name else { return false };
        let used = |members: &'static [&'static str]| {
            let members = model.references_like(name).filter(move |reference| {
                matches!(model.node(model.parent(reference.node)), AnyNodeRef::ExprAttribute(member)
                    if members.contains(&member.attr.as_str()))
            });
            members
                .map(|reference| model.node(reference.node).start())
                .filter(|at| *at > call.end())
        };
        let closed = closed.or_else(|| used(&["close"]).min());
        match (used(BODY).min(), closed) {
            (Some(first), Some(closed)) => first > closed,
            _ => false,
        }
    }

    /// Whether a call gives an answer that is entered, or read piece by piece.
    fn is_stream(&self, call: &'a ast::ExprCall, request: &arguments::Request) -> bool {
        let model = self.ctx.model;
        let is_manager = matches!(model.node(model.parent(model.id(call))), AnyNodeRef::WithItem(_));
        is_manager || request.streams && self.is_read_in_pieces()
    }

    /// `with requests.get(u, stream=True) as r:` -> `async with client.stream("GET", u) as r:`, and the same around the statements that
    /// use `r` after `r = requests.get(u, stream=True)`: the last of them.
    fn stream(
        &mut self,
        call: &'a ast::ExprCall,
        verb: &str,
        request: &arguments::Request,
    ) -> Result<Option<&'a ast::Stmt>, Declined> {
        let model = self.ctx.model;
        let id = model.id(call);
        if verb != "request" && !request.needs_request {
            let quoted = self.quoted(call, &verb.to_uppercase())?;
            let first = call
                .arguments
                .iter_source_order()
                .map(|argument| argument.start())
                .min();
            self.draft
                .insert(first.unwrap_or(call.arguments.start()), format!("{quoted}, "));
        }
        if let Some(doubt) = self.ctx.may_await(id)? {
            self.doubt(doubt);
        }
        let is_manager = matches!(model.node(model.parent(id)), AnyNodeRef::WithItem(_));
        let last = if is_manager {
            None
        } else {
            Some(self.open_until_last_use(call)?)
        };
        let shape = if request.streams && self.is_read_in_pieces() {
            self.streaming.insert(self.owner);
            Shape::Streamed
        } else {
            Shape::Loaded
        };
        self.follow(id, Value { shape, optional: false })?;
        Ok(last)
    }

    /// `r = requests.get(...)` -> `async with client.stream(...) as r:` with the statements below it up to the last that reads `r`.
    fn open_until_last_use(&mut self, call: &'a ast::ExprCall) -> Result<&'a ast::Stmt, Declined> {
        let model = self.ctx.model;
        let declined = || self.keep("the streamed answer is not read in one block".to_owned());
        let (stmt_id, stmt) = model.statement_of(model.id(call)).ok_or_else(declined)?;
        let ast::Stmt::Assign(assign) = stmt else {
            return Err(declined());
        };
        let ([Expr::Name(name)], true) = (&*assign.targets, assign.value.range() == call.range()) else {
            return Err(declined());
        };
        let reads = model
            .reads_of_local(self.function_at(stmt_id), &name.id)
            .ok_or_else(declined)?;
        let own = Definition::At(model.id(name));
        let reads: Vec<NodeId> = reads
            .into_iter()
            .filter(|(_, seen)| seen.contains(&own))
            .map(|(read, _)| read)
            .collect();
        let (block, index) = model.block_of(stmt_id).ok_or_else(declined)?;
        let rest = &block[index + 1..];
        let holds = |stmt: &ast::Stmt, read: NodeId| model.contains(model.id(stmt), read);
        let last = rest
            .iter()
            .rposition(|stmt| reads.iter().any(|read| holds(stmt, *read)))
            .ok_or_else(declined)?;
        if !reads.iter().all(|read| rest.iter().any(|stmt| holds(stmt, *read)))
            || crate::layout::own_lines(self.ctx.module, stmt.start(), stmt.end()).is_err()
        {
            return Err(declined());
        }
        let last = &rest[last];
        self.draft.replace(
            ruff_text_size::TextRange::new(stmt.start(), call.start()),
            "async with ",
        );
        self.draft.around(model.id(call), 4, "", &format!(" as {}:", name.id));
        self.draft
            .indent(ruff_text_size::TextRange::new(rest[0].start(), last.end()));
        Ok(last)
    }

    /// Notes that a call is awaited; a generator expression around it becomes a list where that is the same.
    fn await_call(&mut self, call: &'a ast::ExprCall) -> Result<(), Declined> {
        let model = self.ctx.model;
        let id = model.id(call);
        let mut at = id;
        // Each generator expression in between must become a list first; what is around it is asked next.
        let generator = std::iter::successors(Some(model.scope_of(id)), |scope| model.scope(*scope).parent)
            .take_while(|scope| !matches!(model.scope(*scope).kind, ScopeKind::Function(_)))
            .find(|scope| matches!(model.scope(*scope).kind, ScopeKind::Generator));
        if let Some(scope) = generator {
            let around = model
                .ancestors(id)
                .filter(|(_, node)| matches!(node, AnyNodeRef::ExprGenerator(_)))
                .map(|(node, _)| node)
                .collect::<Vec<_>>();
            let [generator] = &*around else {
                return Err(self.keep("it stands in nested generator expressions".to_owned()));
            };
            if model.scope_of(id) != scope && self.ctx.settings.target < PythonVersion::PY311 {
                return Err("await inside nested comprehensions needs Python 3.11".into());
            }
            self.list_of_generator(*generator)?;
            at = *generator;
        }
        if let Some(doubt) = self.ctx.may_await(at)? {
            // Put right by binding the value first.
            let is_hoisted = matches!(model.statement_of(id), Some((_, ast::Stmt::AugAssign(_))));
            if !is_hoisted {
                self.doubt(doubt);
            }
        }
        self.awaited.push(id);
        Ok(())
    }

    fn list_of_generator(&mut self, generator: NodeId) -> Result<(), Declined> {
        let model = self.ctx.model;
        let AnyNodeRef::ExprGenerator(expr) = model.node(generator) else {
            return Ok(());
        };
        let consumer = self.ctx.consumer_of(expr);
        let exhausts = consumer.is_some_and(|call| self.ctx.reads_to_the_end(call));
        if !exhausts {
            let name = consumer.map_or("its consumer", |call| model.slice(&*call.func));
            return Err(self.keep(format!(
                "it stands in a generator expression that `{name}` may not read to its end"
            )));
        }
        if self.listed.insert(generator) {
            if expr.parenthesized {
                let (start, end) = (expr.start(), expr.end());
                let one = ruff_text_size::TextSize::from(1);
                self.draft.replace(ruff_text_size::TextRange::at(start, one), "[");
                self.draft.replace(ruff_text_size::TextRange::new(end - one, end), "]");
            } else {
                self.draft.around(generator, 3, "[", "]");
            }
        }
        Ok(())
    }

    fn write_awaits(&mut self) {
        for id in std::mem::take(&mut self.awaited) {
            let AnyNodeRef::ExprCall(call) = self.ctx.model.node(id) else {
                continue;
            };
            let is_tight =
                (self.ctx.await_needs_parentheses(call) || self.tight.contains(&id)) && !self.untight.contains(&id);
            let (prefix, suffix) = if is_tight { ("(await ", ")") } else { ("await ", "") };
            self.draft.around(id, 0, prefix, suffix);
        }
    }

    /// `requests.Response` in the annotations of what is a response of httpx now.
    fn write_annotations(&mut self) {
        let model = self.ctx.model;
        let mut done = FxHashSet::default();
        for annotation in std::mem::take(&mut self.annotations) {
            for (id, node) in model.subtree(model.id(annotation)) {
                let Some(expr) = node.as_expr_ref() else { continue };
                let text = format!("{}.Response", self.library.name);
                let is_response = match expr {
                    ast::ExprRef::Name(name) => {
                        model.imported_name(&name.id, model.scope_of(id)).as_deref() == Some("requests.Response")
                    }
                    ast::ExprRef::Attribute(attribute) => {
                        attribute.attr.as_str() == "Response"
                            && matches!(
                                model.qualified_name(&attribute.value).as_deref(),
                                Some("requests" | "requests.models")
                            )
                    }
                    ast::ExprRef::StringLiteral(string) if done.insert(id) => {
                        let quoted = model.slice(string);
                        let new = quoted.replace("requests.Response", &text);
                        if new != quoted {
                            self.draft.replace(string.range(), new);
                        }
                        false
                    }
                    _ => false,
                };
                if is_response && done.insert(id) {
                    self.draft.replace(expr.range(), text);
                }
            }
        }
    }

    /// `requests.codes.not_found` -> `httpx.codes.NOT_FOUND` where it is compared, else the number.
    fn write_codes(&mut self) {
        let model = self.ctx.model;
        for (id, node) in model.subtree(self.region) {
            let (owner, name) = match node {
                AnyNodeRef::ExprAttribute(attribute) => (&*attribute.value, attribute.attr.to_string()),
                AnyNodeRef::ExprSubscript(subscript) => match &*subscript.slice {
                    Expr::StringLiteral(name) => (&*subscript.value, name.value.to_str().to_owned()),
                    _ => continue,
                },
                _ => continue,
            };
            if !matches!(
                model.qualified_name(owner).as_deref(),
                Some("requests.codes" | "requests.status_codes.codes")
            ) {
                continue;
            }
            let Some((number, is_shared)) = code(&name.to_lowercase()) else {
                continue;
            };
            let compared = model
                .ancestors(id)
                .find(|(_, node)| {
                    !matches!(
                        node,
                        AnyNodeRef::ExprTuple(_) | AnyNodeRef::ExprList(_) | AnyNodeRef::ExprSet(_)
                    )
                })
                .is_some_and(|(_, node)| matches!(node, AnyNodeRef::ExprCompare(_)));
            let text = if compared && is_shared {
                format!("{}.codes.{}", self.library.name, name.to_uppercase())
            } else {
                number.to_string()
            };
            self.draft.replace(node.range(), text);
        }
    }

    fn function_at(&self, node: NodeId) -> &'a ast::StmtFunctionDef {
        self.ctx.model.enclosing_function(node).unwrap_or(self.function)
    }

    /// A name that nothing in the function around a node uses: `client`, `client_2`, ...
    fn fresh_name(&mut self, base: &str, at: NodeId) -> String {
        let model = self.ctx.model;
        // The outermost function: a nested one could see the name.
        let id = std::iter::once((at, model.node(at)))
            .chain(model.ancestors(at))
            .filter(|(_, node)| matches!(node, AnyNodeRef::StmtFunctionDef(_)))
            .last()
            .map_or(self.region, |(id, _)| id);
        let is_taken = |name: &str| {
            self.taken_names.contains(name)
                || model
                    .references_in(id)
                    .iter()
                    .any(|reference| reference.name.id == name)
                || model.bindings_within(id).iter().any(|binding| binding.name == name)
        };
        let name = std::iter::once(base.to_owned())
            .chain((2..).map(|number| format!("{base}_{number}")))
            .find(|name| !is_taken(name))
            .unwrap_or_default();
        self.taken_names.insert(name.clone());
        name
    }
}

/// The library that the module imports already, else the one that the project depends on, else httpx.
fn library(ctx: &Context, function: &ast::StmtFunctionDef) -> Result<(Library, Option<Import>), Declined> {
    let dependencies = &ctx.settings.dependencies;
    // httpx2 runs from Python 3.11 on.
    let can_be_2 = ctx.settings.target >= PythonVersion::PY311;
    let module = if ctx.model.imports_package("httpx") {
        "httpx"
    } else if ctx.model.imports_package("httpx2") || (can_be_2 && dependencies.contains("httpx2")) {
        "httpx2"
    } else {
        "httpx"
    };
    let at = function.body.first().map_or(NodeId(0), |stmt| ctx.model.id(stmt));
    let (name, import) = ctx.import(Import::Module(module), at)?;
    let version = (module == "httpx")
        .then(|| dependencies.version("httpx").cloned())
        .flatten();
    Ok((Library { name, version }, import))
}

/// The number behind a name of `requests.codes`, and whether httpx knows the name.
///
/// Source: `requests.status_codes` 2.34 and `httpx.codes` 0.28. Other synonyms stay as they are.
fn code(name: &str) -> Option<(u16, bool)> {
    let found = CODES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, code)| (*code, true));
    found.or_else(|| {
        SYNONYMS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, code)| (*code, false))
    })
}

const CODES: &[(&str, u16)] = &[
    ("ok", 200),
    ("created", 201),
    ("accepted", 202),
    ("non_authoritative_information", 203),
    ("no_content", 204),
    ("reset_content", 205),
    ("partial_content", 206),
    ("multi_status", 207),
    ("multiple_choices", 300),
    ("moved_permanently", 301),
    ("found", 302),
    ("see_other", 303),
    ("not_modified", 304),
    ("temporary_redirect", 307),
    ("permanent_redirect", 308),
    ("bad_request", 400),
    ("unauthorized", 401),
    ("payment_required", 402),
    ("forbidden", 403),
    ("not_found", 404),
    ("method_not_allowed", 405),
    ("not_acceptable", 406),
    ("request_timeout", 408),
    ("conflict", 409),
    ("gone", 410),
    ("length_required", 411),
    ("precondition_failed", 412),
    ("request_entity_too_large", 413),
    ("unsupported_media_type", 415),
    ("expectation_failed", 417),
    ("im_a_teapot", 418),
    ("unprocessable_entity", 422),
    ("locked", 423),
    ("upgrade_required", 426),
    ("precondition_required", 428),
    ("too_many_requests", 429),
    ("internal_server_error", 500),
    ("not_implemented", 501),
    ("bad_gateway", 502),
    ("service_unavailable", 503),
    ("gateway_timeout", 504),
];

const SYNONYMS: &[(&str, u16)] = &[
    ("okay", 200),
    ("all_ok", 200),
    ("all_good", 200),
    ("moved", 301),
    ("bad", 400),
    ("teapot", 418),
    ("timeout", 408),
    ("unprocessable", 422),
    ("too_many", 429),
    ("server_error", 500),
    ("unavailable", 503),
];
