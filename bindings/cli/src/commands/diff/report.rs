//! How changes are printed.

use std::io::Write;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use convofold::diff::{ChangeKind, ConversationChange, Diff, DiffCounts, FieldChange, Presence};
use serde::Serialize;

use super::sides::failed;
use crate::console::Console;
use crate::error::CliError;
use crate::output::{Listing, event, text, time};

/// The events of a conversation that text shows; the others are counted.
const SHOWN_CAUSES: usize = 5;
/// Maximum width of a value in text.
const VALUE_COLUMNS: usize = 60;
/// How text shows a value that does not exist.
const NOTHING: &str = "nothing";

/// The form of a list of changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object.
    Json,
    /// One JSON object per conversation.
    Jsonl,
}

/// How much is printed of the changes.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Print only the number of changes, by kind and by field.
    #[arg(long, conflicts_with = "summary")]
    stat: bool,
    /// Print only how each conversation differs, and its id.
    #[arg(long)]
    summary: bool,
}

/// The numbers of changes, and the changes themselves unless only numbers were asked for, or they were printed already.
#[derive(Serialize)]
pub(crate) struct ChangeReport {
    #[serde(flatten)]
    pub(crate) counts: DiffCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversations: Option<Vec<ChangeJson>>,
}

/// A conversation that differs.
#[derive(Serialize)]
#[serde(untagged)]
enum ChangeJson {
    Whole(ConversationChange),
    Summary { change: ChangeKind, id: Arc<str> },
}

impl ReportArgs {
    /// Whether the answer is one object of JSON.
    pub(crate) fn is_one_object(&self, format: ReportFormat) -> bool {
        format == ReportFormat::Json || (format == ReportFormat::Jsonl && self.stat)
    }

    /// Whether an option was given.
    pub(crate) fn is_given(&self) -> bool {
        self.stat || self.summary
    }

    /// Prints the changes of a text or of lines, and returns what JSON prints.
    pub(crate) fn print(
        &self,
        diff: Diff<'_>,
        format: ReportFormat,
        console: &mut Console,
    ) -> Result<ChangeReport, CliError> {
        let (mut counts, mut conversations) = (DiffCounts::default(), Vec::new());
        for change in diff.causes(!self.stat && !self.summary) {
            let change = change.map_err(|error| failed(&error))?;
            counts.add(&change);
            match format {
                _ if self.stat => {}
                ReportFormat::Text => self.print_text(&change, console)?,
                ReportFormat::Json => conversations.push(self.json(change)),
                ReportFormat::Jsonl => console.json(&self.json(change))?,
            }
        }
        if self.stat && format == ReportFormat::Text {
            print_counts(&counts, console)?;
        }
        let is_listed = format == ReportFormat::Json && !self.stat;
        Ok(ChangeReport { counts, conversations: is_listed.then_some(conversations) })
    }

    fn json(&self, change: ConversationChange) -> ChangeJson {
        if self.summary {
            ChangeJson::Summary { change: change.change, id: change.id }
        } else {
            ChangeJson::Whole(change)
        }
    }

    fn print_text(&self, change: &ConversationChange, console: &mut Console) -> Result<(), CliError> {
        let out = console.out();
        writeln!(out, "{} {}", change.change, text::one_line(&change.id))?;
        if self.summary {
            return Ok(());
        }
        if change.change == ChangeKind::Changed {
            for FieldChange { field, from, to, .. } in &change.fields {
                writeln!(out, "  {field}: {} -> {}", value(field, from.as_deref()), value(field, to.as_deref()))?;
            }
        }
        let causes = change.because.as_deref().unwrap_or_default();
        for cause in causes.iter().take(SHOWN_CAUSES) {
            let sign = if cause.only_in == Presence::From { '-' } else { '+' };
            let (at, kind) = (time::to_millisecond(cause.at), event::kind(cause.kind));
            writeln!(out, "  {sign} event {}, {at}, {kind}", cause.seq)?;
        }
        if causes.len() > SHOWN_CAUSES {
            writeln!(out, "  and {}", text::counted((causes.len() - SHOWN_CAUSES) as u64, "more event"))?;
        }
        Ok(())
    }
}

/// A value for people: JSON, except that times are written out.
fn value(field: &str, json: Option<&str>) -> String {
    let Some(json) = json else { return NOTHING.to_owned() };
    let name = field.rsplit('.').next().unwrap_or(field);
    let is_time = name == "at" || name.ends_with("_at") || name == "waiting_since";
    match json.parse() {
        Ok(ms) if is_time => time::to_millisecond(ms),
        _ => text::cut(&text::one_line(json), VALUE_COLUMNS),
    }
}

fn print_counts(counts: &DiffCounts, console: &mut Console) -> Result<(), CliError> {
    let mut listing = Listing::new(&["CHANGE", "CONVERSATIONS"]).right(1);
    let kinds = [(ChangeKind::Added, counts.added), (ChangeKind::Removed, counts.removed)];
    let kinds = kinds.into_iter().chain([(ChangeKind::Changed, counts.changed)]);
    kinds.for_each(|(kind, count)| listing.row(vec![kind.to_string(), text::count(count)]));
    for (field, count) in &counts.fields {
        listing.row(vec![format!("  {field}"), text::count(*count)]);
    }
    listing.print(console)
}

/// The numbers of changes in one line.
pub(crate) fn in_words(counts: &DiffCounts) -> String {
    let DiffCounts { added, removed, changed, .. } = counts;
    let parts = [(added, "added"), (removed, "removed"), (changed, "changed")];
    let parts: Vec<_> = parts
        .into_iter()
        .filter(|(count, _)| **count > 0)
        .map(|(count, name)| format!("{} {name}", text::count(*count)))
        .collect();
    if parts.is_empty() {
        return "no difference".to_owned();
    }
    let verb = if counts.total() == 1 { "differs" } else { "differ" };
    format!("{} {verb}: {}", text::counted(counts.total(), "conversation"), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_out_and_other_values_are_json() {
        assert_eq!(value("closed_at", Some("1627535468595")), "2021-07-29 05:11:08.595");
        assert_eq!(value("assignments[1].at", Some("1627535468595")), "2021-07-29 05:11:08.595");
        assert_eq!(value("closed_at", Some("null")), "null");
        assert_eq!(value("open_ms", Some("1627535468595")), "1627535468595");
        assert_eq!(value("member.name", Some("\"at\u{202e}\"")), "\"at\u{fffd}\"");
        assert_eq!(value("session", None), "nothing");
    }

    #[test]
    fn numbers_are_put_into_words() {
        let mut counts = DiffCounts::default();
        assert_eq!(in_words(&counts), "no difference");
        counts.changed = 1;
        assert_eq!(in_words(&counts), "1 conversation differs: 1 changed");
        counts.added = 1_200;
        assert_eq!(in_words(&counts), "1,201 conversations differ: 1,200 added, 1 changed");
    }
}
