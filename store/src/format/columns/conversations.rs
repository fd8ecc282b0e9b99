//! The body of a page: the facts of its conversations as columns, with repeated values stored once.
//!
//! The facts of a conversation, followed by its conflicts, are rows. Its contexts and sessions are entries of tables. A
//! fact stores the index of its context as the difference to the previous fact, and the index of its session in the
//! same way (0 none, from 1 on the difference). Its seq is the difference to the previous fact, or to the first fact of
//! the previous conversation.
//!
//! The time of the event normally follows from the times in the row. If it does not, a flag says so, and the time is
//! stored. The content hash is not stored but computed when the page is read. Its lowest 32 bits are stored to check
//! the result. If they differ, the fact is not what it was when the event arrived. It then gets a hash of only these
//! bits, so that a repetition of the event is noticed.

use convofold_engine::{
    ArrivalCounts, At, ContentHash, Context, ConversationImage, EventParts, Fact, Identity, Session, Time,
};
use serde::{Deserialize, Serialize};

use super::column::{Bytes, Column, Reader, unzigzag, zigzag};
use super::rows::{ReadRow, Row, RowReader, RowsBuilder, StoredRows};
use super::tables::{
    ContextsBuilder, ContextsReader, SessionsBuilder, SessionsReader, StoredContexts, StoredSessions, StoredTexts,
    TextsBuilder, TextsReader, ValuesBefore,
};
use super::{join, split};
use crate::damage::Damage;
use crate::format::frame::MAX_BODY_BYTES;

/// Each byte of a body may decode to this many bytes, beyond [`MAX_BODY_BYTES`]. A repeated value takes a few bytes and
/// may occur many times, but no honest body exceeds this limit.
const MAX_GROWTH: usize = 64;
/// The limit for repeated reads of decoded values, such as the texts of a context for each of its facts, as a multiple
/// of the limit for decoded values.
const MAX_READINGS: usize = 16;
/// The approximate size of a fact, a context or a session without its texts, in bytes.
const ENTRY_BYTES: usize = 128;

const AS_THE_TIMES_SAY: u8 = 0;
const TIMED: u8 = 1;
const UNTIMED: u8 = 2;

#[derive(Debug, Serialize, Deserialize)]
struct StoredConversations<'a> {
    /// Ids, and the numbers of facts, conflicts, contexts, sessions, duplicates and late events.
    #[serde(borrow)]
    conversations: Bytes<'a>,
    rows: StoredRows<'a>,
    seqs: Bytes<'a>,
    context_of: Bytes<'a>,
    session_of: Bytes<'a>,
    /// One byte per row: whether the time of the event is in `happened`.
    marks: Bytes<'a>,
    happened: Bytes<'a>,
    /// The lowest 32 bits of the content hash of each row.
    contents: Bytes<'a>,
    contexts: StoredContexts<'a>,
    sessions: StoredSessions<'a>,
    texts: StoredTexts<'a>,
}

/// Encodes the body of a page of conversations.
pub(crate) fn encode(images: &[ConversationImage]) -> Result<(Vec<u8>, Vec<u8>), Damage> {
    let mut builder = PageBuilder::default();
    images.iter().for_each(|image| builder.push(image));
    join(&builder.stored()).map(|tables| (tables, builder.rows.into_uuids()))
}

