//! Where a follower has read to, and how it recognises the log.
//!
//! A bookmark of stream and sequence number alone loses data silently: when a log is restored from old files, other messages
//! take the same sequence numbers. So a bookmark has **marks** of messages that were read: the newest one, and older ones, the
//! sparser, the older they are. After a rollback, the newest mark that still agrees with the log is where to read on.
//!
//! The stored form, version 1. A number is of 7 bits a byte, the lowest first; signed numbers are zigzag-encoded:
//!
//! | field | form |
//! |---|---|
//! | version | 1 byte: 1 |
//! | stream, incarnation | two texts: the length as a number, at most 255, and UTF-8 |
//! | `read_to`, `events`, `gaps`, `rollbacks` | four numbers |
//! | number of marks | a number, at most 64 |
//! | marks, the newest first | `events`, `seq` (numbers) and time (signed), each as the difference from the mark before, the first from `events` and `read_to` above and from 0; then the hash, 8 bytes, the lowest first |
//! | checksum | XXH3 of all bytes before, 8 bytes, the lowest first |

use xxhash_rust::xxh3::xxh3_64;

use super::codec::{Reading, put_number, put_signed, put_text};
use crate::log::{LogIdentity, Mark};

const VERSION: u8 = 1;
/// The maximum number of marks. At most two a doubling of the distance are kept, so this is enough for any log.
const MAX_MARKS: usize = 64;
const CHECKSUM_BYTES: usize = 8;

/// Where a follower has read to. It is committed in the block of the events before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bookmark {
    /// The name of the stream.
    pub stream: String,
    /// The incarnation of the stream ([`LogIdentity::incarnation`]).
    pub incarnation: String,
    /// All messages up to this sequence number were read, except for gaps that the operator accepted.
    pub read_to: u64,
    /// Number of events in these messages, duplicates included. The same for all owners that read the whole log.
    pub events: u64,
    /// Number of gaps that the operator accepted.
    pub gaps: u64,
    /// Number of times that the log had lost messages that were read.
    pub rollbacks: u64,
    /// Marks of messages that were read, in ascending order.
    marks: Vec<Place>,
}

/// A message that was read, and the number of events up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of events up to this message, duplicates included.
    pub events: u64,
    /// The mark of the message.
    pub mark: Mark,
}

