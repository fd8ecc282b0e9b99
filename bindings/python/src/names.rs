//! Enumerations of the Rust crate: Python sees a value as a string, and the stub shows a `Literal`.

use std::convert::Infallible;
use std::marker::PhantomData;

use convofold::ingest::{Format, IgnoreList};
use convofold::{
    Attribution, Direction, Durability, Effect, GroupBy, Kind, OpenedBy, Sort, Status, StatusFilter, SuspectField,
    SuspectKind, TimeField, UnknownName, UnknownZone, Zone,
};
#[cfg(feature = "stub")]
use pyo3::inspect::{PyStaticConstant, PyStaticExpr};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::error::{Failure, value_error};
use crate::result::Show;

/// An enumeration whose values have names.
pub(crate) trait Named: 'static {
    const NAMES: &'static [&'static str];

    fn name(&self) -> &'static str;
}

/// An enumeration that is also accepted as an argument.
pub(crate) trait Chosen: Named + Sized {
    fn by_name(name: &str) -> Result<Self, UnknownName>;
}

/// The name of a value, as a result holds it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name<T>(&'static str, PhantomData<T>);

impl<T: Named> From<&T> for Name<T> {
    fn from(value: &T) -> Self {
        Self(value.name(), PhantomData)
    }
}

impl<T: Named> Show<Name<T>> for &T {
    fn show(self) -> Name<T> {
        Name::from(self)
    }
}

impl<'py, T: Named> IntoPyObject<'py> for Name<T> {
    type Target = PyString;
    type Output = Bound<'py, PyString>;
    type Error = Infallible;

    #[cfg(feature = "stub")]
    const OUTPUT_TYPE: PyStaticExpr = LiteralOf::<T>::HINT;

    fn into_pyobject(self, py: Python<'py>) -> Result<Self::Output, Self::Error> {
        self.0.into_pyobject(py)
    }
}

/// A value that an argument names.
pub(crate) struct Choice<T>(pub(crate) T);

impl<T: Default> Choice<T> {
    /// The chosen value, or the default of the Rust crate.
    pub(crate) fn or_default(given: Option<Self>) -> T {
        given.map(|Self(value)| value).unwrap_or_default()
    }
}

impl<T: Chosen> FromPyObject<'_, '_> for Choice<T> {
    type Error = PyErr;

    #[cfg(feature = "stub")]
    const INPUT_TYPE: PyStaticExpr = LiteralOf::<T>::HINT;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let given = given.cast::<PyString>()?;
        let name = given.to_cow()?;
        T::by_name(&name).map(Self).map_err(|error| value_error(error.to_string()).into())
    }
}

macro_rules! named {
    ($($type:ty { $($value:pat => $name:literal,)* })*) => {
        $(
            impl Named for $type {
                const NAMES: &'static [&'static str] = &[$($name),*];

                fn name(&self) -> &'static str {
                    match self {
                        $($value => $name,)*
                    }
                }
            }
        )*
        shown! { $($type)* }
    };
}

/// Takes the names from the Rust crate.
macro_rules! named_there {
    ($($type:ty)*) => {
        $(
            impl Named for $type {
                const NAMES: &'static [&'static str] = &<$type>::NAMES;

                fn name(&self) -> &'static str {
                    <$type>::name(*self)
                }
            }
        )*
        shown! { $($type)* }
    };
}

macro_rules! shown {
    ($($type:ty)*) => {
        $(impl Show<Name<$type>> for $type {
            fn show(self) -> Name<$type> {
                Name::from(&self)
            }
        })*
    };
}

macro_rules! chosen {
    ($($type:ty)*) => {
        $(impl Chosen for $type {
            fn by_name(name: &str) -> Result<Self, UnknownName> {
                name.parse()
            }
        })*
    };
}

named_there! {
    Attribution Direction Durability GroupBy Kind OpenedBy Sort Status StatusFilter SuspectField SuspectKind TimeField
}

impl Named for Format {
    const NAMES: &'static [&'static str] = Self::NAMES;

    fn name(&self) -> &'static str {
        Self::name(*self)
    }
}

chosen! { Attribution Direction Durability Format GroupBy Kind Sort StatusFilter TimeField }

/// The time zone of this name; UTC by default.
pub(crate) fn zone(name: Option<&str>) -> Result<Zone, Failure> {
    let parse = |name: &str| name.parse().map_err(|error: UnknownZone| value_error(error.to_string()));
    name.map_or(Ok(Zone::UTC), parse)
}

/// A list of interaction types to ignore; empty by default.
pub(crate) fn ignored(names: Option<Vec<String>>) -> Result<IgnoreList, Failure> {
    IgnoreList::new(names.unwrap_or_default()).map_err(|error| value_error(error.to_string()))
}

named! {
    Effect {
        Self::Applied => "applied",
        Self::Late => "late",
        Self::Duplicate => "duplicate",
        Self::Conflict { .. } => "conflict",
        Self::Erased => "erased",
    }
}

/// The stub's `Literal` of the names of an enumeration.
#[cfg(feature = "stub")]
struct LiteralOf<T>(PhantomData<T>);

#[cfg(feature = "stub")]
impl<T: Named> LiteralOf<T> {
    const HINT: PyStaticExpr = PyStaticExpr::Subscript { value: &crate::stub::LITERAL, slice: &Self::TUPLE };

    const TUPLE: PyStaticExpr = PyStaticExpr::Tuple { elts: Self::PADDED.split_at(T::NAMES.len()).0 };

    /// The names, followed by padding: the length of an array cannot depend on `T`.
    const PADDED: &'static [PyStaticExpr; 16] = &{
        let mut names = [crate::stub::NONE; 16];
        let mut index = 0;
        while index < T::NAMES.len() {
            names[index] = PyStaticExpr::Constant { value: PyStaticConstant::Str(T::NAMES[index]) };
            index += 1;
        }
        names
    };
}
