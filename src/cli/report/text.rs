//! Text for people: control characters made visible, and colour.

use std::borrow::Cow;
use std::fmt::Write;

/// Makes characters visible that would move a terminal's cursor, change its colours or reorder its text.
///
/// Names of files and messages may hold anything; what is printed must not.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if is_unprintable(character) => {
                let _ = match u32::from(character) {
                    code @ ..=0xff => write!(out, "\\x{code:02x}"),
                    code => write!(out, "\\u{code:04x}"),
                };
            }
            _ => out.push(character),
        }
    }
    Cow::Owned(out)
}

/// Control characters, line and paragraph separators, and the marks that change the direction of text.
pub(super) fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

/// A way to print a piece of text: a terminal's parameters for it.
#[derive(Clone, Copy)]
pub(super) enum Style {
    Bold,
    Red,
    Green,
    Cyan,
    Yellow,
}

impl Style {
    fn parameters(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Red => "31",
            Self::Green => "32",
            Self::Cyan => "36",
            Self::Yellow => "33",
        }
    }
}

/// Whether a stream takes colour.
#[derive(Clone, Copy)]
pub(super) enum Palette {
    Plain,
    Colored,
}

impl Palette {
    pub(super) fn new(colored: bool) -> Self {
        if colored { Self::Colored } else { Self::Plain }
    }

    pub(super) fn paint<'a>(self, style: Style, text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
        let text = text.into();
        match self {
            Self::Plain => text,
            Self::Colored => format!("\x1b[{}m{text}\x1b[0m", style.parameters()).into(),
        }
    }
}

/// `1 file`, `2 files`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_move_the_cursor_is_made_visible() {
        assert_eq!(escaped("plain ä 漢"), "plain ä 漢");
        assert_eq!(escaped("a\x1b[31m\r\n\tb"), "a\\x1b[31m\\r\\n\\tb");
        assert_eq!(escaped("\u{9b}x\u{202e}y"), "\\x9bx\\u202ey");
    }
}
