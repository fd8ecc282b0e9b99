//! The two properties of explanations, and one test for each case that they found.

use std::collections::BTreeMap;

use super::*;
use crate::Board;
use crate::attribute::Attribute;
use crate::course::tests::{board, numbers};
use crate::draft::Draft;
use crate::draft::tests::{at, message};
use crate::event::{AIRSHIP, AgentMention, Direction, Event, SUPEROFFICE};
use crate::fold::steps;
use crate::identity::Identity;
use crate::moment::Moment;
use crate::session::Session;
use crate::state::Status;
use crate::time::Time;

const ID: &str = "c-1";

/// A generator of numbers below a bound.
type Next<'n> = &'n mut dyn FnMut(usize) -> usize;

fn pick<T: Copy, const N: usize>(from: [T; N], next: Next<'_>) -> T {
    from[next(N)]
}

/// An event of any kind, with everything that a rule reads.
fn any_event(number: usize, count: usize, source: &'static str, next: Next<'_>) -> Option<Event> {
    let ms = 1_000_000_000 + 500 * i64::try_from(next(count)).unwrap();
    let near = |next: Next<'_>| {
        let shift: i64 = pick([-90_000_000, -3_000, -1_000, -400, 0, 400, 1_000, 90_000_000], next);
        at(ms + if shift.abs() > 10_000 && next(6) > 0 { 0 } else { shift })
    };
    let kind =
        pick([Kind::Open, Kind::OpenClosed, Kind::Update, Kind::UpdateOpen, Kind::Close, Kind::Close].map(Some), next);
    let kind = kind.filter(|_| next(2) == 0).unwrap_or(Kind::Message);
    let identity = Identity::given(&number.saturating_sub(usize::from(next(10) == 0)).to_string(), 0);
    let agent = |id, name| AgentMention::Agent { id, name };
    let agents = [
        agent(Some("a"), Some("Ann")),
        agent(Some("a"), None),
        agent(Some("a"), Some("Bo")),
        agent(Some("b"), Some("Ann")),
        agent(None, Some("Ann")),
        agent(None, Some("Bo")),
        AgentMention::Nobody,
    ];
    let mention = if next(2) == 0 { pick(agents, next) } else { AgentMention::Silent };
    let status = pick([None, None, None, Some(0), Some(4), Some(5), Some(6), Some(7), Some(9), Some(12)], next);
    let session = Session { status, rating: pick([None, Some(1), Some(2)], next), ..Session::default() };
    let is_message = kind.is_message();
    let mut draft = Draft { source, kind, occurred: at(ms), identity: Some(identity), agent: mention, ..message() };
    draft.sent = if is_message && next(2) == 0 { near(next) } else { None };
    draft.started = if !is_message && next(3) == 0 { near(next) } else { None };
    draft.active = if !is_message && next(2) == 0 { near(next) } else { None };
    if kind == Kind::Close && next(3) == 0 && (draft.started.is_some() || draft.active.is_some()) {
        draft.occurred = None;
    }
    draft.unread = if !is_message && next(2) == 0 { Some(next(4) as u64) } else { None };
    draft.direction = pick([Some(Direction::In), Some(Direction::Out), None], next);
    draft.text = pick([None, Some("x"), Some("y")], next);
    draft.channel = if is_message { pick([None, Some("sms"), Some("in_app")], next) } else { None };
    draft.session = (source == SUPEROFFICE || next(5) == 0).then_some(session);
    for attribute in [Attribute::MemberName, Attribute::Tenant, Attribute::Shortcode] {
        draft.attributes[attribute as usize] = pick([None, None, Some("Unknown"), Some("Yara"), Some("Zoe")], next);
    }
    draft.build().ok()
}

