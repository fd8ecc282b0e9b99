//! How results look for people. What programs read is JSON, with the names and units of the state itself.

pub mod bar;
pub mod event;
pub mod table;
pub mod text;
pub mod time;
pub mod transcript;

pub use table::Listing;
