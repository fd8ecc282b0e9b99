//! What was erased or removed does not come back: events that are refused, and old texts.

use std::collections::BTreeSet;

use convofold_engine::{Attribute, Board, Event, EventRef, Seq};

use crate::log::columns::Events;
use crate::state::erasures::Erasures;
use crate::state::holds::Holds;
use crate::state::retention::Removals;
use crate::write::batch::Batch;

/// What is refused, and what is kept in spite of its age. Nearly every database has nothing of it.
#[derive(Clone, Copy)]
pub(crate) struct Refusals<'a> {
    pub(crate) erasures: &'a Erasures,
    pub(crate) removals: &'a Removals,
    pub(crate) holds: &'a Holds,
}

impl Refusals<'_> {
    /// For each event, in the order of all batches, whether it was erased or removed with its conversation; nothing if nothing
    /// ever was. Removes old texts. The conversations of the batches must be on the board.
    pub(crate) fn refuse(&self, batches: &mut [Batch], board: &Board) -> Vec<bool> {
        let mut is_refused = if self.erasures.is_empty() { Vec::new() } else { erased(batches, self.erasures) };
        if self.removals.is_empty() {
            return is_refused;
        }
        self.mark_gone(batches, board, &mut is_refused);
        self.remove_old_texts(batches, board, &is_refused);
        is_refused
    }

    /// Whether a conversation knows an event without its text, which lost to another one (rule I2): it has another content now.
    /// In a conversation that a legal hold keeps, it can be an event that never arrived, and is kept.
    pub(crate) fn knows(&self, event: EventRef<'_>, slot: Option<u32>, board: &Board) -> bool {
        if self.removals.is_empty() {
            return false;
        }
        let Some(known) = slot.filter(|slot| board.has_lost(*slot, event)) else { return false };
        let before = self.removals.texts_before(place_of(event, Some(known), board).0);
        let is_held = || !self.holds.is_empty() && board.image(known).is_some_and(|image| self.holds.keeps(&image));
        before.is_some_and(|before| event.text_time() < before) && !is_held()
    }

    /// Marks the events of conversations that are gone.
    fn mark_gone(&self, batches: &[Batch], board: &Board, is_refused: &mut Vec<bool>) {
        is_refused.resize(batches.iter().map(Batch::len).sum(), false);
        let events = batches.iter().flat_map(Batch::events);
        for (is_refused, event) in is_refused.iter_mut().zip(events) {
            *is_refused |= self.removals.may_be_gone(event) && {
                let (tenant, first_seq) = place_of(event, board.slot_of(event.conversation()), board);
                self.removals.is_gone(tenant, event.at().alone(), first_seq)
            };
        }
    }

    /// Removes the texts that are older than retention allows, except those that a legal hold keeps.
    fn remove_old_texts(&self, batches: &mut [Batch], board: &Board, is_refused: &[bool]) {
        let events = batches.iter().flat_map(Batch::events).zip(is_refused);
        let old: Vec<_> = events.map(|(event, no)| if *no { None } else { self.old(event, board) }).collect();
        if old.iter().all(Option::is_none) {
            return;
        }
        let held = self.held(batches, &old, is_refused, board);
        let mut old = old.into_iter();
        for batch in batches {
            let old: Vec<_> = old.by_ref().take(batch.len()).collect();
            if old.iter().all(Option::is_none) {
                continue;
            }
            let removed = |(event, old): (EventRef<'_>, Option<Old>)| {
                let old = old.filter(|old| !(old.is_new && held.contains(event.conversation())));
                old.map_or_else(|| event.to_event(), |old| old.without)
            };
            batch.events = Events::List(batch.events().zip(old).map(removed).collect());
        }
    }

    /// An event with an old text; `None` if it has none, or its conversation has it with its text.
    fn old(&self, event: EventRef<'_>, board: &Board) -> Option<Old> {
        if !self.removals.may_have_old_text(event) {
            return None;
        }
        let slot = board.slot_of(event.conversation());
        let before = self.removals.texts_before(place_of(event, slot, board).0)?;
        if !event.has_text_before(before) || slot.is_some_and(|slot| board.knows(slot, event)) {
            return None;
        }
        // An accepted event without its text can be built.
        let without = event.without_text().ok()?;
        let is_new = !slot.is_some_and(|slot| board.knows(slot, without.as_ref()));
        Some(Old { without, is_new })
    }

    /// The conversations with new events with old texts that a legal hold keeps, as they are after all events of the batches: one
    /// of these can name the subject for the others.
    fn held(&self, batches: &[Batch], old: &[Option<Old>], is_refused: &[bool], board: &Board) -> BTreeSet<String> {
        if self.holds.is_empty() {
            return BTreeSet::new();
        }
        let events = || batches.iter().flat_map(Batch::events);
        let new = events().zip(old).filter(|(_, old)| old.as_ref().is_some_and(|old| old.is_new));
        let ids: BTreeSet<_> = new.map(|(event, _)| event.conversation()).collect();
        let (mut after, mut last_seq) = (Board::new(), 0);
        for image in ids.iter().filter_map(|id| board.image_of(id)) {
            last_seq = image.facts.iter().chain(image.conflicts.iter()).map(|fact| fact.seq).fold(last_seq, Seq::max);
            // An image of the board is valid.
            let _ = after.load(after.slot_count(), image);
        }
        let mut edit = after.edit();
        let accepted = events().zip(is_refused).filter(|(event, no)| !**no && ids.contains(event.conversation()));
        for (seq, (event, _)) in (last_seq + 1..).zip(accepted) {
            edit.apply(seq, event);
        }
        edit.leave();
        let is_held = |id: &&str| after.image_of(id).is_some_and(|image| self.holds.keeps(&image));
        ids.into_iter().filter(is_held).map(str::to_owned).collect()
    }
}

/// An event with a text that is older than retention allows.
struct Old {
    without: Event,
    /// Whether its conversation does not know it, with or without its text.
    is_new: bool,
}

/// For each event, whether it was erased.
fn erased(batches: &[Batch], erasures: &Erasures) -> Vec<bool> {
    let mut is_erased = Vec::new();
    for Batch { events, .. } in batches {
        // Most batches have several events of a conversation, and most conversations none that was erased.
        let suspects: Vec<_> = events.conversations().map(|id| erasures.have_conversation(id)).collect();
        let is_suspect = |conversation: usize| suspects.get(conversation) == Some(&true);
        let of_batch =
            events.iter().map(|(shared, event)| is_suspect(shared.conversation) && erasures.have_event(event));
        is_erased.extend(of_batch);
    }
    is_erased
}

/// The tenant of an event, which is that of its conversation, and the first event of its conversation.
fn place_of<'a>(event: EventRef<'a>, slot: Option<u32>, board: &'a Board) -> (Option<&'a str>, Option<Seq>) {
    let known = slot.and_then(|slot| board.tenant_and_first_seq(slot));
    let tenant = known.and_then(|(tenant, _)| tenant).or_else(|| event.attribute(Attribute::Tenant));
    (tenant, known.map(|(_, first_seq)| first_seq))
}
