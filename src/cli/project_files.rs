//! What a project's own files say about it: the Python it needs, the length of its lines, the distributions it depends on.
//!
//! Each is said by the closest folder that says it, up to the one that holds `.git`. Nothing here is an error: a file that cannot be
//! understood says nothing.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};
use ruff_python_ast::PythonVersion;
use toml::{Table, Value};

use crate::settings::{Declarations, Dependencies, REPLACEABLE};

/// How deep `-r other.txt` is followed.
const MAX_INCLUDES: usize = 8;

/// Distributions, by normalised name, with the lowest version known.
type Versions = BTreeMap<String, Option<Version>>;

/// What is said for one folder, inherited from the folders above it where it says nothing itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectFiles {
    pub python: Option<PythonVersion>,
    pub line_length: Option<usize>,
    declared: Option<Versions>,
    locked: Option<Versions>,
    declarations: Declarations,
    /// What the distribution runs as programs: `package.module:function`.
    pub entry_points: Vec<String>,
}

impl ProjectFiles {
    /// What the files of this very folder say; `None` when it has none that could.
    pub fn read(folder: &Path) -> Option<Self> {
        let names = Names::of(folder)?;
        let mut python = None;
        let mut line_length = None;
        let mut ranges = Versions::new();
        let mut has_ranges = false;
        let mut entry_points = Vec::new();
        let ruff = ["ruff.toml", ".ruff.toml"].iter().find(|name| names.has(name));
        if let Some(ruff) = ruff.and_then(|name| table(&folder.join(name))) {
            line_length = length_of(&ruff);
        }
        if let Some(pyproject) = names
            .has("pyproject.toml")
            .then(|| table(&folder.join("pyproject.toml")))
            .flatten()
        {
            python = python_of_pyproject(&pyproject);
            line_length = line_length
                .or_else(|| length_of(at(&pyproject, &["tool", "ruff"])?.as_table()?))
                .or_else(|| length_of(at(&pyproject, &["tool", "black"])?.as_table()?));
            has_ranges |= ranges_of_pyproject(&pyproject, &mut ranges);
            entry_points = scripts_of_pyproject(&pyproject);
        }
        if let Some(setup) = names
            .has("setup.cfg")
            .then(|| fs::read_to_string(folder.join("setup.cfg")).ok())
            .flatten()
        {
            let sections = sections(&setup);
            python = python.or_else(|| lowest_python(sections.get("options")?.get("python_requires")?));
            has_ranges |= ranges_of_setup(&sections, &mut ranges);
            let scripts = sections
                .get("options.entry_points")
                .and_then(|section| section.get("console_scripts"));
            let scripts = scripts.map(String::as_str).unwrap_or_default().lines();
            entry_points.extend(scripts.filter_map(|line| Some(line.split_once('=')?.1.trim().to_owned())));
        }
        let mut declared = (has_ranges || !names.requirements.is_empty()).then(Versions::new);
        if let Some(declared) = &mut declared {
            let mut pins = Versions::new();
            let mut seen = BTreeSet::new();
            for name in &names.requirements {
                requirements(&folder.join(name), &mut pins, &mut ranges, &mut seen, MAX_INCLUDES);
            }
            // What is pinned is what is installed; a range elsewhere says less.
            declared.extend(ranges);
            declared.extend(pins);
        }
        let declarations = declared.as_ref().map(|declared| declarations(folder, &names, declared));
        Some(Self {
            python,
            line_length,
            declared,
            locked: locked(folder, &names),
            declarations: declarations.unwrap_or_default(),
            entry_points,
        })
    }

    /// This folder's own word, else what holds for the folder above.
    pub fn or_inherited(self, above: &Self) -> Self {
        Self {
            python: self.python.or(above.python),
            line_length: self.line_length.or(above.line_length),
            declared: self.declared.or_else(|| above.declared.clone()),
            locked: self.locked.or_else(|| above.locked.clone()),
            declarations: if self.declarations.is_empty() {
                above.declarations.clone()
            } else {
                self.declarations
            },
            entry_points: if self.entry_points.is_empty() {
                above.entry_points.clone()
            } else {
                self.entry_points
            },
        }
    }

    /// All distributions; a lock file's versions go before those of ranges.
    pub fn dependencies(&self) -> Dependencies {
        let mut all = self.declared.clone().unwrap_or_default();
        for (name, version) in self.locked.iter().flatten() {
            all.insert(name.clone(), version.clone());
        }
        Dependencies(all, self.declarations.clone())
    }

