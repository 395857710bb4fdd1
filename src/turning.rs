//! How it is written that functions turn into coroutine functions: what the project says of one file, as edits.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion};
use ruff_text_size::{Ranged, TextRange, TextSize};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::codemod::Context;
use crate::draft::Draft;
use crate::edit::{self, Edit};
use crate::finding::Declined;
use crate::importer::Import;
use crate::project::colouring::twins::ENDING;
use crate::project::colouring::usage::{Special, place_of_checked};
use crate::project::colouring::{Change, Coloured, Defined};
use crate::semantic::names::Lookup;
use crate::semantic::{BindingKind, NodeId};

/// Nodes by what is known of them to the project: their ranges.
pub struct Nodes<'a> {
    functions: FxHashMap<TextRange, &'a ast::StmtFunctionDef>,
    others: FxHashMap<TextRange, NodeId>,
}

impl<'a> Nodes<'a> {
    pub fn of(ctx: &Context<'a>) -> Self {
        let functions = ctx.model.functions().map(|function| (function.name.range(), function));
        let others = ctx.model.subtree(NodeId(0)).filter(|(_, node)| {
            matches!(
                node,
                AnyNodeRef::ExprCall(_)
                    | AnyNodeRef::ExprGenerator(_)
                    | AnyNodeRef::StmtFor(_)
                    | AnyNodeRef::StmtWith(_)
                    | AnyNodeRef::StmtReturn(_)
                    | AnyNodeRef::Comprehension(_)
                    | AnyNodeRef::ExprYieldFrom(_)
                    | AnyNodeRef::ExprAttribute(_)
                    | AnyNodeRef::ExprName(_)
                    | AnyNodeRef::ExprLambda(_)
            )
        });
        Self {
            functions: functions.collect(),
            // Of two nodes of one range, the outer one: an expression in its statement is none of these.
            others: others.fold(FxHashMap::default(), |mut known, (id, node)| {
                known.entry(node.range()).or_insert(id);
                known
            }),
        }
    }

    /// The function whose name stands there.
    pub fn function(&self, name: impl Ranged) -> Result<&'a ast::StmtFunctionDef, Declined> {
        let found = self.functions.get(&name.range()).copied();
        found.ok_or_else(|| "the file is not what it was".into())
    }

    /// The call, or another node that a change is told by.
    pub fn node(&self, at: impl Ranged) -> Result<NodeId, Declined> {
        let found = self.others.get(&at.range()).copied();
        found.ok_or_else(|| "the file is not what it was".into())
    }
}

/// What functions that turn change in a file, on top of what else changes with them.
pub fn write<'c, 'a>(
    ctx: &'c Context<'a>,
    nodes: &Nodes<'a>,
    draft: Draft<'c, 'a>,
    coloured: &Coloured,
) -> Result<(Vec<Edit>, Vec<Import>), Declined> {
    let mut writer = Writer {
        ctx,
        nodes,
        draft,
        imports: Vec::new(),
        with_twins: FxHashSet::default(),
    };
    let twins = coloured.changes.iter().filter_map(|change| match change {
        Change::Twin(name) => Some(nodes.function(*name)),
        _ => None,
    });
    let twins = twins.collect::<Result<Vec<_>, _>>()?;
    // What stands in a function that has a twin changes in the twin.
    let (of_twins, others): (Vec<Change>, Vec<Change>) = coloured.changes.iter().partition(|change| {
        let mut functions = twins.iter();
        functions.any(|function| function.range().contains_range(change.range()))
    });
    for function in twins {
        let own = of_twins
            .iter()
            .filter(|change| function.range().contains_range(change.range()));
        writer.twin(function, own.copied(), coloured)?;
    }
    let runs = others.iter().filter_map(|change| match change {
        Change::Run(call) => Some(call.range()),
        _ => None,
    });
    let runs: Vec<TextRange> = runs.collect();
    let mut in_one_loop: Vec<TextRange> = Vec::new();
    for change in &others {
        if let Change::Together(name) = change {
            let function = nodes.function(*name)?;
            if let Some(first) = writer.runs_in_one_loop(function, &runs) {
                writer.run_in_one_loop(function, first)?;
                in_one_loop.push(function.range());
            }
        }
    }
    for change in others {
        match change {
            Change::Run(call) if in_one_loop.iter().any(|function| function.contains_range(call.range())) => {
                writer.wait(nodes.node(call)?);
            }
            _ => writer.write(change, coloured)?,
        }
    }
    let Writer { draft, imports, .. } = writer;
    Ok((draft.finish()?, imports))
}

