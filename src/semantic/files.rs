//! Which paths the functions of `os` and `shutil`, and the methods of `pathlib.Path`, ask about, and of which they change what they lead to.

use ruff_python_ast::{self as ast, Expr};

use super::SemanticModel;
use super::types::{Type, TypeOracle};

/// Tests of what a path leads to.
const TESTS: &[&str] = &[
    "exists",
    "is_dir",
    "is_file",
    "isdir",
    "isfile",
    "islink",
    "is_symlink",
    "lexists",
];

/// What makes, moves or removes what a path leads to.
const CHANGES: &[&str] = &[
    "copy",
    "copy2",
    "copyfile",
    "copytree",
    "link_to",
    "makedirs",
    "mkdir",
    "move",
    "remove",
    "rename",
    "replace",
    "rmdir",
    "rmtree",
    "symlink",
    "symlink_to",
    "touch",
    "unlink",
    "write_bytes",
    "write_text",
];

impl<'a> SemanticModel<'a> {
    /// The paths that a call tests: those of `os.path.exists(path)`, `path.exists()`.
    pub fn paths_tested(&self, call: &'a ast::ExprCall) -> Vec<&'a Expr> {
        self.paths(call, TESTS)
    }

    /// The paths of which a call makes, moves or removes what they lead to.
    pub fn paths_changed(&self, call: &'a ast::ExprCall) -> Vec<&'a Expr> {
        self.paths(call, CHANGES)
    }

    fn paths(&self, call: &'a ast::ExprCall, names: &[&str]) -> Vec<&'a Expr> {
        // What a thread does counts as well.
        let (callee, arguments) = match self.handed_to_thread(call) {
            Some(handed) => (handed.callee, handed.arguments),
            None => (&*call.func, &*call.arguments.args),
        };
        let is_named = |name: &str| names.contains(&name);
        match (self.qualified_name(callee), callee) {
            (Some(function), _) => match function.rsplit_once('.') {
                Some(("os" | "os.path" | "shutil", name)) if is_named(name) => arguments.iter().collect(),
                _ => Vec::new(),
            },
            (None, Expr::Attribute(method)) if is_named(&method.attr) => match self.type_of(&method.value) {
                Type::Foreign(class) if class == "pathlib.Path" => vec![&*method.value],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
}
