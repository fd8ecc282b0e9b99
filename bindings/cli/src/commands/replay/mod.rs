//! `convofold replay`.

mod report;
mod progress;
mod dry_run;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use convofold::replay::{Input, Replay, ReplayError, ReplayReport, Target};
use convofold::{Options, Stats};
#[cfg(feature = "serve")]
use convofold_server::DatabaseSize;

use super::compact::AfterwardsArgs;
use super::diff::ReportArgs;
use crate::console::Console;
use crate::database::{Answering, DbArgs};
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::inputs::{self, STDIN};
use crate::interrupt;
use crate::opened::Database;
use crate::output::text;
use crate::parsing::ParsingArgs;
use crate::rejects::{Rejects, RejectsArgs};
use crate::values;
use progress::Watch;
use report::{Report, Size};

/// The options for limits, by the reason of the rejections.
const LIMITS: [(&str, &str); 3] =
    [("line too long", "--max-line"), ("id too long", "--max-id"), ("document too long", "--max-document")];

/// Read event logs into a database.
///
/// Reads every FILE in the given order and adds the events that the database does not contain yet. All events are durable
/// when it returns. The same command resumes a replay that was stopped or killed. A complete replay can be run again; it
/// finds only duplicates.
///
/// Standard error shows progress on a terminal, and a report; --json prints the report as one JSON object on standard
/// output instead. Input that is not an event is counted and skipped without affecting the events around it. A file that is
/// damaged or cannot be read is reported: its complete lines before the damage are read, and the other files too. In both
/// cases the exit code is 3.
///
/// A bulk replay leaves about half of the storage unused; --compact gives that back to the file system at the end, which needs
/// room for a second copy.
///
/// With --dry-run nothing is written: it prints what the events would change, in the form of `diff`, and then the same report.
/// The conversations of the events are held in memory.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold replay logs/ --db ./db
  convofold replay 'logs/2024-*.ndjson.gz' --db ./db --rejects rejects.ndjson
  zcat old.gz | convofold replay - --db ./db --format airship
  convofold replay logs/ --db ./db --compact
  convofold replay correction.ndjson --db ./db --dry-run
")]
pub struct ReplayArgs {
    /// Event logs, plain or compressed (gzip, zstd): files, folders (recursively), patterns, or - for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    parsing: ParsingArgs,
    #[command(flatten)]
    rejects: RejectsArgs,
    /// Number of parser threads (0: one per core).
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = values::whole::<usize>)]
    threads: usize,
    /// Print the report as one JSON object on standard output.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    afterwards: AfterwardsArgs,
    /// Write nothing, and print what the events would change.
    #[arg(long, conflicts_with = "compact")]
    dry_run: bool,
    #[command(flatten)]
    changes: ReportArgs,
}

