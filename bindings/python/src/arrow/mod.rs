//! Tables for pandas, polars, DuckDB and pyarrow, by the Arrow C stream interface: batches are made while they are read, so
//! memory stays bounded, and nobody copies them.

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

/// So many rows make a batch.
const BATCH_ROWS: usize = 4_096;

/// What there are tables of.
#[derive(Clone, Copy)]
enum Content {
    Conversations,
    Messages,
}

/// A table that is read from the store whenever it is asked for: hand it to `polars.DataFrame(...)`,
/// `pandas.DataFrame.from_arrow(...)`, `pyarrow.table(...)`, or name it in a query of DuckDB.
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
    /// The batches, as the Arrow PyCapsule interface wants them. Each call reads the store anew.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> Result<Bound<'py, PyCapsule>, Failure> {
        // Whoever asks for another schema has to convert by themselves, which the interface allows.
        let _ = requested_schema;
        let stream = FFI_ArrowArrayStream::new(self.batches(py)?);
        Ok(PyCapsule::new_with_value(py, stream, c"arrow_array_stream")?)
    }

    /// The columns, as the Arrow PyCapsule interface wants them.
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyCapsule>, Failure> {
        let schema = FFI_ArrowSchema::try_from(self.schema().as_ref());
        let schema = schema.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(PyCapsule::new_with_value(py, schema, c"arrow_schema")?)
    }

    /// The names of the columns.
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
    /// All conversations as an Arrow table, one row each, with the keys of the export as columns; times are
    /// `timestamp[ms, UTC]`. For example `polars.DataFrame(db.to_arrow())`.
    fn to_arrow(slf: Bound<'_, Self>) -> Result<ArrowTable, Failure> {
        ArrowTable::new(slf, Content::Conversations)
    }

    /// All messages as an Arrow table, one row each: `conversation`, `tenant`, `channel`, `seq`, `at`, `said_at` (the
    /// message's own time), `direction`, `agent_id` and `agent_name` (who was assigned then), `text`, `identity`, `late`, and
    /// `counts` (false for one that lost to another event of the same identity).
    fn messages_to_arrow(slf: Bound<'_, Self>) -> Result<ArrowTable, Failure> {
        ArrowTable::new(slf, Content::Messages)
    }
}

/// Rows, put into batches.
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
