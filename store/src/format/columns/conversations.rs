//! The body of a part of a page: the facts of its conversations as columns, with repeated values stored once.
//!
//! A conversation that continues in the next part has an entry in both. Its lists (contexts, sessions, facts, conflicts)
//! are stored in this order, so every part has a piece of some of them. Indexes count from the first part.
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

/// A part being filled.
#[derive(Default)]
pub(crate) struct PartBuilder {
    /// Number of conversations.
    count: u32,
    /// The conversation that was added last.
    counts: Counts,
    /// Size of the decoded values, and of the values that are read to compute hashes of facts, in bytes. The reader
    /// counts them in the same way.
    bytes: usize,
    read_bytes: usize,
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

/// The numbers of a conversation.
#[derive(Clone, Copy, Default)]
struct Counts {
    facts: u64,
    conflicts: u64,
    contexts: u64,
    sessions: u64,
    arrivals: ArrivalCounts,
    id_bytes: usize,
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

impl PartBuilder {
    /// Number of conversations.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Whether the decoded part has this size.
    pub(crate) fn has(&self, bytes: usize) -> bool {
        self.bytes >= bytes || self.read_bytes / MAX_READINGS >= bytes
    }

    /// Begins a conversation, or its piece in this part.
    pub(crate) fn begin(&mut self, id: &str, arrivals: ArrivalCounts) {
        self.count += 1;
        self.conversations.put(self.texts.refer(Some(id), None));
        self.bytes += ENTRY_BYTES + id.len();
        self.counts = Counts { arrivals, id_bytes: id.len(), ..Counts::default() };
        self.places.begin();
    }

    /// Adds a context; `before` is the previous one in this part.
    pub(crate) fn context(&mut self, context: &Context, before: Option<&Context>) {
        self.contexts.push(context, before, &mut self.texts);
        self.counts.contexts += 1;
        self.bytes += ENTRY_BYTES + context.text_bytes();
    }

    /// Adds a session; `before` is the previous one in this part.
    pub(crate) fn session(&mut self, session: &Session, before: Option<&Session>) {
        self.sessions.push(session, before, &mut self.texts);
        self.counts.sessions += 1;
        self.bytes += ENTRY_BYTES + text_bytes(session);
    }

    /// Adds a fact that counts; `context_bytes` is the size of its context.
    pub(crate) fn fact(&mut self, fact: &Fact, context_bytes: usize) {
        self.row(fact, context_bytes);
        self.counts.facts += 1;
    }

    /// Adds a fact that does not count.
    pub(crate) fn conflict(&mut self, fact: &Fact, context_bytes: usize) {
        self.row(fact, context_bytes);
        self.counts.conflicts += 1;
    }

    /// Ends the conversation, or its piece in this part.
    pub(crate) fn end(&mut self) {
        let Counts { facts, conflicts, contexts, sessions, arrivals, .. } = self.counts;
        for number in [facts, conflicts, contexts, sessions, arrivals.duplicates, arrivals.late] {
            self.conversations.put(number);
        }
    }

