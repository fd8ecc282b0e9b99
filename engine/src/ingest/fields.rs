//! Typed access to the fields of an object: ids, texts, numbers, times (rule W4 and section 8).

use std::borrow::Cow;

use super::rejection::excerpt;
use super::{Parser, Reason};
use crate::draft::{DraftError, MAX_NAME_BYTES};
use crate::json::{Integer, Name, Shape, Value, integer};
use crate::time::{Time, TimeError};

/// The wanted fields of one object.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a, 'v> {
    /// The text that contains the object.
    pub(super) text: &'a str,
    /// The path of the object from the root: empty, or `.body`.
    pub(super) path: &'static str,
    /// The offset of the object.
    pub(super) at: usize,
    /// The names of the fields.
    pub(super) names: &'static [Name],
    /// Their values.
    pub(super) values: &'v [Value],
    /// The parser, with its options.
    pub(super) parser: &'a Parser,
}

/// A fault in the content of a well-formed object.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) reason: Reason,
    pub(super) at: usize,
    /// The path from the root object, without the root.
    pub(super) path: String,
    pub(super) expected: Cow<'static, str>,
    pub(super) found: String,
}

/// Boxed, because faults are rare and results are moved often.
pub(super) type Checked<T> = Result<T, Box<Complaint>>;

/// A value in a time field.
enum Clock {
    Absent,
    At(Time),
    Unusable,
}

