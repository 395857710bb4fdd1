//! The lifespan of a FastAPI or Starlette application: whether it can have one, and the function above the statement that makes it.

use std::collections::BTreeSet;

use ruff_python_ast::AnyNodeRef;
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::layout::{above_blank_lines, own_lines};
use crate::semantic::web::{WebApp, WebKind};
use crate::semantic::{NodeId, ScopeId};

impl Context<'_> {
    /// Refuses where a version of the library may be installed that does not know `lifespan`.
    pub fn can_have_lifespan(&self, kind: WebKind) -> Result<(), Declined> {
        let dependencies = &self.settings.dependencies;
        // Starlette 0.26 came after FastAPI 0.93, which is the first that allows it.
        let (library, least, why) = match kind {
            WebKind::FastApi => (
                "fastapi",
                "0.93",
                "FastAPI below 0.93 takes `lifespan` without a word and runs none",
            ),
            _ => ("starlette", "0.13", "Starlette below 0.13 knows no `lifespan`"),
        };
        let least: pep440_rs::Version = least.parse().expect("a literal version");
        match dependencies.version(library) {
            Some(version) if *version >= least => Ok(()),
            Some(version) => Err(format!("{why}, and the project allows {version}").into()),
            None if kind == WebKind::FastApi && self.starlette_is_at_least("0.26") => Ok(()),
            None if kind == WebKind::Starlette && dependencies.contains("fastapi") => {
                self.can_have_lifespan(WebKind::FastApi)
            }
            None => Err(format!(
                "{why}, and the project's files do not say which it has: require `{library}>={least}`, or lock it"
            )
            .into()),
        }
    }

    /// The lifespan is defined above the statement that makes the application: one that always runs, in a function or at module level.
    pub fn can_define_lifespan(&self, app: &WebApp) -> Result<(), Declined> {
        let model = self.model;
        let stmt = model.node(app.stmt);
        own_lines(self.module, stmt.start(), stmt.end())?;
        match model.node(model.parent(app.stmt)) {
            AnyNodeRef::ModModule(_) | AnyNodeRef::StmtFunctionDef(_) => Ok(()),
            _ => Err("the application is made under a condition, or in a class".into()),
        }
    }

    /// `lifespan`, or the next of its names that nothing else has.
    pub fn lifespan_name(&self, app: &WebApp, names: &BTreeSet<(ScopeId, String)>) -> String {
        let is_free = |name: &String| {
            self.model.fresh_name(name, app.stmt) == *name && !names.iter().any(|(_, given)| given == name)
        };
        let wanted = ["lifespan".to_owned(), format!("{}_lifespan", app.name)];
        let numbered = (2..).map(|number| format!("{}_lifespan_{number}", app.name));
        wanted
            .into_iter()
            .chain(numbered)
            .find(is_free)
            .expect("the numbers do not end")
    }

    /// A lifespan above the statement that makes the application and the comments that belong to it; `body`: its lines, with their depth.
    pub fn lifespan(&self, app: &WebApp, name: &str, manager: &str, parameter: &str, body: &[(usize, String)]) -> Edit {
        let module = self.module;
        let stmt = self.model.node(app.stmt);
        let is_nested = matches!(
            self.model.node(self.model.parent(app.stmt)),
            AnyNodeRef::StmtFunctionDef(_)
        );
        let indent = self.indentation(stmt);
        let unit = self.indent_unit(if is_nested { app.stmt } else { NodeId(0) });
        let class = self.model.slice(&*app.call.func);
        let head = [
            (0, format!("@{manager}")),
            (0, format!("async def {name}({parameter}: {class}):")),
        ];
        let text: String = head
            .iter()
            .chain(body)
            .map(|(depth, text)| format!("{indent}{}{text}\n", unit.repeat(*depth)))
            .collect();
        let at = self
            .comments_above(stmt)
            .first()
            .map_or(stmt.start(), |comment| comment.start());
        let at = module.line_start(at);
        // Two blank lines around a function at module level, one inside of functions, none where it opens a block.
        let is_first = matches!(self.model.block_of(app.stmt), Some((_, 0)));
        let blank = if is_nested { 1 } else { 2 };
        let above = above_blank_lines(module, at);
        let there = module.text()[TextRange::new(above, at)].matches('\n').count();
        let missing = if is_first || above == TextSize::default() {
            0
        } else {
            blank.max(there) - there
        };
        Edit::insertion(format!("{}{text}{}", "\n".repeat(missing), "\n".repeat(blank)), at)
    }

    /// Whether no older version of Starlette than this one may be installed.
    pub fn starlette_is_at_least(&self, version: &str) -> bool {
        let least = version.parse().expect("a literal version");
        self.settings
            .dependencies
            .version("starlette")
            .is_some_and(|version| *version >= least)
    }
}
