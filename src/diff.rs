//! Unified diffs of bytes, in git's style: what `git apply` and `patch -p1` take from the root that the path is relative to.
//!
//! A line ends at `\n` and nowhere else: `\r\n` stays at the end of its line byte for byte, and a lone `\r` is an ordinary byte, because
//! patch programs split lines that way. Everything works on bytes, so that files in any encoding that Python accepts come out as patches
//! of the bytes on disk.

use std::fmt::Write;
use std::ops::Range;
use std::path::Path;

use ruff_text_size::TextRange;
use similar::{Algorithm, ChangeTag, DiffOp, DiffTag};

use crate::rewrite::Applied;

/// Unchanged lines shown on each side of a change.
const CONTEXT: usize = 3;

/// The whole diff of one file; empty when nothing changed.
pub fn unified(path: &Path, old: &[u8], new: &[u8], makers: &Makers) -> Vec<u8> {
    let hunks = hunks(old, new, makers);
    let mut out = Vec::new();
    if hunks.is_empty() {
        return out;
    }
    for header in headers(path) {
        out.extend_from_slice(header.as_bytes());
        out.push(b'\n');
    }
    for hunk in &hunks {
        out.extend_from_slice(hunk.header().as_bytes());
        out.push(b'\n');
        for line in &hunk.lines {
            line.write(&mut out);
        }
    }
    out
}

/// The two lines above the first hunk, without newlines: `--- a/PATH` and `+++ b/PATH`.
///
/// An absolute path loses its leading `/`, so that `patch -p1 -d /` finds it.
pub fn headers(path: &Path) -> [String; 2] {
    let bytes = path.as_os_str().as_encoded_bytes();
    let bytes = bytes.strip_prefix(b"./").unwrap_or(bytes);
    let bytes = bytes.strip_prefix(b"/").unwrap_or(bytes);
    [("---", "a/"), ("+++", "b/")].map(|(mark, prefix)| {
        let name = quoted(&[prefix.as_bytes(), bytes].concat());
        // Behind a name with a space patch programs look for a time stamp; git ends such a name with a tab.
        let end = if name.contains(' ') { "\t" } else { "" };
        format!("{mark} {name}{end}")
    })
}

/// A path as git writes it: in double quotes with C's escapes when it holds a control character, a quote, a backslash or a byte that is
/// not ASCII.
fn quoted(path: &[u8]) -> String {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if path.iter().all(plain) {
        return path.iter().map(|&byte| char::from(byte)).collect();
    }
    let mut out = String::from("\"");
    for byte in path {
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ if plain(byte) => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    out.push('"');
    out
}

/// What a line of a hunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Context,
    Removed,
    Added,
}

/// One line of a hunk. The bytes hold the newline, unless the file ends without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    pub mark: Mark,
    pub bytes: &'a [u8],
}

impl Line<'_> {
    /// The character in front of the line.
    pub fn sign(&self) -> char {
        match self.mark {
            Mark::Context => ' ',
            Mark::Removed => '-',
            Mark::Added => '+',
        }
    }

    /// The line without its `\n`, and whether it had one.
    pub fn content(&self) -> (&[u8], bool) {
        match self.bytes.strip_suffix(b"\n") {
            Some(content) => (content, true),
            None => (self.bytes, false),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (content, ended) = self.content();
        out.push(self.sign() as u8);
        out.extend_from_slice(content);
        out.push(b'\n');
        if !ended {
            out.extend_from_slice(NO_NEWLINE.as_bytes());
            out.push(b'\n');
        }
    }
}

/// Stands below a line that ends the file without a newline.
pub const NO_NEWLINE: &str = "\\ No newline at end of file";

/// Changes that stand close together, with the lines around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk<'a> {
    /// 0-based lines of the old text.
    pub old: Range<usize>,
    /// 0-based lines of the new text.
    pub new: Range<usize>,
    /// What made it: `replace_wait_for_with_timeout (safe)`.
    pub label: String,
    pub lines: Vec<Line<'a>>,
}

impl Hunk<'_> {
    /// `@@ -12,4 +12,5 @@ LABEL`, without a newline.
    pub fn header(&self) -> String {
        let mut out = format!("{} @@", self.position());
        if !self.label.is_empty() {
            out.push(' ');
            out.push_str(&self.label);
        }
        out
    }

    fn position(&self) -> String {
        // The position of no lines at all is that of the line before them, which is 0 at the start of a file.
        let side = |lines: &Range<usize>| match lines.len() {
            0 => format!("{},0", lines.start),
            1 => format!("{}", lines.start + 1),
            len => format!("{},{len}", lines.start + 1),
        };
        format!("@@ -{} +{}", side(&self.old), side(&self.new))
    }
}

