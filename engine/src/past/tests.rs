//! A naive model of the law: select the events by the definition, give them to a database that knows nothing else, and ask
//! that one.

use super::*;
use crate::course::tests::{any_events, board, numbers};
use crate::draft::Draft;
use crate::draft::tests::{at, message};
use crate::event::{Event, Kind};
use crate::{Board, StateHash, Status};

const ID: &str = "c-1";

/// Logged events: the first arrival of each content, with its sequence number.
type Log = Vec<(Seq, Event)>;

/// The events of this order of arrival. Repetitions get no sequence number.
fn log(arrivals: &[Event]) -> Log {
    let mut known = Log::new();
    for event in arrivals {
        let is_same =
            |(_, other): &(Seq, Event)| other.identity() == event.identity() && other.content() == event.content();
        if !known.iter().any(is_same) {
            known.push((known.len() as Seq + 1, event.clone()));
        }
    }
    known
}

fn board_of(log: &[(Seq, Event)]) -> Board {
    let mut board = Board::new();
    for (seq, event) in log {
        board.edit().apply(*seq, event);
    }
    board
}

/// The law, word for word.
fn selected(log: &Log, moment: Moment) -> Log {
    let known: Log =
        log.iter().filter(|(seq, _)| moment.known_at.is_none_or(|known_at| *seq <= known_at)).cloned().collect();
    let history = board_of(&known).history(ID).unwrap_or_default();
    let counting = history.iter().filter(|entry| entry.counts);
    let latest = counting.filter_map(|entry| if let At::Timed(at) = entry.event.at() { Some(at) } else { None }).max();
    let when = |event: &Event| match (event.at(), latest) {
        (At::Timed(at), _) | (At::Untimed { alone: at }, None) => at,
        (At::Untimed { .. }, Some(latest)) => event.as_ref().started().map_or(latest, |started| started.max(latest)),
    };
    known.into_iter().filter(|(_, event)| moment.as_of.is_none_or(|as_of| when(event) <= as_of)).collect()
}

fn state_of(past: &Past<'_>) -> State {
    past.state()
}

fn history_of(past: &Past<'_>) -> Vec<HistoryEntry> {
    past.history()
}

fn shuffle<T>(list: &mut [T], next: &mut impl FnMut(usize) -> usize) {
    for place in (1..list.len()).rev() {
        list.swap(place, next(place + 1));
    }
}

/// Everything a conversation at a moment answers, from memory and from an image.
#[track_caller]
fn expect(board: &Board, moment: Moment, expected: &Log, what: &str) {
    let given = board_of(expected);
    let history = given.history(ID);
    let check = |past: &Past<'_>| {
        assert_eq!(past.state(), given.state(ID).unwrap(), "{what}");
        assert_eq!(past.state().export_line(), given.state(ID).unwrap().export_line());
        assert_eq!(past.row(), given.row(ID).unwrap(), "{what}");
        assert_eq!(past.outline(), given.outline(0).unwrap(), "{what}");
        let unanswered = Query::new().unanswered_after_close(true);
        let found = given.index().query(&unanswered).unwrap().rows;
        assert_eq!(past.row_for(&unanswered).as_ref(), found.first().map(|row| &**row), "{what}");
        // Events without effect have no order among those of the same time.
        let sorted = |mut history: Vec<HistoryEntry>| {
            history.sort_by_key(|entry| (entry.at, !entry.counts, if entry.counts { 0 } else { entry.seq }));
            history.into_iter().map(|entry| HistoryEntry { late: false, ..entry }).collect::<Vec<_>>()
        };
        assert_eq!(sorted(past.history()), sorted(history.clone().unwrap()), "{what}");
        let mut events = past.events();
        events.sort_by_key(|(seq, _)| *seq);
        let mut selected = expected.clone();
        selected.sort_by_key(|(seq, _)| *seq);
        assert_eq!(events, selected, "{what}");
        // The time of a close of T3 that lost is not in the history.
        let history = given.history(ID).unwrap();
        if history.iter().all(|entry| entry.counts || matches!(entry.event.at(), At::Timed(_))) {
            assert_eq!(past.first_at().map(Time::ms), history.iter().map(|entry| entry.at).min(), "{what}");
        }
        assert_eq!(past.conflicts(), given.conflicts(ID).unwrap(), "{what}");
        assert_eq!(past.learned_after(0), expected.len() as u64);
        assert_eq!(past.learned_after(5), expected.iter().filter(|(seq, _)| *seq > 5).count() as u64);
        assert_eq!(&**past.id(), ID);
        true
    };
    let is_there = history.is_some();
    expect_not_ruled_out(board, moment, &given, what);
    assert_eq!(board.past(ID, moment, check).is_some(), is_there, "{what}");
    let image = board.image(0).unwrap();
    assert_eq!(image.past(moment, check).unwrap().is_some(), is_there, "{what}");
}

