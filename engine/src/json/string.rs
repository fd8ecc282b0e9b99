//! Strings: their ends and their escapes.

use wide::u8x16;

use super::fault::{Fault, FaultKind};

/// A well-formed string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// The offset of its content, after the opening quote.
    pub(crate) start: usize,
    /// The offset of the closing quote.
    pub(crate) end: usize,
    /// Whether it contains escapes.
    pub(crate) escaped: bool,
}

impl Scanned {
    /// The offset of the opening quote.
    pub(crate) fn quote(self) -> usize {
        self.start.saturating_sub(1)
    }
}

/// Finds the end of the string whose content begins at `start`.
#[inline]
pub(crate) fn scan(bytes: &[u8], start: usize) -> Result<Scanned, Fault> {
    let end = find_special(bytes, start);
    match bytes.get(end) {
        Some(b'"') => Ok(Scanned { start, end, escaped: false }),
        _ => scan_escapes(bytes, start, end),
    }
}

/// The length of the content of the plain string that begins here, and the rest of the bytes after it.
#[inline]
pub(super) fn plain(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let content = bytes.strip_prefix(b"\"")?;
    let length = special_from(content);
    Some((length, content.get(length..)?.strip_prefix(b"\"")?))
}

#[cold]
fn scan_escapes(bytes: &[u8], start: usize, mut at: usize) -> Result<Scanned, Fault> {
    let mut escaped = false;
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(Scanned { start, end: at, escaped }),
            Some(b'\\') => {
                escaped = true;
                at = find_special(bytes, at + Escape::read(bytes, at)?.length);
            }
            Some(_) => return Err(FaultKind::ControlCharacter.at(at)),
            None => return Err(FaultKind::OpenString.at(at)),
        }
    }
}

/// The decoded content of a well-formed string. A lone surrogate is U+FFFD (rule W5).
pub(crate) fn decode(content: &str) -> String {
    let mut decoded = String::with_capacity(content.len());
    for part in parts(content) {
        match part {
            Part::Plain(text) => decoded.push_str(text),
            Part::Char(c) => decoded.push(c),
            Part::LoneSurrogate(_) => decoded.push(char::REPLACEMENT_CHARACTER),
        }
    }
    decoded
}

/// The decoded content of a well-formed string in WTF-8: equal only if the strings are equal, lone surrogates included.
pub(crate) fn decode_exactly(content: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(content.len());
    for part in parts(content) {
        match part {
            Part::Plain(text) => decoded.extend_from_slice(text.as_bytes()),
            Part::Char(c) => decoded.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Part::LoneSurrogate(unit) => {
                let [upper, lower] = unit.to_be_bytes();
                let (middle, last) = ((upper & 0x0f) << 2 | lower >> 6, lower & 0x3f);
                decoded.extend([0xed, 0x80 | middle, 0x80 | last]);
            }
        }
    }
    decoded
}

/// Whether a well-formed string contains half of a surrogate pair. The grammar allows it, but it is not a valid text.
pub(crate) fn has_lone_surrogate(content: &str) -> bool {
    parts(content).any(|part| matches!(part, Part::LoneSurrogate(_)))
}

/// A part of a string.
enum Part<'a> {
    Plain(&'a str),
    Char(char),
    LoneSurrogate(u16),
}

/// The parts of a well-formed string.
fn parts(content: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = content;
    std::iter::from_fn(move || {
        let plain = memchr::memchr(b'\\', rest.as_bytes()).unwrap_or(rest.len());
        if plain > 0 {
            let (text, after) = rest.split_at_checked(plain)?;
            rest = after;
            return Some(Part::Plain(text));
        }
        let escape = Escape::read(rest.as_bytes(), 0).ok()?;
        rest = rest.get(escape.length..)?;
        Some(escape.meaning.map_or_else(Part::LoneSurrogate, Part::Char))
    })
}

/// One escape, or two escapes that are a surrogate pair.
struct Escape {
    /// The number of bytes from the backslash on.
    length: usize,
    /// The error is a lone surrogate.
    meaning: Result<char, u16>,
}

impl Escape {
    /// Reads the escape with its backslash at `at`.
    fn read(bytes: &[u8], at: usize) -> Result<Self, Fault> {
        let meaning = match bytes.get(at + 1) {
            Some(simple @ (b'"' | b'\\' | b'/')) => char::from(*simple),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return Self::read_unicode(bytes, at),
            Some(_) => return Err(FaultKind::BadEscape.at(at)),
            None => return Err(FaultKind::OpenString.at(at + 1)),
        };
        Ok(Self { length: 2, meaning: Ok(meaning) })
    }

    fn read_unicode(bytes: &[u8], at: usize) -> Result<Self, Fault> {
        let first = unit(bytes, at)?;
        let is_high = (0xD800..0xDC00).contains(&first);
        let second = if is_high { unit(bytes, at + 6).ok() } else { None };
        Ok(match char::decode_utf16([Some(first), second].into_iter().flatten()).next() {
            Some(Ok(c)) => Self { length: 6 * c.len_utf16(), meaning: Ok(c) },
            _ => Self { length: 6, meaning: Err(first) },
        })
    }
}

/// The UTF-16 unit of the `\uXXXX` with its backslash at `at`.
fn unit(bytes: &[u8], at: usize) -> Result<u16, Fault> {
    if bytes.get(at..at + 2) != Some(b"\\u") {
        return Err(FaultKind::BadEscape.at(at));
    }
    (at + 2..at + 6).try_fold(0, |unit, place| {
        let digit = *bytes.get(place).ok_or(FaultKind::OpenString.at(place))?;
        let value = char::from(digit).to_digit(16).ok_or(FaultKind::BadEscape.at(at))?;
        Ok(unit << 4 | u16::try_from(value).unwrap_or_default())
    })
}

/// The rest of the bytes after an array of plain strings without whitespace between them, the way machines write lists
/// of names. The bytes begin with its first element (or its end).
pub(super) fn after_plain_list(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    if let Some(after) = rest.strip_prefix(b"]") {
        return Some(after);
    }
    loop {
        match plain(rest)?.1.split_first()? {
            (b',', after) => rest = after,
            (b']', after) => return Some(after),
            _ => return None,
        }
    }
}

/// The offset of the first quote, backslash or control character from `at` on, or the length if there is none.
#[inline]
fn find_special(bytes: &[u8], at: usize) -> usize {
    bytes.get(at..).map_or(bytes.len(), |rest| at + special_from(rest))
}

/// The number of bytes before the first quote, backslash or control character.
///
/// Compares sixteen bytes at a time: the strings of an event are short, and a call of a search routine costs more than
/// it saves.
#[inline]
fn special_from(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk() {
        let specials = specials(*block);
        if specials != 0 {
            return bytes.len() - rest.len() + specials.trailing_zeros() as usize;
        }
        rest = after;
    }
    bytes.len() - rest.len() + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

#[inline]
fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

/// A bit for every special byte.
#[inline]
fn specials(block: [u8; 16]) -> u32 {
    let block = u8x16::new(block);
    // Without this bit, the quote is the byte after the control characters, and a space is not.
    let flipped = block ^ u8x16::splat(b'"' ^ 0x20);
    let quotes_and_controls = flipped.min(u8x16::splat(0x20)).simd_eq(flipped);
    let backslashes = block.simd_eq(u8x16::splat(b'\\'));
    (quotes_and_controls | backslashes).to_bitmask()
}
