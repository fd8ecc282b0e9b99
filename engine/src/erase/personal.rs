//! What of a conversation is about the member.

use crate::attribute::Attribute;
use crate::context::Context;
use crate::event::{Event, EventRef};
use crate::fact::FactIdentity;
use crate::image::{ConversationImage, ImageError};
use crate::texts::Field;

/// A value that an erasure removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Personal<'a> {
    /// The id of a conversation or of an event, or an id or number of the member.
    Id(&'a str),
    /// The member's name.
    Name(&'a str),
    /// The text of a message.
    Text(&'a str),
}

impl ConversationImage {
    /// Calls `take` with every personal value of the conversation, in no order, and some of them more than once. Ids of
    /// events are among them if the source gave them.
    ///
    /// # Errors
    /// [`ImageError`] if the image is invalid.
    pub fn each_personal(&self, mut take: impl FnMut(Personal<'_>)) -> Result<(), ImageError> {
        take(Personal::Id(&self.id));
        self.contexts.iter().for_each(|context| of_context(context, &mut take));
        let aliases = self.sessions.iter().filter_map(|session| session.customer_alias.as_deref());
        aliases.for_each(|alias| take(Personal::Name(alias)));
        self.each_event(|_, event| {
            of_event(&event, &mut take);
            Ok(())
        })
    }
}

impl ConversationImage {
    /// Calls `take` with every text in the conversation, personal or not. Ids of events are among them if the source gave
    /// them.
    pub fn each_text(&self, mut take: impl FnMut(&str)) {
        take(&self.id);
        self.contexts.iter().flat_map(|context| context.texts().into_iter().flatten()).for_each(&mut take);
        self.sessions.iter().flat_map(|session| session.texts().into_iter().flatten()).for_each(&mut take);
        for fact in self.facts.iter().chain(self.conflicts.iter()) {
            fact.text.into_iter().for_each(&mut take);
            if fact.identity != FactIdentity::Content {
                take(&fact.identity(self.lists()).text());
            }
        }
    }
}

impl EventRef<'_> {
    /// Calls `take` with every text in the event, personal or not. Its id is among them if the source gave it.
    pub fn each_text(self, mut take: impl FnMut(&str)) {
        take(self.conversation());
        self.text().into_iter().for_each(&mut take);
        self.context.texts(self.arena).into_iter().flatten().for_each(&mut take);
        self.session().iter().flat_map(|session| session.texts().into_iter().flatten()).for_each(&mut take);
        if !self.identity().is_content() {
            take(&self.identity().text());
        }
    }
}

fn of_context(context: &Context, take: &mut impl FnMut(Personal<'_>)) {
    for attribute in Attribute::ALL.into_iter().filter(|attribute| super::is_of_member(*attribute)) {
        if let Some(value) = context.get(Field::Attribute(attribute)) {
            take(if attribute.is_id() { Personal::Id(value) } else { Personal::Name(value) });
        }
    }
}

fn of_event(event: &Event, take: &mut impl FnMut(Personal<'_>)) {
    if let Some(text) = event.text() {
        take(Personal::Text(text));
    }
    if !event.identity().is_content() {
        take(Personal::Id(&event.identity().text()));
    }
}