/// Decodes the wanted ones of `count` conversations. Of the others, only the values that later ones depend on are
/// decoded.
pub(crate) fn decode(
    body: &[u8],
    count: u32,
    is_wanted: impl Fn(u32) -> bool,
) -> Result<Vec<Option<ConversationImage>>, Damage> {
    let (tables, uuids) = split(body)?;
    let mut reader = PageReader::new(&crate::format::decode::<StoredConversations<'_>>(tables)?, uuids, body.len());
    let images = (0..count).map(|place| reader.next(is_wanted(place))).collect::<Result<_, _>>()?;
    reader.end()?;
    Ok(images)
}

#[derive(Default)]
struct PageBuilder {
    conversations: Column,
    rows: RowsBuilder,
    seqs: Column,
    context_of: Column,
    session_of: Column,
    marks: Column,
    happened: Column,
    contents: Column,
    contexts: ContextsBuilder,
    sessions: SessionsBuilder,
    texts: TextsBuilder,
    places: Places,
}

/// The values that the differences in the next row refer to.
#[derive(Clone, Copy, Default)]
struct Places {
    first_seq: i64,
    seq: i64,
    context: i64,
    session: i64,
    started: Option<i64>,
}

impl Places {
    /// Starts the next conversation.
    fn begin(&mut self) {
        *self = Self { first_seq: self.first_seq, seq: self.first_seq, ..Self::default() };
    }
}

impl PageBuilder {
    fn push(&mut self, image: &ConversationImage) {
        let ConversationImage { id, facts, conflicts, contexts, sessions, arrivals } = image;
        self.conversations.put(self.texts.refer(Some(id), None));
        for list in [facts.len(), conflicts.len(), contexts.len(), sessions.len()] {
            self.conversations.put(list as u64);
        }
        self.conversations.put(arrivals.duplicates);
        self.conversations.put(arrivals.late);
        let mut before = None;
        for context in contexts {
            self.contexts.push(context, before.replace(context), &mut self.texts);
        }
        let mut before = None;
        for session in sessions {
            self.sessions.push(session, before.replace(session), &mut self.texts);
        }
        self.places.begin();
        for (place, fact) in facts.iter().chain(conflicts).enumerate() {
            self.fact(fact);
            if place == 0 {
                self.places.first_seq = self.places.seq;
            }
        }
    }

    fn fact(&mut self, fact: &Fact) {
        let Places { seq, context, session, started, .. } = &mut self.places;
        self.rows.push(&Row::from(fact), started);
        let distance = |column: &mut Column, from: &mut i64, to: i64| {
            column.put_signed(to.wrapping_sub(*from));
            *from = to;
        };
        distance(&mut self.seqs, seq, fact.seq.cast_signed());
        distance(&mut self.context_of, context, fact.context.into());
        match fact.session {
            None => self.session_of.put(0),
            Some(number) => {
                self.session_of.put(1 + zigzag(i64::from(number) - *session));
                *session = number.into();
            }
        }
        let [.., a, b, c, d] = fact.content.bits().to_be_bytes();
        self.contents.put_bytes(&[a, b, c, d]);
        self.happened(fact);
    }

    fn happened(&mut self, fact: &Fact) {
        if At::of(fact.kind, fact.occurred, fact.sent, fact.started, fact.active) == Some(fact.at) {
            self.marks.put_byte(AS_THE_TIMES_SAY);
            return;
        }
        self.marks.put_byte(if matches!(fact.at, At::Timed(_)) { TIMED } else { UNTIMED });
        self.happened.put_signed(fact.at.alone().ms());
        self.happened.put(fact.at.alone().sub_ms_ns().into());
    }

    fn stored(&self) -> StoredConversations<'_> {
        StoredConversations {
            conversations: self.conversations.stored(),
            rows: self.rows.stored(),
            seqs: self.seqs.stored(),
            context_of: self.context_of.stored(),
            session_of: self.session_of.stored(),
            marks: self.marks.stored(),
            happened: self.happened.stored(),
            contents: self.contents.stored(),
            contexts: self.contexts.stored(),
            sessions: self.sessions.stored(),
            texts: self.texts.stored(),
        }
    }
}

struct PageReader<'a> {
    conversations: Reader<'a>,
    rows: RowReader<'a>,
    seqs: Reader<'a>,
    context_of: Reader<'a>,
    session_of: Reader<'a>,
    marks: Reader<'a>,
    happened: Reader<'a>,
    contents: Reader<'a>,
    contexts: ContextsReader<'a>,
    sessions: SessionsReader<'a>,
    texts: TextsReader<'a>,
    places: Places,
    /// Size of the decoded values: a few bytes could repeat a long text many times.
    bytes: usize,
    /// Size of the values that were read to compute hashes of facts.
    read_bytes: usize,
    /// The maximum size of the decoded body.
    max_bytes: usize,
}

