//! What a caller knows of an object, as plain data: enough to say what a callee does to it without having the code of both at hand.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::tables::{MUTATORS, VALUE_CLASSES, is_lock, is_log_call};
use super::{Location, Outside, ParameterCall, Root, Summary};
use crate::knowledge::{self, Verb};
use crate::module::one_line;
use crate::settings::Receiver;

/// An object where it is used or passed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    pub(super) kind: Kind,
    /// Where it may come from; nowhere, if it is a builtin scalar.
    pub(super) roots: BTreeSet<Root>,
    /// As written, and what the name stands for.
    pub(super) text: String,
    /// What the configuration says of it.
    pub(super) declared: Option<Receiver>,
    /// The parameter of the function looked at that it is, when its class is for the callers to know.
    pub(super) parameter: Option<usize>,
    /// It came from a method of an object, of which is told where that is called.
    pub(super) is_made_by_receiver: bool,
    /// What must hold for an operator on it to be without effect, and for a loop or an index.
    pub(super) as_scalar: Demand,
    pub(super) as_builtin: Demand,
}

/// What is known of the class of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    #[default]
    Unknown,
    Scalar,
    Container,
    /// Of a class of the caller's module.
    Instance,
    Foreign(String),
    /// Nobody else has it: `self` of a constructor. Or a class, which is not looked into.
    New,
    /// The default of a parameter: made once, with the function, and shared by all calls.
    Default,
}

/// Under which conditions an operation does nothing but give a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Demand {
    /// These parameters of the function looked at must be builtin values.
    pub(super) parameters: BTreeSet<usize>,
    /// Why it may do more.
    pub(super) doubt: Option<String>,
    /// Each element is given once.
    pub(super) uses_up: bool,
}

impl Demand {
    pub(super) fn of_parameter(index: usize) -> Self {
        Self {
            parameters: BTreeSet::from([index]),
            ..Self::default()
        }
    }

    pub(super) fn doubtful(doubt: String) -> Self {
        Self {
            doubt: Some(doubt),
            ..Self::default()
        }
    }
}

impl Given {
    /// An object that nobody else has, or a class.
    pub(super) fn new_object() -> Self {
        Self {
            kind: Kind::New,
            ..Self::default()
        }
    }

    /// The first parameter of the method looked at.
    pub(super) fn own_object() -> Self {
        Self {
            kind: Kind::Instance,
            roots: BTreeSet::from([Root::Parameter(0)]),
            ..Self::default()
        }
    }

    /// Whether it says more of itself than the name of the parameter that it is passed to.
    fn is_known_receiver(&self) -> bool {
        self.declared.is_some() || self.kind != Kind::Unknown || self.parameter.is_some()
    }
}

/// What the code of a function says about calls of it, besides what running it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    pub name: String,
    pub is_async: bool,
    /// A property, and nothing else.
    pub is_property: bool,
    /// By something that may change what a call does.
    pub(super) is_decorated: bool,
    pub(super) binds: Binds,
    pub(super) signature: Signature,
    /// By the position of the parameter.
    pub(super) defaults: BTreeMap<usize, Given>,
    /// What is declared under the names of its parameters.
    pub(super) declared: BTreeMap<usize, Receiver>,
}

impl Code {
    pub(super) fn takes_object(&self) -> bool {
        self.binds == Binds::Object
    }
}

/// What a call through an object binds to the first parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Binds {
    Nothing,
    Object,
    Class,
}

/// The parameters of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Signature {
    /// How many may be given by position only.
    pub(super) positional_only: usize,
    /// How many may be given by position.
    pub(super) positional: usize,
    /// All names, and whether there is a default.
    pub(super) parameters: Vec<(String, bool)>,
    /// It takes `*args` or `**kwargs`.
    pub(super) is_variadic: bool,
}

/// What a parameter gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The argument at this position, of those by position.
    Positional(usize),
    /// The argument at this position, of those by name.
    Keyword(usize),
    Default,
}

