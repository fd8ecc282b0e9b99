//! What this machine can do with the same bytes: the limits that everything else is held against.

pub mod line;
pub mod parse;
pub mod raw;
