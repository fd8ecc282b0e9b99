//! Erasing: what is left of a conversation whose member is forgotten.
//!
//! The conversation keeps its counts, times, agents, tenant and channel, and loses everything that says who the member is or
//! what was said. Each event is replaced by one with the same sequence number, so that the past can still be asked about.

pub(crate) mod order;
mod params;
mod personal;
mod subject;
mod subjects;

use std::fmt;

use crate::attribute::{Attribute, Values};
use crate::conversation::Conversation;
use crate::draft::{Draft, DraftError};
use crate::event::Event;
use crate::identity::Identity;
use crate::image::{ConversationImage, ImageError};
use crate::session::Session;

pub use params::{SubjectParamError, SubjectParams};
pub use personal::Personal;
pub use subject::{InvalidSubject, NamedBy, Subject};
pub use subjects::Subjects;

/// The id of an erased conversation consists of this, and of hexadecimal digits.
const PREFIX: &str = "erased-";
const DIGITS: usize = 32;

/// The id of an erased conversation: 128 random bits, which have nothing to do with the id before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym(u128);

impl Pseudonym {
    /// The pseudonym with these bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// Whether this is the id of an erased conversation.
    #[must_use]
    pub fn is_id(id: &str) -> bool {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        id.strip_prefix(PREFIX).is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(is_digit))
    }

    /// An identity for the event that has this rank among the identities of the conversation. They have the order of their
    /// ranks, so that the order of T2 stays.
    fn identity(self, rank: u32) -> Identity {
        Identity::from_uuid((self.0 & !u128::from(u32::MAX) | u128::from(rank)).to_be_bytes(), 0)
    }
}

/// `erased-` and 32 hexadecimal digits.
impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{:0DIGITS$x}", self.0)
    }
}

impl ConversationImage {
    /// The conversation without the member: under this pseudonym, with the same counts, times, agents, tenant, channel and
    /// arrivals, now and at each moment of the past.
    ///
    /// Texts, the member's name and ids, and the ids of events are gone. Of two events with one identity (rule I2) the same
    /// one counts; the other has a text without meaning, which gives it a content hash that loses. The same image and
    /// pseudonym give the same result, and erasing the result again changes nothing.
    ///
    /// # Errors
    /// [`ImageError`] if the image is invalid.
    pub fn erased(&self, pseudonym: Pseudonym) -> Result<Self, ImageError> {
        self.check()?;
        let events = self.events()?;
        let mut identities: Vec<_> = events.iter().map(|(_, event)| event.identity()).collect();
        identities.sort_unstable();
        identities.dedup();
        // A conversation with four billion events does not fit into memory.
        let rank = |event: &Event| identities.binary_search(&event.identity()).unwrap_or_default();
        let ranks: Vec<_> = events.iter().map(|(_, event)| u32::try_from(rank(event)).unwrap_or(u32::MAX)).collect();
        let id = pseudonym.to_string();
        let replace = |place: usize, text: Option<&str>| {
            let ((seq, event), rank) = (&events[place], ranks[place]);
            without_member(event, &id, pseudonym.identity(rank), text)
                .map_err(|why| ImageError::NoEvent { seq: *seq, why })
        };
        let mut replaced = (0..events.len()).map(|place| replace(place, None)).collect::<Result<Vec<_>, _>>()?;
        order::keep(&events, &ranks, &mut replaced, replace)?;
        let mut conversation = Conversation::new(id.as_str().into());
        for ((seq, _), event) in events.iter().zip(&replaced) {
            conversation.apply(*seq, event.as_ref(), &mut None);
        }
        conversation.settle();
        Ok(Self { arrivals: self.arrivals, ..Self::of(&conversation) })
    }
}

/// The event with another conversation id, identity and text, and without what says who the member is. Every field is named
/// here, so that a new one has to be decided on.
fn without_member(event: &Event, id: &str, identity: Identity, text: Option<&str>) -> Result<Event, DraftError> {
    let Draft {
        source,
        conversation: _,
        identity: _,
        kind,
        occurred,
        sent,
        started,
        active,
        unread,
        agent,
        direction,
        channel,
        text: _,
        attributes,
        session,
    } = event.draft();
    let draft = Draft {
        source,
        conversation: id,
        identity: Some(identity),
        kind,
        occurred,
        sent,
        started,
        active,
        unread,
        agent,
        direction,
        channel,
        text,
        attributes: of_business(attributes),
        session: session.map(session_without_member),
    };
    // The limit was applied when the event arrived.
    draft.build_with(usize::MAX)
}

/// Whether an attribute says who the member is.
fn is_of_member(attribute: Attribute) -> bool {
    match attribute {
        Attribute::MemberName | Attribute::MemberNumber | Attribute::MemberBusinessId | Attribute::MemberChannelId => {
            true
        }
        Attribute::Shortcode | Attribute::AppKey | Attribute::Tenant => false,
    }
}

fn of_business(mut attributes: Values<'_>) -> Values<'_> {
    for (attribute, value) in Attribute::ALL.into_iter().zip(&mut attributes) {
        *value = value.filter(|_| !is_of_member(attribute));
    }
    attributes
}

/// What the fold and reports need. The ids lead to the member, in SuperOffice's own database.
fn session_without_member(session: Session) -> Session {
    let Session {
        alert_level,
        chatbot_is_active,
        consented,
        contact_id: _,
        customer_alias: _,
        customer_id: _,
        project_id: _,
        rating,
        sale_id: _,
        status,
        ticket_id: _,
        topic_id,
        user_id,
    } = session;
    Session { alert_level, chatbot_is_active, consented, rating, status, topic_id, user_id, ..Session::default() }
}

#[cfg(test)]
mod tests;
