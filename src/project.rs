//! Facts that span files. Empty for one file; the project ring fills it from per-file summaries.

/// What is known about the other files of the project.
#[derive(Clone, Debug, Default)]
pub struct ProjectFacts {
    /// Places in tests that patch `requests` (a mock, `responses`, ...), as `file:line`: the exact form of a rewrite is preferred then.
    pub requests_patches: Vec<String>,
}
