//! Scans over all conversations.

use parking_lot::Mutex;
use pyo3::prelude::*;

use crate::database::Convofold;
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
            fn new(scan: convofold::Scan<$source>) -> Self {
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

            /// Returns the number of remaining rows.
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

#[pymethods]
impl Convofold {
    /// Returns an iterator over every conversation with its state and history, in the order of first arrival and in bounded
    /// memory. After the database is closed, the iterator continues with what it has in memory and then raises ClosedError.
    fn conversations(&self, py: Python<'_>) -> Result<Conversations, Failure> {
        self.asked(py, convofold::Convofold::scan).map(Conversations::new)
    }

    /// Returns an iterator over the state of every conversation; otherwise like `conversations`.
    fn states(&self, py: Python<'_>) -> Result<States, Failure> {
        self.asked(py, convofold::Convofold::scan_states).map(States::new)
    }
}
