//! The look at objects that several files use and that change in all of them or in none.

use std::collections::{BTreeMap, BTreeSet};

use crate::codemod::Context;
use crate::codemods::{rename_sync_dunders, replace_threading_primitive};
use crate::glance;
use crate::project::joint::{self, Defined, Joint, Used, User};
use crate::project::modules::Modules;
use crate::suppression;

use super::super::Error;
use super::{Looker, Surveyed, selects};

/// A codemod that changes shared objects.
struct Sharing {
    codemod: &'static str,
    /// What a file has of them.
    defined: fn(&Context) -> Vec<Defined>,
    /// What it does with one that its imports know under a dotted path, by [`Defined::kind`].
    used: fn(&Context, &str, &str) -> Option<Used>,
}

const SHARING: &[Sharing] = &[
    Sharing {
        codemod: "rename_sync_dunders",
        defined: rename_sync_dunders::defined,
        used: rename_sync_dunders::used,
    },
    Sharing {
        codemod: "replace_threading_primitive",
        defined: replace_threading_primitive::defined,
        used: replace_threading_primitive::used,
    },
];

/// What becomes of the objects that others use, as each file of the run is told. `names`: those that each file may have.
pub(super) fn shared(
    looker: &Looker,
    surveyed: &[Surveyed],
    names: &[Vec<String>],
) -> Result<BTreeMap<usize, Joint>, Error> {
    let mut told: BTreeMap<usize, Joint> = BTreeMap::new();
    let is_used = |file: usize, name: &String| {
        let outside = surveyed[file].facts.outside.as_ref();
        outside.is_some_and(|outside| outside.is_used(name))
    };
    let homes = (0..names.len()).filter(|file| names[*file].iter().any(|name| is_used(*file, name)));
    let homes: Vec<usize> = homes.collect();
    if homes.is_empty() || homes.len() > looker.affordable() {
        return Ok(told);
    }
    let sought: BTreeSet<&str> = homes
        .iter()
        .flat_map(|home| &names[*home])
        .map(String::as_str)
        .collect();
    let naming = looker.unparsed(&BTreeSet::new(), |text| {
        sought.iter().any(|name| glance::words(text, name).next().is_some())
    })?;
    if naming.len() > looker.affordable() {
        return Ok(told);
    }
    let modules = Modules::new(looker.files.iter().map(|file| file.path.as_path()));
    let shown = |file: usize| looker.files[file].path.display().to_string();
    for sharing in SHARING {
        let homes = homes
            .iter()
            .copied()
            .filter(|home| selects(&looker.files[*home], sharing.codemod));
        let homes: Vec<usize> = homes.collect();
        let defined = looker.parsed(&format!("defined by {}", sharing.codemod), &homes, sharing.defined)?;
        for (home, mut defined) in homes
            .iter()
            .zip(defined)
            .flat_map(|(home, defined)| defined.into_iter().flatten().map(move |defined| (*home, defined)))
        {
            if !is_used(home, &defined.name) {
                continue;
            }
            if let Some(star) = surveyed[home]
                .facts
                .outside
                .as_ref()
                .and_then(|outside| outside.taken_whole_by())
            {
                defined.verdict = Err(format!("{star} takes all names of its module"));
            }
            let users: Vec<usize> = naming.iter().copied().filter(|user| *user != home).collect();
            let users = judged(looker, sharing, &users, &defined)?;
            for (file, joint) in joint::link(&modules, home, &defined, &users, shown) {
                let known = told.entry(file).or_default();
                known.own.extend(joint.own);
                known.imported.extend(joint.imported);
            }
        }
    }
    Ok(told)
}

/// What these files do with an object, each parsed. `None` for one that cannot be.
fn judged(
    looker: &Looker,
    sharing: &Sharing,
    users: &[usize],
    defined: &Defined,
) -> Result<Vec<(usize, Option<User>)>, Error> {
    let names = [defined.name.clone()];
    let kind = format!("users of {} {} {}", sharing.codemod, defined.name, defined.kind);
    let said = looker.parsed_as_told(
        &kind,
        users,
        |_| String::new(),
        |file, context| {
            let may_change =
                selects(&looker.files[file], sharing.codemod) && !context.module.text().contains(suppression::NEEDLE);
            User::of(context, &names, |path| {
                let used = (sharing.used)(context, path, &defined.kind)?;
                Some(Used {
                    verdict: match used.verdict {
                        Ok(true) if !may_change => Err("a comment or the configuration suppresses changes".to_owned()),
                        verdict => verdict,
                    },
                    ..used
                })
            })
        },
    )?;
    Ok(users.iter().copied().zip(said).collect())
}
