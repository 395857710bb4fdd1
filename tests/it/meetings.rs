//! Where several codemods meet in one place: the answer is Python, stays as it is, and does not depend on the order of application.
//!
//! The meetings are made: functions of the pages' cases and small pieces, put into one another. Chance decides, always in the same way;
//! `ASYNCUP_MEETINGS=5000` tries more of them.

use std::fmt::Write;

use asyncup::codemod::{Codemod, Selection, Wanted};
use asyncup::codemods::ALL;
use asyncup::edit::Applicability;
use asyncup::page::Case;
use asyncup::project::ProjectFacts;
use asyncup::rewrite::{self, Outcome, Policy};
use asyncup::settings::Settings;
use asyncup::source::Source;
use ruff_python_ast::PythonVersion;

use crate::support::{comments, difference, rewritten, syntax_error};

/// How many are tried at each level: as many as take a few seconds.
const MEETINGS: usize = 400;

/// Turns after which codemods that run one after the other must have come to an end.
const MAX_TURNS: usize = 60;

const TARGETS: [PythonVersion; 3] = [PythonVersion::PY39, PythonVersion::PY311, PythonVersion::PY313];

/// Of two codemods that can rewrite one place, which goes first, as in the catalogue, and why their order cannot be indifferent.
pub(crate) const COMPETITORS: &[(&str, &str, &str)] = &[
    (
        "offload_blocking_helper",
        "replace_run_in_executor",
        "which function hands over to a thread follows from what the module uses already",
    ),
    (
        "replace_blocking_endpoint_with_def",
        "replace_requests_with_httpx",
        "an endpoint that awaits nothing needs no client: a thread runs it",
    ),
    (
        "replace_blocking_endpoint_with_def",
        "replace_time_sleep",
        "an endpoint that awaits nothing may sleep in its thread",
    ),
    (
        "replace_blocking_endpoint_with_def",
        "replace_sync_httpx_client",
        "an endpoint that awaits nothing needs no other client: a thread runs it",
    ),
    (
        "replace_blocking_endpoint_with_def",
        "offload_blocking_call",
        "an endpoint that awaits nothing moves to a thread as a whole",
    ),
    (
        "replace_blocking_endpoint_with_def",
        "offload_blocking_helper",
        "an endpoint that awaits nothing moves to a thread as a whole",
    ),
    (
        "replace_async_timeout",
        "replace_asyncio_timeout_error",
        "an import of asyncio, for its exception alone, still tells which library the module is written for",
    ),
    (
        "close_httpx_client",
        "replace_run_in_executor",
        "the arguments of a call are laid out where the block has its place",
    ),
    (
        "replace_requests_with_httpx",
        "offload_blocking_call",
        "a call that httpx can make needs no thread",
    ),
    (
        "replace_sync_httpx_client",
        "offload_blocking_call",
        "a call that an AsyncClient can make needs no thread",
    ),
    (
        "replace_queue_queue",
        "offload_blocking_call",
        "a queue of the event loop needs no thread",
    ),
    (
        "replace_threading_primitive",
        "offload_blocking_call",
        "an event of the event loop needs no thread",
    ),
    (
        "reuse_httpx_client",
        "bound_gather_with_semaphore",
        "the client is made around the batch, not in the function that limits it",
    ),
    (
        "bound_gather_with_semaphore",
        "use_async_for",
        "a `while` whose round awaits may be taken for one that never ends, and would keep its place under a limit",
    ),
    (
        "use_lock_as_context_manager",
        "use_async_with",
        "the comment beside a call that closes goes above the block that stands there by then",
    ),
];

/// Of two codemods, what the first writes decides what can be proven for the second, wherever they stand in the catalogue, and why.
const PROVING: &[(&str, &str, &str)] = &[
    (
        "use_async_with",
        "gather_sequential_awaits",
        "a callee that closes its client by a block is known to wait for nothing of others",
    ),
    (
        "use_async_for",
        "use_lock_as_context_manager",
        "a callee whose lock is held by a block is limited in number, unless it is seen to wait in a loop",
    ),
    (
        "bound_gather_with_semaphore",
        "use_async_with",
        "a client that only a block closes can be shared, but not any more when the calls have a limit by then",
    ),
];

/// Codemods with fixes that are applied before all others (`Fix::first`), and why.
pub(crate) const FIRST: &[(&str, &str)] = &[(
    "color_call_graph",
    "what happens to several files at once is said of their texts as they were; and what can wait needs no thread",
)];

