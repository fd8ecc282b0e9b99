//! Queries about closed conversations, compared with all rows, filtered and sorted, while the search index grows, is merged,
//! lost and damaged.

use std::sync::Arc;

use convofold_engine::{
    AgentMention, AgentRef, Board, ConversationRow, Direction, Draft, Event, Kind, Query, Sort, State, StatusFilter,
    Time, TimeField,
};
use proptest::prelude::*;

use super::{Home, messages, submit};
use crate::check::verify::Problem;
use crate::storage::memory::{Contents, MemoryStorage};
use crate::{Batch, Convofold, Options};

const BEGINNING_MS: i64 = 1_700_000_000_000;
const NAMES: [&str; 3] = ["Åse", "åse", "Mo"];
const NUMBERS: [&str; 3] = ["+45 12", "4512", "7"];
const AGENTS: [(&str, &str); 3] = [("a1", "Ida"), ("a2", "IDA"), ("", "a1")];
const TENANTS: [&str; 2] = ["North", "South"];

/// One of a small number of events of a small number of conversations.
#[derive(Clone, Copy, Debug)]
struct Happening {
    conversation: u8,
    at: u8,
    kind: u8,
    who: u8,
}

fn happening() -> impl Strategy<Value = Happening> {
    (0..40_u8, 0..30_u8, 0..6_u8, any::<u8>()).prop_map(|(conversation, at, kind, who)| Happening {
        conversation,
        at,
        kind,
        who,
    })
}

impl Happening {
    fn event(self) -> Event {
        let id = format!("case-{}", self.conversation);
        let kind = match self.kind {
            0 => Kind::Open,
            1..4 => Kind::Close,
            _ => Kind::Message,
        };
        let who = usize::from(self.who);
        // Many times are equal, so that ids decide.
        let at = Time::from_ms(BEGINNING_MS + i64::from(self.at / 2) * 1_000);
        let (agent_id, agent_name) = AGENTS[who % 3];
        let agent = match self.who % 4 {
            0 => AgentMention::Silent,
            1 => AgentMention::Nobody,
            _ => AgentMention::agent(Some(agent_id).filter(|id| !id.is_empty()), agent_name),
        };
        let draft = Draft::new("helpdesk", &id, kind, at)
            .direction(if self.who.is_multiple_of(2) { Direction::In } else { Direction::Out })
            .agent(agent)
            .tenant(TENANTS[who / 2 % 2])
            .channel(["sms", "SMS", "app"][who / 3 % 3])
            .member_name(NAMES[who / 5 % 3])
            .member_number(NUMBERS[who / 7 % 3])
            .member_business_id(["b1", "mo"][who / 11 % 2]);
        draft.build().unwrap()
    }
}

/// The conditions of a query.
#[derive(Clone, Debug)]
struct Ask {
    status: Option<StatusFilter>,
    member: Option<&'static str>,
    number: Option<&'static str>,
    agent: Option<&'static str>,
    any_agent: Option<&'static str>,
    unassigned: bool,
    tenant: Option<&'static str>,
    channel: Option<&'static str>,
    since: Option<i64>,
    until: Option<i64>,
    idle_since: Option<i64>,
    waiting_since: Option<i64>,
    by: TimeField,
    unread_min: Option<u64>,
    sort: Sort,
    reverse: bool,
    limit: Option<usize>,
}

