//! Times: milliseconds since the epoch, as everywhere in convofold, and `datetime`.

use convofold::{Time, When};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDelta, PyString};

use crate::error::{Failure, value_error};
use crate::result::Show;

static EPOCH: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

fn epoch(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    let make = || {
        let datetime = py.import("datetime")?;
        let utc = datetime.getattr("timezone")?.getattr("utc")?;
        Ok::<_, PyErr>(datetime.getattr("datetime")?.call1((1970, 1, 1, 0, 0, 0, 0, utc))?.unbind())
    };
    EPOCH.get_or_try_init(py, make).map(|epoch| epoch.bind(py))
}

/// Milliseconds since the epoch that Python sees as a `datetime` in UTC.
pub(crate) struct Utc(pub(crate) i64);

impl Show<Utc> for i64 {
    fn show(self) -> Utc {
        Utc(self)
    }
}

impl<'py> IntoPyObject<'py> for Utc {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const OUTPUT_TYPE: pyo3::inspect::PyStaticExpr = crate::stub::DATETIME;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        const MS_PER_DAY: i64 = 86_400_000;
        let (days, rest) = (self.0.div_euclid(MS_PER_DAY), self.0.rem_euclid(MS_PER_DAY));
        let (seconds, ms) = (rest / 1_000, rest % 1_000);
        let narrow = |number: i64| i32::try_from(number).unwrap_or(i32::MAX);
        epoch(py)?.add(PyDelta::new(py, narrow(days), narrow(seconds), narrow(ms * 1_000), true)?)
    }
}

/// A time argument: milliseconds since the epoch, a `datetime` with a time zone, or an RFC 3339 string.
pub(crate) struct GivenTime(pub(crate) Time);

impl GivenTime {
    pub(crate) fn time(given: Option<Self>) -> Option<Time> {
        given.map(|Self(time)| time)
    }

    pub(crate) fn ms(given: Option<Self>) -> Option<i64> {
        Self::time(given).map(Time::ms)
    }
}

impl FromPyObject<'_, '_> for GivenTime {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: pyo3::inspect::PyStaticExpr = crate::stub::TIME;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        Ok(Self(time(&given)?))
    }
}

/// A bound of a moment: a time argument, or a text that the options `--as-of` and `--known-at` of the command accept.
pub(crate) struct GivenBound(pub(crate) When);

impl GivenBound {
    pub(crate) fn when(given: Option<Self>) -> Option<When> {
        given.map(|Self(when)| when)
    }
}

impl FromPyObject<'_, '_> for GivenBound {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: pyo3::inspect::PyStaticExpr = crate::stub::TIME;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let Ok(text) = given.cast::<PyString>() else { return Ok(Self(When::At(time(&given)?))) };
        let read = text.to_cow()?.parse::<When>();
        Ok(Self(read.map_err(|error| value_error(format!("invalid moment: {error}")))?))
    }
}

/// The beginning or the end of a report: a time argument, or a text that the options `--from` and `--to` of the command accept.
pub(crate) struct GivenReportBound(pub(crate) String);

impl FromPyObject<'_, '_> for GivenReportBound {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: pyo3::inspect::PyStaticExpr = crate::stub::TIME;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        match given.cast::<PyString>() {
            Ok(text) => Ok(Self(text.to_cow()?.into_owned())),
            Err(_) => Ok(Self(time(&given)?.to_rfc3339())),
        }
    }
}

fn time(given: &Bound<'_, PyAny>) -> Result<Time, Failure> {
    let unusable = || value_error(format!("invalid time: {given} (expected the years 1970 to 9999)"));
    if let Ok(text) = given.cast::<PyString>() {
        let text = text.to_cow()?;
        return Time::parse_rfc3339(&text).map_err(|error| value_error(format!("invalid time: {text:?}: {error}")));
    }
    if let Ok(ms) = given.extract::<i64>() {
        return Time::from_ms(ms).ok_or_else(unusable);
    }
    let Some(zone) = given.getattr_opt("tzinfo")? else {
        let found = given.get_type().name()?;
        let expected = "expected milliseconds, a datetime or an RFC 3339 string";
        return Err(value_error(format!("invalid time of type {found} ({expected})")));
    };
    if zone.is_none() {
        return Err(value_error(format!("invalid time: {given} has no time zone (pass one, such as timezone.utc)")));
    }
    let since = given.sub(epoch(given.py())?)?;
    let part = |name: &str| since.getattr(name)?.extract::<i64>();
    let (days, seconds, us) = (part("days")?, part("seconds")?, part("microseconds")?);
    let ms = (days * 86_400 + seconds) * 1_000 + us / 1_000;
    let sub_ms_ns = u32::try_from(us % 1_000).unwrap_or_default() * 1_000;
    Time::from_ms_and_ns(ms, sub_ms_ns).ok_or_else(unusable)
}
