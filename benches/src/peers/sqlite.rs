//! The peer that most would begin with: SQLite in WAL mode, a log table, a row for each conversation, an index.

use std::path::{Path, PathBuf};

use anyhow::Result;
use convofold::{Direction, Event};
use rusqlite::{Connection, OptionalExtension, Row as Record, params};

use super::Store;
use super::fold::{Changed, Identity, Tables};
use super::row::{Entry, Row, agent, identity, is_message, opens};
use crate::outcome::Answers;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS log (
        seq INTEGER PRIMARY KEY, conversation TEXT NOT NULL, identity BLOB NOT NULL UNIQUE, at INTEGER NOT NULL,
        kind INTEGER NOT NULL, direction INTEGER, agent TEXT, text TEXT
    );
    CREATE TABLE IF NOT EXISTS conversation (
        id TEXT PRIMARY KEY, tenant TEXT, channel TEXT, open INTEGER NOT NULL, agent TEXT, started_at INTEGER NOT NULL,
        last_active_at INTEGER NOT NULL, messages_in INTEGER NOT NULL, messages_out INTEGER NOT NULL,
        unread INTEGER NOT NULL, member_name TEXT, member_number TEXT, last_message TEXT
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS open_by_agent ON conversation (agent, last_active_at) WHERE open;
";

const APPEND: &str = "INSERT OR IGNORE INTO log (conversation, identity, at, kind, direction, agent, text)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// `?4`: whether the event says anything of the status, `?5`: what; `?6`: whether it says anything of the agent.
const UPSERT: &str = "
    INSERT INTO conversation VALUES (?1, ?2, ?3, CASE ?4 WHEN 1 THEN ?5 ELSE 1 END, ?7, ?8, ?8, ?9, ?10, ?9, ?11, ?12, ?13)
    ON CONFLICT (id) DO UPDATE SET
        tenant = coalesce(?2, tenant), channel = coalesce(?3, channel),
        open = CASE ?4 WHEN 1 THEN ?5 ELSE open END, agent = CASE ?6 WHEN 1 THEN ?7 ELSE agent END,
        last_active_at = max(last_active_at, ?8), messages_in = messages_in + ?9, messages_out = messages_out + ?10,
        unread = CASE WHEN ?10 > 0 THEN 0 ELSE unread + ?9 END, member_name = coalesce(?11, member_name),
        member_number = coalesce(?12, member_number), last_message = coalesce(?13, last_message)";

/// The page of an answer: open conversations of an agent, the one active last first.
pub const PAGE: &str = "SELECT * FROM conversation WHERE open AND agent = ?1 ORDER BY last_active_at DESC LIMIT ?2";

/// What a transaction waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// Nothing: durable with the next checkpoint of the WAL.
    Normal,
    /// Until it is durable.
    Full,
}

/// Opens the database in this folder.
///
/// # Errors
/// What SQLite says.
pub fn connect(folder: &Path, synchronous: Synchronous) -> Result<Connection> {
    let connection = Connection::open(file(folder))?;
    connection.pragma_update(None, "cache_size", -262_144)?;
    connection.pragma_update(None, "synchronous", if synchronous == Synchronous::Full { "FULL" } else { "NORMAL" })?;
    connection.execute_batch(SCHEMA)?;
    Ok(connection)
}

fn file(folder: &Path) -> PathBuf {
    folder.join("peer.sqlite")
}

fn settle(connection: &Connection, file: &Path) -> Result<()> {
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(std::fs::File::open(file)?.sync_all()?)
}

/// A conversation from a row of all columns.
///
/// # Errors
/// Where a column is not what it should be.
pub fn read(record: &Record<'_>) -> rusqlite::Result<(String, Row)> {
    let row = Row {
        tenant: record.get(1)?,
        channel: record.get(2)?,
        open: record.get(3)?,
        agent: record.get(4)?,
        started_at: record.get(5)?,
        last_active_at: record.get(6)?,
        messages_in: record.get::<_, i64>(7)?.unsigned_abs(),
        messages_out: record.get::<_, i64>(8)?.unsigned_abs(),
        unread: record.get::<_, i64>(9)?.unsigned_abs(),
        member_name: record.get(10)?,
        member_number: record.get(11)?,
        last_message: record.get(12)?,
    };
    Ok((record.get(0)?, row))
}

