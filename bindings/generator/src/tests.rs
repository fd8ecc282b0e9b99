use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::{self, Write};

use serde_json::Value;

use crate::delivery::Delivery;
use crate::timeline::{HELD_PER_IN_FLIGHT, Timeline};
use crate::{Envelope, Faults, Generator, Mix, Options, OptionsError, Summary};

fn options() -> Options {
    Options { events: 20_000, ..Options::default() }
}

fn in_envelope(envelope: Envelope) -> Options {
    Options { mix: Mix::only(envelope), ..options() }
}

fn with_faults(faults: Faults) -> Options {
    Options { faults, ..options() }
}

fn log(options: &Options) -> (Vec<u8>, Summary) {
    let mut out = Vec::new();
    let summary = Generator::new(options.clone()).unwrap().write_to(&mut out).unwrap();
    assert_eq!(summary.bytes, out.len() as u64);
    assert_eq!(summary.garbage, summary.must_reject + summary.must_ignore);
    assert_eq!(summary.lines, summary.events + summary.duplicates + summary.garbage);
    assert_eq!(summary.lines, out.iter().filter(|b| **b == b'\n').count() as u64);
    assert_eq!(summary.events, options.events);
    (out, summary)
}

fn lines(log: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = log.split(|b| *b == b'\n').collect();
    assert_eq!(lines.pop(), Some(b"".as_slice()));
    lines
}

fn parse(line: &[u8]) -> Value {
    serde_json::from_slice(line).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(line)))
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn set(words: &str) -> BTreeSet<&str> {
    words.split_whitespace().collect()
}

/// An Airship event's body and its convo or message.
fn airship(line: &Value) -> (&Value, &Value) {
    let body = &line["body"];
    let inner = body["properties"].as_object().unwrap().values().next().unwrap();
    (body, inner)
}

fn number(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}

// ---- the same bytes ---------------------------------------------------------------------------------------------

#[test]
fn the_same_options_give_the_same_bytes() {
    for faults in [Faults::default(), all_faults()] {
        assert_eq!(log(&with_faults(faults)), log(&with_faults(faults)));
    }
    let other = Options { seed: 2, ..options() };
    assert_ne!(log(&options()).0, log(&other).0);
}

// ---- format and delivery do not change what happens ------------------------------------------------------------

fn all_faults() -> Faults {
    Faults { duplicates: 0.05, shuffle: 300, garbage: 0.03, message_first: 0.2 }
}

#[test]
fn a_mixed_log_consists_of_lines_of_the_pure_ones() {
    let mixed = log(&options()).0;
    let pure = [Envelope::AirshipApi, Envelope::AirshipRtds, Envelope::SuperOffice].map(|e| log(&in_envelope(e)).0);
    let pure = [lines(&pure[0]), lines(&pure[1]), lines(&pure[2])];
    let mut taken = [0; 3];
    for (n, line) in lines(&mixed).into_iter().enumerate() {
        let from = pure.iter().position(|log| log[n] == line).unwrap();
        taken[from] += 1;
    }
    assert!(taken.iter().all(|n| (5_500..8_000).contains(n)), "{taken:?}");
}

#[test]
fn both_airship_envelopes_carry_the_same_bodies() {
    let (api, rtds) = (log(&in_envelope(Envelope::AirshipApi)).0, log(&in_envelope(Envelope::AirshipRtds)).0);
    for (api, rtds) in lines(&api).into_iter().zip(lines(&rtds)) {
        assert_eq!(parse(api)["body"], parse(rtds)["body"]);
    }
}

#[test]
fn faults_add_and_move_lines_but_change_none() {
    let clean = log(&options()).0;
    let (faulty, summary) = log(&with_faults(all_faults()));
    let mut left: HashMap<&[u8], u32> = lines(&clean).into_iter().map(|line| (line, 0)).collect();
    assert_eq!(left.len(), 20_000);
    let (mut duplicates, mut garbage) = (0, 0);
    for line in lines(&faulty) {
        match left.get_mut(line) {
            Some(seen) => {
                duplicates += u64::from(*seen > 0);
                *seen += 1;
            }
            None => garbage += 1,
        }
    }
    assert!(left.values().all(|seen| *seen >= 1));
    assert_eq!((duplicates, garbage), (summary.duplicates, summary.garbage));
    assert!((800..1_200).contains(&duplicates), "{duplicates}");
    assert!((450..750).contains(&garbage), "{garbage}");
    assert!(summary.must_ignore > 50 && summary.must_reject > 300, "{summary:?}");
}