/// The mock that can be awaited (`unittest.mock`, Python 3.8).
const ASYNC_MOCK: &str = "AsyncMock";

/// The mock that `patch` puts in the place of plain functions.
const PLAIN_MOCK: &str = "MagicMock";

/// The order of what is written around one call, from the inside to the outside.
const THREAD: u8 = 0;
const AWAIT: u8 = 1;
const LIST: u8 = 2;

struct Writer<'c, 'n, 'a> {
    ctx: &'c Context<'a>,
    nodes: &'n Nodes<'a>,
    draft: Draft<'c, 'a>,
    imports: Vec<Import>,
    /// The imported names beside which their twins are imported.
    with_twins: FxHashSet<TextRange>,
}

impl<'a> Writer<'_, '_, 'a> {
    /// Behind a function its copy, under the name of a twin and with changes of its own.
    fn twin(
        &mut self,
        function: &'a ast::StmtFunctionDef,
        changes: impl Iterator<Item = Change>,
        coloured: &Coloured,
    ) -> Result<(), Declined> {
        let ctx = self.ctx;
        let module = ctx.module;
        let end = module.line_end(function.end());
        let behind = module.slice(TextRange::new(function.end(), end)).trim_start();
        let is_alone = module.is_first_on_line(function.start()) && (behind.is_empty() || behind.starts_with('#'));
        if !is_alone {
            return Err("it shares a line with another statement".into());
        }
        let name = format!("{}{ENDING}", function.name);
        let scope = ctx.model.scope_of(ctx.model.id(function));
        if ctx.model.bindings_in(scope, &name).next().is_some() {
            return Err(format!("`{name}` means something else there").into());
        }
        let beside = std::mem::replace(&mut self.draft, Draft::new(ctx));
        self.draft.insert(function.name.end(), ENDING);
        self.draft.insert(ctx.def_of(function), "async ");
        for change in changes {
            if !matches!(change, Change::Twin(_)) {
                self.write(change, coloured)?;
            }
        }
        let inside = std::mem::replace(&mut self.draft, beside);
        let (inside, outside): (Vec<Edit>, Vec<Edit>) = inside
            .finish()?
            .into_iter()
            .partition(|edit| function.range().contains_range(edit.range()));
        let written = edit::apply(module.text(), &inside);
        let range = TextRange::new(function.start(), edit::shift(function.end(), &inside));
        let indent = module.indentation(function.start());
        let between = if indent.is_empty() { "\n\n\n" } else { "\n\n" };
        self.draft.insert(end, format!("{between}{indent}{}", &written[range]));
        for edit in outside {
            self.draft.replace(edit.range(), edit.content());
        }
        Ok(())
    }

    /// `f(a)` -> `await f_async(a)`, with what must be imported for that.
    fn call_twin(&mut self, id: NodeId) -> Result<(), Declined> {
        let call = self.call(id)?;
        let name = match &*call.func {
            Expr::Attribute(method) => method.attr.range(),
            name => name.range(),
        };
        self.draft
            .replace(name, format!("{}{ENDING}", self.ctx.module.slice(name)));
        self.wait(id);
        match &*call.func {
            Expr::Name(name) => self.import_twin(name),
            _ => Ok(()),
        }
    }

    /// The twin of a function that goes by a name, imported beside it.
    fn import_twin(&mut self, name: &'a ast::ExprName) -> Result<(), Declined> {
        let model = self.ctx.model;
        let scope = model.scope_of(model.id(name));
        let twin = format!("{}{ENDING}", name.id);
        let taken = || Err(format!("`{twin}` means something else there").into());
        let bindings: Vec<_> = model.resolve(&name.id, scope).collect();
        let [binding] = bindings.as_slice() else { return taken() };
        let other = model.sole_binding(&twin, scope).map(|other| &other.kind);
        match (&binding.kind, other) {
            (BindingKind::FromImport(import, _), Some(BindingKind::FromImport(other, alias)))
                if import.module == other.module && import.level == other.level && alias.asname.is_none() =>
            {
                Ok(())
            }
            (BindingKind::Function(_), Some(BindingKind::Function(_))) => Ok(()),
            _ if model.lookup(&twin, scope) != Lookup::Builtin => taken(),
            (BindingKind::Function(_), _) => Ok(()),
            (BindingKind::FromImport(_, alias), _) => {
                if self.with_twins.insert(alias.range()) {
                    self.draft.insert(alias.end(), format!(", {twin}"));
                }
                Ok(())
            }
            _ => taken(),
        }
    }

