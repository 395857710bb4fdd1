//! `undo`: puts back what an `apply` replaced, where nobody has changed it since.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::args::UndoArguments;
use super::discover::shown;
use super::journal::{Entry, Journal, Run};
use super::write::{self, Target, WriteError};
use super::{Error, Status};

/// Restores the files of a run, or lists the runs.
pub fn undo(arguments: &UndoArguments) -> Result<Status, Error> {
    let folder = super::working_folder()?;
    let journal = Journal::of(&folder)?;
    if arguments.list {
        return list(&journal);
    }
    let (run, entries) = match &arguments.run {
        Some(id) => {
            let run = journal.run(id)?;
            let entries = run.entries()?;
            (run, entries)
        }
        None => journal.last_run(is_as_rewritten)?,
    };
    let restored = restore(&run, &entries)?;
    report(&run, &restored, &folder, arguments)
        .or_else(super::forgive_closed_pipe)
        .map_err(Error::Output)?;
    Ok(if restored.refused.is_empty() {
        Status::Clean
    } else {
        Status::Incomplete
    })
}

fn list(journal: &Journal) -> Result<Status, Error> {
    let mut lines = String::new();
    for run in journal.runs()?.iter().rev() {
        let count = run.file_count()?;
        let started = run.started().unwrap_or_default();
        let undone = if run.undone { ", undone" } else { "" };
        lines += &format!("{}  {started}  {}{undone}\n", run.id, files(count));
    }
    if lines.is_empty() {
        let _ = writeln!(io::stderr(), "no `apply` in this folder is known");
    }
    io::stdout()
        .write_all(lines.as_bytes())
        .or_else(super::forgive_closed_pipe)
        .map_err(Error::Output)?;
    Ok(Status::Clean)
}

/// What became of the files of a run.
struct Restored {
    restored: Vec<PathBuf>,
    refused: Vec<(PathBuf, String)>,
}

fn restore(run: &Run, entries: &[Entry]) -> Result<Restored, Error> {
    let mut all = Restored {
        restored: Vec::new(),
        refused: Vec::new(),
    };
    for entry in entries {
        match restore_file(entry) {
            Ok(true) => all.restored.push(entry.path.clone()),
            Ok(false) => {}
            Err(error) if matches!(error, WriteError::Changed) || !entry.path.exists() => {
                let became = if entry.path.exists() { "changed" } else { "removed" };
                let cause = format!(
                    "{became} since it was rewritten; what it was is kept in {}",
                    run.journal().display()
                );
                all.refused.push((entry.path.clone(), cause));
            }
            Err(error) => all.refused.push((entry.path.clone(), error.to_string())),
        }
    }
    write::sync_folders(all.restored.iter().filter_map(|path| path.parent()));
    if all.refused.is_empty() {
        run.mark_undone()?;
    }
    Ok(all)
}

/// Whether a file is what the run made of it.
fn is_as_rewritten(entry: &Entry) -> bool {
    std::fs::read(&entry.path).is_ok_and(|bytes| blake3::hash(&bytes) == entry.after)
}

/// Whether there was anything to restore: a killed run may have written down more than it replaced.
fn restore_file(entry: &Entry) -> Result<bool, WriteError> {
    let mut is_original = false;
    let target = Target::check(&entry.path, |bytes| {
        let hash = blake3::hash(bytes);
        is_original = hash == entry.before;
        is_original || hash == entry.after
    })?;
    if !is_original {
        target.replace(&entry.original)?;
    }
    Ok(!is_original)
}

fn report(run: &Run, all: &Restored, folder: &Path, arguments: &UndoArguments) -> io::Result<()> {
    if !arguments.voice.quiet {
        let mut stdout = io::stdout().lock();
        for path in &all.restored {
            writeln!(stdout, "restored {}", shown(path, folder).display())?;
        }
        stdout.flush()?;
    }
    let mut stderr = io::stderr().lock();
    if !all.refused.is_empty() {
        writeln!(stderr, "left alone {}:", files(all.refused.len()))?;
        for (path, cause) in &all.refused {
            writeln!(stderr, "  {}: {cause}", shown(path, folder).display())?;
        }
    }
    if !arguments.voice.quiet {
        writeln!(stderr, "restored {} of run {}", files(all.restored.len()), run.id)?;
    }
    Ok(())
}

fn files(count: usize) -> String {
    format!("{count} {}", if count == 1 { "file" } else { "files" })
}
