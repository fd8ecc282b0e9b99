//! SuperOffice chat webhooks: the same conversations as changes of a chat session.
//!
//! The samples and the field list of SuperOffice's documentation disagree about the spelling of keys and values, and so do
//! real senders. Each tenant uses one [`Style`].

use crate::clock::Clock;
use crate::conversation::{Conversation, assigned};
use crate::json::decimal;
use crate::people::Tenant;
use crate::plan::{Step, StepKind};

/// Id of the first chat session.
const FIRST_SESSION: u64 = 178_105;

/// The status of a chat session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    InQueue = 4,
    CustomerLast = 5,
    UserLast = 6,
    Finished = 7,
    Closed = 9,
    ClosedFromQueue = 11,
}

impl Status {
    fn name(self) -> &'static [u8] {
        match self {
            Self::InQueue => b"InQueue",
            Self::CustomerLast => b"CustomerLast",
            Self::UserLast => b"UserLast",
            Self::Finished => b"Finished",
            Self::Closed => b"Closed",
            Self::ClosedFromQueue => b"ClosedFromQueue",
        }
    }
}

/// Spelling of keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `"AlertLevel":0`, some ids as text: the sample.
    Pascal,
    /// `"alertLevel":0`, every value in its type: the field list.
    Camel,
    /// `"alert_level":"0"`, every value as text, booleans as 1 and 0: the database columns.
    Snake,
    /// As [`Style::Camel`], with the name of the status instead of its number.
    Named,
}

const STYLES: [Style; 4] = [Style::Pascal, Style::Camel, Style::Snake, Style::Named];

/// The fields in the order of the sample, in every spelling.
const FIELDS: [[&str; 3]; 13] = [
    ["AlertLevel", "alertLevel", "alert_level"],
    ["ChatbotIsactive", "chatbotIsactive", "chatbot_isactive"],
    ["Consented", "consented", "consented"],
    ["ContactId", "contactId", "contact_id"],
    ["CustomerAlias", "customerAlias", "customer_alias"],
    ["CustomerId", "customerId", "customer_id"],
    ["ProjectId", "projectId", "project_id"],
    ["Rating", "rating", "rating"],
    ["SaleId", "saleId", "sale_id"],
    ["Status", "status", "status"],
    ["TicketId", "ticketId", "ticket_id"],
    ["TopicId", "topicId", "topic_id"],
    ["UserId", "userId", "user_id"],
];

/// The value of a field.
#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Number(u64),
    /// An id that the sample writes as text.
    Id(u64),
    Flag(bool),
    Text(&'a [u8]),
    Status(Status),
}

