//! The plan: which conversations lose texts, and which ones go. A run makes it twice: before the copy, and of the copy, of
//! which nothing may be left to do.

use std::collections::BTreeMap;
use std::ops::Range;

use convofold_engine::{ConversationImage, Event, EventRef, FOLD_VERSION, Outline, Seq, Time, WithoutTexts};

use super::bits::Bits;
use crate::care::rewrite::{Becomes, Filter, RewriteError};
use crate::checkpoint::heads::{LIST_PAGES, list_count, read_list};
use crate::conversations::archive::{alone, damaged};
use crate::conversations::page::{PAGE_SLOTS, read_page};
use crate::damage::Damage;
use crate::format::checkpoint::CheckpointRecord;
use crate::format::page_head::{PageEntry, StoredHead};
use crate::format::retention::StoredHorizon;
use crate::in_order::in_order;
use crate::storage::{ReadStorage, StorageError};

/// Whether a legal hold keeps a conversation as it is.
pub(super) type Keeps<'a> = &'a (dyn Fn(&ConversationImage) -> bool + Sync);

/// What a run changes. In memory are a bit for each slot and for each event in the log, and events that do not count.
#[derive(Debug)]
pub(super) struct Plan {
    /// With the numbers of what goes.
    pub(super) horizons: Vec<StoredHorizon>,
    /// Conversations that are held.
    pub(super) held: u64,
    /// The slots of conversations that lose texts, and of those that go.
    without_texts: Bits,
    gone: Bits,
    /// The first event in the log.
    first_seq: Seq,
    /// Whether one of the changed events is not in the log any more.
    has_trimmed: bool,
    /// The changed events in the log.
    seqs: Bits,
    /// Those of them that do not count (rule I2), as they become.
    lost: BTreeMap<Seq, Event>,
}

/// What becomes of one conversation.
struct Found {
    slot: u32,
    /// The place of its horizon in the plan.
    horizon: usize,
    outcome: Outcome,
}

enum Outcome {
    Held,
    Gone { events: u64, last_seq: Seq },
    WithoutTexts { texts: u64, seqs: Vec<Seq>, lost: Vec<(Seq, Event)> },
}

impl Plan {
    /// A plan with these horizons, for a log that begins with this event, which changes nothing yet.
    pub(super) fn new(horizons: Vec<StoredHorizon>, first_seq: Seq) -> Self {
        let seqs = Bits::from(first_seq);
        let (without_texts, gone, lost) = (Bits::default(), Bits::default(), BTreeMap::new());
        Self { horizons, held: 0, without_texts, gone, first_seq, has_trimmed: false, seqs, lost }
    }

    /// The same horizons, and nothing that changes.
    pub(super) fn empty(&self) -> Self {
        let clear = |horizon: &StoredHorizon| StoredHorizon {
            tenant: horizon.tenant.clone(),
            texts_before_ms: horizon.texts_before_ms,
            closed_before_ms: horizon.closed_before_ms,
            ..StoredHorizon::default()
        };
        Self::new(self.horizons.iter().map(clear).collect(), self.first_seq)
    }

    /// Reads all conversations of a checkpoint, on all processors.
    pub(super) fn read(
        self,
        storage: &dyn ReadStorage,
        record: &CheckpointRecord,
        pages: &[PageEntry],
        keeps: Keeps<'_>,
    ) -> Result<Self, RewriteError> {
        let mut added = self.empty();
        let plan = &self;
        let read = |list_no: usize| {
            let list_no = u32::try_from(list_no).unwrap_or(u32::MAX);
            let (heads, _) = read_list(storage, record, list_no)?;
            let mut found = Vec::new();
            for (page_no, head) in (list_no * LIST_PAGES..).zip(&heads) {
                let entry = pages.get(page_no as usize).copied().unwrap_or_default();
                plan.read_page(storage, (page_no, entry, head), keeps, &mut found)?;
            }
            Ok::<_, RewriteError>(found)
        };
        in_order(list_count(record) as usize, read, |found| {
            for found in found {
                found?.into_iter().for_each(|found| added.add_found(found));
            }
            Ok::<_, RewriteError>(())
        })?;
        Ok(added)
    }

