//! Whom an erasure is about.

use std::str::FromStr;

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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
