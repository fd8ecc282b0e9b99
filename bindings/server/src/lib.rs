//! convofold over HTTP: webhooks and events in; questions, the change feed, exports, metrics and the live page out.
//!
//! [`run`] opens the database of a [`Config`] and answers until SIGTERM. The command `convofold serve` calls it.
//! [`Server`] does the same for a program that holds its own database. A response with status 200 to a webhook or to events
//! means that they survive a power cut.
//!
//! [`answer`] answers on a Unix socket in the folder of the database only, so that the commands work while a program holds it.
//! A [`Client`] asks such a process, or a server from afar.
//!
//! `docs/serving.md` describes the operation, `openapi.json` every request.

#![forbid(unsafe_code)]

mod span;
mod config;
mod error;
mod problem;
mod moment;
mod files;
mod tokens;
mod rejects;
mod meter;
mod airship;
mod alerts;
mod rhythm;
mod upstreams;
mod app;
mod cleaning;
mod schedule;
mod caller;
mod params;
mod conditions;
mod link;
mod board;
mod guard;
mod jitter;
mod remote;
mod tls;
mod intake;
mod page;
mod batch;
mod routes;
mod socket;
mod front;
mod server;
mod mounts;
mod jobs;
mod relay;
mod answering;
mod client;

pub use airship::{AirshipConfig, AirshipSettings, Region};
pub use alerts::{AlertBody, AlertSettings, AlertWhen};
pub use answering::{Answering, answer};
pub use batch::DatabaseSize;
pub use cleaning::{Cleaned, clean};
pub use client::{
    Allowance, Answered, Asker, Batches, Body, Changes, Client, ClientError, ClientView, ExportedEvents, Figures,
    ListedPage, Listing, Next, Question, Questions, Refusal, StatePage,
};
pub use config::{Config, LogFormat, Settings};
pub use error::ServeError;
pub use jobs::Jobs;
pub use mounts::{Mounts, Overview};
pub use relay::{Answers, Asked, Intake, IntakeFigures, NotPut, PartAnswers, Putting, Relay, Reply, run_relay};
pub use routes::{EraseAnswer, EraseRequest, openapi};
pub use schedule::{CompactSettings, Job, JobOutcome, RetentionSettings, TenantRetention, TimeOfDay};
pub use server::{Server, run, start_log};
pub use span::Span;
pub use tokens::{NewToken, Role, Token, TokenError, TokenFile};
