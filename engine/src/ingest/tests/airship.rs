//! Airship: rules W1, W3, W4 and the fine print.

use super::*;
use crate::event::{AgentMention, At, Direction, Kind};
use crate::time::Time;

const CONVO: &str = include_str!("seeds/airship-convo.json");
const MESSAGE: &str = include_str!("seeds/airship-message.json");

fn ms(ms: i64) -> Option<Time> {
    Time::from_ms(ms)
}

#[test]
fn w3_the_seeds_conversation_event() {
    let event = event(CONVO);
    assert_eq!((event.source(), event.kind()), ("airship", Kind::Open));
    assert_eq!(event.conversation(), "017af0ac-636e-4a1d-8da0-275055c86b16_1627535468595");
    assert_eq!(event.occurred(), ms(1_565_723_700_000));
    assert_eq!((event.started(), event.active()), (ms(1_627_535_468_595), ms(1_627_535_468_595)));
    assert_eq!(event.at(), At::Timed(ms(1_627_535_468_595).unwrap()));
    assert_eq!((event.text(), event.direction(), event.unread()), (Some("Hello"), Some(Direction::In), Some(1)));
    let agent = AgentMention::Agent { id: Some("01796c4f-57b4-4db7-8ccb-4605630c6ed5"), name: Some("Adrien Mitchell") };
    assert_eq!((event.agent(), event.channel(), event.sent()), (agent, None, None));
    assert_eq!(event.member_name(), Some("Jane Smith"));
    assert_eq!(event.member_number(), Some("Android_57b6a6b9-8c2e-4029-baac-89bb3df8de22"));
    assert_eq!(event.member_business_id(), Some("017af0ac-636e-4a1d-8da0-275055c86b16"));
    assert_eq!((event.shortcode(), event.app_key()), (Some("IAbc_TTJRuarzs9-o_Abcd"), None));
    assert_eq!(event.tenant(), Some("01771d60-42f8-4288-9a28-b2b56587c4d6"));
    assert!(event.identity().is_content() && event.session().is_none());
}

#[test]
fn w3_the_seeds_message_event() {
    let event = event(MESSAGE);
    assert_eq!((event.kind(), event.channel(), event.direction()), (Kind::Message, Some("sms"), Some(Direction::In)));
    assert_eq!((event.sent(), event.started(), event.active()), (ms(1_627_535_468_595), None, None));
    assert_eq!((event.text(), event.unread(), event.member_name()), (Some("Hello"), None, None));
    assert_eq!(event.member_channel_id(), Some("57b6a6b9-8c2e-4029-baac-89bb3df8de22"));
    assert_eq!((event.app_key(), event.shortcode()), (Some("IAbc_TTJRuarzs9-o_Abcd"), Some("IAbc_TTJRuarzs9-o_Abcd")));
}

#[test]
fn w1_the_streams_form_has_an_identity_of_its_own() {
    let streamed = |id: &str| MESSAGE.replacen('{', &format!("{{{id}\"type\":\"CUSTOM\",\"offset\":\"7\","), 1);
    let with_id = event(streamed("\"id\":\"a8c66fc6-210c-11e6-a195-90e2ba211bf8\","));
    assert_eq!(with_id.identity().text(), "a8c66fc6-210c-11e6-a195-90e2ba211bf8");
    assert_eq!(event(streamed("\"id\":7,")).identity().text(), "7");
    for absent in ["", "\"id\":null,", "\"id\":\"\",", "\"id\":\"null\","] {
        assert!(event(streamed(absent)).identity().is_content(), "{absent}");
    }
    rejects(streamed("\"id\":true,"), "$.id", Reason::WrongType);
    assert_eq!(with_id.content(), event(MESSAGE).content());
}

