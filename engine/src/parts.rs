//! Building an event from its stored parts.

use crate::context::Context;
use crate::draft::DraftError;
use crate::event::{At, Direction, Event, Kind};
use crate::identity::Identity;
use crate::row::Row;
use crate::session::Session;
use crate::texts::{Field, Span};
use crate::time::Time;

/// All parts of an event, with repeated texts packed already: the form in which a store keeps it. See [`crate::Draft`]
/// for the fields.
///
/// It builds the same event as the draft, faster. The lengths of ids are not checked: the limit was applied when the
/// event arrived, and may have been different then.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are those of `Draft`")]
pub struct EventParts<'a> {
    pub conversation: &'a str,
    pub context: &'a Context,
    pub identity: Option<Identity>,
    pub kind: Kind,
    pub direction: Option<Direction>,
    pub occurred: Option<Time>,
    pub sent: Option<Time>,
    pub started: Option<Time>,
    pub active: Option<Time>,
    pub unread: Option<u64>,
    pub text: Option<&'a str>,
    pub session: Option<Session>,
}

impl EventParts<'_> {
    /// Determines the event's time and identity, and packs it.
    ///
    /// # Errors
    /// [`DraftError`] names the missing field.
    pub fn build(self) -> Result<Event, DraftError> {
        if self.context.get(Field::Source).is_none_or(str::is_empty) {
            return Err(DraftError::NoSource);
        }
        if self.conversation.is_empty() {
            return Err(DraftError::NoConversation);
        }
        let Self { kind, occurred, sent, started, active, .. } = self;
        let at = At::of(kind, occurred, sent, started, active).ok_or(DraftError::NoTime)?;
        let text_bytes = self.conversation.len() + self.text.map_or(0, str::len) + self.context.text_bytes();
        let mut arena = String::with_capacity(text_bytes);
        let mut append = |text| Span::append(&mut arena, text).ok_or(DraftError::TooLong);
        let conversation = append(self.conversation)?;
        let text = self.text.map(append).transpose()?;
        let context = self.context.append_to(&mut arena).ok_or(DraftError::TooLong)?;
        let row = Row {
            kind,
            direction: self.direction,
            at,
            occurred,
            sent,
            started,
            active,
            unread: self.unread,
            conversation,
            text,
            ..Row::UNCOMPLETED
        };
        let row = row.completed(self.identity, &context, self.session.as_ref(), &arena);
        Ok(Event { row, context, texts: arena.into_boxed_str(), session: self.session.map(Box::new) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::Draft;
    use crate::draft::tests::{at, message};
    use crate::event::AgentMention;

    fn parts<'a>(event: &'a Event, context: &'a Context) -> EventParts<'a> {
        EventParts {
            conversation: event.conversation(),
            context,
            identity: (!event.identity().is_content()).then(|| event.identity().clone()),
            kind: event.kind(),
            direction: event.direction(),
            occurred: event.occurred(),
            sent: event.sent(),
            started: event.started(),
            active: event.active(),
            unread: event.unread(),
            text: event.text(),
            session: event.session().cloned(),
        }
    }

    #[test]
    fn parts_build_the_same_event() {
        let drafts = [
            message(),
            Draft { text: None, identity: Some(Identity::given("x", 3)), agent: AgentMention::Nobody, ..message() },
            Draft { kind: Kind::Close, text: Some(""), unread: Some(0), started: at(2_000), ..message() },
            Draft { session: Some(Session::default()), direction: Some(Direction::Out), ..message().tenant("t") },
        ];
        for event in drafts.map(|draft| draft.build().unwrap()) {
            let context = Context::of(&event);
            assert_eq!(parts(&event, &context).build(), Ok(event.clone()));
        }
    }

    #[test]
    fn a_missing_field_is_named() {
        let event = message().build().unwrap();
        let context = Context::of(&event);
        let parts = || parts(&event, &context);
        assert_eq!(EventParts { conversation: "", ..parts() }.build(), Err(DraftError::NoConversation));
        assert_eq!(EventParts { occurred: None, sent: None, ..parts() }.build(), Err(DraftError::NoTime));
        for source in [None, Some("")] {
            let mut texts = context.texts();
            texts[0] = source;
            let context = &Context::new(texts, false).unwrap();
            assert_eq!(EventParts { context, ..parts() }.build(), Err(DraftError::NoSource));
        }
    }
}
