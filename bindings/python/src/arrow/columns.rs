//! Columns: one Arrow type for each kind of value. A table of what the database holds is flat, its columns are not reserved words
//! of SQL, and `conversation_id` joins the tables. A report has the names and parts of its JSON.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};

fn column(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

pub(super) fn text(name: &str) -> Field {
    column(name, DataType::Utf8)
}

/// A count, a duration in milliseconds, or a number stated by the source.
pub(super) fn number(name: &str) -> Field {
    column(name, DataType::Int64)
}

/// A count stated by the source: any unsigned 64-bit number.
pub(super) fn stated(name: &str) -> Field {
    column(name, DataType::UInt64)
}

/// A number with a fraction.
pub(super) fn fraction(name: &str) -> Field {
    column(name, DataType::Float64)
}

/// A column with parts.
pub(super) fn record(name: &str, parts: Vec<Field>) -> Field {
    required(column(name, DataType::Struct(parts.into())))
}

pub(super) fn truth(name: &str) -> Field {
    column(name, DataType::Boolean)
}

pub(super) fn time(name: &str) -> Field {
    column(name, DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())))
}

/// A column without nulls.
pub(super) fn required(field: Field) -> Field {
    field.with_nullable(false)
}

pub(super) fn schema(fields: Vec<Field>) -> SchemaRef {
    Arc::new(Schema::new(fields))
}
