//! Legal holds: place, lift, list.

use convofold_engine::Subject;

use crate::api::handle::Convofold;
pub use crate::state::holds::Hold;
use crate::state::holds::HoldChange;
use crate::trace::tell;
use crate::write::error::CommitError;
use crate::write::writer::Command;

/// Maximum length of the reason for a hold, in bytes.
const MAX_REASON_BYTES: usize = 4 << 10;

/// Why a hold was not placed or lifted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError {
    /// The reason is empty or too long. Nothing has changed.
    #[error("expected a reason of 1 to {max_bytes} bytes, found {found_bytes} bytes")]
    Reason {
        /// The maximum length.
        max_bytes: usize,
        /// The length of the reason.
        found_bytes: usize,
    },
    /// There is no hold with this number: it never existed, or was lifted.
    #[error("there is no legal hold {number}")]
    Unknown {
        /// The number.
        number: u64,
    },
    /// Writing failed. After a failed write the next opening knows whether there is such a hold.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Convofold {
    /// Places a legal hold: until it is lifted, the conversations of this subject are neither erased nor removed by retention,
    /// whether they exist or come later. Returns its number.
    ///
    /// It is durable when this returns, and backups, restored and repaired databases have it. It changes no state and no
    /// hash. While a compaction, an erasure or a run of retention is running, this waits for its end. The subject and the reason
    /// are personal data; [`Convofold::lift_hold`] removes them.
    ///
    /// # Errors
    /// [`HoldError`].
    pub fn hold(&self, subject: Subject, reason: impl Into<String>) -> Result<u64, HoldError> {
        let reason = reason.into();
        if reason.trim().is_empty() || reason.len() > MAX_REASON_BYTES {
            return Err(HoldError::Reason { max_bytes: MAX_REASON_BYTES, found_bytes: reason.len() });
        }
        let at_ms = self.shared().options.clock.read().wall_ms;
        let change = HoldChange::Place { subject, reason, at_ms };
        let number = self.change_holds(change)?.unwrap_or_default();
        tell!(info, number, "a legal hold was placed");
        Ok(number)
    }

    /// Lifts the hold with this number. Conversations that no other hold keeps can be erased again. Waits like
    /// [`Convofold::hold`].
    ///
    /// # Errors
    /// [`HoldError`].
    pub fn lift_hold(&self, number: u64) -> Result<(), HoldError> {
        self.change_holds(HoldChange::Lift { number })?.ok_or(HoldError::Unknown { number })?;
        tell!(info, number, "a legal hold was lifted");
        Ok(())
    }

    /// All legal holds, in the order of their numbers.
    #[must_use]
    pub fn holds(&self) -> Vec<Hold> {
        self.shared().holds.all()
    }

    fn change_holds(&self, change: HoldChange) -> Result<Option<u64>, CommitError> {
        // So that no copy of the storage lacks the change, and nothing is erased that a hold keeps.
        let _nobody_copies = self.shared().compacting.lock();
        self.request(|completer| Command::Hold(change, completer))
    }
}
