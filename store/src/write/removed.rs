//! What was erased or removed does not come back: events that are refused, and old texts.

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
        batches.iter_mut().for_each(|batch| self.remove_old_texts(batch, board).unwrap_or_default());
        is_refused
    }

    /// Whether a conversation knows an event without its text, which lost to another one (rule I2): it has another content now.
    pub(crate) fn knows(&self, event: EventRef<'_>, slot: Option<u32>, board: &Board) -> bool {
        if self.removals.is_empty() {
            return false;
        }
        let Some(known) = slot.filter(|slot| board.has_lost(*slot, event)) else { return false };
        let before = self.removals.texts_before(place_of(event, Some(known), board).0);
        before.is_some_and(|before| event.text_time() < before)
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

    /// Removes the texts of a batch that are older than retention allows; `None` if there are none.
    fn remove_old_texts(&self, batch: &mut Batch, board: &Board) -> Option<()> {
        let without: Vec<_> = batch.events().map(|event| self.without_old_text(event, board)).collect();
        without.iter().flatten().next()?;
        let events = batch.events().zip(without);
        let events = events.map(|(event, without)| without.unwrap_or_else(|| event.to_event())).collect();
        batch.events = Events::List(events);
        Some(())
    }

    /// The event without its text; `None` if it stays as it came: it has no old text, its conversation has it with its text, or
    /// it is new and a legal hold keeps its conversation.
    fn without_old_text(&self, event: EventRef<'_>, board: &Board) -> Option<Event> {
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
        let knows = |slot| board.knows(slot, without.as_ref()) || board.has_lost(slot, without.as_ref());
        let stays = !slot.is_some_and(knows) && self.is_held(event, slot, board);
        (!stays).then_some(without)
    }

    fn is_held(&self, event: EventRef<'_>, slot: Option<u32>, board: &Board) -> bool {
        if self.holds.is_empty() {
            return false;
        }
        let mut alone = Board::new();
        alone.edit().apply(1, event);
        let images = slot.and_then(|slot| board.image(slot)).into_iter().chain(alone.image(0));
        images.into_iter().any(|image| self.holds.keeps(&image))
    }
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
