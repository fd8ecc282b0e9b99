//! One conversation over the last day, in little memory.

use std::collections::HashSet;
use std::sync::Arc;

use convofold::{AgentRef, ConversationRow, Time};

/// What a conversation was after each of its events in a period, and at its beginning.
#[derive(Debug)]
pub(crate) struct Course {
    /// Rows without the values that a step has; each differs from the one before.
    profiles: Vec<ConversationRow>,
    /// In the order of their times. The conversation was as the last one up to a time says.
    steps: Vec<Step>,
    replies: Vec<GivenReply>,
    /// The steps of events that came late.
    late: Vec<u32>,
}

/// An event that came late changed numbers for at least this time.
const LATE_MS: i64 = 60_000;

/// The values that change often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    /// The first millisecond at which the conversation was so.
    at: i64,
    last_active_at: i64,
    waiting_since: Option<i64>,
    unread: u64,
    profile: u32,
    is_open: bool,
    is_suspect: bool,
}

/// An answer to the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct GivenReply {
    at: i64,
    waited_since: Option<i64>,
    /// The step of its event.
    step: u32,
}

/// An answer to the member, with the conversation before and after it.
pub(crate) struct Answer<'a> {
    pub(crate) at: i64,
    pub(crate) waited_since: Option<i64>,
    course: &'a Course,
    step: usize,
}

/// Whether a row is the same as last time.
pub(crate) struct Same(pub(crate) bool);

/// The texts that many conversations have, each once.
#[derive(Debug, Default)]
pub(crate) struct Texts(HashSet<Arc<str>>);

impl Texts {
    fn share(&mut self, text: &mut Option<Arc<str>>) {
        let Some(given) = text else { return };
        if let Some(known) = self.0.get(&**given) {
            *given = known.clone();
        } else {
            self.0.insert(given.clone());
        }
    }

    fn share_all(&mut self, row: &mut ConversationRow) {
        for text in [&mut row.tenant, &mut row.channel, &mut row.shortcode] {
            self.share(text);
        }
        if let Some(AgentRef { id, name, .. }) = &mut row.agent {
            self.share(id);
            self.share(name);
        }
    }

    /// Drops texts that no conversation has any more.
    pub(crate) fn drop_unused(&mut self) {
        self.0.retain(|text| Arc::strong_count(text) > 1);
    }
}

impl Course {
    /// The course of a conversation; `None` if it was never open and got no answer.
    pub(crate) fn of(read: Vec<convofold::Step>, texts: &mut Texts) -> Option<Self> {
        let steps = Vec::with_capacity(read.len());
        let mut course = Self { profiles: Vec::new(), steps, replies: Vec::new(), late: Vec::new() };
        for convofold::Step { at, mut row, reply, late_by_ms, .. } in read {
            let is_late = late_by_ms.is_some_and(|late_by_ms| late_by_ms >= LATE_MS);
            let is_open = row.closed_at.is_none();
            let (unread, waiting_since, last_active_at) = (row.unread, row.waiting_since, row.last_active_at);
            let is_suspect = row.suspect;
            (row.unread, row.waiting_since, row.last_active_at) = (0, None, 0);
            (row.closed_at, row.suspect, row.started_at) = (None, false, 0);
            if course.profiles.last() != Some(&row) {
                texts.share_all(&mut row);
                course.profiles.push(row);
            }
            let profile = number(course.profiles.len().saturating_sub(1));
            let at = first_ms_after(at);
            let step = Step { at, last_active_at, waiting_since, unread, profile, is_open, is_suspect };
            let is_same = course.steps.last().is_some_and(|last| Step { at, ..*last } == step);
            if !is_same || reply.is_some() || is_late {
                course.steps.push(step);
            }
            let step = number(course.steps.len().saturating_sub(1));
            course.late.extend(is_late.then_some(step));
            course.replies.extend(reply.map(|reply| GivenReply {
                at: reply.at,
                waited_since: reply.waited_since,
                step,
            }));
        }
        course.steps.shrink_to_fit();
        course.is_needed().then_some(course)
    }

    fn is_needed(&self) -> bool {
        !self.replies.is_empty() || self.steps.iter().any(|step| step.is_open)
    }

