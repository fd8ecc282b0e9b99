//! convofold for C. The C interface is `include/convofold.h`, which cbindgen generates from these files. The
//! conventions at its top, which apply to every function, are in `cbindgen.toml`.
//!
//! This crate contains no logic. A function checks its arguments (`pointer`, `sized`, `handles`), calls the
//! `convofold` crate and returns the result (`text`, `failure`).

#![expect(unsafe_code, reason = "the interface to C needs it")]
#![warn(clippy::undocumented_unsafe_blocks)]
#![expect(
    clippy::missing_safety_doc,
    reason = "the requirements are documented for C: at the top of the header and for each function"
)]

// This order is the order of the declarations in the header.
pub mod version;
pub mod error;
mod failure;
pub mod last_error;
mod pointer;
mod sized;
pub mod text;
mod handles;
pub mod database;
pub mod ingest;
pub mod replay;
pub mod conversation;
pub mod query;
pub mod page;
pub mod figures;
pub mod suspects;
pub mod report;
pub mod counters;
pub mod hash;
pub mod export;
pub mod view;
pub mod diff;
pub mod bookmark;
pub mod feed;
pub mod subscription;
pub mod safekeeping;
pub mod personal;