#[test]
fn faults_do_not_change_the_counts_of_conversations() {
    let (clean, faulty) = (log(&options()).1, log(&with_faults(all_faults())).1);
    assert_eq!((clean.conversations, clean.open), (faulty.conversations, faulty.open));
}

#[test]
fn a_shuffled_line_slips_at_most_by_the_window() {
    let clean = log(&options()).0;
    let places: HashMap<&[u8], usize> = lines(&clean).into_iter().enumerate().map(|(n, line)| (line, n)).collect();
    let shuffled = log(&with_faults(Faults { shuffle: 50, ..Faults::default() }));
    let slips: Vec<usize> =
        lines(&shuffled.0).into_iter().enumerate().map(|(n, line)| n.abs_diff(places[line])).collect();
    assert!(slips.iter().all(|slip| *slip <= 50));
    assert!(slips.iter().filter(|slip| **slip > 0).count() > 15_000);
}

#[test]
fn the_message_may_come_before_its_opening() {
    let mut options = in_envelope(Envelope::AirshipApi);
    options.reopen = 0.0;
    options.faults.message_first = 1.0;
    let (log, summary) = log(&options);
    let mut first = HashMap::new();
    for line in lines(&log) {
        let line = parse(line);
        let (body, _) = airship(&line);
        first.entry(body["transaction"].to_string()).or_insert_with(|| body["name"].to_string());
    }
    assert_eq!(first.len() as u64, summary.conversations);
    // The last conversation can be cut off before its message.
    let others = first.values().filter(|name| *name != "\"live_chat_message\"").count();
    assert!(others <= 1, "{others}");
}

#[test]
fn a_repetition_follows_what_it_repeats() {
    let (log, summary) = log(&with_faults(Faults { duplicates: 1.0, ..Faults::default() }));
    assert_eq!(summary.duplicates, summary.events);
    let mut last_seen = HashMap::new();
    for (n, line) in lines(&log).into_iter().enumerate() {
        if let Some(before) = last_seen.insert(line, n) {
            // 200 events, and the repetitions of those and of the 200 before them.
            assert!(n - before <= 600, "{before} {n}");
        }
    }
}

// ---- the shape --------------------------------------------------------------------------------------------------

#[test]
fn every_airship_line_has_the_shape_of_the_samples() {
    for envelope in [Envelope::AirshipApi, Envelope::AirshipRtds] {
        let log = log(&in_envelope(envelope)).0;
        for line in lines(&log) {
            let line = parse(line);
            if envelope == Envelope::AirshipApi {
                assert_eq!(keys(&line), set("occurred user body"));
                assert_eq!(keys(&line["user"]), set("channel"));
            } else {
                assert_eq!(keys(&line), set("id offset occurred processed device type body"));
                assert_eq!(line["type"], "CUSTOM");
                assert!(line["processed"].as_str().unwrap() > line["occurred"].as_str().unwrap());
            }
            check_body(&line);
        }
    }
}

