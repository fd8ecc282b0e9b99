//! A crossing: a conversation, or an upstream, has crossed the threshold of an alert.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::tokens::hex;

/// Characters of an id after its prefix: 128 bits.
const ID_CHARS: usize = 32;

/// What identifies a crossing, and its first message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Began {
    /// The `webhook-id` of the first message.
    pub(super) id: String,
    pub(super) alert: String,
    /// The id of the conversation, or the name of the upstream.
    pub(super) subject: String,
    /// When it began to wait, to be idle and so on.
    pub(super) since: i64,
    /// When the crossing was found.
    pub(super) at: i64,
    /// The body of the first message. Every attempt sends the same one.
    pub(super) body: String,
}

/// The end of a crossing, and its second message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Over {
    /// The `id` of the crossing.
    pub(super) id: String,
    /// When it ended.
    pub(super) at: i64,
    pub(super) reason: Reason,
    pub(super) body: String,
}

/// Why a crossing is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reason {
    /// The member was answered.
    Answered,
    /// An agent is assigned.
    Assigned,
    /// Messages were read or answered.
    Read,
    /// The conversation was active.
    Active,
    /// The conversation was closed.
    Closed,
    /// The upstream sends again.
    Heard,
    /// The data do not look wrong any more, or an event replaced the one on which the alert was based.
    Corrected,
    /// The conversation does not meet the conditions of the alert any more.
    NoMatch,
}

/// The id of the crossing that began with this. The same crossing has the same id, even if the file with the crossings was
/// lost, and in each database that follows the same log; `events` is the number of events of the conversation, so that a
/// conversation that meets the conditions again has crossed again, although it waits since the same time.
pub(super) fn id_of(database: &str, alert: &str, subject: &str, since: i64, events: u64) -> String {
    id(&[database, alert, subject, &since.to_string(), &events.to_string()])
}

/// The `webhook-id` of the second message.
pub(super) fn over_id(id_of_crossing: &str) -> String {
    id(&[id_of_crossing, "over"])
}

fn id(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let mut id = hex(&digest.finalize());
    id.truncate(ID_CHARS);
    format!("msg_{id}")
}