    fn row(&mut self, fact: &Fact, context_bytes: usize) {
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
        if self.counts.facts + self.counts.conflicts == 0 {
            self.places.first_seq = self.places.seq;
        }
        self.bytes += ENTRY_BYTES + fact.text.as_ref().map_or(0, |text| text.len());
        self.read_bytes += self.counts.id_bytes + context_bytes;
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

    /// The encoded body, and its incompressible rest.
    pub(crate) fn encode(&self) -> Result<(Vec<u8>, &[u8]), Damage> {
        Ok((join(&self.stored())?, self.rows.uuids()))
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

fn text_bytes(session: &Session) -> usize {
    session.texts().into_iter().flatten().map(str::len).sum()
}

/// A part being read.
pub(crate) struct PartReader<'a> {
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
}

impl<'a> PartReader<'a> {
    pub(crate) fn open(body: &'a [u8]) -> Result<Self, Damage> {
        let (tables, uuids) = split(body)?;
        let tables = crate::format::decode::<StoredConversations<'_>>(tables)?;
        Ok(Self {
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
        })
    }

    /// The next conversation, or the next piece of `begun`. `None` if it is not wanted: then only the values that later
    /// conversations depend on are decoded.
    pub(crate) fn next(
        &mut self,
        begun: Option<ConversationImage>,
        is_wanted: bool,
    ) -> Result<Option<ConversationImage>, Damage> {
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
        let mut image = match begun {
            Some(begun) if *begun.id == *id => Some(begun),
            Some(_) => return Err(Damage::NoSuch { field: "continued conversation", found: number }),
            None => is_wanted.then(|| empty(id)),
        };
        let mut before = [None; Context::TEXTS];
        for _ in 0..contexts {
            let context = self.contexts.next(&mut before, &mut self.texts)?;
            self.take(context.text_bytes())?;
            if let Some(image) = &mut image {
                image.contexts.push(context);
            }
        }
        let mut before = ValuesBefore::default();
        for _ in 0..sessions {
            let session = self.sessions.next(&mut before, &mut self.texts)?;
            self.take(text_bytes(&session))?;
            if let Some(image) = &mut image {
                image.sessions.push(session);
            }
        }
        self.places.begin();
        let (contexts, sessions): (&[Context], &[Session]) = match &image {
            Some(image) => (&image.contexts, &image.sessions),
            None => (&[], &[]),
        };
        let lists = Lists { id, contexts, sessions, is_wanted };
        let new_facts = self.facts(facts, true, lists)?;
        let new_conflicts = self.facts(conflicts, facts == 0, lists)?;
        if let Some(image) = &mut image {
            add_to(&mut image.facts, new_facts);
            add_to(&mut image.conflicts, new_conflicts);
            image.arrivals.duplicates = image.arrivals.duplicates.saturating_add(duplicates);
            image.arrivals.late = image.arrivals.late.saturating_add(late);
        }
        Ok(image)
    }

    /// Adds the size of a decoded value.
    fn take(&mut self, text_bytes: usize) -> Result<(), Damage> {
        self.bytes = self.bytes.saturating_add(ENTRY_BYTES + text_bytes);
        expect_within(self.bytes, MAX_BODY_BYTES)
    }

    /// Adds the size of a value that is read again for a fact.
    fn read_again(&mut self, bytes: usize) -> Result<(), Damage> {
        self.read_bytes = self.read_bytes.saturating_add(bytes);
        expect_within(self.read_bytes, MAX_BODY_BYTES.saturating_mul(MAX_READINGS))
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

    /// Checks that everything was read.
    pub(crate) fn end(&self) -> Result<(), Damage> {
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

fn expect_within(found: usize, max: usize) -> Result<(), Damage> {
    if found <= max { Ok(()) } else { Err(Damage::Length { expected: max as u64, found: found as u64 }) }
}

fn empty(id: &str) -> ConversationImage {
    ConversationImage {
        id: id.into(),
        facts: Vec::new(),
        conflicts: Vec::new(),
        contexts: Vec::new(),
        sessions: Vec::new(),
        arrivals: ArrivalCounts::default(),
    }
}

fn add_to(facts: &mut Vec<Fact>, mut more: Vec<Fact>) {
    if facts.is_empty() {
        *facts = more;
    } else {
        facts.append(&mut more);
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
    use crate::format::page::{self, PageReader};
    use crate::format::{arbitrary, samples};

    fn images_of(events: &[Event]) -> Vec<ConversationImage> {
        let mut board = Board::new();
        for (seq, event) in (1..).zip(events) {
            board.edit().apply(seq, event);
        }
        (0..board.slot_count()).map(|slot| board.image(slot).unwrap()).collect()
    }

    /// Reads the images from parts of this size.
    fn read_some(
        images: &[ConversationImage],
        part_bytes: usize,
        is_wanted: impl Fn(u32) -> bool,
    ) -> Vec<Option<ConversationImage>> {
        let parts = page::tests::parts(images, part_bytes);
        let mut reader = PageReader::new(0, is_wanted);
        let mut read = vec![None; images.len()];
        for part in parts {
            for (place, image) in reader.part(&part).unwrap().1 {
                read[place as usize] = Some(image);
            }
        }
        assert_eq!(reader.count(), Ok(u32::try_from(images.len()).unwrap()));
        read
    }

    fn read(images: &[ConversationImage]) -> Vec<ConversationImage> {
        read_some(images, 1 << 20, |_| true).into_iter().map(Option::unwrap).collect()
    }

    proptest! {
        #[test]
        fn any_conversations_come_back(events in arbitrary::events()) {
            let images = images_of(&events);
            prop_assert_eq!(read(&images), images);
        }

        #[test]
        fn some_come_back_as_they_do_among_all(
            events in arbitrary::events(),
            wanted in any::<u64>(),
            part_bytes in 0..3_000_usize,
        ) {
            let images = images_of(&events);
            let is_wanted = |place: u32| wanted >> (place % 64) & 1 == 1;
            for (place, (image, read)) in (0..).zip(images.iter().zip(read_some(&images, part_bytes, is_wanted))) {
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
