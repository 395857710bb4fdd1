//! Whether an await could be all that a loop does, judged from its line and the one above: most async files are never parsed for this
//! codemod.

use memchr::memmem;

use crate::codemod::Wanted;
use crate::glance::{TRIPLE_QUOTES, callee, code_above, is_word, line_start, may_overlap, mentions};
use crate::knowledge;

/// May be wrong in favour of looking, never against it.
pub fn glance(text: &[u8], wanted: Wanted) -> bool {
    if wanted == Wanted::Everything {
        return memmem::find(text, b"for").is_some();
    }
    let mut known_class = None;
    memmem::find_iter(text, b"await").any(|at| {
        let behind = &text[at + b"await".len()..];
        if at.checked_sub(1).is_some_and(|before| is_word(text[before])) || behind.first().copied().is_some_and(is_word)
        {
            return false;
        }
        let start = line_start(text, at);
        let before = text[start..at].trim_ascii();
        if !may_be_round(text, start, before, behind) {
            return false;
        }
        let known_class = *known_class.get_or_insert_with(|| knowledge::mentions_shareable_class(text));
        may_overlap(text, callee(behind.trim_ascii_start()), !before.is_empty(), known_class)
    })
}

/// Whether an await between `before` and `behind` may be the one thing that a round of a loop does.
fn may_be_round(text: &[u8], start: usize, before: &[u8], behind: &[u8]) -> bool {
    let opened = before.trim_ascii_end_matches(b'(');
    let above = || code_above(text, start);
    let is_header = |line: &[u8]| {
        line.ends_with(b":") && !is_block(line) && ends_block(text, start)
            // A comment behind the colon, a header on several lines.
            || line.contains(&b'#')
            || line.ends_with(b"\\")
    };
    match opened.last() {
        // Its own line: in a loop, or in brackets that the line above opens.
        None => {
            let above = above();
            is_header(above)
                || matches!(above.last(), Some(b'[' | b'{' | b'(' | b':' | b'\\' | b'#')) && !is_block(above)
        }
        Some(b'[' | b'{') => true,
        Some(b':') => !is_block(before) || before.starts_with(b"for"),
        Some(b'=') => {
            let is_kept_apart =
                opened.ends_with(b"+=") || memmem::find(opened, b"]").is_some() || !opened.ends_with(b" =");
            is_kept_apart && (before.starts_with(b"for") || before.starts_with(b"]") || is_header(above()))
        }
        _ if opened.ends_with(b"if") || opened.ends_with(b"not") => {
            let rest = behind
                .split(|byte| matches!(byte, b'\n' | b'\r'))
                .next()
                .unwrap_or_default();
            !rest.trim_ascii_end().ends_with(b":")
        }
        _ if opened.ends_with(b".append") || opened.ends_with(b".add") => {
            before.starts_with(b"for") || is_header(above())
        }
        _ => false,
    }
}

/// Whether nothing else of its block follows the statement that starts in this line.
fn ends_block(text: &[u8], start: usize) -> bool {
    let width = |line: &[u8]| line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let mut lines = text[start..].split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let own = width(first);
    let mut has_string = mentions(first, TRIPLE_QUOTES);
    for line in lines {
        let inner = width(line);
        has_string |= mentions(line, TRIPLE_QUOTES);
        match line[inner..].first() {
            None | Some(b'\r' | b'#') => {}
            Some(_) if inner < own => return true,
            Some(b')' | b']' | b'}') => {}
            // In the middle of a string, what looks like a statement is text.
            Some(_) if inner == own => return has_string,
            Some(_) => {}
        }
    }
    true
}

/// A line that opens a block which is no loop: `if x:`, `else:`, `async with a as b:`.
fn is_block(line: &[u8]) -> bool {
    let words: [&[u8]; 12] = [
        b"async", b"case", b"class", b"def", b"elif", b"else", b"except", b"finally", b"if", b"try", b"while", b"with",
    ];
    words.iter().any(|word| line.starts_with(word)) && line.ends_with(b":")
}

/// As the method of `str`.
trait TrimEnd {
    fn trim_ascii_end_matches(&self, byte: u8) -> &Self;
}

impl TrimEnd for [u8] {
    fn trim_ascii_end_matches(&self, byte: u8) -> &[u8] {
        let mut rest = self.trim_ascii_end();
        while let Some(inner) = rest.strip_suffix(&[byte]) {
            rest = inner.trim_ascii_end();
        }
        rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glance(text: &str) -> bool {
        let text = format!("async def f(x): ...\n{text}");
        super::glance(text.as_bytes(), Wanted::NothingDeclined)
    }

    #[test]
    fn sees_what_could_be_a_round() {
        assert!(glance("  for x in xs:\n    out.append(await f(x))\n"));
        assert!(glance(
            "  for x in xs:\r\n    # why\r\n\r\n    out.append(\r\n      await f(x)\r\n    )\r\n"
        ));
        assert!(glance("  for x in [\n    1,\n  ]:\n    await f(x)\n"));
        assert!(glance("  for x in xs: await f(x)\n"));
        assert!(glance("  for x in xs:  # all\n    total += await f(x)\n"));
        assert!(glance("  for x in xs:\n    d[x] = await f(x)\n"));
        assert!(glance("  out = [await f(x) for x in xs]\n"));
        assert!(glance("  out = {\n    x: await f(x)\n    for x in xs\n  }\n"));
        assert!(glance("  out = [\n    # all\n    await f(x)\n    for x in xs\n  ]\n"));
        assert!(glance("  out = [x for x in xs if not await f(x)]\n"));
        assert!(glance("  out = [\n    x\n    for x in xs\n    if await f(x)\n  ]\n"));
    }

    #[test]
    fn passes_over_what_cannot_be_one() {
        assert!(!glance("  x = await f(1)\n  if await f(x):\n    await f(2)\n"));
        assert!(!glance("  out.append(await f(x))\n"));
        assert!(!glance("  for x in xs:\n    out.append(await g.close(x))\n"));
        assert!(!glance(
            "  for x in xs:\n    out.append(await f(x))\n\n    # why\n    print(x)\n"
        ));
        assert!(!glance("  async with y:\n    await f(2)\n  return await f(3)\n"));
    }
}
