//! What retention removed: the runs, and the horizons before which nothing comes back.

use std::collections::{BTreeMap, BTreeSet};

use convofold_engine::{EventRef, Moment, Seq, StateHash, Time};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::format::erasures::Key;
use crate::format::numbered::Numbered;
use crate::format::retention::{StoredHorizon, StoredRetentionRun};
use crate::state::records::{DamagedRecord, load};
use crate::storage::{ReadStorage, StorageError};

/// One run of retention, for an operator and an auditor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RetentionRun {
    /// Its number, from 1.
    pub number: u64,
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// The last event in the log then.
    pub last_seq: Seq,
    /// The time before which the log was trimmed, in milliseconds since the epoch; `None` without a rule for the log.
    pub log_before: Option<i64>,
    /// Number of events that were trimmed from the log.
    pub trimmed_events: u64,
    /// What was removed, by tenant.
    pub horizons: Vec<RetentionHorizon>,
    /// Number of conversations that a legal hold kept as they are.
    pub held: u64,
    /// HMAC-SHA-256 of the state hash before, with a key of the database, as hexadecimal digits. Without the key, nobody can
    /// test a guess of a text that was removed.
    pub keyed_hash_before: String,
    /// The state hash after it.
    pub hash_after: StateHash,
}

/// What a run of retention removed of one tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct RetentionHorizon {
    /// The tenant; `None` for all without a rule of their own.
    pub tenant: Option<String>,
    /// The time before which texts are gone, in milliseconds since the epoch; `None` without a rule for texts.
    pub texts_before: Option<i64>,
    /// The time before which conversations that ended are gone, in milliseconds since the epoch; `None` without such a rule.
    pub closed_before: Option<i64>,
    /// Number of texts that this run removed.
    pub texts: u64,
    /// Number of conversations that this run removed.
    pub conversations: u64,
    /// Number of their events.
    pub events: u64,
}

/// What retention removed so far, and what does not come back. Nothing is asked of a database without a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Removals {
    runs: Numbered<StoredRetentionRun>,
    /// Runs that cannot be read. With one of them, nothing may be asked: what is gone would be unknown.
    pub(crate) damaged: Vec<DamagedRecord>,
    /// The latest time before which texts are gone, by tenant; without a tenant, for all others.
    texts: BTreeMap<Option<String>, Time>,
    /// The latest times before which texts, and conversations that ended, of any tenant are gone.
    latest_texts: Option<Time>,
    latest_closed: Option<Time>,
}

impl Removals {
    /// Reads all that can be read.
    pub(crate) fn load(storage: &dyn ReadStorage) -> Result<Self, StorageError> {
        let (runs, damaged) = load(storage)?;
        Ok(Self { damaged, ..Self::of(runs) })
    }

    fn of(runs: Numbered<StoredRetentionRun>) -> Self {
        let horizons = || runs.iter().flat_map(|(_, run)| &run.horizons);
        let tenants: BTreeSet<_> = horizons().map(|horizon| horizon.tenant.clone()).chain([None]).collect();
        let texts_of = |tenant: &Option<String>| {
            let before = runs.iter().filter_map(|(_, run)| texts_before(run, tenant.as_deref())).max()?;
            Some((tenant.clone(), before))
        };
        let texts: BTreeMap<_, _> = tenants.iter().filter_map(texts_of).collect();
        let latest_texts = texts.values().max().copied();
        let latest_closed = horizons().filter_map(closed_before).max();
        Self { damaged: Vec::new(), texts, latest_texts, latest_closed, runs }
    }

    /// With one run more.
    pub(crate) fn with(&self, number: u64, run: StoredRetentionRun) -> Self {
        Self::of(self.runs.iter().cloned().chain([(number, run)]).collect())
    }

    /// The key of the hashes of before, once there was a run.
    pub(crate) fn key(&self) -> Option<Key> {
        self.runs.first().map(|(_, run)| run.key)
    }

    /// The number of the last run; 0 if there was none.
    pub(crate) fn last(&self) -> u64 {
        self.runs.last().map_or(0, |(number, _)| *number)
    }

    /// The number of the last run that removed something when this event, or a later one, was the last one.
    pub(crate) fn rewritten_after(&self, seq: Seq) -> Option<u64> {
        let removes = |run: &StoredRetentionRun| run.horizons.iter().any(|one| one.texts + one.conversations > 0);
        let mut runs = self.runs.iter().filter(|(_, run)| removes(run) && run.last_seq >= seq);
        runs.next_back().map(|(number, _)| *number)
    }

