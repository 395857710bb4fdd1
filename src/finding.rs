//! What a codemod says about a place: a rewrite, a report, or a refusal, each with its reason.

use std::path::PathBuf;

use ruff_text_size::{Ranged, TextRange};
use serde::{Deserialize, Serialize};

use crate::edit::{Applicability, Fix, Turn};
use crate::interned::{self, Interned};

/// A recognised pattern that is left alone; the text says which precondition failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declined(pub String);

impl<T: Into<String>> From<T> for Declined {
    fn from(reason: T) -> Self {
        Self(reason.into())
    }
}

/// What follows from a recognised pattern.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Verdict {
    /// It can be rewritten.
    Fix(Fix),
    /// It is a defect that needs a person: no correct mechanical rewrite is known. The text says why.
    Report(String),
    /// It is left alone, and is not known to be a defect. Shown with `-v`, by `explain FILE:LINE` and in JSON.
    Declined(String),
}

/// One hop of the call chain that leads to a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// `None`: the file of the finding itself.
    pub file: Option<PathBuf>,
    pub range: TextRange,
    pub function: String,
}

/// One finding, in byte offsets of the text that the codemod was given.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// The codemod's name.
    #[serde(deserialize_with = "interned::read")]
    pub codemod: Interned,
    pub range: TextRange,
    /// What is wrong and what to do, in one sentence.
    pub message: String,
    pub verdict: Verdict,
    pub call_path: Vec<Hop>,
}

impl Finding {
    /// The level at which it can be applied; `DisplayOnly` when there is nothing to apply.
    pub fn applicability(&self) -> Applicability {
        match &self.verdict {
            Verdict::Fix(fix) => fix.applicability,
            Verdict::Report(_) | Verdict::Declined(_) => Applicability::DisplayOnly,
        }
    }

    /// Why it is not safe, or was not rewritten.
    pub fn reason(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Fix(fix) => fix.reason.as_deref(),
            Verdict::Report(reason) | Verdict::Declined(reason) => Some(reason),
        }
    }

    pub fn is_declined(&self) -> bool {
        matches!(self.verdict, Verdict::Declined(_))
    }

    pub fn fix(&self) -> Option<&Fix> {
        match &self.verdict {
            Verdict::Fix(fix) => Some(fix),
            _ => None,
        }
    }
}

/// The accumulator that one codemod pushes its findings into.
pub struct Findings {
    codemod: &'static str,
    pub(crate) list: Vec<Finding>,
}

impl Findings {
    pub(crate) fn new(codemod: &'static str) -> Self {
        Self {
            codemod,
            list: Vec::new(),
        }
    }

    /// A rewrite, or the reason why the recognised pattern is left alone.
    pub fn push(&mut self, at: impl Ranged, message: impl Into<String>, result: Result<Fix, Declined>) {
        let verdict = match result {
            Ok(fix) => Verdict::Fix(fix),
            Err(Declined(reason)) => Verdict::Declined(reason),
        };
        self.add(at, message, verdict);
    }

    /// As [`Findings::push`], for a pattern that is a defect even where it cannot be rewritten.
    pub fn push_defect(&mut self, at: impl Ranged, message: impl Into<String>, result: Result<Fix, Declined>) {
        let verdict = match result {
            Ok(fix) => Verdict::Fix(fix),
            Err(Declined(reason)) => Verdict::Report(reason),
        };
        self.add(at, message, verdict);
    }

    /// The calls that lead from the finding that was pushed last to what it is about.
    pub fn along(&mut self, call_path: Vec<Hop>) {
        if let Some(last) = self.list.last_mut() {
            last.call_path = call_path;
        }
    }

    /// Makes all fixes wait until no other codemod has one.
    pub fn go_last(&mut self) {
        for finding in &mut self.list {
            if let Verdict::Fix(fix) = &mut finding.verdict {
                fix.turn = Turn::Last;
            }
        }
    }

    fn add(&mut self, at: impl Ranged, message: impl Into<String>, verdict: Verdict) {
        self.list.push(Finding {
            codemod: self.codemod,
            range: at.range(),
            message: message.into(),
            verdict,
            call_path: Vec::new(),
        });
    }
}