fn ask() -> impl Strategy<Value = Ask> {
    let maybe = |values: &'static [&'static str]| proptest::option::weighted(0.25, proptest::sample::select(values));
    let time = || proptest::option::weighted(0.3, (0..15_i64).prop_map(|at| BEGINNING_MS + at * 1_000));
    let status = proptest::option::weighted(0.9, proptest::sample::select(StatusFilter::ALL.as_slice()));
    let who = (
        maybe(&["ÅSE", "mo", "b1", "nobody"]),
        maybe(&["45 12", "7", "8"]),
        maybe(&["a1", "ida"]),
        maybe(&["a1", "ida", "a2"]),
        proptest::bool::weighted(0.1),
    );
    let how = (
        proptest::sample::select(Sort::ALL.as_slice()),
        any::<bool>(),
        proptest::option::weighted(0.9, prop_oneof![1..4_usize, 25..50_usize]),
        proptest::sample::select(TimeField::ALL.as_slice()),
        proptest::option::weighted(0.1, 0..3_u64),
    );
    (status, who, maybe(&["North", "north"]), maybe(&["sms"]), (time(), time(), time()), how).prop_map(
        |(status, (member, number, agent, any_agent, unassigned), tenant, channel, times, how)| Ask {
            status,
            member,
            number,
            agent,
            any_agent,
            unassigned,
            tenant,
            channel,
            since: times.0,
            until: times.1,
            idle_since: times.2.filter(|at| at % 3_000 == 0),
            waiting_since: times.2.filter(|at| at % 3_000 == 1_000),
            by: how.3,
            unread_min: how.4,
            sort: how.0,
            reverse: how.1,
            limit: how.2,
        },
    )
}

impl Ask {
    fn query(&self) -> Query {
        Query::new()
            .status(self.status)
            .member(self.member)
            .number(self.number)
            .agent(self.agent)
            .any_agent(self.any_agent)
            .unassigned(self.unassigned)
            .tenant(self.tenant)
            .channel(self.channel)
            .since_ms(self.since)
            .until_ms(self.until)
            .idle_since_ms(self.idle_since)
            .waiting_since_ms(self.waiting_since)
            .by(self.by)
            .unread_min(self.unread_min)
            .sort(self.sort)
            .reverse(self.reverse)
            .limit(self.limit)
    }

    /// Whether a conversation matches, condition by condition.
    fn wants(&self, row: &ConversationRow, state: &State) -> bool {
        let plain = |text: &str| text.replace(['+', ' '], "");
        let same = |wanted: &str, found: Option<&str>| {
            found.is_some_and(|found| found.to_lowercase() == wanted.to_lowercase())
        };
        let is =
            |agent: &AgentRef, wanted: &str| agent.id.as_deref() == Some(wanted) || same(wanted, agent.name.as_deref());
        let had =
            |wanted: &str| state.assignments.iter().filter_map(|to| to.agent.as_ref()).any(|agent| is(agent, wanted));
        let member = |wanted: &str| {
            let ids = [&state.member.business_id, &state.member.channel_id];
            ids.into_iter().any(|id| id.as_deref() == Some(wanted)) || same(wanted, state.member.name.as_deref())
        };
        let number = |wanted: &str| state.member.number.as_deref().is_some_and(|number| plain(number) == plain(wanted));
        let time = match self.by {
            TimeField::Started => Some(state.started_at),
            TimeField::Closed => state.closed_at,
            _ => Some(row.last_active_at),
        };
        let is_open = state.closed_at.is_none();
        let status = match self.status {
            None | Some(StatusFilter::Open) => is_open,
            Some(StatusFilter::Closed) => !is_open,
            _ => true,
        };
        status
            && self.member.is_none_or(member)
            && self.number.is_none_or(number)
            && self.agent.is_none_or(|wanted| state.agent.as_ref().is_some_and(|agent| is(agent, wanted)))
            && self.any_agent.is_none_or(had)
            && !(self.unassigned && state.agent.is_some())
            && self.tenant.is_none_or(|wanted| state.tenant.as_deref() == Some(wanted))
            && self.channel.is_none_or(|wanted| same(wanted, state.channel.as_deref()))
            && self.since.is_none_or(|since| time.is_some_and(|time| time >= since))
            && self.until.is_none_or(|until| time.is_some_and(|time| time < until))
            && self.idle_since.is_none_or(|since| row.last_active_at <= since)
            && self.waiting_since.is_none_or(|since| state.waiting_since.is_some_and(|waiting| waiting <= since))
            && self.unread_min.is_none_or(|least| state.unread >= least)
    }

