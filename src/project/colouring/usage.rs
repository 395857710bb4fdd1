//! The map: what one file says of its functions that may become coroutine functions, and of every place that uses them.
//!
//! Plain data, like the rest of a summary. What cannot be resolved is kept by its name: a use that is not seen is an `await` that is missing.

mod disguises;
mod leaves;
mod natures;
mod places;

use std::collections::BTreeMap;

use ruff_python_ast::{self as ast, AnyNodeRef, Expr, PythonVersion, Stmt};
use ruff_text_size::{Ranged, TextRange};

use self::disguises::is_of_mock;
pub(in crate::project) use self::disguises::keyword_replacements;
pub use self::leaves::{has_likely_session, is_likely_session, is_looked_at, is_of_conversation, is_waiting_method};
use self::natures::Decoration;
pub use self::natures::ends_iteration;
use crate::codemod::Context;
use crate::interned::{self, Interned};
use crate::knowledge::blocking::{self, Rule};
use crate::project::given::Given;
use crate::project::summarise::{Mapper, is_no_wait};
use crate::project::summary::{ClassName, Edge, Note, Receiver, Target};
use crate::semantic::names::{map_callable, plain_name};
use crate::semantic::place::Backend;
use crate::semantic::types::{Type, TypeOracle, ends_with_itself};
use crate::semantic::{BindingKind, NodeId};
use crate::source::SourceKind;
use serde::{Deserialize, Serialize};

/// What a file says for the colouring of the project.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Usage {
    /// One for each function of the summary.
    pub natures: Vec<Nature>,
    /// One for each class of the summary.
    pub bases: Vec<Bases>,
    pub uses: Vec<Use>,
    pub leaves: Vec<Leaf>,
    /// The fixtures of pytest by the names that tests ask for them, each with its functions.
    pub fixtures: BTreeMap<String, Vec<usize>>,
    /// The names of members in whose place the file puts something else, with the line.
    pub replaced: BTreeMap<String, usize>,
    /// `getattr(x, name)` with a computed name: what is known of `x`, and the line.
    pub computed: Vec<(Option<Receiver>, usize)>,
    /// The line that reaches the names of the module as strings: `globals()`, `eval(...)`.
    pub reflects: Option<usize>,
    /// Names that stand in strings behind a module's, with the line.
    pub strings: BTreeMap<String, usize>,
    /// Names that doctests call, with the line.
    pub doctests: BTreeMap<String, usize>,
    /// The line that has a signal interrupt what runs.
    pub alarms: Option<usize>,
    /// Whether it runs the examples of doc strings.
    pub runs_doctests: bool,
    /// Whether it stops the clock: `asyncio.sleep` would never end.
    pub freezes_time: bool,
    /// The line that makes a mock whose methods give plain values.
    pub mocks: Option<usize>,
    /// How many calls stand in it.
    pub calls: usize,
}

impl Usage {
    /// Whether it has functions to which pytest gives what fixtures make.
    pub fn asks_fixtures(&self) -> bool {
        !self.fixtures.is_empty() || self.natures.iter().any(|nature| nature.kind == Kind::Pytest)
    }
}

/// What a function is, besides a body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Nature {
    pub kind: Kind,
    /// Why it cannot become a coroutine function, whatever its users do.
    pub stop: Option<String>,
    /// Another definition of the same name in the same scope.
    pub twin: Option<usize>,
    /// Whether it runs an event loop of its own.
    pub runs_loop: bool,
    /// Whether a framework calls it that takes coroutine functions as well.
    pub is_route: bool,
    /// Whether a framework or the shell calls it, which takes plain functions only: there an event loop can be started.
    pub is_boundary: bool,
    /// Whether a decorator waits between calls of it, in the event loop once it is a coroutine function.
    pub is_retried: bool,
    /// Whether its name is that of a test, and it is not known what decorates it.
    pub is_odd: bool,
    /// What it does as a decorator.
    pub wrapper: Option<Wrapper>,
    /// The decorator in it that it gives: `@retry(3)`.
    pub makes: Option<usize>,
    /// Whether its steps may be cut short: a generator with a clean-up around a `yield`.
    pub cleans_up: bool,
    /// Its statements `yield from`, none of which an asynchronous generator can have.
    pub delegates: Vec<TextRange>,
    /// The statements of a generator that return a value, which an asynchronous one cannot.
    pub returns: Vec<TextRange>,
    /// Its calls of `next` out of which a StopIteration may come, with their lines: only of a generator that turns another exception does.
    pub nexts: Vec<(TextRange, usize)>,
    /// The calls that its `return`s give, or the variables of which nothing else is bound to; empty where one gives something else.
    pub hands_on: Vec<TextRange>,
    /// The names of its positional parameters, `self` aside, and of those that are given by name only.
    pub parameters: [Vec<String>; 2],
    /// What its `return`s give; empty where one of them says nothing.
    pub gives: Vec<Given>,
}

