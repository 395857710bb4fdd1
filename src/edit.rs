//! Edits and fixes: what a codemod wants to change, as byte ranges of the text it was given.
//!
//! An [`Edit`] replaces one range. A [`Fix`] is a set of edits and imports that is applied as a whole or not at all.
//! Edits are written with `\n`; the plan turns that into the newline of the line edited.

use ruff_text_size::{Ranged, TextRange, TextSize};
use serde::{Deserialize, Serialize};

use crate::importer::{Definition, Import};

/// How sure we are that a fix keeps what the program does. Ordered: `DisplayOnly < Unsafe < Safe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Applicability {
    /// Reported, never applied.
    DisplayOnly,
    /// Probably what is wanted, but a precondition could not be proven.
    Unsafe,
    /// Same values, exceptions and effects; only timing and overlap change.
    Safe,
}

impl Applicability {
    /// The word that users see: `safe`, `unsafe`, `display`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DisplayOnly => "display",
            Self::Unsafe => "unsafe",
            Self::Safe => "safe",
        }
    }
}

/// Replaces the bytes of `range` by `content`. An empty range inserts, an empty content deletes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edit {
    start: TextSize,
    end: TextSize,
    content: String,
}

impl Edit {
    pub fn replacement(content: impl Into<String>, range: TextRange) -> Self {
        Self {
            start: range.start(),
            end: range.end(),
            content: content.into(),
        }
    }

    pub fn insertion(content: impl Into<String>, at: TextSize) -> Self {
        Self::replacement(content, TextRange::empty(at))
    }

    pub fn deletion(range: TextRange) -> Self {
        Self::replacement("", range)
    }

    /// The text written in place of the range, with `\n` as newline until the plan has resolved it.
    pub fn content(&self) -> &str {
        &self.content
    }

    pub(crate) fn set_content(&mut self, content: String) {
        self.content = content;
    }
}

impl Ranged for Edit {
    fn range(&self) -> TextRange {
        TextRange::new(self.start, self.end)
    }
}

/// When a fix is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Turn {
    /// Before all others: it is a part of what happens to several files at once, and would be lost if this one changed before. Such fixes are made
    /// to stand beside each other, edit between edit.
    First,
    Any,
    /// Only where no other fix is: it hides from other codemods what they look for.
    Last,
}

/// Several doubts in one text, each of them once: one that is met by chance must not hide another that matters more.
pub fn all_doubts<'d>(doubts: impl IntoIterator<Item = &'d str>) -> Option<String> {
    let mut all: Vec<&str> = Vec::new();
    for doubt in doubts {
        if !all.contains(&doubt) {
            all.push(doubt);
        }
    }
    (!all.is_empty()).then(|| all.join("; "))
}

/// One rewrite: all of its edits and imports, or none of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fix {
    /// Sorted by the plan; they must not overlap each other.
    pub edits: Vec<Edit>,
    /// Imports that the edits rely on; the importer merges them into the module.
    pub imports: Vec<Import>,
    /// Helpers that the edits call; each is defined once in the module.
    pub definitions: Vec<Definition>,
    pub applicability: Applicability,
    /// Why the fix is not safe: the first precondition that could not be proven. `None` only when it is safe.
    pub reason: Option<String>,
    /// When it is applied.
    pub turn: Turn,
    /// Whether it also mends what other codemods find between its first and its last edit.
    pub settles: bool,
}

impl Fix {
    pub fn safe(edits: Vec<Edit>) -> Self {
        Self {
            edits,
            imports: Vec::new(),
            definitions: Vec::new(),
            applicability: Applicability::Safe,
            reason: None,
            turn: Turn::Any,
            settles: false,
        }
    }

    pub fn unsafe_because(reason: impl Into<String>, edits: Vec<Edit>) -> Self {
        Self {
            edits,
            imports: Vec::new(),
            definitions: Vec::new(),
            applicability: Applicability::Unsafe,
            reason: Some(reason.into()),
            turn: Turn::Any,
            settles: false,
        }
    }

    /// Safe without a doubt, unsafe with one.
    pub fn with_doubt(doubt: Option<String>, edits: Vec<Edit>) -> Self {
        match doubt {
            None => Self::safe(edits),
            Some(reason) => Self::unsafe_because(reason, edits),
        }
    }

    /// Unsafe with this doubt, if it has none of its own.
    pub fn doubted(self, doubt: Option<String>) -> Self {
        match (&self.reason, doubt) {
            (None, Some(reason)) => Self {
                applicability: Applicability::Unsafe,
                reason: Some(reason),
                ..self
            },
            _ => self,
        }
    }

    /// For a fix after which what other codemods find between its edits is no defect any more: such findings that are no safer are not told.
    pub fn settling(mut self) -> Self {
        self.settles = true;
        self
    }

    pub fn import(mut self, import: impl IntoIterator<Item = Import>) -> Self {
        self.imports.extend(import);
        self
    }

    pub fn define(mut self, definition: impl IntoIterator<Item = Definition>) -> Self {
        self.definitions.extend(definition);
        self
    }

    /// This one waits until there is no other, see [`crate::finding::Findings::go_last`] for all of a codemod.
    pub fn last(mut self) -> Self {
        self.turn = Turn::Last;
        self
    }

    /// This one is applied before all others, together with the others of its kind.
    pub fn first(mut self) -> Self {
        self.turn = Turn::First;
        self
    }

    /// The region this fix claims: no other fix of the same pass may edit inside it.
    pub fn hull(&self) -> Option<TextRange> {
        self.edits.iter().map(Ranged::range).reduce(TextRange::cover)
    }
}

