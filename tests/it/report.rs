//! What the reporters print, over files made by hand: snapshots of every format, and diffs that real patch programs apply.

use std::cell::RefCell;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::rc::Rc;
use std::sync::Arc;

use asyncup::cli::report::{Command, FileReport, FileResult, OutputFormat, ReportOptions, reporter};
use asyncup::edit::{Applicability, Edit, Fix};
use asyncup::finding::{Finding, Hop, Verdict};
use asyncup::project::ProjectFacts;
use asyncup::rewrite::{Applied, Outcome};
use asyncup::settings::Settings;
use asyncup::source::{Source, SourceKind};
use proptest::prelude::*;
use ruff_text_size::{TextRange, TextSize};

/// A writer whose bytes can still be read when the reporter owns it.
#[derive(Clone, Default)]
pub struct Captured(Rc<RefCell<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Captured {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("output is UTF-8 when the files are")
    }
}

pub fn options(command: Command, format: OutputFormat) -> ReportOptions {
    ReportOptions {
        command,
        format,
        color_stdout: false,
        color_stderr: false,
        quiet: false,
        verbose: false,
        statistics: false,
        unsafe_fixes: false,
    }
}

/// Stdout and stderr of a run over the files.
pub fn run(options: ReportOptions, files: &[FileReport]) -> (Captured, Captured) {
    let (out, err) = (Captured::default(), Captured::default());
    let mut reporter = reporter(
        options,
        Path::new("/project"),
        Box::new(out.clone()),
        Box::new(err.clone()),
    );
    for file in files {
        reporter.file(file).expect("memory takes everything");
    }
    reporter.finish().expect("memory takes everything");
    (out, err)
}

#[track_caller]
fn check(name: &str, options: ReportOptions, files: &[FileReport]) {
    let (out, err) = run(options, files);
    let text = format!("----- stdout -----\n{}----- stderr -----\n{}", out.text(), err.text());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../snapshots/report");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn range_of(text: &str, needle: &str) -> TextRange {
    let at = text.find(needle).unwrap_or_else(|| panic!("`{needle}` is in the text"));
    TextRange::at(TextSize::try_from(at).unwrap(), TextSize::of(needle))
}

fn finding(codemod: &'static str, range: TextRange, message: &str, verdict: Verdict) -> Finding {
    Finding {
        codemod,
        range,
        message: message.to_owned(),
        verdict,
        call_path: Vec::new(),
    }
}

fn file(path: &str, source: Source, result: FileResult) -> FileReport {
    FileReport {
        path: PathBuf::from(path),
        raw: source.text.clone().into_bytes(),
        source,
        settings: Arc::new(Settings::default()),
        project: ProjectFacts::default(),
        result,
    }
}

const APP: &str = "\
import time
import requests


def load(url):
    return requests.get(url)


async def main(url):
    time.sleep(1)
    page = load(url)
    for item in page:
        await send(item)
    result = await asyncio.wait_for(
        send(page),
        timeout=3,
    )
";

/// One finding of each kind, one of them over several rows and one with a call path.
fn app_findings() -> Vec<Finding> {
    let sleep = Edit::replacement("await asyncio.sleep", range_of(APP, "time.sleep"));
    let wait = range_of(APP, "asyncio.wait_for(\n        send(page),\n        timeout=3,\n    )");
    let mut blocking = finding(
        "report_blocking_call",
        range_of(APP, "load(url)\n    for").sub_end(8.into()),
        "load() blocks the event loop",
        Verdict::Report("requests has no async twin with the same behaviour".into()),
    );
    blocking.call_path = vec![
        Hop {
            file: None,
            range: range_of(APP, "requests.get(url)"),
            function: "load".into(),
        },
        Hop {
            file: Some(PathBuf::from("nowhere/to/be/found.py")),
            range: TextRange::new(5.into(), 9.into()),
            function: "requests.get".into(),
        },
    ];
    vec![
        finding(
            "replace_time_sleep",
            range_of(APP, "time.sleep(1)"),
            "time.sleep() blocks the event loop",
            Verdict::Fix(Fix::safe(vec![sleep])),
        ),
        blocking,
        finding(
            "gather_independent_awaits",
            range_of(APP, "for item in page:"),
            "the sends could run at once",
            Verdict::Declined("send() is not known to be safe to run twice at once".into()),
        ),
        finding(
            "replace_wait_for_with_timeout",
            wait,
            "asyncio.wait_for() wraps its awaitable in a task",
            Verdict::Fix(Fix::unsafe_because("send() may read the current task", Vec::new())),
        ),
    ]
}

