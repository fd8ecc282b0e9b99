//! A database on the faulty storage, with its [`Witness`]: the subject of the sweep and the machine.

use std::sync::Arc;
use std::time::Duration;

use convofold_engine::{Subject, Time};

use super::Home;
use super::witness::Witness;
use crate::care::backup::{BackupOptions, restore};
use crate::care::trim::TrimError;
use crate::check::audit::Sample;
use crate::checkpoint::record::has_note_of_damage;
use crate::clock::driven::DrivenClock;
use crate::erase::{Erase, EraseError};
use crate::open::error::OpenError;
use crate::storage::memory::{Call, MemoryStorage};
use crate::write::batch::SubmitError;
use crate::write::error::CommitError;
use crate::{Batch, Convofold, Durability, Options, RewriteError};

/// The time of the first [`message`](super::message); the others follow at intervals of a second.
const BEGINNING_MS: i64 = 1_700_000_000_000;
/// The initial time of the clock.
const CLOCK_BEGINS_MS: u64 = 1_800_000_000_000;

pub(super) struct World {
    home: Home,
    pub(super) storage: Arc<MemoryStorage>,
    clock: Arc<DrivenClock>,
    pub(super) db: Convofold,
    pub(super) witness: Witness,
}

/// Why an operation failed.
#[derive(Debug)]
pub(super) enum Stop {
    /// The database accepts no more writes.
    Poisoned,
    /// The operation was refused, and the database stays usable.
    Refused(String),
}

impl World {
    pub(super) fn new() -> Self {
        let home = Home::in_memory();
        let storage = Arc::new(MemoryStorage::default());
        let clock = DrivenClock::at(CLOCK_BEGINS_MS);
        let db = home.open_on(&storage, options().clock(clock.clock()));
        Self { home, storage, clock, db, witness: Witness::of_an_empty_store() }
    }

    fn options(&self) -> Options {
        options().clock(self.clock.clock())
    }

    /// Sets the wall clock ahead or back.
    pub(super) fn set_clock(&self, by_ms: i64) {
        self.clock.set(self.clock.read().wall_ms.saturating_add_signed(by_ms));
    }

    pub(super) fn submit(&mut self, batch: Batch) -> Result<(), Stop> {
        self.submit_together(vec![batch])
    }

    /// Submits all batches before it waits for the first, so that they may be committed as one group.
    pub(super) fn submit_together(&mut self, batches: Vec<Batch>) -> Result<(), Stop> {
        let tickets: Vec<_> = batches.iter().map(|batch| self.db.submit(batch.clone())).collect();
        let answers = tickets.into_iter().map(|ticket| match ticket {
            Ok(ticket) => ticket.wait().map(drop).map_err(Stop::from),
            Err(SubmitError::Poisoned { .. }) => Err(Stop::Poisoned),
            Err(error) => Err(Stop::Refused(error.to_string())),
        });
        let mut stop = Ok(());
        for (batch, answer) in batches.iter().zip(answers.collect::<Vec<_>>()) {
            match answer {
                Ok(()) => assert!(stop.is_ok(), "a batch was committed after one that was not"),
                Err(error) => {
                    // Answers contain what was acknowledged. The rest may appear after the next opening.
                    if stop.is_ok() {
                        self.expect_answers();
                    }
                    stop = Err(error);
                }
            }
            self.witness.submitted(batch, self.clock.read().wall_ms);
            if stop.is_ok() && batch.durability == Durability::Synced {
                self.witness.synced();
            }
        }
        stop
    }

    /// Compares the answers with the expected state; those about evicted conversations read their pages.
    #[track_caller]
    pub(super) fn expect_answers(&self) {
        self.storage.fail_any.paused(|| self.witness.expect_answers(&self.db));
    }

    /// Evicts every conversation that can be evicted.
    pub(super) fn evict(&mut self) {
        crate::conversations::archive::evict(&self.db.shared().live, 0, 0);
    }

    pub(super) fn sync(&mut self) -> Result<(), Stop> {
        let answer = self.db.sync();
        self.synced(answer)
    }

    pub(super) fn checkpoint(&mut self) -> Result<(), Stop> {
        self.db.checkpoint()?;
        self.witness.checkpointed();
        Ok(())
    }

    /// Drops the log before the `number`th message.
    pub(super) fn trim(&mut self, number: i64) -> Result<(), Stop> {
        let before = Time::from_ms(BEGINNING_MS + number * 1_000).unwrap();
        match self.db.trim_log(before) {
            Err(TrimError::Commit(error)) => Err(error.into()),
            answer => self.synced(answer),
        }
    }

    /// Erases a conversation from the open database, which uses another storage afterwards.
    pub(super) fn erase(&mut self, id: &str) -> Result<(), Stop> {
        let erase = Erase::new([Subject::Conversation(id.to_owned())]).open_too(true);
        let outcome = self.db.erase(&erase);
        if outcome.as_ref().is_ok_and(Option::is_some) {
            self.storage = self.storage.created().unwrap();
            let checkpointed = self.storage.fail_any.paused(|| self.witness.erased(&self.db, id));
            checkpointed.map_err(Stop::refused)?;
        }
        match outcome {
            // A failure of the copy alone leaves everything as it was.
            Err(error) if self.storage.failed().is_empty() => {
                assert!(self.storage.created().is_some_and(|copy| !copy.failed().is_empty()), "{error:?}");
                Ok(())
            }
            Err(EraseError::Rewrite(RewriteError::Commit(error))) => Err(error.into()),
            outcome => outcome.map(drop).map_err(Stop::refused),
        }
    }

