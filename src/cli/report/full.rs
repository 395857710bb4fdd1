//! rustc's style: a title, the source with the finding underlined, the call path as further excerpts, and notes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use ruff_text_size::TextRange;

use super::ReportOptions;
use super::concise::Concise;
use super::excerpt::excerpt;
use super::format::{Class, Format};
use super::text::escaped;
use super::view::{Page, View, shown};
use crate::finding::{Finding, Hop};

/// Hops of a call path that are shown; longer paths say how many more there are.
const MAX_HOPS: usize = 8;

pub(super) struct Full {
    renderer: Renderer,
    /// Takes over should the renderer fail: a finding in one line is better than none.
    concise: Concise,
}

impl Full {
    pub(super) fn new(options: &ReportOptions) -> Self {
        let renderer = if options.color_stdout {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        Self {
            renderer: renderer.decor_style(DecorStyle::Ascii),
            concise: Concise::new(options),
        }
    }
}

impl Format for Full {
    fn finding(&mut self, view: &View, finding: &Finding) -> String {
        let group = group(view, finding);
        match catch_unwind(AssertUnwindSafe(|| self.renderer.render(&[group]))) {
            Ok(text) => text + "\n\n",
            Err(_) => self.concise.finding(view, finding),
        }
    }
}

fn group<'a>(view: &View, finding: &'a Finding) -> Group<'a> {
    let class = Class::of(finding);
    let level = if class == Class::Declined {
        Level::NOTE
    } else {
        Level::WARNING
    };
    let title = level.primary_title(escaped(&finding.message)).id(finding.codemod);
    let mut group = title.element(place(
        &view.shown_path(),
        &view.page,
        finding.range,
        AnnotationKind::Primary,
        None,
    ));
    for hop in finding.call_path.iter().take(MAX_HOPS) {
        group = group.element(hop_element(view, hop));
    }
    for note in notes(finding, class) {
        group = group.element(note);
    }
    group
}

/// The place of a range and its excerpt.
fn place<'a>(path: &str, page: &Page, range: TextRange, kind: AnnotationKind, label: Option<String>) -> Element<'a> {
    let at = page.place(range.start());
    let path = match at.cell {
        Some(cell) => format!("{path}:cell {cell}"),
        None => path.to_owned(),
    };
    let Some(excerpt) = excerpt(page, range) else {
        return Origin::path(path).line(at.row).char_column(at.column).into();
    };
    let mut annotation: Annotation = kind.span(excerpt.span);
    if let Some(label) = label {
        annotation = annotation.label(label);
    }
    Snippet::source(excerpt.text)
        .path(path)
        .line_start(at.row)
        .annotation(annotation)
        .into()
}

fn hop_element<'a>(view: &View, hop: &Hop) -> Element<'a> {
    let label = format!("through `{}`", escaped(&hop.function));
    match view.page_of(hop) {
        (path, Some(page)) => place(&shown(&path), &page, hop.range, AnnotationKind::Context, Some(label)),
        (path, None) => Level::NOTE.message(format!("{label} in {}", shown(&path))).into(),
    }
}

fn notes<'a>(finding: &Finding, class: Class) -> Vec<Element<'a>> {
    let mut notes = Vec::new();
    if finding.call_path.len() > MAX_HOPS {
        notes.push(
            Level::NOTE
                .message(format!("and {} more calls", finding.call_path.len() - MAX_HOPS))
                .into(),
        );
    }
    if let Some(reason) = finding.reason() {
        notes.push(
            Level::NOTE
                .message(format!("{}: {}", class.reason_prefix(), escaped(reason)))
                .into(),
        );
    }
    match class {
        Class::Safe => notes.push(Level::HELP.message("fixable with `asyncup apply`").into()),
        Class::Unsafe => notes.push(
            Level::HELP
                .message("fixable with `asyncup apply --unsafe-fixes`")
                .into(),
        ),
        Class::Report | Class::Declined => {}
    }
    notes
}
