//! The usual first choice: SQLite in WAL mode, a log table, a row per conversation, an index.

use std::path::{Path, PathBuf};

use anyhow::Result;
use convofold::{Direction, Event};
use rusqlite::{Connection, OptionalExtension, Row as Record, params};

use super::Store;
use super::fold::{Changed, Folding, Identity, Tables};
use super::row::{Entry, Row, agent, identity, is_message, opens, waits};
use crate::outcome::Answers;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, identity BLOB NOT NULL UNIQUE, event BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS conversation (
        id TEXT PRIMARY KEY, source TEXT NOT NULL, tenant TEXT, channel TEXT, open INTEGER NOT NULL,
        agent TEXT, agent_name TEXT, started_at INTEGER NOT NULL, last_active_at INTEGER NOT NULL,
        closed_at INTEGER, reopens INTEGER NOT NULL, messages_in INTEGER NOT NULL,
        messages_out INTEGER NOT NULL, unread INTEGER NOT NULL, first_inbound_at INTEGER,
        first_response_ms INTEGER, waiting_since INTEGER, member_name TEXT, member_number TEXT,
        member_business_id TEXT, member_channel_id TEXT, shortcode TEXT, app_key TEXT, last_message TEXT
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS open_by_agent ON conversation (agent, last_active_at) WHERE open;
";

const APPEND: &str = "INSERT OR IGNORE INTO log (identity, event) VALUES (?1, ?2)";

/// `?5`: whether the event opens (1), closes (0), or neither (null). `?8`: whether it mentions an agent. `?9`: its
/// time. `?10`, `?11`: 1 for a message from, to the member. `?19`: whether the member waits after it (1, 0, or null).
const UPSERT: &str = "
    INSERT INTO conversation VALUES (
        ?1, ?2, ?3, ?4, coalesce(?5, 1), ?6, ?7, ?9, ?9, CASE ?5 WHEN 0 THEN ?9 END, 0, ?10, ?11, ?10,
        CASE ?10 WHEN 1 THEN ?9 END, NULL, CASE ?19 WHEN 1 THEN ?9 END, ?12, ?13, ?14, ?15, ?16, ?17, ?18
    )
    ON CONFLICT (id) DO UPDATE SET
        tenant = coalesce(?3, tenant), channel = coalesce(?4, channel),
        reopens = reopens + (?5 IS 1 AND open = 0),
        closed_at = CASE ?5 WHEN 0 THEN ?9 WHEN 1 THEN NULL ELSE closed_at END, open = coalesce(?5, open),
        agent = CASE ?8 WHEN 1 THEN ?6 ELSE agent END,
        agent_name = CASE WHEN ?8 = 1 AND (?6 IS NULL OR ?7 IS NOT NULL) THEN ?7 ELSE agent_name END,
        last_active_at = max(last_active_at, ?9), messages_in = messages_in + ?10, messages_out = messages_out + ?11,
        unread = CASE ?11 WHEN 1 THEN 0 ELSE unread + ?10 END,
        first_inbound_at = coalesce(first_inbound_at, CASE ?10 WHEN 1 THEN ?9 END),
        first_response_ms = coalesce(first_response_ms, CASE ?11 WHEN 1 THEN ?9 - first_inbound_at END),
        waiting_since = CASE WHEN ?19 IS 0 OR ?5 IS 0 THEN NULL WHEN ?19 = 1 THEN coalesce(waiting_since, ?9) ELSE waiting_since END,
        member_name = coalesce(?12, member_name), member_number = coalesce(?13, member_number),
        member_business_id = coalesce(?14, member_business_id), member_channel_id = coalesce(?15, member_channel_id),
        shortcode = coalesce(?16, shortcode), app_key = coalesce(?17, app_key), last_message = coalesce(?18, last_message)";

/// One page of results: open conversations of an agent, most recently active first.
pub const PAGE: &str = "SELECT * FROM conversation WHERE open AND agent = ?1 ORDER BY last_active_at DESC LIMIT ?2";

/// What a commit waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synchronous {
    /// Nothing: durable with the next checkpoint of the WAL.
    Normal,
    /// Until it is durable.
    Full,
}

/// Opens the database in this directory.
///
/// # Errors
/// If SQLite fails.
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

