//! Queries. They are answered from memory and never wait for a disk (rule Q5), except queries about one evicted
//! conversation.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use convofold_engine::{
    AgentLoad, Arrivals, Board, Conflict, ConversationRow, HistoryEntry, Index, Moment, Newest, Page, Query,
    QueryError, Seq, State, StateHash, Step, Totals,
};

use crate::api::handle::Convofold;
use crate::api::sorted_lines::SortedLines;
use crate::conversations::archive::{ArchiveReader, alone, damaged, state_of};
use crate::state::lent_storage::{LentStorage, MayBeReplaced, until_current};
use crate::storage::StorageError;

/// Number of conversations whose states are taken under one lock.
const EXPORT_SLICE: usize = 256;
/// Size of the buffer before the output of an export.
const EXPORT_BUFFER_BYTES: usize = 64 << 10;

/// The size of an export of conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ExportReport {
    /// Number of conversations; each is one line.
    pub conversations: u64,
    /// Number of bytes, including line feeds.
    pub bytes: u64,
}

/// Why a query about many conversations cannot be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The query is invalid.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A conversation could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl MayBeReplaced for PageError {
    fn is_replaced(&self) -> bool {
        matches!(self, Self::Storage(error) if error.is_replaced())
    }
}

/// Answers reflect every event that was acknowledged before the query (rule Q5), even if it is only
/// [`Durability::Buffered`](crate::Durability::Buffered).
impl Convofold {
    /// Returns the state of one conversation (rule Q1); `None` if there is no such conversation.
    ///
    /// An evicted conversation ([`Options::memory_bytes`](crate::Options::memory_bytes)) is read from its page. The
    /// same applies to [`Convofold::history`] and [`Convofold::arrivals`].
    ///
    /// # Errors
    /// [`StorageError`] if the conversation is evicted and its page cannot be read, [`StorageError::Closed`] if it is
    /// evicted and the database was closed.
    pub fn state(&self, id: &str) -> Result<Option<State>, StorageError> {
        self.about(id, |board| board.state(id))
    }

    /// Returns one conversation, open or closed, as lists show it; `None` if there is no such conversation. Without its last
    /// message.
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn row(&self, id: &str) -> Result<Option<ConversationRow>, StorageError> {
        self.about(id, |board| board.row(id))
    }

    /// Returns every event of one conversation, in the order in which they happened (rule Q1).
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, StorageError> {
        self.about(id, |board| board.history(id))
    }

    /// Returns one conversation as lists showed it after each of its events with a later time than `since_ms`, and as of that
    /// time. The conversation at a time is the last of them up to that time: the fold of all of its events up to that time,
    /// late ones included.
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn course(&self, id: &str, since_ms: i64) -> Result<Option<Vec<Step>>, StorageError> {
        let course = self.about(id, |board| board.course(id, since_ms))?;
        course.map(|course| course.steps().map_err(damaged)).transpose()
    }

    /// Returns the conflicts of one conversation: the events that have the identity of another event, but different
    /// content (rule I2). [`Convofold::scan_conflicts`] returns those of all conversations.
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn conflicts(&self, id: &str) -> Result<Option<Vec<Conflict>>, StorageError> {
        self.about(id, |board| board.conflicts(id))
    }

    /// Returns how the events of one conversation arrived (rule F12).
    ///
    /// # Errors
    /// As for [`Convofold::state`].
    pub fn arrivals(&self, id: &str) -> Result<Option<Arrivals>, StorageError> {
        self.about(id, |board| board.arrivals(id))
    }

    /// Calls `look` on a board that contains the conversation, whether it is in memory or evicted.
    fn about<T>(&self, id: &str, look: impl Fn(&Board) -> Option<T>) -> Result<Option<T>, StorageError> {
        until_current(|| {
            let storage = LentStorage::of(self.shared());
            ArchiveReader::new(&self.shared().archive, storage.as_ref()).look(&self.shared().live, id, &look)
        })
    }

    /// Returns one page of conversations (rule Q2).
    ///
    /// Open conversations, and closed ones that are unanswered after their close, are answered from memory. Other queries
    /// also read the search index and the conversations that it finds. A page of one member, number, agent, tenant or
    /// period reads little else; a query without any of them, without a limit, or with [`Sort::Waiting`] can read all
    /// conversations.
    ///
    /// [`Sort::Waiting`]: convofold_engine::Sort::Waiting
    ///
    /// # Errors
    /// [`PageError`] if the cursor was made with another sort order, or a conversation cannot be read.
    pub fn query(&self, query: &Query) -> Result<Page, PageError> {
        self.query_matching(query, |_| true)
    }

