//! Erase: everything about a member is removed, and the numbers of reports stay.
//!
//! It is a compaction with a filter: the storage is written to a new folder, with other events in place of those of the
//! member, and HEAD names the new folder in one write. A process that is killed at any moment leaves the database as it was,
//! or without the member. Decision 0041 gives the reasons.
//!
//! ```text
//! find      which conversations are the subject's, and what each of them becomes
//! copy      log, pages, heads, search index, recorded hashes and records, without them
//! prove     read the copy again: nothing of them is left
//! clean     the host removes what it keeps beside the storage, and all files there are searched
//! move      mark the old storage, HEAD names the copy, remove the old one
//! ```

mod beside;
mod backup;
mod error;
mod find;
mod ledger;
mod needles;
mod open;
mod proof;
mod search;
mod seed;

use std::io;
use std::path::Path;

use convofold_engine::{ConversationImage, FOLD_VERSION, NamedBy, Seq, StateHash, Status, Subject, Subjects};

pub use self::backup::EraseBackupError;
use self::beside::{Cleaner, expect_nothing};
pub use self::error::EraseError;
use self::find::{Erasing, Replacements, expect_not_held, find, status_of};
pub use self::ledger::{Ledger, LedgerError};
use self::proof::{Proof, Reader, expect_clean};
pub use self::search::Search;
use self::seed::Seed;
use crate::api::handle::Convofold;
use crate::care::copy::{Copy, like};
use crate::care::rewrite::base::Base;
use crate::care::rewrite::live::expect_room;
use crate::care::rewrite::{Copied, Copier, RewriteError};
use crate::checkpoint::record::read_record;
use crate::format::block::LogPosition;
use crate::format::checkpoint::CheckpointRecord;
use crate::format::erasures::StoredErasure;
use crate::format::numbered::{Numbered, NumberedRecord};
use crate::format::retention::StoredRetentionRun;
use crate::log::bookmark::Bookmarks;
use crate::open::opening::{self, Opened};
use crate::open::safety_copy::{mark, remove_storage, unmark};
use crate::options::Options;
use crate::state::base::all_images;
pub use crate::state::erasures::Erasure;
use crate::state::erasures::Hasher;
use crate::state::holds::Holds;
use crate::state::lent_storage::LentStorage;
use crate::state::records;
use crate::storage::end_mark::{EndMark, LastRecords, next_folder, storage_folder};
use crate::storage::files::sync_dir;
use crate::storage::{ReadStorage, Storage, StorageError, release};
use crate::trace::{span, tell};

/// How often a checkpoint is written before it is known that it contains all of the log.
const MAX_OPENINGS: u32 = 2;

/// A conversation that an erasure would change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Erasable {
    /// Its id.
    pub conversation: String,
    /// Number of its events.
    pub events: u64,
    /// The seq of its first event.
    pub first_seq: Seq,
    /// Whether a legal hold keeps it. Then the erasure is refused.
    pub held: bool,
    /// Whether it is open. An open one is erased only with [`Erase::open_too`].
    pub status: Status,
    /// What says that it is a subject's.
    pub by: NamedBy,
}

/// What an erasure did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Erased {
    /// The receipt, which is kept in the database.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub receipt: Erasure,
    /// Number of erased names, ids and texts that also occur in other conversations, where they stay.
    pub also_elsewhere: u64,
    /// Number of stored values with recorded hashes that were damaged, and are gone. Each had up to 128.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "crate::state::receipt::is_none"))]
    pub damaged_values: u64,
    /// Length of the storage before, in bytes.
    pub before_bytes: u64,
    /// Length of the storage now, in bytes.
    pub after_bytes: u64,
}

