//! Updates of what lies outside of the program, in several statements: a file is read here and written further down, rows are selected here
//! and updated further down.
//!
//! As long as the function does not wait in between, no other task of the program sees them halfway. Files are told apart by how their paths
//! are written; statements of SQL all belong to one database.

use std::collections::BTreeSet;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};
use ruff_text_size::{Ranged, TextRange};

use super::names::plain_name;
use super::{NodeId, SemanticModel};

/// What paths are made of that no other task has.
const OWN: &[&str] = &["temp", "tmp", "uuid"];

/// What is read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place<'a> {
    /// A file, by its path as written.
    File(&'a str),
    Database,
}

struct Access<'a> {
    id: NodeId,
    range: TextRange,
    place: Place<'a>,
    reads: bool,
    writes: bool,
}

impl<'a> SemanticModel<'a> {
    /// The file or the database that the enclosing function has read before this node and writes behind it because of what it has read, for a
    /// message. `None` where the function waits in between anyhow, or holds a lock around both.
    pub fn contents_around(&self, at: NodeId) -> Option<String> {
        let function = self.enclosing_function(at)?;
        let point = self.node(at).range();
        let accesses: Vec<Access> = self
            .subtree(self.id(function))
            .filter_map(|(id, node)| match node {
                AnyNodeRef::ExprCall(call) => self.access(id, call),
                _ => None,
            })
            .collect();
        let reads = || {
            accesses
                .iter()
                .filter(|access| access.reads && access.range.end() <= point.start())
        };
        let writes = accesses
            .iter()
            .filter(|access| access.writes && access.range.start() >= point.end());
        writes.into_iter().find_map(|write| {
            reads().find_map(|read| {
                let is_update = read.place == write.place
                    && !self.waits_between(at, read.range.end(), write.range.start(), write.id)
                    && self.follows(function, read, write);
                is_update.then(|| match read.place {
                    Place::File(path) => format!("the file `{path}`"),
                    Place::Database => "the database".to_owned(),
                })
            })
        })
    }

