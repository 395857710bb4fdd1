//! What running a function reads and writes, as far as this module tells: the facts behind "these two may run at once".
//!
//! A summary is composed over calls. Whatever is not understood makes it `unknown` (nothing follows from it) or leaves a `doubt`
//! (only a property, an operator or a `__format__` of a class that is not known could make it false).

mod calls;
pub mod given;
mod implicit;
pub mod linked;
mod roots;
mod tables;
mod walk;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use ruff_python_ast::{self as ast, Expr};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

pub(crate) use self::tables::{MUTATORS, is_builtin_exception, is_log_call};
use self::walk::Walker;
use super::types::{Type, TypeOracle};
use super::{BindingKind, NodeId, ScopeId, SemanticModel};
use crate::settings::{Receiver, Settings};

/// A place in memory or in the outside world.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Location {
    /// A module-level variable.
    Global(String),
    /// A variable of an enclosing function.
    Free(ScopeId, String),
    /// An attribute of the instances of a class of this module.
    Attribute { class: String, name: String },
    /// The object behind a root.
    Content(Root),
    /// Something outside of the program's objects, or shared by all of it, and its name where there are several.
    External(Outside, String),
    /// The receiver that is passed in as this parameter of the function looked at.
    Receiver(usize),
}

/// What is outside of the program's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outside {
    /// What an object reaches that is declared, or whose class is known: a server, a database.
    Receiver,
    /// Whatever a callee that is not known may write to.
    Anywhere,
    Stdout,
    Random,
    Clock,
    Context,
    Lock,
}

/// Where an object comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Root {
    /// Made at this place of the code.
    Made(NodeId),
    /// Passed in as this parameter of the function looked at.
    Parameter(usize),
    Global(String),
    Free(ScopeId, String),
    Attribute {
        class: String,
        name: String,
    },
    /// It may be any object.
    Anything,
}

/// What running a function, or a piece of one, does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub reads: BTreeSet<Location>,
    pub writes: BTreeSet<Location>,
    /// The first thing that is not understood; nothing can be concluded then.
    pub unknown: Option<String>,
    /// The first operation that is harmless unless a class that is not known defines it otherwise.
    pub doubt: Option<String>,
    /// It reaches an `await` of something that really waits.
    pub suspends: bool,
    /// It sets a context variable: lost when it runs in a task of its own.
    pub sets_context: bool,
    /// It asks which task it runs in.
    pub uses_task: bool,
    /// It leaves a task behind.
    pub spawns: bool,
    /// It may wait while it is being cancelled: for a clean-up in `finally` or in a handler.
    pub lingers: bool,
    /// It may answer a cancellation with a value, or with another error.
    pub answers_cancellation: bool,
    /// It may raise what ends the program: in a task of its own, that comes out of the event loop.
    pub exits: bool,
    /// It uses something that only one task may use at a time: the name of it.
    pub exclusive: Option<String>,
    /// Objects of unknown class whose methods it calls, as written (`db`, `self.repo`).
    pub receivers: BTreeSet<String>,
    /// Classes of other modules whose objects it tests for truth, by their qualified names: only the project knows whether that runs code.
    pub tested: BTreeSet<String>,
    /// Parameters to which operators, f-strings or `str()` are applied: without effect only on builtin scalars.
    scalar_parameters: BTreeSet<usize>,
    /// Parameters that are iterated, indexed or measured: without effect only on builtin values.
    builtin_parameters: BTreeSet<usize>,
    /// Methods called on parameters.
    parameter_calls: BTreeSet<ParameterCall>,
}

/// A method called on a parameter whose class the callee does not tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct ParameterCall {
    parameter: usize,
    method: String,
    awaited: bool,
}

/// Calls nested deeper than this are not followed.
const MAX_DEPTH: usize = 40;

impl Summary {
    pub fn give_up(&mut self, reason: impl Into<String>) {
        self.unknown.get_or_insert_with(|| reason.into());
    }

    pub fn doubt(&mut self, reason: impl Into<String>) {
        self.doubt.get_or_insert_with(|| reason.into());
    }

