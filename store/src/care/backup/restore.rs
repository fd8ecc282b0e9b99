//! Restore: creates a database from backup files.
//!
//! The database is created under a temporary name, opened once and compared with the end of the last file. Only then is
//! it renamed; a killed restore leaves a folder with a temporary name that is never taken for a database.

use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use convofold_engine::{ConversationImage, FOLD_VERSION, Seq, StateHash};

use super::reader::{BackupReader, ReadError, Section};
use super::{BackupFile, Progress, RestoreError, Step};
use crate::care::erase::{Erased, Ledger};
use crate::care::new_store::NewStore;
use crate::checkpoint::heads::{HeadList, HeadWriter, checksum_of, halves_of};
use crate::checkpoint::record::record_name;
use crate::checkpoint::recorded::{in_order, write_recorded_hashes};
use crate::conversations::archive::alone;
use crate::conversations::page::{PAGE_SLOTS, PageWriter};
use crate::format::backup::{BackupEnd, BackupHeader};
use crate::format::block::LogPosition;
use crate::format::checkpoint::{self as record, CheckpointRecord};
use crate::format::frame::Compressor;
use crate::format::key::{BlockKey, PageHalf, PageKey};
use crate::format::log_start::{self, LogStart};
use crate::format::page_head::{PageHead, StoredHead};
use crate::log::start::RECORD as LOG_START;
use crate::open::directory::{Directory, doing};
use crate::options::Options;
use crate::state::records::store_all;
use crate::storage::end_mark::{DEFAULT_STORAGE, EndMark, EndMarkFile, LastRecords};
use crate::storage::fragment::Tree;
use crate::storage::loader::Loader;
use crate::storage::sled::{SledOptions, SledStorage, block_key, part_key};
use crate::storage::{Storage, StorageError, release};
use crate::trace::{span, tell};

/// The generation of the first checkpoint of a database.
const GENERATION: u64 = 1;

/// The result of a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RestoreReport {
    /// The seq of the last event; 0 if there are no events.
    pub last_seq: Seq,
    /// Number of blocks of the log.
    pub blocks: u64,
    /// Number of conversations.
    pub conversations: u64,
    /// The state hash. It equals that of the last file, unless the file has another fold version, or something was erased again.
    pub state_hash: StateHash,
    /// Duration of the restore.
    #[cfg_attr(feature = "serde", serde(rename = "took_ms", serialize_with = "crate::json::as_ms"))]
    pub took: Duration,
}

/// Creates a database from a complete backup and the incremental backups that continue it, in this order.
///
/// The directory must be empty or not exist; it can be a mount point. Whether it can be written, and whether there is
/// enough space, is checked first; then all files are checked before anything is written. The database is opened with
/// `options` for a comparison with the last file, and closed again.
///
/// # Errors
/// [`RestoreError`] if a file cannot be used, the files do not form a sequence, or the database cannot be created. The
/// directory then contains no database.
pub fn restore(
    files: &[impl AsRef<Path>],
    dir: impl AsRef<Path>,
    options: &Options,
    on_progress: impl FnMut(Progress),
) -> Result<RestoreReport, RestoreError> {
    restore_all(files, dir.as_ref(), options, None, on_progress).map(|(report, _)| report)
}

/// Like [`restore`], and erases again what was erased since, as [`Ledger::erase_from`] does, before the database gets its name.
/// Nobody can use it with what was erased.
///
/// # Errors
/// [`RestoreError`], as for [`restore`]; [`RestoreError::Erase`] also if a legal hold in the backup keeps what is to be erased.
pub fn restore_and_erase(
    files: &[impl AsRef<Path>],
    dir: impl AsRef<Path>,
    options: &Options,
    ledger: &Ledger,
    on_progress: impl FnMut(Progress),
) -> Result<(RestoreReport, Option<Erased>), RestoreError> {
    restore_all(files, dir.as_ref(), options, Some(ledger), on_progress)
}

