//! The spine: one text, a selection of codemods and a policy in; a new text and the findings out. Pure.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ruff_text_size::{Ranged, TextRange, TextSize};
use serde::{Deserialize, Serialize};

use crate::codemod::{Codemod, Context, Logic, Look, Selection};
use crate::edit::{self, Applicability, Edit};
use crate::finding::{Finding, Findings, Verdict};
use crate::importer;
use crate::interned::{self, Interned};
use crate::module::{Module, ParseError};
use crate::plan::{self, Plan};
use crate::project::{ProjectFacts, heirs, outside};
use crate::relayout::relayout;
use crate::semantic::SemanticModel;
use crate::settings::Settings;
use crate::source::Source;
use crate::suppression::Suppressions;
use crate::verify;

/// Passes after which a text is given up. Each pass applies at least one fix, and nested fixes take one pass per level.
const MAX_PASSES: usize = 60;

/// The lowest level that is applied: `Safe`, or `Unsafe` with `--unsafe-fixes`.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub level: Applicability,
}

/// One rewrite that was applied.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Applied {
    #[serde(deserialize_with = "interned::read")]
    pub codemod: Interned,
    pub applicability: Applicability,
    /// Where it stands in the final text.
    pub range: TextRange,
    pub message: String,
    /// Why it is not safe.
    pub reason: Option<String>,
}

/// What became of one text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// The new text; `None` when nothing was applied.
    pub text: Option<String>,
    /// [`Source::cells`] of the new text.
    pub cells: Vec<TextSize>,
    pub applied: Vec<Applied>,
    /// What is left, in offsets of the final text, in source order.
    pub remaining: Vec<Finding>,
}

