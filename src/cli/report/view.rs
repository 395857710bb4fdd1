//! One text as people count it: rows and columns instead of byte offsets, also across the files of a call path.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ruff_source_file::{LineIndex, OneIndexed};
use ruff_text_size::{TextRange, TextSize};

use super::text::escaped;
use crate::edit::Edit;
use crate::finding::{Finding, Hop};
use crate::project::ProjectFacts;
use crate::rewrite;
use crate::settings::Settings;
use crate::source::{Source, SourceKind};

/// A text with its lines, in which offsets become places.
pub(super) struct Page {
    pub(super) source: Source,
    lines: LineIndex,
}

/// A place in a file: 1-based row, 1-based column in characters. In a notebook the row counts from the start of the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// 1-based, among the code cells of a notebook.
    pub(super) cell: Option<usize>,
    pub(super) row: usize,
    pub(super) column: usize,
}

/// `row:col`, in notebooks `cell N:row:col`.
impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        if let Some(cell) = self.cell {
            write!(out, "cell {cell}:")?;
        }
        write!(out, "{}:{}", self.row, self.column)
    }
}

impl Page {
    pub(super) fn new(source: Source) -> Self {
        Self {
            lines: LineIndex::from_source_text(&source.text),
            source,
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.source.text
    }

    /// The nearest offset that lies in the text and between two characters: a finding's range may be stale when it tells of another
    /// file, and printing must not fail for that.
    fn clamped(&self, offset: TextSize) -> TextSize {
        let at = self.text().floor_char_boundary(usize::from(offset));
        TextSize::try_from(at).unwrap_or_default()
    }

    pub(super) fn place(&self, offset: TextSize) -> Place {
        let offset = self.clamped(offset);
        let at = self.lines.line_column(offset, self.text());
        let (row, column) = (at.line.get(), at.column.get());
        if self.source.kind != SourceKind::Notebook {
            return Place {
                cell: None,
                row,
                column,
            };
        }
        let cell = self.source.cells.partition_point(|&start| start <= offset);
        let start = self.source.cells.get(cell.wrapping_sub(1)).copied().unwrap_or_default();
        let before = self.lines.line_index(self.clamped(start)).to_zero_indexed();
        Place {
            cell: Some(cell.max(1)),
            row: row - before,
            column,
        }
    }

    /// 0-based rows of the whole text that the range touches. A range that ends with a newline does not touch the row behind it.
    pub(super) fn rows(&self, range: TextRange) -> std::ops::RangeInclusive<usize> {
        let row = |offset| self.lines.line_index(offset).to_zero_indexed();
        let (start, end) = (self.clamped(range.start()), self.clamped(range.end()));
        let (first, last) = (row(start), row(end));
        let ends_at_start =
            end > start && self.lines.line_start(OneIndexed::from_zero_indexed(last), self.text()) == end;
        first..=if ends_at_start { last - 1 } else { last }.max(first)
    }

    /// The bytes of a 0-based row, without its newline and without a byte order mark.
    pub(super) fn row_range(&self, row: usize) -> TextRange {
        let range = self.lines.line_range(OneIndexed::from_zero_indexed(row), self.text());
        let line = &self.text()[range];
        let shown = line.trim_end_matches(['\n', '\r']);
        let mark = if range.start() == TextSize::new(0) && shown.starts_with('\u{feff}') {
            3
        } else {
            0
        };
        TextRange::at(
            range.start() + TextSize::new(mark),
            TextSize::of(shown) - TextSize::new(mark),
        )
    }
}

/// One file while its findings are printed.
pub(super) struct View<'a> {
    pub(super) path: &'a Path,
    pub(super) page: Rc<Page>,
    pub(super) settings: &'a Settings,
    pub(super) project: &'a ProjectFacts,
    pub(super) others: &'a Others,
}

impl View<'_> {
    /// The path for people.
    pub(super) fn shown_path(&self) -> String {
        shown(self.path)
    }

    pub(super) fn place(&self, offset: TextSize) -> Place {
        self.page.place(offset)
    }

    /// The edits of a finding's fix, imports included; none when it has no fix.
    pub(super) fn edits(&self, finding: &Finding) -> Vec<Edit> {
        match finding.fix() {
            Some(_) => rewrite::edits_of(&self.page.source, finding, self.settings, self.project),
            None => Vec::new(),
        }
    }

    /// The file of a hop, and its text where that could be read.
    pub(super) fn page_of(&self, hop: &Hop) -> (PathBuf, Option<Rc<Page>>) {
        match &hop.file {
            Some(file) if file != self.path => (file.clone(), self.others.page(file)),
            _ => (self.path.to_path_buf(), Some(Rc::clone(&self.page))),
        }
    }
}

/// A path for people: control characters made visible.
pub(super) fn shown(path: &Path) -> String {
    escaped(&path.to_string_lossy()).into_owned()
}

/// The texts that call paths lead to, read when a finding first needs them.
///
/// A text that is not UTF-8, cannot be read or is a notebook is not there: its hops are named without a place.
#[derive(Default)]
pub(super) struct Others(RefCell<VecDeque<(PathBuf, Option<Rc<Page>>)>>);

impl Others {
    /// Files kept at once: call paths lead to the same helpers over and over.
    const KEPT: usize = 64;

    fn page(&self, path: &Path) -> Option<Rc<Page>> {
        let mut kept = self.0.borrow_mut();
        if let Some((_, page)) = kept.iter().find(|(known, _)| known == path) {
            return page.clone();
        }
        let page = match path.extension() {
            Some(extension) if extension == "ipynb" => None,
            _ => std::fs::read_to_string(path)
                .ok()
                .map(|text| Rc::new(Page::new(Source::module(text)))),
        };
        if kept.len() == Self::KEPT {
            kept.pop_front();
        }
        kept.push_back((path.to_path_buf(), page.clone()));
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: Source, offset: u32, expected: &str) {
        assert_eq!(Page::new(source).place(TextSize::new(offset)).to_string(), expected);
    }

    #[test]
    fn columns_are_characters_and_every_newline_counts() {
        check(Source::module("a\nä漢b\n"), 7, "2:3");
        check(Source::module("a\rb\r\nc"), 5, "3:1");
        check(Source::module("\u{feff}abc"), 4, "1:2");
        check(Source::module("a\n"), 2, "2:1");
    }

    #[test]
    fn offsets_outside_the_text_are_moved_into_it() {
        check(Source::module("ab"), 99, "1:3");
        check(Source::module("漢"), 2, "1:1");
    }

    #[test]
    fn rows_of_a_notebook_count_from_the_start_of_the_cell() {
        let source = Source {
            text: "a\nb\nc\nd\n".into(),
            kind: SourceKind::Notebook,
            cells: vec![0.into(), 4.into()],
        };
        check(source.clone(), 2, "cell 1:2:1");
        check(source, 6, "cell 2:2:1");
    }

    #[test]
    fn a_range_with_its_newline_is_one_row() {
        let page = Page::new(Source::module("\u{feff}ab\ncd\n"));
        assert_eq!(page.rows(TextRange::new(3.into(), 6.into())), 0..=0);
        assert_eq!(page.rows(TextRange::new(3.into(), 7.into())), 0..=1);
        assert_eq!(page.rows(TextRange::empty(9.into())), 2..=2);
        assert_eq!(&page.text()[page.row_range(0)], "ab");
        assert_eq!(&page.text()[page.row_range(2)], "");
    }
}
