//! Input that cannot be an event, and why (rule W5).

use std::borrow::Cow;
use std::fmt;

use super::Origin;

/// The maximum number of rejected bytes to keep.
const MAX_RAW_BYTES: usize = 64 << 10;
/// The maximum number of characters to show in a message.
const MAX_SHOWN_CHARS: usize = 60;

/// Input that cannot be an event, with its position, what was expected and what was found.
///
/// In JSON it has the same fields after `convofold_reject`, the version of the form, which makes it a reject record;
/// [`Rejection::record`] adds the name of the input. `raw` is a text; if the bytes are not UTF-8, `raw_base64` replaces it. `raw_cut` is
/// present only if it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// The line in the input, from 1. In a document over several lines, the line of the offending byte.
    pub line: u64,
    /// The offset of the offending byte or value in the whole input, from 0. If a field is missing, the offset of its
    /// object.
    pub byte_offset: u64,
    /// The JSON path of the offending value: `$.body.transaction`, `$[3]`.
    pub path: String,
    /// What kind of fault it is.
    pub reason: Reason,
    /// What was expected.
    pub expected: Cow<'static, str>,
    /// What was found: the beginning of it, with control characters escaped.
    pub found: String,
    /// The whole line, document or array element, or its first 64 KiB.
    pub raw: Vec<u8>,
    /// Whether [`Rejection::raw`] is incomplete.
    pub raw_cut: bool,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, byte_offset, path, expected, found, .. } = self;
        write!(f, "line {line}, byte {byte_offset}, {path}: expected {expected}, found {found}")
    }
}

impl Rejection {
    pub(super) fn new(
        origin: Origin,
        path: String,
        reason: Reason,
        expected: Cow<'static, str>,
        found: String,
    ) -> Self {
        let Origin { line, byte_offset } = origin;
        Self { line, byte_offset, path, reason, expected, found, raw: Vec::new(), raw_cut: false }
    }

    /// Sets the rejected input, or the beginning of it.
    pub(super) fn with_raw(mut self, raw: &[u8]) -> Self {
        self.raw = raw.get(..MAX_RAW_BYTES).unwrap_or(raw).to_vec();
        self.raw_cut = raw.len() > MAX_RAW_BYTES;
        self
    }

    /// A line of `found_bytes` bytes that begins with `beginning`.
    pub(super) fn line_too_long(origin: Origin, max_bytes: usize, found_bytes: u64, beginning: &[u8]) -> Self {
        let hint = "the limit can be set, and an object over several lines may be longer";
        let expected = Cow::Owned(format!("a line of at most {max_bytes} bytes ({hint})"));
        let found = format!("{found_bytes} bytes");
        let rejection = Self::new(origin, "$".to_owned(), Reason::LineTooLong, expected, found).with_raw(beginning);
        Self { raw_cut: found_bytes > rejection.raw.len() as u64, ..rejection }
    }

    /// The number of rejected bytes that must be available for [`Rejection::raw`].
    pub(super) const MAX_RAW_BYTES: usize = MAX_RAW_BYTES;
}

/// The beginning of a text, on one line.
pub(super) fn excerpt(text: &str) -> String {
    let mut shown = String::new();
    let mut chars = text.chars();
    for c in chars.by_ref().take(MAX_SHOWN_CHARS) {
        if c.is_control() { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    if chars.next().is_some() {
        shown.push('\u{2026}');
    }
    shown
}

/// The kinds of faults, used for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A line exceeds the limit.
    LineTooLong,
    /// The input is UTF-16 or UTF-32 without a byte-order mark.
    OtherEncoding,
    /// The input is a file of another kind, known by its first bytes.
    OtherFormat,
    /// The input is not UTF-8.
    NotUtf8,
    /// The input is not JSON.
    NotJson,
    /// An id contains half of a surrogate pair.
    LoneSurrogate,
    /// A key occurs twice in one object.
    DuplicateKey,
    /// The nesting is deeper than 128 levels.
    TooDeep,
    /// Well-formed, but not an event of any source: a scalar, an empty array, an object without any known key.
    NotAnEvent,
    /// A required field is missing.
    Missing,
    /// A value has the wrong JSON type.
    WrongType,
    /// The `interaction_type` is unknown or belongs to the other event name.
    UnknownInteraction,
    /// A word is not one of the expected ones, such as an unknown `kind`.
    UnknownWord,
    /// The version of convofold's own form is not supported.
    UnknownVersion,
    /// A number is invalid or out of range.
    BadNumber,
    /// A time is present but not usable.
    BadTime,
    /// There is no time that could place the event.
    NoTime,
    /// An id exceeds the limit.
    IdTooLong,
    /// A name is longer than 8 KiB.
    NameTooLong,
    /// A text is longer than 64 MiB.
    TextTooLong,
    /// A key that the form does not know.
    UnknownKey,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineTooLong => "line too long",
            Self::OtherEncoding => "other encoding",
            Self::OtherFormat => "other format",
            Self::NotUtf8 => "not UTF-8",
            Self::NotJson => "not JSON",
            Self::LoneSurrogate => "lone surrogate",
            Self::DuplicateKey => "duplicate key",
            Self::TooDeep => "nested too deep",
            Self::NotAnEvent => "not an event",
            Self::Missing => "missing",
            Self::WrongType => "wrong type",
            Self::UnknownInteraction => "unknown interaction type",
            Self::UnknownWord => "unknown word",
            Self::UnknownVersion => "unknown version",
            Self::BadNumber => "bad number",
            Self::BadTime => "bad time",
            Self::NoTime => "no time",
            Self::IdTooLong => "id too long",
            Self::NameTooLong => "name too long",
            Self::TextTooLong => "text too long",
            Self::UnknownKey => "unknown key",
        })
    }
}