    fn write(&mut self, change: Change, coloured: &Coloured) -> Result<(), Declined> {
        match change {
            Change::Define(name, defined) => self.define(self.nodes.function(name)?, defined, coloured),
            Change::Await(call) => {
                let call = self.nodes.node(call)?;
                self.wait(call);
                Ok(())
            }
            Change::Create(call) => {
                let id = self.nodes.node(call)?;
                let call = self.call(id)?;
                self.draft.insert(call.func.end(), ".create");
                self.wait(id);
                Ok(())
            }
            Change::Run(call) => {
                let call = self.nodes.node(call)?;
                let run = self.asyncio("run", call)?;
                self.draft.around(call, AWAIT, &format!("{run}("), ")");
                Ok(())
            }
            Change::RunLater(function) => {
                let id = self.nodes.node(function)?;
                let run = self.asyncio("run", id)?;
                let [args, kwargs] = ["args", "kwargs"].map(|name| self.ctx.model.fresh_name(name, id));
                let head = format!("lambda *{args}, **{kwargs}: {run}(");
                self.draft.around(id, AWAIT, &head, &format!("(*{args}, **{kwargs}))"));
                Ok(())
            }
            Change::List(generator) => self.list(self.nodes.node(generator)?),
            Change::For(at) | Change::Part(at) | Change::With(at) => {
                let node = self.nodes.node(at)?;
                self.draft.around(node, AWAIT, "async ", "");
                Ok(())
            }
            Change::All(call) => {
                let call = self.nodes.node(call)?;
                let name = self.ctx.model.fresh_name("item", call);
                self.draft
                    .around(call, LIST, &format!("[{name} async for {name} in "), "]");
                Ok(())
            }
            Change::Next(call) => self.next(self.nodes.node(call)?),
            Change::Return(stmt) => self.return_nothing(self.nodes.node(stmt)?),
            Change::YieldFrom(at) => self.yield_from(self.nodes.node(at)?, "async for"),
            Change::Delegate(at) => self.yield_from(self.nodes.node(at)?, "for"),
            Change::Sleep(call) => {
                let id = self.nodes.node(call)?;
                let call = self.call(id)?;
                let sleep = self.asyncio("sleep", id)?;
                self.draft.replace(call.func.range(), sleep);
                self.wait(id);
                Ok(())
            }
            Change::Thread(call) => self.thread(self.nodes.node(call)?),
            Change::Twin(_) | Change::Together(_) => Ok(()),
            Change::CallTwin(call) => self.call_twin(self.nodes.node(call)?),
            Change::TestCase(base) => self.test_case(base.range()),
            Change::Asked(call) => {
                let call = self.call(self.nodes.node(call)?)?;
                let written = self.beside("inspect", "isasyncgen", self.ctx.model.id(&*call.func))?;
                self.draft.replace(call.func.range(), written);
                Ok(())
            }
            Change::AssertRaises(call, is_run) => self.assert_raises(self.nodes.node(call)?, is_run),
            Change::Mock(class, is_said) => self.mock(self.nodes.node(class)?, is_said),
            Change::MockGives(patch) => {
                let id = self.nodes.node(patch)?;
                let call = self.call(id)?;
                let beside = match &*call.func {
                    Expr::Attribute(method) if method.attr.as_str() == "object" => match &*method.value {
                        Expr::Attribute(patch) => Some(&*patch.value),
                        _ => None,
                    },
                    Expr::Attribute(patch) => Some(&*patch.value),
                    _ => None,
                };
                let mock = match beside {
                    Some(module) => format!("{}.{PLAIN_MOCK}", self.ctx.module.slice(module)),
                    None => {
                        let (name, import) = self.ctx.plain_member("unittest.mock", PLAIN_MOCK, id)?;
                        self.imports.extend(import);
                        name
                    }
                };
                self.gives(call, &mock);
                Ok(())
            }
            Change::Lambda(lambda) => {
                let range = lambda.range();
                let mock = self.awaited_mock(self.nodes.node(lambda)?)?;
                self.draft.insert(range.start(), format!("{mock}(side_effect="));
                self.draft.insert(range.end(), ")");
                Ok(())
            }
            Change::Callable(function, place) => self.callable(self.nodes.function(function)?, place),
        }
    }

