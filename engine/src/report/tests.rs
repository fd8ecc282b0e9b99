//! Each measure on small logs, and the identities on random ones.

mod identities;
mod kept;
mod measures;
mod parts;
mod rules;

use serde_json::Value;

use crate::draft::Draft;
use crate::event::{AgentMention, Direction, Event, Kind};
use crate::report::{BehindBuilder, Every, Measure, Report, ReportBuilder, ReportQuery, Transitions};
use crate::session::Session;
use crate::{Board, Identity, Moment, Past, Time};

/// A time of March 2026 in UTC, as `02T09:30` or `02T09:30:15.250`.
#[track_caller]
fn ms(text: &str) -> i64 {
    let seconds = if text.len() == "02T09:30".len() { ":00" } else { "" };
    Time::parse_rfc3339(&format!("2026-03-{text}{seconds}Z")).unwrap().ms()
}

fn time(text: &str) -> Time {
    Time::from_ms(ms(text)).unwrap()
}

/// The event of a line: time, conversation, what happens, and `key=value` for the rest.
#[track_caller]
fn event(number: usize, line: &str) -> Event {
    let mut words = line.split_whitespace();
    let mut next = || words.next().unwrap();
    let (at, conversation, verb) = (next(), next(), next());
    let (kind, direction) = match verb {
        "open" => (Kind::Open, None),
        "created_closed" => (Kind::OpenClosed, None),
        "update" => (Kind::Update, None),
        "close" => (Kind::Close, None),
        "in" => (Kind::Message, Some(Direction::In)),
        "out" => (Kind::Message, Some(Direction::Out)),
        "other" => (Kind::Message, None),
        verb => panic!("{verb}"),
    };
    let identity = Identity::given(&number.to_string(), 0);
    let mut draft = Draft::new("test", conversation, kind, (at != "-").then(|| time(at))).direction(direction);
    draft = draft.identity(identity);
    for (key, value) in words.map(|word| word.split_once('=').unwrap()) {
        draft = match key {
            "agent" if value == "-" => draft.agent(AgentMention::Nobody),
            "agent" => draft.agent(AgentMention::agent(value, value)),
            "tenant" => draft.tenant(value),
            "channel" => draft.channel(value),
            "sent" => draft.sent(time(value)),
            "started" => draft.started(time(value)),
            "unread" => draft.unread(value.parse::<u64>().unwrap()),
            "status" => draft.session(Session::new().status(value.parse::<i64>().unwrap())),
            "id" => draft.identity(Identity::given(value, 0)),
            key => panic!("{key}"),
        };
    }
    draft.build().unwrap()
}

/// The conversations of a log: a line for each event.
#[track_caller]
fn conversations(log: &str) -> Vec<Transitions> {
    let lines = log.lines().map(str::trim).filter(|line| !line.is_empty());
    let events: Vec<_> = lines.enumerate().map(|(number, line)| event(number, line)).collect();
    transitions(&events)
}

fn transitions_of(past: &Past<'_>) -> Transitions {
    past.transitions()
}

fn every(text: &str) -> Every {
    text.parse().unwrap()
}

fn transitions(events: &[Event]) -> Vec<Transitions> {
    let mut board = Board::new();
    for (seq, event) in (1..).zip(events) {
        board.edit().apply(seq, event);
    }
    let mut ids: Vec<_> = events.iter().map(Event::conversation).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().map(|id| board.past(id, Moment::LATEST, transitions_of).unwrap()).collect()
}