/// The bounds that are kept of an evicted conversation rule out no answer that has it.
#[track_caller]
fn expect_not_ruled_out(board: &Board, moment: Moment, given: &Board, what: &str) {
    let (evicted, _) = Board::of_outlines(board.outline(0), StateHash::default());
    for board in [board, &evicted] {
        let is_listed = given.outline(0).is_some_and(|outline| outline.row().is_some());
        assert!(given.is_empty() || board.slots_existing_at(moment, 0..1) == [0], "{what}");
        assert!(!is_listed || board.slots_listed_at(moment, 0..1) == [0], "{what}");
    }
}

#[test]
fn a_conversation_that_differs_at_two_moments_is_never_ruled_out() {
    let mut ruled_out = 0;
    for seed in 0..48_u64 {
        let mut next = numbers(seed + 2_000);
        let events = any_events(seed, 4 + usize::try_from(seed).unwrap() % 30);
        let board = board(&events);
        let (evicted, _) = Board::of_outlines(board.outline(0), StateHash::default());
        for _ in 0..24 {
            let mut moment = || Moment {
                as_of: [None, Some(events[next(events.len())].at().alone())][next(2)],
                known_at: [None, Some(next(events.len() + 3) as Seq)][next(2)],
            };
            let moments = [moment(), moment()];
            let [one, other] = moments.map(|moment| board.past(ID, moment, state_of));
            for board in [&board, &evicted] {
                let found = board.slots_differing(moments, 0..1);
                assert!(one == other || found == [0], "seed {seed}: {moments:?}");
                ruled_out += usize::from(found.is_empty());
            }
        }
    }
    assert!(ruled_out > 100, "{ruled_out}");
}

/// The main property: at each event's time and one nanosecond before it, known at any event, in any order of arrival and
/// with repetitions, the answer is that of a database that was given the selected events only.
#[test]
fn a_conversation_at_a_moment_is_the_fold_of_the_events_within_its_bounds() {
    for seed in 0..48_u64 {
        let mut next = numbers(seed + 1_000);
        let mut arrivals = any_events(seed, 6 + usize::try_from(seed).unwrap() % 44);
        let repeated = arrivals.iter().filter(|_| next(4) == 0).cloned().collect::<Vec<_>>();
        arrivals.extend(repeated);
        shuffle(&mut arrivals, &mut next);
        let log = log(&arrivals);
        let board = board(&log.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>());
        let mut times: Vec<_> = log.iter().map(|(_, event)| event.at().alone()).collect();
        times.extend(board.history(ID).unwrap().iter().filter_map(|entry| Time::from_ms(entry.at)));
        for _ in 0..12 {
            let time = times[next(times.len())];
            let before = Time::from_ms_and_ns(time.ms() - 1, 999_999).unwrap_or(Time::MIN);
            let as_of = [None, Some(time), Some(before)][next(3)];
            let known_at = [None, Some(next(log.len() + 2) as Seq)][next(2)];
            let moment = Moment { as_of, known_at };
            let mut expected = selected(&log, moment);
            let what = format!("seed {seed}, {moment:?}");
            expect(&board, moment, &expected, &what);
            // The order of arrival of the selected events does not matter either.
            shuffle(&mut expected, &mut next);
            let state = board_of(&expected).state(ID);
            assert_eq!(board.past(ID, moment, state_of), state, "{what}");
        }
        expect(&board, Moment::LATEST, &log, "latest");
    }
}

#[test]
fn from_a_conversation_at_a_moment_it_is_known_at_every_other() {
    let (mut compared, mut there) = (0, 0);
    for seed in 0..32_u64 {
        let mut next = numbers(seed + 2_000);
        let events = any_events(seed, 6 + usize::try_from(seed).unwrap());
        let board = board(&events);
        let mut any = || {
            let as_of = [None, Some(events[next(events.len())].at().alone())][next(2)];
            Moment { as_of, known_at: [None, Some(next(events.len()) as Seq)][next(2)] }
        };
        for _ in 0..8 {
            let (one, other) = (any(), any());
            let reach = |past: &Past<'_>| past.at(other).map(|past| past.state());
            let expected = board.past(ID, other, state_of);
            let image = board.image(0).unwrap().past(one, reach).unwrap();
            for found in [board.past(ID, one, reach), image].into_iter().flatten() {
                assert_eq!(found, expected, "seed {seed}, {one:?}, {other:?}");
                compared += 1;
                there += usize::from(found.is_some());
            }
        }
    }
    assert!(there > 200 && there < compared, "{there} of {compared}");
}

