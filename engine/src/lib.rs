//! The pure core of convofold: events, conversations, and queries about them.
//!
//! It does no I/O and has no clock, threads or storage: the same events give the same state on every machine.

#![forbid(unsafe_code)]

// In reading order.
mod named;
mod setters;
mod time;
mod identity;
mod session;
mod attribute;
mod texts;
mod event;
mod row;
mod content;
mod draft;
mod context;
mod parts;
mod id_map;
mod columns;
#[cfg_attr(
    not(all(feature = "airship", feature = "superoffice")),
    allow(dead_code, reason = "helpers of the sources are unused if a source is disabled")
)]
mod json;
#[cfg_attr(
    not(all(feature = "airship", feature = "superoffice")),
    allow(dead_code, reason = "helpers of the sources are unused if a source is disabled")
)]
pub mod ingest;
mod effect;
mod growth;
mod fact;
mod chunk;
mod facts;
mod timeline;
mod known;
mod conflicts;
mod agents;
mod trail;
mod ranks;
mod unread;
mod newest;
mod fold;
mod folds;
mod conversation;
mod state;
mod difference;
mod conflict;
mod history;
mod moment;
mod extent;
mod when;
mod course;
mod hash;
mod exported;
mod image;
mod recall;
mod suspects;
mod erase;
mod past;
mod report;
mod explain;
mod spelling;
mod own_texts;
mod query;
mod cursor;
mod unknown;
mod listing;
mod interner;
mod sorted;
mod index;
mod search;
mod outline;
mod resident;
mod board;
mod retention;

pub use attribute::Attribute;
pub use board::{Admissions, Board, BoardEdit, DerivedConversation, Evicted, FOLD_VERSION, Location};
pub use chunk::{PackedError, PackedFacts};
pub use columns::{ContextOf, EventColumns, EventNumbers, SessionOf};
pub use conflict::{Conflict, ConflictingField};
pub use context::Context;
pub use conversation::ArrivalCounts;
pub use course::{Course, Reply, Step};
pub use cursor::{Cursor, Order, Sort};
pub use difference::Difference;
pub use draft::{DEFAULT_MAX_ID_BYTES, Draft, DraftError, MAX_NAME_BYTES, MAX_TEXT_BYTES};
pub use effect::{Admission, Effect, Seq};
pub use erase::{InvalidSubject, NamedBy, Personal, Pseudonym, Subject, SubjectParamError, SubjectParams, Subjects};
pub use event::{AIRSHIP, AgentMention, At, Direction, Event, EventRef, Kind, SUPEROFFICE};
pub use explain::{Explanation, FieldName, Reason};
pub use exported::{ExportLine, ExportLineError};
pub use extent::Extent;
pub use fact::{Fact, FactIdentity};
pub use facts::Facts;
pub use hash::{InvalidStateHash, StateHash};
pub use history::{Arrivals, HistoryEntry};
pub use identity::{ContentHash, Identity};
pub use image::{ConversationImage, ImageError};
pub use index::{Index, UnsortedIndex, Update};
pub use moment::Moment;
pub use named::UnknownName;
pub use newest::Newest;
pub use outline::Outline;
pub use parts::EventParts;
pub use past::Past;
pub use query::{AgentLoad, ConversationRow, Page, Query, QueryError, StatusFilter, TimeField, Totals};
pub use report::{
    AgentOfTenant, Attribution, Behind, BehindBuilder, BehindRow, Calendar, CalendarError, Distribution, Every,
    GroupBy, GroupValue, InvalidEvery, InvalidReportBound, KeptReport, LevelValue, Measure, MeasureKind, MeasureValue,
    OutcomeValue, PackedConversation, Report, ReportBound, ReportBuilder, ReportParamError, ReportParams, ReportPart,
    ReportParts, ReportPartsError, ReportPlace, ReportQuery, ReportQueryError, ReportRow, RowOutcome, Said, Standing,
    ToPart, Transition, Transitions, TransitionsReader, UnknownMeasure,
};
pub use resident::ReloadedConversation;
pub use retention::WithoutTexts;
pub use search::{ClosedRows, Search, SearchKeys};
pub use session::{NotATruth, Session, SessionState, SessionStatus, SessionType};
pub use state::{AgentRef, Assigned, ByAgent, LastMessage, Member, OpenedBy, State, Status, SuspectField, Suspicion};
pub use suspects::{
    Gap, Loss, SuspectEvent, SuspectKind, Suspects, SuspectsBuilder, SuspectsOfDay, SuspectsOfKind, SuspectsQuery,
};
pub use time::{Time, TimeError, UnknownZone, Zone};
pub use unknown::UnknownValue;
pub use when::{When, WhenError};

#[doc(hidden)]
pub use serde;
