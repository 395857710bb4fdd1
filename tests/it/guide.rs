//! The patterns of a usual guide to asyncio: its right forms are left in peace, but for their true defects, and its wrong forms become
//! the right ones.

use asyncup::codemod::Codemod;
use asyncup::codemods::ALL;
use asyncup::edit::Applicability;
use asyncup::settings::{Declarations, Dependencies, Settings};
use pep440_rs::Version;
use ruff_python_ast::PythonVersion;

use crate::support::{findings, rewritten};

const RIGHT: &str = include_str!("../fixtures/guide_right.py");
const WRONG: &str = include_str!("../fixtures/guide_wrong.py");
const MENDED: &str = include_str!("../fixtures/guide_mended.py");

fn selected_by_default() -> Vec<&'static Codemod> {
    ALL.iter().filter(|codemod| codemod.page.is_default).collect()
}

fn settings() -> Settings {
    let versions = [("fastapi", [0, 115]), ("httpx", [0, 28]), ("sqlalchemy", [2, 0])]
        .into_iter()
        .map(|(name, version)| (name.to_owned(), Some(Version::new(version))));
    Settings {
        target: PythonVersion::PY312,
        dependencies: Dependencies(versions.collect(), Declarations::default()),
        ..Settings::default()
    }
}

/// The name of the function that an offset of a text lies in.
fn function_at(text: &str, offset: usize) -> &str {
    let start = text[..offset].rfind("def ").map_or(0, |at| at + "def ".len());
    text[start..].split('(').next().unwrap_or_default()
}

#[test]
fn right_forms_have_no_findings_but_their_defects() {
    let found = findings(RIGHT, &selected_by_default(), &settings()).unwrap();
    let found: Vec<_> = found
        .iter()
        .filter(|finding| !finding.is_declined())
        .map(|finding| (finding.codemod, function_at(RIGHT, finding.range.start().into())))
        .collect();
    // A list that stays empty, and a worker that leaves before it says that the last item is done.
    let mut defects = vec![
        ("keep_task_group_results", "pack_all"),
        ("mark_queue_task_done", "unpack"),
    ];
    defects.retain(|(name, _)| ALL.iter().any(|codemod| codemod.name == *name));
    assert_eq!(found, defects);
}

#[test]
fn a_list_that_stays_empty_is_filled() {
    let text = rewritten(RIGHT, &selected_by_default(), Applicability::Unsafe, &settings()).unwrap();
    let filled = "    async with asyncio.TaskGroup() as group:\n        \
                  tasks = [group.create_task(pack(article)) for article in articles]\n\n    \
                  # Nothing is left to wait for.\n    \
                  return [task.result() for task in tasks]\n";
    assert!(text.contains(filled), "{text}");
}

/// A text without its docstring, which says what it is.
fn code(text: &str) -> &str {
    text.split_once('\n').map_or(text, |(_, code)| code)
}

/// Section by section: the whole text, so that nothing else may change.
#[test]
fn wrong_forms_become_the_right_ones() {
    let text = rewritten(WRONG, &selected_by_default(), Applicability::Unsafe, &settings()).unwrap();
    assert_eq!(code(&text), code(MENDED));
}

#[test]
fn what_they_become_has_no_findings() {
    let found = findings(MENDED, &selected_by_default(), &settings()).unwrap();
    let found: Vec<_> = found
        .iter()
        .filter(|finding| !finding.is_declined())
        .map(|finding| (finding.codemod, function_at(MENDED, finding.range.start().into())))
        .collect();
    assert_eq!(found, []);
}
