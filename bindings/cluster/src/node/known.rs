//! What a node knew last of its cluster, in a file beside its databases, so that it can answer while no broker does.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::records::{LogRecord, Owners};

/// The name of the file in the folder of the node.
const FILE: &str = "cluster.json";

/// What a node knew last of its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCluster {
    /// The name of the log.
    pub name: String,
    /// What never changes of it.
    pub log: LogRecord,
    /// Who owned which partition.
    pub owners: Owners,
}

impl KnownCluster {
    /// Reads what the node in this folder knew last of this log; `None` if there is nothing.
    ///
    /// # Errors
    /// [`io::Error`] if the file cannot be read, or is of another form.
    pub fn read(dir: &Path, name: &str) -> io::Result<Option<Self>> {
        let text = match fs::read(dir.join(FILE)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let known: Self = serde_json::from_slice(&text)?;
        Ok((known.name == name).then_some(known))
    }

    /// Writes it, in place of what was known before.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        let new = dir.join(format!("{FILE}.new"));
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&new, dir.join(FILE))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::num::NonZeroU32;

    use super::*;
    use crate::Partitions;

    #[test]
    fn what_was_known_of_the_same_log_is_read_and_damage_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(KnownCluster::read(dir.path(), "chat").unwrap(), None);
        let owners = Owners { version: 3, owners: BTreeMap::from([(0, vec!["a".to_owned()])]) };
        let log = LogRecord::new(Partitions::new(NonZeroU32::new(4).unwrap()));
        let known = KnownCluster { name: "chat".to_owned(), log, owners };
        for version in [3, 4] {
            let known = KnownCluster { owners: Owners { version, ..known.owners.clone() }, ..known.clone() };
            known.write(dir.path()).unwrap();
            assert_eq!(KnownCluster::read(dir.path(), "chat").unwrap(), Some(known));
        }
        assert_eq!(KnownCluster::read(dir.path(), "sms").unwrap(), None);
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert!(KnownCluster::read(dir.path(), "chat").is_err());
    }
}
