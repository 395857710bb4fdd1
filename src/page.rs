//! A codemod's page: the one source of its metadata, its explanation and its cases.
//!
//! A page is Markdown that reads well without this parser: a title (the codemod's name), front matter in a `toml` block, one sentence
//! of summary, the sections `Why`, `Safety`, `Options` (if any) and `Cases`. In `Cases`, the word behind the language of a fenced block
//! says what it is:
//!
//! | block | means |
//! |---|---|
//! | `python before`, then `python after` | the first becomes the second; `level=unsafe`: only with unsafe fixes |
//! | `python unchanged` | nothing is rewritten at any level |
//! | `toml config` | the configuration of the next case, with the keys of `asyncup.toml` |
//!
//! A page with `default = false` in its front matter is a matter of taste: its codemod runs only where it is selected by name or by `ALL`.
//! `once = "..."` is said once in a run that has such a rewrite, and so is the first of `requires = ["httpx>=0.28", ...]` where the project
//! depends on none of them.
//!
//! `target=py311` behind `before` or `unchanged` sets the target version. A block quote above a case is the reason that is printed for
//! it, or a part of that reason; an unchanged case without one is not even recognised.

use std::collections::BTreeMap;

use ruff_python_ast::PythonVersion;
use serde::Deserialize;

use crate::edit::Applicability;
use crate::settings::{Blocking, Dependencies, Receiver, Settings};

/// The target version of a case that names none: the newest whose library the codemods know.
const NEWEST: PythonVersion = PythonVersion::PY313;

/// The shortest needle that is worth looking for: a shorter one occurs in nearly every file.
const SHORTEST_NEEDLE: usize = 3;

/// What a page says. Texts are Markdown, without white space around them.
#[derive(Clone, Debug)]
pub struct Page {
    pub title: String,
    /// The highest level that the codemod may emit.
    pub level: Applicability,
    /// The lowest target version at which the codemod works.
    pub minimum: Option<PythonVersion>,
    /// Whether the codemod runs where no selection is made.
    pub is_default: bool,
    /// The distributions and modules of the standard library that it is about.
    pub libraries: Vec<String>,
    /// Literals that must all occur in the bytes of a file; else the codemod is not run on it.
    pub needles: Vec<String>,
    /// What is true of every rewrite and of the project around it: said once in a run that has one.
    pub once: Option<String>,
    /// The requirement that a project has once code of it was rewritten, and the distributions that fulfil it as well.
    pub requires: Vec<String>,
    /// One sentence.
    pub summary: String,
    pub why: String,
    pub safety: String,
    pub options: Option<String>,
    pub cases: Vec<Case>,
}

/// One example, which is a test too.
#[derive(Clone, Debug)]
pub struct Case {
    /// The `###` heading above it.
    pub title: Option<String>,
    /// 1-based line of the page on which its first block of Python opens.
    pub line: usize,
    pub before: String,
    pub expected: Expected,
    /// What the case is run under: the defaults, the target version and the `toml config` block.
    pub settings: Settings,
    /// The text of the `toml config` block.
    pub config: Option<String>,
}

/// What a case is expected to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    Rewritten {
        after: String,
        /// The lowest level that must be allowed: `Safe` or `Unsafe`.
        level: Applicability,
        /// A part of the reason why it is not safe.
        reason: Option<String>,
    },
    Unchanged {
        /// A part of the reason why it is left alone; `None` when it is no finding at all.
        reason: Option<String>,
    },
}

impl Case {
    /// The level at which the case shows what it is about.
    pub fn level(&self) -> Applicability {
        match self.expected {
            Expected::Rewritten { level, .. } => level,
            Expected::Unchanged { .. } => Applicability::Unsafe,
        }
    }

    /// What the text becomes at that level.
    pub fn after(&self) -> &str {
        match &self.expected {
            Expected::Rewritten { after, .. } => after,
            Expected::Unchanged { .. } => &self.before,
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match &self.expected {
            Expected::Rewritten { reason, .. } | Expected::Unchanged { reason } => reason.as_deref(),
        }
    }

    pub fn is_rewritten(&self) -> bool {
        matches!(self.expected, Expected::Rewritten { .. })
    }
}

/// What is wrong with a page, and on which of its lines (1-based).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct PageError {
    pub line: usize,
    pub message: String,
}

