//! sled's page table: where the parts of each page are in sled's file.
//!
//! It is built as sled builds it when it opens: from the latest snapshot, a file with the page table at some position of
//! sled's log, and from the messages after that position. sled ends the log at the first message of the last segments
//! that it cannot read, and before a batch that is not complete.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use hashbrown::HashMap;

use super::file::{
    MAX_MESSAGE_HEADER_BYTES, Message, SEGMENT_HEADER_BYTES, Segments, read_at, snapshot_lsn, snapshot_name,
};
use super::node::Bytes;

/// The position of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Offset in the file.
    pub(super) at: u64,
    /// Position in sled's log.
    pub(super) lsn: u64,
}

/// The messages of a page: a whole node or meta page, and the links that change it.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) base: Place,
    pub(super) links: Vec<Place>,
}

/// The pages that exist, by number.
#[derive(Debug, Default)]
pub(super) struct PageTable {
    pages: HashMap<u64, Page>,
}

impl PageTable {
    /// Reads the page table of the file in this folder.
    pub(super) fn read(dir: &Path, file: &File, segment_bytes: usize) -> io::Result<Self> {
        let (mut table, from) = match snapshot_lsn(dir)? {
            0 => (Self::default(), 0),
            lsn => Self::decode_snapshot(&dir.join(snapshot_name(lsn)))?,
        };
        let first = from / segment_bytes as u64 * segment_bytes as u64;
        let mut segments = Segments::default();
        // Opening scans the file for findings, too, and then reads the whole log.
        let _finding = segments.list(file, segment_bytes, first)?;
        let log = Log { file, segment_bytes };
        let end = log.end(&segments)?;
        log.walk(segments.places.into_iter(), Some(end), false, |place, message| {
            if place.lsn >= from {
                table.apply(place, message);
            }
        })?;
        Ok(table)
    }

    pub(super) fn page(&self, number: u64) -> Option<&Page> {
        self.pages.get(&number)
    }

    fn apply(&mut self, place: Place, message: &Message<'_>) {
        match message.kind {
            Message::FREE => drop(self.pages.remove(&message.page)),
            Message::LINK | Message::BLOB_LINK => {
                // A page that was moved has its links after its new place; earlier ones are not needed.
                if let Some(page) = self.pages.get_mut(&message.page)
                    && page.links.last().unwrap_or(&page.base).lsn < place.lsn
                {
                    page.links.push(place);
                }
            }
            kind if Message::WHOLE_PAGES.contains(&kind) => {
                drop(self.pages.insert(message.page, Page { base: place, links: Vec::new() }));
            }
            _ => {}
        }
    }

    /// The page table of a snapshot, and the position in sled's log up to which it is complete.
    fn decode_snapshot(path: &PathBuf) -> io::Result<(Self, u64)> {
        let bytes = fs::read(path)?;
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "sled's snapshot is damaged");
        let (rest, crc) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
        let (payload, _length) = rest.split_last_chunk::<8>().ok_or_else(damaged)?;
        if u32::from_le_bytes(*crc) != crc32fast::hash(payload) {
            return Err(damaged());
        }
        decode_snapshot(&mut Bytes(payload)).ok_or_else(damaged)
    }
}

fn decode_snapshot(bytes: &mut Bytes<'_>) -> Option<(PageTable, u64)> {
    // 0 means that there is none; other values are stored plus 1.
    let from = u64::try_from(bytes.lsn()?).ok()?.saturating_sub(1);
    let _active_segment = bytes.integer()?;
    let mut pages = HashMap::new();
    for number in 0.. {
        if bytes.is_empty() {
            break;
        }
        match bytes.byte()? {
            0 => drop((bytes.lsn()?, place_in_file(bytes)?)),
            parts => {
                let base = place(bytes)?;
                let links = (1..parts).map(|_| place(bytes)).collect::<Option<_>>()?;
                pages.insert(number, Page { base, links });
            }
        }
    }
    Some((PageTable { pages }, from))
}

fn place(bytes: &mut Bytes<'_>) -> Option<Place> {
    let lsn = u64::try_from(bytes.lsn()?).ok()?;
    let at = place_in_file(bytes)?;
    let _stored_bytes = bytes.integer()?;
    Some(Place { at, lsn })
}

fn place_in_file(bytes: &mut Bytes<'_>) -> Option<u64> {
    let is_blob = bytes.byte()? == 1;
    let at = bytes.integer()?;
    if is_blob {
        bytes.lsn()?;
    }
    Some(at)
}

/// The messages of sled's file.
struct Log<'a> {
    file: &'a File,
    segment_bytes: usize,
}

impl Log<'_> {
    /// The position of the last byte of the last message, as sled determines it: the last segments, which no other
    /// segment names as stable, must follow each other and be readable.
    fn end(&self, segments: &Segments) -> io::Result<u64> {
        let segment_bytes = self.segment_bytes as u64;
        let first = segments.stable / segment_bytes * segment_bytes;
        let expected = (0..).map(|number: u64| first.saturating_add(number.saturating_mul(segment_bytes)));
        let mut tail = BTreeMap::new();
        let mut missing = None;
        for ((lsn, at), expected) in segments.places.range(first..).zip(expected) {
            if *lsn != expected {
                missing = Some(expected);
                break;
            }
            tail.insert(*lsn, *at);
        }
        Ok(self.walk(tail.into_iter(), missing, true, |_, _| {})?.saturating_sub(1))
    }

    /// Visits the messages of these segments, up to the position `last` in sled's log. In the tail, the first unreadable
    /// message ends the log; in other segments, it ends the segment. Returns the position after the last message.
    fn walk(
        &self,
        segments: impl Iterator<Item = (u64, u64)>,
        last: Option<u64>,
        is_tail: bool,
        mut visit: impl FnMut(Place, &Message<'_>),
    ) -> io::Result<u64> {
        let mut next = 0;
        let mut segment = Vec::new();
        let is_behind = |lsn: u64| last.is_some_and(|last| lsn > last);
        for (first, base) in segments {
            if is_behind(first) {
                return Ok(next);
            }
            read_at(self.file, base, self.segment_bytes, &mut segment)?;
            let mut offset = SEGMENT_HEADER_BYTES;
            next = first.saturating_add(offset as u64);
            while offset + MAX_MESSAGE_HEADER_BYTES <= self.segment_bytes {
                if is_behind(next) {
                    return Ok(next);
                }
                let Some(message) = Message::at(&segment, offset, first / self.segment_bytes as u64) else {
                    if is_tail {
                        return Ok(next);
                    }
                    break;
                };
                if message.kind == Message::CAP {
                    break;
                }
                if message.batch_until().is_some_and(is_behind) {
                    return Ok(next);
                }
                visit(Place { at: base + offset as u64, lsn: next }, &message);
                offset = message.end;
                next = first.saturating_add(offset as u64);
            }
        }
        Ok(next)
    }
}
