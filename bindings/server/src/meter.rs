//! What the server counts, beside the counters of the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;

/// Totals since the server was started.
#[derive(Default)]
pub(crate) struct Meter {
    /// By source and status.
    webhooks: Mutex<BTreeMap<(&'static str, u16), u64>>,
    /// By reason.
    rejections: Mutex<BTreeMap<String, u64>>,
    pub(crate) retries_seen: AtomicU64,
    pub(crate) connections_refused: Arc<AtomicU64>,
}

impl Meter {
    pub(crate) fn webhook(&self, source: &'static str, status: u16) {
        *self.webhooks.lock().entry((source, status)).or_default() += 1;
    }

    pub(crate) fn rejected(&self, reason: String) {
        *self.rejections.lock().entry(reason).or_default() += 1;
    }

    pub(crate) fn webhooks(&self) -> Vec<(&'static str, u16, u64)> {
        self.webhooks.lock().iter().map(|((source, status), count)| (*source, *status, *count)).collect()
    }

    pub(crate) fn rejections(&self) -> Vec<(String, u64)> {
        self.rejections.lock().iter().map(|(reason, count)| (reason.clone(), *count)).collect()
    }
}
