//! What can be compared.

use std::io::{self, Write};
use std::sync::Arc;

use convofold_engine::{ExportLine, ExportLineError, HistoryEntry, StateHash};

use crate::api::sorted_lines::SortedLines;
use crate::api::view::{Among, View};
use crate::care::backup::{BackupFileError, RestoreError};
use crate::open::error::OpenError;
use crate::storage::StorageError;

/// One side of a comparison: a database at a moment ([`View`]), an [`Export`](super::Export), a [`Backup`](super::Backup), or
/// a connection to the process that holds a database.
pub trait Side: Sync {
    /// The state hash, if it is known without reading every conversation.
    ///
    /// # Errors
    /// [`DiffError`] if the side cannot be read.
    fn known_hash(&self) -> Result<Option<StateHash>, DiffError>;

    /// Every conversation, sorted by the bytes of the ids.
    ///
    /// # Errors
    /// [`DiffError`] if the side cannot be read.
    fn conversations(&self) -> Result<Conversations<'_>, DiffError>;

    /// One conversation; `None` if the side does not have it.
    ///
    /// # Errors
    /// [`DiffError`] if the side cannot be read.
    fn conversation(&self, id: &str) -> Result<Option<ExportLine>, DiffError>;

    /// The events of one conversation, none if the side does not have it. `None` if the side does not know events.
    ///
    /// # Errors
    /// [`DiffError`] if the side cannot be read.
    fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, DiffError>;

    /// The database at a moment, if this is one that this process has open. Of two moments of one database, only the conversations
    /// that may differ are read. Default: `None`.
    fn as_view(&self) -> Option<&View> {
        None
    }
}

/// The conversations of a side.
pub type Conversations<'a> = Box<dyn Iterator<Item = Result<SideConversation, DiffError>> + Send + 'a>;

/// A conversation of a side.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SideConversation {
    /// Its id.
    pub id: Arc<str>,
    /// Its hash (rule H1).
    pub hash: StateHash,
    /// Its line, if it was read already. [`Side::conversation`] looks it up.
    pub line: Option<ExportLine>,
}

impl SideConversation {
    /// A conversation whose line is looked up if it differs.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>, hash: StateHash) -> Self {
        Self { id: id.into(), hash, line: None }
    }

    /// Its line on this side, which has it.
    pub(super) fn line_on(self, side: &dyn Side) -> Result<ExportLine, DiffError> {
        let Self { id, line, .. } = self;
        let line = line.map_or_else(|| side.conversation(&id), |line| Ok(Some(line)))?;
        line.ok_or(DiffError::Gone { id })
    }
}

impl From<ExportLine> for SideConversation {
    fn from(line: ExportLine) -> Self {
        Self { id: line.id().clone(), hash: line.hash(), line: Some(line) }
    }
}

/// Why two sides cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiffError {
    /// A conversation of a database cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The hashes of many conversations are sorted in a temporary file, and a backup is restored into a temporary folder.
    #[error("cannot use a temporary file")]
    Temporary(#[source] io::Error),
    /// An export cannot be read.
    #[error("cannot read {name}")]
    Read {
        /// The name of the export.
        name: String,
        /// The error of the operating system, or the damage.
        source: io::Error,
    },
    /// A line is not one of an export.
    #[error("{name}, line {line}")]
    Line {
        /// The name of the export.
        name: String,
        /// The number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        why: ExportLineError,
    },
    /// A line is longer than [`Export::max_line_bytes`](super::Export::max_line_bytes).
    #[error("{name}, line {line}: expected at most {max_bytes} bytes, found more")]
    LineTooLong {
        /// The name of the export.
        name: String,
        /// The number of the line, from 1.
        line: u64,
        /// The maximum length.
        max_bytes: usize,
    },
    /// An export is not sorted by the bytes of the ids (rule H2), or has two lines of one conversation.
    #[error("{name}, line {line}: expected an id after {after:?}, because an export is sorted by id, found {id:?}")]
    Order {
        /// The name of the export.
        name: String,
        /// The number of the line, from 1.
        line: u64,
        /// The id in this line.
        id: Arc<str>,
        /// The id in the line before it.
        after: Arc<str>,
    },
    /// An export is read once.
    #[error("{name} was read already, and can be read only once")]
    ReadAlready {
        /// The name of the export.
        name: String,
    },
    /// A conversation disappeared during the comparison.
    #[error("conversation {id:?} disappeared during the comparison")]
    Gone {
        /// The conversation.
        id: Arc<str>,
    },
    /// Neither side has the conversation.
    #[error("neither side has a conversation {id:?}")]
    NoConversation {
        /// The id that was asked for.
        id: Arc<str>,
    },
    /// The events of a side are needed, and it does not know them.
    #[error("expected a database, found a side without events")]
    NoEvents,
    /// A backup cannot be read.
    #[error(transparent)]
    BackupFile(#[from] BackupFileError),
    /// A backup cannot be restored into a temporary folder.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The restored backup cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The process that holds the database does not answer.
    #[error("{why}")]
    Remote {
        /// What it answered, or how the connection ended.
        why: String,
    },
}

impl Side for View {
    /// Known if the view is of now.
    fn known_hash(&self) -> Result<Option<StateHash>, DiffError> {
        if !self.has_all_tenants() || self.moment().as_of.is_some() || self.seq() != self.db().last_seq() {
            return Ok(None);
        }
        let (seq, hash) = self.db().seq_and_hash()?;
        Ok((seq == self.seq()).then_some(hash))
    }

    fn conversations(&self) -> Result<Conversations<'_>, DiffError> {
        self.hashes()
    }

    fn conversation(&self, id: &str) -> Result<Option<ExportLine>, DiffError> {
        Ok(self.state(id)?.as_ref().map(ExportLine::from))
    }

    fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, DiffError> {
        Ok(Some(self.history(id)?.unwrap_or_default()))
    }

    fn as_view(&self) -> Option<&View> {
        Some(self)
    }
}

impl View {
    /// The hashes of all conversations, sorted by the bytes of the ids.
    pub(super) fn hashes(&self) -> Result<Conversations<'static>, DiffError> {
        let mut hashes = SortedLines::new(self.db().shared().options.bounds.sorted_bytes);
        self.each(
            Among::Existing,
            |past| (past.id().clone(), StateHash::of_state(&past.state())),
            |found| {
                for found in found {
                    let (id, hash) = found?;
                    let put = hashes.push(id.as_bytes(), |line| line.write_all(&hash.to_bytes()));
                    put.map_err(DiffError::Temporary)?;
                }
                Ok::<_, DiffError>(())
            },
        )?;
        let sorted = hashes.into_entries().map_err(DiffError::Temporary)?;
        Ok(Box::new(sorted.map(|entry| {
            let (id, hash) = entry.map_err(DiffError::Temporary)?;
            let hash = hash.first_chunk().copied().map(StateHash::from_bytes).unwrap_or_default();
            Ok(SideConversation::new(String::from_utf8_lossy(&id), hash))
        })))
    }
}
