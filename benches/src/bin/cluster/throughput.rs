//! Events from the brokers: read only, into durable databases, and through a stream processor; everything in turns in one process.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use convofold::replay::{Input, Replay};
use convofold::{Convofold, Options, StateHash};
use convofold_benches::figure::{Figure, Unit};
use convofold_benches::log::{Content, generated};
use convofold_benches::ours;
use convofold_benches::outcome::Answers;
use convofold_benches::results::{Results, Row};
use convofold_benches::usage::Usage;
use convofold_cluster::nats::Nats;
use convofold_cluster::{FollowOptions, Follower, Rejected, Rejects, RejectsError, Source, Step};

use crate::brokers::{Brokers, Log, processor_of_all};
use crate::databases::options;
use crate::processor::{Changelog, Processor};

/// How many messages are asked for at once, and how long a read waits.
const READ: (usize, Duration) = (8_192, Duration::from_millis(500));

/// The size of a measurement.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Number of events, of Airship.
    #[arg(long, default_value_t = 200_000)]
    events: u64,
    /// Number of partitions.
    #[arg(long, default_value_t = 8)]
    partitions: u32,
    /// Number of rounds; everything is measured in turns, and results are medians.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// The values of one of the ways, one for each round.
#[derive(Default)]
struct Way {
    rates: Vec<f64>,
    /// Processor time of this process for each event, in nanoseconds.
    own: Vec<f64>,
    /// That of the three brokers.
    brokers: Vec<f64>,
}

pub(crate) fn run(args: &Args, results: &mut Results) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let brokers = Brokers::start(scratch.path())?;
    let log = Log::make(&brokers, "bench", args.partitions)?;
    let file = generated(args.events, Content::Airship, scratch.path())?;
    let (hash, expected) = one_machine(&file, &scratch.path().join("one"))?;
    let [mut published, mut read, mut folded, mut processed] = [(); 4].map(|()| Way::default());
    published.measure(&brokers, || log.publish(&file))?;
    let lasts = log.lasts()?;
    let messages: u64 = lasts.iter().sum();
    ensure!(messages == args.events, "{} events were published, the log has {messages} messages", args.events);
    for _ in 0..args.rounds {
        read.measure(&brokers, || read_all(&log, &lasts))?;

        let folder = tempfile::tempdir_in(scratch.path())?;
        let databases = open_all(&log, folder.path())?;
        folded.measure(&brokers, || follow_all(&log, &lasts, &databases))?;
        let (found, answers) = answers_of(&databases)?;
        ensure!(
            found == hash && answers == expected,
            "the databases differ from one machine: {answers:?}, {expected:?}"
        );

        let folder = tempfile::tempdir_in(scratch.path())?;
        let changelog = Changelog::make(&brokers.urls, args.partitions)?;
        let mut processors = log
            .partitions()
            .map(|it| Processor::open(&folder.path().join(it.to_string()), it, &changelog))
            .collect::<Result<Vec<_>>>()?;
        processed.measure(&brokers, || process_all(&log, &lasts, &mut processors))?;
        let answers = processors.iter().map(Processor::answers).sum::<Result<Answers>>()?;
        ensure!(
            counts(&answers) == counts(&expected),
            "the processors counted something else than one machine: {answers:?}, {expected:?}"
        );
        results.notes = vec![changelog.note(args.events)?, order_note(&answers, &expected)];
        drop(processors);
        changelog.remove()?;
    }
    report(args, [published, read, folded, processed], results);
    Ok(())
}

/// What does not depend on the order of events. The publisher keeps up to 128 messages of a partition unacknowledged, so the log can
/// have them in another order than the file, and the processor folds them as they come.
fn counts(answers: &Answers) -> [u64; 4] {
    [answers.events, answers.conversations, answers.messages_in, answers.messages_out]
}

fn order_note(found: &Answers, expected: &Answers) -> String {
    format!(
        "open conversations: {}; by the stream processor, which folds events as they come: {}",
        expected.open, found.open
    )
}

fn report(args: &Args, [published, read, folded, processed]: [Way; 4], results: &mut Results) {
    let rows = [
        ("broker -> durable databases", &folded, "plain read", &read),
        ("broker -> durable databases", &folded, "stream processor", &processed),
        ("stream processor", &processed, "plain read", &read),
    ];
    let figure = |unit, values: &Vec<f64>| Figure::new(unit, values.iter().copied());
    for (what, one, against, other) in rows {
        let mut row = |what: String, unit, one: &Vec<f64>, other: &Vec<f64>| {
            results.rows.push(Row::new("cluster", what, &figure(unit, one), against, &figure(unit, other)));
        };
        row(format!("{what}: events"), Unit::EventsPerSecond, &one.rates, &other.rates);
        row(format!("{what}: processor time an event"), Unit::Nanoseconds, &one.own, &other.own);
        row(format!("{what}: of the brokers"), Unit::Nanoseconds, &one.brokers, &other.brokers);
    }
    let shown = |unit, values: &Vec<f64>| figure(unit, values).show();
    results.notes.push(format!(
        "published once: {} events, {}; processor time an event {}, of the brokers {}",
        args.events,
        shown(Unit::EventsPerSecond, &published.rates),
        shown(Unit::Nanoseconds, &published.own),
        shown(Unit::Nanoseconds, &published.brokers),
    ));
    results.notes.push(format!(
        "{} partitions, each with a thread of its own; the answers and the state hash of the databases are those of one machine in all rounds",
        args.partitions
    ));
}