impl<'a> PageReader<'a> {
    fn new(tables: &StoredConversations<'a>, uuids: &'a [u8], body_bytes: usize) -> Self {
        Self {
            conversations: Reader::new(tables.conversations),
            rows: RowReader::new(tables.rows, uuids),
            seqs: Reader::new(tables.seqs),
            context_of: Reader::new(tables.context_of),
            session_of: Reader::new(tables.session_of),
            marks: Reader::new(tables.marks),
            happened: Reader::new(tables.happened),
            contents: Reader::new(tables.contents),
            contexts: ContextsReader::new(tables.contexts),
            sessions: SessionsReader::new(tables.sessions),
            texts: TextsReader::new(tables.texts),
            places: Places::default(),
            bytes: 0,
            read_bytes: 0,
            max_bytes: MAX_BODY_BYTES.saturating_add(body_bytes.saturating_mul(MAX_GROWTH)),
        }
    }

    fn next(&mut self, is_wanted: bool) -> Result<Option<ConversationImage>, Damage> {
        let number = self.conversations.number();
        let id = self.texts.follow(number, None)?.ok_or(Damage::NoSuch { field: "conversation", found: number })?;
        self.take(id.len())?;
        let [facts, conflicts, contexts, sessions, duplicates, late] =
            std::array::from_fn(|_| self.conversations.number());
        let rows = facts.saturating_add(conflicts);
        let left = [(rows, self.rows.left()), (contexts, self.contexts.left()), (sessions, self.sessions.left())];
        if left.iter().any(|(count, left)| *count > *left as u64) {
            return Err(Damage::Column { column: "conversation counts" });
        }
        let mut before = [None; Context::TEXTS];
        let mut all_contexts = Vec::new();
        for _ in 0..contexts {
            let context = self.contexts.next(&mut before, &mut self.texts)?;
            self.take(context.text_bytes())?;
            all_contexts.push(context);
        }
        let mut before = ValuesBefore::default();
        let mut all_sessions = Vec::new();
        for _ in 0..sessions {
            let session = self.sessions.next(&mut before, &mut self.texts)?;
            self.take(session.texts().into_iter().flatten().map(str::len).sum())?;
            all_sessions.push(session);
        }
        let (contexts, sessions) = (all_contexts, all_sessions);
        self.places.begin();
        let lists = Lists { id, contexts: &contexts, sessions: &sessions, is_wanted };
        let all_facts = self.facts(facts, true, lists)?;
        let all_conflicts = self.facts(conflicts, facts == 0, lists)?;
        let arrivals = ArrivalCounts { duplicates, late };
        let image = || {
            let (facts, conflicts) = (all_facts, all_conflicts);
            ConversationImage { id: id.into(), facts, conflicts, contexts, sessions, arrivals }
        };
        Ok(is_wanted.then(image))
    }

    /// Adds the size of a decoded value.
    fn take(&mut self, text_bytes: usize) -> Result<(), Damage> {
        self.bytes = self.bytes.saturating_add(ENTRY_BYTES + text_bytes);
        self.expect_within(self.bytes, self.max_bytes)
    }

    /// Adds the size of a value that is read again for a fact.
    fn read_again(&mut self, bytes: usize) -> Result<(), Damage> {
        self.read_bytes = self.read_bytes.saturating_add(bytes);
        self.expect_within(self.read_bytes, self.max_bytes.saturating_mul(MAX_READINGS))
    }

    fn expect_within(&self, found: usize, max: usize) -> Result<(), Damage> {
        if found <= max { Ok(()) } else { Err(Damage::Length { expected: max as u64, found: found as u64 }) }
    }

