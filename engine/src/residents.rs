//! The conversations in memory, by slot.

use hashbrown::HashMap;

use crate::index::Slot;
use crate::resident::Resident;

/// The number of shards, and so of threads that can change conversations at once.
const SHARDS: usize = 16;

type Shard = HashMap<Slot, Box<Resident>>;

/// Conversations by slot. They are divided into shards, which can be taken out and changed on several threads.
#[derive(Debug, Default)]
pub(crate) struct Residents {
    shards: [Shard; SHARDS],
}

/// Some of the shards.
#[derive(Debug)]
pub(crate) struct Shards {
    /// The first shard; the others follow at a distance of `step`.
    first: usize,
    step: usize,
    shards: Vec<Shard>,
}

fn shard_of(slot: Slot) -> usize {
    slot as usize % SHARDS
}

impl Residents {
    pub(crate) fn get(&self, slot: Slot) -> Option<&Resident> {
        self.shards[shard_of(slot)].get(&slot).map(Box::as_ref)
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Resident> {
        self.shards[shard_of(slot)].get_mut(&slot).map(Box::as_mut)
    }

    pub(crate) fn contains(&self, slot: Slot) -> bool {
        self.shards[shard_of(slot)].contains_key(&slot)
    }

    pub(crate) fn insert(&mut self, slot: Slot, resident: Box<Resident>) {
        self.shards[shard_of(slot)].insert(slot, resident);
    }

    pub(crate) fn remove(&mut self, slot: Slot) -> Option<Box<Resident>> {
        self.shards[shard_of(slot)].remove(&slot)
    }

    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(HashMap::len).sum()
    }

    /// The conversations with their slots, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &Resident)> {
        self.shards.iter().flatten().map(|(slot, resident)| (*slot, resident.as_ref()))
    }

    /// Takes out all shards, divided into this number of about equal parts. [`Residents::put_back`] is for each of them.
    pub(crate) fn take(&mut self, parts: usize) -> impl Iterator<Item = Shards> {
        let step = parts.clamp(1, SHARDS);
        (0..step).map(move |first| {
            let shards = self.shards.iter_mut().skip(first).step_by(step).map(std::mem::take).collect();
            Shards { first, step, shards }
        })
    }

    pub(crate) fn put_back(&mut self, Shards { first, step, shards }: Shards) {
        for (shard, own) in self.shards.iter_mut().skip(first).step_by(step).zip(shards) {
            *shard = own;
        }
    }
}

impl Shards {
    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Resident> {
        let shard = shard_of(slot);
        if shard % self.step != self.first {
            return None;
        }
        self.shards.get_mut(shard / self.step)?.get_mut(&slot).map(Box::as_mut)
    }
}
