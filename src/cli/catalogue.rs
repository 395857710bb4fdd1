//! `asyncup list` and `asyncup explain NAME`: the pages, printed for a terminal.

use std::io::{self, Write};

use similar::{ChangeTag, TextDiff};

use crate::codemod::Codemod;
use crate::page::{Case, Expected, Page};

/// Columns of running text. Code keeps its own lines.
const WIDTH: usize = 100;

/// One line per codemod: name, highest level, lowest Python, summary, and whether it must be asked for.
pub fn list(out: &mut dyn Write, codemods: &[Codemod]) -> io::Result<()> {
    let width = codemods.iter().map(|codemod| codemod.name.len()).max().unwrap_or(0);
    for codemod in codemods {
        let page: &Page = &codemod.page;
        let (name, level, minimum) = (codemod.name, page.level.as_str(), minimum(page));
        let request = if page.is_default { "" } else { " (On request.)" };
        writeln!(out, "{name:width$}  {level:7}  {minimum:5}  {}{request}", page.summary)?;
    }
    Ok(())
}

/// A whole page.
pub fn explain(out: &mut dyn Write, codemod: &Codemod) -> io::Result<()> {
    let page: &Page = &codemod.page;
    writeln!(out, "{}\n", page.title)?;
    prose(out, &page.summary)?;
    writeln!(out, "\nLevel:     up to {}", page.level.as_str())?;
    if page.minimum.is_some() {
        writeln!(out, "Python:    {}", minimum(page))?;
    }
    writeln!(out, "Libraries: {}", page.libraries.join(", "))?;
    if !page.is_default {
        writeln!(out, "Selected:  on request, by its name or by ALL")?;
    }
    for (heading, text) in [
        ("Why", Some(&page.why)),
        ("Safety", Some(&page.safety)),
        ("Options", page.options.as_ref()),
    ] {
        if let Some(text) = text {
            writeln!(out, "\n{heading}\n")?;
            prose(out, text)?;
        }
    }
    writeln!(out, "\nCases")?;
    let mut heading = None;
    for case in &page.cases {
        if heading != case.title.as_ref() {
            heading = case.title.as_ref();
            writeln!(out, "\n  {}", heading.map_or("", String::as_str))?;
        }
        explain_case(out, case)?;
    }
    Ok(())
}

fn minimum(page: &Page) -> String {
    page.minimum.map_or_else(String::new, |version| format!("{version}+"))
}

/// A rewrite is shown as the lines that go and come, an unchanged text as it is.
fn explain_case(out: &mut dyn Write, case: &Case) -> io::Result<()> {
    let because = case.reason().map_or_else(String::new, |reason| format!(": {reason}"));
    match &case.expected {
        Expected::Rewritten { level, .. } => writeln!(out, "\n  [{}{because}]", level.as_str())?,
        Expected::Unchanged { .. } => writeln!(out, "\n  [left alone{because}]")?,
    }
    for line in case.config.iter().flat_map(|config| config.lines()) {
        writeln!(out, "{}", format!("  # {line}").trim_end())?;
    }
    for change in TextDiff::from_lines(case.before.as_str(), case.after()).iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Equal => ' ',
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
        };
        writeln!(out, "{}", format!("  {sign} {}", change.value()).trim_end())?;
    }
    Ok(())
}

/// Fills paragraphs and list items; tables and fenced blocks keep their lines.
fn prose(out: &mut dyn Write, text: &str) -> io::Result<()> {
    let mut paragraph = String::new();
    let mut fenced = false;
    for line in text.lines() {
        let fence = line.starts_with("```");
        let verbatim = fenced || fence || line.starts_with('|') || line.is_empty();
        fenced ^= fence;
        if verbatim || line.starts_with("- ") {
            fill(out, &paragraph)?;
            paragraph.clear();
        }
        if verbatim {
            writeln!(out, "{line}")?;
        } else {
            paragraph.push_str(line.trim());
            paragraph.push(' ');
        }
    }
    fill(out, &paragraph)
}

/// Writes words in lines of at most [`WIDTH`] characters; the further lines of a list item are indented below its text.
fn fill(out: &mut dyn Write, paragraph: &str) -> io::Result<()> {
    let indent = if paragraph.starts_with("- ") { "  " } else { "" };
    let mut line = String::new();
    for word in paragraph.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(out, "{line}")?;
            indent.clone_into(&mut line);
            line.push_str(word);
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    if line.is_empty() {
        Ok(())
    } else {
        writeln!(out, "{line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codemods::ALL;

    #[test]
    fn the_catalogue_is_printed() {
        let mut out = Vec::new();
        list(&mut out, ALL).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), ALL.len());
        // The width of the columns follows from the longest name.
        let row = text.lines().find(|line| line.starts_with("replace_async_timeout "));
        let words: Vec<&str> = row.unwrap_or_default().split_whitespace().collect();
        assert_eq!(words[1..5], ["safe", "3.11+", "Replaces", "the"], "{text}");
    }

    #[test]
    fn a_page_is_printed() {
        for codemod in ALL {
            let mut out = Vec::new();
            explain(&mut out, codemod).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.starts_with(&format!("{}\n\n", codemod.name)));
            assert!(
                text.lines().all(|line| line.trim_end() == line),
                "white space at the end of a line"
            );
            assert!(text.contains("\n  [left alone"), "{text}");
        }
    }
}
