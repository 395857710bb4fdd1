//! The look at the files that call what may be coroutine functions of other files where a coroutine is out of place.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use memchr::memmem;

use crate::project::resolve::{ClassId, Found, FunctionId, Linker};
use crate::project::scan::Forgotten;
use crate::project::summary::Edge;
use crate::project::{Extent, Project, effects};

use super::super::Error;
use super::Looker;

/// Rounds in which files are parsed that those of the round before lead to.
const MAX_ROUNDS: usize = 6;

/// By the qualified name of the function around a call and its callee as written: where the coroutine function is defined.
type Coroutines = BTreeMap<(String, String), String>;

/// What of other files is certain to be called as a coroutine function, in each of these files.
pub(super) fn coroutines(looker: &Looker, forgotten: &Forgotten) -> Result<Vec<(usize, Coroutines)>, Error> {
    let files = &forgotten.files;
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let mut project = Project::new(looker.files.iter().map(|file| file.path.clone()));
    let mut parsed: BTreeSet<usize> = BTreeSet::new();
    let mut wanted = files.clone();
    let mut asked_for: BTreeSet<String> = BTreeSet::new();
    for _ in 0..MAX_ROUNDS {
        wanted.retain(|file| parsed.insert(*file));
        if wanted.is_empty() {
            break;
        }
        // A class that is not seen to derive could make a plain method of a coroutine one: nothing is certain then.
        if parsed.len() > looker.affordable() {
            return Ok(Vec::new());
        }
        looker.summarise(&mut project, &wanted, "summary", Extent::Chains)?;
        let linker = Linker::new(&project);
        wanted = effects::behind_calls(&linker, files, |name| forgotten.is_name(name))
            .into_iter()
            .collect();
        if wanted.is_empty() {
            wanted = deriving(looker, &linker, forgotten, &parsed, &mut asked_for)?;
        }
    }
    let linker = Linker::new(&project);
    let found: Vec<(usize, Calls)> = files
        .iter()
        .map(|file| (*file, of_file(&linker, *file, forgotten)))
        .collect();
    let callees: BTreeSet<FunctionId> = found.iter().flat_map(|(_, calls)| calls.values().copied()).collect();
    let replaced = replaced(looker, &linker, &callees)?;
    let told = found.into_iter().map(|(file, calls)| {
        let certain = calls.into_iter().filter(|(_, callee)| !replaced.contains(callee));
        let place = |id: FunctionId| linker.project.place(id.file, linker.function(id).line);
        (file, certain.map(|(call, callee)| (call, place(callee))).collect())
    });
    Ok(told
        .filter(|(_, found): &(usize, Coroutines)| !found.is_empty())
        .collect())
}

/// The files that may derive classes from those whose methods are called, which were not asked for before.
fn deriving(
    looker: &Looker,
    linker: &Linker,
    forgotten: &Forgotten,
    parsed: &BTreeSet<usize>,
    asked_for: &mut BTreeSet<String>,
) -> Result<Vec<usize>, Error> {
    let mut names: Vec<String> = Vec::new();
    for callee in forgotten
        .files
        .iter()
        .flat_map(|file| of_file(linker, *file, forgotten).into_values())
    {
        let Some(index) = linker.function(callee).class else {
            continue;
        };
        let class = ClassId {
            file: callee.file,
            index,
        };
        for class in linker.descendants(class).into_iter().chain([class]) {
            let name = linker.class(class).qualname.rsplit('.').next().unwrap_or_default();
            if asked_for.insert(name.to_owned()) {
                names.push(name.to_owned());
            }
        }
    }
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<memmem::Finder> = names.iter().map(|name| memmem::Finder::new(name.as_str())).collect();
    looker.unparsed(parsed, |text| {
        memmem::find(text, b"class ").is_some() && names.iter().any(|name| name.find(text).is_some())
    })
}

/// Those in whose place a file of the same package may put something else: by an assignment, or because it goes over coroutine functions and
/// sets attributes by computed names, as libraries do that offer their methods without `await` as well.
fn replaced(looker: &Looker, linker: &Linker, callees: &BTreeSet<FunctionId>) -> Result<BTreeSet<FunctionId>, Error> {
    let mut replaced = BTreeSet::new();
    if callees.is_empty() {
        return Ok(replaced);
    }
    // Modules beside each other belong together, too.
    let package = |file: usize| {
        if linker.modules.is_in_package(file) {
            let name = linker.modules.name_of(file);
            name.split('.').next().unwrap_or_default().to_owned()
        } else {
            let folder = linker.project.files[file].0.parent().unwrap_or(Path::new(""));
            format!("{}/", folder.display())
        }
    };
    let names: BTreeMap<&str, memmem::Finder> = callees
        .iter()
        .map(|id| (linker.name(*id), memmem::Finder::new(linker.name(*id))))
        .collect();
    let said = looker.read((0..linker.project.files.len()).collect(), |text| {
        let wraps = memmem::find(text, b"setattr(").is_some() && memmem::find(text, b"iscoroutinefunction").is_some();
        let assigned = names.iter().filter(|(_, finder)| assigns(text, finder));
        let assigned: Vec<&str> = assigned.map(|(name, _)| *name).collect();
        (wraps || !assigned.is_empty()).then_some((wraps, assigned))
    })?;
    for (file, (wraps, assigned)) in said {
        let here = package(file);
        let is_met = |id: &&FunctionId| package(id.file) == here && (wraps || assigned.contains(&linker.name(**id)));
        replaced.extend(callees.iter().filter(is_met));
    }
    Ok(replaced)
}

/// Whether a text assigns to an attribute of this name.
fn assigns(text: &[u8], name: &memmem::Finder) -> bool {
    name.find_iter(text).any(|at| {
        let next = text[at + name.needle().len()..].trim_ascii_start();
        text[..at].ends_with(b".") && next.starts_with(b"=") && !next.starts_with(b"==")
    })
}

/// By the qualified name of the function around a call and its callee as written: the coroutine function.
type Calls = BTreeMap<(String, String), FunctionId>;

/// The calls of one file that are certain to give a coroutine of another, by the names that are asked for.
fn of_file(linker: &Linker, file: usize, forgotten: &Forgotten) -> Calls {
    let mut found: BTreeMap<(String, String), Option<FunctionId>> = BTreeMap::new();
    let functions = linker.project.files[file]
        .1
        .iter()
        .flat_map(|summary| &summary.functions);
    for function in functions {
        for site in function
            .sites
            .iter()
            .filter(|site| site.edge == Edge::Call && !site.is_awaited)
            .filter(|site| forgotten.is_name(site.text.rsplit('.').next().unwrap_or_default().trim()))
        {
            let callee = match linker.find(file, &site.target) {
                Some(Found::Function(callee)) if callee.file != file => {
                    Some(callee).filter(|callee| linker.is_certain_coroutine(*callee))
                }
                _ => None,
            };
            let key = (function.qualname.clone(), crate::module::one_line(&site.text));
            // The same words for something else: nothing is said of either.
            let known = found.entry(key).or_insert(callee);
            if *known != callee {
                *known = None;
            }
        }
    }
    found
        .into_iter()
        .filter_map(|(key, callee)| Some((key, callee?)))
        .collect()
}