impl PageError {
    fn new(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

impl Page {
    pub fn parse(text: &str) -> Result<Self, PageError> {
        let lines: Vec<&str> = text.lines().collect();
        let blocks = blocks(&lines)?;
        let [title, front, summary, rest @ ..] = blocks.as_slice() else {
            return Err(PageError::new(
                1,
                "a page has at least a title, a `toml` block and a summary",
            ));
        };
        let Kind::Heading(1, title) = &title.kind else {
            return Err(PageError::new(
                title.line,
                "a page starts with `# ` and the codemod's name",
            ));
        };
        let front = match &front.kind {
            Kind::Fence(info, body) if info == "toml" => FrontMatter::parse(body, front.line)?,
            _ => {
                return Err(PageError::new(
                    front.line,
                    "the front matter, a `toml` block, must follow the title",
                ));
            }
        };
        let Kind::Prose(summary) = &summary.kind else {
            return Err(PageError::new(
                summary.line,
                "the summary, one paragraph, must follow the front matter",
            ));
        };

        let mut sections: BTreeMap<&str, String> = BTreeMap::new();
        let mut parsed_cases = Vec::new();
        let starts = (0..rest.len()).filter(|&at| matches!(rest[at].kind, Kind::Heading(..=2, _)));
        let ends = starts.clone().skip(1).chain([rest.len()]);
        if let Some(stray) = rest.first().filter(|block| !matches!(block.kind, Kind::Heading(2, _))) {
            return Err(PageError::new(stray.line, "a `## ` section must follow the summary"));
        }
        for (start, end) in starts.zip(ends) {
            let (line, Kind::Heading(2, name)) = (rest[start].line, &rest[start].kind) else {
                return Err(PageError::new(rest[start].line, "a page has one title"));
            };
            let until = rest.get(end).map_or(lines.len(), |next| next.line - 1);
            match name.as_str() {
                "Cases" if parsed_cases.is_empty() => parsed_cases = cases(&rest[start + 1..end])?,
                "Why" | "Safety" | "Options" => {
                    let text = lines[line..until].join("\n").trim().to_owned();
                    if text.is_empty() || sections.insert(name, text).is_some() {
                        return Err(PageError::new(
                            line,
                            format!("section `{name}` is empty or occurs twice"),
                        ));
                    }
                }
                _ => {
                    let message =
                        format!("unexpected section `{name}`: a page has Why, Safety, Options and Cases, once each");
                    return Err(PageError::new(line, message));
                }
            }
        }
        let mut required = |name| {
            let missing = || PageError::new(lines.len(), format!("section `{name}` is missing"));
            sections.remove(name).ok_or_else(missing)
        };

        Ok(Self {
            title: title.clone(),
            level: front.level.into(),
            minimum: front.python.map(|Version(version)| version),
            is_default: front.is_default.unwrap_or(true),
            once: front.once,
            requires: front.requires,
            libraries: front.libraries,
            needles: front.needles,
            summary: summary.replace('\n', " "),
            why: required("Why")?,
            safety: required("Safety")?,
            options: sections.remove("Options"),
            cases: parsed_cases,
        })
    }

    /// A page that is a part of the program. Panics, naming page and line, when it is malformed: a test reads them all.
    pub(crate) fn embedded(name: &str, text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|error| panic!("codemods/{name}.md, {error}"))
    }
}

/// A piece of Markdown as far as pages need it.
struct Block {
    /// 1-based line on which it starts.
    line: usize,
    kind: Kind,
}

enum Kind {
    Heading(usize, String),
    /// The info string and the text between the fences, each line ended by `\n`.
    Fence(String, String),
    Quote(String),
    Prose(String),
}

fn blocks(lines: &[&str]) -> Result<Vec<Block>, PageError> {
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let (line, start) = (lines[at], at);
        at += 1;
        let hashes = line.len() - line.trim_start_matches('#').len();
        let ticks = line.len() - line.trim_start_matches('`').len();
        let kind = if line.trim().is_empty() {
            continue;
        } else if ticks >= 3 {
            let closing = lines[at..]
                .iter()
                .position(|line| line.trim_end() == &lines[start][..ticks]);
            let end = at + closing.ok_or_else(|| PageError::new(start + 1, "this fenced block is never closed"))?;
            let body = lines[at..end].iter().flat_map(|line| [line, "\n"]).collect();
            at = end + 1;
            Kind::Fence(line[ticks..].trim().to_owned(), body)
        } else if hashes > 0 && line[hashes..].starts_with(' ') {
            Kind::Heading(hashes, line[hashes..].trim().to_owned())
        } else {
            let quoted = line.starts_with('>');
            let goes_on =
                |line: &&&str| !line.trim().is_empty() && !line.starts_with("```") && line.starts_with('>') == quoted;
            at += lines[at..].iter().take_while(goes_on).count();
            let unquoted = |line: &&str| line.strip_prefix('>').map_or(*line, str::trim).to_owned();
            let text: Vec<String> = lines[start..at].iter().map(unquoted).collect();
            if quoted {
                Kind::Quote(text.join(" "))
            } else {
                Kind::Prose(text.join("\n"))
            }
        };
        blocks.push(Block { line: start + 1, kind });
    }
    Ok(blocks)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrontMatter {
    level: Level,
    python: Option<Version>,
    #[serde(rename = "default")]
    is_default: Option<bool>,
    #[serde(default)]
    libraries: Vec<String>,
    needles: Vec<String>,
    once: Option<String>,
    #[serde(default)]
    requires: Vec<String>,
}

impl FrontMatter {
    fn parse(text: &str, line: usize) -> Result<Self, PageError> {
        let front: Self = from_toml(text, line)?;
        if front.needles.is_empty() {
            return Err(PageError::new(line, "`needles` is empty: every file would be parsed"));
        }
        match front.needles.iter().find(|needle| needle.len() < SHORTEST_NEEDLE) {
            None => Ok(front),
            Some(short) => {
                let message = format!(
                    "needle `{short}` is shorter than {SHORTEST_NEEDLE} bytes and would occur in nearly every file"
                );
                Err(PageError::new(line, message))
            }
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Display,
    Unsafe,
    Safe,
}

impl From<Level> for Applicability {
    fn from(level: Level) -> Self {
        match level {
            Level::Display => Self::DisplayOnly,
            Level::Unsafe => Self::Unsafe,
            Level::Safe => Self::Safe,
        }
    }
}

/// A Python version, written `3.12`.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Version(PythonVersion);

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.parse() {
            Ok(version) => Ok(Self(version)),
            Err(_) => Err(format!("`{text}` is no Python version such as `3.12`")),
        }
    }
}

/// Reads a `toml` block whose opening fence stands on `line`.
fn from_toml<T: serde::de::DeserializeOwned>(text: &str, line: usize) -> Result<T, PageError> {
    toml::from_str(text).map_err(|error| {
        let above = error.span().map_or(0, |span| text[..span.start].matches('\n').count());
        PageError::new(line + 1 + above, error.message())
    })
}

/// The keys of `asyncup.toml` that may stand in a `toml config` block. Dependencies are written `{ httpx2 = "2.16" }`; an empty version is unknown.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Config {
    line_length: Option<usize>,
    #[serde(default)]
    receivers: Vec<Receiver>,
    #[serde(default)]
    blocking: Vec<Blocking>,
    #[serde(default)]
    codemods: BTreeMap<String, toml::Table>,
    #[serde(default)]
    dependencies: BTreeMap<String, String>,
}

