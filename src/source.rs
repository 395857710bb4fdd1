//! The text of one file as codemods see it, free of any input or output.

use ruff_text_size::TextSize;

/// What kind of Python a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    Module,
    /// A `.pyi` file: annotations only, nothing runs.
    Stub,
    /// The code cells of a notebook, joined: `await` is legal at the top level, and no edit may cross a cell.
    Notebook,
}

/// The text of a file. A byte order mark, if any, is its first character, so that offsets count it.
#[derive(Clone, Debug)]
pub struct Source {
    pub text: String,
    pub kind: SourceKind,
    /// Notebook only: the offset at which each code cell starts, ascending; the first is 0. Empty for other kinds.
    pub cells: Vec<TextSize>,
}

impl Source {
    pub fn module(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            kind: SourceKind::Module,
            cells: Vec::new(),
        }
    }
}
