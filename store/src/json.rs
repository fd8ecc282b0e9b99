//! Serialisation of reports as JSON: names as in Rust, times and durations in whole milliseconds, hashes and reasons as
//! text. All bindings use the same form.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

pub(crate) fn as_ms<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).serialize(serializer)
}

/// The reverse of [`as_ms`].
pub(crate) fn of_ms<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

pub(crate) fn as_ms_if_any<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => as_ms(duration, serializer),
        None => serializer.serialize_none(),
    }
}

pub(crate) fn as_text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

pub(crate) fn as_text_if_any<S: Serializer>(value: &Option<impl Display>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

/// A value that is JSON already.
pub(crate) fn as_json_if_any<S: Serializer>(json: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    let value = json.as_deref().map(serde_json::from_str::<&RawValue>).transpose();
    value.map_err(S::Error::custom)?.serialize(serializer)
}

/// Characters of a path that are not valid Unicode are replaced.
pub(crate) fn paths<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}