    /// Whether the folder is the root of a repository, above which nothing belongs to the project.
    pub fn is_root(folder: &Path) -> bool {
        folder.join(".git").exists()
    }
}

/// The files of a folder that say something.
struct Names {
    found: BTreeSet<String>,
    /// Relative paths of files of requirements.
    requirements: Vec<String>,
}

impl Names {
    fn of(folder: &Path) -> Option<Self> {
        const KNOWN: &[&str] = &[
            "pyproject.toml",
            "setup.cfg",
            "ruff.toml",
            ".ruff.toml",
            "uv.lock",
            "poetry.lock",
            "pdm.lock",
            "pylock.toml",
            "Pipfile.lock",
        ];
        let mut names = Self {
            found: BTreeSet::new(),
            requirements: Vec::new(),
        };
        for entry in fs::read_dir(folder).ok()?.flatten() {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.starts_with("requirements") && name.ends_with(".txt") {
                names.requirements.push(name);
            } else if name == "requirements" && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let inner = fs::read_dir(folder.join(&name)).into_iter().flatten().flatten();
                let inner = inner.filter_map(|entry| entry.file_name().into_string().ok());
                names.requirements.extend(
                    inner
                        .filter(|inner| inner.ends_with(".txt"))
                        .map(|inner| format!("requirements/{inner}")),
                );
            } else if KNOWN.contains(&name.as_str()) {
                names.found.insert(name);
            }
        }
        names.requirements.sort();
        (!names.found.is_empty() || !names.requirements.is_empty()).then_some(names)
    }

    fn has(&self, name: &str) -> bool {
        self.found.contains(name)
    }
}

/// The lines that require the distributions that may have to be replaced.
fn declarations(folder: &Path, names: &Names, declared: &Versions) -> Declarations {
    let wanted = REPLACEABLE.iter().filter(|name| declared.contains_key(**name));
    let files = || {
        ["pyproject.toml", "setup.cfg"]
            .into_iter()
            .filter(|name| names.has(name))
    };
    wanted
        .filter_map(|name| {
            let mut all = files().chain(names.requirements.iter().map(String::as_str));
            let found = all.find_map(|file| {
                let text = fs::read_to_string(folder.join(file)).ok()?;
                let (line, requirement) = requirement_line(&text, name)?;
                Some((format!("{file}:{line}"), requirement))
            })?;
            Some(((*name).to_owned(), found))
        })
        .collect()
}

/// The first line, counted from 1, that begins with a requirement of a distribution, in quotes or not; and the requirement.
fn requirement_line(text: &str, name: &str) -> Option<(usize, String)> {
    text.lines().enumerate().find_map(|(index, line)| {
        let start = line.find(name)?;
        let before = line[..start].trim_end_matches(['"', '\'']);
        let is_first = before.trim().is_empty() || before.trim_end().ends_with(['[', ',', '=']);
        let rest = &line[start + name.len()..];
        let is_whole = !rest.starts_with(|next: char| next.is_ascii_alphanumeric() || matches!(next, '-' | '_' | '.'));
        let end = rest.find(['"', '\'', '#', ';']).unwrap_or(rest.len());
        (is_first && is_whole && !line.trim_start().starts_with('#'))
            .then(|| (index + 1, format!("{name}{}", rest[..end].trim_end())))
    })
}

fn table(path: &Path) -> Option<Table> {
    fs::read_to_string(path).ok()?.parse().ok()
}

fn at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (last, folders) = path.split_last()?;
    folders
        .iter()
        .try_fold(table, |table, key| table.get(*key)?.as_table())?
        .get(*last)
}

fn length_of(table: &Table) -> Option<usize> {
    table.get("line-length")?.as_integer()?.try_into().ok()
}

fn python_of_pyproject(pyproject: &Table) -> Option<PythonVersion> {
    let standard = at(pyproject, &["project", "requires-python"]).and_then(Value::as_str);
    let poetry = at(pyproject, &["tool", "poetry", "dependencies", "python"]).and_then(Value::as_str);
    standard
        .and_then(lowest_python)
        .or_else(|| poetry.and_then(lowest_python))
}

