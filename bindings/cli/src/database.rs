//! The `--db`, `--now` and ID arguments.

#[cfg(feature = "serve")]
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
#[cfg(feature = "serve")]
use std::time::Duration;

use clap::Args;
use convofold::{Convofold, OpenError, Options, Query, Recovery};
#[cfg(feature = "serve")]
use convofold_server::Client;

#[cfg(feature = "cluster")]
use crate::across::Cluster;
use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use crate::opened::Database;
use crate::output::{text, time};
#[cfg(feature = "cluster")]
use crate::owners::AllOwners;
use crate::values::{Now, clock_ms};

/// How often a database is tried that a process holds without answering: it may be about to start, or to end.
#[cfg(feature = "serve")]
const ATTEMPTS: u32 = 20;
#[cfg(feature = "serve")]
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// How the URL of a cluster begins.
const CLUSTER: &str = "nats://";

/// The database to use.
#[derive(Debug, Args)]
pub struct DbArgs {
    /// Folder of the database, or the URL of a server that has it: http://HOST:PORT or https://HOST.
    #[cfg_attr(feature = "cluster", doc = "Or the log of a cluster: nats://HOST:PORT/LOG.")]
    #[arg(long, value_name = "DIR|URL", env = "CONVOFOLD_DB")]
    pub db: PathBuf,
    /// File with the token for the server; or put the token into the environment variable CONVOFOLD_TOKEN.
    #[cfg(feature = "serve")]
    #[arg(long, value_name = "FILE", env = "CONVOFOLD_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

impl DbArgs {
    /// The database in a folder or at a URL.
    #[must_use]
    #[cfg_attr(not(feature = "serve"), expect(unused_variables, reason = "only a server asks for a token"))]
    pub fn new(db: PathBuf, token_file: Option<PathBuf>) -> Self {
        Self {
            db,
            #[cfg(feature = "serve")]
            token_file,
        }
    }

    /// Opens an existing database for reading, or asks the process that holds it. Nothing in its folder is created or changed.
    ///
    /// # Errors
    /// [`CliError`] names the reason and a remedy.
    pub fn open(&self, console: &mut Console) -> Result<Database, CliError> {
        self.open_to_read(CliError::open, console)
    }

    /// Like [`DbArgs::open`]. `failed` is the error for the reader of the command.
    ///
    /// # Errors
    /// [`CliError`] names the reason and a remedy.
    pub fn open_to_read(
        &self,
        failed: impl FnOnce(&Path, &OpenError) -> CliError,
        console: &mut Console,
    ) -> Result<Database, CliError> {
        // A reader of standard output holds up neither a process that wants to write, nor the one that answers.
        console.spool();
        self.open_or_ask(&Options::new().read_only(true), failed, console)
    }

    /// Opens the database for writing, and creates it if it does not exist; or asks the process that holds it.
    ///
    /// # Errors
    /// [`CliError`] names the reason and a remedy.
    pub fn open_or_create(&self, options: Options, console: &mut Console) -> Result<Database, CliError> {
        self.open_or_ask(&options.create(true), CliError::open, console)
    }

    /// Opens the database with these options, or asks the process that holds it. `failed` is the error for the reader of the
    /// command.
    ///
    /// # Errors
    /// [`CliError`] names the reason and a remedy.
    pub fn open_or_ask(
        &self,
        options: &Options,
        failed: impl FnOnce(&Path, &OpenError) -> CliError,
        console: &mut Console,
    ) -> Result<Database, CliError> {
        #[cfg(feature = "serve")]
        if let Some(client) = self.server(console)? {
            return Ok(Database::Elsewhere(client));
        }
        #[cfg(feature = "cluster")]
        if let Some(cluster) = self.cluster(console)? {
            return Ok(Database::Across(cluster));
        }
        self.expect_folder()?;
        let open = || options.clone().open(&self.db);
        #[cfg(feature = "serve")]
        let opened = match self.run_or_ask(open, |error| matches!(error, OpenError::AlreadyOpen { .. })) {
            ControlFlow::Continue(opened) => opened,
            ControlFlow::Break(client) => return Ok(Database::Elsewhere(client)),
        };
        #[cfg(not(feature = "serve"))]
        let opened = open();
        let db = opened.map_err(|error| failed(&self.db, &error))?;
        tell_recovery(db.recovery(), console);
        Ok(Database::Here(db))
    }

