//! Counts what a run found and did, and says it in one line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::concise::skipped_line;
use super::format::Class;
use super::text::{Palette, counted};
use super::{Command, ReportOptions};
use crate::codemods;
use crate::finding::Finding;
use crate::rewrite::Applied;
use crate::settings::Settings;

/// How many of each class.
#[derive(Clone, Copy, Default)]
struct Counts {
    safe: usize,
    unsafe_: usize,
    report: usize,
    declined: usize,
}

impl Counts {
    fn add(&mut self, class: Class) {
        match class {
            Class::Safe => self.safe += 1,
            Class::Unsafe => self.unsafe_ += 1,
            Class::Report => self.report += 1,
            Class::Declined => self.declined += 1,
        }
    }

    /// Everything but what was left alone, which is not known to be a defect.
    fn problems(self) -> usize {
        self.safe + self.unsafe_ + self.report
    }
}

#[derive(Default)]
pub(super) struct Tally {
    /// What is found, or is left after rewriting.
    found: Counts,
    files_with_problems: usize,
    applied: Counts,
    files_rewritten: usize,
    by_codemod: BTreeMap<&'static str, Counts>,
    skipped: Vec<(PathBuf, String)>,
    /// What is said once of all rewrites of a codemod.
    remarks: BTreeSet<String>,
}

impl Tally {
    pub(super) fn findings(&mut self, findings: &[Finding]) {
        let before = self.found.problems();
        for finding in findings {
            let class = Class::of(finding);
            self.found.add(class);
            self.by_codemod.entry(finding.codemod).or_default().add(class);
        }
        self.files_with_problems += usize::from(self.found.problems() > before);
    }

    /// Notes what every rewrite of a codemod that has one here makes of the project.
    fn remark(&mut self, name: &str, settings: &Settings) {
        let Some(codemod) = codemods::ALL.iter().find(|codemod| codemod.name == name) else {
            return;
        };
        if let Some(once) = &codemod.page.once {
            self.remarks.insert(format!("{name}: {once}"));
        }
        let fulfils = |requirement: &String| {
            let distribution = requirement.split(['<', '>', '=', '!', '~', '[']).next();
            distribution.is_some_and(|distribution| settings.dependencies.contains(distribution))
        };
        if let Some(needed) = codemod.page.requires.first()
            && !codemod.page.requires.iter().any(fulfils)
        {
            self.remarks.insert(format!(
                "{name}: nothing says that the project depends on what the rewritten code imports: add `{needed}` to requirements.txt, or to the dependencies in pyproject.toml"
            ));
        }
    }

    /// What is said once, in lines of its own; empty when there is nothing to say.
    pub(super) fn remarks(&self) -> String {
        self.remarks.iter().map(|remark| format!("note: {remark}\n")).collect()
    }

    /// Findings whose fixes the user is shown.
    pub(super) fn offered(&mut self, findings: &[Finding], settings: &Settings) {
        for finding in findings.iter().filter(|finding| finding.fix().is_some()) {
            self.remark(finding.codemod, settings);
        }
        self.findings(findings);
    }

    pub(super) fn applied(&mut self, applied: &[Applied], settings: &Settings) {
        for one in applied {
            self.remark(one.codemod, settings);
            let class = Class::of_level(one.applicability);
            self.applied.add(class);
            self.by_codemod.entry(one.codemod).or_default().add(class);
        }
        self.files_rewritten += usize::from(!applied.is_empty());
    }

    pub(super) fn skipped(&mut self, path: &Path, cause: &str) {
        self.skipped.push((path.to_path_buf(), cause.to_owned()));
    }

    /// `Skipped N files` with each path and cause; empty when none was skipped.
    pub(super) fn skipped_list(&self, palette: Palette) -> String {
        if self.skipped.is_empty() {
            return String::new();
        }
        let lines: String = self
            .skipped
            .iter()
            .map(|(path, cause)| skipped_line(palette, path, cause))
            .collect();
        format!("Skipped {}:\n{lines}", counted(self.skipped.len(), "file"))
    }

    /// The last line of a run, with its newline.
    pub(super) fn summary(&self, options: &ReportOptions) -> String {
        let mut parts = match options.command {
            Command::Check => vec![self.found_part(options)],
            Command::Diff | Command::Apply => self.rewritten_parts(options),
        };
        if options.verbose && self.found.declined > 0 {
            parts.push(format!("{} left alone", self.found.declined));
        }
        parts.extend(self.skipped_part());
        parts.join("; ") + "\n"
    }

