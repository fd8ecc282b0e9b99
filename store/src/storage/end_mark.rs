//! The end mark: a small file next to sled's files that records how far the log is known to reach.
//!
//! If data written since the last opening is damaged, sled takes the damage for the end of its file and opens with
//! less. The remaining blocks are whole and chained, so only something outside sled's file can show that blocks are
//! missing.
//!
//! The mark is written after every barrier and made durable less often. So it never claims more than is durable, is
//! exact after everything except a power cut, and is at most [`SYNC_INTERVAL`] old after a power cut. It has two slots
//! in separate sectors, written in turn: a torn write damages only one of them.
//!
//! It also has the numbers of the last erasure, legal hold and run of retention, for the same reason. They are durable before
//! the operation that made the record returns.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64;

use crate::format::block::LogPosition;
use crate::format::frame::Checksum;
use crate::storage::files::{create_file, own_file_options, sync_dir};

pub(crate) const HEAD: &str = "HEAD";
/// The storage folder of a new database, or of a database with an unreadable end mark.
pub(crate) const DEFAULT_STORAGE: &str = "sled";
/// The ending of the mark of an incomplete storage.
const INCOMPLETE: &str = ".incomplete";
const SLOT_BYTES: usize = 512;
const SLOTS: u64 = 2;
/// The maximum age of the mark after a power cut.
const SYNC_INTERVAL: Duration = Duration::from_secs(5);

/// The last block that is known to be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndMark {
    /// 0 if there is no block.
    pub(crate) last_block_no: u64,
    pub(crate) last_seq: u64,
    /// The checksum of that block.
    pub(crate) chain: Checksum,
}

/// The numbers of the last erasure, legal hold and run of retention that are known to be durable; 0 if there is none. They only
/// grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LastRecords {
    pub(crate) erasures: u64,
    pub(crate) holds: u64,
    pub(crate) retention_runs: u64,
}

impl LastRecords {
    /// Reads the numbers, for callers that do not write. All are 0 if the end mark cannot be read.
    pub(crate) fn read(dir: &Path) -> io::Result<Self> {
        let slot = read(dir)?.and_then(|bytes| Slot::newest(&bytes));
        Ok(slot.map(|(slot, _)| slot.last).unwrap_or_default())
    }
}

impl EndMark {
    pub(crate) fn of(position: &LogPosition) -> Self {
        Self { last_block_no: position.block_no - 1, last_seq: position.last_seq(), chain: position.chain }
    }

    /// Reads the mark, for callers that do not write.
    pub(crate) fn read(dir: &Path) -> io::Result<EndMarkState> {
        Ok(match read(dir)? {
            None => EndMarkState::None,
            Some(bytes) => {
                Slot::newest(&bytes).map_or(EndMarkState::Unreadable, |(slot, _)| EndMarkState::At(slot.mark))
            }
        })
    }
}

/// The storage folder of a database, for callers that do not write.
pub(crate) fn storage_folder(dir: &Path) -> io::Result<PathBuf> {
    let slot = read(dir)?.and_then(|bytes| Slot::newest(&bytes));
    Ok(dir.join(slot.map_or_else(|| newest_folder(dir), |(slot, _)| slot.storage)))
}

/// The name of the storage folder of a database whose end mark cannot be read: the newest complete one. If none is, the database
/// was about to move, and each has everything.
fn newest_folder(dir: &Path) -> String {
    let mut folders = storage_folders(dir).unwrap_or_default();
    let complete = folders.iter().rposition(|name| !is_incomplete(&dir.join(name)));
    folders.truncate(complete.map_or(folders.len(), |at| at + 1));
    folders.pop().unwrap_or_else(|| DEFAULT_STORAGE.to_owned())
}

