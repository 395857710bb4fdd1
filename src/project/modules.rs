//! The module graph: which file an import means.
//!
//! A file has one identity, its path. A dotted name is looked up as Python would with the folder above the importer's package on its path, or
//! any folder above that, or the `src` beside it (Python reference, 5.2 and 5.3; PEP 420 for folders without `__init__.py`).

use std::cell::RefCell;
use std::path::Path;

use rustc_hash::{FxHashMap, FxHashSet};

/// A module of the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModuleId {
    File(usize),
    /// A folder without `__init__.py`: an index of [`Modules::folders`].
    Folder(usize),
}

/// The files of a project by their paths.
pub struct Modules {
    paths: Vec<String>,
    files: FxHashMap<String, usize>,
    folders: Vec<String>,
    folder_ids: FxHashMap<String, usize>,
    /// The folder of each file, as an index of `folders`.
    folder_of: Vec<Option<usize>>,
    /// What was found for the names that the files of a folder import, which mean the same to all of them.
    found: RefCell<FxHashMap<Option<usize>, ByName>>,
}

/// Modules by the dotted names that mean them, each with the number of parts that it takes.
type ByName = FxHashMap<String, Option<(ModuleId, usize)>>;

impl Modules {
    pub fn new<'p>(paths: impl Iterator<Item = &'p Path>) -> Self {
        let paths: Vec<String> = paths.map(|path| path.to_string_lossy().replace('\\', "/")).collect();
        let mut folders = Vec::new();
        let mut folder_ids = FxHashMap::default();
        for path in &paths {
            let mut at = path.as_str();
            while let Some((folder, _)) = at.rsplit_once('/') {
                if folder_ids.contains_key(folder) {
                    break;
                }
                folder_ids.insert(folder.to_owned(), folders.len());
                folders.push(folder.to_owned());
                at = folder;
            }
        }
        Self {
            files: paths
                .iter()
                .enumerate()
                .map(|(index, path)| (path.clone(), index))
                .collect(),
            folder_of: paths.iter().map(|path| folder_ids.get(parent(path)).copied()).collect(),
            paths,
            folders,
            folder_ids,
            found: RefCell::default(),
        }
    }

    /// The module that the first parts of an imported name mean to a file, and how many of its parts these are. Of a relative name, the dots
    /// are no parts. The longest run of parts that are modules is taken.
    pub fn find(&self, importer: usize, dotted: &str) -> Option<(ModuleId, usize)> {
        let folder = self.folder_of[importer];
        if let Some(known) = self.found.borrow().get(&folder).and_then(|known| known.get(dotted)) {
            return *known;
        }
        let found = self.looked_up(importer, dotted);
        let mut known = self.found.borrow_mut();
        known.entry(folder).or_default().insert(dotted.to_owned(), found);
        found
    }

    fn looked_up(&self, importer: usize, dotted: &str) -> Option<(ModuleId, usize)> {
        let name = dotted.trim_start_matches('.');
        let level = dotted.len() - name.len();
        let parts: Vec<&str> = name.split('.').filter(|part| !part.is_empty()).collect();
        let folder = parent(&self.paths[importer]);
        if level > 0 {
            let mut base = folder;
            for _ in 1..level {
                base = parent_of_folder(base)?;
            }
            return self.descend(base, &parts).or_else(|| Some((self.package(base)?, 0)));
        }
        self.roots_of(importer).find_map(|root| self.descend(&root, &parts))
    }

    /// The files of the packages that a dotted name leads through, which may bind the names of their modules to something else.
    pub fn packages_on_the_way(&self, importer: usize, dotted: &str) -> Vec<usize> {
        let name = dotted.trim_start_matches('.');
        let dots = &dotted[..dotted.len() - name.len()];
        let ends = name.match_indices('.').map(|(end, _)| end);
        let own = (!dots.is_empty()).then_some(0);
        own.into_iter()
            .chain(ends)
            .filter_map(|end| match self.find(importer, &format!("{dots}{}", &name[..end]))? {
                (ModuleId::File(file), _) if self.paths[file].ends_with("__init__.py") => Some(file),
                _ => None,
            })
            .filter(|file| *file != importer)
            .collect()
    }

    /// Whether an absolute name means modules in several of the folders from which the program may be started.
    pub fn is_ambiguous(&self, importer: usize, dotted: &str) -> bool {
        if dotted.starts_with('.') {
            return false;
        }
        let parts: Vec<&str> = dotted.split('.').collect();
        let mut found = self.roots_of(importer).filter_map(|root| self.descend(&root, &parts));
        let Some(first) = found.next() else { return false };
        found.any(|other| other != first)
    }

    /// The `conftest.py` of the folder of a file, and of each folder above that.
    pub fn conftests(&self, file: usize) -> impl Iterator<Item = usize> + '_ {
        let folders = std::iter::successors(Some(parent(&self.paths[file])), |at| parent_of_folder(at));
        folders.filter_map(|folder| self.files.get(&join(folder, "conftest.py")).copied())
    }

    /// The folders that an absolute name of a file may start from, the closest first.
    fn roots_of(&self, importer: usize) -> impl Iterator<Item = String> {
        let mut root = Some(parent(&self.paths[importer]));
        while let Some(at) = root {
            if !self.is_package(at) || at.is_empty() {
                break;
            }
            root = parent_of_folder(at);
        }
        let roots = std::iter::successors(root, |at| parent_of_folder(at));
        roots.flat_map(|at| [at.to_owned(), join(at, "src")])
    }

    /// The module of this name in a package.
    pub fn child(&self, package: ModuleId, name: &str) -> Option<ModuleId> {
        let folder = match package {
            ModuleId::Folder(folder) => self.folders[folder].as_str(),
            ModuleId::File(file) => {
                let path = self.paths[file].as_str();
                path.strip_suffix("__init__.py")?.trim_end_matches('/')
            }
        };
        self.descend(folder, &[name]).map(|(found, _)| found)
    }

    fn descend(&self, base: &str, parts: &[&str]) -> Option<(ModuleId, usize)> {
        let mut folder = base.to_owned();
        let mut found = None;
        for (index, part) in parts.iter().enumerate() {
            let inner = join(&folder, part);
            if let Some(package) = self
                .package(&inner)
                .filter(|package| matches!(package, ModuleId::File(_)))
            {
                found = Some((package, index + 1));
            } else if let Some(&file) = self.files.get(&format!("{inner}.py")) {
                return Some((ModuleId::File(file), index + 1));
            } else if let Some(package) = self.package(&inner) {
                found = Some((package, index + 1));
            } else {
                break;
            }
            folder = inner;
        }
        found
    }

    /// A folder as a module.
    fn package(&self, folder: &str) -> Option<ModuleId> {
        match self.files.get(&join(folder, "__init__.py")) {
            Some(&file) => Some(ModuleId::File(file)),
            None => self.folder_ids.get(folder).copied().map(ModuleId::Folder),
        }
    }

    fn is_package(&self, folder: &str) -> bool {
        self.files.contains_key(&join(folder, "__init__.py"))
    }

    /// Whether a file belongs to a package, which others may import.
    pub fn is_in_package(&self, file: usize) -> bool {
        let folder = parent(&self.paths[file]);
        !folder.is_empty() && self.is_package(folder)
    }

    /// The name by which people know a file: its path without the suffix, from the outermost package on.
    pub fn name_of(&self, file: usize) -> String {
        let path = self.paths[file].as_str();
        let path = path.strip_suffix(".py").unwrap_or(path);
        let path = path.strip_suffix("/__init__").unwrap_or(path);
        let mut parts: Vec<&str> = vec![path.rsplit('/').next().unwrap_or(path)];
        let mut folder = parent(path);
        while self.is_package(folder) && !folder.is_empty() {
            parts.push(folder.rsplit('/').next().unwrap_or(folder));
            folder = parent(folder);
        }
        parts.reverse();
        parts.join(".")
    }

    /// The folders from which modules are imported without a package: one for each program or distribution.
    pub fn roots(&self) -> FxHashSet<&str> {
        let mut roots = FxHashSet::default();
        for path in &self.paths {
            let mut folder = parent(path);
            while self.is_package(folder) && !folder.is_empty() {
                folder = parent(folder);
            }
            roots.insert(folder);
        }
        roots
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// `None` above the folder that paths are relative to, or the root of the file system.
fn parent_of_folder(folder: &str) -> Option<&str> {
    (!folder.is_empty()).then(|| parent(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(importer: &str, dotted: &str, expected: Option<(&str, usize)>) {
        let paths = [
            "app/pkg/__init__.py",
            "app/pkg/api.py",
            "app/pkg/deep/__init__.py",
            "app/pkg/deep/net.py",
            "app/main.py",
            "app/space/tool.py",
            "lib/src/core/__init__.py",
            "lib/src/core/base.py",
            "lib/tests/test_base.py",
        ];
        let modules = Modules::new(paths.iter().map(Path::new));
        let importer = paths.iter().position(|path| *path == importer).unwrap();
        let found = modules.find(importer, dotted).map(|(module, parts)| match module {
            ModuleId::File(file) => (paths[file], parts),
            ModuleId::Folder(folder) => (modules.folders[folder].as_str(), parts),
        });
        assert_eq!(found, expected, "{dotted} in {}", paths[importer]);
    }

    #[test]
    fn imports_find_their_files() {
        check("app/main.py", "pkg.api.title", Some(("app/pkg/api.py", 2)));
        check("app/main.py", "pkg.title", Some(("app/pkg/__init__.py", 1)));
        check("app/pkg/api.py", ".deep.net", Some(("app/pkg/deep/net.py", 2)));
        check("app/pkg/deep/net.py", "..api.x", Some(("app/pkg/api.py", 1)));
        check("app/pkg/deep/net.py", ".", Some(("app/pkg/deep/__init__.py", 0)));
        check("app/pkg/deep/net.py", "pkg.api", Some(("app/pkg/api.py", 2)));
        check("app/main.py", "space.tool.run", Some(("app/space/tool.py", 2)));
        check(
            "lib/tests/test_base.py",
            "core.base.f",
            Some(("lib/src/core/base.py", 2)),
        );
        check("app/pkg/api.py", "api", None);
        check("app/main.py", "json", None);
    }

    #[test]
    fn a_file_has_one_name() {
        let modules = Modules::new(
            ["app/pkg/__init__.py", "app/pkg/api.py", "app/main.py"]
                .iter()
                .map(Path::new),
        );
        let names: Vec<String> = (0..3).map(|file| modules.name_of(file)).collect();
        assert_eq!(names, ["pkg", "pkg.api", "main"]);
    }
}
