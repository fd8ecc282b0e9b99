//! Reports: what happened, by time and group, in numbers that can be computed again and explained.
//!
//! Each measure is computed from the [`Transitions`] of the conversations and from nothing else: [`walk`] finds what one
//! conversation contributes, [`tally`] adds it up, [`values`] makes the answer of it, and [`behind`] lists it. `docs/measures.md` defines the measures.

mod measure;
mod buckets;
mod calendar;
mod query;
mod bound;
mod params;
mod transitions;
mod walk;
mod placement;
mod groups;
mod series;
mod read;
mod smallest;
mod tally;
mod answer;
mod names;
mod values;
mod builder;
mod parts;
mod behind;
mod stale;
mod kept;

pub use answer::{Distribution, LevelValue, MeasureValue, OutcomeValue, Report, ReportRow};
pub use behind::{Behind, BehindBuilder, BehindRow, RowOutcome};
pub use bound::{InvalidReportBound, ReportBound};
pub use buckets::{Every, InvalidEvery};
pub use builder::{ReportBuilder, ReportPart, ToPart};
pub use calendar::{Calendar, CalendarError};
pub use groups::{AgentOfTenant, GroupValue};
pub use kept::KeptReport;
pub use measure::{Measure, MeasureKind, UnknownMeasure};
pub use params::{ReportParamError, ReportParams};
pub use parts::{ReportParts, ReportPartsError};
pub use query::{Attribution, GroupBy, ReportQuery};
pub use transitions::{PackedConversation, ReportPlace, Said, Standing, Transition, Transitions, TransitionsReader};

#[cfg(test)]
mod tests;

/// Why there is no report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportQueryError {
    /// No time lies between the bounds.
    #[error("a report of no time: it begins at {from} and ends at {to} (milliseconds since the epoch)")]
    Empty {
        /// The beginning.
        from: i64,
        /// The end.
        to: i64,
    },
    /// The buckets are too short for the time.
    #[error("more than {max} buckets: ask for a shorter time or for longer buckets")]
    Buckets {
        /// The maximum number of buckets.
        max: usize,
    },
    /// The report is too large.
    #[error("more than {max} values: ask for a shorter time, for longer buckets or for fewer measures")]
    Values {
        /// The maximum number of values: rows times measures.
        max: usize,
    },
    /// There is too much behind a number.
    #[error("more than {max} rows behind the numbers: ask for a shorter time or for longer buckets")]
    Rows {
        /// The maximum number of rows.
        max: usize,
    },
}
