//! Live-chat events in, the durable state of every conversation out: which are open, whose they are, what is unread, who is
//! waiting.
//!
//! convofold is a library that a program embeds. It reads Airship Live Chat events, SuperOffice `chatsession.*` webhooks and
//! events of the host's own, keeps them in a durable log, and answers from memory. The state is a function of the *set* of
//! events: late, repeated, reordered, interrupted by crashes, it ends the same, byte for byte.
//!
//! # Open, and take in what a webhook delivers
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
//! // One event, an array, or lines. When this returns, it is on the disk.
//! let body = br#"{"occurred":"2026-03-02T09:15:00Z","body":{"name":"live_chat_message","interaction_type":"sms_in",
//!     "transaction":"t-1","properties":{"message":{"agent_name":"Ida","message":"Is the shop open today?"}}}}"#;
//! let report = db.ingest(body, Format::Auto)?;
//! assert_eq!((report.counts.applied, report.rejections.len()), (1, 0));
//!
//! // Sent again, it changes nothing.
//! assert_eq!(db.ingest(body, Format::Auto)?.counts.duplicates, 1);
//! # db.close()?;
//! # }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! What cannot be an event does not stop its neighbours: [`IngestReport::rejections`] says where it is and what is wrong.
//!
//! # Events of your own
//!
//! A [`Draft`] becomes an [`Event`], and events are submitted in a [`Batch`], which is committed whole or not at all. The
//! [`Ticket`] can be waited for, asked, or awaited on any executor. A batch can carry a bookmark that is committed with its
//! events, which makes any upstream exactly-once.
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
//! # Ask
//!
//! ```
//! use convofold::{Convofold, Query, Sort};
//! # use convofold::ingest::Format;
//!
//! # let folder = tempfile::tempdir()?;
//! # let db = Convofold::open(folder.path().join("conversations"))?;
//! # let line = r#"{"convofold":1,"source":"desk","conversation":"c-1","kind":"message","direction":"in","occurred":"2026-03-02T09:15:00Z","agent":{"name":"Ida"}}"#;
//! # db.ingest(line.as_bytes(), Format::Auto)?;
//! // Ida's open conversations, the one that waits longest first.
//! let mut query = Query::new().agent("Ida").sort(Sort::Waiting).limit(50);
//! loop {
//!     let page = db.query(&query)?;
//!     for row in &page.rows {
//!         println!("{}: {} unread, waiting since {:?}", row.id, row.unread, row.waiting_since);
//!     }
//!     let Some(next) = page.next else { break };
//!     query = query.cursor(next);
//! }
//!
//! // Everything about one, whether it is open or long closed.
//! let state = db.state("c-1")?.expect("it is there");
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
//! The change feed shows every event from any place in the log on, without hole or repeat: first those that are there, then
//! those that come. It shows an event only once that survives a power cut. Whoever remembers the [`Seq`] goes on from there.
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
//! # Checkpoint, close, open again
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
//! // Happens by itself now and then, and in `close`. So opening does not have to fold the whole log.
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
//! # What survives what
//!
//! | acknowledged as | killed process | crash of the system, power cut | damaged file |
//! |---|---|---|---|
//! | [`Durability::Synced`], the default | survives | survives | found, and told; [`repair`] saves what can be read |
//! | [`Durability::Buffered`] | up to the last 100 ms may be lost | up to the last 100 ms may be lost | as above |
//!
//! Bookmarks go with the events of their batch. What is lost is always the end of the log, never its middle. After a failed
//! write a store answers questions and takes no more events ([`SubmitError::Poisoned`]) until it is opened again. This holds on
//! a local disk that does not lie about `fdatasync`; `docs/durability.md` has the fine print and the tests.
//!
//! # Threads, executors, errors
//!
//! A [`Convofold`] is a handle: `Clone`, `Send` and `Sync`, to be used from everywhere. One thread of its own writes. Questions
//! about many conversations never wait for a disk; a question about one that has left memory ([`Options::memory_bytes`]) reads
//! a page. [`Convofold::submit`] blocks while the queue is full, [`Convofold::try_submit`] gives the batch back. There is no
//! runtime in it: in asynchronous code, call `try_submit` and await the ticket.
//!
//! Each operation has its own error type that lists what can go wrong there, says what is true afterwards, and names its cause
//! as [`source`](std::error::Error::source). An event that is late, repeated or at odds with another is no error but an
//! [`Effect`].
//!
//! # Watching it
//!
//! [`Convofold::counters`] is a snapshot of everything that an operator counts; with the feature `metrics` it is published
//! through the facade of that name, with `tracing` the store tells of openings, checkpoints, damage and failed writes under
//! the target `convofold`.
//!
//! # Features
//!
//! | feature | by default | what it adds |
//! |---|---|---|
//! | `airship` | yes | the parser of Airship Live Chat |
//! | `superoffice` | yes | the parser of SuperOffice webhooks, and the check of their signatures |
//! | `serde` | no | `Serialize` on everything that the store reports, the same JSON as in every other way in |
//! | `tracing` | no | spans and events for operators |
//! | `metrics` | no | the module `metrics` |
//!
//! A host with a source of its own turns the defaults off. convofold's own form ([`Event::export_line`]) is always read, and
//! [`Event`], [`State`] and what else the engine shows is always `Serialize`.
//!
//! # What is where
//!
//! - **the store**: [`Convofold`], [`Options`], [`Batch`], [`Ticket`], [`Receipt`], [`Durability`], [`Stats`], [`Counters`]
//! - **events**: [`Draft`], [`Event`], [`Kind`], [`Time`], [`Identity`], [`AgentMention`]; from bytes: [`ingest`], [`IngestReport`]
//! - **questions**: [`Query`], [`Page`], [`OpenConversation`], [`AgentLoad`], [`Totals`]
//! - **one conversation**: [`State`], [`HistoryEntry`], [`Arrivals`]
//! - **following**: [`Changes`], [`Change`], [`StopHandle`], [`Seq`]
//! - **history in bulk**: [`replay`]; out again: [`Scan`], [`Convofold::export`], [`Convofold::export_events`]
//! - **care**: [`verify`], [`audit`], [`backup`], [`repair`], [`Convofold::trim_log`]
//! - **without a disk**: [`engine`]
//!
//! The examples are whole programs: `own_source` (embed it in a host with a source of its own), `replay_then_follow`,
//! `dashboard` (numbers from the change feed), `webhook` (an axum receiver that acknowledges after the commit).

