//! Legal holds: whose conversations stay, whatever a rule of retention or a request for erasure says.

use convofold_engine::{ConversationImage, Subject};
use parking_lot::RwLock;

use crate::format::frame::Compressor;
use crate::format::holds::{StoredHold, StoredHolds, StoredSubject, open, seal};
use crate::storage::{ReadStorage, Storage, StorageError};

/// The name of the record. It does not exist before the first hold.
pub(crate) const RECORD: &str = "holds";

/// A legal hold: it keeps the conversations of a subject from erasure and retention until it is lifted. It can contain personal
/// data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Hold {
    /// Its number. A later hold has a larger one; the numbers of lifted holds are not used again.
    pub number: u64,
    /// When it was placed, in milliseconds since the epoch.
    pub at: i64,
    /// Whose conversations it keeps, also those that come later.
    pub subject: Subject,
    /// Why.
    pub reason: String,
}

/// A change of the holds.
#[derive(Clone, Debug)]
pub(crate) enum HoldChange {
    Place { subject: Subject, reason: String, at_ms: u64 },
    Lift { number: u64 },
}

/// All holds of a database. Nearly every database has none.
#[derive(Debug, Default)]
pub(crate) struct Holds(RwLock<Known>);

#[derive(Debug, Default)]
struct Known {
    stored: StoredHolds,
    holds: Vec<Hold>,
}

impl Holds {
    /// Reads them.
    pub(crate) fn load(storage: &dyn ReadStorage) -> Result<Self, StorageError> {
        let holds = Self::default();
        holds.set(stored(storage)?);
        Ok(holds)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.read().holds.is_empty()
    }

    /// Whether a hold keeps this conversation.
    pub(crate) fn keeps(&self, image: &ConversationImage) -> bool {
        self.0.read().holds.iter().any(|hold| hold.subject.is_of(image))
    }

    /// All of them, in the order of their numbers.
    pub(crate) fn all(&self) -> Vec<Hold> {
        self.0.read().holds.clone()
    }

    /// The holds after a change, and its number. `None` if there is no hold to lift.
    pub(crate) fn changed(&self, change: HoldChange) -> Result<Option<(StoredHolds, u64)>, StorageError> {
        let mut holds = self.0.read().stored.clone();
        holds.changes += 1;
        let number = holds.changes;
        match change {
            HoldChange::Place { subject, reason, at_ms } => {
                let subject = StoredSubject::of(&subject).map_err(StorageError::Encoding)?;
                holds.holds.push(StoredHold { number, at_ms, subject, reason });
            }
            HoldChange::Lift { number } => {
                let before = holds.holds.len();
                holds.holds.retain(|hold| hold.number != number);
                if holds.holds.len() == before {
                    return Ok(None);
                }
            }
        }
        Ok(Some((holds, number)))
    }

    /// Replaces them.
    pub(crate) fn set(&self, stored: StoredHolds) {
        let holds = stored.holds.iter().cloned().map(Hold::of).collect();
        *self.0.write() = Known { stored, holds };
    }
}

impl Hold {
    fn of(StoredHold { number, at_ms, subject, reason }: StoredHold) -> Self {
        Self { number, at: i64::try_from(at_ms).unwrap_or(i64::MAX), subject: subject.subject(), reason }
    }
}

/// The stored holds.
pub(crate) fn stored(storage: &dyn ReadStorage) -> Result<StoredHolds, StorageError> {
    let value = storage.record(RECORD)?;
    value.map_or_else(|| Ok(StoredHolds::default()), |value| open(&value).map_err(StorageError::Value))
}

/// Writes the holds.
pub(crate) fn store(
    storage: &dyn Storage,
    holds: &StoredHolds,
    compressor: &mut Compressor,
) -> Result<(), StorageError> {
    storage.put_record(RECORD, &seal(holds, compressor).map_err(StorageError::Encoding)?)
}

/// Copies the holds to another storage, if there ever was one.
pub(crate) fn copy(from: &dyn ReadStorage, to: &dyn Storage) -> Result<(), StorageError> {
    from.record(RECORD)?.map_or(Ok(()), |value| to.put_record(RECORD, &value))
}
