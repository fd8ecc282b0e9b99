//! What a peer did, to be held against the others.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

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
}

/// What one run of one peer took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The answers at the end.
    pub answers: Answers,
    /// From the first byte read to everything durable.
    pub replay: Duration,
    /// From nothing to the first answer, after the replay.
    pub reopen: Duration,
    /// Everything in the database's folder.
    pub disk_bytes: u64,
    /// The largest resident memory of the process.
    pub peak_memory_bytes: u64,
}

/// The bytes that a folder takes on the disk.
///
/// # Errors
/// Where the folder cannot be read.
pub fn disk_bytes(folder: &Path) -> Result<u64> {
    let files = walkdir::WalkDir::new(folder).into_iter();
    files.map(|entry| Ok(entry?.metadata()?.len())).sum()
}

/// The largest resident memory of this process so far, as Linux counts it.
///
/// # Errors
/// On a system without `/proc`.
pub fn peak_memory_bytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM line")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}