/// Codemods with fixes that wait until there is no other (`Findings::go_last`), and why.
pub(crate) const LAST: &[(&str, &str)] = &[
    (
        "offload_blocking_call",
        "what can be awaited needs no thread, and nothing can be awaited in one",
    ),
    (
        "offload_session",
        "a session that stands in a file's block moves to the thread with it",
    ),
    (
        "move_primitive_into_loop",
        "what a function gives is no variable, whose uses others follow",
    ),
];

/// The line of a frame where something is put in.
const HOLE: &str = "<body>";

/// What a piece may stand in.
const FRAMES: &[&str] = &[
    "with open(\"numbers.txt\") as file:\n    <body>\n",
    "with open(\"numbers.txt\") as file:\n    text = file.read()\n    <body>\nprint(text)\n",
    "async def meet():\n    <body>\nawait asyncio.wait_for(meet(), 5)\n",
    "async def meet():\n    <body>\ntask = asyncio.ensure_future(meet())\nawait asyncio.gather(task, fetch_left(0))\n",
    "await turnstile.acquire()\ntry:\n    <body>\nfinally:\n    turnstile.release()\n",
    "await turnstile.acquire()\n<body>\nturnstile.release()\n",
    "async with turnstile:\n    <body>\n",
    "for number in range(3):\n    <body>\n",
    "while pending:\n    <body>\n",
    "if pending:\n    <body>\nelse:\n    time.sleep(1)\n",
    "try:\n    <body>\nfinally:\n    await tidy_up()\n",
    "try:\n    <body>\nexcept asyncio.TimeoutError:\n    print(\"late\")\n",
    "try:\n    <body>\nexcept asyncio.CancelledError:\n    print(\"stopped\")\n",
    "async with asyncio.timeout(5):\n    <body>\n",
    "async with async_timeout.timeout(5):\n    <body>\n",
    "async with asyncio.TaskGroup() as group:\n    group.create_task(fetch_left(0))\n    <body>\n",
    "async for number in numbers():\n    <body>\n",
    "client = httpx.AsyncClient()\ntry:\n    <body>\nfinally:\n    await client.aclose()\n",
    "loop = asyncio.get_event_loop()\n<body>\n",
];

/// What may be put in.
const PIECES: &[&str] = &[
    "left = await fetch_left(1)\nright = await fetch_right(2)\nprint(left, right)\n",
    "await fetch_left(1)  # first\nawait fetch_right(2)\n",
    "found = []\nfor key in keys:\n    found.append(await fetch_left(key))\nprint(found)\n",
    "found = [await fetch_left(key) for key in keys]\nprint(found)\n",
    "for key in keys:\n    await asyncio.wait_for(fetch_left(key), 2)\n",
    "value = await asyncio.wait_for(fetch_left(1), timeout=2)\nprint(value)\n",
    "try:\n    value = await asyncio.wait_for(fetch_left(1), 2)\nexcept asyncio.TimeoutError:\n    value = None\nprint(value)\n",
    "await asyncio.wait_for(asyncio.gather(fetch_left(1), fetch_right(2)), 2)\n",
    "first = asyncio.ensure_future(fetch_left(1))\nsecond = asyncio.ensure_future(fetch_right(2))\nawait asyncio.gather(first, second)\n",
    "tasks = [asyncio.ensure_future(fetch_left(key)) for key in keys]\nfound = await asyncio.gather(*tasks)\nprint(found)\n",
    "tasks = []\nfor key in keys:\n    tasks.append(asyncio.ensure_future(fetch_left(key)))\nawait asyncio.wait(tasks)\n",
    "done, waiting = await asyncio.wait([fetch_left(1), fetch_right(2)])\nprint(done, waiting)\n",
    "found = await asyncio.gather(*[fetch_left(key) for key in keys])\nprint(found)\n",
    "found = await asyncio.gather(fetch_left(1), fetch_right(2), return_exceptions=True)\nprint(found)\n",
    "asyncio.ensure_future(tidy_up())\n",
    "asyncio.create_task(tidy_up())\n",
    "asyncio.get_event_loop().create_task(tidy_up())\n",
    "tidy_up()\n",
    "loop = asyncio.get_running_loop()\nloop.create_task(tidy_up())\nasyncio.ensure_future(fetch_left(1))\n",
    "time.sleep(1)\n",
    "time.sleep(1); await fetch_left(1); await fetch_right(2)\n",
    "await asyncio.sleep(1, loop=asyncio.get_event_loop())\n",
    "value = await asyncio.get_event_loop().run_in_executor(None, compute, 1)\nprint(value)\n",
    "current = asyncio.get_event_loop()\nvalue = await current.run_in_executor(None, compute, 1)\nprint(value)\n",
    "answer = requests.get(\"https://example.org\", timeout=5)\nprint(answer.text)\n",
    "answer = requests.get(\"https://example.org\", timeout=5)\nanswer.raise_for_status()\ntime.sleep(1)\nprint(answer.json())\n",
    "subprocess.run([\"ls\"], check=True)\n",
    "with open(\"numbers.txt\") as file:\n    text = file.read()\nprint(text)\n",
    "collected = []\nasync for number in numbers():\n    collected.append(number)\nprint(collected)\n",
    "for number in numbers():\n    print(number)\n",
    "await turnstile.acquire()\nleft = await fetch_left(1)\nright = await fetch_right(2)\nturnstile.release()\nprint(left, right)\n",
    "await turnstile.acquire()\ntry:\n    value = await asyncio.wait_for(fetch_left(1), 2)\nfinally:\n    turnstile.release()\nprint(value)\n",
    "while not ready:\n    await asyncio.sleep(0.1)\n",
    "while True:\n    key = await work.get()\n    if key is None:\n        break\n    await fetch_left(key)\n    work.task_done()\n",
    "client = httpx.AsyncClient()\nresponse = await client.get(\"https://example.org\")\nawait client.aclose()\nprint(response)\n",
    "try:\n    async with asyncio.TaskGroup() as team:\n        team.create_task(fetch_left(1))\nexcept ValueError:\n    print(\"wrong\")\n",
];

