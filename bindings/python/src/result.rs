//! Results: frozen objects with the fields of the Rust type of the same name. Like a dataclass, a result has a
//! representation, compares by value and supports pattern matching.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use convofold::{Direction, Kind, OpenedBy, StateHash, Status, SuspectField};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};

/// Converts a value of the Rust crate to the value that Python sees.
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

shown_as_is! { String u64 u32 i64 f64 bool BTreeMap<String, u64> }

macro_rules! shown_as_text {
    ($($type:ty)*) => {
        $(impl Show<String> for $type {
            fn show(self) -> String {
                self.to_string()
            }
        })*
    };
}

shown_as_text! { &str Arc<str> Cow<'static, str> StateHash }

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

impl<A: Show<B> + Clone, B> Show<Vec<B>> for Arc<[A]> {
    fn show(self) -> Vec<B> {
        self.iter().cloned().map(Show::show).collect()
    }
}

impl<A: Show<B> + Clone, B> Show<B> for Arc<A> {
    fn show(self) -> B {
        Arc::unwrap_or_clone(self).show()
    }
}

impl<A: Show<B>, B> Show<B> for Box<A> {
    fn show(self) -> B {
        (*self).show()
    }
}

/// Python sees these as `bytes`.
impl Show<Cow<'static, [u8]>> for Vec<u8> {
    fn show(self) -> Cow<'static, [u8]> {
        Cow::Owned(self)
    }
}

/// Milliseconds.
impl Show<u64> for Duration {
    fn show(self) -> u64 {
        u64::try_from(self.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Declares a result once: its class, conversion, representation, dict and stub.
///
/// - `Name from value: Source { .. }` converts from a Rust type. A field is taken from the field of the same name;
///   `took_ms: u64 = value.took` takes it from an expression.
/// - `utc { started_at_utc: Utc = started_at, }` adds a `datetime` property for a field in milliseconds.
/// - `methods { .. }` adds methods, and `Name: hashable` says that `__hash__` is one of them.
macro_rules! result {
    (
        $(#[$doc:meta])*
        $name:ident $(: $hashable:ident)? from $value:ident: $source:ty {
            $($(#[$field_doc:meta])* $field:ident: $type:ty $(= $expression:expr)?,)*
        }
        $($section:ident { $($content:tt)* })*
    ) => {
        $(#[$doc])*
        #[pyo3::pyclass(frozen, eq, get_all, module = "convofold")]
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) struct $name {
            $($(#[$field_doc])* pub(crate) $field: $type,)*
        }

        impl $name {
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];
        }

        impl crate::result::Show<$name> for $source {
            fn show(self) -> $name {
                let $value = self;
                $name { $($field: crate::result::field!($value.$field $(, $expression)?).show(),)* }
            }
        }

        #[pyo3::pymethods]
        impl $name {
            #[classattr]
            #[pyo3(name = "__match_args__")]
            fn match_args() -> crate::result::MatchArgs {
                crate::result::MatchArgs(Self::FIELDS)
            }

            fn __repr__(slf: &pyo3::Bound<'_, Self>) -> pyo3::PyResult<String> {
                crate::result::repr(slf.as_any(), stringify!($name), Self::FIELDS)
            }

            /// Returns the fields as a dict of plain values, nested results included, which `json.dumps` accepts.
            fn to_dict<'py>(slf: &pyo3::Bound<'py, Self>) -> pyo3::PyResult<crate::result::JsonObject<'py>> {
                crate::result::to_dict(slf.as_any(), Self::FIELDS).map(crate::result::JsonObject)
            }
        }

        crate::result::unhashable!($name $($hashable)?);
        $(crate::result::section!($name $section { $($content)* });)*
    };
    ($(#[$doc:meta])* $name:ident $(: $hashable:ident)? from $source:ty { $($fields:tt)* } $($sections:tt)*) => {
        crate::result::result! {
            $(#[$doc])* $name $(: $hashable)? from value: $source { $($fields)* } $($sections)*
        }
    };
}

macro_rules! field {
    ($value:ident.$field:ident) => {
        $value.$field
    };
    ($value:ident.$field:ident, $expression:expr) => {
        $expression
    };
}

macro_rules! section {
    ($name:ident utc { $($utc:ident: $type:ty = $field:ident,)* }) => {
        #[pyo3::pymethods]
        impl $name {
            $(
                #[doc = concat!("`", stringify!($field), "` as a `datetime` in UTC.")]
                #[getter]
                fn $utc(&self) -> $type {
                    self.$field.show()
                }
            )*
        }
    };
    ($name:ident methods { $($methods:tt)* }) => {
        #[pyo3::pymethods]
        impl $name {
            $($methods)*
        }
    };
}

/// Says in the stub that a class with `__eq__` has no `__hash__`. At run time Python does that by itself.
macro_rules! unhashable {
    ($name:ident) => {
        #[cfg(feature = "stub")]
        #[pyo3::pymethods]
        impl $name {
            #[classattr]
            const __hash__: Option<u64> = None;
        }
    };
    ($name:ident hashable) => {};
}

pub(crate) use {field, result, section, unhashable};

/// The names of the fields, for pattern matching.
pub(crate) struct MatchArgs(pub(crate) &'static [&'static str]);

impl<'py> IntoPyObject<'py> for MatchArgs {
    type Target = PyTuple;
    type Output = Bound<'py, PyTuple>;
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const OUTPUT_TYPE: pyo3::inspect::PyStaticExpr = crate::stub::MATCH_ARGS;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        PyTuple::new(py, self.0)
    }
}

/// A dict with string keys and values that `json.dumps` accepts.
pub(crate) struct JsonObject<'py>(pub(crate) Bound<'py, PyDict>);

impl<'py> IntoPyObject<'py> for JsonObject<'py> {
    type Target = PyDict;
    type Output = Bound<'py, PyDict>;
    type Error = std::convert::Infallible;

    #[cfg(feature = "stub")]
    const OUTPUT_TYPE: pyo3::inspect::PyStaticExpr = crate::stub::JSON_OBJECT;

    fn into_pyobject(self, _py: Python<'py>) -> Result<Self::Output, Self::Error> {
        Ok(self.0)
    }
}

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
            // A field whose name is a word of Python ends with `_`.
            Err(_) => dict.set_item(field.trim_end_matches('_'), plain(value)?)?,
        }
    }
    Ok(dict)
}

/// Sets bytes as the Rust crate writes them to JSON: as text if they are UTF-8, otherwise in base64 under another key.
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

/// A value without results in it.
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
