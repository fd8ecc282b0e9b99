//! The test tools of convofold.
//!
//! - [`transcript`] reads the cases in `tests/transcripts`: events in, state out.
//! - [`model`] computes the state of conversations directly from the rules, slowly and simply. It shares no code with
//!   the engine, so that tests can compare the two.
//! - [`arbitrary`] makes small random logs in which the difficult cases are frequent.
//! - [`parsed`] is the result of the engine's parser for an input.
//! - [`unpacking`] writes transcripts as plain files, for tests in other languages.
//! - [`command`] runs the `convofold` binary.
//! - [`holder`] runs a process that holds a database while others work on it.
//! - [`receiver`] takes the messages of alerts.
//! - [`serving`] runs `convofold serve`, and is a client of it.
//! - [`rtds`] is Airship's stream, with everything that it does wrong.
//! - [`detection`] loses events, and compares what the report of suspects notices.
//! - [`torture`] kills it, simulates power cuts and damages its files.
//!
//! Start with the transcripts: they are the shortest description of what the engine promises.

#![forbid(unsafe_code)]

pub mod arbitrary;
pub mod command;
pub mod detection;
#[cfg(unix)]
pub mod holder;
pub mod model;
pub mod parsed;
pub mod receiver;
pub mod rtds;
pub mod serving;
#[cfg(unix)]
pub mod torture;
pub mod transcript;
pub mod unpacking;
