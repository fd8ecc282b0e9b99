//! Questions about the past: `--as-of` and `--known-at`.

mod answers;
mod reader;

use clap::Args;
use convofold::{MomentError, MomentReport, Time, When};

pub use self::reader::Reader;
use self::reader::Then;
#[cfg(feature = "serve")]
use crate::client_error::refused;
use crate::console::Console;
use crate::database::{DbArgs, NowArgs};
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::opened::Database;
use crate::output::time;
use crate::values::clock_ms;

/// The moment that a question is about.
#[derive(Debug, Args)]
pub struct MomentArgs {
    /// Answer as it was at this time, with everything learned since: a time with a zone (2026-03-02T09:40:00Z), `latest` (the
    /// newest event), or a time before now (-2h). Events at exactly this time count.
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    as_of: Option<When>,
    /// Answer as it was known at this time: a time as for --as-of, or the sequence number of an event (seq:812). With both,
    /// what was known then of the time --as-of.
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    known_at: Option<When>,
}

/// The bounds of a moment. Neither depends on the clock.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    as_of: Option<When>,
    known_at: Option<When>,
}

impl MomentArgs {
    /// The moment with these bounds.
    #[must_use]
    pub fn new(as_of: Option<When>, known_at: Option<When>) -> Self {
        Self { as_of, known_at }
    }

    /// Whether a bound was given.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.as_of.is_some() || self.known_at.is_some()
    }

    /// Opens the database for reading at the moment. `now` is the time before which durations count, if the command has that
    /// option.
    ///
    /// # Errors
    /// [`CliError`] if the database cannot be opened, or there is no answer about the moment.
    pub fn open(&self, db: &DbArgs, now: Option<&NowArgs>, console: &mut Console) -> Result<Reader, CliError> {
        self.read(db.open(console)?, now)
    }

    /// Like [`MomentArgs::open`], with a database that is open.
    ///
    /// # Errors
    /// [`CliError`] if there is no answer about the moment.
    pub fn read(&self, db: Database, now: Option<&NowArgs>) -> Result<Reader, CliError> {
        if !self.is_given() {
            return Ok(Reader::new(db, None));
        }
        let now_ms = now.map_or_else(clock_ms, |now| now.ms(&db));
        let fixed = |when| match when {
            When::Ago { ms } => {
                let ms = now_ms.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX));
                When::At(Time::from_ms(ms).unwrap_or(Time::MIN))
            }
            when => when,
        };
        let bounds = Bounds { as_of: self.as_of.map(fixed), known_at: self.known_at.map(fixed) };
        let then = bounds.resolve(&db)?;
        Ok(Reader::new(db, Some(then)))
    }
}

impl Bounds {
    fn resolve(self, db: &Database) -> Result<Then, CliError> {
        match db {
            Database::Here(db) => {
                let moment = db.moment(self.as_of, self.known_at, Time::now()).map_err(|error| failed(&error))?;
                Ok(Then::Here(db.at(moment)))
            }
            #[cfg(feature = "serve")]
            Database::Elsewhere(client) => {
                let report = client.at(self.as_of, self.known_at).report_of_lists().map_err(refused)?;
                Ok(Then::Elsewhere(self, report))
            }
            #[cfg(feature = "cluster")]
            Database::Across(cluster) => {
                let report = cluster.at(self.as_of, self.known_at)?.moment()?;
                Ok(Then::Elsewhere(self, report))
            }
        }
    }
}

fn failed(error: &MomentError) -> CliError {
    match error {
        MomentError::Storage(error) => CliError::conversation(error),
        MomentError::Mark(_) => CliError::unreadable_log(&chain(error)),
        error => CliError::new(Exit::Usage, error.to_string()),
    }
}

/// The error for a conversation that exists now and did not exist at the moment.
#[must_use]
pub fn did_not_exist(id: &str) -> CliError {
    CliError::new(Exit::NotFound, format!("conversation {id:?} did not exist at this moment"))
        .hint("`convofold history` shows when its events happened, and their sequence numbers")
}

/// What an answer is about, in words.
#[must_use]
pub fn in_words(report: &MomentReport) -> String {
    report.in_words(time::to_millisecond)
}
