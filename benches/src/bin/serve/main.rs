//! Measures `convofold serve`: webhooks that are answered after the barrier, questions, and the memory of an idle server,
//! beside a receiver that is written by hand.

#![expect(clippy::print_stdout, reason = "it is a command")]

mod load;
mod receiver;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use convofold::Convofold;
use convofold_benches::figure::{Figure, Unit};
use convofold_benches::log::{Content, generated};
use convofold_benches::ours;
use convofold_benches::outcome::{Answers, memory};
use convofold_benches::results::{Results, Row};
use convofold_server::{Config, Server, Settings};
use convofold_tests::command::convofold;
use convofold_tests::serving::{Client, Serving};
use serde_json::Value;
use tokio::runtime::Runtime;

use load::{Load, Webhook};
use receiver::Receiver;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SECRET: &str = "a secret of the hook";
/// Number of connections that send webhooks.
const CONNECTIONS: usize = 64;
/// Number of connections that ask.
const ASKERS: usize = 8;
/// Time to end a server.
const GRACE: Duration = Duration::from_secs(30);

/// Measures the server.
#[derive(Parser)]
struct Args {
    /// Number of webhooks a round.
    #[arg(long, default_value_t = 20_000)]
    webhooks: u64,
    /// Number of open conversations that questions are about.
    #[arg(long, default_value_t = 100_000)]
    conversations: u64,
    /// Number of questions a round.
    #[arg(long, default_value_t = 400)]
    questions: usize,
    /// Number of rounds; everything is measured in turns, and results are medians.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Document with a section of results to replace.
    #[arg(long)]
    document: Option<PathBuf>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let scratch = tempfile::tempdir()?;
    let runtime = Runtime::new()?;
    let mut results = Results::new();
    webhooks(&args, &runtime, scratch.path(), &mut results)?;
    let filled = scratch.path().join("filled");
    questions(&args, &runtime, &filled, &mut results)?;
    memory_of_idle_servers(&args, &filled, scratch.path(), &mut results)?;
    println!("{}", results.markdown());
    args.document.map_or(Ok(()), |document| results.write_into(&document, "results of the server"))
}

fn config(db: &Path) -> Result<Config> {
    let mut settings = Settings::default();
    settings.db = Some(db.to_owned());
    settings.listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let Ok(secret) = format!("default={SECRET}").parse();
    settings.superoffice_secret = vec![secret];
    Ok(settings.resolve()?)
}

/// Webhooks over many connections. Each conversation has its connection, so that its events arrive in order.
fn webhooks(args: &Args, runtime: &Runtime, scratch: &Path, results: &mut Results) -> Result<()> {
    let log = std::fs::read_to_string(generated(args.webhooks, Content::SuperOffice, scratch)?)?;
    let mut connections: Vec<Vec<Webhook>> = (0..CONNECTIONS).map(|_| Vec::new()).collect();
    for line in log.lines() {
        let webhook: Value = serde_json::from_str(line)?;
        let mut hasher = DefaultHasher::new();
        (webhook["ContextIdentifier"].to_string(), webhook["PrimaryKey"].to_string()).hash(&mut hasher);
        #[expect(clippy::cast_possible_truncation, reason = "a remainder")]
        connections[(hasher.finish() % CONNECTIONS as u64) as usize].push(Webhook::new(line.to_owned()));
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        let folder = tempfile::tempdir_in(scratch)?;
        let (load, answers) = ours_receives(&connections, runtime, &folder.path().join("db"))?;
        ours.push(load);
        let folder = tempfile::tempdir_in(scratch)?;
        let receiver = runtime.block_on(Receiver::start(folder.path()))?;
        theirs.push(load::webhooks(receiver.address, &connections)?);
        let other = runtime.block_on(receiver.stop())?;
        ensure!(other == answers, "the answers differ: {answers:?}, by hand {other:?}");
    }
    results.notes.push(format!(
        "webhooks: {} of SuperOffice, signed, over {CONNECTIONS} connections, each answered after the barrier; the clients and \
         the server share the cores; the answers of both receivers are equal",
        args.webhooks
    ));
    row(results, "webhooks", &rates(&ours), &rates(&theirs));
    for (name, share) in [("median", 0.5), ("99th percentile", 0.99)] {
        row(results, &format!("webhook, {name}"), &latencies(&ours, share), &latencies(&theirs, share));
    }
    Ok(())
}

fn ours_receives(connections: &[Vec<Webhook>], runtime: &Runtime, folder: &Path) -> Result<(Load, Answers)> {
    let db = Convofold::open(folder)?;
    let config = config(folder)?;
    let server = runtime.block_on(async { Server::start(config, db.clone()) })?;
    let load = load::webhooks(server.address(), connections)?;
    runtime.block_on(server.stop(GRACE));
    let answers = ours::answers(&db)?;
    db.close()?;
    Ok((load, answers))
}

