//! Times: whole milliseconds since the epoch, as everywhere in convofold, and `datetime` for those who want it.

use convofold::Time;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDelta, PyString};

use crate::error::{Failure, value_error};

static EPOCH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn epoch(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    let make = || {
        let datetime = py.import("datetime")?;
        let utc = datetime.getattr("timezone")?.getattr("utc")?;
        Ok::<_, PyErr>(datetime.getattr("datetime")?.call1((1970, 1, 1, 0, 0, 0, 0, utc))?.unbind())
    };
    EPOCH.get_or_try_init(py, make).map(|epoch| epoch.bind(py))
}

/// A `datetime` in UTC.
pub(crate) fn datetime(py: Python<'_>, ms: i64) -> PyResult<Bound<'_, PyAny>> {
    const MS_PER_DAY: i64 = 86_400_000;
    let (days, rest) = (ms.div_euclid(MS_PER_DAY), ms.rem_euclid(MS_PER_DAY));
    let (seconds, ms) = (rest / 1_000, rest % 1_000);
    let narrow = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
    epoch(py)?.add(PyDelta::new(py, narrow(days), narrow(seconds), narrow(ms * 1_000), true)?)
}

pub(crate) fn datetime_opt(py: Python<'_>, ms: Option<i64>) -> PyResult<Option<Bound<'_, PyAny>>> {
    ms.map(|ms| datetime(py, ms)).transpose()
}

/// A time given as milliseconds since the epoch, as a `datetime` that knows its zone, or as an RFC 3339 text.
pub(crate) fn time(given: &Bound<'_, PyAny>) -> Result<Time, Failure> {
    let unusable = || value_error(format!("a time lies in the years 1970 to 9999, found {given}"));
    if let Ok(text) = given.cast::<PyString>() {
        let text = text.to_cow()?;
        return Time::parse_rfc3339(&text).map_err(|error| value_error(format!("{text:?}: {error}")));
    }
    if let Ok(ms) = given.extract::<i64>() {
        return Time::from_ms(ms).ok_or_else(unusable);
    }
    let Some(zone) = given.getattr_opt("tzinfo")? else {
        let found = given.get_type().name()?;
        return Err(value_error(format!("a time is milliseconds, a datetime or an RFC 3339 text, found {found}")));
    };
    if zone.is_none() {
        return Err(value_error(format!("{given} has no time zone; give it one, such as timezone.utc")));
    }
    let since = given.sub(epoch(given.py())?)?;
    let part = |name: &str| since.getattr(name)?.extract::<i64>();
    let (days, seconds, us) = (part("days")?, part("seconds")?, part("microseconds")?);
    let ms = (days * 86_400 + seconds) * 1_000 + us / 1_000;
    let sub_ms_ns = u32::try_from(us % 1_000).unwrap_or_default() * 1_000;
    Time::from_ms_and_ns(ms, sub_ms_ns).ok_or_else(unusable)
}

pub(crate) fn time_opt(given: Option<&Bound<'_, PyAny>>) -> Result<Option<Time>, Failure> {
    given.map(time).transpose()
}
