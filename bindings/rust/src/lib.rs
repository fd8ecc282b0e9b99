//! An embedded conversation-state engine. It turns live-chat events into the durable state of every conversation: which
//! conversations are open, who is assigned, what is unread, and who is waiting.
//!
//! convofold is a library. It reads Airship Live Chat events, SuperOffice `chatsession.*` webhooks and events that the host
//! creates, stores them in a durable log, and answers queries from memory. The state is a function of the *set* of events: late,
//! repeated or reordered events and crashes do not change the result, byte for byte.
//!
//! # Open a database and ingest a webhook
//!
//! ```
//! # #[cfg(feature = "airship")] {
//! use convofold::Convofold;
//! use convofold::ingest::Format;
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path().join("conversations");
//! let db = Convofold::open(&folder)?;
//!
//! // One event, an array of events, or lines. When this returns, the events are durable.
//! let body = br#"{"occurred":"2026-03-02T09:15:00Z","body":{"name":"live_chat_message","interaction_type":"sms_in",
//!     "transaction":"t-1","properties":{"message":{"agent_name":"Ida","message":"Is the shop open today?"}}}}"#;
//! let report = db.ingest(body, Format::Auto)?;
//! assert_eq!((report.counts.applied, report.rejections.len()), (1, 0));
//!
//! // Ingesting the same event again changes nothing.
//! assert_eq!(db.ingest(body, Format::Auto)?.counts.duplicates, 1);
//! # db.close()?;
//! # }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! A rejected event does not affect the others: [`IngestReport::rejected`] counts them, [`IngestReport::rejections`] gives the
//! position and the reason of the first ones.
//!
//! # Create events
//!
//! Build an [`Event`] from a [`Draft`], and submit events in a [`Batch`]. A batch is committed completely or not at all. Wait for
//! the [`Ticket`], poll it, or await it on any executor. A batch can contain a bookmark, which is committed together with the
//! events; this makes any upstream exactly-once.
//!
//! ```
//! use convofold::{Batch, Convofold, Direction, Draft, Kind, Time};
//!
//! # let folder = tempfile::tempdir()?;
//! # let db = Convofold::open(folder.path().join("conversations"))?;
//! let event = Draft::new("helpdesk", "case-7", Kind::Message, Time::from_ms(1_772_443_000_000))
//!     .direction(Direction::In)
//!     .text("Is anybody there?")
//!     .build()?;
//! let ticket = db.submit(Batch::new(vec![event]).bookmark("helpdesk", "offset 4711"))?;
//! let receipt = ticket.wait()?; // or: ticket.await?
//! assert_eq!(receipt.counts.applied, 1);
//! assert_eq!(db.bookmark("helpdesk").as_deref(), Some(b"offset 4711".as_slice()));
//! # db.close()?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Query
//!
//! ```
//! use convofold::{Convofold, Query, Sort};
//! # use convofold::ingest::Format;
//!
//! # let folder = tempfile::tempdir()?;
//! # let db = Convofold::open(folder.path().join("conversations"))?;
//! # let line = r#"{"convofold":1,"source":"desk","conversation":"c-1","kind":"message","direction":"in","occurred":"2026-03-02T09:15:00Z","agent":{"name":"Ida"}}"#;
//! # db.ingest(line.as_bytes(), Format::Auto)?;
//! // Ida's open conversations, longest waiting first.
//! let mut query = Query::new().agent("Ida").sort(Sort::Waiting).limit(50);
//! loop {
//!     let page = db.query(&query)?;
//!     for row in &page.rows {
//!         println!("{}: {} unread, waiting since {:?}", row.id(), row.unread, row.waiting_since);
//!     }
//!     let Some(next) = page.next else { break };
//!     query = query.cursor(next);
//! }
//!
//! // All about one conversation, open or closed.
//! let state = db.state("c-1")?.expect("a known conversation");
//! assert_eq!((state.unread, state.messages_in), (1, 1));
//! println!("{} events", db.history("c-1")?.unwrap_or_default().len());
//! for load in db.agents() {
//!     println!("{:?}: {} open, {} waiting", load.agent, load.open, load.waiting);
//! }
//! # db.close()?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Follow
//!
//! The change feed returns every event from any [`Seq`] on, without gaps or repetitions: first the stored events, then new ones
//! as they arrive. It returns an event only after the event survives a power cut. To resume, store the [`Seq`] of the last
//! processed event and start at the next one.
//!
//! ```
//! use std::time::Duration;
//!
//! use convofold::{Change, Convofold};
//! # use convofold::ingest::Format;
//!
//! # let folder = tempfile::tempdir()?;
//! # let db = Convofold::open(folder.path().join("conversations"))?;
//! # let line = r#"{"convofold":1,"source":"desk","conversation":"c-1","kind":"close","occurred":"2026-03-02T09:15:00Z"}"#;
//! # db.ingest(line.as_bytes(), Format::Auto)?;
//! let mut changes = db.changes(1);
//! while let Some(Change { seq, event, .. }) = changes.next_timeout(Duration::from_millis(20))? {
//!     println!("{seq}: {:?} of {}", event.kind(), event.conversation());
//! }
//! # assert_eq!(changes.next_seq(), 2);
//! # db.close()?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! A feed is also an asynchronous stream, for any executor:
//!
//! ```
//! # use convofold::{Change, Convofold};
//! # use convofold::ingest::Format;
//! # let folder = tempfile::tempdir()?;
//! # let db = Convofold::open(folder.path().join("conversations"))?;
//! # let line = r#"{"convofold":1,"source":"desk","conversation":"c-1","kind":"close","occurred":"2026-03-02T09:15:00Z"}"#;
//! # db.ingest(line.as_bytes(), Format::Auto)?;
//! let mut changes = db.changes(1);
//! # changes.stop_handle().stop();
//! let followed = async move {
//!     while let Some(change) = changes.next().await {
//!         println!("{}", change?.seq);
//!     }
//!     Ok::<_, convofold::ChangesError>(changes.next_seq())
//! };
//! # assert_eq!(pollster::block_on(followed)?, 2);
//! # db.close()?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Checkpoint, close, reopen
//!
//! ```
//! use convofold::Convofold;
//! # use convofold::ingest::Format;
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path().join("conversations");
//! # let db = Convofold::open(&folder)?;
//! # let line = r#"{"convofold":1,"source":"desk","conversation":"c-1","kind":"close","occurred":"2026-03-02T09:15:00Z"}"#;
//! # db.ingest(line.as_bytes(), Format::Auto)?;
//! // Also written automatically and by `close`, so that opening does not have to replay the whole log.
//! db.checkpoint()?;
//! let hash = db.state_hash();
//! db.close()?;
//!
//! let again = Convofold::open(&folder)?;
//! assert_eq!(again.recovery().events_replayed, 0);
//! assert_eq!(again.state_hash(), hash);
//! # again.close()?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Durability
//!
//! | durability | killed process | system crash, power cut | damaged file |
//! |---|---|---|---|
//! | [`Durability::Synced`], the default | survives | survives | detected and reported; [`repair`] recovers what can be read |
//! | [`Durability::Buffered`] | the last 100 ms can be lost | the last 100 ms can be lost | as above |
//!
//! A bookmark is lost or kept together with the events of its batch. Lost events are always the last ones of the log. After a
//! failed write a database still answers queries, but accepts no events ([`SubmitError::Poisoned`]) until it is opened again.
//! These guarantees require a local disk that implements `fdatasync` correctly; see `docs/durability.md` for details and tests.
//!
//! # Threads, executors, errors
//!
//! One process writes to a database at a time, or any number of processes read it ([`Options::read_only`]); reading changes
//! nothing in the directory, so a read-only file system is enough. A host that holds its database open lets the commands of
//! `convofold` work on it meanwhile with `convofold_server::answer(&db)`, from the crate `convofold-server`.
//!
//! A [`Convofold`] is a handle: it is `Clone`, `Send` and `Sync`. One background thread does all writing. Queries about many
//! conversations never wait for the disk. A query about one conversation that is not in memory ([`Options::memory_bytes`]) reads
//! one page. If the queue is full, [`Convofold::submit`] blocks and [`Convofold::try_submit`] returns the batch. convofold needs
//! no asynchronous runtime: in asynchronous code, call `try_submit` and
//! await the ticket, and follow the change feed as a stream.
//!
//! Each operation has its own error type. It lists what can fail, documents the state after the failure, and returns the cause
//! from [`source`](std::error::Error::source). An event that is late, repeated or in conflict with another one is not an error;
//! it is reported as an [`Effect`].
//!
//! # Monitoring
//!
//! [`Convofold::counters`] returns a snapshot of all counters. The feature `metrics` publishes them through the facade of that
//! name. The feature `tracing` emits spans and events for openings, checkpoints, damage and failed writes, with the target
//! `convofold`.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `airship` | yes | the parser of Airship Live Chat |
//! | `superoffice` | yes | the parser of SuperOffice webhooks, and the verification of their signatures |
//! | `serde` | no | `Serialize` on all results and reports, with the same JSON as in the other bindings; `Deserialize` on some |
//! | `tracing` | no | spans and events for operators |
//! | `metrics` | no | the module `metrics` |
//!
//! A host that only creates its own events can turn the default features off. The parser of convofold's own format
//! ([`Event::export_line`]) is always included, and the types of the engine, such as [`Event`] and [`State`], are always
//! `Serialize`.
//!
//! # Overview
//!
//! - **database**: [`Convofold`], [`Options`], [`Batch`], [`Ticket`], [`Receipt`], [`Durability`], [`Stats`], [`Counters`]
//! - **events**: [`Draft`], [`Event`], [`Kind`], [`Time`], [`Identity`], [`AgentMention`]; from bytes: [`ingest`], [`IngestReport`]
//! - **queries**: [`Query`], [`Page`], [`ConversationRow`], [`AgentLoad`], [`Totals`], [`Convofold::with_index`]
//! - **one conversation**: [`State`], [`HistoryEntry`], [`Step`], [`Arrivals`], [`Conflict`]
//! - **the past**: [`Convofold::at`], [`View`], [`Moment`], [`When`]; what changed, and what events would change: [`diff`]
//! - **change feed**: [`Changes`], [`Change`], [`StopHandle`], [`Seq`]
//! - **bulk import and export**: [`replay`], [`Scan`], [`Convofold::export`], [`Convofold::export_events`]
//! - **maintenance**: [`verify`], [`audit`], [`backup`], [`repair`], [`erase`], [`retention`], [`Convofold::hold`],
//!   [`Convofold::trim_log`], [`Convofold::compact`]
//! - **without a disk**: [`engine`]
//!
//! The examples are complete programs: `own_source` (a host with its own event source), `replay_then_follow`, `dashboard`
//! (numbers from the change feed) and `webhook` (an axum receiver that responds after the commit).

