//! What holds for the tool as a whole. One binary, so that it is linked once.

// The library may not touch files or the environment (clippy.toml); its tests may.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod behaviour;
mod catalogue;
mod cli;
mod conventions;
mod guide;
mod meetings;
mod outside;
mod page_snapshots;
mod properties;
mod report;
#[path = "../support/mod.rs"]
mod support;
