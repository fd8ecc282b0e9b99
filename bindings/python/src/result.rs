//! Results: frozen objects with the fields of the Rust type of the same name, shown, compared and taken apart as
//! dataclasses are.

use std::sync::Arc;
use std::time::Duration;

use convofold::{Direction, Kind, OpenedBy, StateHash, Status, SuspectField};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

/// Turns a value of the Rust crate into what Python shows.
pub(crate) trait Show<T> {
    fn show(self) -> T;
}

macro_rules! shown_as_is {
    ($($type:ty)*) => {
        $(impl Show<$type> for $type {
            fn show(self) -> $type {
                self
            }
        })*
    };
}

shown_as_is! { String u64 i64 f64 bool u32 std::collections::BTreeMap<String, u64> }

macro_rules! shown_by_name {
    ($($type:ty)*) => {
        $(impl Show<&'static str> for $type {
            fn show(self) -> &'static str {
                self.name()
            }
        })*
    };
}

shown_by_name! { Direction Kind OpenedBy Status SuspectField }

impl<A: Show<B>, B> Show<Option<B>> for Option<A> {
    fn show(self) -> Option<B> {
        self.map(Show::show)
    }
}

impl<A: Show<B>, B> Show<Vec<B>> for Vec<A> {
    fn show(self) -> Vec<B> {
        self.into_iter().map(Show::show).collect()
    }
}

impl Show<String> for Arc<str> {
    fn show(self) -> String {
        self.to_string()
    }
}

impl Show<String> for StateHash {
    fn show(self) -> String {
        self.to_string()
    }
}

/// Milliseconds.
impl Show<u64> for Duration {
    fn show(self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Declares a result, after the fields of a Rust type where `from` names one. `took_ms: u64 = took` takes the field from
/// another.
macro_rules! result {
    (
        $(#[$doc:meta])*
        $name:ident from $source:ty {
            $($(#[$field_doc:meta])* $field:ident: $type:ty $(= $source_field:ident)?,)*
        }
        $(methods { $($methods:tt)* })?
    ) => {
        crate::result::result! {
            $(#[$doc])*
            $name { $($(#[$field_doc])* $field: $type,)* }
            $(methods { $($methods)* })?
        }

        impl crate::result::Show<$name> for $source {
            fn show(self) -> $name {
                $name { $($field: crate::result::field!(self, $field $(, $source_field)?).show(),)* }
            }
        }
    };
    (
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
        }
        $(methods { $($methods:tt)* })?
    ) => {
        $(#[$doc])*
        #[pyo3::pyclass(frozen, eq, get_all, module = "convofold")]
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) struct $name {
            $($(#[$field_doc])* pub(crate) $field: $type,)*
        }

        #[pyo3::pymethods]
        impl $name {
            #[classattr]
            #[pyo3(name = "__match_args__")]
            fn match_args(py: pyo3::Python<'_>) -> pyo3::PyResult<pyo3::Bound<'_, pyo3::types::PyTuple>> {
                pyo3::types::PyTuple::new(py, [$(stringify!($field)),*])
            }

            fn __repr__(slf: &pyo3::Bound<'_, Self>) -> pyo3::PyResult<String> {
                crate::result::repr(slf.as_any(), stringify!($name), &[$(stringify!($field)),*])
            }

            /// The same as a dict of plain values, nested ones included, as JSON takes them.
            fn to_dict<'py>(slf: &pyo3::Bound<'py, Self>) -> pyo3::PyResult<pyo3::Bound<'py, pyo3::types::PyDict>> {
                crate::result::to_dict(slf.as_any(), &[$(stringify!($field)),*])
            }

            $($($methods)*)?
        }
    };
}

/// The field of this name, or of the other one where that is given.
macro_rules! field {
    ($value:ident, $field:ident) => {
        $value.$field
    };
    ($value:ident, $field:ident, $source_field:ident) => {
        $value.$source_field
    };
}

pub(crate) use {field, result};

/// `Name(field=value, ...)`.
pub(crate) fn repr(object: &Bound<'_, PyAny>, name: &str, fields: &[&str]) -> PyResult<String> {
    let mut shown = Vec::with_capacity(fields.len());
    for field in fields {
        shown.push(format!("{field}={}", object.getattr(*field)?.repr()?.to_string_lossy()));
    }
    Ok(format!("{name}({})", shown.join(", ")))
}

pub(crate) fn to_dict<'py>(object: &Bound<'py, PyAny>, fields: &[&str]) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(object.py());
    for field in fields {
        let value = object.getattr(*field)?;
        match value.cast::<PyBytes>() {
            Ok(bytes) => {
                let is_cut =
                    object.getattr_opt(format!("{field}_cut"))?.is_some_and(|cut| cut.is_truthy().unwrap_or(false));
                set_bytes(&dict, field, bytes, is_cut)?;
            }
            Err(_) => dict.set_item(*field, plain(value)?)?,
        }
    }
    Ok(dict)
}

/// Bytes as JSON takes them, and as Rust writes them there: as text, and what is none in base64 under a name that says so.
fn set_bytes(dict: &Bound<'_, PyDict>, field: &str, bytes: &Bound<'_, PyBytes>, is_cut: bool) -> PyResult<()> {
    let held = bytes.as_bytes();
    match std::str::from_utf8(held) {
        Ok(text) => dict.set_item(field, text),
        // Cut within a character.
        Err(error) if is_cut && error.error_len().is_none() => {
            let whole = held.get(..error.valid_up_to()).unwrap_or_default();
            dict.set_item(field, String::from_utf8_lossy(whole))
        }
        Err(_) => {
            let base64 = dict.py().import("base64")?.call_method1("b64encode", (bytes,))?;
            dict.set_item(format!("{field}_base64"), base64.call_method0("decode")?)
        }
    }
}

/// A value in which there is no object of ours.
fn plain(value: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    if let Ok(list) = value.cast::<PyList>() {
        let plain = list.iter().map(plain).collect::<PyResult<Vec<_>>>()?;
        return Ok(PyList::new(value.py(), plain)?.into_any());
    }
    match value.getattr_opt("to_dict")? {
        Some(to_dict) => to_dict.call0(),
        None => Ok(value),
    }
}
