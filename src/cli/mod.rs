//! The command line: the only part that reads, writes or prints.

pub mod catalogue;
pub mod report;
