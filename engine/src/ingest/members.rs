//! What the members of an object say: absent, an id, a text, a number, a time (spec W4 and section 8).

use std::borrow::Cow;

use super::Reason;
use super::rejection::excerpt;
use crate::json::{Integer, Name, Shape, Value, integer};
use crate::time::{Time, TimeError};

/// The members that are wanted of one object.
#[derive(Clone, Copy)]
pub(super) struct Members<'a, 'v> {
    /// The text that the object is in.
    pub(super) text: &'a str,
    /// The path of the object, from its root on: empty, or `.body`.
    pub(super) path: &'static str,
    /// Where the object begins.
    pub(super) at: usize,
    /// The names of the members.
    pub(super) names: &'static [Name],
    /// Their values.
    pub(super) values: &'v [Value],
    /// The longest id.
    pub(super) max_id_bytes: usize,
}

/// What is wrong with a well-formed object.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) reason: Reason,
    pub(super) at: usize,
    /// From the root of the object on, without the root.
    pub(super) path: String,
    pub(super) expected: Cow<'static, str>,
    pub(super) found: String,
}

/// Boxed, because nearly all objects are fine and a result is handed on often.
pub(super) type Checked<T> = Result<T, Box<Complaint>>;

/// What a value says where a time belongs.
enum Clock {
    Absent,
    At(Time),
    Unusable,
}

