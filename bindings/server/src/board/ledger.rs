//! What the conversations of the last day were, over time. The past numbers and lines of the board come from here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use convofold::{ChangesError, ConversationRow, Query, Seq, Sort, StatusFilter, StorageError, TimeField};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::answer::Answered;
use super::count::{AgentKey, Numbers, TenantAgent};
use super::course::{Answer, Course, Same, Texts};
use super::view::{View, ViewAt};
use crate::app::{App, Phase};
use crate::problem::Problem;
use crate::tokens::clock_ms;

/// The time that is remembered: the longest local day, the 15 minutes before it, and some more.
const REMEMBERED_MS: i64 = (25 * 60 + 15 + 15) * 60_000;
/// How often what is older is dropped.
const DROP_INTERVAL: Duration = Duration::from_secs(300);
/// The minimum time between two updates.
const MIN_INTERVAL: Duration = Duration::from_millis(500);
/// The time between two updates, in multiples of what one takes.
const INTERVAL_PER_COST: u32 = 10;
/// The ledger is dropped if nobody has asked for it for this time.
const UNUSED_AFTER: Duration = Duration::from_secs(600);
/// Number of conversations that are read before others get the processor.
const READ_AT_ONCE: usize = 64;
/// Number of closed conversations in a page.
const PAGE_ROWS: usize = 1_024;
/// Number of events in the feed that are read for one update.
const EVENTS_AT_ONCE: usize = 65_536;
/// The maximum size in bytes. A database with more conversations in a day has no past numbers.
const MAX_BYTES: usize = 512 << 20;

/// The courses of all conversations that were open, or got an answer, in the last day. It is made in the background when somebody
/// asks for it, follows the change feed, and is dropped when nobody asks for it any more. It has no time zone.
pub(crate) struct Ledger {
    content: RwLock<Option<Content>>,
    /// Changes with the content.
    version: watch::Sender<u64>,
    is_running: AtomicBool,
    /// When it was asked for last.
    used_at: AtomicI64,
    last_replies: Mutex<Option<(u64, LastReplies)>>,
}

/// When each agent answered last.
type LastReplies = Arc<BTreeMap<TenantAgent, i64>>;

#[derive(Default)]
struct Content {
    seq: Seq,
    courses: HashMap<Arc<str>, Course>,
    texts: Texts,
    bytes: usize,
}

/// Why the ledger ends.
enum End {
    /// Nobody asks for it, or the server ends.
    Unused,
    /// There are too many conversations.
    TooLarge,
    /// The log was trimmed up to an event that was not read.
    Behind,
    Failed(StorageError),
}

impl From<StorageError> for End {
    fn from(error: StorageError) -> Self {
        Self::Failed(error)
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            content: RwLock::default(),
            version: watch::Sender::new(0),
            is_running: AtomicBool::new(false),
            used_at: AtomicI64::new(0),
            last_replies: Mutex::default(),
        }
    }
}

impl App {
    /// Keeps the ledger, and makes it if there is none. Must be called on a runtime.
    pub(crate) fn use_ledger(&self) {
        self.ledger.used_at.store(clock_ms(), Ordering::Relaxed);
        if !self.ledger.is_running.swap(true, Ordering::SeqCst) {
            tokio::spawn(keep(self.clone()));
        }
    }

    /// Waits until the ledger is ready, but not for long.
    pub(crate) async fn await_ledger(&self, limit: Duration) {
        self.use_ledger();
        let mut version = self.ledger.version.subscribe();
        let _ = timeout(limit, version.wait_for(|_| self.ledger.content.read().is_some())).await;
    }

    fn keeps_ledger(&self) -> bool {
        let unused_ms = clock_ms().saturating_sub(self.ledger.used_at.load(Ordering::Relaxed));
        self.phase() < Phase::EndingReaders && Duration::from_millis(unused_ms.unsigned_abs()) < UNUSED_AFTER
    }
}

/// Makes the ledger and keeps it up to date until it is not used any more.
async fn keep(app: App) {
    loop {
        let end = tokio::select! {
            end = make_and_follow(&app) => end,
            () = app.reach(Phase::EndingReaders) => End::Unused,
        };
        *app.ledger.content.write() = None;
        app.ledger.version.send_modify(|version| *version += 1);
        match end {
            End::Unused => break,
            End::Behind => {}
            End::TooLarge => {
                tracing::warn!(max_bytes = MAX_BYTES, "too many conversations in a day: the board has no past numbers");
                let _ = timeout(UNUSED_AFTER, app.reach(Phase::EndingReaders)).await;
            }
            End::Failed(error) => {
                tracing::error!(%error, "the past numbers of the board cannot be made");
                let _ = timeout(UNUSED_AFTER, app.reach(Phase::EndingReaders)).await;
            }
        }
        if !app.keeps_ledger() {
            break;
        }
    }
    app.ledger.is_running.store(false, Ordering::SeqCst);
}

