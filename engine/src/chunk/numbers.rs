//! The numbers of a fact as bytes, and what their differences refer to.

use crate::fact::Fact;
use crate::time::Time;

/// The places of the times of a fact: occurred, sent, active, started.
const STARTED: usize = 3;
pub(super) const TIMES: usize = 4;

/// The values that the differences of a fact refer to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Before {
    ms: i64,
    started: Option<i64>,
    pub(super) seq: u64,
    pub(super) context: u32,
    pub(super) session: u32,
}

impl Before {
    pub(super) fn put_times(&mut self, fact: &Fact<'_>, numbers: &mut Numbers) {
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
    pub(super) fn base(&self, place: usize, first: Option<i64>) -> i64 {
        match (place, first, self.started) {
            (STARTED, Some(_), Some(started)) => started,
            (_, first, _) => first.unwrap_or(self.ms),
        }
    }

    pub(super) fn note(&mut self, place: usize, ms: i64, first: &mut Option<i64>) {
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

pub(super) fn digits_of(code: u64) -> Option<u32> {
    let ns = if code & 1 == 0 { (code >> 1).checked_mul(100)? } else { code >> 1 };
    u32::try_from(ns).ok()
}

/// The numbers of one fact.
pub(super) struct Numbers {
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

    pub(super) fn put_byte(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    pub(super) fn put(&mut self, mut number: u64) {
        while number > 0x7f {
            let [low, ..] = number.to_le_bytes();
            self.put_byte(low | 0x80);
            number >>= 7;
        }
        let [low, ..] = number.to_le_bytes();
        self.put_byte(low);
    }

    pub(super) fn put_signed(&mut self, number: i64) {
        self.put((number << 1 ^ number >> 63).cast_unsigned());
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
