//! The one thread that writes and speaks: takes what became of each file in path order, replaces files, reports, counts.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::journal::{Journal, JournalError, Recorder};
use super::process::Processed;
use super::report::{self, Command, FileReport, FileResult, ReportOptions, Reporter};
use super::write::{self, Target, WriteError};
use super::{Error, Status, interrupt};

/// A run that takes longer than this shows how far it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// Files, and bytes of them, that are written down and replaced together: one sync of the journal serves them all.
const BATCH_FILES: usize = 64;
const BATCH_BYTES: usize = 8 << 20;

/// Takes what became of the files.
pub struct Consumer {
    options: ReportOptions,
    reporter: Box<dyn Reporter>,
    /// `None`: nothing is written, whatever the command.
    writer: Option<Writer>,
    /// Reports that wait for their files to be replaced.
    pending: Vec<FileReport>,
    pending_bytes: usize,
    passed_over: Vec<(PathBuf, String)>,
    /// What is to be said of the run as a whole.
    note: Option<String>,
    /// Set when nobody reads what is printed.
    is_mute: bool,
    /// Set when whoever read it has closed the pipe.
    is_closed: bool,
    failure: Option<Error>,
    status: Status,
    progress: Bar,
}

/// Replaces files below a folder, and keeps what they were.
struct Writer {
    journal: Journal,
    /// Begun with the first file that is replaced.
    recorder: Option<Recorder>,
    /// Whether any file was.
    has_replaced: bool,
    folder: PathBuf,
}

impl Consumer {
    /// `folder` is where relative paths start; `count` files are expected.
    pub fn new(options: ReportOptions, journal: Option<Journal>, folder: PathBuf, count: usize) -> Self {
        Self {
            reporter: report::reporter(
                options,
                &folder,
                Box::new(BufWriter::with_capacity(1 << 16, io::stdout())),
                Box::new(BufWriter::new(io::stderr())),
            ),
            writer: journal.map(|journal| Writer {
                journal,
                recorder: None,
                has_replaced: false,
                folder,
            }),
            progress: Bar::new(&options, count),
            options,
            pending: Vec::new(),
            pending_bytes: 0,
            passed_over: Vec::new(),
            note: None,
            is_mute: false,
            is_closed: false,
            failure: None,
            status: Status::Clean,
        }
    }

    /// What is to be said of the run as a whole, at its end.
    pub fn note(&mut self, note: Option<String>) {
        self.note = note;
    }

    /// Takes the next file, if any, of a run in which so many are `done`. Breaks when going on is useless.
    pub fn take(&mut self, done: usize, processed: Option<Processed>) -> ControlFlow<()> {
        self.progress.show(done);
        match processed {
            None => {}
            Some(Processed::PassedOver(path, reason)) => self.passed_over.push((path, reason)),
            Some(Processed::InternalError(report)) => {
                self.status = self.status.max(Status::Failed);
                self.settle(*report);
            }
            Some(Processed::Report(report)) => self.settle(*report),
        }
        if self.failure.is_some() || interrupt::is_wanted() || (self.is_mute && self.writer.is_none()) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    /// Replaces and reports what is pending, and says how the run ended.
    pub fn finish(mut self) -> Result<Status, Error> {
        if self.failure.is_none() && !interrupt::is_wanted() {
            self.flush();
        }
        self.progress.clear();
        if let Some(writer) = &mut self.writer {
            writer.forget_nothing();
        }
        if !self.is_mute {
            let finished = self.reporter.finish();
            self.printed(finished);
        }
        let mut stderr = io::stderr().lock();
        if self.options.verbose {
            for (path, reason) in &self.passed_over {
                let _ = writeln!(stderr, "passed over {}: {reason}", path.display());
            }
        }
        if let Some(note) = self.note.filter(|_| !self.options.quiet) {
            let _ = writeln!(stderr, "{note}");
        }
        if interrupt::is_wanted() {
            let _ = writeln!(
                stderr,
                "interrupted; files that are not named above were not looked at or are as they were"
            );
            self.status = Status::Interrupted;
        }
        match (self.failure, self.status) {
            (Some(error), _) => Err(error),
            (None, Status::Found) if self.is_closed => Ok(Status::Clean),
            (None, status) => Ok(status),
        }
    }

    fn settle(&mut self, report: FileReport) {
        if self.writer.is_none() {
            return self.speak(&report);
        }
        self.pending_bytes += report.raw.len() + report.source.text.len();
        self.pending.push(report);
        if self.pending.len() >= BATCH_FILES || self.pending_bytes >= BATCH_BYTES {
            self.flush();
        }
    }

    /// Replaces the pending files, then reports them.
    fn flush(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        self.pending_bytes = 0;
        if let Some(writer) = &mut self.writer
            && let Err(error) = writer.replace(&mut pending)
        {
            self.failure = Some(error.into());
        }
        for report in &pending {
            self.speak(report);
        }
    }

    fn speak(&mut self, report: &FileReport) {
        self.status = self.status.max(self.status_of(&report.result));
        if !self.is_mute {
            let reporter = &mut self.reporter;
            let printed = self.progress.suspend(|| reporter.file(report));
            self.printed(printed);
        }
    }

    fn status_of(&self, result: &FileResult) -> Status {
        match result {
            FileResult::Skipped(_) => Status::Incomplete,
            FileResult::Checked(findings) if findings.iter().any(|finding| !finding.is_declined()) => Status::Found,
            FileResult::Rewritten { bytes: Some(_), .. } if self.options.command == Command::Diff => Status::Found,
            FileResult::Checked(_) | FileResult::Rewritten { .. } => Status::Clean,
        }
    }

    fn printed(&mut self, result: io::Result<()>) {
        match result {
            Ok(()) => {}
            // Whoever read has seen enough. What is being applied is applied all the same: half of it would help nobody.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_mute = true;
                self.is_closed = true;
            }
            Err(error) => {
                self.is_mute = true;
                self.failure.get_or_insert(Error::Output(error));
            }
        }
    }
}

