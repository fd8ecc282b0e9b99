//! `convofold explain`.

use std::io::Write;

use clap::{Args, ValueEnum};
use convofold::{Explanation, FieldName, MomentReport, Reason};
use serde::Serialize;
use serde_json::Value;

use crate::console::Console;
use crate::database::{DbArgs, IdArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Listing, event, text, time};
use crate::past::{self, MomentArgs, did_not_exist};

/// The number of events in a list as text: the first and the last ones.
const LINES: usize = 6;
/// The maximum width of a value in a table.
const VALUE_COLUMNS: usize = 40;

/// Explain why a conversation is what it is: the events behind each value.
///
/// Without a field, prints a table on standard output with a row for each field of the export: its value, the number of the
/// rule that defines it (docs/rules.md), the sequence numbers of the events that make it so, and the time and kind of the last
/// of them. With a field, prints in full the rule, the events (`<-`), the events that would decide otherwise and why they do not
/// (`over`), later events that change nothing (`not`), and the value without the events.
///
/// --format json prints one object: {"id": ..., "fields": [{"field", "value", "rule", "sentence", "because", "over", "not",
/// "without"}]}.
///
/// --as-of and --known-at explain the values at another moment.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold explain 700100_1627535468595 --db ./db
  convofold explain 700100_1627535468595 status --db ./db
  convofold explain 700100_1627535468595 unread --db ./db --all
  convofold explain 700100_1627535468595 agent --db ./db --as-of 2021-07-29T05:11:30Z --format json
")]
pub struct ExplainArgs {
    #[command(flatten)]
    id: IdArgs,
    /// A field of the export, such as `status` or `member.name`, or an object, such as `member`.
    field: Option<FieldName>,
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    moment: MomentArgs,
    /// List all events, not only the first and the last ones.
    #[arg(long)]
    all: bool,
    /// Form of the result. In `json` times are integers in milliseconds.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: Form,
    /// Short for --format json.
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

/// The form of an explanation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

#[derive(Serialize)]
struct ExplainJson {
    id: String,
    fields: Vec<Explanation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moment: Option<MomentReport>,
}

impl ExplainArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let is_json = self.json || self.format == Form::Json;
        let limit = match (self.all, is_json) {
            (true, _) => 0,
            (false, true) => Explanation::LIMIT,
            (false, false) => LINES,
        };
        let db = self.moment.open(&self.db, None, console)?;
        let id = self.id.find(db.database())?;
        let fields = db.explain(&id, self.field, limit)?.ok_or_else(|| did_not_exist(&id))?;
        let moment = db.report_of(&id)?;
        if is_json {
            console.json(&ExplainJson { id, fields, moment })?;
            return Ok(Exit::Success);
        }
        if let Some(moment) = &moment {
            console.note(past::in_words(moment));
        }
        match self.field {
            None => table(&fields, console)?,
            Some(_) => details(&fields, console)?,
        }
        Ok(Exit::Success)
    }
}

fn table(fields: &[Explanation], console: &mut Console) -> Result<(), CliError> {
    let mut listing = Listing::new(&["FIELD", "VALUE", "RULE", "SEQ", "AT (UTC)", "EVENT"]);
    for explanation in fields {
        let Explanation { field, value, rule, because, .. } = explanation;
        let last = because.last();
        let what = match because.as_slice() {
            [one] => event::kind(one.event).to_owned(),
            [] => String::new(),
            _ => text::counted(explanation.because_count.unwrap_or(because.len() as u64), "event"),
        };
        let at = last.map(|last| time::to_millisecond(last.at)).unwrap_or_default();
        let value = text::cut(&shown(field, value), VALUE_COLUMNS);
        listing.row(vec![field.clone(), value, rule.clone(), seqs(because), at, what]);
    }
    listing.print(console)
}

