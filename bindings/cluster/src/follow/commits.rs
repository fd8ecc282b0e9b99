//! Batches that are submitted and not committed yet.

use std::collections::VecDeque;
use std::mem;

use convofold::{Batch, Convofold, Durability, Event, StateHash, Ticket, Time};

use super::bookmark::Bookmark;
use super::error::FollowError;

/// Number of batches that wait for their commit.
const IN_FLIGHT: usize = 64;
/// The maximum number of events of a batch; one message can have more.
const MAX_EVENTS: usize = 65_536;

/// The database of a partition, and the batches in its queue.
pub(super) struct Commits {
    db: Convofold,
    /// The name of the bookmark.
    name: String,
    tickets: VecDeque<Ticket>,
}

impl Commits {
    pub(super) fn new(db: Convofold, name: String) -> Self {
        Self { db, name, tickets: VecDeque::new() }
    }

    /// The bookmark in the database; `None` if there is none.
    pub(super) fn bookmark(&self) -> Result<Option<Bookmark>, FollowError> {
        let read = |value: Vec<u8>| Bookmark::from_bytes(&self.name, &value);
        Ok(self.db.bookmark(&self.name).map(read).transpose()?)
    }

    /// Submits events and the bookmark after them. Waits while the queue is full. The batches are not made durable at once:
    /// bookmark and events are lost or kept together, and the log still has what is lost.
    pub(super) fn submit(&mut self, mut events: Vec<Event>, bookmark: &Bookmark, at: Time) -> Result<(), FollowError> {
        while events.len() > MAX_EVENTS {
            let rest = events.split_off(MAX_EVENTS);
            self.send(Batch::new(mem::replace(&mut events, rest)), at)?;
        }
        self.send(Batch::new(events).bookmark(&self.name, bookmark.to_bytes()), at)
    }

    fn send(&mut self, batch: Batch, at: Time) -> Result<(), FollowError> {
        let ticket = self.db.submit(batch.durability(Durability::Buffered).committed_at(at))?;
        self.tickets.push_back(ticket);
        self.wait(IN_FLIGHT)
    }

    /// Waits until at most this number of batches is not committed.
    pub(super) fn wait(&mut self, in_flight: usize) -> Result<(), FollowError> {
        while self.tickets.len() > in_flight {
            if let Some(ticket) = self.tickets.pop_front() {
                ticket.wait()?;
            }
        }
        Ok(())
    }

    /// Returns the first failure of a batch that is committed already.
    pub(super) fn settle(&mut self) -> Result<(), FollowError> {
        while let Some(outcome) = self.tickets.front().and_then(Ticket::try_get) {
            self.tickets.pop_front();
            outcome?;
        }
        Ok(())
    }

    /// The state hash of all batches that were submitted, and what was removed from the database by then. Waits until they are
    /// committed. `None` if something is removed at this moment.
    pub(super) fn state_hash(&mut self) -> Result<Option<(StateHash, u64)>, FollowError> {
        self.wait(0)?;
        let removed = self.removed();
        let hash = self.db.state_hash();
        Ok((removed == self.removed()).then_some((hash, removed)))
    }

    /// What erasures and retention have removed from the database.
    pub(super) fn removed(&self) -> u64 {
        self.db.removed_hash()
    }

    /// Waits until everything is durable.
    pub(super) fn sync(&mut self) -> Result<(), FollowError> {
        self.wait(0)?;
        Ok(self.db.sync()?)
    }
}
