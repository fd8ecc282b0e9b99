//! What holds for all logs.

use crate::course::tests::{any_events, numbers};
use crate::event::Event;
use crate::report::{
    Behind, BehindBuilder, Every, GroupBy, GroupValue, Measure, MeasureValue, Report, ReportPlace, ReportQuery,
    ReportRow, Transitions,
};

use super::{expect_behind, report_of, transitions};

/// Conversations with events of every kind.
fn random(seed: u64) -> Vec<Transitions> {
    let mut all = Vec::new();
    for conversation in 0..4 {
        let events = any_events(seed * 16 + conversation, 24);
        let mut of_one = transitions(&events);
        of_one.iter_mut().for_each(|of| of.id = format!("c-{conversation}").into());
        all.extend(of_one);
    }
    all
}

/// A number of a row: the end of a level, a count, a number of durations, or a total.
fn number(row: &ReportRow, measure: Measure) -> i64 {
    let (_, value) = row.values.iter().find(|(of, _)| *of == measure).unwrap();
    match value {
        MeasureValue::Count(count) => i64::try_from(*count).unwrap(),
        MeasureValue::Level(level) => i64::try_from(level.end).unwrap(),
        MeasureValue::Distribution(of) => i64::try_from(of.n).unwrap(),
        MeasureValue::Outcome(share) => i64::try_from(share.met + share.missed).unwrap(),
        MeasureValue::Total(total) => *total,
        MeasureValue::Duration(age) => age.unwrap_or(0),
    }
}

fn mean(row: &ReportRow, measure: Measure) -> f64 {
    match row.values.iter().find(|(of, _)| *of == measure) {
        Some((_, MeasureValue::Level(level))) => level.mean.unwrap(),
        other => panic!("{other:?}"),
    }
}

/// A report of a time that begins and ends within the events, in some buckets.
fn query(seed: u64) -> ReportQuery {
    let mut next = numbers(seed);
    let mut random = |below: usize| i64::try_from(next(below)).unwrap();
    let from = 1 + random(8_000);
    ReportQuery::new(from, from + 1 + random(12_000)).measures(with_within())
}

fn with_within() -> Vec<Measure> {
    Measure::ALL.into_iter().chain([Measure::Within(1_500)]).collect()
}

#[test]
fn open_at_the_end_is_open_at_the_start_and_what_began_without_what_closed() {
    for seed in 0..60 {
        let (all, query) = (random(seed), query(seed));
        let before = report_of(ReportQuery::new(0, query.from_ms), &all);
        let report = report_of(query, &all);
        let row = &report.rows[0];
        let change = number(row, Measure::Started) + number(row, Measure::Reopened) - number(row, Measure::Closings);
        assert_eq!(number(row, Measure::Open), number(&before.rows[0], Measure::Open) + change, "{seed}");
    }
}

#[test]
fn the_time_waited_is_the_integral_of_the_waiting() {
    for seed in 0..60 {
        let report = report_of(query(seed), &random(seed));
        let row = &report.rows[0];
        let length = (row.to - row.from) as f64;
        let expect = |times: &[Measure], levels: f64| {
            let total: i64 = times.iter().map(|measure| number(row, *measure)).sum();
            assert!((levels * length - total as f64).abs() < 0.5, "{seed} {times:?}");
        };
        expect(&[Measure::CustomerWait], mean(row, Measure::Waiting));
        expect(&[Measure::CustomerWait, Measure::AgentWait], mean(row, Measure::Open));
        expect(&[Measure::Handling], mean(row, Measure::Open) - mean(row, Measure::Unassigned));
    }
}

/// Measures whose parts by time add up to the whole.
fn add_up_over_time() -> impl Iterator<Item = Measure> {
    with_within().into_iter().filter(|measure| {
        !matches!(
            measure,
            Measure::Open
                | Measure::Unassigned
                | Measure::Waiting
                | Measure::Unread
                | Measure::OldestWaiting
                | Measure::ClosedConversations
                | Measure::ActiveConversations
                // A conversation that is reopened in a later part is closed at the end of an earlier one.
                | Measure::LastClose
                | Measure::OpenTime
                | Measure::OneTurn
                | Measure::OneAgent
        )
    })
}

#[test]
fn the_parts_of_a_time_sum_to_the_whole() {
    for seed in 0..60 {
        let (all, query) = (random(seed), query(seed));
        let middle = i64::midpoint(query.from_ms, query.to_ms);
        if middle == query.from_ms {
            continue;
        }
        let part = |from_ms, to_ms| report_of(ReportQuery { from_ms, to_ms, ..query.clone() }, &all);
        let whole = part(query.from_ms, query.to_ms);
        let parts = [part(query.from_ms, middle), part(middle, query.to_ms)];
        for measure in add_up_over_time() {
            let sum: i64 = parts.iter().map(|part| number(&part.rows[0], measure)).sum();
            assert_eq!(sum, number(&whole.rows[0], measure), "{seed} {measure}");
        }
    }
}

