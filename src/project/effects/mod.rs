//! What running a function does, over all files: the facts behind "these two awaits may run at once" where the callee stands in another file.
//!
//! Each file says what its functions do by themselves and which calls they leave open ([`map`], plain data). The link resolves those calls and
//! composes by the same rules as one module does ([`crate::semantic::effects`]), until nothing changes: functions that call each other come
//! to rest together. A method stands for all that override it in the project, and nothing is certain of a name in whose place any file of the
//! project that was looked at puts something else.

pub mod map;

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use super::modules::ModuleId;
use super::resolve::{ClassId, Found, FunctionId, Linker};
use super::summary::{ClassName, Edge, Meaning, Receiver, Target};
use crate::semantic::effects::Summary;
use crate::semantic::effects::given::{Code, Run};
use crate::semantic::effects::linked::{Elsewhere, Known, Pending};

/// What one file says of the effects of its functions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Effects {
    /// One for each function of the summary; none for the body of the module.
    pub functions: Vec<Option<FunctionEffects>>,
    /// One for each class of the summary.
    pub classes: Vec<Shape>,
    /// The names of members in whose place the file may put something else, with the line.
    pub replaced: BTreeMap<String, usize>,
    /// The modules in whose place it puts something else, with the line.
    pub replaced_modules: BTreeMap<String, usize>,
    /// The line that gives modules or classes members by computed names.
    pub instruments: Option<usize>,
    /// The modules, classes and objects, by their dotted names, that it gives members by computed names, with the line.
    pub changed: BTreeMap<String, usize>,
}

/// What running a function does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FunctionEffects {
    pub code: Code,
    /// By itself.
    pub own: Summary,
    pub calls: Vec<Call>,
    /// The lines of the first thing that is not understood, and of the first that is doubtful. 1-based.
    pub unknown_line: Option<usize>,
    pub doubt_line: Option<usize>,
}

/// A call that is left open.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    pub target: Option<Target>,
    /// The callee as written.
    pub text: String,
    /// 1-based.
    pub line: usize,
    /// Whether it is awaited where another one may stand beside it: in a run of awaits, or in a loop.
    pub may_overlap: bool,
    pub pending: Pending,
}

/// What the statement and the body of a class say about its instances.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Shape {
    /// No metaclass, no decorator and no special method that changes what its members are.
    pub is_plain: bool,
    /// Making one runs nothing but its `__init__`.
    pub is_plainly_made: bool,
    /// It derives from a builtin exception.
    pub is_exception: bool,
    /// Attributes that are values.
    pub attributes: BTreeSet<String>,
    /// Names that its body binds to something of which nothing is known.
    pub assigned: BTreeSet<String>,
}

/// What may run where a call is left open.
struct Callee {
    function: FunctionId,
    run: Run,
    is_unbound: bool,
}

/// How many times all functions are gone over before those that still change are given up.
const MAX_PASSES: usize = 24;

pub struct Link<'l, 'p> {
    linker: &'l Linker<'p>,
    /// Names in whose place some file puts something else: where.
    replaced: FxHashMap<&'p str, String>,
    /// Modules in whose place some file puts something else: where.
    replaced_modules: FxHashMap<&'p str, String>,
    /// The first place that gives modules or classes members by computed names.
    instruments: Option<String>,
    /// Files that define something which is given members by computed names: where.
    changed: FxHashMap<usize, String>,
    /// Classes whose bases are not all known: what derives from them may be anything.
    of_unknown_bases: Vec<ClassId>,
    done: FxHashMap<FunctionId, Summary>,
    /// Those that lead to other files than their own.
    leads_elsewhere: FxHashSet<FunctionId>,
}

impl<'l, 'p> Link<'l, 'p> {
    /// Nothing is known of replacements, nor composed.
    fn of_nothing(linker: &'l Linker<'p>) -> Self {
        Self {
            linker,
            replaced: FxHashMap::default(),
            replaced_modules: FxHashMap::default(),
            instruments: None,
            changed: FxHashMap::default(),
            of_unknown_bases: Vec::new(),
            done: FxHashMap::default(),
            leads_elsewhere: FxHashSet::default(),
        }
    }

    /// Links all that the functions of these files lead to.
    pub fn new(linker: &'l Linker<'p>, files: &[usize]) -> Self {
        let mut link = Self::of_nothing(linker);
        for (file, summary) in linker.summaries() {
            let effects = summary.effects.as_ref();
            let place = |line: usize| linker.project.place(file, line);
            for (name, line) in effects.into_iter().flat_map(|effects| &effects.replaced) {
                link.replaced.entry(name.as_str()).or_insert_with(|| place(*line));
            }
            for (name, line) in effects.into_iter().flat_map(|effects| &effects.replaced_modules) {
                link.replaced_modules
                    .entry(name.as_str())
                    .or_insert_with(|| place(*line));
            }
            for (path, line) in effects.into_iter().flat_map(|effects| &effects.changed) {
                for defining in link.defining(file, path) {
                    link.changed.entry(defining).or_insert_with(|| place(*line));
                }
            }
            let line = effects.and_then(|effects| effects.instruments);
            link.instruments = link.instruments.or_else(|| line.map(place));
            let classes = (0..summary.classes.len()).map(|index| ClassId { file, index });
            link.of_unknown_bases
                .extend(classes.filter(|class| !linker.knows_bases(*class)));
        }
        let order = link.order(files);
        link.settle(&order);
        link
    }

