//! Parses the arguments, runs, and turns what came of it into an exit code.

// What clippy.toml forbids in the library.
#![allow(clippy::disallowed_methods)]

use std::io::Write;
use std::process::ExitCode;

use asyncup::cli::{self, Status};
use clap::Parser;

// A run allocates many small trees on several threads at once, which the system's allocator is slow at. Without huge pages (`no_thp`) it
// peaks a third lower and spends less time in the kernel.
#[global_allocator]
static GLOBAL: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::args::Arguments::parse();
    let status = cli::run(&arguments).unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "asyncup: error: {error}");
        Status::Failed
    });
    status.into()
}
