//! Airship's stream: SIGKILL of `convofold serve` while it fetches events.
//!
//! The stream breaks in every way that Airship knows, and the server is killed at any moment. At the end the state hash must
//! be that of the set of all events, and the rejects must be all lines that cannot be events: nothing was skipped by a
//! bookmark that moved too early, and what came twice counts once.

use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use convofold::Convofold;
use convofold::ingest::Format;
use convofold_generator::{Envelope, Generator, Mix, Options};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::answers::PATIENCE;
use super::campaign::{Campaign, Trials};
use super::report::Report;
use crate::command::convofold;
use crate::rtds::{Coding, Reply, Request, Rtds, Streaming};
use crate::serving::Serving;

/// Number of kills per database.
const KILLS_A_DATABASE: u64 = 50;
/// Number of events for each kill.
const EVENTS_A_KILL: u64 = 200;
/// One line of this number cannot be an event.
const LINES_A_REJECT: usize = 97;
/// The most lines of one connection.
const BREAK_LINES: usize = 1_200;
/// The most lines of one part.
const PART_LINES: usize = 40;

/// Kills until all trials are done.
///
/// # Errors
/// If the ledger cannot be written.
pub fn run(campaign: &Campaign) -> Result<Report> {
    campaign.run(KILLS_A_DATABASE, |kills, trials| {
        let folder = tempfile::Builder::new().prefix("stream-").tempdir().context("a folder")?;
        let last = kills.end.saturating_sub(1);
        let river = River::new(folder.path(), (kills.end - kills.start) * EVENTS_A_KILL, campaign.seed ^ kills.start)?;
        for kill in kills {
            if trials.is_stopped() {
                break;
            }
            match river.kill(last - kill + 1, &mut trials.random(kill)) {
                Ok(what) => trials.passed(what),
                Err(error) => {
                    trials.failed(kill, &error, Some(folder));
                    return Ok(());
                }
            }
        }
        if let Err(error) = river.finish(trials) {
            trials.failed(last, &error, Some(folder));
        }
        Ok(())
    })
}

/// Everything that Airship has, and how far it was sent.
struct Source {
    lines: Vec<Line>,
    seed: u64,
    /// The number of the last line that was sent, from 1.
    sent: AtomicU64,
    /// Lines that were sent before.
    sent_again: AtomicU64,
}

struct Line {
    text: String,
    /// Opaque, and in no order; the lines that cannot be events have none.
    offset: Option<String>,
}

impl Source {
    fn new(events: u64, seed: u64) -> Result<Self> {
        let mut log = Vec::new();
        Generator::new(Options::new().events(events).seed(seed).mix(Mix::only(Envelope::AirshipRtds)))?
            .write_to(&mut log)?;
        let mut lines = Vec::new();
        for (number, line) in String::from_utf8(log).context("the log")?.lines().enumerate() {
            let mut event: Value = serde_json::from_str(line).context("an event")?;
            let offset = offset(number, 0);
            event["offset"] = offset.clone().into();
            lines.push(Line { text: event.to_string(), offset: Some(offset) });
            if number % LINES_A_REJECT == LINES_A_REJECT - 1 {
                lines.push(Line { text: half_of(line).to_owned(), offset: None });
            }
        }
        Ok(Self { lines, seed, sent: AtomicU64::new(0), sent_again: AtomicU64::new(0) })
    }

    /// Answers a request as Airship does on a bad day.
    fn answer(&self, request: &Request, reply: Reply) -> io::Result<()> {
        let mut random = StdRng::seed_from_u64(self.seed ^ (request.number as u64).wrapping_mul(0x9E37_79B9));
        let is_sent_elsewhere = request.header("cookie").is_empty();
        match random.random_range(0..100) {
            0..12 if is_sent_elsewhere => return reply.status(307, &[("Set-Cookie", "node=7; Path=/")], ""),
            12..15 => return reply.status(503, &[], "busy"),
            15 => return reply.status(402, &[], "{\"error\":\"too many\"}"),
            16 => return reply.status(404, &[], ""),
            _ => {}
        }
        let from = match request.resume_offset() {
            None => 0,
            Some(offset) => {
                let known = offset.split('~').next().map(|known| format!("{known}~0"));
                let at = self.lines.iter().position(|line| line.offset == known);
                // Sometimes the stream begins with the offset itself.
                at.map_or(0, |at| at + usize::from(random.random_range(0..8) > 0))
            }
        };
        let (coding, encoding) = match random.random_range(0..4) {
            0 => (Coding::Plain, None),
            1 => (Coding::Members, Some("gzip")),
            2 => (Coding::Flushed, None),
            _ => (Coding::Flushed, Some("gzip")),
        };
        self.send(from, &mut random, reply.stream(coding, encoding)?)
    }

