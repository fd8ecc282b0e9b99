//! What cannot be an event, and why (spec W5).

use std::borrow::Cow;
use std::fmt;

use super::Origin;

/// So much of what was rejected is kept.
const MAX_RAW_BYTES: usize = 64 << 10;
/// So much of it is shown in a message.
const MAX_SHOWN_CHARS: usize = 60;

/// Something that cannot be an event: where it is, what was expected there and what was found.
///
/// As JSON it has these fields. `raw` is a text; where it is none, `raw_base64` stands in its place. `raw_cut` is there only
/// where it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rejection {
    /// The line in the input, from 1; in a document over several lines the one of the offending byte.
    pub line: u64,
    /// The offset of the offending byte or value in the whole input, from 0. Where a field is missing, that of the object.
    pub byte_offset: u64,
    /// The JSON path of the offending value: `$.body.transaction`, `$[3]`.
    pub path: String,
    /// What kind of fault it is.
    pub reason: Reason,
    /// What should have been there.
    pub expected: Cow<'static, str>,
    /// The beginning of what is there, with control characters escaped.
    pub found: String,
    /// The whole line, document or element of an array, or its first 64 KiB.
    pub raw: Vec<u8>,
    /// Whether [`Rejection::raw`] is only the beginning.
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

    /// Keeps what is rejected, or the beginning of it.
    pub(super) fn with_raw(mut self, raw: &[u8]) -> Self {
        self.raw = raw.get(..MAX_RAW_BYTES).unwrap_or(raw).to_vec();
        self.raw_cut = raw.len() > MAX_RAW_BYTES;
        self
    }

    /// Keeps more of what is rejected.
    pub(super) fn add_raw(&mut self, raw: &[u8]) {
        let room = MAX_RAW_BYTES.saturating_sub(self.raw.len());
        self.raw.extend_from_slice(raw.get(..room).unwrap_or(raw));
        self.raw_cut |= raw.len() > room;
    }

    /// A line of `found_bytes` bytes that begins with `beginning`.
    pub(super) fn line_too_long(origin: Origin, max_bytes: usize, found_bytes: u64, beginning: &[u8]) -> Self {
        let hint = "the limit can be set, and a document over several lines may be larger";
        let expected = Cow::Owned(format!("a line of at most {max_bytes} bytes ({hint})"));
        let found = format!("{found_bytes} bytes");
        let rejection = Self::new(origin, "$".to_owned(), Reason::LineTooLong, expected, found).with_raw(beginning);
        Self { raw_cut: found_bytes > rejection.raw.len() as u64, ..rejection }
    }

    /// So much of a rejected text has to be at hand for [`Rejection::raw`].
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

/// The kinds of faults, to be counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A line over the limit.
    LineTooLong,
    /// A document over several lines that is over the limit.
    DocumentTooLong,
    /// Several documents over several lines each in one input.
    SeveralDocuments,
    /// Not UTF-8.
    NotUtf8,
    /// Not JSON.
    NotJson,
    /// Half of a surrogate pair in a string.
    LoneSurrogate,
    /// A key twice in one object.
    DuplicateKey,
    /// More than 128 levels of nesting.
    TooDeep,
    /// Well-formed, but no event of any source: a scalar, an empty array, an object without any key that is known.
    NotAnEvent,
    /// Something is missing that an event needs.
    Missing,
    /// A value of the wrong JSON type.
    WrongType,
    /// An `interaction_type` that is unknown or belongs to the other name.
    UnknownInteraction,
    /// A word where another is expected, such as a `kind` that there is not.
    UnknownWord,
    /// A version of convofold's own form that this version of convofold does not read.
    UnknownVersion,
    /// A number that is no number, or not one that can be.
    BadNumber,
    /// A time that is present and not usable.
    BadTime,
    /// No time at all that could place the event.
    NoTime,
    /// An id over the limit.
    IdTooLong,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineTooLong => "line too long",
            Self::DocumentTooLong => "document too long",
            Self::SeveralDocuments => "several documents",
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
        })
    }
}
