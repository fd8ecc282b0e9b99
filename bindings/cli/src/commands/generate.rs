//! `convofold generate`.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;
use convofold_generator::{Faults, Generator, Mix, Options, Summary};
use serde::Serialize;

use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::table::Facts;
use crate::output::text;
use crate::values;

/// Generate an event log.
///
/// Writes a log of simulated conversations in several contact centers to standard output or to --out, one event per
/// line: members write, agents take over, transfer and close, and some members return. The same options give the same
/// bytes on every machine. A summary is printed to standard error. With --json it is a JSON object, printed to standard
/// output if the log is written to a file.
///
/// Faults change the delivery of events, not the events: a log with faults leads to the same state as the log without
/// them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold generate --events 100000 --out log.ndjson
  convofold generate --duplicates .02 --shuffle 500 --garbage .01 | convofold replay - --db ./db
")]
pub struct GenerateArgs {
    /// File to write the log to; - is standard output. An existing file is refused.
    #[arg(long, value_name = "FILE", default_value = "-")]
    out: PathBuf,
    /// Overwrite an existing file.
    #[arg(long)]
    force: bool,
    /// Print the summary as a JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    size: SizeArgs,
    #[command(flatten)]
    behavior: BehaviorArgs,
    #[command(flatten)]
    faults: FaultArgs,
}

/// Size and format of the log.
#[derive(Debug, Args)]
#[command(next_help_heading = "Size and format")]
struct SizeArgs {
    /// Number of distinct events.
    #[arg(long, value_name = "N", default_value_t = Options::default().events, value_parser = values::whole::<u64>)]
    events: u64,
    /// Seed of the random choices.
    #[arg(long, value_name = "N", default_value_t = Options::default().seed, value_parser = values::whole::<u64>)]
    seed: u64,
    /// Event format: airship-api, airship-rtds, superoffice, or mixed (a third of the conversations in each).
    #[arg(long, value_name = "FORMAT", default_value = "mixed", value_parser = mix_of_name)]
    envelope: Mix,
    /// Ratio of conversations in airship-api, airship-rtds and superoffice, for example 2:1:1, instead of --envelope.
    #[arg(long, value_name = "A:R:S", conflicts_with = "envelope", value_parser = mix_of_shares)]
    mix: Option<Mix>,
    /// Number of agents of all tenants together.
    #[arg(long, value_name = "N", default_value_t = Options::default().agents,
        value_parser = values::positive::<u32>)]
    agents: u32,
    /// Number of businesses.
    #[arg(long, value_name = "N", default_value_t = Options::default().tenants,
        value_parser = values::positive::<u32>)]
    tenants: u32,
    /// Average number of conversations active at once.
    #[arg(long, value_name = "N", default_value_t = Options::default().in_flight,
        value_parser = values::positive::<u32>)]
    in_flight: u32,
    /// Time of the first event [default: 2021-07-29T05:11:08.595Z].
    #[arg(long, value_name = "TIME", value_parser = values::time)]
    start: Option<i64>,
}

/// Behavior, as probabilities.
#[derive(Debug, Args)]
#[command(next_help_heading = "Behavior (probabilities from 0 to 1)")]
struct BehaviorArgs {
    /// An Airship conversation uses SMS instead of the app.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = Options::default().sms)]
    sms: f64,
    /// A conversation is started by a returning member.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = Options::default().returning)]
    returning: f64,
    /// A conversation is transferred to another agent.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = Options::default().transfer)]
    transfer: f64,
    /// A conversation returns to the queue and is taken again.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = Options::default().requeue)]
    requeue: f64,
    /// No agent ever answers.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = Options::default().abandon)]
    abandon: f64,
    /// A message is followed by an event that only updates the last activity.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = Options::default().updates)]
    updates: f64,
    /// A conversation is never closed.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = Options::default().leave_open)]
    leave_open: f64,
    /// A closed conversation is reopened.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = Options::default().reopen)]
    reopen: f64,
}

/// Faults in delivery.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults in delivery")]
struct FaultArgs {
    /// Probability that an event is delivered twice.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = 0.0)]
    duplicates: f64,
    /// Maximum number of events that can overtake an event (0: keep the order).
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = values::whole::<u32>)]
    shuffle: u32,
    /// Probability, after an event, of a line that is not an event.
    #[arg(long, value_name = "P", value_parser = values::chance, default_value_t = 0.0)]
    garbage: f64,
    /// Probability that the first message arrives before the event that opens its conversation.
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
        let generator =
            Generator::new(self.options()).map_err(|error| CliError::new(Exit::Usage, error.to_string()))?;
        let summary =
            if to_file { write_file(generator, &self.out, self.force)? } else { generator.write_to(console.out())? };
        if !self.json {
            console.note(table(&summary).plain());
        } else if to_file {
            console.json(&as_json(&summary))?;
        } else {
            console.note(serde_json::to_string(&as_json(&summary))?);
        }
        Ok(Exit::Success)
    }

    fn options(&self) -> Options {
        let Self { size, behavior, faults, .. } = self;
        let options = Options::new()
            .events(size.events)
            .seed(size.seed)
            .mix(size.mix.unwrap_or(size.envelope))
            .agents(size.agents)
            .tenants(size.tenants)
            .in_flight(size.in_flight)
            .sms(behavior.sms)
            .returning(behavior.returning)
            .transfer(behavior.transfer)
            .requeue(behavior.requeue)
            .abandon(behavior.abandon)
            .updates(behavior.updates)
            .leave_open(behavior.leave_open)
            .reopen(behavior.reopen)
            .faults(faults.faults());
        size.start.into_iter().fold(options, Options::start_ms)
    }
}

impl FaultArgs {
    fn faults(&self) -> Faults {
        Faults::new()
            .duplicates(self.duplicates)
            .shuffle(self.shuffle)
            .garbage(self.garbage)
            .message_first(self.message_first)
    }
}

fn write_file(generator: Generator, path: &Path, force: bool) -> Result<Summary, CliError> {
    // A device or a named pipe has no contents to lose.
    let may_exist = force || path.metadata().is_ok_and(|metadata| !metadata.is_file());
    let file = OpenOptions::new().write(true).create(true).create_new(!may_exist).truncate(may_exist).open(path);
    file.and_then(|file| generator.write_to(file)).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => CliError::new(Exit::Usage, format!("--out: {} exists", path.display()))
            .hint("choose another file, or overwrite this one with --force"),
        _ => CliError::io("write", path, &error),
    })
}

fn mix_of_name(name: &str) -> Result<Mix, String> {
    name.parse::<Mix>().map_err(|error| error.to_string())
}

fn mix_of_shares(text: &str) -> Result<Mix, String> {
    let shares: Option<Vec<u32>> = text.split(':').map(|share| share.parse().ok()).collect();
    match shares.as_deref() {
        Some([0, 0, 0]) => Err("at least one of the three numbers must be above 0".to_owned()),
        Some(&[airship_api, airship_rtds, superoffice]) => {
            Ok(Mix::default().airship_api(airship_api).airship_rtds(airship_rtds).superoffice(superoffice))
        }
        _ => Err("expected three whole numbers, for example 2:1:1".to_owned()),
    }
}

fn as_json(summary: &Summary) -> SummaryJson {
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

fn table(summary: &Summary) -> Facts {
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
        facts.add("garbage", format!("{reject} to reject, {ignore} to ignore"));
    }
    facts
}
