//! Whether two awaits could follow each other, judged from the lines alone: most async files are never parsed for this codemod.

/// Whether two lines of the same indentation begin like awaiting statements, with nothing but their own continuation lines, comments
/// and blank lines between them; or a `return` awaits twice. May be wrong in favour of looking (strings are not told from code), never
/// against it.
pub fn glance(text: &[u8]) -> bool {
    let mut last: Option<usize> = None;
    for line in text.split(|&byte| byte == b'\n' || byte == b'\r') {
        let indent = line
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | 0x0c))
            .count();
        let code = &line[indent..];
        match code.first() {
            None | Some(b'#') => continue,
            Some(_) => {}
        }
        if last.is_some_and(|last| indent > last || matches!(code[0], b')' | b']' | b'}' | b'"' | b'\'')) {
            // A further line of the step: nothing else may be indented more without a header above it.
            continue;
        }
        if may_begin_step(code) {
            if last == Some(indent) {
                return true;
            }
            last = Some(indent);
        } else if code.starts_with(b"return") {
            // The awaits of a returned tuple may stand on further lines.
            let awaits = memchr::memmem::find_iter(code, b"await").count();
            let goes_on = code.trim_ascii_end().ends_with(b"(");
            if awaits > 1 || goes_on && (awaits == 1 || code[b"return".len()..].trim_ascii() == b"(") {
                return true;
            }
            last = None;
        } else {
            last = None;
        }
    }
    false
}

/// `await ...`, `name = await ...`, or either with its value in parentheses.
fn may_begin_step(code: &[u8]) -> bool {
    let name = code
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_' || **byte >= 0x80)
        .count();
    if &code[..name] == b"await" {
        return true;
    }
    let rest = code[name..].trim_ascii_start();
    let value = match rest.first() {
        Some(b'(') if name == 0 => rest,
        Some(b'=') if name > 0 && rest.get(1) != Some(&b'=') => rest[1..].trim_ascii_start(),
        _ => return false,
    };
    let value = value.trim_ascii_start();
    value.starts_with(b"await") || value.starts_with(b"(") || value.starts_with(b"\\")
}

#[cfg(test)]
mod tests {
    use super::glance;

    #[test]
    fn sees_what_could_be_a_run() {
        assert!(glance(b"    a = await f()\n    b = await g()\n"));
        assert!(glance(b"  await f(\n    1,\n  )\n\n  # why\n  await g()\n"));
        assert!(glance(b"  x = (\n    await f()\n  )\r\n  await g()\n"));
        assert!(glance(b"  return await f(), await g()\n"));
        assert!(glance(b"  return (\n    await f(),\n    await g(),\n  )\n"));
        assert!(glance("  \u{e4} = await f()\n  b = await g()\n".as_bytes()));
    }

    #[test]
    fn passes_over_what_cannot_be_one() {
        assert!(!glance(b"    a = await f()\n    print(a)\n    b = await g()\n"));
        assert!(!glance(b"    await f()\n        await g()\n"));
        assert!(!glance(b"    return await f()\n"));
    }
}
