//! Output for people and programs.

pub mod bar;
pub mod column;
pub(crate) mod csv;
pub mod event;
mod fit;
pub mod format;
mod markdown;
pub mod print;
mod short_id;
pub(crate) mod spool;
pub mod table;
pub mod text;
pub mod time;
pub mod transcript;
pub mod watch;
pub mod zone;

pub use column::{Column, Kind, Precision, Value};
pub use format::{FormatArgs, Rows};
pub use table::Listing;
