//! What differs between databases and moments.

use convofold::diff::{ConversationChange, DiffError};
use parking_lot::Mutex;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrow::Origin;
use crate::error::Failure;
use crate::json::Json;
use crate::result::JsonObject;

type Changes = Box<dyn Iterator<Item = Result<ConversationChange, DiffError>> + Send>;

/// An iterator over the conversations that differ between two sides, from `diff`.
#[pyclass(frozen, module = "convofold")]
pub(crate) struct Diff {
    changes: Mutex<Changes>,
    /// Freed after `changes`, so that those never have the last handle of a database, whose end would close it under the
    /// interpreter's lock.
    _sides: [Origin; 2],
}

impl Diff {
    /// Reads the hashes of both sides; or, with `id`, compares one conversation.
    pub(crate) fn new(py: Python<'_>, sides: [Origin; 2], id: Option<&str>, has_causes: bool) -> Result<Self, Failure> {
        let [from, to] = &sides;
        let (from, to) = (from.view()?, to.view()?);
        let changes = py.detach(move || {
            Ok::<Changes, DiffError>(match id {
                None => Box::new(from.diff(&to)?.causes(has_causes)),
                Some(id) => {
                    let diff = convofold::diff::Diff::of_one(id, &from, &to)?.causes(has_causes);
                    Box::new(diff.collect::<Vec<_>>().into_iter())
                }
            })
        })?;
        Ok(Self { changes: Mutex::new(changes), _sides: sides })
    }
}

#[pymethods]
impl Diff {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> Result<Option<JsonObject<'py>>, Failure> {
        let next = py.detach(|| self.changes.lock().next().transpose())?;
        next.map(|change| in_python(py, &change)).transpose().map_err(Into::into)
    }
}

fn in_python<'py>(py: Python<'py>, change: &ConversationChange) -> PyResult<JsonObject<'py>> {
    let json = serde_json::to_value(change).map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    Ok(JsonObject(Json::from(json).into_pyobject(py)?.cast_into::<PyDict>()?))
}
