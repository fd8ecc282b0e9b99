//! The Python package `convofold`: the way in for Python, thin round the crate `convofold`.
//!
//! Each file holds what one kind of Python object is made of. What blocks lets go of the interpreter's lock first.

mod error;
mod result;
mod time;
mod stream;
mod state;
mod history;
mod event;
mod report;
mod query;
mod database;
mod changes;
mod scan;
mod arrow;
mod replay;
mod care;

use pyo3::prelude::*;

#[pymodule]
mod _convofold {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::arrow::ArrowTable;
    #[pymodule_export]
    use crate::care::{
        AuditDifference, AuditReport, BackupReport, Lost, RepairReport, RestoreReport, TrimReport, VerifiedCheckpoint,
        VerifyReport, repair, restore,
    };
    #[pymodule_export]
    use crate::changes::{Change, Changes};
    #[pymodule_export]
    use crate::database::Convofold;
    #[pymodule_export]
    use crate::event::Event;
    #[pymodule_export]
    use crate::history::{Arrivals, HistoryEntry};
    #[pymodule_export]
    use crate::query::{AgentLoad, OpenConversation, OpenConversations, Page, Totals};
    #[pymodule_export]
    use crate::replay::{Progress, ReplayReport};
    #[pymodule_export]
    use crate::report::{
        Checkpoint, Counters, EffectCounts, EventExportReport, ExportReport, IngestReport, Latency, Receipt, Recovery,
        Rejection, SkippedCheckpoint, Stats, Ticket,
    };
    #[pymodule_export]
    use crate::scan::{Conversation, Conversations, States};
    #[pymodule_export]
    use crate::state::{AgentRef, Assigned, ByAgent, LastMessage, Member, Session, State, Suspicion};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        crate::error::add_to(module)
    }
}
