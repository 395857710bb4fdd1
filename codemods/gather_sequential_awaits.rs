//! Stub.

use serde::Deserialize;

use crate::codemod::Context;
use crate::finding::Findings;

/// How a group is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Emission {
    #[default]
    Gather,
    InOrder,
    TaskGroup,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Options {
    pub emission: Emission,
    /// The most calls of one group.
    pub group_size: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            emission: Emission::default(),
            group_size: 6,
        }
    }
}

pub(super) fn run(_: &Context, _: &mut Findings) {}
