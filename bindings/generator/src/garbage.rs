//! Lines that are not events.
//!
//! Most are made from the event just delivered, so a reader that wrongly accepts one shows it in its counts. By the rules
//! of the wire formats, each line here is exactly one rejection or exactly one ignored line.

use crate::json::value_of;
use crate::options::Envelope;
use crate::rng::Rng;
use crate::summary::LineKind;

/// What is wrong with the line. The meaning depends on the source; SuperOffice lines have fewer distinct defects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Truncated,
    NotJson,
    BadUtf8,
    LoneSurrogate,
    Deep,
    DuplicateKey,
    NoId,
    BadId,
    NoContent,
    BadNumber,
    WrongType,
    Unknown,
    Foreign,
    Blank,
    KeepAlive,
}

const KINDS: [Kind; 15] = [
    Kind::Truncated,
    Kind::NotJson,
    Kind::BadUtf8,
    Kind::LoneSurrogate,
    Kind::Deep,
    Kind::DuplicateKey,
    Kind::NoId,
    Kind::BadId,
    Kind::NoContent,
    Kind::BadNumber,
    Kind::WrongType,
    Kind::Unknown,
    Kind::Foreign,
    Kind::Blank,
    Kind::KeepAlive,
];

const NOT_JSON: [&[u8]; 9] = [
    b"--- log rotated ---",
    b"null",
    b"[]",
    b"42",
    b"\"convo_close\"",
    b"{'name':'live_chat_convo'}",
    b"\xef\xbb\xbf{",
    b"\x00\x00\x00\x00",
    b"HTTP/1.1 503 Service Unavailable",
];

const BLANK: [&[u8]; 3] = [b"", b"    ", b"\t"];

/// Keep-alives and other event types of the data stream.
const STREAM_NOISE: [&[u8]; 2] = [
    br#"{"id":"00000000-0000-4000-8000-00000000000a","type":"OFFSET_UPDATE","offset":"1000010838999","occurred":"2021-07-29T05:11:08.595Z","processed":"2021-07-29T05:11:08.600Z"}"#,
    br#"{"id":"00000000-0000-4000-8000-00000000000b","type":"CLOSE","offset":"1000010838998","occurred":"2021-07-29T05:11:08.595Z","processed":"2021-07-29T05:11:08.600Z","device":{"channel":"00000000-0000-4000-8000-00000000000c","device_type":"IOS"},"body":{"session_id":"00000000-0000-4000-8000-00000000000d"}}"#,
];

const WEBHOOK_TEST: &[u8] = br#"{"EventId":"00000000-0000-4000-8000-00000000000e","Timestamp":"2021-07-29T05:11:08.595Z","Changes":[],"Event":"test","PrimaryKey":0,"Entity":"test","ContextIdentifier":"Default","ChangedByAssociateId":0,"WebhookName":"Chat state"}"#;

/// Appends garbage made from `line` to `out` and returns what a reader must do with it.
pub(crate) fn write(out: &mut Vec<u8>, line: &[u8], envelope: Envelope, rng: &mut Rng) -> LineKind {
    let kind = rng.pick(&KINDS);
    match envelope {
        Envelope::SuperOffice => spoil_session(out, line, kind, rng),
        Envelope::AirshipApi | Envelope::AirshipRtds => spoil_airship(out, line, kind, rng),
    }
    match kind {
        Kind::Foreign | Kind::Blank | Kind::KeepAlive => LineKind::MustIgnore,
        _ => LineKind::MustReject,
    }
}

