//! A large archive: closed conversations of three events each, in convofold and in SQLite. It is built once in a folder and
//! shared by the benchmarks that need one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use convofold::{ConversationRow, Convofold, Event, Options};
use rusqlite::{Connection, params};

use crate::population::{APART_MS, FIRST_MS, Population, fill};

/// Raised when the conversations of an archive change.
const RECIPE: u32 = 1;
/// Conversations of one member, on average.
const OF_A_MEMBER: u64 = 10;
const AGENTS: u64 = 500;
const IN_A_TRANSACTION: usize = 100_000;
/// The cache of SQLite, in KiB, as a negative number.
const CACHE: i64 = -262_144;

/// What a page of a list shows, with the indexes that the questions need.
const TABLE: &str = "
    PRAGMA journal_mode = OFF;
    CREATE TABLE conversation (
        slot INTEGER PRIMARY KEY, id TEXT NOT NULL, tenant TEXT, channel TEXT, agent TEXT, agent_name TEXT,
        member_name TEXT, member_number TEXT, member_business_id TEXT, member_channel_id TEXT, shortcode TEXT,
        unread INTEGER NOT NULL, started_at INTEGER NOT NULL, last_active_at INTEGER NOT NULL, closed_at INTEGER,
        waiting_since INTEGER, suspect INTEGER NOT NULL
    );";
const INDEXES: &str = "
    CREATE INDEX by_member ON conversation (member_business_id, last_active_at, id);
    CREATE INDEX by_number ON conversation (member_number, last_active_at, id);
    CREATE INDEX by_agent ON conversation (agent, started_at, id);
    CREATE INDEX by_start ON conversation (started_at, id);
    CREATE INDEX by_activity ON conversation (last_active_at, id);
    CREATE INDEX by_close ON conversation (closed_at, id);";
const INSERT: &str = "INSERT INTO conversation VALUES
    (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)";

/// An archive in a folder.
#[derive(Clone, Debug)]
pub struct Archive {
    folder: PathBuf,
    conversations: u64,
    notes: Vec<String>,
}

impl Archive {
    /// The archive in this folder. Builds what the folder does not contain yet.
    ///
    /// # Errors
    /// If a database fails, or the folder contains an archive of another size or recipe.
    pub fn at(folder: &Path, conversations: u64) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let mut archive = Self { folder: folder.to_owned(), conversations, notes: Vec::new() };
        archive.build("convofold", Self::build_ours)?;
        archive.build("sqlite", Self::build_theirs)?;
        Ok(archive)
    }

    /// Calls `build` unless it has been done. A file says so.
    fn build(&mut self, name: &str, build: impl FnOnce(&Self) -> Result<()>) -> Result<()> {
        let done = self.folder.join(format!("{name}.built"));
        let recipe = format!("recipe {RECIPE}, {} conversations\n", self.conversations);
        if let Ok(found) = fs::read_to_string(&done) {
            ensure!(found == recipe, "{} contains another archive: {found}", self.folder.display());
            return Ok(());
        }
        let began = Instant::now();
        build(self).with_context(|| format!("building {name}"))?;
        self.notes.push(format!("{name}: built in {:.0} s", began.elapsed().as_secs_f64()));
        Ok(fs::write(done, recipe)?)
    }

    fn build_ours(&self) -> Result<()> {
        let _ = fs::remove_dir_all(self.ours());
        let db = Convofold::open(self.ours())?;
        fill(&db, (0..self.conversations).map(|number| self.events(number)))?;
        db.checkpoint()?;
        Ok(db.close()?)
    }

    /// The rows are those of convofold, so that only finding is compared.
    fn build_theirs(&self) -> Result<()> {
        let _ = fs::remove_file(self.theirs());
        let db = Options::new().read_only(true).open(self.ours())?;
        let mut connection = Connection::open(self.theirs())?;
        connection.pragma_update(None, "cache_size", CACHE)?;
        connection.pragma_update(None, "synchronous", "OFF")?;
        connection.execute_batch(TABLE)?;
        let mut transaction = connection.transaction()?;
        for (number, state) in db.scan_states().enumerate() {
            insert(&transaction, &ConversationRow::from(&state?))?;
            if number % IN_A_TRANSACTION == IN_A_TRANSACTION - 1 {
                transaction.commit()?;
                transaction = connection.transaction()?;
            }
        }
        transaction.commit()?;
        connection.execute_batch(INDEXES)?;
        Ok(connection.execute_batch("ANALYZE; PRAGMA journal_mode = WAL;")?)
    }

    /// The folder of convofold's database.
    #[must_use]
    pub fn ours(&self) -> PathBuf {
        self.folder.join("convofold")
    }

    /// SQLite's file.
    #[must_use]
    pub fn theirs(&self) -> PathBuf {
        self.folder.join("archive.sqlite")
    }

    /// Opens SQLite's file for reading, with 256 MiB of cache.
    ///
    /// # Errors
    /// If SQLite fails.
    pub fn connect(&self) -> Result<Connection> {
        let connection = Connection::open(self.theirs())?;
        connection.pragma_update(None, "cache_size", CACHE)?;
        Ok(connection)
    }

    /// The three events of a conversation: it begins with an agent, the member writes, and it is closed.
    ///
    /// # Errors
    /// Never, unless the engine refuses a valid event.
    pub fn events(&self, number: u64) -> Result<Vec<Event>> {
        Population { agents: AGENTS }.archived(number, self.conversations.div_ceil(OF_A_MEMBER))
    }

    /// The time from the first to the last start of a conversation, in milliseconds since the epoch.
    #[must_use]
    pub fn period_ms(&self) -> std::ops::Range<i64> {
        FIRST_MS..FIRST_MS.saturating_add_unsigned(self.conversations * APART_MS.unsigned_abs())
    }

    /// What was built, and how long it took.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Number of conversations.
    #[must_use]
    pub fn conversations(&self) -> u64 {
        self.conversations
    }
}

fn insert(connection: &Connection, row: &ConversationRow) -> Result<()> {
    let agent = row.agent.as_ref();
    connection.prepare_cached(INSERT)?.execute(params![
        row.id(),
        row.tenant.as_deref(),
        row.channel.as_deref(),
        agent.and_then(|agent| agent.id.as_deref()),
        agent.and_then(|agent| agent.name.as_deref()),
        row.member_name(),
        row.member_number(),
        row.member_business_id(),
        row.member_channel_id(),
        row.shortcode.as_deref(),
        i64::try_from(row.unread)?,
        row.started_at,
        row.last_active_at,
        row.closed_at,
        row.waiting_since,
        row.suspect
    ])?;
    Ok(())
}