/// An erasure: name the subjects, then call [`Erase::run`].
///
/// ```
/// # use convofold_store::{Batch, Convofold};
/// use convofold_engine::Subject;
/// use convofold_store::erase::Erase;
///
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path().join("conversations");
/// # let db = Convofold::open(&dir)?;
/// # use convofold_engine::{Draft, Kind, Time};
/// # let draft = Draft::new("helpdesk", "m-7_1", Kind::Message, Time::from_ms(1_700_000_000_000));
/// # let event = draft.member_business_id("m-7").text("My name is Mo").build()?;
/// # db.submit(Batch::new(vec![event.clone()]))?.wait()?;
/// # db.close()?;
/// // Nothing has closed the conversation.
/// let erased = Erase::new([Subject::member("m-7")?]).open_too(true).run(&dir)?;
/// assert_eq!(erased.map(|erased| erased.receipt.conversations), Some(1));
///
/// let db = Convofold::open(&dir)?;
/// assert!(db.state("m-7_1")?.is_none());
/// // What arrives again does not come back.
/// let receipt = db.submit(Batch::new(vec![event]))?.wait()?;
/// assert_eq!(receipt.counts.erased, 1);
/// # db.close()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Erase {
    subjects: Subjects,
    rule: String,
    is_open_too: bool,
    cleaner: Cleaner,
    seed: Seed,
    options: Options,
}

impl Erase {
    /// An erasure of everything about these subjects.
    #[must_use]
    pub fn new(subjects: impl IntoIterator<Item = Subject>) -> Self {
        let options = Options::new().create(false);
        let (subjects, rule) = (subjects.into_iter().collect(), "request".to_owned());
        Self { subjects, rule, is_open_too: false, cleaner: Cleaner::default(), seed: Seed::default(), options }
    }

    /// Why, for the receipt. It must not name the member. The default is `request`.
    #[must_use]
    pub fn rule(mut self, rule: impl Into<String>) -> Self {
        self.rule = rule.into();
        self
    }

    /// Whether open conversations are erased too. The default is no, and the erasure is refused then.
    ///
    /// The erased conversation stays open, because nobody can close it: its close arrives under the old id. Later events under
    /// the old id make a new conversation, with what they say about the member.
    #[must_use]
    pub fn open_too(mut self, is_open_too: bool) -> Self {
        self.is_open_too = is_open_too;
        self
    }

    /// Sets a function that removes what a host keeps about the subjects in files of its own, beside the storage. It is called
    /// when the copy was proved and is complete, before these files are searched and the database moves to the copy, also if no
    /// conversation is about the subjects. If it fails, nothing is erased. It is not called if a legal hold has a subject.
    ///
    /// What it removes stays removed, also if the erasure fails after it: another file may name the subjects
    /// ([`EraseError::Beside`]), or the move fails. In an open database ([`Convofold::erase`]) events of the subjects that arrive
    /// while it runs begin the erasure again, which calls it again, or refuses what it would have erased.
    #[must_use]
    pub fn beside(mut self, clean: impl Fn(&Search) -> io::Result<()> + Send + Sync + 'static) -> Self {
        self.cleaner = Cleaner::new(clean);
        self
    }

    /// Sets a secret from which the random ids of the erased conversations follow, and the key of the first erasure of a database.
    /// Databases with the same events and the same earlier erasures are the same after erasures of the same subjects with the same
    /// secret ([`Convofold::removed_hash`]); without it, each has other random ids.
    ///
    /// Forget it when the erasure is done: who has it finds an erased conversation by its id of before.
    #[must_use]
    pub fn seed(mut self, secret: [u8; 32]) -> Self {
        self.seed = Seed::of(secret);
        self
    }

    /// The options with which the database is opened.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// What [`Erase::run`] would erase. Changes nothing. Reads every conversation.
    ///
    /// # Errors
    /// [`StorageError`] if a conversation cannot be read, the database is closed, or conversations were erased or removed
    /// meanwhile.
    pub fn dry_run(&self, db: &Convofold) -> Result<Vec<Erasable>, StorageError> {
        let storage = LentStorage::of(db.shared());
        let mut found = Vec::new();
        for image in all_images(db.shared(), storage.as_ref()) {
            let image = image?;
            if let Some(by) = self.subjects.named_in(&image) {
                let held = db.shared().holds.keeps(&image);
                found.push(Erasable::of(image, by, held)?);
            }
        }
        // Or some may be missing: in memory, the conversations have other places now.
        storage.expect_current()?;
        Ok(found)
    }