async fn make_and_follow(app: &App) -> End {
    let next_seq = app.db.counters().durable_seq + 1;
    let (mut commits, mut changes) = (app.db.changes(next_seq), app.db.changes(next_seq));
    let making = app.clone();
    match on_thread(move || make(&making, next_seq - 1)).await {
        Ok(content) => *app.ledger.content.write() = Some(content),
        Err(end) => return end,
    }
    app.ledger.version.send_modify(|version| *version += 1);
    let mut dropped = Instant::now();
    let mut is_complete = true;
    loop {
        if is_complete {
            // Also looks from time to time whether it is still used.
            if let Ok(None) = timeout(DROP_INTERVAL, commits.skip_to_last()).await {
                // No more events follow: the database is closed, or takes no more.
                while app.keeps_ledger() {
                    sleep(DROP_INTERVAL).await;
                }
            }
        }
        if !app.keeps_ledger() {
            return End::Unused;
        }
        let started = Instant::now();
        if dropped.elapsed() >= DROP_INTERVAL {
            dropped = started;
            let dropping = app.clone();
            let _ = spawn_blocking(move || dropping.ledger.drop_old()).await;
        }
        let updating = app.clone();
        let updated = on_thread(move || Ok((update(&updating, &mut changes)?, changes))).await;
        match updated {
            Ok(updated) => (is_complete, changes) = updated,
            Err(end) => return end,
        }
        app.ledger.version.send_modify(|version| *version += 1);
        sleep(MIN_INTERVAL.max(started.elapsed() * INTERVAL_PER_COST)).await;
    }
}

async fn on_thread<T: Send + 'static>(run: impl FnOnce() -> Result<T, End> + Send + 'static) -> Result<T, End> {
    // An error means that the runtime ends.
    spawn_blocking(run).await.unwrap_or(Err(End::Unused))
}

/// The courses of all conversations that were open at some time since the beginning.
fn make(app: &App, seq: Seq) -> Result<Content, End> {
    let since = clock_ms() - REMEMBERED_MS;
    let mut content = Content { seq, ..Content::default() };
    let open: Vec<_> = app.db.with_index(|_, index| index.open_rows().map(|row| row.id().into()).collect());
    content.read(app, &open, since)?;
    let mut query = Query::new().status(StatusFilter::Closed).by(TimeField::Closed).since_ms(since).sort(Sort::Closed);
    loop {
        let page = app.db.query(&query.clone().limit(PAGE_ROWS)).map_err(|error| match error {
            convofold::PageError::Storage(error) => End::Failed(error),
            _ => End::Unused,
        })?;
        let closed: Vec<_> = page.rows.iter().map(|row| row.id().into()).collect();
        content.read(app, &closed, since)?;
        let Some(next) = page.next else { return Ok(content) };
        query = query.cursor(next);
    }
}

/// Reads the conversations of the next events again. Returns whether there are no further events.
fn update(app: &App, changes: &mut convofold::Changes) -> Result<bool, End> {
    let since = clock_ms() - REMEMBERED_MS;
    let (mut changed, mut events) = (HashSet::<Arc<str>>::new(), 0);
    let is_complete = loop {
        if events == EVENTS_AT_ONCE {
            break false;
        }
        match changes.try_next() {
            Ok(Some(change)) => {
                events += 1;
                if !changed.contains(change.event.conversation()) {
                    changed.insert(change.event.conversation().into());
                }
            }
            Ok(None) => break true,
            Err(ChangesError::Dropped { .. }) => return Err(End::Behind),
            Err(ChangesError::Storage(error)) => return Err(End::Failed(error)),
            // No more events follow.
            Err(_) => break true,
        }
    };
    let changed: Vec<_> = changed.into_iter().collect();
    for some in changed.chunks(READ_AT_ONCE) {
        let read = courses(app, some, since)?;
        let mut content = app.ledger.content.write();
        content.get_or_insert_default().add_all(read)?;
    }
    if let Some(content) = &mut *app.ledger.content.write() {
        content.seq = changes.next_seq() - 1;
    }
    Ok(is_complete)
}