#[test]
fn the_groups_sum_to_the_total() {
    for seed in 0..60 {
        let (all, query) = (random(seed), query(seed));
        let total = report_of(query.clone(), &all);
        let parts = report_of(query.by([GroupBy::Agent, GroupBy::Channel]), &all);
        for measure in with_within() {
            let is_distinct = matches!(measure, Measure::ClosedConversations | Measure::ActiveConversations);
            let of_parts = parts.rows.iter().map(|row| number(row, measure));
            let found = if measure == Measure::OldestWaiting { of_parts.max().unwrap_or(0) } else { of_parts.sum() };
            let expected = number(&total.rows[0], measure);
            assert!(found == expected || is_distinct && found >= expected, "{seed} {measure}: {found} {expected}");
        }
    }
}

#[test]
fn behind_each_number_are_as_many_rows() {
    for seed in 0..40 {
        let (all, query) = (random(seed), query(seed));
        for query in [query.clone(), query.by([GroupBy::Agent]).attribute(super::super::Attribution::Start)] {
            expect_behind(&report_of(query.clone(), &all), &query, &all);
        }
    }
}

#[test]
fn the_order_of_conversations_and_of_arrival_changes_nothing() {
    for seed in 0..30 {
        let query = || query(seed).by([GroupBy::Agent, GroupBy::Source]);
        let mut all = random(seed);
        let expected = report_of(query(), &all);
        all.reverse();
        assert_eq!(report_of(query(), &all), expected, "{seed}");
        let mut events: Vec<Event> = any_events(seed, 24);
        let one = report_of(query(), &transitions(&events));
        events.reverse();
        assert_eq!(report_of(query(), &transitions(&events)), one, "{seed}");
    }
}

#[test]
fn each_closed_conversation_has_the_open_time_and_first_response_of_its_state() {
    let mut compared = 0;
    for seed in 0..60 {
        let events = any_events(seed, 24);
        let state = crate::course::tests::board(&events).state("c-1").unwrap();
        let one = transitions(&events);
        let report = report_of(ReportQuery::new(0, i64::from(u32::MAX)), &one);
        let durations = |measure| match report.rows[0].values.iter().find(|(of, _)| *of == measure) {
            Some((_, MeasureValue::Distribution(of))) => of.max,
            other => panic!("{other:?}"),
        };
        assert_eq!(durations(Measure::FirstResponse), state.first_response_ms, "{seed}");
        let closing = one[0].steps.iter().rfind(|step| step.closings > 0);
        // A later event can tell of an earlier start.
        let has_start = closing.is_some_and(|step| step.after.started_at == state.started_at);
        if let Some(open_time) = durations(Measure::OpenTime).filter(|_| has_start) {
            assert_eq!(open_time, state.open_ms, "{seed}");
            compared += 1;
        }
    }
    assert!(compared > 10, "{compared}");
}

#[test]
fn a_report_of_some_tenants_has_their_rows_of_the_whole_report() {
    for seed in 0..60 {
        let mut next = numbers(seed);
        let mut all = random(seed);
        for of in &mut all {
            let place = |tenant: Option<&str>| ReportPlace { tenant: tenant.map(Into::into), ..ReportPlace::default() };
            of.places = [None, Some("n"), Some("s"), Some("e")].map(place).to_vec();
            of.steps.iter_mut().for_each(|step| step.after.place = u32::try_from(next(4)).unwrap());
        }
        let (seen, tenant) = (["n", "e"], GroupBy::Tenant);
        for by in [&[tenant][..], &[tenant, GroupBy::Agent], &[GroupBy::Agent, tenant]] {
            let query = query(seed).by(by.iter().copied());
            let limited = query.clone().tenants(seen.map(str::to_owned).to_vec());
            let report = report_of(limited.clone(), &all);
            expect_behind(&report, &limited, &all);
            let is_seen = |row: &ReportRow| {
                let of = row.group.iter().find(|(by, _)| *by == tenant).map(|(_, value)| value);
                seen.iter().any(|seen| of == Some(&GroupValue::Text(Some((*seen).into()))))
            };
            let mut expected = report_of(query, &all).rows;
            expected.retain(is_seen);
            assert_eq!(report.rows, expected, "{seed} {by:?}");
        }
        // Also without groups.
        let whole = report_of(query(seed).tenants(vec!["n".to_owned()]), &all);
        let of_tenant = report_of(query(seed).by([tenant]), &all);
        let of_north = of_tenant.rows.iter().find(|row| row.group[0].1 == GroupValue::Text(Some("n".into())));
        if let Some(of_north) = of_north {
            assert_eq!(whole.rows[0].values, of_north.values, "{seed}");
        }
    }
}

#[test]
fn a_report_and_what_is_behind_it_are_read_back_from_their_json() {
    for seed in 0..20 {
        let all = random(seed);
        for by in [&[][..], &[GroupBy::Agent, GroupBy::Channel], &[GroupBy::Tenant]] {
            let query = query(seed).by(by.iter().copied()).every(Every::Hours(1));
            let report = report_of(query.clone(), &all);
            let json = serde_json::to_string(&report).unwrap();
            let read: Report = serde_json::from_str(&json).unwrap();
            assert_eq!(read, Report { by: Vec::new(), measures: Vec::new(), ..report });
            for measure in [Measure::Response, Measure::Unread, Measure::Within(1_500)] {
                let mut behind = BehindBuilder::new(query.clone(), measure).unwrap();
                all.iter().for_each(|conversation| behind.add(conversation));
                let behind = behind.finish().unwrap();
                let json = serde_json::to_string(&behind).unwrap();
                assert_eq!(serde_json::from_str::<Behind>(&json).unwrap(), behind);
            }
        }
    }
}
