//! `queue.Queue` in code of one event loop -> `asyncio.Queue`; a report where threads may use it too.

use std::cmp::Ordering;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion, Stmt};
use ruff_text_size::{Ranged, TextRange};

use crate::codemod::Context;
use crate::draft::Draft;
use crate::edit::{Edit, Fix};
use crate::finding::{Declined, Findings};
use crate::importer::Import;
use crate::one_loop::Use;
use crate::semantic::NodeId;
use crate::semantic::objects::Object;
use crate::semantic::types::{Type, TypeOracle};

/// The classes, and their names in asyncio.
const QUEUES: &[(&str, &str)] = &[
    ("queue.Queue", "Queue"),
    ("queue.LifoQueue", "LifoQueue"),
    ("queue.PriorityQueue", "PriorityQueue"),
    ("queue.SimpleQueue", "Queue"),
];

/// The exceptions, and their names in asyncio.
const EXCEPTIONS: &[(&str, &str)] = &[("queue.Empty", "QueueEmpty"), ("queue.Full", "QueueFull")];

pub(super) fn run(ctx: &Context, acc: &mut Findings) {
    let mut known: Vec<NodeId> = Vec::new();
    for &(class, name) in QUEUES {
        for call in ctx.makers(class) {
            let is_class = ctx.model.qualified_name(&call.func).as_deref() == Some(class);
            let object = ctx.model.object_made_by(call);
            known.extend(&object.reads);
            let queue = Queue {
                ctx,
                class,
                name,
                is_bounded: is_class && !call.arguments.is_empty() && maxsize(ctx, call) != Some(0.0),
                object: &object,
            };
            let is_first = !object.origins.iter().any(|origin| origin.start() < call.start());
            if is_first && let Some(site) = queue.blocking() {
                acc.push_defect(site, message(ctx, site, class), queue.rewrite());
            }
        }
    }
    for call in ctx.model.calls() {
        let Expr::Attribute(method) = &*call.func else { continue };
        if matches!(method.attr.as_str(), "get" | "join")
            && ctx.model.runs_in_async(ctx.model.id(call))
            && !known.contains(&ctx.model.id(&*method.value))
            && let Type::Foreign(class) = ctx.model.type_of(&method.value)
            && QUEUES.iter().any(|(known, _)| *known == class)
            && !matches!(Operation::of(method, call), Ok(Operation::Get(When::Now)))
        {
            let reason = "where the queue is made is not visible here. Use `asyncio.Queue` if no thread uses it; else wait for it in a thread, with `asyncio.to_thread`";
            acc.push_defect(call, message(ctx, call, &class), Err(reason.into()));
        }
    }
}

fn message(ctx: &Context, call: &ast::ExprCall, class: &str) -> String {
    format!(
        "`{}` of a `{class}` blocks the event loop: every other task waits, the one that would end the wait among them",
        ctx.model.slice(call)
    )
}

fn maxsize(ctx: &Context, call: &ast::ExprCall) -> Option<f64> {
    ctx.model.number(call.arguments.find_argument_value("maxsize", 0)?)
}

/// What a call on a queue does.
#[derive(Clone, Copy)]
enum Operation<'a> {
    Get(When<'a>),
    Put(&'a Expr, When<'a>),
    Join,
    /// It does not wait and is called the same in asyncio.
    Plain,
}

/// How long a call waits.
#[derive(Clone, Copy)]
enum When<'a> {
    Now,
    /// For as many seconds.
    Within(&'a Expr),
    Ever,
}

impl<'a> Operation<'a> {
    /// `Err`: asyncio's queue has no such method, or the arguments are not known.
    fn of(method: &ast::ExprAttribute, call: &'a ast::ExprCall) -> Result<Self, ()> {
        let arguments = &call.arguments;
        let spread = arguments.args.iter().any(Expr::is_starred_expr)
            || arguments.keywords.iter().any(|keyword| keyword.arg.is_none());
        let when = |first: usize| {
            let block = arguments.find_argument_value("block", first);
            let timeout = arguments.find_argument_value("timeout", first + 1);
            match (block, timeout) {
                (Some(Expr::BooleanLiteral(block)), _) if !block.value => Ok(When::Now),
                (None | Some(Expr::BooleanLiteral(_)), None | Some(Expr::NoneLiteral(_))) => Ok(When::Ever),
                (None | Some(Expr::BooleanLiteral(_)), Some(timeout)) => Ok(When::Within(timeout)),
                _ => Err(()),
            }
        };
        match method.attr.as_str() {
            _ if spread => Err(()),
            "get" => Ok(Self::Get(when(0)?)),
            "put" => Ok(Self::Put(arguments.args.first().ok_or(())?, when(1)?)),
            "join" => Ok(Self::Join),
            "get_nowait" | "put_nowait" | "task_done" | "qsize" | "empty" | "full" => Ok(Self::Plain),
            _ => Err(()),
        }
    }
}