impl<'a> Fields<'a, '_> {
    /// The value of a field.
    #[inline]
    pub(super) fn value(&self, field: usize) -> Value {
        self.values.get(field).copied().unwrap_or_default()
    }

    /// Whether the field exists, whatever its value.
    pub(super) fn has(&self, field: usize) -> bool {
        !self.value(field).is_missing()
    }

    /// An id; a number is its digits as written. `null`, `"null"`, `""` and a missing field are absent.
    #[inline]
    pub(super) fn id(&self, field: usize) -> Checked<Option<Cow<'a, str>>> {
        match self.plain(field) {
            Some(id) if id.len() <= self.max_id_bytes() => Ok((!is_absent_text(id)).then_some(Cow::Borrowed(id))),
            _ => self.other_id(field),
        }
    }

    /// An id that is not a plain string, or too long.
    fn other_id(&self, field: usize) -> Checked<Option<Cow<'a, str>>> {
        match self.text_unless(field, is_absent_text, "an id: a string or a number")? {
            Some(id) => self.checked_id(field, id, self.max_id_bytes()).map(Some),
            None => Ok(None),
        }
    }

    /// A required id.
    pub(super) fn required_id(&self, field: usize) -> Checked<Cow<'a, str>> {
        self.id(field)?.ok_or_else(|| self.complain(field, Reason::Missing, "an id".into()))
    }

    /// A required id that must be a JSON string.
    pub(super) fn required_string_id(&self, field: usize) -> Checked<Cow<'a, str>> {
        let id = self.required_string(field)?;
        if is_absent_text(&id) {
            return Err(self.complain(field, Reason::Missing, "an id".into()));
        }
        self.checked_id(field, id, self.max_id_bytes())
    }

    /// A text; a number is its digits as written. `null`, `""` and a missing field are absent.
    #[inline]
    pub(super) fn text(&self, field: usize) -> Checked<Option<Cow<'a, str>>> {
        match self.plain(field) {
            Some(text) => Ok((!text.is_empty()).then_some(Cow::Borrowed(text))),
            None => self.text_unless(field, str::is_empty, "a text"),
        }
    }

    /// A name: a text of limited length.
    pub(super) fn name(&self, field: usize) -> Checked<Option<Cow<'a, str>>> {
        match self.text(field)? {
            Some(name) if name.len() > MAX_NAME_BYTES => Err(self.long_name(field, name.len())),
            name => Ok(name),
        }
    }

    /// A non-empty JSON string.
    #[inline]
    pub(super) fn required_string(&self, field: usize) -> Checked<Cow<'a, str>> {
        match self.plain(field) {
            Some(text) if !text.is_empty() => Ok(Cow::Borrowed(text)),
            _ => self.other_required_string(field),
        }
    }

    fn other_required_string(&self, field: usize) -> Checked<Cow<'a, str>> {
        let value = self.value(field);
        let text = if value.is_string() { value.text(self.text) } else { None };
        text.filter(|text| !text.is_empty()).ok_or_else(|| {
            let reason = if self.is_nothing(field) { Reason::Missing } else { Reason::WrongType };
            self.complain(field, reason, "a non-empty string".into())
        })
    }

    /// A non-negative number; absent in the same cases as an id.
    pub(super) fn count(&self, field: usize) -> Checked<Option<u64>> {
        let expected = "a whole number from 0 to 9223372036854775807";
        let Some(number) = self.integer(field, expected)? else { return Ok(None) };
        u64::try_from(number).map(Some).map_err(|_| self.complain(field, Reason::BadNumber, expected.into()))
    }

    /// A signed 64-bit integer; absent in the same cases as an id.
    pub(super) fn integer(&self, field: usize, expected: &'static str) -> Checked<Option<i64>> {
        let value = self.value(field);
        let Some(text) = value.text(self.text) else {
            return if is_null(value) {
                Ok(None)
            } else {
                Err(self.complain(field, Reason::WrongType, expected.into()))
            };
        };
        let text = if value.is_string() { trimmed(&text) } else { &text };
        match integer(text) {
            Integer::Whole(number) => Ok(Some(number)),
            _ if value.is_string() && is_absent_text(text) => Ok(None),
            Integer::Unusable | Integer::NotANumber => Err(self.complain(field, Reason::BadNumber, expected.into())),
        }
    }

    /// A time; absent in the same cases as an id, and also if it is 0 or in the year one.
    pub(super) fn time(&self, field: usize) -> Checked<Option<Time>> {
        match self.clock(field) {
            Clock::Absent => Ok(None),
            Clock::At(time) => Ok(Some(time)),
            Clock::Unusable => Err(self.bad_time(field)),
        }
    }

    /// A time that counts as absent if it is not usable: only `occurred` (rule W4).
    pub(super) fn lenient_time(&self, field: usize) -> Option<Time> {
        if let Clock::At(time) = self.clock(field) { Some(time) } else { None }
    }

    /// The field to blame if an event has no time: `occurred` if it is given and unusable, otherwise the field for the
    /// event's own time.
    pub(super) fn no_time(&self, occurred: usize, own: (&Self, usize)) -> Box<Complaint> {
        if let Clock::Unusable = self.clock(occurred) {
            return self.bad_time(occurred);
        }
        let (fields, field) = own;
        fields.complain(field, Reason::NoTime, "a time, here or in `occurred`".into())
    }

    /// A complaint about a time that is not usable.
    #[cold]
    fn bad_time(&self, field: usize) -> Box<Complaint> {
        let value = self.value(field);
        let is_scalar = value.is_string() || value.shape == Shape::Number;
        let reason = if is_scalar { Reason::BadTime } else { Reason::WrongType };
        self.complain(field, reason, "a time: RFC 3339 or an epoch number, in 1970 to 9999".into())
    }

    /// The offset of the object that the field must contain.
    pub(super) fn object(&self, field: usize) -> Checked<usize> {
        let value = self.value(field);
        if value.shape == Shape::Object {
            return Ok(value.at());
        }
        let reason = if self.is_nothing(field) { Reason::Missing } else { Reason::WrongType };
        Err(self.complain(field, reason, "an object".into()))
    }

    /// A complaint about a field.
    pub(super) fn complain(&self, field: usize, reason: Reason, expected: Cow<'static, str>) -> Box<Complaint> {
        let value = self.value(field);
        let name = self.names.get(field).map_or("", |name| name.word);
        let (at, found) = if value.is_missing() {
            (self.at, "nothing".to_owned())
        } else {
            let at = value.at();
            let end = at + value.written(self.text).len() + if value.is_string() { 2 } else { 0 };
            (at, excerpt(self.text.get(at..end).unwrap_or_default()))
        };
        Box::new(Complaint { reason, at, path: format!("{}.{name}", self.path), expected, found })
    }

    /// A complaint about a draft that is not a valid event; `field` is the field to blame.
    pub(super) fn refuse(&self, field: usize, error: &DraftError) -> Box<Complaint> {
        match error {
            DraftError::IdTooLong { max, found, .. } => self.long_id(field, *max, *found),
            DraftError::NameTooLong { found, .. } => self.long_name(field, *found),
            DraftError::TextTooLong { max, found } => Box::new(Complaint {
                found: format!("{found} bytes"),
                ..*self.complain(field, Reason::TextTooLong, format!("texts of at most {max} bytes").into())
            }),
            // Everything else that an event needs was checked before.
            error => Box::new(Complaint {
                found: error.to_string(),
                ..*self.complain(field, Reason::WrongType, "a valid event".into())
            }),
        }
    }

    /// Whether a field is missing, null or an empty string.
    pub(super) fn is_nothing(&self, field: usize) -> bool {
        let value = self.value(field);
        is_null(value) || (value.is_string() && value.written(self.text).is_empty())
    }

    /// The text of a string without escapes: the usual value.
    #[inline]
    fn plain(&self, field: usize) -> Option<&'a str> {
        let value = self.value(field);
        (value.shape == Shape::Plain).then(|| value.written(self.text))
    }

    fn text_unless(
        &self,
        field: usize,
        is_absent: impl Fn(&str) -> bool,
        expected: &'static str,
    ) -> Checked<Option<Cow<'a, str>>> {
        let value = self.value(field);
        match value.text(self.text) {
            Some(text) => Ok(Some(text).filter(|text| !is_absent(text))),
            None if is_null(value) => Ok(None),
            None => Err(self.complain(field, Reason::WrongType, expected.into())),
        }
    }

    pub(super) fn max_id_bytes(&self) -> usize {
        self.parser.limits.max_id_bytes
    }

    /// An id within the limit, without half of a surrogate pair.
    #[inline]
    pub(super) fn checked_id(&self, field: usize, id: Cow<'a, str>, max_bytes: usize) -> Checked<Cow<'a, str>> {
        if self.value(field).has_lone_surrogate(self.text) {
            return Err(self.complain(field, Reason::LoneSurrogate, "an id with complete surrogate pairs".into()));
        }
        if id.len() > max_bytes { Err(self.long_id(field, max_bytes, id.len())) } else { Ok(id) }
    }

    /// A complaint about an id that exceeds the limit.
    #[cold]
    pub(super) fn long_id(&self, field: usize, max_bytes: usize, found_bytes: usize) -> Box<Complaint> {
        let expected = format!("an id of at most {max_bytes} bytes");
        let found = format!("{found_bytes} bytes");
        Box::new(Complaint { found, ..*self.complain(field, Reason::IdTooLong, expected.into()) })
    }

    /// A complaint about a name that exceeds the limit.
    #[cold]
    pub(super) fn long_name(&self, field: usize, found_bytes: usize) -> Box<Complaint> {
        let expected = format!("a name of at most {MAX_NAME_BYTES} bytes");
        let found = format!("{found_bytes} bytes");
        Box::new(Complaint { found, ..*self.complain(field, Reason::NameTooLong, expected.into()) })
    }

    #[inline]
    fn clock(&self, field: usize) -> Clock {
        match self.plain(field) {
            Some(text) => self.text_clock(trimmed(text)),
            None => self.other_clock(field),
        }
    }

    fn other_clock(&self, field: usize) -> Clock {
        let value = self.value(field);
        let Some(text) = value.text(self.text) else {
            return if is_null(value) { Clock::Absent } else { Clock::Unusable };
        };
        if value.shape == Shape::Number { epoch_clock(&text) } else { self.text_clock(trimmed(&text)) }
    }

    fn text_clock(&self, text: &str) -> Clock {
        if is_absent_text(text) {
            return Clock::Absent;
        }
        // A date has its first hyphen at this offset. A number has a hyphen there only after the `e` of an exponent.
        if text.as_bytes().get(4) != Some(&b'-') {
            return epoch_clock(text);
        }
        match Time::parse_rfc3339_in(text, &self.parser.zone) {
            Ok(time) => Clock::At(time),
            Err(TimeError::YearOne) => Clock::Absent,
            Err(TimeError::NotATime | TimeError::OutOfRange) => epoch_clock(text),
        }
    }
}

/// Missing or null.
fn is_null(value: Value) -> bool {
    matches!(value.shape, Shape::Missing | Shape::Null)
}

#[inline]
fn is_absent_text(text: &str) -> bool {
    text.is_empty() || text == "null"
}

/// A text without surrounding JSON whitespace, which numbers and times in strings can have (rule W4).
#[inline]
pub(super) fn trimmed(text: &str) -> &str {
    let is_bare = |byte: Option<&u8>| byte.is_some_and(|byte| *byte > b' ');
    if is_bare(text.as_bytes().first()) && is_bare(text.as_bytes().last()) {
        return text;
    }
    text.trim_matches([' ', '\t', '\r', '\n'])
}

fn epoch_clock(text: &str) -> Clock {
    match Time::parse_epoch(text) {
        // Only 0 is so early.
        Ok(Time::MIN) => Clock::Absent,
        Ok(time) => Clock::At(time),
        Err(_) => Clock::Unusable,
    }
}
