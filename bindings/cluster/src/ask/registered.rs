//! The owners that the registry of a log has, also after they have changed.

use parking_lot::RwLock;

use super::owners::{Directory, KnownOwners, Owner};
use crate::nats::Registry;
use crate::{ClusterMap, Partitions, RecordError};

/// The owners in the registry of a log. They are read again when an owner does not answer, or says that it is none.
#[derive(Debug)]
pub struct RegisteredOwners {
    registry: Registry,
    known: RwLock<KnownOwners>,
}

impl RegisteredOwners {
    /// The owners in a registry, which were read into this map.
    ///
    /// # Errors
    /// [`RecordError`] if this version of convofold cannot use the log.
    pub fn new(registry: &Registry, map: &ClusterMap) -> Result<Self, RecordError> {
        // The next failure asks again.
        Ok(Self { registry: registry.impatient(), known: RwLock::new(KnownOwners::of_cluster(map)?) })
    }
}

impl Directory for RegisteredOwners {
    fn partitions(&self) -> Partitions {
        self.registry.partitions()
    }

    fn owners(&self, partition: u32) -> Vec<Owner> {
        self.known.read().owners(partition)
    }

    fn look_again(&self) {
        let found = self.registry.read().map_err(|error| error.to_string());
        match found.and_then(|map| KnownOwners::of_cluster(&map).map_err(|error| error.to_string())) {
            Ok(found) => *self.known.write() = found,
            Err(why) => tracing::warn!(why, "the owners of the partitions cannot be read again"),
        }
    }
}