fn restore_all(
    files: &[impl AsRef<Path>],
    dir: &Path,
    options: &Options,
    ledger: Option<&Ledger>,
    mut on_progress: impl FnMut(Progress),
) -> Result<(RestoreReport, Option<Erased>), RestoreError> {
    let started = Instant::now();
    span!("restore", dir = %dir.display(), files = files.len());
    let new = NewStore::begin(dir)?;
    let files = open_in_order(files)?;
    let last = files.last().ok_or(RestoreError::NoFile)?;
    new.expect_space(files.iter().map(|file| file.contents().bytes).sum())?;
    for file in &files {
        read(file, last.end().last_seq(), Step::Check, &mut on_progress, |_, _| Ok(()))?;
    }
    write_store(&files, new.path(), options, &mut on_progress)?;
    let restored = compare(new.path(), options, last.end_frame())?;
    let erased = ledger.map(|ledger| ledger.erase_from(new.path(), options)).transpose();
    let erased = erased.map_err(|error| RestoreError::Erase(Box::new(error)))?.flatten();
    new.finish()?;
    let contents = last.contents();
    tell!(info, last_seq = contents.last_seq, took = ?started.elapsed(), "restored");
    let report = RestoreReport {
        last_seq: contents.last_seq,
        blocks: last.end().block_no - files.first().map_or(1, |first| first.header().begin.block_no),
        conversations: contents.conversations,
        state_hash: erased.as_ref().map_or(restored, |erased| erased.receipt.hash_after),
        took: started.elapsed(),
    };
    Ok((report, erased))
}

/// Checks that each file continues the one before it.
fn open_in_order(paths: &[impl AsRef<Path>]) -> Result<Vec<BackupFile>, RestoreError> {
    let mut files: Vec<BackupFile> = Vec::new();
    for path in paths {
        let file = BackupFile::open(path)?;
        let (header, path) = (file.header(), file.path().to_owned());
        match files.last() {
            None if header.is_incremental => return Err(RestoreError::NotComplete { path }),
            Some(before) if !header.is_incremental || header.begin != before.end() => {
                let (expected, found) = (before.end().last_seq(), header.begin.seq);
                return Err(RestoreError::NotNext { path, expected, found });
            }
            _ => {}
        }
        files.push(file);
    }
    Ok(files)
}

/// Reads all blocks of a file and passes them to `take`.
fn read(
    file: &BackupFile,
    last_seq: Seq,
    step: Step,
    on_progress: &mut impl FnMut(Progress),
    mut take: impl FnMut(BlockKey, Vec<u8>) -> Result<(), RestoreError>,
) -> Result<(), RestoreError> {
    let mut reader = file.read()?;
    loop {
        match reader.next().map_err(|error| file.name(error))? {
            Section::Base(_) => {}
            Section::Block(block, value) => {
                take(BlockKey { first_seq: block.first_seq, block_no: block.block_no }, value)?;
                on_progress(Progress { step, seq: block.end().last_seq(), last_seq });
            }
            Section::End(_) => return Ok(()),
        }
    }
}

fn write_store(
    files: &[BackupFile],
    store: &Path,
    options: &Options,
    on_progress: &mut impl FnMut(Progress),
) -> Result<(), RestoreError> {
    let directory = Directory::open(store, true, options.segment_bytes)?;
    let sled = SledOptions { segment_bytes: directory.format.segment_bytes, cache_bytes: options.cache_bytes };
    let storage: Arc<dyn Storage> = Arc::new(SledStorage::open(&directory.path().join(DEFAULT_STORAGE), sled)?);
    let position = files.last().map_or(LogPosition::START, BackupFile::end);
    for file in files.iter().filter(|file| file.header().base_conversations > 0) {
        write_base(file, storage.as_ref(), options.bounds.part_bytes)?;
    }
    let recorded = in_order(files.iter().flat_map(|file| file.end_frame().recorded.clone()).collect());
    let mut compressor = Compressor::new().map_err(StorageError::io("creating a compressor"))?;
    write_recorded_hashes(storage.as_ref(), &mut compressor, &recorded)?;
    // Each file has all that were made before it.
    if let Some(last) = files.last() {
        store_all(storage.as_ref(), &last.end_frame().records, &mut compressor)?;
    }
    load_blocks(files, storage.as_ref(), position.last_seq(), on_progress)?;
    // The opening that compares the new database notes the records.
    EndMarkFile::open(directory.path(), EndMark::of(&position), LastRecords::default())
        .map_err(doing("writing the end mark in", directory.path()))?;
    release(storage)?;
    Ok(())
}

