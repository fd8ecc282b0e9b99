//! Replaces the storage by one that was written again with other contents, on the writer thread.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use convofold_engine::{ConversationImage, Seq};

use crate::damage::Damage;
use crate::format::block::{Block, LogPosition, chain_again};
use crate::format::key::BlockKey;
use crate::log::error::LogError;
use crate::open::recovery::RecoveredState;
use crate::open::safety_copy::mark;
use crate::state::shared::Shared;
use crate::storage::fragment::Tree;
use crate::storage::sled::block_key;
use crate::storage::{ReadStorage, Storage, StorageError};
use crate::write::moving::{Moved, PART_BYTES};

/// A storage with other contents, to move to.
pub(crate) struct Replacement {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The folder of the storage before.
    pub(crate) before: PathBuf,
    pub(crate) storage: Arc<dyn Storage>,
    /// The number of checkpoints that had been begun when the copy was.
    pub(crate) checkpoints_begun: u64,
    /// How much of the log was copied.
    pub(crate) log: CopiedLog,
    /// What the copy contains up to there.
    pub(crate) state: RecoveredState,
    pub(crate) spoils: Spoils,
}

/// Whether what was committed while the copy was made spoils the copy: what was decided is no longer right.
pub(crate) type Spoils = Box<dyn Fn(Late<'_>) -> bool + Send>;

/// What was committed while a copy was made.
#[derive(Clone, Copy)]
pub(crate) enum Late<'a> {
    /// A conversation, as it is after events that arrived.
    Conversation(&'a ConversationImage),
    /// The name or the value of a bookmark. A block is asked about as a whole before its bookmarks are.
    Bookmark(&'a [u8]),
}

/// How much of a log was copied: the same place in both logs, whose blocks have different checksums.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CopiedLog {
    pub(crate) before: LogPosition,
    pub(crate) copy: LogPosition,
}

impl CopiedLog {
    /// Copies the blocks after it up to this event, those without events that follow it, and a part of the others, each chained to
    /// the one before it in the copy. Returns whether one of their bookmarks spoils the copy.
    pub(crate) fn go_on(
        &mut self,
        from: &dyn ReadStorage,
        to: &dyn Storage,
        last_seq: Seq,
        spoils: &Spoils,
    ) -> Result<bool, StorageError> {
        let mut is_spoilt = false;
        while self.before.seq <= last_seq.saturating_add(1) {
            let LogPosition { block_no, seq, .. } = self.before;
            let last = BlockKey { first_seq: seq, block_no: block_no.saturating_sub(1) };
            let mut entries = from.entries_after(Tree::Log, &block_key(last), PART_BYTES)?;
            if entries.is_empty() {
                break;
            }
            for (_, value) in &mut entries {
                is_spoilt = is_spoilt || has_spoiling_bookmark(value, spoils).map_err(StorageError::Value)?;
                let chain = chain_again(value, self.before.chain, &mut self.copy).map_err(StorageError::Value)?;
                self.before = LogPosition { chain, ..self.copy };
            }
            to.load(Tree::Log, &entries)?;
        }
        Ok(is_spoilt)
    }
}

/// Whether a bookmark of this block spoils the copy.
fn has_spoiling_bookmark(block: &[u8], spoils: &Spoils) -> Result<bool, Damage> {
    let spoils = |bytes: &[u8]| spoils(Late::Bookmark(bytes));
    // Bookmarks are not compressed, so few blocks are decoded.
    if !spoils(block) {
        return Ok(false);
    }
    let block = Block::open(block)?;
    let body = block.decode()?;
    Ok(body.bookmarks().iter().any(|bookmark| spoils(bookmark.name.as_bytes()) || bookmark.value.is_some_and(spoils)))
}

impl Replacement {
    /// Copies and folds what was written since, durably, and marks the storage before. `from`, whose log ends at `end`, is not
    /// changed meanwhile.
    pub(crate) fn complete(&mut self, shared: &Shared, from: &dyn Storage, end: LogPosition) -> Result<(), Moved> {
        if shared.storage.read().is_none() {
            return Err(Moved::Failed(Arc::new(StorageError::Closed)));
        }
        if shared.log_figures.checkpoints_begun.load(Ordering::SeqCst) != self.checkpoints_begun {
            return Err(Moved::Outdated);
        }
        let is_spoilt = self.catch_up(from, Seq::MAX).map_err(|error| Moved::Failed(Arc::new(error)))?;
        if is_spoilt {
            return Err(Moved::Outdated);
        }
        if self.log.before != end {
            return Err(Moved::Failed(Arc::new(StorageError::Value(Damage::Missing))));
        }
        let marked = self.storage.barrier().and_then(|()| {
            // Once HEAD names the copy, nothing else says that it is not needed.
            mark(&self.before).map_err(StorageError::io("marking the storage before"))
        });
        marked.map_err(|error| Moved::Failed(Arc::new(error)))
    }

    /// Copies and folds what was written since, up to this event, and a part of what follows. Returns whether a bookmark, or one of
    /// the conversations that changed, spoils the copy.
    pub(crate) fn catch_up(&mut self, from: &dyn ReadStorage, last_seq: Seq) -> Result<bool, StorageError> {
        let is_spoilt = self.log.go_on(from, self.storage.as_ref(), last_seq, &self.spoils)?;
        let storage: Arc<dyn ReadStorage> = self.storage.clone();
        let changed = self.state.catch_up(&storage).map_err(|error| match error {
            LogError::Damaged { why, .. } => StorageError::Value(why),
            LogError::Storage(error) => error,
        })?;
        if self.log.copy != self.state.position {
            return Err(StorageError::Value(Damage::Missing));
        }
        let board = self.state.live.board();
        let mut images = changed.iter().filter_map(|id| board.image_of(id));
        Ok(is_spoilt || images.any(|image| (self.spoils)(Late::Conversation(&image))))
    }
}
