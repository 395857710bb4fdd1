//! Commands that several tasks may run at once, and that find what the others leave: in the same folder, of the same program.
//!
//! A coroutine that blocks while its commands run has them run one after the other, undisturbed by those of other tasks. With a wait at each, two tasks
//! have theirs run beside each other: `git add` of the one goes into the `git commit` of the other, and the second of two at once fails.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, InterpolatedStringElement};
use ruff_text_size::{Ranged, TextSize};

use crate::codemod::Context;
use crate::semantic::effects::MUTATORS;
use crate::semantic::{BindingKind, NodeId};
use crate::shared_files::MAX_STEPS;

/// What runs a command that is its first argument.
const RUNNERS: &[&str] = &[
    "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell",
    "os.popen",
    "os.system",
    "subprocess.Popen",
    "subprocess.call",
    "subprocess.check_call",
    "subprocess.check_output",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "subprocess.run",
];

/// Programs that lock what they work on, so that a second one at once fails.
const LOCKING: &[&str] = &["apt", "apt-get", "dpkg", "git", "hg", "svn", "terraform"];

/// Programs that may do anything, whatever they are given.
const SHELLS: &[&str] = &["bash", "sh", "zsh"];

/// Programs that tell something and change nothing.
const TELLING: &[&str] = &[
    "cat",
    "date",
    "df",
    "du",
    "echo",
    "ffprobe",
    "file",
    "free",
    "head",
    "hostname",
    "id",
    "ls",
    "lscpu",
    "nproc",
    "nvidia-smi",
    "ping",
    "printf",
    "ps",
    "pwd",
    "sleep",
    "stat",
    "tail",
    "true",
    "uname",
    "uptime",
    "wc",
    "which",
    "whoami",
];

/// What the same is true of, among what the programs that lock are told to do.
const TELLING_SUBCOMMANDS: &[&str] = &[
    "--version",
    "blame",
    "cat-file",
    "describe",
    "diff",
    "for-each-ref",
    "grep",
    "info",
    "list",
    "log",
    "ls-files",
    "ls-remote",
    "ls-tree",
    "name-rev",
    "output",
    "rev-list",
    "rev-parse",
    "search",
    "shortlog",
    "show",
    "status",
    "version",
];

/// What they are told that concerns only a folder that they make.
const APART: &[&str] = &["checkout-index", "clone", "init", "worktree"];

/// A command that a function runs.
struct Command<'a> {
    call: &'a ast::ExprCall,
    program: String,
    subcommand: Option<String>,
    /// The folder that it runs in, as written; empty for that of the process.
    folder: String,
    /// Whether folder and arguments are the same in each call of the function.
    is_constant: bool,
    is_in_constant_folder: bool,
}

impl Command<'_> {
    fn only_tells(&self) -> bool {
        TELLING.contains(&self.program.as_str())
            || LOCKING.contains(&self.program.as_str())
                && self
                    .subcommand
                    .as_deref()
                    .is_some_and(|subcommand| TELLING_SUBCOMMANDS.contains(&subcommand))
    }
}

impl<'a> Context<'a> {
    /// The doubt about a wait at this place, where the enclosing function runs commands that others may run at the same time.
    pub fn commands_meet(&self, at: NodeId) -> Option<String> {
        let model = self.model;
        let function = model.enclosing_function(at)?;
        let mut calls = model
            .subtree(model.id(function))
            .filter_map(|(_, node)| node.expr_call());
        calls.find(|call| self.runs_command(call))?;
        if self.runs_once(at) || self.is_under_async_lock(at) {
            return None;
        }
        let commands: Vec<Command<'a>> = model
            .subtree(model.id(function))
            .filter_map(|(_, node)| self.command(node.expr_call()?))
            .filter(|command| !command.only_tells())
            .collect();
        let point = model.node(at).range();
        let is_later = |command: &Command| command.call.end() > point.start();
        if let Some(line) = self.sets_environment(function, point.start())
            && commands.iter().any(is_later)
        {
            return Some(format!(
                "line {line} changes the environment of the process for a command: another task may change it before that is started"
            ));
        }
        let is_here = |command: &Command| point.contains_range(command.call.range());
        let alone = commands.iter().find(|command| {
            let is_apart = command.subcommand.as_deref().is_some_and(|told| APART.contains(&told));
            is_here(command)
                && LOCKING.contains(&command.program.as_str())
                && command.is_in_constant_folder
                && !is_apart
        });
        if let Some(alone) = alone {
            return Some(format!(
                "`{}` locks what it works on: a second one at once, of another task, fails",
                alone.program
            ));
        }
        let before = commands
            .iter()
            .filter(|command| command.call.end() <= point.start() || is_here(command));
        let mut behind = commands
            .iter()
            .filter(|command| command.call.start() >= point.end() || is_here(command));
        let first = before
            .clone()
            .find(|first| behind.any(|last| self.belong_together(first, last)));
        let first = first?;
        let (line, _) = self.module.location(first.call.start());
        Some(format!(
            "what the command of line {line} leaves may be changed by that of another task before the next one comes"
        ))
    }

