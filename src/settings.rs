//! What a run means for one file: target version, line length, options, declared knowledge. Plain data; read by `cli`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::glance::triple_quotes;
use crate::interned::{self, Interned};
use ruff_python_ast::PythonVersion;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A receiver declared in `[[tool.asyncup.receivers]]`. What is declared counts as proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// A variable, an attribute path (`self.api`) or a qualified type (`myapp.clients.Api`).
    pub name: String,
    /// May two tasks use it at once?
    #[serde(default)]
    pub shareable: bool,
    /// Its methods that only read.
    #[serde(default)]
    pub reads: Vec<String>,
    /// Its methods that write.
    #[serde(default)]
    pub writes: Vec<String>,
}

/// A blocking callable declared in `[[tool.asyncup.blocking]]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blocking {
    /// Its qualified name.
    pub call: String,
    /// The qualified name of its coroutine twin, when it has one.
    #[serde(default, rename = "async", deserialize_with = "interned::read_any")]
    pub twin: Option<Interned>,
    #[serde(default)]
    pub exactness: Exactness,
}

/// Whether the coroutine twin of a blocking callable does the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exactness {
    /// Same arguments, result and exceptions.
    Exact,
    /// The same after a change of arguments, result or exceptions.
    Adapted,
    /// Nearly: somebody must look.
    #[default]
    Review,
}

/// Distributions in whose place a rewrite needs another one.
pub const REPLACEABLE: &[&str] = &["httpx"];

/// The distributions that the project depends on, with the lowest version that a lock file or a range allows, when known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependencies(pub BTreeMap<String, Option<pep440_rs::Version>>, pub Declarations);

/// Where some distributions are required, by their names: the file and line, and the requirement as it is written there.
pub type Declarations = BTreeMap<String, (String, String)>;

impl Dependencies {
    /// Distribution names are compared in their normalised form (PEP 503).
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Where a distribution is required, as `requirements.txt:3`, and how. Known only of those in [`crate::settings::REPLACEABLE`].
    pub fn declaration(&self, name: &str) -> Option<(&str, &str)> {
        let (place, line) = self.1.get(name)?;
        Some((place, line))
    }

    pub fn version(&self, name: &str) -> Option<&pep440_rs::Version> {
        match self.0.get(name) {
            Some(Some(version)) => Some(version),
            _ => self.implied(name),
        }
    }

    /// The version that another distribution needs: SQLModel is nothing without SQLAlchemy, and few projects name both.
    fn implied(&self, name: &str) -> Option<&pep440_rs::Version> {
        static WITH_SQLMODEL: LazyLock<[pep440_rs::Version; 2]> =
            LazyLock::new(|| [pep440_rs::Version::new([0, 0, 14]), pep440_rs::Version::new([2, 0])]);
        let [least, needed] = &*WITH_SQLMODEL;
        let sqlmodel = self.0.get("sqlmodel").filter(|_| name == "sqlalchemy")?.as_ref()?;
        (sqlmodel >= least).then_some(needed)
    }

    /// Whether the project needs at least this version of a distribution. The error says what is not known, or too old.
    pub fn at_least<const N: usize>(&self, name: &str, version: [u64; N]) -> Result<(), String> {
        let least = pep440_rs::Version::new(version);
        match self.version(name) {
            Some(known) if *known >= least => Ok(()),
            Some(known) => Err(format!("it needs {name} {least}, and the project may run with {known}")),
            None => Err(format!(
                "it needs {name} {least}, and no lock file, requirement or dependency says which version the project runs with"
            )),
        }
    }
}

/// Everything a codemod may ask about the run, for one file.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The lowest Python that the code must run on.
    pub target: PythonVersion,
    /// Nothing says so: `target` is the lowest version that is supported at all.
    pub target_is_assumed: bool,
    /// Characters a line may have before a call is written one argument per line.
    pub line_length: usize,
    /// Nothing says so: `line_length` is the formatter's own.
    pub line_length_is_assumed: bool,
    /// `[tool.asyncup.codemods.NAME]`, validated when the configuration was loaded.
    pub options: BTreeMap<String, toml::Table>,
    pub receivers: Vec<Receiver>,
    pub blocking: Vec<Blocking>,
    pub dependencies: Dependencies,
    /// What the project's distribution runs as programs: `package.module:function`.
    pub entry_points: Vec<String>,
    /// Leave imports that a rewrite made unused: in a package's `__init__.py` they may be its interface.
    pub keep_unused_imports: bool,
}

impl Settings {
    /// The options of one codemod, defaults filled in.
    pub fn options<T: DeserializeOwned + Default>(&self, codemod: &str) -> T {
        self.options
            .get(codemod)
            .and_then(|table| table.clone().try_into().ok())
            .unwrap_or_default()
    }

    /// These settings for one text: where nothing says how long lines may be, its own lines do.
    pub fn for_text(self: Arc<Self>, text: &str) -> Arc<Self> {
        if !self.line_length_is_assumed {
            return self;
        }
        let longest = longest_line(text);
        match WIDTHS.iter().find(|width| longest <= **width).or(WIDTHS.last()) {
            Some(width) if *width > self.line_length => Arc::new(Self {
                line_length: *width,
                ..(*self).clone()
            }),
            _ => self,
        }
    }
}

/// Lengths of lines that projects agree on.
const WIDTHS: &[usize] = &[88, 100, 120];

/// The characters of the longest line that a formatter would have broken: one with brackets, and no string or comment that must stay whole.
fn longest_line(text: &str) -> usize {
    let mut is_string = false;
    let mut longest = 0;
    // Most files have no line that could count, and need no look at their strings.
    if text.lines().all(|line| line.len() <= WIDTHS[0]) {
        return longest;
    }
    for line in text.lines() {
        let was_string = is_string;
        is_string ^= triple_quotes(line.as_bytes()) % 2 == 1;
        if line.len() > longest && !was_string && line.contains('(') && !line.contains(['"', '\'', '#']) {
            longest = line.chars().count().max(longest);
        }
    }
    longest
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            target: PythonVersion::PY39,
            target_is_assumed: false,
            line_length: 88,
            line_length_is_assumed: false,
            options: BTreeMap::new(),
            receivers: Vec::new(),
            blocking: Vec::new(),
            dependencies: Dependencies::default(),
            entry_points: Vec::new(),
            keep_unused_imports: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line_of: usize, line: &str, expected: usize) {
        let told = Settings::default();
        let assumed = Settings {
            line_length_is_assumed: true,
            ..Settings::default()
        };
        let text = format!("x = 1\n{line}\n").replace('~', &"y".repeat(line_of.saturating_sub(line.len() - 1)));
        assert_eq!(Arc::new(assumed).for_text(&text).line_length, expected, "{text}");
        assert_eq!(Arc::new(told).for_text(&text).line_length, 88);
    }

    #[test]
    fn lines_say_how_long_they_may_be() {
        check(80, "f(~)", 88);
        check(88, "f(~)", 88);
        check(89, "f(~)", 100);
        check(101, "f(~)", 120);
        check(300, "f(~)", 120);
    }

    #[test]
    fn what_no_formatter_breaks_says_nothing() {
        check(110, "f(\"~\")", 88);
        check(110, "f(x)  # ~", 88);
        check(110, "~ = y", 88);
        check(110, "\"\"\"\nf(~)\n\"\"\"", 88);
    }
}
