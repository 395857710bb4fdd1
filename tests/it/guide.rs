//! The patterns of a usual guide to asyncio: its right forms are left in peace, but for their true defects, and its wrong forms become
//! the right ones.

use asyncup::codemod::Codemod;
use asyncup::codemods::ALL;
use asyncup::edit::Applicability;
use asyncup::settings::Settings;
use ruff_python_ast::PythonVersion;

use crate::support::{findings, rewritten};

const RIGHT: &str = include_str!("../fixtures/guide_right.py");
const WRONG: &str = include_str!("../fixtures/guide_wrong.py");

fn selected_by_default() -> Vec<&'static Codemod> {
    ALL.iter().filter(|codemod| codemod.page.is_default).collect()
}

fn settings() -> Settings {
    Settings {
        target: PythonVersion::PY312,
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

#[test]
fn wrong_forms_become_the_right_ones() {
    let text = rewritten(WRONG, &selected_by_default(), Applicability::Unsafe, &settings()).unwrap();
    for expected in [
        "    async with httpx.AsyncClient(",
        "await client.get(\"https://prices.example.org/today\")",
        "    customers, articles, returns = await asyncio.gather(\n        \
         find_customers(),\n        find_articles(),\n        find_returns(),\n    )\n",
        "    for result in (goods, postage):\n        \
         if isinstance(result, BaseException):\n            \
         logger.error(",
        "    except* LookupError as failure:\n",
        "        async with asyncio.timeout(10.0):\n            return await find_articles()\n    except TimeoutError:\n",
    ] {
        assert!(text.contains(expected), "{expected}\nis not in\n{text}");
    }
    assert!(!text.contains("requests") && !text.contains("wait_for"), "{text}");
}
