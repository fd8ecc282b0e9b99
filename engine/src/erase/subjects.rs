//! Many subjects at once: a conversation is compared with sets, so that a thousand subjects cost what one costs.

use std::str::FromStr;

use hashbrown::HashSet;

use super::subject::{NamedBy, Subject, member_of};
use crate::attribute::Attribute;
use crate::event::AIRSHIP;
use crate::fact::Fact;
use crate::image::ConversationImage;
use crate::spelling::plain_number;
use crate::texts::Field;

/// The members and conversations of an erasure or a disclosure.
#[derive(Clone, Debug, Default)]
pub struct Subjects {
    members: HashSet<String>,
    /// As they were given.
    numbers: HashSet<String>,
    /// Without `+` and white space.
    plain_numbers: HashSet<String>,
    conversations: HashSet<String>,
    /// With their tenants.
    customers: HashSet<(String, i64)>,
    contacts: HashSet<(String, i64)>,
    /// The ids of customers and contacts, of every tenant.
    session_ids: HashSet<i64>,
}

impl FromIterator<Subject> for Subjects {
    fn from_iter<T: IntoIterator<Item = Subject>>(subjects: T) -> Self {
        let mut all = Self::default();
        subjects.into_iter().for_each(|subject| all.add(subject));
        all
    }
}

impl Subjects {
    fn add(&mut self, subject: Subject) {
        match subject {
            Subject::Member(id) => drop(self.members.insert(id)),
            Subject::Number(number) => {
                self.plain_numbers.insert(plain_number(&number).unwrap_or_else(|| number.clone()));
                self.numbers.insert(number);
            }
            Subject::Conversation(id) => drop(self.conversations.insert(id)),
            Subject::Customer { tenant, id } => {
                self.session_ids.insert(id);
                self.customers.insert((tenant, id));
            }
            Subject::Contact { tenant, id } => {
                self.session_ids.insert(id);
                self.contacts.insert((tenant, id));
            }
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let texts = [&self.members, &self.numbers, &self.conversations];
        texts.into_iter().all(HashSet::is_empty) && self.session_ids.is_empty()
    }

    /// Whether the conversation is about one of them, or is one of them.
    #[must_use]
    pub fn is_of(&self, image: &ConversationImage) -> bool {
        self.named_in(image).is_some()
    }

    /// What says that the conversation is about one of them, or is one of them; `None` if nothing does.
    ///
    /// Airship's conversation ids are `MEMBER_TIME`, and the member is optional in its events. So an Airship conversation with
    /// such an id is the member's, unless one of its events names another member.
    #[must_use]
    pub fn named_in(&self, image: &ConversationImage) -> Option<NamedBy> {
        if self.are_named_by_an_event(image) || self.have_session(image) {
            return Some(NamedBy::Event);
        }
        let is_it = self.conversations.contains(&*image.id) || self.have_member_in_id(image);
        is_it.then_some(NamedBy::Id)
    }

    fn are_named_by_an_event(&self, image: &ConversationImage) -> bool {
        image.contexts.iter().any(|context| {
            let value = |attribute| context.get(Field::Attribute(attribute));
            let has_member = |attribute| value(attribute).is_some_and(|id| self.members.contains(id));
            has_member(Attribute::MemberBusinessId)
                || has_member(Attribute::MemberChannelId)
                || value(Attribute::MemberNumber).is_some_and(|number| self.have_number(number))
        })
    }

    fn have_number(&self, number: &str) -> bool {
        !self.plain_numbers.is_empty()
            && plain_number(number)
                .map_or_else(|| self.plain_numbers.contains(number), |plain| self.plain_numbers.contains(&plain))
    }

    fn have_member_in_id(&self, image: &ConversationImage) -> bool {
        let Some(member) = member_of(&image.id).filter(|member| self.members.contains(*member)) else { return false };
        let mut contexts = image.contexts.iter();
        let is_other = contexts
            .clone()
            .any(|it| it.get(Field::Attribute(Attribute::MemberBusinessId)).is_some_and(|id| id != member));
        !is_other && contexts.any(|context| context.get(Field::Source) == Some(AIRSHIP))
    }

    /// Whether an event of the tenant has a session of such a customer or contact.
    fn have_session(&self, image: &ConversationImage) -> bool {
        let ids = |session: &crate::Session| [session.customer_id, session.contact_id];
        // Most conversations have no such session, so that their facts need not be unpacked.
        let mut sessions = image.sessions.iter().flat_map(ids).flatten();
        if self.session_ids.is_empty() || !sessions.any(|id| self.session_ids.contains(&id)) {
            return false;
        }
        let is_wanted = |fact: &Fact<'_>| {
            let context = image.contexts.get(fact.context as usize);
            let tenant = context.and_then(|context| context.get(Field::Attribute(Attribute::Tenant)))?;
            let [customer, contact] = ids(image.sessions.get(fact.session? as usize)?);
            let has = |all: &HashSet<(String, i64)>, id: Option<i64>| {
                id.is_some_and(|id| all.contains(&(tenant.to_owned(), id)))
            };
            (has(&self.customers, customer) || has(&self.contacts, contact)).then_some(())
        };
        image.facts.iter().chain(image.conflicts.iter()).any(|fact| is_wanted(&fact).is_some())
    }

