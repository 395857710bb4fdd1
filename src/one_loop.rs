//! Objects of threads in code of one event loop: whether asyncio's own object could stand in the place of a queue or a lock, and how
//! each use of it is written then.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::semantic::objects::{Object, Slot};
use crate::semantic::place::Backend;
use crate::semantic::{BindingKind, NodeId};

/// What the module does with an object at one place.
pub enum Use<'a> {
    /// `object.method(...)`
    Call(&'a ast::ExprAttribute, &'a ast::ExprCall),
    /// `with object:`, also among others.
    With(&'a ast::StmtWith),
    /// `object.attribute`, not called.
    Attribute(&'a ast::ExprAttribute),
    /// It is compared, tested, or goes to where it is followed.
    Plain,
}

impl<'a> Context<'a> {
    /// The calls that make an object of a class: of the class itself, and `field(default_factory=...)` for an attribute of a dataclass.
    pub fn makers(&self, class: &str) -> Vec<&'a ast::ExprCall> {
        let mut calls: Vec<&ast::ExprCall> = self.model.calls_to(class).collect();
        let fields = self.model.calls_to("dataclasses.field");
        calls.extend(fields.filter(|call| self.maker(call, class).is_some()));
        calls
    }

    /// What names the class in such a call.
    pub fn maker(&self, call: &'a ast::ExprCall, class: &str) -> Option<&'a Expr> {
        let is_it = |expr: &&Expr| self.model.qualified_name(expr).as_deref() == Some(class);
        if is_it(&&*call.func) {
            return Some(&call.func);
        }
        let is_field = self.model.qualified_name(&call.func).as_deref() == Some("dataclasses.field");
        let factory = call
            .arguments
            .find_keyword("default_factory")
            .map(|keyword| &keyword.value);
        factory.filter(|_| is_field).filter(is_it)
    }

    pub fn use_of(&self, read: NodeId) -> Use<'a> {
        let model = self.model;
        let parent = model.parent(read);
        match model.node(parent) {
            AnyNodeRef::ExprAttribute(attribute) => match model.node(model.parent(parent)) {
                AnyNodeRef::ExprCall(call) if call.func.range() == attribute.range() => Use::Call(attribute, call),
                _ => Use::Attribute(attribute),
            },
            AnyNodeRef::WithItem(_) => match model.node(model.parent(parent)) {
                AnyNodeRef::StmtWith(with) => Use::With(with),
                _ => Use::Plain,
            },
            _ => Use::Plain,
        }
    }

    /// Refuses a module that runs several event loops, or those of another library than asyncio.
    pub fn has_one_loop(&self) -> Result<(), Declined> {
        let model = self.model;
        if model.backend() != Backend::Asyncio {
            return Err("the module is not written for asyncio".into());
        }
        let starts = [
            "asyncio.new_event_loop",
            "asyncio.run_coroutine_threadsafe",
            "asyncio.Runner",
        ];
        let line = |id: NodeId| self.module.location(model.node(id).start()).0;
        if let Some((id, name)) = model.uses_of(&starts).first() {
            return Err(format!("`{name}` in line {} may bring another event loop", line(*id)).into());
        }
        if let [_, (second, _), ..] = model.uses_of(&["asyncio.run"]).as_slice() {
            return Err(format!("`asyncio.run` in line {} starts another event loop", line(*second)).into());
        }
        Ok(())
    }

    /// Refuses an object that other threads or loops may use, for all that this module shows; what remains is the doubt.
    pub fn is_of_one_loop(&self, object: &Object<'a>) -> Result<String, Declined> {
        let model = self.model;
        self.has_one_loop()?;
        if let Some(reason) = object.escape.as_ref().or(object.unknown_origin.as_ref()) {
            return Err(reason.clone().into());
        }
        // Before 3.10 the constructors bind the loop that is current when they are called (What's New in Python 3.10, asyncio).
        let is_outside = |origin: &&Expr| !model.runs_only_in_async(model.id(*origin));
        if self.settings.target < PythonVersion::PY310
            && let Some(origin) = object.origins.iter().copied().find(is_outside)
        {
            let (line, _) = self.module.location(origin.start());
            return Err(format!(
                "it is made in line {line}, before the loop runs: below Python 3.10 it would belong to another loop"
            )
            .into());
        }
        let is_local = |slot: &Slot| match slot {
            Slot::Name(scope, _) => model.function_of_scope(*scope).is_some(),
            Slot::Attribute(..) => false,
        };
        Ok(match object.slots.iter().find(|slot| !is_local(slot)) {
            Some(Slot::Name(_, name) | Slot::Attribute(_, name)) => {
                format!("other files, and the threads that they start, may use `{name}` as well")
            }
            None => "the tasks that use it must all run in one event loop".to_owned(),
        })
    }

    /// Refuses a use in code that a thread may run.
    pub fn is_used_in_the_loop(&self, read: NodeId) -> Result<(), Declined> {
        if self.model.runs_only_in_async(read) {
            return Ok(());
        }
        let (line, _) = self.module.location(self.model.node(read).start());
        Err(match self.model.enclosing_function(read) {
            Some(function) => format!(
                "`{}` uses it in line {line} and is not an async function: a thread may run it",
                function.name
            ),
            None => format!("line {line} uses it outside of async functions"),
        }
        .into())
    }

    /// Whether a use of an object may be awaited, or why not; the doubt that remains.
    pub fn may_wait_for(&self, read: NodeId, object: &Object<'a>) -> Result<Option<String>, Declined> {
        self.is_used_in_the_loop(read)?;
        self.may_await_beside(read, &object.reads)
    }

    /// The annotations of the variables and attributes that hold an object, with another name for the class.
    pub fn annotation_edits(&self, object: &Object<'a>, old: &str, new: &str) -> Result<Vec<Edit>, Declined> {
        let model = self.model;
        let mut annotations: Vec<&Expr> = Vec::new();
        for slot in &object.slots {
            let (scope, name) = match *slot {
                Slot::Name(scope, name) => (Some(scope), name),
                Slot::Attribute(class, name) => (class.body.first().map(|stmt| model.scope_of(model.id(stmt))), name),
            };
            let bindings = scope.into_iter().flat_map(|scope| model.bindings_in(scope, name));
            annotations.extend(bindings.filter_map(|binding| match binding.kind {
                BindingKind::Annotated(assign) => Some(&*assign.annotation),
                BindingKind::Parameter(parameter) => parameter.annotation.as_deref(),
                _ => None,
            }));
            if let Slot::Attribute(..) = slot {
                let stores = model
                    .stores_of(name)
                    .map(|store| model.node(model.parent(model.id(store))));
                annotations.extend(stores.filter_map(|stmt| match stmt {
                    AnyNodeRef::StmtAnnAssign(assign) => Some(&*assign.annotation),
                    _ => None,
                }));
            }
        }
        let mut edits = Vec::new();
        for annotation in annotations {
            let id = model.id(annotation);
            for (_, node) in model.subtree(id) {
                if let AnyNodeRef::ExprStringLiteral(text) = node {
                    return Err(format!("its annotation `{}` stands in quotes", text.value.to_str()).into());
                }
            }
            for (use_, _) in model.uses_of(&[old]) {
                if model.contains(id, use_) {
                    edits.push(Edit::replacement(new, model.node(use_).range()));
                }
            }
        }
        Ok(edits)
    }
}