impl Config {
    fn settings(self, target: PythonVersion, line: usize) -> Result<Settings, PageError> {
        let mut dependencies = BTreeMap::new();
        for (name, version) in self.dependencies {
            let version = match version.as_str() {
                "" => None,
                text => Some(
                    text.parse()
                        .map_err(|error| PageError::new(line, format!("dependency {name}: {error}")))?,
                ),
            };
            dependencies.insert(name, version);
        }
        let defaults = Settings::default();
        Ok(Settings {
            target,
            line_length: self.line_length.unwrap_or(defaults.line_length),
            options: self.codemods,
            receivers: self.receivers,
            blocking: self.blocking,
            dependencies: Dependencies(dependencies, BTreeMap::new()),
            ..defaults
        })
    }
}

/// What stands above a case and belongs to it.
#[derive(Default)]
struct Lead {
    config: Option<(String, usize)>,
    reason: Option<(String, usize)>,
}

impl Lead {
    /// The line of the last thing that no case has taken.
    fn stray(&self) -> Option<usize> {
        self.reason.as_ref().or(self.config.as_ref()).map(|(_, line)| *line)
    }
}

/// Reads the blocks of the section `Cases`.
fn cases(blocks: &[Block]) -> Result<Vec<Case>, PageError> {
    let mut cases = Vec::new();
    let (mut title, mut lead) = (None, Lead::default());
    let mut blocks = blocks.iter();
    while let Some(Block { line, kind }) = blocks.next() {
        let line = *line;
        let (info, body) = match kind {
            Kind::Quote(reason) => {
                lead.reason = Some((reason.clone(), line));
                continue;
            }
            Kind::Fence(info, body) if info == "toml config" => {
                lead.config = Some((body.clone(), line));
                continue;
            }
            Kind::Fence(info, body) => (info, body),
            Kind::Heading(..) | Kind::Prose(_) => {
                if let Some(line) = lead.stray() {
                    return Err(PageError::new(line, "this must stand directly above a case"));
                }
                if let Kind::Heading(_, text) = kind {
                    title = Some(text.clone());
                }
                continue;
            }
        };

        let info = CaseInfo::parse(info, line)?;
        let Lead { config, reason } = std::mem::take(&mut lead);
        let reason = reason.map(|(text, _)| text);
        let expected = if info.before {
            let after = match blocks.next().map(|block| &block.kind) {
                Some(Kind::Fence(info, after)) if info == "python after" => after.clone(),
                _ => return Err(PageError::new(line, "a `python after` block must follow this one")),
            };
            if info.level == Applicability::Safe && reason.is_some() {
                return Err(PageError::new(
                    line,
                    "a safe rewrite prints no reason: it needs `level=unsafe`, or no block quote",
                ));
            }
            Expected::Rewritten {
                after,
                level: info.level,
                reason,
            }
        } else {
            Expected::Unchanged { reason }
        };
        let settings = match &config {
            Some((text, line)) => from_toml::<Config>(text, *line)?.settings(info.target, *line)?,
            None => Config::default().settings(info.target, line)?,
        };
        cases.push(Case {
            title: title.clone(),
            line,
            before: body.clone(),
            expected,
            settings,
            config: config.map(|(text, _)| text),
        });
    }
    match lead.stray() {
        Some(line) => Err(PageError::new(line, "this must stand directly above a case")),
        None => Ok(cases),
    }
}