type Read = Vec<(Arc<str>, Vec<convofold::Step>)>;

fn courses(app: &App, ids: &[Arc<str>], since: i64) -> Result<Read, End> {
    let read = ids.iter().map(|id| Ok((id.clone(), app.db.course(id, since)?.unwrap_or_default())));
    read.collect()
}

impl Content {
    /// Reads many conversations, and leaves the processor to others in between.
    fn read(&mut self, app: &App, ids: &[Arc<str>], since: i64) -> Result<(), End> {
        for some in ids.chunks(READ_AT_ONCE) {
            let started = Instant::now();
            self.add_all(courses(app, some, since)?)?;
            if !app.keeps_ledger() {
                return Err(End::Unused);
            }
            std::thread::sleep(started.elapsed());
        }
        Ok(())
    }

    fn add_all(&mut self, read: Read) -> Result<(), End> {
        for (id, steps) in read {
            let before = match Course::of(steps, &mut self.texts) {
                Some(course) => {
                    self.bytes += course.bytes();
                    self.courses.insert(id, course)
                }
                None => self.courses.remove(&id),
            };
            self.bytes -= before.map_or(0, |course| course.bytes());
        }
        if self.bytes > MAX_BYTES { Err(End::TooLarge) } else { Ok(()) }
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
pub(super) mod tests {
    use super::*;
    use crate::conditions::Conditions;
    use crate::routes::Thresholds;
    use crate::span::Span;
    use convofold::engine::Board;
    use convofold::{AgentMention, Direction, Draft, Event, Identity, Kind, Time};

    const MINUTE: i64 = 60_000;

    /// Numbers that look random, the same ones for the same seed.
    fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
        let mut state = seed;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        }
    }

    /// Events of some conversations over some hours, in any order.
    fn any_events(seed: u64) -> Vec<Event> {
        let mut next = numbers(seed);
        let mut pick = |from: &[&'static str]| from[next(from.len())];
        (0..400)
            .map(|number| {
                let conversation = pick(&["a", "b", "c", "d", "e", "f", "g", "h"]);
                let minutes: i64 = format!("{}{}{}", pick(&["", "1", "2"]), pick(&["1", "5"]), pick(&["0", "3", "7"]))
                    .parse()
                    .unwrap();
                let kind = pick(&["in", "in", "out", "close", "open"]);
                let at = Time::from_ms(minutes * MINUTE);
                let kind_of = match kind {
                    "close" => Kind::Close,
                    "open" => Kind::Open,
                    _ => Kind::Message,
                };
                let direction = match kind {
                    "in" => Some(Direction::In),
                    "out" => Some(Direction::Out),
                    _ => None,
                };
                let agent = match pick(&["", "", "Ida", "Bo"]) {
                    "" => AgentMention::Silent,
                    "Bo" => AgentMention::Nobody,
                    name => AgentMention::agent(name, name),
                };
                let tenant = pick(&["North", "South"]);
                let draft =
                    Draft::new("desk", conversation, kind_of, at).direction(direction).agent(agent).tenant(tenant);
                draft.identity(Identity::given(&number.to_string(), 0)).build().unwrap()
            })
            .collect()
    }

    pub(in crate::board) fn view(conditions: Conditions) -> View {
        let thresholds = Thresholds { warn_ms: 1, crit_ms: 2, silent_ms: 3 };
        let zone = "UTC".to_owned();
        View { conditions, tenants: None, has_texts: false, thresholds, limit: 1, zone }
    }

    pub(in crate::board) fn board<'a>(events: impl IntoIterator<Item = &'a Event>) -> Board {
        let mut board = Board::new();
        let mut edit = board.edit();
        for (seq, event) in (1..).zip(events) {
            edit.apply(seq, event);
        }
        drop(edit);
        board
    }

    fn ledger(board: &Board, since: i64) -> Ledger {
        let mut content = Content::default();
        let read = board.ids().into_iter().map(|id| (id.clone(), board.course(&id, since).unwrap().steps().unwrap()));
        assert!(content.add_all(read.collect()).is_ok());
        Ledger { content: RwLock::new(Some(content)), ..Ledger::default() }
    }

