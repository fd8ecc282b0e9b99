//! A backup file: its contents and its check.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use convofold_engine::{Seq, StateHash};

use super::check::check;
use super::reader::{BackupReader, LENGTH_BYTES, ReadError};
use super::{BackupFileError, Progress};
use crate::damage::Damage;
use crate::format::backup::{self as frames, BackupEnd, BackupHeader};
use crate::format::block::LogPosition;
use crate::format::holds::StoredHold;
use crate::format::numbered::NumberedRecords;
use crate::state::erasures::Erasure;
use crate::state::holds::Hold;
use crate::state::retention::RetentionRun;

/// Larger than any end frame; a bookmark has a few kilobytes.
const MAX_END_BYTES: u64 = 1 << 30;

/// A backup file whose beginning and end were read.
#[derive(Clone, Debug)]
pub struct BackupFile {
    path: PathBuf,
    bytes: u64,
    header: BackupHeader,
    end: BackupEnd,
}

/// The contents of a backup file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BackupContents {
    /// Whether the backup is incremental: it continues another file and cannot be restored without it.
    pub incremental: bool,
    /// The seq of its first event, or of the next event if it contains none.
    pub first_seq: Seq,
    /// The seq of its last event, or of the last event before it if it contains none; 0 if there are no events.
    pub last_seq: Seq,
    /// Number of blocks.
    pub blocks: u64,
    /// Number of conversations in the state at its end.
    pub conversations: u64,
    /// Number of bookmarks at its end.
    pub bookmarks: u64,
    /// The fold version of that state.
    pub fold_version: u32,
    /// The state hash at its end, for this fold version.
    pub state_hash: StateHash,
    /// The size of the file in bytes.
    pub bytes: u64,
}

/// The erasures, legal holds and runs of retention in a backup: the number of each, and when it was, in milliseconds since the
/// epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupRecords {
    /// The erasures.
    pub erasures: Vec<(u64, i64)>,
    /// The legal holds that were not lifted.
    pub holds: Vec<(u64, i64)>,
    /// The runs of retention.
    pub retention_runs: Vec<(u64, i64)>,
}

impl BackupRecords {
    /// Those of a database: with the same records and the same state as a backup, it has nothing that the backup lacks, and lacks
    /// nothing that the backup has.
    #[must_use]
    pub fn of(erasures: &[Erasure], holds: &[Hold], retention_runs: &[RetentionRun]) -> Self {
        Self {
            erasures: erasures.iter().map(|erasure| (erasure.number, erasure.at)).collect(),
            holds: holds.iter().map(|hold| (hold.number, hold.at)).collect(),
            retention_runs: retention_runs.iter().map(|run| (run.number, run.at)).collect(),
        }
    }
}

