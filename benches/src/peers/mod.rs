//! What a good engineer would write without convofold: parse, deduplicate by identity, append to a log, keep the same
//! fields of every conversation, index the open ones by agent; everything durable at the end.
//!
//! All of them get convofold's own parser, on another thread, and the transaction size that suits them. They fold in
//! the order of arrival, as such code does; on a log in order that gives the same answers.

mod fjall;
mod fold;
mod postgres;
mod redb;
mod redis;
mod row;
mod server;
pub mod sqlite;

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use convofold::replay::{Input, Replay};
use convofold::{Convofold, Event};
use serde::{Deserialize, Serialize};

use crate::events;
use crate::ours;
use crate::outcome::{Answers, CLOSE, Outcome, REOPEN, REPLAY, ServerUsage, disk_bytes};
use crate::usage::{Sampler, Stages, Thread};

pub use row::Row;

/// An event as the peers store it in their logs.
///
/// # Errors
/// Never, for events of the parser.
pub fn encode_event(event: &Event) -> Result<Vec<u8>> {
    row::Entry::encode(event)
}

use fold::Folding;

/// A system that replays the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub enum Peer {
    /// convofold.
    Convofold,
    /// SQLite in its simplest use: a statement per event, 1,000 per transaction, `synchronous=NORMAL`.
    SqlitePlain,
    /// The same with 10,000 per transaction.
    SqliteLarge,
    /// SQLite with rows folded in memory and written once per transaction, 10,000 events each, a large cache and large
    /// pages.
    SqliteFolded,
    /// redb.
    Redb,
    /// fjall.
    Fjall,
    /// Redis, append-only file, `appendfsync always`.
    Redis,
    /// PostgreSQL.
    Postgres,
}

impl Peer {
    /// All except convofold.
    pub const OTHERS: [Self; 7] = [
        Self::SqlitePlain,
        Self::SqliteLarge,
        Self::SqliteFolded,
        Self::Redb,
        Self::Fjall,
        Self::Redis,
        Self::Postgres,
    ];

    /// The name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Convofold => "convofold",
            Self::SqlitePlain => "SQLite, 1,000 a transaction",
            Self::SqliteLarge => "SQLite, 10,000 a transaction",
            Self::SqliteFolded => "SQLite, folded in memory",
            Self::Redb => "redb",
            Self::Fjall => "fjall",
            Self::Redis => "Redis, append-only file, always",
            Self::Postgres => "PostgreSQL",
        }
    }

    /// How many times as fast as this peer a replay is to be.
    #[must_use]
    pub fn target(self) -> Option<f64> {
        Some(match self {
            Self::SqliteFolded => 5.0,
            Self::Redb | Self::Fjall => 4.0,
            Self::Redis => 3.5,
            _ => return None,
        })
    }

    /// The server that it needs, if that is not installed.
    #[must_use]
    pub fn lacks(self) -> Option<&'static str> {
        let program = match self {
            Self::Redis => "redis-server",
            Self::Postgres => "postgres",
            _ => return None,
        };
        server::find(program).is_none().then_some(program)
    }

    fn batch(self) -> usize {
        match self {
            Self::SqlitePlain => 1_000,
            _ => 10_000,
        }
    }

    /// Opens its database in this directory.
    ///
    /// # Errors
    /// If the database cannot be opened.
    fn open(self, folder: &Path) -> Result<Box<dyn Store>> {
        Ok(match self {
            Self::Convofold => anyhow::bail!("convofold is used as a host uses it"),
            Self::SqlitePlain | Self::SqliteLarge => {
                Box::new(sqlite::Plain::open(folder, sqlite::Synchronous::Normal)?)
            }
            Self::SqliteFolded => Box::new(Folding(sqlite::Folded::open(folder)?)),
            Self::Redb => Box::new(Folding(redb::Redb::open(folder)?)),
            Self::Fjall => Box::new(Folding(fjall::Fjall::open(folder)?)),
            Self::Redis => Box::new(Folding(redis::Redis::open(folder)?)),
            Self::Postgres => Box::new(Folding(postgres::Postgres::open(folder)?)),
        })
    }
}

/// A database that replays the log.
pub trait Store {
    /// Stores and folds events in one transaction.
    ///
    /// # Errors
    /// If the database fails.
    fn store(&mut self, events: &[Event]) -> Result<()>;
    /// Returns when everything is durable.
    ///
    /// # Errors
    /// If the database fails.
    fn settle(&mut self) -> Result<()>;
    /// Gives unused room back to the file system, by the means of the database itself, if there are any.
    ///
    /// # Errors
    /// If the database fails.
    fn compact(&mut self) -> Result<()> {
        Ok(())
    }
    /// The answers at the end.
    ///
    /// # Errors
    /// If the database fails.
    fn answers(&mut self) -> Result<Answers>;
    /// What the server has used, if there is one.
    ///
    /// # Errors
    /// If it cannot be read.
    fn server(&self) -> Result<Option<ServerUsage>> {
        Ok(None)
    }
}

/// Replays a log into a new database of a peer in `folder`.
///
/// # Errors
/// If the log cannot be read or the database fails.
pub fn replay(peer: Peer, log: &Path, folder: &Path) -> Result<Outcome> {
    if peer == Peer::Convofold {
        return ours::replay_files(&[log.to_owned()], folder);
    }
    let mut store = peer.open(folder)?;
    let mut stages = Stages::begin()?;
    events::in_batches(log, peer.batch(), |batch| store.store(&batch))?;
    store.settle()?;
    let replay = stages.end(REPLAY)?.took;
    let server = store.server()?;
    drop(store);
    stages.end(CLOSE)?;
    let mut store = peer.open(folder)?;
    stages.end(REOPEN)?;
    let answers = store.answers()?;
    drop(store);
    Ok(Outcome { answers, replay, disk_bytes: disk_bytes(folder)?, server, writer: None, stages: stages.all() })
}

/// Replays a log and compacts the database. Returns the disk space before and after, in bytes.
///
/// # Errors
/// If the log cannot be read or the database fails.
pub fn compacted(peer: Peer, log: &Path, folder: &Path) -> Result<[u64; 2]> {
    let mut store = peer.open(folder)?;
    events::in_batches(log, peer.batch(), |batch| store.store(&batch))?;
    store.settle()?;
    drop(store);
    let before = disk_bytes(folder)?;
    let mut store = peer.open(folder)?;
    store.compact()?;
    drop(store);
    Ok([before, disk_bytes(folder)?])
}

/// Replays a log and closes the database, with all threads watched.
///
/// # Errors
/// If the log cannot be read or the database fails.
pub fn watched(peer: Peer, log: &Path, folder: &Path) -> Result<Vec<Thread>> {
    let sampler = Sampler::begin()?;
    if peer == Peer::Convofold {
        let db = Convofold::open(folder)?;
        Replay::new(&db).input(Input::path(log)).run()?;
        let threads = sampler.end()?;
        db.close()?;
        return Ok(threads);
    }
    let mut store = peer.open(folder)?;
    events::in_batches(log, peer.batch(), |batch| store.store(&batch))?;
    store.settle()?;
    sampler.end()
}
