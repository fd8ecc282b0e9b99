//! NATS JetStream: one stream for each partition, and a bucket with the records of the log.
//!
//! The source reads by batched direct get, from any replica, and has no consumer on the server. So there is nothing that stalls when a
//! broker is lost, and each read begins with the last message of the read before: if that is another one now, the log has
//! changed, and the read fails.

mod connection;
mod api;
mod error;
mod answers;
mod source;
mod kv;
mod registry;
mod lease;
mod streams;
mod rejects;
mod lane;
mod publisher;

pub use async_nats::ConnectOptions;
pub use connection::Nats;
pub use error::ClusterError;
pub use lease::{Lease, LeaseError, Leases};
pub use publisher::{PublishError, PublishOptions, Published, Publisher};
pub use registry::Registry;
pub use rejects::DeadLetters;
pub use source::NatsSource;
pub use streams::{Finding, Made, NewLog, check_stream, make_log};