/// The lowest Python that a specifier allows, of those that the parser knows: `>=3.10,<4` is 3.10.
pub fn lowest_python(text: &str) -> Option<PythonVersion> {
    let alternatives: Vec<VersionSpecifiers> = specifiers(text);
    PythonVersion::iter().find(|version| {
        // A bound such as `>=3.9.2` allows later patch releases only.
        let releases =
            [0, u64::from(u8::MAX)].map(|patch| Version::new([version.major.into(), version.minor.into(), patch]));
        alternatives
            .iter()
            .any(|alternative| releases.iter().any(|release| alternative.contains(release)))
    })
}

/// The lowest version that a specifier names as its lower bound.
fn lowest_version(text: &str) -> Option<Version> {
    specifiers(text)
        .iter()
        .filter_map(|alternative| {
            let bounds = alternative.iter().filter(|specifier| {
                use Operator::{Equal, EqualStar, ExactEqual, GreaterThan, GreaterThanEqual, TildeEqual};
                matches!(
                    specifier.operator(),
                    Equal | EqualStar | ExactEqual | GreaterThan | GreaterThanEqual | TildeEqual
                )
            });
            bounds.map(|specifier| specifier.version().clone()).max()
        })
        .min()
}

/// The alternatives of a specifier: PEP 440, or Poetry's with `^`, `~` and `||`.
fn specifiers(text: &str) -> Vec<VersionSpecifiers> {
    text.split("||")
        .filter_map(|alternative| specifiers_of(alternative.trim()))
        .collect()
}

fn specifiers_of(text: &str) -> Option<VersionSpecifiers> {
    if let Ok(specifiers) = VersionSpecifiers::from_str(text) {
        return Some(specifiers);
    }
    let mut all: Vec<VersionSpecifier> = Vec::new();
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty() && *part != "*")
    {
        if let Ok(specifier) = VersionSpecifier::from_str(part) {
            all.push(specifier);
        } else if let Some(version) = part.strip_prefix('^') {
            all.extend(poetry_range(version.trim(), Caret::Yes)?);
        } else if let Some(version) = part.strip_prefix('~') {
            all.extend(poetry_range(version.trim(), Caret::No)?);
        } else {
            all.push(VersionSpecifier::from_str(&format!("=={part}")).ok()?);
        }
    }
    (!all.is_empty()).then(|| all.into_iter().collect())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Caret {
    Yes,
    No,
}

/// `^1.2` is `>=1.2,<2`, and `~1.2` is `>=1.2,<1.3`.
fn poetry_range(version: &str, caret: Caret) -> Option<[VersionSpecifier; 2]> {
    let low = Version::from_str(version).ok()?;
    let release = low.release().to_vec();
    let significant = match caret {
        Caret::Yes => release.iter().position(|&part| part != 0).unwrap_or(release.len() - 1),
        Caret::No => (release.len() - 1).min(1),
    };
    let mut high = release[..=significant].to_vec();
    high[significant] += 1;
    Some([
        VersionSpecifier::greater_than_equal_version(low),
        VersionSpecifier::less_than_version(Version::new(high)),
    ])
}

/// A name as PEP 503 compares it: lower case, runs of `-`, `_` and `.` as one `-`.
fn normalised(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            other => out.push(other.to_ascii_lowercase()),
        }
    }
    out
}

