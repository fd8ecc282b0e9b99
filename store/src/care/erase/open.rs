//! Erases from a database that is open and used.

use std::path::PathBuf;
use std::sync::Arc;

use super::beside::expect_nothing;
use super::find::{Erasing, find};
use super::proof::Reader;
use super::{Erase, EraseError, Erased, ErasedCopy, Search};
use crate::api::handle::Convofold;
use crate::care::rewrite::live::{Rewriting, Rewritten, Source, Written};
use crate::state::shared::Shared;
use crate::storage::StorageError;
use crate::storage::end_mark::storage_folder;
use crate::trace::{span, tell};
use crate::write::replacing::Late;

impl Convofold {
    /// Erases everything about the subjects of this erasure, while the database is used ([`Erase::run`] does the same with a
    /// closed one). `None` if the database contains nothing of them.
    ///
    /// Commits wait only for the last step, in which the writer copies the newest events and replaces what is in memory. Until
    /// then, a second board is in memory, and the file system must have room for a second copy of the storage; no checkpoint is
    /// written unless it is requested. Afterwards, closed conversations are read from their pages, as after an opening. If events
    /// of the subjects arrive meanwhile, or bookmarks that name them, the copy is begun again.
    ///
    /// Change feeds continue with the same seqs. A scan, an export or an audit that runs at the last moment ends with
    /// [`StorageError::Replaced`](crate::StorageError::Replaced); other questions are answered. A [`View`](crate::View) answers
    /// without the member from then on. If the process is killed, everything is as before, or erased.
    ///
    /// # Errors
    /// [`EraseError`]. Nothing has changed, except with [`RewriteError::Commit`](crate::RewriteError::Commit) and
    /// [`RewriteError::Remains`](crate::RewriteError::Remains).
    pub fn erase(&self, erase: &Erase) -> Result<Option<Erased>, EraseError> {
        span!("erase");
        let rewritten = self.rewrite(|source| erase.write_again(source, self.shared()))?;
        if rewritten.is_none() {
            let shared = self.shared();
            // So that no hold is placed on a subject while the files are cleaned.
            let _holds_stay = shared.compacting.lock();
            let storage = storage_folder(self.dir()).map_err(StorageError::io("reading the end mark"))?;
            let bookmarks = shared.bookmarks.read().clone();
            erase.expect_nothing_beside(self.dir(), &storage, &shared.holds, &bookmarks)?;
        }
        Ok(rewritten.map(|Rewritten { report, before_bytes, after_bytes }| {
            let ErasedCopy { receipt, also_elsewhere, damaged_values, .. } = report;
            tell!(info, conversations = receipt.conversations, events = receipt.events, "erased");
            Erased { receipt, also_elsewhere, damaged_values, before_bytes, after_bytes }
        }))
    }
}

impl Erase {
    fn write_again(
        &self,
        source: &Source<'_>,
        shared: &Shared,
    ) -> Result<Rewriting<ErasedCopy, EraseError>, EraseError> {
        let Source { from, base, before, .. } = source;
        let Some(replaced) = find(from.as_ref(), &base.pages, &shared.holds, &self.subjects, &self.seed)? else {
            return Ok(Rewriting::Nothing);
        };
        self.expect_closed(&replaced)?;
        let search = Arc::new(Search::of(&self.subjects, &replaced)?);
        let erasing = Erasing { replaced: &replaced, search: &search, base };
        let target = source.begin()?;
        let copy = source.reader_of(&target);
        let reader = Reader { copy: copy.clone(), is_needed: &|| copy.expect_open() };
        let to = target.storage().as_ref();
        let report = self.copy(from.as_ref(), to, &erasing, &reader, target.folder(), &shared.options)?;
        let last_step = {
            let (dir, search, cleaner) = (source.dir().to_owned(), search.clone(), self.cleaner.clone());
            let storages = [target.folder().to_owned(), before.clone()];
            move || expect_nothing(&dir, &storages.each_ref().map(PathBuf::as_path), &search, &cleaner)
        };
        let (position, spoils) = (report.position, Box::new(spoils(search)));
        Ok(Rewriting::Written(Written { target, position, spoils, last_step: Box::new(last_step), report }))
    }
}

/// An event that should have been erased, or a bookmark that would have ended the erasure, spoils the copy.
fn spoils(search: Arc<Search>) -> impl Fn(Late<'_>) -> bool + Send {
    move |late| match late {
        Late::Conversation(image) => search.needles.conversations.contains(&*image.id) || search.subjects.is_of(image),
        Late::Bookmark(bytes) => search.needles.are_in(bytes),
    }
}
