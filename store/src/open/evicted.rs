//! Folds the events of evicted conversations at the end of the log: each conversation is read from its page and gets its
//! events there, on all processors, before it is on the board.

use convofold_engine::{Board, ConversationImage, EventRef, ImageError, ReloadedConversation, Seq, UnsortedIndex};

use crate::conversations::archive::{Archive, reload, restore};
use crate::conversations::live::Live;
use crate::log::events::DecodedBlock;
use crate::storage::{ReadStorage, StorageError};

/// An event of an evicted conversation. They are ordered by conversation, and then as in the log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    slot: u32,
    block: u32,
    event: u32,
}

/// The events of evicted conversations in some blocks.
struct EvictedEvents<'a> {
    blocks: &'a [DecodedBlock],
    places: Vec<Place>,
    /// For each block, the slots of its evicted conversations, by the index of the conversation.
    slots: Vec<Vec<Option<u32>>>,
}

/// Folds the events of evicted conversations. Returns for each block which of its conversations are complete, by their
/// index; nothing for a block that has no such conversation.
pub(super) fn fold_evicted(
    blocks: &[DecodedBlock],
    archive: &Archive,
    storage: &dyn ReadStorage,
    live: &Live,
    index: &mut UnsortedIndex,
) -> Result<Vec<Vec<bool>>, StorageError> {
    let evicted = EvictedEvents::find(blocks, &live.board());
    let mut slots: Vec<u32> = evicted.places.iter().map(|place| place.slot).collect();
    slots.dedup();
    let mut other_ids = Vec::new();
    restore(
        &slots,
        archive,
        storage,
        |slot, image| evicted.prepare(slot, image),
        |slot, (conversation, is_complete)| {
            if !is_complete {
                other_ids.push(slot);
            }
            let update = live.board_mut().reload(slot, conversation)?;
            update.into_iter().for_each(|update| index.apply(update));
            Ok(())
        },
    )?;
    if !other_ids.is_empty() {
        let ids = blocks.iter().flat_map(|block| block.events.conversations());
        reload(archive, storage, live, ids)?;
    }
    let is_complete = |slot: &Option<u32>| slot.is_some_and(|slot| !other_ids.contains(&slot));
    Ok(evicted.slots.iter().map(|slots| slots.iter().map(is_complete).collect()).collect())
}

impl<'a> EvictedEvents<'a> {
    fn find(blocks: &'a [DecodedBlock], board: &Board) -> Self {
        let mut found = Self { blocks, places: Vec::new(), slots: Vec::with_capacity(blocks.len()) };
        for (block_no, block) in (0..).zip(blocks) {
            found.slots.push(slots_of(block, board));
            let Some(slots) = found.slots.last().filter(|slots| !slots.is_empty()) else { continue };
            for (event, (_, shared, _)) in (0..).zip(block.events()) {
                let slot = slots.get(shared.conversation).copied().flatten();
                found.places.extend(slot.map(|slot| Place { slot, block: block_no, event }));
            }
        }
        found.places.sort_unstable();
        found
    }

    /// Prepares a conversation with its events. Two ids can share their 64 bits: if an event belongs to another
    /// conversation, none is applied.
    fn prepare(&self, slot: u32, image: ConversationImage) -> Result<(ReloadedConversation, bool), ImageError> {
        let id = image.id.clone();
        let is_complete = self.of(slot).all(|(_, event)| event.conversation() == &*id);
        let prepared = if is_complete { image.prepare_with(self.of(slot)) } else { image.prepare() };
        Ok((prepared?, is_complete))
    }

    /// The events of the conversation at a slot.
    fn of(&self, slot: u32) -> impl Iterator<Item = (Seq, EventRef<'a>)> {
        let from = self.places.partition_point(|place| place.slot < slot);
        let places = self.places.iter().skip(from).take_while(move |place| place.slot == slot);
        places.filter_map(|place| self.blocks.get(place.block as usize)?.event(place.event as usize))
    }
}

/// The slots of the evicted conversations of a block; empty if none is evicted.
fn slots_of(block: &DecodedBlock, board: &Board) -> Vec<Option<u32>> {
    if board.resident_len() == board.len() {
        return Vec::new();
    }
    let slots: Vec<_> = block.events.conversations().map(|id| board.evicted_slot_of(id)).collect();
    if slots.iter().any(Option::is_some) { slots } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use convofold_engine::EventColumns;

    use super::*;
    use crate::format::block::{Block, LogPosition, PackedEvents};
    use crate::format::frame::Compressor;
    use crate::tests::message_with;

    fn block(from_ms: u64, ids: &[&str]) -> DecodedBlock {
        let events = ids.iter().zip(from_ms..).map(|(id, ms)| message_with(id, ms, "later"));
        let columns = EventColumns::of(&events.collect::<Vec<_>>()).unwrap();
        let mut compressor = Compressor::new().unwrap();
        let packed = PackedEvents::of(&columns, &mut compressor).unwrap();
        let sealed = packed.seal(&mut LogPosition::START.clone(), &[], 0, &compressor).unwrap();
        DecodedBlock::of(&Block::open(&sealed.1).unwrap()).unwrap()
    }

    #[test]
    fn a_conversation_gets_its_events_and_none_if_one_belongs_to_another_with_the_same_64_bits() {
        let mut board = Board::new();
        board.edit().apply(1, &message_with("a", 1, "first"));
        let image = board.image(0).unwrap();
        drop(board.take_unsaved());
        drop(board.evict(&[0]));
        let blocks = [block(10, &["a", "b", "a"]), block(20, &["b"]), block(30, &["a"])];
        let mut evicted = EvictedEvents::find(&blocks, &board);
        let places: Vec<_> = evicted.places.iter().map(|place| (place.slot, place.block, place.event)).collect();
        assert_eq!(places, [(0, 0, 0), (0, 0, 2), (0, 2, 0)]);
        assert_eq!(evicted.slots, [vec![Some(0), None], vec![], vec![Some(0)]]);

        let (conversation, is_complete) = evicted.prepare(0, image.clone()).unwrap();
        assert!(is_complete);
        assert!(board.reload(0, conversation).unwrap().is_some());
        assert_eq!(board.history("a").unwrap().len(), 4);

        drop(board.take_unsaved());
        drop(board.evict(&[0]));
        evicted.places.push(Place { slot: 0, block: 1, event: 0 });
        let (conversation, is_complete) = evicted.prepare(0, image).unwrap();
        assert!(!is_complete);
        assert!(board.reload(0, conversation).unwrap().is_none());
        assert_eq!(board.history("a").unwrap().len(), 1);
    }
}