impl Signature {
    /// What each parameter gets from so many arguments by position and from those by name; `None` where they do not fit.
    pub(super) fn bind(&self, positional: usize, keywords: &[&str]) -> Option<BTreeMap<usize, Slot>> {
        if positional > self.positional {
            return None;
        }
        let mut bound: BTreeMap<usize, Slot> = (0..positional).map(|index| (index, Slot::Positional(index))).collect();
        for (position, keyword) in keywords.iter().enumerate() {
            let index = self
                .parameters
                .iter()
                .position(|(name, _)| name == keyword)
                .filter(|index| *index >= self.positional_only)?;
            if bound.insert(index, Slot::Keyword(position)).is_some() {
                return None;
            }
        }
        for (index, (_, has_default)) in self.parameters.iter().enumerate() {
            if *has_default {
                bound.entry(index).or_insert(Slot::Default);
            } else if !bound.contains_key(&index) {
                return None;
            }
        }
        Some(bound)
    }
}

/// What a call passes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arguments {
    /// The object through which it is called.
    pub(super) object: Option<Given>,
    pub(super) positional: Vec<Given>,
    pub(super) keywords: Vec<(String, Given)>,
    /// With `*` or `**`.
    pub(super) is_spread: bool,
}

impl Arguments {
    pub(super) fn of_object(object: Given) -> Self {
        Self {
            object: Some(object),
            ..Self::default()
        }
    }

    /// What each parameter gets, or why that is not known. `first` goes to the first one.
    fn bind(&self, code: &Code, first: Option<Given>) -> Result<BTreeMap<usize, Given>, String> {
        if self.is_spread || code.signature.is_variadic {
            return Err(format!("the arguments of `{}` are spread", code.name));
        }
        let names: Vec<&str> = self.keywords.iter().map(|(name, _)| name.as_str()).collect();
        let positional: Vec<&Given> = first.iter().chain(&self.positional).collect();
        let bound = code.signature.bind(positional.len(), &names);
        let bound = bound.ok_or_else(|| format!("`{}` does not take these arguments", code.name))?;
        let given = bound.into_iter().filter_map(|(index, slot)| {
            let given = match slot {
                Slot::Positional(position) => positional[position],
                Slot::Keyword(position) => &self.keywords[position].1,
                Slot::Default => code.defaults.get(&index)?,
            };
            Some((index, given.clone()))
        });
        Ok(given.collect())
    }
}

/// How a function comes to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Run {
    Call {
        awaited: bool,
    },
    /// As the constructor of an object that nobody else has yet.
    Construction,
    /// As a property.
    Read,
}

impl Summary {
    /// Adds what running a function does.
    pub fn run(&mut self, code: &Code, effects: &Summary, arguments: &Arguments, run: Run) {
        let first = match run {
            Run::Read => {
                let passed = arguments.object.iter().map(|object| (0, object.clone())).collect();
                return self.compose(code, effects, &passed);
            }
            Run::Construction => Some(Given::new_object()),
            Run::Call { awaited } => {
                if code.is_decorated {
                    return self.give_up(format!("`{}` is decorated", code.name));
                }
                if code.is_async && !awaited {
                    let name = &code.name;
                    return self.give_up(format!("a coroutine of `{name}` is made and not awaited at once"));
                }
                match (code.binds, &arguments.object) {
                    (Binds::Object, Some(object)) => Some(object.clone()),
                    (Binds::Class, Some(_)) => Some(Given::new_object()),
                    _ => None,
                }
            }
        };
        match arguments.bind(code, first) {
            Ok(passed) => self.compose(code, effects, &passed),
            Err(reason) => {
                self.merge_flags(effects);
                self.give_up(reason);
            }
        }
    }

    /// Adds what running a function does that is handed to something else, which calls it with what is not known here.
    pub(super) fn call_back(&mut self, name: &str, effects: &Summary) {
        self.merge_flags(effects);
        for (locations, write) in [(&effects.reads, false), (&effects.writes, true)] {
            for location in locations {
                match location {
                    Location::Content(Root::Parameter(_)) | Location::Receiver(_) => {
                        self.insert(Location::Content(Root::Anything), write);
                    }
                    other => self.insert(other.clone(), write),
                }
            }
        }
        if !effects.parameter_calls.is_empty() {
            self.give_up(format!("it is not known with what `{name}` is called"));
        }
        if !effects.scalar_parameters.is_empty() || !effects.builtin_parameters.is_empty() {
            self.doubt(format!("it is not known with what `{name}` is called"));
        }
    }

