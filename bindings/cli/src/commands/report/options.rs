//! The options of a report.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use convofold::{
    Attribution, Calendar, Every, GroupBy, Measure, MeasureKind, ReportBound, ReportQuery, UnknownMeasure, Zone,
};

use crate::error::CliError;
use crate::exit::Exit;
use crate::output::zone::DisplayZone;
use crate::values;

/// The time, the buckets and the groups of a report, and what counts.
#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// The beginning: a time such as 2026-03-02 or 2026-03-02 09:00 (in the zone of --tz if it has no zone), or a time before
    /// now (-7d).
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: ReportBound,
    /// The end; events at exactly this time do not count. A time after now is cut to now [default: now].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<ReportBound>,
    /// The length of a bucket: 1h, 6h (hours that divide a day), 1d, 1w, 1mo, 3mo. Buckets begin where the clock of --tz says
    /// so: with the day, on Monday, on the first of the month [default: one bucket].
    #[arg(long, value_name = "LENGTH")]
    every: Option<Every>,
    /// By what each bucket is divided, separated by commas.
    #[arg(long, value_name = "GROUP,...", value_delimiter = ',', value_parser = values::named::<GroupBy>(&GroupBy::NAMES))]
    by: Vec<GroupBy>,
    /// The zone in which buckets begin and times are printed: a name of the IANA database, or `local`.
    #[arg(long, value_name = "ZONE", default_value_t)]
    tz: DisplayZone,
    /// The bucket to which a duration belongs: that in which it ends, or that in which it starts.
    #[arg(long, value_name = "WHERE", value_parser = values::named::<Attribution>(&Attribution::NAMES), default_value_t)]
    attribute: Attribution,
    /// Count durations inside business hours only. The file is JSON: {"zone": "Europe/Berlin", "week": {"mon": [["09:00",
    /// "17:00"]], ...}, "holidays": ["2026-12-25"]}.
    #[arg(long, value_name = "FILE")]
    calendar: Option<PathBuf>,
    /// An agent whose answers do not count, such as a bot: its id, or its name if it has no id. Can be repeated.
    #[arg(long, value_name = "AGENT")]
    exclude_agent: Vec<String>,
    /// Only what happened while a conversation belonged to this tenant. Can be repeated.
    #[arg(long, value_name = "TENANT")]
    tenant: Vec<String>,
}

/// The form of the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// Aligned columns for people.
    #[default]
    Table,
    /// RFC 4180, with a header row.
    Csv,
    /// One JSON object.
    Json,
    /// A page with tables and charts, complete in one file.
    Html,
}

/// An element of the list of measures.
#[derive(Clone, Copy, Debug)]
pub(super) enum MeasureList {
    All,
    One(Measure),
}

impl FromStr for MeasureList {
    type Err = UnknownMeasure;

    fn from_str(text: &str) -> Result<Self, UnknownMeasure> {
        if text == "all" { Ok(Self::All) } else { text.parse().map(Self::One) }
    }
}

/// What a table has by default. All measures do not fit on a screen.
const OF_TABLE: [Measure; 8] = [
    Measure::Started,
    Measure::Closings,
    Measure::MessagesIn,
    Measure::MessagesOut,
    Measure::Open,
    Measure::Waiting,
    Measure::FirstResponse,
    Measure::Response,
];

impl MeasureList {
    pub(super) fn measures(list: &[Self], form: Form) -> Vec<Measure> {
        let of = |element: &Self| match element {
            Self::All => Measure::ALL.to_vec(),
            Self::One(measure) => vec![*measure],
        };
        match form {
            _ if !list.is_empty() => list.iter().flat_map(of).collect(),
            Form::Table => OF_TABLE.to_vec(),
            _ => Measure::ALL.to_vec(),
        }
    }
}

impl QueryArgs {
    pub(super) fn zone(&self) -> &DisplayZone {
        &self.tz
    }

    /// The query. `now` is the time to which the end is cut, and before which times count.
    pub(super) fn query(&self, now: i64) -> Result<ReportQuery, CliError> {
        let usage = |what: String| CliError::new(Exit::Usage, what);
        let zone: Zone = self.tz.to_string().parse().map_err(|_| {
            usage(format!("--tz: buckets need the name of a zone in the IANA database, found {}", self.tz))
        })?;
        let (from, to) = (self.from.ms(&zone, now), self.to.map(|to| to.ms(&zone, now)));
        let end = to.unwrap_or(now).min(now);
        if from >= end {
            return Err(usage(self.no_time(from, to, now)));
        }
        let calendar = self.calendar.as_ref().map(|file| {
            let json = std::fs::read_to_string(file).map_err(|error| CliError::io("read", file, &error))?;
            Calendar::from_json(&json).map_err(|error| usage(format!("{}: {error}", file.display())))
        });
        Ok(ReportQuery::new(from, end)
            .every(self.every)
            .by(self.by.iter().copied())
            .zone(zone)
            .attribute(self.attribute)
            .calendar(calendar.transpose()?)
            .excluded_agents(self.exclude_agent.iter().cloned())
            .tenants(Some(self.tenant.clone()).filter(|tenants| !tenants.is_empty())))
    }
}

impl QueryArgs {
    /// Why no time lies between the bounds. `to` is the end that is asked for.
    fn no_time(&self, from: i64, to: Option<i64>, now: i64) -> String {
        let at = |ms: i64| self.tz.rfc3339(ms).unwrap_or_else(|| ms.to_string());
        let (from, end) = (at(from), at(to.unwrap_or(now).min(now)));
        let why = match to {
            None => "; without --to it ends now",
            Some(to) if to > now => "; the end was cut to now",
            Some(_) => "",
        };
        format!("a report of no time: it begins at {from} and ends at {end}{why}")
    }
}

/// The list of measures for the help.
pub(super) fn help() -> String {
    let mut text = "Measures (for --measure and --rows):\n".to_owned();
    for measure in Measure::ALL {
        let unit = if measure.kind().unit() == "milliseconds" { ", in milliseconds" } else { "" };
        let _ = writeln!(text, "  {:<21} {} ({}{unit})", measure.name(), measure.definition(), measure.kind());
    }
    let within = Measure::Within(0);
    let _ = writeln!(text, "  {:<21} {} ({})", "within:DURATION", within.definition(), MeasureKind::Outcome);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_has_each_measure() {
        let text = help();
        assert!(Measure::ALL.iter().all(|measure| text.contains(measure.definition())));
    }
}