impl Nature {
    /// The name of the parameter that an argument goes to.
    pub fn parameter(&self, slot: &Slot) -> Option<&str> {
        let [positional, named] = &self.parameters;
        let parameter = match slot {
            Slot::Position(position) => positional.get(*position),
            Slot::Keyword(name) => positional.iter().chain(named).find(|other| *other == name),
        };
        parameter.map(String::as_str)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Plain,
    Generator,
    /// A generator under `@contextmanager`.
    Manager,
    Init,
    /// `__enter__`, `__exit__`, `__iter__`, `__next__`: they turn into their asynchronous twins, in pairs.
    Special(Special),
    /// A test function that pytest runs.
    Pytest,
    /// A test method that unittest runs.
    Unittest,
}

/// The methods of the two protocols that have an asynchronous twin (Python reference, 3.4.3 and 3.4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Special {
    Enter,
    Exit,
    /// It gives the object itself, or is a generator.
    Iter {
        is_generator: bool,
    },
    Next,
}

/// A function that takes a function and gives another one in its place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wrapper {
    pub parameter: String,
    /// The function that it gives.
    pub inner: usize,
    /// Whether that does nothing with what the call gives but to return it.
    pub passes_through: bool,
}

/// The base classes of a class, as far as the class statement says it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Bases {
    /// A base of which nothing is known, as written.
    pub unknown: Option<String>,
    /// Where `unittest.TestCase` stands among them.
    pub test_case: Option<TextRange>,
    /// What the body of the class binds to something else than a function of its own.
    pub assigned: Vec<String>,
}

/// A place that uses what may be a function of the project.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Use {
    /// The function in whose frame it runs; `None`: a lambda, or a class body.
    pub owner: Option<usize>,
    pub named: Named,
    pub how: How,
    pub place: Place,
    pub range: TextRange,
    /// 1-based.
    pub line: usize,
    /// What names it, as written.
    pub text: String,
    /// Whether what a call gives is not looked at.
    pub is_dropped: bool,
    /// Whether the receiver is what somebody else has given: an annotation or an attribute says what it is, and may be wrong.
    pub is_given: bool,
    /// Whether it is the method of what is put in place as a client of HTTP: by its name alone it is no function of the project.
    pub is_of_client: bool,
    /// The special methods that the receiver must have, by what else is done with it.
    pub needs: Vec<String>,
}

/// What is used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Named {
    Target(Target),
    /// One of these, all of the same name.
    OneOf(Vec<Target>),
    /// A parameter of a function.
    Parameter(usize, String),
    /// A name that several things go by, or a member of something of which nothing is known.
    Unknown(String, Unknown),
}

/// What is known of a use by a name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unknown {
    Name,
    /// A member of an object.
    Member,
    /// A member of what may be a module.
    OfModule,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum How {
    Call(Taken),
    /// An object is entered, or iterated over.
    Object(Edge, Taken),
    /// What a call gave is iterated over, in a variable of the function that called.
    Step(Taken),
    Value(Sink),
    /// It decorates this function.
    Decorates(usize),
    /// What it gives when it is called decorates this function.
    Makes(usize),
    /// A test puts this in its place.
    Faked(Fake),
}

/// What a test puts in the place of a function, where it can be awaited with a change to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fake {
    /// A mock, by the range of its class, and whether what it gives is said; one whose class may be exchanged for that of awaited ones.
    Mock(TextRange, bool),
    /// An awaited mock.
    Awaited,
    /// The mock that `patch` makes by itself, by the range of that call, and whether what it gives is said.
    Auto(TextRange, bool),
    /// A lambda; a mock does what it does.
    Lambda(TextRange),
    /// What is named there, which turns with the function if it is one.
    Named(TextRange),
}

