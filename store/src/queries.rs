//! Questions: answered from memory, never waiting for a disk (spec Q5).

use std::io::{self, Write};
use std::sync::atomic::Ordering;

use convofold_engine::{AgentLoad, Arrivals, HistoryEntry, Page, Query, QueryError, Seq, State, StateHash, Totals};

use crate::handle::Convofold;

/// So many conversations are put into words under one lock.
const EXPORT_SLICE: usize = 256;

/// How much was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportReport {
    /// Conversations, one a line.
    pub conversations: u64,
    /// Bytes, line feeds included.
    pub bytes: u64,
}

/// Figures about a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// All conversations.
    pub conversations: u64,
    /// The open ones.
    pub open: u64,
    /// The first event that the log has, or will have: 1, unless its beginning was dropped.
    pub first_seq: Seq,
    /// The last event in the log; 0 where there is none.
    pub last_seq: Seq,
    /// The last event that survives a power cut.
    pub durable_seq: Seq,
    /// Blocks in the log.
    pub blocks: u64,
    /// What the log takes, compressed, before sled's overhead.
    pub log_bytes: u64,
    /// The last event in the last checkpoint; 0 where there is none.
    pub checkpoint_seq: Seq,
    /// What the store takes on the disk; 0 where it is closed.
    pub disk_bytes: u64,
}

/// Answers reflect every event that was acknowledged before the question (spec Q5), also where it is only
/// [`Durability::Buffered`](crate::Durability::Buffered).
impl Convofold {
    /// The state of one conversation (spec Q1).
    #[must_use]
    pub fn state(&self, id: &str) -> Option<State> {
        self.shared().board.read().state(id)
    }

    /// Every event of one conversation, in the order in which they happened (spec Q1).
    #[must_use]
    pub fn history(&self, id: &str) -> Option<Vec<HistoryEntry>> {
        self.shared().board.read().history(id)
    }

    /// How the events of one conversation arrived (spec F12).
    #[must_use]
    pub fn arrivals(&self, id: &str) -> Option<Arrivals> {
        self.shared().board.read().arrivals(id)
    }

    /// A page of open conversations (spec Q2).
    ///
    /// # Errors
    /// [`QueryError`] where the cursor belongs to another order.
    pub fn query(&self, query: &Query) -> Result<Page, QueryError> {
        self.shared().board.read().query(query)
    }

    /// What every agent has to do (spec Q3).
    #[must_use]
    pub fn agents(&self) -> Vec<AgentLoad> {
        self.shared().board.read().agents()
    }

    /// Counts per tenant and channel (spec Q3).
    #[must_use]
    pub fn totals(&self) -> Vec<Totals> {
        self.shared().board.read().totals()
    }

    /// The state hash (spec H1). Conversations that changed since it was last asked for are hashed now, at some hundred
    /// thousand a second; other questions and the writer wait for that.
    #[must_use]
    pub fn state_hash(&self) -> StateHash {
        self.shared().board.write().state_hash()
    }

    /// The value of a bookmark, as of the last batch that set it.
    #[must_use]
    pub fn bookmark(&self, name: &str) -> Option<Vec<u8>> {
        self.shared().bookmarks.read().get(name).cloned()
    }

    /// All bookmarks, by name.
    #[must_use]
    pub fn bookmarks(&self) -> Vec<(String, Vec<u8>)> {
        self.shared().bookmarks.read().iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Writes every conversation as a line of JSON, sorted by id (spec H2).
    ///
    /// Each line is a state that the conversation had during the export. Where nothing is submitted meanwhile, the whole
    /// is one state of the store; otherwise conversations that came after the export began are not in it, and lines
    /// further down may be newer than those above. Nobody waits for the writer given here.
    ///
    /// # Errors
    /// What the writer says.
    pub fn export(&self, out: &mut impl Write) -> io::Result<ExportReport> {
        let ids = self.shared().board.read().ids();
        let mut report = ExportReport::default();
        for ids in ids.chunks(EXPORT_SLICE) {
            let lines: Vec<String> = {
                let board = self.shared().board.read();
                ids.iter().filter_map(|id| board.state(id)).map(|state| state.export_line()).collect()
            };
            for line in lines {
                out.write_all(line.as_bytes())?;
                out.write_all(b"\n")?;
                report.conversations += 1;
                report.bytes += line.len() as u64 + 1;
            }
        }
        out.flush()?;
        Ok(report)
    }

    /// Figures about the store. This one does look at the disk.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let shared = self.shared();
        let (conversations, open) = {
            let board = shared.board.read();
            (board.len() as u64, board.open_len() as u64)
        };
        let log_start = shared.log_start.read().clone();
        let disk_bytes = shared.storage.read().as_ref().and_then(|storage| storage.disk_bytes().ok());
        Stats {
            conversations,
            open,
            first_seq: log_start.tail.seq,
            last_seq: shared.counters.last_seq.load(Ordering::Relaxed),
            durable_seq: shared.durable.lock().seq,
            blocks: (shared.counters.blocks.load(Ordering::Relaxed) + 1).saturating_sub(log_start.tail.block_no),
            log_bytes: shared.counters.log_bytes.load(Ordering::Relaxed).saturating_sub(log_start.dropped_bytes),
            checkpoint_seq: shared.counters.checkpoint_seq.load(Ordering::Relaxed),
            disk_bytes: disk_bytes.unwrap_or_default(),
        }
    }
}
