//! Whether two awaits could follow each other, judged from the lines alone: most async files are never parsed for this codemod.

use std::cell::OnceCell;
use std::sync::LazyLock;

use memchr::{memchr2, memmem, memrchr2};

use crate::codemod::Wanted;
use crate::glance::{first_word, is_word};

use super::callees::{Callees, Fate, path_at, split};

static AWAIT: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("await"));

/// Whether two lines of the same indentation begin like awaiting statements, with nothing but their own continuation lines, comments
/// and blank lines between them; or one statement awaits twice. When only what can be joined is wanted, what their callees are counts, too.
/// May be wrong in favour of looking (strings are not told from code), never against it.
pub fn glance(text: &[u8], wanted: Wanted) -> bool {
    let callees = OnceCell::new();
    let fate = |step: &Step| match wanted {
        Wanted::Everything => Fate::Open,
        Wanted::NothingDeclined => step.fate(callees.get_or_init(|| Callees::of(text))),
    };
    let may_join = |earlier: &Step, step: &Step| match (fate(earlier), fate(step)) {
        (Fate::Declined, _) | (_, Fate::Declined) => false,
        (Fate::Guessed, Fate::Guessed) => !earlier.shares_receiver(step),
        _ => true,
    };
    if awaits_inside_one_expression(text) {
        return true;
    }
    let mut last: Option<(usize, Step)> = None;
    let mut next = 0;
    while next < text.len() {
        if last.is_none() {
            // Nothing is open: the next line that counts is the one above the next `await`, where a parenthesis may open.
            let Some(step) = AWAIT.find(&text[next..]) else {
                return false;
            };
            // Two lines up, where each may end in two characters.
            let mut above = next + step;
            for _ in 0..4 {
                above = memrchr2(b'\n', b'\r', &text[next..above]).map_or(next, |newline| next + newline);
            }
            next = above;
        }
        let end = memchr2(b'\n', b'\r', &text[next..]).map_or(text.len(), |length| next + length);
        let line = &text[next..end];
        next = end + 1;
        let indent = line
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | 0x0c))
            .count();
        let code = &line[indent..];
        let Some(&first) = code.first().filter(|&&first| first != b'#') else {
            continue;
        };
        let is_closing = matches!(first, b')' | b']' | b'}' | b'"' | b'\'');
        let from = end - code.len();
        if value_of_tuple(code).is_some_and(|value| holds_awaits(&text[from + value..], indent)) {
            return true;
        }
        if last.as_ref().is_some_and(|(above, _)| indent > *above || is_closing) {
            // A further line of the step: nothing else may be indented more without a header above it.
            continue;
        }
        let step = Step::of(code, &text[from..]);
        if let Some(step) = &step
            && [&b"\"\"\""[..], b"'''"]
                .iter()
                .any(|quotes| memmem::find(code, quotes).is_some())
        {
            // The lines of a string have any indentation.
            if fate(step) != Fate::Declined {
                return true;
            }
            last = None;
            continue;
        }
        // Another one may stand on the same line.
        let is_wanted = wanted == Wanted::Everything || step.as_ref().is_some_and(|step| fate(step) != Fate::Declined);
        if is_wanted && memchr::memchr(b';', code).is_some_and(|at| AWAIT.find(&code[at..]).is_some()) {
            return true;
        }
        if let (Some((above, earlier)), Some(step)) = (&last, &step)
            && *above == indent
            && !(wanted == Wanted::NothingDeclined && earlier.is_mentioned(code))
            && may_join(earlier, step)
        {
            return true;
        }
        last = step.map(|step| (indent, step));
    }
    false
}

/// Whether an `await` stands inside an expression, behind a comma, a colon, a keyword or an operator, and another one before it may belong to the
/// same expression: nothing between them is indented less than both.
fn awaits_inside_one_expression(text: &[u8]) -> bool {
    let line_of = |at: usize| memrchr2(b'\n', b'\r', &text[..at]).map_or(0, |newline| newline + 1);
    let width = |line: &[u8]| {
        line.iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | 0x0c))
            .count()
    };
    let mut before: Option<usize> = None;
    for at in AWAIT.find_iter(text) {
        let line = line_of(at);
        let is_keyword = text[..at].ends_with(b"=") && at >= 2 && is_word(text[at - 2]);
        let is_inside = is_keyword
            || matches!(
                text[..at].trim_ascii_end().last(),
                Some(b',' | b'+' | b'-' | b'*' | b'/' | b'|' | b'&' | b'%' | b'@')
            )
            // A colon ends a header, unless something stands before it on the line of the `await`.
            || text[line..at].trim_ascii_end().ends_with(b":")
            // A comment may stand behind the comma.
            || text[line..at].trim_ascii().is_empty() && text[line_of(line.saturating_sub(1))..line].contains(&b'#');
        if is_inside && let Some(before) = before {
            let first = line_of(before);
            let least = width(&text[first..]).min(width(&text[line..]));
            let mut lines = text[first..line].split(|byte| matches!(byte, b'\n' | b'\r'));
            if lines.all(|line| line.trim_ascii().is_empty() || width(line) >= least) {
                return true;
            }
        }
        before = Some(at);
    }
    false
}

