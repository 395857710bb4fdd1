//! The look at the files to which awaits that may overlap lead: parsed as far as their callees go, and those that could change what these do.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;

use crate::codemod::{Selection, Wanted};
use crate::codemods::ALL;
use crate::glance::is_word;
use crate::project::resolve::Linker;
use crate::project::{Extent, OVERLAPPING, Project, ProjectFacts, effects, summarise};
use crate::rewrite;
use crate::semantic::effects::linked::Elsewhere;

use super::super::Error;
use super::super::process::Seen;
use super::{Looker, each, selects_any};

/// Rounds in which files are parsed that those of the round before lead to.
const MAX_ROUNDS: usize = 12;

/// So many files are worth parsing for this in any project, and one more for each so many files.
const AFFORDABLE: usize = 400;
const AFFORDABLE_SHARE: usize = 20;

/// The files whose awaits may overlap if the project says what they run: those in which something is found without it, and of `hopeful` those
/// whose lines look so. Whatever is to be shown, they are the same.
pub(super) fn candidates(looker: &Looker, seen: &[Option<Seen>], hopeful: &[usize]) -> Result<Vec<usize>, Error> {
    let codemods = ALL.iter().filter(|codemod| OVERLAPPING.contains(&codemod.name));
    let selection = Selection::new(codemods.collect());
    let is_concerned = |file: &usize| {
        let selection = &looker.files[*file].profile.selection;
        seen[*file]
            .as_ref()
            .is_some_and(|seen| seen.concerns(selection, OVERLAPPING))
    };
    let concerned: Vec<usize> = (0..seen.len()).filter(is_concerned).collect();
    let unconcerned = ProjectFacts::unconcerned();
    let found = each(concerned.len(), looker.threads, |buffer, index| {
        let file = &looker.files[concerned[index]];
        looker.found("overlapping", file, &[], buffer, |decoded, settings| {
            let text = decoded.source.text.as_bytes();
            let look = selection.look(text, Wanted::NothingDeclined, &unconcerned);
            let findings = rewrite::analyse(&decoded.source, &look, settings, &unconcerned).ok()?;
            Some(findings.iter().any(|finding| !finding.is_declined()))
        })
    })?;
    let found = concerned.iter().zip(found).filter(|(_, found)| *found == Some(true));
    let mut candidates: BTreeSet<usize> = found.map(|(file, _)| *file).collect();
    let hopeful: Vec<usize> = hopeful
        .iter()
        .copied()
        .filter(|file| !candidates.contains(file))
        .collect();
    let looks_so = each(hopeful.len(), looker.threads, |buffer, index| {
        let file = &looker.files[hopeful[index]];
        looker.found("hopeful", file, &[], buffer, |decoded, _| {
            let look = selection.look(decoded.source.text.as_bytes(), Wanted::Everything, &unconcerned);
            Some(selects_any(file, OVERLAPPING) && !look.concerned.is_empty())
        })
    })?;
    candidates.extend(
        hopeful
            .iter()
            .zip(looks_so)
            .filter(|(_, looks)| *looks == Some(true))
            .map(|(file, _)| *file),
    );
    Ok(candidates.into_iter().collect())
}

/// What is told to each of these files. Nothing, where too many files would have to be parsed to be certain.
pub(super) fn tell(looker: &Looker, candidates: &[usize]) -> Result<BTreeMap<usize, Elsewhere>, Error> {
    let nothing = || Ok(BTreeMap::new());
    if candidates.is_empty() {
        return nothing();
    }
    let affordable = AFFORDABLE + looker.files.len() / AFFORDABLE_SHARE;
    let mut project = Project::new(looker.files.iter().map(|file| file.path.clone()));
    let mut parsed: BTreeSet<usize> = BTreeSet::new();
    let mut asked_for: BTreeSet<String> = BTreeSet::new();
    let mut wanted = candidates.to_vec();
    for _ in 0..MAX_ROUNDS {
        wanted.retain(|file| parsed.insert(*file));
        if parsed.len() > affordable {
            return nothing();
        }
        let summaries = looker.parsed("effects", &wanted, |context| summarise(context, Extent::Effects))?;
        for (&file, summary) in wanted.iter().zip(summaries) {
            project.files[file].1 = summary;
        }
        let linker = Linker::new(&project);
        wanted = effects::missing(&linker, candidates).into_iter().collect();
        wanted.retain(|file| !parsed.contains(file));
        if !wanted.is_empty() {
            continue;
        }
        let link = effects::Link::new(&linker, candidates);
        let relied_on = link.relied_on(candidates);
        let new: Vec<&str> = relied_on
            .iter()
            .filter(|name| !asked_for.contains(*name))
            .map(String::as_str)
            .collect();
        let finders: Vec<memmem::Finder> = new.iter().map(|name| memmem::Finder::new(*name)).collect();
        if !finders.is_empty() {
            wanted = looker.unparsed(&parsed, |text| finders.iter().any(|name| may_change(text, name)))?;
        }
        asked_for.extend(relied_on);
        if wanted.is_empty() {
            let told = candidates.iter().map(|file| (*file, link.elsewhere(*file)));
            return Ok(told.collect());
        }
    }
    nothing()
}

/// Whether a text may put something else in the place of a member of this name, or derive a class from the one of this name.
fn may_change(text: &[u8], name: &memmem::Finder) -> bool {
    let length = name.needle().len();
    name.find_iter(text).any(|at| {
        let before = at.checked_sub(1).map(|before| text[before]);
        let behind = &text[at + length..];
        if before.is_some_and(is_word) || behind.first().is_some_and(|byte| is_word(*byte)) {
            return false;
        }
        let next = behind.trim_ascii_start();
        let is_assigned = before == Some(b'.') && next.starts_with(b"=") && !next.starts_with(b"==");
        let is_string = matches!(behind.first(), Some(b'"' | b'\''));
        let is_class = name.needle().first().is_some_and(u8::is_ascii_uppercase)
            || name.needle().iter().any(u8::is_ascii_uppercase);
        is_assigned || is_string || is_class && memmem::find(text, b"class ").is_some()
    })
}
