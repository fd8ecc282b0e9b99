//! A line of an export (rule H2), of this version or of another one.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::difference::{Difference, differences};
use crate::hash::StateHash;
use crate::state::State;

/// A conversation as an export has it. It can have other fields than [`State`], if another version wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportLine {
    id: Arc<str>,
    line: String,
}

/// A line is not one of an export.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the line of an export, a JSON object with the `id` of a conversation: {why}")]
pub struct ExportLineError {
    why: String,
}

impl ExportLine {
    /// The line, without its line feed.
    ///
    /// # Errors
    /// [`ExportLineError`] if it is not a JSON object with an `id`.
    pub fn parse(line: impl Into<String>) -> Result<Self, ExportLineError> {
        #[derive(Deserialize)]
        struct Named {
            id: Arc<str>,
        }
        let line = line.into();
        let named: Result<Named, _> = serde_json::from_str(&line);
        let Named { id } = named.map_err(|error| ExportLineError { why: error.to_string() })?;
        Ok(Self { id, line })
    }

    /// The id of the conversation.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The line, without its line feed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.line
    }

    /// The hash of the conversation (rule H1).
    #[must_use]
    pub fn hash(&self) -> StateHash {
        StateHash::of_line(&self.line)
    }

    /// The fields in which `found` differs from this line, as [`State::differences`] lists them. Empty if only the spelling
    /// of the JSON differs.
    #[must_use]
    pub fn differences(&self, found: &Self) -> Vec<Difference> {
        if self == found {
            return Vec::new();
        }
        let [expected, found]: [Value; 2] =
            [self, found].map(|line| serde_json::from_str(&line.line).unwrap_or_default());
        differences(&expected, &found)
    }
}

impl From<&State> for ExportLine {
    fn from(state: &State) -> Self {
        Self { id: state.id.clone(), line: state.export_line() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Board;
    use crate::draft::tests::message;

    fn line(text: &str) -> ExportLine {
        ExportLine::parse(text).unwrap()
    }

    #[test]
    fn the_line_of_a_state_is_read_back() {
        let mut board = Board::new();
        board.edit().apply(1, &message().build().unwrap());
        let state = board.state("c-1").unwrap();
        let exported = ExportLine::from(&state);
        assert_eq!(ExportLine::parse(state.export_line()), Ok(exported.clone()));
        assert_eq!((&**exported.id(), exported.hash()), ("c-1", StateHash::of_state(&state)));
    }

    #[test]
    fn lines_of_other_versions_are_compared_field_by_field() {
        let (one, other) = (line(r#"{"id":"c","unread":1,"old":2}"#), line(r#"{"id":"c","unread":3}"#));
        let differences: Vec<_> = one.differences(&other).into_iter().map(|it| (it.field, it.found)).collect();
        assert_eq!(differences, [("old", "nothing"), ("unread", "3")].map(|(f, v)| (f.into(), v.into())));
    }

    #[test]
    fn the_spelling_of_the_json_is_no_difference() {
        assert_eq!(line(r#"{"id":"c","unread":1}"#).differences(&line(r#"{ "unread": 1, "id": "c" }"#)), []);
    }

    #[test]
    fn what_is_not_a_line_of_an_export_is_refused() {
        for text in ["", "[]", "7", "{}", r#"{"id":7}"#, r#"{"id":"c""#, r#"{"convofold":1,"conversation":"c"}"#] {
            assert!(ExportLine::parse(text).is_err(), "{text}");
        }
    }
}
