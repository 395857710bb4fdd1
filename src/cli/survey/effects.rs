//! The look at the files to which awaits that may overlap lead: parsed as far as their callees go, and those that could change what these do.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;

use crate::codemod::{Selection, Wanted};
use crate::codemods::ALL;
use crate::glance::is_word;
use crate::project::effects::Relied;
use crate::project::resolve::Linker;
use crate::project::{Extent, OVERLAPPING, Project, ProjectFacts, effects};
use crate::rewrite;
use crate::semantic::effects::linked::Elsewhere;

use super::super::Error;
use super::super::process::Seen;
use super::{Looker, each, selects_any};

/// Rounds in which files are parsed that those of the round before lead to.
const MAX_ROUNDS: usize = 12;

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
    // Each of them is analysed once more for this.
    if concerned.len() + hopeful.len() > looker.affordable() {
        return Ok(Vec::new());
    }
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
    let mut project = Project::new(looker.files.iter().map(|file| file.path.clone()));
    let mut parsed: BTreeSet<usize> = BTreeSet::new();
    let mut asked_for: BTreeSet<Relied> = BTreeSet::new();
    let mut wanted = candidates.to_vec();
    for _ in 0..MAX_ROUNDS {
        wanted.retain(|file| parsed.insert(*file));
        if parsed.len() > looker.affordable() {
            return nothing();
        }
        looker.summarise(&mut project, &wanted, "effects", Extent::Effects)?;
        let linker = Linker::new(&project);
        wanted = effects::missing(&linker, candidates).into_iter().collect();
        wanted.retain(|file| !parsed.contains(file));
        if !wanted.is_empty() {
            continue;
        }
        let link = effects::Link::new(&linker, candidates);
        let relied_on = link.relied_on(candidates);
        let new: Vec<Sought> = relied_on.difference(&asked_for).map(Sought::new).collect();
        if !new.is_empty() {
            wanted = looker.unparsed(&parsed, |text| {
                effects::map::instruments(text) || new.iter().any(|sought| sought.may_be_changed_by(text))
            })?;
        }
        asked_for.extend(relied_on);
        if wanted.is_empty() {
            // What nobody looked at may put something else in the place of what was read.
            if looker.have_outsiders(parsed.iter().copied()) {
                return nothing();
            }
            let told = candidates.iter().map(|file| (*file, link.elsewhere(*file)));
            return Ok(told.collect());
        }
    }
    nothing()
}

/// What a proof rests on, looked for in the texts of files that were not parsed.
struct Sought<'r> {
    relied: &'r Relied,
    name: memmem::Finder<'r>,
    /// `def name`, for a method.
    definition: Option<memmem::Finder<'static>>,
}

impl<'r> Sought<'r> {
    fn new(relied: &'r Relied) -> Self {
        let (Relied::Function(name)
        | Relied::Method(name)
        | Relied::Class(name)
        | Relied::Attribute(name)
        | Relied::Module(name)) = relied;
        let definition = matches!(relied, Relied::Method(_)).then(|| format!("def {name}("));
        Self {
            relied,
            name: memmem::Finder::new(name),
            definition: definition.map(|definition| memmem::Finder::new(&definition).into_owned()),
        }
    }

    /// Whether a text may put something else in the place of what has the name, or derive a class from the one that has it, or override it.
    fn may_be_changed_by(&self, text: &[u8]) -> bool {
        let has_class = || memmem::find(text, b"class ").is_some();
        if let Relied::Module(module) = self.relied {
            let last = module.rsplit('.').next().unwrap_or(module);
            if may_set_members(text) && memmem::find(text, last.as_bytes()).is_some() {
                return true;
            }
            if memmem::find(text, b"sys.modules").is_none() {
                return false;
            }
        }
        if self
            .definition
            .as_ref()
            .is_some_and(|definition| definition.find(text).is_some())
            && has_class()
        {
            return true;
        }
        let length = self.name.needle().len();
        self.name.find_iter(text).any(|at| {
            let before = at.checked_sub(1).map(|before| text[before]);
            let behind = &text[at + length..];
            if before.is_some_and(is_word) || behind.first().is_some_and(|byte| is_word(*byte)) {
                return false;
            }
            let is_string = matches!(behind.first(), Some(b'"' | b'\''));
            let next = behind.trim_ascii_start();
            match self.relied {
                Relied::Module(_) => is_string,
                Relied::Class(_) if has_class() || may_set_members(text) => true,
                // `x.name = y`, `x.name, z = y`, `x.name: T = y`; `patch.multiple(x, name=y)`.
                _ if before == Some(b'.') => is_string || is_target(next),
                _ => is_string || next.starts_with(b"=") && !next.starts_with(b"==") && may_set_by_keyword(text),
            }
        })
    }
}

/// Whether what stands before this text may be assigned to.
fn is_target(behind: &[u8]) -> bool {
    match behind.first() {
        Some(b'=') => behind.get(1) != Some(&b'='),
        Some(b',' | b':' | b')' | b']') => true,
        _ => behind.starts_with(b"in ") || behind.starts_with(b"as "),
    }
}

/// Whether a text may give something members by computed names.
fn may_set_members(text: &[u8]) -> bool {
    let ways: [&[u8]; 3] = [b"setattr(", b"vars(", b"__dict__"];
    ways.iter().any(|way| memmem::find(text, way).is_some())
}

fn may_set_by_keyword(text: &[u8]) -> bool {
    let ways: [&[u8]; 4] = [b"patch.multiple", b"vars(", b"__dict__", b"globals("];
    ways.iter().any(|way| memmem::find(text, way).is_some())
}
