//! Why a query finds nothing: values of conditions that no open conversation has, such as a misspelled name.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::index::{Lists, Row};
use crate::query::{ConversationRow, Query};
use crate::spelling::lower_case;

/// A condition that no open conversation meets, whatever the other conditions are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnknownValue {
    /// The name of the condition, such as `agent`.
    pub condition: &'static str,
    /// Its value.
    pub value: String,
    /// Similar values that open conversations have, the most similar one first. At most three, from the 10,000
    /// conversations that were active last.
    pub similar: Vec<String>,
}

impl fmt::Display for UnknownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no open conversation has the {} {:?}", self.condition, self.value)?;
        for (place, similar) in self.similar.iter().enumerate() {
            write!(f, "{} {similar:?}", if place == 0 { "; did you mean" } else { " or" })?;
        }
        if self.similar.is_empty() { Ok(()) } else { f.write_str("?") }
    }
}

impl UnknownValue {
    /// What is unknown to several lists together, from what is unknown to each: the conditions that all of them name, with the
    /// most similar values of all. Leave out lists without open conversations, which name none.
    #[must_use]
    pub fn of_all(lists: impl IntoIterator<Item = Vec<Self>>) -> Vec<Self> {
        let add = |mut known: Vec<Self>, other: Vec<Self>| {
            known.retain_mut(|unknown| {
                let same = other.iter().find(|other| other.condition == unknown.condition);
                unknown.similar.extend(same.into_iter().flat_map(|same| same.similar.iter().cloned()));
                same.is_some()
            });
            known
        };
        let mut all = lists.into_iter().reduce(add).unwrap_or_default();
        for unknown in &mut all {
            unknown.similar = similar(&unknown.value, unknown.similar.iter().map(String::as_str));
        }
        all
    }
}

/// Number of conversations that are searched for similar values.
const SEARCHED: usize = 10_000;
const MAX_SIMILAR: usize = 3;
/// Longer values are not compared, because the comparison takes the product of both lengths.
const MAX_BYTES: usize = 256;
const LEAST_SIMILARITY: f64 = 0.82;

/// A condition on texts, and the texts of a row with which it is compared.
struct Condition {
    name: &'static str,
    value: fn(&mut Query) -> &mut Option<String>,
    known: fn(&ConversationRow) -> [Option<&str>; 3],
}

const CONDITIONS: [Condition; 7] = [
    Condition { name: "agent", value: |query| &mut query.agent, known: assigned },
    Condition { name: "any_agent", value: |query| &mut query.any_agent, known: assigned },
    Condition {
        name: "member",
        value: |query| &mut query.member,
        known: |row| [row.member_name(), row.member_business_id(), row.member_channel_id()],
    },
    Condition { name: "number", value: |query| &mut query.number, known: |row| [row.member_number(), None, None] },
    Condition { name: "tenant", value: |query| &mut query.tenant, known: |row| [row.tenant.as_deref(), None, None] },
    Condition {
        name: "shortcode",
        value: |query| &mut query.shortcode,
        known: |row| [row.shortcode.as_deref(), None, None],
    },
    Condition { name: "channel", value: |query| &mut query.channel, known: |row| [row.channel.as_deref(), None, None] },
];

impl<'de> Deserialize<'de> for UnknownValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Fields {
            condition: String,
            value: String,
            similar: Vec<String>,
        }
        let Fields { condition, value, similar } = Fields::deserialize(deserializer)?;
        let known = CONDITIONS.iter().find(|known| known.name == condition);
        let known = known.ok_or_else(|| serde::de::Error::custom(format!("unknown condition {condition:?}")))?;
        Ok(Self { condition: known.name, value, similar })
    }
}

fn assigned(row: &ConversationRow) -> [Option<&str>; 3] {
    let agent = row.agent.as_ref();
    [agent.and_then(|agent| agent.name.as_deref()), agent.and_then(|agent| agent.id.as_deref()), None]
}

/// The conditions of a query that no wanted open conversation meets.
pub(crate) fn of(lists: &Lists, query: &Query, is_wanted: impl Fn(&ConversationRow) -> bool) -> Vec<UnknownValue> {
    let is_wanted = |row: &&Row| is_wanted(row);
    let mut query = query.clone();
    let unknown = CONDITIONS.iter().filter_map(|condition| {
        let value = (condition.value)(&mut query).take()?;
        let mut alone = Query::new().limit(1);
        *(condition.value)(&mut alone) = Some(value.clone());
        let is_known = lists.rows_for(&alone).any(|row| is_wanted(&row));
        let recent = || lists.recent().filter(is_wanted).take(SEARCHED);
        (!is_known).then(|| UnknownValue {
            condition: condition.name,
            similar: similar(&value, recent().flat_map(|row| (condition.known)(row)).flatten()),
            value,
        })
    });
    unknown.collect()
}

fn similar<'a>(value: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    let known: BTreeSet<&str> = known.filter(|known| known.len() <= MAX_BYTES).collect();
    let value: String = lower_case(value).take(MAX_BYTES).collect();
    let compared = known.into_iter().map(|known| (similarity(&value, &lower_case(known).collect::<String>()), known));
    let mut similar: Vec<_> = compared.filter(|(similarity, _)| *similarity >= LEAST_SIMILARITY).collect();
    similar.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    similar.into_iter().take(MAX_SIMILAR).map(|(_, known)| known.to_owned()).collect()
}

/// From 0 to 1. A first name or a surname is similar to the full name.
fn similarity(a: &str, b: &str) -> f64 {
    if !a.is_empty() && (b.starts_with(a) || b.split_whitespace().any(|word| word == a)) {
        return 0.99;
    }
    strsim::jaro_winkler(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_value_comes_first() {
        let known = ["Agnes Moore", "Agneta Moor", "Bert", "agnes moor"];
        assert_eq!(similar("AGNES MOORE", known.into_iter()), ["Agnes Moore", "agnes moor", "Agneta Moor"]);
        assert_eq!(similar("moore", known.into_iter()), ["Agnes Moore"]);
        assert_eq!(similar("Bret", known.into_iter()), ["Bert"]);
        assert_eq!(similar("Zoe", known.into_iter()), [""; 0]);
    }

    #[test]
    fn what_all_lists_do_not_know_is_unknown() {
        let unknown = |condition, similar: &[&str]| UnknownValue {
            condition,
            value: "moore".to_owned(),
            similar: similar.iter().map(|similar| (*similar).to_owned()).collect(),
        };
        let lists = [
            vec![unknown("agent", &["Agnes Moore", "moor"]), unknown("member", &[])],
            vec![unknown("agent", &["Anne Moore", "mooore", "Agnes Moore"])],
        ];
        assert_eq!(UnknownValue::of_all(lists), [unknown("agent", &["Agnes Moore", "Anne Moore", "mooore"])]);
        assert_eq!(UnknownValue::of_all([]), []);
    }

    #[test]
    fn a_message_asks_for_the_value_that_was_meant() {
        let mut unknown = UnknownValue { condition: "agent", value: "Bret".to_owned(), similar: Vec::new() };
        assert_eq!(unknown.to_string(), r#"no open conversation has the agent "Bret""#);
        unknown.similar = ["Bert", "Brit"].map(str::to_owned).into();
        let expected = r#"no open conversation has the agent "Bret"; did you mean "Bert" or "Brit"?"#;
        assert_eq!(unknown.to_string(), expected);
    }
}
