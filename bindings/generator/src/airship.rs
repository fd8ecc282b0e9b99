//! Airship Live Chat: the same body in both envelopes, with the keys of Airship's samples.

use crate::clock::Clock;
use crate::conversation::{Conversation, assigned};
use crate::json::{Uuid, decimal};
use crate::people::{Device, Tenant};
use crate::plan::{Step, StepKind};

/// Offset of the first event of a log; real offsets do not start at 0 either.
const FIRST_OFFSET: u64 = 1_000_010_839_000;

/// Writes `{"occurred","user","body"}`.
pub(crate) fn write_api(
    out: &mut Vec<u8>,
    conversation: &Conversation,
    tenant: &Tenant,
    step: Step,
    clock: &mut Clock,
) {
    out.extend_from_slice(br#"{"occurred":""#);
    clock.write_micros(out, step.at);
    out.extend_from_slice(br#"","user":{"channel":""#);
    out.extend_from_slice(&conversation.member.channel);
    out.extend_from_slice(br#""},"body":"#);
    write_body(out, conversation, tenant, step);
    out.push(b'}');
}

/// Writes `{"id","offset","occurred","processed","device","type","body"}` for the event at this position in the log.
pub(crate) fn write_rtds(
    out: &mut Vec<u8>,
    conversation: &Conversation,
    tenant: &Tenant,
    step: Step,
    clock: &mut Clock,
    position: u64,
) {
    out.extend_from_slice(br#"{"id":""#);
    out.extend_from_slice(&conversation.event_id());
    out.extend_from_slice(br#"","offset":""#);
    decimal(out, FIRST_OFFSET + position);
    out.extend_from_slice(br#"","occurred":""#);
    clock.write_zulu(out, step.at);
    out.extend_from_slice(br#"","processed":""#);
    clock.write_zulu(out, step.at + 20 + conversation.event_bits(2) % 400);
    out.extend_from_slice(br#"","device":{"channel":""#);
    out.extend_from_slice(&conversation.member.channel);
    out.extend_from_slice(match conversation.member.device {
        Device::Sms => br#"","device_type":"SMS"},"type":"CUSTOM","body":"#.as_slice(),
        Device::Android => br#"","device_type":"ANDROID"},"type":"CUSTOM","body":"#,
        Device::Ios => br#"","device_type":"IOS"},"type":"CUSTOM","body":"#,
    });
    write_body(out, conversation, tenant, step);
    out.push(b'}');
}

fn write_body(out: &mut Vec<u8>, conversation: &Conversation, tenant: &Tenant, step: Step) {
    match step.kind {
        StepKind::OpeningMessage | StepKind::Inbound | StepKind::Outbound => {
            write_message(out, conversation, tenant, step);
        }
        StepKind::Open | StepKind::Assign | StepKind::Requeue | StepKind::Touch | StepKind::Close => {
            write_convo(out, conversation, tenant, step);
        }
    }
}

fn write_convo(out: &mut Vec<u8>, conversation: &Conversation, tenant: &Tenant, step: Step) {
    let closes = step.kind == StepKind::Close;
    let member = &conversation.member;
    out.extend_from_slice(if closes {
        br#"{"name":"live_chat_convo","interaction_type":"convo_close","transaction":""#.as_slice()
    } else {
        br#"{"name":"live_chat_convo","interaction_type":"convo_open","transaction":""#
    });
    write_transaction(out, conversation);
    out.extend_from_slice(br#"","properties":{"convo":{"member_business_id":""#);
    out.extend_from_slice(&member.id);
    out.extend_from_slice(br#"","member_name":""#);
    out.extend_from_slice(&member.name);
    out.extend_from_slice(br#"","member_number":""#);
    out.extend_from_slice(&member.number);
    out.extend_from_slice(br#"","shortcode":""#);
    out.extend_from_slice(shortcode(member.device, tenant));
    out.extend_from_slice(br#"","business_id":""#);
    out.extend_from_slice(&tenant.business);
    out.extend_from_slice(br#"","started_timestamp":""#);
    decimal(out, conversation.started);
    out.extend_from_slice(br#"","last_message":""#);
    out.extend_from_slice(&conversation.text);
    out.extend_from_slice(br#"","last_message_direction":""#);
    out.extend_from_slice(if conversation.inbound_last { b"IN" } else { b"OUT" });
    out.extend_from_slice(br#"","message_count_since_last_accessed":""#);
    decimal(out, u64::from(conversation.unread));
    out.extend_from_slice(br#"","last_active_timestamp":"#);
    if closes {
        out.extend_from_slice(b"null");
    } else {
        out.push(b'"');
        decimal(out, conversation.last_message_at);
        out.push(b'"');
    }
    write_agent(out, tenant, step);
    out.extend_from_slice(b"}}}");
}

fn write_message(out: &mut Vec<u8>, conversation: &Conversation, tenant: &Tenant, step: Step) {
    let inbound = step.kind != StepKind::Outbound;
    let member = &conversation.member;
    out.extend_from_slice(br#"{"name":"live_chat_message","interaction_type":""#);
    out.extend_from_slice(interaction(member.device, inbound));
    out.extend_from_slice(br#"","transaction":""#);
    write_transaction(out, conversation);
    // As in the sample, the id is made of member and app: it is the same for every message and identifies none.
    out.extend_from_slice(br#"","properties":{"message":{"id":""#);
    out.extend_from_slice(&member.number);
    out.push(b'_');
    out.extend_from_slice(&tenant.app_key);
    out.extend_from_slice(br#"","timestamp":""#);
    decimal(out, step.at);
    out.extend_from_slice(br#"","business_id":""#);
    out.extend_from_slice(&tenant.business);
    out.push(b'"');
    write_agent(out, tenant, step);
    out.extend_from_slice(if inbound {
        br#","direction":"IN","member_business_id":""#.as_slice()
    } else {
        br#","direction":"OUT","member_business_id":""#
    });
    out.extend_from_slice(&member.id);
    out.extend_from_slice(br#"","number":""#);
    out.extend_from_slice(&member.number);
    out.extend_from_slice(br#"","shortcode":""#);
    out.extend_from_slice(shortcode(member.device, tenant));
    out.extend_from_slice(br#"","airship_app_key":""#);
    out.extend_from_slice(&tenant.app_key);
    out.extend_from_slice(br#"","airship_channel_id":""#);
    out.extend_from_slice(&member.channel);
    out.extend_from_slice(br#"","message":""#);
    out.extend_from_slice(&conversation.text);
    out.extend_from_slice(if inbound {
        br#"","mms":"","status":"received"}}}"#.as_slice()
    } else {
        br#"","mms":"","status":"sent"}}}"#
    });
}

/// The member's id and the start time, as in the samples.
fn write_transaction(out: &mut Vec<u8>, conversation: &Conversation) {
    out.extend_from_slice(&conversation.member.id);
    out.push(b'_');
    decimal(out, conversation.started);
}

fn write_agent(out: &mut Vec<u8>, tenant: &Tenant, step: Step) {
    let Some(agent) = assigned(tenant, step) else {
        out.extend_from_slice(br#","agent_id":null,"agent_name":null"#);
        return;
    };
    let id: &Uuid = &agent.id;
    out.extend_from_slice(br#","agent_id":""#);
    out.extend_from_slice(id);
    out.extend_from_slice(br#"","agent_name":""#);
    out.extend_from_slice(&agent.name);
    out.push(b'"');
}

fn shortcode(device: Device, tenant: &Tenant) -> &[u8] {
    match device {
        Device::Sms => &tenant.sender,
        Device::Android | Device::Ios => &tenant.app_key,
    }
}

fn interaction(device: Device, inbound: bool) -> &'static [u8] {
    match (device, inbound) {
        (Device::Sms, true) => b"sms_in",
        (Device::Sms, false) => b"sms_out",
        (_, true) => b"app_in",
        (_, false) => b"app_out",
    }
}