    /// Erases the subjects from the database in this directory, which must not be open. `None` if it contains nothing of
    /// them.
    ///
    /// Texts, names, numbers and ids of the members are removed from the log, conversations, checkpoints, the search index and
    /// unused room. Conversations stay under a random id, with their counts, times and agents, so that reports stay the same.
    /// Erased events that arrive again are counted as erased. The file system must have room for a second copy of the
    /// storage. When this returns, the copy was read again and searched, and the old storage was removed.
    ///
    /// # Errors
    /// [`EraseError`]. Nothing has changed, except with [`EraseError::Move`] and [`RewriteError::Remains`].
    pub fn run(&self, dir: impl AsRef<Path>) -> Result<Option<Erased>, EraseError> {
        span!("erase");
        let dir = dir.as_ref();
        for _ in 0..MAX_OPENINGS {
            let opened = opening::open(dir, &self.options)?;
            if opened.state.live.board().slot_count() == 0 || opened.state.saved_generation().is_some() {
                return self.run_on(opened);
            }
            // The lock is released after the storage.
            let Opened { directory, storage, .. } = opened;
            release(storage)?;
            drop(directory);
            self.options.clone().open(dir)?.close()?;
        }
        Err(RewriteError::Unsaved.into())
    }

    /// Erases from a database that is opened for this alone, and whose newest checkpoint contains all of its log.
    pub(crate) fn run_on(&self, opened: Opened) -> Result<Option<Erased>, EraseError> {
        let Opened { directory, storage, state, mut end_mark, .. } = opened;
        let storage = scopeguard::guard(storage, |storage| drop(release(storage)));
        let dir = directory.path();
        let before = storage_folder(dir).map_err(io_failed("reading the end mark"))?;
        let base = Base::of(&state);
        let found = match &base {
            Some(base) => find(storage.as_ref(), &base.pages, &state.holds, &self.subjects, &self.seed)?,
            None if state.live.board().slot_count() == 0 => None,
            None => return Err(RewriteError::Unsaved.into()),
        };
        let (Some(base), Some(replaced)) = (base, found) else {
            self.expect_nothing_beside(dir, &before, &state.holds, &state.bookmarks)?;
            return Ok(None);
        };
        self.expect_closed(&replaced)?;
        let search = Search::of(&self.subjects, &replaced)?;
        let erasing = Erasing { replaced: &replaced, search: &search, base: &base };
        let before_bytes = storage.disk_bytes()?;
        expect_room(dir, before_bytes)?;
        let name = next_folder(dir).map_err(io_failed("listing the directory"))?;
        let copy = Copy::begin(dir.join(&name)).map_err(io_failed("creating the mark of the copy"))?;
        let to = scopeguard::guard(storage.create(&copy.folder)?, |storage| drop(release(storage)));
        sync_dir(dir).map_err(io_failed("fsync of the directory"))?;
        let reader = Reader { copy: (*to).clone(), is_needed: &|| Ok(()) };
        let ErasedCopy { receipt, also_elsewhere, damaged_values, position } =
            self.copy(storage.as_ref(), to.as_ref(), &erasing, &reader, &copy.folder, &self.options)?;
        drop(reader);
        like(&before, &copy.folder).map_err(io_failed("setting the modes of the copy"))?;
        expect_nothing(dir, &[&copy.folder, &before], &search, &self.cleaner)?;

        mark(&before).map_err(io_failed("marking the storage before"))?;
        // Whatever happens from here on, HEAD may name the copy.
        copy.leave(true);
        let last = LastRecords { erasures: receipt.number, ..state.last_records() };
        end_mark.move_to(name, EndMark::of(&position), last).map_err(EraseError::Move)?;
        unmark(&copy.folder).map_err(EraseError::Move)?;
        let after_bytes = to.disk_bytes()?;
        // Nothing depends on the storage before any more.
        let _ = release(scopeguard::ScopeGuard::into_inner(storage));
        remove_storage(&before).map_err(|source| RewriteError::Remains { folder: before, source })?;
        tell!(info, conversations = receipt.conversations, events = receipt.events, "erased");
        Ok(Some(Erased { receipt, also_elsewhere, damaged_values, before_bytes, after_bytes }))
    }

