//! Torture: tests the durability promises with the real binary.
//!
//! Each kind of trial is a file here. The binary `torture` runs any number of trials, and `tests/torture_short.rs` runs
//! a few of each kind. The documentation of the crate `convofold-store` states the promises.
//!
//! Most kinds rest on one fact. A [`feed::Feed`] is a log with one event per line, all different. Fed in order, the
//! event of line n must get seq n, whatever happened before. So each answer of `convofold ingest` also shows whether an
//! earlier event was lost, and a database can be compared with the fold of the same number of lines.

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
pub mod webhooks;
pub mod stream;
pub mod care;
pub mod damages;
pub mod mount;
pub mod cuts;
pub mod read_only;
pub mod full;
pub mod strace;
pub mod trace;
pub mod faults;
