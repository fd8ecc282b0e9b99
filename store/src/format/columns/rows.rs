//! Rows: the values that are specific to one event. The tables that contain rows refer to values that events share.
//!
//! ```text
//! shapes        one byte per row: see `shape.rs`
//! times         one byte per row: which times are given (bits 0 to 3), and which of them have sub-millisecond digits
//! first_ms      the first given time of occurred, sent, active, started: the difference to the previous row
//! sent, active  ms after the first time, if given and not the first time itself
//! started       ms after the start in the conversation's previous row; after the first time if there is none
//! sub_ms        of each time with sub-millisecond digits: 2 * tenths of a microsecond, or 2 * nanoseconds + 1
//! unread, text_lengths, parts
//! texts         the texts, each after the identity if that is a text
//! uuids         16 bytes each: stored separately, because they do not compress
//! ```

use convofold_engine::{Direction, EventParts, EventRef, Identity, Kind, Time};
use serde::{Deserialize, Serialize};

use super::column::{Bytes, Column, Reader, TextReader};
use super::shape::{IdentityForm, Shape};
use crate::damage::Damage;

/// The columns of a set of rows.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct StoredRows<'a> {
    #[serde(borrow)]
    shapes: Bytes<'a>,
    times: Bytes<'a>,
    first_ms: Bytes<'a>,
    sub_ms: Bytes<'a>,
    sent: Bytes<'a>,
    active: Bytes<'a>,
    started: Bytes<'a>,
    unread: Bytes<'a>,
    text_lengths: Bytes<'a>,
    parts: Bytes<'a>,
    texts: &'a str,
}

impl StoredRows<'_> {
    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.shapes.0.len()
    }
}

/// The values of an event that are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    kind: Kind,
    direction: Option<Direction>,
    identity: &'a Identity,
    /// In the order of [`TIMES`].
    times: [Option<Time>; TIMES],
    unread: Option<u64>,
    text: Option<&'a str>,
}

/// Occurred, sent, active, started.
const TIMES: usize = 4;
const STARTED: usize = 3;

impl<'a> From<EventRef<'a>> for Row<'a> {
    fn from(event: EventRef<'a>) -> Self {
        Self {
            kind: event.kind(),
            direction: event.direction(),
            identity: event.identity(),
            times: [event.occurred(), event.sent(), event.active(), event.started()],
            unread: event.unread(),
            text: event.text(),
        }
    }
}

/// Rows being written.
#[derive(Debug, Default)]
pub(crate) struct RowsBuilder {
    shapes: Column,
    times: Column,
    first_ms: Column,
    sub_ms: Column,
    /// Sent, active, started.
    later: [Column; TIMES - 1],
    unread: Column,
    text_lengths: Column,
    parts: Column,
    texts: String,
    uuids: Vec<u8>,
    last_ms: i64,
}

impl RowsBuilder {
    /// Adds a row. `started` is the start in the conversation's previous rows.
    pub(crate) fn push(&mut self, row: &Row<'_>, started: &mut Option<i64>) {
        let identity = self.push_identity(row.identity);
        let Row { kind, direction, .. } = *row;
        let shape = Shape { kind, direction, identity, has_text: row.text.is_some(), has_unread: row.unread.is_some() };
        self.shapes.put_byte(shape.code());
        self.push_times(&row.times, started);
        row.unread.into_iter().for_each(|unread| self.unread.put(unread));
        row.text.into_iter().for_each(|text| self.push_text(text));
    }

    fn push_identity(&mut self, identity: &Identity) -> IdentityForm {
        if identity.is_content() {
            return IdentityForm::Content;
        }
        self.parts.put_byte(identity.part());
        if let Some(uuid) = identity.uuid() {
            self.uuids.extend_from_slice(&uuid);
            return IdentityForm::Uuid;
        }
        self.push_text(&identity.text());
        IdentityForm::Text
    }

    fn push_text(&mut self, text: &str) {
        self.text_lengths.put(text.len() as u64);
        self.texts.push_str(text);
    }

    fn push_times(&mut self, times: &[Option<Time>; TIMES], started: &mut Option<i64>) {
        let mut bits = 0;
        let mut first_ms = None;
        for (place, time) in times.iter().enumerate() {
            let Some(time) = time else { continue };
            let ms = time.ms();
            bits |= 1 << place | u8::from(time.sub_ms_ns() > 0) << (TIMES + place);
            if time.sub_ms_ns() > 0 {
                self.sub_ms.put(sub_ms_code(time.sub_ms_ns()));
            }
            match first_ms {
                None => {
                    self.first_ms.put_signed(ms.wrapping_sub(self.last_ms));
                    self.last_ms = ms;
                    first_ms = Some(ms);
                }
                Some(first_ms) => {
                    let before = if place == STARTED { started.unwrap_or(first_ms) } else { first_ms };
                    if let Some(column) = self.later.get_mut(place - 1) {
                        column.put_signed(ms.wrapping_sub(before));
                    }
                }
            }
            if place == STARTED {
                *started = Some(ms);
            }
        }
        self.times.put_byte(bits);
    }

    pub(crate) fn clear(&mut self) {
        let Self { shapes, times, first_ms, sub_ms, later, unread, text_lengths, parts, texts, uuids, last_ms } = self;
        [shapes, times, first_ms, sub_ms, unread, text_lengths, parts].into_iter().for_each(Column::clear);
        later.iter_mut().for_each(Column::clear);
        texts.clear();
        uuids.clear();
        *last_ms = 0;
    }

