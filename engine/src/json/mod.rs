//! A JSON reader for rules W3 to W5: refuses duplicate keys everywhere, reads 128 levels without recursion, gives the
//! offset of every fault and numbers as they were written, and copies nothing.
//!
//! No JSON library does all of that. The grammar is strict RFC 8259 with one exception: a comma before a closing
//! bracket is accepted, because the samples of the vendors contain some (rule W3).
//!
//! [`walk::Walk`] is the grammar as a state machine with an explicit stack, for everything that is only checked.
//! [`reader::Reader`] reads the objects with wanted fields.

mod fault;
mod keys;
mod name;
mod number;
mod path;
mod reader;
mod string;
mod value;
mod walk;

#[cfg(test)]
mod agreement;

pub(crate) use fault::{Fault, FaultKind};
pub(crate) use name::{Name, names};
pub(crate) use number::{Integer, integer, large_integer};
pub(crate) use path::locate;
pub(crate) use reader::{Reader, Scratch};
pub(crate) use string::Scanned;
pub(crate) use value::{Shape, Value};
pub(crate) use walk::{BYTE_ORDER_MARK, Progress, Unwatched, Walk, Watch, skip_blanks, skip_space, skip_whitespace};

/// The maximum nesting of objects and arrays, counted from the root of the document (rule W5).
pub(crate) const MAX_LEVELS: usize = 128;
