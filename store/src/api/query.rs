//! Questions: answered from memory, never waiting for a disk (spec Q5), but for those about one conversation that is not
//! in memory.

use std::io::{self, Write};
use std::sync::Arc;

use convofold_engine::{AgentLoad, Arrivals, Board, HistoryEntry, Page, Query, QueryError, State, StateHash, Totals};

use crate::api::handle::Convofold;
use crate::api::sorted_lines::SortedLines;
use crate::conversations::archive::{ArchiveReader, state_of};
use crate::state::lent_storage::LentStorage;
use crate::storage::StorageError;

/// So many conversations are put into words under one lock.
const EXPORT_SLICE: usize = 256;

/// How much was exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ExportReport {
    /// Conversations, one a line.
    pub conversations: u64,
    /// Bytes, line feeds included.
    pub bytes: u64,
}

/// Answers reflect every event that was acknowledged before the question (spec Q5), also where it is only
/// [`Durability::Buffered`](crate::Durability::Buffered).
impl Convofold {
    /// The state of one conversation (spec Q1).
    ///
    /// One that is not in memory ([`Options::memory_bytes`](crate::Options::memory_bytes)) is read from its page, here and
    /// in the two below.
    ///
    /// # Errors
    /// [`StorageError`] where it cannot be read, [`StorageError::Closed`] where the store was closed.
    pub fn state(&self, id: &str) -> Result<Option<State>, StorageError> {
        self.about(id, |board| board.state(id))
    }

    /// Every event of one conversation, in the order in which they happened (spec Q1).
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, StorageError> {
        self.about(id, |board| board.history(id))
    }

    /// How the events of one conversation arrived (spec F12).
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn arrivals(&self, id: &str) -> Result<Option<Arrivals>, StorageError> {
        self.about(id, |board| board.arrivals(id))
    }

    /// Looks at one conversation, wherever it is.
    fn about<T>(&self, id: &str, look: impl Fn(&Board) -> Option<T>) -> Result<Option<T>, StorageError> {
        let storage = LentStorage::of(self.shared());
        ArchiveReader::new(&self.shared().archive, storage.as_ref()).look(&self.shared().live, id, look)
    }

    /// A page of open conversations (spec Q2).
    ///
    /// # Errors
    /// [`QueryError`] where the cursor belongs to another order.
    pub fn query(&self, query: &Query) -> Result<Page, QueryError> {
        self.shared().live.index().query(query)
    }

    /// What every agent has to do (spec Q3).
    #[must_use]
    pub fn agents(&self) -> Vec<AgentLoad> {
        self.shared().live.index().agents()
    }

    /// Counts per tenant and channel (spec Q3).
    #[must_use]
    pub fn totals(&self) -> Vec<Totals> {
        self.shared().live.index().totals()
    }

    /// The state hash (spec H1). Conversations that changed since it was last asked for are hashed now, at some hundred
    /// thousand a second; other questions and the writer wait for that.
    #[must_use]
    pub fn state_hash(&self) -> StateHash {
        self.shared().live.board_mut().state_hash()
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
    /// further down may be newer than those above. Nobody waits for the writer given here. Where not all conversations are
    /// in memory, lines are put in order in a temporary file.
    ///
    /// # Errors
    /// What the writer says, or why a conversation that is not in memory could not be read.
    pub fn export(&self, out: &mut impl Write) -> io::Result<ExportReport> {
        let mut report = ExportReport::default();
        let mut write = |line: &str| {
            report.conversations += 1;
            report.bytes += line.len() as u64 + 1;
            out.write_all(line.as_bytes())?;
            out.write_all(b"\n")
        };
        let (ids, all) = {
            let board = self.shared().live.board();
            (board.ids(), board.len())
        };
        if ids.len() == all {
            self.lines_of(&ids, &mut write)?;
        } else {
            self.sorted_lines()?.finish(write)?;
        }
        out.flush()?;
        Ok(report)
    }

    fn lines_of(&self, ids: &[Arc<str>], write: &mut impl FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        for ids in ids.chunks(EXPORT_SLICE) {
            let lines: Vec<Option<String>> = {
                let board = self.shared().live.board();
                ids.iter().map(|id| board.state(id).map(|state| state.export_line())).collect()
            };
            for (id, line) in ids.iter().zip(lines) {
                // It may have left memory meanwhile.
                let away = || Ok::<_, StorageError>(self.state(id)?.map(|state| state.export_line()));
                let line = line.map_or_else(away, |line| Ok(Some(line))).map_err(io::Error::other)?;
                line.map_or(Ok(()), |line| write(&line))?;
            }
        }
        Ok(())
    }

    /// The lines of all conversations, wherever they are.
    fn sorted_lines(&self) -> io::Result<SortedLines> {
        let shared = self.shared();
        let storage = LentStorage::of(shared);
        let mut reader = ArchiveReader::new(&shared.archive, storage.as_ref());
        let mut lines = SortedLines::default();
        let slots = shared.live.board().slot_count();
        for slot in 0..slots {
            let here = {
                let board = shared.live.board();
                board.id(slot).and_then(|id| board.state(id))
            };
            // Where it came back meanwhile, the page tells what it was a moment ago.
            let state = here.map_or_else(|| state_of(reader.image(slot)?), Ok).map_err(io::Error::other)?;
            lines.push(&state.id, state.export_line())?;
        }
        Ok(lines)
    }
}