    /// The columns without the UUIDs.
    pub(crate) fn stored(&self) -> StoredRows<'_> {
        let [sent, active, started] = self.later.each_ref().map(Column::stored);
        StoredRows {
            shapes: self.shapes.stored(),
            times: self.times.stored(),
            first_ms: self.first_ms.stored(),
            sub_ms: self.sub_ms.stored(),
            sent,
            active,
            started,
            unread: self.unread.stored(),
            text_lengths: self.text_lengths.stored(),
            parts: self.parts.stored(),
            texts: &self.texts,
        }
    }

    pub(crate) fn uuids(&self) -> &[u8] {
        &self.uuids
    }
}

/// Most clocks with sub-millisecond digits count in tenths of a microsecond.
fn sub_ms_code(ns: u32) -> u64 {
    u64::from(if ns.is_multiple_of(100) { ns / 100 * 2 } else { ns * 2 + 1 })
}

fn sub_ms_ns(code: u64) -> Option<u32> {
    let ns = if code & 1 == 0 { (code >> 1).checked_mul(100)? } else { code >> 1 };
    u32::try_from(ns).ok()
}

/// Rows being read.
#[derive(Debug)]
pub(crate) struct RowReader<'a> {
    shapes: Reader<'a>,
    times: Reader<'a>,
    first_ms: Reader<'a>,
    sub_ms: Reader<'a>,
    later: [Reader<'a>; TIMES - 1],
    unread: Reader<'a>,
    text_lengths: Reader<'a>,
    parts: Reader<'a>,
    texts: TextReader<'a>,
    uuids: Reader<'a>,
    last_ms: i64,
}

impl<'a> RowReader<'a> {
    pub(crate) fn new(rows: StoredRows<'a>, uuids: &'a [u8]) -> Self {
        Self {
            shapes: Reader::new(rows.shapes),
            times: Reader::new(rows.times),
            first_ms: Reader::new(rows.first_ms),
            sub_ms: Reader::new(rows.sub_ms),
            later: [rows.sent, rows.active, rows.started].map(Reader::new),
            unread: Reader::new(rows.unread),
            text_lengths: Reader::new(rows.text_lengths),
            parts: Reader::new(rows.parts),
            texts: TextReader::new(rows.texts),
            uuids: Reader::new(Bytes(uuids)),
            last_ms: 0,
        }
    }

    /// The next row. `started` is the start in the conversation's previous rows.
    pub(crate) fn next(&mut self, started: &mut Option<i64>) -> Result<EventParts<'a>, Damage> {
        let Shape { kind, direction, identity, has_text, has_unread } = Shape::of(self.shapes.byte())?;
        let identity = self.identity(identity);
        let [occurred, sent, active, started] = self.times(started)?;
        let unread = has_unread.then(|| self.unread.number());
        let text = has_text.then(|| self.text());
        Ok(EventParts { kind, direction, identity, occurred, sent, active, started, unread, text })
    }

    fn identity(&mut self, form: IdentityForm) -> Option<Identity> {
        if form == IdentityForm::Content {
            return None;
        }
        let part = self.parts.byte();
        Some(match form {
            IdentityForm::Uuid => Identity::from_uuid(self.uuids.array(), part),
            _ => Identity::given(self.text(), part),
        })
    }

    fn text(&mut self) -> &'a str {
        self.texts.text(self.text_lengths.number())
    }

    fn times(&mut self, started: &mut Option<i64>) -> Result<[Option<Time>; TIMES], Damage> {
        let bits = self.times.byte();
        let mut times = [None; TIMES];
        let mut first_ms = None;
        for (place, time) in times.iter_mut().enumerate().filter(|(place, _)| bits >> place & 1 == 1) {
            let code = if bits >> (TIMES + place) & 1 == 1 { self.sub_ms.number() } else { 0 };
            let ms = match first_ms {
                None => {
                    self.last_ms = self.last_ms.wrapping_add(self.first_ms.signed());
                    *first_ms.insert(self.last_ms)
                }
                Some(first_ms) => {
                    let before = if place == STARTED { started.unwrap_or(first_ms) } else { first_ms };
                    let after = self.later.get_mut(place - 1).map_or(0, Reader::signed);
                    before.wrapping_add(after)
                }
            };
            *time = sub_ms_ns(code).and_then(|ns| Time::from_ms_and_ns(ms, ns));
            if time.is_none() {
                return Err(Damage::NoSuch { field: "time (1970 to 9999)", found: ms.cast_unsigned() });
            }
            if place == STARTED {
                *started = Some(ms);
            }
        }
        Ok(times)
    }

    /// Checks that all columns were read exactly to their end.
    pub(crate) fn end(&self) -> Result<(), Damage> {
        let [sent, active, started] = &self.later;
        let columns = [
            ("shapes", &self.shapes),
            ("times", &self.times),
            ("first times", &self.first_ms),
            ("sub-millisecond digits", &self.sub_ms),
            ("sent times", sent),
            ("active times", active),
            ("start times", started),
            ("unread counts", &self.unread),
            ("text lengths", &self.text_lengths),
            ("id parts", &self.parts),
            ("uuids", &self.uuids),
        ];
        columns.into_iter().try_for_each(|(name, column)| column.end(name))?;
        self.texts.end("texts")
    }
}
