//! The table of messages: one row per message.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use convofold::{ConversationRecord, Direction, HistoryEntry, Kind, StorageError};
use serde::Serialize;

use super::columns::{self, number, required, text, time, truth};

/// A row of the table.
#[derive(Serialize)]
pub(super) struct Message {
    conversation: Arc<str>,
    tenant: Option<Arc<str>>,
    channel: Option<String>,
    seq: u64,
    at: i64,
    said_at: Option<i64>,
    direction: Option<Direction>,
    agent_id: Option<String>,
    agent_name: Option<String>,
    text: Option<String>,
    identity: String,
    late: bool,
    counts: bool,
}

pub(super) fn schema() -> SchemaRef {
    columns::schema(vec![
        required(text("conversation")),
        text("tenant"),
        text("channel"),
        required(number("seq")),
        required(time("at")),
        time("said_at"),
        text("direction"),
        text("agent_id"),
        text("agent_name"),
        text("text"),
        required(text("identity")),
        required(truth("late")),
        required(truth("counts")),
    ])
}

/// The messages of all conversations, conversation by conversation.
pub(super) fn rows(
    conversations: impl Iterator<Item = Result<ConversationRecord, StorageError>>,
) -> impl Iterator<Item = Result<Message, StorageError>> {
    conversations.flat_map(|conversation| match conversation {
        Ok(conversation) => messages(conversation).map(Ok).collect(),
        Err(error) => vec![Err(error)],
    })
}

fn messages(conversation: ConversationRecord) -> impl Iterator<Item = Message> {
    let id = conversation.state.id;
    let tenant = conversation.state.tenant.map(Arc::from);
    let messages = conversation.history.into_iter().filter(|entry| entry.kind == Kind::Message);
    messages.map(move |entry| Message::of(entry, id.clone(), tenant.clone()))
}

impl Message {
    fn of(entry: HistoryEntry, conversation: Arc<str>, tenant: Option<Arc<str>>) -> Self {
        let (agent_id, agent_name) = entry.assigned.map_or((None, None), |agent| (agent.id, agent.name));
        Self {
            conversation,
            tenant,
            channel: entry.channel,
            seq: entry.seq,
            at: entry.at,
            said_at: entry.said_at,
            direction: entry.direction,
            agent_id,
            agent_name,
            text: entry.text,
            identity: entry.identity,
            late: entry.late,
            counts: entry.counts,
        }
    }
}