    fn facts(&mut self, count: u64, are_first: bool, lists: Lists<'_>) -> Result<Vec<Fact>, Damage> {
        let mut facts = Vec::new();
        for place in 0..count {
            let row = self.rows.next(&mut self.places.started)?;
            self.take(row.text.map_or(0, str::len))?;
            let fact = self.fact(row, lists)?;
            if let Some(fact) = fact {
                let context = lists.contexts.get(fact.context as usize).map_or(0, Context::text_bytes);
                self.read_again(lists.id.len() + context)?;
                facts.push(fact);
            }
            if are_first && place == 0 {
                self.places.first_seq = self.places.seq;
            }
        }
        Ok(facts)
    }

    fn fact(&mut self, row: ReadRow<'_>, lists: Lists<'_>) -> Result<Option<Fact>, Damage> {
        let at = self.at(&row)?;
        let Places { seq, context, session, .. } = &mut self.places;
        *seq = seq.wrapping_add(self.seqs.signed());
        *context = context.wrapping_add(self.context_of.signed());
        let session = match self.session_of.number() {
            0 => None,
            code => {
                *session = session.wrapping_add(unzigzag(code - 1));
                Some(place("session", *session)?)
            }
        };
        let context = place("context", *context)?;
        let stated = u32::from_be_bytes(self.contents.array());
        if !lists.is_wanted {
            return Ok(None);
        }
        let content = lists.content(&row, context, session).filter(|content| low_bits(*content) == stated);
        let content = content.unwrap_or_else(|| ContentHash::from_bits(stated.into()));
        let source = lists.contexts.get(context as usize).map_or("", Context::source);
        let identity = row.identity.unwrap_or_else(|| Identity::of_content(content));
        Ok(Some(Fact {
            seq: seq.cast_unsigned(),
            at,
            kind: row.kind,
            direction: row.direction,
            occurred: row.occurred,
            sent: row.sent,
            started: row.started,
            active: row.active,
            unread: row.unread,
            identity: identity.of_source(source),
            content,
            text: row.text.map(Into::into),
            context,
            session,
        }))
    }

    fn at(&mut self, row: &ReadRow<'_>) -> Result<At, Damage> {
        let mark = self.marks.byte();
        if mark == AS_THE_TIMES_SAY {
            let at = At::of(row.kind, row.occurred, row.sent, row.started, row.active);
            return at.ok_or(Damage::NoSuch { field: "event time", found: mark.into() });
        }
        let (ms, ns) = (self.happened.signed(), self.happened.number());
        let time = u32::try_from(ns).ok().and_then(|ns| Time::from_ms_and_ns(ms, ns));
        let no_time = || Damage::NoSuch { field: "time (1970 to 9999)", found: ms.cast_unsigned() };
        let time = time.ok_or_else(no_time)?;
        match mark {
            TIMED => Ok(At::Timed(time)),
            UNTIMED => Ok(At::Untimed { alone: time }),
            _ => Err(Damage::NoSuch { field: "time flag", found: mark.into() }),
        }
    }

    fn end(&self) -> Result<(), Damage> {
        let columns = [
            ("conversations", &self.conversations),
            ("seqs", &self.seqs),
            ("contexts", &self.context_of),
            ("sessions", &self.session_of),
            ("time flags", &self.marks),
            ("times", &self.happened),
            ("contents", &self.contents),
        ];
        columns.into_iter().try_for_each(|(name, column)| column.end(name))?;
        self.rows.end()?;
        self.contexts.end()?;
        self.sessions.end()?;
        self.texts.end()
    }
}

/// The contexts and sessions of a conversation, which its facts refer to.
#[derive(Clone, Copy)]
struct Lists<'a> {
    id: &'a str,
    contexts: &'a [Context],
    sessions: &'a [Session],
    /// Whether the facts are wanted.
    is_wanted: bool,
}