/// The modules that frames and pieces use.
const MODULES: &[&str] = &["asyncio", "async_timeout", "httpx", "requests", "subprocess", "time"];

/// What else frames and pieces speak of, and how it is defined.
const DEFINITIONS: &[(&str, &str)] = &[
    ("turnstile", "turnstile = asyncio.Lock()\n"),
    ("work.", "work = asyncio.Queue()\n"),
    (
        "fetch_left",
        "async def fetch_left(key):\n    await asyncio.sleep(1)\n    return key\n",
    ),
    (
        "fetch_right",
        "async def fetch_right(key):\n    await asyncio.sleep(2)\n    return key\n",
    ),
    ("tidy_up", "async def tidy_up():\n    await asyncio.sleep(0)\n"),
    (
        "numbers()",
        "async def numbers():\n    for number in range(3):\n        await asyncio.sleep(0)\n        yield number\n",
    ),
    ("compute", "def compute(value):\n    return value + 1\n"),
];

/// A generator of numbers that gives the same ones on every machine (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    fn pick<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.below(things.len())]
    }

    fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            things.swap(at, self.below(at + 1));
        }
    }
}

/// A coroutine function of a page's case: the lines above its body, its body without indentation, the lines below.
struct Function {
    above: String,
    indentation: usize,
    body: String,
    below: String,
}

/// The coroutine functions of all cases that are laid out plainly.
fn functions() -> Vec<Function> {
    let cases = ALL.iter().flat_map(|codemod| &codemod.page.cases);
    // A suppression goes where another rewrite leaves it nothing to suppress.
    let has_suppression = |case: &Case| case.before.contains("asyncup: ignore");
    let is_plain = |case: &Case| !case.before.contains(['\r', '\t', '\\', '\u{feff}']) && case.config.is_none();
    let plain = cases.filter(|case| is_plain(case) && !has_suppression(case));
    plain.flat_map(|case| functions_of(&case.before)).collect()
}

fn functions_of(text: &str) -> Vec<Function> {
    let lines: Vec<&str> = text.lines().collect();
    let mut functions = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let outer = indentation(line);
        if !(line.trim_start().starts_with("async def ") && line.ends_with(':')) {
            continue;
        }
        let inside = lines[at + 1..]
            .iter()
            .take_while(|line| line.is_empty() || indentation(line) > outer)
            .count();
        let mut end = at + 1 + inside;
        while lines[end - 1].is_empty() {
            end -= 1;
        }
        let inner = indentation(lines[at + 1]);
        let dedented = |line: &&str| line.get(inner..).unwrap_or_default().to_owned() + "\n";
        let whole = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect();
        functions.push(Function {
            above: whole(&lines[..=at]),
            indentation: inner,
            body: lines[at + 1..end].iter().map(dedented).collect(),
            below: whole(&lines[end..]),
        });
    }
    functions
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn indented(text: &str, by: usize) -> String {
    let indent = |line: &str| match line {
        "\n" => line.to_owned(),
        _ => " ".repeat(by) + line,
    };
    text.split_inclusive('\n').map(indent).collect()
}

