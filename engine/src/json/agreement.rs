//! Agreement with `serde_json`, except for the intended differences: trailing commas and lone surrogates are accepted,
//! duplicate keys and more than 128 levels are refused, and numbers have no size limit.

use proptest::prelude::*;
use serde_json::Value as Reference;

use super::*;

/// Reads a whole text by the rules. Returns the value, or the first fault.
fn read(text: &str) -> Result<Value, Fault> {
    let mut scratch = Scratch::default();
    let mut reader = Reader::new(text, skip_whitespace(text.as_bytes(), 0), 0, &mut scratch);
    let value = reader.value()?;
    let end = skip_whitespace(text.as_bytes(), reader.at());
    if end == text.len() { Ok(value) } else { Err(FaultKind::MoreAfterTheEnd.at(end)) }
}

/// Whether the text is well-formed by the grammar alone.
fn is_well_formed(text: &str) -> bool {
    let end = Walk::default().run(text.as_bytes(), 0, &mut Unwatched);
    matches!(end, Ok(Progress::Complete(end)) if skip_whitespace(text.as_bytes(), end) == text.len())
}

fn json() -> impl Strategy<Value = Reference> {
    let scalar = prop_oneof![
        Just(Reference::Null),
        any::<bool>().prop_map(Reference::from),
        any::<i64>().prop_map(Reference::from),
        (-1e300..1e300_f64).prop_map(Reference::from),
        any::<String>().prop_map(Reference::from),
    ];
    scalar.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Reference::from),
            prop::collection::hash_map("[a-c]{0,3}|.{0,4}", inner, 0..6)
                .prop_map(|fields| Reference::Object(fields.into_iter().collect())),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    (json(), any::<bool>()).prop_map(|(value, pretty)| {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        text.unwrap()
    })
}

/// Names of every length that is compared in another way.
const NAMES: [Name; 12] = names![
    "",
    "a",
    "b",
    "twelve_bytes",
    "thirteen_byte",
    "fourteen_bytes",
    "fifteen_bytes_b",
    "twenty_eight_bytes_in_a_name",
    "twenty_nine_bytes_in_the_name",
    "thirty_bytes_in_the_same_name_",
    "more_than_two_blocks_in_one_name_x",
    "more_than_two_blocks_in_any_name_x",
];

/// The fields of an object as (name, value), in JSON.
fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![8 => (0..NAMES.len()).prop_map(|name| NAMES[name].word.to_owned()), 1 => "[a-c]{0,2}|other"];
    let value = json().prop_map(|value| value.to_string());
    let fields = prop::collection::vec((name, value), 0..16);
    (fields, any::<bool>()).prop_map(|(mut fields, in_order)| {
        if in_order {
            fields.sort_by_key(|(name, _)| NAMES.iter().position(|known| known.word == name));
        }
        fields
    })
}

/// A text with a few JSON characters inserted, removed or replaced.
fn damaged_text() -> impl Strategy<Value = String> {
    let damage =
        (any::<prop::sample::Index>(), prop::sample::select(&b"{}[]\",:\\u0dD8-+.eE1ntf \n\x01a"[..]), 0..3_u8);
    (text(), prop::collection::vec(damage, 1..4)).prop_map(|(text, damages)| {
        let mut chars: Vec<char> = text.chars().collect();
        for (place, byte, how) in damages {
            let place = place.index(chars.len() + 1);
            match how {
                0 => chars.insert(place, char::from(byte)),
                1 if place < chars.len() => drop(chars.remove(place)),
                _ if place < chars.len() => chars[place] = char::from(byte),
                _ => {}
            }
        }
        chars.into_iter().collect()
    })
}

fn check_agreement(text: &str) {
    let ours = read(text);
    match (&ours, serde_json::from_str::<Reference>(text)) {
        (Ok(_), Ok(_)) => assert!(is_well_formed(text)),
        (Ok(_), Err(error)) => {
            let error = error.to_string();
            let meant = ["trailing comma", "out of range", "hex escape", "surrogate"];
            let is_meant = meant.iter().any(|words| error.contains(words));
            assert!(is_meant, "{text:?}: {error}");
            assert!(is_well_formed(text));
        }
        (Err(fault), Ok(_)) => {
            assert!(matches!(fault.kind, FaultKind::DuplicateKey | FaultKind::TooDeep), "{text:?}: {fault:?}");
            assert!(is_well_formed(text));
        }
        (Err(fault), Err(_)) => {
            assert!(fault.at <= text.len() && text.is_char_boundary(fault.at), "{text:?}: {fault:?}");
        }
    }
    if let Err(fault) = ours {
        locate(text, skip_whitespace(text.as_bytes(), 0), fault.at);
    }
}

