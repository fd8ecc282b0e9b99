//! The body of a block: events as columns, with repeated values stored once.
//!
//! Each event is a row. In addition to the columns of the row, it has three numbers:
//!
//! - its conversation: 0 the next id in the table, from 1 on an earlier id
//! - its context: 0 the context of the conversation's previous event, 1 the next one in the table, from 2 on an earlier
//!   context of the conversation, the latest first
//! - its session: 0 none, 1 the previous one, 2 the next one in the table

#[cfg(test)]
use convofold_engine::Event;
use convofold_engine::{AgentMention, ContextOf, EventColumns, SessionOf};
use serde::{Deserialize, Serialize};

use super::column::{Bytes, Column, Reader};
use super::rows::{Row, RowReader, RowsBuilder, StoredRows};
use super::tables::{
    ContextsBuilder, ContextsReader, SessionsBuilder, SessionsReader, StoredContexts, StoredSessions, StoredTexts,
    TextsBefore, TextsBuilder, TextsReader, ValuesBefore,
};
use super::{join, join_into, split};
use crate::damage::Damage;
use crate::format::block::{EVENT_BYTES, decoded_bytes};
use crate::format::bookmark::StoredBookmark;
use crate::format::frame::MAX_BODY_BYTES;

/// Number of contexts of a conversation that can be referred to again.
const CONTEXTS_KEPT: u64 = 8;

const SAME: u64 = 0;
const NEXT: u64 = 1;
const EARLIER: u64 = 2;

const NO_SESSION: u64 = 0;
const SAME_SESSION: u64 = 1;
const NEXT_SESSION: u64 = 2;

#[derive(Debug, Serialize, Deserialize)]
struct StoredEvents<'a> {
    #[serde(borrow)]
    rows: StoredRows<'a>,
    conversation_of: Bytes<'a>,
    context_of: Bytes<'a>,
    session_of: Bytes<'a>,
    contexts: StoredContexts<'a>,
    sessions: StoredSessions<'a>,
    ids: StoredTexts<'a>,
    texts: StoredTexts<'a>,
}

/// Encodes bodies. Reused for many, because it keeps its buffers.
#[derive(Debug, Default)]
pub(crate) struct BodyBuilder {
    rows: RowsBuilder,
    conversation_of: Column,
    context_of: Column,
    session_of: Column,
    contexts: ContextsBuilder,
    sessions: SessionsBuilder,
    ids: TextsBuilder,
    texts: TextsBuilder,
    groups: Vec<Group>,
    body: Vec<u8>,
}

/// The values that a conversation used last in this body.
#[derive(Debug, Default)]
struct Group {
    started: Option<i64>,
    /// The number of the last context that was written.
    context: Option<u32>,
    session: Option<u32>,
}

impl BodyBuilder {
    fn clear(&mut self) {
        let Self { rows, conversation_of, context_of, session_of, contexts, sessions, ids, texts, groups, .. } = self;
        rows.clear();
        [conversation_of, context_of, session_of].into_iter().for_each(Column::clear);
        contexts.clear();
        sessions.clear();
        ids.clear();
        texts.clear();
        groups.clear();
    }

    fn push_all(&mut self, columns: &EventColumns) {
        columns.conversations().for_each(|id| self.ids.append(id));
        for (numbers, event) in columns.iter() {
            let number = numbers.conversation as usize;
            let is_new = number == self.groups.len();
            self.conversation_of.put(if is_new { 0 } else { u64::from(numbers.conversation) + 1 });
            if is_new {
                self.groups.push(Group::default());
            }
            let Some(group) = self.groups.get_mut(number) else { return };
            self.rows.push(&Row::from(event), &mut group.started);
            self.context_of.put(match numbers.context_age {
                Some(0) => SAME,
                Some(age) => EARLIER + u64::from(age) - 1,
                None => {
                    let texts = |number| columns.context_texts(number).unwrap_or_default();
                    let before = group.context.replace(numbers.context).map(texts).unwrap_or_default();
                    let nobody = event.agent() == AgentMention::Nobody;
                    self.contexts.push_texts(texts(numbers.context), nobody, before, &mut self.texts);
                    NEXT
                }
            });
            self.session_of.put(match event.session() {
                None => NO_SESSION,
                Some(session) if numbers.is_session_new => {
                    let before = group.session.and_then(|number| columns.session(number));
                    self.sessions.push(session, before, &mut self.texts);
                    group.session = numbers.session;
                    NEXT_SESSION
                }
                Some(_) => SAME_SESSION,
            });
        }
    }

