//! What holds for a folder: the closest configuration file, then `--config`, then flags; and what the project's own files say.
//!
//! Everything is kept per folder, so that a run asks the file system once for each.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustc_hash::FxHashMap;

use crate::codemod::{Codemod, Selection};
use crate::edit::Applicability;
use crate::rewrite::Policy;
use crate::settings::Settings;

use super::args::{ConfigurationArguments, FileArguments, SelectionArguments};
use super::cache::Key;
use super::config::{self, Config, ConfigError};
use super::globs::Globs;
use super::project_files::ProjectFiles;

/// What was decided for the folders that share a configuration.
pub struct Profile {
    /// Says all that was decided.
    pub key: Key,
    pub selection: Selection,
    pub policy: Policy,
    exclude: Vec<Globs>,
    include: Vec<Globs>,
    config: Config,
}

impl Profile {
    /// Whether the configuration may make codemods rewrite what they decline otherwise.
    pub fn changes_what_is_found(&self) -> bool {
        !self.config.receivers.is_empty() || !self.config.options.is_empty()
    }
}

impl Profile {
    /// Whether the configuration leaves out this file or folder, given as an absolute path.
    pub fn excludes(&self, path: &Path) -> bool {
        self.exclude.iter().any(|globs| globs.matches(path))
    }

    /// Whether the configuration takes this file, given as an absolute path.
    pub fn includes(&self, path: &Path) -> bool {
        self.include.iter().all(|globs| globs.matches(path))
    }
}

type ByFolder<T> = FxHashMap<PathBuf, Arc<T>>;

/// Settings, and the key that says all of them.
type Held = (Arc<Settings>, Key);

/// Answers what holds for a folder. Shared by all threads.
pub struct Resolver {
    codemods: &'static [Codemod],
    /// The working folder, absolute.
    pub folder: PathBuf,
    /// What flags say; it overrides everything.
    flags: Config,
    /// Globs of `--exclude`, besides those of the configuration.
    exclude: Vec<String>,
    /// Set when no configuration file is looked for.
    only: Option<Arc<Profile>>,
    /// Where no configuration file is found.
    fallback: Arc<Profile>,
    profiles: RwLock<ByFolder<Profile>>,
    projects: RwLock<ByFolder<ProjectFiles>>,
    /// By profile, project, and whether the file is the interface of a package.
    settings: Mutex<FxHashMap<(usize, usize, bool), Held>>,
}

impl Resolver {
    /// `folder` is the absolute working folder.
    pub fn new(
        codemods: &'static [Codemod],
        folder: PathBuf,
        selection: &SelectionArguments,
        files: &FileArguments,
        configuration: &ConfigurationArguments,
    ) -> Result<Self, ConfigError> {
        let mut file = None;
        let mut flags = Config::default();
        for text in &configuration.config {
            // A path with `=` in its name is rarer than a key without spaces around it.
            if text.contains('=') {
                flags.override_with(Config::of_flag(text, &folder, codemods)?);
            } else {
                file = Some(config_of_file(&folder.join(text), codemods)?);
            }
        }
        flags.override_with(of_flags(selection, files, codemods)?);
        flags.folder = folder.clone();
        let exclude = files.exclude.clone();
        let alone = configuration.isolated || file.is_some();
        let base = file.unwrap_or_else(|| Config {
            folder: folder.clone(),
            ..Config::default()
        });
        let fallback = Arc::new(profile(base, &flags, &exclude, codemods)?);
        Ok(Self {
            codemods,
            folder,
            flags,
            exclude,
            only: alone.then(|| Arc::clone(&fallback)),
            fallback,
            profiles: RwLock::default(),
            projects: RwLock::default(),
            settings: Mutex::default(),
        })
    }

    /// What holds for the files of an absolute folder.
    pub fn profile(&self, folder: &Path) -> Result<Arc<Profile>, ConfigError> {
        if let Some(only) = &self.only {
            return Ok(Arc::clone(only));
        }
        if let Some(known) = self.profiles.read().unwrap_or_else(PoisonError::into_inner).get(folder) {
            return Ok(Arc::clone(known));
        }
        let profile = match (config_of_folder(folder, self.codemods)?, folder.parent()) {
            (Some(config), _) => Arc::new(profile(config, &self.flags, &self.exclude, self.codemods)?),
            (None, Some(above)) => self.profile(above)?,
            (None, None) => Arc::clone(&self.fallback),
        };
        let mut profiles = self.profiles.write().unwrap_or_else(PoisonError::into_inner);
        // Two threads may have looked at once; folders with one configuration must share one profile.
        Ok(Arc::clone(profiles.entry(folder.to_owned()).or_insert(profile)))
    }

    /// What codemods may ask about a file, given by its absolute path.
    pub fn settings(&self, path: &Path, profile: &Arc<Profile>) -> Held {
        let project = self.project(path.parent().unwrap_or(path));
        let is_interface = path.file_stem().is_some_and(|stem| stem == "__init__");
        let key = (Arc::as_ptr(profile).addr(), Arc::as_ptr(&project).addr(), is_interface);
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = settings.entry(key).or_insert_with(|| {
            let settings = Settings {
                keep_unused_imports: is_interface,
                ..settings_of(&profile.config, &project)
            };
            let key = Key::of("settings", &[format!("{settings:?}").as_bytes()]);
            (Arc::new(settings), key)
        });
        settings.clone()
    }

