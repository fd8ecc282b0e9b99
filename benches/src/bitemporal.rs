//! A table in SQLite that answers questions about any moment: for each conversation a row for each time in which it was open
//! and did not change, as it was known between two arrivals. An R*Tree finds the rows of a moment and an agent.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use convofold::engine::Board;
use convofold::{ConversationRow, Convofold, Moment, Seq, Time};
use rusqlite::{Connection, OptionalExtension, params};

/// The cache of SQLite, in KiB, as a negative number.
const CACHE: i64 = -262_144;
const IN_A_TRANSACTION: usize = 100_000;
/// The end of a time that has not ended.
const NEVER: i64 = i32::MAX as i64;

const TABLES: &str = "
    PRAGMA journal_mode = OFF;
    CREATE TABLE version (
        n INTEGER PRIMARY KEY, id TEXT NOT NULL, tenant TEXT, channel TEXT, agent TEXT, agent_name TEXT,
        member_name TEXT, member_number TEXT, member_business_id TEXT, member_channel_id TEXT, shortcode TEXT,
        unread INTEGER NOT NULL, started_at INTEGER NOT NULL, last_active_at INTEGER NOT NULL,
        waiting_since INTEGER, suspect INTEGER NOT NULL,
        valid_from INTEGER NOT NULL, valid_to INTEGER, known_from INTEGER NOT NULL, known_to INTEGER
    );
    CREATE TABLE agent (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
    CREATE VIRTUAL TABLE moment USING rtree_i32(n, agent_from, agent_to, valid_from, valid_to, known_from, known_to);";
const INSERT: &str = "INSERT INTO version VALUES
    (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";

/// The times at which a state is valid, and the sequence numbers between which that was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ranges {
    valid: (i64, Option<i64>),
    known: (Seq, Option<Seq>),
}

/// Seconds since the first of all times, because an R*Tree has 32 bits.
fn seconds(ms: i64, first_ms: i64) -> i64 {
    (ms - first_ms).div_euclid(1_000)
}

/// Fills the table in a new file from convofold's answers, so that only finding is compared.
///
/// # Errors
/// If a database fails.
pub fn build(db: &Convofold, path: &Path, first_ms: i64) -> Result<()> {
    let mut connection = connect(path)?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.execute_batch(TABLES)?;
    let mut agents = BTreeMap::new();
    let mut number = 0;
    let mut transaction = connection.transaction()?;
    for conversation in db.scan() {
        let history = conversation?.history;
        let mut board = Board::new();
        let mut arrivals: Vec<_> = history.iter().map(|entry| (entry.seq, entry.event.clone())).collect();
        arrivals.sort_by_key(|(seq, _)| *seq);
        for (seq, event) in &arrivals {
            board.edit().apply(*seq, event);
        }
        for (row, ranges) in versions(&board, &arrivals) {
            number += 1;
            insert(&transaction, number, &row, ranges, first_ms, &mut agents)?;
            if number % i64::try_from(IN_A_TRANSACTION)? == 0 {
                transaction.commit()?;
                transaction = connection.transaction()?;
            }
        }
    }
    transaction.commit()?;
    connection.execute_batch("CREATE INDEX by_id ON version (id, valid_from);")?;
    Ok(connection.execute_batch("ANALYZE; PRAGMA journal_mode = WAL;")?)
}

/// Each row of a conversation while it was open, for each time and each state of knowledge.
fn versions(board: &Board, arrivals: &[(Seq, convofold::Event)]) -> Vec<(ConversationRow, Ranges)> {
    let Some((_, first)) = arrivals.first() else { return Vec::new() };
    let id = first.conversation();
    let mut times: Vec<Time> = arrivals.iter().map(|(_, event)| event.at().alone()).collect();
    times.sort_unstable();
    times.dedup();
    let mut finished = Vec::new();
    // What is known at present, by the time from which it is valid.
    let mut known: Vec<(ConversationRow, Ranges)> = Vec::new();
    for (seq, _) in arrivals {
        let mut now: Vec<(ConversationRow, Ranges)> = Vec::new();
        for (place, at) in times.iter().enumerate() {
            let moment = Moment { as_of: Some(*at), known_at: Some(*seq) };
            let open = |row: ConversationRow| row.closed_at.is_none().then_some(row);
            let row = board.past(id, moment, |past| open(past.row())).flatten();
            let valid = (at.ms(), times.get(place + 1).map(|next| next.ms()));
            let Some(row) = row else { continue };
            match now.last_mut().filter(|(last, ranges)| *last == row && ranges.valid.1 == Some(valid.0)) {
                Some((_, ranges)) => ranges.valid.1 = valid.1,
                None => now.push((row, Ranges { valid, known: (*seq, None) })),
            }
        }
        for (row, ranges) in &mut now {
            let same = known.iter().find(|(known, before)| known == row && before.valid == ranges.valid);
            if let Some((_, before)) = same {
                ranges.known.0 = before.known.0;
            }
        }
        let is_over = |(row, ranges): &(ConversationRow, Ranges)| {
            !now.iter().any(|(kept, of_kept)| kept == row && of_kept == ranges)
        };
        let over: Vec<_> = known.into_iter().filter(is_over).collect();
        finished.extend(over.into_iter().map(|(row, mut ranges)| {
            ranges.known.1 = Some(*seq);
            (row, ranges)
        }));
        known = now;
    }
    finished.extend(known);
    finished
}

fn insert(
    connection: &Connection,
    number: i64,
    row: &ConversationRow,
    Ranges { valid, known }: Ranges,
    first_ms: i64,
    agents: &mut BTreeMap<String, i64>,
) -> Result<()> {
    let agent = row.agent.as_ref();
    let agent_id = agent.and_then(|agent| agent.id.as_deref()).unwrap_or_default();
    let next = i64::try_from(agents.len())?;
    let agent_number = *agents.entry(agent_id.to_owned()).or_insert(next);
    if agent_number == next {
        connection.execute("INSERT INTO agent VALUES (?1, ?2)", params![agent_number, agent_id])?;
    }
    let seq = |seq: Seq| i64::try_from(seq);
    connection.prepare_cached(INSERT)?.execute(params![
        number,
        row.id(),
        row.tenant.as_deref(),
        row.channel.as_deref(),
        agent_id,
        agent.and_then(|agent| agent.name.as_deref()),
        row.member_name(),
        row.member_number(),
        row.member_business_id(),
        row.member_channel_id(),
        row.shortcode.as_deref(),
        i64::try_from(row.unread)?,
        row.started_at,
        row.last_active_at,
        row.waiting_since,
        row.suspect,
        valid.0,
        valid.1,
        seq(known.0)?,
        known.1.map(seq).transpose()?,
    ])?;
    let valid_to = valid.1.map_or(NEVER, |to| seconds(to, first_ms) + 1);
    let known_to = known.1.map(seq).transpose()?.unwrap_or(NEVER);
    connection.prepare_cached("INSERT INTO moment VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6)")?.execute(params![
        number,
        agent_number,
        seconds(valid.0, first_ms),
        valid_to,
        seq(known.0)?,
        known_to
    ])?;
    Ok(())
}

/// Opens the file, with 256 MiB of cache.
///
/// # Errors
/// If SQLite fails.
pub fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "cache_size", CACHE)?;
    Ok(connection)
}

