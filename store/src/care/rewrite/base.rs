//! What is copied: a checkpoint that can be used, and the log up to it.

use crate::checkpoint::error::LoadError;
use crate::checkpoint::record::{generations, position_of, read_record};
use crate::format::block::LogPosition;
use crate::format::log_start::LogStart;
use crate::format::page_head::PageEntry;
use crate::open::recovery::RecoveredState;
use crate::state::shared::Shared;
use crate::storage::ReadStorage;

/// The newest checkpoint of a storage, and the beginning of its log.
pub(crate) struct Base {
    pub(crate) generation: u64,
    pub(crate) start: LogStart,
    /// The end of the log in the checkpoint.
    pub(crate) position: LogPosition,
    pub(crate) pages: Vec<PageEntry>,
}

impl Base {
    /// That of a closed database; `None` if its newest checkpoint cannot be used or does not contain all of its log.
    pub(crate) fn of(state: &RecoveredState) -> Option<Self> {
        let generation = state.saved_generation()?;
        let pages = state.archive.with_pages(<[_]>::to_vec);
        Some(Self { generation, start: state.start.clone(), position: state.position, pages })
    }

    /// That of an open database, while no checkpoint is written; `None` if there is none.
    pub(crate) fn of_open(shared: &Shared, storage: &dyn ReadStorage) -> Result<Option<Self>, LoadError> {
        let Some(generation) = generations(storage)?.last().copied() else { return Ok(None) };
        let position = position_of(&read_record(storage, generation)?);
        let pages = shared.archive.with_pages(<[_]>::to_vec);
        let start = LogStart::clone(&shared.log_start.read());
        Ok(Some(Self { generation, start, position, pages }))
    }
}
