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

/// Two files, of which the first is asked for findings that mention a place in the second one: `reason`.
#[track_caller]
fn doubts(first: &str, second: &str, codemod: &str, reason: &str) {
    let files = [("first.py", first), ("second.py", second)];
    let project = Project::new(&files);
    let selected = [
        "check",
        "-v",
        "--output-format",
        "concise",
        "--target-version",
        "3.13",
        "--select",
        codemod,
    ];
    let ran = project.run(&selected);
    assert!(
        ran.stdout
            .lines()
            .any(|line| line.starts_with("first.py") && line.contains(reason)),
        "{reason}: {ran:?}"
    );
    let applied = project.run(&["apply", "--target-version", "3.13", "--select", codemod]);
    assert_eq!(project.read("first.py"), first, "{applied:?}");
}

/// As [`doubts`], where the second file changes nothing that matters.
#[track_caller]
fn stays_certain(first: &str, second: &str, codemod: &str) {
    let project = Project::new(&[("first.py", first), ("second.py", second)]);
    let applied = project.run(&["apply", "--target-version", "3.13", "--select", codemod]);
    assert_ne!(project.read("first.py"), first, "{applied:?}");
}

const BASE: &str = "import asyncio\n\n\nclass Base:\n    async def job(self):\n        return 1\n\n    async def rows(self):\n        yield 1\n\n    \
                    async def main(self):\n        ";

#[test]
fn what_derives_elsewhere_is_asked() {
    let future = format!("{BASE}return await asyncio.ensure_future(self.job())\n");
    let loops = format!("{BASE}for row in self.rows():\n            print(row)\n");
    let limited = format!("{BASE}return await asyncio.wait_for(self.job(), 5)\n");
    let job = "from first import Base\n\n\nclass Sync(Base):\n    def job(self):\n        return asyncio.sleep(0)\n";
    let through = "import first\n\n\nclass Between(first.Base):\n    pass\n\n\nclass Last(Between):\n    def rows(self):\n        return []\n";
    let place = "`Sync.job` (second.py:5) stands in the place of `Base.job`";
    doubts(&future, job, "replace_ensure_future", place);
    doubts(&limited, job, "replace_wait_for_with_timeout", place);
    doubts(&loops, through, "use_async_for", "`Last.rows` (second.py:9)");
    let again = "from first import Base\n\n\nclass Other(Base):\n    async def job(self):\n        return 2\n\n    async def rows(self):\n        yield 2\n";
    stays_certain(&future, again, "replace_ensure_future");
    stays_certain(&limited, again, "replace_wait_for_with_timeout");
    stays_certain(&loops, again, "use_async_for");
    // A class of the same name in another module is another one.
    let project = Project::new(&[
        ("first.py", &future),
        ("other.py", "class Base:\n    pass\n"),
        ("second.py", &job.replace("from first", "from other")),
    ]);
    project.run(&["apply", "--target-version", "3.13", "--select", "replace_ensure_future"]);
    assert!(project.read("first.py").contains("create_task"));
}

#[test]
fn what_others_set_is_asked() {
    let limited = "import asyncio\n\nTIMEOUT = 5\n\n\nasync def job():\n    return 1\n\n\nasync def main():\n    \
                   return await asyncio.wait_for(job(), TIMEOUT)\n";
    let codemod = "replace_wait_for_with_timeout";
    doubts(
        limited,
        "import first\n\nfirst.TIMEOUT = 0\n",
        codemod,
        "`TIMEOUT` is given another value (second.py:3)",
    );
    let patched = "from unittest import mock\n\nimport first\n\nwith mock.patch(\"first.TIMEOUT\", 0):\n    pass\n";
    doubts(
        limited,
        patched,
        codemod,
        "`TIMEOUT` is given another value (second.py:5)",
    );
    doubts(
        limited,
        "import first\n\nfirst.job = print\n",
        codemod,
        "in the place of `job` (second.py:3)",
    );
    stays_certain(limited, "import first\n\nprint(first.TIMEOUT)\n", codemod);
    let lock = "import asyncio\n\n\nclass State:\n    def __init__(self):\n        self.lock = asyncio.Lock()\n\n    async def run(self):\n        \
                await self.lock.acquire()\n        try:\n            return 1\n        finally:\n            self.lock.release()\n";
    let codemod = "use_lock_as_context_manager";
    doubts(
        lock,
        "from first import State\n\ns = State()\ns.lock = None\n",
        codemod,
        "an attribute `lock` is set",
    );
    let child = "from first import State\n\n\nclass Child(State):\n    def __init__(self):\n        self.lock = None\n";
    doubts(lock, child, codemod, "`Child.lock` (second.py:6)");
    let plain =
        "from first import State\n\n\nclass Child(State):\n    def __init__(self):\n        self.other = None\n";
    stays_certain(lock, plain, codemod);
    let flag = "import asyncio\n\n\nclass Service:\n    def __init__(self):\n        self.ready = False\n\n    async def start(self):\n        \
                self.ready = True\n\n    async def wait(self):\n        while not self.ready:\n            await asyncio.sleep(0.1)\n";
    let reset = "from first import Service\n\ns = Service()\ns.ready = False\n";
    doubts(
        flag,
        reset,
        "replace_busy_wait",
        "would tell the event nothing (second.py:4)",
    );
}

