//! What a peer did, to be held against the others.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// The answers that every peer must agree on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answers {
    /// Different events.
    pub events: u64,
    /// Conversations.
    pub conversations: u64,
    /// Open conversations.
    pub open: u64,
    /// Open conversations that nobody is assigned to.
    pub open_unassigned: u64,
    /// Messages from members.
    pub messages_in: u64,
    /// Messages to members.
    pub messages_out: u64,
    /// A sum of hashes over what is known of every conversation.
    pub digest: u64,
}

/// What every peer knows of a conversation, of all that it keeps the part that convofold shows in the same form.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The id.
    pub id: &'a str,
    /// Whether it is open.
    pub open: bool,
    /// The agent's id, or name where there is none; the tenant; the member's name, number, id at the business and channel
    /// id; the shortcode; the app key.
    pub texts: [Option<&'a str>; 8],
    /// Messages from and to the member.
    pub messages: [i64; 2],
    /// When it was closed, when the member first wrote, since when they wait for an answer where it is open; in milliseconds.
    pub times: [Option<i64>; 3],
    /// How often it was opened again.
    pub reopens: i64,
}

impl Answers {
    /// Counts a conversation.
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

/// What one run of one peer took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The answers at the end.
    pub answers: Answers,
    /// From the first byte read to everything durable.
    pub replay: Duration,
    /// From nothing to a database that can be asked, after it was closed.
    pub reopen: Duration,
    /// Everything in the database's folder.
    pub disk_bytes: u64,
    /// The largest resident memory of the process, or of the server where there is one. 0 where it is not known.
    pub peak_memory_bytes: u64,
}

impl Outcome {
    /// Events a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.answers.events as f64 / self.replay.as_secs_f64()
    }
}

/// The bytes that a folder takes on the disk. What goes away meanwhile is not counted.
///
/// # Errors
/// Where the folder cannot be read.
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

/// The largest resident memory of this process so far, as Linux counts it.
///
/// # Errors
/// On a system without `/proc`.
pub fn peak_memory_bytes() -> Result<u64> {
    memory("self", "VmHWM:")
}

/// The resident memory of this process now, as Linux counts it.
///
/// # Errors
/// On a system without `/proc`.
pub fn memory_bytes() -> Result<u64> {
    memory("self", "VmRSS:")
}

/// A line of a process's status, in bytes.
///
/// # Errors
/// Where there is no such process, or no `/proc`.
pub fn memory(process: &str, name: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("no {name} line"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}