/// Opens the database with the fastest settings.
///
/// # Errors
/// If SQLite fails.
pub fn fast(folder: &Path) -> Result<Box<dyn Store + Send>> {
    Ok(Box::new(Folding(Folded::open(folder)?)))
}

/// A conversation from a row with all columns.
///
/// # Errors
/// If a column has the wrong type.
pub fn read(record: &Record<'_>) -> rusqlite::Result<(String, Row)> {
    let row = Row {
        source: record.get(1)?,
        tenant: record.get(2)?,
        channel: record.get(3)?,
        open: record.get(4)?,
        agent: record.get(5)?,
        agent_name: record.get(6)?,
        started_at: record.get(7)?,
        last_active_at: record.get(8)?,
        closed_at: record.get(9)?,
        reopens: record.get(10)?,
        messages_in: record.get(11)?,
        messages_out: record.get(12)?,
        unread: record.get(13)?,
        first_inbound_at: record.get(14)?,
        first_response_ms: record.get(15)?,
        waiting_since: record.get(16)?,
        member_name: record.get(17)?,
        member_number: record.get(18)?,
        member_business_id: record.get(19)?,
        member_channel_id: record.get(20)?,
        shortcode: record.get(21)?,
        app_key: record.get(22)?,
        last_message: record.get(23)?,
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

/// SQLite folds: one statement appends an event, another updates its conversation.
#[derive(Debug)]
pub struct Plain {
    connection: Connection,
    file: PathBuf,
}

impl Plain {
    /// Opens the database in this directory.
    ///
    /// # Errors
    /// If SQLite fails.
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

    fn compact(&mut self) -> Result<()> {
        self.connection.execute_batch("VACUUM")?;
        settle(&self.connection, &self.file)
    }

    fn answers(&mut self) -> Result<Answers> {
        answers(&self.connection)
    }
}

/// Whether the event is new.
fn append(connection: &Connection, identity: Identity, event: &Event) -> Result<bool> {
    Ok(connection.prepare_cached(APPEND)?.execute(params![identity, Entry::encode(event)?])? == 1)
}

fn upsert(connection: &Connection, event: &Event) -> Result<()> {
    let agent = agent(event);
    connection.prepare_cached(UPSERT)?.execute(params![
        event.conversation(),
        event.source(),
        event.tenant(),
        event.channel(),
        opens(event),
        agent.flatten().map(|(agent, _)| agent),
        agent.flatten().and_then(|(_, name)| name),
        agent.is_some(),
        event.at().alone().ms(),
        i64::from(is_message(event, Direction::In)),
        i64::from(is_message(event, Direction::Out)),
        event.member_name(),
        event.member_number(),
        event.member_business_id(),
        event.member_channel_id(),
        event.shortcode(),
        event.app_key(),
        event.text(),
        waits(event)
    ])?;
    Ok(())
}

const REPLACE: &str = "INSERT OR REPLACE INTO conversation VALUES
    (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)";

/// Events are folded in memory: SQLite gets each changed conversation once per transaction.
#[derive(Debug)]
pub struct Folded {
    connection: Connection,
    file: PathBuf,
}

impl Folded {
    /// Opens the database in this directory, with 1 GiB of cache, pages of 16 KiB, and a WAL of 64 MiB between
    /// checkpoints.
    ///
    /// # Errors
    /// If SQLite fails.
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
        let mut replace = self.connection.prepare_cached(REPLACE)?;
        for Changed { id, after, .. } in conversations {
            replace.execute(params![
                id,
                after.source,
                after.tenant,
                after.channel,
                after.open,
                after.agent,
                after.agent_name,
                after.started_at,
                after.last_active_at,
                after.closed_at,
                after.reopens,
                after.messages_in,
                after.messages_out,
                after.unread,
                after.first_inbound_at,
                after.first_response_ms,
                after.waiting_since,
                after.member_name,
                after.member_number,
                after.member_business_id,
                after.member_channel_id,
                after.shortcode,
                after.app_key,
                after.last_message
            ])?;
        }
        Ok(self.connection.execute_batch("COMMIT")?)
    }

    fn settle(&mut self) -> Result<()> {
        settle(&self.connection, &self.file)
    }

    fn compact(&mut self) -> Result<()> {
        self.connection.execute_batch("VACUUM")?;
        settle(&self.connection, &self.file)
    }

    fn answers(&mut self) -> Result<Answers> {
        answers(&self.connection)
    }
}
