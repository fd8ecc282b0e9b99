//! Settings of what runs at a time of day.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use convofold::retention::{Retention, Rule};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::span::Span;

/// A time of day: `03:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(Time);

impl TimeOfDay {
    /// When it is this time next, after `now`, in milliseconds since the epoch. A time that the clock skips is shifted forward; of
    /// two possible times the earlier one counts.
    pub(super) fn next(self, now: i64, zone: &TimeZone) -> i64 {
        let days = std::iter::successors(Some(day_of(now, zone)), |day| day.tomorrow().ok()).take(3);
        // Nothing follows at the end of the calendar.
        days.filter_map(|day| self.on(day, zone)).find(|at| *at > now).unwrap_or(i64::MAX)
    }

    /// When it was this time last, until `now`; `None` before the beginning of the calendar.
    pub(super) fn last(self, now: i64, zone: &TimeZone) -> Option<i64> {
        let days = std::iter::successors(Some(day_of(now, zone)), |day| day.yesterday().ok()).take(3);
        days.filter_map(|day| self.on(day, zone)).find(|at| *at <= now)
    }

    /// This time on a day.
    fn on(self, day: Date, zone: &TimeZone) -> Option<i64> {
        let at = zone.to_ambiguous_timestamp(day.to_datetime(self.0)).compatible();
        at.ok().map(Timestamp::as_millisecond)
    }
}

fn day_of(ms: i64, zone: &TimeZone) -> Date {
    let nearest = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    zone.to_datetime(Timestamp::from_millisecond(ms).unwrap_or(nearest)).date()
}

impl FromStr for TimeOfDay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_short = text.len() == 5;
        let time = Time::strptime("%H:%M", text).ok().filter(|_| is_short);
        time.map(Self).ok_or_else(|| format!("expected a time of day such as 03:30, found {text:?}"))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

/// When the storage is compacted: a table `[compact]` in a settings file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct CompactSettings {
    /// The time of day, in the zone of the settings.
    pub at: TimeOfDay,
}

/// What is removed when it is old: a table `[retention]` in a settings file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct RetentionSettings {
    /// The time of day, in the zone of the settings.
    pub at: TimeOfDay,
    /// The age of the events that are dropped from the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<Span>,
    /// The age of the texts that are removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<Span>,
    /// The age of the closed conversations that are removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<Span>,
    /// Other ages, by tenant: `[retention.tenants.North]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tenants: BTreeMap<String, TenantRetention>,
}

/// What is removed of one tenant. An age replaces the general one of its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct TenantRetention {
    /// The age of the texts that are removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<Span>,
    /// The age of the closed conversations that are removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<Span>,
}

impl RetentionSettings {
    /// The rules.
    pub(crate) fn rules(&self) -> Retention {
        let Self { at: _, log, texts, closed, tenants } = self;
        let [log, texts, closed] = [log, texts, closed].map(|age| age.map(|age| age.0));
        let rules = Retention::new().log_older_than(log).texts_older_than(texts).closed_older_than(closed);
        tenants.iter().fold(rules, |rules, (tenant, TenantRetention { texts, closed })| {
            let [texts, closed] = [texts, closed].map(|age| age.map(|age| age.0));
            rules.tenant(tenant, Rule::new().texts_older_than(texts).closed_older_than(closed))
        })
    }

