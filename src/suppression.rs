//! Comments by which people silence findings: `# asyncup: ignore[NAME]` for a statement, `# asyncup: file-ignore[NAME]` for a file.
//!
//! Behind code, a comment silences the logical line that it stands on, be that one row or many; on a row of its own, the next logical
//! line, decorators together with what they decorate. Without brackets it silences every codemod. Whatever follows the brackets is the
//! reason, up to another comment (`# noqa`). A finding is silenced when its range starts on a silenced line: for a finding on a whole
//! block that is its header.

use std::cell::Cell;

use ruff_python_ast::token::TokenKind;
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::edit::{Edit, Fix};
use crate::finding::{Finding, Verdict};
use crate::module::Module;

/// The name under which suppressions themselves are reported. A comment that names it is kept, used or not.
pub const UNUSED_SUPPRESSION: &str = "unused_suppression";

/// Every suppression holds this text: a file without it has none.
pub const NEEDLE: &str = "asyncup:";

/// The suppressions of one module. Which of them were used is remembered as findings are asked about.
#[derive(Default)]
pub struct Suppressions(Vec<Suppression>);

struct Suppression {
    /// The comment, without other comments on the same row.
    range: TextRange,
    /// The lines that are silenced; empty when no code follows.
    reach: TextRange,
    silenced: Silenced,
    /// What deletes the comment.
    deletion: TextRange,
}

enum Silenced {
    Everything,
    Names(Vec<Name>),
}

struct Name {
    text: String,
    range: TextRange,
    used: Cell<bool>,
}

