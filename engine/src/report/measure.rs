//! The measures: their names, units and definitions in one list.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::when;

/// What a report computes for each bucket and group. `docs/measures.md` has the definitions in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Measure {
    /// Open conversations.
    Open,
    /// Open conversations without an agent.
    Unassigned,
    /// Open conversations in which the member waits.
    Waiting,
    /// Unread messages in open conversations.
    Unread,
    /// For how long the member waits who waits longest.
    OldestWaiting,
    /// Conversations that began.
    Started,
    /// Steps from closed to open.
    Reopened,
    /// Steps from open to closed.
    Closings,
    /// Conversations with such a step.
    ClosedConversations,
    /// Messages from members.
    MessagesIn,
    /// Messages to members.
    MessagesOut,
    /// Messages of unknown direction.
    MessagesOther,
    /// Conversations with a message.
    ActiveConversations,
    /// Changes to an agent.
    Assignments,
    /// Changes from an agent to another one.
    Transfers,
    /// First responses (rule F9).
    FirstResponse,
    /// Responses, one a turn.
    Response,
    /// Waits that ended by a close.
    Unanswered,
    /// Times to the first agent.
    TimeToAssignment,
    /// Time open and waiting.
    CustomerWait,
    /// Time open and not waiting.
    AgentWait,
    /// Time open and assigned.
    Handling,
    /// Times to the first close.
    FirstClose,
    /// Times to the last close.
    LastClose,
    /// Times open, of closed conversations.
    OpenTime,
    /// Conversations that were closed after one answered turn.
    OneTurn,
    /// Conversations that were closed with answers of one agent only.
    OneAgent,
    /// Turns that were answered within this time, in milliseconds.
    Within(i64),
}

/// What the value of a measure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MeasureKind {
    /// A number at each time: at the end of the bucket, the largest one, and the mean over time.
    Level,
    /// A duration at the end of the bucket.
    Duration,
    /// A number of things that happened in the bucket.
    Count,
    /// Durations that ended in the bucket: their number, how many still ran at its end, mean and percentiles.
    Distribution,
    /// A sum of time in the bucket.
    Total,
    /// Met, missed, pending, and the share that was met.
    Outcome,
}

crate::named! {
    MeasureKind is a "kind of measure":
        Level "level", Duration "duration", Count "count", Distribution "distribution", Total "total", Outcome "outcome"
}

impl MeasureKind {
    /// The unit of its values.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::Level | Self::Count | Self::Outcome => "number",
            Self::Duration | Self::Distribution | Self::Total => "milliseconds",
        }
    }
}

/// Every measure without a parameter, with its name, its kind and its definition in a line.
const DEFINITIONS: [(Measure, &str, MeasureKind, &str); 27] = {
    use Measure as M;
    use MeasureKind::{Count, Distribution, Duration, Level, Total};
    [
        (M::Open, "open", Level, "open conversations"),
        (M::Unassigned, "unassigned", Level, "open conversations without an agent"),
        (M::Waiting, "waiting", Level, "open conversations in which the member waits for an answer"),
        (M::Unread, "unread", Level, "unread messages in open conversations"),
        (
            M::OldestWaiting,
            "oldest_waiting",
            Duration,
            "end of the bucket - smallest waiting_since; null if nobody waits",
        ),
        (M::Started, "started", Count, "conversations whose first event is in the bucket, unless it closes them"),
        (M::Reopened, "reopened", Count, "steps from closed to open"),
        (M::Closings, "closings", Count, "steps from open to closed"),
        (M::ClosedConversations, "closed_conversations", Count, "conversations with a step from open to closed"),
        (M::MessagesIn, "messages_in", Count, "messages from the member"),
        (M::MessagesOut, "messages_out", Count, "messages to the member"),
        (M::MessagesOther, "messages_other", Count, "messages of unknown direction"),
        (M::ActiveConversations, "active_conversations", Count, "conversations with a message"),
        (M::Assignments, "assignments", Count, "changes to an agent, from nobody or from another agent"),
        (M::Transfers, "transfers", Count, "changes from an agent to another one"),
        (
            M::FirstResponse,
            "first_response",
            Distribution,
            "first answered question -> its answer, once a conversation",
        ),
        (M::Response, "response", Distribution, "first unanswered message of the member -> next answer, once a turn"),
        (M::Unanswered, "unanswered", Distribution, "waiting_since -> close, of conversations closed while waiting"),
        (
            M::TimeToAssignment,
            "time_to_assignment",
            Distribution,
            "first message of the member, else start -> first agent",
        ),
        (M::CustomerWait, "customer_wait", Total, "time open and waiting"),
        (M::AgentWait, "agent_wait", Total, "time open and not waiting"),
        (M::Handling, "handling", Total, "time open and assigned to an agent"),
        (M::FirstClose, "first_close", Distribution, "start -> first step from open to closed"),
        (M::LastClose, "last_close", Distribution, "start -> close, of conversations closed at the end of the bucket"),
        (M::OpenTime, "open_time", Distribution, "time open, of conversations closed at the end of the bucket"),
        (M::OneTurn, "one_turn", Count, "of these, the ones never reopened, with one answered turn"),
        (M::OneAgent, "one_agent", Count, "of these, the ones never reopened, answered by one agent only"),
    ]
};

