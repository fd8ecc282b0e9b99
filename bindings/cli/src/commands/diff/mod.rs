//! `convofold diff`.

mod question;
mod report;
mod sides;

use std::path::PathBuf;

use clap::Args;
use convofold::diff::{Diff, DiffError};

use crate::console::Console;
use crate::error::CliError;
use crate::exit::Exit;
use question::Question;
pub(crate) use report::{ChangeReport, ReportArgs, ReportFormat, in_words};
use sides::Opener;
pub(crate) use sides::failed;

/// Compare two databases, exports, backups or moments.
///
/// Prints the conversations that are not the same on both sides: the fields that differ, and the events that only one side has
/// (- only A, + only B). The exit code is 0 if there is no difference, and 7 if there is one.
///
/// A side is the folder of a database, the URL of a server, a backup, or an export: a file, plain or compressed (gzip, zstd), or
/// standard input (`-`). A moment can follow the name of a database or backup: DB@TIME is the database as it was at that time,
/// DB@known:TIME as it was known then (DB@known:seq:N: after event N). Times are written as for --as-of and --known-at.
///
/// First the hashes of both sides are compared, then the hash of each conversation, and only what differs is read.
/// A backup is restored into a temporary folder if its hash differs.
///
/// With -q, the question is asked on both sides, and the rows are compared: `added` are those that only B has.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  convofold diff ./db ./copy
  convofold diff ./db@2026-03-02T09:00:00Z ./db@2026-03-02T17:00:00Z --summary
  convofold diff ./db@known:-1d ./db --stat
  convofold diff monday.cfbk ./db --format json
  convofold diff -q 'open --agent \"Agnes Moore\"' ./db@2026-03-02T14:05:00Z ./db@2026-03-02T15:05:00Z
  convofold export --db ./db | gzip > before.gz; convofold diff before.gz ./db --id 700100_1627535468595
")]
pub struct DiffArgs {
    /// The first side.
    #[arg(value_name = "A")]
    from: String,
    /// The second side.
    #[arg(value_name = "B")]
    to: String,
    /// Compare only the conversation with this id.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Compare the rows of this question instead: `open` or `list` with conditions, and with --columns. Durations are not
    /// compared. All rows are, whatever --limit says.
    #[arg(short = 'q', long, value_name = "QUESTION", conflicts_with = "id", value_parser = Question::parse)]
    question: Option<Question>,
    #[command(flatten)]
    report: ReportArgs,
    /// Form of the changes.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: ReportFormat,
    /// Short for --format json.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// File with the token for a server; or put the token into the environment variable CONVOFOLD_TOKEN.
    #[cfg(feature = "serve")]
    #[arg(long, value_name = "FILE", env = "CONVOFOLD_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

impl DiffArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let mut opener = Opener::new(self.token_file(), self.question.is_some());
        let (from, to) = (opener.open(&self.from, console)?, opener.open(&self.to, console)?);
        if let Some(question) = &self.question {
            let (from, to) = (question.ask(&from)?, question.ask(&to)?);
            return self.print(Diff::between(&from, &to), console);
        }
        let (from, to) = (from.as_side(), to.as_side());
        let diff = self.id.as_ref().map_or_else(|| Diff::between(from, to), |id| Diff::of_one(id, from, to));
        self.print(diff, console)
    }

    fn print(&self, diff: Result<Diff<'_>, DiffError>, console: &mut Console) -> Result<Exit, CliError> {
        let format = if self.json { ReportFormat::Json } else { self.format };
        let report = self.report.print(diff.map_err(|error| failed(&error))?, format, console)?;
        if self.report.is_one_object(format) {
            console.json(&report)?;
        } else if format == ReportFormat::Text {
            console.flush()?;
            console.note(in_words(&report.counts));
        }
        Ok(if report.counts.total() == 0 { Exit::Success } else { Exit::Different })
    }

    #[cfg(feature = "serve")]
    fn token_file(&self) -> Option<PathBuf> {
        self.token_file.clone()
    }

    #[cfg(not(feature = "serve"))]
    fn token_file(&self) -> Option<PathBuf> {
        None
    }
}
