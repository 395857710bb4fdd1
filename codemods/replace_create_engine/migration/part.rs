//! A layer that several files share: what one of them has of it, and what becomes of that when the project says that all of them change.

use std::collections::BTreeSet;
use std::path::PathBuf;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::{CREATE, CREATE_ASYNC, Layer, sync_object};
use crate::codemod::Context;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::importer::Import;
use crate::interned::interned;
use crate::knowledge::sqlalchemy::Role;
use crate::layout::{above_blank_lines, own_lines};
use crate::project::colouring::usage::Slot;
use crate::project::colouring::{Change, Coloured, World};
use crate::project::layer::{End, EndPlace, Parameter, Part, Passed};
use crate::project::summary::{Note, Summary};
use crate::project::{LayerFacts, Project, ProjectFacts, TextHash, layer, summarise_waiting};
use crate::semantic::names::{Lookup, map_callable};
use crate::semantic::sqlalchemy::Known;
use crate::semantic::types::{Type, TypeOracle};
use crate::semantic::web::{WebApp, WebKind};
use crate::semantic::{BindingKind, NodeId, ScopeId, SemanticModel};
use crate::turning::{self, Nodes};

/// Rounds in which the parameters of functions are found to be sessions.
const MAX_ROUNDS: usize = 8;

/// What has another form in an asynchronous program, or reaches a session unseen.
const UNSEEN: &[&str] = &[
    "yield_per",
    "scoped_session",
    "automap",
    "object_session",
    "async_object_session",
    "sessionmaker.",
];

/// Attributes of a session that its asynchronous twin has as well.
const SHARED: &[&str] = &[
    "new",
    "dirty",
    "deleted",
    "is_active",
    "info",
    "identity_map",
    "autoflush",
    "no_autoflush",
];

/// Methods that tell a dictionary from an object that a session has loaded.
const DICT: &[&str] = &["get", "items", "keys", "values"];

/// How a relationship is loaded that is there when it is read.
const EAGER: &[&str] = &[
    "selectin",
    "joined",
    "subquery",
    "immediate",
    "noload",
    "raise",
    "raise_on_sql",
    "write_only",
];

/// What runs an application in a test.
const CLIENTS: &[&str] = &[
    "fastapi.testclient.TestClient",
    "starlette.testclient.TestClient",
    "httpx.ASGITransport",
];

/// What a file has of a layer, for the project; `known`: what its imports mean.
pub fn summarise(ctx: &Context, known: Known) -> Summary {
    let (mut summary, outcome) = summary(ctx, known, false);
    if let (Some(part), Err(Declined(text))) = (&mut summary.layer, outcome) {
        let line = part.at.map_or(1, |at| ctx.module.location(at.start()).0);
        part.stop = Some(Note { text, line });
    }
    summary
}

fn summary(ctx: &Context, known: Known, is_alone: bool) -> (Summary, Result<(), Declined>) {
    let model = SemanticModel::build(ctx.module).with_objects(known);
    let ctx = Context { model: &model, ..*ctx };
    let mut layer = Layer::without_engine(&ctx);
    layer.is_alone = is_alone;
    let outcome = layer.find();
    let mut part = layer.facts();
    let (mut summary, stop) = summarise_waiting(&ctx, &layer.waits);
    part.stop = stop;
    summary.layer = Some(part);
    (summary, outcome)
}

/// What the project says of the layer of this file. A file whose layer no other file shares is a project of its own.
pub fn run(ctx: &Context, acc: &mut Findings) {
    let told = match &ctx.project.layer {
        Some((facts, text)) if *text == TextHash::of(ctx.module.text().as_bytes()) => Some(facts),
        _ => None,
    };
    if let Some(facts) = told {
        for coloured in &facts.colouring.coloured {
            let fix = rewrite(ctx, facts, coloured, false);
            acc.push(coloured.at, coloured.message.clone(), fix);
        }
        for stopped in &facts.colouring.stopped {
            acc.push(stopped.at, layer::ALONE, Err(stopped.reason.as_str().into()));
        }
        return;
    }
    let model = ctx.model;
    let mut calls = CREATE.iter().flat_map(|name| model.calls_to(name));
    if let (Some(call), None, None) = (calls.next(), calls.next(), model.calls_to(CREATE_ASYNC).next()) {
        acc.push(&*call.func, layer::ALONE, alone(ctx));
    }
}

/// A layer of which nothing is known outside of this file.
fn alone(ctx: &Context) -> Result<Fix, Declined> {
    let mut project = Project::new(std::iter::once(PathBuf::new()));
    let mut known = Known::default();
    let mut outcome = Ok(());
    for _ in 0..MAX_ROUNDS {
        let mut summary;
        (summary, outcome) = self::summary(ctx, known.clone(), true);
        if !ctx.project.is_partial {
            summary.end_program();
        }
        project.files[0].1 = Some(summary);
        let now = layer::known(&project).pop().unwrap_or_default();
        if now == known {
            break;
        }
        known = now;
    }
    outcome?;
    let mut world = World::of(ctx.settings);
    world.is_partial = ctx.project.is_partial;
    let facts = layer::colour(&project, &world, 0).pop().unwrap_or_default();
    let facts = LayerFacts { known, ..facts };
    match (&*facts.colouring.coloured, &*facts.colouring.stopped) {
        ([coloured], _) => rewrite(ctx, &facts, coloured, true),
        (_, [stopped, ..]) => Err(stopped.reason.as_str().into()),
        _ => Err("nothing in this module works with the engine".into()),
    }
}

