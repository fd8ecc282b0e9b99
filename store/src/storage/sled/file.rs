//! Reads sled's file without sled, to predict what sled will take for the end of the file.
//!
//! When sled opens, it reads everything that was written since it last opened. It takes an unreadable position for the
//! end of the file and overwrites what follows: one flipped bit costs all later data. A killed process leaves nothing
//! after the end of the file. So if readable data follows an unreadable position, [`scan_finding`] reports it, and the
//! caller makes a safety copy before sled opens the file.
//!
//! The format is that of sled 0.34.7: segments of one size. Each segment has a header (CRC-32, its position in sled's
//! own log, the stable position of that log) and contains messages (CRC-32, kind, length, segment number, page).
//! Integers in message headers have variable length.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::format::frame::u64_at;
use crate::storage::files::open_for_parts;
use crate::storage::fragment::{Fragment, Tree};

pub(super) const SEGMENT_HEADER_BYTES: usize = 20;
/// If fewer bytes than this are left, sled continues in the next segment.
pub(super) const MAX_MESSAGE_HEADER_BYTES: usize = 32;
const XOR: u64 = 0x7FFF_FFFF_FFFF_FFFF;

/// Something in sled's file that does not look like the end that a killed process leaves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScanFinding {
    /// A segment has an unreadable header and contains data of this database.
    #[error("the segment at byte {at} of sled's file has no valid header, but contains data")]
    Segment {
        /// Offset of the segment, in bytes.
        at: u64,
    },
    /// Two segments have the same position in sled's log.
    #[error("the segment at byte {at} of sled's file repeats the position of another segment")]
    Twice {
        /// Offset of the second segment, in bytes.
        at: u64,
    },
    /// A segment is missing, and later segments exist.
    #[error("a segment is missing before byte {at} of sled's file")]
    Gap {
        /// Offset of the later segment, in bytes.
        at: u64,
    },
    /// A message is unreadable, and later messages are readable.
    #[error("the message at byte {at} of sled's file is unreadable, but later messages are readable")]
    Message {
        /// Offset of the message, in bytes.
        at: u64,
    },
    /// An atomic batch is incomplete, and is known to have been complete.
    #[error("the batch at byte {at} of sled's file is incomplete, but is known to have been complete")]
    Batch {
        /// Offset of the batch, in bytes.
        at: u64,
    },
}

/// Scans what sled will scan when it opens. `durable_block_no` is the last block that is known to have been durable.
pub(crate) fn scan_finding(dir: &Path, segment_bytes: usize, durable_block_no: u64) -> io::Result<Option<ScanFinding>> {
    let file = match open_for_parts(&dir.join("db")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let from = snapshot_lsn(dir)? / segment_bytes as u64 * segment_bytes as u64;
    let mut segments = Segments::default();
    if let Some(scan_finding) = segments.list(&file, segment_bytes, from)? {
        return Ok(Some(scan_finding));
    }
    if let Some(scan_finding) = segments.gap(segment_bytes as u64) {
        return Ok(Some(scan_finding));
    }
    segments.walk(&file, segment_bytes, durable_block_no)
}

/// The log position of sled's latest snapshot, where sled begins to scan. 0 if there is no snapshot.
pub(super) fn snapshot_lsn(dir: &Path) -> io::Result<u64> {
    let mut latest = 0;
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let lsn = name.to_str().and_then(|name| name.strip_prefix("snap.")).map(|lsn| u64::from_str_radix(lsn, 16));
        latest = latest.max(lsn.and_then(Result::ok).unwrap_or(0));
    }
    Ok(latest)
}

/// The name of the snapshot at this position of sled's log.
pub(super) fn snapshot_name(lsn: u64) -> String {
    format!("snap.{lsn:016X}")
}

/// The segments that sled will scan, by their position in its log.
#[derive(Default)]
pub(super) struct Segments {
    pub(super) places: BTreeMap<u64, u64>,
    pub(super) stable: u64,
}

impl Segments {
    /// Lists the segments that sled will scan. Returns the first finding.
    pub(super) fn list(&mut self, file: &File, segment_bytes: usize, from: u64) -> io::Result<Option<ScanFinding>> {
        self.stable = from;
        let mut at = 0;
        let mut finding = None;
        let (mut header, mut segment) = (Vec::new(), Vec::new());
        while read_at(file, at, SEGMENT_HEADER_BYTES, &mut header)? == SEGMENT_HEADER_BYTES {
            match segment_header(&header) {
                Some((lsn, stable)) if lsn >= from => {
                    self.stable = self.stable.max(stable);
                    if *self.places.entry(lsn).or_insert(at) != at {
                        finding.get_or_insert(ScanFinding::Twice { at });
                    }
                }
                Some(_) => {}
                None if finding.is_none() => {
                    read_at(file, at, segment_bytes, &mut segment)?;
                    if Fragment::find_all(&segment).next().is_some() {
                        finding = Some(ScanFinding::Segment { at });
                    }
                }
                None => {}
            }
            at += segment_bytes as u64;
        }
        Ok(finding)
    }