    /// The numbers at a time are those of a board that has only the events up to that time, whatever arrived later.
    #[test]
    fn past_numbers_are_those_of_the_events_up_to_then() {
        let views = [
            Conditions::default(),
            Conditions { agent: Some("Ida".to_owned()), ..Conditions::default() },
            Conditions { unassigned: true, tenant: Some("North".to_owned()), ..Conditions::default() },
            Conditions { waiting_min: Some(Span::seconds(600)), ..Conditions::default() },
            Conditions { idle_min: Some(Span::seconds(1_200)), unread_min: Some(2), ..Conditions::default() },
        ];
        let views = views.map(view);
        let times: Vec<_> = (0..60).map(|number| number * 5 * MINUTE).collect();
        for seed in 0..3 {
            let events = any_events(seed);
            let ledger = ledger(&board(&events), 40 * MINUTE);
            for view in &views {
                let found = ledger.numbers_at(view, &times).unwrap();
                for (time, found) in times.iter().zip(found).filter(|(time, _)| **time >= 40 * MINUTE) {
                    let past = board(events.iter().filter(|event| event.at().alone().ms() <= *time));
                    let at = view.at(*time);
                    let mut expected = Numbers::default();
                    let rows = past.ids().into_iter().filter_map(|id| past.row(&id));
                    rows.filter(|row| at.wants(row)).for_each(|row| expected.add(&row));
                    assert_eq!(found, expected, "{seed} {time} {:?}", view.conditions);
                }
            }
        }
    }

    #[test]
    fn late_events_are_marked_where_they_happened() {
        let said = |minute: i64, tenant| {
            let at = Time::from_ms(minute * MINUTE);
            Draft::new("desk", tenant, Kind::Message, at).direction(Direction::In).tenant(tenant).build().unwrap()
        };
        // In South, 12 and 13 come after 30; less than a minute is no matter.
        let seconds = |seconds: i64| {
            let at = Time::from_ms(seconds * 1_000);
            Draft::new("desk", "South", Kind::Message, at).tenant("South").build().unwrap()
        };
        let events = [
            said(10, "North"),
            said(30, "South"),
            said(12, "South"),
            said(13, "South"),
            said(41, "South"),
            seconds(2_450),
        ];
        let ledger = ledger(&board(&events), 0);
        let late = |conditions| ledger.late(&view(conditions), (0, 60 * MINUTE), 5 * MINUTE).unwrap();
        assert_eq!(late(Conditions::default()), [10 * MINUTE]);
        assert_eq!(late(Conditions { tenant: Some("North".to_owned()), ..Conditions::default() }), Vec::<i64>::new());
        if let Some(content) = &mut *ledger.content.write() {
            content.courses.retain(|_, course| course.begin_at(14 * MINUTE));
        }
        assert_eq!(late(Conditions::default()), Vec::<i64>::new());
    }

    #[test]
    fn a_conversation_that_began_later_loses_nothing_when_what_is_older_is_dropped() {
        let said = |minute: i64, direction| {
            let at = Time::from_ms(minute * MINUTE);
            Draft::new("desk", "a", Kind::Message, at).direction(direction).build().unwrap()
        };
        // The first event is an answer, and came late.
        let events = [said(20, Direction::In), said(10, Direction::Out)];
        let ledger = ledger(&board(&events), 0);
        let all = view(Conditions::default());
        let known = || {
            let late = ledger.late(&all, (0, 60 * MINUTE), 5 * MINUTE).unwrap();
            (late, ledger.last_replies_until(i64::MAX).unwrap().into_values().collect::<Vec<_>>())
        };
        assert_eq!(known(), (vec![10 * MINUTE], vec![10 * MINUTE]));
        let drop_before = |minute: i64| {
            let mut content = ledger.content.write();
            content.as_mut().unwrap().courses.retain(|_, course| course.begin_at(minute * MINUTE));
        };
        drop_before(5);
        assert_eq!(known(), (vec![10 * MINUTE], vec![10 * MINUTE]));
        drop_before(10);
        assert_eq!(known(), (vec![], vec![]));
    }

