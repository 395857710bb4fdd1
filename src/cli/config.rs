//! What configuration files and `--config` say: `[tool.asyncup]` of `pyproject.toml`, or `asyncup.toml`, key by key.
//!
//! Which file counts for which folder, and what is left when flags have spoken, is decided in `resolve`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use ruff_python_ast::PythonVersion;
use serde::de::DeserializeOwned;
use thiserror::Error;
use toml::{Table, Value};

use crate::codemod::Codemod;
use crate::settings::{Blocking, Receiver};

/// The keys of `[tool.asyncup]`, in the order of the documentation.
const KEYS: &[&str] = &[
    "select",
    "ignore",
    "unsafe-fixes",
    "target-version",
    "line-length",
    "exclude",
    "include",
    "preset",
    "codemods",
    "receivers",
    "blocking",
];

/// The longest line that a configuration may ask for.
const MAX_LINE_LENGTH: i64 = 1_000;

/// What is wrong with a configuration, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{origin}: {problem}")]
pub struct ConfigError {
    /// A file's name, or the flag.
    pub origin: String,
    pub problem: String,
}

impl ConfigError {
    pub fn new(origin: impl fmt::Display, problem: impl Into<String>) -> Self {
        Self {
            origin: origin.to_string(),
            problem: problem.into(),
        }
    }
}

/// Well-known layouts of projects that have their coroutines in few places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// The folders handlers, services, consumers and workers, and files named *_async*.py
    Services,
}

impl Preset {
    /// The files that it takes.
    pub fn include(self) -> &'static [&'static str] {
        match self {
            Self::Services => &[
                "**/handlers/**/*.py",
                "**/services/**/*.py",
                "**/consumers/**/*.py",
                "**/workers/**/*.py",
                "**/*_async*.py",
            ],
        }
    }
}

/// One configuration file, or all `--config "key = value"` together. What is `None` was not said.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// For messages.
    pub origin: String,
    /// The folder that globs start from.
    pub folder: PathBuf,
    pub select: Option<Vec<String>>,
    pub ignore: Option<Vec<String>>,
    pub unsafe_fixes: Option<bool>,
    pub target: Option<PythonVersion>,
    pub line_length: Option<usize>,
    pub exclude: Option<Vec<String>>,
    pub include: Option<Vec<String>>,
    pub preset: Option<Preset>,
    pub options: BTreeMap<String, Table>,
    pub receivers: Vec<Receiver>,
    pub blocking: Vec<Blocking>,
}

impl Config {
    /// Reads the text of `asyncup.toml`, or of a file that only holds asyncup's keys.
    pub fn of_file(path: &Path, text: &str, codemods: &[Codemod]) -> Result<Self, ConfigError> {
        let origin = path.display().to_string();
        let table = parse(text).map_err(|problem| ConfigError::new(&origin, problem))?;
        Self::of_table(origin, folder_of(path), table, codemods)
    }

    /// Reads the text of `pyproject.toml`; `None` when it has no `[tool.asyncup]`.
    pub fn of_pyproject(path: &Path, text: &str, codemods: &[Codemod]) -> Result<Option<Self>, ConfigError> {
        // Projects hold many such files, broken ones among their tests; those that do not name us are not ours to judge.
        if !text.contains("asyncup") {
            return Ok(None);
        }
        let origin = path.display().to_string();
        let mut table = parse(text).map_err(|problem| ConfigError::new(&origin, problem))?;
        let ours = table
            .get_mut("tool")
            .and_then(|tool| tool.as_table_mut()?.remove("asyncup"));
        match ours {
            None => Ok(None),
            Some(Value::Table(table)) => Self::of_table(origin, folder_of(path), table, codemods).map(Some),
            Some(_) => Err(ConfigError::new(origin, "`tool.asyncup` must be a table")),
        }
    }

    /// Reads what `--config "key = value"` said.
    pub fn of_flag(text: &str, folder: &Path, codemods: &[Codemod]) -> Result<Self, ConfigError> {
        let origin = format!("--config '{text}'");
        let table = parse(text).map_err(|problem| ConfigError::new(&origin, problem))?;
        Self::of_table(origin, folder.to_owned(), table, codemods)
    }