/// Questions about many open conversations of 50 agents, without other load.
fn questions(args: &Args, runtime: &Runtime, filled: &Path, results: &mut Results) -> Result<()> {
    const AGENTS: u64 = 50;
    let sessions = (0..args.conversations).map(|session| {
        let (minute, second) = (session / 60 % 60, session % 60);
        let (hour, agent) = (session / 3_600 % 24, session % AGENTS + 1);
        Webhook::new(format!(
            r#"{{"EventId":"e-{session}","Timestamp":"2026-03-02T{hour:02}:{minute:02}:{second:02}Z","Event":"chatsession.created","PrimaryKey":{session},"ContextIdentifier":"Cust1","FieldValues":{{"Status":5,"UserId":{agent}}}}}"#
        ))
    });
    let mut connections: Vec<Vec<Webhook>> = (0..CONNECTIONS).map(|_| Vec::new()).collect();
    for (number, webhook) in sessions.enumerate() {
        connections[number % CONNECTIONS].push(webhook);
    }
    let by_hand = tempfile::tempdir()?;
    let db = Convofold::open(filled)?;
    let config = config(filled)?;
    let server = runtime.block_on(async { Server::start(config, db.clone()) })?;
    let receiver = runtime.block_on(Receiver::start(by_hand.path()))?;
    for address in [server.address(), receiver.address] {
        load::webhooks(address, &connections)?;
    }
    let counts = |address| open_by_agent(address);
    ensure!(counts(server.address())? == counts(receiver.address)?, "the answers differ");
    let page = |number: usize| format!("/api/v1/conversations?agent={}&limit=50", number as u64 % AGENTS + 1);
    let agents = |_| "/api/v1/agents".to_owned();
    let asks: [(&str, &dyn Fn(usize) -> String); 2] =
        [("50 conversations of an agent", &page), ("workload of 50 agents", &agents)];
    for (name, path) in asks {
        let lists: Vec<Vec<_>> = (0..ASKERS)
            .map(|asker| (0..args.questions / ASKERS).map(|number| path(number + asker)).collect())
            .collect();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..args.rounds {
            ours.push(load::questions(server.address(), &lists)?);
            theirs.push(load::questions(receiver.address, &lists)?);
        }
        row(results, name, &rates(&ours), &rates(&theirs));
        row(results, &format!("{name}, median"), &latencies(&ours, 0.5), &latencies(&theirs, 0.5));
    }
    runtime.block_on(server.stop(GRACE));
    runtime.block_on(receiver.stop())?;
    db.close()?;
    results.notes.push(format!(
        "questions: {ASKERS} connections, {} open conversations, no other load; convofold answers with every field of the state",
        args.conversations
    ));
    Ok(())
}

/// The open conversations of each agent, sorted.
fn open_by_agent(address: SocketAddr) -> Result<Vec<(String, u64)>> {
    let (_, body) = Client::new(address).request("GET", "/api/v1/agents", &[], b"")?;
    let answer: Value = serde_json::from_slice(&body)?;
    let rows = answer["agents"].as_array().context("agents")?.iter();
    let count = |row: &Value| (row["agent"]["id"].to_string(), row["open"].as_u64().unwrap_or_default());
    let mut counts: Vec<_> = rows.map(count).collect();
    counts.sort();
    Ok(counts)
}

/// The command, as it is used.
fn memory_of_idle_servers(args: &Args, filled: &Path, scratch: &Path, results: &mut Results) -> Result<()> {
    let resident = |db: &Path| -> Result<f64> {
        let mut command = convofold();
        command.arg("serve").arg("--db").arg(db);
        let serving = Serving::start(command)?;
        std::thread::sleep(Duration::from_secs(1));
        let bytes = memory(&serving.pid().to_string(), "VmRSS:")?;
        ensure!(serving.terminate()?.0.success(), "the server failed");
        Ok(bytes as f64)
    };
    let (mut full, mut empty) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds {
        empty.push(resident(&scratch.join("empty"))?);
        full.push(resident(filled)?);
    }
    let figure = |values| Figure::new(Unit::Bytes, values);
    let what = format!("memory of an idle server, {} open", args.conversations);
    results.rows.push(Row::new("S", what, &figure(full), "with an empty database", &figure(empty)));
    Ok(())
}

fn row(results: &mut Results, what: &str, ours: &Figure, theirs: &Figure) {
    results.rows.push(Row::new("S", what, ours, "by hand: axum, SQLite FULL, grouped", theirs));
}

fn rates(loads: &[Load]) -> Figure {
    Figure::new(Unit::EventsPerSecond, loads.iter().map(Load::rate))
}

/// One value per round.
fn latencies(loads: &[Load], share: f64) -> Figure {
    let of_round = |load: &Load| {
        Figure::new(Unit::Nanoseconds, load.latencies.iter().map(|latency| latency.as_nanos() as f64)).at(share)
    };
    Figure::new(Unit::Nanoseconds, loads.iter().map(of_round))
}
