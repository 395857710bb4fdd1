//! Paths as typed to the sorted list of files that a run looks at.
//!
//! Folders are searched as ruff does: `.gitignore` and `.ignore` count, inside a repository or not, hidden folders are not special, and
//! the folders of environments, caches and builds are left out. What is named outright is taken whatever it is.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::{DirEntry, ParallelVisitor, ParallelVisitorBuilder, WalkBuilder, WalkState};
use rustc_hash::FxHashSet;
use thiserror::Error;

use super::config::ConfigError;
use super::resolve::{Profile, Resolver};

/// Folders that hold nobody's own code.
const NOT_OURS: &[&str] = &[
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".git-rewrite",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pants.d",
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pypackages__",
    "_build",
    "buck-out",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
];

/// The names of files that hold Python.
const EXTENSIONS: &[&str] = &["py", "pyi", "ipynb"];

/// Why no run can begin.
#[derive(Debug, Error)]
pub enum DiscoverError {
    #[error("no such file or folder: {}", .0.display())]
    Missing(PathBuf),
    #[error("the list of paths {} cannot be read: {cause}", path.display())]
    List { path: PathBuf, cause: io::Error },
    #[error("`-` (stdin) cannot be mixed with other paths")]
    MixedStdin,
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// One file of a run.
pub struct InputFile {
    /// As shown and as opened: relative to the working folder where it lies below it, else absolute.
    pub path: PathBuf,
    pub profile: Arc<Profile>,
    /// Whether it was named outright, and not found in a folder.
    pub is_named: bool,
}

/// What was found.
#[derive(Default)]
pub struct Discovered {
    /// Sorted by the bytes of the path, without doubles.
    pub files: Vec<InputFile>,
    /// Places that could not be looked into, each with the cause.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// Replaces each `@FILE` by the paths that the file lists, one a line; a file of that very name goes before.
pub fn expand_lists(paths: &[PathBuf]) -> Result<Vec<PathBuf>, DiscoverError> {
    let mut all = Vec::new();
    for path in paths {
        let list = path
            .to_str()
            .and_then(|path| path.strip_prefix('@'))
            .filter(|_| !path.exists());
        let Some(list) = list else {
            all.push(path.clone());
            continue;
        };
        let failed = |cause| DiscoverError::List {
            path: list.into(),
            cause,
        };
        let lines: Vec<String> = if list == "-" {
            io::stdin().lock().lines().collect::<Result<_, _>>().map_err(failed)?
        } else {
            fs::read_to_string(list)
                .map_err(failed)?
                .lines()
                .map(str::to_owned)
                .collect()
        };
        all.extend(
            lines
                .iter()
                .map(|line| line.trim_end_matches('\r'))
                .filter(|line| !line.is_empty())
                .map(PathBuf::from),
        );
    }
    Ok(all)
}

/// Finds the files of a run.
pub fn discover(paths: &[PathBuf], resolver: &Resolver, threads: usize) -> Result<Discovered, DiscoverError> {
    let finder = Finder {
        resolver,
        found: Mutex::default(),
        failure: Mutex::default(),
    };
    let mut folders: Option<WalkBuilder> = None;
    for path in paths {
        let path = absolute(path, &resolver.folder).map_err(|_| DiscoverError::Missing(path.clone()))?;
        let metadata = fs::metadata(&path).map_err(|_| DiscoverError::Missing(shown(&path, &resolver.folder)))?;
        if !metadata.is_dir() {
            let profile = resolver.profile(path.parent().unwrap_or(&path))?;
            let is_link = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_symlink());
            let mut found = finder.found.lock().unwrap_or_else(PoisonError::into_inner);
            found.add(path, profile, true, is_link, resolver);
            continue;
        }
        match &mut folders {
            None => folders = Some(WalkBuilder::new(path)),
            Some(folders) => {
                folders.add(path);
            }
        }
    }
    if let Some(mut folders) = folders {
        folders
            .standard_filters(true)
            .hidden(false)
            .require_git(false)
            .follow_links(false)
            .threads(threads);
        folders.build_parallel().visit(&mut Visitors { finder: &finder });
    }
    if let Some(error) = finder.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error.into());
    }
    Ok(finder
        .found
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .into_sorted(&resolver.folder))
}

/// The path from the root, without `.` and `..`; the folder is the one that relative paths start from.
pub fn absolute(path: &Path, folder: &Path) -> io::Result<PathBuf> {
    use std::path::Component;
    let path = folder.join(path);
    if path.components().any(|component| component == Component::ParentDir) {
        // `link/..` is not where the link stands; only the file system knows. The last name stays: it may be a link to rewrite through.
        return match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) => Ok(fs::canonicalize(parent)?.join(name)),
            _ => fs::canonicalize(path),
        };
    }
    Ok(path
        .components()
        .filter(|component| *component != Component::CurDir)
        .collect())
}

/// A path as it is shown: relative where it lies below the folder.
pub fn shown(path: &Path, folder: &Path) -> PathBuf {
    match path.strip_prefix(folder) {
        Ok(relative) if !relative.as_os_str().is_empty() => relative.to_owned(),
        _ => path.to_owned(),
    }
}

