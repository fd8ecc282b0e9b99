//! `convofold cluster publish`.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use convofold::replay::{Input, Replay, ReplayReport};
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

/// How often it looks whether messages are acknowledged.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// The time without an acknowledgement after which the command says why.
const SILENCE: Duration = Duration::from_secs(10);
/// The number of partitions that it names.
const SHOWN: usize = 4;

/// Runs this, and says meanwhile on standard error if nothing is acknowledged for long.
pub(super) fn telling_stalls<T>(publisher: &Publisher, run: impl FnOnce() -> T) -> T {
    /// Also if it panics: the thread that tells must end.
    struct Ends<'a>(&'a AtomicBool);

    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| tell_stalls(publisher, &ended));
        let _ends = Ends(&ended);
        run()
    })
}

/// Says on standard error why nothing is acknowledged, for instance because a stream is full, until the publishing has ended.
fn tell_stalls(publisher: &Publisher, ended: &AtomicBool) {
    let (started, mut stall) = (Instant::now(), Stall::default());
    while !ended.load(Ordering::SeqCst) {
        std::thread::sleep(LOOK_INTERVAL);
        if let Some(what) = stall.look(&publisher.published(), started.elapsed()) {
            let _ = writeln!(std::io::stderr(), "{what}");
        }
    }
}

/// Since when nothing was acknowledged.
#[derive(Debug, Default)]
struct Stall {
    acknowledged: u64,
    since: Duration,
}

impl Stall {
    /// What to say, if nothing was acknowledged for long. It is said again after the same time.
    fn look(&mut self, published: &Published, now: Duration) -> Option<String> {
        let acknowledged = published.acknowledged + published.rejected;
        let is_waiting = published.unacknowledged > 0 && acknowledged == self.acknowledged;
        if is_waiting && now.saturating_sub(self.since) < SILENCE {
            return None;
        }
        (self.acknowledged, self.since) = (acknowledged, now);
        is_waiting.then(|| {
            let why = |(partition, why): &(u32, Option<String>)| {
                format!("partition {partition}: {}", why.as_deref().unwrap_or("no answer yet"))
            };
            let shown: Vec<_> = published.waiting.iter().take(SHOWN).map(why).collect();
            let more = published.waiting.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!("; {more} more") } else { String::new() };
            format!(
                "nothing was acknowledged for {} s, it is tried again: {}{more}",
                SILENCE.as_secs(),
                shown.join("; ")
            )
        })
    }
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
        telling_stalls(&publisher, || self.publish(inputs, &publisher, &stop, console))
    }

    fn publish(
        &self,
        inputs: Vec<Input>,
        publisher: &Publisher,
        stop: &Arc<AtomicBool>,
        console: &mut Console,
    ) -> Result<Exit, CliError> {
        let started = Instant::now();
        let ParsingArgs { format, zone, .. } = self.parsing.clone();
        let replay = Replay::new(publisher).format(format).zone(zone).ignore(self.parsing.ignored());
        let replay = replay.inputs(inputs).stop(Arc::clone(stop)).checkpoint(false);
        let replay = replay.on_rejection(|rejection, input| {
            // It fails only if the command is stopped.
            let _ = publisher.reject(input, rejection);
        });
        let read = replay.run();
        if stop.load(Ordering::SeqCst) {
            return self.interrupted(publisher, console);
        }
        let read = read.map_err(|error| {
            CliError::new(Exit::Failure, format!("the input was not read to its end: {}", chain(&error)))
                .hint("run the command again; events that are in the log already count as duplicates")
        })?;
        match publisher.finish(|_| {}) {
            Ok(published) => self.tell(&read, &published, started, console),
            Err(PublishError::Stopped { .. }) => self.interrupted(publisher, console),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_a_full_stream_is_told_why_and_again_later() {
        let mut stall = Stall::default();
        let published = |acknowledged, unacknowledged| {
            let mut published = Published::default();
            (published.acknowledged, published.unacknowledged) = (acknowledged, unacknowledged);
            published.waiting = vec![(3, Some("maximum bytes exceeded (400)".to_owned())), (5, None)];
            published
        };
        let mut look = |acknowledged, unacknowledged, seconds| {
            stall.look(&published(acknowledged, unacknowledged), Duration::from_secs(seconds))
        };
        assert_eq!([look(0, 9, 1), look(5, 9, 9), look(5, 9, 18)], [None, None, None]);
        let told = look(5, 9, 19).unwrap();
        assert!(told.contains("partition 3: maximum bytes exceeded (400); partition 5: no answer yet"), "{told}");
        assert_eq!(look(5, 9, 28), None);
        assert!(look(5, 9, 29).is_some());
        // Nothing is left, or something was acknowledged.
        assert_eq!([look(5, 0, 60), look(6, 9, 69), look(7, 9, 90)], [None, None, None]);
    }
}
