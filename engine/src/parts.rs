//! Building an event from its stored parts.

use crate::context::Context;
use crate::draft::DraftError;
use crate::event::{At, Direction, Event, Kind};
use crate::identity::Identity;
use crate::row::Row;
use crate::session::Session;
use crate::texts::{ContextSpans, Field, Span};
use crate::time::Time;

/// The parts of an event that it does not share with others, in the form in which a store keeps them. See [`crate::Draft`] for the
/// fields.
///
/// The lengths of ids are not checked: the limit was applied when the event arrived, and may have been different then.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields are those of `Draft`")]
pub struct EventParts<'a> {
    /// `None` if it is the content hash.
    pub identity: Option<Identity>,
    pub kind: Kind,
    pub direction: Option<Direction>,
    pub occurred: Option<Time>,
    pub sent: Option<Time>,
    pub started: Option<Time>,
    pub active: Option<Time>,
    pub unread: Option<u64>,
    pub text: Option<&'a str>,
}

impl EventParts<'_> {
    /// The event with these parts.
    pub(crate) fn build(
        self,
        conversation: &str,
        context: &Context,
        session: Option<Session>,
    ) -> Result<Event, DraftError> {
        check_source(context.get(Field::Source))?;
        check_conversation(conversation)?;
        let text_bytes = conversation.len() + self.text.map_or(0, str::len) + context.text_bytes();
        let mut arena = String::with_capacity(text_bytes);
        let conversation = Span::append(&mut arena, conversation).ok_or(DraftError::TooLong)?;
        let append = |arena: &mut String| context.append_to(arena);
        let (row, context) = self.append_to(&mut arena, conversation, append, session.as_ref())?;
        Ok(Event { row, context, texts: arena.into_boxed_str(), session: session.map(Box::new) })
    }

    /// Determines the time and the identity, and appends the text and the context to an arena.
    pub(crate) fn append_to(
        self,
        arena: &mut String,
        conversation: Span,
        append_context: impl FnOnce(&mut String) -> Option<ContextSpans>,
        session: Option<&Session>,
    ) -> Result<(Row, ContextSpans), DraftError> {
        let Self { identity, kind, direction, occurred, sent, started, active, unread, text } = self;
        let at = At::of(kind, occurred, sent, started, active).ok_or(DraftError::NoTime)?;
        let text = text.map(|text| Span::append(arena, text).ok_or(DraftError::TooLong)).transpose()?;
        let context = append_context(arena).ok_or(DraftError::TooLong)?;
        let times = Row { occurred, sent, started, active, ..Row::UNCOMPLETED };
        let row = Row { kind, direction, at, unread, conversation, text, ..times };
        Ok((row.completed(identity, &context, session, arena), context))
    }
}

pub(crate) fn check_source(source: Option<&str>) -> Result<(), DraftError> {
    if source.is_none_or(str::is_empty) { Err(DraftError::NoSource) } else { Ok(()) }
}

pub(crate) fn check_conversation(id: &str) -> Result<(), DraftError> {
    if id.is_empty() { Err(DraftError::NoConversation) } else { Ok(()) }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::draft::Draft;
    use crate::draft::tests::{at, message};
    use crate::event::AgentMention;

    pub(crate) fn parts(event: &Event) -> EventParts<'_> {
        EventParts {
            identity: (!event.identity().is_content()).then(|| event.identity().clone()),
            kind: event.kind(),
            direction: event.direction(),
            occurred: event.occurred(),
            sent: event.sent(),
            started: event.started(),
            active: event.active(),
            unread: event.unread(),
            text: event.text(),
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
            let built = parts(&event).build(event.conversation(), &context, event.session().cloned());
            assert_eq!(built, Ok(event.clone()));
        }
    }

    #[test]
    fn a_missing_field_is_named() {
        let event = message().build().unwrap();
        let context = Context::of(&event);
        let untimed = EventParts { occurred: None, sent: None, ..parts(&event) };
        assert_eq!(untimed.build("c", &context, None), Err(DraftError::NoTime));
        assert_eq!(parts(&event).build("", &context, None), Err(DraftError::NoConversation));
        for source in [None, Some("")] {
            let mut texts = context.texts();
            texts[0] = source;
            let context = Context::new(texts, false).unwrap();
            assert_eq!(parts(&event).build("c", &context, None), Err(DraftError::NoSource));
        }
    }
}