    /// The files that define what a dotted name means: a module, or a class and those that derive from it.
    fn defining(&self, file: usize, path: &str) -> Vec<usize> {
        match self.linker.find(file, &Target::Path(path.to_owned())) {
            Some(Found::Class(class)) => {
                let derived = self.linker.descendants(class).into_iter();
                derived.chain([class]).map(|class| class.file).collect()
            }
            Some(Found::Function(function)) => vec![function.file],
            Some(Found::Module(ModuleId::File(module))) => vec![module],
            Some(Found::Module(ModuleId::Folder(_)) | Found::External(_)) => Vec::new(),
            None => match self.linker.modules.find(file, path) {
                Some((ModuleId::File(module), _)) => vec![module],
                _ => Vec::new(),
            },
        }
    }

    fn effects(&self, id: FunctionId) -> Option<&'p FunctionEffects> {
        let summary = self.linker.project.files[id.file].1.as_ref()?;
        summary.effects.as_ref()?.functions.get(id.index)?.as_ref()
    }

    fn shape(&self, class: ClassId) -> Option<&'p Shape> {
        let summary = self.linker.project.files[class.file].1.as_ref()?;
        summary.effects.as_ref()?.classes.get(class.index)
    }

    fn functions_of(&self, file: usize) -> impl Iterator<Item = FunctionId> + use<'p> {
        let summary = self.linker.project.files[file].1.as_ref();
        let count = summary.map_or(0, |summary| summary.functions.len());
        (0..count).map(move |index| FunctionId { file, index })
    }

    /// All functions that those of these files lead to, callees first as far as they do not call each other.
    fn order(&self, files: &[usize]) -> Vec<FunctionId> {
        let mut order = Vec::new();
        let mut seen: FxHashSet<FunctionId> = FxHashSet::default();
        for root in files.iter().flat_map(|file| self.functions_of(*file)) {
            let mut open = vec![(root, false)];
            while let Some((id, is_done)) = open.pop() {
                if is_done {
                    order.push(id);
                    continue;
                }
                if !seen.insert(id) {
                    continue;
                }
                open.push((id, true));
                for call in self.effects(id).into_iter().flat_map(|effects| &effects.calls) {
                    if let Some(Ok(callees)) = self.resolve(id.file, call) {
                        open.extend(callees.into_iter().map(|callee| (callee.function, false)));
                    }
                }
            }
        }
        order
    }

    fn settle(&mut self, order: &[FunctionId]) {
        for pass in 0..MAX_PASSES {
            let mut changed = false;
            for &id in order {
                let (mut summary, leads) = self.composed(id);
                if pass + 1 == MAX_PASSES && self.done.get(&id) != Some(&summary) {
                    let name = &self.linker.function(id).qualname;
                    summary.give_up(format!(
                        "what `{name}` does depends on too many functions that call each other"
                    ));
                }
                changed |= leads && self.leads_elsewhere.insert(id);
                if self.done.get(&id) != Some(&summary) {
                    self.done.insert(id, summary);
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
    }

    /// What running a function does, as far as is known by now, and whether that leads to another file.
    fn composed(&self, id: FunctionId) -> (Summary, bool) {
        let Some(effects) = self.effects(id) else {
            let mut summary = Summary::default();
            summary.give_up(format!("`{}` was not read", self.linker.function(id).qualname));
            return (summary, false);
        };
        let module = self.linker.modules.name_of(id.file);
        let place = |line: usize| self.linker.project.place(id.file, line);
        let mut leads = false;
        let mut summary = effects.own.clone().of_module(&module);
        let lines = [effects.unknown_line, effects.doubt_line].map(|line| line.map(place));
        summary.locate(lines[0].as_deref(), lines[1].as_deref());
        for (class, name) in effects.own.attributes() {
            if let Some(getter) = self.overriding_attribute(id.file, class, name) {
                summary.give_up(format!("`{class}.{name}` is something else in {getter}"));
                leads = true;
            }
        }
        for class in &effects.own.tested {
            leads = true;
            if let Some(place) = self.runs_when_tested(id.file, class) {
                summary.doubt(format!("a `{class}` runs code of its own when it is tested ({place})"));
            }
        }
        for call in &effects.calls {
            let here = place(call.line);
            let pending = || call.pending.clone().of_module(&module);
            match self.resolve(id.file, call) {
                None => {
                    let mut otherwise = pending().otherwise;
                    otherwise.locate(Some(&here), Some(&here));
                    summary.absorb(&otherwise);
                }
                Some(Err(reason)) => {
                    summary.suspends = true;
                    leads = true;
                    summary.give_up(format!("{reason} ({here})"));
                }
                Some(Ok(callees)) => {
                    let pending = pending();
                    if callees.is_empty() {
                        summary.reads_arguments(&pending.arguments);
                        // That it is a module's attribute is known of no file alone.
                        leads |= call.pending.run == Run::Read && matches!(call.target, Some(Target::Path(_)));
                    }
                    for callee in callees {
                        leads |= callee.function.file != id.file || self.leads_elsewhere.contains(&callee.function);
                        let Some(known) = self.effects(callee.function) else {
                            continue;
                        };
                        let nothing = Summary::default();
                        let does = self.done.get(&callee.function).unwrap_or(&nothing);
                        let mut added = Summary::default();
                        known
                            .code
                            .run(does, &pending.arguments, callee.run, callee.is_unbound, &mut added);
                        let is_new = |reason: &Option<String>, of: &Option<String>| reason.is_some() && reason != of;
                        let unknown = is_new(&added.unknown, &does.unknown).then_some(here.as_str());
                        let doubt = is_new(&added.doubt, &does.doubt).then_some(here.as_str());
                        added.locate(unknown, doubt);
                        summary.absorb(&added);
                    }
                }
            }
        }
        (summary, leads)
    }

    /// Where an object of a class, or of one that derives from it, says whether it is true.
    fn runs_when_tested(&self, file: usize, class: &str) -> Option<String> {
        let Some(Found::Class(class)) = self.linker.find(file, &Target::Path(class.to_owned())) else {
            return None;
        };
        let mut family = self.linker.descendants(class).into_iter().chain([class]);
        family.find_map(|class| {
            let test = ["__bool__", "__len__"].iter();
            let mut found = test.filter_map(|name| self.linker.member(class, name, 0));
            found.find_map(|found| match found {
                Found::Function(function) => {
                    let line = self.linker.function(function).line;
                    Some(self.linker.project.place(function.file, line))
                }
                _ => None,
            })
        })
    }

    /// Where a class of another file that derives from one of this file has something else in the place of an attribute.
    fn overriding_attribute(&self, file: usize, class: &str, name: &str) -> Option<String> {
        let summary = self.linker.project.files[file].1.as_ref()?;
        let named = |known: &str| known.rsplit('.').next() == Some(class);
        let classes = summary.classes.iter().enumerate();
        let mut classes = classes.filter(|(_, known)| named(&known.qualname));
        classes.find_map(|(index, _)| self.given_elsewhere(ClassId { file, index }, name))
    }

    /// Where an attribute of the instances of a class is something else than its class says: a method or a descriptor of a class that derives from
    /// it, or an object of another class.
    fn given_elsewhere(&self, class: ClassId, name: &str) -> Option<String> {
        let object = |class: ClassId| {
            let known = self.linker.class(class).attributes.get(name)?;
            self.linker.class_of(class.file, known)
        };
        let own = object(class);
        if own.is_some()
            && let Some(place) = self.replaced.get(name)
        {
            return Some(place.clone());
        }
        self.linker.descendants(class).into_iter().find_map(|derived| {
            let known = self.linker.class(derived);
            if let Some(&index) = known.methods.get(name) {
                let method = FunctionId {
                    file: derived.file,
                    index,
                };
                let line = self.linker.function(method).line;
                return Some(self.linker.project.place(derived.file, line));
            }
            let shape = self.shape(derived)?;
            let is_other = shape.attributes.contains(name) && own.is_some() && object(derived) != own;
            (is_other || shape.assigned.contains(name)).then(|| format!("`{}`", known.qualname))
        })
    }

    /// What a call that is left open runs. `None`: nothing of the project, as far as is known. An error: something of it, and it is not certain
    /// what.
    fn resolve(&self, file: usize, call: &Call) -> Option<Result<Vec<Callee>, String>> {
        let target = call.target.as_ref()?;
        if call.pending.run == Run::Read {
            return self.read(file, target);
        }
        let name = call.text.rsplit('.').next().unwrap_or(&call.text);
        let found = self.linker.find(file, target)?;
        if let Found::Function(FunctionId { file: defining, .. }) | Found::Class(ClassId { file: defining, .. }) =
            &found
            && let Err(reason) = self.is_certain(file, target, *defining)
        {
            return Some(Err(reason));
        }
        match found {
            Found::Function(function) => {
                let is_member = !self.linker.function(function).qualname.contains("<locals>");
                if is_member
                    && let Some(place) = self
                        .replaced
                        .get(self.linker.name(function))
                        .or_else(|| self.replaced.get(name))
                {
                    return Some(Err(format!("`{name}` is replaced at {place}")));
                }
                let Some(class) = self.linker.function(function).class else {
                    return Some(Ok(vec![Callee::called(function, false, call.pending.run)]));
                };
                let own = ClassId {
                    file: function.file,
                    index: class,
                };
                Some(self.method(file, target, own, function, call.pending.run))
            }
            Found::Class(class) => Some(self.construction(class)),
            Found::External(_) | Found::Module(_) => None,
        }
    }

    /// Whether nothing stands in the way of what the linker finds for a target: no other module of the name, no other object in the place of an
    /// attribute on the way.
    fn is_certain(&self, file: usize, target: &Target, defining: usize) -> Result<(), String> {
        let module = self.linker.modules.name_of(defining);
        if let Some(place) = self.replaced_modules.get(module.as_str()) {
            return Err(format!("the module `{module}` is replaced at {place}"));
        }
        if let Some(place) = self.instruments.as_ref().filter(|_| defining != file) {
            return Err(format!(
                "{place} puts something else in the place of members, by computed names"
            ));
        }
        let mut paths = Vec::new();
        let mut attributes = Vec::new();
        steps_of(target, &mut paths, &mut attributes);
        let on_the_way = paths.iter().flat_map(|path| {
            let module = match self.linker.modules.find(file, path) {
                Some((ModuleId::File(module), _)) => Some(module),
                _ => None,
            };
            let packages = self.linker.modules.packages_on_the_way(file, path);
            packages.into_iter().chain(module)
        });
        if let Some(place) = on_the_way.chain([defining]).find_map(|file| self.changed.get(&file)) {
            return Err(format!(
                "{place} gives members computed names, and may put something else in its place"
            ));
        }
        if let Some(path) = paths.into_iter().find(|path| self.linker.is_ambiguous(file, path)) {
            return Err(format!("`{path}` may mean more than one thing"));
        }
        for (outer, name) in attributes {
            if let Some(Found::Class(class)) = self.linker.find(file, &Target::Object(outer.clone()))
                && let Some(place) = self.given_elsewhere(class, name)
            {
                return Err(format!("`{name}` is something else in {place}"));
            }
        }
        Ok(())
    }

    /// A method stands for those that override it.
    fn method(
        &self,
        file: usize,
        target: &Target,
        own: ClassId,
        function: FunctionId,
        run: Run,
    ) -> Result<Vec<Callee>, String> {
        let name = self.linker.name(function);
        let (class, is_unbound) = match target {
            Target::Member(receiver, _) => match self.linker.find(file, &Target::Object(receiver.clone())) {
                Some(Found::Class(class)) => (class, matches!(receiver, Receiver::Class(_))),
                _ => (own, false),
            },
            Target::Path(path) => {
                let outer = path.rsplit_once('.').map(|(outer, _)| Target::Path(outer.to_owned()));
                match outer.and_then(|outer| self.linker.find(file, &outer)) {
                    Some(Found::Class(class)) => (class, true),
                    _ => (own, false),
                }
            }
            _ => return Err(format!("nothing says which `{name}` is called")),
        };
        self.hierarchy_is_plain(class, name)?;
        let is_stub = |id: FunctionId| self.effects(id).is_none() || self.linker.function(id).is_stub;
        if let Some(other) = self.of_unknown_bases.iter().find(|other| {
            let has_it = |class: ClassId| self.linker.class(class).methods.contains_key(name);
            has_it(**other) || self.linker.descendants(**other).into_iter().any(has_it)
        }) {
            let qualname = &self.linker.class(*other).qualname;
            return Err(format!(
                "`{qualname}`, whose bases are not all known, may override `{name}`"
            ));
        }
        let mut callees = Vec::new();
        if !is_stub(function) {
            callees.push(Callee::called(function, is_unbound, run));
        }
        for derived in self.linker.descendants(class) {
            self.hierarchy_is_plain(derived, name)?;
            if self.shape(derived).is_some_and(|shape| shape.attributes.contains(name)) {
                let qualname = &self.linker.class(derived).qualname;
                return Err(format!("`{qualname}` has something else as `{name}`"));
            }
            if let Some(Found::Function(overriding)) = self.linker.member(derived, name, 0)
                && overriding != function
                && !is_stub(overriding)
            {
                callees.push(Callee::called(overriding, is_unbound, run));
            }
        }
        if callees.is_empty() {
            return Err(format!(
                "nothing says what runs in the place of `{name}`, which is abstract"
            ));
        }
        Ok(callees)
    }

    /// Whether the members of a class are what its statements and those of its bases say.
    fn hierarchy_is_plain(&self, class: ClassId, name: &str) -> Result<(), String> {
        let mut open = vec![class];
        let mut seen = FxHashSet::default();
        while let Some(class) = open.pop() {
            if !seen.insert(class) {
                continue;
            }
            let qualname = &self.linker.class(class).qualname;
            if !self.linker.knows_bases(class) {
                return Err(format!("a base of `{qualname}` is not known"));
            }
            for base in self.linker.bases(class) {
                match base {
                    Found::Class(base) => open.push(base),
                    Found::External(base) if is_inert_base(&base) => {}
                    _ => return Err(format!("a base of `{qualname}` is not known")),
                }
            }
            let shape = self.shape(class).ok_or_else(|| format!("`{qualname}` was not read"))?;
            let is_method = || self.linker.member(class, name, 0).is_some();
            if !shape.is_plain || shape.assigned.contains(name) || shape.attributes.contains(name) && is_method() {
                return Err(format!(
                    "`{qualname}.{name}` may be something else than its methods say"
                ));
            }
        }
        Ok(())
    }

    fn construction(&self, class: ClassId) -> Result<Vec<Callee>, String> {
        let qualname = &self.linker.class(class).qualname;
        let misunderstood = || Err(format!("making a `{qualname}` is not understood"));
        let Some(shape) = self.shape(class) else {
            return misunderstood();
        };
        let member = |name: &str| self.linker.member(class, name, 0);
        if shape.is_exception && member("__init__").is_none() && member("__new__").is_none() {
            return Ok(Vec::new());
        }
        if self.hierarchy_is_plain(class, "__init__").is_err() || member("__new__").is_some() || !shape.is_plainly_made
        {
            return misunderstood();
        }
        match member("__init__") {
            Some(Found::Function(init)) => Ok(vec![Callee {
                function: init,
                run: Run::Construction,
                is_unbound: false,
            }]),
            None if self.linker.bases(class).is_empty() => Ok(Vec::new()),
            _ => misunderstood(),
        }
    }

    /// An attribute that is read may be a property.
    fn read(&self, file: usize, target: &Target) -> Option<Result<Vec<Callee>, String>> {
        if let Target::Path(path) = target {
            return self.read_of_import(file, path);
        }
        let Target::Member(receiver, name) = target else {
            return None;
        };
        let Found::Class(class) = self.linker.find(file, &Target::Object(receiver.clone()))? else {
            return None;
        };
        self.hierarchy_is_plain(class, name).ok()?;
        let mut all = vec![class];
        all.extend(self.linker.descendants(class));
        let mut callees = Vec::new();
        if let Some(Found::Function(own)) = self.linker.member(class, name, 0) {
            callees.push(own);
        }
        for derived in &all[1..] {
            self.hierarchy_is_plain(*derived, name).ok()?;
            let method = self.linker.class(*derived).methods.get(name.as_str());
            callees.extend(method.map(|&index| FunctionId {
                file: derived.file,
                index,
            }));
        }
        if callees.is_empty() {
            return self.is_attribute(class, name).then(|| Ok(Vec::new()));
        }
        let is_property = |id: &FunctionId| self.effects(*id).is_some_and(|known| known.code.is_property);
        let is_value = self.is_attribute(class, name);
        (callees.iter().all(is_property) && !is_value).then(|| {
            let run = |function| Callee {
                function,
                run: Run::Read,
                is_unbound: false,
            };
            Ok(callees.into_iter().map(run).collect())
        })
    }

    /// An attribute of what is imported. That of a module is what it binds, unless it answers for names that it does not bind.
    fn read_of_import(&self, file: usize, path: &str) -> Option<Result<Vec<Callee>, String>> {
        let (outer, name) = path.rsplit_once('.')?;
        match self.linker.find(file, &Target::Path(outer.to_owned()))? {
            Found::Module(ModuleId::File(module)) => {
                let summary = self.linker.project.files[module].1.as_ref()?;
                let answers = summary.functions.iter().find(|known| known.qualname == "__getattr__");
                Some(answers.map_or_else(
                    || Ok(Vec::new()),
                    |known| {
                        let place = self.linker.project.place(module, known.line);
                        Err(format!("`{outer}` makes its attributes at {place}"))
                    },
                ))
            }
            Found::Module(ModuleId::Folder(_)) => Some(Ok(Vec::new())),
            Found::Class(class) => {
                self.hierarchy_is_plain(class, name).ok()?;
                self.is_attribute(class, name).then(|| Ok(Vec::new()))
            }
            Found::Function(_) | Found::External(_) => None,
        }
    }

    fn is_attribute(&self, class: ClassId, name: &str) -> bool {
        let mut open = vec![class];
        let mut steps = 0;
        while let Some(class) = open.pop() {
            steps += 1;
            if self.shape(class).is_some_and(|shape| shape.attributes.contains(name)) {
                return true;
            }
            if steps < 50 {
                open.extend(self.linker.bases(class).into_iter().filter_map(|base| match base {
                    Found::Class(base) => Some(base),
                    _ => None,
                }));
            }
        }
        false
    }

    /// What the calls of one file do, where that leads to others.
    pub fn elsewhere(&self, file: usize) -> Elsewhere {
        let mut calls: BTreeMap<(String, String), Option<Vec<Known>>> = BTreeMap::new();
        let mut defined: FxHashMap<&str, usize> = FxHashMap::default();
        for id in self.functions_of(file) {
            *defined.entry(&self.linker.function(id).qualname).or_default() += 1;
        }
        for id in self.functions_of(file) {
            let around = &self.linker.function(id).qualname;
            if defined[around.as_str()] > 1 {
                // By its name alone nobody could tell which of them is meant.
                continue;
            }
            for call in self.effects(id).into_iter().flat_map(|effects| &effects.calls) {
                if call.pending.run == Run::Read {
                    continue;
                }
                let known = self.known(file, call);
                let key = (around.clone(), call.text.clone());
                match calls.get_mut(&key) {
                    // The same words for something else: nothing is said of either.
                    Some(other) if !is_same(other.as_deref(), known.as_deref()) => *other = None,
                    Some(_) => {}
                    None => {
                        calls.insert(key, known);
                    }
                }
            }
        }
        let calls = calls.into_iter().filter_map(|(key, known)| Some((key, known?)));
        Elsewhere {
            calls: calls.collect(),
            ..Elsewhere::default()
        }
    }

    fn known(&self, file: usize, call: &Call) -> Option<Vec<Known>> {
        let callees = match self.resolve(file, call)? {
            Ok(callees) => callees,
            Err(reason) => {
                return Some(vec![Known::uncertain(reason)]);
            }
        };
        let leads = |callee: &Callee| callee.function.file != file || self.leads_elsewhere.contains(&callee.function);
        let is_local = |callee: &Callee| self.linker.function(callee.function).qualname.contains("<locals>");
        if !callees.iter().any(leads) || callees.iter().any(is_local) {
            return None;
        }
        callees
            .into_iter()
            .map(|callee| {
                let function = self.linker.function(callee.function);
                Some(Known {
                    code: Some(self.effects(callee.function)?.code.clone()),
                    effects: self.done.get(&callee.function)?.clone(),
                    place: self.linker.project.place(callee.function.file, function.line),
                    run: callee.run,
                    is_unbound: callee.is_unbound,
                })
            })
            .collect()
    }

    /// What the proofs rest on: that nothing stands in the place of what has these names.
    pub fn relied_on(&self, files: &[usize]) -> BTreeSet<Relied> {
        let mut names = BTreeSet::new();
        let proven = |id: &FunctionId| {
            let summary = self.done.get(id);
            summary.is_some_and(|summary| summary.unknown.is_none() && summary.is_read_only() && summary.suspends)
        };
        let mut open: Vec<FunctionId> = Vec::new();
        for id in files.iter().flat_map(|file| self.functions_of(*file)) {
            let calls = self.effects(id).into_iter().flat_map(|effects| &effects.calls);
            for call in calls.filter(|call| call.may_overlap) {
                if let Some(Ok(callees)) = self.resolve(id.file, call) {
                    relied_on_way(call, &mut names);
                    open.extend(callees.into_iter().map(|callee| callee.function).filter(proven));
                }
            }
        }
        let mut seen = FxHashSet::default();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            let attributes = self
                .effects(id)
                .into_iter()
                .flat_map(|effects| effects.own.attributes());
            names.extend(attributes.map(|(_, name)| Relied::Attribute(name.to_owned())));
            let tested = self.effects(id).into_iter().flat_map(|effects| &effects.own.tested);
            names.extend(tested.filter_map(|class| Some(Relied::Class(class.rsplit('.').next()?.to_owned()))));
            let name = self.linker.name(id).to_owned();
            names.insert(Relied::Module(self.linker.modules.name_of(id.file)));
            names.insert(match self.linker.function(id).class {
                Some(_) => Relied::Method(name),
                None => Relied::Function(name),
            });
            if let Some(class) = self.linker.function(id).class {
                let class = ClassId {
                    file: id.file,
                    index: class,
                };
                for class in self.linker.descendants(class).into_iter().chain([class]) {
                    let qualname = &self.linker.class(class).qualname;
                    names.extend(qualname.rsplit('.').next().map(|name| Relied::Class(name.to_owned())));
                }
            }
            for call in self.effects(id).into_iter().flat_map(|effects| &effects.calls) {
                if let Some(Ok(callees)) = self.resolve(id.file, call) {
                    relied_on_way(call, &mut names);
                    open.extend(callees.into_iter().map(|callee| callee.function));
                }
            }
        }
        names.remove(&Relied::Method("__init__".to_owned()));
        names
    }
}

/// A name that a proof rests on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relied {
    Function(String),
    Method(String),
    Class(String),
    /// Of instances, which holds an object whose class is known.
    Attribute(String),
    /// The dotted name.
    Module(String),
}