/// Two files with findings and two that were skipped.
fn checked() -> Vec<FileReport> {
    let notebook = Source {
        text: "import time\ntime.sleep(1)\nx = 1\ntime.sleep(2)\n".into(),
        kind: SourceKind::Notebook,
        cells: vec![0.into(), 26.into()],
    };
    let in_cell = finding(
        "replace_time_sleep",
        range_of(&notebook.text, "time.sleep(2)"),
        "time.sleep() blocks the event loop",
        Verdict::Fix(Fix::safe(Vec::new())),
    );
    vec![
        file("pkg/app.py", Source::module(APP), FileResult::Checked(app_findings())),
        file(
            "pkg/bad.py",
            Source::module(""),
            FileResult::Skipped("syntax error at 3:1: unexpected indentation".into()),
        ),
        file(
            "pkg/clean.py",
            Source::module("x = 1\n"),
            FileResult::Checked(Vec::new()),
        ),
        file("pkg/note book.ipynb", notebook, FileResult::Checked(vec![in_cell])),
        file(
            "pkg/old\x1b.py",
            Source::module(""),
            FileResult::Skipped("not UTF-8: byte 0xff at 17".into()),
        ),
    ]
}

#[test]
fn findings_in_every_format() {
    for (name, format) in [
        ("check_full", OutputFormat::Full),
        ("check_concise", OutputFormat::Concise),
        ("check_json", OutputFormat::Json),
        ("check_json_lines", OutputFormat::JsonLines),
        ("check_github", OutputFormat::Github),
        ("check_sarif", OutputFormat::Sarif),
    ] {
        check(name, options(Command::Check, format), &checked());
    }
}

#[test]
fn what_was_left_alone_is_shown_on_demand() {
    for (name, format) in [
        ("check_full_verbose", OutputFormat::Full),
        ("check_concise_verbose", OutputFormat::Concise),
    ] {
        let mut options = options(Command::Check, format);
        options.verbose = true;
        check(name, options, &checked());
    }
}

#[test]
fn statistics_stand_in_place_of_the_findings() {
    let mut options = options(Command::Check, OutputFormat::Full);
    options.statistics = true;
    check("check_statistics", options, &checked());
}

#[test]
fn quiet_leaves_out_the_summary() {
    let mut options = options(Command::Check, OutputFormat::Concise);
    options.quiet = true;
    check("check_quiet", options, &checked());
}

#[test]
fn nothing_found_is_said() {
    let clean = [file("a.py", Source::module("x = 1\n"), FileResult::Checked(Vec::new()))];
    check("check_clean", options(Command::Check, OutputFormat::Full), &clean);
    for (format, expected) in [
        (OutputFormat::Json, "[]\n"),
        (OutputFormat::JsonLines, ""),
        (OutputFormat::Github, ""),
    ] {
        assert_eq!(run(options(Command::Check, format), &clean).0.text(), expected);
    }
}

#[test]
fn machine_formats_can_be_parsed() {
    let parse = |format| {
        let (out, _) = run(options(Command::Check, format), &checked());
        serde_json::from_str::<serde_json::Value>(&out.text()).expect("stdout is one JSON document")
    };
    assert_eq!(parse(OutputFormat::Json).as_array().map(Vec::len), Some(5));
    let sarif = parse(OutputFormat::Sarif);
    assert_eq!(sarif["runs"][0]["results"].as_array().map(Vec::len), Some(4));
    assert_eq!(
        sarif["runs"][0]["tool"]["driver"]["rules"][0]["id"],
        "replace_time_sleep"
    );
    let empty = run(options(Command::Check, OutputFormat::Sarif), &[]).0.text();
    serde_json::from_str::<serde_json::Value>(&empty).expect("an empty run is a document, too");
}

/// A row that the renderer has to cut.
const LONG: &str = "x = [111111111, 222222222, 333333333, 444444444, 555555555, 666666666, 777777777, 888888888, 999999999, 111111111, \
222222222, 333333333, 444444444, 555555555, 666666666, 777777777, 888888888, 999999999, 111111111, 222222222, 333333333, 444444444]";

#[test]
fn odd_text_is_shown() {
    let texts = [
        "\u{feff}a = 'b'\r\n",
        "\tif x:\n\t\tf(\t1)\n",
        "x = '漢字👩‍👩‍👧'; y()\n",
        "end",
        "a\x1b[31m\x0cb\n",
        "a\rb\rc",
        LONG,
    ];
    let files: Vec<FileReport> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let end = TextSize::of(*text);
            let tail = text.char_indices().nth_back(2).map_or(0, |(at, _)| at);
            let ranges = [
                TextRange::empty(end),
                TextRange::new(TextSize::try_from(tail).unwrap(), end),
                TextRange::up_to(end),
            ];
            let findings = ranges.map(|range| finding("odd", range, "a\nb\x1b", Verdict::Report("c\td".into())));
            file(
                &format!("{index}.py"),
                Source::module(*text),
                FileResult::Checked(findings.into()),
            )
        })
        .collect();
    check("check_odd_text", options(Command::Check, OutputFormat::Full), &files);
}

