//! Edits in layers, put in order at the end: expressions wrapped where they stand, statements moved under new headers, lines added
//! before and behind them. What a rewrite of a whole function needs when several of its parts meet at one offset or on one line.

use std::collections::BTreeMap;

use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::codemod::Context;
use crate::edit::Edit;
use crate::finding::Declined;
use crate::layout::{movable_lines, own_lines};
use crate::semantic::NodeId;

/// The order of what is inserted at one offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// White space of a line that moves inwards.
    Shift,
    /// Headers and lines above a statement, in the order in which they were asked for.
    Above(usize),
    /// Behind an expression: inner ones first.
    Behind(std::cmp::Reverse<NodeId>, u8),
    /// In front of an expression: outer ones first.
    Before(NodeId, std::cmp::Reverse<u8>),
    /// Text of a list element.
    Item(usize),
    /// Lines below a statement.
    Below(usize),
}

struct Wrap {
    range: TextRange,
    /// Lines, indented relative to the block; `None` when the statements only move.
    header: Option<String>,
}

enum Line {
    Above,
    /// In front of every wrap that begins with the statement.
    Outermost,
    /// Directly behind the statement, in its block.
    Below,
    /// Behind every wrap that ends with the statement.
    Outside,
}

/// The edits of one rewrite under construction.
pub struct Draft<'c, 'a> {
    ctx: &'c Context<'a>,
    inserts: Vec<(TextSize, Rank, String)>,
    replacements: Vec<Edit>,
    wraps: Vec<Wrap>,
    /// `offset`: the statement's start for [`Line::Above`] and [`Line::Outermost`], else its end; and the start of the line it is indented like.
    lines: Vec<(TextSize, TextSize, Line, String)>,
    restated: Vec<(TextRange, String)>,
    /// Text at an offset, its lines indented like the line of another one; the flag: behind everything else that is inserted there.
    broken: Vec<(TextSize, TextSize, String, bool, usize)>,
}

impl<'c, 'a> Draft<'c, 'a> {
    pub fn new(ctx: &'c Context<'a>) -> Self {
        Self {
            ctx,
            inserts: Vec::new(),
            replacements: Vec::new(),
            wraps: Vec::new(),
            lines: Vec::new(),
            restated: Vec::new(),
            broken: Vec::new(),
        }
    }

    pub fn replace(&mut self, range: impl Ranged, text: impl Into<String>) {
        self.replacements.push(Edit::replacement(text, range.range()));
    }

    pub fn delete(&mut self, range: TextRange) {
        self.replacements.push(Edit::deletion(range));
    }

    /// Text at an offset inside brackets; what is asked for first comes first.
    pub fn insert(&mut self, at: TextSize, text: impl Into<String>) {
        self.inserts.push((at, Rank::Item(self.inserts.len()), text.into()));
    }

    /// As [`Draft::insert`], for text of several lines, which are indented like the line of `like`.
    pub fn insert_lines(&mut self, at: TextSize, like: TextSize, text: impl Into<String>) {
        self.broken.push((at, like, text.into(), false, self.inserts.len()));
    }

    /// As [`Draft::insert_lines`], behind everything else that is inserted at the offset.
    pub fn insert_lines_last(&mut self, at: TextSize, like: TextSize, text: impl Into<String>) {
        self.broken.push((at, like, text.into(), true, self.inserts.len()));
    }

    /// Text around an expression. Of two around the same one, the lower layer is the inner.
    pub fn around(&mut self, node: NodeId, layer: u8, prefix: &str, suffix: &str) {
        let range = self.ctx.model.node(node).range();
        if !prefix.is_empty() {
            self.inserts.push((
                range.start(),
                Rank::Before(node, std::cmp::Reverse(layer)),
                prefix.to_owned(),
            ));
        }
        if !suffix.is_empty() {
            self.inserts.push((
                range.end(),
                Rank::Behind(std::cmp::Reverse(node), layer),
                suffix.to_owned(),
            ));
        }
    }

    /// Puts the statements of a range one level below a header.
    pub fn put_under(&mut self, range: TextRange, header: impl Into<String>) {
        self.wraps.push(Wrap {
            range,
            header: Some(header.into()),
        });
    }

