//! The look at all files before the first is judged: which of them concern any codemod at all, and what the project says of each.
//!
//! Every file is read once for this; only those that turn out to matter are read again. See [`crate::project`] for what is looked for.

mod colouring;
mod effects;
mod forgotten;
mod heirs;
mod joint;
mod layer;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::ControlFlow;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codemod::{Codemod, Context};
use crate::module::Module;
use crate::project;
use crate::project::chains::Chains;
use crate::project::colouring::World;
use crate::project::mentions::Mentions;
use crate::project::resolve::Linker;
use crate::project::scan::{self, Scan};
use crate::project::{
    Blocked, COLOURING, Extent, FORGOTTEN, LAYER, OVERLAPPING, Project, ProjectFacts, READERS, SHARING, outside,
    summarise,
};
use crate::semantic::SemanticModel;
use crate::settings::Settings;
use crate::source::SourceKind;

use super::discover::InputFile;
use super::process::{Buffer, Processor, Seen};
use super::read::{Content, SourceFile, kind_of};
use super::{Error, interrupt, outsiders, pipeline};

/// Rounds in which files are summarised that those of the round before import.
const MAX_ROUNDS: usize = 6;

/// So many files are worth parsing for one question in any project, and one more for each so many files.
const AFFORDABLE: usize = 100;
const AFFORDABLE_SHARE: usize = 200;

/// What the look found.
pub struct Survey {
    files: Vec<Surveyed>,
    /// What was not looked for, and why.
    pub left_out: Option<String>,
}

struct Surveyed {
    /// `None` where only who judges the file can tell.
    seen: Option<Seen>,
    facts: ProjectFacts,
}

/// What the first look at one file says.
#[derive(Serialize, Deserialize)]
struct Look {
    seen: Option<Seen>,
    scan: Option<Scan>,
    mentions: Option<Mentions>,
    /// Whether it may make a synchronous engine of SQLAlchemy.
    makes_engine: bool,
    /// The names of what it may have that changes in all files that use it.
    shared: Vec<String>,
}

impl Survey {
    /// Looks at the files. `None` where there is only one.
    pub fn of(processor: &Processor, files: &[InputFile], threads: usize) -> Result<Option<Self>, Error> {
        if files.len() < 2 {
            return Ok(None);
        }
        let looks = each(files.len(), threads, |buffer, index| {
            look(processor, &files[index], buffer)
        })?;
        let makes_engine = |look: &Option<Look>| look.as_ref().is_some_and(|look| look.makes_engine);
        let engines: Vec<usize> = (0..files.len()).filter(|file| makes_engine(&looks[*file])).collect();
        let (mut seen, mut scans, mut mentions, mut shared) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for look in looks {
            let parts = look.map(|look| (look.seen, look.scan, look.mentions, look.shared));
            let (of_codemods, scan, of_others, names) = parts.unwrap_or_default();
            shared.push(names);
            seen.push(of_codemods);
            scans.push(scan);
            mentions.push(of_others);
        }
        let paths: Vec<&Path> = files.iter().map(|file| file.path.as_path()).collect();
        let users = scan::Users::of(&scans);
        let reach = if files.iter().any(reads_facts) {
            scan::Reach::of(&users)
        } else {
            scan::Reach::of(&scan::Users::of(&[]))
        };
        let turning = if files.iter().any(|file| selects(file, COLOURING)) {
            scan::Turning::of(&users)
        } else {
            scan::Turning::default()
        };
        let mut wanted = outside::link(&paths, &mentions, &users, &turning);
        let mut looker = Looker {
            processor,
            files,
            threads,
            clock: outside::StoppedClock::of(&paths, &mentions),
            wanted: &[],
        };
        outside::tell_of_heirs(&mut wanted, heirs::heirs(&looker, &seen, &mentions)?);
        drop(mentions);
        let hopeful = match files.iter().find(|file| selects_any(file, OVERLAPPING)) {
            Some(file) => {
                let (settings, _) = processor.settings(file);
                let declared = settings.receivers.iter().flat_map(|receiver| &receiver.reads);
                let declared: Vec<&str> = declared.map(String::as_str).collect();
                scan::awaiting_what_is_known(&users, &declared)
            }
            None => Vec::new(),
        };
        let forgotten = if files.iter().any(|file| selects(file, FORGOTTEN)) {
            scan::forgotten(&users)
        } else {
            scan::Forgotten::default()
        };
        let relying = looker.relying(&scan::awaiting_what_never_waits(&users, &turning))?;
        outside::tell_of_awaits(&mut wanted, &relying, &users, &turning);
        let turning = turning.files();
        drop(users);
        drop(scans);
        looker.wanted = &wanted;
        let linked = looker.blocked(&reach)?;
        let (colourings, left_out) = match colouring::colour(&looker, turning)? {
            Ok(colourings) => (colourings, None),
            Err(reason) => (
                colouring::nothing(&looker),
                Some(format!("{COLOURING} looked for nothing: {reason}")),
            ),
        };
        let layers = layer::layers(&looker, engines)?;
        let colourings = layer::before(&looker, &layers, colourings);
        let overlapping = effects::candidates(&looker, &seen, &hopeful)?;
        let mut told = effects::tell(&looker, &overlapping)?;
        for (file, coroutines) in forgotten::coroutines(&looker, &forgotten)? {
            told.entry(file).or_default().coroutines = coroutines;
        }
        let surveyed = seen
            .into_iter()
            .zip(linked)
            .zip(colourings)
            .zip(layers)
            .zip(wanted.iter().cloned());
        let surveyed = surveyed.map(|((((seen, blocked), colouring), layer), outside)| Surveyed {
            seen,
            facts: ProjectFacts {
                outside,
                blocked: Some(Arc::new(blocked)),
                colouring: Some(colouring),
                layer: Some(layer),
                ..ProjectFacts::default()
            },
        });
        let mut surveyed: Vec<Surveyed> = surveyed.collect();
        for (file, joint) in joint::shared(&looker, &surveyed, &shared)? {
            surveyed[file].facts.joint = Some(Arc::new(joint));
        }
        for (file, told) in told {
            surveyed[file].facts.elsewhere = Some(Arc::new(told));
        }
        Ok(Some(Self {
            files: surveyed,
            left_out,
        }))
    }

