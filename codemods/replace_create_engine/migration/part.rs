//! What one file has of a layer, alone or beside others, and what becomes of it when the project says that all of the layer changes.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange};

use super::{CREATE, CREATE_ASYNC, Layer, sync_object};
use crate::codemod::Context;
use crate::edit::Fix;
use crate::finding::{Declined, Findings};
use crate::knowledge::sqlalchemy::{Class, Role};
use crate::project::colouring::usage::Slot;
use crate::project::colouring::{Change, Coloured};
use crate::project::layer::Passed;
use crate::project::summary::{Note, Summary};
use crate::project::{LayerFacts, Project, ProjectFacts, TextHash, layer, summarise_waiting};
use crate::semantic::sqlalchemy::Known;
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
    let mut layer = Layer::new(&ctx);
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
        // It was said of another text, and the other files still belong to the layer: the next run looks at all of them anew.
        Some((_, text)) if *text != TextHash::default() => return,
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
    let layer = Layer::new(ctx);
    if let ([first, others @ ..], None) = (&*layer.engines(), model.calls_to(CREATE_ASYNC).next())
        && others.iter().all(|other| layer.is_same_engine(first, other))
    {
        acc.push(&*first.func, layer::ALONE, alone(ctx));
    }
}

/// A layer of which nothing is known outside of this file.
fn alone(ctx: &Context) -> Result<Fix, Declined> {
    let mut project = Project::alone(Summary::default());
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
    let facts = layer::colour(&project, &ctx.world(), 0).pop().unwrap_or_default();
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
    let mut layer = Layer::new(&ctx);
    layer.is_alone = is_alone;
    layer.find()?;
    let nodes = Nodes::of(&ctx);
    if is_alone {
        layer.is_run_here(&nodes, coloured)?;
    }
    layer.close_own(coloured);
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

    pub(super) fn engines(&self) -> Vec<&'a ast::ExprCall> {
        let model = self.ctx.model;
        CREATE.iter().flat_map(|name| model.calls_to(name)).collect()
    }

    /// Everything of the layer that stands in this file.
    fn find(&mut self) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        let engines = self.engines();
        if let [first, others @ ..] = &*engines {
            ctx.settings.dependencies.at_least("sqlalchemy", [1, 4])?;
            if model.calls_to(CREATE_ASYNC).next().is_some() {
                return Err("an asynchronous engine stands beside the synchronous one".into());
            }
            if let Some(other) = others.iter().find(|other| !self.is_same_engine(first, other)) {
                let (line, _) = ctx.module.location(other.start());
                return Err(format!("another engine is made in line {line}").into());
            }
        }
        for call in engines {
            self.make(call)?;
        }
        self.uses_of_engine()?;
        self.named()?;
        self.givers()?;
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
                AnyNodeRef::ExprCall(_) => true,
                AnyNodeRef::Keyword(_) => self.is_made_by_factory(id),
                _ => self.is_annotation(id),
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

    /// Whether a class of the layer is named in an annotation that says no more than that something is one of its objects.
    pub(super) fn is_annotation(&self, id: NodeId) -> bool {
        let model = self.ctx.model;
        match model.node(model.parent(id)) {
            AnyNodeRef::Parameter(_) => true,
            AnyNodeRef::StmtAnnAssign(assign) => model.id(&*assign.annotation) == id,
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
                    ["Annotated", "Generator", "Iterator", "Iterable", "sessionmaker"].contains(&last)
                })
            }
            _ => false,
        }
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
                    AnyNodeRef::WithItem(_) => true,
                    AnyNodeRef::StmtReturn(_) | AnyNodeRef::ExprYield(_) => self.is_of_plain_function(id),
                    _ => false,
                };
                if !is_followed {
                    return lost("a session gets out of sight", call.range());
                }
            }
            if model.gives_object(&call.func, Role::Session) && model.is_stepped(&call.func) {
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
                        _ => self.is_followed(id),
                    };
                    if !is_known {
                        return lost("the factory of sessions gets out of sight", expr.range());
                    }
                }
                Some(Role::Session) => {
                    if let AnyNodeRef::ExprAttribute(read) = model.node(parent) {
                        let is_called = model.is_callee(parent);
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
                    .is_some_and(|dependency| model.gives_object(dependency, Role::Session));
                if gives && self.class_of(parameter).is_none_or(|class| class.role != Role::Session) {
                    return lost(
                        &format!("`{}` is injected as something else than a session", parameter.name()),
                        parameter.range(),
                    );
                }
            }
        }
        Ok(())
    }

    /// Whether what stands in a function is what callers of a function of the module get.
    pub(super) fn is_of_plain_function(&self, id: NodeId) -> bool {
        let model = self.ctx.model;
        let function = model.enclosing_function(id);
        function.is_some_and(|function| model.scope_of(model.id(function)) == ScopeId::MODULE)
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

    /// The synchronous object that a parameter is given.
    pub(super) fn class_of(&self, parameter: &ast::ParameterWithDefault) -> Option<&'static Class> {
        let model = self.ctx.model;
        let mut bindings = model.bindings().iter();
        bindings
            .find(|binding| matches!(binding.kind, BindingKind::Parameter(found) if found.range() == parameter.parameter.range()))
            .and_then(|binding| model.sqlalchemy_binding(binding))
            .filter(|class| !class.is_async)
    }

    /// The synchronous object that stands at a node.
    fn class_at(&self, id: NodeId) -> Option<&'static Class> {
        let expr = match self.ctx.model.node(id) {
            AnyNodeRef::ExprName(name) => Expr::Name(name.clone()),
            AnyNodeRef::ExprAttribute(read) => Expr::Attribute(read.clone()),
            AnyNodeRef::ExprCall(call) => Expr::Call(call.clone()),
            _ => return None,
        };
        sync_object(self.ctx, &expr)
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
                    let Some(class) = self.class_at(session) else {
                        return false;
                    };
                    self.passed.push(Passed {
                        class: class.name().to_owned(),
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
}

/// The attribute that a statement gives a value to.
pub(super) fn kept_in(stmt: AnyNodeRef<'_>) -> Option<&ast::ExprAttribute> {
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