    /// Verifies the whole database.
    pub(super) fn verify(&mut self) -> Result<(), Stop> {
        let report = self.db.verify(|_| {}).map_err(Stop::refused)?;
        if report.is_clean() { Ok(()) } else { Err(Stop::Refused(format!("{report:?}"))) }
    }

    pub(super) fn audit(&mut self) -> Result<(), Stop> {
        let report = self.db.audit(Sample::All).map_err(Stop::refused)?;
        if report.is_clean() { Ok(()) } else { Err(Stop::Refused(format!("{report:?}"))) }
    }

    /// Writes a backup and, if `restores` is set, compares the restored database with the expected state.
    pub(super) fn backup(&mut self, restores: bool) -> Result<(), Stop> {
        let shelf = Home::in_memory().dir;
        let file = shelf.path().join("backup");
        let made = self.db.backup(&file, &BackupOptions::new(), |_| {});
        assert_eq!(made.is_ok(), file.exists());
        made.map_err(Stop::refused)?;
        self.witness.synced();
        if restores {
            let restored = shelf.path().join("restored");
            restore(&[&file], &restored, &self.options(), |_| {}).unwrap();
            let again = self.options().open(&restored).unwrap();
            self.witness.expect_whole(&again);
            self.witness.expect_log(&again);
        }
        Ok(())
    }

    fn synced<T, E: Into<Stop>>(&mut self, answer: Result<T, E>) -> Result<(), Stop> {
        answer.map_err(Into::into)?;
        self.witness.synced();
        Ok(())
    }

    /// Closes the database, if it can be closed, and opens it again.
    pub(super) fn close_and_reopen(&mut self) {
        let closed = self.db.close().is_ok();
        if closed {
            self.witness.checkpointed();
        }
        assert_eq!(self.db.close().is_ok(), closed);
        self.storage.fail_any.set(0);
        // No value may be read twice, so that a handle released too late is detected.
        self.storage = MemoryStorage::with(self.storage.contents());
        self.db = self.home.open_on(&self.storage, self.options());
        self.witness.expect_recovered(&self.db);
    }

    /// The database as the next process finds it after a kill that left these contents.
    pub(super) fn survivor(&self, storage: Arc<MemoryStorage>) -> Result<Self, OpenError> {
        let home = self.home.copied_to(Home::in_memory());
        let db = Convofold::open_on(self.options(), &home.path(), storage.clone());
        // The injected fault must not hit the comparison.
        storage.fail_any.set(0);
        let db = db?;
        let mut survivor = Self { home, storage, clock: self.clock.clone(), db, witness: self.witness.clone() };
        survivor.witness.expect_recovered(&survivor.db);
        Ok(survivor)
    }

    /// Replaces a process that was killed with these contents left.
    pub(super) fn go_on_with(&mut self, left: Arc<MemoryStorage>) {
        *self = self.survivor(left).unwrap();
    }

    /// Opens these contents, a damaged copy of the current ones. Either the opening is refused, or the damage does not
    /// affect any value. If a page is damaged, the question that needs it fails, and so the next opening checks every page.
    pub(super) fn expect_refused_or_whole(&self, storage: Arc<MemoryStorage>) {
        let home = self.home.copied_to(Home::in_memory());
        let mut opened = Convofold::open_on(self.options(), &home.path(), storage.clone());
        if let Ok(db) = &opened
            && db.export(&mut std::io::sink()).is_err()
        {
            let _ = db.close();
            assert!(has_note_of_damage(storage.as_ref()).unwrap());
            opened = Convofold::open_on(self.options(), &home.path(), storage);
        }
        match opened {
            Ok(db) => self.witness.expect_whole(&db),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }

    /// Checks after a fault that the database accepts no more writes if one was lost, and stays usable otherwise.
    #[track_caller]
    pub(super) fn expect_poisoned_if_a_write_failed(&mut self) {
        self.storage.fail_any.set(0);
        self.storage.room.set(None);
        let failed = self.storage.failed();
        let wrote = failed.iter().any(|call| *call != Call::Read);
        match self.sync() {
            Ok(()) => {
                assert!(!wrote, "{failed:?}");
                self.witness.expect_log(&self.db);
            }
            Err(Stop::Poisoned) => {
                assert!(!failed.is_empty());
                let refused = self.db.submit(Batch::default());
                assert!(matches!(refused, Err(SubmitError::Poisoned { .. })), "{refused:?}");
            }
            Err(Stop::Refused(error)) => panic!("{error}"),
        }
    }
}

impl Stop {
    fn refused(error: impl std::error::Error) -> Self {
        Self::Refused(error.to_string())
    }
}

impl From<CommitError> for Stop {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Poisoned { .. } => Self::Poisoned,
            other => Self::refused(other),
        }
    }
}

impl From<TrimError> for Stop {
    fn from(error: TrimError) -> Self {
        Self::refused(error)
    }
}

/// Several blocks per batch, and no background work: only what a test requests happens.
pub(super) fn options() -> Options {
    let never = Duration::from_secs(1 << 30);
    Options::new().block_bytes(400).sync_interval(never).checkpoint_log_bytes(u64::MAX)
}