#![forbid(unsafe_code)]

// The database handle and its operations.
pub use convofold_store::{
    Batch, BatchParts, Checkpoint, Completer, Convofold, Counters, Durability, EffectCounts, LatencyHistogram, Options,
    Receipt, Stats, Ticket,
};

// Events.
pub use convofold_engine::{
    AIRSHIP, AgentMention, At, Attribute, ContentHash, DEFAULT_MAX_ID_BYTES, Direction, Draft, DraftError, Effect,
    Event, EventColumns, EventNumbers, EventRef, Identity, Kind, MAX_NAME_BYTES, MAX_TEXT_BYTES, SUPEROFFICE, Seq,
    Session, SessionStatus, SessionType, Time, TimeError, UnknownZone, Zone,
};

// Parsing.
pub use convofold_engine::ingest;
pub use convofold_store::{IgnoredCounts, IngestOptions, IngestReport};

// Queries about many conversations.
pub use convofold_engine::{
    AgentLoad, ConversationRow, Cursor, Order, Page, Query, QueryError, Sort, StatusFilter, TimeField, Totals,
    UnknownValue,
};

// Queries about one conversation.
pub use convofold_engine::{
    AgentRef, Arrivals, Assigned, ByAgent, Conflict, ConflictingField, Explanation, FieldName, HistoryEntry,
    LastMessage, Member, OpenedBy, Reason, Reply, SessionState, State, Status, Step, SuspectField, Suspicion,
};

