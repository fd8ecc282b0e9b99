//! Output for people. Programs read JSON, with the names and units of the state.

pub mod bar;
pub mod event;
pub(crate) mod spool;
pub mod table;
pub mod text;
pub mod time;
pub mod transcript;

pub use table::Listing;
