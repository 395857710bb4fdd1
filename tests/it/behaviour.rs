//! Correctness shown by running Python: programs before and after the rewrite, and random programs on a virtual clock.
//!
//! The Python side is in `tests/behaviour` and `tests/trace`. Without a Python these tests fail and say what to install: a harness that
//! skips proves nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

const TOOL: &str = env!("CARGO_BIN_EXE_asyncup");

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a Python script of the repository and gives back what it printed; panics with its output when it fails.
#[track_caller]
fn python(interpreter: &Path, arguments: &[&str]) -> String {
    let done = Command::new(interpreter)
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap_or_else(|error| panic!("{} cannot be run: {error}", interpreter.display()));
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    assert!(done.status.success(), "{arguments:?}\n{out}\n{err}");
    out.into_owned()
}

/// The interpreter of the virtual environment under `target/`, made when it is not there.
fn environment() -> PathBuf {
    PathBuf::from(python(Path::new("python3"), &["tests/behaviour/environment.py"]).trim())
}

/// The interpreter of an environment with another version of a library: `sqlalchemy-1.4`.
fn with_library(library: &str) -> PathBuf {
    let requirements = format!("tests/behaviour/{library}.txt");
    let arguments = ["tests/behaviour/environment.py", "--requirements", &requirements];
    PathBuf::from(python(Path::new("python3"), &arguments).trim())
}

/// Another interpreter of at least 3.11, for the runs that a second Python version must confirm.
fn other() -> Option<PathBuf> {
    let found = python(Path::new("python3"), &["tests/behaviour/environment.py", "--others"]);
    found.lines().next().map(PathBuf::from)
}

#[test]
fn programs_and_pages_behave_as_before() {
    let interpreter = environment();
    let said = python(
        &interpreter,
        &[
            "tests/behaviour/behaviour.py",
            "--tool",
            TOOL,
            "--python",
            &interpreter.to_string_lossy(),
            "--pages",
            "codemods",
        ],
    );
    assert!(said.contains(" passed, 0 failed"), "{said}");
}

#[track_caller]
fn programs_behave_as_before_with(library: &str) {
    let interpreter = with_library(library);
    let path = interpreter.to_string_lossy();
    let arguments = [
        "tests/behaviour/behaviour.py",
        "--tool",
        TOOL,
        "--python",
        &path,
        "--with",
        library,
    ];
    let said = python(&interpreter, &arguments);
    assert!(said.contains(" passed, 0 failed"), "{said}");
}

#[test]
fn programs_behave_as_before_with_the_oldest_sqlalchemy() {
    programs_behave_as_before_with("sqlalchemy-1.4");
}

#[test]
fn programs_behave_as_before_with_the_sqlalchemy_before_the_current_one() {
    programs_behave_as_before_with("sqlalchemy-2.0");
}

#[test]
fn programs_behave_as_before_with_older_versions_of_fastapi() {
    programs_behave_as_before_with("fastapi-0.92");
    programs_behave_as_before_with("fastapi-0.115");
}

/// What colouring adds can be taken away again, and then every syntax tree is the one from before.
#[test]
fn coloured_programs_without_their_colour_are_as_before() {
    let interpreter = environment();
    python(&interpreter, &["tests/behaviour/uncolour.py", "--selftest"]);
    let mut programs: Vec<String> = std::fs::read_dir(root().join("tests/behaviour/programs"))
        .unwrap()
        .map(|entry| entry.unwrap().path().to_string_lossy().into_owned())
        .filter(|path| path.ends_with(".py") && path.contains("colour"))
        .collect();
    programs.sort();
    let mut arguments = vec!["tests/behaviour/uncolour.py", "--tool", TOOL];
    arguments.extend(programs.iter().map(String::as_str));
    let said = python(&interpreter, &arguments);
    assert!(said.contains(" coloured, 0 wrong"), "{said}");
}