/// The attributes on the way to what a call names.
fn relied_on_way(call: &Call, names: &mut BTreeSet<Relied>) {
    let (mut paths, mut attributes) = (Vec::new(), Vec::new());
    if let Some(target) = &call.target {
        steps_of(target, &mut paths, &mut attributes);
    }
    names.extend(
        attributes
            .into_iter()
            .map(|(_, name)| Relied::Attribute(name.to_owned())),
    );
}

/// The dotted names and the attributes, each with the object that has it, that lead to a target.
fn steps_of<'t>(target: &'t Target, paths: &mut Vec<&'t str>, attributes: &mut Vec<(&'t Receiver, &'t str)>) {
    match target {
        Target::Path(path) => paths.push(path),
        Target::Member(receiver, _) | Target::Object(receiver) => steps_of_receiver(receiver, paths, attributes),
        Target::Function(_) | Target::Class(_) | Target::Star(_) | Target::Super(..) => {}
    }
}

fn steps_of_receiver<'t>(
    receiver: &'t Receiver,
    paths: &mut Vec<&'t str>,
    attributes: &mut Vec<(&'t Receiver, &'t str)>,
) {
    match receiver {
        Receiver::Instance(ClassName::Path(path)) | Receiver::Class(ClassName::Path(path)) => paths.push(path),
        Receiver::Instance(ClassName::Own(_)) | Receiver::Class(ClassName::Own(_)) => {}
        Receiver::Attribute(outer, name) => {
            attributes.push((outer, name));
            steps_of_receiver(outer, paths, attributes);
        }
        Receiver::Result(target) | Receiver::Element(target, _) => steps_of(target, paths, attributes),
        Receiver::Part(inner) => steps_of_receiver(inner, paths, attributes),
        Receiver::OneOf(all) => all.iter().for_each(|one| steps_of_receiver(one, paths, attributes)),
        Receiver::Fixture(_) | Receiver::Data(_) => {}
        Receiver::Entered(inner) => steps_of_receiver(inner, paths, attributes),
    }
}