/// Why a text could not be rewritten. Its file is left as it is and the others go on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RewriteError {
    #[error(transparent)]
    Parse(#[from] ParseError),
    #[error("the rewrites did not come to an end after {passes} passes: {}", codemods.join(", "))]
    NotConverged { passes: usize, codemods: Vec<&'static str> },
    #[error("internal error in {codemod}: {message}")]
    Panicked { codemod: &'static str, message: String },
}

/// Finds without applying. Ranges are offsets of `source`, which the look was at.
///
/// Every fix has passed the checks of [`verify`] together with the others of its level; one that does not is declined.
pub fn analyse(
    source: &Source,
    look: &Look,
    settings: &Settings,
    project: &ProjectFacts,
) -> Result<Vec<Finding>, RewriteError> {
    let codemods = concerned(look, settings);
    if codemods.is_empty() {
        return Ok(Vec::new());
    }
    let module = Module::parse(source, settings.target)?;
    let model = SemanticModel::build(&module).knowing(project.elsewhere.as_ref());
    let mut findings = find(&module, &model, &codemods, look.selection, settings, project)?;
    if findings.iter().any(|finding| finding.fix().is_some()) {
        pass(source, &model, &mut findings, Applicability::Unsafe, settings, project);
    }
    Ok(findings)
}

/// Applies everything that the policy allows, pass after pass, until nothing is left to apply. The look was at `source`.
pub fn rewrite(
    source: &Source,
    look: Look,
    policy: Policy,
    settings: &Settings,
    project: &ProjectFacts,
) -> Result<Outcome, RewriteError> {
    let Look { selection, wanted, .. } = look;
    let mut look = look;
    let mut current = source.clone();
    // Parsed when the pass before checked its result.
    let mut parsed: Option<Module> = None;
    let mut applied: Vec<Applied> = Vec::new();
    for number in 0..=MAX_PASSES {
        let codemods = concerned(&look, settings);
        if codemods.is_empty() {
            return Ok(outcome(source, current, applied, Vec::new()));
        }
        let module = match parsed.take() {
            Some(module) => module,
            None => Module::parse(&current, settings.target)?,
        };
        let model = SemanticModel::build(&module).knowing(project.elsewhere.as_ref());
        let mut findings = find(&module, &model, &codemods, selection, settings, project)?;
        let Some(step) = pass(&current, &model, &mut findings, policy.level, settings, project) else {
            return Ok(outcome(source, current, applied, findings));
        };
        if number == MAX_PASSES {
            let mut codemods: Vec<_> = step
                .plan
                .accepted
                .iter()
                .map(|&index| findings[index].codemod)
                .collect();
            codemods.sort_unstable();
            codemods.dedup();
            return Err(RewriteError::NotConverged {
                passes: MAX_PASSES,
                codemods,
            });
        }
        record(&mut applied, &findings, &step);
        current = step.attempt.after;
        look = selection.look(current.text.as_bytes(), wanted, project);
        parsed = Some(step.attempt.parsed);
    }
    unreachable!("the loop returns in its last round")
}

/// What may be found in code that must run on the target.
fn concerned(look: &Look, settings: &Settings) -> Vec<&'static Codemod> {
    let codemods = look.concerned.iter().copied();
    codemods.filter(|codemod| codemod.works_on(settings.target)).collect()
}

fn outcome(source: &Source, current: Source, applied: Vec<Applied>, remaining: Vec<Finding>) -> Outcome {
    Outcome {
        cells: current.cells,
        text: (current.text != source.text).then_some(current.text),
        applied,
        remaining,
    }
}

/// All edits, imports included, that applying this one finding of [`analyse`] makes. Sorted, disjoint, newlines resolved.
pub fn edits_of(source: &Source, finding: &Finding, settings: &Settings, project: &ProjectFacts) -> Vec<Edit> {
    let Ok(module) = Module::parse(source, settings.target) else {
        return Vec::new();
    };
    let model = SemanticModel::build(&module);
    let plan = Plan {
        accepted: vec![0],
        deferred: 0,
    };
    let Ok(attempt) = attempt(source, &model, std::slice::from_ref(finding), &plan, settings, project) else {
        return Vec::new();
    };
    let mut text = source.text.clone();
    let mut edits: Vec<Edit> = Vec::new();
    for layer in &attempt.layers {
        edits = edit::compose(&text, &edits, layer);
        text = edit::apply(&source.text, &edits);
    }
    edits
}

/// Runs the codemods over one text, drops what is suppressed, and sorts by place.
fn find(
    module: &Module,
    model: &SemanticModel,
    codemods: &[&'static Codemod],
    selection: &Selection,
    settings: &Settings,
    project: &ProjectFacts,
) -> Result<Vec<Finding>, RewriteError> {
    let mut findings = Vec::new();
    for codemod in codemods {
        let context = Context {
            module,
            model,
            settings,
            project,
            codemod: codemod.name,
        };
        let mut acc = Findings::new(codemod.name);
        let Logic::Native(run) = codemod.logic;
        guarded(codemod.name, || run(&context, &mut acc))?;
        findings.extend(acc.list);
    }
    let suppressions = Suppressions::of(module);
    if !suppressions.is_empty() {
        findings.retain(|finding| !suppressions.suppresses(finding));
        // A codemod that the file cannot concern ran in vain, but it ran.
        let ran: Vec<&'static str> = selection
            .codemods()
            .iter()
            .filter(|codemod| codemod.works_on(settings.target))
            .map(|codemod| codemod.name)
            .collect();
        findings.extend(suppressions.unused(&ran));
        if !selection.known().is_empty() {
            findings.extend(suppressions.unknown(selection.known()));
        }
    }
    outside::doubt_what_tests_replace(&mut findings, model, project);
    heirs::doubt_what_others_replace(&mut findings, model, project);
    drop_settled(&mut findings);
    // Stable: findings at one place stay in catalogue order.
    findings.sort_by_key(|finding| (finding.range.start(), finding.range.end()));
    Ok(findings)
}

/// Drops what a fix of another codemod mends as well, and no less safely.
fn drop_settled(findings: &mut Vec<Finding>) {
    let settling = |finding: &Finding| {
        let fix = finding.fix().filter(|fix| fix.settles)?;
        Some((finding.codemod, fix.hull()?, fix.applicability))
    };
    let settled: Vec<_> = findings.iter().filter_map(settling).collect();
    findings.retain(|finding| {
        !settled.iter().any(|(codemod, range, level)| {
            finding.codemod != *codemod && range.contains_range(finding.range) && finding.applicability() <= *level
        })
    });
}

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread runs a codemod whose panic is caught and reported: a panic hook need not print it.
pub fn is_guarded() -> bool {
    GUARDED.get()
}

/// Runs one codemod; its panic becomes an error that names it, and the other files go on.
fn guarded(codemod: &'static str, run: impl FnOnce()) -> Result<(), RewriteError> {
    GUARDED.set(true);
    let result = catch_unwind(AssertUnwindSafe(run));
    GUARDED.set(false);
    result.map_err(|panic| RewriteError::Panicked {
        codemod,
        message: panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "it panicked".to_owned()),
    })
}

/// The result of one pass.
struct Step {
    plan: Plan,
    attempt: Attempt,
}

/// Applies what can be applied together. A fix whose result fails verification is turned into a refusal in `findings`, and the rest
/// is tried again. `None` when there is nothing to apply.
fn pass(
    source: &Source,
    model: &SemanticModel,
    findings: &mut [Finding],
    level: Applicability,
    settings: &Settings,
    project: &ProjectFacts,
) -> Option<Step> {
    let mut rejected = BTreeSet::new();
    loop {
        let plan = Plan::resolve(findings, level, &rejected);
        if plan.accepted.is_empty() {
            return None;
        }
        if let Ok(attempt) = attempt(source, model, findings, &plan, settings, project) {
            return Some(Step { plan, attempt });
        }
        let mut blamed = false;
        for &index in &plan.accepted {
            let alone = Plan {
                accepted: vec![index],
                deferred: 0,
            };
            if let Err(reason) = self::attempt(source, model, findings, &alone, settings, project) {
                findings[index].verdict = Verdict::Declined(reason);
                blamed = true;
            }
        }
        if !blamed {
            // Each is right alone and they are wrong together: the first goes ahead, the others wait for the next pass.
            rejected.extend(plan.accepted.iter().skip(1).copied());
        }
    }
}

/// A plan carried out.
struct Attempt {
    /// Layers, each of edits on the text that the one before it made: the fixes; imports without a use removed; lines laid out. The last ones
    /// may be missing.
    layers: Vec<Vec<Edit>>,
    after: Source,
    /// `after`, parsed.
    parsed: Module,
}

/// Applies a plan to the text and checks the result. The error says why the result is not acceptable.
fn attempt(
    source: &Source,
    model: &SemanticModel,
    findings: &[Finding],
    plan: &Plan,
    settings: &Settings,
    project: &ProjectFacts,
) -> Result<Attempt, String> {
    let edits = plan.edits(model.module(), findings);
    let (after, parsed) = carried_out(source, &edits, settings)?;
    let new = SemanticModel::build(&parsed);
    verified(model, &edits, &new, settings)?;
    let mut tidy = if settings.keep_unused_imports {
        Vec::new()
    } else {
        importer::remove_unused(model, &new, project)
    };
    plan::normalise(&parsed, &mut tidy);
    let mut done = if !tidy.is_empty() && plan::is_sound(&tidy, &after.cells) {
        let (after, parsed) = carried_out(&after, &tidy, settings)?;
        verified(&new, &tidy, &SemanticModel::build(&parsed), settings)?;
        Attempt {
            layers: vec![edits, tidy],
            after,
            parsed,
        }
    } else {
        drop(new);
        Attempt {
            layers: vec![edits],
            after,
            parsed,
        }
    };
    let layers: Vec<&[Edit]> = done.layers.iter().map(Vec::as_slice).collect();
    let mut lines = relayout(model.module(), &layers, &done.parsed, settings);
    plan::normalise(&done.parsed, &mut lines);
    if !lines.is_empty() {
        // Without it the result is as right, and less pretty.
        if let Ok((after, parsed)) = laid_out(&done, &lines, settings) {
            done.after = after;
            done.parsed = parsed;
            done.layers.push(lines);
        }
    }
    Ok(done)
}

fn laid_out(done: &Attempt, lines: &[Edit], settings: &Settings) -> Result<(Source, Module), String> {
    let (after, parsed) = carried_out(&done.after, lines, settings)?;
    let model = SemanticModel::build(&done.parsed);
    verified(&model, lines, &SemanticModel::build(&parsed), settings)?;
    Ok((after, parsed))
}

/// Applies one layer of edits and parses the result.
fn carried_out(source: &Source, edits: &[Edit], settings: &Settings) -> Result<(Source, Module), String> {
    if !plan::is_sound(edits, &source.cells) {
        return Err("its edits overlap or cross a notebook cell".to_owned());
    }
    let after = spliced(source, edits);
    let parsed =
        Module::parse(&after, settings.target).map_err(|error| format!("the result would not parse: {error}"))?;
    Ok((after, parsed))
}

/// Checks the result of one layer of edits.
fn verified(old: &SemanticModel, edits: &[Edit], new: &SemanticModel, settings: &Settings) -> Result<(), String> {
    verify::verify(old, edits, new, settings.target).map_err(|error| error.to_string())
}

fn spliced(source: &Source, edits: &[Edit]) -> Source {
    Source {
        text: edit::apply(&source.text, edits),
        kind: source.kind,
        cells: source.cells.iter().map(|&cell| boundary(cell, edits)).collect(),
    }
}

/// Where a cell starts in the new text: what is inserted at its very start belongs to it, so the boundary stays before it.
fn boundary(cell: TextSize, edits: &[Edit]) -> TextSize {
    let before = edits.partition_point(|edit| edit.start() < cell && edit.end() <= cell);
    edit::shift(cell, &edits[..before])
}

/// Moves what was applied before to its place in the new text, and adds what was applied now.
fn record(applied: &mut Vec<Applied>, findings: &[Finding], step: &Step) {
    let shifts: Vec<edit::Shift> = step
        .attempt
        .layers
        .iter()
        .map(|layer| edit::Shift::new(layer))
        .collect();
    let through = |shifts: &[edit::Shift], offset| shifts.iter().fold(offset, |at, shift| shift.of(at));
    let moved = |range: TextRange| {
        let start = through(&shifts, range.start());
        TextRange::new(start, through(&shifts, range.end()).max(start))
    };
    for old in applied.iter_mut() {
        old.range = moved(old.range);
    }
    for &index in &step.plan.accepted {
        let finding = &findings[index];
        let Some(fix) = finding.fix() else { continue };
        let hull = fix.hull().unwrap_or(finding.range);
        // The hull's first byte: text inserted there belongs to the rewrite.
        let before = step.attempt.layers[0].partition_point(|edit| edit.start() < hull.start());
        let start = through(&shifts[1..], shifts[0].of_first(hull.start(), before));
        applied.push(Applied {
            codemod: finding.codemod,
            applicability: fix.applicability,
            range: TextRange::new(start, moved(hull).end().max(start)),
            message: finding.message.clone(),
            reason: fix.reason.clone(),
        });
    }
}