const WITHIN: &str = "within";

impl Measure {
    /// Every measure except [`Measure::Within`].
    pub const ALL: [Self; DEFINITIONS.len()] = {
        let mut all = [Self::Open; DEFINITIONS.len()];
        let mut place = 0;
        while place < all.len() {
            all[place] = DEFINITIONS[place].0;
            place += 1;
        }
        all
    };

    /// Its place in [`Measure::ALL`]; that of [`Measure::Within`] is after all others.
    pub(crate) const fn place(self) -> usize {
        match self {
            Self::Open => 0,
            Self::Unassigned => 1,
            Self::Waiting => 2,
            Self::Unread => 3,
            Self::OldestWaiting => 4,
            Self::Started => 5,
            Self::Reopened => 6,
            Self::Closings => 7,
            Self::ClosedConversations => 8,
            Self::MessagesIn => 9,
            Self::MessagesOut => 10,
            Self::MessagesOther => 11,
            Self::ActiveConversations => 12,
            Self::Assignments => 13,
            Self::Transfers => 14,
            Self::FirstResponse => 15,
            Self::Response => 16,
            Self::Unanswered => 17,
            Self::TimeToAssignment => 18,
            Self::CustomerWait => 19,
            Self::AgentWait => 20,
            Self::Handling => 21,
            Self::FirstClose => 22,
            Self::LastClose => 23,
            Self::OpenTime => 24,
            Self::OneTurn => 25,
            Self::OneAgent => 26,
            Self::Within(_) => Self::ALL.len(),
        }
    }

    fn definition_of(self) -> Option<&'static (Self, &'static str, MeasureKind, &'static str)> {
        DEFINITIONS.get(self.place())
    }

    /// The name without its parameter, as options, JSON and CSV spell it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.definition_of().map_or(WITHIN, |(_, name, ..)| name)
    }

    /// What its value is.
    #[must_use]
    pub fn kind(self) -> MeasureKind {
        self.definition_of().map_or(MeasureKind::Outcome, |(_, _, kind, _)| *kind)
    }

    /// What it measures, in a line.
    #[must_use]
    pub fn definition(self) -> &'static str {
        self.definition_of().map_or(
            "turns answered within this time (met), and not (missed: decided when the time has passed)",
            |(.., definition)| definition,
        )
    }

    /// Whether messages of unknown direction may be parts of what it measures. Then its values tell their number.
    #[must_use]
    pub fn has_unknown(self) -> bool {
        matches!(self, Self::FirstResponse | Self::Response | Self::Within(_))
    }

    /// Whether what it measures can still run at the end of a bucket.
    #[must_use]
    pub fn has_pending(self) -> bool {
        matches!(self.kind(), MeasureKind::Distribution | MeasureKind::Outcome) && self != Self::Unanswered
    }
}

impl fmt::Display for Measure {
    /// The name; with its parameter in milliseconds: `within(300000)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(ms) => write!(f, "{WITHIN}({ms})"),
            measure => f.pad(measure.name()),
        }
    }
}

impl Serialize for Measure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that names no measure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("invalid measure {found:?} (expected one of: {}, within:DURATION)", names())]
pub struct UnknownMeasure {
    /// The text.
    pub found: String,
}

fn names() -> String {
    DEFINITIONS.map(|(_, name, ..)| name).join(", ")
}

impl FromStr for Measure {
    type Err = UnknownMeasure;

    /// The name. With a parameter `within:5m` or, in milliseconds, `within(300000)`.
    fn from_str(text: &str) -> Result<Self, UnknownMeasure> {
        let unknown = || UnknownMeasure { found: text.to_owned() };
        if let Some(length) = text.strip_prefix(WITHIN) {
            let in_ms = |length: &str| length.strip_prefix('(')?.strip_suffix(')')?.parse::<u64>().ok();
            let ms = in_ms(length).or_else(|| length.strip_prefix(':').and_then(when::milliseconds));
            return ms.and_then(|ms| i64::try_from(ms).ok()).map(Self::Within).ok_or_else(unknown);
        }
        let found = DEFINITIONS.iter().find(|(_, name, ..)| *name == text);
        found.map(|(measure, ..)| *measure).ok_or_else(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_has_its_place_in_the_list() {
        assert!(Measure::ALL.into_iter().map(Measure::place).eq(0..Measure::ALL.len()));
    }

    #[test]
    fn a_measure_is_read_back_from_its_name() {
        for measure in Measure::ALL.into_iter().chain([Measure::Within(0), Measure::Within(300_000)]) {
            assert_eq!(measure.to_string().parse(), Ok(measure));
            assert!(!measure.definition().is_empty());
        }
        assert_eq!("within:5m".parse(), Ok(Measure::Within(300_000)));
        assert_eq!("within:1h 30m".parse(), Ok(Measure::Within(5_400_000)));
    }

    #[test]
    fn what_is_no_measure_is_refused_with_those_that_exist() {
        for text in ["", "opened", "within", "within:", "within:-5m", "within(5m)", "within()", "Open"] {
            let error = text.parse::<Measure>().unwrap_err().to_string();
            assert!(error.contains("expected one of: open, unassigned,"), "{error}");
        }
    }
}