/// A few sequence numbers, or the first and the last one of more.
fn seqs(events: &[Reason]) -> String {
    match events {
        [] => text::UNKNOWN.to_owned(),
        [first, .., last] if events.len() > 3 => format!("{}\u{2026}{}", first.seq, last.seq),
        few => few.iter().map(|event| event.seq.to_string()).collect::<Vec<_>>().join(", "),
    }
}

fn details(fields: &[Explanation], console: &mut Console) -> Result<(), CliError> {
    for (index, explanation) in fields.iter().enumerate() {
        if index > 0 {
            writeln!(console.out())?;
        }
        let Explanation { field, value, rule, sentence, .. } = explanation;
        writeln!(console.out(), "{field} = {}   {rule}: {sentence}", shown(field, value))?;
        let mut listing = Listing::new(&[""; 6]);
        list(&mut listing, "<-", &explanation.because, explanation.because_count, true);
        list(&mut listing, "over", &explanation.over, explanation.over_count, false);
        list(&mut listing, "not", &explanation.not, explanation.not_count, false);
        if !listing.is_empty() {
            listing.print(console)?;
        }
        writeln!(console.out(), "  {}", without(explanation))?;
    }
    Ok(())
}

/// Adds a list of events. What is left out lies in its middle, or at its end.
fn list(listing: &mut Listing, name: &str, events: &[Reason], count: Option<u64>, in_the_middle: bool) {
    let left_out = count.unwrap_or_default().saturating_sub(events.len() as u64);
    let place = if in_the_middle { events.len().div_ceil(2) } else { events.len() };
    for (index, reason) in events.iter().enumerate() {
        if left_out > 0 && index == place {
            listing.row(gap(left_out));
        }
        let learned = reason.learned_after_ms.map(learned).unwrap_or_default();
        let seq = format!("seq {}", reason.seq);
        let kind = event::kind(reason.event).to_owned();
        let why = reason.why.clone().unwrap_or_default();
        listing.row(vec![format!("  {name}"), seq, time::to_millisecond(reason.at), kind, learned, why]);
    }
    if left_out > 0 && place == events.len() {
        listing.row(gap(left_out));
    }
}

fn gap(events: u64) -> Vec<String> {
    let what = format!("\u{2026} {} more", text::count(events));
    vec![String::new(), what, String::new(), String::new(), String::new(), String::new()]
}

fn learned(after_ms: i64) -> String {
    let length = time::length(after_ms.saturating_abs());
    if after_ms < 0 { format!("learned {length} before") } else { format!("learned {length} later") }
}

fn without(explanation: &Explanation) -> String {
    let events = match explanation.because.as_slice() {
        [] => return "no event states it".to_owned(),
        [one] => format!("seq {}", one.seq),
        _ => "these events".to_owned(),
    };
    match &explanation.without {
        None => format!("without {events} the conversation would not exist"),
        Some(value) if *value == explanation.value => format!("without {events} the field would be the same"),
        Some(value) => format!("without {events} the field would be: {}", shown(&explanation.field, value)),
    }
}

/// A value for people.
fn shown(field: &str, value: &Value) -> String {
    let is_time = field.ends_with("_at") || field.ends_with(".at") || field == "waiting_since";
    match value {
        Value::String(text) => text::one_line(text),
        Value::Number(ms) if is_time => ms.as_i64().map(time::to_millisecond).unwrap_or_default(),
        Value::Number(ms) if field.ends_with("_ms") => ms.as_i64().map(time::length).unwrap_or_default(),
        other => text::one_line(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations_are_shown_for_people() {
        assert_eq!(shown("closed_at", &1_627_535_468_595_i64.into()), "2021-07-29 05:11:08.595");
        assert_eq!(shown("last_message.at", &Value::Null), "null");
        assert_eq!(shown("open_ms", &725_000.into()), "12m 05s");
        assert_eq!(shown("unread", &3.into()), "3");
        assert_eq!(shown("status", &"open".into()), "open");
    }
}