fn check_body(line: &Value) {
    let (body, inner) = airship(line);
    assert_eq!(keys(body), set("name interaction_type transaction properties"));
    if body["name"] == "live_chat_convo" {
        assert_eq!(
            keys(inner),
            set("member_business_id member_name member_number shortcode business_id started_timestamp last_message \
                 last_message_direction message_count_since_last_accessed last_active_timestamp agent_id agent_name")
        );
        let closes = body["interaction_type"] == "convo_close";
        assert_eq!(inner["last_active_timestamp"].is_null(), closes);
        assert_eq!(
            body["transaction"],
            format!(
                "{}_{}",
                inner["member_business_id"].as_str().unwrap(),
                inner["started_timestamp"].as_str().unwrap()
            )
        );
    } else {
        assert_eq!(body["name"], "live_chat_message");
        assert_eq!(
            keys(inner),
            set("id timestamp business_id agent_id agent_name direction member_business_id number shortcode \
                 airship_app_key airship_channel_id message mms status")
        );
        let inbound = body["interaction_type"].as_str().unwrap().ends_with("_in");
        assert_eq!(inner["direction"], if inbound { "IN" } else { "OUT" });
        let of_ms = inner["timestamp"].as_str().unwrap();
        assert_eq!(&of_ms[10..], &line["occurred"].as_str().unwrap()[20..23]);
    }
    assert_eq!(inner["agent_id"].is_null(), inner["agent_name"].is_null());
}

#[test]
fn every_superoffice_line_has_the_shape_of_the_samples() {
    let (log, summary) = log(&in_envelope(Envelope::SuperOffice));
    let mut events: BTreeMap<String, u64> = BTreeMap::new();
    let mut statuses: BTreeSet<String> = BTreeSet::new();
    let mut ids = HashSet::new();
    let mut times: HashMap<String, String> = HashMap::new();
    let outer =
        set("EventId Timestamp Changes Event PrimaryKey Entity ContextIdentifier ChangedByAssociateId WebhookName");
    for line in lines(&log) {
        let line = parse(line);
        let mut found = keys(&line);
        if found.remove("FieldValues") {
            let fields: BTreeMap<String, &Value> = line["FieldValues"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(key, value)| (key.to_lowercase().replace('_', ""), value))
                .collect();
            assert_eq!(fields.len(), 13);
            statuses.insert(fields["status"].to_string().replace('"', ""));
        } else {
            assert_eq!(line["Event"], "chatsession.changed");
        }
        assert_eq!(found, outer);
        assert!(ids.insert(line["EventId"].to_string()));
        *events.entry(line["Event"].as_str().unwrap().to_owned()).or_default() += 1;
        let time = line["Timestamp"].as_str().unwrap().trim_end_matches('Z').to_owned();
        if let Some(before) = times.insert(line["PrimaryKey"].to_string(), time.clone()) {
            assert!(before < time, "{before} {time}");
        }
    }
    assert_eq!(events["chatsession.created"], summary.conversations);
    assert_eq!(statuses.iter().map(String::as_str).collect::<BTreeSet<_>>(), set("4 5 6 7 9 11"));
    assert!(events["chatsession.message"] > 14_000 && events["chatsession.changed"] > 2_000, "{events:?}");
}

#[test]
fn status_names_come_with_the_fourth_tenant() {
    let options = Options { tenants: 4, ..in_envelope(Envelope::SuperOffice) };
    let log = String::from_utf8(log(&options).0).unwrap();
    for name in ["InQueue", "CustomerLast", "UserLast", "Finished", "Closed", "ClosedFromQueue"] {
        assert!(log.contains(&format!("\"status\":\"{name}\"")), "{name}");
    }
}

// ---- the content ------------------------------------------------------------------------------------------------

#[derive(Default)]
struct State {
    last: String,
    open: bool,
    unread: u64,
    agent: Value,
    text: Value,
    reopens: u32,
    transfers: u32,
}