fn any_events(seed: u64, count: usize) -> Vec<Event> {
    let mut next = numbers(seed);
    let sources: [&[&'static str]; 3] = [&[AIRSHIP], &[SUPEROFFICE], &[AIRSHIP, SUPEROFFICE]];
    let sources = sources[next(3)];
    let sources: Vec<_> = (0..count).map(|_| sources[next(sources.len())]).collect();
    let events = sources.into_iter().enumerate();
    events.filter_map(|(number, source)| any_event(number, count, source, &mut next)).collect()
}

/// The value of each field without some events; nothing if there are no others.
fn values(past: &Past<'_>, removed: &[Seq]) -> Option<Value> {
    past.without(removed).map(|past| as_json(&past.state()))
}

fn field_of(explanation: &Explanation) -> Field {
    field::all().find(|field| field.name == explanation.field).unwrap()
}

fn value_in(explanation: &Explanation, state: &Value) -> Value {
    value_of(&field_of(explanation), state).cloned().unwrap_or_default()
}

/// What a field has if nothing gives it a value.
fn is_default(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

#[track_caller]
fn expect_same(explanation: &Explanation, state: Option<&Value>, what: &dyn Fn() -> String) {
    match state {
        Some(state) => assert_eq!(value_in(explanation, state), explanation.value, "{} {}", explanation.field, what()),
        None => assert!(is_default(&explanation.value), "{} {}", explanation.field, what()),
    }
}

fn causes_of(explanation: &Explanation) -> Vec<Seq> {
    let mut causes: Vec<_> = explanation.because.iter().map(|reason| reason.seq).collect();
    causes.sort_unstable();
    causes
}

/// Checks both properties for each field.
fn check(past: &Past<'_>, next: Next<'_>, what: &str) {
    let state = as_json(&past.state());
    let explanations = past.explain(None, 0);
    let mut all: Vec<Seq> = past.in_order().map(|(_, fact)| fact.seq).collect();
    all.extend(past.lost_with_winners().map(|(_, fact)| fact.seq));
    all.sort_unstable();
    let without_one: BTreeMap<Seq, Option<Value>> = all.iter().map(|seq| (*seq, values(past, &[*seq]))).collect();
    for explanation in &explanations {
        let causes = causes_of(explanation);
        assert_eq!(value_in(explanation, &state), explanation.value, "{what}");
        assert!(causes.iter().all(|seq| all.binary_search(seq).is_ok()));
        let others: Vec<Seq> = all.iter().copied().filter(|seq| causes.binary_search(seq).is_err()).collect();
        // What is not listed can be missing: one by one, all together, and any of them.
        for seq in &others {
            expect_same(explanation, without_one[seq].as_ref(), &|| format!("{what} without {seq}: {explanation:?}"));
        }
        let mut some = others.clone();
        some.retain(|_| next(2) == 0);
        for removed in [&others, &some] {
            let state = values(past, removed);
            expect_same(explanation, state.as_ref(), &|| format!("{what} without {removed:?}: {explanation:?}"));
        }
        // Without its causes the value is another one, or other events say the same.
        let reduced = past.without(&causes);
        let without = reduced.as_ref().map(|past| value_in(explanation, &as_json(&past.state())));
        assert_eq!(explanation.without, without, "{what}");
        if let Some(reduced) = reduced.filter(|_| without.as_ref() == Some(&explanation.value)) {
            let name = explanation.field.parse().unwrap();
            let again = reduced.explain(Some(name), 0);
            assert!(
                !again[0].because.is_empty() || is_default(&explanation.value),
                "{what}: {explanation:?} {again:?}"
            );
        }
    }
}

fn check_seeds(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let mut next = numbers(seed + 77);
        let events = any_events(seed, 3 + usize::try_from(seed).unwrap() % 22);
        let board = board(&events);
        check_at(&board, Moment::LATEST, &mut next, &format!("seed {seed}"));
        let Some(event) = events.get(next(events.len().max(1))) else { continue };
        let as_of = [None, Some(event.at().alone())][next(2)];
        let known_at = [None, Some(next(events.len() + 1) as Seq)][next(2)];
        let moment = Moment { as_of, known_at };
        check_at(&board, moment, &mut next, &format!("seed {seed} {moment:?}"));
    }
}

fn check_at(board: &Board, moment: Moment, next: Next<'_>, what: &str) {
    board.past(ID, moment, |past| check(past, next, what));
}

/// More cases: `CONVOFOLD_EXPLAIN_SEEDS=FROM..TO`.
#[test]
fn exactly_the_causes_decide_the_value() {
    let given = std::env::var("CONVOFOLD_EXPLAIN_SEEDS").ok();
    let range = given.as_deref().and_then(|given| given.split_once(".."));
    let (from, to) = range.map_or((0, 60), |(from, to)| (from.parse().unwrap(), to.parse().unwrap()));
    check_seeds(from..to);
}

/// The set without some events is that of a database that never had them.
#[test]
fn without_some_events_is_the_fold_of_the_others() {
    for seed in 0..200 {
        let mut next = numbers(seed + 5);
        let events = any_events(seed, 20);
        let removed: Vec<Seq> = (1..=events.len() as Seq).filter(|_| next(3) == 0).collect();
        let mut others = Board::new();
        for (seq, event) in (1..).zip(&events) {
            if removed.binary_search(&seq).is_err() {
                others.edit().apply(seq, event);
            }
        }
        let state = board(&events).past(ID, Moment::LATEST, |past| past.without(&removed).map(|past| past.state()));
        assert_eq!(state.flatten(), others.state(ID), "seed {seed}");
    }
}

fn paths(value: &Value) -> Vec<String> {
    let Value::Object(keys) = value else { return Vec::new() };
    let path = |(key, value): (&String, &Value)| match paths(value) {
        parts if parts.is_empty() => vec![key.clone()],
        parts => parts.into_iter().map(|part| format!("{key}.{part}")).collect(),
    };
    keys.iter().flat_map(path).collect()
}

#[test]
fn each_key_of_an_export_line_is_a_field_and_each_field_is_one() {
    let agent = AgentMention::Agent { id: Some("a"), name: Some("Ann") };
    let event = Draft { source: SUPEROFFICE, agent, text: Some("hi"), ..message() }.build().unwrap();
    let line = board(&[event]).state(ID).unwrap().export_line();
    let mut keys = paths(&serde_json::from_str(&line).unwrap());
    let mut names: Vec<_> = field::all().map(|field| field.name.to_owned()).collect();
    assert_eq!(names.len(), keys.len());
    // The order of the export, as far as a map of JSON keeps one.
    let mut at = 0;
    for field in field::all() {
        let key = format!("\"{}\":", field.name.rsplit('.').next().unwrap());
        at += line[at..].find(&key).unwrap_or_else(|| panic!("{key} is not in the order of the export"));
    }
    keys.sort();
    names.sort();
    assert_eq!(names, keys);
}

#[test]
fn a_name_stands_for_a_field_or_for_those_within_it() {
    let board = board(&[message().build().unwrap()]);
    let explained = |name: &str| {
        let name = name.parse().ok()?;
        let explain = |past: &Past<'_>| past.explain(Some(name), 20);
        let found = board.past(ID, Moment::LATEST, explain)?;
        Some(found.into_iter().map(|explanation| explanation.field).collect::<Vec<_>>())
    };
    assert_eq!(explained("status").unwrap(), ["status"]);
    assert_eq!(
        explained("member").unwrap(),
        ["member.name", "member.number", "member.business_id", "member.channel_id"]
    );
    assert_eq!(explained("agent").unwrap(), ["agent.id", "agent.name"]);
    assert_eq!(explained("session").unwrap().len(), Session::FIELDS.len() + 1);
    assert_eq!(explained("stat"), None);
    let error = "stat".parse::<FieldName>().unwrap_err();
    assert!(error.to_string().starts_with("invalid field \"stat\" (expected one of: id, source, "), "{error}");
    assert_eq!(FieldName::all().map(FieldName::name).filter(|name| *name == "session").count(), 1);
}

fn said(ms: i64, direction: Direction) -> Draft<'static> {
    Draft { occurred: at(ms), sent: None, direction: Some(direction), text: None, ..message() }
}

fn lifecycle(ms: i64, kind: Kind) -> Draft<'static> {
    Draft { kind, direction: None, ..said(ms, Direction::In) }
}

