//! What a run prints. Files arrive one after the other in path order, so that a run over many files holds few of them in memory.
//!
//! [`check`] prints findings in one of the [`format`]s, [`changes`] prints what `diff` and `apply` change; both count in a [`tally`] and
//! end with a summary. Machine formats leave stdout to the machine: summaries and skipped files go to stderr then.

use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::finding::Finding;
use crate::project::ProjectFacts;
use crate::rewrite::Outcome;
use crate::settings::Settings;
use crate::source::Source;

mod changes;
mod check;
mod colored_diff;
mod concise;
mod excerpt;
mod format;
mod full;
mod github;
mod json;
mod sarif;
mod tally;
mod text;
mod view;

/// What one file came to.
pub struct FileReport {
    /// As shown: relative to the current folder where it lies below it, with `/`.
    pub path: PathBuf,
    /// The bytes on disk, as they were read. They differ from the text in files of other encodings and in notebooks.
    pub raw: Vec<u8>,
    pub source: Source,
    /// The settings that the file was analysed with.
    pub settings: Arc<Settings>,
    /// What the project said to it.
    pub project: ProjectFacts,
    pub result: FileResult,
}

#[derive(Serialize, Deserialize)]
pub enum FileResult {
    /// `check`: findings in offsets of the source, declined ones included.
    Checked(Vec<Finding>),
    /// `diff` and `apply`.
    Rewritten {
        outcome: Outcome,
        /// The bytes to write; `None` when nothing was applied.
        bytes: Option<Vec<u8>>,
    },
    /// The file was left alone; the text says why (`syntax error at 3:1: ...`). What stands before ` at ` or `: ` names the kind of
    /// cause in the summary.
    Skipped(String),
}

/// Receives the files of a run in path order. Everything goes through the writers that it was made with.
///
/// Errors are those of the writers. A broken pipe is one of them: whoever runs the command treats it as success.
pub trait Reporter {
    fn file(&mut self, file: &FileReport) -> io::Result<()>;
    /// After the last file: closing brackets, left-overs, statistics, the summary line. Flushes both writers.
    fn finish(&mut self) -> io::Result<()>;
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputFormat {
    /// Source lines with underlines and notes
    #[default]
    Full,
    /// One line for each finding
    Concise,
    /// One array of objects
    Json,
    /// One object on each line
    JsonLines,
    /// Annotations of GitHub Actions
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

impl OutputFormat {
    /// Whether stdout belongs to a program that reads it, so that nothing else may be printed there.
    pub fn is_machine(self) -> bool {
        !matches!(self, Self::Full | Self::Concise)
    }
}

/// The commands that print files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Check,
    Diff,
    Apply,
}

/// What decides about the look of a run's output.
#[derive(Clone, Copy, Debug)]
pub struct ReportOptions {
    pub command: Command,
    /// How findings are printed. `diff` prints hunks whatever it is.
    pub format: OutputFormat,
    pub color_stdout: bool,
    pub color_stderr: bool,
    /// No summary: only findings or hunks, and the files that were skipped.
    pub quiet: bool,
    /// Also what was left alone, each with its reason.
    pub verbose: bool,
    /// Counts for each codemod; they stand in place of the findings where these are printed for people.
    pub statistics: bool,
    /// Whether the run applies unsafe fixes: decides which command a fixable finding is told to use.
    pub unsafe_fixes: bool,
}

/// The reporter of a command. `folder` is where relative paths start, `out` is stdout, `err` is stderr.
pub fn reporter(
    options: ReportOptions,
    folder: &Path,
    out: Box<dyn io::Write>,
    err: Box<dyn io::Write>,
) -> Box<dyn Reporter> {
    match options.command {
        Command::Check => Box::new(check::CheckReporter::new(options, out, err)),
        Command::Diff | Command::Apply => Box::new(changes::ChangeReporter::new(options, folder, out, err)),
    }
}
