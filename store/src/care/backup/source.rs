//! The bytes of a backup, from an open database or from the process that holds it.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use convofold_engine::{FOLD_VERSION, Seq};
use parking_lot::RwLockReadGuard;

use super::writer::BackupWriter;
use super::{BackupError, BackupFile, Progress, Step};
use crate::api::handle::Convofold;
use crate::checkpoint::recorded::recorded_hashes;
use crate::damage::Damage;
use crate::format::backup::BackupHeader;
use crate::format::block::LogPosition;
use crate::format::erasures::StoredErasure;
use crate::format::frame::Compressor;
use crate::format::key::BlockKey;
use crate::format::log_start::LogStart;
use crate::format::marks::Marks;
use crate::format::numbered::Numbered;
use crate::log::error::LogError;
use crate::log::reader::{LogReader, block_at_or_before};
use crate::state::base::{base_count, each_base_image};
use crate::state::lent_storage::LentStorage;
use crate::state::records::{read, read_all};
use crate::state::retention::Removals;
use crate::state::snapshot::Snapshot;
use crate::storage::ReadStorage;

/// Where a backup comes from: an open database, or a connection to the process that holds one.
pub trait BackupSource {
    /// Writes the bytes of a backup; `since` is the earlier backup that it continues. `file` is the name of the new file,
    /// for errors.
    ///
    /// # Errors
    /// [`BackupError`] if the bytes are incomplete.
    fn write_backup(
        &self,
        file: &Path,
        since: Option<&BackupFile>,
        out: &mut dyn Write,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<(), BackupError>;
}

impl BackupSource for Convofold {
    fn write_backup(
        &self,
        file: &Path,
        since: Option<&BackupFile>,
        out: &mut dyn Write,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<(), BackupError> {
        let since = since.map(|since| (since.place(), since.path()));
        self.begin_backup(since)?.write(file, out, on_progress)
    }
}

/// The log position at which a backup ends. As text: block number, seq and checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupPlace(LogPosition);

impl fmt::Display for BackupPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LogPosition { block_no, seq, chain } = self.0;
        write!(f, "{block_no}-{seq}-{chain:032x}")
    }
}

impl FromStr for BackupPlace {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let mut parts = text.splitn(3, '-');
        let number = |part: Option<&str>| part?.parse().ok().filter(|number| (1..=MAX_NUMBER).contains(number));
        let (block_no, seq) = (number(parts.next()), number(parts.next()));
        let chain = parts.next().and_then(|chain| u128::from_str_radix(chain, 16).ok());
        match (block_no, seq, chain) {
            (Some(block_no), Some(seq), Some(chain)) => Ok(Self(LogPosition { block_no, seq, chain })),
            _ => Err(InvalidPlace),
        }
    }
}

/// Larger than any number of a real log.
const MAX_NUMBER: u64 = 1 << 62;

/// A text that is not the end of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected BLOCK-SEQ-CHECKSUM, where a backup ends")]
pub struct InvalidPlace;

impl BackupFile {
    /// The log position at which it ends.
    #[must_use]
    pub fn place(&self) -> BackupPlace {
        BackupPlace(self.end())
    }
}

/// A backup whose contents are fixed. Until it is dropped, the log is not trimmed.
pub struct RunningBackup<'a> {
    db: &'a Convofold,
    storage: Arc<dyn ReadStorage>,
    snapshot: Snapshot,
    start: LogStart,
    /// Where it begins, if it is incremental.
    since: Option<LogPosition>,
    _log_in_use: RwLockReadGuard<'a, ()>,
}

impl fmt::Debug for RunningBackup<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningBackup").field("since", &self.since).finish_non_exhaustive()
    }
}

impl Convofold {
    /// Begins a backup of the state of the database at one moment after the call; [`RunningBackup::write`] writes it.
    /// With `since` it contains only the events after that place; the path is that of the earlier backup, for errors.
    /// [`Convofold::backup`] writes a file and checks it.
    ///
    /// # Errors
    /// [`BackupError`] if the log does not contain that place, or the database is closed.
    pub fn begin_backup(&self, since: Option<(BackupPlace, &Path)>) -> Result<RunningBackup<'_>, BackupError> {
        // Before the snapshot, so that no trim drops a part of the log that it needs. The storage is lent afterwards: an erasure
        // replaces it before it frees the log.
        let log_in_use = self.shared().log_in_use.read();
        let storage: Arc<dyn ReadStorage> = LentStorage::of(self.shared());
        let start = LogStart::clone(&self.shared().log_start.read());
        let snapshot = self.snapshot()?;
        if let Some((BackupPlace(place), path)) = since {
            expect_place(storage.as_ref(), start.position, place, path, &snapshot)?;
        }
        let since = since.map(|(BackupPlace(place), _)| place);
        Ok(RunningBackup { db: self, storage, snapshot, start, since, _log_in_use: log_in_use })
    }
}

