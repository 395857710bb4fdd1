//! Jupyter notebooks: the code cells as one text, and changed cells back into the JSON with every other byte as it was.

use std::collections::HashMap;
use std::ops::Range;

use ruff_text_size::TextSize;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::source::{Source, SourceKind};

/// Why a notebook is left alone.
#[derive(Debug, Error)]
pub enum NotebookError {
    #[error("not a notebook: {0}")]
    Json(#[from] serde_json::Error),
    #[error("notebook format {0} is too old; `jupyter nbconvert --to notebook --inplace` upgrades it")]
    TooOld(u64),
    #[error("its code is {0}, not Python")]
    NotPython(String),
    #[error("internal error: a rewrite changed the number of cells")]
    CellsLost,
}

/// The bytes of a notebook and where its code cells are in them.
#[derive(Debug)]
pub struct Notebook {
    raw: Vec<u8>,
    cells: Vec<CodeCell>,
    style: Style,
}

/// One code cell that is analysed.
#[derive(Debug)]
struct CodeCell {
    /// The value of `source` in the raw bytes, brackets or quotes included.
    span: Range<usize>,
    /// The cell's part of the joined text.
    text: Range<usize>,
    /// Whether its last line had no newline, so that one was added to the joined text.
    newline_added: bool,
}

/// How the file writes what more than one program writes differently.
#[derive(Debug)]
struct Style {
    /// Characters outside ASCII are written `\uXXXX`.
    ascii: bool,
    /// Between two lines of a cell, the comma included; for cells that have one line only.
    separator: String,
}

#[derive(Deserialize)]
struct Document<'a> {
    nbformat: Option<u64>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cells: Vec<Cell<'a>>,
}