/// What becomes of what a call gives, or of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Taken {
    Value,
    /// Iterated over by the `for` statement of this range.
    For(TextRange),
    /// Iterated over by this part of a comprehension.
    Part(TextRange),
    /// Given to a builtin that takes all elements at once.
    All,
    /// Bound to a local variable that is iterated over, and nothing else.
    Held,
    /// Asked whether it is a generator, by the call of this range.
    Asked(TextRange),
    /// A statement `yield from`.
    YieldFrom(TextRange),
    /// Given to `next`, by the call of this range, in a place where nothing handles a StopIteration.
    Next(TextRange),
    /// What the function gives.
    Returned,
    /// Entered by the `with` statement of this range, which enters so many objects.
    With(TextRange, usize),
    /// Entered or iterated over in another way, in which nothing can wait: `next(x, y)`, `a, b = x`, `*x`, `y in x`.
    Elsewhere,
}

/// Where an `await` might be put.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// Anywhere in the body of a function, once that is one of coroutines; in these generator expressions, which must become lists.
    Frame(Vec<Eager>),
    /// Under `if __name__ == "__main__":`, where `asyncio.run` can stand.
    Main,
    /// In the calls that a file ends with, at module level: for a layer of SQLAlchemy, which is unsafe anyway, as good as `Main` in a program of one file.
    End,
    /// Nowhere, and why.
    Never(#[serde(deserialize_with = "interned::read")] Interned),
}

/// A generator expression of which a builtin takes all elements at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eager {
    pub range: TextRange,
    /// `any`, `all`: they stop early.
    pub stops_early: bool,
}

/// Where a function goes that is not called.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Sink {
    /// An argument of the call of this range.
    Argument {
        call: TextRange,
        callee: Option<Target>,
        slot: Slot,
    },
    /// A framework that takes coroutine functions as well.
    Framework,
    /// `assertRaises(E, f, ...)`, the statement of this range.
    AssertRaises(TextRange),
    Returned,
    /// It gets another name, by which the file resolves it.
    Alias,
    /// It is put in the place of what is used as [`Fake::Named`] of this range.
    Fake(TextRange),
    /// Anything else; how it is said.
    Other(#[serde(deserialize_with = "interned::read")] Interned),
}

/// Which argument of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slot {
    Position(usize),
    Keyword(String),
}

/// A call that blocks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Leaf {
    pub owner: usize,
    /// What is not proven of it.
    pub doubt: Option<String>,
    /// The qualified name.
    pub name: String,
    pub way: Way,
    pub place: Place,
    pub range: TextRange,
    /// 1-based.
    pub line: usize,
}

/// How a call that blocks can be waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// `asyncio.sleep`.
    Sleep,
    /// `asyncio.to_thread`.
    Thread,
    /// It is SQLAlchemy's, whose asynchronous twin is awaited.
    Session,
    /// By the codemods that look into coroutine functions; for its sake alone nothing is coloured.
    Later,
    /// For its sake nothing is coloured, and that is told.
    Told,
    /// Not at all.
    Stays,
}

/// Why what is awaited is left alone.
pub const AWAITED: &str = "it is awaited already";

/// What frameworks call with either kind of function (FastAPI, Starlette).
const FRAMEWORK_CALLS: &[&str] = &[
    "fastapi.Depends",
    "fastapi.Security",
    "fastapi.param_functions.Depends",
    "fastapi.BackgroundTasks.add_task",
    "starlette.background.BackgroundTask",
    "starlette.background.BackgroundTasks.add_task",
    "starlette.routing.Route",
];

/// Methods of an application that register functions of either kind.
const FRAMEWORK_METHODS: &[&str] = &[
    "add_api_route",
    "add_route",
    "add_exception_handler",
    "add_event_handler",
];

/// Base classes of libraries whose methods nobody overrides by accident, or whose test methods may be of either kind.
const HARMLESS_BASES: &[&str] = &[
    "abc.ABC",
    "enum.Enum",
    "enum.IntEnum",
    "enum.StrEnum",
    "testscenarios.TestWithScenarios",
    "testscenarios.WithScenarios",
    "typing.Generic",
    "typing.Protocol",
    "typing_extensions.Protocol",
    "unittest.TestCase",
    "unittest.case.TestCase",
    "unittest.IsolatedAsyncioTestCase",
];

/// Whether methods of classes with such a base override nothing that a library would call.
pub fn is_harmless_base(name: &str) -> bool {
    HARMLESS_BASES.contains(&name)
}

/// Builtins that tell what an object is.
const ASKING: &[&str] = &["callable", "getattr", "hasattr", "isinstance", "issubclass", "type"];

