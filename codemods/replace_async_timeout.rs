//! Stub.

use crate::codemod::Context;
use crate::finding::Findings;

pub(super) fn run(_: &Context, _: &mut Findings) {}