impl Way {
    /// Measures one round; `work` returns the number of events.
    fn measure(&mut self, brokers: &Brokers, work: impl FnOnce() -> Result<u64>) -> Result<()> {
        let brokers = brokers.ids();
        let (own_before, brokers_before) = (Usage::now()?, processor_of_all(&brokers)?);
        let began = Instant::now();
        let events = work()? as f64;
        self.rates.push(events / began.elapsed().as_secs_f64());
        let own = Usage::now()?.since(own_before).processor;
        self.own.push(own.as_nanos() as f64 / events);
        let of_brokers = processor_of_all(&brokers)?.saturating_sub(brokers_before);
        self.brokers.push(of_brokers.as_nanos() as f64 / events);
        Ok(())
    }
}

/// The state hash and the answers of one database with all events.
fn one_machine(file: &Path, folder: &Path) -> Result<(StateHash, Answers)> {
    let db = Convofold::open(folder)?;
    Replay::new(&db).input(Input::path(file)).run()?;
    let found = (db.state_hash(), ours::answers(&db)?);
    db.close()?;
    Ok(found)
}

/// Does this for each partition at the same time. Returns the sum of the events.
fn each<T: Send>(partitions: impl IntoIterator<Item = T>, work: impl Fn(T) -> Result<u64> + Sync) -> Result<u64> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = partitions.into_iter().map(|it| scope.spawn(move || work(it))).collect();
        threads.into_iter().map(|it| it.join().map_err(|_| anyhow!("a thread panicked"))?).sum()
    })
}

/// Gives all messages of a partition up to the last one to `take`.
fn read(
    nats: &Nats,
    stream: String,
    last: u64,
    mut take: impl FnMut(Vec<convofold_cluster::Message>) -> Result<()>,
) -> Result<u64> {
    let (mut source, mut after) = (nats.source(stream), 0);
    while after < last {
        let messages = source.read(after, READ.0, READ.1)?;
        after = messages.last().map_or(after, |message| message.seq);
        take(messages)?;
    }
    Ok(after)
}

fn read_all(log: &Log, lasts: &[u64]) -> Result<u64> {
    each(log.partitions().zip(lasts), |(partition, last)| {
        let mut bytes = 0;
        let read = read(&log.nats, log.name.stream(partition), *last, |messages| {
            bytes += messages.iter().map(|message| message.payload.len()).sum::<usize>();
            Ok(())
        })?;
        ensure!(bytes > 0 || read == 0, "messages without contents");
        Ok(read)
    })
}

fn open_all(log: &Log, folder: &Path) -> Result<Vec<Convofold>> {
    let count = u64::from(log.registry.partitions().count());
    let options = options(count, Options::new());
    log.partitions().map(|it| Ok(options.clone().open(folder.join(it.to_string()))?)).collect()
}

/// The generated log has none.
struct NoRejects;

impl Rejects for NoRejects {
    fn keep(&mut self, rejected: &Rejected) -> Result<(), RejectsError> {
        Err(RejectsError { why: format!("message {} of {} is no event", rejected.seq, rejected.stream) })
    }
}

/// Follows each partition until its last message is durable.
fn follow_all(log: &Log, lasts: &[u64], databases: &[Convofold]) -> Result<u64> {
    each(log.partitions().zip(lasts.iter().zip(databases)), |(partition, (last, db))| {
        let source = log.nats.source(log.name.stream(partition));
        let follow = FollowOptions::new(log.name.as_str(), partition);
        let mut follower = Follower::new(db.clone(), source, NoRejects, follow)?;
        while follower.bookmark().is_none_or(|bookmark| bookmark.read_to < *last) {
            if let Step::Wait(pause) = follower.step()? {
                thread::sleep(pause);
            }
        }
        follower.finish()?;
        Ok(follower.bookmark().context("there is a bookmark after reading")?.events)
    })
}

/// The sums of the state hashes and of the answers. Closes the databases.
fn answers_of(databases: &[Convofold]) -> Result<(StateHash, Answers)> {
    let hashes = databases.iter().map(Convofold::state_hash);
    let hash = hashes.reduce(StateHash::plus).context("there is a partition")?;
    let answers = databases.iter().map(ours::answers).sum::<Result<Answers>>()?;
    databases.iter().try_for_each(Convofold::close)?;
    Ok((hash, answers))
}

fn process_all(log: &Log, lasts: &[u64], processors: &mut [Processor<'_>]) -> Result<u64> {
    each(log.partitions().zip(lasts.iter().zip(processors)), |(partition, (last, processor))| {
        read(&log.nats, log.name.stream(partition), *last, |messages| processor.process(&messages))?;
        processor.commit()?;
        Ok(processor.events())
    })
}