    /// Moves the lines of a range one level inwards, below a header that stands before them.
    pub fn indent(&mut self, range: TextRange) {
        self.wraps.push(Wrap { range, header: None });
    }

    /// A line of its own above a statement, in its block.
    pub fn line_above(&mut self, stmt: impl Ranged, text: impl Into<String>) {
        self.lines.push((stmt.start(), stmt.start(), Line::Above, text.into()));
    }

    /// As [`Draft::line_above`], but above the headers that the statement is put under: the line runs whether they let the statement run or not.
    pub fn line_outermost(&mut self, stmt: impl Ranged, text: impl Into<String>) {
        self.lines
            .push((stmt.start(), stmt.start(), Line::Outermost, text.into()));
    }

    /// Lines of their own directly behind a statement, in its block; inner lines are indented with `\t`.
    pub fn line_below(&mut self, stmt: impl Ranged, text: impl Into<String>) {
        self.lines.push((stmt.end(), stmt.start(), Line::Below, text.into()));
    }

    /// Text behind what was a statement up to `range`'s end, on a new line outside of the headers that only it stands under.
    pub fn line_outside(&mut self, range: TextRange, text: impl Into<String>) {
        self.lines
            .push((range.end(), range.start(), Line::Outside, text.into()));
    }

    /// Writes a statement anew; further lines are indented like it.
    pub fn restate(&mut self, range: TextRange, text: impl Into<String>) {
        self.restated.push((range, text.into()));
    }

    /// All edits: sorted, one insertion per offset. Declined when statements that must move share a line with others.
    pub fn finish(mut self) -> Result<Vec<Edit>, Declined> {
        let module = self.ctx.module;
        // The wider a wrap, the further out it is written.
        self.wraps
            .sort_by_key(|wrap| (wrap.range.start(), std::cmp::Reverse(wrap.range.end())));
        for wrap in &self.wraps {
            if !module.is_first_on_line(wrap.range.start()) {
                return Err("the statement shares its line with another one".into());
            }
        }
        for (offset, start, place, _) in &self.lines {
            let end = if matches!(place, Line::Below) {
                *offset
            } else {
                module.line_end(*start)
            };
            own_lines(module, *start, end)?;
        }
        let mut inserts = std::mem::take(&mut self.inserts);
        self.shift_lines(&mut inserts);
        let mut count = 0;
        let mut above = |inserts: &mut Vec<_>, at: TextSize, text: String| {
            count += 1;
            inserts.push((at, Rank::Above(count), text));
        };
        for (at, _, place, text) in &self.lines {
            if matches!(place, Line::Outermost) {
                let indent = self.indent_at(*at, |wrap| {
                    wrap.range.start() < *at && wrap.range.contains_inclusive(*at)
                });
                let text = self.laid_out(text, &indent);
                above(&mut inserts, *at, format!("{text}\n{indent}"));
            }
        }
        for (index, wrap) in self.wraps.iter().enumerate() {
            let Some(header) = &wrap.header else { continue };
            let at = wrap.range.start();
            let outer = self.indent_at(at, |other| {
                let position = self.wraps.iter().position(|wrap| std::ptr::eq(wrap, other));
                other.range.contains_inclusive(at)
                    && (other.range.start() < at || position.is_some_and(|position| position < index))
            });
            let unit = self.unit(at);
            let header = self.laid_out(header, &outer);
            above(&mut inserts, at, format!("{header}\n{outer}{unit}"));
        }
        for (at, start, place, text) in &self.lines {
            let inside = |wrap: &Wrap| wrap.range.start() <= *start && wrap.range.end() >= *at;
            match place {
                // Written before the headers were.
                Line::Outermost => {}
                Line::Above => {
                    let indent = self.indent_at(*start, |wrap| wrap.range.contains_inclusive(*start));
                    let text = self.laid_out(text, &indent);
                    above(&mut inserts, *at, format!("{text}\n{indent}"));
                }
                Line::Below => {
                    let indent = self.indent_at(*start, inside);
                    let text = self.laid_out(text, &indent);
                    inserts.push((*at, Rank::Below(inserts.len()), format!("\n{indent}{text}")));
                }
                Line::Outside => {
                    let indent = self.indent_at(*start, |wrap| wrap.range.start() <= *start && wrap.range.end() > *at);
                    let text = self.laid_out(text, &indent);
                    inserts.push((*at, Rank::Below(inserts.len()), format!("\n{indent}{text}")));
                }
            }
        }
        for (at, like, text, is_last, order) in &self.broken {
            let indent = self.indent_at(*like, |wrap| wrap.range.contains_inclusive(*like));
            let rank = if *is_last {
                Rank::Below(*order)
            } else {
                Rank::Item(*order)
            };
            inserts.push((*at, rank, self.laid_out(text, &indent)));
        }
        let mut edits = std::mem::take(&mut self.replacements);
        for (range, text) in &self.restated {
            let start = range.start();
            let indent = self.indent_at(start, |wrap| wrap.range.contains_inclusive(start));
            edits.push(Edit::replacement(self.laid_out(text, &indent), *range));
        }
        // A line that is deleted need not move.
        inserts.retain(|(at, rank, _)| {
            *rank != Rank::Shift || !edits.iter().any(|edit| edit.start() < *at && *at < edit.end())
        });
        let mut merged: BTreeMap<TextSize, Vec<(Rank, String)>> = BTreeMap::new();
        for (at, rank, text) in inserts {
            merged.entry(at).or_default().push((rank, text));
        }
        for (at, mut parts) in merged {
            parts.sort_by_key(|(rank, _)| *rank);
            let text: String = parts.into_iter().map(|(_, text)| text).collect();
            edits.push(Edit::insertion(text, at));
        }
        edits.sort_by_key(|edit| (edit.start(), edit.end()));
        Ok(edits)
    }

