//! PostgreSQL: arrays of values in one statement a batch, every commit durable.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::Result;
use convofold::Event;
use postgres::{Client, Config, NoTls, Row as Record, Statement};

use super::fold::{Changed, Identity, Tables};
use super::row::{Entry, Row};
use super::server::Server;
use crate::outcome::Answers;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS log (
        seq BIGSERIAL PRIMARY KEY, identity BYTEA NOT NULL UNIQUE, conversation TEXT NOT NULL, at BIGINT NOT NULL,
        kind SMALLINT NOT NULL, direction BOOLEAN, agent TEXT, text TEXT
    );
    CREATE TABLE IF NOT EXISTS conversation (
        id TEXT PRIMARY KEY, tenant TEXT, channel TEXT, open BOOLEAN NOT NULL, agent TEXT, started_at BIGINT NOT NULL,
        last_active_at BIGINT NOT NULL, messages_in BIGINT NOT NULL, messages_out BIGINT NOT NULL,
        unread BIGINT NOT NULL, member_name TEXT, member_number TEXT, last_message TEXT
    );
    CREATE INDEX IF NOT EXISTS open_by_agent ON conversation (agent, last_active_at) WHERE open;
";
const APPEND: &str = "INSERT INTO log (identity, conversation, at, kind, direction, agent, text)
    SELECT * FROM unnest($1::BYTEA[], $2::TEXT[], $3::INT8[], $4::INT2[], $5::BOOL[], $6::TEXT[], $7::TEXT[])
    ON CONFLICT (identity) DO NOTHING RETURNING identity";
const ROWS: &str = "SELECT * FROM conversation WHERE id = ANY ($1)";
const UPSERT: &str = "INSERT INTO conversation
    SELECT * FROM unnest($1::TEXT[], $2::TEXT[], $3::TEXT[], $4::BOOL[], $5::TEXT[], $6::INT8[], $7::INT8[], $8::INT8[],
        $9::INT8[], $10::INT8[], $11::TEXT[], $12::TEXT[], $13::TEXT[])
    ON CONFLICT (id) DO UPDATE SET tenant = EXCLUDED.tenant, channel = EXCLUDED.channel, open = EXCLUDED.open,
        agent = EXCLUDED.agent, started_at = EXCLUDED.started_at, last_active_at = EXCLUDED.last_active_at,
        messages_in = EXCLUDED.messages_in, messages_out = EXCLUDED.messages_out, unread = EXCLUDED.unread,
        member_name = EXCLUDED.member_name, member_number = EXCLUDED.member_number,
        last_message = EXCLUDED.last_message";

pub(super) struct Postgres {
    // Fields are dropped in this order: the connection goes first.
    client: Client,
    append: Statement,
    rows: Statement,
    upsert: Statement,
    _server: Server,
}

impl Postgres {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let mut server = Server::postgres(folder)?;
        let mut config = Config::new();
        config.host_path(folder.join("data")).user("postgres").dbname("postgres");
        let mut client = server.until(|| Ok(config.connect(NoTls)?))?;
        client.batch_execute(SCHEMA)?;
        let [append, rows, upsert] = [client.prepare(APPEND)?, client.prepare(ROWS)?, client.prepare(UPSERT)?];
        Ok(Self { client, append, rows, upsert, _server: server })
    }
}

fn read(record: &Record) -> Result<(String, Row)> {
    let count = |column: usize| Ok::<_, postgres::Error>(record.try_get::<_, i64>(column)?.unsigned_abs());
    let row = Row {
        tenant: record.try_get(1)?,
        channel: record.try_get(2)?,
        open: record.try_get(3)?,
        agent: record.try_get(4)?,
        started_at: record.try_get(5)?,
        last_active_at: record.try_get(6)?,
        messages_in: count(7)?,
        messages_out: count(8)?,
        unread: count(9)?,
        member_name: record.try_get(10)?,
        member_number: record.try_get(11)?,
        last_message: record.try_get(12)?,
    };
    Ok((record.try_get(0)?, row))
}

