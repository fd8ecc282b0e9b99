//! Numbers as arguments.

use std::any::type_name;

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

use crate::error::value_error;

/// A whole number that is not negative. A number outside its range raises ValueError; PyO3 alone raises OverflowError.
pub(crate) struct Whole<T>(pub(crate) T);

impl<T> Whole<T> {
    pub(crate) fn get(given: Option<Self>) -> Option<T> {
        given.map(|Self(number)| number)
    }
}

impl<'a, 'py, T: FromPyObject<'a, 'py, Error = PyErr>> FromPyObject<'a, 'py> for Whole<T> {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: pyo3::inspect::PyStaticExpr = T::INPUT_TYPE;

    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        given.extract().map(Self).map_err(|error| {
            if !error.is_instance_of::<PyOverflowError>(given.py()) {
                return error;
            }
            let expected = format!("expected a whole number, 0 or larger, of type {}", type_name::<T>());
            value_error(format!("invalid number: {} ({expected})", given.to_owned())).into()
        })
    }
}