struct Queue<'c, 'a> {
    ctx: &'c Context<'a>,
    class: &'static str,
    name: &'static str,
    is_bounded: bool,
    object: &'c Object<'a>,
}

impl<'a> Queue<'_, 'a> {
    fn calls(&self) -> impl Iterator<Item = (NodeId, &'a ast::ExprAttribute, &'a ast::ExprCall)> {
        self.object
            .reads
            .iter()
            .filter_map(|read| match self.ctx.use_of(*read) {
                Use::Call(method, call) => Some((*read, method, call)),
                _ => None,
            })
    }

    /// The first call that can stop the loop.
    fn blocking(&self) -> Option<&'a ast::ExprCall> {
        let blocks = |method, call| match Operation::of(method, call) {
            Ok(Operation::Get(when)) => !matches!(when, When::Now),
            Ok(Operation::Put(_, when)) => self.is_bounded && !matches!(when, When::Now),
            Ok(Operation::Join) => true,
            _ => false,
        };
        self.calls()
            .find(|(read, method, call)| self.ctx.model.runs_in_async(*read) && blocks(method, call))
            .map(|(_, _, call)| call)
    }

    fn rewrite(&self) -> Result<Fix, Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        let doubt = ctx.is_of_one_loop(self.object)?;
        let mut doubts = vec![doubt];
        let mut draft = Draft::new(ctx);
        let mut imports: Vec<Import> = Vec::new();
        let mut annotations: Vec<Edit> = Vec::new();
        for origin in &self.object.origins {
            let Expr::Call(call) = origin else { continue };
            let Some(maker) = ctx.maker(call, self.class) else {
                let (line, _) = ctx.module.location(call.start());
                return Err(format!("it is made in another way in line {line}").into());
            };
            let (written, import) = ctx.member("asyncio", self.name, model.id(call))?;
            annotations.extend(ctx.annotation_edits(self.object, self.class, &written)?);
            draft.replace(maker.range(), written);
            imports.extend(import);
        }
        annotations.sort();
        annotations.dedup();
        for edit in annotations {
            draft.replace(edit.range(), edit.content());
        }
        for read in &self.object.reads {
            match ctx.use_of(*read) {
                Use::Call(method, call) => {
                    let (doubt, import) = self.call(*read, method, call, &mut draft)?;
                    doubts.extend(doubt);
                    imports.extend(import);
                }
                Use::Attribute(attribute) if attribute.attr.as_str() == "maxsize" => {
                    ctx.is_used_in_the_loop(*read)?;
                }
                Use::Attribute(attribute) => {
                    return Err(format!("`{}` has no counterpart in asyncio", model.slice(attribute)).into());
                }
                Use::With(_) => return Err("a queue is no manager".into()),
                Use::Plain => {}
            }
        }
        imports.extend(self.exceptions(&mut draft, &mut doubts)?);
        doubts.truncate(2);
        Ok(Fix::unsafe_because(doubts.join("; "), draft.finish()?).import(imports))
    }

    fn call(
        &self,
        read: NodeId,
        method: &'a ast::ExprAttribute,
        call: &'a ast::ExprCall,
        draft: &mut Draft,
    ) -> Result<(Option<String>, Option<Import>), Declined> {
        let ctx = self.ctx;
        let operation = Operation::of(method, call)
            .map_err(|()| format!("`{}` has no counterpart in asyncio", ctx.model.slice(call)))?;
        ctx.is_used_in_the_loop(read)?;
        let rename = |draft: &mut Draft, name: &str| draft.replace(method.attr.range(), name);
        // All arguments but the item.
        let item = match operation {
            Operation::Put(item, _) => ctx.model.slice(item),
            _ => "",
        };
        let plain = format!("({item})");
        let trim = |draft: &mut Draft| {
            if ctx.model.slice(call.arguments.range()) != plain {
                draft.replace(call.arguments.range(), plain.clone());
            }
        };
        let when = match operation {
            Operation::Plain => return Ok((None, None)),
            Operation::Join => When::Ever,
            Operation::Get(when) | Operation::Put(_, when) => when,
        };
        match (when, operation) {
            (When::Now, Operation::Get(_)) => {
                rename(draft, "get_nowait");
                trim(draft);
                Ok((None, None))
            }
            (When::Now, _) => {
                rename(draft, "put_nowait");
                trim(draft);
                Ok((None, None))
            }
            // Where nothing can be awaited: a queue without bounds takes it at once.
            (_, Operation::Put(..)) if !self.is_bounded && !ctx.model.runs_in_async(read) => {
                rename(draft, "put_nowait");
                trim(draft);
                Ok((None, None))
            }
            (When::Ever, _) => {
                let doubt = ctx.may_wait_for(read, self.object)?;
                trim(draft);
                self.awaited(call, draft);
                Ok((doubt, None))
            }
            (When::Within(limit), _) => {
                let doubt = ctx.may_wait_for(read, self.object)?;
                if ctx.model.number(limit).is_none_or(|limit| limit <= 0.0) {
                    return Err(format!(
                        "the time limit `{}` may be zero: asyncio's would not look into the queue then",
                        ctx.model.slice(limit)
                    )
                    .into());
                }
                let stmt = self
                    .limited(read)
                    .ok_or("a call with a time limit is not alone in a `try` that catches its exception")?;
                let (module, import) = ctx.import(Import::Module("asyncio"), read)?;
                let limit = ctx.model.slice(limit);
                if ctx.settings.target >= PythonVersion::PY311 {
                    draft.put_under(stmt.range(), format!("async with {module}.timeout({limit}):"));
                    trim(draft);
                    self.awaited(call, draft);
                } else {
                    let receiver = ctx.model.slice(&*method.value);
                    let written = format!("{module}.wait_for({receiver}.{}{plain}, {limit})", method.attr);
                    draft.replace(
                        call.range(),
                        format!(
                            "{}{written}{}",
                            ctx.await_prefix(call),
                            if ctx.await_needs_parentheses(call) { ")" } else { "" }
                        ),
                    );
                }
                Ok((doubt, import))
            }
        }
    }

    fn awaited(&self, call: &ast::ExprCall, draft: &mut Draft) {
        let suffix = if self.ctx.await_needs_parentheses(call) {
            ")"
        } else {
            ""
        };
        draft.around(self.ctx.model.id(call), 0, self.ctx.await_prefix(call), suffix);
    }

    /// The statement that makes a call, when it is alone in a `try` that catches what the call raises.
    fn limited(&self, read: NodeId) -> Option<&'a Stmt> {
        let model = self.ctx.model;
        let (id, stmt) = model.statement_of(read)?;
        let AnyNodeRef::StmtTry(outer) = model.node(model.parent(id)) else {
            return None;
        };
        let is_simple = matches!(
            stmt,
            Stmt::Expr(_) | Stmt::Assign(_) | Stmt::Return(_) | Stmt::AnnAssign(_)
        );
        let is_only = matches!(outer.body.as_slice(), [only] if only.range() == stmt.range());
        (is_simple && is_only && !self.caught(outer).is_empty()).then_some(stmt)
    }

    /// The names of queue's exceptions in the handlers of a `try`.
    fn caught(&self, outer: &'a ast::StmtTry) -> Vec<(NodeId, &'static str)> {
        let model = self.ctx.model;
        let names: Vec<&'static str> = EXCEPTIONS.iter().map(|(name, _)| *name).collect();
        let uses = model.uses_of(&names);
        let in_handler = |id: NodeId| {
            outer.handlers.iter().any(|ast::ExceptHandler::ExceptHandler(handler)| {
                handler
                    .type_
                    .as_deref()
                    .is_some_and(|type_| model.contains(model.id(type_), id))
            })
        };
        uses.into_iter()
            .filter(|(id, _)| in_handler(*id))
            .filter_map(|(id, name)| {
                let (known, _) = EXCEPTIONS.iter().find(|(known, _)| *known == name)?;
                Some((id, *known))
            })
            .collect()
    }

    /// The exceptions that the calls raise, in the handlers around them.
    fn exceptions(&self, draft: &mut Draft, doubts: &mut Vec<String>) -> Result<Vec<Import>, Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        let mut imports = Vec::new();
        // Names in handlers around calls of the queue: what becomes of them.
        let mut renamed: Vec<(NodeId, bool)> = Vec::new();
        let mut is_loose = false;
        for (read, method, call) in self.calls() {
            let is_limited = match Operation::of(method, call) {
                Ok(Operation::Get(When::Now) | Operation::Put(_, When::Now)) => false,
                Ok(Operation::Get(When::Within(_)) | Operation::Put(_, When::Within(_))) => true,
                Ok(Operation::Plain) if method.attr.ends_with("_nowait") => false,
                _ => continue,
            };
            let mut around = Vec::new();
            for (_, node) in model.ancestors(read) {
                match node {
                    AnyNodeRef::StmtFunctionDef(_) => break,
                    AnyNodeRef::StmtTry(outer)
                        if outer.body.iter().any(|stmt| model.contains(model.id(stmt), read)) =>
                    {
                        around.extend(self.caught(outer).into_iter().map(|(id, _)| (id, outer)));
                    }
                    _ => {}
                }
            }
            is_loose |= around.is_empty();
            for (id, outer) in around {
                if let Some(line) = self.another(outer) {
                    return Err(
                        format!("its exception is caught together with that of another queue, in line {line}").into(),
                    );
                }
                match renamed.iter().find(|(known, _)| *known == id) {
                    Some((_, known)) if *known != is_limited => {
                        return Err("one handler catches calls with a time limit and calls without".into());
                    }
                    Some(_) => {}
                    None => renamed.push((id, is_limited)),
                }
            }
        }
        for (id, is_limited) in &renamed {
            let name = model.uses_of(&["queue.Empty", "queue.Full"]);
            let name = name.iter().find(|(use_, _)| use_ == id).map_or("", |(_, name)| *name);
            let new = EXCEPTIONS
                .iter()
                .find(|(old, _)| *old == name)
                .map_or("QueueEmpty", |(_, new)| *new);
            let (written, import) = match is_limited {
                true if ctx.settings.target >= PythonVersion::PY311 => ("TimeoutError".to_owned(), None),
                true => ctx.member("asyncio", "TimeoutError", *id)?,
                false => ctx.member("asyncio", new, *id)?,
            };
            draft.replace(model.node(*id).range(), written);
            imports.extend(import);
        }
        let others = model.uses_of(&["queue.Empty", "queue.Full"]);
        let left = others
            .iter()
            .find(|(id, _)| !renamed.iter().any(|(known, _)| known == id));
        if is_loose {
            if let Some((id, name)) = left {
                let (line, _) = ctx.module.location(model.node(*id).start());
                return Err(
                    format!("`{name}` in line {line} may be raised by a call that does not stand there").into(),
                );
            }
            doubts.push("callers get asyncio's exceptions in the place of `queue.Empty` and `queue.Full`".to_owned());
        }
        Ok(imports)
    }

    /// The line in which the body of a `try` uses another object like a queue.
    fn another(&self, outer: &ast::StmtTry) -> Option<usize> {
        let ctx = self.ctx;
        let (Some(first), Some(last)) = (outer.body.first(), outer.body.last()) else {
            return None;
        };
        let body = TextRange::new(first.start(), last.end());
        let is_other = |call: &&ast::ExprCall| match &*call.func {
            Expr::Attribute(method) => {
                matches!(method.attr.as_str(), "get_nowait" | "put_nowait" | "get" | "put")
                    && body.ordering(call.range()) == Ordering::Equal
                    && !self.object.reads.contains(&ctx.model.id(&*method.value))
                    && !matches!(ctx.model.type_of(&method.value), Type::Container(_))
            }
            _ => false,
        };
        ctx.model
            .calls()
            .find(is_other)
            .map(|call| ctx.module.location(call.start()).0)
    }
}