impl Tables for Postgres {
    fn append(&mut self, events: &[(Identity, &Event)]) -> Result<Vec<bool>> {
        self.client.batch_execute("BEGIN")?;
        let entries: Vec<_> = events.iter().map(|(_, event)| Entry::from(*event)).collect();
        let identities: Vec<_> = events.iter().map(|(identity, _)| identity.as_slice()).collect();
        let conversations: Vec<_> = entries.iter().map(|entry| entry.conversation).collect();
        let at: Vec<_> = entries.iter().map(|entry| entry.at).collect();
        let kinds: Vec<_> = entries.iter().map(|entry| i16::from(entry.kind)).collect();
        let directions: Vec<_> = entries.iter().map(|entry| entry.direction).collect();
        let agents: Vec<_> = entries.iter().map(|entry| entry.agent).collect();
        let texts: Vec<_> = entries.iter().map(|entry| entry.text).collect();
        let parameters: [&(dyn postgres::types::ToSql + Sync); 7] =
            [&identities, &conversations, &at, &kinds, &directions, &agents, &texts];
        let appended = self.client.query(&self.append, &parameters)?;
        let appended = appended.iter().map(|record| record.try_get(0)).collect::<Result<HashSet<&[u8]>, _>>()?;
        Ok(identities.iter().map(|identity| appended.contains(identity)).collect())
    }

    fn rows(&mut self, ids: &[&str]) -> Result<Vec<Option<Row>>> {
        let records = self.client.query(&self.rows, &[&ids])?;
        let mut rows = records.iter().map(read).collect::<Result<HashMap<_, _>>>()?;
        Ok(ids.iter().map(|id| rows.remove(*id)).collect())
    }

    fn commit(&mut self, conversations: &[Changed<'_>]) -> Result<()> {
        fn column<'a, T>(conversations: &'a [Changed<'a>], of: impl Fn(&'a Row) -> T) -> Vec<T> {
            conversations.iter().map(|changed| of(&changed.after)).collect()
        }
        let count = |of: fn(&Row) -> u64| {
            conversations.iter().map(|changed| i64::try_from(of(&changed.after))).collect::<Result<Vec<_>, _>>()
        };
        let ids: Vec<_> = conversations.iter().map(|changed| changed.id).collect();
        let tenants = column(conversations, |row| row.tenant.as_deref());
        let channels = column(conversations, |row| row.channel.as_deref());
        let open = column(conversations, |row| row.open);
        let agents = column(conversations, |row| row.agent.as_deref());
        let started = column(conversations, |row| row.started_at);
        let active = column(conversations, |row| row.last_active_at);
        let [messages_in, messages_out] = [count(|row| row.messages_in)?, count(|row| row.messages_out)?];
        let unread = count(|row| row.unread)?;
        let names = column(conversations, |row| row.member_name.as_deref());
        let numbers = column(conversations, |row| row.member_number.as_deref());
        let texts = column(conversations, |row| row.last_message.as_deref());
        let parameters: [&(dyn postgres::types::ToSql + Sync); 13] = [
            &ids, &tenants, &channels, &open, &agents, &started, &active, &messages_in, &messages_out, &unread, &names,
            &numbers, &texts,
        ];
        self.client.execute(&self.upsert, &parameters)?;
        Ok(self.client.batch_execute("COMMIT")?)
    }

    /// Every commit was durable.
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }

    fn answers(&mut self) -> Result<Answers> {
        let events: i64 = self.client.query_one("SELECT count(*) FROM log", &[])?.try_get(0)?;
        let mut answers = Answers { events: events.unsigned_abs(), ..Answers::default() };
        for record in self.client.query("SELECT * FROM conversation", &[])? {
            let (id, row) = read(&record)?;
            answers.add(row.known(&id));
        }
        Ok(answers)
    }

    /// A process a connection and memory that they share: no one figure.
    fn server_memory_bytes(&self) -> Result<Option<u64>> {
        Ok(Some(0))
    }
}
