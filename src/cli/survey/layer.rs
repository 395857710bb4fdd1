//! The look at layers of SQLAlchemy: from each engine to whatever uses it, parsed until nothing is left out, and tried before anything is shown.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::codemods::replace_create_engine;
use crate::edit::Applicability;
use crate::project::colouring::Options;
use crate::project::summary::Summary;
use crate::project::{LAYER, LayerFacts, Project, ProjectFacts, TextHash, layer, mentions};
use crate::semantic::sqlalchemy::Known;

use super::super::Error;
use super::Looker;
use super::colouring::{self, Trial, mentioning, trial};

/// Rounds in which files are parsed that the round before has led to.
const MAX_ROUNDS: usize = 32;

/// Where more files than this make engines, they are examples of something, and no program.
const MAX_ENGINES: usize = 12;

pub type Facts = (Arc<LayerFacts>, TextHash);

/// What becomes of the layers, for each file. `engines`: the files that may make one.
pub fn layers(looker: &Looker, engines: Vec<usize>) -> Result<Vec<Facts>, Error> {
    let mut facts = vec![Facts::default(); looker.files.len()];
    if engines.len() > MAX_ENGINES {
        return Ok(facts);
    }
    let mut done: BTreeSet<usize> = BTreeSet::new();
    for start in engines {
        if done.contains(&start) {
            continue;
        }
        let (mut project, hashes, known) = read(looker, start)?;
        let linked = layer::linked(&project, start);
        done.extend(&linked);
        if linked.len() == 1 {
            continue;
        }
        end_programs(looker, &mut project, &linked)?;
        let found = changes(looker, &project, &known, &hashes, start)?;
        // A layer of one file is seen without the others, where they run nothing of it.
        let is_shared = linked
            .iter()
            .any(|file| *file != start && layer::has_part(&project, *file))
            || found
                .iter()
                .any(|(file, (facts, _))| *file != start || facts.colouring.coloured.is_empty());
        if is_shared {
            for (file, found) in found {
                facts[file] = found;
            }
        }
    }
    Ok(facts)
}

/// What is left to turn for other reasons in this run: where a layer changes, its files change before anything else does.
pub fn before(looker: &Looker, layers: &[Facts], mut colourings: Vec<colouring::Facts>) -> Vec<colouring::Facts> {
    let changes = |file: &usize| {
        looker.files[*file].profile.policy.level == Applicability::Unsafe
            && !layers[*file].0.colouring.coloured.is_empty()
    };
    let components: BTreeSet<usize> = (0..layers.len())
        .filter(changes)
        .flat_map(|file| colourings[file].0.coloured.iter().map(|coloured| coloured.component))
        .collect();
    if !components.is_empty() {
        for (colouring, _) in &mut colourings {
            Arc::make_mut(colouring)
                .coloured
                .retain(|coloured| !components.contains(&coloured.component));
        }
    }
    colourings
}

/// The files of the layer around an engine, and all that may use what becomes a coroutine function.
fn read(looker: &Looker, start: usize) -> Result<(Project, Vec<TextHash>, Vec<Known>), Error> {
    let (settings, _) = looker.processor.settings(&looker.files[start]);
    let options: Options = settings.options(crate::project::COLOURING);
    let mut project = Project::new(looker.files.iter().map(|file| file.path.clone()));
    let mut hashes = vec![TextHash::default(); looker.files.len()];
    let mut known = vec![Known::default(); looker.files.len()];
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    let mut asked_for: BTreeSet<String> = BTreeSet::new();
    let mut wanted = vec![start];
    let world = looker.world(&settings);
    for _ in 0..MAX_ROUNDS {
        seen.extend(&wanted);
        let summaries = looker.parsed_as_told(
            "layer",
            &wanted,
            |index| format!("{:?}", known[index]),
            |index, context| {
                let summary = replace_create_engine::summarise(context, known[index].clone());
                (summary, TextHash::of(context.module.text().as_bytes()))
            },
        )?;
        for (&file, summary) in wanted.iter().zip(summaries) {
            if let Some((summary, hash)) = summary {
                project.files[file].1 = Some(summary);
                hashes[file] = hash;
            }
        }
        wanted = project.unread(|_| true);
        wanted.retain(|file| !seen.contains(file));
        if !wanted.is_empty() && seen.len() + wanted.len() <= options.max_files {
            continue;
        }
        let now = layer::known(&project);
        wanted = (0..now.len())
            .filter(|file| project.files[*file].1.is_some() && now[*file] != known[*file])
            .collect();
        known = now;
        if !wanted.is_empty() {
            continue;
        }
        let mut names = layer::names(&project, &layer::linked(&project, start));
        names.extend(layer::turning(&project, &world, start));
        let new: Vec<String> = names
            .into_iter()
            .filter(|name| asked_for.insert(name.clone()))
            .collect();
        wanted = mentioning(looker, &new, &seen)?;
        if wanted.is_empty() || seen.len() + wanted.len() > options.max_files {
            break;
        }
    }
    Ok((project, hashes, known))
}

/// Takes the files for programs that no other file imports: what they call at their end can run in an event loop.
fn end_programs(looker: &Looker, project: &mut Project, linked: &BTreeSet<usize>) -> Result<(), Error> {
    for &file in linked {
        let path = &looker.files[file].path;
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
            continue;
        };
        let (settings, _) = looker.processor.settings(&looker.files[file]);
        let is_entered = settings.entry_points.iter().any(|entry| {
            let module = entry.split(':').next().unwrap_or_default();
            module.rsplit('.').next() == Some(stem)
        });
        let ends = project.files[file].1.as_ref().is_some_and(Summary::has_end);
        if !ends || is_entered || stem == "__init__" || layer::is_test(path) {
            continue;
        }
        let others = looker.unparsed(&BTreeSet::from([file]), |text| mentions::may_import(text, stem))?;
        if others.is_empty()
            && !looker.have_outsiders(std::iter::once(file))
            && let Some(summary) = &mut project.files[file].1
        {
            summary.end_program();
        }
    }
    Ok(())
}

fn changes(
    looker: &Looker,
    project: &Project,
    known: &[Known],
    hashes: &[TextHash],
    start: usize,
) -> Result<Vec<(usize, Facts)>, Error> {
    let (settings, _) = looker.processor.settings(&looker.files[start]);
    let mut world = looker.world(&settings);
    let mut found = layer::colour(project, &world, start);
    let turned = (0..found.len()).filter(|file| !found[*file].colouring.coloured.is_empty());
    let turned: Vec<usize> = turned.collect();
    if looker.have_outsiders(turned.iter().copied()) {
        world.is_partial = true;
        found = layer::colour(project, &world, start);
    }
    for (facts, known) in found.iter_mut().zip(known) {
        facts.known = known.clone();
    }
    let trials: Vec<Trial> = turned
        .iter()
        .map(|&file| Trial {
            file,
            facts: ProjectFacts {
                layer: Some((Arc::new(found[file].clone()), hashes[file])),
                ..ProjectFacts::unconcerned()
            },
        })
        .collect();
    if let Some(reason) = trial(looker, LAYER, &trials)?.failed.into_values().next() {
        layer::stop(project, &layer::linked(project, start), &reason, &mut found);
    }
    let concerned = found
        .into_iter()
        .enumerate()
        .filter(|(_, facts)| !facts.colouring.coloured.is_empty() || !facts.colouring.stopped.is_empty());
    Ok(concerned
        .map(|(file, facts)| (file, (Arc::new(facts), hashes[file])))
        .collect())
}