/// What one file says.
pub(in crate::project) fn usage(mapper: &Mapper) -> Usage {
    let finder = Finder {
        mapper,
        ctx: mapper.ctx,
    };
    let imports = |package: &&str| mapper.ctx.model.imports_package(package);
    let mut usage = Usage {
        natures: finder.natures(),
        fixtures: finder.fixtures(),
        bases: finder.bases(),
        runs_doctests: imports(&"doctest"),
        freezes_time: ["freezegun", "time_machine"].iter().any(imports),
        ..Usage::default()
    };
    if finder.ctx.module.kind() == SourceKind::Module {
        finder.find(&mut usage);
    }
    usage
}

impl Usage {
    /// Takes the file for a program of its own, which nobody imports.
    pub fn end_program(&mut self) {
        for used in self.uses.iter_mut().filter(|used| used.place == Place::End) {
            used.place = Place::Main;
        }
    }
}

/// Adds places that wait for a database, and says of the first one where nothing can wait why not.
pub(in crate::project) fn waiting(mapper: &Mapper, waits: &[NodeId], usage: &mut Usage) -> Option<Note> {
    let finder = Finder {
        mapper,
        ctx: mapper.ctx,
    };
    let mut stop = None;
    // What waits for the database does not block any more.
    let ranges: Vec<TextRange> = waits.iter().map(|id| mapper.ctx.model.node(*id).range()).collect();
    let is_of = |range: &TextRange, leaf: &Leaf| {
        range.start() == leaf.range.start() && (range.contains_range(leaf.range) || leaf.range.contains_range(*range))
    };
    usage
        .leaves
        .retain(|leaf| !leaf.name.starts_with("sqlalchemy.") && !ranges.iter().any(|range| is_of(range, leaf)));
    for &id in waits {
        let (owner, place) = finder.place(id);
        let range = mapper.ctx.model.node(id).range();
        let line = finder.line(range);
        match (owner, &place) {
            (Some(owner), Place::Frame(_)) if owner > 0 => usage.leaves.push(Leaf {
                owner,
                doubt: None,
                name: crate::module::one_line(mapper.ctx.module.slice(range)),
                way: Way::Session,
                place,
                range,
                line,
            }),
            _ => {
                let text = match place {
                    Place::Never(reason) => reason,
                    Place::Main | Place::End | Place::Frame(_) => "it stands at module level, where nothing can wait",
                };
                stop.get_or_insert_with(|| Note {
                    text: text.to_owned(),
                    line,
                });
            }
        }
    }
    stop
}

struct Finder<'m, 'c, 'a> {
    mapper: &'m Mapper<'c, 'a>,
    ctx: &'m Context<'a>,
}

impl<'a> Finder<'_, '_, 'a> {
    fn line(&self, at: impl Ranged) -> usize {
        self.ctx.module.location(at.start()).0
    }

    fn owner(&self, call: &ast::ExprCall) -> Option<usize> {
        self.mapper.owner(self.ctx.model.id(call))
    }

    /// All uses, in source order.
    fn find(&self, usage: &mut Usage) {
        let model = self.ctx.model;
        for (id, node) in model.subtree(NodeId(0)) {
            match node {
                AnyNodeRef::ExprName(name) if name.ctx.is_load() => {
                    if let Some(named) = self.named(name, id) {
                        self.used(usage, id, named);
                    }
                }
                AnyNodeRef::ExprAttribute(attribute) if attribute.ctx.is_load() => {
                    if let Some(named) = self.member(attribute) {
                        self.used(usage, id, named);
                    }
                }
                AnyNodeRef::ExprAttribute(attribute) => self.stored(usage, id, attribute),
                AnyNodeRef::ExprStringLiteral(string) => self.string(usage, id, string),
                AnyNodeRef::ExprCall(call) => {
                    usage.calls += 1;
                    self.leaf(usage, call);
                    self.patched(usage, call);
                }
                AnyNodeRef::StmtWith(with) if !with.is_async => {
                    for item in &with.items {
                        self.object(usage, &item.context_expr, Edge::Enter);
                    }
                }
                AnyNodeRef::StmtFor(stmt) if !stmt.is_async => self.object(usage, &stmt.iter, Edge::Iterate),
                AnyNodeRef::Comprehension(part) if !part.is_async => self.object(usage, &part.iter, Edge::Iterate),
                AnyNodeRef::StmtAssign(assign) => self.stepped(usage, &assign.value),
                AnyNodeRef::ExprStarred(starred) => self.stepped(usage, &starred.value),
                AnyNodeRef::ExprYieldFrom(outer) => self.stepped(usage, &outer.value),
                AnyNodeRef::ExprCompare(compare) => {
                    compare.comparators.iter().for_each(|other| self.stepped(usage, other))
                }
                AnyNodeRef::Arguments(arguments) => {
                    arguments.args.iter().for_each(|argument| self.stepped(usage, argument))
                }
                _ => {}
            }
        }
    }

