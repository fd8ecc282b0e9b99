//! The attributes of an event that the rules can see, for all sources.

use super::time::{DAY, Nanos};

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    In,
    Out,
}

/// The identity of an event within its conversation (I1). The fields are compared in the order of T2.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity {
    /// The id that the source gave, or the content itself; the rules leave its hash to the engine.
    pub(crate) text: String,
    pub(crate) source: String,
    pub(crate) is_content: bool,
    /// Which of the events that share the id this is: for `SuperOffice` its `Event`.
    pub(crate) part: String,
}

impl Identity {
    /// An id that one event has.
    pub(crate) fn given(source: &str, id: String) -> Self {
        Self::part(source, id, String::new())
    }

    /// An id that several events share.
    pub(crate) fn part(source: &str, id: String, part: String) -> Self {
        Self { text: id, source: source.to_owned(), is_content: false, part }
    }

    /// The identity of an event without an id.
    pub(crate) fn content(source: &str, content: &Content) -> Self {
        let text = format!("{content:?}");
        Self { text, source: source.to_owned(), is_content: true, part: String::new() }
    }
}

/// What an event says about the agent (F5, F11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AgentSays {
    Nothing,
    Nobody,
    /// At least one of the two is present.
    Somebody {
        id: Option<String>,
        name: Option<String>,
    },
}

/// The kinds of event, by what determines their order and effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `convo_open`, or a `created`.
    Open,
    /// Opens and closes; only in convofold's own form.
    OpenClosed,
    /// A `changed` that does not close.
    Changed,
    /// A change that opens; only in convofold's own form.
    ChangedOpen,
    Message,
    /// `convo_close`, an Airship convo event with a null activity time, a closing `changed`.
    Close,
}

/// A value of the SuperOffice session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SessionValue {
    Integer(i128),
    Boolean(bool),
    Text(String),
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) conversation: String,
    pub(crate) identity: Identity,
    pub(crate) content: Content,
}

/// All attributes of an event that the fold can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) kind: Kind,
    /// When it happened (T1); for an event without a usable time, the time that T3 gives it.
    pub(crate) at: Nanos,
    /// T3: a close whose time is not usable.
    pub(crate) without_time: bool,
    pub(crate) occurred: Option<Nanos>,
    /// A message's `timestamp`.
    pub(crate) timestamp: Option<Nanos>,
    pub(crate) started: Option<Nanos>,
    pub(crate) last_active: Option<Nanos>,
    pub(crate) unread_count: Option<i128>,
    pub(crate) agent: AgentSays,
    pub(crate) direction: Option<Direction>,
    pub(crate) channel: Option<String>,
    /// A message's text, or the last message that a convo event reports.
    pub(crate) text: Option<String>,
    pub(crate) member_name: Option<String>,
    pub(crate) member_number: Option<String>,
    pub(crate) member_business_id: Option<String>,
    pub(crate) member_channel_id: Option<String>,
    pub(crate) shortcode: Option<String>,
    pub(crate) app_key: Option<String>,
    pub(crate) tenant: Option<String>,
    /// `SuperOffice`: the usable field values by their key in the export.
    pub(crate) session: Vec<(&'static str, SessionValue)>,
}

impl Content {
    /// An event with a kind and a time only.
    pub(crate) fn bare(kind: Kind, at: Nanos) -> Self {
        Self {
            kind,
            at,
            without_time: false,
            occurred: None,
            timestamp: None,
            started: None,
            last_active: None,
            unread_count: None,
            agent: AgentSays::Nothing,
            direction: None,
            channel: None,
            text: None,
            member_name: None,
            member_number: None,
            member_business_id: None,
            member_channel_id: None,
            shortcode: None,
            app_key: None,
            tenant: None,
            session: Vec::new(),
        }
    }

    /// T2: the rank that decides between events of one time.
    pub(crate) fn rank(&self) -> u8 {
        match self.kind {
            Kind::Open | Kind::OpenClosed => 0,
            Kind::Changed | Kind::ChangedOpen => 1,
            Kind::Message => 2,
            Kind::Close => 3,
        }
    }

    pub(crate) fn is_message(&self) -> bool {
        self.kind == Kind::Message
    }

    /// T4: a message's own time is its `timestamp`, else its `at`.
    pub(crate) fn own_time(&self) -> Nanos {
        self.timestamp.unwrap_or(self.at)
    }

    /// F7: the moment for which a convo event states an unread count.
    pub(crate) fn unread_as_of(&self) -> Nanos {
        self.last_active.unwrap_or(self.at)
    }

    /// F11: the `Status` of the session, if it is a number with a meaning.
    pub(crate) fn usable_status(&self) -> Option<i128> {
        let status = self.session.iter().find(|(key, _)| *key == "status");
        match status {
            Some((_, SessionValue::Integer(status))) if (1..=11).contains(status) => Some(*status),
            _ => None,
        }
    }

    /// The steps of the event that open (true) and close, in order: first what it is, then its status (F2, F11).
    pub(crate) fn steps(&self) -> Vec<bool> {
        let mut steps = match self.kind {
            Kind::Message | Kind::Changed => Vec::new(),
            Kind::Open | Kind::ChangedOpen => vec![true],
            Kind::OpenClosed => vec![true, false],
            Kind::Close => vec![false],
        };
        steps.extend(self.usable_status().map(|status| status <= 6));
        steps
    }

    /// T1: the event's own epoch field.
    pub(crate) fn epoch_field(&self) -> Option<Nanos> {
        if self.is_message() { self.timestamp } else { self.last_active.or(self.started) }
    }

    /// T1: `occurred` and the epoch field, if the latter is more than a day later. A T3 close is not one of these.
    pub(crate) fn clocks_apart(&self) -> Option<(Nanos, Nanos)> {
        let (occurred, epoch_field) = (self.occurred?, self.epoch_field()?);
        (!self.without_time && epoch_field - occurred > DAY).then_some((occurred, epoch_field))
    }

    pub(crate) fn closes(&self) -> bool {
        self.steps().contains(&false)
    }
}
