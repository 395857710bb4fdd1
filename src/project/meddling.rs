//! What the bytes of a file say of what it does to the functions and objects of others while these wait: it cancels their tasks or limits their
//! time, runs their coroutines by hand, sets what belongs to them, or counts on it that requests made what they give and raise. Nothing is parsed.
//!
//! By words and indentation, as in [`mentions`](super::mentions): it may see too much.

use memchr::{memchr, memchr_iter, memmem};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::scan::{Name, hash};
use crate::glance::{Lines, callee, first_word, is_word, last_word, line_start, words, words_in};
use crate::semantic::effects::MUTATORS;

/// What runs a coroutine as a task that can be cancelled.
const TASK_MAKERS: &[&str] = &["create_task", "ensure_future", "run_coroutine_threadsafe", "start_soon"];

/// What has the tasks of others cancelled: by their name, or when one of them fails.
const CANCELLERS: &[&[u8]] = &[b".cancel(", b"TaskGroup(", b"create_task_group(", b"open_nursery("];

/// What limits the time of the block below it.
const LIMITS: &[&str] = &["timeout", "timeout_at", "fail_after", "move_on_after"];

/// What only a response of requests has (`requests.Response` 2.34, `httpx.Response` 0.28).
const OF_RESPONSES: &[&[u8]] = &[b".apparent_encoding", b".iter_content(", b".ok", b".raw", b".reason"];

/// So many lines above one of its classes, the statement that catches them begins.
const MAX_LINES: usize = 12;

/// What runs an event loop to its end.
const ENDS: &[&[u8]] = &[b"asyncio.run(", b".run_until_complete("];

/// See the top of this file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Meddling {
    /// The functions whose coroutines may be cancelled here, by their last names, sorted; each with the 1-based line.
    pub cancelled: Vec<(Name, u32)>,
    /// The line in which coroutines may be driven by `send`, without an event loop.
    pub drives: Option<u32>,
    /// The attributes of others' objects that are set here, by their names, sorted.
    pub set: Vec<(Name, u32)>,
    /// Dotted paths of what is imported and changed here, or whose contents are: `conf.mode`.
    pub changed: Vec<(String, u32)>,
    /// The functions that are called where exceptions of requests are caught, by their last names, sorted; each with the line of the handler.
    pub expected: Vec<(Name, u32)>,
    /// The functions that are called in a file that uses responses as only those of requests can be, the same.
    pub judged: Vec<(Name, u32)>,
}

impl Meddling {
    /// `imported`: what the names that import statements bind stand for.
    pub fn of(text: &[u8], lines: &Lines, imported: &FxHashMap<&[u8], &str>, is_test: bool) -> Self {
        let mut meddling = Self {
            drives: driven(text).map(|at| line_in(lines, at)),
            ..Self::default()
        };
        if imported.is_empty() {
            return meddling;
        }
        let number = |(name, at): (&[u8], usize)| (hash(name), line_in(lines, at));
        meddling.cancelled = cancelled(text, is_test).into_iter().map(number).collect();
        meddling.cancelled.sort_unstable();
        meddling.cancelled.dedup_by_key(|(name, _)| *name);
        meddling.expected = expected(text, imported).into_iter().map(number).collect();
        meddling.expected.sort_unstable();
        meddling.expected.dedup_by_key(|(name, _)| *name);
        meddling.judged = judged(text, imported).into_iter().map(number).collect();
        meddling.judged.sort_unstable();
        meddling.judged.dedup_by_key(|(name, _)| *name);
        set(text, lines, imported, &mut meddling);
        meddling.set.sort_unstable();
        meddling.set.dedup_by_key(|(name, _)| *name);
        meddling
    }

    /// The line in which an attribute of this name is set.
    pub fn sets(&self, name: Name) -> Option<u32> {
        let at = self.set.binary_search_by_key(&name, |(name, _)| *name).ok()?;
        Some(self.set[at].1)
    }
}

fn line_in(lines: &Lines, at: usize) -> u32 {
    u32::try_from(lines.at(at)).unwrap_or(u32::MAX)
}