/// The names of the storage folders that exist, from the oldest to the newest.
pub(crate) fn storage_folders(dir: &Path) -> io::Result<Vec<String>> {
    let names = std::fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut found = names
        .filter_map(|name| name.map(|name| Some((number_of(&name)?, name))).transpose())
        .collect::<io::Result<Vec<_>>>()?;
    found.sort();
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

/// A name for a storage folder that does not exist.
pub(crate) fn next_folder(dir: &Path) -> io::Result<String> {
    let newest = storage_folders(dir)?.last().and_then(|name| number_of(name)).unwrap_or(1);
    Ok(format!("{DEFAULT_STORAGE}-{}", newest.saturating_add(1)))
}

/// 1 for `sled`, 2 for `sled-2` and so on; `None` for another name.
fn number_of(name: &str) -> Option<u64> {
    match name.strip_prefix(DEFAULT_STORAGE)? {
        "" => Some(1),
        rest => rest.strip_prefix('-')?.parse().ok().filter(|number| format!("-{number}") == rest && *number > 1),
    }
}

/// The names of the storage folders that are marked as incomplete, whether they exist or not.
pub(crate) fn marked_folders(dir: &Path) -> io::Result<Vec<String>> {
    let names = std::fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let marked = names.map(|name: io::Result<String>| {
        Ok(name?.strip_suffix(INCOMPLETE).filter(|name| number_of(name).is_some()).map(str::to_owned))
    });
    marked.filter_map(Result::transpose).collect()
}

/// The file that exists while a storage folder is incomplete.
pub(crate) fn incomplete_mark(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(INCOMPLETE);
    folder.with_file_name(name)
}

pub(crate) fn is_incomplete(folder: &Path) -> bool {
    incomplete_mark(folder).exists()
}

fn read(dir: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file = match own_file_options().read(true).open(dir.join(HEAD)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// The contents of one slot.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Slot {
    mark: EndMark,
    last: LastRecords,
    /// The name of the storage folder. It is stored here, because HEAD can be replaced atomically.
    storage: String,
}

impl Slot {
    /// The newest readable slot, and its number.
    fn newest(bytes: &[u8]) -> Option<(Self, u64)> {
        let slots = (0..SLOTS).zip(bytes.chunks(SLOT_BYTES));
        let slots = slots.filter_map(|(slot_no, slot)| Some((Self::parse(slot)?, slot_no)));
        slots.max_by_key(|(slot, _)| (slot.mark.last_block_no, slot.last))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines();
        let mut after = |name: &str| lines.next()?.strip_prefix(name);
        let mark = EndMark {
            last_block_no: after("block ")?.parse().ok()?,
            last_seq: after("seq ")?.parse().ok()?,
            chain: u128::from_str_radix(after("chain ")?, 16).ok()?,
        };
        let last = LastRecords {
            erasures: after("erasures ")?.parse().ok()?,
            holds: after("holds ")?.parse().ok()?,
            retention_runs: after("retention_runs ")?.parse().ok()?,
        };
        let storage = after("storage ").filter(|name| is_folder_name(name))?.to_owned();
        // Only the exact bytes that `encode` writes are accepted.
        (encode(mark, last, &storage) == bytes).then_some(Self { mark, last, storage })
    }
}

pub(crate) fn encode(mark: EndMark, last: LastRecords, storage: &str) -> Vec<u8> {
    let EndMark { last_block_no, last_seq, chain } = mark;
    let LastRecords { erasures, holds, retention_runs } = last;
    let lines = format!(
        "block {last_block_no}\nseq {last_seq}\nchain {chain:032x}\n\
         erasures {erasures}\nholds {holds}\nretention_runs {retention_runs}\nstorage {storage}\n"
    );
    let mut slot = format!("{lines}check {:016x}\n", xxh3_64(lines.as_bytes())).into_bytes();
    slot.resize(SLOT_BYTES, b'\n');
    slot
}

/// Whether this is a plain folder name, not a path.
fn is_folder_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(is_plain)
}

/// The state of the end mark in HEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndMarkState {
    /// Missing. A database always has one, so HEAD was removed.
    None,
    /// Unreadable. It is reported and rewritten.
    Unreadable,
    /// The mark.
    At(EndMark),
}

impl EndMarkState {
    pub(crate) fn known(self) -> Option<EndMark> {
        if let Self::At(mark) = self { Some(mark) } else { None }
    }
}

/// The end mark file of a database that is being opened. It is read first and written last.
#[derive(Debug)]
pub(crate) struct FoundEndMark {
    dir: PathBuf,
    /// `None` if it does not exist.
    file: Option<File>,
    /// The newest slot, and its number.
    newest: Option<(Slot, u64)>,
}

impl FoundEndMark {
    /// Opens the file and reads the mark. Changes nothing, and creates no file.
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let (file, newest) = match own_file_options().read(true).write(true).open(dir.join(HEAD)) {
            Ok(mut file) => {
                let mut bytes = Vec::new();
                file.read_to_end(&mut bytes)?;
                (Some(file), Slot::newest(&bytes))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (None, None),
            Err(error) => return Err(error),
        };
        Ok(Self { dir: dir.to_owned(), file, newest })
    }