    fn send(&self, from: usize, random: &mut StdRng, mut stream: Streaming) -> io::Result<()> {
        let mut next = from;
        let breaks_after = from + random.random_range(1..BREAK_LINES);
        while next < self.lines.len() {
            let until = (next + random.random_range(1..=PART_LINES)).min(self.lines.len());
            let mut part = String::new();
            for (number, line) in self.lines.iter().enumerate().take(until).skip(next) {
                let _ = writeln!(part, "{}", line.text);
                match (random.random_range(0..30), &line.offset) {
                    (0, _) => part.push_str("\r\n"),
                    (1, Some(offset)) => {
                        let _ = writeln!(part, r#"{{"type":"OFFSET_UPDATE","id":"u-{number}","offset":"{offset}"}}"#);
                    }
                    // A duplicate has another offset.
                    (2, Some(offset)) => {
                        let again = offset.replace("~0", &format!("~{}", random.random_range(1..1_000)));
                        let _ = writeln!(part, "{}", line.text.replace(offset, &again));
                    }
                    _ => {}
                }
            }
            self.count(next, until);
            next = until;
            if next >= breaks_after && next < self.lines.len() {
                return match random.random_range(0..3) {
                    0 => stream.send(half_of(&part)),
                    1 => stream.raw(&[0xff; 30]),
                    _ => stream.send(&part).and_then(|()| stream.finish()),
                };
            }
            match random.random_range(0..4) {
                0 => stream.send_split(&part, random.random_range(1..2_000))?,
                _ => stream.send(&part)?,
            }
        }
        stream.hold()
    }

    fn count(&self, from: usize, until: usize) {
        let before = self.sent.fetch_max(until as u64, Ordering::SeqCst);
        self.sent_again.fetch_add(before.min(until as u64).saturating_sub(from as u64), Ordering::SeqCst);
    }
}

/// The first half, which ends in mid-line.
fn half_of(text: &str) -> &str {
    let end = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// An opaque offset of a line, and of its repetitions.
fn offset(number: usize, again: u32) -> String {
    format!("{:016x}~{again}", (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// A database that fetches the stream.
struct River {
    db: PathBuf,
    reference: PathBuf,
    token: PathBuf,
    source: Arc<Source>,
    rtds: Rtds,
}

impl River {
    fn new(folder: &Path, events: u64, seed: u64) -> Result<Self> {
        let token = folder.join("token");
        std::fs::write(&token, "token").context("the token")?;
        let source = Arc::new(Source::new(events, seed)?);
        let answering = source.clone();
        let rtds = Rtds::start(move |request, reply| answering.answer(&request, reply))?;
        Ok(Self { db: folder.join("db"), reference: folder.join("reference"), token, source, rtds })
    }

    fn start(&self) -> Result<Serving> {
        let mut command: Command = convofold();
        command.args(["serve", "--airship-retry", "10ms", "--airship-app-key", "app", "--db"]).arg(&self.db);
        command.args(["--airship-url", &self.rtds.url(), "--airship-token-file"]).arg(&self.token);
        Serving::start(command)
    }

    fn sent(&self) -> u64 {
        self.source.sent.load(Ordering::SeqCst)
    }

    fn kill(&self, kills_left: u64, random: &mut StdRng) -> Result<&'static str> {
        let all = self.source.lines.len() as u64;
        let left = all.saturating_sub(self.sent());
        let target = (self.sent() + random.random_range(0..=(2 * left / kills_left).max(1))).min(all);
        let mut serving = self.start()?;
        let began = Instant::now();
        while self.sent() < target {
            ensure!(began.elapsed() < PATIENCE, "the stream does not move: {} lines were sent", self.sent());
            sleep(Duration::from_micros(200));
        }
        sleep(random.random_range(Duration::ZERO..Duration::from_millis(8)));
        if random.random_range(0..8) == 0 {
            let (ended, log) = serving.terminate()?;
            ensure!(ended.success(), "the server ended with {ended}: {log:?}");
            return Ok("stopped in mid-stream");
        }
        serving.kill()?;
        Ok("killed in mid-stream")
    }

    /// Fetches the rest, and compares the database with the set of all events.
    fn finish(&self, trials: &Trials<'_>) -> Result<()> {
        let serving = self.start()?;
        let get = |path: &str| -> Result<Value> {
            let (status, body) = serving.client().request("GET", path, &[], b"")?;
            ensure!(status == 200, "{path} was answered {status}");
            Ok(serde_json::from_slice(&body)?)
        };
        let (expected, events, bad) = self.expected()?;
        let began = Instant::now();
        loop {
            let (seq, rejects) =
                (get("/api/v1/status")?["seq"].clone(), get("/api/v1/rejects?limit=1")?["total"].clone());
            if seq == events && rejects == bad {
                break;
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "{seq} of {events} events and {rejects} of {bad} rejects: {}",
                get("/api/v1/status")?["upstreams"]
            );
            sleep(Duration::from_millis(5));
        }
        let hash = get("/api/v1/hash")?["hash"].clone();
        ensure!(hash == expected, "the state hash is {hash}, that of the uninterrupted stream {expected}");
        let (ended, log) = serving.terminate()?;
        ensure!(ended.success(), "the server ended with {ended}: {log:?}");
        let verified = convofold().arg("verify").arg("--db").arg(&self.db).output().context("verifying")?;
        ensure!(verified.status.success(), "verify: {}", String::from_utf8_lossy(&verified.stderr));
        trials.saw("events in the stream", events);
        trials.saw("lines sent again", self.source.sent_again.load(Ordering::SeqCst));
        trials.saw("rejects kept", bad);
        trials.saw("requests for the stream", self.rtds.requests().len() as u64);
        Ok(())
    }

    /// The state hash of all lines without an interruption, and the numbers of events and of other lines.
    fn expected(&self) -> Result<(String, u64, u64)> {
        let db = Convofold::open(&self.reference).context("opening the reference")?;
        let (mut events, mut bad) = (0, 0);
        for line in &self.source.lines {
            let report = db.ingest(line.text.as_bytes(), Format::Airship)?;
            events += report.counts.applied + report.counts.late + report.counts.conflicts;
            bad += report.rejected.values().sum::<u64>();
        }
        let hash = db.state_hash().to_string();
        db.close().context("closing the reference")?;
        Ok((hash, events, bad))
    }
}