    fn of_table(origin: String, folder: PathBuf, table: Table, codemods: &[Codemod]) -> Result<Self, ConfigError> {
        let mut config = Self {
            origin,
            folder,
            ..Self::default()
        };
        for (key, value) in table {
            config
                .set(&key, value, codemods)
                .map_err(|problem| ConfigError::new(&config.origin, problem))?;
        }
        Ok(config)
    }

    fn set(&mut self, key: &str, value: Value, codemods: &[Codemod]) -> Result<(), String> {
        match key {
            "select" => self.select = Some(codemod_names(key, value, codemods)?),
            "ignore" => self.ignore = Some(codemod_names(key, value, codemods)?),
            "unsafe-fixes" => self.unsafe_fixes = Some(typed(key, value, "true or false")?),
            "target-version" => {
                let version: String = typed(key, value, "a string such as \"py311\"")?;
                self.target = Some(target_version(&version).map_err(|problem| format!("`{key}`: {problem}"))?);
            }
            "line-length" => self.line_length = Some(line_length(key, value)?),
            "exclude" => self.exclude = Some(globs(key, value)?),
            "include" => self.include = Some(globs(key, value)?),
            "preset" => {
                let name: String = typed(key, value, "a string")?;
                self.preset = Some(Preset::from_str(&name, false).map_err(|_| unknown_preset(&name))?);
            }
            "codemods" => self.options = options(value, codemods)?,
            "receivers" => self.receivers = typed(key, value, "a list of tables")?,
            "blocking" => self.blocking = typed(key, value, "a list of tables")?,
            _ => return Err(format!("unknown key `{key}`{}", suggestion(key, KEYS.iter().copied()))),
        }
        Ok(())
    }

    /// Replaces what the other says, key by key.
    pub fn override_with(&mut self, other: Self) {
        fn replace<T>(mine: &mut Option<T>, other: Option<T>) {
            if other.is_some() {
                *mine = other;
            }
        }
        replace(&mut self.select, other.select);
        replace(&mut self.ignore, other.ignore);
        replace(&mut self.unsafe_fixes, other.unsafe_fixes);
        replace(&mut self.target, other.target);
        replace(&mut self.line_length, other.line_length);
        replace(&mut self.exclude, other.exclude);
        replace(&mut self.include, other.include);
        replace(&mut self.preset, other.preset);
        for (codemod, options) in other.options {
            self.options.entry(codemod).or_default().extend(options);
        }
        self.receivers.extend(other.receivers);
        self.blocking.extend(other.blocking);
    }
}

/// `py311` or `3.11`, of the versions that the parser knows.
pub fn target_version(text: &str) -> Result<PythonVersion, String> {
    let digits = match text.strip_prefix("py3") {
        Some(minor) => minor.strip_prefix('.').unwrap_or(minor),
        None => text.strip_prefix("3.").unwrap_or_default(),
    };
    let known = || PythonVersion::iter().map(|version| format!("py{}{}", version.major, version.minor));
    u8::from_str(digits)
        .ok()
        .map(|minor| PythonVersion { major: 3, minor })
        .filter(|version| PythonVersion::iter().any(|known| known == *version))
        .ok_or_else(|| {
            format!(
                "unknown Python version `{text}`; use one of {}",
                known().collect::<Vec<_>>().join(", ")
            )
        })
}

/// `; did you mean ...?` when a candidate is near enough to be meant.
pub fn suggestion<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    let wanted = name.to_ascii_lowercase().replace('-', "_");
    candidates
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&wanted, &candidate.replace('-', "_")),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= candidate.len().max(name.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map_or_else(String::new, |(_, candidate)| format!("; did you mean `{candidate}`?"))
}

