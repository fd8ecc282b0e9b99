//! The result of a peer, to compare with the others.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::usage::Stage;

/// The stage of a replay, until everything is durable.
pub const REPLAY: &str = "replay";
/// The stage of closing the database.
pub const CLOSE: &str = "close";
/// The stage of opening the closed database until it can answer.
pub const REOPEN: &str = "reopen";

/// The answers that every peer must agree on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Number of different events.
    pub events: u64,
    /// Number of conversations.
    pub conversations: u64,
    /// Number of open conversations.
    pub open: u64,
    /// Number of open conversations without an assigned agent.
    pub open_unassigned: u64,
    /// Number of messages from members.
    pub messages_in: u64,
    /// Number of messages to members.
    pub messages_out: u64,
    /// A sum of hashes of the known fields of all conversations.
    pub digest: u64,
}

/// The fields of a conversation that all peers keep in the same form as convofold.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The id.
    pub id: &'a str,
    /// Whether it is open.
    pub open: bool,
    /// The agent's id, or name if it has no id; the tenant; the member's name, number, id at the business and channel
    /// id; the shortcode; the app key.
    pub texts: [Option<&'a str>; 8],
    /// Messages from and to the member.
    pub messages: [i64; 2],
    /// Milliseconds: when it was closed, when the member first wrote, and since when the member waits if it is open.
    pub times: [Option<i64>; 3],
    /// Number of reopenings.
    pub reopens: i64,
}

impl Answers {
    /// Adds a conversation to the counts.
    pub fn add(&mut self, known: Known<'_>) {
        let Known { open, texts: [agent, ..], messages: [messages_in, messages_out], .. } = known;
        self.conversations += 1;
        self.open += u64::from(open);
        self.open_unassigned += u64::from(open && agent.is_none());
        self.messages_in += messages_in.unsigned_abs();
        self.messages_out += messages_out.unsigned_abs();
        self.digest = self.digest.wrapping_add(xxh3_64(format!("{known:?}").as_bytes()));
    }
}

/// The answers of several partitions together, which have no conversation in common.
impl std::iter::Sum for Answers {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| Self {
            events: sum.events + part.events,
            conversations: sum.conversations + part.conversations,
            open: sum.open + part.open,
            open_unassigned: sum.open_unassigned + part.open_unassigned,
            messages_in: sum.messages_in + part.messages_in,
            messages_out: sum.messages_out + part.messages_out,
            digest: sum.digest.wrapping_add(part.digest),
        })
    }
}

/// The result of one run of one peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The answers at the end.
    pub answers: Answers,
    /// Time from the first byte read until everything is durable.
    pub replay: Duration,
    /// Size of the database's directory, in bytes.
    pub disk_bytes: u64,
    /// What the server of a peer used in the replay, if there is one.
    pub server: Option<ServerUsage>,
    /// Processor time of convofold's writer thread in the replay.
    pub writer: Option<Duration>,
    /// The stages of the process: replay, close, reopen.
    pub stages: Vec<Stage>,
}

/// What a server used since it was started. 0 if unknown.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct ServerUsage {
    /// Processor time.
    pub processor: Duration,
    /// Peak resident memory.
    pub peak_memory_bytes: u64,
}

impl Outcome {
    /// Events per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.answers.events as f64 / self.replay.as_secs_f64()
    }

    /// A stage, by its name.
    #[must_use]
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// Processor time for each event in the replay, in nanoseconds, with that of the server. NaN if unknown.
    #[must_use]
    pub fn processor_nanoseconds(&self) -> f64 {
        let own = self.stage(REPLAY).map_or(f64::NAN, |stage| stage.usage.processor.as_secs_f64());
        let server = match self.server {
            None => 0.0,
            Some(ServerUsage { processor: Duration::ZERO, .. }) => f64::NAN,
            Some(server) => server.processor.as_secs_f64(),
        };
        (own + server) * 1e9 / self.answers.events as f64
    }

    /// Peak resident memory in the replay, of the server if there is one. NaN if unknown.
    #[must_use]
    pub fn peak_memory(&self) -> f64 {
        let own = || self.stage(REPLAY).map_or(0, |stage| stage.peak_memory_bytes);
        match self.server.map_or_else(own, |server| server.peak_memory_bytes) {
            0 => f64::NAN,
            bytes => bytes as f64,
        }
    }
}

/// The disk space of a directory, in bytes. Files that disappear meanwhile are not counted.
///
/// # Errors
/// If the directory cannot be read.
pub fn disk_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in walkdir::WalkDir::new(folder) {
        match entry.and_then(|entry| entry.metadata()) {
            Ok(metadata) if metadata.is_file() => bytes += metadata.len(),
            Ok(_) => {}
            Err(error) if error.io_error().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(bytes)
}

/// The peak resident memory of this process, as Linux counts it.
///
/// # Errors
/// On a system without `/proc`.
pub fn peak_memory_bytes() -> Result<u64> {
    memory("self", "VmHWM:")
}

/// The current resident memory of this process, as Linux counts it.
///
/// # Errors
/// On a system without `/proc`.
pub fn memory_bytes() -> Result<u64> {
    memory("self", "VmRSS:")
}

/// A line of a process's status, in bytes.
///
/// # Errors
/// If the process does not exist, or the system has no `/proc`.
pub fn memory(process: &str, name: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name} line"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}
