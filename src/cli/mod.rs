//! The command line: the only part that reads, writes or prints.

// What clippy.toml forbids everywhere else.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros)]

pub mod catalogue;
pub mod report;