    /// Adds a callee's summary with its parameters replaced by what is passed.
    fn compose(&mut self, code: &Code, callee: &Summary, passed: &BTreeMap<usize, Given>) {
        self.merge_flags(callee);
        for (locations, write) in [(&callee.reads, false), (&callee.writes, true)] {
            for location in locations {
                match location {
                    Location::Content(Root::Parameter(index)) => {
                        if let Some(given) = passed.get(index) {
                            self.touch(given, write);
                        }
                    }
                    Location::Receiver(index) => {
                        let location = receiver(passed.get(index), &code.name);
                        self.insert(location, write);
                    }
                    other => self.insert(other.clone(), write),
                }
            }
        }
        for index in &callee.scalar_parameters {
            if let Some(given) = passed.get(index) {
                self.demand_scalar(&given.as_scalar);
            }
        }
        for index in &callee.builtin_parameters {
            if let Some(given) = passed.get(index) {
                if given.as_builtin.uses_up {
                    self.touch(given, true);
                }
                self.demand_builtin(&given.as_builtin);
            }
        }
        for ParameterCall {
            parameter,
            method,
            awaited,
        } in &callee.parameter_calls
        {
            let name = &code.name;
            match passed.get(parameter) {
                None => self.give_up(format!("`{name}` calls `.{method}` on a class")),
                Some(given) => match (&given.kind, code.declared.get(parameter)) {
                    (Kind::New, _) => self.give_up(format!("`{name}` calls `.{method}` on a class")),
                    (Kind::Default, _) => {
                        self.touch(given, true);
                        self.give_up(format!("`{name}` calls `.{method}` on the default of a parameter"));
                    }
                    (_, Some(declared)) if !given.is_known_receiver() => self.declared_method(declared, method),
                    _ => self.method_on(given, method, *awaited),
                },
            }
        }
    }

    pub(super) fn insert(&mut self, location: Location, write: bool) {
        if write {
            self.writes.insert(location);
        } else {
            self.reads.insert(location);
        }
    }

    /// Reads or writes the objects that one may be.
    pub(super) fn touch(&mut self, given: &Given, write: bool) {
        for root in &given.roots {
            self.insert(Location::Content(root.clone()), write);
        }
    }

    pub(super) fn demand_scalar(&mut self, demand: &Demand) {
        self.scalar_parameters.extend(&demand.parameters);
        if let Some(doubt) = &demand.doubt {
            self.doubt(doubt.clone());
        }
    }

    pub(super) fn demand_builtin(&mut self, demand: &Demand) {
        self.builtin_parameters.extend(&demand.parameters);
        if let Some(doubt) = &demand.doubt {
            self.doubt(doubt.clone());
        }
    }

    pub(super) fn declared_method(&mut self, receiver: &Receiver, method: &str) {
        let location = Location::External(Outside::Receiver, receiver.name.clone());
        self.suspends = true;
        if !receiver.shareable {
            self.exclusive.get_or_insert_with(|| receiver.name.clone());
        }
        if receiver.reads.iter().any(|read| read == method) {
            self.reads.insert(location);
        } else if receiver.writes.iter().any(|write| write == method) {
            self.writes.insert(location);
        } else {
            self.give_up(format!(
                "`{}.{method}` is not among the declared methods",
                receiver.name
            ));
        }
    }