/// The info string of the first block of a case: `python before target=py311 level=unsafe`.
struct CaseInfo {
    before: bool,
    target: PythonVersion,
    level: Applicability,
}

impl CaseInfo {
    fn parse(info: &str, line: usize) -> Result<Self, PageError> {
        let words: Vec<&str> = info.split_whitespace().collect();
        let (before, attributes) = match words.as_slice() {
            ["python", "before", attributes @ ..] => (true, attributes),
            ["python", "unchanged", attributes @ ..] => (false, attributes),
            _ => {
                let message = format!(
                    "unexpected block `{info}`: a case is `python before` and `python after`, or `python unchanged`"
                );
                return Err(PageError::new(line, message));
            }
        };
        let mut parsed = Self {
            before,
            target: NEWEST,
            level: Applicability::Safe,
        };
        for attribute in attributes {
            match attribute.split_once('=') {
                Some(("target", version)) => parsed.target = target(version, line)?,
                Some(("level", "safe")) if before => {}
                Some(("level", "unsafe")) if before => parsed.level = Applicability::Unsafe,
                _ => {
                    let message = format!(
                        "unknown attribute `{attribute}`: there are `target=py311` and, behind `before`, `level=unsafe`"
                    );
                    return Err(PageError::new(line, message));
                }
            }
        }
        Ok(parsed)
    }
}

