//! Small random logs in which the difficult cases are frequent: ties, nulls, missing keys, agents with a name only,
//! closes without a usable time, counts, late messages, reopenings, clocks a day apart, stamps within a second of each
//! other, one id in two sources, statuses on messages.
//!
//! The rules leave content hashes to the engine, so no state may depend on them. Events with their own id lie on a
//! coarse grid of times and tie often, each with a different id. Events without an id have unique times.

pub mod events;

use std::fmt::Write as _;

use proptest::prelude::*;

/// Where all times begin: 2024-05-01T10:00:00Z, in milliseconds.
const BEGIN_MS: u64 = 1_714_557_600_000;

/// A log in which each identity has one content. About a third of the events occur twice.
pub fn wire_log() -> impl Strategy<Value = Vec<String>> {
    log_of(distinct_id)
}

/// A log in which some identities have several contents (I2). The rules leave the choice of the content to the engine,
/// so a test can only check that it does not depend on arrival.
pub fn wire_log_with_conflicts() -> impl Strategy<Value = Vec<String>> {
    log_of(shared_id)
}

/// Makes the id of the event at an index.
type IdMaker = fn(place: usize, draw: &mut Draw) -> String;

/// The letter makes ids sort differently from indexes.
fn distinct_id(place: usize, draw: &mut Draw) -> String {
    format!("{}{place}", draw.pick(&["m", "A", "z", "é"]))
}

fn shared_id(place: usize, _draw: &mut Draw) -> String {
    format!("m{}", place % 4)
}

fn log_of(id: IdMaker) -> impl Strategy<Value = Vec<String>> {
    let draws = proptest::collection::vec(proptest::array::uniform32(any::<u8>()), 0..14);
    let repeats = proptest::collection::vec(any::<prop::sample::Index>(), 0..5);
    let lines = (draws, repeats).prop_map(move |(draws, repeats)| {
        let draws = draws.into_iter().enumerate();
        let mut lines: Vec<String> = draws.map(|(place, bytes)| line(place, bytes, id)).collect();
        if !lines.is_empty() {
            for repeat in repeats {
                // A redelivery has a new offset, which is not content.
                let again = repeat.get(&lines).replace("\"offset\":\"1\"", "\"offset\":\"2\"");
                lines.push(again);
            }
        }
        lines
    });
    lines.prop_shuffle()
}

/// Random bytes, each used for one choice. A smaller byte chooses a smaller index, so cases shrink.
struct Draw {
    bytes: std::vec::IntoIter<u8>,
}

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        usize::from(self.bytes.next().unwrap_or(0)) % count
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

/// An object under construction; the value `-` omits the key.
#[derive(Default)]
struct Object {
    text: String,
}

impl Object {
    fn with(mut self, key: &str, value: &str) -> Self {
        if value != "-" {
            let comma = if self.text.is_empty() { "" } else { "," };
            let _ = write!(self.text, "{comma}\"{key}\":{value}");
        }
        self
    }

    fn end(self) -> String {
        format!("{{{}}}", self.text)
    }
}

fn line(place: usize, bytes: [u8; 32], id: IdMaker) -> String {
    let mut draw = Draw { bytes: Vec::from(bytes).into_iter() };
    let draw = &mut draw;
    match draw.below(16) {
        0..=4 => {
            let id = id(place, draw);
            streamed(&id, message_body, draw)
        }
        5..=8 => {
            let id = id(place, draw);
            streamed(&id, convo_body, draw)
        }
        9 => submitted(place, message_body, draw),
        10 => submitted(place, convo_body, draw),
        11..=13 => {
            // The webhook can have the id of the Airship event at the next index.
            let id = id(place + 1, draw);
            webhook(&format!("\"{id}\""), grid_ms(draw), draw)
        }
        14 => webhook("null", own_ms(place, draw), draw),
        _ => draw.pick(&ODDITIES).to_owned(),
    }
}

