//! convofold over HTTP: webhooks and events in; questions, the change feed, exports and metrics out.
//!
//! [`run`] opens the database of a [`Config`] and answers until SIGTERM. The command `convofold serve` calls it.
//! [`Server`] does the same for a program that holds its own database. A response with status 200 to a webhook or to events
//! means that they survive a power cut.
//!
//! `docs/serving.md` describes the operation, `openapi.json` every request.

#![forbid(unsafe_code)]

mod span;
mod config;
mod error;
mod problem;
mod files;
mod tokens;
mod rejects;
mod meter;
mod app;
mod caller;
mod params;
mod guard;
mod tls;
mod intake;
mod routes;
mod server;

pub use config::{Config, LogFormat, Settings};
pub use error::ServeError;
pub use routes::openapi;
pub use server::{Server, run};
pub use span::Span;
pub use tokens::{NewToken, Role, Token, TokenError, TokenFile};
