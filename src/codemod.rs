//! A codemod: its page, its logic, and the context that the logic is given.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use memchr::memmem;
use ruff_python_ast::{Expr, PythonVersion};
use ruff_text_size::Ranged;
use serde::de::DeserializeOwned;

use crate::edit::Applicability;
use crate::finding::Findings;
use crate::module::Module;
use crate::page::Page;
use crate::project::ProjectFacts;
use crate::semantic::SemanticModel;
use crate::semantic::names::plain_name;
use crate::settings::{Blocking, Settings};
use crate::suppression;

/// How a codemod works.
pub enum Logic {
    /// A function over the module's syntax and facts.
    Native(fn(&Context, &mut Findings)),
}

/// Says what is wrong with a table of options.
pub type ValidateOptions = fn(&toml::Table) -> Result<(), String>;

/// One entry of the catalogue. The page says what, the logic says how and repeats no metadata.
pub struct Codemod {
    /// File stem, command-line name and test name alike.
    pub name: &'static str,
    pub page: LazyLock<Page>,
    pub logic: Logic,
    /// Says what is wrong with `[tool.asyncup.codemods.NAME]`; `None` when the codemod has no options.
    pub validate_options: Option<ValidateOptions>,
    /// A quick look at a text that holds all needles: false when the codemod can find nothing of what is wanted in it. `None`: the needles
    /// suffice.
    pub glance: Option<fn(&[u8], Wanted) -> bool>,
}

impl Codemod {
    /// Whether `findings` of this level are allowed by the page.
    pub fn may_emit(&self, level: Applicability) -> bool {
        level <= self.page.level
    }

    /// Whether code that must run on this Python may be rewritten by it.
    pub fn works_on(&self, target: PythonVersion) -> bool {
        self.page.minimum.is_none_or(|minimum| target >= minimum)
    }
}

/// Validates an options table by reading it as the codemod's own options type.
pub fn options_of<T: DeserializeOwned>(table: &toml::Table) -> Result<(), String> {
    table
        .clone()
        .try_into::<T>()
        .map(drop)
        .map_err(|error| error.message().to_owned())
}

/// What a codemod sees of one file.
pub struct Context<'a> {
    pub module: &'a Module,
    pub model: &'a SemanticModel<'a>,
    pub settings: &'a Settings,
    pub project: &'a ProjectFacts,
    pub(crate) codemod: &'static str,
}

impl<'a> Context<'a> {
    /// What is seen of one file where no codemod asks: for the project's sake.
    pub fn of_file(
        module: &'a Module,
        model: &'a SemanticModel<'a>,
        settings: &'a Settings,
        project: &'a ProjectFacts,
    ) -> Self {
        Self {
            module,
            model,
            settings,
            project,
            codemod: "",
        }
    }

    /// This codemod's options, defaults filled in.
    pub fn options<T: DeserializeOwned + Default>(&self) -> T {
        self.settings.options(self.codemod)
    }

    /// The line in which the module replaces a member of another module (`time.sleep`) by something else, by the means of the usual test
    /// libraries: a rewrite that names another member would no longer meet the replacement.
    pub fn patched(&self, qualified: &str) -> Option<usize> {
        let (module, member) = qualified.rsplit_once('.')?;
        let call = self.model.calls().find(|call| {
            if !matches!(plain_name(&call.func), Some("patch" | "object" | "setattr")) {
                return false;
            }
            let arguments = &call.arguments.args;
            match (arguments.first(), arguments.get(1)) {
                (Some(Expr::StringLiteral(target)), _) => target.value.to_str().ends_with(qualified),
                (Some(target), Some(Expr::StringLiteral(attribute))) => {
                    attribute.value.to_str() == member && self.model.qualified_name(target).as_deref() == Some(module)
                }
                _ => false,
            }
        })?;
        Some(self.module.location(call.start()).0)
    }
}

/// What a run is to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Declined patterns as well.
    Everything,
    /// What can be rewritten or needs a person. Nothing is declared about receivers, and no codemod has options.
    NothingDeclined,
}

/// A set of codemods in catalogue order, with what tells which of them a file can concern.
pub struct Selection {
    codemods: Vec<&'static Codemod>,
    needles: Vec<memmem::Finder<'static>>,
    /// Per codemod, indexes of the needles that must all occur.
    required: Vec<Vec<usize>>,
    /// Every name of the catalogue, when told: suppression comments that name others are reported.
    known: Vec<&'static str>,
    /// The last parts of the names of callables that are declared to block: no glance knows of them.
    declared: Vec<memmem::Finder<'static>>,
}

