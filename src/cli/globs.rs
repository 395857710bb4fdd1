//! Globs of `--include`, `--exclude` and their keys, as ruff reads them: relative to a folder, and by name when they have no slash.

use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Globs that start from one folder.
#[derive(Clone, Debug)]
pub struct Globs {
    folder: PathBuf,
    set: GlobSet,
}

impl Globs {
    /// `folder` is absolute. `tests` matches that name anywhere, `a/tests` only below the folder, each with all that is in it.
    /// A `*` does not match a slash.
    pub fn new(folder: &Path, globs: &[String]) -> Result<Self, globset::Error> {
        let mut set = GlobSetBuilder::new();
        for glob in globs {
            let glob = glob.strip_prefix("./").unwrap_or(glob).trim_end_matches('/');
            let anywhere = if glob.contains('/') {
                String::new()
            } else {
                "**/".to_owned()
            };
            for inside in ["", "/**"] {
                let glob = format!("{anywhere}{glob}{inside}");
                set.add(GlobBuilder::new(&glob).literal_separator(true).build()?);
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            set: set.build()?,
        })
    }

    /// Whether an absolute path matches.
    pub fn matches(&self, path: &Path) -> bool {
        !self.set.is_empty()
            && (self.set.is_match(path.strip_prefix(&self.folder).unwrap_or(path)) || self.set.is_match(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(glob: &str, matching: &[&str], others: &[&str]) {
        let globs = Globs::new(Path::new("/p"), &[glob.to_owned()]).unwrap();
        for path in matching {
            assert!(globs.matches(Path::new(path)), "{glob} should match {path}");
        }
        for path in others {
            assert!(!globs.matches(Path::new(path)), "{glob} should not match {path}");
        }
    }

    #[test]
    fn globs_match_names_anywhere_and_paths_from_their_folder() {
        check("tests", &["/p/tests", "/p/a/tests/x.py", "/q/tests"], &["/p/tests.py"]);
        check("*_async*.py", &["/p/a/my_async_x.py"], &["/p/a/sync.py"]);
        check("a/tests/", &["/p/a/tests/x.py"], &["/p/b/a/tests/x.py"]);
        check("./a/*.py", &["/p/a/x.py"], &["/p/a/b/x.py"]);
        check(
            "**/handlers/**/*.py",
            &["/p/handlers/x.py", "/p/a/handlers/b/x.py"],
            &["/p/handlers.py"],
        );
        check("/p/a", &["/p/a/x.py"], &["/p/b"]);
    }
}
