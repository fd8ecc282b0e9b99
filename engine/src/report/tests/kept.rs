//! A report that is kept agrees with one that is computed again.

use std::sync::Arc;

use crate::course::tests::{any_events, board, numbers};
use crate::report::{
    BehindBuilder, Every, GroupBy, KeptReport, Measure, Report, ReportBuilder, ReportQuery, ReportQueryError,
    Transitions,
};
use crate::{Moment, Seq};

use super::{report_of, transitions_of};

const HOUR_MS: i64 = 3_600_000;

/// A conversation as it is known after each of its events. Its times are stretched over a day and more, and its agent has one of
/// some names.
fn versions(seed: u64, name: Option<&str>) -> Vec<Option<Transitions>> {
    let events = any_events(seed, 24);
    let board = board(&events);
    let known_at = |seq: Seq| Moment { as_of: None, known_at: Some(seq) };
    let version = |seq| board.past("c-1", known_at(seq), transitions_of).map(|of| stretched(of, name));
    (0..=events.len() as u64).map(version).collect()
}

fn stretched(mut of: Transitions, name: Option<&str>) -> Transitions {
    let stretch = |ms: &mut i64| *ms *= 6_007;
    for step in &mut of.steps {
        stretch(&mut step.at);
        step.message.iter_mut().for_each(|said| stretch(&mut said.at));
        let after = &mut step.after;
        stretch(&mut after.started_at);
        after.waiting_since.iter_mut().chain(&mut after.first_inbound_at).for_each(stretch);
    }
    let with_id = of.agents.iter_mut().filter(|agent| agent.id.is_some());
    with_id.for_each(|agent| agent.name = name.map(Arc::from));
    of
}

/// Asks the kept report, if there is one. Returns the answer, and the number of buckets that were computed.
fn ask(
    kept: &mut Option<KeptReport>,
    query: &ReportQuery,
    changes: Vec<[Option<Transitions>; 2]>,
    now: &[Transitions],
) -> (Report, usize) {
    let mut report = match kept.take() {
        Some(earlier) => {
            assert!(earlier.is_like(query));
            let mut report = earlier.for_query(query.clone()).unwrap();
            report.change(changes);
            report
        }
        None => KeptReport::new(query.clone()).unwrap(),
    };
    let mut computed = 0;
    while let Some(missing) = report.missing() {
        let mut builder = report.builder(&missing);
        now.iter().for_each(|of| builder.add(of));
        computed += missing.len();
        report.fill(missing, builder);
    }
    let answer = report.report().unwrap();
    *kept = Some(report);
    (answer, computed)
}

fn query(next: &mut impl FnMut(usize) -> usize, by: &[GroupBy], measures: &[Measure]) -> ReportQuery {
    let mut hour = || i64::try_from(next(26)).unwrap() * HOUR_MS;
    let from = hour();
    ReportQuery::new(from, from + hour() + HOUR_MS + hour() / 26)
        .every(Every::Hours(1))
        .by(by.to_vec())
        .measures(measures.to_vec())
}

fn expect_equal_after_changes(seed: u64, names: [Option<&str>; 3], computed: &mut [usize; 2]) {
    let mut next = numbers(seed);
    let all: Vec<_> = (0..5).map(|number| versions(seed * 8 + number, names[next(3)])).collect();
    let by = [&[][..], &[GroupBy::Agent], &[GroupBy::Agent, GroupBy::Channel]][next(3)];
    let measures = match next(3) {
        0 => Measure::ALL.into_iter().chain([Measure::Within(1_500 * 6_007)]).collect(),
        1 => vec![Measure::Unread, Measure::OldestWaiting, Measure::LastClose],
        _ => vec![Measure::Response, Measure::Started, Measure::ActiveConversations],
    };
    let mut known: Vec<usize> = all.iter().map(|of| next(of.len())).collect();
    let mut kept = None;
    let mut asked = query(&mut next, by, &measures);
    for step in 0..6 {
        let mut changes = Vec::new();
        for (of, known) in all.iter().zip(&mut known) {
            if next(3) == 0 {
                let before = of[*known].clone();
                *known = (*known + 1 + next(3)).min(of.len() - 1);
                changes.push([before, of[*known].clone()]);
            }
        }
        let now: Vec<_> = all.iter().zip(&known).filter_map(|(of, known)| of[*known].clone()).collect();
        if next(2) == 0 {
            asked = query(&mut next, by, &measures);
        }
        let expected = report_of(asked.clone(), &now);
        let (found, missing) = ask(&mut kept, &asked, changes, &now);
        assert_eq!(found, expected, "{seed} {step} {asked:?}");
        let buckets = ReportBuilder::new(asked.clone()).unwrap().bounds();
        computed[0] += missing;
        computed[1] += usize::try_from((buckets.1 - buckets.0 + HOUR_MS - 1) / HOUR_MS).unwrap();
    }
}

