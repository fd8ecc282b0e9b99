//! Verification of the kept checkpoints: the record, the pages, and every conversation compared with the fold at their
//! log position.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use convofold_engine::{Board, ConversationImage, FOLD_VERSION, StateHash};

use super::compare::{self, CompareAs};
use super::{Problem, VerifiedCheckpoint, VerifyError, VerifyReport};
use crate::checkpoint::error::{LoadError, SkipReason};
use crate::checkpoint::heads::{LIST_PAGES, checksum_of, list_count, read_list};
use crate::checkpoint::load::load_page;
use crate::checkpoint::record::{generations, position_of, read, record_name};
use crate::conversations::page::PAGE_SLOTS;
use crate::format::block::LogPosition;
use crate::format::checkpoint::{self as record, CheckpointRecord};
use crate::format::page_head::{PageHead, StoredHead};
use crate::log::events::settle;
use crate::state::shared::Shared;
use crate::state::snapshot::Snapshot;
use crate::storage::{ReadStorage, StorageError};

/// Checkpoints whose log position the fold has not reached yet.
pub(super) struct Checkpoints<'a> {
    shared: &'a Shared,
    storage: &'a dyn ReadStorage,
    waiting: Vec<CheckpointRecord>,
    /// Number of checkpoints begun when the verification started; a later one may overwrite pages of the waiting ones.
    begun: u64,
}

impl<'a> Checkpoints<'a> {
    pub(super) fn find(
        shared: &'a Shared,
        storage: &'a Arc<dyn ReadStorage>,
        snapshot: &Snapshot,
        report: &mut VerifyReport,
    ) -> Result<Self, VerifyError> {
        let begun = shared.log_figures.checkpoints_begun.load(Ordering::SeqCst);
        let mut checkpoints = Self { shared, storage: storage.as_ref(), waiting: Vec::new(), begun };
        for generation in generations(storage.as_ref())? {
            checkpoints.expect(generation, snapshot, report)?;
        }
        Ok(checkpoints)
    }

    fn expect(&mut self, generation: u64, snapshot: &Snapshot, report: &mut VerifyReport) -> Result<(), VerifyError> {
        let read = read(self.storage.record(&record_name(generation)))?;
        let mut found = VerifiedCheckpoint { generation, seq: 0, conversations: 0, compared: false };
        let mut problem = |why: String| report.add(Problem::Checkpoint { generation, why });
        match read.and_then(|value| record::open(generation, &value)) {
            // A checkpoint requested meanwhile may have replaced it after the list was read.
            _ if self.is_superseded() => {}
            Err(why) => problem(format!("its record is damaged: {why}")),
            Ok(record) => {
                found.seq = record.last_seq;
                if record.page_slots != PAGE_SLOTS {
                    problem(format!("expected {PAGE_SLOTS} conversations a page, found {}", record.page_slots));
                } else if position_of(&record).block_no > snapshot.position.block_no {
                    problem(format!("it contains event {}, which is after the end of the log", record.last_seq));
                } else {
                    self.waiting.push(record);
                }
            }
        }
        report.checkpoints.push(found);
        Ok(())
    }

    fn is_superseded(&self) -> bool {
        self.shared.log_figures.checkpoints_begun.load(Ordering::SeqCst) != self.begun
    }

    /// Checks the checkpoints that were written at this log position.
    pub(super) fn check_at(
        &mut self,
        position: LogPosition,
        board: &mut Board,
        bookmarks: &BTreeMap<String, Vec<u8>>,
        report: &mut VerifyReport,
    ) -> Result<(), VerifyError> {
        let is_here = |record: &mut CheckpointRecord| position_of(record).block_no == position.block_no;
        for record in self.waiting.extract_if(.., is_here).collect::<Vec<_>>() {
            settle(board);
            let generation = record.generation;
            let mut check = Check { storage: self.storage, record: &record, board, problems: Vec::new(), compared: 0 };
            check.place(position);
            check.bookmarks(bookmarks);
            check.pages()?;
            let Check { problems, compared, .. } = check;
            if self.is_superseded() {
                // A later checkpoint may have overwritten its pages.
                continue;
            }
            if !problems.is_empty() {
                self.shared.archive.set_damaged();
            }
            report.add_all(problems);
            for found in report.checkpoints.iter_mut().filter(|found| found.generation == generation) {
                found.compared = true;
                found.conversations = compared;
            }
        }
        Ok(())
    }
}

