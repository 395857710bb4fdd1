//! Imports that rewrites need.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Import { Module(&'static str), Member(&'static str, &'static str) }