/// A piece in a frame.
fn framed(frame: &str, piece: &str) -> String {
    let fill = |line: &str| match line.trim() {
        HOLE => indented(piece, indentation(line)),
        _ => line.to_owned(),
    };
    frame.split_inclusive('\n').map(fill).collect()
}

/// Some statements that belong into one function.
fn statements(dice: &mut Dice) -> String {
    let mut text = dice.pick(PIECES).to_owned();
    for _ in 0..=dice.below(3) {
        text = match dice.below(4) {
            0 => text + dice.pick(PIECES),
            1 => dice.pick(PIECES).to_owned() + &text,
            _ => framed(dice.pick(FRAMES), &text),
        };
    }
    text
}

/// A program in which codemods meet; perhaps it is no Python, since a `yield` may stand where none is allowed.
fn meeting(dice: &mut Dice, functions: &[Function]) -> String {
    let text = if dice.below(2) == 0 {
        format!(
            "async def main(keys, pending, ready):\n{}",
            indented(&statements(dice), 4)
        )
    } else {
        let function = &functions[dice.below(functions.len())];
        let mut body = framed(dice.pick(FRAMES), &function.body);
        if dice.below(3) == 0 {
            body = statements(dice) + &body;
        }
        format!(
            "{}{}{}",
            function.above,
            indented(&body, function.indentation),
            function.below
        )
    };
    with_definitions(&text)
}

/// The text under what it needs, with all imports on top, in the order of `ruff check --select I`.
fn with_definitions(text: &str) -> String {
    let is_import = |line: &&str| line.starts_with("import ") || line.starts_with("from ") && !line.ends_with('(');
    let is_top = |line: &&str| is_import(line) || line.is_empty();
    let (mut imports, rest): (Vec<&str>, Vec<&str>) = {
        let top = text.lines().take_while(is_top).count();
        let lines: Vec<&str> = text.lines().collect();
        (
            lines[..top].iter().copied().filter(is_import).collect(),
            lines[top..].to_vec(),
        )
    };
    let mut parts: Vec<String> = DEFINITIONS
        .iter()
        .filter(|(name, _)| text.contains(name))
        .map(|(_, definition)| (*definition).to_owned())
        .collect();
    parts.push(rest.join("\n") + "\n");
    let body = parts.join("\n\n");
    let own: Vec<String> = MODULES
        .iter()
        .filter(|name| body.contains(&format!("{name}.")))
        .map(|name| format!("import {name}"))
        .collect();
    imports.extend(own.iter().map(String::as_str));
    let section = |line: &str| {
        let module = line.split(' ').nth(1).unwrap_or_default();
        let module = module.split('.').next().unwrap_or_default();
        match module {
            "__future__" => 0,
            _ if ruff_python_stdlib::sys::is_known_standard_library(13, module) => 1,
            _ => 2,
        }
    };
    imports.sort_by_key(|line| (section(line), line.starts_with("from "), *line));
    imports.dedup();
    let sections = imports.chunk_by(|one, other| section(one) == section(other));
    let sections: Vec<String> = sections.map(|lines| lines.join("\n")).collect();
    format!("{}\n\n\n{body}", sections.join("\n\n"))
}

/// Meetings that are Python, each with the settings that it is tried under.
fn meetings(count: usize) -> impl Iterator<Item = (Dice, String, Settings)> {
    let functions = functions();
    (0..)
        .map(move |number| {
            let mut dice = Dice(number);
            let text = meeting(&mut dice, &functions);
            let settings = Settings {
                target: dice.pick(&TARGETS),
                ..Settings::default()
            };
            (dice, text, settings)
        })
        // A module is of asyncio or of another library; which one is left when the last import of asyncio goes is chance.
        .filter(|(_, text, _)| !(text.contains("import asyncio\n") && text.contains("anyio")))
        .filter(|(_, text, settings)| syntax_error(text, settings).is_none())
        .take(count)
}

fn count() -> usize {
    let asked = std::env::var("ASYNCUP_MEETINGS").ok();
    asked.map_or(MEETINGS, |number| number.parse().expect("ASYNCUP_MEETINGS is a number"))
}

/// Codemods that run where nothing is selected.
fn default_codemods() -> Vec<&'static Codemod> {
    ALL.iter().filter(|codemod| codemod.page.is_default).collect()
}

/// All codemods at once.
fn together(text: &str, level: Applicability, settings: &Settings) -> Result<Outcome, String> {
    rewrite::rewrite(
        &Source::module(text),
        Selection::new(default_codemods()).look(text.as_bytes(), Wanted::Everything, &ProjectFacts::default()),
        Policy { level },
        settings,
        &ProjectFacts::default(),
    )
    .map_err(|error| error.to_string())
}