/// `coro.send(None)`; any `send` where the end of what is sent to is caught.
fn driven(text: &[u8]) -> Option<usize> {
    let finder = memmem::Finder::new(".send(");
    let mut sends = finder.find_iter(text).peekable();
    sends.peek()?;
    let catches_end = memmem::find(text, b"StopIteration").is_some();
    let drives = |at: &usize| text[at + 6..].starts_with(b"None)") || catches_end;
    sends.find(drives)
}

/// The names of the coroutines that are called where their tasks may be cancelled, with the offsets.
fn cancelled(text: &[u8], is_test: bool) -> Vec<(&[u8], usize)> {
    let mut found = Vec::new();
    let mut note = |path: &'_ [u8], at: usize| {
        let start = at + path.len() - last_word(path).len();
        let name = first_word(&text[start..]);
        if !name.is_empty() {
            found.push((name, at));
        }
    };
    let argument = |end: usize| {
        let behind = text[end..].strip_prefix(b"(")?.trim_ascii_start();
        let start = text.len() - behind.len();
        Some((callee(behind), start)).filter(|(path, _)| !path.is_empty())
    };
    if CANCELLERS
        .iter()
        .any(|canceller| memmem::find(text, canceller).is_some())
    {
        for maker in TASK_MAKERS {
            for place in words(text, maker) {
                let end = place.start() + maker.len();
                match argument(end) {
                    Some((path, at)) => note(path, at),
                    // The function and its arguments.
                    None if *maker == "start_soon" => {
                        let behind = text[end..].strip_prefix(b"(").unwrap_or_default();
                        let length = behind
                            .iter()
                            .take_while(|byte| is_word(**byte) || **byte == b'.')
                            .count();
                        note(&behind[..length], end + 1);
                    }
                    None => {}
                }
            }
        }
    }
    // What nothing waits for is cancelled by the end of the event loop.
    if ENDS.iter().any(|end| memmem::find(text, end).is_some()) {
        for maker in ["create_task", "ensure_future"] {
            for place in words(text, maker) {
                if is_forgotten(text, place.start())
                    && let Some((path, at)) = argument(place.start() + maker.len())
                {
                    note(path, at);
                }
            }
        }
    }
    // A test ends what takes too long, and nothing does if all is well.
    if is_test {
        return found;
    }
    for place in words(text, "wait_for") {
        if let Some((path, at)) = argument(place.start() + "wait_for".len()) {
            note(path, at);
        }
    }
    for limit in LIMITS {
        for place in words(text, limit) {
            let line = line_start(text, place.start());
            let is_call = text[place.start() + limit.len()..].starts_with(b"(");
            if !is_call || memmem::find(&text[line..place.start()], b"with ").is_none() {
                continue;
            }
            for (path, at) in awaited_below(text, line) {
                note(path, at);
            }
        }
    }
    found
}

/// Whether something imported is requests, or of it; a module of the project may hand it on.
fn is_of_requests(object: &str) -> bool {
    let of_requests = object.strip_prefix("requests");
    of_requests.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) || object.ends_with(".requests")
}

/// The names of what is called where a handler, or a context manager, names an exception of requests, with the offset of that.
fn expected<'t>(text: &'t [u8], imported: &FxHashMap<&[u8], &str>) -> Vec<(&'t [u8], usize)> {
    let mut found = Vec::new();
    let of_requests = imported.iter().filter(|(_, object)| is_of_requests(object));
    let mut names: Vec<&str> = of_requests.flat_map(|(name, _)| std::str::from_utf8(name)).collect();
    names.sort_unstable();
    for place in names.into_iter().flat_map(|name| words(text, name)) {
        let at = place.start();
        let Some(header) = catching(text, at) else { continue };
        let block = if text[header..].trim_ascii_start().starts_with(b"except") {
            above(text, header)
        } else {
            below(text, header)
        };
        found.extend(called(text, block, imported).map(|name| (name, at)));
    }
    found
}

