//! Python types that the stub `_convofold.pyi` shows where PyO3 cannot derive them from a Rust type. Used only by the build
//! with the feature `stub`, from which `just generate` writes the stub.

use std::marker::PhantomData;
use std::path::PathBuf;

use pyo3::inspect::{PyStaticConstant, PyStaticExpr};
use pyo3::{FromPyObject, PyTypeInfo, type_hint_identifier, type_hint_subscript, type_hint_union};

use crate::event::Event;
use crate::names::Named;
use crate::query::OpenConversation;
use crate::replay::Progress;
use crate::report::Rejection;
use crate::state::AgentRef;

const STR: PyStaticExpr = type_hint_identifier!("builtins", "str");
const NONE: PyStaticExpr = PyStaticExpr::Constant { value: PyStaticConstant::None };
const FALSE: PyStaticExpr = PyStaticExpr::Constant { value: PyStaticConstant::Bool(false) };
const DICT: PyStaticExpr = type_hint_identifier!("builtins", "dict");
const OBJECT: PyStaticExpr = type_hint_identifier!("builtins", "object");
const LITERAL: PyStaticExpr = type_hint_identifier!("typing", "Literal");
const CALLABLE: PyStaticExpr = type_hint_identifier!("collections.abc", "Callable");
const ITERABLE: PyStaticExpr = type_hint_identifier!("collections.abc", "Iterable");
const MAPPING: PyStaticExpr = type_hint_identifier!("collections.abc", "Mapping");
const PATH: PyStaticExpr = <PathBuf as FromPyObject<'_, '_>>::INPUT_TYPE;
const PATH_OR_READER: PyStaticExpr = type_hint_union!(PATH, type_hint_identifier!("convofold.protocols", "Reader"));
const EVENT_OR_DICT: PyStaticExpr = type_hint_union!(Event::TYPE_HINT, JSON_OBJECT);

pub(crate) const MATCH_ARGS: PyStaticExpr = type_hint_subscript!(
    type_hint_identifier!("builtins", "tuple"),
    STR,
    PyStaticExpr::Constant { value: PyStaticConstant::Ellipsis }
);
pub(crate) const JSON_OBJECT: PyStaticExpr = type_hint_subscript!(DICT, STR, type_hint_identifier!("typing", "Any"));
pub(crate) const ROWS: PyStaticExpr =
    type_hint_subscript!(type_hint_identifier!("collections.abc", "Iterator"), OpenConversation::TYPE_HINT);
pub(crate) const DATETIME: PyStaticExpr = type_hint_identifier!("datetime", "datetime");
pub(crate) const TIME: PyStaticExpr = type_hint_union!(type_hint_identifier!("builtins", "int"), STR, DATETIME);
pub(crate) const DATA: PyStaticExpr = type_hint_union!(STR, type_hint_identifier!("typing_extensions", "Buffer"));
pub(crate) const AGENT: PyStaticExpr = type_hint_union!(
    STR,
    AgentRef::TYPE_HINT,
    type_hint_subscript!(MAPPING, STR, type_hint_union!(STR, NONE)),
    type_hint_subscript!(LITERAL, FALSE)
);
pub(crate) const EVENTS: PyStaticExpr = type_hint_union!(EVENT_OR_DICT, type_hint_subscript!(ITERABLE, EVENT_OR_DICT));
pub(crate) const INPUTS: PyStaticExpr =
    type_hint_union!(PATH_OR_READER, type_hint_subscript!(ITERABLE, PATH_OR_READER));
pub(crate) const FILES: PyStaticExpr = type_hint_subscript!(type_hint_identifier!("collections.abc", "Sequence"), PATH);
pub(crate) const TARGET: PyStaticExpr = type_hint_union!(PATH, type_hint_identifier!("convofold.protocols", "Writer"));
pub(crate) const PROGRESS: PyStaticExpr = type_hint_union!(
    type_hint_subscript!(CALLABLE, PyStaticExpr::List { elts: &[Progress::TYPE_HINT] }, OBJECT),
    type_hint_identifier!("convofold.protocols", "ProgressBar")
);
pub(crate) const REJECTS: PyStaticExpr =
    type_hint_subscript!(CALLABLE, PyStaticExpr::List { elts: &[Rejection::TYPE_HINT] }, OBJECT);

/// The `Literal` of the names of an enumeration.
pub(crate) struct LiteralOf<T>(PhantomData<T>);

impl<T: Named> LiteralOf<T> {
    pub(crate) const HINT: PyStaticExpr = PyStaticExpr::Subscript { value: &LITERAL, slice: &Self::TUPLE };

    const TUPLE: PyStaticExpr = PyStaticExpr::Tuple { elts: Self::ALL.split_at(T::NAMES.len()).0 };

    /// The names, followed by padding: the length of an array cannot depend on `T`.
    const ALL: &'static [PyStaticExpr; 16] = &{
        let mut names = [NONE; 16];
        let mut index = 0;
        while index < T::NAMES.len() {
            names[index] = PyStaticExpr::Constant { value: PyStaticConstant::Str(T::NAMES[index]) };
            index += 1;
        }
        names
    };
}
