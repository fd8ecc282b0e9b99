//! From bytes to events: the wire formats (rules W1 to W6).
//!
//! The [`Framer`] splits an input, which arrives in chunks of any size, into [`Piece`]s of complete values. The [`Parser`]
//! turns each piece into [`Event`](crate::Event)s, ignored input and [`Rejection`]s, and reports them to a [`Sink`]. Pieces
//! are independent and can be parsed on any thread. The result does not depend on the chunks or the pieces. A [`Decoder`]
//! before the framer decodes UTF-16 and UTF-32.
//!
//! ```
//! use convofold_engine::Event;
//! use convofold_engine::ingest::{Format, Ignored, Limits, Origin, Parser, Rejection, Sink};
//!
//! #[derive(Default)]
//! struct Collected {
//!     events: Vec<Event>,
//!     rejections: Vec<Rejection>,
//! }
//!
//! impl Sink for Collected {
//!     fn event(&mut self, _origin: Origin, event: Event) {
//!         self.events.push(event);
//!     }
//!     fn ignored(&mut self, _origin: Origin, _why: Ignored) {}
//!     fn rejected(&mut self, rejection: Rejection) {
//!         self.rejections.push(rejection);
//!     }
//! }
//!
//! let log = br#"{"convofold":1,"source":"helpdesk","conversation":"case-7","kind":"message",
//! "occurred":"2021-07-29T05:11:08Z","text":"Hello"}"#;
//! let mut collected = Collected::default();
//! Parser::new(Format::Auto, Limits::default()).parse_input(log, &mut collected);
//! assert_eq!(collected.events[0].text(), Some("Hello"));
//! assert!(collected.rejections.is_empty());
//! ```

mod format;
mod limits;
mod ignore;
mod sink;
mod rejection;
mod rejection_json;
mod piece;
mod decoder;
mod known_file;
mod survey;
mod values;
mod framer;
mod fields;
mod source;
mod sources;
mod reject;
mod record;
mod parser;
#[cfg(feature = "superoffice")]
pub mod signature;

#[cfg(test)]
#[cfg(all(feature = "airship", feature = "superoffice"))]
mod tests;

pub use decoder::Decoder;
pub use framer::Framer;
pub use ignore::{IgnoreList, IgnoreListError};
pub use limits::Limits;
pub use parser::Parser;
pub use piece::{Piece, Position};
pub use rejection::{Reason, Rejection};
pub use sink::{Ignored, Origin, Sink};
pub use sources::Format;
