//! Groups: submissions that are committed together, and which of their events are new.

use std::collections::BTreeMap;
use std::time::Instant;

use convofold_engine::{Admission, Board, BoardEdit, Effect, Seq};

use crate::log::bookmark::Bookmark;
use crate::log::columns::Events;
use crate::state::receipt::{EffectCounts, Receipt};
use crate::state::shared::Shared;
use crate::write::batch::{Batch, Durability};
use crate::write::removed::Refusals;
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
    /// For each event, whether it is new.
    is_new: Vec<bool>,
    /// For each event, whether it was erased, or removed with its conversation; empty if nothing ever was.
    is_erased: Vec<bool>,
    /// For each conversation of each batch, its slot before the group; `None` if it is new.
    slots: Vec<Option<u32>>,
    first_seq: Seq,
    /// Commit time, in milliseconds since the epoch.
    pub(crate) committed_ms: u64,
}

impl Group {
    /// Separates new events from those that the board knows or that were erased or removed, and removes old texts. Evicted
    /// conversations must have been reloaded.
    pub(crate) fn admit(
        mut batches: Vec<Batch>,
        board: &Board,
        refusals: Refusals<'_>,
        first_seq: Seq,
        committed_ms: u64,
    ) -> Self {
        let count = batches.iter().map(Batch::len).sum();
        let is_erased = refusals.refuse(&mut batches, board);
        let mut of_events = is_erased.iter();
        let mut admissions = board.admissions();
        admissions.reserve(count);
        let (mut is_new, mut slots) = (Vec::with_capacity(count), Vec::new());
        for Batch { events, .. } in &batches {
            let first = slots.len();
            slots.extend(events.conversations().map(|id| board.slot_of(id)));
            is_new.extend(events.iter().map(|(shared, event)| {
                let slot = slots.get(first + shared.conversation).copied().flatten();
                let is_erased = of_events.next() == Some(&true);
                !is_erased && !refusals.knows(event, slot, board) && admissions.admit_at(slot, event) == Admission::Log
            }));
        }
        Self { batches, is_new, is_erased, slots, first_seq, committed_ms }
    }

    /// Whether a submission waits for durability.
    pub(crate) fn is_awaited(&self) -> bool {
        self.batches.iter().any(|batch| batch.durability == Durability::Synced)
    }

    fn batches(&self) -> impl Iterator<Item = (&Batch, &[bool], &[bool])> {
        let (mut is_new, mut is_erased) = (self.is_new.as_slice(), self.is_erased.as_slice());
        self.batches.iter().map(move |batch| {
            let [own, own_erased] = [&mut is_new, &mut is_erased].map(|rest| {
                let (own, others) = rest.split_at_checked(batch.len()).unwrap_or_default();
                *rest = others;
                own
            });
            (batch, own, own_erased)
        })
    }

    /// The events of each batch, and for each of them whether it is new.
    pub(crate) fn events(&self) -> impl Iterator<Item = (&Events, &[bool])> {
        self.batches().map(|(batch, is_new, _)| (&batch.events, is_new))
    }

    /// The number of new events.
    pub(crate) fn new_count(&self) -> usize {
        self.is_new.iter().filter(|is_new| **is_new).count()
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
        let mut batches = self.batches().map(|(batch, new, erased)| Applied::new(batch, new, erased)).peekable();
        let (mut slots, mut first) = (self.slots.clone(), 0);
        while batches.peek().is_some() {
            let mut board = shared.live.board_mut();
            let mut applying = board.edit();
            let mut events = 0;
            while events < max_events
                && let Some(batch) = batches.peek_mut()
            {
                let slots = slots.get_mut(first..).unwrap_or_default();
                events += batch.apply(&mut applying, slots, &mut seq, max_events - events);
                if batch.is_complete() {
                    first += batch.batch.events.conversation_count();
                    receipts.extend(batches.next().map(|batch| batch.receipt(is_durable)));
                }
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

/// A batch that is being applied.
struct Applied<'a> {
    batch: &'a Batch,
    is_new: &'a [bool],
    is_erased: &'a [bool],
    /// For each context, its index in its conversation, once it is known.
    contexts: Vec<Option<u32>>,
    counts: EffectCounts,
    effects: Vec<Effect>,
    first_seq: Option<Seq>,
    last_seq: Option<Seq>,
}

impl<'a> Applied<'a> {
    fn new(batch: &'a Batch, is_new: &'a [bool], is_erased: &'a [bool]) -> Self {
        let effects = Vec::with_capacity(batch.len());
        let contexts = vec![None; batch.events.context_count()];
        Self {
            batch,
            is_new,
            is_erased,
            contexts,
            counts: EffectCounts::default(),
            effects,
            first_seq: None,
            last_seq: None,
        }
    }

    fn is_complete(&self) -> bool {
        self.effects.len() == self.batch.len()
    }

    /// Applies the next events: at most `max_events` of a divisible batch, all of another one. Returns their number.
    fn apply(
        &mut self,
        board: &mut BoardEdit<'_>,
        slots: &mut [Option<u32>],
        next_seq: &mut Seq,
        max_events: usize,
    ) -> usize {
        let before = self.effects.len();
        let left = if self.batch.is_divisible { max_events } else { usize::MAX };
        let is_new = self.is_new.get(before..).unwrap_or_default();
        for ((shared, event), is_new) in self.batch.events.iter_from(before).zip(is_new).take(left) {
            let (mut no_slot, mut no_context) = (None, None);
            let slot = slots.get_mut(shared.conversation).unwrap_or(&mut no_slot);
            let effect = if *is_new {
                let seq = *next_seq;
                *next_seq += 1;
                self.first_seq = self.first_seq.or(Some(seq));
                self.last_seq = Some(seq);
                let context = self.contexts.get_mut(shared.context).unwrap_or(&mut no_context);
                board.apply_at(slot, context, seq, event)
            } else if self.is_erased.get(self.effects.len()) == Some(&true) {
                Effect::Erased
            } else {
                board.repeat_at(slot, event);
                Effect::Duplicate
            };
            self.counts.add(effect);
            self.effects.push(effect);
        }
        self.effects.len() - before
    }

    fn receipt(self, durable: bool) -> Receipt {
        let Self { counts, effects, first_seq, last_seq, .. } = self;
        Receipt { effects: effects.into(), counts, first_seq, last_seq, durable }
    }
}
