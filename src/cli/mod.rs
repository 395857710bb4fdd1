//! The command line: the only part that reads, writes or prints.
//!
//! Read the modules in this order: [`args`] (what is typed), `config` and `resolve` (what it means for a folder), `discover` (which
//! files), `read` (bytes to text), `process` (one file), `pipeline` (many files on many threads), `consumer` (the one that writes and
//! speaks), `journal` and `write` (nothing is lost), [`report`] (what is said), `cache` (what is not found out twice).

// What clippy.toml forbids everywhere else.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros)]

use std::env;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory;
use thiserror::Error;

use self::args::{Action, Arguments};
use self::config::ConfigError;
use self::discover::DiscoverError;
use self::journal::JournalError;
use self::report::{Command, OutputFormat};
use crate::codemods;

pub mod args;
mod cache;
pub mod catalogue;
pub mod config;
mod consumer;
mod discover;
mod encoding;
mod explain;
mod folders;
mod globs;
mod interrupt;
mod journal;
mod notebook;
mod outsiders;
mod pipeline;
mod process;
mod project_files;
mod read;
pub mod report;
mod resolve;
mod run;
mod survey;
mod undo;
mod write;

/// How a command ended, in ascending order of precedence; the numbers are the exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Clean = 0,
    /// Findings remain, or the diff is not empty.
    Found = 1,
    /// Some file was left alone because of what it is.
    Incomplete = 3,
    /// Bad usage, bad configuration, a missing path, an internal error.
    Failed = 2,
    Interrupted = 130,
}

impl Status {
    /// The one that goes before the other.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Found => 1,
            Self::Incomplete => 2,
            Self::Failed => 3,
            Self::Interrupted => 4,
        }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// Why a command could not do its work: what, why, and what next.
#[derive(Debug, Error)]
pub enum Error {
    #[error("the folder {} of --cache-dir cannot be made: {cause}", path.display())]
    CacheFolder { path: PathBuf, cause: io::Error },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("the working folder cannot be told: {0}")]
    WorkingFolder(io::Error),
    #[error("stdin cannot be read: {0}")]
    Stdin(io::Error),
    #[error("the output cannot be written: {0}")]
    Output(io::Error),
    #[error("threads cannot be started: {0}; try a lower --threads")]
    Threads(io::Error),
    #[error("nothing to explain: no codemod and no FILE:LINE is called {0} (`asyncup list` shows the codemods)")]
    UnknownSubject(String),
}

/// Does what the arguments say.
pub fn run(arguments: &Arguments) -> Result<Status, Error> {
    match &arguments.command {
        Action::Check(check) => {
            run::run(Command::Check, check.output_format, &check.run).map(|status| hidden(status, check.exit_zero))
        }
        Action::Diff(diff) => {
            run::run(Command::Diff, OutputFormat::Full, &diff.run).map(|status| hidden(status, diff.exit_zero))
        }
        Action::Apply(apply) => run::run(Command::Apply, apply.output_format, &apply.run),
        Action::List => printed(|out| catalogue::list(out, codemods::ALL)),
        Action::Explain(arguments) => explain::explain(arguments, codemods::ALL),
        Action::Undo(arguments) => undo::undo(arguments),
        Action::Completions { shell } => printed(|out| {
            clap_complete::generate(*shell, &mut Arguments::command(), "asyncup", out);
            Ok(())
        }),
    }
}

/// `--exit-zero` hides findings, and nothing else.
fn hidden(status: Status, exit_zero: bool) -> Status {
    if exit_zero && status == Status::Found {
        Status::Clean
    } else {
        status
    }
}

/// Prints a text that is made at once.
fn printed(make: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<Status, Error> {
    let mut text = Vec::new();
    make(&mut text)
        .and_then(|()| io::Write::write_all(&mut io::stdout(), &text))
        .or_else(forgive_closed_pipe)
        .map_err(Error::Output)?;
    Ok(Status::Clean)
}

/// Whoever closes the pipe has seen enough: that is success.
fn forgive_closed_pipe(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Ok(())
    } else {
        Err(error)
    }
}

fn working_folder() -> Result<PathBuf, Error> {
    env::current_dir().map_err(Error::WorkingFolder)
}