#[derive(Deserialize)]
struct Cell<'a> {
    cell_type: String,
    #[serde(borrow)]
    source: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metadata {
    kernelspec: Kernel,
    language_info: Language,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kernel {
    language: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Language {
    name: Option<String>,
}

impl Notebook {
    /// Reads a notebook of format 4 or later; the source holds its Python cells, each ending in a newline.
    pub fn parse(raw: Vec<u8>) -> Result<(Self, Source), NotebookError> {
        let start = if raw.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let document: Document = serde_json::from_slice(&raw[start..])?;
        let format = document.nbformat.unwrap_or(0);
        if format < 4 {
            return Err(NotebookError::TooOld(format));
        }
        if let Some(language) = document.metadata.and_then(foreign_language) {
            return Err(NotebookError::NotPython(language));
        }
        let mut text = String::new();
        let mut cells = Vec::new();
        let mut separator = None;
        for value in document
            .cells
            .iter()
            .filter(|cell| cell.cell_type == "code")
            .filter_map(|cell| cell.source)
        {
            let source = CellSource::parse(value)?;
            separator = separator.or_else(|| source.separator());
            let code = source.text();
            if is_passed_over(&code) {
                continue;
            }
            let from = text.len();
            text.push_str(&code);
            let newline_added = !code.ends_with(['\n', '\r']);
            if newline_added {
                text.push('\n');
            }
            let at = value.get().as_ptr() as usize - raw.as_ptr() as usize;
            cells.push(CodeCell {
                span: at..at + value.get().len(),
                text: from..text.len(),
                newline_added,
            });
        }
        let style = Style {
            ascii: raw.is_ascii() && has_unicode_escape(&raw),
            separator: separator.unwrap_or_else(|| {
                if memchr::memmem::find(&raw, b"\": ").is_some() {
                    ", "
                } else {
                    ","
                }
                .to_owned()
            }),
        };
        let source = Source {
            cells: cells
                .iter()
                .map(|cell| TextSize::try_from(cell.text.start).unwrap_or_default())
                .collect(),
            kind: SourceKind::Notebook,
            text,
        };
        Ok((Self { raw, cells, style }, source))
    }

    /// The bytes of the notebook with the cells of a new text: `starts` are the offsets at which its cells start.
    pub fn with_text(&self, old: &str, new: &str, starts: &[TextSize]) -> Result<Vec<u8>, NotebookError> {
        if starts.len() != self.cells.len() {
            return Err(NotebookError::CellsLost);
        }
        let mut out = Vec::with_capacity(self.raw.len() + new.len().saturating_sub(old.len()) * 2);
        let mut copied = 0;
        for (index, cell) in self.cells.iter().enumerate() {
            let end = starts.get(index + 1).map_or(new.len(), |&start| start.into());
            let mut code = new.get(starts[index].into()..end).ok_or(NotebookError::CellsLost)?;
            if code == &old[cell.text.clone()] {
                continue;
            }
            if cell.newline_added {
                code = code.strip_suffix('\n').unwrap_or(code);
            }
            let value = std::str::from_utf8(&self.raw[cell.span.clone()]).map_err(|_| NotebookError::CellsLost)?;
            let value: &RawValue = serde_json::from_str(value)?;
            out.extend_from_slice(&self.raw[copied..cell.span.start]);
            out.extend_from_slice(CellSource::parse(value)?.rewritten(code, &self.style).as_bytes());
            copied = cell.span.end;
        }
        out.extend_from_slice(&self.raw[copied..]);
        Ok(out)
    }
}

/// The value of a cell's `source`, with the raw JSON of each of its strings.
struct CellSource<'a> {
    value: &'a RawValue,
    /// Raw JSON and meaning of each string.
    lines: Vec<(&'a str, String)>,
    is_array: bool,
}

impl<'a> CellSource<'a> {
    fn parse(value: &'a RawValue) -> Result<Self, serde_json::Error> {
        let is_array = value.get().starts_with('[');
        let raw: Vec<&RawValue> = if is_array {
            serde_json::from_str(value.get())?
        } else {
            vec![value]
        };
        let lines = raw
            .into_iter()
            .map(|line| Ok((line.get(), serde_json::from_str(line.get())?)))
            .collect::<Result<_, serde_json::Error>>()?;
        Ok(Self { value, lines, is_array })
    }

    fn text(&self) -> String {
        self.lines.iter().map(|(_, text)| text.as_str()).collect()
    }

    /// What stands between the first two strings.
    fn separator(&self) -> Option<String> {
        let [(first, _), (second, _), ..] = self.lines.as_slice() else {
            return None;
        };
        let start = self.offset(first) + first.len();
        Some(self.value.get()[start..self.offset(second)].to_owned())
    }

    /// Where one of the strings begins in the value.
    fn offset(&self, line: &str) -> usize {
        line.as_ptr() as usize - self.value.get().as_ptr() as usize
    }

    /// The JSON of the new code in the old one's layout. Lines that were there keep their escapes.
    fn rewritten(&self, code: &str, style: &Style) -> String {
        if !self.is_array {
            return encode(code, style.ascii);
        }
        let (Some((first, _)), Some((last, _))) = (self.lines.first(), self.lines.last()) else {
            return encode(code, style.ascii);
        };
        let value = self.value.get();
        let head = &value[..self.offset(first)];
        let tail = &value[self.offset(last) + last.len()..];
        let separator = self.separator().unwrap_or_else(|| match head.trim_start_matches('[') {
            "" => style.separator.clone(),
            indent => format!(",{indent}"),
        });
        let known: HashMap<&str, &str> = self.lines.iter().map(|(raw, text)| (text.as_str(), *raw)).collect();
        let lines: Vec<String> = code
            .split_inclusive('\n')
            .map(|line| {
                known
                    .get(line)
                    .map_or_else(|| encode(line, style.ascii), |raw| (*raw).to_owned())
            })
            .collect();
        format!("{head}{}{tail}", lines.join(&separator))
    }
}

/// The language when it is not Python.
fn foreign_language(metadata: &RawValue) -> Option<String> {
    // Metadata is anybody's: where it is not of the usual shape, it says nothing.
    let metadata: Metadata = serde_json::from_str(metadata.get()).unwrap_or_default();
    let language = metadata.kernelspec.language.or(metadata.language_info.name)?;
    let is_python = matches!(language.to_ascii_lowercase().as_str(), "python" | "python3" | "ipython");
    (!is_python).then_some(language)
}

/// Cells without code, and cells that a `%%magic` may hand to something other than Python.
fn is_passed_over(code: &str) -> bool {
    let code = code.trim_start();
    code.is_empty() || code.starts_with("%%")
}

/// Whether a `\uXXXX` of the JSON stands for a character outside ASCII.
fn has_unicode_escape(raw: &[u8]) -> bool {
    memchr::memmem::find_iter(raw, b"\\u").any(|at| {
        let backslashes = raw[..at].iter().rev().take_while(|&&byte| byte == b'\\').count();
        let digits = raw
            .get(at + 2..at + 6)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        backslashes % 2 == 0 && value.is_some_and(|value| value > 0x7f)
    })
}

/// A JSON string with as few escapes as possible, or with all characters outside ASCII escaped.
fn encode(text: &str, ascii: bool) -> String {
    let json = serde_json::Value::from(text).to_string();
    if !ascii || json.is_ascii() {
        return json;
    }
    let mut out = String::with_capacity(json.len() * 2);
    for character in json.chars() {
        if character.is_ascii() {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDENTED: &str = r#"{
 "cells": [
  {
   "cell_type": "markdown",
   "source": ["x = 1"]
  },
  {
   "cell_type": "code",
   "execution_count": 1,
   "outputs": [{"data": 1.0, "more": 1e5, "text": ["\u00e9"]}],
   "source": [
    "x = 1\n",
    "s = \"caf\u00e9\\u00e9\"\n",
    "y = 2"
   ]
  },
  {
   "cell_type": "code",
   "source": ["%%bash\n", "x = 1"]
  },
  {
   "cell_type": "code",
   "source": "x = 1\nz = 3\n",
   "metadata": {}
  },
  {
   "cell_type": "code",
   "source": [
    "w"
   ]
  },
  {"source": [], "cell_type": "code"}
 ],
 "metadata": {"kernelspec": {"language": "python"}},
 "nbformat": 4, "nbformat_minor": 5
}"#;

    const TEXT: &str = "x = 1\ns = \"café\\u00e9\"\ny = 2\nx = 1\nz = 3\nw\n";

    fn offsets(starts: &[u32]) -> Vec<TextSize> {
        starts.iter().copied().map(TextSize::new).collect()
    }

    #[test]
    fn code_cells_are_joined() {
        let (_, source) = Notebook::parse(INDENTED.into()).unwrap();
        assert_eq!(source.text, TEXT);
        assert_eq!(source.cells, offsets(&[0, 30, 42]));
        assert_eq!(source.kind, SourceKind::Notebook);
    }

    #[test]
    fn an_unchanged_text_gives_the_same_bytes() {
        let (notebook, source) = Notebook::parse(INDENTED.into()).unwrap();
        let bytes = notebook.with_text(&source.text, &source.text, &source.cells).unwrap();
        assert_eq!(bytes, INDENTED.as_bytes());
    }

    #[test]
    fn only_the_lines_that_changed_are_written_and_in_the_style_of_the_file() {
        let (notebook, source) = Notebook::parse(INDENTED.into()).unwrap();
        let new = "x = 1\ns = \"café\\u00e9\"\nü = \"\t\"\ny = 2\nx = 1\nz = 4\nv\nw\n";
        let bytes = notebook.with_text(&source.text, new, &offsets(&[0, 39, 51])).unwrap();
        let expected = INDENTED
            .replace("    \"y = 2\"", "    \"\\u00fc = \\\"\\t\\\"\\n\",\n    \"y = 2\"")
            .replace("z = 3", "z = 4")
            .replace("    \"w\"", "    \"v\\n\",\n    \"w\"");
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }

    #[test]
    fn compact_files_stay_compact_and_characters_stay_unescaped() {
        let raw = "\u{feff}{\"nbformat\":4,\"cells\":[{\"cell_type\":\"code\",\"source\":[\"é\\n\",\"b\"]},{\"cell_type\":\"code\",\"source\":[\"c\"]}]}\r\n";
        let (notebook, source) = Notebook::parse(raw.into()).unwrap();
        let bytes = notebook
            .with_text(&source.text, "é\nb\nü\nc\n", &offsets(&[0, 5]))
            .unwrap();
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            raw.replace("[\"c\"]", "[\"ü\\n\",\"c\"]")
        );
    }

    #[test]
    fn what_is_not_a_python_notebook_is_refused() {
        let refusal = |raw: &str| Notebook::parse(raw.into()).unwrap_err().to_string();
        assert!(refusal("{").starts_with("not a notebook: "));
        assert!(refusal(r#"{"nbformat": 3, "worksheets": []}"#).starts_with("notebook format 3 is too old"));
        assert_eq!(
            refusal(r#"{"nbformat": 4, "metadata": {"language_info": {"name": "R"}}, "cells": []}"#),
            "its code is R, not Python"
        );
        assert!(Notebook::parse(br#"{"nbformat": 4, "metadata": {"kernelspec": null}, "cells": []}"#.to_vec()).is_ok());
    }
}
