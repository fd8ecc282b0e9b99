//! The table of conversations: one row per conversation.

use std::sync::Arc;

use arrow_schema::{Field, SchemaRef};
use convofold::{Direction, OpenedBy, Session, SessionState, SessionType, State, Status};
use serde::Serialize;

use super::columns::{self, number, required, stated, text, time, truth};

/// A row of the table.
#[derive(Serialize)]
pub(super) struct Row {
    conversation_id: Arc<str>,
    source: String,
    tenant: Option<String>,
    channel: Option<String>,
    status: Status,
    opened_by: OpenedBy,
    started_at: i64,
    last_active_at: Option<i64>,
    last_event_at: i64,
    closed_at: Option<i64>,
    reopens: u64,
    member_name: Option<String>,
    member_number: Option<String>,
    member_business_id: Option<String>,
    member_channel_id: Option<String>,
    shortcode: Option<String>,
    app_key: Option<String>,
    agent_id: Option<Arc<str>>,
    agent_name: Option<Arc<str>>,
    messages_in: u64,
    messages_out: u64,
    messages_other: u64,
    messages_after_close: u64,
    unread: u64,
    first_inbound_at: Option<i64>,
    first_response_ms: Option<i64>,
    waiting_since: Option<i64>,
    latest_unanswered_at: Option<i64>,
    open_ms: i64,
    last_message_text: Option<String>,
    last_message_direction: Option<Direction>,
    last_message_at: Option<i64>,
    suspicions: u64,
    #[serde(flatten)]
    session: Flat,
}

pub(super) fn schema() -> SchemaRef {
    let count = |name| required(number(name));
    let columns = [
        required(text("conversation_id")),
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
        text("member_name"),
        text("member_number"),
        text("member_business_id"),
        text("member_channel_id"),
        text("shortcode"),
        text("app_key"),
        text("agent_id"),
        text("agent_name"),
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
        text("last_message_text"),
        text("last_message_direction"),
        time("last_message_at"),
        count("suspicions"),
    ];
    columns::schema(columns.into_iter().chain(session()).collect())
}

fn session() -> impl Iterator<Item = Field> {
    let values = Session::FIELDS.into_iter().map(|(name, value_type)| {
        let name = format!("session_{name}");
        match value_type {
            SessionType::Number => number(&name),
            SessionType::Truth => truth(&name),
            _ => text(&name),
        }
    });
    values.chain([truth("session_stale")])
}

macro_rules! flat {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {
        /// The values of a SuperOffice session; null for other sources.
        #[derive(Default)]
        struct Flat {
            $($name: Option<$type>,)*
            stale: Option<bool>,
        }

        impl Flat {
            fn of(session: SessionState) -> Self {
                Self { $($name: session.$name,)* stale: Some(session.stale) }
            }
        }

        impl Serialize for Flat {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut columns = serializer.serialize_map(None)?;
                $(columns.serialize_entry(concat!("session_", stringify!($name)), &self.$name)?;)*
                columns.serialize_entry("session_stale", &self.stale)?;
                columns.end()
            }
        }
    };
}

convofold::session_values!(flat);

impl Row {
    pub(super) fn of(state: State) -> Self {
        let (agent_id, agent_name) = state.agent.map_or((None, None), |agent| (agent.id, agent.name));
        let (last_message_text, last_message_direction, last_message_at) = match state.last_message {
            Some(last) => (Some(last.text), last.direction, Some(last.at)),
            None => (None, None, None),
        };
        Self {
            conversation_id: state.id,
            source: state.source,
            tenant: state.tenant,
            channel: state.channel,
            status: state.status,
            opened_by: state.opened_by,
            started_at: state.started_at,
            last_active_at: state.last_active_at,
            last_event_at: state.last_event_at,
            closed_at: state.closed_at,
            reopens: state.reopens,
            member_name: state.member.name,
            member_number: state.member.number,
            member_business_id: state.member.business_id,
            member_channel_id: state.member.channel_id,
            shortcode: state.shortcode,
            app_key: state.app_key,
            agent_id,
            agent_name,
            messages_in: state.messages_in,
            messages_out: state.messages_out,
            messages_other: state.messages_other,
            messages_after_close: state.messages_after_close,
            unread: state.unread,
            first_inbound_at: state.first_inbound_at,
            first_response_ms: state.first_response_ms,
            waiting_since: state.waiting_since,
            latest_unanswered_at: state.latest_unanswered_at,
            open_ms: state.open_ms,
            last_message_text,
            last_message_direction,
            last_message_at,
            suspicions: state.suspect.len() as u64,
            session: state.session.map(Flat::of).unwrap_or_default(),
        }
    }
}
