//! The export line (H2) and the state hash (H1).

use sha2::{Digest, Sha256};

use super::agents::{self, Agent};
use super::event::{Direction, Event, SessionValue};
use super::fold;
use super::superoffice::SESSION_KEYS;
use super::time::{Nanos, shown_ms};

/// H1: the sum modulo 2^256 of the SHA-256 of every line, in 64 hexadecimal digits.
pub(crate) fn state_hash(lines: &[String]) -> String {
    let mut sum = [0_u8; 32];
    for line in lines {
        let digest = Sha256::digest(line.as_bytes());
        let mut carry = 0;
        for (place, addend) in sum.iter_mut().zip(digest).rev() {
            let (half, first) = place.overflowing_add(addend);
            let (whole, second) = half.overflowing_add(carry);
            *place = whole;
            carry = u8::from(first) + u8::from(second);
        }
    }
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// H2: one conversation as one line; the events are in the order of T2.
pub(crate) fn line(id: &str, events: &[Event]) -> String {
    let source = events.last().map_or("", |event| event.identity.source.as_str());
    let mut members = vec![("id", text(id)), ("source", text(source))];
    members.extend(head(events));
    members.extend(people(events));
    members.extend(numbers(events));
    members.extend(tail(events));
    if source == "superoffice" {
        members.push(("session", session(events)));
    }
    object(&members)
}

type Members = Vec<(&'static str, String)>;

fn head(events: &[Event]) -> Members {
    let status = if fold::is_closed(events) { "closed" } else { "open" };
    vec![
        ("tenant", attribute(fold::latest(events, |content| content.tenant.clone()))),
        ("channel", or_null(fold::channel(events).map(text))),
        ("status", text(status)),
        ("opened_by", text(fold::opened_by(events))),
        ("started_at", time(fold::started_at(events))),
        ("last_active_at", or_null(fold::last_active_at(events).map(time))),
        ("last_event_at", time(fold::last_event_at(events))),
        ("closed_at", or_null(fold::closed_at(events).map(time))),
        ("reopens", fold::reopens(events).to_string()),
    ]
}

fn people(events: &[Event]) -> Members {
    let member = [
        ("name", attribute(fold::member_name(events))),
        ("number", attribute(fold::latest(events, |content| content.member_number.clone()))),
        ("business_id", attribute(fold::latest(events, |content| content.member_business_id.clone()))),
        ("channel_id", attribute(fold::latest(events, |content| content.member_channel_id.clone()))),
    ];
    let assigned = agents::assigned_after_each(events).pop().flatten();
    let assignments = agents::assignments(events).into_iter().map(|(who, event)| {
        let at = time(event.content.at);
        object(&[("agent", agent(events, who.as_ref())), ("at", at)])
    });
    vec![
        ("member", object(&member)),
        ("shortcode", attribute(fold::latest(events, |content| content.shortcode.clone()))),
        ("app_key", attribute(fold::latest(events, |content| content.app_key.clone()))),
        ("agent", agent(events, assigned.as_ref())),
        ("assignments", array(assignments)),
    ]
}

fn numbers(events: &[Event]) -> Members {
    let messages = |direction| fold::message_count(events, direction).to_string();
    vec![
        ("messages_in", messages(Some(Direction::In))),
        ("messages_out", messages(Some(Direction::Out))),
        ("messages_other", messages(None)),
        ("messages_after_close", fold::messages_after_close(events).to_string()),
        ("unread", fold::unread(events).to_string()),
        ("first_inbound_at", or_null(fold::first_inbound_at(events).map(time))),
        ("first_response_ms", or_null(fold::first_response_ms(events))),
        ("waiting_since", or_null(fold::waiting_since(events).map(time))),
        ("latest_unanswered_at", or_null(fold::latest_unanswered_at(events).map(time))),
        ("open_ms", fold::open_ms(events).to_string()),
    ]
}

fn tail(events: &[Event]) -> Members {
    let by_agent = agents::by_agent(events).into_iter().map(|(who, messages_in, messages_out)| {
        object(&[
            ("agent", agent(events, Some(&who))),
            ("messages_in", messages_in.to_string()),
            ("messages_out", messages_out.to_string()),
        ])
    });
    let suspect = fold::suspect(events).into_iter().map(|suspect| {
        object(&[
            ("field", text(suspect.field)),
            ("expected", or_null(suspect.expected)),
            ("found", or_null(suspect.found)),
            ("at", suspect.at_ms.to_string()),
        ])
    });
    vec![("by_agent", array(by_agent)), ("last_message", or_null(last_message(events))), ("suspect", array(suspect))]
}

fn last_message(events: &[Event]) -> Option<String> {
    let last = fold::last_message(events)?;
    let direction = last.direction.map(|direction| match direction {
        Direction::In => text("in"),
        Direction::Out => text("out"),
    });
    Some(object(&[("text", text(&last.text)), ("direction", or_null(direction)), ("at", time(last.at))]))
}

fn session(events: &[Event]) -> String {
    let value = |key| match fold::session_value(events, key) {
        None => "null".to_owned(),
        Some(SessionValue::Integer(integer)) => integer.to_string(),
        Some(SessionValue::Boolean(boolean)) => boolean.to_string(),
        Some(SessionValue::Text(alias)) => text(&alias),
    };
    let mut members: Members = SESSION_KEYS.map(|key| (key, value(key))).into();
    members.push(("stale", fold::session_stale(events).to_string()));
    object(&members)
}

fn agent(events: &[Event], agent: Option<&Agent>) -> String {
    let Some(agent) = agent else {
        return "null".to_owned();
    };
    let (id, name) = agents::shown(events, agent);
    object(&[("id", attribute(id)), ("name", attribute(name))])
}

fn attribute(value: Option<String>) -> String {
    or_null(value.map(|value| text(&value)))
}

fn or_null(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| value.to_string())
}

fn time(time: Nanos) -> String {
    shown_ms(time).to_string()
}

/// Escapes only what JSON requires.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn object(members: &[(&str, String)]) -> String {
    let members = members.iter().map(|(key, value)| format!("\"{key}\":{value}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn array(elements: impl Iterator<Item = String>) -> String {
    format!("[{}]", elements.collect::<Vec<_>>().join(","))
}
