//! The columns of conversations.

use convofold::{ConversationRow, Sort};

use crate::agent_names::AgentNames;
use crate::output::text::NOBODY;
use crate::output::{Column, Kind, Precision, Rows, Value};

/// Conversations, as `open` and `list` print them.
pub(crate) struct ConversationRows;

const TIME: Kind = Kind::Time(Precision::Second);

impl Rows for ConversationRows {
    const COLUMNS: &'static [Column] = &[
        Column::new("id", "ID", Kind::Id),
        Column::new("status", "STATUS", Kind::Text).optional(2),
        Column::new("agent", "AGENT", Kind::Text),
        Column::new("agent_id", "AGENT ID", Kind::Id).not_in_table(),
        Column::new("member", "MEMBER", Kind::Text).not_in_csv(),
        Column::new("member_name", "MEMBER NAME", Kind::Text).not_in_table(),
        Column::new("member_number", "NUMBER", Kind::Text).not_in_table(),
        Column::new("member_business_id", "BUSINESS ID", Kind::Id).not_in_table(),
        Column::new("member_channel_id", "CHANNEL ID", Kind::Id).not_in_table(),
        Column::new("tenant", "TENANT", Kind::Id).not_in_table(),
        Column::new("channel", "CHANNEL", Kind::Text).optional(4),
        Column::new("shortcode", "SHORTCODE", Kind::Text).not_in_table(),
        Column::new("unread", "UNREAD", Kind::Number),
        Column::new("waiting_ms", "WAITING", Kind::Length),
        Column::new("waiting_since", "WAITING SINCE", TIME).not_in_table(),
        Column::new("started_at", "STARTED", TIME).not_in_table(),
        Column::new("last_active_at", "LAST ACTIVE", TIME).optional(3),
        Column::new("closed_at", "CLOSED", TIME).optional(2),
        Column::new("suspect", "SUSPECT", Kind::Flag).not_in_table(),
        Column::new("last_message", "LAST MESSAGE", Kind::Message).optional(1),
    ];
    const ORDERS: &'static [&'static str] = &Sort::NAMES;
    const SORT_HELP: &'static str = "Sort order: `activity` (most recently active first, the default), `waiting` (longest \
        waiting first), `started` (oldest first), `closed` (most recently closed first), or a column (smallest value first, \
        rows without a value last). Only the first four are read page by page; to sort by a column, all matching \
        conversations are read";
}

/// The cells of a conversation.
pub(super) fn cells(row: &ConversationRow, now: i64, names: &AgentNames) -> Vec<Value> {
    let agent = row.agent.as_ref();
    let agent_name = agent.map_or(Value::Missing(NOBODY), |agent| Value::Text(names.agent(Some(agent))));
    vec![
        Value::text(Some(row.id())),
        Value::text(Some(if row.closed_at.is_some() { "closed" } else { "open" })),
        agent_name,
        Value::text(agent.and_then(|agent| agent.id.as_deref())),
        Value::text(row.member_name().or(row.member_number())),
        Value::text(row.member_name()),
        Value::text(row.member_number()),
        Value::text(row.member_business_id()),
        Value::text(row.member_channel_id()),
        Value::text(row.tenant.as_deref()),
        Value::text(row.channel.as_deref()),
        Value::text(row.shortcode.as_deref()),
        Value::Number(row.unread),
        Value::since(row.waiting_since, now),
        Value::time(row.waiting_since),
        Value::Time(row.started_at),
        Value::Time(row.last_active_at),
        Value::time(row.closed_at),
        Value::Flag(row.suspect),
        row.last_message.as_ref().map_or(Value::Missing(""), |last| Value::Text(last.text.to_string())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_cell() {
        let row = ConversationRow::new("c", 0, 0);
        assert_eq!(cells(&row, 0, &AgentNames::default()).len(), ConversationRows::COLUMNS.len());
    }
}
