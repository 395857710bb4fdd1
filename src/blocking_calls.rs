//! Which calls block: the table of `knowledge/blocking.tsv` and what the configuration adds, met with what is known of a callee.

use ruff_python_ast::{self as ast, Expr};

use crate::codemod::Context;
use crate::knowledge::blocking::{self, Blocking, Rule};
use crate::semantic::types::{Type, TypeOracle};

/// Flags with which a call returns at once instead of waiting.
const NO_WAIT: &[&str] = &["WNOHANG", "P_NOWAIT", "P_NOWAITO", "LOCK_NB", "LOCK_UN"];

impl Context<'_> {
    /// What the table or the configuration says of the callable.
    pub fn blocking_call(&self, call: &ast::ExprCall) -> Option<(String, Blocking)> {
        let known = |name: String| {
            let row = *blocking::blocking(&name)?;
            Some((name, row))
        };
        if let Some(name) = self.model.qualified_name(&call.func) {
            let declared = self
                .settings
                .blocking
                .iter()
                .any(|declared| declared.call == name && declared.twin.is_none());
            if declared {
                let row = Blocking {
                    name: "",
                    kind: "declared",
                    rule: Rule::Call,
                    shared: None,
                    is_exact: true,
                    twin: "",
                    note: "",
                };
                return Some((name, row));
            }
            return known(name);
        }
        match &*call.func {
            Expr::Name(name) => {
                let row = blocking::blocking(&name.id)?;
                self.model
                    .is_builtin(&call.func, row.name)
                    .then(|| (name.id.to_string(), *row))
            }
            // Asked first: to tell the receiver's class costs much more.
            Expr::Attribute(method) if !blocking::is_method(&method.attr) => None,
            Expr::Attribute(method) => match self.model.type_of(&method.value) {
                Type::Foreign(class) => {
                    known(format!("{class}.{}", method.attr)).filter(|(_, row)| row.shared.is_some())
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the arguments say that the call does not wait.
    pub fn returns_at_once(&self, call: &ast::ExprCall, row: Blocking) -> bool {
        let arguments = self.model.slice(&call.arguments);
        if NO_WAIT.iter().any(|flag| arguments.contains(flag)) {
            return true;
        }
        let is_zero = |expr: Option<&Expr>| expr.is_some_and(|expr| self.model.number(expr) == Some(0.0));
        match row.name {
            name if name.starts_with("os.spawn") => !arguments.contains("P_WAIT"),
            "select.select" => is_zero(call.arguments.args.get(3)),
            name if name.ends_with("Executor.shutdown") => call
                .arguments
                .find_argument_value("wait", 0)
                .is_some_and(|wait| matches!(wait, Expr::BooleanLiteral(literal) if !literal.value)),
            "concurrent.futures.wait" => is_zero(call.arguments.find_argument_value("timeout", 1)),
            "subprocess.Popen.wait" | "threading.Thread.join" | "multiprocessing.Process.join" => {
                is_zero(call.arguments.args.first())
                    || is_zero(call.arguments.find_keyword("timeout").map(|keyword| &keyword.value))
            }
            name if row.kind == "socket" && name.starts_with("socket.socket.") => self.model.calls().any(|other| {
                matches!(&*other.func, Expr::Attribute(method)
                if method.attr.as_str() == "setblocking"
                    || method.attr.as_str() == "settimeout" && is_zero(other.arguments.args.first()))
            }),
            _ => false,
        }
    }
}
