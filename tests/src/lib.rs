//! What the tests of convofold are made of.
//!
//! - [`transcript`] reads the cases in `tests/transcripts`: events in, state out.
//! - [`model`] computes the state of conversations straight from the rules, slowly and plainly. It shares no code with the engine, so that the two can be held against each other.
//! - [`arbitrary`] makes small random logs in which the awkward cases are frequent.
//! - [`parsed`] is what the engine reads in an input.
//! - [`unpacking`] lays transcripts out as plain files, for tests in other languages.
//! - [`command`] runs the `convofold` binary.
//! - [`torture`] kills it, takes its power away and damages what it wrote.
//!
//! Read the transcripts first: they are the shortest way to learn what the engine promises.

#![forbid(unsafe_code)]

pub mod arbitrary;
pub mod command;
pub mod model;
pub mod parsed;
#[cfg(unix)]
pub mod torture;
pub mod transcript;
pub mod unpacking;
