//! What the tests of pages and of properties share: one run of some codemods on one text.

// Each binary uses a part of it.
#![allow(dead_code)]

use asyncup::codemod::{Codemod, Selection, Wanted};
use asyncup::edit::Applicability;
use asyncup::finding::Finding;
use asyncup::module::Module;
use asyncup::project::ProjectFacts;
use asyncup::rewrite::{self, Policy, RewriteError};
use asyncup::settings::Settings;
use asyncup::source::Source;

/// The new text, or the old one when nothing was applied.
pub fn rewritten(
    text: &str,
    codemods: &[&'static Codemod],
    level: Applicability,
    settings: &Settings,
) -> Result<String, RewriteError> {
    let selection = Selection::new(codemods.to_vec()).declaring(&settings.blocking);
    let source = Source::module(text);
    let outcome = rewrite::rewrite(
        &source,
        selection.look(text.as_bytes(), Wanted::Everything, &ProjectFacts::default()),
        Policy { level },
        settings,
        &ProjectFacts::default(),
    )?;
    Ok(outcome.text.unwrap_or(source.text))
}

pub fn findings(text: &str, codemods: &[&'static Codemod], settings: &Settings) -> Result<Vec<Finding>, RewriteError> {
    wanted_findings(text, codemods, Wanted::Everything, settings)
}

pub fn wanted_findings(
    text: &str,
    codemods: &[&'static Codemod],
    wanted: Wanted,
    settings: &Settings,
) -> Result<Vec<Finding>, RewriteError> {
    let selection = Selection::new(codemods.to_vec()).declaring(&settings.blocking);
    let source = Source::module(text);
    rewrite::analyse(
        &source,
        &selection.look(text.as_bytes(), wanted, &ProjectFacts::default()),
        settings,
        &ProjectFacts::default(),
    )
}

/// The texts of all comments, sorted. Panics when the text does not parse.
pub fn comments(text: &str, settings: &Settings) -> Vec<String> {
    let module = Module::parse(&Source::module(text), settings.target).expect("the text parses");
    let mut comments: Vec<String> = module
        .comments()
        .iter()
        .map(|&comment| module.slice(comment).to_owned())
        .collect();
    comments.sort();
    comments
}

/// Why the text is no Python, if it is none.
pub fn syntax_error(text: &str, settings: &Settings) -> Option<String> {
    Module::parse(&Source::module(text), settings.target)
        .err()
        .map(|error| error.to_string())
}

/// The same text with Windows' line ends.
pub fn crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// The lines that differ, for people.
pub fn difference(expected: &str, actual: &str) -> String {
    similar::TextDiff::from_lines(expected, actual)
        .unified_diff()
        .context_radius(3)
        .header("expected", "actual")
        .to_string()
}
