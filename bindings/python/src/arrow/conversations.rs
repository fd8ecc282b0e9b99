//! The table of conversations: one row per conversation, with the keys of the export as columns.

use arrow_schema::{Field, SchemaRef};
use convofold::{Session, SessionType};

use super::columns::{self, list, number, object, required, stated, text, time, truth};

pub(super) fn schema() -> SchemaRef {
    let count = |name| required(number(name));
    columns::schema(vec![
        required(text("id")),
        required(text("source")),
        text("tenant"),
        text("channel"),
        required(text("status")),
        required(text("opened_by")),
        required(time("started_at")),
        time("last_active_at"),
        required(time("last_event_at")),
        time("closed_at"),
        count("reopens"),
        required(object("member", ["name", "number", "business_id", "channel_id"].map(text).into())),
        text("shortcode"),
        text("app_key"),
        agent(),
        list("assignments", vec![agent(), required(time("at"))]),
        count("messages_in"),
        count("messages_out"),
        count("messages_other"),
        count("messages_after_close"),
        required(stated("unread")),
        time("first_inbound_at"),
        number("first_response_ms"),
        time("waiting_since"),
        time("latest_unanswered_at"),
        count("open_ms"),
        list("by_agent", vec![required(agent()), count("messages_in"), count("messages_out")]),
        object("last_message", vec![required(text("text")), text("direction"), required(time("at"))]),
        list("suspect", vec![required(text("field")), stated("expected"), stated("found"), required(time("at"))]),
        session(),
    ])
}

fn agent() -> Field {
    object("agent", vec![text("id"), text("name")])
}

fn session() -> Field {
    let values = Session::FIELDS.map(|(name, value_type)| match value_type {
        SessionType::Number => number(name),
        SessionType::Truth => truth(name),
        _ => text(name),
    });
    object("session", values.into_iter().chain([required(truth("stale"))]).collect())
}