#[test]
fn w1_events_outside_of_live_chat_are_ignored() {
    assert_eq!(
        ignored(r#"{"type":"OFFSET_UPDATE","id":"1","offset":"2"}"#),
        Ignored { source: "airship", reason: "offset_update" }
    );
    assert_eq!(ignored(r#"{"type":"CLOSE","id":"1","body":{}}"#), Ignored { source: "airship", reason: "other_type" });
    assert_eq!(ignored(r#"{"body":{"name":"purchase"}}"#), Ignored { source: "airship", reason: "other_name" });
    assert_eq!(
        ignored(r#"{"body":{"name":"LIVE_CHAT_MESSAGE","transaction":7}}"#),
        Ignored { source: "airship", reason: "other_name" }
    );
    assert_eq!(ignored(r#"{"type":7,"body":{}}"#), Ignored { source: "airship", reason: "other_type" });
    for wrong in ["true", "[]", "{}"] {
        rejects(format!(r#"{{"type":{wrong},"body":{{}}}}"#), "$.type", Reason::WrongType);
    }
    for absent in ["null", "\"\""] {
        assert_eq!(
            ignored(format!(r#"{{"type":{absent},"body":{{"name":"purchase"}}}}"#)),
            Ignored { source: "airship", reason: "other_name" }
        );
    }
}

#[test]
fn w5_required_fields() {
    let damaged = |from: &str, to: &str| {
        assert!(message("").contains(from), "{from}");
        message("").replace(from, to)
    };
    rejects(r#"{"occurred":"2021-07-29T05:11:08Z"}"#, "$.body", Reason::Missing);
    rejects(r#"{"body":[]}"#, "$.body", Reason::WrongType);
    for name in ["7", "[]", "{}", "true"] {
        rejects(damaged("\"live_chat_message\"", name), "$.body.name", Reason::WrongType);
    }
    for name in ["null", "\"\""] {
        rejects(damaged("\"live_chat_message\"", name), "$.body.name", Reason::Missing);
    }
    for transaction in ["12345", "[\"x\"]", "{\"id\":1}", "true"] {
        rejects(damaged("\"t-1\"", transaction), "$.body.transaction", Reason::WrongType);
    }
    for transaction in ["null", "\"\"", "\"null\"", "\"\\u006eull\""] {
        rejects(damaged("\"t-1\"", transaction), "$.body.transaction", Reason::Missing);
    }
    rejects(damaged("\"transaction\":\"t-1\",", ""), "$.body.transaction", Reason::Missing);
    for interaction in ["\"typing_start\"", "\"SMS_IN\"", "\"sms_in \"", "\"sms_in\\u0000\"", "\"convo_open\""] {
        rejects(damaged("\"sms_in\"", interaction), "$.body.interaction_type", Reason::UnknownInteraction);
    }
    rejects(damaged("\"sms_in\"", "7"), "$.body.interaction_type", Reason::WrongType);
    rejects(damaged("\"sms_in\"", "\"\""), "$.body.interaction_type", Reason::Missing);
    rejects(damaged("{\"message\":{}}", "\"none\""), "$.body.properties", Reason::WrongType);
    rejects(damaged(",\"properties\":{\"message\":{}}", ""), "$.body.properties", Reason::Missing);
    rejects(damaged("{\"message\":{}}", "{\"message\":1.5}"), "$.body.properties.message", Reason::WrongType);
    rejects(damaged("{\"message\":{}}", "{\"convo\":{}}"), "$.body.properties.message", Reason::Missing);
}

#[test]
fn f6_direction_and_channel_come_from_the_interaction_type() {
    for (interaction, channel, direction) in [
        ("sms_in", "sms", Direction::In),
        ("sms_out", "sms", Direction::Out),
        ("app_in", "in_app", Direction::In),
        ("app_out", "in_app", Direction::Out),
    ] {
        let event = event(message("\"direction\":\"SIDEWAYS\"").replace("\"sms_in\"", &format!("\"{interaction}\"")));
        assert_eq!((event.channel(), event.direction()), (Some(channel), Some(direction)));
    }
}

#[test]
fn w4_absent_ids_and_texts() {
    for absent in ["null", "\"null\"", "\"\""] {
        let event =
            event(message(&format!("\"number\":{absent},\"business_id\":{absent},\"airship_app_key\":{absent}")));
        assert_eq!((event.member_number(), event.tenant(), event.app_key()), (None, None, None));
    }
    for absent in ["null", "\"\""] {
        assert_eq!(event(message(&format!("\"message\":{absent}"))).text(), None);
    }
    assert_eq!(event(message("\"message\":\"null\"")).text(), Some("null"));
    assert_eq!(event(convo("\"member_name\":\"null\"")).member_name(), Some("null"));
    assert_eq!(event(message("\"number\":\" \"")).member_number(), Some(" "));
}

#[test]
fn w4_a_number_where_a_text_belongs_is_its_digits_as_written() {
    let event = event(message("\"number\":4477001.0,\"message\":1e3,\"shortcode\":-0"));
    assert_eq!((event.member_number(), event.text(), event.shortcode()), (Some("4477001.0"), Some("1e3"), Some("-0")));
    for wrong in ["true", "false", "{}", "[]"] {
        for field in ["number", "business_id", "agent_name", "message", "airship_channel_id"] {
            let path = format!("$.body.properties.message.{field}");
            rejects(message(&format!("\"{field}\":{wrong}")), &path, Reason::WrongType);
        }
        for field in ["member_name", "last_message", "last_message_direction", "agent_id"] {
            let path = format!("$.body.properties.convo.{field}");
            rejects(convo(&format!("\"{field}\":{wrong}")), &path, Reason::WrongType);
        }
        for field in ["id", "direction", "mms", "status", "anything"] {
            event_of(&message(&format!("\"{field}\":{wrong}")));
        }
    }
}

#[track_caller]
fn event_of(input: &str) -> crate::event::Event {
    super::event(input)
}

#[test]
fn w4_escapes_mean_what_they_say() {
    let text = r#""message":"a\n\"\u00e9\ud83d\ude00\/","\u006eumber":"\u0037""#;
    let event = event(message(text));
    assert_eq!((event.text(), event.member_number()), (Some("a\n\"\u{e9}\u{1f600}/"), Some("7")));
}

#[test]
fn w4_counts() {
    let unread = |value: &str| event_of(&convo(&format!("\"message_count_since_last_accessed\":{value}"))).unread();
    for (value, count) in
        [("1", 1), ("\"1\"", 1), ("\" 12 \"", 12), ("1.0", 1), ("1e3", 1_000), ("\"007\"", 7), ("0", 0), ("\"0\"", 0)]
    {
        assert_eq!(unread(value), Some(count), "{value}");
    }
    for absent in ["null", "\"\"", "\"null\"", "\"  \""] {
        assert_eq!(unread(absent), None, "{absent}");
    }
    let path = "$.body.properties.convo.message_count_since_last_accessed";
    assert_eq!(unread("9223372036854775807"), Some(9_223_372_036_854_775_807));
    for bad in [
        "-1",
        "\"-1\"",
        "1.5",
        "\"many\"",
        "\"+1\"",
        "\"0x1\"",
        "\"1_0\"",
        "1e400",
        "9223372036854775808",
        "\"9223372036854775808\"",
        "18446744073709551615",
    ] {
        let input = convo(&format!("\"message_count_since_last_accessed\":{bad}"));
        assert_eq!(&*rejection(input).expected, "a whole number from 0 to 9223372036854775807");
        rejects(convo(&format!("\"message_count_since_last_accessed\":{bad}")), path, Reason::BadNumber);
    }
    for wrong in ["true", "[1]", "{}"] {
        rejects(convo(&format!("\"message_count_since_last_accessed\":{wrong}")), path, Reason::WrongType);
    }
}

#[test]
fn w4_times() {
    let sent = |value: &str| event_of(&message(&format!("\"timestamp\":{value}"))).sent();
    for value in [
        "1627535468595",
        "\"1627535468595\"",
        "\" 1627535468595 \"",
        "1627535468595.0",
        "1627535468.595e3",
        "\"01627535468595\"",
        "\"2021-07-29T05:11:08.595Z\"",
        "\"2021-07-29 05:11:08.595\"",
        "\" 2021-07-29T07:11:08.595+02:00\\n\"",
    ] {
        assert_eq!(sent(value), ms(1_627_535_468_595), "{value}");
    }
    for absent in
        ["null", "\"\"", "\"null\"", "\"0\"", "0", "0.0", "-0", "\" \"", "\"0001-01-01T00:00:00\"", "\"0001-01-01\""]
    {
        assert_eq!(sent(absent), None, "{absent}");
    }
    let path = "$.body.properties.message.timestamp";
    for bad in [
        "-1",
        "0.5",
        "1627535468595.5",
        "253402300800000000000",
        "1e400",
        "99999999999999999999999",
        "\"not-a-number\"",
        "\"-\"",
        "\"0x17af\"",
        "\"16275354685.95x\"",
        "\"1969-12-31T23:59:59Z\"",
        "\"2021-07-29\"",
        "\"1_000\"",
        "\"+1\"",
        "\"1e400\"",
    ] {
        rejects(message(&format!("\"timestamp\":{bad}")), path, Reason::BadTime);
    }
    for wrong in ["true", "{\"ms\":1}", "[1]"] {
        rejects(message(&format!("\"timestamp\":{wrong}")), path, Reason::WrongType);
    }
    assert_eq!(sent("253402300799999000000"), ms(253_402_300_799_999));
    assert_eq!(sent("1627535468.5"), ms(1_627_535_468_500));
    assert_eq!(sent("\" 1627535468595000 \""), ms(1_627_535_468_595));
    assert_eq!(sent("\"2016-12-31T23:59:60Z\""), ms(1_483_228_800_000));
}

#[test]
fn w4_occurred_never_rejects() {
    for unusable in [
        "null",
        "7e999",
        "\"yesterday\"",
        "true",
        "[]",
        "{\"a\":1}",
        "-5",
        "\"1969-01-01T00:00:00Z\"",
        "0",
        "\"999999999999999999999\"",
    ] {
        let input = message("\"timestamp\":5").replace("\"2021-07-29T05:11:08Z\"", unusable);
        assert_eq!(event_of(&input).occurred(), None, "{unusable}");
    }
    let input = message("").replace("\"2021-07-29T05:11:08Z\"", "1627535468595");
    assert_eq!(event_of(&input).occurred(), ms(1_627_535_468_595));
}

#[test]
fn w5_t3_no_time_at_all() {
    let timeless = |input: String| input.replace("\"2021-07-29T05:11:08Z\"", "null");
    let malformed = |input: String| input.replace("2021-07-29T05:11:08Z", "yesterday");
    rejects(malformed(message("")), "$.occurred", Reason::BadTime);
    rejects(malformed(convo("")), "$.occurred", Reason::BadTime);
    rejects(malformed(message("")).replace("\"yesterday\"", "[]"), "$.occurred", Reason::WrongType);
    rejects(timeless(message("")), "$.body.properties.message.timestamp", Reason::NoTime);
    rejects(
        timeless(convo("\"last_active_timestamp\":0")),
        "$.body.properties.convo.started_timestamp",
        Reason::NoTime,
    );
    rejects(
        timeless(convo("").replace("convo_open", "convo_close")),
        "$.body.properties.convo.started_timestamp",
        Reason::NoTime,
    );
    let close = event_of(&timeless(convo("\"started_timestamp\":100000000005").replace("convo_open", "convo_close")));
    assert_eq!((close.kind(), close.at()), (Kind::Close, At::Untimed { alone: ms(100_000_000_005).unwrap() }));
}

#[test]
fn f2_a_last_activity_that_is_present_and_null_closes() {
    for absent in ["null", "\"null\"", "\"\"", "\"0\"", "0", "\"0001-01-01T00:00:00Z\""] {
        let event = event_of(&convo(&format!("\"last_active_timestamp\":{absent}")));
        assert_eq!((event.kind(), event.active()), (Kind::Close, None), "{absent}");
    }
    assert_eq!(event_of(&convo("")).kind(), Kind::Open);
    assert_eq!(event_of(&convo("\"last_active_timestamp\":5")).kind(), Kind::Open);
    let close = convo("\"last_active_timestamp\":5").replace("convo_open", "convo_close");
    assert_eq!((event_of(&close).kind(), event_of(&close).active()), (Kind::Close, ms(5_000)));
}

#[test]
fn f5_agent_mentions() {
    let agent = |id, name| AgentMention::Agent { id, name };
    for (fields, expected) in [
        ("", AgentMention::Silent),
        ("\"agent_id\":null", AgentMention::Nobody),
        ("\"agent_id\":\"null\"", AgentMention::Nobody),
        ("\"agent_name\":\"\"", AgentMention::Nobody),
        ("\"agent_id\":null,\"agent_name\":null", AgentMention::Nobody),
        ("\"agent_id\":null,\"agent_name\":\"null\"", agent(None, Some("null"))),
        ("\"agent_id\":7,\"agent_name\":null", agent(Some("7"), None)),
        ("\"agent_id\":\"a\",\"agent_name\":\"A\"", agent(Some("a"), Some("A"))),
    ] {
        assert_eq!(event_of(&convo(fields)).agent(), expected, "{fields}");
        let of_message = if expected == AgentMention::Nobody { AgentMention::Silent } else { expected };
        assert_eq!(event_of(&message(fields)).agent(), of_message, "{fields}");
    }
}

#[test]
fn the_last_direction_is_read_without_regard_to_case() {
    for (value, expected) in [
        ("\"IN\"", Some(Direction::In)),
        ("\"out\"", Some(Direction::Out)),
        ("\"both\"", None),
        ("null", None),
        ("7", None),
    ] {
        let fields = format!("\"last_message\":\"hi\",\"last_message_direction\":{value}");
        assert_eq!(event_of(&convo(&fields)).direction(), expected, "{value}");
    }
}

#[test]
fn w5_an_id_over_the_limit() {
    let (fits, long) = ("x".repeat(1024), "x".repeat(1025));
    assert_eq!(event_of(&message("").replace("t-1", &fits)).conversation(), fits);
    rejects(message("").replace("t-1", &long), "$.body.transaction", Reason::IdTooLong);
    rejects(message(&format!("\"number\":\"{long}\"")), "$.body.properties.message.number", Reason::IdTooLong);
    rejects(message("").replacen('{', &format!("{{\"id\":\"{long}\","), 1), "$.id", Reason::IdTooLong);
    rejects(convo(&format!("\"agent_id\":\"{long}\"")), "$.body.properties.convo.agent_id", Reason::IdTooLong);
    assert_eq!(event_of(&message(&format!("\"message\":\"{long}\""))).text(), Some(long.as_str()));
    let said = rejection(message("").replace("t-1", &long)).to_string();
    assert!(said.ends_with("$.body.transaction: expected an id of at most 1024 bytes, found 1025 bytes"), "{said}");
}

#[test]
fn w5_the_limit_is_for_the_ids_that_are_given() {
    let limits = Limits { max_id_bytes: 3, ..Limits::default() };
    let mut items = Vec::new();
    let log = format!("{}\n{}", message(""), chat("chatsession.created", "").replace("Default", "d"));
    Parser::new(Format::Auto, limits).parse_input(log.as_bytes(), &mut items);
    assert_eq!(account(&items), "e1 e2");
}

#[test]
fn w4_a_zone_applies_to_every_time_without_one_and_before_identity() {
    let in_zone = |zone: &str, input: &str| {
        let mut items = Vec::new();
        let parser = Parser::new(Format::Auto, Limits::default()).zone(zone.parse().unwrap());
        parser.parse_input(input.as_bytes(), &mut items);
        let [Item::Event(_, event)] = items.as_slice() else { panic!("{items:?}") };
        (**event).clone()
    };
    let local = message("\"timestamp\":\"2021-07-29 07:11:09\"").replace("05:11:08Z", "07:11:08");
    let utc = message("\"timestamp\":\"2021-07-29T05:11:09Z\"");
    assert_eq!(in_zone("Europe/Berlin", &local), event_of(&utc));
    assert_ne!(in_zone("UTC", &local).identity(), event_of(&utc).identity());
}

#[test]
fn w5_a_lone_surrogate_is_a_replacement_character_in_texts_and_names_and_refused_in_ids() {
    let event = event_of(&convo("\"member_name\":\"\\ud83dJo\",\"last_message\":\"a\\ude00\\ud83d\",\"\\ud83d\":1"));
    assert_eq!((event.member_name(), event.text()), (Some("\u{fffd}Jo"), Some("a\u{fffd}\u{fffd}")));
    for field in ["agent_id", "member_number", "shortcode"] {
        let path = format!("$.body.properties.convo.{field}");
        rejects(convo(&format!("\"{field}\":\"\\udc00\"")), &path, Reason::LoneSurrogate);
    }
    rejects(message("").replace("t-1", "\\ud83d"), "$.body.transaction", Reason::LoneSurrogate);
}

#[test]
fn w5_names_are_limited_and_texts_are_not() {
    let long = "\u{e4}".repeat(4_096);
    let name = |field: &str, name: &str| convo(&format!("\"{field}\":\"{name}\""));
    for field in ["member_name", "agent_name"] {
        assert_eq!(account(&parse(name(field, &long))), "e1");
        let path = format!("$.body.properties.convo.{field}");
        rejects(name(field, &format!("{long}x")), &path, Reason::NameTooLong);
        rejects(name(field, &"\\ud83d".repeat(2_731)), &path, Reason::NameTooLong);
    }
    assert_eq!(account(&parse(name("last_message", &format!("{long}x")))), "e1");
}

#[test]
fn w5_listed_interaction_types_are_ignored() {
    let ignored: IgnoreList = "typing_start, convo_snooze".parse().unwrap();
    let parse = |input: String| {
        let mut items = Vec::new();
        Parser::new(Format::Auto, Limits::default()).ignore(ignored.clone()).parse_input(input.as_bytes(), &mut items);
        items
    };
    let of = |interaction: &str| message("").replace("sms_in", interaction).replace("t-1", "");
    let reason = |input: String| match parse(input).as_slice() {
        [Item::Ignored(_, why)] => why.reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(of("typing_start")), "typing_start");
    assert_eq!(account(&parse(convo("").replace("convo_open", "convo_snooze"))), "i1");
    assert_eq!(account(&parse(of("typing_stop"))), "r1");
    let other = of("typing_start").replace("live_chat_message", "purchase");
    assert_eq!(reason(other), "other_name");
    for known in ["convo_open", "x,app_in", "", "x,"] {
        assert!(known.parse::<IgnoreList>().is_err(), "{known}");
    }
}