impl Writer {
    /// Replaces the files that have new bytes. The reports of those that cannot be become those of skipped files; after an interrupt
    /// or an error of the journal, the reports of files that were not replaced are dropped.
    fn replace(&mut self, reports: &mut Vec<FileReport>) -> Result<(), JournalError> {
        let targets: Vec<Option<Result<Target, WriteError>>> =
            reports.iter().map(|report| self.target(report)).collect();
        if let Err(error) = self.record(reports, &targets) {
            let mut targets = targets.into_iter();
            reports.retain(|_| !matches!(targets.next(), Some(Some(Ok(_)))));
            return Err(error);
        }
        let mut done = 0;
        let mut folders = Vec::new();
        for (report, target) in reports.iter_mut().zip(targets) {
            if interrupt::is_wanted() {
                break;
            }
            done += 1;
            let replaced = match target {
                None => continue,
                Some(Err(error)) => Err(error),
                // Asked again: writing down the others took its time.
                Some(Ok(_)) => self
                    .target(report)
                    .unwrap_or(Err(WriteError::Changed))
                    .and_then(|target| {
                        target.replace(new_bytes(report).unwrap_or_default())?;
                        self.has_replaced = true;
                        folders.push(target.folder().to_owned());
                        Ok(())
                    }),
            };
            if let Err(error) = replaced {
                report.result = FileResult::Skipped(error.to_string());
            }
        }
        reports.truncate(done);
        write::sync_folders(folders.iter().map(PathBuf::as_path));
        Ok(())
    }

    /// A run that replaced nothing is none that `undo` should find.
    fn forget_nothing(&mut self) {
        if !self.has_replaced
            && let Some(recorder) = self.recorder.take()
        {
            recorder.forget();
        }
    }

    /// The file to replace, if it has new bytes.
    fn target(&self, report: &FileReport) -> Option<Result<Target, WriteError>> {
        new_bytes(report)?;
        Some(Target::check(&self.folder.join(&report.path), |bytes| {
            bytes == report.raw
        }))
    }

    fn record(
        &mut self,
        reports: &[FileReport],
        targets: &[Option<Result<Target, WriteError>>],
    ) -> Result<(), JournalError> {
        let files: Vec<_> = reports
            .iter()
            .zip(targets)
            .filter_map(|(report, target)| {
                let target = target.as_ref()?.as_ref().ok()?;
                Some((target.path.as_path(), report.raw.as_slice(), new_bytes(report)?))
            })
            .collect();
        if files.is_empty() {
            return Ok(());
        }
        let recorder = match &mut self.recorder {
            Some(recorder) => recorder,
            none => none.insert(self.journal.begin()?),
        };
        recorder.record(files)
    }
}

fn new_bytes(report: &FileReport) -> Option<&[u8]> {
    match &report.result {
        FileResult::Rewritten { bytes, .. } => bytes.as_deref(),
        FileResult::Checked(_) | FileResult::Skipped(_) => None,
    }
}

/// A progress bar on stderr, hidden at first.
struct Bar {
    bar: Option<ProgressBar>,
    begun: Instant,
    is_shown: bool,
}

impl Bar {
    /// No bar where nobody looks, and none between findings on one terminal.
    fn new(options: &ReportOptions, count: usize) -> Self {
        let prints = options.command != Command::Apply && io::stdout().is_terminal();
        let is_wanted = count > 1 && !options.quiet && !prints && io::stderr().is_terminal();
        Self {
            bar: is_wanted.then(|| {
                let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} files").ok();
                let bar = ProgressBar::with_draw_target(u64::try_from(count).ok(), ProgressDrawTarget::hidden());
                bar.with_style(style.unwrap_or_else(ProgressStyle::default_bar))
            }),
            begun: Instant::now(),
            is_shown: false,
        }
    }

    fn show(&mut self, done: usize) {
        let Some(bar) = &self.bar else { return };
        if !self.is_shown && self.begun.elapsed() > PATIENCE {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            self.is_shown = true;
        }
        bar.set_position(done as u64);
    }

    fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) if self.is_shown => bar.suspend(print),
            _ => print(),
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
