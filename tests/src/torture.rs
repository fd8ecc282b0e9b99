//! Torture: the promises of durability, held against the real binary.
//!
//! Each kind of it makes many trials and is a file here; the binary `torture` runs them, long or short, and
//! `tests/torture_short.rs` a few of each. What the promises are stands at the head of the crate `convofold-store`.
//!
//! Most kinds rest on one fact. A [`feed::Feed`] is a log of one event a line, none of them twice. Fed in order, the event
//! of line n must get place n in the log, whatever happened before. So every answer of `convofold ingest` also tells
//! whether an event before it was lost, and a database can be held against the fold of the same number of lines.

// In the order in which to read them.
pub mod report;
pub mod campaign;
pub mod ledger;
pub mod feed;
mod answers;
pub mod ingester;
pub mod examination;
pub mod limits;
pub mod kills;
pub mod damages;
pub mod mount;
pub mod cuts;
pub mod full;
pub mod strace;
pub mod trace;
pub mod faults;
