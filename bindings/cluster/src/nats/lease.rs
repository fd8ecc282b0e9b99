//! Leases: at most one holder of each at a time, for hosts that act on what they read.
//!
//! Following a log needs no lease, because the owners of a partition are copies. A host that sends something because of a change
//! needs one, or each owner sends it.
//!
//! A lease is a key of a bucket whose values vanish after five seconds, by the clock of the brokers. It is written by
//! compare-and-set, so that of two who try at the same time one succeeds. Its holder counts the five seconds from before the write
//! was sent, and stops a second earlier, so that it has stopped when the next one begins, unless the clock of a machine is a fifth
//! slower than another one.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::connection::Nats;
use super::error::ClusterError;
use super::kv::Bucket;
use super::registry::Registry;
use super::streams::create_stream;
use crate::records::check_name;

/// How long a lease lasts that is not renewed.
const TTL: Duration = Duration::from_secs(5);
/// For how long its holder uses it after the last write that was acknowledged.
const HELD: Duration = Duration::from_secs(4);

/// The leases of a log.
#[derive(Clone)]
pub struct Leases {
    bucket: Bucket,
}

/// What is written into the bucket.
#[derive(Debug, Serialize, Deserialize)]
struct LeaseRecord {
    /// Who holds it, for people.
    holder: String,
    /// Different in each acquisition.
    id: String,
    /// Whether its holder has given it back.
    #[serde(default)]
    is_released: bool,
}

/// A lease that was acquired. Renew it every [`Lease::RENEW_INTERVAL`], and do what only one may do only while it
/// [`is_held`](Lease::is_held). Dropping it leaves it to its end; [`Lease::release`] gives it back at once.
pub struct Lease {
    leases: Leases,
    name: String,
    record: LeaseRecord,
    token: u64,
    /// The number of the last write.
    revision: u64,
    /// The end, if it is not renewed.
    until: Instant,
}

/// Why a lease was not renewed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// It has ended, and another holder may have it.
    #[error("the lease {name} was lost")]
    Lost {
        /// The name of the lease.
        name: String,
    },
    /// The brokers do not answer. It is held until [`Lease::is_held`] says no.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

impl Leases {
    /// The leases of a log. Makes their bucket if there is none, with as many replicas as that of the log.
    ///
    /// # Errors
    /// [`ClusterError`] if the brokers do not answer, or there is a stream of this name with other settings.
    pub fn open(nats: &Nats, registry: &Registry) -> Result<Self, ClusterError> {
        let mut bucket = Bucket::of_leases(nats, registry.name());
        create_stream(nats, &bucket.stream_of_leases(registry.replicas()?, TTL))?;
        // Who waits for long has lost the lease.
        bucket.patience = Duration::ZERO;
        Ok(Self { bucket })
    }

    /// Tries to acquire a lease. `None` if another one holds it. `holder` is for people who look at the bucket.
    ///
    /// # Errors
    /// [`ClusterError`]; the lease may have been acquired nevertheless, and ends by itself then.
    pub fn acquire(&self, name: &str, holder: &str) -> Result<Option<Lease>, ClusterError> {
        check_name("lease", name)?;
        let expected = match self.bucket.get::<LeaseRecord>(name)? {
            None => 0,
            Some(found) if found.value.is_released => found.revision,
            Some(_) => return Ok(None),
        };
        let record = LeaseRecord { holder: holder.to_owned(), id: self.bucket.unique(), is_released: false };
        let sent = Instant::now();
        match self.bucket.write(name, &record, Some(expected)) {
            Ok(revision) => {
                let (leases, name, until) = (self.clone(), name.to_owned(), sent + HELD);
                Ok(Some(Lease { leases, name, record, token: revision, revision, until }))
            }
            Err(ClusterError::Changed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Lease {
    /// How often a lease should be renewed.
    pub const RENEW_INTERVAL: Duration = Duration::from_secs(1);

    /// The fencing token: a number that is higher than those of all earlier holders of this lease. Who is given it refuses what comes
    /// with a lower one, so that a holder that was suspended for long does no harm.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Whether it is held for certain. Ask this before everything that only one may do.
    #[must_use]
    pub fn is_held(&self) -> bool {
        Instant::now() < self.until
    }

    /// Makes it last five seconds from now.
    ///
    /// # Errors
    /// [`LeaseError`]
    pub fn renew(&mut self) -> Result<(), LeaseError> {
        let sent = Instant::now();
        match self.leases.bucket.write(&self.name, &self.record, Some(self.revision)) {
            Ok(revision) => {
                (self.revision, self.until) = (revision, sent + HELD);
                Ok(())
            }
            Err(ClusterError::Changed { .. }) => self.look(),
            Err(error) => Err(error.into()),
        }
    }

    /// A write was refused: is the value there that of an earlier write whose answer was lost? It does not last longer by that,
    /// because nobody knows when it was written.
    fn look(&mut self) -> Result<(), LeaseError> {
        match self.leases.bucket.get::<LeaseRecord>(&self.name)? {
            Some(found) if found.value.id == self.record.id => {
                self.revision = found.revision;
                Ok(())
            }
            _ => {
                self.until = Instant::now();
                Err(LeaseError::Lost { name: self.name.clone() })
            }
        }
    }

    /// Gives it back, so that another one can have it at once.
    ///
    /// # Errors
    /// [`LeaseError`]; it ends by itself then.
    pub fn release(self) -> Result<(), LeaseError> {
        let record = LeaseRecord { is_released: true, ..self.record };
        match self.leases.bucket.write(&self.name, &record, Some(self.revision)) {
            Ok(_) => Ok(()),
            Err(ClusterError::Changed { .. }) => Err(LeaseError::Lost { name: self.name }),
            Err(error) => Err(error.into()),
        }
    }
}

impl std::fmt::Debug for Leases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Leases").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("name", &self.name).field("token", &self.token).finish_non_exhaustive()
    }
}
