//! Reads values (W4 and section 8): absent, usable, or a rejection.

use super::json::Json;
use super::time::{self, Nanos, Reading};

/// The maximum length of an id (W5).
const LONGEST_ID_BYTES: usize = 1024;

/// The maximum length of a name (W5).
pub(crate) const LONGEST_NAME_BYTES: usize = 8 << 10;

/// The largest integer.
pub(crate) const LARGEST: i128 = i64::MAX as i128;

/// Why an object is not an event: the path of the bad value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reject {
    pub(crate) path: String,
}

/// A rejection that blames `path`.
pub(crate) fn reject<T>(path: &str) -> Result<T, Reject> {
    let path = path.to_owned();
    Err(Reject { path })
}

/// An object, and its path in the event.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) object: &'a Json,
    pub(crate) path: &'a str,
}

impl Place<'_> {
    fn get(&self, key: &str) -> &Json {
        self.object.get(key).unwrap_or(&Json::Null)
    }

    fn blame<T>(&self, key: &str) -> Result<T, Reject> {
        let dot = if self.path.is_empty() { "" } else { "." };
        reject(&format!("{}{dot}{key}", self.path))
    }

    /// Whether the key is present, with any value.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.object.get(key).is_some()
    }

    /// Ids: `null`, `"null"` and `""` are absent, numbers are their digits as written.
    pub(crate) fn id(&self, key: &str) -> Result<Option<String>, Reject> {
        let id = match self.get(key) {
            Json::Null => return Ok(None),
            Json::Text(text) if text.is_empty() || text == "null" => return Ok(None),
            Json::Text(text) => text,
            Json::Number(digits) => digits,
            _ => return self.blame(key),
        };
        if id.len() > LONGEST_ID_BYTES {
            return self.blame(key);
        }
        Ok(Some(id.clone()))
    }

    /// Texts and names: only `null` and `""` are absent; a customer may write "null".
    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, Reject> {
        match self.get(key) {
            Json::Null => Ok(None),
            Json::Text(text) if text.is_empty() => Ok(None),
            Json::Text(text) | Json::Torn(text) | Json::Number(text) => Ok(Some(text.clone())),
            _ => self.blame(key),
        }
    }

    /// Names: texts of limited length.
    pub(crate) fn name(&self, key: &str) -> Result<Option<String>, Reject> {
        match self.text(key)? {
            Some(name) if name.len() > LONGEST_NAME_BYTES => self.blame(key),
            name => Ok(name),
        }
    }

    /// No time at all: a time that is present and unusable is to blame, otherwise the own time.
    pub(crate) fn no_time<T>(&self, key: &str, own: Place<'_>, own_key: &str) -> Result<T, Reject> {
        if read_time(self.get(key)) == Reading::Unusable { self.blame(key) } else { own.blame(own_key) }
    }

    /// Times: present and unusable is a rejection.
    pub(crate) fn time(&self, key: &str) -> Result<Option<Nanos>, Reject> {
        match read_time(self.get(key)) {
            Reading::Absent => Ok(None),
            Reading::At(time) => Ok(Some(time)),
            Reading::Unusable => self.blame(key),
        }
    }

    /// `occurred`: an unusable value counts as absent.
    pub(crate) fn lenient_time(&self, key: &str) -> Option<Nanos> {
        match read_time(self.get(key)) {
            Reading::At(time) => Some(time),
            Reading::Absent | Reading::Unusable => None,
        }
    }

    /// Whether the key is present with a value that means absent, for a time.
    pub(crate) fn null_time(&self, key: &str) -> bool {
        self.has(key) && read_time(self.get(key)) == Reading::Absent
    }

    /// Counts: integers from 0 to the largest signed 64-bit integer.
    pub(crate) fn count(&self, key: &str) -> Result<Option<i128>, Reject> {
        match read_integer(self.get(key)) {
            Ok(Some(count)) if !(0..=LARGEST).contains(&count) => self.blame(key),
            Ok(count) => Ok(count),
            Err(()) => self.blame(key),
        }
    }
}

/// Numbers, also as text with spaces around it; `Err` is a value that is not a number.
pub(crate) fn read_integer(value: &Json) -> Result<Option<i128>, ()> {
    match value {
        Json::Null => Ok(None),
        Json::Number(digits) => integer(digits).map(Some).ok_or(()),
        Json::Text(text) => match text.trim() {
            "" | "null" => Ok(None),
            digits => integer(digits).map(Some).ok_or(()),
        },
        _ => Err(()),
    }
}

fn read_time(value: &Json) -> Reading {
    match read_integer(value) {
        Ok(None) => return Reading::Absent,
        Ok(Some(number)) => return time::from_epoch(number),
        Err(()) => {}
    }
    match value {
        Json::Text(text) => time::from_fraction(text.trim()).unwrap_or_else(|| time::from_rfc3339(text.trim())),
        Json::Number(digits) => time::from_fraction(digits).unwrap_or(Reading::Unusable),
        _ => Reading::Unusable,
    }
}

/// An integer may be written `1.0` or `1e3`; a fraction is not an integer.
fn integer(written: &str) -> Option<i128> {
    let (negative, rest) = match written.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, written),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let mut digits = format!("{whole}{fraction}");
    if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    if digits.bytes().all(|byte| byte == b'0') {
        return Some(0);
    }
    while shift < 0 {
        // Only zeros may follow the point.
        if digits.pop()? != '0' {
            return None;
        }
        shift += 1;
    }
    while shift > 0 && digits.len() < 38 {
        digits.push('0');
        shift -= 1;
    }
    let value: i128 = digits.parse().ok().filter(|_| shift == 0)?;
    Some(if negative { -value } else { value })
}
