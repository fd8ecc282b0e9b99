//! Airship's Real-Time Data Streaming: the server fetches the events itself.
//!
//! One request is answered with an endless body, of one event a line. The offset of the last line is committed as a bookmark
//! in the same batch as its events, so that a kill at any time loses and repeats nothing: the next request continues there.

mod settings;
mod backoff;
mod failure;
mod bookmark;
mod connection;
mod lines;
mod envelope;
mod intake;
mod status;
mod stream;

pub use settings::{AirshipConfig, AirshipSettings, Region};
pub(crate) use status::{Figures, NAME, Status};
pub(crate) use stream::Stream;
