//! The state of a conversation for display and export (rule H2).

use std::io;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::agents::Agent;
use crate::attribute::Attribute;
use crate::conversation::Conversation;
use crate::event::{Direction, SUPEROFFICE};
use crate::fold::{Fold, Lists, Position};
use crate::session::SessionState;
use crate::time::Time;

/// Whether a conversation is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// The latest statement about the status leaves it open, or there is none.
    Open,
    /// The latest statement about the status closed it.
    Closed,
}

crate::named! { Status is a "status": Open "open", Closed "closed" }

/// Which kind of event made a conversation known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OpenedBy {
    /// Only messages are known.
    Message,
    /// A lifecycle event is known.
    Lifecycle,
}

crate::named! { OpenedBy is a "opened_by": Message "message", Lifecycle "lifecycle" }

/// Everything that follows from the set of a conversation's events. The fields are the keys of the export, in this
/// order (rule H2). Times are milliseconds since the epoch, durations are milliseconds, and `None` is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct State {
    /// The conversation's id.
    pub id: Arc<str>,
    /// `airship`, `superoffice`, or a name that the host chose.
    pub source: String,
    /// The business to which it belongs.
    pub tenant: Option<String>,
    /// The channel of the latest message.
    pub channel: Option<String>,
    /// Whether it is open (F2).
    pub status: Status,
    /// Which kind of event made it known (F1).
    pub opened_by: OpenedBy,
    /// When it began (F4).
    pub started_at: i64,
    /// When it was last active; `None` when closed (F4).
    pub last_active_at: Option<i64>,
    /// The time of its latest event.
    pub last_event_at: i64,
    /// When it was closed; `None` while open (F3).
    pub closed_at: Option<i64>,
    /// How often it was reopened (F3).
    pub reopens: u64,
    /// The customer.
    pub member: Member,
    /// The sender to which the member wrote.
    pub shortcode: Option<String>,
    /// Airship's app key.
    pub app_key: Option<String>,
    /// The assigned agent.
    pub agent: Option<AgentRef>,
    /// Every change of the agent, in order (F5).
    pub assignments: Vec<Assigned>,
    /// Messages from the member.
    pub messages_in: u64,
    /// Messages to the member.
    pub messages_out: u64,
    /// Messages with an unknown direction.
    pub messages_other: u64,
    /// Messages while it was closed, except those that reopened it (F2).
    pub messages_after_close: u64,
    /// Messages from the member that are neither answered nor read (F7).
    pub unread: u64,
    /// The time of the first message from the member.
    pub first_inbound_at: Option<i64>,
    /// The time from the first answered message of the member to its answer (F9).
    pub first_response_ms: Option<i64>,
    /// Since when the member waits for an answer.
    pub waiting_since: Option<i64>,
    /// The time of the last message that waits for an answer.
    pub latest_unanswered_at: Option<i64>,
    /// The total time for which it was open.
    pub open_ms: i64,
    /// Message counts by the agent that was assigned at the time (F9).
    pub by_agent: Vec<ByAgent>,
    /// The last text (F8).
    pub last_message: Option<LastMessage>,
    /// Contradictions in the data of the source, and missing messages (F10).
    pub suspect: Vec<Suspicion>,
    /// The field values of the SuperOffice session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionState>,
}

/// The customer of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Member {
    /// The name. `Unknown` only if no other name was ever given.
    pub name: Option<String>,
    /// The phone number, or the device with its channel.
    pub number: Option<String>,
    /// The id at the business.
    pub business_id: Option<String>,
    /// The channel id.
    pub channel_id: Option<String>,
}

/// An agent, with the latest name known in the conversation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AgentRef {
    /// The id; `None` for an agent known by name only.
    pub id: Option<Arc<str>>,
    /// The name. All mentions of an agent in a state or a history share one copy.
    pub name: Option<Arc<str>>,
}

impl AgentRef {
    /// The agent with this id, this name, or both.
    #[must_use]
    pub fn new<'a>(id: impl Into<Option<&'a str>>, name: impl Into<Option<&'a str>>) -> Self {
        Self { id: id.into().map(Into::into), name: name.into().map(Into::into) }
    }

    /// The agent with these shared texts; `None` if both are unknown.
    #[must_use]
    pub fn of(id: Option<Arc<str>>, name: Option<Arc<str>>) -> Option<Self> {
        (id.is_some() || name.is_some()).then_some(Self { id, name })
    }
}

/// A change of the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Assigned {
    /// The agent assigned from then on; `None` if no agent is.
    pub agent: Option<AgentRef>,
    /// The time of the change.
    pub at: i64,
}

/// Message counts while an agent was assigned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ByAgent {
    /// The agent.
    pub agent: AgentRef,
    /// Messages from the member.
    pub messages_in: u64,
    /// Messages to the member.
    pub messages_out: u64,
}

/// The last text of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LastMessage {
    /// The text.
    pub text: String,
    /// The direction of the message.
    pub direction: Option<Direction>,
    /// The time of the message.
    pub at: i64,
}

/// Data that cannot be right, reported and never repaired silently (F10).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Suspicion {
    /// The affected field.
    pub field: SuspectField,
    /// The value that the source states; for a clock that is ahead, `occurred` in milliseconds since the epoch.
    pub expected: Option<u64>,
    /// The value that the events give; for a clock that is ahead, the event's own time in milliseconds since the epoch.
    pub found: Option<u64>,
    /// The time of the event that shows the contradiction.
    pub at: i64,
}

