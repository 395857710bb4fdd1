//! JSON, with ruff's field names and ours beside them: one array, or one object on each line.

use std::borrow::Cow;
use std::path::Path;

use ruff_text_size::{Ranged, TextRange};
use serde::Serialize;

use super::format::Format;
use super::view::{Place, View};
use crate::edit::{Applicability, Edit};
use crate::finding::{Finding, Hop, Verdict};
use crate::rewrite::Applied;

pub(super) struct Json {
    layout: Layout,
    printed: usize,
}

enum Layout {
    Array,
    Lines,
}

impl Json {
    pub(super) fn array() -> Self {
        Self {
            layout: Layout::Array,
            printed: 0,
        }
    }

    pub(super) fn lines() -> Self {
        Self {
            layout: Layout::Lines,
            printed: 0,
        }
    }

    fn item(&mut self, item: &Item) -> String {
        let object = serde_json::to_string(item).expect("an item has string keys only");
        self.printed += 1;
        match (&self.layout, self.printed) {
            (Layout::Lines, _) => object + "\n",
            (Layout::Array, 1) => format!("[\n  {object}"),
            (Layout::Array, _) => format!(",\n  {object}"),
        }
    }
}

impl Format for Json {
    fn finding(&mut self, view: &View, finding: &Finding) -> String {
        let (kind, fix) = match &finding.verdict {
            Verdict::Fix(fix) => ("fix", Some(fix_item(view, finding, fix.applicability))),
            Verdict::Report(_) => ("report", None),
            Verdict::Declined(_) => ("declined", None),
        };
        self.item(&Item {
            fix,
            reason: finding.reason(),
            call_path: finding.call_path.iter().map(|hop| hop_item(view, hop)).collect(),
            ..Item::new(view, kind, finding.codemod, &finding.message, finding.range)
        })
    }

    fn applied(&mut self, view: &View, applied: &Applied) -> String {
        self.item(&Item {
            fix: Some(Fix {
                applicability: applied.applicability.as_str(),
                message: &applied.message,
                edits: Vec::new(),
            }),
            reason: applied.reason.as_deref(),
            ..Item::new(view, "applied", applied.codemod, &applied.message, applied.range)
        })
    }

    fn end(&mut self) -> String {
        match (&self.layout, self.printed) {
            (Layout::Lines, _) => String::new(),
            (Layout::Array, 0) => "[]\n".to_owned(),
            (Layout::Array, _) => "\n]\n".to_owned(),
        }
    }
}

/// One finding, or one rewrite that was applied.
#[derive(Serialize)]
struct Item<'a> {
    code: &'a str,
    /// `fix`, `report`, `declined` or `applied`.
    kind: &'a str,
    message: &'a str,
    filename: Cow<'a, str>,
    /// Notebooks only: the code cell that rows count in, 1-based.
    #[serde(skip_serializing_if = "Option::is_none")]
    cell: Option<usize>,
    location: Location,
    end_location: Location,
    fix: Option<Fix<'a>>,
    reason: Option<&'a str>,
    call_path: Vec<HopItem<'a>>,
    /// A page to read. There is none on the web yet; `asyncup explain CODE` prints it.
    url: Option<&'a str>,
}

impl<'a> Item<'a> {
    fn new(view: &View<'a>, kind: &'a str, code: &'a str, message: &'a str, range: TextRange) -> Self {
        let start = view.place(range.start());
        Self {
            code,
            kind,
            message,
            filename: filename(view.path),
            cell: start.cell,
            location: start.into(),
            end_location: view.place(range.end()).into(),
            fix: None,
            reason: None,
            call_path: Vec::new(),
            url: None,
        }
    }
}

/// 1-based; the column counts characters.
#[derive(Serialize)]
struct Location {
    row: usize,
    column: usize,
}

impl From<Place> for Location {
    fn from(place: Place) -> Self {
        Self {
            row: place.row,
            column: place.column,
        }
    }
}

#[derive(Serialize)]
struct Fix<'a> {
    applicability: &'static str,
    message: &'a str,
    edits: Vec<EditItem>,
}

/// `start` and `end` are byte offsets of the decoded text, in notebooks of the joined cells.
#[derive(Serialize)]
struct EditItem {
    content: String,
    location: Location,
    end_location: Location,
    start: u32,
    end: u32,
}

#[derive(Serialize)]
struct HopItem<'a> {
    filename: Cow<'a, str>,
    /// `null` when the file could not be read.
    location: Option<Location>,
    function: &'a str,
}

fn filename(path: &Path) -> Cow<'_, str> {
    path.to_string_lossy()
}

fn fix_item<'a>(view: &View, finding: &'a Finding, applicability: Applicability) -> Fix<'a> {
    Fix {
        applicability: applicability.as_str(),
        message: &finding.message,
        edits: view.edits(finding).iter().map(|edit| edit_item(view, edit)).collect(),
    }
}

fn edit_item(view: &View, edit: &Edit) -> EditItem {
    EditItem {
        content: edit.content().to_owned(),
        location: view.place(edit.start()).into(),
        end_location: view.place(edit.end()).into(),
        start: edit.start().into(),
        end: edit.end().into(),
    }
}

fn hop_item<'a>(view: &View<'a>, hop: &'a Hop) -> HopItem<'a> {
    let (path, page) = view.page_of(hop);
    HopItem {
        filename: filename(&path).into_owned().into(),
        location: page.map(|page| page.place(hop.range.start()).into()),
        function: &hop.function,
    }
}