    /// What a token for some tenants sees of a time, it may see now, too.
    #[test]
    fn a_conversation_that_another_tenant_has_now_is_in_no_past_number_of_the_earlier_one() {
        let said = |id, minute: i64, direction, tenant| {
            let at = Time::from_ms(minute * MINUTE);
            let draft = Draft::new("desk", id, Kind::Message, at).direction(direction).tenant(tenant);
            draft.agent(AgentMention::agent("i", "Ida")).build().unwrap()
        };
        let mut events = Vec::new();
        let courses = [("stays", "North", "North"), ("left", "North", "South"), ("came", "South", "North")];
        for (minute, (id, before, now)) in (10..).zip(courses) {
            events.push(said(id, 30, Direction::In, before));
            events.push(said(id, minute, Direction::In, before));
            events.push(said(id, 15, Direction::Out, before));
            events.push(said(id, 40, Direction::In, now));
        }
        let ledger = ledger(&board(&events), 0);
        let tenants = Some(["North".to_owned()].into());
        let (north, all) = (View { tenants, ..view(Conditions::default()) }, view(Conditions::default()));
        let open = |view, minute| ledger.numbers_at(view, &[minute * MINUTE]).unwrap()[0].open;
        assert_eq!([20, 50].map(|minute| open(&north, minute)), [1, 2]);
        assert_eq!([20, 50].map(|minute| open(&all, minute)), [3, 3]);
        let answered = |view| ledger.answered(view, 0, 60 * MINUTE).unwrap().len();
        assert_eq!((answered(&north), answered(&all)), (1, 3));
        let late = |view| ledger.late(view, (0, 60 * MINUTE), MINUTE).unwrap();
        assert_eq!(late(&north), [10, 15].map(|minute| minute * MINUTE));
        assert_eq!(late(&all), [10, 11, 12, 15].map(|minute| minute * MINUTE));
        let agents = ledger.last_replies_until(i64::MAX).unwrap();
        assert_eq!(agents.len(), 1, "{agents:?}");
    }

    #[test]
    fn what_is_older_is_dropped_and_the_rest_stays() {
        let events = any_events(3);
        let all = view(Conditions::default());
        let times: Vec<_> = (20..60).map(|number| number * 5 * MINUTE).collect();
        let (whole, rest) = (ledger(&board(&events), 0), ledger(&board(&events), 0));
        if let Some(content) = &mut *rest.content.write() {
            content.courses.retain(|_, course| course.begin_at(100 * MINUTE));
        }
        let bytes = |ledger: &Ledger| -> usize {
            ledger.content.read().as_ref().unwrap().courses.values().map(Course::bytes).sum()
        };
        assert_eq!(rest.numbers_at(&all, &times), whole.numbers_at(&all, &times));
        let answered = |ledger: &Ledger| ledger.answered(&all, 101 * MINUTE, 300 * MINUTE).unwrap();
        assert_eq!(answered(&rest), answered(&whole));
        assert!(!answered(&rest).is_empty() && bytes(&rest) <= bytes(&whole));
        // Everything is closed, and old.
        let mut content = rest.content.write();
        let courses = &mut content.as_mut().unwrap().courses;
        courses.retain(|_, course| course.begin_at(i64::MAX));
        let is_open = |id: &Arc<str>| board(&events).row(id).unwrap().closed_at.is_none();
        assert!(courses.keys().all(is_open));
    }

    #[test]
    fn an_answer_counts_by_the_conversation_before_or_after_it() {
        let said = |minute: i64, direction, agent| {
            let at = Time::from_ms(minute * MINUTE);
            Draft::new("desk", "a", Kind::Message, at).direction(direction).agent(agent).build().unwrap()
        };
        let ida = AgentMention::agent("i", "Ida");
        let events = [
            said(10, Direction::In, AgentMention::Silent),
            said(12, Direction::In, AgentMention::Silent),
            said(15, Direction::Out, ida),
            said(16, Direction::Out, ida),
            said(20, Direction::In, AgentMention::Silent),
            said(21, Direction::Out, AgentMention::Silent),
        ];
        let ledger = ledger(&board(&events), 0);
        let answered = |conditions| ledger.answered(&view(conditions), 0, 100 * MINUTE).unwrap();
        let (first, second) =
            (Answered { at: 15 * MINUTE, after_ms: 5 * MINUTE }, Answered { at: 21 * MINUTE, after_ms: MINUTE });
        assert_eq!(answered(Conditions::default()), [first, second]);
        assert_eq!(answered(Conditions { agent: Some("Ida".to_owned()), ..Conditions::default() }), [first, second]);
        assert_eq!(answered(Conditions { unassigned: true, ..Conditions::default() }), [first]);
        assert_eq!(answered(Conditions { waiting: true, unread_min: Some(2), ..Conditions::default() }), [first]);
        assert_eq!(answered(Conditions { tenant: Some("North".to_owned()), ..Conditions::default() }), []);
        let all = view(Conditions::default());
        assert_eq!(ledger.last_answered(&all, 0, 100 * MINUTE), Some(second));
        assert_eq!(ledger.last_answered(&all, 0, 21 * MINUTE), Some(first));
        let replies = ledger.last_replies().unwrap();
        assert_eq!(replies.values().collect::<Vec<_>>(), [&(21 * MINUTE)]);
    }
}
