//! The search index: which closed conversations may match a query.
//!
//! ```text
//! checkpoint: keys of changed, closed conversations --> a run; many small runs --> a large one
//! query:      runs --> hits --> the conversations themselves --> rows
//!             rows of conversations that changed since the last checkpoint --> rows
//! ```
//!
//! The index is a superset: an entry of a conversation that changed later stays until runs are merged. So every hit is
//! checked against the conversation itself. Entries are never missing: each change of a conversation is in memory until a
//! checkpoint adds an entry. If a run is missing or damaged, queries read all conversations instead, and the next opening
//! builds the index again.

mod entries;
mod filter;
mod hits;
mod index;
mod merge;
mod rebuild;
mod run;
mod writer;

pub(crate) use entries::{AllEntries, Entries};
pub(crate) use filter::copy_without;
pub(crate) use hits::{Hits, slots_with};
pub(crate) use index::{Runs, SearchIndex, Sources};
pub(crate) use rebuild::rebuild;
pub(crate) use run::load_runs;
pub(crate) use writer::SearchWriter;
