//! Measures the board of `convofold serve`: what its readers cost the senders of events, what one board costs, and the memory of
//! the past numbers.

#![expect(clippy::print_stdout, reason = "it is a command")]

mod readers;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use convofold::{Batch, Convofold, Direction, Draft, Event, Kind, Time};
use convofold_benches::figure::{Figure, Unit};
use convofold_benches::results::{Results, Row, Target};
use convofold_server::{Server, Settings};
use convofold_tests::serving::Client;
use tokio::runtime::Runtime;

use readers::Readers;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Number of connections that send events.
const SENDERS: u64 = 4;
const AGENTS: u64 = 50;
/// Number of events of a conversation of a day.
const EVENTS_OF_A_DAY: u64 = 20;
const GRACE: Duration = Duration::from_secs(30);
const HOUR_MS: i64 = 3_600_000;

/// Measures the board.
#[derive(Parser)]
struct Args {
    /// Number of readers of the board, of which one does not read.
    #[arg(long, default_value_t = 1_000)]
    readers: usize,
    /// Number of events in a second, each in a request of its own.
    #[arg(long, default_value_t = 200)]
    rate: u64,
    /// Number of open conversations meanwhile.
    #[arg(long, default_value_t = 1_000)]
    open: u64,
    /// Time in seconds for which events are sent with and without readers, a round.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Number of rounds; both are measured in turns, and results are medians.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Numbers of open conversations for the time of one board.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000")]
    boards: Vec<u64>,
    /// Number of conversations in a day for the memory of the past numbers.
    #[arg(long, default_value_t = 10_000)]
    day: u64,
    /// Document with a section of results to replace.
    #[arg(long)]
    document: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let mut results = Results::new();
    acknowledgements(&args, &mut results)?;
    for open in &args.boards {
        one_board(*open, &mut results)?;
    }
    memory_of_a_day(&args, &mut results)?;
    println!("{}", results.markdown());
    args.document.map_or(Ok(()), |document| results.write_into(&document, "results of the board"))
}

/// A server with a database.
struct Desk {
    db: Convofold,
    server: Server,
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

impl Desk {
    fn new(events: impl Iterator<Item = Event>) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("db");
        let db = Convofold::open(&path)?;
        let events: Vec<_> = events.collect();
        for events in events.chunks(1_000) {
            db.submit(Batch::new(events.to_vec()))?.wait()?;
        }
        let runtime = Runtime::new()?;
        let config = config(&path)?;
        let server = runtime.block_on(async { Server::start(config, db.clone()) })?;
        Ok(Self { db, server, runtime, _folder: folder })
    }