/// A bookmark that cannot be read. Nothing is read from the log, because nobody knows where to begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BookmarkError {
    /// Written by a newer version of convofold, or not a bookmark of a log.
    #[error("the bookmark {name} has version {found}, and this program knows version {VERSION}: use a newer program")]
    Version {
        /// The name of the bookmark.
        name: String,
        /// The version that was found.
        found: u8,
    },
    /// Its bytes were changed.
    #[error("the bookmark {name} is damaged ({what}): restore a backup, or follow the log into an empty database")]
    Damaged {
        /// The name of the bookmark.
        name: String,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl Bookmark {
    /// The name under which the bookmark of a partition is stored in a database.
    #[must_use]
    pub fn name(log: &str, partition: u32) -> String {
        format!("cf/{log}/{partition}")
    }

    /// The bookmark of a follower that has read nothing of this log.
    #[must_use]
    pub fn new(identity: &LogIdentity) -> Self {
        Self {
            stream: identity.name.clone(),
            incarnation: identity.incarnation.clone(),
            read_to: 0,
            events: 0,
            gaps: 0,
            rollbacks: 0,
            marks: Vec::new(),
        }
    }

    /// The marks, in ascending order.
    #[must_use]
    pub fn marks(&self) -> &[Place] {
        &self.marks
    }

    /// The mark of the last message that was read; `None` if a gap was accepted after it.
    #[must_use]
    pub fn last(&self) -> Option<Place> {
        self.marks.last().copied().filter(|place| place.mark.seq == self.read_to)
    }

    /// The messages up to this one were read, with this number of events.
    pub(crate) fn advance(&mut self, events: u64, mark: Mark) {
        self.read_to = mark.seq;
        self.events = self.events.saturating_add(events);
        self.marks.push(Place { events: self.events, mark });
        self.thin();
    }

    /// The log has lost what was read after this sequence number, which is that of a mark, or 0.
    pub(crate) fn back_to(&mut self, seq: u64) {
        self.marks.retain(|place| place.mark.seq <= seq);
        self.read_to = seq;
        self.events = self.marks.last().map_or(0, |place| place.events);
        self.rollbacks += 1;
    }

    /// The operator accepts that messages before this one are missing.
    pub(crate) fn skip_to(&mut self, first: u64) {
        self.read_to = first.saturating_sub(1);
        self.gaps += 1;
    }

    /// Of the marks at a distance from 2^k to 2^(k+1), keeps the first in each aligned stretch of 2^k messages: one or two. A
    /// mark that is kept at a larger distance is kept at all smaller ones, so that thinning again removes nothing too early.
    fn thin(&mut self) {
        let head = self.marks.last().map_or(0, |place| place.mark.seq);
        let mut before = None;
        self.marks.retain(|Place { mark: Mark { seq, .. }, .. }| {
            let Some(level) = head.saturating_sub(*seq).checked_ilog2() else { return true };
            let is_first = before.is_none_or(|before: u64| before >> level != seq >> level);
            if is_first {
                before = Some(*seq);
            }
            is_first
        });
        let excess = self.marks.len().saturating_sub(MAX_MARKS);
        self.marks.drain(..excess);
    }

    /// The stored form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put_text(&mut out, &self.stream);
        put_text(&mut out, &self.incarnation);
        [self.read_to, self.events, self.gaps, self.rollbacks]
            .into_iter()
            .for_each(|number| put_number(&mut out, number));
        put_number(&mut out, self.marks.len() as u64);
        let mut after = Place { events: self.events, mark: Mark { seq: self.read_to, time_ms: 0, hash: 0 } };
        for place in self.marks.iter().rev() {
            put_number(&mut out, after.events.saturating_sub(place.events));
            put_number(&mut out, after.mark.seq.saturating_sub(place.mark.seq));
            put_signed(&mut out, after.mark.time_ms.wrapping_sub(place.mark.time_ms));
            out.extend_from_slice(&place.mark.hash.to_le_bytes());
            after = *place;
        }
        let checksum = xxh3_64(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// Reads the stored form of the bookmark with this name.
    ///
    /// # Errors
    /// [`BookmarkError`] if it is of another version, or damaged.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self, BookmarkError> {
        let damaged = |what| BookmarkError::Damaged { name: name.to_owned(), what };
        let version = *bytes.first().ok_or_else(|| damaged("it is empty"))?;
        if version != VERSION {
            return Err(BookmarkError::Version { name: name.to_owned(), found: version });
        }
        let (body, checksum) = bytes
            .len()
            .checked_sub(CHECKSUM_BYTES)
            .and_then(|at| bytes.split_at_checked(at))
            .ok_or_else(|| damaged("it is too short"))?;
        if Reading(checksum).fixed() != Some(xxh3_64(body)) {
            return Err(damaged("its checksum is wrong"));
        }
        let mut reading = Reading(body.get(1..).unwrap_or_default());
        let bookmark = Self::read(&mut reading).ok_or_else(|| damaged("its fields make no sense"))?;
        if reading.0.is_empty() { Ok(bookmark) } else { Err(damaged("it is too long")) }
    }

    fn read(reading: &mut Reading<'_>) -> Option<Self> {
        let (stream, incarnation) = (reading.text()?, reading.text()?);
        let [read_to, events, gaps, rollbacks] =
            [reading.number()?, reading.number()?, reading.number()?, reading.number()?];
        let count = usize::try_from(reading.number()?).ok().filter(|count| *count <= MAX_MARKS)?;
        let mut marks: Vec<Place> = Vec::with_capacity(count);
        let mut after = Place { events, mark: Mark { seq: read_to, time_ms: 0, hash: 0 } };
        for _ in 0..count {
            let events = after.events.checked_sub(reading.number()?)?;
            let seq = after.mark.seq.checked_sub(reading.number()?)?;
            let time_ms = after.mark.time_ms.wrapping_sub(reading.signed()?);
            // Only the newest mark can be at `read_to`; there is no message 0.
            if seq == 0 || (seq == after.mark.seq && !marks.is_empty()) {
                return None;
            }
            after = Place { events, mark: Mark { seq, time_ms, hash: reading.fixed()? } };
            marks.push(after);
        }
        marks.reverse();
        Some(Self { stream, incarnation, read_to, events, gaps, rollbacks, marks })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn identity() -> LogIdentity {
        let (name, incarnation) = ("CF_chat_7".to_owned(), "2026-11-30T08:31:00.123456789Z".to_owned());
        LogIdentity { name, incarnation, first_seq: 1, last_seq: 0 }
    }

    fn mark(seq: u64) -> Mark {
        let time_ms = 1_800_000_000_000 + seq.cast_signed() / 3;
        Mark { seq, time_ms, hash: xxh3_64(&seq.to_le_bytes()) }
    }

    fn seqs(bookmark: &Bookmark) -> Vec<u64> {
        bookmark.marks().iter().map(|place| place.mark.seq).collect()
    }

    /// These bytes are in databases.
    #[test]
    fn the_stored_form_stays_the_same() {
        let mut bookmark = Bookmark::new(&LogIdentity { incarnation: "i".to_owned(), ..identity() });
        bookmark.advance(3, Mark { seq: 2, time_ms: 1_000, hash: 0x0102 });
        bookmark.advance(200, Mark { seq: 300, time_ms: 990, hash: 0x0304 });
        let mut expected = b"\x01\x09CF_chat_7\x01i\xac\x02\xcb\x01\x00\x00\x02".to_vec();
        expected.extend(b"\x00\x00\xbb\x0f\x04\x03\0\0\0\0\0\0");
        expected.extend(b"\xc8\x01\xaa\x02\x13\x02\x01\0\0\0\0\0\0");
        let checksum = xxh3_64(&expected).to_le_bytes();
        expected.extend(checksum);
        assert_eq!(bookmark.to_bytes(), expected);
    }

    #[test]
    fn marks_are_sparser_the_older_they_are() {
        let mut bookmark = Bookmark::new(&identity());
        for seq in 1..=100_000 {
            bookmark.advance(1, mark(seq));
            let seqs = seqs(&bookmark);
            assert!(seqs.len() <= 2 * 17 && seqs.first() == Some(&1), "{seqs:?}");
            // A rollback of any length costs at most five times its messages.
            assert!(seqs.windows(2).all(|pair| pair[1] - pair[0] <= 4 * (seq - pair[1]).max(1)), "{seqs:?}");
        }
        assert_eq!(bookmark.events, 100_000);
    }

    #[test]
    fn a_bookmark_fits_into_the_database_whatever_was_read() {
        let name = "\u{1f4ac}".repeat(80);
        let mut bookmark = Bookmark::new(&LogIdentity { name: name.clone(), incarnation: name, ..identity() });
        let mut seq = 1;
        while let Some(next) = u64::checked_add(seq, seq / 3 + 1).filter(|next| *next < u64::MAX / 2) {
            bookmark.advance(seq / 2, Mark { seq, time_ms: if seq % 2 == 0 { i64::MIN } else { i64::MAX }, hash: seq });
            seq = next;
        }
        bookmark.skip_to(u64::MAX);
        let bytes = bookmark.to_bytes();
        assert!(bytes.len() <= 4 << 10, "{} bytes", bytes.len());
        let stream = bookmark.stream.chars().take(63).collect();
        let read = Bookmark::from_bytes("b", &bytes).unwrap();
        assert_eq!(read, Bookmark { incarnation: read.incarnation.clone(), stream, ..bookmark });
    }

    #[test]
    fn a_rollback_leaves_the_marks_before_it() {
        let mut bookmark = Bookmark::new(&identity());
        (1..=10).for_each(|seq| bookmark.advance(2, mark(seq)));
        let kept: Vec<_> = seqs(&bookmark).into_iter().filter(|seq| *seq <= 8).collect();
        bookmark.back_to(8);
        assert_eq!((bookmark.read_to, bookmark.events, bookmark.rollbacks), (8, 16, 1));
        assert_eq!(seqs(&bookmark), kept);
        assert_eq!(bookmark.last(), Some(Place { events: 16, mark: mark(8) }));
        bookmark.back_to(0);
        assert_eq!((bookmark.read_to, bookmark.events, bookmark.last()), (0, 0, None));
        bookmark.skip_to(50);
        assert_eq!((bookmark.read_to, bookmark.gaps, bookmark.last()), (49, 1, None));
    }

    #[test]
    fn another_version_and_damage_are_named() {
        let mut bytes = Bookmark::new(&identity()).to_bytes();
        let read = |bytes: &[u8]| Bookmark::from_bytes("cf/chat/7", bytes).unwrap_err().to_string();
        assert_eq!(
            read(b""),
            "the bookmark cf/chat/7 is damaged (it is empty): restore a backup, or follow the log into an empty database"
        );
        assert!(read(&bytes[..4]).contains("too short"));
        bytes[3] ^= 1;
        assert!(read(&bytes).contains("checksum"));
        bytes[0] = 2;
        assert!(read(&bytes).contains("version 2"));
    }

    fn sealed(mut body: Vec<u8>) -> Vec<u8> {
        body.extend(xxh3_64(&body).to_le_bytes());
        body
    }

    proptest! {
        #[test]
        fn what_was_stored_is_read(steps in prop::collection::vec((1_u64..5_000, 0_u64..9, -50_i64..5_000), 0..200)) {
            let mut bookmark = Bookmark::new(&identity());
            let (mut seq, mut time_ms) = (0, 1_800_000_000_000);
            for (distance, events, ms) in steps {
                (seq, time_ms) = (seq + distance, time_ms + ms);
                bookmark.advance(events, Mark { seq, time_ms, hash: seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) });
                prop_assert_eq!(Bookmark::from_bytes("b", &bookmark.to_bytes()), Ok(bookmark.clone()));
            }
        }

        #[test]
        fn hostile_bytes_are_an_error_or_a_bookmark_that_is_stored_alike(mut body: Vec<u8>, is_version: bool) {
            if let (true, Some(first)) = (is_version, body.first_mut()) {
                *first = VERSION;
            }
            let _ = Bookmark::from_bytes("b", &body);
            if let Ok(bookmark) = Bookmark::from_bytes("b", &sealed(body)) {
                prop_assert_eq!(Bookmark::from_bytes("b", &bookmark.to_bytes()), Ok(bookmark));
            }
        }

        #[test]
        fn a_changed_byte_is_an_error_or_nothing(place: prop::sample::Index, bits in 1_u8.., seal: bool) {
            let mut bookmark = Bookmark::new(&identity());
            (1..=40).for_each(|seq| bookmark.advance(1, mark(seq)));
            let mut bytes = bookmark.to_bytes();
            let place = place.index(bytes.len());
            bytes[place] ^= bits;
            if seal {
                bytes.truncate(bytes.len() - CHECKSUM_BYTES);
                let _ = Bookmark::from_bytes("b", &sealed(bytes));
            } else {
                prop_assert!(Bookmark::from_bytes("b", &bytes).is_err());
            }
        }
    }
}
