//! The look at the files that know something of those that rest on what their own classes and functions are.

use std::collections::BTreeSet;
use std::path::Path;

use rustc_hash::FxHashMap;

use crate::project::heirs::{self, Habits, Heir, Heirs, Others};
use crate::project::mentions::Mentions;
use crate::project::modules::{ModuleId, Modules};
use crate::project::outside::stem;

use super::super::Error;
use super::super::process::Seen;
use super::Looker;

/// Rounds in which files are read that may derive classes from those found in the round before.
const MAX_ROUNDS: usize = 4;

/// What each of the files that ask is told.
pub(super) fn heirs(
    looker: &Looker,
    seen: &[Option<Seen>],
    mentions: &[Option<Mentions>],
) -> Result<Vec<(usize, Heirs)>, Error> {
    let asks = |file: usize, names: &[&str]| {
        let selection = &looker.files[file].profile.selection;
        seen[file].as_ref().is_some_and(|seen| seen.concerns(selection, names))
    };
    let asking: Vec<usize> = (0..seen.len()).filter(|file| asks(*file, heirs::ASKING)).collect();
    if asking.is_empty() {
        return Ok(Vec::new());
    }
    let asked = looker.read(asking.clone(), |text| Some((heirs::classes(text), Habits::of(text))))?;
    let mut told: Vec<(usize, Heirs)> = asked.iter().map(|(file, _)| (*file, Heirs::default())).collect();
    let paths: Vec<&Path> = looker.files.iter().map(|file| file.path.as_path()).collect();
    let shown = |file: usize| paths[file].display().to_string();
    let modules = Modules::new(paths.iter().copied());
    // Who imports a class under its name, or the module that it stands in, may derive from it.
    let mut names: BTreeSet<String> = asked
        .iter()
        .flat_map(|(_, (classes, _))| heirs::names(classes))
        .map(str::to_owned)
        .collect();
    let stems: BTreeSet<&str> = asking.iter().map(|file| stem(paths[*file])).collect();
    let parts = |file: usize| {
        mentions[file]
            .iter()
            .flat_map(Mentions::paths)
            .flat_map(|path| path.split('.'))
    };
    let mut read: BTreeSet<usize> = BTreeSet::new();
    let mut found: Vec<(usize, Vec<Heir>, Habits)> = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let is_knowing = |file: &usize| {
            !read.contains(file) && parts(*file).any(|part| part == "*" || stems.contains(part) || names.contains(part))
        };
        let wanted: Vec<usize> = (0..looker.files.len()).filter(is_knowing).collect();
        if wanted.is_empty() {
            break;
        }
        read.extend(&wanted);
        let new = looker.read(wanted, |text| Some((heirs::classes(text), Habits::of(text))))?;
        found.extend(new.into_iter().map(|(file, (classes, habits))| (file, classes, habits)));
        let before = names.len();
        loop {
            let heirs = found.iter().flat_map(|(_, classes, _)| classes);
            let more: Vec<String> = heirs
                .filter(|heir| heir.derives_from(&names) && !names.contains(&heir.name))
                .map(|heir| heir.name.clone())
                .collect();
            if more.is_empty() {
                break;
            }
            names.extend(more);
        }
        if names.len() == before {
            break;
        }
    }
    let imports = Imports {
        modules: &modules,
        mentions,
    };
    let knowing = imports.knowing(
        found
            .iter()
            .filter(|(.., habits)| habits.tell())
            .map(|(file, ..)| *file),
    );
    let mut others = Others::default();
    let mut habits: FxHashMap<usize, Habits> = FxHashMap::default();
    for (file, classes, own) in found {
        others.add(file, &shown(file), classes);
        habits.insert(file, own);
    }
    let mut meant: FxHashMap<(usize, &str), Vec<usize>> = FxHashMap::default();
    for ((home, (own, _)), (_, heirs)) in asked.iter().zip(&mut told) {
        let own_names: BTreeSet<&str> = heirs::names(own).collect();
        heirs.add_classes(own, &others, |other| {
            let (file, class) = &others.classes[other];
            let Some(name) = class.1.bases_named(&own_names).filter(|_| file != home) else {
                return file != home;
            };
            // Another module may have a class of the same name.
            let targets = meant
                .entry((*file, name))
                .or_insert_with(|| imports.targets(*file, name));
            targets.contains(home)
                || targets
                    .iter()
                    .all(|target| target == file || is_package(paths[*target]))
        });
        for (file, target) in knowing.get(stem(paths[*home])).into_iter().flatten() {
            if file != home && (target == home || is_package(paths[*target])) {
                heirs.add_habits(&shown(*file), &habits[file]);
            }
        }
    }
    tell_of_marks(looker, asks, &mut told)?;
    Ok(told)
}

/// What the files of the run import of each other.
struct Imports<'a> {
    modules: &'a Modules,
    mentions: &'a [Option<Mentions>],
}

impl<'a> Imports<'a> {
    fn paths_of(&self, user: usize) -> impl Iterator<Item = &'a str> {
        self.mentions[user].iter().flat_map(Mentions::paths)
    }

    fn target(&self, user: usize, path: &str) -> Option<usize> {
        match self.modules.find(user, path) {
            Some((ModuleId::File(file), _)) => Some(file),
            _ => None,
        }
    }

    /// The files that a file's imports of a name lead to; packages hand on what they import.
    fn targets(&self, user: usize, name: &str) -> Vec<usize> {
        self.paths_of(user)
            .filter(|path| path.rsplit('.').next() == Some(name))
            .filter_map(|path| self.target(user, path))
            .collect()
    }

    /// By each part of the paths that these files import: the files, in their order, with what the path leads to.
    fn knowing(&self, users: impl Iterator<Item = usize>) -> FxHashMap<&'a str, Vec<(usize, usize)>> {
        let mut found: FxHashMap<&str, Vec<(usize, usize)>> = FxHashMap::default();
        for user in users {
            for path in self.paths_of(user) {
                if let Some(target) = self.target(user, path) {
                    for part in path.split('.') {
                        found.entry(part).or_default().push((user, target));
                    }
                }
            }
        }
        found
    }
}

fn is_package(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "__init__")
}

/// The mark of coroutine functions is looked for in the whole run.
fn tell_of_marks(
    looker: &Looker,
    asks: impl Fn(usize, &[&str]) -> bool,
    told: &mut [(usize, Heirs)],
) -> Result<(), Error> {
    let asking: BTreeSet<usize> = told
        .iter()
        .map(|(file, _)| *file)
        .filter(|file| asks(*file, &["replace_iscoroutinefunction"]))
        .collect();
    if asking.is_empty() {
        return Ok(());
    }
    let marking = looker.read((0..looker.files.len()).collect(), |text| Habits::of(text).marks)?;
    for (file, heirs) in told.iter_mut().filter(|(file, _)| asking.contains(file)) {
        if let Some((other, line)) = marking.iter().find(|(other, _)| other != file) {
            heirs.add_mark(&format!("{}:{line}", looker.files[*other].path.display()));
        }
    }
    Ok(())
}
