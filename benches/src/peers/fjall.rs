//! fjall: log-structured merge trees with one journal, durable at the end.

use std::path::Path;

use anyhow::{Context, Result};
use convofold::Event;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};

use super::fold::{Changed, Identity, Tables};
use super::row::{Entry, Row};
use crate::outcome::Answers;

pub(super) struct Fjall {
    database: Database,
    log: Keyspace,
    known: Keyspace,
    conversations: Keyspace,
    /// Agent, 0, last active, id.
    open_by_agent: Keyspace,
    next_seq: u64,
    batch: Option<OwnedWriteBatch>,
}

impl Fjall {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let database = Database::builder(folder.join("peer.fjall")).cache_size(1 << 30).open()?;
        let keyspace = |name: &str| database.keyspace(name, KeyspaceCreateOptions::default);
        let log = keyspace("log")?;
        let last = log.last_key_value().map(fjall::Guard::key).transpose()?;
        let last = last.map(|key| anyhow::Ok(u64::from_be_bytes(key.as_ref().try_into()?))).transpose()?;
        Ok(Self {
            known: keyspace("known")?,
            conversations: keyspace("conversations")?,
            open_by_agent: keyspace("open_by_agent")?,
            next_seq: last.unwrap_or_default() + 1,
            log,
            database,
            batch: None,
        })
    }
}

fn open_key(id: &str, row: &Row) -> Vec<u8> {
    let agent = row.agent.as_deref().unwrap_or_default();
    [agent.as_bytes(), &[0], &row.last_active_at.to_be_bytes(), id.as_bytes()].concat()
}

impl Tables for Fjall {
    fn append(&mut self, events: &[(Identity, &Event)]) -> Result<Vec<bool>> {
        let mut batch = self.database.batch();
        let mut is_new = Vec::with_capacity(events.len());
        for (identity, event) in events {
            let is_known = self.known.contains_key(identity)?;
            if !is_known {
                batch.insert(&self.known, identity.as_slice(), []);
                batch.insert(&self.log, self.next_seq.to_be_bytes(), Entry::encode(event)?);
                self.next_seq += 1;
            }
            is_new.push(!is_known);
        }
        self.batch = Some(batch);
        Ok(is_new)
    }

    fn rows(&mut self, ids: &[&str]) -> Result<Vec<Option<Row>>> {
        let row = |id: &&str| self.conversations.get(id)?.map(|row| Row::decode(&row)).transpose();
        ids.iter().map(row).collect()
    }

    fn commit(&mut self, conversations: &[Changed<'_>]) -> Result<()> {
        let mut batch = self.batch.take().context("a batch was begun")?;
        for Changed { id, before, after } in conversations {
            batch.insert(&self.conversations, *id, after.encode()?);
            if let Some(row) = before.as_ref().filter(|row| row.open) {
                batch.remove(&self.open_by_agent, open_key(id, row));
            }
            if after.open {
                batch.insert(&self.open_by_agent, open_key(id, after), []);
            }
        }
        Ok(batch.commit()?)
    }

    fn settle(&mut self) -> Result<()> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }

    fn compact(&mut self) -> Result<()> {
        let keyspaces = [&self.log, &self.known, &self.conversations, &self.open_by_agent];
        keyspaces.into_iter().try_for_each(|keyspace| Ok(keyspace.major_compact()?))
    }

    fn answers(&mut self) -> Result<Answers> {
        let mut answers = Answers { events: self.log.len()? as u64, ..Answers::default() };
        for entry in self.conversations.iter() {
            let (id, row) = entry.into_inner()?;
            answers.add(Row::decode(&row)?.known(std::str::from_utf8(&id)?));
        }
        Ok(answers)
    }
}