/// One checkpoint and the fold at its log position.
struct Check<'a> {
    storage: &'a dyn ReadStorage,
    record: &'a CheckpointRecord,
    board: &'a Board,
    problems: Vec<Problem>,
    compared: u64,
}

impl Check<'_> {
    fn problem(&mut self, why: impl Into<String>) {
        self.problems.push(Problem::Checkpoint { generation: self.record.generation, why: why.into() });
    }

    fn place(&mut self, position: LogPosition) {
        if position_of(self.record) != position {
            self.problem("its log position is not in the log");
        }
        let (expected, found) = (self.board.slot_count(), self.record.slot_count);
        if expected != found {
            self.problem(format!("expected {expected} conversations, found {found}"));
        }
    }

    fn bookmarks(&mut self, expected: &BTreeMap<String, Vec<u8>>) {
        let found: BTreeMap<_, _> = self.record.bookmarks.iter().cloned().collect();
        for name in compare::unequal_bookmarks(expected, &found) {
            self.problem(format!("bookmark {name:?} differs from the log"));
        }
    }

    fn pages(&mut self) -> Result<(), StorageError> {
        let (storage, record) = (self.storage, self.record);
        let mut lists = Vec::new();
        for list_no in 0..list_count(record) {
            match read_list(storage, record, list_no) {
                Ok((heads, list)) => {
                    lists.push(list);
                    for (page_no, head) in (list_no * LIST_PAGES..).zip(&heads) {
                        self.page(page_no, head)?;
                    }
                }
                Err(error) => self.unusable(error)?,
            }
        }
        let all = lists.len() as u64 == u64::from(list_count(record));
        if all && checksum_of(&lists).to_le_bytes() != record.heads_checksum {
            self.problem("the checksum of its pages is wrong");
        }
        Ok(())
    }

    fn page(&mut self, page_no: u32, head: &StoredHead) -> Result<(), StorageError> {
        let (storage, first_slot) = (self.storage, page_no * PAGE_SLOTS);
        let mut next_slot = first_slot;
        let mut take = |image| {
            self.conversation(next_slot, image);
            next_slot += 1;
        };
        let read = head.entry().and_then(|entry| Ok((entry, head.head()?)));
        let read = read.map_err(|why| SkipReason::Page { page_no, why }.into());
        match read.and_then(|(entry, head)| load_page(storage, page_no, entry, &mut take).map(|()| head)) {
            Ok(head) => {
                self.head(page_no, first_slot, &head);
                Ok(())
            }
            Err(error) => self.unusable(error),
        }
    }

    fn unusable(&mut self, error: LoadError) -> Result<(), StorageError> {
        match error {
            LoadError::Skip(why) => self.problem(why.to_string()),
            LoadError::Storage(error) => return Err(error),
            LoadError::Shortened { .. } => {}
        }
        Ok(())
    }

    /// Compares the outlines of the conversations of a page.
    fn head(&mut self, page_no: u32, first_slot: u32, head: &PageHead) {
        if head.fold_version != FOLD_VERSION {
            return;
        }
        let mut hash = StateHash::default();
        for (found, slot) in head.outlines.iter().zip(first_slot..) {
            let Some(expected) = self.board.outline(slot) else { continue };
            if expected != *found {
                self.problem(format!("page {page_no}: expected the outline {expected:?}, found {found:?}"));
            }
            let state = self.board.id(slot).and_then(|id| self.board.state(id));
            hash = hash.plus(state.map(|state| StateHash::of_state(&state)).unwrap_or_default());
        }
        if hash != head.hash {
            self.problem(format!("page {page_no}: expected the hash {hash}, found {}", head.hash));
        }
    }

    fn conversation(&mut self, slot: u32, found: ConversationImage) {
        self.compared += 1;
        let Some(expected) = self.board.image(slot) else { return };
        let generation = self.record.generation;
        let of = CompareAs::Checkpoint { generation };
        if !compare::same_memory(&expected, &found) {
            self.problems.extend(compare::images(of, &expected, &found));
            let state = |image: ConversationImage| {
                let id = image.id.clone();
                let mut board = Board::new();
                board.load(0, image).ok().and_then(|()| board.state(&id))
            };
            self.problems.extend(compare::states(
                of,
                &expected.id,
                self.board.state(&expected.id).as_ref(),
                state(found).as_ref(),
            ));
        }
    }
}
