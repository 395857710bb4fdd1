//! What other files of a run want of a file: names that they import from it, and what their tests put something else in the place of.

use crate::cli::Project;

#[test]
fn an_import_that_another_file_needs_stays() {
    let sleeper = "import time as t\n\n\nasync def nap():\n    t.sleep(1)\n";
    let project = Project::new(&[
        (
            "a.py",
            "from asyncio import TimeoutError, wait_for\n\n\nasync def f(task):\n    try:\n        return await wait_for(task, 1)\n    except TimeoutError:\n        return None\n",
        ),
        ("b.py", "from a import (\n    TimeoutError,  # noqa\n)\n"),
        ("d.py", sleeper),
        ("e.py", "import d\n\nprint(d.t.monotonic())\n"),
        ("pkg/__init__.py", ""),
        ("pkg/starred.py", sleeper),
        ("pkg/user.py", "from .starred import *\n\nprint(t.monotonic())\n"),
        ("pkg/patched.py", sleeper),
        (
            "pkg/tests/test_patched.py",
            "def test():\n    with patch(\"pkg.patched.t.monotonic\"):\n        pass\n",
        ),
        ("alone.py", sleeper),
        ("other/d.py", sleeper),
    ]);
    let ran = project.run(&["apply", "--target-version", "3.12"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        project.read("a.py").contains("\nfrom asyncio import TimeoutError\n"),
        "{}",
        project.read("a.py")
    );
    for kept in ["d.py", "pkg/starred.py", "pkg/patched.py"] {
        let text = project.read(kept);
        assert!(
            text.contains("import time as t\n") && text.contains("await asyncio.sleep(1)"),
            "{kept}: {text}"
        );
    }
    for removed in ["alone.py", "other/d.py"] {
        assert!(!project.read(removed).contains("import time"), "{removed}");
    }
}

#[test]
fn what_a_test_replaces_is_not_taken_away_for_certain() {
    let waits = "import asyncio\n\n\nasync def work():\n    await asyncio.sleep(1)\n\n\nasync def stop():\n    await asyncio.wait_for(work(), timeout=1.0)\n";
    let sleeps = "import time\n\n\nasync def nap():\n    time.sleep(1)\n";
    let project = Project::new(&[
        ("svc/__init__.py", "from .stopping import stop\n"),
        ("svc/stopping.py", waits),
        ("svc/named.py", waits),
        ("svc/alone.py", waits),
        ("svc/objects.py", sleeps),
        (
            "tests/test_stopping.py",
            "from svc import stop\n\n\ndef test():\n    with patch(\"asyncio.wait_for\", AsyncMock()):\n        pass\n",
        ),
        (
            "tests/test_named.py",
            "@patch(\n    \"svc.named.asyncio.wait_for\"\n)\ndef test():\n    pass\n",
        ),
        (
            "tests/test_objects.py",
            "from svc import objects as o\n\n\ndef test(monkeypatch):\n    monkeypatch.setattr(o.time, \"sleep\", None)\n",
        ),
        ("tests/test_other.py", "def test():\n    patch(\"asyncio.wait_for\")\n"),
    ]);
    let ran = project.run(&["check", "-v", "--output-format", "concise", "--target-version", "3.12"]);
    let said = |path: &str, place: &str| {
        ran.stdout
            .lines()
            .any(|line| line.starts_with(path) && line.contains(place) && line.contains("would no longer be met"))
    };
    assert!(
        said(
            "svc/stopping.py",
            "`asyncio.wait_for`, which would no longer be met (tests/test_stopping.py:5)"
        ),
        "{ran:?}"
    );
    assert!(said("svc/named.py", "(tests/test_named.py:1)"), "{ran:?}");
    assert!(
        said(
            "svc/objects.py",
            "`time.sleep`, which would no longer be met (tests/test_objects.py:5)"
        ),
        "{ran:?}"
    );
    assert!(!said("svc/alone.py", ""), "{ran:?}");
    let ran = project.run(&["apply", "--target-version", "3.12"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(project.read("svc/stopping.py"), waits);
    assert_eq!(project.read("svc/objects.py"), sleeps);
    assert!(project.read("svc/alone.py").contains("asyncio.timeout("));
}

#[test]
fn an_endpoint_that_another_file_awaits_stays_a_coroutine_function() {
    let app = "from pathlib import Path\n\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get(\"/version\")\nasync def version() -> str:\n    return Path(\"/etc/version\").read_text()\n";
    let report = "from app import version\n\n\nasync def report() -> str:\n    return \"version \" + await version()\n";
    let project = Project::new(&[("app.py", app), ("report.py", report), ("other/app.py", app)]);
    let ran = project.run(&["apply"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        project.read("app.py").contains("async def version"),
        "{}",
        project.read("app.py")
    );
    assert!(
        project.read("app.py").contains("await run_in_threadpool("),
        "{}",
        project.read("app.py")
    );
    assert!(project.read("other/app.py").contains("\ndef version"));
}

#[test]
fn handlers_that_another_file_registers_go_on_running() {
    let made = "from fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.on_event(\"startup\")\nasync def connect():\n    pass\n";
    let project = Project::new(&[
        ("requirements.txt", "fastapi==0.110.0\n"),
        ("one.py", made),
        (
            "jobs.py",
            "from one import app as application\n\napplication.router.on_startup.append(print)\n",
        ),
        ("two.py", made),
        (
            "plugins/audit.py",
            "import two\n\n\n@two.app.on_event(\"shutdown\")\ndef close():\n    pass\n",
        ),
        ("three.py", made),
        (
            "test_three.py",
            "from three import app\n\n\n@app.get(\"/\")\ndef root():\n    pass\n",
        ),
    ]);
    let ran = project.run(&["apply", "--unsafe-fixes", "--target-version", "3.12"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for kept in ["one.py", "two.py"] {
        assert_eq!(project.read(kept), made, "{kept}");
    }
    assert!(project.read("three.py").contains("lifespan=lifespan"));
}

#[test]
fn what_others_expect_of_requests_keeps_it() {
    let fetches =
        "import requests\n\n\nasync def fetch(url: str) -> dict:\n    return requests.get(url, timeout=1).json()\n";
    let gives = "import requests\n\n\nasync def fetch(url: str) -> requests.Response:\n    return requests.get(url, timeout=1)\n";
    let awaits = |file: &str, rest: &str| {
        format!("import requests\n\nfrom {file} import fetch\n\n\nasync def show(url: str):\n{rest}")
    };
    let project = Project::new(&[
        ("caught.py", fetches),
        (
            "catches.py",
            &awaits(
                "caught",
                "    try:\n        return await fetch(url)\n    except (\n        ValueError,\n        requests.ConnectionError,\n    ):\n        return None\n",
            ),
        ),
        ("free.py", fetches),
        (
            "catches_its_own.py",
            &awaits(
                "free",
                "    try:\n        requests.head(url)\n    except requests.ConnectionError:\n        return await fetch(url)\n",
            ),
        ),
        ("tested.py", gives),
        (
            "tests_truth.py",
            &awaits(
                "tested",
                "    answer = await fetch(url)\n    if not answer:\n        return None\n    return answer.json()\n",
            ),
        ),
        ("untested.py", gives),
        (
            "reads.py",
            &awaits("untested", "    answer = await fetch(url)\n    return answer.json()\n"),
        ),
    ]);
    let said = project.run(&["check", "--target-version", "3.12"]).stdout;
    for reason in [
        "exceptions leave `fetch`, and catches.py:11 expects those of requests",
        "`fetch` gives the response to others, and tests_truth.py:8 uses one as only one of requests can be used",
    ] {
        assert!(said.contains(reason), "{said}");
    }
    let ran = project.run(&["apply", "--unsafe-fixes", "--target-version", "3.12"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for kept in ["caught.py", "tested.py"] {
        let text = project.read(kept);
        assert!(
            text.contains("await asyncio.to_thread(requests.get, url"),
            "{kept}: {text}"
        );
    }
    for changed in ["free.py", "untested.py"] {
        let text = project.read(changed);
        assert!(text.contains("httpx.AsyncClient("), "{changed}: {text}");
    }
}
