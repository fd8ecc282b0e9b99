//! Tables for pandas, polars, DuckDB and pyarrow, through the Arrow C stream interface: batches are built while they are read,
//! so memory stays bounded, and are not copied.

mod columns;
mod assignments;
mod conversations;
mod messages;
pub(crate) mod report;

use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchIterator, RecordBatchReader};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, SchemaRef};
use convofold::{ConversationRecord, Moment, Scan, State, StorageError, UnknownName};
use pyo3::exceptions::{PyImportError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use serde::Serialize;

use crate::database::Convofold;
use crate::error::Failure;
use crate::names::{Chosen, Named};
use crate::view::View;

/// Number of rows in a batch.
const BATCH_ROWS: usize = 4_096;

/// The content of a table.
#[derive(Clone, Copy, Default)]
pub(crate) enum Content {
    #[default]
    Conversations,
    Messages,
    Assignments,
}

impl Named for Content {
    const NAMES: &'static [&'static str] = &["conversations", "messages", "assignments"];

    fn name(&self) -> &'static str {
        match self {
            Self::Conversations => "conversations",
            Self::Messages => "messages",
            Self::Assignments => "assignments",
        }
    }
}

impl Chosen for Content {
    fn by_name(name: &str) -> Result<Self, UnknownName> {
        let found = [Self::Conversations, Self::Messages, Self::Assignments].into_iter().find(|it| it.name() == name);
        found.ok_or_else(|| UnknownName::new("table", Self::NAMES, name))
    }
}

/// A table. `to_polars()` and `to_pandas()` read all of it. Every library with the Arrow PyCapsule interface reads it:
/// `polars.DataFrame(...)`, `pyarrow.table(...)`, or its name in a DuckDB query. A table from `to_arrow` is read from the
/// database each time it is used; a report is computed once.
#[pyclass(frozen, module = "convofold")]
pub(crate) struct ArrowTable(Rows);

enum Rows {
    /// Read each time.
    Read { origin: Origin, content: Content },
    /// Of a report.
    Made(RecordBatch),
}

/// What is read: the database, or a view of it.
#[derive(FromPyObject)]
pub(crate) enum Origin {
    Now(Py<Convofold>),
    Then(Py<View>),
}

impl From<Bound<'_, Convofold>> for Origin {
    fn from(db: Bound<'_, Convofold>) -> Self {
        Self::Now(db.unbind())
    }
}

impl From<Bound<'_, View>> for Origin {
    fn from(view: Bound<'_, View>) -> Self {
        Self::Then(view.unbind())
    }
}

impl Origin {
    /// The view, or one of now.
    pub(crate) fn view(&self) -> Result<convofold::View, Failure> {
        match self {
            Self::Now(db) => Ok(db.get().open()?.at(Moment::LATEST)),
            Self::Then(view) => view.get().open(),
        }
    }

    fn states(&self, py: Python<'_>) -> Result<Scan<State>, Failure> {
        match self {
            Self::Now(db) => db.get().asked(py, convofold::Convofold::scan_states),
            Self::Then(view) => view.get().asked(py, convofold::View::scan_states),
        }
    }

    fn conversations(&self, py: Python<'_>) -> Result<Scan<ConversationRecord>, Failure> {
        match self {
            Self::Now(db) => db.get().asked(py, convofold::Convofold::scan),
            Self::Then(view) => view.get().asked(py, convofold::View::scan),
        }
    }
}

impl ArrowTable {
    pub(crate) fn new(origin: Origin, content: Content) -> Self {
        Self(Rows::Read { origin, content })
    }

    pub(crate) fn made(batch: RecordBatch) -> Self {
        Self(Rows::Made(batch))
    }

    fn schema(&self) -> SchemaRef {
        match &self.0 {
            Rows::Made(batch) => batch.schema(),
            Rows::Read { content: Content::Conversations, .. } => conversations::schema(),
            Rows::Read { content: Content::Messages, .. } => messages::schema(),
            Rows::Read { content: Content::Assignments, .. } => assignments::schema(),
        }
    }