    fn merge_flags(&mut self, other: &Summary) {
        if let Some(reason) = &other.unknown {
            self.give_up(reason.clone());
        }
        if let Some(reason) = &other.doubt {
            self.doubt(reason.clone());
        }
        if self.exclusive.is_none() {
            self.exclusive.clone_from(&other.exclusive);
        }
        self.suspends |= other.suspends;
        self.sets_context |= other.sets_context;
        self.uses_task |= other.uses_task;
        self.spawns |= other.spawns;
        self.lingers |= other.lingers;
        self.answers_cancellation |= other.answers_cancellation;
        self.exits |= other.exits;
        self.receivers.extend(other.receivers.iter().cloned());
    }

    /// The first location that `self` may write and `other` may read or write, in either direction.
    pub fn conflict<'s>(&'s self, other: &'s Summary) -> Option<&'s Location> {
        let hits = |writes: &'s BTreeSet<Location>, touched: &BTreeSet<Location>| {
            writes
                .iter()
                .find(|write| touched.iter().any(|touch| overlap(write, touch)))
        };
        hits(&self.writes, &other.writes)
            .or_else(|| hits(&self.writes, &other.reads))
            .or_else(|| hits(&other.writes, &self.reads))
    }

    /// Whether it asks for the time.
    pub fn reads_clock(&self) -> bool {
        self.reads.contains(&Location::External(Outside::Clock, String::new()))
    }

    /// Whether it may write something that other code can see.
    pub fn is_read_only(&self) -> bool {
        self.writes.is_empty()
    }
}

fn overlap(one: &Location, other: &Location) -> bool {
    match (one, other) {
        (Location::Content(Root::Anything), Location::Content(_))
        | (Location::Content(_), Location::Content(Root::Anything)) => true,
        _ => one == other,
    }
}

/// Summaries already made, by function.
#[derive(Default)]
pub struct Cache<'a> {
    done: RefCell<FxHashMap<NodeId, Rc<Summary>>>,
    open: RefCell<Vec<NodeId>>,
    marker: std::marker::PhantomData<&'a ()>,
}

impl<'a> SemanticModel<'a> {
    /// What running the body of a function does. Writes to its own locals do not count.
    pub fn effects_of(&self, function: &'a ast::StmtFunctionDef, settings: &Settings) -> Rc<Summary> {
        let id = self.id(function);
        if let Some(done) = self.effects.done.borrow().get(&id) {
            return done.clone();
        }
        if self.effects.open.borrow().contains(&id) {
            let mut summary = Summary::default();
            summary.give_up(format!("`{}` calls itself", function.name));
            return Rc::new(summary);
        }
        if self.effects.open.borrow().len() >= MAX_DEPTH {
            let mut summary = Summary::default();
            summary.give_up(format!("the calls behind `{}` go too deep", function.name));
            return Rc::new(summary);
        }
        self.effects.open.borrow_mut().push(id);
        let mut walker = Walker::new(self, settings, Some(function));
        walker.whole = true;
        for stmt in &function.body {
            walker.walk(self.id(stmt));
        }
        let mut summary = walker.summary;
        if self.is_generator(function) {
            summary.give_up(format!("`{}` is a generator", function.name));
        }
        summary.forget_what_is_made();
        let summary = Rc::new(summary);
        self.effects.open.borrow_mut().pop();
        self.effects.done.borrow_mut().insert(id, summary.clone());
        summary
    }

    /// What evaluating and awaiting one call does, seen from the function that it stands in.
    pub fn effects_of_call(&self, call: &'a ast::ExprCall, settings: &Settings) -> Summary {
        let mut walker = Walker::new(self, settings, self.enclosing_function(self.id(call)));
        walker.awaited = Some(self.id(call));
        walker.walk(self.id(call));
        walker.settle();
        walker.summary
    }

    /// What evaluating one expression does.
    pub fn effects_of_expr(&self, expr: &'a Expr, settings: &Settings) -> Summary {
        let mut walker = Walker::new(self, settings, self.enclosing_function(self.id(expr)));
        walker.walk(self.id(expr));
        walker.settle();
        walker.summary
    }