/// Reads `py311`.
fn target(word: &str, line: usize) -> Result<PythonVersion, PageError> {
    word.strip_prefix("py")
        .and_then(|digits| digits.split_at_checked(1))
        .and_then(|(major, minor)| format!("{major}.{minor}").parse().ok())
        .ok_or_else(|| PageError::new(line, format!("`{word}` is no target version such as `py311`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# name\n\n```toml\nlevel = \"safe\"\npython = \"3.11\"\nneedles = [\"await\"]\n```\n\nOne sentence\non two lines.\n\n## Why\n\nText.\n\n- a list\n\n## Safety\n\nText.\n\n";

    fn parse(rest: &str) -> Result<Page, PageError> {
        Page::parse(&format!("{HEAD}{rest}"))
    }

    #[track_caller]
    fn refused(text: &str, expected: &str) {
        let error = Page::parse(text).expect_err("the page was accepted").to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_page_is_read_whole() {
        let page = parse(
            "## Cases\n\n### One\n\nProse.\n\n```toml config\nline-length = 100\n[dependencies]\nhttpx2 = \"2.16\"\n```\n\n\
             > a\n> reason\n\n```python before level=unsafe target=py311\na\n```\n\n```python after\nb\n```\n\n\
             ````python unchanged\n\"\"\"\n```\n\"\"\"\n````\n",
        )
        .unwrap();
        assert_eq!(page.summary, "One sentence on two lines.");
        assert_eq!(page.why, "Text.\n\n- a list");
        assert_eq!(page.minimum, Some(PythonVersion::PY311));
        assert!(page.is_default);
        let [one, two] = page.cases.as_slice() else {
            panic!("{} cases", page.cases.len())
        };
        assert_eq!((one.title.as_deref(), one.line), (Some("One"), 37));
        assert_eq!((one.before.as_str(), one.after()), ("a\n", "b\n"));
        assert_eq!((one.level(), one.reason()), (Applicability::Unsafe, Some("a reason")));
        assert_eq!(
            (one.settings.target, one.settings.line_length),
            (PythonVersion::PY311, 100)
        );
        assert_eq!(one.settings.dependencies.version("httpx2").unwrap().to_string(), "2.16");
        assert_eq!(two.before, "\"\"\"\n```\n\"\"\"\n");
        assert_eq!(
            (two.after(), two.reason(), two.is_rewritten()),
            (two.before.as_str(), None, false)
        );
        assert_eq!(two.settings.target, NEWEST);
    }

    #[test]
    fn a_page_may_say_something_once() {
        let text = HEAD.replace("level =", "once = \"Look.\"\nrequires = [\"httpx>=1\"]\nlevel =");
        let page = Page::parse(&text).unwrap();
        assert_eq!(
            (page.once.as_deref(), page.requires.as_slice()),
            (Some("Look."), &["httpx>=1".to_owned()][..])
        );
    }

    #[test]
    fn a_page_may_ask_to_be_selected() {
        let text = HEAD.replace("level =", "default = false\nlevel =");
        assert!(!Page::parse(&text).unwrap().is_default);
    }

    #[test]
    fn errors_say_where() {
        refused("", "line 1: a page has at least");
        refused("name\n\n```toml\n```\n\nSentence.\n", "line 1: a page starts with");
        refused("# name\n\nSentence.\n\nMore.\n", "line 3: the front matter");
        refused(
            "# name\n\n```toml\nlevel = \"sure\"\n```\n\nSentence.\n",
            "line 4: unknown variant",
        );
        refused(
            "# name\n\n```toml\nlevel = \"safe\"\nneedles = [\"as\"]\n```\n\nSentence.\n",
            "line 3: needle `as`",
        );
        refused("# name\n\n```toml\nlevel", "line 3: this fenced block is never closed");
        refused(&format!("{HEAD}## Other\n"), "line 22: unexpected section `Other`");
        refused(
            &HEAD.replace("## Safety", "## Why"),
            "line 18: section `Why` is empty or occurs twice",
        );
        refused(
            &format!("{HEAD}## Cases\n```python before\n```\n"),
            "line 23: a `python after` block",
        );
        refused(
            &format!("{HEAD}## Cases\n```python\n```\n"),
            "line 23: unexpected block `python`",
        );
        refused(
            &format!("{HEAD}## Cases\n```python before level=low\n```\n"),
            "line 23: unknown attribute",
        );
        refused(
            &format!("{HEAD}## Cases\n```python unchanged target=311\n```\n"),
            "line 23: `311` is no",
        );
        refused(
            &format!("{HEAD}## Cases\n> reason\n\nProse.\n"),
            "line 23: this must stand",
        );
        refused(
            &format!("{HEAD}## Cases\n```toml config\nlevel = 1\n```\n"),
            "line 23: this must stand",
        );
        refused(
            &format!("{HEAD}## Cases\n```toml config\n\nlevel = 1\n```\n```python unchanged\n```\n"),
            "line 25: unknown field `level`",
        );
        refused(
            &format!("{HEAD}## Cases\n> reason\n```python before\n```\n```python after\n```\n"),
            "line 24: a safe rewrite prints no reason",
        );
    }
}
