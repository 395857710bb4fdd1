//! What `diff` and `apply` print: hunks or the names of changed files, then on stderr what is left over and a summary.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::colored_diff::colored;
use super::concise::Concise;
use super::format::{Format, format, is_printed};
use super::tally::Tally;
use super::text::{Palette, Style};
use super::view::{Others, Page, View, shown};
use super::{Command, FileReport, FileResult, ReportOptions, Reporter};
use crate::diff::{self, Makers};
use crate::rewrite::{Applied, Outcome};
use crate::source::{Source, SourceKind};

pub(super) struct ChangeReporter {
    options: ReportOptions,
    /// Where the repository of the working folder begins: what applies diffs is run there.
    root: Option<Root>,
    /// `apply` with a machine format: what was applied and what remains, on stdout.
    machine: Option<Box<dyn Format>>,
    /// With `-v`: what remains, in one line each, kept until the hunks are all printed.
    left_over: String,
    tally: Tally,
    others: Others,
    out: Box<dyn Write>,
    err: Box<dyn Write>,
}

impl ChangeReporter {
    pub(super) fn new(options: ReportOptions, folder: &Path, out: Box<dyn Write>, err: Box<dyn Write>) -> Self {
        let machine = options.command == Command::Apply && options.format.is_machine();
        Self {
            machine: machine.then(|| format(&options)),
            left_over: String::new(),
            tally: Tally::default(),
            others: Others::default(),
            root: Root::above(folder),
            options,
            out,
            err,
        }
    }

    fn rewritten(&mut self, file: &FileReport, outcome: &Outcome, bytes: Option<&[u8]>) -> io::Result<()> {
        self.tally.applied(&outcome.applied, &file.settings);
        self.tally.findings(&outcome.remaining);
        match (self.options.command, bytes) {
            (Command::Diff, Some(bytes)) => self.hunks(file, outcome, bytes)?,
            (Command::Apply, Some(_)) if self.options.verbose => self.rewrote(file, &outcome.applied)?,
            _ => {}
        }
        if self.machine.is_some() || (self.options.verbose && !outcome.remaining.is_empty()) {
            self.remaining(file, outcome)?;
        }
        Ok(())
    }

    fn hunks(&mut self, file: &FileReport, outcome: &Outcome, bytes: &[u8]) -> io::Result<()> {
        let makers = match (&outcome.text, file.source.kind) {
            (Some(text), SourceKind::Module | SourceKind::Stub) => Makers::of(text, &outcome.applied),
            _ => Makers::everywhere(&outcome.applied),
        };
        let path = self
            .root
            .as_ref()
            .map_or_else(|| file.path.clone(), |root| root.name(&file.path));
        if self.options.color_stdout {
            let diff = colored(&path, &file.raw, bytes, &makers);
            self.out.write_all(diff.as_bytes())
        } else {
            let diff = diff::unified(&path, &file.raw, bytes, &makers);
            self.out.write_all(&diff)
        }
    }

    fn rewrote(&mut self, file: &FileReport, applied: &[Applied]) -> io::Result<()> {
        let mut names: Vec<&str> = Vec::new();
        for one in applied {
            if !names.contains(&one.codemod) {
                names.push(one.codemod);
            }
        }
        let path = Palette::new(self.options.color_stderr).paint(Style::Bold, shown(&file.path));
        writeln!(self.err, "rewrote {path} ({})", names.join(", "))
    }

    /// Findings of the new text, whose offsets are those of the outcome.
    fn remaining(&mut self, file: &FileReport, outcome: &Outcome) -> io::Result<()> {
        let source = match &outcome.text {
            Some(text) => Source {
                text: text.clone(),
                kind: file.source.kind,
                cells: outcome.cells.clone(),
            },
            None => file.source.clone(),
        };
        let view = View {
            path: &file.path,
            page: Rc::new(Page::new(source)),
            settings: &file.settings,
            project: &file.project,
            others: &self.others,
        };
        if let Some(format) = &mut self.machine {
            for applied in &outcome.applied {
                self.out.write_all(format.applied(&view, applied).as_bytes())?;
            }
            for finding in outcome
                .remaining
                .iter()
                .filter(|finding| is_printed(&self.options, finding))
            {
                self.out.write_all(format.finding(&view, finding).as_bytes())?;
            }
        }
        if self.options.verbose {
            let mut concise = Concise::left_over(&self.options);
            for finding in &outcome.remaining {
                self.left_over += &concise.finding(&view, finding);
            }
        }
        Ok(())
    }
}

/// The root of a repository, and the working folder within it.
struct Root {
    folder: PathBuf,
    root: PathBuf,
}

impl Root {
    fn above(folder: &Path) -> Option<Self> {
        let root = folder.ancestors().find(|above| above.join(".git").exists())?;
        Some(Self {
            folder: folder.to_owned(),
            root: root.to_owned(),
        })
    }

    /// The name of a file, seen from the root where it lies below it.
    fn name(&self, path: &Path) -> PathBuf {
        let whole = self.folder.join(path);
        whole
            .strip_prefix(&self.root)
            .map_or_else(|_| path.to_owned(), Path::to_owned)
    }
}

impl Reporter for ChangeReporter {
    fn file(&mut self, file: &FileReport) -> io::Result<()> {
        match &file.result {
            FileResult::Rewritten { outcome, bytes } => self.rewritten(file, outcome, bytes.as_deref()),
            FileResult::Checked(findings) => {
                self.tally.findings(findings);
                Ok(())
            }
            FileResult::Skipped(cause) => {
                self.tally.skipped(&file.path, cause);
                match &mut self.machine {
                    Some(format) => self.out.write_all(format.skipped(&file.path, cause).as_bytes()),
                    None => Ok(()),
                }
            }
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        if let Some(format) = &mut self.machine {
            self.out.write_all(format.end().as_bytes())?;
        }
        self.out.flush()?;
        let mut last = std::mem::take(&mut self.left_over);
        last += &self.tally.skipped_list(Palette::new(self.options.color_stderr));
        if self.options.statistics {
            last += &self.tally.statistics();
        }
        if !self.options.quiet {
            last += &self.tally.remarks();
            last += &self.tally.summary(&self.options);
        }
        self.err.write_all(last.as_bytes())?;
        self.err.flush()
    }
}
