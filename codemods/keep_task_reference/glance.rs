//! The quick look: is there a task that nothing visibly takes?

use memchr::memmem;

use crate::codemod::Wanted;
use crate::glance::{Place, calls, first_word, line_start, mentions, words};

pub fn glance(text: &[u8], _: Wanted) -> bool {
    let has_loops = || mentions(text, &["event_loop", "EventLoop", "running_loop", "asyncio as"]);
    ["create_task", "ensure_future"]
        .into_iter()
        .flat_map(|name| calls(text, name))
        .any(|call| {
            let path = call.path();
            let is_spawner = path.starts_with(b"asyncio.") || !path.contains(&b'.') || has_loops();
            is_spawner && may_be_dropped(text, &call)
        })
}

fn may_be_dropped(text: &[u8], call: &Place) -> bool {
    let before = call.before_path();
    let code = before.trim_ascii();
    if code.is_empty() {
        return !continues(text, call);
    }
    if let Some(target) = code.strip_suffix(b"=") {
        let name = first_word(target);
        let is_plain = matches!(target[name.len()..].trim_ascii().first(), None | Some(b':'));
        return is_plain && !name.is_empty() && !is_read_below(call, name);
    }
    let first = code.first();
    matches!(code.last(), Some(b':' | b';'))
        || matches!(first, Some(b'[' | b'{' | b'('))
        || [&b"lambda"[..], b" and", b" or", b" else"]
            .iter()
            .any(|word| memmem::find(code, word).is_some())
        || code.ends_with(b"\\")
}

/// Whether the line certainly goes on with a bracket that an earlier line opened.
fn continues(text: &[u8], call: &Place) -> bool {
    let above = text[..call.line_start()].trim_ascii_end();
    let previous = above[line_start(above, above.len())..].trim_ascii();
    // A comment may end in anything, and a display that is a statement drops its elements.
    !previous.contains(&b'#')
        && !matches!(previous, b"[" | b"{" | b"(")
        && matches!(previous.last(), Some(b'(' | b'[' | b'{' | b',' | b'='))
}

/// Whether the name is certainly read below the call, before the next definition starts.
fn is_read_below(call: &Place, name: &[u8]) -> bool {
    let Ok(word) = std::str::from_utf8(name) else {
        return false;
    };
    let below = call.behind();
    let end = [&b"def "[..], b"class ", b"lambda", b" for "]
        .iter()
        .filter_map(|word| memmem::find(below, word))
        .min()
        .unwrap_or(below.len());
    let below = &below[..end];
    words(below, word).any(|place| {
        let before = place.before_path();
        let in_text = before.iter().any(|byte| matches!(byte, b'#' | b'"' | b'\''));
        let before = before.trim_ascii();
        let behind = place.behind();
        !in_text
            && place.path() == name
            && (place.is_awaited()
                || before.ends_with(b"return")
                || behind.starts_with(b".cancel(")
                || behind.starts_with(b".done(")
                || behind.starts_with(b")") && before.ends_with(b"(")
                || behind.starts_with(b")") && before.ends_with(b","))
    })
}
