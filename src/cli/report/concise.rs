//! One line for each finding: `path:row:col: codemod message [safe]`.

use std::path::Path;

use super::ReportOptions;
use super::format::{Class, Format};
use super::text::{Palette, Style, escaped};
use super::view::View;
use crate::finding::Finding;

pub(super) struct Concise {
    palette: Palette,
    reasons: Reasons,
}

/// Whether a line ends with the reason why its finding is not safe or was left alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reasons {
    Shown,
    Hidden,
}

impl Concise {
    /// On stdout.
    pub(super) fn new(options: &ReportOptions) -> Self {
        Self {
            palette: Palette::new(options.color_stdout),
            reasons: if options.verbose {
                Reasons::Shown
            } else {
                Reasons::Hidden
            },
        }
    }

    /// On stderr, for what `diff` and `apply` leave over.
    pub(super) fn left_over(options: &ReportOptions) -> Self {
        Self {
            palette: Palette::new(options.color_stderr),
            reasons: Reasons::Shown,
        }
    }
}

impl Format for Concise {
    fn finding(&mut self, view: &View, finding: &Finding) -> String {
        let class = Class::of(finding);
        let tag = match finding.reason() {
            Some(reason) if self.reasons == Reasons::Shown => format!("{}: {}", class.as_str(), escaped(reason)),
            _ => class.as_str().to_owned(),
        };
        format!(
            "{}:{}: {} {} [{tag}]\n",
            self.palette.paint(Style::Bold, view.shown_path()),
            view.place(finding.range.start()),
            self.palette.paint(Style::Yellow, finding.codemod),
            escaped(&finding.message),
        )
    }
}

/// `path: cause`, for the list of skipped files.
pub(super) fn skipped_line(palette: Palette, path: &Path, cause: &str) -> String {
    let path = super::view::shown(path);
    format!("  {}: {}\n", palette.paint(Style::Bold, path), escaped(cause))
}
