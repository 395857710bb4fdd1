//! A codemod's page: the one source of its metadata, its explanation and its cases.

use crate::edit::Applicability;
use ruff_python_ast::PythonVersion;

pub struct Page {
    pub level: Applicability,
    pub needles: Vec<String>,
    pub summary: String,
    pub minimum: Option<PythonVersion>,
}
