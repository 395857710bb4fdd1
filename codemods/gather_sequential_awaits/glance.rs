//! Whether two awaits could follow each other, judged from the lines alone: most async files are never parsed for this codemod.

use std::sync::LazyLock;

use memchr::{memchr2, memmem, memrchr2};

use crate::codemod::Wanted;
use crate::glance::{callee, is_word, may_overlap};
use crate::knowledge;

static AWAIT: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new("await"));

/// Whether two lines of the same indentation begin like awaiting statements, with nothing but their own continuation lines, comments
/// and blank lines between them; or a `return` awaits twice. May be wrong in favour of looking (strings are not told from code), never
/// against it.
pub fn glance(text: &[u8], wanted: Wanted) -> bool {
    let mut known_class = None;
    let mut may_join = |step: &Step| {
        wanted == Wanted::Everything || {
            let known_class = *known_class.get_or_insert_with(|| knowledge::mentions_shareable_class(text));
            step.may_be_joined(text, known_class)
        }
    };
    let mut last: Option<(usize, Step)> = None;
    let mut returning = false;
    let mut next = 0;
    while next < text.len() {
        if last.is_none() && !returning {
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
        if returning && (first == b')' || code.starts_with(b"await")) && memmem::find(code, b"await").is_some() {
            return true;
        }
        // The awaits of a returned tuple may stand on further lines: in parentheses, or behind the call that the line leaves open.
        let returns = code.starts_with(b"return");
        if returns && memmem::find_iter(code, b"await").count() > 1 {
            return true;
        }
        let is_open = matches!(code.trim_ascii_end().last(), Some(b'(' | b'[' | b'{' | b','));
        returning = if returns {
            is_open
        } else {
            returning && (is_open || !is_closing)
        };
        if last.as_ref().is_some_and(|(above, _)| indent > *above || is_closing) {
            // A further line of the step: nothing else may be indented more without a header above it.
            continue;
        }
        let step = Step::of(code);
        if step.is_some()
            && [&b"\"\"\""[..], b"'''"]
                .iter()
                .any(|quotes| memmem::find(code, quotes).is_some())
        {
            // The lines of a string have any indentation.
            return true;
        }
        if let (Some((above, earlier)), Some(step)) = (&last, &step)
            && *above == indent
            && !(wanted == Wanted::NothingDeclined && earlier.is_mentioned(code))
            && may_join(earlier)
            && may_join(step)
        {
            return true;
        }
        last = step.map(|step| (indent, step));
    }
    false
}

/// The first line of what may be an awaiting statement.
struct Step<'a> {
    /// The name that is bound; empty for none.
    target: &'a [u8],
    /// The dotted path that is called; empty when it does not stand on this line.
    callee: &'a [u8],
}

impl<'a> Step<'a> {
    /// `await ...`, `name = await ...`, or either with its value in parentheses.
    fn of(code: &'a [u8]) -> Option<Self> {
        let name = code.iter().take_while(|byte| is_word(**byte)).count();
        if &code[..name] == b"await" {
            return Some(Self::calling(code, b""));
        }
        let rest = code[name..].trim_ascii_start();
        let value = match rest.first() {
            Some(b'(') if name == 0 => rest,
            Some(b'=') if name > 0 && rest.get(1) != Some(&b'=') => rest[1..].trim_ascii_start(),
            _ => return None,
        };
        let inner = value.trim_ascii_end();
        let inner = inner[inner.iter().take_while(|byte| **byte == b'(').count()..].trim_ascii_start();
        // What is in parentheses, or behind a backslash, may begin on the next line.
        let awaits = inner.is_empty() && !value.is_empty()
            || inner.starts_with(b"await")
            || inner == b"\\"
            || inner.starts_with(b"#");
        awaits.then(|| Self::calling(value, &code[..name]))
    }

    fn calling(value: &'a [u8], target: &'a [u8]) -> Self {
        let callee = match value.strip_prefix(b"await ") {
            Some(rest) => callee(rest),
            None => b"",
        };
        Self { target, callee }
    }

    /// Whether a line mentions the name that this step binds: then it needs the result, or binds the name anew.
    fn is_mentioned(&self, line: &[u8]) -> bool {
        !self.target.is_empty()
            && memmem::find_iter(line, self.target).any(|at| {
                let after = line.get(at + self.target.len());
                (at == 0 || !is_word(line[at - 1])) && after.is_none_or(|after| !is_word(*after))
            })
    }

    /// Whether the step could be joined with another: its callee may be a function of this file or a method of a class that is known, or
    /// is said to read by its name and its result is kept.
    fn may_be_joined(&self, text: &[u8], known_class: bool) -> bool {
        may_overlap(text, self.callee, !self.target.is_empty(), known_class)
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
        assert!(would("async def work(): ...\n    await work(1)\n    await work(2)\n"));
        assert!(would(
            "from httpx import AsyncClient\n    await c.post(1)\n    await d.post(2)\n"
        ));
    }
}
