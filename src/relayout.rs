//! Lays lines that a rewrite made out as the formatter would, where the lines that they came from were.
//!
//! A line grows past the limit by an `await`, or a call shrinks so that its arguments fit on one line: in code that is kept formatted, the
//! next run of the formatter would change it, and somebody else's diff would show it. Code that nobody formats is left as the codemods
//! wrote it. The only module that knows the quirks of ruff's formatter, whose style is black's.

use ruff_formatter::{FormatOptions, IndentStyle, LineWidth};
use ruff_python_ast::token::TokenKind;
use ruff_python_ast::{PySourceType, Stmt};
use ruff_python_formatter::{PyFormatOptions, QuoteStyle, format_range};
use ruff_text_size::{Ranged, TextLen, TextRange, TextSize};

use crate::edit::{Edit, Shift};
use crate::module::Module;
use crate::settings::Settings;

/// Edits on `new` that lay out what `layers` changed. Each layer holds edits on the text that the one before it made; the first is on
/// `old`, the last made `new`. Sorted, disjoint; their newlines are `\n`.
pub(crate) fn relayout(old: &Module, layers: &[&[Edit]], new: &Module, settings: &Settings) -> Vec<Edit> {
    let Some((first, later)) = layers.split_first() else {
        return Vec::new();
    };
    let shift = Shift::new(first);
    let later: Vec<Shift> = later.iter().map(|edits| Shift::new(edits)).collect();
    let mut found: Vec<Edit> = Vec::new();
    let mut from = 0;
    while from < first.len() {
        // Edits on adjoining lines are one change, such as a block that moves under a header.
        let mut lines = whole_lines(old.text(), first[from].range());
        let mut to = from + 1;
        while let Some(next) = first.get(to).filter(|next| next.start() <= lines.end()) {
            lines = lines.cover(whole_lines(old.text(), next.range()));
            to += 1;
        }
        let after = |offset, count| {
            later
                .iter()
                .fold(shift.of_first(offset, count), |at, layer| layer.of(at))
        };
        let start = after(first[from].start(), from);
        let made = TextRange::new(start, after(first[to - 1].end(), to).max(start));
        let made = whole_lines(new.text(), made);
        from = to;
        if is_short_line(old, lines, settings) && is_short_line(new, made, settings)
            || !is_formatted(old, lines, settings)
        {
            continue;
        }
        let Some(edit) = formatted(new, made, settings) else {
            continue;
        };
        if edit.content() != normalised(new.slice(edit.range()))
            && found.last().is_none_or(|last| last.end() <= edit.start())
        {
            found.push(edit);
        }
    }
    found
}

/// The range, grown to whole lines and without the blanks around them. At a blank line, the line before it.
fn whole_lines(text: &str, range: TextRange) -> TextRange {
    let start = line_start(text, range.start());
    let end = usize::from(range.end());
    // An edit of whole lines ends where the next line starts: that line is none of it.
    let end = if end > start && text[..end].ends_with(['\n', '\r']) {
        end
    } else {
        text[end..]
            .find(['\n', '\r'])
            .map_or(text.len(), |newline| end + newline)
    };
    let lines = &text[start..end];
    let (start, end) = if lines.trim().is_empty() {
        let before = text[..start].trim_end();
        (
            before.rfind(['\n', '\r']).map_or(0, |newline| newline + 1),
            before.len(),
        )
    } else {
        (start, start + lines.trim_end().len())
    };
    let start = start + (text[start..end].len() - text[start..end].trim_start().len());
    TextRange::new(offset(start), offset(end.max(start)))
}

/// Whether the range lies in one logical line that is one physical line and fits: there is nothing to lay out. Asked first, because
/// formatting costs much more.
fn is_short_line(module: &Module, range: TextRange, settings: &Settings) -> bool {
    let tokens = module.tokens();
    let behind = tokens.partition_point(|token| token.start() < range.end());
    let ends_at = tokens[behind..].iter().find(|token| token.kind() == TokenKind::Newline);
    let inside = tokens.partition_point(|token| token.end() <= range.start());
    let starts_at = tokens[..inside]
        .iter()
        .rev()
        .take_while(|token| token.kind() != TokenKind::Newline)
        .filter(|token| !token.range().is_empty())
        .filter(|token| {
            !matches!(
                token.kind(),
                TokenKind::NonLogicalNewline | TokenKind::Comment | TokenKind::Indent
            )
        })
        .last()
        .map_or(range.start(), Ranged::start);
    let Some(ends_at) = ends_at else { return false };
    let line = TextRange::new(starts_at.min(range.start()), ends_at.start());
    if module.slice(line).contains(['\n', '\r']) {
        return false;
    }
    let line = whole_lines(module.text(), line);
    let indentation = module.text()[..usize::from(line.start())]
        .chars()
        .rev()
        .take_while(|c| !matches!(c, '\n' | '\r'))
        .count();
    indentation + module.slice(line).chars().count() <= settings.line_length
}