    /// Whether there was no run.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    pub(crate) fn runs(&self) -> Vec<RetentionRun> {
        self.runs.iter().map(|(number, run)| RetentionRun::of(*number, run)).collect()
    }

    /// The time before which texts of this tenant are gone.
    pub(crate) fn texts_before(&self, tenant: Option<&str>) -> Option<Time> {
        let own = || self.texts.iter().find(|(known, _)| known.is_some() && known.as_deref() == tenant);
        own().map(|(_, before)| *before).or_else(|| self.texts.get(&None).copied())
    }

    /// What all runs together removed, by tenant, as bytes; none if no rule was about texts or conversations. Where one database
    /// had several runs, another one can have had the last of them only.
    pub(crate) fn sum(&self) -> Vec<u8> {
        let runs = self.runs();
        let mut by_tenant = BTreeMap::<_, (Option<i64>, Option<i64>, u64, u64)>::new();
        for horizon in runs.iter().flat_map(|run| &run.horizons) {
            let (texts, closed, conversations, events) = by_tenant.entry(&horizon.tenant).or_default();
            *texts = horizon.texts_before.max(*texts);
            *closed = horizon.closed_before.max(*closed);
            *conversations += horizon.conversations;
            *events += horizon.events;
        }
        let held = runs.last().map_or(0, |run| run.held);
        if by_tenant.is_empty() { Vec::new() } else { format!("{by_tenant:?} {held}").into_bytes() }
    }

    /// Whether the event may have a text that is gone.
    pub(crate) fn may_have_old_text(&self, event: EventRef<'_>) -> bool {
        self.latest_texts.is_some_and(|before| event.has_text_before(before))
    }

    /// Whether the event may belong to a conversation that is gone.
    pub(crate) fn may_be_gone(&self, event: EventRef<'_>) -> bool {
        self.latest_closed.is_some_and(|before| event.at().alone() < before)
    }

    /// Whether an event of this time belongs to a conversation that is gone. `first_seq` is the first event of the
    /// conversation that has this id now: if it arrived before the run, the conversation was not removed.
    pub(crate) fn is_gone(&self, tenant: Option<&str>, at: Time, first_seq: Option<Seq>) -> bool {
        self.runs.iter().any(|(_, run)| {
            let is_new = first_seq.is_none_or(|first_seq| first_seq > run.last_seq);
            is_new && closed_of(run, tenant).and_then(closed_before).is_some_and(|before| at < before)
        })
    }

    /// The time before which there is no answer for these tenants (all if there are none) at this moment about what began at
    /// `from`, because conversations are gone; `None` if the answer is whole.
    pub(crate) fn unanswerable(
        &self,
        tenants: Option<&BTreeSet<String>>,
        from: Option<Time>,
        moment: Moment,
    ) -> Option<Time> {
        let is_asked = |horizon: &StoredHorizon| match (&horizon.tenant, tenants) {
            (Some(tenant), Some(tenants)) => tenants.contains(tenant),
            _ => true,
        };
        let horizons = self.runs.iter().flat_map(|(_, run)| &run.horizons);
        let gone = horizons.filter(|horizon| horizon.conversations > 0 && is_asked(horizon));
        let needs = |horizon: &&StoredHorizon| {
            let before = closed_before(horizon);
            let is_before = |time: Option<Time>| time.zip(before).is_some_and(|(time, before)| time < before);
            let is_known_before = moment.known_at.is_some_and(|seq| seq < horizon.last_gone_seq);
            is_before(from) || is_before(moment.as_of) || is_known_before
        };
        gone.filter(needs).filter_map(closed_before).max()
    }

    /// The latest times before which texts, and closed conversations, of any tenant are gone, and that of the last run in
    /// milliseconds since the epoch.
    pub(crate) fn latest(&self) -> (Option<Time>, Option<Time>, Option<i64>) {
        (self.latest_texts, self.latest_closed, self.runs.last().map(|(_, run)| run.at_ms))
    }
}

impl RetentionRun {
    pub(crate) fn of(number: u64, run: &StoredRetentionRun) -> Self {
        Self {
            number,
            at: run.at_ms,
            last_seq: run.last_seq,
            log_before: run.log_before_ms,
            trimmed_events: run.trimmed,
            horizons: run.horizons.iter().map(RetentionHorizon::of).collect(),
            held: run.held,
            keyed_hash_before: run.keyed_hash_before.iter().map(|byte| format!("{byte:02x}")).collect(),
            hash_after: StateHash::from_bytes(run.hash_after),
        }
    }
}

impl RetentionHorizon {
    fn of(stored: &StoredHorizon) -> Self {
        Self {
            tenant: stored.tenant.clone(),
            texts_before: stored.texts_before_ms,
            closed_before: stored.closed_before_ms,
            texts: stored.texts,
            conversations: stored.conversations,
            events: stored.events,
        }
    }
}

/// HMAC-SHA-256 of a state hash. Every length of a key is valid.
pub(crate) fn keyed(key: &Key, hash: StateHash) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).ok().map(|mut mac| {
        mac.update(b"state hash");
        mac.update(&hash.to_bytes());
        mac.finalize().into_bytes().into()
    });
    mac.unwrap_or_default()
}

/// The horizon of a tenant in a run, of those that have a rule of this kind.
fn horizon_of<'a>(
    run: &'a StoredRetentionRun,
    tenant: Option<&str>,
    has_rule: impl Fn(&StoredHorizon) -> bool,
) -> Option<&'a StoredHorizon> {
    let of = |tenant: Option<&str>| {
        run.horizons.iter().find(|horizon| horizon.tenant.as_deref() == tenant && has_rule(horizon))
    };
    of(tenant).or_else(|| of(None))
}

fn texts_before(run: &StoredRetentionRun, tenant: Option<&str>) -> Option<Time> {
    let horizon = horizon_of(run, tenant, |horizon| horizon.texts_before_ms.is_some())?;
    horizon.texts_before_ms.and_then(Time::from_ms)
}

fn closed_of<'a>(run: &'a StoredRetentionRun, tenant: Option<&str>) -> Option<&'a StoredHorizon> {
    horizon_of(run, tenant, |horizon| horizon.closed_before_ms.is_some())
}

fn closed_before(horizon: &StoredHorizon) -> Option<Time> {
    horizon.closed_before_ms.and_then(Time::from_ms)
}