impl Callee {
    fn called(function: FunctionId, is_unbound: bool, run: Run) -> Self {
        Self {
            function,
            run,
            is_unbound,
        }
    }
}

fn is_same(one: Option<&[Known]>, other: Option<&[Known]>) -> bool {
    let places = |known: Option<&[Known]>| {
        known.map(|known| {
            known
                .iter()
                .map(|known| (known.place.clone(), known.is_unbound))
                .collect::<Vec<_>>()
        })
    };
    places(one) == places(other)
}

/// Base classes of the standard library that change nothing about the members of a class.
fn is_inert_base(name: &str) -> bool {
    matches!(name, "abc.ABC" | "typing.Generic")
}

/// The files without a summary to which calls of these files lead that may overlap, and what those call in turn.
pub fn missing(linker: &Linker, files: &[usize]) -> BTreeSet<usize> {
    let link = Link::of_nothing(linker);
    let mut chase = Chase {
        linker,
        missing: BTreeSet::new(),
        seen: FxHashSet::default(),
    };
    let mut open: Vec<FunctionId> = Vec::new();
    let mut follow = |file: usize, call: &Call, open: &mut Vec<FunctionId>| {
        if let Some(target) = &call.target {
            chase.target(file, target);
        }
        if let Some(Ok(callees)) = link.resolve(file, call) {
            open.extend(callees.into_iter().map(|callee| callee.function));
        }
    };
    for id in files.iter().flat_map(|file| link.functions_of(*file)) {
        let calls = link.effects(id).into_iter().flat_map(|effects| &effects.calls);
        calls
            .filter(|call| call.may_overlap)
            .for_each(|call| follow(id.file, call, &mut open));
    }
    let mut seen = FxHashSet::default();
    let mut tested = Vec::new();
    while let Some(id) = open.pop() {
        // Where one thing is not understood, nothing else need be.
        if let Some(effects) = link.effects(id)
            && effects.own.unknown.is_none()
            && seen.insert(id)
        {
            effects.calls.iter().for_each(|call| follow(id.file, call, &mut open));
            tested.extend(effects.own.tested.iter().map(|class| (id.file, class)));
        }
    }
    for (file, class) in tested {
        chase.target(file, &Target::Path(class.clone()));
    }
    chase.missing
}