    fn read_page(
        &self,
        storage: &dyn ReadStorage,
        (page_no, entry, head): (u32, PageEntry, &StoredHead),
        keeps: Keeps<'_>,
        found: &mut Vec<Found>,
    ) -> Result<(), RewriteError> {
        let head = head.head().map_err(StorageError::Value)?;
        let outlines = if head.fold_version == FOLD_VERSION { head.outlines } else { Vec::new() };
        let mut looked = Ok(());
        let look = |place: u32, image: ConversationImage| {
            let of_one = self.look(page_no * PAGE_SLOTS + place, &image, outlines.get(place as usize), keeps);
            match of_one {
                Ok(of_one) => found.extend(of_one),
                Err(error) if looked.is_ok() => looked = Err(error),
                Err(_) => {}
            }
        };
        read_page(storage, page_no, entry, |_| true, look)?;
        Ok(looked?)
    }

    /// Adds one conversation, which may be in memory.
    pub(super) fn add(&mut self, slot: u32, image: &ConversationImage, keeps: Keeps<'_>) -> Result<(), StorageError> {
        if let Some(found) = self.look(slot, image, None, keeps)? {
            self.add_found(found);
        }
        Ok(())
    }

    /// What becomes of a conversation; `None` if it stays as it is.
    fn look(
        &self,
        slot: u32,
        image: &ConversationImage,
        outline: Option<&Outline>,
        keeps: Keeps<'_>,
    ) -> Result<Option<Found>, StorageError> {
        let own = if outline.is_none() { alone(image.clone())?.outline(0) } else { None };
        let outline = outline.or(own.as_ref()).ok_or(StorageError::Value(Damage::Missing))?;
        let tenant = outline.tenant().map(|tenant| &**tenant);
        let found = |horizon, outcome| Some(Found { slot, horizon, outcome });
        let closed = self.horizon_of(tenant, |horizon| horizon.closed_before_ms);
        let extent = outline.extent();
        if let Some((horizon, before)) = closed
            && outline.ended_before(before)
            && extent.last_seq < self.first_seq
        {
            let events = (image.facts.len() + image.conflicts.len()) as u64;
            let gone = Outcome::Gone { events, last_seq: extent.last_seq };
            return Ok(found(horizon, if keeps(image) { Outcome::Held } else { gone }));
        }
        let texts = self.horizon_of(tenant, |horizon| horizon.texts_before_ms);
        let Some((horizon, before)) = texts else { return Ok(None) };
        let Some(without) = image.without_texts(before).map_err(damaged)? else { return Ok(None) };
        Ok(found(horizon, if keeps(image) { Outcome::Held } else { self.outcome(without)? }))
    }

    fn outcome(&self, without: WithoutTexts) -> Result<Outcome, StorageError> {
        let WithoutTexts { image, seqs, texts, .. } = without;
        let mut lost = Vec::new();
        if !image.conflicts.is_empty() {
            let is_lost = |seq: Seq| image.conflicts.iter().any(|fact| fact.seq == seq);
            let events = image.events().map_err(damaged)?.into_iter();
            let is_written = |seq: &Seq| *seq >= self.first_seq && seqs.binary_search(seq).is_ok() && is_lost(*seq);
            lost = events.filter(|(seq, _)| is_written(seq)).collect();
        }
        Ok(Outcome::WithoutTexts { texts, seqs, lost })
    }

