//! Past numbers, beside those of a board that has only the events up to then.

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
            let minutes: i64 =
                format!("{}{}{}", pick(&["", "1", "2"]), pick(&["1", "5"]), pick(&["0", "3", "7"])).parse().unwrap();
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
            let draft = Draft::new("desk", conversation, kind_of, at).direction(direction).agent(agent).tenant(tenant);
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
    let events =
        [said(10, "North"), said(30, "South"), said(12, "South"), said(13, "South"), said(41, "South"), seconds(2_450)];
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
