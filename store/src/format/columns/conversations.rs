//! The body of a part of a page: the packed facts of its conversations, as they are in memory, and what the facts refer to,
//! with repeated values stored once.
//!
//! A conversation that continues in the next part has an entry in both. Its lists (contexts, sessions, facts, conflicts)
//! are stored in this order, so every part has a piece of some of them. Indexes count from the first part.
//!
//! The facts of a conversation, followed by its conflicts, are in chunks. The buffers of all chunks are joined by their kind
//! (numbers, texts, fixed bytes); `engine/src/chunk.rs` describes them. Contexts and sessions are entries of tables.

use convofold_engine::{
    ArrivalCounts, Context, ConversationImage, Facts, ImageError, PackedConversation, PackedFacts, Session,
};
use serde::{Deserialize, Serialize};

use super::column::{Bytes, Column, Reader, TextReader};
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
/// The approximate size of a chunk, a context or a session without its texts, in bytes.
const ENTRY_BYTES: usize = 128;

#[derive(Debug, Serialize, Deserialize)]
struct StoredConversations<'a> {
    /// Ids, and the numbers of contexts, sessions, chunks of facts, chunks of conflicts, duplicates and late events.
    #[serde(borrow)]
    conversations: Bytes<'a>,
    /// The number of facts of each chunk, and the lengths of its numbers, texts and fixed bytes.
    chunks: Bytes<'a>,
    contexts: StoredContexts<'a>,
    sessions: StoredSessions<'a>,
    shared: StoredTexts<'a>,
    numbers: Bytes<'a>,
    texts: &'a str,
}

/// A part being filled.
#[derive(Default)]
pub(crate) struct PartBuilder {
    /// Number of conversations.
    count: u32,
    /// The conversation that was added last.
    counts: Counts,
    /// Size of the decoded values, and of the values that are read again for each fact, in bytes. The reader counts them in
    /// the same way.
    bytes: usize,
    read_bytes: usize,
    conversations: Column,
    chunks: Column,
    contexts: ContextsBuilder,
    sessions: SessionsBuilder,
    shared: TextsBuilder,
    numbers: Column,
    texts: String,
    fixed: Vec<u8>,
}

/// The numbers of a conversation.
#[derive(Clone, Copy, Default)]
struct Counts {
    contexts: u64,
    sessions: u64,
    /// In chunks.
    facts: u64,
    conflicts: u64,
    arrivals: ArrivalCounts,
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
        self.conversations.put(self.shared.refer(Some(id), None));
        self.bytes += ENTRY_BYTES + id.len();
        self.counts = Counts { arrivals, ..Counts::default() };
    }

    /// Adds a context; `before` is the previous one in this part.
    pub(crate) fn context(&mut self, context: &Context, before: Option<&Context>) {
        self.contexts.push(context, before, &mut self.shared);
        self.counts.contexts += 1;
        self.bytes += ENTRY_BYTES + context.text_bytes();
    }

    /// Adds a session; `before` is the previous one in this part.
    pub(crate) fn session(&mut self, session: &Session, before: Option<&Session>) {
        self.sessions.push(session, before, &mut self.shared);
        self.counts.sessions += 1;
        self.bytes += ENTRY_BYTES + text_bytes(session);
    }

    /// Adds a chunk of facts that count; `context_bytes` is the size of the longest context of the conversation.
    pub(crate) fn facts(&mut self, facts: PackedFacts<'_>, context_bytes: usize) {
        self.chunk(facts, context_bytes);
        self.counts.facts += 1;
    }

    /// Adds a chunk of facts that do not count.
    pub(crate) fn conflicts(&mut self, conflicts: PackedFacts<'_>, context_bytes: usize) {
        self.chunk(conflicts, context_bytes);
        self.counts.conflicts += 1;
    }

    /// Ends the conversation, or its piece in this part.
    pub(crate) fn end(&mut self) {
        let Counts { contexts, sessions, facts, conflicts, arrivals } = self.counts;
        for number in [contexts, sessions, facts, conflicts, arrivals.duplicates, arrivals.late] {
            self.conversations.put(number);
        }
    }

    fn chunk(&mut self, packed: PackedFacts<'_>, context_bytes: usize) {
        let PackedFacts { len, numbers, texts, fixed } = packed;
        self.chunks.put(len.into());
        [numbers.len(), texts.len(), fixed.len()].iter().for_each(|length| self.chunks.put(*length as u64));
        self.numbers.put_bytes(numbers);
        self.texts.push_str(texts);
        self.fixed.extend_from_slice(fixed);
        self.bytes += ENTRY_BYTES + bytes_of(packed);
        self.read_bytes += context_bytes * len as usize;
    }

    /// The encoded body, and its incompressible rest.
    pub(crate) fn encode(&self) -> Result<(Vec<u8>, &[u8]), Damage> {
        let stored = StoredConversations {
            conversations: self.conversations.stored(),
            chunks: self.chunks.stored(),
            contexts: self.contexts.stored(),
            sessions: self.sessions.stored(),
            shared: self.shared.stored(),
            numbers: self.numbers.stored(),
            texts: &self.texts,
        };
        Ok((join(&stored)?, &self.fixed))
    }
}