/// The report of one builder, and of several that have some of the conversations each, also if these are read from JSON.
#[track_caller]
fn report_of(query: ReportQuery, conversations: &[Transitions]) -> Report {
    let mut builder = ReportBuilder::new(query).unwrap();
    let mut others = [builder.another(), builder.another()];
    let mut whole = builder.another();
    for (number, conversation) in conversations.iter().enumerate().rev() {
        let mut all = others.iter_mut().chain([&mut builder]);
        all.nth(number % 3).unwrap().add(conversation);
    }
    let mut from_json = builder.another();
    for part in others.iter().chain([&builder]) {
        let parts = serde_json::to_string(&part.parts()).unwrap();
        from_json.add_parts(serde_json::from_str(&parts).unwrap()).unwrap();
    }
    others.into_iter().for_each(|other| builder.merge(other));
    conversations.iter().for_each(|conversation| whole.add(conversation));
    let merged = builder.finish_with(|count, part| (0..count).rev().map(part).collect());
    let whole = whole.finish();
    assert_eq!(merged, whole);
    assert_eq!(from_json.finish(), whole);
    whole
}

/// The second of March.
fn day() -> ReportQuery {
    ReportQuery::new(ms("02T00:00"), ms("03T00:00"))
}

/// The rows of a report as JSON.
#[track_caller]
fn rows(log: &str, query: ReportQuery) -> Vec<Value> {
    let report = report_of(query.clone(), &conversations(log));
    expect_behind(&report, &query, &conversations(log));
    report.rows.iter().map(|row| serde_json::to_value(row).unwrap()).collect()
}

/// The value of a measure in each row.
#[track_caller]
fn values(log: &str, query: ReportQuery, measure: &str) -> Vec<Value> {
    let query = query.measures([measure.parse().unwrap()]);
    let key = query.measures.first().unwrap().to_string();
    rows(log, query).into_iter().map(|row| row[&key].clone()).collect()
}

/// The value of a measure on the second of March.
#[track_caller]
fn value(log: &str, measure: &str) -> Value {
    values(log, day(), measure).remove(0)
}

/// Behind each number there are as many rows.
#[track_caller]
fn expect_behind(report: &Report, query: &ReportQuery, conversations: &[Transitions]) {
    for measure in &report.measures {
        let mut behind = BehindBuilder::new(query.clone(), *measure).unwrap();
        let mut other = behind.another();
        for (number, conversation) in conversations.iter().enumerate() {
            if number % 2 == 0 { &mut behind } else { &mut other }.add(conversation);
        }
        behind.merge(other);
        let behind = behind.finish().unwrap().rows;
        let mut listed = 0;
        for row in &report.rows {
            let of_row: Vec<_> = behind.iter().filter(|it| it.from == row.from && it.group == row.group).collect();
            listed += of_row.len();
            let (_, value) = row.values.iter().find(|(of, _)| of == measure).unwrap();
            let value = serde_json::to_value(value).unwrap();
            let outcome =
                |name: Option<&str>| of_row.iter().filter(|it| it.outcome.map(super::RowOutcome::name) == name).count();
            let sum: i64 = of_row.iter().filter_map(|it| it.value).sum();
            match measure.kind() {
                super::MeasureKind::Level if *measure == Measure::Unread => assert_eq!(value["end"], sum),
                super::MeasureKind::Level => assert_eq!(value["end"], of_row.len()),
                super::MeasureKind::Count => assert_eq!(value, of_row.len()),
                super::MeasureKind::Total => assert_eq!(value, sum),
                super::MeasureKind::Duration => {
                    assert_eq!(value.as_i64(), of_row.iter().filter_map(|it| it.value).max());
                }
                super::MeasureKind::Distribution => {
                    assert_eq!(value["n"], outcome(None), "{measure}");
                    assert_eq!(value["pending"].as_u64().unwrap_or(0), outcome(Some("pending")) as u64, "{measure}");
                }
                super::MeasureKind::Outcome => {
                    let counts = ["met", "missed", "pending"].map(|name| outcome(Some(name)));
                    assert_eq!(
                        [&value["met"], &value["missed"], &value["pending"]],
                        counts.map(Value::from).each_ref()
                    );
                }
            }
        }
        assert_eq!(listed, behind.len(), "{measure}");
    }
}
