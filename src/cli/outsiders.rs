//! Files beside those of a run that may use them: what is said of all callers is then said of some.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use memchr::memmem;

use super::discover::InputFile;
use crate::project::{COLOURING, scan};

/// As [`are_there`], for all files of a run that change together with their users.
pub fn of(folder: &Path, files: &[InputFile]) -> bool {
    let turns = |file: &&InputFile| {
        let codemods = file.profile.selection.codemods();
        codemods.iter().any(|codemod| codemod.name == COLOURING)
            && fs::read(folder.join(&file.path)).is_ok_and(|text| scan::may_turn(&text))
    };
    are_there(
        folder,
        files.iter().filter(turns).map(|file| file.path.as_path()),
        &run_of(files),
    )
}

/// As [`are_there`], for one file whatever is in it.
pub fn of_file(folder: &Path, file: &InputFile) -> bool {
    let run = run_of(std::slice::from_ref(file));
    are_there(folder, std::iter::once(file.path.as_path()), &run)
}

/// The paths of a run.
pub fn run_of(files: &[InputFile]) -> HashSet<PathBuf> {
    files.iter().map(|file| file.path.clone()).collect()
}

/// Whether a Python file in one of the folders of these files names one of their modules, and does not belong to the run. Paths are relative
/// to `folder`.
pub fn are_there<'p>(folder: &Path, files: impl Iterator<Item = &'p Path>, run: &HashSet<PathBuf>) -> bool {
    let mut modules: Vec<Vec<u8>> = Vec::new();
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    for file in files {
        let path = folder.join(file);
        let inside = path.parent().unwrap_or(folder).to_owned();
        let stem = path.file_stem().unwrap_or_default();
        // A package is known by the name of its folder.
        let name = if stem == "__init__" {
            inside.file_name().unwrap_or_default()
        } else {
            stem
        };
        modules.push(name.as_encoded_bytes().to_vec());
        // Who imports a package stands beside it.
        if inside.join("__init__.py").exists()
            && let Some(outside) = inside.parent()
        {
            folders.insert(outside.to_owned());
        }
        folders.insert(inside);
    }
    let others = folders
        .iter()
        .filter_map(|inside| fs::read_dir(inside).ok())
        .flatten()
        .flatten();
    let mut others = others
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .filter(|path| !run.contains(path.strip_prefix(folder).unwrap_or(path)));
    others.any(|path| {
        let text = fs::read(path).unwrap_or_default();
        modules.iter().any(|module| memmem::find(&text, module).is_some())
    })
}
