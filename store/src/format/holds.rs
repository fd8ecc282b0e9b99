//! Legal holds: which conversations are kept until a hold is lifted. Each is a numbered record (`numbered.rs`) with the magic
//! "cfLH", and stays as an empty one when it is lifted, so that its number is not used again.

use convofold_engine::{Subject, Time};
use serde::{Deserialize, Serialize};

use super::frame::FrameKind;
use super::numbered::{FIELD_BYTES, NumberedRecord};
use crate::damage::Damage;

/// One hold; `None` once it was lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredHold(pub(crate) Option<PlacedHold>);

/// A hold that was not lifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlacedHold {
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

impl NumberedRecord for StoredHold {
    const MARK: FrameKind = FrameKind { magic: *b"cfLH", version: 1, field_bytes: FIELD_BYTES };
    const NAMES: &'static str = "holds/";

    fn check(&self) -> Result<(), Damage> {
        match &self.0 {
            Some(PlacedHold { at_ms, .. }) if *at_ms > Time::MAX.ms().unsigned_abs() => {
                Err(Damage::NoSuch { field: "time of a hold", found: *at_ms })
            }
            _ => Ok(()),
        }
    }
}