    fn project(&self, folder: &Path) -> Arc<ProjectFiles> {
        if let Some(known) = self.projects.read().unwrap_or_else(PoisonError::into_inner).get(folder) {
            return Arc::clone(known);
        }
        let above = match folder.parent() {
            Some(above) if !ProjectFiles::is_root(folder) => self.project(above),
            _ => Arc::default(),
        };
        let project = match ProjectFiles::read(folder) {
            Some(own) => Arc::new(own.or_inherited(&above)),
            None => above,
        };
        let mut projects = self.projects.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(projects.entry(folder.to_owned()).or_insert(project))
    }
}

/// The configuration that flags spell.
fn of_flags(
    selection: &SelectionArguments,
    files: &FileArguments,
    codemods: &[Codemod],
) -> Result<Config, ConfigError> {
    fn given<T: Clone>(list: &[T]) -> Option<Vec<T>> {
        (!list.is_empty()).then(|| list.to_vec())
    }
    for (flag, names) in [("--select", &selection.select), ("--ignore", &selection.ignore)] {
        config::check_names(names, codemods).map_err(|problem| ConfigError::new(flag, problem))?;
    }
    let target = selection
        .target_version
        .as_deref()
        .map(config::target_version)
        .transpose();
    Ok(Config {
        select: given(&selection.select),
        ignore: given(&selection.ignore),
        unsafe_fixes: (selection.unsafe_fixes || selection.no_unsafe_fixes).then_some(selection.unsafe_fixes),
        target: target.map_err(|problem| ConfigError::new("--target-version", problem))?,
        include: given(&files.include),
        preset: files.preset,
        ..Config::default()
    })
}

/// The configuration in one folder, if it has any.
fn config_of_folder(folder: &Path, codemods: &[Codemod]) -> Result<Option<Config>, ConfigError> {
    let own = folder.join("asyncup.toml");
    if let Some(text) = text_of(&own)? {
        return Config::of_file(&own, &text, codemods).map(Some);
    }
    let project = folder.join("pyproject.toml");
    match text_of(&project)? {
        Some(text) => Config::of_pyproject(&project, &text, codemods),
        None => Ok(None),
    }
}

/// The file of `--config`.
fn config_of_file(path: &Path, codemods: &[Codemod]) -> Result<Config, ConfigError> {
    let missing = || ConfigError::new("--config", format!("no such file: {}", path.display()));
    let text = text_of(path)?.ok_or_else(missing)?;
    if path.file_name().is_some_and(|name| name == "pyproject.toml") {
        let nothing = || ConfigError::new(path.display(), "has no `[tool.asyncup]`");
        return Config::of_pyproject(path, &text, codemods)?.ok_or_else(nothing);
    }
    Config::of_file(path, &text, codemods)
}

fn text_of(path: &Path) -> Result<Option<String>, ConfigError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        // A folder of that name, or one that we may not look into, holds no configuration for us.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::IsADirectory | io::ErrorKind::PermissionDenied
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(ConfigError::new(path.display(), format!("cannot be read: {error}"))),
    }
}

fn profile(
    mut config: Config,
    flags: &Config,
    exclude: &[String],
    codemods: &'static [Codemod],
) -> Result<Profile, ConfigError> {
    let globs = |folder: &Path, list: &[String]| {
        Globs::new(folder, list).map_err(|error| ConfigError::new("globs", error.to_string()))
    };
    let excluded = flags.exclude.as_ref().or(config.exclude.as_ref());
    let exclude = vec![
        globs(&config.folder, excluded.map_or(&[], Vec::as_slice))?,
        globs(&flags.folder, exclude)?,
    ];
    let mut include = Vec::new();
    if let Some(list) = &flags.include {
        include.push(globs(&flags.folder, list)?);
    } else if let Some(list) = &config.include {
        include.push(globs(&config.folder, list)?);
    }
    if let Some(preset) = flags.preset.or(config.preset) {
        let list: Vec<String> = preset.include().iter().map(|&glob| glob.to_owned()).collect();
        include.push(globs(&config.folder, &list)?);
    }
    if flags.select.is_some() {
        // Who names a codemod on the command line means it, whatever the configuration leaves out.
        config.ignore = None;
    }
    let mut ignored = config.ignore.clone().unwrap_or_default();
    ignored.extend(flags.ignore.iter().flatten().cloned());
    config.override_with(flags.clone());
    let named =
        |names: &[String], codemod: &Codemod| names.iter().any(|name| name == config::ALL || name == codemod.name);
    let selected = |codemod: &&Codemod| match &config.select {
        Some(names) => named(names, codemod),
        None => codemod.page.is_default,
    };
    let chosen: Vec<&Codemod> = codemods
        .iter()
        .filter(selected)
        .filter(|codemod| !named(&ignored, codemod))
        .collect();
    let names: Vec<&str> = chosen.iter().map(|codemod| codemod.name).collect();
    let key = Key::of("profile", &[format!("{names:?} {config:?}").as_bytes()]);
    let level = match config.unsafe_fixes {
        Some(true) => Applicability::Unsafe,
        _ => Applicability::Safe,
    };
    Ok(Profile {
        key,
        selection: Selection::new(chosen).knowing(codemods).declaring(&config.blocking),
        policy: Policy { level },
        exclude,
        include,
        config,
    })
}

fn settings_of(config: &Config, project: &ProjectFiles) -> Settings {
    let default = Settings::default();
    Settings {
        target: config.target.or(project.python).unwrap_or(default.target),
        target_is_assumed: config.target.or(project.python).is_none(),
        line_length: config
            .line_length
            .or(project.line_length)
            .unwrap_or(default.line_length),
        line_length_is_assumed: config.line_length.or(project.line_length).is_none(),
        options: config.options.clone(),
        receivers: config.receivers.clone(),
        blocking: config.blocking.clone(),
        dependencies: project.dependencies(),
        entry_points: project.entry_points.clone(),
        ..default
    }
}