/// Where the value of a statement begins that may return a tuple, or assign one to several targets.
fn value_of_tuple(code: &[u8]) -> Option<usize> {
    if code.starts_with(b"return") {
        return Some(b"return".len());
    }
    let sign = memchr::memchr(b'=', code)?;
    memchr::memchr(b',', &code[..sign]).map(|_| sign + 1)
}

/// Whether a value, which the text begins with, may be a tuple of awaits: it awaits, and awaits again behind a comma. The further lines of
/// its statement are indented more than that, or close a bracket.
fn holds_awaits(text: &[u8], indent: usize) -> bool {
    let value = unwrapped(text);
    if !value.starts_with(b"await") {
        return false;
    }
    let mut seen = b"await".len();
    while let Some(step) = AWAIT.find(&value[seen..]) {
        let between = &value[seen..seen + step];
        seen += step + b"await".len();
        let mut lines = between.split(|byte| matches!(byte, b'\n' | b'\r')).skip(1);
        let ends = lines.any(|line| {
            let width = line
                .iter()
                .take_while(|byte| matches!(byte, b' ' | b'\t' | 0x0c))
                .count();
            let is_inner =
                width > indent || matches!(line.get(width), None | Some(b'#' | b')' | b']' | b'}' | b'"' | b'\''));
            !is_inner && width < line.len()
        });
        if ends {
            return false;
        }
        let before = between.trim_ascii_end();
        let before =
            before[..before.len() - before.iter().rev().take_while(|byte| **byte == b'(').count()].trim_ascii_end();
        // A comment may stand behind the comma.
        if before.ends_with(b",") || before.contains(&b'#') || before.ends_with(b"\\") {
            return true;
        }
    }
    false
}

/// A text without the parentheses, line breaks and comments that it begins with.
fn unwrapped(mut text: &[u8]) -> &[u8] {
    while let Some(first) = text.first() {
        text = match first {
            b'#' => &text[memchr2(b'\n', b'\r', text).unwrap_or(text.len())..],
            b'(' | b'\\' => &text[1..],
            first if first.is_ascii_whitespace() => text.trim_ascii_start(),
            _ => break,
        };
    }
    text
}

/// What may be an awaiting statement.
struct Step<'a> {
    /// The name that is bound; empty for none.
    target: &'a [u8],
    /// The dotted path that is called; empty when it is something else.
    callee: &'a [u8],
    /// The text behind the opening parenthesis of the call.
    arguments: &'a [u8],
}

impl<'a> Step<'a> {
    /// `await ...`, `name = await ...`, or either with its value in parentheses. `code` is the line, `text` everything from there on.
    fn of(code: &'a [u8], text: &'a [u8]) -> Option<Self> {
        let name = code.iter().take_while(|byte| is_word(**byte)).count();
        if &code[..name] == b"await" {
            return Some(Self::calling(text, b""));
        }
        let rest = code[name..].trim_ascii_start();
        // `name: Type = await ...`, `name, other = await ...`, `(name, other) = await ...`: the first name stands for all.
        let is_listed =
            matches!(rest.first(), Some(b':' | b',')) || name == 0 && memmem::find(rest, b") = await").is_some();
        if is_listed
            && memchr::memchr(b'=', rest).is_some()
            && let Some(at) = AWAIT.find(code)
        {
            let names = code.trim_ascii_start().strip_prefix(b"(").unwrap_or(code);
            return Some(Self::calling(&text[at..], first_word(names)));
        }
        let value = match rest.first() {
            Some(b'(') if name == 0 => rest,
            Some(b'=') if name > 0 && rest.get(1) != Some(&b'=') => rest[1..].trim_ascii_start(),
            _ => return None,
        };
        let inner = value.trim_ascii_end();
        let inner = inner[inner.iter().take_while(|byte| **byte == b'(').count()..].trim_ascii_start();
        // What is in parentheses, or behind a backslash, may begin on a later line.
        let is_later = inner.is_empty() && !value.is_empty() || inner == b"\\" || inner.starts_with(b"#");
        if !is_later && !inner.starts_with(b"await") {
            return None;
        }
        let text = unwrapped(&text[code.len() - value.len()..]);
        text.starts_with(b"await").then(|| Self::calling(text, &code[..name]))
    }

