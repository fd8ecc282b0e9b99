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

use std::cmp::Ordering;

use crate::event::{At, Direction, Kind};
use crate::fact::{Fact, FactIdentity, Place};
use crate::fold::Lists;
use crate::time::Time;

pub(crate) use insertion::Gap;

/// The maximum number of facts in a chunk. An insertion or a removal moves at most the facts of one chunk.
pub(crate) const CHUNK_FACTS: u32 = if cfg!(test) { 8 } else { 128 };

/// A chunk of this size gets no more facts at its end. Small enough to be copied for each late event, and large enough that
/// a conversation of long texts has few chunks.
const CHUNK_BYTES: usize = if cfg!(test) { 1 << 10 } else { 64 << 10 };

/// The space for the numbers and for the fixed bytes of the first facts, so that it need not grow with each of them.
const FIRST_BYTES: usize = 64;

/// The usual size of a fact without its text.
const FACT_BYTES: usize = 40;

const STARTED: usize = 3;
const TIMES: usize = 4;

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

/// The values that the differences of a fact refer to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Before {
    ms: i64,
    started: Option<i64>,
    seq: u64,
    context: u32,
    session: u32,
}

impl Chunk {
    /// A chunk with these bytes.
    pub(crate) fn of(packed: PackedFacts<'_>) -> Result<Self, PackedError> {
        let PackedFacts { len, numbers, texts, fixed } = packed;
        let mut rows = Rows { numbers, texts, fixed, left: len.min(CHUNK_FACTS + 1), before: Before::default() };
        let (mut last, mut found, mut from) = (None, 0, 0);
        while let Some((at, rank, _)) = rows.next_key() {
            last = Some(Last { at, rank, numbers: from });
            from = length(numbers.len() - rows.numbers.len());
            found += 1;
        }
        let is_whole = rows.numbers.is_empty() && rows.texts.is_empty() && rows.fixed.is_empty();
        if found != len || found > CHUNK_FACTS || !is_whole {
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
        let Self { numbers, texts, fixed, len, .. } = self;
        Rows { numbers, texts, fixed, left: *len, before: Before::default() }
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

impl Before {
    fn put_times(&mut self, fact: &Fact<'_>, numbers: &mut Numbers) {
        let times = [fact.occurred, fact.sent, fact.active, fact.started];
        let bit = |(place, time): (usize, &Option<Time>)| {
            time.map_or(0, |time| 1 << place | u8::from(time.sub_ms_ns() > 0) << (TIMES + place))
        };
        numbers.put_byte(times.iter().enumerate().map(bit).fold(0, |all, bits| all | bits));
        let mut first = None;
        for (place, time) in times.into_iter().enumerate() {
            let Some(time) = time else { continue };
            numbers.put_signed(time.ms().wrapping_sub(self.base(place, first)));
            self.note(place, time.ms(), &mut first);
            if time.sub_ms_ns() > 0 {
                numbers.put(digits_code(time.sub_ms_ns()));
            }
        }
    }

    /// What a time is the difference to; `first` is the first time of its fact.
    fn base(&self, place: usize, first: Option<i64>) -> i64 {
        match (place, first, self.started) {
            (STARTED, Some(_), Some(started)) => started,
            (_, first, _) => first.unwrap_or(self.ms),
        }
    }

    fn note(&mut self, place: usize, ms: i64, first: &mut Option<i64>) {
        if first.is_none() {
            self.ms = ms;
            *first = Some(ms);
        }
        if place == STARTED {
            self.started = Some(ms);
        }
    }
}

/// Most clocks with digits below the millisecond count in tenths of a microsecond.
fn digits_code(ns: u32) -> u64 {
    u64::from(if ns.is_multiple_of(100) { ns / 100 * 2 } else { ns * 2 + 1 })
}

fn digits_of(code: u64) -> Option<u32> {
    let ns = if code & 1 == 0 { (code >> 1).checked_mul(100)? } else { code >> 1 };
    u32::try_from(ns).ok()
}

/// The numbers of one fact.
struct Numbers {
    bytes: [u8; Self::MAX],
    len: usize,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { bytes: [0; Self::MAX], len: 0 }
    }
}

impl Numbers {
    /// Four bytes, and at most twelve numbers of up to ten.
    const MAX: usize = 128;

    fn put_byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    fn put(&mut self, mut number: u64) {
        while number > 0x7f {
            let [low, ..] = number.to_le_bytes();
            self.put_byte(low | 0x80);
            number >>= 7;
        }
        let [low, ..] = number.to_le_bytes();
        self.put_byte(low);
    }

    fn put_signed(&mut self, number: i64) {
        self.put((number << 1 ^ number >> 63).cast_unsigned());
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The numbers of a fact, except those that are in [`Before`].
struct Head {
    kind: Kind,
    direction: Option<Direction>,
    /// Of the identity.
    form: u8,
    has_text: bool,
    /// Occurred, sent, active, started.
    times: [Option<Time>; TIMES],
    session: Option<u32>,
    unread: Option<u64>,
    /// Of the identity.
    part: u8,
}

/// What the numbers of a fact that is passed over say of its texts.
struct Passed {
    /// Of the identity.
    form: u8,
    /// Of the identity.
    part: u8,
    has_text: bool,
}

/// Reads the facts of a chunk in their order. Ends early at bytes that are not valid.
#[derive(Clone, Debug)]
pub(crate) struct Rows<'a> {
    numbers: &'a [u8],
    texts: &'a str,
    fixed: &'a [u8],
    left: u32,
    before: Before,
}

impl<'a> Iterator for Rows<'a> {
    type Item = Fact<'a>;

    fn next(&mut self) -> Option<Fact<'a>> {
        self.left = self.left.checked_sub(1)?;
        let fact = self.fact();
        if fact.is_none() {
            self.left = 0;
        }
        fact
    }
}

impl<'a> Rows<'a> {
    fn fact(&mut self) -> Option<Fact<'a>> {
        let Head { kind, direction, form, has_text, times, session, unread, part } = self.head()?;
        let [occurred, sent, active, started] = times;
        let check = u32::from_le_bytes(self.fixed()?);
        let identity = self.identity(form, part)?;
        let text = if has_text { Some(self.text()?) } else { None };
        let at = At::of(kind, occurred, sent, started, active)?;
        let Before { seq, context, .. } = self.before;
        Some(Fact {
            seq,
            at,
            kind,
            direction,
            occurred,
            sent,
            started,
            active,
            unread,
            identity,
            check,
            text,
            context,
            session,
        })
    }

    /// Reads the numbers of a fact, except the lengths.
    #[inline]
    fn head(&mut self) -> Option<Head> {
        let code = self.byte()?;
        let (has_extras, has_text, shape) = (code & 1 > 0, code & 2 > 0, code >> 2);
        let kind = Kind::from_code(shape / 9)?;
        let direction = match shape / 3 % 3 {
            0 => None,
            1 => Some(Direction::In),
            _ => Some(Direction::Out),
        };
        let times = self.times()?;
        self.before.seq = self.before.seq.wrapping_add(self.signed()?.cast_unsigned());
        let extras = if has_extras { self.byte()? } else { 0 };
        if extras & CONTEXT > 0 {
            self.before.context = moved(self.before.context, self.signed()?)?;
        }
        let session = if extras & SESSION > 0 { Some(moved(self.before.session, self.signed()?)?) } else { None };
        self.before.session = session.unwrap_or(self.before.session);
        let unread = if extras & UNREAD > 0 { Some(self.number()?) } else { None };
        let part = if extras & PART > 0 { self.byte()? } else { 0 };
        Some(Head { kind, direction, form: shape % 3, has_text, times, session, unread, part })
    }

    fn identity(&mut self, form: u8, part: u8) -> Option<FactIdentity<'a>> {
        Some(match form {
            CONTENT => FactIdentity::Content,
            UUID => FactIdentity::Uuid(self.fixed()?, part),
            _ => FactIdentity::Text(self.text()?, part),
        })
    }

