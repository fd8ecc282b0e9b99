//! The source for NATS JetStream: one stream for each partition.
//!
//! It reads by batched direct get, from any replica, and has no consumer on the server. So there is nothing that stalls when a
//! broker is lost, and each read begins with the last message of the read before: if that is another one now, the log has
//! changed, and the read fails.

mod connection;
mod answers;
mod source;

pub use connection::Nats;
pub use source::NatsSource;
