//! `convofold generate`.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use clap::Args;
use convofold_generator::{Faults, GenerateOptions, GenerateSummary, Mix, generate};
use serde::Serialize;

use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::table::Facts;
use crate::output::text;
use crate::values;

/// Make an event log.
///
/// Writes an event log of days in several contact centres to standard output or to --out, one event a line: members
/// write, agents take over, hand on and close, some members come back. The same options give the same bytes on every
/// machine. What was made is told on standard error; with --json as one JSON object, on standard output where the log
/// goes to a file.
///
/// Faults change how events are delivered and never the events themselves: a log with faults leads to the same state as
/// the log without.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold generate --events 100000 --out log.ndjson
  convofold generate --duplicates .02 --shuffle 500 --garbage .01 | convofold replay - --db ./db
")]
pub struct GenerateArgs {
    /// Where to write the log; - is standard output.
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    /// Tell what was made as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    size: SizeArgs,
    #[command(flatten)]
    happenings: HappeningArgs,
    #[command(flatten)]
    faults: FaultArgs,
}

/// How much, and in which form.
#[derive(Debug, Args)]
#[command(next_help_heading = "Size and form")]
struct SizeArgs {
    /// How many different events.
    #[arg(long, value_name = "N", default_value_t = GenerateOptions::default().events)]
    events: u64,
    /// Which of the many possible logs.
    #[arg(long, value_name = "N", default_value_t = GenerateOptions::default().seed)]
    seed: u64,
    /// The form: airship-api, airship-rtds, superoffice, or mixed (a third of the conversations in each).
    #[arg(long, value_name = "FORM", default_value = "mixed", value_parser = mix_of_word)]
    envelope: Mix,
    /// Shares of conversations in airship-api, airship-rtds and superoffice, such as 2:1:1, instead of --envelope.
    #[arg(long, value_name = "A:R:S", conflicts_with = "envelope", value_parser = mix_of_shares)]
    mix: Option<Mix>,
    /// How many agents, over all tenants.
    #[arg(long, value_name = "N", default_value_t = GenerateOptions::default().agents,
        value_parser = clap::value_parser!(u32).range(1..))]
    agents: u32,
    /// How many businesses.
    #[arg(long, value_name = "N", default_value_t = GenerateOptions::default().tenants,
        value_parser = clap::value_parser!(u32).range(1..))]
    tenants: u32,
    /// How many conversations are talked in at once, on average.
    #[arg(long, value_name = "N", default_value_t = GenerateOptions::default().in_flight,
        value_parser = clap::value_parser!(u32).range(1..))]
    in_flight: u32,
    /// When the log begins [default: 2021-07-29T05:11:08.595Z].
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    start: Option<i64>,
}

/// What happens, each a chance from 0 to 1.
#[derive(Debug, Args)]
#[command(next_help_heading = "What happens, as chances from 0 to 1")]
struct HappeningArgs {
    /// An Airship conversation goes over SMS and not over the app.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = GenerateOptions::default().sms)]
    sms: f64,
    /// A conversation is begun by a member who was there before.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = GenerateOptions::default().returning)]
    returning: f64,
    /// A conversation is handed to another agent.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = GenerateOptions::default().transfer)]
    transfer: f64,
    /// A conversation goes back to the queue and is taken again.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = GenerateOptions::default().requeue)]
    requeue: f64,
    /// No agent ever answers.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = GenerateOptions::default().abandon)]
    abandon: f64,
    /// After a message comes an event that changes nothing but the activity.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = GenerateOptions::default().updates)]
    updates: f64,
    /// A conversation is never closed.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = GenerateOptions::default().leave_open)]
    leave_open: f64,
    /// A closed conversation is opened again.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = GenerateOptions::default().reopen)]
    reopen: f64,
}

/// What goes wrong in delivery.
#[derive(Debug, Args)]
#[command(next_help_heading = "What goes wrong in delivery")]
struct FaultArgs {
    /// The chance that an event is delivered twice.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = 0.0)]
    duplicates: f64,
    /// How many events may overtake an event, at most.
    #[arg(long, value_name = "N", default_value_t = 0)]
    shuffle: u32,
    /// The chance, after an event, of a line that is no event.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = 0.0)]
    garbage: f64,
    /// The chance that the first message arrives before the event that opens its conversation.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = 0.0)]
    message_first: f64,
}