fn rewrite(ctx: &Context, facts: &LayerFacts, coloured: &Coloured, is_alone: bool) -> Result<Fix, Declined> {
    let model = SemanticModel::build(ctx.module).with_objects(facts.known.clone());
    let project = ProjectFacts::unconcerned();
    let ctx = Context {
        model: &model,
        project: &project,
        ..*ctx
    };
    let mut layer = Layer::without_engine(&ctx);
    layer.is_alone = is_alone;
    layer.find()?;
    let nodes = Nodes::of(&ctx);
    if is_alone {
        layer.is_run_here(&nodes, coloured)?;
    }
    for end in &facts.ends {
        layer.close_at_end(&nodes, end)?;
    }
    let mut more = layer.lifespan()?;
    let Layer {
        draft,
        mut imports,
        definitions,
        ..
    } = layer;
    let (mut edits, others) = turning::write(&ctx, &nodes, draft, coloured)?;
    imports.extend(others);
    edits.append(&mut more.edits);
    imports.append(&mut more.imports);
    let reason = coloured.doubt.clone().unwrap_or_default();
    Ok(Fix::unsafe_because(reason, edits)
        .import(imports)
        .define(definitions)
        .first())
}

impl<'c, 'a> Layer<'c, 'a> {
    /// A layer that other modules alone work with cannot change without them.
    fn is_run_here(&self, nodes: &Nodes<'a>, coloured: &Coloured) -> Result<(), Declined> {
        let model = self.ctx.model;
        for change in &coloured.changes {
            let Change::Define(name, _) = change else { continue };
            let function = nodes.function(*name)?;
            let is_plain = function.decorator_list.is_empty() && model.class_of_method(function).is_none();
            if is_plain && model.uses_of_function(function).is_empty() {
                let name = &function.name;
                let reason =
                    format!("`{name}` is not called in this module: whoever calls it elsewhere would have to await it");
                return Err(reason.into());
            }
        }
        if self.is_asked || !coloured.changes.is_empty() {
            return Ok(());
        }
        Err("nothing in this module runs what works with the engine: the modules that import it would have to become asynchronous with it".into())
    }

