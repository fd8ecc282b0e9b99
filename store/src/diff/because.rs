//! The events because of which two states differ.

use std::collections::HashMap;

use convofold_engine::{ContentHash, HistoryEntry, Identity, Kind, Seq};

use super::side::{DiffError, Side};

/// Which side has an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Presence {
    /// Only the first side.
    From,
    /// Only the second side.
    To,
}

convofold_engine::named! { Presence is a "presence": From "from", To "to" }

/// An event that only one side has. Two sides have the same event if its identity (rule I1) and its content are the same,
/// whatever its sequence numbers are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Cause {
    /// The side that has it.
    pub only_in: Presence,
    /// Its sequence number on that side.
    pub seq: Seq,
    /// When it happened there (rules T1 and T3), in milliseconds since the epoch.
    pub at: i64,
    /// Its kind.
    pub kind: Kind,
}

/// The events of a conversation that only one side has, in the order of their times. `None` if a side does not know its events.
pub(super) fn because(id: &str, from: &dyn Side, to: &dyn Side) -> Result<Option<Vec<Cause>>, DiffError> {
    let Some(from) = from.history(id)? else { return Ok(None) };
    let Some(to) = to.history(id)? else { return Ok(None) };
    let mut only: HashMap<(Identity, ContentHash), Cause> = HashMap::with_capacity(from.len());
    only.extend(from.iter().map(|entry| (key(entry), cause(entry, Presence::From))));
    for entry in &to {
        if only.remove(&key(entry)).is_none() {
            only.insert(key(entry), cause(entry, Presence::To));
        }
    }
    let mut causes: Vec<_> = only.into_values().collect();
    causes.sort_unstable_by_key(|cause| (cause.at, cause.only_in == Presence::To, cause.seq));
    Ok(Some(causes))
}

/// A side has an event of an identity and a content once.
fn key(entry: &HistoryEntry) -> (Identity, ContentHash) {
    (entry.event.identity().clone(), entry.event.content())
}

fn cause(entry: &HistoryEntry, only_in: Presence) -> Cause {
    Cause { only_in, seq: entry.seq, at: entry.at, kind: entry.event.kind() }
}
