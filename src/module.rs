//! One parsed file. The only module that knows the quirks of ruff's parser.

use ruff_python_ast::token::{TokenKind, Tokens};
use ruff_python_ast::{ModModule, PythonVersion};
use ruff_python_parser::{Mode, ParseOptions, Parsed};
use ruff_source_file::LineIndex;
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::source::{Source, SourceKind};

/// Tokens that may stack up inside one another before a text is refused. CPython gives up at about 100 levels of indentation,
/// 200 parentheses and chains of some 8,000 operators; beyond this the tree could not be walked or dropped on our stacks.
const MAX_DEPTH: usize = 6_000;

/// Why a text could not be parsed. `offset` is in bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    pub message: String,
    pub offset: TextSize,
}

/// A text with its syntax tree, tokens and comments.
pub struct Module {
    text: String,
    kind: SourceKind,
    parsed: Parsed<ModModule>,
    lines: LineIndex,
    comments: Vec<TextRange>,
    newline: &'static str,
}

impl Module {
    /// Parses for the given lowest Python version. Syntax newer than that version is accepted: the file is not ours to judge.
    pub fn parse(source: &Source, target: PythonVersion) -> Result<Self, ParseError> {
        if let Some(offset) = too_deep(source.text.as_bytes()) {
            return Err(ParseError {
                message: "nested too deeply to be analysed".to_owned(),
                offset,
            });
        }
        let mode = match source.kind {
            SourceKind::Notebook => Mode::Ipython,
            SourceKind::Module | SourceKind::Stub => Mode::Module,
        };
        let options = ParseOptions::from(mode).with_target_version(target);
        let parsed = ruff_python_parser::parse_unchecked(&source.text, options);
        if let Some(error) = parsed.errors().first() {
            return Err(ParseError {
                message: error.error.to_string(),
                offset: error.location.start(),
            });
        }
        let parsed = parsed.try_into_module().ok_or_else(|| ParseError {
            message: "not a module".to_owned(),
            offset: TextSize::default(),
        })?;
        let comments = parsed
            .tokens()
            .iter()
            .filter(|token| token.kind() == TokenKind::Comment)
            .map(Ranged::range)
            .collect();
        Ok(Self {
            lines: LineIndex::from_source_text(&source.text),
            newline: newline_of(&source.text),
            text: source.text.clone(),
            kind: source.kind,
            comments,
            parsed,
        })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The source text of a node or range.
    pub fn slice(&self, ranged: impl Ranged) -> &str {
        &self.text[ranged.range()]
    }

    pub fn kind(&self) -> SourceKind {
        self.kind
    }

    pub fn syntax(&self) -> &ModModule {
        self.parsed.syntax()
    }

    pub fn tokens(&self) -> &Tokens {
        self.parsed.tokens()
    }

    /// Comments in source order, each from its `#` to the end of its text.
    pub fn comments(&self) -> &[TextRange] {
        &self.comments
    }

    /// The comments that begin inside the range.
    pub fn comments_in(&self, range: TextRange) -> &[TextRange] {
        let start = self.comments.partition_point(|comment| comment.start() < range.start());
        let end = self.comments.partition_point(|comment| comment.start() < range.end());
        &self.comments[start..end.max(start)]
    }

    pub fn lines(&self) -> &LineIndex {
        &self.lines
    }

    /// The newline of the first line: `\n`, `\r\n` or `\r`.
    pub fn newline(&self) -> &'static str {
        self.newline
    }

    /// 1-based line and 1-based column in characters.
    pub fn location(&self, offset: TextSize) -> (usize, usize) {
        let at = self.lines.line_column(offset, &self.text);
        (at.line.get(), at.column.get())
    }

    /// The offset at which the line of `offset` starts.
    pub fn line_start(&self, offset: TextSize) -> TextSize {
        self.lines.line_start(self.lines.line_index(offset), &self.text)
    }

    /// The offset behind the last character of the line of `offset`, its newline not included.
    pub fn line_end(&self, offset: TextSize) -> TextSize {
        let line = self.lines.line_range(self.lines.line_index(offset), &self.text);
        let text = self.text[line].trim_end_matches(['\n', '\r']);
        line.start() + TextSize::of(text)
    }

    /// The offset behind the newline of the line of `offset`.
    pub fn line_end_with_newline(&self, offset: TextSize) -> TextSize {
        self.lines.line_end(self.lines.line_index(offset), &self.text)
    }

    /// The white space before the first character of the line of `offset`. A form feed counts as white space.
    pub fn indentation(&self, offset: TextSize) -> &str {
        let start = self.line_start(offset);
        let line = &self.text[usize::from(start)..];
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        let width = line.len() - line.trim_start_matches([' ', '\t', '\u{c}']).len();
        &line[..width]
    }