#![forbid(unsafe_code)]

// The store: a handle, and what it takes and gives.
pub use convofold_store::{
    Batch, Checkpoint, Convofold, Counters, Durability, EffectCounts, LatencyHistogram, Options, Receipt, Stats, Ticket,
};

// What an event is.
pub use convofold_engine::{
    AIRSHIP, AgentMention, At, Attribute, ContentHash, DEFAULT_MAX_ID_BYTES, Direction, Draft, DraftError, Effect,
    Event, Identity, Kind, SUPEROFFICE, Seq, Session, SessionStatus, SessionType, Time, TimeError,
};

// From bytes to events.
pub use convofold_engine::ingest;
pub use convofold_store::{IgnoredCounts, IngestOptions, IngestReport};

// Questions about many conversations.
pub use convofold_engine::{AgentLoad, Cursor, OpenConversation, Page, Query, QueryError, Sort, Totals};

// Questions about one.
pub use convofold_engine::{
    AgentRef, Arrivals, Assigned, ByAgent, HistoryEntry, LastMessage, Member, Mention, OpenedBy, SessionState, State,
    Status, SuspectField, Suspicion,
};

// Names of values, such as those of `Sort`.
pub use convofold_engine::UnknownName;
/// For the Python package: calls a macro with the values of a session.
#[doc(hidden)]
pub use convofold_engine::session_values;

// Proofs that two states are the same, and where they are not.
pub use convofold_engine::{Difference, FOLD_VERSION, StateHash};

// The change feed.
pub use convofold_store::{Change, Changes, StopHandle};

// In bulk, and out again.
pub use convofold_store::replay;
pub use convofold_store::{Conversation, EventExportReport, ExportReport, Scan};

// Care: checking, saving, mending, forgetting.
pub use convofold_store::{Damage, Doubt, Recovery, SkipReason, SkippedCheckpoint, Trimmed};
pub use convofold_store::{audit, backup, repair, verify};

// What can go wrong, by what was being done.
pub use convofold_store::{
    ChangesError, CloseError, CommitError, ExportEventsError, IngestError, OpenError, StorageError, SubmitError,
    TrimError,
};

#[cfg(feature = "metrics")]
pub use convofold_store::metrics;

/// The pure core, for tests and tools that want the fold without a disk.
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
        Admission, Admissions, ArrivalCounts, Board, BoardEdit, Context, ConversationImage, EventParts, Evicted, Fact,
        ImageError, Index, Location, Outline, ReloadedConversation, Update,
    };
}

/// The README's block runs as it stands there.
#[cfg(all(doctest, feature = "airship"))]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
