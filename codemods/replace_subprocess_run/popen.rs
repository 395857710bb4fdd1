//! `subprocess.Popen(command)` and all that is done with it -> a process of the event loop: `await asyncio.create_subprocess_exec(*command)`.

use ruff_python_ast::{self as ast, Expr};
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::awaited_twin::{Class, Exchange, Method, Opening, PLAIN, Twin};
use crate::codemod::Context;
use crate::draft::Draft;
use crate::edit::Fix;
use crate::finding::Declined;
use crate::semantic::place::Backend;
use crate::semantic::types::{Type, TypeOracle};

const DOUBT: &str = "the event loop starts the process, which not every loop can, `kill` of a process that has ended is an error, and so is a line of output of more than 64 KiB";

/// Keywords that a process of asyncio refuses.
const REFUSED: &[&str] = &[
    "text",
    "universal_newlines",
    "encoding",
    "errors",
    "bufsize",
    "executable",
];

/// How the command is written, and how it has to be.
enum Command<'a> {
    /// The elements of a list are the arguments.
    Elements(&'a Expr),
    /// A list is unpacked.
    List(&'a Expr),
    /// One string: a program, or the command of a shell.
    Text,
}

pub(super) fn rewrite<'a>(ctx: &Context<'a>, call: &'a ast::ExprCall) -> Result<Fix, Declined> {
    if ctx.model.backend() != Backend::Asyncio {
        return Err("the module is not written for asyncio".into());
    }
    if let Some(line) = ctx.patched("subprocess.Popen") {
        return Err(
            format!("`subprocess.Popen` is patched in line {line}, and the patch would no longer be met").into(),
        );
    }
    let arguments = &call.arguments;
    let [command] = &*arguments.args else {
        return Err("it is not called with the command as its only positional argument".into());
    };
    if let Some(refused) = arguments
        .keywords
        .iter()
        .find(|keyword| keyword.arg.as_ref().is_none_or(|name| REFUSED.contains(&name.as_str())))
    {
        let refused = ctx.model.slice(refused);
        return Err(Declined(format!("a process of asyncio cannot be told `{refused}`")));
    }
    let shell = arguments.find_keyword("shell");
    let is_shell = shell.is_some_and(|shell| matches!(&shell.value, Expr::BooleanLiteral(literal) if literal.value));
    if shell.is_some() && !is_shell {
        return Err("it is not known that a shell is given one string".into());
    }
    let command = command_of(ctx, command, is_shell)?;
    let mut exchange = Exchange::new(ctx, if is_shell { &SHELL } else { &PROGRAM }, &[call]);
    let mut failure = None;
    exchange.object(call, |draft, name| {
        draft.replace(call.func.range(), name);
        unpack(ctx, draft, &command, call);
        if let Some(shell) = shell {
            match ctx.without_argument(call, shell.range()) {
                Ok(edit) => draft.replace(edit.range(), edit.content()),
                Err(declined) => failure = Some(declined),
            }
        }
    })?;
    match failure {
        Some(declined) => Err(declined),
        None => exchange.finish(DOUBT),
    }
}

fn command_of<'a>(ctx: &Context<'a>, command: &'a Expr, is_shell: bool) -> Result<Command<'a>, Declined> {
    let model = ctx.model;
    match command {
        Expr::StringLiteral(_) | Expr::FString(_) => Ok(Command::Text),
        _ if is_shell && model.type_of(command).is_scalar() => Ok(Command::Text),
        _ if is_shell => Err("it is not known that a shell is given one string".into()),
        Expr::List(_) => Ok(Command::Elements(command)),
        Expr::BinOp(sum) if sum.left.is_list_expr() || sum.right.is_list_expr() => Ok(Command::List(command)),
        Expr::Call(split)
            if model
                .qualified_name(&split.func)
                .is_some_and(|name| name == "shlex.split") =>
        {
            Ok(Command::List(command))
        }
        _ if matches!(model.type_of(command), Type::Container(_)) => Ok(Command::List(command)),
        _ => Err("it is not known that the command is a list".into()),
    }
}

/// `["a", b]` -> `"a", b`, `command` -> `*command`.
fn unpack(ctx: &Context, draft: &mut Draft, command: &Command, call: &ast::ExprCall) {
    let one = TextSize::new(1);
    match command {
        Command::Text => {}
        Command::List(list) => {
            let (open, close) = if list.is_bin_op_expr() && !ctx.is_parenthesized(ast::ExprRef::from(*list)) {
                ("*(", ")")
            } else {
                ("*", "")
            };
            draft.insert(list.start(), open);
            draft.insert(list.end(), close);
        }
        Command::Elements(list) => {
            draft.delete(TextRange::at(list.start(), one));
            let text = ctx.model.slice(*list);
            let inside = text[..text.len() - 1].trim_end();
            // A comma behind the last element and one behind the list would be two.
            let has_more = call.arguments.len() > 1
                || ctx
                    .model
                    .slice(&call.arguments)
                    .trim_end_matches(')')
                    .trim_end()
                    .ends_with(',');
            let from = match inside.strip_suffix(',') {
                Some(without) if has_more => without.len(),
                _ => text.len() - 1,
            };
            let from = list.start() + TextSize::try_from(from).unwrap_or_default();
            draft.delete(TextRange::new(from, list.end()));
        }
    }
}

static PROGRAM: Twin = Twin {
    module: "asyncio",
    maker: "create_subprocess_exec",
    has_own_name: false,
    opening: Opening::Awaited,
    positional: None,
    refused_arguments: &[],
    must_end: Some((
        &["wait", "communicate"],
        "it is not waited for here: a process of the event loop ends with the object",
    )),
    is_transaction: false,
    class: &PROCESS,
};

static SHELL: Twin = Twin {
    maker: "create_subprocess_shell",
    ..PROGRAM
};

// Read in the sources of CPython 3.13.

static PROCESS: Class = Class {
    methods: &[
        ("communicate", Method::AwaitedWith(&["input"])),
        ("wait", Method::AwaitedWith(&[])),
        ("poll", Method::Attribute("returncode")),
        ("kill", Method::Same),
        ("terminate", Method::Same),
        ("send_signal", Method::Same),
    ],
    attributes: &["returncode", "pid"],
    changed: &["args", "stdin", "universal_newlines", "text_mode", "encoding", "errors"],
    members: Some(&OUTPUT),
    ..PLAIN
};

static OUTPUT: Class = Class {
    iterates: true,
    methods: &[
        ("read", Method::AwaitedWith(&[])),
        ("readline", Method::AwaitedWith(&[])),
    ],
    ..PLAIN
};
