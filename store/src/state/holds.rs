//! Legal holds: whose conversations stay, whatever a rule of retention or a request for erasure says.

use std::collections::BTreeMap;

use convofold_engine::{ConversationImage, Subject, Subjects};
use parking_lot::RwLock;

use crate::format::holds::{PlacedHold, StoredHold, StoredSubject};
use crate::state::records::{DamagedRecord, load};
use crate::storage::{ReadStorage, StorageError};

/// A legal hold: it keeps the conversations of a subject from erasure and retention until it is lifted. It can contain personal
/// data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Hold {
    /// Its number, from 1. A later hold has a larger one; the numbers of lifted holds are not used again.
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
pub(crate) struct Holds {
    known: RwLock<Known>,
    /// Those that cannot be read. With one of them, nothing may be written: what it keeps could be erased.
    pub(crate) damaged: Vec<DamagedRecord>,
}

#[derive(Debug, Default)]
struct Known {
    /// The number of the last one, lifted or not.
    last: u64,
    holds: BTreeMap<u64, Hold>,
}

impl Holds {
    /// Reads all that can be read.
    pub(crate) fn load(storage: &dyn ReadStorage) -> Result<Self, StorageError> {
        let (stored, damaged) = load(storage)?;
        let holds = Self { damaged, ..Self::default() };
        stored.into_iter().for_each(|(number, hold)| holds.set(number, hold));
        Ok(holds)
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.read().holds.is_empty()
    }

    /// Whether a hold keeps this conversation.
    pub(crate) fn keeps(&self, image: &ConversationImage) -> bool {
        self.known.read().holds.values().any(|hold| hold.subject.is_of(image))
    }

    /// Whether a hold has one of these subjects, of whom there may be no conversation yet.
    pub(crate) fn has_one_of(&self, subjects: &Subjects) -> bool {
        self.known.read().holds.values().any(|hold| subjects.have(&hold.subject))
    }

    /// All of them, in the order of their numbers.
    pub(crate) fn all(&self) -> Vec<Hold> {
        self.known.read().holds.values().cloned().collect()
    }

    /// The number of the last one, lifted or not; 0 if there was none.
    pub(crate) fn last(&self) -> u64 {
        self.known.read().last
    }

    /// The hold that a change makes or lifts, with its number. `None` if there is no hold to lift.
    pub(crate) fn changed(&self, change: HoldChange) -> Result<Option<(u64, StoredHold)>, StorageError> {
        let known = self.known.read();
        Ok(match change {
            HoldChange::Place { subject, reason, at_ms } => {
                let subject = StoredSubject::of(&subject).map_err(StorageError::Encoding)?;
                Some((known.last.saturating_add(1), StoredHold(Some(PlacedHold { at_ms, subject, reason }))))
            }
            HoldChange::Lift { number } => known.holds.contains_key(&number).then_some((number, StoredHold(None))),
        })
    }

    /// Adds or lifts one.
    pub(crate) fn set(&self, number: u64, StoredHold(placed): StoredHold) {
        let mut known = self.known.write();
        known.last = known.last.max(number);
        match placed {
            Some(placed) => known.holds.insert(number, Hold::of(number, placed)),
            None => known.holds.remove(&number),
        };
    }
}

impl Hold {
    fn of(number: u64, PlacedHold { at_ms, subject, reason }: PlacedHold) -> Self {
        Self { number, at: i64::try_from(at_ms).unwrap_or(i64::MAX), subject: subject.subject(), reason }
    }
}
