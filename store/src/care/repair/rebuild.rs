//! Writes the new database: events in log order, and the bookmarks that are still valid.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use convofold_engine::{Event, Seq};

use super::report::{Lost, RepairReport};
use super::{RepairError, RepairProgress};
use crate::api::handle::Convofold;
use crate::format::checkpoint::CheckpointRecord;
use crate::format::marks::Marks;
use crate::log::bookmark::{Bookmarks, set_bookmark};
use crate::log::columns::bytes_of;
use crate::log::events::DecodedBlock;
use crate::write::batch::{Batch, Durability};
use crate::write::ticket::Ticket;

/// Number of events per submission.
const EVENTS_AT_ONCE: usize = 2_048;
/// Maximum number of submissions in the queue.
const IN_FLIGHT: usize = 8;

pub(super) struct Rebuild<'a> {
    db: &'a Convofold,
    /// Events that are in no block, by their seq in the old log.
    from_pages: BTreeMap<Seq, Event>,
    /// Checkpoints whose log position is not reached yet, oldest first.
    checkpoints: VecDeque<CheckpointRecord>,
    /// The seq of the last event known to have existed.
    known: Seq,
    tell: Box<dyn FnMut(RepairProgress) + 'a>,
    /// Expected seq of the next event in the old log.
    next_seq: Seq,
    last_at_ms: Option<i64>,
    /// Commit times of the events before the log.
    marks: Marks,
    /// The next submission and its commit time, if known.
    events: Vec<Event>,
    /// The size of these events, in bytes.
    bytes: usize,
    committed_ms: Option<u64>,
    in_flight: VecDeque<Ticket>,
    bookmarks: Bookmarks,
    dropped: BTreeSet<String>,
    report: RepairReport,
}

impl<'a> Rebuild<'a> {
    pub(super) fn new(
        db: &'a Convofold,
        from_pages: BTreeMap<Seq, Event>,
        marks: Marks,
        checkpoints: Vec<CheckpointRecord>,
        known: Seq,
        tell: Box<dyn FnMut(RepairProgress) + 'a>,
    ) -> Self {
        Self {
            db,
            from_pages,
            checkpoints: checkpoints.into(),
            known,
            tell,
            next_seq: 1,
            last_at_ms: None,
            marks,
            events: Vec::new(),
            bytes: 0,
            committed_ms: None,
            in_flight: VecDeque::new(),
            bookmarks: Bookmarks::new(),
            dropped: BTreeSet::new(),
            report: RepairReport::default(),
        }
    }

    /// Adds a block, after the events from pages that precede it.
    pub(super) fn block(&mut self, block_no: u64, block: DecodedBlock) -> Result<(), RepairError> {
        self.remembered_before(block.first_seq, Some(block.committed_ms))?;
        while let Some(checkpoint) = self.checkpoints.pop_front_if(|checkpoint| checkpoint.last_block_no < block_no) {
            self.checkpoint(checkpoint);
        }
        for (seq, _, event) in block.events() {
            self.event(seq, event.to_event(), Some(block.committed_ms))?;
        }
        for bookmark in block.bookmarks {
            if self.report.lost.is_empty() {
                set_bookmark(bookmark, &mut self.bookmarks);
            } else {
                self.dropped.insert(bookmark.0);
            }
        }
        Ok(())
    }

    /// A checkpoint contains all bookmarks as of its log position, including those of lost blocks.
    fn checkpoint(&mut self, checkpoint: CheckpointRecord) {
        if self.report.lost.is_empty() && self.next_seq > checkpoint.last_seq {
            self.bookmarks = checkpoint.bookmarks.into_iter().collect();
        }
    }

    /// Adds the events from pages before `seq`. If the commit time of an event is unknown, it gets the time of the next
    /// block: no event seems known earlier than it was.
    fn remembered_before(&mut self, seq: Seq, next_ms: Option<u64>) -> Result<(), RepairError> {
        while let Some(entry) = self.from_pages.first_entry().filter(|entry| *entry.key() < seq) {
            let (seq, event) = entry.remove_entry();
            self.report.from_checkpoints += 1;
            self.event(seq, event, self.marks.committed_ms(seq).or(next_ms))?;
        }
        Ok(())
    }

    fn event(&mut self, seq: Seq, event: Event, committed_ms: Option<u64>) -> Result<(), RepairError> {
        let bytes = bytes_of(&event);
        let is_full = self.bytes + bytes > self.db.shared().options.bounds.submission_bytes;
        if self.committed_ms != committed_ms || is_full || self.events.len() >= EVENTS_AT_ONCE {
            self.submit()?;
            self.committed_ms = committed_ms;
        }
        let at_ms = event.at().alone().ms();
        self.lost_before(seq, Some(at_ms));
        self.next_seq = seq.saturating_add(1);
        self.last_at_ms = Some(at_ms);
        self.report.events += 1;
        self.events.push(event);
        self.bytes += bytes;
        Ok(())
    }

    fn lost_before(&mut self, seq: Seq, before_ms: Option<i64>) {
        if seq > self.next_seq {
            let after_ms = self.last_at_ms;
            self.report.lost.push(Lost { after_ms, before_ms, ..Lost::range(self.next_seq, seq - 1) });
        }
    }

    fn submit(&mut self) -> Result<(), RepairError> {
        if self.events.is_empty() {
            return Ok(());
        }
        self.bytes = 0;
        let batch = Batch::new(std::mem::take(&mut self.events)).durability(Durability::Buffered);
        let batch = Batch { committed_ms: self.committed_ms, ..batch };
        self.in_flight.push_back(self.db.submit(batch)?);
        let events = self.report.events;
        (self.tell)(RepairProgress::Writing { events, total: self.known.max(events) });
        self.settle(IN_FLIGHT)
    }

    fn settle(&mut self, in_flight: usize) -> Result<(), RepairError> {
        while self.in_flight.len() > in_flight {
            if let Some(ticket) = self.in_flight.pop_front() {
                ticket.wait()?;
            }
        }
        Ok(())
    }

    /// Adds the events from pages after the last block. Also returns the last event up to which nothing is lost, and events
    /// have the numbers that they had.
    pub(super) fn finish(mut self) -> Result<(RepairReport, Seq), RepairError> {
        self.remembered_before(Seq::MAX, None)?;
        self.lost_before(self.known.saturating_add(1), None);
        for checkpoint in std::mem::take(&mut self.checkpoints) {
            self.checkpoint(checkpoint);
        }
        self.submit()?;
        for (name, value) in std::mem::take(&mut self.bookmarks) {
            let batch = Batch::default().bookmark(name, value).durability(Durability::Buffered);
            self.in_flight.push_back(self.db.submit(batch)?);
        }
        self.settle(0)?;
        self.db.sync()?;
        // An event that was found twice counts once.
        let is_twice = self.report.events != self.db.stats().last_seq;
        self.report.events = self.db.stats().last_seq;
        let whole_until = self.report.lost.first().map_or(self.report.events, |lost| lost.first_seq - 1);
        let report = RepairReport { bookmarks_dropped: self.dropped.into_iter().collect(), ..self.report };
        Ok((report, if is_twice { 0 } else { whole_until }))
    }
}