    /// The horizon of a tenant that has such a time, by its place, and the time.
    fn horizon_of(&self, tenant: Option<&str>, time: impl Fn(&StoredHorizon) -> Option<i64>) -> Option<(usize, Time)> {
        let of = |tenant: Option<&str>| {
            let mut horizons = self.horizons.iter().enumerate();
            horizons.find(|(_, horizon)| horizon.tenant.as_deref() == tenant && time(horizon).is_some())
        };
        let (place, horizon) = of(tenant).or_else(|| of(None))?;
        Some((place, Time::from_ms(time(horizon)?)?))
    }

    fn add_found(&mut self, Found { slot, horizon, outcome }: Found) {
        let Some(horizon) = self.horizons.get_mut(horizon) else { return };
        match outcome {
            Outcome::Held => self.held += 1,
            Outcome::Gone { events, last_seq } => {
                self.gone.insert(slot.into());
                self.has_trimmed = true;
                horizon.conversations += 1;
                horizon.events += events;
                horizon.last_gone_seq = horizon.last_gone_seq.max(last_seq);
            }
            Outcome::WithoutTexts { texts, seqs, lost } => {
                self.without_texts.insert(slot.into());
                horizon.texts += texts;
                self.has_trimmed |= seqs.first().is_some_and(|seq| *seq < self.first_seq);
                seqs.into_iter().filter(|seq| *seq >= self.first_seq).for_each(|seq| self.seqs.insert(seq));
                self.lost.extend(lost);
            }
        }
    }

    /// Whether this conversation does not stay as it is, or is one of those that are gone, by its tenant.
    pub(super) fn changes_one(
        &self,
        image: &ConversationImage,
        keeps: Keeps<'_>,
        is_gone: impl FnOnce(Option<&str>) -> bool,
    ) -> Result<bool, StorageError> {
        let outline = alone(image.clone())?.outline(0).ok_or(StorageError::Value(Damage::Missing))?;
        let found = self.look(0, image, Some(&outline), keeps)?;
        let is_changed = found.is_some_and(|found| !matches!(found.outcome, Outcome::Held));
        Ok(is_changed || is_gone(outline.tenant().map(|tenant| &**tenant)))
    }

    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        let counts = self.horizons.iter().map(|horizon| horizon.texts + horizon.conversations);
        counts.sum::<u64>() == 0 && !self.has_trimmed && self.seqs == Bits::from(self.first_seq)
    }

    /// Whether an event in the log is changed.
    pub(super) fn changes_event(&self, seq: Seq) -> bool {
        self.seqs.contains(seq)
    }
}

impl Filter for Plan {
    fn changes(&self, slots: Range<u32>) -> bool {
        let slots = slots.start.into()..slots.end.into();
        self.without_texts.contains_any(slots.clone()) || self.gone.contains_any(slots)
    }

    fn conversation(&self, slot: u32, image: &ConversationImage) -> Result<Becomes, RewriteError> {
        if self.gone.contains(slot.into()) {
            return Ok(Becomes::Nothing);
        }
        if !self.without_texts.contains(slot.into()) {
            return Ok(Becomes::Same);
        }
        let outline = alone(image.clone())?.outline(0);
        let tenant = outline.as_ref().and_then(|outline| outline.tenant()).map(|tenant| &**tenant);
        let before = self.horizon_of(tenant, |horizon| horizon.texts_before_ms);
        let without = before.map(|(_, before)| image.without_texts(before)).transpose()?.flatten();
        Ok(without.map_or(Becomes::Same, |without| Becomes::Other(Box::new(without.image))))
    }

    fn has_event(&self, seqs: Range<Seq>) -> bool {
        self.has_trimmed && seqs.start < self.first_seq && !seqs.is_empty() || self.seqs.contains_any(seqs)
    }

    fn event(&self, seq: Seq, event: EventRef<'_>) -> Result<Option<Event>, RewriteError> {
        if !self.seqs.contains(seq) {
            return Ok(None);
        }
        let without = || event.without_text().map_err(|why| StorageError::Value(Damage::Event(why)));
        Ok(Some(self.lost.get(&seq).cloned().map_or_else(without, Ok)?))
    }
}