/// Whether formatting these lines would leave them as they are.
fn is_formatted(module: &Module, range: TextRange, settings: &Settings) -> bool {
    formatted(module, range, settings).is_some_and(|edit| edit.content() == normalised(module.slice(edit.range())))
}

/// What the formatter makes of the statements in this range. `None` when it makes nothing of them, as in `# fmt: off`.
fn formatted(module: &Module, range: TextRange, settings: &Settings) -> Option<Edit> {
    if range.is_empty() {
        return None;
    }
    // A comment behind the last statement of a block: cut out, it would seem to belong to the module.
    let is_met = |stmt: &Stmt| stmt.range().intersect(range).is_some();
    if !module.syntax().body.iter().any(is_met) {
        return None;
    }
    // The formatter parses all that it is given: the statements that hold the range, and no more of the blocks around them than headers.
    let mut body = module.syntax().body.as_slice();
    let mut headers = String::new();
    let around = loop {
        let held = body.iter().map(Ranged::range);
        let around = held
            .filter(|stmt| stmt.intersect(range).is_some())
            .fold(range, TextRange::cover);
        let inner = match body.iter().find(|stmt| stmt.range() == around) {
            Some(Stmt::ClassDef(class)) => &class.body,
            Some(Stmt::FunctionDef(function)) => &function.body,
            _ => break around,
        };
        if !inner.iter().any(|stmt| stmt.range().contains_range(range)) {
            break around;
        }
        let line = line_start(module.text(), around.start());
        let indentation = &module.text()[line..usize::from(around.start())];
        if !indentation.trim().is_empty() {
            break around;
        }
        headers.push_str(indentation);
        headers.push_str("class _:\n");
        body = inner;
    };
    let line = line_start(module.text(), around.start());
    // The formatter's offsets do not count a byte order mark.
    let mark = if module.text()[line..].starts_with('\u{feff}') {
        3
    } else {
        0
    };
    let around = TextRange::new(offset(line + mark), around.end());
    let range = TextRange::new(range.start().max(around.start()), range.end());
    let given = headers.text_len();
    let text = headers + module.slice(around);
    let text = text.as_str();
    let printed = format_range(text, range - around.start() + given, options(text, settings)).ok()?;
    if printed.source_range().is_empty() || printed.source_range().start() < given {
        return None;
    }
    let range = printed.source_range() - given + around.start();
    // The blank lines behind belong to what follows, of which the formatter was not told.
    let content = normalised(printed.as_code().trim_end());
    let end = range.start() + module.slice(range).trim_end().text_len();
    Some(Edit::replacement(content, TextRange::new(range.start(), end)))
}

/// The byte at which the line of an offset starts.
fn line_start(text: &str, at: TextSize) -> usize {
    text[..usize::from(at)]
        .rfind(['\n', '\r'])
        .map_or(0, |newline| newline + 1)
}

fn options(text: &str, settings: &Settings) -> PyFormatOptions {
    let width = u16::try_from(settings.line_length).unwrap_or(u16::MAX);
    let indent_style = if text.contains("\n\t") {
        IndentStyle::Tab
    } else {
        IndentStyle::Space
    };
    let options = PyFormatOptions::from_source_type(PySourceType::Python)
        .with_target_version(settings.target)
        .with_indent_style(indent_style)
        // Whichever quotes the project's formatter prefers, ours are not to differ from those of the code around.
        .with_quote_style(QuoteStyle::Preserve);
    let default = options.line_width();
    options.with_line_width(LineWidth::try_from(width).unwrap_or(default))
}

fn normalised(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn offset(at: usize) -> TextSize {
    TextSize::try_from(at).unwrap_or_default()
}
