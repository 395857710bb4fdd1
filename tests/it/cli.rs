//! The command line from outside: exit codes, messages, configuration, writing, undoing, being killed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const BEFORE: &str = "import time\n\n\nasync def f():\n    time.sleep(1)\n";
const AFTER: &str = "import asyncio\n\n\nasync def f():\n    await asyncio.sleep(1)\n";

/// A project in a folder of its own, with a journal and a cache of its own.
pub struct Project {
    folder: tempfile::TempDir,
    state: tempfile::TempDir,
}

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Project {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
            state: tempfile::tempdir().unwrap(),
        };
        for (name, text) in files {
            project.write(name, text);
        }
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_asyncup"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("ASYNCUP_STATE_DIR", self.state.path())
            .env("ASYNCUP_CACHE_DIR", self.state.path().join("cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    fn run_on(&self, stdin: &[u8], arguments: &[&str]) -> Output {
        let mut child = self.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs, and asserts the exit code and a part of what was said.
    #[track_caller]
    fn ends(&self, arguments: &[&str], code: i32, said: &str) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(
            ran.stdout.contains(said) || ran.stderr.contains(said),
            "{said:?} is not in {ran:?}"
        );
        ran
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

#[test]
fn exit_codes_say_how_a_run_ended() {
    let project = Project::new(&[
        ("clean.py", "import time\n"),
        ("a/x.py", BEFORE),
        ("broken.py", "import time\nasync def f(: time.sleep(1)\n"),
    ]);
    project.ends(&["check", "clean.py"], 0, "");
    project.ends(&["check", "a"], 1, "replace_time_sleep");
    project.ends(&["check", "a", "--exit-zero"], 0, "replace_time_sleep");
    project.ends(&["check", "."], 3, "syntax error");
    project.ends(&["check", ".", "--exit-zero"], 3, "syntax error");
    project.ends(&["diff", "clean.py"], 0, "");
    project.ends(&["diff", "a"], 1, "+    await asyncio.sleep(1)");
    project.ends(&["diff", "a", "--exit-zero"], 0, "+    await asyncio.sleep(1)");
    project.ends(&["apply"], 3, "broken.py");
    assert_eq!(project.read("a/x.py"), AFTER);
    project.ends(&["apply", "a"], 0, "");
    project.ends(&["--help"], 0, "2 goes before 3");
    project.ends(&["frobnicate"], 2, "unrecognized subcommand");
}

#[test]
fn what_holds_for_all_rewrites_is_said_once() {
    let text = "import requests\n\n\nasync def f(url):\n    return requests.get(url).status_code\n";
    let project = Project::new(&[
        ("a.py", text),
        ("b.py", text),
        ("requirements.txt", "requests==2.32.4\n"),
    ]);
    let said = |arguments: &[&str]| {
        let ran = project.run(arguments);
        let all = ran.stdout + &ran.stderr;
        [
            "note: replace_requests_with_httpx: httpx does not read",
            "`httpx>=0.28`",
        ]
        .map(|text| all.matches(text).count())
    };
    assert_eq!(said(&["check"]), [1, 1]);
    assert_eq!(said(&["check", "--output-format", "json"]), [1, 1]);
    assert_eq!(said(&["check", "--quiet"]), [0, 0]);
    // Nothing is applied that the remarks are about.
    assert_eq!(said(&["diff"]), [0, 0]);
    assert_eq!(said(&["diff", "--unsafe-fixes"]), [1, 1]);
    project.write("requirements.txt", "httpx==0.28.1\n");
    assert_eq!(said(&["check"]), [1, 0]);
}

#[test]
fn a_test_that_patches_a_library_keeps_it_there() {
    let text = "import requests\n\n\nasync def f(url):\n    return requests.get(url).status_code\n";
    let project = Project::new(&[
        ("shop/http.py", text),
        (
            "shop/tests/test_http.py",
            "\nwith mock.patch(\"shop.http.requests.get\"):\n    pass\n",
        ),
        ("other/http.py", text),
    ]);
    let ran = project.run(&["check", "-v", "--output-format", "concise"]);
    let reported = |line: &&str| line.contains("requests is patched at shop/tests/test_http.py:2");
    let lines: Vec<&str> = ran.stdout.lines().filter(reported).collect();
    assert!(
        matches!(lines.as_slice(), [line] if line.starts_with("shop/http.py:5")),
        "{ran:?}"
    );
    let ran = project.run(&["apply", "--unsafe-fixes"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        project
            .read("shop/http.py")
            .contains("asyncio.to_thread(requests.get, url)")
    );
    assert!(project.read("other/http.py").contains("httpx.AsyncClient("));
}

#[test]
fn what_keeps_a_run_from_beginning_is_named() {
    let project = Project::new(&[("x.py", BEFORE)]);
    project.ends(&["check", "nope.py"], 2, "no such file or folder: nope.py");
    project.ends(
        &["check", "--select", "replace_time_slep"],
        2,
        "did you mean `replace_time_sleep`?",
    );
    project.ends(&["check", "--ignore", "nope"], 2, "--ignore: unknown codemod `nope`");
    project.ends(
        &["check", "--target-version", "py27"],
        2,
        "unknown Python version `py27`",
    );
    project.ends(&["check", "--config", "selct = []"], 2, "did you mean `select`?");
    project.ends(&["check", "--config", "nope.toml"], 2, "no such file");
    project.ends(&["check", "-", "x.py"], 2, "cannot be mixed");
    project.ends(&["check", "@nope.txt"], 2, "nope.txt cannot be read");
    project.ends(
        &["explain", "replace_time_slep"],
        2,
        "did you mean `replace_time_sleep`?",
    );
    project.write("sub/asyncup.toml", "line_length = 3\n");
    project.write("sub/x.py", BEFORE);
    let ran = project.ends(&["apply"], 2, "unknown key `line_length`; did you mean `line-length`?");
    assert!(ran.stderr.contains("asyncup.toml"), "{ran:?}");
    assert_eq!(
        project.read("x.py"),
        BEFORE,
        "nothing is written before the configuration is understood"
    );
    project.ends(&["apply", "--isolated"], 0, "");
}

#[test]
fn configuration_of_the_closest_folder_holds_and_flags_override_it() {
    let project = Project::new(&[
        ("pyproject.toml", "[tool.asyncup]\nignore = ['replace_time_sleep']\n"),
        ("x.py", BEFORE),
        ("sub/asyncup.toml", ""),
        ("sub/x.py", BEFORE),
    ]);
    let ran = project.ends(&["check", "--output-format", "concise"], 1, "sub/x.py");
    assert!(!ran.stdout.lines().any(|line| line.starts_with("x.py")), "{ran:?}");
    project.ends(&["check", "--select", "replace_time_sleep", "x.py"], 1, "x.py");
    project.ends(&["check", "--ignore", "ALL"], 0, "");
    project.ends(&["check", "--config", "ignore = ['ALL']"], 0, "");
    project.ends(&["check", "--exclude", "sub"], 0, "");
    project.write("list.txt", "sub/x.py\r\n\n");
    project.ends(&["check", "@list.txt"], 1, "sub/x.py");
}

#[test]
fn what_the_configuration_declares_is_found_in_files_that_nothing_else_concerns() {
    let text = "from shop import stock\n\n\nasync def f():\n    return stock.count(), stock.price()\n";
    let project = Project::new(&[("a.py", text)]);
    project.ends(&["check", "a.py"], 0, "");
    project.write(
        "asyncup.toml",
        "[[blocking]]\ncall = 'shop.stock.count'\n\n[[blocking]]\ncall = 'shop.stock.price'\nasync = 'shop.stock.aprice'\nexactness = 'exact'\n",
    );
    project.ends(&["check", "a.py"], 1, "2 fixable safely");
    project.ends(&["apply", "a.py"], 0, "2 rewrites");
    assert_eq!(
        project.read("a.py"),
        "import asyncio\n\nfrom shop import stock\n\n\nasync def f():\n    return await asyncio.to_thread(stock.count), await stock.aprice()\n"
    );
}

#[test]
fn a_codemod_on_request_runs_where_it_is_selected() {
    let text = "import asyncio\n\n\nasync def f(): ...\n\n\nasync def g():\n    await asyncio.gather(f(), f())\n";
    let project = Project::new(&[("a.py", text)]);
    let check = |more: &[&str], code, said| {
        let arguments = [&["check", "--target-version", "py313", "a.py"], more].concat();
        project.ends(&arguments, code, said);
    };
    check(&["--unsafe-fixes"], 0, "No problems");
    check(
        &["--select", "replace_gather_with_task_group"],
        1,
        "replace_gather_with_task_group",
    );
    check(&["--select", "ALL"], 1, "replace_gather_with_task_group");
    project.write("asyncup.toml", "select = ['replace_gather_with_task_group']\n");
    check(&[], 1, "replace_gather_with_task_group");
    project.ends(&["list"], 0, "by a block under `asyncio.TaskGroup`. (On request.)");
}

#[test]
fn what_another_rewrite_mends_as_well_is_told_once() {
    let text = "import time\n\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get('/')\nasync def wait():\n    time.sleep(1)\n    time.sleep(2)\n";
    let project = Project::new(&[("a.py", text)]);
    let arguments = ["check", "--target-version", "py313", "--output-format", "concise"];
    project.ends(&arguments, 1, "Found 1 problem in 1 file");
    project.ends(
        &[&arguments[..], &["--ignore", "replace_blocking_endpoint_with_def"]].concat(),
        1,
        "Found 2 problems",
    );
}

#[test]
fn a_defect_that_many_places_share_is_told_once() {
    let library =
        "import time\n\n\nclass Client:\n    @property\n    def name(self):\n        time.sleep(1)\n        return 1\n";
    let user = |count: usize| {
        let uses = (0..count).map(|number| format!("\n\nasync def f{number}():\n    return Client().name\n"));
        format!("from library import Client\n{}", uses.collect::<String>())
    };
    let project = Project::new(&[("library.py", library), ("a.py", &user(4)), ("b.py", &user(3))]);
    let arguments = [
        "check",
        "--select",
        "offload_blocking_helper",
        "--output-format",
        "concise",
    ];
    project.ends(&arguments, 1, "Found 1 problem in 1 file");
    project.ends(&arguments, 1, "; 6 other places do the same");
    project.ends(&[&arguments[..], &["-v"]].concat(), 1, "it is told in a.py:5");
    project.write("b.py", "");
    project.ends(&arguments, 1, "Found 4 problems in 1 file");
}

#[test]
fn stdin_is_judged_under_its_name() {
    let project = Project::new(&[("sub/asyncup.toml", "ignore = ['ALL']\n")]);
    let fixed = project.run_on(BEFORE.as_bytes(), &["apply", "--stdin-filename", "x.py", "-"]);
    assert_eq!(
        (fixed.status.code(), fixed.stdout.as_slice()),
        (Some(0), AFTER.as_bytes())
    );
    let ignored = project.run_on(BEFORE.as_bytes(), &["apply", "--stdin-filename", "sub/x.py", "-"]);
    assert_eq!(
        (ignored.status.code(), ignored.stdout.as_slice()),
        (Some(0), BEFORE.as_bytes())
    );
    let broken = project.run_on(b"import time\nasync def (: time.sleep(\n", &["apply", "-"]);
    assert_eq!(
        (
            broken.status.code(),
            broken.stdout.starts_with(b"import time\nasync def (")
        ),
        (Some(3), true)
    );
    let diff: Ran = project
        .run_on(BEFORE.as_bytes(), &["diff", "--stdin-filename", "x.py", "-"])
        .into();
    assert_eq!(diff.code, Some(1));
    assert!(diff.stdout.starts_with("--- a/x.py\n+++ b/x.py\n"), "{diff:?}");
    let check: Ran = project.run_on(BEFORE.as_bytes(), &["check", "-"]).into();
    assert_eq!(check.code, Some(1));
}

#[test]
fn encodings_and_notebooks_are_written_as_they_were() {
    let project = Project::new(&[]);
    let latin = |text: &str| {
        [
            b"# coding: latin-1\r\n# \xe9\r\n",
            text.replace('\n', "\r\n").as_bytes(),
        ]
        .concat()
    };
    project.write("latin.py", latin(BEFORE));
    let notebook = r#"{"cells": [{"cell_type": "code", "source": ["import time\n", "async def f():\n", "    time.sleep(1)"], "outputs": [1.0, 1e5]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}"#;
    project.write("n.ipynb", notebook);
    let diff = project.ends(&["diff"], 1, "n.ipynb");
    project.ends(&["apply"], 0, "");
    assert_eq!(fs::read(project.path("latin.py")).unwrap(), latin(AFTER));
    let expected = notebook
        .replace("import time", "import asyncio")
        .replace("time.sleep", "await asyncio.sleep");
    assert_eq!(project.read("n.ipynb"), expected);
    assert!(diff.stdout.contains(&format!("+{expected}")), "{diff:?}");
    project.ends(&["diff"], 0, "");
    project.write("bad.py", b"import time\nasync def f(): time.sleep('\xff')\n");
    project.ends(&["check", "bad.py"], 3, "not valid UTF-8");
}

#[test]
fn undo_restores_what_nobody_changed_since() {
    let project = Project::new(&[("a.py", BEFORE), ("b.py", BEFORE)]);
    project.ends(&["undo"], 2, "nothing to undo");
    project.ends(&["undo", "--list"], 0, "no `apply`");
    project.ends(&["apply"], 0, "");
    project.write("b.py", "mine\n");
    project.ends(&["undo", "nope"], 2, "no run `nope`");
    let list = project.ends(&["undo", "--list"], 0, "2 files");
    let run = list.stdout.split_whitespace().next().unwrap().to_owned();
    let undone = project.ends(&["undo", &run], 3, "b.py: changed since");
    assert!(undone.stdout.contains("restored a.py"), "{undone:?}");
    assert_eq!(
        (project.read("a.py").as_str(), project.read("b.py").as_str()),
        (BEFORE, "mine\n")
    );
    project.write("b.py", AFTER);
    project.ends(&["undo"], 0, "restored b.py");
    assert_eq!(project.read("b.py"), BEFORE);
    project.ends(&["undo"], 2, "nothing to undo");
    project.ends(&["undo", "--list"], 0, "undone");
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_modes_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let project = Project::new(&[("real.py", BEFORE), ("locked.py", BEFORE)]);
    let mode = |name: &str, mode| fs::set_permissions(project.path(name), fs::Permissions::from_mode(mode)).unwrap();
    mode("real.py", 0o755);
    mode("locked.py", 0o444);
    symlink("real.py", project.path("link.py")).unwrap();
    symlink(".", project.path("loop")).unwrap();
    project.ends(&["apply", "link.py"], 0, "");
    assert_eq!(project.read("real.py"), AFTER);
    assert_eq!(fs::read_link(project.path("link.py")).unwrap(), Path::new("real.py"));
    assert_eq!(
        fs::metadata(project.path("real.py")).unwrap().permissions().mode() & 0o777,
        0o755
    );
    project.ends(&["apply"], 0, "");
    assert_eq!(project.read("locked.py"), AFTER);
    assert_eq!(
        fs::metadata(project.path("locked.py")).unwrap().permissions().mode() & 0o777,
        0o444
    );
}

#[test]
fn without_a_place_for_the_journal_nothing_is_written() {
    let project = Project::new(&[("x.py", BEFORE), ("file", "")]);
    let output = project
        .command(&["apply"])
        .env("ASYNCUP_STATE_DIR", project.path("file/state"))
        .output()
        .unwrap();
    let ran = Ran::from(output);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("set ASYNCUP_STATE_DIR"), "{ran:?}");
    assert_eq!(project.read("x.py"), BEFORE);
}

/// Files enough for a run that can be hit.
fn many() -> Project {
    let project = Project::new(&[]);
    for number in 0..300 {
        project.write(&format!("f{number:03}.py"), BEFORE);
    }
    project
}

#[track_caller]
fn all_are(project: &Project, allowed: &[&str]) -> usize {
    let mut rewritten = 0;
    for number in 0..300 {
        let text = project.read(&format!("f{number:03}.py"));
        assert!(allowed.contains(&text.as_str()), "{text:?}");
        rewritten += usize::from(text == AFTER);
    }
    rewritten
}

#[test]
fn a_killed_apply_leaves_each_file_whole_and_can_be_undone() {
    let project = many();
    let begun = Instant::now();
    project.ends(&["apply"], 0, "");
    let whole = begun.elapsed();
    project.ends(&["undo"], 0, "");
    let mut hits = 0;
    for attempt in 1..12 {
        let mut child = project.command(&["apply"]).spawn().unwrap();
        sleep(whole * attempt / 12);
        child.kill().unwrap();
        child.wait().unwrap();
        let rewritten = all_are(&project, &[BEFORE, AFTER]);
        hits += usize::from((1..300).contains(&rewritten));
        let undone = project.run(&["undo"]);
        assert!(undone.code == Some(0) || rewritten == 0, "{undone:?}");
        assert_eq!(all_are(&project, &[BEFORE]), 0);
    }
    assert!(
        hits > 0,
        "no attempt hit a run in the middle: the pauses must be adapted"
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_apply_ends_between_two_files() {
    let project = many();
    for attempt in 1..8 {
        let child = project.command(&["apply"]).spawn().unwrap();
        sleep(Duration::from_millis(20 * attempt));
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap();
        let ran = Ran::from(child.wait_with_output().unwrap());
        let rewritten = all_are(&project, &[BEFORE, AFTER]);
        // None: the signal came before anybody listened.
        assert!(matches!(ran.code, Some(0 | 130) | None), "{ran:?}");
        assert!(ran.code != Some(0) || rewritten == 300, "{ran:?}");
        project.run(&["undo"]);
    }
}

#[test]
fn a_file_that_is_named_is_read_whatever_it_holds() {
    let project = Project::new(&[("broken.py", "async def f(:\n"), ("bad.ipynb", "{")]);
    project.ends(&["check"], 0, "No problems found");
    project.ends(&["check", "broken.py"], 3, "syntax error");
    project.ends(&["apply", ".", "bad.ipynb"], 3, "skipped 1 file");
    let ran = Ran::from(project.run_on(b"def f(:\n", &["check", "-"]));
    assert_eq!(ran.code, Some(3), "{ran:?}");
}

#[test]
fn diffs_name_files_from_the_root_of_the_repository() {
    let project = Project::new(&[(".git/HEAD", ""), ("a.py", BEFORE), ("sub/b.py", BEFORE)]);
    let output = project
        .command(&["diff", ".."])
        .current_dir(project.path("sub"))
        .output();
    let ran = Ran::from(output.unwrap());
    for name in ["a.py", "sub/b.py"] {
        assert!(ran.stdout.contains(&format!("--- a/{name}\n+++ b/{name}\n")), "{ran:?}");
    }
}

#[test]
fn undo_finds_the_last_run_that_it_can_restore() {
    let project = Project::new(&[("a.py", BEFORE), ("b.py", BEFORE)]);
    project.ends(&["apply", "a.py"], 0, "");
    project.ends(&["apply", "b.py"], 0, "");
    std::fs::remove_file(project.path("b.py")).unwrap();
    let list = project.ends(&["undo", "--list"], 0, "1 file");
    let last = list.stdout.split_whitespace().next().unwrap().to_owned();
    project.ends(&["undo", &last], 3, "b.py: removed since");
    project.ends(&["undo"], 0, "restored a.py");
    project.ends(&["undo"], 3, "what it was is kept in");
}

#[test]
fn explain_knows_the_steps_of_a_way() {
    let text = "import time\ndef slow():\n    time.sleep(1)\nasync def g():\n    slow()\n";
    let project = Project::new(&[("a.py", text)]);
    project.ends(&["explain", "a.py:3"], 0, "offload_blocking_helper");
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_success() {
    let project = many();
    let script = format!(
        "(sleep 0.5; {} check . --output-format concise) | true; echo ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_asyncup")
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(project.folder.path())
        .output()
        .unwrap();
    let ran = Ran::from(output);
    assert!(ran.stderr.is_empty(), "{ran:?}");
    assert_eq!(ran.stdout.lines().last(), Some("0"), "{ran:?}");
}

#[test]
fn what_blocks_is_found_through_other_files_and_not_where_nothing_does() {
    let project = Project::new(&[
        (
            "app/main.py",
            "import asyncio\n\nfrom app import service\n\n\nasync def handler(n):\n    return service.report(n)\n",
        ),
        ("app/__init__.py", ""),
        ("app/service/__init__.py", "from .reports import report as report\n"),
        (
            "app/service/reports.py",
            "from app.db import Database\n\n\ndef report(n):\n    return Database(n).query()\n",
        ),
        (
            "app/db.py",
            "import subprocess\n\n\nclass Database:\n    def __init__(self, n):\n        self.n = n\n\n    def query(self):\n        return subprocess.check_output([\"query\", str(self.n)])\n",
        ),
        (
            "app/other.py",
            "from app.db import Other\n\n\nasync def handler(other: Other):\n    return other.query()\n",
        ),
    ]);
    let ran = project.ends(&["check", "--output-format", "json", "app"], 1, "");
    let findings: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let [finding] = findings.as_array().unwrap().as_slice() else {
        panic!("one finding expected: {}", ran.stdout);
    };
    let message = finding["message"].as_str().unwrap().replace('\\', "/");
    assert!(
        message.ends_with(
            "handler -> app.service.reports.report (app/service/reports.py:4) -> app.db.Database.query (app/db.py:8) -> subprocess.check_output (app/db.py:9)"
        ),
        "{message}"
    );
    assert_eq!(finding["call_path"].as_array().unwrap().len(), 3, "{finding}");
    project.ends(&["apply", "app"], 0, "");
    assert!(
        project
            .read("app/main.py")
            .ends_with("    return await asyncio.to_thread(service.report, n)\n")
    );
    project.ends(&["check", "app"], 0, "");
}

const NET: &str = "import time\n\n\ndef fetch(number):\n    time.sleep(0.01)\n    return number\n";
const API: &str = "from .net import fetch as get\n\n\ndef both(number):\n    return get(number) + get(number)\n";
const PROGRAM: &str =
    "from pkg import both\n\n\ndef main():\n    print(both(4))\n\n\nif __name__ == \"__main__\":\n    main()\n";

fn colour(project: &Project, more: &[&str]) -> Ran {
    let arguments = [
        &["apply", "--isolated", "--no-cache", "--select", "color_call_graph"],
        more,
    ]
    .concat();
    project.run(&arguments)
}

#[test]
fn what_waits_turns_in_all_files_or_in_none() {
    let files = [
        ("pkg/__init__.py", "from .api import both\n"),
        ("pkg/net.py", NET),
        ("pkg/api.py", API),
        ("main.py", PROGRAM),
    ];
    let project = Project::new(&files);
    colour(&project, &["."]);
    let said = [("pkg/net.py", "async def fetch"), ("main.py", "asyncio.run(main())")];
    for (name, text) in said {
        assert!(project.read(name).contains(text), "{}", project.read(name));
    }
    assert!(
        project
            .read("pkg/api.py")
            .contains("return await get(number) + await get(number)")
    );

    let suppressed = NET.replace(
        "def fetch(number):",
        "def fetch(number):  # asyncup: ignore[color_call_graph] it stays",
    );
    let project = Project::new(&files);
    project.write("pkg/net.py", &suppressed);
    colour(&project, &["--unsafe-fixes", "."]);
    assert_eq!(project.read("pkg/net.py"), suppressed);
    assert_eq!(project.read("pkg/api.py"), API);
    assert_eq!(project.read("main.py"), PROGRAM);
}

#[test]
fn a_file_that_others_use_does_not_turn_alone() {
    let project = Project::new(&[("net.py", NET), ("main.py", "from net import fetch\nprint(fetch(1))\n")]);
    colour(&project, &["net.py"]);
    assert_eq!(project.read("net.py"), NET);
    // Nor with its users: one of them cannot wait.
    colour(&project, &["--unsafe-fixes", "."]);
    assert_eq!(project.read("net.py"), NET);
}

const FIXTURES: &str = "import pytest\n\nfrom web import Client\n\n\n@pytest.fixture\ndef host():\n    return \"h\"\n\n\n@pytest.fixture(name=\"client\")\ndef make_client(host):\n    made = Client(host)\n    yield made\n";

/// A parameter of a test is what the fixture of its name gives: of the closest `conftest.py`, or of the file itself.
#[test]
fn fixtures_say_what_parameters_of_tests_are() {
    let web = "import time\n\n\nclass Client:\n    def __init__(self, host):\n        self.host = host\n\n    def get(self, number):\n        time.sleep(0.01)\n        return number\n";
    let test = "def test_get(client):\n    assert client.get(1) == 1\n";
    let other = "import pytest\n\n\n@pytest.fixture\ndef client():\n    return {1: 2}\n\n\ndef test_get(client):\n    assert client.get(1) == 2\n";
    let given = "import pytest\n\n\n@pytest.mark.parametrize(\"client\", [{1: 2}])\ndef test_get(client):\n    assert client.get(1) == 2\n";
    let files = [
        (
            "pyproject.toml",
            "[project]\nname = \"web\"\ndependencies = [\"pytest-asyncio\"]\n",
        ),
        ("web.py", web),
        ("tests/conftest.py", FIXTURES),
        ("tests/deep/test_web.py", test),
        ("tests/test_other.py", other),
    ];
    let colour = |project: &Project| {
        let select = [
            "apply",
            "--no-cache",
            "--select",
            "color_call_graph",
            "--unsafe-fixes",
            ".",
        ];
        project.run(&select);
    };
    let project = Project::new(&files);
    colour(&project);
    assert!(
        project.read("web.py").contains("async def get"),
        "{}",
        project.read("web.py")
    );
    assert_eq!(
        project.read("tests/deep/test_web.py"),
        "import pytest\n\n\n@pytest.mark.asyncio\nasync def test_get(client):\n    assert await client.get(1) == 1\n"
    );
    assert_eq!(project.read("tests/test_other.py"), other);
    // What a test is run with for several values is no fixture: nothing says what it is.
    let project = Project::new(&files);
    project.write("tests/deep/test_web.py", given);
    colour(&project);
    assert_eq!(project.read("web.py"), web);
}

/// What a test puts in the place of `time.sleep` is met, and a stopped clock harms nobody, whether or not the test names what turns.
#[test]
fn a_test_that_stops_the_clock_is_met_by_all_that_sleeps() {
    let waiter =
        "import time\n\n\ndef call():\n    time.sleep(5)\n    return 1\n\n\nasync def use():\n    return call()\n";
    let test = "import waiter\n\n\nasync def test_use():\n    assert await waiter.use() == 1\n";
    let sleeps = "    await asyncio.sleep(5)\n";
    let in_thread = "    await asyncio.to_thread(time.sleep, 5)\n";
    let stops = "import waiter\n\n\nasync def test_use(monkeypatch):\n    monkeypatch.setattr(waiter.time, \"sleep\", print)\n    assert await waiter.use() == 1\n";
    let freezes = "import freezegun\n\nimport waiter\n\n\n@freezegun.freeze_time(\"2024-01-01\")\nasync def test_use():\n    assert await waiter.use() == 1\n";
    let of_loop = "import waiter\n\n\nasync def test_use(mocker):\n    mocker.patch(\"asyncio.sleep\")\n    assert await waiter.use() == 1\n";
    for (test, expected) in [
        (test, sleeps),
        (of_loop, sleeps),
        (stops, in_thread),
        (freezes, in_thread),
    ] {
        let project = Project::new(&[("waiter.py", waiter), ("test_w.py", test)]);
        colour(&project, &["."]);
        let turned = project.read("waiter.py");
        assert!(turned.contains(expected), "{test}\n{turned}");
        assert_eq!(project.read("test_w.py"), test);
    }
}

/// Where a test that stops the clock runs nothing of a file, by all that it imports, what sleeps there waits in the event loop.
#[test]
fn a_stopped_clock_is_that_of_what_the_test_imports() {
    let waiter =
        "import time\n\n\ndef call():\n    time.sleep(5)\n    return 1\n\n\nasync def use():\n    return call()\n";
    let sleeps = "    await asyncio.sleep(5)\n";
    let in_thread = "    await asyncio.to_thread(time.sleep, 5)\n";
    let test = |imported: &str| {
        format!(
            "import {imported}\n\n\nasync def test_use(mocker):\n    mocker.patch(\"time.sleep\")\n    assert await {imported}.use() == 1\n"
        )
    };
    let handed_on = "from inner import use\n";
    for (imported, more, expected) in [
        ("outer", "", [in_thread, sleeps]),
        (
            "outer",
            "import importlib\n\nimportlib.import_module(\"other\")\n",
            [in_thread, in_thread],
        ),
        ("other", "", [sleeps, in_thread]),
    ] {
        let project = Project::new(&[
            ("inner.py", waiter),
            ("outer.py", handed_on),
            ("other.py", waiter),
            ("test_outer.py", &(test(imported) + more)),
        ]);
        colour(&project, &["."]);
        for (file, expected) in [("inner.py", expected[0]), ("other.py", expected[1])] {
            let turned = project.read(file);
            assert!(turned.contains(expected), "{imported} {file}\n{turned}");
        }
    }
}

/// A decorator that waits between calls waits in the event loop for a coroutine function: past what a test puts in the place of `time.sleep`.
#[test]
fn what_a_decorator_calls_again_does_not_turn_under_a_stopped_clock() {
    let get = "import time\n\nimport backoff\n\n\n@backoff.on_predicate(backoff.expo)\ndef get():\n    time.sleep(0.01)\n    return 1\n\n\nasync def use():\n    return get()\n";
    let test = "import shop\n\n\nasync def test_use(mocker):\n    mocker.patch(\"time.sleep\")\n    assert await shop.use() == 1\n";
    let goes_on = "import shop\n\n\nasync def test_use():\n    assert await shop.use() == 1\n";
    let project = Project::new(&[("shop.py", get), ("test_shop.py", goes_on)]);
    colour(&project, &["."]);
    assert!(project.read("shop.py").contains("async def get"));
    let project = Project::new(&[("shop.py", get), ("test_shop.py", test)]);
    colour(&project, &["--unsafe-fixes", "."]);
    assert_eq!(project.read("shop.py"), get);
}

const DATABASE: &str = "from sqlalchemy import create_engine\nfrom sqlalchemy.orm import sessionmaker\n\nengine = create_engine(\"sqlite:///x.db\")\nmaker = sessionmaker(engine)\n\n\ndef get_db():\n    with maker() as db:\n        yield db\n";
const QUERIES: &str =
    "from sqlalchemy import text\n\n\ndef count(db):\n    return db.execute(text(\"select 1\")).scalar()\n";
const ROUTES: &str = "from fastapi import Depends, FastAPI\n\nfrom app.database import get_db\nfrom app.queries import count\n\napp = FastAPI()\n\n\n@app.get(\"/\")\ndef total(db=Depends(get_db)):\n    return count(db)\n";

fn migrate(project: &Project) -> Ran {
    project.write("requirements.txt", "sqlalchemy==2.0.44\naiosqlite\nfastapi\n");
    project.run(&[
        "apply",
        "--no-cache",
        "--unsafe-fixes",
        "-v",
        "--select",
        "replace_create_engine",
        ".",
    ])
}

#[test]
fn a_database_layer_turns_in_all_files_or_in_none() {
    let files = [
        ("app/__init__.py", ""),
        ("app/database.py", DATABASE),
        ("app/queries.py", QUERIES),
        ("app/main.py", ROUTES),
    ];
    let project = Project::new(&files);
    migrate(&project);
    let said = [
        ("app/database.py", "async with maker() as db:"),
        (
            "app/queries.py",
            "return (await db.execute(text(\"select 1\"))).scalar()",
        ),
        ("app/main.py", "return await count(db)"),
    ];
    for (name, text) in said {
        assert!(project.read(name).contains(text), "{}", project.read(name));
    }

    let job = "from app.database import maker\nfrom app.queries import count\n\n\ndef job():\n    return (lambda: count(maker()))()\n";
    let suppressed = ROUTES.replace(
        "def total",
        "# asyncup: ignore[replace_create_engine] it stays\ndef total",
    );
    for (name, text) in [("job.py", job), ("app/main.py", suppressed.as_str())] {
        let project = Project::new(&files);
        project.write(name, text);
        let ran = migrate(&project);
        for (name, text) in files.iter().filter(|(other, _)| *other != name) {
            assert_eq!(project.read(name), *text, "{}", ran.stdout);
        }
    }
}

#[test]
fn a_program_that_nobody_imports_runs_its_database_layer_in_an_event_loop() {
    let models = "from sqlalchemy import Column, ForeignKey, Integer, String\nfrom sqlalchemy.orm import declarative_base, relationship\n\nBase = declarative_base()\n\n\nclass User(Base):\n    __tablename__ = \"user\"\n    id = Column(Integer, primary_key=True)\n    name = Column(String)\n    addresses = relationship(\"Address\")\n\n\nclass Address(Base):\n    __tablename__ = \"address\"\n    id = Column(Integer, primary_key=True)\n    user_id = Column(ForeignKey(\"user.id\"))\n";
    let shop = |body: &str| {
        format!(
            "from sqlalchemy import create_engine, select\nfrom sqlalchemy.orm import Session\n\nfrom models import User\n\nengine = create_engine(\"sqlite:///x.db\")\n\n\ndef main():\n    with Session(engine) as session:\n        print({body})\n\n\nmain()\n"
        )
    };
    let names = shop("session.scalars(select(User.name)).all()");
    let project = Project::new(&[("models.py", models), ("shop.py", &names)]);
    migrate(&project);
    let text = project.read("shop.py");
    assert!(text.contains("asyncio.run(main())"), "{text}");

    let project = Project::new(&[("models.py", models), ("shop.py", &names), ("tool.py", "import shop\n")]);
    let said = migrate(&project).stdout;
    assert_eq!(project.read("shop.py"), names, "{said}");

    // Another codemod changes the file first: what was said of the layer still holds.
    let lazy = shop("session.query(User).filter_by(id=1).one().addresses");
    let project = Project::new(&[("models.py", models), ("shop.py", &lazy)]);
    project.write("requirements.txt", "sqlalchemy==2.0.44\naiosqlite\n");
    project.run(&["apply", "--no-cache", "--unsafe-fixes", "."]);
    let text = project.read("shop.py");
    assert!(
        text.contains("= create_engine(") && text.contains("select(User)"),
        "{text}"
    );
}

#[test]
fn what_a_database_layer_takes_for_granted_is_said() {
    let layer = |engine: &str| {
        let database = DATABASE.replace("engine = create_engine(\"sqlite:///x.db\")", engine);
        Project::new(&[
            ("app/__init__.py", ""),
            ("app/database.py", &format!("import os\n\n{database}")),
            ("app/queries.py", QUERIES),
            ("app/main.py", ROUTES),
        ])
    };
    let check = [
        "check",
        "--no-cache",
        "--unsafe-fixes",
        "--select",
        "replace_create_engine",
        ".",
    ];

    let project = layer("engine = create_engine(os.environ[\"URL\"])");
    // As a shell of Windows writes it.
    let text = "sqlalchemy==2.0.44\r\npsycopg2-binary==2.9.9\r\nfastapi==0.115.0\r\n";
    let bytes = "\u{feff}"
        .encode_utf16()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes);
    project.write("requirements.txt", bytes.collect::<Vec<u8>>());
    let said = project.run(&check).stdout;
    for part in [
        "is taken for an address of `postgresql`",
        "it needs the driver `psycopg`",
    ] {
        assert!(said.contains(part), "{said}");
    }

    let constant = "URL = \"sqlite:///x.db\"\nengine = create_engine(URL)";
    let project = layer(constant);
    let said = migrate(&project).stdout;
    assert!(
        project
            .read("app/database.py")
            .contains("URL = \"sqlite+aiosqlite:///x.db\"\n"),
        "{said}"
    );
    let project = layer(constant);
    project.write("app/migrations.py", "from app.database import URL\n\nprint(URL)\n");
    migrate(&project);
    let database = project.read("app/database.py");
    assert!(
        database.contains("make_url(URL).set(drivername=\"sqlite+aiosqlite\")"),
        "{database}"
    );

    let project = layer("engine = create_engine(\"sqlite:///x.db\")");
    project.write("requirements.txt", "sqlalchemy==2.0.44\naiosqlite\nfastapi\n");
    let said = project.run(&check).stdout;
    assert!(said.contains("nothing closes the engine of app/database.py:"), "{said}");
}

/// A project of several files, with a chain of calls from one to another, and what lies in its cache.
fn cached_project() -> Project {
    Project::new(&[
        (
            "app.py",
            "from client import fetch\n\n\nasync def handle():\n    return fetch()\n",
        ),
        (
            "client.py",
            "import time\n\n\ndef fetch():\n    time.sleep(1)\n    return 1\n",
        ),
        ("own.py", BEFORE),
        ("broken.py", "import time\nasync def f(:\n    time.sleep(1)\n"),
        ("plain.py", "x = 1\n"),
    ])
}

/// The packs of the cache, and how long they are.
fn packs(project: &Project) -> Vec<(PathBuf, u64)> {
    let mut found: Vec<(PathBuf, u64)> = walkdir::WalkDir::new(project.state.path().join("cache"))
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| (entry.path().to_owned(), entry.metadata().unwrap().len()))
        .collect();
    found.sort();
    found
}

#[test]
fn a_second_run_finds_nothing_out_anew_and_says_the_same() {
    for arguments in [
        &["check", "."][..],
        &["diff", "--unsafe-fixes", "."],
        &["check", "-v", "--statistics", "."],
    ] {
        let project = cached_project();
        let uncached = project.run(&[arguments, &["--no-cache"]].concat());
        assert!(packs(&project).is_empty(), "--no-cache keeps nothing");
        let cold = project.run(arguments);
        let kept = packs(&project);
        assert_eq!(kept.len(), 1, "{kept:?}");
        let warm = project.run(arguments);
        // Whatever is found out is kept, in another pack.
        assert_eq!(packs(&project), kept, "something was found out again");
        for ran in [&cold, &warm] {
            assert_eq!(
                (ran.code, &ran.stdout, &ran.stderr),
                (uncached.code, &uncached.stdout, &uncached.stderr)
            );
        }
    }
}

/// What is changed, and how.
type Change = (&'static str, fn(&Project));

#[test]
fn what_is_kept_follows_every_change() {
    let project = cached_project();
    let changes: [Change; 8] = [
        ("nothing", |_| {}),
        ("a file", |project| {
            project.write("own.py", BEFORE.replace("sleep(1)", "sleep(2)"))
        }),
        ("a callee in another file", |project| {
            project.write("client.py", "def fetch():\n    return 1\n");
        }),
        ("the same callee, once more", |project| {
            project.write(
                "client.py",
                "import time\n\n\ndef fetch():\n    time.sleep(2)\n    return 1\n",
            );
        }),
        ("the configuration", |project| {
            project.write("asyncup.toml", "ignore = [\"replace_time_sleep\"]\n")
        }),
        ("the Python that the project asks for", |project| {
            project.write("asyncup.toml", "");
            project.write(
                "pyproject.toml",
                "[project]\nname = \"x\"\nrequires-python = \">=3.8\"\n",
            );
        }),
        ("a name of a file", |project| {
            fs::rename(project.path("client.py"), project.path("clients.py")).unwrap()
        }),
        ("a file less", |project| {
            fs::remove_file(project.path("broken.py")).unwrap()
        }),
    ];
    for (what, change) in changes {
        change(&project);
        for arguments in [
            &["check", "."][..],
            &["check", "-v", "."],
            &["diff", "."],
            &["diff", "--unsafe-fixes", "."],
        ] {
            let cached = project.run(arguments);
            let uncached = project.run(&[arguments, &["--no-cache"]].concat());
            assert_eq!(
                (cached.code, cached.stdout, cached.stderr),
                (uncached.code, uncached.stdout, uncached.stderr),
                "after a change of {what}: {arguments:?}"
            );
        }
    }
}

#[test]
fn apply_with_a_cache_writes_what_diff_shows() {
    let project = cached_project();
    project.run(&["diff", "."]);
    project.run(&["apply", "."]);
    assert_eq!(project.read("own.py"), AFTER);
    project.run(&["undo"]);
    assert_eq!(project.read("own.py"), BEFORE);
    project.run(&["apply", "."]);
    assert_eq!(project.read("own.py"), AFTER);
}

#[test]
fn a_damaged_cache_is_found_out_again() {
    let project = cached_project();
    let first = project.run(&["check", "."]);
    for (pack, _) in packs(&project) {
        let mut bytes = fs::read(&pack).unwrap();
        for byte in bytes.iter_mut().step_by(7) {
            *byte = !*byte;
        }
        fs::write(&pack, bytes).unwrap();
    }
    let second = project.run(&["check", "."]);
    assert_eq!(
        (first.code, first.stdout, first.stderr),
        (second.code, second.stdout, second.stderr)
    );
}

#[test]
fn a_cache_folder_that_cannot_be_made_is_an_error_where_it_was_named() {
    let project = cached_project();
    project.write("file", "");
    project.ends(
        &["check", "--cache-dir", "file/cache", "."],
        2,
        "of --cache-dir cannot be made",
    );
    let mut silent = project.command(&["check", "."]);
    let silent: Ran = silent
        .env("ASYNCUP_CACHE_DIR", project.path("file/cache"))
        .output()
        .unwrap()
        .into();
    let uncached = project.run(&["check", "--no-cache", "."]);
    assert_eq!(
        (silent.code, silent.stdout, silent.stderr),
        (uncached.code, uncached.stdout, uncached.stderr)
    );
}

#[test]
fn explain_knows_what_the_other_files_say() {
    let project = cached_project();
    let explained = project.ends(&["explain", "app.py:5"], 0, "client.py:4");
    assert!(explained.stdout.contains("offload_blocking_helper"), "{explained:?}");
}

/// What callees in other files do is proven, or refuted, and the message says where.
#[test]
fn messages_name_what_a_proof_over_files_rests_on() {
    let pair = |one: &str, other: &str| {
        format!(
            "import client\n\n\nasync def main():\n    one = await client.{one}(1)\n    other = await client.{other}(2)\n    return one, other\n"
        )
    };
    let client = "import asyncio\n\nimport db\n\nseen = []\n\n\nasync def measure(key: int) -> int:\n    await asyncio.sleep(0.01)\n    return key\n\n\n\
                  async def fetch_seen(key: int) -> int:\n    await asyncio.sleep(0.01)\n    seen.append(key)\n    return key\n\n\n\
                  async def fetch_row(key: int) -> int:\n    return await db.pool.row(key)\n";
    let project = Project::new(&[
        ("proven.py", &pair("measure", "measure")),
        ("refuted.py", &pair("fetch_seen", "fetch_seen")),
        ("guessed.py", &pair("fetch_row", "measure")),
        ("client.py", client),
        ("db.py", "pool = make()\n"),
    ]);
    let select = ["check", "-v", "--select", "gather_sequential_awaits"];
    project.ends(
        &select,
        1,
        "other's results: `measure` (client.py:8) writes nothing that others see",
    );
    project.ends(
        &select,
        1,
        "left alone: `client.fetch_seen` (client.py:13) writes an object that others can see",
    );
    project.ends(&select, 1, "`db.pool.row` is not known here (client.py:20)");
    // Whatever is shown, the same is found.
    let apply = ["apply", "--select", "gather_sequential_awaits"];
    project.ends(&apply, 0, "1 rewrite");
    assert!(
        project
            .read("proven.py")
            .contains("asyncio.gather(client.measure(1), client.measure(2))")
    );
}

/// Where more files lead to calls that wait than colouring may take, the run says so and what to do.
#[test]
fn too_many_files_to_colour_are_said() {
    let config = "[codemods.color_call_graph]\nmax-files = 1\n";
    let sleeps = "import time\n\n\ndef nap():\n    time.sleep(1)\n";
    let project = Project::new(&[("asyncup.toml", config), ("a.py", sleeps), ("b.py", sleeps)]);
    let select = ["check", "--select", "color_call_graph"];
    let said =
        "color_call_graph looked for nothing: 2 files lead to calls that wait, more than its `max-files` (1): raise it";
    project.ends(&select, 0, said);
    let ran = project.ends(&["check", "-q", "--select", "color_call_graph"], 0, "");
    assert!(!ran.stderr.contains("max-files"), "{ran:?}");
}