/// The subject of a [`Suspicion`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SuspectField {
    /// An event whose own time is more than a day after its `occurred` (T1), or a close without a usable time (T3).
    Clock,
    /// The source states more unread messages than are known: some are missing.
    Unread,
}

crate::named! { SuspectField is a "field": Clock "clock", Unread "unread" }

impl State {
    pub(crate) fn of(conversation: &Conversation) -> Self {
        let of = (&conversation.id, conversation.lists());
        conversation.with_fold(|fold| Self::derive(of, fold, |position| conversation.text_at(position)))
    }

    /// The state of the conversation with this id and these lists. `text_at` is the text of the event at a position in the
    /// order of T2.
    pub(crate) fn derive<'a>(
        (id, lists): (&Arc<str>, Lists<'_>),
        fold: &Fold,
        text_at: impl FnOnce(Position) -> Option<&'a str>,
    ) -> Self {
        let attribute = |wanted| fold.attribute(wanted, lists).map(str::to_owned);
        let source = fold.source(lists).unwrap_or_default().to_owned();
        let session = || fold.session_values().cloned().unwrap_or_default().into_state(fold.session_is_stale);
        let session = (source == SUPEROFFICE).then(session);
        Self {
            id: id.clone(),
            source,
            tenant: attribute(Attribute::Tenant),
            channel: fold.channel(lists).map(str::to_owned),
            status: if fold.is_closed { Status::Closed } else { Status::Open },
            opened_by: if fold.has_lifecycle { OpenedBy::Lifecycle } else { OpenedBy::Message },
            started_at: fold.started_at().ms(),
            last_active_at: fold.last_active_at().map(Time::ms),
            last_event_at: fold.last_event_at().ms(),
            closed_at: fold.closed_at().map(Time::ms),
            reopens: fold.reopens,
            member: Member {
                name: attribute(Attribute::MemberName),
                number: attribute(Attribute::MemberNumber),
                business_id: attribute(Attribute::MemberBusinessId),
                channel_id: attribute(Attribute::MemberChannelId),
            },
            shortcode: attribute(Attribute::Shortcode),
            app_key: attribute(Attribute::AppKey),
            agent: agent(fold, fold.agents.assigned()),
            assignments: assignments(fold),
            messages_in: fold.messages_in,
            messages_out: fold.messages_out,
            messages_other: fold.messages_other,
            messages_after_close: fold.messages_after_close,
            unread: fold.unread.count(),
            first_inbound_at: fold.first_inbound.map(Time::ms),
            first_response_ms: fold.first_response_ms,
            waiting_since: fold.waiting().map(|(since, _)| since.ms()),
            latest_unanswered_at: fold.waiting().map(|(_, latest)| latest.ms()),
            open_ms: fold.open_ms(),
            by_agent: by_agent(fold),
            last_message: last_message(fold, text_at),
            suspect: suspect(fold),
            session,
        }
    }

    /// The export line (rule H2), without the line feed.
    #[must_use]
    pub fn export_line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Writes the export line (rule H2), without the line feed. A line repeats the name of an agent for each of its
    /// assignments and can be much longer than the state in memory; this writes it piece by piece.
    ///
    /// # Errors
    /// The error of `out`. Buffer it: pieces are short.
    pub fn write_export_line(&self, out: impl io::Write) -> io::Result<()> {
        serde_json::to_writer(out, self).map_err(io::Error::from)
    }
}

fn agent(fold: &Fold, number: Option<u32>) -> Option<AgentRef> {
    fold.agents.get(number?).map(Agent::to_ref)
}

fn assignments(fold: &Fold) -> Vec<Assigned> {
    let changes = fold.assignments.iter();
    changes.map(|change| Assigned { agent: agent(fold, change.agent), at: change.at.ms() }).collect()
}

fn by_agent(fold: &Fold) -> Vec<ByAgent> {
    let busy = (0..).zip(fold.agents.all()).filter(|(_, agent)| agent.messages_in + agent.messages_out > 0);
    let mut rows: Vec<_> = busy
        .filter_map(|(number, counts)| {
            let agent = agent(fold, Some(number))?;
            Some(ByAgent { agent, messages_in: counts.messages_in, messages_out: counts.messages_out })
        })
        .collect();
    rows.sort_by(|a, b| a.agent.cmp(&b.agent));
    rows
}

fn last_message<'a>(fold: &Fold, text_at: impl FnOnce(Position) -> Option<&'a str>) -> Option<LastMessage> {
    let last = fold.last_text()?;
    let text = text_at(last.position)?.to_owned();
    Some(LastMessage { text, direction: last.direction, at: last.time.ms() })
}

fn suspect(fold: &Fold) -> Vec<Suspicion> {
    let ms = |time: Time| u64::try_from(time.ms()).ok();
    let apart = fold.clocks_apart.iter();
    let apart = apart.map(|clocks| (SuspectField::Clock, ms(clocks.occurred), ms(clocks.own), clocks.at.ms()));
    let untimed = fold.clock_suspicions.iter().map(|at| (SuspectField::Clock, None, None, at.ms()));
    let missing = fold.unread.missing();
    let unread = missing.map(|m| (SuspectField::Unread, Some(m.expected), Some(m.found), m.at.ms()));
    // A close without a usable time is ordered after every other event.
    let all = apart.chain(untimed).chain(unread);
    let mut rows: Vec<_> = all.map(|(field, expected, found, at)| Suspicion { field, expected, found, at }).collect();
    rows.sort_by_key(|row| (row.at, row.field));
    rows
}
