//! What an answer about the past is about.

use std::fmt;

use convofold_engine::{Moment, Seq, Time};

use crate::api::handle::Convofold;
use crate::api::view::View;
use crate::log::events::DecodedBlock;
use crate::log::reader::block_with;
use crate::state::lent_storage::LentStorage;
use crate::storage::StorageError;

/// A commit whose newest event had happened this long before is one of a replay. Live events arrive within seconds.
const REPLAY_MS: i64 = 60 * 60 * 1_000;

/// What an answer about the past is about. Its [`Display`](fmt::Display) says it in words, with times in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default))]
#[non_exhaustive]
pub struct MomentReport {
    /// [`Moment::as_of`] in milliseconds since the epoch; the bound has all digits.
    pub as_of: Option<i64>,
    /// [`Moment::known_at`].
    pub known_at: Option<Seq>,
    /// [`View::time`] in milliseconds since the epoch.
    pub time: Option<i64>,
    /// [`View::late_events`] of the conversation that the answer is about, or of all that a list shows or a number counts
    /// ([`View::query_with_report`]). `None` where it is not counted.
    pub late_events: Option<u64>,
    /// Whether the event `known_at` came with history that was replayed: each event of its commit had happened more than an
    /// hour before. What was known "then" is what the replay had read, and `time` is the time of the replay. `None` without
    /// `known_at`, and where the log was trimmed.
    pub replayed: Option<bool>,
}

impl MomentReport {
    /// What the answer is about, in words. `written` writes a time in milliseconds since the epoch.
    #[must_use]
    pub fn in_words(&self, written: impl Fn(i64) -> String) -> String {
        let what = match (self.as_of.map(&written), self.known_at) {
            (Some(at), None) => format!("as it was at {at}, with everything learned since"),
            (Some(at), Some(seq)) => format!("as it was at {at}, known after event {seq}"),
            (None, Some(seq)) => {
                let committed = self.time.map(|at| format!(", committed at {}", written(at))).unwrap_or_default();
                format!("as it was known after event {seq}{committed}")
            }
            (None, None) => "now".to_owned(),
        };
        let replayed = match (self.replayed, self.as_of) {
            (Some(true), None) => ", which is the time of the replay, not of the events",
            (Some(true), Some(_)) => ", which was replayed: what was known is what the replay had read",
            _ => "",
        };
        let late = match (self.late_events.unwrap_or_default(), self.known_at) {
            (0, _) => String::new(),
            (events, None) => format!("; {} of that time learned later", counted(events)),
            (events, Some(_)) => format!("; without {} of that time learned later", counted(events)),
        };
        format!("{what}{replayed}{late}")
    }
}

fn counted(events: u64) -> String {
    if events == 1 { "1 event".to_owned() } else { format!("{events} events") }
}

impl fmt::Display for MomentReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = |ms| Time::from_ms(ms).map_or_else(|| ms.to_string(), |time| time.to_string());
        f.write_str(&self.in_words(written))
    }
}

/// The fields, and `words`: what its [`Display`](fmt::Display) says.
#[cfg(feature = "serde")]
impl serde::Serialize for MomentReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let Self { as_of, known_at, time, late_events, replayed } = self;
        let mut report = serializer.serialize_struct("MomentReport", 6)?;
        report.serialize_field("as_of", as_of)?;
        report.serialize_field("known_at", known_at)?;
        report.serialize_field("time", time)?;
        report.serialize_field("late_events", late_events)?;
        report.serialize_field("replayed", replayed)?;
        report.serialize_field("words", &self.to_string())?;
        report.end()
    }
}

impl View {
    /// What the answers are about; about one conversation also how many events were late.
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn report(&self, id: Option<&str>) -> Result<MomentReport, StorageError> {
        let Moment { as_of, known_at } = self.moment();
        Ok(MomentReport {
            as_of: as_of.map(Time::ms),
            known_at,
            time: self.time().map(Time::ms),
            late_events: id.map_or(Ok(None), |id| self.late_events(id))?,
            replayed: known_at.and_then(|seq| self.db().came_with_replay(seq)),
        })
    }
}

impl Convofold {
    /// Whether each event of the commit with this event had happened long before it. `None` if the block with the event was
    /// trimmed or cannot be read: an answer does not depend on it.
    fn came_with_replay(&self, seq: Seq) -> Option<bool> {
        let storage = LentStorage::of(self.shared());
        let block = DecodedBlock::of(&block_with(storage.as_ref(), seq).ok()??).ok()?;
        let newest = block.events().map(|(_, _, event)| event.at().alone().ms()).max()?;
        let is_there = (block.first_seq..block.end.seq).contains(&seq);
        is_there.then(|| i64::try_from(block.committed_ms).is_ok_and(|committed| committed - newest > REPLAY_MS))
    }
}
