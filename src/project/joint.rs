//! Objects of a module that several files use and that change in all of them or in none: a class that `with` enters, a lock of threads.
//!
//! The file that defines one says what it has ([`Defined`]), the files that use it under some imported name say whether their uses can change
//! ([`Used`]), and [`link`], a pure function of both, tells all of them what comes of it ([`Joint`]).

use std::collections::{BTreeMap, BTreeSet};

use memchr::{memchr, memmem};
use serde::{Deserialize, Serialize};

use super::modules::{ModuleId, Modules};
use crate::codemod::Context;
use crate::glance::{first_word, line_start};
use crate::semantic::{BindingKind, ScopeId};

/// An object of a file's own module that would change.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Defined {
    /// The name that the module binds to it.
    pub name: String,
    /// What its users must know of it: for an object, the qualified name of its class.
    pub kind: String,
    /// Where it is defined, 1-based.
    pub line: usize,
    /// Whether all that the file itself does with it can change, or why not.
    pub verdict: Result<(), String>,
    /// Whether the file alone shows that something is wrong.
    pub is_defect: bool,
}

/// What a file does with an object that it imports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Used {
    /// The dotted path under which its imports know the object.
    pub path: String,
    /// Whether all of it can change, or why not; true where there is anything to change.
    pub verdict: Result<bool, String>,
    /// The line that shows that something is wrong, 1-based.
    pub defect: Option<usize>,
}

/// All that a file does with what may be the object of a name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct User {
    pub uses: Vec<Used>,
    /// The names that its module binds by an import, each with the path: others may import them from here.
    pub imports: Vec<(String, String)>,
}

/// What the project says to one file.
#[derive(Clone, Debug, Default)]
pub struct Joint {
    /// What becomes of its own objects, by name. Nothing is said of those that the file must judge alone.
    pub own: BTreeMap<String, Shared>,
    /// What becomes of those that it imports, by the dotted path.
    pub imported: BTreeMap<String, Shared>,
}

/// What becomes of an object, as each of its files is told.
#[derive(Clone, Debug)]
pub struct Shared {
    pub kind: String,
    /// Where it is defined: `locks.py:3`.
    pub place: String,
    /// The files beside the one that defines it that change as well, or why nothing changes.
    pub verdict: Result<Vec<String>, String>,
    /// A place that shows that something is wrong: `handlers.py:12`.
    pub defect: String,
}

/// What becomes of an object. `users`: the files, without the one that defines it, that name it in any way; `None` for one that cannot be read.
/// `shown`: how a file is called in messages.
pub fn link(
    modules: &Modules,
    home: usize,
    defined: &Defined,
    users: &[(usize, Option<User>)],
    shown: impl Fn(usize) -> String,
) -> BTreeMap<usize, Joint> {
    let homes = homes(modules, home, &defined.name, users);
    let means = |user: usize, path: &str| matches!(meant(modules, user, path), Some((file, name)) if homes.contains(&(file, name.to_owned())));
    let mut verdict = match &defined.verdict {
        Ok(()) => Ok(Vec::new()),
        Err(reason) => Err(reason.clone()),
    };
    let mut defect = defined.is_defect.then(|| format!("{}:{}", shown(home), defined.line));
    let mut meeting: Vec<(usize, &Used)> = Vec::new();
    for (user, found) in users {
        let Some(found) = found else {
            verdict = verdict.and_then(|_| Err(format!("{} names it and cannot be read", shown(*user))));
            continue;
        };
        for used in found.uses.iter().filter(|used| means(*user, &used.path)) {
            meeting.push((*user, used));
            defect = defect.or_else(|| Some(format!("{}:{}", shown(*user), used.defect?)));
            verdict = verdict.and_then(|mut files: Vec<String>| match &used.verdict {
                Ok(changes) => {
                    let file = shown(*user);
                    if *changes && !files.contains(&file) {
                        files.push(file);
                    }
                    Ok(files)
                }
                Err(reason) => Err(format!("in {}, {reason}", shown(*user))),
            });
        }
    }
    let mut told: BTreeMap<usize, Joint> = BTreeMap::new();
    let Some(defect) = defect else { return told };
    let shared = Shared {
        kind: defined.kind.clone(),
        place: format!("{}:{}", shown(home), defined.line),
        verdict,
        defect,
    };
    for (user, used) in meeting {
        let joint = told.entry(user).or_default();
        joint.imported.insert(used.path.clone(), shared.clone());
    }
    told.entry(home).or_default().own.insert(defined.name.clone(), shared);
    told
}