/// Writes the base, the state before the log, as the first checkpoint.
fn write_base(file: &BackupFile, storage: &dyn Storage, part_bytes: usize) -> Result<(), RestoreError> {
    let BackupHeader { base_conversations, begin, bookmarks, marks, .. } = file.header();
    let encoding = |why| RestoreError::Storage(StorageError::Encoding(why));
    let mut compressor = Compressor::new().map_err(StorageError::io("creating a compressor"))?;
    let mut reader = file.read()?;
    let mut of_heads = Compressor::new().map_err(StorageError::io("creating a compressor"))?;
    let mut heads = HeadWriter::new(storage, &mut of_heads, &[]);
    let mut pages = Loader::new(storage, Tree::Pages);
    let (mut page_bytes, mut state_hash) = (0, StateHash::default());
    let mut ready = VecDeque::new();
    for page_no in 0.. {
        if !has_next(&mut reader, &mut ready).map_err(|error| file.name(error))? {
            break;
        }
        let key = PageKey { page_no, half: PageHalf::A };
        let mut put = |part, value| pages.push(part_key(key.part(part)), value);
        let mut writer = PageWriter::new(key.page_no, GENERATION, part_bytes, &mut compressor);
        let mut head = PageHead { fold_version: FOLD_VERSION, outlines: Vec::new(), hash: StateHash::default() };
        while head.outlines.len() < PAGE_SLOTS as usize
            && has_next(&mut reader, &mut ready).map_err(|error| file.name(error))?
            && let Some(image) = ready.pop_front()
        {
            writer.push(&image, &mut put)?;
            let mut alone = alone(image)?;
            head.hash = head.hash.plus(alone.state_hash());
            head.outlines.extend(alone.outline(0));
        }
        state_hash = state_hash.plus(head.hash);
        let entry = writer.finish(key.half, &mut put)?;
        page_bytes += entry.bytes;
        heads.push(page_no, StoredHead::new(entry, &head).map_err(encoding)?)?;
    }
    pages.finish()?;
    let lists: Vec<HeadList> = heads.finish()?.into_iter().map(|(_, list)| list).collect();
    let checkpoint = CheckpointRecord {
        generation: GENERATION,
        fold_version: FOLD_VERSION,
        last_seq: begin.last_seq(),
        last_block_no: begin.block_no - 1,
        chain: begin.chain.to_le_bytes(),
        slot_count: *base_conversations,
        page_slots: PAGE_SLOTS,
        heads_checksum: checksum_of(&lists).to_le_bytes(),
        halves: halves_of(&lists),
        page_bytes: page_bytes + lists.iter().map(|list| list.bytes).sum::<u64>(),
        log_bytes: 0,
        state_hash: state_hash.to_bytes(),
        bookmarks: bookmarks.clone().into_iter().collect(),
        search: None,
    };
    let start = LogStart { position: *begin, dropped_bytes: 0, bookmarks: bookmarks.clone(), marks: marks.clone() };
    let value = log_start::seal(&start, &mut compressor).map_err(encoding)?;
    storage.put_record(LOG_START, &value)?;
    let value = record::seal(&checkpoint, &mut compressor).map_err(encoding)?;
    storage.put_record(&record_name(GENERATION), &value)?;
    Ok(())
}

/// Reads the base until a conversation is ready. Returns false at its end.
fn has_next<R: Read>(reader: &mut BackupReader<R>, ready: &mut VecDeque<ConversationImage>) -> Result<bool, ReadError> {
    while ready.is_empty() && reader.is_in_base() {
        if let Section::Base(images) = reader.next()? {
            ready.extend(images);
        }
    }
    Ok(!ready.is_empty())
}

fn load_blocks(
    files: &[BackupFile],
    storage: &dyn Storage,
    last_seq: Seq,
    on_progress: &mut impl FnMut(Progress),
) -> Result<(), RestoreError> {
    let mut blocks = Loader::new(storage, Tree::Log);
    for file in files {
        read(file, last_seq, Step::Write, on_progress, |key, value| Ok(blocks.push(block_key(key), value)?))?;
    }
    blocks.finish()?;
    storage.barrier()?;
    Ok(())
}

/// Opens the database with the options of its user and compares it with the end of the last file; returns its state
/// hash.
fn compare(store: &Path, options: &Options, end: &BackupEnd) -> Result<StateHash, RestoreError> {
    let db = options.clone().create(false).open(store)?;
    let expect = |what, expected: String, found: String| {
        if expected == found { Ok(()) } else { Err(RestoreError::State { what, expected, found }) }
    };
    let stats = db.stats();
    expect("last event", end.end.last_seq().to_string(), stats.last_seq.to_string())?;
    expect("number of conversations", end.conversations.to_string(), stats.conversations.to_string())?;
    let state_hash = db.state_hash();
    if end.fold_version == FOLD_VERSION {
        expect("state hash", end.state_hash.to_string(), state_hash.to_string())?;
    }
    expect("bookmarks", format!("{:?}", end.bookmarks), format!("{:?}", db.bookmarks()))?;
    db.close()?;
    Ok(state_hash)
}
