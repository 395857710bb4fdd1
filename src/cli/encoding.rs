//! Bytes to text and back, by Python's rules for the encoding of a source file (PEP 263).

use std::borrow::Cow;

use thiserror::Error;

/// The encoding of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// With or without a byte order mark, which is a character of the text.
    Utf8,
    Ascii,
    /// True ISO 8859-1, one code point per byte. What the web calls by this name is windows-1252.
    Latin1,
    Other(&'static encoding_rs::Encoding),
}

/// Why bytes are not text that can be read and written back.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EncodingError {
    #[error("null bytes")]
    NullBytes,
    #[error("unknown encoding `{0}` in its coding cookie")]
    Unknown(String),
    #[error("its coding cookie says `{0}`, but it starts with a UTF-8 byte order mark")]
    MarkAndCookie(String),
    #[error("not valid {encoding}{}{advice}", .offset.map(|at| format!(" at byte {at}")).unwrap_or_default())]
    Undecodable {
        encoding: String,
        /// Of the first bad byte, 0-based; known for UTF-8 and ASCII.
        offset: Option<usize>,
        advice: &'static str,
    },
    #[error("cannot be written back exactly: its {0} bytes do not survive decoding and encoding")]
    NotExact(String),
    #[error("the new text has {character:?}, which {encoding} cannot encode")]
    Unencodable { encoding: String, character: char },
}

impl Encoding {
    /// The encoding that Python would read the bytes with.
    ///
    /// Source: <https://docs.python.org/3/reference/lexical_analysis.html#encoding-declarations>.
    pub fn of(bytes: &[u8]) -> Result<Self, EncodingError> {
        let (marked, body) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
            Some(body) => (true, body),
            None => (false, bytes),
        };
        let Some(cookie) = cookie(body) else {
            return Ok(Self::Utf8);
        };
        let encoding = Self::named(cookie).ok_or_else(|| EncodingError::Unknown(cookie.to_owned()))?;
        if marked && encoding != Self::Utf8 {
            return Err(EncodingError::MarkAndCookie(cookie.to_owned()));
        }
        Ok(encoding)
    }

    /// The encoding of a name in a coding cookie: Python's names and aliases, not the web's.
    fn named(cookie: &str) -> Option<Self> {
        let name = cookie.to_ascii_lowercase().replace(['_', '.'], "-");
        // The tokenizer compares these two families by prefix before it asks the codecs.
        if name == "utf-8" || name.starts_with("utf-8-") {
            return Some(Self::Utf8);
        }
        if ["latin-1", "iso-8859-1", "iso-latin-1"].iter().any(|family| {
            name.strip_prefix(family)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        }) {
            return Some(Self::Latin1);
        }
        let label = match name.as_str() {
            "utf8" | "u8" | "utf" | "utf8-ucs2" | "utf8-ucs4" | "cp65001" => return Some(Self::Utf8),
            "ascii" | "us-ascii" | "us" | "646" | "iso646-us" | "ansi-x3-4-1968" | "ansi-x3.4-1968" | "cp367"
            | "ibm367" => {
                return Some(Self::Ascii);
            }
            "latin1" | "latin" | "l1" | "8859" | "cp819" | "ibm819" | "iso8859" | "iso8859-1" => {
                return Some(Self::Latin1);
            }
            "latin2" | "l2" => "iso-8859-2",
            "latin-9" | "latin9" | "l9" => "iso-8859-15",
            "1250" | "1251" | "1252" | "1253" | "1254" | "1255" | "1256" | "1257" | "1258" => {
                return encoding_rs::Encoding::for_label(format!("windows-{name}").as_bytes()).map(Self::Other);
            }
            "cp932" | "932" | "ms932" | "mskanji" | "shiftjis" | "s-jis" | "csshiftjis" => "shift_jis",
            "cp936" | "936" | "ms936" => "gbk",
            "cp949" | "949" | "ms949" | "uhc" | "euckr" => "euc-kr",
            "cp950" | "950" | "ms950" | "big5-tw" | "big5-hkscs" | "big5hkscs" => "big5",
            "eucjp" | "ujis" | "u-jis" => "euc-jp",
            "euc-cn" | "euccn" | "eucgb2312-cn" => "gb2312",
            "gb18030-2000" => "gb18030",
            "koi8" => return None,
            "866" => "ibm866",
            "mac-roman" | "macroman" => "macintosh",
            "mac-cyrillic" | "maccyrillic" => "x-mac-cyrillic",
            other => match other.strip_prefix("iso8859-") {
                Some(part) => return Self::web(&format!("iso-8859-{part}")),
                None => other,
            },
        };
        Self::web(label)
    }

    /// The web's encoding of a label, unless it is not one that source files can have.
    fn web(label: &str) -> Option<Self> {
        use encoding_rs::{REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, X_USER_DEFINED};
        let encoding = encoding_rs::Encoding::for_label(label.as_bytes())?;
        if encoding == UTF_8 {
            return Some(Self::Utf8);
        }
        let usable = ![REPLACEMENT, UTF_16BE, UTF_16LE, X_USER_DEFINED].contains(&encoding);
        usable.then_some(Self::Other(encoding))
    }

    fn name(self) -> String {
        match self {
            Self::Utf8 => "UTF-8".to_owned(),
            Self::Ascii => "ASCII".to_owned(),
            Self::Latin1 => "latin-1".to_owned(),
            Self::Other(encoding) => encoding.name().to_owned(),
        }
    }

    /// The text of the bytes; encoding it again gives exactly these bytes.
    pub fn decode(self, bytes: Vec<u8>) -> Result<String, EncodingError> {
        if memchr::memchr(0, &bytes).is_some() {
            return Err(EncodingError::NullBytes);
        }
        match self {
            Self::Utf8 => {
                String::from_utf8(bytes).map_err(|error| self.undecodable(Some(error.utf8_error().valid_up_to())))
            }
            Self::Ascii => match bytes.iter().position(|byte| !byte.is_ascii()) {
                Some(offset) => Err(self.undecodable(Some(offset))),
                None => String::from_utf8(bytes).map_err(|_| self.undecodable(None)),
            },
            Self::Latin1 => Ok(bytes.iter().map(|&byte| char::from(byte)).collect()),
            Self::Other(encoding) => {
                let text = encoding
                    .decode_without_bom_handling_and_without_replacement(&bytes)
                    .filter(|text| !(encoding.name().starts_with("windows-") && has_c1_control(text)))
                    .ok_or_else(|| self.undecodable(None))?
                    .into_owned();
                if *self.encode(&text)? != *bytes {
                    return Err(EncodingError::NotExact(self.name()));
                }
                Ok(text)
            }
        }
    }

    /// The bytes of the text.
    pub fn encode(self, text: &str) -> Result<Cow<'_, [u8]>, EncodingError> {
        let limit = match self {
            Self::Utf8 => return Ok(Cow::Borrowed(text.as_bytes())),
            Self::Ascii => 0x80,
            Self::Latin1 => 0x100,
            Self::Other(encoding) => {
                let (bytes, _, unmappable) = encoding.encode(text);
                if unmappable {
                    let character = text.chars().find(|character| encoding.encode(&character.to_string()).2);
                    return Err(self.unencodable(character.unwrap_or(char::REPLACEMENT_CHARACTER)));
                }
                return Ok(bytes);
            }
        };
        text.chars()
            .map(|character| {
                u8::try_from(u32::from(character))
                    .ok()
                    .filter(|&byte| u32::from(byte) < limit)
                    .ok_or_else(|| self.unencodable(character))
            })
            .collect::<Result<Vec<u8>, _>>()
            .map(Cow::Owned)
    }

    fn undecodable(self, offset: Option<usize>) -> EncodingError {
        EncodingError::Undecodable {
            encoding: self.name(),
            offset,
            advice: if self == Self::Utf8 {
                "; declare its encoding in a coding cookie, or convert it"
            } else {
                ""
            },
        }
    }

    fn unencodable(self, character: char) -> EncodingError {
        EncodingError::Unencodable {
            encoding: self.name(),
            character,
        }
    }
}

