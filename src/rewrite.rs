//! The spine: one text, a selection of codemods and a policy in; a new text and the findings out. Pure.

use ruff_text_size::{TextRange, TextSize};

use crate::codemod::Selection;
use crate::edit::{Applicability, Edit};
use crate::finding::Finding;
use crate::module::ParseError;
use crate::project::ProjectFacts;
use crate::settings::Settings;
use crate::source::Source;

/// The lowest level that is applied: `Safe`, or `Unsafe` with `--unsafe-fixes`.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub level: Applicability,
}

/// One rewrite that was applied.
#[derive(Clone, Debug)]
pub struct Applied {
    pub codemod: &'static str,
    pub applicability: Applicability,
    /// Where it stands in the final text.
    pub range: TextRange,
    pub message: String,
    /// Why it is not safe.
    pub reason: Option<String>,
}

/// What became of one text.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The new text; `None` when nothing was applied.
    pub text: Option<String>,
    /// [`Source::cells`] of the new text.
    pub cells: Vec<TextSize>,
    pub applied: Vec<Applied>,
    /// What is left, in offsets of the final text, in source order.
    pub remaining: Vec<Finding>,
}

/// Why a text could not be rewritten. Its file is left as it is and the others go on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RewriteError {
    #[error(transparent)]
    Parse(#[from] ParseError),
    #[error("the rewrites did not come to an end after {passes} passes: {}", codemods.join(", "))]
    NotConverged {
        passes: usize,
        codemods: Vec<&'static str>,
    },
    #[error("internal error in {codemod}: {message}")]
    Panicked {
        codemod: &'static str,
        message: String,
    },
}

/// Finds without applying. Ranges are offsets of `source`.
pub fn analyse(
    source: &Source,
    selection: &Selection,
    settings: &Settings,
    project: &ProjectFacts,
) -> Result<Vec<Finding>, RewriteError> {
    let _ = (source, selection, settings, project);
    Ok(Vec::new())
}

/// Applies everything that the policy allows, pass after pass, until nothing is left to apply.
pub fn rewrite(
    source: &Source,
    selection: &Selection,
    policy: Policy,
    settings: &Settings,
    project: &ProjectFacts,
) -> Result<Outcome, RewriteError> {
    let _ = (source, selection, policy, settings, project);
    Ok(Outcome::default())
}

/// All edits, imports included, that applying this one finding of [`analyse`] makes. Sorted, disjoint, newlines resolved.
pub fn edits_of(source: &Source, finding: &Finding, settings: &Settings) -> Vec<Edit> {
    let _ = (source, finding, settings);
    Vec::new()
}
