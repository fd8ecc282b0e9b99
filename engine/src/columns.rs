//! Events as columns: rows that share one arena for their texts, and tables of what they repeat.

use hashbrown::HashTable;

use crate::draft::{Draft, DraftError};
use crate::event::EventRef;
use crate::id_map::fingerprint;
use crate::parts::{EventParts, check_conversation, check_source};
use crate::row::Row;
use crate::session::Session;
use crate::texts::{CONTEXT_TEXTS, ContextSpans, Field, Span};

/// The number of contexts of a conversation that an event is compared with.
const CONTEXTS_KEPT: usize = 8;

/// Events in order, without an allocation for each: a parser appends rows, and writers and boards read them.
///
/// Conversations, contexts and sessions have dense numbers, in the order of their first events. Two events with the same
/// number have the same value; two numbers can stand for equal values.
#[derive(Clone, Debug, Default)]
pub struct EventColumns {
    rows: Vec<NumberedRow>,
    arena: String,
    conversations: Vec<ConversationEntry>,
    /// Indexes in `conversations`, by the hash of the id.
    places: HashTable<u32>,
    contexts: Vec<ContextSpans>,
    sessions: Vec<Session>,
    text_bytes: usize,
}

#[derive(Clone, Debug)]
struct NumberedRow {
    row: Row,
    numbers: EventNumbers,
}

/// What an event shares with other events of the same [`EventColumns`], as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventNumbers {
    /// The number of its conversation.
    pub conversation: u32,
    /// The number of its context.
    pub context: u32,
    /// How many other contexts the conversation has had since its previous event with this context, at most seven. `None` if
    /// the event is the first with this number.
    pub context_age: Option<u8>,
    /// The number of its session.
    pub session: Option<u32>,
    /// Whether it is the first event with this session.
    pub is_session_new: bool,
}

