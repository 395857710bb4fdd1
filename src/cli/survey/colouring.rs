//! The look at the files that may turn into coroutine functions together: parsed until nothing that uses them is left out, and tried before anything
//! is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::codemod::{Selection, Wanted};
use crate::codemods::ALL;
use crate::edit::{Applicability, Edit};
use crate::finding::Finding;
use crate::project::colouring::{Coloured, Colouring, Options};
use crate::project::{COLOURING, Extent, Project, ProjectFacts, TextHash, summarise};
use crate::rewrite;
use crate::settings::Settings;
use crate::source::Source;

use super::super::Error;
use super::{Looker, each};

/// Rounds in which files are parsed that name what turns after the round before.
const MAX_ROUNDS: usize = 24;

pub(super) type Facts = (Arc<Colouring>, TextHash);

/// What turns, for each file, or why that was not looked for. `turning`: the files that matter by their names.
pub(super) fn colour(looker: &Looker, turning: Vec<usize>) -> Result<Result<Vec<Facts>, String>, Error> {
    if turning.is_empty() {
        return Ok(Ok(nothing(looker)));
    }
    let settings = looker.files.first().map(|file| looker.processor.settings(file).0);
    let options: Options = settings
        .as_ref()
        .map(|settings| settings.options(COLOURING))
        .unwrap_or_default();
    if turning.len() > options.max_files {
        return Ok(Err(format!(
            "{} files lead to calls that wait, more than its `max-files` ({}): raise it, or name a part of the project",
            turning.len(),
            options.max_files
        )));
    }
    let mut project = Project::new(looker.files.iter().map(|file| file.path.clone()));
    let mut hashes = vec![TextHash::default(); looker.files.len()];
    let mut wanted = turning;
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    let mut asked_for: BTreeSet<String> = BTreeSet::new();
    let mut world = settings.map(|settings| looker.world(&settings)).unwrap_or_default();
    for _ in 0..MAX_ROUNDS {
        wanted.retain(|file| seen.insert(*file));
        let summaries = looker.parsed("usage", &wanted, |context| {
            (
                summarise(context, Extent::Usage),
                TextHash::of(context.module.text().as_bytes()),
            )
        })?;
        for (&file, summary) in wanted.iter().zip(summaries) {
            match summary {
                Some((summary, hash)) => {
                    project.files[file].1 = Some(summary);
                    hashes[file] = hash;
                }
                // It cannot be parsed, and may use anything.
                None => world.is_partial = true,
            }
        }
        let mut imported = project.unread(|_| true);
        imported.extend(project.unread_fixtures());
        if seen.len() + imported.len() <= options.max_files {
            wanted = imported;
            wanted.retain(|file| !seen.contains(file));
            if !wanted.is_empty() {
                continue;
            }
        }
        let mut colourings = project.colour(&world);
        let reached: BTreeSet<&str> = colourings
            .iter()
            .flat_map(|found| found.reached.iter().map(String::as_str))
            .collect();
        wanted = project.unread(|name| reached.contains(name));
        wanted.retain(|file| !seen.contains(file));
        if !wanted.is_empty() {
            continue;
        }
        let names: BTreeSet<String> = colourings
            .iter()
            .flat_map(|found| found.names.iter().cloned())
            .collect();
        let new: Vec<String> = names
            .into_iter()
            .filter(|name| asked_for.insert(name.clone()))
            .collect();
        wanted = mentioning(looker, &new, &seen)?;
        if wanted.is_empty() {
            let turned = (0..colourings.len()).filter(|file| !colourings[*file].coloured.is_empty());
            if !world.is_partial && looker.have_outsiders(turned) {
                world.is_partial = true;
                colourings = project.colour(&world);
            }
            let facts = colourings
                .into_iter()
                .zip(hashes)
                .map(|(found, hash)| (Arc::new(found), hash));
            return tried(looker, facts.collect()).map(Ok);
        }
    }
    Ok(Err(format!(
        "after {} files that lead to calls that wait still others turned out to matter: name a part of the project, or the functions that are to \
         stay as they are",
        seen.len()
    )))
}

/// For each file, that nothing turns.
pub(super) fn nothing(looker: &Looker) -> Vec<Facts> {
    vec![Facts::default(); looker.files.len()]
}

/// The files that were not parsed and hold one of these words.
pub(super) fn mentioning(looker: &Looker, names: &[String], seen: &BTreeSet<usize>) -> Result<Vec<usize>, Error> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let finders: Vec<memmem::Finder> = names.iter().map(|name| memmem::Finder::new(name.as_str())).collect();
    looker.unparsed(seen, |text| finders.iter().any(|finder| finder.find(text).is_some()))
}