impl Lists<'_> {
    /// The content hash of the event of a fact; `None` if the fact is not from an event.
    fn content(self, row: &ReadRow<'_>, context: u32, session: Option<u32>) -> Option<ContentHash> {
        let session = match session {
            None => None,
            Some(session) => Some(self.sessions.get(session as usize)?.clone()),
        };
        let parts = EventParts {
            conversation: self.id,
            context: self.contexts.get(context as usize)?,
            identity: None,
            kind: row.kind,
            direction: row.direction,
            occurred: row.occurred,
            sent: row.sent,
            started: row.started,
            active: row.active,
            unread: row.unread,
            text: row.text,
            session,
        };
        parts.build().ok().map(|event| event.content())
    }
}

fn place(field: &'static str, number: i64) -> Result<u32, Damage> {
    u32::try_from(number).map_err(|_| Damage::NoSuch { field, found: number.cast_unsigned() })
}

fn low_bits(content: ContentHash) -> u32 {
    let [.., a, b, c, d] = content.bits().to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use convofold_engine::{Board, Event};
    use proptest::prelude::*;

    use super::*;
    use crate::format::arbitrary;
    use crate::format::samples;

    fn images_of(events: &[Event]) -> Vec<ConversationImage> {
        let mut board = Board::new();
        for (seq, event) in (1..).zip(events) {
            board.edit().apply(seq, event);
        }
        (0..board.slot_count()).map(|slot| board.image(slot).unwrap()).collect()
    }

    fn read_some(images: &[ConversationImage], is_wanted: impl Fn(u32) -> bool) -> Vec<Option<ConversationImage>> {
        let (tables, uuids) = encode(images).unwrap();
        decode(&[tables, uuids].concat(), u32::try_from(images.len()).unwrap(), is_wanted).unwrap()
    }

    fn read(images: &[ConversationImage]) -> Vec<ConversationImage> {
        read_some(images, |_| true).into_iter().map(Option::unwrap).collect()
    }

    proptest! {
        #[test]
        fn any_conversations_come_back(events in arbitrary::events()) {
            let images = images_of(&events);
            prop_assert_eq!(read(&images), images);
        }

        #[test]
        fn some_come_back_as_they_do_among_all(events in arbitrary::events(), wanted in any::<u64>()) {
            let images = images_of(&events);
            let is_wanted = |place: u32| wanted >> (place % 64) & 1 == 1;
            for (place, (image, read)) in (0..).zip(images.iter().zip(read_some(&images, is_wanted))) {
                prop_assert_eq!(read, is_wanted(place).then(|| image.clone()));
            }
        }
    }

    /// These images are constructed with invalid hashes. They are remembered as far as they are stored.
    #[test]
    fn what_is_remembered_of_another_event_is_found_out() {
        let images = samples::images();
        let read = read(&images);
        for (image, read) in images.iter().zip(&read) {
            let facts = image.facts.iter().chain(&image.conflicts);
            for (fact, read) in facts.zip(read.facts.iter().chain(&read.conflicts)) {
                assert_eq!(read.content, ContentHash::from_bits(fact.content.bits() & u128::from(u32::MAX)));
                assert_eq!(*read, Fact { content: read.content, ..fact.clone() });
            }
            assert!(image.events().is_err() && read.events().is_err());
        }
    }

    #[test]
    fn a_time_that_does_not_follow_from_the_times_comes_back() {
        let mut images = images_of(&[samples::full_event(), samples::session_event()]);
        let time = Time::from_ms_and_ns(7, 9).unwrap();
        images[0].facts[0].at = At::Untimed { alone: time };
        images[1].facts[0].at = At::Timed(time);
        images[1].facts[0].context = 3;
        images[1].facts[0].session = Some(9);
        let read = read(&images);
        let ats: Vec<_> = read.iter().map(|image| image.facts[0].at).collect();
        assert_eq!(ats, [At::Untimed { alone: time }, At::Timed(time)]);
        assert_eq!((read[1].facts[0].context, read[1].facts[0].session), (3, Some(9)));
    }
}