fn text_bytes(session: &Session) -> usize {
    session.texts().into_iter().flatten().map(str::len).sum()
}

/// The size of these facts.
pub(crate) fn bytes_of(PackedFacts { numbers, texts, fixed, .. }: PackedFacts<'_>) -> usize {
    numbers.len() + texts.len() + fixed.len()
}

/// The size of the longest of these contexts.
pub(crate) fn longest(contexts: &[Context]) -> usize {
    contexts.iter().map(Context::text_bytes).max().unwrap_or_default()
}

/// Takes a conversation as it is stored, or returns `false`.
pub(crate) type Offer<'a> = dyn FnMut(&PackedConversation<'_>) -> bool + 'a;

/// A part being read.
pub(crate) struct PartReader<'a> {
    conversations: Reader<'a>,
    chunks: Reader<'a>,
    contexts: ContextsReader<'a>,
    sessions: SessionsReader<'a>,
    shared: TextsReader<'a>,
    numbers: Reader<'a>,
    texts: TextReader<'a>,
    fixed: Reader<'a>,
    /// Size of the decoded values: a few bytes could repeat a long text many times.
    bytes: usize,
    /// Size of the values that are read again for each fact.
    read_bytes: usize,
}

impl<'a> PartReader<'a> {
    pub(crate) fn open(body: &'a [u8]) -> Result<Self, Damage> {
        let (tables, fixed) = split(body)?;
        let tables = crate::format::decode::<StoredConversations<'_>>(tables)?;
        Ok(Self {
            conversations: Reader::new(tables.conversations),
            chunks: Reader::new(tables.chunks),
            contexts: ContextsReader::new(tables.contexts),
            sessions: SessionsReader::new(tables.sessions),
            shared: TextsReader::new(tables.shared),
            numbers: Reader::new(tables.numbers),
            texts: TextReader::new(tables.texts),
            fixed: Reader::new(Bytes(fixed)),
            bytes: 0,
            read_bytes: 0,
        })
    }