    /// The line before an offset in which a function changes the environment of the process.
    fn sets_environment(&self, function: &'a ast::StmtFunctionDef, before: TextSize) -> Option<usize> {
        let model = self.model;
        let is_environment = |expr: &Expr| model.qualified_name(expr).as_deref() == Some("os.environ");
        let changed = model.subtree(model.id(function)).find(|(_, node)| {
            let is_changed = match node {
                AnyNodeRef::ExprSubscript(item) => !item.ctx.is_load() && is_environment(&item.value),
                AnyNodeRef::ExprCall(call) => match &*call.func {
                    Expr::Attribute(method) => {
                        MUTATORS.contains(&method.attr.as_str()) && is_environment(&method.value)
                    }
                    _ => false,
                },
                _ => false,
            };
            is_changed && node.end() <= before
        });
        Some(self.module.location(changed?.1.start()).0)
    }

    /// Whether one command may need what the other one leaves.
    fn belong_together(&self, first: &Command<'a>, last: &Command<'a>) -> bool {
        let is_other = first.call.range() != last.call.range();
        let is_same = first.program == last.program
            && (SHELLS.contains(&first.program.as_str()) || LOCKING.contains(&first.program.as_str()));
        is_other && first.folder == last.folder && first.is_in_constant_folder && {
            is_same || first.is_constant && last.is_constant
        }
    }

    fn runs_command(&self, call: &'a ast::ExprCall) -> bool {
        let is_runner = |callee: &Expr| {
            let name = self.model.qualified_name(callee);
            name.is_some_and(|name| RUNNERS.contains(&name.as_str()))
        };
        is_runner(&call.func)
            || self
                .model
                .handed_to_thread(call)
                .is_some_and(|handed| is_runner(handed.callee))
    }

    fn command(&self, call: &'a ast::ExprCall) -> Option<Command<'a>> {
        if !self.runs_command(call) {
            return None;
        }
        let model = self.model;
        let arguments = match model.handed_to_thread(call) {
            Some(handed) => handed.arguments,
            None => &*call.arguments.args,
        };
        let mut line = arguments
            .first()
            .or_else(|| call.arguments.find_keyword("args").map(|args| &args.value))?;
        if let Expr::Name(name) = line
            && let Some(BindingKind::Assignment(value)) = model
                .sole_binding(&name.id, model.scope_of(model.id(name)))
                .map(|binding| binding.kind)
        {
            line = value;
        }
        let words: Vec<Option<String>> = match line {
            Expr::List(ast::ExprList { elts, .. }) | Expr::Tuple(ast::ExprTuple { elts, .. }) => {
                elts.iter().map(word).collect()
            }
            // `create_subprocess_exec("git", "add", path)`
            _ if arguments.len() > 1 && line.is_string_literal_expr() => arguments.iter().map(word).collect(),
            text => beginning(text)?
                .split_whitespace()
                .map(|word| Some(word.to_owned()))
                .collect(),
        };
        let mut words = words.into_iter();
        let program = words.next()??;
        let program = program.rsplit('/').next().unwrap_or_default().to_owned();
        let rest: Vec<String> = words.flatten().collect();
        let given = rest.iter().position(|word| matches!(word.as_str(), "-C" | "--git-dir"));
        let folder = call.arguments.find_keyword("cwd").map(|folder| &folder.value);
        let is_same = |part: &'a Expr| self.is_same_each_time(part, MAX_STEPS);
        let is_in_constant_folder = folder.is_none_or(is_same) && given.is_none();
        let is_constant_line = match line {
            Expr::List(ast::ExprList { elts, .. }) | Expr::Tuple(ast::ExprTuple { elts, .. }) => {
                elts.iter().all(is_same)
            }
            _ => arguments.iter().all(is_same),
        };
        Some(Command {
            call,
            program,
            subcommand: rest.into_iter().next(),
            folder: folder.map(|folder| self.path_as_written(folder)).unwrap_or_default(),
            is_constant: is_in_constant_folder && is_constant_line,
            is_in_constant_folder,
        })
    }
}

/// A word of a command line, where it is written there.
fn word(part: &Expr) -> Option<String> {
    match part {
        Expr::StringLiteral(text) => Some(text.value.to_str().to_owned()),
        _ => None,
    }
}

/// What a command line begins with, as far as it is written there.
fn beginning(line: &Expr) -> Option<String> {
    match line {
        Expr::StringLiteral(text) => Some(text.value.to_str().to_owned()),
        Expr::FString(text) => match text.value.elements().next()? {
            InterpolatedStringElement::Literal(part) => Some(part.value.to_string()),
            InterpolatedStringElement::Interpolation(_) => None,
        },
        Expr::BinOp(both) => beginning(&both.left),
        _ => None,
    }
}
