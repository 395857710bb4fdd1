//! Replaces files: each as a whole or not at all, and only when it is still what was read.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a file was not replaced. It is as it was.
#[derive(Debug, Error)]
pub enum WriteError {
    #[error("changed since it was read; run again")]
    Changed,
    #[error("cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// A file that may be replaced: links followed, and with the content that was expected. As with git, its own mode does not stand in the way
/// (the new file takes it over); the folder's does.
pub struct Target {
    /// Without links, absolute.
    pub path: PathBuf,
    permissions: fs::Permissions,
    #[cfg(unix)]
    owner: (u32, u32),
}

impl Target {
    /// `is_expected` judges the bytes on disk.
    pub fn check(path: &Path, is_expected: impl FnOnce(&[u8]) -> bool) -> Result<Self, WriteError> {
        let path = fs::canonicalize(path)?;
        let metadata = fs::metadata(&path)?;
        if !is_expected(&fs::read(&path)?) {
            return Err(WriteError::Changed);
        }
        Ok(Self {
            permissions: metadata.permissions(),
            #[cfg(unix)]
            owner: {
                use std::os::unix::fs::MetadataExt;
                (metadata.uid(), metadata.gid())
            },
            path,
        })
    }

    /// Puts a new file in the place of the old one. Whoever reads it sees the old bytes or the new ones.
    pub fn replace(&self, bytes: &[u8]) -> Result<(), WriteError> {
        let mut file = tempfile::Builder::new()
            .prefix(".asyncup-")
            .suffix(".tmp")
            .tempfile_in(self.folder())?;
        file.write_all(bytes)?;
        #[cfg(unix)]
        {
            // Only the superuser may give files away; for anybody else the owner is the same or cannot be kept.
            let _ = std::os::unix::fs::fchown(file.as_file(), Some(self.owner.0), Some(self.owner.1));
        }
        file.as_file().set_permissions(self.permissions.clone())?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }
}

/// Makes the renames in these folders last, where the system can.
pub fn sync_folders<'a>(folders: impl IntoIterator<Item = &'a Path>) {
    let folders: BTreeSet<&Path> = folders.into_iter().collect();
    for folder in folders {
        // Some file systems cannot sync a folder; each file in it is whole all the same.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewrite(path: &Path, before: &[u8], after: &[u8]) -> Result<(), WriteError> {
        Target::check(path, |bytes| bytes == before)?.replace(after)
    }

    #[test]
    fn a_file_is_replaced_only_when_it_is_what_was_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.py");
        fs::write(&path, "old").unwrap();
        assert!(matches!(rewrite(&path, b"other", b"new"), Err(WriteError::Changed)));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        rewrite(&path, b"old", b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_mode_stays_and_links_lead_to_the_new_bytes() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("x.py"), folder.path().join("link.py"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o751)).unwrap();
        std::os::unix::fs::symlink("x.py", &link).unwrap();
        rewrite(&link, b"old", b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o751);
        assert_eq!(fs::read_link(&link).unwrap(), Path::new("x.py"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        rewrite(&path, b"new", b"newer").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"newer");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o444);
    }
}