struct Finder<'a> {
    resolver: &'a Resolver,
    found: Mutex<Found>,
    failure: Mutex<Option<ConfigError>>,
}

#[derive(Default)]
struct Found {
    files: Vec<InputFile>,
    /// Links to files, with what they lead to.
    links: Vec<(InputFile, PathBuf)>,
    unreadable: Vec<(PathBuf, String)>,
}

impl Found {
    fn add(&mut self, path: PathBuf, profile: Arc<Profile>, is_named: bool, is_link: bool, resolver: &Resolver) {
        let file = InputFile {
            path: shown(&path, &resolver.folder),
            profile,
            is_named,
        };
        match is_link.then(|| fs::canonicalize(&path)) {
            None => self.files.push(file),
            Some(Ok(target)) => self.links.push((file, target)),
            Some(Err(cause)) => self.unreadable.push((file.path, format!("cannot be read: {cause}"))),
        }
    }

    fn into_sorted(mut self, folder: &Path) -> Discovered {
        self.take_links(folder);
        // By bytes: comparing by component costs more than reading the files.
        self.files
            .sort_unstable_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)).then(b.is_named.cmp(&a.is_named)));
        self.files.dedup_by(|a, b| a.path == b.path);
        self.unreadable.sort();
        Discovered {
            files: self.files,
            unreadable: self.unreadable,
        }
    }

    /// Takes the links to files that are not taken already: a file must not be rewritten twice.
    fn take_links(&mut self, folder: &Path) {
        let names: FxHashSet<&OsStr> = self.links.iter().filter_map(|(_, target)| target.file_name()).collect();
        let mut taken: FxHashSet<PathBuf> = self
            .files
            .iter()
            .filter(|file| file.path.file_name().is_some_and(|name| names.contains(name)))
            .filter_map(|file| fs::canonicalize(folder.join(&file.path)).ok())
            .collect();
        self.links
            .sort_unstable_by(|(a, _), (b, _)| bytes(&a.path).cmp(bytes(&b.path)));
        for (file, target) in self.links.drain(..) {
            if taken.insert(target) {
                self.files.push(file);
            }
        }
    }
}

fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

struct Visitors<'a> {
    finder: &'a Finder<'a>,
}

impl<'a> ParallelVisitorBuilder<'a> for Visitors<'a> {
    fn build(&mut self) -> Box<dyn ParallelVisitor + 'a> {
        Box::new(Visitor {
            finder: self.finder,
            found: Found::default(),
            last: None,
        })
    }
}

/// What one thread has found.
struct Visitor<'a> {
    finder: &'a Finder<'a>,
    found: Found,
    /// The folder asked for last, and what holds for it: files come folder by folder.
    last: Option<(PathBuf, Arc<Profile>)>,
}

impl Visitor<'_> {
    fn profile(&mut self, folder: &Path) -> Result<Arc<Profile>, ConfigError> {
        match &self.last {
            Some((last, profile)) if last == folder => Ok(Arc::clone(profile)),
            _ => {
                let profile = self.finder.resolver.profile(folder)?;
                self.last = Some((folder.to_owned(), Arc::clone(&profile)));
                Ok(profile)
            }
        }
    }

    fn entry(&mut self, entry: &DirEntry) -> Result<WalkState, ConfigError> {
        let Some(kind) = entry.file_type().filter(|_| entry.depth() > 0) else {
            return Ok(WalkState::Continue);
        };
        let path = entry.path();
        let folder = path.parent().unwrap_or(path);
        if kind.is_dir() {
            let skip = is_not_ours(entry.file_name()) || self.profile(folder)?.excludes(path);
            return Ok(if skip { WalkState::Skip } else { WalkState::Continue });
        }
        if !is_python(path) || (kind.is_symlink() && !path.is_file()) || !(kind.is_file() || kind.is_symlink()) {
            return Ok(WalkState::Continue);
        }
        let profile = self.profile(folder)?;
        if profile.includes(path) && !profile.excludes(path) {
            self.found
                .add(path.to_owned(), profile, false, kind.is_symlink(), self.finder.resolver);
        }
        Ok(WalkState::Continue)
    }
}

impl ParallelVisitor for Visitor<'_> {
    fn visit(&mut self, entry: Result<DirEntry, ignore::Error>) -> WalkState {
        let result = match entry {
            Ok(entry) => self.entry(&entry),
            Err(error) => {
                if let Some((path, cause)) = place_of(&error) {
                    let path = shown(path, &self.finder.resolver.folder);
                    self.found.unreadable.push((path, format!("cannot be read: {cause}")));
                }
                Ok(WalkState::Continue)
            }
        };
        result.unwrap_or_else(|error| {
            *self.finder.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            WalkState::Quit
        })
    }
}

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        let mut all = self.finder.found.lock().unwrap_or_else(PoisonError::into_inner);
        all.files.append(&mut self.found.files);
        all.links.append(&mut self.found.links);
        all.unreadable.append(&mut self.found.unreadable);
    }
}