/// The line of the `except`, or of the `with suppress(`, to which what stands at an offset belongs.
fn catching(text: &[u8], at: usize) -> Option<usize> {
    let mut line = line_start(text, at);
    let own = indent(text, line);
    for _ in 0..MAX_LINES {
        let statement = text[line..].trim_ascii_start();
        let catches = |statement: &[u8]| {
            let end = memchr(b'\n', statement).unwrap_or(statement.len());
            let line = &statement[..end];
            line.starts_with(b"except")
                || line.starts_with(b"with ")
                    && [&b"suppress("[..], b"raises("]
                        .iter()
                        .any(|word| memmem::find(line, word).is_some())
        };
        if catches(statement) {
            return Some(line);
        }
        // Only the lines of one statement between brackets lead further up.
        if line == 0 || indent(text, line) < own {
            return None;
        }
        line = line_start(text, line - 1);
        let is_open = text[line..]
            .split(|byte| *byte == b'\n')
            .next()
            .is_some_and(|line| line.trim_ascii_end().ends_with(b"(") || line.trim_ascii_end().ends_with(b","));
        if !is_open {
            return None;
        }
    }
    None
}

/// The columns before the first word of the line that begins here.
fn indent(text: &[u8], line: usize) -> usize {
    let line = text[line..].split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.len() - line.trim_ascii_start().len()
}

/// The offset behind the line that begins here.
fn behind(text: &[u8], line: usize) -> usize {
    memchr(b'\n', &text[line..]).map_or(text.len(), |newline| line + newline + 1)
}

/// The body of the `try` to which an `except` belongs.
fn above(text: &[u8], except: usize) -> std::ops::Range<usize> {
    let own = indent(text, except);
    let (mut at, mut end) = (except, except);
    while at > 0 {
        at = line_start(text, at - 1);
        let line = text[at..end].trim_ascii();
        if indent(text, at) > own || line.is_empty() {
            continue;
        }
        if line.starts_with(b"try:") {
            return behind(text, at)..end;
        }
        if line.starts_with(b"except") || line.starts_with(b")") {
            end = at;
            continue;
        }
        break;
    }
    except..except
}

/// The block under a header.
fn below(text: &[u8], header: usize) -> std::ops::Range<usize> {
    let own = indent(text, header);
    let start = behind(text, header);
    let mut at = start;
    while at < text.len() {
        let end = behind(text, at);
        if !text[at..end].trim_ascii().is_empty() && indent(text, at) <= own {
            break;
        }
        at = end;
    }
    start..at
}

/// The last names of what is called in a part of the text, but of requests itself.
fn called<'t>(
    text: &'t [u8],
    part: std::ops::Range<usize>,
    imported: &FxHashMap<&[u8], &str>,
) -> impl Iterator<Item = &'t [u8]> {
    let calls = memchr_iter(b'(', &text[part.clone()]).map(move |at| part.start + at);
    calls.filter_map(move |at| {
        let path = path_before(text, at);
        let is_own = imported
            .get(first_word(path))
            .is_some_and(|object| is_of_requests(object));
        let name = last_word(path);
        (!is_own && !name.is_empty() && !name[0].is_ascii_digit()).then_some(name)
    })
}

/// The names of what is awaited in a file that uses responses as only those of requests can be, with the offset of that.
fn judged<'t>(text: &'t [u8], imported: &FxHashMap<&[u8], &str>) -> Vec<(&'t [u8], usize)> {
    let awaits: Vec<usize> = memmem::find_iter(text, b"await ").map(|at| at + 6).collect();
    let mut found = Vec::new();
    if awaits.is_empty() {
        return found;
    }
    let member = OF_RESPONSES.iter().find_map(|member| {
        let is_whole = |at: &usize| {
            !text
                .get(at + member.len())
                .is_some_and(|byte| is_word(*byte) || *byte == b'(')
        };
        let mut places = memmem::find_iter(text, member);
        if member.ends_with(b"(") {
            places.next()
        } else {
            places.find(is_whole)
        }
    });
    if let Some(at) = member {
        found.extend(called(text, 0..text.len(), imported).map(|name| (name, at)));
    }
    let tested = tested(text);
    for start in awaits {
        let line = line_start(text, start);
        let before = text[line..start - 6].trim_ascii();
        let Some(name) = before
            .strip_suffix(b"=")
            .map(|before| last_word(before.trim_ascii_end().trim_ascii_end()))
        else {
            continue;
        };
        let callee = last_word(callee(&text[start..]));
        if name.is_empty() || callee.is_empty() {
            continue;
        }
        let mut places = tested.get(name).into_iter().flatten();
        if let Some(at) = places.find(|at| **at > start && indent(text, line_start(text, **at)) >= indent(text, line)) {
            found.push((callee, *at));
        }
    }
    found
}

