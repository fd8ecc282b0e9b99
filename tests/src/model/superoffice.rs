//! Reads SuperOffice chat webhooks (W2, F11).

use super::event::{AgentSays, Content, Direction, Event, Identity, Kind, SessionValue};
use super::json::Json;
use super::reading::{LARGEST, LONGEST_NAME_BYTES, Place, Reject, read_integer, reject};

/// The session's keys in the export, in its order, without `stale`.
pub(crate) const SESSION_KEYS: [&str; 13] = [
    "alert_level",
    "chatbot_is_active",
    "consented",
    "contact_id",
    "customer_alias",
    "customer_id",
    "project_id",
    "rating",
    "sale_id",
    "status",
    "ticket_id",
    "topic_id",
    "user_id",
];

/// The names of the statuses, from 0.
const STATUS_NAMES: [&str; 12] = [
    "invalid",
    "prechatform",
    "faq",
    "offlineform",
    "inqueue",
    "customerlast",
    "userlast",
    "finished",
    "deleted",
    "closed",
    "requestposted",
    "closedfromqueue",
];

/// Reads one webhook body; `None` is an event that is ignored.
pub(crate) fn read(body: &Json) -> Result<Option<Event>, Reject> {
    let name = match body.get("Event") {
        Some(Json::Text(name)) if !name.is_empty() => name.as_str(),
        Some(Json::Torn(_) | Json::Number(_)) => return Ok(None),
        _ => return reject("Event"),
    };
    let kind = match name {
        "chatsession.created" => Kind::Open,
        "chatsession.message" => Kind::Message,
        "chatsession.changed" => Kind::Changed,
        _ => return Ok(None),
    };
    let place = Place { object: body, path: "" };
    let Some(tenant) = place.id("ContextIdentifier")? else {
        return reject("ContextIdentifier");
    };
    let key = match read_integer(body.get("PrimaryKey").unwrap_or(&Json::Null)) {
        Ok(Some(key)) if (1..=LARGEST).contains(&key) => key,
        _ => return reject("PrimaryKey"),
    };
    let Some(at) = place.time("Timestamp")? else {
        return reject("Timestamp");
    };
    let session = session(body)?;
    let conversation = format!("superoffice:{tenant}:{key}");
    let mut content = Content {
        occurred: Some(at),
        agent: agent(&session),
        member_name: alias(body),
        tenant: Some(tenant),
        session,
        ..Content::bare(kind, at)
    };
    apply_status(&mut content);
    let identity = match place.id("EventId")? {
        Some(id) => Identity::part("superoffice", id, name.to_owned()),
        None => Identity::content("superoffice", &content),
    };
    Ok(Some(Event { conversation, identity, content }))
}

/// F11: a message's direction, and whether a `changed` closes.
fn apply_status(content: &mut Content) {
    let status = content.usable_status();
    match content.kind {
        Kind::Message => {
            content.direction = match status {
                Some(5) => Some(Direction::In),
                Some(6) => Some(Direction::Out),
                _ => None,
            };
        }
        Kind::Changed if status.is_some_and(|status| status >= 7) => content.kind = Kind::Close,
        _ => {}
    }
}

/// F8: an alias that is written as a text is the member's name.
fn alias(body: &Json) -> Option<String> {
    let Some(Json::Object(members)) = body.get("FieldValues") else { return None };
    let is_alias = |key: &str| key.replace('_', "").to_lowercase() == "customeralias";
    match members.iter().find(|(key, _)| is_alias(key)) {
        Some((_, Json::Text(name) | Json::Torn(name))) if !name.is_empty() => Some(name.clone()),
        _ => None,
    }
}

/// F11: `UserId` above 0 is an agent, 0 and -1 are no agent.
fn agent(session: &[(&'static str, SessionValue)]) -> AgentSays {
    let user = session.iter().find(|(key, _)| *key == "user_id");
    match user {
        Some((_, SessionValue::Integer(user))) if *user > 0 => {
            AgentSays::Somebody { id: Some(format!("user:{user}")), name: None }
        }
        Some((_, SessionValue::Integer(0 | -1))) => AgentSays::Nobody,
        _ => AgentSays::Nothing,
    }
}

/// W4: keys are compared without case and underscores; the same key twice is a duplicate key.
fn session(body: &Json) -> Result<Vec<(&'static str, SessionValue)>, Reject> {
    let Some(Json::Object(members)) = body.get("FieldValues") else {
        return Ok(Vec::new());
    };
    let plain = |key: &str| key.replace('_', "").to_lowercase();
    let mut values = Vec::new();
    for (index, (key, _)) in members.iter().enumerate() {
        if members[..index].iter().any(|(other, _)| plain(other) == plain(key)) {
            return reject(&format!("FieldValues.{key}"));
        }
    }
    for name in SESSION_KEYS {
        let member = members.iter().find(|(key, _)| plain(key) == plain(name));
        if let Some((key, Json::Text(text) | Json::Torn(text) | Json::Number(text))) = member
            && name == "customer_alias"
            && text.len() > LONGEST_NAME_BYTES
        {
            return reject(&format!("FieldValues.{key}"));
        }
        if let Some(value) = member.and_then(|(_, value)| session_value(name, value)) {
            values.push((name, value));
        }
    }
    Ok(values)
}

/// Section 8: a value that does not fit its type is null.
fn session_value(name: &str, value: &Json) -> Option<SessionValue> {
    match name {
        "chatbot_is_active" | "consented" => boolean(value).map(SessionValue::Boolean),
        "customer_alias" => match value {
            Json::Text(text) if text.is_empty() => None,
            Json::Text(text) | Json::Torn(text) | Json::Number(text) => Some(SessionValue::Text(text.clone())),
            _ => None,
        },
        "status" => status(value).map(SessionValue::Integer),
        _ => integer(value).map(SessionValue::Integer),
    }
}

/// A text must be exactly one of four; the number 1 may be written 1.0.
fn boolean(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(value) => Some(*value),
        Json::Text(text) => match text.as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        },
        _ => match read_integer(value) {
            Ok(Some(1)) => Some(true),
            Ok(Some(0)) => Some(false),
            _ => None,
        },
    }
}

/// An integer that the export can show.
fn integer(value: &Json) -> Option<i128> {
    let fits = |integer: &i128| i64::try_from(*integer).is_ok();
    read_integer(value).ok().flatten().filter(fits)
}

/// A number, numeric text, or a name with or without its prefix, in any case.
fn status(value: &Json) -> Option<i128> {
    if let Json::Text(text) = value {
        let lower = text.trim().to_lowercase();
        let name = lower.strip_prefix("status").unwrap_or(&lower);
        let place = (0..).zip(STATUS_NAMES).find(|(_, known)| *known == name);
        if let Some((status, _)) = place {
            return Some(status);
        }
    }
    integer(value)
}