#[test]
fn legacy_queries_give_the_same_rows() {
    let interpreters = [
        environment(),
        with_library("sqlalchemy-1.4"),
        with_library("sqlalchemy-2.0"),
    ];
    let paths: Vec<_> = interpreters.iter().map(|path| path.to_string_lossy()).collect();
    let mut arguments = vec!["tests/behaviour/queries.py", "--tool", TOOL];
    for path in &paths {
        arguments.extend(["--python", path]);
    }
    let said = python(&interpreters[0], &arguments);
    // With models of the program's own, and with imported ones.
    assert_eq!(said.matches(" 0 wrong").count(), 2 * paths.len(), "{said}");
}

#[test]
fn the_comparison_of_traces_sees_wrong_rewrites() {
    python(&environment(), &["tests/trace/selftest.py"]);
}

#[track_caller]
fn traces_are_equal(interpreter: &Path, kind: &str, more: &[&str], count: &str) {
    let mut arguments = vec!["tests/trace/trace.py", "--tool", TOOL, "--kind", kind, "--count", count];
    arguments.extend(more);
    let said = python(interpreter, &arguments);
    assert!(said.contains(" 0 differences"), "{said}");
}

#[test]
fn gathered_programs_have_the_same_traces() {
    traces_are_equal(&environment(), "gather", &[], "300");
}

#[test]
fn gathered_programs_have_the_same_traces_on_another_python() {
    if let Some(interpreter) = other() {
        traces_are_equal(&interpreter, "gather", &[], "150");
    }
}

#[test]
fn programs_gathered_in_order_have_the_same_traces() {
    traces_are_equal(&environment(), "gather", &["--emission", "in_order"], "150");
}

#[test]
fn programs_of_loops_have_the_same_traces() {
    traces_are_equal(&environment(), "loop", &[], "300");
}

/// At level unsafe, only runs in which nothing fails.
const UNSAFE: &[&str] = &["--level", "unsafe"];

#[test]
fn bounded_programs_have_the_same_traces_while_nothing_fails() {
    traces_are_equal(&environment(), "loop", UNSAFE, "150");
    traces_are_equal(&environment(), "bound", UNSAFE, "150");
}

#[test]
fn programs_with_timeouts_have_the_same_traces() {
    traces_are_equal(&environment(), "timeout", &[], "150");
}

#[test]
fn programs_with_locks_have_the_same_traces() {
    traces_are_equal(&environment(), "lock", &[], "150");
    traces_are_equal(&environment(), "lock", UNSAFE, "150");
}

#[test]
fn programs_with_queues_have_the_same_traces_while_nothing_fails() {
    traces_are_equal(&environment(), "queue", UNSAFE, "150");
}

#[test]
fn programs_that_start_tasks_have_the_same_traces() {
    traces_are_equal(&environment(), "task", &[], "150");
}

#[test]
fn programs_that_collect_streams_have_the_same_traces() {
    traces_are_equal(&environment(), "stream", &[], "150");
}

#[test]
fn exact_rewrites_have_the_same_traces_on_another_python() {
    if let Some(interpreter) = other() {
        for kind in ["timeout", "lock", "task", "stream"] {
            traces_are_equal(&interpreter, kind, &[], "60");
        }
        traces_are_equal(&interpreter, "queue", UNSAFE, "60");
    }
}

#[test]
fn the_example_passes_its_tests_before_and_after() {
    let requirements = "examples/storefront/requirements.txt";
    let arguments = [
        "tests/behaviour/environment.py",
        "--requirements",
        requirements,
        "--least",
        "3.12",
    ];
    let interpreter = python(Path::new("python3"), &arguments);
    let interpreter = Path::new(interpreter.trim());
    let path = interpreter.to_string_lossy();
    let arguments = [
        "tests/behaviour/example.py",
        "--tool",
        TOOL,
        "--python",
        &path,
        "examples/storefront",
    ];
    let said = python(interpreter, &arguments);
    assert!(said.contains(" tests before"), "{said}");
}

#[test]
fn the_table_of_blocking_calls_names_what_there_is() {
    let said = python(&environment(), &["tests/behaviour/blocking_table.py"]);
    assert!(said.contains(" names are there"), "{said}");
}
