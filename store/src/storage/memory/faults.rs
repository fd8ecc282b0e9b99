//! The faults that a test injects into a [`MemoryStorage`](super::MemoryStorage), and a record of what failed.

use std::io;

use parking_lot::Mutex;

use crate::storage::StorageError;

/// Counts calls down to the one that fails.
#[derive(Default)]
pub(crate) struct Countdown(Mutex<Plan>);

#[derive(Clone, Copy, Default)]
struct Plan {
    /// The call that fails, counted from now. 0: no call fails.
    at: u64,
    fault: Fault,
    repeats: bool,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The call has no effect.
    #[default]
    Undone,
    /// The call has its full effect, and still reports a failure.
    Done,
    /// The call has no effect because the disk is full.
    NoSpace,
}

impl Countdown {
    /// Makes the n-th call from now on and all later calls fail without effect. 0: never.
    pub(crate) fn set(&self, at: u64) {
        self.arm(at, Fault::Undone, true);
    }

    /// Makes the n-th call from now on fail in this way, and if `repeats` is set all later calls too.
    pub(crate) fn arm(&self, at: u64, fault: Fault, repeats: bool) {
        *self.0.lock() = Plan { at, fault, repeats };
    }

    /// Runs `look` without faults.
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

/// The number of bytes that can still be written. `None`: no limit.
#[derive(Default)]
pub(crate) struct Room(Mutex<Option<u64>>);

impl Room {
    pub(crate) fn set(&self, bytes: Option<u64>) {
        *self.0.lock() = bytes;
    }

    pub(super) fn is_limited(&self) -> bool {
        self.0.lock().is_some()
    }

    /// Takes this number of bytes, or nothing if fewer are left.
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

/// A call that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Read,
    Append,
    DeleteBlocks,
    DeletePages,
    PutPages,
    PutRecord,
    DeleteRecord,
    Create,
    Load,
    Barrier,
}

/// A deterministic random number generator: the same seed gives the same numbers.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `end`. 0 if `end` is 0.
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
