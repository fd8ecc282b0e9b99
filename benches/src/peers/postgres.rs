//! PostgreSQL: arrays of values in one statement per batch, every commit durable.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::Result;
use convofold::Event;
use postgres::{Client, Config, NoTls, Row as Record, Statement};

use super::fold::{Changed, Identity, Tables};
use super::row::{Entry, Row};
use super::server::Server;
use crate::outcome::{Answers, ServerUsage};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS log (seq BIGSERIAL PRIMARY KEY, identity BYTEA NOT NULL UNIQUE, event BYTEA NOT NULL);
    CREATE TABLE IF NOT EXISTS conversation (
        id TEXT PRIMARY KEY, source TEXT NOT NULL, tenant TEXT, channel TEXT, open BOOLEAN NOT NULL,
        agent TEXT, agent_name TEXT, started_at BIGINT NOT NULL, last_active_at BIGINT NOT NULL,
        closed_at BIGINT, reopens BIGINT NOT NULL, messages_in BIGINT NOT NULL,
        messages_out BIGINT NOT NULL, unread BIGINT NOT NULL, first_inbound_at BIGINT,
        first_response_ms BIGINT, waiting_since BIGINT, member_name TEXT, member_number TEXT,
        member_business_id TEXT, member_channel_id TEXT, shortcode TEXT, app_key TEXT, last_message TEXT
    );
    CREATE INDEX IF NOT EXISTS open_by_agent ON conversation (agent, last_active_at) WHERE open;
";
const APPEND: &str = "INSERT INTO log (identity, event) SELECT * FROM unnest($1::BYTEA[], $2::BYTEA[])
    ON CONFLICT (identity) DO NOTHING RETURNING identity";
const ROWS: &str = "SELECT * FROM conversation WHERE id = ANY ($1)";
const UPSERT: &str = "INSERT INTO conversation SELECT * FROM unnest(
        $1::TEXT[], $2::TEXT[], $3::TEXT[], $4::TEXT[], $5::BOOL[], $6::TEXT[], $7::TEXT[], $8::INT8[],
        $9::INT8[], $10::INT8[], $11::INT8[], $12::INT8[], $13::INT8[], $14::INT8[], $15::INT8[],
        $16::INT8[], $17::INT8[], $18::TEXT[], $19::TEXT[], $20::TEXT[], $21::TEXT[], $22::TEXT[],
        $23::TEXT[], $24::TEXT[]
    )
    ON CONFLICT (id) DO UPDATE SET
        tenant = EXCLUDED.tenant, channel = EXCLUDED.channel, open = EXCLUDED.open, agent = EXCLUDED.agent,
        agent_name = EXCLUDED.agent_name, started_at = EXCLUDED.started_at,
        last_active_at = EXCLUDED.last_active_at, closed_at = EXCLUDED.closed_at,
        reopens = EXCLUDED.reopens, messages_in = EXCLUDED.messages_in,
        messages_out = EXCLUDED.messages_out, unread = EXCLUDED.unread,
        first_inbound_at = EXCLUDED.first_inbound_at, first_response_ms = EXCLUDED.first_response_ms,
        waiting_since = EXCLUDED.waiting_since, member_name = EXCLUDED.member_name,
        member_number = EXCLUDED.member_number, member_business_id = EXCLUDED.member_business_id,
        member_channel_id = EXCLUDED.member_channel_id, shortcode = EXCLUDED.shortcode,
        app_key = EXCLUDED.app_key, last_message = EXCLUDED.last_message";

pub(super) struct Postgres {
    // Fields are dropped in this order: the connection first.
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
    let row = Row {
        source: record.try_get(1)?,
        tenant: record.try_get(2)?,
        channel: record.try_get(3)?,
        open: record.try_get(4)?,
        agent: record.try_get(5)?,
        agent_name: record.try_get(6)?,
        started_at: record.try_get(7)?,
        last_active_at: record.try_get(8)?,
        closed_at: record.try_get(9)?,
        reopens: record.try_get(10)?,
        messages_in: record.try_get(11)?,
        messages_out: record.try_get(12)?,
        unread: record.try_get(13)?,
        first_inbound_at: record.try_get(14)?,
        first_response_ms: record.try_get(15)?,
        waiting_since: record.try_get(16)?,
        member_name: record.try_get(17)?,
        member_number: record.try_get(18)?,
        member_business_id: record.try_get(19)?,
        member_channel_id: record.try_get(20)?,
        shortcode: record.try_get(21)?,
        app_key: record.try_get(22)?,
        last_message: record.try_get(23)?,
    };
    Ok((record.try_get(0)?, row))
}

impl Tables for Postgres {
    fn append(&mut self, events: &[(Identity, &Event)]) -> Result<Vec<bool>> {
        self.client.batch_execute("BEGIN")?;
        let identities: Vec<_> = events.iter().map(|(identity, _)| identity.as_slice()).collect();
        let entries = events.iter().map(|(_, event)| Entry::encode(event)).collect::<Result<Vec<_>>>()?;
        let appended = self.client.query(&self.append, &[&identities, &entries])?;
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
        let ids: Vec<_> = conversations.iter().map(|changed| changed.id).collect();
        let parameters: [&(dyn postgres::types::ToSql + Sync); 24] = [
            &ids,
            &column(conversations, |row| row.source.as_str()),
            &column(conversations, |row| row.tenant.as_deref()),
            &column(conversations, |row| row.channel.as_deref()),
            &column(conversations, |row| row.open),
            &column(conversations, |row| row.agent.as_deref()),
            &column(conversations, |row| row.agent_name.as_deref()),
            &column(conversations, |row| row.started_at),
            &column(conversations, |row| row.last_active_at),
            &column(conversations, |row| row.closed_at),
            &column(conversations, |row| row.reopens),
            &column(conversations, |row| row.messages_in),
            &column(conversations, |row| row.messages_out),
            &column(conversations, |row| row.unread),
            &column(conversations, |row| row.first_inbound_at),
            &column(conversations, |row| row.first_response_ms),
            &column(conversations, |row| row.waiting_since),
            &column(conversations, |row| row.member_name.as_deref()),
            &column(conversations, |row| row.member_number.as_deref()),
            &column(conversations, |row| row.member_business_id.as_deref()),
            &column(conversations, |row| row.member_channel_id.as_deref()),
            &column(conversations, |row| row.shortcode.as_deref()),
            &column(conversations, |row| row.app_key.as_deref()),
            &column(conversations, |row| row.last_message.as_deref()),
        ];
        self.client.execute(&self.upsert, &parameters)?;
        Ok(self.client.batch_execute("COMMIT")?)
    }

    /// Every commit is durable already.
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

    /// One process per connection and shared memory: there is no single figure.
    fn server(&self) -> Result<Option<ServerUsage>> {
        Ok(Some(ServerUsage::default()))
    }
}
