//! The table of messages: one row per message.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use convofold::{ConversationRecord, Direction, HistoryEntry, Kind};
use serde::Serialize;

use super::columns::{self, number, required, text, time, truth};

/// A row of the table.
#[derive(Serialize)]
pub(super) struct Row {
    conversation_id: Arc<str>,
    tenant: Option<Arc<str>>,
    channel: Option<String>,
    seq: u64,
    occurred_at: i64,
    said_at: Option<i64>,
    direction: Option<Direction>,
    agent_id: Option<Arc<str>>,
    agent_name: Option<Arc<str>>,
    message_text: Option<String>,
    event_identity: String,
    is_late: bool,
    is_counted: bool,
}

pub(super) fn schema() -> SchemaRef {
    columns::schema(vec![
        required(text("conversation_id")),
        text("tenant"),
        text("channel"),
        required(number("seq")),
        required(time("occurred_at")),
        time("said_at"),
        text("direction"),
        text("agent_id"),
        text("agent_name"),
        text("message_text"),
        required(text("event_identity")),
        required(truth("is_late")),
        required(truth("is_counted")),
    ])
}

/// The messages of a conversation.
pub(super) fn of(conversation: ConversationRecord) -> Vec<Row> {
    let id = conversation.state.id;
    let tenant = conversation.state.tenant.map(Arc::from);
    let messages = conversation.history.into_iter().filter(|entry| entry.event.kind() == Kind::Message);
    messages.map(|entry| Row::of(entry, id.clone(), tenant.clone())).collect()
}

impl Row {
    fn of(entry: HistoryEntry, conversation_id: Arc<str>, tenant: Option<Arc<str>>) -> Self {
        let (agent_id, agent_name) = entry.assigned.map_or((None, None), |agent| (agent.id, agent.name));
        Self {
            conversation_id,
            tenant,
            channel: entry.event.channel().map(str::to_owned),
            seq: entry.seq,
            occurred_at: entry.at,
            said_at: entry.said_at,
            direction: entry.event.direction(),
            agent_id,
            agent_name,
            message_text: entry.event.text().map(str::to_owned),
            event_identity: entry.event.identity().text().into_owned(),
            is_late: entry.late,
            is_counted: entry.counts,
        }
    }
}
