//! What the conversations of the last day were, over time. The past numbers and lines of the board come from here.

mod upkeep;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use convofold::{ConversationRow, Seq};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, watch};

use super::answer::Answered;
use super::count::{AgentKey, Numbers, TenantAgent};
use super::course::{Answer, Course, Same, Texts};
use super::view::{View, ViewAt};
use crate::problem::Problem;
use crate::tokens::clock_ms;

/// The time that is remembered: the longest local day, the 15 minutes before it, and some more.
const REMEMBERED_MS: i64 = (25 * 60 + 15 + 15) * 60_000;
/// The courses of all conversations that were open, or got an answer, in the last day. It is made in the background when somebody
/// asks for it, follows the change feed, and is dropped when nobody asks for it any more. It has no time zone.
pub(crate) struct Ledger {
    content: RwLock<Option<Content>>,
    /// Changes with the content.
    version: watch::Sender<u64>,
    is_running: AtomicBool,
    /// When it was asked for last.
    used_at: AtomicI64,
    /// How often it was forgotten.
    generation: AtomicU64,
    /// Set when it is forgotten, so that it is made again.
    forgotten: Notify,
    last_replies: Mutex<Option<(u64, LastReplies)>>,
}

/// When each agent answered last.
type LastReplies = Arc<BTreeMap<TenantAgent, i64>>;

#[derive(Default)]
struct Content {
    /// How often the ledger was forgotten before this was made.
    generation: u64,
    seq: Seq,
    courses: HashMap<Arc<str>, Course>,
    texts: Texts,
    bytes: usize,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            content: RwLock::default(),
            version: watch::Sender::new(0),
            is_running: AtomicBool::new(false),
            used_at: AtomicI64::new(0),
            generation: AtomicU64::new(0),
            forgotten: Notify::new(),
            last_replies: Mutex::default(),
        }
    }
}

/// The answers of a view.
struct Answers<'a> {
    view: &'a View,
    at_now: ViewAt<'a>,
}

impl Answers<'_> {
    /// Whether the view shows the conversation right before or right after the answer.
    fn shows(&self, answer: &Answer<'_>) -> bool {
        let at_then = self.view.conditions.depend_on_time().then(|| self.view.at(answer.at));
        let at = at_then.as_ref().unwrap_or(&self.at_now);
        let is_shown = |row: ConversationRow| self.view.sees(row.tenant.as_deref()) && at.wants(&row);
        answer.row().is_some_and(is_shown) || answer.row_before().is_some_and(is_shown)
    }
}

impl Content {
    /// The courses of the conversations whose tenant a view may see now. What it may see of them at a time depends on their
    /// tenant at that time, too.
    fn seen_by<'a>(&'a self, view: &'a View) -> impl Iterator<Item = &'a Course> {
        self.courses.values().filter(|course| view.sees(course.tenant()))
    }

    /// All answers that ended a wait in a period.
    fn answered_in<'a>(
        &'a self,
        view: &'a View,
        from: i64,
        until: i64,
    ) -> impl Iterator<Item = (Answered, Answer<'a>)> {
        let answers = self.seen_by(view).flat_map(Course::answers);
        let in_period = answers.filter(move |answer| (from..until).contains(&answer.at));
        in_period.filter_map(|answer| {
            let after_ms = answer.at.saturating_sub(answer.waited_since?).max(0);
            Some((Answered { at: answer.at, after_ms }, answer))
        })
    }
}

impl Content {
    fn last_replies_until(&self, until: i64) -> BTreeMap<TenantAgent, i64> {
        let mut replies = BTreeMap::new();
        for course in self.courses.values() {
            for answer in course.answers().filter(|answer| answer.at <= until) {
                // Somebody who may see one tenant does not learn of answers in conversations that another one has now.
                let row = answer.row().filter(|row| row.tenant.as_deref() == course.tenant());
                let Some(row) = row else { continue };
                let last = replies.entry((row.tenant.clone(), AgentKey::of(row.agent.as_ref()))).or_insert(answer.at);
                *last = answer.at.max(*last);
            }
        }
        replies
    }
}

