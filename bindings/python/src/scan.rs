//! Scans over all conversations.

use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::error::Failure;
use crate::history::HistoryEntry;
use crate::result::{Show, result};
use crate::state::State;

result! {
    /// A conversation with its state and its history.
    Conversation from convofold::ConversationRecord {
        /// The state.
        state: State,
        /// The events, in the order in which they happened.
        history: Vec<HistoryEntry>,
    }
}

/// Declares an iterator over a scan.
macro_rules! scan {
    ($(#[$doc:meta])* $name:ident of $row:ident from $source:ty) => {
        $(#[$doc])*
        #[pyclass(frozen, module = "convofold")]
        pub(crate) struct $name(Mutex<convofold::Scan<$source>>);

        impl $name {
            pub(crate) fn new(scan: convofold::Scan<$source>) -> Self {
                Self(Mutex::new(scan))
            }
        }

        #[pymethods]
        impl $name {
            fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
                slf
            }

            fn __next__(&self, py: Python<'_>) -> Result<Option<$row>, Failure> {
                let next = py.detach(|| self.0.lock().next());
                Ok(next.transpose()?.show())
            }

            /// Returns the number of remaining rows; of a view, the maximum.
            fn __length_hint__(&self, py: Python<'_>) -> usize {
                py.detach(|| self.0.lock().remaining())
            }
        }
    };
}

scan! {
    /// An iterator over every conversation.
    Conversations of Conversation from convofold::ConversationRecord
}

scan! {
    /// An iterator over the state of every conversation.
    States of State from convofold::State
}