    /// The body, as its compressible beginning and the UUIDs at its end. [`bookmarks_of`] stand between them.
    pub(crate) fn encode(&mut self, columns: &EventColumns) -> Result<(&[u8], &[u8]), Damage> {
        self.clear();
        self.push_all(columns);
        let mut body = std::mem::take(&mut self.body);
        let joined = join_into(&self.stored(), &mut body);
        self.body = body;
        joined.map(|()| (self.body.as_slice(), self.rows.uuids()))
    }

    fn stored(&self) -> StoredEvents<'_> {
        StoredEvents {
            rows: self.rows.stored(),
            conversation_of: self.conversation_of.stored(),
            context_of: self.context_of.stored(),
            session_of: self.session_of.stored(),
            contexts: self.contexts.stored(),
            sessions: self.sessions.stored(),
            ids: self.ids.stored(),
            texts: self.texts.stored(),
        }
    }
}

/// The bookmarks in a body.
pub(crate) fn bookmarks_of(bookmarks: &[StoredBookmark<'_>]) -> Result<Vec<u8>, Damage> {
    join(&bookmarks)
}

/// A body that was read.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    tables: StoredEvents<'a>,
    bookmarks: Vec<StoredBookmark<'a>>,
    uuids: &'a [u8],
}

impl<'a> Body<'a> {
    pub(crate) fn open(body: &'a [u8]) -> Result<Self, Damage> {
        let (tables, rest) = split(body)?;
        let (bookmarks, uuids) = split(rest)?;
        Ok(Self { tables: crate::format::decode(tables)?, bookmarks: crate::format::decode(bookmarks)?, uuids })
    }

    pub(crate) fn count(&self) -> usize {
        self.tables.rows.len()
    }

    pub(crate) fn bookmarks(&self) -> &[StoredBookmark<'a>] {
        &self.bookmarks
    }

    /// Appends all events to empty columns.
    pub(crate) fn read(&self, columns: &mut EventColumns) -> Result<(), Damage> {
        self.read_of(|_| true, columns, |_| ())
    }

    /// Appends the events of the wanted conversations to empty columns, and passes the index of each of them in the block to
    /// `take`. An event that is not wanted costs a fraction of one that is.
    pub(crate) fn read_of(
        &self,
        wanted: impl Fn(&str) -> bool,
        columns: &mut EventColumns,
        mut take: impl FnMut(u32),
    ) -> Result<(), Damage> {
        let mut reader = EventReader::new(&self.tables, self.uuids);
        let count = u32::try_from(self.count()).unwrap_or(u32::MAX);
        for place in 0..count {
            if reader.next(&wanted, columns)? {
                take(place);
            }
        }
        reader.end()
    }

    /// The events as objects.
    #[cfg(test)]
    pub(crate) fn events(&self) -> Result<Vec<Event>, Damage> {
        let mut columns = EventColumns::new();
        self.read(&mut columns)?;
        Ok(columns.iter().map(|(_, event)| event.to_event()).collect())
    }
}

/// Appends the rows of a block to columns.
struct EventReader<'a> {
    rows: RowReader<'a>,
    conversation_of: Reader<'a>,
    context_of: Reader<'a>,
    session_of: Reader<'a>,
    contexts: ContextsReader<'a>,
    sessions: SessionsReader<'a>,
    ids: TextsReader<'a>,
    texts: TextsReader<'a>,
    groups: Vec<ReadGroup<'a>>,
    /// Size of what was read except for the events: a few bytes could repeat a long text many times.
    bytes: usize,
}

/// The values that a conversation has used so far in this block.
#[derive(Default)]
struct ReadGroup<'a> {
    /// Its number in the columns; `None` if it is not wanted.
    number: Option<u32>,
    started: Option<i64>,
    /// The number of contexts that can be referred to again.
    context_count: u64,
    /// The texts of the last context that was read.
    texts: TextsBefore<'a>,
    has_session: bool,
    values: Option<Box<ValuesBefore<'a>>>,
}

