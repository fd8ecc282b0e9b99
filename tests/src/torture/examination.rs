//! Whether a database is what it must be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use convofold::{Options, Seq};

use super::feed::{Feed, Reference};

/// What a database was found to hold.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// How many events.
    pub events: Seq,
    /// How often what was seen on the way.
    pub saw: BTreeMap<&'static str, u64>,
}

/// Opens a database and holds it against the feed: it must have at least the acknowledged events, in their places, and
/// exactly the state that they lead to. It is closed again, and so changed.
///
/// # Errors
/// Says which promise is broken.
pub fn examine(db: &Path, feed: &Feed, reference: &mut Reference, acknowledged: Seq) -> Result<Found> {
    // It may have been killed before it was made.
    let store = Options::new().create(acknowledged == 0).open(db).context("opening the database")?;
    let recovery = store.recovery().clone();
    let events = store.stats().last_seq;
    ensure!(events >= acknowledged, "{acknowledged} events were acknowledged, and {events} are there");
    ensure!(events <= feed.len(), "{} events were fed, and {events} are there", feed.len());
    ensure!(!recovery.unreadable_end_mark, "the head mark is damaged");
    ensure!(recovery.stray_values == 0, "{} values lie in blobs/", recovery.stray_values);
    ensure!(recovery.skipped.is_empty(), "checkpoints were passed over: {:?}", recovery.skipped);
    let (found, expected) = (store.state_hash(), reference.hash_after(events));
    ensure!(found == expected, "the state after {events} events has hash {found}, expected {expected}");
    let mut changes = store.changes(1);
    for seq in 1..=events {
        let change =
            changes.try_next().context("reading the log")?.with_context(|| format!("event {seq} is missing"))?;
        ensure!(change.seq == seq && Some(&change.event) == feed.event(seq), "event {seq} is another one");
    }
    store.close().context("closing the database")?;
    let mut saw = BTreeMap::new();
    saw.insert("unfinished files removed", recovery.removed_files.len() as u64);
    saw.insert("opened from a checkpoint", u64::from(recovery.checkpoint_seq.is_some()));
    Ok(Found { events, saw })
}

/// Examines a copy, so that the database stays as it is, dirt and all.
///
/// # Errors
/// Says which promise is broken.
pub fn examine_copy(db: &Path, feed: &Feed, reference: &mut Reference, acknowledged: Seq) -> Result<Found> {
    let copy = tempfile::tempdir_in(db.parent().unwrap_or(db)).context("a folder for a copy")?;
    let copied = copy.path().join("db");
    if acknowledged > 0 || db.exists() {
        copy_folder(db, &copied)?;
    }
    examine(&copied, feed, reference, acknowledged)
}

/// Copies a folder with everything in it.
///
/// # Errors
/// Where a file cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let copying = || format!("copying {} to {}", from.display(), to.display());
    fs::create_dir_all(to).with_context(copying)?;
    for entry in fs::read_dir(from).with_context(copying)? {
        let entry = entry.with_context(copying)?;
        let copied = to.join(entry.file_name());
        if entry.file_type().with_context(copying)?.is_dir() {
            copy_folder(&entry.path(), &copied)?;
        } else {
            fs::copy(entry.path(), &copied).with_context(copying)?;
        }
    }
    Ok(())
}
