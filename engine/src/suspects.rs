//! Suspects as a report: what the suspicions of many conversations (rules T1, T3 and F10) say together.
//!
//! The report counts suspect events by kind, by source and by day. From the unread counts that a source states it also derives
//! when messages were lost ([`Loss`]).

mod losses;

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::time::Zone;
use losses::Losses;

/// Why an event is suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SuspectKind {
    /// The source states more unread messages than are known: some are missing (F10).
    Unread,
    /// Its own time is more than a day after its `occurred` (T1). Only the first such event of a conversation is reported.
    ClockAhead,
    /// It is a close without a usable time (T3).
    UntimedClose,
}

crate::named! {
    SuspectKind is a "kind of suspicion":
        Unread "unread", ClockAhead "clock_ahead", UntimedClose "untimed_close"
}

/// A suspect event of one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SuspectEvent {
    /// Why it is suspect.
    pub kind: SuspectKind,
    /// Its time, in milliseconds since the epoch.
    pub at: i64,
    /// Where messages are missing, if it states an unread count.
    pub gap: Option<Gap>,
}

/// The time in which messages of one conversation are missing: after the last base of the count (rule F7), or the start of the
/// conversation, up to the time for which the source states the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The time after which they were sent, in milliseconds since the epoch.
    pub after: i64,
    /// The time until which they were sent, in milliseconds since the epoch.
    pub until: i64,
    /// Number of missing messages, at least.
    pub missing: u64,
}

/// Which suspect events a report counts. The default is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SuspectsQuery {
    /// Only events at this time or later, in milliseconds since the epoch.
    pub since_ms: Option<i64>,
    /// Only events before this time, in milliseconds since the epoch.
    pub until_ms: Option<i64>,
    /// Only conversations of these tenants.
    pub tenants: Option<Vec<String>>,
    /// Only conversations of this source.
    pub source: Option<String>,
    /// The time zone in which days begin.
    pub zone: Zone,
}

impl SuspectsQuery {
    /// Counts all suspect events, by days of UTC.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`SuspectsQuery::since_ms`](#structfield.since_ms).
    #[must_use]
    pub fn since_ms(mut self, since_ms: impl Into<Option<i64>>) -> Self {
        self.since_ms = since_ms.into();
        self
    }

    /// Sets [`SuspectsQuery::until_ms`](#structfield.until_ms).
    #[must_use]
    pub fn until_ms(mut self, until_ms: impl Into<Option<i64>>) -> Self {
        self.until_ms = until_ms.into();
        self
    }

    /// Sets [`SuspectsQuery::tenants`](#structfield.tenants).
    #[must_use]
    pub fn tenants(mut self, tenants: impl Into<Option<Vec<String>>>) -> Self {
        self.tenants = tenants.into();
        self
    }

    /// Sets [`SuspectsQuery::source`](#structfield.source).
    #[must_use]
    pub fn source(mut self, source: impl Into<Option<String>>) -> Self {
        self.source = source.into();
        self
    }

    /// Sets [`SuspectsQuery::zone`](#structfield.zone).
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Whether conversations of this source and tenant count.
    #[must_use]
    pub fn wants(&self, source: &str, tenant: Option<&str>) -> bool {
        let is_wanted = |tenants: &Vec<String>| tenants.iter().any(|wanted| Some(wanted.as_str()) == tenant);
        self.source.as_ref().is_none_or(|wanted| wanted == source) && self.tenants.as_ref().is_none_or(is_wanted)
    }

    fn wants_at(&self, at: i64) -> bool {
        self.since_ms.is_none_or(|since| at >= since) && self.until_ms.is_none_or(|until| at < until)
    }
}

/// The report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Suspects {
    /// Number of conversations with a suspect event.
    pub conversations: u64,
    /// Number of suspect events.
    pub events: u64,
    /// The time zone of the days.
    pub zone: String,
    /// Suspect events by kind and source.
    pub kinds: Vec<SuspectsOfKind>,
    /// Suspect events by day, kind and source.
    pub days: Vec<SuspectsOfDay>,
    /// When messages were lost.
    pub losses: Vec<Loss>,
}

/// The suspect events of a kind and a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SuspectsOfKind {
    /// The kind.
    pub kind: SuspectKind,
    /// The source of the conversations.
    pub source: String,
    /// Number of conversations.
    pub conversations: u64,
    /// Number of events.
    pub events: u64,
    /// Number of missing messages, at least.
    pub missing: u64,
    /// The time of the first event, in milliseconds since the epoch.
    pub first_at: i64,
    /// The time of the last event.
    pub last_at: i64,
}