    fn named(&self, name: &ast::ExprName, id: NodeId) -> Option<Named> {
        let model = self.ctx.model;
        let scope = model.scope_of(id);
        if let Some(target) = self.mapper.named(&name.id, scope) {
            return Some(Named::Target(target));
        }
        let bindings: Vec<_> = model.resolve(&name.id, scope).collect();
        if let [binding] = bindings.as_slice()
            && let BindingKind::Parameter(_) = binding.kind
        {
            let function = model.function_of_scope(binding.scope)?;
            let index = *self.mapper.functions.get(&model.id(function))?;
            return Some(Named::Parameter(index, name.id.to_string()));
        }
        let function = bindings.iter().find_map(|binding| match binding.kind {
            BindingKind::Function(function) => Some(self.mapper.functions[&model.id(function)]),
            _ => None,
        });
        let all_functions = bindings
            .iter()
            .all(|binding| matches!(binding.kind, BindingKind::Function(_)));
        match function {
            // They turn together.
            Some(function) if all_functions => Some(Named::Target(Target::Function(function))),
            Some(_) => Some(Named::Unknown(name.id.to_string(), Unknown::Name)),
            None if bindings
                .iter()
                .any(|binding| matches!(binding.kind, BindingKind::FromImport(..) | BindingKind::Import(_))) =>
            {
                Some(Named::Unknown(name.id.to_string(), Unknown::Name))
            }
            None => None,
        }
    }

    fn member(&self, attribute: &'a ast::ExprAttribute) -> Option<Named> {
        let model = self.ctx.model;
        if model.is_sqlalchemy_chain(&attribute.value, 0) {
            return None;
        }
        if let Some(module) = self.loaded(&attribute.value) {
            return Some(member_of(module, attribute.attr.as_str()));
        }
        let expr = Expr::Attribute(attribute.clone());
        if let Some(target) = self.mapper.target(&expr, 0) {
            return Some(Named::Target(target));
        }
        if let Type::Scalar(_) | Type::Container(_) = model.type_of_receiver(&attribute.value) {
            return None;
        }
        let name = attribute.attr.to_string();
        match self.elements(&attribute.value) {
            Some(classes) => Some(Named::OneOf(
                classes
                    .into_iter()
                    .map(|class| Target::Member(Receiver::Instance(class), name.clone()))
                    .collect(),
            )),
            None => {
                let of = if self.may_be_module(&attribute.value) {
                    Unknown::OfModule
                } else {
                    Unknown::Member
                };
                Some(Named::Unknown(name, of))
            }
        }
    }

    /// The module that an expression gets by its name, `importlib.import_module("name")`, `sys.modules["name"]`, or a variable of it. The inner
    /// `None`: one of a name that is computed.
    fn loaded(&self, expr: &Expr) -> Option<Option<String>> {
        let model = self.ctx.model;
        let expr = match expr {
            Expr::Name(name) => match model.sole_binding(&name.id, model.scope_of(model.id(name)))?.kind {
                BindingKind::Assignment(value) => value,
                _ => return None,
            },
            expr => expr,
        };
        // What `__import__` gives for a dotted name is the first of its packages.
        let mut is_whole = true;
        let name = match expr {
            Expr::Call(call) => {
                is_whole = model.qualified_name(&call.func).as_deref() == Some("importlib.import_module");
                match &*call.arguments.args {
                    _ if !is_whole && !model.is_builtin(&call.func, "__import__") => return None,
                    [name] if call.arguments.keywords.is_empty() => name,
                    _ => return Some(None),
                }
            }
            Expr::Subscript(subscript) => {
                let of = model.qualified_name(&subscript.value);
                of.filter(|name| name == "sys.modules").map(|_| &*subscript.slice)?
            }
            _ => return None,
        };
        Some(match name {
            Expr::StringLiteral(name) => {
                let name = name.value.to_str();
                let is_known = !name.starts_with('.') && (is_whole || !name.contains('.'));
                is_known.then(|| name.to_owned())
            }
            _ => None,
        })
    }

