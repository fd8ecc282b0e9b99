//! The forms of an input: lines, arrays, documents (rules W1, W5, section 8).

use super::*;

const SEEDS: [&str; 5] = [
    include_str!("seeds/airship-convo.json"),
    include_str!("seeds/airship-message.json"),
    include_str!("seeds/superoffice-created.json"),
    include_str!("seeds/superoffice-message.json"),
    include_str!("seeds/superoffice-changed.json"),
];

#[test]
fn w1_lines_hold_objects_or_arrays() {
    let one = message("");
    let log = format!("{one}\r\n\n \t\r\n[{one},{one}]\n{one}");
    assert_eq!(account(&parse(log)), "e1 i2 i3 e4 e4 e5");
}

#[test]
fn w1_a_byte_order_mark_at_the_start_is_skipped() {
    let one = message("");
    assert_eq!(account(&parse(format!("\u{feff}{one}\n{one}"))), "e1 e2");
    assert_eq!(account(&parse(format!("{one}\n\u{feff}{one}"))), "e1 r2");
    assert_eq!((account(&parse("\u{feff}")), account(&parse(""))), (String::new(), String::new()));
    assert_eq!(account(&parse(b"\xef\xbb")), "r1");
}

#[test]
fn w3_every_seed_alone_and_all_in_an_array() {
    for seed in SEEDS {
        assert_eq!(account(&parse(seed)), "e1");
        assert_eq!(account(&parse(format!("\n\n  {seed}\n\n"))), "i1 i2 e3");
        assert_eq!(account(&parse(seed.replace('\n', "\r\n"))), "e1");
    }
    let items = parse(format!("[{},\n]", SEEDS.join(",\n")));
    assert_eq!(items.iter().filter(|item| matches!(item, Item::Event(..))).count(), 5);
}

#[test]
fn w5_neither_object_nor_array() {
    for scalar in ["null", "42", "\"convo_open\"", "true", "-1.5e3"] {
        rejects(scalar, "$", Reason::NotAnEvent);
    }
    rejects("[]", "$", Reason::NotAnEvent);
    rejects("[ \t]", "$", Reason::NotAnEvent);
    for nonsense in ["%%% heartbeat", "{'name': 1}", "HTTP/1.1 502 Bad Gateway", "\0\0\0", "{}x", "[{}]]", "nulll"] {
        rejects(nonsense, "$", Reason::NotJson);
    }
}

#[test]
fn w5_one_bad_element_rejects_that_element_alone() {
    let one = message("");
    let bad = [
        "7".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        message("\"a\":1,\"a\":2"),
        message(&format!("\"a\":{}{}", "[".repeat(124), "]".repeat(124))),
        message("\"timestamp\":true"),
    ];
    for bad in bad {
        let items = parse(format!("[{one}, {bad} ,{one},]"));
        assert_eq!(account(&items), "e1 r1 e1", "{bad}");
        let Item::Rejected(rejection) = &items[1] else { panic!("{items:?}") };
        assert!(rejection.path.starts_with("$[1]"), "{rejection}");
        assert_eq!(rejection.raw, bad.as_bytes());
    }
}

#[test]
fn fine_print_the_array_is_one_of_128_levels() {
    let nested = |levels: usize| message(&format!("\"a\":{}{}", "[".repeat(levels), "]".repeat(levels)));
    assert_eq!(account(&parse(nested(124))), "e1");
    rejects(nested(125), &format!("$.body.properties.message.a{}\u{2026}", "[0]".repeat(16)), Reason::TooDeep);
    assert_eq!(account(&parse(format!("[{}]", nested(123)))), "e1");
    assert_eq!(account(&parse(format!("[{},{}]", nested(124), nested(1)))), "r1 e1");
}

#[test]
fn fine_print_bad_grammar_or_utf8_rejects_the_whole_array() {
    let one = message("");
    for bad in ["{\"a\" 1}", "nul", "\"\u{1}\"", "01", "{]"] {
        assert_eq!(account(&parse(format!("[{one},{bad},{one}]"))), "r1", "{bad}");
    }
    assert_eq!(account(&parse([b"[", one.as_bytes(), b",\"\xff\"]"].concat())), "r1");
    assert_eq!(account(&parse(format!("[{one},{one}"))), "r1");
}

#[test]
fn w5_a_document_with_a_fault_is_one_rejection_on_its_line() {
    let text = format!("[\n{},\n{{\"a\":\nnul}}\n]\n\n{{}}\n", message(""));
    let rejection = rejection(&text);
    assert_eq!((rejection.line, rejection.reason, rejection.path.as_str()), (4, Reason::NotJson, "$[1].a"));
    assert_eq!(rejection.byte_offset, text.find("nul}").unwrap() as u64);
    assert_eq!(rejection.raw, text.as_bytes());
    rejects("{\n\"a\":\n", "$.a", Reason::NotJson);
}

#[test]
fn fine_print_several_documents_are_rejected_with_a_hint() {
    let rejection = rejection(format!("{}\n{}\n", SEEDS[0], SEEDS[1]));
    assert_eq!(rejection.reason, Reason::SeveralDocuments);
    assert!(rejection.expected.contains("on a line of its own"));
    assert_eq!(account(&parse("{\n}\nx")), "r3");
}