    fn found_part(&self, options: &ReportOptions) -> String {
        if self.found.problems() == 0 {
            return "No problems found".to_owned();
        }
        let how = if options.unsafe_fixes {
            "fixable unsafely"
        } else {
            "with --unsafe-fixes"
        };
        let fixable = [
            (self.found.safe, "fixable safely".to_owned()),
            (self.found.unsafe_, how.to_owned()),
            (self.found.report, person(self.found.report)),
        ];
        format!(
            "Found {} in {}{}",
            counted(self.found.problems(), "problem"),
            counted(self.files_with_problems, "file"),
            in_parentheses(&fixable)
        )
    }

    fn rewritten_parts(&self, options: &ReportOptions) -> Vec<String> {
        let mut parts = vec![self.rewritten_part()];
        // What is left and could be applied at this level did not fit, which only a bug or a limit of passes can cause.
        if self.found.safe > 0 {
            parts.push(format!("{} not applied", counted(self.found.safe, "safe rewrite")));
        }
        match self.found.unsafe_ {
            0 => {}
            left if options.unsafe_fixes => parts.push(format!("{} not applied", counted(left, "unsafe rewrite"))),
            left => parts.push(format!("{left} more with --unsafe-fixes")),
        }
        if self.found.report > 0 {
            parts.push(format!("{} {}", self.found.report, person(self.found.report)));
        }
        parts
    }

    fn rewritten_part(&self) -> String {
        let applied = self.applied.problems();
        if applied == 0 {
            return "no rewrites".to_owned();
        }
        let levels = [
            (self.applied.safe, "safe".to_owned()),
            (self.applied.unsafe_, "unsafe".to_owned()),
        ];
        format!(
            "{} in {}{}",
            counted(applied, "rewrite"),
            counted(self.files_rewritten, "file"),
            in_parentheses(&levels)
        )
    }

    /// `skipped 1 file (syntax error)`, `skipped 3 files (2 syntax error, 1 not UTF-8)`.
    fn skipped_part(&self) -> Option<String> {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, cause) in &self.skipped {
            *kinds.entry(kind_of(cause)).or_default() += 1;
        }
        let kinds = match kinds.len() {
            0 => return None,
            1 => format!(" ({})", kinds.into_keys().next().unwrap_or_default()),
            _ => {
                let kinds: Vec<(usize, String)> = kinds
                    .into_iter()
                    .map(|(kind, count)| (count, kind.to_owned()))
                    .collect();
                in_parentheses(&kinds)
            }
        };
        Some(format!(
            "skipped {}{}",
            counted(self.skipped.len(), "file"),
            super::text::escaped(&kinds)
        ))
    }

    /// A row for each codemod, the most frequent first; empty when nothing was found.
    pub(super) fn statistics(&self) -> String {
        let mut rows: Vec<(&str, Counts)> = self.by_codemod.iter().map(|(name, counts)| (*name, *counts)).collect();
        rows.sort_by_key(|(name, counts)| (std::cmp::Reverse((counts.problems(), counts.declined)), *name));
        if rows.is_empty() {
            return String::new();
        }
        let mut out = format!(
            "{:>6} {:>6} {:>6} {:>6} {:>10}  codemod\n",
            "total", "safe", "unsafe", "report", "left alone"
        );
        for (name, counts) in rows {
            let Counts {
                safe,
                unsafe_,
                report,
                declined,
            } = counts;
            out += &format!(
                "{:>6} {safe:>6} {unsafe_:>6} {report:>6} {declined:>10}  {name}\n",
                counts.problems()
            );
        }
        out
    }
}

fn person(count: usize) -> String {
    format!("need{} a person", if count == 1 { "s" } else { "" })
}

/// ` (7 safe, 3 unsafe)` without the zeros; empty when all are zero.
fn in_parentheses(counts: &[(usize, String)]) -> String {
    let shown: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if shown.is_empty() {
        String::new()
    } else {
        format!(" ({})", shown.join(", "))
    }
}

/// The kind of a cause: `syntax error` of `syntax error at 3:1: unexpected indent`.
fn kind_of(cause: &str) -> &str {
    let end = [cause.find(" at "), cause.find(':')].into_iter().flatten().min();
    &cause[..end.unwrap_or(cause.len())]
}