    /// Whether this subject is one of them, or an id of one of them names it: the id of an Airship conversation is
    /// `MEMBER_TIME`.
    #[must_use]
    pub fn have(&self, subject: &Subject) -> bool {
        match subject {
            Subject::Member(id) => {
                self.members.contains(id) || self.conversations.iter().any(|it| member_of(it) == Some(id))
            }
            Subject::Number(number) => self.have_number(number),
            Subject::Conversation(id) => {
                self.conversations.contains(id) || member_of(id).is_some_and(|member| self.members.contains(member))
            }
            Subject::Customer { tenant, id } => self.customers.contains(&(tenant.clone(), *id)),
            Subject::Contact { tenant, id } => self.contacts.contains(&(tenant.clone(), *id)),
        }
    }

    /// Whether a value in a text of the host names one of them. A customer and a contact need more than that:
    /// [`Subjects::are_in_session`].
    #[must_use]
    pub fn have_value(&self, value: &str) -> bool {
        self.members.contains(value)
            || self.conversations.contains(value)
            || member_of(value).is_some_and(|member| self.members.contains(member))
            || self.have_number(value)
    }

    /// Whether an object names one of the customers or contacts, in SuperOffice's form or in convofold's own. `field` returns the
    /// text of a field. An object without a tenant can be of each.
    #[must_use]
    pub fn are_in_session(&self, field: impl Fn(&str) -> Option<String>) -> bool {
        if self.session_ids.is_empty() {
            return false;
        }
        let any = |names: [&str; 2]| names.into_iter().find_map(&field);
        let tenant = any(["ContextIdentifier", "tenant"]);
        let is_one = |names: [&str; 2], all: &HashSet<(String, i64)>| {
            let id = any(names).and_then(|id| i64::from_str(&id).ok());
            id.is_some_and(|id| match &tenant {
                Some(tenant) => all.contains(&(tenant.clone(), id)),
                None => all.iter().any(|(_, of_all)| *of_all == id),
            })
        };
        is_one(["CustomerId", "customer_id"], &self.customers) || is_one(["ContactId", "contact_id"], &self.contacts)
    }

    /// The texts that name them wherever they are: as they were given, and numbers also without `+` and white space. Customers
    /// and contacts have none, because their numbers say nothing alone.
    pub fn spellings(&self) -> impl Iterator<Item = &str> {
        [&self.members, &self.numbers, &self.plain_numbers, &self.conversations]
            .into_iter()
            .flatten()
            .map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_of_them_or_is_named_by_the_id_of_one() {
        let of = |subjects: &[Subject]| Subjects::from_iter(subjects.iter().cloned());
        let member = |id: &str| Subject::Member(id.to_owned());
        let number = |number: &str| Subject::Number(number.to_owned());
        let conversation = |id: &str| Subject::Conversation(id.to_owned());
        let customer = |tenant: &str, id| Subject::Customer { tenant: tenant.to_owned(), id };
        let contact = |tenant: &str, id| Subject::Contact { tenant: tenant.to_owned(), id };
        let subjects = [
            member("700100"),
            number("+47 900 00 001"),
            conversation("c-1"),
            customer("Cust1", 7),
            contact("Cust1", 8),
        ];
        let all = of(&subjects);
        assert!(subjects.iter().all(|subject| all.have(subject) && of(std::slice::from_ref(subject)).have(subject)));
        let others =
            [member("700101"), number("4790000002"), conversation("c-2"), customer("Cust2", 7), contact("Cust1", 7)];
        assert!(!others.iter().any(|other| all.have(other)));
        assert!(all.have(&number("4790000001")));
        let of_member = conversation("700100_1627535468595");
        assert!(all.have(&of_member) && of(&[of_member]).have(&member("700100")));
    }
}