/// The files without a summary to which the calls of these files lead whose callees have such names.
pub fn behind_calls(linker: &Linker, files: &[usize], is_asked_for: impl Fn(&str) -> bool) -> BTreeSet<usize> {
    let mut chase = Chase {
        linker,
        missing: BTreeSet::new(),
        seen: FxHashSet::default(),
    };
    for &file in files {
        let summary = linker.project.files[file].1.iter();
        let functions = summary.flat_map(|summary| &summary.functions);
        for site in functions
            .flat_map(|function| &function.sites)
            .filter(|site| site.edge == Edge::Call)
        {
            if site
                .text
                .rsplit('.')
                .next()
                .is_some_and(|name| is_asked_for(name.trim()))
            {
                chase.target(file, &site.target);
            }
        }
    }
    chase.missing
}

/// Follows names to files that have no summary yet.
struct Chase<'l, 'p> {
    linker: &'l Linker<'p>,
    missing: BTreeSet<usize>,
    seen: FxHashSet<(usize, String)>,
}

impl Chase<'_, '_> {
    fn target(&mut self, file: usize, target: &Target) {
        match target {
            Target::Path(path) => self.path(file, path),
            Target::Star(name) => self.stars(file, name),
            Target::Member(receiver, _) | Target::Object(receiver) => self.receiver(file, receiver),
            Target::Class(index) => self.bases(ClassId { file, index: *index }),
            Target::Function(_) | Target::Super(..) => {}
        }
        match self.linker.find(file, target) {
            Some(Found::Class(class)) => self.bases(class),
            Some(Found::Function(function)) => {
                if let Some(index) = self.linker.function(function).class {
                    self.bases(ClassId {
                        file: function.file,
                        index,
                    });
                }
            }
            _ => {}
        }
    }