#[test]
fn a_log_with_a_damaged_first_line_is_read_as_lines() {
    let one = message("");
    for damaged in ["{\"a\":1,", "{\"a\":", "[", "[{\"a\":[", "{", "{\"a\":1"] {
        let rest = if damaged == "{\"a\":1" { "r1 e2 e3" } else { "r1 e2 i3 e4" };
        let log =
            if rest.len() > 8 { format!("{damaged}\n{one}\n\n{one}\n") } else { format!("{damaged}\n{one}\n{one}\n") };
        assert_eq!(account(&parse(log)), rest, "{damaged}");
    }
}

/// Beginnings of a log with two damaged lines.
const DAMAGED_TOPS: [&str; 4] =
    ["{\"a\":1,\ngarbage", "{\"a\":1,\n{\"b\":2,", "{\"a\":1,\n{\"b\":\"unfini", "[\n{\"a\":tru"];

#[test]
fn w5_damaged_lines_at_the_top_of_a_log_are_not_fatal_to_the_others() {
    let good = format!("{}\n", message(""));
    for top in DAMAGED_TOPS {
        let items = parse(format!("{top}\n{}", good.repeat(1_000)));
        assert_eq!(account(&items[..3]), "r1 r2 e3", "{top}");
        assert_eq!((items.len(), account(&items[1_001..]).as_str()), (1_002, "e1002"), "{top}");
    }
    let many = format!("{{\"a\":1,\n{}{}", "garbage\n".repeat(50), good.repeat(51));
    assert_eq!(parse(many).iter().filter(|item| matches!(item, Item::Event(..))).count(), 51);
}

#[test]
fn w5_a_faulty_document_is_read_as_lines_if_more_than_half_are_complete() {
    let good = message("");
    for top in DAMAGED_TOPS {
        assert_eq!(account(&parse(format!("{top}\n\n{good}"))), "r2", "{top}");
        assert_eq!(account(&parse(format!("{top}\n{good}\nx\n"))), "r2", "{top}");
        assert_eq!(account(&parse(format!("{top}\n{good}\n\n{{}}"))), "r1 r2 e3 i4 r5", "{top}");
        assert_eq!(account(&parse(format!("{top}\r\n {good}\r\n[{good}]\n"))), "r1 r2 e3 e4", "{top}");
    }
}

#[test]
fn w5_an_array_of_one_element_a_line_stays_one_document() {
    let good = message("");
    let array = |bad: &str| format!("[\n{}{bad},\n{}{good}\n]\n", format!("{good},\n").repeat(3), "{},\n".repeat(300));
    for bad in ["{\"a\":tru}", "{\"a\":1", "garbage", "{]"] {
        let text = array(bad);
        let rejection = rejection(&text);
        assert!(rejection.line >= 5 && rejection.raw == text.as_bytes(), "{bad}: {rejection}");
        rejects(text.trim_end_matches("\n]\n"), &rejection.path, rejection.reason);
    }
    assert_eq!(parse(array("7")).len(), 305);
}

#[test]
fn w5_lines_within_64_kib_after_the_fault_decide() {
    let (good, long) = (message(""), format!("{}{}", message(""), " ".repeat(100_000)));
    let far = format!("{{\"a\":1,\n{{\n{}\n", "x".repeat(64 << 10));
    assert_eq!(account(&parse(format!("{far}{good}\n{good}\n{good}\n{good}"))), "r2");
    let near = far.replacen('x', "", 3);
    assert_eq!(account(&parse(format!("{near}{long}\n{long}\n"))), "r2");
    assert_eq!(account(&parse(format!("{{\"a\":1,\n{{\n{long}\n{long}\n{long}"))), "r2");
    let padded = format!("{good}{}", " ".repeat(20_000));
    assert_eq!(account(&parse(format!("{{\"a\":1,\n{{\n{padded}\n{long}\nx\nx"))), "r1 r2 e3 e4 r5 r6");
    let over = format!("{good}{}", " ".repeat(2 << 20));
    assert_eq!(account(&parse(format!("{{\"a\":1,\n{{\n{padded}\n{over}"))), "r2");
    assert_eq!(account(&parse(format!("{{\"a\":1,\n{{\n{padded}\n{good}\n{over}"))), "r2");
    assert_eq!(
        account(&parse(format!("{{\"a\":1,\n{{\n{padded}\n{good}\n{good}\n{over}\n{good}"))),
        "r1 r2 e3 e4 e5 r6 e7"
    );
}

#[test]
fn w5_a_line_over_the_limit_says_what_may_be_larger() {
    let long = format!("[{}]", vec![message(""); 8_000].join(","));
    let rejection = rejection(long);
    assert_eq!(
        &*rejection.expected,
        "a line of at most 1048576 bytes (the limit can be set, and a document over several lines may be larger)"
    );
}

#[test]
fn w5_limits_are_configurable() {
    let limits = Limits { max_line_bytes: 300, max_document_bytes: 300, ..Limits::default() };
    let parse = |input: String| {
        let mut items = Vec::new();
        Parser::new(Format::Auto, limits).parse_input(input.as_bytes(), &mut items);
        items
    };
    let one = message("");
    assert!(one.len() < 300);
    let padded = |length: usize| format!("{one}{}", " ".repeat(length - one.len()));
    assert_eq!(account(&parse(format!("{}\n{}\r\n{one}", padded(301), padded(300)))), "r1 e2 e3");
    assert_eq!(account(&parse(format!("[\n{one}]"))), "e2");
    let long = parse(format!("[\n{one},\n{one}]"));
    assert!(
        matches!(&long[..], [Item::Rejected(Rejection { reason: Reason::DocumentTooLong, line: 1, .. })]),
        "{long:?}"
    );
}