    pub fn facts(&self, index: usize) -> &ProjectFacts {
        &self.files[index].facts
    }

    /// What the look at a file found, for whoever judges it.
    pub fn seen(&self, index: usize) -> Option<&Seen> {
        self.files[index].seen.as_ref()
    }

    /// Whether a file is worth being judged.
    pub fn is_concerned(&self, index: usize) -> bool {
        let surveyed = &self.files[index];
        surveyed.seen.as_ref().is_none_or(Seen::is_concerned)
            || READERS
                .iter()
                .chain(OVERLAPPING)
                .chain(SHARING)
                .chain(&[FORGOTTEN])
                .any(|codemod| surveyed.facts.concern(codemod) == Some(true))
    }
}

fn reads_facts(file: &InputFile) -> bool {
    [READERS, OVERLAPPING, &[FORGOTTEN]]
        .iter()
        .any(|names| selects_any(file, names))
}

fn selects_any(file: &InputFile, names: &[&str]) -> bool {
    names.iter().any(|name| selects(file, name))
}

fn selects(file: &InputFile, name: &str) -> bool {
    let selected: &[&'static Codemod] = file.profile.selection.codemods();
    selected.iter().any(|codemod| codemod.name == name)
}

/// `work` for every index, by all threads.
fn each<R: Send>(
    count: usize,
    threads: usize,
    work: impl Fn(&mut Buffer, usize) -> Option<R> + Sync,
) -> Result<Vec<Option<R>>, Error> {
    let mut results: Vec<Option<R>> = (0..count).map(|_| None).collect();
    pipeline::run(
        count,
        threads,
        Buffer::default,
        |buffer, index| {
            if interrupt::is_wanted() {
                return None;
            }
            Some((index, work(buffer, index)))
        },
        |_, result| {
            if let Some((index, result)) = result {
                results[index] = result;
            }
            ControlFlow::Continue(())
        },
    )
    .map_err(Error::Threads)?;
    Ok(results)
}

/// `None` for a file that cannot be read: whoever reads it again will say so.
fn look(processor: &Processor, file: &InputFile, buffer: &mut Buffer) -> Option<Look> {
    if file.profile.selection.codemods().is_empty() {
        return Some(Look {
            seen: Some(Seen::default()),
            scan: None,
            mentions: None,
            makes_engine: false,
            shared: Vec::new(),
        });
    }
    let opened = File::open(processor.resolver.folder.join(&file.path)).ok()?;
    let bytes = buffer.read(opened).ok()?;
    let is_module = kind_of(&file.path) == SourceKind::Module;
    let name = file.path.to_string_lossy();
    let look = || {
        let seen = processor.seen(file, bytes);
        let scan = is_module.then(|| Scan::of(&name, bytes));
        let may_turn = || reads_facts(file) && scan.as_ref().is_some_and(Scan::may_turn_itself);
        let is_concerned = seen.as_ref().is_some_and(Seen::is_concerned) || may_turn();
        let shared = if is_module && selects_any(file, SHARING) {
            project::joint::names_in(bytes)
        } else {
            Vec::new()
        };
        Look {
            seen,
            scan,
            mentions: is_module.then(|| Mentions::of(&name, bytes, is_concerned, &shared)),
            makes_engine: selects(file, LAYER) && project::layer::may_make_engine(bytes),
            shared,
        }
    };
    Some(match processor.cache {
        Some(cache) => cache.or_found(processor.key("look", file, &[bytes]), look),
        None => look(),
    })
}

/// Reads and parses files of the run.
struct Looker<'r> {
    processor: &'r Processor<'r>,
    files: &'r [InputFile],
    threads: usize,
    /// Where tests of the run stop the clock.
    clock: outside::StoppedClock,
    /// What the files want of each other.
    wanted: &'r [Option<Arc<outside::Outside>>],
}