#[test]
fn the_airship_log_tells_a_consistent_story() {
    let (log, summary) = log(&in_envelope(Envelope::AirshipApi));
    let mut states: HashMap<String, State> = HashMap::new();
    let mut distinct = HashSet::new();
    let mut before = String::new();
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for line in lines(&log) {
        assert!(distinct.insert(line), "the same event twice");
        let line = parse(line);
        let (body, inner) = airship(&line);
        let occurred = line["occurred"].as_str().unwrap().to_owned();
        assert!(before <= occurred, "time runs backwards");
        before.clone_from(&occurred);
        let kind = body["interaction_type"].as_str().unwrap();
        *kinds.entry(kind.to_owned()).or_default() += 1;
        let state = states.entry(body["transaction"].to_string()).or_default();
        tell(state, kind, inner, &occurred);
    }
    assert_eq!(states.len() as u64, summary.conversations);
    assert_eq!(states.values().filter(|s| s.open).count() as u64, summary.open);
    let share = |n: usize| n as f64 / states.len() as f64;
    assert!((0.03..0.1).contains(&share(states.values().filter(|s| s.open).count())));
    assert!((0.02..0.08).contains(&share(states.values().filter(|s| s.reopens > 0).count())));
    assert!((0.05..0.11).contains(&share(states.values().filter(|s| s.transfers > 0).count())));
    for (kind, low, high) in [
        ("app_in", 4_000, 7_000),
        ("app_out", 4_000, 7_000),
        ("sms_in", 2_000, 4_000),
        ("sms_out", 2_000, 4_000),
        ("convo_open", 2_000, 4_000),
        ("convo_close", 900, 1_300),
    ] {
        assert!((low..high).contains(&kinds[kind]), "{kinds:?}");
    }
}

/// Checks an event against the state of its conversation and applies it.
fn tell(state: &mut State, kind: &str, inner: &Value, occurred: &str) {
    let opening_pair = state.last == occurred;
    match kind {
        "convo_open" => {
            assert!(!opening_pair);
            let opens = !state.open;
            if opens {
                state.reopens += u32::from(!state.last.is_empty());
                assert!(!state.last.is_empty() || inner["agent_id"].is_null());
                // The count includes the message of the same millisecond.
                assert_eq!(number(&inner["message_count_since_last_accessed"]), state.unread + 1);
                state.text = inner["last_message"].clone();
            } else {
                check_convo(state, inner);
                state.transfers += u32::from(
                    !state.agent.is_null() && !inner["agent_id"].is_null() && state.agent != inner["agent_id"],
                );
            }
            state.open = true;
            state.agent = inner["agent_id"].clone();
        }
        "convo_close" => {
            assert!(state.open && !opening_pair);
            check_convo(state, inner);
            assert_eq!(state.agent, inner["agent_id"]);
            state.open = false;
        }
        _ => {
            assert!(state.open);
            assert_eq!(state.agent, inner["agent_id"]);
            let inbound = kind.ends_with("_in");
            assert!(inbound || !state.agent.is_null(), "nobody answers");
            assert!(!opening_pair || (inbound && state.text == inner["message"]));
            state.unread = if inbound { state.unread + 1 } else { 0 };
            state.text = inner["message"].clone();
        }
    }
    occurred.clone_into(&mut state.last);
}

fn check_convo(state: &State, inner: &Value) {
    assert_eq!(number(&inner["message_count_since_last_accessed"]), state.unread);
    assert_eq!(inner["last_message"], state.text);
}

#[test]
fn stream_ids_are_distinct() {
    let log = log(&in_envelope(Envelope::AirshipRtds)).0;
    let ids: HashSet<String> = lines(&log).into_iter().map(|line| parse(line)["id"].to_string()).collect();
    assert_eq!(ids.len(), 20_000);
}

#[test]
fn texts_are_of_a_natural_length_and_not_all_ascii() {
    let log = log(&in_envelope(Envelope::AirshipApi)).0;
    let texts: Vec<String> = lines(&log)
        .into_iter()
        .filter_map(|line| parse(line)["body"]["properties"]["message"]["message"].as_str().map(str::to_owned))
        .collect();
    let mean = texts.iter().map(String::len).sum::<usize>() / texts.len();
    assert!((45..56).contains(&mean), "{mean}");
    let share = |holds: fn(&String) -> bool| texts.iter().filter(|t| holds(t)).count() as f64 / texts.len() as f64;
    assert!((0.1..0.3).contains(&share(|t| !t.is_ascii())));
    assert!(share(|t| t.contains('"')) > 0.005);
    assert!(share(|t| t.contains('\\')) > 0.0005);
    assert!(share(|t| t.contains('\n')) > 0.001);
    assert!(share(|t| t.chars().any(|c| c > '\u{ffff}')) > 0.01);
    let distinct: HashSet<&String> = texts.iter().collect();
    assert!(distinct.len() * 4 > texts.len(), "{}", distinct.len());
}

