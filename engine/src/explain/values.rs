//! Which events give texts, session values and times (rules F1, F4, F8, F11 and T1).

use super::cause::Causes;
use super::field::given;
use super::seen::Seen;
use crate::attribute::Attribute;
use crate::effect::Seq;
use crate::event::{Kind, SUPEROFFICE};
use crate::fold::{Lists, UNKNOWN_NAME};
use crate::session::Session;
use crate::texts::Field;
use crate::time::Time;

/// An event, and a time that it gives.
type Given = (Time, Seq);

/// The latest values, and the first and last times.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) first: Option<Seq>,
    pub(super) last: Option<Seq>,
    /// The last event with a time.
    pub(super) last_timed: Option<Seq>,
    /// The closes without one (rule T3).
    pub(super) untimed: Vec<Seq>,
    first_lifecycle: Option<Seq>,
    started: Option<Given>,
    active: Option<Given>,
    last_message: Option<Seq>,
    attributes: [Option<Seq>; Attribute::COUNT],
    is_name_known: bool,
    session: [Option<Seq>; Session::FIELDS.len()],
    /// Whether there are events of SuperOffice, and of other sources. The source decides whether there is a session.
    has_superoffice: bool,
    has_others: bool,
    is_last_of_superoffice: bool,
    last_status: Option<Seq>,
    stale_since: Option<Seq>,
    message_text: Option<Given>,
    /// The latest text of the messages before `message_text`.
    earlier_text: Option<Time>,
    lifecycle_text: Option<Given>,
    clocks_apart: Option<Seq>,
}

impl Values {
    pub(super) fn see(&mut self, seen: &Seen<'_, '_>, lists: Lists<'_>) {
        let (seq, fact) = (seen.seq(), seen.fact);
        self.first.get_or_insert(seq);
        self.last = Some(seq);
        if fact.is_timed() {
            self.last_timed = Some(seq);
        } else {
            self.untimed.push(seq);
        }
        if fact.clocks_apart().is_some() {
            self.clocks_apart.get_or_insert(seq);
        }
        self.session(seen, lists);
        self.attributes(seen);
        if seen.is_message() { self.message(seen) } else { self.lifecycle(seen) }
    }

    fn attributes(&mut self, seen: &Seen<'_, '_>) {
        let Some(context) = seen.context else { return };
        for (place, attribute) in self.attributes.iter_mut().zip(Attribute::ALL) {
            let Some(value) = context.get(Field::Attribute(attribute)) else { continue };
            if attribute == Attribute::MemberName {
                let is_known = value != UNKNOWN_NAME;
                if self.is_name_known && !is_known {
                    continue;
                }
                self.is_name_known = is_known;
            }
            *place = Some(seen.seq());
        }
    }

    fn session(&mut self, seen: &Seen<'_, '_>, lists: Lists<'_>) {
        self.is_last_of_superoffice = lists.source(seen.fact.context) == SUPEROFFICE;
        self.has_superoffice |= self.is_last_of_superoffice;
        self.has_others |= !self.is_last_of_superoffice;
        if seen.status.is_some() {
            (self.last_status, self.stale_since) = (Some(seen.seq()), None);
        } else if seen.fact.kind == Kind::Update {
            self.stale_since.get_or_insert(seen.seq());
        }
        let given = seen.session.map(given).unwrap_or_default();
        for (place, is_given) in self.session.iter_mut().zip(given) {
            if is_given {
                *place = Some(seen.seq());
            }
        }
    }

    fn message(&mut self, seen: &Seen<'_, '_>) {
        let time = seen.fact.message_time(seen.at);
        self.last_message = Some(seen.seq());
        self.active(time, seen.seq());
        if seen.fact.text.is_some() {
            self.earlier_text = self.earlier_text.max(self.message_text.map(|(time, _)| time));
            self.message_text = Some((time, seen.seq()));
        }
    }

    fn lifecycle(&mut self, seen: &Seen<'_, '_>) {
        let (seq, fact) = (seen.seq(), seen.fact);
        self.first_lifecycle.get_or_insert(seq);
        if let Some(started) = fact.started.filter(|started| self.started.is_none_or(|(known, _)| *started < known)) {
            self.started = Some((started, seq));
        }
        if let Some(active) = fact.active {
            self.active(active, seq);
        }
        let text = fact.text.map(|_| fact.text_as_of(seen.at));
        if let Some(time) = text.filter(|time| self.lifecycle_text.is_none_or(|(known, _)| known <= *time)) {
            self.lifecycle_text = Some((time, seq));
        }
    }

    fn active(&mut self, time: Time, seq: Seq) {
        if self.active.is_none_or(|(known, _)| known <= time) {
            self.active = Some((time, seq));
        }
    }

    pub(super) fn attribute(&self, attribute: Attribute) -> Causes {
        Causes::of(self.attributes.get(attribute as usize).copied().flatten())
    }

    pub(super) fn session_value(&self, index: usize) -> Causes {
        self.of_session(self.session.get(index).copied().flatten())
    }

    pub(super) fn session_is_stale(&self) -> Causes {
        self.of_session(self.stale_since.or(self.last_status))
    }

    /// Whether events of several sources decide whether there is a session.
    pub(super) fn has_several_sources(&self) -> bool {
        self.has_superoffice && self.has_others
    }

    /// A value of the session.
    fn of_session(&self, seq: Option<Seq>) -> Causes {
        let seq = seq.filter(|_| self.is_last_of_superoffice);
        let last = self.last.filter(|_| self.has_several_sources());
        Causes::of(seq).and(last, "decides the source")
    }

    pub(super) fn channel(&self) -> Causes {
        Causes::of(self.last_message)
    }

    pub(super) fn opened_by(&self) -> Causes {
        Causes::of(self.first_lifecycle.or(self.first))
    }

    pub(super) fn started_at(&self) -> Causes {
        Causes::of(self.started.map(|(_, seq)| seq).or(self.first))
    }

    pub(super) fn gives_start(&self) -> bool {
        self.started.is_some()
    }

    /// The last activity of an open conversation.
    pub(super) fn active_at(&self) -> Causes {
        Causes::of(self.active.map(|(_, seq)| seq).or(self.last))
    }

    pub(super) fn last_text(&self) -> Causes {
        match (self.message_text, self.lifecycle_text) {
            (Some((said, message)), Some((time, _))) if time <= said => Causes::of([message]),
            (message, Some((time, lifecycle))) => {
                // Without the last message, an earlier one would count, which can have a later time.
                let last = message.filter(|_| self.earlier_text >= Some(time)).map(|(_, seq)| seq);
                Causes::of([lifecycle]).and(last, "replaces a later text of an earlier message")
            }
            (message, None) => Causes::of(message.map(|(_, seq)| seq)),
        }
    }

    /// The suspicions about clocks (rules T1 and T3).
    pub(super) fn clocks(&self) -> Causes {
        Causes::of(self.clocks_apart.into_iter().chain(self.untimed.iter().copied()))
    }
}
