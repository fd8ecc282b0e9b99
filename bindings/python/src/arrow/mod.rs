//! Tables for pandas, polars, DuckDB and pyarrow, through the Arrow C stream interface: batches are built while they are read,
//! so memory stays bounded, and are not copied.

mod columns;
mod conversations;
mod messages;

use std::sync::Arc;

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, SchemaRef};
use convofold::StorageError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use serde::Serialize;

use crate::database::Convofold;
use crate::error::Failure;

/// Number of rows in a batch.
const BATCH_ROWS: usize = 4_096;

/// The content of a table.
#[derive(Clone, Copy)]
enum Content {
    Conversations,
    Messages,
}

/// A table that is read from the database each time it is used: pass it to `polars.DataFrame(...)`,
/// `pandas.DataFrame.from_arrow(...)` or `pyarrow.table(...)`, or use its name in a DuckDB query.
#[pyclass(frozen, module = "convofold")]
pub(crate) struct ArrowTable {
    db: Py<Convofold>,
    content: Content,
}

impl ArrowTable {
    fn new(db: Bound<'_, Convofold>, content: Content) -> Result<Self, Failure> {
        db.get().open()?;
        Ok(Self { db: db.unbind(), content })
    }

    fn schema(&self) -> SchemaRef {
        match self.content {
            Content::Conversations => conversations::schema(),
            Content::Messages => messages::schema(),
        }
    }

    fn batches(&self, py: Python<'_>) -> Result<Box<dyn RecordBatchReader + Send>, Failure> {
        let (content, schema) = (self.content, self.schema());
        self.db.get().asked(py, move |db| -> Box<dyn RecordBatchReader + Send> {
            match content {
                Content::Conversations => Box::new(Batches { rows: db.scan_states(), schema }),
                Content::Messages => Box::new(Batches { rows: messages::rows(db.scan()), schema }),
            }
        })
    }
}

#[pymethods]
impl ArrowTable {
    /// Returns a stream of batches, as defined by the Arrow PyCapsule interface. Each call reads the database again.
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

    fn __repr__(&self) -> String {
        let content = match self.content {
            Content::Conversations => "conversations",
            Content::Messages => "messages",
        };
        format!("<ArrowTable of all {content}>")
    }
}

#[pymethods]
impl Convofold {
    /// Returns all conversations as an Arrow table, one row per conversation, with the keys of the export as columns; times
    /// are `timestamp[ms, UTC]`. Example: `polars.DataFrame(db.to_arrow())`.
    fn to_arrow(slf: Bound<'_, Self>) -> Result<ArrowTable, Failure> {
        ArrowTable::new(slf, Content::Conversations)
    }

    /// Returns all messages as an Arrow table, one row per message, with these columns: `conversation`, `tenant`, `channel`,
    /// `seq`, `at`, `said_at` (the own time of the message), `direction`, `agent_id` and `agent_name` (the agent assigned
    /// then), `text`, `identity`, `late`, and `counts` (false for a message that lost to another event with the same
    /// identity).
    fn messages_to_arrow(slf: Bound<'_, Self>) -> Result<ArrowTable, Failure> {
        ArrowTable::new(slf, Content::Messages)
    }
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
