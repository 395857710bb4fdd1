//! Where the program keeps what is its own: never in the project.

use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::path::{Path, PathBuf};

/// A folder of the user: what the first variable names, else `asyncup` in what the second one names (XDG Base Directory Specification), else in
/// this place below the home folder. `None` where there is no home folder.
pub fn of_user(own: &str, xdg: &str, below_home: &str) -> Option<PathBuf> {
    let given = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    given(own)
        .or_else(|| given(xdg).map(|folder| folder.join("asyncup")))
        .or_else(|| {
            let home = env::home_dir().filter(|home| !home.as_os_str().is_empty());
            home.map(|home| home.join(below_home).join("asyncup"))
        })
}

/// The part of such a folder that belongs to an absolute working folder.
pub fn of_working_folder(folder: &Path, working_folder: &Path) -> PathBuf {
    let working_folder = fs::canonicalize(working_folder).unwrap_or_else(|_| working_folder.to_owned());
    let hash = blake3::hash(working_folder.as_os_str().as_encoded_bytes());
    folder.join(&hash.to_hex()[..32])
}

/// Makes a folder, and those above it, for its owner alone: it holds the text of sources.
pub fn make_private(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.recursive(true).create(folder)
}