proptest! {
    /// The renderer is a foreign crate: whatever the text and the range, it must give an excerpt and not the fall-back of one line.
    #[test]
    fn any_finding_can_be_shown(text in "[ab漢\u{300}\u{200d}\u{feff}\t\r\n \u{1b}]{0,80}|[ab\n]{0,12}(xyz ){0,200}", start in 0u32..400, len in 0u32..400) {
        let range = TextRange::at(start.into(), len.into());
        let findings = vec![finding("odd", range, "message", Verdict::Report("reason".into()))];
        let file = file("a.py", Source::module(text), FileResult::Checked(findings));
        for color in [false, true] {
            let mut options = options(Command::Check, OutputFormat::Full);
            options.color_stdout = color;
            let out = run(options, std::slice::from_ref(&file)).0.text();
            prop_assert!(out.contains("needs a person: "), "{}", out);
        }
    }
}

fn applied(codemod: &'static str, applicability: Applicability, range: TextRange) -> Applied {
    Applied {
        codemod,
        applicability,
        range,
        message: format!("{codemod} says"),
        reason: (applicability != Applicability::Safe).then(|| "a doubt".to_owned()),
    }
}

/// The application after two rewrites, one of which needed an import.
fn rewritten_app() -> FileReport {
    let new = APP
        .replace("import time\n", "import asyncio\nimport time\n")
        .replace("    time.sleep(1)", "    await asyncio.sleep(1)")
        .replace(
            "await asyncio.wait_for(\n        send(page),\n        timeout=3,\n    )",
            "await within(3, send(page))",
        );
    let remaining = app_findings()
        .into_iter()
        .filter(|finding| finding.fix().is_none())
        .map(|mut finding| {
            finding.range = range_of(&new, &APP[finding.range]);
            finding.call_path.clear();
            finding
        })
        .collect();
    let outcome = Outcome {
        applied: vec![
            applied(
                "replace_time_sleep",
                Applicability::Safe,
                range_of(&new, "await asyncio.sleep(1)"),
            ),
            applied(
                "replace_wait_for",
                Applicability::Unsafe,
                range_of(&new, "await within(3, send(page))"),
            ),
        ],
        remaining,
        cells: Vec::new(),
        text: Some(new.clone()),
    };
    let bytes = Some(new.into_bytes());
    file(
        "my pkg/app.py",
        Source::module(APP),
        FileResult::Rewritten { outcome, bytes },
    )
}

fn rewritten() -> Vec<FileReport> {
    let unsafe_left = finding(
        "replace_wait_for",
        TextRange::up_to(1.into()),
        "wait_for() wraps its awaitable",
        Verdict::Fix(Fix::unsafe_because("a doubt", Vec::new())),
    );
    let outcome = Outcome {
        remaining: vec![unsafe_left],
        ..Outcome::default()
    };
    vec![
        rewritten_app(),
        file(
            "unsafe.py",
            Source::module("x\n"),
            FileResult::Rewritten { outcome, bytes: None },
        ),
        file(
            "zbad.py",
            Source::module(""),
            FileResult::Skipped("syntax error at 3:1: unexpected indentation".into()),
        ),
    ]
}

#[test]
fn diff_prints_hunks_and_what_is_left() {
    let mut options = options(Command::Diff, OutputFormat::Full);
    check("diff", options, &rewritten());
    options.verbose = true;
    check("diff_verbose", options, &rewritten());
    options.statistics = true;
    options.unsafe_fixes = true;
    check("diff_statistics", options, &rewritten());
    options = ReportOptions {
        color_stdout: true,
        color_stderr: true,
        ..options
    };
    let (out, _) = run(options, &rewritten());
    assert!(out.text().contains("\x1b[32m+    await asyncio.sleep(1)\x1b[0m\n"));
}

#[test]
fn apply_says_what_it_did() {
    let mut options = options(Command::Apply, OutputFormat::Full);
    check("apply", options, &rewritten());
    options.verbose = true;
    check("apply_verbose", options, &rewritten());
    options.verbose = false;
    options.format = OutputFormat::Json;
    check("apply_json", options, &rewritten());
    options.quiet = true;
    options.format = OutputFormat::Full;
    check("apply_quiet", options, &rewritten());
}

#[test]
fn no_rewrites_is_said() {
    for command in [Command::Diff, Command::Apply] {
        let (out, err) = run(options(command, OutputFormat::Full), &[]);
        assert_eq!((out.text().as_str(), err.text().as_str()), ("", "no rewrites\n"));
    }
}

