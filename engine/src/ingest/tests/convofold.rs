//! convofold's own form: every event survives writing and reading, and the reader is strict.

use super::*;
use crate::draft::Draft;
use crate::event::{AgentMention, Direction, Kind};
use crate::identity::Identity;
use crate::session::Session;
use crate::time::Time;

const LEAST: &str =
    r#"{"convofold":1,"source":"desk","conversation":"c","kind":"message","occurred":"2021-07-29T05:11:08Z"}"#;

/// [`LEAST`] with an additional key.
fn with(field: &str) -> String {
    LEAST.replace('}', &format!(",{field}}}"))
}

/// [`LEAST`] with another value for a key.
fn with_other(from: &str, to: &str) -> String {
    assert!(LEAST.contains(from), "{from}");
    LEAST.replacen(from, to, 1)
}

fn whole() -> Draft<'static> {
    let session = Session {
        rating: Some(i64::MIN),
        consented: Some(false),
        customer_alias: Some(String::new()),
        ..Session::default()
    };
    Draft::new("desk", "c", Kind::Open, Time::from_ms_and_ns(1_627_535_468_595, 1))
        .identity(Identity::given("e-1", 2))
        .sent(Time::from_ms(0))
        .started(Time::from_ms(1))
        .active(Time::MAX)
        .unread(u64::MAX)
        .agent(AgentMention::Agent { id: Some(""), name: Some("Ida \"Ö\"\u{1}") })
        .direction(Direction::Out)
        .channel("fax")
        .text("")
        .member_name("null")
        .member_number("0")
        .member_business_id("b")
        .member_channel_id("m")
        .shortcode("s")
        .app_key("k")
        .tenant("t")
        .session(session)
}

#[test]
fn an_event_is_written_without_absent_fields() {
    let least = event(LEAST);
    assert_eq!(least.export_line(), LEAST.replace("08Z", "08.000Z"));
    let expected = concat!(
        r#"{"convofold":1,"source":"desk","conversation":"c","identity":"e-1","part":2,"kind":"open","#,
        r#""occurred":"2021-07-29T05:11:08.595000001Z","sent":"1970-01-01T00:00:00.000Z","#,
        r#""started":"1970-01-01T00:00:00.001Z","active":"9999-12-31T23:59:59.999999999Z","#,
        r#""unread":18446744073709551615,"agent":{"id":"","name":"Ida \"Ö\"\u0001"},"direction":"out","channel":"fax","#,
        r#""text":"","member_name":"null","member_number":"0","member_business_id":"b","member_channel_id":"m","#,
        r#""shortcode":"s","app_key":"k","tenant":"t","#,
        r#""session":{"consented":false,"customer_alias":"","rating":-9223372036854775808}}"#,
    );
    assert_eq!(whole().build().unwrap().export_line(), expected);
}

#[test]
fn a_written_event_reads_back_equal() {
    let drafts = [
        whole(),
        Draft { agent: AgentMention::Nobody, ..whole() },
        Draft { agent: AgentMention::Silent, session: None, identity: None, ..whole() },
        Draft { session: Some(Session::default()), text: None, ..whole() },
    ];
    for draft in drafts {
        let written = draft.build().unwrap();
        let read = event(written.export_line());
        assert_eq!((read.content(), &read), (written.content(), &written));
    }
}

#[test]
fn all_kinds_and_directions_have_their_words() {
    for kind in ["open", "open_closed", "update", "update_open", "message", "close"] {
        let line = with_other("message", kind);
        assert!(event(&line).export_line().contains(&format!("\"kind\":\"{kind}\"")), "{kind}");
    }
    for direction in ["in", "out"] {
        let line = with(&format!("\"direction\":\"{direction}\""));
        assert!(event(&line).export_line().contains(&format!("\"direction\":\"{direction}\"")), "{direction}");
    }
}

#[test]
fn another_order_and_the_arrival_of_an_event_mean_nothing() {
    let other = r#"{"occurred":"2021-07-29T07:11:08+02:00","kind":"message","seq":"x","received":[],
        "conversation":"c","convofold":1.0,"source":"desk"}"#;
    assert_eq!(event(other), event(LEAST));
}

