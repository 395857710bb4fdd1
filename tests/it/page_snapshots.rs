//! How each page's cases look when they are printed: the findings, then the diff with unsafe fixes, in `snapshots/pages/NAME.snap`.
//!
//! A snapshot says how it looks, never what is right: that is the page's `after`, which no machine writes. After a change, look at what
//! `INSTA_UPDATE=always cargo test --test it page_snapshots` has changed. Under `CI` nothing is ever written.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use asyncup::cli::report::{Command, FileReport, FileResult, OutputFormat, ReportOptions};
use asyncup::codemod::{Codemod, Selection, Wanted};
use asyncup::codemods::ALL;
use asyncup::edit::Applicability;
use asyncup::page::Case;
use asyncup::project::ProjectFacts;
use asyncup::rewrite::{Policy, analyse, rewrite};
use asyncup::source::Source;

use crate::report::{options, run};

#[test]
fn pages_look_as_they_did() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/pages");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // All pages are compared before the test fails.
    let differ: Vec<&str> = ALL
        .iter()
        .map(|codemod| (codemod.name, shown(codemod)))
        .filter_map(|(name, text)| {
            let compare = || settings.bind(|| insta::assert_snapshot!(name, text));
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(compare))
                .err()
                .map(|_| name)
        })
        .collect();
    assert!(
        differ.is_empty(),
        "these pages are printed otherwise than their snapshots: {differ:?}"
    );
}

fn shown(codemod: &'static Codemod) -> String {
    let mut text = String::new();
    for case in &codemod.page.cases {
        let _ = writeln!(text, "=== {}", case.title.as_deref().unwrap_or(codemod.name));
        text.push_str(&shown_case(codemod, case));
    }
    text
}

fn shown_case(codemod: &'static Codemod, case: &Case) -> String {
    let selection = Selection::new(vec![codemod]).declaring(&case.settings.blocking);
    let (source, facts) = (Source::module(case.before.as_str()), ProjectFacts::default());
    let print = |command, result| {
        let file = FileReport {
            path: PathBuf::from("case.py"),
            raw: case.before.clone().into_bytes(),
            source: source.clone(),
            settings: Arc::new(case.settings.clone()),
            project: facts.clone(),
            result,
        };
        let options = ReportOptions {
            quiet: true,
            verbose: true,
            ..options(command, OutputFormat::Concise)
        };
        run(options, &[file]).0.text()
    };
    let look = || selection.look(source.text.as_bytes(), Wanted::Everything, &facts);
    let found = match analyse(&source, &look(), &case.settings, &facts) {
        Ok(found) => found,
        Err(error) => return format!("{error}\n"),
    };
    let policy = Policy {
        level: Applicability::Unsafe,
    };
    match rewrite(&source, look(), policy, &case.settings, &facts) {
        Ok(outcome) => {
            let bytes = outcome.text.clone().map(String::into_bytes);
            let checked = print(Command::Check, FileResult::Checked(found));
            checked + &print(Command::Diff, FileResult::Rewritten { outcome, bytes })
        }
        Err(error) => format!("{error}\n"),
    }
}