    /// The next conversation, or the next piece of `begun`. `None` if it is not wanted: then only the values that later
    /// conversations depend on are decoded. A whole one without conflicts is offered; `None` also if it is taken.
    pub(crate) fn next(
        &mut self,
        begun: Option<ConversationImage>,
        is_wanted: bool,
        offer: Option<&mut Offer<'_>>,
    ) -> Result<Option<ConversationImage>, Damage> {
        let offer = offer.filter(|_| begun.is_none() && is_wanted);
        let number = self.conversations.number();
        let id = self.shared.follow(number, None)?.ok_or(Damage::NoSuch { field: "conversation", found: number })?;
        self.take(id.len())?;
        let [contexts, sessions, facts, conflicts, duplicates, late] =
            std::array::from_fn(|_| self.conversations.number());
        let chunks = facts.saturating_add(conflicts);
        let left = [(chunks, self.chunks.left()), (contexts, self.contexts.left()), (sessions, self.sessions.left())];
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
            let nobody = self.contexts.next(&mut before, &mut self.shared)?;
            self.take(before.iter().flatten().map(|text| text.len()).sum())?;
            if let Some(image) = &mut image {
                let too_long = Damage::Conversation(ImageError::TooLong);
                image.contexts.push(Context::new(before, nobody).ok_or(too_long)?);
            }
        }
        let mut before = ValuesBefore::default();
        for _ in 0..sessions {
            let session = self.sessions.next(&mut before, &mut self.shared)?;
            self.take(text_bytes(&session))?;
            if let Some(image) = &mut image {
                image.sessions.push(session);
            }
        }
        let context_bytes = image.as_ref().map_or(0, |image| longest(&image.contexts));
        if let (Some(image), Some(offer), 0) = (&mut image, offer, conflicts) {
            let facts = self.packed(facts, context_bytes)?;
            let (id, contexts, sessions) = (&*image.id, &*image.contexts, &*image.sessions);
            if offer(&PackedConversation { id, contexts, sessions, facts: &facts }) {
                return Ok(None);
            }
            facts.into_iter().try_for_each(|facts| image.facts.push_packed(facts)).map_err(Damage::Facts)?;
        } else {
            self.facts(facts, image.as_mut().map(|image| &mut image.facts), context_bytes)?;
        }
        self.facts(conflicts, image.as_mut().map(|image| &mut image.conflicts), context_bytes)?;
        if let Some(image) = &mut image {
            image.arrivals.duplicates = image.arrivals.duplicates.saturating_add(duplicates);
            image.arrivals.late = image.arrivals.late.saturating_add(late);
        }
        Ok(image)
    }

    /// Adds the size of a decoded value.
    fn take(&mut self, bytes: usize) -> Result<(), Damage> {
        self.bytes = self.bytes.saturating_add(ENTRY_BYTES + bytes);
        expect_within(self.bytes, MAX_BODY_BYTES)
    }

    /// The facts of the next chunks; skipped if nobody wants them.
    fn facts(&mut self, chunks: u64, mut facts: Option<&mut Facts>, context_bytes: usize) -> Result<(), Damage> {
        let bytes_per_fact = if facts.is_some() { context_bytes } else { 0 };
        for _ in 0..chunks {
            let packed = self.chunk(bytes_per_fact)?;
            facts.as_mut().map(|facts| facts.push_packed(packed)).transpose().map_err(Damage::Facts)?;
        }
        Ok(())
    }

    /// The facts of the next chunks, as they are.
    fn packed(&mut self, chunks: u64, context_bytes: usize) -> Result<Vec<PackedFacts<'a>>, Damage> {
        (0..chunks).map(|_| self.chunk(context_bytes)).collect()
    }

    fn chunk(&mut self, context_bytes: usize) -> Result<PackedFacts<'a>, Damage> {
        let len = self.chunks.number();
        let [numbers, texts, fixed] = std::array::from_fn(|_| self.chunks.number());
        let numbers = self.numbers.bytes(numbers);
        let texts = self.texts.text(texts);
        let fixed = self.fixed.bytes(fixed);
        self.take(numbers.len() + texts.len() + fixed.len())?;
        let no_len = Damage::NoSuch { field: "number of events", found: len };
        let len = u32::try_from(len).map_err(|_| no_len)?;
        self.read_bytes = self.read_bytes.saturating_add(context_bytes.saturating_mul(len as usize));
        expect_within(self.read_bytes, MAX_BODY_BYTES.saturating_mul(MAX_READINGS))?;
        Ok(PackedFacts { len, numbers, texts, fixed })
    }

    /// Checks that everything was read.
    pub(crate) fn end(&self) -> Result<(), Damage> {
        let columns = [
            ("conversations", &self.conversations),
            ("chunks", &self.chunks),
            ("numbers", &self.numbers),
            ("fixed bytes", &self.fixed),
        ];
        columns.into_iter().try_for_each(|(name, column)| column.end(name))?;
        self.contexts.end()?;
        self.sessions.end()?;
        self.shared.end()?;
        self.texts.end("texts")
    }
}

fn expect_within(found: usize, max: usize) -> Result<(), Damage> {
    if found <= max { Ok(()) } else { Err(Damage::Length { expected: max as u64, found: found as u64 }) }
}

fn empty(id: &str) -> ConversationImage {
    ConversationImage {
        id: id.into(),
        facts: Facts::default(),
        conflicts: Facts::default(),
        contexts: Vec::new(),
        sessions: Vec::new(),
        arrivals: ArrivalCounts::default(),
    }
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

        /// The checksum of a page finds damage; this is for a page that was written wrong.
        #[test]
        fn a_body_with_other_bytes_is_an_error_or_has_other_conversations(
            events in arbitrary::events(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let images = images_of(&events);
            let mut builder = PartBuilder::default();
            for image in &images {
                builder.begin(&image.id, image.arrivals);
                image.contexts.iter().for_each(|context| builder.context(context, None));
                image.sessions.iter().for_each(|session| builder.session(session, None));
                image.facts.packed().for_each(|facts| builder.facts(facts, longest(&image.contexts)));
                builder.end();
            }
            let (tables, fixed) = builder.encode().unwrap();
            let mut body = [tables.as_slice(), fixed].concat();
            let at = at.index(body.len());
            body[at] = byte;
            let Ok(mut reader) = PartReader::open(&body) else { return Ok(()) };
            let read: Result<Vec<_>, _> = images.iter().map(|_| reader.next(None, true, None)).collect();
            for image in read.into_iter().flatten().flatten() {
                let _ = (image.events(), Board::new().load(0, image));
            }
            let _ = reader.end();
        }
    }

    /// These images are constructed with invalid hashes. They come back as they are.
    #[test]
    fn facts_of_other_events_are_found() {
        let images = samples::images();
        let read = read(&images);
        assert_eq!(read, images);
        assert!(read.iter().all(|image| image.events().is_err()));
    }
}