// ---- size and limits --------------------------------------------------------------------------------------------

#[test]
fn only_the_conversations_in_flight_are_held() {
    for in_flight in [1u32, 20, 200] {
        let options = Options { events: 50_000, in_flight, ..Options::default() };
        let mut timeline = Timeline::new(options);
        let mut line = Vec::new();
        let (mut sum, mut most) = (0, 0);
        while timeline.next_event(&mut line).is_some() {
            line.clear();
            sum += timeline.held();
            most = most.max(timeline.held());
        }
        assert!(most <= HELD_PER_IN_FLIGHT * in_flight as usize, "{most}");
        let mean = sum / 50_000;
        assert!((in_flight as usize / 2..=in_flight as usize * 3).contains(&mean), "{in_flight} {mean}");
    }
}

#[test]
fn only_the_window_waits_for_delivery() {
    let options = with_faults(all_faults());
    let mut delivery = Delivery::new(&options);
    let mut timeline = Timeline::new(options);
    let mut line = Vec::new();
    while delivery.next_line(&mut timeline, &mut line).is_some() {
        line.clear();
        assert!(delivery.waiting() < 700, "{}", delivery.waiting());
    }
}

#[test]
fn the_iterator_returns_the_lines_that_are_written() {
    let options = with_faults(all_faults());
    let mut generator = Generator::new(options.clone()).unwrap();
    let lines: Vec<u8> = generator.by_ref().flat_map(|line| [line.bytes, vec![b'\n']].concat()).collect();
    let (written, summary) = log(&options);
    assert!(lines == written);
    assert_eq!(generator.summary(), summary);
}

#[test]
fn exactly_as_many_events_as_asked_for() {
    for events in [0, 1, 2, 3, 17, 1_000] {
        let options = Options { events, faults: all_faults(), ..Options::default() };
        assert_eq!(log(&options).1.events, events);
        let clean = Options { events, ..Options::default() };
        assert_eq!(log(&clean).1.lines, events);
    }
}

#[test]
fn odd_sizes_work() {
    let base = Options { events: 3_000, ..Options::default() };
    for (agents, tenants, in_flight) in [(1, 1, 1), (1, 9, 5), (2_000, 2, 5_000), (5_000, 1, 100_000)] {
        log(&Options { agents, tenants, in_flight, ..base.clone() });
    }
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let refused = |options: Options, name: &str| {
        let error: OptionsError = Generator::new(options).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    };
    refused(Options { agents: 0, ..options() }, "agents");
    refused(Options { tenants: 0, ..options() }, "tenants");
    refused(Options { in_flight: 0, ..options() }, "in_flight");
    refused(Options { reopen: 1.5, ..options() }, "reopen");
    refused(Options { transfer: f64::NAN, ..options() }, "transfer");
    refused(Options { start_ms: -1, ..options() }, "start_ms");
    refused(Options { start_ms: i64::MAX, ..options() }, "start_ms");
    let nothing = Mix { airship_api: 0, airship_rtds: 0, superoffice: 0 };
    refused(Options { mix: nothing, ..options() }, "mix");
    let garbage = Faults { garbage: -0.1, ..Faults::default() };
    refused(with_faults(garbage), "garbage");
}

#[test]
fn envelopes_have_names() {
    for name in Mix::NAMES {
        assert!(name.parse::<Mix>().is_ok(), "{name}");
    }
    assert_eq!("superoffice".parse(), Ok(Mix::only(Envelope::SuperOffice)));
    assert_eq!("mixed".parse(), Ok(Mix::default()));
    let error = "Airship".parse::<Mix>().unwrap_err();
    assert!(error.to_string().contains("\"Airship\"") && error.to_string().contains("airship-rtds"));
}

#[test]
fn an_error_of_the_writer_is_returned() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for faults in [Faults::default(), all_faults()] {
        let error = Generator::new(with_faults(faults)).unwrap().write_to(&mut Full).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