impl BackupFile {
    /// Reads the beginning and the end of a file, whatever its size. [`BackupFile::check`] reads the rest.
    ///
    /// # Errors
    /// [`BackupFileError`] if the file cannot be read, is not a backup, or is damaged at its beginning or end.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BackupFileError> {
        let path = path.as_ref();
        let (file, bytes) = open(path)?;
        let named = |error| name(path, error);
        let header = BackupReader::new(&file, bytes).map_err(named)?.header().clone();
        let end = read_end(file, bytes).map_err(named)?;
        Ok(Self { path: path.to_owned(), bytes, header, end })
    }

    /// The path with which the file was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The contents, as stated at the beginning and end of the file.
    #[must_use]
    pub fn contents(&self) -> BackupContents {
        BackupContents {
            incremental: self.header.is_incremental,
            first_seq: self.header.begin.seq,
            last_seq: self.end.end.last_seq(),
            blocks: self.end.end.block_no.saturating_sub(self.header.begin.block_no),
            conversations: self.end.conversations,
            bookmarks: self.end.bookmarks.len() as u64,
            fold_version: self.end.fold_version,
            state_hash: self.end.state_hash,
            bytes: self.bytes,
        }
    }

    /// The erasures, legal holds and runs of retention in it.
    #[must_use]
    pub fn records(&self) -> BackupRecords {
        let NumberedRecords { erasures, holds, retention_runs } = &self.end.records;
        let ms = |at_ms: u64| i64::try_from(at_ms).unwrap_or(i64::MAX);
        let placed = |(number, StoredHold(hold)): &(u64, StoredHold)| Some((*number, ms(hold.as_ref()?.at_ms)));
        BackupRecords {
            erasures: erasures.iter().map(|(number, erasure)| (*number, ms(erasure.at_ms))).collect(),
            holds: holds.iter().filter_map(placed).collect(),
            retention_runs: retention_runs.iter().map(|(number, run)| (*number, run.at_ms)).collect(),
        }
    }

    /// Reads and checks the whole file: every frame and its checksum, the chain of the blocks, every event, and the
    /// checksum of the file. A complete backup is also folded in memory; the result must have the state hash of the
    /// file, if the fold version is the current one.
    ///
    /// # Errors
    /// [`BackupFileError`] if the file is damaged, with the offset of the damage.
    pub fn check(&self, on_progress: impl FnMut(Progress)) -> Result<BackupContents, BackupFileError> {
        let mut reader = self.read()?;
        check(&mut reader, self, on_progress)?;
        Ok(self.contents())
    }

    /// Opens the file for reading from its beginning.
    pub(super) fn read(&self) -> Result<BackupReader<BufReader<File>>, BackupFileError> {
        let (file, bytes) = open(&self.path)?;
        let reader =
            BackupReader::new(BufReader::with_capacity(1 << 20, file), bytes).map_err(|error| self.name(error))?;
        let changed = Damage::Field { field: "length of the file", expected: self.bytes, found: bytes };
        if bytes == self.bytes && *reader.header() == self.header {
            Ok(reader)
        } else {
            Err(self.name(ReadError::Damaged { at_byte: 0, why: changed }))
        }
    }

    pub(super) fn header(&self) -> &BackupHeader {
        &self.header
    }

    /// The log position after its last block.
    pub(super) fn end(&self) -> LogPosition {
        self.end.end
    }

    pub(super) fn end_frame(&self) -> &BackupEnd {
        &self.end
    }

    /// Adds the path of the file to an error.
    pub(super) fn name(&self, error: ReadError) -> BackupFileError {
        name(&self.path, error)
    }
}

fn open(path: &Path) -> Result<(File, u64), BackupFileError> {
    let file = File::open(path).map_err(BackupFileError::io("opening", path))?;
    let bytes = file.metadata().map_err(BackupFileError::io("reading the metadata of", path))?.len();
    Ok((file, bytes))
}

fn name(path: &Path, error: ReadError) -> BackupFileError {
    match error {
        ReadError::Io(source) => BackupFileError::io("reading", path)(source),
        ReadError::Damaged { at_byte, why } => BackupFileError::Damaged { path: path.to_owned(), at_byte, why },
    }
}

/// The end frame, found through the length at the end of the file.
fn read_end(mut file: File, bytes: u64) -> Result<BackupEnd, ReadError> {
    let mut length = [0; LENGTH_BYTES];
    let at_byte = bytes.saturating_sub(LENGTH_BYTES as u64);
    let mut read = |at_byte, buffer: &mut [u8]| {
        file.seek(SeekFrom::Start(at_byte)).and_then(|_| file.read_exact(buffer)).map_err(ReadError::Io)
    };
    read(at_byte, &mut length)?;
    let expected = u64::from_le_bytes(length);
    let begin = at_byte.checked_sub(expected).filter(|_| expected <= MAX_END_BYTES);
    let why = Damage::Length { expected, found: at_byte };
    let begin = begin.ok_or(ReadError::Damaged { at_byte, why })?;
    let mut value = vec![0; usize::try_from(expected).unwrap_or_default()];
    read(begin, &mut value)?;
    let damaged = |why| ReadError::Damaged { at_byte: begin, why };
    frames::open_end(&value).map_err(damaged)
}