    /// Whether a name is bound to several imports, or to what is chosen among imported modules.
    fn may_be_module(&self, expr: &Expr) -> bool {
        let model = self.ctx.model;
        let Expr::Name(name) = expr else { return false };
        let mut bindings = model.resolve(&name.id, model.scope_of(model.id(name)));
        bindings.any(|binding| match binding.kind {
            BindingKind::Import(_) | BindingKind::FromImport(..) => true,
            BindingKind::Assignment(Expr::Call(made))
                if model
                    .qualified_name(&made.func)
                    .is_some_and(|name| name == "importlib.import_module")
                    || model.is_builtin(&made.func, "__import__") =>
            {
                true
            }
            BindingKind::Assignment(value) => model
                .references_in(model.id(value))
                .iter()
                .any(|reference| model.imported_name(&reference.name.id, reference.scope).is_some()),
            _ => false,
        })
    }

    /// The classes of what a loop variable stands for, where the loop goes over a display of new objects.
    fn elements(&self, expr: &Expr) -> Option<Vec<ClassName>> {
        let model = self.ctx.model;
        let Expr::Name(name) = expr else { return None };
        let binding = model.sole_binding(&name.id, model.scope_of(model.id(name)))?;
        let iter = match model.node(model.parent(binding.node)) {
            AnyNodeRef::StmtFor(stmt) if stmt.target.range() == binding.range => &stmt.iter,
            AnyNodeRef::Comprehension(part) if part.target.range() == binding.range => &part.iter,
            _ => return None,
        };
        let elements = match iter {
            Expr::Tuple(tuple) => &tuple.elts,
            Expr::List(list) => &list.elts,
            _ => return None,
        };
        elements
            .iter()
            .map(|element| match element {
                Expr::Call(call) => self.mapper.class_named(&call.func),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .filter(|classes| !classes.is_empty())
    }

    /// A name or an attribute that is read.
    fn used(&self, usage: &mut Usage, id: NodeId, named: Named) {
        let model = self.ctx.model;
        let range = model.node(id).range();
        let parent = model.parent(id);
        let mut at = id;
        let how = match model.node(parent) {
            AnyNodeRef::ExprCall(call) if call.func.range() == range => {
                at = parent;
                match self.made_decorator_of(parent) {
                    Some(function) => How::Makes(function),
                    None => How::Call(self.taken(parent)),
                }
            }
            AnyNodeRef::Decorator(decorator) => match model.node(model.parent(parent)) {
                AnyNodeRef::StmtFunctionDef(function) if self.decoration(&decorator.expression) == Decoration::Own => {
                    How::Decorates(self.mapper.functions[&model.id(function)])
                }
                // It gives what takes the place of a class, or it is not followed to where it is defined.
                _ if matches!(named, Named::Target(_)) => How::Value(Sink::Other("it is used as a decorator")),
                _ => return,
            },
            // A function compares as it did, whatever calling it gives.
            AnyNodeRef::ExprCompare(_) => return,
            _ if self.is_put_in_place(id) => How::Value(Sink::Fake(range)),
            AnyNodeRef::ExprAttribute(outer) if is_of_mock(&outer.attr) => return,
            AnyNodeRef::ExprAttribute(_) => How::Value(Sink::Other("an attribute of it is read")),
            AnyNodeRef::StmtReturn(_) => How::Value(Sink::Returned),
            AnyNodeRef::StmtAssign(assign) if model.node(id).is_expr_name() => How::Value(self.assigned(assign)),
            AnyNodeRef::Arguments(_) | AnyNodeRef::Keyword(_) => How::Value(self.argument(id)),
            AnyNodeRef::ExprSubscript(subscript) if is_override(&subscript.value) => How::Value(Sink::Framework),
            _ => How::Value(Sink::Other("it is used as a value")),
        };
        let (owner, place) = self.place(at);
        let range = model.node(at).range();
        if let How::Call(Taken::Held) = how {
            self.steps(usage, parent, &named);
        }
        let is_given = match model.node(id) {
            AnyNodeRef::ExprAttribute(attribute) => self.is_given(&attribute.value),
            _ => false,
        };
        let needs = match model.node(id) {
            AnyNodeRef::ExprAttribute(attribute) => self.needed(&attribute.value),
            _ => Vec::new(),
        };
        usage.uses.push(Use {
            owner,
            needs,
            named,
            how,
            place,
            range,
            line: self.line(range),
            text: crate::module::one_line(model.slice(model.node(id).range())),
            is_dropped: model.node(model.parent(at)).is_stmt_expr(),
            is_given,
            is_of_client: matches!(model.node(id), AnyNodeRef::ExprAttribute(method) if self.is_of_client(method)),
        });
    }

    /// The function that a call's result decorates, where it is not known to be a decorator of a library.
    fn made_decorator_of(&self, call: NodeId) -> Option<usize> {
        let model = self.ctx.model;
        let decorator = model.parent(call);
        let AnyNodeRef::Decorator(found) = model.node(decorator) else {
            return None;
        };
        match model.node(model.parent(decorator)) {
            AnyNodeRef::StmtFunctionDef(function) if self.decoration(&found.expression) == Decoration::Made => {
                Some(self.mapper.functions[&model.id(function)])
            }
            _ => None,
        }
    }

    /// Where the variable is iterated over that a call is bound to.
    fn steps(&self, usage: &mut Usage, call: NodeId, named: &Named) {
        let model = self.ctx.model;
        let AnyNodeRef::StmtAssign(assign) = model.node(model.parent(call)) else {
            return;
        };
        let [Expr::Name(name)] = &*assign.targets else { return };
        for (id, taken) in self.held(name).into_iter().flatten() {
            let (owner, place) = self.place(id);
            let range = model.node(id).range();
            usage.uses.push(Use {
                owner,
                named: named.clone(),
                how: How::Step(taken),
                place,
                range,
                line: self.line(range),
                text: name.id.to_string(),
                is_dropped: false,
                is_given: false,
                is_of_client: false,
                needs: Vec::new(),
            });
        }
    }

    /// The special methods of an object that a function asks for what it is by nothing but what it does with it.
    fn needed(&self, expr: &Expr) -> Vec<String> {
        let model = self.ctx.model;
        let Expr::Name(name) = expr else { return Vec::new() };
        let scope = model.scope_of(model.id(name));
        if model.sole_binding(&name.id, scope).is_none() || model.type_of(expr) != Type::Unknown {
            return Vec::new();
        }
        let mut needs = Vec::new();
        for reference in model.references_like(name) {
            let parent = model.parent(reference.node);
            let is_first = |expr: &Expr| expr.range() == reference.name.range();
            match model.node(parent) {
                AnyNodeRef::ExprSubscript(subscript) if is_first(&subscript.value) => {
                    let method = match subscript.ctx {
                        ast::ExprContext::Store => "__setitem__",
                        ast::ExprContext::Del => "__delitem__",
                        _ => "__getitem__",
                    };
                    needs.push(method.to_owned());
                }
                // It may be asked what it is.
                AnyNodeRef::Arguments(_) => match model.node(model.parent(parent)) {
                    AnyNodeRef::ExprCall(call) if model.is_builtin(&call.func, "len") => {
                        needs.push("__len__".to_owned())
                    }
                    AnyNodeRef::ExprCall(call) if ASKING.iter().any(|name| model.is_builtin(&call.func, name)) => {
                        return Vec::new();
                    }
                    _ => {}
                },
                _ => {}
            }
            if model.ancestors(reference.node).any(|(_, node)| node.is_stmt_try()) {
                return Vec::new();
            }
        }
        needs.sort_unstable();
        needs.dedup();
        needs
    }

    /// An object that may be iterated over without a loop.
    fn stepped(&self, usage: &mut Usage, expr: &'a Expr) {
        if matches!(
            self.taken(self.ctx.model.id(expr)),
            Taken::All | Taken::Elsewhere | Taken::YieldFrom(_)
        ) {
            self.object(usage, expr, Edge::Iterate);
        }
    }

    fn object(&self, usage: &mut Usage, expr: &'a Expr, edge: Edge) {
        // What a call gives is seen with the call.
        if expr.is_call_expr() {
            return;
        }
        let Some(receiver) = self.mapper.receiver(expr, 0) else {
            return;
        };
        let id = self.ctx.model.id(expr);
        let (owner, place) = self.place(id);
        usage.uses.push(Use {
            owner,
            named: Named::Target(Target::Object(receiver)),
            how: How::Object(edge, self.taken(id)),
            place,
            range: expr.range(),
            line: self.line(expr.range()),
            text: crate::module::one_line(self.ctx.module.slice(expr)),
            is_dropped: false,
            is_given: self.is_given(expr),
            is_of_client: false,
            needs: Vec::new(),
        });
    }

    /// Whether an object is a parameter other than `self`, or an attribute of something.
    fn is_given(&self, expr: &Expr) -> bool {
        let model = self.ctx.model;
        match expr {
            Expr::Attribute(_) => !model.imported_root(expr),
            Expr::Name(name) => model.resolve(&name.id, model.scope_of(model.id(name))).any(
                |binding| matches!(binding.kind, BindingKind::Parameter(parameter) if parameter.annotation.is_some()),
            ),
            _ => false,
        }
    }

    /// A second name for a function, in a module, a class or a function.
    fn assigned(&self, assign: &ast::StmtAssign) -> Sink {
        let model = self.ctx.model;
        match &*assign.targets {
            [Expr::Subscript(subscript)] if is_override(&subscript.value) => Sink::Framework,
            [Expr::Name(name)] => {
                let scope = model.scope_of(model.id(name));
                let is_only = model.bindings_in(scope, &name.id).count() == 1;
                if is_only {
                    Sink::Alias
                } else {
                    Sink::Other("it is assigned to a name that has other values as well")
                }
            }
            _ => Sink::Other("it is stored"),
        }
    }

    fn argument(&self, id: NodeId) -> Sink {
        let model = self.ctx.model;
        let range = model.node(id).range();
        let mut keyword = None;
        let mut call = None;
        for (_, node) in model.ancestors(id) {
            match node {
                AnyNodeRef::Keyword(found) => keyword = found.arg.as_ref().map(ToString::to_string),
                AnyNodeRef::Arguments(_) => {}
                AnyNodeRef::ExprCall(found) => {
                    call = Some(found);
                    break;
                }
                _ => break,
            }
        }
        let Some(call) = call else {
            return Sink::Other("it is used as a value");
        };
        if self.is_framework(call) {
            return Sink::Framework;
        }
        let position = call
            .arguments
            .args
            .iter()
            .position(|argument| argument.range() == range);
        let is_of_pytest = || {
            let name = model.qualified_name(&call.func);
            name.is_some_and(|name| ["pytest.raises", "pytest.warns"].contains(&name.as_str()))
        };
        if position.is_some()
            && position == place_of_checked(call)
            && (plain_name(&call.func).is_some_and(|name| name.starts_with("assert")) || is_of_pytest())
            && model.node(model.parent(model.id(call))).is_stmt_expr()
        {
            return Sink::AssertRaises(call.range());
        }
        let is_open = call.arguments.args.iter().any(Expr::is_starred_expr);
        let slot = match (position, keyword) {
            (Some(position), _) if !is_open => Slot::Position(position),
            (None, Some(keyword)) => Slot::Keyword(keyword),
            _ => return Sink::Other("it is an argument among others that are not known"),
        };
        Sink::Argument {
            call: call.range(),
            callee: self.mapper.target(&call.func, 0),
            slot,
        }
    }

    fn is_framework(&self, call: &ast::ExprCall) -> bool {
        let model = self.ctx.model;
        if let Some(name) = model.qualified_name(&call.func) {
            return FRAMEWORK_CALLS.contains(&name.as_str());
        }
        let Expr::Attribute(method) = &*call.func else {
            return false;
        };
        let is_app = || model.web_app(&method.value).is_some();
        let known = match model.type_of(&method.value) {
            Type::Foreign(class) => FRAMEWORK_CALLS.contains(&format!("{class}.{}", method.attr).as_str()),
            _ => false,
        };
        known || FRAMEWORK_METHODS.contains(&method.attr.as_str()) && is_app()
    }
}

/// The place of the function among the arguments of what calls it and looks at what it raises or warns of (unittest, pytest).
pub fn place_of_checked(call: &ast::ExprCall) -> Option<usize> {
    match plain_name(&call.func)? {
        "assertRaises" | "assertWarns" if call.func.is_attribute_expr() => Some(1),
        "assertRaisesRegex" | "assertWarnsRegex" if call.func.is_attribute_expr() => Some(2),
        "raises" | "warns" => Some(1),
        _ => None,
    }
}

/// A member of a module, as far as that is known.
fn member_of(module: Option<String>, name: &str) -> Named {
    match module {
        Some(module) => Named::Target(Target::Path(format!("{module}.{name}"))),
        None => Named::Unknown(name.to_owned(), Unknown::OfModule),
    }
}

/// `app.dependency_overrides`, whose keys and values FastAPI calls as it does dependencies.
fn is_override(expr: &Expr) -> bool {
    matches!(expr, Expr::Attribute(attribute) if attribute.attr.as_str() == "dependency_overrides")
}
