//! What every format of findings has in common.

use std::path::Path;

use super::view::View;
use super::{OutputFormat, ReportOptions};
use super::{concise::Concise, full::Full, github::Github, json::Json, sarif::Sarif};
use crate::edit::Applicability;
use crate::finding::{Finding, Verdict};
use crate::rewrite::Applied;

/// Turns findings into text. Each method gives what is to be printed next, with its newline.
pub(super) trait Format {
    fn finding(&mut self, view: &View, finding: &Finding) -> String;

    /// A rewrite that `apply` has made. Its range lies in the new text.
    fn applied(&mut self, _view: &View, _applied: &Applied) -> String {
        String::new()
    }

    /// A file that was left alone. People read of it on stderr, whatever the format.
    fn skipped(&mut self, _path: &Path, _cause: &str) -> String {
        String::new()
    }

    /// After the last file.
    fn end(&mut self) -> String {
        String::new()
    }
}

pub(super) fn format(options: &ReportOptions) -> Box<dyn Format> {
    match options.format {
        OutputFormat::Full => Box::new(Full::new(options)),
        OutputFormat::Concise => Box::new(Concise::new(options)),
        OutputFormat::Json => Box::new(Json::array()),
        OutputFormat::JsonLines => Box::new(Json::lines()),
        OutputFormat::Github => Box::new(Github),
        OutputFormat::Sarif => Box::new(Sarif::default()),
    }
}

/// Whether a finding is printed. What was left alone is not known to be a defect: people see it on demand, programs may filter.
pub(super) fn is_printed(options: &ReportOptions, finding: &Finding) -> bool {
    !finding.is_declined() || options.verbose || matches!(options.format, OutputFormat::Json | OutputFormat::JsonLines)
}

/// What can be done about a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    Safe,
    Unsafe,
    /// A person has to decide.
    Report,
    Declined,
}

impl Class {
    pub(super) fn of(finding: &Finding) -> Self {
        match &finding.verdict {
            Verdict::Fix(fix) => Self::of_level(fix.applicability),
            Verdict::Report(_) => Self::Report,
            Verdict::Declined(_) => Self::Declined,
        }
    }

    pub(super) fn of_level(level: Applicability) -> Self {
        match level {
            Applicability::Safe => Self::Safe,
            Applicability::Unsafe => Self::Unsafe,
            Applicability::DisplayOnly => Self::Report,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
            Self::Report => "report",
            Self::Declined => "left alone",
        }
    }

    /// What stands before the reason of a finding of this class.
    pub(super) fn reason_prefix(self) -> &'static str {
        match self {
            Self::Safe | Self::Unsafe => "not safe",
            Self::Report => "needs a person",
            Self::Declined => "left alone",
        }
    }
}
