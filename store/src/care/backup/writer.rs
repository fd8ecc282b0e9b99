//! Writes the frames of a backup file in order.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use convofold_engine::ConversationImage;
use xxhash_rust::xxh3::Xxh3;

use super::{BASE_PAGE, BackupError};
use crate::damage::Damage;
use crate::format::backup::{self as frames, BackupEnd, BackupHeader};
use crate::format::frame::Compressor;
use crate::format::page;
use crate::state::snapshot::Snapshot;

pub(super) struct BackupWriter<'a> {
    out: BufWriter<&'a File>,
    compressor: &'a mut Compressor,
    path: &'a Path,
    hash: Xxh3,
    bytes: u64,
}

impl<'a> BackupWriter<'a> {
    /// `path` is used in errors.
    pub(super) fn new(file: &'a File, compressor: &'a mut Compressor, path: &'a Path) -> Self {
        Self { out: BufWriter::with_capacity(1 << 20, file), compressor, path, hash: Xxh3::new(), bytes: 0 }
    }

    pub(super) fn begin(&mut self, header: &BackupHeader) -> Result<(), BackupError> {
        let frame = frames::seal_header(header, self.compressor).map_err(encoding)?;
        self.put(&frame)
    }

    pub(super) fn base(&mut self, images: &[ConversationImage]) -> Result<(), BackupError> {
        for (page_no, images) in (0..).zip(images.chunks(BASE_PAGE)) {
            let (frame, _) = page::seal(page_no, 0, images, self.compressor).map_err(encoding)?;
            self.put(&frame)?;
        }
        Ok(())
    }

    pub(super) fn block(&mut self, value: &[u8]) -> Result<(), BackupError> {
        self.put(value)
    }

    /// Writes the end and makes the file durable.
    pub(super) fn end(mut self, snapshot: &Snapshot, fold_version: u32) -> Result<(), BackupError> {
        let end = BackupEnd {
            end: snapshot.position,
            state_hash: snapshot.state_hash,
            conversations: snapshot.conversations,
            bookmarks: snapshot.bookmarks.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            bytes_before: self.bytes,
            checksum: self.hash.digest128(),
            fold_version,
        };
        let frame = frames::seal_end(&end, self.compressor).map_err(encoding)?;
        self.put(&frame)?;
        self.put(&(frame.len() as u64).to_le_bytes())?;
        self.out.flush().map_err(BackupError::io("writing", self.path))?;
        self.out.get_ref().sync_all().map_err(BackupError::io("fsync of", self.path))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes).map_err(BackupError::io("writing", self.path))
    }
}

fn encoding(why: Damage) -> BackupError {
    BackupError::Storage(crate::storage::StorageError::Encoding(why))
}