impl Suppressions {
    pub fn of(module: &Module) -> Self {
        let comments = module.comments().iter();
        let directives: Vec<Directive> = comments
            .flat_map(|&comment| Directive::all_in(module, comment))
            .collect();
        if directives.is_empty() {
            return Self::default();
        }
        let lines = LogicalLines::of(module);
        Self(
            directives
                .into_iter()
                .map(|directive| Suppression {
                    range: directive.range,
                    reach: match directive.scope {
                        Scope::File => TextRange::up_to(TextSize::of(module.text())),
                        Scope::Line => lines.reach(module, directive.range.start()),
                    },
                    deletion: deletion(module, &directive),
                    silenced: directive.silenced,
                })
                .collect(),
        )
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a finding is silenced. Every suppression that does so counts as used from now on.
    pub fn suppresses(&self, finding: &Finding) -> bool {
        // All are asked, so that none of two that say the same is reported as unused.
        let silencing = self.0.iter().filter(|suppression| suppression.silences(finding));
        silencing.count() > 0
    }

    /// The suppressions that silenced nothing, as findings whose fix deletes them.
    ///
    /// `ran` are the codemods whose findings were all asked about. A name that is not among them is left alone, and so is a comment
    /// without brackets: nobody knows whether a codemod that did not run would need it.
    pub fn unused(&self, ran: &[&'static str]) -> Vec<Finding> {
        self.0
            .iter()
            .filter_map(|suppression| suppression.unused(ran))
            .collect()
    }

    /// Names that are no codemod's, as findings for a person: they silence nothing. `known` are the names of the catalogue.
    pub fn unknown(&self, known: &[&'static str]) -> Vec<Finding> {
        let names = self.0.iter().flat_map(Suppression::names);
        names
            .filter(|name| name.text != UNUSED_SUPPRESSION && !known.contains(&name.text.as_str()))
            .map(|name| {
                let nearest = known
                    .iter()
                    .map(|known| (strsim::jaro_winkler(&name.text, known), known))
                    .max_by(|a, b| a.0.total_cmp(&b.0));
                let hint = match nearest {
                    Some((similarity, known)) if similarity > 0.8 => format!("; did you mean `{known}`?"),
                    _ => "; `asyncup list` prints their names".to_owned(),
                };
                finding(
                    name.range,
                    format!("`{}` is ignored here, but is no codemod{hint}", name.text),
                    Verdict::Report("a name that is no codemod silences nothing".to_owned()),
                )
            })
            .collect()
    }
}

impl Suppression {
    fn silences(&self, finding: &Finding) -> bool {
        if !self.reach.contains_inclusive(finding.range.start()) {
            return false;
        }
        match &self.silenced {
            Silenced::Everything => true,
            Silenced::Names(names) => {
                let named = names.iter().filter(|name| name.text == finding.codemod);
                named.inspect(|name| name.used.set(true)).count() > 0
            }
        }
    }

    fn names(&self) -> impl Iterator<Item = &Name> {
        match &self.silenced {
            Silenced::Everything => [].iter(),
            Silenced::Names(names) => names.iter(),
        }
    }

    fn unused(&self, ran: &[&'static str]) -> Option<Finding> {
        if self.names().any(|name| name.text == UNUSED_SUPPRESSION) {
            return None;
        }
        let is_unused = |name: &&Name| !name.used.get() && ran.contains(&name.text.as_str());
        let unused: Vec<&str> = self.names().filter(is_unused).map(|name| name.text.as_str()).collect();
        if unused.is_empty() {
            return None;
        }
        let edit = match self.edit_that_keeps(|name| !is_unused(&name)) {
            Some(edit) => edit,
            None => Edit::deletion(self.deletion),
        };
        let message = format!("unused suppression of {}: it silences nothing here", unused.join(", "));
        Some(finding(self.range, message, Verdict::Fix(Fix::safe(vec![edit]))))
    }

    /// Rewrites the brackets with only some of the names; `None` when none is left.
    fn edit_that_keeps(&self, kept: impl Fn(&Name) -> bool) -> Option<Edit> {
        let brackets = self.names().map(|name| name.range).reduce(TextRange::cover)?;
        let kept: Vec<&str> = self
            .names()
            .filter(|name| kept(name))
            .map(|name| name.text.as_str())
            .collect();
        (!kept.is_empty()).then(|| Edit::replacement(kept.join(", "), brackets))
    }
}

fn finding(range: TextRange, message: String, verdict: Verdict) -> Finding {
    Finding {
        codemod: UNUSED_SUPPRESSION,
        range,
        message,
        verdict,
        call_path: Vec::new(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Line,
    File,
}

/// A suppression as it is written.
struct Directive {
    range: TextRange,
    scope: Scope,
    silenced: Silenced,
    /// The whole comment token, which may hold other tools' comments.
    comment: TextRange,
}

impl Directive {
    fn all_in(module: &Module, comment: TextRange) -> Vec<Self> {
        let text = module.slice(comment);
        if !text.contains(NEEDLE) {
            return Vec::new();
        }
        parts(text)
            .filter_map(|(at, part)| {
                let start = comment.start() + TextSize::try_from(at).ok()?;
                let (scope, silenced) = parsed(part, start)?;
                let range = TextRange::at(start, TextSize::of(part.trim_end()));
                Some(Self {
                    range,
                    scope,
                    silenced,
                    comment,
                })
            })
            .collect()
    }
}

/// Splits `# a  # b` into its comments, each with its offset. A `#` begins another one behind white space and before a letter or white
/// space: `see #12` does not.
fn parts(comment: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = comment.as_bytes();
    let begins = move |at: usize| {
        at == 0
            || (bytes[at] == b'#'
                && bytes[at - 1].is_ascii_whitespace()
                && bytes
                    .get(at + 1)
                    .is_some_and(|next| next.is_ascii_whitespace() || next.is_ascii_alphabetic()))
    };
    let mut starts: Vec<usize> = (0..bytes.len()).filter(|&at| begins(at)).collect();
    starts.push(bytes.len());
    (1..starts.len()).map(move |index| (starts[index - 1], &comment[starts[index - 1]..starts[index]]))
}

/// Reads one comment that starts at `start` in the module; `None` when it is no suppression.
fn parsed(comment: &str, start: TextSize) -> Option<(Scope, Silenced)> {
    let rest = comment
        .trim_start_matches('#')
        .trim_start()
        .strip_prefix(NEEDLE)?
        .trim_start();
    let (scope, rest) = match rest.strip_prefix("file-ignore") {
        Some(rest) => (Scope::File, rest),
        None => (Scope::Line, rest.strip_prefix("ignore")?),
    };
    if rest.starts_with(|next: char| next.is_alphanumeric() || matches!(next, '_' | '-')) {
        return None;
    }
    let Some(list) = rest.trim_start().strip_prefix('[') else {
        return Some((scope, Silenced::Everything));
    };
    // A bracket that is never closed silences nothing, rather than everything.
    let list = &list[..list.find(']')?];
    let offset = list.as_ptr().addr() - comment.as_ptr().addr();
    let mut names = Vec::new();
    let mut at = offset;
    for piece in list.split(',') {
        let name = piece.trim();
        if !name.is_empty() {
            let lead = piece.len() - piece.trim_start().len();
            names.push(Name {
                text: name.to_owned(),
                range: TextRange::at(start + TextSize::try_from(at + lead).ok()?, TextSize::of(name)),
                used: Cell::new(false),
            });
        }
        at += piece.len() + 1;
    }
    Some((scope, Silenced::Names(names)))
}

/// What to delete so that a comment is gone: its row when nothing else stands there, else also the white space that set it off.
fn deletion(module: &Module, directive: &Directive) -> TextRange {
    let Directive { range, comment, .. } = directive;
    if range.start() > comment.start() {
        // Behind another comment, or behind one and before another: the white space before it goes with it.
        return TextRange::new(without_space_before(module, range.start()), range.end());
    }
    if range.end() < comment.end() {
        let behind = module.slice(TextRange::new(range.end(), comment.end()));
        let space = TextSize::of(behind) - TextSize::of(behind.trim_start());
        return TextRange::new(range.start(), range.end() + space);
    }
    if module.is_first_on_line(range.start()) {
        let line = module.line_start(range.start());
        let mark = TextSize::of(if module.text()[usize::from(line)..].starts_with('\u{feff}') {
            "\u{feff}"
        } else {
            ""
        });
        return TextRange::new(line + mark, module.line_end_with_newline(range.start()));
    }
    TextRange::new(without_space_before(module, range.start()), range.end())
}

fn without_space_before(module: &Module, offset: TextSize) -> TextSize {
    let before = &module.text()[TextRange::new(module.line_start(offset), offset)];
    offset - (TextSize::of(before) - TextSize::of(before.trim_end()))
}

/// The logical lines of a module: from the first token of each to its newline. Rows of comments between them belong to none.
struct LogicalLines(Vec<LogicalLine>);

struct LogicalLine {
    range: TextRange,
    /// `@decorator`: the line after it is silenced with it.
    is_decorator: bool,
}

impl LogicalLines {
    fn of(module: &Module) -> Self {
        let mut lines = Vec::new();
        let mut open: Option<LogicalLine> = None;
        for token in module.tokens() {
            match token.kind() {
                TokenKind::Comment | TokenKind::NonLogicalNewline => {}
                TokenKind::Indent | TokenKind::Dedent | TokenKind::EndOfFile => {}
                TokenKind::Newline => lines.extend(open.take().map(|line| LogicalLine {
                    // Without the newline: an empty range behind it is on the next line.
                    range: TextRange::new(line.range.start(), token.start()),
                    ..line
                })),
                kind => {
                    open.get_or_insert_with(|| LogicalLine {
                        range: token.range(),
                        is_decorator: kind == TokenKind::At,
                    });
                }
            }
        }
        Self(lines)
    }

    /// What a comment at the offset silences: the line around it, else the next one. Empty when there is none.
    fn reach(&self, module: &Module, comment: TextSize) -> TextRange {
        let first = self.0.partition_point(|line| line.range.end() < comment);
        let mut lines = self.0[first..].iter();
        let Some(line) = lines.next() else {
            return TextRange::empty(comment);
        };
        // A definition's range starts at its first decorator.
        let decorators = self.0[..first].iter().rev().take_while(|above| above.is_decorator);
        let mut reach = match line.is_decorator {
            true => line.range,
            false => decorators.map(|above| above.range).fold(line.range, TextRange::cover),
        };
        let mut decorates = line.is_decorator && !line.range.contains(comment);
        while decorates {
            let Some(next) = lines.next() else { break };
            reach = reach.cover(next.range);
            decorates = next.is_decorator;
        }
        // From the start of the row: a finding may begin with the indentation.
        TextRange::new(module.line_start(reach.start()), reach.end())
    }
}

#[cfg(test)]
mod tests {
    use ruff_python_ast::PythonVersion;

    use super::*;
    use crate::edit;
    use crate::source::Source;

    fn module(text: &str) -> Module {
        Module::parse(&Source::module(text), PythonVersion::latest()).expect("the test's text is Python")
    }

    fn at(text: &str, codemod: &'static str, needle: &str) -> Finding {
        let start = TextSize::try_from(text.find(needle).expect("the needle is in the text")).unwrap();
        Finding {
            codemod,
            ..finding(
                TextRange::at(start, TextSize::of(needle)),
                String::new(),
                Verdict::Report(String::new()),
            )
        }
    }

    /// Which of the words `HERE`, `THERE` in the text are silenced for codemod `a`.
    #[track_caller]
    fn check(text: &str, here: bool, there: bool) {
        let suppressions = Suppressions::of(&module(text));
        let silenced = |needle| suppressions.suppresses(&at(text, "a", needle));
        assert_eq!((silenced("HERE"), silenced("LATER")), (here, there), "{text}");
    }

    /// The text after everything that codemods `a` and `b` leave unused is deleted; findings of `a` are at each `HERE`.
    #[track_caller]
    fn check_unused(text: &str, expected: &str) {
        let module = module(text);
        let suppressions = Suppressions::of(&module);
        for (offset, needle) in text.match_indices("HERE") {
            let mut finding = at(text, "a", needle);
            finding.range = TextRange::at(TextSize::try_from(offset).unwrap(), TextSize::of(needle));
            suppressions.suppresses(&finding);
        }
        let edits: Vec<Edit> = suppressions
            .unused(&["a", "b"])
            .iter()
            .flat_map(|finding| finding.fix().unwrap().edits.clone())
            .collect();
        assert_eq!(edit::apply(text, &edits), expected);
    }

    #[test]
    fn behind_code_it_silences_the_logical_line() {
        check("HERE()  # asyncup: ignore[a] because\nLATER()\n", true, false);
        check("f(\n    HERE,  # asyncup: ignore[a]\n    LATER,\n)\n", true, true);
        check("f(HERE,\n  1)  # asyncup: ignore[a]\nLATER()\n", true, false);
        check("f('''\n''', HERE)  # asyncup: ignore[a]\nLATER()\n", true, false);
        check("x = \\\n    HERE  # asyncup: ignore[a]\nLATER\n", true, false);
        check("for HERE in y:  # asyncup: ignore[a]\n    LATER()\n", true, false);
    }

    #[test]
    fn alone_it_silences_the_next_logical_line() {
        check("# asyncup: ignore[a]\nHERE()\nLATER()\n", true, false);
        check("# asyncup: ignore[a]\n\n# more\nHERE(\n    1)\nLATER()\n", true, false);
        check("HERE\nif x:\n    # asyncup: ignore[a]\n    LATER()\n", false, true);
        check("f(\n    # asyncup: ignore[a]\n    HERE,\n)\nLATER\n", true, false);
        check("HERE\nLATER\n# asyncup: ignore[a]\n", false, false);
        check("# asyncup: ignore[a]\n@d\n@e\ndef HERE():\n    LATER()\n", true, false);
        check("@HERE\ndef f():  # asyncup: ignore[a]\n    LATER()\n", true, false);
        check("@d  # asyncup: ignore[a]\ndef HERE(): pass\nLATER()\n", false, false);
    }

    #[test]
    fn for_a_file_it_silences_everything() {
        check("HERE\nLATER\n# asyncup: file-ignore[a] old\n", true, true);
        check("HERE\n# asyncup: file-ignore\nLATER\n", true, true);
        check("HERE\n# asyncup: file-ignore[b]\nLATER\n", false, false);
    }

    #[test]
    fn it_is_written_in_many_ways() {
        check("HERE  #asyncup:ignore[b,a]\nLATER\n", true, false);
        check("HERE  # asyncup: ignore\nLATER\n", true, false);
        check("HERE  # asyncup: ignore because of #12\nLATER\n", true, false);
        check(
            "HERE  # noqa: X # asyncup: ignore[ b , a ] # more\nLATER\n",
            true,
            false,
        );
        check("HERE  # asyncup: ignore[A]\nLATER\n", false, false);
        check("HERE  # asyncup: ignores\nLATER\n", false, false);
        check("HERE  # asyncup: ignore[a\nLATER\n", false, false);
        check("HERE  # asyncup: ignore[]\nLATER\n", false, false);
        check("HERE = '# asyncup: ignore'\nLATER\n", false, false);
    }

    #[test]
    fn unused_ones_are_deleted() {
        check_unused("x = 1  # asyncup: ignore[a] reason\r\ny\r\n", "x = 1\r\ny\r\n");
        check_unused("if x:\n    # asyncup: ignore[a]\n    y\n", "if x:\n    y\n");
        check_unused("\u{feff}# asyncup: ignore[a]\ny\n", "\u{feff}y\n");
        check_unused("y\n# asyncup: file-ignore[a]", "y\n");
        check_unused("y  # asyncup: ignore[a]  # noqa\n", "y  # noqa\n");
        check_unused("y  # noqa  # asyncup: ignore[a] old\n", "y  # noqa\n");
        check_unused(
            "y  # noqa # asyncup: ignore[a] # type: ignore\n",
            "y  # noqa # type: ignore\n",
        );
        check_unused("# noqa # asyncup: ignore[a]\ny\n", "# noqa\ny\n");
    }

    #[test]
    fn what_is_used_or_did_not_run_is_kept() {
        for text in [
            "HERE  # asyncup: ignore[a]\n",
            "HERE  # asyncup: ignore[a]\n# asyncup: file-ignore[a]\n",
            "x  # asyncup: ignore[other]\n",
            "x  # asyncup: ignore\n",
            "x  # asyncup: ignore[a, unused_suppression]\n",
        ] {
            check_unused(text, text);
        }
        check_unused(
            "HERE  # asyncup: ignore[b, a] both\n",
            "HERE  # asyncup: ignore[a] both\n",
        );
        check_unused("x  # asyncup: ignore[a,other,b]\n", "x  # asyncup: ignore[other]\n");
    }

    #[test]
    fn unknown_names_are_reported() {
        let suppressions = Suppressions::of(&module(
            "x  # asyncup: ignore[replace_time_slep, replace_time_sleep, zzz]\n",
        ));
        let messages: Vec<String> = suppressions
            .unknown(&["replace_time_sleep", "gather"])
            .into_iter()
            .map(|finding| finding.message)
            .collect();
        assert_eq!(
            messages,
            [
                "`replace_time_slep` is ignored here, but is no codemod; did you mean `replace_time_sleep`?",
                "`zzz` is ignored here, but is no codemod; `asyncup list` prints their names"
            ]
        );
    }
}
