//! Whom an erasure is about.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::subjects::Subjects;
use crate::event::SUPEROFFICE;
use crate::image::ConversationImage;

/// The member, or the conversation, that is erased or disclosed.
///
/// A conversation is the member's if one of its events says so, whether it counts or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "SubjectText", try_from = "SubjectText")]
#[non_exhaustive]
pub enum Subject {
    /// The member with this business id or channel id; in SuperOffice the customer or the contact, see
    /// [`Subject::member`].
    Member(String),
    /// The member with this number, with or without `+` and spaces.
    Number(String),
    /// The conversation with this id.
    Conversation(String),
    /// The customer of a SuperOffice tenant.
    Customer {
        /// The `ContextIdentifier`.
        tenant: String,
        /// The `CustomerId`.
        id: i64,
    },
    /// The contact (company) of a SuperOffice tenant.
    Contact {
        /// The `ContextIdentifier`.
        tenant: String,
        /// The `ContactId`.
        id: i64,
    },
}

/// What says that a conversation is a subject's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NamedBy {
    /// One of its events, whether it counts or not.
    Event,
    /// Its id.
    Id,
}

crate::named! { NamedBy is a "way to name a subject": Event "event", Id "id" }

/// A text that names nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "invalid member {found:?} (expected an id, or superoffice:TENANT:customer:ID, or superoffice:TENANT:contact:ID)"
)]
pub struct InvalidSubject {
    /// The text.
    pub found: String,
}

impl Subject {
    /// The member with this id. `superoffice:TENANT:customer:ID` and `superoffice:TENANT:contact:ID` name the customer and the
    /// contact of a SuperOffice tenant.
    ///
    /// # Errors
    /// [`InvalidSubject`] if the id is empty, or begins with `superoffice:` and does not go on like that.
    pub fn member(id: &str) -> Result<Self, InvalidSubject> {
        let invalid = || InvalidSubject { found: id.to_owned() };
        let Some(rest) = id.strip_prefix(SUPEROFFICE).and_then(|rest| rest.strip_prefix(':')) else {
            return if id.is_empty() { Err(invalid()) } else { Ok(Self::Member(id.to_owned())) };
        };
        let mut parts = rest.rsplitn(3, ':');
        let (number, kind, tenant) = (parts.next(), parts.next(), parts.next().filter(|tenant| !tenant.is_empty()));
        let id = number.and_then(|number| i64::from_str(number).ok()).filter(|id| *id > 0);
        match (tenant, kind, id) {
            (Some(tenant), Some("customer"), Some(id)) => Ok(Self::Customer { tenant: tenant.to_owned(), id }),
            (Some(tenant), Some("contact"), Some(id)) => Ok(Self::Contact { tenant: tenant.to_owned(), id }),
            _ => Err(invalid()),
        }
    }

    /// Whether the conversation is about this member, or this one. Ask [`Subjects`] about many conversations.
    #[must_use]
    pub fn is_of(&self, image: &ConversationImage) -> bool {
        Subjects::from_iter([self.clone()]).is_of(image)
    }
}

/// What it is, and its id: `member 700100`, `number +47 900 00 001`, `conversation c-1`. A customer and a contact are written as
/// [`Subject::member`] reads them.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.clone().into() {
            SubjectText::Member(id) => write!(f, "member {id}"),
            SubjectText::Number(number) => write!(f, "number {number}"),
            SubjectText::Conversation(id) => write!(f, "conversation {id}"),
        }
    }
}

/// The form of a subject in JSON: `{"member":"700100"}`, `{"number":"+47 900 00 001"}`, `{"conversation":"c-1"}`. A customer and a
/// contact are written as [`Subject::member`] reads them.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SubjectText {
    Member(String),
    Number(String),
    Conversation(String),
}

impl From<Subject> for SubjectText {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::Member(id) => Self::Member(id),
            Subject::Number(number) => Self::Number(number),
            Subject::Conversation(id) => Self::Conversation(id),
            Subject::Customer { tenant, id } => Self::Member(format!("{SUPEROFFICE}:{tenant}:customer:{id}")),
            Subject::Contact { tenant, id } => Self::Member(format!("{SUPEROFFICE}:{tenant}:contact:{id}")),
        }
    }
}

impl TryFrom<SubjectText> for Subject {
    type Error = InvalidSubject;

    fn try_from(text: SubjectText) -> Result<Self, InvalidSubject> {
        match text {
            SubjectText::Member(id) => Self::member(&id),
            SubjectText::Number(number) => Ok(Self::Number(number)),
            SubjectText::Conversation(id) => Ok(Self::Conversation(id)),
        }
    }
}

/// Times since the epoch have this number of digits at least, in seconds; Airship's are in milliseconds.
const MIN_TIME_DIGITS: usize = 10;

/// The member in a conversation id of Airship: what is before a character that is neither a letter nor a digit, and a time in
/// digits. So the beginning of a UUID is not taken for a member, and `7.5` is no id of the member 7.
pub(super) fn member_of(conversation: &str) -> Option<&str> {
    let rest = conversation.trim_end_matches(|c: char| c.is_ascii_digit());
    let has_time = conversation.len() - rest.len() >= MIN_TIME_DIGITS;
    let separator = rest.chars().next_back().filter(|c| !c.is_alphanumeric() && has_time)?;
    rest.strip_suffix(separator).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_read_from_its_json_and_named_as_the_command_names_it() {
        let tenant = || "Cust:1".to_owned();
        let subjects = [
            (Subject::Member("700100".to_owned()), r#"{"member":"700100"}"#, "member 700100"),
            (Subject::Number("+47 9".to_owned()), r#"{"number":"+47 9"}"#, "number +47 9"),
            (Subject::Conversation("c-1".to_owned()), r#"{"conversation":"c-1"}"#, "conversation c-1"),
            (
                Subject::Customer { tenant: tenant(), id: 77 },
                r#"{"member":"superoffice:Cust:1:customer:77"}"#,
                "member superoffice:Cust:1:customer:77",
            ),
            (
                Subject::Contact { tenant: tenant(), id: 78 },
                r#"{"member":"superoffice:Cust:1:contact:78"}"#,
                "member superoffice:Cust:1:contact:78",
            ),
        ];
        for (subject, json, name) in subjects {
            assert_eq!(serde_json::to_string(&subject).unwrap(), json);
            assert_eq!(serde_json::from_str::<Subject>(json).unwrap(), subject);
            assert_eq!(subject.to_string(), name);
        }
        for invalid in [r#"{"member":""}"#, r#"{"member":"superoffice:77"}"#, r#"{"name":"Mo"}"#] {
            assert!(serde_json::from_str::<Subject>(invalid).is_err(), "{invalid}");
        }
    }
}