    /// Like [`Convofold::query`], with a condition of the caller. `is_wanted` must not call the database.
    ///
    /// # Errors
    /// As for [`Convofold::query`].
    pub fn query_matching(
        &self,
        query: &Query,
        is_wanted: impl Fn(&ConversationRow) -> bool,
    ) -> Result<Page, PageError> {
        if query.is_in_index() {
            return Ok(self.shared().live.index().query_matching(query, is_wanted)?);
        }
        self.find(query, is_wanted)
    }

    /// Calls `look` with the index of all conversations after exactly one event, and the sequence number of that event, so
    /// that all answers of the index are about the same moment. The event need not be durable yet.
    ///
    /// It waits for the batches that are being applied, but not for the disk. The writer waits for `look`, which must not
    /// call the database.
    pub fn with_index<T>(&self, look: impl FnOnce(Seq, &Index) -> T) -> T {
        let (seq, index) = self.shared().live.index_at();
        look(seq, &index)
    }

    /// Like [`Convofold::query`], with the last text of every conversation ([`ConversationRow::last_message`]).
    ///
    /// Unlike other queries about many conversations, it reads the pages of those that are evicted. A text can be newer
    /// than the other fields of its row.
    ///
    /// [`ConversationRow::last_message`]: convofold_engine::ConversationRow::last_message
    ///
    /// # Errors
    /// [`PageError`] if the cursor was made with another sort order, or a conversation cannot be read.
    pub fn query_with_last_messages(&self, query: &Query) -> Result<Page, PageError> {
        let mut page = self.query(query)?;
        for row in &mut page.rows {
            let last_message = self.state(row.id())?.and_then(|state| state.last_message);
            Arc::make_mut(row).last_message = last_message.map(Box::new);
        }
        Ok(page)
    }

    /// Returns the open conversations and the unread messages of every agent of every tenant (rule Q3).
    #[must_use]
    pub fn agents(&self) -> Vec<AgentLoad> {
        self.shared().live.index().agents()
    }

    /// Returns the time of the newest event in milliseconds since the epoch (rule T1), as "now" for a log of the past;
    /// `None` if there are no conversations.
    ///
    /// Events whose own time is more than a day after their `occurred`, and closes without a usable time (T3), count only
    /// if there are no others. Answered from memory, except after a conflict (I2) removed the newest event: then all
    /// conversations are read.
    ///
    /// # Errors
    /// [`StorageError`] if an evicted conversation cannot be read.
    pub fn latest_at(&self) -> Result<Option<i64>, StorageError> {
        let shared = self.shared();
        if let Some(newest) = shared.live.index().newest() {
            return Ok(Some(newest.at_ms()));
        }
        until_current(|| self.latest_of_all())
    }

    /// The time of the newest event of all conversations.
    fn latest_of_all(&self) -> Result<Option<i64>, StorageError> {
        let shared = self.shared();
        let storage = LentStorage::of(shared);
        let mut reader = ArchiveReader::new(&shared.archive, storage.as_ref());
        let mut newest = None;
        let slots = shared.live.board().slot_count();
        for slot in 0..slots {
            let here = shared.live.board().outline(slot);
            let outline =
                here.map_or_else(|| Ok(alone(reader.image(slot)?)?.outline(0)), |outline| Ok(Some(outline)))?;
            newest = newest.max(outline.map(|outline| outline.newest()));
        }
        storage.expect_current()?;
        Ok(newest.map(Newest::at_ms))
    }

    /// Returns counts per tenant and channel (rule Q3).
    #[must_use]
    pub fn totals(&self) -> Vec<Totals> {
        self.shared().live.index().totals()
    }

    /// Returns the state hash (rule H1). It hashes the conversations that changed since the last call, at a few hundred
    /// thousand per second; the writer and other queries wait for it.
    #[must_use]
    pub fn state_hash(&self) -> StateHash {
        self.shared().live.board_mut().state_hash()
    }

