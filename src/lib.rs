//! asyncup brings Python code up to correct, concurrent, modern asyncio.
//!
//! Read the modules in this order: [`edit`] and [`finding`] (what is said about code), [`module`] and [`semantic`] (what is known about
//! it), [`codemod`] and [`page`] (one rewrite), [`plan`] and [`rewrite`] (many rewrites on one text), [`cli`] (the only input and output).

pub mod awaited_twin;
pub mod awaiting;
pub mod blocking_calls;
pub mod bounded;
mod cancelled;
pub mod cli;
mod closure;
pub mod codemod;
#[path = "../codemods/mod.rs"]
pub mod codemods;
mod commands;
pub mod concurrency;
mod delays;
pub mod diff;
pub mod draft;
pub mod edit;
pub mod exception_groups;
pub mod finding;
pub mod generators;
pub mod glance;
pub mod held;
pub mod importer;
mod interned;
pub mod knowledge;
pub mod layout;
pub mod legacy_query;
pub mod lifespan;
mod loaded;
mod misuse;
pub mod module;
pub mod offload;
pub mod one_loop;
pub mod page;
pub mod plan;
pub mod pretty;
pub mod process_wide;
pub mod project;
mod relayout;
pub mod rewrite;
pub mod semantic;
pub mod settings;
pub mod shared_files;
pub mod source;
pub mod suppression;
mod tasks;
pub mod turning;
pub mod verify;
