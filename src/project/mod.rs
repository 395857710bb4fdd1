//! Facts that span files.
//!
//! map -> reduce -> map. [`summarise`] says of one parsed file what the others may want to know ([`summary`], plain data); [`Project::link`]
//! is a pure function of all summaries: it finds the modules that imports mean ([`modules`]), follows each use to the function that it
//! runs ([`resolve`]), and derives what blocks the event loop ([`chains`]); codemods read the [`ProjectFacts`] of their own file.
//! A file that is given alone is a project of one file, summarised where a codemod asks.
//!
//! Parsing costs fifty times as much as looking, so the map is led by demand. [`scan`] looks at the bytes of every file: which functions it
//! defines, by their indentation, which names each of them calls, and which calls something of the table of blocking calls. [`scan::Reach`]
//! goes from those upwards by name, only between files of which one imports a name of the other, until it meets coroutines; the files on
//! these paths are summarised, and nothing else. A project without a blocking call that a coroutine might reach is not parsed at all.
//! Names can lead too far, which costs time; where they lead too short (an import under another name over several files), a finding is missed,
//! and none is wrong: only what `link` resolves for certain counts.

pub mod chains;
pub mod colouring;
pub mod effects;
pub mod given;
pub mod heirs;
pub mod joint;
pub mod layer;
pub mod meddling;
pub mod mentions;
pub mod modules;
pub mod outside;
pub mod resolve;
pub mod scan;
mod summarise;
pub mod summary;

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::path::PathBuf;
use std::sync::Arc;

use rustc_hash::FxHasher;

pub use self::chains::Blocked;
use self::colouring::{Colouring, World};
use self::joint::Joint;
use self::layer::End;
use self::modules::{ModuleId, Modules};
use self::outside::Outside;
pub use self::summarise::{Extent, summarise, summarise_waiting};
use self::summary::Summary;
use crate::codemod::Context;
use crate::semantic::effects::linked::Elsewhere;
use crate::semantic::sqlalchemy::Known;
use serde::{Deserialize, Serialize};

/// What is known about the other files of the project, for one file.
#[derive(Clone, Debug, Default)]
pub struct ProjectFacts {
    /// What the other files want of it; `None` where they want nothing, or where the file was not linked with others.
    pub outside: Option<Arc<Outside>>,
    /// Where its coroutines run what blocks; `None` where the file was not linked with others.
    pub blocked: Option<Arc<Vec<Blocked>>>,
    /// Whether a file that nobody looked at may use this one.
    pub is_partial: bool,
    /// What turns into coroutine functions, and the text of which that is said; `None` where the file was not linked with others.
    pub colouring: Option<(Arc<Colouring>, TextHash)>,
    /// What becomes of a layer of SQLAlchemy that the file shares with others, and the text of which that is said.
    pub layer: Option<(Arc<LayerFacts>, TextHash)>,
    /// What its calls do that lead to other files.
    pub elsewhere: Option<Arc<Elsewhere>>,
    /// What becomes of objects that it shares with other files.
    pub joint: Option<Arc<Joint>>,
}

/// What the project says to a file of a layer.
#[derive(Clone, Debug, Default)]
pub struct LayerFacts {
    pub colouring: Colouring,
    /// What its imports mean.
    pub known: Known,
    /// Its functions at whose end the engine is closed.
    pub ends: Vec<End>,
}

/// How well the calls of a project are understood.
#[derive(Clone, Debug, Default)]
pub struct Resolution {
    /// All calls.
    pub calls: usize,
    /// Those of members of something of which nothing is known, where a method of the project has the name: `file:line` and what is called, as
    /// written.
    pub unresolved: Vec<(String, String)>,
}

/// Tells one text from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextHash(u64);

impl TextHash {
    pub fn of(text: &[u8]) -> Self {
        let mut hasher = FxHasher::default();
        hasher.write(text);
        Self(hasher.finish())
    }
}

/// The codemods that read facts of the project.
pub const READERS: &[&str] = &["offload_blocking_helper", COLOURING, LAYER];

/// The codemods that make awaits overlap: they ask what functions of other files do.
pub const OVERLAPPING: &[&str] = &["gather_sequential_awaits", "gather_awaits_in_loop"];

/// The codemod that asks which functions of other files are coroutine functions.
pub const FORGOTTEN: &str = "await_forgotten_coroutine";

/// The codemods that change an object and its uses in all files that share it.
pub const SHARING: &[&str] = &["rename_sync_dunders", "replace_threading_primitive"];

/// The one of the readers that changes several files at once.
pub const COLOURING: &str = "color_call_graph";

/// The one that changes a layer of SQLAlchemy in several files at once, and finds other things by itself.
pub const LAYER: &str = "replace_create_engine";

/// The summaries of files that are linked together.
pub struct Project {
    /// Sorted by path; a file that was not summarised, or could not be, has none.
    pub files: Vec<(PathBuf, Option<Summary>)>,
    modules: Modules,
}

impl Project {
    /// Files without summaries.
    pub fn new(paths: impl Iterator<Item = PathBuf>) -> Self {
        let files: Vec<(PathBuf, Option<Summary>)> = paths.map(|path| (path, None)).collect();
        Self {
            modules: Modules::new(files.iter().map(|(path, _)| path.as_path())),
            files,
        }
    }