    /// Refuses settings that remove nothing, or rules that do not fit together.
    pub(crate) fn check(&self) -> Result<(), String> {
        let ages = [self.log, self.texts, self.closed];
        let of_tenants = self.tenants.values().flat_map(|tenant| [tenant.texts, tenant.closed]);
        if ages.into_iter().chain(of_tenants).all(|age| age.is_none()) {
            return Err("retention has no age: give log, texts or closed, such as texts = \"90d\"".to_owned());
        }
        self.rules().check().map_err(|error| format!("retention: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTE: i64 = 60_000;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_time_of_day_is_that_of_the_zone_on_the_same_day_or_the_next() {
        let at: TimeOfDay = "03:30".parse().unwrap();
        let oslo = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Oslo").unwrap();
        assert_eq!(at.next(ms("2026-03-02T00:00:00Z"), &oslo), ms("2026-03-02T02:30:00Z"));
        assert_eq!(at.next(ms("2026-03-02T02:30:00Z"), &oslo), ms("2026-03-03T02:30:00Z"));
        assert_eq!(at.next(ms("2026-03-02T02:30:00Z") - 1, &oslo), ms("2026-03-02T02:30:00Z"));
        assert_eq!(at.next(ms("2026-03-02T00:00:00Z"), &TimeZone::UTC), ms("2026-03-02T03:30:00Z"));
    }

    #[test]
    fn a_time_that_the_clock_skips_is_later_and_one_that_it_repeats_is_once_a_day() {
        let at: TimeOfDay = "02:30".parse().unwrap();
        let oslo = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Oslo").unwrap();
        // 02:00 to 03:00 does not exist on this day.
        assert_eq!(at.next(ms("2026-03-28T23:30:00Z"), &oslo), ms("2026-03-29T01:30:00Z"));
        let first = at.next(ms("2026-10-24T23:30:00Z"), &oslo);
        assert_eq!(first, ms("2026-10-25T00:30:00Z"));
        assert_eq!(at.next(first, &oslo), ms("2026-10-26T01:30:00Z"));
    }

    #[test]
    fn a_day_has_each_time_once() {
        let at: TimeOfDay = "23:59".parse().unwrap();
        let (mut now, mut runs) = (ms("2026-01-01T00:00:00Z"), 0);
        while now < ms("2026-12-31T23:59:00Z") {
            now = at.next(now, &TimeZone::UTC);
            runs += 1;
            assert_eq!(now % (24 * 60 * MINUTE), (23 * 60 + 59) * MINUTE);
        }
        assert_eq!(runs, 365);
        assert_eq!(at.next(i64::MAX, &TimeZone::UTC), i64::MAX);
    }

    #[test]
    fn the_last_time_is_the_one_before_the_next_one() {
        let oslo = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Oslo").unwrap();
        for at in ["00:00", "02:30", "23:59"] {
            let at: TimeOfDay = at.parse().unwrap();
            let mut next = at.next(ms("2026-01-01T00:00:00Z"), &oslo);
            while next < ms("2026-12-30T00:00:00Z") {
                let after = at.next(next, &oslo);
                for now in [next, next + MINUTE, after - 1] {
                    assert_eq!(at.last(now, &oslo), Some(next), "{at} {now}");
                }
                next = after;
            }
        }
    }

    #[test]
    fn other_texts_are_no_time_of_day() {
        for text in ["", "3:30", "24:00", "03:60", "03:30:00", "soon", "03-30"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
        assert_eq!("03:30".parse::<TimeOfDay>().unwrap().to_string(), "03:30");
    }

    fn retention(toml: &str) -> Result<RetentionSettings, String> {
        let settings: RetentionSettings = toml::from_str(toml).map_err(|error| error.message().to_owned())?;
        settings.check().map(|()| settings)
    }

    #[test]
    fn rules_of_retention_have_ages_and_other_ones_by_tenant() {
        let given =
            "at = \"03:00\"\nlog = \"90d\"\ntexts = \"30d\"\nclosed = \"730d\"\n[tenants.North]\ntexts = \"7d\"";
        let settings = retention(given).unwrap();
        let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
        let expected = Retention::new()
            .log_older_than(days(90))
            .texts_older_than(days(30))
            .closed_older_than(days(730))
            .tenant("North", Rule::new().texts_older_than(days(7)));
        assert_eq!(settings.rules(), expected);
        let printed = toml::to_string(&settings).unwrap();
        assert_eq!(retention(&printed).unwrap(), settings, "{printed}");
    }

    #[test]
    fn settings_that_remove_nothing_or_contradict_each_other_are_refused() {
        for (given, said) in [
            ("log = \"90d\"", "at"),
            ("at = \"03:00\"", "no age"),
            ("at = \"03:00\"\n[tenants.North]", "no age"),
            ("at = \"03:00\"\nclosed = \"1d\"", "log"),
            ("at = \"03:00\"\ntext = \"1d\"", "text"),
            ("at = \"25:00\"\ntexts = \"1d\"", "25:00"),
        ] {
            let refused = retention(given).unwrap_err();
            assert!(refused.contains(said), "{given}: {refused}");
        }
    }
}
