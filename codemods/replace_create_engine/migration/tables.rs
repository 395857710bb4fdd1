//! Where the tables of a layer are made and its engine is closed: at import, in the fixtures of tests, in the lifespan of an application.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef};
use ruff_text_size::{Ranged, TextRange};

use super::Layer;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::importer::Import;
use crate::interned::interned;
use crate::layout::{above_blank_lines, own_lines};
use crate::project::layer::{End, EndPlace};
use crate::semantic::names::{Lookup, map_callable};
use crate::semantic::web::{WebApp, WebKind};
use crate::semantic::{NodeId, ScopeId};
use crate::turning::Nodes;

/// What runs an application in a test.
pub(super) const CLIENTS: &[&str] = &[
    "fastapi.testclient.TestClient",
    "starlette.testclient.TestClient",
    "httpx.ASGITransport",
];

impl<'a> Layer<'_, 'a> {
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
        let before = self.deleted.filter(|deleted| deleted.end() == line_start);
        // The lifespan brings its own blank lines, and counts those that stand above the application.
        let lines_of_it = if start == Start::Lifespan && ctx.module.line_start(made) == end {
            if let Some(before) = before {
                let start = above_blank_lines(ctx.module, before.start());
                self.draft.delete(TextRange::new(start, before.start()));
            }
            TextRange::new(above_blank_lines(ctx.module, line_start), line_end)
        } else {
            TextRange::new(line_start, end)
        };
        self.deleted = Some(before.map_or(lines_of_it, |before| before.cover(lines_of_it)));
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
    pub(super) fn lifespan(&mut self) -> Result<More, Declined> {
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
    pub(super) fn close_at_end(&mut self, nodes: &Nodes<'a>, end: &End) -> Result<(), Declined> {
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
            (Some(function), _) => self.close(function, &name),
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
pub(super) struct More {
    pub(super) edits: Vec<Edit>,
    pub(super) imports: Vec<Import>,
}