impl<'a> Members<'a, '_> {
    /// The value of a member.
    #[inline]
    pub(super) fn value(&self, member: usize) -> Value {
        self.values.get(member).copied().unwrap_or_default()
    }

    /// Whether there is such a member, whatever its value.
    pub(super) fn has(&self, member: usize) -> bool {
        !self.value(member).is_missing()
    }

    /// An id, a number being its digits as written; `null`, `"null"`, `""` and no member are absent.
    pub(super) fn id(&self, member: usize) -> Checked<Option<Cow<'a, str>>> {
        match self.text_unless(member, is_absent_text, "an id: a string or a number")? {
            Some(id) if id.len() > self.max_id_bytes => {
                let expected = Cow::Owned(format!("an id of at most {} bytes", self.max_id_bytes));
                Err(self.complain(member, Reason::IdTooLong, expected))
            }
            id => Ok(id),
        }
    }

    /// An id that must be there.
    pub(super) fn required_id(&self, member: usize) -> Checked<Cow<'a, str>> {
        self.id(member)?.ok_or_else(|| self.complain(member, Reason::Missing, "an id".into()))
    }

    /// A text or a name, a number being its digits as written; `null`, `""` and no member are absent.
    pub(super) fn text(&self, member: usize) -> Checked<Option<Cow<'a, str>>> {
        self.text_unless(member, str::is_empty, "a text")
    }

    /// A JSON string that is not empty.
    pub(super) fn required_string(&self, member: usize) -> Checked<Cow<'a, str>> {
        let value = self.value(member);
        let text = if value.is_string() { value.text(self.text) } else { None };
        text.filter(|text| !text.is_empty()).ok_or_else(|| {
            let reason = if self.is_nothing(member) { Reason::Missing } else { Reason::WrongType };
            self.complain(member, reason, "a non-empty string".into())
        })
    }

    /// A number that is not negative; absent as an id is.
    pub(super) fn count(&self, member: usize) -> Checked<Option<u64>> {
        let Some(number) = self.integer(member, "a number that is not negative")? else { return Ok(None) };
        let expected = || self.complain(member, Reason::BadNumber, "a number that is not negative".into());
        u64::try_from(number).map(Some).map_err(|_| expected())
    }

    /// A whole number of 64 bits; absent as an id is.
    pub(super) fn integer(&self, member: usize, expected: &'static str) -> Checked<Option<i64>> {
        let value = self.value(member);
        let Some(text) = self.scalar_text(value) else {
            return if is_null(value) {
                Ok(None)
            } else {
                Err(self.complain(member, Reason::WrongType, expected.into()))
            };
        };
        let text = if value.is_string() { trimmed(&text) } else { &text };
        match integer(text) {
            Integer::Whole(number) => Ok(Some(number)),
            _ if value.is_string() && is_absent_text(text) => Ok(None),
            Integer::Unusable | Integer::NotANumber => Err(self.complain(member, Reason::BadNumber, expected.into())),
        }
    }

    /// A time; absent as an id is, and so are 0 and the year one.
    pub(super) fn time(&self, member: usize) -> Checked<Option<Time>> {
        match self.clock(member) {
            Clock::Absent => Ok(None),
            Clock::At(time) => Ok(Some(time)),
            Clock::Unusable => {
                let value = self.value(member);
                let is_scalar = value.is_string() || value.shape == Shape::Number;
                let reason = if is_scalar { Reason::BadTime } else { Reason::WrongType };
                Err(self.complain(member, reason, "a time: RFC 3339 or epoch milliseconds, in 1970 to 9999".into()))
            }
        }
    }

    /// A time where one that is not usable counts as absent: `occurred` alone (spec W4).
    pub(super) fn lenient_time(&self, member: usize) -> Option<Time> {
        if let Clock::At(time) = self.clock(member) { Some(time) } else { None }
    }

    /// What is wrong with a member.
    pub(super) fn complain(&self, member: usize, reason: Reason, expected: Cow<'static, str>) -> Box<Complaint> {
        let value = self.value(member);
        let name = self.names.get(member).map_or("", |name| name.word);
        let (at, found) = if value.is_missing() {
            (self.at, "nothing".to_owned())
        } else {
            let at = value.at();
            let end = at + value.written(self.text).len() + if value.is_string() { 2 } else { 0 };
            (at, excerpt(self.text.get(at..end).unwrap_or_default()))
        };
        Box::new(Complaint { reason, at, path: format!("{}.{name}", self.path), expected, found })
    }

    /// Whether a member is missing, null or an empty string.
    pub(super) fn is_nothing(&self, member: usize) -> bool {
        let value = self.value(member);
        is_null(value) || (value.is_string() && value.written(self.text).is_empty())
    }

    #[inline]
    fn text_unless(
        &self,
        member: usize,
        is_absent: impl Fn(&str) -> bool,
        expected: &'static str,
    ) -> Checked<Option<Cow<'a, str>>> {
        let value = self.value(member);
        if value.shape == Shape::Plain {
            let text = value.written(self.text);
            return Ok((!is_absent(text)).then_some(Cow::Borrowed(text)));
        }
        match self.scalar_text(value) {
            Some(text) => Ok(Some(text).filter(|text| !is_absent(text))),
            None if is_null(value) => Ok(None),
            None => Err(self.complain(member, Reason::WrongType, expected.into())),
        }
    }

    fn scalar_text(&self, value: Value) -> Option<Cow<'a, str>> {
        value.text(self.text)
    }

    fn clock(&self, member: usize) -> Clock {
        let value = self.value(member);
        let Some(text) = self.scalar_text(value) else {
            return if is_null(value) { Clock::Absent } else { Clock::Unusable };
        };
        if value.shape == Shape::Number { epoch_clock(&text) } else { text_clock(trimmed(&text)) }
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

/// A text without the JSON whitespace around it, which numbers and times in strings may have (spec W4).
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

fn text_clock(text: &str) -> Clock {
    if is_absent_text(text) {
        return Clock::Absent;
    }
    // Where a date has its first hyphen, a number has one at most after an exponent's `e`.
    if text.as_bytes().get(4) != Some(&b'-') {
        return epoch_clock(text);
    }
    match Time::parse_rfc3339(text) {
        Ok(time) => Clock::At(time),
        Err(TimeError::YearOne) => Clock::Absent,
        Err(TimeError::NotATime | TimeError::OutOfRange) => epoch_clock(text),
    }
}

fn epoch_clock(text: &str) -> Clock {
    match integer(text) {
        Integer::Whole(0) => Clock::Absent,
        Integer::Whole(ms) => Time::from_ms(ms).map_or(Clock::Unusable, Clock::At),
        Integer::Unusable | Integer::NotANumber => Clock::Unusable,
    }
}