/// Says which codemod was meant when one of the names is none.
pub fn check_names(names: &[String], codemods: &[Codemod]) -> Result<(), String> {
    for name in names {
        if name != ALL && !codemods.iter().any(|codemod| codemod.name == name) {
            let nearest = suggestion(name, codemods.iter().map(|codemod| codemod.name));
            return Err(format!(
                "unknown codemod `{name}`{nearest} (`asyncup list` shows them all)"
            ));
        }
    }
    Ok(())
}

/// The name that stands for every codemod.
pub const ALL: &str = "ALL";

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_owned()
}

fn parse(text: &str) -> Result<Table, String> {
    text.parse::<Table>()
        .map_err(|error| format!("not valid TOML: {}", error.to_string().trim_end()))
}

/// The value as the wanted type. Serde says which field is wrong in a table; for plain values our words are clearer.
fn typed<T: DeserializeOwned>(key: &str, value: Value, wanted: &str) -> Result<T, String> {
    let found = value.type_str();
    let is_table = matches!(&value, Value::Array(items) if items.iter().all(Value::is_table));
    value.try_into().map_err(|error: toml::de::Error| match is_table {
        true => format!("`{key}`: {}", error.message()),
        false => format!("`{key}` must be {wanted}, not {}", with_article(found)),
    })
}

fn with_article(name: &str) -> String {
    let vowel = name.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {name}", if vowel { "an" } else { "a" })
}

fn codemod_names(key: &str, value: Value, codemods: &[Codemod]) -> Result<Vec<String>, String> {
    let names: Vec<String> = typed(key, value, "a list of codemods' names")?;
    check_names(&names, codemods).map_err(|problem| format!("`{key}`: {problem}"))?;
    Ok(names)
}

fn globs(key: &str, value: Value) -> Result<Vec<String>, String> {
    let globs: Vec<String> = typed(key, value, "a list of globs")?;
    for glob in &globs {
        globset::Glob::new(glob).map_err(|error| format!("`{key}`: {error}"))?;
    }
    Ok(globs)
}

fn line_length(key: &str, value: Value) -> Result<usize, String> {
    let length: i64 = typed(key, value, "a number of characters")?;
    usize::try_from(length)
        .ok()
        .filter(|_| (1..=MAX_LINE_LENGTH).contains(&length))
        .ok_or_else(|| format!("`{key}` must lie between 1 and {MAX_LINE_LENGTH}, not be {length}"))
}

fn unknown_preset(name: &str) -> String {
    let known: Vec<String> = Preset::value_variants()
        .iter()
        .filter_map(|preset| Some(preset.to_possible_value()?.get_name().to_owned()))
        .collect();
    let nearest = suggestion(name, known.iter().map(String::as_str));
    format!("unknown preset `{name}`{nearest} (known: {})", known.join(", "))
}