impl ReplayArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        self.rejects.check(&self.db.db)?;
        if !self.dry_run && self.changes.is_given() {
            return Err(CliError::new(Exit::Usage, "--stat and --summary are options of --dry-run"));
        }
        // A FILE that cannot be read must not leave an empty database behind.
        let inputs = self.inputs(console)?;
        if inputs.is_empty() {
            console.note("nothing to replay: the given folders contain no files");
            return Ok(Exit::Success);
        }
        let stop = interrupt::flag()?;
        if self.dry_run {
            return dry_run::run(self, inputs, &stop, console);
        }
        let options = Options::new().limits(self.parsing.limits()).parse_threads(self.threads);
        let db = self.db.open_or_create(options, console)?;
        let told = self.replay_into(db, inputs, &stop, console)?;
        if self.json {
            console.json(&told.as_json())?;
        } else {
            console.note(told.table().plain());
        }
        Ok(self.conclude(&told.replay, console))
    }

    fn replay_into(
        &self,
        db: Database,
        inputs: Vec<Input>,
        stop: &Arc<AtomicBool>,
        console: &mut Console,
    ) -> Result<Report, CliError> {
        let (replay, events_per_second, size) = match &db {
            Database::Here(here) => {
                let answering = Answering::start(here, console);
                let (replay, events_per_second) = self.replay(here, inputs, stop, console)?;
                answering.end();
                // What is unused is known after it.
                let saved = here.checkpoint();
                saved.map_err(|error| CliError::new(Exit::Failure, format!("cannot close: {}", chain(&error))))?;
                let Stats { conversations, open, .. } = here.stats();
                (replay, events_per_second, Size { conversations, open })
            }
            #[cfg(feature = "serve")]
            Database::Elsewhere(client) => {
                let batches = client.batches(self.parsing.limits(), self.threads)?;
                let (replay, events_per_second) = self.replay(&batches, inputs, stop, console)?;
                let DatabaseSize { conversations, open, .. } = batches.finish()?;
                (replay, events_per_second, Size { conversations, open })
            }
            #[cfg(feature = "cluster")]
            Database::Across(cluster) => {
                return Err(cluster.unsupported("events go into its log (`convofold cluster publish`)"));
            }
        };
        if !replay.stopped {
            self.afterwards.run(&db, &self.db, console)?;
        }
        db.close()?;
        Ok(Report { replay, size: Some(size), events_per_second })
    }

    fn inputs(&self, console: &mut Console) -> Result<Vec<Input>, CliError> {
        let own: Vec<&Path> = std::iter::once(self.db.db.as_path()).chain(self.rejects.rejects.as_deref()).collect();
        let (inputs, skipped) = inputs::find(&self.files, &own)?;
        if let Some(note) = inputs::note_of(&skipped) {
            console.note(note);
        }
        self.check_distinct(&inputs)?;
        // One that cannot be read is reported and does not stop the others.
        let failures: Vec<_> = inputs.iter().filter_map(|input| input.check().err()).collect();
        match (failures.first(), inputs.first()) {
            (Some(error), Some(input)) if failures.len() == inputs.len() => {
                Err(CliError::io("read", Path::new(input.name()), error))
            }
            _ => Ok(inputs),
        }
    }

    /// An input that is also the file for rejects would grow while it is read.
    fn check_distinct(&self, inputs: &[Input]) -> Result<(), CliError> {
        let Some(rejects) = self.rejects.rejects.as_ref().and_then(|path| path.canonicalize().ok()) else {
            return Ok(());
        };
        let is_same = |input: &&Input| Path::new(input.name()).canonicalize().is_ok_and(|path| path == rejects);
        match inputs.iter().find(is_same) {
            Some(input) => {
                let what = format!("{} is both an input and the file of --rejects", input.name());
                Err(CliError::new(Exit::Usage, what).hint("choose another file for --rejects"))
            }
            None => Ok(()),
        }
    }

    fn replay(
        &self,
        target: &dyn Target,
        inputs: Vec<Input>,
        stop: &Arc<AtomicBool>,
        console: &Console,
    ) -> Result<(ReplayReport, f64), CliError> {
        let ParsingArgs { format, zone, .. } = self.parsing.clone();
        let replay = Replay::new(target).format(format).zone(zone).ignore(self.parsing.ignored());
        let replay = replay.inputs(inputs).stop(Arc::clone(stop));
        let goes_on = replay.goes_on().map_err(|error| failed(&error))?;
        let mut rejects = self.rejects.open(goes_on)?;
        let mut watch = Watch::new(console.shows_progress());
        let mut replay = replay.on_progress(|progress| watch.show(progress));
        if let Some(rejects) = &mut rejects {
            replay = replay.on_rejection(|rejection, input| {
                // Rejections must not get lost, so the replay stops.
                if !rejects.write(rejection, input) {
                    stop.store(true, Ordering::SeqCst);
                }
            });
        }
        let report = replay.run().map_err(|error| failed(&error));
        let rate = watch.finish();
        rejects.map_or(Ok(()), Rejects::finish)?;
        Ok((report?, rate))
    }

    /// Prints what to do about inputs that were rejected or could not be read, and returns the exit code.
    fn tell_problems(&self, report: &ReplayReport, console: &mut Console) -> Exit {
        for problem in &report.problems {
            console.note(format_args!("{}: {problem}", if problem.is_harmless { "warning" } else { "error" }));
        }
        let rejected = report.rejected_total();
        if rejected > 0 {
            let seen = match &self.rejects.rejects {
                Some(file) => format!("see {}", file.display()),
                None => {
                    "run again with --rejects FILE to see them with their reasons (no event counts twice)".to_owned()
                }
            };
            console.note(format_args!("{} rejected: {seen}", text::count(rejected)));
            for (reason, option) in LIMITS {
                if report.rejected.contains_key(reason) {
                    console.note(format_args!("{reason}: {option} SIZE sets the limit"));
                }
            }
        }
        if report.incomplete_inputs > 0 {
            console.note(format_args!(
                "{} could not be read completely: every complete line before the damage is applied. Replay an undamaged copy \
                 to add the rest; events that are already stored count as duplicates",
                text::counted(report.incomplete_inputs, "input")
            ));
        }
        if rejected > 0 || report.incomplete_inputs > 0 { Exit::Rejected } else { Exit::Success }
    }

    /// Prints what to do next, and returns the exit code.
    fn conclude(&self, report: &ReplayReport, console: &mut Console) -> Exit {
        let exit = self.tell_problems(report, console);
        if report.stopped {
            let from_there = "run the same command again to resume";
            let with_duplicates = "run the same command again to continue; events that were read count as duplicates";
            let is_piped = self.files.iter().any(|file| file.as_os_str() == STDIN);
            let next = if is_piped { with_duplicates } else { from_there };
            console.note(format_args!("stopped at a consistent point; {next}"));
            return Exit::Interrupted;
        }
        exit
    }
}

fn failed(error: &ReplayError) -> CliError {
    let failed = CliError::new(Exit::Failure, format!("the replay failed: {}", chain(error)));
    match error {
        ReplayError::OtherZone { expected, .. } => CliError::new(Exit::Usage, error.to_string())
            .hint(format!("run the same command again with --zone {expected}, or replay into a new database")),
        ReplayError::Input { .. } => failed.hint("nothing was read; fix the problem and run the same command again"),
        _ => failed.hint("the events committed so far are kept; fix the problem and run the same command again"),
    }
}
