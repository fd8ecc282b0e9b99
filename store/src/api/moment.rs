//! Moments: what `as_of` and `known_at` mean in this database.

use convofold_engine::{Moment, Seq, Time, When};

use crate::api::handle::Convofold;
use crate::api::marks::MarkError;
use crate::storage::StorageError;

/// Why there is no answer about a moment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MomentError {
    /// The moment is after now.
    #[error("{bound} is {at}, which is after now ({now}): give a time of the past, or none for now")]
    Future {
        /// `as_of` or `known_at`.
        bound: &'static str,
        /// The requested time.
        at: Time,
        /// Now.
        now: Time,
    },
    /// A sequence number is a time of arrival and no time of an event.
    #[error("as_of is seq:{seq}: give a time to as_of, or seq:{seq} to known_at")]
    SeqAsOf {
        /// The sequence number.
        seq: Seq,
    },
    /// No event has this sequence number.
    #[error("there is no event with sequence number {seq}: the first one is seq:1, the last one seq:{last}")]
    NoSuchSeq {
        /// The requested number.
        seq: Seq,
        /// The number of the last event.
        last: Seq,
    },
    /// What was known at this time is not recorded.
    #[error(
        "what was known at {at} is not recorded: the first commit was made at {first}; \
         seq:1 is what was known after its first event"
    )]
    BeforeFirst {
        /// The requested time.
        at: Time,
        /// The time of the first commit.
        first: Time,
    },
    /// Nothing had happened by then.
    #[error("nothing had happened by {at}: the first event happened at {first}; give as_of that time or a later one")]
    BeforeFirstEvent {
        /// The requested time.
        at: Time,
        /// The time of the first event that was known.
        first: Time,
    },
    /// The database has no events.
    #[error("the database has no events")]
    Empty,
    /// The commit times cannot be read.
    #[error(transparent)]
    Mark(MarkError),
    /// An evicted conversation cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<MarkError> for MomentError {
    fn from(error: MarkError) -> Self {
        match error {
            MarkError::BeforeFirst { at, first } => Self::BeforeFirst { at, first },
            MarkError::Empty => Self::Empty,
            other => Self::Mark(other),
        }
    }
}

impl Convofold {
    /// The moment that these bounds mean now. `now` is the time before which [`When::Ago`] counts, and after which no
    /// bound may be.
    ///
    /// - `as_of` is a time of events: [`When::Latest`] is that of the newest event (rule T1).
    /// - `known_at` is a time of arrival: a time is the last event that was committed by then ([`Convofold::seq_at`]),
    ///   [`When::Latest`] is the last event.
    ///
    /// A moment without any event is an error, because an empty answer would say that nobody was there.
    ///
    /// # Errors
    /// [`MomentError`] if a bound lies in the future or before the first event, or what was known then is not recorded, or it
    /// cannot be determined.
    pub fn moment(&self, as_of: Option<When>, known_at: Option<When>, now: Time) -> Result<Moment, MomentError> {
        let as_of = as_of.map(|when| self.event_time(when, now)).transpose()?;
        let known_at = known_at.map(|when| self.arrival(when, now)).transpose()?;
        let moment = Moment { as_of, known_at };
        if let Some(at) = as_of {
            self.expect_events(moment, at)?;
        }
        Ok(moment)
    }

    fn expect_events(&self, moment: Moment, at: Time) -> Result<(), MomentError> {
        let view = self.at(moment);
        if view.has_events()? {
            return Ok(());
        }
        // Or what had happened was removed.
        view.expect_whole(None, None)?;
        let first = view.first_known_at()?.ok_or(MomentError::Empty)?;
        Err(MomentError::BeforeFirstEvent { at, first })
    }

    fn event_time(&self, when: When, now: Time) -> Result<Time, MomentError> {
        match when {
            When::At(at) => past("as_of", at, now),
            When::Ago { ms } => Ok(before(now, ms)),
            When::Seq(seq) => Err(MomentError::SeqAsOf { seq }),
            When::Latest => {
                let newest = self.latest_at()?.ok_or(MomentError::Empty)?;
                Ok(end_of(newest))
            }
        }
    }

    fn arrival(&self, when: When, now: Time) -> Result<Seq, MomentError> {
        match when {
            When::At(at) => Ok(self.seq_at(past("known_at", at, now)?)?),
            When::Ago { ms } => Ok(self.seq_at(before(now, ms))?),
            When::Latest => match self.last_seq() {
                0 => Err(MomentError::Empty),
                last => Ok(last),
            },
            When::Seq(seq) => match self.last_seq() {
                0 => Err(MomentError::Empty),
                last if seq == 0 || seq > last => Err(MomentError::NoSuchSeq { seq, last }),
                _ => Ok(seq),
            },
        }
    }
}

fn past(bound: &'static str, at: Time, now: Time) -> Result<Time, MomentError> {
    if at > now { Err(MomentError::Future { bound, at, now }) } else { Ok(at) }
}

fn before(now: Time, ms: u64) -> Time {
    let ms = now.ms().saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX));
    Time::from_ms_and_ns(ms, now.sub_ms_ns()).unwrap_or(Time::MIN)
}

/// The last nanosecond of a millisecond.
fn end_of(ms: i64) -> Time {
    Time::from_ms_and_ns(ms, 999_999).unwrap_or(Time::MAX)
}