    /// Of one file.
    pub fn alone(summary: Summary) -> Self {
        let mut project = Self::new(std::iter::once(PathBuf::new()));
        project.files[0].1 = Some(summary);
        project
    }

    /// Where coroutines run what blocks, for each file.
    pub fn link(&self) -> Vec<Vec<Blocked>> {
        chains::Chains::of(&resolve::Linker::new(self)).blocked()
    }

    /// What turns into coroutine functions, for each file.
    pub fn colour(&self, world: &World) -> Vec<Colouring> {
        colouring::colouring(&resolve::Linker::new(self), world)
    }

    /// How many calls of methods cannot be followed, of files that were summarised for the colouring.
    pub fn resolution(&self) -> Resolution {
        colouring::resolution(&resolve::Linker::new(self))
    }

    /// Where a line is, for a message.
    pub fn place(&self, file: usize, line: usize) -> String {
        let path = &self.files[file].0;
        if path.as_os_str().is_empty() {
            format!("line {line}")
        } else {
            format!("{}:{line}", path.display())
        }
    }

    /// The files without a summary that may hold fixtures for the tests of those with one.
    pub fn unread_fixtures(&self) -> Vec<usize> {
        let has_tests = |summary: &Summary| {
            let usage = summary.usage.as_ref();
            usage.is_some_and(|usage| usage.asks_fixtures())
        };
        let mut unread = BTreeSet::new();
        for (file, (_, summary)) in self.files.iter().enumerate() {
            if summary.as_ref().is_some_and(has_tests) {
                let conftests = self.modules.conftests(file);
                unread.extend(conftests.filter(|file| self.files[*file].1.is_none()));
            }
        }
        unread.into_iter().collect()
    }

    /// The files without a summary of which those with one import something under a name that counts.
    pub fn unread(&self, counts: impl Fn(&str) -> bool) -> Vec<usize> {
        let mut unread = BTreeSet::new();
        for (importer, summary) in self.files.iter().enumerate() {
            for path in summary.1.iter().flat_map(Summary::imported) {
                let is_star = || {
                    summary
                        .1
                        .iter()
                        .any(|summary| summary.stars.iter().any(|star| star == path))
                };
                if (path.rsplit('.').next().is_some_and(&counts) || is_star())
                    && let Some((ModuleId::File(file), _)) = self.modules.find(importer, path)
                {
                    let packages = self.modules.packages_on_the_way(importer, path);
                    unread.extend(
                        packages
                            .into_iter()
                            .chain([file])
                            .filter(|file| self.files[*file].1.is_none()),
                    );
                }
            }
        }
        unread.into_iter().collect()
    }
}

impl ProjectFacts {
    /// Of a file about which the project has nothing to say.
    pub fn unconcerned() -> Self {
        Self {
            blocked: Some(Arc::default()),
            colouring: Some(Default::default()),
            ..Self::default()
        }
    }

    /// Whether the codemods that read these facts have something to look for in a file, whatever its text says.
    pub fn concern(&self, codemod: &str) -> Option<bool> {
        if codemod == COLOURING {
            let (colouring, _) = self.colouring.as_ref()?;
            return Some(!colouring.coloured.is_empty() || !colouring.stopped.is_empty());
        }
        if codemod == LAYER {
            let (layer, _) = self.layer.as_ref()?;
            return Some(true).filter(|_| !layer.colouring.coloured.is_empty());
        }
        if codemod == FORGOTTEN {
            let elsewhere = self.elsewhere.as_ref()?;
            return (!elsewhere.coroutines.is_empty()).then_some(true);
        }
        if SHARING.contains(&codemod) {
            return self.joint.as_ref().map(|_| true);
        }
        if OVERLAPPING.contains(&codemod) {
            let is_known = self.elsewhere.as_ref().is_some_and(|elsewhere| elsewhere.may_overlap());
            return is_known.then_some(true);
        }
        let blocked = self.blocked.as_ref()?;
        READERS.contains(&codemod).then_some(!blocked.is_empty())
    }
}

impl Context<'_> {
    /// Where the file's coroutines run what blocks. A file that was not linked with others is a project of its own.
    pub fn blocked(&self) -> Arc<Vec<Blocked>> {
        self.project
            .blocked
            .clone()
            .unwrap_or_else(|| Arc::new(self.alone(Extent::Chains).link().pop().unwrap_or_default()))
    }

    /// Which functions of the file turn into coroutine functions. A file that was not linked with others is a project of its own.
    pub fn colouring(&self) -> Arc<Colouring> {
        match &self.project.colouring {
            Some((colouring, text)) if *text == TextHash::of(self.module.text().as_bytes()) => colouring.clone(),
            // It was said of another text.
            Some(_) => Arc::default(),
            None => {
                let project = self.alone(Extent::Usage);
                Arc::new(project.colour(&self.world()).pop().unwrap_or_default())
            }
        }
    }

    /// A project of this file and no other.
    fn alone(&self, extent: Extent) -> Project {
        Project::alone(summarise(self, extent))
    }

    /// What such a project is coloured by.
    pub fn world(&self) -> World {
        World {
            is_partial: self.project.is_partial,
            ..World::of(self.settings)
        }
    }
}
