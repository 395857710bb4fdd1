//! What a run prints. Files arrive one after the other in path order, so that a run over many files holds few of them in memory.

use std::io;
use std::path::PathBuf;

use crate::finding::Finding;
use crate::rewrite::Outcome;
use crate::source::Source;

/// What one file came to.
pub struct FileReport {
    /// As shown: relative to the current folder where it lies below it, with `/`.
    pub path: PathBuf,
    pub source: Source,
    pub result: FileResult,
}

pub enum FileResult {
    /// `check`: findings in offsets of the source, declined ones included.
    Checked(Vec<Finding>),
    /// `diff` and `apply`.
    Rewritten(Outcome),
    /// The file was left alone; the text says why (`syntax error at 3:1: ...`).
    Skipped(String),
}

/// Receives the files of a run in path order. Everything goes through the writers that it was made with.
pub trait Reporter {
    fn file(&mut self, file: &FileReport) -> io::Result<()>;
    /// After the last file: closing brackets, left-overs, statistics, the summary line.
    fn finish(&mut self) -> io::Result<()>;
}
