//! The log that is fed to the command, and the expected state after each of its beginnings.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use convofold::engine::Board;
use convofold::ingest::{Format, Ignored, Limits, Origin, Parser, Rejection, Sink};
use convofold::{Event, Seq, StateHash};
use convofold_generator::{Generator, Options};

/// A log with one event per line, all different: the event of line n is event n.
#[derive(Debug)]
pub struct Feed {
    bytes: Vec<u8>,
    /// The end of line n, at index n - 1.
    ends: Vec<usize>,
    events: Vec<Event>,
}

impl Feed {
    /// Makes a log of this number of events.
    ///
    /// # Errors
    /// If a line is not exactly one event.
    pub fn generate(events: u64, seed: u64) -> Result<Arc<Self>> {
        let mut bytes = Vec::new();
        Generator::new(Options::new().events(events).seed(seed))?.write_to(&mut bytes)?;
        let ends =
            bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect::<Vec<_>>();
        let mut found = Found::default();
        Parser::new(Format::Auto, Limits::default()).parse_input(&bytes, &mut found);
        ensure!(found.others == 0 && found.events.len() == ends.len(), "the log is not one event a line");
        Ok(Arc::new(Self { bytes, ends, events: found.events }))
    }

    /// Number of events.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.ends.len() as u64
    }

    /// Whether it has no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The lines after event `after`, up to and including event `to`.
    #[must_use]
    pub fn lines(&self, after: Seq, to: Seq) -> &[u8] {
        self.bytes.get(self.end(after)..self.end(to.min(self.len()))).unwrap_or_default()
    }

    /// The length of the log up to and including event n.
    #[must_use]
    pub fn bytes_to(&self, seq: Seq) -> Option<u64> {
        (seq <= self.len()).then(|| self.end(seq) as u64)
    }

    /// Event n.
    #[must_use]
    pub fn event(&self, seq: Seq) -> Option<&Event> {
        self.events.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    /// Writes the log to a file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        std::fs::write(path, &self.bytes).with_context(|| format!("writing {}", path.display()))
    }

    fn end(&self, seq: Seq) -> usize {
        let index = usize::try_from(seq).ok().and_then(|seq| seq.checked_sub(1));
        index.map_or(0, |index| self.ends.get(index).copied().unwrap_or(self.bytes.len()))
    }
}

#[derive(Default)]
struct Found {
    events: Vec<Event>,
    others: u64,
}

impl Sink for Found {
    fn event(&mut self, _origin: Origin, event: Event) {
        self.events.push(event);
    }

    fn ignored(&mut self, _origin: Origin, _why: Ignored) {
        self.others += 1;
    }

    fn rejected(&mut self, _rejection: Rejection) {
        self.others += 1;
    }
}

/// The fold of beginnings of a feed, computed by the engine alone.
#[derive(Debug)]
pub struct Reference {
    feed: Arc<Feed>,
    board: Board,
    folded: Seq,
}

impl Reference {
    /// Starts with no event of this feed.
    #[must_use]
    pub fn new(feed: Arc<Feed>) -> Self {
        Self { feed, board: Board::new(), folded: 0 }
    }

    /// The state hash after the events up to `seq`. Fast if `seq` is not smaller than in the call before.
    pub fn hash_after(&mut self, seq: Seq) -> StateHash {
        if seq < self.folded {
            *self = Self::new(self.feed.clone());
        }
        let mut batch = self.board.edit();
        for next in self.folded + 1..=seq {
            if let Some(event) = self.feed.event(next) {
                batch.apply(next, event);
            }
        }
        drop(batch);
        self.folded = seq;
        self.board.state_hash()
    }
}
