//! Why each value of a state is what it is: the rule, the events that make it, and what it would be without them.
//!
//! The causes of a value follow from its rule, in one walk over the events. They are complete: of the other events, any can be
//! missing, and the value is the same. What the value would be without its causes is found by a fold without them.

mod field;
mod cause;
mod seen;
mod values;
mod statements;
mod waits;
mod mentions;
mod counts;
mod walk;
mod lists;

pub use field::FieldName;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use self::cause::Causes;
use self::field::Field;
use self::lists::Lists;
use self::walk::{Loser, Walk};
use crate::effect::Seq;
use crate::event::Kind;
use crate::past::Past;
use crate::state::State;

/// Why a field of a state has its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The path of the field in the export, such as `member.name`.
    pub field: String,
    /// Its value.
    pub value: Value,
    /// The number of the rule that defines it (`docs/rules.md`).
    pub rule: String,
    /// The rule in one sentence.
    pub sentence: String,
    /// The events that make it so, in the order in which they happened (rule T2). Of the other events, any can be missing, and
    /// the value is the same. If there are more than the limit, the first and the last ones.
    pub because: Vec<Reason>,
    /// Their number, if there are more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub because_count: Option<u64>,
    /// The events that would decide if there were none of those, the next one first, and why they do not; also other versions of
    /// one of those (rule I2). If there are more than the limit, the nearest ones.
    pub over: Vec<Reason>,
    /// Their number, if there are more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub over_count: Option<u64>,
    /// Later events that do not change it, and why. If there are more than the limit, the last ones.
    pub not: Vec<Reason>,
    /// Their number, if there are more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_count: Option<u64>,
    /// The value without the events of `because`, all of them, by the same rules. `None` if the conversation would not exist.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "present")]
    pub without: Option<Value>,
}

impl Explanation {
    /// The usual limit on its lists.
    pub const LIMIT: usize = 20;
}

/// An event in an explanation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reason {
    /// Its sequence number in the log.
    pub seq: Seq,
    /// When it happened (rules T1 and T3), in milliseconds since the epoch.
    pub at: i64,
    /// What it does.
    pub event: Kind,
    /// Its part in the value, or why it has none; `None` if the rule says it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
    /// How long after `at` it was committed, in milliseconds. The engine does not know it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub learned_after_ms: Option<i64>,
}

/// A value that is there, null included.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Past<'_> {
    /// Explains a field, or several that have the beginning of their paths in common, or all of them (`None`), in the order of
    /// the export. No list of events is longer than `limit`; 0 is no limit.
    #[must_use]
    pub fn explain(&self, field: Option<FieldName>, limit: usize) -> Vec<Explanation> {
        let state = as_json(&self.state());
        let walk = self.walk();
        let is_wanted = |wanted: &Field| match field {
            Some(name) => name.includes(wanted),
            None => value_of(wanted, &state).is_some(),
        };
        let fields: Vec<_> = field::all().filter(is_wanted).map(|field| (field, walk.causes(field.topic))).collect();
        let mut lists: Vec<_> = fields.iter().map(|(field, causes)| Lists::new(field.topic, causes, limit)).collect();
        for (at, fact) in self.in_order() {
            lists.iter_mut().for_each(|lists| lists.see(at, &fact, &walk));
        }
        let withouts = self.values_without(&fields, &state);
        let parts = fields.iter().zip(lists).zip(withouts);
        let explain = parts.map(|(((field, _), lists), without)| {
            lists.into_explanation(field, value_of(field, &state).cloned().unwrap_or_default(), without)
        });
        explain.collect()
    }

    fn walk(&self) -> Walk<'_> {
        let of_loser = |(winner, fact)| Loser { winner, fact };
        let mut losers: Vec<_> = self.lost_with_winners().map(of_loser).collect();
        losers.sort_by_key(|loser| (loser.winner, loser.fact.seq));
        Walk::over(self.in_order(), losers, self.lists())
    }

    /// The value of each field without its causes. Fields with the same causes share a fold.
    fn values_without(&self, fields: &[(Field, Causes)], state: &Value) -> Vec<Option<Value>> {
        let mut values: Vec<Option<Option<Value>>> = vec![None; fields.len()];
        for (first, (_, causes)) in fields.iter().enumerate() {
            if values.get(first).is_some_and(Option::is_some) {
                continue;
            }
            let seqs: Vec<Seq> = causes.seqs().collect();
            let other = (!seqs.is_empty()).then(|| self.without(&seqs).map(|past| as_json(&past.state())));
            let without = other.as_ref().map_or(Some(state), Option::as_ref);
            let same = fields.iter().zip(&mut values).skip(first).filter(|((_, of), _)| of.is_same(causes));
            for ((field, _), value) in same {
                *value = Some(without.map(|state| value_of(field, state).cloned().unwrap_or_default()));
            }
        }
        values.into_iter().map(Option::flatten).collect()
    }
}

fn as_json(state: &State) -> Value {
    serde_json::to_value(state).unwrap_or_default()
}

/// The value of a field; `None` if the state has no such field. The fields of an object that is null are null.
fn value_of<'v>(field: &Field, state: &'v Value) -> Option<&'v Value> {
    let (group, part) = field.name.split_once('.').unwrap_or((field.name, ""));
    let value = state.get(group)?;
    if part.is_empty() || value.is_null() { Some(value) } else { value.get(part) }
}

#[cfg(test)]
mod tests;
