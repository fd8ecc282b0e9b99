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
fn w1_byte_order_marks_before_lines_are_skipped() {
    let one = message("");
    assert_eq!(account(&parse(format!("\u{feff}{one}\n{one}"))), "e1 e2");
    assert_eq!(account(&parse(format!("{one}\n\u{feff}{one}\n\u{feff}\u{feff}[{one}]"))), "e1 e2 e3");
    assert_eq!((account(&parse("\u{feff}")), account(&parse(""))), ("i1".to_owned(), String::new()));
    let spread = "{\n\u{feff}\"occurred\":\"2021-07-29T05:11:08Z\",\n\u{feff}\u{feff}\"body\":\"\u{feff}\"}";
    assert_eq!(account(&parse(spread)), "r3");
    assert_eq!(account(&parse(b"\xef\xbb")), "r1");
}

#[test]
fn w3_every_seed_alone_and_all_in_an_array() {
    for seed in SEEDS {
        assert_eq!(account(&parse(seed)), "e1");
        assert!(account(&parse(format!("\n\n  {seed}\n"))).starts_with("i1 i2 e3"));
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
    for nonsense in ["%%% heartbeat", "{'name': 1}", "HTTP/1.1 502 Bad Gateway", "\0\0\0", "{}x", "[]]", "nulll"] {
        rejects(nonsense, "$", Reason::NotJson);
    }
    assert_eq!(account(&parse("[{}]]")), "r1 r1");
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
fn w1_bad_grammar_or_utf8_ends_an_array_on_its_line() {
    let one = message("");
    for bad in ["{\"a\" 1}", "nul", "\"\u{1}\"", "01", "{]", ","] {
        assert_eq!(account(&parse(format!("[{one},{bad},{one}]"))), "e1 r1", "{bad}");
        assert_eq!(account(&parse(format!("[\n{one},\n{bad},\n{one},\n{one}\n]"))), "e2 r3 e4 e5 r6", "{bad}");
    }
    assert_eq!(account(&parse([b"[", one.as_bytes(), b",\"\xff\"]"].concat())), "e1 r1");
    assert_eq!(account(&parse(format!("[{one},{one}"))), "e1 e1 r1");
    assert_eq!(account(&parse(format!("[\n{one}\n{one}\n]\n"))), "e2 r3 r4");
    let Item::Rejected(rejection) = &parse(format!("[{one},\n {{\"a\":nul}}, {one}]"))[1] else { panic!() };
    assert_eq!((rejection.line, rejection.path.as_str(), rejection.reason), (2, "$[1].a", Reason::NotJson));
    assert_eq!(rejection.raw, format!("{{\"a\":nul}}, {one}]").as_bytes());
}

#[test]
fn w1_an_element_over_the_line_limit_is_rejected_alone() {
    let (one, long) = (message(""), message(&format!("\"a\":\"{}\"", "x".repeat(1 << 20))));
    assert_eq!(account(&parse(format!("[{one},{long},{one}]"))), "e1 r1 e1");
    let Item::Rejected(rejection) = &parse(format!("[{one},{long},{one}]"))[1] else { panic!() };
    assert_eq!((rejection.path.as_str(), rejection.reason), ("$[1]", Reason::LineTooLong));
    assert_eq!(parse(format!("[{}]", vec![one; 8_000].join(","))).len(), 8_000);
}

#[test]
fn w1_a_value_that_breaks_costs_the_line_on_which_it_began() {
    let one = message("");
    let text = format!("{{\"a\":\n\n{{\"b\":nul}}\n{one}\n");
    let items = parse(&text);
    assert_eq!(account(&items), "r1 i2 r3 e4");
    let Item::Rejected(rejection) = &items[0] else { panic!() };
    assert_eq!((rejection.byte_offset, rejection.path.as_str(), rejection.raw.as_slice()), (0, "$", &b"{\"a\":"[..]));
    for (top, expected) in [
        ("{\"a\":1,\ngarbage", "r1 r2 e3 e4"),
        ("{\"a\":1,\n{\"b\":2,", "r1 r2 e3 e4"),
        ("{\"a\":1,\n{\"b\":\"unfini", "r1 r2 e3 e4"),
        ("[\n{\"a\":tru", "r2 e3 e4"),
        ("{\"a\":\n\"b\":", "r1 r2 e3 e4"),
        ("{", "r1 e2 e3"),
    ] {
        assert_eq!(account(&parse(format!("{top}\n{one}\n{one}\n"))), expected, "{top}");
    }
    assert_eq!(account(&parse(format!("[\n{one}\n{one}"))), "e2 r3");
    assert_eq!(account(&parse(b"{\"a\":\n\"\xff\"}\n{}")), "r1 r2 r3");
}

#[test]
fn w1_several_documents_over_several_lines() {
    let text = SEEDS.join("\n");
    assert_eq!(parse(&text).iter().filter(|item| matches!(item, Item::Event(..))).count(), 5);
    assert_eq!(account(&parse("{\n}\nx")), "r1 r3");
    assert_eq!(
        account(&parse(format!("{{\"Event\":\n\"test\"\n}},\n[\n]\n{{\"Event\":\"test\"}} ,\r\n{}", message("")))),
        "i1 r4 i6 e7"
    );
}

#[test]
fn w1_input_in_16_or_32_bits_is_decoded_or_refused_once() {
    let text = format!("{}\n{}\n", message("\"message\":\"\u{e4}\""), message(""));
    let bytes = |mark: &str| -> Vec<u8> { format!("{mark}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect() };
    assert_eq!(account(&parse(bytes("\u{feff}"))), "e1 e2");
    let rejection = rejection(bytes(""));
    assert_eq!((rejection.reason, rejection.line), (Reason::OtherEncoding, 1));
    assert!(rejection.found.contains("UTF-16"), "{rejection}");
}

#[test]
fn w1_other_files_are_refused_once_by_name() {
    let tar = [&[b'a'; 257][..], b"ustar\0", &[0; 300]].concat();
    for (file, name) in [
        (&b"PK\x03\x04\x14\0\0\0"[..], "a zip archive"),
        (&tar, "a tar archive"),
        (b"PAR1\x15\x04\n{}\n", "a Parquet file"),
        (b"data: {}\n\ndata: {}\n", "an event stream"),
        (b"\n: ping\n", "neither"),
        (b"\x1e{}\n\x1e{}\n", "JSON records of RFC 7464"),
        (b"\x1f\x8b\x08", "gzip data"),
    ] {
        let items = parse(file);
        let Some(Item::Rejected(rejection)) = items.last() else { panic!("{items:?}") };
        assert_eq!(rejection.reason == Reason::OtherFormat, name != "neither", "{name}");
        if name != "neither" {
            assert_eq!((items.len(), rejection.found.as_str()), (1, name));
        }
    }
}

#[test]
fn w5_a_reject_record_is_read_again() {
    let bad = message("\"timestamp\":\"soon\"");
    let items = parse(format!("{bad}\n[{bad},{bad}]\n{{\"a\":\nx"));
    let records: Vec<_> = items
        .iter()
        .map(|item| match item {
            Item::Rejected(rejection) => serde_json::to_string(&rejection.record("a.ndjson")).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    let log = records.join("\n");
    let again = parse(&log);
    assert_eq!(account(&again), "r1 r2 r3 r4 r5");
    let Item::Rejected(rejection) = &again[1] else { panic!() };
    assert_eq!((rejection.reason, rejection.raw.as_slice()), (Reason::BadTime, bad.as_bytes()));
    assert_eq!(account(&parse(log.replace("soon", "1627535468595"))), "e1 e2 e3 r4 r5");
    assert_eq!(account(&parse_as(Format::Airship, log.replace("soon", "1627535468595"))), "e1 e2 e3 r4 r5");
    let bytes = "{\"convofold_reject\":1,\"raw_base64\":\"e30=\"}";
    rejects(bytes, "$", Reason::NotAnEvent);
    rejects("{\"convofold_reject\":2,\"raw\":\"{}\"}", "$.convofold_reject", Reason::UnknownVersion);
    rejects("{\"convofold_reject\":1}", "$.raw_base64", Reason::Missing);
    let nested = "{\"convofold_reject\":1,\"raw\":\"{\\\"convofold_reject\\\":1,\\\"raw\\\":\\\"{}\\\"}\"}";
    rejects(nested, "$.convofold_reject", Reason::NotAnEvent);
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
    assert_eq!(account(&parse(format!("[\n{one},\n{one}]"))), "e2 e3");
    let spread = one.replace(",\"user\"", &format!("\n{},\"user\"", " ".repeat(200)));
    let long = parse(spread);
    let [Item::Rejected(rejection), ..] = long.as_slice() else { panic!("{long:?}") };
    assert_eq!((rejection.reason, rejection.line), (Reason::NotJson, 1));
}