    /// Segments before the stable position may be missing, because sled reuses them. Later segments may not.
    fn gap(&self, segment_bytes: u64) -> Option<ScanFinding> {
        let first = self.stable / segment_bytes * segment_bytes;
        let expected = (0..).map(|number: u64| first.saturating_add(number.saturating_mul(segment_bytes)));
        let mut later = self.places.range(first..).zip(expected);
        later.find(|((lsn, _), expected)| **lsn != *expected).map(|((_, at), _)| ScanFinding::Gap { at: *at })
    }

    fn walk(&self, file: &File, segment_bytes: usize, durable_block_no: u64) -> io::Result<Option<ScanFinding>> {
        let mut batch: Option<OpenBatch> = None;
        let mut segment = Vec::new();
        let last = self.places.last_key_value().map(|(lsn, _)| *lsn);
        for (lsn, base) in &self.places {
            read_at(file, *base, segment_bytes, &mut segment)?;
            let number = lsn / segment_bytes as u64;
            let mut place = SEGMENT_HEADER_BYTES;
            while place + MAX_MESSAGE_HEADER_BYTES <= segment_bytes {
                let at = base + place as u64;
                let Some(message) = Message::at(&segment, place, number) else {
                    if Some(*lsn) != last || Message::follows(&segment, place, number) {
                        return Ok(Some(ScanFinding::Message { at }));
                    }
                    break;
                };
                if let Some(last_lsn) = message.batch_until() {
                    batch = Some(OpenBatch { at, last_lsn, durable: false });
                } else if let Some(batch) = &mut batch {
                    batch.durable |= message.has_block_up_to(durable_block_no);
                }
                place = message.end;
                if batch.as_ref().is_some_and(|batch| batch.last_lsn < lsn.saturating_add(place as u64)) {
                    batch = None;
                }
                if message.kind == Message::CAP {
                    break;
                }
            }
        }
        Ok(batch.filter(|batch| batch.durable).map(|batch| ScanFinding::Batch { at: batch.at }))
    }
}

/// Messages that sled accepts only together.
struct OpenBatch {
    at: u64,
    last_lsn: u64,
    /// Whether it contains a block that is known to have been durable.
    durable: bool,
}

/// The position of the segment in sled's log, and the stable position. `None` if the header is invalid.
fn segment_header(header: &[u8]) -> Option<(u64, u64)> {
    let stated = header.first_chunk().copied().map(u32::from_le_bytes)?;
    let rest = header.get(4..SEGMENT_HEADER_BYTES)?;
    // Before the first flush, the stable position is -1.
    let stable = u64::try_from((u64_at(rest, 8) ^ XOR).cast_signed()).unwrap_or(0);
    (stated ^ u32::MAX == crc32fast::hash(rest)).then(|| (u64_at(rest, 0) ^ XOR, stable))
}

/// A readable message.
pub(super) struct Message<'a> {
    pub(super) kind: u8,
    /// The number of the page that it belongs to.
    pub(super) page: u64,
    pub(super) body: &'a [u8],
    /// Offset of the next message.
    pub(super) end: usize,
}

impl<'a> Message<'a> {
    pub(super) const CAP: u8 = 2;
    const BATCH: u8 = 3;
    pub(super) const FREE: u8 = 4;
    /// A counter, the meta page, a node; the last two also in `blobs/`.
    pub(super) const WHOLE_PAGES: std::ops::RangeInclusive<u8> = 5..=9;
    pub(super) const LINK: u8 = 10;
    pub(super) const BLOB_LINK: u8 = 11;
    const BLOBS: [u8; 3] = [7, 9, Self::BLOB_LINK];
    const KINDS: std::ops::RangeInclusive<u8> = 1..=11;
    pub(super) const MAX_HEADER_BYTES: usize = MAX_MESSAGE_HEADER_BYTES;

    /// The length of the message with this beginning, as far as its header is readable.
    pub(super) fn stated_bytes(header: &[u8]) -> Option<usize> {
        let mut header_end = 5;
        let body_bytes = usize::try_from(integer(header, &mut header_end)?).ok()?;
        let (_number, _page) = (integer(header, &mut header_end)?, integer(header, &mut header_end)?);
        header_end.checked_add(body_bytes)
    }

    /// Whether the body contains the page, and not the name of a file in `blobs/`.
    pub(super) fn is_inline(&self) -> bool {
        !Self::BLOBS.contains(&self.kind)
    }