    fn receiver(&mut self, file: usize, receiver: &Receiver) {
        match receiver {
            Receiver::Instance(class) | Receiver::Class(class) => self.class(file, class),
            Receiver::Attribute(outer, name) => {
                self.receiver(file, outer);
                if let Some(Found::Class(class)) = self.linker.find(file, &Target::Object((**outer).clone()))
                    && let Some(known) = self.linker.class(class).attributes.get(name)
                {
                    self.class(class.file, known);
                }
            }
            Receiver::Result(target) => {
                self.target(file, target);
                if let Some(Found::Function(function)) = self.linker.find(file, target)
                    && let Some(returns) = &self.linker.function(function).returns
                {
                    self.class(function.file, returns);
                }
            }
            Receiver::Entered(inner) => self.receiver(file, inner),
            Receiver::Element(target, _) => self.target(file, target),
            Receiver::Part(inner) => self.receiver(file, inner),
            Receiver::OneOf(all) => all.iter().for_each(|one| self.receiver(file, one)),
            Receiver::Fixture(_) | Receiver::Data(_) => {}
        }
        if let Some(Found::Class(class)) = self.linker.find(file, &Target::Object(receiver.clone())) {
            self.bases(class);
        }
    }

    fn class(&mut self, file: usize, class: &ClassName) {
        match class {
            ClassName::Own(index) => self.bases(ClassId { file, index: *index }),
            ClassName::Path(path) => self.path(file, path),
        }
    }