/// The web gives the bytes that a windows code page leaves undefined to control characters; Python refuses them.
fn has_c1_control(text: &str) -> bool {
    text.chars().any(|character| ('\u{80}'..='\u{9f}').contains(&character))
}

/// The encoding named in a comment of the first line, or of the second when the first is blank or a comment.
fn cookie(bytes: &[u8]) -> Option<&str> {
    let mut lines = bytes.splitn(3, |&byte| byte == b'\n');
    let first = lines.next()?;
    // A lone CR ends a line too.
    let (first, second) = match memchr::memchr(b'\r', first) {
        Some(at) if at + 1 < first.len() => (&first[..at], first[at + 1..].split(|&byte| byte == b'\r').next()),
        _ => (
            first,
            lines.next().and_then(|line| line.split(|&byte| byte == b'\r').next()),
        ),
    };
    if let Some(name) = cookie_of_line(first) {
        return Some(name);
    }
    let start = first.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\x0c'));
    match start {
        None | Some(b'#' | b'\r') => cookie_of_line(second?),
        Some(_) => None,
    }
}

/// `^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)`.
fn cookie_of_line(line: &[u8]) -> Option<&str> {
    let start = line.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\x0c'))?;
    let comment = line[start..].strip_prefix(b"#")?;
    memchr::memmem::find_iter(comment, b"coding").find_map(|at| {
        let rest = &comment[at + b"coding".len()..];
        let rest = rest.strip_prefix(b":").or_else(|| rest.strip_prefix(b"="))?;
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let rest = &rest[blank..];
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
            .count();
        std::str::from_utf8(&rest[..length])
            .ok()
            .filter(|name| !name.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn round_trip(bytes: &[u8], text: &str) {
        let encoding = Encoding::of(bytes).unwrap();
        assert_eq!(encoding.decode(bytes.to_vec()).unwrap(), text);
        assert_eq!(&*encoding.encode(text).unwrap(), bytes);
    }

    #[track_caller]
    fn refused(bytes: &[u8], message: &str) {
        let error = Encoding::of(bytes)
            .and_then(|encoding| encoding.decode(bytes.to_vec()))
            .unwrap_err();
        assert_eq!(error.to_string(), message);
    }

    #[test]
    fn files_are_decoded_as_python_would_and_come_back_byte_for_byte() {
        round_trip(b"x = 1\r\ny = 2\rz\x0c\n", "x = 1\r\ny = 2\rz\x0c\n");
        round_trip(b"\xef\xbb\xbfx\n", "\u{feff}x\n");
        round_trip(b"\xef\xbb\xbf# coding: utf-8-sig\n", "\u{feff}# coding: utf-8-sig\n");
        round_trip(
            b"# -*- coding: latin-1 -*-\n# \x80\xe9\xff\n",
            "# -*- coding: latin-1 -*-\n# \u{80}\u{e9}\u{ff}\n",
        );
        round_trip(
            b"#!/usr/bin/python\n# vim: set fileencoding=ISO_8859_1 :\n#\xe9",
            "#!/usr/bin/python\n# vim: set fileencoding=ISO_8859_1 :\n#\u{e9}",
        );
        round_trip(b"# coding=iso-8859-15\n#\xa4", "# coding=iso-8859-15\n#\u{20ac}");
        round_trip(b"# coding=cp1252\n#\x80", "# coding=cp1252\n#\u{20ac}");
        round_trip(b"# coding: shift_jis\n#\x83\x5c\n", "# coding: shift_jis\n#\u{30bd}\n");
        round_trip(b"# coding: EUC-JP\n#\xa5\xbd\n", "# coding: EUC-JP\n#\u{30bd}\n");
        round_trip(b"# coding: gbk\n#\xc4\xe3\n", "# coding: gbk\n#\u{4f60}\n");
        round_trip(b"# coding: koi8-r\n#\xc1\n", "# coding: koi8-r\n#\u{430}\n");
        round_trip(b"# coding: ascii\nx\n", "# coding: ascii\nx\n");
    }

    #[test]
    fn a_cookie_counts_only_where_python_looks_for_it() {
        round_trip(
            "x = 1\n# coding: latin-1\n# \u{e9}\n".as_bytes(),
            "x = 1\n# coding: latin-1\n# \u{e9}\n",
        );
        round_trip(
            "\n\n# coding: latin-1\n# \u{e9}\n".as_bytes(),
            "\n\n# coding: latin-1\n# \u{e9}\n",
        );
        round_trip(
            "s = ' coding: latin-1 \u{e9}'\n".as_bytes(),
            "s = ' coding: latin-1 \u{e9}'\n",
        );
        round_trip(b"\r# coding: latin-1\r\xe9", "\r# coding: latin-1\r\u{e9}");
        round_trip(
            b"\x0c\r\n# coding: latin-1\r\n#\xe9",
            "\x0c\r\n# coding: latin-1\r\n#\u{e9}",
        );
    }

    #[test]
    fn what_cannot_be_read_or_written_back_is_refused_with_its_cause() {
        refused(
            b"x\xff\n",
            "not valid UTF-8 at byte 1; declare its encoding in a coding cookie, or convert it",
        );
        refused(b"x\0\n", "null bytes");
        refused(
            b"# coding: no-such\n",
            "unknown encoding `no-such` in its coding cookie",
        );
        refused(b"# coding: utf-16\n", "unknown encoding `utf-16` in its coding cookie");
        refused(b"# coding: ascii\n\xe9", "not valid ASCII at byte 16");
        refused(b"# coding: cp1252\n\x81", "not valid windows-1252");
        refused(b"# coding: shift_jis\n#\x83\n", "not valid Shift_JIS");
        refused(
            b"\xef\xbb\xbf# coding: latin-1\n",
            "its coding cookie says `latin-1`, but it starts with a UTF-8 byte order mark",
        );
    }

    #[test]
    fn text_that_the_encoding_lacks_is_an_error() {
        let error = Encoding::Latin1.encode("# \u{20ac}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the new text has '\u{20ac}', which latin-1 cannot encode"
        );
        assert!(Encoding::Other(encoding_rs::SHIFT_JIS).encode("# \u{1f600}").is_err());
    }
}