proptest! {
    #[test]
    fn whole_texts(text in text()) {
        prop_assert!(read(&text).is_ok());
        check_agreement(&text);
    }

    #[test]
    fn damaged_texts(text in damaged_text()) {
        check_agreement(&text);
    }

    #[test]
    fn any_text_at_all(text in any::<String>()) {
        check_agreement(&text);
    }

    #[test]
    fn wanted_fields_are_found_in_any_order_and_spelling(fields in fields(), space in "[ \n]{0,2}", comma in any::<bool>()) {
        let written: Vec<_> = fields.iter().map(|(name, value)| format!("{space}\"{name}\"{space}:{space}{value}")).collect();
        let end = if comma && !fields.is_empty() { "," } else { "" };
        let text = format!("{{{}{end}{space}}}", written.join(&format!("{space},")));
        let mut scratch = Scratch::default();
        let mut reader = Reader::new(&text, 0, 0, &mut scratch);
        let mut values = [Value::new(Shape::True, 0, 0); NAMES.len()];
        let read = reader.object(&NAMES, &mut values, |_, _| None);
        let is_duplicate = |at: usize| fields[..at].iter().any(|(name, _)| *name == fields[at].0);
        if let Some(again) = (0..fields.len()).find(|at| is_duplicate(*at)) {
            let before = written[..again].iter().map(|field| field.len() + space.len() + 1).sum::<usize>();
            prop_assert_eq!(read, Err(FaultKind::DuplicateKey.at(1 + before + space.len())));
            return Ok(());
        }
        prop_assert_eq!(read, Ok(Value::new(Shape::Object, 0, text.len())));
        for (name, value) in NAMES.iter().zip(values) {
            let meant = fields.iter().find(|(field, _)| *field == name.word).map(|(_, value)| &**value);
            let length = value.written(&text).len() + if value.is_string() { 2 } else { 0 };
            prop_assert_eq!(meant, (!value.is_missing()).then(|| &text[value.at()..value.at() + length]));
        }
    }

    #[test]
    fn every_string_is_read_as_it_is_meant(meant in any::<String>(), escape in any::<bool>()) {
        let text = if escape {
            let units: String = meant.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
            format!("\"{units}\"")
        } else {
            serde_json::to_string(&meant).unwrap()
        };
        let value = read(&text).unwrap();
        prop_assert_eq!(value.text(&text).unwrap(), meant);
    }

    #[test]
    fn digits_are_read_exactly(text in "[0-9]{1,18}", at in any::<prop::sample::Index>(), with in "[!-~]") {
        prop_assert_eq!(integer(&text), Integer::Whole(text.parse().unwrap()));
        let at = at.index(text.len());
        let mut damaged = text;
        damaged.replace_range(at..=at, &with);
        if let Integer::Whole(number) = integer(&damaged) {
            prop_assert_eq!(large_integer(&damaged), Some(number.into()));
        } else {
            prop_assert_eq!(large_integer(&damaged).and_then(|number| i64::try_from(number).ok()), None);
        }
    }

    #[test]
    fn every_integer_is_read_exactly(number in any::<i64>(), zeros in 0..4_usize) {
        prop_assert_eq!(integer(&number.to_string()), Integer::Whole(number));
        let fraction = format!("{number}.{}", "0".repeat(zeros + 1));
        prop_assert_eq!(integer(&fraction), Integer::Whole(number));
        let shifted = format!("{number}{}e-{zeros}", "0".repeat(zeros));
        prop_assert_eq!(integer(&shifted), Integer::Whole(number));
        let half = format!("{number}.5");
        prop_assert_eq!(integer(&half), Integer::Unusable);
    }

    #[test]
    fn a_key_is_a_duplicate_however_many_there_are(count in 1..200_usize, again in any::<prop::sample::Index>()) {
        let keys = |keys: &[String]| format!("{{{}}}", keys.join(","));
        let mut fields: Vec<_> = (0..count).map(|key| format!("\"k{key}\":{{\"k0\":0}}")).collect();
        prop_assert!(read(&keys(&fields)).is_ok());
        let again = format!("\"\\u006b{}\":1", again.index(count));
        fields.push(again);
        prop_assert_eq!(read(&keys(&fields)).unwrap_err().kind, FaultKind::DuplicateKey);
    }
}