    /// The sequence number of the last event, and the state hash of exactly the events up to it. Waits until the events that are
    /// being applied are published together with their number.
    ///
    /// # Errors
    /// As for [`Convofold::state`], after a failed write: then memory may have events that the log lacks, so all conversations
    /// are read.
    pub fn seq_and_hash(&self) -> Result<(Seq, StateHash), StorageError> {
        let shared = self.shared();
        let applying = shared.live.applying();
        if shared.poisoned().is_none() {
            return Ok((self.last_seq(), shared.live.board_mut().state_hash()));
        }
        drop(applying);
        let view = self.at(Moment::LATEST);
        Ok((view.seq(), view.state_hash()?))
    }

    /// Returns the value of a bookmark as of the last committed batch that set it; `None` if it is not set.
    #[must_use]
    pub fn bookmark(&self, name: &str) -> Option<Vec<u8>> {
        self.shared().bookmarks.read().get(name).cloned()
    }

    /// Returns all bookmarks, sorted by name.
    #[must_use]
    pub fn bookmarks(&self) -> Vec<(String, Vec<u8>)> {
        self.shared().bookmarks.read().iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// Writes every conversation as one line of JSON, sorted by id (rule H2).
    ///
    /// Each line is a state that the conversation had during the export. If no batch is committed meanwhile, the export
    /// is one state of the database. Otherwise it lacks conversations that were created after it began, and later lines
    /// can be newer than earlier ones. No other operation waits for `out`. If conversations are evicted, the lines are
    /// sorted in a temporary file.
    ///
    /// # Errors
    /// The error of `out` or of the temporary file, or of reading an evicted conversation; [`StorageError::Replaced`] in an
    /// [`io::Error`] if conversations were erased during the export.
    pub fn export(&self, out: &mut impl Write) -> io::Result<ExportReport> {
        let storage = LentStorage::of(self.shared());
        let mut lines = Lines { out: BufWriter::with_capacity(EXPORT_BUFFER_BYTES, out), bytes: 0 };
        let (ids, all) = {
            let board = self.shared().live.board();
            (board.ids(), board.len())
        };
        let conversations = if ids.len() == all {
            self.write_lines_of(&ids, &mut lines)?
        } else {
            self.sorted_lines(&storage)?.write_to(&mut lines)?
        };
        storage.expect_current().map_err(io::Error::other)?;
        lines.flush()?;
        Ok(ExportReport { conversations, bytes: lines.bytes })
    }

    /// Writes the lines of resident conversations. Returns their number.
    fn write_lines_of(&self, ids: &[Arc<str>], out: &mut impl Write) -> io::Result<u64> {
        let mut count = 0;
        for ids in ids.chunks(EXPORT_SLICE) {
            let states: Vec<Option<State>> = {
                let board = self.shared().live.board();
                ids.iter().map(|id| board.state(id)).collect()
            };
            for (id, state) in ids.iter().zip(states) {
                // The conversation may have been evicted meanwhile.
                let state = state.map_or_else(|| self.state(id), |state| Ok(Some(state))).map_err(io::Error::other)?;
                if let Some(state) = state {
                    state.write_export_line(&mut *out)?;
                    out.write_all(b"\n")?;
                    count += 1;
                }
            }
        }
        Ok(count)
    }

    /// The lines of all conversations, in memory or evicted.
    fn sorted_lines(&self, storage: &LentStorage) -> io::Result<SortedLines> {
        let shared = self.shared();
        let mut reader = ArchiveReader::new(&shared.archive, storage);
        let mut lines = SortedLines::new(shared.options.bounds.sorted_bytes);
        let slots = shared.live.board().slot_count();
        for slot in 0..slots {
            let here = {
                let board = shared.live.board();
                board.id(slot).and_then(|id| board.state(id))
            };
            // If it was reloaded meanwhile, the page still has its state of a moment ago.
            let state = here.map_or_else(|| state_of(reader.image(slot)?), Ok).map_err(io::Error::other)?;
            lines.push(state.id.as_bytes(), |line| state.write_export_line(line))?;
        }
        Ok(lines)
    }
}

/// Counts the bytes of an export, and collects the short pieces of its lines.
struct Lines<W: Write> {
    out: BufWriter<W>,
    bytes: u64,
}

impl<W: Write> Write for Lines<W> {
    /// Lines are written in many short pieces.
    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