    /// The ids of all matches, in order.
    fn expected(&self, board: &Board) -> Vec<String> {
        let mut found = Vec::new();
        for id in board.ids() {
            let (row, state) = (board.row(&id).unwrap(), board.state(&id).unwrap());
            let key = match self.sort {
                Sort::Activity => -row.last_active_at,
                Sort::Waiting => state.waiting_since.unwrap_or(i64::MAX),
                Sort::Started => state.started_at,
                _ => state.closed_at.map_or(i64::MAX, |at| -at),
            };
            found.extend(self.wants(&row, &state).then(|| (key, id.to_string())));
        }
        found.sort();
        if self.reverse {
            found.reverse();
        }
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// The ids of all pages.
    fn found(&self, db: &Convofold) -> Vec<String> {
        let (mut query, mut found) = (self.query(), Vec::new());
        loop {
            let page = db.query(&query).unwrap();
            assert!(self.limit.is_none_or(|limit| page.rows.len() <= limit));
            found.extend(page.rows.iter().map(|row| row.id().to_owned()));
            let Some(next) = page.next else { return found };
            query = query.cursor(next);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Submit(Vec<Happening>),
    Checkpoint,
    Evict,
    Ask(Box<Ask>),
    Verify,
    Kill,
    PowerCut,
    CloseAndReopen,
    /// A value of the index is lost.
    Lose(u64),
    /// A bit of a value of the index is flipped.
    Flip(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => proptest::collection::vec(happening(), 1..24).prop_map(Step::Submit),
        5 => Just(Step::Checkpoint),
        4 => Just(Step::Evict),
        8 => ask().prop_map(|ask| Step::Ask(Box::new(ask))),
        1 => Just(Step::Verify),
        1 => Just(Step::Kill),
        1 => Just(Step::PowerCut),
        1 => Just(Step::CloseAndReopen),
        1 => any::<u64>().prop_map(Step::Lose),
        1 => any::<u64>().prop_map(Step::Flip),
    ]
}

/// A database, and a board without eviction that has the same events.
struct Desk {
    home: Home,
    storage: Arc<MemoryStorage>,
    db: Convofold,
    board: Board,
    seq: u64,
    is_damaged: bool,
}

/// The names of the values of the search index.
fn of_index(contents: &Contents) -> Vec<String> {
    contents.records.keys().filter(|name| name.starts_with("search")).cloned().collect()
}

impl Desk {
    fn new() -> Self {
        let (home, storage) = (Home::in_memory(), Arc::new(MemoryStorage::default()));
        let db = home.open_on(&storage, Options::new());
        Self { home, storage, db, board: Board::new(), seq: 0, is_damaged: false }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Submit(happenings) => {
                let events: Vec<_> = happenings.iter().map(|happening| happening.event()).collect();
                let mut edit = self.board.edit();
                for event in &events {
                    self.seq += 1;
                    edit.apply(self.seq, event);
                }
                let _ = edit.finish();
                submit(&self.db, Batch::new(events));
            }
            Step::Checkpoint => drop(self.db.checkpoint().unwrap()),
            Step::Evict => crate::conversations::archive::evict(&self.db.shared().live, 0, 0),
            Step::Ask(ask) => self.expect(ask),
            Step::Verify => {
                let report = self.db.verify(|_| {}).unwrap();
                let others = report.problems.iter().filter(|problem| !matches!(problem, Problem::SearchIndex { .. }));
                assert_eq!(others.count(), 0, "{:?}", report.problems);
                assert!(self.is_damaged || report.is_clean(), "{:?}", report.problems);
            }
            Step::Kill => self.go_on_with(MemoryStorage::with(self.storage.contents())),
            Step::PowerCut => self.go_on_with(self.storage.after_power_cut()),
            Step::CloseAndReopen => {
                self.db.close().unwrap();
                self.go_on_with(MemoryStorage::with(self.storage.contents()));
            }
            Step::Lose(seed) => self.damage(*seed, |contents, name| drop(contents.records.remove(name))),
            Step::Flip(seed) => self.damage(*seed, |contents, name| {
                if let Some(byte) = contents.records.get_mut(name).and_then(|value| value.last_mut()) {
                    *byte ^= 1;
                }
            }),
        }
    }

    fn damage(&mut self, seed: u64, damage: impl Fn(&mut Contents, &str)) {
        self.storage.damage(|contents| {
            let names = of_index(contents);
            let chosen = usize::try_from(seed % names.len().max(1) as u64).unwrap();
            names.get(chosen).into_iter().for_each(|name| damage(contents, name));
        });
        self.is_damaged = true;
    }

    fn go_on_with(&mut self, storage: Arc<MemoryStorage>) {
        let home = Home::in_memory();
        self.db = home.open_on(&storage, Options::new());
        (self.home, self.storage) = (home, storage);
    }

    #[track_caller]
    fn expect(&self, ask: &Ask) {
        assert_eq!(ask.found(&self.db), ask.expected(&self.board), "{ask:?}");
    }
}

fn cases() -> u32 {
    std::env::var("CONVOFOLD_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_page_is_that_of_all_rows_filtered_and_sorted(
        steps in proptest::collection::vec(step(), 1..60), asks in proptest::collection::vec(ask(), 8)
    ) {
        let mut desk = Desk::new();
        steps.iter().for_each(|step| desk.take(step));
        asks.iter().for_each(|ask| desk.expect(ask));
        desk.take(&Step::Checkpoint);
        desk.take(&Step::Evict);
        asks.iter().for_each(|ask| desk.expect(ask));
    }
}

#[test]
fn a_run_that_was_left_behind_is_deleted_by_the_next_checkpoint() {
    let mut desk = Desk::new();
    submit(&desk.db, Batch::new(messages(0, 10)));
    desk.take(&Step::Checkpoint);
    let left = ["search-head/00000000000000000099", "search/00000000000000000099/0/0000000000"];
    desk.storage
        .damage(|contents| left.iter().for_each(|name| drop(contents.records.insert((*name).to_owned(), vec![]))));
    desk.take(&Step::Kill);
    let is_there = |desk: &Desk| left.map(|name| desk.storage.contents().records.contains_key(name));
    assert_eq!(is_there(&desk), [true, true]);
    submit(&desk.db, Batch::new(messages(10, 10)));
    desk.take(&Step::Checkpoint);
    assert_eq!(is_there(&desk), [false, false]);
}

/// The index is read after memory. A conversation was listed twice, or not at all, if it changed in between.
#[test]
fn a_conversation_that_changes_while_the_index_is_read_is_listed_once_as_it_was() {
    let kinds = [Kind::Open, Kind::Message, Kind::Close];
    let event = |id: &str, kind: usize, at: i64| {
        let time = Time::from_ms(BEGINNING_MS + at * 1_000);
        Draft::new("helpdesk", id, kinds[kind], time).member_business_id("mo").build().unwrap()
    };
    // With a member, the hits are few and all are read; without one, they are read in the order of the query.
    for (member, status) in [
        (Some("mo"), StatusFilter::Any),
        (None, StatusFilter::Any),
        (Some("mo"), StatusFilter::Closed),
        (None, StatusFilter::Closed),
    ] {
        for evicts in [false, true] {
            let desk = Desk::new();
            let ids = ["stays", "is closed again", "is opened again", "is closed"];
            let close = |at| ids[..3].iter().map(|id| event(id, 2, at)).collect::<Vec<_>>();
            submit(&desk.db, Batch::new(close(10)));
            desk.db.checkpoint().unwrap();
            if evicts {
                crate::conversations::archive::evict(&desk.db.shared().live, 0, 0);
            }
            submit(&desk.db, Batch::new(vec![event(ids[1], 0, 20), event(ids[3], 1, 21)]));
            let query = Query::new().status(status).member(member).limit(10);
            let ask = || {
                let page = desk.db.query(&query).unwrap();
                page.rows.iter().map(|row| (row.id().to_owned(), row.closed_at)).collect::<Vec<_>>()
            };
            let before = ask();
            assert_eq!(before.len(), if status == StatusFilter::Any { 4 } else { 2 });
            let db = desk.db.clone();
            let changes = vec![event(ids[1], 2, 30), event(ids[2], 0, 31), event(ids[3], 2, 32)];
            desk.storage.before_record.set(move || drop(submit(&db, Batch::new(changes))));
            assert_eq!(ask(), before, "{member:?} {status:?} {evicts}");
            let after: std::collections::BTreeSet<_> = ask().into_iter().map(|(id, _)| id).collect();
            assert_eq!(after.len(), if status == StatusFilter::Any { 4 } else { 3 });
        }
    }
}
