//! What retention removed does not come back: events of conversations that are gone, and old texts.

use convofold_engine::{Attribute, Board, EventRef, Seq};

use crate::log::columns::Events;
use crate::state::retention::Removals;
use crate::write::batch::Batch;

/// Marks the events of conversations that are gone, in the order of all events.
pub(super) fn mark_gone(batches: &[Batch], board: &Board, removals: &Removals, is_erased: &mut Vec<bool>) {
    is_erased.resize(batches.iter().map(Batch::len).sum(), false);
    let events = batches.iter().flat_map(Batch::events);
    for (is_erased, event) in is_erased.iter_mut().zip(events) {
        *is_erased |= removals.may_be_gone(event) && {
            let (tenant, first_seq) = place_of(event, board.slot_of(event.conversation()), board);
            removals.is_gone(tenant, event.at().alone(), first_seq)
        };
    }
}

/// Removes the texts of a batch that are older than retention allows.
pub(super) fn remove_old_texts(batch: &mut Batch, board: &Board, removals: &Removals) {
    let is_old = |event: EventRef<'_>| {
        let before = || removals.texts_before(place_of(event, board.slot_of(event.conversation()), board).0);
        removals.may_have_old_text(event) && before().is_some_and(|before| event.has_text_before(before))
    };
    if batch.events().any(is_old) {
        // An accepted event without its text can be built.
        let without = |event: EventRef<'_>| event.without_text().unwrap_or_else(|_| event.to_event());
        let events = batch.events().map(|event| if is_old(event) { without(event) } else { event.to_event() });
        batch.events = Events::List(events.collect());
    }
}

/// Whether a conversation knows an event without its text, which lost to another one (rule I2): it has another content now.
pub(super) fn is_known(event: EventRef<'_>, slot: Option<u32>, board: &Board, removals: &Removals) -> bool {
    let Some(known) = slot.filter(|slot| board.has_lost(*slot, event)) else { return false };
    let before = removals.texts_before(place_of(event, Some(known), board).0);
    before.is_some_and(|before| event.text_time() < before)
}

/// The tenant of an event, which is that of its conversation, and the first event of its conversation.
fn place_of<'a>(event: EventRef<'a>, slot: Option<u32>, board: &'a Board) -> (Option<&'a str>, Option<Seq>) {
    let known = slot.and_then(|slot| board.tenant_and_first_seq(slot));
    let tenant = known.and_then(|(tenant, _)| tenant).or_else(|| event.attribute(Attribute::Tenant));
    (tenant, known.map(|(_, first_seq)| first_seq))
}