    /// What a call reads or writes that does not wait for the event loop.
    fn access(&self, id: NodeId, call: &'a ast::ExprCall) -> Option<Access<'a>> {
        if self.node(self.parent(id)).is_expr_await() {
            return None;
        }
        let (place, reads, writes) = self.opened(call).or_else(|| asked(call))?;
        if let Place::File(path) = place
            && self.is_own_file(id, path)
        {
            return None;
        }
        Some(Access {
            id,
            range: call.range(),
            place,
            reads,
            writes,
        })
    }

    /// The file that a call opens, reads or writes: whether it reads, and whether it writes anew.
    fn opened(&self, call: &'a ast::ExprCall) -> Option<(Place<'a>, bool, bool)> {
        let receiver = match &*call.func {
            Expr::Attribute(method) => Some((method.attr.as_str(), &*method.value)),
            _ => None,
        };
        match receiver {
            Some(("read_text" | "read_bytes", path)) => return Some((Place::File(self.slice(path)), true, false)),
            Some(("write_text" | "write_bytes", path)) => return Some((Place::File(self.slice(path)), false, true)),
            _ => {}
        }
        if plain_name(&call.func) != Some("open") {
            return None;
        }
        let is_function = call.func.is_name_expr() || self.qualified_name(&call.func).is_some();
        let (path, position) = match receiver {
            Some((_, path)) if !is_function => (path, 0),
            _ => (call.arguments.find_argument_value("file", 0)?, 1),
        };
        let mode = match call.arguments.find_argument_value("mode", position) {
            Some(Expr::StringLiteral(mode)) => mode.value.to_str(),
            Some(_) => return None,
            None => "r",
        };
        let writes = mode.contains(['w', 'x']);
        let reads = mode.contains(['r', '+']) && !writes;
        Some((Place::File(self.slice(path)), reads, writes))
    }

    /// Whether the path of a file is made for the function alone.
    fn is_own_file(&self, at: NodeId, path: &str) -> bool {
        let is_own = |text: &str| OWN.iter().any(|word| text.to_lowercase().contains(word));
        let Some(function) = self.enclosing_function(at) else {
            return false;
        };
        let root: &str = path
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .unwrap_or_default();
        let scope = self.body_scope(function);
        self.bindings_in(scope, root).any(|binding| {
            let made = self.statement_of(binding.node).map(|(_, stmt)| stmt.range());
            let header = made.map(|range| TextRange::new(range.start(), self.module().line_end(range.start())));
            header.is_some_and(|header| is_own(self.slice(header)) && !is_parameter(function, root))
        })
    }

    /// Whether what is written, or whether it is written, follows from what was read.
    fn follows(&self, function: &'a ast::StmtFunctionDef, read: &Access<'a>, write: &Access<'a>) -> bool {
        let names = self.made_from(function, read);
        let Some((_, stmt)) = self.statement_of(write.id) else {
            return false;
        };
        // `with open(path, "w") as file: file.write(text)` is a statement as a whole.
        self.rests_on(self.id(stmt), read, &names)
            || self.subtree(self.id(function)).any(|(_, node)| {
                let test = match node {
                    AnyNodeRef::StmtIf(inner) => &inner.test,
                    AnyNodeRef::StmtWhile(inner) => &inner.test,
                    AnyNodeRef::StmtAssert(inner) => &inner.test,
                    AnyNodeRef::StmtMatch(inner) => &inner.subject,
                    AnyNodeRef::ExprIf(inner) => &inner.test,
                    _ => return false,
                };
                let is_between = test.start() >= read.range.start() && test.start() < write.range.start();
                is_between && self.rests_on(self.id(&**test), read, &names)
            })
    }

    /// The local names that stand for something made from what was read.
    fn made_from(&self, function: &'a ast::StmtFunctionDef, read: &Access<'a>) -> BTreeSet<&'a str> {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        loop {
            let before = names.len();
            for (_, node) in self.subtree(self.id(function)) {
                let pairs: Vec<(&'a Expr, Vec<&'a Expr>)> = match node {
                    AnyNodeRef::StmtAssign(stmt) => vec![(&*stmt.value, stmt.targets.iter().collect())],
                    AnyNodeRef::StmtAnnAssign(stmt) => match stmt.value.as_deref() {
                        Some(value) => vec![(value, vec![&*stmt.target])],
                        None => continue,
                    },
                    AnyNodeRef::StmtAugAssign(stmt) => vec![(&*stmt.value, vec![&*stmt.target])],
                    AnyNodeRef::ExprNamed(named) => vec![(&*named.value, vec![&*named.target])],
                    AnyNodeRef::StmtFor(stmt) => vec![(&*stmt.iter, vec![&*stmt.target])],
                    AnyNodeRef::StmtWith(stmt) => {
                        let items = stmt.items.iter();
                        items
                            .filter_map(|item| Some((&item.context_expr, vec![item.optional_vars.as_deref()?])))
                            .collect()
                    }
                    // `cursor.execute("select ...")`, `lines.append(line)`
                    AnyNodeRef::StmtExpr(stmt) => match &*stmt.value {
                        Expr::Call(call) => match &*call.func {
                            Expr::Attribute(method) => vec![(&*stmt.value, vec![&*method.value])],
                            _ => continue,
                        },
                        _ => continue,
                    },
                    _ => continue,
                };
                for (value, targets) in pairs {
                    if value.end() > read.range.start() && self.rests_on(self.id(value), read, &names) {
                        names.extend(targets.into_iter().flat_map(|target| self.names_changed(target)));
                    }
                }
            }
            if names.len() == before {
                return names;
            }
        }
    }

    /// The names that a target binds, or changes something of.
    fn names_changed(&self, target: &'a Expr) -> Vec<&'a str> {
        match target {
            Expr::Name(name) => vec![name.id.as_str()],
            Expr::Tuple(ast::ExprTuple { elts, .. }) | Expr::List(ast::ExprList { elts, .. }) => {
                elts.iter().flat_map(|element| self.names_changed(element)).collect()
            }
            Expr::Starred(inner) => self.names_changed(&inner.value),
            Expr::Subscript(inner) => self.names_changed(&inner.value),
            _ => Vec::new(),
        }
    }

    fn rests_on(&self, value: NodeId, read: &Access, names: &BTreeSet<&str>) -> bool {
        self.subtree(value).any(|(id, node)| match node {
            AnyNodeRef::ExprName(name) => name.ctx.is_load() && names.contains(name.id.as_str()),
            AnyNodeRef::ExprCall(_) => id == read.id,
            _ => false,
        })
    }
}

/// What a call with a statement of SQL does with the database.
fn asked(call: &ast::ExprCall) -> Option<(Place<'static>, bool, bool)> {
    let statement = call.arguments.args.first()?.as_string_literal_expr()?;
    let word = statement.value.to_str().split_whitespace().next()?.to_lowercase();
    let (reads, writes) = match word.as_str() {
        "select" => (true, false),
        "delete" | "insert" | "replace" | "update" => (false, true),
        _ => return None,
    };
    let is_run = plain_name(&call.func)
        .is_some_and(|name| name.contains("execute") || name.contains("fetch") || name.contains("query"));
    is_run.then_some((Place::Database, reads, writes))
}

fn is_parameter(function: &ast::StmtFunctionDef, name: &str) -> bool {
    let mut parameters = function.parameters.iter_non_variadic_params();
    parameters.any(|parameter| parameter.name().as_str() == name)
}
