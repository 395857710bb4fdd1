//! Objects that remember from one call to the next: the position in a file, the turn of a conversation, an open transaction.
//!
//! What a function does with such an object in two steps, it does on the assumption that nobody uses the object between them. As long as it does not
//! wait, that holds for every task of the event loop.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::Ranged;

use super::{BindingKind, NodeId, SemanticModel};

/// Methods that move a position, or depend on it, or on what the other side was told last (Python library reference, `io` and `socket`).
const POSITIONED: &[&str] = &[
    "read",
    "readinto",
    "readline",
    "readlines",
    "recv",
    "seek",
    "send",
    "sendall",
    "tell",
    "truncate",
    "write",
    "writelines",
];

/// Methods of connections and sessions that work in the transaction that is open (PEP 249, SQLAlchemy).
const IN_TRANSACTION: &[&str] = &[
    "add",
    "add_all",
    "begin",
    "delete",
    "execute",
    "executemany",
    "executescript",
    "flush",
    "merge",
];

/// Methods that end it for all who work in it.
const ENDS: &[&str] = &["commit", "rollback"];

/// How a statement begins that ends a transaction (SQL).
const END_STATEMENTS: &[&str] = &["commit", "end", "release", "rollback"];

/// What becomes of an object when others use it in the middle of what a function does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Middle {
    Position,
    Transaction,
}

/// One step of what a function does with an object that others can see.
struct Step<'a> {
    id: NodeId,
    object: &'a Expr,
    kind: Middle,
    is_end: bool,
}

impl<'a> SemanticModel<'a> {
    /// The object that the enclosing function uses on both sides of a node, and that remembers the first use, if others can see it and the function
    /// does not wait in between anyhow.
    pub fn used_across(&self, at: NodeId) -> Option<(&'a str, Middle)> {
        let function = self.enclosing_function(at)?;
        let point = self.node(at).range();
        let steps: Vec<Step<'a>> = self
            .subtree(self.id(function))
            .filter_map(|(id, _)| self.step(id, function))
            .collect();
        let (before, behind): (Vec<&Step>, Vec<&Step>) = steps
            .iter()
            .filter(|step| !self.contains(step.id, at) && step.id != at)
            .partition(|step| self.node(step.id).end() <= point.start());
        behind.into_iter().find_map(|last| {
            let text = self.slice(last.object);
            let is_first = |first: &&&Step| {
                first.kind == last.kind
                    && self.slice(first.object) == text
                    && (first.kind == Middle::Position || last.is_end && !first.is_end)
                    && self.is_atomic(at, first.id, last.id)
            };
            before.iter().find(is_first).map(|_| (text, last.kind))
        })
    }

    fn step(&self, id: NodeId, function: &'a ast::StmtFunctionDef) -> Option<Step<'a>> {
        let AnyNodeRef::ExprCall(call) = self.node(id) else {
            return None;
        };
        let Expr::Attribute(method) = &*call.func else {
            return None;
        };
        let name = method.attr.as_str();
        let (kind, is_end) = if ENDS.contains(&name) {
            (Middle::Transaction, true)
        } else if IN_TRANSACTION.contains(&name) {
            (Middle::Transaction, ends_by_statement(call))
        } else if POSITIONED.contains(&name) {
            (Middle::Position, false)
        } else {
            return None;
        };
        if self.node(self.parent(id)).is_expr_await() || self.is_standard_stream(&method.value) {
            return None;
        }
        let object = match kind {
            Middle::Position => &*method.value,
            Middle::Transaction => self.connection_of_cursor(&method.value),
        };
        self.is_shared_place(object, function).then_some(Step {
            id,
            object,
            kind,
            is_end,
        })
    }

    /// What is printed by tasks that take turns is printed in turns.
    fn is_standard_stream(&self, object: &Expr) -> bool {
        self.qualified_name(object).is_some_and(|name| name.starts_with("sys."))
    }

    /// `connection` of a cursor that was made by `cursor = connection.cursor()`; anything else as it is.
    fn connection_of_cursor(&self, object: &'a Expr) -> &'a Expr {
        let Expr::Name(name) = object else { return object };
        match self
            .sole_binding(&name.id, self.scope_of(self.id(name)))
            .map(|binding| binding.kind)
        {
            Some(BindingKind::Assignment(Expr::Call(call))) => match &*call.func {
                Expr::Attribute(method) if method.attr.as_str() == "cursor" => &method.value,
                _ => object,
            },
            _ => object,
        }
    }
}

/// `execute("COMMIT")`
fn ends_by_statement(call: &ast::ExprCall) -> bool {
    match call.arguments.args.first() {
        Some(Expr::StringLiteral(text)) => {
            let text = text.value.to_str().trim_start().to_ascii_lowercase();
            END_STATEMENTS.iter().any(|word| text.starts_with(word))
        }
        _ => false,
    }
}
