#![doc = include_str!("../../../README.md")]
#![forbid(unsafe_code)]

// What an event is, and what can be asked.
pub use convofold_engine::ingest;
pub use convofold_engine::{
    AIRSHIP, AgentFilter, AgentLoad, AgentMention, AgentRef, Arrivals, Assigned, At, ByAgent, ContentHash, Cursor,
    DEFAULT_MAX_ID_BYTES, Difference, Direction, Draft, DraftError, Effect, Event, FOLD_VERSION, HistoryEntry,
    Identity, Kind, LastMessage, Member, Mention, OpenConversation, OpenedBy, Page, Query, QueryError, SUPEROFFICE,
    Seq, Session, SessionState, SessionStatus, Sort, State, StateHash, Status, SuspectField, Suspicion, Time,
    TimeError, Totals,
};

// The store.
pub use convofold_store::{
    Batch, Change, Changes, ChangesError, Checkpoint, CloseError, CommitError, Conversation, Convofold, Counters,
    Damage, Doubt, Durability, EffectCounts, EventExportReport, ExportEventsError, ExportReport, IgnoredCounts,
    IngestError, IngestOptions, IngestReport, LatencyHistogram, OpenError, Options, Receipt, Recovery, Scan,
    SkipReason, SkippedCheckpoint, Stats, StopHandle, StorageError, SubmitError, Ticket, TrimError, Trimmed,
};
pub use convofold_store::{audit, backup, repair, replay, verify};

/// The pure core, for tests and tools that want the fold without a disk.
pub mod engine {
    pub use convofold_engine::{
        Admission, Admissions, ArrivalCounts, Batch, Board, Context, ConversationImage, Fact, ImageError, Index, Update,
    };
}
