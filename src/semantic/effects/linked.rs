//! Effects over several files: what a function leaves to the project to find out, and what the project has found out.

use std::collections::BTreeMap;

use ruff_python_ast::{self as ast, Expr};
use ruff_text_size::TextSize;
use serde::{Deserialize, Serialize};

use super::given::{Arguments, Code, Given, Run};
use super::walk::Walker;
use super::{Location, Root, Summary, is_visible_outside};
use crate::module::one_line;
use crate::semantic::{NodeId, SemanticModel};
use crate::settings::Settings;

/// What running a function does, calls of other functions aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    pub code: Code,
    pub own: Summary,
    pub calls: Vec<(NodeId, Pending)>,
    /// Where the first thing stands that is not understood, and the first that is doubtful.
    pub unknown_at: Option<TextSize>,
    pub doubt_at: Option<TextSize>,
}

/// A call, or the reading of an attribute, that may run a function of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub arguments: Arguments,
    pub run: Run,
    /// What it does when it is none.
    pub otherwise: Summary,
}

/// What the project says of the calls of one file.
#[derive(Clone, Debug, Default)]
pub struct Elsewhere {
    /// By the qualified name of the function around a call, and its callee as written.
    pub calls: BTreeMap<(String, String), Vec<Known>>,
    /// Those that make a coroutine, with the place of the coroutine function.
    pub coroutines: BTreeMap<(String, String), String>,
}

impl Elsewhere {
    /// Whether some call is known to wait and to change nothing.
    pub fn may_overlap(&self) -> bool {
        self.calls.values().flatten().any(|known| {
            let effects = &known.effects;
            effects.suspends && effects.unknown.is_none() && effects.is_read_only()
        })
    }
}

/// What a call runs, linked.
#[derive(Clone, Debug)]
pub struct Known {
    /// `None` where it is not certain which function it is.
    pub code: Option<Code>,
    pub effects: Summary,
    /// Where it is defined: `client.py:41`.
    pub place: String,
    pub run: Run,
    /// Whether it is a method that is called through its class.
    pub is_unbound: bool,
}

impl Known {
    /// Something of the project, and it is not certain what.
    pub fn uncertain(reason: String) -> Self {
        let mut effects = Summary {
            suspends: true,
            ..Summary::default()
        };
        effects.give_up(reason);
        Self {
            code: None,
            effects,
            place: String::new(),
            run: Run::Read,
            is_unbound: false,
        }
    }

    /// Its name, and where it is defined.
    pub fn placed(&self) -> Option<String> {
        let code = self.code.as_ref()?;
        Some(format!("`{}` ({})", code.name, self.place))
    }

    pub(super) fn run(&self, arguments: &Arguments, awaited: bool, to: &mut Summary) {
        let run = match self.run {
            Run::Call { .. } => Run::Call { awaited },
            other => other,
        };
        match &self.code {
            Some(code) => code.run(&self.effects, arguments, run, self.is_unbound, to),
            None => to.absorb(&self.effects),
        }
    }
}

impl Code {
    /// Adds what running it does, called through its class or through an object.
    pub fn run(&self, effects: &Summary, arguments: &Arguments, run: Run, is_unbound: bool, to: &mut Summary) {
        if is_unbound && self.takes_object() {
            let mut plain = arguments.clone();
            plain.object = None;
            to.run(self, effects, &plain, run);
        } else {
            to.run(self, effects, arguments, run);
        }
    }
}

impl Summary {
    /// Adds what something else does.
    pub fn absorb(&mut self, other: &Summary) {
        self.merge_flags(other);
        self.reads.extend(other.reads.iter().cloned());
        self.writes.extend(other.writes.iter().cloned());
        self.scalar_parameters.extend(&other.scalar_parameters);
        self.builtin_parameters.extend(&other.builtin_parameters);
        self.parameter_calls.extend(other.parameter_calls.iter().cloned());
    }

    /// A call whose callee does nothing reads what it is given.
    pub fn reads_arguments(&mut self, arguments: &Arguments) {
        let by_name = arguments.keywords.iter().map(|(_, given)| given);
        for given in arguments.object.iter().chain(&arguments.positional).chain(by_name) {
            self.touch(given, false);
        }
    }

    /// Says where the first thing stands that is not understood, or doubtful.
    pub fn locate(&mut self, unknown: Option<&str>, doubt: Option<&str>) {
        for (reason, place) in [(&mut self.unknown, unknown), (&mut self.doubt, doubt)] {
            if let (Some(reason), Some(place)) = (reason, place) {
                *reason = format!("{reason} ({place})");
            }
        }
    }