impl Looker<'_> {
    /// What the run is coloured by.
    fn world(&self, settings: &Settings) -> World {
        World {
            clock: self.clock.clone(),
            ..World::of(settings)
        }
    }

    /// Where files await functions of others and rely on it that these do not wait: by the file and the name of such a function, where and why.
    fn relying(&self, awaiting: &[(usize, usize, scan::Name)]) -> Result<Vec<outside::ReliedOn>, Error> {
        let mut users: Vec<usize> = awaiting.iter().map(|(user, ..)| *user).collect();
        users.dedup();
        if users.len() > self.affordable() {
            return Ok(Vec::new());
        }
        let mut names: BTreeMap<usize, BTreeSet<scan::Name>> = BTreeMap::new();
        for (user, _, name) in awaiting {
            names.entry(*user).or_default().insert(*name);
        }
        let asked = |user: usize| format!("{:?}", names[&user]);
        let relying = self.parsed_as_told("relying", &users, asked, |user, context| {
            context.relying_on_no_wait(|name| names[&user].contains(&scan::hash(name.as_bytes())))
        })?;
        let mut found = Vec::new();
        for (user, why) in users.iter().zip(relying) {
            for (name, why) in why.into_iter().flatten() {
                let name = scan::hash(name.as_bytes());
                let of_user = awaiting
                    .iter()
                    .filter(|(other, _, awaited)| other == user && *awaited == name);
                let place = self.files[*user].path.display();
                found.extend(of_user.map(|(_, file, _)| ((*file, name), format!("{place}:{why}"))));
            }
        }
        Ok(found)
    }

    /// Where coroutines run what blocks, for each file: the files that matter for that are summarised.
    fn blocked(&self, reach: &scan::Reach) -> Result<Vec<Vec<Blocked>>, Error> {
        let mut project = Project::new(self.files.iter().map(|file| file.path.clone()));
        let mut wanted: Vec<usize> = reach.files().collect();
        let mut asked = vec![false; self.files.len()];
        for _ in 0..MAX_ROUNDS {
            for &file in &wanted {
                asked[file] = true;
            }
            self.summarise(&mut project, &wanted, "summary", Extent::Chains)?;
            wanted = project.unread(|name| reach.is_name(name));
            wanted.retain(|&file| !asked[file]);
            if wanted.is_empty() {
                let linker = Linker::new(&project);
                let chains = Chains::of(&linker);
                wanted.extend(chains.unread().into_iter().filter(|&file| !asked[file]));
                if wanted.is_empty() {
                    return Ok(chains.blocked());
                }
            }
        }
        Ok(project.link())
    }

    /// Puts the summaries of these files into a project. `kind`: what they are kept as.
    fn summarise(&self, project: &mut Project, files: &[usize], kind: &str, extent: Extent) -> Result<(), Error> {
        let summaries = self.parsed(kind, files, |context| summarise(context, extent))?;
        for (&file, summary) in files.iter().zip(summaries) {
            project.files[file].1 = summary;
        }
        Ok(())
    }

    /// Whether files that do not belong to the run may use one of these.
    fn have_outsiders(&self, files: impl Iterator<Item = usize>) -> bool {
        let paths = files.map(|file| self.files[file].path.as_path());
        outsiders::are_there(&self.processor.resolver.folder, paths, &outsiders::run_of(self.files))
    }

    /// The files that were not parsed and of whose text this holds.
    fn unparsed(&self, parsed: &BTreeSet<usize>, holds: impl Fn(&[u8]) -> bool + Sync) -> Result<Vec<usize>, Error> {
        let left = (0..self.files.len()).filter(|file| !parsed.contains(file)).collect();
        let found = self.read(left, |text| holds(text).then_some(()))?;
        Ok(found.into_iter().map(|(file, ())| file).collect())
    }

    /// What is found in the text of some of these files.
    fn read<R: Send>(
        &self,
        left: Vec<usize>,
        find: impl Fn(&[u8]) -> Option<R> + Sync,
    ) -> Result<Vec<(usize, R)>, Error> {
        let found = each(left.len(), self.threads, |buffer, index| {
            let path = self.processor.resolver.folder.join(&self.files[left[index]].path);
            find(buffer.read(File::open(path).ok()?).ok()?)
        })?;
        let found = left.into_iter().zip(found);
        Ok(found.filter_map(|(file, found)| Some((file, found?))).collect())
    }

    /// So many files are worth parsing for one question. Where more would have to be, nothing is told.
    fn affordable(&self) -> usize {
        AFFORDABLE + self.files.len() / AFFORDABLE_SHARE
    }

    /// What is said of each of these files, parsed. `None` where that failed: what goes wrong here goes wrong again, and is reported, if the
    /// file is rewritten.
    fn parsed<R: Send + Serialize + DeserializeOwned>(
        &self,
        kind: &str,
        wanted: &[usize],
        work: impl Fn(&Context) -> R + Sync,
    ) -> Result<Vec<Option<R>>, Error> {
        self.parsed_as_told(kind, wanted, |_| String::new(), |_, context| work(context))
    }

    /// The same where it follows from what the project says to each file, which `told` writes down.
    fn parsed_as_told<R: Send + Serialize + DeserializeOwned>(
        &self,
        kind: &str,
        wanted: &[usize],
        told: impl Fn(usize) -> String + Sync,
        work: impl Fn(usize, &Context) -> R + Sync,
    ) -> Result<Vec<Option<R>>, Error> {
        each(wanted.len(), self.threads, |buffer, index| {
            let (index, file) = (wanted[index], &self.files[wanted[index]]);
            let told = told(index);
            self.found(kind, file, &[told.as_bytes()], buffer, |decoded, settings| {
                panic::catch_unwind(AssertUnwindSafe(|| {
                    let module = Module::parse(&decoded.source, settings.target).ok()?;
                    let model = SemanticModel::build(&module);
                    let project = ProjectFacts::default();
                    Some(work(index, &Context::of_file(&module, &model, settings, &project)))
                }))
                .ok()
                .flatten()
            })
        })
    }

    /// What is found out about a file from its text, what holds for it, and these parts; or what an earlier run has found out.
    fn found<R: Serialize + DeserializeOwned>(
        &self,
        kind: &str,
        file: &InputFile,
        parts: &[&[u8]],
        buffer: &mut Buffer,
        find: impl FnOnce(SourceFile, &Settings) -> Option<R>,
    ) -> Option<R> {
        let path = self.processor.resolver.folder.join(&file.path);
        let bytes = buffer.read(File::open(path).ok()?).ok()?;
        let (settings, settings_key) = self.processor.settings(file);
        let find = || match SourceFile::decode(bytes.to_vec(), kind_of(&file.path), self.processor.generated) {
            Ok(Content::Python(decoded)) => find(decoded, &settings),
            _ => None,
        };
        match self.processor.cache {
            Some(cache) => {
                let mut all = vec![settings_key.as_bytes(), bytes];
                all.extend(parts);
                cache.or_found(self.processor.key(kind, file, &all), find)
            }
            None => find(),
        }
    }
}
