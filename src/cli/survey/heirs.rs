//! The look at the files that know something of those that rest on what their own classes and functions are.

use std::collections::BTreeSet;
use std::path::Path;

use crate::project::heirs::{self, Habits, Heir, Heirs};
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
    for ((home, (own, _)), (_, heirs)) in asked.iter().zip(&mut told) {
        let own_names: BTreeSet<&str> = heirs::names(own).collect();
        let others: Vec<(String, Heir)> = found
            .iter()
            .filter(|(file, ..)| file != home)
            .flat_map(|(file, classes, _)| classes.iter().map(move |class| (*file, class)))
            .filter(|(file, class)| {
                let meant = class.bases_named(&own_names);
                // Another module may have a class of the same name.
                meant.is_none_or(|name| is_of(&modules, mentions, &paths, *file, name, *home))
            })
            .map(|(file, class)| (shown(file), class.clone()))
            .collect();
        heirs.add_classes(own, &others);
        for (file, _, habits) in found.iter().filter(|(file, ..)| file != home) {
            if knows(&modules, mentions, &paths, *file, *home) {
                heirs.add_habits(&shown(*file), habits);
            }
        }
    }
    tell_of_marks(looker, asks, &mut told)?;
    Ok(told)
}

/// Whether a file may mean a module's class by a name: its imports say so, or do not say which module they mean.
fn is_of(
    modules: &Modules,
    mentions: &[Option<Mentions>],
    paths: &[&Path],
    user: usize,
    name: &str,
    home: usize,
) -> bool {
    let named = mentions[user]
        .iter()
        .flat_map(Mentions::paths)
        .filter(|path| path.rsplit('.').next() == Some(name));
    let mut is_certain = false;
    for path in named {
        match modules.find(user, path) {
            Some((ModuleId::File(file), _)) if file == home => return true,
            // A package hands on what it imports.
            Some((ModuleId::File(file), _)) if file != user && !is_package(paths[file]) => is_certain = true,
            _ => {}
        }
    }
    !is_certain
}

/// Whether a file imports something of another one, through a package perhaps.
fn knows(modules: &Modules, mentions: &[Option<Mentions>], paths: &[&Path], user: usize, home: usize) -> bool {
    let stem = stem(paths[home]);
    let mut named = mentions[user]
        .iter()
        .flat_map(Mentions::paths)
        .filter(|path| path.split('.').any(|part| part == stem));
    named.any(|path| match modules.find(user, path) {
        Some((ModuleId::File(file), _)) => file == home || is_package(paths[file]),
        _ => false,
    })
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
