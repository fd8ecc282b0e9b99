//! `convofold hash`.

use std::io::Write;

use clap::Args;
use convofold::MomentReport;
use serde::Serialize;

use crate::console::Console;
use crate::database::DbArgs;
use crate::error::CliError;
use crate::exit::Exit;
use crate::past::MomentArgs;

/// Print the state hash of the whole database.
///
/// Prints 64 hexadecimal digits and a line feed on standard output. Two databases with the same hash contain the same
/// conversations in the same state. The hash is the sum modulo 2^256 of the SHA-256 of every line that `export` prints,
/// with the same --as-of and --known-at.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  test \"$(convofold hash --db ./a)\" = \"$(convofold hash --db ./b)\" && echo the same state
")]
pub struct HashArgs {
    #[command(flatten)]
    db: DbArgs,
    #[command(flatten)]
    moment: MomentArgs,
    /// Print one JSON object: {"hash": "..."}.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct HashJson {
    hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    moment: Option<MomentReport>,
}

impl HashArgs {
    pub(crate) fn run(&self, console: &mut Console) -> Result<Exit, CliError> {
        let db = self.moment.open(&self.db, None, console)?;
        let hash = db.state_hash()?.to_string();
        if self.json {
            console.json(&HashJson { hash, moment: db.report() })?;
        } else {
            writeln!(console.out(), "{hash}")?;
        }
        Ok(Exit::Success)
    }
}
