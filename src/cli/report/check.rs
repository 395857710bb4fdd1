//! What `check` prints: findings as they come, then the skipped files, statistics and a summary.

use std::io::{self, Write};
use std::rc::Rc;

use super::format::{Format, format, is_printed};
use super::tally::Tally;
use super::text::Palette;
use super::view::{Others, Page, View};
use super::{FileReport, FileResult, ReportOptions, Reporter};
use crate::finding::Finding;

pub(super) struct CheckReporter {
    options: ReportOptions,
    format: Box<dyn Format>,
    tally: Tally,
    others: Others,
    out: Box<dyn Write>,
    err: Box<dyn Write>,
}

impl CheckReporter {
    pub(super) fn new(options: ReportOptions, out: Box<dyn Write>, err: Box<dyn Write>) -> Self {
        Self {
            format: format(&options),
            tally: Tally::default(),
            others: Others::default(),
            options,
            out,
            err,
        }
    }

    /// Statistics stand in place of the findings where people read.
    fn prints_findings(&self) -> bool {
        !self.options.statistics || self.options.format.is_machine()
    }

    fn findings(&mut self, file: &FileReport, findings: &[Finding]) -> io::Result<()> {
        self.tally.offered(findings, &file.settings);
        let printed: Vec<&Finding> = findings
            .iter()
            .filter(|finding| is_printed(&self.options, finding))
            .collect();
        if printed.is_empty() || !self.prints_findings() {
            return Ok(());
        }
        let view = View {
            path: &file.path,
            page: Rc::new(Page::new(file.source.clone())),
            settings: &file.settings,
            project: &file.project,
            others: &self.others,
        };
        for finding in printed {
            self.out.write_all(self.format.finding(&view, finding).as_bytes())?;
        }
        Ok(())
    }
}

impl Reporter for CheckReporter {
    fn file(&mut self, file: &FileReport) -> io::Result<()> {
        match &file.result {
            FileResult::Checked(findings) => self.findings(file, findings),
            FileResult::Rewritten { outcome, .. } => self.findings(file, &outcome.remaining),
            FileResult::Skipped(cause) => {
                self.tally.skipped(&file.path, cause);
                self.out.write_all(self.format.skipped(&file.path, cause).as_bytes())
            }
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(self.format.end().as_bytes())?;
        let mut last = String::new();
        if self.options.statistics {
            last += &self.tally.statistics();
        }
        if !self.options.quiet {
            last += &self.tally.remarks();
            last += &self.tally.summary(&self.options);
        }
        // Flushed in turn, so that a terminal that shows both streams shows them in this order.
        self.out.flush()?;
        self.err.write_all(
            self.tally
                .skipped_list(Palette::new(self.options.color_stderr))
                .as_bytes(),
        )?;
        let to = if self.options.format.is_machine() {
            &mut self.err
        } else {
            &mut self.out
        };
        to.write_all(last.as_bytes())?;
        self.err.flush()?;
        self.out.flush()
    }
}
