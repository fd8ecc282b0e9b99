//! SuperOffice: rules W2, W3, F11 and the fine print.

use super::*;
use crate::event::{AgentMention, At, Direction, Kind};
use crate::session::Session;
use crate::time::Time;

const CREATED: &str = include_str!("seeds/superoffice-created.json");
const MESSAGE: &str = include_str!("seeds/superoffice-message.json");
const CHANGED: &str = include_str!("seeds/superoffice-changed.json");

#[test]
fn w3_the_seeds_samples() {
    let created = event(CREATED);
    assert_eq!((created.source(), created.kind()), ("superoffice", Kind::Open));
    assert_eq!((created.conversation(), created.tenant()), ("superoffice:Default:178105", Some("Default")));
    assert_eq!(created.at(), At::Timed(Time::from_ms_and_ns(1_524_557_922_089, 895_000).unwrap()));
    let session = Session {
        alert_level: Some(0),
        chatbot_is_active: Some(false),
        consented: Some(false),
        contact_id: Some(21),
        customer_alias: Some("5".to_owned()),
        customer_id: Some(12),
        project_id: Some(5),
        rating: Some(0),
        sale_id: Some(0),
        status: Some(0),
        ticket_id: Some(0),
        topic_id: Some(0),
        user_id: Some(0),
    };
    assert_eq!((created.session(), created.agent()), (Some(&session), AgentMention::Nobody));
    assert_eq!((event(MESSAGE).kind(), event(CHANGED).kind()), (Kind::Message, Kind::Update));
    assert_eq!((event(MESSAGE).session(), event(MESSAGE).agent()), (Some(&Session::default()), AgentMention::Silent));
}

#[test]
fn i1_one_event_id_and_three_events() {
    let [changed, created, message] = [CHANGED, CREATED, MESSAGE].map(|input| event(input).identity().clone());
    assert_eq!((changed.part(), created.part(), message.part()), (0, 1, 2));
    assert_eq!((changed.text(), created.text()), (message.text(), message.text()));
    assert!(changed < created && created < message);
    assert!(event(CREATED.replace("e87ac619-c864-4881-89eb-07ca5521ee2c", "")).identity().is_content());
}

#[test]
fn w2_other_events_are_ignored() {
    for other in ["test", "webhook.errors", "chatsession.deleted", "ticket.created", "CHATSESSION.CREATED"] {
        assert_eq!(
            ignored(format!("{{\"Event\":\"{other}\",\"PrimaryKey\":0}}")),
            Ignored { source: "superoffice", reason: "other_event" }
        );
    }
    assert_eq!(ignored("{\"Event\":7}").reason, "other_event");
    for absent in ["null", "\"\""] {
        rejects(format!("{{\"Event\":{absent}}}"), "$", Reason::NotAnEvent);
    }
    let absent = parse_as(Format::SuperOffice, "{\"Event\":null}");
    let [Item::Rejected(rejection)] = absent.as_slice() else { panic!("{absent:?}") };
    assert_eq!((rejection.path.as_str(), rejection.reason), ("$.Event", Reason::Missing));
}

#[test]
fn w5_required_fields() {
    let damaged = |from: &str, to: &str| chat("chatsession.created", "").replace(from, to);
    for (key, reason) in [
        ("0", Reason::BadNumber),
        ("-1", Reason::BadNumber),
        ("9223372036854775808", Reason::BadNumber),
        ("1.5", Reason::BadNumber),
        ("\"x\"", Reason::BadNumber),
        ("true", Reason::WrongType),
        ("null", Reason::Missing),
        ("\"\"", Reason::Missing),
    ] {
        rejects(damaged("178105", key), "$.PrimaryKey", reason);
    }
    assert_eq!(event(damaged("178105", "\" 17e1 \"")).conversation(), "superoffice:Default:170");
    for context in ["null", "\"\"", "\"null\""] {
        rejects(damaged("\"Default\"", context), "$.ContextIdentifier", Reason::Missing);
    }
    assert_eq!(event(damaged("\"Default\"", "12")).conversation(), "superoffice:12:178105");
    for absent in ["null", "\"0001-01-01T00:00:00\"", "0"] {
        rejects(damaged("\"2018-04-24T08:18:42.089895Z\"", absent), "$.Timestamp", Reason::NoTime);
    }
    rejects(damaged("\"2018-04-24T08:18:42.089895Z\"", "\"soon\""), "$.Timestamp", Reason::BadTime);
    rejects(damaged("\"e-1\"", "{}"), "$.EventId", Reason::WrongType);
}

#[test]
fn w5_the_limit_is_for_the_context_and_not_for_what_is_composed_of_it() {
    let with = |bytes: usize| {
        let longest_key =
            chat("chatsession.created", "\"UserId\":9223372036854775807").replace("178105", "9223372036854775807");
        longest_key.replace("Default", &"x".repeat(bytes))
    };
    for bytes in [1_020, 1_024] {
        let event = event(with(bytes));
        assert_eq!(event.tenant().map(str::len), Some(bytes));
        assert_eq!(event.conversation().len(), "superoffice::9223372036854775807".len() + bytes);
    }
    let rejection = rejection(with(1_025));
    assert_eq!((rejection.path.as_str(), rejection.reason), ("$.ContextIdentifier", Reason::IdTooLong));
    assert!(rejection.to_string().ends_with("expected an id of at most 1024 bytes, found 1025 bytes"), "{rejection}");
}

