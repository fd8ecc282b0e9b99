//! Fields that are either of their type or missing.

use std::borrow::Cow;
use std::str::FromStr;

use crate::draft::MAX_NAME_BYTES;
use crate::ingest::Reason;
use crate::ingest::fields::{Checked, Fields};
use crate::json::{Integer, Shape, integer};
use crate::time::Time;

/// The fields of an object, read without the tolerance that the sources need (rule W4).
pub(super) struct Strict<'a, 'v>(pub(super) Fields<'a, 'v>);

impl<'a> Strict<'a, '_> {
    pub(super) fn text(&self, field: usize) -> Checked<Option<Cow<'a, str>>> {
        let value = self.0.value(field);
        if value.is_string() || value.is_missing() {
            return Ok(value.text(self.0.text));
        }
        Err(self.0.complain(field, Reason::WrongType, "a text".into()))
    }

    pub(super) fn id(&self, field: usize, max_bytes: usize) -> Checked<Option<Cow<'a, str>>> {
        match self.text(field)? {
            Some(id) => self.0.checked_id(field, id, max_bytes).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn name(&self, field: usize) -> Checked<Option<Cow<'a, str>>> {
        match self.text(field)? {
            Some(name) if name.len() > MAX_NAME_BYTES => Err(self.0.long_name(field, name.len())),
            name => Ok(name),
        }
    }

    pub(super) fn required(&self, field: usize, max_bytes: usize) -> Checked<Cow<'a, str>> {
        let id = self.id(field, max_bytes)?.filter(|id| !id.is_empty());
        id.ok_or_else(|| self.0.complain(field, Reason::Missing, "a non-empty text".into()))
    }

    pub(super) fn word<T: FromStr>(&self, field: usize, expected: &'static str) -> Checked<Option<T>> {
        let Some(found) = self.text(field)? else { return Ok(None) };
        found.parse().map(Some).map_err(|_| self.0.complain(field, Reason::UnknownWord, expected.into()))
    }

    pub(super) fn time(&self, field: usize) -> Checked<Option<Time>> {
        let Some(written) = self.text(field)? else { return Ok(None) };
        let expected = "a time in RFC 3339, in 1970 to 9999";
        let time = Time::parse_rfc3339_in(&written, &self.0.parser.zone);
        time.map(Some).map_err(|_| self.0.complain(field, Reason::BadTime, expected.into()))
    }

    pub(super) fn unsigned(&self, field: usize, expected: &'static str) -> Checked<Option<u64>> {
        let read = |written: &str| match integer(written) {
            Integer::Whole(number) => u64::try_from(number).ok(),
            // It can still be in the upper half of the range.
            Integer::Unusable | Integer::NotANumber => written.parse().ok(),
        };
        self.number(field, read, expected)
    }

    pub(super) fn signed(&self, field: usize) -> Checked<Option<i64>> {
        let read = |written: &str| match integer(written) {
            Integer::Whole(number) => Some(number),
            Integer::Unusable | Integer::NotANumber => None,
        };
        self.number(field, read, "a whole number of 64 bits")
    }

    fn number<T>(&self, field: usize, read: impl Fn(&str) -> Option<T>, expected: &'static str) -> Checked<Option<T>> {
        let value = self.0.value(field);
        let reason = match value.shape {
            Shape::Missing => return Ok(None),
            Shape::Number => match read(value.written(self.0.text)) {
                Some(number) => return Ok(Some(number)),
                None => Reason::BadNumber,
            },
            _ => Reason::WrongType,
        };
        Err(self.0.complain(field, reason, expected.into()))
    }

    pub(super) fn truth(&self, field: usize) -> Checked<Option<bool>> {
        match self.0.value(field).shape {
            Shape::Missing => Ok(None),
            Shape::True => Ok(Some(true)),
            Shape::False => Ok(Some(false)),
            _ => Err(self.0.complain(field, Reason::WrongType, "true or false".into())),
        }
    }
}