// Questions about the past.
pub use convofold_engine::{Moment, When, WhenError};
pub use convofold_store::{MomentReport, View};

// Names of values, such as those of `Sort`.
pub use convofold_engine::UnknownName;
/// For the Python package: calls a macro with the values of a session.
#[doc(hidden)]
pub use convofold_engine::session_values;

// Comparison of states.
pub use convofold_engine::{Difference, ExportLine, ExportLineError, FOLD_VERSION, StateHash};
pub use convofold_store::{HashProof, RecordedHash, RecordedHashes, diff};

// Suspects as a report.
pub use convofold_engine::{Loss, SuspectKind, Suspects, SuspectsOfDay, SuspectsOfKind, SuspectsQuery};

// Reports.
pub use convofold_engine::{
    AgentOfTenant, Attribution, Behind, BehindRow, Calendar, CalendarError, Distribution, Every, GroupBy, GroupValue,
    InvalidEvery, InvalidReportBound, LevelValue, Measure, MeasureKind, MeasureValue, OutcomeValue, Report,
    ReportBound, ReportParamError, ReportParams, ReportParts, ReportPartsError, ReportQuery, ReportQueryError,
    ReportRow, RowOutcome, UnknownMeasure,
};
pub use convofold_store::ReportError;

// The change feed.
pub use convofold_store::{Change, Changes, StopHandle};