    /// `text` begins with `await`.
    fn calling(text: &'a [u8], target: &'a [u8]) -> Self {
        let rest = text[b"await".len()..].trim_ascii_start();
        let callee = path_at(rest);
        match &rest[callee.len()..] {
            [b'(', arguments @ ..] => Self {
                target,
                callee,
                arguments,
            },
            _ => Self {
                target,
                callee: b"",
                arguments: b"",
            },
        }
    }

    /// Whether a line mentions the name that this step binds: then it needs the result, or binds the name anew.
    fn is_mentioned(&self, line: &[u8]) -> bool {
        !self.target.is_empty()
            && memmem::find_iter(line, self.target).any(|at| {
                let after = line.get(at + self.target.len());
                (at == 0 || !is_word(line[at - 1])) && after.is_none_or(|after| !is_word(*after))
            })
    }

    fn fate(&self, callees: &Callees) -> Fate {
        if self.callee.is_empty() {
            return Fate::Open;
        }
        callees.fate(self.callee, self.arguments, !self.target.is_empty())
    }

    /// Whether both call a method of the same object, or of one and a part of it.
    fn shares_receiver(&self, other: &Self) -> bool {
        let (one, other) = (split(self.callee).0, split(other.callee).0);
        let is_part = |whole: &[u8], path: &[u8]| {
            whole
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"."))
        };
        !one.is_empty() && !other.is_empty() && (is_part(one, other) || is_part(other, one))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glance(text: &[u8]) -> bool {
        super::glance(text, Wanted::Everything)
    }

    #[test]
    fn sees_what_could_be_a_run() {
        assert!(glance(b"    a = await f()\n    b = await g()\n"));
        assert!(glance(b"  await f(\n    1,\n  )\n\n  # why\n  await g()\n"));
        assert!(glance(b"  x = (\n    await f()\n  )\r\n  await g()\n"));
        assert!(glance(b"  1\r\n  x = (\r\n    await f()\r\n  )\r\n  await g()\r\n"));
        assert!(glance(b"  return await f(), await g()\n"));
        assert!(glance(b"  a = await f(\"\"\"x\ny\"\"\")\n  b = await g()\n"));
        assert!(glance(b"  return (\n    await f(),\n    await g(),\n  )\n"));
        assert!(glance(b"  a: int = await f()\n  b: dict[str, int] = await g()\n"));
        assert!(glance(b"  a, b = await f()\n  (c, d) = await g()\n"));
        assert!(glance(b"  a = await f(); b = await g()\n"));
        assert!(glance(b"  return {\n    'a': await f(),\n    'b': await g(),\n  }\n"));
        assert!(glance(b"  r = R(\n    a=await f(),\n    c=1,\n    b=await g(),\n  )\n"));
        assert!(glance(b"  return [await f(), await g()]\n"));
        assert!(glance(b"  return await f() + await g()\n"));
        assert!(glance(b"  x = [\n    await f(),  # one\n    await g(),\n  ]\n"));
        assert!(glance("  \u{e4} = await f()\n  b = await g()\n".as_bytes()));
    }

    #[test]
    fn passes_over_what_cannot_be_one() {
        assert!(!glance(b"    a = await f()\n    print(a)\n    b = await g()\n"));
        assert!(!glance(b"    await f()\n        await g()\n"));
        assert!(!glance(b"    return await f()\n"));
    }

    #[test]
    fn passes_over_what_would_be_declined() {
        let would = |text: &str| super::glance(text.as_bytes(), Wanted::NothingDeclined);
        assert!(!would("    await a.start()\n    await b.start()\n"));
        assert!(!would("    await a.get()\n    await b.get()\n"));
        assert!(would("    x = await a.get()\n    y = await b.get()\n"));
        assert!(!would("    x = await a.get()\n    y = await a.b.get()\n"));
        assert!(!would("    x = await a.get(f(1))\n    y = await b.get()\n"));
        assert!(!would("    x = await a.get()\n    y = await b.get(c, *d)\n"));
        assert!(!would("    x = await session.get()\n    y = await b.get()\n"));
        assert!(would(
            "    x = await a.get('f(1)', \"*\")\n    y = await b.get((1), k=2 * c)\n"
        ));
        let two = "    await work(1)\n    await work(2)\n";
        let defined = |body: &str| would(&format!("async def work(x):\n    {body}\nasync def main():\n{two}"));
        assert!(defined("await asyncio.sleep(x)") && defined("await other()\nasync def other():\n  await sleep(1)"));
        assert!(defined("'''\n  await y()\n  '''\n    await asyncio.sleep(1)"));
        assert!(!defined("return x") && !defined("await x.y()") && !defined("await z(x)"));
        assert!(!defined("await other()\nasync def other():\n  await work(1)"));
        assert!(would(
            "from httpx import AsyncClient\n    await c.post(1)\n    await d.post(2)\n"
        ));
    }
}
