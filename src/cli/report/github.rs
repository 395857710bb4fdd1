//! Workflow commands of GitHub Actions: each becomes an annotation of the pull request.

use std::path::Path;

use super::format::{Class, Format};
use super::text::escaped;
use super::view::View;
use crate::finding::Finding;
use crate::source::SourceKind;

pub(super) struct Github;

impl Format for Github {
    fn finding(&mut self, view: &View, finding: &Finding) -> String {
        let level = if finding.is_declined() { "notice" } else { "warning" };
        let (start, end) = (view.place(finding.range.start()), view.place(finding.range.end()));
        let mut message = finding.message.clone();
        if let Some(reason) = finding.reason() {
            message += &format!(" ({}: {reason})", Class::of(finding).reason_prefix());
        }
        let place = if view.page.source.kind == SourceKind::Notebook {
            // Rows of a cell are not rows of the file on disk.
            message = format!("{start}: {message}");
            String::new()
        } else {
            format!(
                ",line={},col={},endLine={},endColumn={}",
                start.row, start.column, end.row, end.column
            )
        };
        command(level, view.path, &place, finding.codemod, &message)
    }

    fn skipped(&mut self, path: &Path, cause: &str) -> String {
        command("warning", path, "", "skipped", cause)
    }
}

fn command(level: &str, path: &Path, place: &str, title: &str, message: &str) -> String {
    format!(
        "::{level} file={}{place},title={}::{}\n",
        property(&path.to_string_lossy()),
        property(&format!("asyncup({title})")),
        data(message)
    )
}

/// Escapes what would end a command.
fn data(text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    escaped(&text).into_owned()
}

/// Escapes what would end a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(
            command("warning", Path::new("a,b:c%.py"), "", "x", "50%: a,\r\nb"),
            "::warning file=a%2Cb%3Ac%25.py,title=asyncup(x)::50%25: a,%0D%0Ab\n"
        );
    }
}
