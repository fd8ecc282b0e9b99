//! `convofold cluster publish`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use clap::Args;
use convofold::replay::{Replay, ReplayReport};
use convofold_cluster::nats::{PublishError, PublishOptions, Published, Publisher};
use serde::Serialize;

use super::LogArgs;
use crate::console::Console;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::inputs;
use crate::interrupt;
use crate::output::table::Facts;
use crate::output::{text, time};
use crate::parsing::ParsingArgs;
use crate::values;

/// Put events from files or standard input into the log.
///
/// Each event goes into the partition of its conversation. Input that cannot be an event goes to the stream of rejects, with
/// position and reason. The command ends when the brokers have acknowledged everything. Repeat it after a failure or an
/// interruption: events that are in the log already count as duplicates.
///
/// While a partition has no leader its events are tried again, and the other partitions go on.
#[derive(Debug, Args)]
pub(super) struct PublishArgs {
    /// Event logs: files, folders, patterns such as 'logs/*.gz', or - for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    parsing: ParsingArgs,
    /// Maximum number of events of each partition that are sent and not acknowledged.
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = values::positive::<usize>)]
    window: usize,
    /// Number of parser threads (0: one per core).
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = values::whole::<usize>)]
    threads: usize,
    /// Print the report as one JSON object on standard output.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct PublishJson {
    events: u64,
    acknowledged: u64,
    rejected: u64,
    ignored: u64,
    repeated: u64,
    took_ms: i64,
    events_per_second: f64,
}

impl PublishArgs {
    pub(super) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let (inputs, skipped) = inputs::find(&self.files, &[])?;
        if let Some(note) = inputs::note_of(&skipped) {
            console.note(note);
        }
        let (nats, registry) = self.log.open()?;
        let stop = interrupt::flag()?;
        let options = PublishOptions::new()
            .window(self.window)
            .limits(self.parsing.limits())
            .parse_threads(self.threads)
            .stop(stop.clone());
        let publisher = Publisher::new(&nats, &registry, options);
        let started = Instant::now();
        let ParsingArgs { format, zone, .. } = self.parsing.clone();
        let replay = Replay::new(&publisher).format(format).zone(zone).ignore(self.parsing.ignored());
        let replay = replay.inputs(inputs).stop(Arc::clone(&stop)).checkpoint(false);
        let replay = replay.on_rejection(|rejection, input| {
            // It fails only if the command is stopped.
            let _ = publisher.reject(input, rejection);
        });
        let read = replay.run();
        if stop.load(Ordering::SeqCst) {
            return self.interrupted(&publisher, console);
        }
        let read = read.map_err(|error| {
            CliError::new(Exit::Failure, format!("the input was not read to its end: {}", chain(&error)))
                .hint("run the command again; events that are in the log already count as duplicates")
        })?;
        match publisher.finish(|_| {}) {
            Ok(published) => self.tell(&read, &published, started, console),
            Err(PublishError::Stopped { .. }) => self.interrupted(&publisher, console),
            Err(error) => Err(CliError::new(Exit::Failure, error.to_string())),
        }
    }

    fn interrupted(&self, publisher: &Publisher, console: &mut Console) -> Result<Exit, CliError> {
        let Published { acknowledged, unacknowledged, waiting, .. } = publisher.published();
        console.note(format_args!(
            "stopped: {} acknowledged, {} not; run the same command again, events that are in the log count as duplicates",
            text::counted(acknowledged, "event"),
            text::count(unacknowledged)
        ));
        for (partition, why) in waiting.iter().filter_map(|(partition, why)| Some((partition, why.as_ref()?))) {
            console.note(format_args!("partition {partition}: {why}"));
        }
        Ok(Exit::Interrupted)
    }

    fn tell(
        &self,
        read: &ReplayReport,
        published: &Published,
        started: Instant,
        console: &mut Console,
    ) -> Result<Exit, CliError> {
        let took = started.elapsed();
        #[expect(clippy::cast_precision_loss, reason = "a number of events is far below 2^53")]
        let rate = published.acknowledged as f64 / took.as_secs_f64().max(0.001);
        if self.json {
            console.json(&PublishJson {
                events: read.events,
                acknowledged: published.acknowledged,
                rejected: published.rejected,
                ignored: read.ignored.total(),
                repeated: published.repeated,
                took_ms: time::ms(took),
                events_per_second: rate.round(),
            })?;
        } else {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a rate is neither huge nor negative"
            )]
            let rate = rate.round() as u64;
            let mut facts = Facts::default();
            facts
                .add("events in the log", text::count(published.acknowledged))
                .add("ignored", text::count(read.ignored.total()))
                .add("rejected", text::count(published.rejected))
                .add("sent again", text::count(published.repeated))
                .add("time", time::took(took))
                .add("rate", format!("{} events/s", text::count(rate)));
            console.note(facts.plain());
        }
        for problem in &read.problems {
            console.note(format_args!("{}: {problem}", if problem.is_harmless { "warning" } else { "error" }));
        }
        let is_complete = published.rejected == 0 && read.incomplete_inputs == 0;
        Ok(if is_complete { Exit::Success } else { Exit::Rejected })
    }
}