    /// The state of the mark.
    pub(crate) fn state(&self) -> EndMarkState {
        match (&self.file, &self.newest) {
            (None, _) => EndMarkState::None,
            (Some(_), None) => EndMarkState::Unreadable,
            (Some(_), Some((slot, _))) => EndMarkState::At(slot.mark),
        }
    }

    /// The storage folder.
    pub(crate) fn storage_folder(&self) -> PathBuf {
        self.dir.join(self.newest.as_ref().map_or_else(|| newest_folder(&self.dir), |(slot, _)| slot.storage.clone()))
    }

    /// The numbers of the last records; 0 if the mark cannot be read.
    pub(crate) fn last_records(&self) -> LastRecords {
        self.newest.as_ref().map(|(slot, _)| slot.last).unwrap_or_default()
    }

    /// Sets the mark and the numbers of the last records durably. A missing or unreadable file is written as a whole.
    pub(crate) fn take_over(self, mark: EndMark, last: LastRecords) -> io::Result<EndMarkFile> {
        let Self { dir, file, newest } = self;
        let mut file = file.map_or_else(|| create_file(&dir.join(HEAD)), Ok)?;
        let (next_slot, storage) = match newest {
            Some((slot, slot_no)) => ((slot_no + 1) % SLOTS, slot.storage),
            None => {
                let storage = newest_folder(&dir);
                file.rewind()?;
                file.write_all(&encode(mark, last, &storage).repeat(2))?;
                file.set_len(SLOTS * SLOT_BYTES as u64)?;
                (0, storage)
            }
        };
        let synced_at = Instant::now();
        let mut mark_file = EndMarkFile { file, next_slot, written: mark, last, storage, synced_at, is_synced: false };
        mark_file.put(mark)?;
        mark_file.file.sync_all()?;
        mark_file.is_synced = true;
        sync_dir(&dir)?;
        Ok(mark_file)
    }
}

/// The end mark file of an open database.
#[derive(Debug)]
pub(crate) struct EndMarkFile {
    file: File,
    next_slot: u64,
    written: EndMark,
    last: LastRecords,
    storage: String,
    synced_at: Instant,
    is_synced: bool,
}

impl EndMarkFile {
    /// Sets the mark of a database durably, whatever the file contains now.
    pub(crate) fn open(dir: &Path, mark: EndMark, last: LastRecords) -> io::Result<Self> {
        FoundEndMark::open(dir)?.take_over(mark, last)
    }

    /// The numbers of the last records.
    pub(crate) fn last_records(&self) -> LastRecords {
        self.last
    }

    /// Changes the numbers of the last records, durably. Call this only directly after a barrier.
    pub(crate) fn note_records(&mut self, note: impl FnOnce(&mut LastRecords)) -> io::Result<()> {
        note(&mut self.last);
        self.put(self.written)?;
        self.sync()
    }

    /// Moves the mark. Call this only directly after a barrier.
    pub(crate) fn write(&mut self, mark: EndMark) -> io::Result<()> {
        if self.written != mark {
            self.put(mark)?;
        }
        self.sync_if_due()
    }

    /// Names another storage folder, durably. Afterwards no slot names the one before. If this fails, either of the two is named.
    pub(crate) fn move_to(&mut self, storage: String, mark: EndMark, last: LastRecords) -> io::Result<()> {
        (self.storage, self.last) = (storage, last);
        for _slot in 0..SLOTS {
            self.put(mark)?;
            #[cfg(test)]
            tests::fail_move_to(&self.storage, _slot)?;
            // One slot at a time, so that one is always whole.
            self.sync()?;
        }
        Ok(())
    }

    /// The time by which the mark must be made durable. `None` if it is durable.
    pub(crate) fn due(&self) -> Option<Instant> {
        (!self.is_synced).then(|| self.synced_at + SYNC_INTERVAL)
    }

    pub(crate) fn sync_if_due(&mut self) -> io::Result<()> {
        if self.due().is_some_and(|due| due <= Instant::now()) { self.sync() } else { Ok(()) }
    }

    /// Stops syncing after a failure.
    pub(crate) fn give_up(&mut self) {
        self.is_synced = true;
    }