impl<'a> EventReader<'a> {
    fn new(tables: &StoredEvents<'a>, uuids: &'a [u8]) -> Self {
        Self {
            rows: RowReader::new(tables.rows, uuids),
            conversation_of: Reader::new(tables.conversation_of),
            context_of: Reader::new(tables.context_of),
            session_of: Reader::new(tables.session_of),
            contexts: ContextsReader::new(tables.contexts),
            sessions: SessionsReader::new(tables.sessions),
            ids: TextsReader::new(tables.ids),
            texts: TextsReader::new(tables.texts),
            groups: Vec::new(),
            bytes: 0,
        }
    }

    /// Appends the next event. Returns false if it is not wanted.
    fn next(&mut self, wanted: impl Fn(&str) -> bool, columns: &mut EventColumns) -> Result<bool, Damage> {
        let number = self.conversation_of.number();
        if number == 0 {
            let id = self.ids.next();
            let number = wanted(id).then(|| columns.push_conversation(id)).transpose().map_err(Damage::Event)?;
            self.groups.push(ReadGroup { number, ..ReadGroup::default() });
            self.bytes = self.bytes.saturating_add(size_of::<ReadGroup<'_>>());
        }
        let place = if number == 0 { self.groups.len() - 1 } else { usize::try_from(number - 1).unwrap_or(usize::MAX) };
        let no_group = || Damage::NoSuch { field: "conversation", found: number };
        let group = self.groups.get_mut(place).ok_or_else(no_group)?;
        let parts = self.rows.next(&mut group.started)?;
        let context = match self.context_of.number() {
            NEXT => {
                let nobody = self.contexts.next(&mut group.texts, &mut self.texts)?;
                let text_bytes = group.texts.iter().flatten().map(|text| text.len()).sum::<usize>();
                self.bytes = self.bytes.saturating_add(EVENT_BYTES + text_bytes);
                group.context_count = (group.context_count + 1).min(CONTEXTS_KEPT);
                ContextOf::New(group.texts, nobody)
            }
            number => {
                let age = if number == SAME { 0 } else { number - EARLIER + 1 };
                let age = u8::try_from(age).ok().filter(|age| u64::from(*age) < group.context_count);
                ContextOf::Earlier(age.ok_or(Damage::NoSuch { field: "context", found: number })?)
            }
        };
        let session = match self.session_of.number() {
            NO_SESSION => SessionOf::None,
            SAME_SESSION if group.has_session => SessionOf::Last,
            NEXT_SESSION => {
                let session = self.sessions.next(group.values.get_or_insert_default(), &mut self.texts)?;
                self.bytes = self.bytes.saturating_add(EVENT_BYTES + session.text_bytes());
                group.has_session = true;
                SessionOf::New(session)
            }
            found => return Err(Damage::NoSuch { field: "session", found }),
        };
        let bytes = self.bytes.saturating_add(decoded_bytes(columns));
        if bytes > MAX_BODY_BYTES {
            return Err(Damage::Length { expected: MAX_BODY_BYTES as u64, found: bytes as u64 });
        }
        let Some(number) = group.number else { return Ok(false) };
        columns.push_parts(number, parts, context, session).map_err(Damage::Event)?;
        Ok(true)
    }

    fn end(&self) -> Result<(), Damage> {
        self.conversation_of.end("conversations")?;
        self.context_of.end("contexts")?;
        self.session_of.end("sessions")?;
        self.rows.end()?;
        self.contexts.end()?;
        self.sessions.end()?;
        self.ids.end()?;
        self.texts.end()
    }
}

#[cfg(test)]
mod tests {
    use convofold_engine::DraftError;
    use proptest::prelude::*;

    use super::*;
    use crate::format::arbitrary;
    use crate::format::samples::{full_event, session_event};

    fn body(builder: &mut BodyBuilder, events: &[Event]) -> Vec<u8> {
        let mut columns = EventColumns::new();
        events.iter().for_each(|event| columns.push(event).unwrap());
        let (tables, uuids) = builder.encode(&columns).unwrap();
        [tables, &bookmarks_of(&[]).unwrap(), uuids].concat()
    }

    fn written(events: &[Event]) -> Vec<u8> {
        body(&mut BodyBuilder::default(), events)
    }

    fn read(body: &[u8], wanted: impl Fn(&str) -> bool) -> Vec<(u32, Event)> {
        let (mut columns, mut places) = (EventColumns::new(), Vec::new());
        Body::open(body).unwrap().read_of(wanted, &mut columns, |place| places.push(place)).unwrap();
        places.into_iter().zip(columns.iter().map(|(_, event)| event.to_event())).collect()
    }

