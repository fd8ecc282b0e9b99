//! One event of a walk, and the fold around it.

use crate::agents::AgentNumber;
use crate::context::Context;
use crate::effect::Seq;
use crate::event::{AgentMention, Direction, Kind};
use crate::fact::Fact;
use crate::fold::{Fold, Lists};
use crate::session::{Session, SessionStatus};
use crate::time::Time;

/// An event in the order of T2.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen<'w, 'a> {
    pub(super) fact: &'w Fact<'a>,
    /// Its time (rules T1 and T3).
    pub(super) at: Time,
    pub(super) context: Option<&'a Context>,
    pub(super) session: Option<&'a Session>,
    /// Its usable status (rule F11).
    pub(super) status: Option<SessionStatus>,
    pub(super) before: Before,
    /// The fold of the events up to it.
    pub(super) after: &'w Fold,
}

/// What the fold of the events before an event holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    is_closed: bool,
    reopens: u64,
    assigned: Option<AgentNumber>,
    has_response: bool,
}

impl Before {
    pub(super) fn of(fold: &Fold) -> Self {
        Self {
            is_closed: fold.is_closed,
            reopens: fold.reopens,
            assigned: fold.agents.assigned(),
            has_response: fold.first_response_ms.is_some(),
        }
    }
}

impl<'w, 'a> Seen<'w, 'a> {
    pub(super) fn new(fact: &'w Fact<'a>, at: Time, lists: Lists<'a>, before: Before, after: &'w Fold) -> Self {
        let session = session_of(fact, lists);
        let context = lists.contexts.get(fact.context as usize);
        Self { fact, at, context, session, status: session.and_then(Session::usable_status), before, after }
    }

    pub(super) fn seq(&self) -> Seq {
        self.fact.seq
    }

    pub(super) fn is_message(&self) -> bool {
        self.fact.kind.is_message()
    }

    pub(super) fn is_inbound(&self) -> bool {
        self.is_message() && self.fact.direction == Some(Direction::In)
    }

    pub(super) fn is_outbound(&self) -> bool {
        self.is_message() && self.fact.direction == Some(Direction::Out)
    }

    /// Whether it is a close event: one that cuts the order (rule F9).
    pub(super) fn closes(&self) -> bool {
        matches!(self.fact.kind, Kind::Close | Kind::OpenClosed) || self.status.is_some_and(SessionStatus::is_closed)
    }

    /// Whether its own status opens.
    pub(super) fn opens_by_status(&self) -> bool {
        self.status.is_some_and(|status| !status.is_closed())
    }

    /// Whether the conversation is closed after it, and was before it.
    pub(super) fn stays_closed(&self) -> bool {
        self.before.is_closed && self.after.is_closed
    }

    /// Whether it reopens (rule F3).
    pub(super) fn reopens(&self) -> bool {
        self.before.reopens < self.after.reopens
    }

    /// Whether it opens or closes.
    pub(super) fn changes_status(&self) -> bool {
        self.before.is_closed != self.after.is_closed || self.reopens()
    }

    /// Whether it is the first answer (rule F9).
    pub(super) fn responds(&self) -> bool {
        !self.before.has_response && self.after.first_response_ms.is_some()
    }

    pub(super) fn assigned_before(&self) -> Option<AgentNumber> {
        self.before.assigned
    }

    /// Whether it changes the agent (rule F5).
    pub(super) fn assigns(&self) -> bool {
        self.before.assigned != self.after.agents.assigned()
    }

    pub(super) fn mention(&self) -> AgentMention<'a> {
        self.context.map(Context::agent).unwrap_or_default()
    }
}

pub(super) fn session_of<'a>(fact: &Fact<'_>, lists: Lists<'a>) -> Option<&'a Session> {
    fact.session.and_then(|number| lists.sessions.get(number as usize))
}

/// Whether an event states whether the conversation is open (rules F2 and F11).
pub(super) fn states_status(fact: &Fact<'_>, lists: Lists<'_>) -> bool {
    matches!(fact.kind, Kind::Open | Kind::OpenClosed | Kind::UpdateOpen | Kind::Close)
        || session_of(fact, lists).and_then(Session::usable_status).is_some()
}
