//! redb: a B-tree in one file, copy on write, every commit durable.

use std::path::Path;

use anyhow::{Context, Result};
use convofold::Event;
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};

use super::fold::{Changed, Identity, Tables};
use super::row::{Entry, Row};
use crate::outcome::Answers;

const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
const KNOWN: TableDefinition<'_, &[u8; 16], ()> = TableDefinition::new("known");
const CONVERSATIONS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("conversations");
/// Agent, last active, id; the agent is empty if none is assigned.
const OPEN: TableDefinition<'_, (&str, i64, &str), ()> = TableDefinition::new("open_by_agent");

pub(super) struct Redb {
    database: Database,
    next_seq: u64,
    open: Option<WriteTransaction>,
}

impl Redb {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let database = Database::builder().set_cache_size(1 << 30).create(folder.join("peer.redb"))?;
        let transaction = database.begin_write()?;
        let next_seq = transaction.open_table(LOG)?.len()? + 1;
        transaction.open_table(KNOWN)?;
        transaction.open_table(CONVERSATIONS)?;
        transaction.open_table(OPEN)?;
        transaction.commit()?;
        Ok(Self { database, next_seq, open: None })
    }
}

impl Tables for Redb {
    fn append(&mut self, events: &[(Identity, &Event)]) -> Result<Vec<bool>> {
        let transaction = self.database.begin_write()?;
        let mut is_new = Vec::with_capacity(events.len());
        {
            let (mut log, mut known) = (transaction.open_table(LOG)?, transaction.open_table(KNOWN)?);
            for (identity, event) in events {
                let is_known = known.insert(identity, ())?.is_some();
                if !is_known {
                    log.insert(self.next_seq, Entry::encode(event)?.as_slice())?;
                    self.next_seq += 1;
                }
                is_new.push(!is_known);
            }
        }
        self.open = Some(transaction);
        Ok(is_new)
    }

    fn rows(&mut self, ids: &[&str]) -> Result<Vec<Option<Row>>> {
        let table = self.open.as_ref().context("a transaction is open")?.open_table(CONVERSATIONS)?;
        let row = |id: &&str| table.get(*id)?.map(|row| Row::decode(row.value())).transpose();
        ids.iter().map(row).collect()
    }

    fn commit(&mut self, conversations: &[Changed<'_>]) -> Result<()> {
        let transaction = self.open.take().context("a transaction is open")?;
        {
            let (mut rows, mut open) = (transaction.open_table(CONVERSATIONS)?, transaction.open_table(OPEN)?);
            for Changed { id, before, after } in conversations {
                rows.insert(*id, after.encode()?.as_slice())?;
                if let Some(row) = before.as_ref().filter(|row| row.open) {
                    open.remove((row.agent.as_deref().unwrap_or_default(), row.last_active_at, *id))?;
                }
                if after.open {
                    open.insert((after.agent.as_deref().unwrap_or_default(), after.last_active_at, *id), ())?;
                }
            }
        }
        Ok(transaction.commit()?)
    }

    /// Every commit is durable already.
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }

    fn compact(&mut self) -> Result<()> {
        while self.database.compact()? {}
        Ok(())
    }

    fn answers(&mut self) -> Result<Answers> {
        let transaction = self.database.begin_read()?;
        let mut answers = Answers { events: transaction.open_table(LOG)?.len()?, ..Answers::default() };
        for entry in transaction.open_table(CONVERSATIONS)?.iter()? {
            let (id, row) = entry?;
            answers.add(Row::decode(row.value())?.known(id.value()));
        }
        Ok(answers)
    }
}