/// The names under which modules know an object: that of its own, and those of modules that import it.
fn homes(modules: &Modules, home: usize, name: &str, users: &[(usize, Option<User>)]) -> BTreeSet<(usize, String)> {
    let mut homes = BTreeSet::from([(home, name.to_owned())]);
    loop {
        let before = homes.len();
        for (user, found) in users {
            for (bound, path) in found.iter().flat_map(|found| &found.imports) {
                if let Some((file, name)) = meant(modules, *user, path)
                    && homes.contains(&(file, name.to_owned()))
                {
                    homes.insert((*user, bound.clone()));
                }
            }
        }
        if homes.len() == before {
            return homes;
        }
    }
}

/// The file and the name in it that a dotted path means to a file.
fn meant<'p>(modules: &Modules, user: usize, path: &'p str) -> Option<(usize, &'p str)> {
    let (ModuleId::File(file), count) = modules.find(user, path)? else {
        return None;
    };
    let mut rest = path.trim_start_matches('.').split('.').skip(count);
    let name = rest.next()?;
    rest.next().is_none().then_some((file, name))
}

/// The names of a module that may be bound to such an object, by a look at its bytes: what is bound to a lock or an event of `threading` at the
/// left margin, and classes with a coroutine function in the place of `__enter__` or `__exit__`.
pub fn names_in(text: &[u8]) -> Vec<String> {
    let mut names: Vec<&[u8]> = Vec::new();
    if memmem::find(text, b"threading").is_some() {
        for made in [&b"Lock("[..], b"Semaphore(", b"Event(", b"Condition("] {
            let lines = memmem::find_iter(text, made).map(|at| &text[line_start(text, at)..at]);
            names.extend(lines.filter(|line| memchr(b'=', line).is_some()).map(first_word));
        }
    }
    for method in [&b"__enter__"[..], b"__exit__"] {
        for at in memmem::find_iter(text, method).filter(|at| text[..*at].ends_with(b"async def ")) {
            let class = memmem::rfind(&text[..at], b"\nclass ").map_or(0, |newline| newline + 1);
            names.extend(text[class..].strip_prefix(b"class ").map(first_word));
        }
    }
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect()
}

impl User {
    /// What a file does with imported objects of one of these names. `judge` says it of one dotted path; `None`: nothing that matters.
    pub fn of(ctx: &Context, names: &[String], judge: impl Fn(&str) -> Option<Used>) -> Self {
        let model = ctx.model;
        let is_meant = |path: &str| names.iter().any(|name| path.rsplit('.').next() == Some(name));
        let mut user = Self::default();
        for binding in model.bindings() {
            match binding.kind {
                BindingKind::FromImport(..) if binding.scope == ScopeId::MODULE => {
                    if let Some(path) = model.imported_name(binding.name, binding.scope)
                        && is_meant(&path)
                    {
                        user.imports.push((binding.name.to_owned(), path));
                    }
                }
                _ => {}
            }
        }
        user.uses = model
            .imported_paths(is_meant)
            .iter()
            .filter_map(|path| judge(path))
            .collect();
        user
    }
}

impl Context<'_> {
    /// What becomes of an object of the module that other files use as well.
    pub fn shared(&self, name: &str) -> Option<&Shared> {
        self.project.joint.as_ref()?.own.get(name)
    }

    /// What becomes of the imported objects of a kind, by the dotted paths under which the file's imports know them.
    pub fn shared_elsewhere(&self, is_kind: impl Fn(&str) -> bool) -> impl Iterator<Item = (&str, &Shared)> {
        let imported = self.project.joint.iter().flat_map(|joint| &joint.imported);
        imported
            .filter(move |(_, shared)| is_kind(&shared.kind))
            .map(|(path, shared)| (path.as_str(), shared))
    }
}