    /// Drops what was before a time. Returns whether anything is left.
    pub(crate) fn begin_at(&mut self, time: i64) -> bool {
        let before = self.steps.partition_point(|step| step.at <= time);
        self.replies.retain(|reply| reply.step as usize >= before);
        self.late.retain(|step| *step as usize >= before);
        // The last step before it says what the conversation was.
        let first = before.saturating_sub(1);
        if first > 0 {
            self.late.iter_mut().for_each(|step| *step -= number(first));
            self.steps.drain(..first);
            for reply in &mut self.replies {
                reply.step -= number(first);
            }
            let first = self.steps.first().map_or(0, |step| step.profile);
            self.profiles.drain(..first as usize);
            self.steps.iter_mut().for_each(|step| step.profile -= first);
        }
        self.is_needed()
    }

    /// The tenant of the conversation now: the last step is what it is with all of its events.
    pub(crate) fn tenant(&self) -> Option<&str> {
        self.profiles.last()?.tenant.as_deref()
    }

    /// The row of the conversation after a step.
    fn row(&self, step: usize) -> Option<ConversationRow> {
        let step = self.steps.get(step)?;
        let mut row = self.profiles.get(step.profile as usize)?.clone();
        (row.unread, row.waiting_since, row.last_active_at) = (step.unread, step.waiting_since, step.last_active_at);
        row.suspect = step.is_suspect;
        Some(row)
    }

    /// Calls `take` with the number of each of these times at which the conversation was open, its row, and whether that is
    /// the same row as last time. The times ascend.
    pub(crate) fn visit_open(&self, times: &[i64], mut take: impl FnMut(usize, &ConversationRow, Same)) {
        let mut next = 0;
        let mut row = None;
        for (number, time) in times.iter().enumerate() {
            while self.steps.get(next).is_some_and(|step| step.at <= *time) {
                (next, row) = (next + 1, None);
            }
            let Some(last) = next.checked_sub(1) else { continue };
            if !self.steps.get(last).is_some_and(|step| step.is_open) {
                continue;
            }
            let same = Same(row.is_some());
            if row.is_none() {
                row = self.row(last);
            }
            if let Some(row) = &row {
                take(number, row, same);
            }
        }
    }

    /// All answers.
    pub(crate) fn answers(&self) -> impl Iterator<Item = Answer<'_>> {
        self.replies.iter().map(|reply| Answer {
            at: reply.at,
            waited_since: reply.waited_since,
            course: self,
            step: reply.step as usize,
        })
    }

    /// The times of events that came late, each with the conversation after it.
    pub(crate) fn late(&self) -> impl Iterator<Item = (i64, ConversationRow)> {
        let steps = self.late.iter().map(|step| *step as usize);
        steps.filter_map(|step| Some((self.steps.get(step)?.at, self.row(step)?)))
    }

    /// The approximate size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let own = |row: &ConversationRow| {
            let member = [row.member_name(), row.member_number(), row.member_business_id(), row.member_channel_id()];
            let texts = member.into_iter().flatten().chain([row.id()]).map(str::len).sum::<usize>();
            texts
                + TEXT_BYTES
                + row.earlier_agents.len() * (size_of::<AgentRef>() + TEXT_BYTES)
                + size_of::<ConversationRow>()
        };
        size_of::<Self>()
            + self.profiles.iter().map(own).sum::<usize>()
            + self.steps.capacity() * size_of::<Step>()
            + self.replies.capacity() * size_of::<GivenReply>()
            + self.late.capacity() * size_of::<u32>()
    }
}

/// The overhead of a text: its counters and that of the allocation.
const TEXT_BYTES: usize = 32;

impl Answer<'_> {
    /// The conversation after the answer: who gave it is the assigned agent.
    pub(crate) fn row(&self) -> Option<ConversationRow> {
        self.course.row(self.step)
    }

    /// The conversation before the answer.
    pub(crate) fn row_before(&self) -> Option<ConversationRow> {
        self.course.row(self.step.checked_sub(1)?)
    }
}

/// The first millisecond that is not before this time.
fn first_ms_after(at: Time) -> i64 {
    at.ms().saturating_add(i64::from(at.sub_ms_ns() > 0))
}

/// A conversation has far fewer events than this.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