/// The hunks that turn `old` into `new`, in order; none when they are equal.
pub fn hunks<'a>(old: &'a [u8], new: &'a [u8], makers: &Makers) -> Vec<Hunk<'a>> {
    if old == new {
        return Vec::new();
    }
    let (old, new) = (lines(old), lines(new));
    let ops = similar::capture_diff_slices(Algorithm::Myers, &old, &new);
    similar::group_diff_ops(ops, CONTEXT)
        .iter()
        .filter_map(|group| hunk(group, &old, &new, makers))
        .collect()
}

fn hunk<'a>(group: &[DiffOp], old: &[&'a [u8]], new: &[&'a [u8]], makers: &Makers) -> Option<Hunk<'a>> {
    let (first, last) = (group.first()?, group.last()?);
    let changed: Vec<Range<usize>> = group
        .iter()
        .filter(|op| op.tag() != DiffTag::Equal)
        .map(DiffOp::new_range)
        .collect();
    let lines = group
        .iter()
        .flat_map(|op| op.iter_changes(old, new))
        .map(|change| Line {
            mark: match change.tag() {
                ChangeTag::Equal => Mark::Context,
                ChangeTag::Delete => Mark::Removed,
                ChangeTag::Insert => Mark::Added,
            },
            bytes: change.value(),
        })
        .collect();
    let new = first.new_range().start..last.new_range().end;
    Some(Hunk {
        old: first.old_range().start..last.old_range().end,
        label: makers.label(&changed, &new),
        new,
        lines,
    })
}

/// Splits behind each `\n`.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|&byte| byte == b'\n').collect()
}

/// Which lines of the new text each rewrite made: the labels of the hunks.
#[derive(Clone, Debug, Default)]
pub struct Makers(Vec<(Range<usize>, String)>);

impl Makers {
    /// From the ranges of the rewrites in the new text. The lines of the text must be those of the bytes that are compared: `text` is
    /// what the new bytes decode to.
    pub fn of(text: &str, applied: &[Applied]) -> Self {
        let starts: Vec<usize> = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1).collect();
        let line_of = |offset: usize| starts.partition_point(|&start| start <= offset);
        let lines_of = |range: TextRange| {
            let (start, end) = (usize::from(range.start()), usize::from(range.end()));
            // A range that ends with a newline does not touch the line behind it.
            line_of(start)..line_of(end.saturating_sub(1).max(start)) + 1
        };
        Self(applied.iter().map(|one| (lines_of(one.range), name(one))).collect())
    }

    /// Every rewrite may have made every hunk: for notebooks, whose lines on disk are not those of the text.
    pub fn everywhere(applied: &[Applied]) -> Self {
        Self(applied.iter().map(|one| (0..usize::MAX, name(one))).collect())
    }

    /// Names the rewrites that touch the changed lines, else those that touch the hunk, else all of the file: what changes without
    /// touching a rewrite is an import that one of them needs.
    fn label(&self, changed: &[Range<usize>], hunk: &Range<usize>) -> String {
        // A deletion leaves no lines behind, and belongs to the line before or behind it.
        let touches = |lines: &Range<usize>, changed: &Range<usize>| {
            if changed.is_empty() {
                lines.start <= changed.start && changed.start <= lines.end
            } else {
                lines.start < changed.end && changed.start < lines.end
            }
        };
        let label = self.names(|lines| changed.iter().any(|changed| touches(lines, changed)));
        if !label.is_empty() {
            return label;
        }
        let label = self.names(|lines| touches(lines, hunk));
        if label.is_empty() { self.names(|_| true) } else { label }
    }

    fn names(&self, wanted: impl Fn(&Range<usize>) -> bool) -> String {
        let mut names: Vec<&str> = Vec::new();
        for (lines, name) in &self.0 {
            if wanted(lines) && !names.contains(&name.as_str()) {
                names.push(name);
            }
        }
        names.join(", ")
    }
}

