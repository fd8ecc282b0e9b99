//! Strings: where they end, and what their escapes mean.

use super::fault::{Fault, FaultKind};

/// A string that was found to be well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// Where its content begins, after the opening quote.
    pub(crate) start: usize,
    /// Where its content ends: the place of the closing quote.
    pub(crate) end: usize,
    /// Whether there are escapes in it.
    pub(crate) escaped: bool,
    /// The place of the first escape that is half of a surrogate pair without the other half. The grammar allows it, but
    /// it is no text.
    pub(crate) lone_surrogate: Option<usize>,
}

impl Scanned {
    /// The string, or the fault that it holds a lone surrogate.
    pub(crate) fn whole(self) -> Result<Self, Fault> {
        match self.lone_surrogate {
            None => Ok(self),
            Some(at) => Err(FaultKind::LoneSurrogate.at(at)),
        }
    }

    /// The place of the opening quote.
    pub(crate) fn quote(self) -> usize {
        self.start.saturating_sub(1)
    }
}

/// Finds the end of the string whose content begins at `start`.
#[inline]
pub(crate) fn scan(bytes: &[u8], start: usize) -> Result<Scanned, Fault> {
    let end = find_special(bytes, start);
    match bytes.get(end) {
        Some(b'"') => Ok(Scanned { start, end, escaped: false, lone_surrogate: None }),
        _ => scan_escapes(bytes, start, end),
    }
}

/// The end of the string whose content begins at `start`, where there is nothing to look at in it: the usual case.
#[inline]
pub(super) fn end_of_plain(bytes: &[u8], start: usize) -> Option<usize> {
    let end = find_special(bytes, start);
    (bytes.get(end) == Some(&b'"')).then_some(end)
}

#[cold]
fn scan_escapes(bytes: &[u8], start: usize, mut at: usize) -> Result<Scanned, Fault> {
    let mut lone_surrogate = None;
    let mut escaped = false;
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok(Scanned { start, end: at, escaped, lone_surrogate }),
            Some(b'\\') => {
                let escape = Escape::read(bytes, at)?;
                if escape.meaning.is_none() {
                    lone_surrogate = lone_surrogate.or(Some(at));
                }
                escaped = true;
                at = find_special(bytes, at + escape.length);
            }
            Some(_) => return Err(FaultKind::ControlCharacter.at(at)),
            None => return Err(FaultKind::OpenString.at(at)),
        }
    }
}

/// What the content of a well-formed string without lone surrogates says.
pub(crate) fn decode(content: &str) -> String {
    let mut decoded = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        decoded.push_str(rest.get(..at).unwrap_or_default());
        let Ok(escape) = Escape::read(rest.as_bytes(), at) else { break };
        decoded.push(escape.meaning.unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = rest.get(at + escape.length..).unwrap_or_default();
    }
    decoded.push_str(rest);
    decoded
}

/// One escape, or two that are a surrogate pair.
struct Escape {
    /// Bytes from the backslash on.
    length: usize,
    /// `None` for a lone surrogate.
    meaning: Option<char>,
}

impl Escape {
    /// Reads the escape whose backslash is at `at`.
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
        Ok(Self { length: 2, meaning: Some(meaning) })
    }

    fn read_unicode(bytes: &[u8], at: usize) -> Result<Self, Fault> {
        let first = unit(bytes, at)?;
        if !(0xD800..0xE000).contains(&first) {
            return Ok(Self { length: 6, meaning: char::from_u32(first) });
        }
        let is_high = first < 0xDC00;
        let second = if is_high { unit(bytes, at + 6).ok() } else { None };
        let low = second.filter(|second| (0xDC00..0xE000).contains(second));
        let pair = low.and_then(|low| char::from_u32(0x1_0000 + ((first - 0xD800) << 10) + (low - 0xDC00)));
        Ok(Self { length: if pair.is_some() { 12 } else { 6 }, meaning: pair })
    }
}

/// The UTF-16 unit of the `\uXXXX` whose backslash is at `at`.
fn unit(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    if bytes.get(at..at + 2) != Some(b"\\u") {
        return Err(FaultKind::BadEscape.at(at));
    }
    (at + 2..at + 6).try_fold(0, |unit, place| {
        let digit = *bytes.get(place).ok_or(FaultKind::OpenString.at(place))?;
        let value = char::from(digit).to_digit(16).ok_or(FaultKind::BadEscape.at(at))?;
        Ok(unit << 4 | value)
    })
}

const LOW_BITS: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// The place of the first quote, backslash or control character from `at` on, or the length where there is none.
///
/// Sixteen bytes at a time in a form that the compiler turns into vector instructions, then eight in ordinary arithmetic: the
/// strings of an event are short, and a call into a search routine costs more than it saves.
#[inline]
fn find_special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        if !has_special(block) {
            at += 16;
            continue;
        }
        let (low, high) = (half(block, 0), half(block, 8));
        let (place, specials) = if low == 0 { (at + 8, high) } else { (at, low) };
        return place + specials.trailing_zeros() as usize / 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().position(|byte| is_special(*byte)).map_or(bytes.len(), |place| at + place)
}

#[inline]
fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

#[inline]
fn has_special(block: &[u8; 16]) -> bool {
    block.iter().fold(false, |any, byte| any | is_special(*byte))
}

/// The high bit of every special byte among eight; see [`specials`].
#[inline]
fn half(block: &[u8; 16], from: usize) -> u64 {
    let word = block.get(from..).and_then(<[u8]>::first_chunk::<8>).copied().unwrap_or_default();
    specials(u64::from_le_bytes(word))
}

/// The high bit of every special byte. A borrow can also set bits above a special byte, never below the first.
#[inline]
fn specials(word: u64) -> u64 {
    let zero_bytes = |word: u64| word.wrapping_sub(LOW_BITS) & !word;
    let quotes = zero_bytes(word ^ (LOW_BITS * b'"' as u64));
    let backslashes = zero_bytes(word ^ (LOW_BITS * b'\\' as u64));
    let controls = word.wrapping_sub(LOW_BITS * 0x20) & !word;
    (quotes | backslashes | controls) & HIGH_BITS
}