/// One codemod after the other: always the first in the order that changes anything, until none does.
fn in_turn(
    text: &str,
    order: &[&'static Codemod],
    level: Applicability,
    settings: &Settings,
) -> Result<String, String> {
    let mut text = text.to_owned();
    for _ in 0..MAX_TURNS {
        let mut next = None;
        for codemod in order {
            let answer = rewritten(&text, &[codemod], level, settings).map_err(|error| error.to_string())?;
            if answer != text {
                next = Some(answer);
                break;
            }
        }
        match next {
            Some(answer) => text = answer,
            None => return Ok(text),
        }
    }
    Err(format!("no end after {MAX_TURNS} turns"))
}

/// Whether two answers are the same but for which of two new variables got the plain name, and which the one with a number.
fn are_alike(one: &str, other: &str) -> bool {
    let plain = |text: &str| {
        let words = text.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_');
        let named = words.map(|word| {
            let end = word.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '_').len();
            let (name, rest) = word.split_at(end);
            let number = name.rsplit_once('_').filter(|(_, number)| number.parse::<u8>().is_ok());
            number.map_or(name, |(name, _)| name).to_owned() + rest
        });
        named.collect::<String>()
    };
    one == other || plain(one) == plain(other)
}

/// What is wrong with the answer to one meeting.
fn flaw(dice: &mut Dice, text: &str, level: Applicability, settings: &Settings) -> Result<(), String> {
    let outcome = together(text, level, settings)?;
    let once = outcome.text.unwrap_or_else(|| text.to_owned());
    if let Some(error) = syntax_error(&once, settings) {
        return Err(format!("the answer is no Python: {error}\n{once}"));
    }
    let again = together(&once, level, settings)?;
    if let Some(twice) = again.text {
        return Err(format!("a second run changes it again\n{}", difference(&once, &twice)));
    }
    if level == Applicability::Safe {
        if let Some(applied) = outcome.applied.iter().find(|applied| applied.applicability != level) {
            return Err(format!("applied at level safe: {applied:?}"));
        }
        if comments(text, settings) != comments(&once, settings) {
            return Err(format!("comments are lost\n{}", difference(text, &once)));
        }
    }
    let mut backwards = default_codemods();
    backwards.reverse();
    let mut mixed = default_codemods();
    dice.shuffle(&mut mixed);
    for mut order in [default_codemods(), backwards, mixed] {
        let place = |order: &[&Codemod], name: &str| order.iter().position(|codemod| codemod.name == name).unwrap();
        // One row's order may undo what another one has made: again, until all hold.
        let mut holds = false;
        while !holds {
            holds = true;
            for (first, second, _) in COMPETITORS.iter().chain(PROVING) {
                let (first, second) = (place(&order, first), place(&order, second));
                if first > second {
                    order[second..=first].rotate_right(1);
                    holds = false;
                }
            }
        }
        order.sort_by_key(|codemod| FIRST.iter().all(|(name, _)| *name != codemod.name));
        order.sort_by_key(|codemod| LAST.iter().position(|(name, _)| *name == codemod.name));
        let one_by_one = in_turn(text, &order, level, settings)?;
        if !are_alike(&one_by_one, &once) {
            let names: Vec<&str> = order.iter().map(|codemod| codemod.name).collect();
            return Err(format!(
                "another answer in the order {}\n{}",
                names.join(" "),
                difference(&once, &one_by_one)
            ));
        }
    }
    Ok(())
}

#[track_caller]
fn have_one_answer(level: Applicability) {
    let mut flaws = String::new();
    let mut found = 0;
    for (mut dice, text, settings) in meetings(count()) {
        if let Err(message) = flaw(&mut dice, &text, level, &settings) {
            found += 1;
            let _ = writeln!(
                flaws,
                "---- {} {}\n{text}\n{message}\n",
                level.as_str(),
                settings.target
            );
        }
    }
    assert!(found == 0, "{found} meetings go wrong\n{flaws}");
}

#[test]
fn competitors_go_in_the_order_of_the_catalogue() {
    let place = |name: &str| {
        let found = ALL.iter().position(|codemod| codemod.name == name);
        found.unwrap_or_else(|| panic!("{name} is not in the catalogue"))
    };
    for (first, then, _) in COMPETITORS {
        assert!(place(first) < place(then), "{first} must stand above {then}");
    }
}

#[test]
fn safe_meetings_have_one_answer() {
    have_one_answer(Applicability::Safe);
}

#[test]
fn unsafe_meetings_have_one_answer() {
    have_one_answer(Applicability::Unsafe);
}
