//! Python types for the stub `_convofold.pyi`, which the conversions of arguments and results declare where PyO3 cannot derive
//! them. Used only by the build with the feature `stub`, from which `just generate` writes the stub.

use std::path::PathBuf;

use pyo3::inspect::{PyStaticConstant, PyStaticExpr};
use pyo3::{FromPyObject, type_hint_identifier, type_hint_subscript, type_hint_union};

pub(crate) const STR: PyStaticExpr = type_hint_identifier!("builtins", "str");
pub(crate) const ANY: PyStaticExpr = type_hint_identifier!("typing", "Any");
pub(crate) const OBJECT: PyStaticExpr = type_hint_identifier!("builtins", "object");
pub(crate) const NONE: PyStaticExpr = PyStaticExpr::Constant { value: PyStaticConstant::None };
pub(crate) const FALSE: PyStaticExpr = PyStaticExpr::Constant { value: PyStaticConstant::Bool(false) };
pub(crate) const LITERAL: PyStaticExpr = type_hint_identifier!("typing", "Literal");
pub(crate) const CALLABLE: PyStaticExpr = type_hint_identifier!("collections.abc", "Callable");
pub(crate) const ITERABLE: PyStaticExpr = type_hint_identifier!("collections.abc", "Iterable");
pub(crate) const ITERATOR: PyStaticExpr = type_hint_identifier!("collections.abc", "Iterator");
pub(crate) const ASYNC_ITERATOR: PyStaticExpr = type_hint_identifier!("collections.abc", "AsyncIterator");
pub(crate) const MAPPING: PyStaticExpr = type_hint_identifier!("collections.abc", "Mapping");
const SEQUENCE: PyStaticExpr = type_hint_identifier!("collections.abc", "Sequence");

pub(crate) const DATA: PyStaticExpr = type_hint_union!(STR, type_hint_identifier!("typing_extensions", "Buffer"));
pub(crate) const DATETIME: PyStaticExpr = type_hint_identifier!("datetime", "datetime");
pub(crate) const TIME: PyStaticExpr = type_hint_union!(type_hint_identifier!("builtins", "int"), STR, DATETIME);

pub(crate) const CALENDAR: PyStaticExpr = type_hint_union!(STR, type_hint_subscript!(MAPPING, STR, ANY));

pub(crate) const JSON_OBJECT: PyStaticExpr = type_hint_subscript!(type_hint_identifier!("builtins", "dict"), STR, ANY);
pub(crate) const MATCH_ARGS: PyStaticExpr = type_hint_subscript!(
    type_hint_identifier!("builtins", "tuple"),
    STR,
    PyStaticExpr::Constant { value: PyStaticConstant::Ellipsis }
);

const PATH: PyStaticExpr = <PathBuf as FromPyObject<'_, '_>>::INPUT_TYPE;
const PATH_OR_READER: PyStaticExpr = type_hint_union!(PATH, type_hint_identifier!("convofold.protocols", "Reader"));
pub(crate) const FILES: PyStaticExpr = type_hint_subscript!(SEQUENCE, PATH);
pub(crate) const INPUTS: PyStaticExpr =
    type_hint_union!(PATH_OR_READER, type_hint_subscript!(ITERABLE, PATH_OR_READER));
pub(crate) const TARGET: PyStaticExpr = type_hint_union!(PATH, type_hint_identifier!("convofold.protocols", "Writer"));
pub(crate) const PROGRESS_BAR: PyStaticExpr = type_hint_identifier!("convofold.protocols", "ProgressBar");
