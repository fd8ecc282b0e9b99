//! Commit times: from the blocks of the log, and from the commit marks for events that were trimmed.

use convofold_engine::Seq;

use crate::damage::Damage;
use crate::format::block::BlockHead;
use crate::format::key::BlockKey;
use crate::format::log_start::LogStart;
use crate::log::error::LogError;
use crate::log::reader::head_at_or_before;
use crate::storage::ReadStorage;

/// The times of all commits up to an event. If the log is trimmed meanwhile, blocks may be missing: ask again.
pub(crate) struct CommitTimes<'a> {
    pub(crate) storage: &'a dyn ReadStorage,
    pub(crate) start: &'a LogStart,
    pub(crate) last_seq: Seq,
}

impl CommitTimes<'_> {
    /// The commit time of this event; `None` if there is no such event.
    pub(crate) fn committed_ms(&self, seq: Seq) -> Result<Option<u64>, LogError> {
        if seq < self.start.position.seq {
            Ok(self.start.marks.committed_ms(seq).filter(|_| seq > 0))
        } else if seq <= self.last_seq {
            self.block_with(seq).map(|block| Some(block.committed_ms))
        } else {
            Ok(None)
        }
    }

    /// The commit times of these events, `None` where the log cannot be read. Reads each block once if they are in ascending
    /// order.
    pub(crate) fn committed_ms_of(&self, seqs: impl IntoIterator<Item = Seq>) -> Vec<Option<u64>> {
        let mut last: Option<BlockHead> = None;
        let mut time_of = |seq: Seq| {
            if seq < self.start.position.seq || seq > self.last_seq {
                return self.committed_ms(seq).ok().flatten();
            }
            if last.as_ref().is_none_or(|head| !(head.first_seq..head.end_seq()).contains(&seq)) {
                last = self.block_with(seq).ok();
            }
            last.as_ref().map(|head| head.committed_ms)
        };
        seqs.into_iter().map(&mut time_of).collect()
    }

    /// The last event that was committed at this time or before; `None` if there is none.
    pub(crate) fn seq_at(&self, ms: u64) -> Result<Option<Seq>, LogError> {
        let mut known = self.start.marks.seq_at(ms);
        if self.start.marks.last().is_some_and(|last| last.committed_ms > ms) {
            return Ok(known);
        }
        let (mut low, mut high) = (self.start.position.seq, self.last_seq.saturating_add(1));
        while low < high {
            let block = self.block_with(low + (high - low) / 2)?;
            if block.committed_ms <= ms {
                known = Some(block.end_seq() - 1);
                low = block.end_seq();
            } else {
                high = block.first_seq;
            }
        }
        Ok(known)
    }

    /// The commit time of the first event; `None` if there is none.
    pub(crate) fn first_ms(&self) -> Result<Option<u64>, LogError> {
        match self.start.marks.first() {
            Some(first) => Ok(Some(first.committed_ms)),
            None => self.committed_ms(self.start.position.seq),
        }
    }

    fn block_with(&self, seq: Seq) -> Result<BlockHead, LogError> {
        let head = head_at_or_before(self.storage, BlockKey { first_seq: seq, block_no: u64::MAX })?;
        let missing = LogError::Damaged { block_no: head.map_or(0, |head| head.block_no), seq, why: Damage::Missing };
        head.filter(|head| (head.first_seq..head.end_seq()).contains(&seq)).ok_or(missing)
    }
}

/// The time of the last commit, in milliseconds since the epoch; 0 if there is none.
pub(crate) fn last_committed_ms(storage: &dyn ReadStorage, start: &LogStart) -> Result<u64, LogError> {
    let last = head_at_or_before(storage, BlockKey { first_seq: u64::MAX, block_no: u64::MAX })?;
    let dropped = start.marks.last().map_or(0, |mark| mark.committed_ms);
    Ok(last.map_or(0, |head| head.committed_ms).max(dropped))
}