fn is_not_ours(name: &OsStr) -> bool {
    name.to_str().is_some_and(|name| NOT_OURS.binary_search(&name).is_ok())
}

fn is_python(path: &Path) -> bool {
    path.extension()
        .and_then(OsStr::to_str)
        .is_some_and(|extension| EXTENSIONS.contains(&extension))
}

/// The path in an error of the walk, and the cause. Errors in ignore files have none: such lines say nothing.
fn place_of(error: &ignore::Error) -> Option<(&Path, String)> {
    match error {
        ignore::Error::WithPath { path, err } => Some((path, err.to_string())),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => place_of(err),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::{ConfigurationArguments, FileArguments, SelectionArguments};
    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new(files: &[(&str, &str)]) -> Self {
            let tree = Self(tempfile::tempdir().unwrap());
            for (name, text) in files {
                let path = tree.root().join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            tree
        }

        fn root(&self) -> PathBuf {
            fs::canonicalize(self.0.path()).unwrap()
        }

        fn find(&self, paths: &[&str], files: &FileArguments) -> Result<Vec<String>, DiscoverError> {
            let resolver = Resolver::new(
                &[],
                self.root(),
                &SelectionArguments::default(),
                files,
                &ConfigurationArguments::default(),
            )?;
            let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
            let found = discover(&paths, &resolver, 2)?;
            let name = |path: &Path| path.to_str().unwrap().replace('\\', "/");
            Ok(found.files.iter().map(|file| name(&file.path)).collect())
        }

        #[track_caller]
        fn finds(&self, paths: &[&str], expected: &[&str]) {
            assert_eq!(self.find(paths, &FileArguments::default()).unwrap(), expected);
        }
    }

    #[test]
    fn the_names_are_sorted_for_the_search() {
        assert!(NOT_OURS.is_sorted());
    }

    #[test]
    fn folders_are_searched_and_what_is_named_is_taken() {
        let tree = Tree::new(&[
            (".gitignore", "ignored/\n"),
            ("b.py", ""),
            ("a/x.pyi", ""),
            ("a/n.ipynb", ""),
            ("a/readme.md", ""),
            ("a-b.py", ""),
            (".hidden/h.py", ""),
            (".venv/lib/v.py", ""),
            ("a/node_modules/m.py", ""),
            ("ignored/i.py", ""),
            ("script", ""),
        ]);
        tree.finds(&["."], &[".hidden/h.py", "a-b.py", "a/n.ipynb", "a/x.pyi", "b.py"]);
        tree.finds(&["a", "./a/x.pyi", "a/../a"], &["a/n.ipynb", "a/x.pyi"]);
        tree.finds(&["script", "ignored/i.py", "b.py"], &["b.py", "ignored/i.py", "script"]);
        tree.finds(&[".venv"], &[".venv/lib/v.py"]);
        let missing = tree.find(&["nope"], &FileArguments::default()).unwrap_err();
        assert_eq!(missing.to_string(), "no such file or folder: nope");
    }

    #[test]
    fn the_closest_configuration_and_the_flags_narrow_the_search() {
        let tree = Tree::new(&[
            ("pyproject.toml", "[tool.asyncup]\nexclude = ['old']\n"),
            ("a/old/x.py", ""),
            ("a/new.py", ""),
            ("b/asyncup.toml", "include = ['*_async*.py']\n"),
            ("b/old/x_async.py", ""),
            ("b/y.py", ""),
            ("c/handlers/z.py", ""),
        ]);
        tree.finds(&["."], &["a/new.py", "b/old/x_async.py", "c/handlers/z.py"]);
        tree.finds(&["a/old/x.py"], &["a/old/x.py"]);
        let flags = FileArguments {
            exclude: vec!["c".to_owned()],
            include: vec!["*.py".to_owned()],
            ..FileArguments::default()
        };
        assert_eq!(
            tree.find(&["."], &flags).unwrap(),
            ["a/new.py", "b/old/x_async.py", "b/y.py"]
        );
        let preset = FileArguments {
            preset: Some(super::super::config::Preset::Services),
            ..FileArguments::default()
        };
        assert_eq!(
            tree.find(&["."], &preset).unwrap(),
            ["b/old/x_async.py", "c/handlers/z.py"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_taken_once_however_many_links_lead_to_it() {
        let tree = Tree::new(&[("a/x.py", ""), ("outside/y.py", "")]);
        let link = |from: &str, to: &str| std::os::unix::fs::symlink(from, tree.root().join(to)).unwrap();
        link("x.py", "a/link.py");
        link("..", "a/loop");
        link("nothing.py", "a/broken.py");
        link("../outside/y.py", "a/other.py");
        tree.finds(&["."], &["a/x.py", "outside/y.py"]);
        tree.finds(&["a"], &["a/other.py", "a/x.py"]);
        tree.finds(&["a/link.py"], &["a/link.py"]);
    }
}