    /// Fails if a legal hold has one of the subjects, of whom there is no conversation, or a bookmark or a file beside the storage
    /// names them.
    fn expect_nothing_beside(
        &self,
        dir: &Path,
        storage: &Path,
        holds: &Holds,
        bookmarks: &Bookmarks,
    ) -> Result<(), EraseError> {
        expect_not_held(holds, &self.subjects)?;
        let search = Search::of(&self.subjects, &Replacements::default())?;
        bookmarks.iter().try_for_each(|(name, value)| expect_clean(&search.needles, name, value))?;
        expect_nothing(dir, &[storage], &search, &self.cleaner)
    }

    /// Fails if conversations are open, unless they are erased too.
    fn expect_closed(&self, replaced: &Replacements) -> Result<(), EraseError> {
        match replaced.open_count()? {
            conversations if conversations > 0 && !self.is_open_too => Err(EraseError::StillOpen { conversations }),
            _ => Ok(()),
        }
    }

    /// Copies a checkpoint without what is erased, to a storage in this folder, durably, and proves it.
    fn copy(
        &self,
        from: &dyn ReadStorage,
        to: &dyn Storage,
        erasing: &Erasing<'_>,
        reader: &Reader<'_>,
        folder: &Path,
        options: &Options,
    ) -> Result<ErasedCopy, EraseError> {
        let Erasing { replaced, search, base } = *erasing;
        let mut copier = Copier::new(from, to, erasing, options.bounds.part_bytes)?;
        let Copied { start, position, record, pages, damaged_values } = copier.copy_all(base)?;
        let receipt = self.keep_receipt(&mut copier, replaced, base, &record, options)?;
        to.barrier()?;
        let proof = Proof { subjects: &self.subjects, replaced, search, start: &start, position, record: &record };
        let also_elsewhere = proof.prove(reader, &pages, folder)?;
        Ok(ErasedCopy { receipt, also_elsewhere, damaged_values, position })
    }

    /// Writes the receipt, with the hashes that recognise erased events.
    fn keep_receipt(
        &self,
        copier: &mut Copier<'_>,
        replaced: &Replacements,
        base: &Base,
        record: &CheckpointRecord,
        options: &Options,
    ) -> Result<Erasure, EraseError> {
        let earlier: Numbered<StoredErasure> = records::read(copier.from)?;
        let key = earlier.first().map_or_else(|| self.seed.key(), |(_, erasure)| Ok(erasure.key))?;
        let number = earlier.last().map_or(1, |(number, _)| number.saturating_add(1));
        let hasher = Hasher::new(&key).ok_or_else(|| EraseError::Left { what: "the key is invalid".to_owned() })?;
        let (conversations, events) = replaced.keyed_hashes(&hasher);
        let hash_before = StateHash::from_bytes(read_record(copier.from, base.generation)?.state_hash);
        let erasure = StoredErasure {
            key,
            at_ms: options.clock.read().wall_ms,
            rule: self.rule.clone(),
            last_seq: record.last_seq,
            keyed_hash_before: hasher.state(hash_before),
            hash_after: record.state_hash,
            fold_version: FOLD_VERSION,
            conversations,
            events,
            pseudonyms: replaced.pseudonyms(),
        };
        copier.records(StoredErasure::NAMES)?;
        copier.records(StoredRetentionRun::NAMES)?;
        records::store(copier.to, number, &erasure, copier.compressor())?;
        Ok(Erasure::of(number, &erasure))
    }
}

/// A copy without what is erased.
struct ErasedCopy {
    receipt: Erasure,
    also_elsewhere: u64,
    damaged_values: u64,
    /// The end of its log.
    position: LogPosition,
}

impl Erasable {
    fn of(image: ConversationImage, by: NamedBy, held: bool) -> Result<Self, StorageError> {
        let seqs = || image.facts.iter().chain(image.conflicts.iter()).map(|fact| fact.seq);
        let (events, first_seq) = (seqs().count() as u64, seqs().min().unwrap_or_default());
        Ok(Self { conversation: image.id.to_string(), events, first_seq, held, status: status_of(image)?, by })
    }
}

fn io_failed(doing: &'static str) -> impl FnOnce(io::Error) -> StorageError {
    StorageError::io(doing)
}