#[test]
fn a_notebook_names_all_its_codemods() {
    let source = Source {
        text: "time.sleep(1)\n".into(),
        kind: SourceKind::Notebook,
        cells: vec![0.into()],
    };
    let outcome = Outcome {
        text: Some("await asyncio.sleep(1)\n".into()),
        applied: vec![applied(
            "replace_time_sleep",
            Applicability::Safe,
            TextRange::up_to(22.into()),
        )],
        ..Outcome::default()
    };
    let report = FileReport {
        raw: b"{\n \"source\": \"time.sleep(1)\"\n}\n".to_vec(),
        ..file(
            "n.ipynb",
            source,
            FileResult::Rewritten {
                outcome,
                bytes: Some(b"{\n \"source\": \"await asyncio.sleep(1)\"\n}\n".to_vec()),
            },
        )
    };
    check("diff_notebook", options(Command::Diff, OutputFormat::Full), &[report]);
}

/// Hops into other files are shown with their source when the file can be read.
#[test]
fn call_paths_lead_to_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let helper = folder.path().join("helper.py");
    std::fs::write(&helper, "def fetch(url):\n    return requests.get(url)\n").unwrap();
    let text = "async def main():\n    fetch(1)\n";
    let mut finding = finding(
        "report_blocking_call",
        range_of(text, "fetch(1)"),
        "fetch() blocks the event loop",
        Verdict::Report("no async twin".into()),
    );
    finding.call_path.push(Hop {
        file: Some(helper.clone()),
        range: TextRange::new(27.into(), 44.into()),
        function: "fetch".into(),
    });
    let report = file("main.py", Source::module(text), FileResult::Checked(vec![finding]));
    let (out, _) = run(
        options(Command::Check, OutputFormat::Full),
        std::slice::from_ref(&report),
    );
    let text = out.text().replace(&*helper.to_string_lossy(), "HELPER");
    assert!(text.contains("::: HELPER:2:12"), "{text}");
    assert!(text.contains("requests.get(url)"), "{text}");
    let (out, _) = run(options(Command::Check, OutputFormat::JsonLines), &[report]);
    assert!(
        out.text()
            .contains(r#""location":{"row":2,"column":12},"function":"fetch""#),
        "{}",
        out.text()
    );
}

/// Whether a program is there to try the diffs on.
fn is_installed(program: &str) -> bool {
    Process::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

fn patched_by(program: &str, arguments: &[&str], path: &Path, old: &[u8], diff: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join(path);
    std::fs::create_dir_all(target.parent().unwrap()).unwrap();
    std::fs::write(&target, old).unwrap();
    std::fs::write(folder.path().join("change.diff"), diff).unwrap();
    let output = Process::new(program)
        .args(arguments)
        .arg("change.diff")
        .current_dir(folder.path())
        // A repository further up must not change what the path in the diff is relative to.
        .env("GIT_CEILING_DIRECTORIES", folder.path().parent().unwrap())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::read(target).unwrap()
}

#[test]
fn patch_programs_take_the_diff() {
    let cases: [(&str, &[u8], &[u8]); 7] = [
        ("a.py", b"a\nb\nc\n", b"a\nB\nc\n"),
        ("my pkg/with space.py", b"a\r\nb\r\n", b"a\r\nb2\r\nc\r\n"),
        ("\u{e4}/tab\there \"q\" \\.py", b"a\nb", b"a\nc\n"),
        ("no newline.py", b"a\nb\n", b"a\nb"),
        ("lone.py", b"a\rb\nc\rd\n", b"a\rb\nc\rD\n"),
        (
            "latin1.py",
            b"# coding: latin-1\nx = '\xe4'\ny = 1\n",
            b"# coding: latin-1\nx = '\xe4'\ny = 2\n",
        ),
        ("-- dashes.py", b"-- a\n++ b\n", b"++ b\n-- c\n"),
    ];
    let programs: [(&str, &[&str]); 2] = [
        ("git", &["apply", "--whitespace=nowarn"]),
        ("patch", &["-p1", "--binary", "-i"]),
    ];
    for (path, old, new) in cases {
        let outcome = Outcome {
            text: Some(String::from_utf8_lossy(new).into_owned()),
            applied: vec![applied("some_codemod", Applicability::Safe, TextRange::up_to(1.into()))],
            ..Outcome::default()
        };
        let bytes = Some(new.to_vec());
        let report = FileReport {
            raw: old.to_vec(),
            ..file(
                path,
                Source::module(String::from_utf8_lossy(old)),
                FileResult::Rewritten { outcome, bytes },
            )
        };
        let (out, _) = run(options(Command::Diff, OutputFormat::Full), &[report]);
        for (program, arguments) in programs {
            if is_installed(program) {
                let got = patched_by(program, arguments, Path::new(path), old, &out.0.borrow());
                assert_eq!(
                    String::from_utf8_lossy(&got),
                    String::from_utf8_lossy(new),
                    "{program}, {path}"
                );
            }
        }
    }
}