/// The names whose truth is asked for, with the offsets, in order.
fn tested(text: &[u8]) -> FxHashMap<&[u8], Vec<usize>> {
    let mut found: FxHashMap<&[u8], Vec<usize>> = FxHashMap::default();
    for name in words_in(text) {
        let start = name.as_ptr().addr() - text.as_ptr().addr();
        if is_tested(text, start, start + name.len()) {
            found.entry(name).or_default().push(start);
        }
    }
    found
}

/// Whether the truth of a name is asked for: `if r:`, `not r`, `r and r.text`.
fn is_tested(text: &[u8], start: usize, end: usize) -> bool {
    let behind = &text[end..];
    let is_operand = [&b" and "[..], b" or "].iter().any(|next| behind.starts_with(next));
    // Every word of a file is asked about, and few have one of these behind them.
    let ends = [&b":"[..], b")", b",", b"]", b"\n", b" else "];
    if !is_operand && !ends.iter().any(|next| behind.starts_with(next)) {
        return false;
    }
    let before = text[line_start(text, start)..start].trim_ascii_end();
    let asks = [&b"if"[..], b"elif", b"while", b"not", b"and", b"or", b"assert"];
    is_operand && !before.ends_with(b".") || asks.contains(&last_word(before))
}

/// Whether the task that is made here goes nowhere, or only to where it is kept until it is done.
fn is_forgotten(text: &[u8], maker: usize) -> bool {
    let line = line_start(text, maker);
    let before = text[line..maker].trim_ascii();
    let is_path = |text: &[u8]| text.iter().all(|byte| is_word(*byte) || *byte == b'.');
    if is_path(before) {
        return !before.starts_with(b"return") && !before.starts_with(b"await");
    }
    let Some(equals) = memchr(b'=', before) else {
        return false;
    };
    let name = before[..equals].trim_ascii();
    let Ok(name) = std::str::from_utf8(name) else {
        return false;
    };
    let is_plain = !name.is_empty() && name.bytes().all(is_word);
    is_plain
        && is_path(before[equals + 1..].trim_ascii())
        && words(text, name).all(|place| {
            let (start, end) = (place.start(), place.start() + name.len());
            let is_bound = text[end..].trim_ascii_start().starts_with(b"=");
            is_bound || text[..start].ends_with(b".add(") || text[end..].starts_with(b".add_done_callback(")
        })
}

/// The paths that are called behind `await` in the block below a line.
fn awaited_below(text: &[u8], header: usize) -> Vec<(&[u8], usize)> {
    let indent = |line: &[u8]| line.len() - line.trim_ascii_start().len();
    let end_of = |at: usize| memchr(b'\n', &text[at..]).map_or(text.len(), |newline| at + newline + 1);
    let own = indent(&text[header..end_of(header)]);
    let mut at = end_of(header);
    while at < text.len() {
        let line = &text[at..end_of(at)];
        if !line.trim_ascii().is_empty() && indent(line) <= own {
            break;
        }
        at += line.len();
    }
    let block = &text[header..at];
    let awaits = memmem::find_iter(block, b"await ").map(|found| header + found + 6);
    awaits.map(|start| (callee(&text[start..]), start)).collect()
}

