//! Reads Airship events, in both envelopes (W1).

use super::event::{AgentSays, Content, Direction, Event, Identity, Kind};
use super::json::Json;
use super::reading::{Place, Reject, reject};

/// Reads one envelope; `None` is an event that is ignored.
pub(crate) fn read(envelope: &Json) -> Result<Option<Event>, Reject> {
    let kind = envelope_place(envelope).text("type")?;
    if kind.is_some_and(|kind| kind != "CUSTOM") {
        return Ok(None);
    }
    let Some(body @ Json::Object(_)) = envelope.get("body") else {
        return reject("body");
    };
    match body.get("name") {
        Some(Json::Text(name)) if name == "live_chat_convo" => convo(envelope, body).map(Some),
        Some(Json::Text(name)) if name == "live_chat_message" => message(envelope, body).map(Some),
        Some(Json::Text(name) | Json::Torn(name)) if !name.is_empty() => Ok(None),
        _ => reject("body.name"),
    }
}

fn envelope_place(envelope: &Json) -> Place<'_> {
    Place { object: envelope, path: "" }
}

/// `transaction` is a non-empty string, and an id (section 8, W4).
fn transaction(body: &Json) -> Result<String, Reject> {
    let path = "body";
    let place = Place { object: body, path };
    let is_number = matches!(body.get("transaction"), Some(Json::Number(_)));
    match place.id("transaction")? {
        Some(transaction) if !is_number => Ok(transaction),
        _ => reject("body.transaction"),
    }
}

fn part<'a>(body: &'a Json, key: &str, path: &'a str) -> Result<Place<'a>, Reject> {
    let properties = body.get("properties").unwrap_or(&Json::Null);
    match properties.get(key) {
        Some(object @ Json::Object(_)) => Ok(Place { object, path }),
        _ => reject(path),
    }
}

fn finish(envelope: &Json, body: &Json, content: Content) -> Result<Event, Reject> {
    let identity = match envelope_place(envelope).id("id")? {
        Some(id) => Identity::given("airship", id),
        None => Identity::content("airship", &content),
    };
    Ok(Event { conversation: transaction(body)?, identity, content })
}

fn convo(envelope: &Json, body: &Json) -> Result<Event, Reject> {
    let interaction = body.get("interaction_type");
    let named_close = match interaction {
        Some(Json::Text(kind)) if kind == "convo_open" => false,
        Some(Json::Text(kind)) if kind == "convo_close" => true,
        _ => return reject("body.interaction_type"),
    };
    let convo = part(body, "convo", "body.properties.convo")?;
    let occurred = envelope_place(envelope).lenient_time("occurred");
    let started = convo.time("started_timestamp")?;
    let last_active = convo.time("last_active_timestamp")?;
    let Some(at) = occurred.max(last_active.or(started)) else {
        return envelope_place(envelope).no_time("occurred", convo, "started_timestamp");
    };
    let closes = named_close || convo.null_time("last_active_timestamp");
    // T3: no `occurred`, or one before the conversation began.
    let without_time = closes && (occurred.is_none() || occurred < started);
    let direction = convo.text("last_message_direction")?;
    let content = Content {
        without_time,
        occurred,
        started,
        last_active,
        unread_count: convo.count("message_count_since_last_accessed")?,
        agent: convo_agent(convo)?,
        direction: direction.as_deref().and_then(named_direction),
        text: convo.text("last_message")?,
        member_name: convo.name("member_name")?,
        member_number: convo.id("member_number")?,
        member_business_id: convo.id("member_business_id")?,
        shortcode: convo.id("shortcode")?,
        tenant: convo.id("business_id")?,
        ..Content::bare(if closes { Kind::Close } else { Kind::Open }, at)
    };
    finish(envelope, body, content)
}

fn named_direction(name: &str) -> Option<Direction> {
    match name.to_ascii_uppercase().as_str() {
        "IN" => Some(Direction::In),
        "OUT" => Some(Direction::Out),
        _ => None,
    }
}

/// F5 of a convo event: a null unassigns, an absent key says nothing.
fn convo_agent(convo: Place<'_>) -> Result<AgentSays, Reject> {
    let says = message_agent(convo)?;
    let is_mentioned = convo.has("agent_id") || convo.has("agent_name");
    Ok(match says {
        AgentSays::Nothing if is_mentioned => AgentSays::Nobody,
        _ => says,
    })
}

/// F5 of a message: a null says nothing.
fn message_agent(place: Place<'_>) -> Result<AgentSays, Reject> {
    let id = place.id("agent_id")?;
    let name = place.name("agent_name")?;
    Ok(match (&id, &name) {
        (None, None) => AgentSays::Nothing,
        _ => AgentSays::Somebody { id, name },
    })
}

fn message(envelope: &Json, body: &Json) -> Result<Event, Reject> {
    let Some(Json::Text(interaction)) = body.get("interaction_type") else {
        return reject("body.interaction_type");
    };
    let (channel, direction) = match interaction.as_str() {
        "sms_in" => ("sms", Direction::In),
        "sms_out" => ("sms", Direction::Out),
        "app_in" => ("in_app", Direction::In),
        "app_out" => ("in_app", Direction::Out),
        _ => return reject("body.interaction_type"),
    };
    let message = part(body, "message", "body.properties.message")?;
    let occurred = envelope_place(envelope).lenient_time("occurred");
    let timestamp = message.time("timestamp")?;
    let Some(at) = occurred.max(timestamp) else {
        return envelope_place(envelope).no_time("occurred", message, "timestamp");
    };
    let content = Content {
        occurred,
        timestamp,
        agent: message_agent(message)?,
        direction: Some(direction),
        channel: Some(channel.to_owned()),
        text: message.text("message")?,
        member_number: message.id("number")?,
        member_business_id: message.id("member_business_id")?,
        member_channel_id: message.id("airship_channel_id")?,
        shortcode: message.id("shortcode")?,
        app_key: message.id("airship_app_key")?,
        tenant: message.id("business_id")?,
        ..Content::bare(Kind::Message, at)
    };
    finish(envelope, body, content)
}