// Bulk import and export.
pub use convofold_store::replay;
pub use convofold_store::{ConversationRecord, EventExportReport, ExportReport, Scan};

// Maintenance: verification, audit, backup, repair and trim.
pub use convofold_engine::{InvalidSubject, NamedBy, Pseudonym, Subject, SubjectParamError, SubjectParams, Subjects};
pub use convofold_store::{
    Compacted, Damage, DatabaseId, Disclosed, Hold, RecordKind, Recovery, ScanFinding, SkipReason, SkippedCheckpoint,
    Trimmed, UnknownDatabaseId,
};
pub use convofold_store::{audit, backup, erase, repair, retention, verify};

// Files that only their owner can read.
pub use convofold_store::{leads_into, private_file_options};

// Errors, one type per operation.
pub use convofold_store::{
    ChangesError, CloseError, CommitError, ExportEventsError, HoldError, IngestError, MarkError, MomentError,
    OpenError, PageError, RewriteError, StorageError, SubmitError, TrimError,
};

#[cfg(feature = "metrics")]
pub use convofold_store::metrics;

/// The engine without storage, for tests and tools.
///
/// ```
/// use convofold::engine::{Admission, Board};
/// use convofold::{Draft, Effect, Kind, Time};
///
/// let opened = Draft::new("helpdesk", "case-7", Kind::Open, Time::from_ms(1_772_443_000_000)).build()?;
/// let mut board = Board::new();
/// assert_eq!(board.edit().apply(1, &opened), Effect::Applied);
/// assert_eq!(board.admissions().admit(&opened), Admission::Duplicate);
/// assert!(board.state("case-7").is_some());
/// # Ok::<_, convofold::DraftError>(())
/// ```
pub mod engine {
    pub use convofold_engine::{
        Admission, Admissions, ArrivalCounts, BehindBuilder, Board, BoardEdit, Context, ContextOf, ConversationImage,
        Course, EventParts, Evicted, Extent, Fact, FactIdentity, Facts, Gap, ImageError, Index, KeptReport, Location,
        Outline, PackedConversation, PackedError, PackedFacts, Past, ReloadedConversation, ReportBuilder, ReportPart,
        ReportPlace, Said, SessionOf, Standing, SuspectEvent, SuspectsBuilder, ToPart, Transition, Transitions,
        TransitionsReader, Update,
    };
}

/// Runs the code of the README as a doctest.
#[cfg(all(doctest, feature = "airship"))]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
