//! Whether a database keeps the promises.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use convofold::{Convofold, Options, Seq};

use super::feed::{Feed, Reference};

/// The contents of a database.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Number of events.
    pub events: Seq,
    /// Counts of observations.
    pub saw: BTreeMap<&'static str, u64>,
}

/// Opens a database and compares it with the feed: it must contain at least the acknowledged events, with their seqs,
/// and exactly their state. The database is closed again, which changes it.
///
/// # Errors
/// The promise that is broken.
pub fn examine(db: &Path, feed: &Feed, reference: &mut Reference, acknowledged: Seq) -> Result<Found> {
    // The database may not exist yet at the kill.
    let store = Options::new().create(acknowledged == 0).open(db).context("opening the database")?;
    let recovery = store.recovery().clone();
    let events = store.stats().last_seq;
    ensure!(events >= acknowledged, "{acknowledged} events were acknowledged, and {events} are there");
    ensure!(events <= feed.len(), "{} events were fed, and {events} are there", feed.len());
    ensure!(!recovery.unreadable_end_mark, "the end mark is damaged");
    ensure!(recovery.stray_values == 0, "{} values lie in blobs/", recovery.stray_values);
    ensure!(recovery.skipped.is_empty(), "checkpoints were skipped: {:?}", recovery.skipped);
    let (found, expected) = (store.state_hash(), reference.hash_after(events));
    ensure!(found == expected, "the state after {events} events has hash {found}, expected {expected}");
    expect_log(&store, feed, 1)?;
    store.close().context("closing the database")?;
    let mut saw = BTreeMap::new();
    saw.insert("unfinished files removed", recovery.removed_files.len() as u64);
    saw.insert("opened from a checkpoint", u64::from(recovery.checkpoint_seq.is_some()));
    Ok(Found { events, saw })
}

/// Compares the log with the feed, from an event on.
///
/// # Errors
/// The first event that differs.
pub fn expect_log(store: &Convofold, feed: &Feed, first: Seq) -> Result<()> {
    let mut changes = store.changes(first);
    for seq in first..=store.stats().last_seq {
        let change =
            changes.try_next().context("reading the log")?.with_context(|| format!("event {seq} is missing"))?;
        ensure!(change.seq == seq && Some(&change.event) == feed.event(seq), "event {seq} differs");
    }
    Ok(())
}

/// Examines a copy, so that the database stays unchanged.
///
/// # Errors
/// The promise that is broken.
pub fn examine_copy(db: &Path, feed: &Feed, reference: &mut Reference, acknowledged: Seq) -> Result<Found> {
    let copy = tempfile::tempdir_in(db.parent().unwrap_or(db)).context("a folder for a copy")?;
    let copied = copy.path().join("db");
    if acknowledged > 0 || db.exists() {
        copy_folder(db, &copied)?;
    }
    examine(&copied, feed, reference, acknowledged)
}

/// Copies a directory recursively, without the socket that a killed process left: nobody is behind it.
///
/// # Errors
/// If a file cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let copying = || format!("copying {} to {}", from.display(), to.display());
    fs::create_dir_all(to).with_context(copying)?;
    for entry in fs::read_dir(from).with_context(copying)? {
        let entry = entry.with_context(copying)?;
        let copied = to.join(entry.file_name());
        let kind = entry.file_type().with_context(copying)?;
        if kind.is_dir() {
            copy_folder(&entry.path(), &copied)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &copied).with_context(copying)?;
        }
    }
    Ok(())
}