/// What is set, added to or emptied of what others have.
fn set(text: &[u8], lines: &Lines, imported: &FxHashMap<&[u8], &str>, meddling: &mut Meddling) {
    for at in memchr_iter(b'=', text) {
        let Some(before) = text[..at].last() else { continue };
        // `==`, `<=`, `f(x=1)` and the like are none.
        let is_augmented = b"+-*/|&^%@".contains(before);
        if !(is_augmented || *before == b' ' || *before == b']') || text.get(at + 1) == Some(&b'=') {
            continue;
        }
        let left = text[..at - usize::from(is_augmented)].trim_ascii_end();
        let line = line_start(text, left.len());
        target(text, lines, line..left.len(), imported, meddling);
    }
    for at in memmem::find_iter(text, b"del ") {
        let line = line_start(text, at);
        if text[line..at].trim_ascii().is_empty() {
            let end = memchr(b'\n', &text[at..]).map_or(text.len(), |newline| at + newline);
            target(text, lines, at + 4..end, imported, meddling);
        }
    }
    for end in memchr_iter(b'(', text) {
        let method = last_word(&text[..end]);
        let start = end - method.len();
        if text[..start].ends_with(b".") && MUTATORS.iter().any(|mutator| mutator.as_bytes() == method) {
            let path = path_before(text, start - 1);
            if let Some(path) = dotted(path, imported) {
                meddling.changed.push((path, line_in(lines, start)));
            }
        }
    }
}

/// A target of an assignment between two offsets, if it begins there: `conf.mode`, `conf.LIMITS["n"]`, `device.conn`.
fn target(
    text: &[u8],
    lines: &Lines,
    place: std::ops::Range<usize>,
    imported: &FxHashMap<&[u8], &str>,
    meddling: &mut Meddling,
) {
    let start = place.start;
    let whole = text[place].trim_ascii();
    let length = whole
        .iter()
        .take_while(|byte| is_word(**byte) || **byte == b'.')
        .count();
    let (path, item) = whole.split_at(length);
    let is_item = item.starts_with(b"[") && item.ends_with(b"]");
    if path.is_empty() || !(item.is_empty() || is_item) {
        return;
    }
    let root = first_word(path);
    if let Some(dotted) = dotted(path, imported).filter(|_| is_item || path.len() > root.len()) {
        meddling.changed.push((dotted, line_in(lines, start)));
    } else if item.is_empty() && path.len() > root.len() && root != b"self" && root != b"cls" {
        meddling.set.push((hash(last_word(path)), line_in(lines, start)));
    }
}

/// The dotted name of what a path leads to that begins with something imported.
fn dotted(path: &[u8], imported: &FxHashMap<&[u8], &str>) -> Option<String> {
    let root = first_word(path);
    let object = imported.get(root)?;
    Some(format!("{object}{}", std::str::from_utf8(&path[root.len()..]).ok()?))
}

