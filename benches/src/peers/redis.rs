//! Redis with an append-only file, durable before every answer: two round trips per batch, the second one a
//! transaction.

use std::path::Path;

use anyhow::{Context, Result};
use convofold::Event;
use redis::{Client, Connection, Pipeline};

use super::fold::{Changed, Identity, Tables};
use super::row::{Entry, Row};
use super::server::Server;
use crate::outcome::{Answers, ServerUsage, memory};
use crate::usage::Usage;

/// Maximum number of items per command; Redis is single-threaded.
const AT_ONCE: usize = 1_000;

pub(super) struct Redis {
    connection: Connection,
    server: Server,
    transaction: Pipeline,
}

impl Redis {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let (mut server, socket) = Server::redis(folder)?;
        let client = Client::open(format!("redis+unix://{}", socket.display()))?;
        let connection = server.until(|| {
            let mut connection = client.get_connection()?;
            // It answers PING with an error while it loads.
            redis::cmd("PING").query::<String>(&mut connection)?;
            Ok(connection)
        })?;
        Ok(Self { connection, server, transaction: Pipeline::new() })
    }
}

fn agent_key(row: &Row) -> String {
    format!("open:{}", row.agent.as_deref().unwrap_or_default())
}

impl Tables for Redis {
    fn append(&mut self, events: &[(Identity, &Event)]) -> Result<Vec<bool>> {
        let mut ask = Pipeline::new();
        for events in events.chunks(AT_ONCE) {
            let identities: Vec<_> = events.iter().map(|(identity, _)| identity.as_slice()).collect();
            ask.cmd("SMISMEMBER").arg("known").arg(identities);
        }
        let known: Vec<Vec<bool>> = ask.query(&mut self.connection)?;
        let is_new: Vec<bool> = known.concat().into_iter().map(|is_known| !is_known).collect();
        let fresh = events.iter().zip(&is_new).filter(|(_, is_new)| **is_new).map(|(event, _)| event);
        let fresh: Vec<_> = fresh.collect();
        self.transaction = Pipeline::new();
        self.transaction.atomic();
        for events in fresh.chunks(AT_ONCE) {
            let identities: Vec<_> = events.iter().map(|(identity, _)| identity.as_slice()).collect();
            self.transaction.cmd("SADD").arg("known").arg(identities).ignore();
            let entries = events.iter().map(|(_, event)| Entry::encode(event));
            self.transaction.cmd("RPUSH").arg("log").arg(entries.collect::<Result<Vec<_>>>()?).ignore();
        }
        Ok(is_new)
    }

    fn rows(&mut self, ids: &[&str]) -> Result<Vec<Option<Row>>> {
        let mut ask = Pipeline::new();
        for ids in ids.chunks(AT_ONCE) {
            ask.cmd("HMGET").arg("conversations").arg(ids);
        }
        let rows: Vec<Vec<Option<Vec<u8>>>> = ask.query(&mut self.connection)?;
        let row = |row: Option<Vec<u8>>| row.map(|row| Row::decode(&row)).transpose();
        rows.into_iter().flatten().map(row).collect()
    }

    fn commit(&mut self, conversations: &[Changed<'_>]) -> Result<()> {
        for conversations in conversations.chunks(AT_ONCE) {
            let mut rows = redis::cmd("HSET");
            rows.arg("conversations");
            for Changed { id, after, .. } in conversations {
                rows.arg(*id).arg(after.encode()?);
            }
            self.transaction.add_command(rows).ignore();
            for Changed { id, before, after } in conversations {
                let was_in = before.as_ref().filter(|row| row.open).map(agent_key);
                let is_in = after.open.then(|| agent_key(after));
                if let Some(key) = was_in.filter(|key| Some(key) != is_in.as_ref()) {
                    self.transaction.cmd("ZREM").arg(key).arg(*id).ignore();
                }
                if let Some(key) = is_in {
                    self.transaction.cmd("ZADD").arg(key).arg(after.last_active_at).arg(*id).ignore();
                }
            }
        }
        Ok(std::mem::take(&mut self.transaction).query(&mut self.connection)?)
    }

    /// Every answer is durable already.
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }

    fn answers(&mut self) -> Result<Answers> {
        let events: u64 = redis::cmd("LLEN").arg("log").query(&mut self.connection)?;
        let mut answers = Answers { events, ..Answers::default() };
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("HSCAN");
            scan.arg("conversations").arg(cursor).arg("COUNT").arg(AT_ONCE);
            let (next, rows): (u64, Vec<Vec<u8>>) = scan.query(&mut self.connection)?;
            for pair in rows.chunks_exact(2) {
                let [id, row] = pair else { continue };
                answers.add(Row::decode(row)?.known(std::str::from_utf8(id)?));
            }
            if next == 0 {
                return Ok(answers);
            }
            cursor = next;
        }
    }

    fn server(&self) -> Result<Option<ServerUsage>> {
        let process = self.server.process();
        let peak_memory_bytes = memory(&process.to_string(), "VmHWM:").context("the memory of Redis")?;
        Ok(Some(ServerUsage { processor: Usage::of(process)?.processor, peak_memory_bytes }))
    }
}
