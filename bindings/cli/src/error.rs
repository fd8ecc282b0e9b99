//! Errors that end a command: what happened, and how to fix it.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use convofold::{ChangesError, OpenError, PageError, QueryError, RecordKind, ReportError, StorageError};

use crate::exit::Exit;
use crate::output::text;

/// The reason why a command ended early.
#[derive(Debug)]
pub enum CliError {
    /// The reader of standard output closed it, as in `convofold export | head`. This is not a failure.
    ClosedPipe,
    /// Something went wrong.
    Failed(Failure),
}

/// A failure, described for the person who can fix it.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    what: String,
    hint: Option<String>,
}

impl CliError {
    /// A failure with this description.
    #[must_use]
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self::Failed(Failure { exit, what: what.into(), hint: None })
    }

    /// A failed operation on a file or folder.
    #[must_use]
    pub fn io(operation: &str, path: &Path, error: &io::Error) -> Self {
        Self::new(Exit::Failure, format!("cannot {operation} {}: {error}", path.display()))
    }

    /// Adds a hint how to fix it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        match self {
            Self::Failed(failure) => Self::Failed(Failure { hint: Some(hint.into()), ..failure }),
            Self::ClosedPipe => self,
        }
    }

    /// Changes the exit code.
    #[must_use]
    pub fn exit_as(self, exit: Exit) -> Self {
        match self {
            Self::Failed(failure) => Self::Failed(Failure { exit, ..failure }),
            Self::ClosedPipe => self,
        }
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::ClosedPipe => Exit::Success,
            Self::Failed(failure) => failure.exit,
        }
    }

    /// A log that cannot be read.
    #[must_use]
    pub fn log(error: &ChangesError) -> Self {
        let failed = Self::unreadable_log(&chain(error));
        if let ChangesError::Dropped { first_seq, .. } = error {
            return failed.hint(format!("start with --from {first_seq}; `convofold history` still shows older events"));
        }
        failed
    }

    /// A log that cannot be read, for this reason.
    #[must_use]
    pub fn unreadable_log(why: &str) -> Self {
        Self::new(Exit::Failure, format!("cannot read the log: {why}"))
            .hint("`convofold verify` lists the damage, `convofold repair` saves what can be read")
    }

    /// A conversation that cannot be read.
    #[must_use]
    pub fn conversation(error: &StorageError) -> Self {
        match error {
            // Nothing is damaged.
            StorageError::Expired { .. } => Self::new(Exit::Failure, error.to_string()),
            error => Self::unreadable(&chain(error)),
        }
    }

    /// A conversation that cannot be read, for this reason.
    #[must_use]
    pub fn unreadable(why: &str) -> Self {
        Self::new(Exit::Failure, format!("cannot read a conversation: {why}"))
            .hint(
                "`convofold verify` lists the damage, `convofold repair` saves what can be read; restarting `convofold serve` \
                 may repair it from the log",
            )
    }

    /// Recorded state hashes that cannot be read.
    #[must_use]
    pub fn recorded_hashes(error: &StorageError) -> Self {
        Self::new(Exit::Failure, format!("cannot read the recorded state hashes: {}", chain(error)))
            .hint("`convofold verify` lists the damage")
    }

    /// A page that cannot be listed.
    #[must_use]
    pub fn page(error: &PageError) -> Self {
        match error {
            PageError::Query(QueryError::CursorOfAnotherOrder { expected, found }) => {
                let (found, expected) = (found.sort, expected.sort);
                Self::new(Exit::Usage, format!("this cursor was made with --sort {found}, not --sort {expected}"))
                    .hint(format!("add --sort {found}"))
            }
            PageError::Storage(error) => Self::conversation(error),
            error => Self::new(Exit::Usage, error.to_string()),
        }
    }

    /// A report that cannot be computed.
    #[must_use]
    pub fn report(error: &ReportError) -> Self {
        match error {
            ReportError::Storage(error) => Self::conversation(error),
            error => Self::new(Exit::Usage, error.to_string()),
        }
    }

    /// A database that cannot be opened.
    #[must_use]
    pub fn open(dir: &Path, error: &OpenError) -> Self {
        let db = dir.display();
        let failed = |what: String| Self::new(Exit::Failure, what);
        match error {
            OpenError::AlreadyOpen { .. } => Self::new(Exit::InUse, format!("cannot open {db}: {}", chain(error)))
                .hint(
                    "while a process writes to a database, no other can open it: wait for the other process, or stop it; \
                     `convofold serve` answers others meanwhile",
                ),
            OpenError::NotFound { .. } => failed(format!("no database in {db}"))
                .hint(format!("`convofold replay FILE... --db {db}` creates one from event logs")),
            OpenError::NotAStore { found, .. } if dir.join("sled").is_dir() || found.starts_with("sled-") => {
                failed(format!("{db}: the file FORMAT is missing")).hint(Self::repair_hint(dir))
            }
            OpenError::NotAStore { found, .. } => {
                failed(format!("{db} is not a convofold database: it contains {found:?}"))
                    .hint("pass the folder of an existing database, or an empty folder for a new one")
            }
            OpenError::UnknownFormat { .. } => failed(format!("cannot open {db}: {}", chain(error))).hint(format!(
                "use the version of convofold that wrote it; if the file is damaged, {}",
                Self::repair_hint(dir)
            )),
            OpenError::OtherRevision { .. } => failed(format!("cannot open {db}: {}", chain(error))).hint(
                "export its events with the version of convofold that wrote it (`convofold export --events`), then \
                 `convofold replay` them into a new database",
            ),
            OpenError::Incomplete { missing, .. } if missing == "HEAD" || missing == "FORMAT" => {
                failed(error.to_string()).hint(Self::repair_hint(dir))
            }
            OpenError::Incomplete { .. } => failed(error.to_string()).hint(
                "nothing was changed; `convofold restore` restores a backup, `convofold replay` reads the logs into a new \
                 database",
            ),
            OpenError::NoSpace { .. } => {
                failed(error.to_string()).hint("free some space, or use a folder on another file system")
            }
            OpenError::NotEmpty { .. } => failed(error.to_string()).hint("use a new folder, or empty this one"),
            OpenError::Damaged { .. } | OpenError::Shortened { .. } => {
                failed(format!("{db}: {}", chain(error))).hint(Self::repair_hint(dir))
            }
            OpenError::DamagedRecord { kind, .. } => {
                let why = match kind {
                    RecordKind::Erasure => "erased events would come back; commands that only read work. ",
                    RecordKind::Hold => "what it keeps could be erased; commands that only read work. ",
                    _ => "what it removed would come back. ",
                };
                let hint = format!("{why}{}", Self::repair_hint(dir));
                failed(format!("cannot open {db}: {}", chain(error))).hint(hint)
            }
            OpenError::Io { .. } | OpenError::Storage(_) if is_full(error) => {
                failed(format!("cannot open {db}: {}", chain(error)))
                    .hint("the disk is full: free some space and try again; no acknowledged event is lost")
            }
            error if is_of_the_system(error) => failed(format!("cannot open {db}: {}", chain(error)))
                .hint("nothing was changed; fix the problem above and try again"),
            OpenError::Storage(_) | OpenError::NoCheckpoint { .. } => {
                failed(format!("cannot open {db}: {}", chain(error))).hint(Self::repair_hint(dir))
            }
            _ => failed(format!("cannot open {db}: {}", chain(error))),
        }
    }
}

