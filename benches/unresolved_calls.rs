//! Measures how many calls the project ring cannot follow: those on a receiver of which nothing is known, where a method of the project has the name.
//!
//! ```sh
//! cargo bench --bench unresolved_calls -- [-v] FOLDER...
//! ```
//!
//! Each folder is one project; all of its `.py` files are summarised, tests included. Prints files, calls, unresolved calls and their share; with `-v` the names
//! that occur most among them, and each place.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use asyncup::codemod::Context;
use asyncup::module::Module;
use asyncup::project::{Extent, Project, ProjectFacts, summarise};
use asyncup::semantic::SemanticModel;
use asyncup::settings::Settings;
use asyncup::source::Source;

fn main() {
    let mut is_verbose = false;
    let mut folders = Vec::new();
    for argument in env::args_os().skip(1) {
        match argument.to_str() {
            Some("-v") => is_verbose = true,
            // `cargo bench` says it to every benchmark.
            Some("--bench") => {}
            _ => folders.push(PathBuf::from(argument)),
        }
    }
    if folders.is_empty() {
        println!("no folders were named");
    }
    for folder in folders {
        measure(&folder, is_verbose);
    }
}

fn measure(folder: &Path, is_verbose: bool) {
    let is_python = |path: &Path| path.extension().is_some_and(|extension| extension == "py");
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter();
    let files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(walkdir::DirEntry::into_path)
        .filter(|path| is_python(path))
        .collect();
    let settings = Settings::default();
    let relative = files
        .iter()
        .map(|path| path.strip_prefix(folder).unwrap_or(path).to_owned());
    let mut project = Project::new(relative);
    for (path, (_, summary)) in files.iter().zip(&mut project.files) {
        let Ok(text) = std::fs::read_to_string(path) else {
            continue;
        };
        let source = Source::module(text);
        let Ok(module) = Module::parse(&source, settings.target) else {
            continue;
        };
        let (model, facts) = (SemanticModel::build(&module), ProjectFacts::default());
        let context = Context::of_file(&module, &model, &settings, &facts);
        *summary = Some(summarise(&context, Extent::Usage));
    }
    let found = project.resolution();
    let share = 100.0 * found.unresolved.len() as f64 / found.calls.max(1) as f64;
    println!(
        "{}: {} files, {} calls, {} unresolved ({share:.1} %)",
        folder.display(),
        files.len(),
        found.calls,
        found.unresolved.len()
    );
    if is_verbose {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, text) in &found.unresolved {
            // What is written at length is cut, and ends in dots.
            let name = text.trim_end_matches('.').rsplit('.').next().unwrap_or(text);
            *names.entry(name).or_default() += 1;
        }
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_by_key(|(name, count)| (usize::MAX - count, *name));
        for (name, count) in names.iter().take(30) {
            println!("  {count:6} {name}");
        }
        for (place, text) in &found.unresolved {
            println!("  {place}: {text}");
        }
    }
}