const COLUMNS: &str = "version.id, tenant, channel, agent, agent_name, member_name, member_number, member_business_id,
    member_channel_id, shortcode, unread, started_at, last_active_at, waiting_since, suspect";
/// The bounds of the R*Tree are rounded outwards.
const AT_THE_MOMENT: &str = "moment.valid_from <= ?1 / 1000 AND moment.valid_to >= ?1 / 1000
    AND moment.known_from <= ?2 AND moment.known_to > ?2
    AND version.valid_from <= ?1 + ?3 AND (version.valid_to IS NULL OR version.valid_to > ?1 + ?3)";

/// A moment in the table: milliseconds since its first time, and a sequence number.
fn place(moment: Moment, first_ms: i64) -> Result<(i64, i64)> {
    // All that happened, and all that is known.
    let at = moment.as_of.map_or((NEVER - 1) * 1_000, |at| at.ms() - first_ms);
    Ok((at, moment.known_at.map_or(Ok(NEVER - 1), i64::try_from)?))
}

/// The ids of the first open conversations of an agent at a moment, latest activity first. All columns are read.
///
/// # Errors
/// If SQLite fails.
pub fn open_of_agent(
    connection: &Connection,
    moment: Moment,
    agent: &str,
    limit: usize,
    first_ms: i64,
) -> Result<Vec<String>> {
    let (at, seq) = place(moment, first_ms)?;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM moment JOIN version ON version.n = moment.n
         WHERE agent_from = (SELECT n FROM agent WHERE agent.id = ?4) AND {AT_THE_MOMENT}
         ORDER BY last_active_at DESC, version.id LIMIT ?5"
    ))?;
    let rows = statement.query_map(params![at, seq, first_ms, agent, i64::try_from(limit)?], |row| {
        for column in 1..10 {
            std::hint::black_box(row.get::<_, Option<String>>(column)?);
        }
        for column in 10..15 {
            std::hint::black_box(row.get::<_, Option<i64>>(column)?);
        }
        row.get(0)
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The number of open conversations of each agent at a moment, by the agent's id.
///
/// # Errors
/// If SQLite fails.
pub fn agents(connection: &Connection, moment: Moment, first_ms: i64) -> Result<Vec<(String, u64)>> {
    let (at, seq) = place(moment, first_ms)?;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT version.agent, count(*) FROM moment JOIN version ON version.n = moment.n
         WHERE {AT_THE_MOMENT} GROUP BY version.agent ORDER BY version.agent"
    ))?;
    let rows = statement.query_map(params![at, seq, first_ms], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
    rows.map(|row| row.map_err(Into::into).and_then(|(agent, open)| Ok((agent, u64::try_from(open)?)))).collect()
}

/// Agent and unread messages of a conversation that was open at a moment.
///
/// # Errors
/// If SQLite fails.
pub fn show(connection: &Connection, moment: Moment, id: &str, first_ms: i64) -> Result<Option<(String, u64)>> {
    let (at, seq) = place(moment, first_ms)?;
    let mut statement = connection.prepare_cached(
        "SELECT agent, unread FROM version WHERE id = ?4 AND valid_from <= ?1 + ?3
         AND (valid_to IS NULL OR valid_to > ?1 + ?3) AND known_from <= ?2 AND (known_to IS NULL OR known_to > ?2)",
    )?;
    let found = statement.query_row(params![at, seq, first_ms, id], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
    found.optional()?.map(|(agent, unread)| Ok((agent, u64::try_from(unread)?))).transpose()
}
