//! Folds a batch of events in memory: each conversation is read once and written once.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use convofold::Event;

use super::Store;
use super::row::{Row, identity};
use crate::outcome::{Answers, ServerUsage};

/// Identifies an event.
pub(super) type Identity = [u8; 16];

/// A conversation before and after a batch.
pub(super) struct Changed<'a> {
    pub(super) id: &'a str,
    pub(super) before: Option<Row>,
    pub(super) after: Row,
}

/// A database of rows. All calls from `append` to `commit` are one transaction.
pub(super) trait Tables {
    /// Begins a transaction and appends events to the log, all different; returns which of them are new.
    fn append(&mut self, events: &[(Identity, &Event)]) -> Result<Vec<bool>>;
    /// The rows of these conversations.
    fn rows(&mut self, ids: &[&str]) -> Result<Vec<Option<Row>>>;
    /// Writes the changed conversations and ends the transaction.
    fn commit(&mut self, conversations: &[Changed<'_>]) -> Result<()>;
    /// Returns when everything is durable.
    fn settle(&mut self) -> Result<()>;
    /// Gives unused room back to the file system, if the database can.
    fn compact(&mut self) -> Result<()> {
        Ok(())
    }
    /// The answers at the end.
    fn answers(&mut self) -> Result<Answers>;
    /// What the server has used, if there is one.
    fn server(&self) -> Result<Option<ServerUsage>> {
        Ok(None)
    }
}

/// Folds in memory, batch by batch.
pub(super) struct Folding<T>(pub(super) T);

impl<T: Tables> Store for Folding<T> {
    fn store(&mut self, events: &[Event]) -> Result<()> {
        let mut seen = HashSet::with_capacity(events.len());
        let different = events.iter().map(|event| (identity(event), event));
        let different: Vec<_> = different.filter(|(identity, _)| seen.insert(*identity)).collect();
        let is_new = self.0.append(&different)?;
        let fresh = different.iter().zip(is_new).filter_map(|((_, event), is_new)| is_new.then_some(*event));
        let fresh: Vec<_> = fresh.collect();

        let mut places = HashMap::new();
        let mut ids = Vec::new();
        for event in &fresh {
            places.entry(event.conversation()).or_insert_with(|| {
                ids.push(event.conversation());
                ids.len() - 1
            });
        }
        let before = self.0.rows(&ids)?;
        let mut after = before.clone();
        for event in &fresh {
            let place = places.get(event.conversation()).and_then(|place| after.get_mut(*place));
            if let Some(row) = place {
                row.get_or_insert_with(|| Row::begun_by(event)).fold(event);
            }
        }
        let changed = ids.into_iter().zip(before).zip(after);
        let changed = changed.filter_map(|((id, before), after)| Some(Changed { id, before, after: after? }));
        self.0.commit(&changed.collect::<Vec<_>>())
    }

    fn settle(&mut self) -> Result<()> {
        self.0.settle()
    }

    fn compact(&mut self) -> Result<()> {
        self.0.compact()
    }

    fn answers(&mut self) -> Result<Answers> {
        self.0.answers()
    }

    fn server(&self) -> Result<Option<ServerUsage>> {
        self.0.server()
    }
}