#[derive(Serialize)]
struct SummaryJson {
    lines: u64,
    events: u64,
    conversations: u64,
    open: u64,
    duplicates: u64,
    garbage: u64,
    must_reject: u64,
    must_ignore: u64,
    bytes: u64,
}

impl GenerateArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let to_file = self.out.as_os_str() != "-";
        let summary =
            if to_file { to_file_named(&self.out, &self.options())? } else { to_console(&self.options(), console)? };
        if !self.json {
            console.note(table(&summary).plain());
        } else if to_file {
            console.json(&as_json(&summary))?;
        } else {
            console.note(serde_json::to_string(&as_json(&summary))?);
        }
        Ok(Exit::Success)
    }

    fn options(&self) -> GenerateOptions {
        let Self { size, happenings, faults, .. } = self;
        let defaults = GenerateOptions::default();
        GenerateOptions {
            events: size.events,
            seed: size.seed,
            mix: size.mix.unwrap_or(size.envelope),
            agents: size.agents,
            tenants: size.tenants,
            in_flight: size.in_flight,
            start_ms: size.start.unwrap_or(defaults.start_ms),
            sms: happenings.sms,
            returning: happenings.returning,
            transfer: happenings.transfer,
            requeue: happenings.requeue,
            abandon: happenings.abandon,
            updates: happenings.updates,
            leave_open: happenings.leave_open,
            reopen: happenings.reopen,
            faults: Faults {
                duplicates: faults.duplicates,
                shuffle: faults.shuffle,
                garbage: faults.garbage,
                message_first: faults.message_first,
            },
        }
    }
}

fn to_console(options: &GenerateOptions, console: &mut Console) -> Result<GenerateSummary, CliError> {
    generate(options, console.out()).map_err(|error| refused(&error).unwrap_or_else(|| error.into()))
}

fn to_file_named(path: &Path, options: &GenerateOptions) -> Result<GenerateSummary, CliError> {
    let failed = |error: io::Error| refused(&error).unwrap_or_else(|| CliError::io("write", path, &error));
    let file = File::create(path).map_err(failed)?;
    generate(options, &mut BufWriter::new(file)).map_err(failed)
}

/// Options that make no sense are found by the generator before it writes anything.
fn refused(error: &io::Error) -> Option<CliError> {
    (error.kind() == io::ErrorKind::InvalidInput).then(|| CliError::new(Exit::Usage, error.to_string()))
}

fn mix_of_word(word: &str) -> Result<Mix, String> {
    word.parse::<Mix>().map_err(|error| error.to_string())
}

fn mix_of_shares(text: &str) -> Result<Mix, String> {
    let shares: Option<Vec<u32>> = text.split(':').map(|share| share.parse().ok()).collect();
    match shares.as_deref() {
        Some([0, 0, 0]) => Err("one of the three must be above 0".to_owned()),
        Some(&[airship_api, airship_rtds, superoffice]) => Ok(Mix { airship_api, airship_rtds, superoffice }),
        _ => Err("expected three whole numbers such as 2:1:1".to_owned()),
    }
}

fn as_json(summary: &GenerateSummary) -> SummaryJson {
    SummaryJson {
        lines: summary.lines,
        events: summary.events,
        conversations: summary.conversations,
        open: summary.open,
        duplicates: summary.duplicates,
        garbage: summary.garbage,
        must_reject: summary.must_reject,
        must_ignore: summary.must_ignore,
        bytes: summary.bytes,
    }
}

fn table(summary: &GenerateSummary) -> Facts {
    let mut facts = Facts::default();
    facts
        .add("lines", text::count(summary.lines))
        .add("events", text::count(summary.events))
        .add("conversations", format!("{}, {} open", text::count(summary.conversations), text::count(summary.open)))
        .add("bytes", text::bytes(summary.bytes));
    if summary.duplicates > 0 {
        facts.add("duplicates", text::count(summary.duplicates));
    }
    if summary.garbage > 0 {
        let (reject, ignore) = (text::count(summary.must_reject), text::count(summary.must_ignore));
        facts.add("garbage", format!("{reject} to be rejected, {ignore} to be ignored"));
    }
    facts
}
