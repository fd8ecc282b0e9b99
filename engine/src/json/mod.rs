//! Reading JSON the way the rules need it (spec W3-W5): duplicate keys and lone surrogates refused everywhere, 128
//! levels without recursion, offsets for every fault, numbers as they were written, nothing copied.
//!
//! No JSON library gives all of that at once. The grammar is strict RFC 8259 but for one thing: a comma before a closing
//! bracket is accepted, because the seed's samples have them (spec W3).
//!
//! [`walk::Walk`] is the grammar as a machine with an explicit stack; everything that is not looked at goes through it.
//! [`reader::Reader`] reads the objects whose fields are wanted.

mod fault;
mod keys;
mod number;
mod path;
mod reader;
mod string;
mod value;
mod walk;

#[cfg(test)]
mod agreement;

pub(crate) use fault::{Fault, FaultKind};
pub(crate) use number::{Integer, integer};
pub(crate) use path::locate;
pub(crate) use reader::{Name, Reader, Scratch, names};
pub(crate) use value::{Shape, Value};
pub(crate) use walk::{Progress, Unwatched, Walk, skip_whitespace};

/// The deepest nesting of objects and arrays that is accepted, counted from the root of the document (spec W5).
pub(crate) const MAX_LEVELS: usize = 128;