/// Applies sorted edits that do not overlap. Two insertions at one offset keep their order.
///
/// Panics when an edit lies outside the text or inside a character.
pub fn apply(text: &str, edits: &[Edit]) -> String {
    let grown: usize = edits.iter().map(|edit| edit.content.len()).sum();
    let mut out = String::with_capacity(text.len() + grown);
    let mut at = TextSize::default();
    for edit in edits {
        debug_assert!(edit.start >= at, "edits overlap or are not sorted");
        out.push_str(&text[TextRange::new(at, edit.start)]);
        out.push_str(&edit.content);
        at = edit.end;
    }
    out.push_str(&text[usize::from(at)..]);
    out
}

/// The edits that do at once what `first`, and then `second` on its result, do to a text. Both are sorted and disjoint, and so is the answer.
///
/// `between` is the text that `first` makes. Where the two touch, the answer has one edit.
pub fn compose(between: &str, first: &[Edit], second: &[Edit]) -> Vec<Edit> {
    let mut composed: Vec<Edit> = Vec::new();
    let (mut ones, mut others) = (first.iter().peekable(), second.iter().peekable());
    // By how much the edits of `first` that are done move what stands behind them.
    let mut moved = 0i64;
    let between_of = |offset: TextSize, moved: i64| i64::from(u32::from(offset)) + moved;
    let grown_by = |edit: &Edit| edit.content.len() as i64 - i64::from(u32::from(edit.end - edit.start));
    loop {
        let one = ones.peek().map(|edit| between_of(edit.start, moved));
        let other = others.peek().map(|edit| between_of(edit.start, 0));
        let Some(start) = one.into_iter().chain(other).min() else {
            return composed;
        };
        let before = moved;
        let mut end = start;
        let mut inner: Vec<Edit> = Vec::new();
        loop {
            if let Some(edit) = ones.next_if(|edit| between_of(edit.start, moved) <= end) {
                end = end.max(between_of(edit.start, moved) + edit.content.len() as i64);
                moved += grown_by(edit);
            } else if let Some(edit) = others.next_if(|edit| between_of(edit.start, 0) <= end) {
                end = end.max(between_of(edit.end, 0));
                inner.push(edit.clone());
            } else {
                break;
            }
        }
        let size = |offset: i64| TextSize::try_from(usize::try_from(offset).unwrap_or(0)).unwrap_or_default();
        let here = &between[TextRange::new(size(start), size(end))];
        for edit in &mut inner {
            edit.start -= size(start);
            edit.end -= size(start);
        }
        composed.push(Edit {
            start: size(start - before),
            end: size(end - moved),
            content: apply(here, &inner),
        });
    }
}

/// Where an offset of the old text lies in the text that [`apply`] makes.
///
/// An offset at which text is inserted moves behind the insertion; one inside a replaced range moves to the end of the replacement.
pub fn shift(offset: TextSize, edits: &[Edit]) -> TextSize {
    Shift::new(edits).of(offset)
}

/// [`shift`] for many offsets.
pub struct Shift<'e> {
    edits: &'e [Edit],
    /// By how much each edit and those before it move what stands behind it.
    moved: Vec<i64>,
}

impl<'e> Shift<'e> {
    pub fn new(edits: &'e [Edit]) -> Self {
        let mut sum = 0;
        let moved = edits
            .iter()
            .map(|edit| {
                sum += edit.content.len() as i64 - i64::from(u32::from(edit.end - edit.start));
                sum
            })
            .collect();
        Self { edits, moved }
    }

    pub fn of(&self, offset: TextSize) -> TextSize {
        self.of_first(offset, self.edits.len())
    }

    /// As if there were only the first `count` edits.
    pub fn of_first(&self, offset: TextSize, count: usize) -> TextSize {
        let behind = self.edits[..count].partition_point(|edit| edit.start <= offset);
        let mut moved = i64::from(u32::from(offset));
        if let Some(last) = behind.checked_sub(1) {
            // Only the last edit may reach over the offset.
            let inside = self.edits[last].end - self.edits[last].end.min(offset);
            moved += self.moved[last] + i64::from(u32::from(inside));
        }
        TextSize::try_from(usize::try_from(moved).unwrap_or(0)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_edits_do_what_both_do() {
        let range = |start: u32, end: u32| TextRange::new(start.into(), end.into());
        let text = "0123456789";
        let first = [
            Edit::insertion("ab", 1.into()),
            Edit::replacement("c", range(3, 6)),
            Edit::deletion(range(8, 9)),
        ];
        let between = apply(text, &first);
        assert_eq!(between, "0ab12c679");
        for start in 0..=between.len() as u32 {
            for end in start..=between.len() as u32 {
                let second = [Edit::replacement("XY", range(start, end))];
                let composed = compose(&between, &first, &second);
                assert!(
                    composed.windows(2).all(|pair| pair[0].end() <= pair[1].start()),
                    "{composed:?}"
                );
                assert_eq!(apply(text, &composed), apply(&between, &second), "{start}..{end}");
            }
        }
        assert_eq!(compose(text, &[], &first), first);
        assert_eq!(compose(&between, &first, &[]), first);
    }

    #[test]
    fn edits_are_spliced_and_offsets_follow() {
        let edits = [
            Edit::replacement("XYZ", TextRange::new(1.into(), 2.into())),
            Edit::insertion("!", 3.into()),
        ];
        assert_eq!(apply("abcd", &edits), "aXYZc!d");
        assert_eq!(u32::from(shift(0.into(), &edits)), 0);
        assert_eq!(u32::from(shift(2.into(), &edits)), 4);
        assert_eq!(u32::from(shift(4.into(), &edits)), 7);
    }
}
