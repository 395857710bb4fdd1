//! SARIF 2.1.0: one run. Results stream; the rules, known only at the end, follow them.

use std::fmt::Write;
use std::path::Path;

use ruff_text_size::{Ranged, TextRange};
use serde_json::{Value, json};

use super::format::{Class, Format};
use super::view::{Page, View};
use crate::codemods;
use crate::finding::{Finding, Hop};
use crate::source::SourceKind;

#[derive(Default)]
pub(super) struct Sarif {
    /// The codemods seen, in the order of their rule indexes.
    rules: Vec<&'static str>,
    /// One notification for each file that was skipped.
    notifications: Vec<Value>,
    printed: usize,
}

/// Everything before the first result.
const HEAD: &str = concat!(
    r#"{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":["#,
    r#"{"columnKind":"unicodeCodePoints","results":["#,
);

impl Format for Sarif {
    fn finding(&mut self, view: &View, finding: &Finding) -> String {
        let rule = self.rule(finding.codemod);
        let separator = if self.printed == 0 { HEAD } else { "," };
        self.printed += 1;
        format!("{separator}\n{}", result(view, finding, rule))
    }

    fn skipped(&mut self, path: &Path, cause: &str) -> String {
        self.notifications.push(json!({
            "level": "error",
            "message": {"text": format!("skipped: {cause}")},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri(path)}}}],
        }));
        String::new()
    }

    fn end(&mut self) -> String {
        let head = if self.printed == 0 { HEAD } else { "\n" };
        let driver = json!({
            "name": "asyncup",
            "version": env!("CARGO_PKG_VERSION"),
            "rules": self.rules.iter().map(|name| rule(name)).collect::<Vec<_>>(),
        });
        let invocation = json!({
            "executionSuccessful": self.notifications.is_empty(),
            "toolExecutionNotifications": self.notifications,
        });
        format!("{head}],\n\"invocations\":[{invocation}],\n\"tool\":{{\"driver\":{driver}}}}}]}}\n")
    }
}

impl Sarif {
    fn rule(&mut self, name: &'static str) -> usize {
        self.rules.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.rules.push(name);
            self.rules.len() - 1
        })
    }
}

fn rule(name: &str) -> Value {
    let mut rule = json!({"id": name});
    if let Some(codemod) = codemods::ALL.iter().find(|codemod| codemod.name == name) {
        rule["shortDescription"] = json!({"text": codemod.page.summary});
    }
    rule
}

fn result(view: &View, finding: &Finding, rule: usize) -> Value {
    let class = Class::of(finding);
    let mut result = json!({
        "ruleId": finding.codemod,
        "ruleIndex": rule,
        "level": if class == Class::Declined { "note" } else { "warning" },
        "message": {"text": message(view, finding, class)},
        "locations": [location(view.path, Some(&view.page), finding.range)],
        "properties": {"class": class.as_str()},
    });
    if let Some(reason) = finding.reason() {
        result["properties"]["reason"] = json!(reason);
    }
    let replacements = replacements(view, finding);
    if !replacements.is_empty() {
        result["fixes"] = json!([{
            "description": {"text": format!("{} ({})", finding.codemod, class.as_str())},
            "artifactChanges": [{"artifactLocation": {"uri": uri(view.path)}, "replacements": replacements}],
        }]);
    }
    if !finding.call_path.is_empty() {
        result["codeFlows"] = json!([code_flow(view, finding)]);
    }
    result
}

fn message(view: &View, finding: &Finding, class: Class) -> String {
    let mut text = finding.message.clone();
    if let Some(reason) = finding.reason() {
        let _ = write!(text, " ({}: {reason})", class.reason_prefix());
    }
    if view.page.source.kind == SourceKind::Notebook {
        text.insert_str(0, &format!("{}: ", view.place(finding.range.start())));
    }
    text
}

fn location(path: &Path, page: Option<&Page>, range: TextRange) -> Value {
    let mut physical = json!({"artifactLocation": {"uri": uri(path)}});
    // Rows of a notebook's cell are not rows of the file on disk.
    if let Some(page) = page.filter(|page| page.source.kind != SourceKind::Notebook) {
        physical["region"] = region(page, range);
    }
    json!({"physicalLocation": physical})
}

fn region(page: &Page, range: TextRange) -> Value {
    let (start, end) = (page.place(range.start()), page.place(range.end()));
    json!({"startLine": start.row, "startColumn": start.column, "endLine": end.row, "endColumn": end.column})
}

/// The edits of a finding's fix; none for a notebook: a viewer would apply them to the file on disk, which is not the text that they
/// were made for.
fn replacements(view: &View, finding: &Finding) -> Vec<Value> {
    if view.page.source.kind == SourceKind::Notebook {
        return Vec::new();
    }
    view.edits(finding)
        .iter()
        .map(|edit| {
            json!({
                "deletedRegion": region(&view.page, edit.range()),
                "insertedContent": {"text": edit.content()},
            })
        })
        .collect()
}

/// The call path as one thread, from the finding to the end of the chain.
fn code_flow(view: &View, finding: &Finding) -> Value {
    let mut steps = vec![json!({"location": location(view.path, Some(&view.page), finding.range)})];
    steps.extend(finding.call_path.iter().map(|hop| step(view, hop)));
    json!({"threadFlows": [{"locations": steps}]})
}

fn step(view: &View, hop: &Hop) -> Value {
    let (path, page) = view.page_of(hop);
    let mut location = location(&path, page.as_deref(), hop.range);
    location["message"] = json!({"text": format!("through `{}`", hop.function)});
    json!({"location": location})
}

/// A relative reference for a relative path, else a `file:` URI. Bytes that are not plain letters are percent-encoded.
fn uri(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    let mut out = String::from(if bytes.starts_with(b"/") { "file://" } else { "" });
    for &byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references() {
        assert_eq!(uri(Path::new("my pkg/ä:b.py")), "my%20pkg/%C3%A4%3Ab.py");
        assert_eq!(uri(Path::new("/srv/a.py")), "file:///srv/a.py");
    }
}
