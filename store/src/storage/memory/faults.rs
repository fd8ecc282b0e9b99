//! What a [`MemoryStorage`](super::MemoryStorage) is told to do wrong, and what it did.

use std::io;

use parking_lot::Mutex;

use crate::storage::StorageError;

/// Counts calls down to the one that fails.
#[derive(Default)]
pub(crate) struct Countdown(Mutex<Plan>);

#[derive(Clone, Copy, Default)]
struct Plan {
    /// The call that fails, counted from now; 0 is none.
    at: u64,
    fault: Fault,
    repeats: bool,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    /// With nothing done.
    #[default]
    Undone,
    /// With everything done, as where only the answer is lost.
    Done,
    /// With nothing done for lack of room.
    NoSpace,
}

impl Countdown {
    /// Fails the nth call from now on, and all after it, with nothing done; 0 is never.
    pub(crate) fn set(&self, at: u64) {
        self.arm(at, Fault::Undone, true);
    }

    /// Fails the nth call from now on in this way, and where `repeats` all after it.
    pub(crate) fn arm(&self, at: u64, fault: Fault, repeats: bool) {
        *self.0.lock() = Plan { at, fault, repeats };
    }

    /// Lets nothing fail while `look` looks.
    pub(crate) fn paused<T>(&self, look: impl FnOnce() -> T) -> T {
        let plan = std::mem::take(&mut *self.0.lock());
        let found = look();
        *self.0.lock() = plan;
        found
    }

    pub(super) fn is_armed(&self) -> bool {
        self.0.lock().at > 0
    }

    pub(super) fn call(&self) -> Option<Fault> {
        let mut plan = self.0.lock();
        match plan.at {
            0 => None,
            1 => {
                plan.at = u64::from(plan.repeats);
                Some(plan.fault)
            }
            _ => {
                plan.at -= 1;
                None
            }
        }
    }
}

impl Fault {
    pub(super) fn error(self) -> StorageError {
        match self {
            Self::Undone | Self::Done => StorageError::MadeToFail,
            Self::NoSpace => no_space(),
        }
    }
}

/// How many more bytes can be written; `None` is no limit.
#[derive(Default)]
pub(crate) struct Room(Mutex<Option<u64>>);

impl Room {
    pub(crate) fn set(&self, bytes: Option<u64>) {
        *self.0.lock() = bytes;
    }

    pub(super) fn is_limited(&self) -> bool {
        self.0.lock().is_some()
    }

    /// Takes up so much, or nothing where there is less.
    pub(super) fn take(&self, bytes: usize) -> Result<(), StorageError> {
        let mut room = self.0.lock();
        let Some(left) = *room else { return Ok(()) };
        *room = Some(left.checked_sub(bytes as u64).ok_or_else(no_space)?);
        Ok(())
    }
}

fn no_space() -> StorageError {
    StorageError::Io { doing: "writing", source: io::ErrorKind::StorageFull.into() }
}

/// Which of the calls that can fail was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    Append,
    DeleteBlocks,
    DeletePages,
    PutPages,
    PutRecord,
    DeleteRecord,
    Barrier,
}

/// Numbers that look like chance and are the same for the same seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`; 0 where that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % end.max(1) as u64).unwrap()
    }
}