/// The tables under `codemods`, each checked by its codemod.
fn options(value: Value, codemods: &[Codemod]) -> Result<BTreeMap<String, Table>, String> {
    let tables: Table = typed("codemods", value, "a table")?;
    let mut options = BTreeMap::new();
    for (name, value) in tables {
        let key = format!("codemods.{name}");
        let Some(codemod) = codemods.iter().find(|codemod| codemod.name == name) else {
            let nearest = suggestion(&name, codemods.iter().map(|codemod| codemod.name));
            return Err(format!("`{key}`: unknown codemod `{name}`{nearest}"));
        };
        let table: Table = typed(&key, value, "a table")?;
        match codemod.validate_options {
            Some(validate) => validate(&table).map_err(|problem| format!("`{key}`: {problem}"))?,
            None if table.is_empty() => {}
            None => return Err(format!("`{key}`: {name} has no options")),
        }
        options.insert(name, table);
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, ConfigError> {
        Config::of_file(Path::new("p/asyncup.toml"), text, &[])
    }

    #[track_caller]
    fn refused(text: &str, message: &str) {
        assert_eq!(
            read(text).unwrap_err().to_string(),
            format!("p/asyncup.toml: {message}")
        );
    }

    #[test]
    fn every_key_is_read() {
        let config = read(
            r#"
            select = ["ALL"]
            ignore = []
            unsafe-fixes = true
            target-version = "py311"
            line-length = 100
            exclude = ["tests/*"]
            include = ["*.py"]
            preset = "services"
            codemods = {}
            [[receivers]]
            name = "api"
            shareable = true
            reads = ["get"]
            [[blocking]]
            call = "shop.fetch"
            async = "shop.afetch"
            exactness = "exact"
            "#,
        )
        .unwrap();
        assert_eq!(config.folder, Path::new("p"));
        assert_eq!(config.target, Some(PythonVersion::PY311));
        assert_eq!(config.line_length, Some(100));
        assert_eq!(config.preset, Some(Preset::Services));
        assert_eq!(config.receivers[0].reads, ["get"]);
        assert_eq!(config.blocking[0].twin, Some("shop.afetch"));
    }

    #[test]
    fn the_documented_keys_are_the_keys() {
        for key in KEYS {
            let unknown = read(&format!("{key} = 1979-05-27")).unwrap_err();
            assert!(!unknown.problem.contains("unknown key"), "{unknown}");
        }
    }

    #[test]
    fn a_wrong_key_or_value_is_named_with_what_was_meant() {
        refused(
            "line_length = 3",
            "unknown key `line_length`; did you mean `line-length`?",
        );
        refused("selct = []", "unknown key `selct`; did you mean `select`?");
        refused("zzz = 1", "unknown key `zzz`");
        refused(
            "select = 'x'",
            "`select` must be a list of codemods' names, not a string",
        );
        refused("line-length = 0", "`line-length` must lie between 1 and 1000, not be 0");
        refused(
            "line-length = '88'",
            "`line-length` must be a number of characters, not a string",
        );
        refused(
            "unsafe-fixes = 1",
            "`unsafe-fixes` must be true or false, not an integer",
        );
        refused(
            "preset = 'service'",
            "unknown preset `service`; did you mean `services`? (known: services)",
        );
        refused("codemods.nope.x = 1", "`codemods.nope`: unknown codemod `nope`");
        refused(
            "select = ['nope']",
            "`select`: unknown codemod `nope` (`asyncup list` shows them all)",
        );
        assert!(
            read("[[receivers]]\nnam = 'x'")
                .unwrap_err()
                .problem
                .contains("unknown field `nam`")
        );
        assert!(
            read("target-version = 'py27'")
                .unwrap_err()
                .problem
                .contains("unknown Python version `py27`")
        );
        assert!(read("exclude = ['[']").unwrap_err().problem.starts_with("`exclude`: "));
        assert!(read("x = [").unwrap_err().problem.starts_with("not valid TOML: "));
    }

    #[test]
    fn pyproject_files_that_do_not_name_us_are_not_judged() {
        let path = Path::new("pyproject.toml");
        assert!(Config::of_pyproject(path, "[tool.", &[]).unwrap().is_none());
        assert!(
            Config::of_pyproject(path, "[project]\nname = 'uses-asyncup'", &[])
                .unwrap()
                .is_none()
        );
        assert!(Config::of_pyproject(path, "[tool.asyncup]\nx = 1", &[]).is_err());
        let config = Config::of_pyproject(path, "[tool.asyncup]\nline-length = 99", &[])
            .unwrap()
            .unwrap();
        assert_eq!(config.line_length, Some(99));
    }

    #[test]
    fn versions_are_written_as_ruff_and_as_python_do() {
        assert_eq!(target_version("py39"), Ok(PythonVersion::PY39));
        assert_eq!(target_version("3.13"), Ok(PythonVersion::PY313));
        assert!(target_version("3").is_err());
        assert!(target_version("py36").is_err());
    }

    #[test]
    fn what_comes_later_overrides_key_by_key() {
        let mut config = read("line-length = 99\nselect = ['ALL']").unwrap();
        config.override_with(Config::of_flag("line-length = 120", Path::new(""), &[]).unwrap());
        assert_eq!(config.line_length, Some(120));
        assert_eq!(config.select, Some(vec!["ALL".to_owned()]));
    }
}