    /// Calls `run`, which needs the database closed; or returns a client of the process that holds it.
    #[cfg(feature = "serve")]
    pub(crate) fn run_or_ask<T, E>(
        &self,
        run: impl Fn() -> Result<T, E>,
        is_held: impl Fn(&E) -> bool,
    ) -> ControlFlow<Client, Result<T, E>> {
        let mut outcome = run();
        for _ in 0..ATTEMPTS {
            if !outcome.as_ref().is_err_and(&is_held) {
                break;
            }
            if let Ok(client) = Client::of_holder(&self.db) {
                return ControlFlow::Break(client);
            }
            std::thread::sleep(RETRY_INTERVAL);
            outcome = run();
        }
        ControlFlow::Continue(outcome)
    }

    /// A client of the server at the URL that was given instead of a folder.
    ///
    /// # Errors
    /// [`CliError`] names what is wrong with the URL or the token.
    #[cfg(feature = "serve")]
    pub fn server(&self, console: &mut Console) -> Result<Option<Client>, CliError> {
        let Some(url) = self.url().filter(|url| !url.starts_with(CLUSTER)) else { return Ok(None) };
        let token = self.token()?;
        let client = Client::of_url(url, token.as_deref())?;
        if token.is_some() && client.is_overheard() {
            console.note("warning: the token and the answers cross the network in clear: use https");
        }
        Ok(Some(client))
    }

    /// The cluster whose log was given instead of a folder.
    #[cfg(feature = "cluster")]
    fn cluster(&self, console: &mut Console) -> Result<Option<Cluster>, CliError> {
        match self.url().filter(|url| url.starts_with(CLUSTER)) {
            Some(url) => Cluster::connect(url, self.token()?, console).map(Some),
            None => Ok(None),
        }
    }

    /// The owners of all partitions of the cluster whose log was given instead of a folder.
    ///
    /// # Errors
    /// [`CliError`] names what is wrong with the URL, the token or the brokers.
    #[cfg(feature = "cluster")]
    pub fn all_owners(&self, console: &mut Console) -> Result<Option<AllOwners>, CliError> {
        match self.url().filter(|url| url.starts_with(CLUSTER)) {
            Some(url) => AllOwners::of_log(url, self.token()?, console).map(Some),
            None => Ok(None),
        }
    }

    /// The token that was given.
    #[cfg(feature = "serve")]
    fn token(&self) -> Result<Option<String>, CliError> {
        let token = match &self.token_file {
            Some(file) => Some(std::fs::read_to_string(file).map_err(|error| CliError::io("read", file, &error))?),
            None => std::env::var("CONVOFOLD_TOKEN").ok(),
        };
        Ok(token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()))
    }

    /// The URL that was given instead of a folder.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        let is_url = |text: &&str| ["http://", "https://", CLUSTER].iter().any(|scheme| text.starts_with(scheme));
        self.db.to_str().filter(is_url)
    }

    /// Refuses a URL where a folder is needed.
    ///
    /// # Errors
    /// [`CliError`] says so.
    pub fn expect_folder(&self) -> Result<(), CliError> {
        match self.url() {
            None => Ok(()),
            Some(url) => {
                Err(CliError::new(Exit::Usage, format!("expected the folder of a database, found the URL {url}"))
                    .hint("run this command on the machine that has the database"))
            }
        }
    }
}

/// Answers other processes until it is dropped, which must be before the database is closed.
#[derive(Debug)]
#[must_use = "the answering ends when it is dropped"]
pub struct Answering {
    #[cfg(feature = "serve")]
    _guard: Option<convofold_server::Answering>,
}

impl Answering {
    /// Lets other commands work on a database while this process holds it.
    #[cfg(feature = "serve")]
    pub fn start(db: &Convofold, console: &mut Console) -> Self {
        let guard = convofold_server::answer(db).inspect_err(|error| {
            console
                .note(format_args!("note: other commands have to wait for this one: {}", crate::error::chain(error)));
        });
        Self { _guard: guard.ok() }
    }

    /// Without the feature `serve`, other commands wait until this process has closed the database.
    #[cfg(not(feature = "serve"))]
    pub fn start(_db: &Convofold, _console: &mut Console) -> Self {
        Self {}
    }

    /// Ends the answering.
    pub fn end(self) {}
}

