//! convofold for C. What C sees is `include/convofold.h`, which is made of these files; the text at its top, which says what
//! holds for all functions, is in `cbindgen.toml`.
//!
//! Nothing is decided here. A function checks what it was given (`pointer`, `sized`, `handles`), calls the `convofold` crate
//! and hands over what that says (`text`, `failure`).

#![expect(unsafe_code, reason = "it speaks with C")]
#![warn(clippy::undocumented_unsafe_blocks)]
#![expect(
    clippy::missing_safety_doc,
    reason = "what a caller has to keep to is said in C's terms: in general at the top of the header, and in each function"
)]

// What C sees of each comes into the header in this order.
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
pub mod counters;
pub mod hash;
pub mod export;
pub mod bookmark;
pub mod feed;
pub mod subscription;
pub mod safekeeping;
