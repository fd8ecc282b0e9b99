//! A node with several partitions: until all are read, and while nothing is published.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use convofold::StateHash;
use convofold_benches::figure::{Unit, show};
use convofold_benches::log::{Content, generated};
use convofold_benches::results::Results;
use convofold_benches::task;
use convofold_cluster::nats::{ConnectOptions, Nats, Registry};
use convofold_cluster::node::{Node, NodeOptions};
use convofold_server::Settings;
use serde::{Deserialize, Serialize};

use crate::brokers::{Brokers, Log, processor_of_all};
use crate::databases::Cost;

const NODE: &str = "a";
const LOG: &str = "bench";
/// How long a node may take to read everything.
const PATIENCE: Duration = Duration::from_secs(180);

/// The size of a measurement.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Number of events, of Airship, in all partitions together.
    #[arg(long, default_value_t = 50_000)]
    events: u64,
    /// Numbers of partitions.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 64])]
    counts: Vec<u32>,
    /// Seconds in which nothing happens.
    #[arg(long, default_value_t = 10)]
    idle: u64,
}

/// What a node is to do.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Case {
    urls: String,
    brokers: Vec<u32>,
    folder: PathBuf,
    messages: u64,
    idle: Duration,
}

/// What a node did.
#[derive(Serialize, Deserialize)]
pub(crate) struct Followed {
    cost: Cost,
    /// Until it had read everything.
    caught_up: Duration,
    /// The share of one processor that the brokers take together while nothing is published.
    brokers_idle: f64,
    hash: StateHash,
}

/// Follows until everything is read, and then until nothing has happened for some seconds.
pub(crate) fn follow(case: Case) -> Result<Followed> {
    let nats = Nats::connect(&case.urls, ConnectOptions::new())?;
    let registry = Registry::open(&nats, &LOG.parse()?)?;
    let mut settings = Settings::default();
    (settings.db, settings.listen) = (Some(case.folder.clone()), Some(([127, 0, 0, 1], 0).into()));
    let began = Instant::now();
    let node = Node::start(&nats, &registry, NodeOptions::new(NODE, settings.resolve()?))?;
    let opened = began.elapsed();
    let stop = AtomicBool::new(false);
    let followed = thread::scope(|scope| {
        let running = scope.spawn(|| node.run(&stop));
        let measured = measure(&node, &case, began, opened);
        stop.store(true, Ordering::Relaxed);
        running.join().map_err(|_| anyhow!("the node panicked"))?;
        measured
    })?;
    node.close()?;
    Ok(followed)
}

fn measure(node: &Node, case: &Case, began: Instant, opened: Duration) -> Result<Followed> {
    let partitions = loop {
        let partitions = node.status().partitions;
        let read: u64 = partitions.iter().map(|it| it.log_seq).sum();
        if read >= case.messages && partitions.iter().all(|it| it.state == "caught-up") {
            break partitions;
        }
        ensure!(began.elapsed() < PATIENCE, "the node has read {read} of {} messages", case.messages);
        // Each look hashes the state.
        thread::sleep(Duration::from_millis(200));
    };
    let caught_up = began.elapsed();
    // What it still does after reading, such as hashing its state, is not idle time.
    thread::sleep(Duration::from_secs(1));
    let before = processor_of_all(&case.brokers)?;
    let cost = Cost::now(opened, case.idle, &case.folder)?;
    let brokers = processor_of_all(&case.brokers)?.saturating_sub(before);
    let hash = partitions.iter().map(|it| it.hash).reduce(StateHash::plus).context("the node has a partition")?;
    Ok(Followed { cost, caught_up, brokers_idle: brokers.as_secs_f64() / case.idle.as_secs_f64(), hash })
}

pub(crate) fn run(args: &Args, results: &mut Results) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let file = generated(args.events, Content::Airship, scratch.path())?;
    let mut hashes = Vec::new();
    for count in &args.counts {
        hashes.push(partitions(args, *count, &file, results)?);
    }
    ensure!(hashes.iter().all(|hash| Some(hash) == hashes.first()), "the sums of the hashes differ: {hashes:?}");
    Ok(())
}

/// Measures this number of partitions, on brokers of their own.
fn partitions(args: &Args, count: u32, file: &Path, results: &mut Results) -> Result<StateHash> {
    let folder = tempfile::tempdir()?;
    let brokers = Brokers::start(folder.path())?;
    let log = Log::make(&brokers, LOG, count)?;
    log.registry.change_owners(|owners| owners.spread(log.registry.partitions(), &[NODE.to_owned()], 1))?;
    log.publish(file)?;
    let messages = log.lasts()?.iter().sum();
    let case = Case {
        urls: brokers.urls.clone(),
        brokers: brokers.ids(),
        folder: folder.path().join("node"),
        messages,
        idle: Duration::from_secs(args.idle),
    };
    std::fs::create_dir(&case.folder)?;
    let first = task::run(follow, case.clone())?;
    let again = task::run(follow, case)?;
    ensure!(first.hash == again.hash, "the state is another one after a restart");
    for (what, it) in [("new", &first), ("started again", &again)] {
        let Followed { cost, caught_up, brokers_idle, .. } = it;
        let caught_up = show(Unit::Nanoseconds, caught_up.as_nanos() as f64);
        results.notes.push(format!(
            "{}; all {messages} messages are read after {caught_up}; the brokers idle {:.1} % of a processor",
            cost.note(&format!("node with {count} partitions, {what}")),
            brokers_idle * 100.0
        ));
    }
    Ok(again.hash)
}
