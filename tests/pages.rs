//! One test for each case of every page: what the page shows is what the tool does. `cargo test --test pages NAME` runs one page.
//!
//! A case says more than its two texts. It also asserts that the answer parses and stays as it is when the codemod runs again, that nothing
//! happens below its level, that no comment is lost at level safe, that the CRLF twin of the case gives the CRLF twin of the answer,
//! and that each finding keeps to the page's level and says its reason.

#[path = "support/mod.rs"]
mod support;

use std::fmt::Write;
use std::process::ExitCode;

use asyncup::codemod::Codemod;
use asyncup::codemods::ALL;
use asyncup::edit::{self, Applicability};
use asyncup::finding::Finding;
use asyncup::page::{Case, Expected};
use asyncup::project::ProjectFacts;
use asyncup::rewrite;
use asyncup::source::Source;
use libtest_mimic::{Arguments, Failed, Trial};
use ruff_text_size::Ranged;
use support::{comments, crlf, difference, findings, rewritten, syntax_error};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = ALL
        .iter()
        .flat_map(|codemod| codemod.page.cases.iter().map(move |case| (codemod, case)))
        .map(|(codemod, case)| Trial::test(name(codemod, case), move || check(codemod, case)))
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// `replace_time_sleep::a_retry_45`: the number is the line of the page.
fn name(codemod: &Codemod, case: &Case) -> String {
    let words: Vec<String> = case
        .title
        .iter()
        .flat_map(|title| title.split(|letter: char| !letter.is_ascii_alphanumeric()))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .chain([case.line.to_string()])
        .collect();
    format!("{}::{}", codemod.name, words.join("_"))
}

/// Everything that one case asserts.
fn check(codemod: &'static Codemod, case: &Case) -> Result<(), Failed> {
    let place = format!("codemods/{}.md:{}", codemod.name, case.line);
    let run = |text: &str, level| {
        rewritten(text, &[codemod], level, &case.settings).map_err(|error| format!("{place}: {error}"))
    };
    let found = findings(&case.before, &[codemod], &case.settings)?;

    let actual = run(&case.before, case.level())?;
    if actual != case.after() {
        let message = format!("{place}: not what the page says\n{}", difference(case.after(), &actual));
        return Err((message + &listed(&found)).into());
    }
    if let Some(error) = syntax_error(&actual, &case.settings) {
        return Err(format!("{place}: the answer is no Python: {error}\n{actual}").into());
    }
    let again = run(&actual, case.level())?;
    expect(again == actual, || {
        format!(
            "{place}: a second run changes it again\n{}",
            difference(&actual, &again)
        )
    })?;
    let twin = run(&crlf(&case.before), case.level())?;
    expect(twin == crlf(&actual), || {
        format!(
            "{place}: the CRLF twin differs (shown without CR)\n{}",
            difference(&actual, &twin.replace("\r\n", "\n"))
        )
    })?;

    match &case.expected {
        Expected::Rewritten { level, reason, .. } => {
            if *level == Applicability::Safe {
                let (old, new) = (
                    comments(&case.before, &case.settings),
                    comments(&actual, &case.settings),
                );
                expect(old == new, || format!("{place}: comments were {old:?} and are {new:?}"))?;
            } else {
                let cautious = run(&case.before, Applicability::Safe)?;
                expect(cautious == case.before, || {
                    format!(
                        "{place}: applied at level safe\n{}",
                        difference(&case.before, &cautious)
                    )
                })?;
            }
            let is_said = |reason: &String| found.iter().any(|one| one.fix().is_some() && says(one, reason));
            expect(reason.iter().all(is_said), || {
                format!("{place}: the reason is not said\n{}", listed(&found))
            })?;
        }
        Expected::Unchanged { reason: Some(reason) } => {
            expect(found.iter().any(|one| one.fix().is_none() && says(one, reason)), || {
                format!(
                    "{place}: expected to be left alone because of {reason:?}\n{}",
                    listed(&found)
                )
            })?;
        }
        Expected::Unchanged { reason: None } => {
            expect(found.is_empty(), || {
                format!("{place}: expected no finding\n{}", listed(&found))
            })?;
        }
    }
    found.iter().try_for_each(|finding| {
        check_finding(codemod, case, finding).map_err(|error| format!("{place}: {error}").into())
    })
}

/// What holds for every finding, whatever the case is about.
fn check_finding(codemod: &Codemod, case: &Case, finding: &Finding) -> Result<(), String> {
    let level = finding.applicability();
    if !codemod.may_emit(level) {
        return Err(format!(
            "a finding is {}, the page allows {}",
            level.as_str(),
            codemod.page.level.as_str()
        ));
    }
    if (level == Applicability::Safe) == finding.reason().is_some() {
        return Err(format!(
            "a reason is given if and only if a finding is not safe: {finding:?}"
        ));
    }
    if finding.message.is_empty() || finding.message.contains('\n') {
        return Err(format!("a message is one line: {:?}", finding.message));
    }
    if finding.fix().is_none() {
        return Ok(());
    }
    let source = Source::module(case.before.as_str());
    let edits = rewrite::edits_of(&source, finding, &case.settings, &ProjectFacts::default());
    if edits.is_empty() || edits.windows(2).any(|pair| pair[0].end() > pair[1].start()) {
        return Err(format!("the edits of one finding are missing or overlap: {edits:?}"));
    }
    let alone = edit::apply(&case.before, &edits);
    match syntax_error(&alone, &case.settings) {
        Some(error) => Err(format!("applied alone, a finding gives no Python: {error}\n{alone}")),
        None => Ok(()),
    }
}

fn says(finding: &Finding, reason: &str) -> bool {
    finding.reason().is_some_and(|text| text.contains(reason))
}

fn expect(holds: bool, message: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(message().into()) }
}

fn listed(findings: &[Finding]) -> String {
    let mut text = String::from("findings:\n");
    for finding in findings {
        let (level, reason) = (finding.applicability().as_str(), finding.reason().unwrap_or("-"));
        let _ = writeln!(text, "  {:?} {level}: {} ({reason})", finding.range, finding.message);
    }
    if findings.is_empty() { text + "  none\n" } else { text }
}
