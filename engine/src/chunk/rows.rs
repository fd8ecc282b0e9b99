//! Facts, read from the bytes of a chunk.

use super::numbers::{Before, TIMES, digits_of};
use super::{CONTENT, CONTEXT, PART, PackedFacts, SESSION, TEXT, UNREAD, UUID};
use crate::event::{At, Direction, Kind};
use crate::fact::{Fact, FactIdentity};
use crate::time::Time;

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
pub(super) struct Passed {
    /// Of the identity.
    pub(super) form: u8,
    /// Of the identity.
    pub(super) part: u8,
    pub(super) has_text: bool,
}

/// Reads the facts of a chunk in their order. Ends early at bytes that are not valid.
#[derive(Clone, Debug)]
pub(crate) struct Rows<'a> {
    pub(super) numbers: &'a [u8],
    pub(super) texts: &'a str,
    pub(super) fixed: &'a [u8],
    pub(super) left: u32,
    pub(super) before: Before,
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
    /// The facts of a packed chunk.
    pub(crate) fn of(packed: PackedFacts<'a>) -> Self {
        let PackedFacts { len, numbers, texts, fixed } = packed;
        Self { numbers, texts, fixed, left: len, before: Before::default() }
    }

    /// Whether no byte is left.
    pub(crate) fn is_at_end(&self) -> bool {
        self.numbers.is_empty() && self.texts.is_empty() && self.fixed.is_empty()
    }

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
    pub(super) fn next_key(&mut self) -> Option<(At, u8, FactIdentity<'a>)> {
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
    pub(super) fn pass(&mut self) -> Option<Option<&'a str>> {
        let Passed { form, has_text, .. } = self.pass_head()?;
        if form == TEXT {
            self.text()?;
        }
        Some(if has_text { Some(self.text()?) } else { None })
    }

    /// Passes over the numbers of a fact, except the lengths.
    pub(super) fn pass_head(&mut self) -> Option<Passed> {
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
    pub(super) fn number(&mut self) -> Option<u64> {
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

/// An index at this distance from another one.
fn moved(index: u32, by: i64) -> Option<u32> {
    u32::try_from(i64::from(index).checked_add(by)?).ok()
}
