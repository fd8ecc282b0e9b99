//! Legal holds: which conversations are kept until a hold is lifted, in one value.
//!
//! ```text
//! magic    "cfLH", version 1
//! fields   0  changes   u64    how many times a hold was placed or lifted
//! body     bincode: the holds in the order of their numbers
//! ```

use convofold_engine::{Subject, Time};
use serde::{Deserialize, Serialize};

use super::frame::{Compressor, Frame, FrameKind, u64_at};
use crate::damage::Damage;

pub(crate) const MARK: FrameKind = FrameKind { magic: *b"cfLH", version: 1, field_bytes: 8 };

/// All holds of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredHolds {
    /// How many times a hold was placed or lifted. Of two values, the later one has more.
    pub(crate) changes: u64,
    pub(crate) holds: Vec<StoredHold>,
}

/// One hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredHold {
    /// The number of the change that placed it.
    pub(crate) number: u64,
    /// When, in milliseconds since the epoch.
    pub(crate) at_ms: u64,
    pub(crate) subject: StoredSubject,
    pub(crate) reason: String,
}

/// Whose conversations are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredSubject {
    Member(String),
    Number(String),
    Conversation(String),
    Customer { tenant: String, id: i64 },
    Contact { tenant: String, id: i64 },
}

impl StoredSubject {
    pub(crate) fn of(subject: &Subject) -> Result<Self, Damage> {
        Ok(match subject.clone() {
            Subject::Member(id) => Self::Member(id),
            Subject::Number(number) => Self::Number(number),
            Subject::Conversation(id) => Self::Conversation(id),
            Subject::Customer { tenant, id } => Self::Customer { tenant, id },
            Subject::Contact { tenant, id } => Self::Contact { tenant, id },
            _ => return Err(Damage::NoSuch { field: "kind of a subject", found: 0 }),
        })
    }

    pub(crate) fn subject(self) -> Subject {
        match self {
            Self::Member(id) => Subject::Member(id),
            Self::Number(number) => Subject::Number(number),
            Self::Conversation(id) => Subject::Conversation(id),
            Self::Customer { tenant, id } => Subject::Customer { tenant, id },
            Self::Contact { tenant, id } => Subject::Contact { tenant, id },
        }
    }
}

pub(crate) fn seal(holds: &StoredHolds, compressor: &mut Compressor) -> Result<Vec<u8>, Damage> {
    Ok(compressor.seal(MARK, &holds.changes.to_le_bytes(), &super::encode(&holds.holds)?)?.0)
}

pub(crate) fn open(value: &[u8]) -> Result<StoredHolds, Damage> {
    let frame = Frame::open(MARK, value)?;
    let holds = StoredHolds { changes: u64_at(frame.fields, 0), holds: super::decode(&frame.body()?)? };
    checked(&holds)?;
    Ok(holds)
}

/// Checks the order of the holds, and that each number and time can be one.
pub(crate) fn checked(StoredHolds { changes, holds }: &StoredHolds) -> Result<(), Damage> {
    let mut last = 0;
    for hold in holds {
        if hold.number <= last || hold.number > *changes {
            return Err(Damage::NoSuch { field: "number of a hold", found: hold.number });
        }
        if hold.at_ms > Time::MAX.ms().unsigned_abs() {
            return Err(Damage::NoSuch { field: "time of a hold", found: hold.at_ms });
        }
        last = hold.number;
    }
    Ok(())
}