    pub(super) fn at(segment: &'a [u8], place: usize, number: u64) -> Option<Self> {
        let whole = segment.get(place..)?;
        let stated = whole.first_chunk().copied().map(u32::from_le_bytes)?;
        let kind = *whole.get(4).filter(|kind| Self::KINDS.contains(kind))?;
        let mut header_end = 5;
        let body_bytes = usize::try_from(integer(whole, &mut header_end)?).ok()?;
        if integer(whole, &mut header_end)? != number {
            return None;
        }
        let page = integer(whole, &mut header_end)?;
        let body = whole.get(header_end..header_end.checked_add(body_bytes)?)?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(body);
        crc.update(whole.get(4..header_end)?);
        (stated ^ u32::MAX == crc.finalize()).then_some(Self { kind, page, body, end: place + header_end + body_bytes })
    }

    /// Whether a later message of the same segment is readable. Messages of an earlier use of the segment have other
    /// numbers.
    fn follows(segment: &'a [u8], place: usize, number: u64) -> bool {
        (place + 1..segment.len()).any(|place| Self::at(segment, place, number).is_some())
    }

    /// The position in sled's log up to which the messages form one batch.
    pub(super) fn batch_until(&self) -> Option<u64> {
        (self.kind == Self::BATCH && self.body.len() == 8).then(|| u64_at(self.body, 0))
    }

    fn has_block_up_to(&self, block_no: u64) -> bool {
        let key_block_no = |fragment: Fragment<'_>| fragment.key.get(8..).and_then(|rest| rest.first_chunk()).copied();
        Fragment::find_all(self.body)
            .filter(|(_, fragment)| fragment.tree == Tree::Log)
            .filter_map(|(_, fragment)| key_block_no(fragment).map(u64::from_be_bytes))
            .any(|found| found <= block_no)
    }
}

/// An integer in sled's variable-length encoding.
pub(super) fn integer(bytes: &[u8], place: &mut usize) -> Option<u64> {
    let first = *bytes.get(*place)?;
    let byte = |offset: usize| bytes.get(*place + offset).copied().map(u64::from);
    let (value, length) = match first {
        0..=240 => (u64::from(first), 1),
        241..=248 => (240 + 256 * (u64::from(first) - 241) + byte(1)?, 2),
        249 => (2288 + 256 * byte(1)? + byte(2)?, 3),
        more => {
            let length = usize::from(more) - 247;
            let digits = bytes.get(*place + 1..*place + 1 + length)?;
            (digits.iter().rev().fold(0, |value, digit| value << 8 | u64::from(*digit)), length + 1)
        }
    };
    *place += length;
    Some(value)
}

/// Reads up to this number of bytes, and returns the number read.
pub(super) fn read_at(mut file: &File, at: u64, bytes: usize, into: &mut Vec<u8>) -> io::Result<usize> {
    into.clear();
    file.seek(SeekFrom::Start(at))?;
    file.take(bytes as u64).read_to_end(into)
}

#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    use super::{SEGMENT_HEADER_BYTES, XOR};

    /// Builds segments with valid checksums from arbitrary bytes, for fuzzing. One byte gives the number of messages of
    /// a segment. For each message, one byte gives its kind and one its length.
    pub(crate) fn mended(bytes: &[u8], segment_bytes: usize) -> Vec<u8> {
        let mut bytes = bytes.iter().copied();
        let mut file = Vec::new();
        while let (Some(number), Some(messages)) = (bytes.next(), bytes.next()) {
            let mut segment = Vec::new();
            let lsn = u64::from(number % 8) * segment_bytes as u64;
            let stable = u64::from(number / 32) * segment_bytes as u64;
            segment.extend_from_slice(&(lsn ^ XOR).to_le_bytes());
            segment.extend_from_slice(&(stable ^ XOR).to_le_bytes());
            let crc = crc32fast::hash(&segment) ^ u32::MAX;
            let mut segment = [crc.to_le_bytes().as_slice(), &segment].concat();
            debug_assert_eq!(segment.len(), SEGMENT_HEADER_BYTES);
            for _ in 0..messages % 8 {
                let (Some(kind), Some(length)) = (bytes.next(), bytes.next()) else { break };
                let body: Vec<u8> = bytes.by_ref().take(usize::from(length % 200)).collect();
                let length = u8::try_from(body.len()).unwrap_or_default();
                let header = [kind % 12, length, number % 8, 1];
                let crc = crc32fast::hash(&[body.as_slice(), &header].concat()) ^ u32::MAX;
                segment.extend_from_slice(&[crc.to_le_bytes().as_slice(), &header, &body].concat());
            }
            segment.resize(segment_bytes, 0);
            file.append(&mut segment);
        }
        file
    }
}
