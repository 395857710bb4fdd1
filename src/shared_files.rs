//! Files that several tasks may write: the same path each time, which no call has made for itself, or one that is read and written back.
//!
//! What one thread does, it does in the order in which it is asked. Threads keep no order: of two tasks that append to one file, or write it
//! anew, any may come last. And where a task waits between reading a file and writing it back, what another one writes meanwhile is lost.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, InterpolatedStringElement};
use ruff_text_size::Ranged;

use crate::codemod::Context;
use crate::semantic::names::{Lookup, plain_name};
use crate::semantic::{BindingKind, NodeId, ScopeId};

/// What a call does to a file.
#[derive(Clone, Copy, Debug)]
pub struct FileAccess<'a> {
    pub path: &'a Expr,
    pub reads: bool,
    pub writes: bool,
}

/// Words in the names of functions that write the file whose path they are given, and that read it.
const WRITERS: &[&str] = &[
    "append", "dump", "persist", "replace", "save", "store", "update", "write",
];
const READERS: &[&str] = &["get", "load", "parse", "read"];

/// Steps from a path to what it is made of.
pub(crate) const MAX_STEPS: usize = 6;

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
    /// The doubt about a call that works on a file of which other tasks may be writing at the same time.
    pub fn shared_file_doubt(&self, call: &'a ast::ExprCall) -> Option<String> {
        if let Some(path) = self.shared_file(call) {
            return Some(format!(
                "two tasks may write `{path}`, and threads need not do so in the order in which the tasks come here"
            ));
        }
        match self.file_access(call) {
            Some(access) => self
                .written_back(call, access.path, access.reads, access.writes)
                .or_else(|| self.moved_afterwards(call, access)),
            // A command may be told to read the file.
            None => call
                .arguments
                .iter_source_order()
                .find_map(|argument| match argument.value() {
                    Expr::List(list) => list.elts.iter().find_map(|part| self.written_before(call, part)),
                    value => self.written_before(call, value),
                }),
        }
        .or_else(|| {
            let access = self.file_access(call).filter(|access| access.reads)?;
            self.written_before(call, access.path)
        })
    }

    /// A file that is the same each time, and is written and then read: another task may write it between the two.
    fn written_before(&self, call: &'a ast::ExprCall, path: &'a Expr) -> Option<String> {
        let is_path = matches!(
            plain_path(path),
            Expr::Name(_) | Expr::Attribute(_) | Expr::StringLiteral(_)
        );
        if !is_path || !self.is_same_each_time(path, MAX_STEPS) {
            return None;
        }
        let written = self.path_as_written(path);
        let line = self.other_use(call, |other| {
            let is_before = other.start() < call.start();
            is_before
                && self
                    .file_access(other)
                    .is_some_and(|access| access.writes && self.path_as_written(access.path) == written)
        })?;
        Some(format!(
            "`{written}` is written before (line {line}), and another task may write it until it is read"
        ))
    }

    /// A file that is written under a name made of what the function is given, and then moved to where it belongs: of two tasks that are given
    /// the same, the second one writes what the first one moves away.
    fn moved_afterwards(&self, call: &'a ast::ExprCall, access: FileAccess<'a>) -> Option<String> {
        if !access.writes || !self.is_same_for_arguments(access.path, MAX_STEPS) {
            return None;
        }
        let written = self.path_as_written(access.path);
        let line = self.other_use(call, |other| {
            let moved = match &*other.func {
                func if matches!(
                    self.model.qualified_name(func).as_deref(),
                    Some("os.rename" | "os.replace" | "shutil.move")
                ) =>
                {
                    other.arguments.args.first()
                }
                // Of text, `replace` takes two.
                Expr::Attribute(method)
                    if matches!(method.attr.as_str(), "rename" | "replace") && other.arguments.len() == 1 =>
                {
                    Some(&*method.value)
                }
                _ => None,
            };
            other.start() >= call.start() && moved.is_some_and(|moved| self.path_as_written(moved) == written)
        })?;
        Some(format!(
            "`{written}` is written and then moved (line {line}): another task that is given the same would write it meanwhile, or find it gone"
        ))
    }

    /// The line of another call of the same function, which other tasks may run as well, of which something holds.
    fn other_use(&self, call: &'a ast::ExprCall, holds: impl Fn(&'a ast::ExprCall) -> bool) -> Option<usize> {
        let model = self.model;
        let at = model.id(call);
        let function = model.enclosing_function(at)?;
        if self.runs_once(at) || self.is_under_async_lock(at) {
            return None;
        }
        let mut others = model
            .subtree(model.id(function))
            .filter_map(|(_, node)| node.expr_call());
        let other = others.find(|other| holds(other))?;
        Some(self.module.location(other.start()).0)
    }

    /// The same about a call of a function that works on files: on one whose path it is given.
    pub fn handed_file_doubt(&self, call: &'a ast::ExprCall) -> Option<String> {
        let name = plain_name(&call.func)?;
        let mut arguments = call.arguments.iter_source_order().map(|argument| argument.value());
        arguments.find_map(|path| self.written_back(call, path, !is_writer(name), is_writer(name)))
    }

    /// The path, as written, of a file that a call writes and other tasks may write at the same time.
    pub fn shared_file(&self, call: &'a ast::ExprCall) -> Option<String> {
        let access = self.file_access(call).filter(|access| access.writes)?;
        let at = self.model.id(call);
        if !self.is_same_each_time(access.path, MAX_STEPS) || self.runs_once(at) || self.is_under_async_lock(at) {
            return None;
        }
        Some(self.path_as_written(access.path))
    }

    /// The doubt about a call that makes, moves or removes what a path leads to, in a function that does more with files: as one step after the
    /// other it was done before another task came.
    pub fn changes_paths(&self, call: &'a ast::ExprCall) -> Option<String> {
        let path = self.changed_path(call)?;
        if self.is_fresh_path(path, MAX_STEPS) {
            return None;
        }
        let line = self.other_use(call, |other| {
            other.range() != call.range()
                && (self.file_access(other).is_some()
                    || self.changed_path(other).is_some()
                    || !self.model.paths_tested(other).is_empty())
        })?;
        Some(format!(
            "changes what `{}` leads to, which other tasks may do between this and line {line}",
            self.path_as_written(path)
        ))
    }

    /// The doubt about an await between two steps that work with what one path leads to, where the first one makes, writes, moves or removes it.
    pub fn path_halfway(&self, at: NodeId) -> Option<String> {
        let model = self.model;
        let function = model.enclosing_function(at)?;
        if self.runs_once(at) || self.is_under_async_lock(at) {
            return None;
        }
        let point = model.node(at).range();
        let calls = || {
            model
                .subtree(model.id(function))
                .filter_map(|(_, node)| node.expr_call())
        };
        // Each path that a call touches, and whether the call changes what it leads to.
        let touched = |call: &'a ast::ExprCall| {
            let changed = model.paths_changed(call).into_iter().map(|path| (path, true));
            let access = self.file_access(call).map(|access| (access.path, access.writes));
            changed.chain(access).collect::<Vec<_>>()
        };
        let before = calls().filter(|call| call.end() <= point.start()).flat_map(touched);
        // What the call does itself that is waited for, it does while others run.
        let behind: Vec<&'a Expr> = calls()
            .filter(|call| call.start() >= point.end() || point.contains_range(call.range()))
            .flat_map(touched)
            .map(|(path, _)| path)
            .collect();
        let mut shared = before
            .filter_map(|(path, is_change)| is_change.then_some(path))
            .filter(|path| self.is_same_each_time(path, MAX_STEPS) && !self.is_fresh_path(path, MAX_STEPS));
        let path = shared.find(|path| behind.iter().any(|other| self.leads_into(other, path, MAX_STEPS)))?;
        Some(format!(
            "what `{}` leads to is changed before the await and used behind it: another task may change it in between",
            self.path_as_written(path)
        ))
    }

    /// Whether a path is another one, or that of something in the folder which that leads to.
    fn leads_into(&self, path: &'a Expr, folder: &'a Expr, steps: usize) -> bool {
        let written = self.path_as_written(folder);
        if self.path_as_written(path) == written {
            return true;
        }
        let Some(steps) = steps.checked_sub(1) else {
            return false;
        };
        match path {
            Expr::StringLiteral(text) => match plain_path(folder) {
                Expr::StringLiteral(folder) => {
                    let rest = text.value.to_str().strip_prefix(folder.value.to_str());
                    rest.is_some_and(|rest| rest.starts_with('/'))
                }
                _ => false,
            },
            Expr::BinOp(both) => self.leads_into(&both.left, folder, steps),
            Expr::FString(text) => match text.value.elements().next() {
                Some(InterpolatedStringElement::Interpolation(part)) => {
                    self.leads_into(&part.expression, folder, steps)
                }
                _ => false,
            },
            Expr::Call(call) => {
                let is_maker = plain_name(&call.func).is_some_and(|name| PATH_MAKERS.contains(&name));
                let first = match &*call.func {
                    Expr::Attribute(method) if !self.model.imported_root(&method.value) => Some(&*method.value),
                    _ => call.arguments.args.first(),
                };
                is_maker && first.is_some_and(|first| self.leads_into(first, folder, steps))
            }
            Expr::Name(name) => match self
                .model
                .sole_binding(&name.id, self.model.scope_of(self.model.id(name)))
                .map(|binding| binding.kind)
            {
                Some(BindingKind::Assignment(value)) => self.leads_into(value, folder, steps),
                _ => false,
            },
            _ => false,
        }
    }

    /// The path that a call changes last, where another task would find something else.
    fn changed_path(&self, call: &'a ast::ExprCall) -> Option<&'a Expr> {
        let may_exist = call.arguments.find_keyword("exist_ok").is_some();
        let is_known = may_exist || self.file_access(call).is_some();
        self.model.paths_changed(call).pop().filter(|_| !is_known)
    }

    /// Whether a path is one that the function has made for itself, and nobody else knows.
    fn is_fresh_path(&self, path: &'a Expr, steps: usize) -> bool {
        let model = self.model;
        let Some(steps) = steps.checked_sub(1) else {
            return false;
        };
        let makes = |call: &ast::ExprCall| {
            let name = model.qualified_name(&call.func);
            name.is_some_and(|name| {
                ["tempfile.", "uuid.", "secrets."]
                    .iter()
                    .any(|maker| name.starts_with(maker))
            })
        };
        model.subtree(model.id(path)).any(|(id, node)| match node {
            AnyNodeRef::ExprCall(call) => makes(call),
            AnyNodeRef::ExprName(name) => {
                let binding = model.sole_binding(&name.id, model.scope_of(id));
                match binding
                    .filter(|binding| binding.scope != ScopeId::MODULE)
                    .map(|binding| binding.kind)
                {
                    Some(BindingKind::Assignment(value)) => self.is_fresh_path(value, steps),
                    Some(BindingKind::With(item, _)) => self.is_fresh_path(&item.context_expr, steps),
                    _ => false,
                }
            }
            _ => false,
        })
    }

    /// Another use of the path in the same function, which makes this one a half of reading a file and writing it back.
    fn written_back(&self, call: &'a ast::ExprCall, path: &'a Expr, reads: bool, writes: bool) -> Option<String> {
        if !matches!(
            plain_path(path),
            Expr::Name(_) | Expr::Attribute(_) | Expr::BinOp(_) | Expr::StringLiteral(_)
        ) {
            return None;
        }
        let written = self.path_as_written(path);
        let model = self.model;
        let line = self.other_use(call, |other| {
            let (is_read, is_written) = self.uses_path(other, &written);
            // The next round of a loop that both are in comes behind this one.
            let comes_again = || {
                let mut loops = model.loops(model.id(call));
                loops.any(|round| model.contains(round, model.id(other)))
            };
            let is_behind = other.start() >= call.start() || comes_again();
            let is_before = other.start() <= call.start() || comes_again();
            reads && is_written && is_behind || writes && is_read && is_before
        })?;
        Some(format!(
            "`{written}` is read and written back (line {line}), and another task may change it between the two"
        ))
    }

    /// Whether a call reads the file of this path, and whether it writes it: by itself, or by the name of the function that is given the path.
    fn uses_path(&self, call: &'a ast::ExprCall, path: &str) -> (bool, bool) {
        if let Some(access) = self.file_access(call) {
            let is_it = self.path_as_written(access.path) == path;
            return (is_it && access.reads, is_it && access.writes);
        }
        let is_given = call
            .arguments
            .iter_source_order()
            .any(|argument| self.path_as_written(argument.value()) == path);
        match plain_name(&call.func) {
            Some(name) if is_given => (is_reader(name), is_writer(name)),
            _ => (false, false),
        }
    }

    /// The text of a path, without what only makes a path of it.
    pub fn path_as_written(&self, path: &Expr) -> String {
        crate::module::one_line(self.model.slice(plain_path(path)))
    }

    /// Whether a path means the same file in whichever function of the module, or method of an object, it is written.
    pub fn is_same_everywhere(&self, path: &'a Expr) -> bool {
        let mut root = plain_path(path);
        while let Expr::Attribute(attribute) = root {
            root = &attribute.value;
        }
        match root {
            Expr::StringLiteral(_) => true,
            Expr::Name(name) => {
                let lookup = self.model.lookup(&name.id, self.model.scope_of(self.model.id(name)));
                lookup == Lookup::Scope(ScopeId::MODULE) || name.id == "self" && plain_path(path).is_attribute_expr()
            }
            _ => false,
        }
    }

    /// Whether the call of something that opens a file is for writing to it, by the mode at this place of its arguments.
    pub fn opens_for_writing(&self, call: &ast::ExprCall, mode: usize) -> bool {
        call.arguments
            .find_argument_value("mode", mode)
            .and_then(|mode| mode.as_string_literal_expr())
            .is_some_and(|mode| mode.value.to_str().contains(['w', 'a', 'x', '+']))
    }

    /// What a call of the table, or one that costs less, does to the file of which path.
    pub fn file_access(&self, call: &'a ast::ExprCall) -> Option<FileAccess<'a>> {
        let (name, _) = self.blocking_call(call)?;
        let access = |path: &'a Expr, writes: bool, reads: bool| Some(FileAccess { path, reads, writes });
        let updates = |mode: usize| {
            let mode = call.arguments.find_argument_value("mode", mode);
            mode.and_then(|mode| mode.as_string_literal_expr())
                .is_some_and(|mode| mode.value.to_str().contains('+'))
        };
        match (name.as_str(), &*call.func) {
            ("pathlib.Path.write_text" | "pathlib.Path.write_bytes", Expr::Attribute(method)) => {
                access(&method.value, true, false)
            }
            ("pathlib.Path.read_text" | "pathlib.Path.read_bytes", Expr::Attribute(method)) => {
                access(&method.value, false, true)
            }
            ("pathlib.Path.open", Expr::Attribute(method)) => {
                let writes = self.opens_for_writing(call, 0);
                access(&method.value, writes, !writes || updates(0))
            }
            ("open" | "io.open" | "codecs.open" | "gzip.open" | "bz2.open" | "lzma.open", _) => {
                let writes = self.opens_for_writing(call, 1);
                access(call.arguments.args.first()?, writes, !writes || updates(1))
            }
            _ => None,
        }
    }

    /// Whether every call of the function, on the same object, has the same path: it is made of constants, attributes of the object and
    /// variables of the module.
    pub(crate) fn is_same_each_time(&self, path: &'a Expr, steps: usize) -> bool {
        self.is_same(path, steps, false)
    }

    /// Whether a path is another one only where the function is given something else.
    fn is_same_for_arguments(&self, path: &'a Expr, steps: usize) -> bool {
        self.is_same(path, steps, true)
    }

    fn is_same(&self, path: &'a Expr, steps: usize, for_arguments: bool) -> bool {
        let Some(steps) = steps.checked_sub(1) else {
            return false;
        };
        let is_same = |part: &'a Expr| self.is_same(part, steps, for_arguments);
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
            Expr::Name(name) => self.stands_for_same(name, steps, for_arguments),
            _ => false,
        }
    }

    fn stands_for_same(&self, name: &'a ast::ExprName, steps: usize, for_arguments: bool) -> bool {
        let model = self.model;
        let scope = model.scope_of(model.id(name));
        match model.lookup(&name.id, scope) {
            Lookup::Scope(ScopeId::MODULE) => true,
            Lookup::Scope(_) => match model.sole_binding(&name.id, scope).map(|binding| binding.kind) {
                Some(BindingKind::Assignment(value)) => self.is_same(value, steps, for_arguments),
                Some(BindingKind::Parameter(_)) if for_arguments => true,
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
    pub(crate) fn runs_once(&self, at: NodeId) -> bool {
        self.model.enclosing_function(at).is_none_or(|function| {
            let uses = self.model.uses_of_function(function);
            function.name.starts_with("test_")
                || !uses.is_empty() && uses.iter().all(|use_| self.starts_loop(use_.reference))
        })
    }

    pub(crate) fn is_under_async_lock(&self, at: NodeId) -> bool {
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

/// The path that `Path(...)` or `str(...)` is given; any other expression itself.
fn plain_path(path: &Expr) -> &Expr {
    match path {
        Expr::Call(call) if matches!(plain_name(&call.func), Some("Path" | "fspath" | "str")) => {
            match &*call.arguments.args {
                [inner] => plain_path(inner),
                _ => path,
            }
        }
        _ => path,
    }
}

fn is_writer(name: &str) -> bool {
    name.split('_').any(|word| WRITERS.contains(&word))
}

fn is_reader(name: &str) -> bool {
    name.split('_').any(|word| READERS.contains(&word))
}