#[test]
fn a_kept_report_agrees_with_one_computed_again() {
    let mut computed = [0, 0];
    for seed in 0..60 {
        expect_equal_after_changes(seed, [Some("Ann"); 3], &mut computed);
    }
    // Many rows were taken over, although much has changed.
    assert!(computed[0] * 4 < computed[1] * 3, "{computed:?}");
}

#[test]
fn a_kept_report_has_the_latest_names_of_agents() {
    let mut computed = [0, 0];
    for seed in 300..380 {
        expect_equal_after_changes(seed, [Some("Ann"), Some("Anna"), None], &mut computed);
    }
    assert!(computed[0] < computed[1], "{computed:?}");
}

#[test]
fn a_late_event_makes_only_its_buckets_stale() {
    let log = |late: &str| {
        let log = format!(
            "02T09:00 c open agent=a\n 02T09:10 c in\n 02T09:20 c out\n 02T12:00 c close\n {late}\n 02T10:00 d in\n 02T11:30 d close"
        );
        super::conversations(&log)
    };
    let day = super::day().every(Every::Hours(1)).by([GroupBy::Agent]);
    let stale = |measures: &[Measure], late: &str| {
        let query = day.clone().measures(measures.to_vec());
        let (before, now) = (log(""), log(late));
        let mut kept = None;
        ask(&mut kept, &query, Vec::new(), &before);
        let mut report = kept.unwrap();
        report.change([[Some(before[0].clone()), Some(now[0].clone())]]);
        let mut hours = Vec::new();
        while let Some(missing) = report.missing() {
            hours.extend(missing.clone());
            let builder = report.builder(&missing);
            report.fill(missing, builder);
        }
        hours
    };
    let counts = [Measure::MessagesIn, Measure::MessagesOut, Measure::Response, Measure::Closings];
    // A question and its answer within one hour.
    assert_eq!(stale(&counts, "02T10:10 c in\n 02T10:20 c out"), [10]);
    assert_eq!(stale(&Measure::ALL, "02T10:10 c in\n 02T10:20 c out"), [10, 12]);
    // The member waits from the question to the close.
    assert_eq!(stale(&counts, "02T10:10 c in"), [10, 11]);
    assert_eq!(stale(&[Measure::Unanswered], "02T10:10 c in"), [12]);
    assert_eq!(stale(&[Measure::Open, Measure::Closings], "02T10:10 c in"), [0; 0]);
    // Closed two hours earlier.
    assert_eq!(stale(&[Measure::Open, Measure::Closings], "02T10:10 c close"), [10, 11, 12]);
    // The first response does not change with a second one.
    assert_eq!(stale(&[Measure::FirstResponse], "02T11:10 c in\n 02T11:20 c out"), [0; 0]);
}

