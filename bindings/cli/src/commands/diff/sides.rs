//! The sides of a comparison: what an argument names, and how it is opened.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use convofold::diff::{Backup, Conversations, DiffError, Export, Side};
use convofold::replay::Input;
use convofold::{ExportLine, HistoryEntry, StateHash, View, When};

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::{CliError, chain};
use crate::exit::Exit;
use crate::inputs::STDIN;
use crate::opened::Database;
use crate::past::{MomentArgs, Reader};

/// A side, as an argument names it: PLACE, PLACE@TIME, PLACE@known:TIME, or PLACE@TIME@known:TIME.
#[derive(Debug, PartialEq, Eq)]
struct Named<'a> {
    place: &'a str,
    as_of: Option<When>,
    known_at: Option<When>,
}

impl<'a> Named<'a> {
    /// What exists under the whole name is meant, whatever characters it has.
    fn parse(argument: &'a str, exists: impl Fn(&str) -> bool) -> Result<Self, CliError> {
        let mut named = Self { place: argument, as_of: None, known_at: None };
        while !exists(named.place) {
            let Some((place, moment)) = named.place.rsplit_once('@').filter(|(_, moment)| !moment.contains('/')) else {
                break;
            };
            let (bound, text) = match moment.strip_prefix("known:") {
                Some(text) => (&mut named.known_at, text),
                None => (&mut named.as_of, moment),
            };
            let when = text.parse::<When>().map_err(|error| invalid(argument, &error.to_string()))?;
            if let (When::Seq(_), None) = (when, moment.strip_prefix("known:")) {
                return Err(invalid(argument, &format!("{text} is a time of arrival, so write @known:{text}")));
            }
            if bound.replace(when).is_some() {
                return Err(invalid(argument, "a bound is given twice"));
            }
            named.place = place;
        }
        Ok(named)
    }

    fn has_moment(&self) -> bool {
        self.as_of.is_some() || self.known_at.is_some()
    }
}

fn invalid(argument: &str, why: &str) -> CliError {
    CliError::new(Exit::Usage, format!("{argument}: {why}"))
        .hint("DB@2026-03-02T09:40:00Z is the database as it was, DB@known:2026-03-02T09:40:00Z as it was known then")
}

/// A side that is open.
#[derive(Debug)]
pub(crate) enum OpenSide {
    /// A database, here or elsewhere.
    Database(Box<Reader>),
    /// An export.
    Export(Export),
    /// A backup.
    Backup(Box<Backup>),
    /// A backup at a moment.
    BackupAt {
        /// The restored database.
        reader: Box<Reader>,
        /// Keeps the folder of the database.
        _backup: Box<Backup>,
    },
}

impl OpenSide {
    /// The side, to be compared.
    pub(crate) fn as_side(&self) -> &dyn Side {
        match self {
            Self::Database(reader) | Self::BackupAt { reader, .. } => reader.as_ref(),
            Self::Export(export) => export,
            Self::Backup(backup) => backup.as_ref(),
        }
    }

    /// The database, to be asked.
    pub(crate) fn as_reader(&self) -> Option<&Reader> {
        match self {
            Self::Database(reader) | Self::BackupAt { reader, .. } => Some(reader),
            Self::Export(_) | Self::Backup(_) => None,
        }
    }
}

/// Opens the sides of one command. Two sides of one database share it, because a process opens a database once.
#[derive(Debug)]
pub(crate) struct Opener {
    token_file: Option<PathBuf>,
    /// Whether questions will be asked, so that backups have to be restored.
    is_asked: bool,
    opened: Vec<(PathBuf, Database)>,
}

impl Opener {
    pub(crate) fn new(token_file: Option<PathBuf>, is_asked: bool) -> Self {
        Self { token_file, is_asked, opened: Vec::new() }
    }

    /// Opens what an argument names.
    ///
    /// # Errors
    /// [`CliError`] if there is nothing, or it cannot be opened.
    pub(crate) fn open(&mut self, argument: &str, console: &mut Console) -> Result<OpenSide, CliError> {
        let named = Named::parse(argument, |place| place == STDIN || Path::new(place).exists())?;
        let path = Path::new(named.place);
        let moment = MomentArgs::new(named.as_of, named.known_at);
        if named.place != STDIN && (path.is_dir() || !path.exists()) {
            let db = self.database(path, console)?;
            return Ok(OpenSide::Database(Box::new(moment.read(db, None)?.pinned()?)));
        }
        let unreadable = |error| CliError::io("read", path, &error);
        if path.is_file() && Backup::is_backup(path).map_err(unreadable)? {
            let backup = Box::new(Backup::open(path).map_err(|error| failed(&error))?);
            if !named.has_moment() && !self.is_asked {
                return Ok(OpenSide::Backup(backup));
            }
            let db = backup.database().map_err(|error| failed(&error))?.clone();
            let reader = moment.read(Database::Here(db), None)?.pinned()?;
            return Ok(OpenSide::BackupAt { reader: Box::new(reader), _backup: backup });
        }
        if named.has_moment() {
            return Err(invalid(argument, "an export has no other moments"));
        }
        Ok(OpenSide::Export(Export::new(match named.place {
            STDIN => Input::reader(STDIN, std::io::stdin()),
            _ if path.is_file() => Input::path(path),
            // The output of another command.
            name => Input::reader(name, File::open(path).map_err(unreadable)?),
        })))
    }