    fn engines(&self) -> Vec<&'a ast::ExprCall> {
        let model = self.ctx.model;
        CREATE.iter().flat_map(|name| model.calls_to(name)).collect()
    }

    /// Everything of the layer that stands in this file.
    fn find(&mut self) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        match &*self.engines() {
            [] => {}
            [call] => {
                ctx.settings.dependencies.at_least("sqlalchemy", [1, 4])?;
                if model.calls_to(CREATE_ASYNC).next().is_some() {
                    return Err("an asynchronous engine stands beside the synchronous one".into());
                }
                self.name = Layer::new(ctx, call)?.name;
                self.engine(call)?;
            }
            [_, other, ..] => {
                let (line, _) = ctx.module.location(other.start());
                return Err(format!("another engine is made in line {line}").into());
            }
        }
        self.uses_of_engine()?;
        self.classes()?;
        self.annotations()?;
        self.withs()?;
        self.calls()?;
        self.values()?;
        self.escapes()?;
        self.expired()?;
        self.unseen()
    }

    /// Classes of the layer in annotations that say no more than that something may be a session.
    fn annotations(&self) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        for (id, name) in model.uses_of(super::SESSIONS) {
            let (line, _) = ctx.module.location(model.node(id).range().start());
            let is_plain = match model.node(model.parent(id)) {
                AnyNodeRef::ExprCall(_) | AnyNodeRef::Parameter(_) | AnyNodeRef::StmtAnnAssign(_) => true,
                AnyNodeRef::StmtFunctionDef(function) => function
                    .returns
                    .as_deref()
                    .is_some_and(|returns| model.id(returns) == id),
                AnyNodeRef::ExprSubscript(_) | AnyNodeRef::ExprTuple(_) => {
                    let mut outer = model.ancestors(id).filter_map(|(_, node)| match node {
                        AnyNodeRef::ExprSubscript(outer) => model.qualified_name(&outer.value),
                        _ => None,
                    });
                    outer.next().is_some_and(|outer| {
                        let last = outer.rsplit('.').next().unwrap_or_default();
                        ["Annotated", "Generator", "Iterator", "Iterable"].contains(&last)
                    })
                }
                _ => false,
            };
            if !is_plain {
                let name = name.rsplit('.').next().unwrap_or(name);
                return Err(format!("what `{name}` is named for in line {line} is not known").into());
            }
        }
        if let Some((name, range)) = model
            .quoted_names()
            .iter()
            .find(|(name, _)| ["Session", "Engine", "Connection", "sessionmaker"].contains(&name.as_str()))
        {
            let (line, _) = ctx.module.location(range.start());
            return Err(format!("`{name}` stands in quotes in line {line}").into());
        }
        let classes = [
            "sqlalchemy.engine.Engine",
            "sqlalchemy.Engine",
            "sqlalchemy.engine.base.Engine",
            "sqlalchemy.future.Engine",
            "sqlalchemy.engine.Connection",
            "sqlalchemy.Connection",
            "sqlalchemy.engine.base.Connection",
        ];
        if let Some((id, name)) = model.uses_of(&classes).first() {
            let (line, _) = ctx.module.location(model.node(*id).range().start());
            return Err(format!("`{name}` is named in line {line}").into());
        }
        Ok(())
    }

    /// Sessions and what makes them where nobody follows them.
    fn escapes(&mut self) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        let lost = |what: &str, at: TextRange| {
            let (line, _) = ctx.module.location(at.start());
            Err(Declined(format!("{what} in line {line}")))
        };
        for call in model.calls() {
            let id = model.id(call);
            let parent = model.parent(id);
            let role = sync_object(ctx, &Expr::Call(call.clone())).map(|class| class.role);
            if matches!(role, Some(Role::Session | Role::Connection)) {
                let is_followed = match model.node(parent) {
                    AnyNodeRef::StmtAssign(assign) if matches!(&*assign.targets, [Expr::Name(_)]) => true,
                    AnyNodeRef::StmtAnnAssign(assign) if assign.target.is_name_expr() => true,
                    AnyNodeRef::StmtAssign(_) | AnyNodeRef::StmtAnnAssign(_) => {
                        is_kept(ctx, parent) && self.is_closed_again(parent)
                    }
                    AnyNodeRef::WithItem(_) | AnyNodeRef::ExprYield(_) => true,
                    AnyNodeRef::StmtReturn(_) => model
                        .enclosing_function(id)
                        .is_some_and(|function| model.scope_of(model.id(function)) == ScopeId::MODULE),
                    _ => false,
                };
                if !is_followed {
                    return lost("a session gets out of sight", call.range());
                }
            }
            if model.gives_session(&call.func) && model.is_stepped(&call.func) {
                let is_entered = matches!(model.node(parent), AnyNodeRef::WithItem(_));
                let is_next = matches!(model.node(model.parent(parent)), AnyNodeRef::ExprCall(outer) if model.is_builtin(&outer.func, "next"));
                if !is_entered && !is_next {
                    return lost("what yields a session is iterated over by hand", call.range());
                }
            }
        }
        for (id, node) in model.subtree(NodeId(0)) {
            let expr = match node {
                AnyNodeRef::ExprName(name) if name.ctx.is_load() => Expr::Name(name.clone()),
                AnyNodeRef::ExprAttribute(read) if read.ctx.is_load() => Expr::Attribute(read.clone()),
                _ => continue,
            };
            let parent = model.parent(id);
            match sync_object(ctx, &expr).map(|class| class.role) {
                Some(Role::Factory) => {
                    let is_known = match model.node(parent) {
                        AnyNodeRef::ExprCall(call) => call.func.range() == expr.range(),
                        AnyNodeRef::ExprAttribute(method) => {
                            matches!(method.attr.as_str(), "begin" | "configure" | "kw")
                        }
                        _ => false,
                    };
                    if !is_known {
                        return lost("the factory of sessions gets out of sight", expr.range());
                    }
                }
                Some(Role::Session) => {
                    if let AnyNodeRef::ExprAttribute(read) = model.node(parent) {
                        let is_called = matches!(model.node(model.parent(parent)), AnyNodeRef::ExprCall(call) if call.func.range() == read.range());
                        if read.attr.as_str() == "connection" || !is_called && !SHARED.contains(&read.attr.as_str()) {
                            return lost(
                                &format!("`{}` of a session has no asynchronous counterpart", read.attr),
                                read.range(),
                            );
                        }
                    } else if expr.is_attribute_expr() && !self.is_passed(id) {
                        return lost("a session gets out of sight", expr.range());
                    }
                }
                _ => {}
            }
        }
        for function in model.functions() {
            for parameter in function.parameters.iter_non_variadic_params() {
                let gives = model
                    .dependency_of(parameter)
                    .is_some_and(|dependency| model.gives_session(dependency));
                if gives && !self.is_session(parameter) {
                    return lost(
                        &format!("`{}` is injected as something else than a session", parameter.name()),
                        parameter.range(),
                    );
                }
            }
        }
        Ok(())
    }

    /// Reads of objects behind what expires them, whatever the factory says: they would be loaded when they are read.
    fn expired(&mut self) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        for call in model.calls() {
            let Expr::Attribute(method) = &*call.func else { continue };
            let of_session = || model.is_session(&method.value, false);
            let expires = match method.attr.as_str() {
                "rollback" | "expire" | "expire_all" => of_session(),
                "update" => model.is_sqlalchemy_chain(&method.value, 0),
                "execute" => of_session() && self.updates(call),
                _ => false,
            };
            let id = model.id(call);
            let (Some(function), Some((stmt, node))) = (model.enclosing_function(id), model.statement_of(id)) else {
                continue;
            };
            if !expires {
                continue;
            }
            // What follows a block that is left is not reached from there.
            let block = model.block_of(stmt).map_or(&[][..], |(block, _)| block);
            let end = match block.last() {
                Some(last @ (Stmt::Return(_) | Stmt::Raise(_) | Stmt::Continue(_) | Stmt::Break(_))) => last.end(),
                _ => function.end(),
            };
            let behind = TextRange::new(node.end(), end.max(node.end()));
            for (id, node) in model.subtree(model.id(function)) {
                let AnyNodeRef::ExprAttribute(read) = node else {
                    continue;
                };
                let is_behind = read.ctx.is_load() && behind.contains_range(read.range());
                if !is_behind || !self.may_expire(id, read) || self.is_loaded_behind(id, read, behind) {
                    continue;
                }
                let text = format!(
                    "`{}` may have to be loaded anew when it is read, behind `{}`",
                    model.slice(read),
                    method.attr
                );
                let (line, _) = ctx.module.location(read.start());
                let expired = Note { text, line };
                // The project knows whether a class of another module is one of data.
                match model.type_of(&read.value) {
                    Type::Foreign(class) => self.expired.push((expired, class)),
                    _ => return Err(format!("{} (line {line})", expired.text).into()),
                }
            }
        }
        Ok(())
    }

    fn may_expire(&self, id: NodeId, read: &ast::ExprAttribute) -> bool {
        let model = self.ctx.model;
        let is_of_dict =
            DICT.contains(&read.attr.as_str()) && matches!(model.node(model.parent(id)), AnyNodeRef::ExprCall(_));
        !is_of_dict && !model.is_session(&Expr::Attribute(read.clone()), false) && self.may_be_row(&read.value)
    }

    /// Whether the object that is read is another one than before: all that binds its name stands between the expiry and the read, and runs
    /// before it.
    fn is_loaded_behind(&self, id: NodeId, read: &ast::ExprAttribute, behind: TextRange) -> bool {
        let model = self.ctx.model;
        let Expr::Name(name) = &*read.value else { return false };
        let between = TextRange::new(behind.start(), read.start().max(behind.start()));
        let mut bindings = model.resolve(&name.id, model.scope_of(id)).peekable();
        bindings.peek().is_some()
            && bindings.all(|binding| {
                model.statement_of(binding.node).is_some_and(|(stmt, node)| {
                    let block = model.parent(stmt);
                    between.contains_range(node.range()) && model.ancestors(id).any(|(outer, _)| outer == block)
                })
            })
    }

    /// Whether a statement updates rows by more than plain values.
    fn updates(&self, call: &ast::ExprCall) -> bool {
        let model = self.ctx.model;
        let updates = [
            "sqlalchemy.update",
            "sqlalchemy.sql.update",
            "sqlalchemy.sql.expression.update",
        ];
        model.subtree(model.id(call)).any(|(_, node)| match node {
            AnyNodeRef::ExprCall(inner) => model
                .qualified_name(&inner.func)
                .is_some_and(|name| updates.contains(&name.as_str())),
            _ => false,
        })
    }

    /// Whether a name may be an object that a session has loaded: one of the function's own, and neither a session nor an exception.
    fn may_be_row(&self, expr: &Expr) -> bool {
        let model = self.ctx.model;
        let Expr::Name(name) = expr else { return false };
        // What derives from nothing is mapped to no table.
        let is_plain = model.class_of(expr).is_some_and(|class| {
            let is_data = |base: &Expr| {
                model
                    .qualified_name(base)
                    .is_some_and(|name| name == "pydantic.BaseModel")
            };
            let mut bases = class.arguments.iter().flat_map(|arguments| &arguments.args);
            class.decorator_list.is_empty() && bases.all(is_data)
        });
        if is_plain
            || sync_object(self.ctx, expr).is_some()
            || model.imported_root(expr)
            || model.class_named(expr).is_some()
        {
            return false;
        }
        let mut bindings = model.resolve(&name.id, model.scope_of(model.id(name)));
        bindings.any(|binding| {
            let is_exception = matches!(model.node(binding.node), AnyNodeRef::ExceptHandlerExceptHandler(_));
            let is_result = matches!(binding.kind, BindingKind::Assignment(Expr::Call(made)) if model.is_sqlalchemy_chain(&Expr::Call(made.clone()), 0)
                && self.is_query(made));
            binding.scope != ScopeId::MODULE && !is_exception && !is_result
        })
    }

    /// Whether a chain is still a query, or a result of rows: not what a query has loaded.
    fn is_query(&self, made: &ast::ExprCall) -> bool {
        let ends = [
            "first",
            "one",
            "one_or_none",
            "get",
            "scalar",
            "merge",
            "all",
            "scalar_one",
            "scalar_one_or_none",
        ];
        !matches!(&*made.func, Expr::Attribute(method) if ends.contains(&method.attr.as_str()))
    }

    /// Whether a class that makes a session for itself closes it: one that is left to the garbage collector is closed by an engine that is
    /// synchronous only.
    fn is_closed_again(&self, stmt: NodeId) -> bool {
        let model = self.ctx.model;
        let kept = kept_in(model.node(stmt)).map(|kept| kept.attr.as_str());
        model.calls().any(|call| match &*call.func {
            Expr::Attribute(method) => {
                method.attr.as_str() == "close"
                    && matches!(&*method.value, Expr::Attribute(session) if Some(session.attr.as_str()) == kept)
            }
            _ => false,
        })
    }

    fn is_session(&self, parameter: &ast::ParameterWithDefault) -> bool {
        let model = self.ctx.model;
        let mut bindings = model.bindings().iter();
        bindings
            .find(|binding| matches!(binding.kind, BindingKind::Parameter(found) if found.range() == parameter.parameter.range()))
            .and_then(|binding| model.sqlalchemy_binding(binding))
            .is_some_and(|class| class.role == Role::Session && !class.is_async)
    }

    fn unseen(&self) -> Result<(), Declined> {
        let text = self.ctx.module.text();
        match UNSEEN.iter().find(|word| text.contains(**word)) {
            Some(word) => Err(format!("`{word}` has another form in an asynchronous program").into()),
            None => Ok(()),
        }
    }

    /// Whether the project can tell what becomes of a session that is an argument.
    pub(super) fn is_passed(&mut self, session: NodeId) -> bool {
        let model = self.ctx.model;
        let range = model.node(session).range();
        let mut keyword = None;
        for (_, node) in model.ancestors(session) {
            match node {
                AnyNodeRef::Keyword(found) => match &found.arg {
                    Some(name) => keyword = Some(name.to_string()),
                    None => return false,
                },
                AnyNodeRef::Arguments(_) => {}
                AnyNodeRef::ExprCall(call) => {
                    let position = call
                        .arguments
                        .args
                        .iter()
                        .position(|argument| argument.range() == range);
                    let is_open = call.arguments.args.iter().any(Expr::is_starred_expr);
                    let slot = match (position, keyword) {
                        (Some(position), _) if !is_open => Slot::Position(position),
                        (None, Some(keyword)) => Slot::Keyword(keyword),
                        _ => return false,
                    };
                    self.passed.push(Passed {
                        call: call.range(),
                        slot,
                        line: self.ctx.module.location(range.start()).0,
                    });
                    return true;
                }
                _ => return false,
            }
        }
        false
    }

    /// Tables that are made when the module is imported: in a test module by an event loop of their own, else in the lifespan of the application.
    pub(super) fn made_at_import(&mut self, call: NodeId, method: &str, lines: [String; 2]) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        let (line, _) = ctx.module.location(model.node(call).range().start());
        let (stmt, node) = model.statement_of(call).ok_or("it is no statement")?;
        if !model.node(model.parent(stmt)).is_mod_module() {
            return Err(format!("nothing can be awaited in line {line}").into());
        }
        let is_test = model.imports_package("pytest")
            || CLIENTS.iter().any(|client| model.calls_to(client).next().is_some())
            || model.functions().any(|function| function.name.starts_with("test_"));
        if is_test {
            let text = match self.helpers.iter().find(|(made, _)| *made == lines) {
                Some((_, name)) => name.clone(),
                None => {
                    let name = model.fresh_name(&self.helper(method), call);
                    let start = ctx.module.line_start(node.start());
                    let above = above_blank_lines(ctx.module, start);
                    let has_comment = !ctx.comments_above(node).is_empty();
                    let blank = ctx.module.text()[TextRange::new(above, start)].matches('\n').count();
                    let missing = if has_comment { 0 } else { 2_usize.saturating_sub(blank) };
                    let unit = ctx.indent_unit(NodeId(0));
                    let text = defined(&name, &lines, &unit);
                    self.draft
                        .insert(node.start(), format!("{}{text}\n\n\n", "\n".repeat(missing)));
                    self.helpers.push((lines, name.clone()));
                    name
                }
            };
            let (asyncio, import) = ctx.import(Import::Module("asyncio"), call)?;
            self.imports.extend(import);
            self.draft.replace(node.range(), format!("{asyncio}.run({text}())"));
            return Ok(());
        }
        let (app, start) = self
            .application()
            .ok_or_else(|| format!("nothing can be awaited in line {line}"))??;
        own_lines(ctx.module, node.start(), node.end())?;
        // The comments above it go with it.
        let above = ctx.comments_above(node);
        let texts = above
            .iter()
            .map(|comment| ctx.module.slice(*comment).to_owned())
            .collect();
        let first = above.first().map_or(node.start(), |comment| comment.start());
        let line_start = ctx.module.line_start(first);
        let line_end = ctx.module.line_end_with_newline(node.end());
        let mut end = line_end;
        while ctx
            .module
            .slice(TextRange::new(end, ctx.module.line_end(end)))
            .trim()
            .is_empty()
            && ctx.module.line_end_with_newline(end) > end
        {
            end = ctx.module.line_end_with_newline(end);
        }
        let made = model.node(app.stmt);
        let comments = ctx.comments_above(made);
        let made = comments.first().map_or(made.start(), |comment| comment.start());
        // The lifespan brings its own blank lines, and counts those that stand above the application.
        let lines_of_it = if start == Start::Lifespan && ctx.module.line_start(made) == end {
            TextRange::new(above_blank_lines(ctx.module, line_start), line_end)
        } else {
            TextRange::new(line_start, end)
        };
        self.draft.delete(lines_of_it);
        self.tables.push((texts, lines));
        Ok(())
    }

    /// Whether a node stands in a plain function that pytest runs before what asks for it, in no event loop.
    pub(super) fn is_in_fixture(&self, id: NodeId) -> bool {
        let model = self.ctx.model;
        let is_fixture = |decorator: &ast::Decorator| {
            let callable = map_callable(&decorator.expression);
            model.qualified_name(callable).as_deref() == Some("pytest.fixture")
        };
        model.enclosing_function(id).is_some_and(|function| {
            model.scope_of(id) == model.body_scope(function)
                && !function.is_async
                && function.decorator_list.iter().any(is_fixture)
        })
    }

    /// Tables that a fixture makes: by an event loop of their own.
    pub(super) fn made_in_fixture(
        &mut self,
        call: &'a ast::ExprCall,
        method: &str,
        lines: [String; 2],
    ) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        let id = model.id(call);
        let (line, _) = ctx.module.location(call.start());
        let local = model.subtree(id).find_map(|(_, node)| match node {
            AnyNodeRef::ExprName(name) => {
                let is_global = model.lookup(&name.id, model.scope_of(id)) == Lookup::Scope(ScopeId::MODULE);
                (!is_global).then_some(&name.id)
            }
            _ => None,
        });
        if let Some(name) = local {
            return Err(format!("`{name}` in line {line} belongs to the fixture").into());
        }
        let name = match self.helpers.iter().find(|(made, _)| *made == lines) {
            Some((_, name)) => name.clone(),
            None => {
                let (name, definition) = ctx.define(&self.helper(method), id, |name| defined(name, &lines, "    "));
                self.definitions.extend(definition);
                self.helpers.push((lines, name.clone()));
                name
            }
        };
        let (asyncio, import) = ctx.import(Import::Module("asyncio"), id)?;
        self.imports.extend(import);
        self.draft.replace(call.range(), format!("{asyncio}.run({name}())"));
        self.fixture.get_or_insert(line);
        Ok(())
    }

    /// The name of a further function that does what a method of the metadata does.
    fn helper(&self, method: &str) -> String {
        let wanted = if method == "drop_all" {
            "drop_tables"
        } else {
            "create_tables"
        };
        let is_free = |name: &String| self.helpers.iter().all(|(_, taken)| taken != name);
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        std::iter::once(wanted.to_owned())
            .chain(numbered)
            .find(is_free)
            .expect("the numbers do not end")
    }

    /// The only application of the module, which has no lifespan yet, and what is to make the tables.
    fn application(&self) -> Option<Result<(WebApp<'a>, Start), Declined>> {
        let ctx = self.ctx;
        let mut apps = ctx.model.web_apps().filter(|app| app.kind == WebKind::FastApi);
        let app = apps.next().filter(|_| apps.next().is_none())?;
        let text = ctx.module.text();
        let mentions = |words: &[&str]| words.iter().any(|word| text.contains(word));
        let has_lifespan = app.call.arguments.find_keyword("lifespan").is_some()
            || mentions(&["add_event_handler", "on_startup", "on_shutdown", "lifespan_context"]);
        if app.scope != ScopeId::MODULE || has_lifespan {
            return Some(Err(
                "the application has a lifespan or handlers of its own, in which the tables would have to be made"
                    .into(),
            ));
        }
        let start = if mentions(&[".on_event("]) {
            Ok(Start::Handlers)
        } else {
            match ctx.can_have_lifespan(app.kind) {
                Ok(()) => Ok(Start::Lifespan),
                // It is too old for one.
                Err(_) if ctx.settings.dependencies.version("fastapi").is_some() => Ok(Start::Handlers),
                Err(declined) => Err(declined),
            }
        };
        Some(start.and_then(|start| ctx.can_define_lifespan(&app).map(|()| (app, start))))
    }

    /// What makes the tables with the application and closes the engine's connections: a lifespan, or handlers.
    fn lifespan(&mut self) -> Result<More, Declined> {
        let ctx = self.ctx;
        let mut more = More::default();
        let Some((_, [open, _])) = self.tables.first() else {
            return Ok(more);
        };
        let engine = open.trim_start_matches("async with ").split(".begin()").next();
        let dispose = format!("await {}.dispose()", engine.unwrap_or_default());
        let (app, start) = self.application().ok_or("the application is gone")??;
        let mut body: Vec<(usize, String)> = Vec::new();
        for (comments, [open, run]) in &self.tables {
            body.extend(comments.iter().map(|comment| (1, comment.clone())));
            body.push((1, open.clone()));
            body.push((2, run.clone()));
        }
        match start {
            Start::Lifespan => {
                let (manager, import) = ctx.plain_member("contextlib", "asynccontextmanager", app.stmt)?;
                more.imports.extend(import);
                let name = ctx.lifespan_name(&app, &BTreeSet::new());
                body.extend([
                    (1, "try:".to_owned()),
                    (2, "yield".to_owned()),
                    (1, "finally:".to_owned()),
                    (2, dispose),
                ]);
                more.edits.push(ctx.lifespan(&app, &name, &manager, "app", &body));
                more.edits
                    .extend(ctx.with_argument(app.call, &format!("lifespan={name}")));
            }
            Start::Handlers => {
                let unit = ctx.indent_unit(NodeId(0));
                let handler = |event: &str, wanted: &str, body: &[(usize, String)]| {
                    let lines: String = body
                        .iter()
                        .map(|(depth, text)| format!("{}{text}\n", unit.repeat(*depth)))
                        .collect();
                    let name = ctx.model.fresh_name(wanted, app.stmt);
                    format!("\n\n@{}.on_event(\"{event}\")\nasync def {name}():\n{lines}", app.name)
                };
                let text = [
                    handler("startup", "create_tables", &body),
                    handler("shutdown", "close_engine", &[(1, dispose)]),
                ]
                .concat();
                // The first that is registered is the first that runs.
                let at = ctx.module.line_end_with_newline(ctx.model.node(app.stmt).end());
                let rest = &ctx.module.text()[usize::from(at)..];
                let blank = rest.lines().take_while(|line| line.trim().is_empty()).count();
                let missing = if rest.trim().is_empty() {
                    0
                } else {
                    2_usize.saturating_sub(blank)
                };
                more.edits
                    .push(Edit::insertion(format!("{text}{}", "\n".repeat(missing)), at));
            }
        }
        Ok(more)
    }

    /// Closes the engine, which another file may make, where an event loop ends.
    fn close_at_end(&mut self, nodes: &Nodes<'a>, end: &End) -> Result<(), Declined> {
        let model = self.ctx.model;
        let (id, function) = match end.place {
            EndPlace::Function(name) => {
                let function = nodes.function(name)?;
                (model.id(function), Some(function))
            }
            EndPlace::Block(call) => {
                let call = nodes.node(call)?;
                let block = model
                    .ancestors(call)
                    .find_map(|(id, node)| node.is_stmt_if().then_some(id));
                (block.ok_or("the main block is gone")?, None)
            }
        };
        let is_closed = model
            .subtree(id)
            .any(|(_, node)| matches!(node, AnyNodeRef::ExprAttribute(method) if method.attr.as_str() == "dispose"));
        if is_closed {
            return Ok(());
        }
        let name = match end.engine.rsplit_once('.') {
            Some((module, name)) => {
                // `.engine` in a package is `from . import engine`.
                let module = if module.trim_start_matches('.').is_empty() {
                    &end.engine[..end.engine.len() - name.len()]
                } else {
                    module
                };
                self.member(interned(module), interned(name), id)?
            }
            None => end.engine.clone(),
        };
        match (function, model.node(id)) {
            (Some(function), _) => self.dispose(function, &name),
            (None, AnyNodeRef::StmtIf(block)) => {
                let last = block.body.last().ok_or("the main block is gone")?;
                // What stands behind an exit is not reached.
                if !self.ctx.module.slice(last).contains("exit(") {
                    let (asyncio, import) = self.ctx.import(Import::Module("asyncio"), id)?;
                    self.imports.extend(import);
                    self.draft.line_below(last, format!("{asyncio}.run({name}.dispose())"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What other files are told.
    fn facts(&self) -> Part {
        let ctx = self.ctx;
        let model = ctx.model;
        let line = |at: TextRange| ctx.module.location(at.start()).0;
        let mut part = Part {
            passed: self.passed.clone(),
            expired: self.expired.clone(),
            needs_lifespan: !self.tables.is_empty(),
            is_disposed: self.is_disposed,
            doubts: self.doubts.clone(),
            address: self.address.clone(),
            makes_tables: self.helpers.iter().any(|([_, run], _)| run.contains("create_all")),
            replaces_dependencies: ctx.module.text().contains("dependency_overrides"),
            ..Part::default()
        };
        if let [call, ..] = &*self.engines() {
            part.engine = Some((call.func.range(), line(call.func.range())));
            let is_sqlite = super::is_sqlite(ctx, call);
            part.is_tied_to_loop = !is_sqlite;
            part.keeps_running = is_sqlite && super::may_keep_running(ctx);
            part.is_in_memory = is_sqlite && super::is_in_memory(ctx, call);
        }
        let classes = model
            .uses_of(super::SESSIONS)
            .into_iter()
            .chain(model.uses_of(super::FACTORIES));
        let mut places: Vec<TextRange> = classes.map(|(id, _)| model.node(id).range()).collect();
        places.extend(self.waits.iter().map(|id| model.node(*id).range()));
        places.extend(model.subtree(NodeId(0)).filter_map(|(_, node)| {
            let expr = match node {
                AnyNodeRef::ExprName(name) if name.ctx.is_load() => Expr::Name(name.clone()),
                AnyNodeRef::ExprAttribute(read) if read.ctx.is_load() => Expr::Attribute(read.clone()),
                _ => return None,
            };
            sync_object(ctx, &expr).map(|_| expr.range())
        }));
        part.at = places.into_iter().min_by_key(|at| at.start());
        for function in model.functions() {
            let parameters = function.parameters.iter_non_variadic_params();
            let parameters = parameters.map(|parameter| Parameter {
                name: parameter.name().to_string(),
                offset: parameter.parameter.name.start().into(),
                is_session: self.is_session(parameter),
                is_annotated: parameter.parameter.annotation.is_some(),
            });
            part.parameters
                .insert(function.name.start().into(), parameters.collect());
        }
        for class in model.classes() {
            if let Some(fields) = self.fields(class) {
                let name = model.qualname(&class.name, model.id(class));
                part.fields.insert(name, fields);
            }
        }
        self.exports(&mut part);
        for call in CLIENTS.iter().flat_map(|name| model.calls_to(name)) {
            part.client.get_or_insert(line(call.range()));
            let is_entered = matches!(model.node(model.parent(model.id(call))), AnyNodeRef::WithItem(_));
            if !is_entered {
                part.bare_client.get_or_insert(line(call.range()));
            }
        }
        part.client = part.client.or(self.fixture);
        self.members(&mut part);
        part
    }

    /// The parameters of the constructor that `@dataclass` writes, where nothing changes their order.
    fn fields(&self, class: &'a ast::StmtClassDef) -> Option<Vec<Parameter>> {
        let model = self.ctx.model;
        let is_plain = matches!(&*class.decorator_list, [decorator]
            if model.qualified_name(map_callable(&decorator.expression)).as_deref() == Some("dataclasses.dataclass"))
            && class.arguments.is_none()
            && model.is_plain_dataclass(class);
        if !is_plain {
            return None;
        }
        let attributes = model.sqlalchemy_attributes(class);
        let fields = class.body.iter().filter_map(|stmt| match stmt {
            Stmt::AnnAssign(field) => field.target.as_name_expr(),
            _ => None,
        });
        let fields = fields.map(|name| Parameter {
            name: name.id.to_string(),
            offset: name.start().into(),
            is_session: attributes
                .get(name.id.as_str())
                .is_some_and(|class| class.role == Role::Session && !class.is_async),
            is_annotated: true,
        });
        Some(fields.collect())
    }

    /// What the names of the module mean, and which names its imports bind.
    fn exports(&self, part: &mut Part) {
        let model = self.ctx.model;
        for binding in model.bindings() {
            match binding.kind {
                BindingKind::Import(alias) => part.imports.push(alias.name.to_string()),
                BindingKind::FromImport(import, alias) => {
                    let module = import.module.as_deref().unwrap_or_default();
                    let separator = if module.is_empty() { "" } else { "." };
                    let dots = ".".repeat(import.level as usize);
                    part.imports.push(format!("{dots}{module}{separator}{}", alias.name));
                }
                _ => {}
            }
            if binding.scope != ScopeId::MODULE || model.sole_binding(binding.name, ScopeId::MODULE).is_none() {
                continue;
            }
            let name = binding.name.to_owned();
            match binding.kind {
                BindingKind::Assignment(_) | BindingKind::Annotated(_) => {
                    if let Some(class) = model.sqlalchemy_binding(binding).filter(|class| !class.is_async) {
                        part.exports.objects.insert(name.clone(), class.name().to_owned());
                    }
                    if let BindingKind::Assignment(value) = binding.kind
                        && let Some(class) = model.sqlalchemy_alias(value).filter(|class| !class.is_async)
                    {
                        part.exports.aliases.insert(name, class.name().to_owned());
                    }
                }
                BindingKind::Class(class) => {
                    for (attribute, object) in model.sqlalchemy_attributes(class) {
                        if !object.is_async {
                            if matches!(object.role, Role::Session | Role::Connection) {
                                let (line, _) = self.ctx.module.location(class.start());
                                part.held.entry(attribute.clone()).or_insert(line);
                            }
                            let path = format!("{name}.{attribute}");
                            part.exports.attributes.insert(path, object.name().to_owned());
                        }
                    }
                }
                BindingKind::Function(function) => {
                    if let Some(class) = model.sqlalchemy_given(function).filter(|class| !class.is_async) {
                        let class = class.name().to_owned();
                        if model.is_generator(function) {
                            part.exports.stepped.insert(name.clone(), class.clone());
                        }
                        part.exports.given.insert(name, class);
                    }
                }
                _ => {}
            }
        }
    }

    /// Relationships, and what reads attributes that may be some.
    fn members(&self, part: &mut Part) {
        let ctx = self.ctx;
        let model = ctx.model;
        let line = |at: TextRange| ctx.module.location(at.start()).0;
        for class in model.classes() {
            let attributes = model.sqlalchemy_attributes(class);
            for stmt in &class.body {
                let (target, value) = match stmt {
                    Stmt::Assign(assign) => match &*assign.targets {
                        [target] => (target, Some(&*assign.value)),
                        _ => continue,
                    },
                    Stmt::AnnAssign(assign) => (&*assign.target, assign.value.as_deref()),
                    _ => continue,
                };
                let Expr::Name(name) = target else { continue };
                let made = value.and_then(|value| self.lazy(value));
                match made {
                    Some(names) => {
                        let own = names
                            .into_iter()
                            .map(|given| given.unwrap_or_else(|| name.id.to_string()));
                        part.lazies.extend(own.map(|name| (name, line(stmt.range()))));
                    }
                    None if stmt.is_ann_assign_stmt()
                        && !self.is_mapped(value)
                        && !attributes.contains_key(name.id.as_str()) =>
                    {
                        part.reads.entry(name.id.to_string()).or_insert(line(stmt.range()));
                    }
                    None => {}
                }
            }
        }
        for (_, node) in model.subtree(NodeId(0)) {
            let (expr, name) = match node {
                AnyNodeRef::ExprAttribute(read) => (Expr::Attribute(read.clone()), read.attr.as_str()),
                AnyNodeRef::ExprName(name) => (Expr::Name(name.clone()), name.id.as_str()),
                _ => continue,
            };
            if model.imported_root(&expr) && sync_object(ctx, &expr).is_none() {
                part.untold.entry(name.to_owned()).or_insert(line(expr.range()));
            }
        }
        for (id, node) in model.subtree(NodeId(0)) {
            match node {
                AnyNodeRef::ExprAttribute(read) => {
                    let is_class = model.imported_root(&read.value) || model.class_named(&read.value).is_some();
                    // What a relationship gives cannot be called.
                    let is_method = matches!(model.node(model.parent(id)), AnyNodeRef::ExprCall(call) if call.func.range() == read.range());
                    let is_own = read.ctx.is_load() || model.class_of(&read.value).is_some();
                    let is_session = || is_own && model.is_session(&Expr::Attribute(read.clone()), false);
                    if !is_class && !is_method && !is_session() {
                        part.reads.entry(read.attr.to_string()).or_insert(line(read.range()));
                    }
                }
                AnyNodeRef::ExprCall(call) if model.is_builtin(&call.func, "getattr") => {
                    if let Some(Expr::StringLiteral(name)) = call.arguments.args.get(1) {
                        part.reads.entry(name.value.to_string()).or_insert(line(call.range()));
                    }
                }
                _ => {}
            }
        }
    }

    fn is_mapped(&self, value: Option<&Expr>) -> bool {
        matches!(value, Some(Expr::Call(call)) if self.ctx.model.qualified_name(&call.func).is_some_and(|name| name.starts_with("sqlalchemy")))
    }

    /// The names under which something is loaded when it is read: `None` stands for the name that it is bound to.
    fn lazy(&self, value: &Expr) -> Option<Vec<Option<String>>> {
        let ctx = self.ctx;
        let model = ctx.model;
        let Expr::Call(call) = value else { return None };
        let name = model.qualified_name(&call.func)?;
        if !name.starts_with("sqlalchemy") {
            return None;
        }
        let keyword = |name: &str| call.arguments.find_keyword(name).map(|keyword| &keyword.value);
        match name.rsplit('.').next()? {
            "relationship" | "relation" => {
                let is_eager =
                    matches!(keyword("lazy"), Some(Expr::StringLiteral(how)) if EAGER.contains(&how.value.to_str()));
                let mut names = Vec::new();
                if !is_eager {
                    names.push(None);
                }
                match keyword("backref") {
                    Some(Expr::StringLiteral(name)) => names.push(Some(name.value.to_string())),
                    Some(Expr::Call(call)) => {
                        if let Some(Expr::StringLiteral(name)) = call.arguments.args.first() {
                            names.push(Some(name.value.to_string()));
                        }
                    }
                    _ => {}
                }
                (!names.is_empty()).then_some(names)
            }
            "dynamic_loader" | "deferred" | "association_proxy" | "query_expression" => Some(vec![None]),
            // What the database computes is not there behind a write.
            "Column" | "mapped_column" => {
                let is_sql = |value: &Expr| match value {
                    Expr::Call(call) => {
                        matches!(&*call.func, Expr::Attribute(_) | Expr::Name(_))
                            && model
                                .qualified_name(&call.func)
                                .is_some_and(|name| name.starts_with("sqlalchemy"))
                    }
                    _ => false,
                };
                let is_old = ctx.settings.dependencies.at_least("sqlalchemy", [2, 0]).is_err();
                let is_late = keyword("server_onupdate").is_some()
                    || keyword("onupdate").is_some_and(is_sql)
                    || is_old && (keyword("server_default").is_some() || keyword("default").is_some_and(is_sql))
                    || keyword("deferred").is_some_and(|value| matches!(value, Expr::BooleanLiteral(is) if is.value));
                let is_eager = ctx.module.text().contains("eager_defaults");
                (is_late && !is_eager).then(|| vec![None])
            }
            _ => None,
        }
    }
}

/// The attribute that a statement gives a value to.
fn kept_in(stmt: AnyNodeRef<'_>) -> Option<&ast::ExprAttribute> {
    let target = match stmt {
        AnyNodeRef::StmtAssign(assign) => match &*assign.targets {
            [target] => target,
            _ => return None,
        },
        AnyNodeRef::StmtAnnAssign(assign) => &assign.target,
        _ => return None,
    };
    match target {
        Expr::Attribute(kept) => Some(kept),
        _ => None,
    }
}

/// Whether a statement keeps a session in an attribute that all can follow: of an object of this module, and always a session.
pub(super) fn is_kept(ctx: &Context, stmt: NodeId) -> bool {
    kept_in(ctx.model.node(stmt)).is_some_and(|kept| {
        ctx.model.class_of(&kept.value).is_some() && ctx.model.is_session(&Expr::Attribute(kept.clone()), false)
    })
}

/// The function that makes tables, out of the lines that make them.
fn defined(name: &str, [open, run]: &[String; 2], unit: &str) -> String {
    format!("async def {name}():\n{unit}{open}\n{unit}{unit}{run}")
}

/// What runs when an application starts and ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    Lifespan,
    /// Functions under `@app.on_event`, in a FastAPI that is too old for a lifespan, or beside others: they would not run with one.
    Handlers,
}

/// What a lifespan adds.
#[derive(Default)]
struct More {
    edits: Vec<Edit>,
    imports: Vec<Import>,
}
