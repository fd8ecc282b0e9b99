//! The rules of retention: durations, and the times that they mean now.

use std::collections::BTreeMap;
use std::time::Duration;

use convofold_engine::Time;

use crate::format::retention::StoredHorizon;

/// What is kept for how long. Without a rule, everything is kept.
///
/// ```
/// use std::time::Duration;
/// use convofold_store::retention::{Retention, Rule};
///
/// let day = Duration::from_secs(86_400);
/// let retention = Retention::new()
///     .log_older_than(90 * day)
///     .texts_older_than(365 * day)
///     .closed_older_than(730 * day)
///     .tenant("acme", Rule::new().texts_older_than(30 * day));
/// assert!(retention.check().is_ok());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Retention {
    log_ms: Option<u64>,
    texts_ms: Option<u64>,
    closed_ms: Option<u64>,
    tenants: BTreeMap<String, Rule>,
}

/// The ages of one tenant. Each replaces the one of the same kind for all tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Rule {
    texts_ms: Option<u64>,
    closed_ms: Option<u64>,
}

/// Conversations would be removed before their events are trimmed from the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("removing closed conversations needs a rule for the log that keeps it no longer than {closed_ms} ms")]
pub struct NeedsLog {
    /// The shortest rule for closed conversations, in milliseconds.
    pub closed_ms: u64,
}

impl Rule {
    /// The ages of all tenants.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`Retention::texts_older_than`].
    #[must_use]
    pub fn texts_older_than(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.texts_ms = age.into().map(ms);
        self
    }

    /// See [`Retention::closed_older_than`].
    #[must_use]
    pub fn closed_older_than(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.closed_ms = age.into().map(ms);
        self
    }
}

impl Retention {
    /// Rules that keep everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trims the log up to the first block with an event that is not older ([`Convofold::trim_log`](crate::Convofold::trim_log)).
    /// States and histories stay. `None` keeps the log. There is no rule for the log of a tenant, because blocks contain events of
    /// several tenants.
    #[must_use]
    pub fn log_older_than(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.log_ms = age.into().map(ms);
        self
    }

    /// Removes texts that are older (rule R1). Everything else of their events stays, and so do counts, times and reports. `None`
    /// keeps all texts.
    #[must_use]
    pub fn texts_older_than(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.texts_ms = age.into().map(ms);
        self
    }

    /// Removes closed conversations in which nothing happened for this time (rule R2), once all of their events are trimmed from
    /// the log. So there must be a rule for the log with the same or a shorter age. `None` keeps all conversations.
    #[must_use]
    pub fn closed_older_than(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.closed_ms = age.into().map(ms);
        self
    }

    /// Sets the ages of a tenant.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>, rule: Rule) -> Self {
        self.tenants.insert(tenant.into(), rule);
        self
    }

    /// Checks that the rules fit together.
    ///
    /// # Errors
    /// [`NeedsLog`] if closed conversations are to go before their events are trimmed from the log.
    pub fn check(&self) -> Result<(), NeedsLog> {
        let of_tenants = self.tenants.values().filter_map(|rule| rule.closed_ms);
        match self.closed_ms.into_iter().chain(of_tenants).min() {
            Some(closed_ms) if self.log_ms.is_none_or(|log_ms| log_ms > closed_ms) => Err(NeedsLog { closed_ms }),
            _ => Ok(()),
        }
    }

    /// The time before which the log is trimmed.
    pub(super) fn log_before(&self, now: Time) -> Option<Time> {
        self.log_ms.map(|age_ms| before(now, age_ms))
    }

    /// The times before which texts and conversations go: of all tenants without a rule of their own, then of the others.
    pub(super) fn horizons(&self, now: Time) -> Vec<StoredHorizon> {
        let horizon = |tenant: Option<&String>, texts_ms: Option<u64>, closed_ms: Option<u64>| StoredHorizon {
            tenant: tenant.cloned(),
            texts_before_ms: texts_ms.map(|age_ms| before(now, age_ms).ms()),
            closed_before_ms: closed_ms.map(|age_ms| before(now, age_ms).ms()),
            ..StoredHorizon::default()
        };
        let of_all = horizon(None, self.texts_ms, self.closed_ms);
        let of_tenants = self.tenants.iter().map(|(tenant, rule)| {
            horizon(Some(tenant), rule.texts_ms.or(self.texts_ms), rule.closed_ms.or(self.closed_ms))
        });
        let all = [of_all].into_iter().chain(of_tenants);
        all.filter(|horizon| horizon.texts_before_ms.is_some() || horizon.closed_before_ms.is_some()).collect()
    }
}

fn ms(age: Duration) -> u64 {
    u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
}

/// Nothing is older than the epoch.
fn before(now: Time, age_ms: u64) -> Time {
    let ms = now.ms().saturating_sub(i64::try_from(age_ms).unwrap_or(i64::MAX));
    Time::from_ms(ms.max(0)).unwrap_or(Time::MIN)
}
