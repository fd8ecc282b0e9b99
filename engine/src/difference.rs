//! Differences between two states: the findings of an audit.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::state::State;

/// Stands for a missing value, such as the session of another source.
const NOTHING: &str = "nothing";

/// One field in which two states differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Difference {
    /// The path in the export: `agent.name`, `assignments[2].at`.
    pub field: String,
    /// The expected value as compact JSON; `nothing` if the field should be absent.
    pub expected: String,
    /// The actual value in the same form.
    pub found: String,
}

impl Difference {
    /// A difference in a field, with both values as JSON.
    #[must_use]
    pub fn new(field: &str, expected: String, found: String) -> Self {
        Self { field: field.to_owned(), expected, found }
    }
}

impl State {
    /// The fields in which the export of `found` differs from that of this state. Empty if both export the same line.
    ///
    /// Fields are in the order of their names, list elements in the order of the list.
    #[must_use]
    pub fn differences(&self, found: &Self) -> Vec<Difference> {
        if self == found {
            return Vec::new();
        }
        let [expected, found] = [self, found].map(|state| serde_json::to_value(state).unwrap_or_default());
        differences(&expected, &found)
    }
}

/// The fields in which two values differ.
pub(crate) fn differences(expected: &Value, found: &Value) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare(String::new(), Some(expected), Some(found), &mut differences);
    differences
}

fn compare(field: String, expected: Option<&Value>, found: Option<&Value>, differences: &mut Vec<Difference>) {
    match (expected, found) {
        _ if expected == found => {}
        (Some(Value::Object(expected)), Some(Value::Object(found))) => {
            compare_objects(&field, expected, found, differences);
        }
        (Some(Value::Array(expected)), Some(Value::Array(found))) => {
            for place in 0..expected.len().max(found.len()) {
                compare(format!("{field}[{place}]"), expected.get(place), found.get(place), differences);
            }
        }
        _ => {
            let written = |value: Option<&Value>| value.map_or_else(|| NOTHING.to_owned(), Value::to_string);
            differences.push(Difference { field, expected: written(expected), found: written(found) });
        }
    }
}

fn compare_objects(
    field: &str,
    expected: &Map<String, Value>,
    found: &Map<String, Value>,
    differences: &mut Vec<Difference>,
) {
    let dot = if field.is_empty() { "" } else { "." };
    let keys: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    for key in keys {
        compare(format!("{field}{dot}{key}"), expected.get(key), found.get(key), differences);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Board;
    use crate::draft::Draft;
    use crate::draft::tests::{at, message};
    use crate::event::{AgentMention, Kind, SUPEROFFICE};
    use crate::session::Session;

    fn state(drafts: Vec<Draft<'_>>) -> State {
        let mut board = Board::new();
        for (seq, draft) in (1..).zip(drafts) {
            board.edit().apply(seq, &draft.build().unwrap());
        }
        board.state("c-1").unwrap()
    }

    fn assigned(ms: i64, name: &'static str) -> Draft<'static> {
        let agent = AgentMention::Agent { id: None, name: Some(name) };
        Draft { kind: Kind::Open, occurred: at(ms), sent: None, text: None, agent, ..message() }
    }

    #[track_caller]
    fn differ(expected: &State, found: &State, fields: &[(&str, &str, &str)]) {
        let differences = expected.differences(found);
        let shown = differences.iter().map(|it| (it.field.as_str(), it.expected.as_str(), it.found.as_str()));
        assert_eq!(shown.collect::<Vec<_>>(), fields);
    }

    #[test]
    fn equal_states_do_not_differ() {
        let one = state(vec![assigned(1, "Ann"), message()]);
        differ(&one, &one.clone(), &[]);
    }

    #[test]
    fn every_field_that_differs_is_named_by_its_path() {
        let one = state(vec![assigned(1, "Ann"), assigned(2, "Bob"), message()]);
        let mut other = one.clone();
        other.unread += 1;
        other.member.name = Some("Mia \"M\"".to_owned());
        other.assignments[1].at = 3;
        other.assignments[0].agent.as_mut().unwrap().id = Some("a".into());
        differ(
            &one,
            &other,
            &[
                ("assignments[0].agent.id", "null", "\"a\""),
                ("assignments[1].at", "2", "3"),
                ("member.name", "null", "\"Mia \\\"M\\\"\""),
                ("unread", "0", "1"),
            ],
        );
    }

    #[test]
    fn a_value_in_only_one_state_is_shown_as_a_whole() {
        let one = state(vec![assigned(1, "Ann")]);
        let mut other = one.clone();
        other.agent = None;
        other.assignments.clear();
        let ann = "{\"id\":null,\"name\":\"Ann\"}";
        let assignment = format!("{{\"agent\":{ann},\"at\":1}}");
        differ(&one, &other, &[("agent", ann, "null"), ("assignments[0]", &assignment, "nothing")]);
        differ(&other, &one, &[("agent", "null", ann), ("assignments[0]", "nothing", &assignment)]);
    }

    #[test]
    fn a_session_in_only_one_state_is_nothing_in_the_other() {
        let webhook = Draft { source: SUPEROFFICE, session: Some(Session::default()), ..message() };
        let (one, other) = (state(vec![message()]), state(vec![webhook]));
        let fields: Vec<_> = one.differences(&other).into_iter().map(|it| (it.field, it.expected)).collect();
        assert_eq!(fields, [("session", "nothing"), ("source", "\"airship\"")].map(|(f, e)| (f.into(), e.into())));
    }
}
