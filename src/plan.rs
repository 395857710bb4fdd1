//! Many fixes, one text: which of them are applied together, and as which edits.

use std::collections::BTreeSet;

use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::edit::{Applicability, Edit, Turn};
use crate::finding::Finding;
use crate::importer::{self, Definition, Import};
use crate::module::Module;

/// The fixes of one pass that do not get in each other's way.
#[derive(Debug, Default)]
pub struct Plan {
    /// Indexes into the findings, in the order of the text.
    pub accepted: Vec<usize>,
    /// Fixes that touch an accepted one: they are found again in the next pass.
    pub deferred: usize,
}

impl Plan {
    /// Chooses among the findings that may be applied at `level`, in the order (start, end, catalogue). A fix claims everything from its
    /// first edit to its last: an edit in between by another could change what this one relied on. Equal fixes are accepted together.
    /// A fix that goes last waits for a pass in which there is no other; those that go first are alone in theirs.
    pub fn resolve(findings: &[Finding], level: Applicability, rejected: &BTreeSet<usize>) -> Self {
        let may_apply =
            |index: usize, finding: &Finding| finding.applicability() >= level && !rejected.contains(&index);
        // Of two codemods that can rewrite one place, the earlier in the catalogue does, even where it has to wait for the next pass.
        let is_preceded = |index: usize, finding: &Finding| {
            findings[..index]
                .iter()
                .enumerate()
                .rev()
                .take_while(|(_, other)| other.range == finding.range)
                .any(|(before, other)| other.codemod != finding.codemod && may_apply(before, other))
        };
        let mut order: Vec<(TextRange, usize)> = findings
            .iter()
            .enumerate()
            .filter(|(index, finding)| may_apply(*index, finding) && !is_preceded(*index, finding))
            .filter_map(|(index, finding)| Some((finding.fix()?.hull()?, index)))
            .collect();
        order.sort_by_key(|(hull, index)| (hull.start(), hull.end(), *index));
        let mut plan = Self::default();
        let turn = |index: usize| findings[index].fix().map_or(Turn::Any, |fix| fix.turn);
        let found = order.len();
        let now = order.iter().map(|(_, index)| turn(*index)).min();
        order.retain(|(_, index)| Some(turn(*index)) == now);
        plan.deferred += found - order.len();
        if now == Some(Turn::First) {
            plan.accepted.extend(order.iter().map(|(_, index)| index));
            return plan;
        }
        let mut last: Option<(TextRange, usize)> = None;
        for (hull, index) in order {
            match last {
                // Touching counts: two insertions at one offset have no order of their own.
                Some((before, other)) if hull.start() <= before.end() => {
                    let same = before == hull
                        && findings[other].fix().map(|fix| &fix.edits) == findings[index].fix().map(|fix| &fix.edits);
                    if same {
                        plan.accepted.push(index);
                    } else {
                        plan.deferred += 1;
                    }
                }
                _ => {
                    plan.accepted.push(index);
                    last = Some((hull, index));
                }
            }
        }
        plan
    }

    /// The edits of the accepted fixes and of the imports they need: sorted, disjoint, each once, with the newlines of the text.
    pub fn edits(&self, module: &Module, findings: &[Finding]) -> Vec<Edit> {
        let fixes = || self.accepted.iter().filter_map(|&index| findings[index].fix());
        let imports: BTreeSet<Import> = fixes().flat_map(|fix| fix.imports.iter().cloned()).collect();
        let definitions: BTreeSet<Definition> = fixes().flat_map(|fix| fix.definitions.iter().cloned()).collect();
        // In a file that starts with what a fix edits, these come before it.
        let mut edits = importer::add(module, &imports);
        edits.extend(importer::define(module, &definitions));
        edits.extend(fixes().flat_map(|fix| fix.edits.iter().cloned()));
        normalise(module, &mut edits);
        edits
    }
}

/// Sorts edits, drops repeated ones and gives each the newline of its line.
pub(crate) fn normalise(module: &Module, edits: &mut Vec<Edit>) {
    edits.sort_by_key(|edit| (edit.start(), edit.end()));
    // Only equal replacements of the same bytes are one edit; equal insertions at one offset by one fix would be a codemod's mistake.
    edits.dedup();
    for edit in edits {
        if edit.content().contains('\n') {
            let newline = newline_at(module, edit.start());
            if newline != "\n" {
                let content = edit.content().replace("\r\n", "\n").replace('\n', newline);
                edit.set_content(content);
            }
        }
    }
}

/// The newline that ends the line of an offset; the module's own at the end of the file.
fn newline_at(module: &Module, offset: TextSize) -> &str {
    let end = module.line_end(offset);
    let text = &module.text()[TextRange::new(end, module.line_end_with_newline(offset))];
    if text.is_empty() { module.newline() } else { text }
}

/// Whether sorted edits overlap, or lie across one of the given boundaries (notebook cells).
pub(crate) fn is_sound(edits: &[Edit], boundaries: &[TextSize]) -> bool {
    let disjoint = edits.windows(2).all(|pair| pair[0].end() <= pair[1].start());
    let inside = edits.iter().all(|edit| {
        !boundaries
            .iter()
            .any(|&boundary| edit.start() < boundary && boundary < edit.end())
    });
    disjoint && inside
}