/// Adds a requirement (PEP 508) without judging its marker: on some platform it may hold.
fn add_requirement(text: &str, all: &mut Versions) -> Option<()> {
    let text = text.split(';').next()?.trim();
    let length = text
        .find(|character: char| !(character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.')))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(length);
    if name.is_empty() {
        return None;
    }
    let rest = rest.trim_start();
    let rest = if rest.starts_with('[') {
        rest.split_once(']')?.1.trim_start()
    } else {
        rest
    };
    let rest = rest.trim_start_matches('(').trim_end_matches(')');
    let version = if rest.starts_with('@') {
        None
    } else {
        lowest_version(rest)
    };
    add(name, version, all);
    Some(())
}

/// The lowest of several versions of one distribution counts; one without a version says nothing about it.
fn add(name: &str, version: Option<Version>, all: &mut Versions) {
    let known = all.entry(normalised(name)).or_default();
    *known = match (known.take(), version) {
        (Some(old), Some(new)) => Some(old.min(new)),
        (old, new) => old.or(new),
    };
}

/// Adds all dependencies of a `pyproject.toml`; whether it has any list of them.
fn scripts_of_pyproject(pyproject: &Table) -> Vec<String> {
    let tables = [
        at(pyproject, &["project", "scripts"]),
        at(pyproject, &["project", "gui-scripts"]),
        at(pyproject, &["tool", "poetry", "scripts"]),
    ];
    let scripts = tables.into_iter().flatten().filter_map(Value::as_table);
    let values = scripts.flat_map(|scripts| scripts.values());
    values.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn ranges_of_pyproject(pyproject: &Table, all: &mut Versions) -> bool {
    let mut found = false;
    let mut add_list = |value: &Value, all: &mut Versions| {
        found = true;
        for requirement in value.as_array().into_iter().flatten().filter_map(Value::as_str) {
            add_requirement(requirement, all);
        }
    };
    if let Some(list) = at(pyproject, &["project", "dependencies"]) {
        add_list(list, all);
    }
    let groups = [
        at(pyproject, &["project", "optional-dependencies"]),
        pyproject.get("dependency-groups"),
    ];
    for group in groups.into_iter().flatten().filter_map(Value::as_table) {
        group.values().for_each(|list| add_list(list, all));
    }
    if let Some(list) = at(pyproject, &["tool", "uv", "dev-dependencies"]) {
        add_list(list, all);
    }
    let Some(poetry) = at(pyproject, &["tool", "poetry"]).and_then(Value::as_table) else {
        return found;
    };
    let groups = poetry
        .get("group")
        .and_then(Value::as_table)
        .into_iter()
        .flat_map(Table::values);
    let tables = [poetry.get("dependencies"), poetry.get("dev-dependencies")]
        .into_iter()
        .chain(groups.map(|group| group.get("dependencies")));
    for (name, value) in tables.flatten().filter_map(Value::as_table).flatten() {
        found = true;
        if name != "python" {
            let range = value.as_str().or_else(|| value.get("version")?.as_str());
            add(name, range.and_then(lowest_version), all);
        }
    }
    found
}

type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// The sections of an INI file; the lines of a value are joined by newlines.
fn sections(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut section = String::new();
    let mut key = String::new();
    for line in text.lines() {
        let content = line.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim().to_owned();
            key.clear();
        } else if line.starts_with([' ', '\t']) && !key.is_empty() {
            let value = sections
                .entry(section.clone())
                .or_default()
                .entry(key.clone())
                .or_default();
            value.push('\n');
            value.push_str(content);
        } else if let Some((name, value)) = content.split_once(['=', ':']) {
            key = name.trim().to_ascii_lowercase().replace('-', "_");
            sections
                .entry(section.clone())
                .or_default()
                .insert(key.clone(), value.trim().to_owned());
        }
    }
    sections
}

/// Adds all dependencies of a `setup.cfg`; whether it has any list of them.
fn ranges_of_setup(sections: &Sections, all: &mut Versions) -> bool {
    let install = sections
        .get("options")
        .and_then(|options| options.get("install_requires"));
    let extras = sections
        .get("options.extras_require")
        .into_iter()
        .flat_map(BTreeMap::values);
    let mut found = false;
    for line in install.into_iter().chain(extras).flat_map(|list| list.lines()) {
        found = true;
        add_requirement(line.trim(), all);
    }
    found
}

/// Adds the requirements of a file, and of those that it includes.
fn requirements(
    path: &Path,
    pins: &mut Versions,
    ranges: &mut Versions,
    seen: &mut BTreeSet<std::path::PathBuf>,
    depth: usize,
) {
    if depth == 0 || !seen.insert(path.to_owned()) {
        return;
    }
    let Ok(bytes) = fs::read(path) else { return };
    // Windows' shells write UTF-16, which pip reads by its mark.
    let text = match encoding_rs::Encoding::for_bom(&bytes) {
        Some((encoding, _)) => encoding.decode(&bytes).0,
        None => String::from_utf8_lossy(&bytes),
    };
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").lines() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        let included = ["-r", "--requirement", "-c", "--constraint"]
            .iter()
            .find_map(|flag| line.strip_prefix(flag));
        if let Some(other) = included {
            let other = other.trim_start_matches(['=', ' ']).trim();
            requirements(&path.with_file_name(other), pins, ranges, seen, depth - 1);
        } else if !line.starts_with(['#', '-']) {
            let requirement = line.split(" --").next().unwrap_or_default();
            let is_pin = requirement.split(';').next().is_some_and(|part| part.contains("=="));
            add_requirement(requirement, if is_pin { pins } else { ranges });
        }
    }
}

/// The versions of the folder's lock file.
fn locked(folder: &Path, names: &Names) -> Option<Versions> {
    let mut versions = Versions::new();
    for name in ["uv.lock", "poetry.lock", "pdm.lock", "pylock.toml"] {
        if let Some(text) = names
            .has(name)
            .then(|| fs::read_to_string(folder.join(name)).ok())
            .flatten()
        {
            packages_of_lock(&text, &mut versions);
            return Some(versions);
        }
    }
    let text = names
        .has("Pipfile.lock")
        .then(|| fs::read_to_string(folder.join("Pipfile.lock")).ok())
        .flatten()?;
    let lock: serde_json::Value = serde_json::from_str(&text).ok()?;
    for (name, package) in ["default", "develop"]
        .iter()
        .filter_map(|group| lock.get(group)?.as_object())
        .flatten()
    {
        add(
            name,
            package
                .get("version")
                .and_then(|version| lowest_version(version.as_str()?)),
            &mut versions,
        );
    }
    Some(versions)
}

/// Adds every `[[package]]`. Lock files are large and written by machines, one key a line: a parser would only be slower.
fn packages_of_lock(text: &str, versions: &mut Versions) {
    let mut in_package = false;
    let mut name: Option<&str> = None;
    for line in text.lines() {
        if line.starts_with('[') {
            if let Some(name) = name.take() {
                add(name, None, versions);
            }
            in_package = matches!(line.trim_end(), "[[package]]" | "[[packages]]");
        } else if in_package {
            let value = |key: &str| line.strip_prefix(key)?.trim_end().strip_suffix('"');
            if let Some(found) = value("name = \"") {
                name = Some(found);
            } else if let (Some(version), Some(found)) = (value("version = \""), name) {
                add(found, Version::from_str(version).ok(), versions);
                name = None;
            }
        }
    }
    if let Some(name) = name {
        add(name, None, versions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> ProjectFiles {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        ProjectFiles::read(folder.path()).unwrap_or_default()
    }

    #[track_caller]
    fn depends(files: &[(&str, &str)], expected: &[(&str, Option<&str>)]) {
        let found: Vec<(String, Option<String>)> = project(files)
            .dependencies()
            .0
            .into_iter()
            .map(|(name, version)| (name, version.map(|version| version.to_string())))
            .collect();
        let found: Vec<(&str, Option<&str>)> = found
            .iter()
            .map(|(name, version)| (name.as_str(), version.as_deref()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_lowest_python_of_a_specifier_counts() {
        let lowest = |text| lowest_python(text).map(|version| version.minor);
        assert_eq!(lowest(">=3.10,<4"), Some(10));
        assert_eq!(lowest(">=3.9.2"), Some(9));
        assert_eq!(lowest(">3.9"), Some(9));
        assert_eq!(lowest("~=3.11"), Some(11));
        assert_eq!(lowest("==3.12.*"), Some(12));
        assert_eq!(lowest(">=2.7, !=3.7.*"), Some(8));
        assert_eq!(lowest("^3.9"), Some(9));
        assert_eq!(lowest("~3.10"), Some(10));
        assert_eq!(lowest("~2.7 || ^3.8"), Some(8));
        assert_eq!(lowest("3.11"), Some(11));
        assert_eq!(lowest("*"), None);
        assert_eq!(lowest("<3"), None);
        assert_eq!(lowest("nonsense"), None);
    }

    #[test]
    fn python_and_line_length_come_from_where_projects_say_them() {
        let python = |files: &[(&str, &str)]| project(files).python.map(|version| version.minor);
        assert_eq!(
            python(&[("pyproject.toml", "[project]\nrequires-python = '>=3.12'")]),
            Some(12)
        );
        assert_eq!(
            python(&[("pyproject.toml", "[tool.poetry.dependencies]\npython = '^3.9'")]),
            Some(9)
        );
        assert_eq!(
            python(&[("setup.cfg", "[options]\npython_requires = >=3.8\n")]),
            Some(8)
        );
        let length = |files: &[(&str, &str)]| project(files).line_length;
        assert_eq!(
            length(&[("pyproject.toml", "[tool.black]\nline-length = 100")]),
            Some(100)
        );
        assert_eq!(
            length(&[(
                "pyproject.toml",
                "[tool.black]\nline-length = 100\n[tool.ruff]\nline-length = 110"
            )]),
            Some(110)
        );
        assert_eq!(
            length(&[
                ("pyproject.toml", "[tool.ruff]\nline-length = 110"),
                (".ruff.toml", "line-length = 120")
            ]),
            Some(120)
        );
    }

    #[test]
    fn dependencies_come_from_declarations() {
        depends(
            &[(
                "pyproject.toml",
                "[project]\ndependencies = ['Foo_Bar[x] >=1.2,<2; python_version > \"3.8\"', 'baz', 'git @ https://x/y']\n\
                 [project.optional-dependencies]\na = ['qux==3.*']\n[dependency-groups]\ndev = ['pytest~=8.1', {include-group = 'b'}]",
            )],
            &[
                ("baz", None),
                ("foo-bar", Some("1.2")),
                ("git", None),
                ("pytest", Some("8.1")),
                ("qux", Some("3")),
            ],
        );
        depends(
            &[(
                "pyproject.toml",
                "[tool.poetry.dependencies]\npython = '^3.9'\nhttpx = '^0.27'\nredis = {version = '>=5', optional = true}\n\
                 [tool.poetry.group.dev.dependencies]\npytest = '*'",
            )],
            &[("httpx", Some("0.27")), ("pytest", None), ("redis", Some("5"))],
        );
        depends(
            &[(
                "setup.cfg",
                "[options]\ninstall_requires =\n    # why\n    aiohttp>=3.8\n    yarl\n[options.extras_require]\nx = attrs>20",
            )],
            &[("aiohttp", Some("3.8")), ("attrs", Some("20")), ("yarl", None)],
        );
    }

    #[test]
    fn pins_go_before_ranges_and_locks_before_pins() {
        let pyproject = ("pyproject.toml", "[project]\ndependencies = ['httpx>=0.20', 'anyio']");
        let pins = (
            "requirements.txt",
            "-r requirements/base.txt\nhttpx[http2]==0.27.0 \\\n  --hash=sha256:aa  # why\n-e .\n# no\nanyio>=4; python_version<'3'\n",
        );
        let base = (
            "requirements/base.txt",
            "-r ../requirements.txt\nredis==5.0.1 --hash=x\n",
        );
        depends(
            &[pyproject, pins, base],
            &[
                ("anyio", Some("4")),
                ("httpx", Some("0.27.0")),
                ("redis", Some("5.0.1")),
            ],
        );
        let lock = (
            "uv.lock",
            "version = 1\n[[package]]\nname = \"httpx\"\nversion = \"0.28.1\"\ndependencies = [\n  { name = \"idna\" },\n]\n\
             [[package]]\nname = \"me\"\nsource = { virtual = \".\" }\n",
        );
        depends(
            &[pyproject, pins, lock],
            &[("anyio", Some("4")), ("httpx", Some("0.28.1")), ("me", None)],
        );
        depends(
            &[(
                "Pipfile.lock",
                r#"{"default": {"Django": {"version": "==4.2"}}, "develop": {"x": {}}}"#,
            )],
            &[("django", Some("4.2")), ("x", None)],
        );
    }

    #[test]
    fn the_line_that_requires_a_distribution_is_known() {
        let declared = |files: &[(&str, &str)]| {
            let dependencies = project(files).dependencies();
            dependencies
                .declaration("httpx")
                .map(|(place, line)| format!("{place} {line}"))
        };
        assert_eq!(
            declared(&[(
                "requirements.txt",
                "httpx-sse==1\n# httpx\nhttpx[http2]==0.28.1  # why\n"
            )])
            .as_deref(),
            Some("requirements.txt:3 httpx[http2]==0.28.1")
        );
        assert_eq!(
            declared(&[(
                "pyproject.toml",
                "[project]\ndependencies = [\n  \"respx\",\n  \"httpx>=0.27; python_version>'3'\",\n]\n"
            )])
            .as_deref(),
            Some("pyproject.toml:4 httpx>=0.27")
        );
        assert_eq!(declared(&[("requirements.txt", "respx\n")]), None);
    }

    #[test]
    fn a_folder_inherits_what_it_does_not_say() {
        let above = project(&[
            (
                "pyproject.toml",
                "[project]\nrequires-python = '>=3.12'\ndependencies = ['a']",
            ),
            ("poetry.lock", "[[package]]\nname = \"b\"\nversion = \"2\"\n"),
        ]);
        let below = project(&[("requirements.txt", "c==1")]).or_inherited(&above);
        assert_eq!(below.python, Some(PythonVersion::PY312));
        assert_eq!(below.dependencies().0.keys().collect::<Vec<_>>(), ["b", "c"]);
    }
}
