//! Tells this build of the program from others: what one build keeps in its cache, another that judges differently must not take for its own.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::disallowed_macros)]

use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// What the program is made of.
const SOURCES: &[&str] = &["src", "codemods", "Cargo.toml", "Cargo.lock", "build.rs"];

fn main() -> io::Result<()> {
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        add(Path::new(source), &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        hasher.write(file.as_os_str().as_encoded_bytes());
        hasher.write(&fs::read(&file)?);
    }
    println!("cargo::rustc-env=ASYNCUP_BUILD={:016x}", hasher.finish());
    Ok(())
}

/// The files at or below a path. One that does not exist is none: packages carry no lock file for their users.
fn add(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            add(&entry?.path(), files)?;
        }
    } else if path.exists() {
        files.push(path.to_owned());
    }
    Ok(())
}