/// Takes back what cannot be written in one of its files: as a whole, or what is written elsewhere would be wrong.
fn tried(looker: &Looker, mut facts: Vec<Facts>) -> Result<Vec<Facts>, Error> {
    let trials: Vec<Trial> = (0..facts.len())
        .filter(|file| !facts[*file].0.coloured.is_empty())
        .map(|file| Trial {
            file,
            facts: ProjectFacts {
                colouring: Some(facts[file].clone()),
                outside: looker.wanted[file].clone(),
                ..ProjectFacts::unconcerned()
            },
        })
        .collect();
    let tried = trial(looker, COLOURING, &trials)?;
    if !tried.failed.is_empty() || !tried.doubted.is_empty() {
        for (colouring, _) in &mut facts {
            let coloured = &mut Arc::make_mut(colouring).coloured;
            coloured.retain(|coloured| !tried.failed.contains_key(&coloured.component));
            // What is a doubt in one file is one in all, or only some of them would change.
            for coloured in coloured {
                if let (None, Some(doubt)) = (&coloured.doubt, tried.doubted.get(&coloured.component)) {
                    coloured.doubt = Some(doubt.clone());
                }
            }
        }
    }
    Ok(facts)
}

/// What came of a trial, for components.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Tried {
    /// Those that cannot be written in one of their files, and why.
    pub failed: BTreeMap<usize, String>,
    /// Those of which something is not proven that only the file itself shows.
    pub doubted: BTreeMap<usize, String>,
}

/// What is to change in one file, and what the project says to it.
pub(super) struct Trial {
    pub file: usize,
    pub facts: ProjectFacts,
}

impl Trial {
    fn coloured(&self) -> &[Coloured] {
        match (&self.facts.layer, &self.facts.colouring) {
            (Some((layer, _)), _) => &layer.colouring.coloured,
            (None, Some((colouring, _))) => &colouring.coloured,
            (None, None) => &[],
        }
    }
}

/// Tries what is to change in each file.
pub(super) fn trial(looker: &Looker, codemod: &str, trials: &[Trial]) -> Result<Tried, Error> {
    let codemods = ALL.iter().filter(|other| other.name == codemod);
    let selection = Selection::new(codemods.collect());
    let outcomes = each(trials.len(), looker.threads, |buffer, index| {
        let trial = &trials[index];
        let file = &looker.files[trial.file];
        let ProjectFacts {
            colouring,
            layer,
            outside,
            ..
        } = &trial.facts;
        let said = format!("{codemod} {colouring:?} {layer:?} {outside:?}");
        looker.found("tried", file, &[said.as_bytes()], buffer, |decoded, settings| {
            outcome(&decoded.source, settings, &selection, trial)
        })
    })?;
    let mut all = Tried::default();
    for (trial, outcome) in trials.iter().zip(outcomes) {
        let unread = || Tried {
            failed: trial
                .coloured()
                .iter()
                .map(|coloured| (coloured.component, "it cannot be read".to_owned()))
                .collect(),
            ..Tried::default()
        };
        let place = looker.files[trial.file].path.display();
        let outcome = outcome.unwrap_or_else(unread);
        for (component, reason) in outcome.failed {
            all.failed
                .entry(component)
                .or_insert_with(|| format!("{place}: {reason}"));
        }
        for (component, reason) in outcome.doubted {
            all.doubted
                .entry(component)
                .or_insert_with(|| format!("{place}, {reason}"));
        }
    }
    Ok(all)
}

/// What comes of the components in this file.
fn outcome(source: &Source, settings: &Settings, selection: &Selection, trial: &Trial) -> Option<Tried> {
    let look = selection.look(source.text.as_bytes(), Wanted::NothingDeclined, &trial.facts);
    let findings = rewrite::analyse(source, &look, settings, &trial.facts).ok()?;
    let mut tried = Tried::default();
    let mut taken: Vec<Edit> = Vec::new();
    for coloured in trial.coloured() {
        let finding = findings
            .iter()
            .find(|found| found.range == coloured.at && found.message == coloured.message);
        let fix = finding
            .filter(|found| found.applicability() > Applicability::DisplayOnly)
            .and_then(Finding::fix);
        let meets = |edit: &Edit| taken.iter().any(|other| edit != other && touch(edit, other));
        match fix {
            Some(fix) if !fix.edits.iter().any(meets) => {
                taken.extend(fix.edits.iter().cloned());
                if let (None, Some(reason)) = (&coloured.doubt, finding.and_then(Finding::reason)) {
                    tried.doubted.insert(coloured.component, reason.to_owned());
                }
            }
            _ => {
                let reason = finding.and_then(Finding::reason);
                tried.failed.insert(
                    coloured.component,
                    reason.unwrap_or("it is suppressed there").to_owned(),
                );
            }
        }
    }
    Some(tried)
}

/// Whether two edits of one text cannot be made beside each other.
fn touch(one: &Edit, other: &Edit) -> bool {
    use ruff_text_size::Ranged;
    one.start() <= other.end() && other.start() <= one.end()
}