    fn bases(&mut self, class: ClassId) {
        if self.seen.insert((class.file, format!("class {}", class.index))) {
            for base in self.linker.class(class).bases.iter().flatten() {
                self.class(class.file, base);
            }
        }
    }

    /// To the file that defines what a dotted name means, through those that hand it on.
    fn path(&mut self, file: usize, path: &str) {
        if !self.seen.insert((file, path.to_owned())) {
            return;
        }
        for package in self.linker.modules.packages_on_the_way(file, path) {
            if self.linker.project.files[package].1.is_none() {
                self.missing.insert(package);
            }
        }
        let Some((ModuleId::File(found), taken)) = self.linker.modules.find(file, path) else {
            return;
        };
        let Some(summary) = &self.linker.project.files[found].1 else {
            self.missing.insert(found);
            return;
        };
        let mut parts = path.split('.').filter(|part| !part.is_empty()).skip(taken);
        let Some(name) = parts.next() else { return };
        match summary.names.get(name) {
            Some(Meaning::Import(other)) => {
                let rest: String = parts.flat_map(|part| [".", part]).collect();
                self.path(found, &format!("{other}{rest}"));
            }
            Some(Meaning::Class(index)) => self.bases(ClassId {
                file: found,
                index: *index,
            }),
            Some(Meaning::Function(_)) => {}
            None => match summary.objects.get(name) {
                Some(class) => self.class(found, class),
                None => self.stars(found, name),
            },
        }
    }

    fn stars(&mut self, file: usize, name: &str) {
        let Some(summary) = &self.linker.project.files[file].1 else {
            return;
        };
        for star in &summary.stars {
            let separator = if star.ends_with('.') { "" } else { "." };
            self.path(file, &format!("{star}{separator}{name}"));
        }
    }
}
