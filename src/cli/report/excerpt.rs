//! The few rows of a text that a diagnostic shows, as a terminal can show them.

use std::ops::Range;

use ruff_text_size::TextRange;

use super::text::is_unprintable;
use super::view::Page;

/// A range over more rows than this is shown by its first row: the head of a block says more than its body.
const MAX_ROWS: usize = 6;

/// A row of more bytes than this is not shown: it is generated, and the renderer is slow over megabytes. Shorter ones the
/// renderer cuts to the width of a terminal.
const MAX_ROW: usize = 1_000;

/// Rows to show, and what to underline in them.
pub(super) struct Excerpt {
    /// The rows, with `\n` between them and with characters in place of those that cannot be shown.
    pub(super) text: String,
    /// The underlined bytes of `text`.
    pub(super) span: Range<usize>,
}

/// The rows that the range touches, or the first of them when they are many; `None` when one is too long to be shown.
pub(super) fn excerpt(page: &Page, range: TextRange) -> Option<Excerpt> {
    let rows = page.rows(range);
    let shown = match rows.clone().nth(MAX_ROWS) {
        Some(_) => *rows.start()..=*rows.start(),
        None => rows,
    };
    let (mut text, mut span) = (String::new(), 0..0);
    for row in shown.clone() {
        let first = row == *shown.start();
        if !first {
            text.push('\n');
        }
        let line = page.row_range(row);
        let touched = relative(line, range);
        let line = &page.text()[line];
        if line.len() > MAX_ROW {
            return None;
        }
        if first {
            span.start = text.len() + shown_len(line, touched.start);
        }
        span.end = text.len() + shown_len(line, touched.end);
        push_shown(&mut text, line);
    }
    Some(Excerpt { text, span })
}

/// The bytes of a row that the range touches, counted from the start of the row.
fn relative(row: TextRange, range: TextRange) -> Range<usize> {
    let (start, len) = (row.start().to_usize(), row.len().to_usize());
    let within = |offset: usize| offset.saturating_sub(start).min(len);
    within(range.start().to_usize())..within(range.end().to_usize())
}

fn shown(character: char) -> char {
    match character {
        '\t' => '\t',
        _ if is_unprintable(character) => '\u{fffd}',
        _ => character,
    }
}

fn push_shown(out: &mut String, text: &str) {
    out.extend(text.chars().map(shown));
}

/// Bytes that the text before `end` takes once it is shown. `end` may lie inside a character, which then does not count.
fn shown_len(text: &str, end: usize) -> usize {
    text[..text.floor_char_boundary(end)]
        .chars()
        .map(|character| shown(character).len_utf8())
        .sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::source::Source;

    #[track_caller]
    fn check(text: &str, range: Range<u32>, expected: &str, underlined: &str) {
        let page = Page::new(Source::module(text));
        let excerpt = excerpt(&page, TextRange::new(range.start.into(), range.end.into())).unwrap();
        assert_eq!(excerpt.text, expected);
        assert_eq!(&excerpt.text[excerpt.span], underlined);
    }

    #[test]
    fn rows_are_shown_without_newlines_and_marks() {
        check("\u{feff}ab\r\ncd\r\n", 3..5, "ab", "ab");
        check("ab\r\ncd\r\n", 1..6, "ab\ncd", "b\ncd");
        check("a\rb\rc", 2..3, "b", "b");
        check("a\n", 2..2, "", "");
        check("a\x1bb\x0cc", 2..3, "a\u{fffd}b\u{fffd}c", "b");
    }

    #[test]
    fn long_ranges_are_shown_by_their_first_row() {
        let block = "for x in y:\n".to_owned() + &"    pass\n".repeat(20);
        check(&block, 0..100, "for x in y:", "for x in y:");
    }

    #[test]
    fn long_rows_are_not_shown() {
        let page = Page::new(Source::module("x".repeat(MAX_ROW + 1)));
        assert!(excerpt(&page, TextRange::up_to(1.into())).is_none());
    }

    proptest! {
        #[test]
        fn any_range_can_be_shown(text in "[a漢\u{feff}\t\r\n\u{1b}]{0,60}", start in 0u32..100, len in 0u32..100) {
            let page = Page::new(Source::module(text));
            let excerpt = excerpt(&page, TextRange::at(start.into(), len.into())).unwrap();
            prop_assert!(excerpt.text.get(excerpt.span).is_some());
        }
    }
}