impl Selection {
    pub fn new(codemods: Vec<&'static Codemod>) -> Self {
        let mut index: BTreeMap<&str, usize> = BTreeMap::new();
        let mut needles: Vec<&str> = Vec::new();
        let required = codemods
            .iter()
            .map(|codemod| {
                let page: &Page = &codemod.page;
                page.needles
                    .iter()
                    .map(|needle| {
                        *index.entry(needle.as_str()).or_insert_with(|| {
                            needles.push(needle);
                            needles.len() - 1
                        })
                    })
                    .collect()
            })
            .collect();
        Self {
            required,
            needles: needles
                .iter()
                .map(|needle| memmem::Finder::new(needle).into_owned())
                .collect(),
            codemods,
            known: Vec::new(),
            declared: Vec::new(),
        }
    }

    /// Tells the callables that are declared to block.
    #[must_use]
    pub fn declaring(mut self, blocking: &[Blocking]) -> Self {
        let last = |declared: &Blocking| declared.call.rsplit('.').next().unwrap_or_default().to_owned();
        self.declared = blocking
            .iter()
            .map(|declared| memmem::Finder::new(&last(declared)).into_owned())
            .collect();
        self
    }

    /// Tells all names of the catalogue, selected or not.
    #[must_use]
    pub fn knowing(mut self, catalogue: &[Codemod]) -> Self {
        self.known = catalogue.iter().map(|codemod| codemod.name).collect();
        self
    }

    pub fn known(&self) -> &[&'static str] {
        &self.known
    }

    pub fn codemods(&self) -> &[&'static Codemod] {
        &self.codemods
    }

    /// Looks which of the codemods may find something of what is wanted in this Python text. A file that concerns none is never parsed. What
    /// the project knows of the file goes before what its text says.
    ///
    /// Where findings are suppressed, all that are found must be known, or a suppression of a declined one would be taken for unused.
    pub fn look(&self, text: &[u8], wanted: Wanted, project: &ProjectFacts) -> Look<'_> {
        let mut concerned = self.possible(text, project);
        let mentions_declared = || self.declared.iter().any(|name| name.find(text).is_some());
        if !concerned.is_empty() && !is_by_carriage_returns(text) && !mentions_declared() {
            let wanted = if memmem::find(text, suppression::NEEDLE.as_bytes()).is_some() {
                Wanted::Everything
            } else {
                wanted
            };
            concerned.retain(|codemod| {
                project.concern(codemod.name) == Some(true) || codemod.glance.is_none_or(|glance| glance(text, wanted))
            });
        }
        Look {
            selection: self,
            wanted,
            concerned,
        }
    }

    /// As [`Selection::look`], at a text that was looked at before the project was known: only what its facts add is looked for.
    pub fn look_again(&self, wanted: Wanted, project: &ProjectFacts, concerned: &[&'static Codemod]) -> Look<'_> {
        let was_concerned = |codemod: &Codemod| concerned.iter().any(|known| known.name == codemod.name);
        let is_concerned =
            |codemod: &&&'static Codemod| project.concern(codemod.name) == Some(true) || was_concerned(codemod);
        Look {
            selection: self,
            wanted,
            concerned: self.codemods.iter().filter(is_concerned).copied().collect(),
        }
    }

    /// The codemods that the project says to be concerned, and those of which every needle occurs in these bytes, whatever they are: the raw
    /// bytes of a notebook, too.
    pub fn possible(&self, text: &[u8], project: &ProjectFacts) -> Vec<&'static Codemod> {
        // Each needle is looked for at most once, and only while some codemod's fate hangs on it. Fifty such searches are faster than one
        // automaton that knows all needles: it would look at each byte, and stop at each common word.
        let mut seen: Vec<Option<bool>> = vec![None; self.needles.len()];
        let mut occurs = |needle: usize| *seen[needle].get_or_insert_with(|| self.needles[needle].find(text).is_some());
        self.codemods
            .iter()
            .zip(&self.required)
            .filter(|(codemod, required)| {
                let has_needles = || required.iter().all(|&needle| occurs(needle));
                project.concern(codemod.name).unwrap_or_else(has_needles)
            })
            .map(|(codemod, _)| *codemod)
            .collect()
    }
}

/// What a [`Selection`] may find in one text.
pub struct Look<'s> {
    pub selection: &'s Selection,
    pub wanted: Wanted,
    /// In catalogue order.
    pub concerned: Vec<&'static Codemod>,
}

/// Whether some line ends in a lone carriage return. Glances know no such lines.
fn is_by_carriage_returns(text: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', text).any(|at| text.get(at + 1) != Some(&b'\n'))
}
