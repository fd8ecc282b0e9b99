//! A backup file as a value: what it says of itself, and whether that is so.

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

/// No end is as long; a bookmark has some kilobytes at most.
const MAX_END_BYTES: u64 = 1 << 30;

/// A backup file.
#[derive(Clone, Debug)]
pub struct BackupFile {
    path: PathBuf,
    bytes: u64,
    header: BackupHeader,
    end: BackupEnd,
}

/// What is in a backup file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct BackupContents {
    /// Whether it goes on from where another file ends, and is of no use without that.
    pub incremental: bool,
    /// The seq of the first event in it, or of the next one to come where there is none.
    pub first_seq: Seq,
    /// The last event in it or before it; 0 where there is none.
    pub last_seq: Seq,
    /// Blocks of the log.
    pub blocks: u64,
    /// Conversations in the state at its end.
    pub conversations: u64,
    /// Bookmarks at its end.
    pub bookmarks: u64,
    /// The rules by which that state was folded.
    pub fold_version: u32,
    /// The state hash at its end, by those rules.
    pub state_hash: StateHash,
    /// The length of the file.
    pub bytes: u64,
}

impl BackupFile {
    /// Reads how a file begins and ends, whatever its size. [`BackupFile::check`] reads the rest.
    ///
    /// # Errors
    /// [`BackupFileError`] where it is no backup, or one that is damaged in these places.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BackupFileError> {
        let path = path.as_ref();
        let (file, bytes) = open(path)?;
        let named = |error| name(path, error);
        let header = BackupReader::new(&file, bytes).map_err(named)?.header().clone();
        let end = read_end(file, bytes).map_err(named)?;
        Ok(Self { path: path.to_owned(), bytes, header, end })
    }

    /// The path that it was opened by.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says is in it.
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

    /// Reads all of it: every frame and its checksum, the chain of the blocks, every event, and the checksum of the whole.
    /// A complete backup is also folded, in memory, and gives the state hash that it says it does, where that was made by
    /// the rules of this version.
    ///
    /// # Errors
    /// [`BackupFileError`] says where it is damaged.
    pub fn check(&self, on_progress: impl FnMut(Progress)) -> Result<BackupContents, BackupFileError> {
        let mut reader = self.read()?;
        check(&mut reader, self, on_progress)?;
        Ok(self.contents())
    }

    /// Begins to read it from its beginning.
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

    /// The place after its last block.
    pub(super) fn end(&self) -> LogPosition {
        self.end.end
    }

    pub(super) fn end_frame(&self) -> &BackupEnd {
        &self.end
    }

    /// Says of an error which file it is about.
    pub(super) fn name(&self, error: ReadError) -> BackupFileError {
        name(&self.path, error)
    }
}

fn open(path: &Path) -> Result<(File, u64), BackupFileError> {
    let file = File::open(path).map_err(BackupFileError::io("opening", path))?;
    let bytes = file.metadata().map_err(BackupFileError::io("looking at", path))?.len();
    Ok((file, bytes))
}

fn name(path: &Path, error: ReadError) -> BackupFileError {
    match error {
        ReadError::Io(source) => BackupFileError::io("reading", path)(source),
        ReadError::Damaged { at_byte, why } => BackupFileError::Damaged { path: path.to_owned(), at_byte, why },
    }
}

/// The end frame, found from behind.
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
