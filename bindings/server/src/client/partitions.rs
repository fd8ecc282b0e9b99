//! The partitions of a node.

use serde::de::DeserializeOwned;

use super::Client;
use super::error::ClientError;

impl Client {
    /// What the server says about the databases that it has below `/partitions`; see [`Mounts`](crate::Mounts).
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn partitions<T: DeserializeOwned + 'static>(&self) -> Result<T, ClientError> {
        self.get("/partitions")
    }
}