    fn unit(&self, at: TextSize) -> String {
        let stmt = self.stmt_at(at);
        stmt.map_or_else(|| "    ".to_owned(), |id| self.ctx.indent_unit(id))
    }

    /// The innermost statement that starts at an offset.
    fn stmt_at(&self, at: TextSize) -> Option<NodeId> {
        let model = self.ctx.model;
        let found = model
            .subtree(NodeId(0))
            .find(|(_, node)| node.is_statement() && node.start() == at);
        found.map(|(id, _)| id)
    }

    /// The indentation that a line gets when the chosen wraps are around it.
    fn indent_at(&self, at: TextSize, is_around: impl Fn(&Wrap) -> bool) -> String {
        let own = self.ctx.module.indentation(at);
        let mut indent = own.to_owned();
        for wrap in self.wraps.iter().filter(|wrap| is_around(wrap)) {
            let common = self.common(wrap.range.start(), own);
            indent.insert_str(common, &self.unit(wrap.range.start()));
        }
        indent
    }

    /// How much of a line's white space it shares with the statement at `start`: new white space goes behind that.
    fn common(&self, start: TextSize, own: &str) -> usize {
        let indent = self.ctx.module.indentation(start);
        if own.starts_with(indent) { indent.len() } else { 0 }
    }

    fn laid_out(&self, text: &str, indent: &str) -> String {
        text.replace('\n', &format!("\n{indent}"))
    }

    /// One more level for each line of a wrap, the first one of those with a header aside, and those that start inside a string.
    fn shift_lines(&self, inserts: &mut Vec<(TextSize, Rank, String)>) {
        let module = self.ctx.module;
        for wrap in &self.wraps {
            let unit = self.unit(wrap.range.start());
            let first = match wrap.header {
                Some(_) => module.line_end_with_newline(wrap.range.start()),
                None => module.line_start(wrap.range.start()),
            };
            for (line, _) in movable_lines(module, TextRange::new(first, wrap.range.end().max(first))) {
                let common = self.common(wrap.range.start(), module.indentation(line));
                let at = line + TextSize::try_from(common).unwrap_or_default();
                inserts.push((at, Rank::Shift, unit.clone()));
            }
        }
    }
}