/// The suspect events of a day, a kind and a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SuspectsOfDay {
    /// The day, as `2026-03-02`.
    pub day: String,
    /// The kind.
    pub kind: SuspectKind,
    /// The source of the conversations.
    pub source: String,
    /// Number of conversations.
    pub conversations: u64,
    /// Number of events.
    pub events: u64,
    /// Number of missing messages, at least.
    pub missing: u64,
}

/// An interval in which messages of a source were lost. One loss explains the gaps of all conversations that have a time in
/// common, and the report has the smallest number of losses that explain all gaps. So an outage appears as one.
///
/// Times are milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Loss {
    /// The source.
    pub source: String,
    /// The beginning of the time that all gaps have in common.
    pub from: i64,
    /// The end of the time that all gaps have in common.
    pub to: i64,
    /// The beginning of the earliest gap: no message before it is missing.
    pub earliest: i64,
    /// The end of the latest gap: no message after it is missing.
    pub latest: i64,
    /// Number of gaps: stated counts that are greater than what is known.
    pub gaps: u64,
    /// Number of missing messages, at least.
    pub missing: u64,
}

/// Makes a report from the suspect events of conversations.
///
/// Its memory depends on the numbers of sources, days and losses, not on that of conversations.
#[derive(Debug, Default)]
pub struct SuspectsBuilder {
    query: SuspectsQuery,
    conversations: u64,
    sources: BTreeMap<String, OfSource>,
}

#[derive(Debug, Default)]
struct OfSource {
    kinds: BTreeMap<SuspectKind, Count>,
    days: BTreeMap<(Date, SuspectKind), Count>,
    losses: Losses,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    conversations: u64,
    events: u64,
    missing: u64,
    first_at: i64,
    last_at: i64,
}

impl Count {
    const NONE: Self = Self { conversations: 0, events: 0, missing: 0, first_at: i64::MAX, last_at: i64::MIN };

    fn add(&mut self, event: &SuspectEvent, is_first_of_conversation: bool) {
        self.conversations += u64::from(is_first_of_conversation);
        self.events += 1;
        self.missing = self.missing.saturating_add(event.gap.map_or(0, |gap| gap.missing));
        self.first_at = self.first_at.min(event.at);
        self.last_at = self.last_at.max(event.at);
    }
}

impl SuspectsBuilder {
    /// An empty report about these events.
    #[must_use]
    pub fn new(query: SuspectsQuery) -> Self {
        Self { query, ..Self::default() }
    }

    /// Adds a conversation of this source with its suspect events, of which those outside of the time of the query are left
    /// out.
    pub fn add(&mut self, source: &str, events: &[SuspectEvent]) {
        let mut events = events.iter().filter(|event| self.query.wants_at(event.at)).peekable();
        if events.peek().is_none() {
            return;
        }
        self.conversations += 1;
        if !self.sources.contains_key(source) {
            self.sources.insert(source.to_owned(), OfSource::default());
        }
        let Some(of_source) = self.sources.get_mut(source) else { return };
        let (mut kinds, mut days) = (BTreeSet::new(), BTreeSet::new());
        for event in events {
            let day = (self.query.zone.day(event.at), event.kind);
            of_source.kinds.entry(event.kind).or_insert(Count::NONE).add(event, kinds.insert(event.kind));
            of_source.days.entry(day).or_insert(Count::NONE).add(event, days.insert(day));
            event.gap.into_iter().for_each(|gap| of_source.losses.push(gap));
        }
    }

    /// The report.
    #[must_use]
    pub fn finish(self) -> Suspects {
        let mut report =
            Suspects { conversations: self.conversations, zone: self.query.zone.to_string(), ..Suspects::default() };
        for (source, OfSource { kinds, days, losses }) in self.sources {
            for (kind, Count { conversations, events, missing, first_at, last_at }) in kinds {
                let source = source.clone();
                report.events += events;
                report.kinds.push(SuspectsOfKind { kind, source, conversations, events, missing, first_at, last_at });
            }
            for ((day, kind), Count { conversations, events, missing, .. }) in days {
                let (day, source) = (day.to_string(), source.clone());
                report.days.push(SuspectsOfDay { day, kind, source, conversations, events, missing });
            }
            report.losses.extend(losses.finish(&source));
        }
        report.kinds.sort_by(|a, b| (a.kind, &a.source).cmp(&(b.kind, &b.source)));
        report.days.sort_by(|a, b| (&a.day, a.kind, &a.source).cmp(&(&b.day, b.kind, &b.source)));
        report.losses.sort_by(|a, b| (a.from, a.to, &a.source).cmp(&(b.from, b.to, &b.source)));
        report
    }
}

#[cfg(test)]
mod tests;