/// Writes `{"EventId","Timestamp","Changes","Event","PrimaryKey","Entity",...,"FieldValues"}`.
pub(crate) fn write(out: &mut Vec<u8>, conversation: &Conversation, tenant: &Tenant, step: Step, clock: &mut Clock) {
    out.extend_from_slice(br#"{"EventId":""#);
    out.extend_from_slice(&conversation.event_id());
    out.extend_from_slice(br#"","Timestamp":""#);
    clock.write_ticks(out, step.at, ticks(conversation, step.kind));
    out.extend_from_slice(br#"","Changes":"#);
    out.extend_from_slice(changes(conversation, step.kind));
    out.extend_from_slice(br#","Event":""#);
    out.extend_from_slice(event(conversation, step.kind));
    out.extend_from_slice(br#"","PrimaryKey":"#);
    decimal(out, FIRST_SESSION + conversation.number);
    out.extend_from_slice(br#","Entity":"chatsession","ContextIdentifier":""#);
    out.extend_from_slice(&tenant.context);
    out.extend_from_slice(br#"","ChangedByAssociateId":"#);
    decimal(out, changed_by(tenant, step));
    out.extend_from_slice(br#","WebhookName":"Chat state""#);
    if let Some(status) = status(conversation, step.kind) {
        write_fields(out, conversation, tenant, step, status);
    }
    out.push(b'}');
}

/// The part of the time below a millisecond; it puts the opening message after the opening.
fn ticks(conversation: &Conversation, kind: StepKind) -> u64 {
    let below = conversation.event_bits(3) % 5000;
    match kind {
        StepKind::Open => below,
        _ => below + 5000,
    }
}

fn event(conversation: &Conversation, kind: StepKind) -> &'static [u8] {
    match kind {
        StepKind::Open if conversation.is_new() => b"chatsession.created",
        StepKind::OpeningMessage | StepKind::Inbound | StepKind::Outbound => b"chatsession.message",
        StepKind::Open | StepKind::Assign | StepKind::Requeue | StepKind::Touch | StepKind::Close => {
            b"chatsession.changed"
        }
    }
}

fn changes(conversation: &Conversation, kind: StepKind) -> &'static [u8] {
    match kind {
        StepKind::OpeningMessage | StepKind::Inbound | StepKind::Outbound => concat!(
            r#"["chatSession.topicId","chatSession.userId","chatSession.customerId","chatSession.customerName","#,
            r#""chatSession.customerEmail","chatSession.companyName","chatSession.customerPhone","#,
            r#""chatMessage.sessionId","chatMessage.id","chatMessage.message","chatMessage.type","#,
            r#""chatMessage.specialType","chatMessage.specialParam","chatMessage.author"]"#
        )
        .as_bytes(),
        StepKind::Assign | StepKind::Requeue => br#"["user_id","status"]"#,
        StepKind::Open if !conversation.is_new() => br#"["status"]"#,
        StepKind::Close => br#"["status","when_ended"]"#,
        StepKind::Open | StepKind::Touch => b"[]",
    }
}

/// The status after the event. An update of the activity has no fields at all, as in the sample.
fn status(conversation: &Conversation, kind: StepKind) -> Option<Status> {
    let by_last_message = if conversation.inbound_last { Status::CustomerLast } else { Status::UserLast };
    match kind {
        StepKind::Open if conversation.is_new() => Some(Status::InQueue),
        StepKind::Requeue => Some(Status::InQueue),
        StepKind::Touch => None,
        StepKind::Close => Some(end(conversation)),
        _ => Some(by_last_message),
    }
}

/// Only a finished session can be reopened.
fn end(conversation: &Conversation) -> Status {
    if conversation.upcoming().is_some() {
        Status::Finished
    } else if !conversation.answered {
        Status::ClosedFromQueue
    } else if conversation.event_bits(4).is_multiple_of(2) {
        Status::Finished
    } else {
        Status::Closed
    }
}

/// Id of the associate who caused the event, 0 for the customer. Associates and users have different ids.
fn changed_by(tenant: &Tenant, step: Step) -> u64 {
    match step.kind {
        StepKind::Outbound | StepKind::Assign | StepKind::Close => {
            assigned(tenant, step).map_or(0, |agent| agent.user_id + 15)
        }
        _ => 0,
    }
}

fn write_fields(out: &mut Vec<u8>, conversation: &Conversation, tenant: &Tenant, step: Step, status: Status) {
    let style = STYLES[conversation.member.tenant % STYLES.len()];
    let serial = conversation.member.serial;
    let alias = match conversation.member.name.as_slice() {
        b"Unknown" => Value::Number(serial % 100),
        name => Value::Text(name),
    };
    let rating = if step.kind == StepKind::Close { conversation.number % 6 } else { 0 };
    let values = [
        Value::Number(u64::from(conversation.unread > 2)),
        Value::Flag(conversation.is_new() && conversation.number.is_multiple_of(4)),
        Value::Flag(!conversation.number.is_multiple_of(5)),
        Value::Id(serial / 3 + 21),
        alias,
        Value::Id(serial + 12),
        Value::Number(conversation.number % 7),
        Value::Number(rating),
        Value::Number(0),
        Value::Status(status),
        Value::Number(if conversation.number.is_multiple_of(9) { conversation.number + 1 } else { 0 }),
        Value::Number(conversation.number % 4),
        Value::Number(assigned(tenant, step).map_or(0, |agent| agent.user_id)),
    ];
    out.extend_from_slice(br#","FieldValues":{"#);
    for (n, (names, value)) in FIELDS.iter().zip(values).enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write_key(out, names, style);
        write_value(out, value, style);
    }
    out.push(b'}');
}

fn write_key(out: &mut Vec<u8>, names: &[&str; 3], style: Style) {
    let name = match style {
        Style::Pascal => names[0],
        Style::Camel | Style::Named => names[1],
        Style::Snake => names[2],
    };
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn write_value(out: &mut Vec<u8>, value: Value<'_>, style: Style) {
    match value {
        Value::Number(n) | Value::Id(n) if style == Style::Snake => write_digits(out, n),
        Value::Id(n) if style == Style::Pascal => write_digits(out, n),
        Value::Number(n) | Value::Id(n) => decimal(out, n),
        Value::Flag(yes) if style == Style::Snake => write_digits(out, u64::from(yes)),
        Value::Flag(yes) => out.extend_from_slice(if yes { b"true" } else { b"false" }),
        Value::Text(text) => write_text(out, text),
        Value::Status(status) if style == Style::Named => write_text(out, status.name()),
        Value::Status(status) if style == Style::Snake => write_digits(out, status as u64),
        Value::Status(status) => decimal(out, status as u64),
    }
}

fn write_digits(out: &mut Vec<u8>, n: u64) {
    out.push(b'"');
    decimal(out, n);
    out.push(b'"');
}

fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}