#[test]
fn what_others_read_is_asked() {
    let rows = "from collections.abc import Iterator\n\n\nasync def rows() -> Iterator[int]:\n    yield 1\n";
    let hints = "import typing\n\nimport first\n\nprint(typing.get_type_hints(first.rows))\n";
    doubts(
        rows,
        hints,
        "annotate_async_generator",
        "annotations are read while the program runs (second.py:5)",
    );
    stays_certain(rows, "import first\n\nprint(first.rows)\n", "annotate_async_generator");
    let kind = "import asyncio\n\n\ndef kind(fn):\n    return asyncio.iscoroutinefunction(fn)\n";
    let marks = "import asyncio\n\n\ndef fn(): ...\n\n\nfn._is_coroutine = asyncio.coroutines._is_coroutine\n";
    doubts(kind, marks, "replace_iscoroutinefunction", "is used (second.py:7)");
    let service = "import asyncio\n\n\nclass Service:\n    def __init__(self):\n        self.done = 0\n\n    async def job(self):\n        self.done += 1\n\n    \
                   async def handle(self):\n        asyncio.create_task(self.job())\n";
    let kept = |second: &str| {
        let project = Project::new(&[("first.py", service), ("second.py", second)]);
        project.run(&["apply", "--target-version", "3.13", "--select", "keep_task_reference"]);
        let text = project.read("first.py");
        assert!(text.contains("_background_tasks.add("), "{text}");
        text.contains("self._background_tasks")
    };
    assert!(kept("from first import Service\n\ns = Service()\n"));
    assert!(!kept(
        "import copy\n\nfrom first import Service\n\ns = copy.deepcopy(Service())\n"
    ));
    assert!(!kept("from first import Service\n\nprint(vars(Service()))\n"));
    let init = "from first import Service\n\n\nclass Other(Service):\n    def __init__(self):\n        INIT\n        self.x = 1\n";
    assert!(!kept(&init.replace("INIT", "pass")));
    assert!(kept(&init.replace("INIT", "super().__init__()")));
}

#[test]
fn coroutines_of_other_files_are_known() {
    let main = "import asyncio\n\nimport second\nfrom second import Runner, given, work\n\n\nasync def main(runner: Runner):\n    \
                a = asyncio.ensure_future(second.work(1))\n    b = asyncio.ensure_future(work(2))\n    \
                c = asyncio.ensure_future(runner.run())\n    d = asyncio.ensure_future(given())\n    \
                e = await asyncio.wait_for(work(3), 5)\n    return await asyncio.gather(a, b, c, d), e\n";
    let second = "async def work(x):\n    return x\n\n\nclass Runner:\n    async def run(self):\n        return 1\n\n\n\
                  def given():\n    return work(1)\n";
    let project = Project::new(&[("first.py", main), ("second.py", second)]);
    let ran = project.run(&["apply", "--target-version", "3.13"]);
    let text = project.read("first.py");
    for expected in [
        "a = asyncio.create_task(second.work(1))",
        "b = asyncio.create_task(work(2))",
        "c = asyncio.create_task(runner.run())",
        "d = asyncio.ensure_future(given())",
        "async with asyncio.timeout(5):\n        e = await work(3)",
    ] {
        assert!(text.contains(expected), "{expected}: {text}\n{ran:?}");
    }
    let waited = "import asyncio\n\nfrom second import work\n\n\nasync def main():\n    return await asyncio.wait([work(1), work(2)])\n";
    let project = Project::new(&[("first.py", waited), ("second.py", second)]);
    project.run(&["apply", "--target-version", "3.13"]);
    assert!(
        project.read("first.py").contains("create_task(work(2))"),
        "{}",
        project.read("first.py")
    );
}