    /// Whether only white space stands between the start of the line and `offset`.
    pub fn is_first_on_line(&self, offset: TextSize) -> bool {
        self.text[TextRange::new(self.line_start(offset), offset)]
            .trim_start_matches('\u{feff}')
            .chars()
            .all(|character| matches!(character, ' ' | '\t' | '\u{c}'))
    }
}

/// `\r\n` or `\r` when the first newline is one, else `\n`.
fn newline_of(text: &str) -> &'static str {
    match memchr::memchr2(b'\n', b'\r', text.as_bytes()) {
        Some(at) if text.as_bytes()[at] == b'\r' => {
            if text.as_bytes().get(at + 1) == Some(&b'\n') {
                "\r\n"
            } else {
                "\r"
            }
        }
        _ => "\n",
    }
}

/// The offset at which a text nests more deeply than its tree could be walked, judged from the bytes alone: the parser grows its own
/// stack without bound, and would end the process on hostile input before it could be asked.
///
/// The bound counts, over the open brackets and the indentation, the tokens since the last comma or line end; no path in the tree is
/// longer than a small multiple of that. A comma inside a lambda's parameters ends nothing.
fn too_deep(text: &[u8]) -> Option<TextSize> {
    if text.len() <= MAX_DEPTH {
        return None;
    }
    let mut open: Vec<(usize, bool)> = Vec::new();
    let (mut chain, mut in_lambda, mut below) = (0usize, false, 0usize);
    let mut indents: Vec<usize> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        match byte {
            b'#' => {
                at = memchr::memchr2(b'\n', b'\r', &text[at..]).map_or(text.len(), |step| at + step);
                continue;
            }
            b'"' | b'\'' => {
                at = end_of_string(text, at);
                continue;
            }
            b'\\' if matches!(text.get(at + 1), Some(b'\n' | b'\r')) => {
                at += if text[at + 1] == b'\r' && text.get(at + 2) == Some(&b'\n') {
                    3
                } else {
                    2
                };
                continue;
            }
            b'\n' | b'\r' if open.is_empty() => {
                (chain, in_lambda) = (0, false);
                let line = at + 1;
                let width = text[line..]
                    .iter()
                    .take_while(|byte| matches!(byte, b' ' | b'\t'))
                    .count();
                let blank = matches!(text.get(line + width), None | Some(b'\n' | b'\r' | b'#'));
                if !blank {
                    while indents.last().is_some_and(|&outer| outer >= width) {
                        indents.pop();
                    }
                    if width > 0 {
                        indents.push(width);
                    }
                }
                at = line + width;
                continue;
            }
            b'(' | b'[' | b'{' => {
                chain += 1;
                open.push((chain, in_lambda));
                below += chain;
                (chain, in_lambda) = (0, false);
            }
            b')' | b']' | b'}' => {
                if let Some((outer, lambda)) = open.pop() {
                    below -= outer;
                    (chain, in_lambda) = (outer, lambda);
                }
            }
            b',' if !in_lambda => chain = 0,
            byte if IN_WORDS[usize::from(byte)] => {
                let start = at;
                at += text[at..]
                    .iter()
                    .take_while(|byte| IN_WORDS[usize::from(**byte)])
                    .count();
                chain += 1;
                in_lambda |= &text[start..at] == b"lambda";
                if chain + below + indents.len() > MAX_DEPTH {
                    return TextSize::try_from(start).ok();
                }
                continue;
            }
            byte if byte.is_ascii_whitespace() => {}
            _ => chain += 1,
        }
        if chain + below + indents.len() > MAX_DEPTH {
            return TextSize::try_from(at).ok();
        }
        at += 1;
    }
    None
}

/// The bytes that words consist of. Every byte of every text that is parsed is asked for.
const IN_WORDS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric() || byte == b'_' as usize || byte >= 0x80;
        byte += 1;
    }
    table
};

/// The offset behind the string literal whose first quote stands at `start`.
fn end_of_string(text: &[u8], start: usize) -> usize {
    let quote = text[start];
    let triple = text[start..].starts_with(&[quote; 3]);
    let mut at = start + if triple { 3 } else { 1 };
    while at < text.len() {
        if triple {
            // Most of what is in long strings is neither.
            at += memchr::memchr2(b'\\', quote, &text[at..]).unwrap_or(text.len() - at);
        }
        match text.get(at) {
            Some(b'\\') => at += 1,
            Some(b'\n' | b'\r') if !triple => return at,
            Some(byte) if *byte == quote && !triple => return at + 1,
            Some(byte) if *byte == quote && text[at..].starts_with(&[quote; 3]) => return at + 3,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// Source text for a message: its first line, not too long.
pub(crate) fn one_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() > 40 || line.len() < text.len() {
        format!("{}...", line.chars().take(40).collect::<String>())
    } else {
        line.to_owned()
    }
}
