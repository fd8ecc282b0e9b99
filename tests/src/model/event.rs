//! What the rules can see of one event, whatever its source.

use super::time::Nanos;

/// Who sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    In,
    Out,
}

/// Who an event is, within its conversation (I1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Identity {
    /// The id of the RTDS envelope.
    Envelope(String),
    /// An id of convofold's own form with the part of it that this is, where that is neither of the others.
    Part(String, i128),
    /// `EventId` and `Event`.
    Webhook(String, String),
    /// The content itself; which hash stands for it is the engine's own matter.
    Content(String),
}

/// What an event says about the agent (F5, F11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AgentSays {
    Nothing,
    Nobody,
    /// At least one of the two is there.
    Somebody {
        id: Option<String>,
        name: Option<String>,
    },
}

/// The kinds of event, by what their place and effect depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `convo_open`, or a `created`.
    Open,
    /// Opens and closes, whatever a session says: only in convofold's own form.
    OpenClosed,
    /// A `changed` that does not close.
    Changed,
    /// A change that leaves it open, whatever a session says: only in convofold's own form.
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
    pub(crate) source: String,
    pub(crate) conversation: String,
    pub(crate) identity: Identity,
    pub(crate) content: Content,
}

/// Everything the fold can see of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) kind: Kind,
    /// When it happened (T1); of an event without a usable time what T3 makes of it.
    pub(crate) at: Nanos,
    /// T3: a close whose clock cannot be believed.
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
    /// A message's text, or the last message a convo event tells of.
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
    /// An event of which nothing is known but its kind and time.
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

    /// F11: the `Status` of the session, where it is a number that means something.
    pub(crate) fn usable_status(&self) -> Option<i128> {
        let status = self.session.iter().find(|(key, _)| *key == "status");
        match status {
            Some((_, SessionValue::Integer(status))) if (1..=11).contains(status) => Some(*status),
            _ => None,
        }
    }

    /// What the event does to open and closed, in order (F2, F11). True opens.
    pub(crate) fn steps(&self) -> Vec<bool> {
        let from_status = || self.usable_status().map(|status| status <= 6);
        match self.kind {
            Kind::Message => Vec::new(),
            Kind::Open => [Some(true), from_status()].into_iter().flatten().collect(),
            Kind::OpenClosed => vec![true, false],
            Kind::Changed => from_status().into_iter().collect(),
            Kind::ChangedOpen => vec![true],
            Kind::Close => vec![false],
        }
    }

    pub(crate) fn closes(&self) -> bool {
        self.steps().contains(&false)
    }
}
