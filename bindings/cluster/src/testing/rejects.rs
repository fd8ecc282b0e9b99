//! Rejects in memory.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::follow::rejects::{Rejected, Rejects, RejectsError};

/// Rejects in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct KeptRejects {
    shared: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    messages: Vec<Rejected>,
    is_full: bool,
}

impl KeptRejects {
    /// The messages that were kept, in this order.
    #[must_use]
    pub fn messages(&self) -> Vec<Rejected> {
        self.shared.lock().messages.clone()
    }

    /// Whether keeping fails from now on.
    pub fn set_full(&self, is_full: bool) {
        self.shared.lock().is_full = is_full;
    }
}

impl Rejects for KeptRejects {
    fn keep(&mut self, rejected: &Rejected) -> Result<(), RejectsError> {
        let mut kept = self.shared.lock();
        if kept.is_full {
            return Err(RejectsError { why: "the table is full".to_owned() });
        }
        kept.messages.push(rejected.clone());
        Ok(())
    }
}
