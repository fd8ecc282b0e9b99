//! Why a conversation is what it is.

use crate::error::{Failure, value_error};
use crate::json::Json;
use crate::names::Name;
use crate::result::{Show, result};
use crate::time::Utc;
use convofold::{FieldName, Kind, UnknownName};

result! {
    /// Why a field of a state has its value.
    Explanation from explanation: convofold::Explanation {
        /// Path of the field in the export, such as `member.name`.
        field: String,
        /// Its value, as in the dict of a state.
        value: Json,
        /// Number of the rule that defines it.
        rule: String,
        /// The rule in one sentence.
        sentence: String,
        /// The events that make it so, in the order in which they happened. Of the other events, any can be missing, and the
        /// value is the same. If there are more than the limit, the first and the last ones.
        because: Vec<Reason>,
        /// Their number, if there are more; otherwise None.
        because_count: Option<u64>,
        /// The events that would decide if there were none of those, the next one first. If there are more than the limit, the
        /// nearest ones.
        over: Vec<Reason>,
        /// Their number, if there are more; otherwise None.
        over_count: Option<u64>,
        /// Later events that do not change it. If there are more than the limit, the last ones. In a dict, the key is `not`.
        not_: Vec<Reason> = explanation.not,
        /// Their number, if there are more; otherwise None.
        not_count: Option<u64>,
        /// The value without the events of `because`, all of them; None also if the conversation would not exist.
        without: Option<Json>,
    }
}

result! {
    /// An event in an explanation.
    Reason from convofold::Reason {
        /// Sequence number of the event.
        seq: u64,
        /// Time of the event, in milliseconds since the epoch.
        at: i64,
        /// The kind of the event.
        event: Name<Kind>,
        /// Its part in the value, or why it has none; None if the rule says it.
        why: Option<String>,
        /// Duration from the time of the event to its commit, in milliseconds; None if the log cannot be read there.
        learned_after_ms: Option<i64>,
    }
    utc {
        at_utc: Utc = at,
    }
}

/// The field of this name; all fields by default.
pub(crate) fn field(name: Option<&str>) -> Result<Option<FieldName>, Failure> {
    let parse = |name: &str| name.parse().map_err(|error: UnknownName| value_error(error.to_string()));
    name.map(parse).transpose()
}
