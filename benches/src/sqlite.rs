//! The peer that most would begin with: SQLite in WAL mode, a log table, a row for each conversation, an index.
//!
//! It uses convofold's own parser, prepared statements, and a thousand events a transaction. It folds in the order of
//! arrival, as such code does; on a clean log that gives the same answers.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use convofold::ingest::{Format, Framer, Ignored, Limits, Origin, Parser, Piece, Rejection, Sink};
use convofold::{AgentMention, Direction, Event, Kind};
use rusqlite::{Connection, Transaction, params};

use crate::outcome::{Answers, Outcome, disk_bytes, peak_memory_bytes};

const EVENTS_PER_TRANSACTION: usize = 1_000;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA cache_size = -262144;
    CREATE TABLE log (
        seq INTEGER PRIMARY KEY, conversation TEXT NOT NULL, identity BLOB NOT NULL, at INTEGER NOT NULL,
        kind INTEGER NOT NULL, direction INTEGER, agent TEXT, text TEXT, UNIQUE (conversation, identity)
    );
    CREATE TABLE conversation (
        id TEXT PRIMARY KEY, tenant TEXT, channel TEXT, open INTEGER NOT NULL, agent TEXT, started_at INTEGER NOT NULL,
        last_active_at INTEGER NOT NULL, messages_in INTEGER NOT NULL, messages_out INTEGER NOT NULL,
        unread INTEGER NOT NULL, member_name TEXT, member_number TEXT, last_message TEXT
    ) WITHOUT ROWID;
    CREATE INDEX open_by_agent ON conversation (agent, last_active_at) WHERE open;
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

/// Replays `log` into a new database in `folder`.
///
/// # Errors
/// Whatever SQLite or the file system says.
pub fn replay(log: &Path, folder: &Path) -> Result<Outcome> {
    let file = folder.join("peer.sqlite");
    let began = Instant::now();
    let mut connection = Connection::open(&file)?;
    connection.execute_batch(SCHEMA)?;
    let parser = Parser::new(Format::Auto, Limits::default());
    let mut failure = None;
    let mut framer = Framer::new(Limits::default(), 1 << 20);
    let mut take = |piece: Piece| {
        let mut parsed = Parsed::default();
        parser.parse(&piece, &mut parsed);
        for events in parsed.events.chunks(EVENTS_PER_TRANSACTION) {
            if let Err(error) = store(&mut connection, events) {
                failure.get_or_insert(error);
            }
        }
    };
    framer.feed(&std::fs::read(log)?, &mut take);
    framer.finish(&mut take);
    if let Some(error) = failure {
        return Err(error);
    }
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    std::fs::File::open(&file)?.sync_all()?;
    let replay = began.elapsed();
    drop(connection);

    let began = Instant::now();
    let connection = Connection::open(&file)?;
    let answers = answers(&connection)?;
    let reopen = began.elapsed();
    Ok(Outcome { answers, replay, reopen, disk_bytes: disk_bytes(folder)?, peak_memory_bytes: peak_memory_bytes()? })
}

fn store(connection: &mut Connection, events: &[Event]) -> Result<()> {
    let transaction = connection.transaction()?;
    {
        let mut append = transaction.prepare_cached(APPEND)?;
        for event in events {
            let identity = format!("{}/{}", event.identity().text(), event.identity().part());
            let agent = agent(event);
            let direction = event.direction().map(|direction| i64::from(direction == Direction::Out));
            let at = event.at().alone().ms();
            let row = params![
                event.conversation(),
                identity.as_bytes(),
                at,
                i64::from(event.kind().rank()),
                direction,
                agent.flatten(),
                event.text()
            ];
            if append.execute(row)? == 1 {
                upsert(&transaction, event, agent, at)?;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

fn upsert(transaction: &Transaction<'_>, event: &Event, agent: Option<Option<&str>>, at: i64) -> Result<()> {
    let opens = match event.kind() {
        Kind::Open | Kind::UpdateOpen => Some(true),
        Kind::Close | Kind::OpenClosed => Some(false),
        Kind::Message | Kind::Update => None,
    };
    let is = |direction| i64::from(event.kind().is_message() && event.direction() == Some(direction));
    transaction.prepare_cached(UPSERT)?.execute(params![
        event.conversation(),
        event.tenant(),
        event.channel(),
        opens.is_some(),
        opens,
        agent.is_some(),
        agent.flatten(),
        at,
        is(Direction::In),
        is(Direction::Out),
        event.member_name(),
        event.member_number(),
        event.text()
    ])?;
    Ok(())
}

fn agent(event: &Event) -> Option<Option<&str>> {
    match event.agent() {
        AgentMention::Silent => None,
        AgentMention::Nobody => Some(None),
        AgentMention::Agent { id, name } => Some(id.or(name)),
    }
}

fn answers(connection: &Connection) -> Result<Answers> {
    let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::unsigned_abs);
    Ok(Answers {
        events: one("SELECT count(*) FROM log")?,
        conversations: one("SELECT count(*) FROM conversation")?,
        open: one("SELECT count(*) FROM conversation WHERE open")?,
        open_unassigned: one("SELECT count(*) FROM conversation WHERE open AND agent IS NULL")?,
        messages_in: one("SELECT sum(messages_in) FROM conversation")?,
        messages_out: one("SELECT sum(messages_out) FROM conversation")?,
    })
}

#[derive(Default)]
struct Parsed {
    events: Vec<Event>,
}

impl Sink for Parsed {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.events.push(event);
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored) {}

    fn rejected(&mut self, _rejection: Rejection) {}
}
