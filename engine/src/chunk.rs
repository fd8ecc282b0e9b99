//! A chunk: some facts of a conversation, packed into bytes. Memory and pages contain the same bytes.
//!
//! Three buffers are appended to, fact by fact:
//!
//! ```text
//! numbers   shape     1 byte   (((kind * 3 + direction) * 3 + form of the identity) * 2 + has a text) * 2 + has extras
//!           times     1 byte   bits 0 to 3: which of occurred, sent, active and started are given;
//!                              bits 4 to 7: which of these have digits below the millisecond
//!           for each given time: milliseconds, signed, and the digits if there are any
//!           seq       signed   difference to the fact before
//!           extras    1 byte   if the shape says so: bits 0 context, 1 session, 2 unread, 3 part of the identity
//!           context   signed   difference to the fact before
//!           session   signed   difference to the fact before that has one
//!           unread
//!           part      1 byte
//!           the length of the identity, if that is a text, and of the text
//! texts     the identity, if that is a text, and the text
//! fixed     the lowest 32 bits of the content hash; the identity, if that is a UUID, in 16 bytes
//! ```
//!
//! The first given time is the difference to the first given time of the fact before, `started` that to the start before, and
//! every other time that to the first. In the first fact of a chunk all differences are to zero, and that of `started` is to
//! the first time. Digits are twice the tenths of a microsecond, or twice the nanoseconds plus one.
//!
//! A number has seven bits per byte, the lowest first; the highest bit of a byte is set if more bytes follow. Signed numbers
//! use the zigzag encoding (0, -1, 1, -2, ...).

mod insertion;
mod numbers;
mod rows;

use std::cmp::Ordering;

use crate::event::{At, Direction};
use crate::fact::{Fact, FactIdentity, Place};
use crate::fold::Lists;

pub(crate) use insertion::Gap;
use numbers::{Before, Numbers};
use rows::Passed;
pub(crate) use rows::Rows;

/// The maximum number of facts in a chunk. An insertion or a removal moves at most the facts of one chunk.
pub(crate) const CHUNK_FACTS: u32 = if cfg!(test) { 8 } else { 128 };

/// A chunk of this size gets no more facts at its end. Small enough to be copied for each late event, and large enough that
/// a conversation of long texts has few chunks.
const CHUNK_BYTES: usize = if cfg!(test) { 1 << 10 } else { 64 << 10 };

/// The space for the numbers and for the fixed bytes of the first facts, so that it need not grow with each of them.
const FIRST_BYTES: usize = 64;

/// The usual size of a fact without its text.
const FACT_BYTES: usize = 40;

const CONTEXT: u8 = 1;
const SESSION: u8 = 2;
const UNREAD: u8 = 4;
const PART: u8 = 8;

const CONTENT: u8 = 0;
const UUID: u8 = 1;
const TEXT: u8 = 2;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunk {
    numbers: Vec<u8>,
    texts: String,
    fixed: Vec<u8>,
    len: u32,
    /// What the differences of the next fact refer to.
    before: Before,
    last: Option<Last>,
}

/// The last fact of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Last {
    at: At,
    rank: u8,
    /// Where its numbers begin. They are at most 16 KiB.
    numbers: u32,
}

/// The buffers of a chunk, as a page contains them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedFacts<'a> {
    /// The number of facts.
    pub len: u32,
    /// The numbers of all facts.
    pub numbers: &'a [u8],
    /// The texts of all facts.
    pub texts: &'a str,
    /// The part that does not compress: content hashes and UUIDs.
    pub fixed: &'a [u8],
}

/// Packed facts that are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the packed facts are invalid: expected {expected} facts, found {found} valid ones")]
pub struct PackedError {
    /// The stated number of facts.
    pub expected: u32,
    /// The number of facts before the first invalid byte.
    pub found: u32,
}

