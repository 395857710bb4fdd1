//! Rules of the code that no compiler checks: who may do input and output, who may know whom.

use std::path::{Path, PathBuf};

/// A file of the repository, its path relative to the root, with `/`.
struct File {
    path: String,
    text: String,
}

impl File {
    /// Lines of code with their 1-based numbers. A comment at the end of a line is left in, a line of comment is not.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn is_under(&self, prefix: &str) -> bool {
        self.path.starts_with(prefix)
    }

    /// `src/cli` and `src/main.rs`: the only part that reads, writes and prints.
    fn is_shell(&self) -> bool {
        self.is_under("src/cli/") || self.path == "src/main.rs"
    }
}

/// Every Rust file below these folders.
fn rust_files(folders: &[&str]) -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| walkdir::WalkDir::new(root.join(folder)))
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    paths.sort();
    let file = |path: PathBuf| File {
        path: path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/"),
        text: std::fs::read_to_string(&path).unwrap(),
    };
    let files: Vec<File> = paths.into_iter().map(file).collect();
    assert!(!files.is_empty());
    files
}

#[track_caller]
fn nowhere(files: &[File], forbidden: &[&str], rule: &str) {
    let mut found = Vec::new();
    for file in files {
        for (number, line) in file.code() {
            if let Some(word) = forbidden.iter().find(|word| line.contains(*word)) {
                found.push(format!("{}:{number}: `{word}`: {}", file.path, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn only_the_command_line_reads_writes_and_prints() {
    let mut files = rust_files(&["src", "codemods"]);
    files.retain(|file| !file.is_shell());
    let forbidden = [
        "std::fs",
        "std::env",
        "std::net",
        "std::process",
        "io::stdin",
        "io::stdout",
        "io::stderr",
        "println!",
        "eprintln!",
        "print!(",
        "eprint!(",
        "dbg!(",
    ];
    nowhere(&files, &forbidden, "files outside src/cli are free of input and output");
}

#[test]
fn only_the_command_line_knows_the_catalogue() {
    let mut files = rust_files(&["src"]);
    files.retain(|file| !file.is_shell());
    nowhere(
        &files,
        &["crate::codemods", "super::codemods", "asyncup::codemods"],
        "the spine is given its codemods",
    );
}

#[test]
fn codemods_do_not_know_each_other_nor_the_command_line() {
    let mut files = rust_files(&["codemods"]);
    files.retain(|file| file.path != "codemods/mod.rs");
    nowhere(
        &files,
        &["crate::codemods", "crate::cli", "super::super"],
        "what codemods share lives in src",
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = rust_files(&["src", "codemods", "tests"])
        .into_iter()
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| file.path)
        .collect();
    assert!(silent.is_empty(), "files without `//!` on top: {silent:#?}");
}

#[test]
fn no_test_is_switched_off() {
    // In two pieces, so that this file does not find itself.
    let attribute = concat!("#[ig", "nore");
    nowhere(
        &rust_files(&["src", "codemods", "tests"]),
        &[attribute],
        "a test runs or is deleted",
    );
}