    proptest! {
        #[test]
        fn any_events_come_back(events in arbitrary::events()) {
            let mut builder = BodyBuilder::default();
            let whole = body(&mut builder, &events);
            let all: Vec<_> = (0..).zip(events.clone()).collect();
            prop_assert_eq!(read(&whole, |_| true), all.clone());
            let wanted: Vec<_> = all.into_iter().filter(|(_, event)| event.conversation() == "a").collect();
            prop_assert_eq!(read(&whole, |id| id == "a"), wanted);
            prop_assert_eq!(body(&mut builder, &events), whole);
        }
    }

    #[test]
    fn what_is_said_again_takes_a_few_bytes() {
        let event = full_event();
        let one = written(std::slice::from_ref(&event)).len();
        let ten = written(&vec![event.clone(); 10]).len();
        let own = 16 + event.text().unwrap().len();
        assert!(ten < one + 9 * (own + 24), "{one} {ten}");
    }

    #[test]
    fn a_context_is_found_again_among_the_last_eight() {
        let base = session_event();
        let tenants: Vec<String> = (0..9).map(|number| format!("tenant {number}")).collect();
        let of = |tenant: usize| {
            let draft = base.draft().tenant(tenants[tenant].as_str());
            draft.build().unwrap()
        };
        let order = [0, 1, 2, 3, 4, 5, 6, 7, 0, 8, 1, 0, 8];
        let events = order.map(of);
        let mut builder = BodyBuilder::default();
        let whole = body(&mut builder, &events);
        assert_eq!(read(&whole, |_| true), (0..).zip(events).collect::<Vec<_>>());
        let codes = [1, 1, 1, 1, 1, 1, 1, 1, 8, 1, 1, 3, 3];
        assert_eq!(builder.context_of.stored().0, codes);
    }

    /// Reads the columns of these events after `change` damaged them.
    fn read_damaged(events: &[Event], change: impl FnOnce(&mut BodyBuilder)) -> Result<Vec<Event>, Damage> {
        let mut builder = BodyBuilder::default();
        builder.push_all(&EventColumns::of(events).unwrap());
        change(&mut builder);
        Body { tables: builder.stored(), bookmarks: Vec::new(), uuids: builder.rows.uuids() }.events()
    }

    #[test]
    fn a_reference_to_what_an_event_cannot_have_is_damage() {
        fn put(column: &mut Column, number: u64) {
            column.clear();
            column.put(number);
        }
        let events = [full_event().draft().session(None).build().unwrap()];
        let refused = |change: fn(&mut BodyBuilder), damage| assert_eq!(read_damaged(&events, change), Err(damage));
        assert_eq!(read_damaged(&events, |_| ()).as_deref(), Ok(&events[..]));
        refused(|builder| put(&mut builder.conversation_of, 1), Damage::NoSuch { field: "conversation", found: 1 });
        refused(|builder| put(&mut builder.context_of, SAME), Damage::NoSuch { field: "context", found: SAME });
        refused(|builder| put(&mut builder.context_of, EARLIER), Damage::NoSuch { field: "context", found: EARLIER });
        refused(|builder| put(&mut builder.context_of, u64::MAX), Damage::NoSuch { field: "context", found: u64::MAX });
        refused(|builder| put(&mut builder.session_of, SAME_SESSION), Damage::NoSuch { field: "session", found: 1 });
        refused(|builder| put(&mut builder.session_of, 3), Damage::NoSuch { field: "session", found: 3 });
        refused(|builder| builder.ids.clear(), Damage::Event(DraftError::NoConversation));
    }

    /// Otherwise a few bytes could decode to gigabytes: a long text that many events repeat.
    #[test]
    fn a_body_may_not_make_more_of_itself_than_a_body_can_have() {
        let long = "x".repeat(1 << 20);
        let event = full_event().draft().member_number(long.as_str()).build_with(long.len()).unwrap();
        let whole = written(&vec![event; 1_100]);
        assert!(whole.len() < 2 << 20);
        let error = Body::open(&whole).unwrap().read(&mut EventColumns::new()).unwrap_err();
        assert!(matches!(error, Damage::Length { .. }), "{error}");
    }
}
