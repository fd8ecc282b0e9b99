//! Which events decide the first response and who waits (rules F9 and F11).

use super::cause::Causes;
use super::seen::Seen;
use crate::effect::Seq;
use crate::session::SessionStatus;

const CUT: &str = "separates it from earlier messages";
const CHANGE: &str = "opened or closed it last";

/// What decides the first response.
#[derive(Debug, Default)]
pub(super) struct Response {
    last_close: Option<Seq>,
    is_anything_asked: bool,
    /// The first inbound message since the last close, and that close if there are inbound messages before it.
    question: Option<(Seq, Option<Seq>)>,
    /// The closes because of which earlier outbound messages are no answers.
    cuts: Vec<Seq>,
    answer: Option<Causes>,
}

impl Response {
    /// `change` is the event that opened or closed the conversation last, before this one.
    pub(super) fn see(&mut self, seen: &Seen<'_, '_>, change: Option<Seq>) {
        if self.answer.is_none() {
            self.message(seen, change);
        }
        if seen.closes() {
            self.last_close = Some(seen.seq());
            self.question = None;
        }
    }

    fn message(&mut self, seen: &Seen<'_, '_>, change: Option<Seq>) {
        if seen.is_inbound() {
            let close = self.last_close.filter(|_| self.is_anything_asked);
            self.question.get_or_insert((seen.seq(), close));
            self.is_anything_asked = true;
        } else if seen.responds() {
            let (question, close) = self.question.unzip();
            let opened = change.filter(|_| !seen.opens_by_status());
            let causes = Causes::of(question.into_iter().chain([seen.seq()]));
            self.answer = Some(causes.and(close.flatten(), CUT).and(opened, "opened it before the answer"));
        } else if seen.is_outbound() && self.is_anything_asked {
            self.cuts.extend(self.last_close.filter(|close| self.cuts.last() != Some(close)));
        }
    }

    pub(super) fn causes(&self) -> Causes {
        let cuts = self.cuts.iter();
        cuts.fold(self.answer.clone().unwrap_or_default(), |causes, cut| causes.and(Some(*cut), CUT))
    }
}

/// What decides who waits.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// The last event after which nobody waits, if somebody had waited before.
    cut: Option<Seq>,
    has_anybody_waited: bool,
    running: Option<Wait>,
    /// The event that ended the last wait.
    ended_by: Option<Seq>,
}

/// A wait that has not ended.
#[derive(Clone, Copy, Debug)]
struct Wait {
    first: Seq,
    /// The end of what was before, if somebody waited then.
    cut: Option<Seq>,
    last_inbound: Option<Seq>,
}

impl Waits {
    pub(super) fn see(&mut self, seen: &Seen<'_, '_>) {
        if seen.is_inbound() {
            self.begin(seen.seq()).last_inbound = Some(seen.seq());
        }
        let is_answer = seen.status == Some(SessionStatus::UserLast);
        if seen.is_outbound() || seen.closes() {
            self.end(seen.seq());
        }
        if matches!(seen.status, Some(SessionStatus::InQueue | SessionStatus::CustomerLast)) {
            self.begin(seen.seq());
        }
        if is_answer {
            self.end(seen.seq());
        }
    }

    fn begin(&mut self, seq: Seq) -> &mut Wait {
        self.has_anybody_waited = true;
        let cut = self.cut;
        self.running.get_or_insert(Wait { first: seq, cut, last_inbound: None })
    }

    fn end(&mut self, seq: Seq) {
        if self.running.take().is_some() {
            self.ended_by = Some(seq);
        }
        if self.has_anybody_waited {
            self.cut = Some(seq);
        }
    }

    /// For a wait that counts, `count`; otherwise why nobody waits.
    fn causes(&self, is_closed: bool, change: Option<Seq>, count: impl Fn(&Wait) -> Causes) -> Causes {
        match &self.running {
            Some(_) if is_closed => Causes::of(change),
            Some(wait) => count(wait).and(change, CHANGE),
            None => Causes::of(self.ended_by),
        }
    }

    /// `change` is the event that opened or closed the conversation last.
    pub(super) fn waiting_since(&self, is_closed: bool, change: Option<Seq>) -> Causes {
        self.causes(is_closed, change, |wait| Causes::of([wait.first]).and(wait.cut, CUT))
    }

    pub(super) fn latest_unanswered_at(&self, is_closed: bool, change: Option<Seq>) -> Causes {
        self.causes(is_closed, change, |wait| match wait.last_inbound {
            Some(last) => Causes::of([last]),
            None => Causes::of([wait.first]).and(wait.cut, CUT),
        })
    }
}
