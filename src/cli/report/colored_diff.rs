//! Hunks with git's colours, for a terminal.
//!
//! Control characters are made visible (`^[`), because a file must not be able to move the cursor of whoever reads its diff. A patch is
//! taken from the plain form.

use std::path::Path;

use super::text::{Palette, Style, is_unprintable};
use crate::diff::{self, Hunk, Line, Makers, Mark};

/// The diff of one file; empty when nothing changed.
pub(super) fn colored(path: &Path, old: &[u8], new: &[u8], makers: &Makers) -> String {
    let hunks = diff::hunks(old, new, makers);
    let mut out = String::new();
    if hunks.is_empty() {
        return out;
    }
    for header in diff::headers(path) {
        push_line(&mut out, Some(Style::Bold), &header);
    }
    for hunk in &hunks {
        push_header(&mut out, hunk);
        for line in &hunk.lines {
            push(&mut out, line);
        }
    }
    out
}

fn push_header(out: &mut String, hunk: &Hunk) {
    let header = hunk.header();
    let position = header.strip_suffix(&hunk.label).unwrap_or(&header);
    *out += &Palette::Colored.paint(Style::Cyan, position.trim_end());
    if !hunk.label.is_empty() {
        out.push(' ');
        *out += &hunk.label;
    }
    out.push('\n');
}

fn push(out: &mut String, line: &Line) {
    let style = match line.mark {
        Mark::Context => None,
        Mark::Removed => Some(Style::Red),
        Mark::Added => Some(Style::Green),
    };
    let (content, ended) = line.content();
    // A carriage return before the newline does no harm, and would clutter every line of a CRLF file.
    let (content, carriage) = match content.strip_suffix(b"\r") {
        Some(content) if ended => (content, "\r"),
        _ => (content, ""),
    };
    let text = format!("{}{}", line.sign(), visible(content));
    push_line(out, style, &text);
    if !carriage.is_empty() {
        out.insert_str(out.len() - 1, carriage);
    }
    if !ended {
        push_line(out, None, diff::NO_NEWLINE);
    }
}

fn push_line(out: &mut String, style: Option<Style>, text: &str) {
    match style {
        Some(style) => *out += &Palette::Colored.paint(style, text),
        None => *out += text,
    }
    out.push('\n');
}

/// Bytes that are not UTF-8 become replacement characters, control characters but tabs their caret notation.
fn visible(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => out.push('\t'),
            '\0'..='\x1f' => out.extend(['^', char::from(character as u8 + b'@')]),
            '\x7f' => out.push_str("^?"),
            _ if is_unprintable(character) => out.push('\u{fffd}'),
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_and_removed_lines_have_colours() {
        let diff = colored(Path::new("a.py"), b"x\r\ny\x1b\n", b"x\r\nz\xff", &Makers::default());
        assert_eq!(
            diff,
            "\x1b[1m--- a/a.py\x1b[0m\n\x1b[1m+++ b/a.py\x1b[0m\n\x1b[36m@@ -1,2 +1,2 @@\x1b[0m\n x\r\n\
             \x1b[31m-y^[\x1b[0m\n\x1b[32m+z\u{fffd}\x1b[0m\n\\ No newline at end of file\n"
        );
    }
}