#[test]
fn w6_an_unknown_key_is_refused() {
    for (field, path) in [
        (r#""agents":null"#, "$.agents"),
        (r#""body":null"#, "$.body"),
        (r#""Event":null"#, "$.Event"),
        (r#""agent":{"id":"a","email":"b"}"#, "$.agent.email"),
        (r#""session":{"stale":true}"#, "$.session.stale"),
    ] {
        rejects(with(field), path, Reason::UnknownKey);
    }
}

#[test]
fn w6_an_object_with_a_body_or_an_event_is_of_another_source() {
    let airship = message("").replacen('{', r#"{"convofold":1,"#, 1);
    assert_eq!(event(airship).source(), "airship");
    let superoffice = chat("chatsession.created", "").replacen('{', r#"{"convofold":1,"#, 1);
    assert_eq!(event(superoffice).source(), "superoffice");
}

#[test]
fn another_version_is_refused_by_its_number() {
    rejects(with_other(":1", ":2"), "$.convofold", Reason::UnknownVersion);
    let rejection = rejection(with_other(":1", ":2"));
    assert_eq!((&*rejection.expected, rejection.found.as_str()), ("1, the version of the form", "2"));
    for no_number in [":\"1\"", ":null", ":true"] {
        rejects(with_other(":1", no_number), "$.convofold", Reason::WrongType);
    }
}

#[test]
fn a_missing_required_field_is_named() {
    for (field, path) in [
        (r#""source":"desk","#, "$.source"),
        (r#""conversation":"c","#, "$.conversation"),
        (r#""kind":"message","#, "$.kind"),
    ] {
        rejects(with_other(field, ""), path, Reason::Missing);
    }
    rejects(with_other("\"desk\"", "\"\""), "$.source", Reason::Missing);
    rejects(with_other(r#","occurred":"2021-07-29T05:11:08Z""#, ""), "$.occurred", Reason::NoTime);
}

#[test]
fn a_value_of_another_type_is_refused() {
    let names = ["identity", "sent", "direction", "channel", "text", "member_name", "shortcode", "tenant"];
    for name in names {
        for value in ["7", "null", "{}", "true"] {
            rejects(with(&format!("\"{name}\":{value}")), &format!("$.{name}"), Reason::WrongType);
        }
    }
    for (field, path) in [
        (r#""unread":"7""#, "$.unread"),
        (r#""unread":null"#, "$.unread"),
        (r#""agent":"Ida""#, "$.agent"),
        (r#""agent":{"id":7}"#, "$.agent.id"),
        (r#""session":[]"#, "$.session"),
        (r#""session":{"rating":"7"}"#, "$.session.rating"),
        (r#""session":{"consented":1}"#, "$.session.consented"),
        (r#""session":{"customer_alias":null}"#, "$.session.customer_alias"),
    ] {
        rejects(with(field), path, Reason::WrongType);
    }
}

#[test]
fn an_invalid_value_of_the_right_type_is_refused() {
    for (field, path, reason) in [
        (r#""sent":"soon""#, "$.sent", Reason::BadTime),
        (r#""sent":"0001-01-01T00:00:00Z""#, "$.sent", Reason::BadTime),
        (r#""direction":"IN""#, "$.direction", Reason::UnknownWord),
        (r#""unread":-1"#, "$.unread", Reason::BadNumber),
        (r#""unread":18446744073709551616"#, "$.unread", Reason::BadNumber),
        (r#""identity":"x","part":256"#, "$.part", Reason::BadNumber),
        (r#""part":1"#, "$.part", Reason::BadNumber),
        (r#""agent":{}"#, "$.agent", Reason::Missing),
        (r#""session":{"rating":1.5}"#, "$.session.rating", Reason::BadNumber),
        (r#""text":"a","text":"a""#, "$.text", Reason::DuplicateKey),
        (r#""session":{"rating":1,"rating":1}"#, "$.session.rating", Reason::DuplicateKey),
    ] {
        rejects(with(field), path, reason);
    }
    rejects(with_other("message", "speech"), "$.kind", Reason::UnknownWord);
}

#[test]
fn other_forms_are_refused_if_this_one_is_given() {
    let log = format!("{LEAST}\n{}\n", message(""));
    assert_eq!(account(&parse(&log)), "e1 e2");
    assert_eq!(account(&parse_as(Format::Convofold, &log)), "e1 r2");
    assert_eq!(account(&parse_as(Format::Airship, &log)), "r1 e2");
    let Item::Rejected(rejection) = &parse_as(Format::Convofold, &log)[1] else { panic!() };
    assert_eq!((rejection.path.as_str(), rejection.reason), ("$.convofold", Reason::Missing));
}

#[test]
fn w5_the_limit_on_ids_is_that_of_the_source() {
    let long = "x".repeat(1025);
    for name in ["identity", "shortcode", "member_number", "tenant"] {
        rejects(with(&format!("\"{name}\":\"{long}\"")), &format!("$.{name}"), Reason::IdTooLong);
        assert_eq!(account(&parse(with(&format!("\"{name}\":\"{}\"", &long[1..])))), "e1");
    }
    // SuperOffice composes ids, which makes them longer.
    let longest = "x".repeat(1024 + 32);
    assert_eq!(account(&parse(with_other("\"c\"", &format!("\"{longest}\"")))), "e1");
    rejects(with_other("\"c\"", &format!("\"{longest}x\"")), "$.conversation", Reason::IdTooLong);
}

#[test]
fn w5_the_export_of_the_longest_accepted_event_is_accepted() {
    // Every byte of the context and of the alias takes six bytes, and both are written twice.
    let [context, alias] = [1 << 10, 8 << 10].map(|bytes| "\\u0001".repeat(bytes));
    let field_values = format!(r#""UserId":9223372036854775807,"Rating":1e18,"CustomerAlias":"{alias}""#);
    let line = chat("chatsession.message", &field_values).replace("Default", &context);
    let line = line.replace("178105", "9223372036854775807");
    let accepted = event(&line);
    let own = accepted.export_line();
    let limits = Limits { max_line_bytes: line.len(), ..Limits::default() };
    let mut items = Vec::new();
    Parser::new(Format::Auto, limits).parse_input(own.as_bytes(), &mut items);
    assert!(own.len() > line.len() + 6 * (9 << 10));
    assert_eq!(items.len(), 1);
    let Item::Event(_, again) = &items[0] else { panic!("{items:?}") };
    assert_eq!(**again, accepted);
    let limits = Limits { max_line_bytes: 10, max_id_bytes: 10, ..Limits::default() };
    let mut items = Vec::new();
    Parser::new(Format::Auto, limits).parse_input(own.as_bytes(), &mut items);
    let [Item::Rejected(rejection)] = items.as_slice() else { panic!("{items:?}") };
    assert_eq!(rejection.reason, Reason::LineTooLong);
    assert!(rejection.expected.starts_with("a line of at most 53318 bytes"), "{}", rejection.expected);
}