    fn get(&self, path: &str) -> Result<Vec<u8>> {
        let (status, body) = Client::new(self.server.address()).request("GET", path, &[], b"")?;
        ensure!(status == 200, "{path} was answered {status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    fn stop(self) -> Result<()> {
        self.runtime.block_on(self.server.stop(GRACE));
        Ok(self.db.close()?)
    }
}

fn config(db: &Path) -> Result<convofold_server::Config> {
    let mut settings = Settings::default();
    settings.db = Some(db.to_owned());
    settings.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    settings.max_connections = Some(16_384);
    settings.max_screens = Some(16_384);
    // The reader that does not read stays for the whole round.
    settings.write_timeout = Some(convofold_server::Span::seconds(600));
    Ok(settings.resolve()?)
}

fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

fn message(conversation: u64, at: i64, direction: Direction) -> Result<Event> {
    let at = Time::from_ms(at).context("a time")?;
    let (id, member, agent) = (format!("case-{conversation}"), format!("Member {conversation}"), conversation % AGENTS);
    let agent = (agent > 0).then(|| (agent.to_string(), format!("Agent {agent}")));
    let mut draft = Draft::new("helpdesk", &id, Kind::Message, at)
        .direction(direction)
        .text("Is anybody there? I asked an hour ago.")
        .member_name(member.as_str())
        .tenant(["North", "South"][usize::from(conversation.is_multiple_of(2))])
        .channel("sms");
    if let Some((id, name)) = &agent {
        draft = draft.agent(convofold::AgentMention::agent(id.as_str(), name.as_str()));
    }
    Ok(draft.build()?)
}

/// Open conversations, half of which wait.
fn open(conversations: u64) -> impl Iterator<Item = Event> {
    let now = now_ms();
    (0..conversations).filter_map(move |conversation| {
        let ago = i64::try_from(conversation % 3_600).unwrap_or_default() * 1_000;
        let direction = if conversation % 2 == 0 { Direction::In } else { Direction::Out };
        message(conversation, now - ago, direction).ok()
    })
}

/// The time from sending an event to its acknowledgement, with and without readers, in turns.
fn acknowledgements(args: &Args, results: &mut Results) -> Result<()> {
    let desk = Desk::new(open(args.open))?;
    let address = desk.server.address();
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    let (mut boards, mut bytes) = (0.0, 0.0);
    for _ in 0..args.rounds {
        alone.push(send(args, address)?);
        let readers = Readers::start(address, args.readers)?;
        let (boards_before, bytes_before) = readers.read();
        beside.push(send(args, address)?);
        let (boards_after, bytes_after) = readers.read();
        boards += (boards_after - boards_before) as f64;
        bytes += (bytes_after - bytes_before) as f64;
        readers.stop();
    }
    desk.stop()?;
    let measured_s = (args.seconds * args.rounds as u64) as f64;
    results.notes.push(format!(
        "acknowledgements: {} events a second, each in a request of its own over {SENDERS} connections; {} open conversations; {} \
         readers, of which one does not read; the others got {:.1} boards a second each, {:.0} MB/s in all; senders, readers and \
         server share the cores",
        args.rate,
        args.open,
        args.readers,
        boards / measured_s / (args.readers - 1) as f64,
        bytes / measured_s / 1e6,
    ));
    for (name, share) in [("median", 0.5), ("99th percentile", 0.99)] {
        let of = |rounds: &[Vec<f64>]| {
            let at = |latencies: &Vec<f64>| Figure::new(Unit::Nanoseconds, latencies.iter().copied()).at(share);
            Figure::new(Unit::Nanoseconds, rounds.iter().map(at))
        };
        let what = format!("acknowledgement beside {} readers, {name}", args.readers);
        let row = Row::new("B", what, &of(&beside), "without readers", &of(&alone));
        results.rows.push(if share > 0.9 { row.target(Target::AtMost(1.1)) } else { row });
    }
    Ok(())
}

/// Sends events at a rate. Returns the time of each from when it was due to its acknowledgement, in nanoseconds.
fn send(args: &Args, address: SocketAddr) -> Result<Vec<f64>> {
    let began = Instant::now();
    let (interval, each) = (Duration::from_secs(1) / u32::try_from(args.rate)?, args.rate * args.seconds / SENDERS);
    thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                scope.spawn(move || -> Result<Vec<f64>> {
                    let mut client = Client::new(address);
                    let mut latencies = Vec::new();
                    for number in 0..each {
                        let place = number * SENDERS + sender;
                        let due = began + interval * u32::try_from(place)?;
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                        let direction = if number % 2 == 0 { Direction::In } else { Direction::Out };
                        let event = message(place.wrapping_mul(7_919) % args.open, now_ms(), direction)?;
                        let (status, _) =
                            client.request("POST", "/api/v1/events", &[], event.export_line().as_bytes())?;
                        ensure!(status == 200, "an event was answered {status}");
                        latencies.push(due.elapsed().as_nanos() as f64);
                    }
                    Ok(latencies)
                })
            })
            .collect();
        let all = senders.into_iter().map(|sender| sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))?);
        Ok(all.collect::<Result<Vec<_>>>()?.concat())
    })
}

/// The time of a board with all lists, beside that of the numbers by agent.
fn one_board(conversations: u64, results: &mut Results) -> Result<()> {
    const TIMES: usize = 30;
    let desk = Desk::new(open(conversations))?;
    let time = |path: &str| -> Result<Figure> {
        desk.get(path)?;
        let times = (0..TIMES).map(|_| {
            let began = Instant::now();
            desk.get(path)?;
            Ok(began.elapsed().as_nanos() as f64)
        });
        Ok(Figure::new(Unit::Nanoseconds, times.collect::<Result<Vec<_>>>()?))
    };
    // Until the past numbers are known.
    desk.get("/api/v1/day")?;
    let what = format!("board of {conversations} open conversations");
    results.rows.push(Row::new("B", what, &time("/api/v1/board")?, "/api/v1/agents", &time("/api/v1/agents")?));
    desk.stop()
}

/// The memory of the past numbers, for conversations that began in the last day and are closed.
fn memory_of_a_day(args: &Args, results: &mut Results) -> Result<()> {
    let now = now_ms();
    let events = (0..args.day).flat_map(move |conversation| {
        let began = now - 23 * HOUR_MS + i64::try_from(conversation * 22 * 3_600_000 / args.day).unwrap_or_default();
        (0..EVENTS_OF_A_DAY).filter_map(move |number| {
            let at = began + i64::try_from(number).unwrap_or_default() * 60_000;
            let direction = if number % 2 == 0 { Direction::In } else { Direction::Out };
            let event = message(conversation, at, direction).ok()?;
            if number + 1 == EVENTS_OF_A_DAY {
                return event.draft().kind(Kind::Close).direction(None).text(None).build().ok();
            }
            Some(event)
        })
    });
    let desk = Desk::new(events)?;
    let began = Instant::now();
    desk.get("/api/v1/day")?;
    let took = began.elapsed();
    let metrics = String::from_utf8(desk.get("/metrics")?)?;
    let bytes = metrics.lines().find_map(|line| line.strip_prefix("convofold_ledger_bytes "));
    let bytes: f64 = bytes.context("the metric of the ledger")?.parse()?;
    results.notes.push(format!(
        "past numbers: {} conversations of the last day with {EVENTS_OF_A_DAY} events each take {:.1} MB, {:.0} bytes each; the first \
         request waited {:.2} s for them",
        args.day,
        bytes / 1e6,
        bytes / args.day as f64,
        took.as_secs_f64()
    ));
    desk.stop()
}