impl RunningBackup<'_> {
    /// The seq of the last event in the backup.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        self.snapshot.position.last_seq()
    }

    /// Writes the bytes of the backup file. `file` is its name, for errors.
    ///
    /// # Errors
    /// [`BackupError`] if the bytes are incomplete.
    pub fn write(
        self,
        file: &Path,
        out: &mut dyn Write,
        on_progress: &mut dyn FnMut(Progress),
    ) -> Result<(), BackupError> {
        let Self { db, storage, snapshot, start, since, .. } = self;
        let base_seq = if since.is_none() { start.position.seq } else { 1 };
        let base_conversations = base_count(db.shared(), storage.as_ref(), base_seq)?;
        let header = BackupHeader {
            is_incremental: since.is_some(),
            base_conversations,
            begin: since.unwrap_or(start.position),
            bookmarks: if since.is_none() { start.bookmarks } else { [].into() },
            marks: if since.is_none() { start.marks } else { Marks::NONE },
        };
        let mut compressor = Compressor::new().map_err(BackupError::io("creating a compressor for", file))?;
        let mut writer = BackupWriter::new(out, &mut compressor, file);
        writer.begin(&header)?;
        let base = each_base_image(db.shared(), storage.as_ref(), base_seq, base_conversations);
        writer.base(base, db.shared().options.bounds.part_bytes)?;
        // What cannot be read is lost anyway, and no reason against a backup.
        let (mut recorded, _) = recorded_hashes(storage.as_ref())?;
        // The hash of the last event of the base can have been recorded after the base was written.
        let first_seq = if since.is_none() { 0 } else { header.begin.seq.saturating_sub(1) };
        recorded.retain(|hash| (first_seq..=snapshot.position.last_seq()).contains(&hash.seq));
        let records = read_all(storage.as_ref())?;
        let mut log = LogReader::new(storage, header.begin);
        copy_log(&mut log, &snapshot, &mut writer, on_progress)?;
        writer.end(&snapshot, recorded, records, FOLD_VERSION)
    }
}

/// Copies the blocks up to the snapshot.
fn copy_log(
    log: &mut LogReader,
    snapshot: &Snapshot,
    out: &mut BackupWriter<'_>,
    on_progress: &mut dyn FnMut(Progress),
) -> Result<(), BackupError> {
    let last_seq = snapshot.position.last_seq();
    while log.position.block_no < snapshot.position.block_no {
        let LogPosition { block_no, seq, .. } = log.position;
        let missing = LogError::Damaged { block_no, seq, why: Damage::Missing };
        let (_, value) = log.next_with_value()?.ok_or(missing)?;
        out.block(&value)?;
        on_progress(Progress { step: Step::Write, seq: log.position.last_seq(), last_seq });
    }
    if log.position == snapshot.position {
        return Ok(());
    }
    let why = Damage::Checksum { expected: snapshot.position.chain, found: log.position.chain };
    Err(LogError::Damaged { block_no: snapshot.position.block_no - 1, seq: last_seq, why }.into())
}

/// Checks that this log contains the position at which an earlier backup ends.
fn expect_place(
    storage: &dyn ReadStorage,
    start: LogPosition,
    place: LogPosition,
    since: &Path,
    snapshot: &Snapshot,
) -> Result<(), BackupError> {
    if place.block_no < start.block_no {
        let (seq, first_seq) = (place.last_seq(), start.seq);
        return Err(BackupError::Dropped { since: since.to_owned(), seq, first_seq });
    }
    let has_place = if place == start {
        true
    } else if place.block_no <= snapshot.position.block_no && place.seq <= snapshot.position.seq {
        // The only block that can end there.
        let before = BlockKey { first_seq: place.seq, block_no: place.block_no - 1 };
        block_at_or_before(storage, before)?.is_some_and(|block| block.end() == place)
    } else {
        false
    };
    if has_place {
        return Ok(());
    }
    let (since, seq) = (since.to_owned(), place.last_seq());
    let erasures: Numbered<StoredErasure> = read(storage)?;
    let erased = erasures.into_iter().rfind(|(_, erasure)| erasure.last_seq >= seq);
    let run = Removals::load(storage)?.rewritten_after(seq);
    Err(match (erased, run) {
        (Some((number, _)), _) => BackupError::Erased { since, seq, number },
        (None, Some(number)) => BackupError::Retained { since, seq, number },
        (None, None) => BackupError::Diverged { since, seq },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let place = BackupPlace(LogPosition { block_no: 7, seq: 90, chain: 0xab });
        assert_eq!(place.to_string(), "7-90-000000000000000000000000000000ab");
        assert_eq!(place.to_string().parse(), Ok(place));
        for other in ["", "7-90", "0-1-0", "1-0-0", "7-90-x", "7-90-0-1", "18446744073709551615-1-0"] {
            assert_eq!(other.parse::<BackupPlace>(), Err(InvalidPlace), "{other}");
        }
    }
}
