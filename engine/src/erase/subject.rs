//! Whom an erasure is about.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::attribute::Attribute;
use crate::event::SUPEROFFICE;
use crate::fact::Fact;
use crate::image::ConversationImage;
use crate::session::Session;
use crate::spelling::same_number;
use crate::texts::Field;

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

    /// Whether the conversation is about this member, or this one.
    #[must_use]
    pub fn is_of(&self, image: &ConversationImage) -> bool {
        let has = |attribute, is_it: &dyn Fn(&str) -> bool| {
            image.contexts.iter().any(|context| context.get(Field::Attribute(attribute)).is_some_and(is_it))
        };
        match self {
            Self::Member(id) => {
                let is_it = |value: &str| value == id;
                has(Attribute::MemberBusinessId, &is_it) || has(Attribute::MemberChannelId, &is_it)
            }
            Self::Number(number) => has(Attribute::MemberNumber, &|value| same_number(value, number)),
            Self::Conversation(id) => *image.id == **id,
            Self::Customer { tenant, id } => has_session(image, tenant, |session| session.customer_id == Some(*id)),
            Self::Contact { tenant, id } => has_session(image, tenant, |session| session.contact_id == Some(*id)),
        }
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

/// Whether an event of this tenant has such a session.
fn has_session(image: &ConversationImage, tenant: &str, is_wanted: impl Fn(&Session) -> bool) -> bool {
    let is_of_tenant = |fact: &Fact<'_>| {
        let context = image.contexts.get(fact.context as usize);
        context.and_then(|context| context.get(Field::Attribute(Attribute::Tenant))) == Some(tenant)
    };
    let session_of = |fact: &Fact<'_>| image.sessions.get(fact.session? as usize);
    // Most conversations have no such session, so that their facts need not be unpacked.
    image.sessions.iter().any(&is_wanted)
        && image
            .facts
            .iter()
            .chain(image.conflicts.iter())
            .any(|fact| is_of_tenant(&fact) && session_of(&fact).is_some_and(&is_wanted))
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