/// The context of an event among those of its conversation; see [`EventColumns::push_parts`].
#[derive(Clone, Copy, Debug)]
pub enum ContextOf<'a> {
    /// A context that the conversation has had already: [`EventNumbers::context_age`].
    Earlier(u8),
    /// Another one: its texts, as in [`Context::texts`](crate::Context::texts), and whether no agent is assigned.
    New([Option<&'a str>; CONTEXT_TEXTS], bool),
}

/// The session of an event; see [`EventColumns::push_parts`].
#[derive(Clone, Debug)]
pub enum SessionOf {
    /// The event has none.
    None,
    /// The last session of the conversation, if it has one.
    Last,
    /// Another one.
    New(Session),
}

#[derive(Clone, Debug)]
struct ConversationEntry {
    id: Span,
    hash: u64,
    /// The numbers of the last contexts, the latest first.
    contexts: [u32; CONTEXTS_KEPT],
    context_count: usize,
    session: Option<u32>,
}

impl ConversationEntry {
    /// Makes the context at this place the latest one.
    fn take_again(&mut self, place: usize) -> u32 {
        self.contexts[..=place].rotate_right(1);
        self.contexts[0]
    }

    fn add(&mut self, context: u32) {
        self.context_count = (self.context_count + 1).min(CONTEXTS_KEPT);
        self.contexts.rotate_right(1);
        self.contexts[0] = context;
    }
}

/// A number from a length that the arena limits.
#[expect(clippy::cast_possible_truncation, reason = "the arena of 4 GiB has a byte for each of them")]
fn number(length: usize) -> u32 {
    length as u32
}

impl EventColumns {
    /// No events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Copies of these events.
    ///
    /// # Errors
    /// As for [`EventColumns::push`].
    pub fn of<'e>(events: impl IntoIterator<Item = impl Into<EventRef<'e>>>) -> Result<Self, DraftError> {
        let mut columns = Self::new();
        events.into_iter().try_for_each(|event| columns.push(event))?;
        Ok(columns)
    }

    /// The number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The number of conversations.
    #[must_use]
    pub fn conversation_count(&self) -> usize {
        self.conversations.len()
    }

    /// The number of contexts.
    #[must_use]
    pub fn context_count(&self) -> usize {
        self.contexts.len()
    }

    /// The total length of all texts in bytes, identities included, as if each event had its own.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.text_bytes
    }

    /// The events in order, with their numbers.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (EventNumbers, EventRef<'_>)> + Clone {
        self.rows.iter().map(|NumberedRow { row, numbers }| (*numbers, self.view(row, *numbers)))
    }

    /// The event at an index, with its numbers.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<(EventNumbers, EventRef<'_>)> {
        let NumberedRow { row, numbers } = self.rows.get(index)?;
        Some((*numbers, self.view(row, *numbers)))
    }

    /// The id of each conversation, in the order of their numbers.
    pub fn conversations(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.conversations.iter().map(|entry| entry.id.of(&self.arena))
    }

    /// The texts of the context with this number, as in [`Context::texts`](crate::Context::texts).
    #[must_use]
    pub fn context_texts(&self, number: u32) -> Option<[Option<&str>; CONTEXT_TEXTS]> {
        self.contexts.get(number as usize).map(|context| context.texts(&self.arena))
    }

    /// The session with this number.
    #[must_use]
    pub fn session(&self, number: u32) -> Option<&Session> {
        self.sessions.get(number as usize)
    }

    fn view<'a>(&'a self, row: &'a Row, numbers: EventNumbers) -> EventRef<'a> {
        EventRef {
            row,
            context: &self.contexts[numbers.context as usize],
            arena: &self.arena,
            session: numbers.session.map(|session| &self.sessions[session as usize]),
        }
    }

    /// The memory of the largest parts in bytes, whether it is used or kept for the next events.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.arena.capacity() + self.rows.capacity() * size_of::<NumberedRow>()
    }

    /// Removes all events. The memory is kept for the next ones.
    pub fn clear(&mut self) {
        let Self { rows, arena, conversations, places, contexts, sessions, text_bytes } = self;
        rows.clear();
        arena.clear();
        conversations.clear();
        places.clear();
        contexts.clear();
        sessions.clear();
        *text_bytes = 0;
    }

    /// Appends the event that [`Draft::build_with`] would build.
    ///
    /// # Errors
    /// As for [`Draft::build_with`]. [`DraftError::TooLong`] also if the texts of all events together are longer than 4 GiB.
    pub fn push_draft(&mut self, draft: Draft<'_>, max_id_bytes: usize) -> Result<(), DraftError> {
        draft.check(max_id_bytes)?;
        self.whole(|columns| {
            let conversation = columns.conversation(draft.conversation).ok_or(DraftError::TooLong)?;
            let (row, context, session) = draft.append_to(&mut columns.arena, conversation.id)?;
            columns.push_row(conversation, row, context, session.as_ref());
            Ok(())
        })
    }

    /// Appends a copy of an event.
    ///
    /// # Errors
    /// [`DraftError::TooLong`] if the texts of all events together are longer than 4 GiB then.
    pub fn push<'e>(&mut self, event: impl Into<EventRef<'e>>) -> Result<(), DraftError> {
        let event = event.into();
        self.whole(|columns| columns.push_copy(event).ok_or(DraftError::TooLong))
    }

    fn push_copy(&mut self, event: EventRef<'_>) -> Option<()> {
        let conversation = self.conversation(event.conversation())?;
        let text = event.text().map(|text| Span::append(&mut self.arena, text).ok_or(())).transpose().ok()?;
        let context = event.context.append_to(&mut self.arena, event.arena)?;
        let row = Row { conversation: conversation.id, text, ..event.row.clone() };
        self.push_row(conversation, row, context, event.session());
        Some(())
    }

    /// Appends an event. If that fails, the arena is as it was; the rows and tables change last, and cannot fail.
    fn whole(&mut self, append: impl FnOnce(&mut Self) -> Result<(), DraftError>) -> Result<(), DraftError> {
        let before = self.arena.len();
        let appended = append(self);
        if appended.is_err() {
            self.arena.truncate(before);
        }
        appended
    }

    /// Appends a conversation without events. Returns its number, for [`EventColumns::push_parts`].
    ///
    /// # Errors
    /// [`DraftError::NoConversation`] if the id is empty. [`DraftError::TooLong`] if the texts of all events together are
    /// longer than 4 GiB then.
    pub fn push_conversation(&mut self, id: &str) -> Result<u32, DraftError> {
        check_conversation(id)?;
        let number = number(self.conversations.len());
        let span = Span::append(&mut self.arena, id).ok_or(DraftError::TooLong)?;
        self.add_conversation(Placed { number, hash: fingerprint(id), id: span });
        Ok(number)
    }

    /// Appends an event of the conversation with this number, without a search for what it repeats.
    ///
    /// # Errors
    /// [`DraftError`] names the missing field. An event of a conversation that does not exist has no conversation, one with
    /// a context that does not exist has no source.
    pub fn push_parts(
        &mut self,
        conversation: u32,
        parts: EventParts<'_>,
        context: ContextOf<'_>,
        session: SessionOf,
    ) -> Result<(), DraftError> {
        self.whole(|columns| columns.push_checked_parts(conversation, parts, context, session))
    }

    fn push_checked_parts(
        &mut self,
        conversation: u32,
        parts: EventParts<'_>,
        context: ContextOf<'_>,
        session: SessionOf,
    ) -> Result<(), DraftError> {
        let Self { arena, conversations, contexts, sessions, .. } = self;
        let entry = conversations.get_mut(conversation as usize).ok_or(DraftError::NoConversation)?;
        let own_session = match &session {
            SessionOf::None => None,
            SessionOf::Last => entry.session.map(|number| &sessions[number as usize]),
            SessionOf::New(session) => Some(session),
        };
        let append: &dyn Fn(&mut String) -> Option<ContextSpans> = match &context {
            ContextOf::New(texts, nobody) => {
                check_source(texts[Field::Source.place()])?;
                &|arena| ContextSpans::append(arena, *texts, *nobody)
            }
            ContextOf::Earlier(age) => {
                let known = entry.contexts[..entry.context_count].get(usize::from(*age)).ok_or(DraftError::NoSource)?;
                let known = contexts[*known as usize];
                &move |arena| known.append_within(arena)
            }
        };
        let (row, spans) = parts.append_to(arena, entry.id, append, own_session)?;
        let (context, context_age) = match context {
            ContextOf::New(..) => {
                let new = number(contexts.len());
                contexts.push(spans);
                entry.add(new);
                (new, None)
            }
            ContextOf::Earlier(age) => {
                arena.truncate(spans.start());
                (entry.take_again(usize::from(age)), Some(age))
            }
        };
        let is_session_new = matches!(session, SessionOf::New(_));
        let session = match session {
            SessionOf::None => None,
            SessionOf::Last => entry.session,
            SessionOf::New(session) => {
                sessions.push(session);
                entry.session = Some(number(sessions.len() - 1));
                entry.session
            }
        };
        self.push_numbered(row, EventNumbers { conversation, context, context_age, session, is_session_new });
        Ok(())
    }

    /// The number of the conversation with this id. The arena contains the id of a new one already, the table does not.
    fn conversation(&mut self, id: &str) -> Option<Placed> {
        let hash = fingerprint(id);
        let Self { conversations, places, arena, .. } = self;
        let is_it = |place: &u32| {
            let entry = &conversations[*place as usize];
            entry.hash == hash && entry.id.of(arena) == id
        };
        match places.find(hash, is_it).copied() {
            Some(place) => Some(Placed { number: place, hash, id: conversations[place as usize].id }),
            None => Some(Placed { number: number(conversations.len()), hash, id: Span::append(arena, id)? }),
        }
    }

    /// Appends a row. Its context is at the end of the arena.
    fn push_row(&mut self, placed: Placed, row: Row, context: ContextSpans, session: Option<&Session>) {
        if placed.number as usize == self.conversations.len() {
            self.add_conversation(placed);
        }
        let (context, context_age) = self.number_context(placed.number, context);
        let (session, is_session_new) = self.number_session(placed.number, session);
        let numbers = EventNumbers { conversation: placed.number, context, context_age, session, is_session_new };
        self.push_numbered(row, numbers);
    }

    fn add_conversation(&mut self, Placed { number, hash, id }: Placed) {
        let Self { conversations, places, .. } = self;
        conversations.push(ConversationEntry {
            id,
            hash,
            contexts: [0; CONTEXTS_KEPT],
            context_count: 0,
            session: None,
        });
        places.insert_unique(hash, number, |place| conversations[*place as usize].hash);
    }

    fn push_numbered(&mut self, row: Row, numbers: EventNumbers) {
        let event = self.view(&row, numbers);
        let session_bytes = event.session().map_or(0, Session::text_bytes);
        self.text_bytes += event.text_bytes() + event.identity().text_bytes() + session_bytes;
        self.rows.push(NumberedRow { row, numbers });
    }

    /// The number of a context, which is at the end of the arena and is removed there if it is known.
    fn number_context(&mut self, conversation: u32, context: ContextSpans) -> (u32, Option<u8>) {
        let Self { conversations, contexts, arena, .. } = self;
        let conversation = &mut conversations[conversation as usize];
        let known = &conversation.contexts[..conversation.context_count];
        let is_it = |known: &u32| contexts[*known as usize].is_same(arena, context, arena);
        if let Some(place) = known.iter().position(is_it) {
            arena.truncate(context.start());
            return (conversation.take_again(place), u8::try_from(place).ok());
        }
        let new = number(contexts.len());
        contexts.push(context);
        conversation.add(new);
        (new, None)
    }

    fn number_session(&mut self, conversation: u32, session: Option<&Session>) -> (Option<u32>, bool) {
        let Some(session) = session else { return (None, false) };
        let Self { conversations, sessions, .. } = self;
        let before = &mut conversations[conversation as usize].session;
        if let Some(number) = before.filter(|number| sessions[*number as usize] == *session) {
            return (Some(number), false);
        }
        let new = number(sessions.len());
        sessions.push(session.clone());
        *before = Some(new);
        (Some(new), true)
    }
}

