//! Writes the frames of a backup file in order.

use std::io::{BufWriter, Write};
use std::path::Path;

use convofold_engine::ConversationImage;
use xxhash_rust::xxh3::Xxh3;

use super::BackupError;
use crate::conversations::page::{PAGE_SLOTS, PageWriter};
use crate::damage::Damage;
use crate::format::backup::{self as frames, BackupEnd, BackupHeader};
use crate::format::frame::Compressor;
use crate::format::key::PageHalf;
use crate::format::numbered::NumberedRecords;
use crate::format::recorded_hashes::StoredHash;
use crate::state::base::BaseError;
use crate::state::snapshot::Snapshot;

/// Number of conversations in a page of the base.
const BASE_PAGE: usize = PAGE_SLOTS as usize;

pub(super) struct BackupWriter<'a> {
    out: Output<'a>,
    compressor: &'a mut Compressor,
}

/// The output, with the checksum and the length of what was written.
struct Output<'a> {
    file: BufWriter<&'a mut dyn Write>,
    path: &'a Path,
    hash: Xxh3,
    bytes: u64,
}

impl Output<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file.write_all(bytes).map_err(BackupError::io("writing", self.path))
    }
}

impl<'a> BackupWriter<'a> {
    /// `path` is used in errors.
    pub(super) fn new(file: &'a mut dyn Write, compressor: &'a mut Compressor, path: &'a Path) -> Self {
        let file = BufWriter::with_capacity(1 << 20, file);
        Self { out: Output { file, path, hash: Xxh3::new(), bytes: 0 }, compressor }
    }

    pub(super) fn begin(&mut self, header: &BackupHeader) -> Result<(), BackupError> {
        let frame = frames::seal_header(header, self.compressor).map_err(encoding)?;
        self.out.put(&frame)
    }

    /// Writes the conversations of the base in pages whose parts end at this decoded size.
    pub(super) fn base(
        &mut self,
        images: impl Iterator<Item = Result<ConversationImage, BaseError>>,
        part_bytes: usize,
    ) -> Result<(), BackupError> {
        let Self { out, compressor } = self;
        let mut put = |_, part: Vec<u8>| out.put(&part);
        let mut images = images.peekable();
        for page_no in 0.. {
            if images.peek().is_none() {
                break;
            }
            let mut page = PageWriter::new(page_no, 0, part_bytes, compressor);
            images.by_ref().take(BASE_PAGE).try_for_each(|image| page.push(&image?, &mut put))?;
            page.finish(PageHalf::A, &mut put)?;
        }
        Ok(())
    }

    pub(super) fn block(&mut self, value: &[u8]) -> Result<(), BackupError> {
        self.out.put(value)
    }

    /// Writes the end.
    pub(super) fn end(
        mut self,
        snapshot: &Snapshot,
        recorded: Vec<StoredHash>,
        records: NumberedRecords,
        fold_version: u32,
    ) -> Result<(), BackupError> {
        let end = BackupEnd {
            end: snapshot.position,
            state_hash: snapshot.state_hash,
            conversations: snapshot.conversations,
            bookmarks: snapshot.bookmarks.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            recorded,
            records,
            bytes_before: self.out.bytes,
            checksum: self.out.hash.digest128(),
            fold_version,
        };
        let frame = frames::seal_end(&end, self.compressor).map_err(encoding)?;
        self.out.put(&frame)?;
        self.out.put(&(frame.len() as u64).to_le_bytes())?;
        let Output { mut file, path, .. } = self.out;
        file.flush().map_err(BackupError::io("writing", path))
    }
}

fn encoding(why: Damage) -> BackupError {
    BackupError::Storage(crate::storage::StorageError::Encoding(why))
}
