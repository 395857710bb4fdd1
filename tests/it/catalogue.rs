//! The catalogue is complete: every file in `codemods/` is an entry, every entry has a page that keeps to the form, and the index says
//! what the pages say. `ASYNCUP_UPDATE_INDEX=1 cargo test index` writes the index.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use asyncup::codemod::{Codemod, Selection, Wanted};
use asyncup::codemods::ALL;
use asyncup::edit::Applicability;
use asyncup::project::ProjectFacts;

use crate::meetings::{COMPETITORS, FIRST, LAST};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("codemods")
}

/// The stems of the files in `codemods/` that end so.
fn stems(extension: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let of_kind = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    let stems = of_kind.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    stems.filter(|stem| stem != "mod" && stem != "README").collect()
}

#[track_caller]
fn for_each(check: impl Fn(&'static Codemod) -> Result<(), String>) {
    let wrong: Vec<String> = ALL
        .iter()
        .filter_map(|codemod| check(codemod).err().map(|error| format!("{}: {error}", codemod.name)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn ensure(holds: bool, message: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(message.into()) }
}

#[test]
fn every_file_is_an_entry_and_every_entry_has_its_files() {
    let names: BTreeSet<String> = ALL.iter().map(|codemod| codemod.name.to_owned()).collect();
    assert_eq!(names.len(), ALL.len(), "a name occurs twice");
    assert_eq!(names, stems("md"), "the entries and the pages");
    let logic: BTreeSet<String> = stems("rs").union(&stems("py")).cloned().collect();
    assert_eq!(names, logic, "the entries and the logic files");
}

#[test]
fn names_are_verb_phrases_in_snake_case() {
    for_each(|codemod| {
        let words: Vec<&str> = codemod.name.split('_').collect();
        let is_word = |word: &&str| {
            !word.is_empty()
                && word
                    .chars()
                    .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        };
        ensure(
            words.len() > 1 && words.iter().all(is_word),
            "a name is several words in snake_case",
        )?;
        let is_noun = ["ing", "ion"].iter().any(|ending| words[0].ends_with(ending));
        ensure(!is_noun, format!("a name starts with a verb, not `{}`", words[0]))?;
        ensure(codemod.page.title == codemod.name, "the page's title is the name")
    });
}

#[test]
fn pages_say_enough() {
    for_each(|codemod| {
        let page = &codemod.page;
        let rewrites = page.cases.iter().filter(|case| case.is_rewritten()).count();
        let refusals = page.cases.len() - rewrites;
        let reasons = page
            .cases
            .iter()
            .filter(|case| !case.is_rewritten() && case.reason().is_some())
            .count();
        // What only reports has nothing to rewrite.
        let only_reports = page.level == Applicability::DisplayOnly;
        ensure(
            (rewrites >= 1 || only_reports) && refusals >= 2,
            format!("a page has a rewrite and two refusals: {rewrites}, {refusals}"),
        )?;
        ensure(reasons >= 1, "a page has a refusal with its reason")?;
        ensure(
            page.summary.ends_with('.') && !page.summary.contains(". "),
            "the summary is one sentence",
        )?;
        ensure(
            !page.libraries.is_empty(),
            "a page names the libraries that it is about",
        )?;
        ensure(
            page.options.is_some() == codemod.validate_options.is_some(),
            "a page explains its options if it has any",
        )?;
        let best = page
            .cases
            .iter()
            .filter(|case| case.is_rewritten())
            .map(|case| case.level())
            .max();
        ensure(
            best == Some(page.level).filter(|_| !only_reports),
            "a case shows the page's level",
        )
    });
}

/// What is not declined is found just the same when nothing else is wanted: no glance passes over it.
#[test]
fn glances_pass_over_nothing_that_is_wanted() {
    for_each(|codemod| {
        for case in &codemod.page.cases {
            if !case.settings.receivers.is_empty() || !case.settings.options.is_empty() {
                continue;
            }
            let found = |wanted| {
                let found = crate::support::wanted_findings(&case.before, &[codemod], wanted, &case.settings);
                let wanted = found
                    .unwrap_or_default()
                    .into_iter()
                    .filter(|finding| !finding.is_declined());
                wanted
                    .map(|finding| (finding.range, finding.message))
                    .collect::<Vec<_>>()
            };
            ensure(
                found(Wanted::NothingDeclined) == found(Wanted::Everything),
                format!("line {}: a glance passes over what is found in it", case.line),
            )?;
        }
        Ok(())
    });
}

#[test]
fn cases_agree_with_the_front_matter() {
    for_each(|codemod| {
        for case in &codemod.page.cases {
            let selection = Selection::new(vec![codemod]).declaring(&case.settings.blocking);
            let at = |message: &str| format!("line {}: {message}", case.line);
            if case.is_rewritten() || case.reason().is_some() {
                ensure(
                    !selection
                        .look(case.before.as_bytes(), Wanted::Everything, &ProjectFacts::default())
                        .concerned
                        .is_empty(),
                    at("it would not be parsed, for want of a needle or at a glance"),
                )?;
                let too_old = codemod
                    .page
                    .minimum
                    .is_some_and(|minimum| case.settings.target < minimum);
                ensure(!too_old, at("its target version is below the page's minimum"))?;
            }
            for (name, table) in &case.settings.options {
                let known = ALL
                    .iter()
                    .find(|known| known.name == name)
                    .ok_or_else(|| at("options of an unknown codemod"))?;
                let validate = known
                    .validate_options
                    .ok_or_else(|| at("options of a codemod that has none"))?;
                validate(table).map_err(|error| at(&error))?;
            }
        }
        Ok(())
    });
}

#[test]
fn the_index_says_what_the_pages_say() {
    let path = folder().join("README.md");
    let expected = index();
    if std::env::var_os("ASYNCUP_UPDATE_INDEX").is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        found == expected,
        "codemods/README.md is out of date: run ASYNCUP_UPDATE_INDEX=1 cargo test index\n{}",
        crate::support::difference(&expected, &found)
    );
}

fn index() -> String {
    let mut text = String::from(
        "<!-- Made from the pages; ASYNCUP_UPDATE_INDEX=1 cargo test index writes it. -->\n\n# The catalogue\n\n\
         What asyncup can do, in the order in which rewrites take precedence. A page says what a codemod rewrites, when that is\n\
         safe, and shows it; each of its examples is a test. *Level* is the highest that the codemod may claim. One that runs *on request*\n\
         is a matter of taste: it runs only where it is selected by its name or by `ALL` (`default = false` on its page).\n\n\
         | codemod | level | Python | rewrites |\n|---|---|---|---|\n",
    );
    for codemod in ALL {
        let (name, page) = (codemod.name, &codemod.page);
        let minimum = page.minimum.map_or_else(String::new, |version| format!("{version}+"));
        let summary = page.summary.replace('|', "\\|");
        let request = if page.is_default { "" } else { ", on request" };
        let _ = writeln!(
            text,
            "| [`{name}`]({name}.md) | {}{request} | {minimum} | {summary} |",
            page.level.as_str()
        );
    }
    text.push_str(
        "\nThe order in which codemods are applied does not matter, but where two can rewrite one place: there the earlier one goes first.\n\n\
         | first | then | because |\n|---|---|---|\n",
    );
    for (first, then, reason) in COMPETITORS {
        let _ = writeln!(text, "| `{first}` | `{then}` | {reason} |");
    }
    text.push_str("\nSome rewrites are applied before all others:\n\n| first of all | because |\n|---|---|\n");
    for (name, reason) in FIRST {
        let _ = writeln!(text, "| `{name}` | {reason} |");
    }
    text.push_str("\nSome rewrites wait until no other is left:\n\n| last | because |\n|---|---|\n");
    for (name, reason) in LAST {
        let _ = writeln!(text, "| `{name}` | {reason} |");
    }
    text.push_str(
        "\nA new codemod is a page `NAME.md`, its logic `NAME.rs`, and two lines in [`mod.rs`](mod.rs). How a page is written is said\n\
         at the top of [`src/page.rs`](../src/page.rs); `cargo test --test pages NAME` runs its examples.\n",
    );
    text
}