    /// The first statement of a function from which on all can run in one event loop, where it would start several: for several calls, or for
    /// one call several times. What one loop has made, a lock or a connection, is of no use in the next one.
    fn runs_in_one_loop(&self, function: &'a ast::StmtFunctionDef, runs: &[TextRange]) -> Option<&'a ast::Stmt> {
        let model = self.ctx.model;
        let own: Vec<NodeId> = runs
            .iter()
            .filter(|call| function.range().contains_range(**call))
            .filter_map(|call| self.nodes.node(*call).ok())
            .collect();
        let is_within = |call: &NodeId, kind: fn(AnyNodeRef) -> bool| {
            let around = model.ancestors(*call);
            let mut around = around.take_while(|(_, node)| !node.is_stmt_function_def());
            around.any(|(_, node)| kind(node))
        };
        let is_repeated = |call: &NodeId| {
            is_within(call, |node| {
                node.is_stmt_for()
                    || node.is_stmt_while()
                    || node.is_expr_list_comp()
                    || node.is_expr_set_comp()
                    || node.is_expr_dict_comp()
            })
        };
        if own.len() < 2 && !own.iter().any(is_repeated) {
            return None;
        }
        // Whoever takes the elements of a generator would have to wait for them.
        let is_lazy = |call: &NodeId| is_within(call, |node| node.is_expr_generator());
        if own.iter().any(is_lazy) || model.is_generator(function) || model.imports_package("django") {
            return None;
        }
        // The class of a method, its local variables and its frame are those of the function itself.
        let is_of_frame = |stmt: &ast::Stmt| {
            let names = model.references_in(model.id(stmt)).iter();
            let mut names = names.map(|reference| reference.name.id.as_str());
            names.any(|name| {
                matches!(
                    name,
                    "super" | "__class__" | "locals" | "vars" | "dir" | "eval" | "exec" | "inspect" | "_getframe"
                )
            })
        };
        let mut body = function.body.iter().skip_while(|stmt| {
            let is_docstring = matches!(stmt, ast::Stmt::Expr(stmt) if stmt.value.is_string_literal_expr());
            is_docstring || stmt.is_expr_stmt() && is_of_frame(stmt)
        });
        let first = body.next()?;
        let is_whole = own.iter().all(|call| model.node(*call).start() >= first.start());
        let is_own = self.ctx.module.is_first_on_line(first.start());
        (is_whole && is_own && !is_of_frame(first) && !body.any(is_of_frame)).then_some(first)
    }

    /// From a statement on, the body of a function goes to a coroutine function in it, for which it starts an event loop.
    fn run_in_one_loop(&mut self, function: &'a ast::StmtFunctionDef, first: &'a ast::Stmt) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        let last = function.body.last().ok_or("the file is not what it was")?;
        let moved = TextRange::new(first.start(), ctx.module.line_end(last.end()));
        let at = model.id(first);
        let scope = model.body_scope(function);
        let is_rebound = |parameter: &&str| {
            let mut bindings = model.bindings_in(scope, parameter);
            bindings.any(|binding| moved.contains_range(binding.range))
        };
        let parameters = function.parameters.iter().map(|parameter| parameter.name().as_str());
        let rebound: Vec<&str> = parameters.filter(is_rebound).collect();
        let name = model.fresh_name("_run", at);
        let mut header = format!("async def {name}():");
        if !rebound.is_empty() {
            header.push_str(&format!("\n{}nonlocal {}", ctx.indent_unit(at), rebound.join(", ")));
        }
        self.draft.put_under(moved, header);
        let run = self.asyncio("run", at)?;
        let mut own = model.subtree(model.id(function));
        let gives = own.any(|(id, node)| {
            matches!(node, AnyNodeRef::StmtReturn(stmt) if stmt.value.is_some())
                && model
                    .enclosing_function(id)
                    .is_some_and(|of| std::ptr::eq(of, function))
        });
        let gives = if gives { "return " } else { "" };
        self.draft.line_outside(moved, format!("\n{gives}{run}({name}())"));
        Ok(())
    }

    fn asyncio(&mut self, member: &'static str, at: NodeId) -> Result<String, Declined> {
        let (name, import) = self.ctx.import(Import::Module("asyncio"), at)?;
        self.imports.extend(import);
        Ok(format!("{name}.{member}"))
    }

