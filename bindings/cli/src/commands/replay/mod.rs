//! `convofold replay`.

mod report;
mod rejects;
mod progress;

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use convofold::ingest::{Format, Rejection};
use convofold::replay::{Input, Replay, ReplayError, ReplayReport};
use convofold::{Convofold, Options};

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::inputs::{self, Source};
use crate::interrupt;
use crate::output::text;
use crate::values;
use progress::Watch;
use rejects::Rejects;
use report::Report;

/// The name of standard input, as an argument and in reports.
const STDIN: &str = "-";
/// Read event logs into a database.
///
/// Reads every FILE in the order given and takes over the events that the database does not hold yet. Everything is
/// durable when it returns. A replay that was stopped or killed goes on where it was when the same command is run again;
/// a complete one may be run again as well, and finds duplicates only.
///
/// Standard error shows progress on a terminal, and a closing report; with --json the report is one JSON object on
/// standard output instead. Something in the input that cannot be an event is counted and passed over, its neighbours
/// are not affected; the exit code is then 3.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold replay logs/ --db ./db
  convofold replay 'logs/2024-*.ndjson.gz' --db ./db --rejects rejects.ndjson
  zcat old.gz | convofold replay - --db ./db --source airship
")]
pub struct ReplayArgs {
    /// Event logs, plain or compressed (gzip, zstd): files, folders with everything below, patterns, or - for standard
    /// input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    db: DbArgs,
    /// The form of the events: that of their source, or that of `export --events`; auto finds it out for each of them.
    #[arg(long, value_parser = values::named::<Format>(Format::NAMES), default_value_t)]
    source: Format,
    /// Write what is rejected to this file, with the reason: one JSON object a line. It is written anew, save when a
    /// stopped replay goes on.
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Read on so many threads [default: one for each core].
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Print the report as one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

impl ReplayArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        // A FILE that cannot be read must not leave an empty database behind.
        let inputs = self.inputs()?;
        if inputs.is_empty() {
            console.note("there is no file in what was named, so there is nothing to replay");
            return Ok(Exit::Success);
        }
        let stop = interrupt::flag()?;
        let options = self.threads.map_or_else(Options::new, |n| Options::new().parse_threads(n.get()));
        let db = self.db.open_or_create(options, console)?;
        let (report, events_per_second) = self.replay(&db, inputs, &stop, console)?;
        db.close().map_err(|error| CliError::new(Exit::Failure, format!("cannot close: {}", chain(&error))))?;
        let told = Report { replay: &report, stats: db.stats(), events_per_second };
        if self.json {
            console.json(&told.as_json())?;
        } else {
            console.note(told.table().plain());
        }
        Ok(self.conclude(&report, console))
    }

    fn inputs(&self) -> Result<Vec<Input>, CliError> {
        let own: Vec<&Path> = std::iter::once(self.db.db.as_path()).chain(self.rejects.as_deref()).collect();
        let mut inputs = Vec::new();
        for source in inputs::find(&self.files, &own)? {
            inputs.push(match source {
                Source::Stdin => Input::reader(STDIN, io::stdin()),
                Source::File(path) => self.file(path)?,
            });
        }
        Ok(inputs)
    }

    /// A file, or a named pipe or the like, which can be opened only once.
    fn file(&self, path: PathBuf) -> Result<Input, CliError> {
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let pipe = File::open(&path).map_err(|error| CliError::io("read", &path, &error))?;
            return Ok(Input::reader(path.display().to_string(), pipe));
        }
        self.check(&path)?;
        Ok(Input::path(path))
    }

    fn check(&self, path: &Path) -> Result<(), CliError> {
        File::open(path).map_err(|error| CliError::io("read", path, &error))?;
        let same =
            |rejects: &PathBuf| rejects.canonicalize().ok().is_some_and(|r| path.canonicalize().is_ok_and(|p| p == r));
        if self.rejects.as_ref().is_some_and(same) {
            let what = format!("{} is named to be read and as --rejects to be written", path.display());
            return Err(CliError::new(Exit::Usage, what).hint("give --rejects another name"));
        }
        Ok(())
    }

    fn replay(
        &self,
        db: &Convofold,
        inputs: Vec<Input>,
        stop: &Arc<AtomicBool>,
        console: &Console,
    ) -> Result<(ReplayReport, f64), CliError> {
        let replay = Replay::new(db).format(self.source).inputs(inputs).stop(Arc::clone(stop));
        let goes_on = replay.goes_on().map_err(|error| failed(&error))?;
        let mut rejects = self.rejects.as_deref().map(|path| Rejects::create(path, goes_on)).transpose()?;
        let mut watch = Watch::new(console.shows_progress());
        let write = |rejection: &Rejection, input: &str| {
            // Without a place for what is rejected there is no point in going on.
            if let Some(rejects) = &mut rejects
                && !rejects.write(rejection, input)
            {
                stop.store(true, Ordering::SeqCst);
            }
        };
        let replay = replay.on_progress(|progress| watch.show(progress)).on_rejection(write);
        let report = replay.run().map_err(|error| failed(&error));
        let rate = watch.finish();
        rejects.map_or(Ok(()), Rejects::finish)?;
        Ok((report?, rate))
    }

    /// Says what to do next, and tells it by the exit code.
    fn conclude(&self, report: &ReplayReport, console: &mut Console) -> Exit {
        let rejected = report.rejected_total();
        if rejected > 0 {
            let seen = match &self.rejects {
                Some(file) => format!("see {}", file.display()),
                None => "add --rejects FILE to see them with their reasons (nothing is counted twice)".to_owned(),
            };
            console.note(format_args!("{} rejected: {seen}", text::count(rejected)));
        }
        if report.stopped {
            let from_there = "run the same command again to go on from there";
            let with_duplicates = "run the same command again to go on: what was read counts as duplicate then";
            let is_piped = self.files.iter().any(|file| file.as_os_str() == STDIN);
            let next = if is_piped { with_duplicates } else { from_there };
            console.note(format_args!("stopped at a consistent point: {next}"));
            return Exit::Interrupted;
        }
        if rejected > 0 { Exit::Rejected } else { Exit::Success }
    }
}

fn failed(error: &ReplayError) -> CliError {
    CliError::new(Exit::Failure, format!("the replay failed: {}", chain(error)))
        .hint("what was read up to there is kept; once the cause is gone, run the same command again")
}
