//! Handlers around code whose failures arrive in an `ExceptionGroup`: which of them still catch what they should, and `except*` for the rest.
//!
//! Source: PEP 654. `asyncio.TaskGroup` raises every failure of its tasks and of its body in a group; a cancellation from outside,
//! `KeyboardInterrupt` and `SystemExit` leave it as they are.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_text_size::{Ranged, TextSize};

use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::module::one_line;
use crate::semantic::NodeId;
use crate::semantic::flow::Guard;

/// What becomes of a handler when what it should catch arrives in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// It catches every exception, a group too.
    Everything,
    /// It is there for groups.
    Groups,
    /// It is there for what no task group collects.
    Uncollected,
    /// It catches none of them.
    Nothing,
}

const LOG_METHODS: &[&str] = &["critical", "debug", "error", "exception", "info", "log", "warning"];

impl<'a> Context<'a> {
    /// The first handler of a `try` that catches nothing when every exception arrives in a group.
    pub fn blind_handler(&self, stmt: &'a ast::StmtTry) -> Option<&'a ast::ExceptHandlerExceptHandler> {
        stmt.handlers
            .iter()
            .filter(|_| !stmt.is_star)
            .map(|ast::ExceptHandler::ExceptHandler(handler)| handler)
            .take_while(|handler| self.reach(handler) != Reach::Everything)
            .find(|handler| self.reach(handler) == Reach::Nothing)
    }

    /// Refuses where a handler around a use of the enclosing function would meet a group instead of the exception that it waits for.
    pub fn callers_catch_groups(&self, at: NodeId) -> Result<(), Declined> {
        let model = self.model;
        let Some(function) = model.enclosing_function(at) else {
            return Ok(());
        };
        for use_ in model.uses_of_function(function) {
            for guard in model.guards(use_.reference) {
                if let Guard::Try(outer) = guard
                    && self.blind_handler(outer).is_some()
                {
                    let line = self.module.location(outer.start()).0;
                    return Err(format!(
                        "the handlers in line {line}, around a use of `{}`, would get a group instead of the exception",
                        function.name
                    )
                    .into());
                }
            }
        }
        Ok(())
    }

    /// The edits after which the handlers of a `try` catch in a group what they catch now; none where they do so as they are.
    pub fn catch_groups(&self, stmt: &'a ast::StmtTry) -> Result<Vec<Edit>, Declined> {
        if stmt.is_star {
            return Ok(Vec::new());
        }
        let handlers: Vec<_> = stmt
            .handlers
            .iter()
            .map(|ast::ExceptHandler::ExceptHandler(handler)| (handler, self.reach(handler)))
            .collect();
        for (handler, reach) in &handlers {
            if *reach != Reach::Uncollected {
                self.only_logs(handler)?;
            }
        }
        // With nothing in front of it, the handler that takes everything takes the group.
        let first = handlers.iter().find(|(_, reach)| *reach != Reach::Uncollected);
        if first.is_none_or(|(_, reach)| *reach == Reach::Everything) {
            return Ok(Vec::new());
        }
        handlers
            .iter()
            .map(|(handler, reach)| {
                let shown = handler.type_.as_deref().map(|type_| one_line(self.model.slice(type_)));
                let Some(shown) = shown else {
                    return Err("a bare `except` cannot stand beside `except*`".into());
                };
                match reach {
                    Reach::Groups => return Err(format!("`{shown}` cannot be caught by `except*`").into()),
                    Reach::Uncollected => {
                        return Err(
                            format!("`except {shown}` beside it would become `except*`, and get a group").into(),
                        );
                    }
                    Reach::Everything | Reach::Nothing => {}
                }
                if let Some(jump) = self.jump_out_of(handler) {
                    return Err(
                        format!("its handler of `{shown}` ends in `{jump}`, which `except*` does not allow").into(),
                    );
                }
                Ok(Edit::insertion("*", handler.start() + TextSize::of("except")))
            })
            .collect()
    }

    fn reach(&self, handler: &'a ast::ExceptHandlerExceptHandler) -> Reach {
        let types = match handler.type_.as_deref() {
            None => return Reach::Everything,
            Some(Expr::Tuple(tuple)) => tuple.elts.iter().collect(),
            Some(other) => vec![other],
        };
        let any = |test: &dyn Fn(&Expr) -> bool| types.iter().any(|one| test(one));
        let is_one_of = |one: &Expr, names: &[&str]| names.iter().any(|name| self.model.is_builtin(one, name));
        if any(&|one| is_one_of(one, &["Exception", "BaseException"])) {
            Reach::Everything
        } else if any(&|one| self.model.slice(one).ends_with("Group")) {
            Reach::Groups
        } else if types.iter().all(|one| {
            is_one_of(one, &["KeyboardInterrupt", "SystemExit", "GeneratorExit"])
                || self.model.slice(*one).ends_with("CancelledError")
        }) {
            Reach::Uncollected
        } else {
            Reach::Nothing
        }
    }

    /// A handler that looks at its exception would look at a group.
    fn only_logs(&self, handler: &'a ast::ExceptHandlerExceptHandler) -> Result<(), Declined> {
        let Some(name) = &handler.name else { return Ok(()) };
        let mut references = self.model.references_in(self.model.id(handler)).iter();
        let looked_at = references.any(|reference| reference.name.id == name.id && !self.is_logged(reference.node));
        if looked_at {
            return Err(format!("its handler looks at `{name}`, which would be the group").into());
        }
        Ok(())
    }

    /// Whether a name is read for a log line, or as the cause of another exception.
    fn is_logged(&self, reference: NodeId) -> bool {
        let model = self.model;
        match model.statement_of(reference) {
            Some((_, Stmt::Expr(stmt))) => match &*stmt.value {
                Expr::Call(ast::ExprCall { func, .. }) => match &**func {
                    Expr::Attribute(method) => {
                        let receiver = model.slice(&*method.value).to_lowercase();
                        LOG_METHODS.contains(&method.attr.as_str()) && receiver.contains("log")
                    }
                    _ => false,
                },
                _ => false,
            },
            Some((_, Stmt::Raise(stmt))) => stmt.cause.as_deref().is_some_and(|cause| model.id(cause) == reference),
            _ => false,
        }
    }

    /// `return`, or a `break` or `continue` of a loop around the handler.
    fn jump_out_of(&self, handler: &'a ast::ExceptHandlerExceptHandler) -> Option<&'static str> {
        let model = self.model;
        let handler = model.id(handler);
        model.subtree(handler).find_map(|(id, node)| {
            let jump = match node {
                AnyNodeRef::StmtReturn(_) => "return",
                AnyNodeRef::StmtBreak(_) => "break",
                AnyNodeRef::StmtContinue(_) => "continue",
                _ => return None,
            };
            let is_inside = jump != "return" && model.loops(id).any(|outer| model.contains(handler, outer));
            (model.scope_of(id) == model.scope_of(handler) && !is_inside).then_some(jump)
        })
    }
}
