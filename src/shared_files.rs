//! Files that several tasks may write: the same path each time, which no call has made for itself.
//!
//! What one thread does, it does in the order in which it is asked. Threads keep no order: of two tasks that append to one file, or write it
//! anew, any may come last.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, InterpolatedStringElement};

use crate::codemod::Context;
use crate::semantic::names::Lookup;
use crate::semantic::{BindingKind, NodeId, ScopeId};

/// Steps from a path to what it is made of.
const MAX_STEPS: usize = 6;

/// Functions and methods whose path depends on nothing but what they are given.
const PATH_MAKERS: &[&str] = &[
    "absolute",
    "abspath",
    "expanduser",
    "fspath",
    "join",
    "joinpath",
    "normpath",
    "resolve",
    "str",
    "with_name",
    "with_suffix",
    "Path",
    "PurePath",
];

impl<'a> Context<'a> {
    /// The doubt about a call that writes a file which other tasks may write at the same time.
    pub fn shared_file_doubt(&self, call: &'a ast::ExprCall) -> Option<String> {
        let path = self.shared_file(call)?;
        Some(format!(
            "two tasks may write `{path}`, and threads need not do so in the order in which the tasks come here"
        ))
    }

    /// The path, as written, of a file that a call writes and other tasks may write at the same time.
    pub fn shared_file(&self, call: &'a ast::ExprCall) -> Option<String> {
        let path = self.written_path(call)?;
        let at = self.model.id(call);
        if !self.is_same_each_time(path, MAX_STEPS) || self.runs_once(at) || self.is_under_async_lock(at) {
            return None;
        }
        Some(crate::module::one_line(self.model.slice(path)))
    }

    /// Whether the call of something that opens a file is for writing to it, by the mode at this place of its arguments.
    pub fn opens_for_writing(&self, call: &ast::ExprCall, mode: usize) -> bool {
        call.arguments
            .find_argument_value("mode", mode)
            .and_then(|mode| mode.as_string_literal_expr())
            .is_some_and(|mode| mode.value.to_str().contains(['w', 'a', 'x', '+']))
    }

    fn written_path(&self, call: &'a ast::ExprCall) -> Option<&'a Expr> {
        let (name, _) = self.blocking_call(call)?;
        match (name.as_str(), &*call.func) {
            ("pathlib.Path.write_text" | "pathlib.Path.write_bytes", Expr::Attribute(method)) => Some(&method.value),
            ("pathlib.Path.open", Expr::Attribute(method)) if self.opens_for_writing(call, 0) => Some(&method.value),
            ("open" | "io.open" | "codecs.open" | "gzip.open" | "bz2.open" | "lzma.open", _)
                if self.opens_for_writing(call, 1) =>
            {
                call.arguments.args.first()
            }
            _ => None,
        }
    }

    /// Whether every call of the function, on the same object, has the same path: it is made of constants, attributes of the object and
    /// variables of the module.
    fn is_same_each_time(&self, path: &'a Expr, steps: usize) -> bool {
        let Some(steps) = steps.checked_sub(1) else {
            return false;
        };
        let is_same = |part: &'a Expr| self.is_same_each_time(part, steps);
        match path {
            Expr::StringLiteral(_) | Expr::BytesLiteral(_) | Expr::NumberLiteral(_) => true,
            Expr::FString(text) => text.value.elements().all(|element| match element {
                InterpolatedStringElement::Literal(_) => true,
                InterpolatedStringElement::Interpolation(part) => is_same(&part.expression),
            }),
            Expr::Attribute(attribute) => is_same(&attribute.value),
            Expr::Subscript(item) => is_same(&item.value) && is_same(&item.slice),
            Expr::BinOp(both) => is_same(&both.left) && is_same(&both.right),
            Expr::Call(call) => {
                let maker = match &*call.func {
                    Expr::Name(name) => PATH_MAKERS.contains(&name.id.as_str()),
                    Expr::Attribute(method) => {
                        PATH_MAKERS.contains(&method.attr.as_str())
                            && (self.model.imported_root(&method.value) || is_same(&method.value))
                    }
                    _ => false,
                };
                maker && call.arguments.iter_source_order().all(|part| is_same(part.value()))
            }
            Expr::Name(name) => self.stands_for_same(name, steps),
            _ => false,
        }
    }

    fn stands_for_same(&self, name: &'a ast::ExprName, steps: usize) -> bool {
        let model = self.model;
        let scope = model.scope_of(model.id(name));
        match model.lookup(&name.id, scope) {
            Lookup::Scope(ScopeId::MODULE) => true,
            Lookup::Scope(_) => match model.sole_binding(&name.id, scope).map(|binding| binding.kind) {
                Some(BindingKind::Assignment(value)) => self.is_same_each_time(value, steps),
                Some(BindingKind::Parameter(_)) => {
                    let function = model.enclosing_function(model.id(name));
                    let method = function.filter(|function| model.class_of_method(function).is_some());
                    let first = method.and_then(|method| method.parameters.iter_source_order().next());
                    first.is_some_and(|first| *first.name() == *name.id)
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether the function around a place is what an event loop is started for, or a test: no two tasks run it.
    fn runs_once(&self, at: NodeId) -> bool {
        self.model.enclosing_function(at).is_none_or(|function| {
            let uses = self.model.uses_of_function(function);
            function.name.starts_with("test_")
                || !uses.is_empty() && uses.iter().all(|use_| self.starts_loop(use_.reference))
        })
    }

    fn is_under_async_lock(&self, at: NodeId) -> bool {
        self.model.ancestors(at).any(|(_, node)| match node {
            AnyNodeRef::StmtWith(with) => {
                with.is_async
                    && with
                        .items
                        .iter()
                        .any(|item| self.model.slice(&item.context_expr).to_lowercase().contains("lock"))
            }
            _ => false,
        })
    }
}