#[test]
fn w3_trailing_commas_and_no_others() {
    for text in ["[1,]", "{\"a\":1,}", "{\"a\":[{},],}", "[[],\n]", "[\t1 , ]"] {
        assert!(read(text).is_ok(), "{text}");
    }
    for text in
        ["[,]", "{,}", "[1,,]", "{\"a\":1,,}", "[,1]", "{,\"a\":1}", ",", "1,", "[1 2]", "{\"a\" 1}", "{\"a\":,}"]
    {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn w5_invalid_json_is_refused() {
    let texts = [
        "",
        " ",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "-",
        "+1",
        "01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "--1",
        "'a'",
        "\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\u{0}\"",
        "{1:2}",
        "{a:1}",
        "[1}",
        "{\"a\":1]",
        "\u{feff}1",
        "/**/1",
        "1 1",
        "\u{b}1",
        "\u{a0}1",
    ];
    for text in texts {
        assert!(read(text).is_err(), "{text:?}");
    }
}

#[test]
fn w5_each_lone_surrogate_is_a_replacement_character_and_keys_are_compared_exactly() {
    for (lone, meant) in [
        ("\\ud83d", "\u{fffd}"),
        ("\\udc00", "\u{fffd}"),
        ("\\udc00\\ud83d", "\u{fffd}\u{fffd}"),
        ("\\ud83d\\ud83d\\ude00", "\u{fffd}\u{1f600}"),
        ("\\ud83d\\n", "\u{fffd}\n"),
        ("\\ud83dx", "\u{fffd}x"),
        ("\\uD83D\\u0041", "\u{fffd}A"),
    ] {
        let text = format!("\"{lone}\"");
        let value = read(&text).unwrap();
        assert_eq!(value.text(&text).unwrap(), meant, "{text}");
        assert!(value.has_lone_surrogate(&text), "{text}");
        assert!(read(&format!("{{\"a\":[\"{lone}\"]}}")).is_ok());
        assert!(read(&format!("{{\"{lone}\":1,\"\u{fffd}\":2}}")).is_ok());
        assert_eq!(read(&format!("{{\"{lone}\":1,\"{lone}\":2}}")).unwrap_err().kind, FaultKind::DuplicateKey);
    }
    assert!(read("{\"\\ud83d\":1,\"\\ud83e\":2,\"\\udc00\":3}").is_ok());
    let pair = "\"\\ud83d\\ude00\"";
    assert_eq!(read(pair).unwrap().text(pair).unwrap(), "\u{1f600}");
    assert!(!read(pair).unwrap().has_lone_surrogate(pair));
}

#[test]
fn w5_duplicate_keys_however_they_are_written() {
    for text in
        ["{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":1}", "[{\"x\":{\"\":0,\"\":0}}]", "{\"a\":{},\"b\":{},\"a\":{}}"]
    {
        assert_eq!(read(text).unwrap_err().kind, FaultKind::DuplicateKey, "{text}");
    }
    for text in ["{\"a\":{\"a\":{\"a\":1}},\"A\":1}", "[{\"a\":1},{\"a\":1}]", "{\"a\":1,\"a \":1}"] {
        assert!(read(text).is_ok(), "{text}");
    }
}

#[test]
fn w5_128_levels_and_no_more() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(read(&nested(128)).is_ok());
    assert_eq!(read(&nested(129)).unwrap_err(), FaultKind::TooDeep.at(128));
    assert!(is_well_formed(&nested(20_000)));
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    assert!(read(&objects(128)).is_ok());
    assert_eq!(read(&objects(129)).unwrap_err().kind, FaultKind::TooDeep);
}

#[test]
fn an_object_of_a_hundred_thousand_keys_is_read_in_one_go() {
    let fields: Vec<_> = (0..100_000).map(|key| format!("\"{key:08}\":0")).collect();
    let text = format!("{{{}}}", fields.join(","));
    assert!(read(&text).is_ok());
}

#[test]
fn fine_print_integers_however_they_are_written() {
    let whole = [
        ("0", 0),
        ("-0", 0),
        ("007", 7),
        ("1.0", 1),
        ("1e3", 1_000),
        ("1E+3", 1_000),
        ("10e-1", 1),
        ("1.50e1", 15),
        ("0e999999999999", 0),
        ("0.000", 0),
        ("-12", -12),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
        ("9e18", 9_000_000_000_000_000_000),
        ("000000000000000000000000000000001", 1),
        ("0.00000000000000000001e20", 1),
    ];
    for (text, number) in whole {
        assert_eq!(integer(text), Integer::Whole(number), "{text}");
    }
    for text in [
        "1.5",
        "1e-1",
        "9223372036854775808",
        "-9223372036854775809",
        "1e19",
        "1e400",
        "99999999999999999999999",
        "1e99999999999999999999",
    ] {
        assert_eq!(integer(text), Integer::Unusable, "{text}");
    }
    for text in [
        "", "-", "+1", "0x1", "1_000", "1.", ".1", "1e", "e1", " 1", "1 ", "\u{661}", "1e1.0", "--1", "inf", "NaN",
        "1-",
    ] {
        assert_eq!(integer(text), Integer::NotANumber, "{text}");
    }
}

#[test]
fn a_path_leads_to_the_value() {
    let text = r#"{"a":{"b c":[1,{"d":"xy"}]},"e":[[]]}"#;
    let path_to = |what: &str| locate(text, 0, text.find(what).unwrap());
    assert_eq!(path_to("{\"a\""), "");
    assert_eq!(path_to("\"b c\""), ".a[\"b c\"]");
    assert_eq!(path_to("1,"), ".a[\"b c\"][0]");
    assert_eq!(path_to("y\"}"), ".a[\"b c\"][1].d");
    assert_eq!(path_to("[]]"), ".e[0]");
    assert_eq!(locate(&"[".repeat(20_000), 0, 20_000), format!("{}\u{2026}", "[0]".repeat(20)));
}