fn spoil_airship(out: &mut Vec<u8>, line: &[u8], kind: Kind, rng: &mut Rng) {
    match kind {
        Kind::DuplicateKey => push(out, &[&line[..line.len() - 1], br#","body":null}"#]),
        Kind::LoneSurrogate => set(out, line, b"\"transaction\":", lone_surrogate(rng)),
        Kind::NoId => remove(out, line, b"\"transaction\":"),
        Kind::BadId => set(out, line, b"\"transaction\":", bad_transaction(rng)),
        Kind::NoContent => set(out, line, b"\"properties\":", no_properties(rng)),
        Kind::BadNumber => {
            let key: &[u8] = if is_message(line) { b"\"timestamp\":" } else { b"\"started_timestamp\":" };
            set(out, line, key, bad_time(rng));
        }
        Kind::WrongType => spoil_type(out, line, rng),
        Kind::Unknown => {
            let other: &[u8] = if is_message(line) { b"\"convo_open\"" } else { b"\"app_in\"" };
            let words: [&[u8]; 5] = [b"\"typing_start\"", b"\"convo_snooze\"", b"\"CONVO_OPEN\"", b"\"mms_in\"", other];
            set(out, line, b"\"interaction_type\":", rng.pick(&words));
        }
        Kind::Foreign => {
            let words: [&[u8]; 3] = [b"\"purchase\"", b"\"region_enter\"", b"\"live_chat_convos\""];
            set(out, line, b"\"name\":", rng.pick(&words));
        }
        Kind::KeepAlive => out.extend_from_slice(rng.pick(&STREAM_NOISE)),
        _ => spoil_text(out, line, kind, rng),
    }
}

fn spoil_session(out: &mut Vec<u8>, line: &[u8], kind: Kind, rng: &mut Rng) {
    match kind {
        Kind::DuplicateKey => push(out, &[&line[..line.len() - 1], br#","Timestamp":null}"#]),
        Kind::LoneSurrogate => set(out, line, b"\"PrimaryKey\":", lone_surrogate(rng)),
        Kind::NoId => remove(out, line, b"\"PrimaryKey\":"),
        Kind::BadId => {
            let values: [&[u8]; 6] = [b"0", b"-5", b"\"abc\"", b"1.5", b"[1]", b"null"];
            set(out, line, b"\"PrimaryKey\":", rng.pick(&values));
        }
        Kind::NoContent => remove(out, line, b"\"Timestamp\":"),
        Kind::BadNumber | Kind::WrongType | Kind::Unknown => {
            let values: [&[u8]; 5] =
                [b"\"yesterday\"", b"\"2018-13-24T08:18:42Z\"", b"\"0001-01-01T00:00:00\"", b"true", b"{}"];
            set(out, line, b"\"Timestamp\":", rng.pick(&values));
        }
        Kind::Foreign => {
            let words: [&[u8]; 3] = [b"\"contact.changed\"", b"\"ticket.created\"", b"\"webhook.errors\""];
            set(out, line, b"\"Event\":", rng.pick(&words));
        }
        Kind::KeepAlive => out.extend_from_slice(WEBHOOK_TEST),
        _ => spoil_text(out, line, kind, rng),
    }
}

/// Defects below the level of events, the same for every source.
fn spoil_text(out: &mut Vec<u8>, line: &[u8], kind: Kind, rng: &mut Rng) {
    match kind {
        Kind::NotJson => out.extend_from_slice(rng.pick(&NOT_JSON)),
        Kind::BadUtf8 => {
            let bytes: [&[u8]; 3] = [b"\xff\xfe\xc0\x80", b"\xed\xa0\xbd", b"\xe5\xb1"];
            insert(out, line, rng.pick(&bytes));
        }
        Kind::Deep => nest(out, rng),
        Kind::Blank => out.extend_from_slice(rng.pick(&BLANK)),
        _ => {
            let end = 1 + rng.index(line.len() - 2);
            out.extend_from_slice(&line[..end]);
        }
    }
}

/// Far more nested brackets than the limit of 128 levels, closed or unclosed.
fn nest(out: &mut Vec<u8>, rng: &mut Rng) {
    let depth = rng.pick(&[200usize, 2_000, 20_000]);
    out.resize(out.len() + depth, b'[');
    if rng.chance(0.5) {
        out.resize(out.len() + depth, b']');
    }
}

fn spoil_type(out: &mut Vec<u8>, line: &[u8], rng: &mut Rng) {
    let inner: &[u8] = if is_message(line) { b"\"message\":" } else { b"\"convo\":" };
    let keys: [&[u8]; 3] = [b"\"properties\":", inner, b"\"interaction_type\":"];
    let values: [&[u8]; 3] = [b"null", b"[]", b"7"];
    set(out, line, rng.pick(&keys), rng.pick(&values));
}

fn bad_transaction(rng: &mut Rng) -> &'static [u8] {
    rng.pick::<&'static [u8]>(&[b"12345", b"null", b"\"\"", b"[\"x\"]", b"{}", b"true"])
}

/// Half a surrogate pair is accepted in a text, but not in an id.
fn lone_surrogate(rng: &mut Rng) -> &'static [u8] {
    rng.pick::<&'static [u8]>(&[br#""\ud83d""#, br#""\ude00 ""#])
}

fn no_properties(rng: &mut Rng) -> &'static [u8] {
    rng.pick::<&'static [u8]>(&[b"{}", br#"{"convos":{}}"#, br#"{"convo":null,"message":null}"#])
}

fn bad_time(rng: &mut Rng) -> &'static [u8] {
    rng.pick::<&'static [u8]>(&[
        b"\"not-a-number\"",
        b"\"-\"",
        b"\"99999999999999999999999\"",
        b"\"1e400\"",
        b"\"0x17af\"",
        b"\"16275354685.95x\"",
        b"{\"ms\":1}",
        b"[1]",
        b"true",
    ])
}

