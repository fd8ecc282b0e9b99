//! How long questions across partitions take: `gather PARTITIONS EVENTS [ROUNDS]`, all on one machine.
//!
//! Generates events, spreads them over as many databases as there are partitions, serves each over HTTP, and asks through
//! `Gather`: each question ROUNDS times, and the same questions to one database with all events, in this process. Prints the median
//! and the 95th percentile in milliseconds, and the bytes of memory of the process.

#![expect(clippy::print_stdout, reason = "it prints its results")]

use std::convert::Infallible;
use std::error::Error;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use convofold::ingest::{Format, Limits, Parser};
use convofold::{Convofold, Every, GroupBy, Measure, Options, Query, ReportQuery, Sort, StatusFilter};
use convofold_cluster::ask::{AskOptions, Gather, KnownOwners, Owner};
use convofold_cluster::{Partitions, Splitter};
use convofold_generator::{self as generator, Generator};
use convofold_server::{Server, Settings};

const CACHE_BYTES: u64 = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut number = |default: u64| args.next().map_or(Ok(default), |text| text.parse());
    let (count, events, rounds) = (number(8)?, number(200_000)?, number(50)?);
    let partitions = Partitions::new(NonZeroU32::try_from(u32::try_from(count)?)?);
    let folder = tempfile::tempdir()?;
    let open = |name: String| Options::new().create(true).cache_bytes(CACHE_BYTES).open(folder.path().join(name));
    let one = open("one".to_owned())?;
    let parts = (0..count).map(|number| open(format!("p{number}"))).collect::<Result<Vec<_>, _>>()?;
    fill(&one, &parts, partitions, events)?;

    let runtime = tokio::runtime::Runtime::new()?;
    let (mut owners, mut servers) = (Vec::new(), Vec::new());
    for db in &parts {
        let mut settings = Settings::default();
        settings.db = Some(db.dir().to_owned());
        settings.listen = Some(([127, 0, 0, 1], 0).into());
        let config = settings.resolve()?;
        let server = runtime.block_on(async { Server::start(config, db.clone()) })?;
        let url = format!("http://{}", server.address());
        owners.push(vec![Owner { node: "a".to_owned(), url, path: String::new(), log: None }]);
        servers.push(server);
    }
    let gather = Gather::new(KnownOwners::new(partitions, owners), AskOptions::default())?;

    println!("{count} partitions, {events} events, {} conversations", one.stats().conversations);
    measure(&gather, &one, rounds)?;
    println!("memory of the process: {} bytes", memory_bytes().unwrap_or_default());
    for server in servers {
        runtime.block_on(server.stop(Duration::from_secs(1)));
    }
    Ok(())
}

/// Gives each event to its partition, and all of them to one database.
fn fill(one: &Convofold, parts: &[Convofold], partitions: Partitions, events: u64) -> Result<(), Box<dyn Error>> {
    let splitter = Splitter::new(Parser::new(Format::Auto, Limits::default()), partitions);
    let mut log = Vec::new();
    Generator::new(generator::Options::new().events(events).tenants(20).leave_open(0.2))?.write_to(&mut log)?;
    let mut inputs = vec![Vec::new(); parts.len()];
    for payload in splitter.split(&log).payloads {
        if let Some(input) = inputs.get_mut(payload.partition as usize) {
            input.extend_from_slice(&payload.bytes);
            input.push(b'\n');
        }
    }
    one.ingest(&log, Format::Auto)?;
    for (db, input) in parts.iter().zip(&inputs) {
        db.ingest(input, Format::Auto)?;
    }
    Ok(())
}

/// Asks each question of the cluster and of the one database.
fn measure(gather: &Gather, one: &Convofold, rounds: u64) -> Result<(), Box<dyn Error>> {
    let (now, latest) = (gather.now(), one.latest_at()?.unwrap_or_default());
    let open = Query::new().sort(Sort::Waiting).limit(50);
    let closed = Query::new().status(StatusFilter::Closed).limit(50);
    let week = ReportQuery::new(latest - 7 * 86_400_000, latest).every(Every::Days(1)).by([GroupBy::Agent]);
    let week = week.measures([Measure::Response, Measure::Handling, Measure::Closings]);
    let id = one.query(&Query::new().limit(1))?.rows.first().map(|row| row.id().to_owned()).unwrap_or_default();

    println!("{:<28} {:>9} {:>9} {:>9} {:>9}", "milliseconds", "cluster", "95 %", "one", "95 %");
    let line = |name: &str, of: [Vec<Duration>; 2]| {
        let [cluster, one] = of.map(|times| (share(&times, 50), share(&times, 95)));
        println!("{name:<28} {:>9.2} {:>9.2} {:>9.2} {:>9.2}", cluster.0, cluster.1, one.0, one.1);
    };
    line("totals", [times(rounds, || now.totals())?, times(rounds, || Ok::<_, Infallible>(one.totals()))?]);
    line("agents", [times(rounds, || now.agents())?, times(rounds, || Ok::<_, Infallible>(one.agents()))?]);
    line(
        "open, 50 by waiting",
        [times(rounds, || now.query(&open))?, times(rounds, || one.query_with_last_messages(&open))?],
    );
    line(
        "closed, 50 by activity",
        [times(rounds, || now.query(&closed))?, times(rounds, || one.query_with_last_messages(&closed))?],
    );
    line("one conversation", [times(rounds, || now.state(&id))?, times(rounds, || one.state(&id))?]);
    line("hash", [times(rounds, || now.state_hash())?, times(rounds, || Ok::<_, Infallible>(one.state_hash()))?]);
    let reports = rounds.min(10);
    line(
        "report of a week by agent",
        [times(reports, || now.measures(&week))?, times(reports, || one.measures(week.clone()))?],
    );
    let same = now.measures(&week)?.answer == one.measures(week)?;
    println!("the reports are equal: {same}");
    Ok(())
}

/// How long each call takes.
fn times<T, E: Error + 'static>(rounds: u64, mut ask: impl FnMut() -> Result<T, E>) -> Result<Vec<Duration>, E> {
    let mut times = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        ask()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times)
}

/// The time in milliseconds that this share of all does not exceed.
fn share(sorted: &[Duration], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

/// Memory of this process.
fn memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}