    /// Makes the mark durable.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.synced_at = Instant::now();
        self.is_synced = true;
        Ok(())
    }

    fn put(&mut self, mark: EndMark) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.next_slot * SLOT_BYTES as u64))?;
        self.file.write_all(&encode(mark, self.last, &self.storage))?;
        self.next_slot = (self.next_slot + 1) % SLOTS;
        self.written = mark;
        self.is_synced = false;
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;

    /// Storages, and the slots after which a move to them fails.
    pub(crate) static FAILING_MOVES: parking_lot::Mutex<Vec<(String, u64)>> = parking_lot::Mutex::new(Vec::new());

    pub(super) fn fail_move_to(storage: &str, slot: u64) -> io::Result<()> {
        let fails = FAILING_MOVES.lock().contains(&(storage.to_owned(), slot));
        if fails { Err(io::Error::other("injected")) } else { Ok(()) }
    }

    fn mark(last_block_no: u64) -> EndMark {
        EndMark { last_block_no, last_seq: last_block_no * 300, chain: u128::from(last_block_no) << 100 }
    }

    const LAST: LastRecords = LastRecords { erasures: 1, holds: 22, retention_runs: 0 };

    fn open(dir: &Path, mark: EndMark) -> io::Result<EndMarkFile> {
        EndMarkFile::open(dir, mark, LAST)
    }

    #[test]
    fn the_numbers_of_records_are_those_that_were_noted_last() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(LastRecords::read(dir.path()).unwrap(), LastRecords::default());
        let mut file = open(dir.path(), mark(1)).unwrap();
        // The log does not change meanwhile.
        for holds in 23..27 {
            file.note_records(|last| last.holds = holds).unwrap();
            let expected = LastRecords { holds, ..LAST };
            assert_eq!((LastRecords::read(dir.path()).unwrap(), file.last_records()), (expected, expected));
        }
        file.write(mark(2)).unwrap();
        assert_eq!(FoundEndMark::open(dir.path()).unwrap().last_records(), LastRecords { holds: 26, ..LAST });
    }

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(FoundEndMark::open(dir.path()).unwrap().state(), EndMarkState::None);
        assert_eq!(EndMark::read(dir.path()).unwrap(), EndMarkState::None);
        let mut file = open(dir.path(), mark(0)).unwrap();
        for block_no in 1..6 {
            file.write(mark(block_no)).unwrap();
            assert_eq!(EndMark::read(dir.path()).unwrap(), EndMarkState::At(mark(block_no)));
            assert_eq!(FoundEndMark::open(dir.path()).unwrap().state(), EndMarkState::At(mark(block_no)));
        }
        open(dir.path(), mark(7)).unwrap();
        assert_eq!(EndMark::read(dir.path()).unwrap(), EndMarkState::At(mark(7)));
    }

    #[test]
    fn the_folder_of_the_storage_stays_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(storage_folder(dir.path()).unwrap(), dir.path().join("sled"));
        fs::write(dir.path().join(HEAD), encode(mark(1), LAST, "sled-2").repeat(2)).unwrap();
        open(dir.path(), mark(2)).unwrap().write(mark(3)).unwrap();
        assert_eq!(storage_folder(dir.path()).unwrap(), dir.path().join("sled-2"));
        assert_eq!(FoundEndMark::open(dir.path()).unwrap().storage_folder(), dir.path().join("sled-2"));
        for name in ["", "..", "/", "a/b", "sled.before", "\u{e9}"] {
            assert_eq!(Slot::parse(&encode(mark(1), LAST, name)), None, "{name:?}");
        }
    }

    #[test]
    fn a_slot_that_was_changed_or_cut_off_is_not_read_and_the_other_is() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = open(dir.path(), mark(1)).unwrap();
        file.write(mark(2)).unwrap();
        let bytes = fs::read(dir.path().join(HEAD)).unwrap();
        let (_, newest) = Slot::newest(&bytes).unwrap();
        let at = usize::try_from(newest).unwrap() * SLOT_BYTES;
        for bit in at * 8..(at + SLOT_BYTES) * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Slot::newest(&damaged).map(|(slot, _)| slot.mark), Some(mark(1)), "bit {bit}");
        }
        for length in 0..SLOT_BYTES {
            assert_eq!(Slot::newest(&bytes[..length]), None, "{length} bytes");
        }
        fs::write(dir.path().join(HEAD), "").unwrap();
        assert_eq!(EndMark::read(dir.path()).unwrap(), EndMarkState::Unreadable);
        assert_eq!(FoundEndMark::open(dir.path()).unwrap().state(), EndMarkState::Unreadable);
        open(dir.path(), mark(9)).unwrap();
        assert_eq!(EndMark::read(dir.path()).unwrap(), EndMarkState::At(mark(9)));
    }
}