/// A conversation that may be new.
#[derive(Clone, Copy)]
struct Placed {
    number: u32,
    hash: u64,
    id: Span,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::draft::tests::{at, message};
    use crate::event::{AgentMention, Event, Kind};
    use crate::identity::Identity;
    use crate::parts::tests::parts;

    /// Events of three conversations that change their context, their session and their identity.
    fn drafts() -> Vec<Draft<'static>> {
        let tenants = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let draft = |number: usize| {
            let session = Session { rating: Some((number / 8 % 2) as i64), ..Session::default() };
            let session = session.customer_alias("Ida".to_owned());
            Draft {
                conversation: ["c-1", "c-2", "c-33"][number % 3],
                kind: if number.is_multiple_of(5) { Kind::Open } else { Kind::Message },
                identity: [None, Some(Identity::given("x", 0))][number / 7 % 2].clone(),
                text: ["", "hi", "héllo"].get(number % 4).copied(),
                agent: if number.is_multiple_of(2) { AgentMention::Nobody } else { AgentMention::agent("a", None) },
                session: number.is_multiple_of(4).then_some(session),
                ..message().tenant(tenants[number / 24])
            }
        };
        (0..200).map(draft).collect()
    }

    #[test]
    fn events_come_back_from_columns() {
        let events: Vec<Event> = drafts().into_iter().map(|draft| draft.build().unwrap()).collect();
        let copied = EventColumns::of(&events).unwrap();
        let mut appended = EventColumns::new();
        for _ in 0..2 {
            appended.clear();
            drafts().into_iter().for_each(|draft| appended.push_draft(draft, 1024).unwrap());
            for columns in [&copied, &appended] {
                assert!(columns.iter().map(|(_, event)| event).eq(events.iter().map(Event::as_ref)));
                assert!(columns.iter().map(|(_, event)| event.to_event()).eq(events.iter().cloned()));
            }
            assert!(copied.iter().map(|(numbers, _)| numbers).eq(appended.iter().map(|(numbers, _)| numbers)));
        }
    }

    #[test]
    fn parts_append_the_same_events_with_the_same_numbers() {
        let events: Vec<Event> = drafts().into_iter().map(|draft| draft.build().unwrap()).collect();
        let (copied, mut appended) = (EventColumns::of(&events).unwrap(), EventColumns::new());
        for (number, id) in (0..).zip(copied.conversations()) {
            assert_eq!(appended.push_conversation(id), Ok(number));
        }
        for (event, (numbers, _)) in events.iter().zip(copied.iter()) {
            let context = Context::of(event);
            let context = match numbers.context_age {
                Some(age) => ContextOf::Earlier(age),
                None => ContextOf::New(context.texts(), context.nobody()),
            };
            let session = match event.session() {
                Some(session) if numbers.is_session_new => SessionOf::New(session.clone()),
                Some(_) => SessionOf::Last,
                None => SessionOf::None,
            };
            appended.push_parts(numbers.conversation, parts(event), context, session).unwrap();
        }
        assert!(appended.iter().map(|(numbers, _)| numbers).eq(copied.iter().map(|(numbers, _)| numbers)));
        assert!(appended.iter().map(|(_, event)| event.to_event()).eq(events));
        assert_eq!((appended.text_bytes(), appended.arena.len()), (copied.text_bytes(), copied.arena.len()));
    }

    #[test]
    fn parts_without_a_conversation_or_a_context_leave_no_trace() {
        let event = message().build().unwrap();
        let context = Context::of(&event);
        let mut columns = EventColumns::new();
        assert_eq!(columns.push_conversation(""), Err(DraftError::NoConversation));
        assert_eq!(columns.push_conversation("c"), Ok(0));
        let before = format!("{columns:?}");
        let mut push = |conversation, parts, context| {
            let refused = columns.push_parts(conversation, parts, context, SessionOf::Last);
            assert!(refused.is_ok() || format!("{columns:?}") == before);
            refused
        };
        let new = ContextOf::New(context.texts(), false);
        assert_eq!(push(1, parts(&event), new), Err(DraftError::NoConversation));
        assert_eq!(push(0, parts(&event), ContextOf::Earlier(0)), Err(DraftError::NoSource));
        assert_eq!(push(0, parts(&event), ContextOf::Earlier(255)), Err(DraftError::NoSource));
        assert_eq!(push(0, parts(&event), ContextOf::New([None; CONTEXT_TEXTS], false)), Err(DraftError::NoSource));
        let untimed = EventParts { occurred: None, sent: None, ..parts(&event) };
        assert_eq!(push(0, untimed, new), Err(DraftError::NoTime));
        assert_eq!(push(0, parts(&event), new), Ok(()));
    }

    #[test]
    fn equal_numbers_are_equal_values_and_new_ones_are_dense() {
        let columns =
            EventColumns::of(&drafts().into_iter().map(|draft| draft.build().unwrap()).collect::<Vec<_>>()).unwrap();
        let ids: Vec<_> = columns.conversations().collect();
        assert_eq!((ids.as_slice(), columns.conversation_count()), (&["c-1", "c-2", "c-33"][..], 3));
        let (mut contexts, mut sessions) = (0, 0);
        for (numbers, event) in columns.iter() {
            assert_eq!(ids[numbers.conversation as usize], event.conversation());
            assert_eq!(columns.context_texts(numbers.context), Some(crate::Context::of(event).texts()));
            assert_eq!(numbers.session.and_then(|session| columns.session(session)), event.session());
            assert_eq!(numbers.context_age.is_none(), numbers.context == contexts);
            assert_eq!(numbers.is_session_new, numbers.session == Some(sessions));
            contexts += u32::from(numbers.context_age.is_none());
            sessions += u32::from(numbers.is_session_new);
        }
        // Nine tenants in three conversations, each with and without an agent.
        assert!((48..=54).contains(&contexts), "{contexts}");
        assert!(columns.arena.len() < columns.text_bytes() / 2);
    }

    #[test]
    fn what_is_not_an_event_leaves_no_trace() {
        let mut columns = EventColumns::new();
        columns.push_draft(message(), 1024).unwrap();
        let before = format!("{columns:?}");
        let refused = [
            (Draft { conversation: "c-2", occurred: None, sent: None, ..message() }, DraftError::NoTime),
            (Draft { conversation: "", ..message() }, DraftError::NoConversation),
            (Draft { source: "", ..message() }, DraftError::NoSource),
        ];
        for (draft, error) in refused {
            assert_eq!(columns.push_draft(draft.clone(), 1024), Err(error.clone()));
            assert_eq!(draft.build(), Err(error));
            assert_eq!(format!("{columns:?}"), before);
        }
        columns.push_draft(Draft { occurred: at(2_000), ..message() }, 1024).unwrap();
        assert_eq!((columns.len(), columns.conversation_count()), (2, 1));
    }
}
