//! The format of an input (rule W6), and the positions of what was found.

use super::*;

#[test]
fn w6_the_format_is_found_object_by_object() {
    let log = format!("{}\n{}\n{{}}\n{{\"x\":1}}\n", message(""), chat("chatsession.created", ""));
    let items = parse(&log);
    assert_eq!(account(&items), "e1 e2 r3 r4");
    let Item::Rejected(rejection) = &items[2] else { panic!("{items:?}") };
    assert_eq!(
        (rejection.reason, &*rejection.expected),
        (
            Reason::NotAnEvent,
            if cfg!(feature = "test-source") {
                "an object with `body`, `type`, `occurred`, `Event`, `ticket` or `convofold`"
            } else {
                "an object with `body`, `type`, `occurred`, `Event` or `convofold`"
            }
        )
    );
}

#[test]
fn w6_a_key_of_the_other_source_does_not_decide() {
    let with = |object: String, key: &str| object.replacen('{', &format!("{{{key},"), 1);
    let source = |input: String| event(input).source().to_owned();
    assert_eq!(source(with(message(""), "\"Event\":\"x\"")), "airship");
    for body in ["\"body\":{}", "\"body\":7", "\"type\":\"x\"", "\"body\":{\"name\":\"purchase\"}"] {
        assert_eq!(source(with(chat("chatsession.created", ""), body)), "superoffice", "{body}");
    }
    assert_eq!(source(chat("\\u0063hatsession.created", "").replacen('{', "{\"body\":{},", 1)), "superoffice");
    let other = with(chat("ticket.created", ""), "\"body\":\"x\"");
    assert_eq!(ignored(other), Ignored { source: "superoffice", reason: "other_event" });
    assert_eq!(
        ignored("{\"Event\":\"test\",\"type\":\"x\",\"occurred\":0}"),
        Ignored { source: "superoffice", reason: "other_event" }
    );
    assert_eq!(
        ignored("{\"Event\":\"chatsession.\",\"body\":{}}"),
        Ignored { source: "superoffice", reason: "other_event" }
    );
    rejects("{\"Event\":null,\"body\":[]}", "$.body", Reason::WrongType);
    rejects("{\"Event\":true}", "$", Reason::NotAnEvent);
    for missing in ["{\"type\":null}", "{\"occurred\":null}"] {
        rejects(missing, "$.body", Reason::Missing);
    }
}

#[test]
fn w6_the_format_can_be_given() {
    let (airship, superoffice) = (message(""), chat("chatsession.created", ""));
    let log = format!("{airship}\n{superoffice}");
    assert_eq!(account(&parse_as(Format::Airship, &log)), "e1 r2");
    assert_eq!(account(&parse_as(Format::SuperOffice, &log)), "r1 e2");
}

#[test]
fn w5_a_rejection_says_where_and_what() {
    let bad = message("\"timestamp\":\"soon\"");
    let good = message("");
    let rejection = match parse(format!("{good}\n{bad}\n")).as_slice() {
        [Item::Event(..), Item::Rejected(rejection)] => rejection.clone(),
        other => panic!("{other:?}"),
    };
    let offset = good.len() + 1 + bad.find("\"soon\"").unwrap();
    let expected = format!(
        "line 2, byte {offset}, $.body.properties.message.timestamp: expected a time: RFC 3339 or an epoch number, in 1970 to \
         9999, found \"soon\""
    );
    assert_eq!(rejection.to_string(), expected);
    assert_eq!((rejection.raw, rejection.raw_cut), (bad.into_bytes(), false));
}

#[test]
fn w5_an_excerpt_is_short_and_on_one_line() {
    let long = format!("\"timestamp\":\"{}\\n\"", "x".repeat(100));
    let found = rejection(message(&long)).found;
    assert_eq!(found.chars().count(), 61);
    assert_eq!(rejection("{\"a\"\u{1}}").found, "\\u{1}}");
}

#[test]
fn an_element_of_a_document_has_its_line_and_index() {
    let text = format!("\u{feff}\n[\n  {},\n  7,\n\n {{\"body\":\n null}}\n]\n", message(""));
    let items = parse(&text);
    assert_eq!(account(&items), "i1 e3 r4 r7");
    let Item::Event(origin, _) = &items[1] else { panic!("{items:?}") };
    assert_eq!(origin.byte_offset, text.find("{\"occurred").unwrap() as u64);
    let Item::Rejected(rejection) = &items[3] else { panic!("{items:?}") };
    assert_eq!((rejection.path.as_str(), rejection.byte_offset), ("$[2].body", text.rfind("null").unwrap() as u64));
    assert_eq!(rejection.raw, b"{\"body\":\n null}");
}