    fn call(&self, id: NodeId) -> Result<&'a ast::ExprCall, Declined> {
        match self.ctx.model.node(id) {
            AnyNodeRef::ExprCall(call) => Ok(call),
            _ => Err("the file is not what it was".into()),
        }
    }

    fn wait(&mut self, call: NodeId) {
        let AnyNodeRef::ExprCall(expr) = self.ctx.model.node(call) else {
            return;
        };
        if self.ctx.await_needs_parentheses(expr) {
            self.draft.around(call, AWAIT, "(await ", ")");
        } else {
            self.draft.around(call, AWAIT, "await ", "");
        }
    }

    /// `f(a)` -> `await asyncio.to_thread(f, a)`
    fn thread(&mut self, id: NodeId) -> Result<(), Declined> {
        let ctx = self.ctx;
        let call = self.call(id)?;
        let loader = ctx.off_loader(id, !call.arguments.keywords.is_empty())?;
        self.imports.extend(loader.imports);
        let brackets = call.arguments.range();
        let inside = TextRange::new(brackets.start() + TextSize::new(1), brackets.end() - TextSize::new(1));
        let between = if ctx.module.slice(inside).trim().is_empty() {
            ""
        } else {
            ", "
        };
        self.draft
            .replace(TextRange::at(brackets.start(), TextSize::new(1)), between);
        self.draft
            .replace(TextRange::at(inside.end(), TextSize::new(1)), loader.tail);
        let head = format!("{}{}", loader.head, loader.inner);
        self.draft.around(id, THREAD, &head, "");
        self.wait(id);
        Ok(())
    }

    /// A generator expression with an `await` would be an asynchronous one, which no builtin takes.
    fn list(&mut self, id: NodeId) -> Result<(), Declined> {
        let AnyNodeRef::ExprGenerator(generator) = self.ctx.model.node(id) else {
            return Err("the file is not what it was".into());
        };
        if generator.parenthesized {
            let range = generator.range();
            self.draft.replace(TextRange::at(range.start(), TextSize::new(1)), "[");
            self.draft
                .replace(TextRange::at(range.end() - TextSize::new(1), TextSize::new(1)), "]");
        } else {
            self.draft.around(id, LIST, "[", "]");
        }
        Ok(())
    }

    fn define(
        &mut self,
        function: &'a ast::StmtFunctionDef,
        defined: Defined,
        coloured: &Coloured,
    ) -> Result<(), Declined> {
        let ctx = self.ctx;
        let stays_plain = matches!(
            defined,
            Defined::Factory | Defined::Forwarder | Defined::Special(Special::Iter { is_generator: false })
        );
        if !stays_plain {
            self.draft.insert(ctx.def_of(function), "async ");
        }
        match defined {
            Defined::Factory => self.factory(function, coloured),
            Defined::Special(special) => {
                self.special(function, special);
                Ok(())
            }
            Defined::Plain => Ok(()),
            Defined::Generator | Defined::Forwarder => self.returns_asynchronous(function),
            Defined::Manager => {
                for decorator in &function.decorator_list {
                    if ctx.model.qualified_name(&decorator.expression).as_deref() == Some("contextlib.contextmanager") {
                        let id = ctx.model.id(function);
                        let (name, import) = ctx.plain_member("contextlib", "asynccontextmanager", id)?;
                        self.imports.extend(import);
                        self.draft.replace(decorator.expression.range(), name);
                    }
                }
                self.returns_asynchronous(function)
            }
            Defined::Pytest => self.mark(function),
        }
    }

    /// Cuts a constructor in two where it waits for the first time: what follows becomes the body of a method that makes the object.
    fn factory(&mut self, function: &'a ast::StmtFunctionDef, coloured: &Coloured) -> Result<(), Declined> {
        let ctx = self.ctx;
        let model = ctx.model;
        let waits = |stmt: &&ast::Stmt| {
            let mut changes = coloured
                .changes
                .iter()
                .filter(|change| !matches!(change, Change::Define(..)));
            changes.any(|change| stmt.range().contains_range(change.range()))
        };
        let first = function
            .body
            .iter()
            .position(|stmt| waits(&stmt))
            .ok_or("it does not wait itself")?;
        let (kept, moved) = function.body.split_at(first);
        let (Some(start), Some(last)) = (moved.first(), moved.last()) else {
            return Err("it does not wait itself".into());
        };
        if !ctx.module.is_first_on_line(start.start()) {
            return Err("its body stands on the line of its header".into());
        }
        let body = TextRange::new(start.start(), last.end());
        let text = ctx.module.slice(body);
        let returns = model.subtree(model.id(function)).any(|(_, node)| node.is_stmt_return());
        if returns || text.contains("super(") {
            return Err("the constructor returns early, or calls the one of its base where it would not be one".into());
        }
        let scope = model.body_scope(function);
        let is_local = |name: &str| {
            model
                .bindings_in(scope, name)
                .any(|binding| kept.iter().any(|stmt| stmt.range().contains_range(binding.range)))
        };
        let mut read = model
            .references()
            .iter()
            .filter(|reference| body.contains_range(reference.name.range()));
        if let Some(reference) = read.find(|reference| is_local(&reference.name.id)) {
            return Err(format!(
                "`{}` is bound before the constructor waits and read after it",
                reference.name.id
            )
            .into());
        }
        let parameters = &function.parameters;
        let mut given = Vec::new();
        let positional = parameters.posonlyargs.iter().chain(&parameters.args);
        let names: Vec<&str> = positional.map(|parameter| parameter.parameter.name.as_str()).collect();
        let [own, names @ ..] = names.as_slice() else {
            return Err("it takes no object".into());
        };
        given.extend(names.iter().map(|name| (*name).to_owned()));
        given.extend(parameters.vararg.iter().map(|parameter| format!("*{}", parameter.name)));
        given.extend(parameters.kwonlyargs.iter().map(|parameter| {
            let name = &parameter.parameter.name;
            format!("{name}={name}")
        }));
        given.extend(parameters.kwarg.iter().map(|parameter| format!("**{}", parameter.name)));
        let inside = ctx
            .module
            .slice(parameters.range())
            .trim_start_matches('(')
            .trim_end_matches(')');
        let others = inside
            .strip_prefix(own)
            .ok_or("its first parameter has an annotation")?;
        if others.starts_with([':', '=']) || inside.contains(['\n', '#']) {
            return Err("its parameters stand on several lines, or the first one has an annotation".into());
        }
        let indent = ctx.module.indentation(function.start());
        let deeper = ctx.module.indentation(start.start());
        let nothing = if kept.is_empty() {
            format!("{deeper}pass\n")
        } else {
            String::new()
        };
        let head = format!(
            "{nothing}\n{indent}@classmethod\n{indent}async def create(cls{others}):\n{deeper}{own} = cls({})\n",
            given.join(", ")
        );
        self.draft.insert(ctx.module.line_start(start.start()), head);
        self.draft.insert(last.end(), format!("\n{deeper}return {own}"));
        Ok(())
    }

    /// The twin of a special method, and of what ends an iterator.
    fn special(&mut self, function: &'a ast::StmtFunctionDef, special: Special) {
        let model = self.ctx.model;
        let twin = match special {
            Special::Enter => "__aenter__",
            Special::Exit => "__aexit__",
            Special::Iter { .. } => "__aiter__",
            Special::Next => "__anext__",
        };
        self.draft.replace(function.name.range(), twin);
        if special != Special::Next {
            return;
        }
        for (_, node) in model.subtree(model.id(function)) {
            if let AnyNodeRef::ExprName(name) = node
                && model.builtin(&Expr::Name(name.clone())) == Some("StopIteration")
            {
                self.draft.replace(name.range(), "StopAsyncIteration");
            }
        }
    }

    /// The annotation of a generator: `Iterator[int]` -> `AsyncIterator[int]`.
    fn returns_asynchronous(&mut self, function: &'a ast::StmtFunctionDef) -> Result<(), Declined> {
        let ctx = self.ctx;
        let Some(returns) = function.returns.as_deref() else {
            return Ok(());
        };
        let (class, arguments) = match returns {
            Expr::Subscript(subscript) => (&*subscript.value, Some(&*subscript.slice)),
            class => (class, None),
        };
        let Some(name) = ctx.model.qualified_name(class) else {
            return Ok(());
        };
        let (module, class_name) = name.rsplit_once('.').unwrap_or_default();
        let module = match module {
            "typing" => "typing",
            "collections.abc" => "collections.abc",
            _ => return Ok(()),
        };
        let twin = match class_name {
            "Iterator" => "AsyncIterator",
            "Iterable" => "AsyncIterable",
            "Generator" => "AsyncGenerator",
            _ => return Ok(()),
        };
        let written = self.beside(module, twin, ctx.model.id(class))?;
        self.draft.replace(class.range(), written);
        if let (Some(Expr::Tuple(tuple)), "Generator") = (arguments, class_name)
            && let [_, send, _] = &*tuple.elts
        {
            // An asynchronous one returns nothing.
            self.draft.delete(TextRange::new(send.end(), tuple.end()));
        }
        Ok(())
    }

    /// Another member of the module that a name comes from, written in the way of that name.
    fn beside(&mut self, module: &'static str, member: &'static str, old: NodeId) -> Result<String, Declined> {
        if let AnyNodeRef::ExprAttribute(attribute) = self.ctx.model.node(old) {
            return Ok(format!("{}.{member}", self.ctx.module.slice(&*attribute.value)));
        }
        let (name, import) = self.ctx.plain_member(module, member, old)?;
        self.imports.extend(import);
        Ok(name)
    }

    /// `@pytest.mark.asyncio`, or anyio's, above the decorators.
    fn mark(&mut self, function: &'a ast::StmtFunctionDef) -> Result<(), Declined> {
        let ctx = self.ctx;
        let dependencies = &ctx.settings.dependencies;
        let marker = if dependencies.contains("anyio") && !dependencies.contains("pytest-asyncio") {
            "anyio"
        } else {
            "asyncio"
        };
        let (pytest, import) = ctx.import(Import::Module("pytest"), ctx.model.id(function))?;
        self.imports.extend(import);
        self.draft.line_above(function, format!("@{pytest}.mark.{marker}"));
        Ok(())
    }

    fn test_case(&mut self, base: TextRange) -> Result<(), Declined> {
        let id = self.nodes.node(base)?;
        let written = self.beside("unittest", "IsolatedAsyncioTestCase", id)?;
        self.draft.replace(base, written);
        Ok(())
    }

    /// `next(x)` -> `await anext(x)`
    fn next(&mut self, id: NodeId) -> Result<(), Declined> {
        let ctx = self.ctx;
        let call = self.call(id)?;
        let is_free = ctx.model.lookup("anext", ctx.model.scope_of(id)) == Lookup::Builtin;
        if ctx.settings.target >= PythonVersion::PY310 && is_free {
            self.draft.replace(call.func.range(), "anext");
        } else {
            let argument = call.arguments.args.first().ok_or("the file is not what it was")?;
            let around = [
                TextRange::new(call.start(), argument.start()),
                TextRange::new(argument.end(), call.end()),
            ];
            if around.iter().any(|range| !ctx.module.comments_in(*range).is_empty()) {
                return Err("a comment stands in a call of `next`".into());
            }
            self.draft.delete(around[0]);
            self.draft.replace(around[1], ".__anext__()");
        }
        self.wait(id);
        Ok(())
    }

    /// `return x` -> `x` and `return`: nobody gets the value of an asynchronous generator.
    fn return_nothing(&mut self, id: NodeId) -> Result<(), Declined> {
        let ctx = self.ctx;
        let AnyNodeRef::StmtReturn(stmt) = ctx.model.node(id) else {
            return Err("the file is not what it was".into());
        };
        let value = stmt.value.as_deref().ok_or("the file is not what it was")?;
        if value.is_literal_expr() || value.is_name_expr() {
            self.draft
                .delete(TextRange::new(stmt.start() + TextSize::of("return"), stmt.end()));
            return Ok(());
        }
        if !ctx.module.is_first_on_line(stmt.start()) {
            return Err("a generator returns a value on the line of another statement".into());
        }
        self.draft.delete(TextRange::at(stmt.start(), TextSize::of("return ")));
        self.draft
            .insert(stmt.end(), format!("\n{}return", ctx.module.indentation(stmt.start())));
        Ok(())
    }

    /// `yield from f()` -> a loop.
    fn yield_from(&mut self, id: NodeId, keyword: &str) -> Result<(), Declined> {
        let ctx = self.ctx;
        let AnyNodeRef::ExprYieldFrom(outer) = ctx.model.node(id) else {
            return Err("the file is not what it was".into());
        };
        let name = ctx.model.fresh_name("item", id);
        let (indent, deeper) = self.own_line(id)?;
        let head = TextRange::new(outer.start(), outer.value.start());
        self.draft.replace(head, format!("{indent}{keyword} {name} in "));
        self.draft
            .around(ctx.model.id(&*outer.value), LIST, "", &format!(":{deeper}yield {name}"));
        Ok(())
    }

    /// `MagicMock(...)` -> `AsyncMock(...)`
    fn mock(&mut self, class: NodeId, is_said: bool) -> Result<(), Declined> {
        let ctx = self.ctx;
        let written = match ctx.model.node(class) {
            AnyNodeRef::ExprAttribute(member) => format!("{}.{ASYNC_MOCK}", ctx.module.slice(&*member.value)),
            _ => self.awaited_mock(class)?,
        };
        let old = ctx.model.node(class).range();
        if !is_said {
            // What an awaited mock gives by itself would have to be awaited in its parts as well.
            let call = self.call(ctx.model.parent(class))?;
            self.gives(call, ctx.module.slice(old));
        }
        self.draft.replace(old, written);
        Ok(())
    }

    /// Says of a mock that it gives a plain one.
    fn gives(&mut self, call: &ast::ExprCall, mock: &str) {
        let before = if call.arguments.is_empty() { "" } else { ", " };
        let end = call.arguments.end() - TextSize::new(1);
        let last = call.arguments.iter_source_order().last().map(|last| last.end());
        // The last argument may stand in parentheses.
        let is_bare = |last: &TextSize| !self.ctx.module.slice(TextRange::new(*last, end)).contains(')');
        let at = last.filter(is_bare).unwrap_or(end);
        self.draft.insert(at, format!("{before}return_value={mock}()"));
    }

    /// `AsyncMock`, as it can be written at a place.
    fn awaited_mock(&mut self, at: NodeId) -> Result<String, Declined> {
        let (name, import) = self.ctx.plain_member("unittest.mock", ASYNC_MOCK, at)?;
        self.imports.extend(import);
        Ok(name)
    }

    /// `self.assertRaises(E, f, x)` -> `with self.assertRaises(E): await f(x)`
    fn assert_raises(&mut self, id: NodeId, is_run: bool) -> Result<(), Declined> {
        let ctx = self.ctx;
        let call = self.call(id)?;
        let function = place_of_checked(call).and_then(|place| {
            let arguments = &call.arguments.args;
            Some((arguments.get(place.checked_sub(1)?)?, arguments.get(place)?))
        });
        let Some((error, function)) = function else {
            return Err("the file is not what it was".into());
        };
        let (indent, deeper) = self.own_line(id)?;
        self.draft
            .replace(TextRange::empty(call.start()), format!("{indent}with "));
        let between = TextRange::new(error.end(), function.start());
        if is_run {
            let run = self.asyncio("run", id)?;
            self.draft.replace(between, format!("):{deeper}{run}("));
            self.draft.insert(call.end(), ")");
        } else {
            self.draft.replace(between, format!("):{deeper}await "));
        }
        let mut rest = call.arguments.iter_source_order();
        let open = match rest.find(|argument| argument.start() > function.start()) {
            Some(first) => TextRange::new(function.end(), first.start()),
            None => TextRange::empty(function.end()),
        };
        if !ctx.module.comments_in(call.range()).is_empty() {
            return Err("a comment stands among the arguments of `assertRaises`".into());
        }
        self.draft.replace(open, "(");
        Ok(())
    }

    /// What starts the line of a statement that becomes two, and the line below it: nothing and a deeper line, where it stands on a line of its
    /// own; where it stands behind a colon, both go one level in.
    fn own_line(&mut self, id: NodeId) -> Result<(String, String), Declined> {
        let ctx = self.ctx;
        let (stmt, node) = ctx.model.statement_of(id).ok_or("it is no statement")?;
        let unit = ctx.indent_unit(stmt);
        let indent = ctx.module.indentation(node.start());
        if ctx.module.is_first_on_line(node.start()) {
            return Ok((String::new(), format!("\n{indent}{unit}")));
        }
        let (block, _) = ctx.model.block_of(stmt).ok_or("it stands in no block")?;
        let before = ctx.module.text()[..usize::from(node.start())].trim_end_matches([' ', '\t']);
        if block.len() != 1 || !before.ends_with(':') {
            return Err("it shares its line with another statement".into());
        }
        self.draft.delete(TextRange::new(TextSize::of(before), node.start()));
        Ok((format!("\n{indent}{unit}"), format!("\n{indent}{unit}{unit}")))
    }

    /// `Callable[[int], str]` -> `Callable[[int], Awaitable[str]]`
    fn callable(&mut self, function: &'a ast::StmtFunctionDef, place: usize) -> Result<(), Declined> {
        let ctx = self.ctx;
        let positional = ctx.model.given_parameters(function);
        let mut all = positional.chain(&function.parameters.kwonlyargs);
        let Some(Expr::Subscript(subscript)) = all
            .nth(place)
            .and_then(|parameter| parameter.parameter.annotation.as_deref())
        else {
            return Ok(());
        };
        let Some(name) = ctx.model.qualified_name(&subscript.value) else {
            return Ok(());
        };
        let module = match name.as_str() {
            "typing.Callable" => "typing",
            "collections.abc.Callable" => "collections.abc",
            _ => return Ok(()),
        };
        let Expr::Tuple(tuple) = &*subscript.slice else {
            return Ok(());
        };
        let [_, returns] = &*tuple.elts else { return Ok(()) };
        let id = ctx.model.id(returns);
        let awaitable = self.beside(module, "Awaitable", ctx.model.id(&*subscript.value))?;
        self.draft.around(id, AWAIT, &format!("{awaitable}["), "]");
        Ok(())
    }
}
