//! What holds for every text and every choice of codemods, tried on the cases of all pages and on the files in `tests/fixtures`.

use std::path::Path;

use asyncup::codemod::Codemod;
use asyncup::codemods::ALL;
use asyncup::edit::Applicability;
use asyncup::settings::Settings;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use crate::support::{crlf, difference, rewritten, syntax_error};

const LEVELS: [Applicability; 2] = [Applicability::Safe, Applicability::Unsafe];

/// A text to try things on.
struct Specimen {
    /// Where it comes from.
    name: String,
    text: String,
    settings: Settings,
}

fn specimens() -> Vec<Specimen> {
    let cases = ALL.iter().flat_map(|codemod| {
        codemod.page.cases.iter().map(|case| Specimen {
            name: format!("codemods/{}.md:{}", codemod.name, case.line),
            text: case.before.clone(),
            settings: case.settings.clone(),
        })
    });
    cases.chain(fixtures()).collect()
}

fn fixtures() -> Vec<Specimen> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "py"));
    paths.sort();
    let fixture = |path: std::path::PathBuf| Specimen {
        name: path.file_name().unwrap().to_str().unwrap().to_owned(),
        text: std::fs::read_to_string(&path).unwrap(),
        settings: Settings {
            target: ruff_python_ast::PythonVersion::PY313,
            ..Settings::default()
        },
    };
    paths.into_iter().map(fixture).collect()
}

fn everything() -> Vec<&'static Codemod> {
    ALL.iter().collect()
}

/// The answer, after it has been found to be Python and to stay as it is.
#[track_caller]
fn settled(name: &str, text: &str, codemods: &[&'static Codemod], level: Applicability, settings: &Settings) -> String {
    let run = |text: &str| {
        rewritten(text, codemods, level, settings).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"))
    };
    let once = run(text);
    if let Some(error) = syntax_error(&once, settings) {
        panic!("{name}: the answer is no Python: {error}\n{once}");
    }
    let twice = run(&once);
    assert!(
        twice == once,
        "{name}: a second run changes it again\n{}",
        difference(&once, &twice)
    );
    once
}

#[test]
fn answers_are_python_and_stay_as_they_are() {
    for specimen in specimens() {
        for level in LEVELS {
            settled(&specimen.name, &specimen.text, &everything(), level, &specimen.settings);
        }
    }
}

#[test]
fn line_ends_do_not_matter() {
    for specimen in specimens() {
        let text = specimen.text.replace("\r\n", "\n");
        for level in LEVELS {
            let plain = settled(&specimen.name, &text, &everything(), level, &specimen.settings);
            let twin = settled(&specimen.name, &crlf(&text), &everything(), level, &specimen.settings);
            let shown = || difference(&plain, &twin.replace("\r\n", "\n"));
            assert!(
                twin == crlf(&plain),
                "{}: the CRLF twin differs (shown without CR)\n{}",
                specimen.name,
                shown()
            );
        }
    }
}

#[test]
fn what_stands_around_does_not_matter() {
    let below = "\n\nclass Unrelated:\n    \"\"\"Nothing to see.\"\"\"\n\n    answer = 42  # unrelated\n";
    for specimen in specimens() {
        // No blank line may be left open at the seam, and a continued line would swallow it.
        if !specimen.text.ends_with('\n') || specimen.text.contains('\r') {
            continue;
        }
        for level in LEVELS {
            let run = |text: &str| settled(&specimen.name, text, &everything(), level, &specimen.settings);
            let alone = run(&specimen.text);
            let above = run(&(specimen.text.clone() + below));
            let expected = alone.clone() + below;
            assert!(
                above == expected,
                "{}: {}",
                specimen.name,
                difference(&expected, &above)
            );
        }
    }
}

#[test]
fn a_byte_order_mark_does_not_matter() {
    for specimen in specimens() {
        if specimen.text.starts_with('\u{feff}') {
            continue;
        }
        let plain = settled(
            &specimen.name,
            &specimen.text,
            &everything(),
            Applicability::Unsafe,
            &specimen.settings,
        );
        let marked = format!("\u{feff}{}", specimen.text);
        let marked = settled(
            &specimen.name,
            &marked,
            &everything(),
            Applicability::Unsafe,
            &specimen.settings,
        );
        assert_eq!(
            marked.strip_prefix('\u{feff}'),
            Some(plain.as_str()),
            "{}",
            specimen.name
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(256)
    })]

    /// Codemods are written apart and run together: whichever are chosen, in whichever order, they come to an end.
    #[test]
    fn any_codemods_in_any_order_get_along(
        codemods in subsequence(everything_by_name(), 0..=ALL.len()).prop_shuffle(),
        which in any::<Index>(),
        is_safe in any::<bool>(),
    ) {
        let specimens = specimens();
        let specimen = which.get(&specimens);
        let level = if is_safe { Applicability::Safe } else { Applicability::Unsafe };
        let codemods: Vec<&'static Codemod> = codemods.iter().map(|name| by_name(name)).collect();
        settled(&specimen.name, &specimen.text, &codemods, level, &specimen.settings);
    }

    /// Two programs in one file, in either order: nothing breaks at the seam.
    #[test]
    fn programs_can_be_joined(first in any::<Index>(), second in any::<Index>()) {
        let mut specimens = specimens();
        specimens.retain(|specimen| !specimen.text.starts_with('\u{feff}') && !specimen.text.contains('\r'));
        let (first, second) = (first.get(&specimens), second.get(&specimens));
        let text = format!("{}\n\n{}", first.text, second.text);
        if syntax_error(&text, &first.settings).is_none() {
            let name = format!("{} and {}", first.name, second.name);
            settled(&name, &text, &everything(), Applicability::Unsafe, &first.settings);
        }
    }
}

// proptest wants to print what it has chosen, and a codemod cannot be printed.
fn everything_by_name() -> Vec<&'static str> {
    ALL.iter().map(|codemod| codemod.name).collect()
}

fn by_name(name: &str) -> &'static Codemod {
    ALL.iter()
        .find(|codemod| codemod.name == name)
        .expect("it is in the catalogue")
}
