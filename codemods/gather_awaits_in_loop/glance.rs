//! Whether an await could be all that a loop does, judged from its line and the one above: most async files are never parsed for this
//! codemod.

use memchr::memmem;

use crate::codemod::Wanted;
use crate::glance::{TRIPLE_QUOTES, behind_arguments, callee, code_above, is_word, line_start, may_overlap, mentions};
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
        may_be_made(text, behind)
            || may_overlap(text, callee(behind.trim_ascii_start()), !before.is_empty(), known_class)
    })
}

/// Whether an await between `before` and `behind` may be the one thing that a round of a loop does.
fn may_be_round(text: &[u8], start: usize, before: &[u8], behind: &[u8]) -> bool {
    if before.first() != Some(&b'#') && is_in_loop(text, start) {
        return true;
    }
    let opened = before.trim_ascii_end_matches(b'(');
    let above = || code_above(text, start);
    let is_header = |line: &[u8]| may_be_loop(text, line) && ends_block(text, start);
    let next = code_behind(behind);
    let Some(next) = next else {
        return may_be_made(text, behind);
    };
    // What stands behind the element of a comprehension, and not behind that of a display.
    let is_element = || !matches!(next.first(), Some(b',' | b']' | b'}' | b')'));
    match opened.last() {
        Some(b'#') => false,
        _ if before.starts_with(b"#") => false,
        // Its own line: in a loop, or in brackets that the line above opens.
        None => {
            let above = above();
            let is_inside = || match above.last() {
                Some(b'[' | b'{') => is_element(),
                Some(b'(') => {
                    is_element()
                        || [&b".append("[..], b".add(", b"(("]
                            .iter()
                            .any(|end| above.ends_with(end))
                }
                Some(b':') => !matches!(above.first(), Some(b')' | b']' | b'}')) && !above.starts_with(b"for"),
                last => matches!(last, Some(b'\\' | b'#')),
            };
            is_header(above) || !is_block(above) && is_inside()
        }
        Some(b'[' | b'{') => is_element(),
        Some(b':') => !is_block(before) || before.starts_with(b"for"),
        Some(b'=') => {
            let is_kept_apart =
                opened.ends_with(b"+=") || memmem::find(opened, b"]").is_some() || !opened.ends_with(b" =");
            is_kept_apart && (before.starts_with(b"for") || before.starts_with(b"]") || is_header(above()))
        }
        _ if opened.ends_with(b"if") || opened.ends_with(b"not") => next.first() != Some(&b':'),
        _ if opened.ends_with(b".append") || opened.ends_with(b".add") => {
            before.starts_with(b"for") || is_header(above())
        }
        _ => false,
    }
}

/// Whether what is awaited may be the variable of a loop over coroutines: `await coro`.
fn may_be_made(text: &[u8], behind: &[u8]) -> bool {
    let awaited = behind.trim_ascii_start();
    let name = awaited.iter().take_while(|byte| is_word(**byte)).count();
    if name == 0 || matches!(awaited.get(name), Some(b'(' | b'.' | b'[')) {
        return false;
    }
    let looped = [b"for ", &awaited[..name], b" in "].concat();
    memmem::find(text, &looped).is_some()
}

/// Whether the innermost block around a line, as far as indentation tells, may be a loop's. Lines in brackets may be indented less than the
/// statement that they are part of, and are taken for what they look like.
fn is_in_loop(text: &[u8], start: usize) -> bool {
    let width = |line: &[u8]| line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let mut least = width(&text[start..]);
    let mut start = start;
    while start > 0 && least > 0 {
        let end = start;
        start = line_start(text, start - 1);
        let line = &text[start..end];
        let own = width(line);
        let code = line[own..].trim_ascii();
        if own >= least || code.is_empty() || code.starts_with(b"#") {
            continue;
        }
        least = own;
        if code.starts_with(b"for ") {
            return true;
        }
        if is_block(code) && !code.starts_with(b"if ") {
            return false;
        }
    }
    false
}

/// The code behind the awaited call. `None` when what is awaited is no call; empty where it is not read to its end.
fn code_behind(awaited: &[u8]) -> Option<&[u8]> {
    let awaited = awaited.trim_ascii_start();
    let path = awaited
        .iter()
        .take_while(|byte| is_word(**byte) || **byte == b'.')
        .count();
    match awaited.get(path) {
        Some(b'(') => Some(
            behind_arguments(&awaited[path..])
                .unwrap_or_default()
                .trim_ascii_start(),
        ),
        // A path that goes on in the next line.
        Some(b'\n' | b'\r') if awaited[path..].trim_ascii_start().starts_with(b".") => Some(b""),
        // `await task`, at the end of its line or of the brackets around it.
        None | Some(b'\n' | b'\r' | b')' | b']' | b'}' | b',' | b':') if path > 0 => None,
        _ => Some(b""),
    }
}

/// Whether a line of the text may be, or end, the header of a loop.
fn may_be_loop(text: &[u8], line: &[u8]) -> bool {
    let code = match memchr::memchr(b'#', line) {
        Some(comment) if !line.contains(&b'"') && !line.contains(&b'\'') => line[..comment].trim_ascii_end(),
        _ => line,
    };
    if code.ends_with(b"\\") {
        return true;
    }
    if !code.ends_with(b":") && code.len() == line.len() {
        return line.contains(&b'#');
    }
    match code.first() {
        // A header on several lines begins above, indented like its end.
        Some(b')' | b']' | b'}') => {
            let end = line.as_ptr() as usize - text.as_ptr() as usize;
            let mut start = line_start(text, end);
            let own = &text[start..end];
            while start > 0 {
                start = line_start(text, start - 1);
                if let Some(code) = text[start..].strip_prefix(own)
                    && code.first().is_some_and(|byte| !byte.is_ascii_whitespace())
                {
                    return code.starts_with(b"for") || code.starts_with(b"async for");
                }
            }
            true
        }
        _ => code.starts_with(b"for"),
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
        // The rest of a round may go over the results.
        assert!(glance(
            "  for x in xs:\n    out.append(await f(x))\n\n    # why\n    print(x)\n"
        ));
        assert!(glance(
            "  for x in xs:\n    if x:\n      y = await f(x)\n      out.append(y)\n"
        ));
        assert!(glance("  for c in cs:\n    out.append(await c)\n"));
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
        assert!(!glance("  async with y:\n    await f(2)\n  return await f(3)\n"));
    }
}