    /// Passes over the next fact and returns its time, rank and identity.
    fn next_key(&mut self) -> Option<(At, u8, FactIdentity<'a>)> {
        let left = self.left.checked_sub(1)?;
        let Head { kind, form, part, has_text, times: [occurred, sent, active, started], .. } = self.head()?;
        let _check: [u8; 4] = self.fixed()?;
        let identity = self.identity(form, part)?;
        if has_text {
            self.text()?;
        }
        let at = At::of(kind, occurred, sent, started, active)?;
        self.left = left;
        Some((at, kind.rank(), identity))
    }

    /// Passes over a fact and returns its text. Facts after it cannot be read, because the differences are not added.
    fn pass(&mut self) -> Option<Option<&'a str>> {
        let Passed { form, has_text, .. } = self.pass_head()?;
        if form == TEXT {
            self.text()?;
        }
        Some(if has_text { Some(self.text()?) } else { None })
    }

    /// Passes over the numbers of a fact, except the lengths.
    fn pass_head(&mut self) -> Option<Passed> {
        let code = self.byte()?;
        let (has_extras, has_text, shape) = (code & 1 > 0, code & 2 > 0, code >> 2);
        let times = self.byte()?;
        let (given, digits) = (times & 0xf, times >> TIMES & times);
        let seq = 1;
        self.pass_numbers(given.count_ones() + digits.count_ones() + seq)?;
        let extras = if has_extras { self.byte()? } else { 0 };
        self.pass_numbers((extras & (CONTEXT | SESSION | UNREAD)).count_ones())?;
        let part = if extras & PART > 0 { self.byte()? } else { 0 };
        Some(Passed { form: shape % 3, part, has_text })
    }

    fn pass_numbers(&mut self, count: u32) -> Option<()> {
        for _ in 0..count {
            while self.byte()? > 0x7f {}
        }
        Some(())
    }

    /// Occurred, sent, active, started.
    #[inline]
    fn times(&mut self) -> Option<[Option<Time>; TIMES]> {
        let bits = self.byte()?;
        let mut times = [None; TIMES];
        let mut first = None;
        for (place, time) in times.iter_mut().enumerate() {
            if bits >> place & 1 == 0 {
                continue;
            }
            let ms = self.before.base(place, first).wrapping_add(self.signed()?);
            self.before.note(place, ms, &mut first);
            let ns = if bits >> (TIMES + place) & 1 > 0 { digits_of(self.number()?)? } else { 0 };
            *time = Some(Time::from_ms_and_ns(ms, ns)?);
        }
        Some(times)
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.numbers.split_first()?;
        self.numbers = rest;
        Some(*first)
    }

    #[inline]
    fn number(&mut self) -> Option<u64> {
        let byte = self.byte()?;
        if byte < 0x80 { Some(byte.into()) } else { self.long_number(byte) }
    }

    fn long_number(&mut self, first: u8) -> Option<u64> {
        let mut number = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    #[inline]
    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.fixed.split_first_chunk()?;
        self.fixed = rest;
        Some(*first)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.texts.split_at_checked(length)?;
        self.texts = rest;
        Some(text)
    }
}

/// A length of at most 4 GiB.
fn length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// An index at this distance from another one.
fn moved(index: u32, by: i64) -> Option<u32> {
    u32::try_from(i64::from(index).checked_add(by)?).ok()
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
