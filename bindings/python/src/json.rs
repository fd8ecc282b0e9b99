//! JSON as Python has it.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::Value;

use crate::result::Show;

/// A JSON value as Python has it: None, a bool, a number, a str, a list or a dict.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Json(Value);

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl Show<Json> for Value {
    fn show(self) -> Json {
        self.into()
    }
}

impl<'py> IntoPyObject<'py> for Json {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const OUTPUT_TYPE: pyo3::inspect::PyStaticExpr = crate::stub::ANY;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        match self.0 {
            Value::Null => Ok(py.None().into_bound(py)),
            Value::Bool(truth) => truth.into_bound_py_any(py),
            Value::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => number.into_bound_py_any(py),
                (_, Some(number)) => number.into_bound_py_any(py),
                _ => number.as_f64().into_bound_py_any(py),
            },
            Value::String(text) => text.into_bound_py_any(py),
            Value::Array(values) => PyList::new(py, values.into_iter().map(Json))?.into_bound_py_any(py),
            Value::Object(fields) => {
                let dict = PyDict::new(py);
                for (name, value) in fields {
                    dict.set_item(name, Json(value))?;
                }
                dict.into_bound_py_any(py)
            }
        }
    }
}