    /// What the configuration declares about an object, by the way it is written or by its class.
    pub fn declared<'s>(&self, receiver: &Expr, settings: &'s Settings) -> Option<&'s Receiver> {
        if settings.receivers.is_empty() {
            return None;
        }
        let class = match self.type_of(receiver) {
            Type::Foreign(name) => Some(name),
            Type::Instance(class) => Some(class.name.to_string()),
            _ => None,
        };
        let of_class = |declared: &&Receiver| {
            let is_it = |class: &String| declared.name == *class || declared.name.rsplit('.').next() == Some(class);
            class.as_ref().is_some_and(is_it)
        };
        // What a name stands for goes before the name.
        declared_as(settings, self.slice(self.unaliased(receiver)))
            .or_else(|| settings.receivers.iter().find(of_class))
            .or_else(|| declared_as(settings, self.slice(receiver)))
    }

    /// The path that a name is another name for: `self.db` after `db = self.db`. The expression itself when it is none.
    pub fn unaliased<'e>(&self, expr: &'e Expr) -> &'e Expr
    where
        'a: 'e,
    {
        let mut at = expr;
        for _ in 0..8 {
            let Expr::Name(name) = at else { break };
            let Some(binding) = self.sole_binding(&name.id, self.scope_of(self.id(name))) else {
                break;
            };
            match binding.kind {
                BindingKind::Assignment(value) if value.is_name_expr() || value.is_attribute_expr() => at = value,
                _ => break,
            }
        }
        at
    }
}

/// The receiver that is declared under this name.
fn declared_as<'s>(settings: &'s Settings, name: &str) -> Option<&'s Receiver> {
    settings.receivers.iter().find(|declared| declared.name == name)
}

/// A function's own new objects are nobody else's, whatever it does to them.
fn is_visible_outside(location: &Location) -> bool {
    !matches!(location, Location::Content(Root::Made(_)))
}

#[cfg(test)]
mod tests {
    use ruff_python_ast::PythonVersion;

    use super::*;
    use crate::module::Module;
    use crate::source::Source;

    /// The effects of the last function of a module.
    #[track_caller]
    fn check(text: &str, is_as_expected: impl Fn(&Summary) -> bool) {
        let module = Module::parse(&Source::module(text), PythonVersion::PY313).expect("it parses");
        let model = SemanticModel::build(&module);
        let function = model.functions().last().expect("a function");
        let summary = model.effects_of(function, &Settings::default());
        assert!(is_as_expected(&summary), "{text}\n{summary:?}");
    }

    #[test]
    fn what_is_passed_stands_for_the_parameter() {
        let append = "def note(items, x):\n    items.append(x)\n";
        let own = "async def f():\n    items = []\n    note(items, 1)\n    return items\n";
        check(&format!("{append}{own}"), |summary| {
            summary.is_read_only() && summary.unknown.is_none()
        });
        let given = "async def f(items: list):\n    note(x=1, items=items)\n";
        check(&format!("{append}{given}"), |summary| {
            summary.writes.contains(&Location::Content(Root::Parameter(0)))
        });
        let default = "def note(x, items=[]):\n    items.append(x)\nasync def f():\n    note(1)\n";
        check(default, |summary| {
            summary.writes.contains(&Location::Content(Root::Anything))
        });
    }

    #[test]
    fn what_is_not_known_is_said() {
        check("async def f(x):\n    x.y()\n    g()\n", |summary| {
            summary.unknown.is_some()
        });
        check("def g(x): ...\nasync def f():\n    g()\n", |summary| {
            summary.unknown.as_deref() == Some("`g` does not take these arguments")
        });
        let chain: String = (0..200)
            .rev()
            .map(|number| format!("def f{number}():\n    f{}()\n", number + 1))
            .collect();
        check(&format!("{chain}def g():\n    f0()\n"), |summary| {
            summary.unknown.is_some()
        });
    }
}