/// Other lines of a log: lines that are ignored or rejected.
const ODDITIES: [&str; 6] = [
    "",
    "{\"type\":\"OFFSET_UPDATE\",\"id\":\"o\",\"offset\":\"3\"}",
    "{\"occurred\":\"2024-05-01T10:00:00Z\",\"body\":{\"name\":\"purchased\"}}",
    "{\"Event\":\"test\",\"PrimaryKey\":0}",
    "not json",
    "{\"occurred\":\"2024-05-01T10:00:00Z\",\"body\":{\"name\":\"live_chat_message\",\"interaction_type\":\"app_in\",\"transaction\":\"\"}}",
];

/// One of a few times, so that ties are frequent. Some are less than a second apart, some exactly a second.
fn grid_ms(draw: &mut Draw) -> u64 {
    const OFFSETS_MS: [u64; 7] = [0, 1000, 2000, 400, 1400, 3000, 4000];
    BEGIN_MS + OFFSETS_MS[draw.below(OFFSETS_MS.len())]
}

/// A time that no other event has.
fn own_ms(place: usize, draw: &mut Draw) -> u64 {
    grid_ms(draw) + 10 * (place as u64 + 1) + 3
}

/// All times of the grid, and all unique times, lie within one minute.
fn rfc3339(ms: u64, digits: &str) -> String {
    on_day("2024-05-01", ms, digits)
}

fn on_day(day: &str, ms: u64, digits: &str) -> String {
    let since = ms - BEGIN_MS;
    format!("{day}T10:00:{:02}.{:03}{digits}Z", since / 1000, since % 1000)
}

/// The times an event can contain. Zero and missing are absent, as `-` and `null` are.
struct Times {
    /// `occurred`, as JSON.
    occurred: String,
    /// The event's own time, as JSON: `timestamp` or `last_active_timestamp`.
    own: String,
    started: String,
}

type BodyMaker = fn(&Times, &mut Draw) -> String;

fn streamed(id: &str, body: BodyMaker, draw: &mut Draw) -> String {
    const DIGITS: [&str; 4] = ["", "4", "000001", "9"];
    let ms = grid_ms(draw);
    let quoted = |time: String| format!("\"{time}\"");
    let occurred = quoted(rfc3339(ms, draw.pick(&DIGITS)));
    let a_day_before = quoted(on_day("2024-04-30", ms, draw.pick(&DIGITS)));
    let years_before = "\"2019-08-13 19:15:00.000000\"";
    let occurred = draw.pick(&[&occurred, &occurred, &occurred, &a_day_before, years_before, "-", "\"soon\""]);
    let own_ms = grid_ms(draw);
    let epoch = quoted(own_ms.to_string());
    let precise = quoted(rfc3339(own_ms, draw.pick(&DIGITS)));
    let times = Times {
        occurred: occurred.to_owned(),
        own: draw.pick(&[&epoch, &epoch, &precise, "null", "-", "\"0\""]).to_owned(),
        started: {
            let started = grid_ms(draw).to_string();
            draw.pick(&[&BEGIN_MS.to_string(), &started, "null", "-"]).to_owned()
        },
    };
    Object::default()
        .with("id", &format!("\"{id}\""))
        .with("type", "\"CUSTOM\"")
        .with("offset", "\"1\"")
        .with("occurred", &times.occurred)
        .with("body", &body(&times, draw))
        .end()
}

/// Without an id: no time in the event may be later than its `occurred`, which is unique.
fn submitted(place: usize, body: BodyMaker, draw: &mut Draw) -> String {
    let ms = own_ms(place, draw);
    let epoch = ms.to_string();
    let times = Times {
        occurred: format!("\"{}\"", rfc3339(ms, "")),
        own: draw.pick(&[&epoch, "null", "-"]).to_owned(),
        started: draw.pick(&[&BEGIN_MS.to_string(), "-"]).to_owned(),
    };
    Object::default()
        .with("occurred", &times.occurred)
        .with("user", "{\"channel\":\"d\"}")
        .with("body", &body(&times, draw))
        .end()
}

