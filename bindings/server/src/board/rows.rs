//! The rows of boards as JSON, each made once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use convofold::{ConversationRow, Convofold, State, StorageError, View};
use parking_lot::Mutex;
use serde_json::value::{RawValue, to_raw_value};

/// The number of rows from which unused ones are dropped.
const KEPT_ROWS: usize = 4_096;
/// The time after which a row is unused.
const UNUSED_AFTER: Duration = Duration::from_secs(60);

/// The JSON of rows that were shown lately. A row that did not change costs a lookup.
#[derive(Default)]
pub(crate) struct Rows {
    shown: Mutex<HashMap<(Arc<str>, bool), Shown>>,
}

struct Shown {
    /// The row in the index. Every event of its conversation replaces it there by another one.
    row: Arc<ConversationRow>,
    json: Arc<RawValue>,
    used: Instant,
}

impl Rows {
    /// The JSON of these rows with their last messages, with or without texts. A last message can be newer than its row.
    pub(crate) fn json(
        &self,
        db: &Convofold,
        rows: &[Arc<ConversationRow>],
        has_texts: bool,
    ) -> Result<Vec<Arc<RawValue>>, StorageError> {
        let json = rows.iter().map(|row| self.one(db, row, has_texts)).collect();
        self.drop_unused();
        json
    }

    fn one(&self, db: &Convofold, row: &Arc<ConversationRow>, has_texts: bool) -> Result<Arc<RawValue>, StorageError> {
        let key = (row.id().into(), has_texts);
        if let Some(known) = self.shown.lock().get_mut(&key).filter(|known| Arc::ptr_eq(&known.row, row)) {
            known.used = Instant::now();
            return Ok(known.json.clone());
        }
        // Without the lock: the conversation may have to be read from the disk.
        let json = with_last_message(row, db.state(row.id())?, has_texts);
        self.shown.lock().insert(key, Shown { row: row.clone(), json: json.clone(), used: Instant::now() });
        Ok(json)
    }

    /// Forgets everything: conversations were erased.
    pub(crate) fn forget(&self) {
        self.shown.lock().clear();
    }

    fn drop_unused(&self) {
        let mut shown = self.shown.lock();
        if shown.len() > KEPT_ROWS {
            shown.retain(|_, row| row.used.elapsed() < UNUSED_AFTER);
        }
    }
}

/// The JSON of these rows at a moment, with their last messages of then.
pub(super) fn json_at(
    then: &View,
    rows: &[Arc<ConversationRow>],
    has_texts: bool,
) -> Result<Vec<Arc<RawValue>>, StorageError> {
    rows.iter().map(|row| Ok(with_last_message(row, then.state(row.id())?, has_texts))).collect()
}

fn with_last_message(row: &ConversationRow, state: Option<State>, has_texts: bool) -> Arc<RawValue> {
    let mut shown = row.clone();
    shown.last_message = state.and_then(|state| state.last_message).map(Box::new);
    if let Some(message) = shown.last_message.as_mut().filter(|_| !has_texts) {
        message.text.clear();
    }
    to_raw_value(&shown).unwrap_or_default().into()
}
