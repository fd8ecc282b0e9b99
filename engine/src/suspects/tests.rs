use proptest::prelude::*;

use super::*;
use crate::draft::Draft;
use crate::draft::tests::{at, message};
use crate::event::{Direction, Event, Kind};
use crate::{Board, Moment, Past, SuspectField};

fn said(direction: Direction, ms: i64) -> Event {
    Draft { occurred: at(ms), sent: None, text: None, direction: Some(direction), ..message() }.build().unwrap()
}

fn stated(unread: u64, ms: i64) -> Event {
    let event = Draft { kind: Kind::Update, occurred: at(ms), sent: None, text: None, direction: None, ..message() };
    Draft { unread: Some(unread), active: at(ms), ..event }.build().unwrap()
}

fn found_in(past: &Past<'_>) -> Vec<SuspectEvent> {
    past.suspect_events()
}

fn suspect_events(events: &[Event]) -> Vec<SuspectEvent> {
    let mut board = Board::new();
    for (seq, event) in (1..).zip(events) {
        board.edit().apply(seq, event);
    }
    let id = events[0].conversation();
    let found = board.past(id, Moment::LATEST, found_in).unwrap();
    let state = board.state(id).unwrap();
    let expected = state.suspect.iter().map(|suspicion| (suspicion.field == SuspectField::Unread, suspicion.at));
    let kinds = found.iter().map(|event| (event.kind == SuspectKind::Unread, event.at));
    assert_eq!(kinds.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    found
}

fn gap(after: i64, until: i64, missing: u64) -> Gap {
    Gap { after, until, missing }
}

fn losses(gaps: &[Gap]) -> Vec<Loss> {
    let mut losses = Losses::default();
    gaps.iter().for_each(|gap| losses.push(*gap));
    losses.finish("airship").collect()
}

#[test]
fn f10_a_gap_begins_at_the_base_of_the_count() {
    use Direction::{In, Out};
    let gaps = |events: &[Event]| suspect_events(events).iter().map(|event| event.gap.unwrap()).collect::<Vec<_>>();
    // Without a base: at the start of the conversation.
    assert_eq!(gaps(&[said(In, 10_000), stated(3, 50_000)]), [gap(10_000, 50_000, 2)]);
    // After an answer.
    assert_eq!(gaps(&[said(In, 1_000), said(Out, 20_000), stated(1, 50_000)]), [gap(20_000, 50_000, 1)]);
    // After a stated count, whether it agreed or not: what it lacked is not missing twice.
    let counts = [said(In, 1_000), stated(1, 20_000), stated(4, 50_000), stated(5, 90_000)];
    assert_eq!(gaps(&counts), [gap(20_000, 50_000, 3), gap(50_000, 90_000, 1)]);
    assert_eq!(gaps(&[said(In, 1_000), stated(1, 20_000), stated(0, 50_000)]), []);
}

#[test]
fn kinds_are_those_of_the_rules() {
    let ahead = Draft { occurred: at(1_000), sent: at(1_000 + 90_000_000), text: None, ..message() };
    let close = Draft { kind: Kind::Close, occurred: None, sent: None, text: None, started: at(500), ..message() };
    let events = [ahead.build().unwrap(), close.build().unwrap(), stated(7, 1_000)];
    let kinds: Vec<_> = suspect_events(&events).iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [SuspectKind::Unread, SuspectKind::ClockAhead, SuspectKind::UntimedClose]);
    assert_eq!(SuspectKind::NAMES, ["unread", "clock_ahead", "untimed_close"]);
}

#[test]
fn a_report_counts_by_kind_source_and_day_of_the_zone() {
    const HOUR_MS: i64 = 3_600_000;
    let event = |kind, at, gap| SuspectEvent { kind, at, gap };
    // 23:30 on the first day of UTC, which is the second one in Berlin.
    let late = 23 * HOUR_MS + HOUR_MS / 2;
    let one = [
        event(SuspectKind::UntimedClose, HOUR_MS, None),
        event(SuspectKind::Unread, late, Some(gap(late - 9, late, 2))),
        event(SuspectKind::Unread, late + HOUR_MS, Some(gap(late, late + HOUR_MS, 1))),
    ];
    let two = [event(SuspectKind::Unread, late, Some(gap(late - 5, late + 5, 1)))];
    let report = |query: SuspectsQuery| {
        let mut builder = SuspectsBuilder::new(query);
        builder.add("airship", &one);
        builder.add("desk", &two);
        builder.add("desk", &[]);
        builder.finish()
    };
    let all = report(SuspectsQuery::new());
    assert_eq!((all.conversations, all.events, all.zone.as_str()), (2, 4, "UTC"));
    let kinds: Vec<_> = all.kinds.iter().map(|row| (row.kind, &*row.source, row.events, row.missing)).collect();
    let (unread, untimed) = (SuspectKind::Unread, SuspectKind::UntimedClose);
    assert_eq!(kinds, [(unread, "airship", 2, 3), (unread, "desk", 1, 1), (untimed, "airship", 1, 0)]);
    assert_eq!((all.kinds[0].first_at, all.kinds[0].last_at), (late, late + HOUR_MS));
    let days = |report: &Suspects| {
        let days = report.days.iter().map(|row| (row.day.clone(), row.kind, row.conversations, row.events));
        days.collect::<Vec<_>>()
    };
    let day = |number: u32, kind, events| (format!("1970-01-0{number}"), kind, 1, events);
    assert_eq!(days(&all), [day(1, unread, 1), day(1, unread, 1), day(1, untimed, 1), day(2, unread, 1)]);
    let berlin = report(SuspectsQuery::new().zone("Europe/Berlin".parse().unwrap()).source("airship".to_owned()));
    assert_eq!(days(&berlin)[..2], [day(1, untimed, 1), day(2, unread, 2)]);

    let first_hours = report(SuspectsQuery::new().since_ms(HOUR_MS).until_ms(late));
    assert_eq!((first_hours.conversations, first_hours.events, first_hours.losses.len()), (1, 1, 0));
}