#[test]
fn a_name_of_another_time_is_not_told() {
    let mut all =
        super::conversations("02T09:00 c open agent=a\n 02T09:30 c close\n 09T09:00 d open agent=a\n 09T10:00 d close");
    for (of, name) in all.iter_mut().zip(["Anna", "Ann"]) {
        of.agents.iter_mut().for_each(|agent| agent.name = Some(name.into()));
    }
    let week = |from: &str, to: &str| {
        let query = ReportQuery::new(super::ms(from), super::ms(to)).every(Every::Days(1)).by([GroupBy::Agent]);
        query.measures([Measure::Started])
    };
    let (first, second) = (week("02T00:00", "09T00:00"), week("09T00:00", "16T00:00"));
    let both = week("02T00:00", "16T00:00");
    // Each question after each other one.
    for before in [&first, &second, &both] {
        for query in [&first, &second, &both] {
            let mut kept = None;
            for asked in [before, query, query] {
                let (found, _) = ask(&mut kept, asked, Vec::new(), &all);
                assert_eq!(found, report_of(asked.clone(), &all));
            }
        }
    }
}

#[test]
fn many_runs_of_missing_rows_are_one() {
    let day = super::day().every(Every::Hours(1)).measures([Measure::MessagesIn]);
    let runs_after = |lines: &str| {
        let mut report = KeptReport::new(day.clone()).unwrap();
        let all = report.missing().unwrap();
        let builder = report.builder(&all);
        report.fill(all, builder);
        report.change(super::conversations(lines).into_iter().map(|of| [None, Some(of)]));
        let mut runs = Vec::new();
        while let Some(missing) = report.missing() {
            let builder = report.builder(&missing);
            report.fill(missing.clone(), builder);
            runs.push(missing);
        }
        runs
    };
    assert_eq!(runs_after("02T01:00 c in\n 02T02:00 c in\n 02T05:00 c in"), [1..3, 5..6]);
    let scattered: Vec<_> =
        (1..8).map(|number| format!("02T0{number}:00 c in")).filter(|line| line != "02T02:00 c in").collect();
    assert_eq!(runs_after(&scattered.join("\n")), [1..2, 3..8]);
    let scattered: Vec<_> = (0..10).step_by(2).map(|number| format!("02T0{number}:00 c in")).collect();
    let runs = runs_after(&scattered.join("\n"));
    assert_eq!((runs.first(), runs.len()), (Some(&(0..9)), 1));
}

#[test]
fn a_report_that_is_too_large_is_refused() {
    let hours = |years: i64| {
        let from = super::ms("02T00:00");
        ReportQuery::new(from - years * 365 * 24 * HOUR_MS, from).every(Every::Hours(1))
    };
    assert!(KeptReport::new(hours(5)).is_ok());
    assert!(matches!(KeptReport::new(hours(10)), Err(ReportQueryError::Values { .. })));
    assert!(matches!(ReportBuilder::new(hours(10)), Err(ReportQueryError::Values { .. })));
    // 100 agents.
    let lines: Vec<_> = (0..100).map(|number| format!("01T09:00 c-{number} open agent=a-{number}")).collect();
    let all = super::conversations(&lines.join("\n"));
    let size = |query: ReportQuery| {
        let mut builder = ReportBuilder::new(query.by([GroupBy::Agent])).unwrap();
        all.iter().for_each(|of| builder.add(of));
        builder.expect_size()
    };
    assert_eq!(size(hours(1).measures([Measure::Open])), Ok(()));
    assert!(matches!(size(hours(1)), Err(ReportQueryError::Values { .. })));
}

#[test]
fn too_many_rows_behind_a_number_are_refused() {
    let query = super::day().every(Every::Hours(1));
    let one = super::conversations("01T09:00 c open");
    let list = |conversations: usize| {
        let mut behind = BehindBuilder::new(query.clone(), Measure::Open).unwrap();
        let mut other = behind.another();
        for number in 0..conversations {
            if number % 2 == 0 { behind.add(&one[0]) } else { other.add(&one[0]) }
        }
        behind.merge(other);
        behind.finish().map(|behind| behind.rows.len())
    };
    assert_eq!(list(10), Ok(240));
    assert!(matches!(list(4_000_000 / 24 + 2), Err(ReportQueryError::Rows { .. })));
}