    fn batches(&self, py: Python<'_>) -> Result<Box<dyn RecordBatchReader + Send>, Failure> {
        let schema = self.schema();
        Ok(match &self.0 {
            Rows::Made(batch) => Box::new(RecordBatchIterator::new([Ok(batch.clone())], schema)),
            Rows::Read { origin, content: Content::Conversations } => {
                let rows = origin.states(py)?.map(|state| state.map(conversations::Row::of));
                Box::new(Batches { rows, schema })
            }
            Rows::Read { origin, content: Content::Messages } => {
                Box::new(Batches { rows: flat(origin.conversations(py)?, messages::of), schema })
            }
            Rows::Read { origin, content: Content::Assignments } => {
                Box::new(Batches { rows: flat(origin.states(py)?, assignments::of), schema })
            }
        })
    }
}

#[pymethods]
impl ArrowTable {
    /// Returns a stream of batches, as defined by the Arrow PyCapsule interface. Of a table from `to_arrow`, each call reads the
    /// database again.
    #[pyo3(signature = (requested_schema=None) -> "object")]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyCapsule>, Failure> {
        // The interface allows the stream to have another schema than the requested one; the caller converts then.
        let _ = requested_schema;
        let stream = FFI_ArrowArrayStream::new(self.batches(py)?);
        Ok(PyCapsule::new_with_value(py, stream, c"arrow_array_stream")?)
    }

    /// Returns the schema, as defined by the Arrow PyCapsule interface.
    #[pyo3(signature = () -> "object")]
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyCapsule>, Failure> {
        let schema = FFI_ArrowSchema::try_from(self.schema().as_ref());
        let schema = schema.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(PyCapsule::new_with_value(py, schema, c"arrow_schema")?)
    }

    /// Names of the columns.
    #[getter]
    fn column_names(&self) -> Vec<String> {
        self.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    /// Reads the table as a `polars.DataFrame`. Needs polars: `pip install 'convofold[polars]'`.
    #[pyo3(signature = () -> "object")]
    pub(crate) fn to_polars<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        import(slf.py(), "polars", "polars")?.call_method1("DataFrame", (slf,))
    }

    /// Reads the table as a `pandas.DataFrame`. Needs pandas and pyarrow: `pip install 'convofold[pandas]'`.
    #[pyo3(signature = () -> "object")]
    pub(crate) fn to_pandas<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        import(slf.py(), "pandas", "pandas")?;
        import(slf.py(), "pyarrow", "pandas")?.call_method1("table", (slf,))?.call_method0("to_pandas")
    }

    fn __repr__(&self) -> String {
        match &self.0 {
            Rows::Read { content, .. } => format!("<ArrowTable of all {}>", content.name()),
            Rows::Made(batch) => format!("<ArrowTable with {} rows of a report>", batch.num_rows()),
        }
    }
}

/// Imports a package that an extra of this package installs.
fn import<'py>(py: Python<'py>, package: &str, extra: &str) -> PyResult<Bound<'py, PyModule>> {
    py.import(package).map_err(|error| {
        if !error.is_instance_of::<PyImportError>(py) {
            return error;
        }
        let missing = PyImportError::new_err(format!("{package} is not installed: pip install 'convofold[{extra}]'"));
        missing.set_cause(py, Some(error));
        missing
    })
}

/// The rows of all conversations, conversation by conversation.
fn flat<T, R>(
    conversations: impl Iterator<Item = Result<T, StorageError>>,
    rows: fn(T) -> Vec<R>,
) -> impl Iterator<Item = Result<R, StorageError>> {
    conversations.flat_map(move |conversation| match conversation {
        Ok(conversation) => rows(conversation).into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    })
}

/// Rows, grouped into batches.
struct Batches<I> {
    rows: I,
    schema: SchemaRef,
}

impl<T: Serialize, I: Iterator<Item = Result<T, StorageError>>> Iterator for Batches<I> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows: Result<Vec<T>, _> = self.rows.by_ref().take(BATCH_ROWS).collect();
        match rows {
            Ok(rows) if rows.is_empty() => None,
            Ok(rows) => {
                let batch = serde_arrow::to_record_batch(self.schema.fields(), &rows);
                Some(batch.map_err(|error| ArrowError::ExternalError(Box::new(error))))
            }
            Err(error) => Some(Err(ArrowError::ExternalError(Box::new(error)))),
        }
    }
}

impl<T: Serialize, I: Iterator<Item = Result<T, StorageError>>> RecordBatchReader for Batches<I> {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
