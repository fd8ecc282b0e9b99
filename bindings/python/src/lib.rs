//! The Python package `convofold`: a thin layer over the crate `convofold`.
//!
//! Each file holds one kind of Python object. Calls that block release the interpreter's lock first.

mod error;
mod result;
mod names;
mod number;
mod time;
mod wait;
mod stream;
mod state;
mod history;
mod json;
mod explain;
mod suspects;
mod event;
mod report;
mod database;
mod view;
mod query;
mod changes;
mod scan;
mod diff;
mod arrow;
mod questions;
mod measures;
mod replay;
mod care;
mod personal;
#[cfg(feature = "stub")]
mod stub;

use pyo3::prelude::*;

/// The part of the package `convofold` that is written in Rust.
#[pymodule]
mod _convofold {
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name is that of Python")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use crate::arrow::ArrowTable;
    #[pymodule_export]
    use crate::care::{
        AuditDifference, AuditReport, BackupReport, Compacted, Lost, RepairReport, RestoreReport, TrimReport,
        VerifiedCheckpoint, VerifyReport, repair, restore,
    };
    #[pymodule_export]
    use crate::changes::{Change, Changes};
    #[pymodule_export]
    use crate::database::Convofold;
    #[pymodule_export]
    use crate::diff::Diff;
    #[pymodule_export]
    use crate::event::Event;
    #[pymodule_export]
    use crate::explain::{Explanation, Reason};
    #[pymodule_export]
    use crate::history::{Arrivals, Conflict, ConflictingField, HistoryEntry};
    #[pymodule_export]
    use crate::personal::{Disclosed, Erasable, Erased, Erasure, Hold, Retained, RetentionHorizon, RetentionRun};
    #[pymodule_export]
    use crate::query::{AgentLoad, ConversationRow, ConversationRows, Page, Totals, UnknownValue};
    #[pymodule_export]
    use crate::replay::{InputProblem, Progress, ReplayReport};
    #[pymodule_export]
    use crate::report::{
        Checkpoint, Counters, EffectCounts, EventExportReport, ExportReport, IngestReport, Latency, Receipt, Recovery,
        Rejection, SkippedCheckpoint, Stats, Ticket,
    };
    #[pymodule_export]
    use crate::scan::{Conversation, Conversations, States};
    #[pymodule_export]
    use crate::state::{AgentRef, Assigned, ByAgent, LastMessage, Member, Session, State, Suspicion};
    #[pymodule_export]
    use crate::suspects::{Loss, Suspects, SuspectsOfDay, SuspectsOfKind};
    #[pymodule_export]
    use crate::view::{MomentReport, View};
}