impl Ledger {
    /// Changes when the content does.
    pub(crate) fn version(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// The last event that the content reflects for sure; `None` if there is no content yet.
    pub(crate) fn seq(&self) -> Option<Seq> {
        self.content.read().as_ref().map(|content| content.seq)
    }

    /// The numbers of a view at these times, which ascend; `None` if they are not known.
    pub(crate) fn numbers_at(&self, view: &View, times: &[i64]) -> Option<Vec<Numbers>> {
        let content = self.content.read();
        let content = content.as_ref()?;
        let views: Vec<ViewAt<'_>> = times.iter().map(|time| view.at(*time)).collect();
        let mut numbers = vec![Numbers::default(); times.len()];
        for course in content.seen_by(view) {
            let mut is_shown = false;
            course.visit_open(times, |place, row, Same(is_same)| {
                let (Some(at), Some(numbers)) = (views.get(place), numbers.get_mut(place)) else { return };
                if !is_same || view.conditions.depend_on_time() {
                    is_shown = view.sees(row.tenant.as_deref()) && at.wants(row);
                }
                if is_shown {
                    numbers.add(row);
                }
            });
        }
        Some(numbers)
    }

    /// The times in a period, in steps, at which events of a view came late; `None` if they are not known.
    pub(crate) fn late(&self, view: &View, (from, until): (i64, i64), step_ms: i64) -> Option<Vec<i64>> {
        let content = self.content.read();
        let at_until = view.at(until);
        let is_shown = |row: &ConversationRow| view.sees(row.tenant.as_deref()) && at_until.wants(row);
        let mut times = BTreeSet::new();
        for (at, row) in content.as_ref()?.seen_by(view).flat_map(Course::late) {
            let step = at.saturating_sub(from).div_euclid(step_ms).saturating_mul(step_ms).saturating_add(from);
            if (from..until).contains(&at) && !times.contains(&step) && is_shown(&row) {
                times.insert(step);
            }
        }
        Some(times.into_iter().collect())
    }

    /// The waits of a view that ended with an answer in a period, in the order of their ends; `None` if they are not known.
    pub(crate) fn answered(&self, view: &View, from: i64, until: i64) -> Option<Vec<Answered>> {
        let content = self.content.read();
        let answers = Answers { view, at_now: view.at(until) };
        let all = content.as_ref()?.answered_in(view, from, until);
        let mut answered: Vec<_> =
            all.filter(|(_, answer)| answers.shows(answer)).map(|(answered, _)| answered).collect();
        answered.sort_unstable();
        Some(answered)
    }

    /// The last of them; `None` if there is none, or it is not known.
    pub(crate) fn last_answered(&self, view: &View, from: i64, until: i64) -> Option<Answered> {
        let content = self.content.read();
        let answers = Answers { view, at_now: view.at(until) };
        let mut last = None;
        for (answered, answer) in content.as_ref()?.answered_in(view, from, until) {
            if last < Some(answered) && answers.shows(&answer) {
                last = Some(answered);
            }
        }
        last
    }

    /// When each agent of each tenant answered last; `None` if that is not known.
    pub(crate) fn last_replies(&self) -> Option<LastReplies> {
        let mut known = self.last_replies.lock();
        let content = self.content.read();
        let Some(content) = &*content else {
            *known = None;
            return None;
        };
        let version = *self.version.borrow();
        if let Some((_, replies)) = known.as_ref().filter(|(of, _)| *of == version) {
            return Some(replies.clone());
        }
        let replies = Arc::new(content.last_replies_until(i64::MAX));
        *known = Some((version, replies.clone()));
        Some(replies)
    }

    /// When each agent of each tenant had answered last at a time; `None` if that is not known.
    pub(crate) fn last_replies_until(&self, until: i64) -> Option<BTreeMap<TenantAgent, i64>> {
        self.content.read().as_ref().map(|content| content.last_replies_until(until))
    }

    /// Whether numbers at this time are known, once any are.
    pub(crate) fn remembers(at: i64) -> bool {
        at > clock_ms() - REMEMBERED_MS
    }

    /// Forgets everything, so that it is made again: conversations were erased.
    pub(crate) fn forget(&self) {
        // Before the content, so that what is being read is not added.
        self.generation.fetch_add(1, Ordering::SeqCst);
        *self.content.write() = None;
        *self.last_replies.lock() = None;
        self.version.send_modify(|version| *version += 1);
        self.forgotten.notify_waiters();
    }

    /// Drops what is older than a day.
    fn drop_old(&self) {
        let since = clock_ms() - REMEMBERED_MS;
        if let Some(content) = &mut *self.content.write() {
            content.courses.retain(|_, course| course.begin_at(since));
            content.bytes = content.courses.values().map(Course::bytes).sum();
            content.texts.drop_unused();
        }
    }

    /// Number of conversations, and their size in bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        self.content.read().as_ref().map_or((0, 0), |content| (content.courses.len(), content.bytes))
    }
}

/// A day that is not known yet is no problem of the request.
pub(crate) fn not_ready() -> Problem {
    Problem::unavailable("the lines of today are being made; try again")
}

#[cfg(test)]
pub(super) mod tests;