/// Reports unusual findings of the recovery.
pub fn tell_recovery(recovery: &Recovery, console: &mut Console) {
    if let Some(scan_finding) = &recovery.scan_finding {
        console.note(format_args!("note: {scan_finding}; no acknowledged event is missing"));
    }
    if recovery.unreadable_end_mark {
        console.note("note: the end mark in HEAD is damaged, so a lost end of the log would go unnoticed this time");
    }
    for number in &recovery.damaged_erasures {
        console.note(format_args!("note: the record of erasure {number} is damaged, so nothing can be written"));
    }
    for number in &recovery.damaged_holds {
        console.note(format_args!("note: the record of legal hold {number} is damaged, so nothing can be written"));
    }
    for removed in &recovery.removed_files {
        console.note(format_args!("note: removed {}, left incomplete by a killed process", removed.display()));
    }
    for skipped in &recovery.skipped {
        console.note(format_args!("note: skipped checkpoint {}: {}", skipped.generation, skipped.why));
    }
}

/// The reference time for durations.
#[derive(Debug, Args)]
pub struct NowArgs {
    /// Reference time for durations: a time such as 2021-07-29 05:11 (UTC if it has no zone) or 1627535468, `now`, or
    /// `latest`, the time of the newest event in the database, which suits logs of the past [default: now].
    #[arg(long, value_name = "TIME", allow_negative_numbers = true)]
    now: Option<Now>,
}

/// A database without activity for this time is probably a log of the past.
const PAST_MS: i64 = 7 * 24 * 3_600_000;

impl NowArgs {
    /// Now, in milliseconds since the epoch.
    #[must_use]
    pub fn ms(&self, db: &Database) -> i64 {
        match self.now {
            None => clock_ms(),
            Some(Now::At(ms)) => ms,
            Some(Now::Latest) => newest_event(db).unwrap_or_else(clock_ms),
        }
    }

    /// Prints a hint if durations count to the system clock and no open conversation was active lately.
    pub fn hint(&self, db: &Database, console: &mut Console) {
        let last_active =
            || Some(db.query_with_last_messages(&Query::new().limit(1)).ok()?.rows.first()?.last_active_at);
        let idle_ms = self.now.is_none().then(last_active).flatten().map(|active| clock_ms().saturating_sub(active));
        if let Some(idle_ms) = idle_ms.filter(|idle_ms| *idle_ms > PAST_MS) {
            console.note(format_args!(
                "the latest activity was {} ago: for a log of the past, --now latest counts durations to its newest event",
                time::length(idle_ms)
            ));
        }
    }
}

/// The conversation to show.
#[derive(Debug, Args)]
pub struct IdArgs {
    /// Id of the conversation, its beginning if no other id begins with it, or its short form in a narrow table.
    id: String,
}

/// Maximum number of ids in an error message.
const SHOWN_IDS: usize = 10;

impl From<String> for IdArgs {
    fn from(id: String) -> Self {
        Self { id }
    }
}

impl IdArgs {
    /// The id of the conversation that is meant.
    ///
    /// # Errors
    /// [`CliError`] if no conversation, or more than one, is meant.
    pub fn find(&self, db: &Database) -> Result<String, CliError> {
        let Self { id } = self;
        if db.arrivals(id)?.is_some() {
            return Ok(id.clone());
        }
        let mut found = if id.is_empty() { Vec::new() } else { db.find_ids(id, SHOWN_IDS + 1)? };
        match found.len() {
            0 => Err(self.unknown()),
            1 => Ok(found.remove(0)),
            _ => Err(self.ambiguous(&found)),
        }
    }

    /// The error for an unknown id.
    #[must_use]
    pub fn unknown(&self) -> CliError {
        CliError::new(Exit::NotFound, format!("no conversation {:?}", self.id)).hint(
            "`convofold open` and `convofold export` print ids; SuperOffice ids have the form superoffice:<tenant>:<number>",
        )
    }

    fn ambiguous(&self, found: &[String]) -> CliError {
        let more = if found.len() > SHOWN_IDS { ", ..." } else { "" };
        let ids: Vec<_> = found.iter().take(SHOWN_IDS).map(|id| text::one_line(id)).collect();
        let relation = if self.id.contains(text::CUT) { "has the short id" } else { "begins with" };
        let what = format!("more than one conversation {relation} {:?}: {}{more}", self.id, ids.join(", "));
        CliError::new(Exit::Usage, what).hint("give more characters of the id")
    }
}

/// The time of the newest event of all conversations (rule T1), in milliseconds since the epoch.
#[must_use]
pub fn newest_event(db: &Database) -> Option<i64> {
    db.latest_at().ok().flatten()
}
