//! The table of assignments: one row per change of the agent of a conversation.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use convofold::State;
use serde::Serialize;

use super::columns::{self, number, required, text, time};

/// A row of the table.
#[derive(Serialize)]
pub(super) struct Row {
    conversation_id: Arc<str>,
    tenant: Option<Arc<str>>,
    assignment_number: u64,
    assigned_at: i64,
    agent_id: Option<Arc<str>>,
    agent_name: Option<Arc<str>>,
}

pub(super) fn schema() -> SchemaRef {
    columns::schema(vec![
        required(text("conversation_id")),
        text("tenant"),
        required(number("assignment_number")),
        required(time("assigned_at")),
        text("agent_id"),
        text("agent_name"),
    ])
}

/// The changes of the agent of a conversation.
pub(super) fn of(state: State) -> Vec<Row> {
    let tenant: Option<Arc<str>> = state.tenant.map(Arc::from);
    let rows = (1..).zip(state.assignments).map(|(assignment_number, change)| {
        let (agent_id, agent_name) = change.agent.map_or((None, None), |agent| (agent.id, agent.name));
        let (conversation_id, tenant) = (state.id.clone(), tenant.clone());
        Row { conversation_id, tenant, assignment_number, assigned_at: change.at, agent_id, agent_name }
    });
    rows.collect()
}