fn is_message(line: &[u8]) -> bool {
    value_of(line, b"\"name\":").is_some_and(|value| &line[value] == b"\"live_chat_message\"")
}

/// `line` with `value` as the value of `key`.
fn set(out: &mut Vec<u8>, line: &[u8], key: &[u8], value: &[u8]) {
    match value_of(line, key) {
        Some(old) => push(out, &[&line[..old.start], value, &line[old.end..]]),
        None => out.extend_from_slice(b"{"),
    }
}

/// `line` without `key`, which must not be the last of its object.
fn remove(out: &mut Vec<u8>, line: &[u8], key: &[u8]) {
    match value_of(line, key) {
        Some(old) => push(out, &[&line[..old.start - key.len()], &line[old.end + 1..]]),
        None => out.extend_from_slice(b"{"),
    }
}

/// `line` with `what` inserted at the start of its last text.
fn insert(out: &mut Vec<u8>, line: &[u8], what: &[u8]) {
    let start = line.windows(3).rposition(|w| w == b"\":\"").map_or(line.len(), |at| at + 3);
    push(out, &[&line[..start], what, &line[start..]]);
}

fn push(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Purpose;
    use serde_json::Value;

    const CONVO: &[u8] = br#"{"occurred":"2021-07-29 05:11:08.595000","user":{"channel":"c"},"body":{"name":"live_chat_convo","interaction_type":"convo_open","transaction":"t","properties":{"convo":{"started_timestamp":"1627535468595","last_message":"say \"hi\", }]","agent_id":null,"agent_name":null}}}}"#;
    const MESSAGE: &[u8] = br#"{"occurred":"2021-07-29 05:11:08.595000","user":{"channel":"c"},"body":{"name":"live_chat_message","interaction_type":"app_in","transaction":"t","properties":{"message":{"id":"i","timestamp":"1627535468595","message":"x","mms":"","status":"received"}}}}"#;
    const SESSION: &[u8] = br#"{"EventId":"e","Timestamp":"2018-04-24T08:18:42Z","Changes":[],"Event":"chatsession.changed","PrimaryKey":7,"Entity":"chatsession","ContextIdentifier":"Default","ChangedByAssociateId":3,"WebhookName":"Chat state"}"#;

    fn each_kind(check: impl Fn(Kind, Envelope, &[u8])) {
        let mut rng = Rng::new(2, Purpose::Faults, 0);
        for kind in KINDS {
            for _ in 0..60 {
                for (line, envelope) in [(CONVO, Envelope::AirshipApi), (MESSAGE, Envelope::AirshipRtds)] {
                    let mut out = Vec::new();
                    spoil_airship(&mut out, line, kind, &mut rng);
                    check(kind, envelope, &out);
                }
                let mut out = Vec::new();
                spoil_session(&mut out, SESSION, kind, &mut rng);
                check(kind, Envelope::SuperOffice, &out);
            }
        }
    }

    #[test]
    fn garbage_is_no_event_and_a_single_line() {
        each_kind(|kind, _, out| {
            assert!(![CONVO, MESSAGE, SESSION].contains(&out), "{kind:?}");
            assert!(!out.contains(&b'\n'), "{kind:?}");
        });
    }

    #[test]
    fn defects_below_json_do_not_parse_and_others_do() {
        each_kind(|kind, _, out| {
            let parsed: Result<Value, _> = serde_json::from_slice(out);
            match kind {
                Kind::Truncated | Kind::BadUtf8 | Kind::LoneSurrogate | Kind::Deep | Kind::Blank => {
                    assert!(parsed.is_err(), "{kind:?} {}", String::from_utf8_lossy(out));
                }
                Kind::NotJson => assert!(!parsed.is_ok_and(|v| v.is_object())),
                _ => assert!(parsed.unwrap().is_object(), "{kind:?}"),
            }
        });
    }

    #[test]
    fn a_defect_changes_nothing_else() {
        each_kind(|kind, envelope, out| {
            if kind == Kind::NoId {
                let value: Value = serde_json::from_slice(out).unwrap();
                let body = if envelope == Envelope::SuperOffice { &value } else { &value["body"] };
                assert!(body.get("transaction").is_none() && body.get("PrimaryKey").is_none());
                assert!(body.get("properties").is_some() || body.get("Timestamp").is_some());
            }
        });
    }
}