fn body(name: &str, kind: &str, part: (&str, String), draw: &mut Draw) -> String {
    let properties = Object::default().with(part.0, &part.1).end();
    Object::default()
        .with("name", name)
        .with("interaction_type", kind)
        .with("transaction", draw.pick(&["\"c1\"", "\"c1\"", "\"superoffice:Shop:7\"", "\"c2\""]))
        .with("properties", &properties)
        .end()
}

fn message_body(times: &Times, draw: &mut Draw) -> String {
    let message = Object::default()
        .with("timestamp", &times.own)
        .with("message", draw.pick(&["\"hi\"", "\"ho\"", "\"\"", "7", "\"null\"", "-"]))
        .with("agent_id", draw.pick(&["-", "null", "\"a1\"", "\"a2\""]))
        .with("agent_name", draw.pick(&["-", "null", "\"Ann\"", "\"Bob\""]))
        .with("number", draw.pick(&["-", "\"551\"", "552", "\"null\""]))
        .with("airship_channel_id", draw.pick(&["-", "\"ch\""]))
        .with("airship_app_key", draw.pick(&["-", "\"k1\"", "\"k2\""]))
        .end();
    let kind = draw.pick(&["\"app_in\"", "\"app_in\"", "\"sms_in\"", "\"app_out\"", "\"sms_out\""]);
    body("\"live_chat_message\"", kind, ("message", message), draw)
}

fn convo_body(times: &Times, draw: &mut Draw) -> String {
    let kind = draw.pick(&["\"convo_open\"", "\"convo_open\"", "\"convo_close\""]);
    let convo = Object::default()
        .with("started_timestamp", &times.started)
        .with("last_active_timestamp", &times.own)
        .with("message_count_since_last_accessed", draw.pick(&["-", "-", "0", "\"1\"", "2", "\" 3 \"", "null"]))
        .with("agent_id", draw.pick(&["-", "null", "\"a1\"", "\"a2\"", "\"\""]))
        .with("agent_name", draw.pick(&["-", "null", "\"Ann\"", "\"Bob\""]))
        .with("member_name", draw.pick(&["-", "\"Mia\"", "\"Unknown\"", "null"]))
        .with("member_business_id", draw.pick(&["-", "\"b1\""]))
        .with("shortcode", draw.pick(&["-", "\"s1\"", "55501"]))
        .with("business_id", draw.pick(&["-", "\"t1\"", "\"t2\""]))
        .with("last_message", draw.pick(&["-", "\"told\"", "\"\""]))
        .with("last_message_direction", draw.pick(&["-", "\"IN\"", "\"OUT\""]))
        .end();
    body("\"live_chat_convo\"", kind, ("convo", convo), draw)
}

fn webhook(event_id: &str, ms: u64, draw: &mut Draw) -> String {
    let statuses = ["-", "-", "4", "5", "\"6\"", "7", "\"StatusClosed\"", "0", "12", "null", "\"what\""];
    let values = Object::default()
        .with("Status", draw.pick(&statuses))
        .with("user_id", draw.pick(&["-", "0", "-1", "\"8\"", "9", "-5", "null"]))
        .with("Rating", draw.pick(&["-", "1", "\"2\"", "\"good\""]))
        .with("Consented", draw.pick(&["-", "true", "\"0\""]))
        .with("customer_alias", draw.pick(&["-", "\"Mo\"", "\"Unknown\"", "5", "\"\"", "true"]))
        .end();
    let events = ["created", "message", "message", "changed", "changed"];
    let event = format!("\"chatsession.{}\"", draw.pick(&events));
    Object::default()
        .with("EventId", event_id)
        .with("Timestamp", &format!("\"{}\"", rfc3339(ms, draw.pick(&["", "4", "0001"]))))
        .with("Event", &event)
        .with("PrimaryKey", "7")
        .with("ContextIdentifier", "\"Shop\"")
        .with("FieldValues", draw.pick(&[&values, &values, "-", "5"]))
        .end()
}