    /// The attributes of instances that it reads, with the names of their classes.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.reads.iter().chain(&self.writes);
        all.filter_map(|location| match location {
            Location::Attribute { class, name } | Location::Content(Root::Attribute { class, name }) => {
                Some((class.as_str(), name.as_str()))
            }
            _ => None,
        })
    }

    /// Tells the variables of one module from those of others.
    #[must_use]
    pub fn of_module(mut self, module: &str) -> Self {
        for locations in [&mut self.reads, &mut self.writes] {
            *locations = std::mem::take(locations)
                .into_iter()
                .map(|location| match location {
                    Location::Global(name) => Location::Global(format!("{module}.{name}")),
                    Location::Free(_, name) => Location::Global(format!("{module}.{name}")),
                    Location::Content(root) => Location::Content(root.of_module(module)),
                    other => other,
                })
                .collect();
        }
        self
    }
}

impl Root {
    fn of_module(self, module: &str) -> Self {
        match self {
            Root::Global(name) | Root::Free(_, name) => Root::Global(format!("{module}.{name}")),
            other => other,
        }
    }
}

impl Pending {
    /// Tells the variables of one module from those of others.
    #[must_use]
    pub fn of_module(mut self, module: &str) -> Self {
        self.otherwise = self.otherwise.of_module(module);
        let arguments = &mut self.arguments;
        let all = arguments.object.iter_mut().chain(&mut arguments.positional);
        for given in all.chain(arguments.keywords.iter_mut().map(|(_, given)| given)) {
            given.roots = std::mem::take(&mut given.roots)
                .into_iter()
                .map(|root| root.of_module(module))
                .collect();
        }
        self
    }

    /// What a function makes for itself is nobody else's.
    fn seen_from_outside(mut self) -> Self {
        let arguments = &mut self.arguments;
        let all = arguments.object.iter_mut().chain(&mut arguments.positional);
        for given in all.chain(arguments.keywords.iter_mut().map(|(_, given)| given)) {
            given.forget_what_is_made();
        }
        self.otherwise.forget_what_is_made();
        self
    }
}

impl Given {
    fn forget_what_is_made(&mut self) {
        self.roots.retain(|root| !matches!(root, Root::Made(_)));
    }
}

impl Summary {
    pub(super) fn forget_what_is_made(&mut self) {
        self.reads.retain(is_visible_outside);
        self.writes.retain(is_visible_outside);
    }
}

impl<'a> SemanticModel<'a> {
    /// What running a function does, with the calls that the project is to resolve left open.
    pub fn mapped(&self, function: &'a ast::StmtFunctionDef, settings: &Settings) -> Mapped {
        let mut walker = Walker::new(self, settings, Some(function));
        walker.whole = true;
        walker.pending = Some(Vec::new());
        for stmt in &function.body {
            walker.walk(self.id(stmt));
        }
        let Walker {
            summary: mut own,
            pending,
            unknown_at,
            doubt_at,
            ..
        } = walker;
        if self.is_generator(function) {
            own.give_up(format!("`{}` is a generator", function.name));
        }
        own.forget_what_is_made();
        let calls = pending.unwrap_or_default().into_iter();
        Mapped {
            code: self.code_of(function, settings),
            own,
            calls: calls.map(|(id, call)| (id, call.seen_from_outside())).collect(),
            unknown_at,
            doubt_at,
        }
    }

    /// Where the coroutine function of another file stands that a callee is certain to be: `client.py:41`.
    pub fn coroutine_elsewhere(&self, callee: &Expr) -> Option<&str> {
        let elsewhere = self.elsewhere.as_ref().filter(|known| !known.coroutines.is_empty())?;
        let place = elsewhere
            .coroutines
            .get(&(self.around(self.id(callee)), self.written(callee)))?;
        Some(place)
    }

    /// The qualified name of the function around a node.
    fn around(&self, id: NodeId) -> String {
        let function = self.enclosing_function(id);
        function.map_or_else(String::new, |function| self.qualname(&function.name, self.id(function)))
    }

    /// What the project says of a call.
    pub fn elsewhere(&self, call: &ast::ExprCall) -> &[Known] {
        let Some(elsewhere) = self.elsewhere.as_ref().filter(|known| !known.calls.is_empty()) else {
            return &[];
        };
        let around = self.around(self.id(call));
        let known = elsewhere.calls.get(&(around, self.written(&call.func)));
        known.map_or(&[], Vec::as_slice)
    }

    /// An expression on one line, as [`Elsewhere`] knows it.
    pub fn written(&self, expr: &Expr) -> String {
        one_line(self.slice(expr))
    }
}