/// The explanation of a field of the conversation with these events, in this order of arrival.
fn explain(drafts: &[Draft<'static>], field: &str) -> Explanation {
    let events: Vec<_> = drafts.iter().map(|draft| draft.clone().build().unwrap()).collect();
    let name = field.parse().unwrap();
    let found = board(&events).past(ID, Moment::LATEST, |past| past.explain(Some(name), 20)).unwrap();
    found.into_iter().next().unwrap()
}

fn seqs(reasons: &[Reason]) -> Vec<Seq> {
    reasons.iter().map(|reason| reason.seq).collect()
}

#[test]
fn f2_the_latest_statement_decides_over_earlier_ones_and_messages_change_nothing() {
    let drafts = [
        lifecycle(1_000, Kind::Open),
        lifecycle(3_000, Kind::Close),
        said(4_000, Direction::In),
        said(2_000, Direction::In),
    ];
    let found = explain(&drafts, "status");
    assert_eq!((&found.value, &found.without), (&"closed".into(), &Some("open".into())));
    assert_eq!(
        (found.rule.as_str(), found.sentence.as_str()),
        ("F2", "the latest statement decides; without one it is open")
    );
    assert_eq!((seqs(&found.because), seqs(&found.over), seqs(&found.not)), (vec![2], vec![1], vec![3]));
    assert_eq!(found.over[0].why.as_deref(), Some("earlier"));
    assert_eq!(found.not[0].why.as_deref(), Some("a message without a usable status never changes it"));
    assert_eq!((found.because[0].at, found.because[0].event), (3_000, Kind::Close));
}

#[test]
fn t3_a_close_without_a_time_takes_that_of_the_latest_event() {
    let close = Draft { occurred: None, started: at(500), ..lifecycle(0, Kind::Close) };
    let drafts = [said(1_000, Direction::In), close, said(9_000, Direction::In)];
    let found = explain(&drafts, "closed_at");
    assert_eq!((&found.value, seqs(&found.because)), (&9_000.into(), vec![3, 2]));
    assert_eq!(found.because[0].why.as_deref(), Some("decides the time of a close without one (T3)"));
    assert_eq!(found.without, Some(Value::Null));
    assert_eq!(seqs(&explain(&drafts, "status").because), [2]);
}

/// Regression: alone, the close has a later time than the moment, but it is in the set.
#[test]
fn t3_a_close_stays_in_the_set_without_the_event_that_gave_its_time() {
    let close = Draft { occurred: None, active: at(9_000), ..lifecycle(0, Kind::Close) };
    let events = [said(1_000, Direction::In), close].map(|draft| draft.build().unwrap());
    let status = |past: &Past<'_>| past.without(&[1]).map(|past| past.state().status);
    let found = board(&events).past(ID, Moment::as_of(at(5_000).unwrap()), status);
    assert_eq!(found, Some(Some(Status::Closed)));
}

#[test]
fn i2_the_version_that_lost_is_listed_with_the_reason() {
    let said = |text| Draft { text: Some(text), identity: Some(Identity::given("x", 0)), ..said(1, Direction::In) };
    let found = explain(&[said("One"), said("Two")], "last_message.text");
    let (winner, loser) = if found.value == "One" { (1, 2) } else { (2, 1) };
    assert_eq!((seqs(&found.because), seqs(&found.over)), (vec![winner], vec![loser]));
    let why = format!("another version of event {winner}, with a larger content hash (I2)");
    assert_eq!(found.over[0].why.as_ref(), Some(&why));
    assert_eq!(found.without, Some(if winner == 1 { "Two" } else { "One" }.into()));
}

#[test]
fn f5_a_name_alone_is_explained_by_who_had_it() {
    let mention = |ms, id, name| {
        let agent = AgentMention::Agent { id, name };
        Draft { agent, ..said(ms, Direction::Out) }
    };
    let drafts = [mention(1, Some("a"), Some("Ann")), mention(2, Some("a"), None), mention(3, None, Some("Ann"))];
    let found = explain(&drafts, "agent.id");
    assert_eq!((&found.value, seqs(&found.because)), (&"a".into(), vec![1, 2, 3]));
}

#[test]
fn a_long_list_is_cut_in_its_middle_and_counted() {
    let drafts: Vec<_> = (1..=100).map(|ms| said(ms, Direction::In)).collect();
    let events: Vec<_> = drafts.into_iter().map(|draft| draft.build().unwrap()).collect();
    let board = board(&events);
    let explain = |name: &str, limit| {
        let name = name.parse().unwrap();
        let found = board.past(ID, Moment::LATEST, |past| past.explain(Some(name), limit)).unwrap();
        found.into_iter().next().unwrap()
    };
    let found = explain("messages_in", 5);
    assert_eq!((seqs(&found.because), found.because_count), (vec![1, 2, 3, 99, 100], Some(100)));
    assert_eq!((found.because.len(), found.without), (5, None));
    let whole = explain("messages_in", 0);
    assert_eq!((whole.because.len(), whole.because_count), (100, None));
    let first = explain("first_inbound_at", 3);
    assert_eq!((seqs(&first.because), seqs(&first.over), first.over_count), (vec![1], vec![2, 3, 4], Some(99)));
    let last = explain("channel", 3);
    assert_eq!((seqs(&last.because), seqs(&last.over), last.over_count), (vec![100], vec![99, 98, 97], Some(99)));
}

/// One walk, and one fold for each set of causes.
#[test]
fn an_explanation_takes_linear_time() {
    let direction = |number| if number % 3 == 0 { Direction::Out } else { Direction::In };
    let mut drafts: Vec<_> = (1..=2_000).map(|number| said(number * 10, direction(number))).collect();
    drafts.extend((1..=500).map(|number| lifecycle(number * 40, Kind::Open).unread(2)));
    let events: Vec<_> = drafts.into_iter().map(|draft| draft.build().unwrap()).collect();
    let board = board(&events);
    for name in FieldName::all() {
        let taken = steps(|| drop(board.past(ID, Moment::LATEST, |past| past.explain(Some(name), 20))));
        assert!(taken <= 3 * events.len() as u64 * field::all().filter(|field| name.includes(field)).count() as u64);
    }
}

#[test]
fn json_without_a_value_differs_from_null() {
    let alone = explain(&[said(1, Direction::In)], "status");
    assert_eq!(alone.without, None);
    let json = serde_json::to_value(&alone).unwrap();
    assert_eq!(json.get("without"), None);
    assert_eq!(serde_json::from_value::<Explanation>(json).unwrap(), alone);
    let null = explain(&[said(1, Direction::In), said(2, Direction::In)], "channel");
    assert_eq!(null.without, Some(Value::Null));
    assert_eq!(serde_json::from_value::<Explanation>(serde_json::to_value(&null).unwrap()).unwrap(), null);
}

/// The unused parts of a time are as they are in the log.
#[test]
fn times_are_cut_to_milliseconds() {
    let late = Draft { occurred: Time::from_ms_and_ns(5, 999_999), ..said(0, Direction::In) };
    assert_eq!(explain(&[late], "first_inbound_at").because[0].at, 5);
}