fn name(applied: &Applied) -> String {
    format!("{} ({})", applied.codemod, applied.applicability.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ruff_text_size::TextSize;

    use super::*;
    use crate::edit::Applicability;

    #[track_caller]
    fn check(old: &str, new: &str, expected: &str) {
        let diff = unified(Path::new("x.py"), old.as_bytes(), new.as_bytes(), &Makers::default());
        assert_eq!(String::from_utf8(diff).unwrap(), expected);
    }

    fn applied(codemod: &'static str, applicability: Applicability, range: Range<u32>) -> Applied {
        Applied {
            codemod,
            applicability,
            range: TextRange::new(TextSize::new(range.start), TextSize::new(range.end)),
            message: String::new(),
            reason: None,
        }
    }

    /// A patch program of a few lines; panics when the hunks do not fit.
    fn patched(old: &[u8], hunks: &[Hunk]) -> Vec<u8> {
        let old = lines(old);
        let (mut out, mut at) = (Vec::new(), 0);
        for hunk in hunks {
            out.extend(old[at..hunk.old.start].concat());
            at = hunk.old.start;
            let new_start = out.split_inclusive(|&byte| byte == b'\n').count();
            assert_eq!(new_start, hunk.new.start);
            for line in &hunk.lines {
                if line.mark != Mark::Added {
                    assert_eq!(old[at], line.bytes);
                    at += 1;
                }
                if line.mark != Mark::Removed {
                    out.extend_from_slice(line.bytes);
                }
            }
            assert_eq!(at, hunk.old.end);
        }
        out.extend(old[at..].concat());
        out
    }

    #[test]
    fn equal_texts_have_no_diff() {
        check("a\n", "a\n", "");
        check("", "", "");
    }

    #[test]
    fn a_missing_last_newline_is_said() {
        check(
            "a\nb",
            "a\nb\n",
            "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n",
        );
        check(
            "a",
            "b",
            "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n",
        );
    }

    #[test]
    fn the_position_of_no_lines_is_the_line_before() {
        check("", "a\n", "--- a/x.py\n+++ b/x.py\n@@ -0,0 +1 @@\n+a\n");
        check("a\n", "", "--- a/x.py\n+++ b/x.py\n@@ -1 +0,0 @@\n-a\n");
    }

    #[test]
    fn carriage_returns_are_bytes_like_any_other() {
        check(
            "a\r\nb\rc\r\n",
            "a\r\nb\rd\r\n",
            "--- a/x.py\n+++ b/x.py\n@@ -1,2 +1,2 @@\n a\r\n-b\rc\r\n+b\rd\r\n",
        );
    }

    #[test]
    fn distant_changes_make_two_hunks() {
        let old: String = (0..20).map(|line| format!("{line}\n")).collect();
        let new = old.replace("\n3\n", "\nthree\n").replace("\n17\n", "\nseventeen\n");
        let hunks = hunks(old.as_bytes(), new.as_bytes(), &Makers::default());
        let headers: Vec<String> = hunks.iter().map(Hunk::header).collect();
        assert_eq!(headers, ["@@ -1,7 +1,7 @@", "@@ -15,6 +15,6 @@"]);
    }

    #[test]
    fn paths_are_quoted_as_git_does() {
        let header = |path: &str| headers(Path::new(path))[1].clone();
        assert_eq!(header("pkg/a.py"), "+++ b/pkg/a.py");
        assert_eq!(header("./a.py"), "+++ b/a.py");
        assert_eq!(header("/tmp/a.py"), "+++ b/tmp/a.py");
        assert_eq!(header("my pkg/a.py"), "+++ b/my pkg/a.py\t");
        assert_eq!(header("ä.py"), "+++ \"b/\\303\\244.py\"");
        assert_eq!(header("a\tb\"c\\d\x1b.py"), "+++ \"b/a\\tb\\\"c\\\\d\\033.py\"");
    }

    #[test]
    fn hunks_name_what_made_them() {
        let old: String = (0..30).map(|line| format!("line {line:02}\n")).collect();
        let new = old
            .replace("line 00\n", "import x\nline 00\n")
            .replace("line 15\n", "LINE 15\n")
            .replace("line 16\n", "LINE 16\n")
            .replace("line 28\n", "");
        let at = |needle: &str| u32::try_from(new.find(needle).unwrap()).unwrap();
        let list = [
            applied("first", Applicability::Safe, at("LINE 15")..at("LINE 15") + 8),
            applied("second", Applicability::Unsafe, at("LINE 16")..at("LINE 16") + 7),
            applied("first", Applicability::Safe, at("line 29")..at("line 29")),
        ];
        let labels = |makers: &Makers| -> Vec<String> {
            let hunks = hunks(old.as_bytes(), new.as_bytes(), makers);
            hunks.into_iter().map(|hunk| hunk.label).collect()
        };
        assert_eq!(
            labels(&Makers::of(&new, &list)),
            [
                "first (safe), second (unsafe)",
                "first (safe), second (unsafe)",
                "first (safe)"
            ]
        );
        assert_eq!(labels(&Makers::everywhere(&list)), ["first (safe), second (unsafe)"; 3]);
        assert_eq!(labels(&Makers::default()), [""; 3]);
    }

    proptest! {
        #[test]
        fn a_patch_gives_the_new_text(old in "([ab]?[\r]?\n|a|b|\r){0,40}", new in "([ab]?[\r]?\n|a|b|\r){0,40}") {
            let hunks = hunks(old.as_bytes(), new.as_bytes(), &Makers::default());
            prop_assert_eq!(patched(old.as_bytes(), &hunks), new.as_bytes());
        }
    }
}
