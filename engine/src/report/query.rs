//! What a report is asked for.

use crate::report::buckets::Every;
use crate::report::calendar::Calendar;
use crate::report::measure::Measure;
use crate::time::Zone;

/// The question that a report answers: which measures, of which time, by what.
///
/// ```
/// use convofold_engine::{Every, GroupBy, Measure, ReportQuery};
///
/// let week = ReportQuery::new(1_772_409_600_000, 1_773_014_400_000)
///     .every(Every::Days(1))
///     .by([GroupBy::Agent])
///     .measures([Measure::Response, Measure::Closings]);
/// # let _ = week;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReportQuery {
    /// The beginning, in milliseconds since the epoch. It is cut to the range of [`Time`](crate::Time).
    pub from_ms: i64,
    /// The end, in milliseconds since the epoch: the report is of the time before it. It is cut in the same way.
    pub to_ms: i64,
    /// The length of a bucket; `None` for one bucket.
    pub every: Option<Every>,
    /// By what each bucket is divided.
    pub by: Vec<GroupBy>,
    /// What is measured. By default all measures without a parameter.
    pub measures: Vec<Measure>,
    /// The zone in which buckets begin.
    pub zone: Zone,
    /// The bucket to which a duration belongs.
    pub attribute: Attribution,
    /// The hours inside which durations count; `None` for all hours.
    pub calendar: Option<Calendar>,
    /// Agents whose answers do not count: their ids, or the names of agents without an id.
    pub excluded_agents: Vec<String>,
    /// The tenants of which the report is: only what happened while a conversation was theirs counts. `None` for all, and for
    /// conversations of no tenant.
    pub tenants: Option<Vec<String>>,
}

/// By what a bucket is divided. Each value is the one at the moment of what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum GroupBy {
    /// The assigned agent. Agents of two tenants are two agents.
    Agent,
    /// The tenant.
    Tenant,
    /// The channel of the latest message.
    Channel,
    /// The source of the latest event.
    Source,
    /// The shortcode.
    Shortcode,
}

crate::named! {
    GroupBy is a "group":
        Agent "agent", Tenant "tenant", Channel "channel", Source "source", Shortcode "shortcode"
}

/// The bucket to which a duration belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Attribution {
    /// That in which it ended. The bucket never changes with later events.
    #[default]
    End,
    /// That in which it began, if it ended before the end of the report.
    Start,
}

crate::named! { Attribution is a "attribution": End "end", Start "start" }

impl ReportQuery {
    /// All measures without a parameter, of the time from `from_ms` on and before `to_ms`, in one bucket.
    #[must_use]
    pub fn new(from_ms: i64, to_ms: i64) -> Self {
        Self {
            from_ms,
            to_ms,
            every: None,
            by: Vec::new(),
            measures: Measure::ALL.to_vec(),
            zone: Zone::UTC,
            attribute: Attribution::End,
            calendar: None,
            excluded_agents: Vec::new(),
            tenants: None,
        }
    }

    /// Sets [`ReportQuery::every`](#structfield.every).
    #[must_use]
    pub fn every(mut self, every: impl Into<Option<Every>>) -> Self {
        self.every = every.into();
        self
    }

    /// Sets [`ReportQuery::by`](#structfield.by). A repetition counts once.
    #[must_use]
    pub fn by(mut self, by: impl IntoIterator<Item = GroupBy>) -> Self {
        self.by = without_repetitions(by);
        self
    }

    /// Sets [`ReportQuery::measures`](#structfield.measures). A repetition counts once.
    #[must_use]
    pub fn measures(mut self, measures: impl IntoIterator<Item = Measure>) -> Self {
        self.measures = without_repetitions(measures);
        self
    }

    /// Sets [`ReportQuery::zone`](#structfield.zone).
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Sets [`ReportQuery::attribute`](#structfield.attribute).
    #[must_use]
    pub fn attribute(mut self, attribute: Attribution) -> Self {
        self.attribute = attribute;
        self
    }

    /// Sets [`ReportQuery::calendar`](#structfield.calendar).
    #[must_use]
    pub fn calendar(mut self, calendar: impl Into<Option<Calendar>>) -> Self {
        self.calendar = calendar.into();
        self
    }

    /// Sets [`ReportQuery::excluded_agents`](#structfield.excluded_agents).
    #[must_use]
    pub fn excluded_agents(mut self, agents: impl IntoIterator<Item = String>) -> Self {
        self.excluded_agents = agents.into_iter().collect();
        self
    }

    /// Sets [`ReportQuery::tenants`](#structfield.tenants).
    #[must_use]
    pub fn tenants(mut self, tenants: impl Into<Option<Vec<String>>>) -> Self {
        self.tenants = tenants.into();
        self
    }

    /// Whether the report is of this tenant.
    pub(crate) fn has_tenant(&self, tenant: Option<&str>) -> bool {
        let has = |tenants: &Vec<String>| tenant.is_some_and(|tenant| tenants.iter().any(|of| of == tenant));
        self.tenants.as_ref().is_none_or(has)
    }

    /// Whether the other query asks for the same, possibly of another time.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let Self { from_ms: _, to_ms: _, every, by, measures, zone, attribute, calendar, excluded_agents, tenants } =
            self;
        let of_self = (every, by, measures, zone, attribute, calendar, excluded_agents, tenants);
        let Self { from_ms: _, to_ms: _, every, by, measures, zone, attribute, calendar, excluded_agents, tenants } =
            other;
        of_self == (every, by, measures, zone, attribute, calendar, excluded_agents, tenants)
    }

    /// The duration between two times: inside the calendar, never negative.
    pub(crate) fn length(&self, from: i64, until: i64) -> i64 {
        match &self.calendar {
            _ if until <= from => 0,
            Some(calendar) => calendar.elapsed(from, until),
            None => until - from,
        }
    }

    /// The first millisecond by which more than `length_ms` has passed since `from`, if it is before the end of the report.
    pub(crate) fn after(&self, from: i64, length_ms: i64) -> Option<i64> {
        match &self.calendar {
            Some(calendar) => calendar.after(from, length_ms, self.to_ms),
            None => from.checked_add(length_ms)?.checked_add(1).filter(|at| *at < self.to_ms),
        }
    }
}

fn without_repetitions<T: PartialEq>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for value in values {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}