fn answers(connection: &Connection) -> Result<Answers> {
    let events = connection.query_row("SELECT count(*) FROM log", [], |row| row.get::<_, i64>(0))?;
    let mut answers = Answers { events: events.unsigned_abs(), ..Answers::default() };
    let mut all = connection.prepare("SELECT * FROM conversation")?;
    for conversation in all.query_map([], read)? {
        let (id, row) = conversation?;
        answers.add(row.known(&id));
    }
    Ok(answers)
}

/// SQLite folds: one statement appends an event, another changes its conversation.
#[derive(Debug)]
pub struct Plain {
    connection: Connection,
    file: PathBuf,
}

impl Plain {
    /// Opens the database in this folder.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open(folder: &Path, synchronous: Synchronous) -> Result<Self> {
        Ok(Self { connection: connect(folder, synchronous)?, file: file(folder) })
    }
}

impl Store for Plain {
    fn store(&mut self, events: &[Event]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        for event in events {
            if append(&transaction, identity(event), event)? {
                upsert(&transaction, event)?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn settle(&mut self) -> Result<()> {
        settle(&self.connection, &self.file)
    }

    fn answers(&mut self) -> Result<Answers> {
        answers(&self.connection)
    }
}

/// Whether the event is new.
fn append(transaction: &Connection, identity: Identity, event: &Event) -> Result<bool> {
    let Entry { conversation, at, kind, direction, agent, text } = Entry::from(event);
    let row = params![conversation, identity, at, kind, direction, agent, text];
    Ok(transaction.prepare_cached(APPEND)?.execute(row)? == 1)
}

fn upsert(transaction: &Connection, event: &Event) -> Result<()> {
    let (opens, agent) = (opens(event), agent(event));
    transaction.prepare_cached(UPSERT)?.execute(params![
        event.conversation(),
        event.tenant(),
        event.channel(),
        opens.is_some(),
        opens,
        agent.is_some(),
        agent.flatten(),
        event.at().alone().ms(),
        i64::from(is_message(event, Direction::In)),
        i64::from(is_message(event, Direction::Out)),
        event.member_name(),
        event.member_number(),
        event.text()
    ])?;
    Ok(())
}

/// The engineer folds: SQLite is told once a transaction what became of every conversation.
#[derive(Debug)]
pub struct Folded {
    connection: Connection,
    file: PathBuf,
}

impl Folded {
    /// Opens the database in this folder, with 1 GiB of cache, pages of 16 KiB, and a WAL of 64 MiB between checkpoints.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = file(folder);
        let connection = Connection::open(&file)?;
        connection.pragma_update(None, "page_size", 16_384)?;
        connection.pragma_update(None, "cache_size", -1_048_576)?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 4_096)?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        connection.execute_batch(SCHEMA)?;
        Ok(Self { connection, file })
    }
}

impl Tables for Folded {
    fn append(&mut self, events: &[(Identity, &Event)]) -> Result<Vec<bool>> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        events.iter().map(|(identity, event)| append(&self.connection, *identity, event)).collect()
    }

    fn rows(&mut self, ids: &[&str]) -> Result<Vec<Option<Row>>> {
        let mut select = self.connection.prepare_cached("SELECT * FROM conversation WHERE id = ?1")?;
        ids.iter().map(|id| Ok(select.query_row([id], read).optional()?.map(|(_, row)| row))).collect()
    }

    fn commit(&mut self, conversations: &[Changed<'_>]) -> Result<()> {
        let mut replace = self.connection.prepare_cached(
            "INSERT OR REPLACE INTO conversation VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?;
        for Changed { id, after, .. } in conversations {
            replace.execute(params![
                id,
                after.tenant,
                after.channel,
                after.open,
                after.agent,
                after.started_at,
                after.last_active_at,
                i64::try_from(after.messages_in)?,
                i64::try_from(after.messages_out)?,
                i64::try_from(after.unread)?,
                after.member_name,
                after.member_number,
                after.last_message
            ])?;
        }
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    fn settle(&mut self) -> Result<()> {
        settle(&self.connection, &self.file)
    }

    fn answers(&mut self) -> Result<Answers> {
        answers(&self.connection)
    }
}