#[test]
fn a_query_selects_sources_and_tenants() {
    let query = SuspectsQuery::new().source("airship".to_owned()).tenants(vec!["a".to_owned(), "b".to_owned()]);
    assert!(query.wants("airship", Some("b")));
    assert!(!query.wants("airship", Some("c")) && !query.wants("airship", None) && !query.wants("desk", Some("a")));
    assert!(SuspectsQuery::new().wants("desk", None));
}

#[test]
fn gaps_with_a_time_in_common_are_one_loss() {
    // An outage from 100 to 160, and two single messages that were lost at other times.
    let found = losses(&[gap(10, 200, 3), gap(90, 170, 2), gap(99, 400, 1), gap(300, 310, 1), gap(500, 501, 1)]);
    let shown: Vec<_> = found.iter().map(|loss| (loss.earliest, loss.from, loss.to, loss.latest, loss.gaps)).collect();
    assert_eq!(shown, [(10, 99, 170, 400, 3), (300, 300, 310, 310, 1), (500, 500, 501, 501, 1)]);
    assert_eq!(found.iter().map(|loss| loss.missing).collect::<Vec<_>>(), [6, 1, 1]);
    // Gaps that only touch have no time in common; one without a length has its end.
    assert_eq!(losses(&[gap(1, 5, 1), gap(5, 9, 1)]).len(), 2);
    assert_eq!(losses(&[gap(7, 7, 1), gap(6, 9, 1)]).len(), 1);
}

proptest! {
    #[test]
    fn each_gap_contains_its_loss_and_no_smaller_number_explains_them(
        gaps in prop::collection::vec((0..300_i64, 1..60_i64), 0..60),
    ) {
        let gaps: Vec<_> = gaps.into_iter().map(|(after, length)| gap(after, after + length, 1)).collect();
        let found = losses(&gaps);
        prop_assert_eq!(found.iter().map(|loss| loss.gaps).sum::<u64>(), gaps.len() as u64);
        for gap in &gaps {
            let explains = |loss: &&Loss| gap.after <= loss.from && loss.to <= gap.until;
            prop_assert!(found.iter().any(|loss| explains(&loss)), "{:?}", gap);
        }
        // As many gaps without a time in common as there are losses: each needs one of its own.
        let mut apart: Vec<Gap> = Vec::new();
        let mut sorted = gaps.clone();
        sorted.sort_by_key(|gap| gap.until);
        for gap in sorted {
            if apart.last().is_none_or(|last| gap.after >= last.until) {
                apart.push(gap);
            }
        }
        prop_assert_eq!(found.len(), apart.len());
    }

    #[test]
    fn many_gaps_are_merged_as_they_arrive(gaps in prop::collection::vec((0..9_000_i64, 1..60_i64), 300..600)) {
        let gaps: Vec<_> = gaps.into_iter().map(|(after, length)| gap(after, after + length, 2)).collect();
        let found = losses(&gaps);
        prop_assert_eq!(found.iter().map(|loss| (loss.gaps, loss.missing)).fold((0, 0), |sum, loss| (sum.0 + loss.0, sum.1 + loss.1)), (gaps.len() as u64, 2 * gaps.len() as u64));
        prop_assert!(found.is_sorted_by_key(|loss| loss.to));
        prop_assert!(found.iter().all(|loss| loss.earliest <= loss.from && loss.from < loss.to && loss.to <= loss.latest));
        let first = gaps.iter().map(|gap| gap.after).min();
        prop_assert_eq!(found.iter().map(|loss| loss.earliest).min(), first);
    }
}