    fn database(&mut self, path: &Path, console: &mut Console) -> Result<Database, CliError> {
        let name = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Some((_, Database::Here(db))) = self.opened.iter().find(|(opened, _)| *opened == name) {
            return Ok(Database::Here(db.clone()));
        }
        let db = DbArgs::new(path.to_owned(), self.token_file.clone()).open(console)?;
        match &db {
            Database::Here(here) => self.opened.push((name, Database::Here(here.clone()))),
            #[cfg(feature = "serve")]
            _ => {}
        }
        Ok(db)
    }
}

/// A failed comparison, for the reader of the command.
pub(crate) fn failed(error: &DiffError) -> CliError {
    let what = |exit| CliError::new(exit, format!("cannot compare: {}", chain(error)));
    match error {
        DiffError::Storage(error) => CliError::conversation(error),
        DiffError::NoConversation { .. } => CliError::new(Exit::NotFound, error.to_string()),
        DiffError::Line { .. } | DiffError::LineTooLong { .. } | DiffError::Order { .. } => what(Exit::Failure)
            .hint("a side is the folder of a database, a backup, or the output of `convofold export`, in its order"),
        DiffError::ReadAlready { .. } => what(Exit::Usage).hint("give the same side once, or as a file"),
        _ => what(Exit::Failure),
    }
}

fn remote(error: &CliError) -> DiffError {
    let why = match error {
        CliError::Failed(failure) => failure.to_string(),
        CliError::ClosedPipe => "the connection was closed".to_owned(),
    };
    DiffError::Remote { why }
}

/// A database that another process holds sends its export, which is kept in a temporary file while it is compared.
impl Side for Reader {
    fn known_hash(&self) -> Result<Option<StateHash>, DiffError> {
        match self.view() {
            Some(view) => view.known_hash(),
            None => self.hash_of_now().map_err(|error| remote(&error)),
        }
    }

    fn conversations(&self) -> Result<Conversations<'_>, DiffError> {
        if let Some(view) = self.view() {
            return Side::conversations(view);
        }
        let mut file = tempfile::tempfile().map_err(DiffError::Temporary)?;
        let mut out = BufWriter::new(&file);
        self.export(&mut out).map_err(|error| remote(&error))?;
        out.flush().map_err(DiffError::Temporary)?;
        drop(out);
        file.rewind().map_err(DiffError::Temporary)?;
        Export::new(Input::reader("the export of the server", file)).read()
    }

    fn conversation(&self, id: &str) -> Result<Option<ExportLine>, DiffError> {
        match self.view() {
            Some(view) => Side::conversation(view, id),
            None => Ok(self.state(id).map_err(|error| remote(&error))?.as_ref().map(ExportLine::from)),
        }
    }

    fn history(&self, id: &str) -> Result<Option<Vec<HistoryEntry>>, DiffError> {
        match self.view() {
            Some(view) => Side::history(view, id),
            None => Ok(Some(self.history(id).map_err(|error| remote(&error))?.unwrap_or_default())),
        }
    }

    fn as_view(&self) -> Option<&View> {
        self.view()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(argument: &str) -> Named<'_> {
        Named::parse(argument, |place| place == "a@latest").unwrap()
    }

    #[test]
    fn a_moment_follows_the_place() {
        let as_of = |place, as_of| Named { place, as_of: Some(as_of), known_at: None };
        let known_at = |place, known_at| Named { place, as_of: None, known_at: Some(known_at) };
        assert_eq!(named("db"), Named { place: "db", as_of: None, known_at: None });
        assert_eq!(named("db@latest"), as_of("db", When::Latest));
        assert_eq!(named("me@home/db@-2h"), as_of("me@home/db", When::Ago { ms: 7_200_000 }));
        assert_eq!(named("http://host:80@known:seq:7"), known_at("http://host:80", When::Seq(7)));
        let both = Named { place: "db", as_of: Some(When::Latest), known_at: Some(When::Seq(7)) };
        assert_eq!(named("db@latest@known:seq:7"), both);
        assert_eq!(named("db@known:seq:7@latest"), both);
    }

    #[test]
    fn what_exists_is_meant() {
        assert_eq!(named("a@latest").place, "a@latest");
        assert_eq!(named("a@latest@latest"), Named { place: "a@latest", as_of: Some(When::Latest), known_at: None });
        assert_eq!(named("me@home/db").place, "me@home/db");
    }

    #[test]
    fn another_moment_is_refused_with_a_remedy() {
        let refused = |argument| match Named::parse(argument, |_| false) {
            Err(CliError::Failed(failure)) => failure.to_string(),
            other => panic!("{other:?}"),
        };
        assert!(refused("db@2026-03-02T09:40:00").contains("append Z for UTC"));
        assert!(refused("db@seq:7").contains("write @known:seq:7"));
        assert!(refused("db@yesterday").contains("expected a time"));
        assert!(refused("db@latest@latest").contains("twice"));
    }
}