impl Chunk {
    /// A chunk with these bytes.
    pub(crate) fn of(packed: PackedFacts<'_>) -> Result<Self, PackedError> {
        let PackedFacts { len, numbers, texts, fixed } = packed;
        let mut rows = Rows::of(PackedFacts { len: len.min(CHUNK_FACTS + 1), ..packed });
        let (mut last, mut found, mut from) = (None, 0, 0);
        while let Some((at, rank, _)) = rows.next_key() {
            last = Some(Last { at, rank, numbers: from });
            from = length(numbers.len() - rows.numbers.len());
            found += 1;
        }
        if found != len || found > CHUNK_FACTS || !rows.is_at_end() {
            return Err(PackedError { expected: len, found });
        }
        Ok(Self { numbers: numbers.into(), texts: texts.into(), fixed: fixed.into(), len, before: rows.before, last })
    }

    /// An empty chunk with space for the facts of another one.
    fn with_space_of(other: &Self) -> Self {
        Self {
            numbers: Vec::with_capacity(other.numbers.capacity()),
            texts: String::with_capacity(other.texts.capacity()),
            fixed: Vec::with_capacity(other.fixed.capacity()),
            ..Self::default()
        }
    }

    pub(crate) fn packed(&self) -> PackedFacts<'_> {
        PackedFacts { len: self.len, numbers: &self.numbers, texts: &self.texts, fixed: &self.fixed }
    }

    pub(crate) fn len(&self) -> usize {
        self.len as usize
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len >= CHUNK_FACTS || self.bytes() >= CHUNK_BYTES
    }

    /// The length of the buffers.
    pub(crate) fn bytes(&self) -> usize {
        self.numbers.len() + self.texts.len() + self.fixed.len()
    }

    pub(crate) fn iter(&self) -> Rows<'_> {
        Rows::of(self.packed())
    }

    /// The text of the fact at `offset`. The fields of the facts before it are passed over, which is several times as fast as to
    /// read them.
    pub(crate) fn text_at(&self, offset: usize) -> Option<&str> {
        let mut rows = self.iter();
        for _ in 0..offset {
            rows.pass()?;
        }
        rows.pass()?
    }

    /// The order of the last fact and of this place. An empty chunk is before every place.
    pub(crate) fn order_of_last(&self, place: &Place<'_>, lists: Lists<'_>) -> Ordering {
        let Some(last) = self.last else { return Ordering::Less };
        let given = || self.given_of(last)?.in_context(self.before.context, lists);
        place.order((last.at, last.rank), || given().or_else(|| Some(self.iter().last()?.identity(lists))))
    }

    /// The identity of the last fact.
    fn given_of(&self, last: Last) -> Option<FactIdentity<'_>> {
        let mut rows = self.iter();
        rows.numbers = rows.numbers.get(last.numbers as usize..)?;
        let Passed { form, part, has_text } = rows.pass_head()?;
        Some(match form {
            CONTENT => FactIdentity::Content,
            UUID => FactIdentity::Uuid(*self.fixed.last_chunk()?, part),
            _ => {
                let length = usize::try_from(rows.number()?).ok()?;
                let text_length = if has_text { usize::try_from(rows.number()?).ok()? } else { 0 };
                let end = self.texts.len().checked_sub(text_length)?;
                FactIdentity::Text(self.texts.get(end.checked_sub(length)?..end)?, part)
            }
        })
    }

    /// Whether the last fact is not after this place. An empty chunk is before every place.
    pub(crate) fn ends_up_to(&self, at: At) -> bool {
        self.last.is_none_or(|last| last.at <= at)
    }

    /// Appends a fact.
    pub(crate) fn push(&mut self, fact: &Fact<'_>) {
        if self.is_empty() {
            self.numbers.reserve(FIRST_BYTES);
            self.fixed.reserve(FIRST_BYTES);
        }
        let mut numbers = Numbers::default();
        let (form, part) = match fact.identity {
            FactIdentity::Content => (CONTENT, 0),
            FactIdentity::Uuid(_, part) => (UUID, part),
            FactIdentity::Text(_, part) => (TEXT, part),
        };
        let direction = match fact.direction {
            None => 0,
            Some(Direction::In) => 1,
            Some(Direction::Out) => 2,
        };
        let context = i64::from(fact.context) - i64::from(self.before.context);
        let extras = [
            (context != 0, CONTEXT),
            (fact.session.is_some(), SESSION),
            (fact.unread.is_some(), UNREAD),
            (part != 0, PART),
        ];
        let extras = extras.iter().filter(|(is_given, _)| *is_given).fold(0, |all, (_, bit)| all | bit);
        let shape = (fact.kind.code() * 3 + direction) * 3 + form;
        numbers.put_byte((shape * 2 + u8::from(fact.text.is_some())) * 2 + u8::from(extras > 0));
        self.before.put_times(fact, &mut numbers);
        numbers.put_signed(fact.seq.wrapping_sub(self.before.seq).cast_signed());
        self.before.seq = fact.seq;
        if extras > 0 {
            numbers.put_byte(extras);
        }
        if context != 0 {
            numbers.put_signed(context);
            self.before.context = fact.context;
        }
        if let Some(session) = fact.session {
            numbers.put_signed(i64::from(session) - i64::from(self.before.session));
            self.before.session = session;
        }
        fact.unread.into_iter().for_each(|unread| numbers.put(unread));
        if part != 0 {
            numbers.put_byte(part);
        }
        self.fixed.extend_from_slice(&fact.check.to_le_bytes());
        match fact.identity {
            FactIdentity::Content => {}
            FactIdentity::Uuid(bytes, _) => self.fixed.extend_from_slice(&bytes),
            FactIdentity::Text(text, _) => {
                numbers.put(text.len() as u64);
                self.texts.push_str(text);
            }
        }
        if let Some(text) = fact.text {
            #[cfg(test)]
            COPIED.set(COPIED.get() + text.len() as u64);
            numbers.put(text.len() as u64);
            self.texts.push_str(text);
        }
        self.last = Some(Last { at: fact.at, rank: fact.kind.rank(), numbers: length(self.numbers.len()) });
        self.numbers.extend_from_slice(numbers.bytes());
        self.len += 1;
    }

    /// The facts of this chunk, which is full, and this one before that at `offset`, in two chunks of about half the size. So a
    /// text longer than all others stands alone after that, and is not moved for each fact that arrives beside it.
    pub(crate) fn split_with(&self, offset: usize, fact: &Fact<'_>) -> (Self, Self) {
        let first_len = self.half();
        let (mut first, mut second) = (Self::with_space_of(self), Self::default());
        let mut put = |place: usize, fact: &Fact<'_>| {
            if place < first_len { first.push(fact) } else { second.push(fact) }
        };
        for (place, known) in self.iter().enumerate() {
            if place == offset {
                put(offset.saturating_sub(usize::from(offset == first_len)), fact);
            }
            put(place, &known);
        }
        (first, second)
    }

    /// The number of facts in about the first half of the bytes: at least one, and not all.
    fn half(&self) -> usize {
        let half = (self.texts.len() + self.len() * FACT_BYTES) / 2;
        let mut bytes = 0;
        let is_in_half = |fact: &Fact<'_>| {
            bytes += FACT_BYTES + fact.text.map_or(0, str::len);
            bytes <= half
        };
        self.iter().take_while(is_in_half).count().clamp(1, self.len().max(2) - 1)
    }

    /// The facts of this chunk except the one at `offset`.
    pub(crate) fn without(&self, offset: usize) -> Self {
        let mut rest = Self::with_space_of(self);
        let others = self.iter().enumerate().filter(|(place, _)| *place != offset);
        others.for_each(|(_, fact)| rest.push(&fact));
        rest
    }

    /// The size on the heap in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.numbers.capacity() + self.texts.capacity() + self.fixed.capacity()
    }

    /// Frees unused capacity.
    pub(crate) fn shrink(&mut self) {
        self.numbers.shrink_to_fit();
        self.texts.shrink_to_fit();
        self.fixed.shrink_to_fit();
    }
}

/// A length of at most 4 GiB.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
thread_local! {
    /// The number of bytes of texts that were packed on this thread, with which tests measure work.
    static COPIED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// The number of bytes of texts that `run` packs.
#[cfg(test)]
pub(crate) fn copied_bytes(run: impl FnOnce()) -> u64 {
    let before = COPIED.get();
    run();
    COPIED.get() - before
}

#[cfg(test)]
mod tests;
