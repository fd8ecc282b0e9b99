//! Which conversations are erased, and what they become.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use convofold_engine::{ConversationImage, Event, EventRef, Seq, Status, Subjects};
use xxhash_rust::xxh3::xxh3_64;

use super::EraseError;
use super::search::Search;
use super::seed::Seed;
use crate::care::rewrite::base::Base;
use crate::care::rewrite::{Becomes, Filter, RewriteError};
use crate::conversations::archive::alone;
use crate::conversations::page::{PAGE_SLOTS, read_page};
use crate::format::erasures::KeyedHash;
use crate::format::page_head::PageEntry;
use crate::in_order::in_order;
use crate::state::erasures::Hasher;
use crate::state::holds::{Hold, Holds};
use crate::storage::{ReadStorage, StorageError};

/// A conversation, and what it becomes.
#[derive(Debug)]
pub(super) struct Replaced {
    pub(super) before: ConversationImage,
    pub(super) after: ConversationImage,
}

/// What is replaced. In memory are the erased conversations, and nothing of others.
#[derive(Debug, Default)]
pub(super) struct Replacements {
    /// By slot.
    pub(super) conversations: BTreeMap<u32, Replaced>,
    /// The events of before, which name their conversation, by seq.
    pub(super) before: BTreeMap<Seq, Event>,
    /// The events in their places.
    pub(super) events: BTreeMap<Seq, Event>,
    /// The legal holds, which are copied as they are.
    pub(super) holds: Vec<Hold>,
}

/// Reads all conversations, on all processors. `None` if nothing is about the subjects. Fails if a legal hold keeps one of the
/// conversations, or has one of the subjects.
pub(super) fn find(
    storage: &dyn ReadStorage,
    pages: &[PageEntry],
    holds: &Holds,
    subjects: &Subjects,
    seed: &Seed,
) -> Result<Option<Replacements>, EraseError> {
    let read = |page: usize| {
        let (mut found, page_no) = (Vec::new(), u32::try_from(page).unwrap_or(u32::MAX));
        let entry = pages.get(page).copied().unwrap_or_default();
        read_page(
            storage,
            page_no,
            entry,
            |_| true,
            |place, image| {
                if subjects.is_of(&image) {
                    found.push((page_no * PAGE_SLOTS + place, image));
                }
            },
        )?;
        Ok::<_, StorageError>(found)
    };
    let mut replaced = Replacements { holds: holds.all(), ..Replacements::default() };
    in_order(pages.len(), read, |found| {
        for (slot, image) in found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
            replaced.add(slot, image, seed)?;
        }
        Ok::<_, EraseError>(())
    })?;
    let held = replaced.conversations.values().filter(|replaced| holds.keeps(&replaced.before)).count() as u64;
    if held > 0 {
        return Err(EraseError::Held { conversations: held });
    }
    expect_not_held(holds, subjects)?;
    Ok((!replaced.conversations.is_empty()).then_some(replaced))
}

/// Fails if a legal hold has one of the subjects, also if no conversation is about it: other files can be.
pub(super) fn expect_not_held(holds: &Holds, subjects: &Subjects) -> Result<(), EraseError> {
    if holds.has_one_of(subjects) { Err(EraseError::Held { conversations: 0 }) } else { Ok(()) }
}

impl Replacements {
    fn add(&mut self, slot: u32, before: ConversationImage, seed: &Seed) -> Result<(), EraseError> {
        let after = before.erased(seed.pseudonym(&before.id)?)?;
        self.before.extend(before.events()?);
        self.events.extend(after.events()?);
        self.conversations.insert(slot, Replaced { before, after });
        Ok(())
    }

    /// The hashes by which conversations and events are recognised, in order.
    pub(super) fn keyed_hashes(&self, hasher: &Hasher) -> (Vec<KeyedHash>, Vec<KeyedHash>) {
        let of_conversation = |replaced: &Replaced| hasher.conversation(&replaced.before.id);
        let conversations: BTreeSet<_> = self.conversations.values().map(of_conversation).collect();
        let events: BTreeSet<_> = self.before.values().map(|event| hasher.event(event.as_ref())).collect();
        (conversations.into_iter().collect(), events.into_iter().collect())
    }

    /// A hash of the ids that the conversations have now, whatever their order.
    pub(super) fn pseudonyms(&self) -> u64 {
        let hash = |replaced: &Replaced| xxh3_64(replaced.after.id.as_bytes());
        self.conversations.values().map(hash).fold(0, u64::wrapping_add)
    }

    /// The number of conversations that are open.
    pub(super) fn open_count(&self) -> Result<u64, StorageError> {
        self.conversations
            .values()
            .try_fold(0, |count, replaced| Ok(count + u64::from(status_of(replaced.before.clone())? == Status::Open)))
    }
}

/// Whether a conversation is open.
pub(super) fn status_of(image: ConversationImage) -> Result<Status, StorageError> {
    let id = image.id.clone();
    Ok(alone(image)?.state(&id).map_or(Status::Closed, |state| state.status))
}

/// What an erasure writes in place of what is stored.
pub(super) struct Erasing<'a> {
    pub(super) replaced: &'a Replacements,
    pub(super) search: &'a Search,
    /// The checkpoint that is copied.
    pub(super) base: &'a Base,
}

impl Filter for Erasing<'_> {
    fn changes(&self, slots: Range<u32>) -> bool {
        self.replaced.conversations.range(slots).next().is_some()
    }

    fn conversation(&self, slot: u32, _: &ConversationImage) -> Result<Becomes, RewriteError> {
        let replaced = self.replaced.conversations.get(&slot);
        Ok(replaced.map_or(Becomes::Same, |replaced| Becomes::Other(Box::new(replaced.after.clone()))))
    }

    fn has_event(&self, seqs: Range<Seq>) -> bool {
        !seqs.is_empty() && self.replaced.events.range(seqs).next().is_some()
    }

    fn event(&self, seq: Seq, _: EventRef<'_>) -> Result<Option<Event>, RewriteError> {
        Ok(self.replaced.events.get(&seq).cloned())
    }

    fn names_it(&self, bytes: &[u8]) -> bool {
        self.search.needles.are_in(bytes)
    }
}