    /// A method is called on an object; its arguments are the caller's to look at.
    pub(super) fn method_on(&mut self, given: &Given, method: &str, awaited: bool) {
        if let (Some(declared), None) = (&given.declared, given.parameter) {
            return self.declared_method(&declared.clone(), method);
        }
        match &given.kind {
            Kind::Scalar => {}
            Kind::Container => self.touch(given, MUTATORS.contains(&method)),
            Kind::Foreign(class) => self.foreign_method(given, method, class, awaited),
            _ => match given.parameter {
                Some(parameter) => {
                    self.parameter_calls.insert(ParameterCall {
                        parameter,
                        method: method.to_owned(),
                        awaited,
                    });
                }
                None => self.unknown_method(given, method, awaited),
            },
        }
    }

    fn foreign_method(&mut self, given: &Given, method: &str, class: &str, awaited: bool) {
        let written = given.text.as_str();
        if class == "contextvars.ContextVar" {
            if method == "get" {
                let context = Location::External(Outside::Context, written.to_owned());
                self.reads.insert(context);
            } else {
                self.sets_context = true;
            }
            return;
        }
        if VALUE_CLASSES.contains(&class) {
            return;
        }
        if class.starts_with("logging.") {
            return self.doubt("it writes to the log");
        }
        if is_lock(class) {
            return self.uses_lock(written);
        }
        let Some(facts) = knowledge::class_facts(class) else {
            return self.unknown_method(given, method, awaited);
        };
        self.suspends = true;
        let location = match given.parameter {
            Some(index) => Location::Receiver(index),
            None => Location::External(Outside::Receiver, written.to_owned()),
        };
        if !facts.shareable {
            let class = class.rsplit('.').next().unwrap_or(class);
            self.exclusive.get_or_insert_with(|| format!("{written}: {class}"));
        }
        if facts.reads.iter().any(|read| read == method) {
            self.reads.insert(location);
            self.doubt(format!("`{written}`, a {class}, reads from outside the program"));
        } else {
            self.writes.insert(location);
        }
    }

    pub(super) fn uses_lock(&mut self, written: &str) {
        self.writes
            .insert(Location::External(Outside::Lock, written.to_owned()));
        self.suspends = true;
    }

    fn unknown_method(&mut self, given: &Given, method: &str, awaited: bool) {
        if !awaited && MUTATORS.contains(&method) && !is_log_call(&given.text, method) {
            self.touch(given, true);
        }
        if given.is_made_by_receiver && REPLY_METHODS.contains(&method) {
            self.suspends |= awaited;
            self.doubt(format!(
                "`{}.{method}` is taken to do no more than read the reply",
                one_line(&given.text)
            ));
        } else if given.is_made_by_receiver {
            self.unknown_call(&given.text, method);
        } else {
            self.unknown_receiver(&given.text, method);
        }
    }

    pub(super) fn unknown_receiver(&mut self, receiver: &str, method: &str) {
        if !is_log_call(receiver, method) {
            self.receivers.insert(receiver.to_owned());
        }
        self.unknown_call(receiver, method);
    }

    fn unknown_call(&mut self, receiver: &str, method: &str) {
        if is_log_call(receiver, method) {
            return self.doubt("it writes to the log");
        }
        self.suspends = true;
        if receiver.split('.').any(knowledge::is_exclusive_name) {
            self.exclusive.get_or_insert_with(|| receiver.to_owned());
        }
        self.may_write(method);
        self.give_up(format!("`{}.{method}` is not known here", one_line(receiver)));
    }

    /// A callee that is not known, and whose name says that it writes.
    pub(super) fn may_write(&mut self, name: &str) {
        let last = name.rsplit('.').next().unwrap_or(name);
        if knowledge::verb_of(last) == Verb::Write {
            self.writes
                .insert(Location::External(Outside::Anywhere, last.to_owned()));
        }
    }
}

/// Methods that the replies of HTTP clients have, and that read what has come.
const REPLY_METHODS: &[&str] = &["json", "raise_for_status"];

/// The receiver that a callee gets as a parameter, in the caller's words.
fn receiver(given: Option<&Given>, callee: &str) -> Location {
    let name = match given {
        Some(given) if let Some(index) = given.parameter => return Location::Receiver(index),
        Some(given) if !given.text.is_empty() => given.text.clone(),
        _ => format!("{callee}()"),
    };
    Location::External(Outside::Receiver, name)
}