impl CliError {
    fn repair_hint(dir: &Path) -> String {
        let db = text::quoted(&dir.display().to_string());
        format!(
            "nothing was changed; `convofold repair --db {db} --into NEW` saves what can be read and lists what is lost, \
             `convofold restore` restores a backup"
        )
    }
}

/// Whether the operating system reported the error, rather than the contents of a file.
fn is_of_the_system(error: &OpenError) -> bool {
    match error {
        OpenError::Io { .. } => true,
        OpenError::Storage(cause) => cause.io_kind().is_some_and(|kind| {
            // sled uses these kinds for damage.
            !matches!(kind, io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::Other)
        }),
        _ => false,
    }
}

/// Whether the disk was full.
#[must_use]
pub fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let of_storage = || match error.downcast_ref::<Arc<StorageError>>() {
            Some(shared) => Some(&**shared),
            None => error.downcast_ref::<StorageError>(),
        };
        let kind = match error.downcast_ref::<io::Error>() {
            Some(io) => Some(io.kind()),
            None => of_storage().and_then(StorageError::io_kind),
        };
        if kind.is_some_and(|kind| matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// An error and its causes on one line, without repetitions.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// Failed writes to standard output. Failed writes to files use [`CliError::io`].
impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::ClosedPipe;
        }
        Self::new(Exit::Failure, format!("cannot write to standard output: {error}"))
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl Failure {
    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The hint.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}