/// Rule T3: without the resolution over all known events, an untimed close would close the conversation at every moment.
#[test]
fn t3_a_close_without_a_time_closes_at_the_time_of_the_latest_event() {
    let said = |ms| Draft { occurred: at(ms), sent: None, text: None, ..message() }.build().unwrap();
    let close = Draft { kind: Kind::Close, occurred: None, sent: None, text: None, started: at(500), ..message() };
    let events = [said(1_000), close.build().unwrap(), said(3_000), said(9_000)];
    let board = board(&events);
    let status = |as_of, known_at| {
        let moment = Moment { as_of: at(as_of), known_at };
        board.past(ID, moment, |past| past.state().status)
    };
    let (open, closed) = (Some(Status::Open), Some(Status::Closed));
    // Corrected: it happened after the message that arrived last.
    assert_eq!([999, 1_000, 3_000, 8_999, 9_000].map(|ms| status(ms, None)), [None, open, open, open, closed]);
    // As known after two events: at the time of the first message. After three: at that of the second one.
    assert_eq!([999, 1_000, 3_000].map(|ms| status(ms, Some(2))), [None, closed, closed]);
    assert_eq!([1_000, 2_999, 3_000].map(|ms| status(ms, Some(3))), [open, open, closed]);
    assert_eq!(status(1_000, Some(1)), open);
    assert_eq!(status(1_000, Some(0)), None);
}

/// Rule I2: which version of an event counts depends on what was known, and on which versions had happened.
#[test]
fn i2_the_smallest_version_within_the_bounds_counts() {
    let said = |text: &'static str, ms| {
        let identity = Some(Identity::given("x", 0));
        Draft { occurred: at(ms), sent: None, text: Some(text), identity, ..message() }.build().unwrap()
    };
    let mut versions = vec![said("One", 5_000), said("Two", 3_000), said("Three", 7_000)];
    versions.sort_by_key(|event| std::cmp::Reverse(event.content()));
    // Each version wins over those that arrived before it.
    let board = board(&versions);
    let text = |moment| board.past(ID, moment, |past| past.state().last_message.unwrap().text);
    let given = |event: &Event| event.text().map(str::to_owned);
    for (known_at, version) in (1..).zip(&versions) {
        assert_eq!(text(Moment::known_at(known_at)), given(version));
    }
    for ms in [2_999, 3_000, 5_000, 6_999, 7_000] {
        let moment = Moment::as_of(at(ms).unwrap());
        let smallest = versions.iter().rfind(|event| event.at().alone() <= at(ms).unwrap());
        assert_eq!(text(moment), smallest.and_then(given), "{ms}");
        let entries = board.past(ID, moment, history_of).unwrap_or_default();
        assert_eq!(entries.iter().filter(|entry| entry.counts).count(), entries.len().min(1), "{ms}");
    }
}

#[test]
fn the_bound_of_time_is_exact_and_included() {
    let time = |ns| Time::from_ms_and_ns(1_000, ns).unwrap();
    let board = board(&[Draft { occurred: Some(time(500)), sent: None, ..message() }.build().unwrap()]);
    let exists = |ns| board.past(ID, Moment::as_of(time(ns)), |_| ()).is_some();
    assert_eq!([499, 500, 501].map(exists), [false, true, true]);
    assert!(board.past("unknown", Moment::LATEST, |_| ()).is_none());
}

/// A long conversation is not folded from its first event if a fold of first events was saved.
#[test]
fn a_saved_fold_is_the_start_if_all_of_its_events_are_in() {
    let said = |ms| Draft { occurred: at(ms), sent: None, text: None, ..message() }.build().unwrap();
    let events: Vec<_> = (1..=2_000).map(|number| said(number * 10)).collect();
    let board = board(&events);
    let steps = |moment| crate::fold::steps(|| drop(board.past(ID, moment, state_of)));
    assert!(steps(Moment::as_of(at(19_000).unwrap())) < 600);
    assert!(steps(Moment::known_at(1_900)) < 600);
    assert_eq!(steps(Moment::LATEST), 0);
    let image = board.image(0).unwrap();
    let state = board.past(ID, Moment::known_at(1_900), state_of);
    assert_eq!(image.past(Moment::known_at(1_900), state_of), Ok(state));
}