#[test]
fn f11_kinds_by_event_and_status() {
    let kind = |name: &str, status: &str| event(chat(name, &format!("\"Status\":{status}"))).kind();
    for status in ["0", "12", "null", "\"what\"", "{}"] {
        assert_eq!(kind("chatsession.created", status), Kind::Open);
        assert_eq!(kind("chatsession.changed", status), Kind::Update);
        assert_eq!(kind("chatsession.message", status), Kind::Message);
    }
    for status in ["1", "\"6\"", "\"InQueue\"", "\"statusfaq\"", "\" StatusUserLast \""] {
        assert_eq!(kind("chatsession.created", status), Kind::Open);
        assert_eq!(kind("chatsession.changed", status), Kind::UpdateOpen);
    }
    for status in ["7", "11.0", "\"Closed\"", "\"STATUSFINISHED\"", "\" 9\""] {
        assert_eq!(kind("chatsession.created", status), Kind::OpenClosed);
        assert_eq!(kind("chatsession.changed", status), Kind::Close);
    }
}

#[test]
fn f11_a_messages_direction_is_its_status() {
    let direction = |status: &str| event(chat("chatsession.message", &format!("\"Status\":{status}"))).direction();
    assert_eq!((direction("5"), direction("\"UserLast\"")), (Some(Direction::In), Some(Direction::Out)));
    assert_eq!((direction("4"), direction("null")), (None, None));
    assert_eq!(event(chat("chatsession.changed", "\"Status\":5")).direction(), None);
}

#[test]
fn f11_users() {
    for name in ["chatsession.created", "chatsession.message", "chatsession.changed"] {
        let agent = |user: &str| event(chat(name, &format!("\"UserId\":{user}")));
        assert_eq!(agent("7").agent(), AgentMention::Agent { id: Some("user:7"), name: None });
        assert_eq!(agent("\"007\"").agent(), AgentMention::Agent { id: Some("user:7"), name: None });
        assert_eq!((agent("0").agent(), agent("-1").agent()), (AgentMention::Nobody, AgentMention::Nobody));
        assert_eq!((agent("-2").agent(), agent("null").agent()), (AgentMention::Silent, AgentMention::Silent));
    }
}

#[test]
fn fine_print_field_values_never_reject() {
    let session = |values: &str| event(chat("chatsession.changed", values)).session().cloned().unwrap();
    for (value, expected) in [
        ("true", Some(true)),
        ("false", Some(false)),
        ("1", Some(true)),
        ("0", Some(false)),
        ("\"1\"", Some(true)),
        ("\"0\"", Some(false)),
        ("\"true\"", Some(true)),
        ("\"false\"", Some(false)),
        ("1.0", Some(true)),
        ("0e3", Some(false)),
        ("\"\\u0031\"", Some(true)),
        ("\"1.0\"", None),
        ("\"01\"", None),
        ("\" 1\"", None),
        ("\"true \"", None),
        ("\"True\"", None),
        ("2", None),
        ("\"yes\"", None),
        ("null", None),
        ("[]", None),
    ] {
        assert_eq!(session(&format!("\"Consented\":{value}")).consented, expected, "{value}");
    }
    for (value, expected) in [
        ("3", Some(3)),
        ("\" 3 \"", Some(3)),
        ("3.0", Some(3)),
        ("-3", Some(-3)),
        ("3.5", None),
        ("1e99", None),
        ("\"\"", None),
        ("true", None),
        ("{\"a\":1}", None),
    ] {
        assert_eq!(session(&format!("\"Rating\":{value}")).rating, expected, "{value}");
    }
    for (value, expected) in
        [("\"Jo\"", Some("Jo")), ("5", Some("5")), ("\"\"", None), ("\"null\"", Some("null")), ("true", None)]
    {
        assert_eq!(session(&format!("\"CustomerAlias\":{value}")).customer_alias.as_deref(), expected, "{value}");
    }
    assert_eq!(session("\"Status\":\"StatusInvalid\"").status, Some(0));
    assert_eq!(session("\"Status\":99").status, Some(99));
    for no_object in ["null", "[1]", "\"x\"", "7"] {
        let input =
            chat("chatsession.changed", "").replace("\"FieldValues\":{}", &format!("\"FieldValues\":{no_object}"));
        assert_eq!(event(input).session(), Some(&Session::default()));
    }
}

#[test]
fn w4_keys_are_compared_without_case_and_underscores() {
    for key in ["userId", "UserId", "user_id", "USERID", "_user__id", "\\u0075serId"] {
        let event = event(chat("chatsession.changed", &format!("\"{key}\":7")));
        assert_eq!(event.session().unwrap().user_id, Some(7), "{key}");
    }
    for twice in ["\"UserId\":1,\"user_id\":2", "\"x_y\":1,\"XY\":1", "\"\u{c4}\":1,\"\u{e4}\":1"] {
        rejects_duplicate(&chat("chatsession.changed", twice));
    }
    event(chat("chatsession.changed", "\"a\":{\"b_c\":1,\"bc\":2}"));
}

#[track_caller]
fn rejects_duplicate(input: &str) {
    let rejection = rejection(input);
    assert_eq!(rejection.reason, Reason::DuplicateKey);
    assert!(rejection.path.starts_with("$.FieldValues."), "{rejection}");
}

#[test]
fn field_values_belong_to_superoffice_only() {
    let input = message("").replacen('{', "{\"FieldValues\":{\"a_b\":1,\"ab\":1},", 1);
    assert_eq!(event(input).source(), "airship");
}
