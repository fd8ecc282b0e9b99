//! Groups: submissions that are committed together, and which of their events are new.

use std::collections::BTreeMap;
use std::time::Instant;

use convofold_engine::{Admission, Board, Effect, EventRef, Seq};

use crate::log::bookmark::Bookmark;
use crate::state::receipt::{EffectCounts, Receipt};
use crate::state::shared::Shared;
use crate::write::batch::{Batch, Durability};
use crate::write::ticket::Completer;

/// Number of events that are applied under one lock of the board, rounded up to the end of their batch: some thirty
/// microseconds.
const EVENTS_PER_LOCK: usize = 32;
/// The same for groups that no submission waits for, typically in a bulk replay. Derived values are computed once per
/// lock, so larger numbers are cheaper: half a millisecond.
const BULK_EVENTS_PER_LOCK: usize = 512;
/// Number of steps of the fold that are taken under one lock of the board, for each of its events. Usually one or two
/// suffice. Late events of a long conversation need more; its state is derived without this lock, once for the group.
const STEPS_PER_EVENT: usize = 16;

/// A batch in the queue, with its ticket.
pub(crate) struct Submission {
    pub(crate) batch: Batch,
    pub(crate) submitted: Instant,
    pub(crate) completer: Completer<Receipt>,
}

/// The batches of some submissions, which are committed together.
pub(crate) struct Group {
    batches: Vec<Batch>,
    /// For each batch, which of its events are new.
    is_new: Vec<Vec<bool>>,
    first_seq: Seq,
    /// Commit time, in milliseconds since the epoch.
    pub(crate) committed_ms: u64,
}

impl Group {
    /// Separates new events from those that the board knows. Evicted conversations must have been reloaded.
    pub(crate) fn admit(batches: Vec<Batch>, board: &Board, first_seq: Seq, committed_ms: u64) -> Self {
        let mut admissions = board.admissions();
        admissions.reserve(batches.iter().map(|batch| batch.events.len()).sum());
        let mut is_new = |event| admissions.admit(event) == Admission::Log;
        let is_new = batches.iter().map(|batch| batch.events.iter().map(&mut is_new).collect()).collect();
        Self { batches, is_new, first_seq, committed_ms }
    }

    /// Whether a submission waits for durability.
    pub(crate) fn is_awaited(&self) -> bool {
        self.batches.iter().any(|batch| batch.durability == Durability::Synced)
    }

    fn batches(&self) -> impl Iterator<Item = (&Batch, &[bool])> {
        self.batches.iter().zip(self.is_new.iter().map(Vec::as_slice))
    }

    /// The new events, in log order.
    pub(crate) fn new_events(&self) -> impl Iterator<Item = EventRef<'_>> {
        self.batches().flat_map(|(batch, is_new)| {
            batch.events.iter().zip(is_new).filter(|(_, is_new)| **is_new).map(|(event, _)| event.as_ref())
        })
    }

    /// The last value of each bookmark. Only this value counts.
    pub(crate) fn bookmarks(&self) -> Vec<&Bookmark> {
        let set = self.batches.iter().filter_map(|batch| batch.bookmark.as_ref());
        let last: BTreeMap<_, _> = set.map(|bookmark| (bookmark.name.as_str(), bookmark)).collect();
        last.into_values().collect()
    }

    /// Applies the group to board and index. Returns the receipt of each batch.
    pub(crate) fn fold(&self, shared: &Shared, is_durable: bool) -> Vec<Receipt> {
        let is_awaited = self.is_awaited();
        let max_events = if is_awaited { EVENTS_PER_LOCK } else { BULK_EVENTS_PER_LOCK };
        let mut listed = shared.live.listed();
        let mut seq = self.first_seq;
        let mut receipts = Vec::with_capacity(self.batches.len());
        let mut batches = self.batches().peekable();
        while batches.peek().is_some() {
            let mut board = shared.live.board_mut();
            let mut applying = board.edit();
            let mut events = 0;
            while events < max_events
                && let Some((batch, is_new)) = batches.next()
            {
                events += batch.events.len();
                receipts.push(apply(&mut applying, batch, is_new, &mut seq, is_durable));
            }
            if is_awaited {
                let updates = applying.finish_within(STEPS_PER_EVENT * max_events);
                drop(board);
                shared.live.list(updates);
            } else {
                // Several events of a conversation in the group then cost one row and one update of the index.
                applying.leave();
            }
        }
        shared.live.settle(max_events, STEPS_PER_EVENT * max_events);
        *listed = seq - 1;
        receipts
    }

    /// Sets the bookmarks of the group, which must be logged and folded: a host that resumes after a bookmark misses no
    /// event before it.
    pub(crate) fn set_bookmarks(&self, shared: &Shared) {
        let mut bookmarks = shared.bookmarks.write();
        for Bookmark { name, value } in self.bookmarks() {
            match value {
                Some(value) => bookmarks.insert(name.clone(), value.clone()),
                None => bookmarks.remove(name),
            };
        }
    }
}

fn apply(
    board: &mut convofold_engine::BoardEdit<'_>,
    batch: &Batch,
    is_new: &[bool],
    next_seq: &mut Seq,
    durable: bool,
) -> Receipt {
    let before = *next_seq;
    let mut counts = EffectCounts::default();
    let mut effects = Vec::with_capacity(batch.events.len());
    for (event, is_new) in batch.events.iter().zip(is_new) {
        let effect = if *is_new {
            *next_seq += 1;
            board.apply(*next_seq - 1, event)
        } else {
            board.repeat(event);
            Effect::Duplicate
        };
        counts.add(effect);
        effects.push(effect);
    }
    let logged = *next_seq > before;
    Receipt {
        effects: effects.into(),
        counts,
        first_seq: logged.then_some(before),
        last_seq: logged.then_some(*next_seq - 1),
        durable,
    }
}