/// The names and dots that end at an offset.
fn path_before(text: &[u8], end: usize) -> &[u8] {
    let before = text[..end].iter().rposition(|byte| !is_word(*byte) && *byte != b'.');
    &text[before.map_or(0, |before| before + 1)..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Meddling {
        let imported = FxHashMap::from_iter([(&b"conf"[..], "app.conf"), (b"LIMITS", "app.conf.LIMITS")]);
        Meddling::of(text.as_bytes(), &Lines::of(text.as_bytes()), &imported, false)
    }

    #[track_caller]
    fn cancels(text: &str, expected: &[&str]) {
        let mut expected: Vec<Name> = expected.iter().map(|name| hash(name.as_bytes())).collect();
        expected.sort_unstable();
        let found: Vec<Name> = of(text).cancelled.iter().map(|(name, _)| *name).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn what_is_cancelled_is_seen() {
        cancels("t = asyncio.create_task(worker.job(1))\nt.cancel()\n", &["job"]);
        cancels("t = asyncio.create_task(\n    job(1))\nt.cancel()\n", &["job"]);
        cancels("t = asyncio.create_task(job(1))\nawait t\n", &[]);
        cancels("asyncio.create_task(job(1))\nasyncio.run(main())\n", &["job"]);
        cancels(
            "t = asyncio.create_task(job(1))\nkept.add(t)\nasyncio.run(main())\n",
            &["job"],
        );
        cancels("t = asyncio.create_task(job(1))\nawait t\nasyncio.run(main())\n", &[]);
        cancels("x = await asyncio.wait_for(a.b.job(1), 2)\n", &["job"]);
        cancels(
            "async with anyio.create_task_group() as g:\n    g.start_soon(a.job, 1)\n",
            &["job"],
        );
        let block = "    async with asyncio.timeout(1):\n        x = 1\n        await a.job(x)\n    await b.other()\n";
        cancels(block, &["job"]);
        let text = b"await asyncio.wait_for(job(), 1)\n";
        let test = Meddling::of(
            text,
            &Lines::of(text),
            &FxHashMap::from_iter([(&b"job"[..], "a.job")]),
            true,
        );
        assert!(test.cancelled.is_empty());
    }

    #[test]
    fn what_counts_on_requests_is_seen() {
        let imported = FxHashMap::from_iter([
            (&b"requests"[..], "requests"),
            (b"HTTPError", "requests.exceptions.HTTPError"),
            (b"api", "app.api"),
        ]);
        let of = |text: &str| Meddling::of(text.as_bytes(), &Lines::of(text.as_bytes()), &imported, false);
        let names = |found: &[(Name, u32)]| -> Vec<(Name, u32)> { found.to_vec() };
        let sees = |text: &str, expected: &[(&str, u32)]| {
            let mut expected: Vec<(Name, u32)> = expected
                .iter()
                .map(|(name, line)| (hash(name.as_bytes()), *line))
                .collect();
            expected.sort_unstable();
            assert_eq!(names(&of(text).expected), expected, "{text}");
        };
        sees(
            "try:\n    x = await api.fetch(1)\nexcept requests.Timeout:\n    pass\n",
            &[("fetch", 3)],
        );
        sees(
            "try:\n    x = await fetch()\nexcept KeyError:\n    y()\nexcept (\n    ValueError,\n    HTTPError,\n):\n    pass\n",
            &[("fetch", 7)],
        );
        sees(
            "with suppress(HTTPError):\n    await api.fetch(1)\nother()\n",
            &[("fetch", 1)],
        );
        sees(
            "try:\n    requests.get(url)\nexcept HTTPError:\n    await api.fetch(1)\n",
            &[],
        );
        sees(
            "try:\n    await api.fetch(1)\nexcept ValueError:\n    raise HTTPError\n",
            &[],
        );

        let judged = |text: &str| of(text).judged.first().map(|(_, line)| *line);
        assert_eq!(
            judged("r = await api.fetch(1)\nprint(r.text)\nif not r:\n    pass\n"),
            Some(3)
        );
        assert_eq!(judged("r = await api.fetch(1)\nx = r and r.text\n"), Some(2));
        assert_eq!(judged("r = await api.fetch(1)\nprint(r.ok)\n"), Some(2));
        assert_eq!(judged("r = await api.fetch(1)\nif r.text:\n    print(r.okay)\n"), None);
        assert_eq!(
            judged("r = await api.fetch(1)\nif r is None:\n    print(r.status_code)\n"),
            None
        );
    }

    #[test]
    fn what_is_driven_by_hand_is_seen() {
        assert_eq!(of("x = 1\ncoro.send(None)\n").drives, Some(2));
        assert!(of("socket.send(data)\n").drives.is_none());
        assert!(of("try:\n    g.send(x)\nexcept StopIteration: pass\n").drives.is_some());
    }

    #[test]
    fn what_is_set_is_seen() {
        let meddling = of(
            "conf.mode = 1\nLIMITS[\"n\"] = 2\nconf.NAMES.pop(0)\ndel conf.rest\ndev.conn = None\n\
                           self.own = 1\nx = conf.mode == 2\nf(mode=3)\nconf.count += 1\n",
        );
        let changed: Vec<(&str, u32)> = meddling
            .changed
            .iter()
            .map(|(path, line)| (path.as_str(), *line))
            .collect();
        let expected = [
            ("app.conf.mode", 1),
            ("app.conf.LIMITS", 2),
            ("app.conf.count", 9),
            ("app.conf.rest", 4),
            ("app.conf.NAMES", 3),
        ];
        assert_eq!(changed, expected);
        assert_eq!(meddling.sets(hash(b"conn")), Some(5));
        assert!(meddling.sets(hash(b"own")).is_none() && meddling.sets(hash(b"mode")).is_none());
    }
}
